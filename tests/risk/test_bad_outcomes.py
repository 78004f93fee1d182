"""What outcomes cannot say is said, from the source to the fit, with nothing lost (issue 14, bad input)."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError, StoreError
from predictlab.runs import Entry, RunStore

DEPTHS = (4, 8, 16, 32)


def table(runs=4, rows=20, p=0.7, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        [
            {"task": "t", "run": f"r{s}", "depth": c, "metric": "accuracy", "row": j, "value": float(rng.random() < p)}
            for s in range(runs)
            for c in DEPTHS
            for j in range(rows)
        ]
    )


def store_of(path, outcomes=True, runs=4, rows=20):
    rng = np.random.default_rng(0)
    with RunStore(path) as store:
        store.add_task("t", "0123456789abcdef", {})
        store.add_rows("t", map(str, range(rows)))
        for depth in DEPTHS:
            for s in range(runs):
                y = rng.random(rows) < 0.7
                given = {"accuracy": y} if outcomes else None
                store.record_all("t", [Entry(f"t:{s}", s, depth, {"accuracy": float(y.mean())}, outcomes=given)])
        return store.frame()


def test_one_run_and_one_row():
    with pytest.raises(DataError, match=r"1 runs.*at least 2 runs"):
        pl.risk_curve(table(runs=1))
    with pytest.raises(DataError, match=r"of 1 rows 1 were answered.*two, are needed"):
        pl.risk_curve(table(rows=1))


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_all_right_or_all_wrong_at_every_depth_is_nothing_to_fit(p):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match="same accuracy at every depth"):
            pl.risk_curve(table(p=p))


def test_all_right_at_the_last_depths_has_bounds_and_a_fit():
    frame = table(runs=6, rows=50)
    frame.loc[frame["depth"] >= 16, "value"] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve = pl.risk_curve(frame)
        components = curve.components()
        population = pl.DecayModel(curve, rows=np.inf).fit()
    last = curve.parts[-1]
    assert (last.run, last.interaction, last.spread) == (0.0, 0.0, 0.0)
    assert last.interval("run")[0] == 0
    assert 0 < last.interval("interaction")[1] < 1
    assert np.isfinite(components["run"]).all()
    assert np.isfinite(population.predict([32.0])).all()


def test_rows_that_a_run_misses_are_counted_below_half_refused():
    frame = table()
    some = frame[~((frame["run"] == "r1") & (frame["row"] < 6))]
    curve = pl.risk_curve(some)
    assert curve.outcomes.rows_left_out == 6
    assert "6" in str(curve.summary())
    with pytest.raises(DataError, match=r"of 20 rows 9 were answered by all 4 runs.*named alike"):
        pl.risk_curve(frame[~((frame["run"] == "r1") & (frame["row"] < 11))])


def test_other_rows_under_one_name_and_means_that_are_others_leave_a_store_as_it_was(tmp_path):
    before = store_of(tmp_path / "a.db")
    with RunStore(tmp_path / "a.db") as store:
        with pytest.raises(StoreError, match="not mixed"):
            store.add_rows("t", map(str, range(1, 21)))
        wrong = Entry("t:9", 9, 4, {"accuracy": 0.5}, outcomes={"accuracy": np.ones(20, dtype=bool)})
        with pytest.raises(ArgumentError, match=r"of which 0\.5 is the mean"):
            store.record_all("t", [wrong])
        pd.testing.assert_frame_equal(store.frame(), before)
        assert len(list(store.iter_outcomes("t", "accuracy"))) == 16


def test_a_store_without_outcomes_gives_its_curve_and_says_what_is_missing(tmp_path):
    frame = store_of(tmp_path / "a.db", outcomes=False)
    curve = pl.risk_curve(tmp_path / "a.db")
    np.testing.assert_allclose(curve.risk, pl.risk_curve(frame).risk)
    assert curve.parts is None
    with pytest.raises(DataError, match=r"runs and rows cannot be told apart.*pl\.resampled_outcomes"):
        curve.components()
    for method in ("posterior", "gamma", "gee"):
        with pytest.raises(ArgumentError, match=r"rows=inf.*outcomes"):
            pl.DecayModel(curve, rows=np.inf).fit(method)
    with RunStore(tmp_path / "a.db") as store, pytest.raises(StoreError, match=r"are kept by pl\.probe, unless"):
        store.outcomes("t", "accuracy")
    # the number of rows alone: a prior, named as one, within the bound p (1 - p) / n
    prior = pl.DecayModel(pl.risk_curve(frame, eval_rows=20), rows=np.inf).fit()
    assert "by the prior of the churn factor" in str(prior.summary())
    assert prior.predict([32.0])[0] < curve.risk[-1] + curve.mean[-1] * (1 - curve.mean[-1]) / 20


def test_one_run_of_a_store_and_duplicates(tmp_path):
    store_of(tmp_path / "a.db", runs=1)
    with pytest.raises(DataError, match="1 runs"):
        pl.risk_curve(tmp_path / "a.db")
    frame = table()
    with pytest.raises(DataError, match="two outcomes of row"):
        pl.risk_curve(pd.concat([frame, frame.iloc[:1]]))
    with pytest.raises(DataError, match="each row's is from 0 to 1"):
        pl.risk_curve(frame.assign(value=frame["value"] * 2))
