"""The law of a larger evaluation set by Gamma likelihood, GEE and bootstrap: the rows' part stands beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import predictlab as pl
from predictlab.decay import _draws as dr
from predictlab.decay._law import deviance, law
from predictlab.decay._noise import Noise
from predictlab.decay._solver import fit_many
from predictlab.errors import ArgumentError
from predictlab.risk import variance_components
from predictlab.risk._components import resampled_interaction

DEPTH = np.exp2(np.arange(2.0, 9.0))
ROWS = 300


def tables(seed, runs=16, floor=0.0, rows=ROWS, alpha=1.0, k=0.04):
    """Crossed Gaussian worlds: outcomes (depths, runs, rows) whose runs follow L_int + K c^-alpha."""
    rng = np.random.default_rng([seed, runs, rows])
    b = rng.standard_normal(rows)
    return np.stack(
        [
            0.7
            + np.sqrt(floor + k * c**-alpha) * rng.standard_normal((runs, 1))
            + 0.3 * b
            + np.sqrt(0.12) * rng.standard_normal((runs, rows))
            for c in DEPTH
        ]
    )


def curve_of(seed, outcomes=True, **more):
    y = tables(seed, **more)
    parts = [variance_components(at) for at in y]
    means = y.mean(axis=2).T
    curve = pl.RiskCurve(
        DEPTH, [p.spread for p in parts], len(means) - 1.0, errors=means - means.mean(axis=0), mean=means.mean(axis=0),
        estimator="spread", parts=parts,
    )  # fmt: skip
    if not outcomes:
        return curve
    k, s, n = y.shape
    frame = pd.DataFrame(
        {"task": "t", "run": np.tile(np.repeat(np.arange(s).astype(str), n), k), "depth": np.repeat(DEPTH, s * n),
         "metric": "score", "row": np.tile(np.arange(n), k * s), "value": y.ravel()}
    )  # fmt: skip
    return pl.risk_curve(frame)


def test_the_least_deviance_is_found_beside_an_offset():
    """Against a simplex from many starts, curve by curve and all at once."""
    rng = np.random.default_rng(0)
    offset = np.linspace(4e-4, 2e-4, 7)
    truth = law(DEPTH, 1e-4, 0.04, 1.0)
    risk = (truth + offset) * rng.chisquare(15, (12, 7)) / 15
    df = np.full(7, 15.0)
    floor, scale, rate, least = fit_many(DEPTH, risk, df, offset=offset)
    for i in range(len(risk)):

        def value(p, risk=risk[i]):
            return float(deviance(risk, df, np.exp(p[0]) + np.exp(p[1] - np.exp(p[2]) * np.log(DEPTH / 4)) + offset))

        starts = [(a, b, c) for a in (-20, -9) for b in (-12, -4.6) for c in (-2, 0, 1.5)]
        best = min(minimize(value, s, method="Nelder-Mead", options={"maxiter": 4000}).fun for s in starts)
        assert least[i] <= best + 1e-4
        k, a = (0.0, 1.0) if np.isnan(rate[i]) else (scale[i], rate[i])
        assert least[i] == pytest.approx(float(deviance(risk[i], df, law(DEPTH, floor[i], k, a) + offset)), abs=1e-6)


def test_the_whole_set_is_no_offset():
    curve = curve_of(1)
    plain, set_of_its_size = pl.DecayModel(curve).fit("gamma"), pl.DecayModel(curve, rows=ROWS).fit("gamma")
    np.testing.assert_allclose(set_of_its_size.params, plain.params, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(set_of_its_size.conf_int(), plain.conf_int(), rtol=1e-3, atol=1e-8)


def test_statsmodels_agrees_at_the_fitted_rate():
    model = pl.DecayModel(curve_of(2), rows=np.inf, correlated=False, burn_in=4.0)
    fit = model.fit("gamma")
    if fit.params["intrinsic_limit"] > 0:
        assert fit.glm.params["intrinsic_limit"] == pytest.approx(fit.params["intrinsic_limit"], rel=1e-2)
    rate = fit.params["decay_rate"]
    assert fit.glm.params["scale"] * DEPTH[-1] ** rate == pytest.approx(fit.params["scale"], rel=1e-2)


def test_the_floor_of_a_small_set_is_the_rows_alone():
    """Without a floor: the set's own law has one of sigma_int² / n, that of the population none."""
    small = [pl.DecayModel(curve_of(seed, outcomes=False)).fit("gamma") for seed in range(12)]
    whole = [pl.DecayModel(curve_of(seed, outcomes=False), rows=np.inf).fit("gamma") for seed in range(12)]
    assert np.median([f.params["intrinsic_limit"] for f in small]) == pytest.approx(0.12 / ROWS, rel=0.4)
    assert np.median([f.params["intrinsic_limit"] for f in whole]) < 0.25 * 0.12 / ROWS
    rates = np.median([[f.params["decay_rate"] for f in fits] for fits in (small, whole)], axis=1)
    assert abs(rates[1] - 1) < 0.25
    # on twice the rows the spread has half as much of it
    twice = pl.DecayModel(curve_of(0, outcomes=False), rows=2 * ROWS).fit("gamma").predict([64.0])[0]
    either = [f[0].predict([64.0])[0] for f in (small, whole)]
    assert min(either) < twice < max(either)


