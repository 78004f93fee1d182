"""Claims: no two processes do the same work, and whoever dies frees what it had at once."""

import os
import sqlite3
import subprocess
import sys

import pytest

from predictlab.errors import StoreError
from predictlab.runs import RunStore, _database


@pytest.fixture
def path(tmp_path):
    with RunStore(tmp_path / "runs.db") as store:
        store.add_task("a", "f", {})
        store.add_task("b", "f", {})
    return tmp_path / "runs.db"


def left(path):
    folder = path.with_name(path.name + ".states")
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_a_run_belongs_to_one_store_at_a_time(path):
    with RunStore(path) as one, RunStore(path) as two:
        assert one.claim("a", ["y", "x", "y"]) == ("y", "x")
        assert two.claim("a", ["z", "x"]) == ("z",)
        assert one.claim("a", ["x", "w"]) == ("x", "w")
        assert two.claim("a", ["w", "x", "y", "z"]) == ("z",)
        two.release("a", ["x", "z"])
        assert one.claim("a", ["z"]) == ("z",)
        assert two.claim("a", ["w", "x", "y", "z"]) == ()  # what is another's is not released
        assert two.claim("b", ["x"]) == ("x",)  # another task
        one.release("a", ["x"])
        assert two.claim("a", ["w", "x"]) == ("x",)


@pytest.mark.parametrize("in_memory", [False, True])
def test_tokens_tell_apart_those_who_share_a_store(path, in_memory):
    one, two = object(), object()
    with RunStore(":memory:" if in_memory else path) as store:
        store.add_task("a", "f", {})
        before = store.revision(token=one), store.revision(token=two)
        assert store.claim("a", ["x", "y"], token=one) == ("x", "y")
        assert store.claim("a", ["y", "z"], token=two) == ("z",)
        assert store.claim("a", ["x"], token=one) == ("x",)  # as before
        store.release("a", ["x", "z"], token=one)
        assert store.claim("a", ["x", "z"], token=one) == ("x",)  # what is another's is not released
        store.release("a", ["y"], token=one)
        assert store.claim("a", ["y"], token=two) == ("y",)
        assert store.revision(token=one) == before[0]
        assert store.revision(token=two) != before[1], "the other one may have trained meanwhile"


def test_a_claim_that_fails_leaves_what_was_held_before(path, monkeypatch):
    monkeypatch.setattr(_database, "WAIT", 0.05)
    one, two = object(), object()
    with RunStore(path) as store:
        assert store.claim("a", ["x"], token=one) == ("x",)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="Another process has held it"):
            store.claim("a", ["x", "y"], token=one)
        other.execute("ROLLBACK")
        other.close()
        assert store.claim("a", ["x", "y"], token=two) == ("y",)


def test_closing_gives_everything_back(path):
    with RunStore(path) as two:
        with RunStore(path) as one:
            one.claim("a", ["x", "y"])
            assert two.claim("a", ["x"]) == ()
        assert two.claim("a", ["x", "y"]) == ("x", "y")
    assert left(path) == []


def test_a_store_that_was_only_forgotten_holds_nothing(path):
    one = RunStore(path)
    one.claim("a", ["x"])
    del one
    with RunStore(path) as two:
        assert two.claim("a", ["x"]) == ("x",)
        assert len(left(path)) == 1


def test_unknown_tasks(path):
    with RunStore(path) as store, pytest.raises(StoreError, match="knows no task 'c'"):
        store.claim("c", ["x"])


def test_in_memory_everything_is_granted():
    with RunStore(":memory:") as store:
        store.add_task("a", "f", {})
        assert store.claim("a", ["x", "y"]) == ("x", "y")
        store.release("a", ["x"])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_process_frees_its_claims_and_its_files_at_once(path):
    code = (
        "import sys, time\n"
        "from predictlab.runs import Entry, RunStore\n"
        f"s = RunStore({str(path)!r}); s.claim('a', ['x', 'y'])\n"
        "s.record_all('a', [Entry('x', 0, 4, {'accuracy': .5}, state=b'state')])\n"
        "s._folder.save(s._claims.owner, {0: b'never known to the store'})\n"
        "print('claimed', flush=True); time.sleep(600)\n"
    )
    with RunStore(path) as store:
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        try:
            assert other.stdout.readline() == "claimed\n"
            assert store.claim("a", ["x", "y", "z"]) == ("z",)
            assert len(left(path)) == 4  # two locks, two states: those of the living are not touched
        finally:
            other.kill()
            other.wait()
            other.stdout.close()
        assert store.claim("a", ["x", "y", "z"]) == ("x", "y", "z")
        assert store.state("a", "x") == (4, b"state")
        assert len(left(path)) == 2  # the own lock and the known state


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_of_a_dead_process_does_not_keep_its_claims(path):
    """A worker that outlives the process that forked it inherits its open files, yet not its claims."""
    code = (
        "import os, signal, sys, time\n"
        "from predictlab.runs import RunStore\n"
        f"s = RunStore({str(path)!r}); s.claim('a', ['x'])\n"
        "child = os.fork()\n"
        "if child == 0:\n    os.close(1); time.sleep(600)\n"
        "print(child, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    child = int(done.stdout)
    try:
        with RunStore(path) as store:
            assert store.claim("a", ["x"]) == ("x",)
    finally:
        os.kill(child, 9)
