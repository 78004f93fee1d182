"""Forecasts against the least risk that there is, which tells whether the predictor or the depth is what limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab._summary import Summarised, Summary
from predictlab._validation import Rng, confidence_level, generator
from predictlab.decay import DecayResults
from predictlab.errors import DataError, bad_argument
from predictlab.risk import RiskCurve
from predictlab.risk._curve import Array

if TYPE_CHECKING:
    from predictlab.forecasting._results import ForecastResults

NEAR = 1.25  # a squared error up to so many times the limit: no predictor does much better
DRAWS = 4000


class KnownRisk(Protocol):
    """Whatever knows the risk exactly, such as a world."""

    def risk(self, depths: ArrayLike) -> Array:
        """Bayes risk at the depths, metric²."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class AgainstLimit(Summarised):
    """A forecast's squared error beside the least one that any predictor could have.

    Parameters
    ----------
    depth : float
        Of the forecasts, steps.
    error : float
        Their mean squared error on runs whose end is known, metric².
    limit : float
        ``L(c)`` at this depth, metric².
    ratio, lower, upper : float
        `error` over `limit`, and its interval.
    confidence : float
        Of the interval.
    deeper : pandas.DataFrame
        ``depth``, ``limit`` and ``error_over_limit`` = `error` over it, at later depths where the limit is known.
    source : str
        What the limit is.
    above : bool
        Whether the limit is itself the error of a predictor, so that the true one may lie lower.

    Examples
    --------
    >>> import predictlab as pl
    >>> world = pl.worlds.MartingaleWorld(0.0001, 0.01, 1.0, mean=0.8)
    >>> runs = world.simulate(40, [4, 8, 16], seed=3)
    >>> ended = runs["depth"] == 16
    >>> runs = runs[(runs["metric"] == "prediction") != ended].assign(metric="R")
    >>> pl.forecast(runs, at_depth=8).against(world).verdict
    'near the limit or above it: too few runs to tell'
    """

    depth: float
    error: float
    limit: float
    ratio: float
    lower: float
    upper: float
    confidence: float
    deeper: pd.DataFrame = field(repr=False)
    source: str = ""
    above: bool = False

    @property
    def verdict(self) -> str:
        """Where the forecast stands, in a few words."""
        if self.upper < 1:
            return "below the limit given"
        if self.upper <= NEAR:
            return "near the limit"
        if self.lower > NEAR:
            return "far from the limit"
        if self.lower > 1:
            return "above the limit"
        return "near the limit or above it: too few runs to tell"

    @property
    def advice(self) -> str:
        """What helps: a better predictor, more probing, or more runs to tell."""
        away = max(0.0, 1 - 1 / self.ratio)
        if self.upper < 1:
            return (
                "No predictor is better than the limit: what was given is none of these runs, or too high "
                "(a residual curve lies above it)."
            )
        if self.lower > NEAR:
            text = f"A better predictor helps: up to {away:.0%} of the squared error could go without another step. "
            return text + "Add features (static scores, other metrics), earlier runs, or depths of the curve."
        if self.upper <= NEAR or self.ratio <= NEAR:
            sure = "" if self.upper <= NEAR else f"Likely (up to {self.upper:.2g} times is not excluded): "
            return f"{sure}{'N' if not sure else 'n'}o predictor does much better at this depth. " + self._deeper()
        text = f"A better predictor may take away up to {away:.0%} of the squared error; more ended runs would tell. "
        return text + self._deeper()

    def _deeper(self) -> str:
        if not len(self.deeper):
            return "More probing is what is left; the limit at later depths is not known."
        best = self.deeper.iloc[int(np.argmin(self.deeper["limit"]))]
        if best["limit"] >= 0.8 * self.limit:
            left = best["limit"] / self.limit
            return f"Nor does more probing: at {best['depth']:g} steps the limit is {left:.0%} of that here."
        half = self.deeper[self.deeper["limit"] <= self.limit / 2]
        at = best if half.empty else half.iloc[0]
        return f"More probing helps: at {at['depth']:g} steps the limit is {at['limit'] / self.limit:.0%} of that here."

    def summary(self) -> Summary:
        """Say how far the forecast is from the limit, and what helps.

        Returns
        -------
        Summary
            Prints as text, and as a table in a notebook.
        """
        told = f"{self.ratio:.2f} times the limit, {self.confidence:.0%} interval {self.lower:.2f} to {self.upper:.2f}"
        lines = [f"Mean squared error {self.error:.3g}, limit {self.limit:.3g} ({self.source}).", self.advice]
        if self.above:
            lines.append("That limit is the error of another predictor: the true one may lie lower.")
        tables = [self.deeper] if len(self.deeper) else []
        return Summary(f"Forecast at {self.depth:g} steps: {self.verdict}, {told}", *lines, *tables)


