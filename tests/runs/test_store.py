"""RunStore: what is written is read back, nothing is mixed up, and unusable files are named with what to do."""

import math
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from predictlab.errors import ArgumentError, StoreError
from predictlab.runs import COLUMNS, RunStore

VALUES = {"accuracy": 0.75, "eval_loss": 0.5}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


@pytest.fixture
def store(path):
    with RunStore(path) as made:
        made.add_task("a", "f" * 16, {"model": "m", "recipe": {"rank": 8}})
        made.add_task("b", "e" * 16, {})
        yield made


def fill(store, task="a", runs=2, depths=(0, 4)):
    for seed in range(runs):
        for depth in depths:
            store.record(task, f"{task}:{seed}", depth, VALUES, seed=seed, seconds=depth / 8, flops=depth * 1e9)


def test_the_tidy_frame(store):
    fill(store)
    store.record("a", "a:9", 4, dict.fromkeys(VALUES, math.nan), seed=9, parent="a:0", status="diverged")
    frame = store.frame("a")
    assert tuple(frame.columns) == COLUMNS
    assert frame["run"].tolist() == ["a:0"] * 4 + ["a:1"] * 4 + ["a:9"] * 2
    assert frame["depth"].tolist() == [0, 0, 4, 4] * 2 + [4, 4]
    assert frame["metric"].tolist() == ["accuracy", "eval_loss"] * 5
    assert frame["value"].tolist()[:8] == [0.75, 0.5] * 4
    assert frame["value"].isna().tolist() == [False] * 8 + [True] * 2
    assert frame["parent"].isna().tolist() == [True] * 8 + [False] * 2
    assert frame["parent"].iloc[-1] == "a:0"
    assert frame["status"].tolist() == ["ok"] * 8 + ["diverged"] * 2
    assert frame.loc[2, ["seconds", "flops"]].tolist() == [0.5, 4e9]
    for name in ("task", "run", "parent", "metric", "status"):
        assert isinstance(frame[name].dtype, pd.StringDtype), name
    for name in ("seed", "depth"):
        assert frame[name].dtype == np.int64, name
    for name in ("value", "seconds", "flops"):
        assert frame[name].dtype == np.float64, name


def test_an_empty_store_has_the_same_columns_and_types(store):
    empty = store.frame()
    assert len(empty) == 0
    fill(store)
    pd.testing.assert_series_equal(empty.dtypes, store.frame().dtypes)
    assert len(store.frame("b")) == 0


def test_floats_come_back_to_the_last_bit(store):
    value = 0.1 + 0.2
    store.record("a", "a:0", 1, {"accuracy": value}, seed=0, seconds=1 / 3, flops=1e300 / 7)
    row = store.frame().iloc[0]
    assert (row["value"], row["seconds"], row["flops"]) == (value, 1 / 3, 1e300 / 7)


def test_tasks_are_kept_apart(store):
    fill(store, "a")
    fill(store, "b", runs=3)
    assert set(store.frame("b")["task"]) == {"b"}
    assert len(store.frame("b")) == 12
    assert len(store.frame()) == 20
    assert store.measured_depths("a") == {"a:0": {0, 4}, "a:1": {0, 4}}
    assert store.measured_depths("nobody") == {}
    table = store.tasks().set_index("task")
    assert table.loc["a", ["runs", "measurements"]].tolist() == [2, 4]
    assert table.loc["a", "description"] == {"model": "m", "recipe": {"rank": 8}}


def test_an_unknown_task_is_answered_with_the_known_ones(store):
    with pytest.raises(StoreError, match="no task 'c'; it holds 'a', 'b'"):
        store.frame("c")
    with pytest.raises(StoreError, match="knows no task 'c'"):
        store.record("c", "c:0", 0, VALUES, seed=0)


def test_the_same_name_with_another_fingerprint_is_refused(store):
    assert store.add_task("a", "f" * 16, {}) is False
    with pytest.raises(StoreError, match="another name=, or use another store") as error:
        store.add_task("a", "0" * 16, {})
    assert "f" * 16 in str(error.value)
    assert "0" * 16 in str(error.value)


def test_a_measurement_is_written_once(store):
    assert store.record("a", "a:0", 4, VALUES, seed=0)
    assert not store.record("a", "a:0", 4, {"accuracy": 0.1, "eval_loss": 9.0}, seed=0)
    assert store.frame()["value"].tolist() == [0.75, 0.5]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("status", {"status": "fine"}),
        ("depth", {"depth": -1}),
        ("values", {"values": {}}),
        ("values", {"values": {"accuracy": math.nan}}),
        ("values", {"values": {"accuracy": math.inf}}),
    ],
)
def test_measurements_that_cannot_be_are_refused(store, name, change):
    with pytest.raises(ArgumentError, match=f"^{name}="):
        store.record(**({"task": "a", "run": "a:0", "depth": 0, "values": VALUES, "seed": 0} | change))
    assert store.frame().empty


