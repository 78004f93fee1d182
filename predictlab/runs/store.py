"""RunStore: one SQLite file of measurements, written as they are made and safe to interrupt at any moment."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd

from predictlab.errors import StoreError, bad_argument
from predictlab.runs.schema import APPLICATION_ID, COLUMNS, STATUSES, TABLES, VERSION


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
            db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            try:
                db.execute("PRAGMA foreign_keys = ON")
                if not self._check_version(db):
                    db.execute("PRAGMA journal_mode = WAL")
                    db.execute("BEGIN IMMEDIATE")
                    if not self._check_version(db):  # another process may have created it meanwhile
                        for statement in TABLES.split(";\n"):
                            if statement.strip():
                                db.execute(statement)
                        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                        db.execute(f"PRAGMA user_version = {VERSION}")
                    db.execute("COMMIT")
            except BaseException:
                db.close()
                raise
            return db

    def _open_read_only(self) -> sqlite3.Connection:
        uri = Path(self.path).resolve().as_uri()
        # A write-ahead store in a folder we cannot write to opens only as immutable (SQLite, "Read-Only Databases").
        for options in ("mode=ro", "mode=ro&immutable=1"):
            db = sqlite3.connect(f"{uri}?{options}", uri=True, timeout=30, isolation_level=None)
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
        version = db.execute("PRAGMA user_version").fetchone()[0]
        application = db.execute("PRAGMA application_id").fetchone()[0]
        if application != APPLICATION_ID:
            if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
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
                advice = "Another process has held it for 30 s: let it finish, or use another store."
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
        if self.read_only:
            raise StoreError(
                f"The run store {self.path} is open read-only; make the file writable, or use another store."
            )
        with self._explained("written"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

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
        with self._transaction() as db:
            row = db.execute("SELECT fingerprint FROM tasks WHERE name = ?", (name,)).fetchone()
            if row is None:
                text = json.dumps(dict(description), sort_keys=True, default=str)
                db.execute(
                    "INSERT INTO tasks (name, fingerprint, description) VALUES (?, ?, ?)", (name, fingerprint, text)
                )
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
            db.executemany(
                "INSERT INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (run_id, int(depth), metric, float(value), float(seconds), float(flops), status)
                    for metric, value in values.items()
                ],
            )
        return True

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
        """Measurements as a tidy frame, sorted by task, run (as first written), depth and metric.

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
            runs = self._db.execute(
                f"SELECT id, task_id, run, parent, seed FROM runs WHERE task_id IN ({chosen}) ORDER BY task_id, id"
            ).fetchall()
            rows = self._db.execute(
                "SELECT m.run_id, m.depth, m.metric, m.value, m.seconds, m.flops, m.status FROM runs r "
                f"CROSS JOIN measurements m ON m.run_id = r.id WHERE r.task_id IN ({chosen}) "
                "ORDER BY r.task_id, r.id, m.depth, m.metric"
            ).fetchall()
        run_id, depth, metric, value, seconds, flops, status = zip(*rows, strict=True) if rows else ((),) * 7
        # Texts repeat: look each one up once instead of building a million of them.
        position = {key: i for i, (key, *_) in enumerate(runs)}
        which = np.fromiter((position[key] for key in run_id), dtype=np.int64, count=len(rows))
        table = pd.DataFrame(runs, columns=["id", "task_id", "run", "parent", "seed"])
        repeated = {
            "task": table["task_id"].map(tasks).astype("str"),
            "run": table["run"].astype("str"),
            "parent": table["parent"].astype("str"),
        }
        columns: dict[str, Any] = {name: texts.array.take(which) for name, texts in repeated.items()}
        columns["seed"] = table["seed"].to_numpy(dtype=np.int64)[which]
        columns["depth"] = np.array(depth, dtype=np.int64)
        columns["metric"] = _repeated_texts(metric)
        for name, numbers in (("value", value), ("seconds", seconds), ("flops", flops)):
            columns[name] = np.array(numbers, dtype=np.float64)  # NULL becomes NaN
        columns["status"] = _repeated_texts(status)
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


def _repeated_texts(texts: tuple[str, ...]) -> Any:
    """String array of few distinct values, built from one copy of each."""
    names = sorted(set(texts))
    index = {name: i for i, name in enumerate(names)}
    codes = np.fromiter((index[text] for text in texts), dtype=np.int64, count=len(texts))
    return pd.Series(names, dtype="str").array.take(codes)
