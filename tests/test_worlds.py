"""The worlds' exact risks against simulation and against the identities they must obey (THEORY 1 and 6)."""

import numpy as np
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.worlds import MartingaleWorld, QuadraticSGDWorld


def variance_bound(df, sigmas=4.5):
    """Relative error of a Gaussian sample variance at so many sigmas."""
    return sigmas * np.sqrt(2 / df)


@pytest.mark.parametrize(("floor", "rate"), [(0.0, 0.5), (0.3, 1.0), (0.05, 2.5)])
def test_martingale_risk_is_the_variance_that_the_partial_sum_leaves(floor, rate):
    world, depths, runs = MartingaleWorld(floor, 2.0, rate, mean=5.0), [0, 3, 15, 63], 20_000
    frame = world.simulate(runs, depths, seed=11)
    wide = frame.pivot_table(index="run", columns=["metric", "depth"], values="value")
    errors = wide["performance"] - wide["prediction"]
    truth = floor + 2.0 * (np.array(depths) + 1.0) ** -rate
    np.testing.assert_allclose(world.risk(depths), truth, rtol=1e-14)
    np.testing.assert_allclose((errors**2).mean(), truth, rtol=variance_bound(runs))
    # total variance: Var(R) = L(0), and what is predicted plus what is left
    total = floor + 2.0
    np.testing.assert_allclose(wide["performance"].var(), total, rtol=variance_bound(runs))
    np.testing.assert_allclose(wide["prediction"].var() + truth, total, rtol=variance_bound(runs))
    assert wide["performance"][0].mean() == pytest.approx(5.0, abs=4.5 * np.sqrt(total / runs))
    # the best predictor's error is uncorrelated with all that was known
    correlation = [np.corrcoef(wide["prediction"][c], errors[c])[0, 1] for c in depths[1:]]
    np.testing.assert_allclose(correlation, 0, atol=4.5 / np.sqrt(runs))


def test_martingale_simulation_is_tidy_and_seeded():
    world = MartingaleWorld(0.1, 1.0, 1.0)
    frame = world.simulate(3, [4, 8], seed=1)
    columns = ["task", "run", "parent", "seed", "depth", "metric", "value", "seconds", "flops", "status"]
    assert sorted(frame.columns) == sorted(columns)
    assert len(frame) == 3 * 2 * 2
    assert frame.equals(world.simulate(3, [4, 8], seed=1))
    assert not frame["value"].equals(world.simulate(3, [4, 8], seed=2)["value"])


@pytest.mark.parametrize("independent", [True, False])
def test_martingale_curves_have_the_stated_mean_and_covariance(independent):
    world, depths, runs, repeats = MartingaleWorld(0.1, 1.0, 1.0), [3, 15, 63], 40, 1500
    curves = [world.curve(runs, depths, seed, independent) for seed in range(repeats)]
    risk = np.array([curve.risk for curve in curves])
    truth = world.risk(depths)
    np.testing.assert_allclose(risk.mean(0), truth, rtol=4.5 * np.sqrt(2 / runs / repeats))
    np.testing.assert_array_equal(curves[0].depth, [4, 16, 64])
    # relative covariance of U; that of log U to first order
    seen = np.cov((risk / truth).T)
    stated = 2 / runs * np.eye(3) if independent else curves[0].log_covariance
    np.testing.assert_allclose(seen, stated, atol=4.5 * 2 / runs * np.sqrt(2 / repeats))
    assert (curves[0].log_covariance is None) == independent


def test_quadratic_risk_is_the_conditional_variance_of_the_recursion():
    world = QuadraticSGDWorld(0.8, 1.5, 0.3, 0.6, horizon=30, slope=2.0, intrinsic_limit=0.2)
    runs, depths = 40_000, [0, 5, 20, 30]
    theta, performance = world.simulate(runs, seed=4)
    risk = world.risk(depths)
    eta = 0.3 * np.arange(1, 31.0) ** -0.6
    for c, expected in zip(depths, risk, strict=True):
        # the mean of R given theta after c steps, iterated by hand
        predicted = 2.0 * theta[:, c] * np.prod(1 - 0.8 * eta[c:])
        left = performance - predicted
        assert np.mean(left**2) == pytest.approx(expected, rel=variance_bound(runs))
        assert np.var(predicted) + expected == pytest.approx(np.var(performance), rel=2 * variance_bound(runs))
    assert risk[-1] == pytest.approx(0.2, rel=1e-14)
    assert np.all(np.diff(risk) < 0)


def test_quadratic_risk_equals_the_written_sum():
    world = QuadraticSGDWorld(0.5, 0.7, 0.4, 0.75, horizon=12, slope=1.3, intrinsic_limit=0.01)
    eta = [0.4 * t**-0.75 for t in range(1, 13)]
    for c in (0, 4, 11):
        total = 0.01
        for t in range(c, 12):
            after = 1.0
            for u in range(t + 1, 12):
                after *= 1 - eta[u] * 0.5
            total += 1.3**2 * 0.7**2 * eta[t] ** 2 * after**2
        assert world.risk([c])[0] == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("rho", [0.75, 1.0, 1.25])
def test_flat_direction_decays_at_the_rate_of_proposition_5_1(rho):
    """Luo, Wang, Tang (2026), Prop. 5.1: steps t^-rho leave a variance ~ c^-(2 rho - 1)."""
    world = QuadraticSGDWorld(curvature=0.0, step_decay=rho, horizon=4_000_000)
    depths = np.array([100, 200, 400, 800])
    risk = world.risk(depths) + (0.1**2) * 4_000_000 ** (1 - 2 * rho) / (2 * rho - 1)  # the tail beyond the horizon
    slopes = -np.diff(np.log(risk)) / np.log(2)
    np.testing.assert_allclose(slopes, 2 * rho - 1, rtol=0.01)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MartingaleWorld(-0.1, 1, 1), "intrinsic_limit=-0.1: expected a finite number >= 0"),
        (lambda: MartingaleWorld(0, 0, 1), "scale=0: expected a finite number > 0"),
        (lambda: MartingaleWorld(0, 1, np.nan), "decay_rate=nan"),
        (lambda: MartingaleWorld(0, 1, 1).risk([4, 2]), "depths=.*strictly increasing"),
        (lambda: MartingaleWorld(0, 1, 1).risk([1.5]), "depths=.*whole numbers"),
        (lambda: MartingaleWorld(0, 1, 1).simulate(0, [1], 0), "runs=0: expected a whole number >= 1"),
        (lambda: MartingaleWorld(0, 1, 1).curve(0, [1, 2], 0), "runs=0"),
        (lambda: QuadraticSGDWorld(curvature=-1), "curvature=-1"),
        (lambda: QuadraticSGDWorld(noise=0), "noise=0"),
        (lambda: QuadraticSGDWorld(horizon=0), "horizon=0"),
        (lambda: QuadraticSGDWorld(horizon=10).risk([20]), "depths=.*horizon of 10"),
    ],
)
def test_bad_worlds_are_named(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_simulated_runs_feed_the_whole_chain():
    world = MartingaleWorld(0.02, 1.0, 1.0)
    frame = world.simulate(200, [3, 7, 15, 31, 63], seed=2)
    # the spread of the best prediction rises to Var(R): it is not a decay, and the fit has to say so
    fit = pl.DecayModel(pl.risk_curve(frame, metric="prediction")).fit()
    assert not fit.identified
