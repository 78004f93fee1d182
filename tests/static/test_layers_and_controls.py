"""A small real model: its layers, the cache on disk, interruptions, controls."""

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, ModelError

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

from predictlab.catalog import _layers  # noqa: E402
from predictlab.catalog._features import load_backbone  # noqa: E402

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "very"]
TEXTS = ["good film", "a very bad film", "bad", "a good a good film", "very very very bad"] * 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("bert")
    (path / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizer(str(path / "vocab.txt")).save_pretrained(path)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=128, initializer_range=0.5,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(1)
        transformers.BertModel(config).save_pretrained(path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PREDICTLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_layers, "CHUNK", 8)
    return tmp_path / "cache" / "features"


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_layers_are_the_models_hidden_states(folder, pooling):
    found = _layers.layer_features(folder, TEXTS, 16, pooling, "each", cache=False)
    assert list(found) == ["1", "2", "3", "mean"]
    backbone = load_backbone(folder)
    for i, text in enumerate(TEXTS[:5]):
        inputs = backbone.tokenizer(text, return_tensors="pt")
        with torch.inference_mode():
            states = backbone.encoder(**inputs, output_hidden_states=True).hidden_states[1:]
        expected = [(s[0].mean(0) if pooling == "mean" else s[0, 0]).numpy() for s in states]
        for layer, x in zip(("1", "2", "3"), expected, strict=True):
            np.testing.assert_allclose(found[layer][i], x, atol=2e-5)
        np.testing.assert_allclose(found["mean"][i], np.mean(expected, axis=0), atol=2e-5)
    last = _layers.layer_features(folder, TEXTS, 16, pooling, "last", cache=False)["last"]
    np.testing.assert_array_equal(last, found["3"])
    np.testing.assert_array_equal(_layers.layer_features(folder, TEXTS, 16, pooling, 2, cache=False)["2"], found["2"])
    with pytest.raises(ArgumentError, match="at most 3"):
        _layers.layer_features(folder, TEXTS, 16, pooling, 4, cache=False)


def test_what_was_kept_is_read_and_content_decides(folder, cache, monkeypatch):
    first = _layers.layer_features(folder, TEXTS)["mean"]
    assert len(list(cache.rglob("*.npy"))) == 3  # 20 texts, 8 a file
    monkeypatch.setattr(_layers, "_computed", lambda *a: pytest.fail("computed again"))
    np.testing.assert_array_equal(_layers.layer_features(folder, TEXTS)["mean"], first)
    monkeypatch.undo()
    monkeypatch.setenv("PREDICTLAB_CACHE", str(cache.parent))
    monkeypatch.setattr(_layers, "CHUNK", 8)
    for changed in ({"pooling": "cls"}, {"max_length": 3}, {"layers": "last"}, {"random_seed": 0}):
        assert not np.array_equal(next(iter(_layers.layer_features(folder, TEXTS, **changed).values())), first)
    other = _layers.layer_features(folder, [*TEXTS[:-1], "good"])["mean"]
    assert not np.array_equal(other[-1], first[-1])
    damaged = sorted(cache.rglob("*.npy"))[0]
    damaged.write_bytes(b"cut")
    np.testing.assert_array_equal(_layers.layer_features(folder, TEXTS)["mean"], first)


def test_an_interruption_keeps_what_was_computed(folder, cache, monkeypatch):
    real, calls = _layers._computed, []

    def second_time(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(_layers, "_computed", second_time)
    with pytest.raises(KeyboardInterrupt):
        _layers.layer_features(folder, TEXTS)
    assert len(list(cache.rglob("*.npy"))) == 1
    assert not list(cache.rglob("*.part"))
    _layers.layer_features(folder, TEXTS)
    assert len(calls) == 4  # one kept, one lost, and the two that were missing


def test_other_weights_in_the_same_folder_are_another_model(folder, tmp_path):
    import shutil

    copy = shutil.copytree(folder, tmp_path / "model")
    first = _layers.layer_features(copy, TEXTS)["mean"]
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = transformers.BertModel(transformers.AutoConfig.from_pretrained(copy))
    model.save_pretrained(copy)
    assert not np.allclose(_layers.layer_features(copy, TEXTS)["mean"], first)


def test_a_model_without_hidden_states(folder):
    backbone = load_backbone(folder)

    class Silent(torch.nn.Module):
        def forward(self, **inputs):
            return type("Output", (), {"last_hidden_state": None})()

    silent = type(backbone)("silent", Silent(), backbone.tokenizer, 3, 16, 128)
    silent.encoder.p = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(ModelError, match="no hidden states"):
        _layers.layer_features(silent, TEXTS)


def films(n, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    text = [" ".join(["a"] * rng.integers(0, 4) + ["very"] * (i % 2) + [["bad", "good"][y], "film"]) for i, y in
            enumerate(label)]  # fmt: skip
    return pd.DataFrame({"text": text, "label": label})


def test_controls_stand_beside(folder):
    frame = films(80)
    task = pl.Task(folder, pl.Dataset("films", frame, frame.head(20), ("bad", "good")), pl.Recipe(max_length=16))
    scores = pl.score(task, ["hscore", "knn"], controls=True)
    table = scores.controls.set_index(["control", "method"])
    assert table.loc[("largest class", "accuracy"), "value"] == frame["label"].value_counts(normalize=True).max()
    assert table.loc[("bag of words", "accuracy"), "value"] == 1.0  # one word tells
    assert table.loc[("size", "parameters"), "value"] == sum(
        p.numel() for p in transformers.BertModel.from_pretrained(folder, add_pooling_layer=False).parameters()
    )
    assert ("random weights", "hscore") in table.index
    assert "bag of words" in scores._repr_html_()
    assert pl.score(task, "knn").controls.empty


def test_a_bag_of_words_knows_nothing_of_labels_dealt_anew():
    from predictlab.static._controls import bag_of_words

    frame = films(400)
    labels = np.random.default_rng(3).permutation(frame["label"].to_numpy())
    assert bag_of_words(frame["text"].tolist(), labels).mean() < 0.6
    assert bag_of_words(["!", "?"] * 20, labels[:40]).mean() == pytest.approx(
        np.bincount(labels[:40]).max() / 40, abs=0.01
    )
