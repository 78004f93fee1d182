"""Posterior of a risk curve whose rise, and whose departure from the law, are parts of the model.

``ln mu(c) = s + ln[t + (1 - t) (c / c_k)^-alpha] - (b / h) ln(1 + (c_0 / c)^h)``: the law, `t` the floor's share of it
at the last depth c_k, and a rise. Added to it is a random walk over the depths, the law's own error, anchored at the
last one. The data are the logarithms of the risks, less their bias, with a covariance over depths (docs/theory.md,
section 9). Points of a fixed quasi-random cloud are weighted by the likelihood; where too few of them carry the weight,
more are drawn around those that do (importance sampling from a mixture, Veach's balance heuristic over all rounds).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, polygamma, psi
from scipy.stats import qmc, t

Array = NDArray[np.float64]

ALPHA_MIN = 0.05  # slower than this, a thousandfold depth does not even halve the risk
ALPHA_MOST, FALL_MOST = 50.0, 1e4  # the rate is searched up to that, and no decay by more than this between depths
FLOOR = (0.2, 0.4)  # prior probabilities of no floor, and of one that no depth has shown yet; else one seen on the way
RISE = (0.6, 0.28)  # of no rise, and of one that is steeper than the fall at first; else a mere bend
WALK = {0.0: 0.5, 0.25: 0.3, 0.6: 0.2}  # sd of the walk a doubling at the first depth, and its probability
WALK_END, WALK_POWER = 0.02, 0.75
SHRINK = 10.0  # degrees of freedom at which a correlation of neighbours counts as much as the mean of all
TAILS = 3.0  # degrees of freedom of the Student's t in place of a normal law, over those of the risks

CLOUD, MORE, KERNELS, ROUNDS, ENOUGH = 2**14, 2**12, 128, 6, 500
_FEW = 100  # points that carry the weight after tempering, where hardly one did before
_EDGE = 5.9  # in standard deviations of a coordinate of the cloud


@dataclass(frozen=True)
class Shapes:
    """Shapes of curves, one a point: arrays of shape (n,).

    Parameters
    ----------
    rate : ndarray
        alpha.
    logit : ndarray
        Of the floor's share `t`; minus infinity without a floor.
    rise, centre, sharpness : ndarray
        ``b``, ``ln c_0`` and ``h``.
    walk : ndarray of int
        Which of `WALK`.
    """

    rate: Array
    logit: Array
    rise: Array
    centre: Array
    sharpness: Array
    walk: NDArray[np.intp]

    @classmethod
    def at(cls, u: Array, log_depth: Array) -> Shapes:
        """Shapes at points `u` (n, 7) of the unit cube, which is uniform under the prior."""
        first, last = log_depth[0], log_depth[-1]
        most = min(ALPHA_MOST, np.log(FALL_MOST) / (log_depth[1] - first))
        rate = np.exp(np.interp(u[:, 0], *_log_rate(float(most))))
        none, unseen = FLOOR
        crossed = rate * (1 - u[:, 2]) * (last - first + np.log(4))  # floor and fall equal from a quarter of the first
        logit = np.where(u[:, 1] < none, -np.inf, np.where(u[:, 1] < none + unseen, -4 + 4 * u[:, 2], crossed))
        flat, over = RISE
        steep = (u[:, 3] - flat) / over
        bend = (steep - 1) * over / (1 - flat - over)
        rise = np.where(steep < 0, 0.0, np.where(steep < 1, rate + 0.1 * 40 ** np.clip(steep, 0, 1), rate * bend))
        centre = first - np.log(4) + u[:, 4] * (last - first + np.log(64))
        sharpness = 0.7 * (6 / 0.7) ** u[:, 5]
        walk = np.searchsorted(np.cumsum(list(WALK.values()))[:-1], u[:, 6], side="right")
        return cls(rate, logit, rise, centre, sharpness, walk)

    def take(self, rows: NDArray[np.intp]) -> Shapes:
        """Some of them."""
        return Shapes(*(getattr(self, f.name)[rows] for f in fields(self)))

    def log_risk(self, log_depth: Array, log_last: float) -> Array:
        """``ln mu - s`` at other depths (m,): (n, m)."""
        floor, rest = -np.logaddexp(0, -self.logit), -np.logaddexp(0, self.logit)
        law = np.logaddexp(floor[:, None], rest[:, None] - self.rate[:, None] * (log_depth - log_last))
        before = np.minimum(self.sharpness[:, None] * (self.centre[:, None] - log_depth), 500.0)
        return np.asarray(law - (self.rise / self.sharpness)[:, None] * np.logaddexp(0, before))


@lru_cache(8)
def _log_rate(most: float) -> tuple[Array, Array]:
    """Quantiles of ``ln alpha``, Student's t with 3 degrees of freedom within the range."""
    share = np.linspace(0, 1, 2001)
    low, high = t.cdf(np.log([ALPHA_MIN, most]), 3)
    return share, t.ppf(low + share * (high - low), 3)


