"""The driver of a probe: what is missing is claimed, trained by an executor, and written with its states."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pandas as pd

from predictlab.errors import DamagedState, DataError, PredictlabError, StoreError
from predictlab.probing._executors import Executor
from predictlab.probing._plan import ProbePlan
from predictlab.probing._progress import Progress
from predictlab.probing._segments import CheckpointResult, Group, RunSegment, grouped, missing, planned, steps_left
from predictlab.runs import Entry, RunStore
from predictlab.task import Task

log = logging.getLogger("predictlab")
STORE_POLL = 0.5  # seconds between reads of a store whose missing runs somebody else is training


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
    outcomes : bool
        Keep the outcome of each evaluation row.

    Notes
    -----
    Runs are claimed before they are trained, so that several drivers, in one process or in many, share the work of one
    store. What all runs of a group reached at a depth is one transaction, with the states that training goes on from.
    `frame`, `replan` and `cancelled` may be used from other threads than the one that runs it.

    Attributes
    ----------
    cancelled : threading.Event
        Set it to make `run` stop.
    revision : int
        Grows whenever the store is read or written: while it stays, so does `frame`, as far as it depends on this
        driver.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        plan: ProbePlan,
        store: RunStore,
        executor: Executor,
        progress: Progress,
        *,
        outcomes: bool = True,
    ) -> None:
        self.tasks = {str(task.name): task for task in tasks}
        self.plan, self.store, self.executor, self.progress = plan, store, executor, progress
        self.outcomes = outcomes
        self._token = object()  # of its claims; the store remembers it for as long as it is open
        self.cancelled = threading.Event()
        self.revision = 0
        self._planning = threading.Lock()
        self._ended = False
        self._parents: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}

    def run(self) -> None:
        """Train until nothing is missing; raises `Cancelled` soon after `cancelled` is set."""
        checked = False
        try:
            while unfinished := self._unfinished_tasks():
                self.store.check_writable()
                if not checked:
                    self.progress.say("loading")
                    self.executor.check(unfinished, self.check_cancelled)
                    checked = True
                if not self._train_what_is_free():
                    self.progress.say("waiting for the runs that somebody else trains")
                    time.sleep(STORE_POLL)
        finally:
            with self._planning:
                self._ended = True

    def _unfinished_tasks(self) -> list[Task]:
        """Tasks of which something is left to be done; where there are none, no other plan is taken up any more."""
        self.check_cancelled()
        with self._planning:
            self.progress.expect({name: self._steps_left(name, self.plan) for name in self.tasks})
            self.revision += 1
            unfinished = [task for name, task in self.tasks.items() if self._missing(name)]
            self._ended = not unfinished
            return unfinished

    def replan(self, plan: ProbePlan) -> bool:
        """Ask for another plan of every task, from another thread; False if `run` has ended and will not see it."""
        with self._planning:
            if not self._ended:
                for name in self.tasks:
                    self.progress.more(name, self._steps_left(name, plan) - self._steps_left(name, self.plan))
            self.plan = plan
            self.revision += 1
            return not self._ended

    def frame(self) -> pd.DataFrame:
        """Tidy frame of what the plan asks for, as far as it is measured."""
        frames = [planned(task, self.plan, self.store.frame(name)) for name, task in self.tasks.items()]
        return pd.concat(frames, ignore_index=True)

    def check_cancelled(self) -> None:
        """Raise `Cancelled` once `cancelled` is set."""
        if self.cancelled.is_set():
            raise Cancelled("The probe was cancelled; what was measured is in the store, and the same call goes on.")

    def _held(self, name: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        return self.store.measured_depths(name), self.store.states(name)

    def _missing(self, name: str) -> list[RunSegment]:
        return missing(self.tasks[name], self.plan, *self._held(name))

    def _steps_left(self, name: str, plan: ProbePlan) -> int:
        return steps_left(self.tasks[name], plan, *self._held(name))

    def _train_what_is_free(self) -> bool:
        """Train all groups that can start now and are not claimed elsewhere; False if there were none."""
        claimed: set[Group] = set()
        started = False

        def groups() -> Iterator[Group]:
            nonlocal started
            for group in self._claimed_groups():
                started = True
                claimed.add(group)
                self.check_cancelled()
                yield group

        def release(group: Group) -> None:
            claimed.remove(group)
            self.store.release(str(group.task.name), [segment.run for segment in group.segments], token=self._token)

        try:
            with closing(self.executor.run(groups(), self.check_cancelled)) as updates:
                for update in updates:
                    if update.results:
                        self._write(update.group, update.results)
                    if update.finished:
                        release(update.group)
                    self.progress.step(str(update.group.task.name), update.steps)
                    self.check_cancelled()
        finally:
            for group in list(claimed):  # where an error is on its way, which no second one may hide
                try:
                    release(group)
                except StoreError as error:
                    log.warning("Runs of %s stay claimed until this process ends: %s", group.task.name, error)
        return started

    def _claimed_groups(self) -> Iterator[Group]:
        for name, task in self.tasks.items():
            seen = self.store.revision(token=self._token)
            segments = self._missing(name)
            if not segments:
                continue
            now = {segment.run: segment for segment in segments}
            self.progress.say(f"{name}: frozen layers")
            size = self.executor.group_size(task, self.check_cancelled)
            for group in grouped(task, segments, size):
                granted = set(self.store.claim(name, [segment.run for segment in group.segments], token=self._token))
                try:
                    # Somebody else may have trained some of them between our reading of the store and our claim.
                    if (revision := self.store.revision(token=self._token)) != seen:
                        now, seen = {segment.run: segment for segment in self._missing(name)}, revision
                    ours = [one for one in group.segments if one.run in granted and now.get(one.run) == one]
                    ready = [with_state for one in ours if (with_state := self._with_state(name, one))]
                except BaseException:
                    self.store.release(name, granted, token=self._token)
                    raise
                if not_needed := granted - {segment.run for segment in ready}:
                    self.store.release(name, not_needed, token=self._token)
                if ready:
                    self.progress.say(_title(name, ready))
                    yield Group(task, tuple(ready))

    def _with_state(self, name: str, segment: RunSegment) -> RunSegment | None:
        """The segment with the state it starts from; None when that is lost, and has to be made again first."""
        if not segment.begin:
            return segment
        from predictlab.probing._engine.parameters import RunState

        source = segment.parent if segment.fresh_fork else segment.run
        assert source is not None
        try:
            held = self.store.state(name, source, segment.begin)
            if held is None:
                return None
            state = RunState.from_bytes(held[1])
        except (DamagedState, DataError) as error:
            log.warning("%s It is trained again from an earlier state.", error)
            self.store.drop_state(name, source, segment.begin)
            return None
        if segment.fresh_fork:
            self._write_beginning(name, segment, source)
        elif segment.begin in segment.keep:
            # It was its last depth once, and is one of forks now: it must stay when this goes on.
            entry = Entry(segment.run, segment.seed, segment.begin, None, state=held[1], keep=True)
            self.store.record_all(name, [entry])
        return replace(segment, state=state)

    def _write_beginning(self, name: str, segment: RunSegment, parent: str) -> None:
        """A fork's first measurement is its parent's, at no cost."""
        measured = self._parents.setdefault(name, {})
        key = (parent, segment.begin)
        if key not in measured:
            rows = self.store.frame(name)
            for (run, depth), part in rows[rows["parent"].isna()].groupby(["run", "depth"]):
                values = dict(zip(part["metric"], part["value"], strict=True))
                measured[str(run), int(depth)] = {"values": values, "status": part["status"].iloc[0]}
        if key not in measured:
            raise StoreError(
                f"{self.store.path} holds a state of {parent} at depth {segment.begin} and no measurement there."
            )
        outcomes = {
            metric: found
            for metric in (measured[key]["values"] if self.outcomes else ())
            for _, _, found in self.store.iter_outcomes(name, metric, depth=segment.begin, run=parent)
        }
        entry = Entry(
            segment.run, segment.seed, segment.begin, parent=parent, seconds=0.0, flops=0.0, outcomes=outcomes,
            **measured[key],
        )  # fmt: skip
        self.store.record_all(name, [entry])

    def _write(self, group: Group, results: Sequence[CheckpointResult]) -> None:
        entries = [
            Entry(
                one.segment.run, one.segment.seed, one.state.step, one.values, parent=one.segment.parent,
                seconds=one.state.seconds, flops=one.state.flops, status="ok" if one.state.alive else "diverged",
                state=one.state.to_bytes(), keep=one.state.step in one.segment.keep,
                outcomes=one.outcomes if self.outcomes else None,
                evaluation=None if one.values is None else (one.evaluation_seconds, len(group.task.data.eval)),
            )
            for one in results
        ]  # fmt: skip
        self.store.record_all(str(group.task.name), entries)
        self.revision += 1


def _title(name: str, segments: Sequence[RunSegment]) -> str:
    seeds = sorted({segment.seed for segment in segments})
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds from {seeds[0]}"
    fork = segments[0].fork
    return f"{name} {which}" + (f", {len(segments)} forks at {fork.depth}" if fork else "")
