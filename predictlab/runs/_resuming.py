"""What a store does for those who train: measurements with their states, and who works on which runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress

from predictlab.errors import DamagedState, StoreError, bad_argument
from predictlab.runs._claims import Owner
from predictlab.runs._database import Database
from predictlab.runs._entry import Entry
from predictlab.runs._states import Saved, StateFolder, held_states, put_state, wanted
from predictlab.runs._writing import held_run, insert_point


class Resumable:
    """The part of `RunStore` that training writes to and goes on from."""

    path: str
    read_only: bool
    _file: Database
    _states: StateFolder
    _owner: Owner

    def record_all(self, task: str, entries: Sequence[Entry]) -> int:
        """Write measurements and states of several runs in one transaction: all of them, or none.

        A state is on disk before its measurement is reported, and replaces the earlier states of its run except
        those that were written with ``keep=True``.

        Parameters
        ----------
        task : str
            Name of a task made known by `add_task`.
        entries : sequence of Entry

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
            entry.check(f"entries[{at}].")
        return self._write(task, entries)

    def _write(self, task: str, entries: Sequence[Entry]) -> int:
        saved = self._save(task, entries)
        unused: list[str] = []
        new = 0
        try:
            with self._file.write() as db:
                task_id = self._task_id(db, task)
                for at, entry in enumerate(entries):
                    run_id, *_ = held_run(db, task_id, entry.run, entry.parent, int(entry.seed))
                    if entry.values is not None:
                        new += insert_point(db, task_id, run_id, entry)
                    if entry.state is not None:
                        unused += put_state(db, run_id, entry, saved.get(at), self._states)
        except BaseException:
            self._discard([one.file for one in saved.values()])
            raise
        self._states.remove(unused)
        return new

    def _save(self, task: str, entries: Sequence[Entry]) -> dict[int, Saved]:
        """Put the states on disk that the store lacks; nobody sees them yet."""
        if not any(entry.state is not None for entry in entries):
            return {}
        if not self._owner.registered:
            with self._file.write() as db:
                self._owner.register(db)
        with self._file.read() as (db, _):
            self._task_id(db, task)
            states = wanted(entries, lambda run: held_states(db, task, run), self._states)
        return self._states.save(self._owner.id, states)

    def _discard(self, files: Sequence[str]) -> None:
        """Delete files of a write that failed; an error may have come after all was committed."""
        with suppress(StoreError), self._file.read() as (db, _):
            known = {file for (file,) in db.execute("SELECT file FROM states")}
            self._states.remove(file for file in files if file not in known)

    def _task_id(self, db: sqlite3.Connection, task: str) -> int:
        found = db.execute("SELECT id FROM tasks WHERE name = ?", (task,)).fetchone()
        if found is None:
            raise StoreError(f"The run store {self.path} knows no task {task!r}; call add_task first.")
        return int(found[0])

    def state(self, task: str, run: str, depth: int | None = None) -> tuple[int, bytes] | None:
        """A state that training can go on from.

        Parameters
        ----------
        task, run : str
            Names of the task and of its run.
        depth : int, optional
            Of the state, steps; default the deepest there is.

        Returns
        -------
        tuple of int and bytes, or None
            Depth and content; None where there is no such state.

        Raises
        ------
        DamagedState
            Its file is missing, cut or altered. The measurements are intact; see `drop_state`.
        StoreError
            It cannot be read now.
        """
        before = None
        while True:
            with self._file.read() as (db, version):
                held = held_states(db, task, run) if version > 1 else {}
            at = max(held, default=None) if depth is None else depth
            if at is None or at not in held:
                return None
            try:
                with self._file.explained("read"):
                    return at, self._states.load(held[at])
            except ValueError as error:
                if held[at] != before:  # another process may have replaced it between the two looks
                    before = held[at]
                    continue
                raise DamagedState(
                    f"The state of run {run!r} at depth {at} cannot be used: {self._states.path / held[at].file} "
                    f"{error}; the measurements are intact, and store.drop_state({task!r}, {run!r}, {at}) lets the "
                    "run go on from an earlier state, or from its start."
                ) from error

    def states(self, task: str) -> dict[str, tuple[int, ...]]:
        """Depths at which runs of a task have a state.

        Parameters
        ----------
        task : str
            Its name.

        Returns
        -------
        dict of str to tuple of int
            Run -> depths, increasing; empty for a task that the store does not know.
        """
        with self._file.read() as (db, version):
            rows = db.execute(
                "SELECT r.run, s.depth FROM states s JOIN runs r ON r.id = s.run_id "
                "WHERE r.task_id = (SELECT id FROM tasks WHERE name = ?) ORDER BY r.id, s.depth",
                (task,),
            ).fetchall() if version > 1 else []  # fmt: skip
        depths: dict[str, tuple[int, ...]] = {}
        for run, depth in rows:
            depths[run] = (*depths.get(run, ()), depth)
        return depths

    def drop_state(self, task: str, run: str, depth: int) -> None:
        """Forget a state, if there is one, and delete its file.

        Parameters
        ----------
        task, run : str
            Names of the task and of its run.
        depth : int
            Of the state, steps.
        """
        with self._file.write() as db:
            one = held_states(db, task, run).get(depth)
            if one is not None:
                db.execute("DELETE FROM states WHERE file = ?", (one.file,))
        if one is not None:
            self._states.remove([one.file])

    def claim(self, task: str, runs: Sequence[str], token: object = None) -> tuple[str, ...]:
        """Make `runs` ours, so that nobody else does the same work.

        Parameters
        ----------
        task : str
            Name of a task made known by `add_task`.
        runs : sequence of str
        token : object, optional
            Tells apart those who share this store object, such as threads; compared by identity.

        Returns
        -------
        tuple of str
            Those that are ours now, or were before, in the given order. The others belong to another token, or to a
            store that is open elsewhere. What a process held that has ended, however it ended, is free at once. Look
            at `measured_depths` and `state` only after this: the one who had a run before may have got further.

        Raises
        ------
        StoreError
            The store cannot be written, or does not know the task.
        DependencyError
            filelock is not installed.
        """
        ours = self._owner.held(task, runs, token)  # stays so where the store cannot be written now
        held = self._owner.hold(task, runs, token)
        if self._file.in_memory:
            return held
        try:
            with self._file.write() as db:
                ours = self._owner.claim(db, self._task_id(db, task), held)
            return ours
        finally:
            self._owner.let_go(task, set(held) - set(ours), token)

    def release(self, task: str, runs: Iterable[str], token: object = None) -> None:
        """Give back those of some runs that are ours.

        Parameters
        ----------
        task : str
            Name of their task.
        runs : iterable of str
            Their names.
        token : object, optional
            As in `claim`.
        """
        held = self._owner.held(task, runs, token)
        try:
            if held and not self._file.in_memory:
                with self._file.write() as db:
                    self._owner.release(db, self._task_id(db, task), held)
        finally:
            self._owner.let_go(task, held, token)

    def version(self, token: object = None) -> tuple[int, int]:
        """A pair of numbers that changes whenever somebody else may have written.

        Parameters
        ----------
        token : object, optional
            As in `claim`: what others wrote with another token, or through another store object, counts.

        Returns
        -------
        tuple of int and int
        """
        shared = self._owner.released_by_others(token)
        if self._file.in_memory:
            return 0, shared
        with self._file.write() as db:  # of the connection that writes: its own changes do not count
            return int(db.execute("PRAGMA data_version").fetchone()[0]), shared

    def claimed_elsewhere(self, task: str) -> frozenset[str]:
        """Runs that another open store holds now.

        Parameters
        ----------
        task : str
            Name of their task.

        Returns
        -------
        frozenset of str
            Empty for a task that the store does not know.
        """
        if self._file.in_memory:
            return frozenset()
        with self._file.read() as (db, version):
            if version == 1 or not db.execute("SELECT 1 FROM claims LIMIT 1").fetchone():
                return frozenset()
            if self.read_only:
                return self._owner.elsewhere(db, task)
        with self._file.write() as db:
            return self._owner.elsewhere(db, task)
