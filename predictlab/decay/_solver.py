"""Minimum of the deviance of a curve, or of thousands at the same depths (docs/theory.md, section 3).

One search serves both, see `predictlab.decay._bulk`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictlab.decay._bulk import search
from predictlab.decay._law import ALPHA_MIN, Array, Estimate, alpha_max


@dataclass(frozen=True)
class Problem:
    """One curve: positions `u`, `risk` and `df` (k,), `weight` (k, k) or None, and the range of ``log rate``."""

    u: Array
    risk: Array
    df: Array
    weight: Array | None
    log_rates: tuple[float, float]

    @classmethod
    def power(cls, depth: Array, risk: Array, df: Array, weight: Array | None = None) -> Problem:
        """The power law at `depth` (k,), increasing, > 0."""
        return cls(np.log(depth / depth[-1]), risk, df, weight, (np.log(ALPHA_MIN), np.log(alpha_max(depth))))

    def solve(self) -> tuple[Array, float]:
        """``(p, a, q)`` of the smallest deviance, and that; p or a are minus infinity on a boundary."""
        theta, value = search(self.u, self.risk[:, None], self.df[:, None], self.weight, self.log_rates)
        return theta[:, 0], float(value[0])


def parameters(theta: Array, log_last: float) -> tuple[Array, Array, Array]:
    """``L_int``, ``K`` and ``alpha`` of the rows ``(p, a, q)``; alpha is NaN where ``K = 0``."""
    p, a, q = theta
    none = np.isneginf(a)
    rate = np.where(none, np.nan, np.exp(np.where(none, 0.0, q)))
    with np.errstate(over="ignore"):
        scale = np.where(none, 0.0, np.exp(a + np.nan_to_num(rate) * log_last))
    return np.exp(p), scale, rate


def fit(depth: Array, risk: Array, df: Array, weight: Array | None = None) -> Estimate:
    """Maximum-likelihood fit with ``L_int >= 0``, ``K >= 0`` and alpha in ``[ALPHA_MIN, alpha_max]``.

    Parameters
    ----------
    depth, risk, df : ndarray, shape (k,)
        Increasing depths > 0 (steps), risks > 0 (metric²), degrees of freedom > 0.
    weight : ndarray, shape (k, k), optional
        Inverse correlation of the deviance residuals across depths.
    """
    theta, value = Problem.power(depth, risk, df, weight).solve()
    floor, scale, rate = (float(v) for v in parameters(theta, float(np.log(depth[-1]))))
    return Estimate(floor, scale, rate, value)


def fit_many(depth: Array, risk: Array, df: Array, weight: Array | None = None) -> tuple[Array, Array, Array, Array]:
    """Fit many curves at the same depths at once.

    Parameters
    ----------
    depth : ndarray, shape (k,)
    risk : ndarray, shape (B, k)
    df : ndarray, shape (k,) or (B, k)
    weight : ndarray, shape (k, k), optional

    Returns
    -------
    intrinsic_limit, scale, decay_rate, deviance : ndarray, shape (B,)
        As in `fit`.
    """
    df = np.broadcast_to(df, risk.shape)
    log_rates = (float(np.log(ALPHA_MIN)), float(np.log(alpha_max(depth))))
    by_depth = np.ascontiguousarray(risk.T), np.ascontiguousarray(df.T)
    theta, value = search(np.log(depth / depth[-1]), *by_depth, weight, log_rates)
    return *parameters(theta, float(np.log(depth[-1]))), value
