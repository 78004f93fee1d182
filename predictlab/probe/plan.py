"""ProbePlan: which seeds are trained, and at which depths they are measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import Any

from predictlab.errors import bad_argument


@dataclass(frozen=True)
class ProbePlan:
    """Seeds and depths of a probe.

    Parameters
    ----------
    depths : sequence of int
        Optimiser steps at which every run is measured, strictly increasing, >= 0 (0: before the first step). The
        last one is how far runs are trained; a task's ``recipe.steps`` must reach it.
    seeds : int or sequence of int
        A number S stands for seeds 0 … S-1. Adding seeds or depths later costs only the new ones.
    design : {"spread"}
        Independent seeds, all measured at the same depths.

    Examples
    --------
    >>> ProbePlan(depths=(4, 8, 16), seeds=3).seeds
    (0, 1, 2)
    """

    depths: tuple[int, ...]
    seeds: Any = 16
    design: str = "spread"

    def __post_init__(self) -> None:
        if self.design != "spread":
            raise bad_argument("design", self.design, "'spread' (independent seeds)")
        depths = _whole_numbers("depths", self.depths, "strictly increasing whole numbers >= 0, such as (4, 8, 16)")
        if any(b <= a for a, b in pairwise(depths)):
            raise bad_argument("depths", self.depths, "strictly increasing whole numbers >= 0, such as (4, 8, 16)")
        seeds: tuple[int, ...]
        if isinstance(self.seeds, Integral) and not isinstance(self.seeds, bool):
            if self.seeds < 1:
                raise bad_argument("seeds", self.seeds, "a number of seeds >= 1, or the seeds themselves")
            seeds = tuple(range(int(self.seeds)))
        else:
            seeds = _whole_numbers("seeds", self.seeds, "a number of seeds >= 1, or different whole numbers >= 0")
            if len(set(seeds)) < len(seeds):
                raise bad_argument("seeds", self.seeds, "different whole numbers: a repeated seed is the same run")
        object.__setattr__(self, "depths", depths)
        object.__setattr__(self, "seeds", seeds)


def _whole_numbers(name: str, values: Any, expected: str) -> tuple[int, ...]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise bad_argument(name, values, expected)
    found = tuple(values)
    if not found or not all(isinstance(v, Integral) and not isinstance(v, bool) and int(v) >= 0 for v in found):
        raise bad_argument(name, values, expected)
    return tuple(int(v) for v in found)
