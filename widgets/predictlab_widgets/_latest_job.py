"""Work that a page asks for: in steps, with the kernel's messages heard in between, and only the newest of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

BREATH = 0.005  # seconds in which messages that are already there are read before the work goes on


class LatestJobRunner:
    """Runs the newest of the jobs it is given; an older one that is not done is dropped at its next step.

    A position of a slider that has been left is then never computed to its end, and never waited for.
    """

    def __init__(self) -> None:
        self._job: Iterator[None] | None = None

    def start(self, job: Iterator[None]) -> None:
        """Take up `job`, a generator that yields between its steps; where no event loop runs, do all of it now."""
        self._job = job
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            for _ in job:
                pass
            return
        self._later(loop, job)

    def _later(self, loop: asyncio.AbstractEventLoop, job: Iterator[None]) -> None:
        loop.call_later(BREATH, self._step, loop, job)

    def _step(self, loop: asyncio.AbstractEventLoop, job: Iterator[None]) -> None:
        if job is not self._job:
            return
        try:
            next(job)
        except StopIteration:
            return
        self._later(loop, job)
