"""ProbeRecorder beside a real Trainer: what is written, when the run stops, and that resuming repeats nothing."""

import json
import math
import sys

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
import predictlab.probing
from predictlab.errors import ArgumentError, DependencyError, StoreError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from predictlab.probing import ProbeRecorder  # noqa: E402


@pytest.fixture(autouse=True)
def _random_state():
    """A Trainer seeds the global generators of numpy and torch; the tests of others must not see it."""
    numpy_state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        yield
    np.random.set_state(numpy_state)  # noqa: NPY002


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    ids = torch.tensor(rng.integers(4, 44, size=(40, 6)))
    labels = (ids.float().mean(1) > 23.5).long()
    return [{"input_ids": i, "labels": y} for i, y in zip(ids, labels, strict=True)]


@pytest.fixture
def train(tmp_path, rows):
    """Train a tiny random BERT for 8 steps, evaluated at every second one."""

    def run(*callbacks, kind=transformers.Trainer, seed=0, resume=None, evals=None, before=None, **changes):
        config = transformers.BertConfig(
            vocab_size=44, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            max_position_embeddings=8, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )  # fmt: skip
        transformers.set_seed(seed)
        settings = {
            "output_dir": str(tmp_path / f"seed-{seed}"), "seed": seed, "max_steps": 8, "eval_strategy": "steps",
            "eval_steps": 2, "per_device_train_batch_size": 8, "learning_rate": 1e-2, "logging_steps": 5,
            "save_strategy": "no", "report_to": "none", "use_cpu": True, "disable_tqdm": True,
        }  # fmt: skip
        trainer = kind(
            transformers.BertForSequenceClassification(config),
            transformers.TrainingArguments(**settings | changes),
            train_dataset=rows[:24], eval_dataset=evals or rows[24:], callbacks=list(callbacks),
            compute_metrics=lambda p: {"accuracy": float((p.predictions.argmax(1) == p.label_ids).mean())},
        )  # fmt: skip
        trainer.remove_callback(transformers.PrinterCallback)
        if before:
            before(trainer)
        trainer.train(resume_from_checkpoint=resume)
        return trainer

    return run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


def frame_of(path):
    with pl.RunStore(path) as store:
        return store.frame()


def test_every_evaluation_is_written_with_what_it_cost(train, path):
    trainer = train(ProbeRecorder(path, "toy"), seed=3, eval_on_start=True)
    frame = frame_of(path)
    assert set(frame["metric"]) == {"eval_loss", "eval_accuracy"}
    assert (frame["task"] == "toy").all()
    assert (frame["run"] == "toy:3").all()
    assert (frame["seed"] == 3).all()
    assert (frame["status"] == "ok").all()
    loss = frame[frame["metric"] == "eval_loss"].set_index("depth")
    logged = {e["step"]: e["eval_loss"] for e in trainer.state.log_history if "eval_loss" in e}
    assert loss["value"].to_dict() == logged
    assert list(logged) == [0, 2, 4, 6, 8]
    # FLOPs grow by the step although the Trainer itself logs at step 5 only, and end at the Trainer's own count.
    per_step = trainer.state.total_flos / 8
    np.testing.assert_allclose(loss["flops"], per_step * loss.index.to_numpy())
    assert loss["seconds"].iloc[0] == 0
    assert loss["seconds"].is_monotonic_increasing
    assert 0 < loss["seconds"].iloc[-1] < trainer.state.log_history[-1]["train_runtime"]


def test_seeds_of_one_task_give_a_risk_curve(train, path):
    for seed in range(3):
        train(ProbeRecorder(path, "toy"), seed=seed)
    curve = pl.risk_curve(path, "toy", metric="eval_loss")
    assert curve.n_runs == 3
    assert list(curve.depth) == [2, 4, 6, 8]


def test_the_run_is_evaluated_and_stopped_at_its_depth(train, path):
    full = train()
    for name, stop in (("number", 4.3), ("object", type("OptimalDepth", (), {"depth": 5.0})())):
        recorder = ProbeRecorder(path, name, stop_at=stop)
        trainer = train(recorder)
        assert trainer.state.global_step == recorder.stopped_at == 5
        frame = frame_of(path)
        frame = frame[frame["task"] == name]
        assert frame["depth"].unique().tolist() == [2, 4, 5]
        # the beginning of the full run, since its schedule is the same
        want = {e["step"]: e["eval_loss"] for e in full.state.log_history if "eval_loss" in e}
        have = frame[frame["metric"] == "eval_loss"].set_index("depth")["value"]
        assert have[4] == pytest.approx(want[4], rel=1e-6)


def test_a_stopped_run_is_not_evaluated_twice_at_the_end_of_its_epoch(train, path):
    trainer = train(ProbeRecorder(path, "toy", stop_at=5), eval_strategy="epoch")
    assert [e["step"] for e in trainer.state.log_history if "eval_loss" in e] == [3, 5]


