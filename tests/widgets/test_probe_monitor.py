"""ProbeMonitor without a browser: what Python reads and sets, what the page is told, how it follows a probe."""

from __future__ import annotations

import base64
import gc
import json
import threading
import time
import weakref

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.probing import start_probe
from predictlab.probing._segments import CheckpointResult, GroupUpdate
from predictlab_widgets import ProbeMonitor
from predictlab_widgets._background import PollingThread
from predictlab_widgets._probe_data import Curves, Findings

VIEW = "application/vnd.jupyter.widget-view+json"
PATIENCE = 60  # seconds; a guard against hanging, not a claim about speed
DEPTHS = (0, 2, 4, 8, 16)


class State:
    """Stands for a trained state, which nothing here goes on from."""

    seconds = flops = 1.0

    def __init__(self, step, alive):
        self.step, self.alive = step, alive

    def to_bytes(self):
        return b"state"


class Law:
    """An executor that trains nothing: spreads of runs follow the law; it stands before `depths` until allowed."""

    def __init__(self, stop_at=()):
        self.stop_at, self._open = set(stop_at), threading.Event()
        self.standing, self.broken = threading.Event(), None

    def go_on(self):
        self._open.set()

    def check(self, tasks, check_cancelled):
        pass

    def group_size(self, task, check_cancelled):
        return 16

    def run(self, groups, check_cancelled):
        for group in groups:
            step = group.begin
            for depth in group.depths:
                if depth in self.stop_at and not self._open.is_set():
                    self.standing.set()
                    while not self._open.wait(0.01):
                        check_cancelled()
                if self.broken:
                    raise self.broken
                yield GroupUpdate(group, steps=(depth - step) * len(group.segments))
                step = depth
                yield GroupUpdate(group, results=tuple(self.measured(one, depth) for one in group.segments))
            yield GroupUpdate(group, finished=True)

    def measured(self, segment, depth):
        z = np.random.default_rng([segment.seed, depth]).standard_normal()
        sd = (1e-4 + 0.02 / max(depth, 1)) ** 0.5
        lost = segment.seed == 99 and depth > 4
        values = {"accuracy": 0.7 + sd * z, "eval_loss": 0.5 - sd * z}
        nan = dict.fromkeys(values, float("nan"))
        return CheckpointResult(segment, State(depth, not lost), nan if lost else values)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    rows = pd.DataFrame({"text": ["a", "b"], "label": [0, 1]})
    data = pl.Dataset("two", rows, rows, ("a", "b"))
    recipe = pl.Recipe(steps=64)
    model = tmp_path_factory.mktemp("model")
    return [pl.Task(str(model), data, recipe, name="verbs <b>"), pl.Task(str(model), data, recipe, name="news")]


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def asleep(widget):
    """Until its thread has seen the end."""
    until(lambda: not widget._polling.beating)


@pytest.fixture
def standing(tasks):
    """A probe that stands before depth 8, and its widget."""
    law = Law(stop_at=(8,))
    run = start_probe(tasks, pl.ProbePlan(DEPTHS, 8), executor=law)
    assert law.standing.wait(PATIENCE)
    widget = ProbeMonitor(run)
    yield law, run, widget
    law.go_on()
    run.wait(PATIENCE)
    widget.close()


@pytest.fixture
def ended(tasks):
    run = start_probe(tasks, pl.ProbePlan(DEPTHS, 8), executor=Law())
    run.wait(PATIENCE)
    widget = ProbeMonitor(run)
    yield run, widget
    widget.close()


