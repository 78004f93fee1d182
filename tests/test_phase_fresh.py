"""Regimes of `fresh_run`: the floor is Var(R) as it was measured, the alternative no probe; what is refused."""

import numpy as np
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.phase import Decision, static_risk_of

DEPTHS = (4, 8, 16, 32, 64)


def world(seed, runs=12, limit=1e-4, scale=0.01):
    return pl.worlds.MartingaleWorld(limit, scale, 1.0).source(seed=seed)(DEPTHS, range(runs))


@pytest.fixture(scope="module")
def fresh():
    return pl.fresh_run(world(0))


def asked(fresh, tolerance, budget=16, **more):
    return pl.classify({"a": fresh}, tolerance=tolerance, budget=budget, **more).iloc[0]


def test_the_regimes_are_shares_of_its_own_draws(fresh):
    for tolerance, budget in ((1.2e-4, 16), (2e-4, 16), (4e-4, 8), (4e-4, 200)):
        row = asked(fresh, tolerance, budget)
        noise = fresh.end_draws > tolerance
        later = [c for c in (8, 16, 32, 64) if c >= min(budget, 64)]
        within = fresh.risk_draws(later, 12)[:, :, 0].max(axis=1) <= tolerance
        assert row["p_noise_dominant"] == pytest.approx(noise.mean())
        assert row["p_static_sufficient"] == pytest.approx((within & ~noise).mean(), abs=0.01)
        assert row["x"] == pytest.approx(np.median(fresh.end_draws) / tolerance)


def test_it_is_decided_by_the_measured_variance_of_the_ends():
    """Worlds with a known Var(R): above and below the tolerance."""
    above = pl.fresh_run(world(1, 40, limit=4e-4, scale=1e-3))
    below = pl.fresh_run(world(2, 40, limit=1e-5, scale=1e-3))
    table = pl.classify({"above": above, "below": below}, tolerance=1.5e-4, budget=64).set_index("task")
    assert table["regime"].to_dict() == {"above": "Noise-Dominant", "below": "Static-Sufficient"}
    assert table["question"].tolist() == ["fresh_run"] * 2
    assert np.isinf(table.loc["above", "crossing_budget"])


def test_at_once_where_the_ends_at_hand_suffice(fresh):
    assert asked(fresh, 2e-3)["level"] == "at once"
    dear = pl.fresh_run(world(0), static_risk=1.0)
    assert asked(dear, 2e-3)["level"] == "by c_tau"
    assert static_risk_of(fresh.results()) == fresh.static_estimate
    assert static_risk_of(dear.results()) == 1.0


def test_more_seeds_are_a_question_of_their_own(fresh):
    few, many = (asked(fresh.results(seeds), 4e-4, 4)["p_static_sufficient"] for seeds in (2, 40))
    assert few < many
    end = fresh.results(3).predict([64, 500])
    np.testing.assert_allclose(end, fresh.end_variance * (1 + 1 / 3))


def test_a_curve_of_fresh_run_has_the_same_floor():
    curve = pl.risk_curve(world(3, 30), question="fresh_run", seeds=5)
    fit = pl.DecayModel(curve).fit()
    sample = fit.sample()
    at_end = sample.risk(np.array([64.0]))[:, 0]
    np.testing.assert_allclose(sample.lasting(), at_end / 1.2)
    np.testing.assert_allclose(sample.risk(np.array([640.0]))[:, 0], at_end)
    assert np.all(np.isinf(sample.crossing(np.quantile(at_end, 0.5))) == (at_end > np.quantile(at_end, 0.5)))
    assert static_risk_of(fit) == pytest.approx(curve.total_variance * (1 + 1 / 30))
    x, _ = Decision(1e-4, 32).plane(sample)
    np.testing.assert_allclose(x, sample.lasting() / 1e-4)
    assert len(sample.first(10).params) == 10


def test_the_law_of_the_mean_carries_regimes_too():
    seen = world(4, 12).query("depth <= 32")
    later = pl.fresh_run(seen, horizon=64, drift="mean")
    row = asked(later, 1e-2, 16)
    assert row["regime"] == "Static-Sufficient"
    assert "No run was measured at the end" in later.results().cautions()[0]
    assert later.results().known_from == 16  # of the first two depths nothing is known


