"""Workers on a Ray cluster: how many there is room for, starting them, and finding out which of them are there."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from predictlab import __version__
from predictlab.errors import WorkerError
from predictlab.probing._executors import TrainingOptions
from predictlab.probing._ray.worker import Worker

log = logging.getLogger("predictlab")
FAILED_STARTS = 10  # of workers in a row
NODES_PERIOD = 2.0  # seconds between questions after the nodes of the cluster
WARN_AFTER = 30.0  # seconds without any worker


@dataclass(frozen=True)
class WorkerSpec:
    """What is asked for of Ray: see `RayExecutor`."""

    training: TrainingOptions
    cpus: float
    gpus: float
    workers: int | None
    options: Mapping[str, Any]
    patience: float

    def demand(self) -> dict[str, float]:
        """Resources that one worker takes of a node."""
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.options.get("memory") or 0}
        asked |= self.options.get("resources") or {}
        return {name: amount for name, amount in asked.items() if amount > 0}


@dataclass(eq=False)
class WorkerHandle:
    """One worker: its actor, and the answer that says that it is there."""

    actor: Any
    answer: Any = None

    def ping(self) -> None:
        """Ask whether it is there."""
        self.answer = self.actor.version.remote()

    def kill(self) -> None:
        """End it."""
        import ray

        ray.kill(self.actor)


class Pool:
    """The workers of one call.

    Parameters
    ----------
    spec : WorkerSpec
    kept : sequence of WorkerHandle
        Those that are left of an earlier call.
    """

    def __init__(self, spec: WorkerSpec, kept: Sequence[WorkerHandle]) -> None:
        self.spec = spec
        self.idle: list[WorkerHandle] = list(kept)
        self.starting: list[WorkerHandle] = []
        self.busy: list[WorkerHandle] = []
        self._failed = 0
        self._last_seen = time.monotonic()  # when there was a worker last
        self._nodes_asked, self._held, self._warned = float("-inf"), 0, False
        self.ping_idle()

    def ping_idle(self) -> None:
        """A worker was lost: the idle ones may have been on the same node, and have to say that they are there."""
        for worker in self.idle:
            worker.ping()
        self.starting += self.idle
        self.idle = []

    def room(self) -> int:
        """Workers that may be started beside those that are there."""
        there = len(self.idle) + len(self.starting) + len(self.busy)
        most = self.spec.workers
        return max(0, (most if most is not None else max(1, self._capacity())) - there)

    def start(self) -> None:
        """Ask Ray for one more worker."""
        import ray

        spec = self.spec
        actor = ray.remote(Worker).options(
            num_cpus=spec.cpus, num_gpus=spec.gpus, max_restarts=0, max_task_retries=0, **spec.options
        )
        worker = WorkerHandle(actor.remote(spec.training, max(1, int(spec.cpus))))
        worker.ping()
        self.starting.append(worker)

    def answered(self, worker: WorkerHandle) -> None:
        """A worker has answered, or failed to."""
        import ray
        from ray.exceptions import ActorUnschedulableError, RayActorError, RayError, RuntimeEnvSetupError

        self.starting.remove(worker)
        try:
            version = ray.get(worker.answer)
        except RayError as error:
            broken = isinstance(error, RayActorError) and error.actor_init_failed
            if broken or isinstance(error, RuntimeEnvSetupError | ActorUnschedulableError):
                raise WorkerError(f"A Ray worker cannot start (is predictlab on every node?): {error}") from error
            self._failed += 1
            if self._failed >= FAILED_STARTS:
                raise WorkerError(f"{self._failed} Ray workers in a row died as they started: {error}") from error
            log.warning("A Ray worker died before it had anything to do.")
            return
        if version != __version__:
            raise WorkerError(
                f"A node of the Ray cluster has predictlab {version}, and this is {__version__}: install "
                "the same version on all nodes."
            )
        self._failed = 0
        self.idle.append(worker)

    def lost(self, worker: WorkerHandle) -> None:
        """A worker is gone; the others may have been on the same node."""
        self.busy.remove(worker)
        worker.kill()  # it may only be out of reach
        self.ping_idle()

    def check_patience(self) -> None:
        """Raise when there has been no worker for too long."""
        now = time.monotonic()
        if self.idle or self.busy:
            self._last_seen = now
        elif now - self._last_seen > self.spec.patience:
            raise WorkerError(f"No Ray worker could be started in {self.spec.patience:g} s: {self._shortage()}.")
        elif not self._warned and (self._capacity() == 0 or now - self._last_seen > WARN_AFTER):
            self._warned = True
            log.warning("Waiting up to %g s for room for a Ray worker: %s.", self.spec.patience, self._shortage())

    def kill(self) -> None:
        """End all workers."""
        for worker in (*self.busy, *self.starting, *self.idle):
            worker.kill()

    def _shortage(self) -> str:
        import ray

        nodes = _node_resources()
        names = sorted({"CPU", "GPU", *self.spec.demand()})
        there = "; ".join(", ".join(f"{n}: {node.get(n, 0):g}" for n in names) for node in nodes)
        wanted = ", ".join(f"{n}: {v:g}" for n, v in self.spec.demand().items())
        free = ray.available_resources()
        left = ", ".join(f"{n}: {free.get(n, 0):g}" for n in names)
        return f"a worker takes {wanted}; the nodes of the cluster have {there or 'nothing'}; together free: {left}"

    def _capacity(self) -> int:
        """Workers that the nodes of the cluster can hold if nobody else is on them."""
        if time.monotonic() - self._nodes_asked > NODES_PERIOD:
            demand = self.spec.demand().items()
            self._held = sum(
                min(int(node.get(name, 0) / amount + 1e-9) for name, amount in demand) for node in _node_resources()
            )
            self._nodes_asked = time.monotonic()
        return self._held


def _node_resources() -> list[dict[str, float]]:
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
