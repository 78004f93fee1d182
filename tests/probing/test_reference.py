"""The reference trainer against an independent loop over the whole model, and the exactness of what it saves."""

import numpy as np
import pandas as pd
import pytest
import torch
from training import run_alone

import predictlab as pl
from predictlab.catalog._features import load_backbone, tokenise
from predictlab.errors import DataError
from predictlab.probing import ProbePlan
from predictlab.probing._engine import architectures
from predictlab.probing._engine.inputs import SharedInputs
from predictlab.probing._engine.learner import Classifier
from predictlab.probing._engine.randomness import DataOrder, generator, stream_seed
from predictlab.probing._engine.reference import ReferenceTrainer
from predictlab.probing._engine.rows import Ragged

METHODS = {
    "lora-last": {"layers": "last:1"},
    "lora-middle": {"layers": (1,)},
    "lora-all": {"layers": "all", "schedule": "cosine", "warmup_steps": 2},
    "lora-targets": {"layers": "last:2", "target_modules": ("query", "intermediate.dense"), "pooling": "cls"},
    "head": {"method": "head", "schedule": "constant", "max_grad_norm": 0.0},
    "full": {"method": "full", "learning_rate": 2e-3, "schedule": "poly:0.6"},
    "sgd": {"layers": "last:2", "optimizer": "sgd", "learning_rate": 0.5, "weight_decay": 0.1},
    "sgd-head": {"method": "head", "optimizer": "sgd", "learning_rate": 0.5, "sampling": "replacement"},
    "sgd-full": {"method": "full", "optimizer": "sgd", "learning_rate": 0.1, "max_grad_norm": 0.0},
}


def values(frame):
    return frame.set_index(["task", "run", "depth", "metric"])["value"].sort_index()


def trainer(task):
    return ReferenceTrainer(task.recipe, Classifier(task, load_backbone(task.model), SharedInputs()))


