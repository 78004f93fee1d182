"""What a plan asks of a task, what a store lacks of it, and the groups in which that is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from predictlab.probing._engine.randomness import Fork
from predictlab.probing._plan import ProbePlan
from predictlab.task import Task

if TYPE_CHECKING:
    from predictlab.probing._engine.state import RunState


@dataclass(frozen=True)
class Measurement:
    """One run at one depth: metrics, training seconds and operations so far, "ok" or "diverged"."""

    depth: int
    values: dict[str, float]
    seconds: float
    flops: float
    status: str


@dataclass(frozen=True)
class Lane:
    """A run, or a fork, that is to be trained further.

    Parameters
    ----------
    run : str
        Its name in stores.
    seed : int
    depths : tuple of int
        Depths still to be visited, increasing.
    begin : int
        Depth it goes on from.
    start : RunState or None
        Its state there, or its parent's; None: the run's own start, or a state that is still to be read.
    fork : Fork or None
    parent : str or None
        Name of the run that a fork leaves.
    keep : frozenset of int
        Depths at which forks leave it: those states are kept.
    """

    run: str
    seed: int
    depths: tuple[int, ...]
    begin: int = 0
    start: RunState | None = None
    fork: Fork | None = None
    parent: str | None = None
    keep: frozenset[int] = frozenset()

    @property
    def fresh_fork(self) -> bool:
        """Whether it starts as a fork, at its parent's state."""
        return self.fork is not None and self.begin == self.fork.depth

    @property
    def steps(self) -> int:
        """Optimiser steps to be made."""
        return self.depths[-1] - self.begin


@dataclass(frozen=True)
class Group:
    """Lanes of one task that go the same way together."""

    task: Task
    lanes: tuple[Lane, ...]

    @property
    def start(self) -> int:
        """Depth at which all its lanes start."""
        return self.lanes[0].begin

    @property
    def depths(self) -> tuple[int, ...]:
        """Depths that all its lanes visit."""
        return self.lanes[0].depths


@dataclass(frozen=True)
class Reached:
    """A lane at a depth: what was measured (None: a checkpoint between depths), and the state to go on from."""

    lane: Lane
    measured: Measurement | None
    state: RunState


def run_name(task: Task, seed: int) -> str:
    """Name of the run of `seed` in stores."""
    return f"{task.name}:{seed}"


def fork_name(task: Task, seed: int, depth: int, number: int) -> str:
    """Name, in stores, of fork `number` that leaves the run of `seed` at `depth`."""
    return f"{run_name(task, seed)}@{depth}:{number}"


def forks_of(task: Task, plan: ProbePlan, seed: int) -> Iterator[tuple[str, Fork]]:
    """Names in stores, and forks, that a plan asks for of the run of `seed`."""
    for depth in plan.fork_depths:
        for number in range(plan.forks):
            yield fork_name(task, seed, depth, number), Fork(depth, number)


Depths = Mapping[str, Iterable[int]]


def missing(task: Task, plan: ProbePlan, known: Depths, states: Depths) -> list[Lane]:
    """Lanes that lack of a plan, those that can start now and those that wait for their parent.

    Parameters
    ----------
    task : Task
    plan : ProbePlan
    known, states : mapping of str to iterable of int
        Depths at which a store holds measurements, and states, of each run.

    Returns
    -------
    list of Lane
        Without their states. A fork whose parent has no state at the fork depth yet is not among them: its parent is.
    """
    lanes: list[Lane] = []
    for seed in plan.run_seeds:
        own, ready, _ = _of_seed(task, plan, seed, known, states)
        lanes += own[:1] + ready  # a run is trained in one place at a time
    return lanes


def steps_left(task: Task, plan: ProbePlan, known: Depths, states: Depths) -> int:
    """Optimiser steps to be made, those of forks that wait for their parent included."""
    parts = [part for seed in plan.run_seeds for part in _of_seed(task, plan, seed, known, states)]
    return sum(lane.steps for part in parts for lane in part)


def _of_seed(
    task: Task, plan: ProbePlan, seed: int, known: Depths, states: Depths
) -> tuple[list[Lane], list[Lane], list[Lane]]:
    """What one run lacks, from each state that it goes on from; its forks that can start; those that wait for it."""
    run, full = run_name(task, seed), plan.depths[-1]
    held, saved = set(known.get(run, ())), set(states.get(run, ()))
    ready: list[Lane] = []
    waiting: list[Lane] = []
    for name, fork in forks_of(task, plan, seed):
        if {fork.depth, full} <= set(known.get(name, ())):
            continue
        lane = Lane(name, seed, (full,), fork.depth, None, fork, run)
        if begun := [d for d in states.get(name, ()) if d <= full]:
            ready.append(replace(lane, begin=max(begun)))
        else:
            (ready if fork.depth in saved else waiting).append(lane)
    ways: dict[int, list[int]] = {}
    for depth in sorted({d for d in plan.depths if d not in held} | {lane.begin for lane in waiting}):
        ways.setdefault(max((d for d in saved if d <= depth), default=0), []).append(depth)
    keep = frozenset(plan.fork_depths)
    own = [Lane(run, seed, tuple(depths), begin, keep=keep) for begin, depths in ways.items()]
    return own, ready, waiting


def grouped(task: Task, lanes: Iterable[Lane], size: int) -> list[Group]:
    """Lanes that start at one depth and visit the same ones, at most `size` together, in their order.

    A run's numbers depend, in their last digits, on what it is trained beside. The groups follow from the order of
    the lanes alone, and all lanes of a group reach a depth in one transaction: work that was interrupted is taken up
    in the same groups.
    """
    ways: dict[tuple[int, tuple[int, ...], int | None], list[Lane]] = {}
    for lane in lanes:
        ways.setdefault((lane.begin, lane.depths, lane.fork.depth if lane.fork else None), []).append(lane)
    return [Group(task, tuple(way[i : i + size])) for way in ways.values() for i in range(0, len(way), size)]


def planned(task: Task, plan: ProbePlan, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of `frame` that `plan` asks for, run after run in the plan's order, each followed by its forks.

    The order does not depend on what was trained when.
    """
    wanted: dict[str, tuple[int, ...]] = {}
    for seed in plan.run_seeds:
        wanted[run_name(task, seed)] = plan.depths
        wanted |= {name: (fork.depth, plan.depths[-1]) for name, fork in forks_of(task, plan, seed)}
    pairs = pd.MultiIndex.from_tuples([(run, depth) for run, depths in wanted.items() for depth in depths])
    place = pairs.get_indexer(pd.MultiIndex.from_frame(frame[["run", "depth"]]))
    order = place.argsort(kind="stable")
    return frame.iloc[order[place[order] >= 0]]
