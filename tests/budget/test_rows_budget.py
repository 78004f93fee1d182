"""Evaluation rows as a budget: closed forms, bounds, and what a fit without rows is told."""

import numpy as np
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.risk import variance_components

DEPTHS = np.array([4.0, 8, 16, 32, 64, 128])


def fitted(rows=500, runs=12, sd=0.0, seed=0, wanted=None):
    """Coin flips of `rows` rows at .9; runs differ by `sd` on the population, the same at all depths."""
    rng = np.random.default_rng(seed)
    shift = sd * rng.standard_normal((runs, 1))
    parts = [variance_components(rng.random((runs, rows)) < 0.9 + shift) for _ in DEPTHS]
    curve = pl.RiskCurve(DEPTHS, [p.spread for p in parts], runs - 1, parts=parts, estimator="spread")
    return pl.DecayModel(curve, rows=wanted).fit()


def test_rows_for_a_tolerance_where_runs_do_not_differ():
    """sigma_int² = p (1 - p) = .09: 900 rows for a variance of 1e-4, up to what runs may differ by."""
    found = pl.rows_for_tolerance(fitted(), tolerance=1e-4, depth=128)
    lower, upper = found.conf_int().loc["rows"]
    assert 750 < lower < 930
    assert lower <= found.rows <= upper
    assert found.rows == pytest.approx(900, rel=0.25)
    assert found.probability_possible > 0.95
    assert "rows" in repr(found)


def test_no_rows_cure_runs_that_differ():
    found = pl.rows_for_tolerance(fitted(sd=0.05), tolerance=2e-4, depth=128)
    assert np.isinf(found.rows)
    assert found.probability_possible < 0.1
    assert repr(found).startswith("No number of rows")


def test_the_best_design_balances_rows_as_the_closed_form_says():
    best = pl.optimal_design(fitted(), exchange_rate=1e-8, cost_per_step=1.0, cost_per_row=0.25)
    assert best.rows == pytest.approx(np.sqrt(0.09 / 0.25e-8), rel=0.15)
    assert best.total == pytest.approx(best.risk + 1e-8 * best.cost)
    ends = best.conf_int()
    assert ends.lower["rows"] <= best.rows <= ends.upper["rows"]
    assert ends.index.tolist() == ["depth", "rows", "risk", "total"]
    dear = pl.optimal_design(fitted(), exchange_rate=1e-8, cost_per_step=1.0, cost_per_row=1.0)
    assert dear.rows == pytest.approx(best.rows / 2, rel=0.05)


def test_another_size_of_the_set_moves_the_risk_as_it_should():
    here, twice, population = (fitted(wanted=rows) for rows in (None, 1000, np.inf))
    rows_part = 0.09 / 500
    assert here.predict([128.0])[0] == pytest.approx(rows_part, rel=0.3)
    assert here.predict([128.0])[0] - twice.predict([128.0])[0] == pytest.approx(rows_part / 2, rel=0.1)
    assert population.predict([128.0])[0] < rows_part / 4
    table = pl.classify({"t": here}, tolerance=rows_part / 3, budget=64, confidence=0.9)
    assert (table["regime"][0], table["reason"][0]) == ("Noise-Dominant", "")
    assert table["p_noise_by_runs"][0] < 0.2
    advice = pl.advise({"t": here}, tolerance=rows_part / 3, budget=64, confidence=0.9)["advice"][0]
    assert "by rows with" in advice


def test_four_seeds_are_enough_where_rows_are_the_noise():
    few = fitted(rows=200, runs=4)
    table = pl.classify({"t": few}, tolerance=0.09 / 200 / 3, budget=64, confidence=0.9)
    assert table["regime"][0] == "Noise-Dominant"


def test_a_prior_of_the_churn_stands_in_for_outcomes():
    """A share of a known number of rows without outcomes: the offset has the prior, and the fit says so."""
    rng = np.random.default_rng(1)
    frame = pl.worlds.MartingaleWorld(1e-4, 1e-2, 1.0).source(seed=0)([4, 8, 16, 32, 64], range(16))
    frame["value"] = 0.8 + 0.1 * (frame["value"] - frame["value"].mean()) + 0 * rng.random(len(frame))
    frame["metric"] = "accuracy"
    curve = pl.risk_curve(frame, eval_rows=400)
    fit = pl.DecayModel(curve, rows=np.inf).fit()
    assert "prior of the churn factor" in str(fit.summary())
    assert fit.predict([64.0])[0] < pl.DecayModel(curve).fit().predict([64.0])[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: pl.rows_for_tolerance(f, 1e-4, 64), "fit=.*expected a posterior fit that knows its evaluation rows"),
        (lambda f: pl.optimal_design(f, exchange_rate=1e-6, cost_per_row=1), "knows its evaluation rows"),
        (lambda f: pl.DecayModel(f.curve, rows=100).fit(), "rows=100: expected None for a curve whose evaluation rows"),
        (lambda f: pl.DecayModel(f.curve, rows=0), "rows=0: expected a number of evaluation rows > 0"),
        (lambda f: pl.DecayModel(f.curve, rows=10).fit("gamma"), "rows=10: expected None for method='gamma'"),
    ],
)
def test_a_fit_that_knows_no_rows_says_so(make, message):
    fit = pl.DecayModel(pl.RiskCurve(DEPTHS, 1 / DEPTHS, 15)).fit()
    with pytest.raises(ArgumentError, match=message):
        make(fit)


def test_bad_prices_are_named():
    fit = fitted()
    for asked in (
        {"exchange_rate": 0},
        {"exchange_rate": 1, "cost_per_row": -1},
        {"exchange_rate": 1, "cost_per_step": 0},
    ):
        with pytest.raises(ArgumentError, match="expected a finite number > 0"):
            pl.optimal_design(fit, **({"cost_per_row": 1.0} | asked))
