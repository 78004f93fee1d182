"""What runs on the nodes of a Ray cluster: a worker that trains groups and tells the driver how far they are."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from predictlab import __version__
from predictlab.catalog._backbone import let_threads_sleep
from predictlab.errors import bad_argument
from predictlab.probing._executors import Settings, Workshop
from predictlab.probing._segments import Group, Lane, Measurement, Reached
from predictlab.task import Task

PERIOD = 0.25  # seconds between messages while nothing is measured
GATHER = 0.02  # seconds that a measurement waits for what follows at once, such as the end of its group
AHEAD = 8  # what training may be ahead of the messages

Packed = tuple[Measurement | None, bytes]
Message = tuple[int, list[list[Packed]], bool]
"""Steps made, what all lanes reached at each depth since, and whether the group is finished."""


def pack(lane: Lane) -> tuple[Lane, bytes | None]:
    """A lane, and apart from it the state it starts from as a safetensors file: many small tensors travel slowly."""
    return replace(lane, start=None), lane.start.to_bytes() if lane.start is not None else None


def unpack(lane: Lane, measured: Measurement | None, state: bytes) -> Reached:
    """What a worker reached, as the driver wants it."""
    from predictlab.probing._engine.state import RunState

    return Reached(lane, measured, RunState.from_bytes(state))


class Worker:
    """A Ray actor. Models, activations and tasks stay from one group to the next.

    Parameters
    ----------
    settings : Settings
    threads : int
        Of torch.
    """

    def __init__(self, settings: Settings, threads: int) -> None:
        self.workshop = Workshop(settings)
        self._tasks: dict[str, Task] = {}
        # One thread for all groups: torch's number of threads is a matter of the thread that calls it.
        self._trains = ThreadPoolExecutor(1, initializer=_use_threads, initargs=(threads,))

    def version(self) -> str:
        """Says that the worker is there."""
        return __version__

    def check(self, tasks: Sequence[tuple[str, Any]]) -> None:
        """Load the models of tasks, given as name and reference, and see that the recipes fit them."""
        for name, where in tasks:
            self._trains.submit(self.workshop.backbone, self._task(name, where)).result()

    def _task(self, name: str, where: Any) -> Task:
        import ray

        if name not in self._tasks:
            self._tasks[name] = ray.get(where)
        return self._tasks[name]

    def train(self, name: str, where: Sequence[Any], lanes: Sequence[tuple[Lane, bytes | None]]) -> Iterator[Message]:
        """Train a group; a generator of messages, whose objects are streamed to the driver.

        Parameters
        ----------
        name : str
            Name of the task, the same for all its groups.
        where : sequence of ray.ObjectRef
            One reference to it. In a sequence Ray leaves it as it is: the task is fetched when it is not here yet.
        lanes : sequence of (Lane, bytes or None)
            See `pack`.
        """
        said: queue.Queue[int | list[Packed] | None] = queue.Queue(AHEAD)
        training = self._trains.submit(self._train, name, where[0], lanes, said)
        training.add_done_callback(lambda _: said.put(None))
        done = False
        while not done:
            steps, reports, done = _gathered(said)
            if done and training.exception() and (steps or reports):
                yield steps, reports, False
            if done:
                training.result()  # raises what went wrong
            yield steps, reports, done

    def _train(self, name: str, where: Any, lanes: Sequence[tuple[Lane, bytes | None]], said: queue.Queue[Any]) -> None:
        from predictlab.probing._engine.state import RunState

        task = self._task(name, where)
        starts = [replace(lane, start=RunState.from_bytes(raw) if raw else None) for lane, raw in lanes]

        def report(found: Sequence[Reached]) -> None:
            said.put([(reached.measured, reached.state.to_bytes()) for reached in found])

        trainer, most = self.workshop.trainer(task)
        if len(starts) > most:
            raise bad_argument(
                "group", len(starts), f"at most {most}, the runs of {task.name} that memory_limit has room for",
                f"Give executor=RayExecutor(group={most}), or settings with a larger memory_limit.",
            )  # fmt: skip
        trainer.train(Group(task, tuple(starts)), report, said.put)


def _use_threads(threads: int) -> None:
    let_threads_sleep()
    import torch

    torch.set_num_threads(threads)


def _gathered(said: queue.Queue[Any]) -> Message:
    """The next message: one a period, but measurements at once."""
    steps, until = 0, time.monotonic() + PERIOD
    reports: list[list[Packed]] = []
    while True:
        try:
            item = said.get(timeout=max(0.0, until - time.monotonic()) if steps or reports else None)
        except queue.Empty:
            return steps, reports, False
        if item is None:
            return steps, reports, True
        if isinstance(item, int):
            steps += item
        else:
            reports.append(item)
            until = min(until, time.monotonic() + GATHER)
