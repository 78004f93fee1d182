"""RunStore: one SQLite file of measurements, written as they are made and safe to interrupt at any moment."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import pandas as pd

from predictlab.errors import StoreError
from predictlab.runs._claims import Owner
from predictlab.runs._database import Database
from predictlab.runs._entry import Entry
from predictlab.runs._reading import all_tasks, known_depths, read_rows, task_table, tidy_frame
from predictlab.runs._resuming import Resumable
from predictlab.runs._states import StateFolder
from predictlab.runs._writing import checked_rows, insert_rows


class RunStore(Resumable):
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
    ...     _ = store.add_task("demo", "0123456789abcdef", {})
    ...     _ = store.record("demo", "demo:0", 4, {"accuracy": 0.5}, seed=0)
    ...     print(len(store.frame("demo")))
    1
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self._file = Database(path, read_only)
        self.path = self._file.path
        self.read_only = self._file.read_only
        self._states = StateFolder(self.path)
        self._owner = Owner(self._states)

    @property
    def _db(self) -> sqlite3.Connection:
        return self._file.writer

    def check_writable(self) -> None:
        """Raise StoreError if this store is open for reading only."""
        self._file.check_writable()

    def add_task(self, name: str, fingerprint: str, description: Mapping[str, object]) -> bool:
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

        Returns
        -------
        bool
            Whether it is new in this store.
        """
        find = "SELECT fingerprint FROM tasks WHERE name = ?"
        with self._file.read() as (db, _):
            row = db.execute(find, (name,)).fetchone()
        if row is None:
            text = json.dumps(dict(description), sort_keys=True, default=str)
            with self._file.write() as db:
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
        entry = Entry(run, seed, depth, values, parent, seconds, flops, status)
        entry.check()
        return self._write(task, [entry]) == 1

    def add_frame(
        self, frame: pd.DataFrame, *, fingerprint: str = "imported", description: Mapping[str, object] | None = None
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
        with self._file.write() as db:
            return insert_rows(db, rows)

    def measured_depths(self, task: str) -> dict[str, frozenset[int]]:
        """Depths measured so far of every run of a task.

        Parameters
        ----------
        task : str
            Its name.

        Returns
        -------
        dict of str to frozenset of int
            Run -> depths, steps; empty for a task that the store does not know.
        """
        with self._file.read() as (db, _):
            return known_depths(db, task)

    def tasks(self) -> pd.DataFrame:
        """The tasks of the store.

        Returns
        -------
        pandas.DataFrame
            One row a task: name, fingerprint, runs, measurements (a run at one depth), description (dict).
        """
        with self._file.read() as (db, _):
            return task_table(db)

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
        with self._file.read() as (db, version):
            tasks = all_tasks(db)
            if task is not None:
                tasks = {key: name for key, name in tasks.items() if name == task} or self._no_task(task, tasks)
            rows = read_rows(db, version, tasks)
        return tidy_frame(rows)

    def _no_task(self, task: str, tasks: Mapping[int, str]) -> dict[int, str]:
        held = ", ".join(sorted(map(repr, tasks.values()))) or "no task yet"
        raise StoreError(f"The run store {self.path} has no task {task!r}; it holds {held}.")

    def close(self) -> None:
        """Give back what is claimed and close the file; the store cannot be used afterwards."""
        if self._owner.registered and not self._file.in_memory:
            with suppress(StoreError), self._file.write() as db:
                self._owner.leave(db)
            self._owner.unlock()  # where the store could not be written, this alone makes the claims void
        self._file.close()

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
