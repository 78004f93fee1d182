"""Resumable states: with their measurement or not at all, and what is broken is named and costs nothing else."""

import errno
import math
import os
import subprocess
import sys
import threading

import pytest

from predictlab.errors import ArgumentError, DependencyError, StoreError
from predictlab.runs import Entry, RunStore

VALUES = {"accuracy": 0.75, "eval_loss": 0.5}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


@pytest.fixture(params=["file", "memory"])
def either(request, path):
    with RunStore(path if request.param == "file" else ":memory:") as made:
        made.add_task("a", "f", {})
        yield made


@pytest.fixture
def store(path):
    with RunStore(path) as made:
        made.add_task("a", "f", {})
        yield made


def entry(run=0, depth=4, state=b"state", **more):
    return Entry(f"a:{run}", run, depth, more.pop("values", VALUES), state=state, **more)


def files(store):
    return sorted(p.name for p in store._folder.path.iterdir() if p.suffix != ".lock")


def test_measurements_and_states_are_written_together(either):
    new = either.record_all("a", [entry(0, 4, b"zero", seconds=0.5, flops=2e9), entry(1, 8, b"one", parent="a:0")])
    assert new == 2
    assert either.states("a") == {"a:0": (4,), "a:1": (8,)}
    assert either.state("a", "a:0") == (4, b"zero")
    assert either.state("a", "a:1", 8) == (8, b"one")
    frame = either.frame("a")
    assert frame["value"].tolist() == [0.75, 0.5] * 2
    assert frame.loc[0, ["seconds", "flops"]].tolist() == [0.5, 2e9]
    assert frame["parent"].tolist()[2:] == ["a:0"] * 2


def test_where_there_is_no_state(either):
    either.record_all("a", [entry(0, 4)])
    assert either.state("a", "a:0", 5) is None
    assert either.state("a", "a:7") is None
    assert either.state("nobody", "a:0") is None
    assert either.states("nobody") == {}


def test_a_later_state_replaces_the_earlier_ones_that_need_not_stay(either):
    either.record_all("a", [entry(0, 4, b"4"), entry(1, 4, b"other run")])
    either.record_all("a", [entry(0, 8, b"8", keep=True)])
    either.record_all("a", [entry(0, 12, b"12"), entry(0, 16, b"16")])
    assert either.states("a") == {"a:0": (8, 16), "a:1": (4,)}
    assert either.state("a", "a:0") == (16, b"16")
    assert either.state("a", "a:0", 8) == (8, b"8")
    assert either.measured_depths("a")["a:0"] == {4, 8, 12, 16}
    held = either._folder.memory if either.path == ":memory:" else files(either)
    assert len(held) == 3


def test_a_checkpoint_is_a_state_without_a_measurement(either):
    assert either.record_all("a", [entry(0, 6, b"six", values=None)]) == 0
    assert either.states("a") == {"a:0": (6,)}
    assert either.measured_depths("a") == {}
    assert either.frame("a").empty
    assert either.record_all("a", [entry(0, 8, b"eight")]) == 1
    assert either.states("a") == {"a:0": (8,)}


def test_a_measurement_that_is_held_stays_and_its_missing_state_is_taken(either):
    either.record("a", "a:0", 4, VALUES, seed=0)
    other = {"accuracy": 0.1, "eval_loss": 9.0}
    assert either.record_all("a", [entry(0, 4, b"late", values=other), entry(0, 4, b"twice"), entry(0, 8)]) == 1
    assert either.frame("a")["value"].tolist() == [0.75, 0.5] * 2
    assert either.states("a") == {"a:0": (8,)}
    assert either.record_all("a", [entry(0, 4, b"again", values=other)]) == 0
    assert either.state("a", "a:0", 4) == (4, b"again")
    assert either.record_all("a", [entry(0, 4, b"changed", keep=True)]) == 0
    assert either.state("a", "a:0", 4) == (4, b"again")
    either.record_all("a", [entry(0, 12, b"12")])
    assert either.states("a") == {"a:0": (4, 12)}  # kept since the last but one call


def test_a_dropped_state_is_gone_with_its_file(store):
    store.record_all("a", [entry(0, 4, keep=True), entry(0, 8)])
    store.drop_state("a", "a:0", 8)
    store.drop_state("a", "a:0", 99)
    assert store.states("a") == {"a:0": (4,)}
    assert len(files(store)) == 1
    assert store.measured_depths("a") == {"a:0": {4, 8}}


