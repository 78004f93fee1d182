"""How far a probe is: steps, throughput and time left of every task, safe to read from another thread."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from tqdm.auto import tqdm

_WINDOW = 30.0  # seconds over which throughput is taken


@dataclass(frozen=True)
class TaskProgress:
    """One task at one moment.

    Parameters
    ----------
    done, total : int
        Optimiser steps made by this probe, and all it has to make (what was in the store already is in neither).
    rate : float
        Steps a second, lately; NaN before there were any.
    seconds_left : float
        At that rate; NaN while it is not known.
    """

    done: int
    total: int
    rate: float
    seconds_left: float


class Progress:
    """Counts steps of tasks; optionally shows them as one bar on standard error.

    Parameters
    ----------
    show : bool
    before : Progress, optional
        What was counted before; counting goes on from there.
    """

    def __init__(self, show: bool, before: Progress | None = None) -> None:
        self.doing = "starting"
        self._lock = threading.Lock()
        self._done: Counter[str] = Counter(before._done if before else {})
        self._total = Counter(self._done)
        self._lately: dict[str, deque[tuple[float, int]]] = {}
        self._show = show
        self._bar: tqdm | None = None  # made when there is something to count

    def expect(self, left: Mapping[str, int]) -> None:
        """Say how many steps are left of each task from now on."""
        with self._lock:
            for task, steps in left.items():
                self._total[task] = self._done[task] + steps
            self._show_total()

    def more(self, task: str, steps: int) -> None:
        """Say that so many steps are to be made beside those that were expected."""
        with self._lock:
            self._total[task] += steps
            self._show_total()

    def _show_total(self) -> None:
        total, done = sum(self._total.values()), sum(self._done.values())
        if self._bar is None:
            if total == done:
                return
            self._bar = tqdm(
                total=total, initial=done, unit="step", disable=not self._show, dynamic_ncols=True, smoothing=0.1
            )
        self._bar.total = total
        self._bar.refresh()

    def say(self, doing: str) -> None:
        """What is being done now, for people."""
        self.doing = doing
        if self._bar is not None:
            self._bar.set_description(doing)

    def step(self, task: str, steps: int) -> None:
        """Count steps just made; none, such as between batches of an evaluation, changes nothing."""
        if not steps:
            return
        now = time.monotonic()
        with self._lock:
            self._done[task] += steps
            self._total[task] = max(self._total[task], self._done[task])
            lately = self._lately.setdefault(task, deque([(now, self._done[task] - steps)]))
            lately.append((now, self._done[task]))
            while now - lately[0][0] > _WINDOW and len(lately) > 2:
                lately.popleft()
            if self._bar is not None:
                self._bar.update(steps)

    def snapshot(self) -> dict[str, TaskProgress]:
        """Progress of every task that has anything to do."""
        with self._lock:
            out = {}
            for task, total in self._total.items():
                done, lately = self._done[task], self._lately.get(task)
                rate = math.nan
                if lately and lately[-1][0] > lately[0][0]:
                    rate = (lately[-1][1] - lately[0][1]) / (lately[-1][0] - lately[0][0])
                left = total - done
                seconds = left / rate if left and rate > 0 else math.nan if left else 0.0
                out[task] = TaskProgress(done, total, rate, seconds)
            return out

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
