"""Variance components of runs and rows (docs/theory.md, section 8)."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.risk import components_of_margins, outcomes_of, reliability, variance_components


def crossed(rng, runs=6, rows=40, run=0.3, row=0.5, interaction=1.0):
    """Gaussian outcomes of crossed effects."""
    return (
        run * rng.standard_normal((runs, 1)) + row * rng.standard_normal((1, rows))
        + interaction * rng.standard_normal((runs, rows))
    )  # fmt: skip


def by_hand(y):
    """Sums of squares of the two-way table, written out."""
    runs, rows = y.shape
    total = ss_run = ss_row = ss_int = 0.0
    for s in range(runs):
        ss_run += rows * (y[s].mean() - y.mean()) ** 2
        for j in range(rows):
            total += (y[s, j] - y.mean()) ** 2
            ss_int += (y[s, j] - y[s].mean() - y[:, j].mean() + y.mean()) ** 2
    for j in range(rows):
        ss_row += runs * (y[:, j].mean() - y.mean()) ** 2
    assert total == pytest.approx(ss_run + ss_row + ss_int)
    interaction = ss_int / ((runs - 1) * (rows - 1))
    return (
        (ss_run / (runs - 1) - interaction) / rows,
        interaction,
        (ss_row / (rows - 1) - interaction) / runs,
    )


def test_estimates_are_those_of_the_analysis_of_variance():
    y = crossed(np.random.default_rng(3))
    parts = variance_components(y)
    assert (parts.run, parts.interaction, parts.row) == pytest.approx(by_hand(y), rel=1e-12)
    assert parts.spread == pytest.approx(y.mean(axis=1).var(ddof=1))
    assert parts.run + parts.rows_part == pytest.approx(parts.spread)


def test_restricted_likelihood_of_statsmodels_agrees_where_it_converges():
    import statsmodels.api as sm

    y = crossed(np.random.default_rng(5), runs=8, rows=15, run=0.8, row=0.8)
    parts = variance_components(y)
    assert min(parts.run, parts.row) > 0  # then the two are the same for a balanced table
    long = pd.DataFrame(
        {"y": y.ravel(), "run": np.repeat(np.arange(8), 15), "row": np.tile(np.arange(15), 8), "all": 1}
    )
    model = sm.MixedLM.from_formula(
        "y ~ 1", groups="all", vc_formula={"run": "0 + C(run)", "row": "0 + C(row)"}, data=long
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = model.fit(reml=True)
    assert fit.converged
    found = dict(zip(model.exog_vc.names, fit.vcomp, strict=True))
    assert (found["run"], fit.scale, found["row"]) == pytest.approx((parts.run, parts.interaction, parts.row), rel=0.02)


def test_margins_of_right_and_wrong_say_the_same():
    rng = np.random.default_rng(1)
    y = rng.random((7, 200)) < rng.beta(3, 1, 200)
    whole, margins = variance_components(y), components_of_margins(y.mean(axis=1), y.mean(axis=0))
    for name in ("spread", "run", "interaction", "row"):
        assert getattr(margins, name) == pytest.approx(getattr(whole, name), rel=1e-9)
    for name in ("run", "interaction"):
        assert margins.interval(name) == pytest.approx(whole.interval(name), rel=0.1, abs=1e-5)


def test_covariance_of_halves_averages_to_the_variance_of_runs():
    """Over all splits of the rows into halves the covariance is the estimate itself."""
    rng = np.random.default_rng(2)
    y = crossed(rng, runs=5, rows=60)
    halves = [variance_components(y[:, rng.permutation(60)]).half_split for _ in range(4000)]
    assert np.mean(halves) == pytest.approx(variance_components(y).run, abs=4 * np.std(halves) / np.sqrt(4000))


@pytest.mark.parametrize(("accuracy", "runs", "sd"), [(0.5, 4, 0.0), (0.9, 4, 0.1), (0.97, 16, 0.1), (0.7, 3, 0.2)])
def test_intervals_hold_in_worlds_of_right_and_wrong(accuracy, runs, sd):
    """400 worlds of 300 rows of unequal difficulty; 95 % intervals, binomial error of the count 1.1 %."""
    from scipy.special import expit, logit

    rng = np.random.default_rng(runs)
    difficulty = logit(np.clip(rng.beta(6 * accuracy, 6 * (1 - accuracy), 40_000), 1e-6, 1 - 1e-6))
    shift = sd * np.quantile(rng.standard_normal(100_000), np.linspace(0.5, 199.5, 200) / 200)
    p = expit(difficulty[:4000] + shift[:, None])
    run = p.mean(axis=1).var()
    row = p.mean(axis=0).var()
    truth = {"run": run, "row": row, "interaction": p.mean() * (1 - p.mean()) - run - row}
    held = dict.fromkeys(truth, 0)
    for _ in range(400):
        rows = rng.choice(difficulty, 300)
        y = rng.random((runs, 300)) < expit(rows + sd * rng.standard_normal((runs, 1)))
        parts = variance_components(y)
        for name, value in truth.items():
            lower, upper = parts.interval(name)
            held[name] += lower <= value * 1.0001 + 1e-9 and value * 0.9999 <= upper
    for name, count in held.items():
        assert count >= 0.915 * 400, (name, count / 400)


def test_other_sizes_of_the_set():
    rng = np.random.default_rng(4)
    parts = variance_components(rng.random((6, 500)) < 0.8)
    assert parts.spread_at()[0] == pytest.approx(parts.spread)
    assert parts.spread_at(np.inf)[0] == pytest.approx(parts.run)
    assert parts.spread_at(2000)[0] == pytest.approx(parts.run + parts.interaction / 2000)
    ends = np.array([parts.spread_at(n)[1:] for n in (100, 500, 2000, np.inf)])
    assert (np.diff(ends, axis=0) <= 1e-15).all()  # fewer rows, more spread
    with pytest.raises(ArgumentError, match="rows"):
        parts.spread_at(0)


def test_clusters_count_as_one():
    """Five copies of each row are no further rows."""
    rng = np.random.default_rng(6)
    rows = rng.random((8, 120)) < 0.7
    copies, cluster = np.repeat(rows, 5, axis=1), np.repeat(np.arange(120), 5)
    one, many = variance_components(rows), variance_components(copies, cluster)
    assert many.clusters == 120
    assert many.run == pytest.approx(one.run)
    assert many.rows_part == pytest.approx(one.rows_part)
    assert many.interval("run") == pytest.approx(one.interval("run"))
    assert variance_components(copies).rows_part < one.rows_part / 4  # taken for 600 rows


def test_clusters_of_unequal_size_are_unbiased():
    rng = np.random.default_rng(7)
    cluster = np.repeat(np.arange(30), rng.integers(1, 9, 30))
    found = []
    for _ in range(600):
        shared = rng.standard_normal((4, 30))[:, cluster]
        found.append(variance_components(0.2 * rng.standard_normal((4, 1)) + shared, cluster).run)
    assert np.mean(found) == pytest.approx(0.04, abs=4 * np.std(found) / np.sqrt(600))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_right_or_all_wrong_gives_bounds(value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parts = variance_components(np.full((4, 50), value))
        assert (parts.run, parts.interaction, parts.row) == (0, 0, 0)
        for name in ("run", "interaction", "row"):
            lower, upper = parts.interval(name)
            assert lower == 0
            assert np.isfinite(upper)
    assert parts.interval("interaction")[1] > 0.01  # 50 rows do not exclude disagreement on one in a hundred


@pytest.mark.parametrize(
    ("outcomes", "says"),
    [(np.ones((1, 5)), "at least two of each"), (np.ones((3, 1)), "at least two"), ([[1, np.nan], [0, 1]], "NaN")],
)
def test_too_little_is_refused(outcomes, says):
    with pytest.raises(ArgumentError, match=says):
        variance_components(outcomes)


def long(y, depth=(8, 16), **more):
    """Outcomes (k, runs, rows) as a long frame."""
    k, s, j = np.indices(np.shape(y))
    return pd.DataFrame(
        {
            "task": "t", "run": [f"run {i}" for i in s.ravel()], "seed": s.ravel(), "depth": np.take(depth, k.ravel()),
            "metric": "accuracy", "row": j.ravel(), "value": np.ravel(y).astype(float),
        }
        | more
    )  # fmt: skip


def test_curve_of_outcomes_has_the_spread_of_the_means():
    rng = np.random.default_rng(8)
    y = rng.random((2, 5, 100)) < 0.8
    curve = pl.risk_curve(long(y).sample(frac=1, random_state=0))
    assert curve.risk == pytest.approx(y.mean(axis=2).var(axis=1, ddof=1))
    table = curve.components()
    assert table["run"].to_numpy() == pytest.approx([variance_components(v).run for v in y])
    assert (table["rows"] == 100).all()
    assert (table["rows_share"] * curve.risk * 100).to_numpy() == pytest.approx(table["interaction"].to_numpy())
    assert "of the variance is this set of 100 rows" in str(curve.summary())
    left = pl.risk.without_runs(curve, [1])
    assert left.components()["run"].iloc[0] == pytest.approx(variance_components(np.delete(y[0], 1, axis=0)).run)
    with pytest.raises(DataError, match="no outcomes"):
        pl.RiskCurve(depth=[1, 2], risk=[1, 1], df=3).components()


def test_diverged_and_stopped_runs_are_left_out():
    rng = np.random.default_rng(9)
    frame = long(rng.random((2, 6, 50)))
    frame["metric"] = "eval_loss"
    frame.loc[(frame["run"] == "run 2") & (frame["row"] == 3), "value"] = np.inf
    frame = frame[~((frame["run"] == "run 4") & (frame["depth"] == 16))]
    curve = pl.risk_curve(frame)
    assert (curve.diverged, curve.incomplete, curve.n_runs) == (1, 1, 5)
    assert [part.runs for part in curve.parts] == (curve.df + 1).tolist()
    assert sorted(part.runs for part in curve.parts) == [4, 5]
    for depth, part in zip(curve.depth, curve.parts, strict=True):
        at = frame[(frame["depth"] == depth) & (frame["run"] != "run 2")]
        alone = variance_components(at.pivot_table(index="run", columns="row", values="value").to_numpy())
        assert part.run == pytest.approx(alone.run)
        assert part.interaction == pytest.approx(alone.interaction)


def test_rows_that_some_run_misses_are_joined_and_counted():
    frame = long(np.random.default_rng(10).random((2, 3, 20)) < 0.5)
    joined = outcomes_of(frame[~((frame["run"] == "run 1") & (frame["row"] < 4))])
    assert (len(joined.rows), joined.rows_left_out) == (16, 4)
    with pytest.raises(DataError, match="of 20 rows 6 were answered by all 3 runs"):
        outcomes_of(frame[~((frame["run"] == "run 1") & (frame["row"] < 14))])


def test_wrong_outcomes_are_refused():
    frame = long(np.random.default_rng(11).random((2, 3, 20)) < 0.5)
    with pytest.raises(DataError, match="two outcomes of row 0"):
        pl.risk_curve(pd.concat([frame, frame.head(1)]))
    with pytest.raises(DataError, match="is 2; each row's is from 0 to 1"):
        pl.risk_curve(frame.assign(value=2.0))
    with pytest.raises(ArgumentError, match="cluster"):
        pl.risk_curve(frame, cluster="passage")
    with pytest.raises(ArgumentError, match="estimator"):
        pl.risk_curve(frame, estimator="branch")


@pytest.mark.parametrize(
    ("rows", "sd", "says"), [(200, 0.0, "about [0-9,]+ rows would bring"), (4000, 0.6, "steady the recipe")]
)
def test_noise_says_by_what(tmp_path, rows, sd, says):
    """Coin flips on few rows are cured by rows, runs that differ are not."""
    rng = np.random.default_rng(5)
    with pl.RunStore(tmp_path / "a.db") as store:
        store.add_task("coins", "0123456789abcdef", {})
        store.add_rows("coins", map(str, range(rows)))
        for depth in (4, 8, 16, 32, 64, 128):
            entries = []
            for run in range(40):
                right = rng.random(rows) < 0.5 + sd * rng.uniform(-0.5, 0.5)
                values, outcomes = {"accuracy": float(right.mean())}, {"accuracy": right}
                entries.append(pl.runs.Entry(f"coins:{run}", run, depth, values, outcomes=outcomes))
            store.record_all("coins", entries)
    analysis = pl.analyse(tmp_path / "a.db", tolerance=(0.025 / 1.96) ** 2, budget=64, confidence=0.9)
    assert analysis.phase["regime"].iloc[0] == "Noise-Dominant"
    assert re.search(says, analysis.recommendations["coins"])


def test_the_three_questions_against_brute_force():
    """Sd of: new runs on the same rows, new runs on all rows, these runs on new rows; in a Gaussian world."""
    held, truth = np.zeros(3), {}
    run, row, interaction, runs, rows = 2e-3, 0.1, 0.2, 8, 150
    truth = np.sqrt([run + interaction / rows, run, (row + interaction) / rows])
    for seed in range(200):
        rng = np.random.default_rng(seed)
        y = np.sqrt(run) * rng.standard_normal((runs, 1)) + np.sqrt(row) * rng.standard_normal(rows)
        y = y + np.sqrt(interaction) * rng.standard_normal((runs, rows))
        table = reliability(variance_components(y))
        held += (table["lower"] <= truth) & (truth <= table["upper"])
    assert np.all(held >= 0.91 * 200)
    assert table.index[0] == "another seed on this set"


def test_reliability_is_of_a_measured_depth():
    rng = np.random.default_rng(0)
    parts = [variance_components(rng.random((6, 100)) < p) for p in (0.6, 0.9)]
    curve = pl.RiskCurve([4, 8], [p.spread for p in parts], 5, parts=parts)
    assert curve.reliability().equals(reliability(parts[1]))
    assert curve.reliability(4).equals(reliability(parts[0]))
    with pytest.raises(ArgumentError, match="depth=5: expected one of the measured depths"):
        curve.reliability(5)
    with pytest.raises(DataError, match="no outcomes of evaluation rows"):
        pl.RiskCurve([4, 8], [1, 0.5], 5).reliability()
