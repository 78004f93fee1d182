"""Draws of ``(L_int, K, alpha)``: what follows from them, and those of the likelihood (docs/theory.md, 3 and 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictlab.decay._law import Array, alpha_max, crossing_depth, deviance, law, profile_scale, shape
from predictlab.decay._noise import Noise

ALPHA_LOW = 0.05  # slower than this, a thousandfold depth does not even halve the risk
CROSS_BEFORE, CROSS_BEYOND = 4.0, 1000.0
_ZOOMS = 12
_CELLS = 48
_COARSE = 36  # a side, where the scale is a third axis


@dataclass(frozen=True)
class Sample:
    """Draws of one fit, for everything derived from it.

    Parameters
    ----------
    params : ndarray, shape (n, 3)
        ``L_int``, ``K``, ``alpha``.

    Examples
    --------
    >>> draws = Sample(np.array([[0.0, 1.0, 1.0], [0.2, 1.0, 1.0]]))
    >>> draws.crossing(0.1).round(6).tolist(), draws.envelope(np.array([10.0]))[:, 0].round(2).tolist()
    ([10.0, inf], [0.1, 0.3])
    """

    params: Array

    def risk(self, depth: Array) -> Array:
        """Compute the risk of each draw.

        Parameters
        ----------
        depth : ndarray, shape (m,) or (n, m)
            Steps; each draw's own where there are as many rows as draws.

        Returns
        -------
        ndarray, shape (n, m)
            Metric².
        """
        return law(depth, *self.params.T[:, :, None])

    def envelope(self, depth: Array) -> Array:
        """Compute the largest risk from a depth on.

        Parameters
        ----------
        depth : ndarray, shape (m,)
            Steps.

        Returns
        -------
        ndarray, shape (n, m)
            Metric².
        """
        return self.risk(depth)

    def lasting(self) -> Array:
        """Compute the risk that no depth within reach removes: the floor of a law.

        Returns
        -------
        ndarray, shape (n,)
            Metric².
        """
        return self.params[:, 0]

    def crossing(self, tolerance: float) -> Array:
        """Find the depth from which on the risk is within a tolerance.

        Parameters
        ----------
        tolerance : float
            Metric².

        Returns
        -------
        ndarray, shape (n,)
            Steps; inf where the floor is above it.
        """
        floor, scale, rate = self.params.T
        return crossing_depth(floor, scale, rate, tolerance)

    def weights(self) -> Array:
        """Weigh the draws by each prior that a call has to stand under.

        Returns
        -------
        ndarray, shape (p, n)
            Adding up to 1; the fit's own prior first.
        """
        return np.full((1, len(self.params)), 1 / len(self.params))

    def first(self, n: int) -> Sample:
        """Take the first of them.

        Parameters
        ----------
        n : int

        Returns
        -------
        Sample
        """
        return replace(self, params=self.params[:n])


def _around(grid: Array, weight: Array) -> Array:
    """As many points as `grid` (m,), over the part of it that has weight, and a step more on either side."""
    seen = np.flatnonzero(weight > 1e-6)
    low, high = grid[max(seen[0] - 1, 0)], grid[min(seen[-1] + 1, len(grid) - 1)]
    return np.linspace(low, high, len(grid))


def _axes(depth: Array, cells: int) -> list[Array]:
    """Grids of ``log alpha``, and of the logarithm of the depth at which floor and decaying part are equal."""
    return [
        np.linspace(np.log(ALPHA_LOW), np.log(max(alpha_max(depth), 2 * ALPHA_LOW)), cells),
        np.linspace(np.log(depth[0] / CROSS_BEFORE), np.log(depth[-1] * CROSS_BEYOND), cells),
    ]


def jittered(grid: Array, at: NDArray[np.intp], rng: np.random.Generator) -> Array:
    """Uniform draws within the cells `at` (n,) of a grid of equal steps."""
    return np.clip(grid[at] + (grid[1] - grid[0]) * rng.uniform(-0.5, 0.5, len(at)), grid[0], grid[-1])


def likelihood_draws(
    depth: Array, risk: Array, df: Array, n: int, rng: np.random.Generator, noise: Noise
) -> tuple[Array, Array, Array]:
    """Independent draws of the parameters, weighted by the likelihood under a vague reference.

    The scale is integrated out (reference ``ds/s``), so only a plane of shapes is left, which is summed on a grid,
    drawn closer around the likelihood until it fills it: no chain, no convergence to check. The reference is uniform
    in ``log alpha`` from `ALPHA_LOW` up, and in the logarithm of the depth at which floor and decaying part are equal,
    from a quarter of the first depth to a thousand times the last. A floor that would show only beyond that is not
    told apart from none. A dispersion that is itself estimated, with `nu` degrees of freedom, is integrated out too:
    weights ``(1 + (D - D_min) / (nu phi))^(-(nu + 2) / 2)``, Student's t in place of the Gaussian.

    Parameters
    ----------
    depth, risk, df : ndarray, shape (k,)
    n : int
        Number of draws.
    rng : numpy.random.Generator
    noise : Noise

    Returns
    -------
    intrinsic_limit, scale, decay_rate : ndarray, shape (n,)
    """
    if noise.offset is not None:
        return _draws_beside(depth, risk, df, n, rng, noise, noise.offset)
    u = np.log(depth / depth[-1])
    log_alpha, log_cross = _axes(depth, _CELLS)

    def weights() -> tuple[Array, Array]:
        alpha = np.exp(log_alpha)[:, None] * np.ones_like(log_cross)
        value, _, _ = profile_scale(risk, df, shape(u, alpha, alpha * (np.log(depth[-1]) - log_cross)), noise.weight)
        excess = (value - value.min()) / noise.dispersion
        return noise.likelihood(excess, 2), excess

    plane, excess = weights()
    for _ in range(_ZOOMS):
        before = np.ptp(log_alpha) * np.ptp(log_cross)
        log_alpha, log_cross = _around(log_alpha, plane.max(axis=1)), _around(log_cross, plane.max(axis=0))
        plane, excess = weights()
        if np.ptp(log_alpha) * np.ptp(log_cross) > 0.6 * before:
            break
    cell = rng.choice(plane.size, size=n, p=plane.ravel() / plane.sum())
    row, column = np.divmod(cell, len(log_cross))
    rate = np.exp(jittered(log_alpha, row, rng))
    share = rate * (np.log(depth[-1]) - jittered(log_cross, column, rng))
    _, log_s, information = profile_scale(risk, df, shape(u, rate, share), noise.weight)
    freedom, drawn = chi_squares(information, excess.ravel()[cell], noise, 2, rng)
    s = np.exp(log_s) * freedom / drawn
    log_k = np.log(s) - np.logaddexp(0, share) + rate * np.log(depth[-1])
    return s * np.exp(-np.logaddexp(0, -share)), np.exp(log_k), rate


def chi_squares(
    information: Array, excess: Array, noise: Noise, others: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Degrees of freedom (n,) of the scale's law, and a chi² of each: the scale over its best is their ratio.

    ``ds/s`` and a Gamma likelihood of as many degrees of freedom as the curvature in ``log s`` says; the dispersion is
    drawn at the `others`, as many parameters, whose deviance is `excess` above the least.
    """
    spread = np.full(len(information), noise.dispersion)
    if np.isfinite(noise.dispersion_df):
        spread *= (noise.dispersion_df + excess) / rng.chisquare(noise.dispersion_df + others, len(information))
    freedom = 2 * information / spread
    return freedom, np.maximum(rng.chisquare(freedom), 1e-300)


