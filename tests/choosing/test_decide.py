"""Go, stop or probe: closed forms, what a probe is worth against simulation, and what cannot be decided."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import predictlab as pl
from predictlab.choosing._decide import Law, best_of, law_of
from predictlab.errors import ArgumentError, DataError

NONE = np.zeros(0)


def forecasts(prediction, sd, **more):
    """A forecast with a Gaussian interval of 95 %."""
    prediction = np.atleast_1d(np.asarray(prediction, dtype=float))
    half = stats.norm.ppf(0.975) * np.broadcast_to(np.asarray(sd, dtype=float), prediction.shape)
    table = pd.DataFrame(
        {
            "run": [f"r{i}" for i in range(len(prediction))], "prediction": prediction, "lower": prediction - half,
            "upper": prediction + half, "sd": sd, "final": np.nan, "note": "", "task": "t",
        }
    )  # fmt: skip
    fields = {"metric": "accuracy", "at_depth": 8, "confidence": 0.95, "method": "t", "question": "this_run"}
    return pl.ForecastResults(table.assign(**more), **fields, ends={"t": 64}, n_groups=30)


def test_the_likelier_side_where_errors_cost_alike():
    found = pl.decide(forecasts([0.80, 0.70, 0.75], 0.02), 0.75, 10).frame()
    assert found["decision"].tolist()[:2] == ["go", "stop"]
    tail = stats.norm.sf(2.5)
    np.testing.assert_allclose(found["p_waste"][:2], [tail, 0], atol=1e-5)
    np.testing.assert_allclose(found["p_miss"][:2], [0, tail], atol=1e-5)
    np.testing.assert_allclose(found["saving"][:2], [0, 10])
    np.testing.assert_allclose(found.loc[2, ["loss_go", "loss_stop"]].astype(float), 5, rtol=1e-6)


def test_the_price_of_a_miss_moves_the_limit():
    # goes where p_good > F / (F + M): 0.2 at M = 4 F
    limit = 0.75 - 0.02 * stats.norm.ppf(0.8)
    around = forecasts([limit - 1e-3, limit + 1e-3], 0.02)
    assert pl.decide(around, 0.75, 10, cost_miss=40).frame()["decision"].tolist() == ["stop", "go"]


def test_of_a_loss_lower_is_better():
    low = pl.decide(forecasts([0.5, 0.9], 0.1), 0.7, 1, better="lower")
    assert low.frame()["decision"].tolist() == ["go", "stop"]
    assert "or below" in low.sentence("r0")


@pytest.mark.parametrize("df", [5.0, 1e4])
def test_the_law_is_read_from_the_interval(df):
    half = stats.t.ppf(0.95, df) * 0.02
    row = pd.Series({"prediction": 0.99, "lower": 0.99 - half, "upper": 1.0, "sd": 0.02})
    assert law_of(row, 0.9).df == pytest.approx(df, rel=0.05)


@pytest.mark.parametrize(("centre", "miss"), [(0.0, 10.0), (-0.7, 10.0), (0.5, 30.0)])
def test_what_a_probe_is_expected_to_do_is_what_it_does(centre, miss):
    """A run's end is N(centre, 1); the probe shows a part of it and leaves sd 0.5; the best is done after it."""
    rng = np.random.default_rng(3)
    full, price, left = 10.0, 1.0, 0.5
    found = best_of(Law(centre, 1.0, 1e4), 0.0, 1.0, full, miss, np.array([16.0]), np.array([left]), np.array([price]))
    after = centre + np.sqrt(1 - left**2) * rng.standard_normal(400_000)
    good = after + left * rng.standard_normal(after.size) >= 0
    up = stats.norm.sf(-after / left)
    goes = (1 - up) * full < price + up * miss
    lost = np.where(goes, ~good * full, price + good * miss)
    assert found["decision"] == "probe"
    assert found["loss_probe"] == pytest.approx(lost.mean(), rel=0.01)
    assert found["p_waste"] == pytest.approx(np.mean(goes & ~good), abs=0.003)
    assert found["p_miss"] == pytest.approx(np.mean(~goes & good), abs=0.003)
    assert found["saving"] == pytest.approx(np.mean(np.where(goes, 0, full - price)), rel=0.01)


def test_a_probe_that_shows_all_costs_itself_and_one_that_shows_nothing_is_not_made():
    law, depths = Law(0.1, 1.0, 1e4), np.array([16.0])
    told = best_of(law, 0.0, 1.0, 10.0, 10.0, depths, np.array([1e-6]), np.array([0.0]))
    assert told["loss_probe"] == pytest.approx(0, abs=0.03)
    nothing = best_of(law, 0.0, 1.0, 10.0, 10.0, depths, np.array([1.0]), np.array([0.0]))
    assert nothing["decision"] == "go"
    assert np.isnan(nothing["loss_probe"])


