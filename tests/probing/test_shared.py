"""The shared engine against the reference trainer: the same trajectories, whatever is shared, stacked or skipped."""

import gc
import math
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from training import trajectories

import predictlab as pl
from predictlab.catalog._features import load_backbone
from predictlab.errors import ArgumentError
from predictlab.probing import ProbePlan
from predictlab.probing._engine.inputs import SharedInputs
from predictlab.probing._engine.learner import Classifier
from predictlab.probing._engine.parameters import StackedParameters
from predictlab.probing._engine.reference import ReferenceTrainer
from predictlab.probing._engine.shared import PerRunGradients, SharedTrainer, StackedGradients
from predictlab.probing._engine.stacked import StackedEncoder
from predictlab.probing._segments import Group, RunSegment

WAYS = {
    "last": {},
    "last-cls": {"pooling": "cls"},
    "two": {"layers": "last:2", "schedule": "cosine", "warmup_steps": 3},
    "two-cls": {"layers": "last:2", "pooling": "cls", "max_grad_norm": 0.1},
    "middle-cls": {"layers": (1,), "pooling": "cls"},
    "all": {"layers": "all", "max_grad_norm": 0.0},
    "all-cls": {"layers": "all", "pooling": "cls", "schedule": "poly:0.6", "weight_decay": 0.3},
    "head": {"method": "head", "schedule": "constant"},
    "head-cls": {"method": "head", "pooling": "cls"},
    "two-sgd": {"layers": "last:2", "optimizer": "sgd", "learning_rate": 0.5, "weight_decay": 0.1},
    "head-sgd": {"method": "head", "optimizer": "sgd", "learning_rate": 0.5, "sampling": "replacement"},
}
EVERYWHERE = {
    "bert": ("query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"),
    "distilbert": ("q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"),
}
GENERIC = {"dropout": {"dropout": 0.2}, "full": {"method": "full", "learning_rate": 2e-3}}
GENERIC["full-sgd"] = {"method": "full", "optimizer": "sgd", "learning_rate": 0.1}


def both(task):
    """A reference and a shared trainer of one task."""
    backbone, shared = load_backbone(task.model), SharedInputs()
    reference = ReferenceTrainer(task.recipe, Classifier(task, backbone, shared))
    return reference, SharedTrainer(task, Classifier(task, backbone, shared), shared, 10**9)


def assert_same_trajectories(task, seeds=2, depths=(0, 5, 24), backend=StackedGradients, but=()):
    reference, shared = both(task)
    assert type(shared.backend) is backend
    group = Group(task, tuple(RunSegment(f"toy:{seed}", seed, depths) for seed in range(seeds)))
    expected, found = trajectories(reference, group), trajectories(shared, group)
    assert found.keys() == expected.keys() == {(f"toy:{s}", d) for s in range(seeds) for d in depths}
    for key, truth in expected.items():
        mine = found[key]
        assert mine.values == pytest.approx(truth.values, abs=1e-6)
        assert mine.state.parameters.keys() == truth.state.parameters.keys()
        for name, parameter in truth.state.parameters.items():
            if not any(part in name for part in but):
                away = torch.linalg.vector_norm(mine.state.parameters[name] - parameter)
                assert away <= 1e-4 * torch.linalg.vector_norm(parameter), (key, name)
    last = expected["toy:0", depths[-1]].state.parameters
    moved = (last[n] - p for n, p in expected["toy:0", 0].state.parameters.items())
    assert max(float(m.abs().max()) for m in moved) > 0.01, "nothing was trained"


@pytest.fixture
def long(recipe):
    return recipe.replace(steps=64, learning_rate=0.005)


@pytest.mark.parametrize("way", WAYS)
def test_same_parameters_and_metrics_as_the_reference_after_64_steps(bert, data, long, way):
    task = pl.Task(bert, data, long.replace(**WAYS[way]), label_noise=0.1)
    assert_same_trajectories(task, depths=(0, 5, 64))


@pytest.mark.parametrize("kind", ["roberta", "electra", "distilbert"])
def test_other_architectures_stacked(model_of, data, long, kind):
    for way in ("two", "two-cls"):
        assert_same_trajectories(pl.Task(model_of(kind), data, long.replace(**WAYS[way])))


@pytest.mark.parametrize("kind", ["mpnet", "gpt2"])
def test_architectures_that_are_not_known_are_trained_one_by_one(model_of, data, long, kind):
    assert_same_trajectories(pl.Task(model_of(kind), data, long), backend=PerRunGradients)


@pytest.mark.parametrize("kind", EVERYWHERE)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_adapters_on_every_map(model_of, data, long, kind, pooling):
    changed = long.replace(target_modules=EVERYWHERE[kind], layers="last:2", pooling=pooling, learning_rate=0.002)
    assert_same_trajectories(pl.Task(model_of(kind), data, changed))


