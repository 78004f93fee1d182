"""The groups of one call on a Ray cluster, and its workers: started, given groups, heard of, replaced when lost."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import ActorUnschedulableError, RayActorError, RayError, RayTaskError, RuntimeEnvSetupError

from predictlab import __version__
from predictlab.errors import WorkerError
from predictlab.probing._ray.worker import AHEAD, Reached, Worker
from predictlab.probing._segments import CancelCheck, CheckpointResult, Group, GroupUpdate, RunSegment

if TYPE_CHECKING:
    from predictlab.probing._ray.executor import RayExecutor

log = logging.getLogger("predictlab")
POLL = 0.5  # seconds of waiting for Ray between checks for cancellation
DEATHS = 3  # of workers, in a row, over one group that gets nowhere
FAILED_STARTS = 10  # of workers in a row
NODES_PERIOD = 2.0  # seconds between questions after the nodes of the cluster
WARN_AFTER = 30.0  # seconds without any worker


@dataclass(eq=False)
class Job:
    """A group, and what is left of it to do; of a group without runs, to load its task's model."""

    group: Group
    left: tuple[RunSegment, ...]
    deaths: int = 0
    worker: Any = None
    stream: Any = None

    def reached(self, results: Sequence[Reached]) -> tuple[CheckpointResult, ...]:
        """What its runs reached, of which nothing is left to do from now on."""
        told, left = [], []
        for segment, rest, one in zip(self.group.segments, self.left, results, strict=True):
            told.append(CheckpointResult(segment, *one))
            state, values = one[:2]
            depths = tuple(d for d in rest.depths if d > state.step or (d == state.step and values is None))
            left.append(replace(rest, begin=state.step, depths=depths, state=state))
        self.left, self.deaths = tuple(left), 0
        return tuple(told)

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return bool(self.left) and not any(segment.depths for segment in self.left)

    def __str__(self) -> str:
        if not self.left:
            return f"the model of {self.group.task.name}"
        segment, beside = self.left[0], len(self.left) - 1
        return f"{segment.run} after depth {segment.begin} and the {beside} runs beside it"


