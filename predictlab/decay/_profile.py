"""Profile intervals: all values of one parameter whose best deviance is within a cut of the least (THEORY 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from predictlab.decay._deviance import deviance, level
from predictlab.decay._law import Array
from predictlab.decay._solver import Plane, Problem, minimise, plane, profile_rate, without_floor

_RATES, _VALUES = 48, 40
_ROUNDS, _INNER = 3, 9  # brackets are cut in ten three times, then a line is laid through what is left
_BANDS = 3
_CLOSE = 1e-7  # of the deviance: what a crossing needs
INF = float("inf")


@dataclass(frozen=True)
class Profiler:
    """Profile intervals of one fitted problem.

    Parameters
    ----------
    problem : Problem
    theta : ndarray, shape (3,)
        ``(p, a, q)`` of the fit.
    least : float
        Its deviance.
    log_last : float
        ``log c_n``.
    """

    problem: Problem
    theta: Array
    least: float
    log_last: float

    def rate(self, cut: float) -> tuple[float, float]:
        """Interval of alpha; 0 and inf where it is unbounded."""

        def excess(logs: Array) -> Array:
            return profile_rate(self.problem, np.exp(logs), _CLOSE)[0] - self.least - cut

        low, high = self.problem.log_rates
        grid = np.linspace(low, high, _RATES)
        known = [float(self.theta[2])] if np.isfinite(self.theta[1]) else []
        lower, upper = _outermost(excess, grid, known)
        return 0.0 if lower <= low else float(np.exp(lower)), INF if upper >= high else float(np.exp(upper))

    def intrinsic_limit(self, cut: float) -> tuple[float, float]:
        """Interval of ``L_int``, metric²."""
        risk = self.problem.risk
        grid = np.linspace(np.log(np.min(risk)) - 12.0, np.log(np.max(risk)) + 6.0, _VALUES)
        return self._of("L", grid, cut, without_floor(self.problem, self._plane)[1], float(self.theta[0]))

    def scale(self, cut: float) -> tuple[float, float]:
        """Interval of ``K``, metric²·steps^alpha, over the rates that are searched."""
        on = self._plane
        at_best = on.log_level - np.logaddexp(0, on.logit) + on.rate[:, None] * self.log_last
        kept = at_best[(on.deviance - self.least <= 4 * cut + 20) & np.isfinite(at_best)]
        ends = (float(np.min(kept)), float(np.max(kept))) if len(kept) else (0.0, 1.0)
        grid = np.linspace(ends[0] - 4.0, ends[1] + 1.0, _VALUES)
        estimate = float(self.theta[1] + np.exp(self.theta[2]) * self.log_last) if np.isfinite(self.theta[1]) else -INF
        p = self.problem
        flat, _, _ = level(p.risk, p.df, np.ones((1, len(p.u))), p.weight)
        return self._of("K", grid, cut, float(flat[0]), estimate)

    @cached_property
    def _plane(self) -> Plane:
        return plane(self.problem, np.exp(np.linspace(*self.problem.log_rates, _RATES)))

    def _of(self, which: str, grid: Array, cut: float, at_zero: float, estimate: float) -> tuple[float, float]:
        on = self._plane
        excess = self._fixed(which, on)
        known = [estimate] if np.isfinite(estimate) else []
        lower, upper = _outermost(lambda z: excess(z) - self.least - cut, grid, known)
        zero = at_zero - self.least <= cut
        return 0.0 if zero or lower <= grid[0] else float(np.exp(lower)), float(np.exp(upper))

    def _fixed(self, which: str, on: Plane) -> Callable[[Array], Array]:
        """Best deviance with the logarithm of ``L_int`` (``"L"``) or ``K`` (``"K"``) held at each of some values."""
        p = self.problem
        if which == "L":
            unit = -np.logaddexp(0, -on.logit)
        else:
            unit = -np.logaddexp(0, on.logit) + on.rate[:, None] * self.log_last
        inner = slice(1, -1)  # the boundaries themselves follow below
        bands = np.array_split(np.arange(len(on.rate)), _BANDS)

        def best(values: Array) -> Array:
            needed = values[:, None, None] - unit[:, inner]
            approximate = on.deviance[:, inner] + on.information[:, inner] * (needed - on.log_level[:, inner]) ** 2
            starts = []
            for band in bands:
                flat = np.argmin(approximate[:, band].reshape(len(values), -1), axis=1)
                row, column = np.divmod(flat, approximate.shape[2])
                row = band[row]
                logit = on.logit[row, column + 1]
                s = needed[np.arange(len(values)), row, column]
                at = (s - np.logaddexp(0, -logit), s - np.logaddexp(0, logit), np.log(on.rate[row]))
                starts.append(np.stack(at, axis=1))
            start = np.concatenate(starts)
            tied = None if which == "L" else self.log_last
            args = (p.u, p.risk, p.df, p.weight)
            _, value = minimise(*args, start, "aq" if which == "L" else "pq", p.log_rates, tied, _CLOSE)
            value = value.reshape(_BANDS, -1).min(axis=0)
            if which == "L":
                flat_value = deviance(p.risk, p.df, np.exp(values)[:, None] * np.ones_like(p.u), p.weight)
                return np.minimum(value, flat_value)
            # without a floor
            needed = values[:, None] - unit[:, 0]
            row = np.argmin(on.deviance[:, 0] + on.information[:, 0] * (needed - on.log_level[:, 0]) ** 2, axis=1)
            s = needed[np.arange(len(values)), row]
            start = np.stack([np.full(len(values), -INF), s, np.log(on.rate[row])], axis=1)
            _, edge = minimise(*args, start, "q", p.log_rates, tied, _CLOSE)
            return np.minimum(value, edge)

        return best


def _outermost(excess: Callable[[Array], Array], grid: Array, known: list[float]) -> tuple[float, float]:
    """First and last crossing of 0 of `excess` over an increasing grid; its ends where it does not cross.

    `known` are points at which it is at most 0.
    """
    values = excess(grid)
    inside = values <= 0
    if known:
        grid = np.append(grid, known)
        values, inside = np.append(values, np.zeros(len(known))), np.append(inside, np.ones(len(known), dtype=bool))
        order = np.argsort(grid, kind="stable")
        grid, values, inside = grid[order], values[order], inside[order]
    if not inside.any():
        # nothing on the grid: what is inside lies between two of its points, around the least
        i = int(np.argmin(values))
        return float(grid[max(i - 1, 0)]), float(grid[min(i + 1, len(grid) - 1)])
    first, last = int(np.argmax(inside)), len(inside) - 1 - int(np.argmax(inside[::-1]))
    brackets = []  # (outside, inside) of each end that has a crossing
    if first > 0:
        brackets.append([grid[first - 1], grid[first], values[first - 1], values[first]])
    if last < len(grid) - 1:
        brackets.append([grid[last + 1], grid[last], values[last + 1], values[last]])
    for _ in range(_ROUNDS):
        if not brackets:
            break
        cuts = np.linspace(0, 1, _INNER + 2)[1:-1]
        points = np.array([b[0] + cuts * (b[1] - b[0]) for b in brackets])
        found = excess(points.ravel()).reshape(points.shape)
        for bracket, at, value in zip(brackets, points, found, strict=True):
            within = np.flatnonzero(value <= 0)
            i = int(within[0]) if len(within) else len(at)  # first point inside, from the outside on
            if i < len(at):
                bracket[1], bracket[3] = at[i], value[i]
            if i > 0:
                bracket[0], bracket[2] = at[i - 1], value[i - 1]
    ends = [b[0] + (b[1] - b[0]) * b[2] / (b[2] - b[3]) if b[2] > b[3] else b[1] for b in brackets]
    lower = ends.pop(0) if first > 0 else grid[0]
    upper = ends.pop(0) if last < len(grid) - 1 else grid[-1]
    return float(lower), float(upper)
