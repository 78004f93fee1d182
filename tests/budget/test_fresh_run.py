"""Another run's end: plans that keep their promise, where the drift comes from, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
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
    spread = fresh.sample.risk(np.array([8.0, 64.0]))
    np.testing.assert_allclose(draws[:, :, 0] - draws[:, :, 1], 0.75 * spread)
    np.testing.assert_allclose(draws[:, 1, 1], 1.25 * fresh.end_draws)
    table = fresh.frame(seeds=4)
    assert table["steps"].tolist() == [16, 32, 64, 128, 256]
    assert (table["lower"] <= table["risk"]).all()
    assert table["drift"].iloc[-1] == 0
    np.testing.assert_allclose(table["risk"], table[["end", "probes", "drift"]].sum(axis=1), rtol=0.2)


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
    within = np.mean(dear.risk_draws(depth, seeds) <= 1e-3, axis=0) >= 0.9
    assert plan.steps == np.min((depth[:, None] * seeds)[within])
    assert plan.probability >= 0.9
    assert str(plan).endswith(f"{plan.probability:.2f}.")
    assert fresh.plan(margin=1.96 * 1e-3**0.5).seeds == 0


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