def test_later_is_forecasts_a_curve_or_a_mapping():
    now = forecasts(0.75, 0.02)
    curve = pl.RiskCurve([4, 16, 32], [4e-4, 1e-4, 4e-6], df=9, estimator="residual", question="this_run")
    asked = {"threshold": 0.75, "cost_full": 56.0, "cost_probe": 0.5}
    of_curve = pl.decide(now, **asked, later=curve).frame()
    of_risks = pl.decide(now, **asked, later={16: 1e-4, 32: 4e-6}).frame()
    pd.testing.assert_frame_equal(of_curve, of_risks)
    deeper = pl.forecasting.ForecastResults(**{**vars(forecasts(0.75, 0.002)), "at_depth": 32})
    assert pl.decide(now, **asked, later=deeper).frame().loc[0, ["decision", "depth"]].tolist() == ["probe", 32]


def test_no_forecast_stops_or_takes_a_run_unlike_the_others():
    strange = forecasts([0.1, 0.9], 0.01, note=["unlike the runs learnt from", ""])
    alone = pl.decide(strange, 0.75, 10)
    assert alone.frame()["decision"].tolist() == ["undetermined", "go"]
    assert alone.frame()["p_miss"].isna().tolist() == [True, False]
    probed = pl.decide(strange, 0.75, 56, 1, later={16: 2e-5})
    assert probed.frame().loc[0, ["decision", "depth"]].tolist() == ["probe", 16]
    assert "no probability can be stated: unlike" in probed.sentence("r0")


def test_without_a_forecast_or_with_an_unbounded_interval_nothing_is_decided():
    blind = forecasts([0.8, np.nan], [0.02, np.nan], note=["", "diverged"])
    blind.table.loc[0, ["lower", "upper"]] = [-np.inf, np.inf]
    found = pl.decide(blind, 0.75, 10)
    assert found.frame()["decision"].tolist() == ["undetermined", "undetermined"]
    assert "unbounded" in found.frame()["note"][0]
    assert found.sentence() == "Of 2 runs: 2 undetermined."


def test_known_ends_are_held_against_what_was_said():
    source = pl.worlds.MartingaleWorld(1e-5, 0.01, 1.0, mean=0.8).source(seed=3)
    runs = source([4, 8, 16, 32, 64], range(40))
    found = pl.decide(pl.forecast(runs, at_depth=32), 0.8, 32, better="higher")
    errors = found.errors()
    assert errors["runs"].sum() == 40
    assert abs(errors["wrong"].sum() - errors["expected"].sum()) < 3 * np.sqrt(errors["expected"].sum())
    assert "as if it were not" in str(found)
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "threshold=None: expected a value of accuracy"),
        ({"threshold": 75}, "a share of at most 1"),
        ({"threshold": 0.75, "cost_full": 0}, "cost_full=0"),
        ({"threshold": 0.75, "cost_miss": -1}, "cost_miss=-1"),
        ({"threshold": 0.75, "later": {16: 1e-4}}, "cost_probe=None"),
        ({"threshold": 0.75, "later": {4: 1e-4}, "cost_probe": 1}, "later=4.0: expected depths beyond 8"),
        ({"threshold": 0.75, "later": {16: 1e-4}, "cost_probe": 1, "cost_full": 4}, "beginning of the run"),
        ({"threshold": 0.75, "later": {16: 1e-4}, "cost_probe": {32: 1}}, "a cost for each depth"),
        ({"threshold": 0.75, "later": [1]}, "forecasts, a risk curve, or a mapping"),
        ({"threshold": 0.75, "later": pl.RiskCurve([4, 16], [1, 1], df=9), "cost_probe": 1}, "'this_run'"),
        ({"threshold": 0.75, "better": "up"}, "better='up'"),
    ],
)
def test_bad_input(asked, says):
    with pytest.raises(ArgumentError, match=says):
        pl.decide(forecasts(0.8, 0.02), **asked)


def test_other_things_than_forecasts_are_refused():
    with pytest.raises(ArgumentError, match=r"pl.forecast"):
        pl.decide(0.8, 0.75, 10)
    other = pl.forecasting.ForecastResults(**{**vars(forecasts(0.75, 0.01)), "metric": "eval_loss", "at_depth": 32})
    with pytest.raises(DataError, match="eval_loss"):
        pl.decide(forecasts(0.8, 0.02), 0.75, 56, 1, later=other)
