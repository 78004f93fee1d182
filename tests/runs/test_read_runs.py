"""read_runs: what other tools recorded comes in as it was measured, and what they did not say is asked, not guessed."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError, DependencyError, StoreError
from predictlab.runs import COLUMNS, ImportNotice

PEFT = Path(__file__).parents[3] / "shared" / "data" / "peft_metamathqa_runs.csv"


def values_of(frame, metric=None):
    """{run: {depth: value}} of one metric."""
    rows = frame if metric is None else frame[frame["metric"] == metric]
    return {run: dict(zip(part["depth"], part["value"], strict=True)) for run, part in rows.groupby("run")}


def assert_tidy(frame):
    assert tuple(frame.columns) == COLUMNS
    with pl.RunStore(":memory:") as store:
        pd.testing.assert_series_equal(frame.dtypes, store.frame().dtypes)


# Trainer states


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder of two real runs: seed 0 saved its last state, seed 1 only its checkpoints."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("trained") / "toy-runs"
    config = transformers.BertConfig(
        vocab_size=44, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=8,
    )  # fmt: skip
    rows = [{"input_ids": torch.arange(4, 10) + i, "labels": torch.tensor(i % 2)} for i in range(24)]
    before = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        for seed in (0, 1):
            arguments = transformers.TrainingArguments(
                str(folder / f"bert-seed-{seed}"), seed=seed, max_steps=6, eval_strategy="steps", eval_steps=2,
                save_steps=2, save_total_limit=2, logging_steps=1, per_device_train_batch_size=8, report_to="none",
                use_cpu=True, disable_tqdm=True,
            )  # fmt: skip
            torch.manual_seed(seed)
            trainer = transformers.Trainer(
                transformers.BertForSequenceClassification(config), arguments, train_dataset=rows[:16],
                eval_dataset=rows[16:],
            )  # fmt: skip
            trainer.remove_callback(transformers.PrinterCallback)
            trainer.train()
            if seed == 0:
                trainer.save_state()
    np.random.set_state(before)  # noqa: NPY002
    return folder


def history(folder):
    """What the latest state of a run says, read without predictlab."""
    states = [json.loads(path.read_text()) for path in folder.rglob("trainer_state.json")]
    state = max(states, key=lambda s: (s["global_step"], len(s["log_history"])))
    return state, {e["step"]: e["eval_loss"] for e in state["log_history"] if "eval_loss" in e}


def test_a_folder_of_trainer_runs(trained):
    frame = pl.read_runs(trained)
    assert_tidy(frame)
    assert set(frame["task"]) == {"bert"}  # all that the names say beside the seed
    assert frame.groupby("run")["seed"].first().to_dict() == {"bert-seed-0": 0, "bert-seed-1": 1}
    assert set(frame["metric"]) == {"eval_loss"}
    for seed in (0, 1):
        state, evaluations = history(trained / f"bert-seed-{seed}")
        assert list(evaluations) == [2, 4, 6]
        assert values_of(frame)[f"bert-seed-{seed}"] == evaluations
        last = frame[(frame["seed"] == seed) & (frame["depth"] == 6)]
        assert last["flops"].tolist() == [state["total_flos"]]
    assert frame["seconds"].isna().all()
    assert pl.risk_curve(frame, metric="eval_loss").n_runs == 2


def test_files_globs_lists_and_folders_name_the_same_runs(trained):
    want = pl.read_runs(trained)
    for source in (
        str(trained / "*"), str(trained / "*" / "checkpoint-*"), str(trained / "**" / "trainer_state.json"),
        [trained / "bert-seed-0", trained / "bert-seed-1"],
    ):  # fmt: skip
        pd.testing.assert_frame_equal(pl.read_runs(source), want)


def test_one_run_by_its_folder_or_its_file(trained):
    whole = pl.read_runs(trained / "bert-seed-1")
    assert set(whole["run"]) == {"bert-seed-1"}
    early = pl.read_runs(trained / "bert-seed-1" / "checkpoint-4" / "trainer_state.json")
    assert early["depth"].tolist() == [2, 4]
    assert set(early["run"]) == {"bert-seed-1"}


def test_the_training_log_is_read_when_it_is_named(trained):
    frame = pl.read_runs(trained, metric={"loss": "train_loss"})
    assert set(frame["metric"]) == {"train_loss"}
    assert frame.groupby("run")["depth"].agg(list).tolist() == [[1, 2, 3, 4, 5, 6]] * 2
    with pytest.raises(ArgumentError, match=r"metric='accuracy'.*eval_loss, grad_norm, learning_rate, loss"):
        pl.read_runs(trained, metric="accuracy")


def state_at(path, log_history, **more):
    path.mkdir(parents=True, exist_ok=True)
    last = max((entry["step"] for entry in log_history), default=0)
    (path / "trainer_state.json").write_text(json.dumps({"global_step": last, "log_history": log_history, **more}))


def evaluated(step, loss, **more):
    return {"eval_loss": loss, "eval_runtime": 1.0, "eval_samples_per_second": 9.0, "epoch": 0.1, "step": step} | more


def test_a_state_without_evaluation_says_what_it_has(tmp_path):
    state_at(tmp_path / "seed-1", [{"loss": 1.0, "learning_rate": 0.1, "step": 1}])
    with pytest.raises(ArgumentError, match=r"metric=None: .*no evaluation, only learning_rate, loss.*eval_strategy"):
        pl.read_runs(tmp_path)


def test_a_lost_loss_is_diverged_with_all_that_was_measured_there(tmp_path):
    state_at(tmp_path / "seed-1", [
        evaluated(2, 0.5, eval_accuracy=0.6), evaluated(4, float("nan"), eval_accuracy=0.5),
        evaluated(6, 0.4, eval_accuracy=0.6, eval_perplexity=float("inf")),
    ])  # fmt: skip
    frame = pl.read_runs(tmp_path).set_index(["depth", "metric"])["status"]
    assert set(frame[2]) == {"ok"}
    assert set(frame[4]) == {"diverged"}
    assert frame[6].to_dict() == {"eval_loss": "ok", "eval_accuracy": "ok", "eval_perplexity": "diverged"}


def test_what_is_evaluated_after_the_end_does_not_replace_the_last_step(tmp_path):
    end = {"train_runtime": 9.0, "train_loss": 0.7, "total_flos": 100.0, "step": 4}
    state_at(tmp_path / "seed-1", [evaluated(4, 0.5), end, evaluated(4, 0.3)])
    assert pl.read_runs(tmp_path)["value"].tolist() == [0.5]
    state_at(tmp_path / "seed-1", [evaluated(2, 0.5), end, evaluated(4, 0.3)])
    assert pl.read_runs(tmp_path)["value"].tolist() == [0.5, 0.3]


def test_two_values_at_one_depth_are_asked_about(tmp_path):
    state_at(tmp_path / "seed-1", [evaluated(2, 0.5), evaluated(2, 0.5), evaluated(4, 0.4), evaluated(4, 0.3)])
    with pytest.raises(ArgumentError, match=r"keep=None: run 'seed-1' has two values of eval_loss at depth 4"):
        pl.read_runs(tmp_path)
    assert pl.read_runs(tmp_path, keep="first")["value"].tolist() == [0.5, 0.4]
    assert pl.read_runs(tmp_path, keep="last")["value"].tolist() == [0.5, 0.3]
    with pytest.raises(ArgumentError, match=r"keep='best'"):
        pl.read_runs(tmp_path, keep="best")


def test_evaluations_of_several_sets_and_other_prefixes(tmp_path):
    state_at(tmp_path / "seed-1", [
        {"eval_mnli_loss": 1.0, "eval_mnli_runtime": 1.0, "step": 2}, {"dev_f1": 0.5, "dev_runtime": 1.0, "step": 2},
        {"loss": 3.0, "step": 2},
    ])  # fmt: skip
    assert set(pl.read_runs(tmp_path)["metric"]) == {"eval_mnli_loss", "dev_f1"}


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "cannot be read as a trainer state"), ('{"a": 1}', "no log_history"),
     ('{"log_history": [{"eval_loss": 1.0}]}', "has no step")],
)  # fmt: skip
def test_files_that_are_no_trainer_state(tmp_path, text, says):
    (tmp_path / "trainer_state.json").write_text(text)
    with pytest.raises(DataError, match=says):
        pl.read_runs(tmp_path, seed=0)


# Seeds and tasks


@pytest.fixture
def folders(tmp_path):
    """Make run folders of these names, each with one evaluation, whose value is its number."""

    def make(*names):
        for number, name in enumerate(names):
            state_at(tmp_path / name, [evaluated(2, float(number))])
        return tmp_path

    return make


def seeds_of(frame):
    return frame.groupby("run", sort=False)["seed"].first().to_dict()


def test_runs_come_in_the_order_of_their_seeds(folders):
    assert list(seeds_of(pl.read_runs(folders("seed-10", "seed-9", "seed-1")))) == ["seed-1", "seed-9", "seed-10"]


@pytest.mark.parametrize(
    "names",
    [("a", "b"), ("run-1", "run-2"), ("seed-1", "other"), ("seed1-dataseed2", "seed2-dataseed2")],
)  # fmt: skip
def test_unsaid_or_several_seeds_are_asked_about(folders, names):
    with pytest.raises(ArgumentError, match=r"seed=None: .*" + names[0] + r".*seed=r'seed\[_-\]\?\(\\d\+\)'.*mapping"):
        pl.read_runs(folders(*names), task="t")


@pytest.mark.parametrize(
    ("seed", "want"),
    [
        (r"^(\d+)", {"1_x7": 1, "2_x7": 2}),
        (re.compile(r"x(\d)"), {"1_x7": 7, "2_x7": 7}),
        ({"1_x7": 5, "2_x7": 6}, {"1_x7": 5, "2_x7": 6}),
        (3, {"1_x7": 3, "2_x7": 3}),
        ("enumerate", {"1_x7": 0, "2_x7": 1}),
    ],
)
def test_ways_to_say_the_seed(folders, seed, want):
    assert seeds_of(pl.read_runs(folders("1_x7", "2_x7"), seed=seed, task="t")) == want


@pytest.mark.parametrize(
    ("seed", "says"),
    [
        (r"(\d)_(x)", "with one group"),
        (r"s(\d)", "found in every run's name; '1_x7' has none"),
        ("(", "regular expression"),
        ({"1_x7": 5}, "Missing: 2_x7"),
        ("column", "does not say the seed"),
        (1.5, "whole number"),
        ({"1_x7": 5, "2_x7": "five"}, "'five', which is no whole number"),
    ],
)
def test_seeds_that_cannot_be_used(folders, seed, says):
    with pytest.raises((ArgumentError, DataError), match=re.escape(says)):
        pl.read_runs(folders("1_x7", "2_x7"), seed=seed, task="t")


def test_a_seed_that_a_search_tried_is_in_the_state(tmp_path):
    for number in (0, 1):
        state_at(tmp_path / f"run-{number}", [evaluated(2, 1.0)], trial_params={"seed": 40 + number, "lr": 0.1})
    assert seeds_of(pl.read_runs(tmp_path, task="t")) == {"run-0": 40, "run-1": 41}


def test_one_task_is_what_the_names_say_beside_the_seed(folders):
    frame = pl.read_runs(folders("mnli/bert_seed1_lr3", "mnli/bert_seed2_lr3"))
    assert set(frame["task"]) == {"mnli/bert_lr3"}


def test_a_folder_of_nothing_but_seeds_gives_its_own_name(folders):
    root = folders("mnli/seed-0", "mnli/seed-1")
    assert set(pl.read_runs(root / "mnli")["task"]) == {"mnli"}


def test_runs_that_differ_in_more_than_the_seed_are_asked_about(folders):
    root = folders("bert-seed-0", "bert-seed-1", "gpt-seed-0")
    with pytest.raises(ArgumentError, match=r"task=None: the 3 runs may be of one task or of several: bert-seed-0, "):
        pl.read_runs(root)
    assert set(pl.read_runs(root, task="all")["task"]) == {"all"}
    by_name = pl.read_runs(root, task=re.compile(r"^(\w+)-"))
    assert by_name.groupby("run")["task"].first().to_dict() == {
        "bert-seed-0": "bert", "bert-seed-1": "bert", "gpt-seed-0": "gpt"
    }  # fmt: skip
    names = {"bert-seed-0": "a", "bert-seed-1": "a", "gpt-seed-0": "b"}
    assert pl.read_runs(root, task=names).groupby("run")["task"].first().to_dict() == names
    with pytest.raises(ArgumentError, match=r"task=7"):
        pl.read_runs(root, task=7)


# What is there


def test_a_folder_with_records_of_two_kinds_is_asked_about(trained, tmp_path, event_files):
    shutil.copytree(trained, tmp_path / "both")
    shutil.copytree(event_files, tmp_path / "both" / "logs")
    with pytest.raises(ArgumentError, match=r"format=None: .*trainer_state.json files and \d+ TensorBoard event files"):
        pl.read_runs(tmp_path / "both")
    assert len(pl.read_runs(tmp_path / "both", format="trainer_state")) == 6
    with pytest.raises(ArgumentError, match=r"format='mlflow'.*There: "):
        pl.read_runs(tmp_path / "both", format="mlflow")
    with pytest.raises(ArgumentError, match=r"format='keras': expected one of trainer_state, tensorboard, mlflow"):
        pl.read_runs(tmp_path / "both", format="keras")


def test_a_table_beside_runs_is_not_taken_for_one(folders):
    root = folders("seed-0", "seed-1")
    (root / "seed-0" / "predictions.csv").write_text("a,b\n1,2\n")
    assert len(pl.read_runs(root)) == 2


def test_sources_that_hold_no_runs(tmp_path):
    with pytest.raises(ArgumentError, match=r"source='.*nowhere': expected an existing file or folder"):
        pl.read_runs(tmp_path / "nowhere")
    with pytest.raises(ArgumentError, match=r"source='.*\*.csv'.*Nothing matches"):
        pl.read_runs(str(tmp_path / "*.csv"))
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ArgumentError, match=r"expected one of: trainer_state.json files, TensorBoard"):
        pl.read_runs(tmp_path)
    with pl.RunStore(tmp_path / "runs.db"), pytest.raises(DataError, match=r"pl\.RunStore\(path\)\.frame"):
        pl.read_runs(tmp_path / "runs.db")
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "wandb-summary.json").write_text("{}")
    with pytest.raises(DataError, match=r"local W&B folder.*scan_history"):
        pl.read_runs(tmp_path / "wandb")
    state_at(tmp_path / "seed-1", [evaluated(2, 0.5)])
    with pytest.raises(ArgumentError, match=r"table, not trainer_state\.json files"):
        pl.read_runs(tmp_path / "seed-1", depth="step")


# TensorBoard


@pytest.fixture(scope="module")
def event_files(tmp_path_factory):
    """Two runs written by torch's SummaryWriter; the second was interrupted and diverged."""
    tensorboard = pytest.importorskip("torch.utils.tensorboard", reason="needs torch and tensorboard")
    folder = tmp_path_factory.mktemp("events")
    for seed in (0, 1):
        with tensorboard.SummaryWriter(folder / f"seed_{seed}") as writer:
            writer.add_text("config", "not a scalar")
            for step in (0, 10, 20):
                writer.add_scalar("eval/loss", 1 / (step + seed + 1), step, walltime=1000.0 + step)
                writer.add_scalar("train/loss", 5.0, step, walltime=1000.0 + step)
    with tensorboard.SummaryWriter(folder / "seed_1") as writer:
        writer.add_scalar("eval/loss", float("nan"), 30, walltime=1500.0)
    return folder


