"""Tasks as candidates: trained by pl.probe, and not again when the store has them."""

import pandas as pd
import pytest

import predictlab as pl

pytestmark = pytest.mark.train


def test_tasks_are_trained_once_and_compared(tmp_path):
    data = pl.load_dataset("rotten_tomatoes", eval_size=60, train_size=80, seed=0)
    settings = {"method": "head", "steps": 8, "batch_size": 8, "max_length": 16}
    tasks = [
        pl.Task("minilm-l3", data, pl.Recipe(**settings, learning_rate=rate), name=f"rate {rate:g}")
        for rate in (1e-5, 3e-2)
    ]
    asked = {"total_budget": 64, "margin": 0.05, "rungs": (0.5, 1), "store": tmp_path / "runs.db", "progress": False}
    found = pl.select(tasks, **asked)
    assert found.metric == "accuracy"
    assert found.depths == {"rate 1e-05": (4, 8), "rate 0.03": (4, 8)}
    assert found.cost <= 64
    with pl.RunStore(tmp_path / "runs.db") as store:
        before = len(store.frame())
    again = pl.select(tasks, **asked)
    pd.testing.assert_frame_equal(again.frame(), found.frame())
    with pl.RunStore(tmp_path / "runs.db") as store:
        assert len(store.frame()) == before
