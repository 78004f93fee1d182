"""probe() and the store: what is missing is trained, what is there stays, Ctrl-C is clean."""

import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import StoreError
from predictlab.probing import ProbePlan
from predictlab.probing._segments import run_name
from predictlab.runs import COLUMNS


def values(frame):
    return frame.set_index(["task", "run", "depth", "metric"])["value"].sort_index()


def same(a, b, engine):
    """Equal to the last bit, but where the shared engine trained the runs in other groups."""
    pd.testing.assert_series_equal(values(a), values(b), check_exact=engine == "reference", rtol=1e-5, atol=1e-6)


def test_the_frame_is_tidy_and_only_what_was_asked(task, bert, data, recipe, probe):
    store = pl.RunStore(":memory:")
    other = pl.Task(bert, data, recipe, label_noise=0.4, name="noisy", metric="eval_loss")
    probe([task, other], ProbePlan((0, 4, 12), 3), store, progress=False)
    frame = probe([other], ProbePlan((4, 12), (2, 0)), store, progress=False)
    assert tuple(frame.columns) == COLUMNS
    assert set(frame["task"]) == {"noisy"}
    assert set(zip(frame["seed"], frame["depth"], strict=True)) == {(0, 4), (0, 12), (2, 4), (2, 12)}
    assert set(frame["metric"]) == {"accuracy", "eval_loss"}
    assert frame["parent"].isna().all()
    assert len(store.frame()) == 2 * 3 * 3 * 2


def test_a_second_call_trains_nothing_and_gives_the_same(task, tmp_path, trained, probe):
    plan, path = ProbePlan((0, 4, 12), 2), tmp_path / "runs.db"
    first = probe(task, plan, path, progress=False)
    assert trained == [("toy:0", 0, (0, 4, 12)), ("toy:1", 0, (0, 4, 12))]
    again = probe([task], plan, str(path), progress=False)
    assert len(trained) == 2
    pd.testing.assert_frame_equal(first, again)


def test_more_seeds_and_deeper_depths_cost_only_the_new(task, trained, probe, engine):
    store = pl.RunStore(":memory:")
    probe(task, ProbePlan((2, 4), 2), store, progress=False)
    probe(task, ProbePlan((2, 4), 3), store, progress=False)
    assert trained[2:] == [("toy:2", 0, (2, 4))]
    grown = probe(task, ProbePlan((2, 4, 8), 3), store, progress=False)
    assert trained[3:] == [(f"toy:{s}", 4, (8,)) for s in range(3)], "they go on from where they were left"
    same(grown, probe(task, ProbePlan((2, 4, 8), 3), progress=False), engine)
    del trained[:]
    between = probe(task, ProbePlan((2, 3, 4, 8), 3), store, progress=False)
    assert trained == [(f"toy:{s}", 0, (3,)) for s in range(3)], "the state at 2 was dropped when 4 was reached"
    same(between, probe(task, ProbePlan((2, 3, 4, 8), 3), progress=False), engine)


def test_a_shallow_depth_beside_a_deeper_one_costs_no_more_than_both(task, trained, probe, engine, capsys):
    store, plan = pl.RunStore(":memory:"), ProbePlan((1, 4, 8, 12), 3)
    probe(task, ProbePlan((4, 8), 3), store, progress=False)
    del trained[:]
    grown = probe(task, plan, store)
    first, then = ([(f"toy:{s}", begin, (depth,)) for s in range(3)] for begin, depth in ((0, 1), (8, 12)))
    assert trained == first + then
    assert f"{3 * (1 + 4)}/{3 * (1 + 4)}" in capsys.readouterr().err, "the bar counts these steps"
    same(grown, probe(task, plan, progress=False), engine)


@pytest.mark.parametrize("interrupted_at", [1, 9, 14])
def test_ctrl_c_leaves_whole_measurements_and_the_same_call_resumes(
    task, bert, data, recipe, tmp_path, capsys, press_ctrl_c_at, interrupted_at, probe
):
    tasks = [task, pl.Task(bert, data, recipe, label_noise=0.2, name="noisy")]
    plan, path = ProbePlan((0, 4, 8), 2), tmp_path / "runs.db"
    release = press_ctrl_c_at(interrupted_at)
    with pytest.raises(KeyboardInterrupt):
        probe(tasks, plan, path, progress=False)
    with pl.RunStore(path) as store:
        frame = store.frame()
    done = frame.groupby(["task", "run", "depth"])["metric"].count()
    assert done.eq(2).all()
    said = capsys.readouterr().err
    assert f"{len(done)} measurements" in said
    assert "same call" in said
    release()
    resumed = probe(tasks, plan, path, progress=False)
    undisturbed = probe(tasks, plan, progress=False)
    pd.testing.assert_series_equal(values(resumed), values(undisturbed), check_exact=True)


