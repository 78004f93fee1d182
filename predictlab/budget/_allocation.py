"""One budget for many tasks: the plan, its intervals, and the efficiency frontier (docs/theory.md, section 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize.elementwise import find_root

from predictlab._validation import Rng, floats, generator, positive, tails, whole_number
from predictlab.budget._depth import fitted_from, last_depth, seeds_of
from predictlab.budget._fits import checked_fits, laws_alone
from predictlab.budget._price import cost_of_step
from predictlab.decay import DecayResults, law
from predictlab.errors import bad_argument

Array = NDArray[np.float64]
PerTask = Mapping[str, float] | Sequence[float] | float
Bounds = tuple[float, float] | Mapping[str, tuple[float, float]] | Sequence[tuple[float, float]]


@dataclass(frozen=True)
class AllocationProblem:
    """What `allocate` and `frontier` solve, as arrays over tasks.

    Parameters
    ----------
    tasks : list of str
        Names.
    fits : list of DecayResults
        Decay law of each.
    params : ndarray, shape (t, 3)
        Estimates of ``L_int``, ``K`` and ``alpha``; a task that does not decay has ``K = 0`` and ``alpha = 1``.
    weight, step, low, high : ndarray, shape (t,)
        Weights, prices of a step of all seeds, and the lowest and highest depth (steps).
    seeds : ndarray of int, shape (t,)
        Runs that are paid for.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> problem = AllocationProblem.of({"reviews": pl.DecayModel(curve).fit()}, bounds=(4, 256))
    >>> depth, multiplier = problem.share(problem.params[None], 100)
    >>> depth.round(6).tolist()
    [[100.0]]
    """

    tasks: list[str]
    fits: list[DecayResults]
    params: Array
    weight: Array
    step: Array
    low: Array
    high: Array
    seeds: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        fits: Mapping[str, DecayResults],
        weights: PerTask | None = None,
        cost_per_step: PerTask | None = None,
        bounds: Bounds | None = None,
        seeds: PerTask | None = None,
    ) -> AllocationProblem:
        """Check the arguments of `allocate` and `frontier`.

        Parameters
        ----------
        fits, weights, cost_per_step, bounds, seeds
            As for `allocate`.

        Returns
        -------
        AllocationProblem
        """
        checked = laws_alone(checked_fits(fits), "a share of one budget")
        tasks = list(checked)
        low, high = _bounds(bounds, checked)
        own = np.array([seeds_of(fit) for fit in checked.values()])
        count = own if seeds is None else _per_task("seeds", seeds, tasks)
        if np.any(count % 1):
            raise bad_argument("seeds", seeds, "whole numbers of runs, at least 1 for each task")
        return cls(
            tasks,
            list(checked.values()),
            _with_a_rate(np.array([fit.params.to_numpy() for fit in checked.values()], dtype=float)),
            _per_task("weights", weights, tasks),
            _per_task("cost_per_step", cost_per_step, tasks) * count,
            low,
            high,
            count.astype(int),
        )

    def checked_budget(self, total_budget: float, name: str = "total_budget") -> float:
        """Check that a budget pays for the lowest depths.

        Parameters
        ----------
        total_budget : float
            In the unit of the prices.
        name : str
            Of the argument, for the error.

        Returns
        -------
        float
            The budget.
        """
        least = self.step * self.low
        total = float(np.sum(least))
        value = positive(name, total_budget, " (cost)")
        if value < total * (1 - 1e-12):
            dear = int(np.argmax(least))
            raise bad_argument(
                name, total_budget, f"at least {total:g}, the cost of the lowest depths of all tasks (the most of it, "
                f"{least[dear]:g}, for depth {self.low[dear]:g} of task {self.tasks[dear]!r})",
                "Leave tasks out, lower the bounds, or raise the budget.",
            )  # fmt: skip
        return max(value, total)

    def share(self, params: Array, total_budget: ArrayLike) -> tuple[Array, Array]:
        """Share budgets among the tasks: depths that minimise ``sum w K c^-alpha``, all rows together.

        At a multiplier ``mu`` the depths are in closed form, ``(w alpha K / (mu lambda))^(1/(alpha+1))``, clamped; the
        one that spends the budget is found by a bracketing root search.

        Parameters
        ----------
        params : ndarray, shape (n or 1, t, 3)
            Parameters as in `params`.
        total_budget : float or array_like, shape (n,)
            Each enough for the lowest depths.

        Returns
        -------
        depth : ndarray, shape (n, t)
            Steps.
        multiplier : ndarray, shape (n,)
            Weighted risk that one more unit of cost would save; 0 where everything that decays is at its highest depth.
        """
        weight, step, low, high = self.weight, self.step, self.low, self.high
        budget = np.atleast_1d(np.asarray(total_budget, dtype=float))
        shape = np.broadcast_shapes(params.shape[:2], (len(budget), 1))
        k, a = (np.broadcast_to(params[..., i], shape) for i in (1, 2))
        budget = np.broadcast_to(budget, shape[:1])
        # what does not decay is worth no more than its lowest depth, however large the budget
        highest = np.where(k > 0, high, low)
        with np.errstate(divide="ignore"):
            value = np.log(weight * a) + np.log(k) - np.log(step)  # log of alpha K w / lambda
        slope = 1 / (a + 1)

        def depths(log_mu: Array, row: NDArray[np.int64]) -> Array:
            with np.errstate(over="ignore"):
                return np.clip(np.exp((value[row] - log_mu[:, None]) * slope[row]), low, highest[row])

        def excess(log_mu: Array, row: Array) -> Array:
            at = row.astype(np.int64)
            return np.asarray(np.sum(step * depths(log_mu, at), axis=1) / budget[at] - 1)

        out, multiplier = highest.copy(), np.zeros(len(budget))
        rows = np.flatnonzero(np.sum(step * highest, axis=1) > budget)
        if len(rows) == 0:
            return out, multiplier
        # below the lowest marginal value nothing is affordable to add, above the highest nothing is bought
        affordable = np.minimum(highest[rows], np.maximum(budget[rows, None] / step, low))
        at_low, at_high = (value[rows] - (a[rows] + 1) * np.log(depth) for depth in (low, affordable))
        top = np.max(at_low, axis=1, where=k[rows] > 0, initial=-np.inf) + 1e-9
        bottom = np.min(at_high, axis=1, where=k[rows] > 0, initial=np.inf) - 1.0
        exact = {"xatol": 1e-13, "xrtol": 1e-14, "fatol": 0, "frtol": 0}
        root = find_root(excess, (bottom, top), args=(rows.astype(float),), tolerances=exact)
        log_mu = np.where(root.success, root.x, top)  # no root: the budget pays for the lowest depths alone
        out[rows], multiplier[rows] = depths(log_mu, rows), np.exp(log_mu)
        return out, multiplier

    def draws(self, draws: int = 1000, rng: Rng = None) -> Array:
        """Draw the parameters of all tasks at once, independently between tasks.

        Parameters
        ----------
        draws : int
            Number of draws.
        rng : int, numpy.random.Generator or None
            None: a fresh generator of seed 0.

        Returns
        -------
        ndarray, shape (draws, t, 3)
        """
        count, source = whole_number("draws", draws, 1), generator(rng)
        samples: dict[int, Array] = {}  # one fit may stand for many tasks
        out = np.empty((count, len(self.tasks), 3))
        for i, fit in enumerate(self.fits):
            if id(fit) not in samples:
                samples[id(fit)] = fit.draws(count, rng=source).to_numpy()
            out[:, i] = source.permutation(samples[id(fit)])  # tasks that share a fit do not err together
        return _with_a_rate(out)


def _with_a_rate(params: Array) -> Array:
    """Without a decay there is no rate; any finite one gives ``c* = 0``, which is clamped to the lowest depth."""
    out = params.copy()
    out[..., 2] = np.where(out[..., 1] > 0, np.nan_to_num(out[..., 2], nan=1.0), 1.0)
    return out


def _per_task(name: str, value: PerTask | None, tasks: list[str]) -> Array:
    if isinstance(value, Mapping):
        missing = [t for t in tasks if t not in value]
        if missing:
            raise bad_argument(name, value, f"a value for every task; {missing[0]!r} is missing")
        value = [value[t] for t in tasks]
    expected = f"one number, or one for each of the {len(tasks)} tasks"
    array = floats(name, 1.0 if value is None else value, expected)
    if array.ndim > 1 or array.size not in (1, len(tasks)):
        raise bad_argument(name, value, expected)
    if not np.all(np.isfinite(array) & (array > 0)):
        raise bad_argument(name, value, "numbers > 0")
    return np.broadcast_to(array, (len(tasks),))


def _bounds(bounds: Bounds | None, fits: Mapping[str, DecayResults]) -> tuple[Array, Array]:
    """Lowest and highest depth of each task, (t,)."""
    pairs = np.array([(fitted_from(fit), max(last_depth(fit), fitted_from(fit))) for fit in fits.values()])
    if isinstance(bounds, Mapping):
        unknown = [name for name in bounds if name not in fits]
        if unknown:
            raise bad_argument("bounds", bounds, f"names of tasks; {unknown[0]!r} is none of them")
        for i, name in enumerate(fits):
            if name in bounds:
                pairs[i] = _pairs(bounds[name], (2,))
    elif bounds is not None:
        pairs[:] = _pairs(bounds, (2,), pairs.shape)
    low, high = pairs.T
    fine = (low > 0) & np.isfinite(low) & (low <= high)
    if not fine.all():
        name = list(fits)[int(np.argmin(fine))]
        raise bad_argument(
            "bounds", bounds, "(lowest, highest) depth with 0 < lowest <= highest (steps)", f"See task {name!r}."
        )
    return low, high


def _pairs(value: object, *shapes: tuple[int, ...]) -> Array:
    expected = "(lowest, highest) depth, or one such pair for each task (steps)"
    array = floats("bounds", value, expected)
    if array.shape not in shapes:
        raise bad_argument("bounds", value, expected)
    return array


def allocate(
    fits: Mapping[str, DecayResults],
    total_budget: float,
    *,
    weights: PerTask | None = None,
    cost_per_step: PerTask | None = None,
    gpu_hour: float | None = None,
    bounds: Bounds | None = None,
    seeds: PerTask | None = None,
    confidence: float = 0.95,
    draws: int = 1000,
    rng: Rng = None,
) -> pd.DataFrame:
    """Share one budget among tasks: minimise ``sum w_t K_t c_t^-alpha_t`` with ``sum S_t lambda_t c_t <= B``.

    Parameters
    ----------
    fits : mapping of str to DecayResults
        Decay law of each task.
    total_budget : float
        ``B`` over all tasks, in the unit of `cost_per_step`.
    weights : float, mapping or sequence of float, optional
        ``w_t`` > 0; default 1.
    cost_per_step : float, mapping or sequence, optional
        ``lambda_t`` > 0, of a step of one run; default 1.
    gpu_hour : float, optional
        Of the machine, in money, in its place, where the runs of all tasks told what a step takes: the budget is then
        one of money.
    bounds : (float, float), mapping of str to such pairs, or sequence of them, optional
        Lowest and highest depth, of every task or of each. Default, also for tasks that a mapping leaves out: from the
        first fitted depth to the end of the recipe, where that is known.
    seeds : int, mapping or sequence, optional
        ``S_t``, runs of each task that are trained and paid for; default: of an `agreement` those of its curve.
    confidence : float
        Confidence level of the intervals, in (0, 1).
    draws : int
        Number of joint draws of the fits, for the intervals.
    rng : int, numpy.random.Generator or None
        None: a fresh generator of seed 0.

    Returns
    -------
    pandas.DataFrame
        One row a task, in the order of `fits`: ``task``, ``depth``, ``seeds``, ``steps`` (of all seeds), and
        ``seconds`` where all runs told what a step takes, ``risk``, ``cost``, ``marginal`` (weighted risk
        saved by one more unit of cost on it, metric²/cost), ``depth_lower``, ``depth_upper`` (what the plan would give
        it if the truth were each joint draw of the fits), ``risk_lower``, ``risk_upper`` (at the planned depth), and
        ``note``, empty or why more budget would buy nothing here, or that the law is extrapolated.

    Raises
    ------
    ArgumentError
        Also when the budget does not pay for the lowest depths.

    Examples
    --------
    >>> import predictlab as pl
    >>> fits = {
    ...     name: pl.DecayModel(pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=scale / 2.0 ** np.arange(5), df=31)).fit()
    ...     for name, scale in (("reviews", 4e-3), ("news", 1e-3))
    ... }
    >>> pl.allocate(fits, 90)["depth"].round().tolist()
    [60.0, 30.0]
    """
    ends = tails(confidence)
    problem = AllocationProblem.of(fits, weights, _prices(fits, cost_per_step, gpu_hour), bounds, seeds)
    total = problem.checked_budget(total_budget)
    depth = problem.share(problem.params[None], total)[0][0]
    floor, k, a = problem.params.T
    with np.errstate(divide="ignore"):
        marginal = np.where(k > 0, problem.weight * a * np.exp(np.log(k) - (a + 1) * np.log(depth)) / problem.step, 0.0)
    sample = problem.draws(draws, rng)
    depth_lower, depth_upper = np.quantile(problem.share(sample, total)[0], ends, axis=0)
    risk_lower, risk_upper = np.quantile(law(depth, *np.moveaxis(sample, -1, 0)), ends, axis=0)
    took = np.array([fit.curve.seconds_per_step or np.nan for fit in problem.fits])
    steps = depth * problem.seeds
    return pd.DataFrame(
        {
            "task": problem.tasks,
            "depth": depth,
            "seeds": problem.seeds,
            "steps": steps,
            **({} if np.isnan(took).any() else {"seconds": steps * took}),
            "risk": law(depth, floor, k, a),
            "cost": problem.step * depth,
            "marginal": marginal,
            "depth_lower": depth_lower,
            "depth_upper": depth_upper,
            "risk_lower": risk_lower,
            "risk_upper": risk_upper,
            "note": _notes(problem, depth),
        }
    )


def _prices(fits: Mapping[str, DecayResults], cost_per_step: PerTask | None, gpu_hour: float | None) -> PerTask | None:
    """Prices of a step of one run, as given; or money by the seconds that runs told."""
    if gpu_hour is None:
        return cost_per_step
    return {name: cost_of_step(fit.curve, cost_per_step, gpu_hour) for name, fit in checked_fits(fits).items()}


def _notes(problem: AllocationProblem, depth: Array) -> list[str]:
    out = []
    for i, fit in enumerate(problem.fits):
        first, last = fit.fitted.depth[[0, -1]]
        notes = {
            "no decay: more depth buys nothing": problem.params[i, 1] == 0,
            "at its lowest depth: the budget buys more elsewhere": depth[i] <= problem.low[i],
            "at the end of its recipe": depth[i] >= problem.high[i] == last_depth(fit),
            "at its highest depth": depth[i] >= problem.high[i],
        }
        extrapolated = {
            f"beyond its recipe of {last_depth(fit):g} steps: a longer recipe, whose curve is another": (
                depth[i] > last_depth(fit) * (1 + 1e-12)
            ),
            f"before its first fitted depth {first:g}: extrapolated": depth[i] < first * (1 - 1e-12),
            f"beyond its last fitted depth {last:g}: extrapolated": depth[i] > last * (1 + 1e-12),
        }
        told = [next((note for note, holds in kind.items() if holds), "") for kind in (notes, extrapolated)]
        out.append("; ".join(filter(None, told)))
    return out


def frontier(
    fits: Mapping[str, DecayResults],
    budgets: ArrayLike,
    *,
    weights: PerTask | None = None,
    cost_per_step: PerTask | None = None,
    gpu_hour: float | None = None,
    bounds: Bounds | None = None,
    seeds: PerTask | None = None,
    confidence: float = 0.95,
    draws: int = 1000,
    rng: Rng = None,
) -> pd.DataFrame:
    """Find the least total risk for each budget; the slope of the curve is minus the multiplier (``gamma``).

    Parameters
    ----------
    fits : mapping of str to DecayResults
        Decay law of each task.
    budgets : array_like
        Total budgets, each enough for the lowest depths.
    weights, cost_per_step, gpu_hour, bounds, seeds, confidence, draws, rng
        As for `allocate`.

    Returns
    -------
    pandas.DataFrame
        ``budget``; ``risk``, the weighted sum over tasks, floors included; ``multiplier``, the marginal worth of the
        next unit of budget (metric²/cost), 0 where everything that decays is at its highest depth; ``risk_lower``,
        ``risk_upper``, of the plan that the estimates give.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> line = pl.frontier({"reviews": pl.DecayModel(curve).fit()}, [8, 16, 32])
    >>> bool(line["risk"].is_monotonic_decreasing)
    True
    """
    shares = tails(confidence)
    problem = AllocationProblem.of(fits, weights, _prices(fits, cost_per_step, gpu_hour), bounds, seeds)
    totals = np.atleast_1d(floats("budgets", budgets, "numbers > 0 (cost)"))
    depth, multiplier = problem.share(
        problem.params[None], [problem.checked_budget(float(b), "budgets") for b in totals]
    )
    risk, sample = law(depth, *problem.params.T), np.moveaxis(problem.draws(draws, rng), -1, 0)
    ends = []
    for c, at in zip(depth, risk, strict=True):
        lower, upper = np.quantile(law(c, *sample), shares, axis=0)
        ends.append(_of_sum(at, lower, upper, problem.weight))
    frame = pd.DataFrame({"budget": totals, "risk": risk @ problem.weight, "multiplier": multiplier})
    return frame.join(pd.DataFrame(ends, columns=["risk_lower", "risk_upper"]))


def _of_sum(estimate: Array, lower: Array, upper: Array, weight: Array) -> tuple[float, float]:
    """Interval of a weighted sum of independent estimates from the interval of each.

    Quantiles of summed draws would not do: draws of a small floor lie above its estimate more often than not, and over
    hundreds of tasks that adds up faster than the width. Source: Zou, Donner (2008), Statistics in Medicine 27, 1693.
    """
    total = float(weight @ estimate)
    below, above = np.maximum(estimate - lower, 0.0), np.maximum(upper - estimate, 0.0)
    return total - float(np.linalg.norm(weight * below)), total + float(np.linalg.norm(weight * above))
