"""Runs that miss depths: each depth has its own degrees of freedom, and shares what it shares with the others."""

import numpy as np
import pytest

import predictlab as pl
from predictlab.decay._bootstrap import resampled_risk
from predictlab.decay._modes import find_modes
from predictlab.decay._noise import TAIL_FACTOR, Noise

STEPS = [3, 7, 15, 31, 63, 127, 255, 511]
WORLD = pl.worlds.MartingaleWorld(0.02, 1.0, 1.0)
EVERY = np.arange(len(STEPS))


def stopped(curve, last):
    """The curve with run i measured up to the depth number `last[i]` alone."""
    values = np.where(np.asarray(last)[:, None] >= EVERY, curve.mean + curve.errors, np.nan)
    mean = np.nanmean(values, axis=0)
    return pl.RiskCurve(
        depth=STEPS, risk=np.nanvar(values, axis=0, ddof=1), df=np.isfinite(values).sum(axis=0) - 1,
        errors=values - mean, mean=mean, runs=[f"run {i}" for i in range(len(values))],
    )  # fmt: skip


def ends(runs, late):
    """Of `runs` all but `late` stop behind the fourth depth."""
    return np.where(np.arange(runs) < late, 7, 3)


def test_correlation_is_that_of_the_runs_that_two_depths_share():
    """Cov(log U_i, log U_j) = 2 r² n_both / (n_i n_j): r² times n_both / sqrt(n_i n_j) as a correlation."""
    noise = Noise.of(stopped(WORLD.spread(20_000, STEPS, 0), ends(20_000, 5_000)))
    risk = WORLD.risk(STEPS)
    r2 = risk[np.maximum.outer(EVERY, EVERY)] / risk[np.minimum.outer(EVERY, EVERY)]
    across = (EVERY[:, None] <= 3) != (EVERY <= 3)
    np.testing.assert_allclose(noise.correlation, np.where(across, r2 / 2, r2), atol=0.03)


def test_the_covariance_of_log_risks_is_what_the_noise_says():
    rng = np.random.default_rng(0)
    runs, late, draws = 60, 20, 20_000
    before = rng.standard_normal((draws, runs))
    after = 0.8 * before[:, :late] + 0.6 * rng.standard_normal((draws, late))
    logs = np.log([before.var(axis=1, ddof=1), after.var(axis=1, ddof=1)])
    said = 0.8**2 * np.sqrt(late / runs)  # r² by the runs that both have
    assert np.corrcoef(logs)[0, 1] == pytest.approx(said, abs=0.02)


@pytest.mark.parametrize("late", [4, 8, 24])
def test_dispersion_of_gaussian_runs_is_near_one(late):
    curves = [stopped(WORLD.spread(32, STEPS, s, independent=True), ends(32, late)) for s in range(150)]
    values = [Noise.of(curve).dispersion for curve in curves]
    assert np.median(values) == pytest.approx(1.0, abs=0.1)
    assert np.mean(values) < 1.3


def test_dispersion_of_heavy_tails_is_their_kurtosis():
    world = pl.worlds.MartingaleWorld(1.0, 1e-9, 1.0, tail=20)  # kurtosis 3.375
    noise = Noise.of(stopped(world.spread(20_000, STEPS, 1, independent=True), ends(20_000, 10_000)))
    assert (noise.dispersion - 1) / TAIL_FACTOR == pytest.approx(2.375 / 2 - 1, abs=0.06)


def test_resamples_vary_at_each_depth_by_its_own_degrees_of_freedom():
    curves = [stopped(WORLD.spread(400, STEPS, s), ends(400, 80)) for s in range(20)]
    logs = [np.log(resampled_risk(c, 1000, np.random.default_rng(0), Noise.of(c))) for c in curves]
    np.testing.assert_allclose(np.mean([one.var(axis=0) for one in logs], axis=0), 2 / curves[0].df, rtol=0.15)
    r2 = WORLD.risk(STEPS[4:5]) / WORLD.risk(STEPS[3:4]) * np.sqrt(80 / 400)
    np.testing.assert_allclose(np.mean([np.corrcoef(one.T)[3, 4] for one in logs]), r2, atol=0.08)


def test_no_resample_is_without_a_depth():
    curve = stopped(WORLD.spread(10, STEPS, 3), ends(10, 3))
    risk = resampled_risk(curve, 500, np.random.default_rng(0), Noise.of(curve))
    assert np.isfinite(risk).all()
    assert np.mean(risk[:, -1] == curve.risk[-1]) < 0.05  # as measured only by chance


def test_equations_have_the_standard_errors_of_their_estimates():
    fits = [pl.DecayModel(stopped(WORLD.spread(60, STEPS, s), ends(60, 25))).fit("gee") for s in range(60)]
    logs = np.log([fit.params["intrinsic_limit"] for fit in fits])
    low, high = np.transpose([fit.conf_int().loc["intrinsic_limit"].to_numpy(dtype=float) for fit in fits])
    assert np.std(logs) == pytest.approx(np.median(np.log(high / low)) / (2 * 1.96), rel=0.25)
    assert np.mean((low <= 0.02) & (high >= 0.02)) > 0.88


def test_the_posterior_knows_less_where_fewer_runs_were():
    whole = WORLD.spread(30, STEPS, 4)
    all_there, few = (pl.DecayModel(c).fit() for c in (whole, stopped(whole, ends(30, 6))))
    width = []
    for fit in (all_there, few):
        low, high = np.quantile(np.log(fit.risk_draws(STEPS[-1:])), [0.025, 0.975])
        width.append(high - low)
    assert width[1] > 1.3 * width[0]


def test_modes_are_of_the_runs_that_came_to_the_end():
    frame = pl.worlds.MartingaleWorld(0.0004, 1.0, 1.0).source(0)(STEPS, range(24))
    frame.loc[frame["seed"].isin((3, 17)), "value"] -= 1.5
    frame = frame[(frame["depth"] < 127) | (frame["seed"] > 1)]
    modes = find_modes(pl.risk_curve(frame))
    assert modes.runs == ("run-0003", "run-0017")
    assert (modes.count, modes.of) == (2, 22)
    assert pl.DecayModel(pl.risk_curve(frame)).fit("gamma").without_modes().curve.n_runs == 22
