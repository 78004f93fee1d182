"""The default fit: shapes, covariances and weights against closed forms and quadrature, then what it says of curves."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import polygamma, psi
from scipy.stats import t as student

import predictlab as pl
from predictlab.decay import ALTERNATIVES, law
from predictlab.decay._cloud import explore
from predictlab.decay._noise import log_errors
from predictlab.decay._posterior import Offset, Posterior, between, walk_covariance
from predictlab.decay._shapes import NO_FLOOR, NO_RISE, STEEP_RISE, Shapes
from predictlab.errors import ArgumentError, DataError
from predictlab.phase import NOISE_DOMINANT, UNDETERMINED

DEPTH = 2.0 ** np.arange(2, 11)
LOG = np.log(DEPTH)


def curve(risk, runs=24, seed=0, correlation=0.9, **labels):
    """A spread over Gaussian runs of that risk, neighbouring depths correlated."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((runs, len(risk)))
    for i in range(1, len(risk)):
        z[:, i] = correlation * z[:, i - 1] + np.sqrt(1 - correlation**2) * z[:, i]
    errors = (z - z.mean(axis=0)) * np.sqrt(risk)
    df = runs - 1.0
    return pl.RiskCurve(DEPTH, np.sum(errors**2, axis=0) / df, df, errors=errors, estimator="spread", **labels)


def shape(rate, logit, rise=0.0, centre=0.0, sharpness=1.0):
    return Shapes(*(np.array([float(v)]) for v in (rate, logit, rise, centre, sharpness)))


def test_a_shape_is_its_formula():
    of = shape(0.8, -0.4, rise=1.5, centre=np.log(20), sharpness=2.0)
    t = 1 / (1 + np.exp(0.4))
    expected = np.log(t + (1 - t) * (DEPTH / 1024) ** -0.8) - 1.5 / 2.0 * np.log1p((20 / DEPTH) ** 2.0)
    np.testing.assert_allclose(of.log_risk(LOG, LOG[-1])[0], expected)
    step = 1e-6
    both = [of.log_risk(LOG + d, LOG[-1])[0] for d in (-step, step)]
    np.testing.assert_allclose(of.slope(LOG, LOG[-1])[0], (both[1] - both[0]) / (2 * step), atol=1e-7)


def test_the_prior_is_as_named():
    u = np.random.default_rng(0).random((200_000, 6))
    of = Shapes.at(u, LOG)
    assert np.mean(np.isneginf(of.logit)) == pytest.approx(NO_FLOOR, abs=0.005)
    assert np.mean((of.logit < 0) & np.isfinite(of.logit)) == pytest.approx(0.4, abs=0.005)
    assert np.mean(of.rise == 0) == pytest.approx(NO_RISE, abs=0.005)
    steep = of.rise > of.rate
    assert np.mean(steep) == pytest.approx(STEEP_RISE, abs=0.005)
    assert (of.rise - of.rate)[steep].min() == pytest.approx(0.1, abs=0.001)
    assert (of.rise - of.rate)[steep].max() == pytest.approx(4.0, abs=0.01)
    between_ = np.mean((of.rate > 0.5) & (of.rate < 2))
    low, high = np.log([0.05, np.log(1e4) / np.log(2)])
    mass = student.cdf(np.log(2), 3) - student.cdf(np.log(0.5), 3)
    assert between_ == pytest.approx(mass / (student.cdf(high, 3) - student.cdf(low, 3)), abs=0.005)


@pytest.mark.parametrize(("name", "power"), list(zip(ALTERNATIVES[1:], (0.5, 1.0), strict=True)))
def test_draws_weighted_by_an_alternative_follow_it(name, power):
    """A floor uniform in its variance: the share is uniform; in its standard deviation: its root is."""
    of = Shapes.at(np.random.default_rng(1).random((400_000, 6)), LOG)
    weight = np.exp(of.log_ratio(name, LOG))
    share = 1 / (1 + np.exp(-of.logit))
    for cut in (0.1, 0.3, 0.5, 0.8):
        # slow rates cannot be all floor
        assert np.sum(weight * (share < cut)) / weight.sum() == pytest.approx(cut**power, abs=0.03)


