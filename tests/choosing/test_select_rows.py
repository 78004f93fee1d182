"""Evaluation rows in a choice: a known world, the closed form of the cheapest number, and outcomes that were kept."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import predictlab as pl
from predictlab.choosing._needs import advised, doubled, in_words
from predictlab.choosing._rows import design, paired_interaction
from predictlab.errors import ArgumentError, DataError

ROWS, BETWEEN, OF_RUN = 20_000, 0.1, 0.05


def crossed(means, *, seed=0, run_sd=0.002, asked=None):
    """Functions (depths, seeds, rows) of a world of candidates, runs and rows that is known."""
    rng = np.random.default_rng(seed)
    easy = 0.5 * rng.standard_normal(ROWS)  # common to all
    found = {}
    for i, mean in enumerate(means):
        own = np.cumsum(easy + BETWEEN**0.5 * rng.standard_normal(ROWS)) / np.arange(1, ROWS + 1)

        def source(depths, seeds, rows, i=i, mean=mean, own=own):
            if asked is not None:
                asked.append(rows)
            lines = []
            for s in seeds:
                run = np.random.default_rng([seed, i, s])
                level, outcomes = run_sd * run.standard_normal(), run.standard_normal(ROWS)
                noise = OF_RUN**0.5 * outcomes[:rows].mean()
                lines += [(s, c, "value", mean - 0.1 * c**-0.5 + own[rows - 1] + level + noise) for c in depths]
            return pd.DataFrame(lines, columns=["seed", "depth", "metric", "value"])

        found[f"c{i}"] = source
    return found


def choose(sources, budget, **asked):
    settings = {"better": "higher", "max_depth": 64, "rungs": (0.25, 1), "progress": False}
    return pl.select(sources, budget, **(settings | asked))


def test_rows_are_bought_where_no_seeds_would_do():
    """On 100 rows candidates are off by .03 a row set, and .03 apart: only rows tell."""
    asked = []
    known = {"row_cost": 0.001, "interaction": (OF_RUN, BETWEEN), "margin": 0.003}
    found = choose(crossed([0.70, 0.73, 0.60], asked=asked), 3000, eval_rows=(100, 1000, 10_000), **known)
    assert found.choice == "c1"
    assert found.decided
    assert found.eval_rows > 100
    assert {100, found.eval_rows} <= set(asked)
    few = choose(crossed([0.70, 0.73, 0.60]), 3000, eval_rows=(100, 101), **known)
    assert not few.decided
    assert few.probability < found.probability


def test_the_cost_counts_steps_and_rows():
    found = choose(
        crossed([0.70, 0.73]), 600, eval_rows=(100, 101), row_cost=0.01, interaction=(OF_RUN, 0.0), margin=0.001
    )  # fmt: skip
    n = found.eval_rows
    deepest = found.runs.groupby(["candidate", "run"])["depth"].agg(["max", "nunique"])
    assert found.cost >= deepest["max"].sum() + 0.01 * n * deepest["nunique"].sum() - 0.011 * deepest["nunique"].sum()
    assert found.frame()["cost"].sum() == pytest.approx(deepest["max"].sum() + 0.01 * n * deepest["nunique"].sum())


def test_the_cheapest_number_of_rows_is_that_of_the_closed_form():
    """Without what candidates add, seeds times cost is least at n² = sigma_int² C / (sigma_run² kappa)."""
    run, inside, cost, price, gap = 1e-4, 0.2, 128.0, 0.02, 0.002
    rows = np.unique(np.geomspace(20, 200_000, 400).astype(int))
    table = design(
        rows, difference=gap, run_variance=2 * run, run_interaction=2 * inside, interaction=0.0, confidence=0.95,
        run_cost=2 * cost, row_cost=price, looks=1,
    )  # fmt: skip
    best = float(table.loc[table["best"], "rows"].iloc[0])
    assert best == pytest.approx(np.sqrt(inside * cost / (run * price)), rel=0.1)
    one = table.iloc[200]
    needed = 2 * (run + inside / one["rows"]) * (norm.ppf(0.95) / gap) ** 2
    assert one["seeds"] == np.ceil(needed)
    assert one["cost"] == pytest.approx(one["seeds"] * 2 * (cost + price * one["rows"]))


def test_no_number_of_seeds_does_on_too_few_rows():
    table = design(
        [100, 100_000], difference=0.01, run_variance=1e-5, run_interaction=0.0, interaction=0.2, confidence=0.95,
        run_cost=1.0, row_cost=0.0, looks=1,
    )  # fmt: skip
    assert table["seeds"].tolist()[0] == np.inf
    assert np.isfinite(table["seeds"].tolist()[1])
    assert table["best"].tolist() == [False, True]


def told(rows, seeds, cost=None, price=0.0, gap=0.01):
    """Which rows are advised, and the sentence."""
    table = pd.DataFrame({"rows": rows, "seeds": seeds, "cost": cost or seeds})
    table["best"] = (table["cost"] == table["cost"].min()) & np.isfinite(table["cost"])
    best = advised(table, price > 0)
    return None if best is None else best["rows"], in_words({"difference": gap}, "a and b", table, price > 0)


def test_rows_or_seeds_are_advised_in_a_sentence():
    """Without a price the fewest rows that save most of the seeds there are to save, else the cheapest."""
    inf = np.inf
    assert told([100, 200, 400], [inf, inf, 8]) == (
        400,
        "No number of seeds would do on these 100 rows; about 8 seeds of each to the end would with 400 rows, "
        "if a and b lie 0.01 apart in truth.",
    )
    best, said = told([100, 200, 400, 800], [60, 15, 8, 6])
    assert best == 400
    assert "about 60 seeds of each to the end on these 100 rows, or 8 with 400 rows, if a and b" in said
    best, said = told([100, 200, 400], [9, 8, 7])
    assert best == 100
    assert said.endswith("; more rows would save few of them.")
    best, said = told([100, 200, 400], [60, 15, 8], [600, 300, 320], price=1)
    assert best == 200
    assert "these 100 rows (cost 600), or 15 with 200 rows (cost 300)" in said
    assert told([100, 200], [inf, inf])[0] is None
    assert "on up to 200 rows: a and b lie 0.01 apart; give a margin=." in told([100, 200], [inf, inf])[1]


def test_another_set_of_rows_has_its_own_luck():
    """On m other rows 2 sigma_c² / m is left, however many rows are evaluated: the closed form, and a bound."""
    known = {"difference": 0.02, "run_variance": 1e-4, "run_interaction": 0.0, "interaction": 0.2, "confidence": 0.95}
    cost = {"run_cost": 1.0, "row_cost": 0.0, "looks": 1}
    bound = 0.2 * (norm.ppf(0.95) / 0.02) ** 2
    table = design([10**9], **known, **cost, asked=1.25 * bound)
    assert table["seeds"].iloc[0] == np.ceil(1e-4 / (0.2 / bound - 0.2 / (1.25 * bound) - 0.2e-9))
    assert design([10**9], **known, **cost, asked=bound)["seeds"].iloc[0] == np.inf
    assert design([10**9], **known, **cost)["seeds"].iloc[0] == 2


def test_the_price_of_rows_is_counted_once():
    """The design of a selection that was told a price is that of the closed form at that price."""
    known = {"row_cost": 0.05, "interaction": (OF_RUN, BETWEEN), "rows": np.inf}
    priced = choose(
        {name: (lambda c, s, f=f: f(c, s, 100)) for name, f in crossed([0.70, 0.703], run_sd=0.01).items()},
        1200, eval_rows=100, **known,
    )  # fmt: skip
    table = priced.design()
    assert table["rows"].tolist() == doubled(100)
    one = table[np.isfinite(table["seeds"])].iloc[-1]
    assert one["cost"] == pytest.approx(one["seeds"] * (2 * 64 + 2 * 0.05 * one["rows"] * 2))


def tables(seed, candidates=6, runs=3, rows=2000):
    rng = np.random.default_rng(seed)
    easy = 2 * rng.standard_normal(rows)
    found = {}
    for i in range(candidates):
        own = BETWEEN**0.5 * rng.standard_normal(rows)
        values = easy + own + 0.01 * rng.standard_normal((runs, 1)) + OF_RUN**0.5 * rng.standard_normal((runs, rows))
        found[f"c{i}"] = pd.DataFrame(values, columns=[f"row {j}" for j in range(rows)])
    return found


def test_what_rows_have_in_common_cancels():
    found = [paired_interaction(tables(seed))[0] for seed in range(10)]
    assert np.mean(found) == pytest.approx(BETWEEN, rel=0.05)  # of a spread of rows of 4
    some = tables(0)
    some["c0"] = some["c0"].iloc[:, :500]
    assert paired_interaction(some)[1] == 500
    with pytest.raises(DataError, match="0 rows in common"):
        paired_interaction({"a": some["c0"], "b": some["c1"].add_prefix("other ")})


def test_outcomes_that_were_kept_are_used(tmp_path):
    """A store with outcomes by row: what is stated for the population is less sure than for these rows."""
    data = tables(1, candidates=3, runs=4, rows=300)
    with pl.RunStore(tmp_path / "runs.db") as store:
        for i, (name, table) in enumerate(data.items()):
            table = table + 0.03 * i
            keys, lines = {}, []
            for s, values in enumerate(table.to_numpy()):
                for depth in (16, 64):
                    lines.append((name, f"{s}", s, depth, "value", float(values.mean()) - 0.1 * (depth == 16), "ok"))
                keys[f"{s}", 64, "value"] = values.astype(np.float32)
            columns = ["task", "run", "seed", "depth", "metric", "value", "status"]
            store.add_task(name, "0123456789abcdef", {})
            store.add_rows(name, table.columns)
            store.add_frame(pd.DataFrame(lines, columns=columns), fingerprint="0123456789abcdef", outcomes=keys)
    asked = {"better": "higher", "rungs": (0.25, 1), "margin": 0.0, "progress": False}
    here = pl.select(tmp_path / "runs.db", 1e5, **asked)
    anywhere = pl.select(tmp_path / "runs.db", 1e5, rows=float("inf"), **asked)
    given = pl.select(
        tmp_path / "runs.db", 1e5, rows=float("inf"), eval_rows=300, interaction=paired_interaction(data)[0], **asked
    )  # fmt: skip
    assert anywhere.probability < here.probability
    assert anywhere.probability == pytest.approx(given.probability, abs=0.02)
    between, rows, of_run = paired_interaction(data)
    assert of_run == pytest.approx(OF_RUN, rel=0.1)
    assert anywhere.eval_rows == rows == 300
    assert anywhere.interaction == pytest.approx((of_run, between), rel=1e-4)
    assert (here.rows, here.interaction, anywhere.rows) == (None, None, np.inf)
    assert anywhere.looks["rows"].tolist() == [300] * len(anywhere.looks)
    assert "on the population of rows" in anywhere.sentence()
    pd.testing.assert_frame_equal(
        anywhere.design(), anywhere.design(doubled(300), interaction=(of_run, between), eval_rows=300), rtol=1e-3
    )


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"eval_rows": (1000, 100), "interaction": 0.1}, "rising numbers"),
        ({"eval_rows": (100, 1000)}, "interaction=None"),
        ({"row_cost": 0.1}, "eval_rows=None"),
        ({"rows": 0}, "rows=0"),
        ({"eval_rows": 0}, "eval_rows=0"),
        ({"eval_rows": 100, "interaction": -1}, "interaction=-1"),
    ],
)
def test_bad_input(asked, says):
    with pytest.raises(ArgumentError, match=says):
        choose(crossed([0.7, 0.8]), 500, **asked)


def test_recorded_runs_have_the_rows_they_have():
    lines = [(f"t{t}", f"{s}", s, c, "value", 0.1 * t, "ok") for t in range(2) for s in range(2) for c in (4, 8)]
    runs = pd.DataFrame(lines, columns=["task", "run", "seed", "depth", "metric", "value", "status"])
    with pytest.raises(ArgumentError, match="recorded runs, whose rows are given"):
        pl.select(runs, 100, better="higher", rungs=(0.5, 1), eval_rows=(10, 100), interaction=0.1, progress=False)