def test_event_files(event_files):
    frame = pl.read_runs(event_files, metric="eval/*")
    assert_tidy(frame)
    assert set(frame["task"]) == {event_files.name}
    assert seeds_of(frame) == {"seed_0": 0, "seed_1": 1}
    values = values_of(frame, "eval/loss")
    assert values["seed_0"] == pytest.approx({0: 1, 10: 1 / 11, 20: 1 / 21})
    assert list(values["seed_1"]) == [0, 10, 20, 30]
    assert frame["status"].tolist() == ["ok"] * 6 + ["diverged"]
    assert frame["seconds"].tolist() == [0, 10, 20, 0, 10, 20, 500]
    one = next((event_files / "seed_0").iterdir())
    pd.testing.assert_frame_equal(
        pl.read_runs(one, metric="eval/loss", task=event_files.name), frame[frame["seed"] == 0].reset_index(drop=True)
    )


def test_the_metric_of_event_files_is_asked_about(event_files):
    with pytest.raises(ArgumentError, match=r"metric=None: 2 candidates.*eval/loss, train/loss.*metric='eval/loss'"):
        pl.read_runs(event_files)


def test_scalars_that_are_tensors(tmp_path):
    """TensorFlow 2 writes a scalar as a tensor, and names the plugin with its first value only."""
    pytest.importorskip("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    (tmp_path / "seed-4").mkdir()
    writer = EventFileWriter(str(tmp_path / "seed-4"))
    for step, metadata in ((1, True), (2, False)):
        for tag, plugin, value in (("acc", "scalars", 0.25 * step), ("words", "text", "hello")):
            about = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin)) if metadata else None
            one = Summary.Value(tag=tag, tensor=make_tensor_proto(value), metadata=about)
            writer.add_event(Event(step=step, wall_time=step, summary=Summary(value=[one])))
    writer.close()
    assert values_of(pl.read_runs(tmp_path)) == {"seed-4": {1: 0.25, 2: 0.5}}


