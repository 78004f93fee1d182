"""The worlds' exact risks against simulation and against the identities they must obey."""

import numpy as np
import pytest

import predictlab as pl
from predictlab.decay._noise import squared_correlation
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
@pytest.mark.parametrize("known", [True, False])
def test_martingale_curves_have_the_stated_mean_and_covariance(independent, known):
    world, depths, runs, repeats = MartingaleWorld(0.1, 1.0, 1.0), [3, 15, 63], 40, 1000
    curves = [
        world.curve(runs, depths, seed, independent=independent, known_covariance=known) for seed in range(repeats)
    ]
    risk = np.array([curve.risk for curve in curves])
    truth = world.risk(depths)
    np.testing.assert_allclose(risk.mean(0), truth, rtol=4.5 * np.sqrt(2 / runs / repeats))
    np.testing.assert_array_equal(curves[0].depth, [4, 16, 64])
    # relative covariance of U; that of log U to first order
    seen = np.cov((risk / truth).T)
    stated = np.mean(
        [c.log_covariance if known else squared_correlation(c.errors, c.df) * 2 / runs for c in curves], axis=0
    )
    # an estimated r² is cut off at 0, which leaves it above by about its own error, sqrt(2) / runs, at most
    slack = 0 if known else 2 / runs * 1.5 / runs
    np.testing.assert_allclose(seen, stated, atol=4.5 * 2 / runs * np.sqrt(2 / repeats) + slack)
    for curve in curves[:3]:
        if known:
            assert curve.errors is None
        else:
            np.testing.assert_allclose(np.sum(curve.errors**2, axis=0) / curve.df, curve.risk, rtol=1e-12)


WORLDS = {
    "gaussian": MartingaleWorld(0.2, 1.5, 0.8),
    "tails": MartingaleWorld(0.2, 1.5, 0.8, tail=12),
    "two modes": MartingaleWorld(0.2, 1.5, 0.8, collapse=0.1),
    "two modes and tails": MartingaleWorld(0.2, 1.5, 0.8, tail=16, collapse=0.3, collapse_size=0.6),
    "sgd": QuadraticSGDWorld(0.5, 1.5, 0.3, 0.6, horizon=100, slope=2.0, intrinsic_limit=0.2),
}
ERROR_DEPTHS = [0, 3, 15, 63]


def shape_of(world):
    """Excess kurtosis of the errors at each of ERROR_DEPTHS, written out from the parts they are made of."""
    risk = world.risk(ERROR_DEPTHS)
    decaying = risk - world.intrinsic_limit
    parts = np.append(decaying[:-1] - decaying[1:], decaying[-1])
    excess = 0.0 if world.tail is None else 6 / (world.tail - 4)
    smooth, jump = world.intrinsic_limit, 0.0
    if getattr(world, "collapse", 0):
        p, s = world.collapse, world.collapse_size
        smooth -= p * (1 - p) * s**2
        jump = s**4 * (p * (1 - p) ** 4 + (1 - p) * p**4 - 3 * (p * (1 - p)) ** 2)  # central moments of a Bernoulli
    return np.array([(excess * (np.sum(parts[i:] ** 2) + smooth**2) + jump) / risk[i] ** 2 for i in range(4)])


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("independent", [True, False])
def test_errors_have_the_stated_variance_correlation_and_shape(name, independent):
    world, runs = WORLDS[name], 40_000
    errors = world.errors(runs, ERROR_DEPTHS, seed=8, independent=independent)
    assert errors.shape == (runs, 4)
    risk, kurtosis = world.risk(ERROR_DEPTHS), shape_of(world)
    sigma = np.sqrt((2 + kurtosis) / runs)  # relative error of a variance
    np.testing.assert_allclose(errors.mean(0), 0, atol=4.5 * np.sqrt(risk.max() / runs))
    assert np.all(np.abs(errors.var(0) / risk - 1) < 4.5 * sigma)
    correlation = np.corrcoef(errors.T)
    expected = np.sqrt(np.minimum.outer(risk, risk) / np.maximum.outer(risk, risk))
    np.testing.assert_allclose(
        correlation, np.eye(4) if independent else expected, atol=4.5 * np.sqrt((1 + kurtosis.max() / 2) / runs)
    )
    # the error of a sample kurtosis, from twenty blocks of the data (its own moments are large)
    blocks = (errors.reshape(20, -1, 4) ** 4).mean(1) / risk**2 - 3
    assert np.all(np.abs(blocks.mean(0) - kurtosis) < 5 * blocks.std(0, ddof=1) / np.sqrt(20))


@pytest.mark.parametrize("name", WORLDS)
def test_stated_covariance_of_log_risk_is_that_of_simulated_data_sets(name):
    world, runs, repeats = WORLDS[name], 30, 6000
    errors = world.errors(runs, ERROR_DEPTHS, seed=3, repeats=repeats)
    assert errors.shape == (repeats, runs, 4)
    truth = world.risk(ERROR_DEPTHS)
    for df, squares in ((runs, (errors**2).sum(1) / runs), (runs - 1, errors.var(1, ddof=1))):
        stated = world.log_covariance(runs, ERROR_DEPTHS, df=df)
        ratio = squares / truth - 1
        products = ratio[:, :, None] * ratio[:, None, :]
        error = products.std(0) / np.sqrt(repeats)
        assert np.all(np.abs(products.mean(0) - stated) < 4.5 * error)