def test_rates_weighted_by_an_alternative_are_uniform():
    of = Shapes.at(np.random.default_rng(2).random((400_000, 6)), LOG)
    weight = np.exp(of.log_ratio(ALTERNATIVES[0], LOG))
    low, high = of.rate.min(), of.rate.max()
    for share in (0.25, 0.5, 0.75):
        below = of.rate < low + share * (high - low)
        assert np.sum(weight * below) / weight.sum() == pytest.approx(share, abs=0.02)


def test_the_walk_is_anchored_at_the_last_depth():
    covariance = walk_covariance(LOG)
    assert covariance[-1].tolist() == [0.0] * len(DEPTH)
    assert np.all(np.diff(np.diag(covariance)) < 0)
    np.testing.assert_allclose(covariance[2, 5], covariance[5, 5])  # what lies beyond both is common
    assert covariance[0, 0] - covariance[1, 1] == pytest.approx(((1 + (1 - 0.98 / 8) ** 0.75) / 2) ** 2)
    assert np.linalg.eigvalsh(covariance).min() > -1e-12


@pytest.mark.parametrize("centre", [0.0, 3.0, 5.0])
def test_weighted_points_are_the_posterior(centre):
    """A Gaussian likelihood of variance .05 in one coordinate of three, up to five prior standard deviations away."""
    cloud = explore(lambda z: -((z[:, 0] - centre) ** 2) / 0.1, 3, np.random.default_rng(0))
    mean = cloud.weight @ cloud.points
    spread = cloud.weight @ (cloud.points - mean) ** 2
    np.testing.assert_allclose(mean, [centre / 1.05, 0, 0], atol=0.06)
    np.testing.assert_allclose(spread, [0.05 / 1.05, 1, 1], rtol=0.15)
    assert cloud.effective > 300


def test_a_known_offset_is_taken_off():
    """What rows add is subtracted: risk and floor are those of the population."""
    risk = 0.02 * DEPTH**-0.5
    df = np.full(len(DEPTH), 1000.0)
    rows = np.full(len(DEPTH), 5e-4)
    offset = Offset(rows, np.full(len(DEPTH), 1e6))
    drawn = Posterior(
        DEPTH,
        risk + rows,
        df,
        errors=log_errors(df, [np.eye(9)], {1.0: 1.0}),
        offset=offset,
        rng=np.random.default_rng(0),
    )
    found = np.median(drawn.draw(4000, np.random.default_rng(1)).risk(DEPTH), axis=0)
    np.testing.assert_allclose(found, risk, rtol=0.05)


def test_interpolation_between_depths():
    values = np.array([[0.0, 1.0, 3.0]])
    at = np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(between(at, values, np.array([-1, 0.5, 1.5, 9])), [[0, 0.5, 2, 3]])
    np.testing.assert_allclose(between(at, np.vstack([values, values]), np.array([[0.5], [1.5]])), [[0.5], [2]])


def test_an_exact_law_is_found():
    risk = law(DEPTH, 0.01, 1.0, 1.0)
    fit = pl.DecayModel(pl.RiskCurve(DEPTH, risk, 500)).fit()
    assert fit.method == "posterior"
    ends = fit.conf_int()
    for name, truth in zip(ends.index, (0.01, 1.0, 1.0), strict=True):
        assert ends.loc[name, "lower"] < truth < ends.loc[name, "upper"]
        assert ends.loc[name, "lower"] <= fit.params[name] <= ends.loc[name, "upper"]
    np.testing.assert_allclose(fit.predict(DEPTH), risk, rtol=0.1)
    assert fit.rising == 0
    assert fit.identified


def test_a_rise_is_no_part_of_the_law():
    risk = law(DEPTH, 0.0, 1.0, 1.0) / (1 + (20 / DEPTH) ** 3)
    found = [pl.DecayModel(curve(risk, runs=24, seed=seed)).fit() for seed in range(12)]
    ends = [fit.conf_int().loc["decay_rate"] for fit in found]
    assert sum(low <= 1.0 <= high for low, high in ends) >= 11
    assert {fit.burn_in.first for fit in found} <= {16.0, 32.0, 64.0}
    at_the_peak = [np.quantile(fit.risk_draws([32.0])[:, 0] / risk[3], [0.025, 0.975]) for fit in found]
    assert sum(low <= 1.0 <= high for low, high in at_the_peak) >= 10


