"""Draws of ``(L_int, K, alpha)`` from the likelihood, and how far the depths are from independent (THEORY 3, 5)."""

from __future__ import annotations

import numpy as np

from predictlab.decay.likelihood import Array, GammaFit, alpha_max, mean, shape, shape_deviance

ALPHA_LOW = 0.05  # slower than this, a thousandfold depth does not even halve the risk
CROSS_BEFORE, CROSS_BEYOND = 4.0, 1000.0
_ZOOMS = 12


def dispersion(depth: Array, df: Array, best: GammaFit, log_covariance: Array | None) -> float:
    """Factor (>= 1) by which correlated depths inflate the likelihood ratio over that of independent ones.

    ``tr(H^-1 J) / p`` with the information `H` of independent Gamma estimates and the score's variance `J` under
    `log_covariance`: the magnitude adjustment of a composite likelihood (Pauli, Racugno, Ventura 2011).
    """
    if log_covariance is None:
        return 1.0
    mu = mean(depth, best.intrinsic_limit, best.scale, best.decay_rate)
    parts = []
    if best.intrinsic_limit > 0:
        parts.append(best.intrinsic_limit / mu)
    if best.scale > 0:
        decaying = 1 - best.intrinsic_limit / mu
        parts += [decaying, decaying * np.log(depth / depth[-1])]
    x = np.stack(parts, axis=1)
    weighted = (df / 2)[:, None] * x
    inverse = np.linalg.pinv(x.T @ weighted, rcond=1e-8, hermitian=True)
    rank = np.linalg.matrix_rank(x)
    return max(1.0, float(np.trace(inverse @ (weighted.T @ log_covariance @ weighted)) / rank))


def _around(grid: Array, weight: Array) -> Array:
    """As many points as `grid` (m,), over the part of it that has weight, and two steps more on either side."""
    seen = np.flatnonzero(weight > 1e-8)
    low, high = grid[max(seen[0] - 2, 0)], grid[min(seen[-1] + 2, len(grid) - 1)]
    return np.linspace(low, high, len(grid))


def likelihood_draws(
    depth: Array, risk: Array, df: Array, n: int, rng: np.random.Generator, inflation: float = 1.0
) -> tuple[Array, Array, Array]:
    """Independent draws of the parameters, weighted by the likelihood under a vague reference.

    The scale is integrated out in closed form (reference ``ds/s``), so only a plane of shapes is left, which is summed
    on a grid, drawn closer around the likelihood until it fills it: no chain, no convergence to check. The reference
    is uniform in ``log alpha`` from `ALPHA_LOW` up, and in the logarithm of the depth at which floor and decaying part
    are equal, from a quarter of the first depth to a thousand times the last. A floor that would show only beyond that
    is not told apart from none.

    Parameters
    ----------
    depth, risk, df : ndarray, shape (k,)
    n : int
        Number of draws.
    inflation : float
        See `dispersion`.

    Returns
    -------
    intrinsic_limit, scale, decay_rate : ndarray, shape (n,)
    """
    log_alpha = np.linspace(np.log(ALPHA_LOW), np.log(max(alpha_max(depth), 2 * ALPHA_LOW)), 121)
    log_cross = np.linspace(np.log(depth[0] / CROSS_BEFORE), np.log(depth[-1] * CROSS_BEYOND), 161)

    def weights() -> Array:
        alpha = np.exp(log_alpha)[:, None] * np.ones_like(log_cross)
        value, _ = shape_deviance(risk, df, shape(depth, alpha, alpha * (np.log(depth[-1]) - log_cross)))
        return np.asarray(np.exp(-(value - value.min()) / (2 * inflation)))

    plane = weights()
    for _ in range(_ZOOMS):
        before = np.ptp(log_alpha) * np.ptp(log_cross)
        log_alpha, log_cross = _around(log_alpha, plane.max(axis=1)), _around(log_cross, plane.max(axis=0))
        plane = weights()
        if np.ptp(log_alpha) * np.ptp(log_cross) > 0.6 * before:
            break
    weight = plane.ravel()
    cell = rng.choice(weight.size, size=n, p=weight / weight.sum())
    row, column = np.divmod(cell, len(log_cross))

    def jitter(grid: Array, index: Array) -> Array:
        step = grid[1] - grid[0]
        return np.clip(grid[index] + step * rng.uniform(-0.5, 0.5, n), grid[0], grid[-1])

    rate = np.exp(jitter(log_alpha, row))
    share = rate * (np.log(depth[-1]) - jitter(log_cross, column))
    g = shape(depth, rate, share)
    q = np.sum(df * risk / g, axis=-1)
    s = q / (inflation * rng.chisquare(np.sum(df) / inflation, n))
    log_k = np.log(s) - np.logaddexp(0, share) + rate * np.log(depth[-1])
    return s * np.exp(-np.logaddexp(0, -share)), np.exp(log_k), rate
