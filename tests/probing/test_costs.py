"""Seconds of steps and evaluations, as a store has seen them, and what plans cost by them."""

import math
import sqlite3

import numpy as np
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError, StoreError
from predictlab.probing import ProbePlan
from predictlab.runs import Entry, RunCosts

COSTS = RunCosts("toy", 0.5, 0.01, 200, 100, 10, (0.4, 0.6), (0.009, 0.011))
BRANCH = ProbePlan((0, 4, 8, 16), design="branch", parents=3, forks=2)


@pytest.fixture
def store():
    """Two runs of .5 and 1 s a step, the second measured at its start; a fork of .25 s; evaluations of 2 and 4 s."""
    with pl.RunStore(":memory:") as opened:
        opened.add_task("toy", "0" * 16, {})
        entries = [
            Entry("toy:0", 0, 4, {"a": 0.1, "b": 2.0}, seconds=2.0, evaluation=(2.0, 100)),
            Entry("toy:0", 0, 12, {"a": 0.1, "b": 2.0}, seconds=6.0, evaluation=(4.0, 100)),
            Entry("toy:1", 1, 0, {"a": 0.1, "b": 2.0}, seconds=0.0, evaluation=(math.nan, 100)),
            Entry("toy:1", 1, 12, {"a": 0.1, "b": 2.0}, seconds=12.0),
            Entry("toy:0@4:0", 0, 4, {"a": 0.1, "b": 2.0}, parent="toy:0", seconds=0.0),
            Entry("toy:0@4:0", 0, 12, {"a": 0.1, "b": 2.0}, parent="toy:0", seconds=2.0),
            Entry("toy:2", 2, 12, {"a": math.nan, "b": math.nan}, seconds=0.1, status="diverged"),
        ]
        assert opened.record_all("toy", entries) == 7
        yield opened


def test_all_seconds_over_all_steps(store):
    costs = store.costs("toy")
    assert costs.steps == 12 + 12 + 8, "a diverged run costs no more from there on: it is left out"
    assert costs.seconds_per_step == pytest.approx((6 + 12 + 2) / 32)
    assert costs.step_range == pytest.approx((0.25, 1.0))
    assert (costs.rows, costs.evaluations) == (100, 2)
    assert costs.seconds_per_row == pytest.approx(6 / 200)
    assert costs.row_range == pytest.approx((0.02, 0.04))
    assert costs.seconds_per_evaluation == pytest.approx(3.0)
    assert "0.625 s a step" in str(costs)
    assert costs._repr_html_().startswith("<b>Costs of toy</b>: 0.625 s")


def test_a_store_from_before_evaluations_were_timed_goes_on(tmp_path):
    path = tmp_path / "runs.db"
    entry = Entry("toy:0", 0, 4, {"a": 0.1}, seconds=2.0, evaluation=(2.0, 100))
    with pl.RunStore(path) as made:
        made.add_task("toy", "0" * 16, {})
    with sqlite3.connect(path) as db:
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'evaluations'").fetchone(), "as it was then"
    with pl.RunStore(path) as old:
        old.record_all("toy", [Entry("toy:1", 1, 4, {"a": 0.1}, seconds=2.0)])
        costs = old.costs("toy")
        assert (costs.seconds_per_step, costs.evaluations) == (0.5, 0)
        assert math.isnan(costs.seconds_per_row)
        assert "no evaluation was timed" in str(costs)
        assert ProbePlan((4, 8), 2).cost(costs).seconds == pytest.approx(2 * 8 * 0.5)
        old.record_all("toy", [entry])
        assert old.costs("toy").seconds_per_row == pytest.approx(0.02)
    with pl.RunStore(path, read_only=True) as again:
        assert again.costs("toy").evaluations == 1


def test_runs_without_seconds_and_unknown_tasks_are_said(store):
    store.add_task("bare", "0" * 16, {})
    store.record("bare", "bare:0", 4, {"a": 0.5}, seed=0)
    with pytest.raises(DataError, match="'bare': its runs tell no seconds"):
        store.costs("bare")
    with pytest.raises(StoreError, match="no task 'none'"):
        store.costs("none")
    with pytest.raises(ArgumentError, match="evaluation"):
        store.record_all("toy", [Entry("toy:9", 9, 4, {"a": 0.1}, evaluation=(1.0, 0))])


@pytest.mark.parametrize("plan", [ProbePlan((0, 3, 12), 3), BRANCH.replace(depths=(0, 3, 12))])
def test_what_a_probe_records_is_what_its_plan_counts(task, engine, plan):
    store = pl.RunStore(":memory:")
    frame = pl.probe(task, plan, store, engine=engine, progress=False)
    costs, told = store.costs("toy"), plan.cost()
    assert (costs.steps, costs.evaluations, costs.rows) == (told.steps, told.evaluations, 40)
    assert frame["run"].nunique() == told.runs
    spent = frame[frame["metric"] == "accuracy"].groupby("run")["seconds"].max().sum()
    assert costs.seconds_per_step * costs.steps == pytest.approx(spent)
    assert 0 < costs.seconds_per_row < 1
    assert costs.step_range[0] <= costs.seconds_per_step <= costs.step_range[1]


@pytest.mark.parametrize(
    ("plan", "runs", "steps", "evaluations"),
    [
        (ProbePlan((8, 64), 16), 16, 16 * 64, 32),
        (ProbePlan(horizons=(4, 8, 12), seeds=5), 15, 5 * 24, 15),
        (BRANCH, 3 + 12, 3 * 16 + 6 * (12 + 8), 12 + 12),
    ],
)
def test_steps_seconds_and_money(plan, runs, steps, evaluations):
    told = plan.cost(COSTS, gpu_hour=7.2)
    assert (told.runs, told.steps, told.evaluations) == (runs, steps, evaluations)
    assert told.seconds == pytest.approx(0.5 * steps + 2.0 * evaluations)
    assert told.price == pytest.approx(told.seconds * 0.002)
    bare = plan.cost()
    assert np.isnan([bare.seconds, bare.price]).all()
    assert f"{steps:,} steps in all" in repr(bare)
    assert bare._repr_html_().startswith(f"<b>{runs} runs of ")


def test_prices_that_cannot_be():
    with pytest.raises(ArgumentError, match="gpu_hour"):
        BRANCH.cost(gpu_hour=1.0)
    with pytest.raises(ArgumentError, match="gpu_hour"):
        BRANCH.cost(COSTS, gpu_hour=-1.0)
    with pytest.raises(ArgumentError, match=r"^costs="):
        BRANCH.cost(0.5)


def test_the_optimal_depth_in_seconds():
    """A price of a second at half a second a step is half that price a step."""
    curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[0.31, 0.16, 0.085, 0.05, 0.032], df=31)
    fit = pl.DecayModel(curve).fit("gamma")
    in_seconds = pl.optimal_depth(fit, exchange_rate=1e-3, cost_per_step=COSTS.seconds_per_step)
    in_steps = pl.optimal_depth(fit, exchange_rate=5e-4)
    assert in_seconds.depth == pytest.approx(in_steps.depth)
    assert in_seconds.cost == pytest.approx(0.5 * in_steps.cost)
