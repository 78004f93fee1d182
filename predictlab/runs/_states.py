"""Resumable states: files beside the store, of which the store keeps name, size and checksum."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from predictlab.errors import StoreError
from predictlab.runs._schema import Entry

_PART = ".part"  # ending of a file that is being written
T = TypeVar("T")


@dataclass(frozen=True)
class Saved:
    """A state that is on disk: what the store keeps about it."""

    file: str
    bytes: int
    sha256: str


class StateFolder:
    """The files of a store's states; a store in memory keeps them in memory.

    A name begins with its writer's id. So a file that the store does not know is either about to become known by a
    writer that is alive, or was left behind by one that died.
    """

    def __init__(self, store: str) -> None:
        # Beside the file itself, by whichever link and from whichever working folder it is reached.
        self.path = Path(f"{Path(store).resolve()}.states")
        self.memory: dict[str, bytes] | None = {} if store == ":memory:" else None
        self._number = count()

    def save(self, owner: str, states: Mapping[int, bytes]) -> dict[int, Saved]:
        """Write `states` so that they survive a loss of power, under names that nobody reads yet."""
        saved: dict[int, Saved] = {}
        try:
            if states and self.memory is None:
                self.path.mkdir(exist_ok=True)
            for key, data in states.items():
                file = f"{owner}-{next(self._number)}.safetensors"
                # Noted before it is written, so that a write that fails half-way is cleared as well.
                saved[key] = Saved(file, len(data), hashlib.sha256(data).hexdigest())
            _together(lambda key: self._write(saved[key].file, states[key]), list(states))
            if states and self.memory is None:
                _sync_folder(self.path)
        except BaseException as error:
            self.remove(one.file for one in saved.values())
            if isinstance(error, OSError):
                raise StoreError(
                    f"A state could not be written into {self.path} ({error.strerror or error}), and nothing of this "
                    "call was written; check its permissions and the free space of the disk: what was there before "
                    "is intact."
                ) from error
            raise
        return saved

    def _write(self, file: str, data: bytes) -> None:
        if self.memory is not None:
            self.memory[file] = data
            return
        part = self.path / (file + _PART)
        with open(part, "xb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, self.path / file)

    def load(self, saved: Saved) -> bytes:
        """The bytes of a state, exactly as they were written; ValueError says what is wrong with the file.

        What may be read another time (too many open files, a disk that fails) stays an OSError.
        """
        if self.memory is not None:
            if saved.file not in self.memory:  # another thread replaced it a moment ago
                raise ValueError("is missing")
            return self.memory[saved.file]
        try:
            data = (self.path / saved.file).read_bytes()
        except FileNotFoundError as error:
            raise ValueError("is missing") from error
        if len(data) != saved.bytes:
            raise ValueError(f"has {len(data)} bytes where {saved.bytes} were written")
        if hashlib.sha256(data).hexdigest() != saved.sha256:
            raise ValueError("was altered after it was written")
        return data

    def is_whole(self, saved: Saved) -> bool:
        """Whether the file is there with its size."""
        if self.memory is not None:
            return saved.file in self.memory
        try:
            return (self.path / saved.file).stat().st_size == saved.bytes
        except OSError:
            return False

    def remove(self, files: Iterable[str]) -> None:
        """Delete what can be deleted; what stays is cleared when its writer is gone."""
        _together(self._remove, list(files))

    def _remove(self, file: str) -> None:
        if self.memory is not None:
            self.memory.pop(file, None)
            return
        for name in (file, file + _PART):
            with suppress(OSError):
                (self.path / name).unlink()

    def files(self) -> Iterator[tuple[str, str]]:
        """Owner and name of every state file, half-written ones as well."""
        with suppress(OSError):
            for name in os.listdir(self.path):
                owner, dash, _ = name.partition("-")
                if dash and name.removesuffix(_PART).endswith(".safetensors"):
                    yield owner, name


def _together(call: Callable[[T], None], items: Sequence[T]) -> None:
    """Call for every item; a disk takes several files in little more time than one."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(call, items))


def _sync_folder(path: Path) -> None:
    """Make new names in a folder survive a loss of power; Windows does so by itself and opens no folder."""
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def stored_states(db: sqlite3.Connection, task: str, run: str) -> dict[int, Saved]:
    """What the store keeps about the states of a run, by increasing depth."""
    rows = db.execute(
        "SELECT s.depth, s.file, s.bytes, s.sha256 FROM states s JOIN runs r ON r.id = s.run_id "
        "WHERE r.task_id = (SELECT id FROM tasks WHERE name = ?) AND r.run = ? ORDER BY s.depth",
        (task, run),
    )
    return {depth: Saved(*about) for depth, *about in rows}


def states_to_write(entries: Sequence[Entry]) -> dict[int, bytes]:
    """States of `entries` by position, without those that a deeper one of the same run replaces at once."""
    with_state = {at: entry for at, entry in enumerate(entries) if entry.state is not None}
    deepest = {entry.run: entry.depth for entry in sorted(with_state.values(), key=attrgetter("depth"))}
    return {
        at: entry.state
        for at, entry in with_state.items()
        if entry.state is not None and (entry.keep or entry.depth == deepest[entry.run])
    }


def put_state(db: sqlite3.Connection, run_id: int, entry: Entry, saved: Saved | None, folder: StateFolder) -> list[str]:
    """Keep one state and drop the earlier ones that need not stay; files to delete once this is committed."""
    place = (run_id, int(entry.depth))
    unused = []
    if saved is not None:
        row = db.execute("SELECT file, bytes, sha256 FROM states WHERE run_id = ? AND depth = ?", place).fetchone()
        if row is not None and folder.is_whole(Saved(*row)):  # it was stored before, by whomever
            unused.append(saved.file)
        else:
            unused += [row[0]] if row else []
            db.execute(
                "INSERT INTO states VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "file = excluded.file, bytes = excluded.bytes, sha256 = excluded.sha256",
                (*place, int(entry.keep), saved.file, saved.bytes, saved.sha256),
            )
    if entry.keep:
        db.execute("UPDATE states SET keep = 1 WHERE run_id = ? AND depth = ?", place)
    earlier = "FROM states WHERE run_id = ? AND depth < ? AND keep = 0"
    unused += [file for (file,) in db.execute(f"SELECT file {earlier}", place)]
    db.execute(f"DELETE {earlier}", place)
    return unused