def against_limit(
    forecasts: ForecastResults, limit: RiskCurve | DecayResults | KnownRisk, confidence: float, rng: Rng
) -> AgainstLimit:
    """`ForecastResults.against`."""
    level, depth = confidence_level(confidence), forecasts.at_depth
    curve = limit.curve if isinstance(limit, DecayResults) else limit if isinstance(limit, RiskCurve) else None
    if curve is not None and curve.question not in ("this_run", "new_task"):
        raise bad_argument(
            "limit", f"a curve of the question {curve.question!r}", "one of 'this_run', such as that of forks",
            "A spread at a depth is no risk of the end of a run. pl.risk_curve(runs, estimator='branch').",
        )  # fmt: skip
    error, df = _error_of(forecasts, curve.task if curve is not None else "")
    draw = generator(rng)
    own = error * df / draw.chisquare(df, DRAWS)
    if isinstance(limit, DecayResults):
        later = _later(limit.curve.depth, forecasts)
        drawn, centre = limit.risk_draws([depth], DRAWS, draw)[:, 0], float(limit.predict([depth])[0])
        deeper, source = limit.predict(later) if len(later) else np.array([]), f"the fit of {_named(limit.curve)}"
    elif isinstance(limit, RiskCurve):
        if depth not in limit.depth:
            raise bad_argument(
                "limit", f"a curve at depths {', '.join(f'{c:g}' for c in limit.depth)}", f"one with depth {depth:g}",
                "Or a fit of it, pl.DecayModel(curve).fit(), which speaks of the depths between.",
            )  # fmt: skip
        at, later = int(np.flatnonzero(limit.depth == depth)[0]), _later(limit.depth, forecasts)
        centre = float(limit.risk[at])
        drawn = centre * limit.df[at] / draw.chisquare(limit.df[at], DRAWS)
        deeper, source = limit.risk[np.isin(limit.depth, later)], _named(limit)
    elif callable(getattr(limit, "risk", None)):
        last = min(forecasts.ends.values())
        later = np.array([c for c in (2 * depth, 4 * depth, 8 * depth) if depth < c < last])
        exact = np.asarray(limit.risk(np.append(depth, later)), dtype=float)
        centre, drawn, deeper, source = float(exact[0]), np.full(DRAWS, exact[0]), exact[1:], "known exactly"
    else:
        raise bad_argument("limit", type(limit).__name__, "a RiskCurve, a fit of one, or a world that knows its risk")
    ratios = np.quantile(own / np.maximum(drawn, 1e-300), [(1 - level) / 2, (1 + level) / 2])
    table = pd.DataFrame({"depth": later, "limit": deeper, "error_over_limit": error / deeper})
    above = curve is not None and curve.estimator == "residual"
    return AgainstLimit(
        depth, error, centre, error / centre, float(ratios[0]), float(ratios[1]), level, table, source, above
    )


def _named(curve: RiskCurve) -> str:
    return f"{curve.estimator} curve of {curve.task or 'a task'}, {curve.question}"


def _later(depths: Array, forecasts: ForecastResults) -> Array:
    last = max(forecasts.ends.values())
    return depths[(depths > forecasts.at_depth) & (depths < last)]


def _error_of(forecasts: ForecastResults, task: str) -> tuple[float, float]:
    """Mean squared error and its degrees of freedom, of the curve's task where it is one of several."""
    table = forecasts.frame()
    tasks = pd.unique(table["task"])
    known = table.dropna(subset=["prediction", "final"])
    if len(tasks) > 1 and task in tasks:
        own = known[known["task"] == task]
        if own.empty:
            raise DataError(f"no run of {task!r} has a forecast and a known end, so its error is not known.")
        errors = (known["final"] - known["prediction"]).to_numpy()
        group = np.unique(known["task"], return_inverse=True)[1]
        # runs of one task are missed together: what all tasks say of that counts for this one
        sizes = np.bincount(group)
        pairs = float(np.sum(sizes * (sizes - 1)))
        sums, square = np.bincount(group, weights=errors), float(np.sum(errors**2))
        alike = float(np.clip((np.sum(sums**2) - square) / pairs / (square / len(errors)), 0, 1)) if pairs else 0.0
        n = len(own)
        return float(np.mean((own["final"] - own["prediction"]) ** 2)), n / (1 + (n - 1) * alike**2)
    if known.empty or not forecasts.risk > 0:
        raise DataError("no run has a forecast and a known end, so the error of the forecasts is not known.")
    return forecasts.risk, forecasts.df