@pytest.mark.parametrize("way", GENERIC)
def test_dropout_and_full_fine_tunes_are_trained_one_by_one(bert, data, long, way):
    # The bias of a key has no gradient but rounding errors, which AdamW blows up: it is left out of the comparison.
    task = pl.Task(bert, data, long.replace(**GENERIC[way]))
    assert_same_trajectories(task, backend=PerRunGradients, but=("key.bias",))


def test_passes_that_do_not_reproduce_the_model_are_not_used(task, monkeypatch, caplog):
    correct = StackedEncoder.logits
    monkeypatch.setattr(StackedEncoder, "logits", lambda self, *arguments: correct(self, *arguments) * 1.01)
    _, shared = both(task)
    assert isinstance(shared.backend, PerRunGradients)
    assert "do not reproduce" in caplog.text


def test_a_group_that_is_done_takes_no_memory(bert, data, recipe, monkeypatch):
    """The next group's parameters and moments are not beside those of the last."""
    task = pl.Task(bert, data, recipe.replace(**GENERIC["dropout"]))
    _, shared = both(task)
    assert type(shared.backend) is PerRunGradients
    held, made = [], StackedParameters.__init__

    def noted(self, *arguments):
        made(self, *arguments)
        held.extend(weakref.ref(of) for of in (self.values, self.grad, self.first, self.second))

    monkeypatch.setattr(StackedParameters, "__init__", noted)
    assert trajectories(shared, Group(task, (RunSegment("toy:0", 0, (0, 2)),)))
    gc.collect()
    assert [one() for one in held] == [None] * 4


def test_only_read_tokens_are_computed(bert, data, recipe):
    """With the head on the first token, the last layer multiplies no other token by its weights."""
    cost = {}
    for pooling in ("mean", "cls"):
        for layers in ("last:1", "last:2"):
            _, shared = both(pl.Task(bert, data, recipe.replace(pooling=pooling, layers=layers)))
            parameters = StackedParameters(shared.learner.named, 1)
            shared.learner.draw(0)
            parameters.start(0, shared.learner.named)
            rows = torch.arange(8)
            _, cost[pooling, layers] = shared.backend.gradients(parameters, (0,), (rows,), (0,))
    assert cost["cls", "last:1"] < 0.4 * cost["mean", "last:1"]
    last = cost["mean", "last:2"] - cost["mean", "last:1"]
    assert cost["cls", "last:2"] < cost["mean", "last:2"] - 0.6 * last


def test_a_group_goes_on_from_its_states_to_the_last_bit(bert, data, recipe):
    task = pl.Task(bert, data, recipe.replace(layers="last:2"))
    _, shared = both(task)
    segments = tuple(RunSegment(f"toy:{seed}", seed, (4, 12)) for seed in range(3))
    whole = trajectories(shared, Group(task, segments))
    again = tuple(RunSegment(one.run, one.seed, (12,), 4, whole[one.run, 4].state) for one in segments)
    rest = trajectories(shared, Group(task, again))
    for one in segments:
        assert rest[one.run, 12].values == whole[one.run, 12].values
        for name, parameter in whole[one.run, 12].state.parameters.items():
            assert torch.equal(rest[one.run, 12].state.parameters[name], parameter)


def test_states_of_one_engine_serve_the_other(bert, data, recipe):
    task = pl.Task(bert, data, recipe.replace(layers="last:2"))
    plan = ProbePlan((4, 12), 2)
    frames = []
    for first, second in (("shared", "reference"), ("reference", "shared"), ("reference", "reference")):
        store = pl.RunStore(":memory:")
        pl.probe(task, ProbePlan((4,), 2), store, engine=first, progress=False)
        frames.append(pl.probe(task, plan, store, engine=second, progress=False))
    for frame in frames[:2]:
        np.testing.assert_allclose(frame["value"], frames[2]["value"], atol=1e-6)


def test_checkpoints_between_depths(task):
    """When nothing was reported for a while, states come without a measurement, and serve like any other."""
    _, shared = both(task)
    updates = shared.train(Group(task, (RunSegment("toy:0", 0, (0, 12)),)), checkpoint_seconds=0.0)
    reached = [result for update in updates for result in update.results]
    assert [(r.state.step, r.values is None) for r in reached] == [(d, d not in (0, 12)) for d in range(13)]
    middle = next(r.state for r in reached if r.state.step == 7)
    rest = trajectories(shared, Group(task, (RunSegment("toy:0", 0, (12,), 7, middle),)))
    assert rest["toy:0", 12].values == reached[-1].values


