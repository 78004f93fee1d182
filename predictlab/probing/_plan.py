"""ProbePlan: which runs are trained, and at which depths they are measured and forked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import TypeGuard

from predictlab._summary import time_in_words
from predictlab._validation import nonnegative, replaced, whole_number
from predictlab.errors import bad_argument
from predictlab.runs import RunCosts
from predictlab.task import Task

DESIGNS = ("spread", "branch")
DEFAULT_SEEDS = 16


@dataclass(frozen=True, repr=False)
class PlanCost:
    """What a plan costs.

    Parameters
    ----------
    runs : int
        Forks included.
    steps_per_run : int
        Of the longest.
    steps : int
        Of all runs together.
    evaluations : int
        Runs at a depth that are measured.
    seconds : float
        Training and, where they were timed, evaluations; NaN without costs.
    price : float
        Money; NaN without a price.

    Examples
    --------
    >>> PlanCost(16, 64, 1024, 32, 90.0, 0.05)
    16 runs of 64 steps, 1,024 steps in all, 32 evaluations, 1.5 min, price 0.05
    """

    runs: int
    steps_per_run: int
    steps: int
    evaluations: int
    seconds: float = math.nan
    price: float = math.nan

    def __repr__(self) -> str:
        least = "" if self.steps == self.runs * self.steps_per_run else "up to "
        told = f"{self.runs:,} runs of {least}{self.steps_per_run:,} steps, {self.steps:,} steps in all, "
        told += f"{self.evaluations:,} evaluations"
        if not math.isnan(self.seconds):
            told += f", {time_in_words(self.seconds)}"
        return told if math.isnan(self.price) else f"{told}, price {self.price:.3g}"

    def _repr_html_(self) -> str:
        runs, _, rest = repr(self).partition(", ")
        return f"<b>{runs}</b>, {rest}"


@dataclass(frozen=True, init=False)
class ProbePlan:
    """Runs and depths of a probe.

    Parameters
    ----------
    depths : sequence of int, optional
        Optimiser steps at which every run is measured, strictly increasing, >= 0 (0: before the first step). The
        last one is how far runs are trained; a task's ``recipe.steps`` must reach it.
    seeds : int or sequence of int, optional
        Of design "spread": a number S stands for seeds 0 … S-1; default 16. Adding seeds or depths later costs only
        the new ones.
    design : {"spread", "branch"}
        "spread": independent seeds, all measured at the same depths. "branch": parents are such runs too, and at
        each depth but the last they are forked into continuations with fresh data order and dropout, trained to the
        last depth (docs/theory.md, section 2).
    parents : int or sequence of int, optional
        Of design "branch": what `seeds` is to "spread", at least 2. The runs are the same, so a store that holds the
        seeds holds the parents.
    forks : int, optional
        Of design "branch": continuations per parent and depth, at least 2. There are none at depth 0: the decay law
        starts at the first step.
    horizons : sequence of int, optional
        In the place of `depths`: lengths of recipes, steps, strictly increasing, >= 1. Each task is trained once for
        each of them, as a task of its own with ``recipe.steps`` of that length and the name ``"name, 64 steps"``, and
        measured at its end: a depth of one recipe is not the end of a shorter one, whose learning rate has fallen by
        then. See `predictlab.risk.over_horizons`.

    Raises
    ------
    ArgumentError
        Depths, horizons, seeds, parents or forks that cannot be, or that do not go together.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.ProbePlan(depths=(4, 8, 16), seeds=3).run_seeds
    (0, 1, 2)
    >>> pl.ProbePlan(depths=(0, 4, 8, 16), design="branch", parents=2, forks=4).fork_depths
    (4, 8)
    >>> pl.ProbePlan(horizons=(64, 128, 256), seeds=24).depths
    (64, 128, 256)
    """

    depths: tuple[int, ...]
    seeds: tuple[int, ...] | None
    design: str
    parents: tuple[int, ...] | None
    forks: int | None
    horizons: tuple[int, ...] | None

    def __init__(
        self,
        depths: Iterable[int] | None = None,
        seeds: int | Iterable[int] | None = None,
        design: str = "spread",
        parents: int | Iterable[int] | None = None,
        forks: int | None = None,
        horizons: Iterable[int] | None = None,
    ) -> None:
        if design not in DESIGNS:
            raise bad_argument("design", design, "'spread' (independent seeds) or 'branch' (forks of parents)")
        ends = None
        if horizons is not None:
            ends = _increasing("horizons", horizons, 1)
            if design != "spread":
                raise bad_argument("horizons", horizons, "nothing with design='branch'", "Fork one recipe at a time.")
            if depths is not None and depths != ends:  # equal in a copy of such a plan
                hint = "Each recipe is measured at its end; probe its depths in a plan of their own."
                raise bad_argument("depths", depths, "nothing beside horizons=", hint)
        visits = ends or _increasing("depths", depths, 0)
        fields: dict[str, object] = {"seeds": None, "parents": None, "forks": None}
        if design == "spread":
            for name, value in (("parents", parents), ("forks", forks)):
                if value is not None:
                    raise bad_argument(name, value, "nothing with design='spread'", "Use design='branch'.")
            fields["seeds"] = _seeds("seeds", DEFAULT_SEEDS if seeds is None else seeds, 1)
        else:
            if seeds is not None:
                raise bad_argument("seeds", seeds, "nothing with design='branch'", "Its seeds are given as parents=.")
            fields["parents"] = _seeds("parents", parents, 2)
            fields["forks"] = whole_number("forks", forks, 2, "a number of forks per parent and depth")
            if len(visits) < 2 or visits[-2] < 1:
                raise bad_argument("depths", depths, "a depth >= 1 to fork at, and a deeper last one, such as (4, 16)")
        self.__dict__.update(fields, depths=visits, design=design, horizons=ends)  # frozen: no field can be set

    @property
    def run_seeds(self) -> tuple[int, ...]:
        """Seeds of the runs trained from their start: of "spread" its seeds, of "branch" its parents."""
        return self.seeds or self.parents or ()

    @property
    def fork_depths(self) -> tuple[int, ...]:
        """Depths at which every parent is forked; none of "spread"."""
        return tuple(d for d in self.depths[:-1] if d >= 1) if self.design == "branch" else ()

    def replace(self, **changes: object) -> ProbePlan:
        """Copy with other fields.

        Parameters
        ----------
        **changes
            Fields by name, as in the constructor.

        Returns
        -------
        ProbePlan

        Raises
        ------
        ArgumentError
            An unknown field, or a plan that cannot be.

        Examples
        --------
        >>> import predictlab as pl
        >>> pl.ProbePlan((4, 8), seeds=3).replace(depths=(4, 8, 16)).depths
        (4, 8, 16)
        """
        if "horizons" in changes:
            changes.setdefault("depths", None)
        return replaced(self, changes)

    def of(self, task: Task) -> ProbePlan:
        """Plan of one task among those that are trained: of a plan over horizons, the one of its own length.

        Parameters
        ----------
        task : Task

        Returns
        -------
        ProbePlan
            Without horizons.

        Examples
        --------
        >>> import pandas as pd
        >>> import predictlab as pl
        >>> rows = pd.DataFrame({"text": ["good", "bad", "fine", "poor"], "label": ["yes", "no", "yes", "no"]})
        >>> data = pl.load_dataset(rows, eval_size=2, name="tiny")
        >>> pl.ProbePlan(horizons=(64, 128), seeds=3).of(pl.Task("minilm-l6", data, pl.Recipe(steps=64))).depths
        (64,)
        """
        return self if self.horizons is None else ProbePlan((task.recipe.steps,), self.seeds)

    def cost(self, costs: RunCosts | None = None, *, gpu_hour: float | None = None) -> PlanCost:
        """Tell what the plan costs from nothing: steps, and with measured costs seconds and money.

        Parameters
        ----------
        costs : RunCosts, optional
            ``store.costs(task)``, of this task or of one like it.
        gpu_hour : float, optional
            Of the machine, in money.

        Returns
        -------
        PlanCost
            Of one task; what a store holds already is not taken off.

        Raises
        ------
        ArgumentError
            A price without costs, or below 0.

        Examples
        --------
        >>> import predictlab as pl
        >>> pl.ProbePlan((8, 64), seeds=16).cost()
        16 runs of 64 steps, 1,024 steps in all, 32 evaluations
        >>> pl.ProbePlan(horizons=(64, 128), seeds=3).cost().steps
        576
        """
        if costs is not None and not isinstance(costs, RunCosts):
            raise bad_argument("costs", costs, "a RunCosts", "store.costs(task) makes one.")
        if gpu_hour is not None:
            nonnegative("gpu_hour", gpu_hour)
            if costs is None:
                raise bad_argument("gpu_hour", gpu_hour, "nothing without costs=", "A step has no price.")
        runs, last = len(self.run_seeds), self.depths[-1]
        steps, evaluations = runs * (sum(self.depths) if self.horizons else last), runs * len(self.depths)
        if self.horizons:
            runs *= len(self.horizons)
        elif forks := runs * (self.forks or 0):
            steps += forks * sum(last - depth for depth in self.fork_depths)
            evaluations += forks * len(self.fork_depths)
            runs += forks * len(self.fork_depths)
        seconds = price = math.nan
        if costs is not None:
            evaluation = costs.seconds_per_evaluation if costs.evaluations else 0.0
            seconds = steps * costs.seconds_per_step + evaluations * evaluation
        if gpu_hour is not None:
            price = seconds / 3600 * gpu_hour
        return PlanCost(runs, last, steps, evaluations, seconds, price)

    def _extended(self, seeds: int | Iterable[int] | None, depths: int | Iterable[int] | None) -> ProbePlan:
        """The plan with more seeds and depths; see `ProbeRun.extend`."""
        held = self.run_seeds
        if depths is not None and self.horizons is not None:
            hint = "Its recipes end where they were measured; probe other horizons in a call of their own."
            raise bad_argument("depths", depths, "nothing for a plan over horizons", hint)
        if _is_whole(seeds):
            if seeds < 1:
                raise bad_argument("seeds", seeds, "how many seeds more, >= 1, or the seeds themselves")
            seeds = range(max(held) + 1, max(held) + 1 + int(seeds))
        more = _whole_numbers("seeds", held if seeds is None else seeds, "how many seeds more, or the seeds themselves")
        seeds_or_parents = {"seeds" if self.seeds else "parents": tuple(dict.fromkeys((*held, *more)))}
        if self.horizons is not None:
            return self.replace(**seeds_or_parents)
        deeper = (depths,) if _is_whole(depths) else self.depths if depths is None else depths
        visits = {*self.depths, *_whole_numbers("depths", deeper, "whole numbers >= 0, such as 64 or (64, 128)")}
        return self.replace(depths=tuple(sorted(visits)), **seeds_or_parents)


def checked_tasks(tasks: Task | Iterable[Task], plan: ProbePlan) -> list[Task]:
    """Tasks that a plan trains, one for each of its horizons, or an error that says why they do not fit it."""
    chosen = [tasks] if isinstance(tasks, Task) else list(tasks)
    if not chosen or not all(isinstance(task, Task) for task in chosen):
        raise bad_argument("tasks", chosen, "a pl.Task or a list of them")
    if not isinstance(plan, ProbePlan):
        raise bad_argument("plan", plan, "a pl.ProbePlan(depths=..., seeds=...)")
    if plan.horizons is not None:
        chosen = [_of_length(task, steps) for task in chosen for steps in plan.horizons]
    names = [str(task.name) for task in chosen]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise bad_argument("tasks", twice, "a different name for each task", "Give one of them another name=.")
    check_fit(chosen, plan)
    return chosen


def check_fit(tasks: Iterable[Task], plan: ProbePlan) -> None:
    """Raise ArgumentError if recipes of the tasks that are trained do not go with a plan."""
    if plan.horizons is not None:
        return  # each task was made for its own
    for task in tasks:
        recipe = task.recipe
        if plan.depths[-1] > recipe.steps:
            expected = f"at most {recipe.steps}, the steps of the recipe of {task.name}"
            hint = "Raise the recipe's steps (its schedule ends there) or leave the deeper depths out."
            raise bad_argument("depths", plan.depths, expected, hint)
        dropout_is_free = recipe.dropout > 0 and recipe.dropout_seed is None
        if plan.fork_depths and recipe.order_seed is not None and not dropout_is_free:
            expected = f"None with design='branch', since {task.name} has no unpinned dropout: all forks would be equal"
            hint = "Leave the data order or the dropout of the recipe free."
            raise bad_argument("order_seed", recipe.order_seed, expected, hint)


def _of_length(task: Task, steps: int) -> Task:
    """The task with a recipe of so many steps, under a name that `predictlab.risk.over_horizons` knows."""
    return task.replace(recipe=task.recipe.replace(steps=steps), name=f"{task.name}, {steps} steps")


def _increasing(name: str, given: object, least: int) -> tuple[int, ...]:
    """Strictly increasing whole numbers."""
    expected = f"strictly increasing whole numbers >= {least}, such as (4, 8, 16)"
    numbers = _whole_numbers(name, given, expected)
    if numbers[0] < least or any(b <= a for a, b in pairwise(numbers)):
        raise bad_argument(name, given, expected)
    return numbers


def _seeds(name: str, given: object, least: int) -> tuple[int, ...]:
    """Seeds from a number of them, or from themselves."""
    expected = f"a number of {name} >= {least}, or as many different whole numbers >= 0"
    if _is_whole(given) and given < least:
        raise bad_argument(name, given, expected)
    seeds = _whole_numbers(name, range(given) if _is_whole(given) else given, expected)
    if len(set(seeds)) < len(seeds):
        raise bad_argument(name, given, "different whole numbers: a repeated seed is the same run")
    if len(seeds) < least:
        raise bad_argument(name, given, expected)
    return seeds


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _whole_numbers(name: str, values: object, expected: str) -> tuple[int, ...]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise bad_argument(name, values, expected)
    numbers = tuple(values)
    if not numbers or not all(_is_whole(v) and int(v) >= 0 for v in numbers):
        raise bad_argument(name, values, expected)
    return tuple(int(v) for v in numbers)
