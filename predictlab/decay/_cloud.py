"""Weighted points of a posterior: a fixed quasi-random cloud, and more points around those that carry the weight.

Importance sampling from a mixture that grows: after each round all points are weighted by the likelihood over the
density of the prior and of all proposals that points were drawn from (balance heuristic: Veach, Guibas 1995; adaptive
rounds: Cornuet and others 2012, AMIS; proposals that are mixtures of t laws: Cappé and others 2008). Coordinates are
standard normal under the prior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import logsumexp, ndtri
from scipy.stats import qmc

from predictlab.decay._law import Array
from predictlab.decay._proposal import Proposal, resampled

CLOUD, MORE, ROUNDS, ENOUGH = 2**14, 2**12, 6, 500
_NEGLIGIBLE = 1e-4  # share of the posterior
_FEW = 100  # points that carry the weight after tempering, where hardly one did before
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
        return self.points[resampled(self.weight, n, rng)]


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
    value, proposals = log_likelihood(points), list[Proposal]()
    density = np.full(len(points), float(CLOUD))  # of all that was drawn, over the prior's
    while True:
        drawn = CLOUD + MORE * len(proposals)
        log_weight = value - np.log(density / drawn)
        # what lies below has less than this share of the posterior, even if all of the prior were there
        kept = value > logsumexp(log_weight) - np.log(drawn) + np.log(_NEGLIGIBLE)
        points, value, density, log_weight = points[kept], value[kept], density[kept], log_weight[kept]
        cloud = Cloud(points, _normalised(log_weight))
        if cloud.effective >= ENOUGH or len(proposals) == ROUNDS:
            return cloud
        aim = cloud.weight if cloud.effective > _FEW / 2 else _tempered(log_weight)
        proposals.append(Proposal.around(points, aim, rng))
        more = proposals[-1].draw(MORE, rng)
        density += MORE * proposals[-1].over_normal(points)
        of_more = CLOUD + MORE * np.sum([proposal.over_normal(more) for proposal in proposals], axis=0)
        points, density = np.vstack([points, more]), np.concatenate([density, of_more])
        value = np.concatenate([value, log_likelihood(more)])


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
