"""Weighted points of a posterior: a fixed quasi-random cloud, and more points around those that carry the weight.

Importance sampling from a mixture that grows: after each round all points are weighted by the likelihood over the
density of the prior and of all kernels that points were drawn from (balance heuristic: Veach, Guibas 1995; adaptive
rounds: Cornuet and others 2012, AMIS). Coordinates are standard normal under the prior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri
from scipy.stats import qmc

from predictlab.decay._law import Array

CLOUD, MORE, KERNELS, ROUNDS, ENOUGH = 2**14, 2**12, 128, 6, 500
_REACH = 40.0  # below the largest logarithm of a likelihood, where a point has no weight whatever it came from
_FEW = 100  # points that carry the weight after tempering, where hardly one did before
_ROWS = 1024  # points whose distances to all kernels stay in a processor's cache
_EDGE = 5.9  # in standard deviations of a coordinate


@dataclass(frozen=True)
class Cloud:
    """Points and their weights.

    Parameters
    ----------
    points : ndarray, shape (m, d)
    weight : ndarray, shape (m,)
        Adds up to 1.
    """

    points: Array
    weight: Array

    @property
    def effective(self) -> float:
        """Number of independent draws that the weighted points are worth."""
        return 1 / float(np.sum(self.weight**2))

    def resample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` points, systematically: (n, d)."""
        return self.points[_resampled(self.weight, n, rng)]


def explore(log_likelihood: Callable[[Array], Array], dimensions: int, rng: np.random.Generator) -> Cloud:
    """Find where the posterior is, with points enough to draw from.

    Parameters
    ----------
    log_likelihood : callable
        Of points (m, d): (m,).
    dimensions : int
        d.
    rng : numpy.random.Generator
        Of the further points.
    """
    points = _fixed_cloud(dimensions)
    value, kernels = log_likelihood(points), list[_Kernels]()
    density = np.zeros((len(points), 1))  # of the prior and of each mixture of kernels, over that of the prior
    while True:
        kept = value > value.max() - _REACH
        points, value, density = points[kept], value[kept], density[kept]
        drawn = np.array([CLOUD, *[MORE] * len(kernels)])
        log_weight = value - logsumexp(density + np.log(drawn / drawn.sum()), axis=1)
        cloud = Cloud(points, _normalised(log_weight))
        if cloud.effective >= ENOUGH or len(kernels) == ROUNDS:
            return cloud
        aim = cloud.weight if cloud.effective > _FEW / 2 else _tempered(log_weight)
        kernels.append(_Kernels.around(points, aim, rng))
        more = kernels[-1].draw(MORE, rng)
        old = np.column_stack([density, kernels[-1].log_density(points)])
        new = np.column_stack([np.zeros(MORE), *(kernel.log_density(more) for kernel in kernels)])
        points, density = np.vstack([points, more]), np.vstack([old, new])
        value = np.concatenate([value, log_likelihood(more)])


@dataclass(frozen=True)
class _Kernels:
    """A mixture of equal normal laws around some points."""

    centres: Array
    root: Array

    @classmethod
    def around(cls, points: Array, weight: Array, rng: np.random.Generator) -> _Kernels:
        mean = weight @ points
        covariance = (points - mean).T @ ((points - mean) * weight[:, None])
        d, effective = points.shape[1], min(float(KERNELS), 1 / float(np.sum(weight**2)))
        width = (4 / ((d + 2) * max(effective, 10.0))) ** (2 / (d + 4))  # Silverman's rule
        root = np.linalg.cholesky(covariance * width + 1e-4 * np.eye(d))
        return cls(points[_resampled(weight, KERNELS, rng)], root)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        centre = self.centres[rng.integers(len(self.centres), size=n)]
        return np.asarray(centre + rng.standard_normal((n, len(self.root))) @ self.root.T)

    def log_density(self, z: Array) -> Array:
        """Logarithm of the density over that of the prior, at points (m, d): (m,)."""
        centres = np.linalg.solve(self.root, self.centres.T)
        at = np.linalg.solve(self.root, z.T).T
        length, own = np.sum(at**2, axis=1) / 2, np.sum(centres**2, axis=0) / 2
        out = np.empty(len(z))
        for start in range(0, len(z), _ROWS):
            rows = slice(start, start + _ROWS)
            near = at[rows] @ centres - own
            most = near.max(axis=1)
            near -= most[:, None]
            out[rows] = most + np.log(np.exp(near, out=near).mean(axis=1))
        return np.asarray(out - length + np.sum(z**2, axis=1) / 2 - np.log(np.diag(self.root)).sum())


@lru_cache(2)
def _fixed_cloud(dimensions: int) -> Array:
    u = qmc.Sobol(dimensions, scramble=True, rng=1).random(CLOUD)
    return np.clip(ndtri(u), -_EDGE, _EDGE)


def _normalised(log_weight: Array) -> Array:
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def _tempered(log_weight: Array) -> Array:
    """The weights to the power at which some points carry them."""
    finite = np.where(np.isfinite(log_weight), log_weight, -1e300)
    low, high = 0.0, 1.0
    for _ in range(20):
        power = (low + high) / 2
        few = np.sum(_normalised(power * finite) ** 2) > 1 / _FEW
        low, high = (low, power) if few else (power, high)
    return _normalised(low * finite)


def _resampled(weight: Array, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    at = np.searchsorted(np.cumsum(weight), (rng.random() + np.arange(n)) / n)
    return np.minimum(at, len(weight) - 1)
