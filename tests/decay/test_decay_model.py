"""The decay fit as a whole: field notes reproduced, statsmodels agreement, coverage, burn-in, errors."""

import numpy as np
import pytest
from scipy import stats

import predictlab as pl
from predictlab.errors import ArgumentError, DataError

# docs/theory.md, section 7: sd of accuracy over 16 seeds of MiniLM-L6 at these steps
STEPS = [4, 8, 16, 32, 64, 128, 192]
FIELD = {
    "reviews": [0.045, 0.044, 0.052, 0.010, 0.008, 0.006, 0.005],
    "newsgroups": [0.013, 0.016, 0.021, 0.032, 0.031, 0.014, 0.008],
    "verbs": [0.022, 0.024, 0.025, 0.031, 0.022, 0.012, 0.008],
    "flipped": [0.017, 0.021, 0.015, 0.016, 0.016, 0.011, 0.010],
}


def field_fit(name):
    curve = pl.RiskCurve(depth=STEPS, risk=np.square(FIELD[name]), df=15, task=name, metric="accuracy")
    return pl.DecayModel(curve).fit("gamma")


def test_field_reviews_fall_too_fast_for_more_than_a_lower_bound():
    """docs/theory.md, section 7: alpha > 2.8, onto a floor of .006 (a standard deviation)."""
    fit = field_fit("reviews")
    assert fit.conf_int().loc["decay_rate", "lower"] == pytest.approx(2.9, abs=0.15)
    assert np.sqrt(fit.params["intrinsic_limit"]) == pytest.approx(0.006, abs=0.0005)
    assert fit.burn_in.first == 16


@pytest.mark.parametrize(("name", "rate", "lower", "upper"), [("verbs", 1.5, 1.0, 2.8), ("newsgroups", 1.7, 1.1, 2.4)])
def test_field_rates(name, rate, lower, upper):
    """docs/theory.md, section 7, to its one decimal (it rounds the standard deviations as well): no floor in sight."""
    fit = field_fit(name)
    assert fit.burn_in.first == 32  # the peak
    assert fit.identified
    assert fit.params["decay_rate"] == pytest.approx(rate, abs=0.1)
    assert tuple(fit.conf_int().loc["decay_rate"]) == pytest.approx((lower, upper), abs=0.11)
    assert fit.params["intrinsic_limit"] == 0


def test_field_flipped_labels_are_not_identified():
    """docs/theory.md, section 7: [0.1, unbounded]; floor and slow decay cannot be told apart with 16 seeds."""
    fit = field_fit("flipped")
    bounds = fit.conf_int()
    assert not fit.identified
    assert bounds.loc["decay_rate", "lower"] == pytest.approx(0.1, abs=0.05)
    assert np.isinf(bounds.loc[["decay_rate", "scale"], "upper"]).all()
    assert bounds.loc["intrinsic_limit", "lower"] == 0
    assert any("not identified" in caution for caution in fit.cautions())
    assert "not identified" in fit.summary()
    assert "not identified" in fit._repr_html_()


def curves():
    world = pl.worlds.MartingaleWorld(0.05, 4.0, 1.0)
    yield "inside", world.curve(31, [3, 7, 15, 31, 63, 127], 1, independent=True)
    yield "unequal df", pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[1.1, 0.45, 0.3, 0.14, 0.12], df=[3, 31, 7, 15, 90])
    yield "no floor", pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[1, 0.4, 0.2, 0.05, 0.02], df=15)
    yield "no decay", pl.RiskCurve(depth=[4, 8, 16, 32], risk=[0.1, 0.11, 0.1, 0.12], df=15)


