"""Workers on a Ray cluster: how many there is room for, starting them, and finding out which of them are there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from predictlab import __version__
from predictlab.errors import WorkerError
from predictlab.probing._ray.worker import Worker

if TYPE_CHECKING:
    from predictlab.probing._ray.executor import RayExecutor

log = logging.getLogger("predictlab")
FAILED_STARTS = 10  # of workers in a row
LOOK = 0.5  # seconds between signs of life to the driver, which may have been cancelled
NODES = 2.0  # seconds between looks at the nodes of the cluster
SAY = 30.0  # seconds without any worker after which that is said


@dataclass(eq=False)
class Hand:
    """One worker: its actor, and what says that it is there."""

    actor: Any
    sign: Any = None

    def ask(self) -> None:
        self.sign = self.actor.version.remote()

    def kill(self) -> None:
        import ray

        ray.kill(self.actor)


class Pool:
    """The workers of one round."""

    def __init__(self, executor: RayExecutor, kept: Sequence[Hand]) -> None:
        self.executor = executor
        self.idle: list[Hand] = list(kept)
        self.starting: list[Hand] = []
        self.busy: list[Hand] = []
        self.failed = 0
        self.since = time.monotonic()  # when there was a worker last
        self._looked, self._held, self._warned = float("-inf"), 0, False
        self.doubt()

    def doubt(self) -> None:
        """A worker was lost: the idle ones may have been on the same node, and have to say that they are there."""
        for hand in self.idle:
            hand.ask()
        self.starting += self.idle
        self.idle = []

    def room(self) -> int:
        """Workers that may be started beside those that are there."""
        there = len(self.idle) + len(self.starting) + len(self.busy)
        most = self.executor.workers
        return max(0, (most if most is not None else max(1, self._capacity())) - there)

    def start(self) -> None:
        import ray

        own = self.executor
        actor = ray.remote(Worker).options(
            num_cpus=own.cpus, num_gpus=own.gpus, max_restarts=0, max_task_retries=0, **own.options
        )
        hand = Hand(actor.remote(own.settings, max(1, int(own.cpus))))
        hand.ask()
        self.starting.append(hand)

    def first(self, look: Callable[[], object]) -> Hand:
        """A worker that is idle, as soon as there is one; `look` is called meanwhile."""
        import ray

        while not self.idle:
            if not self.starting:
                self.start()
            self.check_patience()
            look()
            signs = {hand.sign: hand for hand in self.starting}
            for one in ray.wait(list(signs), num_returns=1, timeout=LOOK)[0]:
                self.ready(signs[one])
        return self.idle[0]

    def ready(self, hand: Hand) -> None:
        """A worker has answered, or failed to."""
        import ray
        from ray.exceptions import ActorUnschedulableError, RayActorError, RayError, RuntimeEnvSetupError

        self.starting.remove(hand)
        try:
            version = ray.get(hand.sign)
        except RayError as error:
            broken = isinstance(error, RayActorError) and error.actor_init_failed
            if broken or isinstance(error, RuntimeEnvSetupError | ActorUnschedulableError):
                raise WorkerError(f"A Ray worker cannot start (is predictlab on every node?): {error}") from error
            self.failed += 1
            if self.failed >= FAILED_STARTS:
                raise WorkerError(f"{self.failed} Ray workers in a row died as they started: {error}") from error
            log.warning("A Ray worker died before it had anything to do.")
            return
        if version != __version__:
            raise WorkerError(
                f"A node of the Ray cluster has predictlab {version}, and this is {__version__}: install "
                "the same version on all nodes."
            )
        self.failed = 0
        self.idle.append(hand)

    def lost(self, hand: Hand) -> None:
        self.busy.remove(hand)
        hand.kill()  # it may only be out of reach
        self.doubt()

    def check_patience(self) -> None:
        """Raise when there has been no worker for too long."""
        now = time.monotonic()
        if self.idle or self.busy:
            self.since = now
        elif now - self.since > self.executor.patience:
            raise WorkerError(f"No Ray worker could be started in {self.executor.patience:g} s: {self._asked()}.")
        elif not self._warned and (self._capacity() == 0 or now - self.since > SAY):
            self._warned = True
            log.warning("Waiting up to %g s for room for a Ray worker: %s.", self.executor.patience, self._asked())

    def kill(self) -> None:
        for hand in (*self.busy, *self.starting, *self.idle):
            hand.kill()

    def _demand(self) -> dict[str, float]:
        own = self.executor
        asked = {"CPU": own.cpus, "GPU": own.gpus, "memory": own.options.get("memory") or 0}
        asked |= own.options.get("resources") or {}
        return {name: amount for name, amount in asked.items() if amount > 0}

    def _asked(self) -> str:
        import ray

        held = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        names = sorted({"CPU", "GPU", *self._demand()})
        nodes = "; ".join(", ".join(f"{n}: {h.get(n, 0):g}" for n in names) for h in held)
        wanted = ", ".join(f"{n}: {v:g}" for n, v in self._demand().items())
        free = ray.available_resources()
        left = ", ".join(f"{n}: {free.get(n, 0):g}" for n in names)
        return f"a worker takes {wanted}; the nodes of the cluster have {nodes or 'nothing'}; together free: {left}"

    def _capacity(self) -> int:
        """Workers that the nodes of the cluster can hold if nobody else is on them."""
        import ray

        if time.monotonic() - self._looked > NODES:
            held = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            demand = self._demand().items()
            self._held = sum(min(int(h.get(name, 0) / amount + 1e-9) for name, amount in demand) for h in held)
            self._looked = time.monotonic()
        return self._held
