"""Work that a page asks for: in steps, with the kernel's messages heard in between, and only the newest of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

_DONE = object()
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
            asyncio.get_running_loop().call_later(BREATH, self._step, job)
        except RuntimeError:
            for _ in job:
                pass

    def _step(self, job: Iterator[None]) -> None:
        if job is self._job and next(job, _DONE) is not _DONE:
            asyncio.get_running_loop().call_later(BREATH, self._step, job)
