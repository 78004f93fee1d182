"""What a plan asks of a task: its runs and forks by name, and which of them a store does not hold yet."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from predictlab.probe.plan import ProbePlan
from predictlab.runs import RunStore
from predictlab.task import Task


@dataclass(frozen=True)
class RunWork:
    """What is missing of one run.

    Parameters
    ----------
    seed : int
    depths : tuple of int
        Depths at which the run itself is still to be measured.
    forks : dict of int to tuple of int
        Numbers of the forks still to be trained, by fork depth; both increasing.
    """

    seed: int
    depths: tuple[int, ...]
    forks: dict[int, tuple[int, ...]]


@dataclass(frozen=True)
class TaskWork:
    """Runs of one task that are not complete, and the full depth of their forks."""

    task: Task
    runs: tuple[RunWork, ...]
    full: int

    @property
    def steps(self) -> int:
        """Optimiser steps to be made. A run whose fork is missing is trained again, but no deeper than needed."""
        own = sum(max(*run.depths, *run.forks, 0, 0) for run in self.runs)
        return own + sum((self.full - d) * len(numbers) for run in self.runs for d, numbers in run.forks.items())


def run_name(task: Task, seed: int) -> str:
    """Name of the run of `seed` in stores."""
    return f"{task.name}:{seed}"


def fork_name(task: Task, seed: int, depth: int, number: int) -> str:
    """Name, in stores, of fork `number` that leaves the run of `seed` at `depth`."""
    return f"{run_name(task, seed)}@{depth}:{number}"


def missing(task: Task, plan: ProbePlan, store: RunStore) -> TaskWork:
    """What `store` lacks of `plan`; a fork that was cut short is missing as a whole."""
    known = store.known(str(task.name))
    runs = []
    for seed in plan.run_seeds:
        held = known.get(run_name(task, seed), frozenset())
        lacking = tuple(d for d in plan.depths if d not in held)
        forks = {}
        for depth in plan.fork_depths:
            ends = {depth, plan.depths[-1]}
            names = (fork_name(task, seed, depth, number) for number in range(plan.forks))
            numbers = tuple(m for m, name in enumerate(names) if not ends <= known.get(name, frozenset()))
            if numbers:
                forks[depth] = numbers
        if lacking or forks:
            runs.append(RunWork(seed, lacking, forks))
    return TaskWork(task, tuple(runs), plan.depths[-1])


def planned(task: Task, plan: ProbePlan, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of `frame` that `plan` asks for, run after run in the plan's order, each followed by its forks.

    The order does not depend on what was trained when.
    """
    wanted: dict[str, tuple[int, ...]] = {}
    for seed in plan.run_seeds:
        wanted[run_name(task, seed)] = plan.depths
        for depth in plan.fork_depths:
            for number in range(plan.forks):
                wanted[fork_name(task, seed, depth, number)] = (depth, plan.depths[-1])
    pairs = pd.MultiIndex.from_tuples([(run, depth) for run, depths in wanted.items() for depth in depths])
    place = pairs.get_indexer(pd.MultiIndex.from_frame(frame[["run", "depth"]]))
    order = place.argsort(kind="stable")
    return frame.iloc[order[place[order] >= 0]]
