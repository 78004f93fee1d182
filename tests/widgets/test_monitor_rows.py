"""ProbeMonitor says how much of the spread is the evaluation rows, where their outcomes are kept."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.probing import start_probe
from predictlab.probing._segments import CheckpointResult, GroupUpdate
from predictlab.risk import variance_components
from predictlab.runs import Entry, RunStore
from predictlab_widgets import ProbeMonitor
from predictlab_widgets._probe_data import rows_words

ROWS = 40


def right(seed, depth):
    """Of seed and depth: right or wrong on each row, by coins alone."""
    return np.random.default_rng([seed, depth]).random(ROWS) < 0.7


class State:
    """Of a run that is never taken up again."""

    def __init__(self, step):
        self.step, self.alive, self.seconds, self.flops = step, True, 0.0, 0.0

    def to_bytes(self):
        return b"state"


class Coins:
    """An executor whose runs flip coins; with their outcomes, or without."""

    def __init__(self, outcomes):
        self.outcomes = outcomes

    def group_size(self, task, check_cancelled=None):
        return 4

    def check(self, tasks, check_cancelled=None):
        pass

    def run(self, groups, check_cancelled):
        for group in groups:
            for depth in group.depths:
                results = []
                for one in group.segments:
                    y = right(one.seed, depth)
                    kept = {"accuracy": y} if self.outcomes else None
                    results.append(CheckpointResult(one, State(depth), {"accuracy": float(y.mean())}, kept))
                yield GroupUpdate(group, steps=0, results=tuple(results))
            yield GroupUpdate(group, finished=True)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    rows = pd.DataFrame({"text": [f"row {i}" for i in range(ROWS)], "label": np.arange(ROWS) % 2})
    data = pl.Dataset("coins", rows, rows, ("a", "b"))
    return pl.Task(str(tmp_path_factory.mktemp("model")), data, pl.Recipe(steps=16), name="coins")


def parts_at(depth, seeds):
    return variance_components(np.stack([right(seed, depth) for seed in range(seeds)]))


@pytest.mark.parametrize("outcomes", [True, False])
def test_the_monitor_says_what_the_rows_are(task, outcomes):
    run = start_probe(task, pl.ProbePlan((4, 8, 16), 6), executor=Coins(outcomes))
    run.wait()
    widget = ProbeMonitor(run)
    widget.refresh()
    said = widget._risk["rows"]
    if not outcomes:
        assert said == ""
    else:
        parts = parts_at(16, 6)
        share = int(re.search(r"At 16 steps (\d+)% of the spread is this set of 40 rows", said).group(1))
        assert share == round(100 * parts.rows_share)
        assert f"{parts.spread**0.5:.2g} on it" in said
        assert said in str(widget._repr_mimebundle_())
    widget.close()


def test_words_of_a_store(tmp_path):
    with RunStore(tmp_path / "a.db") as store:
        store.add_task("t", "0123456789abcdef", {})
        store.add_rows("t", map(str, range(ROWS)))
        assert rows_words(store, "t", "accuracy") == ""  # nothing measured
        for seed in range(6):
            for depth in (4, 8):
                y = right(seed, depth)
                given = {"accuracy": y}
                store.record_all("t", [Entry(f"t:{seed}", seed, depth, {"accuracy": y.mean()}, outcomes=given)])
        said = rows_words(store, "t", "accuracy")
        assert said.startswith("At 8 steps ")
        assert "on the population of rows" in said
        assert rows_words(store, "other", "accuracy") == ""
