"""W&B's own run files (``run-<id>.wandb``), as offline runs and local folders have them: history and config.

A file is a log of records in blocks, as LevelDB has it (checksum, length, kind of each piece), behind a header of seven
bytes; a record is a protocol buffer. Layout and numbers of the fields as of W&B 0.31.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._importers.cells import table_of
from predictlab.runs._importers.logs import Names, RunLogs
from predictlab.runs._importers.recipes import flat
from predictlab.runs._importers.report import Findings
from predictlab.runs._importers.sources import read_each
from predictlab.runs._importers.tables import read_table
from predictlab.runs._schema import COLUMNS

HEADER, BLOCK, PIECE = 7, 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
HISTORY, CONFIG, RUN = 2, 5, 17  # fields of a record
OWN = frozenset({*COLUMNS, "_step", "_runtime", "_timestamp"}) - {"seed", "task"}


def read_wandb(
    files: Sequence[Path],
    base: Path | None,
    columns: Mapping[str, str],
    metric: Names,
    found: Findings,
    *,
    epochs: bool = False,
) -> RunLogs:
    """History of the runs, with their config as recipes; named as W&B displays them.

    Parameters
    ----------
    files, base, metric, found, epochs
        As for the other readers.
    columns : mapping
        As given by the user: the history is a table.
    """
    runs = [run for _, run in read_each(files, lambda file: _run(file, found), found)]
    names = [name for name, _, _, _ in runs]
    tables = []
    for name, key, said, history in runs:
        unique = name if names.count(name) == 1 else f"{name} ({key})"
        told = {entry if entry not in OWN else f"config.{entry}": value for entry, value in said.items()}
        table = table_of(history)
        tables.append(table.assign(**{k: v for k, v in told.items() if k not in table.columns}, run=unique))
    table = pd.concat(tables, ignore_index=True)
    label = (base or files[0].absolute().parent).resolve().name
    return read_table(table, columns, metric, label, found, epochs=epochs)


def _run(file: Path, found: Findings) -> tuple[str, str, dict[str, Any], list[dict[str, Any]]]:
    """Name, id, config and history of one file."""
    data = file.read_bytes()
    if data[:4] != b":W&B":
        raise DataError(f"{file} is no run file of W&B.")
    name, key = file.stem.removeprefix("run-"), file.stem.removeprefix("run-")
    said: dict[str, Any] = {}
    history: list[dict[str, Any]] = []
    try:
        for record in _records(data, file, found):
            for number, content in fields(record):
                if not isinstance(content, bytes):
                    continue
                if number == HISTORY:
                    history.append(_items(content, 1))
                elif number == CONFIG:
                    said |= _items(content, 1)
                elif number == RUN:
                    of = {n: c for n, c in fields(content) if isinstance(c, bytes)}
                    name, key = _text(of.get(8) or of.get(1)) or name, _text(of.get(1)) or key
                    said |= _items(of.get(4, b""), 1)
    except (ValueError, struct.error, RecursionError) as error:
        raise DataError(f"{file} cannot be read as a run file of W&B: {error}") from error
    if not any(set(row) - OWN for row in history):
        raise DataError(f"{file}: nothing was logged.")
    return name, key, {k: v for k, v in flat(said).items() if not k.startswith("_wandb")}, history


def _records(data: bytes, file: Path, found: Findings) -> Iterator[bytes]:
    """Each record; what follows a damaged or cut piece is left, which is said."""
    at, count = HEADER, 0
    parts: list[bytes] = []
    while at + PIECE <= len(data):
        left = BLOCK - at % BLOCK
        if left < PIECE:
            at += left
            continue
        checksum, length, kind = struct.unpack_from("<IHB", data, at)
        if not (checksum or length or kind):  # the rest of a block that was filled up
            at += left
            continue
        piece = data[at + PIECE : at + PIECE + length]
        if len(piece) < length or zlib.crc32(piece, zlib.crc32(bytes([kind]))) != checksum:
            what = "cut off" if len(piece) < length else "damaged"
            found.notice(f"{file}: it is {what} after {count} records; what came before is read.")
            return
        at += PIECE + length
        if kind in (FULL, FIRST):
            parts = []
        parts.append(piece)
        if kind in (FULL, LAST):
            count += 1
            yield b"".join(parts)
    if at < len(data) and data[at:].strip(b"\0"):
        found.notice(f"{file}: it is cut off after {count} records; what came before is read.")


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and content of each field of a protocol buffer; numbers as they are encoded, all else as bytes.

    Raises
    ------
    ValueError
        It is none.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"a field of an unknown kind, {wire}")
        if at + size > len(message):
            raise ValueError("a field is longer than its message")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number that does not end")


def _items(message: bytes, number: int) -> dict[str, Any]:
    """Entries of a history or config record: key, or nested keys, and the value as JSON."""
    out: dict[str, Any] = {}
    for which, content in fields(message):
        if which != number or not isinstance(content, bytes):
            continue
        keys, value = [], None
        for field, inner in fields(content):
            if field in (1, 2) and isinstance(inner, bytes):
                keys.append(_text(inner))
            elif field in (8, 16) and isinstance(inner, bytes):
                value = json.loads(inner)
            elif field == 6 and isinstance(inner, bytes):
                value = struct.unpack("<d", inner)[0]
            elif field == 5 and isinstance(inner, int):  # zigzag
                value = (inner >> 1) ^ -(inner & 1)
            elif field == 7 and isinstance(inner, bytes):
                value = _text(inner)
        if keys and value is not None:
            out[".".join(keys)] = value
    return out


def _text(content: bytes | int | None) -> str:
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
