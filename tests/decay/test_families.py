"""Rivals of the power law: their clocks against formulas, their draws against curves that they made."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.decay._families import EXPONENTIAL, POWER_LAW, families, learning_rate
from predictlab.decay._posterior import Curves
from predictlab.decay._shapes import Shapes
from predictlab.errors import ArgumentError

DEPTH = 2.0 ** np.arange(2, 11)
LOG = np.log(DEPTH)
LAST = LOG[-1]


def shape(family, rate, logit, of):
    """One shape without a rise, of a family."""
    one = [np.array([float(v)]) for v in (rate, logit, 0.0, 0.0, 1.0)]
    return Shapes(*one, np.array([family]), of)


def curve(risk, runs=24, seed=0, depth=DEPTH):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((runs, len(risk)))
    for i in range(1, len(risk)):
        z[:, i] = 0.9 * z[:, i - 1] + np.sqrt(0.19) * z[:, i]
    errors = (z - z.mean(axis=0)) * np.sqrt(risk)
    return pl.RiskCurve(depth, np.sum(errors**2, axis=0) / (runs - 1), runs - 1, errors=errors, estimator="spread")


def test_an_exponential_is_its_formula():
    of = shape(1, 2.0, -0.4, (POWER_LAW, EXPONENTIAL))
    t = 1 / (1 + np.exp(0.4))
    expected = np.log(t + (1 - t) * np.exp(-2.0 * (DEPTH / 1024 - 1)))
    np.testing.assert_allclose(of.log_risk(LOG, LAST)[0], expected)
    # local slope at the last depth: -2 of what decays, which is 1 - t of the risk there
    assert of.slope(LOG[-1:], LAST)[0, 0] == pytest.approx(-2.0 * (1 - t), rel=1e-3)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_a_schedule_is_the_learning_rate_to_a_power_and_flat_beyond_its_horizon(kind):
    recipe = pl.Recipe(steps=1024, schedule=kind)
    family = learning_rate(kind, 1024)
    of = shape(2, 1.5, -np.inf, (POWER_LAW, EXPONENTIAL, family))
    eta = np.array([recipe.learning_rate_at(int(c) - 1) for c in DEPTH]) / recipe.learning_rate
    eta = np.maximum(eta, 1 / 1024)
    np.testing.assert_allclose(of.log_risk(LOG, LAST)[0], 1.5 * np.log(eta / eta[-1]), atol=1e-9)
    beyond = of.log_risk(LAST + np.log([2.0, 1000.0]), LAST)[0]
    np.testing.assert_allclose(beyond, 0.0, atol=1e-12)
    assert np.diff(family.clock(np.log(np.arange(1.0, 1025)), LAST)).min() >= 0


@pytest.mark.parametrize("kind", ["constant", "poly:0.7", None])
def test_no_family_of_its_own_where_the_learning_rate_does_not_end_at_0(kind):
    assert learning_rate(kind, 64) is None
    assert learning_rate("linear", None) is None
    assert [f.name for f in families(kind, 64, True)] == ["power", "exponential"]
    assert [f.name for f in families("linear", 64, True)] == ["power", "exponential", "schedule"]
    assert families("linear", 64, False) == (POWER_LAW,)


def test_depths_of_each_curve_s_own():
    """(n, m) depths are those of the same curve at (m,)."""
    of = (POWER_LAW, EXPONENTIAL, learning_rate("linear", 1024))
    u = np.random.default_rng(0).random((30, 6))
    shapes = Shapes.at(u, LOG, np.arange(30) % 3, of)
    both = np.broadcast_to(LOG, (30, len(LOG)))
    np.testing.assert_allclose(shapes.log_risk(both, LAST), shapes.log_risk(LOG, LAST))
    np.testing.assert_allclose(shapes.slope(both, LAST), shapes.slope(LOG, LAST))
    np.testing.assert_allclose(shapes.first(7).log_risk(LOG, LAST), shapes.log_risk(LOG, LAST)[:7])


def test_the_law_of_a_rival_is_a_power_law_through_its_last_octave():
    of = (POWER_LAW, EXPONENTIAL)
    shapes = Shapes.at(np.random.default_rng(1).random((40, 6)), LOG, np.arange(40) % 2, of)
    drawn = Curves(shapes, np.zeros(40), np.ones((40, len(LOG))), LOG, np.ones(40))
    limit, scale, rate = drawn.parameters().T
    for c in (512.0, 1024.0):
        own = np.exp(shapes.log_law(np.log([c]), LAST)[:, 0])
        np.testing.assert_allclose(limit + scale * c**-rate, own, rtol=1e-9)
    np.testing.assert_allclose(rate[shapes.family == 0], shapes.rate[shapes.family == 0])


def test_each_family_is_found_where_it_made_the_curve():
    falls = {"power": 3 * DEPTH**-1.0, "exponential": np.exp(-6 * DEPTH / 1024)}
    for name, risk in falls.items():
        fit = pl.DecayModel(pl.RiskCurve(DEPTH, risk, 300), dispersion=1).fit()
        assert fit.families.idxmax() == name
        assert fit.families[name] > 0.9
        assert fit.families.sum() == pytest.approx(1)
    recipe = pl.Recipe(steps=1024)
    risk = np.array([recipe.learning_rate_at(int(c) - 1) for c in DEPTH])
    of = pl.RiskCurve(DEPTH, risk + 0.02 * risk[0], 300, horizon=1024, schedule="linear")
    fit = pl.DecayModel(of, dispersion=1).fit()
    assert fit.families.idxmax() == "schedule"


def test_a_flat_curve_is_not_taken_for_an_exponential_that_has_not_begun():
    """Its time would be longer than all that was measured: such ones are not believed."""
    fit = pl.DecayModel(pl.RiskCurve(DEPTH, np.full(len(DEPTH), 0.01), 60), dispersion=1).fit()
    assert fit.families["exponential"] < 0.1
    assert np.mean(fit.sample(4000).lasting() > 0.002) > 0.95
    shapes = fit.sample(4000).curves.shapes
    assert shapes.rate[shapes.family == 1].min() >= 1


def test_a_curve_that_says_little_keeps_the_prior():
    fit = pl.DecayModel(pl.RiskCurve([4, 8, 16], [3.0, 2.0, 1.4], 2)).fit()
    assert fit.families["exponential"] == pytest.approx(0.4 / 1.4, abs=0.15)


def test_alpha_is_that_of_the_power_law_alone():
    """Where the fall is exponential and clearly so, alpha still has an interval, and it is said to be none."""
    risk = np.exp(-6 * DEPTH / 1024) + 0.001
    fit = pl.DecayModel(pl.RiskCurve(DEPTH, risk, 300), dispersion=1).fit()
    lower, upper = fit.conf_int().loc["decay_rate"]
    assert lower <= fit.params["decay_rate"] <= upper
    assert any("exponential with probability" in line for line in fit.cautions())
    assert fit.slope[0] == pytest.approx(-6 * np.exp(-6) / (np.exp(-6) + 0.001), rel=0.15)


def test_draws_are_averaged_and_can_be_without_rivals():
    of = curve(3 * DEPTH**-0.8, runs=8, seed=3)
    both, alone = pl.DecayModel(of).fit(), pl.DecayModel(of, rivals=False).fit()
    assert alone.families.to_dict() == pytest.approx({"power": 1.0})
    drawn = both.sample(4000).curves.shapes.family
    assert np.mean(drawn == 1) == pytest.approx(both.families["exponential"], abs=0.02)
    # an exponential ends: averaged over, where the risk falls like one, the risk far out reaches lower by far
    falls = curve(3 * np.exp(-DEPTH / 256), runs=24, seed=3)
    fits = pl.DecayModel(falls).fit(), pl.DecayModel(falls, rivals=False).fit()
    far = [np.quantile(fit.risk_draws([65536.0])[:, 0], 0.025) for fit in fits]
    assert far[0] < far[1] / 10


def test_compare_laws_shows_the_posterior_and_the_schedule():
    of = curve(3 * DEPTH**-0.8, runs=16, seed=4)
    fit = pl.DecayModel(replace(of, horizon=1024.0, schedule="linear")).fit()
    table = fit.compare_laws().set_index("law")
    laws = {"power + floor", "power", "exponential + floor", "schedule + floor", "floor only"}
    assert set(table.index) == laws
    assert table["probability"].sum() == pytest.approx(1, abs=0.02)
    assert pd.isna(table["probability"]["floor only"])
    assert "schedule + floor" not in set(pl.DecayModel(of).fit().compare_laws()["law"])
    summary = repr(fit.summary())
    assert "that of the learning rate" in summary


def test_the_likelihood_of_the_schedule_s_law_is_the_best_of_a_grid():
    recipe = pl.Recipe(steps=1024)
    rng = np.random.default_rng(5)
    eta = np.array([recipe.learning_rate_at(int(c) - 1) for c in DEPTH]) / recipe.learning_rate
    risk = (0.05 + eta**1.3) * rng.chisquare(15, len(DEPTH)) / 15
    of = pl.RiskCurve(DEPTH, risk, 15, horizon=1024, schedule="linear")
    fit = pl.DecayModel(of, burn_in=4).fit("gamma")
    found = fit.compare_laws().set_index("law")["deviance"]["schedule + floor"]
    powers, shares = np.geomspace(0.01, 50, 500)[:, None, None], np.geomspace(1e-5, 100, 500)[:, None]
    g = eta**powers + shares
    s = np.mean(risk / g, axis=-1, keepdims=True)
    least = np.min(15 * np.sum(risk / (s * g) - 1 - np.log(risk / (s * g)), axis=-1))
    assert found <= least + 1e-6
    assert found == pytest.approx(least, abs=0.01)


def test_a_dispersion_is_a_number_of_at_least_1():
    of = pl.RiskCurve(DEPTH, 3 * DEPTH**-0.8, 15)
    for bad in (0.5, np.inf, np.nan):
        with pytest.raises(ArgumentError, match="dispersion"):
            pl.DecayModel(of, dispersion=bad)


def test_a_law_is_rejected_late_where_no_family_that_is_averaged_fits():
    ends = pl.RiskCurve(DEPTH, np.exp(-6 * DEPTH / 1024) + 0.001, 300)
    assert pl.DecayModel(ends, dispersion=1, rivals=False).fit().late_fit.p_value < 1e-6
    assert pl.DecayModel(ends, dispersion=1).fit().late_fit.p_value > 0.5
    # the last step is a fall: one that rises is fitted better by a curve that is not past its peak, which is said then
    waves = pl.RiskCurve(DEPTH, 3 / DEPTH * np.exp(-0.5 * np.cos(np.arange(9) * np.pi)), 300)
    assert pl.DecayModel(waves, dispersion=1).fit().late_fit.p_value < 1e-6