def test_without_tensorboard_the_extra_is_named(event_files, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_file_loader", None)
    with pytest.raises(DependencyError, match=r"pip install 'predictlab\[tensorboard\]'"):
        pl.read_runs(event_files, metric="eval/loss")


# Tables


LONG = pd.DataFrame(
    {
        "task": "sst2", "run": np.repeat(["a", "b"], 4), "seed": np.repeat([3, 4], 4), "depth": [1, 1, 2, 2] * 2,
        "metric": ["acc", "loss"] * 4, "value": [0.5, 0.9, 0.6, 0.8, 0.4, 1.0, np.nan, np.inf],
    }
)  # fmt: skip
WIDE = pd.DataFrame(
    {
        "seed": [3, 3, 4, 4], "step": [1, 2, 1, 2], "acc": [0.5, 0.6, 0.4, 0.7], "loss": [0.9, 0.8, 1.0, 0.95],
        "epoch": [0.1, 0.2, 0.1, 0.2],
    }
)  # fmt: skip


@pytest.fixture(params=["frame", "csv", "tsv", "csv.gz", "parquet"])
def as_source(request, tmp_path):
    def make(frame):
        path = tmp_path / f"sst2.{request.param}"
        if request.param == "frame":
            return frame
        if request.param == "parquet":
            pytest.importorskip("pyarrow")
            frame.to_parquet(path)
        else:
            frame.to_csv(path, index=False, sep="\t" if request.param == "tsv" else ",")
        return path

    return make


def test_a_long_table_with_the_tidy_names(as_source):
    frame = pl.read_runs(as_source(LONG))
    assert_tidy(frame)
    assert frame["status"].tolist() == ["ok"] * 6 + ["diverged"] * 2
    assert values_of(frame, "acc")["a"] == {1: 0.5, 2: 0.6}
    assert values_of(frame, "loss")["b"] == {1: 1.0, 2: np.inf}
    assert seeds_of(frame) == {"a": 3, "b": 4}
    assert set(pl.read_runs(as_source(LONG), metric="loss")["metric"]) == {"loss"}


def test_a_wide_table_with_a_run_for_each_seed(as_source):
    frame = pl.read_runs(as_source(WIDE), metric=["acc", "loss"], task="sst2")
    assert_tidy(frame)
    assert seeds_of(frame) == {"seed-3": 3, "seed-4": 4}
    assert values_of(frame, "acc") == {"seed-3": {1: 0.5, 2: 0.6}, "seed-4": {1: 0.4, 2: 0.7}}
    curve = pl.risk_curve(frame, "sst2", metric="acc")
    np.testing.assert_allclose(curve.risk, [0.005, 0.005])


def test_long_and_wide_say_the_same():
    long = WIDE.melt(["seed", "step"], ["acc", "loss"], var_name="metric")
    pd.testing.assert_frame_equal(pl.read_runs(long), pl.read_runs(WIDE, metric=["acc", "loss"]))


def test_columns_of_any_name_are_mapped():
    table = LONG.rename(
        columns={"task": "data", "run": "id", "seed": "rng", "depth": "it", "metric": "what", "value": "number"}
    ).assign(method="lora", took=7.0)
    names = {"metric": "what", "value": "number", "seconds": "took", "method": "method"}
    frame = pl.read_runs(table, columns=names, task="data", run="id", seed="rng", depth="it")
    assert tuple(frame.columns) == (*COLUMNS, "method")
    want = pl.read_runs(LONG).assign(seconds=7.0)
    pd.testing.assert_frame_equal(frame[list(COLUMNS)], want)
    same = pl.read_runs(table, columns=names | {"task": "data", "run": "id", "seed": "rng", "depth": "it"})
    pd.testing.assert_frame_equal(same, frame)


def test_metrics_get_new_names():
    frame = pl.read_runs(WIDE, metric={"acc": "accuracy"})
    assert set(frame["metric"]) == {"accuracy"}
    with pytest.raises(ArgumentError, match="different new name"):
        pl.read_runs(WIDE, metric={"acc": "x", "loss": "x"})


@pytest.mark.parametrize(
    ("table", "arguments", "says"),
    [
        (WIDE, {}, r"metric=None: 2 candidates in the table: acc, loss"),
        (WIDE.drop(columns="step"), {"metric": "acc"}, r"depth=None: none of the columns seed, acc, loss, epoch"),
        (WIDE.assign(global_step=[1, 2, 1, 2]), {"metric": "acc"}, r"depth=None: of the columns step, global_step"),
        (WIDE.rename(columns={"seed": "data_seed"}), {"metric": "acc"}, r"seed=None:.*data_seed"),
        (WIDE.assign(model=["a", "a", "b", "b"]), {"metric": "acc"}, r"task=None: .*They differ in model"),
        (LONG.drop(columns="value").assign(x=1.0), {}, r"columns=None: which of x has the values of 'metric'"),
        (WIDE, {"metric": "acc", "depth": "steps"}, r"columns=\{'depth': 'steps'\}: expected columns of the table"),
        (WIDE, {"metric": "acc", "depth": "epoch"}, r"depth 0.1: depths are optimiser steps"),
        (WIDE, {"metric": "acc", "depth": "step", "columns": {"depth": "epoch"}}, r"depth='step': expected the same"),
        (WIDE, {"metric": "acc", "columns": {"seed": "s"}}, r"columns=\{'seed': 's'\}|seed='s'"),
        (WIDE.assign(step=[1, 1, 1, 2]), {"metric": "acc"}, r"keep=None: run 'seed-3' has two values of acc at depth"),
        (WIDE.assign(run="a"), {"metric": "acc"}, r"run 'a' has more than one seed"),
        (LONG.assign(status="fine"), {}, r"column status has fine: expected ok, diverged, failed"),
        (LONG.assign(task=None), {}, r"names no task"),
        (LONG.head(0), {}, r"no rows"),
        (WIDE, {"metric": "acc", "format": "mlflow"}, r"format='mlflow'"),
    ],
)
def test_what_a_table_leaves_open_is_asked_about(table, arguments, says):
    with pytest.raises((ArgumentError, DataError), match=says):
        pl.read_runs(table, **arguments)


def test_a_column_that_may_name_tasks_is_used_when_named():
    table = WIDE.assign(model=["a", "a", "b", "b"])
    assert pl.read_runs(table, metric="acc", task="model").groupby("seed")["task"].first().to_dict() == {3: "a", 4: "b"}
    assert set(pl.read_runs(table, metric="acc", task="one")["task"]) == {"one"}


def test_runs_of_one_name_in_two_tasks_stay_apart():
    table = pd.concat([LONG, LONG.assign(task="mnli")])
    frame = pl.read_runs(table)
    assert frame.groupby("task")["run"].agg(set).to_dict() == {
        "sst2": {"sst2:a", "sst2:b"}, "mnli": {"mnli:a", "mnli:b"}
    }  # fmt: skip


def test_parents_are_kept():
    frame = pl.read_runs(LONG.assign(parent=np.repeat([None, "a"], 4)))
    assert frame.groupby("run")["parent"].first().isna().to_dict() == {"a": True, "b": False}


def test_an_indexed_frame_and_whole_float_depths():
    table = WIDE.astype({"step": float}).set_index(["seed", "step"])
    pd.testing.assert_frame_equal(pl.read_runs(table, metric="acc"), pl.read_runs(WIDE, metric="acc"))


def sparse(tmp_path, text):
    path = tmp_path / "log.csv"
    path.write_text(text)
    return pl.read_runs(path, metric="eval", task="t")


def test_an_empty_cell_beside_other_numbers_was_not_measured(tmp_path):
    frame = sparse(tmp_path, "seed,step,eval,loss\n0,1,,3\n0,2,.5,2\n0,3,,1\n1,1,,3\n1,2,.6,2\n1,3,,1\n")
    assert values_of(frame) == {"seed-0": {2: 0.5}, "seed-1": {2: 0.6}}


def test_a_written_nan_has_diverged(tmp_path):
    frame = sparse(tmp_path, "seed,step,eval,loss\n0,1,,3\n0,2,NaN,2\n0,3,,1\n0,4,-Infinity,1\n")
    assert frame["depth"].tolist() == [2, 4]
    assert set(frame["status"]) == {"diverged"}


def test_an_empty_cell_where_the_others_were_measured_has_diverged(tmp_path):
    frame = sparse(tmp_path, "seed,step,eval,loss\n0,2,.5,2\n0,4,.5,1\n1,2,.6,2\n1,4,,2\n2,2,,3\n2,4,.7,1\n")
    assert frame[frame["status"] == "diverged"][["seed", "depth"]].to_numpy().tolist() == [[1, 4]]
    assert values_of(frame)["seed-2"] == {4: 0.7}  # it had a value later: at 2 it was not measured


def test_a_row_of_nothing_but_nan_has_diverged():
    table = pd.DataFrame({"seed": 0, "step": [1, 2], "acc": [0.5, np.nan]})
    assert pl.read_runs(table)["status"].tolist() == ["ok", "diverged"]


def test_one_file_a_run(tmp_path):
    for seed in (0, 1):
        WIDE[WIDE["seed"] == seed + 3].drop(columns="seed").to_csv(tmp_path / f"lora-seed{seed}.csv", index=False)
    frame = pl.read_runs(tmp_path, metric="acc")
    assert seeds_of(frame) == {"lora-seed0": 0, "lora-seed1": 1}
    assert set(frame["task"]) == {"lora"}
    assert values_of(frame)["lora-seed1"] == {1: 0.4, 2: 0.7}


def test_files_that_are_no_table(tmp_path):
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(DataError, match=r"a\.csv cannot be read: it is empty"):
        pl.read_runs(tmp_path / "a.csv")
    (tmp_path / "b.parquet").write_text("no parquet")
    with pytest.raises(DataError, match=r"b\.parquet cannot be read as a table"):
        pl.read_runs(tmp_path / "b.parquet")


def test_many_runs_are_read_by_columns():
    """A hundred thousand rows, against what pandas says: no row is lost, doubled or moved."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"seed": np.repeat(np.arange(200), 500), "step": np.tile(np.arange(500), 200), "acc": rng.random(100_000)}
    ).sample(frac=1, random_state=1)
    frame = pl.read_runs(table)
    want = table.sort_values(["seed", "step"])
    have = frame.sort_values(["seed", "depth"])
    np.testing.assert_array_equal(have["value"], want["acc"])
    np.testing.assert_array_equal(have["seed"], want["seed"])


@pytest.mark.skipif(
    not PEFT.exists(), reason="needs the published PEFT runs in ../shared/data, which are not ours to ship"
)
def test_published_peft_runs():
    published = pd.read_csv(PEFT)
    frame = pl.read_runs(PEFT, columns={"method": "method"})
    assert tuple(frame.columns) == (*COLUMNS, "method")
    key = ["run", "depth", "metric"]
    published = published.drop_duplicates([*key, "value"])  # the last step stands in it twice
    assert len(frame) == len(published)
    assert frame["run"].nunique() == 51
    both = frame.merge(published, on=key, suffixes=("", "_published"))
    assert len(both) == len(frame)
    for column in ("task", "seed", "value", "seconds", "method", "status"):
        assert both[column].equals(both[f"{column}_published"]), column
    curve = pl.risk_curve(frame, metric="valid_accuracy")
    np.testing.assert_array_equal(curve.risk, pl.risk_curve(published, metric="valid_accuracy").risk)


# W&B


def test_a_wandb_history(tmp_path):
    """As ``run.history().to_csv()`` writes it: its own step counts log calls, the trainer's counts optimiser steps."""
    for seed in (0, 1):
        pd.DataFrame(
            {
                "_step": [0, 1, 2, 3], "_runtime": [1.5, 2.5, 3.5, 4.5], "_timestamp": 1e9,
                "train/global_step": [5, 10, 15, 20], "eval/loss": [np.nan, 0.5 + seed, np.nan, 0.4],
                "train/loss": [0.9, np.nan, 0.7, np.nan],
            }
        ).to_csv(tmp_path / f"seed-{seed}.csv")  # fmt: skip
    with pytest.raises(ArgumentError, match=r"metric=None: 2 candidates in the table: eval/loss, train/loss"):
        pl.read_runs(tmp_path)
    assert pl.read_runs(tmp_path, metric="eval/loss")["depth"].max() == 20
    frame = pl.read_runs(tmp_path, depth="train/global_step", metric="eval/loss")
    assert values_of(frame) == {"seed-0": {10: 0.5, 20: 0.4}, "seed-1": {10: 1.5, 20: 0.4}}
    assert frame["seconds"].tolist() == [2.5, 4.5] * 2


def panel(axis="train/global_step", **runs):
    columns = {axis: [10, 20, 30]}
    for run, values in runs.items():
        columns |= {f"{run} - _step{end}": [1, 2, 3] for end in ("", "__MIN", "__MAX")}
        columns |= {f"{run} - eval/loss{end}": values for end in ("", "__MIN", "__MAX")}
    return pd.DataFrame(columns)


def test_a_wandb_panel(tmp_path):
    table = panel(**{"a - b-seed-0": [0.5, 0.4, 0.3], "a - b-seed-1": [0.6, "NaN", None]})
    table.to_csv(tmp_path / "panel.csv", index=False)
    frame = pl.read_runs(tmp_path / "panel.csv")
    assert_tidy(frame)
    assert set(frame["task"]) == {"a - b"}
    assert set(frame["metric"]) == {"eval/loss"}
    assert frame["status"].tolist() == ["ok", "ok", "ok", "ok", "diverged"]
    assert list(values_of(frame)["a - b-seed-1"]) == [10, 20]  # at 30 this run logged nothing


def test_a_panel_of_names_that_say_no_seed():
    table = panel(**{"eager-fox-3": [0.5, 0.4, 0.3], "calm-pond-9": [0.6, 0.5, 0.4]})
    with pytest.raises(ArgumentError, match=r"seed=None: .*only the names of runs can. Runs: eager-fox-3, calm-pond-9"):
        pl.read_runs(table)
    frame = pl.read_runs(table, seed="enumerate", task="lora")
    assert seeds_of(frame) == {"eager-fox-3": 0, "calm-pond-9": 1}


def test_a_panel_over_something_else_than_steps_is_asked_about():
    table = panel("Relative Time (Process)", **{"seed-0": [0.5, 0.4, 0.3]})
    with pytest.raises(ArgumentError, match=r"depth=None: the x axis of the table is Relative Time \(Process\)"):
        pl.read_runs(table)
    assert pl.read_runs(table, depth="Relative Time (Process)")["depth"].tolist() == [10, 20, 30]


def test_a_panel_of_means_is_refused():
    table = panel(**{"Group: lora": [0.5, 0.4, 0.3]})
    table["Group: lora - eval/loss__MAX"] += 0.1
    with pytest.raises(DataError, match=r"'Group: lora' is a mean over several runs.*ungrouped"):
        pl.read_runs(table, seed=0)


# MLflow


@pytest.fixture
def mlruns(tmp_path):
    """A file store as MLflow 3.17 lays it out: two experiments, a deleted run, a logged model."""
    root = tmp_path / "mlruns"

    def experiment(key, name):
        (root / key).mkdir(parents=True)
        (root / key / "meta.yaml").write_text(f"experiment_id: '{key}'\nlifecycle_stage: active\nname: {name}\n")

    def run(key, name, seed, losses, stage="active", kind="run_id"):
        folder = root / key / f"{name}0f"
        for part, text in {
            "meta.yaml": f"{kind}: {folder.name}\nlifecycle_stage: {stage}\nrun_name: {name}\nstatus: 3\n",
            "metrics/eval/loss": "".join(f"{1000 * (100 + i)} {v} {10 * i}\n" for i, v in enumerate(losses)),
            "metrics/loss": "100000 9.0 0 data 1234\n100001 8.0 10\n", "params/seed": str(seed), "params/lr": "0.1",
            "tags/mlflow.runName": name,
        }.items():  # fmt: skip
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            (folder / part).write_text(text)

    experiment("0", "Default")
    experiment("7", "sst2")
    run("7", "bold-fox", 11, [0.5, 0.4])
    run("7", "calm-owl", 12, [0.6, "nan"])
    run("7", "gone", 13, [0.6], stage="deleted")
    run("7/models", "m", 14, [0.6], kind="model_id")
    return root


def test_an_mlflow_folder(mlruns):
    frame = pl.read_runs(mlruns, metric="eval/loss", task="experiment")
    assert_tidy(frame)
    assert set(frame["task"]) == {"sst2"}
    assert seeds_of(frame) == {"bold-fox": 11, "calm-owl": 12}
    assert values_of(frame)["bold-fox"] == {0: 0.5, 10: 0.4}
    assert frame["status"].tolist() == ["ok", "ok", "ok", "diverged"]
    assert frame["seconds"].tolist() == [0, 1, 0, 1]
    assert len(pl.read_runs(next((mlruns / "7").glob("bold*")), metric="eval/loss")) == 2


def test_what_mlflow_leaves_open_is_asked_about(mlruns):
    with pytest.raises(ArgumentError, match=r"metric=None: 2 candidates in the MLflow runs: eval/loss, loss"):
        pl.read_runs(mlruns)
    with pytest.raises(ArgumentError, match=r"task=None: .*bold-fox, calm-owl\. Said of each: .*lr"):
        pl.read_runs(mlruns, metric="eval/loss")
    for params in mlruns.rglob("params/seed"):
        params.rename(params.with_name("random_state"))
    with pytest.raises(ArgumentError, match=r"seed=None:.*random_state"):
        pl.read_runs(mlruns, metric="eval/loss", task="t")
    assert seeds_of(pl.read_runs(mlruns, metric="eval/loss", task="t", seed="random_state"))["calm-owl"] == 12
    with pytest.raises(ArgumentError, match=r"columns=\{'task': 'exp'\}: expected something the source says"):
        pl.read_runs(mlruns, metric="eval/loss", seed="random_state", columns={"task": "exp"})


def test_an_mlflow_metric_without_steps(mlruns):
    for metric in mlruns.rglob("metrics/loss"):
        metric.write_text("100000 9.0\n")
    with pytest.warns(ImportNotice, match=r"a line has no step"):
        pl.read_runs(mlruns, metric="loss", task="t")


# Into a store


def test_a_store_takes_runs_in_once(tmp_path):
    frame = pl.read_runs(LONG)
    with pl.RunStore(tmp_path / "runs.db") as store:
        assert store.add_frame(frame[frame["depth"] < 2], description={"from": "a table"}) == 4
        assert store.add_frame(frame) == 4  # what is held stays
        assert store.add_frame(frame) == 0
        assert store.tasks()["description"].tolist() == [{"from": "a table"}]
        held = store.frame("sst2")
        assert len(held) == len(frame)
    key = ["run", "depth", "metric"]
    infinite = frame.sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(held.sort_values(key, ignore_index=True), infinite)


def test_a_store_keeps_imported_and_probed_runs_apart(tmp_path):
    frame = pl.read_runs(LONG)
    with pl.RunStore(":memory:") as store:
        store.add_task("sst2", "0123456789abcdef", {})
        with pytest.raises(StoreError, match=r"'sst2' with fingerprint 0123456789abcdef"):
            store.add_frame(frame)
    with pl.RunStore(":memory:") as store:
        store.add_frame(frame)
        with pytest.raises(StoreError, match=r"run 'a' of task 'sst2' with parent None and seed 3, the frame has .*99"):
            store.add_frame(frame.assign(seed=99))
        assert len(store.frame()) == len(frame)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="seed"), "'seed' is not"),
        (lambda f: f.assign(depth=-1), r"frame\['depth'\]=-1: expected whole numbers >= 0"),
        (lambda f: f.assign(seed=0.5), r"frame\['seed'\]=0.5"),
        (lambda f: f.assign(status="ok"), r"frame\['value'\]=.*nan.*finite where status is 'ok'. Row 6, run 'b'"),
        (lambda f: f.assign(status="bad"), r"frame\['status'\]='bad'"),
        (lambda f: f.assign(run=""), r"frame\['run'\]=''"),
        (lambda f: pd.concat([f, f]), "once for each run and metric"),
        (lambda f: 7, "frame=7: expected a tidy frame"),
    ],
)
def test_frames_a_store_cannot_take(change, says):
    with pl.RunStore(":memory:") as store:
        with pytest.raises(ArgumentError, match=says):
            store.add_frame(change(pl.read_runs(LONG)))
        assert len(store.tasks()) == 0


# The how-to


def test_the_how_to_prints_what_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "your_own_runs.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```\n", page, flags=re.DOTALL)
    assert len(blocks) == page.count("```python") >= 5
    names = {}
    for code, shown in blocks:
        exec(code, names)
        assert capsys.readouterr().out == shown
