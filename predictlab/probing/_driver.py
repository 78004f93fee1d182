"""The driver of a probe: what is missing is claimed, trained by an executor, and written with its states."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from predictlab.errors import DamagedState, DataError, PredictlabError, StoreError
from predictlab.probing._executors import Executor
from predictlab.probing._plan import ProbePlan
from predictlab.probing._progress import Progress
from predictlab.probing._segments import Group, Lane, Reached, grouped, missing, planned, steps_left
from predictlab.probing._taken import Taken
from predictlab.runs import Entry, RunStore
from predictlab.task import Task

log = logging.getLogger("predictlab")
WAIT = 0.5  # seconds between looks at a store whose missing runs another process is training


class Cancelled(PredictlabError):
    """The probe was cancelled; what was measured is in the store."""


class Driver:
    """Trains what a store lacks of the plans of some tasks.

    Parameters
    ----------
    tasks : sequence of Task
    plan : ProbePlan
        Of every task; see `replan`.
    store : RunStore
    executor : Executor
    progress : Progress

    Notes
    -----
    Runs are claimed before they are trained, so that several drivers, in one process or in many, share the work of one
    store. What all runs of a group reached at a depth is one transaction, with the states that training goes on from.
    `frame`, `replan` and `cancelled` may be used from other threads than the one that runs it.

    Attributes
    ----------
    cancelled : threading.Event
        Set it to make `run` stop.
    looks : int
        Grows with every look at the store and every write into it: while it stays, so does `frame`, as far as it
        depends on this driver.
    """

    def __init__(
        self, tasks: Sequence[Task], plan: ProbePlan, store: RunStore, executor: Executor, progress: Progress
    ) -> None:
        self.tasks = {str(task.name): task for task in tasks}
        self.plans = dict.fromkeys(self.tasks, plan)
        self.store, self.executor, self.progress = store, executor, progress
        self.cancelled = threading.Event()
        self.looks = 0
        self._planning = threading.Lock()
        self._ended = False
        self._taken = Taken.of(store)
        self._parents: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}

    def run(self) -> None:
        """Train until nothing is missing; raises `Cancelled` soon after `cancelled` is set."""
        checked = False
        try:
            while lacking := self._lacking():
                self.store.check_writable()
                if not checked:
                    self.progress.say("loading")
                    self.executor.check(lacking, self._look)
                    checked = True
                if not self._once():
                    self.progress.say("waiting for the runs that somebody else trains")
                    time.sleep(WAIT)
        finally:
            self._taken.leave(self)
            with self._planning:
                self._ended = True

    def _lacking(self) -> list[Task]:
        """Tasks of which something is left to be done; where there are none, no other plan is taken up any more."""
        self._look()
        with self._planning:
            self.progress.expect({name: self._steps_left(name, plan) for name, plan in self.plans.items()})
            self.looks += 1
            lacking = [task for name, task in self.tasks.items() if self._missing(name)]
            self._ended = not lacking
            return lacking

    def replan(self, plan: ProbePlan) -> bool:
        """Ask for another plan of every task, from another thread; False if `run` has ended and will not see it."""
        with self._planning:
            if not self._ended:
                for name, old in self.plans.items():
                    self.progress.more(name, self._steps_left(name, plan) - self._steps_left(name, old))
            self.plans = dict.fromkeys(self.tasks, plan)
            self.looks += 1
            return not self._ended

    def _steps_left(self, name: str, plan: ProbePlan) -> int:
        return steps_left(self.tasks[name], plan, *self._held(name))

    def frame(self) -> pd.DataFrame:
        """Tidy frame of what the plans ask for, as far as it is measured."""
        frames = [planned(self.tasks[name], plan, self.store.frame(name)) for name, plan in self.plans.items()]
        return pd.concat(frames, ignore_index=True)

    def _look(self) -> None:
        if self.cancelled.is_set():
            raise Cancelled("The probe was cancelled; what was measured is in the store, and the same call goes on.")

    def _held(self, name: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        return self.store.known(name), self.store.states(name)

    def _missing(self, name: str) -> list[Lane]:
        return missing(self.tasks[name], self.plans[name], *self._held(name))

    def _once(self) -> bool:
        """Train all groups that can start now and are not claimed elsewhere; False if there were none."""
        open_groups: dict[int, Group] = {}  # by identity: tasks hold frames, which are not compared in one word
        started = 0

        def claimed() -> Iterator[Group]:
            nonlocal started
            for group in self._groups():
                started += 1
                open_groups[id(group)] = group
                self._look()
                yield group

        def finish(group: Group) -> None:
            del open_groups[id(group)]
            self._release(str(group.task.name), [lane.run for lane in group.lanes])

        def tick(group: Group, steps: int) -> None:
            self.progress.step(str(group.task.name), steps)
            self._look()

        try:
            self.executor.run(claimed(), self._write, tick, finish)
        finally:
            for group in list(open_groups.values()):  # where an error is on its way, which no second one may hide
                try:
                    finish(group)
                except StoreError as error:
                    log.warning("Runs of %s stay claimed until this process ends: %s", group.task.name, error)
        return started > 0

    def _groups(self) -> Iterator[Group]:
        for name, task in self.tasks.items():
            seen = self._version()
            lanes = self._missing(name)
            if not lanes:
                continue
            now = {lane.run: lane for lane in lanes}
            self.progress.say(f"{name}: frozen layers")
            size = self.executor.group_size(task, self._look)
            for group in grouped(task, lanes, size):
                taken = self._taken.take(self, name, [lane.run for lane in group.lanes])
                ready: list[Lane] = []
                try:
                    granted = set(self.store.claim(name, taken))
                    # Somebody else may have trained some of them between our look and our claim.
                    if (version := self._version()) != seen:
                        now, seen = {lane.run: lane for lane in self._missing(name)}, version
                    ours = [lane for lane in group.lanes if lane.run in granted and now.get(lane.run) == lane]
                    ready = [started for lane in ours if (started := self._started(name, lane))]
                except BaseException:
                    self._release(name, taken)
                    raise
                self._release(name, sorted(set(taken) - {lane.run for lane in ready}))
                if ready:
                    self.progress.say(_title(name, ready))
                    yield Group(task, tuple(ready))

    def _version(self) -> tuple[int, int]:
        """Changes whenever another process, or another thread of this one, may have measured something."""
        return self.store.version(), self._taken.by_others(self)

    def _release(self, name: str, runs: Sequence[str]) -> None:
        try:
            if runs:  # each is a transaction
                self.store.release(name, runs)
        finally:
            self._taken.give_back(self, name, runs)

    def _started(self, name: str, lane: Lane) -> Lane | None:
        """The lane with the state it starts from; None when that is lost, and has to be made again first."""
        if not lane.begin:
            return lane
        from predictlab.probing._engine.state import RunState

        source = lane.parent if lane.fresh_fork else lane.run
        assert source is not None
        try:
            found = self.store.state(name, source, lane.begin)
            if found is None:
                return None
            state = RunState.from_bytes(found[1])
        except (DamagedState, DataError) as error:
            log.warning("%s It is trained again from an earlier state.", error)
            self.store.drop_state(name, source, lane.begin)
            return None
        if lane.fresh_fork:
            self._write_beginning(name, lane, source)
        elif (
            lane.begin in lane.keep
        ):  # it was its last depth once, and is one of forks now: it must stay when this goes on
            self.store.record_all(name, [Entry(lane.run, lane.seed, lane.begin, None, state=found[1], keep=True)])
        return replace(lane, start=state)

    def _write_beginning(self, name: str, lane: Lane, parent: str) -> None:
        """A fork's first measurement is its parent's, at no cost."""
        held = self._parents.setdefault(name, {})
        key = (parent, lane.begin)
        if key not in held:
            rows = self.store.frame(name)
            for (run, depth), part in rows[rows["parent"].isna()].groupby(["run", "depth"]):
                values = dict(zip(part["metric"], part["value"], strict=True))
                held[str(run), int(depth)] = {"values": values, "status": part["status"].iloc[0]}
        if key not in held:
            raise StoreError(
                f"{self.store.path} holds a state of {parent} at depth {lane.begin} and no measurement there."
            )
        entry = Entry(lane.run, lane.seed, lane.begin, parent=parent, seconds=0.0, flops=0.0, **held[key])
        self.store.record_all(name, [entry])

    def _write(self, group: Group, found: Sequence[Reached]) -> None:
        entries = []
        for reached in found:
            lane, m, state = reached.lane, reached.measured, reached.state
            about: dict[str, Any] = {"values": None}
            if m is not None:
                about = {"values": m.values, "seconds": m.seconds, "flops": m.flops, "status": m.status}
            kept = state.step in lane.keep
            entries.append(
                Entry(lane.run, lane.seed, state.step, parent=lane.parent, state=state.to_bytes(), keep=kept, **about)
            )
        self.store.record_all(str(group.task.name), entries)
        self.looks += 1


def _title(name: str, lanes: Sequence[Lane]) -> str:
    seeds = sorted({lane.seed for lane in lanes})
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds from {seeds[0]}"
    forks = f", {len(lanes)} forks at {lanes[0].fork.depth}" if lanes[0].fork else ""
    return f"{name} {which}{forks}"
