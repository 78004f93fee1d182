"""The groups of one call on a Ray cluster: given to workers, heard of, and rescued when a worker is lost."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from predictlab.errors import WorkerError
from predictlab.probing._ray.pool import LOOK, Hand, Pool
from predictlab.probing._ray.worker import Packed, pack, unpack
from predictlab.probing._segments import Group, Lane, Reached

log = logging.getLogger("predictlab")
DEATHS = 3  # of workers, in a row, over one group that gets nowhere
AHEAD = 8  # messages of a worker that wait for the driver


def raised_in(error: Any) -> Exception:
    """What was raised in a worker, as itself; Ray's own error, its cause here, says where."""
    return error.cause if isinstance(error.cause, Exception) else error


@dataclass(eq=False)
class Job:
    """A group, and what is left of it to do."""

    group: Group
    left: tuple[tuple[Lane, bytes | None], ...]
    deaths: int = 0
    hand: Hand | None = None
    stream: Any = None

    @classmethod
    def of(cls, group: Group) -> Job:
        return cls(group, tuple(pack(lane) for lane in group.lanes))

    def reached(self, found: Sequence[Packed]) -> list[Reached]:
        """What its lanes reached, of which nothing is left to do from now on."""
        out, left = [], []
        for lane, (rest, _), (measured, state) in zip(self.group.lanes, self.left, found, strict=True):
            out.append(unpack(lane, measured, state))
            step = out[-1].state.step
            depths = tuple(d for d in rest.depths if d > step or (d == step and measured is None))
            left.append((replace(rest, begin=step, depths=depths), state))
        self.left, self.deaths = tuple(left), 0
        return out

    @property
    def done(self) -> bool:
        return not any(lane.depths for lane, _ in self.left)


@dataclass(eq=False)
class Round:
    """All groups of one call, from the first to the last."""

    pool: Pool
    groups: Iterable[Group]
    report: Callable[[Group, Sequence[Reached]], None]
    tick: Callable[[Group, int], object]
    finish: Callable[[Group], None]
    waiting: deque[Job] = field(default_factory=deque)
    running: list[Job] = field(default_factory=list)

    def run(self) -> None:
        import ray

        self.source: Iterator[Group] | None = iter(self.groups)
        while True:
            self._take()
            if not (self.waiting or self.running):
                return
            self.pool.check_patience()
            signs = {hand.sign: hand for hand in self.pool.starting}
            streams = {job.stream: job for job in self.running}
            found, _ = ray.wait([*signs, *streams], num_returns=1, timeout=LOOK)
            if not found:
                self.tick((self.running or self.waiting)[0].group, 0)
            for one in found:
                if one in signs:
                    self.pool.ready(signs[one])
                else:
                    self._hear(streams[one])

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
        job, hand = self.waiting.popleft(), self.pool.idle.pop()
        name, where = self.pool.executor.put(job.group.task)
        train = hand.actor.train.options(num_returns="streaming", _generator_backpressure_num_objects=AHEAD)
        job.hand, job.stream = hand, train.remote(name, [where], job.left)
        self.pool.busy.append(hand)
        self.running.append(job)

    def _hear(self, job: Job) -> None:
        """Pass on what a worker says of its group."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        assert job.hand is not None
        self.running.remove(job)
        try:
            steps, reports, done = ray.get(next(job.stream))
        except RayTaskError as error:
            raise raised_in(error) from error
        except (RayError, StopIteration) as error:
            self._rescue(job, error)
            return
        for found in reports:
            self.report(job.group, job.reached(found))
        if done:
            self.pool.busy.remove(job.hand)
            self.pool.idle.append(job.hand)
            self.finish(job.group)
        else:
            self.running.append(job)  # behind the others, which are heard in turn
        self.tick(job.group, steps)  # last, since it raises when the driver was cancelled

    def _rescue(self, job: Job, error: BaseException) -> None:
        """The worker of a group is lost: the next one goes on from the states that it sent last."""
        assert job.hand is not None
        self.pool.lost(job.hand)
        job.hand = job.stream = None
        if job.done:
            self.finish(job.group)
            return
        job.deaths += 1
        lane = job.left[0][0]
        log.warning(
            "A Ray worker was lost; %s and the %d runs beside it go on from depth %d elsewhere.",
            lane.run, len(job.left) - 1, lane.begin,
        )  # fmt: skip
        if job.deaths >= DEATHS:
            raise WorkerError(
                f"{job.deaths} Ray workers in a row were lost over {lane.run} after depth {lane.begin} (is a group of "
                f"{len(job.left)} runs too large for a worker's memory?). The last one: {error}"
            ) from error
        self.waiting.appendleft(job)
