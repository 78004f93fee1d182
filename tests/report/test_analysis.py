"""Analysis and its sentences where the answer is not a number: budgets that the law does not reach, prices in doubt."""

import re

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.phase import UNDETERMINED
from predictlab.planning._sentences import sentence
from predictlab.report._analysis import analyse
from predictlab.report._html import fit_view, phase_view, write_report

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
    learns = np.array([0.005, 0.01, 0.02, 0.06, 0.03, 0.015, 0.008])  # the law holds from 32 steps on
    return pd.concat([runs_of("early", decays, seed=1), runs_of("late", learns, seed=2)], ignore_index=True)


def test_a_budget_before_the_law_of_one_task_is_its_answer(frame, tmp_path):
    result = analyse(frame, 1e-4, 16.0, 1e-7)
    table = result.phase.set_index("task")
    assert table.loc["late", "regime"] == UNDETERMINED
    assert "budget of 16 steps: the law holds from 32 steps on" in table.loc["late", "todo"]
    assert table.loc["early", "regime"] != UNDETERMINED
    assert set(result.fits) == set(result.optima) == {"early", "late"}
    assert set(result.placed) == {"early"}
    assert list(fit_view(result)["task"]) == ["early", "late"]
    assert phase_view(result).set_index("task").loc["late", "c_tau [95 %]"] == "–"
    scores = pd.DataFrame({"task": ["early"], "method": "logme", "value": [1.0], "lower": [0.5], "upper": [1.5]})
    page = write_report(tmp_path / "report.html", result, scores, pd.DataFrame({"task": ["late"]}), "T", []).read_text()
    assert "the law holds from 32 steps on" in page


def test_a_budget_before_the_law_of_every_task_is_refused(frame):
    with pytest.raises(
        ArgumentError, match=r"budget=2\.0: expected at least 4 steps, the first fitted depth of task 'early'"
    ):
        analyse(frame, 1e-4, 2.0, 1e-7)


def test_the_price_is_mentioned_where_it_speaks_against_probing_or_cannot_tell():
    few = pl.RiskCurve(depth=DEPTHS, risk=0.3 + 0.6 / DEPTHS, df=5, metric="accuracy")
    fit = pl.DecayModel(few).fit()
    row = {"regime": "Static-Sufficient", "crossing_budget": 8.0}
    said = set()
    for gamma in np.geomspace(1e-9, 10, 60):
        best = pl.optimal_depth(fit, gamma)
        text = sentence(fit, row, 0.5, 64.0, best)
        price = re.search(r"At the stated price.*", text)
        verdict = best.verdict().split()[1]
        said.add((verdict, "" if price is None else re.sub(r"\d+ %|\d+%", "N", price.group())))
    unsure = "At the stated price of a step these runs cannot tell whether probing pays (it does in N of the draws)."
    assert said == {
        ("pays,", ""),
        ("does", "At the stated price of a step, probing does not pay."),
        ("tell", unsure),
    }
