"""Taking measurements into a store: a tidy frame, checked and written at once, or one run at one depth."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
import pandas as pd

from predictlab.errors import StoreError, bad_argument
from predictlab.runs._entry import Entry
from predictlab.runs._schema import COLUMNS, STATUSES, VALUES, WIDTH

NEEDED = ("task", "run", "seed", "depth", "metric", "value")


def checked_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The tidy columns of `frame` with their types, or an error that names the column and what is wrong."""
    if not isinstance(frame, pd.DataFrame):
        raise bad_argument("frame", frame, "a tidy frame of runs", "pl.read_runs(source) makes one.")
    if missing := [c for c in NEEDED if c not in frame.columns]:
        raise bad_argument("frame", list(frame.columns), f"the columns {', '.join(NEEDED)}", f"{missing[0]!r} is not.")
    rows = frame.reindex(columns=list(COLUMNS)).reset_index(drop=True)
    rows["status"] = rows["status"].fillna("ok")
    for name in ("task", "run", "metric"):
        _check(rows[name].notna() & (rows[name] != ""), rows, name, "a name in every row")
        rows[name] = rows[name].astype(str)
    for name, least in (("seed", -np.inf), ("depth", 0)):
        number = pd.to_numeric(rows[name], errors="coerce")
        _check((number % 1 == 0) & (number >= least), rows, name, "whole numbers" + (" >= 0" if least == 0 else ""))
        rows[name] = number.astype(np.int64)
    for name in ("value", "seconds", "flops"):
        rows[name] = pd.to_numeric(rows[name], errors="coerce").astype(float)
    _check(rows["status"].isin(STATUSES), rows, "status", f"one of {', '.join(STATUSES)}")
    _check(np.isfinite(rows["value"]) | (rows["status"] != "ok"), rows, "value", "finite where status is 'ok'")
    twice = rows.duplicated(["task", "run", "depth", "metric"])
    _check(~twice, rows, "depth", "once for each run and metric")
    return rows


def _check(good: pd.Series, rows: pd.DataFrame, name: str, expected: str) -> None:
    if not good.all():
        at = int(np.argmin(good.to_numpy(dtype=bool)))
        value = rows[name].iloc[at]
        value = value.item() if isinstance(value, np.generic) else value
        raise bad_argument(f"frame[{name!r}]", value, expected, f"Row {at}, run {rows['run'].iloc[at]!r}.")


def insert_rows(db: sqlite3.Connection, rows: pd.DataFrame) -> int:
    """Write `rows`, whose tasks are known, inside the caller's transaction; how many were new."""
    tasks = dict(db.execute("SELECT name, id FROM tasks").fetchall())
    metrics = metric_ids(db, rows["metric"].unique())
    runs, first = pd.factorize(pd.MultiIndex.from_frame(rows[["task", "run"]]))
    about = rows.iloc[np.unique(runs, return_index=True)[1]]
    parents = about["parent"].astype(object).where(about["parent"].notna() & (about["parent"] != ""), None)
    ids = []
    for (task, run), seed, parent in zip(first, about["seed"].tolist(), parents, strict=True):
        run_id, *origin = held_run(db, tasks[task], run, parent, seed)
        if origin != [parent, seed]:
            raise StoreError(
                f"The store holds run {run!r} of task {task!r} with parent {origin[0]} and seed {origin[1]}, the frame "
                f"has parent {parent} and seed {seed}. Give the run another name, or use another store."
            )
        ids.append(run_id)
    numbers = {name: rows[name].to_numpy() for name in ("depth", "value", "seconds", "flops")}
    numbers |= {
        "run": np.array(ids, dtype=np.int64)[runs],
        "metric": rows["metric"].map(metrics).to_numpy(dtype=np.int64),
        "status": pd.Index(STATUSES).get_indexer(pd.Index(rows["status"])),
    }
    held = _held(db, ids)
    if held.empty:
        write_rows(db, numbers)
        return len(rows)
    keys = pd.DataFrame({name: numbers[name] for name in ("run", "depth", "metric")})
    new = keys.merge(held, how="left", on=list(keys))["part"].isna().to_numpy()
    parts = held.groupby(["run", "depth"], as_index=False)["part"].max()
    start = keys[new].merge(parts, how="left", on=["run", "depth"])["part"].fillna(-1).to_numpy(dtype=np.int64) + 1
    write_rows(db, {name: column[new] for name, column in numbers.items()}, start)
    return int(new.sum())


def _held(db: sqlite3.Connection, runs: Iterable[int]) -> pd.DataFrame:
    """Run, depth, metric and part of everything that the store holds of `runs`."""
    find = (
        "SELECT m.run_id, m.depth, s.metric_id, m.part FROM measurements m JOIN slots s ON s.set_id = m.set_id "
        "WHERE m.run_id = ?"
    )
    rows = np.fromiter(chain.from_iterable(db.execute(find, (run,)) for run in runs), dtype="i8,i8,i8,i8")
    rows.dtype.names = ("run", "depth", "metric", "part")
    return pd.DataFrame({name: rows[name] for name in rows.dtype.names})


