"""The Gamma likelihood against brute force and statsmodels, at its boundaries and in odd units."""

import numpy as np
import pytest
from scipy import optimize, stats

from predictlab.decay import _law as lk
from predictlab.decay import _solver as solver
from predictlab.decay._profile import Profiler, profile
from predictlab.decay._solver import Problem

DEPTH = np.array([4.0, 8, 16, 32, 64, 128, 256])
DF = np.array([15.0, 15, 7, 31, 15, 15, 10])
Q95 = stats.chi2.ppf(0.95, 1)


def interval(which, depth, risk, df, cut=Q95):
    """Profile interval of one parameter."""
    return Profiler(Problem.power(depth, risk, df), np.log(depth[0])).interval(which, cut)


def sample(seed, floor=0.05, scale=4.0, rate=1.0, df=DF, depth=DEPTH):
    mu = floor + scale * depth**-rate
    return mu * np.random.default_rng(seed).chisquare(df) / df


def brute_deviance(parameters, depth, risk, df):
    """Twice the gap to the saturated model: Gamma densities of shape df/2 and mean mu, less those at mu = U."""
    floor, scale, rate = parameters
    mu = floor + scale * depth**-rate
    if not np.all(mu > 0):
        return np.inf
    return 2 * float(np.sum(log_density(risk, df, risk) - log_density(risk, df, mu)))


def log_density(risk, df, mu):
    """Gamma log density up to terms without `mu`."""
    return -df / 2 * np.log(mu) - df * risk / (2 * mu)


def test_the_density_here_is_scipys():
    risk, mu = sample(0), np.full(7, 0.4)
    ours = log_density(risk, DF, mu) - log_density(risk, DF, 2 * mu)
    theirs = [stats.gamma.logpdf(risk, DF / 2, scale=2 * m / DF) for m in (mu, 2 * mu)]
    np.testing.assert_allclose(ours, theirs[0] - theirs[1])


def brute_fit(depth, risk, df, fixed=None, starts=4, seed=0):
    """Least deviance over (L_int, K', alpha) from many starts; `fixed` = (index, value) holds one of them.

    K' is the decaying part at the first depth, so that all three have the data's scale.
    """
    rng = np.random.default_rng(seed)
    top = 50 * risk.max()
    bounds = [(0, top), (0, top), (lk.ALPHA_MIN, lk.alpha_max(depth))]
    free = [i for i in range(3) if fixed is None or i != fixed[0]]

    def parameters(x):
        p = np.empty(3)
        p[free] = x
        if fixed is not None:
            p[fixed[0]] = fixed[1]
        if not (fixed is not None and fixed[0] == 1):
            p[1] = p[1] * depth[0] ** p[2]
        return p

    def objective(x):
        return brute_deviance(parameters(x * unit), depth, risk, df)

    best = np.inf, None
    for _ in range(starts):
        start = np.array([risk.min() * rng.uniform(0, 1), risk.max() * rng.uniform(0, 2), np.exp(rng.uniform(-2, 1.5))])
        unit = np.array([risk.min(), risk.max(), 1.0])[free]
        box = [(lo / u, hi / u) for (lo, hi), u in zip([bounds[i] for i in free], unit, strict=True)]
        options = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 1500, "adaptive": True}
        found = optimize.minimize(objective, start[free] / unit, bounds=box, method="Nelder-Mead", options=options)
        if found.fun < best[0]:
            best = found.fun, parameters(found.x * unit)
    return best


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("truth", [(0.05, 4.0, 1.0), (0.0, 2.0, 0.5), (0.2, 0.3, 2.0), (0.1, 1e-9, 1.0)])
def test_fit_is_the_maximum_of_the_three_parameter_likelihood(truth, seed):
    risk = sample(seed, *truth)
    best = solver.fit(DEPTH, risk, DF)
    least, at = brute_fit(DEPTH, risk, DF)
    assert best.deviance <= least + 1e-6
    if best.scale > 0:
        assert brute_deviance((best.intrinsic_limit, best.scale, best.decay_rate), DEPTH, risk, DF) == pytest.approx(
            best.deviance, abs=1e-7
        )
        if best.deviance > least - 1e-9 and 0.05 < best.decay_rate < 5:
            assert best.decay_rate == pytest.approx(at[2], rel=1e-3)