def _draws_beside(
    depth: Array, risk: Array, df: Array, n: int, rng: np.random.Generator, noise: Noise, offset: Array
) -> tuple[Array, Array, Array]:
    """The same where rows' parts stand beside the law: the scale is a third axis of the grid.

    Its reference is ``ds/s`` from a thousandth of the last offset, where the law is hidden by it, up.
    """
    u = np.log(depth / depth[-1])
    low = min(1e-3 * float(offset[-1]) + 1e-300, 0.1 * float(risk[-1]))
    axes = [*_axes(depth, _COARSE), np.linspace(np.log(low), np.log(30 * float(risk.max())), _COARSE)]
    for last in range(_ZOOMS):
        alpha = np.exp(axes[0])[:, None] * np.ones_like(axes[1])
        g = shape(u, alpha, alpha * (np.log(depth[-1]) - axes[1]))
        mu = np.exp(axes[2])[:, None] * g[:, :, None] + offset
        excess = deviance(risk, df, mu, noise.weight)
        cube = noise.likelihood((excess - excess.min()) / noise.dispersion, 3)
        before = np.prod([np.ptp(axis) for axis in axes])
        closer = [_around(axis, cube.max(axis=tuple({0, 1, 2} - {i}))) for i, axis in enumerate(axes)]
        if last == _ZOOMS - 1 or np.prod([np.ptp(axis) for axis in closer]) > 0.6 * before:
            break
        axes = closer
    cell = np.unravel_index(rng.choice(cube.size, size=n, p=cube.ravel() / cube.sum()), cube.shape)
    log_rate, cross, log_s = (jittered(axis, at, rng) for axis, at in zip(axes, cell, strict=True))
    rate = np.exp(log_rate)
    share = rate * (np.log(depth[-1]) - cross)
    log_k = log_s - np.logaddexp(0, share) + rate * np.log(depth[-1])
    return np.exp(log_s - np.logaddexp(0, -share)), np.exp(np.minimum(log_k, 700.0)), rate
