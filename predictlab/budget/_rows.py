"""Evaluation rows as a second budget: how many for a tolerance, and how to share out steps and rows.

Formulas and sources: docs/theory.md, section 8.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from predictlab._validation import Rng, positive, tails, tolerance_of
from predictlab.budget._depth import Array
from predictlab.decay import DecayResults
from predictlab.decay._curve_sample import CurveSample
from predictlab.errors import bad_argument

_DEPTHS, _BEYOND = 400, 64.0  # of the search for the best design; how far beyond the last depth it goes


@dataclass(frozen=True, repr=False)
class ToleranceRows:
    """Evaluation rows with which the risk at a depth meets a tolerance.

    Parameters
    ----------
    rows : float
        Median over the draws; inf where runs alone differ by more than the tolerance.
    tolerance : float
        ``tau``, metric².
    depth : float
        Steps.
    draws : ndarray, shape (n,)
        The rows if the truth were each draw of the fit.

    Examples
    --------
    >>> ToleranceRows(900.0, 1e-4, 64.0, np.array([800.0, 900.0, np.inf])).conf_int().loc["rows"].tolist()
    [800.0, inf]
    """

    rows: float
    tolerance: float
    depth: float
    draws: Array = field(repr=False)

    def conf_int(self, confidence: float = 0.95) -> pd.DataFrame:
        """Compute the interval of the rows: quantiles over draws of the fit.

        Parameters
        ----------
        confidence : float
            In (0, 1).

        Returns
        -------
        pandas.DataFrame
            Columns ``lower``, ``upper``; row ``rows``.
        """
        ends = np.quantile(self.draws, tails(confidence), method="nearest")
        return pd.DataFrame([ends], index=["rows"], columns=["lower", "upper"])

    @property
    def probability_possible(self) -> float:
        """Share of the draws in which some number of rows is enough."""
        return float(np.mean(np.isfinite(self.draws)))

    def __repr__(self) -> str:
        lower, upper = (f"{v:,.0f}" if np.isfinite(v) else "no number" for v in self.conf_int().loc["rows"])
        rows = f"About {self.rows:,.0f} rows" if np.isfinite(self.rows) else "No number of rows"
        return (
            f"{rows} (95 %: {lower} to {upper}) for a risk of {self.tolerance:.3g} at {self.depth:g} steps; "
            f"possible at all in {self.probability_possible:.0%} of the draws."
        )


def rows_for_tolerance(
    fit: DecayResults,
    tolerance: float | None = None,
    depth: float | None = None,
    *,
    margin: float | None = None,
    draws: int = 2000,
    rng: Rng = None,
) -> ToleranceRows:
    """Count the evaluation rows with which seeds agree within a tolerance, ``sigma_int² / (tau - L)``.

    Parameters
    ----------
    fit : DecayResults
        A posterior fit whose evaluation rows' part is known.
    tolerance : float
        ``tau`` > 0, metric².
    depth : float
        Steps > 0 at which seeds are compared; None: the last measured depth.
    margin : float
        ``m`` > 0 in the metric, in the place of the tolerance ``(m / 1.96)²``.
    draws : int
        Number of draws of the fit.
    rng : int, numpy.random.Generator or None
        None: a fresh generator of seed 0.

    Returns
    -------
    ToleranceRows

    Raises
    ------
    ArgumentError
        A fit that does not know what its evaluation rows add.

    Notes
    -----
    Source: docs/theory.md, section 8.

    Examples
    --------
    >>> import numpy as np
    >>> import predictlab as pl
    >>> from predictlab.risk import variance_components
    >>> rng = np.random.default_rng(0)
    >>> parts = [variance_components(rng.random((8, 200)) < 0.9) for _ in range(4)]  # runs that do not differ
    >>> curve = pl.RiskCurve([4, 8, 16, 32], [p.spread for p in parts], df=7, parts=parts)
    >>> found = pl.rows_for_tolerance(pl.DecayModel(curve).fit(), tolerance=1e-4, depth=32)
    >>> bool(found.conf_int().lower["rows"] < 900 < found.conf_int().upper["rows"])
    True
    """
    tau = tolerance_of(tolerance, margin)
    c = float(fit.curve.depth[-1]) if depth is None else positive("depth", depth, " (steps)")
    sample = with_rows(fit, draws, rng)
    at = np.array([c])
    left = tau - sample.population(at)[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = np.where(left > 0, sample.interaction(at)[:, 0] / left, np.inf)
    return ToleranceRows(float(np.quantile(needed, 0.5, method="nearest")), tau, c, needed)


@dataclass(frozen=True, repr=False)
class OptimalDesign:
    """Depth and evaluation rows at which risk plus priced cost is least.

    Parameters
    ----------
    depth, rows : float
        Medians over the draws: ``c*`` in steps, ``n*``.
    risk, cost, total : float
        Medians at that design: risk on a set of so many rows (metric²), cost, and risk plus priced cost.
    draws : pandas.DataFrame
        ``depth`` and ``rows`` if the truth were each draw of the fit, ``risk`` and ``total`` at the chosen design.

    Examples
    --------
    >>> drawn = pd.DataFrame({"depth": [64, 128], "rows": [900, 1100], "risk": [1e-4] * 2, "total": [2e-4] * 2})
    >>> OptimalDesign(96.0, 1000.0, 1e-4, 1096.0, 2e-4, drawn).conf_int(0.5).loc["rows"].tolist()
    [950.0, 1050.0]
    """

    depth: float
    rows: float
    risk: float
    cost: float
    total: float
    draws: pd.DataFrame = field(repr=False)

    def conf_int(self, confidence: float = 0.95) -> pd.DataFrame:
        """Compute intervals: quantiles over draws of the fit.

        Parameters
        ----------
        confidence : float
            In (0, 1).

        Returns
        -------
        pandas.DataFrame
            Columns ``lower``, ``upper``; rows ``depth``, ``rows``, ``risk``, ``total``.
        """
        return self.draws.quantile(tails(confidence)).T.set_axis(["lower", "upper"], axis=1)

    def __repr__(self) -> str:
        ends = self.conf_int()
        parts = (
            f"{name} {getattr(self, name):.3g} (95 %: {ends.lower[name]:.3g} to {ends.upper[name]:.3g})"
            for name in ends.index
        )
        return f"Best design: {'; '.join(parts)}; cost {self.cost:.3g}."


def optimal_design(
    fit: DecayResults,
    *,
    exchange_rate: float,
    cost_per_step: float | None = None,
    cost_per_row: float | None = None,
    draws: int = 2000,
    rng: Rng = None,
) -> OptimalDesign:
    """Share a budget out between steps and evaluation rows.

    Minimises ``L(c) + sigma_int²(c) / n + gamma (lambda c + kappa n)``, L the risk on the population of rows.

    Parameters
    ----------
    fit : DecayResults
        A posterior fit whose evaluation rows' part is known.
    exchange_rate : float
        ``gamma`` > 0, metric² per unit of cost.
    cost_per_step, cost_per_row : float, optional
        ``lambda`` and ``kappa`` > 0, of one run. Neither given: seconds, as the probe measured them (`RunStore.costs`).
        A price of a row alone: in units of a step.
    draws : int
        Number of draws of the fit.
    rng : int, numpy.random.Generator or None
        None: a fresh generator of seed 0.

    Returns
    -------
    OptimalDesign

    Raises
    ------
    ArgumentError
        A fit that does not know what its evaluation rows add, a price that is not positive, or none of a row where no
        probe measured it.

    Notes
    -----
    For each depth ``n* = sqrt(sigma_int²(c) / (gamma kappa))``; the depth is the best of a grid from the one at which
    the risk is highest to 64 times the last. Source: docs/theory.md, section 8.

    Examples
    --------
    >>> import numpy as np
    >>> import predictlab as pl
    >>> from predictlab.risk import variance_components
    >>> rng = np.random.default_rng(0)
    >>> parts = [variance_components(rng.random((8, 200)) < 0.9) for _ in range(4)]
    >>> curve = pl.RiskCurve([4, 8, 16, 32], [p.spread for p in parts], df=7, parts=parts)
    >>> best = pl.optimal_design(pl.DecayModel(curve).fit(), exchange_rate=1e-8, cost_per_row=1.0)
    >>> 2000 < best.rows < 4000  # sqrt(.09 / 1e-8) = 3000
    True
    """
    gamma = positive("exchange_rate", exchange_rate, " (metric² per unit of cost)")
    step, row = (gamma * price for price in prices_of(fit, cost_per_step, cost_per_row))
    sample = with_rows(fit, draws, rng)
    depth = np.geomspace(float(fit.fitted.depth[0]), _BEYOND * float(fit.fitted.depth[-1]), _DEPTHS)
    population, interaction = sample.population(depth), sample.interaction(depth)
    total = population + 2 * np.sqrt(interaction * row) + step * depth
    best = np.argmin(total, axis=1)
    each = np.arange(len(best))
    rows = np.sqrt(interaction[each, best] / row)
    c, n = float(np.median(depth[best])), float(np.median(rows))
    risk = sample.population(np.array([c]))[:, 0] + sample.interaction(np.array([c]))[:, 0] / n
    priced = step * c + row * n
    table = pd.DataFrame({"depth": depth[best], "rows": rows, "risk": risk, "total": risk + priced})
    middle = float(np.median(risk))
    return OptimalDesign(c, n, middle, priced / gamma, middle + priced, table)


def prices_of(fit: DecayResults, cost_per_step: float | None, cost_per_row: float | None) -> tuple[float, float]:
    """Prices of a step and of a row of one run: as given, or the seconds that the probe of the fit measured."""
    if cost_per_row is not None:
        row = positive("cost_per_row", cost_per_row, " (cost per row)")
        return positive("cost_per_step", 1.0 if cost_per_step is None else cost_per_step, " (cost per step)"), row
    step, row = (np.nan, np.nan) if fit.curve.outcomes is None else fit.curve.outcomes.seconds
    if cost_per_step is not None or not (step > 0 and row > 0):
        raise bad_argument(
            "cost_per_row", cost_per_row, "what a row of an evaluation costs, > 0",
            "Only where a probe measured both (RunStore.costs), and neither is given, is it known by itself.",
        )  # fmt: skip
    return step, row


def with_rows(fit: DecayResults, draws: int, rng: Rng) -> CurveSample:
    """Draws that know the rows' part."""
    sample = fit.sample(draws, rng)
    if not isinstance(sample, CurveSample) or sample.rows is None:
        raise bad_argument(
            "fit", f"{type(fit).__name__} of {fit.task or 'a curve'}", "a posterior fit that knows its evaluation rows",
            "Fit a curve made from outcomes of rows (pl.probe(..., outcomes=True), pl.read_outcomes), or give "
            "pl.DecayModel(curve, rows=) where the curve is of a share of a known number of rows.",
        )  # fmt: skip
    return sample
