"""Where groups of runs are trained: what an executor is, and the one that trains in this process."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from predictlab._validation import number, option
from predictlab.catalog._features import let_threads_sleep
from predictlab.errors import bad_argument, needs_extra
from predictlab.probing._segments import CancelCheck, Group, GroupUpdate, never_cancelled
from predictlab.task import Task

if TYPE_CHECKING:
    from predictlab.probing._engine.trainers import TrainerCache

CACHE_LIMIT = 2_000_000_000  # bytes of shared activations held in memory
MEMORY_LIMIT = 4_000_000_000  # bytes for the runs of a group, beside them
ENGINES = ("shared", "reference")

# Dropout and the start of a run draw from torch's global generator, and two trainings at once would share the cores
# anyway: the threads of a process take turns, a group each.
_TURN = threading.Lock()
_TURN_POLL = 0.2  # seconds between checks for cancellation while it is somebody else's turn


@dataclass(frozen=True)
class TrainingOptions:
    """How runs are trained, wherever that is.

    Parameters
    ----------
    engine : {"shared", "reference"}
    device : str or None
        A torch device; None takes a GPU where there is one.
    cache_limit, memory_limit : int
        Bytes of shared activations held in memory; bytes that runs trained at the same time may take beside them.
    """

    engine: str = "shared"
    device: str | None = None
    cache_limit: int = CACHE_LIMIT
    memory_limit: int = MEMORY_LIMIT

    def __post_init__(self) -> None:
        option("engine", self.engine, ENGINES)
        if not self.cache_limit >= 0:
            raise bad_argument("cache_limit", self.cache_limit, "a number of bytes >= 0")
        number("memory_limit", self.memory_limit, "a number of bytes > 0", above=0)


class Executor(Protocol):
    """Where groups are trained. An executor trains; the driver alone writes into the store.

    `check_cancelled` is called now and then while there is waiting to be done; what it raises ends that.
    """

    def check(self, tasks: Sequence[Task], check_cancelled: CancelCheck = never_cancelled) -> None:
        """Find out that a recipe does not fit its model before the first task is trained, not hours later."""

    def group_size(self, task: Task, check_cancelled: CancelCheck = never_cancelled) -> int:
        """Most runs of a task that are trained together."""

    def run(self, groups: Iterable[Group], check_cancelled: CancelCheck = never_cancelled) -> Generator[GroupUpdate]:
        """Train all groups, and say how far they are; closing the generator ends the training.

        Parameters
        ----------
        groups : iterable of Group
            Taken one by one, as there is room for them; their segments hold the states they start from.
        check_cancelled : callable

        Yields
        ------
        GroupUpdate
            Of each group its results in order of depth, and one last update that says that it is finished.
        """


class LocalExecutor:
    """Training in the present process, one group after the other.

    Parameters
    ----------
    options : TrainingOptions
    """

    def __init__(self, options: TrainingOptions) -> None:
        self.options = options

    @cached_property
    def trainers(self) -> TrainerCache:
        """What trains, made when it is first needed: it imports torch."""
        let_threads_sleep()
        with needs_extra("Training probes", "probe"):
            from predictlab.probing._engine.trainers import TrainerCache
        return TrainerCache(self.options)

    def check(self, tasks: Sequence[Task], check_cancelled: CancelCheck = never_cancelled) -> None:
        """See `Executor.check`."""
        for task in tasks:
            with _turn(check_cancelled):
                self.trainers.backbone(task)

    def group_size(self, task: Task, check_cancelled: CancelCheck = never_cancelled) -> int:
        """See `Executor.group_size`."""
        with _turn(check_cancelled):
            return self.trainers.trainer(task, check_cancelled)[1]

    def run(self, groups: Iterable[Group], check_cancelled: CancelCheck = never_cancelled) -> Generator[GroupUpdate]:
        """See `Executor.run`."""
        for group in groups:
            with _turn(check_cancelled):
                trainer, _ = self.trainers.trainer(group.task, check_cancelled)
                yield from trainer.train(group, check_cancelled)
            yield GroupUpdate(group, finished=True)


@contextmanager
def _turn(check_cancelled: CancelCheck) -> Iterator[None]:
    while not _TURN.acquire(timeout=_TURN_POLL):
        check_cancelled()
    try:
        yield
    finally:
        _TURN.release()
