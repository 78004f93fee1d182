"""The law that runs out at the end of the recipe, ``K (c^-alpha - T^-alpha)``, against truths that are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2

import predictlab as pl
from predictlab.decay import DecayModel, HorizonResults
from predictlab.errors import ArgumentError

T = 128.0
DEPTHS = np.array([8.0, 16.0, 32.0, 64.0, 96.0])


def truth(depth, scale, rate, horizon=T):
    return scale * (depth**-rate - horizon**-rate)


def curve(risk, df=48.0, **changes):
    about = {"question": "this_run", "horizon": T, "schedule": "linear"} | changes
    return pl.RiskCurve(DEPTHS, risk, df, **about)


def fitted(risk, df=48.0, **changes):
    return DecayModel(curve(risk, df, **changes)).fit("gamma", horizon_law=True)


@pytest.mark.parametrize("rate", [0.05, 0.5, 1.0, 2.5])
def test_an_exact_curve_is_found(rate):
    fit = fitted(truth(DEPTHS, 2.0, rate))
    assert isinstance(fit, HorizonResults)
    assert fit.deviance < 1e-6
    assert fit.params["decay_rate"] == pytest.approx(rate, rel=1e-3)
    assert fit.params["scale"] == pytest.approx(2.0, rel=5e-3)
    np.testing.assert_allclose(fit.predict([10, 50, 100]), truth(np.array([10, 50, 100.0]), 2.0, rate), rtol=1e-4)
    assert fit.predict([T, 2 * T]).tolist() == [0, 0]
    floor, scale, alpha = fit.params
    assert floor == pytest.approx(-scale * T**-alpha, rel=1e-9), "the power law with a constant that ends it at T"
    assert (fit.burn_in.p_value, fit.burn_in.first) == (pytest.approx(1.0, abs=1e-6), 8.0)


def test_far_from_the_end_it_is_the_power_law_without_a_floor():
    risk = np.array([0.31, 0.16, 0.085, 0.05, 0.032])
    laws = DecayModel(pl.RiskCurve(DEPTHS, risk, 48.0)).fit("gamma").compare_laws().set_index("law")
    fit = fitted(risk, horizon=1e12)
    assert fit.deviance == pytest.approx(laws.loc["power", "deviance"], abs=1e-4)


def objective(risk, df, at):
    log_scale, log_rate = at
    mu = truth(DEPTHS, np.exp(np.clip(log_scale, -50, 50)), np.exp(np.clip(log_rate, -4, 2)))
    return float(np.sum(df * (risk / mu - 1 - np.log(risk / mu))))


def test_estimate_errors_and_profile_against_a_general_optimiser():
    rng = np.random.default_rng(3)
    risk = truth(DEPTHS, 2.0, 1.0) * rng.chisquare(48, 5) / 48
    fit = fitted(risk)
    best = minimize(lambda at: objective(risk, 48.0, at), np.log([2.0, 1.0]), method="Nelder-Mead", tol=1e-10)
    assert fit.deviance == pytest.approx(best.fun, abs=1e-6)
    assert np.log(fit.params[["scale", "decay_rate"]]).to_numpy() == pytest.approx(best.x, abs=1e-3)

    def held(index, value):
        other = minimize(
            lambda x: objective(risk, 48.0, np.insert(x, index, value)), [best.x[1 - index]], method="Nelder-Mead",
            tol=1e-10,
        )  # fmt: skip
        return other.fun - best.fun

    ends = fit.conf_int()
    for index, name in enumerate(("scale", "decay_rate")):
        for end in ends.loc[name]:
            assert held(index, np.log(end)) == pytest.approx(chi2.ppf(0.95, 1), rel=0.03), (name, end)
    step = 1e-3
    grid = [
        [objective(risk, 48.0, best.x + step * np.array([i, j])) for j in (-1, 0, 1)] for i in (-1, 0, 1)
    ]  # by hand: the curvature in (ln K, ln alpha)
    g = np.array(grid) / step**2
    cross = (g[2, 2] - g[2, 0] - g[0, 2] + g[0, 0]) / 4
    hessian = np.array([[g[2, 1] + g[0, 1] - 2 * g[1, 1], cross], [cross, g[1, 2] + g[1, 0] - 2 * g[1, 1]]])
    errors = np.sqrt(np.diag(np.linalg.inv(hessian / 2)))
    mine = fit.bse[["scale", "decay_rate"]] / fit.params[["scale", "decay_rate"]]
    np.testing.assert_allclose(mine, errors, rtol=0.02)


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_intervals_of_the_rate_and_draws_of_the_risk_hold(rate):
    rng = np.random.default_rng(int(10 * rate))
    mu, draws, hits, middle = truth(DEPTHS, 1.0, rate), 300, 0, 0
    at = np.array([48.0])
    for _ in range(draws):
        fit = fitted(mu * rng.chisquare(32, 5) / 32, 32.0)
        low, high = fit.conf_int().loc["decay_rate"]
        hits += low <= rate <= high
        low, high = np.quantile(fit.risk_draws(at, 400, rng), [0.025, 0.975])
        middle += low <= truth(at, 1.0, rate)[0] <= high
    assert 0.91 < hits / draws < 0.985, "95 %, 3 standard errors"
    assert 0.91 < middle / draws < 0.99


def world_curve(rng, parents=60, forks=4):
    """``R`` is a sum of independent steps whose variances add up to the law's; forks share those before their depth."""
    steps = np.arange(1.0, T + 1)
    variance = np.where(steps > 8, truth(np.maximum(steps - 1, 8), 2.0, 1.0) - truth(steps, 2.0, 1.0), 0.01)
    lines = []
    for parent in range(parents):
        so_far = np.cumsum(rng.standard_normal(len(steps)) * np.sqrt(variance))
        lines += [(f"p{parent}", None, c, so_far[int(c) - 1]) for c in [*DEPTHS, T]]
        for c in DEPTHS.astype(int):
            for m in range(forks):
                end = so_far[c - 1] + np.sum(rng.standard_normal(len(steps) - c) * np.sqrt(variance[c:]))
                lines += [(f"p{parent}@{c}:{m}", f"p{parent}", d, v) for d, v in ((c, so_far[c - 1]), (T, end))]
    frame = pd.DataFrame(lines, columns=["run", "parent", "depth", "value"])
    frame = frame.assign(task="world", metric="a", status="ok", seed=0)
    return pl.risk_curve(frame, question="this_run", horizon=T, schedule="cosine")


