"""`FreshRun` as a fit: what regimes, diagrams and advice ask of one, at a number of seeds (docs/theory.md, 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab._summary import Summary
from predictlab._validation import generator, tails, whole_number
from predictlab.budget._fresh import GRID, FreshRun
from predictlab.decay import PARAMETERS, DecayModel, DecayResults, Sample
from predictlab.decay._law import Estimate, Interval
from predictlab.decay._model import BurnIn
from predictlab.decay._posterior import between, falls_below
from predictlab.decay._results import Rng, checked_depths
from predictlab.errors import DataError
from predictlab.risk import RiskCurve

Array = NDArray[np.float64]
_FREEDOM = (1.0, 1e6)  # of an estimate, by its draws


@dataclass(frozen=True)
class FreshSample(Sample):
    """Draws of the risk of another run's end, after so many seeds were read; from the end on it stays as it is there.

    Parameters
    ----------
    params : ndarray, shape (n, 3)
        ``Var(R)``, and ``K`` and ``alpha`` of the power law through what lies above it.
    depth : ndarray, shape (m,)
        From the first known depth to the end, steps.
    values : ndarray, shape (n, m)
        Risk there, metric².
    priors : ndarray, shape (p, n)
        Weights of the draws under each prior that a call has to stand under.

    Examples
    --------
    >>> draws = FreshSample(np.array([[1.0, 4.0, 1.0]]), np.array([2.0, 4.0]), np.array([[3.0, 2.0]]), np.ones((1, 1)))
    >>> draws.lasting(), draws.crossing(2.0), draws.crossing(1.5), draws.risk(np.array([9.0]))
    (array([1.]), array([4.]), array([inf]), array([[2.]]))
    """

    depth: Array
    values: Array = field(repr=False)
    priors: Array = field(repr=False)

    def risk(self, depth: Array) -> Array:
        """See `Sample.risk`; between the known depths linear in the logarithms."""
        return np.exp(self._between(np.log(self.values), depth))

    def envelope(self, depth: Array) -> Array:
        """See `Sample.envelope`."""
        return np.exp(self._between(self._largest, depth))

    def crossing(self, tolerance: float) -> Array:
        """See `Sample.crossing`; inf where so many seeds do not meet it even at the end."""
        at, found = falls_below(np.log(self.depth), self._largest, float(np.log(tolerance)))
        return np.where(at == 0, self.depth[0], np.where(at == len(self.depth), np.inf, found))

    def weights(self) -> Array:
        """See `Sample.weights`: those of the spread that the risk is made of."""
        return self.priors

    def first(self, n: int) -> FreshSample:
        """See `Sample.first`."""
        priors = self.priors[:, :n]
        return FreshSample(self.params[:n], self.depth, self.values[:n], priors / priors.sum(axis=1, keepdims=True))

    @cached_property
    def _largest(self) -> Array:
        return np.maximum.accumulate(np.log(self.values)[:, ::-1], axis=1)[:, ::-1]

    def _between(self, logs: Array, depth: Array) -> Array:
        return between(np.log(self.depth), logs, np.log(np.asarray(depth, dtype=float)))


class FreshResults(DecayResults):
    """A `FreshRun` at a number of seeds, for `pl.classify`, `pl.advise` and the phase diagram.

    Parameters, attributes and methods are those of `DecayResults`, and these. ``params["intrinsic_limit"]`` is
    ``Var(R)``, measured where runs ended; ``scale`` and ``decay_rate`` describe what probing can still resolve, by
    least squares in the logarithms over the depths before the end: a description, and no law that was tested.

    Parameters
    ----------
    fresh : FreshRun
    seeds : int, optional
        ``S``, runs that are read at a depth; None: as many as there are.

    Attributes
    ----------
    fresh : FreshRun
    seeds : int

    Examples
    --------
    >>> import predictlab as pl
    >>> runs = pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0).source(seed=0)([4, 8, 16, 32, 64], range(12))
    >>> fresh = pl.fresh_run(runs)
    >>> at_four = fresh.results(seeds=4)
    >>> bool(np.isclose(at_four.predict(64)[0], 1.25 * fresh.end_variance)), at_four.question
    (True, 'fresh_run')
    """

    method = "fresh_run"
    by_draws = True
    description = "Var(R) + spread(c) / S + D(c)"
    interval_methods = ("posterior",)

    def __init__(self, fresh: FreshRun, seeds: int | None = None) -> None:
        self.fresh = fresh
        self.seeds = int(fresh.curve.n_runs or 1) if seeds is None else whole_number("seeds", seeds, 1)
        measured = fresh.curve.depth[fresh.curve.depth >= fresh.first_depth]
        self._known = np.unique(np.append(measured, fresh.horizon))
        if len(self._known) < 3:
            raise DataError(
                f"task {fresh.curve.task!r}: {len(self._known)} depths at which something is known of the end of "
                "another run; a regime needs three. Measure more depths."
            )
        draws = fresh.risk_draws(self._known, self.seeds)[:, :, 0]
        curve = RiskCurve(
            self._known, fresh.risk(self._known, self.seeds)[:, 0],
            np.clip(2 / np.log(draws).var(axis=0), *_FREEDOM), estimator="spread", question="fresh_run",
            task=fresh.curve.task,
            metric=fresh.curve.metric, total_variance=fresh.end_variance, horizon=fresh.horizon,
            schedule=fresh.curve.schedule, seeds=self.seeds, seconds_per_step=fresh.curve.seconds_per_step,
        )  # fmt: skip
        rate, scale = (float(v[0]) for v in self._power(curve.risk[None] - fresh.end_variance))
        begin = BurnIn(float(self._known[0]), float("nan"), "given")
        model = DecayModel(curve)
        super().__init__(model, curve, Estimate(fresh.end_variance, scale, rate, float("nan")), begin, model.noise)

    def _power(self, above: Array) -> tuple[Array, Array]:
        """``alpha`` and ``K`` of what lies above ``Var(R)`` at the known depths (n, k), by least squares of logs."""
        x = np.log(self._known)
        y = np.log(np.maximum(above, 1e-300))
        slope = ((x - x.mean()) * (y - y.mean(axis=1, keepdims=True))).sum(axis=1) / ((x - x.mean()) ** 2).sum()
        rate = np.maximum(-slope, 1e-3)
        return rate, np.exp(np.minimum(y.mean(axis=1) + rate * x.mean(), 700.0))

    @cached_property
    def _sample(self) -> FreshSample:
        fresh = self.fresh
        grid = np.geomspace(self._known[0], fresh.horizon, GRID)
        depth = np.unique(np.concatenate([grid[1:-1], self._known]))
        values = fresh.risk_draws(depth, self.seeds)[:, :, 0]
        at = np.searchsorted(depth, self._known)
        rate, scale = self._power(values[:, at] - fresh.end_draws[:, None])
        params = np.column_stack([fresh.end_draws, scale, rate])
        return FreshSample(params, depth, values, fresh.sample.weights())

    def sample(self, draws: int = 2000, rng: Rng = None) -> FreshSample:
        """Take the draws that `fresh_run` made: the first `draws` of them, or all.

        Parameters
        ----------
        draws : int
        rng : int, numpy.random.Generator or None
            Not used: they were drawn then.

        Returns
        -------
        FreshSample
        """
        count = whole_number("draws", draws, 1)
        generator(rng)
        return self._sample.first(count) if count < len(self._sample.params) else self._sample

    def predict(self, depths: ArrayLike) -> Array:
        """Compute the risk, from the end of the recipe on what it is there.

        Parameters
        ----------
        depths : array_like
            Depths > 0, steps.

        Returns
        -------
        ndarray
            Metric².
        """
        c = np.clip(checked_depths(depths), self._known[0], self.fresh.horizon)
        return self.fresh.risk(c, self.seeds)[:, 0]

    @property
    def static_risk(self) -> float | None:
        """Risk without a probe, metric²: of the mean of the runs that ended, or as given; None: not known."""
        return None if self.fresh.static_risk is None else self.fresh.static_estimate

    @property
    def bse(self) -> pd.Series:
        """Half-widths of the central 68 % of the draws."""
        low, high = np.quantile(self._sample.params, [0.1587, 0.8413], axis=0)
        return pd.Series((high - low) / 2, index=list(PARAMETERS))

    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[Interval]:
        low, high = np.quantile(self._sample.params, tails(confidence), axis=0)
        middle = self.params.to_numpy(dtype=float)
        return [(min(a, m), max(b, m)) for a, b, m in zip(low.tolist(), high.tolist(), middle.tolist(), strict=True)]

    def cautions(self) -> list[str]:
        """List what a reader has to know.

        Returns
        -------
        list of str
        """
        out = [] if self.fresh.ended else ["No run was measured at the end: Var(R) is that of the fitted law there."]
        return out + [text for text in self.fresh.fit.cautions() if "diverged" in text or "apart" in text]

    def summary(self) -> Summary:
        """Say what is predicted and from what; see `FreshRun.summary`.

        Returns
        -------
        Summary
        """
        return self.fresh.summary()
