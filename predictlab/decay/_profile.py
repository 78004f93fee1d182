"""Profiles of one parameter, and the intervals that a cut of the deviance makes of them (docs/theory.md, section 3)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from predictlab.decay._law import PARAMETERS, Array, Interval, deviance
from predictlab.decay._solver import Problem

_RATES, _PARTS, _VALUES = 32, 10, 32
_BANDS = 3  # of the grid of the other two parameters, from the best cell of each of which a search starts
_ROUNDS, _CLOSER = 3, 8  # an end of an interval is looked for so often at so many values, then by a straight line


def profile(problem: Problem, index: int, values: Array, near: Array | None = None) -> tuple[Array, Array]:
    """Least deviance of one curve with a parameter held, as ``(F, A, q)`` there (m, 3) and its value (m,).

    Parameters
    ----------
    problem : Problem
        Of one curve.
    index : {0, 1, 2}
        Which of ``F, A, q`` is held.
    values : ndarray, shape (m,)
        Where.
    near : ndarray, shape (s, m, 3), optional
        Where to search from; None: from the best cells of a coarse grid.
    """
    starts = _coarse(problem, index, values) if near is None else near.copy()
    starts[..., index] = values
    s, m = starts.shape[:2]
    theta, value = problem.rows(np.zeros(s * m, dtype=int)).descend(starts.reshape(-1, 3), np.arange(3) != index)
    best = value.reshape(s, m).argmin(axis=0) * m + np.arange(m)
    return theta[best], value[best]


@np.errstate(all="ignore")  # far from any curve the law overflows, and is not chosen
def _coarse(problem: Problem, index: int, values: Array) -> Array:
    """Starts (s, m, 3): of each band of a coarse grid in the other two parameters the best cell."""
    risk, df, m = problem.risk[0], problem.df[0], len(values)
    least = problem.beside[0].min()
    part = np.append(0.0, np.geomspace(least * np.exp(-8), risk.max() * np.exp(2), _PARTS))
    grids = [part, part, np.linspace(*problem.log_rates, _RATES)]
    first, second = (i for i in (2, 1, 0) if i != index)
    theta = np.empty((m, len(grids[first]), len(grids[second]), 3))
    theta[..., index] = values[:, None, None]
    theta[..., first], theta[..., second] = grids[first][:, None], grids[second]
    mu = theta[..., :1] + theta[..., 1:2] * np.exp(-np.exp(theta[..., 2:]) * problem.u) + problem.offset[0]
    value = np.nan_to_num(deviance(risk, df, np.maximum(mu, 1e-300), problem.weight), nan=np.inf)
    starts = []
    for rows in np.array_split(np.arange(len(grids[first])), _BANDS):
        best = value[:, rows].reshape(m, -1).argmin(axis=1)
        starts.append(theta[:, rows].reshape(m, -1, 3)[np.arange(m), best])
    return np.stack(starts)


class Profiler:
    """Profile intervals of one curve.

    Parameters
    ----------
    problem : Problem
        Of one curve.
    log_first : float
        ``log c_1``.
    """

    def __init__(self, problem: Problem, log_first: float) -> None:
        (self.theta,), (self.least,) = problem.solve()
        # with positions counted from c = 1 the decaying part there is K
        self.problems = [problem, replace(problem, u=problem.u + log_first), problem]
        self.log_first = log_first
        self._intervals: dict[tuple[str, float], Interval] = {}

    def interval(self, name: str, cut: float) -> Interval:
        """Interval of a parameter by its name, found once: where the deviance is above its least by at most `cut`.

        0 and inf where it is unbounded.
        """
        if (name, cut) not in self._intervals:
            self._intervals[name, cut] = self._find(name, cut)
        return self._intervals[name, cut]

    def _find(self, name: str, cut: float) -> Interval:
        """Ends on the log scale, on a grid that holds them."""
        index = PARAMETERS.index(name)
        risk, least_risk = self.problems[0].risk, self.problems[0].beside.min()
        log_rates = np.linspace(*self.problems[0].log_rates, _VALUES)
        floor, decaying, log_rate = self.theta
        with np.errstate(divide="ignore", over="ignore"):
            if name == "intrinsic_limit":
                estimate, grid = np.log(floor), np.linspace(np.log(least_risk) - 12, np.log(risk.max()) + 6, _VALUES)
            elif name == "scale":
                estimate = np.log(decaying) + np.exp(log_rate) * self.log_first
                theta, least = profile(self.problems[0], 2, log_rates)
                log_scale = np.log(theta[:, 1]) + np.exp(log_rates) * self.log_first
                kept = np.append(log_scale[least - self.least <= 4 * cut + 20], estimate)
                kept = kept[np.isfinite(kept)]
                grid = np.linspace(kept.min() - 4, kept.max() + 4, _VALUES) if len(kept) else np.arange(2.0)
            else:
                estimate, grid = log_rate if decaying > 0 else np.nan, log_rates
            lower, upper = np.exp(self._ends(index, grid, estimate, cut))
        if index < 2 and profile(self.problems[index], index, np.zeros(1))[1][0] - self.least <= cut:
            lower = 0.0
        # K multiplies c^-alpha: with no upper bound for alpha it has none either
        if name == "scale" and np.isinf(self.interval("decay_rate", cut)[1]):
            upper = np.inf
        return float(lower), float(upper)

    def _ends(self, index: int, grid: Array, estimate: float, cut: float) -> Interval:
        """First and last crossing of the cut over an increasing grid; infinite where it is not crossed."""

        def look(x: Array, near: Array | None = None) -> tuple[Array, Array]:
            theta, value = profile(self.problems[index], index, np.exp(x) if index < 2 else x, near)
            # roots, since those of a parabola are straight lines
            excess = np.sqrt(np.maximum(value - self.least, 0.0)) - np.sqrt(cut)
            return theta, np.where(x == estimate, -np.sqrt(cut), excess)

        x = np.union1d(grid, estimate) if np.isfinite(estimate) else grid
        theta, y = look(x)
        for _ in range(_ROUNDS):
            left, right = np.flatnonzero(y <= max(0.0, y.min()))[[0, -1]]
            cells = np.repeat([i for i in (left - 1, right) if 0 <= i < len(x) - 1], _CLOSER).astype(int)
            share = np.resize(np.linspace(0, 1, _CLOSER + 2)[1:-1], len(cells))
            closer = x[cells] + share * (x[cells + 1] - x[cells])
            found, above = look(closer, theta[[cells, cells + 1]])
            x, y, theta = np.append(x, closer), np.append(y, above), np.concatenate([theta, found])
            order = np.argsort(x)
            x, y, theta = x[order], y[order], theta[order]
        left, right = np.flatnonzero(y <= max(0.0, y.min()))[[0, -1]]
        lower = -np.inf if left == 0 else np.interp(0.0, y[[left, left - 1]], x[[left, left - 1]])
        upper = np.inf if right == len(x) - 1 else np.interp(0.0, y[[right, right + 1]], x[[right, right + 1]])
        return float(lower), float(upper)