@pytest.mark.parametrize(("kind", "curve"), list(curves()), ids=lambda v: v if isinstance(v, str) else "")
def test_statsmodels_glm_agrees(kind, curve):
    """Log-likelihood and coefficients of the Gamma GLM at the fitted rate, to 1e-6, at boundaries as well."""
    fit = pl.DecayModel(curve, burn_in=float(curve.depth[0]), correlated=False).fit("gamma")
    glm = fit.glm
    if kind == "no floor":
        assert fit.params["intrinsic_limit"] == 0
    if kind == "no decay":
        assert fit.params["scale"] == 0
        assert np.isnan(fit.params["decay_rate"])
    mu = fit.predict(curve.depth)
    ours = stats.gamma.logpdf(curve.risk, curve.df / 2, scale=2 * mu / curve.df).sum()
    assert glm.llf == pytest.approx(ours, abs=1e-6)
    np.testing.assert_allclose(glm.fittedvalues, mu, rtol=1e-5)
    if "intrinsic_limit" in glm.params:
        assert glm.params["intrinsic_limit"] == pytest.approx(fit.params["intrinsic_limit"], rel=1e-4)
    if "scale" in glm.params:
        at_last = fit.params["scale"] * curve.depth[-1] ** -fit.params["decay_rate"]
        assert glm.params["scale"] == pytest.approx(at_last, rel=1e-4)
    assert glm.scale == 1.0
    assert fit.deviance == pytest.approx(glm.deviance, abs=1e-6)


def test_wald_and_profile_agree_when_the_runs_are_many():
    curve = pl.worlds.MartingaleWorld(0.05, 4.0, 1.0).curve(20_000, [3, 7, 15, 31, 63, 127], 2, independent=True)
    fit = pl.DecayModel(curve).fit("gamma")
    np.testing.assert_allclose(fit.conf_int(), fit.conf_int(method="wald"), rtol=0.02)
    np.testing.assert_array_equal(fit.conf_int().columns, ["lower", "upper"])
    wider = fit.conf_int(0.99)
    assert (wider["lower"] < fit.conf_int()["lower"]).all()
    assert (wider["upper"] > fit.conf_int()["upper"]).all()


def coverage(world, runs, repeats, independent):
    """Share of repeats whose 95 % profile interval holds the true rate, and of bounded intervals."""
    inside, identified = [], []
    for seed in range(repeats):
        fit = pl.DecayModel(world.spread(runs, [3, 7, 15, 31, 63, 127, 255, 511], seed, independent=independent)).fit(
            "gamma"
        )
        bounds = fit.conf_int().loc["decay_rate"]
        inside.append(bounds["lower"] <= world.decay_rate <= bounds["upper"])
        identified.append(fit.identified)
    return np.mean(inside), np.mean(identified)


@pytest.mark.parametrize(
    ("world", "independent"),
    [
        (pl.worlds.MartingaleWorld(0.01, 1.0, 1.0), True),
        (pl.worlds.MartingaleWorld(0.0, 1.0, 0.5), False),  # taken as independent it is covered at .88
        (pl.worlds.MartingaleWorld(0.01, 1.0, 1.0, tail=5), False),
    ],
    ids=["independent depths", "correlated depths", "heavy tails"],
)
def test_profile_interval_of_alpha_covers_near_nominal(world, independent):
    share, identified = coverage(world, 32, 80, independent)
    assert share > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 80)
    assert identified > 0.8


def test_burn_in_leaves_out_what_the_law_does_not_fit():
    curve = pl.RiskCurve(depth=[2, 4, 8, 16, 32, 64, 128], risk=[0.1, 0.3, 1, 0.5, 0.25, 0.125, 0.0625], df=40)
    fit = pl.DecayModel(curve).fit("gamma")
    assert (fit.burn_in.first, fit.burn_in.chosen) == (8, "auto")
    assert fit.burn_in.p_value > 0.99
    assert fit.params["decay_rate"] == pytest.approx(1, abs=1e-3)
    assert len(fit.fitted.depth) == 5
    assert len(fit.curve.depth) == 7
    assert "fitted depths 8 to 128 (5 of 7)" in fit.summary()


def test_burn_in_can_be_given_and_its_lack_of_fit_is_told():
    curve = pl.RiskCurve(depth=[2, 4, 8, 16, 32, 64], risk=[1, 0.01, 1, 0.02, 1, 0.01], df=40)
    auto, given = pl.DecayModel(curve).fit("gamma"), pl.DecayModel(curve, burn_in=4).fit("gamma")
    assert auto.burn_in.p_value < 0.05
    assert any("does not fit from any depth" in caution for caution in auto.cautions())
    assert (given.burn_in.first, given.burn_in.chosen) == (4, "given")


