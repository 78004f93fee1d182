"""Work beside the kernel's messages: what a page asks for, and looks at something that changes by itself."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Iterator

_DONE = object()
BREATH = 0.005  # seconds in which messages that are already there are read before the work goes on
EVERY = 1.0  # seconds between two looks
SHARE = 5.0  # and this many times what a look took, so that it takes at most a sixth of one core


class LatestJobRunner:
    """Runs the newest of the jobs it is given, in steps, with the kernel's messages heard in between.

    An older one that is not done is dropped at its next step.
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

    def drop(self) -> None:
        """Leave what is being done where it is."""
        self._job = None

    def _step(self, job: Iterator[None]) -> None:
        if job is self._job and next(job, _DONE) is not _DONE:
            asyncio.get_running_loop().call_later(BREATH, self._step, job)


class PollingThread:
    """Calls a bound method, held weakly, again and again until it says that it has seen the end, or its object is gone.

    Parameters
    ----------
    beat : bound method
        Returns whether there will be more to see.
    """

    def __init__(self, beat: Callable[[], bool]) -> None:
        self._poll = weakref.WeakMethod(beat)
        self._woken = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def beating(self) -> bool:
        """Whether its thread is there."""
        return self._thread is not None

    def wake(self) -> None:
        """Look at once, and from now on."""
        with self._lock:
            self._woken.set()
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="predictlab-pulse", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End for good, after the look that is being taken."""
        with self._lock:
            self._stopped = True
            self._woken.set()

    def _run(self) -> None:
        pause = 0.0
        while True:
            self._woken.wait(pause)
            self._woken.clear()
            began, more = time.monotonic(), False
            beat = None if self._stopped else self._poll()
            if beat is not None:
                more = beat()
            del beat  # between two looks nothing here keeps the object alive
            with self._lock:
                if self._stopped or not (more or self._woken.is_set()):
                    self._thread = None
                    return
            pause = max(EVERY, SHARE * (time.monotonic() - began))
