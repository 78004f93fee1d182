"""Analysis and its sentences where the answer is not a number: budgets that the law does not reach, prices in doubt."""

import re

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.phase import UNDETERMINED
from predictlab.report import analyse, write_report
from predictlab.report._tables import fit_table, phase_table

DEPTHS = np.array([4, 8, 16, 32, 64, 128, 256])


def runs_of(name, sd, runs=48, seed=0):
    """Tidy runs whose spread at each depth is `sd` (k,): independent Gaussians."""
    values = 0.8 + np.asarray(sd) * np.random.default_rng(seed).standard_normal((runs, len(DEPTHS)))
    return pd.DataFrame(
        {
            "task": name,
            "run": np.repeat([f"{name}:{i}" for i in range(runs)], len(DEPTHS)),
            "parent": None,
            "seed": np.repeat(np.arange(runs), len(DEPTHS)),
            "depth": np.tile(DEPTHS, runs),
            "metric": "accuracy",
            "value": values.ravel(),
            "seconds": 1.0,
            "flops": 1.0,
            "status": "ok",
        }
    )


@pytest.fixture(scope="module")
def frame():
    decays = 0.1 * DEPTHS**-1.0
    late = runs_of("late", decays, seed=2)
    return pd.concat([runs_of("early", decays, seed=1), late[late["depth"] >= 32]], ignore_index=True)


def test_a_budget_before_the_first_depth_of_one_task_is_its_answer(frame, tmp_path):
    result = analyse(frame, tolerance=1e-4, budget=16.0, exchange_rate=1e-7, confidence=0.9)
    table = result.phase.set_index("task")
    assert table.loc["late", "regime"] == UNDETERMINED
    assert "budget of 16 steps: the law holds from 32 steps on" in result.recommendations["late"]
    assert table.loc["early", "regime"] != UNDETERMINED
    assert set(result.fits) == set(result.optima) == {"early", "late"}
    assert set(result.phase.dropna(subset="x")["task"]) == {"early"}
    assert list(fit_table(result)["task"]) == ["early", "late"]
    assert phase_table(result).set_index("task").loc["late", "c_tau [95 %]"] == "–"
    scores = pd.DataFrame({"task": ["early"], "method": "logme", "value": [1.0], "lower": [0.5], "upper": [1.5]})
    page = write_report(tmp_path / "report.html", result, scores=scores).read_text()
    assert "the law holds from 32 steps on" in page


def test_a_budget_before_the_law_of_every_task_is_refused(frame):
    with pytest.raises(
        ArgumentError, match=r"budget=2\.0: expected at least 4 steps, the first fitted depth of task 'early'"
    ):
        analyse(frame, tolerance=1e-4, budget=2.0, exchange_rate=1e-7)


def test_the_price_is_mentioned_where_it_speaks_against_probing_or_cannot_tell():
    few = pl.RiskCurve(depth=DEPTHS, risk=0.3 + 0.6 / DEPTHS, df=5, metric="accuracy")
    fit = pl.DecayModel(few).fit()
    asked = {"tolerance": 1.5, "budget": 64.0, "confidence": 0.9}
    assert pl.classify({"few": fit}, **asked)["regime"].tolist() == ["Static-Sufficient"]
    said = set()
    for gamma in np.geomspace(1e-9, 10, 60):
        best = pl.optimal_depth(fit, exchange_rate=gamma)
        text = pl.advise({"few": fit}, **asked, exchange_rate=gamma, draws=2000)["advice"][0]
        price = re.search(r"At the stated price.*", text)
        verdict = best.verdict(0.9).split()[1]
        said.add((verdict, "" if price is None else re.sub(r"\d+ %|\d+%", "N", price.group())))
    unsure = "At the stated price of a step these runs cannot tell whether going deeper pays (it does in N of the "
    unsure += "draws)."
    assert said == {
        ("pays,", ""),
        ("does", "At the stated price of a step going deeper does not pay."),
        ("tell", unsure),
    }


def test_any_source_gives_the_same_analysis(frame, tmp_path):
    """A frame, a store, its path, a table of another tool as a file, and that table as a frame."""
    path, asked = tmp_path / "runs.db", {"tolerance": 1e-4, "budget": 64.0}
    early = frame[frame["task"] == "early"]
    expected = analyse(early, **asked).phase
    with pl.RunStore(path) as store:
        store.add_task("early", "0" * 16, {})
        for row in early.itertuples():
            store.record("early", row.run, row.depth, {"accuracy": row.value}, seed=row.seed)
        pd.testing.assert_frame_equal(analyse(store, **asked).phase, expected)
    pd.testing.assert_frame_equal(analyse(path, **asked).phase, expected)
    table = early.rename(columns={"depth": "step", "value": "accuracy"})[["task", "run", "seed", "step", "accuracy"]]
    table.to_csv(tmp_path / "runs.csv", index=False)
    for source in (tmp_path / "runs.csv", str(tmp_path / "runs.csv"), table):
        pd.testing.assert_frame_equal(analyse(source, **asked).phase, expected)
    with pytest.raises(ArgumentError, match=r"none\.csv"):
        analyse(tmp_path / "none.csv", **asked)


def test_a_cell_shows_the_phase_table_and_what_to_do(frame):
    result = analyse(frame, tolerance=1e-4, budget=16.0, confidence=0.9)
    text = str(result.summary())
    assert "budget 16 steps, regimes at 90 %" in text
    for task, recommendation in result.recommendations.items():
        assert f"{task}: {recommendation}" in text
    assert repr(result) == text
    assert "<table" in result._repr_html_()
    assert list(result.frame()["task"]) == ["early", "late"]
