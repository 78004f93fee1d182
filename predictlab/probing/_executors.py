"""Where groups of runs are trained. An executor trains; the driver alone writes into the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from predictlab.errors import DependencyError, bad_argument
from predictlab.probing._limits import CACHE_LIMIT, MEMORY_LIMIT
from predictlab.probing._segments import Group, Reached
from predictlab.task import Task

if TYPE_CHECKING:
    from predictlab.catalog._backbone import Backbone
    from predictlab.probing._engine.inputs import SharedInputs

LARGEST_GROUP = 32
TRAINERS = 2  # held at a time
ENGINES = ("shared", "reference")

# Dropout and the start of a run draw from torch's global generator, and two trainings at once would share the cores
# anyway: the threads of a process take turns, a group each.
_TURN = threading.Lock()
_LOOK = 0.2  # seconds between looks while it is somebody else's turn


@contextmanager
def _turn(look: Callable[[], object]) -> Iterator[None]:
    while not _TURN.acquire(timeout=_LOOK):
        look()
    try:
        yield
    finally:
        _TURN.release()


@contextmanager
def _needs_the_extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise DependencyError(
            f"Training probes needs {error.name}: install it with `pip install 'predictlab[probe]'`."
        ) from error


@dataclass(frozen=True)
class Settings:
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


class Trainer(Protocol):
    """What trains the groups of one task in this process."""

    def train(
        self, group: Group, report: Callable[[Sequence[Reached]], None], tick: Callable[[int], object]
    ) -> None: ...


class Executor(Protocol):
    """Where groups are trained."""

    def check(self, tasks: Sequence[Task], look: Callable[[], object] = lambda: None) -> None:
        """Find out that a recipe does not fit its model before the first task is trained, not hours later."""

    def group_size(self, task: Task, look: Callable[[], object] = lambda: None) -> int:
        """Most runs of a task that are trained together.

        Here and in `check`, `look` is called now and then while there is waiting to be done; it raises to end that.
        """

    def run(
        self,
        groups: Iterable[Group],
        report: Callable[[Group, Sequence[Reached]], None],
        tick: Callable[[Group, int], object],
        finish: Callable[[Group], None],
    ) -> None:
        """Train all groups.

        Parameters
        ----------
        groups : iterable of Group
            Taken one by one, as there is room for them; their lanes hold the states they start from.
        report : callable
            Gets what all lanes of a group reached at a depth, in order of depth.
        tick : callable
            Gets the steps made since it was last called, which may be none; it raises to end the training.
        finish : callable
            Called after a group's last report.
        """


class Workshop:
    """Models, shared activations and trainers of tasks, loaded when they are first needed.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._backbones: dict[str, Backbone] = {}
        self._shared: SharedInputs | None = None
        self._trainers: dict[int, tuple[Task, Trainer, int]] = {}  # by identity; the task is held as long

    def backbone(self, task: Task) -> Backbone:
        """The task's model, loaded once; it is checked that the recipe fits it."""
        from predictlab.catalog._backbone import let_threads_sleep, load_backbone

        let_threads_sleep()
        name = str(task.model)
        if name not in self._backbones:
            self._backbones[name] = load_backbone(task.model, self._device())
        backbone = self._backbones[name]
        if task.data.kind == "completions" and backbone.causal is None:
            from predictlab.probing._engine.causal import no_head

            raise no_head(name)
        task.recipe.trained_layers(backbone.n_layers)
        if task.recipe.max_length > backbone.max_length:
            raise bad_argument(
                "max_length", task.recipe.max_length, f"at most {backbone.max_length} tokens, what {name} can take"
            )
        return backbone

    def trainer(self, task: Task, look: Callable[[], object] = lambda: None) -> tuple[Trainer, int]:
        """The task's trainer, and the most runs it trains together.

        `look` is called now and then while frozen layers are computed; it raises to end that.
        """
        if id(task) not in self._trainers:
            if (
                len(self._trainers) >= TRAINERS
            ):  # each holds a copy of its model; what is costly to make is in `_shared`
                del self._trainers[next(iter(self._trainers))]
            self._trainers[id(task)] = (task, *self._made(task, look))
        _, trainer, size = self._trainers[id(task)]
        return trainer, size

    def _made(self, task: Task, look: Callable[[], object]) -> tuple[Trainer, int]:
        backbone = self.backbone(task)
        with _needs_the_extra():
            from predictlab.probing._engine.inputs import SharedInputs
            from predictlab.probing._engine.learner import learner_of
            from predictlab.probing._engine.reference import ReferenceTrainer
            from predictlab.probing._engine.shared import SharedTrainer
        self._shared = self._shared or SharedInputs(self.settings.cache_limit)
        with self._shared.looking(look):
            learner = learner_of(task, backbone, self._shared)
            if self.settings.engine == "reference":
                return ReferenceTrainer(task.recipe, learner), 1
            trainer = SharedTrainer(task, learner, self._shared, self.settings.memory_limit)
        return trainer, min(LARGEST_GROUP, trainer.largest_group)

    def _device(self) -> str:
        with _needs_the_extra():
            import torch
        return self.settings.device or ("cuda" if torch.cuda.is_available() else "cpu")


class LocalExecutor:
    """This process, one group after the other.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.workshop = Workshop(settings)

    def check(self, tasks: Sequence[Task], look: Callable[[], object] = lambda: None) -> None:
        """See `Executor.check`."""
        for task in tasks:
            with _turn(look):
                self.workshop.backbone(task)

    def group_size(self, task: Task, look: Callable[[], object] = lambda: None) -> int:
        """See `Executor.group_size`."""
        with _turn(look):
            return self.workshop.trainer(task, look)[1]

    def run(
        self,
        groups: Iterable[Group],
        report: Callable[[Group, Sequence[Reached]], None],
        tick: Callable[[Group, int], object],
        finish: Callable[[Group], None],
    ) -> None:
        """See `Executor.run`."""
        for group in groups:
            look = partial(tick, group, 0)
            with _turn(look):
                trainer, _ = self.workshop.trainer(group.task, look)
                trainer.train(group, partial(report, group), partial(tick, group))
            finish(group)
