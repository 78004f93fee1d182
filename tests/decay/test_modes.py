"""Two modes: found where they are, seldom where they are not, named, and the fit offered without them."""

import numpy as np
import pytest
from scipy.stats import binomtest

import predictlab as pl
from predictlab.decay._modes import find_modes, largest_gap, threshold
from predictlab.errors import ArgumentError
from predictlab.risk import without_runs

STEPS = [3, 7, 15, 31, 63, 127]


def collapsing_runs(seed=0, runs=24, collapsed=(3, 17)):
    """Tidy runs of a world whose runs 3 and 17 end far below."""
    frame = pl.worlds.MartingaleWorld(0.0004, 1.0, 1.0).source(seed)(STEPS, range(runs))
    frame.loc[frame["seed"].isin(collapsed), "value"] -= 1.5
    return frame


def test_collapsed_runs_are_named():
    frame = collapsing_runs()
    fit = pl.DecayModel(pl.risk_curve(frame)).fit("gamma")
    modes = fit.modes
    assert modes.runs == ("run-0003", "run-0017")
    assert (modes.count, modes.of, modes.lower) == (2, 24, True)
    assert modes.gap > 4
    exact = binomtest(2, 24).proportion_ci(0.95)
    assert modes.share_interval == pytest.approx((exact.low, exact.high), abs=1e-6)
    caution = next(c for c in fit.cautions() if "Two modes" in c)
    assert "2 of 24 runs end below all others" in caution
    assert "run-0003, run-0017" in caution
    assert "Two modes" in fit.summary()


def test_the_fit_without_them_is_that_of_the_other_runs():
    frame = collapsing_runs()
    fit = pl.DecayModel(pl.risk_curve(frame)).fit("gamma")
    rest = fit.without_modes()
    alone = pl.DecayModel(pl.risk_curve(frame[~frame["seed"].isin((3, 17))])).fit("gamma")
    np.testing.assert_allclose(rest.params, alone.params)
    np.testing.assert_allclose(rest.curve.risk, alone.curve.risk)
    assert rest.curve.n_runs == 22
    assert rest.modes is None
    assert rest.without_modes() is rest
    assert rest.params["intrinsic_limit"] < 0.2 * fit.params["intrinsic_limit"]


def test_the_fit_without_them_keeps_its_floor():
    curve = pl.risk_curve(collapsing_runs())
    rest = pl.DecayModel(curve).fit("loglog", floor="last").without_modes()
    alone = pl.DecayModel(without_runs(curve, (3, 17))).fit("loglog", floor="last")
    np.testing.assert_array_equal(rest.params, alone.params)
    assert rest.params["intrinsic_limit"] > 0


def test_gap_of_a_known_sample():
    gap, count, lower = largest_gap(np.array([0.0, 1.0, 2.0, 3.0, 50.0]))
    assert (count, lower) == (1, False)
    assert gap == pytest.approx(47 / np.std([0, 1, 2, 3], ddof=1))


@pytest.mark.parametrize("runs", [6, 8, 12, 32])
def test_false_alarms_are_rare(runs):
    """At most about one Gaussian sample in a hundred."""
    rng = np.random.default_rng(runs)
    alarms = sum(largest_gap(rng.standard_normal(runs))[0] > threshold(runs) for _ in range(1500))
    assert alarms / 1500 < 0.02


def test_few_runs_and_numbers_have_no_modes():
    assert find_modes(pl.RiskCurve(depth=[4, 8, 16, 32], risk=[1, 0.5, 0.2, 0.1], df=15)) is None
    assert find_modes(pl.risk_curve(collapsing_runs(runs=5, collapsed=(3,)))) is None


def test_runs_can_be_left_out_by_hand():
    curve = pl.risk_curve(collapsing_runs())
    rest = without_runs(curve, [3, 17])
    assert rest.runs == tuple(r for r in curve.runs if r not in ("run-0003", "run-0017"))
    assert np.all(np.asarray(rest.df) == 21)
    np.testing.assert_allclose(np.sum(rest.errors**2, axis=0) / 21, rest.risk)
    with pytest.raises(ArgumentError, match=r"rows=\[99\]: expected whole numbers from 0 to 23"):
        without_runs(curve, [99])
    with pytest.raises(ArgumentError, match="leave at least 3 runs"):
        without_runs(curve, range(22))
    with pytest.raises(ArgumentError, match="estimator 'spread'"):
        without_runs(pl.RiskCurve(depth=[4, 8], risk=[1, 0.5], df=15), [0])