def test_states_are_there_for_the_next_process(store, path):
    store.record_all("a", [entry(0, 4, b"\x00\xff" * 1000)])
    store.close()
    with RunStore(path, read_only=True) as again:
        assert again.state("a", "a:0") == (4, b"\x00\xff" * 1000)
        assert again.states("a") == {"a:0": (4,)}
    code = f"from predictlab.runs import RunStore; print(len(RunStore({str(path)!r}).state('a', 'a:0')[1]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2000"


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda file: file.unlink(), "is missing"),
        (lambda file: os.truncate(file, 3), "has 3 bytes where 5 were written"),
        (lambda file: file.write_bytes(b"stalk"), "was altered after it was written"),
    ],
)
def test_a_broken_state_is_named_and_the_measurements_stay(store, harm, reason):
    store.record_all("a", [entry(0, 2, b"early", keep=True), entry(0, 4)])
    (broken,) = (p for p in store._folder.path.iterdir() if p.name.endswith("1.safetensors"))
    harm(broken)
    expected = (
        rf"run 'a:0' at depth 4 .*{broken.name} {reason}; the measurements are intact, .*drop_state\('a', 'a:0', 4\)"
    )
    with pytest.raises(StoreError, match=expected):
        store.state("a", "a:0")
    assert len(store.frame("a")) == 4
    assert store.states("a") == {"a:0": (2, 4)}
    store.drop_state("a", "a:0", 4)
    assert store.state("a", "a:0") == (2, b"early")
    store.record_all("a", [entry(0, 4)])
    assert store.state("a", "a:0") == (4, b"state")


def test_a_state_whose_file_was_lost_is_taken_anew(store):
    store.record_all("a", [entry(0, 4)])
    for file in files(store):
        (store._folder.path / file).unlink()
    assert store.record_all("a", [entry(0, 4, b"again")]) == 0
    assert store.state("a", "a:0") == (4, b"again")


def test_a_lost_folder_costs_the_states_only(store, path):
    store.record_all("a", [entry(0, 4)])
    store.close()
    for file in store._folder.path.iterdir():
        file.unlink()
    store._folder.path.rmdir()
    with RunStore(path) as again:
        with pytest.raises(StoreError, match="is missing; the measurements are intact"):
            again.state("a", "a:0")
        assert len(again.frame("a")) == 2
        assert again.record_all("a", [entry(0, 8, b"new")]) == 1
        assert again.state("a", "a:0") == (8, b"new")


def test_a_folder_that_cannot_be_used_is_named_and_measurements_go_on(store, path):
    store._folder.path.write_text("something else has this name")
    with pytest.raises(StoreError, match=r"folder .*runs\.db\.states could not be used \(File exists\).* is intact"):
        store.record_all("a", [entry(0, 4)])
    assert store.measured_depths("a") == {}
    store.record("a", "a:0", 4, VALUES, seed=0)
    assert len(store.frame("a")) == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_state_that_cannot_be_written_takes_the_whole_call_back(store, monkeypatch, code):
    store.record_all("a", [entry(0, 4)])
    calls = []

    def fails_at_the_second(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fails_at_the_second)
    with pytest.raises(StoreError, match=rf"state could not be written into .*{os.strerror(code)}.* is intact"):
        store.record_all("a", [entry(0, 8), entry(1, 8)])
    assert store.measured_depths("a") == {"a:0": {4}}
    assert store.state("a", "a:0") == (4, b"state")
    assert len(files(store)) == 1


def test_a_store_that_cannot_be_written_leaves_no_file(store):
    store.record_all("a", [entry(0, 4)])
    pages = store._database.writer.execute("PRAGMA page_count").fetchone()[0]
    store._database.writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="disk is full"):
        store.record_all("a", [entry(run, 8) for run in range(3)] + [entry(9, d, state=None) for d in range(9999)])
    assert store.measured_depths("a") == {"a:0": {4}}
    assert store.state("a", "a:0") == (4, b"state")
    assert len(files(store)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_a_limit_of_file_sizes_is_like_a_full_disk(store, path):
    store.record_all("a", [entry(0, 4)])
    code = (
        "import resource\n"
        "from predictlab.errors import StoreError\n"
        "from predictlab.runs import Entry, RunStore\n"
        f"s = RunStore({str(path)!r}); v = {VALUES!r}\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, 2**18))\n"
        "try:\n    s.record_all('a', [Entry('a:1', 1, 4, v, state=bytes(2**19))])\n"
        "except StoreError as error:\n    print(error)\n"
        "try:\n"
        "    for run in range(2, 99):\n        s.record_all('a', [Entry(f'a:{run}', run, d, v) for d in range(999)])\n"
        "except StoreError as error:\n    print(error)\n"
        "print(len(s.frame('a')) % 1998, s.state('a', 'a:0'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    state, measurement, rest = done.stdout.splitlines()
    assert "File too large" in state
    assert "what was there before is intact" in state
    assert "could not be written" in measurement
    assert "what was written before is intact" in measurement
    assert rest == "2 (4, b'state')"
    assert len(files(store)) == 1
    assert store.measured_depths("a")["a:0"] == {4}


def test_a_read_only_store_takes_no_state(store, path):
    store.record_all("a", [entry(0, 4)])
    with RunStore(path, read_only=True) as reader:
        for change in (
            lambda: reader.record_all("a", [entry(0, 8)]),
            lambda: reader.record_all("a", [entry(0, 8, state=None)]),
            lambda: reader.drop_state("a", "a:0", 4),
            lambda: reader.claim("a", ["a:0"]),
        ):
            with pytest.raises(StoreError, match="read-only"):
                change()
        assert reader.state("a", "a:0") == (4, b"state")


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("depth", entry(depth=-1)),
        ("status", entry(status="fine")),
        ("values", entry(values={})),
        ("values", entry(values={"accuracy": math.nan})),
        ("values", entry(values=None, state=None)),
        ("state", entry(state="text")),
    ],
)
def test_entries_that_cannot_be_are_refused_and_nothing_is_written(either, name, bad):
    with pytest.raises(ArgumentError, match=rf"^entries\[1\]\.{name}="):
        either.record_all("a", [entry(), bad])
    with pytest.raises(ArgumentError, match=r"^entries\[0\]=.*an Entry"):
        either.record_all("a", [{"run": "a:0"}])
    with pytest.raises(StoreError, match="knows no task 'c'"):
        either.record_all("c", [entry()])
    assert either.frame("a").empty
    assert either.states("a") == {}


