"""Money and margins in the units of budgets."""

import pandas as pd
import pytest
from scipy.stats import norm

import predictlab as pl
from predictlab.errors import ArgumentError


def test_a_margin_is_the_same_by_either_way():
    curve = pl.RiskCurve([4, 8, 16, 32, 64], [4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    fit = pl.DecayModel(curve).fit()
    by_margin = pl.classify({"a": fit}, margin=0.05, budget=32)
    by_tolerance = pl.classify({"a": fit}, tolerance=pl.tolerance(margin=0.05), budget=32)
    pd.testing.assert_frame_equal(by_margin, by_tolerance)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95, 0.99])
def test_so_many_runs_lie_within_the_margin(confidence):
    sd = pl.tolerance(margin=0.03, confidence=confidence) ** 0.5
    assert 2 * norm.cdf(0.03 / sd) - 1 == pytest.approx(confidence, abs=1e-4)
    pair = pl.tolerance(margin=0.03, confidence=confidence, between_two=True) ** 0.5
    assert 2 * norm.cdf(0.03 / (2**0.5 * pair)) - 1 == pytest.approx(confidence, abs=1e-4)


def test_the_best_depth_is_the_same_in_money_and_in_steps():
    curve = pl.RiskCurve([4, 8, 16, 32, 64], [4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    fit = pl.DecayModel(curve).fit()
    prices = {"gpu_hour": 3.0, "seconds_per_step": 1.8}
    in_steps = pl.optimal_depth(fit, exchange_rate=pl.exchange_rate(worth_of_a_point=0.01, **prices))
    in_money = pl.optimal_depth(
        fit, exchange_rate=pl.exchange_rate(worth_of_a_point=0.01), cost_per_step=3.0 * 1.8 / 3600
    )
    assert in_steps.depth == pytest.approx(in_money.depth, rel=1e-9)
    percent = pl.exchange_rate(worth_of_a_point=0.01, point=1.0)
    assert percent == pytest.approx(1e4 * pl.exchange_rate(worth_of_a_point=0.01))


@pytest.mark.parametrize(
    ("call", "asked", "says"),
    [
        (pl.tolerance, {"margin": 0}, "margin=0"),
        (pl.tolerance, {"margin": 0.1, "confidence": 95}, "As a share: 0.95"),
        (pl.exchange_rate, {"worth_of_a_point": -1}, "worth_of_a_point=-1"),
        (pl.exchange_rate, {"worth_of_a_point": 1, "gpu_hour": 2}, "seconds_per_step=None"),
        (pl.exchange_rate, {"worth_of_a_point": 1, "seconds_per_step": 2}, "gpu_hour=None"),
        (pl.exchange_rate, {"worth_of_a_point": 1, "point": 0}, "point=0"),
    ],
)
def test_bad_input(call, asked, says):
    with pytest.raises(ArgumentError, match=says):
        call(**asked)
