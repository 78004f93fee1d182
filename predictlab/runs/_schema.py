"""The tidy schema of runs, what is written at one depth of a run, and the SQLite tables that hold all of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from numpy.typing import NDArray

from predictlab.errors import bad_argument

VERSION = 3  # of the tables below; kept in SQLite's user_version
APPLICATION_ID = 0x70726C62  # "prlb": marks the file as a run store, so that no other database is written to

#: Columns of the tidy frame, in their order; `RunStore.frame` says what is in each.
COLUMNS = ("task", "run", "parent", "seed", "depth", "metric", "value", "seconds", "flops", "status")
#: What can be said of a measurement; a store keeps the position in this tuple.
STATUSES = ("ok", "diverged", "failed")
MAX_DEPTH = 2**53 - 1  # whole numbers up to it are exact as floats


@dataclass(frozen=True)
class Entry:
    """One run at one depth: a measurement, a state that training can go on from, or both.

    Parameters
    ----------
    run : str
        Name of the run.
    seed : int
        Its training seed.
    depth : int
        Optimiser steps done, >= 0.
    values : mapping of str to float, or None
        Metric name to value; finite unless `status` says otherwise. None makes a checkpoint: a state alone.
    parent : str, optional
        Name of the run it was forked from.
    seconds, flops : float
        Training cost of this run up to `depth`: seconds, and floating-point operations. NaN where not known.
    status : {"ok", "diverged", "failed"}
        Whether the values can be used.
    state : bytes, optional
        What training goes on from; the store does not look inside.
    keep : bool
        The state stays when a later one of the same run comes: forks leave from it.
    outcomes : mapping of str to ndarray, optional
        Metric name to the outcome of each evaluation row, in the order of the set that `RunStore.add_rows` made known:
        bool for right or wrong, floats for a loss. Their mean is the metric's value.
    evaluation : (float, int), optional
        What `values` took: seconds of evaluating this run here, and evaluation rows; see `RunStore.costs`.

    Examples
    --------
    >>> from predictlab.runs import Entry, RunStore
    >>> with RunStore(":memory:") as store:
    ...     _ = store.add_task("demo", "0123456789abcdef", {})
    ...     store.record_all("demo", [Entry("demo:0", 0, 8, {"accuracy": 0.5}, state=b"weights")])
    ...     store.state("demo", "demo:0")
    1
    (8, b'weights')
    """

    run: str
    seed: int
    depth: int
    values: Mapping[str, float] | None
    _: KW_ONLY
    parent: str | None = None
    seconds: float = math.nan
    flops: float = math.nan
    status: str = "ok"
    state: bytes | None = field(default=None, repr=False)
    keep: bool = False
    outcomes: Mapping[str, NDArray[Any]] | None = field(default=None, repr=False)
    evaluation: tuple[float, int] | None = field(default=None, repr=False)


def check_entry(entry: Entry, where: str = "") -> None:
    """Raise ArgumentError if a store cannot take `entry`; `where` is put before the name of the field."""
    if entry.status not in STATUSES:
        raise bad_argument(f"{where}status", entry.status, f"one of {', '.join(STATUSES)}")
    if not 0 <= entry.depth <= MAX_DEPTH:
        raise bad_argument(f"{where}depth", entry.depth, "a whole number >= 0")
    if entry.state is not None and not isinstance(entry.state, bytes):
        raise bad_argument(f"{where}state", entry.state, "bytes or None")
    if entry.evaluation is not None and not entry.evaluation[1] >= 1:
        raise bad_argument(f"{where}evaluation", entry.evaluation, "seconds, and a number of rows >= 1")
    if not entry.values:
        if entry.values is not None or entry.state is None:
            without = " where there is no state" if entry.values is None else ""
            raise bad_argument(f"{where}values", entry.values, f"at least one metric{without}")
    elif entry.status == "ok" and not all(math.isfinite(v) for v in entry.values.values()):
        expected = "finite numbers with status='ok'"
        raise bad_argument(f"{where}values", dict(entry.values), expected, "Use status='diverged'.")


# Made when something is first written to it: there are stores of this version from before it.
EVALUATIONS = """
CREATE TABLE IF NOT EXISTS evaluations ( -- what it cost to measure a run at a depth
    run_id INTEGER NOT NULL REFERENCES runs(id),
    depth INTEGER NOT NULL,
    seconds REAL NOT NULL,
    rows INTEGER NOT NULL,
    PRIMARY KEY (run_id, depth)
) WITHOUT ROWID"""
TABLES = f"""
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    description TEXT NOT NULL           -- JSON, for people
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    task_id INTEGER NOT NULL REFERENCES tasks(id),
    run TEXT NOT NULL,
    parent TEXT,                        -- run it was forked from
    seed INTEGER NOT NULL,
    UNIQUE (task_id, run)
);
CREATE INDEX runs_of_task ON runs (task_id);
CREATE TABLE metrics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE measurements (             -- NULL stands for NaN
    run_id INTEGER NOT NULL REFERENCES runs(id),
    depth INTEGER NOT NULL CHECK (depth BETWEEN 0 AND {MAX_DEPTH}),
    metric_id INTEGER NOT NULL REFERENCES metrics(id),
    value REAL,
    seconds REAL,
    flops REAL,
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND {len(STATUSES) - 1}),
    PRIMARY KEY (run_id, depth, metric_id)
) WITHOUT ROWID;
CREATE TABLE evaluation_sets (          -- the rows that the outcomes of a task belong to
    task_id INTEGER PRIMARY KEY REFERENCES tasks(id),
    ids BLOB NOT NULL                   -- 8 bytes a row, a hash of its content
);
CREATE TABLE outcomes (                 -- of each evaluation row; written with the measurement that is their mean
    run_id INTEGER NOT NULL REFERENCES runs(id),
    depth INTEGER NOT NULL,
    metric_id INTEGER NOT NULL REFERENCES metrics(id),
    data BLOB NOT NULL,                 -- a bit or a float a row, see predictlab/runs/_outcomes.py
    UNIQUE (run_id, depth, metric_id)
);
CREATE TABLE states (                   -- what training goes on from; the bytes are files beside the store
    run_id INTEGER NOT NULL REFERENCES runs(id),
    depth INTEGER NOT NULL CHECK (depth >= 0),
    keep INTEGER NOT NULL,              -- 1: stays when a later state of the run comes
    file TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (run_id, depth)
) WITHOUT ROWID;
CREATE TABLE claims (                   -- runs that a process works on
    task_id INTEGER NOT NULL REFERENCES tasks(id),
    run TEXT NOT NULL,
    owner TEXT NOT NULL,                -- alive as long as it holds the lock of this name beside the store
    PRIMARY KEY (task_id, run)
) WITHOUT ROWID;
CREATE VIEW tidy AS
    SELECT t.name AS task, r.run, r.parent, r.seed, m.depth, n.name AS metric, m.value, m.seconds, m.flops,
    CASE m.status {" ".join(f"WHEN {code} THEN '{status}'" for code, status in enumerate(STATUSES))} END AS status
    FROM measurements m JOIN metrics n ON n.id = m.metric_id
    JOIN runs r ON r.id = m.run_id JOIN tasks t ON t.id = r.task_id;
"""
