"""The SQLite file behind a run store: opened for writing and for reading, its errors in one sentence."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from predictlab.errors import StoreError, bad_argument
from predictlab.runs._schema import APPLICATION_ID, TABLES, VERSION

WAIT = 30  # seconds for another process's write to end
ADVICE = {  # words in SQLite's message -> what to do
    "readonly": "It is read-only: make it writable, or copy it.",
    "locked|busy": f"Another process has held it for {WAIT} s: let it finish, or use another store.",
    "full": "The disk is full; what was written before is intact.",
    "I/O error": "Look at the disk, its free space and its limits; what was written before is intact.",
    "malformed|not a database": "The file is damaged or is no SQLite file: restore a copy, or use another store.",
}


@contextmanager
def _transaction(db: sqlite3.Connection, begin: str) -> Iterator[None]:
    """Commit what the ``with`` block does, or take all of it back."""
    try:  # an interruption may come when the transaction has just begun
        db.execute(begin)
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


class Database:
    """One SQLite file, usable from several threads.

    Writing and reading have a connection and a lock each: with the write-ahead log, whoever reads sees what was
    committed last and does not wait for a writer. A store in memory has one connection for both.
    """

    def __init__(self, path: str | os.PathLike[str], read_only: bool) -> None:
        if not isinstance(path, (str, os.PathLike)) or not str(path):
            raise bad_argument("path", path, "a file path or ':memory:'")
        self.path = str(path)
        self.in_memory = self.path == ":memory:"
        exists = not self.in_memory and Path(self.path).exists()
        self.read_only = read_only or (exists and not os.access(self.path, os.W_OK))
        if exists and Path(self.path).is_dir():
            raise StoreError(f"{self.path} is a folder; give the path of a file, such as runs.db inside it.")
        if read_only and not exists:
            raise StoreError(f"There is no run store at {self.path}.")
        with self.explained("opened"):
            self.writer = self._open_read_only() if self.read_only else self._open()
            both = self.read_only or self.in_memory
            self.reader = self.writer if both else self._connect(self.path, self._is_store)
        self._writing = threading.RLock()
        self._reading = self._writing if both else threading.RLock()

    def _connect(self, where: str, prepare: Callable[[sqlite3.Connection], object]) -> sqlite3.Connection:
        db = sqlite3.connect(where, timeout=WAIT, isolation_level=None, check_same_thread=False, uri=self.read_only)
        try:
            prepare(db)
        except BaseException:
            db.close()
            raise
        return db

    def _open(self) -> sqlite3.Connection:
        if not self.in_memory:
            Path(self.path).resolve().parent.mkdir(parents=True, exist_ok=True)
        give_up = time.monotonic() + WAIT
        while True:
            try:
                return self._connect(self.path, self._prepare)
            except sqlite3.OperationalError as error:
                # Turning the write-ahead log on fails at once, whatever the timeout, while another process opens.
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(0.02)

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Make an empty database a run store; leave one that is a store as it is."""
        db.execute("PRAGMA foreign_keys = ON")
        if self._is_store(db):
            return
        db.execute("PRAGMA journal_mode = WAL")
        with _transaction(db, "BEGIN IMMEDIATE"):
            if not self._is_store(db):  # another process may have made it one meanwhile
                for statement in filter(str.strip, TABLES.split(";\n")):  # executescript would commit
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {VERSION}")

    def _open_read_only(self) -> sqlite3.Connection:
        where = Path(self.path).resolve().as_uri()
        try:
            return self._connect(f"{where}?mode=ro", self._require_store)
        except sqlite3.OperationalError:
            log = Path(f"{self.path}-wal")
            if not os.access(log.parent, os.W_OK) and log.exists() and log.stat().st_size:
                raise StoreError(
                    f"{self.path} has writes in {log.name} that cannot be read in a folder without write "
                    "permission: copy all files of the store to a folder of yours and open it there."
                ) from None
        # A write-ahead store in a folder we cannot write to opens only as immutable (SQLite, "Read-Only Databases"),
        # and is then read without its log.
        return self._connect(f"{where}?mode=ro&immutable=1", self._require_store)

    def _require_store(self, db: sqlite3.Connection) -> None:
        if not self._is_store(db):
            raise StoreError(f"{self.path} is an empty database, not a run store.")

    def _is_store(self, db: sqlite3.Connection) -> bool:
        """Whether it is a run store, or an empty database; anything else raises."""
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
        if version != VERSION:
            raise StoreError(
                f"{self.path} has store schema {version}, this predictlab knows schema {VERSION} alone. "
                "Use the predictlab that wrote it, or another store."
            )
        return True

    @contextmanager
    def explained(self, action: str) -> Iterator[None]:
        """Turn SQLite's and the file system's errors into one sentence that names the file."""
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            fitting = (advice for words, advice in ADVICE.items() if re.search(words, text))
            advice = next(fitting, "Check the path and its permissions.")
            raise StoreError(f"The run store {self.path} could not be {action} ({text}). {advice}") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoreError(f"The run store {self.path} could not be {action} ({reason}).") from error

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One snapshot of everything that is committed, whatever others write meanwhile."""
        with self._reading, self.explained("read"):
            if self.in_memory and self.reader.in_transaction:  # inside this thread's own write
                yield self.reader
                return
            with _transaction(self.reader, "BEGIN"):
                yield self.reader

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        self.check_writable()
        with self._writing, self.explained("written"), _transaction(self.writer, "BEGIN IMMEDIATE"):
            yield self.writer

    def check_writable(self) -> None:
        """Raise StoreError if this store is open for reading only."""
        if self.read_only:
            raise StoreError(f"The run store {self.path} is read-only: make the file writable, or use another store.")

    def task_id(self, db: sqlite3.Connection, task: str) -> int:
        """Id of a task that `RunStore.add_task` made known, inside the caller's transaction."""
        row = db.execute("SELECT id FROM tasks WHERE name = ?", (task,)).fetchone()
        if row is None:
            raise StoreError(f"The run store {self.path} knows no task {task!r}; call add_task first.")
        return int(row[0])

    def close(self) -> None:
        with self._writing, self._reading:
            self.writer.close()
            self.reader.close()
