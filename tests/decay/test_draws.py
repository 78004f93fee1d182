"""Draws from the likelihood: the density they follow, their coverage, and correlated depths."""

import numpy as np
import pytest
from scipy import integrate, stats

import predictlab as pl
from predictlab.decay import _draws as dr
from predictlab.decay import _law as lk
from predictlab.decay._noise import Noise

DEPTH = np.array([4.0, 8, 16, 32, 64, 128, 256])
DF = np.full(7, 15.0)


INDEPENDENT = Noise(None, 1.0, np.inf)


def draw(risk, n=20_000, seed=0, dispersion=1.0, df=DF, noise=None):
    noise = noise or Noise(None, dispersion, np.inf)
    return dr.likelihood_draws(DEPTH, risk, df, n, np.random.default_rng(seed), noise)


def risk_of(seed, floor=0.05, scale=4.0, rate=1.0):
    return (floor + scale * DEPTH**-rate) * np.random.default_rng(seed).chisquare(DF) / DF


@pytest.mark.parametrize("dispersion", [1.0, 2.5])
def test_draws_follow_the_integrated_likelihood(dispersion):
    """The posterior mean of log alpha by quadrature over all three parameters, without the closed form in s."""
    risk = risk_of(2)
    log_a = np.linspace(np.log(dr.ALPHA_LOW), np.log(lk.alpha_max(DEPTH)), 81)
    log_x = np.linspace(np.log(DEPTH[0] / dr.CROSS_BEFORE), np.log(DEPTH[-1] * dr.CROSS_BEYOND), 81)
    log_s = np.linspace(np.log(risk[-1]) - 4, np.log(risk[-1]) + 4, 161)
    a, x, s = np.meshgrid(np.exp(log_a), np.exp(log_x), np.exp(log_s), indexing="ij")
    deviance = np.zeros_like(a)
    # floor and decaying part are equal at depth x, and add up to s at the last depth
    part = (DEPTH[-1] / x) ** -a
    for c, u, df in zip(DEPTH, risk, DF, strict=True):
        mu = s * (1 + (c / x) ** -a) / (1 + part)
        deviance += df * (u / mu - 1 - np.log(u / mu))
    weight = np.exp(-deviance / 2 / dispersion).sum((1, 2))
    mean = integrate.trapezoid(weight * log_a, log_a) / integrate.trapezoid(weight, log_a)
    sd = np.sqrt(integrate.trapezoid(weight * (log_a - mean) ** 2, log_a) / integrate.trapezoid(weight, log_a))
    rate = np.log(draw(risk, dispersion=dispersion)[2])
    assert rate.mean() == pytest.approx(mean, abs=5 * sd / np.sqrt(len(rate)) + 0.005)
    assert rate.std() == pytest.approx(sd, rel=0.05)


def test_draws_centre_on_the_truth_and_narrow_with_the_runs():
    """At df = 2000 the draws are Gaussian around the truth with the expected information's standard errors."""
    df = np.full(7, 2000.0)
    mu = 0.05 + 4.0 / DEPTH
    x = np.stack([0.05 / mu, 4.0 / DEPTH / mu, -4.0 / DEPTH / mu * np.log(DEPTH)], axis=1)
    se = np.sqrt(np.diag(np.linalg.inv(x.T @ (x * 1000))))
    floor, scale, rate = draw(mu, df=df)
    for got, value, error in [
        (np.log(floor), np.log(0.05), se[0]),
        (np.log(scale), np.log(4), se[1]),
        (rate, 1, se[2]),
    ]:
        assert got.mean() == pytest.approx(value, abs=0.25 * error)
        assert got.std() == pytest.approx(error, rel=0.12)


def test_dispersion_widens_and_stays_finite():
    risk = risk_of(1)
    narrow, wide = draw(risk)[2], draw(risk, dispersion=4.0)[2]
    assert np.std(np.log(wide)) > 1.3 * np.std(np.log(narrow))
    for parameters in draw(risk, dispersion=200.0):
        assert np.all(np.isfinite(parameters))
        assert np.all(parameters >= 0)


