"""What takes long can be ended: frozen layers, evaluations, generation; nothing half done stays, no error is hidden."""

import pytest
from training import trajectories

import predictlab as pl
from predictlab.errors import StoreError
from predictlab.probing import ProbePlan
from predictlab.probing._engine.shared import SharedTrainer
from predictlab.probing._executors import LocalExecutor, TrainingOptions
from predictlab.probing._segments import Group, RunSegment


class Enough(Exception):
    """Ends what checks for cancellation."""


def stop():
    raise Enough


def events(executor, group, check_cancelled):
    """Depths that are reached and steps that are made, until it ends or the check raises."""
    found = []
    try:
        for update in executor.run([group], check_cancelled):
            found += [f"depth {r.state.step}" for r in update.results] + ["step"] * update.steps
    except Enough:
        found.append("ended")
    return found


@pytest.mark.parametrize(
    "changes", [{}, {"method": "head"}, {"layers": "last:2", "pooling": "cls"}], ids=["lora", "head", "first token"]
)
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_frozen_layers(bert, data, recipe, changes, calls, engine):
    task = pl.Task(bert, data, recipe.replace(**changes), name="toy")
    executor, seen = LocalExecutor(TrainingOptions(engine)), []

    def check_cancelled():
        seen.append(1)
        if len(seen) == calls:
            stop()

    try:
        executor.group_size(task, check_cancelled)
    except Enough:
        assert len(seen) == calls
    else:
        assert len(seen) < calls  # short texts: one batch a split
    held = executor.trainers.inputs
    assert held.used == sum(rows.values.nbytes for rows in _filled(held))
    executor.group_size(task)
    segments = tuple(RunSegment(f"toy:{seed}", seed, (0, 12)) for seed in range(2 if engine == "shared" else 1))
    found = trajectories(executor.trainers.trainer(task)[0], Group(task, segments))
    truth = pl.probe(task, ProbePlan((0, 12), len(segments)), engine=engine, progress=False)
    for row in truth[truth["metric"] == "eval_loss"].itertuples():
        assert found[row.run, row.depth].values["eval_loss"] == pytest.approx(row.value, abs=1e-6)


def _filled(held):
    """Rows of activations that are held, the projected ones among them."""
    for projected in held._projected.values():
        yield from projected
    yield from (rows for key, rows in held._held.items() if "ids" not in key)


def test_an_evaluation(task, engine):
    executor = LocalExecutor(TrainingOptions(engine))
    executor.group_size(task)
    group = Group(task, (RunSegment("toy:0", 0, (0, 4)),))
    checks = []

    def check_cancelled():
        checks.append(1)
        if len(checks) == 2:  # the evaluation at depth 4
            stop()

    assert events(executor, group, check_cancelled) == ["depth 0", *["step"] * 4, "ended"]
    assert events(executor, group, lambda: None) == ["depth 0", *["step"] * 4, "depth 4"]


def test_what_ends_a_probe_is_not_hidden_by_a_store_that_fails_as_well(task, tmp_path, monkeypatch, caplog):
    def fails(*_, **__):
        raise StoreError("the disk is gone")

    path, plan = tmp_path / "runs.db", ProbePlan((0, 4), 2)
    with monkeypatch.context() as broken:
        broken.setattr(SharedTrainer, "_step", lambda *_: stop())
        broken.setattr(pl.RunStore, "release", fails)
        with pl.RunStore(path) as store, pytest.raises(Enough):
            pl.probe(task, plan, store, progress=False)
    assert "stay claimed until this process ends: the disk is gone" in caplog.text
    assert len(pl.probe(task, plan, path, progress=False)) == 2 * 2 * 2
