"""Where runs end on other rows: what the evaluation set does to a forecast, and which question is answered."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.forecasting._rows import GROUPS, jackknifed, means_of_outcomes, without_rows
from predictlab.runs import Entry

DEPTHS = (4, 8, 16)


def outcomes(rng, runs=9, rows=120, run_sd=0.05):
    """0/1 outcomes of runs (depths, runs, rows) that are right where a common difficulty and their own noise allow."""
    ability = np.array([0.5, 0.9, 1.1])[:, None] + run_sd * rng.standard_normal(runs)
    difficulty, noise = rng.standard_normal(rows), rng.standard_normal((runs, rows))
    y = []
    for level in ability:
        y.append(difficulty + level[:, None] + noise > 0)
        noise = 0.8 * noise + 0.6 * rng.standard_normal((runs, rows))
    return np.array(y), norm.cdf(ability[-1] / np.sqrt(2))


def long(y, task="a"):
    depth, run, row = (v.ravel() for v in np.meshgrid(*(range(n) for n in y.shape), indexing="ij"))
    return pd.DataFrame(
        {
            "task": task, "run": [f"{task}{i}" for i in run], "depth": np.array(DEPTHS)[depth], "metric": "accuracy",
            "row": row, "value": y.ravel().astype(float),
        }
    )  # fmt: skip


def errors_of(forecast_of, values):
    """Errors of forecasts of each run from its own values (depths,) and those of the others, (depths, runs); ends."""
    made = [forecast_of(values[:, i], np.delete(values, i, axis=1)) for i in range(values.shape[1])]
    return values[-1] - made, values[-1]


def mean_of_others(own, others):
    return others[2].mean()


def own_value_and_gain_of_others(own, others):
    return own[1] + (others[2] - others[1]).mean()


@pytest.mark.parametrize("forecast_of", [mean_of_others, own_value_and_gain_of_others])
@pytest.mark.parametrize("rows", [np.inf, 300])
def test_the_error_on_other_rows_is_that_of_worlds(forecast_of, rows):
    """Squared error of forecasts against ends on the population, or on rows that nobody saw: as it is predicted."""
    rng, known, wanted, there = np.random.default_rng(0), [], [], []
    size = 5 * GROUPS
    for _ in range(300):
        y, truth = outcomes(rng, rows=size)
        errors, ends = errors_of(forecast_of, y.mean(axis=2))
        if rows < np.inf:  # of a difficulty that all runs share
            noise = rng.standard_normal(rows) + rng.standard_normal((len(truth), rows))
            truth = np.mean(noise + np.sqrt(2) * norm.ppf(truth)[:, None] > 0, axis=1)
        without = [(y.sum(axis=2) - y[:, :, g::GROUPS].sum(axis=2)) / (size - 5) for g in range(GROUPS)]
        replicates = [np.array(part) for part in zip(*(errors_of(forecast_of, v) for v in without), strict=True)]
        there.append(np.mean((truth - (ends - errors)) ** 2))
        known.append(np.mean(errors**2))
        wanted.append(known[-1] + jackknifed(*replicates, size / rows)[0])
    gap = np.array(wanted) - there
    assert abs(gap.mean()) < 3 * gap.std() / np.sqrt(len(gap))
    if rows == np.inf:
        assert abs(np.mean(known) - np.mean(there)) > 5 * gap.std() / np.sqrt(len(gap)), "the set's own is another"


def test_values_without_rows_are_means_of_the_others():
    y, _ = outcomes(np.random.default_rng(6), runs=3, rows=2 * GROUPS + 1)
    frame, kept = means_of_outcomes(long(y))
    made, size, held = without_rows(frame, "accuracy", kept, 8, {"a": 16})
    assert (len(made), size, held) == (GROUPS, 2 * GROUPS + 1, ())
    for g in (0, 1, GROUPS - 1):
        rest = np.arange(2 * GROUPS + 1) % GROUPS != g
        np.testing.assert_allclose(made[g], y[:, :, rest].mean(axis=2).ravel())


def test_it_is_said_which_question_is_answered():
    y, _ = outcomes(np.random.default_rng(2))
    frame = long(y)
    here, there, all_rows = (pl.forecast(frame, 8, rows=rows) for rows in (None, 400, np.inf))
    assert (here.rows, there.rows, all_rows.rows) == (None, 400.0, np.inf)
    assert "Asked" not in str(here)
    assert "where will the run end on 400 other rows?" in str(there)
    assert "in deployment, on the population of rows" in str(all_rows)
    np.testing.assert_array_equal(here.frame()["prediction"], all_rows.frame()["prediction"])
    widths = [(f.frame()["upper"] - f.frame()["lower"]).mean() for f in (here, all_rows, there)]
    assert widths == sorted(widths)
    assert there.rows_added > all_rows.rows_added
    assert here.rows_added == 0.0
    means = means_of_outcomes(frame)[0].assign(parent=None)
    np.testing.assert_allclose(here.frame()["prediction"], pl.forecast(means, 8).frame()["prediction"])
    jackknife = pl.forecast(frame, 8, rows=np.inf, method="jackknife+", confidence=0.8)
    assert jackknife.guaranteed is None, "nothing is proven about rows that nobody saw"


def test_a_store_gives_its_outcomes(tmp_path):
    y, _ = outcomes(np.random.default_rng(3))
    with pl.RunStore(tmp_path / "runs.db") as store:
        store.add_task("a", "a", {})
        store.add_rows("a", [str(i) for i in range(y.shape[2])])
        for i, depth in enumerate(DEPTHS):
            for j in range(y.shape[1]):
                values = {"accuracy": float(y[i, j].mean())}
                store.record_all("a", [Entry(f"a{j}", j, depth, values, outcomes={"accuracy": y[i, j]})])
        asked = pl.forecast(long(y), 8, rows=np.inf)
        for runs in (store, tmp_path / "runs.db"):
            found = pl.forecast(runs, 8, rows=np.inf)
            assert found.rows_added == pytest.approx(asked.rows_added)
            np.testing.assert_allclose(found.frame()["upper"], asked.frame()["upper"])
        with pytest.raises(DataError, match=r"no outcomes of accuracy are known of run 'a0'.*rows=None"):
            pl.forecast(store.frame(), 8, rows=np.inf)


@pytest.mark.parametrize("rows", [0, -5, "all", float("nan"), True])
def test_rows_that_cannot_be(rows):
    y, _ = outcomes(np.random.default_rng(4))
    with pytest.raises(ArgumentError, match=r"rows=.*inf for the population"):
        pl.forecast(long(y), 8, rows=rows)


def test_too_few_rows_and_features_without_outcomes():
    y, _ = outcomes(np.random.default_rng(5), rows=12)
    with pytest.raises(DataError, match="12 evaluation rows; 25 are needed"):
        pl.forecast(long(y), 8, rows=np.inf)
    y, _ = outcomes(np.random.default_rng(5))
    frame, kept = means_of_outcomes(long(y))
    loss = frame[frame["depth"] < 16].assign(metric="eval_loss", value=1 - frame["value"])
    both = pd.concat([frame, loss], ignore_index=True)
    assert without_rows(both, "accuracy", kept, 8, {"a": 16})[2] == ("eval_loss",)