def test_memory_limits_what_is_trained_together(bert, data, recipe, caplog):
    task = pl.Task(bert, data, recipe)
    learner = Classifier(task, load_backbone(bert), SharedInputs())
    run = StackedParameters.bytes_per_run(learner.named)
    held = StackedParameters(learner.named, 3)
    assert sum(t.nbytes for t in (held.values, held.grad, held.first, held.second)) == 3 * run * 16 // 52
    state = held.captured(0, 1, 0.0, 0.0, alive=True)
    parts = (state.parameters, state.first_moment, state.second_moment)
    assert sum(t.nbytes for part in parts for t in part.values()) == run * 12 // 52
    assert SharedTrainer(task, learner, SharedInputs(), 2 * 5 * run).largest_group == 5
    plain = StackedParameters(learner.named, 3, "sgd")
    assert sum(t.nbytes for t in (plain.values, plain.grad, plain.first, plain.second)) == 3 * run * 8 // 52
    sgd = task.replace(recipe=recipe.replace(optimizer="sgd"))
    assert SharedTrainer(sgd, learner, SharedInputs(), 2 * 5 * run).largest_group == 13
    assert not caplog.text
    tight = SharedTrainer(task, learner, SharedInputs(), run)
    assert (tight.largest_group, tight.backend.at_once) == (1, 1)
    assert "memory_limit" in caplog.text
    plan = ProbePlan((0, 6, 12), 3)
    one_by_one = pl.probe(task, plan, progress=False, memory_limit=run)
    together = pl.probe(task, plan, progress=False)
    np.testing.assert_allclose(one_by_one["value"], together["value"], atol=1e-6)


def test_activations_take_about_what_was_predicted(bert, data, recipe):
    """Bytes that autograd keeps for the gradients, counted, against the prediction that sizes the stacks."""
    for pooling in ("mean", "cls"):
        _, shared = both(pl.Task(bert, data, recipe.replace(layers="all", pooling=pooling)))
        kept = {}

        def keep(tensor, kept=kept):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        parameters = StackedParameters(shared.learner.named, 1)
        rows = torch.tensor([int(np.argmax(shared.learner.train_rows.lengths))] * 8)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            shared.backend.gradients(parameters, (0,), (rows,), (0,))
        weights = {t.untyped_storage().data_ptr() for t in shared.learner.encoder.state_dict().values()}
        counted = sum(size for place, size in kept.items() if place not in weights)
        predicted = shared.backend.encoder.activation_bytes(8, int(shared.learner.train_rows.lengths.max()))
        assert 0.4 * predicted < counted < 1.5 * predicted


def test_bfloat16_is_another_recipe_near_the_same_numbers(bert, data, recipe):
    frames = {}
    for precision in ("fp32", "bf16"):
        for engine in ("shared", "reference"):
            task = pl.Task(bert, data, recipe.replace(layers="last:2", precision=precision), name="toy")
            frame = pl.probe(task, ProbePlan((0, 12), 2), engine=engine, progress=False)
            frames[precision, engine] = frame[frame["metric"] == "eval_loss"]["value"].to_numpy()
    for engine in ("shared", "reference"):
        away = np.abs(frames["bf16", engine] - frames["fp32", "reference"])
        assert 1e-6 < away.max() < 0.02, "near, and not the same"
    prints = {
        precision: pl.Task(bert, data, recipe.replace(precision=precision)).fingerprint
        for precision in ("fp32", "bf16")
    }
    assert prints["fp32"] != prints["bf16"], "a store does not mix them"
    with pytest.raises(ArgumentError, match=r"precision='fp8': expected one of 'fp32', 'bf16'"):
        recipe.replace(precision="fp8")


@pytest.mark.parametrize("there", [True, False])
def test_a_processor_without_bfloat16_is_said(bert, data, recipe, monkeypatch, caplog, there):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": there, "amx_bf16": False})
    both(pl.Task(bert, data, recipe.replace(precision="bf16")))
    assert ("no instructions for it" in caplog.text) != there


def test_a_lost_run_leaves_its_group_and_the_others_go_on(task, poison):
    calm = pl.probe(task, ProbePlan((4, 8, 12), 3), progress=False)
    poison(seed=1, at=5)
    frame = pl.probe(task, ProbePlan((4, 8, 12), 3), progress=False)
    hit = (frame["seed"] == 1) & (frame["depth"] > 4)
    assert frame["status"].eq("diverged").equals(hit)
    np.testing.assert_allclose(frame["value"][~hit], calm["value"][~hit], atol=1e-6)
    assert math.isnan(frame["value"][hit].iloc[0])


def test_unknown_engines_and_executors_are_named(task):
    for name, value in (("engine", "warp"), ("executor", "cloud"), ("memory_limit", 0), ("cache_limit", -1)):
        with pytest.raises(ArgumentError, match=f"^{name}="):
            pl.probe(task, ProbePlan((1,), 1), progress=False, **{name: value})


def test_a_broken_state_is_said_and_made_again(task, tmp_path, caplog):
    plan, path = ProbePlan((4, 8, 12), 2), tmp_path / "runs.db"
    whole = pl.probe(task, plan, progress=False)
    pl.probe(task, ProbePlan((4, 8), 2), path, progress=False)
    files = sorted((tmp_path / "runs.db.states").glob("*.safetensors"))
    assert len(files) == 2
    files[0].write_bytes(files[0].read_bytes()[:100])
    found = pl.probe(task, plan, path, progress=False)
    assert "trained again from an earlier state" in caplog.text
    pd.testing.assert_series_equal(found["value"], whole["value"], rtol=1e-5, atol=1e-6)
