"""A mixture of a few multivariate Student's t laws, fitted to weighted points, to draw further points from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from predictlab.decay._law import Array

# By benchmarks/proposals.py: effective sizes and processor time over shapes, for other numbers of these.
PARTS, POINTS, STEPS = 4, 1000, 10
_WIDER, _TAILS = 1.2, 6.0  # covariance of a part over that of its points, and its degrees of freedom
_RIDGE = 1e-3


@dataclass(frozen=True)
class Proposal:
    """A mixture of Student's t laws.

    Parameters
    ----------
    centre : ndarray, shape (p, d)
    root : ndarray, shape (p, d, d)
        Lower triangular, of the scale matrices.
    share : ndarray, shape (p,)
        Adds up to 1.
    """

    centre: Array
    root: Array
    share: Array

    @classmethod
    def around(cls, points: Array, weight: Array, rng: np.random.Generator) -> Proposal:
        """Fit normal parts to weighted points by EM, each drawn a little towards the covariance of all."""
        x = points[resampled(weight, POINTS, rng)]
        d = x.shape[1]
        whole = np.atleast_2d(np.cov(x.T)) + _RIDGE * np.eye(d)
        of_part, belief = whole / PARTS ** (2 / d), d / 2
        centre, share = x[rng.choice(POINTS, PARTS, replace=False)], np.full(PARTS, 1 / PARTS)
        covariance = np.repeat(of_part[None], PARTS, axis=0)
        for _ in range(STEPS):
            inverse = np.linalg.inv(np.linalg.cholesky(covariance))
            near = np.log(share) + _log_scale(inverse) - _squares(x, centre, inverse) / 2
            belongs = np.exp(near - near.max(axis=1, keepdims=True))
            belongs /= belongs.sum(axis=1, keepdims=True)
            count = belongs.sum(axis=0)
            share = (count + 1) / (POINTS + PARTS)
            centre = (belongs.T @ x) / np.maximum(count, 1e-9)[:, None]
            for p in range(PARTS):
                away = x - centre[p]
                scatter = (away * belongs[:, p : p + 1]).T @ away + belief * of_part
                covariance[p] = scatter / (count[p] + belief) + _RIDGE * np.eye(d)
        return cls(centre, np.asarray(np.linalg.cholesky(covariance * _WIDER), dtype=float), share)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` points, (n, d)."""
        of = rng.choice(len(self.share), size=n, p=self.share)
        z = rng.standard_normal((n, self.centre.shape[1])) / np.sqrt(rng.chisquare(_TAILS, (n, 1)) / _TAILS)
        return np.asarray(self.centre[of] + np.einsum("nij,nj->ni", self.root[of], z))

    def over_normal(self, z: Array) -> Array:
        """Density over the standard normal one at points (m, d): (m,)."""
        d, inverse = z.shape[1], np.asarray(np.linalg.inv(self.root), dtype=float)
        scale = gammaln((_TAILS + d) / 2) - gammaln(_TAILS / 2) - d / 2 * np.log(_TAILS / 2)
        tails = -(_TAILS + d) / 2 * np.log1p(_squares(z, self.centre, inverse) / _TAILS)
        parts = np.log(self.share) + _log_scale(inverse) + scale + tails + np.sum(z**2, axis=1)[:, None] / 2
        return np.asarray(np.exp(np.minimum(parts, 600.0)).sum(axis=1))  # so far out there is no prior


def _squares(z: Array, centre: Array, inverse: Array) -> Array:
    """Squared distances of points (m, d) from the centres, in the measure of each part: (m, p)."""
    parts, d, _ = inverse.shape
    at = (z @ inverse.reshape(parts * d, d).T).reshape(len(z), parts, d)
    at -= np.einsum("pij,pj->pi", inverse, centre)
    return np.asarray(np.einsum("mpi,mpi->mp", at, at))


def _log_scale(inverse: Array) -> Array:
    """Logarithm of the determinant of each part's inverse root, (p,)."""
    return np.asarray(np.log(np.einsum("pii->pi", inverse)).sum(axis=1))


def resampled(weight: Array, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw `n` positions systematically, by weights that add up to 1."""
    at = np.searchsorted(np.cumsum(weight), (rng.random() + np.arange(n)) / n)
    return np.minimum(at, len(weight) - 1)
