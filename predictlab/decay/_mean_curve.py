"""The law of the mean curve: where the mean will be at the end of the recipe (docs/theory.md, section 7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import qmc

from predictlab.decay._law import Array
from predictlab.task import Recipe

POINTS = 2048  # shapes
POWER = (0.3, 30.0)  # of the learning curve; the largest is an exponential
PACE = (0.05, 3.0)  # learning time in which the curve bends, as a share of what has passed
ERRORS = (0.05, 0.2, 0.5)  # sd of the law's own error, as a share of each increment it says
UNEVEN = 0.03  # and of each doubling, as a share of the whole change that was seen
MEAN_PRIORS = (
    f"power log-uniform on {list(POWER)}, pace on {list(PACE)} of the learning time that has passed, the law's own "
    f"error {', '.join(map(str, ERRORS))} of each increment alike"
)


def learning_time(depth: Array, horizon: float, schedule: str | None) -> Array:
    """Compute the sum of the learning rates up to a depth, in steps at the full rate.

    Parameters
    ----------
    depth : ndarray
        Steps, up to `horizon`.
    horizon : float
        Steps of the recipe.
    schedule : str or None
        As in `pl.Recipe`; None, not known: steps as they are.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> learning_time(np.array([50.0, 100.0]), 100, "linear").round(1).tolist()
    [37.8, 50.5]
    """
    depths = np.asarray(depth, dtype=float)
    if schedule in (None, "constant", "None"):
        return depths
    recipe = Recipe(steps=int(horizon), schedule=str(schedule), learning_rate=1.0)
    passed = np.concatenate([[0.0], np.cumsum([recipe.learning_rate_at(t) for t in range(int(horizon))])])
    return np.interp(depths, np.arange(len(passed)), passed)


@dataclass(frozen=True)
class MeanAtEnd:
    """What the law of the mean curve says of the mean at the end: a mixture of Gaussians.

    Parameters
    ----------
    mean, sd : ndarray, shape (n,)
        Of each shape, metric.
    weight : ndarray, shape (n,)
        Adding up to 1.

    Examples
    --------
    >>> MeanAtEnd(np.array([0.0, 1.0]), np.array([0.0, 0.0]), np.array([0.5, 0.5])).variance
    0.25
    """

    mean: Array
    sd: Array
    weight: Array

    @property
    def centre(self) -> float:
        """Expected mean, metric."""
        return float(self.weight @ self.mean)

    @property
    def variance(self) -> float:
        """Its variance, metric²."""
        return float(self.weight @ (self.sd**2 + (self.mean - self.centre) ** 2))

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Draw the mean at the end.

        Parameters
        ----------
        count : int
        rng : numpy.random.Generator

        Returns
        -------
        ndarray, shape (count,)
        """
        which: NDArray[np.intp] = rng.choice(len(self.weight), count, p=self.weight)
        return np.asarray(self.mean[which] + self.sd[which] * rng.standard_normal(count))


def mean_at_end(passed: Array, mean: Array, covariance: Array, end: float) -> MeanAtEnd:
    """Carry a mean curve on to the end of the recipe.

    The curve is ``a - b (1 + u / (beta r u_k))^-beta`` in learning time, an exponential for large ``beta``, plus an
    error of the law that walks from one depth to the next; ``a`` and ``b`` are integrated out.

    Parameters
    ----------
    passed : ndarray, shape (k,)
        Learning time of each measured depth.
    mean : ndarray, shape (k,)
        Mean over runs, metric.
    covariance : ndarray, shape (k, k)
        Of that mean over runs: what runs add to it, metric².
    end : float
        Learning time of the whole recipe.

    Returns
    -------
    MeanAtEnd

    Notes
    -----
    Restricted likelihood with generalised least squares for each shape of a quasi-random cloud, weights by the
    likelihood (as universal kriging).
    """
    k = len(passed)
    cloud = qmc.Sobol(2, seed=0).random(POINTS)
    power, pace = (np.exp(np.log(low) + (np.log(high) - np.log(low)) * q) for (low, high), q in
                   zip((POWER, PACE), cloud.T, strict=True))  # fmt: skip
    at = np.append(passed, end) / passed[-1]
    shape = (1 + at / (power * pace)[:, None]) ** -power[:, None]  # (n, k + 1), falling
    seen = shape[:, :1] - shape[:, k - 1 : k]
    change = max(abs(mean[-1] - mean[0]), float(np.sqrt(np.max(np.diag(covariance)))))
    step = -np.diff(shape, axis=1) / seen  # increments as shares of what was seen, (n, k)
    doublings = np.diff(np.log2(at))
    means, sds, logs = [], [], []
    basis = np.stack([np.ones((POINTS, k)), -shape[:, :k]], axis=2)
    target = np.stack([np.ones(POINTS), -shape[:, k]], axis=1)
    for error in ERRORS:
        walk = change**2 * ((error * step) ** 2 + UNEVEN**2 * doublings * (step > 0))  # (n, k)
        to_last = np.cumsum(walk[:, k - 2 :: -1], axis=1)[:, ::-1] if k > 1 else np.zeros((POINTS, 0))
        to_last = np.concatenate([to_last, np.zeros((POINTS, 1))], axis=1)  # variance from each depth to the last
        later = np.maximum.outer(np.arange(k), np.arange(k))
        noise = covariance + to_last[:, later]
        inverse = np.linalg.inv(noise)
        information = np.swapaxes(basis, 1, 2) @ inverse @ basis
        known = np.linalg.inv(information + 1e-12 * np.eye(2))
        weighted = np.einsum("npk,nkl,l->np", np.swapaxes(basis, 1, 2), inverse, mean)
        ab = np.einsum("npq,nq->np", known, weighted)
        left = mean - np.einsum("nkp,np->nk", basis, ab)
        square = np.einsum("nk,nkl,nl->n", left, inverse, left)
        logs.append(-0.5 * (np.linalg.slogdet(noise)[1] + np.linalg.slogdet(information)[1] + square))
        means.append(np.einsum("np,np->n", target, ab))
        sds.append(np.sqrt(np.einsum("np,npq,nq->n", target, known, target) + walk[:, -1]))
    log_weight = np.concatenate(logs)
    return MeanAtEnd(np.concatenate(means), np.concatenate(sds), np.exp(log_weight - logsumexp(log_weight)))
