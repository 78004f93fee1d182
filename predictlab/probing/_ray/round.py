"""The groups of one call on a Ray cluster: given to workers, heard of, and rescued when a worker is lost."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from predictlab.errors import WorkerError
from predictlab.probing._ray.pool import Pool, WorkerHandle
from predictlab.probing._ray.worker import AHEAD, PackedResult, PackedSegment, pack
from predictlab.probing._segments import CancelCheck, CheckpointResult, Group, GroupUpdate
from predictlab.task import Task

log = logging.getLogger("predictlab")
POLL = 0.5  # seconds of waiting for Ray between checks for cancellation
DEATHS = 3  # of workers, in a row, over one group that gets nowhere


@dataclass(eq=False)
class Job:
    """A group, and what is left of it to do; of a group without runs, to load its task's model."""

    group: Group
    left: tuple[PackedSegment, ...]
    deaths: int = 0
    worker: WorkerHandle | None = None
    stream: Any = None

    @classmethod
    def of(cls, group: Group) -> Job:
        """All of a group."""
        return cls(group, tuple(pack(segment) for segment in group.segments))

    def reached(self, results: Sequence[PackedResult]) -> tuple[CheckpointResult, ...]:
        """What its runs reached, of which nothing is left to do from now on."""
        from predictlab.probing._engine.parameters import RunState

        unpacked, left = [], []
        for segment, (rest, _), (values, outcomes, raw) in zip(self.group.segments, self.left, results, strict=True):
            state = RunState.from_bytes(raw)
            unpacked.append(CheckpointResult(segment, state, values, outcomes))
            depths = tuple(d for d in rest.depths if d > state.step or (d == state.step and values is None))
            left.append((replace(rest, begin=state.step, depths=depths), raw))
        self.left, self.deaths = tuple(left), 0
        return tuple(unpacked)

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return bool(self.left) and not any(segment.depths for segment, _ in self.left)

    def __str__(self) -> str:
        if not self.left:
            return f"the model of {self.group.task.name}"
        segment, beside = self.left[0][0], len(self.left) - 1
        return f"{segment.run} after depth {segment.begin} and the {beside} runs beside it"


class Round:
    """All groups of one call, from the first to the last.

    Parameters
    ----------
    pool : Pool
    groups : iterable of Group
    put : callable
        Gives a task's name among workers, and Ray's reference to it.
    """

    def __init__(self, pool: Pool, groups: Iterable[Group], put: Callable[[Task], tuple[str, Any]]) -> None:
        self.pool, self.put = pool, put
        self.source: Iterator[Group] | None = iter(groups)
        self.waiting: deque[Job] = deque()
        self.running: list[Job] = []

    def run(self, check_cancelled: CancelCheck) -> Generator[GroupUpdate]:
        """Train all groups; what comes of them, as workers tell it."""
        import ray

        while True:
            self._take()
            if not (self.waiting or self.running):
                return
            self.pool.check_patience()
            answers = {worker.answer: worker for worker in self.pool.starting}
            streams = {job.stream: job for job in self.running}
            ready, _ = ray.wait([*answers, *streams], num_returns=1, timeout=POLL)
            if not ready:
                check_cancelled()
            for one in ready:
                if one in answers:
                    self.pool.answered(answers[one])
                else:
                    yield from self._receive(streams[one])

    def _take(self) -> None:
        """Groups for all workers that are idle, about to be there, or could be; not more, since they are claimed."""
        pool = self.pool
        self._staff()  # groups of lost workers first
        while self.source is not None and len(self.waiting) < len(pool.idle) + len(pool.starting) + pool.room():
            group = next(self.source, None)
            if group is None:
                self.source = None
            else:
                self.waiting.append(Job.of(group))
                self._staff()

    def _staff(self) -> None:
        """Give groups that wait to idle workers, and start workers for the others."""
        pool = self.pool
        while self.waiting and pool.idle:
            self._send()
        for _ in range(min(len(self.waiting) - len(pool.starting), pool.room())):
            pool.start()

    def _send(self) -> None:
        """Give the first group that waits to an idle worker."""
        job, worker = self.waiting.popleft(), self.pool.idle.pop()
        name, reference = self.put(job.group.task)
        train = worker.actor.train.options(num_returns="streaming", _generator_backpressure_num_objects=AHEAD)
        job.worker, job.stream = worker, train.remote(name, [reference], job.left)
        self.pool.busy.append(worker)
        self.running.append(job)

    def _receive(self, job: Job) -> Generator[GroupUpdate]:
        """The next message of a group's worker."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        assert job.worker is not None
        self.running.remove(job)
        try:
            steps, results, done = ray.get(next(job.stream))
        except RayTaskError as error:
            # As itself; Ray's own error, its cause here, says where.
            raise (error.cause if isinstance(error.cause, Exception) else error) from error
        except (RayError, StopIteration) as error:
            yield from self._rescue(job, error)
            return
        reached = [job.reached(one) for one in results]
        if done:
            self.pool.busy.remove(job.worker)
            self.pool.idle.append(job.worker)
        else:
            self.running.append(job)  # behind the others, which are heard in turn
        for one in reached:
            yield GroupUpdate(job.group, results=one)
        yield GroupUpdate(job.group, steps, finished=done)

    def _rescue(self, job: Job, error: BaseException) -> Generator[GroupUpdate]:
        """The worker of a group is lost: the next one goes on from the states that it sent last."""
        assert job.worker is not None
        self.pool.lost(job.worker)
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
