"""Reading a store: numbers straight into arrays, and the tidy frame made of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from predictlab.runs._schema import COLUMNS, STATUSES, VALUES

_OF_TASKS = "FROM runs r INDEXED BY runs_of_task CROSS JOIN measurements m ON m.run_id = r.id WHERE r.task_id IN ({}) "


@dataclass(frozen=True)
class Rows:
    """What the store holds of some tasks, before names are put to the numbers."""

    tasks: Mapping[int, str]
    metrics: Mapping[int, str]
    runs: pd.DataFrame
    sets: Mapping[int, tuple[int, Sequence[int]]]  # status and metrics of each set, by increasing id
    count: np.ndarray  # rows of each run
    set_id: np.ndarray  # of each row, or one for all
    numbers: np.ndarray  # of each row: depth, seconds, flops, values


def all_tasks(db: sqlite3.Connection) -> dict[int, str]:
    return dict(db.execute("SELECT id, name FROM tasks ORDER BY id").fetchall())


def read_rows(db: sqlite3.Connection, version: int, tasks: Mapping[int, str]) -> Rows:
    """Everything about `tasks`, inside the caller's transaction."""
    chosen = ",".join(str(int(key)) for key in tasks)
    metrics = dict(db.execute("SELECT id, name FROM metrics ORDER BY id").fetchall())
    runs = db.execute(
        f"SELECT id, task_id, run, parent, seed FROM runs WHERE task_id IN ({chosen}) ORDER BY task_id, id"
    ).fetchall()
    sets: dict[int, tuple[int, list[int]]] = {}
    if version == 1:  # one row for each metric, as if each metric and status were a set
        sets = {4 * key + status: (status, [key]) for key in metrics for status in range(len(STATUSES))}
        set_id = "m.metric_id * 4 + CASE m.status WHEN 'ok' THEN 0 WHEN 'diverged' THEN 1 ELSE 2 END"
        values: tuple[str, ...] = ("value",)
    else:
        slots = db.execute(
            "SELECT k.id, s.slot, s.metric_id, k.status FROM metric_sets k CROSS JOIN slots s ON s.set_id = k.id "
            f"WHERE k.task_id IN ({chosen})"
        ).fetchall()
        for key, _, metric, status in sorted(slots):
            sets.setdefault(key, (status, []))[1].append(metric)
        set_id = "m.set_id"
        values = VALUES[: max((len(held) for _, held in sets.values()), default=1)]
    of_tasks = _OF_TASKS.format(chosen)
    # What costs time is each number that SQLite hands over. So runs are counted instead, and the set is asked for only
    # where there are several.
    counts = np.array(
        db.execute(f"SELECT r.id, count(*) {of_tasks} GROUP BY r.task_id, r.id").fetchall(), dtype=np.int64
    ).reshape(-1, 2)
    count = np.zeros(len(runs), dtype=np.int64)
    count[pd.Index([row[0] for row in runs]).get_indexer(counts[:, 0])] = counts[:, 1]
    columns = ["m.depth", "m.seconds", "m.flops", *(f"m.{v}" for v in values), *([set_id] if len(sets) > 1 else [])]
    numbers = np.fromiter(
        chain.from_iterable(db.execute(f"SELECT {', '.join(columns)} {of_tasks} ORDER BY r.task_id, r.id, m.depth")),
        dtype=float,
        count=int(count.sum()) * len(columns),
    ).reshape(-1, len(columns))
    which = np.array(list(sets), dtype=np.int64)
    if len(sets) > 1:
        which, numbers = numbers[:, -1].astype(np.int64), numbers[:, :-1]
    about = pd.DataFrame(runs, columns=["id", "task_id", "run", "parent", "seed"])
    return Rows(tasks, metrics, about, sets, count, which, numbers)


def tidy_frame(rows: Rows) -> pd.DataFrame:
    """The tidy frame of `rows`: by task, run, depth and metric, each in the order in which they first came."""
    n, values = len(rows.numbers), rows.numbers[:, 3:]
    which = np.repeat(np.arange(len(rows.runs)), rows.count)
    depth, seconds, flops = rows.numbers[:, 0].astype(np.int64), *rows.numbers[:, 1:3].T
    metrics = np.full((len(rows.sets), values.shape[1]), -1, dtype=np.int64)
    for row, (_, ids) in zip(metrics, rows.sets.values(), strict=True):
        row[: len(ids)] = np.searchsorted(list(rows.metrics), ids)
    at = np.searchsorted(list(rows.sets), rows.set_id)
    status = np.broadcast_to(np.array([code for code, _ in rows.sets.values()], dtype=np.int64)[at], n)
    metric = np.broadcast_to(metrics[at], (n, values.shape[1]))
    present = metric >= 0
    size = present.sum(axis=1)
    which, depth, seconds, flops, status = (np.repeat(c, size) for c in (which, depth, seconds, flops, status))
    value, metric = values[present], metric[present]

    # Several parts at one depth need not come in the order of the metrics.
    turn = (np.diff(which) == 0) & (np.diff(depth) == 0) & (np.diff(metric) < 0)
    if turn.any():
        order = np.lexsort((metric, depth, which))
        which, depth, seconds, flops, status, value, metric = (
            c[order] for c in (which, depth, seconds, flops, status, value, metric)
        )
    about = rows.runs
    columns = {
        "task": _texts(about["task_id"].map(rows.tasks), which),
        "run": _texts(about["run"], which),
        "parent": _texts(about["parent"], which),
        "seed": about["seed"].to_numpy(dtype=np.int64)[which],
        "depth": depth,
        "metric": _texts(rows.metrics.values(), metric),
        "value": value,
        "seconds": seconds,
        "flops": flops,
        "status": _texts(STATUSES, status),
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))


def _texts(values: Iterable[Any], positions: np.ndarray) -> Any:
    """String array of few distinct texts at many places: each text is built once."""
    texts = values.to_numpy(dtype=object) if isinstance(values, pd.Series) else list(values)
    return pd.Series(texts, dtype="str").array.take(positions)


def known_depths(db: sqlite3.Connection, task: str) -> dict[str, frozenset[int]]:
    rows = db.execute(
        "SELECT r.run, m.depth FROM runs r JOIN measurements m ON m.run_id = r.id "
        "WHERE r.task_id = (SELECT id FROM tasks WHERE name = ?) GROUP BY r.run, m.depth",
        (task,),
    )
    depths: dict[str, set[int]] = {}
    for run, depth in rows:
        depths.setdefault(run, set()).add(depth)
    return {run: frozenset(found) for run, found in depths.items()}


def task_table(db: sqlite3.Connection) -> pd.DataFrame:
    rows = db.execute(
        "SELECT t.name, t.fingerprint, count(DISTINCT r.id), count(m.run_id), t.description FROM tasks t "
        "LEFT JOIN runs r ON r.task_id = t.id LEFT JOIN (SELECT DISTINCT run_id, depth FROM measurements) m "
        "ON m.run_id = r.id GROUP BY t.id ORDER BY t.id"
    ).fetchall()
    frame = pd.DataFrame(rows, columns=["task", "fingerprint", "runs", "measurements", "description"])
    frame["description"] = frame["description"].map(json.loads)
    return frame
