"""ProbePlan: which runs are trained, and at which depths they are measured and forked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import Any

from predictlab.errors import bad_argument

DESIGNS = ("spread", "branch")
DEFAULT_SEEDS = 16


@dataclass(frozen=True)
class ProbePlan:
    """Runs and depths of a probe.

    Parameters
    ----------
    depths : sequence of int
        Optimiser steps at which every run is measured, strictly increasing, >= 0 (0: before the first step). The
        last one is how far runs are trained; a task's ``recipe.steps`` must reach it.
    seeds : int or sequence of int, optional
        Of design "spread": a number S stands for seeds 0 … S-1; default 16. Adding seeds or depths later costs only
        the new ones.
    design : {"spread", "branch"}
        "spread": independent seeds, all measured at the same depths. "branch": parents are such runs too, and at
        each depth but the last they are forked into continuations with fresh data order and dropout, trained to the
        last depth (THEORY.md, section 2).
    parents : int or sequence of int, optional
        Of design "branch": what `seeds` is to "spread", at least 2. The runs are the same, so a store that holds the
        seeds holds the parents.
    forks : int, optional
        Of design "branch": continuations per parent and depth, at least 2. There are none at depth 0: the decay law
        starts at the first step.

    Examples
    --------
    >>> ProbePlan(depths=(4, 8, 16), seeds=3).run_seeds
    (0, 1, 2)
    >>> ProbePlan(depths=(0, 4, 8, 16), design="branch", parents=2, forks=4).fork_depths
    (4, 8)
    """

    depths: tuple[int, ...]
    seeds: Any = None
    design: str = "spread"
    parents: Any = None
    forks: Any = None

    def __post_init__(self) -> None:
        if self.design not in DESIGNS:
            raise bad_argument("design", self.design, "'spread' (independent seeds) or 'branch' (forks of parents)")
        depths = _whole_numbers("depths", self.depths, "strictly increasing whole numbers >= 0, such as (4, 8, 16)")
        if any(b <= a for a, b in pairwise(depths)):
            raise bad_argument("depths", self.depths, "strictly increasing whole numbers >= 0, such as (4, 8, 16)")
        object.__setattr__(self, "depths", depths)
        if self.design == "spread":
            for name in ("parents", "forks"):
                if getattr(self, name) is not None:
                    raise bad_argument(
                        name, getattr(self, name), "nothing with design='spread'", "Use design='branch'."
                    )
            given = DEFAULT_SEEDS if self.seeds is None else self.seeds
            object.__setattr__(self, "seeds", _seeds("seeds", given, 1))
            return
        if self.seeds is not None:
            raise bad_argument("seeds", self.seeds, "nothing with design='branch'", "Its seeds are given as parents=.")
        object.__setattr__(self, "parents", _seeds("parents", self.parents, 2))
        if not _is_whole(self.forks) or self.forks < 2:
            raise bad_argument("forks", self.forks, "a number of forks per parent and depth >= 2")
        object.__setattr__(self, "forks", int(self.forks))
        if not self.fork_depths:
            raise bad_argument("depths", self.depths, "a depth >= 1 to fork at, and a deeper last one, such as (4, 16)")

    @property
    def run_seeds(self) -> tuple[int, ...]:
        """Seeds of the runs trained from their start: of "spread" its seeds, of "branch" its parents."""
        return self.seeds if self.design == "spread" else self.parents

    @property
    def fork_depths(self) -> tuple[int, ...]:
        """Depths at which every parent is forked; none of "spread"."""
        return tuple(d for d in self.depths[:-1] if d >= 1) if self.design == "branch" else ()


def _seeds(name: str, given: Any, least: int) -> tuple[int, ...]:
    """Seeds from a number of them, or from themselves."""
    if _is_whole(given):
        if given < least:
            raise bad_argument(name, given, f"a number of {name} >= {least}, or the seeds themselves")
        return tuple(range(int(given)))
    seeds = _whole_numbers(name, given, f"a number of {name} >= {least}, or different whole numbers >= 0")
    if len(set(seeds)) < len(seeds):
        raise bad_argument(name, given, "different whole numbers: a repeated seed is the same run")
    if len(seeds) < least:
        raise bad_argument(name, given, f"at least {least} different seeds")
    return seeds


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _whole_numbers(name: str, values: Any, expected: str) -> tuple[int, ...]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise bad_argument(name, values, expected)
    found = tuple(values)
    if not found or not all(_is_whole(v) and int(v) >= 0 for v in found):
        raise bad_argument(name, values, expected)
    return tuple(int(v) for v in found)