def plain_loop(task, seed, depths):
    """The definition, written out once more: whole model, every text padded to the maximum, peft's own wrapper."""
    from peft import LoraConfig, get_peft_model

    recipe, backbone = task.recipe, load_backbone(task.model)
    encoder = backbone.encoder
    if recipe.method == "lora":
        config = LoraConfig(
            r=recipe.rank, lora_alpha=recipe.lora_alpha, lora_dropout=0.0,
            target_modules=list(recipe.target_modules or ("query", "value")),
            layers_to_transform=list(recipe.trained_layers(3)),
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            encoder = get_peft_model(encoder, config)
    encoder.requires_grad_(recipe.method == "full")
    for name, p in encoder.named_parameters():
        p.requires_grad_(recipe.method == "full" or "lora_" in name)
    random = generator(recipe, seed, "init")
    head = torch.nn.Linear(16, 2, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        head.weight.copy_(torch.empty(2, 16).normal_(0, 0.02, generator=random))
        head.bias.zero_()
        for name, p in encoder.named_parameters():
            if "lora_A" in name:
                p.copy_(torch.empty(p.shape).uniform_(-(p.shape[1] ** -0.5), p.shape[1] ** -0.5, generator=random))

    def inputs(texts):
        ids = torch.zeros((len(texts), recipe.max_length), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for i, row in enumerate(tokenise(backbone, texts, recipe.max_length)):
            ids[i, : len(row)], mask[i, : len(row)] = torch.tensor(row), 1
        return ids, mask

    def logits(ids, mask):
        hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        if recipe.pooling == "cls":
            return head(hidden[:, 0])
        return head((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))

    train, test = inputs(task.data.train["text"].tolist()), inputs(task.data.eval["text"].tolist())
    train_labels, test_labels = torch.tensor(task.labels("train")), torch.tensor(task.labels("eval"))
    trained = [p for p in [*encoder.parameters(), *head.parameters()] if p.requires_grad]
    optimiser = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[recipe.optimizer](
        [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in trained if p.ndim == 1], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        fused=False,
    )
    order, found = DataOrder(recipe, seed, len(train_labels)), {}
    for step in range(depths[-1] + 1):
        if step in depths:
            with torch.no_grad():
                scores = logits(*test)
            found[step] = (
                (scores.argmax(1) == test_labels).double().mean().item(),
                torch.nn.functional.cross_entropy(scores, test_labels).item(),
            )
        rows = order.batch(step)
        loss = torch.nn.functional.cross_entropy(logits(train[0][rows], train[1][rows]), train_labels[rows])
        optimiser.zero_grad()
        loss.backward()
        if recipe.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(trained, recipe.max_grad_norm)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        optimiser.step()
    return found


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # by peft's wrapper
@pytest.mark.parametrize("method", METHODS)
def test_trajectories_equal_a_plain_loop_over_the_whole_model(bert, data, recipe, method):
    task = pl.Task(bert, data, recipe.replace(**METHODS[method]), label_noise=0.1)
    depths = (0, 3, 12)
    truth = plain_loop(task, 4, depths)
    frame = pl.probe(task, ProbePlan(depths, (4,)), progress=False)
    assert len(frame) == 6
    for row in frame.itertuples():
        assert row.value == pytest.approx(truth[row.depth][row.metric == "eval_loss"], abs=1e-5)
    losses = frame[frame["metric"] == "eval_loss"].set_index("depth")["value"]
    assert losses[12] != losses[0], "nothing was trained"


@pytest.mark.parametrize("kind", ["bert", "roberta", "electra", "distilbert", "mpnet", "gpt2"])
def test_cached_and_whole_model_give_the_same_parameters(model_of, data, recipe, kind, monkeypatch):
    # MPNet (a position bias) and GPT-2 (causal, its layers at the root) take the generic way.
    task = pl.Task(model_of(kind), data, recipe.replace(layers="last:1"))
    cached = trainer(task)
    with monkeypatch.context() as patch:
        patch.setattr(architectures, "can_split", lambda *arguments: False)
        whole = trainer(task)
    for each in (cached, whole):
        run_alone(each, 0, [8])
    splits = kind not in ("mpnet", "gpt2")
    assert cached.learner.body.first == (2 if splits else None)
    assert whole.learner.body.first is None
    assert cached.learner.named.keys() == whole.learner.named.keys()
    assert any("lora_B" in name for name in cached.learner.named)
    for name, parameter in cached.learner.named.items():
        torch.testing.assert_close(parameter, whole.learner.named[name], rtol=1e-4, atol=1e-5)
    found, wanted = (each.learner.metrics_of(each.learner.outcomes()) for each in (cached, whole))
    assert found == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("engine", ["shared", "reference"])
def test_what_memory_does_not_hold_is_read_from_a_file_and_gives_the_same_numbers(task, caplog, engine):
    plan = ProbePlan((0, 6, 12), 2)
    inside = pl.probe(task, plan, engine=engine, progress=False)
    with caplog.at_level("WARNING", logger="predictlab"):
        beyond = pl.probe(task, plan, engine=engine, progress=False, cache_limit=100)
    assert "cache_limit" in caplog.text
    assert "temporary file" in caplog.text
    pd.testing.assert_series_equal(values(inside), values(beyond), atol=1e-5, rtol=0)


def test_a_full_disk_is_said_before_anything_is_trained(task, monkeypatch):
    def full(descriptor, start, length):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    store = pl.RunStore(":memory:")
    with pytest.raises(DataError, match=r"No space left.*Raise cache_limit.*TMPDIR"):
        pl.probe(task, ProbePlan((2,), 1), store, progress=False, cache_limit=100)
    assert store.frame().empty


def test_activations_are_computed_once(task, bert, data, recipe, monkeypatch):
    calls, lower = [0], architectures.lower_activations

    def counted(*arguments):
        calls[0] += 1
        return lower(*arguments)

    monkeypatch.setattr(architectures, "lower_activations", counted)
    for engine in ("shared", "reference"):
        calls[0] = 0
        other = pl.Task(bert, data, recipe, label_noise=0.2, name="noisy")
        plan = ProbePlan((0, 3, 6), design="branch", parents=2, forks=2)
        pl.probe([task, other], plan, engine=engine, progress=False)
        # A trial of the cut for each task, and one batch of training and one of evaluation rows for both.
        assert calls[0] == 2 + 2


def test_a_cut_that_does_not_reproduce_the_model_is_not_used(bert, data, recipe, monkeypatch):
    correct = architectures.Body.__call__
    monkeypatch.setattr(
        architectures.Body, "__call__", lambda self, v, m: correct(self, v, m) + 0.01 * (self.first is not None)
    )
    assert trainer(pl.Task(bert, data, recipe)).learner.body.first is None


def test_tasks_on_the_same_texts_share_the_activations(task, bert, data, recipe):
    shared, backbone = SharedInputs(), load_backbone(bert)
    one = Classifier(task, backbone, shared)
    noisy = Classifier(pl.Task(bert, data, recipe, label_noise=0.3), backbone, shared)
    deeper = Classifier(pl.Task(bert, data, recipe.replace(layers="last:2")), backbone, shared)
    assert one.train_rows is noisy.train_rows
    assert one.train_rows is not deeper.train_rows
    assert shared.used == 2 * (one.train_rows.values.nbytes + one.eval_rows.values.nbytes)


def test_training_leaves_the_callers_model_alone(task):
    backbone = load_backbone(task.model)
    before = {k: v.clone() for k, v in backbone.encoder.state_dict().items()}
    for changes in ({}, {"method": "full"}):
        changed = pl.Task(task.model, task.data, task.recipe.replace(**changes))
        run_alone(ReferenceTrainer(changed.recipe, Classifier(changed, backbone, SharedInputs())), 0, [2])
    after = backbone.encoder.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before)


@pytest.mark.parametrize("changes", [{}, {"dropout": 0.2}, {"method": "full", "dropout": 0.1}, {"method": "head"}])
def test_same_seed_same_numbers_to_the_last_bit(bert, data, recipe, changes):
    task = pl.Task(bert, data, recipe.replace(**changes))
    plan = ProbePlan((0, 4, 12), (3, 1))
    first = values(pl.probe(task, plan, progress=False))
    # Another order of seeds, another history of the same model object: nothing may carry over from run to run.
    again = values(pl.probe(task, ProbePlan((0, 4, 12), (1, 2, 3)), progress=False))
    pd.testing.assert_series_equal(first, again[first.index], check_exact=True)
    assert first.xs("eval_loss", level="metric").nunique() == 6, "two seeds at three depths are six numbers"


def test_measuring_more_often_does_not_change_a_run(bert, data, recipe):
    task = pl.Task(bert, data, recipe.replace(dropout=0.2))
    seldom = values(pl.probe(task, ProbePlan((12,), 1), progress=False))
    often = values(pl.probe(task, ProbePlan((0, 1, 2, 5, 9, 12), 1), progress=False))
    pd.testing.assert_series_equal(seldom, often[seldom.index], check_exact=True)


@pytest.mark.parametrize("source", ["init", "order", "dropout"])
def test_each_source_of_randomness_can_be_pinned_alone(recipe, source):
    pinned = recipe.replace(**{f"{source}_seed": 7})
    for stream in ("init", "order", "dropout"):
        seeds = {stream_seed(pinned, seed, stream) for seed in range(5)}
        assert len(seeds) == (1 if stream == source else 5)
    assert stream_seed(pinned, 0, source) == stream_seed(recipe, 7, source)


def test_runs_with_everything_pinned_are_one_run(bert, data, recipe):
    pinned = recipe.replace(init_seed=1, order_seed=2, dropout_seed=3, dropout=0.1)
    frame = pl.probe(pl.Task(bert, data, pinned), ProbePlan((5,), 3), progress=False)
    assert frame.groupby("metric")["value"].nunique().eq(1).all()


def test_dropout_is_in_the_trained_layers_and_nowhere_else(bert, data, recipe):
    def learner(**changes):
        return trainer(pl.Task(bert, data, recipe.replace(dropout=0.25, **changes))).learner

    model = learner(layers=(1,))
    found = {n: m.p for n, m in model.encoder.named_modules() if isinstance(m, torch.nn.Dropout)}
    assert {p for n, p in found.items() if ".layer.1." in n} == {0.25}
    assert {p for n, p in found.items() if ".layer.1." not in n} == {0.0}
    assert model.dropout.p == 0.25
    whole = learner(method="full")
    assert {m.p for m in whole.encoder.modules() if isinstance(m, torch.nn.Dropout)} == {0.25}


def test_every_epoch_is_a_fresh_permutation(recipe):
    order = DataOrder(recipe, seed=0, n_rows=50)
    stream = torch.cat([order.batch(step) for step in range(25)]).reshape(4, 50)
    assert all(sorted(epoch.tolist()) == list(range(50)) for epoch in stream)
    assert len({tuple(epoch.tolist()) for epoch in stream}) == 4
    # Addressable: the batch of a step does not depend on what was asked before.
    assert torch.equal(DataOrder(recipe, 0, 50).batch(17), order.batch(17))
    assert len(DataOrder(recipe, 0, 3).batch(5)) == recipe.batch_size


def test_adapters_start_as_the_pre_trained_model(bert, data, recipe):
    task = pl.Task(bert, data, recipe)
    start = pl.probe(task, ProbePlan((0,), 4), progress=False)
    head_only = pl.probe(pl.Task(bert, data, recipe.replace(method="head")), ProbePlan((0,), 4), progress=False)
    np.testing.assert_allclose(start["value"], head_only["value"], atol=1e-6)


def test_ragged_rows_come_back_padded_to_the_batch():
    rows = [[1, 2, 3], [4], [5, 6]]
    ragged = Ragged.from_ids(rows)
    batch, mask = ragged.batch(torch.tensor([2, 1]))
    assert batch.shape == (2, 2)
    assert [b[m].tolist() for b, m in zip(batch, mask, strict=True)] == [[5, 6], [4]]


def test_rows_of_one_vector_each_are_rows_of_length_one():
    values = torch.arange(12.0).reshape(4, 3)
    batch, mask = Ragged(values, [1] * 4).batch(torch.tensor([2, 0]))
    assert torch.equal(batch, values[[2, 0]].unsqueeze(1))
    assert torch.equal(mask, torch.ones((2, 1), dtype=torch.bool))


def test_a_run_that_diverges_is_recorded_and_the_others_go_on(task, bert, data, recipe, monkeypatch):
    wild = pl.Task(bert, data, recipe.replace(method="full", learning_rate=1e30, max_grad_norm=0.0), name="wild")
    frame = pl.probe([wild, task], ProbePlan((0, 4, 12), 2), progress=False)
    lost = frame[(frame["task"] == "wild") & (frame["depth"] > 0)]
    assert len(lost) == 8
    assert set(lost["status"]) == {"diverged"}
    assert lost["value"].isna().all()
    kept = frame.drop(lost.index)
    assert set(kept["status"]) == {"ok"}
    assert kept["value"].notna().all()
    assert len(kept) == 4 + 12


def test_one_bad_seed_does_not_spoil_the_next(task, poison):
    plan = ProbePlan((4, 8), 3)
    calm = values(pl.probe(task, plan, progress=False))
    poison(seed=1, at=5)
    frame = pl.probe(task, plan, progress=False)
    hit = (frame["seed"] == 1) & (frame["depth"] == 8)
    assert frame["status"].eq("diverged").equals(hit)
    others = values(frame[~hit])
    pd.testing.assert_series_equal(others, calm[others.index], check_exact=True)


def test_costs_grow_with_depth_and_count_what_is_computed(bert, data, recipe):
    cost = {}
    for name, changes in {"last": {}, "two": {"layers": "last:2"}, "head": {"method": "head"}}.items():
        changed = pl.Task(bert, data, recipe.replace(**changes))
        frame = pl.probe(changed, ProbePlan((0, 4, 12), 1), engine="reference", progress=False)
        runs = frame[frame["metric"] == "accuracy"].set_index("depth")
        assert runs["flops"].is_monotonic_increasing
        assert runs["seconds"].is_monotonic_increasing
        assert runs.loc[0, ["seconds", "flops"]].eq(0).all()
        cost[name] = runs.loc[12, "flops"]
    assert cost["two"] == pytest.approx(2 * cost["last"], rel=0.02)
    # 12 steps of 8 rows; head of 2 x 16 weights: 2 forward, 2 for features' gradient, 2 for the weights'.
    assert cost["head"] == 12 * 8 * 6 * 32


def test_flops_of_a_step_are_the_documented_formula(bert, data, recipe):
    learner = trainer(pl.Task(bert, data, recipe)).learner  # first layer 2
    linear = 4 * 16 * 16 + 2 * 16 * 32 + 2 * (2 * 16 + 16 * 2)  # q k v o, the two of the FFN, A and B on q and v
    forward = 8 * 10 * (2 * linear + 4 * 10 * 16) + 2 * 8 * 32
    trained = 2 * 8 * 10 * 128 + 2 * 8 * 32
    assert learner.step_flops(8, 10, 8) == 2 * forward + trained


def test_it_learns(bert, data, recipe, draw_texts):
    more = pl.Dataset("more", draw_texts(400, 3), draw_texts(200, 4), data.classes)
    task = pl.Task(bert, more, recipe.replace(steps=120, batch_size=16, learning_rate=0.02, layers="last:2"))
    frame = pl.probe(task, ProbePlan((0, 120), 2), progress=False)
    ends = frame.pivot_table(index="run", columns=["metric", "depth"], values="value")
    majority = more.eval["label"].value_counts(normalize=True).max()
    assert (ends["accuracy"][120] > majority + 0.05).all(), ends
    assert (ends["eval_loss"][120] < ends["eval_loss"][0] - 0.05).all(), ends