def holds(curve, method, rows=np.inf):
    """Whether the 95 % intervals of the floor and of alpha hold the truth."""
    model = pl.DecayModel(curve, rows=rows, burn_in=4.0)
    ends = model.fit("gee" if method == "gee" else "gamma").conf_int(method=method, draws=300)
    return [ends.lower[n] <= v <= ends.upper[n] for n, v in (("intrinsic_limit", 1e-4), ("decay_rate", 1.0))]


@pytest.mark.parametrize("method", ["profile", "wald", "gee"])
def test_intervals_hold(method):
    """Of 40 worlds with a floor of runs: fewer than 33 hold with a chance of 1 in 300 where 95 % do."""
    held = np.sum([holds(curve_of(seed, outcomes=False, floor=1e-4), method) for seed in range(40)], axis=0)
    assert (held >= 33).all(), held


def test_the_bootstrap_holds_as_often_as_without_rows():
    """Of 16 runs it is short anyhow (docs/coverage.md): runs measured on all rows there are say how short."""
    held = np.zeros((2, 2))
    for seed in range(40):
        rng = np.random.default_rng(seed + 1000)
        means = np.sqrt(law(DEPTH, 1e-4, 0.04, 1.0)) * rng.standard_normal((16, 7))
        errors = means - means.mean(axis=0)
        endless = pl.RiskCurve(DEPTH, means.var(axis=0, ddof=1), 15.0, errors=errors, estimator="spread")
        held[0] += holds(endless, "bootstrap", rows=None)
        held[1] += holds(curve_of(seed, floor=1e-4), "bootstrap")
    assert (held[1] >= held[0] - 4).all(), held
    assert (held >= 28).all(), held


def test_draws_beside_an_offset_cover_like_those_without():
    noise = Noise(None, 1.0, float("inf"))
    risk = law(DEPTH, 1e-4, 0.04, 1.0) * np.random.default_rng(3).chisquare(30, 7) / 30
    tiny = noise.beside(np.full(7, 1e-9), np.zeros(7))
    args = DEPTH, risk, np.full(7, 30.0), 6000
    one = np.column_stack(dr.likelihood_draws(*args, np.random.default_rng(0), noise))
    other = np.column_stack(dr.likelihood_draws(*args, np.random.default_rng(0), tiny))
    for a, b in zip(one.T, other.T, strict=True):
        for q in (0.1, 0.5, 0.9):
            assert np.mean(b <= np.quantile(a, q)) == pytest.approx(q, abs=0.04)