def test_what_still_rises_gets_no_regime_and_is_told_where_it_may_fall():
    risk = 0.01 * DEPTH**1.5 / DEPTH[-1] ** 1.5
    fit = pl.DecayModel(curve(risk, runs=16, seed=1)).fit()
    assert fit.rising > 0.9
    table = pl.classify({"task": fit}, tolerance=1e-3, budget=64, confidence=0.9, extrapolate=True)
    assert table["regime"][0] == UNDETERMINED
    assert "still rising at 1024 steps" in table["reason"][0]
    advice = pl.advise({"task": fit}, tolerance=1e-3, budget=64, confidence=0.9, extrapolate=True)
    assert advice["advice"][0].startswith("Still rising at 1024 steps")
    assert advice["depth"][0] > 1024
    assert fit.falls_by(0.9) >= advice["depth"][0] or np.isinf(fit.falls_by(0.9))
    assert any("still rises" in text for text in fit.cautions())


def test_a_flat_curve_of_many_runs_is_noise():
    fit = pl.DecayModel(curve(np.full(9, 1e-2), runs=48, seed=2, correlation=0.5)).fit()
    table = pl.classify({"task": fit}, tolerance=2.5e-4, budget=256, confidence=0.85)
    assert (table["regime"][0], table["reason"][0]) == (NOISE_DOMINANT, "")


def test_a_call_has_to_stand_under_the_other_priors():
    """Where the floor's prior decides, there is no call."""
    moved = 0
    for seed in range(20):
        fit = pl.DecayModel(curve(law(DEPTH, 0.0, 1.0, 0.5), runs=8, seed=seed)).fit()
        sample = fit.sample()
        noise = sample.params[:, 0] > 0.5 * fit.predict([1024.0])[0]
        under = sample.weights() @ noise
        assert under.shape == (4,)
        assert under[0] == pytest.approx(noise.mean())
        moved += np.ptp(under) > 0.05
    assert moved > 10


def test_the_envelope_is_the_largest_risk_from_there_on():
    risk = law(DEPTH, 0.002, 1.0, 1.0) / (1 + (20 / DEPTH) ** 3)
    sample = pl.DecayModel(curve(risk, runs=24, seed=3)).fit().sample(500)
    fine = np.geomspace(4, 1024, 2000)
    whole = sample.risk(fine)
    for c in (4.0, 10.0, 64.0, 700.0):
        brute = np.maximum(whole[:, fine >= c].max(axis=1), sample.risk(np.array([c]))[:, 0])
        found = sample.envelope(np.array([c]))[:, 0]
        assert np.median(np.abs(found / brute - 1)) < 0.01
    reached = sample.crossing(0.01)
    inside = np.isfinite(reached) & (reached > 4) & (reached < 1024)
    np.testing.assert_allclose(sample.risk(reached[:, None])[inside, 0], 0.01, rtol=0.06)
    at = sample.envelope(np.array([200.0]))[:, 0] <= 0.01
    assert np.mean(at == (reached <= 200)) > 0.985


def test_draws_of_one_seed_belong_together():
    fit = pl.DecayModel(curve(law(DEPTH, 0.0, 1.0, 1.0))).fit()
    again = fit.sample(300, 4)
    assert fit.draws(300, 4).to_numpy().tolist() == again.params.tolist()
    np.testing.assert_array_equal(fit.risk_draws([64.0], 300, 4), again.risk(np.array([64.0])))
    np.testing.assert_array_equal(fit.sample(300, np.random.default_rng(4)).params, again.params)
    assert not np.array_equal(fit.sample(300, 5).params, again.params)
    same = pl.DecayModel(fit.curve).fit(rng=0)
    assert same.params.tolist() == fit.params.tolist()
    first = again.first(20)
    assert first.params.shape == (20, 3)
    np.testing.assert_array_equal(first.risk(DEPTH), again.risk(DEPTH)[:20])


def test_scale_does_not_matter():
    base = curve(law(DEPTH, 0.01, 1.0, 1.0), seed=5)
    fits = [
        pl.DecayModel(pl.RiskCurve(DEPTH, base.risk * s, base.df, errors=base.errors * np.sqrt(s))).fit()
        for s in (1.0, 1e-30, 1e8)
    ]
    rates = [fit.params["decay_rate"] for fit in fits]
    np.testing.assert_allclose(rates, rates[0], rtol=1e-6)
    np.testing.assert_allclose([f.params["intrinsic_limit"] / s for f, s in zip(fits, (1, 1e-30, 1e8), strict=True)],
                               fits[0].params["intrinsic_limit"], rtol=1e-6)  # fmt: skip