def test_forks_of_a_world_that_runs_out():
    hits, laws = np.zeros(2), []
    for seed in range(30):
        found = world_curve(np.random.default_rng(seed), parents=20)
        assert (found.estimator, found.depth.tolist()) == ("branch", DEPTHS.tolist())
        fit = DecayModel(found).fit("gamma", horizon_law=True)
        ends = fit.conf_int().loc[["scale", "decay_rate"]]
        hits += (ends["lower"] <= [2.0, 1.0]) & (ends["upper"] >= [2.0, 1.0])
        laws.append(fit.compare_laws().set_index("law")["delta"])
    assert hits.min() >= 25, "30 intervals at 95 %: fewer than 25 in one of 300 tests of a parameter"
    table = pd.concat(laws, axis=1).T
    assert table["power"].mean() > table["power to T"].mean() + 2, "the power law without a floor knows of no end"


def test_what_follows_knows_that_the_run_ends():
    fit = fitted(truth(DEPTHS, 2.0, 1.0))
    draws = fit.draws(500)
    assert (draws["intrinsic_limit"] < 0).all()
    assert fit.sample(200).lasting().max() == 0
    assert fit.risk_draws([T, 4 * T], 50).max() < 1e-15
    assert fit.summary_frame()["floor"].tolist() == [0.0] * 5
    assert np.quantile(draws["decay_rate"], [0.025, 0.975]) == pytest.approx(
        fit.conf_int().loc["decay_rate"].to_numpy(), rel=0.15
    )
    best = pl.optimal_depth(fit, exchange_rate=1e-5)
    assert best.depth == pytest.approx(T), "never beyond the recipe"
    assert best.risk == pytest.approx(0, abs=1e-9)
    within = pl.optimal_depth(fit, exchange_rate=5e-4)
    assert within.depth == pytest.approx(np.sqrt(2.0 / 5e-4), rel=0.02), "the constant moves the total, not c*"
    assert pl.depth_for_tolerance(fit, 0.01).depth == pytest.approx(2.0 / (0.01 + 2.0 / T), rel=0.02)
    called = pl.classify({"world": fit}, tolerance=1e-4, budget=64)
    assert "Noise-Dominant" not in repr(called), "a floor of 0 is below every tolerance"


def test_a_rate_near_zero_is_the_logarithm_and_is_said_to_be_open_below():
    fit = fitted(0.1 * np.log(T / DEPTHS))
    assert fit.conf_int().loc["decay_rate", "lower"] == 0
    assert np.isinf(fit.conf_int().loc["scale", "upper"])
    assert not fit.identified
    np.testing.assert_allclose(fit.predict(DEPTHS), 0.1 * np.log(T / DEPTHS), rtol=0.02)


def test_a_fall_that_is_no_power_is_caught():
    fit = fitted(0.1 * (1 - DEPTHS / T) ** 0.5)
    assert fit.burn_in.p_value < 1e-3
    assert any("does not fit" in line for line in fit.cautions())


def test_text():
    text = str(fitted(truth(DEPTHS, 2.0, 1.0)).summary())
    assert "runs out at the end of the recipe, 128 steps" in text
    assert "no floor that was estimated" in text
    assert fitted(truth(DEPTHS, 2.0, 1.0)).profile()["excess"].min() == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"question": "agreement"}, "False for a curve of 'agreement'"),
        ({"horizon": None}, "length and schedule are not known"),
        ({"schedule": None}, r"pl.risk_curve\(..., horizon=256"),
        ({"schedule": "constant"}, "False for the schedule 'constant'"),
        ({"horizon": 96.0}, "leave that depth out"),
    ],
)
def test_curves_that_it_is_not_for(changes, says):
    with pytest.raises(ArgumentError, match=says):
        fitted(truth(DEPTHS, 2.0, 1.0), **changes)


def test_methods_and_rows_that_it_does_not_go_with():
    given = curve(truth(DEPTHS, 2.0, 1.0))
    for method in ("posterior", "gee", "loglog"):
        with pytest.raises(ArgumentError, match="horizon_law=True: expected False for method"):
            DecayModel(given).fit(method, horizon_law=True)
    with pytest.raises(ArgumentError, match=r"^rows="):
        DecayModel(given, rows=np.inf).fit("gamma", horizon_law=True)
    assert DecayModel(given, burn_in=16.0).fit("gamma", horizon_law=True).fitted.depth[0] == 16