@pytest.mark.parametrize("alpha", [0.1, 0.7, 1.5, 4.0])
@pytest.mark.parametrize("seed", range(2))
def test_profile_is_the_least_deviance_at_its_rate(alpha, seed):
    risk = sample(seed)
    ((_, decaying, _),), (value,) = profile(Problem.power(DEPTH, risk, DF), 2, np.log([alpha]))
    least, at = brute_fit(DEPTH, risk, DF, fixed=(2, alpha), starts=2)
    assert value == pytest.approx(least, abs=1e-6)
    assert decaying == pytest.approx(at[1] * DEPTH[0] ** -alpha, rel=0.02, abs=1e-9)


def test_noise_free_curve_gives_its_parameters_back():
    for floor, scale, rate in [(0.05, 4.0, 1.0), (0.0, 2.0, 0.5), (1e-4, 3.0, 2.0)]:
        best = solver.fit(DEPTH, floor + scale * DEPTH**-rate, DF)
        assert (best.scale, best.decay_rate) == (pytest.approx(scale, rel=1e-4), pytest.approx(rate, rel=1e-4))
        assert best.intrinsic_limit == pytest.approx(floor, abs=1e-6)
        assert best.deviance == pytest.approx(0, abs=1e-7)


def test_small_floor_is_found_when_the_runs_are_many():
    """A floor of 1e-4 of the risk at the last depth matters once the degrees of freedom are in the millions."""
    df = np.full(7, 1e9)
    truth = 1e-4 * 256**-1.0
    best = solver.fit(DEPTH, truth + DEPTH**-1.0, df)
    assert best.intrinsic_limit == pytest.approx(truth, rel=1e-2)
    assert best.deviance < 1e-3


def test_no_decay_is_the_boundary_without_a_rate():
    for risk in (np.full(7, 0.3), np.linspace(0.1, 0.4, 7)):
        best = solver.fit(DEPTH, risk, DF)
        assert best.scale == 0.0
        assert np.isnan(best.decay_rate)
        assert best.intrinsic_limit == pytest.approx(np.sum(DF * risk) / DF.sum())
        assert best.deviance == pytest.approx(brute_deviance((best.intrinsic_limit, 0, 1), DEPTH, risk, DF))
        assert interval("decay_rate", DEPTH, risk, DF) == (0.0, np.inf)


def test_mean_survives_extreme_parameters():
    huge = lk.law(DEPTH, 0.0, 1e300, 120.0)
    assert np.all(np.isfinite(huge))
    assert np.all(lk.law(DEPTH, 0.2, 0.0, np.nan) == 0.2)
    grid = lk.law(DEPTH[:, None], np.zeros(5), np.ones(5), np.arange(1.0, 6))
    np.testing.assert_allclose(grid, DEPTH[:, None] ** -np.arange(1.0, 6))


def profile_root(depth, risk, df, index, start, outward):
    """End of the brute-force profile interval, walking outward from the estimate by factors."""
    least, _ = brute_fit(depth, risk, df)

    def excess(value):
        return brute_fit(depth, risk, df, fixed=(index, value), starts=5)[0] - least - Q95

    step, far = 1.3**outward, start * 1.3**outward
    while excess(far) < 0:
        far *= step
        assert 1e-3 < far / start < 1e3, "this interval is unbounded"
    return optimize.brentq(excess, far / step, far, rtol=1e-4)


@pytest.mark.parametrize("which", ["decay_rate", "intrinsic_limit", "scale"])
def test_profile_intervals_against_brute_force(which):
    df = 8 * DF
    risk = sample(1, df=df)
    best = solver.fit(DEPTH, risk, df)
    lower, upper = interval(which, DEPTH, risk, df)
    assert 0 < lower < upper < np.inf
    index, estimate = ["intrinsic_limit", "scale", "decay_rate"].index(which), getattr(best, which)
    assert upper == pytest.approx(profile_root(DEPTH, risk, df, index, estimate, 1), rel=5e-3)
    assert lower == pytest.approx(profile_root(DEPTH, risk, df, index, estimate, -1), rel=5e-3)


