"""What runs on the nodes of a Ray cluster: a worker that trains groups and tells the driver how far they are."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import ray
from numpy.typing import NDArray

from predictlab import __version__
from predictlab.catalog._features import let_threads_sleep
from predictlab.errors import bad_argument
from predictlab.probing._executors import LocalExecutor, TrainingOptions
from predictlab.probing._segments import Group, GroupUpdate, RunSegment
from predictlab.task import Task

if TYPE_CHECKING:
    from predictlab.probing._engine.parameters import RunState

PERIOD = 0.25  # seconds between messages while nothing is measured
GATHER = 0.02  # seconds that a measurement waits for what follows at once, such as the end of its group
AHEAD = 8  # updates that training may be ahead of the messages

Reached = tuple["RunState", Mapping[str, float] | None, Mapping[str, NDArray[Any]] | None, float]
"""A run's state, values and outcomes at a depth, and the seconds of that evaluation."""
Message = tuple[int, list[list[Reached]], bool]
"""Steps made, what all runs reached at each depth since, and whether the group is finished."""


class Worker:
    """A Ray actor. Models, activations and tasks stay from one group to the next.

    Parameters
    ----------
    options : TrainingOptions
    threads : int
        Of torch.
    """

    def __init__(self, options: TrainingOptions, threads: int) -> None:
        self.executor = LocalExecutor(options)
        self._tasks: dict[str, Task] = {}
        # One thread for all groups: torch's number of threads is a matter of the thread that calls it.
        self._trains = ThreadPoolExecutor(1, initializer=_use_threads, initargs=(threads,))

    def version(self) -> str:
        """Says that the worker is there."""
        return __version__

    def train(self, references: Sequence[Any], segments: Sequence[RunSegment]) -> Iterator[Message]:
        """Train a group; a generator of messages, whose objects are streamed to the driver.

        Parameters
        ----------
        references : sequence of ray.ObjectRef
            One reference to the task. In a sequence Ray leaves it as it is: it is fetched when it is not here yet.
        segments : sequence of RunSegment
            None of them: the task's model is loaded, and it is seen that the recipe fits it.
        """
        updates: queue.Queue[GroupUpdate | None] = queue.Queue(AHEAD)
        training = self._trains.submit(self._train, references[0], segments, updates)
        training.add_done_callback(lambda _: updates.put(None))
        done = False
        while not done:
            steps, results, done = _gathered(updates)
            if done and training.exception() and (steps or results):
                yield steps, results, False
            if done:
                training.result()  # raises what went wrong
            yield steps, results, done

    def _train(self, reference: Any, segments: Sequence[RunSegment], updates: queue.Queue[GroupUpdate | None]) -> None:
        name = reference.hex()  # to hold the reference itself would keep a second copy in Ray's store
        if name not in self._tasks:
            self._tasks[name] = ray.get(reference)
        task = self._tasks[name]
        if not segments:
            self.executor.check([task])
            return
        most = self.executor.group_size(task)
        if len(segments) > most:
            expected = f"at most {most}, the runs of {task.name} that memory_limit has room for"
            hint = f"Give executor=RayExecutor(group={most}), or a larger memory_limit."
            raise bad_argument("group", len(segments), expected, hint)
        for update in self.executor.run([Group(task, tuple(segments))]):
            updates.put(update)


def _use_threads(threads: int) -> None:
    let_threads_sleep()
    import torch

    torch.set_num_threads(threads)


def _gathered(updates: queue.Queue[GroupUpdate | None]) -> Message:
    """The next message: one a period, but measurements at once."""
    steps, until = 0, time.monotonic() + PERIOD
    results: list[list[Reached]] = []
    while True:
        try:
            update = updates.get(timeout=max(0.0, until - time.monotonic()) if steps or results else None)
        except queue.Empty:
            return steps, results, False
        if update is None:
            return steps, results, True
        steps += update.steps
        if update.results:
            results.append([(one.state, one.values, one.outcomes, one.evaluation_seconds) for one in update.results])
            until = min(until, time.monotonic() + GATHER)
