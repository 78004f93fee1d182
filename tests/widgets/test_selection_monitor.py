"""SelectionMonitor without a browser: how it follows a selection, stops it and goes on, and what the page is told."""

from __future__ import annotations

import base64
import threading
import time

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab_widgets import SelectionMonitor

VIEW = "application/vnd.jupyter.widget-view+json"
PATIENCE = 60  # seconds; a guard against hanging, not a claim about speed
MEANS = (0.7, 0.8, 0.81)
ASKED = {"better": "higher", "margin": 0.01, "rungs": (0.25, 1)}


def worlds(means=MEANS, floor=1e-4, scale=0.01, max_depth=64):
    return {
        f"c{i}": pl.worlds.MartingaleWorld(floor, scale, 1.0, mean=m).source(seed=i, max_depth=max_depth)
        for i, m in enumerate(means)
    }


class Gate:
    """A function for ``on_look=`` that stands after every look until it is let go on."""

    def __init__(self):
        self.looks, self._standing, self._open = 0, threading.Event(), threading.Event()

    def __call__(self, so_far):
        self.looks = len(so_far.looks)
        self._standing.set()
        assert self._open.wait(PATIENCE)
        self._open.clear()

    def stands(self):
        assert self._standing.wait(PATIENCE)

    def step(self):
        """Let it go on to the next look."""
        self._standing.clear()
        self._open.set()
        self.stands()

    def leave(self, widget):
        """Let it go on to its end."""
        while widget._thread.is_alive():
            self._open.set()
            widget._thread.join(0.02)


class Counting:
    def __init__(self, source):
        self.source, self.max_depth, self.asked = source, source.max_depth, 0

    def __call__(self, depths, seeds):
        self.asked += 1
        return self.source(depths, seeds)


@pytest.fixture(scope="module")
def found():
    return pl.select(worlds(), 300, **ASKED, progress=False)


@pytest.fixture
def gated():
    gate = Gate()
    widget = SelectionMonitor(worlds(), 300, **ASKED, on_look=gate)
    gate.stands()
    yield widget, gate
    widget.close()
    gate.leave(widget)


# -- a selection as it unfolds --------------------------------------------------------------------------------------


def test_it_is_what_select_gives(found):
    widget = SelectionMonitor(worlds(), 300, **ASKED)
    same = widget.wait(PATIENCE)
    pd.testing.assert_frame_equal(same.frame(), found.frame())
    pd.testing.assert_frame_equal(widget.table(), found.frame())
    assert (widget.status, widget.leader, widget.looks) == ("done", found.choice, len(found.looks))
    assert widget.spent == found.cost
    assert widget.probability == found.probability
    widget.close()


def test_it_follows_look_by_look_and_goes_back(gated, found):
    widget, gate = gated
    assert (widget.status, widget.looks, widget.spent) == ("running", 1, found.looks["cost"].iloc[0])
    heard = []
    widget.observe(lambda change: heard.append(change.new), names="looks")
    gate.step()
    assert heard == [2]
    assert widget._seen["looks"] == 2
    assert widget._progress["doing"].startswith("runs of c")
    widget.look = 1
    at_first = found.history[found.history["look"] == 1].set_index("candidate")
    table = widget.table().set_index("candidate")
    pd.testing.assert_series_equal(table["mean"], at_first.loc[table.index, "mean"])
    assert table["p_good"].is_monotonic_decreasing
    gate.step()
    assert (widget.look, widget.looks) == (1, 3), "what was gone back to stays"
    with pytest.raises(ArgumentError, match="look=4: expected a look from 1 to 3, or 0 for the last"):
        widget.look = 4
    widget.look = 0
    assert widget.table()["cost"].sum() == pytest.approx(widget.spent)


def test_the_line_says_how_many_runs_the_next_look_takes_and_why(found):
    """Counted anew from the measurements of the look that follows."""
    widget = SelectionMonitor(found)
    told = widget._seen["next"]
    assert len(told) == len(found.looks)
    assert told[-1] == ""
    ends = found.runs.groupby(["candidate", "run"])
    for look in range(1, len(found.looks)):
        begun = int((ends["look"].min() == look + 1).sum())
        carried = sum(1 for _, part in ends if part["look"].min() <= look and (part["look"] == look + 1).any())
        counted = [f"{begun} new run{'s' * (begun != 1)}"] * bool(begun) + [f"{carried} carried on"] * bool(carried)
        assert told[look - 1].startswith(f"Next look: {' and '.join(counted)}. "), look
    assert any("seeds of each to the end, if c" in text for text in told)
    widget.close()


