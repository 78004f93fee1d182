"""Stores of the first schema: read as they are, upgraded in place, and never left half-way."""

import math
import sqlite3

import pandas as pd
import pytest

import predictlab.runs._database as database
from predictlab.errors import StoreError
from predictlab.runs import COLUMNS, Entry, RunStore

TABLES_1 = """
CREATE TABLE tasks (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL,
    description TEXT NOT NULL);
CREATE TABLE runs (id INTEGER PRIMARY KEY, task_id INTEGER NOT NULL REFERENCES tasks(id), run TEXT NOT NULL,
    parent TEXT, seed INTEGER NOT NULL, UNIQUE (task_id, run));
CREATE INDEX runs_of_task ON runs (task_id);
CREATE TABLE metrics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE measurements (run_id INTEGER NOT NULL REFERENCES runs(id), depth INTEGER NOT NULL CHECK (depth >= 0),
    metric_id INTEGER NOT NULL REFERENCES metrics(id), value REAL, seconds REAL, flops REAL,
    status TEXT NOT NULL CHECK (status IN ('ok', 'diverged', 'failed')),
    PRIMARY KEY (run_id, depth, metric_id)) WITHOUT ROWID;
CREATE VIEW tidy AS
    SELECT t.name AS task, r.run, r.parent, r.seed, m.depth, k.name AS metric, m.value, m.seconds, m.flops, m.status
    FROM measurements m JOIN metrics k ON k.id = m.metric_id
    JOIN runs r ON r.id = m.run_id JOIN tasks t ON t.id = r.task_id;
PRAGMA application_id = 1886547042;
PRAGMA user_version = 1;
PRAGMA journal_mode = WAL;
"""
# Two tasks that come alternately, more metrics than a row of the present schema has, one with another cost and status.
TASKS = [(1, "a", "f", '{"model": "m"}'), (2, "b", "e", "{}")]
RUNS = [(1, 1, "a:0", None, 0), (2, 2, "b:0", None, 7), (3, 1, "a:1", "a:0", 1)]
METRICS = [(i, f"metric {i}") for i in range(1, 12)]
ROWS = [
    *((1, at, metric, at + metric / 16, at / 8, at * 1e9, "ok") for at in (0, 4) for metric in range(1, 12)),
    (2, 4, 2, 0.1 + 0.2, None, None, "ok"),
    (3, 4, 1, 1 / 3, 0.5, 1e300 / 7, "ok"),
    (3, 4, 2, None, 0.75, 1e9, "diverged"),
    (3, 4, 3, math.inf, 0.75, 1e9, "failed"),
    (3, 4, 4, 0.25, 0.5, 1e300 / 7, "ok"),
]  # fmt: skip


@pytest.fixture
def path(tmp_path):
    db = sqlite3.connect(tmp_path / "runs.db")
    db.executescript(TABLES_1)
    for table, rows in (("tasks", TASKS), ("runs", RUNS), ("metrics", METRICS), ("measurements", ROWS)):
        db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    db.commit()
    db.close()
    return tmp_path / "runs.db"


@pytest.fixture
def expected():
    """The rows above as `frame` has to give them: by task, run, depth and metric."""
    tasks, runs, metrics = ({row[0]: row[1:] for row in rows} for rows in (TASKS, RUNS, METRICS))
    rows = [
        (tasks[task][0], run, parent, seed, depth, metrics[metric][0], value, seconds, flops, status)
        for run_id, (task, run, parent, seed) in sorted(runs.items(), key=lambda item: (item[1][0], item[0]))
        for at, depth, metric, value, seconds, flops, status in ROWS
        if at == run_id
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(("task", "run", "parent", "metric", "status"), "str"))


def schema(path):
    db = sqlite3.connect(path)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    rows = db.execute("SELECT * FROM tidy").fetchall()
    db.close()
    return version, tables, rows