def test_ctrl_c_in_the_middle_of_a_write_leaves_nothing_of_it(task, tmp_path, monkeypatch):
    store = pl.RunStore(tmp_path / "runs.db")
    store.add_task("toy", task.fingerprint, {})

    class Interrupting(dict):
        def items(self):
            yield "accuracy", 0.5
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.record("toy", "toy:0", 4, Interrupting(accuracy=0.5, eval_loss=1.0), seed=0)
    assert store.frame().empty
    assert store.measured_depths("toy") == {}
    assert store.record("toy", "toy:0", 4, {"accuracy": 0.5, "eval_loss": 1.0}, seed=0)


def test_an_interrupt_without_a_store_says_that_nothing_is_kept(task, capsys, before_step, probe):
    def press():
        raise KeyboardInterrupt

    before_step(press)
    with pytest.raises(KeyboardInterrupt):
        probe(task, ProbePlan((0, 4), 1), progress=False)
    assert "memory only" in capsys.readouterr().err


def test_the_bar_counts_the_steps_that_are_missing(task, capsys, monkeypatch, probe):
    store = pl.RunStore(":memory:")
    probe(task, ProbePlan((4,), 1), store, progress=False)
    assert capsys.readouterr().err == ""
    probe(task, ProbePlan((4, 8), 2), store, progress=True)
    shown = capsys.readouterr().err
    assert "12/12" in shown, "seed 0 goes on from 4, seed 1 is new"
    assert "toy seed 1" in shown


def test_a_read_only_store_serves_what_it_holds_and_refuses_to_grow(task, tmp_path, trained, probe):
    plan, path = ProbePlan((0, 4), 1), tmp_path / "runs.db"
    first = probe(task, plan, path, progress=False)
    with pl.RunStore(path, read_only=True) as store:
        pd.testing.assert_frame_equal(probe(task, plan, store, progress=False), first)
        with pytest.raises(StoreError, match="read-only"):
            probe(task, ProbePlan((0, 4), 2), store, progress=False)
    assert len(trained) == 1


def test_the_store_describes_the_task(task, probe):
    store = pl.RunStore(":memory:")
    probe(task, ProbePlan((0,), 1), store, progress=False)
    row = store.tasks().iloc[0]
    assert row["fingerprint"] == task.fingerprint
    assert row["description"]["recipe"]["learning_rate"] == task.recipe.learning_rate
    assert row["description"]["train_rows"] == 50
    assert run_name(task, 0) == "toy:0"


@pytest.mark.train
def test_minilm_learns_a_real_data_set():
    pl.catalog.fetch("minilm-l6")
    data = pl.load_dataset("rotten_tomatoes", eval_size=200, seed=0)
    small = pl.Dataset(data.name, data.train.head(600), data.eval.head(200), data.classes)
    recipe = pl.Recipe(method="head", learning_rate=0.02, steps=150, max_length=32)
    head = pl.Task("minilm-l6", small, recipe, name="head")
    few = pl.Dataset(data.name, small.train.head(96), small.eval.head(40), data.classes)
    lora = pl.Task("minilm-l6", few, pl.Recipe(layers="last:1", steps=40, max_length=32), name="lora")
    frame = pl.probe(head, ProbePlan((0, 150), 2), progress=False)
    accuracy = frame[frame["metric"] == "accuracy"].groupby("depth")["value"].mean()
    assert accuracy[150] > 0.65
    assert accuracy[150] > accuracy[0] + 0.1
    stacked = pl.probe(lora, ProbePlan((0, 6), 2), progress=False)
    plain = pl.probe(lora, ProbePlan((0, 6), 2), engine="reference", progress=False, cache_limit=0)
    losses = stacked["metric"] == "eval_loss"
    assert (stacked["value"] - plain["value"])[losses].abs().max() < 1e-5
