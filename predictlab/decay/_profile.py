"""Profiles of one parameter, and the intervals that a cut of the deviance makes of them (docs/theory.md, section 3).

The other two parameters are at their best for each value: the best cells of a coarse grid show every valley, and damped
steps lead to its ground. The ends of an interval are roots (`scipy.optimize.brentq`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from predictlab.decay._law import Array, Interval, deviance, logit_range, profile_scale, residuals, shape
from predictlab.decay._solver import Problem

_RATES, _LOGITS, _VALUES, _PARTS = 48, 40, 32, 10
_ZOOMS, _ZOOM_CELLS = 5, 9  # a minimum on a grid is looked for between its neighbours, five times
_BANDS = 3  # of rates, of each of which the best cell is a start ...
_MARGIN = 6.0  # ... unless its deviance is worse than the best by more than this
_NOTHING = 30.0  # e^-30 of the risk is no floor, and no decay
_CLOSE = 1e-5  # relative, of a parameter at the end of its interval
INF = float("inf")

Law = Callable[..., tuple[Array, Array, Array]]


def profile_rate(problem: Problem, rates: Array) -> tuple[Array, Array]:
    """Least deviance at each rate (a,), and the logarithm of the decaying part at the last depth there.

    Parameters
    ----------
    problem : Problem
    rates : ndarray, shape (a,)

    Returns
    -------
    deviance, log_decaying : ndarray, shape (a,)
        Minus infinity where a constant is best.
    """
    low, high = logit_range(problem.u, rates)

    def at(logits: Array) -> tuple[Array, Array, Array]:
        g = shape(problem.u, np.broadcast_to(rates[:, None], logits.shape), logits)
        return profile_scale(problem.risk, problem.df, g, problem.weight)

    inside, _ = _zoom(lambda logits: at(logits)[0], np.full(len(rates), low), np.broadcast_to(high, rates.shape))
    logits = np.stack([inside, *np.broadcast_to([[-INF], [INF]], (2, len(rates)))], axis=1)
    value, log_scale, _ = at(logits)
    rows, best = np.arange(len(rates)), np.argmin(value, axis=1)
    return value[rows, best], (log_scale - np.logaddexp(0, logits))[rows, best]


def without_floor(problem: Problem) -> tuple[float, float, float]:
    """Best fit with ``L_int = 0``: deviance, logarithm of the risk at the last depth, and rate."""

    def at(log_rates: Array) -> tuple[Array, Array, Array]:
        g = shape(problem.u, np.exp(log_rates), np.full(log_rates.shape, -INF))
        return profile_scale(problem.risk, problem.df, g, problem.weight)

    low, high = problem.log_rates
    log_rate, value = _zoom(lambda q: at(q)[0], np.array([low]), np.array([high]), 2 * _ZOOMS)
    return float(value[0]), float(at(log_rate)[1][0]), float(np.exp(log_rate[0]))


def _zoom(of: Callable[[Array], Array], low: Array, high: Array, zooms: int = _ZOOMS) -> tuple[Array, Array]:
    """Minimum of each row of ``of((a, m)) -> (a, m)`` between `low` and `high` (a,): where, and how much."""
    rows, cells = np.arange(len(low)), _LOGITS
    for _ in range(zooms + 1):
        points = np.linspace(low, high, cells, axis=-1)
        values = of(points)
        best = np.argmin(values, axis=1)
        low, high = points[rows, np.maximum(best - 1, 0)], points[rows, np.minimum(best + 1, cells - 1)]
        cells = _ZOOM_CELLS
    return points[rows, best], values[rows, best]


class Profiler:
    """Profile intervals of one fitted problem.

    Parameters
    ----------
    problem : Problem
    theta : ndarray, shape (3,)
        ``(p, a, q)`` of the fit, see `predictlab.decay._law`.
    least : float
        Its deviance.
    log_last : float
        ``log c_n``.
    """

    def __init__(self, problem: Problem, theta: Array, least: float, log_last: float) -> None:
        self.problem = problem
        self.theta = theta
        self.least = least
        self.log_depth = problem.u + log_last
        self.factor = None if problem.weight is None else np.linalg.cholesky(problem.weight).T
        self.log_rates = np.linspace(*problem.log_rates, _RATES)
        self.by_rate, self.log_decaying = profile_rate(problem, np.exp(self.log_rates))
        self._intervals: dict[tuple[str, float], Interval] = {}

    def interval(self, name: str, cut: float) -> Interval:
        """Interval of a parameter by its name, found once: where the deviance is above its least by at most `cut`."""
        if (name, cut) not in self._intervals:
            self._intervals[name, cut] = getattr(self, name)(cut)
        return self._intervals[name, cut]

    def decay_rate(self, cut: float) -> Interval:
        """Interval of alpha; 0 and inf where it is unbounded."""

        def excess(log_rate: float) -> float:
            return float(profile_rate(self.problem, np.exp([log_rate]))[0][0]) - self.least - cut

        grid, estimate = self.log_rates, float(np.where(np.isfinite(self.theta[1]), self.theta[2], np.nan))
        lower, upper = _outermost(excess, grid, self.by_rate - self.least - cut, estimate, cut)
        return 0.0 if lower <= grid[0] else float(np.exp(lower)), INF if upper >= grid[-1] else float(np.exp(upper))

    def intrinsic_limit(self, cut: float) -> Interval:
        """Interval of ``L_int``, metric²."""
        risk, later = self.problem.risk, self.problem.u - self.problem.u[0]

        def law(floor: Array, log_first: Array, log_rate: Array) -> tuple[Array, Array, Array]:
            # by the decaying part at the first depth, where it is seen: at the last it hangs together with the rate
            exponent = -np.exp(log_rate) * later
            decaying = np.exp(log_first + exponent)
            return np.exp(floor) + decaying, decaying, decaying * exponent

        grid = np.linspace(np.log(np.min(risk)) - 12.0, np.log(np.max(risk)) + 6.0, _VALUES)
        return self._interval(law, grid, cut, without_floor(self.problem)[0], float(self.theta[0]))

    def scale(self, cut: float) -> Interval:
        """Interval of ``K``, metric²·steps^alpha, over the rates that are searched."""

        def law(log_scale: Array, log_floor: Array, log_rate: Array) -> tuple[Array, Array, Array]:
            exponent = -np.exp(log_rate) * self.log_depth
            floor, decaying = np.exp(log_floor), np.exp(log_scale + exponent)
            return floor + decaying, floor * np.ones_like(decaying), decaying * exponent

        log_scale = self.log_decaying + np.exp(self.log_rates) * self.log_depth[-1]
        kept = log_scale[(self.by_rate - self.least <= 4 * cut + 20) & np.isfinite(log_scale)]
        ends = (float(np.min(kept)), float(np.max(kept))) if len(kept) else (0.0, 1.0)
        grid = np.linspace(ends[0] - 4.0, ends[1] + 4.0, _VALUES)
        p = self.problem
        constant = float(profile_scale(p.risk, p.df, np.ones_like(p.u), p.weight)[0])
        estimate = float(self.theta[1] + np.exp(self.theta[2]) * self.log_depth[-1])
        lower, upper = self._interval(law, grid, cut, constant, estimate)
        # K multiplies c^-alpha: with no upper bound for alpha it has none either
        return lower, INF if np.isinf(self.interval("decay_rate", cut)[1]) else upper

    def _interval(self, law: Law, grid: Array, cut: float, at_zero: float, estimate: float) -> Interval:
        """Interval of a parameter whose logarithm is looked for on `grid`.

        ``law(value, part, log_rate)`` gives the risk with the parameter held, and its derivatives in the logarithm of
        the other part of the risk and in that of the rate.
        """
        p = self.problem
        parts = np.linspace(np.log(np.min(p.risk)) - 8.0, np.log(np.max(p.risk)) + 2.0, _PARTS)

        def coarse(value: float) -> Array:
            """Deviance on the grid of rates (a,) and parts (m,) with the parameter held."""
            mu, _, _ = law(value, parts[:, None], self.log_rates[:, None, None])
            return deviance(p.risk, p.df, np.maximum(mu, 1e-300), p.weight)

        def excess(value: float) -> float:
            bands = np.array_split(np.arange(_RATES), _BANDS)
            cells = coarse(value)
            starts = []
            for band in bands:
                row, column = np.unravel_index(np.argmin(cells[band]), (len(band), _PARTS))
                if cells[band[row], column] <= cells.min() + _MARGIN:
                    starts.append(np.array([parts[column], self.log_rates[band[row]]]))
            return min(self._descend(law, value, start) for start in starts) - self.least - cut

        guess = np.array([coarse(value).min() for value in grid]) - self.least - cut
        lower, upper = _outermost(excess, grid, guess, estimate, cut)
        unbounded = at_zero - self.least <= cut or lower <= grid[0]
        return 0.0 if unbounded else float(np.exp(lower)), float(np.exp(upper))

    def _descend(self, law: Law, value: float, start: Array) -> float:
        """Least deviance from `start`, (logarithm of a part, log rate), with a parameter held at `value`.

        Gauss and Newton's steps, damped, within bounds at which a parameter stays while it wants out. The bounded
        methods of ``scipy.optimize.least_squares`` make three intervals take three times as long.
        """
        p = self.problem
        low = np.array([np.log(np.min(p.risk)) - _NOTHING, p.log_rates[0]])
        high = np.array([np.log(np.max(p.risk)) + _NOTHING, p.log_rates[1]])

        def evaluate(x: Array) -> tuple[float, Array, Array, Array]:
            mu, by_part, by_rate = law(value, x[0], x[1])
            mu = np.maximum(mu, 1e-300)
            r, slope, _ = residuals(p.risk / mu, p.df)
            jacobian = (slope / mu)[:, None] * np.stack([by_part, by_rate], axis=1)
            if self.factor is not None:
                r, jacobian = self.factor @ r, self.factor @ jacobian
            return float(r @ r), jacobian.T @ r, jacobian.T @ jacobian, np.diag(np.diag(jacobian.T @ jacobian))

        x, damping = np.clip(start, low, high), 1e-3
        least, gradient, normal, own = evaluate(x)
        while damping < 1e8:
            free = ~((x <= low) & (gradient > 0) | (x >= high) & (gradient < 0))
            matrix = (normal + damping * own + 1e-12 * np.eye(2))[np.ix_(free, free)]
            step = np.zeros(2)
            step[free] = np.clip(np.linalg.solve(matrix, -gradient[free]), -3.0, 3.0)
            trial = np.clip(x + step, low, high)
            new = evaluate(trial)
            gain = least - new[0]
            if gain < 0:
                damping *= 8
                continue
            x, damping = trial, damping / 10
            least, gradient, normal, own = new
            if gain <= 1e-9 * (1 + least):
                break
        return least


def _outermost(excess: Callable[[float], float], grid: Array, guess: Array, estimate: float, cut: float) -> Interval:
    """First and last crossing of 0 of `excess` over an increasing grid; its ends where it does not cross.

    `guess` is `excess` on the grid, or near it; at the estimate, unless that is infinite or NaN, it is ``-cut``.
    """
    known = {estimate: -cut} if np.isfinite(estimate) else {}

    def at(value: float) -> float:
        if value not in known:
            known[value] = excess(value)
        return known[value]

    points = np.union1d(grid, list(known))
    guess = np.interp(points, grid, guess)
    seen = (guess <= 0) | (points == estimate)
    if not seen.any():
        seen = guess == guess.min()
    ends = []
    for order, first in ((points, int(np.argmax(seen))), (points[::-1], int(np.argmax(seen[::-1])))):
        while first < len(order) - 1 and at(order[first]) > 0:
            first += 1
        while first > 0 and at(order[first - 1]) <= 0:
            first -= 1
        if first == 0 or at(order[first]) > 0:
            ends.append(float(order[first]))
        else:
            ends.append(float(brentq(at, order[first - 1], order[first], rtol=_CLOSE, xtol=_CLOSE)))
    return ends[0], ends[1]
