"""Thousands of fits at once against the thorough search of each, statsmodels and finite differences."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import chi2, norm

from predictlab.decay import _law as likelihood
from predictlab.decay import _solver as solver
from predictlab.decay._law import deviance

DEPTH = 2.0 ** np.arange(2, 10)
LADDERS = [DEPTH, DEPTH[:4], np.array([8.0, 16, 32, 64, 128, 192]), np.array([1.0, 10, 11, 300, 5000])]


def weight_of(k, correlation):
    gap = np.abs(np.subtract.outer(np.arange(k), np.arange(k)))
    return None if correlation == 0 else np.linalg.inv(correlation**gap + 1e-3 * np.eye(k))


def curves(depth, rate, floor, df, correlation, n, seed):
    """Gamma estimates of a law, depths correlated as a chain."""
    gap = np.abs(np.subtract.outer(np.arange(len(depth)), np.arange(len(depth))))
    root = np.linalg.cholesky((correlation if correlation else 1e-12) ** gap)
    z = np.random.default_rng(seed).standard_normal((n, len(depth))) @ root.T
    return (floor + (1 - floor) * (depth / depth[0]) ** -rate) * chi2.ppf(norm.cdf(z), df) / df


@pytest.mark.parametrize("correlation", [0, 0.8, 0.97])
@pytest.mark.parametrize(
    ("rate", "floor", "df"), [(0.1, 0.5, 3.0), (0.5, 0.0, 7.0), (1.0, 0.05, 127.0), (4.0, 0.5, 31.0)]
)
def test_all_at_once_finds_what_the_thorough_search_finds(rate, floor, df, correlation, thorough):
    for i, depth in enumerate(LADDERS):
        weight, each = weight_of(len(depth), correlation), np.full(len(depth), df)
        risk = curves(depth, rate, floor, df, correlation, 4, seed=i)
        least = solver.fit_many(depth, risk, each, weight)[3]
        assert np.all(least <= np.array([thorough(depth, row, each, weight) for row in risk]) + 1e-6)


@pytest.mark.parametrize("correlation", [0, 0.9])
def test_what_is_found_has_the_deviance_that_is_told_and_cannot_be_bettered_nearby(correlation):
    df, rng = np.full(8, 15.0), np.random.default_rng(3)
    weight = weight_of(8, correlation)
    risk = curves(DEPTH, 0.7, 0.1, 15.0, correlation, 400, seed=8)
    floor, scale, rate, least = solver.fit_many(DEPTH, risk, df, weight)

    def at(floor, scale, rate):
        return deviance(risk, df, likelihood.law(DEPTH, floor[:, None], scale[:, None], rate[:, None]), weight)

    assert at(floor, scale, np.nan_to_num(rate)) == pytest.approx(least, abs=1e-9)
    assert (floor == 0).any()
    assert (floor > 0).any()
    top = likelihood.alpha_max(DEPTH)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(20):
            shift = rng.normal(0, size, (3, len(risk)))
            near = np.clip(np.nan_to_num(rate, nan=1.0) * np.exp(shift[2]), likelihood.ALPHA_MIN, top)
            other = np.where(floor > 0, floor, 1e-3 * risk.min(axis=1) * rng.uniform(size=len(risk))) * np.exp(shift[0])
            # the level at the geometric mean of the depths stays when the rate moves
            kept = scale * np.exp((near - np.nan_to_num(rate)) * np.log(DEPTH).mean()) * np.exp(shift[1])
            assert np.all(at(other, kept, near) >= least - 1e-8)


def test_deviance_agrees_with_statsmodels():
    df = np.full(8, 15.0)
    risk = curves(DEPTH, 1.0, 0.05, 15.0, 0, 40, seed=3)
    floor, scale, rate, least = solver.fit_many(DEPTH, risk, df)
    inside = np.flatnonzero((floor > 0) & (scale > 0))
    assert len(inside) > 20
    for i in inside:
        x = np.stack([np.ones(8), (DEPTH / DEPTH[-1]) ** -rate[i]], axis=1)
        model = sm.GLM(risk[i], x, family=sm.families.Gamma(sm.families.links.Identity()), var_weights=df / 2)
        done = model.fit(start_params=[floor[i], scale[i] * DEPTH[-1] ** -rate[i]], scale=1.0, tol=1e-12)
        assert least[i] == pytest.approx(done.deviance, abs=1e-6)


def test_every_curve_may_have_its_own_degrees_of_freedom(thorough):
    rng = np.random.default_rng(0)
    df = rng.integers(3, 40, (30, 8)).astype(float)
    risk = (0.1 + DEPTH**-0.8) * rng.chisquare(df) / df
    together = solver.fit_many(DEPTH, risk, df)[3]
    for row, each, least in zip(risk, df, together, strict=True):
        assert solver.fit(DEPTH, row, each).deviance == pytest.approx(least, abs=1e-6)
        assert least <= thorough(DEPTH, row, each) + 1e-6


def test_boundaries_are_found_exactly():
    df = np.full(8, 31.0)
    falling, flat, rising = DEPTH**-1.5, np.full(8, 0.3), DEPTH**0.5
    floor, scale, rate, least = solver.fit_many(DEPTH, np.stack([falling, flat, rising]), df)
    assert floor[0] == 0
    assert rate[0] == pytest.approx(1.5, rel=1e-4)
    assert scale[0] == pytest.approx(1, rel=1e-3)
    assert np.all(scale[1:] == 0)
    assert np.isnan(rate[1:]).all()
    assert floor[1:] == pytest.approx([0.3, rising.mean()], rel=1e-9)
    assert least[:2] == pytest.approx([0, 0], abs=1e-9)


def test_scale_and_unit_of_depth_change_nothing():
    df = np.full(8, 7.0)
    risk = curves(DEPTH, 0.5, 0.1, 7.0, 0, 50, seed=2)
    base, other = solver.fit_many(DEPTH, risk, df), solver.fit_many(DEPTH * 512, risk * 1e-9, df)
    assert other[3] == pytest.approx(base[3], abs=1e-6)
    assert other[0] == pytest.approx(base[0] * 1e-9, rel=1e-2, abs=1e-15)


def test_one_curve_alone_and_none():
    df = np.full(8, 15.0)
    risk = curves(DEPTH, 1.0, 0.05, 15.0, 0, 300, seed=6)
    together = solver.fit_many(DEPTH, risk, df)[3]
    assert solver.fit_many(DEPTH, risk[7:8], df)[3] == pytest.approx(together[7:8], abs=1e-8)
    assert all(len(part) == 0 for part in solver.fit_many(DEPTH, risk[:0], df))


@pytest.mark.parametrize("correlation", [0, 0.8])
def test_derivatives_of_the_deviance(correlation):
    h = 1e-6
    risk = curves(DEPTH, 0.7, 0.1, 15.0, correlation, 6, seed=9)
    problem = solver.Problem.power(DEPTH, risk, np.full(8, 15.0), weight_of(8, correlation))
    theta = np.stack([np.linspace(0.01, 0.2, 6), risk[:, 0], np.linspace(-1, 1, 6)], axis=1)
    value, gradient, hessian, _ = problem.model(theta)
    mu = likelihood.law(DEPTH / DEPTH[0], *theta.T[:2, :, None], np.exp(theta[:, 2:]))
    assert value == pytest.approx(deviance(risk, np.full(8, 15.0), mu, weight_of(8, correlation)))
    for i in range(3):
        above, below = problem.model(theta + h * np.eye(3)[i]), problem.model(theta - h * np.eye(3)[i])
        assert gradient[i] == pytest.approx((above[0] - below[0]) / (4 * h), rel=1e-4, abs=1e-4)
        assert hessian[i] == pytest.approx((above[1] - below[1]) / (2 * h), rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("correlation", [0, 0.8])
def test_searches_start_near_the_best(correlation):
    df, weight = np.full(8, 15.0), weight_of(8, correlation)
    risk = curves(DEPTH, 1.0, 0.2, 15.0, correlation, 40, seed=4)
    problem = solver.Problem.power(DEPTH, risk, df, weight)
    curve, start = problem.starts()
    best = solver.fit_many(DEPTH, risk, df, weight)[3]
    nearest = np.full(40, np.inf)
    np.minimum.at(nearest, curve, problem.rows(curve).model(start)[0])
    assert np.all(nearest >= best - 1e-6)
    assert np.median(nearest - best) < 1
    assert np.max(nearest - best) < 5
