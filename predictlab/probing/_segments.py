"""What a plan asks of a task, what a store lacks of it, and the groups in which that is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
from numpy.typing import NDArray

from predictlab.probing._plan import ProbePlan
from predictlab.task import Task

if TYPE_CHECKING:
    from predictlab.probing._engine.parameters import RunState


class Fork(NamedTuple):
    """Which fork of a run: the depth (steps) it leaves its parent at, and its number there."""

    depth: int
    number: int


@dataclass(frozen=True)
class RunSegment:
    """A part of a run, or of a fork, that is to be trained: from one depth on, through others, to the last of them.

    Parameters
    ----------
    run : str
        Its name in stores.
    seed : int
    depths : tuple of int
        Depths still to be visited, increasing.
    begin : int
        Depth it goes on from.
    state : RunState or None
        The run's state there, or its parent's; None: the run's own start, or a state that is still to be read.
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
    state: RunState | None = None
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

    @property
    def costs_before(self) -> tuple[float, float]:
        """Seconds and operations that the run has cost up to here; a fork's own are counted from the fork."""
        return (0.0, 0.0) if self.state is None or self.fresh_fork else (self.state.seconds, self.state.flops)


@dataclass(frozen=True, eq=False)
class Group:
    """Segments of runs of one task that start at one depth and visit the same ones, and are trained together."""

    task: Task
    segments: tuple[RunSegment, ...]

    @property
    def begin(self) -> int:
        """Depth at which all its segments start."""
        return self.segments[0].begin

    @property
    def depths(self) -> tuple[int, ...]:
        """Depths that all its segments visit."""
        return self.segments[0].depths


@dataclass(frozen=True)
class CheckpointResult:
    """A run at a depth: the state to go on from, what was measured (None: a checkpoint between depths), how long."""

    segment: RunSegment
    state: RunState
    values: Mapping[str, float] | None
    outcomes: Mapping[str, NDArray[Any]] | None = None  # of each evaluation row
    evaluation_seconds: float = math.nan  # this run's share of the time of its evaluation


@dataclass(frozen=True)
class GroupUpdate:
    """What has happened in the training of a group.

    Parameters
    ----------
    group : Group
    steps : int
        Optimiser steps made since the last update, of all its runs together.
    results : tuple of CheckpointResult
        What all its runs reached at one depth; updates come in order of depth.
    finished : bool
        Nothing is left to be done.
    """

    group: Group
    steps: int = 0
    results: tuple[CheckpointResult, ...] = ()
    finished: bool = False


CancelCheck = Callable[[], object]
"""Called now and then by what takes long; what it raises ends that."""


def never_cancelled() -> None:
    """The check of what nobody wants to end."""


def run_name(task: Task, seed: int) -> str:
    """Name of the run of `seed` in stores."""
    return f"{task.name}:{seed}"


def fork_name(task: Task, seed: int, depth: int, number: int) -> str:
    """Name, in stores, of fork `number` that leaves the run of `seed` at `depth`."""
    return f"{run_name(task, seed)}@{depth}:{number}"


def forks_of(task: Task, plan: ProbePlan, seed: int) -> Iterator[tuple[str, Fork]]:
    """Names in stores, and forks, that a plan asks for of the run of `seed`."""
    for depth in plan.fork_depths:
        for number in range(plan.forks or 0):
            yield fork_name(task, seed, depth, number), Fork(depth, number)


Depths = Mapping[str, Iterable[int]]


def missing(task: Task, plan: ProbePlan, measured: Depths, states: Depths) -> list[RunSegment]:
    """Segments that lack of a plan, those that can start now and those that wait for their parent.

    Parameters
    ----------
    task : Task
    plan : ProbePlan
    measured, states : mapping of str to iterable of int
        Depths at which a store holds measurements, and states, of each run.

    Returns
    -------
    list of RunSegment
        Without their states. A fork whose parent has no state at the fork depth yet is not among them: its parent is.
    """
    segments: list[RunSegment] = []
    plan = plan.of(task)
    for seed in plan.run_seeds:
        own, ready, _ = _of_seed(task, plan, seed, measured, states)
        segments += own[:1] + ready  # a run is trained in one place at a time
    return segments


def steps_left(task: Task, plan: ProbePlan, measured: Depths, states: Depths) -> int:
    """Optimiser steps to be made, those of forks that wait for their parent included."""
    plan = plan.of(task)
    parts = [part for seed in plan.run_seeds for part in _of_seed(task, plan, seed, measured, states)]
    return sum(segment.steps for part in parts for segment in part)


def _of_seed(
    task: Task, plan: ProbePlan, seed: int, measured: Depths, states: Depths
) -> tuple[list[RunSegment], list[RunSegment], list[RunSegment]]:
    """What one run lacks, from each state that it goes on from; its forks that can start; those that wait for it."""
    run, full = run_name(task, seed), plan.depths[-1]
    held, saved = set(measured.get(run, ())), set(states.get(run, ()))
    ready: list[RunSegment] = []
    waiting: list[RunSegment] = []
    for name, fork in forks_of(task, plan, seed):
        if {fork.depth, full} <= set(measured.get(name, ())):
            continue
        segment = RunSegment(name, seed, (full,), fork.depth, None, fork, run)
        if begun := [d for d in states.get(name, ()) if d <= full]:
            ready.append(replace(segment, begin=max(begun)))
        else:
            (ready if fork.depth in saved else waiting).append(segment)
    ways: dict[int, list[int]] = {}
    for depth in sorted({d for d in plan.depths if d not in held} | {segment.begin for segment in waiting}):
        ways.setdefault(max((d for d in saved if d <= depth), default=0), []).append(depth)
    keep = frozenset(plan.fork_depths)
    own = [RunSegment(run, seed, tuple(depths), begin, keep=keep) for begin, depths in ways.items()]
    return own, ready, waiting


def grouped(task: Task, segments: Iterable[RunSegment], size: int) -> list[Group]:
    """Segments that start at one depth and visit the same ones, at most `size` together, in their order.

    A run's numbers depend, in their last digits, on what it is trained beside. The groups follow from the order of
    the segments alone, and all runs of a group reach a depth in one transaction: work that was interrupted is taken up
    in the same groups.
    """
    ways: dict[tuple[int, tuple[int, ...], int | None], list[RunSegment]] = {}
    for segment in segments:
        way = (segment.begin, segment.depths, segment.fork.depth if segment.fork else None)
        ways.setdefault(way, []).append(segment)
    return [Group(task, tuple(way[i : i + size])) for way in ways.values() for i in range(0, len(way), size)]


def planned(task: Task, plan: ProbePlan, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of `frame` that `plan` asks for, run after run in the plan's order, each followed by its forks.

    The order does not depend on what was trained when.
    """
    wanted: dict[str, tuple[int, ...]] = {}
    plan = plan.of(task)
    for seed in plan.run_seeds:
        wanted[run_name(task, seed)] = plan.depths
        wanted |= {name: (fork.depth, plan.depths[-1]) for name, fork in forks_of(task, plan, seed)}
    pairs = pd.MultiIndex.from_tuples([(run, depth) for run, depths in wanted.items() for depth in depths])
    place = pairs.get_indexer(pd.MultiIndex.from_frame(frame[["run", "depth"]]))
    order = place.argsort(kind="stable")
    return frame.iloc[order[place[order] >= 0]]
