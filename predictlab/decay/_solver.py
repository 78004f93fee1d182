"""Least deviance of one curve, or of thousands at the same depths at once (docs/theory.md, section 3).

Newton's method, for all curves together, goes down from the best cells of a coarse grid of shapes. Here the law is
``mu_i = F + A e^(-e^q u_i)`` with ``u_i = log(c_i / c_1)``: `F` the floor, `A` the decaying part at the first depth,
`q` the logarithm of the rate. It is linear in `F` and `A`, so that the boundaries ``F = 0`` and ``A = 0`` are reached
exactly, and left again where the deviance falls inwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from predictlab.decay._law import ALPHA_MIN, Array, Estimate, alpha_max, logit_range, residuals, shape

Index = NDArray[np.intp]

# Checked by benchmarks/constants.py: what each costs in time and in minima missed when it is half or double.
_RATES, _LOGITS = 32, 16  # cells of the grid of shapes
_BANDS = 4  # of rates, from the best cell of each of which a search starts ...
_MARGIN = 10.0  # ... unless its deviance is worse than the best by more than this
_STEPS = 100
_GAIN = 1e-12  # gain of the deviance that a further step promises, at which a search ends
_SLOW_FALL = 1.5  # logarithm of the fall by the second depth at a rate tried beside the fastest
_MANY = 64  # searches from which on eigenvalues of those alone that need them are faster than those of all
_POSITIVE = 1e-7  # pivots from which on a Hessian, in units of its own, counts as positive
_DIAGONAL = ([0, 1, 2], [0, 1, 2])
_MAX_STEP = 2.0  # longest step of q


@dataclass(frozen=True)
class Problem:
    """Curves at the same depths.

    Attributes
    ----------
    u : ndarray, shape (k,)
        Positions, increasing; 0 where `A` is told.
    risk, df : ndarray, shape (n, k)
    weight : ndarray, shape (k, k)
        Inverse correlation of the deviance residuals.
    log_rates : (float, float)
        Range of q.
    offset : ndarray, shape (n, k)
        What stands beside the law: ``mu_i + offset_i`` is what a risk is of.
    """

    u: Array
    risk: Array
    df: Array
    weight: Array
    log_rates: tuple[float, float]
    offset: Array

    @classmethod
    def of(
        cls, u: Array, risk: Array, df: Array, weight: Array | None, log_rates: tuple[float, float],
        offset: Array | float = 0.0,
    ) -> Problem:  # fmt: skip
        """Curves `risk` (n, k) or (k,), `df` alike or (k,), at any positions `u`; no `weight`: independent depths."""
        risk = np.atleast_2d(risk)
        weight = np.eye(len(u)) if weight is None else weight
        df, beside = (np.broadcast_to(v, risk.shape) for v in (df, offset))
        return cls(u - u[0], risk, df, weight, log_rates, beside)

    @classmethod
    def power(
        cls, depth: Array, risk: Array, df: Array, weight: Array | None = None, offset: Array | float = 0.0
    ) -> Problem:
        """The power law at `depth` (k,), increasing, > 0."""
        log_rates = float(np.log(ALPHA_MIN)), float(np.log(alpha_max(depth)))
        return cls.of(np.log(depth), risk, df, weight, log_rates, offset)

    def rows(self, of: Index) -> Problem:
        """The same for the curves `of` (m,)."""
        return replace(self, risk=self.risk[of], df=self.df[of], offset=self.offset[of])

    @property
    def beside(self) -> Array:
        """Risks (n, k) without the offset, where a search for the law starts; what is hidden by it is a tenth of it."""
        return np.maximum(self.risk - self.offset, np.maximum(0.1 * self.offset, 1e-3 * self.risk))

    def solve(self) -> tuple[Array, Array]:
        """``(F, A, q)`` (n, 3) of the smallest deviance of each curve, and that (n,)."""
        curve, start = self.starts()
        moves = (start[:, 1:2] > 0) | np.array([True, False, False])  # a constant stays one
        theta, value = self.rows(curve).descend(start, moves)
        # of what is equally good the law with fewer parameters, found by moving fewer
        order = np.lexsort((value + 1e-8 * np.sum(theta[:, :2] > 0, axis=1) + 1e-9 * moves[:, 1], curve))
        best = order[np.unique(curve[order], return_index=True)[1]]
        theta, value = theta[best], value[best]
        # from a constant a decay may still lead down, at the rate that promises most; and around the fastest rate the
        # deviance is flat, so that one which the second depth still sees is tried as well
        flat = np.flatnonzero(theta[:, 1] == 0)
        fast = np.flatnonzero((theta[:, 1] > 0) & (theta[:, 2] >= self.log_rates[1]))
        ways = np.repeat(theta[flat], _RATES, axis=0)
        ways[:, 2] = np.tile(np.linspace(*self.log_rates, _RATES), len(flat))
        _, gradient, _, own = self.rows(np.repeat(flat, _RATES)).model(ways)
        way = (np.minimum(gradient[1], 0.0) ** 2 / own[1]).reshape(-1, _RATES).argmax(axis=1)
        slower = theta[fast] * [1, 1, 0] + [0, 0, np.log(_SLOW_FALL / self.u[1])]
        rows = np.concatenate([flat, fast])
        if not len(rows):
            return theta, value
        start = np.concatenate([ways.reshape(-1, _RATES, 3)[np.arange(len(flat)), way], slower])
        further, least = self.rows(rows).descend(start)
        better = least < value[rows] - 1e-8
        theta[rows[better]], value[rows[better]] = further[better], least[better]
        return theta, value

    def starts(self) -> tuple[Index, Array]:
        """Where searches start: which curve (m,), and ``(F, A, q)`` (m, 3).

        The cube root of a Gamma variable is nearly Gaussian (Wilson, Hilferty 1931, PNAS 17, 684-688), and the
        deviance residual of ``U / mu`` is ``3 sqrt(df / 2) ((U / mu)^(1/3) - 1)`` to second order. In that form the
        best scale of a shape and its deviance are ratios of sums over depths, so that all shapes are seen for all
        curves by two matrix products.
        """
        k, u = len(self.u), self.u - self.u[-1]
        rates = np.exp(np.linspace(*self.log_rates, _RATES))
        low, high = logit_range(u, rates)
        inner = low + np.linspace(0, 1, _LOGITS - 1) * (high[:, None] - low)
        logits = np.concatenate([np.full((_RATES, 1), -np.inf), inner], axis=1)
        g = shape(u, np.broadcast_to(rates[:, None], logits.shape), logits).reshape(-1, k)
        risk = self.beside
        root, unit = np.cbrt(1 / g), np.exp(np.mean(np.log(risk), axis=1, keepdims=True))
        c = np.sqrt(self.df)
        z = c * np.cbrt(risk / unit)
        # with x = z root the residuals at a scale of t^-3 are t x - c: best t = c' W x / x' W x
        i, j = np.nonzero(np.triu(self.weight))
        along = (z * (c @ self.weight)) @ root.T
        square = (z[:, i] * z[:, j]) @ ((2 - (i == j)) * self.weight[i, j] * root[:, i] * root[:, j]).T
        gain = np.maximum(along, 0.0, out=along) ** 2
        gain /= square
        everyone, cells = np.arange(len(gain)), np.arange(_RATES * _LOGITS).reshape(_RATES, _LOGITS)
        bands = [band.ravel() for band in (cells[:, 0], *np.array_split(cells[:, 1:], _BANDS))]
        cell = np.stack([band[gain[:, band].argmax(axis=1)] for band in bands], axis=1)
        height = 4.5 * np.take_along_axis(gain, cell, axis=1)
        curve, band = np.nonzero(height >= height.max(axis=1, keepdims=True) - _MARGIN)
        cell = cell[curve, band]
        t = along[curve, cell] / square[curve, cell]
        log_level = np.log(unit[curve, 0]) - 3 * np.log(np.maximum(t, 1e-30))
        logit, rate = logits.ravel()[cell], rates[cell // _LOGITS]
        floor, decaying = np.exp(log_level) * expit(logit), np.exp(log_level - np.logaddexp(0, logit) - rate * u[0])
        start = np.stack([floor, decaying, np.log(rate)], axis=1)
        level = np.sum(self.df * risk, axis=1) / np.sum(self.df, axis=1)
        constant = np.stack([level, 0 * level, 0 * level], axis=1)
        return np.concatenate([curve, everyone]), np.concatenate([start, constant])

    def model(self, theta: Array) -> tuple[Array, Array, Array, Array]:
        """Deviance (n,), half its gradient (3, n) and Hessian (3, 3, n), and Gauss and Newton's diagonal of that."""
        v = -np.exp(theta[:, 2:]) * self.u
        unit = np.exp(v)
        decaying = theta[:, 1:2] * unit
        mu = np.maximum(theta[:, :1] + decaying + self.offset, 1e-300)
        r, slope, bend = residuals(self.risk / mu, self.df)
        by = [1 / mu, unit / mu, decaying * v / mu]  # derivatives of log mu
        wr = r @ self.weight
        c = wr * slope
        left = wr * bend - c
        gradient, own, hessian = (np.empty((*shape, len(theta))) for shape in ((3,), (3,), (3, 3)))
        for i, derivative in enumerate(by):
            jacobian = derivative * slope
            weighted = jacobian @ self.weight
            gradient[i], own[i] = _dot(jacobian, wr), _dot(jacobian, weighted)
            across = weighted * slope + derivative * left
            for j in range(i, 3):
                hessian[i, j] = hessian[j, i] = _dot(across, by[j])
        along = _dot(c * by[1], v)
        hessian[1, 2] += along
        hessian[2, 1] += along
        hessian[2, 2] += _dot(c * by[2], 1 + v)
        return _dot(r, wr), gradient, hessian, own

    @np.errstate(all="ignore")  # a step too far is not taken
    def descend(self, theta: Array, moves: NDArray[np.bool_] | bool = True) -> tuple[Array, Array]:
        """Go down from `theta` (n, 3) by what `moves`, alike or (3,): ends of the searches, and the deviance there."""
        # one row a parameter: so many searches beside each other are what is fast
        low, high = np.array([[0.0, 0.0, self.log_rates[0]], [np.inf, np.inf, self.log_rates[1]]])[:, :, None]
        moves = np.broadcast_to(moves, theta.shape).T
        here, rows, model, theta = self, np.arange(len(theta)), [*self.model(theta)], theta.T.copy()
        found, least, damping = theta.copy(), np.empty(len(rows)), np.full(len(rows), 1e-3)
        for _ in range(_STEPS):
            value, gradient, hessian, own = model
            free = moves[:, rows] & ~((theta <= low) & (gradient > 0) | (theta >= high) & (gradient < 0))
            free[2] &= theta[1] > 0  # nothing decays: no rate
            # in units of their own
            scale = np.where(free, 1 / np.sqrt(own + np.abs(hessian[_DIAGONAL]) + 1e-300), 0.0)
            scaled = hessian * scale * scale[:, None]
            scaled[_DIAGONAL] += ~free
            promised, step = _newton(scaled, -scale * gradient, damping)
            done = (promised <= _GAIN) | (damping > 1e8)
            found[:, rows], least[rows] = theta, value
            if done.all():
                break
            step *= scale
            step *= np.minimum(1.0, _MAX_STEP / np.maximum(np.abs(step[2]), 1e-300))
            trial = np.clip(theta + step, low, high)
            keep = np.flatnonzero(~done)
            here, rows, damping = here.rows(keep), rows[keep], damping[keep]
            trial, theta = trial[:, keep], theta[:, keep]
            before = [a.take(keep, axis=-1) for a in model]
            after = here.model(trial.T)
            better = after[0] <= before[0]
            damping = np.where(better, damping / 10, damping * 8)
            theta = np.where(better, trial, theta)
            model = [np.where(better, *pair) for pair in zip(after, before, strict=True)]
        return found.T, least


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(np.einsum("nk,nk->n", a, b))


