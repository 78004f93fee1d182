"""Taking a tidy frame into a store: what is checked, and how it is written at once."""

from __future__ import annotations

import sqlite3

import numpy as np
import pandas as pd

from predictlab.errors import StoreError, bad_argument
from predictlab.runs.schema import COLUMNS, STATUSES

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
    names = [(name,) for name in rows["metric"].unique()]
    db.executemany("INSERT INTO metrics (name) VALUES (?) ON CONFLICT DO NOTHING", names)
    metrics = dict(db.execute("SELECT name, id FROM metrics").fetchall())
    runs, first = pd.factorize(pd.MultiIndex.from_frame(rows[["task", "run"]]))
    about = rows.iloc[np.unique(runs, return_index=True)[1]]
    parents = about["parent"].astype(object).where(about["parent"].notna() & (about["parent"] != ""), None)
    ids = []
    for (task, run), seed, parent in zip(first, about["seed"].tolist(), parents, strict=True):
        new = "INSERT INTO runs (task_id, run, parent, seed) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        db.execute(new, (tasks[task], run, parent, seed))
        find = "SELECT id, parent, seed FROM runs WHERE task_id = ? AND run = ?"
        held, *origin = db.execute(find, (tasks[task], run)).fetchone()
        if origin != [parent, seed]:
            raise StoreError(
                f"The store holds run {run!r} of task {task!r} with parent {origin[0]} and seed {origin[1]}, the frame "
                f"has parent {parent} and seed {seed}. Give the run another name, or use another store."
            )
        ids.append(held)
    before = db.total_changes
    db.executemany(
        "INSERT INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        zip(
            np.array(ids)[runs].tolist(), rows["depth"].tolist(), rows["metric"].map(metrics).tolist(),
            rows["value"].tolist(), rows["seconds"].tolist(), rows["flops"].tolist(), rows["status"].tolist(),
            strict=True,
        ),
    )  # fmt: skip
    return db.total_changes - before
