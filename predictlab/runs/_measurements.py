"""Measurements in a store: a tidy frame checked and written, one run at one depth written, and the frame read back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Hashable, Iterable, Mapping
from itertools import chain, groupby
from operator import itemgetter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab._validation import needed_columns
from predictlab.errors import StoreError, bad_argument
from predictlab.runs._outcomes import insert_outcomes
from predictlab.runs._schema import COLUMNS, EVALUATIONS, STATUSES, Entry

REQUIRED = ("task", "run", "seed", "depth", "metric", "value")
_INSERT = "INSERT INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?)"  # run_id to status, as in the table


def check_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """The tidy columns of `frame` with their types, or an error that names the column and what is wrong."""
    if not isinstance(frame, pd.DataFrame):
        raise bad_argument("frame", frame, "a tidy frame of runs", "pl.read_runs(source) makes one.")
    needed_columns("frame", frame, REQUIRED)
    rows = frame.reindex(columns=list(COLUMNS)).reset_index(drop=True)
    rows["status"] = rows["status"].astype(object).fillna("ok")
    for name in ("task", "run", "metric"):
        _require(rows[name].notna() & (rows[name] != ""), rows, name, "a name in every row")
        rows[name] = rows[name].astype(str)
    for name, least in (("seed", -np.inf), ("depth", 0)):
        number = pd.to_numeric(rows[name], errors="coerce")
        _require((number % 1 == 0) & (number >= least), rows, name, "whole numbers" + (" >= 0" if least == 0 else ""))
        rows[name] = number.astype(np.int64)
    for name in ("value", "seconds", "flops"):
        rows[name] = pd.to_numeric(rows[name], errors="coerce").astype(float)
    _require(rows["status"].isin(STATUSES), rows, "status", f"one of {', '.join(STATUSES)}")
    _require(np.isfinite(rows["value"]) | (rows["status"] != "ok"), rows, "value", "finite where status is 'ok'")
    _require(~rows.duplicated(["task", "run", "depth", "metric"]), rows, "depth", "once for each run and metric")
    return rows


def _require(good: pd.Series, rows: pd.DataFrame, name: str, expected: str) -> None:
    if not good.all():
        at = int(np.argmin(good.to_numpy(dtype=bool)))
        value = rows[name].iloc[at]
        value = value.item() if isinstance(value, np.generic) else value
        raise bad_argument(f"frame[{name!r}]", value, expected, f"Row {at}, run {rows['run'].iloc[at]!r}.")


def insert_frame(db: sqlite3.Connection, rows: pd.DataFrame) -> int:
    """Write `rows`, whose tasks are known, inside the caller's transaction; returns how many were new."""
    tasks = dict(db.execute("SELECT name, id FROM tasks").fetchall())
    run_of_row, names = pd.factorize(pd.MultiIndex.from_frame(rows[["task", "run"]]))
    first = rows.iloc[np.unique(run_of_row, return_index=True)[1]]
    parents = first["parent"].astype(object).where(first["parent"].notna() & (first["parent"] != ""), None)
    run_ids = []
    for (task, run), seed, parent in zip(names, first["seed"].tolist(), parents, strict=True):
        run_id, *stored = get_run(db, tasks[task], run, parent, seed)
        if stored != [parent, seed]:
            raise StoreError(
                f"The store holds run {run!r} of task {task!r} with parent {stored[0]} and seed {stored[1]}, the frame "
                f"has parent {parent} and seed {seed}. Give the run another name, or use another store."
            )
        run_ids.append(run_id)
    columns = [
        np.array(run_ids, dtype=np.int64)[run_of_row],
        rows["depth"],
        rows["metric"].map(metric_ids(db, rows["metric"].unique())),
        *(rows[name] for name in ("value", "seconds", "flops")),
        pd.Index(STATUSES).get_indexer(pd.Index(rows["status"])),
    ]
    values = zip(*(column.tolist() for column in columns), strict=True)
    return db.executemany(f"{_INSERT} ON CONFLICT DO NOTHING", values).rowcount


def insert_entry(db: sqlite3.Connection, run_id: int, entry: Entry, rows: int | None) -> bool:
    """Write values and outcomes of `entry` unless the store holds its run at its depth; whether it was written.

    `rows` is the size of the task's evaluation set, None where it is not known.
    """
    assert entry.values is not None
    depth = int(entry.depth)
    if db.execute("SELECT 1 FROM measurements WHERE run_id = ? AND depth = ?", (run_id, depth)).fetchone():
        return False
    values = dict(entry.values.items())
    ids = metric_ids(db, values)
    rest = (float(entry.seconds), float(entry.flops), STATUSES.index(entry.status))
    db.executemany(_INSERT, [(run_id, depth, ids[name], float(value), *rest) for name, value in values.items()])
    insert_outcomes(db, run_id, entry, rows, ids)
    if entry.evaluation is not None and np.isfinite(entry.evaluation[0]):
        db.execute(EVALUATIONS)
        db.execute("INSERT INTO evaluations VALUES (?, ?, ?, ?)", (run_id, depth, *entry.evaluation))
    return True