@pytest.mark.parametrize("df", [1e3, 1e5, 1e7])
def test_intervals_narrow_as_one_over_root_df(df):
    """With many runs the profile interval is estimate x exp(+-1.96 se): neither empty nor stuck to a grid."""
    depth, df = DEPTH, np.full(7, df)
    risk = 0.05 + 4.0 / depth
    mu = risk
    x = np.stack([0.05 / mu, (4 / depth) / mu, -(4 / depth) / mu * np.log(depth)], axis=1)
    se = np.sqrt(np.diag(np.linalg.inv(x.T @ (x * (df / 2)[:, None]))))
    half = 1.959964 * se
    for which, i, value in [("intrinsic_limit", 0, 0.05), ("scale", 1, 4.0)]:
        lower, upper = interval(which, depth, risk, df)
        assert np.log(upper / lower) == pytest.approx(2 * half[i], rel=0.1)
        assert lower < value < upper
    lower, upper = interval("decay_rate", depth, risk, df)
    assert upper - lower == pytest.approx(2 * half[2], rel=0.1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", [0.3, 1.0, 3.0])
def test_intervals_contain_their_estimates(seed, rate):
    risk = sample(seed, rate=rate, floor=0.05 * (seed % 3))
    best = solver.fit(DEPTH, risk, DF)
    for level in (0.05, 0.5, 0.95):
        drop = stats.chi2.ppf(level, 1)
        lower, upper = interval("decay_rate", DEPTH, risk, DF, drop)
        assert lower <= best.decay_rate <= upper
        for which in ("intrinsic_limit", "scale"):
            lower, upper = interval(which, DEPTH, risk, DF, drop)
            assert lower <= getattr(best, which) * (1 + 1e-9)
            assert upper >= getattr(best, which) * (1 - 1e-9)


@pytest.mark.parametrize("times", [1e-12, 1e6])
@pytest.mark.parametrize("stretch", [1e-3, 977.0])
@pytest.mark.parametrize("floor", [0.05, 0.0])
def test_equivariance(times, stretch, floor):
    """Risk in other units scales L_int and K; depth in other units scales K by its alpha-th power; alpha stays."""
    risk = sample(3, floor=floor)
    base, other = solver.fit(DEPTH, risk, DF), solver.fit(DEPTH * stretch, risk * times, DF)
    assert other.decay_rate == pytest.approx(base.decay_rate, rel=1e-5)
    assert other.deviance == pytest.approx(base.deviance, abs=1e-7)
    assert other.intrinsic_limit == pytest.approx(base.intrinsic_limit * times, rel=1e-4, abs=1e-9 * times)
    assert other.scale == pytest.approx(base.scale * times * stretch**base.decay_rate, rel=1e-3)
    here = interval("decay_rate", DEPTH, risk, DF)
    assert interval("decay_rate", DEPTH * stretch, risk * times, DF) == pytest.approx(here, rel=1e-5)
    here = interval("intrinsic_limit", DEPTH, risk, DF)
    there = interval("intrinsic_limit", DEPTH * stretch, risk * times, DF)
    assert there == pytest.approx(np.array(here) * times, rel=5e-3)
    if stretch > 1:  # the grids in K differ with the unit of depth, the answer must not
        here = interval("scale", DEPTH, risk, DF)
        there = interval("scale", DEPTH, risk * times, DF)
        assert there == pytest.approx(np.array(here) * times, rel=5e-3)


@pytest.mark.parametrize(
    "depth",
    [
        [100, 101, 102, 104, 108],  # close together: any rate up to 50 is looked at
        [100, 101, 1e4, 1e6, 1e9],
        [1e-3, 2e-3, 5e-3, 1.0],  # epochs
        [1, 1000, 2000, 4000],
    ],
)
def test_odd_depths_give_finite_fits(depth):
    depth = np.array(depth, dtype=float)
    df = np.full(len(depth), 15.0)
    for rate in (0.3, 1.0):
        risk = sample(1, 0.02, 1.0, rate, df, depth / depth[0])
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            best = solver.fit(depth, risk, df)
            lower, upper = interval("decay_rate", depth, risk, df)
        assert np.all(np.isfinite([best.intrinsic_limit, best.scale, best.deviance]))
        assert lower < upper


@pytest.mark.parametrize("scale", [1e-12, 1e6])
def test_risks_of_any_size_and_df_of_one(scale):
    risk = sample(5, df=np.ones(7)) * scale
    best = solver.fit(DEPTH, risk, np.ones(7))
    least, _ = brute_fit(DEPTH, risk, np.ones(7))
    assert best.deviance <= least + 1e-6
