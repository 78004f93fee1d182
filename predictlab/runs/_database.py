"""The SQLite file behind a run store: opened for writing and for reading, upgraded, its errors in one sentence."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from predictlab.errors import StoreError, bad_argument
from predictlab.runs._schema import APPLICATION_ID, TABLES, VERSION
from predictlab.runs._upgrade import from_1, run_script

WAIT = 30  # seconds for another process's write to end


class Database:
    """One SQLite file, usable from several threads.

    Writing and reading have a connection and a lock each: with the write-ahead log, whoever reads sees what was
    committed last and does not wait for a writer. A store in memory has one connection for both.
    """

    def __init__(self, path: str | Path, read_only: bool) -> None:
        if not isinstance(path, (str, os.PathLike)) or not str(path):
            raise bad_argument("path", path, "a file path or ':memory:'")
        self.path = str(path)
        self.in_memory = self.path == ":memory:"
        exists = not self.in_memory and Path(self.path).exists()
        self.read_only = read_only or (exists and not os.access(self.path, os.W_OK))
        if not self.in_memory:
            if Path(self.path).is_dir():
                raise StoreError(f"{self.path} is a folder; give the path of a file, such as runs.db inside it.")
            if read_only and not exists:
                raise StoreError(f"There is no run store at {self.path}.")
        self._writing, self._reading = threading.RLock(), threading.RLock()
        with self.explained("opened"):
            if self.read_only:
                self.reader = self._open_read_only()
                self.writer = self.reader
            else:
                self.writer = self._open()
                self.reader = self.writer if self.in_memory else self._connect(self.path)
        if self.reader is self.writer:
            self._reading = self._writing

    def _connect(self, where: str, uri: bool = False) -> sqlite3.Connection:
        return sqlite3.connect(where, timeout=WAIT, isolation_level=None, check_same_thread=False, uri=uri)

    def _open(self) -> sqlite3.Connection:
        if not self.in_memory:
            Path(self.path).resolve().parent.mkdir(parents=True, exist_ok=True)
        give_up = time.monotonic() + WAIT
        while True:
            db = self._connect(self.path)
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
        """Make an empty database a run store, and one of an older schema one of this; leave others as they are."""
        db.execute("PRAGMA foreign_keys = ON")
        if self._version(db) == VERSION:
            return
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("BEGIN IMMEDIATE")
        try:
            version = self._version(db)  # another process may have created or upgraded it meanwhile
            if version == 0:
                run_script(db, TABLES)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            elif version == 1:
                from_1(db)
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _open_read_only(self) -> sqlite3.Connection:
        where = Path(self.path).resolve().as_uri()
        # A write-ahead store in a folder we cannot write to opens only as immutable (SQLite, "Read-Only Databases").
        for options in ("mode=ro", "mode=ro&immutable=1"):
            db = self._connect(f"{where}?{options}", uri=True)
            try:
                if not self._version(db):
                    raise StoreError(f"{self.path} is an empty database, not a run store.")
                return db
            except sqlite3.OperationalError:
                db.close()
                if "immutable" in options:
                    raise
                log = Path(f"{self.path}-wal")
                if not os.access(log.parent, os.W_OK) and log.exists() and log.stat().st_size:
                    # An immutable file is read without it.
                    raise StoreError(
                        f"{self.path} has writes in {log.name} that cannot be read in a folder without write "
                        "permission: copy all files of the store to a folder of yours and open it there."
                    ) from None
            except BaseException:
                db.close()
                raise
        raise AssertionError("unreachable")

    def _version(self, db: sqlite3.Connection) -> int:
        """Version of a run store's schema, 0 for an empty database; anything that cannot be used raises."""
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
            return 0
        if version > VERSION:
            raise StoreError(
                f"{self.path} has store schema {version}, this predictlab knows up to {VERSION}. "
                "Upgrade predictlab, or use another store."
            )
        return int(version)

    @contextmanager
    def explained(self, action: str) -> Iterator[None]:
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
            elif "I/O error" in text:
                advice = "Look at the disk, its free space and its limits; what was written before is intact."
            elif "malformed" in text or "not a database" in text:
                advice = "The file is damaged or is no SQLite file: restore a copy, or use another store."
            else:
                advice = "Check the path and its permissions."
            raise StoreError(f"The run store {self.path} could not be {action} ({text}). {advice}") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoreError(f"The run store {self.path} could not be {action} ({reason}).") from error

    @contextmanager
    def read(self) -> Iterator[tuple[sqlite3.Connection, int]]:
        """One snapshot of everything that is committed, whatever others write meanwhile, and the version of it."""
        with self._reading, self.explained("read"):
            if self.in_memory and self.reader.in_transaction:  # inside this thread's own write
                yield self.reader, VERSION
                return
            try:
                self.reader.execute("BEGIN")
                yield self.reader, self._version(self.reader)
            finally:
                if self.reader.in_transaction:
                    self.reader.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        self.check_writable()
        with self._writing, self.explained("written"):
            try:  # an interruption may come when the transaction has just begun
                self.writer.execute("BEGIN IMMEDIATE")
                yield self.writer
                self.writer.execute("COMMIT")
            except BaseException:
                if self.writer.in_transaction:
                    self.writer.execute("ROLLBACK")
                raise

    def check_writable(self) -> None:
        """Raise StoreError if this store is open for reading only."""
        if self.read_only:
            raise StoreError(f"The run store {self.path} is read-only: make the file writable, or use another store.")

    def close(self) -> None:
        with self._writing, self._reading:
            self.writer.close()
            self.reader.close()
