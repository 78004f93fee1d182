"""The law of the errors of log risks: against simulation, and what a curve of numbers is taken to know."""

import numpy as np
import pytest
from scipy.special import polygamma

import predictlab as pl
from predictlab.decay._noise import UNKNOWN_DISPERSION, freedom, log_errors

DEPTH = 2.0 ** np.arange(2, 11)


def runs_of(tails, runs, rng, r=0.7):
    """Values (runs, 2) of two depths with correlation `r`, one scale a run where tails are heavy."""
    z = rng.standard_normal((runs, 2))
    z[:, 1] = r * z[:, 0] + np.sqrt(1 - r * r) * z[:, 1]
    return z * np.sqrt(tails / rng.chisquare(tails + 2, (runs, 1))) if tails else z


@pytest.mark.parametrize("variance", [1e-6, 0.03, 0.8, 1.2, 40.0])
def test_freedom_is_that_of_a_mean_square_whose_logarithm_varies_so(variance):
    assert polygamma(1, freedom(variance) / 2) == pytest.approx(variance)


def test_tails_of_runs_are_shared_by_depths():
    """Scales 4 times as variable as a Gaussian's fourth moment allows: t with 9 degrees of freedom, 400 runs."""
    rng, n = np.random.default_rng(0), 400
    logs = []
    for _ in range(4000):
        values = runs_of(7.0, n, rng)
        logs.append(np.log(values.var(axis=0, ddof=1)))
    covariance = np.cov(np.array(logs).T)
    phi = covariance[0, 0] / polygamma(1, (n - 1) / 2)
    assert phi == pytest.approx(1 + 3 * (7 / 5 - 1) / 2, rel=0.1)  # E w^2 / (E w)^2 - 1 = 2 / 5 of inverse chi²
    correlation = np.array([[1.0, 0.49], [0.49, 1.0]])
    expected = log_errors(np.full(2, n - 1.0), [correlation], {float(phi): 1.0})[0]
    np.testing.assert_allclose(expected.covariance, covariance, rtol=0.06)


def test_of_gaussian_runs_the_covariance_is_that_of_squares():
    df, r2 = np.full(2, 11.0), np.array([[1.0, 0.5], [0.5, 1.0]])
    law = log_errors(df, [r2], {1.0: 1.0})[0]
    np.testing.assert_allclose(law.covariance, polygamma(1, 5.5) * r2)


def test_numbers_are_as_wide_as_the_dispersion_they_are_given():
    risk = 3 * DEPTH**-0.8
    of = pl.RiskCurve(DEPTH, risk, 15)

    def width(**given):
        low, high = np.quantile(pl.DecayModel(of, **given).fit().risk_draws(DEPTH[-1:]), [0.025, 0.975])
        return np.log(high / low)

    one, four, unknown = width(dispersion=1), width(dispersion=4), width()
    assert one < unknown < four
    assert four == pytest.approx(2 * one, rel=0.2)
    assert sum(UNKNOWN_DISPERSION.values()) == pytest.approx(1)


def test_level_draws_are_skewed_as_those_of_a_variance():
    """One level, depths that say the same: the draws are those of an inverse chi²."""
    df = 5.0
    of = pl.RiskCurve([4, 8, 16], [1.0, 1.0, 1.0], df, log_covariance=np.full((3, 3), 0.98) * polygamma(1, 2.5)
                      + 0.02 * polygamma(1, 2.5) * np.eye(3))  # fmt: skip
    draws = np.log(pl.DecayModel(of, dispersion=1).fit().risk_draws([16.0], 4000)[:, 0])
    middle = np.median(draws)
    assert np.quantile(draws, 0.975) - middle > 1.1 * (middle - np.quantile(draws, 0.025))