@pytest.mark.parametrize("times", [1e-12, 1e6])
def test_draws_scale_with_the_risk(times):
    risk = risk_of(1)
    here, there = draw(risk, 500), draw(risk * times, 500)
    np.testing.assert_allclose(there[0], here[0] * times, rtol=1e-6)
    np.testing.assert_allclose(there[1], here[1] * times, rtol=1e-6)
    np.testing.assert_allclose(there[2], here[2], rtol=1e-6)


def test_odd_depths_give_finite_draws():
    depth = np.array([100.0, 101, 1e4, 1e6, 1e9])
    values = dr.likelihood_draws(depth, np.ones(5), np.full(5, 15.0), 200, np.random.default_rng(0), INDEPENDENT)
    assert np.all(np.isfinite(values))


def test_quantiles_of_the_risk_cover():
    """Central 90 % intervals of L(c), first and last depth, in an identified world: 300 repeats of 16 runs."""
    world, depths, repeats = pl.worlds.MartingaleWorld(0.02, 1.0, 1.0), DEPTH.astype(int) - 1, 300
    truth = world.risk(depths)[[0, -1]]
    inside = []
    for seed in range(repeats):
        curve = world.curve(15, depths, seed, independent=True)
        floor, scale, rate = draw(curve.risk, 1000)
        curves = lk.law(DEPTH[[0, -1], None], floor, scale, rate)
        lower, upper = np.quantile(curves, [0.05, 0.95], axis=1)
        inside.append((lower <= truth) & (truth <= upper))
    coverage = np.mean(inside, axis=0)
    # 0.9 less 4 binomial standard errors; the reference is vague, not calibrated, so a little more is allowed above
    assert np.all(coverage > 0.9 - 4 * np.sqrt(0.09 / repeats))
    assert np.all(coverage < 0.975)


def test_a_dispersion_that_is_estimated_widens_the_draws_further():
    """Student's t in place of the Gaussian: with 7 degrees of freedom wider, with a million the same."""
    risk = risk_of(3)
    known, few, many = (
        np.log(draw(risk, 40_000, noise=Noise(None, 1.5, nu))[2]) for nu in (np.inf, 7.0, 1e6)
    )  # fmt: skip
    assert np.std(few) > 1.08 * np.std(known)
    assert np.std(many) == pytest.approx(np.std(known), rel=0.02)


def test_draws_use_the_correlation_of_the_depths():
    """A level that all depths share says nothing about the rate: the more of it, the surer the rate."""
    spread = []
    for r2 in (0.0, 0.9):
        correlation = np.full((7, 7), r2) + (1 - r2) * np.eye(7)
        noise = Noise(correlation, 1.0, np.inf)
        mu = 0.05 + 4.0 / DEPTH
        z = np.linalg.cholesky(correlation) @ np.random.default_rng(0).standard_normal(7)
        floor, scale, rate = draw(mu * np.exp(z * np.sqrt(2 / 15)), noise=noise)
        spread.append((np.std(np.log(rate)), np.std(np.log(lk.law(np.asarray(4.0), floor, scale, rate)))))
    assert spread[1][0] < 0.6 * spread[0][0]
    assert spread[1][1] > 0.6 * np.sqrt(2 / 15)


def test_draws_are_seeded_and_leave_the_global_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = draw(risk_of(1), 50), draw(risk_of(1), 50), draw(risk_of(1), 50, seed=1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_scale_given_shape_is_scaled_inverse_chi_square():
    """With so many runs at every depth that the shape is known, log s has the variance of log chi²."""
    df = np.full(7, 4000.0)
    floor, scale, rate = draw(0.05 + 4.0 / DEPTH, df=df)
    level = lk.law(np.asarray(DEPTH[3]), floor, scale, rate)
    assert np.std(np.log(level)) < 2 * np.sqrt(2 / 4000)
    assert np.std(np.log(level)) > np.sqrt(2 / df.sum())
    assert stats.skew(np.log(level)) == pytest.approx(0, abs=0.2)
