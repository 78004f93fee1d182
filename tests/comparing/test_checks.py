"""Other means to the same question agree with scipy, with a second computation, and with what compare says."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import permutation_test, ttest_ind

import predictlab as pl
from predictlab.errors import ArgumentError


def outcomes(rng, shift, runs=6, rows=40, sd=0.3, level=None):
    level = rng.normal(0, 1, rows) if level is None else level
    return level + shift + sd * rng.standard_normal((runs, 1)) + rng.normal(0, 0.7, (runs, rows))


@pytest.fixture
def found():
    rng = np.random.default_rng(0)
    level = rng.normal(0, 1, 40)
    return pl.compare(outcomes(rng, 0.7, level=level), outcomes(rng, 0.0, level=level))


def test_permutation_and_welch_are_those_of_scipy(found):
    a, b = found.a.finals, found.b.finals
    exact = permutation_test((a, b), lambda x, y: x.mean() - y.mean(), n_resamples=np.inf)
    table = found.checks()
    assert table.loc["permutation of runs", "p_value"] == pytest.approx(exact.pvalue)
    assert "all 924 assignments; the least p-value there is: 0.0022" in table.loc["permutation of runs", "note"]
    assert table.loc["Welch's t test", "p_value"] == pytest.approx(ttest_ind(a, b, equal_var=False).pvalue)


def test_the_mixed_model_has_the_same_difference_and_a_like_interval(found):
    line, ours = found.checks().loc["mixed model"], found.conf_int().loc["recipes"]
    assert line["difference"] == pytest.approx(found.difference, rel=1e-4)
    ratio = (ours["upper"] - ours["lower"]) / (line["upper"] - line["lower"])
    assert 0.95 < ratio < 1.45  # ours is wider by Student's t: its runs' variance has 10 degrees of freedom


def test_many_runs_are_permuted_at_random_and_agree_with_the_t_test():
    rng = np.random.default_rng(1)
    found = pl.compare(rng.normal(0.5, 1, 20), rng.normal(0, 1, 20))
    table = found.checks(draws=20_000)
    assert "20000 of 1.4e+11 assignments" in table.loc["permutation of runs", "note"]
    assert table.loc["permutation of runs", "p_value"] == pytest.approx(
        table.loc["Welch's t test", "p_value"], abs=0.02
    )
    pd.testing.assert_frame_equal(table, found.checks(draws=20_000, rng=0))


def test_equal_recipes_are_rejected_by_the_permutation_as_often_as_it_says():
    rng = np.random.default_rng(2)
    p = [pl.compare(*rng.normal(0, 1, (2, 5))).checks().loc["permutation of runs", "p_value"] for _ in range(200)]
    assert 0.01 < np.mean(np.array(p) <= 0.05) < 0.095


def test_what_cannot_be_asked_says_why():
    two = pl.compare([0.7, 0.8], [0.6, 0.7], metric="accuracy").checks()
    assert np.isnan(two.loc["permutation of runs", "p_value"])
    assert two.loc["permutation of runs", "note"] == "needs three runs of each"
    assert "needs outcomes" in two.loc["mixed model", "note"]
    rng = np.random.default_rng(0)
    large = pl.compare(outcomes(rng, 0, rows=400), outcomes(rng, 0, rows=400)).checks()
    assert "more than 1500 outcomes" in large.loc["mixed model", "note"]
    copied = pl.compare([0.5] * 3, [0.4] * 3).checks()
    assert "that differ" in copied.loc["Welch's t test", "note"]
    with pytest.raises(ArgumentError, match="draws"):
        pl.compare([0.7, 0.8], [0.6, 0.7]).checks(draws=0)