def chain_correlation(errors: Array, df: Array) -> Array:
    """Correlation of ``ln U`` across depths, (k, k): products of the neighbours' squared correlations.

    Each is corrected for its bias to first order and shrunk to their mean: of a few runs single ones say little.

    Parameters
    ----------
    errors : ndarray, shape (runs, k)
        Deviations with mean 0.
    df : ndarray, shape (k,)

    Returns
    -------
    ndarray, shape (k, k)
    """
    square = np.sum(errors**2, axis=0)
    r2 = np.sum(errors[:, 1:] * errors[:, :-1], axis=0) ** 2 / np.maximum(square[1:] * square[:-1], 1e-300)
    freedom = np.sqrt(df[1:] * df[:-1])
    r2 = np.clip(r2 - (1 - r2) * (1 - 2 * r2) / freedom, 0, 1)
    r2 = r2.mean() + (r2 - r2.mean()) * freedom / (freedom + SHRINK)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.clip(r2, 1e-3, 0.95)))])
    return np.asarray(np.exp(-np.abs(logs[:, None] - logs)))


def walk_covariance(log_depth: Array) -> Array:
    """Covariance of the law's own error over depths, (k, k), for a walk of 1 a doubling at the first: 0 at the last."""
    size = (1 - (1 - WALK_END) * (log_depth - log_depth[0]) / (log_depth[-1] - log_depth[0])) ** WALK_POWER
    steps = ((size[1:] + size[:-1]) / 2) ** 2 * np.diff(log_depth) / np.log(2)
    variance = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
    return np.asarray(np.minimum(variance[:, None], variance))


@dataclass(frozen=True)
class Sample:
    """Draws from the posterior.

    Parameters
    ----------
    shapes : Shapes
    level : ndarray, shape (n,)
        ``s``.
    measured : ndarray, shape (n, k)
        Risk at the measured depths, the law's own error included, metric².
    """

    shapes: Shapes
    level: Array
    measured: Array
    log_last: float

    def risk(self, depth: Array) -> Array:
        """Risk at other depths (m,), without the law's own error: (n, m)."""
        return np.asarray(np.exp(self.level[:, None] + self.shapes.log_risk(np.log(depth), self.log_last)))

    def slope(self) -> Array:
        """Slope of the logarithm of the risk in that of the depth, at the last depth, (n,)."""
        step = 1e-3
        before, after = self.shapes.log_risk(self.log_last + np.array([-step, step]), self.log_last).T
        return np.asarray((after - before) / (2 * step))