def test_a_diverged_run_is_marked_and_the_others_go_on(either):
    bad = entry(0, 4, None, values=dict.fromkeys(VALUES, math.nan), status="diverged")
    assert either.record_all("a", [bad, entry(1, 4)]) == 2
    assert either.frame("a")["status"].tolist() == ["diverged"] * 2 + ["ok"] * 2


def test_many_metrics_of_one_depth_come_back_in_their_order(either):
    names = [f"metric {i}" for i in range(19)]
    values = {name: i / 19 for i, name in enumerate(names)}
    either.record_all("a", [entry(0, 4, None, values=values), entry(0, 8, None, values={"metric 7": 7.0})])
    either.record("a", "a:1", 4, dict(reversed(values.items())), seed=1)
    frame = either.frame("a")
    assert frame["metric"].tolist() == [*names, "metric 7", *names]
    assert frame["value"].tolist() == [*values.values(), 7.0, *values.values()]
    assert frame["depth"].tolist() == [4] * 19 + [8] + [4] * 19


def test_without_filelock_measurements_are_written_and_states_refused(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "filelock", None)
    assert store.record_all("a", [entry(0, 4, None)]) == 1
    for needs in (lambda: store.record_all("a", [entry(0, 8)]), lambda: store.claim("a", ["a:0"])):
        with pytest.raises(DependencyError, match=r"pip install 'predictlab\[probe\]'"):
            needs()
    assert store.measured_depths("a") == {"a:0": {4}}


@pytest.mark.parametrize("where", ["file", "memory"])
def test_threads_share_one_store(path, where):
    """Whoever reads sees whole measurements with their states, and never fewer than before."""
    store = RunStore(path if where == "file" else ":memory:")
    store.add_task("a", "f", {})
    wrong, writing = [], threading.Event()

    def guarded(work, *args):
        try:
            work(*args)
        except Exception as error:
            wrong.append(repr(error))

    def write(run):
        for depth in range(1, 26):
            store.record_all("a", [entry(run, depth, f"{run} {depth}".encode()), entry(run + 10, depth, None)])

    def read():
        before = 0
        while not writing.is_set():
            frame = store.frame("a")
            count = frame.groupby(["run", "depth"])["metric"].count()
            if not count.eq(2).all() or len(frame) < before or frame["run"].isna().any():
                wrong.append(f"{len(frame)} rows after {before}, {count.unique()}")
            before = len(frame)
            for run in store.states("a"):
                depth, data = store.state("a", run)
                if data != f"{run[2:]} {depth}".encode():
                    wrong.append(f"{run} {depth} {data}")

    readers = [threading.Thread(target=guarded, args=(read,)) for _ in range(2)]
    writers = [threading.Thread(target=guarded, args=(write, run)) for run in range(3)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    writing.set()
    for thread in readers:
        thread.join()
    assert not wrong, wrong[:5]
    assert len(store.frame("a")) == 3 * 2 * 25 * 2
    assert store.states("a") == {f"a:{run}": (25,) for run in range(3)}
    store.close()


def test_who_reads_does_not_wait_for_who_writes(store):
    store.record_all("a", [entry(0, 4)])
    rows = []
    with store._database.write() as db:
        db.execute("DELETE FROM measurements")
        reading = threading.Thread(target=lambda: rows.append(len(store.frame("a"))))
        reading.start()
        reading.join(timeout=60)
        assert rows == [2]
    assert store.frame("a").empty