def write_rows(db: sqlite3.Connection, rows: Mapping[str, np.ndarray], start: np.ndarray | None = None) -> None:
    """Write one value for each row, none of which the store holds, as rows of several values.

    Parameters
    ----------
    rows : mapping of str to ndarray, shape (n,)
        run and metric (ids), depth, value, seconds, flops and status (position in STATUSES).
    start : ndarray of int, shape (n,), optional
        First part that is free at the run and depth; the default is 0.
    """
    n = len(rows["run"])
    if n == 0:
        return
    # Compared as bits, so that NaN is like NaN.
    cost = [np.ascontiguousarray(rows[name], dtype=float).view(np.int64) for name in ("seconds", "flops")]
    together = [rows["run"], rows["depth"], rows["status"], *cost]
    order = np.lexsort((rows["metric"], *together[::-1]))
    place = np.zeros(n, dtype=bool)  # where the next run or depth begins
    for column in together[:2]:
        place[1:] |= np.diff(column[order]) != 0
    group = place.copy()
    for column in together[2:]:
        group[1:] |= np.diff(column[order]) != 0
    place[0] = group[0] = True
    at = np.flatnonzero(group)
    within = np.arange(n) - at[np.cumsum(group) - 1]
    slot = within % WIDTH
    head = np.flatnonzero(slot == 0)  # first row of each part
    part_of = np.cumsum(slot == 0) - 1
    first_at_place = np.maximum.accumulate(np.where(place[head], np.arange(len(head)), 0))
    part = np.arange(len(head)) - first_at_place
    if start is not None:
        part += start[order][head]

    values = np.full((len(head), WIDTH), np.nan)
    values[part_of, slot] = rows["value"][order]
    metrics = np.full((len(head), WIDTH), -1, dtype=np.int64)
    metrics[part_of, slot] = rows["metric"][order]
    run = rows["run"][order][head]
    columns = [run, rows["depth"][order][head], part, _sets(db, run, rows["status"][order][head], metrics)]
    columns += [rows[name][order][head] for name in ("seconds", "flops")]
    used = int(slot.max()) + 1
    db.executemany(_insert(used), zip(*(c.tolist() for c in [*columns, *values.T[:used]]), strict=True))


def _sets(db: sqlite3.Connection, run: np.ndarray, status: np.ndarray, metrics: np.ndarray) -> np.ndarray:
    """Id of the metric set of each row of `metrics`, whose places without a metric hold -1."""
    tasks = dict(db.execute("SELECT id, task_id FROM runs").fetchall())
    code = pd.factorize(pd.Series(run).map(tasks))[0] * len(STATUSES) + status
    for column in metrics.T:
        code = pd.factorize(code * (metrics.max() + 2) + column + 1)[0]
    _, first = np.unique(code, return_index=True)
    ids = [set_id(db, tasks[int(run[at])], int(status[at]), [int(m) for m in metrics[at] if m >= 0]) for at in first]
    return np.array(ids, dtype=np.int64)[code]


def _insert(values: int) -> str:
    names = ", ".join(("run_id", "depth", "part", "set_id", "seconds", "flops", *VALUES[:values]))
    return f"INSERT INTO measurements ({names}) VALUES ({', '.join('?' * (6 + values))})"


def metric_ids(db: sqlite3.Connection, names: Iterable[str]) -> dict[str, int]:
    """Id of every metric in the store, those of `names` among them."""
    db.executemany("INSERT INTO metrics (name) VALUES (?) ON CONFLICT DO NOTHING", [(name,) for name in names])
    return dict(db.execute("SELECT name, id FROM metrics").fetchall())


def set_id(db: sqlite3.Connection, task_id: int, status: int, metrics: Sequence[int]) -> int:
    """Id of a task's set of these metrics with this status; the ids of the metrics increase."""
    key = (task_id, status, ",".join(map(str, metrics)))
    find = "SELECT id FROM metric_sets WHERE task_id = ? AND status = ? AND metrics = ?"
    if (found := db.execute(find, key).fetchone()) is None:
        db.execute("INSERT INTO metric_sets (task_id, status, metrics) VALUES (?, ?, ?)", key)
        found = db.execute(find, key).fetchone()
        db.executemany("INSERT INTO slots VALUES (?, ?, ?)", [(found[0], *pair) for pair in enumerate(metrics)])
    return int(found[0])


def held_run(
    db: sqlite3.Connection, task_id: int, run: str, parent: str | None, seed: int
) -> tuple[int, str | None, int]:
    """Id, parent and seed of a run as the store holds it; a new one gets what is given."""
    new = "INSERT INTO runs (task_id, run, parent, seed) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    db.execute(new, (task_id, run, parent, seed))
    row = db.execute("SELECT id, parent, seed FROM runs WHERE task_id = ? AND run = ?", (task_id, run)).fetchone()
    return row[0], row[1], row[2]


def insert_point(db: sqlite3.Connection, task_id: int, run_id: int, entry: Entry) -> bool:
    """Write the values of `entry` unless the store holds its run at its depth already; whether it was written."""
    assert entry.values is not None
    depth = int(entry.depth)
    if db.execute("SELECT 1 FROM measurements WHERE run_id = ? AND depth = ?", (run_id, depth)).fetchone():
        return False
    given = dict(entry.values.items())
    ids = metric_ids(db, given)
    ordered = sorted((ids[name], float(value)) for name, value in given.items())
    status, cost = STATUSES.index(entry.status), (float(entry.seconds), float(entry.flops))
    for part, at in enumerate(range(0, len(ordered), WIDTH)):
        metrics, values = zip(*ordered[at : at + WIDTH], strict=True)
        db.execute(_insert(len(values)), (run_id, depth, part, set_id(db, task_id, status, metrics), *cost, *values))
    return True
