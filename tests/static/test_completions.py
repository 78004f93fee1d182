"""Scores of completions: closed forms, and loops over rows and autograd by hand beside what is computed in batches."""

import functools
import math

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from scipy import stats
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn.functional import cross_entropy

import predictlab as pl
from predictlab.catalog import _completions
from predictlab.catalog._completions import Completer
from predictlab.catalog._features import load_backbone
from predictlab.catalog._gradients import gradient_products
from predictlab.errors import ArgumentError, DataError, ModelError
from predictlab.static._features_table import COLUMNS

WORDS = ["[PAD]", "[UNK]", "[EOS]", *map(str, range(10)), "+", "=", "so"]
LENGTH = 64


def save(folder, kind="llama", begin=False, **changes):
    """A random causal language model of three layers that reads one token a word."""
    own = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "[EOS]"}
    if begin:
        from tokenizers.processors import TemplateProcessing

        own.post_processor = TemplateProcessing(single="so $A", special_tokens=[("so", len(WORDS) - 1)])
        special["bos_token"] = "so"
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=own, model_max_length=LENGTH, **special)
    size = {"vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
            "num_key_value_heads": 1, "intermediate_size": 32, "max_position_embeddings": LENGTH, "head_dim": 8,
            "pad_token_id": 0, "bos_token_id": None, "eos_token_id": 2}  # fmt: skip
    if kind == "gpt2":
        size = {"vocab_size": len(WORDS), "n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": LENGTH}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(kind, **size | changes))
        for parameter in model.parameters():
            if parameter.ndim == 2:
                torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def sums(n, seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        terms = rng.integers(0, 10, size=rng.integers(2, 5))
        rows.append((" + ".join(map(str, terms)) + f" + {i % 10} =", " " + " ".join(str(terms.sum() + i % 10))))
    return pd.DataFrame(rows, columns=["prompt", "completion"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save(tmp_path_factory.mktemp("llama"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("predictlab.catalog._layers.cache_dir", lambda: tmp_path / "cache")


def completer(folder, table, **rest):
    return Completer(folder, table["prompt"], table["completion"], 16, "sums", "train", "", **rest)


def task(folder, n=80, **recipe):
    settings = {"layers": "last:2", "max_length": 16, "batch_size": 8, "rank": 2} | recipe
    return pl.Task(folder, pl.Dataset("sums", sums(n), sums(20, 1)), pl.Recipe(**settings), name="toy")


def one_by_one(folder, table, before=(), begin=False):
    """Nats of text and end, and tokens: a row at a time, the whole model, no padding."""
    backbone = load_backbone(folder)
    tokens = lambda text: backbone.tokenizer(text, add_special_tokens=False)["input_ids"]  # noqa: E731
    found = []
    for prompt, completion in table[["prompt", "completion"]].to_numpy():
        start = [len(WORDS) - 1] * begin + [token for text in before for token in tokens(text)] + tokens(prompt)
        start = start or [2]
        ids = torch.tensor([start + tokens(completion) + [2]])
        with torch.inference_mode():
            logits = backbone.causal(input_ids=ids[:, :-1]).logits[0, len(start) - 1 :].double()
        losses = cross_entropy(logits, ids[0, len(start) :], reduction="none")
        found.append((float(losses[:-1].sum()), float(losses[-1]), len(losses) - 1))
    return np.array(found)


# Closed forms


def test_a_uniform_model_needs_the_bits_of_its_vocabulary():
    texts = ["one", "twenty", "é"]
    sizes = [3, 6, 2]
    assert pl.static.bits_per_byte([-n * math.log(256) for n in sizes], sizes) == pytest.approx(8)
    # Long rows count more: it is a ratio of sums, no mean of ratios.
    assert pl.static.bits_per_byte([-math.log(2) * 8, 0.0], [1, 7]) == pytest.approx(1)
    assert _completions is not None
    assert [len(t.encode()) for t in texts] == sizes


def test_ifd_is_a_ratio_of_perplexities():
    given, alone, tokens = np.array([-2.0, -9.0]), np.array([-6.0, -8.0]), np.array([2, 4])
    assert pl.static.ifd(given, alone, tokens) == pytest.approx([np.exp(1 - 3), np.exp(9 / 4 - 2)])
    assert pl.static.ifd(alone, alone, tokens) == pytest.approx([1, 1])


def test_byte_codes():
    texts = ["abba", "ab\u00e9"]
    seen, bits = np.full(256, 0.5), 0.0
    for byte in "".join(texts).encode():
        bits -= math.log2(seen[byte] / seen.sum())
        seen[byte] += 1
    assert pl.static.unigram_bits(texts) == pytest.approx(bits / 8)
    rng = np.random.default_rng(0)
    letters = ["".join(rng.choice(list("abcd"), 400)) for _ in range(50)]
    assert 2 < pl.static.unigram_bits(letters) < 2.1
    assert 2 < pl.static.compressed_bits(letters) < 2.4
    assert pl.static.compressed_bits([letters[0]] * 50) < 0.2 < 2 < pl.static.unigram_bits([letters[0]] * 50)


def test_gradient_noise_of_a_known_population():
    rng = np.random.default_rng(1)
    signal, n, b, m = rng.normal(size=300), 40 * 4, 4, 40
    truth = 4.0 * 300 / (signal @ signal)
    rows = signal + 2 * rng.normal(size=(n, 300))
    batches = rows.reshape(m, b, 300).mean(axis=1)
    found = pl.static.gradient_noise(batches @ batches.T, b)
    low, high = found.noise_scale_interval
    assert low < truth < high
    assert found.consistency == pytest.approx(1 / (1 + truth / b), abs=0.1)
    assert found.consistency_interval[0] < 1 / (1 + truth / b) < found.consistency_interval[1]
    assert found.trace == pytest.approx(1200, rel=0.1)
    # One batch against all of them is the formula for two batch sizes.
    small, large = (batches**2).sum(1).mean(), (batches.mean(0) ** 2).sum()
    assert pl.static.noise_scale(small, large, b, m * b) == pytest.approx(found.noise_scale)
    cosines = batches @ batches.T / np.linalg.norm(batches, axis=1) / np.linalg.norm(batches, axis=1)[:, None]
    assert found.consistency == pytest.approx(cosines[np.triu_indices(m, 1)].mean(), abs=0.01)


def test_gradient_noise_intervals_hold():
    rng = np.random.default_rng(2)
    held, truth = 0, 1 / (1 + 4.0 / 8)
    for _ in range(200):
        rows = 1 + 2 * rng.normal(size=(12, 8, 60))
        batches = rows.mean(axis=1)
        low, high = pl.static.gradient_noise(batches @ batches.T, 8, confidence=0.9).consistency_interval
        held += low < truth < high
    assert held >= stats.binom.ppf(0.001, 200, 0.9)


def test_gradients_without_a_common_direction():
    rng = np.random.default_rng(0)
    batches = rng.normal(size=(16, 500))
    found = pl.static.gradient_noise(batches @ batches.T, 4)
    assert found.consistency == pytest.approx(0, abs=0.02)
    assert found.noise_scale_interval[1] == np.inf
    assert "noise scale" in repr(found)
    assert "consistency" in found._repr_html_()
    assert pl.static.noise_scale(small=2.0, large=0.2, small_batch=1, large_batch=10) == np.inf


# The model's side


@pytest.mark.parametrize(("kind", "begin"), [("llama", False), ("llama", True), ("gpt2", False), ("gemma2", False)])
def test_nats_are_those_of_one_row_at_a_time(tmp_path, kind, begin):
    where, table = save(tmp_path / "model", kind, begin), sums(9)
    own = completer(where, table)
    assert own.nats() == pytest.approx(one_by_one(where, table, begin=begin), rel=1e-5)
    alone = one_by_one(where, table.assign(prompt=""), begin=begin)
    assert own.nats([""] * 9) == pytest.approx(alone, rel=1e-5)
    pairs = [tuple(row) for row in sums(2, 5).to_numpy()]
    before = [text for pair in pairs for text in (*pair, "\n\n")]
    assert own.nats(demonstrations=pairs) == pytest.approx(one_by_one(where, table, before, begin), rel=1e-5)


def tokens_read(own, monkeypatch):
    """Counts of the tokens that pass through the model."""
    encoder, read = own.backbone.encoder, []
    forward = encoder.forward

    @functools.wraps(forward)
    def counted(*arguments, **named):
        read.append(named["input_ids"].numel())
        return forward(*arguments, **named)

    monkeypatch.setattr(encoder, "forward", counted)
    return read


SLIDING = {"sliding_window": 8}


@pytest.mark.parametrize(
    ("kind", "begin", "changes"),
    [("llama", True, {}), ("gpt2", False, {}), ("gemma", False, {}), ("mistral", False, SLIDING)],
)
def test_demonstrations_are_read_once(tmp_path, monkeypatch, kind, begin, changes):
    """And the nats are those of reading them with every row, prompts of no token too."""
    table = sums(40)
    table.loc[[3, 7], "prompt"] = ""
    where = save(tmp_path / "model", kind, begin, **changes)
    pairs = [tuple(row) for row in sums(3, 5).to_numpy()]
    before = [text for pair in pairs for text in (*pair, "\n\n")]
    own = completer(where, table, cache=False)
    read = tokens_read(own, monkeypatch)
    told = own.nats(demonstrations=pairs)
    long = len(own._before(pairs))
    assert long > 20
    assert sum(read) < 40 * 16 + 4 * (long + 16)  # the rows, and what the check takes
    monkeypatch.undo()
    if not begin:  # there an empty prompt becomes an end token, which stands behind the demonstrations as well
        table["prompt"] = table["prompt"].replace("", "[EOS]")
    assert told == pytest.approx(one_by_one(where, table, before, begin), rel=1e-5)


def test_a_model_that_keeps_nothing_right_reads_everything(folder, monkeypatch):
    from predictlab.catalog import _beginnings

    table, pairs = sums(20), [tuple(row) for row in sums(2, 5).to_numpy()]
    right = completer(folder, table, cache=False).nats(demonstrations=pairs)
    for wrong in (lambda self, keys, values, *_: (keys, values), lambda *_: len(1)):
        monkeypatch.setattr(_beginnings.Beginning, "update", wrong)
        own = completer(folder, table, cache=False)
        read = tokens_read(own, monkeypatch)
        assert own.nats(demonstrations=pairs) == pytest.approx(right, rel=1e-5)
        assert sum(read) > 20 * len(own._before(pairs))


def test_the_loss_of_a_probe_at_depth_0(folder):
    from predictlab.probing._engine.causal import CausalLearner
    from predictlab.probing._engine.inputs import SharedInputs

    toy = task(folder)
    learner = CausalLearner(toy, load_backbone(folder), SharedInputs())
    learner.draw(0)
    loss = learner.metrics_of(learner.outcomes())["eval_loss"]
    nats = completer(folder, toy.data.eval).nats()
    assert nats[:, :2].sum() / (nats[:, 2] + 1).sum() == pytest.approx(loss, rel=1e-6)


def by_hand(folder, table, batches, names):
    """Gradients by autograd, a batch's rows one after another: the sum of token losses over the batch's tokens."""
    backbone = load_backbone(folder)
    weights = [backbone.causal.get_parameter(name).requires_grad_(True) for name in names]
    found = []
    for batch in batches:
        loss, count = 0.0, 0
        for i in batch:
            prompt, completion = (
                backbone.tokenizer(table[c].iloc[i], add_special_tokens=False)["input_ids"]
                for c in ("prompt", "completion")
            )
            ids = torch.tensor([prompt + completion + [2]])
            logits = backbone.causal(input_ids=ids[:, :-1]).logits[0, len(prompt) - 1 :]
            loss = loss + cross_entropy(logits, ids[0, len(prompt) :], reduction="sum")
            count += len(completion) + 1
        gradients = torch.autograd.grad(loss / count, weights)
        found.append(torch.cat([g.flatten() for g in gradients]).double().numpy())
    return np.array(found)


MAPS = [f"model.layers.{layer}.self_attn.{name}.weight" for layer in (1, 2) for name in ("q_proj", "v_proj")]


def test_gradients_are_those_of_autograd(folder):
    table, batches = sums(24), np.split(np.random.default_rng(0).permutation(24), 6)
    recipe = pl.Recipe(layers="last:2")
    own = completer(folder, table)
    g = by_hand(folder, table, batches, MAPS)
    assert gradient_products(own, recipe, batches) == pytest.approx(g @ g.T / 16, rel=1e-4)  # all maps read 16 numbers
    assert not any(p.requires_grad for p in own.backbone.causal.parameters())
    names = [name for name, _ in own.backbone.causal.named_parameters()]
    g = by_hand(folder, table, batches, names)
    assert gradient_products(own, recipe.replace(method="full"), batches) == pytest.approx(g @ g.T, rel=1e-4)


def test_gradients_of_a_choice_of_numbers(folder, monkeypatch):
    from predictlab.catalog import _gradients

    table, batches = sums(40), np.split(np.arange(40), 10)
    own = completer(folder, table, cache=False)
    whole = gradient_products(own, pl.Recipe(method="full"), batches)
    monkeypatch.setattr(_gradients, "NUMBERS", 10 * 4000)
    some = gradient_products(own, pl.Recipe(method="full"), batches)
    count = sum(p.numel() for p in own.backbone.causal.parameters())
    assert np.trace(some) / np.trace(whole) == pytest.approx(4000 / count, rel=0.3)
    a, b = (pl.static.gradient_noise(products, 4).consistency for products in (whole, some))
    assert a == pytest.approx(b, abs=0.1)


def test_adapters_have_these_gradients_on_average(folder):
    """Over fresh adapters the products of their gradients are ours, times rank/3 and the square of their scale."""
    from predictlab.probing._engine.causal import CausalLearner
    from predictlab.probing._engine.inputs import SharedInputs

    toy = task(folder, n=24, lora_alpha=6)
    learner = CausalLearner(toy, load_backbone(folder), SharedInputs())
    batches, total, draws = [torch.arange(i, i + 8) for i in (0, 8, 16)], np.zeros((3, 3)), 80
    for seed in range(draws):
        learner.draw(seed)
        found = []
        for batch in batches:
            for parameter in learner.named.values():
                parameter.grad = None
            learner.loss(batch)[0].backward()
            found.append(torch.cat([p.grad.flatten() for p in learner.named.values()]).double().numpy())
        total += np.array(found) @ np.array(found).T / draws
    own = gradient_products(completer(folder, toy.data.train), toy.recipe, [b.numpy() for b in batches])
    scale = np.trace(total) / np.trace(own)
    assert scale == pytest.approx((6 / 2) ** 2 * 2 / 3, rel=0.1)
    assert total / scale == pytest.approx(own, rel=0.15)


# The table


def test_score_of_completions(folder):
    toy = task(folder)
    scores = pl.score(toy, "all", controls=True, rng=4)
    table = scores.table.set_index("method")
    assert list(scores.table.columns) == ["task", "layer", *COLUMNS, "train_rows", "feature_seconds"]
    assert table.index.tolist() == pl.static.methods().query("of == 'completions'")["method"].tolist()
    own = completer(folder, toy.data.train)
    given, alone = -own.nats()[:, 0], -own.nats([""] * 80)[:, 0]
    sizes = toy.data.train["completion"].str.len().to_numpy()
    assert table.loc["bits_per_byte", "value"] == pl.static.bits_per_byte(given, sizes)
    each = pl.static.ifd(given, alone, own.nats()[:, 2].astype(int))
    assert table.loc["ifd", "value"] == pytest.approx(stats.gmean(each))
    assert table.loc["compressed_bits", "value"] == pl.static.compressed_bits(toy.data.train["completion"].tolist())
    assert table.loc["in_context_gain", "rows"] == 76
    # The difference of the two, on rows that are no demonstrations.
    shown = np.random.default_rng(5).permutation(80)[:4]
    kept = np.setdiff1d(np.arange(80), shown)
    bare = pl.static.bits_per_byte(given[kept], sizes[kept])
    gain = table.loc["in_context_gain", "value"]
    assert gain == pytest.approx(bare - table.loc["bits_per_byte_shots", "value"])
    pairs = [tuple(row) for row in toy.data.train.iloc[shown].to_numpy()]
    behind = -own.nats(demonstrations=pairs)[kept, 0]
    assert table.loc["bits_per_byte_shots", "value"] == pl.static.bits_per_byte(behind, sizes[kept])
    for name in ("bits_per_byte", "ifd", "in_context_gain", "noise_scale", "gradient_consistency"):
        assert table.loc[name, "lower"] < table.loc[name, "value"] < table.loc[name, "upper"]
    b = toy.recipe.batch_size
    assert table.loc["noise_scale", "value"] == pytest.approx(b / table.loc["gradient_consistency", "value"] - b)
    assert table["says"].isin(["something", "nothing", ""]).all()
    assert table.loc["ifd", "says"] == "nothing"  # nothing was learnt: a prompt is as good as another
    assert set(scores.controls["control"]) == {"shares of bytes", "compressor", "size", "random weights"}
    assert "bits_per_byte" in repr(scores)
    quick = pl.score(toy, ["bits_per_byte", "ifd"], permutations=0, max_rows=30, draws=20).table
    assert quick["null"].isna().all()
    assert (quick["rows"] == 30).all()
    assert quick["interval"].str.contains("20 halves").all()


def test_a_prompt_that_says_the_answer_says_something(tmp_path):
    """A model that copies the token before: its completions repeat the end of their prompts."""
    where = save(tmp_path / "copies")
    backbone = load_backbone(where)
    model = backbone.causal
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.nn.functional.normalize(model.model.embed_tokens.weight))
        model.lm_head.weight.copy_(6 * model.model.embed_tokens.weight)
    model.save_pretrained(where)
    rng = np.random.default_rng(0)
    rows = [(f"{a} + {b}", f" {b}") for a, b in rng.integers(0, 10, (60, 2))]
    data = pl.Dataset("copy", pd.DataFrame(rows, columns=["prompt", "completion"]), sums(5))
    table = pl.score(pl.Task(where, data, pl.Recipe(max_length=16))).table.set_index("method")
    assert (table.loc[["bits_per_byte", "ifd"], "says"] == "something").all()
    assert table.loc["ifd", "value"] < 0.1 < table.loc["ifd", "null"]
    assert table.loc["bits_per_byte", "value"] < table.loc["bits_per_byte", "null"]


def test_ratio_intervals_hold(folder):
    from predictlab.static._score_completions import _ratio

    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        sizes = rng.integers(1, 40, 30)
        nats = sizes * rng.gamma(4, 0.25, 30)  # of mean 1 a byte, whatever the size
        low, high, _ = _ratio(-nats, sizes, 0.9, 0, 0)
        held += low < 1 / np.log(2) < high
    assert stats.binom.ppf(0.0005, 300, 0.88) <= held <= stats.binom.ppf(0.9995, 300, 0.92)


def test_what_was_computed_is_kept(folder, monkeypatch):
    toy, calls = task(folder, n=150), []
    real = Completer._computed

    def counted(self, prompts, *rest):
        if len(calls) == 2:
            calls.append(0)
            raise KeyboardInterrupt
        calls.append(len(prompts))
        return real(self, prompts, *rest)

    monkeypatch.setattr(Completer, "_computed", counted)
    with pytest.raises(KeyboardInterrupt):
        pl.score(toy, "bits_per_byte", permutations=0)
    assert calls == [64, 64, 0]
    first = pl.score(toy, "bits_per_byte", permutations=0)
    assert calls == [64, 64, 0, 22]  # goes on where it was
    again = pl.score(toy, "bits_per_byte", permutations=0)
    assert again.value("bits_per_byte") == first.value("bits_per_byte")
    assert len(calls) == 4
    pl.score(toy, "noise_scale")
    monkeypatch.setattr("predictlab.catalog._gradients._gradient", None)
    pl.score(toy, "noise_scale")
    pl.score(toy, "bits_per_byte", permutations=0, cache=False)
    assert len(calls) == 7


def test_refused(folder, tmp_path):
    toy = task(folder)
    with pytest.raises(ArgumentError, match=r"logme: it compares classes.*completions.*bits_per_byte, ifd"):
        pl.score(toy, "logme")
    with pytest.raises(ArgumentError, match=r"ifd: it asks a causal language model.*classes.*hscore"):
        pl.static.score_features(np.eye(4), [0, 1, 0, 1], "ifd")
    with pytest.raises(ArgumentError, match=r"rectified_law\(sizes, losses\)"):
        pl.score(toy, "rectified_law")
    with pytest.raises(ArgumentError, match="No layer is scored"):
        pl.score(toy, layers="each")
    with pytest.raises(ArgumentError, match="shots=1"):
        pl.score(toy, shots=1)
    with pytest.raises(DataError, match="read"):
        pl.score(toy, "in_context_gain", shots=9)
    with pytest.raises(DataError, match=r"demonstrations leave 2 rows"):
        pl.score(task(folder, n=6), "in_context_gain")
    with pytest.raises(DataError, match="at least 4 batches of the recipe's batch_size=8"):
        pl.score(task(folder, n=31), "noise_scale")
    with pytest.raises(DataError, match="do not fit into max_length=2"):
        pl.score(task(folder, max_length=2))
    with pytest.raises(ArgumentError, match=f"max_length=100: expected 1 to {LENGTH}"):
        pl.score(task(folder, max_length=100))
    frame = toy.data.train.copy()
    frame.loc[[3, 9], "completion"] = ""
    with pytest.raises(DataError, match=r"2 of 80 are empty, the first in row 3"):
        pl.score(pl.Task(folder, pl.Dataset("holes", frame, frame.head(5))))
    frame.loc[[3, 9], "completion"] = "  "
    with pytest.raises(DataError, match=r"tokenizer makes nothing of 2 completions, the first in row 3"):
        pl.score(pl.Task(folder, pl.Dataset("blanks", frame, frame.head(5)), toy.recipe), "ifd")
    with pytest.raises(DataError, match="three small sizes"):
        pl.rank([folder, "minilm-l6"], toy.data)
    with pytest.raises(DataError, match="need 3"):
        pl.score(task(folder, n=2))
    encoder = transformers.BertConfig(vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1,
                                      num_attention_heads=2, intermediate_size=16)  # fmt: skip
    transformers.BertModel(encoder).save_pretrained(tmp_path / "bert")
    load_backbone(folder).tokenizer.save_pretrained(tmp_path / "bert")
    with pytest.raises(ModelError, match=r"no language-model head|looks ahead"):
        pl.score(task(str(tmp_path / "bert")))


def test_refused_numbers():
    with pytest.raises(ArgumentError, match="Losses are their negative"):
        pl.static.bits_per_byte([1.0, 2.0], [3, 4])
    with pytest.raises(ArgumentError, match="sizes="):
        pl.static.bits_per_byte([-1.0], [3, 4])
    with pytest.raises(DataError, match="1 of 2 completions are empty, the first in row 1"):
        pl.static.bits_per_byte([-1.0, -2.0], [3, 0])
    with pytest.raises(ArgumentError, match="log_probs="):
        pl.static.ifd([np.nan], [-1.0], [2])
    with pytest.raises(ArgumentError, match="tokens="):
        pl.static.ifd([-1.0], [-1.0], [2.5])
    with pytest.raises(ArgumentError, match="a sequence of texts"):
        pl.static.compressed_bits("abc")
    with pytest.raises(DataError, match="none"):
        pl.static.unigram_bits([])
    with pytest.raises(DataError, match="3 batches"):
        pl.static.gradient_noise(np.eye(3), 8)
    with pytest.raises(DataError, match="all gradients are 0"):
        pl.static.gradient_noise(np.zeros((5, 5)), 8)
    with pytest.raises(ArgumentError, match="products="):
        pl.static.gradient_noise(np.ones((5, 4)), 8)
    with pytest.raises(ArgumentError, match="large_batch=8"):
        pl.static.noise_scale(1.0, 0.5, 8, 8)
