"""Claims: who works on which runs.

Processes are told apart by a lock that the system frees when a process ends, however it ends; those who share one open
store, such as threads, by the token that each of them claims with.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from predictlab.errors import StoreError, needs_extra
from predictlab.runs._states import StateFolder

_LOCK = ".lock"
PATIENCE = 10  # seconds for the own lock, which someone may be trying at this moment


class Owner:
    """One open store as seen by the others.

    Taking the lock, and trying the locks of others before their claims or files are touched, happen only inside a
    write transaction: so nobody sees an owner between the making of its lock file and the locking of it.
    """

    def __init__(self, folder: StateFolder) -> None:
        self.folder = folder
        self.id = uuid.uuid4().hex
        self._lock: Any = None
        self._tokens: dict[tuple[str, str], object] = {}  # (task, run) -> who holds it among those who share this store
        self._released: Counter[object] = Counter()
        self._sharing = threading.Lock()

    def hold(self, task: str, runs: Iterable[str], token: object) -> tuple[str, ...]:
        """Those of `runs` that nobody else who shares this store holds; `token` holds them now."""
        with self._sharing:
            return tuple(run for run in dict.fromkeys(runs) if self._tokens.setdefault((task, run), token) is token)

    def held(self, task: str, runs: Iterable[str], token: object) -> tuple[str, ...]:
        """Those of `runs` that `token` holds."""
        return tuple(run for run in runs if self._tokens.get((task, run), self) is token)

    def let_go(self, task: str, runs: Iterable[str], token: object) -> None:
        """`token` holds these runs no longer."""
        with self._sharing:
            for run in runs:
                del self._tokens[task, run]
                self._released[token] += 1

    def released_by_others(self, token: object) -> int:
        """How often a run was let go by somebody else who shares this store."""
        with self._sharing:
            return self._released.total() - self._released[token]

    @property
    def registered(self) -> bool:
        return self._lock is not None or self.folder.memory is not None

    def register(self, db: sqlite3.Connection) -> None:
        """Take the lock, and clear what dead owners left; inside a write transaction."""
        if self.registered:
            return
        try:
            self.folder.path.mkdir(exist_ok=True)
            lock = _file_lock(self.folder, self.id)
            lock.acquire(timeout=PATIENCE)
        except OSError as error:
            raise StoreError(
                f"The folder {self.folder.path} could not be used ({error.strerror or error}); states and claims of "
                "runs need a folder with write permission beside the store. What was measured is intact."
            ) from error
        self._lock = lock
        self._clear(db)

    def _clear(self, db: sqlite3.Connection) -> None:
        """Remove claims, locks and unknown files of owners that are dead."""
        files = list(self.folder.files())
        owners = {owner for (owner,) in db.execute("SELECT DISTINCT owner FROM claims")}
        owners |= {owner for owner, _ in files}
        owners |= {path.name.removesuffix(_LOCK) for path in self.folder.path.glob(f"*{_LOCK}")}
        dead = self.dead(owners)
        # Asked after they were found dead: what they committed is all there.
        known = {file for (file,) in db.execute("SELECT file FROM states")}
        self.folder.remove(name for owner, name in files if owner in dead and name not in known)
        db.executemany("DELETE FROM claims WHERE owner = ?", [(owner,) for owner in dead])
        for owner in dead:
            with suppress(OSError):
                (self.folder.path / f"{owner}{_LOCK}").unlink()

    def dead(self, owners: Iterable[str]) -> set[str]:
        """Those of `owners` whose lock nobody holds."""
        return {owner for owner in set(owners) if owner != self.id and not self._alive(owner)}

    def _alive(self, owner: str) -> bool:
        if not (self.folder.path / f"{owner}{_LOCK}").exists():
            return False
        lock = _file_lock(self.folder, owner)
        try:
            lock.acquire(timeout=0)
        except OSError:  # filelock's Timeout is one; a lock that we may not try is taken to be held
            return True
        lock.release()
        return False

    def claim(self, db: sqlite3.Connection, task_id: int, runs: Sequence[str]) -> tuple[str, ...]:
        """Those of `runs` that are now ours; inside a write transaction."""
        self.register(db)
        held = dict(db.execute("SELECT run, owner FROM claims WHERE task_id = ?", (task_id,)).fetchall())
        if dead := self.dead(held[run] for run in runs if run in held):
            self._clear(db)
        free = dead | {self.id}
        ours = tuple(run for run in dict.fromkeys(runs) if run not in held or held[run] in free)
        db.executemany(
            "INSERT INTO claims VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET owner = excluded.owner",
            [(task_id, run, self.id) for run in ours],
        )
        return ours

    def release(self, db: sqlite3.Connection, task_id: int, runs: Iterable[str]) -> None:
        db.executemany(
            "DELETE FROM claims WHERE task_id = ? AND run = ? AND owner = ?", [(task_id, run, self.id) for run in runs]
        )

    def elsewhere(self, db: sqlite3.Connection, task: str) -> frozenset[str]:
        """Runs of `task` that others hold who are alive."""
        held = db.execute(
            "SELECT run, owner FROM claims WHERE task_id = (SELECT id FROM tasks WHERE name = ?) AND owner != ?",
            (task, self.id),
        ).fetchall()
        dead = self.dead(owner for _, owner in held)
        return frozenset(run for run, owner in held if owner not in dead)

    def leave(self, db: sqlite3.Connection) -> None:
        """Give everything back; inside a write transaction."""
        db.execute("DELETE FROM claims WHERE owner = ?", (self.id,))
        self.unlock()
        with suppress(OSError):
            self.folder.path.rmdir()  # only when it is empty

    def unlock(self) -> None:
        if self._lock is None:
            return
        self._lock.release()
        self._lock = None
        with suppress(OSError):
            (self.folder.path / f"{self.id}{_LOCK}").unlink()


def _file_lock(folder: StateFolder, owner: str) -> Any:
    with needs_extra("Keeping claims and states of runs", "probe", ", or pip install filelock"):
        from filelock import FileLock
    return FileLock(str(folder.path / f"{owner}{_LOCK}"), thread_local=False)