def test_what_was_written_is_there_for_the_next_process(store, path):
    fill(store)
    code = f"from predictlab.runs import RunStore; print(len(RunStore({str(path)!r}).frame()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "8"


def test_a_process_killed_in_the_middle_leaves_whole_measurements(path):
    code = (
        "import os, predictlab.runs as r\n"
        f"s = r.RunStore({str(path)!r}); s.add_task('a', 'f', {{}})\n"
        "class Dying(dict):\n"
        "    def items(self):\n"
        "        yield 'accuracy', .5\n"
        "        s._database.writer.execute('INSERT INTO metrics (name) VALUES (\"half\")')\n"
        "        os._exit(9)\n"
        "s.record('a', 'a:0', 1, {'accuracy': .5, 'eval_loss': 1.}, seed=0)\n"
        "s.record('a', 'a:0', 2, Dying(accuracy=.5, eval_loss=1.), seed=0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 9, done.stderr
    with RunStore(path) as store:
        assert store.measured_depths("a") == {"a:0": {1}}
        assert set(store.frame()["metric"]) == {"accuracy", "eval_loss"}


def test_two_writers_lose_nothing(path):
    def write(first):
        with RunStore(path) as store:
            store.add_task("a", "f", {})
            for seed in range(first, first + 40, 2):
                store.record("a", f"a:{seed}", 1, VALUES, seed=seed)
                store.record("a", f"a:{seed // 2}", 2, VALUES, seed=seed // 2)  # both writers write these

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with RunStore(path) as store:
        frame = store.frame("a")
    assert not frame.duplicated(["run", "depth", "metric"]).any()
    assert len(frame) == 2 * (40 + 20)


def test_a_locked_store_says_so(store, path):
    store._database.writer.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="Another process has held it"):
        fill(store)
    assert store.frame().empty  # readers are not blocked
    other.execute("ROLLBACK")
    other.close()
    fill(store)
    assert len(store.frame()) == 8


def test_a_full_disk_says_so_and_what_was_there_stays_readable(store):
    fill(store)
    pages = store._database.writer.execute("PRAGMA page_count").fetchone()[0]
    store._database.writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="disk is full"):
        fill(store, "b", runs=5_000)
    assert len(store.frame("a")) == 8
    assert store.frame("b").groupby(["run", "depth"])["metric"].count().eq(2).all()


def test_a_read_only_store_can_be_read_and_not_written(store, path):
    fill(store)
    with RunStore(path, read_only=True) as reader:
        assert len(reader.frame()) == 8
        with pytest.raises(StoreError, match="read-only"):
            fill(reader, "b")
        assert reader.add_task("a", "f" * 16, {}) is False
        with pytest.raises(StoreError, match="read-only"):
            reader.add_task("new", "0" * 16, {})


def test_a_file_without_write_permission_is_opened_for_reading(path, monkeypatch):
    with RunStore(path) as store:
        store.add_task("a", "f", {})
        fill(store)
    path.chmod(0o444)
    # Root may write anything, so what the permission bits mean for others is asked through os.access.
    monkeypatch.setattr(os, "access", lambda p, mode: not (mode & os.W_OK and Path(p) == path))
    with RunStore(path) as store:
        assert store.read_only
        assert len(store.frame()) == 8


@pytest.mark.parametrize("kept", [(), ("-wal",)], ids=["whole", "with writes in its log"])
def test_a_store_in_a_folder_that_cannot_be_written(store, path, kept):
    fill(store)
    folder = Path(tempfile.mkdtemp())  # not under tmp_path, which others may not enter
    try:
        if not kept:
            store.close()
        for suffix in ("", *kept):
            shutil.copy(f"{path}{suffix}", f"{folder}/runs.db{suffix}")
            Path(f"{folder}/runs.db{suffix}").chmod(0o444)
        folder.chmod(0o555)
        code = (
            "import os, sys; from predictlab import RunStore\n"
            "if not os.geteuid(): os.setuid(65534)  # root may write anywhere\n"
            "with RunStore(sys.argv[1]) as store: print(store.read_only, len(store.frame()))"
        )
        done = subprocess.run([sys.executable, "-c", code, folder / "runs.db"], capture_output=True, text=True)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    if kept:
        assert "copy all files of the store to a folder of yours" in done.stderr
    else:
        assert done.stdout.split() == ["True", "8"], done.stderr


def test_a_missing_store_is_not_created_for_reading(path):
    with pytest.raises(StoreError, match="no run store at"):
        RunStore(path, read_only=True)
    assert not path.exists()


def test_folders_on_the_way_are_made(tmp_path):
    RunStore(tmp_path / "new" / "folder" / "runs.db").close()
    assert (tmp_path / "new" / "folder" / "runs.db").exists()


