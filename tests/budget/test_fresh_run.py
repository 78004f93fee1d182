"""Another run's end: plans that keep their promise, where the drift comes from, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

import predictlab as pl
from predictlab.budget._drift import from_runs
from predictlab.decay._mean_curve import MeanAtEnd, learning_time, mean_at_end
from predictlab.errors import ArgumentError, DataError

DEPTHS = (4, 8, 16, 32, 64)


def world(seed, runs=12, depths=DEPTHS, limit=1e-4, drift=0.0):
    frame = pl.worlds.MartingaleWorld(limit, 0.01, 1.0).source(seed=seed)(depths, range(runs))
    return frame.assign(value=frame["value"] + 0.7 - drift * frame["depth"] ** -0.5)


@pytest.fixture(scope="module")
def fresh():
    return pl.fresh_run(world(0))


def test_the_risk_is_the_sum_of_its_parts(fresh):
    draws = fresh.risk_draws([8, 64], [1, 4])
    spread = np.column_stack([fresh.sample.risk(np.array([8.0]))[:, 0], fresh.end_draws])  # at the end: as measured
    np.testing.assert_allclose(draws[:, :, 0] - draws[:, :, 1], 0.75 * spread)
    np.testing.assert_allclose(draws[:, 1, 1], 1.25 * fresh.end_draws)
    table = fresh.frame(seeds=4)
    assert table["steps"].tolist() == [16, 32, 64, 128, 256]
    assert (table["lower"] <= table["risk"]).all()
    assert table["drift"].iloc[-1] == 0
    np.testing.assert_allclose(table["risk"], table[["end", "probes", "drift"]].sum(axis=1))


def test_the_variance_of_the_end_is_the_measured_one_and_not_a_fit():
    """With its chi² interval; the fit there is drawn to its neighbours."""
    frame = world(3, 10)
    ends = frame[frame["depth"] == 64]["value"]
    fresh = pl.fresh_run(pl.DecayModel(pl.risk_curve(frame), dispersion=1).curve)
    assert fresh.end_variance == pytest.approx(ends.var(ddof=1), rel=1e-12)
    assert fresh.predict()["risk"] == pytest.approx(ends.var(ddof=1) * 1.1)
    assert fresh.static_estimate == pytest.approx(ends.var(ddof=1) * 1.1)
    df = 9 / fresh.fit.noise.dispersion
    low, high = np.quantile(fresh.end_draws, [0.025, 0.975])
    expected = ends.var(ddof=1) * df / chi2(df).ppf([0.975, 0.025])
    np.testing.assert_allclose([low, high], expected, rtol=0.1)
    at_end = fresh.frame(seeds=5).iloc[-1]
    assert at_end["risk"] == pytest.approx(ends.var(ddof=1) * 1.2)
    assert at_end["lower"] < at_end["risk"] < at_end["upper"]


def test_runs_that_stopped_early_count_where_they_were():
    frame = world(4, 12)
    cut = frame[~((frame["seed"] >= 8) & (frame["depth"] > 16))]
    fresh = pl.fresh_run(cut)
    assert fresh.ended == 8
    assert fresh.end_variance == pytest.approx(frame[(frame["depth"] == 64) & (frame["seed"] < 8)]["value"].var())
    assert np.isfinite(fresh.frame()["risk"]).all()
    one = replace(fresh.curve, errors=np.where(np.arange(12)[:, None] < 1, fresh.curve.errors, np.nan))
    with pytest.raises(DataError, match="1 runs were measured at all depths"):
        from_runs(one, 10, np.random.default_rng(0))


def test_a_price_is_one_of_the_seconds_that_runs_told():
    frame = world(1, 8)
    fresh = pl.fresh_run(frame.assign(seconds=frame["depth"] * 0.5), static_risk=1.0)
    assert fresh.curve.seconds_per_step == pytest.approx(0.5)
    plan = fresh.plan(tolerance=2e-3, gpu_hour=7.2)
    assert plan.seconds == plan.steps * 0.5
    assert plan.price == plan.cost == pytest.approx(plan.seconds * 0.002)
    assert f"{plan.steps:,.0f} steps in all, {plan.seconds:.3g} s, price {plan.price:.3g}" in str(plan)
    rates = fresh.optimal(exchange_rate=1e-6), fresh.optimal(exchange_rate=1e-3, gpu_hour=7.2)
    assert (rates[0].depth, rates[0].seeds) == (rates[1].depth, rates[1].seeds)  # 1e-3 a unit of .001 a step
    assert fresh.frame(seeds=2)["seconds"].tolist() == [4, 8, 16, 32, 64]
    with pytest.raises(ArgumentError, match=r"gpu_hour=7\.2: expected None where no run told the seconds"):
        pl.fresh_run(frame.drop(columns="seconds", errors="ignore"), static_risk=1.0).plan(1e-3, gpu_hour=7.2)
    with pytest.raises(ArgumentError, match=r"cost_per_step=2: expected None beside gpu_hour"):
        fresh.plan(1e-3, gpu_hour=7.2, cost_per_step=2)


def test_intervals_of_an_end_hold():
    """At the end of the recipe, from 4 and 12 runs: the share of 40 other ends inside, over 30 worlds."""
    for runs in (4, 12):
        inside = []
        for seed in range(30):
            frame = world(seed, runs + 40)
            names = pd.unique(frame["run"])
            found = pl.fresh_run(frame[frame["run"].isin(names[:runs])], draws=1000).predict()
            ends = frame[(frame["depth"] == 64) & ~frame["run"].isin(names[:runs])]["value"]
            inside.append(((found["lower"] <= ends) & (ends <= found["upper"])).mean())
        assert 0.91 <= np.mean(inside) <= 0.99


def test_the_law_of_the_mean_carries_it_to_the_end():
    held = []
    for seed in range(12):
        frame = world(seed, 24, drift=0.4)
        seen = frame[(frame["seed"] < 8) & (frame["depth"] <= 16)]
        found = pl.fresh_run(seen, horizon=64, drift="mean", draws=1000).predict()
        ends = frame[(frame["depth"] == 64) & (frame["seed"] >= 8)]["value"]
        held.append(((found["lower"] <= ends) & (ends <= found["upper"])).mean())
    assert np.mean(held) > 0.9


def test_a_flat_mean_stays_and_a_noisy_one_is_less_known():
    passed = np.array([4.0, 8.0, 16.0, 32.0])
    known = mean_at_end(passed, np.full(4, 0.5), np.eye(4) * 1e-8, 64.0)
    noisy = mean_at_end(passed, np.full(4, 0.5), np.eye(4) * 1e-3, 64.0)
    assert known.centre == pytest.approx(0.5, abs=1e-3)
    assert known.variance < noisy.variance
    exact = mean_at_end(passed, 0.8 - 0.5 * (1 + passed / 10) ** -1.0, np.eye(4) * 1e-8, 64.0)
    assert exact.centre == pytest.approx(0.8 - 0.5 / 7.4, abs=2 * np.sqrt(exact.variance))
    drawn = MeanAtEnd(np.array([0.0, 1.0]), np.array([0.1, 0.2]), np.array([0.25, 0.75])).draw(
        50_000, np.random.default_rng(0)
    )
    assert drawn.mean() == pytest.approx(0.75, abs=0.01)


def test_learning_time_is_the_sum_of_the_rates():
    recipe = pl.Recipe(steps=40, schedule="cosine", learning_rate=1.0)
    by_hand = sum(recipe.learning_rate_at(t) for t in range(10))
    assert learning_time(np.array([10.0]), 40, "cosine")[0] == pytest.approx(by_hand)
    assert learning_time(np.array([10.0]), 40, None)[0] == 10


def test_a_plan_keeps_its_promise():
    """Planned from 8 pilots at 90 %, in worlds whose mean does not drift: the true risk is within the tolerance."""
    truth = pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0)
    plans = [pl.fresh_run(world(seed, 8), static_risk=1.0, draws=1000).plan(tolerance=2e-3) for seed in range(16)]
    made = [plan for plan in plans if plan.seeds > 0]
    assert len(made) >= 12  # of a few runs that happen to differ much nothing can be promised
    end = truth.risk([63])[0]
    kept = [end + truth.risk([plan.depth - 1])[0] / plan.seeds <= 2e-3 for plan in made]
    assert np.mean(kept) >= 0.8  # .89 of 79 other worlds; of so few, three may fail at 90 %


def test_the_fewest_steps_are_the_fewest(fresh):
    dear = pl.fresh_run(world(0), static_risk=1.0)
    plan = dear.plan(tolerance=1e-3)
    depth, seeds = dear._grid(64)
    # a drift of twelve runs errs by a few per cent of this tolerance, so that its luck hardly counts
    within = np.mean(dear.risk_draws(depth, seeds) <= 1e-3, axis=0) >= 0.9
    assert plan.steps == np.min((depth[:, None] * seeds)[within])
    assert plan.probability >= 0.9
    assert str(plan).endswith(f"{plan.probability:.2f}.")
    assert fresh.plan(margin=1.96 * 1e-3**0.5).seeds == 0


def test_a_plan_counts_the_one_error_of_the_drift_at_hand():
    few = pl.fresh_run(world(1, runs=4), static_risk=1.0)
    depth, tolerance, rng = 4.0, 1e-3, np.random.default_rng(5)
    rest = (few.risk_draws(depth, 24) - few.drift_draws(np.array([depth]), np.array([24.0])))[:, 0, 0]
    # what is not known of a drift of four runs is Student's t with 3 degrees of freedom
    error = few.drift_draws.estimate(np.array([depth]), np.ones(1))[0, 0] * rng.standard_t(3, len(rest)) ** 2
    expected = np.mean(rest + error <= tolerance)
    assert few._promise(np.array([depth]), np.array([24.0]), tolerance)[0, 0] == pytest.approx(expected, abs=0.03)
    assert abs(np.mean(few.risk_draws(depth, 24) <= tolerance) - expected) > 0.015


@pytest.mark.filterwarnings("error")
def test_a_plan_by_the_law_of_the_mean_leaves_out_depths_of_which_nothing_is_known():
    early = pl.fresh_run(world(2, depths=DEPTHS[:4], drift=0.02), horizon=64, drift="mean")
    for margin in (0.02, 0.1, 1.0):
        plan = early.plan(margin=margin)
        assert plan.seeds <= 0 or plan.depth >= early.first_depth


def test_what_is_at_hand_may_suffice_and_nothing_may(fresh):
    assert (fresh.plan(1e-2).seeds, fresh.plan(1e-2).steps) == (0, 0)
    never = fresh.plan(1e-6)
    assert never.seeds == -1
    assert np.isinf(never.steps)
    assert "differ at their end" in str(never)


def test_the_best_pair_balances_seeds_against_steps():
    dear = pl.fresh_run(world(1), static_risk=1.0)
    cheap, costly = (dear.optimal(exchange_rate=rate) for rate in (1e-7, 1e-5))
    assert cheap.steps > costly.steps > 0
    assert cheap.cost == cheap.steps
    assert dear.optimal(exchange_rate=1e-5, fixed_cost=7).cost == costly.cost + 7
    total = dear.risk(costly.depth, costly.seeds)[0, 0] + 1e-5 * costly.steps
    for depth, seeds in ((4, 1), (64, 12), (costly.depth, costly.seeds + 4)):
        assert total <= dear.risk(depth, seeds)[0, 0] + 1e-5 * depth * seeds
    assert pl.fresh_run(world(1)).optimal(exchange_rate=1e-3).seeds == 0


def test_earlier_tasks_tell_the_drift():
    earlier = pd.concat([world(s, 8, drift=0.3 + 0.02 * s).assign(task=f"t{s}") for s in range(5)])
    seen = world(9, 8, drift=0.34).query("depth <= 16")
    found = pl.fresh_run(seen, horizon=64, drift=earlier)
    truth = 0.7 - 0.34 * 64**-0.5
    told = found.predict()
    assert told["lower"] < truth < told["upper"]
    assert abs(told["prediction"] - truth) < 0.04
    assert found.drift == "earlier"
    curves = [pl.risk_curve(earlier, f"t{s}") for s in range(5)]
    assert pl.fresh_run(seen, horizon=64, drift=curves).predict()["prediction"] == pytest.approx(told["prediction"])
    with pytest.raises(DataError, match=r"2 earlier tasks .* 3 are needed"):
        pl.fresh_run(seen, horizon=64, drift=curves[:2])


def test_what_is_refused(fresh):
    seen = world(0).query("depth <= 16")
    with pytest.raises(DataError, match=r"no run was measured at the end of its recipe, 64 steps.*Name where"):
        pl.fresh_run(seen, horizon=64)
    with pytest.raises(ArgumentError, match=r"drift='runs': expected 'mean' or earlier tasks"):
        pl.fresh_run(seen, horizon=64, drift="runs")
    with pytest.raises(ArgumentError, match=r"drift='law'"):
        pl.fresh_run(seen, horizon=64, drift="law")
    with pytest.raises(ArgumentError, match=r"depth=128: expected depths from 4, the first measured, to 64"):
        fresh.risk(128, 4)
    with pytest.raises(ArgumentError, match=r"seeds=0: expected numbers of runs >= 1"):
        fresh.risk(8, 0)
    with pytest.raises(ArgumentError, match=r"tolerance=None: .*Or give margin="):
        fresh.plan()
    with pytest.raises(ArgumentError, match=r"margin=0\.1: expected None beside tolerance=0\.01"):
        fresh.plan(0.01, margin=0.1)
    numbers = pl.RiskCurve(depth=[4, 8, 16], risk=[3e-3, 2e-3, 1e-3], df=9)
    with pytest.raises(ArgumentError, match=r"source=.*expected a spread that carries its runs"):
        pl.fresh_run(numbers)


def test_it_shows_itself(fresh):
    text = str(fresh)
    assert "The end of another run of" in text
    assert "12 runs read at 64 steps" in text
    assert "<table" in fresh._repr_html_()
    later = pl.fresh_run(world(0).query("depth <= 16"), horizon=64, drift="mean")
    assert "caution: no run was measured at 64 steps" in str(later)