class Round:
    """All groups of one call, from the first to the last, and the workers (actor handles) that train them.

    Parameters
    ----------
    executor : RayExecutor
        Says what a worker is and takes, and hands out the tasks.
    groups : iterable of Group
    kept : sequence of ray.actor.ActorHandle
        Workers that are left of an earlier call.
    """

    def __init__(self, executor: RayExecutor, groups: Iterable[Group], kept: Sequence[Any]) -> None:
        self.executor, self.source = executor, iter(groups)
        self.waiting: deque[Job] = deque()
        self.running: list[Job] = []
        self.idle = list(kept)
        self.starting: dict[Any, Any] = {}  # workers, by the answer that will say that they are there
        options = executor.options
        asked: dict[str, float] = {"CPU": executor.cpus, "GPU": executor.gpus, "memory": options.get("memory") or 0}
        asked |= options.get("resources") or {}
        self._demand = {name: amount for name, amount in asked.items() if amount > 0}  # of a worker
        self._failed = 0
        self._last_seen = time.monotonic()  # when there was a worker last
        self._nodes_asked, self._held, self._warned = float("-inf"), 0, False
        self._ping_idle()

    def run(self, check_cancelled: CancelCheck) -> Generator[GroupUpdate]:
        """Train all groups; what comes of them, as workers tell it."""
        while True:
            self._take()
            if not (self.waiting or self.running):
                return
            self._check_patience()
            streams = {job.stream: job for job in self.running}
            ready, _ = ray.wait([*self.starting, *streams], num_returns=1, timeout=POLL)
            if not ready:
                check_cancelled()
            for one in ready:
                if one in streams:
                    yield from self._receive(streams[one])
                else:
                    self._answered(one)

    def kill(self) -> None:
        """End all workers."""
        for worker in (*(job.worker for job in self.running), *self.starting.values(), *self.idle):
            ray.kill(worker)

    # -- groups --------------------------------------------------------------------------------------------------

    def _take(self) -> None:
        """Groups for all workers that are idle, about to be there, or could be; not more, since they are claimed."""
        self._staff()  # groups of lost workers first
        while len(self.waiting) < len(self.idle) + len(self.starting) + self._room():
            group = next(self.source, None)
            if group is None:
                return
            self.waiting.append(Job(group, group.segments))
            self._staff()

    def _staff(self) -> None:
        """Give groups that wait to idle workers, and start workers for the others."""
        while self.waiting and self.idle:
            self._send()
        for _ in range(min(len(self.waiting) - len(self.starting), self._room())):
            self._start()

    def _send(self) -> None:
        """Give the first group that waits to an idle worker."""
        job, worker = self.waiting.popleft(), self.idle.pop()
        reference = self.executor._put(job.group.task)
        train = worker.train.options(num_returns="streaming", _generator_backpressure_num_objects=AHEAD)
        job.worker, job.stream = worker, train.remote([reference], job.left)
        self.running.append(job)

    def _receive(self, job: Job) -> Generator[GroupUpdate]:
        """The next message of a group's worker."""
        try:
            steps, results, done = ray.get(next(job.stream))
        except RayTaskError as error:
            # As itself; Ray's own error, its cause here, says where.
            raise (error.cause if isinstance(error.cause, Exception) else error) from error
        except (RayError, StopIteration) as error:
            yield from self._rescue(job, error)
            return
        reached = [job.reached(one) for one in results]
        self.running.remove(job)
        if done:
            self.idle.append(job.worker)
        else:
            self.running.append(job)  # behind the others, which are heard in turn
        for one in reached:
            yield GroupUpdate(job.group, results=one)
        yield GroupUpdate(job.group, steps, finished=done)

    def _rescue(self, job: Job, error: BaseException) -> Generator[GroupUpdate]:
        """The worker of a group is lost: the next one goes on from the states that it sent last."""
        self.running.remove(job)
        ray.kill(job.worker)  # it may only be out of reach
        self._ping_idle()
        job.worker = job.stream = None
        if job.done:
            yield GroupUpdate(job.group, finished=True)
            return
        job.deaths += 1
        log.warning("A Ray worker was lost over %s; another one goes on from there.", job)
        if job.deaths >= DEATHS:
            raise WorkerError(
                f"{job.deaths} Ray workers in a row were lost over {job} (is that too much for a worker's memory?). "
                f"The last one: {error}"
            ) from error
        self.waiting.appendleft(job)

    # -- workers -------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Ask Ray for one more worker."""
        asked = self.executor
        actor = ray.remote(Worker).options(
            num_cpus=asked.cpus, num_gpus=asked.gpus, max_restarts=0, max_task_retries=0, **asked.options
        )
        self._ping(actor.remote(asked.training, max(1, int(asked.cpus))))

    def _ping(self, worker: Any) -> None:
        """Ask a worker whether it is there."""
        self.starting[worker.version.remote()] = worker

    def _ping_idle(self) -> None:
        """Ask those that are idle: a worker was lost, and they may have been on the same node."""
        while self.idle:
            self._ping(self.idle.pop())

    def _answered(self, answer: Any) -> None:
        """A worker has answered, or failed to."""
        worker = self.starting.pop(answer)
        try:
            version = ray.get(answer)
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

    def _check_patience(self) -> None:
        """Raise when there has been no worker for too long."""
        now, patience = time.monotonic(), self.executor.patience
        if self.idle or self.running:
            self._last_seen = now
        elif now - self._last_seen > patience:
            raise WorkerError(f"No Ray worker could be started in {patience:g} s: {self._shortage()}.")
        elif not self._warned and (self._capacity() == 0 or now - self._last_seen > WARN_AFTER):
            self._warned = True
            log.warning("Waiting up to %g s for room for a Ray worker: %s.", patience, self._shortage())

    def _room(self) -> int:
        """Workers that may be started beside those that are there."""
        most = self.executor.workers or max(1, self._capacity())
        return max(0, most - len(self.idle) - len(self.starting) - len(self.running))

    def _capacity(self) -> int:
        """Workers that the nodes of the cluster can hold if nobody else is on them."""
        if time.monotonic() - self._nodes_asked > NODES_PERIOD:
            demand = self._demand.items()
            self._held = sum(
                min(int(node.get(name, 0) / amount + 1e-9) for name, amount in demand) for node in _node_resources()
            )
            self._nodes_asked = time.monotonic()
        return self._held

    def _shortage(self) -> str:
        names = sorted({"CPU", "GPU", *self._demand})

        def listed(resources: dict[str, float]) -> str:
            return ", ".join(f"{name}: {resources.get(name, 0):g}" for name in names)

        there = "; ".join(map(listed, _node_resources())) or "nothing"
        wanted = ", ".join(f"{name}: {amount:g}" for name, amount in self._demand.items())
        free = listed(ray.available_resources())
        return f"a worker takes {wanted}; the nodes of the cluster have {there}; together free: {free}"


def _node_resources() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
