"""What takes long can be ended: frozen layers, evaluations, generation; nothing half done stays, no error is hidden."""

import pytest

import predictlab as pl
from predictlab.errors import StoreError
from predictlab.probing import ProbePlan
from predictlab.probing._engine.shared import SharedTrainer
from predictlab.probing._executors import LocalExecutor, Settings
from predictlab.probing._segments import Group, Lane


class Enough(Exception):
    """Ends what calls for a look."""


def stop():
    raise Enough


def reached(executor, group, tick):
    """Steps of what is reported, until it ends or `tick` raises."""
    found = []
    try:
        executor.run([group], lambda _, some: found.extend(r.state.step for r in some), tick, lambda _: None)
    except Enough:
        found.append("ended")
    return found


@pytest.mark.parametrize(
    "changes", [{}, {"method": "head"}, {"layers": "last:2", "pooling": "cls"}], ids=["lora", "head", "first token"]
)
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_frozen_layers(bert, data, recipe, changes, calls, engine):
    task = pl.Task(bert, data, recipe.replace(**changes))
    executor, seen = LocalExecutor(Settings(engine)), []

    def look():
        seen.append(1)
        if len(seen) == calls:
            stop()

    try:
        executor.group_size(task, look)
    except Enough:
        assert len(seen) == calls
    else:
        assert len(seen) < calls  # short texts: one batch a split
    held = executor.workshop._shared
    assert held.used == sum(rows.values.nbytes for rows in _filled(held))
    executor.group_size(task)
    lanes = tuple(Lane(f"r:{seed}", seed, (0, 12)) for seed in range(2 if engine == "shared" else 1))
    found = {}
    executor.run(
        [Group(task, lanes)], lambda _, some: found.update({(r.lane.seed, r.state.step): r.measured for r in some}),
        lambda *_: None, lambda _: None,
    )  # fmt: skip
    truth = pl.probe(task, ProbePlan((0, 12), len(lanes)), engine=engine, progress=False)
    for row in truth[truth["metric"] == "eval_loss"].itertuples():
        assert found[row.seed, row.depth].values["eval_loss"] == pytest.approx(row.value, abs=1e-6)


def _filled(held):
    """Rows of activations that are held, the projected ones among them."""
    for key, rows in held._held.items():
        if key[0] == "projected":
            yield from rows
        elif "ids" not in key and "completions" not in key:
            yield rows


def test_an_evaluation(task, engine):
    executor = LocalExecutor(Settings(engine))
    executor.group_size(task)
    group = Group(task, (Lane("toy:0", 0, (0, 4)),))
    ticks = []

    def tick(_, steps):
        ticks.append(steps)
        if steps == 0 and 1 in ticks:  # the evaluation at depth 4
            stop()

    assert reached(executor, group, tick) == [0, "ended"]
    assert ticks == [0, 1, 1, 1, 1, 0]
    assert reached(executor, group, lambda *_: None) == [0, 4]


def test_what_ends_a_probe_is_not_hidden_by_a_store_that_fails_as_well(task, tmp_path, monkeypatch, caplog):
    def fails(*_):
        raise StoreError("the disk is gone")

    path, plan = tmp_path / "runs.db", ProbePlan((0, 4), 2)
    with monkeypatch.context() as broken:
        broken.setattr(SharedTrainer, "_step", lambda *_: stop())
        broken.setattr(pl.RunStore, "release", fails)
        with pl.RunStore(path) as store, pytest.raises(Enough):
            pl.probe(task, plan, store, progress=False)
    assert "stay claimed until this process ends: the disk is gone" in caplog.text
    assert len(pl.probe(task, plan, path, progress=False)) == 2 * 2 * 2