def assert_is_the_library(run, widget):
    """Traits and what the page is told are what the library makes of the run's frame."""
    frame = run.frame()
    rows = frame[(frame["task"] == widget.task) & (frame["metric"] == widget.metric)]
    by_depth = rows.groupby("depth")["value"]
    table = widget.table()
    assert table["depth"].tolist() == sorted(rows["depth"].unique())
    assert table["seeds"].tolist() == by_depth.count().tolist()
    for name, expected in (("mean", by_depth.mean()), ("sd", by_depth.std()), ("least", by_depth.min())):
        np.testing.assert_allclose(table[name], expected)
    sent = widget._curves
    values = np.frombuffer(sent["values"], "<f4").reshape(len(sent["seeds"]), len(sent["depths"]))
    wanted = rows.pivot_table(index="seed", columns="depth", values="value")
    assert (sent["seeds"], sent["depths"]) == (wanted.index.tolist(), wanted.columns.tolist())
    np.testing.assert_allclose(values, wanted, rtol=1e-6)
    if widget.fit is None:
        assert widget.params == widget.param_intervals == {}
        assert widget.waiting_for
        return
    curve = pl.risk_curve(frame, widget.task, metric=widget.metric)
    fit = pl.DecayModel(curve).fit()
    assert widget.params == pytest.approx(fit.params.to_dict())
    assert widget.param_intervals == {n: pytest.approx(tuple(fit.conf_int().loc[n])) for n in widget.params}
    assert widget.waiting_for == ""
    np.testing.assert_allclose(widget._risk["points"][1], curve.risk)
    np.testing.assert_allclose(widget._risk["curve"], fit.predict(np.array(widget._risk["depths"])))


def test_it_follows_a_probe_to_its_end(standing):
    law, run, widget = standing
    assert widget.status == "running"
    assert (widget.task, widget.metric) == ("verbs <b>", "accuracy")
    assert widget._curves["depths"] == [0, 2, 4]
    assert widget.steps_done == 8 * 4
    assert widget.steps_total == 2 * 8 * 16
    assert widget.seconds_left is None, "nobody knows how quick the second task is"
    assert widget.waiting_for == "3 depths beyond 0 (so far 2)"
    assert_is_the_library(run, widget)
    heard = []
    widget.observe(lambda change: heard.append(change["new"]), names="status")
    law.go_on()
    run.wait(PATIENCE)
    asleep(widget)
    assert widget.status == "done"
    assert heard == ["done"]
    assert widget.steps_done == widget.steps_total == 2 * 8 * 16
    assert widget.seconds_left == 0
    assert widget.rate > 0
    assert widget.fit is not None
    assert_is_the_library(run, widget)


def test_the_page_is_told_nothing_when_nothing_has_changed(standing):
    _, _, widget = standing
    sent = []
    widget.send_state = lambda key=None: sent.append(key)
    widget.notify_change, before = lambda change: sent.append(change["name"]), widget.notify_change
    widget._update()
    widget._update()
    assert sent == []
    widget.notify_change = before


def test_a_probe_that_has_ended_or_was_in_the_store_needs_no_thread(ended, tasks, tmp_path):
    run, widget = ended
    assert not widget._polling.beating
    assert_is_the_library(run, widget)
    path = tmp_path / "runs.db"
    start_probe(tasks, pl.ProbePlan(DEPTHS, 8), path, executor=Law()).wait(PATIENCE)
    again = start_probe(tasks, pl.ProbePlan(DEPTHS, 8), path, executor=Law())
    again.wait(PATIENCE)
    second = ProbeMonitor(again)
    assert second.steps_total == 0
    assert second.params == widget.params
    assert second._progress["status"] == "done"
    second.close()


def test_task_and_metric_can_be_set_observed_and_nothing_else(ended):
    run, widget = ended
    heard = []
    widget.observe(lambda change: heard.append(change["new"]), names="params")
    widget.metric = "eval_loss"
    assert_is_the_library(run, widget)
    widget.task = "news"
    assert widget.metric == "eval_loss"
    assert_is_the_library(run, widget)
    assert heard[-1] == widget.params
    assert widget.options() == {"task": ["verbs <b>", "news"], "metric": ["accuracy", "eval_loss"]}
    before = widget._risk
    for name, wrong in (("task", "nouns"), ("metric", "f1"), ("scale", "square"), ("task", None)):
        with pytest.raises(ArgumentError, match=name):
            setattr(widget, name, wrong)
    assert widget._risk == before
    for name in ("status", "steps_done", "params", "param_intervals", "waiting_for"):
        with pytest.raises(Exception, match="read-only"):
            setattr(widget, name, getattr(widget, name))


