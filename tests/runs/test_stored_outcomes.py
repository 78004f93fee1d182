"""Outcomes of evaluation rows in the store: packed, exact, in one transaction with their mean."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError, StoreError
from predictlab.runs import Entry, RunStore
from predictlab.runs._outcomes import pack, row_ids, unpack

ROWS = [f"text {i}" for i in range(37)]


def entry(run, depth, right, loss=None, **more):
    outcomes = {"accuracy": right} | ({} if loss is None else {"eval_loss": loss})
    return Entry(
        run, 0, depth, {m: float(np.mean(v, dtype=float)) for m, v in outcomes.items()}, outcomes=outcomes, **more
    )


@pytest.fixture
def store(tmp_path):
    with RunStore(tmp_path / "runs.db") as opened:
        opened.add_task("demo", "0123456789abcdef", {})
        opened.add_rows("demo", ROWS)
        yield opened


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 1000])
@pytest.mark.parametrize("kind", ["bits", "all right", "floats", "constant", "not finite"])
def test_packing_is_exact(rows, kind):
    rng = np.random.default_rng(rows)
    values = {
        "bits": rng.random(rows) < 0.7,
        "all right": np.ones(rows, dtype=bool),
        "floats": rng.exponential(size=rows).astype(np.float32),
        "constant": np.full(rows, 0.25, dtype=np.float32),
        "not finite": np.where(rng.random(rows) < 0.5, np.nan, np.inf).astype(np.float32),
    }[kind]
    back = unpack(pack(values), rows)
    assert back.dtype == values.dtype
    np.testing.assert_array_equal(back, values)


def test_right_and_wrong_cost_little_more_than_a_bit(tmp_path):
    """Of 48 runs at 8 depths on 2,000 rows: the whole file, measurements included."""
    rng = np.random.default_rng(0)
    sizes = []
    for keep in (True, False):
        with RunStore(tmp_path / f"{keep}.db") as store:
            store.add_task("demo", "0123456789abcdef", {})
            store.add_rows("demo", [str(i) for i in range(2000)])
            for depth in range(1, 9):
                entries = [entry(f"demo:{s}", depth, rng.random(2000) < 0.5) for s in range(48)]
                if not keep:
                    entries = [Entry(e.run, 0, depth, e.values) for e in entries]
                store.record_all("demo", entries)
        with sqlite3.connect(tmp_path / f"{keep}.db") as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        sizes.append((tmp_path / f"{keep}.db").stat().st_size)
    bits = 8 * (sizes[0] - sizes[1]) / (48 * 8 * 2000)
    assert bits < 1.2


def test_written_and_read(store):
    rng = np.random.default_rng(1)
    right, loss = rng.random((3, 37)) < 0.7, rng.random((3, 37)).astype(np.float32)
    store.record_all("demo", [entry(f"demo:{s}", 8, right[s], loss[s]) for s in range(3)])
    table = store.outcomes("demo", "accuracy", 8)
    np.testing.assert_array_equal(table.to_numpy(), right)
    assert list(table.index) == ["demo:0", "demo:1", "demo:2"]
    assert table.columns[5].startswith("5:")
    np.testing.assert_array_equal(store.outcomes("demo", "eval_loss").to_numpy(), loss)
    assert [(c, run) for c, run, _ in store.iter_outcomes("demo", "accuracy")] == [(8, f"demo:{s}") for s in range(3)]
    with pytest.raises(StoreError, match="no outcomes of 'f1'"):
        store.outcomes("demo", "f1")
    with pytest.raises(StoreError, match="at depth 4"):
        store.outcomes("demo", "accuracy", 4)


def test_a_changed_set_is_refused(store):
    assert store.add_rows("demo", ROWS) == 37  # the same again is fine
    for other in (ROWS[:-1], ROWS[::-1], [*ROWS[:-1], "another"]):
        with pytest.raises(StoreError, match="not mixed"):
            store.add_rows("demo", other)


def test_all_or_nothing(store):
    right = np.ones(37, dtype=bool)
    with pytest.raises(ArgumentError, match="one for each of the 37 rows"):
        store.record_all("demo", [entry("demo:0", 8, right), entry("demo:1", 8, right[:5])])
    assert store.frame("demo").empty
    store.record_all("demo", [entry("demo:0", 8, right)])
    store.record_all("demo", [entry("demo:0", 8, ~right)])  # held already: it stays as it is
    assert store.outcomes("demo", "accuracy", 8).to_numpy().all()


@pytest.mark.parametrize(
    ("outcomes", "says"),
    [
        ({"f1": np.ones(37)}, "one of the metrics"),
        ({"accuracy": [1, 0]}, "an array"),
        ({"accuracy": np.ones(37, dtype=int)}, "bool for 0/1"),
        ({"accuracy": np.zeros(37, dtype=bool)}, "of which 1 is the mean"),
    ],
)
def test_outcomes_that_are_none_are_refused(store, outcomes, says):
    with pytest.raises(ArgumentError, match=says):
        store.record_all("demo", [Entry("demo:0", 0, 8, {"accuracy": 1.0}, outcomes=outcomes)])


def test_rows_have_to_be_known(tmp_path):
    with RunStore(tmp_path / "runs.db") as store:
        store.add_task("demo", "0123456789abcdef", {})
        with pytest.raises(StoreError, match="add_rows"):
            store.record_all("demo", [entry("demo:0", 8, np.ones(3, dtype=bool))])


def test_damage_is_said(store):
    store.record_all("demo", [entry("demo:0", 8, np.arange(37) % 3 == 0)])
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE outcomes SET data = x'00ff'")
    db.close()
    with pytest.raises(DataError, match="run 'demo:0' at depth 8 are damaged"):
        store.outcomes("demo", "accuracy", 8)


def test_a_curve_of_the_store_tells_runs_and_rows_apart(store):
    rng = np.random.default_rng(2)
    right = {c: rng.random((4, 37)) < 0.7 for c in (8, 16)}
    for c, of in right.items():
        store.record_all("demo", [entry(f"demo:{s}", c, of[s]) for s in range(4)])
    for source in (store, store.path):
        curve = pl.risk_curve(source)
        expected = [pl.risk.variance_components(right[c]).run for c in (8, 16)]
        assert curve.components()["run"].to_numpy() == pytest.approx(expected)
    store.record("demo", "demo:9", 8, {"accuracy": 0.5}, seed=9)  # without outcomes
    store.record("demo", "demo:9", 16, {"accuracy": 0.5}, seed=9)
    assert pl.risk_curve(store).parts is None


def test_identity_is_content():
    assert row_ids(["a", "b"]) == row_ids(["a"]) + row_ids(["b"])
    assert len(row_ids(["a"])) == 8
