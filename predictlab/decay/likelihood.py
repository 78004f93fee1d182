"""Gamma likelihood of ``U(c) = L_int + K c^-alpha`` as pure functions of arrays (THEORY 3).

The curve is written ``mu(c) = s g(c)`` with ``g(c) = t + (1 - t) (c / c_n)^-alpha``: `c_n` is the last depth, `t` the
floor's share of the risk there. For a given shape ``(alpha, t)`` the scale `s` that maximises the likelihood is a
weighted mean (variable projection), so three parameters become two, and the boundaries ``L_int = 0`` (t = 0) and
``K = 0`` (t = 1) are ordinary points. `t` is carried as its logit `l`, which keeps ``1 - t`` exact near the floor.

All deviances are ``2 (loglik_saturated - loglik)`` at dispersion 1, with ``df_i U_i / mu_i ~ chi2(df_i)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import expit

Array = NDArray[np.float64]

ALPHA_MIN = 0.01  # 2^-0.01: flatter than any spread can tell from a constant
_EDGE = 7.0  # |logit| at which a share of .001 counts as none
_GRID = 48


@dataclass(frozen=True)
class GammaFit:
    """Maximum of the likelihood: ``L_int``, ``K`` (metric²·steps^alpha), ``alpha`` and the deviance there.

    ``alpha`` is NaN when ``K = 0``: no decay, so no rate.
    """

    intrinsic_limit: float
    scale: float
    decay_rate: float
    deviance: float


def alpha_max(depth: Array) -> float:
    """Largest decay rate worth looking at: there the decaying part is 1e-4 of itself one depth later.

    Less where `K` or ``(c_n / c_1)^alpha`` would leave the range of floats.
    """
    reach = max(np.log(depth[-1] / depth[0]), abs(np.log(depth[-1])))
    return float(min(50.0, np.log(1e4) / np.log(depth[1] / depth[0]), 600.0 / reach))


def mean(depth: Array, intrinsic_limit: Array | float, scale: Array | float, decay_rate: Array | float) -> Array:
    """``L_int + K c^-alpha``; parameters broadcast against `depth`. With ``K = 0`` alpha may be NaN."""
    k = np.asarray(scale, dtype=float)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        # in logs, since K and c^-alpha overflow apart long before their product does
        decaying = np.exp(np.log(k) - np.asarray(decay_rate, dtype=float) * np.log(depth))
    return np.asarray(intrinsic_limit + np.where(k > 0, decaying, 0.0))


def shape(depth: Array, alpha: Array, logit: Array) -> Array:
    """``g(c)`` for broadcast `alpha` and `logit`; a new last axis runs over `depth` (k,)."""
    x = np.exp(-np.asarray(alpha)[..., None] * np.log(depth / depth[-1]))
    share = np.asarray(logit)[..., None]
    return expit(share) + expit(-share) * x


def shape_deviance(risk: Array, df: Array, g: Array) -> tuple[Array, Array]:
    """Deviance at the best scale, and that scale, for shapes `g` (..., k); `risk` and `df` broadcast to it."""
    s = np.sum(df * risk / g, axis=-1) / np.sum(df, axis=-1)
    return np.sum(df * (np.log(s[..., None] * g) - np.log(risk)), axis=-1), s


def logit_range(depth: Array, alpha: Array | float) -> tuple[float, Array]:
    """Logits of `t` from "no floor at the last depth" to "nothing but floor at the first"."""
    return -_EDGE, _EDGE + np.asarray(alpha) * np.log(depth[-1] / depth[0])


def profile(depth: Array, risk: Array, df: Array, alpha: float) -> tuple[float, float, float]:
    """Best ``(L_int, K)`` at a fixed rate, both >= 0, and the deviance there.

    Returns
    -------
    deviance, intrinsic_limit, scale : float
    """
    low, high = logit_range(depth, alpha)
    grid = np.concatenate([[-np.inf], np.linspace(low, float(high), _GRID), [np.inf]])
    values, _ = shape_deviance(risk, df, shape(depth, np.full(grid.shape, alpha), grid))
    best = int(np.argmin(values))
    logit, value = grid[best], float(values[best])
    # beyond the grid's ends lie shares too small to show on it, but not in the likelihood of many runs
    left = grid[best - 1] if best > 1 else low - 2 * _EDGE
    right = grid[best + 1] if best < _GRID else float(high) + 2 * _EDGE
    found = minimize_scalar(
        lambda z: float(shape_deviance(risk, df, shape(depth, np.asarray(alpha), np.asarray(z)))[0]),
        bounds=(left, right),
        method="bounded",
        options={"xatol": 1e-9},
    )
    # the grid's open ends stand for the boundaries themselves; keep them when nothing inside is better
    if found.fun < value:
        logit, value = float(found.x), float(found.fun)
    _, s = shape_deviance(risk, df, shape(depth, np.asarray(alpha), np.asarray(logit)))
    level = float(s) * float(expit(-logit))
    scale = float(np.exp(np.log(level) + alpha * np.log(depth[-1]))) if level else 0.0
    return value, float(s) * float(expit(logit)), scale


def rate_grid(depth: Array, size: int = 60) -> Array:
    """Decay rates from `ALPHA_MIN` to `alpha_max`, log-spaced."""
    return np.geomspace(ALPHA_MIN, alpha_max(depth), size)


def rate_interval(depth: Array, risk: Array, df: Array, best: GammaFit, drop: float) -> tuple[float, float]:
    """Rates whose profile deviance is within `drop` of the minimum: outermost crossings; 0 and inf where unbounded."""

    def excess(log_alpha: float) -> float:
        return profile(depth, risk, df, float(np.exp(log_alpha)))[0] - best.deviance - drop

    grid = np.log(rate_grid(depth))
    inside = np.array([excess(z) <= 0 for z in grid])
    if best.scale > 0:
        grid = np.append(grid, np.log(best.decay_rate))
        inside = np.append(inside, True)
        order = np.argsort(grid)
        grid, inside = grid[order], inside[order]
    if not inside.any():  # only when K = 0 is the best and every rate is worse by more than `drop`: it cannot be
        return 0.0, float("inf")
    first, last = int(np.argmax(inside)), len(inside) - 1 - int(np.argmax(inside[::-1]))
    lower, upper = 0.0, float("inf")
    if first > 0:
        lower = float(np.exp(brentq(excess, grid[first - 1], grid[first], xtol=1e-7)))
    if last < len(grid) - 1:
        upper = float(np.exp(brentq(excess, grid[last], grid[last + 1], xtol=1e-7)))
    return lower, upper


@dataclass(frozen=True)
class ShapeGrid:
    """The likelihood over all shapes: rates (a,), logits (a, m), deviance at the best scale and that scale (a, m)."""

    alpha: Array
    logit: Array
    deviance: Array
    scale: Array


def shape_grid(depth: Array, risk: Array, df: Array, rates: Array, logits: Array) -> ShapeGrid:
    """Evaluate the likelihood on a grid of shapes, `rates` (a,) by `logits` (a, m)."""
    g = shape(depth, np.broadcast_to(rates[:, None], logits.shape), logits)
    value, s = shape_deviance(risk, df, g)
    return ShapeGrid(rates, logits, value, s)


def parameter_interval(
    depth: Array, risk: Array, df: Array, best: GammaFit, drop: float, which: str
) -> tuple[float, float]:
    """Profile interval of ``"intrinsic_limit"`` or ``"scale"``: outermost crossings; 0 and inf where unbounded.

    The other two parameters are profiled by a search over the whole plane of shapes, so several local maxima and both
    boundaries are seen, and a simplex search from the best shape found there.
    """
    rates = np.geomspace(ALPHA_MIN, alpha_max(depth), 101)
    low, high = logit_range(depth, rates)
    logits = low + np.linspace(0, 1, 101) * (high[:, None] - low)
    total = float(np.sum(df))

    def log_unit(alpha: Array, logit: Array) -> Array:
        if which == "intrinsic_limit":
            return -np.logaddexp(0.0, -logit)  # log t: L_int = s t
        return -np.logaddexp(0.0, logit) + alpha * np.log(depth[-1])  # K = s (1 - t) c_n^alpha

    def parts(alpha: Array, logit: Array) -> tuple[Array, Array, Array]:
        g = shape(depth, alpha, logit)
        return log_unit(alpha, logit), np.sum(df * risk / g, axis=-1), np.sum(df * (np.log(g) - np.log(risk)), axis=-1)

    def excess_of(log_value: float, unit: Array, weighted: Array, logs: Array) -> Array:
        log_s = log_value - unit
        with np.errstate(over="ignore"):
            return weighted * np.exp(-log_s) - total + total * log_s + logs - best.deviance - drop

    plane = parts(np.broadcast_to(rates[:, None], logits.shape), logits)

    def excess(log_value: float) -> float:
        on_grid = excess_of(log_value, *plane)
        row, column = np.unravel_index(int(np.argmin(on_grid)), logits.shape)
        if on_grid[row, column] <= 0:
            return float(on_grid[row, column])

        def at(x: Array) -> float:
            if not np.log(rates[0]) <= x[0] <= np.log(rates[-1]):
                return float("inf")
            return float(excess_of(log_value, *parts(np.exp(x[0]), x[1])))

        start = np.array([np.log(rates[row]), logits[row, column]])
        inward = 1.0 if row < len(rates) // 2 else -1.0
        sides = [[0, 0], [inward * np.log(rates[1] / rates[0]), 0], [0, logits[row, 1] - logits[row, 0]]]
        simplex = start + np.array(sides)
        options = {"initial_simplex": simplex, "xatol": 1e-7, "fatol": 1e-7}
        return min(float(on_grid[row, column]), float(minimize(at, start, method="Nelder-Mead", options=options).fun))

    if which == "intrinsic_limit":
        estimate = best.intrinsic_limit
        without = min(profile_no_floor(depth, risk, df, a) for a in rate_grid(depth))
        ends = np.log(np.min(risk)) - 12.0, np.log(np.max(risk)) + 6.0
    else:
        estimate = best.scale
        without = float(shape_deviance(risk, df, np.ones_like(depth))[0])
        at_best = np.log(plane[1] / total) + plane[0]
        ends = float(np.min(at_best)), float(np.max(at_best))
    zero_inside = without - best.deviance <= drop
    values = np.linspace(*ends, 161)
    inside = np.array([float(np.min(excess_of(z, *plane))) <= 0 for z in values])
    if estimate > 0:
        values, inside = np.append(values, np.log(estimate)), np.append(inside, True)
        order = np.argsort(values)
        values, inside = values[order], inside[order]
    if not inside.any():  # the estimate is 0, and so is all that the values between 0 and the grid's first can be
        values, inside = np.append(ends[0] - 1.0, values), np.append(True, inside)

    def crossing(within: int, outward: int) -> float | None:
        """Value at which the excess turns positive, outward of an index inside; None when it never does."""
        while 0 <= within + outward < len(values):
            if excess(values[within + outward]) > 0:
                # the estimate itself can be a rounding error above the drop, at levels near 0
                if excess(values[within]) > 0:
                    return float(np.exp(values[within]))
                return float(np.exp(brentq(excess, values[within], values[within + outward], xtol=1e-7)))
            within += outward
        return None

    first, last = int(np.argmax(inside)), len(inside) - 1 - int(np.argmax(inside[::-1]))
    lower = 0.0 if zero_inside else crossing(first, -1)
    upper = crossing(last, 1)
    return lower or 0.0, float("inf") if upper is None else upper


def profile_no_floor(depth: Array, risk: Array, df: Array, alpha: float) -> float:
    """Deviance of the pure power law ``K c^-alpha`` at its best `K`."""
    return float(shape_deviance(risk, df, shape(depth, np.asarray(alpha), np.asarray(-np.inf)))[0])