def test_the_page_cancels_goes_on_and_extends(standing):
    law, run, widget = standing
    widget._on_request(widget, {"request": "1", "do": "cancel"}, [])
    until(lambda: run.status == "cancelled")
    run.wait(PATIENCE)
    until(lambda: widget.status == "cancelled" and widget._answer == {"request": "1", "text": ""})
    law.go_on()
    widget._on_request(widget, {"request": "2", "do": "extend", "seeds": 2}, [])
    until(lambda: widget._answer["request"] == "2")
    run.wait(PATIENCE)
    asleep(widget)
    assert run.plan.run_seeds == tuple(range(10))
    assert widget.status == "done"
    assert widget._curves["seeds"] == list(range(10))
    assert_is_the_library(run, widget)
    widget._on_request(widget, {"request": "3", "do": "extend", "depths": 65}, [])
    until(lambda: widget._answer["request"] == "3")
    assert "at most 64" in widget._answer["text"]
    widget._on_request(widget, {"request": "4", "do": "choose", "name": "task", "value": "news"}, [])
    until(lambda: widget._answer["request"] == "4")
    assert widget.task == "news"


def test_a_probe_that_python_extends_is_followed_again(ended):
    run, widget = ended
    run.extend(depths=32)
    run.wait(PATIENCE)
    until(lambda: widget._curves["depths"] == [0, 2, 4, 8, 16, 32])
    asleep(widget)
    assert widget.status == "done"
    assert_is_the_library(run, widget)


def test_errors_of_the_probe_are_shown(tasks):
    law = Law(stop_at=(8,))
    run = start_probe(tasks[0], pl.ProbePlan(DEPTHS, 4), executor=law)
    assert law.standing.wait(PATIENCE)
    widget = ProbeMonitor(run)
    law.broken = MemoryError("no room")
    law.go_on()
    asleep(widget)
    assert widget.status == "failed"
    assert widget._progress["error"] == "MemoryError: no room"
    assert widget._curves["depths"] == [0, 2, 4]
    widget.close()


def test_a_look_that_fails_is_told_on_the_page(standing):
    law, run, widget = standing

    def broken():
        raise OSError("the disk is gone")

    run.frame = broken
    law.go_on()
    until(lambda: widget._answer.get("text") == "the disk is gone")
    del run.frame


def test_what_the_fit_waits_for():
    rows = [("t", f"t:{s}", None, s, c, "accuracy", 0.7 + 0.1 * ((s * 7 + c) % 5), "ok")
            for s in range(4) for c in (0, 2, 4, 8, 16)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["task", "run", "parent", "seed", "depth", "metric", "value", "status"])

    def waits(part):
        return Findings.of(part, "t", "accuracy", "spread").waiting_for

    assert waits(frame[frame["metric"] == "f1"]) == "the first measurement"
    assert waits(frame[frame["depth"] <= 2]) == "2 seeds at 2 depths beyond 0 (so far 4 seeds at all of 1 depth)"
    assert waits(frame[frame["seed"] < 1]) == "2 seeds at 2 depths beyond 0 (so far 1 seed at all of 4 depths)"
    assert waits(frame[frame["depth"] <= 4]) == "3 depths beyond 0 (so far 2)"
    assert waits(frame[frame["seed"] < 3]) == "4 seeds at all of them (so far 3)"
    assert waits(frame) == ""
    assert waits(frame.assign(value=0.7)) == (
        "task 't': every run has the same accuracy at every depth; there is nothing to fit."
    )
    assert Findings.of(frame, "t", "accuracy", "branch").waiting_for == "forks that have reached the last depth"