def test_two_modes_are_where_they_should_be():
    world = MartingaleWorld(0.3, 0.001, 1.0, collapse=0.2, collapse_size=1.3)
    errors = world.errors(20_000, [3, 15], seed=1)[:, 1]
    low = errors < -1.3 / 2 + 0.2 * 1.3
    assert low.mean() == pytest.approx(0.2, abs=4.5 * np.sqrt(0.16 / 20_000))
    assert errors[~low].mean() - errors[low].mean() == pytest.approx(1.3, abs=0.02)


@pytest.mark.parametrize("independent", [True, False])
def test_spread_of_values_follows_the_law(independent):
    world, depths, repeats, runs = MartingaleWorld(0.1, 1.0, 1.0, mean=0.7), [0, 3, 15, 63], 1500, 16
    curves = [world.spread(runs, depths, seed, independent=independent) for seed in range(repeats)]
    curve = curves[0]
    assert (curve.estimator, curve.question, curve.n_runs) == ("spread", "agreement", runs)
    assert np.all(curve.df == runs - 1)
    np.testing.assert_allclose(curve.risk, curve.errors.var(0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(curve.errors.mean(0), 0, atol=1e-14)
    mean_risk = np.mean([c.risk for c in curves], axis=0)
    np.testing.assert_allclose(mean_risk, world.risk(depths), rtol=4.5 * np.sqrt(2 / (runs - 1) / repeats))


def test_errors_of_the_quadratic_world_are_those_of_its_paths():
    world = QuadraticSGDWorld(0.5, 1.0, 0.3, 0.7, horizon=40, slope=1.5, intrinsic_limit=0.05)
    depths, runs = [1, 5, 20], 20_000
    theta, performance = world.simulate(runs, seed=6)
    eta = 0.3 * np.arange(1, 41.0) ** -0.7
    left = np.stack([performance - 1.5 * theta[:, c] * np.prod(1 - 0.5 * eta[c:]) for c in depths], axis=1)
    drawn = world.errors(runs, depths, seed=6)
    risk = world.risk(depths)
    scale = np.sqrt(np.outer(risk, risk))
    np.testing.assert_allclose(np.cov(left.T) / scale, np.cov(drawn.T) / scale, atol=4.5 * 2 / np.sqrt(runs))


def test_generators_continue_and_seeds_repeat():
    world = MartingaleWorld(0.1, 1.0, 1.0, tail=5)
    rng = np.random.default_rng(4)
    first, second = world.errors(3, [3, 7], rng), world.errors(3, [3, 7], rng)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(first, world.errors(3, [3, 7], 4))


@pytest.mark.parametrize("world", [WORLDS["gaussian"], WORLDS["two modes"], WORLDS["sgd"]], ids=lambda w: w.name)
def test_a_source_gives_the_same_run_whatever_else_is_asked(world):
    source = world.source(seed=5, max_depth=80)
    many = source([4, 16, 64], range(400))
    assert source([16], [7])["value"].item() == many.query("seed == 7 and depth == 16")["value"].item()
    assert not world.source(seed=6, max_depth=80)([16], [7])["value"].equals(source([16], [7])["value"])
    curve = pl.risk_curve(many)
    np.testing.assert_array_equal(curve.depth, [4, 16, 64])
    truth = world.risk(np.array([4, 16, 64]) - world.law_offset)
    np.testing.assert_allclose(curve.risk, truth, rtol=variance_bound(399))


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
        (lambda: MartingaleWorld(0, 1, 1, tail=4), "tail=4: expected more than 4 degrees of freedom"),
        (lambda: MartingaleWorld(1, 1, 1, collapse=1.0), "collapse=1.0: expected a share of runs in .0, 1."),
        (lambda: MartingaleWorld(0, 1, 1, collapse=0.1), "collapse=0.1: expected 0 where intrinsic_limit is 0"),
        (lambda: MartingaleWorld(1, 1, 1, collapse_size=1), "collapse_size=1: expected None"),
        (lambda: MartingaleWorld(1, 1, 1, collapse=0.5, collapse_size=3), "collapse_size=3: expected a size in .0, 2."),
        (lambda: MartingaleWorld(0, 1, 1).errors(2.5, [1, 2], 0), "runs=2.5: expected a whole number >= 1"),
        (lambda: MartingaleWorld(0, 1, 1).errors(2, [1, 2], 0, repeats=0), "repeats=0"),
        (lambda: MartingaleWorld(0, 1, 1).spread(1, [1, 2], 0), "runs=1: expected a whole number >= 2"),
        (lambda: MartingaleWorld(0, 1, 1).source(0, max_depth=64)([4, 128], [0]), "depths=.*horizon of 64"),
        (lambda: MartingaleWorld(0, 1, 1).source(0, max_depth=64)([0, 4], [0]), "depths=.*depths >= 1"),
        (lambda: QuadraticSGDWorld(horizon=10).curve(4, [0, 4], 0), "depth="),
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