def metric_ids(db: sqlite3.Connection, names: Iterable[str]) -> dict[str, int]:
    """Id of every metric in the store, those of `names` among them."""
    db.executemany("INSERT INTO metrics (name) VALUES (?) ON CONFLICT DO NOTHING", [(name,) for name in names])
    return dict(db.execute("SELECT name, id FROM metrics").fetchall())


def get_run(
    db: sqlite3.Connection, task_id: int, run: str, parent: str | None, seed: int
) -> tuple[int, str | None, int]:
    """Id, parent and seed of a run as the store holds it; a new one gets what is given."""
    new = "INSERT INTO runs (task_id, run, parent, seed) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    db.execute(new, (task_id, run, parent, seed))
    row = db.execute("SELECT id, parent, seed FROM runs WHERE task_id = ? AND run = ?", (task_id, run)).fetchone()
    return row[0], row[1], row[2]


def read_frame(db: sqlite3.Connection, tasks: Mapping[int, str]) -> pd.DataFrame:
    """The tidy frame of `tasks` (id to name): by task, run, depth and metric, each in the order of its first coming."""
    chosen = f"r.task_id IN ({','.join(str(int(key)) for key in tasks)})"
    metrics = dict(db.execute("SELECT id, name FROM metrics ORDER BY id").fetchall())
    # What costs time is each number that SQLite hands over to Python: rows are counted by run instead of named by it,
    # and metric and status come as one number.
    runs = _query(
        db,
        "SELECT r.*, (SELECT count(*) FROM measurements m WHERE m.run_id = r.id) AS rows "
        f"FROM runs r WHERE {chosen} ORDER BY r.task_id, r.id",
    )
    rows = db.execute(
        f"SELECT m.depth, m.metric_id * {len(STATUSES)} + m.status, m.value, m.seconds, m.flops "
        "FROM runs r INDEXED BY runs_of_task CROSS JOIN measurements m ON m.run_id = r.id "
        f"WHERE {chosen} ORDER BY r.task_id, r.id, m.depth, m.metric_id"
    )
    count = runs["rows"].to_numpy(dtype=np.int64)
    numbers = np.fromiter(chain.from_iterable(rows), dtype=float, count=5 * int(count.sum())).reshape(-1, 5)
    metric, status = np.divmod(numbers[:, 1].astype(np.int64), len(STATUSES))
    run = np.repeat(np.arange(len(runs)), count)
    columns = {
        "task": texts_at(runs["task_id"].map(tasks), run),
        "run": texts_at(runs["run"], run),
        "parent": texts_at(runs["parent"], run),
        "seed": runs["seed"].to_numpy(dtype=np.int64)[run],
        "depth": numbers[:, 0].astype(np.int64),
        "metric": texts_at(metrics.values(), np.searchsorted(list(metrics), metric)),
        "value": numbers[:, 2],
        "seconds": numbers[:, 3],
        "flops": numbers[:, 4],
        "status": texts_at(STATUSES, status),
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))


def texts_at(texts: Iterable[Hashable], positions: NDArray[np.integer]) -> pd.api.extensions.ExtensionArray:
    """String array with ``texts[p]`` for each position: few distinct texts at many places are built once each."""
    return pd.Series(list(texts), dtype="str").array.take(positions)


def depths_of_runs(db: sqlite3.Connection, table: str, task: str) -> dict[str, tuple[int, ...]]:
    """Depths at which `table` (measurements or states) has something of every run of `task`, increasing."""
    rows = db.execute(
        f"SELECT DISTINCT r.run, t.depth FROM runs r CROSS JOIN {table} t ON t.run_id = r.id "
        "WHERE r.task_id = (SELECT id FROM tasks WHERE name = ?) ORDER BY r.id, t.depth",
        (task,),
    )
    return {run: tuple(depth for _, depth in group) for run, group in groupby(rows, itemgetter(0))}


def task_table(db: sqlite3.Connection) -> pd.DataFrame:
    """One row a task: name, fingerprint, number of runs and of measurements (run at one depth), description."""
    frame = _query(
        db,
        "SELECT t.name AS task, t.fingerprint, count(DISTINCT r.id) AS runs, count(m.run_id) AS measurements, "
        "t.description FROM tasks t LEFT JOIN runs r ON r.task_id = t.id "
        "LEFT JOIN (SELECT DISTINCT run_id, depth FROM measurements) m ON m.run_id = r.id GROUP BY t.id ORDER BY t.id",
    )
    return frame.assign(description=frame["description"].map(json.loads))


def _query(db: sqlite3.Connection, sql: str) -> pd.DataFrame:
    """Rows of a query. `pandas.read_sql` would hide SQLite's error, which the store explains."""
    rows = db.execute(sql)
    return pd.DataFrame(rows.fetchall(), columns=[column for column, *_ in rows.description])
