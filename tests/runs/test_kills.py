"""A process killed at any moment leaves whole measurements with their states, each once, and nothing else behind."""

import json
import os
import subprocess
import sys

import pytest

from predictlab.runs import RunStore

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

# One process that imports once and forks those that are to die. Each goes on from the states that it finds.
HARNESS = """
import json, os, random, signal, sys, time
import predictlab.runs._store as _store
from predictlab.runs import Entry, RunStore
from predictlab.runs._states import StateFolder

path, RUNS = sys.argv[1], 3

def state(run, depth):
    return f"{run} {depth} ".encode() * 2000

def work(steps, wrote=lambda: None):
    with RunStore(path) as store:
        store.add_task("a", "f", {})
        runs = store.claim("a", [f"a:{seed}" for seed in range(RUNS)])
        assert len(runs) == RUNS, runs
        at = {run: (store.state("a", run) or (0,))[0] for run in runs}
        for _ in range(steps):
            at = {run: depth + 1 for run, depth in at.items()}
            store.record_all("a", [
                Entry(run, int(run[2:]), depth, {"accuracy": depth / 8, "eval_loss": 8.0 / depth},
                      state=state(run, depth), keep=depth % 5 == 0)
                for run, depth in at.items()
            ])
            wrote()

def dies(action):
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(0)
    return child

def ended(child):
    return os.WTERMSIG(os.waitpid(child, 0)[1])

def kill_self(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def before(where, name, count):
    real, calls = getattr(where, name), []
    def wrapped(*args, **more):
        calls.append(name)
        if len(calls) == count:
            kill_self()
        return real(*args, **more)
    setattr(where, name, wrapped)

def at_point(where, name, count):
    before(where, name, count)
    work(4)
"""

RANDOM = """
rng = random.Random(int(sys.argv[2]))
signals = []
for turn in range(8):
    seen, tell = os.pipe()
    child = dies(lambda: work(10**6, lambda: os.write(tell, b".")))
    os.close(tell)
    if turn % 2:  # however slow the machine is, half of them get to write
        os.read(seen, 1)
    time.sleep(rng.uniform(0.01, 0.1))
    os.kill(child, signal.SIGKILL)
    signals.append(ended(child))
    os.close(seen)
print(json.dumps(signals))
"""

POINTS = """
work(1)
points = [
    (os, "fsync", 1),  # a state is written under its temporary name
    (os, "replace", 2),  # another one as well, and the first has its name
    (_store._measurements, "get_run", 1),  # all files are there, the transaction is open
    (_store, "put_state", 2),  # the transaction is half done
    (StateFolder, "remove", 1),  # committed, and the earlier states are not deleted yet
    (StateFolder, "remove", 4),
]
print(json.dumps([ended(dies(lambda: at_point(*point))) for point in points]))
"""


SHARED = """
RunStore(path).add_task("a", "f", {})
todo, log = {f"a:{i}" for i in range(20)}, path + ".log"

def share():
    rng = random.Random(os.getpid())
    with RunStore(path) as store:
        while left := todo - store.measured_depths("a").keys():
            some = rng.sample(sorted(left), min(3, len(left)))
            for name in store.claim("a", some):
                if name not in store.measured_depths("a"):
                    with open(log, "a") as out:
                        print(name, file=out)
                    entry = Entry(name, 0, 1, {"accuracy": 0.5}, state=name.encode())
                    assert store.record_all("a", [entry]) == 1
            store.release("a", some)

workers = [dies(share) for _ in range(4)]
print(json.dumps([os.waitpid(child, 0)[1] for child in workers]))
"""


def run(path, script, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", HARNESS + script, str(path), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return json.loads(done.stdout)


def check_all_is_whole(path):
    """Returns the depths that were reached."""
    with RunStore(path) as store:
        assert store.claim("a", ["a:0", "a:1", "a:2"]) == ("a:0", "a:1", "a:2")
        frame, states = store.frame("a"), store.states("a")
        assert not frame.duplicated(["run", "depth", "metric"]).any()
        assert frame.groupby(["run", "depth"])["metric"].nunique().eq(2).all()
        reached = frame.groupby("run")["depth"].max().to_dict()
        assert len(set(reached.values())) == 1, "the runs of a call are written together"
        for run, last in reached.items():
            assert store.measured_depths("a")[run] == set(range(1, last + 1))
            assert states[run] == tuple(d for d in range(1, last + 1) if d % 5 == 0 or d == last)
            for depth in states[run]:
                assert store.state("a", run, depth) == (depth, f"{run} {depth} ".encode() * 2000)
        held = {file for (file,) in store._database.writer.execute("SELECT file FROM states")}
        assert {p.name for p in store._folder.path.iterdir()} == held | {f"{store._claims.owner}.lock"}
        assert store._database.writer.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return reached["a:0"]


def test_kills_at_random_moments(tmp_path):
    assert run(tmp_path / "runs.db", RANDOM, "1") == [9] * 8
    assert check_all_is_whole(tmp_path / "runs.db") >= 4


def test_kills_at_the_worst_moments(tmp_path):
    assert run(tmp_path / "runs.db", POINTS) == [9] * 6
    assert check_all_is_whole(tmp_path / "runs.db") >= 3


def test_processes_that_share_a_store_do_no_run_twice(tmp_path):
    path = tmp_path / "runs.db"
    assert run(path, SHARED) == [0] * 4
    assert sorted((tmp_path / "runs.db.log").read_text().split()) == sorted(f"a:{i}" for i in range(20))
    with RunStore(path) as store:
        assert store.measured_depths("a") == {f"a:{i}": {1} for i in range(20)}
        assert all(store.state("a", f"a:{i}") == (1, f"a:{i}".encode()) for i in range(20))
        assert store.claim("a", ["a:0"]) == ("a:0",)
        assert len(list(store._folder.path.iterdir())) == 20 + 1
