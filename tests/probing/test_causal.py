"""Causal language models: the loss, the trajectories and the generations against plain loops over the whole model."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from training import run_alone

import predictlab as pl
from predictlab.catalog._features import load_backbone
from predictlab.errors import ArgumentError, DataError, ModelError, StoreError
from predictlab.probing import ProbePlan
from predictlab.probing._engine import architectures
from predictlab.probing._engine.causal import CausalLearner
from predictlab.probing._engine.inputs import SharedInputs
from predictlab.probing._engine.learner import all_finite
from predictlab.probing._engine.randomness import DataOrder, generator
from predictlab.probing._engine.reference import ReferenceTrainer
from predictlab.probing._engine.rows import completion_rows

SPECIAL = ["[PAD]", "[UNK]", "[EOS]"]
WORDS = [*map(str, range(10)), "+", "-", "*", "="]
CUT = ("llama", "mistral", "qwen2", "qwen3", "smollm3", "olmo2", "phi3")
RUN_WHOLE = ("gpt2", "gemma", "gemma2", "gpt_neox")  # Gemma 2's head is more than a linear map


def save(folder, kind, tokenizer, seed=5, std=0.15, **changes):
    """A random causal language model with a tokenizer, as transformers would save it."""
    size = {
        "vocab_size": len(tokenizer.get_vocab()), "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
        "num_key_value_heads": 1, "intermediate_size": 32, "max_position_embeddings": 24, "head_dim": 8,
        "pad_token_id": 0, "bos_token_id": None, "eos_token_id": 2,
    }  # fmt: skip
    if kind == "gpt2":
        size = {"vocab_size": size["vocab_size"], "n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 24}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(kind, **size | changes))
        for parameter in model.parameters():
            if parameter.ndim == 2:
                torch.nn.init.normal_(parameter, std=std)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def words_tokenizer():
    """One token a word; special tokens are not set around texts."""
    own = Tokenizer(models.WordLevel({w: i for i, w in enumerate([*SPECIAL, *WORDS])}, unk_token="[UNK]"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=own, pad_token="[PAD]", unk_token="[UNK]", eos_token="[EOS]", model_max_length=24
    )


def letters_tokenizer():
    """White space is a token, and ``ab`` can be spelled in two ways: what exact match must see through."""
    own = Tokenizer(models.BPE({t: i for i, t in enumerate([*SPECIAL, " ", "a", "b", "ab"])}, [("a", "b")]))
    own.decoder = decoders.Fuse()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=own, pad_token="[PAD]", unk_token="[UNK]", eos_token="[EOS]", model_max_length=24
    )


@pytest.fixture(scope="module")
def causal_of(tmp_path_factory):
    made = {}

    def make(kind):
        if kind not in made:
            made[kind] = save(tmp_path_factory.mktemp("causal") / kind, kind, words_tokenizer())
        return made[kind]

    return make


def metrics(learner):
    """Of the model as it stands."""
    return learner.metrics_of(learner.outcomes())


@pytest.fixture(scope="module")
def llama(causal_of):
    return causal_of("llama")


def sums(n, seed):
    """Prompts of different lengths with completions of one to three tokens."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        numbers = rng.integers(0, 10, size=rng.integers(2, 6))
        rows.append((" + ".join(map(str, numbers)) + " =", " " + " ".join(str(numbers.sum()))))
    return pd.DataFrame(rows, columns=["prompt", "completion"])


@pytest.fixture(scope="module")
def data():
    return pl.Dataset("sums", sums(40, 1), sums(30, 2))


@pytest.fixture
def recipe():
    return pl.Recipe(steps=12, batch_size=8, max_length=14, rank=2, lora_alpha=4, layers="last:1", learning_rate=0.02)


@pytest.fixture
def task(llama, data, recipe):
    return pl.Task(llama, data, recipe, name="toy")


def learner(task, limit=10**9):
    return CausalLearner(task, load_backbone(task.model), SharedInputs(limit))