def test_a_depth_beyond_the_end_changes_nothing(train, path):
    recorder = ProbeRecorder(path, "toy", stop_at=float("inf"))
    assert train(recorder).state.global_step == 8
    assert recorder.stopped_at is None


def test_the_stop_may_be_decided_from_what_is_in_the_store(train, path):
    asked = []

    def decide(frame):
        asked.append(frame)
        if len(asked) == 1:
            pl.risk_curve(frame, metric="eval_loss")  # one run at one depth: DataError, so not yet
        return None if len(asked) == 2 else 4

    recorder = ProbeRecorder(path, "toy", stop_at=decide)
    train(recorder)
    assert recorder.stopped_at == 6
    assert [frame["depth"].max() for frame in asked] == [2, 4, 6]
    pd.testing.assert_frame_equal(asked[-1], frame_of(path))


def test_a_fit_and_a_price_stop_the_next_run(train, path):
    """The walk of the documentation: a few full runs, a fit, and the next run ends at c*."""
    fit = pl.DecayModel(pl.RiskCurve(depth=[2, 4, 8, 16], risk=[0.5, 0.25, 0.125, 0.0625], df=30)).fit()
    best = pl.optimal_depth(fit, exchange_rate=0.05)
    assert 4 < best.depth <= 5
    train(recorder := ProbeRecorder(path, "toy", stop_at=best))
    assert recorder.stopped_at == 5
    with pytest.raises(ArgumentError, match=r"stop_at=.*pl\.optimal_depth\(fit, exchange_rate"):
        ProbeRecorder(path, "toy", stop_at=fit)


def test_nothing_is_trained_where_probing_does_not_pay(path):
    with pytest.raises(ArgumentError, match=r"at least one step.*probing does not pay"):
        ProbeRecorder(path, "toy", stop_at=0)


