"""Minimum of the deviance: many small problems at once, by Levenberg-Marquardt on arrays (THEORY 3).

A problem is one curve with some of ``(p, a, q)`` free (see `predictlab.decay.deviance`). Starts come from a grid of
shapes on which the scale is profiled out (variable projection), so that local minima and both boundaries are seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictlab.decay.deviance import level, logit_range, residuals, shape, weighted
from predictlab.decay.likelihood import ALPHA_MIN, Array, GammaFit, alpha_max, rate_grid

Index = NDArray[np.intp]

NOTHING = 30.0  # e^-30 of the risk is no floor, and no decay
_LOGITS = 40
_STEPS, _TOLERANCE = 400, 1e-13


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
) -> tuple[Array, Array]:
    """Minimise the deviance over the `free` ones of ``"paq"``.

    Parameters
    ----------
    u : ndarray, shape (k,)
    risk, df : ndarray, shape (k,) or (B, k)
    weight : ndarray, shape (k, k) or (B, k, k), or None
    start : ndarray, shape (B, 3)
        Columns p, a, q; minus infinity stands for a boundary, where p or a stay.
    free : str
        Letters of the parameters that move.
    log_rates : (float, float)
        Range of q.
    log_last : float, optional
        ``log c_n``: then `a` follows `q` so that ``K`` stays what it is at the start.

    Returns
    -------
    parameters : ndarray, shape (B, 3)
    deviance : ndarray, shape (B,)
    """
    theta = np.array(start, dtype=float)
    n = len(theta)
    risk, df = (np.broadcast_to(v, (n, len(u))) for v in (risk, df))
    columns = ["paq".index(letter) for letter in free]
    bottom = np.log(np.min(risk, axis=1)) - NOTHING
    # `a` is the decaying part at the last depth, which a fast decay leaves far below anything seen at the first
    low = np.stack([bottom, bottom + np.exp(log_rates[1]) * u[0], np.full(n, log_rates[0])], axis=1)
    high = np.stack([np.full(n, np.inf), np.full(n, np.inf), np.full(n, log_rates[1])], axis=1)
    log_k = None if log_last is None else theta[:, 1] + np.exp(theta[:, 2]) * log_last

    def evaluate(at: Array, rows: Index) -> tuple[Array, Array, Array]:
        rate = np.exp(at[:, 2:])
        floor, decaying = np.exp(at[:, :1]), np.exp(at[:, 1:2] - rate * u)
        mu = np.maximum(floor + decaying, 1e-300)
        r, slope = residuals(risk[rows] / mu, df[rows])
        share = decaying / mu
        by_rate = -share * rate * (u if log_last is None else u + log_last)
        jacobian = slope[:, None, :] * np.stack([np.broadcast_to(floor / mu, mu.shape), share, by_rate], axis=1)
        w = weight if weight is None or weight.ndim == 2 else weight[rows]
        wr = weighted(r, w)
        return np.sum(wr * r, axis=-1), jacobian[:, columns], wr

    def solve(jacobian: Array, wr: Array, at: Array, rows: Index, damping: Array) -> Array:
        gradient = np.einsum("bfk,bk->bf", jacobian, wr)
        # at the end of its range a parameter that wants out stays, and the others move without it
        stuck = ((at <= low[rows])[:, columns] & (gradient > 0)) | ((at >= high[rows])[:, columns] & (gradient < 0))
        j = np.where(stuck[:, :, None], 0.0, jacobian)
        w = weight if weight is None or weight.ndim == 2 else weight[rows]
        wj = j if w is None else j @ w
        normal = wj @ np.swapaxes(j, 1, 2)
        diagonal = np.einsum("bff->bf", normal)
        diagonal += damping[:, None] * diagonal + 1e-14 * (1 + np.max(diagonal, axis=1, keepdims=True))
        step = np.linalg.solve(normal, -np.where(stuck, 0.0, gradient)[..., None])[..., 0]
        return np.clip(step, -3.0, 3.0)

    active = np.arange(n)
    value, jacobian, wr = evaluate(theta, active)
    damping = np.full(n, 1e-3)
    for _ in range(_STEPS):
        step = solve(jacobian, wr, theta[active], active, damping[active])
        trial = theta[active]
        trial[:, columns] = trial[:, columns] + step
        # a parameter on a boundary (minus infinity) stays there; the others keep to their range
        trial = np.where(np.isneginf(trial), trial, np.clip(trial, low[active], high[active]))
        if log_k is not None and log_last is not None:
            trial[:, 1] = log_k[active] - np.exp(trial[:, 2]) * log_last
        new, new_jacobian, new_wr = evaluate(trial, active)
        better = new <= value[active]
        gain = value[active] - new
        theta[active[better]] = trial[better]
        value[active[better]] = new[better]
        jacobian[better], wr[better] = new_jacobian[better], new_wr[better]
        damping[active] = np.where(better, damping[active] / 10, damping[active] * 8)
        done = (better & (gain <= _TOLERANCE * (1 + value[active]))) | (damping[active] > 1e8)
        keep = ~done
        if not keep.any():
            break
        active, jacobian, wr = active[keep], jacobian[keep], wr[keep]
    return theta, value


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


def profile_rate(problem: Problem, rates: Array) -> tuple[Array, Array]:
    """Deviance at each rate (a,), and the best ``(p, a, q)`` there, (a, 3)."""
    on = plane(problem, rates)
    rows = np.arange(len(rates))
    column = np.argmin(on.deviance, axis=1)
    at_edge, inside = on.start(rows, column), on.start(rows, np.clip(column, 1, _LOGITS))
    theta, value = minimise(
        problem.u, problem.risk, problem.df, problem.weight, inside, "pa", problem.log_rates,
    )  # fmt: skip
    better = on.deviance[rows, column] <= value
    return np.where(better, on.deviance[rows, column], value), np.where(better[:, None], at_edge, theta)


def solve(problem: Problem) -> tuple[Array, float]:
    """``(p, a, q)`` of the smallest deviance, and that; p or a are minus infinity on a boundary, q then NaN for a."""
    rates = np.exp(np.linspace(*problem.log_rates, 60))
    values, start = profile_rate(problem, rates)
    padded = np.concatenate([[np.inf], values, [np.inf]])
    valleys = np.flatnonzero((padded[1:-1] <= padded[:-2]) & (padded[1:-1] <= padded[2:]))
    valleys = valleys[np.argsort(values[valleys])[:4]]
    args = (problem.u, problem.risk, problem.df, problem.weight)
    # a start on the boundary would stay there: begin each search a little inside as well
    inside = start[valleys].copy()
    inside[:, :2] = np.maximum(inside[:, :2], np.max(inside[:, :2], axis=1, keepdims=True) - 8.0)
    theta, value = minimise(*args, np.concatenate([start[valleys], inside]), "paq", problem.log_rates)
    best = theta[int(np.argmin(value))]
    found = float(np.min(value))
    without = np.where([True, False, False], -np.inf, start[valleys])
    edge, edge_value = minimise(*args, without, "aq", problem.log_rates)
    i = int(np.argmin(edge_value))
    if edge_value[i] <= found + 1e-8:
        best, found = edge[i], float(edge_value[i])
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
    """Fit many curves at the same depths at once.

    Parameters
    ----------
    depth : ndarray, shape (k,)
    risk : ndarray, shape (B, k)
    df : ndarray, shape (k,) or (B, k)
    weight : ndarray, shape (k, k) or (B, k, k), optional

    Returns
    -------
    intrinsic_limit, scale, decay_rate, deviance : ndarray, shape (B,)
        As in `fit`.
    """
    risk = np.asarray(risk, dtype=float)
    df = np.broadcast_to(np.asarray(df, dtype=float), risk.shape)
    u, n = np.log(depth / depth[-1]), len(risk)
    log_rates = (np.log(ALPHA_MIN), np.log(alpha_max(depth)))
    rates = rate_grid(depth, 32)
    low, high = logit_range(u, rates)
    logits = (low + np.linspace(0, 1, 16) * (high[:, None] - low)).ravel()
    rate = np.repeat(rates, 16)
    g = shape(u, rate, logits)
    total = np.sum(df, axis=1, keepdims=True)
    log_s = np.log((risk * df / total) @ (1 / g.T))
    # the screen takes the depths as independent: one matrix product, and close enough for a start
    screen = total * log_s + df @ np.log(g.T)
    starts = []
    for band in np.array_split(np.arange(len(rate)), 4):
        best = band[np.argmin(screen[:, band], axis=1)]
        s = log_s[np.arange(n), best]
        at = (s - np.logaddexp(0, -logits[best]), s - np.logaddexp(0, logits[best]), np.log(rate[best]))
        starts.append(np.stack(at, axis=1))
    theta, value = np.empty((n, 3)), np.full(n, np.inf)

    def consider(candidate: Array, deviance: Array, margin: float = 0.0) -> None:
        better = deviance <= value + margin
        theta[better], value[better] = candidate[better], deviance[better]

    for start in starts:
        consider(*minimise(u, risk, df, weight, start, "paq", log_rates))
    # where the fastest rate is the best one the way there is nearly flat
    fastest = theta.copy()
    fastest[:, 1] -= (np.exp(log_rates[1]) - np.exp(theta[:, 2])) * -u[0]
    fastest[:, 2] = log_rates[1]
    consider(*minimise(u, risk, df, weight, fastest, "pa", log_rates))
    edge = theta.copy()
    edge[:, 0] = -np.inf
    consider(*minimise(u, risk, df, weight, edge, "aq", log_rates), margin=1e-8)
    flat = np.stack([np.log(np.sum(df * risk, axis=1) / total[:, 0]), np.full(n, -np.inf), np.full(n, log_rates[0])], 1)
    consider(*minimise(u, risk, df, weight, flat, "p", log_rates), margin=1e-8)
    return *parameters(theta, float(np.log(depth[-1]))), value
