"""Sequential probing of a real task, trained by the reference engine."""

import pandas as pd
import pytest

import predictlab as pl
from predictlab.probe.reference import ReferenceTrainer

ASKED = {"tolerance": 1e-4, "budget": 12, "max_cost": 400, "metric": "eval_loss", "progress": False}
PLAN = pl.ProbePlan(depths=(1, 2, 3, 4), seeds=6)


@pytest.fixture
def trained(monkeypatch):
    """Number of steps trained so far, in a list of one."""
    steps = [0]
    step = ReferenceTrainer._step

    def counted(self, *args, **kwargs):
        steps[0] += 1
        return step(self, *args, **kwargs)

    monkeypatch.setattr(ReferenceTrainer, "_step", counted)
    return steps


def test_a_task_is_charged_what_is_trained_and_replayed_from_its_store(task, trained, tmp_path):
    store = tmp_path / "runs.db"
    found = pl.probe_until(task, plan=PLAN, store=store, **ASKED)
    assert len(found.looks) > 1
    assert found.cost == trained[0]
    assert found.plan.depths[-1] <= task.recipe.steps
    assert found.fit.task == "toy"
    again = pl.probe_until(task, plan=PLAN, store=store, **ASKED)
    assert found.cost == trained[0]  # nothing was trained again
    pd.testing.assert_frame_equal(again.looks, found.looks)


def test_an_interrupted_task_goes_on(task, trained, tmp_path, monkeypatch, capsys):
    store = tmp_path / "runs.db"
    step = ReferenceTrainer._step

    def interrupted(self, *args, **kwargs):
        if trained[0] == 15:
            raise KeyboardInterrupt
        return step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(ReferenceTrainer, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pl.probe_until(task, plan=PLAN, store=store, **ASKED)
    assert "the same call goes on" in capsys.readouterr().err
    with pl.RunStore(store) as held:
        assert len(held.frame()) > 0
    found = pl.probe_until(task, plan=PLAN, store=store, **ASKED)
    whole = pl.probe_until(task, plan=PLAN, **ASKED)
    pd.testing.assert_frame_equal(found.looks, whole.looks)