class Posterior:
    """Posterior of one risk curve.

    Parameters
    ----------
    depth, risk, df : ndarray, shape (k,)
    correlation : ndarray, shape (k, k)
        Of ``ln U``.
    dispersion : float
        Variance of ``ln U`` over its value for Gaussian runs.
    offset, offset_df : ndarray, shape (k,), optional
        What the evaluation rows add to each risk, metric², and the degrees of freedom it is known with: the law is then
        that of the population (docs/theory.md, section 8).
    rng : numpy.random.Generator

    Attributes
    ----------
    effective : float
        Number of independent draws that the weighted points are worth.
    """

    def __init__(
        self, depth: Array, risk: Array, df: Array, correlation: Array, *, dispersion: float = 1.0,
        offset: Array | None = None, offset_df: Array | None = None, rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self._log_depth, self._rng, self._offset = np.log(depth), rng, offset
        self._y = np.log(risk) + np.log(df / 2) - psi(df / 2)
        self._freedom = TAILS * float(np.min(df))
        variance = dispersion * polygamma(1, df / 2)
        noise = np.sqrt(np.outer(variance, variance)) * correlation
        walk, share = walk_covariance(self._log_depth), np.ones(len(depth))
        if offset is not None:
            share = np.clip(1 - offset / risk, 0.1, 1.0)  # d ln(mu + e) / d ln mu, about
            freedom = np.inf if offset_df is None else offset_df
            noise = noise + np.diag(2 / freedom * np.minimum(offset / risk, 1.0) ** 2)
            # the level at the last depth: from far below what rows hide to far above what was seen
            self._range = np.log(min(1e-3 * offset[-1] + 1e-300, 0.1 * risk[-1])), np.log(30 * float(np.max(risk)))
        self._walks = [sd**2 * walk * share[:, None] for sd in WALK]  # of ln mu with ln U
        self._inverse = [np.linalg.inv(noise + w * share) for w in self._walks]
        self._log_det = [-np.linalg.slogdet(inverse)[1] for inverse in self._inverse]
        self._step = [sd**2 * walk for sd in WALK]
        self._sample()

    def _sample(self) -> None:
        """Weigh the fixed cloud, and points around those that carry the weight until enough of them do."""
        points = _cloud(7 if self._offset is None else 8)
        z, log_like = [points], [self._weigh(points)]
        kept = [self._last]
        density, kernels = [[np.zeros(len(points))]], []
        while True:
            everything, likelihood = np.concatenate(z), np.concatenate(log_like)
            counts = np.array([len(part) for part in z])
            mixture = np.concatenate([np.column_stack(d) for d in density])
            ratio = -_log_mean(mixture, counts)
            log_weight = likelihood + ratio
            weight = _normalised(log_weight)
            self.effective = 1 / float(np.sum(weight**2))
            if self.effective >= ENOUGH or len(z) > ROUNDS:
                break
            aim = weight if self.effective > _FEW / 2 else _tempered(log_weight)
            kernel = _Kernels.around(everything, aim, self._rng)
            kernels.append(kernel)
            for part, d in zip(z, density, strict=True):
                d.append(kernel.log_density(part))
            new = kernel.draw(MORE, self._rng)
            density.append([np.zeros(MORE), *(k.log_density(new) for k in kernels)])
            z.append(new)
            log_like.append(self._weigh(new))
            kept.append(self._last)
        self._weight = weight
        self._shapes = Shapes(*(np.concatenate([getattr(k[0], f.name) for k in kept]) for f in fields(Shapes)))
        self._residual, self._square, self._level = (np.concatenate([k[i] for k in kept]) for i in (1, 2, 3))

    def _weigh(self, z: Array) -> Array:
        """Log-likelihood of points (n, d), the level integrated out where no offset stands beside it."""
        shapes = Shapes.at(ndtr(z[:, :7]), self._log_depth)
        log_risk = shapes.log_risk(self._log_depth, self._log_depth[-1])
        n, k = log_risk.shape
        square, level, log_like = np.empty(n), np.zeros(n), np.empty(n)
        if self._offset is None:
            residual = self._y - log_risk
        else:
            low, high = self._range
            level = low + (high - low) * ndtr(z[:, 7]) - log_risk[:, -1]
            residual = self._y - np.log(np.exp(level[:, None] + log_risk) + self._offset)
        for i, (inverse, log_det) in enumerate(zip(self._inverse, self._log_det, strict=True)):
            of = np.flatnonzero(shapes.walk == i)
            product = residual[of] @ inverse
            q, free, total = np.einsum("ij,ij->i", product, residual[of]), k, float(inverse.sum())
            if self._offset is None:
                level[of] = product.sum(axis=1) / total
                q, free = q - total * level[of] ** 2, k - 1
                log_det = log_det + np.log(total)
            square[of] = np.maximum(q, 0.0)
            log_like[of] = -(self._freedom + free) / 2 * np.log1p(square[of] / self._freedom) - log_det / 2
        if self._offset is None:
            residual -= level[:, None]
        self._last = shapes, residual, square, level
        return np.where(np.isfinite(log_like), log_like, -np.inf)

    def draw(self, n: int, rng: np.random.Generator) -> Sample:
        """Draw `n` curves, systematically resampled from the weighted points."""
        rows = _resampled(self._weight, n, rng)
        shapes, level, k = self._shapes.take(rows), self._level[rows], len(self._y)
        free = self._freedom + k - (self._offset is None)
        spread = (self._freedom + self._square[rows]) / rng.chisquare(free, n)
        error = np.zeros((n, k))
        for i, (inverse, walk, step) in enumerate(zip(self._inverse, self._walks, self._step, strict=True)):
            of = np.flatnonzero(shapes.walk == i)
            moved = 0.0
            if self._offset is None:
                moved = rng.standard_normal(len(of)) * np.sqrt(spread[of] / inverse.sum())
                level[of] += moved
            if step.any() and len(of):
                back = walk @ inverse  # (k, k): from residuals to the walk
                values, vectors = np.linalg.eigh(step - back @ walk.T)
                chance = rng.standard_normal((len(of), k)) * np.sqrt(np.maximum(values, 0)) @ vectors.T
                residual = self._residual[rows[of]] - np.reshape(moved, (-1, 1))
                error[of] = residual @ back.T + chance * np.sqrt(spread[of])[:, None]
        last = float(self._log_depth[-1])
        measured = np.exp(level[:, None] + shapes.log_risk(self._log_depth, last) + error)
        return Sample(shapes, level, measured, last)


@dataclass(frozen=True)
class _Kernels:
    """A mixture of equal normal laws around some points of the cloud."""

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
        """Over the density of the prior, which is standard normal."""
        at, centres = np.linalg.solve(self.root, z.T).T, np.linalg.solve(self.root, self.centres.T).T
        distance = np.sum(at**2, axis=1)[:, None] + np.sum(centres**2, axis=1) - 2 * at @ centres.T
        least = distance.min(axis=1)
        mean = np.exp((least[:, None] - distance) / 2).mean(axis=1)
        return np.asarray(np.log(mean) - least / 2 + np.sum(z**2, axis=1) / 2 - np.log(np.diag(self.root)).sum())


@lru_cache(2)
def _cloud(dimensions: int) -> Array:
    """Quasi-random points of a standard normal law, the same ones always."""
    u = qmc.Sobol(dimensions, scramble=True, rng=1).random(CLOUD)
    return np.clip(ndtri(u), -_EDGE, _EDGE)


def _log_mean(log_density: Array, counts: Array) -> Array:
    """Logarithm of the mixture of densities (n, m), each drawn from `counts` times."""
    return np.asarray(np.logaddexp.reduce(log_density + np.log(counts / counts.sum()), axis=1))


def _normalised(log_weight: Array) -> Array:
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def _tempered(log_weight: Array) -> Array:
    """The weights to the power at which some points carry them."""
    low, high = 0.0, 1.0
    for _ in range(20):
        power = (low + high) / 2
        few = np.sum(_normalised(power * log_weight) ** 2) > 1 / _FEW
        low, high = (low, power) if few else (power, high)
    return _normalised(low * np.where(np.isfinite(log_weight), log_weight, -1e300))


def _resampled(weight: Array, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    at = np.searchsorted(np.cumsum(weight), (rng.random() + np.arange(n)) / n)
    return np.minimum(at, len(weight) - 1)
