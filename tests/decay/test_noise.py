"""What a curve tells about its errors: correlation of the depths, dispersion over Gaussian runs."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import predictlab as pl
from predictlab.decay._noise import TAIL_FACTOR, Noise, chain, squared_correlation

STEPS = [3, 7, 15, 31, 63, 127, 255, 511]
WORLD = pl.worlds.MartingaleWorld(0.02, 1.0, 1.0)


def test_chain_is_the_product_of_its_links():
    np.testing.assert_allclose(chain(np.array([0.5, 0.8])), [[1, 0.5, 0.4], [0.5, 1, 0.8], [0.4, 0.8, 1]])


def test_correlation_is_that_of_the_world_when_the_runs_are_many():
    """In a martingale world corr² of the errors at c < c' is L(c') / L(c): a chain."""
    noise = Noise.of(WORLD.spread(20_000, STEPS, 0))
    risk = WORLD.risk(STEPS)
    later = np.maximum.outer(np.arange(8), np.arange(8))
    earlier = np.minimum.outer(np.arange(8), np.arange(8))
    np.testing.assert_allclose(noise.correlation, risk[later] / risk[earlier], atol=0.03)
    np.testing.assert_allclose(noise.weight @ noise.correlation, np.eye(8), atol=0.05)


def test_correlation_is_unbiased_enough_with_few_runs():
    """Each squared correlation is; those of the noise are drawn towards their mean, half way with 11 df."""
    curves = [WORLD.spread(12, STEPS, s) for s in range(300)]
    own = np.mean([np.diag(squared_correlation(c.errors, c.df), 1) for c in curves], axis=0)
    risk = WORLD.risk(STEPS)
    np.testing.assert_allclose(own, risk[1:] / risk[:-1], atol=0.06)
    shrunk = np.mean([np.diag(Noise.of(c).correlation, 1) for c in curves], axis=0)
    np.testing.assert_allclose(shrunk, own.mean() + (own - own.mean()) * 11 / 21, atol=0.03)


@pytest.mark.parametrize("runs", [8, 32, 128])
@pytest.mark.parametrize("known_mean", [False, True])
def test_dispersion_of_gaussian_runs_is_near_one(runs, known_mean):
    make = WORLD.curve if known_mean else WORLD.spread
    values = [Noise.of(make(runs, STEPS, s, independent=True)).dispersion for s in range(200)]
    assert min(values) == 1.0
    assert np.median(values) == pytest.approx(1.0, abs=0.05)
    assert np.mean(values) < 1.25


def test_dispersion_of_heavy_tails_is_their_kurtosis():
    """Var log U is (kurtosis - 1) / n, for a Gaussian 2 / n: of t with 20 df, kurtosis 3.375, the ratio is 1.19."""
    world = pl.worlds.MartingaleWorld(1.0, 1e-9, 1.0, tail=20)  # nothing but the floor: one innovation
    noise = Noise.of(world.spread(20_000, STEPS, 1, independent=True))
    assert (noise.dispersion - 1) / TAIL_FACTOR == pytest.approx(2.375 / 2 - 1, abs=0.04)
    heavy = pl.worlds.MartingaleWorld(0.0, 1.0, 1.0, tail=5)
    assert np.median([Noise.of(heavy.spread(64, STEPS, s)).dispersion for s in range(50)]) > 1.3


def test_numbers_alone_are_taken_at_their_df():
    noise = Noise.of(pl.RiskCurve(depth=[4, 8, 16, 32], risk=[1, 0.5, 0.25, 0.1], df=15))
    assert (noise.correlation, noise.weight, noise.dispersion, noise.dispersion_df) == (None, None, 1.0, np.inf)
    assert noise.cut(0.95) == pytest.approx(stats.chi2.ppf(0.95, 1))
    assert noise.p_value(3.84, 1) == pytest.approx(0.05, abs=1e-3)


def test_a_covariance_given_is_used_as_it_is():
    covariance = WORLD.log_covariance(30, STEPS, df=29)
    curve = WORLD.spread(30, STEPS, 0, known_covariance=True)
    noise = Noise.of(curve)
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(noise.correlation, covariance / np.outer(sd, sd))
    assert noise.dispersion == pytest.approx(1.0)
    heavier = pl.RiskCurve(depth=[4, 8, 16, 32], risk=[1, 0.5, 0.25, 0.1], df=20, log_covariance=np.eye(4) * 0.3)
    assert Noise.of(heavier).dispersion == pytest.approx(3.0)


def test_an_estimated_dispersion_costs_degrees_of_freedom():
    noise = Noise.of(WORLD.spread(8, STEPS, 0))
    assert noise.dispersion_df == 7
    assert noise.cut(0.95) == pytest.approx(noise.dispersion * stats.f.ppf(0.95, 1, 7))
    assert Noise.of(WORLD.spread(8, STEPS, 0), correlated=False).weight is None


def test_later_depths_keep_their_noise():
    noise = Noise.of(WORLD.spread(16, STEPS, 0))
    rest = noise.from_index(3)
    np.testing.assert_array_equal(rest.correlation, noise.correlation[3:, 3:])
    assert rest.dispersion == noise.dispersion
    assert noise.from_index(0) is noise


def test_groups_are_the_units_of_the_dispersion():
    """Rows of a group that are copies of each other are one observation: groups - 1 degrees of freedom, more spread."""
    errors = np.repeat(np.random.default_rng(0).standard_normal((40, 4)), 3, axis=0)
    fields = {"depth": [4, 8, 16, 32], "risk": np.mean(errors**2, axis=0), "df": 120, "estimator": "residual"}
    apart = Noise.of(pl.RiskCurve(**fields, errors=errors))
    grouped = Noise.of(pl.RiskCurve(**fields, errors=errors, groups=np.repeat(np.arange(40), 3)))
    assert (apart.dispersion_df, grouped.dispersion_df) == (119, 39)
    assert grouped.dispersion > 2 * apart.dispersion


@pytest.mark.filterwarnings("error")
def test_a_depth_at_which_all_runs_agree_says_nothing_about_tails():
    rng = np.random.default_rng(0)
    values = 0.5 + rng.standard_t(3, size=(12, 6)) / (10 * 2.0 ** np.arange(6))
    values[:, 3] = 0.5
    columns = ["task", "run", "depth", "metric", "value", "status"]
    rows = [("t", f"t:{s}", 2**i, "accuracy", values[s, i], "ok") for s in range(12) for i in range(6)]
    runs = pd.DataFrame(rows, columns=columns)
    whole, part = (pl.DecayModel(pl.risk_curve(frame, "t")).fit("gamma") for frame in (runs, runs[runs["depth"] != 8]))
    assert whole.noise.dispersion == pytest.approx(part.noise.dispersion)
    assert part.noise.dispersion > 1.5
