"""The tidy schema of runs, and the SQLite tables that hold it."""

from __future__ import annotations

VERSION = 2  # of the tables below; kept in SQLite's user_version
APPLICATION_ID = 0x70726C62  # "prlb": marks the file as a run store, so that no other database is written to

COLUMNS = ("task", "run", "parent", "seed", "depth", "metric", "value", "seconds", "flops", "status")
STATUSES = ("ok", "diverged", "failed")  # kept as their position here

# Most of the time of reading goes into handing single numbers from SQLite to Python. So the metrics of a run at a
# depth share one row, which says once what they have in common, and its set says which value is which metric.
WIDTH = 8  # values in a row; more metrics, or metrics with another cost or status, take a further part
VALUES = tuple(f"v{slot}" for slot in range(WIDTH))

_TASKS = """
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
"""

_MEASUREMENTS = f"""
CREATE TABLE metric_sets (
    id INTEGER PRIMARY KEY,
    task_id INTEGER NOT NULL REFERENCES tasks(id),
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND {len(STATUSES) - 1}),
    metrics TEXT NOT NULL,              -- ids, increasing, with commas between
    UNIQUE (task_id, status, metrics)
);
CREATE TABLE slots (
    set_id INTEGER NOT NULL REFERENCES metric_sets(id),
    slot INTEGER NOT NULL CHECK (slot BETWEEN 0 AND {WIDTH - 1}),
    metric_id INTEGER NOT NULL REFERENCES metrics(id),
    PRIMARY KEY (set_id, slot)
) WITHOUT ROWID;
CREATE TABLE measurements (
    run_id INTEGER NOT NULL REFERENCES runs(id),
    depth INTEGER NOT NULL CHECK (depth BETWEEN 0 AND 9007199254740991),  -- exact as a float
    part INTEGER NOT NULL,
    set_id INTEGER NOT NULL REFERENCES metric_sets(id),
    seconds REAL,                       -- NULL stands for NaN, here and in the values
    flops REAL,
    {", ".join(f"{value} REAL" for value in VALUES)},
    PRIMARY KEY (run_id, depth, part)
) WITHOUT ROWID;
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
    SELECT t.name AS task, r.run, r.parent, r.seed, m.depth, n.name AS metric,
    CASE s.slot {" ".join(f"WHEN {slot} THEN m.{value}" for slot, value in enumerate(VALUES))} END AS value,
    m.seconds, m.flops,
    CASE k.status {" ".join(f"WHEN {code} THEN '{status}'" for code, status in enumerate(STATUSES))} END AS status
    FROM measurements m JOIN metric_sets k ON k.id = m.set_id JOIN slots s ON s.set_id = k.id
    JOIN metrics n ON n.id = s.metric_id
    JOIN runs r ON r.id = m.run_id JOIN tasks t ON t.id = r.task_id;
"""

TABLES = _TASKS + _MEASUREMENTS
FROM_1 = "DROP VIEW tidy;\nALTER TABLE measurements RENAME TO measurements_1;\n" + _MEASUREMENTS