def _newton(hessian: Array, downhill: Array, damping: Array) -> tuple[Array, Array]:
    """The gain (n,) that Newton's steps promise, and the damped ones (3, n), from Hessians (3, 3, n).

    Where one is not positive its eigenvalues are turned positive: that leads down from a saddle.
    """
    gain, step = np.empty(len(damping)), np.empty_like(downhill)
    bent = np.arange(len(damping))
    if len(bent) > _MANY:
        whole, convex = _solved(hessian, downhill, 1e-9)
        step, _ = _solved(hessian, downhill, damping + 1e-9)
        gain, bent = np.sum(whole * downhill, axis=0), np.flatnonzero(~convex)
    curvature, axes = np.linalg.eigh(np.nan_to_num(hessian[:, :, bent].transpose(2, 0, 1)))
    curvature = np.abs(curvature) + 1e-9
    along = np.einsum("nij,in->nj", axes, downhill[:, bent])
    gain[bent] = np.sum(along**2 / curvature, axis=1)
    step[:, bent] = np.einsum("nij,nj->in", axes, along / (curvature + damping[bent, None]))
    return gain, step


def _solved(matrix: Array, right: Array, more: Array | float) -> tuple[Array, NDArray[np.bool_]]:
    """Solutions (3, n) of symmetric systems with `more` on the diagonal, and which of them are positive."""
    (a, b, c), (_, d, e), (_, _, f) = matrix
    x, y, z = right
    # by LDL', which for so many so small matrices beats any loop over them
    a, d, f = a + more, d + more, f + more
    by_b, by_c = b / a, c / a
    d, e, f = d - by_b * b, e - by_b * c, f - by_c * c
    by_e = e / d
    f = f - by_e * e
    y = y - by_b * x
    z = (z - by_c * x - by_e * y) / f
    y = y / d - by_e * z
    x = x / a - by_b * y - by_c * z
    return np.stack([x, y, z]), (a > _POSITIVE) & (d > _POSITIVE) & (f > _POSITIVE)


