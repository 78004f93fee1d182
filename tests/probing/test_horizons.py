"""Recipes of several lengths: each a task of its own, resumed like any other, and one curve of their ends."""

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.probing import ProbePlan
from predictlab.risk import over_horizons

PLAN = ProbePlan(horizons=(4, 8, 12), seeds=5)


def test_each_length_is_the_same_as_a_task_of_that_length(task, engine):
    frame = pl.probe(task, PLAN, engine=engine, progress=False)
    assert frame.groupby("task", sort=False)["depth"].unique().apply(list).to_dict() == {
        "toy, 4 steps": [4], "toy, 8 steps": [8], "toy, 12 steps": [12],
    }  # fmt: skip
    for steps in PLAN.horizons:
        alone = task.replace(recipe=task.recipe.replace(steps=steps), name=f"toy, {steps} steps")
        wanted = pl.probe(alone, ProbePlan((steps,), 5), engine=engine, progress=False)
        mine = frame[frame["task"] == alone.name].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine.drop(columns="seconds"), wanted.drop(columns="seconds"))
    one = pl.probe(task, ProbePlan(PLAN.horizons, 5), engine=engine, progress=False)
    at = [f[(f["depth"] == 4) & (f["metric"] == "eval_loss")]["value"].to_numpy() for f in (frame, one)]
    assert not np.allclose(*at), "a depth of one recipe is not the end of a shorter one"


def test_the_store_takes_it_up_and_only_what_is_new_is_trained(task, tmp_path, press_ctrl_c_at, trained):
    path = tmp_path / "runs.db"
    whole = pl.probe(task, PLAN, progress=False)
    release = press_ctrl_c_at(7)
    with pytest.raises(KeyboardInterrupt):
        pl.probe(task, PLAN, path, progress=False)
    release()
    again = pl.probe(task, PLAN, path, progress=False)
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), whole.drop(columns="seconds"), check_exact=True)
    trained.clear()
    pl.probe(task, ProbePlan(horizons=(4, 6, 8, 12), seeds=6), path, progress=False)
    lengths = {(run.split(", ")[1].split()[0], begin) for run, begin, _ in trained}
    assert lengths == {("4", 0), ("6", 0), ("8", 0), ("12", 0)}
    assert sorted(run for run, *_ in trained) == sorted(
        [f"toy, {steps} steps:5" for steps in (4, 8, 12)] + [f"toy, 6 steps:{seed}" for seed in range(6)]
    )
    with pl.RunStore(path) as store:
        recipes = store.tasks().set_index("task")["description"]
        assert recipes["toy, 6 steps"]["recipe"]["steps"] == 6


def test_one_curve_of_the_ends(task, tmp_path):
    path = tmp_path / "runs.db"
    runs = pl.probe(task, PLAN, path, progress=False)
    curve = pl.risk_curve(over_horizons(runs), metric="eval_loss")
    assert (curve.task, curve.question, curve.estimator) == ("toy, by length", "agreement", "spread")
    assert (curve.horizon, curve.schedule) == (None, None), "no one recipe that its depths are points of"
    losses = runs[runs["metric"] == "eval_loss"]
    wanted = [losses.loc[losses["task"] == f"toy, {steps} steps", "value"].var() for steps in PLAN.horizons]
    np.testing.assert_allclose(curve.risk, wanted, rtol=1e-12)
    assert curve.depth.tolist() == [4, 8, 12]
    assert curve.n_runs == 5, "a seed is one run of the curve"
    pd.testing.assert_frame_equal(over_horizons(path), over_horizons(runs))
    both = pd.concat([runs, runs.assign(task=runs["task"].str.replace("toy", "game"))])
    assert set(over_horizons(both, "game")["task"]) == {"game, by length"}
    with pytest.raises(ArgumentError, match="one of toy, game"):
        over_horizons(both)


def test_more_seeds_in_the_background(task):
    run = pl.start_probe(task, ProbePlan(horizons=(2, 4), seeds=2))
    run.wait()
    run.extend(seeds=1)
    assert run.wait().groupby("task")["run"].nunique().tolist() == [3, 3]
    with pytest.raises(ArgumentError, match=r"^depths=8: expected nothing for a plan over horizons"):
        run.extend(depths=8)
    assert run.plan == ProbePlan(horizons=(2, 4), seeds=3)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("horizons", {"horizons": ()}),
        ("horizons", {"horizons": (0, 4)}),
        ("horizons", {"horizons": (8, 4)}),
        ("horizons", {"horizons": 64}),
        ("depths", {"horizons": (4, 8), "depths": (4,)}),
        ("depths", {}),
        ("horizons", {"horizons": (4, 8), "design": "branch", "parents": 2, "forks": 2}),
        ("parents", {"horizons": (4, 8), "parents": 2}),
    ],
)
def test_plans_that_cannot_be(name, arguments):
    with pytest.raises(ArgumentError, match=f"^{name}="):
        ProbePlan(**arguments)


def test_copies():
    assert PLAN.replace(seeds=7) == ProbePlan(horizons=(4, 8, 12), seeds=7)
    assert PLAN.replace(horizons=(4, 16)).depths == (4, 16)
    assert PLAN.replace(horizons=None, depths=(4, 8)) == ProbePlan((4, 8), 5)
    with pytest.raises(ArgumentError, match=r"^depths="):
        PLAN.replace(depths=(4, 8))


def test_what_does_not_go_with_horizons_is_said(task):
    with pytest.raises(ArgumentError, match=r"^warmup_steps=6: .*steps=4"):
        pl.probe(task.replace(recipe=task.recipe.replace(warmup_steps=6)), PLAN, progress=False)
    shorter = task.replace(name="toy, 4 steps")
    assert len(pl.probe([task, shorter], ProbePlan(horizons=(2,), seeds=1), progress=False)) == 4
    with pytest.raises(ArgumentError, match=r"^plan=.*expected a plan of depths, without horizons"):
        pl.probe_until(task, plan=PLAN, tolerance=0.1, budget=8, max_cost=1e6, progress=False)
    with pytest.raises(DataError, match=r"ProbePlan\(horizons="):
        over_horizons(pl.worlds.MartingaleWorld(0.1, 2.0, 1.0).simulate(3, [4, 8], seed=0))
