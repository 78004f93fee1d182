"""Where another run of a recipe will end: its risk by steps and by seeds, and what to probe (docs/theory.md, 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab._summary import Summary
from predictlab._validation import (
    Rng,
    confidence_level,
    generator,
    nonnegative,
    positive,
    share,
    tolerance_of,
    whole_number,
)
from predictlab.budget._drift import Drift, from_earlier, from_mean, from_runs
from predictlab.decay import DecayModel, PosteriorResults, Sample
from predictlab.decay._mean_curve import MEAN_PRIORS
from predictlab.errors import DataError, bad_argument
from predictlab.risk import RiskCurve, risk_curve
from predictlab.risk._frames import Runs
from predictlab.risk._fresh import end_of

Array = NDArray[np.float64]

GRID = 48  # depths between the first and the end, beside those measured
MAX_SEEDS = 64

SOURCES = {
    "runs": "the runs that were measured at the end tell how far the mean drifts",
    "mean": "the law of the mean curve carries it on to the end",
    "earlier": "the drift is that of earlier tasks",
}


@dataclass(frozen=True)
class ProbeChoice:
    """How many seeds to probe, and how deep.

    Parameters
    ----------
    depth : float
        Steps of one run; 0 where nothing is to be probed, inf where nothing suffices.
    seeds : int
        Runs; 0 and -1 likewise.
    steps : float
        Of all seeds together.
    cost : float
        In the unit of `cost_per_step`.
    risk, lower, upper : float
        Of the end of another run then, median and 95 % of the draws, metric².
    probability : float
        Share of the draws for which the choice does what was asked.
    reason : str
        In words.

    Examples
    --------
    >>> ProbeChoice(8.0, 4, 32.0, 32.0, 1e-4, 5e-5, 2e-4, 0.97, "meets the tolerance").steps
    32.0
    """

    depth: float
    seeds: int
    steps: float
    cost: float
    risk: float
    lower: float
    upper: float
    probability: float
    reason: str

    def _repr_html_(self) -> str:
        return f"<b>{self}</b>"

    def __str__(self) -> str:
        if self.seeds > 0:
            head = f"{self.seeds} seeds to {self.depth:.3g} steps, {self.steps:,.0f} steps in all"
        else:
            head = "No probe" if self.seeds == 0 else "No probe suffices"
        return f"{head}: {self.reason}."


@dataclass(frozen=True, eq=False, repr=False)
class FreshRun:
    """What is known of the end of another run: ``L(c, S) = Var(R) + spread(c) / S + D(c)``.

    Parameters
    ----------
    curve : RiskCurve
        The spread of the runs at hand, question `agreement`.
    fit : PosteriorResults
        Of it.
    drift : {"runs", "mean", "earlier"}
        Where ``D``, the risk of the drift of the mean from a depth to the end, comes from.
    end_draws : ndarray, shape (n,)
        Draws of ``Var(R)``, metric².
    static_risk : ndarray, shape (n,), or None
        Draws of the risk without a probe: of the mean of the runs that ended, or as given; None: not known.
    sample : Sample
        Draws of the spread.
    drift_draws : callable
        Depths (m,) and seeds (s,) to draws of ``D``, (n, m, s), metric².
    mean_draws, value_draws : ndarray, shape (n,)
        Draws of the mean of the ends, and of the end of another run, from the runs at hand; metric.

    Notes
    -----
    Source: docs/theory.md, section 7.

    Examples
    --------
    >>> import predictlab as pl
    >>> runs = pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0).source(seed=0)([4, 8, 16, 32, 64], range(12))
    >>> fresh = pl.fresh_run(runs)
    >>> fresh.frame(seeds=4)["seeds"].tolist()
    [4, 4, 4, 4, 4]
    """

    curve: RiskCurve
    fit: PosteriorResults
    drift: str
    end_draws: Array
    static_risk: Array | None
    sample: Sample = field(repr=False)
    drift_draws: Drift = field(repr=False)
    mean_draws: Array = field(repr=False)
    value_draws: Array = field(repr=False)

    @property
    def horizon(self) -> float:
        """``T``, steps of the recipe: what is predicted is the metric there."""
        return end_of(self.curve)

    @property
    def end_variance(self) -> float:
        """``Var(R)``: the least that can be reached, median of the draws, metric²."""
        return float(np.median(self.end_draws))

    def risk_draws(self, depth: ArrayLike, seeds: ArrayLike) -> Array:
        """Draw the risk.

        Parameters
        ----------
        depth : array_like, shape (m,)
            Steps, from the first measured depth to the horizon.
        seeds : array_like of int, shape (s,)
            Runs that are read at the depth.

        Returns
        -------
        ndarray, shape (n, m, s)
            Metric².
        """
        c, count = np.atleast_1d(np.asarray(depth, dtype=float)), np.atleast_1d(np.asarray(seeds, dtype=float))
        first = float(self.curve.depth[0])
        if np.any(c < first * (1 - 1e-9)) or np.any(c > self.horizon * (1 + 1e-9)):
            expected = f"depths from {first:g}, the first measured, to {self.horizon:g}, the end of the recipe"
            raise bad_argument("depth", depth, expected, "Longer recipes are other recipes.")
        if np.any(count < 1):
            raise bad_argument("seeds", seeds, "numbers of runs >= 1")
        spread = self._spread(c)
        return self.end_draws[:, None, None] + spread[:, :, None] / count + self.drift_draws(c, count)

    def _spread(self, depth: Array) -> Array:
        return np.asarray(self.sample.risk(depth))

    def risk(self, depth: ArrayLike, seeds: ArrayLike) -> Array:
        """Compute the risk: the median of the draws.

        Parameters
        ----------
        depth : array_like, shape (m,)
            Steps.
        seeds : array_like of int, shape (s,)
            Runs.

        Returns
        -------
        ndarray, shape (m, s)
            Metric².
        """
        return np.asarray(np.quantile(self.risk_draws(depth, seeds), 0.5, axis=0, method="nearest"))

    def frame(self, seeds: int | None = None, confidence: float = 0.95) -> pd.DataFrame:
        """Tabulate the risk at the measured depths and at the end, by its parts.

        Parameters
        ----------
        seeds : int, optional
            ``S``; None: as many as there are.
        confidence : float
            Of the interval.

        Returns
        -------
        pandas.DataFrame
            ``depth`` (steps), ``seeds``, ``steps`` (of all seeds), ``risk`` with ``lower``, ``upper``, and its parts
            ``end`` (``Var(R)``), ``probes`` (``spread / S``), ``drift`` (metric²; medians, so that they add up about).
        """
        half = (1 - confidence_level(confidence)) / 2
        count = self.curve.n_runs or 1 if seeds is None else whole_number("seeds", seeds, 1)
        depth = np.unique(np.append(self.curve.depth, self.horizon))
        draws = self.risk_draws(depth, count)[:, :, 0]
        middle, lower, upper = np.quantile(draws, [0.5, half, 1 - half], axis=0, method="nearest")
        probes = np.median(self._spread(depth), axis=0) / count
        drift = np.median(self.drift_draws(depth, np.array([float(count)]))[:, :, 0], axis=0)
        return pd.DataFrame(
            {"depth": depth, "seeds": count, "steps": depth * count, "risk": middle, "lower": lower, "upper": upper,
             "end": self.end_variance, "probes": probes, "drift": drift}
        )  # fmt: skip

    def predict(self, confidence: float = 0.95) -> pd.Series:
        """Predict the end of another run from the runs at hand.

        Parameters
        ----------
        confidence : float
            Of the interval, in (0, 1).

        Returns
        -------
        pandas.Series
            ``prediction``, ``lower``, ``upper`` (metric), ``risk`` (metric²), ``depth`` (steps), ``seeds``.
        """
        half = (1 - confidence_level(confidence)) / 2
        mean, ends = self.mean_draws, self.value_draws
        lower, upper = np.quantile(ends, [half, 1 - half])
        low, high = np.quantile(mean, [0.1587, 0.8413])  # a few runs leave tails without a variance
        risk = self.end_variance + float((high - low) / 2) ** 2
        return pd.Series(
            {"prediction": float(np.median(mean)), "lower": lower, "upper": upper, "risk": risk,
             "depth": float(self.curve.depth[-1]), "seeds": self.curve.n_runs or 0}
        )  # fmt: skip

    def plan(
        self,
        tolerance: float | None = None,
        *,
        margin: float | None = None,
        confidence: float = 0.9,
        max_seeds: int = MAX_SEEDS,
        cost_per_step: float = 1.0,
    ) -> ProbeChoice:
        """Find the fewest seed-steps after which the end of another run is known to a tolerance.

        Parameters
        ----------
        tolerance : float
            ``tau`` > 0, metric².
        margin : float
            ``m`` > 0 in the metric, in the place of the tolerance ``(m / 1.96)²``: the end within ``m`` of what is
            predicted, 95 %.
        confidence : float
            Share of the draws in which the risk has to be within it, in (0, 1).
        max_seeds : int
            Most runs.
        cost_per_step : float
            ``lambda`` > 0.

        Returns
        -------
        ProbeChoice
        """
        tau = tolerance_of(tolerance, margin)
        level, price = (
            share("confidence", confidence, "a probability in (0, 1)"),
            positive("cost_per_step", cost_per_step),
        )
        if self.static_risk is not None and np.mean(self.static_risk <= tau) >= level:
            return self._without(
                f"without one the risk is {np.median(self.static_risk):.3g} already, within {tau:.3g}", tau
            )
        depth, seeds = self._grid(max_seeds)
        within = np.mean(self.risk_draws(depth, seeds) <= tau, axis=0)
        steps = np.where(within >= level, depth[:, None] * seeds, np.inf)
        if not np.isfinite(steps).any():
            most = float(np.mean(self.end_draws <= tau))
            why = (
                f"runs of this recipe differ at their end by a variance of {self.end_variance:.3g}, and with "
                f"probability {1 - most:.2f} that alone is above {tau:.3g}"
                if most < level
                else f"the risk is within {tau:.3g} with probability {within.max():.2f} at most, for {max_seeds} "
                "seeds to the end"
            )
            best = np.unravel_index(np.argmax(within), within.shape)
            draws = self.risk_draws(depth[best[0]], seeds[best[1]])[:, 0, 0]
            low, middle, high = _ends(draws)
            return ProbeChoice(np.inf, -1, np.inf, np.inf, middle, low, high, float(within.max()), why)
        i, j = np.unravel_index(np.argmin(steps), steps.shape)
        text = f"the end of another run is then known to {tau:.3g} with probability {within[i, j]:.2f}"
        return self._choice(depth[i], int(seeds[j]), price, float(within[i, j]), text)

    def optimal(
        self,
        *,
        exchange_rate: float,
        cost_per_step: float = 1.0,
        fixed_cost: float = 0.0,
        max_seeds: int = MAX_SEEDS,
    ) -> ProbeChoice:
        """Find the depth and the number of seeds that minimise risk plus price, ``L(c, S) + gamma (C_s + lambda S c)``.

        Parameters
        ----------
        exchange_rate : float
            ``gamma`` > 0, metric² per unit of cost.
        cost_per_step : float
            ``lambda`` > 0, cost of a step of one run.
        fixed_cost : float
            ``C_s`` >= 0.
        max_seeds : int
            Most runs.

        Returns
        -------
        ProbeChoice
            `probability` is the share of the draws in which this choice is cheaper than no probe, NaN where the risk
            without one is not known.
        """
        gamma, price = (
            positive("exchange_rate", exchange_rate, " (metric² per cost)"),
            positive("cost_per_step", cost_per_step),
        )
        fixed = nonnegative("fixed_cost", fixed_cost, " (cost)")
        depth, seeds = self._grid(max_seeds)
        total = self.risk(depth, seeds) + gamma * (fixed + price * depth[:, None] * seeds)
        i, j = np.unravel_index(np.argmin(total), total.shape)
        draws = self.risk_draws(depth[i], seeds[j])[:, 0, 0] + gamma * (fixed + price * depth[i] * seeds[j])
        if self.static_risk is None:
            text = f"risk plus price is {total[i, j]:.3g}; the risk without a probe is not known"
            return self._choice(depth[i], int(seeds[j]), price, float("nan"), text, fixed)
        pays, now = float(np.mean(draws < self.static_risk)), float(np.median(self.static_risk))
        if total[i, j] >= now:
            return self._without(
                f"risk plus price would be {total[i, j]:.3g}, and without a probe it is {now:.3g}", pays=1 - pays
            )
        text = f"risk plus price is {total[i, j]:.3g}, without a probe {now:.3g}; cheaper with probability {pays:.2f}"
        return self._choice(depth[i], int(seeds[j]), price, pays, text, fixed)

    def _grid(self, max_seeds: int) -> tuple[Array, Array]:
        most = whole_number("max_seeds", max_seeds, 1)
        first = float(self.curve.depth[0])
        depth = np.unique(np.concatenate([np.round(np.geomspace(first, self.horizon, GRID)), self.curve.depth]))
        depth = np.append(depth[(depth >= first) & (depth < self.horizon)], self.horizon)
        seeds = np.unique(np.round(np.geomspace(1, most, min(most, 24))))
        return depth, seeds

    def _choice(
        self, depth: float, seeds: int, price: float, probability: float, reason: str, fixed: float = 0.0
    ) -> ProbeChoice:
        low, middle, high = _ends(self.risk_draws(depth, seeds)[:, 0, 0])
        steps = float(depth) * seeds
        return ProbeChoice(float(depth), seeds, steps, fixed + price * steps, middle, low, high, probability, reason)

    def _without(self, reason: str, tolerance: float | None = None, pays: float = float("nan")) -> ProbeChoice:
        assert self.static_risk is not None
        low, middle, high = _ends(self.static_risk)
        probability = pays if tolerance is None else float(np.mean(self.static_risk <= tolerance))
        return ProbeChoice(0.0, 0, 0.0, 0.0, middle, low, high, probability, reason)

    def summary(self) -> Summary:
        """Say what is predicted and from what.

        Returns
        -------
        Summary
        """
        found = self.predict()
        metric = self.curve.metric or "the metric"
        title = f"The end of another run of {self.curve.task or 'a task'}: {metric} after {self.horizon:g} steps"
        lines = [
            f"from {found['seeds']:.0f} runs read at {found['depth']:g} steps: {found['prediction']:.4g} "
            f"[{found['lower']:.4g}, {found['upper']:.4g}] (95 %)",
            f"drift: {SOURCES[self.drift]}",
            f"runs differ at their end by a standard deviation of {np.sqrt(self.end_variance):.3g}: no probe of other "
            "runs removes that",
        ]
        if self.drift == "mean":
            lines.append(f"priors of the mean curve: {MEAN_PRIORS}")
        if self.horizon > self.curve.depth[-1]:
            lines.append(
                f"caution: no run was measured at {self.horizon:g} steps; the variance there is that of the fitted law"
            )
        return Summary(title, *lines, self.frame())

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def fresh_run(
    source: RiskCurve | Runs,
    task: str | None = None,
    *,
    metric: str | None = None,
    drift: str | pd.DataFrame | Iterable[RiskCurve] | None = None,
    horizon: float | None = None,
    schedule: str | None = None,
    rows: float | None = None,
    static_risk: float | None = None,
    draws: int = 2000,
    rng: Rng = None,
) -> FreshRun:
    """Say how another run of a recipe will end, by steps and seeds of what is probed before.

    Parameters
    ----------
    source : RiskCurve, DataFrame, RunStore or path
        Runs of the recipe, at three depths or more; or their spread, as ``pl.risk_curve(runs)`` gives it.
    task, metric : str, optional
        As in `pl.risk_curve`.
    drift : {"runs", "mean"}, DataFrame or risk curves, optional
        How far the mean still moves between a depth and the end: ``"runs"``, from the runs themselves, where they were
        measured there (the default then); ``"mean"``, from the law of their mean curve, which has its own error; or
        from earlier tasks, as runs of three or more of them or as their risk curves. Without runs at the end it has to
        be named: nothing is said about an end that nothing points to.
    horizon : float, optional
        ``T``; default that of the curve.
    schedule : str, optional
        Of the learning rate, for the law of the mean: it is one in the sum of learning rates. Default that of the
        curve; not known: as if it were constant.
    rows : float, optional
        As in `pl.DecayModel`.
    static_risk : float, optional
        Risk of a forecast without a probe, metric². Default, where runs were measured at the end: that of their mean,
        ``Var(R) (1 + 1/S')``.
    draws : int
    rng : int, numpy.random.Generator or None
        None: a fresh generator of seed 0.

    Returns
    -------
    FreshRun

    Raises
    ------
    DataError
        No run at the end and no drift named; too few depths or tasks for it.
    ArgumentError
        A curve of another question.

    Notes
    -----
    Source: docs/theory.md, section 7.

    Examples
    --------
    >>> import predictlab as pl
    >>> runs = pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0).source(seed=0)([4, 8, 16, 32, 64], range(12))
    >>> print(pl.fresh_run(runs).plan(tolerance=1e-3))
    No probe: without one the risk is 0.00024 already, within 0.001.
    """
    curve = _agreement(source, task, metric, horizon, schedule)
    count, random = whole_number("draws", draws, 1), generator(rng)
    fit = DecayModel(curve, rows=rows).fit("posterior")
    sample = fit.sample(count, random)
    end = end_of(curve)
    ended = end <= curve.depth[-1]
    end_draws = sample.risk(np.array([end]))[:, 0]
    if drift is None:
        if not ended:
            raise DataError(
                f"task {curve.task!r}: no run was measured at the end of its recipe, {end:g} steps (the deepest at "
                f"{curve.depth[-1]:g}), so how far the mean drifts until then is not known. Name where it comes from: "
                "drift='mean' (the law of the mean curve), or drift=runs of earlier tasks; or train some to the end."
            )
        drift = "runs"
    assert curve.errors is not None
    assert curve.mean is not None
    known, mean = len(curve.errors), float(curve.mean[-1])
    name = drift if isinstance(drift, str) else "earlier"
    if name not in SOURCES or (isinstance(drift, str) and drift == "earlier"):
        raise bad_argument("drift", drift, "'runs', 'mean', runs of earlier tasks or their risk curves")
    moved = np.zeros(count)
    if name == "runs":
        if not ended:
            raise bad_argument("drift", drift, f"'mean' or earlier tasks: no run was measured at {end:g} steps")
        of_drift = from_runs(curve, count, random)
    elif name == "mean":
        of_drift, moved = from_mean(curve, end, count, random)
    else:
        of_drift, moved = from_earlier(drift, curve, end, count, random)
    given = None if static_risk is None else np.full(count, positive("static_risk", static_risk, " (metric²)"))
    if given is None and ended:
        given = end_draws * (1 + 1 / known)
    # where the runs end, what is not known of the mean is their spread over their number
    last = np.zeros(count)
    if ended or name == "earlier":
        last = np.sqrt(sample.risk(curve.depth[-1:])[:, 0] / known) * random.standard_normal(count)
    centre = mean + (np.zeros(count) if ended else moved) + last
    ends = centre + np.sqrt(end_draws) * random.standard_normal(count)
    return FreshRun(curve, fit, name, end_draws, given, sample, of_drift, centre, ends)


def _ends(draws: Array) -> Array:
    """Median of the draws with the ends of its 95 % interval around: lower, middle, upper."""
    return np.asarray(np.quantile(draws, [0.025, 0.5, 0.975], method="nearest"))


def _agreement(
    source: RiskCurve | Runs, task: str | None, metric: str | None, horizon: float | None, schedule: str | None
) -> RiskCurve:
    if not isinstance(source, RiskCurve):
        return risk_curve(source, task, metric=metric, horizon=horizon, schedule=schedule)
    if source.estimator != "spread" or source.question != "agreement" or source.errors is None:
        raise bad_argument(
            "source", f"a curve by {source.estimator!r} of {source.question!r}", "a spread that carries its runs",
            "pl.risk_curve(runs) makes one.",
        )  # fmt: skip
    return replace(
        source,
        horizon=source.horizon if horizon is None else horizon,
        schedule=source.schedule if schedule is None else schedule,
    )