def test_draws_hold_the_risk_of_the_population():
    depth = np.array([8.0, 64.0, 256.0])
    held = np.zeros(3)
    for seed in range(40):
        fit = pl.DecayModel(curve_of(seed, outcomes=False, floor=1e-4), rows=np.inf, burn_in=4.0).fit("gamma")
        low, high = np.quantile(fit.risk_draws(depth), [0.025, 0.975], axis=0)
        truth = law(depth, 1e-4, 0.04, 1.0)
        held += (low <= truth) & (truth <= high)
    assert (held >= 33).all(), held


@pytest.mark.parametrize("cluster", [1, 3])
def test_resampled_interaction_errs_as_new_rows_do(cluster):
    """Its mean is the estimate, and its sd over resamples that of estimates from fresh rows."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(300 // cluster), cluster)
    asked = label if cluster > 1 else None

    def table():
        p = rng.beta(2, 2, 300 // cluster)
        return np.repeat(rng.random((12, len(p))) < p, cluster, axis=1).astype(float)

    fresh = [variance_components(table(), asked).interaction for _ in range(400)]
    sds = []
    for _ in range(20):
        y = table()
        drawn = resampled_interaction(y, 400, rng, asked)
        sds.append(drawn.std())
        assert drawn.mean() == pytest.approx(variance_components(y, asked).interaction, abs=5 * sds[-1] / 20)
    assert np.mean(sds) == pytest.approx(np.std(fresh), rel=0.12)


def test_a_bootstrap_draws_rows_where_it_has_them_and_their_law_where_not():
    with_rows = pl.DecayModel(curve_of(5, floor=1e-4), rows=np.inf, burn_in=4.0).fit("gamma").bootstrap(300, 0)
    margins = pl.DecayModel(curve_of(5, outcomes=False, floor=1e-4), rows=np.inf, burn_in=4.0).fit("gamma")
    law_of_rows = margins.bootstrap(300, 0)
    for name in ("intrinsic_limit", "decay_rate"):
        a, b = (np.nanmedian(t[name]) for t in (with_rows, law_of_rows))
        assert a == pytest.approx(b, rel=0.5, abs=5e-5)


def test_residuals_are_of_the_set_that_was_measured():
    for method in ("gamma", "posterior"):
        fit = pl.DecayModel(curve_of(6, floor=0.0), rows=np.inf).fit(method)
        assert np.abs(fit.residuals["residual"]).max() < 4
        assert np.abs(fit.residuals["residual"].mean()) < 1


def test_rivals_are_those_of_the_law_asked_for():
    """Without a floor of runs: the population needs none, the set's own law does."""
    need = np.zeros(2)
    for seed in range(8):
        curve = curve_of(seed, outcomes=False, runs=48, rows=100)
        for i, rows in enumerate((np.inf, None)):
            laws = pl.DecayModel(curve, rows=rows, burn_in=4.0).fit("gamma").compare_laws().set_index("law")["deviance"]
            need[i] += laws["power"] - laws["power + floor"]
    assert need[0] < 8 * 2
    assert need[1] > 8 * 6


def test_what_has_no_answer_says_what_to_do():
    curve = curve_of(7, outcomes=False)
    with pytest.raises(ArgumentError, match="take 'posterior', 'gamma' or 'gee'"):
        pl.DecayModel(curve, rows=np.inf).fit("loglog")
    with pytest.raises(ArgumentError, match="method='posterior' speaks of smaller sets"):
        pl.DecayModel(curve, rows=100).fit("gamma")
    bare = pl.RiskCurve(DEPTH, curve.risk, 15.0)
    for method in ("gamma", "gee"):
        with pytest.raises(ArgumentError, match="make the curve from outcomes"):
            pl.DecayModel(bare, rows=np.inf).fit(method)


@pytest.mark.filterwarnings("error")
def test_laws_of_runs_that_differ_by_their_rows_alone():
    fits = [pl.DecayModel(curve_of(seed, k=0.0, runs=8), rows=np.inf).fit("gamma") for seed in range(4)]
    tables_ = [fit.compare_laws().set_index("law")["estimate"] for fit in fits]
    assert any(table["power"] == "no decay" for table in tables_)