def test_the_line_says_on_how_many_rows():
    """All rows but the fewest tell more cheaply, so that all runs are evaluated again on them."""
    own = {name: 0.3 * np.random.default_rng(i).standard_normal(4000) for i, name in enumerate("ab")}

    def source(name):
        def of(depths, seeds, rows):
            noise = {s: 0.002 * np.random.default_rng(s).standard_normal() for s in seeds}
            mean = {"a": 0.7, "b": 0.71}[name] + own[name][:rows].mean()
            lines = [(s, c, "value", mean - 0.1 * c**-0.5 + noise[s]) for s in seeds for c in depths]
            return pd.DataFrame(lines, columns=["seed", "depth", "metric", "value"])

        return of

    asked = {"eval_rows": (100, 4000), "row_cost": 0.001, "interaction": (0.0, 0.09), "max_depth": 64}
    widget = SelectionMonitor({name: source(name) for name in own}, 1500, **ASKED, **asked)
    found = widget.wait(PATIENCE)
    assert found.eval_rows == 4000
    told = widget._seen["next"]
    again = [
        k for k, text in enumerate(told) if text.startswith("All runs were evaluated again, on 4,000 rows instead")
    ]
    assert [found.looks["rows"].iloc[k] for k in again] == [4000]
    assert all(found.looks["rows"].iloc[:k].eq(100).all() for k in again)
    assert widget.selection.summary().parts[-1]["rows"].iloc[-1] == 4000
    widget.close()


def test_stopped_after_a_look_it_goes_on_without_making_a_run_again(found):
    gate, sources = Gate(), {name: Counting(source) for name, source in worlds().items()}
    widget = SelectionMonitor(sources, 300, **ASKED, on_look=gate)
    gate.stands()
    widget.stop()
    assert widget._progress["stopping"]
    assert widget.status == "running"
    gate.leave(widget)
    assert (widget.status, widget.looks) == ("stopped", 1)
    assert widget.selection.stopped_because == "Stopped at look 1, as it was told to."
    before = {name: source.asked for name, source in sources.items()}
    assert before == dict.fromkeys(sources, 1)
    widget.go_on()
    gate.leave(widget)
    again = widget.wait(PATIENCE)
    pd.testing.assert_frame_equal(again.frame(), found.frame())
    assert widget.status == "done"
    once = {name: Counting(source) for name, source in worlds().items()}
    pl.select(once, 300, **ASKED, progress=False)
    assert {n: s.asked for n, s in sources.items()} == {n: s.asked for n, s in once.items()}
    widget.go_on()
    assert widget.status == "done", "where it has come to its end nothing is gone on with"
    widget.close()


def test_between_looks_the_page_hears_that_it_is_alive(gated):
    widget, gate = gated
    end = time.monotonic() + PATIENCE
    while widget._progress["seconds"] < 1:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert (widget.looks, widget.status) == (1, "running")
    gate.leave(widget)
    while widget._pulse.beating:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert widget._progress["status"] == "done"


def test_a_function_that_watches_may_end_it_and_the_page_may(gated, found):
    widget, gate = gated
    widget._on_request(widget, {"do": "stop", "request": "view 1"}, [])
    assert widget._answer == {"request": "view 1", "text": ""}
    gate.leave(widget)
    assert widget.status == "stopped"
    widget._on_request(widget, {"do": "go on", "request": "view 2"}, [])
    gate.leave(widget)
    assert (widget.status, widget.looks) == ("done", len(found.looks))
    ended = SelectionMonitor(worlds(), 300, **ASKED, on_look=lambda so_far: len(so_far.looks) < 2)
    assert len(ended.wait(PATIENCE).looks) == 2
    assert ended.status == "stopped"
    ended.close()


def test_what_breaks_later_is_said_and_gone_on_from(found):
    class Breaking(Counting):
        def __call__(self, depths, seeds):
            if self.asked == 1:
                self.asked += 1
                raise RuntimeError("the disk is full")
            return super().__call__(depths, seeds)

    sources = worlds() | {"c2": Breaking(worlds()["c2"])}
    widget = SelectionMonitor(sources, 300, **ASKED)
    with pytest.raises(RuntimeError, match="the disk is full"):
        widget.wait(PATIENCE)
    assert widget.status == "failed"
    assert widget._progress["error"] == "RuntimeError: the disk is full"
    assert widget.looks >= 1
    widget.go_on()
    pd.testing.assert_frame_equal(widget.wait(PATIENCE).frame(), found.frame())
    assert (widget.status, widget._progress["error"]) == ("done", "")
    widget.close()


