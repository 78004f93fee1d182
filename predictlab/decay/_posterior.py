"""Posterior of a risk curve whose rise, and whose departure from the law, are parts of the model.

The data are the logarithms of the risks, less their bias, with a covariance over depths. To the shape (see
`predictlab.decay._shapes`) a random walk over the depths is added, the law's own error, anchored at the last one: what
was measured early says less about the law than what was measured late. Source: docs/theory.md, section 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, psi

from predictlab.decay._cloud import Cloud, explore
from predictlab.decay._families import POWER_LAW, Family
from predictlab.decay._law import Array
from predictlab.decay._noise import LogErrors, freedom
from predictlab.decay._shapes import Shapes

WALK = {0.0: 0.5, 0.25: 0.3, 0.6: 0.2}  # sd of the walk a doubling at the first depth, and its prior probability
WALK_END, WALK_POWER = 0.02, 0.75
TAILS = 3.0  # degrees of freedom of the Student's t in place of a normal law, over those of the risks
_LEAST_SHARE = 0.1  # of a risk that is not the rows', where the offset's effect is linearised


def walk_covariance(log_depth: Array) -> Array:
    """Covariance of the law's own error over depths, (k, k), for a walk of 1 a doubling at the first: 0 at the last."""
    size = (1 - (1 - WALK_END) * (log_depth - log_depth[0]) / (log_depth[-1] - log_depth[0])) ** WALK_POWER
    steps = ((size[1:] + size[:-1]) / 2) ** 2 * np.diff(log_depth) / np.log(2)
    variance = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
    return np.asarray(np.minimum(variance[:, None], variance))


@dataclass(frozen=True)
class Offset:
    """What the evaluation rows add to each risk: the law is then that of the population (docs/theory.md, section 8).

    Parameters
    ----------
    risk : ndarray, shape (k,)
        Metric².
    df : ndarray, shape (k,)
        Degrees of freedom it is known with.
    log_sd : float
        Standard deviation of the logarithm of a factor that is common to all depths; 0 where it is measured.
    """

    risk: Array
    df: Array
    log_sd: float = 0.0


@dataclass(frozen=True)
class Curves:
    """Curves drawn from a posterior.

    Parameters
    ----------
    shapes : Shapes
    level : ndarray, shape (n,)
        ``s``.
    measured : ndarray, shape (n, k)
        Risk at the measured depths, the law's own error included, metric².
    log_depth : ndarray, shape (k,)
        Of the measured depths.
    factor : ndarray, shape (n,)
        Of the offset.
    """

    shapes: Shapes
    level: Array
    measured: Array
    log_depth: Array
    factor: Array

    def parameters(self) -> Array:
        """``L_int``, ``K``, ``alpha`` of the law, which the curve meets once the rise is over: (n, 3).

        Of a rival those of the power law that falls as much over the octave before the last depth.
        """
        of = self.shapes
        rate = of.octave(float(self.log_depth[-1]))
        limit = self.level - np.logaddexp(0, -of.logit)
        scale = self.level - np.logaddexp(0, of.logit) + rate * self.log_depth[-1]
        return np.column_stack([np.exp(limit), np.exp(np.minimum(scale, 700.0)), rate])

    def risk(self, depth: Array) -> Array:
        """Risk at depths (m,), or at depths of each curve's own (n, m), metric²: (n, m).

        At a measured depth the law's own error is in it, between two of them it is interpolated.
        """
        log_depth, last = np.log(depth), self.log_depth[-1]
        error = between(self.log_depth, self._error, log_depth)  # 0 at the last depth, and beyond
        return np.asarray(np.exp(self.level[:, None] + self.shapes.log_risk(log_depth, last) + error))

    @cached_property
    def _error(self) -> Array:
        """The law's own error at the measured depths, (n, k)."""
        smooth = self.shapes.log_risk(self.log_depth, self.log_depth[-1]) + self.level[:, None]
        return np.asarray(np.log(self.measured) - smooth)

    def first(self, n: int) -> Curves:
        """The first `n` of them."""
        return Curves(self.shapes.first(n), self.level[:n], self.measured[:n], self.log_depth, self.factor[:n])

    def slope(self) -> Array:
        """Slope of the logarithm of the risk in that of the depth, at the last depth, (n,)."""
        return self.shapes.slope(self.log_depth[-1:], self.log_depth[-1])[:, 0]


