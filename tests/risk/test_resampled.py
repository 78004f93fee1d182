"""Metrics that are no means over rows: what rows add to their spread, against worlds drawn again and again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.risk import group_outcomes, variance_components

RUNS, ROWS, GROUPS = 8, 400, 40


def f1(y, x):
    return 2 * np.sum(x & y) / (np.sum(x) + np.sum(y))


def mcc(y, x):
    a, b, c, d = np.sum(x & y), np.sum(x & ~y), np.sum(~x & y), np.sum(~x & ~y)
    return (a * d - b * c) / np.sqrt(float((a + b) * (a + c) * (d + b) * (d + c)))


def ratio(y, x):
    """A ratio of sums, as a corpus score of matches by lengths is."""
    return np.sum(x * (1 + y)) / np.sum(1 + y + x)


METRICS = {"f1": f1, "mcc": mcc, "ratio": ratio}


def world(rng, runs, rows, size=1):
    """Labels (rows,) and predictions (runs, rows): runs differ in where they cut, and in each row; rows in difficulty.

    Rows come in clusters of `size` that share label and difficulty, and each run's answer.
    """
    label = rng.random(rows // size) < 0.3
    score = 1.2 * (2 * label - 1) + rng.standard_normal(rows // size)
    cut = 0.25 * rng.standard_normal((runs, 1))
    guess = score + cut + 0.8 * rng.standard_normal((runs, rows // size)) > 0
    return np.repeat(label, size), np.repeat(guess, size, axis=1)


def parts_of(metric, label, guess, group):
    return variance_components(np.stack([group_outcomes(metric, label, g, group) for g in guess]), group)


def test_references():
    label, guess = world(np.random.default_rng(0), 1, 500)
    assert f1(label, guess[0]) == pytest.approx(f1_score(label, guess[0]), abs=1e-12)
    assert mcc(label, guess[0]) == pytest.approx(matthews_corrcoef(label, guess[0]), abs=1e-12)


def test_of_a_mean_they_are_the_means_of_the_groups():
    rng = np.random.default_rng(0)
    label, guess = world(rng, RUNS, ROWS)
    group = rng.permutation(ROWS) % 7  # groups of unequal size
    found = np.stack([group_outcomes(lambda y, x: float(np.mean(x == y)), label, g, group) for g in guess])
    right = (guess == label).astype(float)
    for g in range(7):
        np.testing.assert_allclose(
            found[:, group == g], right[:, group == g].mean(axis=1)[:, None].repeat(np.sum(group == g), 1)
        )
    one, other = variance_components(found, group), variance_components(right, group)
    for name in ("spread", "run", "interaction", "row"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9)


@pytest.mark.parametrize("name", list(METRICS))
@pytest.mark.parametrize("size", [1, 4])
def test_components_are_those_of_worlds_drawn_again(name, size):
    metric, rng = METRICS[name], np.random.default_rng([len(name), size])
    label, guess = world(rng, 1500, 20_000 * size, size)
    run = np.var([metric(label, g) for g in guess], ddof=1)
    tables = [world(rng, RUNS, ROWS, size) for _ in range(1500)]
    scores = np.array([[metric(y, g) for g in guess] for y, guess in tables])
    added = np.mean(scores.var(axis=1, ddof=1)) - run  # sigma_int² / n, by its definition
    group = (np.arange(ROWS) // size) % GROUPS
    found = [parts_of(metric, *table, group) for table in tables[:150]]
    mean_added = np.mean([p.rows_part for p in found])
    assert mean_added == pytest.approx(added, rel=0.12)
    estimates = np.array([p.run for p in found])
    assert abs(estimates.mean() - run) < 4 * estimates.std() / np.sqrt(len(estimates)) + 0.05 * run
    # the mean of 8 runs on fresh sets: runs, rows that are hard for all, and their interaction
    whole = np.var(scores.mean(axis=1), ddof=1)
    expected = run / RUNS + np.mean([(p.row + p.interaction / RUNS) / ROWS for p in found])
    assert expected == pytest.approx(whole, rel=0.15)
    held = np.zeros(3)
    for p in found:
        ends = [p.interval("interaction"), p.interval("run"), p.spread_at(4 * ROWS)[1:]]
        truth = [added * ROWS, run, run + added / 4]
        held += [low <= v <= high for (low, high), v in zip(ends, truth, strict=True)]
    # fewer with a chance of 1 in 2,000 at 95 %; that of the interaction is short where runs differ much (docs/rows.md)
    assert (held >= np.array([0.8, 0.88, 0.88]) * len(found)).all(), held


def frame_of(runs=4, depths=(8, 16), seed=0):
    rng = np.random.default_rng(seed)
    label = rng.random(ROWS) < 0.3
    return pd.concat(
        [
            pd.DataFrame({"run": f"r{s}", "depth": c, "row": np.arange(ROWS), "reference": label,
                          "prediction": label ^ (rng.random(ROWS) < 1 / np.sqrt(c))})
            for s in range(runs)
            for c in depths
        ]
    )  # fmt: skip


def test_a_curve_of_f1_has_its_spread_and_its_rows():
    frame = frame_of(runs=24, depths=(8, 16, 32))
    outcomes = pl.resampled_outcomes(frame, f1_score, name="f1", groups=GROUPS)
    curve = pl.risk_curve(outcomes, cluster="group")
    assert curve.metric == "f1"
    for i, depth in enumerate((8, 16, 32)):
        at = frame[frame["depth"] == depth]
        scores = [f1_score(r["reference"], r["prediction"]) for _, r in at.groupby("run")]
        assert curve.risk[i] == pytest.approx(np.var(scores, ddof=1), rel=1e-9)
        assert curve.mean[i] == pytest.approx(np.mean(scores), rel=1e-9)
        assert curve.parts[i].clusters == GROUPS
    assert 0.5 < np.mean([p.rows_share for p in curve.parts]) < 2  # runs differ by chance alone
    population = pl.DecayModel(curve, rows=np.inf).fit()
    assert population.predict([32.0])[0] < pl.DecayModel(curve).fit().predict([32.0])[0]


def test_rows_of_a_cluster_stay_together():
    frame = frame_of().assign(passage=lambda f: f["row"] // 4)
    by_column = pl.resampled_outcomes(frame, f1, name="f1", groups=20, cluster="passage")
    assert len(by_column.assign(passage=by_column["row"] // 4)[["passage", "group"]].drop_duplicates()) == ROWS // 4
    mapping = {row: row // 4 for row in range(ROWS)}
    pd.testing.assert_frame_equal(by_column, pl.resampled_outcomes(frame, f1, name="f1", groups=20, cluster=mapping))


@pytest.mark.parametrize(
    ("change", "options", "error", "match"),
    [
        (lambda f: f.drop(columns="reference"), {}, ArgumentError, "'reference' is not"),
        (lambda f: f.iloc[1:], {}, DataError, "needs them all, once"),
        (lambda f: f.assign(reference=np.arange(len(f)) % 2), {}, None, None),
        (lambda f: pd.concat([f, f.iloc[:1].assign(reference=True), f.iloc[:1].assign(reference=False)]), {}, DataError,
         "two references"),
        (lambda f: f, {"groups": 300}, ArgumentError, "at most half of the 400 rows"),
        (lambda f: f, {"groups": 5}, ArgumentError, "groups"),
        (lambda f: f, {"cluster": "passage"}, ArgumentError, "a column"),
        (lambda f: f, {"cluster": {0: 1}}, ArgumentError, "399 rows without one"),
        (lambda f: f.assign(prediction=False), {"metric": lambda y, x: 1.0 / np.float64(np.sum(x))}, DataError,
         "not a finite number"),
    ],
)  # fmt: skip
def test_bad_input(change, options, error, match):
    call = {"metric": f1, "name": "f1", "groups": 20} | options
    if error is None:
        assert len(pl.resampled_outcomes(change(frame_of()), call.pop("metric"), **call)) == 4 * 2 * ROWS
        return
    with np.errstate(divide="ignore"), pytest.raises(error, match=match):
        pl.resampled_outcomes(change(frame_of()), call.pop("metric"), **call)
