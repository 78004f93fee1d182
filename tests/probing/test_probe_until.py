"""Sequential probing of a real task."""

import pandas as pd
import pytest

import predictlab as pl
from predictlab.probing._progress import Progress

ASKED = {"tolerance": 1e-4, "budget": 12, "max_cost": 400, "metric": "eval_loss", "progress": False}
PLAN = pl.ProbePlan(depths=(1, 2, 3, 4), seeds=6)


@pytest.fixture
def steps(monkeypatch):
    """Number of steps steps so far, in a list of one."""
    count, step = [0], Progress.step

    def counted(self, task, made):
        count[0] += made
        return step(self, task, made)

    monkeypatch.setattr(Progress, "step", counted)
    return count


def test_a_task_is_charged_what_is_steps_and_replayed_from_its_store(task, steps, tmp_path):
    store = tmp_path / "runs.db"
    found = pl.probe_until(task, plan=PLAN, store=store, **ASKED)
    assert len(found.looks) > 1
    assert found.cost == steps[0]
    assert found.plan.depths[-1] <= task.recipe.steps
    assert found.fit.task == "toy"
    again = pl.probe_until(task, plan=PLAN, store=store, **ASKED)
    assert found.cost == steps[0]  # nothing was trained again
    pd.testing.assert_frame_equal(again.looks, found.looks)


def test_an_interrupted_task_goes_on(task, before_step, tmp_path, capsys):
    store = tmp_path / "runs.db"
    count = [0]

    def press():
        count[0] += 1
        if count[0] == 4:
            raise KeyboardInterrupt

    release = before_step(press)
    with pytest.raises(KeyboardInterrupt):
        pl.probe_until(task, plan=PLAN, store=store, **ASKED)
    release()
    assert "the same call goes on" in capsys.readouterr().err
    with pl.RunStore(store) as held:
        assert len(held.frame()) > 0
    found = pl.probe_until(task, plan=PLAN, store=store, **ASKED)
    whole = pl.probe_until(task, plan=PLAN, **ASKED)
    pd.testing.assert_frame_equal(found.looks, whole.looks)
