"""Outcomes of evaluation rows in a store: packed, beside the measurement that is their mean."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import DataError, StoreError, bad_argument
from predictlab.runs._schema import Entry

Values: TypeAlias = NDArray[Any]
ID_BYTES = 8  # of a row's content; position tells equal rows apart
_BITS, _FLOATS = b"\0", b"\1"
_ZLIB_LEVEL = 1  # a higher one takes longer than it saves: what is left after the shuffle is noise


def row_ids(rows: Iterable[str]) -> bytes:
    """Identify evaluation rows by what they say.

    Parameters
    ----------
    rows : iterable of str
        The content of each row, in the order of the set.

    Returns
    -------
    bytes
        8 bytes a row.
    """
    return b"".join(hashlib.blake2b(row.encode(), digest_size=ID_BYTES).digest() for row in rows)


def row_names(ids: bytes) -> list[str]:
    """Names of rows: position and content, so that sets can be joined and a changed one is told from it."""
    return [f"{i}:{ids[ID_BYTES * i : ID_BYTES * (i + 1)].hex()}" for i in range(len(ids) // ID_BYTES)]


def pack(values: Values) -> bytes:
    """Outcomes (rows,) as bytes: a bit each for 0/1, else 32-bit floats, compressed where that makes them shorter."""
    if values.dtype == bool:
        kind, plain = _BITS, np.packbits(values).tobytes()
    else:
        # bytes of one significance side by side: signs and exponents repeat
        kind, plain = _FLOATS, np.ascontiguousarray(values, dtype="<f4").view(np.uint8).reshape(-1, 4).T.tobytes()
    short = zlib.compress(plain, _ZLIB_LEVEL)
    return kind + short if len(short) < len(plain) else kind + plain


def unpack(data: bytes, rows: int) -> Values:
    """The outcomes that `pack` made bytes of: bool or float32, (rows,)."""
    plain = -(-rows // 8) if data[:1] == _BITS else 4 * rows
    body = data[1:] if len(data) == plain + 1 else zlib.decompress(data[1:])
    if data[:1] == _BITS:
        return np.unpackbits(np.frombuffer(body, np.uint8), count=rows).astype(bool)
    return np.ascontiguousarray(np.frombuffer(body, np.uint8).reshape(4, rows).T).view("<f4").ravel()


def put_rows(db: sqlite3.Connection, task_id: int, task: str, ids: bytes) -> None:
    """Make a task's evaluation set known; another one than the store holds is refused."""
    held = rows_of(db, task_id)
    if held is None:
        db.execute("INSERT INTO evaluation_sets VALUES (?, ?)", (task_id, ids))
    elif held != ids:
        ours, theirs = len(held) // ID_BYTES, len(ids) // ID_BYTES
        raise StoreError(
            f"The store holds outcomes of task {task!r} on {ours} evaluation rows; these are {theirs} rows, others or "
            "in another order. Outcomes of different sets are not mixed: name the task otherwise, or use another store."
        )


def rows_of(db: sqlite3.Connection, task_id: int) -> bytes | None:
    """Identities of a task's evaluation rows; None where none are known."""
    found = db.execute("SELECT ids FROM evaluation_sets WHERE task_id = ?", (task_id,)).fetchone()
    return None if found is None else found[0]


def row_count(db: sqlite3.Connection, task_id: int) -> int | None:
    """Number of a task's evaluation rows; None where none are known."""
    ids = rows_of(db, task_id)
    return None if ids is None else len(ids) // ID_BYTES


def check_outcomes(entry: Entry, where: str = "") -> None:
    """Raise ArgumentError if the outcomes of `entry` are none, or not those of its values."""
    for metric, values in (entry.outcomes or {}).items():
        name = f"{where}outcomes[{metric!r}]"
        if entry.values is None or metric not in entry.values:
            raise bad_argument(name, "outcomes", f"outcomes of one of the metrics {list(entry.values or ())}")
        if not isinstance(values, np.ndarray) or values.ndim != 1 or not len(values):
            raise bad_argument(name, values, "an array of one outcome a row")
        if values.dtype != bool and not np.issubdtype(values.dtype, np.floating):
            raise bad_argument(name, f"array of {values.dtype}", "bool for 0/1, or floats")
        mean, given = float(np.mean(values, dtype=float)), float(entry.values[metric])
        if np.isfinite(given) and not np.isclose(mean, given, rtol=1e-4, atol=1e-6):
            raise bad_argument(name, f"outcomes with mean {mean:.6g}", f"outcomes of which {given:.6g} is the mean")


