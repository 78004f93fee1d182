"""RunStore: one SQLite file of measurements, written as they are made and safe to interrupt at any moment."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd

from predictlab.errors import StoreError, bad_argument
from predictlab.runs.adding import checked_rows, insert_rows
from predictlab.runs.schema import APPLICATION_ID, COLUMNS, STATUSES, TABLES, VERSION

WAIT = 30  # seconds for another process's write to end
_ROW = np.dtype("i8,i8,i8,f8,f8,f8,i8")
_ROW.names = ("run", "depth", "metric", "value", "seconds", "flops", "status")


class RunStore:
    """Measurements of runs in one SQLite file (write-ahead log, so readers never block the writer).

    Parameters
    ----------
    path : str or pathlib.Path
        File, created with its folder when missing; ``":memory:"`` keeps everything in this process.
    read_only : bool
        Open an existing store without ever writing to it. A file without write permission is opened so by itself.

    Raises
    ------
    StoreError
        The file is missing (read-only), is not a run store, is damaged, or was written by a newer predictlab.

    Examples
    --------
    >>> with RunStore(":memory:") as store:
    ...     store.add_task("demo", "0123456789abcdef", {})
    ...     store.record("demo", "demo:0", 4, {"accuracy": 0.5}, seed=0)
    ...     len(store.frame("demo"))
    True
    1
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        if not isinstance(path, (str, os.PathLike)) or not str(path):
            raise bad_argument("path", path, "a file path or ':memory:'")
        self.path = str(path)
        exists = self.path != ":memory:" and Path(self.path).exists()
        self.read_only = read_only or (exists and not os.access(self.path, os.W_OK))
        if self.path != ":memory:":
            if Path(self.path).is_dir():
                raise StoreError(f"{self.path} is a folder; give the path of a file, such as runs.db inside it.")
            if read_only and not exists:
                raise StoreError(f"There is no run store at {self.path}.")
        self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        with self._explained("opened"):
            if self.read_only:
                return self._open_read_only()
            if self.path != ":memory:":
                Path(self.path).resolve().parent.mkdir(parents=True, exist_ok=True)
            give_up = time.monotonic() + WAIT
            while True:
                db = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)
                try:
                    self._prepare(db)
                    return db
                except BaseException as error:
                    db.close()
                    # Turning the write-ahead log on fails at once, whatever the timeout, while another process opens.
                    if "locked" not in str(error) or time.monotonic() > give_up:
                        raise
                    time.sleep(0.02)

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Make an empty database a run store; leave a run store as it is."""
        db.execute("PRAGMA foreign_keys = ON")
        if self._check_version(db):
            return
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("BEGIN IMMEDIATE")
        if not self._check_version(db):  # another process may have created it meanwhile
            for statement in TABLES.split(";\n"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")

    def _open_read_only(self) -> sqlite3.Connection:
        uri = Path(self.path).resolve().as_uri()
        # A write-ahead store in a folder we cannot write to opens only as immutable (SQLite, "Read-Only Databases").
        for options in ("mode=ro", "mode=ro&immutable=1"):
            db = sqlite3.connect(f"{uri}?{options}", uri=True, timeout=WAIT, isolation_level=None)
            try:
                if not self._check_version(db):
                    raise StoreError(f"{self.path} is an empty database, not a run store.")
                return db
            except sqlite3.OperationalError:
                db.close()
                if "immutable" in options:
                    raise
            except BaseException:
                db.close()
                raise
        raise AssertionError("unreachable")

    def _check_version(self, db: sqlite3.Connection) -> bool:
        """True for a run store of this version, False for an empty database; anything else raises."""
        # One statement, one snapshot: another process may be creating the tables at this very moment.
        version, application, tables = db.execute(
            "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master) "
            "FROM pragma_user_version, pragma_application_id"
        ).fetchone()
        if application != APPLICATION_ID:
            if tables:
                raise StoreError(
                    f"{self.path} is an SQLite file of another program, not a run store. Give another path."
                )
            return False
        if version > VERSION:
            raise StoreError(
                f"{self.path} has store schema {version}, this predictlab knows up to {VERSION}. "
                "Upgrade predictlab, or use another store."
            )
        return True

    @contextmanager
    def _explained(self, action: str) -> Iterator[None]:
        """Turn SQLite's and the file system's errors into one sentence that names the file."""
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            if "readonly" in text:
                advice = "It is read-only: make it writable, or copy it."
            elif "locked" in text or "busy" in text:
                advice = f"Another process has held it for {WAIT} s: let it finish, or use another store."
            elif "full" in text:
                advice = "The disk is full; what was written before is intact."
            elif "malformed" in text or "not a database" in text:
                advice = "The file is damaged or is no SQLite file: restore a copy, or use another store."
            else:
                advice = "Check the path and its permissions."
            raise StoreError(f"The run store {self.path} could not be {action} ({text}). {advice}") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoreError(f"The run store {self.path} could not be {action} ({reason}).") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self.check_writable()
        with self._explained("written"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def check_writable(self) -> None:
        """Raise StoreError if this store is open for reading only."""
        if self.read_only:
            raise StoreError(f"The run store {self.path} is read-only: make the file writable, or use another store.")

    def add_task(self, name: str, fingerprint: str, description: Mapping[str, Any]) -> bool:
        """Make `name` known; True when it is new.

        Parameters
        ----------
        name, fingerprint : str
            The task's name, and what changes whenever its model, data or recipe change.
        description : mapping
            What people want to know about it later; anything JSON can hold.

        Raises
        ------
        StoreError
            The store holds a task of this name with another fingerprint: its runs must not be mixed with new ones.
        """
        find = "SELECT fingerprint FROM tasks WHERE name = ?"
        with self._explained("read"):
            row = self._db.execute(find, (name,)).fetchone()
        if row is None:
            text = json.dumps(dict(description), sort_keys=True, default=str)
            with self._transaction() as db:
                row = db.execute(find, (name,)).fetchone()  # another process may have been first
                if row is None:
                    new = "INSERT INTO tasks (name, fingerprint, description) VALUES (?, ?, ?)"
                    db.execute(new, (name, fingerprint, text))
                    return True
        if row[0] != fingerprint:
            raise StoreError(
                f"The run store {self.path} holds a task named {name!r} with fingerprint {row[0]}, the given one has "
                f"{fingerprint}: its model, data or recipe differ. Give the task another name=, or use another store."
            )
        return False

    def record(
        self,
        task: str,
        run: str,
        depth: int,
        values: Mapping[str, float],
        *,
        seed: int,
        parent: str | None = None,
        seconds: float = math.nan,
        flops: float = math.nan,
        status: str = "ok",
    ) -> bool:
        """Write all metrics of one run at one depth, in one transaction.

        Parameters
        ----------
        task : str
            Name of a task made known by `add_task`.
        run, parent : str
            Name of the run, and of the run it was forked from.
        depth : int
            Optimiser steps done, >= 0.
        values : mapping of str to float
            Metric name to value; finite unless `status` says otherwise.
        seed : int
        seconds, flops : float
            Training cost of this run up to `depth`.
        status : {"ok", "diverged", "failed"}

        Returns
        -------
        bool
            False when the store held this run at this depth already: nothing was written.
        """
        if status not in STATUSES:
            raise bad_argument("status", status, f"one of {', '.join(STATUSES)}")
        if depth < 0:
            raise bad_argument("depth", depth, "a whole number >= 0")
        if not values:
            raise bad_argument("values", values, "at least one metric")
        if status == "ok" and not all(math.isfinite(v) for v in values.values()):
            raise bad_argument("values", dict(values), "finite numbers with status='ok'", "Use status='diverged'.")
        with self._transaction() as db:
            found = db.execute("SELECT id FROM tasks WHERE name = ?", (task,)).fetchone()
            if found is None:
                raise StoreError(f"The run store {self.path} knows no task {task!r}; call add_task first.")
            db.execute(
                "INSERT INTO runs (task_id, run, parent, seed) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (found[0], run, parent, int(seed)),
            )
            run_id = db.execute("SELECT id FROM runs WHERE task_id = ? AND run = ?", (found[0], run)).fetchone()[0]
            held = db.execute("SELECT 1 FROM measurements WHERE run_id = ? AND depth = ?", (run_id, int(depth)))
            if held.fetchone():
                return False
            db.executemany("INSERT INTO metrics (name) VALUES (?) ON CONFLICT DO NOTHING", [(name,) for name in values])
            db.executemany(
                "INSERT INTO measurements SELECT ?, ?, id, ?, ?, ?, ? FROM metrics WHERE name = ?",
                [
                    (run_id, int(depth), float(value), float(seconds), float(flops), status, metric)
                    for metric, value in values.items()
                ],
            )
        return True

    def add_frame(
        self, frame: pd.DataFrame, *, fingerprint: str = "imported", description: Mapping[str, Any] | None = None
    ) -> int:
        """Take in a tidy frame, such as `read_runs` gives, in one transaction.

        Parameters
        ----------
        frame : pandas.DataFrame
            Columns task, run, seed, depth, metric, value; parent, seconds, flops and status may be missing.
        fingerprint : str
            Of its tasks; the default says that model, data and recipe are not known here. Runs of a task that was
            probed have another one, and are not mixed with these.
        description : mapping, optional
            For tasks that are new in this store.

        Returns
        -------
        int
            Measurements written. Those of a run, depth and metric that the store holds already stay as they are.

        Raises
        ------
        ArgumentError
            A column is missing, or holds what the store cannot take.
        StoreError
            The store cannot be written, or holds a task of the same name with another fingerprint, or a run of the
            same name with another seed or parent.
        """
        rows = checked_rows(frame)
        self.check_writable()
        for task in rows["task"].unique():
            self.add_task(task, fingerprint, description or {})
        with self._transaction() as db:
            return insert_rows(db, rows)

    def known(self, task: str) -> dict[str, frozenset[int]]:
        """Depths measured so far of every run of `task`; empty for an unknown task."""
        with self._explained("read"):
            rows = self._db.execute(
                "SELECT r.run, m.depth FROM runs r JOIN measurements m ON m.run_id = r.id "
                "WHERE r.task_id = (SELECT id FROM tasks WHERE name = ?) GROUP BY r.run, m.depth",
                (task,),
            ).fetchall()
        depths: dict[str, set[int]] = {}
        for run, depth in rows:
            depths.setdefault(run, set()).add(depth)
        return {run: frozenset(found) for run, found in depths.items()}

    def tasks(self) -> pd.DataFrame:
        """One row per task: name, fingerprint, runs, measurements (run at one depth), description (dict)."""
        with self._explained("read"):
            rows = self._db.execute(
                "SELECT t.name, t.fingerprint, count(DISTINCT r.id), count(DISTINCT m.run_id || '@' || m.depth), "
                "t.description FROM tasks t LEFT JOIN runs r ON r.task_id = t.id "
                "LEFT JOIN measurements m ON m.run_id = r.id GROUP BY t.id ORDER BY t.id"
            ).fetchall()
        frame = pd.DataFrame(rows, columns=["task", "fingerprint", "runs", "measurements", "description"])
        frame["description"] = frame["description"].map(json.loads)
        return frame

    def frame(self, task: str | None = None) -> pd.DataFrame:
        """Measurements as a tidy frame, sorted by task, run and depth, in the order in which they first came.

        Parameters
        ----------
        task : str, optional
            Only this task; None reads all.

        Returns
        -------
        pandas.DataFrame
            Columns task (str), run (str), parent (str or NA), seed (int), depth (int, steps), metric (str),
            value (float), seconds (float), flops (float), status ("ok"/"diverged"/"failed").

        Raises
        ------
        StoreError
            The store has no such task; the message lists those it has.
        """
        with self._explained("read"):
            tasks = dict(self._db.execute("SELECT id, name FROM tasks ORDER BY id").fetchall())
            if task is not None:
                tasks = {key: name for key, name in tasks.items() if name == task} or self._no_task(task, tasks)
            chosen = ",".join(str(int(key)) for key in tasks)
            metrics = dict(self._db.execute("SELECT id, name FROM metrics ORDER BY id").fetchall())
            runs = self._db.execute(
                f"SELECT id, task_id, run, parent, seed FROM runs WHERE task_id IN ({chosen}) ORDER BY task_id, id"
            ).fetchall()
            # Numbers only, in index order and straight into an array: a million rows take about a second.
            rows = np.fromiter(
                self._db.execute(
                    "SELECT m.run_id, m.depth, m.metric_id, m.value, m.seconds, m.flops, "
                    "CASE m.status WHEN 'ok' THEN 0 WHEN 'diverged' THEN 1 ELSE 2 END "
                    "FROM runs r INDEXED BY runs_of_task CROSS JOIN measurements m ON m.run_id = r.id "
                    f"WHERE r.task_id IN ({chosen}) ORDER BY r.task_id, r.id, m.depth, m.metric_id"
                ),
                dtype=_ROW,
            )
        about = pd.DataFrame(runs, columns=["id", "task_id", "run", "parent", "seed"])
        which = pd.Index(about["id"]).get_indexer(pd.Index(rows["run"]))
        columns = {
            "task": _texts(about["task_id"].map(tasks), which),
            "run": _texts(about["run"], which),
            "parent": _texts(about["parent"], which),
            "seed": about["seed"].to_numpy(dtype=np.int64)[which],
            "metric": _texts(metrics.values(), np.searchsorted(list(metrics), rows["metric"])),
            "status": _texts(STATUSES, rows["status"]),
        } | {name: rows[name].copy() for name in ("depth", "value", "seconds", "flops")}
        return pd.DataFrame(columns, columns=list(COLUMNS))

    def _no_task(self, task: str, tasks: Mapping[int, str]) -> dict[int, str]:
        held = ", ".join(sorted(map(repr, tasks.values()))) or "no task yet"
        raise StoreError(f"The run store {self.path} has no task {task!r}; it holds {held}.")

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        self._db.close()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RunStore({self.path!r})"

    def _repr_html_(self) -> str:
        table = self.tasks().drop(columns="description")
        return f"<b>RunStore {self.path}</b>{table.to_html(index=False)}"


def _texts(values: Any, positions: np.ndarray) -> Any:
    """String array of few distinct texts at many places: each text is built once."""
    return pd.Series(list(values), dtype="str").array.take(positions)