def test_curves_of_forks_and_diverged_runs():
    rows = [
        ("t", "t:0", None, 0, 2, 0.5, "ok"), ("t", "t:0", None, 0, 4, 0.6, "ok"),
        ("t", "t:1", None, 1, 2, 0.7, "ok"), ("t", "t:1", None, 1, 4, np.nan, "diverged"),
        ("t", "t:0@2:0", "t:0", 0, 2, 0.5, "ok"), ("t", "t:0@2:0", "t:0", 0, 4, 0.9, "ok"),
    ]  # fmt: skip
    curves = Curves.of(pd.DataFrame(rows, columns=["task", "run", "parent", "seed", "depth", "value", "status"]))
    assert curves.values.index.tolist() == ["t:0", "t:1", "t:0@2:0"]
    assert curves.runs["fork"].tolist() == [False, False, True]
    assert curves.runs["diverged"].tolist() == [False, True, False]
    np.testing.assert_array_equal(curves.values, [[0.5, 0.6], [0.7, np.nan], [0.5, 0.9]])
    table = curves.table()
    assert table["seeds"].tolist() == [2, 1], "a fork is no seed"
    assert table["mean"].tolist() == pytest.approx([0.6, 0.6])


def test_what_is_sent_is_small_and_json(ended):
    _, widget = ended
    for name in ("_progress", "_risk", "_answer"):
        assert len(json.dumps(getattr(widget, name), allow_nan=False)) < 10_000
    json.dumps({k: v for k, v in widget._curves.items() if k != "values"}, allow_nan=False)
    assert len(widget._curves["values"]) == 4 * 8 * 5


def test_chart_and_fallback_at_every_stage(standing, capsys):
    law, run, widget = standing
    assert "waits for 3 depths" in json.dumps(widget.chart().to_dict())
    assert "The fit waits for 3 depths beyond 0 (so far 2)." in widget._html()
    law.go_on()
    run.wait(PATIENCE)
    asleep(widget)
    chart = json.dumps(widget.chart().to_dict())
    assert "done, 256 of 256 steps" in chart
    html = widget._html()
    assert "verbs &lt;b&gt;, accuracy: done" in html
    assert html.count("<tr>") == 1 + len(DEPTHS)
    assert "Decay fit so far" in html
    data, _ = widget._repr_mimebundle_()
    assert VIEW in data
    assert base64.b64decode(data["image/png"])[:4] == b"\x89PNG"


def test_nothing_is_measured_yet(tasks):
    law = Law(stop_at=(0,))
    run = start_probe(tasks, pl.ProbePlan(DEPTHS, 4), executor=law)
    assert law.standing.wait(PATIENCE)
    widget = ProbeMonitor(run, metric="eval_loss")
    assert widget.waiting_for == "the first measurement"
    assert "nothing is measured yet" in json.dumps(widget.chart().to_dict())
    assert widget.table().empty
    assert "0 of 128 steps" in widget._html()
    run.cancel()
    run.wait(PATIENCE)
    widget.close()


def test_closing_stops_the_looks_and_not_the_probe(standing):
    law, run, widget = standing
    assert widget._polling.beating
    widget.close()
    asleep(widget)
    assert run.status == "running"
    law.go_on()
    assert len(run.wait(PATIENCE)) == 2 * 8 * 5 * 2


def test_wrong_arguments(ended, tasks):
    run, _ = ended
    with pytest.raises(ArgumentError, match="start_probe"):
        ProbeMonitor(run.frame())
    with pytest.raises(ArgumentError, match="one of the keywords task, metric"):
        ProbeMonitor(run, metrics="accuracy")
    with pytest.raises(ArgumentError, match="nouns"):
        ProbeMonitor(run, task="nouns")


def test_a_pulse_ends_with_its_object():
    class Owner:
        beats = 0

        def beat(self):
            self.beats += 1
            return True

    owner = Owner()
    pulse = PollingThread(owner.beat)
    pulse.wake()
    gone = weakref.ref(owner)
    until(lambda: gone().beats)
    del owner
    until(lambda: gc.collect() >= 0 and gone() is None)
    pulse.wake()
    until(lambda: not pulse.beating)
