"""Where the drift of a mean, from a depth to the end of its recipe, comes from (docs/theory.md, section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from predictlab.decay import DecayModel
from predictlab.decay._mean_curve import learning_time, mean_at_end
from predictlab.decay._posterior import between
from predictlab.errors import DataError
from predictlab.risk import RiskCurve, risk_curve
from predictlab.risk._fresh import drift_variance, end_of

Array = NDArray[np.float64]
Over = Callable[[Array, Array], Array]

EARLIER_LEAST = 3  # tasks from which a drift is taken over
MEAN_LEAST = 3  # depths from which a mean curve is carried on


@dataclass(frozen=True)
class Drift:
    """The risk of the drift of a mean, by depths (m,) and seeds (s,), metric².

    Parameters
    ----------
    draws : callable
        To draws of it (n, m, s).
    estimate : callable
        To its estimate (m, s).
    """

    draws: Over
    estimate: Over

    def __call__(self, depth: Array, seeds: Array) -> Array:
        return self.draws(depth, seeds)

    @classmethod
    def by_depth(cls, sd: Array, estimate: Array, known: Array, end: float) -> Drift:
        """From draws of its standard deviation (n, k) and an estimate (k,) at known depths, the same for all seeds."""

        def draws(depth: Array, seeds: Array) -> Array:
            return np.repeat(_between(depth, known, sd, end)[:, :, None] ** 2, len(seeds), axis=2)

        def middle(depth: Array, seeds: Array) -> Array:
            return np.repeat(_between(depth, known, np.sqrt(estimate)[None], end).T ** 2, len(seeds), axis=1)

        return cls(draws, middle)


def _between(depth: Array, known: Array, values: Array, end: float) -> Array:
    """Standard deviations (n, k) at known depths carried to others, linear in the log of the depth; 0 at the end."""
    at = np.log(known)
    if known[-1] < end:
        at, values = np.append(at, np.log(end)), np.concatenate([values, np.zeros((len(values), 1))], axis=1)
    return between(at, values, np.log(depth))


def from_runs(curve: RiskCurve, count: int, rng: np.random.Generator) -> Drift:
    """``Var(R - m_c) / S'``, known with the degrees of freedom of the ``S'`` runs."""
    assert curve.errors is not None
    errors = curve.errors[np.isfinite(curve.errors).all(axis=1)]
    known = len(errors)
    if known < 2:
        raise DataError(
            f"task {curve.task!r}: {known} runs were measured at all depths and at the end; two say how far the mean "
            "drifts. Train more to the end, or take drift='mean'."
        )
    estimate = drift_variance(errors - errors.mean(axis=0)) / known
    scale = np.sqrt((known - 1) / rng.chisquare(known - 1, count))[:, None]
    return Drift.by_depth(scale * np.sqrt(estimate), estimate, curve.depth, end_of(curve))


def from_mean(curve: RiskCurve, end: float, count: int, rng: np.random.Generator) -> tuple[Drift, Array]:
    """What the law of the mean curve leaves open, read from each depth on; draws of how far it moves from the last."""
    assert curve.errors is not None
    assert curve.mean is not None
    known = int(np.isfinite(curve.errors[:, -1]).sum())
    starts = [k for k in range(MEAN_LEAST, len(curve.depth) + 1) if curve.depth[k - 1] < end]
    if not starts:
        raise DataError(
            f"task {curve.task!r}: {len(curve.depth)} depths before the end at {end:g} steps; the law of the mean "
            f"curve needs {MEAN_LEAST}. Measure more depths."
        )
    passed = learning_time(np.append(curve.depth, end), end, curve.schedule)
    covariance = _covariance(curve)
    rows = []
    for k in starts:
        # what is known of the mean is exact for many seeds, and as noisy as the runs are for one
        found = mean_at_end(passed[:k], curve.mean[:k], covariance[:k, :k] / known, passed[-1])
        exact = mean_at_end(passed[:k], curve.mean[:k], covariance[:k, :k] / (known * 1e3), passed[-1]).variance
        rows.append((curve.depth[k - 1], exact, max(found.variance - exact, 0.0) * known))
    depth, exact_part, noisy_part = (np.array(v) for v in zip(*rows, strict=True))
    moved = found.draw(count, rng) - float(curve.mean[-1]) if starts[-1] == len(curve.depth) else np.zeros(count)
    spread = curve.risk[np.searchsorted(curve.depth, depth)]

    def drift(at: Array, seeds: Array) -> Array:
        # of the first depths, too few for a law of the mean, nothing is known
        total = exact_part[:, None] + np.maximum(noisy_part - spread, 0.0)[:, None] / seeds  # (k, s)
        out = _between(at, depth, np.sqrt(total.T), end) ** 2  # (s, m)
        return np.asarray(np.where(at < depth[0] * (1 - 1e-9), np.inf, out).T)

    return Drift(lambda at, seeds: np.broadcast_to(drift(at, seeds), (count, len(at), len(seeds))), drift), moved


def _covariance(curve: RiskCurve) -> Array:
    """Covariance of one run's values over depths, the correlation of neighbours shrunk as the fit does."""
    noise = DecayModel(curve).noise
    k = len(curve.depth)
    correlation = np.eye(k) if noise.correlation is None else np.sqrt(noise.correlation)
    sd = np.sqrt(curve.risk)
    return np.asarray(correlation * np.outer(sd, sd))


def from_earlier(
    earlier: pd.DataFrame | Iterable[RiskCurve], curve: RiskCurve, end: float, count: int, rng: np.random.Generator
) -> tuple[Drift, Array]:
    """Mean and variance over earlier tasks of the drift from the same share of the recipe on."""
    curves = (
        [risk_curve(earlier, str(name), metric=curve.metric or None) for name in pd.unique(earlier["task"])]
        if isinstance(earlier, pd.DataFrame)
        else list(earlier)
    )
    usable = [c for c in curves if c.mean is not None and end_of(c) <= c.depth[-1] and c.task != curve.task]
    if len(usable) < EARLIER_LEAST:
        raise DataError(
            f"drift: {len(usable)} earlier tasks with runs at the end of their recipe; {EARLIER_LEAST} are needed for "
            "how much drifts differ. Add tasks, or take drift='mean'."
        )
    shares = curve.depth / end
    means = [np.interp(np.log(shares), np.log(c.depth / c.depth[-1]), np.asarray(c.mean)) for c in usable]
    drifts = np.array([np.asarray(c.mean)[-1] - at for c, at in zip(usable, means, strict=True)])
    tasks = len(usable)
    variance = drifts.var(axis=0, ddof=1) * (1 + 1 / tasks)
    scale = (tasks - 1) / rng.chisquare(tasks - 1, count)
    sd = np.sqrt(scale[:, None] * variance)
    moved = drifts[:, -1].mean() + np.sqrt(variance[-1]) * student(tasks - 1).rvs(count, random_state=rng)

    return Drift.by_depth(sd, variance, curve.depth, end), moved
