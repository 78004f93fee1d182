"""What cannot be fitted says so and what to do; what is odd is fitted, wide, and without a warning from numpy."""

import warnings

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.phase import UNDETERMINED

DEPTH = [4, 8, 16, 32, 64]
FALLS = np.array([1.0, 0.5, 0.3, 0.2, 0.1])


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def everything(curve, **given):
    """All that a fit says, and a call of its regime at the last risk."""
    fit = pl.DecayModel(curve, **given).fit()
    ends = fit.conf_int().to_numpy()
    assert not np.isnan(ends).any()
    assert np.all(ends[:, 0] <= ends[:, 1])
    assert fit.families.sum() == pytest.approx(1)
    repr(fit.summary())
    fit.plot().to_dict()
    assert np.isfinite(fit.influence).all()
    table = pl.classify({"task": fit}, tolerance=float(curve.risk[-1]), budget=float(curve.depth[1]))
    return fit, table["regime"][0]


def runs(seeds=6, depths=DEPTH, same=()):
    """A tidy frame; at depths in `same` all runs have one value."""
    rng = np.random.default_rng(0)
    rows = [
        ("task", str(s), c, "accuracy", "ok", 0.5 + (0.0 if c in same else 0.1 * rng.standard_normal() / np.sqrt(c)))
        for s in range(seeds)
        for c in depths
    ]
    return pd.DataFrame(rows, columns=["task", "run", "depth", "metric", "status", "value"])


def test_two_depths_are_refused_and_three_are_wide():
    with pytest.raises(DataError, match=r"2 depths.*needs 3.*Probe more depths"):
        pl.DecayModel(pl.RiskCurve(DEPTH[:2], FALLS[:2], 15))
    fit, regime = everything(pl.RiskCurve(DEPTH[:3], FALLS[:3], 15))
    low, high = fit.conf_int().loc["decay_rate"]
    assert high / max(low, 0.05) > 5
    assert regime == UNDETERMINED


def test_fewer_depths_than_parameters_of_runs():
    fit, _ = everything(pl.risk_curve(runs(seeds=2, depths=DEPTH[:3])))
    low, high = fit.conf_int().loc["intrinsic_limit"]
    assert high > 100 * max(low, 1e-12)


def test_a_curve_of_zeros_and_a_zero():
    with pytest.raises(ArgumentError, match=r"variances > 0.*The one at depth 4 is not; leave it out"):
        pl.RiskCurve(DEPTH, np.zeros(5), 15)
    with pytest.raises(ArgumentError, match="The one at depth 16 is not"):
        pl.RiskCurve(DEPTH, FALLS * [1, 1, 0, 1, 1], 15)
    with pytest.raises(DataError, match="every run has the same accuracy at every depth"):
        pl.risk_curve(runs(same=DEPTH))


@pytest.mark.parametrize("depth", [4, 16, 64])
def test_a_depth_at_which_all_runs_agree(depth):
    """Its variance is that of rounding, which is a risk far below the others: the law is doubted, or all is wide."""
    fit, regime = everything(pl.risk_curve(runs(same=(depth,))))
    assert np.isfinite(fit.params).all()
    assert regime == UNDETERMINED or depth == 64


def test_numbers_without_degrees_of_freedom():
    with pytest.raises(TypeError, match="df"):
        pl.RiskCurve(DEPTH, FALLS)
    for bad in (None, np.nan, 0.5):
        with pytest.raises(ArgumentError, match=r"df=.*A spread of S runs has S - 1"):
            pl.RiskCurve(DEPTH, FALLS, bad)


@pytest.mark.parametrize("steep", [2.0, 1000.0])
def test_rising_to_the_end_is_no_regime_no_rate_and_no_floor(steep):
    fit, regime = everything(pl.RiskCurve(DEPTH, steep ** np.arange(5), 15))
    assert fit.rising > 0.9
    assert regime == UNDETERMINED
    assert "Still rising at 64 steps" in repr(fit.summary())
    assert "no rate and no floor are known" in repr(fit.summary())


@pytest.mark.parametrize("scale", [1e-30, 1e8])
def test_scale_changes_nothing_but_the_scale(scale):
    one, regime = everything(pl.RiskCurve(DEPTH, FALLS, 15))
    other, same = everything(pl.RiskCurve(DEPTH, scale * FALLS, 15))
    assert same == regime
    np.testing.assert_allclose(other.conf_int().loc["decay_rate"], one.conf_int().loc["decay_rate"])
    np.testing.assert_allclose(
        other.conf_int().loc["intrinsic_limit"] / scale, one.conf_int().loc["intrinsic_limit"], rtol=1e-6
    )


@pytest.mark.parametrize("df", [1.0, [1.0, 3.0, 100.0, 5.0, 2.0], 1e9])
def test_any_degrees_of_freedom(df):
    everything(pl.RiskCurve(DEPTH, FALLS, df))


def test_a_fall_faster_than_any_rate_believed_has_no_upper_end():
    fit, _ = everything(pl.RiskCurve(DEPTH, 1e-3 ** np.arange(5.0), 15))
    assert np.isinf(fit.conf_int().loc["decay_rate", "upper"])


def test_depths_close_together_and_far_apart():
    for depth in ([1000, 1001, 1002, 1003], [1, 1e3, 1e6, 1e12]):
        everything_but_regime = pl.DecayModel(pl.RiskCurve(depth, [1, 0.9, 0.5, 0.2], 7)).fit()
        assert not np.isnan(everything_but_regime.conf_int().to_numpy()).any()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda c: pl.DecayModel(c, burn_in=None), "burn_in=None: expected 'auto' or a depth"),
        (lambda c: pl.DecayModel(c, burn_in=[4]), r"burn_in=\[4\]: expected 'auto' or a depth"),
        (lambda c: pl.DecayModel(c, dispersion="wide"), "dispersion='wide': expected a finite number >= 1"),
        (lambda c: pl.DecayModel(c, rows="all"), "rows='all': expected a number of evaluation rows > 0"),
        (lambda c: pl.DecayModel(c).fit("gamma").predict("deep"), "depths='deep': expected finite depths > 0"),
        (lambda c: pl.RiskCurve(DEPTH, FALLS, "many"), "df='many': expected one number"),
        (lambda c: pl.RiskCurve(DEPTH, FALLS, 15, mean="high"), "mean='high': expected an array of numbers"),
    ],
)
def test_what_is_no_number_is_named(call, says):
    with pytest.raises(ArgumentError, match=says):
        call(pl.RiskCurve(DEPTH, FALLS, 15))
