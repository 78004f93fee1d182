"""Work that may stop and go on: one JSON line a unit, kept in a file."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

Line = dict[str, Any]


def resumed(
    units: Sequence[Line],
    work: Callable[[Line], list[Line]],
    store: Path | None,
    *,
    jobs: int = 1,
    minutes: float = float("inf"),
) -> list[Line]:
    """Lines of all units: those the store has, and those that the time allows, in the units' order.

    Processes that share a store take turns at its end alone: each appends whole lines, and lines of one unit that two
    of them made are the same, since a unit has its own seed.

    Parameters
    ----------
    units : sequence of dict
        What tells a unit from the others; JSON values.
    work : callable
        Makes a unit's lines; any it has done before are not asked for again.
    store : Path or None
        None: nothing is kept.
    jobs : int
        Processes.
    minutes : float
        After which no unit is begun.
    """
    kept: dict[str, list[Line]] = {}
    if store is not None and store.exists():
        with store.open() as file:
            for text in file:
                if text.endswith("\n"):  # a line that was cut short is made again
                    line = json.loads(text)
                    kept[json.dumps(line["unit"])] = line["lines"]
    left = [unit for unit in units if json.dumps(unit) not in kept]
    end = time.monotonic() + 60 * minutes
    with ProcessPoolExecutor(jobs) as pool:
        while left and time.monotonic() < end:
            some, left = left[: 4 * jobs], left[4 * jobs :]
            for unit, lines in zip(some, pool.map(work, some), strict=True):
                kept[json.dumps(unit)] = lines
                if store is not None:
                    _append(store, json.dumps({"unit": unit, "lines": lines}))
    return [unit | line for unit in units for line in kept.get(json.dumps(unit), [])]


def _append(store: Path, text: str) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    with store.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0, 2)
        if file.tell():
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(text.encode() + b"\n")
