"""Wald, GEE, bootstrap and the paper's log-log recipe: against statsmodels, simulation, and each other."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import predictlab as pl
from predictlab.decay import _solver as solver
from predictlab.decay._bootstrap import bca, resampled_risk
from predictlab.errors import ArgumentError, DataError

STEPS = [3, 7, 15, 31, 63, 127, 255, 511]
WORLD = pl.worlds.MartingaleWorld(0.02, 1.0, 1.0)
PARAMETERS = ["intrinsic_limit", "scale", "decay_rate"]
TRUTH = np.array([0.02, 1.0, 1.0])


def numbers(df=60):
    depth = np.array([4.0, 8, 16, 32, 64, 128])
    noise = np.random.default_rng(3).chisquare(df, 6) / df
    return pl.RiskCurve(depth=depth, risk=(0.02 + depth**-1.0) * noise, df=df)


def test_wald_is_the_information_of_the_glm_with_the_rates_regressor():
    """statsmodels GLM with [1, c^-alpha, -K c^-alpha log c] at the fit, dispersion 1: the same standard errors."""
    curve = numbers()
    fit = pl.DecayModel(curve).fit("gamma")
    floor, k, a = fit.params
    c = curve.depth
    x = np.stack([np.ones_like(c), c**-a, -k * c**-a * np.log(c)], axis=1)
    family = sm.families.Gamma(link=sm.families.links.Identity())
    glm = sm.GLM(curve.risk, x, family=family, var_weights=curve.df / 2)
    bse = glm.fit(start_params=[floor, k, 0.0], scale=1.0).bse
    np.testing.assert_allclose(fit.bse, bse, rtol=1e-4)
    half = 1.959964 * fit.bse / fit.params
    np.testing.assert_allclose(fit.conf_int(method="wald")["upper"], fit.params * np.exp(half), rtol=1e-5)


@pytest.mark.parametrize("correlated", [True, False])
def test_standard_errors_are_those_of_repeated_samples(correlated):
    """256 runs, 150 repeats: Wald's and GEE's standard errors against the spread of the estimates."""
    gamma, gee, wald_se, gee_se = [], [], [], []
    for seed in range(150):
        model = pl.DecayModel(WORLD.spread(256, STEPS, seed, independent=not correlated), burn_in=4)
        for fit, found, errors in [(model.fit("gamma"), gamma, wald_se), (model.fit("gee"), gee, gee_se)]:
            found.append(np.log(fit.params))
            errors.append(fit.bse / fit.params)
    for found, errors in [(gamma, wald_se), (gee, gee_se)]:
        # a standard deviation of 150 is known to 6 %
        np.testing.assert_allclose(np.median(errors, axis=0), np.std(found, axis=0), rtol=0.25)
        np.testing.assert_allclose(np.mean(found, axis=0), np.log(TRUTH), atol=0.08)


def test_gee_reads_the_runs_and_its_intervals_cover():
    inside = []
    for seed in range(60):
        table = pl.DecayModel(WORLD.spread(48, STEPS, seed), burn_in=4).fit("gee").conf_int()
        inside.append((table["lower"] <= TRUTH) & (table["upper"] >= TRUTH))
    assert np.all(np.mean(inside, axis=0) > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 60))
    with pytest.raises(ArgumentError, match="GEE reads the errors of each run"):
        pl.DecayModel(numbers()).fit("gee")
    with pytest.raises(ArgumentError, match="GEE reads the errors of each run"):
        pl.DecayModel(numbers()).fit("gamma").conf_int(method="gee")


def test_gee_solves_the_same_equations_as_ours():
    """At our estimate of independent depths the equations are solved: statsmodels moves no further."""
    fit = pl.DecayModel(WORLD.spread(64, STEPS, 1), burn_in=4).fit("gee")
    start = [0.0 if name == "decay_rate" else 1.0 for name in fit.gee.names]
    np.testing.assert_allclose(fit.gee.results.params, start, atol=1e-4)
    assert fit.gee.df == 63
    assert "cluster = run" in fit.summary()
    draws = fit.draws(4000)
    assert np.log(draws["decay_rate"]).std() == pytest.approx(
        float(fit.bse["decay_rate"] / fit.params["decay_rate"]), rel=0.1
    )


def test_groups_are_clusters():
    errors = np.repeat(WORLD.errors(60, STEPS, 4), 2, axis=0)
    fields = {"depth": np.array(STEPS) + 1, "risk": np.mean(errors**2, axis=0), "df": 120, "estimator": "residual"}
    apart = pl.DecayModel(pl.RiskCurve(**fields, errors=errors), burn_in=4).fit("gee")
    groups = np.repeat(np.arange(60), 2)
    grouped = pl.DecayModel(pl.RiskCurve(**fields, errors=errors, groups=groups), burn_in=4).fit("gee")
    np.testing.assert_allclose(grouped.bse / apart.bse, np.sqrt(2), rtol=0.05)


def test_bootstrap_resamples_whole_runs():
    """One resample by hand; and the depths of the resamples hang together as those of the runs do."""
    curve = WORLD.spread(32, STEPS, 2)
    risk = resampled_risk(curve, 4000, np.random.default_rng(0), pl.DecayModel(curve).noise)
    pick = np.random.default_rng(0).multinomial(32, np.full(32, 1 / 32), size=4000)[0]
    by_hand = np.repeat(curve.mean + curve.errors, pick, axis=0).var(axis=0, ddof=1)
    np.testing.assert_allclose(risk[0], by_hand)
    neighbours = np.corrcoef(np.log(risk), rowvar=False)
    assert neighbours[6, 7] > 0.6
    assert neighbours[0, 7] < neighbours[6, 7]


def test_bootstrap_of_numbers_is_that_of_their_gamma_law():
    curve = numbers(df=20)
    risk = resampled_risk(curve, 20_000, np.random.default_rng(0), pl.DecayModel(curve).noise)
    np.testing.assert_allclose(risk.mean(axis=0), curve.risk, rtol=0.02)
    np.testing.assert_allclose(risk.var(axis=0), 2 * curve.risk**2 / 20, rtol=0.06)


def test_bootstrap_groups_stay_together():
    errors = np.random.default_rng(1).standard_normal((30, 4))
    curve = pl.RiskCurve(
        depth=[4, 8, 16, 32], risk=np.mean(errors**2, axis=0), df=30, estimator="residual", errors=errors,
        groups=np.repeat(["a", "b", "c"], 10),
    )  # fmt: skip
    risk = resampled_risk(curve, 500, np.random.default_rng(0), pl.DecayModel(curve).noise)
    of_group = [np.mean(errors[i : i + 10] ** 2, axis=0) for i in (0, 10, 20)]
    weights = np.linalg.lstsq(np.array(of_group).T, risk.T, rcond=None)[0].T
    np.testing.assert_allclose(weights * 3, np.round(weights * 3), atol=1e-8)
    assert len(np.unique(np.round(risk[:, 0], 10))) <= 10  # three of three with replacement


def test_bootstrap_interval_is_reproducible_and_near_the_profile():
    fit = pl.DecayModel(WORLD.spread(128, STEPS, 5), burn_in=4).fit("gamma")
    first, again = fit.conf_int(method="bootstrap", draws=400), fit.conf_int(method="bootstrap", draws=400)
    pd.testing.assert_frame_equal(first, again)
    width = np.log(first["upper"] / first["lower"]) / np.log(fit.conf_int()["upper"] / fit.conf_int()["lower"])
    assert np.all((width > 0.6) & (width < 1.5))
    sample = fit.bootstrap(50, rng=1)
    assert list(sample.columns) == PARAMETERS
    alone = solver.fit(
        fit.fitted.depth,
        resampled_risk(fit.fitted, 50, np.random.default_rng(1), fit.noise)[7],
        fit.fitted.df,
        fit.noise.weight,
    )
    np.testing.assert_allclose(
        sample.iloc[7], [alone.intrinsic_limit, alone.scale, alone.decay_rate], rtol=1e-3, atol=1e-7
    )


def test_bca_of_a_known_case():
    """Exponential mean of 30: BCa lies to the right of the percentile interval, as the exact one does."""
    rng = np.random.default_rng(0)
    data = rng.exponential(1.0, 30)
    sample = rng.choice(data, (4000, 30)).mean(axis=1)
    left_out = np.array([np.delete(data, i).mean() for i in range(30)])
    lower, upper = bca(sample, data.mean(), left_out, 0.95, np.zeros(4000, dtype=bool))
    percentile = np.quantile(sample, [0.025, 0.975])
    assert lower > percentile[0]
    assert upper > percentile[1]
    nothing = np.zeros(4000, dtype=bool)
    nothing[:2000] = True
    assert bca(sample, data.mean(), left_out, 0.95, nothing) == (0.0, np.inf)


def test_no_decay_is_unbounded_in_every_method():
    curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[0.1, 0.11, 0.1, 0.12, 0.13], df=15)
    fit = pl.DecayModel(curve, burn_in=4).fit("gamma")
    assert np.isnan(fit.params["decay_rate"])
    for method in ("profile", "wald", "bootstrap"):
        table = fit.conf_int(method=method)
        assert tuple(table.loc["decay_rate"]) == (0.0, np.inf)
        assert (
            table.loc["intrinsic_limit", "lower"]
            <= fit.params["intrinsic_limit"]
            <= table.loc["intrinsic_limit", "upper"]
        )
    assert np.isnan(fit.bse["decay_rate"])


def test_loglog_is_least_squares_in_logarithms():
    curve = numbers()
    fit = pl.DecayModel(curve).fit("loglog")
    slope, intercept = np.polyfit(np.log(curve.depth), np.log(curve.risk), 1)
    assert fit.params["decay_rate"] == pytest.approx(-slope)
    assert fit.params["scale"] == pytest.approx(np.exp(intercept))
    assert fit.params["intrinsic_limit"] == 0
    np.testing.assert_allclose(fit.conf_int().loc["decay_rate"], -fit.ols.conf_int().iloc[1, ::-1])
    assert "least squares" in fit.summary()
    assert any("not estimated" in caution for caution in fit.cautions())
    assert fit.draws(3000)["decay_rate"].std() == pytest.approx(
        float(fit.bse["decay_rate"]) * np.sqrt(fit.ols.df_resid / (fit.ols.df_resid - 2)), rel=0.15
    )


def test_loglog_with_a_floor_subtracted():
    depth = np.array([4.0, 8, 16, 32, 64])
    curve = pl.RiskCurve(depth=depth, risk=0.02 + 2 * depth**-1.5, df=40)
    exact = pl.DecayModel(curve).fit("loglog", floor=0.02)
    np.testing.assert_allclose(exact.params, [0.02, 2.0, 1.5])
    last = pl.DecayModel(curve).fit("loglog", floor="last")
    assert last.params["intrinsic_limit"] == curve.risk[-1]
    assert last.ols.nobs == 4
    assert last.params["decay_rate"] > 1.5  # what is left falls too fast once the end is taken for the floor
    assert pl.DecayModel(curve).fit("loglog").params["decay_rate"] < 1.5  # and too slowly if nothing is subtracted
    with pytest.raises(ArgumentError, match=r"floor=0.5: expected 'last', None, or a risk in \[0, "):
        pl.DecayModel(curve).fit("loglog", floor=0.5)
    with pytest.raises(ArgumentError, match="floor='first'"):
        pl.DecayModel(curve).fit("loglog", floor="first")
    with pytest.raises(ArgumentError, match="only 'loglog' has to be told"):
        pl.DecayModel(curve).fit(floor=0.1)
    with pytest.raises(ArgumentError, match="method='profile': expected 'wald'"):
        last.conf_int(method="profile")
    rising = pl.RiskCurve(depth=depth, risk=[1, 0.1, 0.1, 0.1, 0.3], df=40)
    with pytest.raises(DataError, match="1 depths lie above the floor"):
        pl.DecayModel(rising, burn_in=4).fit("loglog", floor="last")


@pytest.mark.parametrize(
    ("risk", "law"),
    [
        (lambda c: 0.05 + 3 * c**-1.0, "power + floor"),
        (lambda c: 3 * c**-0.8, "power"),
        (lambda c: 0.05 + 2 * np.exp(-c / 20), "exponential + floor"),
        (lambda c: 0.3 + 0 * c, "floor only"),
    ],
)
def test_the_law_that_made_the_curve_wins(risk, law):
    c = 2.0 ** np.arange(2, 10)
    fit = pl.DecayModel(pl.RiskCurve(depth=c, risk=risk(c), df=400), burn_in=4).fit("gamma")
    table = fit.compare_laws()
    assert table["law"][0] == law
    assert table["weight"].sum() == pytest.approx(1)
    assert (table["delta"].diff()[1:] >= 0).all()
    assert table.set_index("law")["deviance"][law] == pytest.approx(0, abs=1e-5)
    by_law = table.set_index("law")
    # the more general law is never worse before its parameters are counted
    assert by_law["deviance"]["power + floor"] <= by_law["deviance"]["power"] + 1e-7


def test_exponential_law_is_the_best_of_a_grid():
    c = 2.0 ** np.arange(2, 9)
    risk = (0.05 + 2 * np.exp(-c / 20)) * np.random.default_rng(2).chisquare(15, 7) / 15
    found = (
        pl.DecayModel(pl.RiskCurve(depth=c, risk=risk, df=15), burn_in=4).fit("gamma").compare_laws().set_index("law")
    )
    scales, shares = np.geomspace(1, 5000, 400)[:, None, None], np.geomspace(1e-4, 100, 400)[:, None]
    g = np.exp(-(c - 4) / scales) + shares
    s = np.mean(risk / g, axis=-1, keepdims=True)
    least = np.min(15 * np.sum(risk / (s * g) - 1 - np.log(risk / (s * g)), axis=-1))
    assert found["deviance"]["exponential + floor"] <= least + 1e-6
    assert found["deviance"]["exponential + floor"] == pytest.approx(least, abs=0.01)


def test_residuals_are_in_standard_deviations():
    values = np.concatenate(
        [
            pl.DecayModel(WORLD.spread(64, STEPS, s, independent=True), burn_in=4).fit("gamma").residuals["residual"]
            for s in range(40)
        ]
    )
    # three of eight degrees of freedom went into the parameters
    assert np.mean(values**2) == pytest.approx(5 / 8, rel=0.3)


def test_bursts_of_draws_are_tables_of_parameters():
    for method in ("gamma", "gee", "loglog"):
        fit = pl.DecayModel(WORLD.spread(32, STEPS, 0)).fit(method)
        assert list(fit.draws(7).columns) == PARAMETERS
        assert len(fit.summary_frame([10, 20])) == 2
        assert fit.bse.index.tolist() == PARAMETERS
        with pytest.raises(ArgumentError, match="draws=0"):
            fit.draws(0)