def advice(fit, tolerance, budget=8, **more):
    return pl.advise({"a": fit}, tolerance=tolerance, budget=budget, **more).iloc[0]


def test_advice_says_what_to_probe_or_that_nothing_is_to_be(fresh):
    dear = pl.fresh_run(world(0), static_risk=1.0)
    once = advice(fresh, 2e-3)
    assert once["advice"].startswith("Nothing to probe: from the 12 runs that ended the end of another run is known")
    assert (once["runs"], once["cost"]) == (0, 0)
    plan, told = dear.plan(2e-3), advice(dear, 2e-3)
    assert f"Probe {plan.seeds} seed to {plan.depth:.3g} steps, {plan.steps:,.0f} steps in all" in told["advice"]
    assert (told["runs"], told["depth"], told["cost"]) == (plan.seeds, plan.depth, plan.steps)
    assert "the best is" in advice(dear, 2e-3, exchange_rate=1e-6)["advice"]
    noisy = advice(fresh, 5e-5)
    assert noisy["advice"].startswith("No probe of other runs helps: runs of this recipe end ±0.027")
    seen = pl.fresh_run(world(0, 30).query("depth <= 32"), horizon=64, drift="mean")
    open_call = advice(seen, 3e-4, 20)
    assert "how runs differ at 64 steps was not measured" in open_call["advice"]
    assert (open_call["depth"], open_call["cost"]) == (64, 30 * 64)


def test_whoever_cannot_probe_deeper_is_not_told_to():
    """A recipe that ends at the last depth; logs; and the same runs where nothing is known of their end."""
    frame = world(0, 40).assign(metric="accuracy")
    ended = pl.DecayModel(pl.risk_curve(frame, horizon=64)).fit()
    unknown = pl.DecayModel(pl.risk_curve(frame)).fit()
    for tolerance in (1e-4, 1.7e-4, 5e-4):
        for fit, deeper in ((ended, None), (unknown, False)):
            row = advice(fit, tolerance, 32, deeper=deeper)
            assert not row["depth"] > 64
            assert not any(word in row["advice"] for word in ("longer, to", "128 steps", "512 steps", "depths up to"))
    assert "the same 40 seeds to 256 steps" in advice(unknown, 1e-4, 32)["advice"]
    slow = pl.RiskCurve(depth=DEPTHS, risk=0.01 / np.array(DEPTHS), df=400, metric="accuracy", horizon=64)
    sure = pl.DecayModel(slow, dispersion=1).fit()
    row = advice(sure, 1e-4, 32)
    assert row["regime"] == "Dynamic-Critical"
    assert "These runs end at 64 steps" in row["advice"]
    assert "Average 2 seeds: their mean is within it" in row["advice"]
    this = pl.RiskCurve(
        depth=DEPTHS, risk=0.01 / np.array(DEPTHS), df=400, metric="accuracy", horizon=64, question="this_run"
    )
    assert "only the end itself is surer" in advice(pl.DecayModel(this, dispersion=1).fit(), 1e-4, 32)["advice"]


def test_what_is_refused(fresh):
    spread = pl.DecayModel(pl.risk_curve(world(0))).fit()
    with pytest.raises(ArgumentError, match=r"agreement.*fresh_run"):
        pl.classify({"a": fresh, "b": spread}, tolerance=1e-3, budget=16)
    with pytest.raises(ArgumentError, match=r"fits\['a'\]=.*Its own plan\(\) and optimal\(\)"):
        pl.allocate({"a": fresh}, 1000)
    with pytest.raises(ArgumentError, match=r"FreshRun.*Its own optimal\(\)"):
        pl.optimal_depth(fresh.results(), exchange_rate=1e-6)
    short = pl.fresh_run(world(5).query("depth <= 16"), horizon=64, drift="mean")
    with pytest.raises(pl.errors.DataError, match="2 depths at which something is known"):
        short.results()