class Crash(transformers.TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 7:
            raise KeyboardInterrupt


def test_a_resumed_run_goes_on_and_repeats_nothing(train, path, tmp_path):
    whole = train(ProbeRecorder(tmp_path / "whole.db", "toy"), seed=1)
    with pytest.raises(KeyboardInterrupt):
        train(ProbeRecorder(path, "toy"), Crash(), seed=1, save_strategy="steps", save_steps=4)
    before = frame_of(path)
    assert before["depth"].unique().tolist() == [2, 4, 6]
    train(ProbeRecorder(path, "toy"), seed=1, resume=str(tmp_path / "seed-1" / "checkpoint-4"))
    after = frame_of(path)
    assert set(after["run"]) == {"toy:1"}
    assert after["depth"].unique().tolist() == [2, 4, 6, 8]
    pd.testing.assert_frame_equal(after[after["depth"] < 8].reset_index(drop=True), before)
    at_end = after[after["depth"] == 8].iloc[0]
    assert at_end["seconds"] > before.loc[before["depth"] == 4, "seconds"].iloc[0]  # its clock went on
    assert at_end["flops"] == whole.state.total_flos
    whole = frame_of(tmp_path / "whole.db")
    np.testing.assert_allclose(after["value"], whole["value"], rtol=1e-4)


def test_what_a_resumed_run_measures_again_may_differ(train, path, tmp_path, rows):
    """Where a machine does not repeat itself to the last digit, the first measurement stays."""
    with pytest.raises(KeyboardInterrupt):
        train(ProbeRecorder(path, "toy"), Crash(), save_strategy="steps", save_steps=4, evals=rows[24:32])
    before = frame_of(path)
    train(ProbeRecorder(path, "toy"), resume=str(tmp_path / "seed-0" / "checkpoint-4"))
    after = frame_of(path)
    assert after["depth"].max() == 8
    pd.testing.assert_frame_equal(after[after["depth"] < 8].reset_index(drop=True), before)


def test_resuming_where_nothing_was_measured_leaves_the_seconds_open(train, path, tmp_path):
    train(ProbeRecorder(path, "toy", stop_at=3), save_strategy="steps", save_steps=3, eval_steps=8)
    path = tmp_path / "another.db"
    train(ProbeRecorder(path, "toy"), resume=str(tmp_path / "seed-0" / "checkpoint-3"), eval_steps=8)
    frame = frame_of(path)
    assert frame["depth"].unique().tolist() == [8]
    assert frame["seconds"].isna().all()
    assert frame["flops"].notna().all()


def test_started_again_it_has_to_repeat_its_numbers(train, path):
    train(ProbeRecorder(path, "toy", stop_at=4))
    train(ProbeRecorder(path, "toy"))  # the same seed, the same numbers: it goes on where the first had stopped
    assert frame_of(path)["depth"].unique().tolist() == [2, 4, 6, 8]
    with pytest.raises(StoreError, match=r"another run named 'toy:0'.*give this one another run="):
        train(ProbeRecorder(path, "toy", seed=0), seed=1)


def test_another_recipe_is_another_task(train, path):
    train(ProbeRecorder(path, "toy", stop_at=2))
    with pytest.raises(StoreError, match=r"'toy'.*recipe differ"):
        train(ProbeRecorder(path, "toy", stop_at=2), seed=1, learning_rate=1e-3)
    with pl.RunStore(path) as store:
        about = store.tasks()["description"].iloc[0]
    assert about["steps"] == 8
    assert about["train_rows"] == 24
    assert about["recipe"]["learning_rate"] == "0.01"


def test_a_lost_loss_is_a_diverged_run(train, path):
    def poison(trainer):
        class Poison(transformers.TrainerCallback):
            def on_step_end(self, args, state, control, model=None, **kwargs):
                if state.global_step == 3:
                    with torch.no_grad():
                        model.classifier.weight.fill_(math.nan)

        trainer.add_callback(Poison())

    train(ProbeRecorder(path, "toy"), before=poison)
    frame = frame_of(path).groupby("depth")["status"].agg(set)
    assert frame[2] == {"ok"}
    assert all(frame[depth] == {"diverged"} for depth in (4, 6, 8))  # accuracy too, which is a number still


def test_several_evaluation_sets_are_all_written(train, path, rows):
    train(ProbeRecorder(path, "toy", stop_at=2), evals={"a": rows[24:32], "b": rows[32:]})
    metrics = {f"eval_{name}_{metric}" for name in "ab" for metric in ("loss", "accuracy")}
    assert set(frame_of(path)["metric"]) == metrics


def test_metrics_that_a_trainer_adds_while_logging_are_written(train, path):
    class AddsWhileLogging(transformers.Trainer):  # as TRL's do
        def log(self, logs, start_time=None):
            more = {"eval_mean_token_accuracy": 0.5} if "eval_loss" in logs else {}
            super().log({**logs, **more}, start_time)

    train(ProbeRecorder(path, "toy", stop_at=2), kind=AddsWhileLogging)
    assert set(frame_of(path)["metric"]) == {"eval_loss", "eval_accuracy", "eval_mean_token_accuracy"}


def test_evaluations_after_the_end(train, path, tmp_path, rows):
    trainer = train(ProbeRecorder(path, "toy"), eval_strategy="no")
    trainer.evaluate()
    assert frame_of(path)["depth"].unique().tolist() == [8]
    before = frame_of(path)
    trainer.evaluate(rows[:8])  # another set under the same name: the first stays
    pd.testing.assert_frame_equal(frame_of(path), before)


def test_the_best_model_is_no_measurement_of_the_last_step(train, path):
    trainer = train(
        ProbeRecorder(path, "toy"), eval_strategy="epoch", save_strategy="epoch", load_best_model_at_end=True,
        max_steps=7,
    )  # fmt: skip
    depths = frame_of(path)["depth"].unique().tolist()
    trainer.evaluate(metric_key_prefix="best")
    assert frame_of(path)["depth"].unique().tolist() == depths
    assert not frame_of(path)["metric"].str.startswith("best").any()


def test_evaluations_before_training_are_left_out(train, path):
    train(ProbeRecorder(path, "toy", stop_at=2), before=lambda trainer: trainer.evaluate())
    assert frame_of(path)["depth"].unique().tolist() == [2]


def test_a_store_that_cannot_be_written_is_found_out_before_training(train, path):
    pl.RunStore(path).close()
    recorder = ProbeRecorder(pl.RunStore(path, read_only=True), "toy")
    with pytest.raises(StoreError, match="read-only"):
        train(recorder, before=lambda trainer: setattr(trainer, "training_step", pytest.fail))


def test_without_transformers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.delitem(sys.modules, "predictlab.probing._recorder")
    with pytest.raises(DependencyError, match=r"needs transformers: pip install 'predictlab\[probe\]'"):
        predictlab.probing.ProbeRecorder  # noqa: B018


def test_an_open_store_may_be_given(train):
    with pl.RunStore(":memory:") as store:
        train(ProbeRecorder(store, "toy", run="mine", seed=7, stop_at=2))
        assert store.frame()[["run", "seed"]].drop_duplicates().to_numpy().tolist() == [["mine", 7]]


def test_read_runs_finds_the_same_in_the_trainer_state(train, path, tmp_path):
    for seed in range(2):
        train(ProbeRecorder(path, "toy"), seed=seed).save_state()
    read = pl.read_runs(tmp_path, task="toy")
    written = frame_of(path)
    columns = ["task", "seed", "depth", "metric", "value", "status"]
    order = ["seed", "depth", "metric"]
    pd.testing.assert_frame_equal(
        read[columns].sort_values(order, ignore_index=True), written[columns].sort_values(order, ignore_index=True)
    )
    state = json.loads((tmp_path / "seed-0" / "trainer_state.json").read_text())
    last = read[(read["seed"] == 0) & (read["depth"] == 8)]
    assert (last["flops"] == state["total_flos"]).all()
