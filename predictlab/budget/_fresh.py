"""Where another run of a recipe will end: its risk by steps and by seeds, and what to probe (docs/theory.md, 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab._summary import Summarised, Summary
from predictlab._validation import nonnegative, positive, share, tails, tolerance_of, whole_number
from predictlab.budget._choice import ProbeChoice
from predictlab.budget._drift import Drift
from predictlab.budget._price import cost_of_step, price_in_words, seconds_of
from predictlab.decay import PosteriorResults, Sample
from predictlab.decay._mean_curve import MEAN_PRIORS
from predictlab.errors import bad_argument
from predictlab.risk import RiskCurve
from predictlab.risk._fresh import end_of

if TYPE_CHECKING:
    from predictlab.budget._fresh_results import FreshResults

Array = NDArray[np.float64]

GRID = 48  # depths between the first and the end, beside those measured
MAX_SEEDS = 64

SOURCES = {
    "runs": "the runs that were measured at the end tell how far the mean drifts",
    "mean": "the law of the mean curve carries it on to the end",
    "earlier": "the drift is that of earlier tasks",
}


@dataclass(frozen=True, eq=False, repr=False)
class FreshRun(Summarised):
    """What is known of the end of another run: ``L(c, S) = Var(R) + spread(c) / S + D(c)``.

    Parameters
    ----------
    curve : RiskCurve
        The spread of the runs at hand, question `agreement`.
    fit : PosteriorResults
        Of it.
    drift : {"runs", "mean", "earlier"}
        Where ``D``, the risk of the drift of the mean from a depth to the end, comes from.
    ended : int
        Runs that were measured at the end of the recipe; 0: none.
    end_variance : float
        ``Var(R)``, the least that can be reached, metric²: the variance of the ends where runs ended, never the limit
        of a fit; else that of the fitted law there.
    end_draws : ndarray, shape (n,)
        Draws of it.
    static_risk : ndarray, shape (n,), or None
        Draws of the risk without a probe: of the mean of the runs that ended, or as given; None: not known.
    sample : Sample
        Draws of the spread.
    drift_draws : Drift
        Depths (m,) and seeds (s,) to draws of ``D``, (n, m, s), metric²; `drift_draws.estimate` to its estimate.
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
    ended: int
    end_variance: float
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
    def static_estimate(self) -> float:
        """The risk without a probe, metric²; NaN where it is not known."""
        if self.static_risk is None:
            return float("nan")
        if np.ptp(self.static_risk) == 0 or not self.ended:  # as given
            return float(np.median(self.static_risk))
        return self.end_variance * (1 + 1 / self.ended)

    @property
    def first_depth(self) -> float:
        """First measured depth that something is known from, steps."""
        depths = self.curve.depth
        known = np.isfinite(self.drift_draws.estimate(depths, np.ones(1))[:, 0])
        return float(depths[known][0]) if known.any() else self.horizon

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
        return self._drawn(depth, seeds)

    def _drawn(self, depth: ArrayLike, seeds: ArrayLike, luck: Array | float = 1.0) -> Array:
        """Draws of the risk, the square of the drift's error being its mean times `luck`, (n, 1, 1) or 1."""
        c, count = self._checked(depth, seeds)
        spread = self._spread(c)
        return np.asarray(
            self.end_draws[:, None, None] + spread[:, :, None] / count + luck * self.drift_draws(c, count)
        )

    def _checked(self, depth: ArrayLike, seeds: ArrayLike) -> tuple[Array, Array]:
        c, count = np.atleast_1d(np.asarray(depth, dtype=float)), np.atleast_1d(np.asarray(seeds, dtype=float))
        first = float(self.curve.depth[0])
        if np.any(c < first * (1 - 1e-9)) or np.any(c > self.horizon * (1 + 1e-9)):
            expected = f"depths from {first:g}, the first measured, to {self.horizon:g}, the end of the recipe"
            raise bad_argument("depth", depth, expected, "Longer recipes are other recipes.")
        if np.any(count < 1):
            raise bad_argument("seeds", seeds, "numbers of runs >= 1")
        return c, count

    def _spread(self, depth: Array) -> Array:
        """Draws of the spread, (n, m); at the end they are those of what was measured there."""
        drawn = np.array(self.sample.risk(depth))
        drawn[:, depth >= self.horizon] = self.end_draws[:, None]
        return drawn

    def _parts(self, depth: ArrayLike, seeds: ArrayLike) -> tuple[Array, Array]:
        """What the probes and the drift add to ``Var(R)`` by the estimates, (m, s) each."""
        c, count = self._checked(depth, seeds)
        spread = np.where(c >= self.horizon, self.end_variance, np.median(self.sample.risk(c), axis=0))
        return spread[:, None] / count, self.drift_draws.estimate(c, count)

    def risk(self, depth: ArrayLike, seeds: ArrayLike) -> Array:
        """Compute the risk: the sum of its parts, each by its estimate.

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
        probes, drift = self._parts(depth, seeds)
        return np.asarray(self.end_variance + probes + drift)

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
            ``end`` (``Var(R)``), ``probes`` (``spread / S``), ``drift``, which add up to it (metric²); ``seconds`` of
            all seeds where runs told what a step takes.
        """
        count = self.curve.n_runs or 1 if seeds is None else whole_number("seeds", seeds, 1)
        depth = np.unique(np.append(self.curve.depth, self.horizon))
        lower, upper = np.quantile(self.risk_draws(depth, count)[:, :, 0], tails(confidence), axis=0, method="nearest")
        probes, drift = (part[:, 0] for part in self._parts(depth, count))
        risk = self.end_variance + probes + drift
        table = pd.DataFrame(
            {"depth": depth, "seeds": count, "steps": depth * count, "risk": risk, "lower": np.minimum(lower, risk),
             "upper": np.maximum(upper, risk), "end": self.end_variance, "probes": probes, "drift": drift}
        )  # fmt: skip
        if self.curve.seconds_per_step is not None:
            table["seconds"] = table["steps"] * self.curve.seconds_per_step
        return table

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
        mean = self.mean_draws
        lower, upper = np.quantile(self.value_draws, tails(confidence))
        low, high = np.quantile(mean, [0.1587, 0.8413])  # a few runs leave tails without a variance
        of_mean = self.end_variance / self.ended if self.ended else float((high - low) / 2) ** 2
        risk = self.end_variance + of_mean
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
        cost_per_step: float | None = None,
        gpu_hour: float | None = None,
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
        cost_per_step : float, optional
            ``lambda`` > 0, of a step of one run; default 1.
        gpu_hour : float, optional
            Of the machine, in money, in its place: where runs told what a step takes.

        Returns
        -------
        ProbeChoice
        """
        tau = tolerance_of(tolerance, margin)
        level = share("confidence", confidence, "a probability in (0, 1)")
        price = cost_of_step(self.curve, cost_per_step, gpu_hour)
        if self.static_risk is not None and np.mean(self.static_risk <= tau) >= level:
            return self._without(f"without one the risk is {self.static_estimate:.3g} already, within {tau:.3g}", tau)
        depth, seeds = self._grid(max_seeds)
        within = self._promise(depth, seeds, tau)
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
            low, middle, high = self._ends(depth[best[0]], seeds[best[1]])
            return ProbeChoice(np.inf, -1, np.inf, np.inf, middle, low, high, float(within.max()), why)
        i, j = np.unravel_index(np.argmin(steps), steps.shape)
        text = f"the end of another run is then known to {tau:.3g} with probability {within[i, j]:.2f}"
        return self._choice(depth[i], int(seeds[j]), price, float(within[i, j]), text, money=gpu_hour is not None)

    def _promise(self, depth: Array, seeds: Array, tolerance: float) -> Array:
        """Probability that other runs are predicted within the tolerance, (m, s), with the drift of the runs at hand.

        That errs by one error, and not by errors on average.
        """
        luck = np.random.default_rng(0).chisquare(1, len(self.end_draws))[:, None, None]
        return np.asarray(np.mean(self._drawn(depth, seeds, luck) <= tolerance, axis=0))

    def optimal(
        self,
        *,
        exchange_rate: float,
        cost_per_step: float | None = None,
        gpu_hour: float | None = None,
        fixed_cost: float = 0.0,
        max_seeds: int = MAX_SEEDS,
    ) -> ProbeChoice:
        """Find the depth and the number of seeds that minimise risk plus price, ``L(c, S) + gamma (C_s + lambda S c)``.

        Parameters
        ----------
        exchange_rate : float
            ``gamma`` > 0, metric² per unit of cost.
        cost_per_step : float, optional
            ``lambda`` > 0, cost of a step of one run; default 1.
        gpu_hour : float, optional
            Of the machine, in money, in its place: the exchange rate is then metric² per unit of money.
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
        gamma = positive("exchange_rate", exchange_rate, " (metric² per cost)")
        price, money = cost_of_step(self.curve, cost_per_step, gpu_hour), gpu_hour is not None
        fixed = nonnegative("fixed_cost", fixed_cost, " (cost)")
        depth, seeds = self._grid(max_seeds)
        total = self.risk(depth, seeds) + gamma * (fixed + price * depth[:, None] * seeds)
        i, j = np.unravel_index(np.argmin(total), total.shape)
        draws = self.risk_draws(depth[i], seeds[j])[:, 0, 0] + gamma * (fixed + price * depth[i] * seeds[j])
        if self.static_risk is None:
            text = f"risk plus price is {total[i, j]:.3g}; the risk without a probe is not known"
            return self._choice(depth[i], int(seeds[j]), price, float("nan"), text, fixed, money)
        pays, now = float(np.mean(draws < self.static_risk)), self.static_estimate
        if total[i, j] >= now:
            return self._without(
                f"risk plus price would be {total[i, j]:.3g}, and without a probe it is {now:.3g}", pays=1 - pays
            )
        text = f"risk plus price is {total[i, j]:.3g}, without a probe {now:.3g}; cheaper with probability {pays:.2f}"
        return self._choice(depth[i], int(seeds[j]), price, pays, text, fixed, money)

    def _grid(self, max_seeds: int) -> tuple[Array, Array]:
        most = whole_number("max_seeds", max_seeds, 1)
        first = float(self.curve.depth[0])
        depth = np.unique(np.concatenate([np.round(np.geomspace(first, self.horizon, GRID)), self.curve.depth]))
        depth = np.append(depth[(depth >= first) & (depth < self.horizon)], self.horizon)
        seeds = np.unique(np.round(np.geomspace(1, most, min(most, 24))))
        return depth, seeds

    def _choice(
        self,
        depth: float,
        seeds: int,
        price: float,
        probability: float,
        reason: str,
        fixed: float = 0.0,
        money: bool = False,
    ) -> ProbeChoice:
        low, middle, high = self._ends(depth, seeds)
        steps = float(depth) * seeds
        cost = fixed + price * steps
        return ProbeChoice(
            float(depth), seeds, steps, cost, middle, low, high, probability, reason, seconds_of(self.curve, steps),
            cost if money else float("nan"),
        )  # fmt: skip

    def _ends(self, depth: float, seeds: float) -> tuple[float, float, float]:
        """The risk with its 95 % interval around: lower, estimate, upper."""
        return _ends_around(float(self.risk(depth, seeds)[0, 0]), self.risk_draws(depth, seeds)[:, 0, 0])

    def _without(self, reason: str, tolerance: float | None = None, pays: float = float("nan")) -> ProbeChoice:
        assert self.static_risk is not None
        low, middle, high = _ends_around(self.static_estimate, self.static_risk)
        probability = pays if tolerance is None else float(np.mean(self.static_risk <= tolerance))
        return ProbeChoice(0.0, 0, 0.0, 0.0, middle, low, high, probability, reason)

    def results(self, seeds: int | None = None) -> FreshResults:
        """Take it as a fit at a number of seeds, for regimes, diagrams and advice.

        `pl.classify`, `pl.advise` and the widgets take a `FreshRun` itself for one at as many seeds as there are.

        Parameters
        ----------
        seeds : int, optional
            ``S``, runs that are read at a depth; None: as many as there are.

        Returns
        -------
        FreshResults
        """
        from predictlab.budget._fresh_results import FreshResults

        return FreshResults(self, seeds)

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
            f"runs differ at their end by a standard deviation of {np.sqrt(self.end_variance):.3g}"
            f"{', measured' if self.ended else ''}: no probe of other runs removes that",
        ]
        if self.curve.seconds_per_step is not None:
            one = self.horizon * self.curve.seconds_per_step
            lines.append(f"a run to the end takes {self.horizon:,.0f} steps{price_in_words(one)}")
        if self.drift == "mean":
            lines.append(f"priors of the mean curve: {MEAN_PRIORS}")
        if not self.ended:
            lines.append(
                f"caution: no run was measured at {self.horizon:g} steps; the variance there is that of the fitted law"
            )
        return Summary(title, *lines, self.frame())


def _ends_around(middle: float, draws: Array) -> tuple[float, float, float]:
    """An estimate between the ends of the 95 % interval of its draws."""
    low, high = np.quantile(draws, [0.025, 0.975], method="nearest")
    return min(float(low), middle), middle, max(float(high), middle)
