"""start_probe and ProbeRun: the numbers of probe, while a notebook goes on."""

import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, StoreError
from predictlab.probing import ProbePlan, start_probe
from predictlab.probing._engine.shared import SharedTrainer

PATIENCE = 60  # seconds; a guard against hanging, not a claim about speed


def values(frame):
    return frame.set_index(["task", "run", "depth", "metric"])["value"].sort_index()


def assert_same(found, expected):
    """The same rows in the same order, and values up to the order in which floating-point numbers are added."""
    key = ["task", "run", "depth", "metric", "seed", "status"]
    pd.testing.assert_frame_equal(found[key].reset_index(drop=True), expected[key].reset_index(drop=True))
    np.testing.assert_allclose(found["value"], expected["value"], rtol=1e-4, atol=1e-6)


class Gate:
    """Stops the training of every process thread before a step, until it is told to go on."""

    def __init__(self, monkeypatch):
        self.steps = 0
        self._allowed, self._changed = 0, threading.Condition()
        self.segments = []
        step, train = SharedTrainer._step, SharedTrainer.train

        def held(trainer, number, *arguments):
            with self._changed:
                self.steps += 1
                self._changed.notify_all()
                assert self._changed.wait_for(lambda: self.steps <= self._allowed, PATIENCE)
            return step(trainer, number, *arguments)

        def noted(trainer, group, *arguments):
            self.segments += [(one.run, one.begin, one.depths) for one in group.segments]
            return train(trainer, group, *arguments)

        monkeypatch.setattr(SharedTrainer, "_step", held)
        monkeypatch.setattr(SharedTrainer, "train", noted)

    def allow(self, steps):
        """Let so many steps be made in all."""
        with self._changed:
            self._allowed = steps
            self._changed.notify_all()

    def open(self):
        self.allow(1 << 60)

    def until_before(self, step):
        """Wait until training stands before this step, counted from 1 over all groups."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.steps >= step, PATIENCE)


@pytest.fixture
def gate(monkeypatch):
    made = Gate(monkeypatch)
    yield made
    made.open()


def test_it_does_not_block_and_the_frame_grows(task, gate):
    run = pl.start_probe(task, ProbePlan((0, 2, 4), 3))
    gate.until_before(1)
    assert run.status == "running"
    assert set(run.frame()["depth"]) == {0}
    before = run.revision
    assert run.progress["toy"].done == 0
    assert run.progress["toy"].total == 12
    gate.allow(2)
    gate.until_before(3)
    assert run.revision != before
    assert set(run.frame()["depth"]) == {0, 2}
    assert len(run.frame()) == 2 * 3 * 2
    assert run.progress["toy"].done == 6
    assert run.progress["toy"].seconds_left > 0
    assert "6 of 12 steps" in repr(run)
    assert "running" in run._repr_html_()
    with pytest.raises(TimeoutError, match="goes on"):
        run.wait(0.01)
    gate.open()
    frame = run.wait(PATIENCE)
    assert run.status == "done"
    assert set(frame["depth"]) == {0, 2, 4}
    assert run.progress["toy"].done == run.progress["toy"].total == 12
    assert run.progress["toy"].seconds_left == 0
    assert run.error is None


def test_wait_gives_what_probe_gives(task, bert, data, recipe, tmp_path):
    tasks = [task, pl.Task(bert, data, recipe, label_noise=0.2, name="noisy")]
    plan = ProbePlan((2, 4), design="branch", parents=2, forks=2)
    run = start_probe(tasks, plan, tmp_path / "runs.db")
    frame = run.wait(PATIENCE)
    pd.testing.assert_frame_equal(run.frame(), frame)
    expected = pl.probe(tasks, plan, progress=False)
    timeless = [c for c in frame if c != "seconds"]
    pd.testing.assert_frame_equal(
        frame[timeless].reset_index(drop=True), expected[timeless].reset_index(drop=True), check_exact=True
    )
    assert list(run.progress) == ["toy", "noisy"]
    pd.testing.assert_frame_equal(pl.probe(tasks, plan, tmp_path / "runs.db", progress=False), frame)


def test_cancel_keeps_what_was_measured_and_the_same_call_goes_on(task, tmp_path, gate):
    plan, path = ProbePlan((2, 6), 3), tmp_path / "runs.db"
    run = start_probe(task, plan, path)
    gate.allow(3)
    gate.until_before(4)  # between two depths
    run.cancel()
    assert run.doing == "stopping"
    gate.open()
    frame = run.wait(PATIENCE)
    assert run.status == run.doing == "cancelled"
    assert set(frame["depth"]) == {2}
    gate.segments.clear()
    again = start_probe(task, plan, path)
    assert_same(again.wait(PATIENCE), pl.probe(task, plan, progress=False))
    assert gate.segments[:3] == [(f"toy:{s}", 2, (6,)) for s in range(3)], "only what was missing"


def test_what_was_cancelled_goes_on_by_extend(task, gate):
    plan = ProbePlan((2, 6), 2)
    run = start_probe(task, plan)
    gate.until_before(1)
    run.cancel()
    gate.open()
    assert run.wait(PATIENCE).empty
    run.extend()
    assert run.status == "running"
    assert_same(run.wait(PATIENCE), pl.probe(task, plan, progress=False))


def test_extended_while_it_runs(task, gate):
    run = start_probe(task, ProbePlan((2, 4), 2))
    gate.until_before(1)
    run.extend(seeds=1, depths=8)
    assert run.plan == ProbePlan((2, 4, 8), 3)
    assert run.progress["toy"].total == 3 * 8
    gate.open()
    frame = run.wait(PATIENCE)
    assert gate.segments[2:] == [("toy:0", 4, (8,)), ("toy:1", 4, (8,)), ("toy:2", 0, (2, 4, 8))]
    assert run.progress["toy"].done == 3 * 8
    assert_same(frame, pl.probe(task, ProbePlan((2, 4, 8), 3), progress=False))


def test_extended_after_the_end(task, gate):
    gate.open()
    run = start_probe(task, ProbePlan((2, 4), 2))
    run.wait(PATIENCE)

    class Listener:
        heard = 0

        def started(self):
            self.heard += 1

    listener = Listener()
    run.on_restart(listener.started)
    run.extend(seeds=(7,), depths=(3, 8))
    frame = run.wait(PATIENCE)
    assert listener.heard == 1
    assert run.status == "done"
    assert run.plan == ProbePlan((2, 3, 4, 8), (0, 1, 7))
    assert gate.segments[2:5] == [("toy:0", 0, (3,)), ("toy:1", 0, (3,)), ("toy:7", 0, (2, 3, 4, 8))]
    assert gate.segments[5:] == [("toy:0", 4, (8,)), ("toy:1", 4, (8,))]
    assert_same(frame, pl.probe(task, run.plan, progress=False))
    assert run.progress["toy"].done == 2 * 4 + 2 * (3 + 4) + 8


def test_a_listener_is_held_weakly(task):
    run = start_probe(task, ProbePlan((0,), 1))
    run.wait(PATIENCE)

    class Listener:
        def started(self):
            raise AssertionError("it is gone")

    run.on_restart(Listener().started)
    run.extend(seeds=1)
    assert len(run.wait(PATIENCE)) == 4


def test_an_extension_that_cannot_be_changes_nothing(task):
    run = start_probe(task, ProbePlan((0, 2), 2))
    run.wait(PATIENCE)
    for wrong in ({"depths": 13}, {"seeds": 0}, {"seeds": [-1]}, {"seeds": "two"}, {"depths": 2.5}, {"depths": "x"}):
        with pytest.raises(ArgumentError, match=r"seeds|depths"):
            run.extend(**wrong)
    assert run.plan == ProbePlan((0, 2), 2)
    assert run.status == "done"


@pytest.mark.parametrize(
    ("plan", "more", "expected"),
    [
        (ProbePlan((2, 4), (3, 9)), {"seeds": 2}, ProbePlan((2, 4), (3, 9, 10, 11))),
        (ProbePlan((2, 4), 2), {"seeds": (1, 5)}, ProbePlan((2, 4), (0, 1, 5))),
        (ProbePlan((2, 4), 2), {"depths": 3}, ProbePlan((2, 3, 4), 2)),
        (ProbePlan((2, 4), 2), {"depths": np.int64(8), "seeds": np.int64(1)}, ProbePlan((2, 4, 8), 3)),
        (ProbePlan((2, 4), 2), {}, ProbePlan((2, 4), 2)),
        (
            ProbePlan((2, 4), design="branch", parents=2, forks=3), {"seeds": 1, "depths": 8},
            ProbePlan((2, 4, 8), design="branch", parents=3, forks=3),
        ),
    ],
)  # fmt: skip
def test_extended_plans(plan, more, expected):
    assert plan._extended(more.get("seeds"), more.get("depths")) == expected


def test_errors_of_training_come_out_of_wait(task, data, recipe, monkeypatch, tmp_path):
    missing = pl.Task(str(tmp_path / "nowhere"), data, recipe, name="missing")
    run = start_probe(missing, ProbePlan((0, 2), 1))
    with pytest.raises(ArgumentError, match="nowhere"):
        run.wait(PATIENCE)
    assert run.status == "failed"
    assert isinstance(run.error, ArgumentError)
    assert "nowhere" in run._repr_html_()

    step = SharedTrainer._step

    def broken(trainer, number, *arguments):
        if number == 3:
            raise MemoryError("no room")
        return step(trainer, number, *arguments)

    monkeypatch.setattr(SharedTrainer, "_step", broken)
    run = start_probe(task, ProbePlan((0, 2, 4), 1))
    with pytest.raises(MemoryError, match="no room"):
        run.wait(PATIENCE)
    assert set(run.frame()["depth"]) == {0, 2}, "what was measured stays"
    monkeypatch.setattr(SharedTrainer, "_step", step)
    run.extend()
    assert_same(run.wait(PATIENCE), pl.probe(task, ProbePlan((0, 2, 4), 1), progress=False))
    assert run.error is None


def test_wrong_arguments_are_refused_at_once(task, bert, data, recipe, tmp_path):
    with pytest.raises(ArgumentError, match="depths"):
        start_probe(task, ProbePlan((2, 13), 1))
    with pytest.raises(ArgumentError, match="engine"):
        start_probe(task, ProbePlan((2, 4), 1), engine="fast")
    path = tmp_path / "runs.db"
    start_probe(task, ProbePlan((0,), 1), path).wait(PATIENCE)
    other = pl.Task(bert, data, recipe, label_noise=0.3, name="toy")
    with pytest.raises(StoreError, match="fingerprint"):
        start_probe(other, ProbePlan((0,), 1), path)


@pytest.mark.parametrize("same_object", [True, False])
def test_two_handles_on_one_store_share_the_work(task, tmp_path, gate, monkeypatch, same_object):
    monkeypatch.setattr("predictlab.probing._engine.trainers.LARGEST_GROUP", 2)
    gate.open()
    plan, path = ProbePlan((2, 4), 6), tmp_path / "runs.db"
    stores = [pl.RunStore(path)] * 2 if same_object else [path, path]
    runs = [start_probe(task, plan, store) for store in stores]
    frames = [run.wait(PATIENCE) for run in runs]
    assert sorted(run for run, _, _ in gate.segments) == [f"toy:{s}" for s in range(6)], "none was trained twice"
    for frame in frames:
        assert_same(frame, pl.probe(task, plan, progress=False))


def test_two_handles_on_stores_of_their_own_do_not_disturb_each_other(bert, data):
    recipe = pl.Recipe(steps=6, batch_size=8, max_length=12, rank=2, layers="last:1", learning_rate=0.02, dropout=0.3)
    tasks = [pl.Task(bert, data, recipe, label_noise=noise, name=f"noise {noise}") for noise in (0.0, 0.2)]
    runs = [start_probe(task, ProbePlan((3, 6), 3)) for task in tasks]
    found = [run.wait(PATIENCE) for run in runs]
    for task, frame in zip(tasks, found, strict=True):
        expected = pl.probe(task, ProbePlan((3, 6), 3), progress=False)
        pd.testing.assert_series_equal(values(frame), values(expected), check_exact=True)


def test_cancel_while_it_is_the_turn_of_another(task, gate):
    first = start_probe(task, ProbePlan((2, 4), 1))
    gate.until_before(1)
    second = start_probe(task, ProbePlan((2, 4), 2))
    second.cancel()
    assert second.wait(PATIENCE).empty
    assert second.status == "cancelled"
    assert first.status == "running"
    gate.open()
    assert len(first.wait(PATIENCE)) == 4


ENDING = """
import sys, time, threading
import pandas as pd, predictlab as pl
from predictlab.probing._segments import GroupUpdate

class Slow:
    started = threading.Event()

    def check(self, tasks, check_cancelled):
        pass

    def group_size(self, task, check_cancelled):
        return 2

    def run(self, groups, check_cancelled):
        for group in groups:
            self.started.set()
            while True:
                yield GroupUpdate(group, steps=1)
                time.sleep(0.01)

rows = pd.DataFrame({"text": ["a", "b"], "label": [0, 1]})
task = pl.Task(sys.argv[1], pl.Dataset("two", rows, rows, ("a", "b")), pl.Recipe(steps=100), name="long")
run = pl.start_probe(task, pl.ProbePlan((1, 100), 2), sys.argv[2], executor=Slow())
assert Slow.started.wait(60)
assert "torch" not in sys.modules
"""


def test_a_process_that_ends_cancels_its_probes(bert, tmp_path):
    """And nothing of them is left: no claims, no lock, no folder."""
    command = [sys.executable, "-c", ENDING, bert, str(tmp_path / "r.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["r.db"]
