"""One budget for many tasks, shared out between steps and evaluation rows (docs/theory.md, sections 4 and 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from predictlab._validation import Rng, floats, tails
from predictlab.budget._allocation import Bounds, PerTask
from predictlab.budget._depth import Array
from predictlab.budget._design_problem import HALVINGS, DesignProblem
from predictlab.budget._fits import checked_fits
from predictlab.decay import DecayResults
from predictlab.errors import bad_argument


def allocate_design(
    fits: Mapping[str, DecayResults],
    total_budget: float,
    *,
    weights: PerTask | None = None,
    cost_per_step: PerTask | None = None,
    cost_per_row: PerTask | None = None,
    bounds: Bounds | None = None,
    seeds: PerTask | None = None,
    confidence: float = 0.95,
    draws: int = 500,
    rng: Rng = None,
) -> pd.DataFrame:
    """Share one budget among tasks, and of each between steps and evaluation rows.

    Minimises ``sum w_t (L_t(c_t) + sigma_int,t²(c_t) / n_t)`` with ``sum S_t (lambda_t c_t + kappa_t n_t) <= B``, `L`
    the risk on the population of rows.

    Parameters
    ----------
    fits : mapping of str to DecayResults
        Posterior fits whose evaluation rows' part is known.
    total_budget : float
        ``B`` over all tasks, in the unit of the prices.
    weights : float, mapping or sequence of float, optional
        ``w_t`` > 0; default 1.
    cost_per_step, cost_per_row : float, mapping or sequence, optional
        ``lambda_t`` and ``kappa_t`` > 0, of one run. Neither given: seconds, as the probes measured them
        (`RunStore.costs`). A price of rows alone: in units of a step.
    bounds : (float, float), mapping or sequence of such pairs, optional
        Lowest and highest depth; default from the first fitted depth to the end of the recipe, or 64 times the last
        depth where that is not known.
    seeds : int, mapping or sequence, optional
        ``S_t``, runs of each task that are paid for; as for `allocate`.
    confidence : float
        Of the intervals, in (0, 1).
    draws : int
        Number of joint draws of the fits, for the intervals.
    rng : int, numpy.random.Generator or None
        None: a fresh generator of seed 0.

    Returns
    -------
    pandas.DataFrame
        One row a task: ``task``; ``depth`` and ``rows`` of the medians of the draws, with ``depth_lower``,
        ``depth_upper``, ``rows_lower``, ``rows_upper``, what the plan would be if the truth were each joint draw;
        ``risk`` there (on so many rows), ``risk_lower``, ``risk_upper``; ``cost``, and ``rows_share`` of it;
        ``exchange_rate``, weighted risk that one more unit of cost saves.

    Raises
    ------
    ArgumentError
        A fit that does not know what its rows add, prices that are not known, or a budget below the lowest depths.

    Notes
    -----
    ``n_t = sqrt(w_t sigma_int,t² / (gamma kappa_t))`` at each depth, the depth the best of a grid, and one multiplier
    ``gamma`` for all by halving. Source: docs/theory.md, section 8.

    Examples
    --------
    >>> import numpy as np
    >>> import predictlab as pl
    >>> from predictlab.risk import variance_components
    >>> rng = np.random.default_rng(0)
    >>> fits = {}
    >>> for name, p in (("easy", 0.98), ("hard", 0.7)):
    ...     parts = [variance_components(rng.random((8, 200)) < p) for _ in range(4)]
    ...     curve = pl.RiskCurve([4, 8, 16, 32], [q.spread for q in parts], df=7, parts=parts)
    ...     fits[name] = pl.DecayModel(curve).fit()
    >>> plan = pl.allocate_design(fits, 5000, cost_per_row=1.0).set_index("task")
    >>> bool(2.5 < plan.rows["hard"] / plan.rows["easy"] < 4.5)  # sqrt(.21 / .0196) = 3.3
    True
    """
    below, above = tails(confidence)
    tasks = DesignProblem.of(fits, weights, cost_per_step, cost_per_row, bounds, seeds, draws=draws, rng=rng)
    budget = tasks.checked_budget(total_budget)
    depth, rows, price = (v[0] for v in tasks.middle().share(budget))
    each_depth, each_rows, _ = tasks.share(budget)
    risk = tasks.risk(depth, rows)
    table = {"task": tasks.tasks}
    for name, value, drawn in (("depth", depth, each_depth), ("rows", rows, each_rows)):
        lower, upper = np.quantile(drawn, [below, above], axis=0)
        table |= {name: value, f"{name}_lower": lower, f"{name}_upper": upper}
    lower, middle, upper = np.quantile(risk, [below, 0.5, above], axis=0)
    cost = tasks.step * depth + tasks.row * rows
    table |= {"risk": middle, "risk_lower": lower, "risk_upper": upper, "cost": cost}
    return pd.DataFrame(table | {"rows_share": tasks.row * rows / cost, "exchange_rate": price})


def design_frontier(
    fits: Mapping[str, DecayResults],
    budgets: Sequence[float],
    *,
    weights: PerTask | None = None,
    cost_per_step: PerTask | None = None,
    cost_per_row: PerTask | None = None,
    bounds: Bounds | None = None,
    seeds: PerTask | None = None,
    confidence: float = 0.95,
    draws: int = 500,
    rng: Rng = None,
) -> pd.DataFrame:
    """Compute the efficiency frontier in steps and rows: what each budget buys where both are paid for.

    Parameters
    ----------
    fits, weights, cost_per_step, cost_per_row, bounds, seeds, confidence, draws, rng
        As for `allocate_design`.
    budgets : sequence of float
        Increasing, in the unit of the prices.

    Returns
    -------
    pandas.DataFrame
        One line a budget: ``total_budget``; ``risk``, the weighted sum at the plan, with ``risk_lower``,
        ``risk_upper``; ``steps`` and ``rows`` of all tasks (of one run each), ``rows_share`` of the cost;
        ``risk_same_rows``, the risk if rows stayed as they were measured and all else bought steps, NaN where the
        budget does not pay for that; ``exchange_rate``, minus its slope.

    Raises
    ------
    ArgumentError
        As for `allocate_design`.

    Examples
    --------
    >>> import numpy as np
    >>> import predictlab as pl
    >>> from predictlab.risk import variance_components
    >>> rng = np.random.default_rng(0)
    >>> parts = [variance_components(rng.random((8, 200)) < 0.9) for _ in range(4)]
    >>> curve = pl.RiskCurve([4, 8, 16, 32], [p.spread for p in parts], df=7, parts=parts)
    >>> table = pl.budget.design_frontier({"t": pl.DecayModel(curve).fit()}, [500, 1000, 2000], cost_per_row=1.0)
    >>> bool(table["risk"].is_monotonic_decreasing)
    True
    """
    below, above = tails(confidence)
    given = floats("budgets", budgets, "increasing budgets > 0")
    if given.ndim != 1 or not len(given) or not np.all(np.isfinite(given) & (given > 0)) or np.any(np.diff(given) <= 0):
        raise bad_argument("budgets", budgets, "increasing budgets > 0")
    tasks = DesignProblem.of(fits, weights, cost_per_step, cost_per_row, bounds, seeds, draws=draws, rng=rng)
    tasks.checked_budget(float(given[0]))
    middle, of_curves = tasks.middle(), [fit.curve.parts for fit in checked_fits(fits).values()]
    measured = np.array([float(parts[-1].rows) if parts else np.nan for parts in of_curves])
    lines = []
    for budget in given:
        depth, rows, price = (v[0] for v in middle.share(budget))
        lower, risk, upper = np.quantile(tasks.risk(depth, rows) @ tasks.weight, [below, 0.5, above])
        spent = float(np.sum(tasks.row * rows))
        lines.append(
            {"total_budget": budget, "risk": risk, "risk_lower": lower, "risk_upper": upper, "steps": depth.sum(),
             "rows": rows.sum(), "rows_share": spent / budget, "risk_same_rows": _same_rows(tasks, measured, budget),
             "exchange_rate": price}
        )  # fmt: skip
    return pd.DataFrame(lines)


def _same_rows(tasks: DesignProblem, rows: Array, budget: float) -> float:
    """Weighted risk where rows stay as measured, and all else buys steps."""
    left = budget - float(np.sum(tasks.row * rows))
    if not left >= np.sum(tasks.step * tasks.depth[:, 0]):
        return float("nan")
    middle = tasks.middle()
    risk = tasks.weight[:, None] * (middle.population[0] + middle.interaction[0] / rows[:, None])
    cost = tasks.step[:, None] * tasks.depth
    low, high = np.log(1e-30), np.log(1e12)
    for _ in range(HALVINGS):
        price = (low + high) / 2
        best = np.argmin(risk + np.exp(price) * cost, axis=1)
        low, high = (price, high) if cost[np.arange(len(best)), best].sum() > left else (low, price)
    best = np.argmin(risk + np.exp(high) * cost, axis=1)
    return float(risk[np.arange(len(best)), best].sum())