def test_summary_frame_and_predict():
    fit = field_fit("verbs")
    frame = fit.summary_frame([40, 80, 160])
    assert list(frame.columns) == ["depth", "mean", "mean_ci_lower", "mean_ci_upper", "floor"]
    assert (frame["mean_ci_lower"] < frame["mean"]).all()
    assert (frame["mean"] < frame["mean_ci_upper"]).all()
    by_hand = fit.params["intrinsic_limit"] + fit.params["scale"] * 80 ** -fit.params["decay_rate"]
    assert fit.predict(80)[0] == pytest.approx(by_hand) == frame["mean"][1]
    np.testing.assert_array_equal(fit.summary_frame()["depth"], [32, 64, 128, 192])


def test_units_move_through_the_results():
    """Risk in percentage points squared: L_int, K and their intervals times 1e4, alpha as it was."""
    percent = pl.RiskCurve(depth=STEPS, risk=np.square(FIELD["reviews"]) * 1e4, df=15)
    fit, other = field_fit("reviews"), pl.DecayModel(percent).fit("gamma")
    ratio = other.conf_int() / fit.conf_int()
    np.testing.assert_allclose(ratio.loc["intrinsic_limit"], 1e4, rtol=5e-3)
    np.testing.assert_allclose(ratio.loc["decay_rate"], 1, rtol=1e-4)
    np.testing.assert_allclose(other.draws(50)["intrinsic_limit"], 1e4 * fit.draws(50)["intrinsic_limit"], rtol=1e-6)


def test_draws_are_a_seeded_table():
    fit = field_fit("verbs")
    assert list(fit.draws(5).columns) == ["intrinsic_limit", "scale", "decay_rate"]
    assert fit.draws(5).equals(fit.draws(5, rng=0))
    assert not fit.draws(5).equals(fit.draws(5, rng=1))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda c: pl.DecayModel([1, 2]), ArgumentError, r"curve=\[1, 2\]: expected a RiskCurve. Make one with"),
        (lambda c: pl.DecayModel(pl.risk.from_depth(c, 128)), DataError, "2 depths; .*needs 3 from its first depth"),
        (
            lambda c: pl.DecayModel(pl.risk.from_depth(c, 64)).fit("gamma"),
            DataError,
            "3 depths; .*needs 4 .* Probe more",
        ),
        (
            lambda c: pl.DecayModel(c, burn_in=128),
            ArgumentError,
            r"burn_in=128: expected 'auto' or a depth that leaves 3",
        ),
        (lambda c: pl.DecayModel(c, burn_in=5), ArgumentError, r"burn_in=5: .*one of \[4.0, 8.0, 16.0, 32.0, 64.0\]"),
        (lambda c: pl.DecayModel(c, burn_in="peak"), ArgumentError, "burn_in='peak'"),
        (
            lambda c: pl.DecayModel(c, significance=0),
            ArgumentError,
            r"significance=0: expected a level of a test in \(0, 1\)",
        ),
        (
            lambda c: pl.DecayModel(c).fit("ols"),
            ArgumentError,
            "method='ols': expected one of 'posterior', 'gamma', 'gee', 'loglog'",
        ),
        (
            lambda c: pl.DecayModel(c).fit("gamma").conf_int(0),
            ArgumentError,
            "confidence=0: expected a confidence level",
        ),
        (
            lambda c: pl.DecayModel(c).fit("gamma").conf_int(method="guess"),
            ArgumentError,
            "method='guess': expected one of 'profile', 'wald', 'bootstrap', 'gee'",
        ),
        (
            lambda c: pl.DecayModel(c).fit("gamma").predict([0, 4]),
            ArgumentError,
            r"depths=\[0, 4\]: expected finite depths > 0",
        ),
        (lambda c: pl.DecayModel(c).fit("gamma").draws(0), ArgumentError, "draws=0: expected a whole number >= 1"),
        (
            lambda c: pl.DecayModel(c).fit("gamma").summary_frame(confidence=1),
            ArgumentError,
            "confidence=1: expected a confidence level",
        ),
    ],
)
def test_bad_input_is_named(make, error, message):
    curve = pl.RiskCurve(depth=STEPS, risk=np.square(FIELD["verbs"]), df=15, task="verbs")
    with pytest.raises(error, match=message):
        make(curve)


def test_examples_in_the_docstrings_run():
    import doctest

    from predictlab.decay import _model as model

    found = doctest.testmod(model)
    assert (found.failed, found.attempted > 0) == (0, True)