def test_a_generator_gives_one_seed_so_that_going_on_is_the_same(found):
    widget = SelectionMonitor(worlds(), 300, **ASKED, rng=np.random.default_rng(3))
    widget.wait(PATIENCE)
    assert isinstance(widget._options["rng"], int)
    assert f"rng={widget._options['rng']}" in widget.code
    widget.close()


# -- a finished one -------------------------------------------------------------------------------------------------


def test_a_finished_selection_is_shown_as_it_is(found):
    widget = SelectionMonitor(found)
    assert (widget.status, widget.looks, widget.leader) == ("done", len(found.looks), found.choice)
    assert widget.wait() is found
    with pytest.raises(ArgumentError, match=r"candidates to go on with.*store="):
        widget.go_on()
    with pytest.raises(ArgumentError, match="total_budget=300"):
        SelectionMonitor(found, 300)
    with pytest.raises(ArgumentError, match="margin"):
        SelectionMonitor(found, margin=0.1)
    for look in range(1, len(found.looks) + 1):
        widget.look = look
        then = found.history[found.history["look"] == look]
        assert widget.table()["cost"].sum() == pytest.approx(then["cost"].sum())


def test_recorded_runs_are_candidates_and_their_names_may_stand_out(tmp_path):
    frames = [source([4, 8, 16, 32, 64], range(3)).assign(task=name) for name, source in worlds().items()]
    pd.concat(frames, ignore_index=True).pipe(lambda runs: pl.RunStore(tmp_path / "runs.db").add_frame(runs))
    widget = SelectionMonitor(tmp_path / "runs.db", 1e6, better="higher")
    widget.wait(PATIENCE)
    widget.selected = "c2"
    widget.selected = None
    with pytest.raises(ArgumentError, match="selected='c9': expected None or one of the candidates: c0, c1"):
        widget.selected = "c9"
    assert str(tmp_path / "runs.db") in widget.code
    widget.close()


# -- bad values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"total_budget": None}, "total_budget=None"),
        ({"total_budget": 3}, "total_budget=3"),
        ({"total_budget": "much"}, "total_budget='much'"),
        ({"margin": -1}, "margin=-1"),
        ({"better": None}, "better=None"),
        ({"colour": 1}, "'colour': expected one of the keywords margin, .*layout"),
        ({"candidates": worlds([0.7])}, "at least two"),
    ],
)
def test_bad_values_are_refused_in_the_call(given, says):
    options = {"candidates": worlds(), "total_budget": 600, "better": "higher"} | given
    with pytest.raises(ArgumentError, match=says):
        SelectionMonitor(**options)


def test_runs_that_all_diverge_are_refused_too():
    def failing(depths, seeds):
        rows = [(s, c, "value", np.nan) for s in seeds for c in depths]
        return pd.DataFrame(rows, columns=["seed", "depth", "metric", "value"])

    with pytest.raises(DataError, match="every one of them diverge"):
        SelectionMonitor({"a": failing, "b": failing}, 600, better="higher", max_depth=64)


def test_the_code_makes_it_again(found):
    widget = SelectionMonitor(worlds(), 300, **ASKED, confidence=0.95)
    widget.wait(PATIENCE)
    scope = {"candidates": worlds()}
    exec(widget.code, scope)
    pd.testing.assert_frame_equal(scope["found"].frame(), found.frame())
    assert "confidence" not in widget.code, "defaults are left out"
    widget.close()


# -- what stays without a page ---------------------------------------------------------------------------------------


def test_picture_and_table_stay(found):
    widget = SelectionMonitor(found)
    bundle, _ = widget._repr_mimebundle_()
    assert VIEW in bundle
    assert base64.b64decode(bundle["image/png"])[:4] == b"\x89PNG"
    assert f"done, look {len(found.looks)} of {len(found.looks)}: " in bundle["text/html"]
    assert bundle["text/html"].count("<tr>") == 1 + len(MEANS)
    assert "probability" in repr(widget)


def test_before_the_first_look_there_is_a_picture_too():
    open_ = threading.Event()

    def slow(depths, seeds):
        assert open_.wait(PATIENCE)
        return worlds()["c0"](depths, seeds)

    slow.max_depth = 64
    widget = SelectionMonitor({"slow": slow, "c1": worlds()["c1"]}, 300, better="higher")
    try:
        assert (widget.looks, widget.status) == (0, "running")
        assert widget.table().empty
        bundle, _ = widget._repr_mimebundle_()
        assert base64.b64decode(bundle["image/png"])[:4] == b"\x89PNG"
        assert "no look yet" in bundle["text/html"]
    finally:
        open_.set()
    assert widget.wait(PATIENCE).choice
    widget.close()
