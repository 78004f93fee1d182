"""Bootstrap over whole runs: thousands of refits at once (docs/theory.md, sections 2 and 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from predictlab.decay._law import ALPHA_MIN, Array, alpha_max
from predictlab.decay._noise import Noise
from predictlab.decay._solver import fit_many
from predictlab.risk import RiskCurve
from predictlab.risk._components import resampled_interaction

REDRAWS = 100  # a depth of two runs in ten is missed by one sample in three


def resampled_risk(curve: RiskCurve, n: int, rng: np.random.Generator, noise: Noise) -> Array:
    """Risks of `n` resamples, (n, k).

    Whole runs with replacement (whole groups for a table of them), the mean taken out again where it had been; for a
    curve without its runs, Gamma estimates of its risks with the correlation of `noise`.
    """
    risk, df = curve.risk, curve.df
    if curve.errors is None:
        root = np.eye(len(df)) if noise.correlation is None else np.linalg.cholesky(noise.correlation)
        z = rng.standard_normal((n, len(df))) @ root.T * np.sqrt(noise.dispersion)
        return np.asarray(risk * chi2.ppf(np.clip(norm.cdf(z), 1e-12, 1 - 1e-12), df) / df)
    return _risk_of(curve, _taken(curve.errors, curve.units(), n, rng))


def _taken(errors: Array, unit: NDArray[np.int64], n: int, rng: np.random.Generator) -> Array:
    """How often each run is taken, (n, runs); samples without two runs at each depth are drawn again."""
    count = int(unit.max()) + 1
    there = np.isfinite(errors).astype(float)
    counts = np.empty((n, len(errors)))
    wanted = np.arange(n)
    for _ in range(REDRAWS):
        counts[wanted] = rng.multinomial(count, np.full(count, 1 / count), size=len(wanted))[:, unit]
        wanted = wanted[((counts[wanted] @ there) < 2).any(axis=1)]
        if not len(wanted):
            break
    return counts


def _risk_of(curve: RiskCurve, counts: Array) -> Array:
    """Risks with each run taken as often as `counts` (n, runs) says, (n, k)."""
    assert curve.errors is not None
    there, errors = np.isfinite(curve.errors).astype(float), np.nan_to_num(curve.errors)
    total = counts @ there  # runs at each depth
    squares = counts @ errors**2
    if curve.estimator == "spread":
        squares -= (counts @ errors) ** 2 / np.maximum(total, 1)
        # of a depth that fewer than two runs are left at nothing new is known
        risk = np.where(total > 1, squares / np.maximum(total - 1, 1), curve.risk)
    else:
        risk = squares / np.maximum(total, 1) * (len(errors) / curve.df)
    # a resample of one run over and over has no spread; the metric's own resolution stays
    return np.asarray(np.maximum(risk, max(curve.resolution, 1e-9 * float(np.min(curve.risk)))))


def refits(curve: RiskCurve, n: int, rng: np.random.Generator, noise: Noise, left_out: bool = False) -> Array:
    """``(L_int, K, alpha)`` of `n` resamples, (n, 3); alpha is NaN where there is no decay.

    Where rows' parts stand beside the law, they are drawn too: from resamples of the rows, or from their law where only
    margins are known. A resample of S runs spreads by (S - 1) / S less than the runs do, rows' part and all.

    With `left_out` the fits with each run (or group) left out follow, where the curve carries its runs.
    """
    risk, offset = resampled_risk(curve, n, rng, noise), noise.rows
    if noise.offset is not None:
        offset = noise.offset * _offset_factors(curve, n, rng)
    if left_out and curve.errors is not None:
        unit = curve.units()
        counts = (unit != np.arange(int(unit.max()) + 1)[:, None]).astype(float)
        left = _risk_of(curve, counts)
        offset = np.concatenate([np.broadcast_to(offset, risk.shape), np.broadcast_to(noise.rows, left.shape)])
        risk = np.concatenate([risk, left])
    return np.stack(fit_many(curve.depth, risk, curve.df, noise.weight, offset)[:3], axis=1)


def _offset_factors(curve: RiskCurve, n: int, rng: np.random.Generator) -> Array:
    """What the rows' parts of `n` resamples are over those of the curve, (n, k)."""
    assert curve.parts is not None  # which the offset was made of
    if curve.outcomes is None or not curve.outcomes.measured.all():
        freedom = np.array([part.interaction_df for part in curve.parts])
        factor = rng.chisquare(freedom, (n, len(freedom))) / freedom
    else:
        drawn = [resampled_interaction(at, n, rng, curve.outcomes.cluster) for at in curve.outcomes.values]
        least = np.array([part.largest for part in curve.parts])
        used = np.maximum([part.interaction for part in curve.parts], least)
        factor = np.maximum(np.stack(drawn, axis=1), least) / used
    return factor if curve.errors is None else factor * (1 - 1 / len(curve.errors))


def bca(
    sample: Array, estimate: float, left_out: Array, confidence: float, unbounded: NDArray[np.bool_]
) -> tuple[float, float]:
    """Bias-corrected and accelerated interval (Efron 1987, JASA 82, 171-185).

    Without acceleration where nothing was left out.

    Parameters
    ----------
    sample : ndarray, shape (n,)
        Bootstrap values on a scale from 0 to inf.
    estimate : float
    left_out : ndarray, shape (m,)
        Jackknife values.
    confidence : float
    unbounded : ndarray of bool, shape (n,)
        Resamples that say nothing about the parameter: they count half below and half above everything.
    """
    n, open_share = len(sample), float(np.mean(unbounded))
    kept = np.sort(sample[~unbounded])
    if len(kept) == 0 or not np.isfinite(estimate):
        return 0.0, float("inf")
    below = (np.sum(kept < estimate) + np.sum(kept <= estimate)) / 2 + open_share * n / 2
    bias = float(norm.ppf(np.clip(below / n, 0.5 / n, 1 - 0.5 / n)))
    acceleration = 0.0
    if len(left_out) and np.all(np.isfinite(left_out) & (left_out > 0)):
        logs = np.log(left_out)
        pull = logs.mean() - logs
        spread = float(np.sum(pull**2))
        acceleration = float(np.sum(pull**3)) / (6 * spread**1.5) if spread > 0 else 0.0
    ends = []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        z = bias + norm.ppf(tail)
        share = float(norm.cdf(bias + z / (1 - acceleration * z))) if acceleration * z < 1 else float(z > 0)
        at = share * n - open_share * n / 2
        if at < 0:
            ends.append(0.0)
        elif at > len(kept):
            ends.append(float("inf"))
        else:
            ends.append(float(kept[min(int(at), len(kept) - 1)]))
    return ends[0], ends[1]


def at_the_ends(rate: Array, depth: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Rates at the ends of the range that is searched, as 0 and inf; and which resamples have no rate at all."""
    none = np.isnan(rate)
    value = np.where(rate <= ALPHA_MIN * 1.001, 0.0, np.where(rate >= alpha_max(depth) * 0.999, np.inf, rate))
    return np.where(none, np.inf, value), none