def between(log_depth: Array, values: Array, wanted: Array) -> Array:
    """Values (n, k) at increasing depths (k,), interpolated at others (m,) or (n, m): (n, m); constant outside."""
    right = np.clip(np.searchsorted(log_depth, wanted), 1, len(log_depth) - 1)
    share = np.clip((wanted - log_depth[right - 1]) / (log_depth[right] - log_depth[right - 1]), 0.0, 1.0)
    if wanted.ndim == 1:
        low, high = values[:, right - 1], values[:, right]
    else:
        low, high = (np.take_along_axis(values, at, axis=1) for at in (right - 1, right))
    return np.asarray(low * (1 - share) + high * share)


def falls_below(log_depth: Array, largest: Array, goal: float) -> tuple[NDArray[np.intp], Array]:
    """Where falling logarithms (n, k) at depths (k,) come down to a goal: index of the first within, and depth, (n,).

    The index is k where none is; between two depths the logarithms are interpolated.
    """
    at = np.sum(largest > goal, axis=1)
    inner = np.clip(at, 1, len(log_depth) - 1)[:, None]
    high, low = (np.take_along_axis(largest, i, axis=1)[:, 0] for i in (inner - 1, inner))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.nan_to_num(np.clip((high - goal) / (high - low), 0.0, 1.0))
    return at, np.exp(log_depth[inner[:, 0] - 1] * (1 - share) + log_depth[inner[:, 0]] * share)


