"""RunStore: one SQLite file of measurements, written as they are made and safe to interrupt at any moment."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from os import PathLike

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import DamagedState, StoreError, bad_argument
from predictlab.runs import _measurements, _outcomes
from predictlab.runs._claims import Claims
from predictlab.runs._costs import RunCosts, costs_of, read_evaluations
from predictlab.runs._database import Database
from predictlab.runs._schema import Entry, check_entry
from predictlab.runs._states import Saved, StateFolder, put_state, states_to_write, stored_states


def opened(
    store: RunStore | str | PathLike[str] | None, *, read_only: bool = False
) -> AbstractContextManager[RunStore]:
    """A store as it is, to stay open; else the one at a path (None: a new one in memory), open until the block ends."""
    if isinstance(store, RunStore):
        return nullcontext(store)
    return RunStore(":memory:" if store is None else store, read_only=read_only)


class RunStore:
    """Measurements of runs in one SQLite file (write-ahead log, so readers never block the writer).

    One object may be used from several threads, and one file by several processes.

    Parameters
    ----------
    path : str or pathlib.Path
        File, created with its folder when missing; ``":memory:"`` keeps everything in this process.
    read_only : bool
        Open an existing store without ever writing to it. A file without write permission is opened so by itself.

    Attributes
    ----------
    path : str
        As given.
    read_only : bool
        Whether writing raises `StoreError`.

    Raises
    ------
    StoreError
        The file is missing (read-only), is not a run store, is damaged, or has another predictlab's schema.

    Examples
    --------
    >>> import predictlab as pl
    >>> with pl.RunStore(":memory:") as store:
    ...     store.add_task("demo", "0123456789abcdef", {})
    ...     store.record("demo", "demo:0", 4, {"accuracy": 0.5}, seed=0)
    ...     store.frame("demo")[["run", "depth", "metric", "value"]]
    True
    True
          run  depth    metric  value
    0  demo:0      4  accuracy    0.5
    """

    def __init__(self, path: str | PathLike[str], *, read_only: bool = False) -> None:
        self._database = Database(path, read_only)
        self.path = self._database.path
        self.read_only = self._database.read_only
        self._folder = StateFolder(self.path)
        self._claims = Claims(self._database, self._folder)

    def check_writable(self) -> None:
        """Raise StoreError if this store is open for reading only."""
        self._database.check_writable()

    def add_task(self, name: str, fingerprint: str, description: Mapping[str, object]) -> bool:
        """Make a task known, so that its runs can be written.

        Parameters
        ----------
        name, fingerprint : str
            The task's name, and what changes whenever its model, data or recipe change.
        description : mapping
            What people want to know about it later; anything JSON can hold.

        Returns
        -------
        bool
            True when it is new.

        Raises
        ------
        StoreError
            The store holds a task of this name with another fingerprint: its runs must not be mixed with new ones.
        """
        find = "SELECT fingerprint FROM tasks WHERE name = ?"
        insert = "INSERT INTO tasks (name, fingerprint, description) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        with self._database.read() as db:
            row = db.execute(find, (name,)).fetchone()
        new = False
        if row is None:
            text = json.dumps(dict(description), sort_keys=True, default=str)
            with self._database.write() as db:
                new = db.execute(insert, (name, fingerprint, text)).rowcount == 1  # another process may have been first
                row = db.execute(find, (name,)).fetchone()
        if row[0] != fingerprint:
            raise StoreError(
                f"The run store {self.path} holds a task named {name!r} with fingerprint {row[0]}, the given one has "
                f"{fingerprint}: its model, data or recipe differ. Give the task another name=, or use another store."
            )
        return new

    def add_rows(self, task: str, rows: Iterable[str] | bytes) -> int:
        """Make a task's evaluation rows known, so that outcomes can be written.

        Parameters
        ----------
        task : str
            Name of a task made known by `add_task`.
        rows : iterable of str, or bytes
            What each row says, in the order of the set; or 8 bytes a row that identify it.

        Returns
        -------
        int
            Number of rows.

        Raises
        ------
        StoreError
            The store holds outcomes of the task on other rows, or the same in another order.
        """
        ids = rows if isinstance(rows, bytes) else _outcomes.row_ids(rows)
        if not ids or len(ids) % _outcomes.ID_BYTES:
            raise bad_argument("rows", f"{len(ids)} bytes", f"at least one row, {_outcomes.ID_BYTES} bytes for each")
        with self._database.read() as db:
            held = _outcomes.rows_of(db, self._database.task_id(db, task))
        if held != ids:
            with self._database.write() as db:
                _outcomes.put_rows(db, self._database.task_id(db, task), task, ids)
        return len(ids) // _outcomes.ID_BYTES

    def outcomes(self, task: str, metric: str, depth: int | None = None) -> pd.DataFrame:
        """Read the outcomes of the evaluation rows.

        Parameters
        ----------
        task, metric : str
            Names.
        depth : int, optional
            Steps; the default is the last depth that has outcomes of the metric.

        Returns
        -------
        pandas.DataFrame
            Index run, one column for each evaluation row, named by its position and content; bool for right or wrong,
            float32 for others.

        Raises
        ------
        StoreError
            The store has no such task, or no outcomes of the metric at that depth.
        """
        with self._database.read() as db:
            keys = _outcomes.stored_keys(db, self._database.task_id(db, task), metric, depth, None)
        found = list(self.iter_outcomes(task, metric, depth=keys[-1][0])) if keys else []
        if not found:
            at = "" if depth is None else f" at depth {depth}"
            raise StoreError(
                f"The run store {self.path} has no outcomes of {metric!r} of task {task!r}{at}. They are kept by "
                "pl.probe, unless outcomes=False, of metrics that are means over rows; of others take "
                "pl.resampled_outcomes."
            )
        runs = pd.Index([run for _, run, _ in found], name="run")
        return pd.DataFrame(np.stack([values for *_, values in found]), index=runs, columns=self.row_names(task))

    def row_names(self, task: str) -> list[str]:
        """Name a task's evaluation rows by position and content.

        Parameters
        ----------
        task : str
            Name of a task.

        Returns
        -------
        list of str
            ``"position:hash"``, in the order of the set; empty where no rows are known.
        """
        with self._database.read() as db:
            return _outcomes.row_names(_outcomes.rows_of(db, self._database.task_id(db, task)) or b"")

    def iter_outcomes(
        self, task: str, metric: str, *, depth: int | None = None, run: str | None = None
    ) -> Iterator[tuple[int, str, NDArray[np.bool_] | NDArray[np.float32]]]:
        """Read the outcomes one run at one depth at a time.

        Parameters
        ----------
        task, metric : str
            Names.
        depth : int, optional
            Only this depth, steps.
        run : str, optional
            Only this run.

        Yields
        ------
        tuple of int, str and ndarray
            Depth, run, and the outcome of each evaluation row, (rows,): by depth, then by run.

        Raises
        ------
        StoreError
            The store has no such task.
        DataError
            What is stored is damaged.
        """
        with self._database.read() as db:
            task_id = self._database.task_id(db, task)
            rows = _outcomes.row_count(db, task_id) or 0
            keys = _outcomes.stored_keys(db, task_id, metric, depth, run)
        for at, name, key in keys:
            with self._database.read() as db:
                yield at, name, _outcomes.read_outcomes_of(db, key, name, at, rows)

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
        run : str
            Name of the run.
        depth : int
            Optimiser steps done, >= 0.
        values : mapping of str to float
            Metric name to value; finite unless `status` says otherwise.
        seed : int
            Training seed of the run.
        parent : str, optional
            Name of the run it was forked from.
        seconds, flops : float
            Training cost of this run up to `depth`.
        status : {"ok", "diverged", "failed"}
            Whether the values can be used.

        Returns
        -------
        bool
            False when the store held this run at this depth already: nothing was written.

        Raises
        ------
        ArgumentError
            A value is one that the store cannot take.
        StoreError
            The store cannot be written, or does not know the task.
        """
        entry = Entry(run, seed, depth, values, parent=parent, seconds=seconds, flops=flops, status=status)
        check_entry(entry)
        return self._write(task, [entry]) == 1

    def record_all(self, task: str, entries: Iterable[Entry]) -> int:
        """Write measurements and states of several runs in one transaction: all of them, or none.

        A state is on disk before its measurement is reported, and replaces the earlier states of its run except
        those that were written with ``keep=True``.

        Parameters
        ----------
        task : str
            Name of a task made known by `add_task`.
        entries : iterable of Entry
            One for each run and depth.

        Returns
        -------
        int
            Runs at a depth whose measurement is new. One that the store holds already stays as it is; its state is
            taken where the store has none at this depth.

        Raises
        ------
        ArgumentError
            An entry holds what the store cannot take.
        StoreError
            The store or the folder of states cannot be written; nothing of this call is.
        DependencyError
            There are states, and filelock is not installed.
        """
        entries = list(entries)
        for at, entry in enumerate(entries):
            if not isinstance(entry, Entry):
                raise bad_argument(f"entries[{at}]", entry, "an Entry", "from predictlab.runs import Entry")
            check_entry(entry, f"entries[{at}].")
            _outcomes.check_outcomes(entry, f"entries[{at}].")
        return self._write(task, entries)

    def _write(self, task: str, entries: Sequence[Entry]) -> int:
        saved = self._save_states(entries)
        unused: list[str] = []
        new = 0
        try:
            with self._database.write() as db:
                task_id = self._database.task_id(db, task)
                rows = _outcomes.row_count(db, task_id)
                for at, entry in enumerate(entries):
                    run_id, *_ = _measurements.get_run(db, task_id, entry.run, entry.parent, int(entry.seed))
                    if entry.values is not None:
                        new += _measurements.insert_entry(db, run_id, entry, rows)
                    if entry.state is not None:
                        unused += put_state(db, run_id, entry, saved.get(at), self._folder)
        except BaseException:
            # The error may have come after all was committed.
            with suppress(StoreError), self._database.read() as db:
                used = {file for (file,) in db.execute("SELECT file FROM states")}
                self._folder.remove(one.file for one in saved.values() if one.file not in used)
            raise
        self._folder.remove(unused)
        return new

    def _save_states(self, entries: Sequence[Entry]) -> dict[int, Saved]:
        """Put the states on disk; nobody sees them yet."""
        states = states_to_write(entries)
        if states and not self._claims.registered:
            with self._database.write() as db:
                self._claims.register(db)
        return self._folder.save(self._claims.owner, states)

    def add_frame(
        self,
        frame: pd.DataFrame,
        *,
        fingerprint: str = "imported",
        description: Mapping[str, object] | None = None,
        outcomes: Mapping[tuple[str, int, str], NDArray[np.generic]] | None = None,
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
            Kept with tasks that are new.
        outcomes : mapping of (run, depth, metric) to ndarray, optional
            Of a frame of one task, whose rows `add_rows` made known: the outcome of each evaluation row, of which the
            value is the mean; bool for right or wrong, or floats. Written with the measurement, in one transaction.

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
        rows = _measurements.check_frame(frame)
        entries = _outcomes.entries_of(rows, outcomes or {})
        self.check_writable()
        for task in rows["task"].unique():
            self.add_task(task, fingerprint, description or {})
        with self._database.write() as db:
            new = _outcomes.without_measurement(db, entries)
            written = _measurements.insert_frame(db, rows)
            for task, entry in new:
                task_id = self._database.task_id(db, task)
                run_id, *_ = _measurements.get_run(db, task_id, entry.run, entry.parent, int(entry.seed))
                names = _measurements.metric_ids(db, entry.values or {})
                _outcomes.insert_outcomes(db, run_id, entry, _outcomes.row_count(db, task_id), names)
            return written

    def measured_depths(self, task: str) -> dict[str, frozenset[int]]:
        """Say at which depths each run was measured so far.

        Parameters
        ----------
        task : str
            Name of a task.

        Returns
        -------
        dict of str to frozenset of int
            Depths (optimiser steps) by run; empty for an unknown task.
        """
        with self._database.read() as db:
            depths = _measurements.depths_of_runs(db, "measurements", task)
        return {run: frozenset(of_run) for run, of_run in depths.items()}

    def tasks(self) -> pd.DataFrame:
        """Tabulate the tasks.

        Returns
        -------
        pandas.DataFrame
            One row a task: task, fingerprint, runs (number), measurements (number; a run at one depth counts once),
            description (dict).
        """
        with self._database.read() as db:
            return _measurements.task_table(db)

    def frame(self, task: str | None = None) -> pd.DataFrame:
        """Read measurements as a tidy frame, sorted by task, run and depth, in the order in which they first came.

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
        with self._database.read() as db:
            tasks = dict(db.execute("SELECT id, name FROM tasks ORDER BY id").fetchall())
            chosen = {key: name for key, name in tasks.items() if task in (None, name)}
            if task is not None and not chosen:
                held = ", ".join(sorted(map(repr, tasks.values()))) or "no task yet"
                raise StoreError(f"The run store {self.path} has no task {task!r}; it holds {held}.")
            return _measurements.read_frame(db, chosen)

    def costs(self, task: str) -> RunCosts:
        """Tell what its runs have cost: seconds of a step and of an evaluation row, as they were measured.

        Parameters
        ----------
        task : str
            Name of a task.

        Returns
        -------
        RunCosts
            For `ProbePlan.cost`, and as ``cost_per_step=`` of budgets, whose exchange rate is then one of seconds.

        Raises
        ------
        StoreError
            The store has no such task.
        DataError
            Its runs tell no seconds, as imported ones do not.
        """
        frame = self.frame(task)
        with self._database.read() as db:
            evaluations = read_evaluations(db, self._database.task_id(db, task))
        return costs_of(task, frame, evaluations)

    def state(self, task: str, run: str, depth: int | None = None) -> tuple[int, bytes] | None:
        """Read a state that training can go on from.

        Parameters
        ----------
        task, run : str
            Names of the task and of its run.
        depth : int, optional
            Depth of the state; the default is the deepest one of the run.

        Returns
        -------
        tuple of int and bytes, or None
            Its depth, and the bytes that were written; None where there is none.

        Raises
        ------
        DamagedState
            Its file is missing, cut or altered. The measurements are intact; see `drop_state`.
        StoreError
            It cannot be read now.
        """
        before = None
        while True:
            with self._database.read() as db:
                stored = stored_states(db, task, run)
            at = max(stored, default=None) if depth is None else depth
            if at is None or at not in stored:
                return None
            try:
                with self._database.explained("read"):
                    return at, self._folder.load(stored[at])
            except ValueError as error:
                if stored[at] != before:  # another process may have replaced it after we looked it up
                    before = stored[at]
                    continue
                raise DamagedState(
                    f"The state of run {run!r} at depth {at} cannot be used: {self._folder.path / stored[at].file} "
                    f"{error}; the measurements are intact, and store.drop_state({task!r}, {run!r}, {at}) lets the "
                    "run go on from an earlier state, or from its start."
                ) from error

    def states(self, task: str) -> dict[str, tuple[int, ...]]:
        """Say at which depths each run has a state.

        Parameters
        ----------
        task : str
            Name of a task.

        Returns
        -------
        dict of str to tuple of int
            Increasing depths, for every run that has a state; empty for an unknown task.
        """
        with self._database.read() as db:
            return _measurements.depths_of_runs(db, "states", task)

    def drop_state(self, task: str, run: str, depth: int) -> None:
        """Forget a state, if there is one, and delete its file.

        Parameters
        ----------
        task, run : str
            Names of the task and of its run.
        depth : int
            Depth of the state.

        Raises
        ------
        StoreError
            The store cannot be written.
        """
        with self._database.write() as db:
            saved = stored_states(db, task, run).get(depth)
            if saved is not None:
                db.execute("DELETE FROM states WHERE file = ?", (saved.file,))
        if saved is not None:
            self._folder.remove([saved.file])

    def claim(self, task: str, runs: Collection[str], *, token: object = None) -> tuple[str, ...]:
        """Make runs ours, so that nobody else does the same work.

        Parameters
        ----------
        task : str
            Name of a task made known by `add_task`.
        runs : collection of str
            Names of its runs, which need not be in the store yet.
        token : object, optional
            Tells apart those who share this store object, such as threads: ``object()``, say. It is compared by
            identity, and referred to as long as the store is.

        Returns
        -------
        tuple of str
            Those that are ours now, or were before, in the given order. The others belong to another token, or to a
            store that is open elsewhere. What a process held that has ended, however it ended, is free at once. Look
            at `measured_depths` and `state` only after this: who had a run before may have got further meanwhile.

        Raises
        ------
        StoreError
            The store cannot be written, or does not know the task.
        DependencyError
            filelock is not installed.
        """
        return self._claims.claim(task, runs, token)

    def release(self, task: str, runs: Iterable[str], *, token: object = None) -> None:
        """Give back runs; those that are not ours stay as they are.

        Parameters
        ----------
        task : str
            Name of a task.
        runs : iterable of str
            Names of its runs.
        token : object, optional
            The one they were claimed with.

        Raises
        ------
        StoreError
            The store cannot be written. Others who share this store object can claim the runs all the same.
        """
        self._claims.release(task, runs, token)

    def revision(self, *, token: object = None) -> tuple[int, int]:
        """Tell whether somebody else may have written since the last call.

        Parameters
        ----------
        token : object, optional
            The one that the caller claims with.

        Returns
        -------
        tuple of int
            Differs from the one before if another token has released runs, or another open store has written.
        """
        return self._claims.revision(token)

    def close(self) -> None:
        """Give back what is claimed and close the file; the store cannot be used afterwards."""
        self._claims.release_all()
        self._database.close()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RunStore({self.path!r})"

    def _repr_html_(self) -> str:
        table = self.tasks().drop(columns="description")
        return f"<b>RunStore {self.path}</b>{table.to_html(index=False)}"
