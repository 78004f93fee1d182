"""Groups of runs on a Ray cluster: workers train, the driver's process alone writes, a lost worker loses little."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from predictlab._validation import number, whole_number
from predictlab.errors import WorkerError, bad_argument, needs_extra
from predictlab.probing._executors import CACHE_LIMIT, MEMORY_LIMIT, TrainingOptions
from predictlab.probing._segments import CancelCheck, Group, GroupUpdate, never_cancelled
from predictlab.task import Task


class RayExecutor:
    """A Ray cluster: the one Ray is connected to, else that of ``RAY_ADDRESS`` or this machine's, else a new local one.

    Parameters
    ----------
    engine : {"shared", "reference"}
        As for `probe`.
    device : str, optional
        A torch device; None takes the GPU where a worker has one.
    cache_limit, memory_limit : int
        As for `probe`, of each worker.
    cpus, gpus : float
        What one worker takes of a node; whole numbers above 1. A worker has as many torch threads as whole `cpus` (at
        least one). Without `gpus` it trains on the processor.
    group : int
        Most runs that are trained together. A worker trains one group at a time.
    workers : int, optional
        Most workers; they are asked for whether or not a node has room for them yet, which is what makes an
        autoscaler add nodes. None: as many as the nodes that are there can hold.
    options : mapping, optional
        Further options of Ray's actors, such as ``{"resources": {"big_disk": 1}}`` or a ``runtime_env``.
    patience : float
        Seconds to wait while not one worker can be started.
    keep : float
        Seconds that idle workers stay for the next probe with this executor before their resources are given back.

    Raises
    ------
    DependencyError
        Ray is not installed.
    ArgumentError
        Resources, a size or a number of workers that cannot be.

    Notes
    -----
    Workers are Ray actors, which keep models and activations from one group to the next. They are started as there are
    groups for them, and end `keep` seconds after the last one, with `close`, or with the executor itself. What all
    runs of a group reached at a depth is sent to the driver as soon as it is measured. When a worker dies, the rest of
    its group goes to another one and starts from the states that were sent last (at a depth, else at most a minute of
    training ago).

    Examples
    --------
    >>> from predictlab.probing import RayExecutor
    >>> executor = RayExecutor(cpus=2, gpus=0.25, group=4)  # starts nothing yet

    It is given to a probe: ``pl.probe(tasks, plan, "runs.db", executor=executor)``.
    """

    def __init__(
        self,
        *,
        engine: str = "shared",
        device: str | None = None,
        cache_limit: int = CACHE_LIMIT,
        memory_limit: int = MEMORY_LIMIT,
        cpus: float = 1,
        gpus: float = 0,
        group: int = 8,
        workers: int | None = None,
        options: Mapping[str, object] | None = None,
        patience: float = 600.0,
        keep: float = 60.0,
    ) -> None:
        with needs_extra("executor='ray'", "probe,ray", ", here and on every node of the cluster"):
            import ray  # noqa: F401
        for name, value, least in (("cpus", cpus, "> 0"), ("gpus", gpus, ">= 0")):
            if not _quantity(value) or (value == 0 and least == "> 0"):
                raise bad_argument(name, value, f"a number {least}, whole if it is above 1")
        self.group = whole_number("group", group, 1)
        if workers is not None:
            workers = whole_number("workers", workers, 1)
        if not patience > 0:
            raise bad_argument("patience", patience, "seconds > 0")
        number("keep", keep, "seconds >= 0", least=0)
        if reserved := {"num_cpus", "num_gpus"} & set(options or {}):
            raise bad_argument("options", sorted(reserved), "options other than these", "Use cpus= and gpus=.")
        if not gpus and device is not None and device != "cpu":
            hint = "Give them one, or a part of one: executor=RayExecutor(device=..., gpus=0.25)."
            raise bad_argument("device", device, "'cpu' or None for workers without a GPU", hint)
        self.training = TrainingOptions(engine, device or (None if gpus else "cpu"), cache_limit, memory_limit)
        self.cpus, self.gpus, self.workers, self.patience, self.keep = cpus, gpus, workers, patience, keep
        self.options: dict[str, Any] = dict(options or {})
        self._kept: list[Any] = []
        self._tasks: dict[int, tuple[Task, Any]] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._job: Any = None

    def check(self, tasks: Sequence[Task], check_cancelled: CancelCheck = never_cancelled) -> None:
        """Load the models of tasks by workers, which stay for the first groups.

        Parameters
        ----------
        tasks : sequence of Task
            All that will be trained.
        check_cancelled : callable
            Called meanwhile; what it raises ends the waiting.

        Raises
        ------
        PredictlabError
            A model cannot be loaded, a recipe does not fit it, or no worker can be started.
        """
        for _ in self.run([Group(task, ()) for task in tasks], check_cancelled):
            pass

    def group_size(self, task: Task, check_cancelled: CancelCheck = never_cancelled) -> int:
        """Most runs of a task that are trained together; the driver needs no model to say it.

        Parameters
        ----------
        task : Task
            Any.
        check_cancelled : callable
            Not called.

        Returns
        -------
        int
        """
        return 1 if self.training.engine == "reference" else self.group

    def run(self, groups: Iterable[Group], check_cancelled: CancelCheck = never_cancelled) -> Generator[GroupUpdate]:
        """Train all groups, and say how far they are; closing the generator ends the workers.

        Parameters
        ----------
        groups : iterable of Group
            Taken one by one, as there is room for them.
        check_cancelled : callable
            Called while nothing is heard of workers; what it raises ends the training.

        Yields
        ------
        GroupUpdate
            Steps and results, as workers tell them.

        Raises
        ------
        WorkerError
            Workers cannot be started, or keep dying over one group.
        """
        from predictlab.probing._ray.round import Round

        self._connect()
        work = Round(self, groups, self._take_kept())
        try:
            yield from work.run(check_cancelled)
            kept, work.idle = work.idle, []
        finally:
            work.kill()  # those that were still starting; in an error all, since what they train is claimed no longer
        self._keep(kept)

    def _put(self, task: Task) -> Any:
        """Where Ray holds a task: it is sent to each node once, not with each group."""
        import ray

        if id(task) not in self._tasks:
            self._tasks[id(task)] = task, ray.put(task)  # the task is held too, so that no other one gets its id
        return self._tasks[id(task)][1]

    def _keep(self, workers: Sequence[Any]) -> None:
        """Keep workers for a while."""
        self._kept = [*self._kept, *workers]
        close = weakref.WeakMethod(self.close)  # the timer must not keep the executor
        self._timer = threading.Timer(self.keep, lambda: (method := close()) and method())
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        """End the workers that were kept for a next probe."""
        import ray

        for worker in self._take_kept():
            if ray.is_initialized():
                ray.kill(worker)

    def _take_kept(self) -> list[Any]:
        """The workers that were kept, for the caller to use."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:  # the timer's thread may be here
            kept, self._kept = self._kept, []
        return kept

    def _connect(self) -> None:
        """Connect to a running cluster, or start one on this machine."""
        import ray
        from ray.util.client import ray as client

        if client.is_connected():
            raise WorkerError(
                "Ray Client (an address ray://...) cannot stream what workers measure: run this on a node of the "
                "cluster with ray.init('auto'), or hand it in with `ray job submit`."
            )
        if not ray.is_initialized():
            try:
                ray.init(address="auto", logging_level=logging.WARNING)
            except ConnectionError:
                if os.environ.get("RAY_ADDRESS"):
                    raise
                # Nobody asked for Ray's usage reports by asking predictlab for a probe.
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
                ray.init(address="local", include_dashboard=False, logging_level=logging.WARNING)
        job = ray.get_runtime_context().get_job_id()
        if job != self._job:  # workers ended with the cluster they were on
            self._kept, self._tasks, self._job = [], {}, job


def _quantity(value: Any) -> bool:
    """Whether Ray takes it as a quantity of a resource."""
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and 0 <= value < float("inf") and (value <= 1 or value == int(value))