def fit(depth: Array, risk: Array, df: Array, weight: Array | None = None, offset: Array | float = 0.0) -> Estimate:
    """Maximum-likelihood fit with ``L_int >= 0``, ``K >= 0`` and alpha in ``[ALPHA_MIN, alpha_max]``.

    Parameters
    ----------
    depth, risk, df : ndarray, shape (k,)
        Increasing depths > 0 (steps), risks > 0 (metric²), degrees of freedom > 0.
    weight : ndarray, shape (k, k), optional
        Inverse correlation of the deviance residuals across depths.
    offset : float or ndarray, shape (k,)
        What stands beside the law in each risk, metric².
    """
    return Estimate(*(float(values[0]) for values in fit_many(depth, risk[None], df, weight, offset)))


def fit_many(
    depth: Array, risk: Array, df: Array, weight: Array | None = None, offset: Array | float = 0.0
) -> tuple[Array, Array, Array, Array]:
    """Fit many curves at the same depths at once.

    Parameters
    ----------
    depth : ndarray, shape (k,)
    risk : ndarray, shape (B, k)
    df : ndarray, shape (k,) or (B, k)
    weight : ndarray, shape (k, k), optional
    offset : float, ndarray of shape (k,) or (B, k)

    Returns
    -------
    intrinsic_limit, scale, decay_rate, deviance : ndarray, shape (B,)
        As in `fit`.
    """
    (floor, decaying, log_rate), value = (a.T for a in Problem.power(depth, risk, df, weight, offset).solve())
    rate = np.where(decaying > 0, np.exp(log_rate), np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = np.where(decaying > 0, np.exp(np.log(decaying) + rate * np.log(depth[0])), 0.0)
    return floor, scale, rate, value
