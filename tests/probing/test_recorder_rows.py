"""ProbeRecorder keeps what a Trainer's evaluation made of each row, beside the mean that it measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, StoreError
from predictlab.risk import variance_components

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from predictlab.probing import ProbeRecorder  # noqa: E402

DEPTHS = [2, 4, 6, 8]


@pytest.fixture(autouse=True)
def _random_state():
    numpy_state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        yield
    np.random.set_state(numpy_state)  # noqa: NPY002


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    ids = torch.tensor(rng.integers(4, 44, size=(60, 6)))
    labels = (ids.float().mean(1) > 23.5).long()
    return [{"input_ids": i, "labels": y} for i, y in zip(ids, labels, strict=True)]


def outcomes(p):
    """Right or wrong, the loss of each row, and F1, which is no mean over rows."""
    logits, labels = np.asarray(p.predictions), np.asarray(p.label_ids)  # tensors, where one batch is given at a time
    shift = logits - logits.max(axis=1, keepdims=True)
    chance = np.exp(shift) / np.exp(shift).sum(axis=1, keepdims=True)
    guess = logits.argmax(-1)
    both = np.sum((guess == 1) & (labels == 1))
    return {
        "accuracy": guess == labels,
        "nll": -np.log(chance[np.arange(len(guess)), labels]),
        "f1": 2 * both / max(1, np.sum(guess == 1) + np.sum(labels == 1)),
    }


@pytest.fixture
def train(tmp_path, rows):
    """Train a tiny random BERT for 8 steps, evaluated at every second one."""

    def run(recorder, seed=0, evals=None, by_row=outcomes, **changes):
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
        trainer = transformers.Trainer(
            transformers.BertForSequenceClassification(config),
            transformers.TrainingArguments(**settings | changes),
            train_dataset=rows[:24], eval_dataset=evals or rows[24:], callbacks=[recorder],
            compute_metrics=recorder.by_row(by_row),
        )  # fmt: skip
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
        return trainer

    return run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


def stored(path, metric="eval_accuracy"):
    with pl.RunStore(path) as store:
        return {(c, run): y for c, run, y in store.iter_outcomes("toy", metric)}


@pytest.mark.parametrize("batched", [False, True])
def test_outcomes_are_those_of_the_model(train, path, rows, batched):
    by_row = (lambda p: {k: v for k, v in outcomes(p).items() if k != "f1"}) if batched else outcomes
    trainer = train(ProbeRecorder(path, "toy"), by_row=by_row, batch_eval_metrics=batched)
    right, loss = stored(path), stored(path, "eval_nll")
    assert [c for c, _ in right] == DEPTHS
    frame = pl.RunStore(path).frame("toy").set_index(["metric", "depth"])["value"]
    for depth in DEPTHS:
        assert right[depth, "toy:0"].dtype == bool
        assert right[depth, "toy:0"].mean() == pytest.approx(frame["eval_accuracy", depth], abs=1e-12)
        assert loss[depth, "toy:0"].mean(dtype=float) == pytest.approx(frame["eval_nll", depth], rel=1e-6)
        # a second computation of the same loss, the Trainer's own
        assert frame["eval_nll", depth] == pytest.approx(frame["eval_loss", depth], rel=1e-4)
    with torch.no_grad():  # the model as it is after the last step, asked row by row
        logits = torch.cat([trainer.model(input_ids=r["input_ids"][None]).logits for r in rows[24:]])
    labels = torch.tensor([int(r["labels"]) for r in rows[24:]])
    np.testing.assert_array_equal(right[8, "toy:0"], (logits.argmax(1) == labels).numpy())
    each = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    np.testing.assert_allclose(loss[8, "toy:0"], each.numpy(), atol=1e-5)


def test_a_metric_that_is_no_mean_is_measured_without_outcomes(train, path):
    train(ProbeRecorder(path, "toy"))
    assert not stored(path, "eval_f1")
    frame = pl.RunStore(path).frame("toy")
    assert set(frame["metric"]) == {"eval_loss", "eval_accuracy", "eval_nll", "eval_f1"}


def test_runs_and_rows_are_told_apart(train, path):
    for seed in range(3):
        train(ProbeRecorder(path, "toy"), seed=seed)
    curve = pl.risk_curve(path, metric="eval_accuracy")
    right = stored(path)
    for depth, parts in zip(curve.depth, curve.parts, strict=True):
        want = variance_components(np.stack([right[int(depth), f"toy:{seed}"] for seed in range(3)]))
        assert (parts.run, parts.interaction, parts.rows) == (want.run, want.interaction, 36)


def test_rows_are_known_by_content_and_position(train, path, rows):
    train(ProbeRecorder(path, "toy", stop_at=2))
    train(ProbeRecorder(path, "toy", stop_at=2), seed=1, per_device_eval_batch_size=5)  # the same rows otherwise cut
    assert len(stored(path)) == 2
    swapped = [rows[25], rows[24], *rows[26:]]
    with pytest.raises(StoreError, match="36 rows, others or in another order"):
        train(ProbeRecorder(path, "toy", stop_at=2), seed=2, evals=swapped)
    frame = pl.RunStore(path).frame("toy")
    assert set(frame["seed"]) == {0, 1}  # nothing of the refused one


def test_rows_that_cannot_be_read_in_order_are_known_by_their_labels(train, path, rows):
    class Stream(torch.utils.data.IterableDataset):
        def __init__(self, items):
            self.items = items

        def __iter__(self):
            return iter(self.items)

    train(ProbeRecorder(path, "toy", stop_at=2), evals=Stream(rows[24:]))
    assert len(stored(path)[2, "toy:0"]) == 36
    other = [r | {"labels": 1 - r["labels"]} for r in rows[24:]]
    with pytest.raises(StoreError, match="36 rows, others"):
        train(ProbeRecorder(path, "toy", stop_at=2), seed=1, evals=Stream(other))


def test_of_several_evaluation_sets_none_are_kept_and_that_is_said(train, path, rows, caplog):
    train(ProbeRecorder(path, "toy", stop_at=4), evals={"a": rows[24:40], "b": rows[40:]})
    assert not stored(path, "eval_a_accuracy")
    assert "eval_a_accuracy" in set(pl.RunStore(path).frame("toy")["metric"])
    assert caplog.text.count("kept of one evaluation set") == 1


def test_a_run_started_again_adds_what_is_new_alone(train, path):
    train(ProbeRecorder(path, "toy", stop_at=4))
    before = stored(path)
    train(ProbeRecorder(path, "toy"))
    after = stored(path)
    assert [c for c, _ in after] == DEPTHS
    assert all(np.array_equal(after[key], values) for key, values in before.items())


def test_a_diverged_run_has_none(train, path):
    train(ProbeRecorder(path, "toy"), learning_rate=1e30)
    frame = pl.RunStore(path).frame("toy")
    lost = frame[frame["status"] == "diverged"]
    assert len(lost)
    assert not set(lost["depth"]) & {c for c, _ in stored(path)}


@pytest.mark.parametrize(
    ("found", "match"),
    [
        (np.zeros(3), r"by_row\(\.\.\.\)\['accuracy'\].*each of the 36 rows"),
        (np.zeros((36, 2)), r"by_row\(\.\.\.\)\['accuracy'\]"),
        (np.array(["right"] * 36), r"by_row\(\.\.\.\)\['accuracy'\]"),
    ],
)
def test_outcomes_that_are_none(train, path, found, match):
    with pytest.raises(ArgumentError, match=match):
        train(ProbeRecorder(path, "toy"), by_row=lambda p: {"accuracy": found})
    with pytest.raises(ArgumentError, match="batch_eval_metrics=False"):
        train(ProbeRecorder(path, "toy"), batch_eval_metrics=True)
    with pytest.raises(ArgumentError, match="metrics="):
        ProbeRecorder(path, "toy").by_row("accuracy")


def test_a_frame_with_outcomes_is_one_transaction(path):
    frame = pd.DataFrame({"task": "t", "run": "t:0", "seed": 0, "depth": [2, 4], "metric": "accuracy", "value": 0.5})
    right = np.array([True, False])
    with pl.RunStore(path) as store:
        with pytest.raises(StoreError, match="add_rows"):
            store.add_frame(frame, outcomes={("t:0", 2, "accuracy"): right})
        assert not len(store.frame())
        store.add_rows("t", ["a", "b"])
        with pytest.raises(ArgumentError, match=r"mean 1.*of which 0\.5 is the mean"):
            store.add_frame(frame, outcomes={("t:0", 2, "accuracy"): ~right | right})
        with pytest.raises(ArgumentError, match="run, depth and metric of a row"):
            store.add_frame(frame, outcomes={("t:0", 8, "accuracy"): right})
        with pytest.raises(ArgumentError, match="one for each of the 2 rows"):
            store.add_frame(frame, outcomes={("t:0", 2, "accuracy"): np.array([1.0, 0.5, 0.5, 0.0])})
        assert not len(store.frame())
        store.add_frame(frame.iloc[:1])
        keys = [("t:0", 2, "accuracy"), ("t:0", 4, "accuracy")]
        assert store.add_frame(frame, outcomes=dict.fromkeys(keys, right)) == 1
        assert [c for c, *_ in store.iter_outcomes("t", "accuracy")] == [4]  # at 2 it was measured without
        more = frame.assign(task=["t", "u"])
        with pytest.raises(ArgumentError, match="several tasks"):
            store.add_frame(more, outcomes={keys[0]: right})
