"""Draws of a posterior: whole curves, of the evaluation rows that were asked about (docs/theory.md, section 9)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from predictlab.decay._draws import CROSS_BEYOND, Sample
from predictlab.decay._law import Array, law
from predictlab.decay._posterior import Curves, between, falls_below
from predictlab.decay._rows import RowsDraws
from predictlab.decay._shapes import ALTERNATIVES

FLAT = 0.05  # slope of log L in log c up to which a curve does not count as rising: 5 % for 2.7 times the depth
_STEPS, _BEYOND, _FAR = 4, 2.0**20, 60  # grid: steps between measured depths; how far beyond the last, in how many


@dataclass(frozen=True)
class CurveSample(Sample):
    """Draws of a posterior, of the evaluation set that was asked for; the risk is that of the whole curve.

    Parameters
    ----------
    params : ndarray, shape (n, 3)
        ``L_int``, ``K``, ``alpha`` of the law that the curve follows once its rise is over.
    curves : Curves
    rows : RowsDraws or None
    """

    curves: Curves
    rows: RowsDraws | None

    def risk(self, depth: Array) -> Array:
        """Risk at depths (m,), the rise and the law's own error included, metric²: (n, m)."""
        own = self.curves.risk(depth)
        return own if self.rows is None else own + self.rows.risk(depth)

    def population(self, depth: Array) -> Array:
        """Risk on the population of rows at depths (m,), metric²: (n, m); `risk` itself where rows are unknown."""
        return self.curves.risk(depth)

    def interaction(self, depth: Array) -> Array:
        """``sigma_int²`` at depths (m,), metric² a row: (n, m)."""
        assert self.rows is not None
        return self.rows.interaction(depth)

    def slope(self) -> Array:
        """Slope of the logarithm of the risk in that of the depth, at the last measured one, (n,)."""
        own = self.curves.slope()
        if self.rows is None:
            return own
        last = np.exp(self.curves.log_depth[-1:])
        population, rows = self.curves.risk(last)[:, 0], self.rows.risk(last)[:, 0]
        _, scale, rate = self.rows.law.T
        falling = law(float(last[0]), 0.0, scale, rate) / law(float(last[0]), *self.rows.law.T)
        return (own * population - rate * falling * rows) / (population + rows)

    def peak(self) -> NDArray[np.intp]:
        """Index of the measured depth at which each risk is highest, (n,); their number where it rises at the last."""
        depth = np.exp(self.curves.log_depth)
        return np.where(self.slope() > FLAT, len(depth), self.risk(depth).argmax(axis=1))

    def envelope(self, depth: Array) -> Array:
        """Largest risk at each of the depths (m,) and beyond, metric²: (n, m)."""
        depths, largest = self._largest
        return np.maximum(self.risk(depth), np.exp(between(np.log(depths), largest, np.log(depth))))

    def lasting(self) -> Array:
        """Risk that is left at a thousand times the last depth, metric²: (n,); what falls more slowly never falls."""
        return self.risk(self._reach)[:, 0]

    def lasting_of_runs(self) -> Array:
        """The same on the population of rows."""
        return self.population(self._reach)[:, 0]

    def lasting_of_rows(self) -> Array:
        """What the evaluation rows add to it on the set that is asked about; 0 where it is not known."""
        return np.zeros(len(self.params)) if self.rows is None else self.rows.risk(self._reach)[:, 0]

    @property
    def _reach(self) -> Array:
        return CROSS_BEYOND * np.exp(self.curves.log_depth[-1:])

    def crossing(self, tolerance: float) -> Array:
        """Depth from which on the risk is within a tolerance, steps: (n,); inf where the floor is above it."""
        depths, largest = self._largest
        at, inside = falls_below(np.log(depths), largest, float(np.log(tolerance)))
        by_law = super().crossing(tolerance)
        found = np.where(at == 0, np.minimum(by_law, depths[0]), np.where(at == len(depths), by_law, inside))
        return np.where(self.params[:, 0] >= tolerance, np.inf, found)

    @cached_property
    def _largest(self) -> tuple[Array, Array]:
        """Depths of a grid (g,), and the logarithm of the largest risk from each on (n, g)."""
        log_depth = self.curves.log_depth
        inside = [np.linspace(a, b, _STEPS, endpoint=False) for a, b in itertools.pairwise(log_depth)]
        beyond = log_depth[-1] + np.linspace(0, np.log(_BEYOND), _FAR)
        depths = np.exp(np.concatenate([*inside, beyond]))
        logs = np.log(np.maximum(self.risk(depths), 1e-300))  # an exponential fall ends at 0
        return depths, np.maximum.accumulate(logs[:, ::-1], axis=1)[:, ::-1]

    def weights(self) -> Array:
        """Weights (p, n) under the fit's own prior and under each of the named alternatives."""
        logs = np.stack([self.curves.shapes.log_ratio(name, self.curves.log_depth) for name in ALTERNATIVES])
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.vstack([super().weights(), weights / weights.sum(axis=1, keepdims=True)])

    def first(self, n: int) -> CurveSample:
        """The first `n` of them."""
        rows = None if self.rows is None else self.rows.first(n)
        return replace(self, params=self.params[:n], curves=self.curves.first(n), rows=rows)


@dataclass(frozen=True)
class EndedSample(CurveSample):
    """Draws of a curve of `fresh_run`: from the end of the recipe on the risk stays, and its floor is ``Var(R)``.

    Parameters
    ----------
    params, curves, rows
        As of `CurveSample`.
    end : float
        ``T``, steps.
    seeds : int
        Runs that are read: at the end the risk is ``Var(R) (1 + 1/S)``.
    """

    end: float
    seeds: int

    def risk(self, depth: Array) -> Array:
        """See `CurveSample.risk`."""
        return super().risk(np.minimum(depth, self.end))

    def population(self, depth: Array) -> Array:
        """See `CurveSample.population`."""
        return super().population(np.minimum(depth, self.end))

    def lasting(self) -> Array:
        """``Var(R)``, which no probe of other runs removes, metric²: (n,)."""
        return super().lasting() / (1 + 1 / self.seeds)

    def crossing(self, tolerance: float) -> Array:
        """See `CurveSample.crossing`; inf where it is not met at the end."""
        met = self.risk(np.array([self.end]))[:, 0] <= tolerance
        return np.where(met, np.minimum(super().crossing(tolerance), self.end), np.inf)
