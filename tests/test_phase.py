"""The regimes: both planes, the crossing budget, calls that hold their confidence, and advice."""

from dataclasses import replace

import numpy as np
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.phase import (
    DYNAMIC_CRITICAL,
    NOISE_DOMINANT,
    REGIMES,
    STATIC_SUFFICIENT,
    UNDETERMINED,
    called,
    decision_probabilities,
    theory_boundary,
    threshold_probabilities,
)

DEPTHS = np.array([4.0, 8, 16, 32, 64, 128, 256, 512])


def exact(floor, scale, rate, df=3000.0, **labels):
    return pl.DecayModel(pl.RiskCurve(depth=DEPTHS, risk=floor + scale * DEPTHS**-rate, df=df, **labels)).fit()


@pytest.fixture(scope="module")
def fits():
    return {"easy": exact(0.1, 10.0, 2.0), "slow": exact(0.2, 20.0, 0.7), "noisy": exact(2.0, 10.0, 1.0)}


def test_three_clear_tasks(fits):
    table = pl.classify(fits, tolerance=1.0, budget=32).set_index("task")
    assert list(table["regime"]) == [STATIC_SUFFICIENT, DYNAMIC_CRITICAL, NOISE_DOMINANT]
    assert (table["regime"] == table["likely"]).all()
    p = table[["p_static_sufficient", "p_dynamic_critical", "p_noise_dominant"]]
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p.max(axis=1) > 0.99).all()
    assert (table["advice"] == "").all()
    assert np.isinf(table.loc["noisy", "crossing_budget"])
    assert (
        table.loc["slow", "crossing_lower"] < table.loc["slow", "crossing_budget"] < table.loc["slow", "crossing_upper"]
    )


def test_a_task_crosses_at_exactly_its_crossing_budget(fits):
    """THEORY 5: at B = c_tau a Dynamic-Critical task becomes Static-Sufficient."""
    crossing = pl.classify(fits, tolerance=1.0, budget=32).set_index("task").loc["slow", "crossing_budget"]
    assert crossing == pytest.approx(float(pl.depth_for_tolerance(fits["slow"], 1.0)))
    at = [[v] for v in fits["slow"].params]
    for factor, regime in [(1 - 1e-9, DYNAMIC_CRITICAL), (1 + 1e-9, STATIC_SUFFICIENT)]:
        assert called(decision_probabilities(*at, 1.0, crossing * factor), 0.9) == regime
    for factor, regime in [(0.7, DYNAMIC_CRITICAL), (1.4, STATIC_SUFFICIENT)]:
        table = pl.classify({"slow": fits["slow"]}, tolerance=1.0, budget=crossing * factor)
        assert table["regime"][0] == regime


def test_share_of_draws_crosses_with_the_crossing_budgets(fits):
    """P(Static-Sufficient at B) is the share of draws whose own c_tau is at most B."""
    sample = fits["slow"].draws()
    crossings = pl.depth_for_tolerance(fits["slow"], 1.0).draws
    for budget in np.quantile(crossings, [0.1, 0.5, 0.9]) * 1.0001:
        p = decision_probabilities(*(sample[c] for c in sample), 1.0, budget)
        assert p[0] == pytest.approx(np.mean(crossings <= budget), abs=1e-9)


def test_both_planes_and_the_rule_agree():
    """Theory plane: alpha against alpha_B(L_int). Budget plane: x + y against 1 and x against 1. One classification."""
    rng = np.random.default_rng(8)
    tau, budget = 0.7, 90.0
    for floor, scale, rate in zip(
        rng.uniform(0, 1.2, 500), np.exp(rng.normal(2, 2, 500)), rng.uniform(0, 3, 500), strict=True
    ):
        rule = REGIMES[int(np.argmax(decision_probabilities([floor], [scale], [rate], tau, budget)))]
        boundary = theory_boundary(floor, scale, tau, budget)
        x, y = floor / tau, scale * budget**-rate / tau
        theory = NOISE_DOMINANT if np.isnan(boundary) else (STATIC_SUFFICIENT if rate >= boundary else DYNAMIC_CRITICAL)
        plane = NOISE_DOMINANT if x > 1 else (STATIC_SUFFICIENT if x + y <= 1 else DYNAMIC_CRITICAL)
        assert rule == theory == plane


def test_boundary_is_where_the_risk_at_the_budget_is_the_tolerance():
    floors = np.array([0.0, 0.3, 0.6])
    alpha = theory_boundary(floors, 20.0, 0.7, 50.0)
    np.testing.assert_allclose(floors + 20.0 * 50.0**-alpha, 0.7)
    assert np.all(theory_boundary(floors, 20.0, 0.7, 500.0) < alpha)  # it sinks as B grows
    assert np.isnan(theory_boundary(0.7, 20.0, 0.7, 50.0))
    assert theory_boundary(0.0, 0.1, 0.7, 50.0) == 0
    with pytest.raises(ArgumentError, match="budget=1: expected more than 1 step"):
        theory_boundary(0.0, 1.0, 0.7, 1)