def values(frame):
    return frame.set_index(["task", "run", "depth", "metric"])["value"].sort_index()


def padded(tokenizer, rows, length):
    """Ids, mask and labels of rows, padded on the right to `length`; only completions and their ends are labels."""
    ids, mask = (torch.zeros((len(rows), length), dtype=torch.long) for _ in range(2))
    labels = torch.full((len(rows), length), -100)
    for i, (prompt, completion) in enumerate(rows[["prompt", "completion"]].to_numpy()):
        first = tokenizer(prompt)["input_ids"]
        row = [*first, *tokenizer(completion)["input_ids"], tokenizer.eos_token_id]
        ids[i, : len(row)], mask[i, : len(row)] = torch.tensor(row), 1
        labels[i, len(first) : len(row)] = torch.tensor(row[len(first) :])
    return ids, mask, labels


METHODS = {
    "lora-last": {},
    "lora-all": {"layers": "all", "schedule": "cosine", "warmup_steps": 2, "target_modules": ("k_proj", "up_proj")},
    "full": {"method": "full", "learning_rate": 5e-3, "max_grad_norm": 0.0},
    "sgd": {"optimizer": "sgd", "learning_rate": 1.0, "sampling": "replacement", "max_grad_norm": 0.0},
}


def plain_loop(task, seed, depths):
    """The definition once more: peft's wrapper, the model's own loss, every row padded to one length."""
    recipe, tokenizer = task.recipe, transformers.AutoTokenizer.from_pretrained(task.model)
    model = transformers.AutoModelForCausalLM.from_pretrained(task.model, dtype=torch.float32)
    if recipe.method == "lora":
        config = LoraConfig(
            r=recipe.rank, lora_alpha=recipe.lora_alpha, lora_dropout=0.0,
            target_modules=list(recipe.target_modules or ("q_proj", "v_proj")),
            layers_to_transform=list(recipe.trained_layers(3)),
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            model = get_peft_model(model, config)
        random = generator(recipe, seed, "init")
        with torch.no_grad():
            for name, p in model.named_parameters():
                if "lora_A" in name:
                    p.copy_(torch.empty(p.shape).uniform_(-(p.shape[1] ** -0.5), p.shape[1] ** -0.5, generator=random))
    train, test = (padded(tokenizer, part, 16) for part in (task.data.train, task.data.eval))
    trained = {n.removeprefix("base_model.model."): p for n, p in model.named_parameters() if p.requires_grad}
    optimiser = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[recipe.optimizer](
        [
            {"params": [p for p in trained.values() if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in trained.values() if p.ndim == 1], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        fused=False,
    )
    order, found = DataOrder(recipe, seed, len(task.data.train)), {}
    for step in range(depths[-1] + 1):
        if step in depths:
            with torch.no_grad():
                found[step] = model(input_ids=test[0], attention_mask=test[1], labels=test[2]).loss.item()
        if step == depths[-1]:
            return found, trained
        rows = order.batch(step)
        loss = model(input_ids=train[0][rows], attention_mask=train[1][rows], labels=train[2][rows]).loss
        optimiser.zero_grad()
        loss.backward()
        if recipe.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(trained.values(), recipe.max_grad_norm)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        optimiser.step()
    raise AssertionError


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # by peft's wrapper
@pytest.mark.parametrize("method", METHODS)
def test_trajectories_equal_a_plain_loop_over_the_whole_model(llama, data, recipe, method):
    task = pl.Task(llama, data, recipe.replace(**METHODS[method]))
    depths = (0, 3, 12)
    truth, parameters = plain_loop(task, 4, depths)
    frame = pl.probe(task, ProbePlan(depths, (4,)), progress=False)
    losses = frame[frame["metric"] == "eval_loss"].set_index("depth")["value"].to_dict()
    assert losses == pytest.approx(truth, abs=1e-5)
    assert abs(losses[12] - losses[0]) > 0.01, "nothing was trained"
    own = learner(task)
    run_alone(ReferenceTrainer(task.recipe, own), 4, [12])
    assert own.named.keys() == parameters.keys()
    for name, parameter in own.named.items():
        torch.testing.assert_close(parameter, parameters[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", CUT)
def test_cached_and_whole_model_give_the_same_parameters(causal_of, data, recipe, kind, monkeypatch):
    task = pl.Task(causal_of(kind), data, recipe)
    cached = learner(task)
    monkeypatch.setattr(architectures, "can_split", lambda *arguments: False)
    whole = learner(task)
    assert cached.body.first == 2
    assert whole.body.first is None
    for each in (cached, whole):
        run_alone(ReferenceTrainer(task.recipe, each), 0, [8])
    assert cached.named.keys() == whole.named.keys()
    moved = [p for name, p in cached.named.items() if "lora_B" in name and p.abs().max() > 1e-3]
    assert moved
    for name, parameter in cached.named.items():
        torch.testing.assert_close(parameter, whole.named[name], rtol=1e-4, atol=1e-5)
    assert metrics(cached) == pytest.approx(metrics(whole), abs=1e-5)


@pytest.mark.parametrize("kind", [*CUT, *RUN_WHOLE])
def test_metrics_of_every_architecture_equal_one_row_at_a_time(causal_of, data, recipe, kind):
    folder = causal_of(kind)
    own = learner(pl.Task(folder, data, recipe))
    if kind in RUN_WHOLE:
        assert own.body.first is None
        assert own.apart == (kind != "gemma2")
    own.draw(0)  # adapters start as nothing
    found = metrics(own)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    total, count = 0.0, 0
    for i in range(len(data.eval)):
        ids, _, labels = padded(tokenizer, data.eval.iloc[[i]], 24)
        length = int((labels[0] >= 0).nonzero().max()) + 1
        with torch.inference_mode():
            logits = model(input_ids=ids[:, :length]).logits[0].double().log_softmax(-1)
        asked = (labels[0, 1:length] >= 0).nonzero()[:, 0]
        total -= float(logits[asked, labels[0, 1:length][asked]].sum())
        count += len(asked)
    assert found["eval_loss"] == pytest.approx(total / count, abs=1e-5)
    assert found["perplexity"] == pytest.approx(math.exp(found["eval_loss"]), rel=1e-12)
    matched = [greedy_by_hand(model, tokenizer, data.eval, i) for i in range(len(data.eval))]
    assert found["exact_match"] == np.mean(matched)


def greedy_by_hand(model, tokenizer, rows, i):
    """Whether the likeliest tokens, one after another without a cache, are the completion of row `i`."""
    limit = max(len(tokenizer(c)["input_ids"]) for c in rows["completion"]) + 1
    ids, new = tokenizer(rows["prompt"].iloc[i])["input_ids"], []
    while len(new) < limit:
        with torch.inference_mode():
            new.append(int(model(input_ids=torch.tensor([ids + new])).logits[0, -1].argmax()))
        if new[-1] == tokenizer.eos_token_id:
            new.pop()
            break
    wanted = tokenizer.decode(tokenizer(rows["completion"].iloc[i])["input_ids"])
    return tokenizer.decode(new).strip() == wanted.strip()


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_exact_match_is_that_of_a_step_by_step_loop_whatever_the_spelling(tmp_path, recipe, kind):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice([" ", "a", "b"], size=rng.integers(1, 9))) + "a" for _ in range(60)]
    answers = ["a", "b", "ab", "ba", "aab", " ab", "a ", "abab", "aa"]
    rows = pd.DataFrame({"prompt": texts, "completion": rng.choice(answers, size=60)})
    data = pl.Dataset("letters", rows, rows)
    generated = straight = 0
    for seed in range(6):
        folder = save(tmp_path / str(seed), kind, letters_tokenizer(), seed=seed, std=0.4)
        own = learner(pl.Task(folder, data, recipe.replace(max_length=20)))
        seen, match = [], own.match.matched

        def counted(model, undecided, check_cancelled, match=match, seen=seen):
            rows = match(model, undecided, check_cancelled)
            seen.append((len(undecided), len(rows)))
            return rows

        own.match.matched = counted
        own.draw(0)
        found = metrics(own)["exact_match"]
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        truth = [greedy_by_hand(model, tokenizer, rows, i) for i in range(len(rows))]
        assert found == np.mean(truth)
        generated += sum(matched for _, matched in seen)
        straight += sum(truth) - sum(matched for _, matched in seen)
    assert generated > 0, "no row was matched by another spelling or with white space around it"
    assert straight > 0


def test_generation_stops_at_the_models_length(causal_of, recipe):
    # GPT-2 has 24 positions: a long prompt beside a long completion must neither fail nor shorten the other's answer.
    rows = pd.DataFrame(
        {"prompt": [" + ".join("1234567891") + " =", "1 ="], "completion": [" 4", " 1 2 3 4 5 6 7 8 9 1 2 3"]}
    )
    task = pl.Task(causal_of("gpt2"), pl.Dataset("long", rows, rows), recipe.replace(max_length=24))
    own = learner(task)
    assert [len(p) for p in own.match.prompts] == [20, 2]
    model, tokenizer = own.module.eval(), load_backbone(task.model).tokenizer
    undecided = {i: [] for i in range(2)}
    with torch.inference_mode():
        assert len(own.match.matched(model, undecided)) == sum(
            greedy_by_hand_within(model, tokenizer, rows, i) for i in (0, 1)
        )
    # Made right by hand: what the model generates is what is asked for.
    for i in range(2):
        with torch.inference_mode():
            own.match.wanted[i] = tokenizer.decode(generated_within(model, tokenizer, rows, i)).strip()
            assert len(own.match.matched(model, {i: []})) == 1
    with torch.inference_mode():
        assert len(own.match.matched(model, undecided)) == 2


def generated_within(model, tokenizer, rows, i):
    ids, new = tokenizer(rows["prompt"].iloc[i])["input_ids"], []
    while len(new) < 13 and len(ids) + len(new) < 24:
        new.append(int(model(input_ids=torch.tensor([ids + new])).logits[0, -1].argmax()))
        if new[-1] == tokenizer.eos_token_id:
            return new[:-1]
    return new


def greedy_by_hand_within(model, tokenizer, rows, i):
    wanted = tokenizer.decode(tokenizer(rows["completion"].iloc[i])["input_ids"])
    return tokenizer.decode(generated_within(model, tokenizer, rows, i)).strip() == wanted


def test_the_loss_counts_completions_and_their_ends_only(task, llama, data, recipe):
    own = learner(task)
    own.draw(0)
    rows = torch.arange(8)
    tokenizer = load_backbone(llama).tokenizer
    model = transformers.AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32)
    ids, mask, labels = padded(tokenizer, data.train.iloc[:8], 16)
    with torch.inference_mode():
        logp = model(input_ids=ids, attention_mask=mask).logits[:, :-1].log_softmax(-1)
    asked = labels[:, 1:]
    each = logp.gather(2, asked.clamp(min=0)[..., None])[..., 0]
    assert own.loss(rows)[0].item() == pytest.approx(-each[asked >= 0].mean().item(), abs=1e-5)
    everything = -logp.gather(2, ids[:, 1:, None])[..., 0][mask[:, 1:] > 0].mean().item()
    assert abs(own.loss(rows)[0].item() - everything) > 0.01
    ends = [len(t) for t in tokenizer(data.train["completion"].iloc[:8].tolist())["input_ids"]]
    assert int((asked >= 0).sum()) == sum(ends) + 8
    # Only the last token of a prompt is asked, and for the completion's first: prompts can be nonsense.
    nonsense = data.train.assign(prompt="never seen words =")
    strange = learner(pl.Task(llama, pl.Dataset("strange", nonsense, nonsense), recipe))
    targets = strange.train_targets
    for row, completion in enumerate(nonsense["completion"]):
        found, mask = targets.batch(torch.tensor([row]))
        wanted = [*tokenizer(completion)["input_ids"], tokenizer.eos_token_id]
        assert found[mask].tolist() == [-100] * 3 + wanted


def test_it_learns_and_generates_what_it_learned(tmp_path):
    rng = np.random.default_rng(0)
    pairs = rng.permutation([(a, b) for a in range(10) for b in range(10)])
    rows = pd.DataFrame({"prompt": [f"{a} {b} =" for a, b in pairs], "completion": [f" {b} {a}" for a, b in pairs]})
    data = pl.Dataset("swap", rows[:75], rows[75:].reset_index(drop=True))
    folder = save(tmp_path / "m", "llama", words_tokenizer(), std=0.08, hidden_size=32, num_hidden_layers=2)
    recipe = pl.Recipe(method="full", steps=250, batch_size=32, max_length=8, learning_rate=0.01)
    frame = pl.probe(pl.Task(folder, data, recipe), ProbePlan((0, 250), 1), progress=False)
    ends = frame.pivot_table(index="depth", columns="metric", values="value")
    assert ends.loc[0, "exact_match"] <= 0.1
    assert ends.loc[250, "exact_match"] >= 0.7, ends
    assert ends.loc[250, "eval_loss"] < 0.5 < ends.loc[0, "eval_loss"]


@pytest.mark.parametrize("changes", [{}, {"dropout": 0.2}, {"method": "full", "dropout": 0.1}])
def test_same_seed_same_numbers_to_the_last_bit(llama, data, recipe, changes):
    task = pl.Task(llama, data, recipe.replace(**changes))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = values(pl.probe(task, ProbePlan((0, 4, 12), (3, 1)), progress=False))
    again = values(pl.probe(task, ProbePlan((0, 4, 12), (1, 2, 3)), progress=False))
    pd.testing.assert_series_equal(first, again[first.index], check_exact=True)
    # Both seeds start from the same model: adapters do nothing yet.
    assert first.xs("eval_loss", level="metric").nunique() == 4 + 1


def test_parameters_may_be_exchanged_between_calls(task):
    """What stacked engines do: a run's own numbers are put in place of the parameters, without a copy."""
    own = learner(task)
    own.draw(0)
    start, rows = metrics(own), torch.arange(8)
    loss = own.loss(rows)[0].item()
    other = {name: torch.full_like(p, 0.3) for name, p in own.named.items()}
    mine = {name: p.data for name, p in own.named.items()}
    for name, p in own.named.items():
        p.data = other[name]
    assert metrics(own)["eval_loss"] != start["eval_loss"]
    own.train(True)
    changed, _ = own.loss(rows)
    assert changed.item() != loss
    changed.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in own.named.values())
    for name, p in own.named.items():
        p.data = mine[name]
    assert metrics(own) == start
    assert own.loss(rows)[0].item() == loss


def test_training_and_generation_leave_the_callers_model_alone(task):
    backbone = load_backbone(task.model)
    before = {k: v.clone() for k, v in backbone.causal.state_dict().items()}
    before_parameters = list(backbone.causal.parameters())
    for changes in ({}, {"method": "full"}):
        changed = pl.Task(task.model, task.data, task.recipe.replace(**changes))
        own = CausalLearner(changed, backbone, SharedInputs())
        run_alone(ReferenceTrainer(changed.recipe, own), 0, [2])
        own.match.matched(own.module, {0: []})
        shared = {p.data_ptr() for p in own.module.parameters()} & {p.data_ptr() for p in before_parameters}
        assert len(shared) == (0 if changes else len(before_parameters)), "adapters need no copy of the weights"
    after = backbone.causal.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert not backbone.causal.training
    assert not any(p.requires_grad for p in backbone.causal.parameters())


def test_a_checkpoints_taste_in_generation_does_not_count(causal_of, data, recipe, tmp_path):
    import shutil

    folder = shutil.copytree(causal_of("llama"), tmp_path / "copy")
    config = transformers.GenerationConfig(repetition_penalty=50.0, do_sample=True, temperature=5.0, max_new_tokens=1)
    config.save_pretrained(folder)
    own = learner(pl.Task(folder, data, recipe))
    tokenizer, model = own.match.tokenizer, own.module.eval()
    with torch.inference_mode():
        for i in range(len(data.eval)):
            ids, new = own.match.prompts[i], []
            while len(new) < own.match.limit and (not new or new[-1] != own.match.end):
                new.append(int(model(input_ids=torch.tensor([ids + new])).logits[0, -1].argmax()))
            own.match.wanted[i] = tokenizer.decode([t for t in new if t != own.match.end]).strip()
        assert len(own.match.matched(model, {i: [] for i in range(len(data.eval))})) == len(data.eval)


def test_forks_and_resuming_through_the_same_plan_and_store(task, tmp_path, press_ctrl_c_at):
    plan = ProbePlan((0, 3, 6, 12), design="branch", parents=2, forks=2)
    whole = pl.probe(task, plan, progress=False)
    assert set(whole["metric"]) == {"eval_loss", "perplexity", "exact_match"}
    final = whole[(whole["depth"] == 12) & (whole["metric"] == "eval_loss")]
    assert len(final) == final["value"].nunique() == 2 * (1 + 2 * 2)
    path = tmp_path / "runs.db"
    release = press_ctrl_c_at(17)
    with pytest.raises(KeyboardInterrupt):
        pl.probe(task, plan, path, progress=False)
    release()
    resumed = pl.probe(task, plan, path, progress=False)
    pd.testing.assert_frame_equal(
        resumed.drop(columns="seconds"), whole.drop(columns="seconds"), check_exact=True, check_dtype=False
    )
    curve = pl.risk_curve(whole, estimator="branch")
    assert curve.metric == "eval_loss"
    assert (curve.df == 2).all()


def test_a_run_that_diverges_is_recorded_and_the_others_go_on(task, llama, data, recipe):
    wild = pl.Task(llama, data, recipe.replace(method="full", learning_rate=1e30, max_grad_norm=0.0), name="wild")
    frame = pl.probe([wild, task], ProbePlan((0, 4, 12), 2), progress=False)
    lost = frame[(frame["task"] == "wild") & (frame["depth"] > 0)]
    assert len(lost) == 2 * 2 * 3
    assert set(lost["status"]) == {"diverged"}
    assert lost["value"].isna().all()
    assert set(frame.drop(lost.index)["status"]) == {"ok"}


def test_a_loss_whose_exponential_is_no_number_counts_as_diverged(task):
    own = learner(task)
    own.draw(0)
    with torch.no_grad():
        own.module.model.norm.weight.fill_(1e4)
    found = metrics(own)
    assert found["eval_loss"] > 710
    assert found["perplexity"] == math.inf
    assert not all_finite(found)


def test_flops_of_a_step_are_the_documented_formula(task):
    own = learner(task)
    _, flops = own.loss(torch.arange(8))
    length = int(own.train_rows.lengths[:8].max())
    targets = sum(len(c) for c in completion_rows(task, load_backbone(task.model), "train").completions[:8])
    adapters = (2 * 16 + 2 * 16) + (2 * 16 + 2 * 8)  # A and B on q (16 to 16) and v (16 to 8: one key-value head)
    linear = 16 * 16 + 2 * 16 * 8 + 16 * 16 + 3 * 16 * 32 + adapters
    forward = 8 * length * (2 * linear + 4 * length * 16) + 2 * targets * 16 * len([*SPECIAL, *WORDS])
    assert flops == 2 * forward + 2 * 8 * length * adapters


def test_long_prompts_lose_their_beginning_and_completions_nothing(task, caplog):
    backbone = load_backbone(task.model)
    short = pl.Task(task.model, task.data, task.recipe.replace(max_length=5))
    with caplog.at_level("WARNING", logger="predictlab"):
        rows = completion_rows(short, backbone, "train")
    whole = completion_rows(task, backbone, "train")
    cut = [len(a) < len(b) for a, b in zip(rows.prompts, whole.prompts, strict=True)]
    assert f"{sum(cut)} of 40 prompts (train) are cut from the left to max_length=5" in caplog.text
    assert rows.completions == whole.completions
    assert max(rows.inputs.lengths) == 5
    for kept, full, completion in zip(rows.prompts, whole.prompts, rows.completions, strict=True):
        assert kept == full[len(full) - len(kept) :]
        assert len(kept) == min(len(full), 5 - (len(completion) - 1))
    with pytest.raises(DataError, match=r"completions \(train, the first in row \d+\) do not fit.*at least 3, or"):
        completion_rows(pl.Task(task.model, task.data, task.recipe.replace(max_length=2)), backbone, "train")
    with pytest.raises(ArgumentError, match="max_length=25: expected 1 to 24"):
        completion_rows(pl.Task(task.model, task.data, task.recipe.replace(max_length=25)), backbone, "train")


def test_a_begin_token_is_set_once_and_kept_where_the_prompt_is_cut(task, tmp_path):
    from tokenizers import processors

    own = words_tokenizer()
    own.add_special_tokens({"bos_token": "[UNK]"})
    own.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[UNK] $A [EOS]", special_tokens=[("[UNK]", 1), ("[EOS]", 2)]
    )
    save(tmp_path / "m", "llama", own)
    backbone = load_backbone(tmp_path / "m")
    table = pd.DataFrame(
        {"prompt": ["1 + 2 =", "[UNK] 1 + 2 =", "1 + 2 + 3 + 4 ="], "completion": [" 3", " 3", " 1 0"]}
    )
    short = pl.Task(tmp_path / "m", pl.Dataset("begun", table, table), task.recipe.replace(max_length=7))
    rows = completion_rows(short, backbone, "train")
    assert rows.prompts[0] == rows.prompts[1] == [1, *own("1 + 2 =", add_special_tokens=False)["input_ids"]]
    assert rows.prompts[2] == [1, *own("3 + 4 =", add_special_tokens=False)["input_ids"]]
    assert rows.completions[2] == [*own("1 0", add_special_tokens=False)["input_ids"], 2]


