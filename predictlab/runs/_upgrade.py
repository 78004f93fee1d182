"""Bringing the tables of an older store to the present schema, inside the caller's transaction."""

from __future__ import annotations

import sqlite3

import numpy as np

from predictlab.runs._schema import FROM_1
from predictlab.runs._writing import write_rows

_COLUMNS_1 = ("run", "depth", "metric", "value", "seconds", "flops", "status")
_ROW_1 = np.dtype(list(zip(_COLUMNS_1, ("i8", "i8", "i8", "f8", "f8", "f8", "i8"), strict=True)))


def run_script(db: sqlite3.Connection, script: str) -> None:
    """Run the statements of `script`; `executescript` would commit."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


def from_1(db: sqlite3.Connection) -> None:
    """From schema 1, which had one row for each metric."""
    run_script(db, FROM_1)
    rows = np.fromiter(
        db.execute(
            "SELECT run_id, depth, metric_id, value, seconds, flops, "
            "CASE status WHEN 'ok' THEN 0 WHEN 'diverged' THEN 1 ELSE 2 END FROM measurements_1"
        ),
        dtype=_ROW_1,
    )
    write_rows(db, {name: rows[name] for name in _COLUMNS_1})
    db.execute("DROP TABLE measurements_1")
