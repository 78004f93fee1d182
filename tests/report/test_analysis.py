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


# -- questions ------------------------------------------------------------------------------------------------------


def ends(name, seed=0, runs=12, limit=1e-4):
    world = pl.worlds.MartingaleWorld(limit, 0.01, 1.0)
    frame = world.source(seed=seed)((4, 8, 16, 32, 64), range(runs))
    return frame.assign(task=name, metric="accuracy", run=[f"{name}:{seed}" for seed in frame["seed"]])


def test_another_run_is_asked_of_each_task_by_its_own_measured_ends(tmp_path):
    runs = pd.concat([ends("calm"), ends("apart", 1, limit=4e-3)])
    result = analyse(runs, tolerance=1e-3, budget=32, question="fresh_run", confidence=0.9)
    table = result.phase.set_index("task")
    assert table.loc["calm", "level"] == "at once"
    assert table.loc["apart", "regime"] == "Noise-Dominant"
    assert "Nothing to probe" in result.recommendations["calm"]
    assert list(result.frame()["optimal_seeds"]) == [result.optima[name].seeds for name in ("calm", "apart")]
    assert "seeds x steps" in fit_table(result)
    page = write_report(tmp_path / "report.html", result).read_text()
    assert "the end should be known within" in page
    assert "<h2>Questions</h2>" in page
    assert [curve.question for curve in result.curves] == ["agreement", "this_run", "fresh_run"]
    assert "asked: how another run of the same recipe" in str(result.summary())


def test_a_task_that_has_not_ended_takes_its_drift_from_those_that_have(tmp_path):
    with pl.RunStore(tmp_path / "runs.db") as store:
        for i in range(4):
            frame = ends(f"t{i}", i)
            store.add_frame(frame[frame["depth"] <= (16 if i == 0 else 64)], description={"recipe": {"steps": 64}})
    result = analyse(tmp_path / "runs.db", tolerance=1e-2, budget=16, question="fresh_run")
    assert result.fits["t0"].fresh.drift == "earlier"
    assert {result.fits[f"t{i}"].fresh.drift for i in (1, 2, 3)} == {"runs"}
    assert any("no run of t0 was measured at its end" in text for text in result.cautions)
    few = analyse(tmp_path / "runs.db", tolerance=1e-2, budget=16, question="fresh_run", tasks=["t0"])
    assert few.fits["t0"].fresh.drift == "earlier"


def test_a_new_task_is_asked_of_all_tasks_together():
    runs = pd.concat([ends(f"t{i}", i).assign(value=lambda f, i=i: f["value"] + 0.05 * i) for i in range(6)])
    result = analyse(runs, tolerance=1e-2, budget=16, question="new_task")
    assert list(result.phase["task"]) == ["a new task"]
    assert result.phase["question"].tolist() == ["new_task"]
    assert "6 tasks are taken as drawn from one population" in result.cautions[0]
    few = analyse(runs[runs["task"].isin(["t0", "t1", "t2"])], tolerance=1e-2, budget=16, question="new_task")
    assert few.phase["regime"].tolist() == [UNDETERMINED]
    assert "3 tasks; what a task drawn from their population does needs 4" in few.unfit["a new task"]
    open_call = analyse(runs, tolerance=float(result.fits["a new task"].predict(16)[0]), budget=16, question="new_task")
    assert "more tasks" in open_call.recommendations["a new task"].lower()
    assert "longer" not in open_call.recommendations["a new task"]


def test_recipes_of_several_lengths_are_one_task_by_length():
    lengths = (8, 16, 32, 64)
    world = pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0)
    runs = pd.concat([
        world.source(seed=c)([c], range(12)).assign(
            task=f"demo, {c} steps", metric="accuracy", run=lambda f, c=c: [f"{c}:{s}" for s in f["seed"]]
        )
        for c in lengths
    ])  # fmt: skip
    result = analyse(pd.concat([runs, ends("other")]), tolerance=1e-3, budget=32)
    assert list(result.fits) == ["other", "demo, by length"]
    assert result.fits["demo, by length"].curve.depth.tolist() == list(lengths)
    said = next(text for text in result.cautions if "several lengths" in text)
    assert "'demo, 8 steps', 'demo, 16 steps'" in said
    assert "not a point on one" in said


def test_logs_are_over_and_nobody_is_told_to_go_on(tmp_path):
    slow = runs_of("slow", 0.1 * DEPTHS**-0.5, runs=40)
    table = slow.rename(columns={"depth": "step", "value": "accuracy"})[["task", "run", "seed", "step", "accuracy"]]
    table.to_csv(tmp_path / "log.csv", index=False)
    asked = {"tolerance": 2e-5, "budget": 64.0}
    of_logs, of_frame = (analyse(s, **asked).recommendations["slow"] for s in (tmp_path / "log.csv", slow))
    assert "longer, to about" not in of_logs
    assert "to 512 steps" not in of_logs
    assert of_logs != of_frame


def test_money_is_said_where_runs_told_their_seconds():
    timed = runs_of("timed", 0.1 * DEPTHS**-0.5, runs=40).assign(seconds=lambda f: 0.5 * f["depth"])
    asked = {"tolerance": 1e-3, "budget": 64.0}
    told = analyse(timed, **asked, gpu_hour=7.2)
    cost = re.search(r"([\d,]+) steps in all, ([\d.]+) (s|min|h), price ([\d.e+]+)", told.recommendations["timed"])
    if cost:
        assert float(cost[4]) == pytest.approx(float(cost[1].replace(",", "")) * 0.001, rel=0.01)
    plan = pl.optimal_depth(told.fits["timed"], exchange_rate=1e-3, gpu_hour=7.2)
    assert plan.price == pytest.approx(plan.seconds * 0.002)
    assert "price" in repr(plan)
    untold = analyse(timed.assign(seconds=np.nan), **asked, gpu_hour=7.2)
    assert any("not known" in text and "money" in text for text in untold.cautions)
