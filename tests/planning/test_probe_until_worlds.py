"""Sequential probing: boundaries, costs, choices, replay after interruption, and how often answers are wrong."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.planning import Boundary, obrien_fleming, pocock
from predictlab.planning._next_step import Measurement, variance_left

STATIC = pl.worlds.MartingaleWorld(0.01, 1.0, 1.0)
PLAN = pl.ProbePlan(depths=(4, 8, 16, 32, 64), seeds=8)


def until(world, seed=1, **asked):
    return pl.probe_until(world.source(seed), progress=False, **({"confidence": 0.9} | asked))


class Counting:
    """A source that writes down what it is asked, and the deepest depth it has trained each seed to."""

    def __init__(self, source, fail_at=None):
        self.source, self.fail_at, self.asked, self.reached = source, fail_at, [], {}
        self.__name__ = source.__name__

    def __call__(self, depths, seeds):
        self.asked.append((tuple(depths), tuple(seeds)))
        if len(self.asked) == self.fail_at:
            raise KeyboardInterrupt
        for seed in seeds:
            self.reached[seed] = max(self.reached.get(seed, 0), max(depths))
        return self.source(depths, seeds)


@pytest.mark.parametrize("spend", [pocock, obrien_fleming])
def test_spending_functions_rise_from_nothing_to_all(spend):
    time = np.linspace(0, 1, 51)
    spent = np.array([spend(t, 0.1) for t in time])
    assert spent[0] == 0
    assert spent[-1] == pytest.approx(0.1, rel=1e-12)
    assert np.all(np.diff(spent) >= 0)


def test_spending_functions_have_the_values_of_lan_and_demets():
    # 0.05 ln(1 + (e - 1) / 2), and 2 (1 - Phi(1.959964 / 0.5)), by hand
    assert pocock(0.5, 0.05) == pytest.approx(0.0310057, abs=1e-7)
    assert obrien_fleming(0.25, 0.05) == pytest.approx(8.857e-5, rel=1e-3)


@pytest.mark.parametrize("spend", [pocock, obrien_fleming])
def test_levels_add_up_to_the_error_and_small_ones_are_kept(spend):
    boundary = Boundary(spend, 0.1)
    levels = [boundary.level(t) for t in (0.001, 0.01, 0.1, 0.3, 0.31, 0.6, 1.0)]
    assert sum(levels) == pytest.approx(0.1, rel=1e-12)
    assert levels[0] == 0
    assert all(level == 0 or level >= 1e-3 for level in levels)


def test_variance_left_is_the_conditional_variance_of_gaussians():
    rng = np.random.default_rng(0)
    q = rng.standard_normal(40_000)
    seen = np.stack([q + rng.standard_normal(40_000), rng.standard_normal(40_000)], axis=1)
    # precision 1 of q itself, 1/(1 + 2) of what is seen of it
    assert variance_left(q, Measurement(seen, 2 * np.eye(2))) == pytest.approx(3 / 4, abs=0.01)
    assert variance_left(q, Measurement(seen[:, 1:], np.eye(1))) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(
    ("world", "budget", "regime"),
    [
        (pl.worlds.MartingaleWorld(0.005, 1.0, 1.0), 64, "Static-Sufficient"),
        (pl.worlds.MartingaleWorld(0.005, 8.0, 1.0), 16, "Dynamic-Critical"),
        (pl.worlds.MartingaleWorld(2.0, 8.0, 2.0), 16, "Noise-Dominant"),
    ],
)
def test_clear_regimes_are_decided(world, budget, regime):
    found = until(world, tolerance=0.1, budget=budget, max_cost=30_000)
    assert found.decided
    assert found.answer == found.likely == regime
    assert found.probability >= 1 - found.level
    assert found.cost < found.max_cost
    assert found.looks["stands"].tolist() == [False] * (len(found.looks) - 1) + [True]
    assert found.looks["level"].sum() <= 0.1 + 1e-12
    assert regime in found.summary()
    assert regime in found._repr_html_()


def test_what_cannot_be_decided_is_undetermined_and_says_why_it_stopped():
    world = pl.worlds.MartingaleWorld(0.1, 1.0, 1.0)  # the floor is the tolerance
    found = until(world, tolerance=0.1, budget=64, max_cost=3000, plan=PLAN)
    assert not found.decided
    assert found.answer == "Undetermined"
    assert found.likely in ("Static-Sufficient", "Dynamic-Critical", "Noise-Dominant")
    assert found.probability < 1 - found.level
    assert "max_cost=3000" in found.stopped_because
    assert found.looks["time"].iloc[-1] == 1
    assert found.looks["action"].iloc[-1] == "stop"
    assert all(found.looks["why"].iloc[:-1].str.contains("expected to fall|all draws agree"))


def test_cost_is_that_of_the_steps_the_source_adds():
    source = Counting(pl.worlds.MartingaleWorld(0.08, 1.0, 1.0).source(3))
    found = pl.probe_until(
        source, tolerance=0.1, budget=64, max_cost=8000.5, cost_per_step=2.5, plan=PLAN, progress=False
    )
    assert found.cost == pytest.approx(2.5 * sum(source.reached.values()))
    assert found.cost <= found.max_cost
    assert set(source.reached) == set(found.plan.seeds)
    assert set(source.reached.values()) == {found.plan.depths[-1]}
    cells = [(d, s) for depths, seeds in source.asked for d in depths for s in seeds]
    assert len(cells) == len(set(cells))  # nothing is asked for twice
    assert len(found.runs) == len(found.plan.seeds) * len(found.plan.depths)


def test_a_deeper_depth_is_asked_where_seeds_are_dear():
    """The fixed question needs the tail of the law, and the shallow plan has no depth that shows it."""
    world = pl.worlds.MartingaleWorld(0.02, 1.0, 1.0)
    plan = pl.ProbePlan(depths=(1, 2, 3, 4), seeds=60)
    found = until(world, tolerance=0.1, budget=2, max_cost=60 * 128, plan=plan)
    assert found.plan.depths[-1] > 4
    assert any("for all seeds" in action for action in found.looks["action"])


def test_the_first_look_reaches_the_budget_where_it_can_be_paid():
    source = Counting(STATIC.source(1))
    pl.probe_until(source, tolerance=0.1, budget=200, max_cost=4000, max_depth=512, progress=False)
    assert source.asked[0] == ((4, 8, 16, 32, 64, 128, 256), tuple(range(8)))
    source = Counting(STATIC.source(1))  # 8 seeds to depth 256 would cost 2048
    pl.probe_until(source, tolerance=0.1, budget=200, max_cost=1500, max_depth=512, progress=False)
    assert source.asked[0][0][-1] == 128


def test_few_answers_are_wrong_where_it_is_hardest():
    """What decides is just beyond the tolerance: no more than one task in ten may be called wrongly, at 90 %."""
    edge = [
        (pl.worlds.MartingaleWorld(0.01, 5.77, 1.0), "Static-Sufficient"),  # risk at the budget 0.1002
        (pl.worlds.MartingaleWorld(0.1002, 32.0, 1.5), "Dynamic-Critical"),
    ]
    asked = {"tolerance": 0.1, "budget": 64, "max_cost": 3000, "plan": PLAN}
    wrong = [until(world, 100 + seed, **asked).answer == regime for world, regime in edge for seed in range(6)]
    assert sum(wrong) <= binom.ppf(0.999, len(wrong), 0.1)


def test_most_answers_a_factor_from_the_tolerance_are_given_and_right():
    world = pl.worlds.MartingaleWorld(0.01, 2.56, 1.0)  # risk at the budget: half of the tolerance
    found = [until(world, seed, tolerance=0.1, budget=64, max_cost=12_000, plan=PLAN) for seed in range(8)]
    decided = [r.answer for r in found if r.decided]
    assert len(decided) >= 6
    assert set(decided) == {"Static-Sufficient"}
    assert np.median([r.cost for r in found]) < 10_000


def test_max_depth_is_kept():
    world = pl.worlds.MartingaleWorld(0.1, 1.0, 1.0)
    found = until(world, tolerance=0.1, budget=64, max_cost=4000, max_depth=48)
    assert found.plan.depths[-1] <= 48
    found = pl.probe_until(world.source(1, max_depth=40), tolerance=0.1, budget=64, max_cost=4000, progress=False)
    assert found.plan.depths[-1] <= 40


def test_an_interrupted_call_goes_on_and_gives_the_same(tmp_path):
    asked = {"tolerance": 0.1, "budget": 64, "max_cost": 4000, "plan": PLAN, "progress": False}
    source = pl.worlds.MartingaleWorld(0.1, 1.0, 1.0).source(2)
    whole = pl.probe_until(source, **asked)
    assert len(whole.looks) >= 4
    store = tmp_path / "runs.db"
    with pytest.raises(KeyboardInterrupt):
        pl.probe_until(Counting(source, fail_at=3), store=store, **asked)
    rest = Counting(source)
    again = pl.probe_until(rest, store=store, **asked)
    pd.testing.assert_frame_equal(again.looks, whole.looks)
    done = sum(len(depths) * len(seeds) for depths, seeds in rest.asked)
    assert 0 < done < len(whole.runs)
    replay = Counting(source)
    pd.testing.assert_frame_equal(pl.probe_until(replay, store=store, **asked).looks, whole.looks)
    assert replay.asked == []


def test_rate_and_optimal_depth_are_found_as_narrowly_as_asked():
    found = until(STATIC, question="decay_rate", within=0.7, max_cost=40_000)
    assert found.decided
    assert found.looks["half_width"].iloc[-1] <= 0.7
    assert found.interval[0] <= 1.0 <= found.interval[1]
    assert found.answer == pytest.approx(found.fit.params["decay_rate"])
    found = until(STATIC, question="optimal_depth", exchange_rate=0.001, within=2.5, relative=True, max_cost=40_000)
    assert found.decided
    assert (found.interval[1] - found.interval[0]) / 2 <= 2.5 * found.answer
    assert found.interval[0] <= 1000**0.5 <= found.interval[1]  # (alpha K / (gamma lambda))^(1/2)
    assert "interval" in found.summary()


def test_optimal_depth_counts_the_price_of_a_step():
    asked = {"question": "optimal_depth", "within": 1e9, "plan": PLAN}
    one = until(STATIC, exchange_rate=0.004, max_cost=10_000, **asked)
    dear = until(STATIC, exchange_rate=0.001, cost_per_step=4.0, max_cost=40_000, **asked)
    assert dear.cost == 4 * one.cost
    assert one.answer == pytest.approx(dear.answer)
    assert one.interval == pytest.approx(dear.interval)


def test_diverged_runs_are_counted_and_not_in_the_way():
    source = STATIC.source(5)

    def half_broken(depths, seeds):
        frame = source(depths, seeds)
        frame.loc[frame["seed"].isin([1, 4]) & (frame["depth"] >= 16), "value"] = np.nan
        return frame

    found = pl.probe_until(half_broken, tolerance=0.1, budget=64, max_cost=20_000, progress=False)
    assert found.answer == "Static-Sufficient"
    assert found.fit.curve.diverged == 2


def test_runs_without_a_fit_are_added_to():
    """The first six of eight seeds diverge: no two are left to compare, so the call goes on with more."""
    source = STATIC.source(5)

    def broken(depths, seeds):
        frame = source(depths, seeds)
        frame.loc[frame["seed"] < 7, "value"] = np.nan
        return frame

    found = pl.probe_until(broken, tolerance=0.1, budget=64, max_cost=20_000, progress=False)
    assert "no fit yet" in found.looks["why"].iloc[0]
    assert found.looks["level"].iloc[0] == 0
    assert found.decided
    with pytest.raises(DataError, match="1 runs, 0 depths"):
        pl.probe_until(broken, tolerance=0.1, budget=64, max_cost=600, plan=PLAN, progress=False)


GOOD = {"tolerance": 0.1, "budget": 64, "max_cost": 4000, "progress": False}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": "floor"}, "question='floor': expected one of .regime., .decay_rate., .optimal_depth."),
        ({"tolerance": None}, "tolerance=None: expected a finite number > 0 .metric².. question='regime' needs it"),
        ({"tolerance": 0}, "tolerance=0: expected a finite number > 0"),
        ({"tolerance": -1}, "tolerance=-1"),
        ({"budget": None}, "budget=None.*needs it"),
        ({"budget": 0.5}, "budget=0.5: expected more than 1 step"),
        ({"budget": 3, "plan": PLAN}, "budget=3: expected at least 4 steps, the first depth of the plan"),
        ({"question": "decay_rate"}, "within=None.*question='decay_rate' needs it"),
        ({"question": "optimal_depth", "within": 5}, "exchange_rate=None.*needs it"),
        ({"question": "optimal_depth", "exchange_rate": 1}, "within=None.*needs it"),
        ({"question": "decay_rate", "within": -0.1}, "within=-0.1: expected a finite number > 0"),
        ({"confidence": 0.5}, "confidence=0.5: expected a probability in .0.5, 1."),
        ({"confidence": 1}, "confidence=1: expected"),
        ({"max_cost": 300, "plan": PLAN}, "max_cost=300.0: expected at least 512, the cost of 8 seeds to depth 64"),
        ({"max_cost": 0}, "max_cost=0: expected a finite number > 0"),
        ({"cost_per_step": 0}, "cost_per_step=0"),
        ({"boundary": "naive"}, "boundary='naive': expected one of .pocock., .obrien_fleming."),
        ({"max_depth": 0}, "max_depth=0"),
        ({"max_depth": 32, "plan": PLAN}, "plan=.*expected depths up to 32"),
        ({"plan": pl.ProbePlan((4, 8, 16), 8)}, "plan=.*at least 4 depths > 0 and 2 seeds"),
        ({"plan": pl.ProbePlan((4, 8, 16, 32), 1)}, "plan=.*at least 4 depths > 0 and 2 seeds"),
        ({"plan": 8}, "plan=8: expected a pl.ProbePlan"),
        ({"device": "cpu"}, "device='cpu': expected a pl.Task as source"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ArgumentError, match=message):
        pl.probe_until(STATIC.source(1), **(GOOD | change))


def test_bad_sources_are_named():
    with pytest.raises(ArgumentError, match=r"source='sst2': expected a pl.Task, or a function"):
        pl.probe_until("sst2", **GOOD)
    with pytest.raises(ArgumentError, match="source=None: expected a function that returns a tidy frame"):
        pl.probe_until(lambda depths, seeds: None, **GOOD)
    source = STATIC.source(1)
    with pytest.raises(DataError, match="source: column 'metric' is missing"):
        pl.probe_until(lambda depths, seeds: source(depths, seeds).drop(columns="metric"), **GOOD)
    with pytest.raises(DataError, match="source: no measurement of seed 7 at depth 4"):
        pl.probe_until(lambda depths, seeds: source(depths, seeds[:-1]), **GOOD)
    with pytest.raises(DataError, match="two values of one metric"):
        pl.probe_until(lambda depths, seeds: pd.concat([source(depths, seeds)] * 2), **GOOD)


class OfRows:
    """Runs that do not differ on the population, or do, evaluated on a few rows: a line an outcome."""

    __name__ = "rows"

    def __init__(self, rows=200, run_sd=0.0, seed=0):
        self.rows, self.run_sd, self.seed = rows, run_sd, seed

    def __call__(self, depths, seeds):
        parts = []
        difficulty = np.random.default_rng(self.seed).uniform(0.3, 0.9, self.rows)
        for seed in seeds:
            for depth in depths:
                rng = np.random.default_rng([self.seed, seed, depth])
                right = rng.random(self.rows) < np.clip(difficulty + self.run_sd * rng.standard_normal(), 0, 1)
                parts.append(
                    pd.DataFrame(
                        {"seed": seed, "depth": depth, "metric": "accuracy", "row": range(self.rows), "value": right}
                    ).astype({"value": float})
                )
        return pd.concat(parts, ignore_index=True)


def test_noise_of_the_rows_alone_is_none_on_the_population(tmp_path):
    """Runs that are right by chance alone, on 200 rows: their spread is the set's. On the population it is none."""
    options = {"margin": 0.05, "budget": 32, "max_cost": 4000, "confidence": 0.9, "progress": False}
    plan = pl.ProbePlan((4, 8, 16, 32), 8)
    here = pl.probe_until(OfRows(), plan=plan, **options)
    assert here.likely != "Static-Sufficient"
    assert here.rows is None
    everywhere = pl.probe_until(OfRows(), plan=plan, rows=np.inf, store=tmp_path / "runs.db", **options)
    assert everywhere.likely == "Static-Sufficient"
    assert everywhere.fit.curve.parts is not None
    assert everywhere.fit.model.rows == np.inf
    assert "Asked on the population of rows; of the spread measured at" in str(everywhere)
    assert "200 rows, which was taken apart" in str(everywhere)
    # the store has the outcomes: the same fit without probing
    again = pl.DecayModel(pl.risk_curve(tmp_path / "runs.db"), rows=np.inf).fit()
    np.testing.assert_allclose(again.params, everywhere.fit.params)
    differ = pl.probe_until(OfRows(run_sd=0.2), plan=plan, rows=np.inf, **options)
    assert differ.likely != "Static-Sufficient"


def test_rows_that_nobody_kept():
    options = {"tolerance": 0.1, "budget": 64, "max_cost": 3000}
    with pytest.raises(ArgumentError, match=r"rows=inf: expected None for value of .*whose outcomes of rows are not"):
        until(STATIC, rows=np.inf, **options)
    for bad in (0, -1, "all", True, float("nan")):
        with pytest.raises(ArgumentError, match=r"rows=.*inf for the population"):
            until(STATIC, rows=bad, **options)
    one_lost = lambda depths, seeds: OfRows()(depths, seeds).iloc[1:]  # noqa: E731
    with pytest.raises(DataError, match="outcomes of some rows are missing"):
        pl.probe_until(one_lost, margin=0.05, budget=32, max_cost=4000, plan=PLAN, rows=100, progress=False)
