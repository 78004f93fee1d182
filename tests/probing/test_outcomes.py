"""A probe keeps what each run made of each evaluation row, whatever the engine, and the same after being killed."""

from __future__ import annotations

import numpy as np
import pytest

import predictlab as pl
from predictlab.runs import RunStore

pytestmark = pytest.mark.train
PLAN = pl.ProbePlan((0, 4, 8), seeds=3)


def small(method="head", **more):
    data = pl.load_dataset("rotten_tomatoes", eval_size=30, train_size=40, seed=0)
    recipe = pl.Recipe(method=method, steps=8, batch_size=8, max_length=16, **more)
    return pl.Task("minilm-l6", data, recipe, name=method)


def stored(path, task, metrics=("accuracy", "eval_loss")):
    with RunStore(path) as store:
        return {(m, c, run): y for m in metrics for c, run, y in store.iter_outcomes(task, m)}


def means_agree(path, task, metrics=("accuracy", "eval_loss")):
    outcomes = stored(path, task, metrics)
    with RunStore(path) as store:
        frame = store.frame(task)
    frame = frame[frame["metric"].isin(metrics)]
    assert len(outcomes) == len(frame)
    for row in frame.itertuples():
        mean = outcomes[row.metric, row.depth, row.run].mean(dtype=float)
        assert mean == pytest.approx(row.value, rel=1e-6, abs=1e-9)
    return outcomes


@pytest.mark.parametrize("method", ["head", "lora"])
def test_means_of_outcomes_are_the_metrics(tmp_path, method):
    pl.probe(
        small(method, **({"layers": "last:1"} if method == "lora" else {})), PLAN, tmp_path / "a.db", progress=False
    )
    outcomes = means_agree(tmp_path / "a.db", method)
    assert outcomes["accuracy", 8, f"{method}:0"].dtype == bool
    assert {len(y) for y in outcomes.values()} == {30}
    curve = pl.risk_curve(tmp_path / "a.db")
    assert list(curve.components()["rows"]) == [30, 30]  # depth 0 is no depth of a curve


def test_engines_agree_row_by_row(tmp_path):
    for engine in ("shared", "reference"):
        pl.probe(small(), PLAN, tmp_path / engine, engine=engine, progress=False)
        with RunStore(tmp_path / engine) as store:
            costs = store.costs("head")
        seconds = pl.risk_curve(tmp_path / engine).outcomes.seconds
        assert seconds == (costs.seconds_per_step, costs.seconds_per_row)
    one, other = (stored(tmp_path / engine, "head") for engine in ("shared", "reference"))
    assert one.keys() == other.keys()
    for key, values in one.items():
        if key[0] == "accuracy":
            assert np.mean(values != other[key]) <= 1 / 30  # a score that is a tie up to rounding
        else:
            assert values == pytest.approx(other[key], abs=1e-4)


def test_going_on_gives_the_same_bits(tmp_path):
    pl.probe(small(), PLAN, tmp_path / "whole.db", progress=False)
    pl.probe(small(), pl.ProbePlan((0, 4), seeds=3), tmp_path / "parts.db", progress=False)
    pl.probe(small(), PLAN, tmp_path / "parts.db", progress=False)
    one, other = (stored(tmp_path / name, "head") for name in ("whole.db", "parts.db"))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[key], other[key]) for key in one)


def test_forks_begin_with_their_parents_outcomes(tmp_path):
    plan = pl.ProbePlan((4, 8), design="branch", parents=2, forks=2)
    pl.probe(small(), plan, tmp_path / "a.db", progress=False)
    outcomes = means_agree(tmp_path / "a.db", "head")
    np.testing.assert_array_equal(outcomes["eval_loss", 4, "head:0@4:0"], outcomes["eval_loss", 4, "head:0"])


def test_diverged_runs_have_none(tmp_path):
    pl.probe(small(learning_rate=1e30), PLAN, tmp_path / "a.db", progress=False)
    with RunStore(tmp_path / "a.db") as store:
        frame = store.frame("head")
    lost = frame[frame["status"] != "ok"]
    assert len(lost)
    assert not {(r.metric, r.depth, r.run) for r in lost.itertuples()} & stored(tmp_path / "a.db", "head").keys()


def test_turned_off(tmp_path):
    pl.probe(small(), PLAN, tmp_path / "a.db", progress=False, outcomes=False)
    assert not stored(tmp_path / "a.db", "head")
    assert pl.risk_curve(tmp_path / "a.db").parts is None


def test_in_the_background(tmp_path):
    pl.start_probe(small(), PLAN, tmp_path / "a.db").wait()
    means_agree(tmp_path / "a.db", "head")