def insert_outcomes(db: sqlite3.Connection, run_id: int, entry: Entry, rows: int | None, ids: dict[str, int]) -> None:
    """Write the outcomes of `entry`, whose measurement is new, inside the caller's transaction."""
    for metric, values in (entry.outcomes or {}).items():
        if rows is None:
            raise StoreError("Outcomes belong to known evaluation rows: call store.add_rows(task, rows) first.")
        if len(values) != rows:
            raise bad_argument(f"outcomes[{metric!r}]", f"{len(values)} outcomes", f"one for each of the {rows} rows")
        key = (run_id, int(entry.depth), ids[metric])
        db.execute("INSERT INTO outcomes VALUES (?, ?, ?, ?)", (*key, pack(values)))


def entries_of(frame: pd.DataFrame, outcomes: Mapping[tuple[str, int, str], Values]) -> list[tuple[str, Entry]]:
    """Task and entry of each of the outcomes that go with a checked frame: one run, depth and metric."""
    if not outcomes:
        return []
    if len(frame["task"].unique()) > 1:
        raise bad_argument("outcomes", "outcomes", "none beside a frame of several tasks", "Write one task at a time.")
    index = pd.MultiIndex.from_frame(frame[["run", "depth", "metric"]])
    entries = []
    for key, values in outcomes.items():
        if key not in index:
            raise bad_argument("outcomes", key, "run, depth and metric of a row of the frame")
        row = frame.iloc[index.get_loc(key)]
        run, depth, metric = key
        parent = None if pd.isna(row["parent"]) or row["parent"] == "" else str(row["parent"])
        measured = {metric: float(row["value"])}
        entry = Entry(run, int(row["seed"]), depth, measured, parent=parent, outcomes={metric: values})
        check_outcomes(entry)
        entries.append((str(row["task"]), entry))
    return entries


def without_measurement(db: sqlite3.Connection, entries: list[tuple[str, Entry]]) -> list[tuple[str, Entry]]:
    """Those of `entries` whose measurement a store does not hold yet: outcomes come with it, never after it."""
    find = (
        "SELECT 1 FROM measurements m JOIN runs r ON r.id = m.run_id JOIN tasks t ON t.id = r.task_id "
        "JOIN metrics n ON n.id = m.metric_id WHERE t.name = ? AND r.run = ? AND m.depth = ? AND n.name = ?"
    )
    return [
        (task, entry)
        for task, entry in entries
        if not db.execute(find, (task, entry.run, int(entry.depth), *(entry.values or {}))).fetchone()
    ]


def stored_keys(
    db: sqlite3.Connection, task_id: int, metric: str, depth: int | None, run: str | None
) -> list[tuple[int, str, int]]:
    """Depth, run and key of the outcomes of a metric, by depth and then by run in the order of their first coming."""
    find = (
        "SELECT o.depth, r.run, o.rowid FROM runs r JOIN outcomes o ON o.run_id = r.id "
        "JOIN metrics n ON n.id = o.metric_id WHERE r.task_id = ? AND n.name = ? "
        "AND o.depth = coalesce(?, o.depth) AND r.run = coalesce(?, r.run) ORDER BY o.depth, r.id"
    )
    return db.execute(find, (task_id, metric, depth, run)).fetchall()


def read_outcomes_of(db: sqlite3.Connection, key: int, run: str, depth: int, rows: int) -> Values:
    """The outcomes with that key."""
    (data,) = db.execute("SELECT data FROM outcomes WHERE rowid = ?", (key,)).fetchone()
    try:
        return unpack(data, rows)
    except (zlib.error, ValueError) as error:
        raise DataError(f"The outcomes of run {run!r} at depth {depth} are damaged: {error}.") from error
