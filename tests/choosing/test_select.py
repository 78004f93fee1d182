"""The best of several: what is chosen and how surely, resumption, replays, costs, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.choosing._ladder import Ladder, Rungs
from predictlab.choosing._next_runs import within
from predictlab.errors import ArgumentError, DataError


def worlds(means, *, floor=1e-4, scale=0.01, seed=0, max_depth=64):
    return {
        f"c{i}": pl.worlds.MartingaleWorld(floor, scale, 1.0, mean=m).source(seed=100 * seed + i, max_depth=max_depth)
        for i, m in enumerate(means)
    }


def choose(sources, budget=1000, **asked):
    return pl.select(sources, budget, progress=False, **({"better": "higher", "margin": 0.01} | asked))


class Counting:
    """A source that writes down what it is asked for."""

    def __init__(self, source, fail_at=None):
        self.source, self.fail_at, self.asked = source, fail_at, []
        self.max_depth = source.max_depth

    def __call__(self, depths, seeds):
        self.asked.append((tuple(depths), tuple(seeds)))
        if len(self.asked) == self.fail_at:
            raise KeyboardInterrupt
        return self.source(depths, seeds)


@pytest.fixture(scope="module")
def found():
    return choose(worlds([0.6, 0.7, 0.8, 0.85]))


def test_a_clear_best_is_taken_before_the_money_is_spent(found):
    assert found.choice == "c3"
    assert found.decided
    assert found.probability >= found.confidence
    assert found.cost < found.total_budget
    assert found.sentence().startswith("Take c3: it is the best or behind the best by at most 0.01")
    assert found.needs == {}
    assert np.isnan(found.seeds_needed())


def test_the_table_and_the_looks_account_for_the_cost(found):
    table = found.frame()
    assert table["cost"].sum() == pytest.approx(found.cost)
    assert found.looks["cost"].iloc[-1] == pytest.approx(found.cost)
    assert found.looks["cost"].is_monotonic_increasing
    assert table["state"].tolist()[0] == "chosen"
    assert set(found.contenders) == set(table.loc[table["state"] != "set aside", "candidate"])
    deepest = found.runs.groupby(["candidate", "run"])["depth"].max().groupby("candidate").sum()
    pd.testing.assert_series_equal(
        deepest.astype(float).sort_index(), table.set_index("candidate")["cost"].sort_index(), check_names=False
    )
    assert (table["lower"] < table["mean"]).all()
    assert (table["mean"] < table["upper"]).all()
    assert "<table" in found._repr_html_()


def test_what_cannot_be_told_apart_is_said_with_what_it_would_take():
    alike = choose(worlds([0.8, 0.8, 0.8], floor=4e-3, scale=0.02), 400, margin=0.0)
    assert not alike.decided
    assert alike.cost <= 400
    assert alike.sentence().startswith("Cannot be told apart: ")
    assert "seeds of each" in alike.sentence() or "No number of seeds" in alike.sentence()
    needed = alike.seeds_needed()
    assert needed >= 2
    # with z = 1.645 the difference of means of so many runs is told, if it is as it seems
    gap, variance = alike.needs["difference"], alike.needs["run_variance"]
    assert needed == max(np.ceil(variance * (1.6448536 / gap) ** 2), 2) or needed == np.inf
    fewer = alike.seeds_needed(rows=1e6, interaction=0.05, eval_rows=100)
    assert fewer <= needed


@pytest.mark.slow
def test_the_stated_probability_is_about_how_often_it_is_right():
    """Sets of five candidates; with 16 of them the share is known to about ±0.24 (benchmarks/choosing.py has more)."""
    rng = np.random.default_rng(5)
    stated, right = [], []
    for repeat in range(16):
        means = 0.8 + 0.03 * rng.standard_normal(5)
        one = choose(worlds(means, scale=0.02, seed=repeat), 256, rng=repeat, margin=0.005)
        stated.append(one.probability)
        right.append(means[int(one.choice[1:])] >= means.max() - 0.005)
    assert np.mean(stated) == pytest.approx(np.mean(right), abs=0.28)


def test_the_posterior_of_whole_runs_alone_is_that_of_pooled_variances():
    """One rung and many candidates: a mean of S runs has the standard error of their common variance."""
    rng = np.random.default_rng(0)
    truth = 10 * rng.standard_normal(30)
    values = [m + rng.standard_normal((4, 1)) for m in truth]
    posterior = Ladder(30, 1, np.random.default_rng(1)).look(Rungs(values))
    means = np.array([v.mean() for v in values])
    np.testing.assert_allclose(posterior.end.mean(axis=0), means, atol=0.25)
    assert np.median(posterior.end.std(axis=0)) == pytest.approx(0.5, abs=0.08)
    assert np.median(posterior.end_noise) == pytest.approx(1.0, abs=0.25)


def test_how_well_a_rung_predicts_the_end_is_learnt():
    rng = np.random.default_rng(0)
    first = rng.standard_normal(40)
    for correlation in (0.95, 0.2):
        last = correlation * first + np.sqrt(1 - correlation**2) * rng.standard_normal(40)
        values = [np.array([[a, b]]) + 0.02 * rng.standard_normal((3, 2)) for a, b in zip(first, last, strict=True)]
        found = Ladder(40, 2, np.random.default_rng(1)).look(Rungs(values)).correlation
        assert found[0] == pytest.approx(correlation, abs=0.2)
        assert found[-1] == 1


def test_an_interrupted_selection_goes_on_from_its_store(tmp_path):
    means = [0.7, 0.75, 0.8]
    whole = choose(worlds(means), 600)
    broken = {name: Counting(source, 3) for name, source in worlds(means).items()}
    with pytest.raises(KeyboardInterrupt):
        choose(broken, 600, store=tmp_path / "runs.db")
    resumed = {name: Counting(source) for name, source in worlds(means).items()}
    again = choose(resumed, 600, store=tmp_path / "runs.db")
    pd.testing.assert_frame_equal(again.frame(), whole.frame())
    assert sum(len(one.asked) for one in resumed.values()) > 0
    once = {name: Counting(source) for name, source in worlds(means).items()}
    choose(once, 600, store=tmp_path / "runs.db")
    assert not any(one.asked for one in once.values())


def test_recorded_runs_are_played_back_and_no_more_than_there_are(tmp_path):
    frames = [source([4, 8, 16, 32, 64], range(3)) for source in worlds([0.7, 0.71, 0.8]).values()]
    runs = pd.concat([frame.assign(task=f"t{i}") for i, frame in enumerate(frames)], ignore_index=True)
    played = choose(runs, 1e6, margin=0.0)
    assert played.choice == "t2"
    assert played.frame()["runs"].max() <= 3
    assert "pay for no further run" in played.stopped_because or played.decided
    with pl.RunStore(tmp_path / "runs.db") as store:
        store.add_frame(runs)
    assert choose(tmp_path / "runs.db", 1e6, margin=0.0).choice == "t2"


def test_a_candidate_that_costs_more_a_step_is_paid_for():
    prices = {"c0": 1.0, "c1": 4.0}
    dear = choose(worlds([0.7, 0.8]), 1500, cost_per_step=prices)
    depth = dear.runs.groupby(["candidate", "run"])["depth"].max().groupby("candidate").sum()
    assert dear.cost == pytest.approx(sum(prices[name] * depth[name] for name in prices))


def test_runs_that_diverge_are_counted():
    def diverging(depths, seeds):
        rows = [(s, c, "value", 0.9 if c < 16 else np.nan) for s in seeds for c in depths]
        return pd.DataFrame(rows, columns=["seed", "depth", "metric", "value"])

    sources = worlds([0.7, 0.8]) | {"bad": diverging}
    one = choose(sources, 600, max_depth=64)
    assert one.frame().set_index("candidate").loc[["c0", "c1"], "diverged"].tolist() == [0, 0]
    bad = one.frame().set_index("candidate").loc["bad"]
    assert one.choice == "c1"
    assert bad[["state", "runs", "diverged", "p_good"]].tolist() == ["set aside", 1, 1, 0]

    def failing(depths, seeds):
        return diverging(depths, seeds).assign(value=np.nan)

    with pytest.raises(DataError, match="every one of them diverge"):
        choose({"a": failing, "b": failing}, 600, max_depth=64)


def test_every_look_can_be_watched():
    seen = []
    last = choose(worlds([0.6, 0.8]), 400, on_look=seen.append)
    assert len(seen) == len(last.looks)
    assert seen[-1].choice == last.choice
    assert all(not one.stopped_because for one in seen[:-1])


def test_it_stops_after_a_look_where_it_is_told_to_and_goes_on_from_its_store(tmp_path):
    means, whole = [0.7, 0.75, 0.8], []
    choose(worlds(means), 600, on_look=whole.append)
    cut = choose(worlds(means), 600, on_look=lambda so_far: len(so_far.looks) < 2, store=tmp_path / "runs.db")
    assert len(cut.looks) == 2
    assert cut.stopped_because == "Stopped at look 2, as it was told to."
    pd.testing.assert_frame_equal(cut.frame(), whole[1].frame())
    counting = {name: Counting(source) for name, source in worlds(means).items()}
    again = choose(counting, 600, store=tmp_path / "runs.db")
    pd.testing.assert_frame_equal(again.frame(), whole[-1].frame())
    asked = [pair for one in counting.values() for pair in one.asked]
    assert asked
    assert ((4,), (0,)) not in asked, "the first rung of each was in the store"


def test_each_measurement_says_at_which_look_it_was_first_seen():
    seen = []
    last = choose(worlds([0.7, 0.75, 0.8]), 400, on_look=seen.append)
    assert len(seen) > 2
    for look, so_far in enumerate(seen, 1):
        assert so_far.runs["look"].max() == look
        earlier = last.runs[last.runs["look"] <= look].drop(columns="candidate")
        key = ["task", "run", "depth", "value", "look"]
        pd.testing.assert_frame_equal(*(f[key].sort_values(key, ignore_index=True) for f in (so_far.runs, earlier)))


def test_within_a_margin():
    end = np.array([[1.0, 0.95, 0.5], [0.9, 1.0, 0.5]])
    assert within(end, 0.0).tolist() == [0.5, 0.5, 0.0]
    assert within(end, 0.06).tolist() == [0.5, 1.0, 0.0]


@pytest.mark.parametrize(
    ("sources", "asked", "says"),
    [
        (worlds([0.7]), {}, "at least two"),
        (worlds([0.7, 0.8]), {"total_budget": 7}, r"at least 8, one run of each candidate to its first depth \(4"),
        (worlds([0.7, 0.8]), {"total_budget": 0}, "total_budget=0"),
        (worlds([0.7, 0.8]), {"margin": -1}, "margin=-1"),
        (worlds([0.7, 0.8]), {"confidence": 0.4}, "confidence=0.4"),
        (worlds([0.7, 0.8]), {"better": None}, "better=None.*higher"),
        (worlds([0.7, 0.8]), {"rungs": (0.5, 0.25, 1)}, "rising shares"),
        (worlds([0.7, 0.8]), {"max_depth": 128}, "at most 64"),
        (worlds([0.7, 0.8]), {"cost_per_step": {"c0": 1}}, "'c1' too"),
        (worlds([0.7, 0.8]), {"engine": "shared"}, "engine='shared'.*pl.Task"),
        ({"a": 1, "b": 2}, {}, r"candidates\['a'\]=1"),
        ([len, len], {"max_depth": 8}, "a name for each"),
        ([len, max], {}, "max_depth=None"),
    ],
)
def test_bad_input(sources, asked, says):
    budget = asked.pop("total_budget", 500)
    with pytest.raises(ArgumentError, match=says):
        choose(sources, budget, **asked)


def test_candidates_need_one_metric():
    a, b = worlds([0.7, 0.8]).values()

    def other(depths, seeds):
        return b(depths, seeds).assign(metric="loss")

    with pytest.raises(DataError, match=r"'b' was measured by loss, and others by value"):
        choose({"a": a, "b": other}, 500, max_depth=64)

    def both(depths, seeds):
        return pd.concat([a(depths, seeds), a(depths, seeds).assign(metric="loss")])

    with pytest.raises(ArgumentError, match="There are several"):
        choose({"a": both, "b": both}, 500, max_depth=64)
    assert choose({"a": both, "b": other}, 500, max_depth=64, metric="loss", better="lower").metric == "loss"


def test_depths_that_do_not_match_are_refused():
    frames = [
        worlds([0.7])["c0"](depths, range(2)).assign(task=name)
        for name, depths in (("a", [4, 8, 16, 32, 64]), ("b", [32, 64]))
    ]
    with pytest.raises(DataError, match="'b' has 2 depths"):
        choose(pd.concat(frames, ignore_index=True), 500)


def test_the_chart(found):
    from predictlab.charts import png, selection_chart

    assert png(found.plot())[:4] == b"\x89PNG"
    with pytest.raises(ArgumentError, match=r"pl.select"):
        selection_chart(found.frame())