@pytest.mark.parametrize(
    "content", [b"not a database, only text that somebody saved here\n" * 40, b"SQLite format 3\0" * 99]
)
def test_a_damaged_file_is_named_and_left_as_it_is(path, content):
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"runs\.db could not be opened .*damaged"):
        RunStore(path)
    assert path.read_bytes() == content


def test_a_truncated_store_is_an_error_of_one_sentence(store, path):
    fill(store, runs=300)
    store.close()
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(size // 3)
    with pytest.raises(StoreError, match="damaged"), RunStore(path) as cut:
        cut.frame()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("schema", [2, 99])
def test_another_schema_is_refused_with_advice(store, path, schema, read_only):
    fill(store)
    store.close()
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version = {schema}")
    other.close()
    before = path.read_bytes()
    with pytest.raises(
        StoreError, match=f"schema {schema}, this predictlab knows schema 3 alone. Use the predictlab that wrote it"
    ):
        RunStore(path, read_only=read_only)
    assert path.read_bytes() == before


def test_another_programs_database_is_not_written_to(path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE notes (text)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        RunStore(path)
    assert path.read_bytes() == before


def test_paths_that_cannot_be_a_store(tmp_path):
    with pytest.raises(StoreError, match="is a folder"):
        RunStore(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="could not be opened"):
        RunStore(tmp_path / "file" / "runs.db")
    with pytest.raises(ArgumentError, match="path="):
        RunStore("")
    with pytest.raises(ArgumentError, match="path="):
        RunStore(None)


def test_an_empty_file_becomes_a_store(path):
    path.touch()
    with RunStore(path) as store:
        store.add_task("a", "f", {})
    with RunStore(path, read_only=True) as store:
        assert store.tasks()["task"].tolist() == ["a"]


def test_a_closed_store_says_so(path):
    store = RunStore(path)
    with store:
        pass
    with pytest.raises(StoreError, match="closed"):
        store.frame()


def test_one_task_is_found_by_index_and_not_by_reading_the_whole_store(store):
    fill(store, "a", runs=50)
    query = []
    reader = store._database.reader
    reader.set_trace_callback(query.append)
    store.frame("a")
    reader.set_trace_callback(None)
    plans = [row[3] for q in query if "SELECT" in q for row in reader.execute(f"EXPLAIN QUERY PLAN {q}")]
    assert any("SEARCH m USING PRIMARY KEY (run_id=?)" in step for step in plans)
    assert not any(step in ("SCAN m", "SCAN r") or "TEMP B-TREE" in step for step in plans), plans


def test_the_tidy_view_serves_other_programs(store, path):
    fill(store)
    other = sqlite3.connect(path)
    rows = pd.read_sql("SELECT * FROM tidy ORDER BY run, depth, metric", other)
    other.close()
    assert tuple(rows.columns) == COLUMNS
    assert rows["value"].tolist() == store.frame()["value"].tolist()


def test_a_store_shows_its_tasks_in_a_notebook(store):
    fill(store)
    shown = store._repr_html_()
    assert "<td>a</td>" in shown
    assert store.path in shown


def test_a_frame_with_costs_of_its_own_for_each_metric_comes_back():
    """Adding it again adds nothing, and adding the rest of it adds the rest."""
    rows = [
        *(
            ("a", "a:0", None, 0, depth, f"metric {m}", depth + m / 16, depth / 8, depth * 1e9, "ok")
            for depth in (0, 4) for m in range(11)
        ),
        ("a", "a:1", "a:0", 1, 4, "metric 0", 1 / 3, 0.5, 1e300 / 7, "ok"),
        ("a", "a:1", "a:0", 1, 4, "metric 1", math.nan, 0.75, 1e9, "diverged"),
        ("a", "a:1", "a:0", 1, 4, "metric 2", math.inf, 0.75, 1e9, "failed"),
        ("a", "a:1", "a:0", 1, 4, "metric 3", 0.25, 0.5, 1e300 / 7, "ok"),
        ("b", "b:0", None, 7, 4, "metric 1", 0.1 + 0.2, math.nan, math.nan, "ok"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame = frame.astype(dict.fromkeys(("task", "run", "parent", "metric", "status"), "str"))
    with RunStore(":memory:") as store:
        assert store.add_frame(frame) == len(frame)
        assert store.add_frame(frame) == 0
        pd.testing.assert_frame_equal(store.frame(), frame)
        pd.testing.assert_frame_equal(store.frame("b"), frame[frame["task"] == "b"].reset_index(drop=True))
    with RunStore(":memory:") as store:
        some = frame.iloc[::3]
        assert store.add_frame(some) == len(some)
        assert store.add_frame(frame) == len(frame) - len(some)
        key = ["task", "run", "depth", "metric"]
        read, wanted = (f.sort_values(key, ignore_index=True) for f in (store.frame(), frame))
        pd.testing.assert_frame_equal(read, wanted)
