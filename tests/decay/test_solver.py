"""The vectorised solver against a fine grid and statsmodels (docs/theory.md, section 3)."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import gamma

from predictlab.decay import _law as likelihood
from predictlab.decay import _solver as solver
from predictlab.decay._law import deviance, logit_range, profile_scale, residuals, shape

DEPTH = 2.0 ** np.arange(2, 10)
SETTINGS = [(a, f, df) for a in (0.25, 0.5, 1.0, 2.0) for f in (0.0, 0.05, 0.5) for df in (7.0, 31.0)]


def curves(rate, floor, df, repeats, seed):
    truth = floor + (1 - floor) * (DEPTH / DEPTH[0]) ** -rate
    return truth * np.random.default_rng(seed).chisquare(df, (repeats, len(DEPTH))) / df


def finest(row, each, weight=None):
    """Least deviance on a fine grid of shapes, the scale profiled out."""
    u, rates = np.log(DEPTH / DEPTH[-1]), np.geomspace(likelihood.ALPHA_MIN, likelihood.alpha_max(DEPTH), 300)
    low, high = logit_range(u, rates)
    logits = low + np.linspace(0, 1, 300) * (high[:, None] - low)
    logits = np.concatenate([np.full((len(rates), 1), -np.inf), logits, np.full((len(rates), 1), np.inf)], axis=1)
    return profile_scale(row, each, shape(u, np.broadcast_to(rates[:, None], logits.shape), logits), weight)[0].min()


@pytest.mark.parametrize(("rate", "floor", "df"), SETTINGS)
def test_fits_are_as_good_as_a_fine_grid(rate, floor, df):
    risk, each = curves(rate, floor, df, 6, seed=int(100 * rate + 10 * floor + df)), np.full(len(DEPTH), df)
    gap = np.abs(np.subtract.outer(np.arange(len(DEPTH)), np.arange(len(DEPTH))))
    for weight in (None, np.linalg.inv(0.8**gap)):
        many = solver.fit_many(DEPTH, risk, each, weight)
        for i, row in enumerate(risk):
            least = finest(row, each, weight)
            assert solver.fit(DEPTH, row, each, weight).deviance <= least + 1e-6
            assert many[3][i] <= least + 1e-6


def test_log_likelihood_agrees_with_statsmodels():
    df = np.full(len(DEPTH), 15.0)
    seen = 0
    for row in curves(1.0, 0.05, 15.0, 8, seed=3):
        best = solver.fit(DEPTH, row, df)
        if best.intrinsic_limit == 0:
            continue
        seen += 1
        x = np.stack([np.ones_like(DEPTH), DEPTH**-best.decay_rate], axis=1)
        model = sm.GLM(row, x, family=sm.families.Gamma(sm.families.links.Identity()), var_weights=df / 2)
        done = model.fit(start_params=[best.intrinsic_limit, best.scale], scale=1.0, tol=1e-12)
        mu = np.asarray(done.fittedvalues)

        def loglik(m, row=row):
            return gamma.logpdf(row, df / 2, scale=2 * m / df).sum()

        mine = loglik(likelihood.law(DEPTH, best.intrinsic_limit, best.scale, best.decay_rate))
        assert mine == pytest.approx(loglik(mu), abs=1e-6)
        assert best.deviance == pytest.approx(done.deviance, abs=1e-6)
    assert seen >= 4


def test_correlated_deviance_is_the_gamma_deviance_without_correlation():
    row, df = curves(1.0, 0.05, 15.0, 1, seed=4)[0], np.full(len(DEPTH), 15.0)
    mu = likelihood.law(DEPTH, 0.05, 3.0, 1.0)
    gap = 2 * np.sum([gamma.logpdf(row, df / 2, scale=2 * m / df) for m in (row, mu)], axis=1) @ [1, -1]
    assert deviance(row, df, mu) == pytest.approx(gap, rel=1e-10)
    assert deviance(row, df, mu, np.eye(len(DEPTH))) == pytest.approx(gap, rel=1e-10)


def test_derivatives_of_the_residuals():
    ratio, df, h = np.array([0.2, 0.9, 0.9995, 1.0, 1.0007, 1.3, 4.0]), 9.0, 1e-5
    up, down = residuals(ratio * np.exp(-h), df), residuals(ratio * np.exp(h), df)
    _, slope, bend = residuals(ratio, df)
    assert slope == pytest.approx((up[0] - down[0]) / (2 * h), rel=1e-5)
    assert bend == pytest.approx((up[1] - down[1]) / (2 * h), rel=2e-3)


def test_correlated_fits_agree_one_by_one_and_together():
    gap = np.abs(np.subtract.outer(np.arange(len(DEPTH)), np.arange(len(DEPTH))))
    weight, df = np.linalg.inv(np.exp(-0.7 * gap)), np.full(len(DEPTH), 15.0)
    risk = curves(1.0, 0.05, 15.0, 12, seed=5)
    many = solver.fit_many(DEPTH, risk, df, weight)[3]
    for row, together in zip(risk, many, strict=True):
        assert solver.fit(DEPTH, row, df, weight).deviance == pytest.approx(together, abs=1e-6)