class Posterior:
    """Posterior of one risk curve.

    Parameters
    ----------
    depth, risk, df : ndarray, shape (k,)
        At least two depths.
    errors : list of LogErrors
        How ``ln U`` may err.
    offset : Offset, optional
    rng : numpy.random.Generator
    families : tuple of Family
        Of the fall, with their prior.

    Attributes
    ----------
    prior, families : dict of str to float
        Prior and posterior probability of each family.
    effective : float
        Number of independent draws that the weighted points are worth.
    """

    def __init__(
        self, depth: Array, risk: Array, df: Array, *, errors: list[LogErrors], offset: Offset | None = None,
        families: tuple[Family, ...] = (POWER_LAW,), rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.log_depth, self._offset, self._families = np.log(depth), offset, families
        self._y = np.log(risk)
        self._freedom = TAILS * float(np.min(df))
        prior = np.array([family.prior for family in families])
        self.prior = {family.name: float(p) for family, p in zip(families, prior / prior.sum(), strict=True)}
        self._edges = np.concatenate([[0.0], np.cumsum(prior / prior.sum())])
        k = len(depth)
        walk, share, added = walk_covariance(self.log_depth), np.ones(k), np.zeros((k, k))
        if offset is not None:
            rows = np.minimum(offset.risk / risk, 1.0)
            share = np.maximum(1 - rows, _LEAST_SHARE)  # d ln(mu + e) / d ln mu, about
            added = np.diag(2 / offset.df * rows**2)
            # the level at the last depth: from far below what rows hide to far above what was seen
            low = min(1e-3 * offset.risk[-1] + 1e-300, 0.1 * risk[-1])
            self._range = np.log(low), np.log(30 * float(np.max(risk)))
        kinds = [(p * of.probability, of, sd**2) for of in errors for sd, p in WALK.items()]
        self._bounds = np.cumsum([p for p, _, _ in kinds])[:-1]
        self._bias = np.stack([of.bias for _, of, _ in kinds])
        self._walk = [size * walk for _, _, size in kinds]
        self._with_data = [w * share[:, None] for w in self._walk]  # covariance of the walk with ln U
        share_of = np.array([p for p, _, _ in kinds])
        self._errors = np.sqrt(share_of @ np.stack([np.diag(of.covariance) for _, of, _ in kinds]))
        self._inverse = [
            np.linalg.inv(of.covariance + added + w * share)
            for (_, of, _), w in zip(kinds, self._with_data, strict=True)
        ]
        self._log_det = [-np.linalg.slogdet(inverse)[1] for inverse in self._inverse]
        dimensions = 7 if offset is None else 8 if offset.log_sd == 0 else 9
        self._cloud = explore(lambda z: self._look(z)[0], dimensions, rng)
        self.effective = self._cloud.effective
        of = self._kinds(ndtr(self._cloud.points[:, 6]))[0]
        weight = np.bincount(of, self._cloud.weight, minlength=len(families))
        self.families = {family.name: float(p) for family, p in zip(families, weight, strict=True)}

    def _factor(self, z: Array) -> Array:
        """Of the offset, at points (n, d)."""
        return np.exp(self._offset.log_sd * z[:, 8]) if self._offset and self._offset.log_sd else np.ones(len(z))

    def _kinds(self, u: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Family, and kind of covariance, at points (n,) of the unit interval."""
        family = np.clip(np.searchsorted(self._edges, u, side="right") - 1, 0, len(self._edges) - 2)
        within = (u - self._edges[family]) / np.diff(self._edges)[family]
        return family, np.searchsorted(self._bounds, within, side="right")

    def _look(self, z: Array) -> tuple[Array, Shapes, NDArray[np.intp], Array, Array, Array]:
        """Log-likelihood of points (n, d), shapes, kind of covariance, level, residual (n, k), and its square (n,).

        The level is integrated out where no offset stands beside it.
        """
        u = ndtr(z)
        family, kind = self._kinds(u[:, 6])
        shapes = Shapes.at(u, self.log_depth, family, self._families)
        log_risk = shapes.log_risk(self.log_depth, self.log_depth[-1])
        n, k = log_risk.shape
        square, level, log_likelihood = np.empty(n), np.zeros(n), np.empty(n)
        if self._offset is None:
            residual = self._y + self._bias[kind] - log_risk
        else:
            low, high = self._range
            level = low + (high - low) * u[:, 7] - log_risk[:, -1]
            rows = self._factor(z)[:, None] * self._offset.risk
            residual = self._y + self._bias[kind] - np.log(np.exp(level[:, None] + log_risk) + rows)
        for i, (inverse, log_det) in enumerate(zip(self._inverse, self._log_det, strict=True)):
            of = np.flatnonzero(kind == i)
            product = residual[of] @ inverse
            q, free = np.einsum("ij,ij->i", product, residual[of]), k
            if self._offset is None:
                total = float(inverse.sum())
                level[of] = product.sum(axis=1) / total
                q, free, log_det = q - total * level[of] ** 2, k - 1, log_det + np.log(total)
            square[of] = np.maximum(q, 0.0)
            log_likelihood[of] = -(self._freedom + free) / 2 * np.log1p(square[of] / self._freedom) - log_det / 2
        if self._offset is None:
            residual -= level[:, None]
        return np.where(np.isfinite(log_likelihood), log_likelihood, -np.inf), shapes, kind, level, residual, square

    def influence(self) -> Array:
        """How far the mean of ``ln alpha`` moves, in the power law's points, per standard error of each ``ln U``, (k,).

        The derivative of a posterior mean is the covariance with that of the log-likelihood.
        """
        cloud = self._cloud
        family, kind = self._kinds(ndtr(cloud.points[:, 6]))
        of = np.flatnonzero((family == 0) & (cloud.weight > 1e-9))
        weight, kind = cloud.weight[of] / cloud.weight[of].sum(), kind[of]
        _, shapes, _, _, residual, square = self._look(cloud.points[of])
        k = residual.shape[1]
        free = self._freedom + k - (self._offset is None)
        slope = np.empty_like(residual)
        for i, inverse in enumerate(self._inverse):
            rows = kind == i
            slope[rows] = -(free / (self._freedom + square[rows]))[:, None] * (residual[rows] @ inverse)
        log_rate = np.log(shapes.rate)
        moved = (weight * (log_rate - weight @ log_rate)) @ (slope - weight @ slope)
        return np.asarray(moved * self._errors)

    def draw(self, n: int, rng: np.random.Generator, family: int | None = None) -> Curves:
        """Draw `n` curves, of one family where it is given."""
        cloud = self._cloud
        if family is not None:
            of = self._kinds(ndtr(cloud.points[:, 6]))[0] == family
            cloud = Cloud(cloud.points, cloud.weight * of / max(float(cloud.weight @ of), 1e-300))
        z = cloud.resample(n, rng)
        _, shapes, kind, level, residual, square = self._look(z)
        k = len(self._y)
        free = self._freedom + k - (self._offset is None)
        spread = (self._freedom + square) / rng.chisquare(free, n)
        error = np.zeros((n, k))
        for i, (inverse, walk, with_data) in enumerate(zip(self._inverse, self._walk, self._with_data, strict=True)):
            of = np.flatnonzero(kind == i)
            if self._offset is None:
                # the level's law is that of a variance: the logarithm of an inverse chi², skewed to high risks
                df = freedom(1 / float(inverse.sum()))
                skewed = psi(df / 2) - np.log(rng.chisquare(df, len(of)) / 2)
                moved = skewed * np.sqrt(spread[of])
                level[of] += moved
                residual[of] -= moved[:, None]
            if walk.any() and len(of):
                back = with_data.T @ inverse  # (k, k): from residuals to the walk
                values, vectors = np.linalg.eigh(walk - back @ with_data)
                chance = rng.standard_normal((len(of), k)) * np.sqrt(np.maximum(values, 0)) @ vectors.T
                error[of] = residual[of] @ back.T + chance * np.sqrt(spread[of])[:, None]
        measured = np.exp(level[:, None] + shapes.log_risk(self.log_depth, self.log_depth[-1]) + error)
        return Curves(shapes, level, measured, self.log_depth, self._factor(z))
