"""The regimes: both planes, the crossing budget, calls that hold their confidence, and advice."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, UnusualInput
from predictlab.phase import (
    DYNAMIC_CRITICAL,
    NOISE_DOMINANT,
    REGIMES,
    STATIC_SUFFICIENT,
    UNDETERMINED,
    decision_probabilities,
    regime_or_undetermined,
    theory_boundary,
    threshold_probabilities,
)

DEPTHS = np.array([4.0, 8, 16, 32, 64, 128, 256, 512])


def exact(floor, scale, rate, df=3000.0, method="posterior", **labels):
    curve = pl.RiskCurve(depth=DEPTHS, risk=floor + scale * DEPTHS**-rate, df=df, **labels)
    return pl.DecayModel(curve, dispersion=1).fit(method)


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
    assert np.isinf(table.loc["noisy", "crossing_budget"])
    assert (
        table.loc["slow", "crossing_lower"] < table.loc["slow", "crossing_budget"] < table.loc["slow", "crossing_upper"]
    )


def test_a_task_crosses_at_exactly_its_crossing_budget(fits):
    """docs/theory.md, section 5: at B = c_tau a Dynamic-Critical task becomes Static-Sufficient."""
    crossing = pl.classify(fits, tolerance=1.0, budget=32).set_index("task").loc["slow", "crossing_budget"]
    assert crossing == pytest.approx(float(pl.depth_for_tolerance(fits["slow"], 1.0)))
    slow = exact(0.2, 20.0, 0.7, method="gamma")
    crossing = float(pl.depth_for_tolerance(slow, 1.0))
    at = [[v] for v in slow.params]
    for factor, regime in [(1 - 1e-9, DYNAMIC_CRITICAL), (1 + 1e-9, STATIC_SUFFICIENT)]:
        assert regime_or_undetermined(decision_probabilities(*at, 1.0, crossing * factor), 0.9) == regime
    for factor, regime in [(0.7, DYNAMIC_CRITICAL), (1.4, STATIC_SUFFICIENT)]:
        table = pl.classify({"slow": fits["slow"]}, tolerance=1.0, budget=crossing * factor)
        assert table["regime"][0] == regime


def test_share_of_draws_crosses_with_the_crossing_budgets(fits):
    """P(Static-Sufficient at B) is the share of draws whose own c_tau is at most B."""
    slow = exact(0.2, 20.0, 0.7, method="gamma")
    sample = slow.draws()
    crossings = pl.depth_for_tolerance(slow, 1.0).draws
    for budget in np.quantile(crossings, [0.1, 0.5, 0.9]) * 1.0001:
        p = decision_probabilities(*(sample[c] for c in sample), 1.0, budget)
        assert p[0] == pytest.approx(np.mean(crossings <= budget), abs=1e-9)
    crossings = pl.depth_for_tolerance(fits["slow"], 1.0).draws
    for budget in np.quantile(crossings, [0.1, 0.5, 0.9]):
        p = pl.classify({"slow": fits["slow"]}, tolerance=1.0, budget=budget)["p_static_sufficient"][0]
        assert p == pytest.approx(np.mean(crossings <= budget), abs=0.01)


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
    assert regime_or_undetermined([0.9, 0.1, 0.0], 0.9) == STATIC_SUFFICIENT
    assert regime_or_undetermined([0.89, 0.11, 0.0], 0.9) == UNDETERMINED


def test_no_decay_is_sorted_by_its_level():
    flat = {"low": exact(0.3, 0.0, 1.0), "high": exact(3.0, 0.0, 1.0)}
    table = pl.classify(flat, tolerance=1.0, budget=512).set_index("task")
    assert table.loc["low", "regime"] == STATIC_SUFFICIENT
    assert table.loc["low", "crossing_budget"] < 512
    assert np.isinf(table.loc["high", "crossing_budget"])


def advised(fits, **options):
    """The table of `classify` beside that of `advise`, at 90 %."""
    options = {"confidence": 0.9} | options
    return pl.classify(fits, **options).merge(pl.advise(fits, **options).drop(columns="regime"), on="task")


def test_a_call_that_stands_says_what_to_do(fits):
    table = advised(fits, tolerance=1.0, budget=32).set_index("task")
    assert table[["chance", "variance_left"]].isna().all().all()
    for task, start in {"easy": "From ", "slow": "Train longer, to about ", "noisy": "More steps do not help"}.items():
        assert table.loc[task, "advice"].startswith(start)
    assert table.loc["slow", "depth"] == table.loc["slow", "crossing_budget"]
    paper = pl.advise(fits, rule="thresholds", intrinsic_threshold=1.0, rate_threshold=1.2)
    assert paper["advice"].tolist() == [f"The call stands: {regime}." for regime in REGIMES]


def test_undetermined_says_what_would_settle_it():
    edge = {"edge": exact(0.0, 20.0, 1.0, df=60)}
    row = advised(edge, tolerance=20 / 64 * 1.08, budget=64).iloc[0]
    assert row["regime"] == UNDETERMINED
    assert row["likely"] in REGIMES
    assert "on which side of the tolerance the risk at 64 steps lies" in row["advice"]
    assert f"Train about {row['runs']:.0f} more runs to depth 64, {row['cost']:,.0f} steps in all" in row["advice"]
    assert row["depth"] == 64
    assert row["chance"] >= 0.6


def test_the_further_from_the_tolerance_the_fewer_runs():
    fit = exact(0.0, 20.0, 1.0, df=60)
    tolerances = np.quantile(fit.risk_draws([64.0])[:, 0], [0.6, 0.85])
    asked = [advised({"t": fit}, tolerance=tolerance, budget=64).iloc[0] for tolerance in tolerances]
    assert [row["regime"] for row in asked] == [UNDETERMINED] * 2
    near, far = (row["runs"] for row in asked)
    assert near > 2 * far > 0


def test_seeds_are_asked_for_at_all_depths():
    """A spread is of complete runs: seeds that stop early would be left out of it."""
    world = pl.worlds.MartingaleWorld(0.01, 4.8, 1.0)
    fit = pl.DecayModel(world.spread(16, DEPTHS.astype(int) - 1, seed=3)).fit()
    tolerance = float(fit.predict(64)[0]) * 1.2
    row = advised({"t": fit}, tolerance=tolerance, budget=64).iloc[0]
    assert row["regime"] == UNDETERMINED
    assert row["depth"] >= 512
    assert "seeds" in row["advice"]


def test_a_floor_that_slow_decay_imitates_needs_a_deeper_depth():
    few = {"few": exact(0.15, 2.0, 0.5, df=60)}
    row = advised(few, tolerance=0.1, budget=64).iloc[0]
    assert row["regime"] == UNDETERMINED
    assert row["depth"] > 512
    assert re.search(rf"Train the same .* to {row['depth']:g} steps", row["advice"])
    few = {"few": exact(0.2, 2.0, 0.7, df=5, method="gamma")}
    row = advised(few, tolerance=0.1, budget=64).iloc[0]
    assert not few["few"].identified
    assert "not surely: the depths do not separate a floor from slow decay. " in row["advice"]


def test_where_no_probing_settles_it_another_tolerance_does():
    sure = exact(0.1, 20.0, 1.0, df=1e6)
    tolerance = float(sure.predict(64)[0])
    row = advised({"t": sure}, tolerance=tolerance, budget=64).iloc[0]
    assert row["regime"] == UNDETERMINED
    assert np.isnan(row["chance"])
    assert "the risk at 64 steps is at the tolerance itself. More runs will not settle" in row["advice"]
    up, down = re.search(r"from (\S+) up it is Static-Sufficient, below (\S+) Noise-Dominant", row["advice"]).groups()
    for other, regime in [(float(up) * 1.001, STATIC_SUFFICIENT), (float(down) * 0.99, NOISE_DOMINANT)]:
        assert advised({"t": sure}, tolerance=other, budget=64)["regime"][0] == regime


def test_advised_runs_settle_it_about_as_often_as_said():
    """The advice, followed to the letter in the same world, settles most calls; its truth lies at 1.25 tolerances."""
    settled, said = [], []
    for seed in range(28):
        risk = 20.0 / DEPTHS * np.random.default_rng(seed).chisquare(15, 8) / 15
        fit = pl.DecayModel(pl.RiskCurve(depth=DEPTHS, risk=risk, df=15), dispersion=1).fit()
        row = advised({"t": fit}, tolerance=0.25, budget=64).iloc[0]
        if not row["runs"] > 0 or row["depth"] > 512:
            continue
        df = np.where(row["depth"] >= DEPTHS, row["runs"], 0)
        fresh = 20.0 / DEPTHS * np.random.default_rng(1000 + seed).chisquare(np.maximum(df, 1))
        both = (15 * risk + np.where(df > 0, fresh, 0)) / (15 + df)
        wider = pl.DecayModel(pl.RiskCurve(depth=DEPTHS, risk=both, df=15 + df), dispersion=1).fit()
        settled.append(advised({"t": wider}, tolerance=0.25, budget=64)["regime"][0] != UNDETERMINED)
        said.append(row["chance"])
    assert len(settled) >= 8
    assert 0.55 < np.mean(said) < 0.8
    assert np.mean(settled) > 0.5 - 2 * np.sqrt(0.25 / len(settled))


def test_the_papers_rule_has_advice_too():
    fit = {"t": exact(0.01, 20.0, 1.1, df=60)}
    asked = {"rule": "thresholds", "intrinsic_threshold": 1.0, "rate_threshold": 1.0}
    row = advised(fit, **asked).iloc[0]
    assert row["regime"] == UNDETERMINED
    assert "on which side of the rate_threshold the decay rate lies" in row["advice"]
    assert row["chance"] >= 0.6
    sure = {"t": exact(0.01, 20.0, 1.0, df=1e6, method="gamma")}
    row = advised(sure, **(asked | {"rate_threshold": sure["t"].draws()["decay_rate"].median()})).iloc[0]
    assert "the decay rate is at the rate_threshold itself" in row["advice"]
    floor = {"t": exact(1.0, 20.0, 1.0, df=15)}
    assert "on which side of the intrinsic_threshold the floor lies" in advised(floor, **asked)["advice"][0]


def test_planes_are_medians_of_the_draws(fits):
    table = pl.classify(fits, tolerance=0.5, budget=40).set_index("task")
    for name, fit in fits.items():
        sample = fit.draws()
        planes = {
            "x": fit.sample().lasting() / 0.5,
            "y": np.maximum(fit.sample().envelope(np.array([40.0]))[:, 0] - fit.sample().lasting(), 0) / 0.5,
            "alpha": sample["decay_rate"],
        }
        for axis, values in planes.items():
            assert table.loc[name, axis] == pytest.approx(np.median(values))
            assert table.loc[name, f"{axis}_lower"] == pytest.approx(np.quantile(values, 0.025))
            assert table.loc[name, f"{axis}_upper"] == pytest.approx(np.quantile(values, 0.975))
        assert table.loc[name, "scale"] == pytest.approx(np.median(sample["scale"]))
    paper = pl.classify(fits, rule="thresholds", intrinsic_threshold=2.0, rate_threshold=1.2).set_index("task")
    np.testing.assert_allclose(paper["x"], table["x"] / 4)
    assert paper["y"].isna().all()


def test_a_budget_before_the_first_fitted_depth_is_refused(fits):
    late = fits | {"late": pl.DecayModel(fits["slow"].curve, burn_in=16).fit()}
    assert len(pl.classify(late, tolerance=1.0, budget=16)) == 4
    with pytest.raises(
        ArgumentError, match="budget=15: expected at least 16 steps, the first fitted depth of task 'late'"
    ):
        pl.classify(late, tolerance=1.0, budget=15)
    table = pl.classify(late, tolerance=1.0, budget=15, extrapolate=True)
    assert len(table) == 4
    assert not table["regime"].isna().any()


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
        ({"rule": "paper"}, "rule='paper': expected one of 'decision', 'thresholds'"),
        ({"rule": "thresholds"}, "intrinsic_threshold=None: expected a finite number > 0"),
        ({"rule": "thresholds", "intrinsic_threshold": 1}, "rate_threshold=None"),
    ],
)
def test_bad_input_is_named(fits, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        pl.classify(fits, **({"tolerance": 1.0, "budget": 32} | arguments))


def test_mixed_questions_and_metrics_are_refused(fits):
    curve = fits["easy"].curve
    for change, message in [
        ({"question": "this_run"}, "question=.*how the run being probed will end .other.*compare them apart"),
        ({"metric": "eval_loss"}, "fits=.*expected fits of one metric.*classify them apart"),
    ]:
        mixed = fits | {"other": pl.DecayModel(replace(curve, **change)).fit()}
        with pytest.raises(ArgumentError, match=message):
            pl.classify(mixed, tolerance=1.0, budget=32)
    with pytest.raises(ArgumentError, match="fits="):
        pl.classify({}, tolerance=1.0, budget=32)


def test_calls_are_repeatable(fits):
    assert pl.classify(fits, tolerance=1.0, budget=32).equals(pl.classify(fits, tolerance=1.0, budget=32))


def test_static_sufficient_has_two_levels():
    curve = pl.RiskCurve(DEPTHS, 4.0 / DEPTHS, df=60, question="this_run", total_variance=1.5)
    fits = {"a": pl.DecayModel(curve).fit("gamma")}
    asked = {"tolerance": 1.0, "budget": 64}
    assert pl.classify(fits, **asked)["level"].tolist() == ["by c_tau"]
    assert pl.classify(fits, **asked, static_risk=0.9)["level"].tolist() == ["at once"]
    assert pl.classify(fits, **asked, static_risk={"a": 1.1})["level"].tolist() == ["by c_tau"]
    assert pl.classify(fits, tolerance=1e-3, budget=64)["level"].tolist() == [""]
    with pytest.raises(ArgumentError, match=r"static_risk=0\.9: expected None for question='agreement'"):
        pl.classify({"a": exact(0.0, 4.0, 1.0, df=60)}, **asked, static_risk=0.9)
    with pytest.raises(ArgumentError, match=r"'b' is none of them"):
        pl.classify(fits, **asked, static_risk={"b": 1.0})


def test_other_units_and_far_budgets_are_noticed():
    fits = {"a": exact(0.0, 4e-4, 1.0, df=60)}
    with pytest.warns(UnusualInput, match=r"tolerance=0\.02 is 200 times the largest .* pass margin=m"):
        pl.classify(fits, tolerance=0.02, budget=64)
    with pytest.warns(UnusualInput, match=r"budget=64000 steps is 125 times the deepest measured depth, 512"):
        pl.classify(fits, tolerance=1e-5, budget=64_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = pl.classify(fits, margin=1.96e-2, budget=64)
    pd.testing.assert_frame_equal(same, pl.classify(fits, tolerance=1e-4, budget=64))
