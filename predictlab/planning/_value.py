"""What more probing is expected to tell: how much of a variance it leaves, and how often a call would then stand.

Draws of the fit stand for what is known. A further measurement is what it would show without error, over the draws,
and the covariance of its error; the logarithm of a variance over `n` runs has variance ``2 phi / n``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictlab._validation import generator
from predictlab.decay import DecayResults, law
from predictlab.decay._results import Rng

Array = NDArray[np.float64]

_TRUTHS = 96


@dataclass(frozen=True)
class Measurement:
    """What more probing would show: log risks `seen` (n draws, m), and the covariance of their error `noise` (m, m)."""

    seen: Array
    noise: Array


def squared_correlation(fit: DecayResults) -> Array:
    """Squared correlation of the runs between the fitted depths, (k, k), drawn towards 0 by about its own error."""
    df = fit.fitted.df
    own = 1 / (df[-1] + 1)
    r2 = np.eye(len(df)) if fit.noise.correlation is None else fit.noise.correlation
    return np.asarray((1 - own) * r2 + own * np.eye(len(df)))


def log_risk(draws: Array, depth: Array) -> Array:
    """``log L(depth)`` over draws (n, 3): (n, m)."""
    return np.log(law(depth, draws[:, :1], draws[:, 1:2], draws[:, 2:]))


def more_runs(fit: DecayResults, draws: Array, gained: float, up_to: float = math.inf) -> Measurement:
    """Fresh runs that add `gained` degrees of freedom at every fitted depth <= `up_to`."""
    depth = fit.fitted.depth
    keep = depth <= up_to
    noise = 2 * fit.noise.dispersion / gained * squared_correlation(fit)[np.ix_(keep, keep)]
    return Measurement(log_risk(draws, depth[keep]), noise)


def further_depths(fit: DecayResults, draws: Array, further: Sequence[float], gained: float = 0.0) -> Measurement:
    """The same runs at `further` depths beyond the last; with fresh ones that add `gained` df at all depths, if any.

    What is new in the same runs is what the depths before do not tell. Along the chain of depths a further one is taken
    to hang together with the last as that does with the one before, per ratio of depths.
    """
    depth, df, r2 = fit.fitted.depth, float(fit.fitted.df[-1]), squared_correlation(fit)
    hops = np.log(np.asarray(further, dtype=float) / depth[-1]) / math.log(depth[-1] / depth[-2])
    link = r2[-1, -2]
    cross = r2[-1][:, None] * link**hops
    among = link ** np.abs(hops[:, None] - hops)
    given = np.linalg.solve(r2, cross)
    then, now = log_risk(draws, np.asarray(further, dtype=float)), log_risk(draws, depth)
    fresh = then - now @ given
    two = 2 * fit.noise.dispersion
    noise = two / df * (among - cross.T @ given)
    if not gained:
        return Measurement(fresh, noise)
    k, m = len(depth), len(hops)
    whole = np.zeros((k + 2 * m, k + 2 * m))
    whole[:m, :m] = noise
    whole[m:, m:] = two / gained * np.block([[r2, cross], [cross.T, among]])
    return Measurement(np.hstack([fresh, now, then]), whole)


def variance_left(target: Array, seen: Array, noise: Array) -> float:
    """Share of the variance of `target` expected to be left once `seen` has been observed with `noise`.

    Bayes linear: ``1 - c' (S + N)^-1 c / Var(target)`` with ``S`` the covariance of `seen` over the draws and ``c``
    that with the target. It needs no point at which to linearise, so a rate that the depths do not identify, or a floor
    at its boundary, are ordinary cases.

    Parameters
    ----------
    target : ndarray, shape (n,)
        Over draws of the fit.
    seen : ndarray, shape (n, m)
        What would be measured without error.
    noise : ndarray, shape (m, m)
        Covariance of its error.

    Notes
    -----
    Source: Goldstein, Wooff (2007), Bayes Linear Statistics, ch. 3.
    """
    q, z = target - target.mean(), seen - seen.mean(axis=0)
    c = z.T @ q / len(q)
    variance = float(q @ q) / len(q)
    return max(1 - float(c @ np.linalg.solve(z.T @ z / len(q) + noise, c)) / variance, 1e-12)


def chance_to_stand(
    member: Array, measured: Measurement, confidence: float, truths: int = _TRUTHS, rng: Rng = None
) -> float:
    """Chance that one class reaches `confidence` once `measured` is known, if the draws are right.

    Each of some draws is taken as the truth in turn, what would be measured is simulated, and all other draws are
    weighted by its likelihood.

    Parameters
    ----------
    member : ndarray, shape (n, classes)
        1 where a draw lies in a class, else 0.
    measured : Measurement
    confidence : float
    truths : int
        Number of draws taken as the truth; the first ones.
    rng : int, numpy.random.Generator or None
        Of the errors of what would be measured; None: a fresh generator of seed 0.
    """
    seen, noise = measured.seen, measured.noise
    m = seen.shape[1]
    # singular where depths tell the same thing: a ridge far below any error that is measured
    root = np.linalg.cholesky(noise + 1e-9 * np.trace(noise) / m * np.eye(m))
    white = np.linalg.solve(root, (seen - seen.mean(axis=0)).T).T.astype(np.float32)
    count = min(truths, len(seen))
    found = white[:count] + generator(rng).standard_normal((count, m), dtype=np.float32)
    # single precision: a weight is known to a hundredth, which is more than the number of truths can show
    weight = found @ white.T
    weight -= 0.5 * np.einsum("ij,ij->i", white, white)
    weight[np.arange(count), np.arange(count)] = -np.inf  # a truth must not vote for itself
    weight -= weight.max(axis=1, keepdims=True)
    np.exp(weight, out=weight)
    total = weight.sum(axis=1)
    # few effective draws cannot show a high probability: they count beside one draw of what is known now
    size = (total**2 / np.einsum("ij,ij->i", weight, weight))[:, None]
    p = (size * (weight @ member.astype(np.float32)) / total[:, None] + member.mean(axis=0)) / (size + 1)
    return float(np.mean(p.max(axis=1) >= confidence))


def runs_of(fit: DecayResults) -> tuple[int, float]:
    """Number of independent runs behind a fit, and the degrees of freedom that each adds at a depth."""
    curve = fit.fitted
    df = float(curve.df[-1])
    if curve.anova is not None and len(curve.anova):
        parents = int(curve.anova["parents"].iloc[-1])
        return parents, df / parents
    runs = curve.n_runs if curve.n_runs is not None else round(df) + 1
    return runs, df / runs if curve.estimator == "residual" else 1.0
