"""Claims: who works on which runs.

Processes are told apart by a lock that the system frees when a process ends, however it ends; those who share one open
store, such as threads, by the token that each of them claims with.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from predictlab.errors import StoreError, needs_extra
from predictlab.runs._database import Database
from predictlab.runs._states import StateFolder

if TYPE_CHECKING:
    from filelock import BaseFileLock

PATIENCE = 10  # seconds for the own lock, which someone may be trying at this moment


class Claims:
    """The runs that one open store works on, as the others see them.

    Taking the lock, and trying the locks of others before their claims or files are touched, happen only inside a
    write transaction: so nobody sees an owner between the making of its lock file and the locking of it.
    """

    def __init__(self, database: Database, folder: StateFolder) -> None:
        self.owner = uuid.uuid4().hex  # of this open store
        self._database = database
        self._folder = folder
        self._lock: BaseFileLock | None = None
        self._tokens: dict[tuple[str, str], object] = {}  # (task, run) -> who holds it among those who share this store
        self._released: Counter[object] = Counter()
        self._sharing = threading.Lock()

    def claim(self, task: str, runs: Collection[str], token: object) -> tuple[str, ...]:
        """Those of `runs` that `token` holds now, or held before."""
        before = self._held(task, runs, token)
        with self._sharing:
            held = tuple(run for run in dict.fromkeys(runs) if self._tokens.setdefault((task, run), token) is token)
        if self._database.in_memory:
            return held
        ours = before
        try:
            with self._database.write() as db:
                ours = self._claim(db, self._database.task_id(db, task), held)
            return ours
        finally:
            self._let_go(task, set(held) - set(ours), token)

    def _claim(self, db: sqlite3.Connection, task_id: int, runs: Iterable[str]) -> tuple[str, ...]:
        self.register(db)
        owners = dict(db.execute("SELECT run, owner FROM claims WHERE task_id = ?", (task_id,)).fetchall())
        if stale := self._stale_owners(owners[run] for run in runs if run in owners):
            self._clear(db)
        free = stale | {self.owner}
        ours = tuple(run for run in runs if run not in owners or owners[run] in free)
        db.executemany(
            "INSERT INTO claims VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET owner = excluded.owner",
            [(task_id, run, self.owner) for run in ours],
        )
        return ours

    def release(self, task: str, runs: Iterable[str], token: object) -> None:
        """Give back those of `runs` that `token` holds."""
        held = self._held(task, runs, token)
        try:
            if held and not self._database.in_memory:
                with self._database.write() as db:
                    task_id = self._database.task_id(db, task)
                    rows = [(task_id, run, self.owner) for run in held]
                    db.executemany("DELETE FROM claims WHERE task_id = ? AND run = ? AND owner = ?", rows)
        finally:
            self._let_go(task, held, token)

    def _held(self, task: str, runs: Iterable[str], token: object) -> tuple[str, ...]:
        return tuple(run for run in dict.fromkeys(runs) if self._tokens.get((task, run), self) is token)

    def _let_go(self, task: str, runs: Iterable[str], token: object) -> None:
        with self._sharing:
            for run in runs:
                del self._tokens[task, run]
                self._released[token] += 1

    def revision(self, token: object) -> tuple[int, int]:
        """Changes whenever another token has released runs, or another open store has written."""
        with self._sharing:
            released = self._released.total() - self._released[token]
        if self._database.in_memory:
            return 0, released
        with self._database.write() as db:  # of the connection that writes: its own changes do not count
            return int(db.execute("PRAGMA data_version").fetchone()[0]), released

    @property
    def registered(self) -> bool:
        """Whether others see that this store is alive."""
        return self._lock is not None or self._database.in_memory

    def register(self, db: sqlite3.Connection) -> None:
        """Take the lock, and clear what owners left that are gone; inside a write transaction."""
        if self.registered:
            return
        try:
            self._folder.path.mkdir(exist_ok=True)
            lock = _file_lock(self._lock_file(self.owner))
            lock.acquire(timeout=PATIENCE)
        except OSError as error:
            raise StoreError(
                f"The folder {self._folder.path} could not be used ({error.strerror or error}); states and claims of "
                "runs need a folder with write permission beside the store. What was measured is intact."
            ) from error
        self._lock = lock
        self._clear(db)

    def _clear(self, db: sqlite3.Connection) -> None:
        """Remove claims, locks and unused files of owners that are gone."""
        files = list(self._folder.files())
        owners = {owner for (owner,) in db.execute("SELECT DISTINCT owner FROM claims")}
        owners |= {owner for owner, _ in files} | {path.stem for path in self._folder.path.glob("*.lock")}
        stale = self._stale_owners(owners)
        # Asked after they were found to be gone: what they committed is all there.
        used = {file for (file,) in db.execute("SELECT file FROM states")}
        self._folder.remove(name for owner, name in files if owner in stale and name not in used)
        db.executemany("DELETE FROM claims WHERE owner = ?", [(owner,) for owner in stale])
        for owner in stale:
            with suppress(OSError):
                self._lock_file(owner).unlink()

    def _stale_owners(self, owners: Iterable[str]) -> set[str]:
        """Those of `owners` whose lock nobody holds."""
        return {owner for owner in set(owners) if owner != self.owner and not self._is_alive(owner)}

    def _is_alive(self, owner: str) -> bool:
        if not self._lock_file(owner).exists():
            return False
        try:
            with _file_lock(self._lock_file(owner)).acquire(timeout=0):
                return False
        except OSError:  # filelock's Timeout is one; a lock that we may not try is taken to be held
            return True

    def release_all(self) -> None:
        """Give everything back; nothing can be claimed afterwards."""
        if self._lock is None:
            return
        with suppress(StoreError), self._database.write() as db:
            db.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))
            self._unlock()
            with suppress(OSError):
                self._folder.path.rmdir()  # only when it is empty
        self._unlock()  # where the store could not be written, this alone makes the claims void

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
            with suppress(OSError):
                self._lock_file(self.owner).unlink()

    def _lock_file(self, owner: str) -> Path:
        return self._folder.path / f"{owner}.lock"


def _file_lock(path: Path) -> BaseFileLock:
    with needs_extra("Keeping claims and states of runs", "probe", ", or pip install filelock"):
        from filelock import FileLock
    return FileLock(str(path), thread_local=False)