def test_the_papers_rule(fits):
    table = pl.classify(fits, rule="thresholds", intrinsic_threshold=1.0, rate_threshold=1.2).set_index("task")
    assert list(table["regime"]) == [STATIC_SUFFICIENT, DYNAMIC_CRITICAL, NOISE_DOMINANT]
    assert table["crossing_budget"].isna().all()
    np.testing.assert_array_equal(threshold_probabilities([[2, 0, 0]], [[1, 1, 3]], 1, 2), [[1 / 3, 1 / 3, 1 / 3]])


def test_called():
    assert called([0.9, 0.1, 0.0], 0.9) == STATIC_SUFFICIENT
    assert called([0.89, 0.11, 0.0], 0.9) == UNDETERMINED


def test_no_decay_is_sorted_by_its_level():
    flat = {"low": exact(0.3, 0.0, 1.0), "high": exact(3.0, 0.0, 1.0)}
    table = pl.classify(flat, tolerance=1.0, budget=512).set_index("task")
    assert table.loc["low", "regime"] == STATIC_SUFFICIENT
    assert table.loc["low", "crossing_budget"] == 0
    assert np.isinf(table.loc["high", "crossing_budget"])


def test_undetermined_says_what_would_settle_it():
    few = {"few": exact(0.4, 10.0, 1.0, df=7)}
    row = pl.classify(few, tolerance=0.5, budget=400).iloc[0]
    assert row["regime"] == UNDETERMINED
    assert row["likely"] in REGIMES
    assert "probe deeper" in row["advice"] or "more seeds" in row["advice"]
    edge = {"edge": exact(0.0, 20.0, 1.0, df=60)}
    row = pl.classify(edge, tolerance=20 / 64 * 1.08, budget=64).iloc[0]
    assert row["regime"] == UNDETERMINED
    assert "at 64 steps" in row["advice"]


def test_advised_number_of_seeds_is_enough_about_as_often_as_asked():
    """The number in the advice, added to the runs, settles most repeats of the same world."""
    settled = []
    for seed in range(25):
        risk = 20.0 / DEPTHS * np.random.default_rng(seed).chisquare(15, 8) / 15
        fit = pl.DecayModel(pl.RiskCurve(depth=DEPTHS, risk=risk, df=15)).fit()
        row = pl.classify({"t": fit}, tolerance=0.25, budget=64).iloc[0]
        if "more seeds at the same depths" not in row["advice"] or "at 64 steps" not in row["advice"]:
            continue
        more = int(row["advice"].split()[1])
        if more > 300:
            continue
        again = 20.0 / DEPTHS * np.random.default_rng(1000 + seed).chisquare(15 + more, 8) / (15 + more)
        wider = pl.DecayModel(pl.RiskCurve(depth=DEPTHS, risk=again, df=15 + more)).fit()
        settled.append(pl.classify({"t": wider}, tolerance=0.25, budget=64)["regime"][0] != UNDETERMINED)
    assert len(settled) >= 5
    assert np.mean(settled) > 0.4  # half when the estimate stays where it was; it does not


@pytest.mark.parametrize(("floor", "truth"), [(0.5, DYNAMIC_CRITICAL), (2.0, NOISE_DOMINANT)])
def test_wrong_calls_are_rare(floor, truth):
    """Floor at half and twice the tolerance, 32 runs, correlated depths: at 0.9 at most 10 % of tasks are miscalled."""
    world = pl.worlds.MartingaleWorld(floor, 128.0, 1.0)
    fits = {f"t{seed}": pl.DecayModel(world.curve(32, DEPTHS.astype(int) - 1, seed)).fit() for seed in range(40)}
    table = pl.classify(fits, tolerance=1.0, budget=64, confidence=0.9)
    made = table[table["regime"] != UNDETERMINED]
    assert (made["regime"] != truth).sum() <= 0.1 * len(table)
    if truth == DYNAMIC_CRITICAL:
        assert len(made) > 0.6 * len(table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": 0}, "tolerance=0: expected a finite number > 0"),
        ({"tolerance": None}, "tolerance=None"),
        ({"budget": np.nan}, "budget=nan"),
        ({"budget": 1}, "budget=1: expected more than 1 step"),
        ({"confidence": 0.4}, r"confidence=0.4: expected a probability in \(0.5, 1\)"),
        ({"rule": "paper"}, "rule='paper': expected 'decision' or 'thresholds'"),
        ({"rule": "thresholds"}, "intrinsic_threshold=None: expected a finite number > 0"),
        ({"rule": "thresholds", "intrinsic_threshold": 1}, "rate_threshold=None"),
    ],
)
def test_bad_input_is_named(fits, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        pl.classify(fits, **({"tolerance": 1.0, "budget": 32} | arguments))


def test_mixed_questions_and_metrics_are_refused(fits):
    curve = fits["easy"].curve
    for change, word in [({"question": "this_run"}, "question"), ({"metric": "eval_loss"}, "metric")]:
        mixed = fits | {"other": pl.DecayModel(replace(curve, **change)).fit()}
        with pytest.raises(ArgumentError, match=f"fits=.*expected fits of one {word}.*classify them apart"):
            pl.classify(mixed, tolerance=1.0, budget=32)
    with pytest.raises(ArgumentError, match="fits="):
        pl.classify({}, tolerance=1.0, budget=32)


def test_calls_are_repeatable(fits):
    assert pl.classify(fits, tolerance=1.0, budget=32).equals(pl.classify(fits, tolerance=1.0, budget=32))