def test_models_without_a_head_or_an_end_token_are_refused(bert, task, data, recipe, tmp_path):
    with pytest.raises(ModelError, match=r"no language-model head.*smollm2-135m"):
        pl.probe(pl.Task(bert, data, recipe), ProbePlan((1,), 1), progress=False)
    endless = words_tokenizer()
    endless.eos_token = None
    save(tmp_path / "m", "llama", endless)
    with pytest.raises(ModelError, match="no end-of-sequence token"):
        CausalLearner(pl.Task(tmp_path / "m", data, recipe), load_backbone(tmp_path / "m"), SharedInputs())


def test_a_model_that_looks_ahead_is_refused(data, recipe, tmp_path):
    size = {"vocab_size": 17, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
    for decoder in (True, False):
        config = transformers.BertConfig(**size, intermediate_size=32, is_decoder=decoder, pad_token_id=0)
        folder = tmp_path / str(decoder)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            model = transformers.BertLMHeadModel(config)
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    torch.nn.init.normal_(parameter, std=0.15)
        model.save_pretrained(folder)
        words_tokenizer().save_pretrained(folder)
    assert metrics(learner(pl.Task(tmp_path / "True", data, recipe)))["eval_loss"] > 0
    with pytest.raises(ModelError, match=r"\(bert\) looks ahead"):
        learner(pl.Task(tmp_path / "False", data, recipe))


def test_a_causal_model_still_serves_as_an_encoder(llama, recipe):
    table = pd.DataFrame({"text": [f"{a} + {b}" for a in range(5) for b in range(8)], "label": [0, 1] * 20})
    labelled = pl.Dataset("parity", table, table, ("even", "odd"))
    frame = pl.probe(pl.Task(llama, labelled, recipe), ProbePlan((0, 4), 1), progress=False)
    assert set(frame["metric"]) == {"accuracy", "eval_loss"}


def test_what_completions_cannot_have_is_said_at_once(llama, data, recipe):
    with pytest.raises(ArgumentError, match=r"label_noise=0.1: expected 0 for completions"):
        pl.Task(llama, data, recipe, label_noise=0.1)
    with pytest.raises(ArgumentError, match=r"method='head': expected 'lora' or 'full' for completions"):
        pl.Task(llama, data, recipe.replace(method="head"))
    with pytest.raises(ArgumentError, match=r"metric='accuracy': expected one of eval_loss, perplexity, exact_match"):
        pl.Task(llama, data, recipe, metric="accuracy")
    task = pl.Task(llama, data, recipe)
    assert task.metric == "eval_loss"
    with pytest.raises(DataError, match="no labels"):
        task.labels("train")
    with pytest.raises(DataError, match=r"features are rated against labels.*pl.score"):
        pl.static.features_of(task)


def test_risk_of_completions_is_read_from_the_loss_and_exact_matches_have_a_sampling_error(task):
    frame = pl.probe(task, ProbePlan((2, 4, 8, 12), 4), progress=False)
    assert pl.risk_curve(frame).metric == "eval_loss"
    assert pl.risk_curve(frame, eval_rows=30).sampling_error is None
    share = frame["metric"] == "exact_match"
    some = frame.assign(value=frame["value"].where(~share, 0.25 + frame["seed"] / 100))
    curve = pl.risk_curve(some, metric="exact_match", eval_rows=30)
    mean = 0.25 + np.mean([0, 1, 2, 3]) / 100
    assert curve.sampling_error == pytest.approx(mean * (1 - mean) / 30)


@pytest.mark.train
def test_smollm2_learns_word_problems():
    table = pl.load_dataset("asdiv", eval_size=12, train_size=40, seed=0)
    data = pl.Dataset("asdiv", table.train, table.eval)
    recipe = pl.Recipe(layers="last:4", steps=12, batch_size=8, max_length=128, learning_rate=2e-3, schedule="constant")
    task = pl.Task("smollm2-135m", data, recipe)
    backbone = load_backbone("smollm2-135m")
    cached = CausalLearner(task, backbone, SharedInputs())
    assert cached.body.first == 26
    start, end = (result.values for result in run_alone(ReferenceTrainer(recipe, cached), 0, [0, 12]))
    assert end["eval_loss"] < start["eval_loss"] - 0.5
    assert end["perplexity"] == pytest.approx(math.exp(end["eval_loss"]))
    ids, mask, labels = padded(backbone.tokenizer, data.eval.iloc[:4], 128)
    cached.train(False)
    with torch.inference_mode():
        truth = cached.module(input_ids=ids, attention_mask=mask, labels=labels).loss.item()
        own, total, count = cached.eval_rows.batch(torch.arange(4)), 0.0, 0
        keep, targets = cached._asked(cached.eval_targets, torch.arange(4))
        logits = cached.logits(*own, keep)
        total, count = float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum")), len(targets)
    assert count == int((labels[:, 1:] >= 0).sum())
    assert total / count == pytest.approx(truth, abs=1e-4)


def test_outcomes_of_rows_are_kept(task, tmp_path):
    """Of metrics that are means over rows: the loss a token, weighted by tokens, and exact matches."""
    frame = pl.probe(task, ProbePlan((0, 12), 2), tmp_path / "a.db", progress=False)
    with pl.RunStore(tmp_path / "a.db") as store:
        for row in frame[frame["metric"] != "perplexity"].itertuples():
            values = store.outcomes("toy", row.metric, row.depth).loc[row.run]
            assert values.mean() == pytest.approx(row.value, rel=1e-5)
            assert len(values) == 30
        with pytest.raises(StoreError, match="no outcomes of 'perplexity'"):
            store.outcomes("toy", "perplexity")