def test_a_store_of_the_first_schema_is_read_as_it_is(path, expected):
    before = path.read_bytes()
    with RunStore(path, read_only=True) as store:
        pd.testing.assert_frame_equal(store.frame(), expected)
        pd.testing.assert_frame_equal(store.frame("b"), expected[expected["task"] == "b"].reset_index(drop=True))
        assert store.measured_depths("a") == {"a:0": {0, 4}, "a:1": {4}}
        assert store.tasks()["measurements"].tolist() == [3, 1]
        assert store.states("a") == {}
        assert store.state("a", "a:0") is None
        assert store.claimed_elsewhere("a") == frozenset()
    assert path.read_bytes() == before


def test_a_store_of_the_first_schema_is_upgraded_when_it_is_opened_for_writing(path, expected):
    _, _, rows = schema(path)
    with RunStore(path) as store:
        pd.testing.assert_frame_equal(store.frame(), expected)
        assert store.tasks()["description"].tolist() == [{"model": "m"}, {}]
        assert not store.record("a", "a:0", 4, {"metric 1": 9.0}, seed=0)
        assert store.record_all("a", [Entry("a:1", 1, 8, {"metric 1": 9.0}, state=b"state")]) == 1
        assert store.state("a", "a:1") == (8, b"state")
        assert store.claim("a", ["a:0"]) == ("a:0",)
    version, tables, after = schema(path)
    assert version == 2
    assert "measurements_1" not in tables
    assert sorted(map(repr, after)) == sorted(
        map(repr, [*rows, ("a", "a:1", "a:0", 1, 8, "metric 1", 9.0, None, None, "ok")])
    )
    with RunStore(path) as store:  # again, with nothing left to do
        assert len(store.frame()) == len(expected) + 1


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(path, expected, monkeypatch):
    before = schema(path)
    real = database.from_1

    def fails_at_the_end(db):
        real(db)
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(database, "from_1", fails_at_the_end)
    with pytest.raises(StoreError, match=r"could not be opened .*The disk is full; what was written before is intact"):
        RunStore(path)
    assert schema(path) == before
    monkeypatch.undo()
    with RunStore(path) as store:
        pd.testing.assert_frame_equal(store.frame(), expected)


def test_who_reads_while_another_upgrades_goes_on(path, expected):
    with RunStore(path, read_only=True) as reader:
        pd.testing.assert_frame_equal(reader.frame(), expected)
        with RunStore(path) as writer:
            pd.testing.assert_frame_equal(reader.frame(), expected)
            writer.record_all("a", [Entry("a:1", 1, 8, {"metric 1": 9.0}, state=b"state")])
            assert len(reader.frame()) == len(expected) + 1
            assert reader.state("a", "a:1") == (8, b"state")


def test_an_empty_store_of_the_first_schema(tmp_path):
    db = sqlite3.connect(tmp_path / "empty.db")
    db.executescript(TABLES_1)
    db.close()
    with RunStore(tmp_path / "empty.db", read_only=True) as store:
        dtypes = store.frame().dtypes
    with RunStore(tmp_path / "empty.db") as store:
        pd.testing.assert_series_equal(store.frame().dtypes, dtypes)


def test_a_frame_with_costs_of_its_own_for_each_metric_comes_back(path, expected):
    """What one row of the table cannot say together is split, and adding it again adds nothing."""
    with RunStore(":memory:") as store:
        assert store.add_frame(expected) == len(expected)
        assert store.add_frame(expected) == 0
        pd.testing.assert_frame_equal(store.frame(), expected)
    with RunStore(":memory:") as store:
        some = expected.iloc[::3]
        assert store.add_frame(some) == len(some)
        assert store.add_frame(expected) == len(expected) - len(some)
        key = ["task", "run", "depth", "metric"]
        found, wanted = (f.sort_values(key, ignore_index=True) for f in (store.frame(), expected))
        pd.testing.assert_frame_equal(found, wanted)
