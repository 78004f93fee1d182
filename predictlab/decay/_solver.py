"""Minimum of the deviance of one curve, from many starts at once, by Levenberg-Marquardt on arrays (THEORY 3).

A problem is one curve with some of ``(p, a, q)`` free (see `predictlab.decay._deviance`). Starts come from a grid of
shapes on which the scale is profiled out (variable projection), so that local minima and both boundaries are seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictlab.decay._bulk import search
from predictlab.decay._deviance import level, logit_range, residuals, shape
from predictlab.decay._law import ALPHA_MIN, Array, GammaFit, alpha_max

Index = NDArray[np.intp]

NOTHING = 30.0  # e^-30 of the risk is no floor, and no decay
_LOGITS = 40
_STEPS = 400


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


def minimise(
    u: Array,
    risk: Array,
    df: Array,
    weight: Array | None,
    start: Array,
    free: str,
    log_rates: tuple[float, float],
    log_last: float | None = None,
    tolerance: float = 1e-10,
) -> tuple[Array, Array]:
    """Minimise the deviance over the `free` ones of ``"paq"``.

    Parameters
    ----------
    u : ndarray, shape (k,)
    risk, df : ndarray, shape (k,)
    weight : ndarray, shape (k, k), or None
    start : ndarray, shape (B, 3)
        Columns p, a, q; minus infinity stands for a boundary, where p or a stay.
    free : str
        Letters of the parameters that move.
    log_rates : (float, float)
        Range of q.
    log_last : float, optional
        ``log c_n``: then `a` follows `q` so that ``K`` stays what it is at the start.
    tolerance : float
        Relative gain of a step at which a search ends.

    Returns
    -------
    parameters : ndarray, shape (B, 3)
    deviance : ndarray, shape (B,)
    """
    theta = np.array(start, dtype=float)
    n = len(theta)
    columns = ["paq".index(letter) for letter in free]
    # searched with the decaying part at the first depth, where it is seen: at the last it hangs together with the rate
    later = u - u[0]
    theta[:, 1] -= np.exp(theta[:, 2]) * u[0]
    log_first = None if log_last is None else log_last + u[0]
    log_k = None if log_first is None else theta[:, 1] + np.exp(theta[:, 2]) * log_first
    bottom = np.full(n, np.log(np.min(risk)) - NOTHING)
    low = np.stack([bottom, bottom, np.full(n, log_rates[0])], axis=1)
    high = np.stack([np.full(n, np.inf), np.full(n, np.inf), np.full(n, log_rates[1])], axis=1)

    def evaluate(at: Array) -> tuple[Array, Array, Array, Array]:
        """Deviance, half its gradient, its Gauss-Newton matrix and what that lacks of half the Hessian."""
        rate = np.exp(at[:, 2:])
        floor, decaying = np.exp(at[:, :1]), np.exp(at[:, 1:2] - rate * later)
        mu = np.maximum(floor + decaying, 1e-300)
        r, slope, bend = residuals(risk / mu, df)
        share, rest = decaying / mu, floor / mu
        v = -rate * (later if log_first is None else later + log_first)
        by = np.stack([rest, share, share * v], axis=1)[:, columns]
        both = share * rest
        pull = np.stack([-np.ones_like(v), np.ones_like(v), v], axis=1)[:, columns]
        wr = r if weight is None else r @ weight
        jacobian = slope[:, None, :] * by
        # one product for all, far faster than a small one for each
        wj = jacobian if weight is None else (jacobian.reshape(-1, len(u)) @ weight).reshape(jacobian.shape)
        normal = np.einsum("bfk,bgk->bfg", wj, jacobian)
        # second derivatives of log mu: share * rest * pull pull', and share * v more for q twice
        rest_of = np.einsum("bfk,bgk->bfg", (wr * slope * both)[:, None, :] * pull, pull)
        rest_of += np.einsum("bfk,bgk->bfg", (wr * bend)[:, None, :] * by, by)
        if "q" in free:
            rest_of[:, -1, -1] += np.sum(wr * slope * share * v, axis=1)
        return np.sum(wr * r, axis=-1), np.einsum("bfk,bk->bf", jacobian, wr), normal, rest_of

    def solve(gradient: Array, normal: Array, rest_of: Array, at: Array, rows: Index, damping: Array) -> Array:
        # at the end of its range a parameter that wants out stays, and the others move without it
        stuck = ((at <= low[rows])[:, columns] & (gradient > 0)) | ((at >= high[rows])[:, columns] & (gradient < 0))
        moves = ~(stuck[:, :, None] | stuck[:, None, :])
        # Newton's matrix where it has a minimum, Gauss and Newton's elsewhere
        full = np.where(moves, normal + rest_of, 0.0)
        own = np.einsum("bff->bf", normal) + 1e-14 * (1 + np.max(np.einsum("bff->bf", normal), axis=1, keepdims=True))
        keep = np.where(stuck, own, damping[:, None] * own)
        right = -np.where(stuck, 0.0, gradient)
        step, pivot = _solve_small(full + keep[:, :, None] * np.eye(len(columns)), right, own)
        hill = pivot <= 1e-3
        if hill.any():
            flat = np.where(moves, normal, 0.0)[hill] + (keep + 1e-14 * own)[hill, :, None] * np.eye(len(columns))
            step[hill] = _solve_small(flat, right[hill], own[hill])[0]
        return np.clip(np.nan_to_num(step), -3.0, 3.0)

    active = np.arange(n)
    value, *model = evaluate(theta)
    damping = np.full(n, 1e-3)
    for _ in range(_STEPS):
        step = solve(model[0], model[1], model[2], theta[active], active, damping[active])
        trial = theta[active]
        trial[:, columns] = trial[:, columns] + step
        # a parameter on a boundary (minus infinity) stays there; the others keep to their range
        trial = np.where(np.isneginf(trial), trial, np.clip(trial, low[active], high[active]))
        if log_k is not None and log_first is not None:
            trial[:, 1] = log_k[active] - np.exp(trial[:, 2]) * log_first
        new, *new_model = evaluate(trial)
        better = new <= value[active]
        gain = value[active] - new
        theta[active[better]] = trial[better]
        value[active[better]] = new[better]
        for old, latest in zip(model, new_model, strict=True):
            old[better] = latest[better]
        damping[active] = np.where(better, damping[active] / 10, damping[active] * 8)
        done = (better & (gain <= tolerance * (1 + value[active]))) | (damping[active] > 1e8)
        keep = ~done
        if not keep.any():
            break
        active = active[keep]
        model = [part[keep] for part in model]
    theta[:, 1] += np.exp(theta[:, 2]) * u[0]
    return theta, value


def _solve_small(matrix: Array, right: Array, unit: Array) -> tuple[Array, Array]:
    """Solutions (B, f) of many small symmetric systems, and the least pivot of each in units of `unit` (B, f).

    ``L D L'`` written out over the few rows, so that all systems are worked on at once.
    """
    f = right.shape[1]
    lower = np.zeros_like(matrix)
    d, y = np.empty_like(right), np.empty_like(right)
    with np.errstate(all="ignore"):
        for i in range(f):
            for j in range(i):
                inner = sum((lower[:, i, m] * lower[:, j, m] * d[:, m] for m in range(j)), np.zeros(len(right)))
                lower[:, i, j] = (matrix[:, i, j] - inner) / d[:, j]
            d[:, i] = matrix[:, i, i] - sum(lower[:, i, m] ** 2 * d[:, m] for m in range(i))
            y[:, i] = right[:, i] - sum(lower[:, i, m] * y[:, m] for m in range(i))
        pivot = np.nan_to_num(np.min(d / unit, axis=1), nan=-1.0)
        x = y / d
        for i in reversed(range(f)):
            x[:, i] -= sum(lower[:, m, i] * x[:, m] for m in range(i + 1, f))
    return x, pivot


@dataclass(frozen=True)
class Plane:
    """The deviance on a grid of shapes, with the scale profiled out: rates (a,), logits, and the rest (a, m)."""

    rate: Array
    logit: Array
    deviance: Array
    log_level: Array
    information: Array

    def start(self, row: Index, column: Index) -> Array:
        """Parameters ``(p, a, q)`` of cells, (n, 3)."""
        logit, log_s = self.logit[row, column], self.log_level[row, column]
        p, a = log_s - np.logaddexp(0, -logit), log_s - np.logaddexp(0, logit)
        return np.stack([p, a, np.log(self.rate[row])], axis=-1)


def plane(problem: Problem, rates: Array, size: int = _LOGITS) -> Plane:
    """Shapes at `rates` (a,), each with `size` shares of the floor and the two boundaries."""
    low, high = logit_range(problem.u, rates)
    inner = low + np.linspace(0, 1, size) * (high[:, None] - low)
    edge = np.full((len(rates), 1), np.inf)
    logits = np.concatenate([-edge, inner, edge], axis=1)
    g = shape(problem.u, np.broadcast_to(rates[:, None], logits.shape), logits)
    return Plane(rates, logits, *level(problem.risk, problem.df, g, problem.weight))


def profile_rate(problem: Problem, rates: Array, tolerance: float = 1e-10) -> tuple[Array, Array]:
    """Deviance at each rate (a,), and the best ``(p, a, q)`` there, (a, 3)."""
    on = plane(problem, rates)
    rows = np.arange(len(rates))
    column = np.argmin(on.deviance, axis=1)
    at_edge, inside = on.start(rows, column), on.start(rows, np.clip(column, 1, _LOGITS))
    theta, value = minimise(
        problem.u, problem.risk, problem.df, problem.weight, inside, "pa", problem.log_rates, tolerance=tolerance,
    )  # fmt: skip
    better = on.deviance[rows, column] <= value
    return np.where(better, on.deviance[rows, column], value), np.where(better[:, None], at_edge, theta)


def without_floor(problem: Problem, on: Plane) -> tuple[Array, float]:
    """Best ``(p, a, q)`` with ``L_int = 0``, and its deviance.

    Without a floor the law is a line in logarithms: its best rate on the grid `on` is near the best of all.
    """
    start = on.start(np.argsort(on.deviance[:, 0])[:2], np.zeros(2, dtype=np.intp))
    args = (problem.u, problem.risk, problem.df, problem.weight)
    theta, value = minimise(*args, start, "aq", problem.log_rates)
    best = int(np.argmin(value))
    return theta[best], float(value[best])


def solve(problem: Problem) -> tuple[Array, float]:
    """``(p, a, q)`` of the smallest deviance, and that; p or a are minus infinity on a boundary, q then NaN for a."""
    on = plane(problem, np.exp(np.linspace(*problem.log_rates, 60)))
    values = on.deviance.min(axis=1)
    padded = np.concatenate([[np.inf], values, [np.inf]])
    valleys = np.flatnonzero((padded[1:-1] <= padded[:-2]) & (padded[1:-1] <= padded[2:]))
    valleys = valleys[np.argsort(values[valleys])[:4]]
    start = on.start(valleys, np.clip(np.argmin(on.deviance[valleys], axis=1), 1, _LOGITS))
    args = (problem.u, problem.risk, problem.df, problem.weight)
    theta, value = minimise(*args, start, "paq", problem.log_rates)
    best = theta[int(np.argmin(value))]
    found = float(np.min(value))
    edge, edge_value = without_floor(problem, on)
    if edge_value <= found + 1e-8:
        best, found = edge, edge_value
    flat, log_s, _ = level(problem.risk, problem.df, np.ones((1, len(problem.u))), problem.weight)
    if flat[0] <= found + 1e-8:
        best, found = np.array([log_s[0], -np.inf, np.nan]), float(flat[0])
    return best, found


def parameters(theta: Array, log_last: float) -> tuple[Array, Array, Array]:
    """``L_int``, ``K`` and ``alpha`` of ``(p, a, q)`` in the last axis; alpha is NaN where ``K = 0``."""
    p, a, q = theta[..., 0], theta[..., 1], theta[..., 2]
    none = np.isneginf(a)
    rate = np.where(none, np.nan, np.exp(np.where(none, 0.0, q)))
    with np.errstate(over="ignore"):
        scale = np.where(none, 0.0, np.exp(a + np.nan_to_num(rate) * log_last))
    return np.exp(p), scale, rate


def fit(depth: Array, risk: Array, df: Array, weight: Array | None = None) -> GammaFit:
    """Maximum-likelihood fit with ``L_int >= 0``, ``K >= 0`` and alpha in ``[ALPHA_MIN, alpha_max]``.

    Parameters
    ----------
    depth, risk, df : ndarray, shape (k,)
        Increasing depths > 0 (steps), risks > 0 (metric²), degrees of freedom > 0.
    weight : ndarray, shape (k, k), optional
        Inverse correlation of the deviance residuals across depths.
    """
    theta, value = solve(Problem.power(depth, risk, df, weight))
    floor, scale, rate = (float(v) for v in parameters(theta, np.log(depth[-1])))
    return GammaFit(floor, scale, rate, value)


def fit_many(depth: Array, risk: Array, df: Array, weight: Array | None = None) -> tuple[Array, Array, Array, Array]:
    """Fit many curves at the same depths at once; see `predictlab.decay._bulk`.

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
    risk = np.asarray(risk, dtype=float)
    df = np.broadcast_to(np.asarray(df, dtype=float), risk.shape)
    log_rates = (float(np.log(ALPHA_MIN)), float(np.log(alpha_max(depth))))
    by_depth = np.ascontiguousarray(risk.T), np.ascontiguousarray(df.T)
    theta, value = search(np.log(depth / depth[-1]), *by_depth, weight, log_rates)
    return *parameters(theta.T, float(np.log(depth[-1]))), value