@pytest.mark.parametrize("depths", [3, 4])
def test_few_depths_are_wide_and_not_refused(depths):
    few = pl.risk.from_depth(curve(law(DEPTH, 0.0, 1.0, 1.0), runs=8), DEPTH[-depths])
    fit = pl.DecayModel(few).fit()
    low, high = fit.conf_int().loc["decay_rate"]
    assert low < 1.0 < high
    assert np.isnan(fit.burn_in.p_value) == (depths == 3)
    assert "nan" not in str(fit.summary())
    with pytest.raises(DataError, match="needs 3"):
        pl.DecayModel(pl.risk.from_depth(few, DEPTH[-2]))


def test_three_seeds_are_wide_and_not_refused():
    fit = pl.DecayModel(curve(law(DEPTH, 0.0, 1.0, 1.0), runs=3, seed=7)).fit()
    low, high = np.quantile(fit.risk_draws([1024.0])[:, 0], [0.025, 0.975])
    assert high / low > 10
    assert low < 1 / 1024 < high


def test_a_given_start_leaves_the_depths_before_out():
    whole = curve(law(DEPTH, 0.0, 1.0, 1.0))
    cut = pl.DecayModel(whole, burn_in=16.0).fit()
    assert cut.burn_in.chosen == "given"
    assert cut.burn_in.first >= 16
    alone = pl.DecayModel(pl.risk.from_depth(whole, 16.0)).fit()
    assert cut.params["decay_rate"] == pytest.approx(alone.params["decay_rate"], rel=0.15)


def test_the_other_intervals_are_those_of_the_likelihood():
    fit = pl.DecayModel(curve(law(DEPTH, 0.01, 1.0, 1.0))).fit()
    gamma = pl.DecayModel(fit.curve).fit("gamma")
    for method in ("profile", "wald", "gee"):
        assert fit.conf_int(method=method).equals(gamma.conf_int(method=method))
    with pytest.raises(ArgumentError, match="method='guess'"):
        fit.conf_int(method="guess")


def test_numbers_without_runs_know_less_than_independent_ones():
    """Neighbours that may be correlated say less about the level than independent ones would."""
    numbers = pl.RiskCurve(DEPTH, law(DEPTH, 0.0, 1.0, 1.0), 15)
    wide, narrow = (pl.DecayModel(numbers, correlated=c).fit().risk_draws([2048.0])[:, 0] for c in (True, False))
    assert np.std(np.log(wide)) > np.std(np.log(narrow))


def test_summary_names_the_priors_and_the_slope():
    text = str(pl.DecayModel(curve(law(DEPTH, 0.01, 1.0, 1.0))).fit().summary())
    assert "priors: log alpha Student t(3)" in text
    assert "slope of log L at 1024 steps" in text
    assert "effective draws" in text


def test_the_density_of_the_rate_matches_its_integral():
    """The posterior of alpha against quadrature, where nothing else is free: no floor, no rise, no walk."""
    df, k = 200.0, len(DEPTH)
    risk = law(DEPTH, 0.0, 1.0, 1.3)
    drawn = Posterior(
        DEPTH,
        risk,
        np.full(k, df),
        errors=log_errors(np.full(k, df), [np.eye(k)], {1.0: 1.0}),
        rng=np.random.default_rng(0),
    )
    sample = drawn.draw(60_000, np.random.default_rng(1))
    of = sample.shapes
    error = np.log(sample.measured[:, 0]) - sample.shapes.log_risk(LOG, LOG[-1])[:, 0] - sample.level
    plain = np.isneginf(of.logit) & (of.rise == 0) & (np.abs(error) < 1e-9)
    assert plain.sum() > 500
    y = np.log(risk) + np.log(df / 2) - psi(df / 2)
    nu = 3 * df

    def density(log_rate):
        rest = y + np.exp(log_rate) * (LOG - LOG[-1])
        q = np.sum((rest - rest.mean()) ** 2) / polygamma(1, df / 2)
        return (1 + q / nu) ** (-(nu + k - 1) / 2) * student.pdf(log_rate, 3)

    at = np.log([1.2, 1.4])
    total, mean = (quad(lambda x, p=p: density(x) * x**p, *at, epsabs=0)[0] for p in (0, 1))
    assert np.mean(np.log(of.rate[plain])) == pytest.approx(mean / total, abs=0.004)
