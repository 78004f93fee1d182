"""The tidy schema of runs, and the SQLite tables that hold it."""

from __future__ import annotations

VERSION = 1  # of the tables below; kept in SQLite's user_version
APPLICATION_ID = 0x70726C62  # "prlb": marks the file as a run store, so that no other database is written to

COLUMNS = ("task", "run", "parent", "seed", "depth", "metric", "value", "seconds", "flops", "status")
STATUSES = ("ok", "diverged", "failed")

TABLES = """
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
CREATE TABLE measurements (
    run_id INTEGER NOT NULL REFERENCES runs(id),
    depth INTEGER NOT NULL CHECK (depth >= 0),
    metric_id INTEGER NOT NULL REFERENCES metrics(id),
    value REAL,                         -- NULL stands for NaN
    seconds REAL,
    flops REAL,
    status TEXT NOT NULL CHECK (status IN ('ok', 'diverged', 'failed')),
    PRIMARY KEY (run_id, depth, metric_id)
) WITHOUT ROWID;
CREATE VIEW tidy AS
    SELECT t.name AS task, r.run, r.parent, r.seed, m.depth, k.name AS metric, m.value, m.seconds, m.flops, m.status
    FROM measurements m JOIN metrics k ON k.id = m.metric_id
    JOIN runs r ON r.id = m.run_id JOIN tasks t ON t.id = r.task_id;
"""
