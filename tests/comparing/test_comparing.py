"""Runs of one recipe and of two: against closed forms, a mixed model, permutations, and worlds with a known truth."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import chi2, ttest_ind
from scipy.stats import t as student

import predictlab as pl
from predictlab.comparing._evidence import churn_prior
from predictlab.comparing._mixture import Spread, known, mixture_of, wide_prior
from predictlab.comparing._power import power_of, seeds_needed, smallest_difference
from predictlab.errors import ArgumentError, DataError


def world(rng, runs, rows, shift=0.0, sd=0.1, difficulty=None):
    difficulty = rng.normal(1.0, 1.5, rows) if difficulty is None else difficulty
    p = 1 / (1 + np.exp(-(difficulty + shift + sd * rng.standard_normal((runs, 1)))))
    return (rng.random((runs, rows)) < p).astype(int)


def long_of(y, first_seed=0, rows=None):
    s, j = np.indices(y.shape)
    rows = np.arange(y.shape[1]) if rows is None else np.asarray(rows)
    return pd.DataFrame(
        {"task": "t", "seed": s.ravel() + first_seed, "row": rows[j.ravel()], "metric": "accuracy", "value": y.ravel()}
    )


# ---------------------------------------------------------------- the law of the difference


@pytest.mark.parametrize("df", [1, 2, 4, 9, 30])
def test_one_spread_without_rows_is_students_t(df):
    runs = df + 1
    mixture = mixture_of((Spread(runs, 4.0),), 0.0)
    exact = student.isf(0.025, df) * np.sqrt(4.0 / runs)
    # the prior is flat in the logarithm between bounds, which is short of the whole line for one degree of freedom
    assert mixture.quantile(0.025) == pytest.approx(exact, rel=0.1 if df == 1 else 0.02)
    assert mixture.two_sided(mixture.quantile(0.025)) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize("df", [5, 20, 200])
def test_a_variance_known_with_few_degrees_of_freedom_is_about_students_t(df):
    assert known(1.0, df).quantile(0.025) == pytest.approx(student.isf(0.025, df), rel=0.03)


def test_two_recipes_of_many_runs_are_welchs_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1.0, 40), rng.normal(0.4, 2.5, 40)
    found, welch = pl.compare(a, b), ttest_ind(a, b, equal_var=False).confidence_interval()
    ends = found.conf_int().loc["recipes"]
    assert ends["upper"] - ends["lower"] == pytest.approx(welch.high - welch.low, rel=0.04)


def test_rows_that_are_known_to_be_all_there_is_narrow_the_interval_of_few_runs():
    seen = tuple(Spread(4, 1.1, 1.0) for _ in range(2))
    untold = tuple(Spread(4, 1.1) for _ in range(2))
    assert mixture_of(seen, 0.5).quantile(0.025) < mixture_of(untold, 0.0).quantile(0.025)


def test_earlier_runs_narrow_it_too():
    two = tuple(Spread(2, 1.0) for _ in range(2))
    with_earlier = mixture_of(two, 0.0, earlier=Spread(30, 1.0)).quantile(0.025)
    assert with_earlier < 0.6 * mixture_of(two, 0.0).quantile(0.025)
    assert with_earlier == pytest.approx(student.isf(0.025, 31), rel=0.1)


def test_two_runs_of_a_share_leave_less_open_than_two_of_any_metric_and_many_runs_overrule_it():
    two, many = (tuple(Spread(runs, 1.1e-3, 1e-3) for _ in range(2)) for runs in (2, 30))
    narrower = []
    for spreads, df in ((two, 2), (many, 58)):
        flat, wide = (mixture_of(spreads, 1e-3, prior=p).quantile(0.025) for p in (None, wide_prior(0.8, df)))
        narrower.append(wide / flat)
    assert narrower[0] < 0.8
    assert narrower[1] == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize("share_of_rows", [0.95, 0.6])
def test_two_equal_recipes_of_two_runs_are_told_apart_about_as_often_as_said(share_of_rows):
    """On 500 rows: the variances that two runs show are chi² with one degree of freedom each."""
    rng, rows, told = np.random.default_rng(7), 0.18 / 500, 0
    total = rows / share_of_rows
    for _ in range(600):
        spreads = tuple(Spread(2, float(v), rows) for v in total * rng.chisquare(1, 2))
        difference = rng.normal(0, np.sqrt(total))
        told += mixture_of(spreads, rows, prior=wide_prior(0.76, 2)).two_sided(difference) < 0.05
    assert 0.005 <= told / 600 <= 0.06


# ---------------------------------------------------------------- checks by other means


def test_it_agrees_with_a_permutation_over_runs():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.02, 0.02, 6), rng.normal(0, 0.02, 6)
    pooled, seen = np.concatenate([a, b]), abs(a.mean() - b.mean())
    larger = [
        abs(pooled[list(chosen)].mean() - np.delete(pooled, chosen).mean()) >= seen - 1e-12
        for chosen in map(list, itertools.combinations(range(12), 6))
    ]
    assert pl.compare(a, b).p_value["recipes"] == pytest.approx(np.mean(larger), abs=0.03)


def test_it_agrees_with_statsmodels_mixed_model():
    """Outcomes that are Gaussian: runs and rows as crossed random effects, fitted by REML."""
    rng = np.random.default_rng(5)
    runs, rows = 8, 30
    row = rng.normal(0, 1, rows)
    tables = [m + rng.normal(0, 0.5, (runs, 1)) + row + rng.normal(0, 1, (runs, rows)) for m in (0.6, 0.0)]
    frames = [long_of(y).assign(recipe=k, run=lambda f, k=k: f["seed"] + 100 * k) for k, y in enumerate(tables)]
    frame = pd.concat(frames, ignore_index=True).assign(one=1)
    parts = {"run": "0 + C(run)", "row": "0 + C(row)"}
    fit = smf.mixedlm("value ~ C(recipe)", frame, groups="one", vc_formula=parts, re_formula="0").fit()
    assert fit.converged
    found = pl.compare(*tables)
    name = "C(recipe)[T.1]"
    assert found.difference == pytest.approx(-fit.params[name], rel=1e-4)
    mixture = found.answers["recipes"].mixture
    assert np.sqrt(1 / (mixture.weights @ mixture.sd**-2)) == pytest.approx(fit.bse[name], rel=0.12)


# ---------------------------------------------------------------- worlds


def test_equal_recipes_are_seldom_told_apart_where_the_row_paired_test_often_is():
    rng = np.random.default_rng(11)
    calls = {"recipes": 0, "these runs": 0}
    for _ in range(300):
        difficulty = rng.normal(1.0, 1.5, 1000)
        a, b = (world(rng, 4, 1000, sd=0.2, difficulty=difficulty) for _ in range(2))
        for question in calls:
            calls[question] += pl.compare(a, b).p_value[question] < 0.05
    assert calls["recipes"] / 300 < 0.09
    assert calls["these runs"] / 300 > 0.3


def test_these_runs_cover_their_own_difference_on_the_population():
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(300):
        population = rng.normal(1.0, 1.5, (1, 20_000))
        shifts = 0.4 * rng.standard_normal(2)
        p = 1 / (1 + np.exp(-(population + shifts[:, None])))
        at = rng.integers(0, 20_000, 400)
        a, b = (rng.random((1, 400)) < p[[k]][:, at] for k in range(2))
        lower, upper = pl.compare(a, b).answers["these runs"].interval()
        held += lower <= p[0].mean() - p[1].mean() <= upper
    assert 0.91 <= held / 300 <= 0.985


def test_clusters_widen_and_copies_of_rows_change_nothing_once_they_are_clusters():
    rng = np.random.default_rng(4)
    difficulty = rng.normal(1, 1.5, 200)
    a, b = (world(rng, 4, 200, difficulty=difficulty) for _ in range(2))
    copies = [long_of(np.repeat(y, 5, axis=1)).assign(passage=lambda f: f["row"] // 5) for y in (a, b)]
    plain = pl.compare(a, b).conf_int()
    clustered = pl.compare(*copies, cluster="passage").conf_int()
    naive = pl.compare(*copies).conf_int()
    width = [(c["upper"] - c["lower"])["these runs"] for c in (plain, clustered, naive)]
    assert width[1] == pytest.approx(width[0], rel=0.01)
    assert width[2] < 0.6 * width[1]


# ---------------------------------------------------------------- pairing


def test_rows_are_joined_by_name_never_by_order():
    rng = np.random.default_rng(6)
    difficulty = rng.normal(0, 2, 300)
    a, b = (world(rng, 3, 300, difficulty=difficulty) for _ in range(2))
    order = rng.permutation(300)
    shuffled = pl.compare(long_of(a), long_of(b[:, order], rows=order))
    pd.testing.assert_frame_equal(shuffled.conf_int(), pl.compare(long_of(a), long_of(b)).conf_int())


def test_row_sets_that_differ_are_intersected_and_counted_and_below_half_refused():
    rng = np.random.default_rng(6)
    a, b = world(rng, 2, 100), world(rng, 2, 100)
    found = pl.compare(long_of(a), long_of(b, rows=np.arange(100) + 20))
    assert found.a.eval_rows == found.b.eval_rows == 80
    assert "80 rows are in both, of 100 and 100" in " ".join(found.notes)
    with pytest.raises(DataError, match="40 are in both"):
        pl.compare(long_of(a), long_of(b, rows=np.arange(100) + 60))


def test_pairs_of_seeds_that_share_much_are_told_apart_by_their_differences():
    rng = np.random.default_rng(7)
    seeds = rng.normal(0, 0.05, 8)
    frames = [pd.DataFrame({"seed": range(8), "score": 0.5 + m + seeds + rng.normal(0, 0.002, 8)}) for m in (0.01, 0.0)]
    apart, paired = (pl.compare(*frames, paired_seeds=p) for p in (False, True))
    assert apart.verdict() == "not told apart"
    assert paired.verdict() == "a is better"
    assert "paired_seeds=True" in " ".join(apart.notes)
    d = frames[0]["score"] - frames[1]["score"]
    half = student.isf(0.025, 7) * d.std() / np.sqrt(8)
    assert paired.conf_int().loc["recipes", "upper"] - paired.difference == pytest.approx(half, rel=0.02)


# ---------------------------------------------------------------- one run each


def test_one_run_each_of_a_loss_cannot_be_told_and_of_a_share_takes_a_named_prior():
    loss = pl.compare([2.1], [2.0], metric="eval_loss")
    assert loss.verdict() == loss.verdict("these runs") == "cannot be told"
    assert "one run each" in loss.reasons["recipes"]
    rng = np.random.default_rng(1)
    difficulty = rng.normal(1, 1.5, 5000)
    a, b = world(rng, 1, 5000, 0.15, difficulty=difficulty), world(rng, 1, 5000, difficulty=difficulty)
    share = pl.compare(a, b)
    assert share.verdict("these runs") == "a is better"
    assert share.verdict("recipes") == "not told apart"
    assert "a prior, not data" in " ".join(share.notes)
    given = pl.compare(a, b, run_sd=0.0005)
    assert given.verdict("recipes") == "a is better"


def test_what_runs_of_before_said_stands_for_runs_that_are_missing():
    before = pl.noise([2.00, 2.01, 1.99, 2.005, 1.995, 2.002])
    assert pl.compare([2.2], [2.0], metric="eval_loss", run_sd=before).verdict() == "b is better"


def test_one_run_of_noise_says_rows_only():
    found = pl.noise([0.8], metric="accuracy", eval_rows=1000)
    assert "one run: rows only, runs unknown" in str(found)
    assert np.isnan(found.sd)
    assert found.interaction() == pytest.approx(0.45 * 0.2 / 2)
    with pytest.raises(DataError, match="one run"):
        found.minimal_difference(3)
    with pytest.raises(DataError, match="no rows"):
        pl.noise([0.8], metric="accuracy")


# ---------------------------------------------------------------- noise


def test_noise_of_finals_is_the_chi_squared_interval():
    finals = [0.84, 0.85, 0.83, 0.85]
    ends = pl.noise(finals).conf_int().loc["on these rows"]
    np.testing.assert_allclose(ends["sd"], np.std(finals, ddof=1))
    np.testing.assert_allclose(ends["lower"], np.std(finals, ddof=1) * np.sqrt(3 / chi2.ppf(0.975, 3)))
    np.testing.assert_allclose(ends["upper"], np.std(finals, ddof=1) * np.sqrt(3 / chi2.ppf(0.025, 3)))


def test_noise_of_outcomes_and_of_their_margins_agree_and_the_churn_is_counted():
    y = world(np.random.default_rng(8), 6, 800, sd=0.3)
    whole = pl.noise(y)
    runs = pd.DataFrame({"run": range(6), "accuracy": y.mean(axis=1)})
    rows = pd.DataFrame({"row": range(800), "right": y.sum(axis=0)})
    margins = pl.noise(pl.read_outcomes(runs, value="accuracy", rows=rows))
    assert whole.rows_share == pytest.approx(margins.rows_share)
    disagree = np.mean([np.mean(y[i] != y[j]) for i, j in itertools.combinations(range(6), 2)])
    assert whole.churn == pytest.approx(disagree, rel=0.01)
    assert not whole.from_prior


def test_the_prior_on_rows_is_jordans_formula_times_its_factor_and_bounded():
    assert churn_prior(0.9) == pytest.approx(0.45 * 0.1 / 2)
    assert churn_prior(0.01) == pytest.approx(0.01 * 0.99)
    found = pl.noise([0.84, 0.85, 0.83], metric="accuracy", eval_rows=500)
    assert "by a prior" in str(found)
    assert found.to_dict()["rows_are_a_prior"]


def test_repeats_of_a_seed_are_a_source_of_their_own():
    table = pd.DataFrame({"run": range(6), "seed": [0, 0, 1, 1, 2, 2], "score": [0.5, 0.502, 0.53, 0.528, 0.51, 0.51]})
    found = pl.noise(table)
    assert found.runs == 3
    variance, df = found.evidence.repeats
    assert df == 3
    assert variance == pytest.approx((0.002**2 / 2 * 2) / 3)
    assert "repeats of a seed" in str(found)


def test_what_read_outcomes_gives_is_taken_also_without_a_depth():
    y = world(np.random.default_rng(8), 3, 50)
    assert pl.noise(pl.read_outcomes(long_of(y))).sd == pytest.approx(pl.noise(y).sd)
    assert pl.noise(pl.read_outcomes(long_of(y), depth=64)).sd == pytest.approx(pl.noise(y).sd)


def test_runs_that_diverged_are_counted():
    found = pl.noise([0.5, np.nan, 0.6])
    assert found.runs == 2
    assert "1 of 3 runs diverged" in str(found)


def test_a_store_with_outcomes_knows_its_rows(tmp_path):
    y = world(np.random.default_rng(0), 4, 60)
    with pl.RunStore(tmp_path / "runs.db") as store:
        store.add_task("t", "0" * 16, {})
        for seed, values in enumerate(y):
            store.record("t", f"t:{seed}", 8, {"accuracy": float(values.mean())}, seed=seed)
    found = pl.noise(tmp_path / "runs.db")
    assert found.runs == 4
    assert found.parts is None


# ---------------------------------------------------------------- power


def test_power_is_that_of_simulated_t_tests():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1.2, 1, (4000, 6)), rng.normal(0, 1, (4000, 6))
    share = np.mean(ttest_ind(a, b, axis=1).pvalue < 0.05)
    assert power_of(1.2, 2 / 6, 6) == pytest.approx(share, abs=0.025)
    assert power_of(0.0, 1.0, 6) == pytest.approx(0.05)


@pytest.mark.parametrize("seeds", [2, 3, 8, 40])
def test_smallest_difference_and_seeds_needed_are_inverse(seeds):
    smallest = smallest_difference(2 * 0.04 / seeds, seeds)
    assert power_of(smallest, 2 * 0.04 / seeds, seeds) == pytest.approx(0.8, abs=1e-4)
    assert seeds_needed(smallest * 1.0001, 0.04, 0.0, np.inf) == seeds


def test_one_run_each_shows_nothing_and_rows_do_not_help_it():
    design = pl.compare_design(run_sd=0.01, interaction=0.03, seeds=1, rows=100_000)
    assert design.difference == np.inf
    assert "no difference of recipes can be shown" in str(design)
    assert (design.power_curve()["power"] == 0).all()


def test_costs_choose_between_runs_and_rows():
    cheap_rows = pl.compare_design(
        run_sd=0.002, interaction=0.04, difference=0.005, cost_per_run=100, cost_per_row=1e-3
    )
    dear_rows = pl.compare_design(run_sd=0.002, interaction=0.04, difference=0.005, cost_per_run=1, cost_per_row=1)
    assert cheap_rows.rows > dear_rows.rows
    assert cheap_rows.seeds < dear_rows.seeds
    assert cheap_rows.cost == pytest.approx(2 * cheap_rows.seeds * (100 + 1e-3 * cheap_rows.rows))


def test_rows_for_a_difference_are_infinite_where_runs_differ_too_much():
    found = pl.noise(world(np.random.default_rng(1), 8, 1000, sd=0.5))
    assert found.rows_for(0.001, seeds=4) == np.inf
    at = found.rows_for(0.31, seeds=4)
    assert found.minimal_difference(4, at) <= 0.31 < found.minimal_difference(4, at - 1)


# ---------------------------------------------------------------- several


def test_holm_by_hand():
    rng = np.random.default_rng(9)
    base = rng.normal(0.5, 0.01, 8)
    table = pl.compare({name: rng.normal(0.505, 0.01, 8) for name in "xyz"}, base).frame()
    p, order = table["p_value"].to_numpy(), table["p_value"].argsort().to_numpy()
    by_hand = np.minimum(np.maximum.accumulate(p[order] * [3, 2, 1]), 1)
    np.testing.assert_allclose(table["p_adjusted"].to_numpy()[order], by_hand)


def test_dunnett_asks_less_than_bonferroni_and_more_than_one_test():
    rng = np.random.default_rng(9)
    base = rng.normal(0.5, 0.01, 8)
    several = {name: rng.normal(0.505, 0.01, 8) for name in "wxyz"}
    none, holm_, dunnett = (pl.compare(several, base, adjust=a).frame() for a in ("none", "holm", "dunnett"))
    least = none["p_value"].idxmin()
    assert none["p_adjusted"][least] < dunnett["p_adjusted"][least] < holm_["p_adjusted"][least] * 1.05
    assert (dunnett["upper"] - dunnett["lower"] > none["upper"] - none["lower"]).all()


def test_tasks_that_both_have_are_compared_a_line_each():
    rng = np.random.default_rng(9)
    a, b = (
        pd.DataFrame({"task": np.repeat(["x", "y"], 4), "seed": [*range(4)] * 2, "score": rng.normal(m, 0.01, 8)})
        for m in (0.6, 0.5)
    )
    table = pl.compare(a, b).frame()
    assert table["task"].tolist() == ["x", "y"]
    assert (table["verdict"] == "a is better").all()
    json.dumps(pl.compare(a, b).to_dict())


# ---------------------------------------------------------------- what cannot be used


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: pl.noise([84.1, 83.9], metric="accuracy"), "percent"),
        (lambda: pl.compare([0.8, 0.81], [80.0, 81.0]), "percent"),
        (lambda: pl.compare(pd.DataFrame({"seed": [0, 1], "accuracy": [0.5, 0.6]}),
                            pd.DataFrame({"seed": [0, 1], "eval_loss": [0.5, 0.6]})), "measured by"),
        (lambda: pl.noise(pd.DataFrame({"seed": [0, 1], "x": [1.0, 2.0], "z": [1.0, 2.0]})), "column with the score"),
        (lambda: pl.noise(pd.DataFrame({"run": ["a", "a"], "score": [1.0, 2.0]})), "two lines"),
        (lambda: pl.noise(pd.DataFrame({"run": ["a", "b"], "depth": [8, 16], "score": [1.0, 2.0]})), "another horizon"),
        (lambda: pl.noise(pd.DataFrame({"run": ["a", "b"], "score": [1.0, 2.0], "n": [10, 20]})), "equal sets"),
        (lambda: pl.noise(np.ones((5, 3))), "Transpose"),
        (lambda: pl.noise([np.nan, np.inf]), "no run has a finite"),
        (lambda: pl.compare([0.5, 0.6], [0.4, 0.5], rows=0), "rows=0"),
        (lambda: pl.compare([0.5, 0.6], [0.4, 0.5], rows="all"), "rows='all'"),
        (lambda: pl.compare_design(run_sd=0.1, seeds=3, rows="all"), "rows='all'"),
        (lambda: pl.noise(np.eye(3, 8)).minimal_difference(3, "all"), "rows='all'"),
        (lambda: pl.compare([0.5, 0.6], [0.4, 0.5]).checks(rng="x"), "rng='x'"),
        (lambda: pl.compare([0.5, 0.6], [0.4, 0.5], better="more"), "better"),
        (lambda: pl.compare([0.5, 0.6], [0.4, 0.5], paired_seeds=True), "column seed"),
        (lambda: pl.compare_design(run_sd=0.1), "difference"),
        (lambda: pl.compare_design(seeds=3), "run_sd"),
        (lambda: pl.compare({}, [0.4, 0.5]), "at least one"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said(call, says):
    with pytest.raises((ArgumentError, DataError), match=says):
        call()


def test_runs_that_are_one_run_copied_are_not_compared():
    found = pl.compare([0.5, 0.5, 0.5], [0.4, 0.4, 0.4])
    assert "copied" in found.reasons["recipes"]


def test_lower_is_better_for_a_loss_and_the_margin_counts():
    found = pl.compare([1.0, 1.01, 0.99], [2.0, 2.01, 1.99], metric="eval_loss", margin=0.5)
    assert found.verdict() == "a is better"
    assert found.probability["recipes"] > 0.99
    assert (
        pl.compare([1.0, 1.01, 0.99], [2.0, 2.01, 1.99], metric="eval_loss", margin=1.5).probability["recipes"] < 0.01
    )


def test_what_is_shown(tmp_path):
    y = world(np.random.default_rng(1), 3, 200)
    for shown in (pl.noise(y), pl.compare(y, y[::-1][:, ::-1]), pl.compare_design(pl.noise(y), seeds=4)):
        assert "<b>" in shown._repr_html_()
        json.dumps(shown.to_dict(), allow_nan=False)
        assert pl.charts.png(shown.plot())[:4] == b"\x89PNG"


# ---------------------------------------------------------------- the command line


def test_the_command_line_says_the_same(tmp_path):
    rng = np.random.default_rng(3)
    for name, shift in (("a", 1.0), ("b", 0.0)):
        long_of(world(rng, 4, 300, shift)).to_csv(tmp_path / f"{name}.csv", index=False)

    def run(*args):
        done = subprocess.run([sys.executable, "-m", "predictlab.cli", *map(str, args)], capture_output=True, text=True,
                              check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    assert json.loads(run("noise", a, "--json"))["sd"] == pytest.approx(pl.noise(a).sd)
    assert "Is recipe a better than recipe b? a is better" in run("compare", a, b)
    assert json.loads(run("design", a, "--difference", "0.02", "--json"))["seeds"] >= 2
