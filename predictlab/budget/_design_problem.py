"""Steps and evaluation rows of many tasks under one budget, as arrays (docs/theory.md, sections 4 and 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictlab._validation import Rng, generator, positive, whole_number
from predictlab.budget._allocation import AllocationProblem, Bounds, PerTask
from predictlab.budget._depth import Array
from predictlab.budget._rows import prices_of, with_rows
from predictlab.decay import DecayResults
from predictlab.errors import bad_argument

_DEPTHS, _BEYOND = 160, 64.0  # depths that are tried, up to so many times the last where a recipe has no known end
_REMEMBERED = 64  # fits whose tabulated draws are kept while others follow
HALVINGS = 50  # of the range of the multiplier
LEAST_ROWS = 2.0


@dataclass(frozen=True)
class DesignProblem:
    """What `allocate_design` and `design_frontier` solve, as arrays over tasks.

    Parameters
    ----------
    tasks : list of str
        Names.
    weight, step, row : ndarray, shape (t,)
        Weights, and prices of a step and of an evaluation row of all seeds.
    depth : ndarray, shape (t, m)
        Depths that are tried, steps.
    population, interaction : ndarray, shape (n, t, m)
        Of joint draws: the risk on the population of rows there (metric²), and what rows add (metric² a row).
    medians : (ndarray, ndarray), each of shape (t, m)
        Of both, over all draws.

    Examples
    --------
    >>> import predictlab as pl
    >>> from predictlab.risk import variance_components
    >>> rng = np.random.default_rng(0)
    >>> parts = [variance_components(rng.random((8, 200)) < 0.9) for _ in range(4)]
    >>> curve = pl.RiskCurve([4, 8, 16, 32], [p.spread for p in parts], df=7, parts=parts)
    >>> problem = DesignProblem.of({"t": pl.DecayModel(curve).fit()}, cost_per_row=1.0)
    >>> depth, rows, price = problem.middle().share(2000)
    >>> bool(abs(problem.step @ depth[0] + problem.row @ rows[0] - 2000) < 1e-6)
    True
    """

    tasks: list[str]
    weight: Array
    step: Array
    row: Array
    depth: Array
    population: Array
    interaction: Array
    medians: tuple[Array, Array]

    @classmethod
    def of(
        cls,
        fits: Mapping[str, DecayResults],
        weights: PerTask | None = None,
        cost_per_step: PerTask | None = None,
        cost_per_row: PerTask | None = None,
        bounds: Bounds | None = None,
        seeds: PerTask | None = None,
        *,
        grid: int = _DEPTHS,
        keep: int | None = None,
        draws: int = 500,
        rng: Rng = None,
    ) -> DesignProblem:
        """Check the arguments of `allocate_design`, and tabulate the draws.

        Parameters
        ----------
        fits, weights, cost_per_step, cost_per_row, bounds, seeds, draws, rng
            As for `allocate_design`.
        grid : int
            Number of depths that are tried.
        keep : int, optional
            Of the draws, how many are kept beside their medians; default all.

        Returns
        -------
        DesignProblem
        """
        problem = AllocationProblem.of(fits, weights, cost_per_step, bounds, seeds)
        source, count = generator(rng), whole_number("draws", draws, 2)
        left = count if keep is None else min(whole_number("keep", keep, 1), count)
        given = _each(cost_per_row, problem.tasks)
        own = _each(cost_per_step, problem.tasks)
        pairs = [prices_of(*of) for of in zip(problem.fits, own, given, strict=True)]
        prices = np.array(pairs, dtype=float) * problem.seeds[:, None].astype(float)
        depths, kept, medians = [], [], []
        seen: dict[tuple[int, float, float], tuple[Array, Array]] = {}  # one fit may stand for many tasks
        for fit, low, high in zip(problem.fits, problem.low, problem.high, strict=True):
            end = high if np.isfinite(high) else _BEYOND * float(fit.fitted.depth[-1])
            depth = np.geomspace(low, max(end, low), whole_number("grid", grid, 2))
            key = id(fit), float(low), float(high)
            if key not in seen:
                sample = with_rows(fit, count, source)
                seen[key] = sample.population(depth), sample.interaction(depth)
                order = np.arange(count)
            else:
                order = source.permutation(count)  # tasks that share a fit do not err together
            depths.append(depth)
            kept.append([part[order[:left]] for part in seen[key]])
            medians.append([np.median(part, axis=0) for part in seen[key]])
            if len(seen) > _REMEMBERED:
                seen.pop(next(iter(seen)))
        population, interaction = (np.stack([each[i] for each in kept], axis=1) for i in (0, 1))
        middle = np.stack([each[0] for each in medians]), np.stack([each[1] for each in medians])
        return cls(
            problem.tasks, problem.weight, prices[:, 0], prices[:, 1], np.stack(depths), population, interaction, middle
        )

    def middle(self) -> DesignProblem:
        """Take the medians as the one draw.

        Returns
        -------
        DesignProblem
        """
        population, interaction = self.medians
        return replace(self, population=population[None], interaction=interaction[None])

    def arranged(self, weight: Array, locked: Mapping[int, int]) -> DesignProblem:
        """Weigh the tasks anew, and keep some at one of their depths.

        Parameters
        ----------
        weight : ndarray, shape (t,)
        locked : mapping of int to int
            Index of a task -> index of its depth.

        Returns
        -------
        DesignProblem
        """
        at = np.tile(np.arange(self.depth.shape[1]), (len(self.tasks), 1))
        for task, index in locked.items():
            at[task] = index

        def chosen(values: Array) -> Array:
            return np.take_along_axis(values, np.broadcast_to(at, values.shape), axis=-1)

        population, interaction = self.medians
        return replace(
            self, weight=weight, depth=chosen(self.depth), population=chosen(self.population),
            interaction=chosen(self.interaction), medians=(chosen(population), chosen(interaction)),
        )  # fmt: skip

    def least(self) -> float:
        """Compute the cost of the lowest depths and fewest rows.

        Returns
        -------
        float
        """
        return float(np.sum(self.step * self.depth[:, 0] + self.row * LEAST_ROWS))

    def checked_budget(self, total_budget: float) -> float:
        """Check that a budget pays for the lowest depths.

        Parameters
        ----------
        total_budget : float
            In the unit of the prices.

        Returns
        -------
        float
            The budget.
        """
        value = positive("total_budget", total_budget, " (cost)")
        if value < self.least() * (1 - 1e-12):
            raise bad_argument(
                "total_budget", total_budget,
                f"at least {self.least():.4g}, for the lowest depths on {LEAST_ROWS:g} rows",
                "Leave tasks out, lower the bounds, or raise the budget.",
            )  # fmt: skip
        return value

    def _at(self, log_price: Array) -> tuple[NDArray[np.intp], Array]:
        """Best depth (its index) and rows of each draw and task where a unit of cost is worth ``exp(log_price)``."""
        gamma = np.exp(log_price)[:, None, None]
        weighted = self.weight[:, None] * self.interaction
        rows = np.maximum(np.sqrt(weighted / (gamma * self.row[:, None])), LEAST_ROWS)
        value = self.weight[:, None] * self.population + weighted / rows
        value += gamma * (self.step[:, None] * self.depth + self.row[:, None] * rows)
        best = np.argmin(value, axis=2)
        return best, np.take_along_axis(rows, best[..., None], axis=2)[..., 0]

    def _cost(self, best: NDArray[np.intp], rows: Array) -> tuple[Array, Array]:
        """Cost of steps and of rows, of each draw and task."""
        depth = np.take_along_axis(self.depth[None], best[..., None], axis=2)[..., 0]
        return self.step * depth, self.row * rows

    def share(self, total_budget: float) -> tuple[Array, Array, Array]:
        """Share a budget among the tasks, and of each between steps and rows.

        Parameters
        ----------
        total_budget : float
            Enough for the lowest depths.

        Returns
        -------
        depth, rows : ndarray, shape (n, t)
            Of each draw.
        price : ndarray, shape (n,)
            Weighted risk that one more unit of cost saves.
        """
        n = len(self.population)
        low, high = np.full(n, np.log(1e-30)), np.full(n, np.log(1e12))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            spent = sum(part.sum(axis=1) for part in self._cost(*self._at(middle)))
            low, high = np.where(spent > total_budget, middle, low), np.where(spent > total_budget, high, middle)
        best, rows = self._at(high)
        steps, of_rows = self._cost(best, rows)
        # depths are those of a grid: what is left over buys rows
        rows = rows * ((total_budget - steps.sum(axis=1)) / of_rows.sum(axis=1))[:, None]
        return np.take_along_axis(self.depth[None], best[..., None], axis=2)[..., 0], rows, np.exp(high)

    def risk(self, depth: Array, rows: Array) -> Array:
        """Compute the risk of each draw and task at a plan.

        Parameters
        ----------
        depth, rows : ndarray, shape (t,)
            Depths among those that are tried, and evaluation rows.

        Returns
        -------
        ndarray, shape (n, t)
            Metric².
        """
        best = np.argmin(np.abs(np.log(self.depth / depth[:, None])), axis=1)
        each = np.arange(len(depth))
        return np.asarray(self.population[:, each, best] + self.interaction[:, each, best] / rows)


def _each(value: PerTask | None, tasks: list[str]) -> list[float | None]:
    """A price for each task, or None for each."""
    if value is None:
        return [None] * len(tasks)
    if isinstance(value, Mapping):
        return [value.get(name) for name in tasks]
    array = np.broadcast_to(np.asarray(value, dtype=float), (len(tasks),))
    return [float(v) for v in array]
