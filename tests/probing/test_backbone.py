"""Loading encoders: what is read, what is refused, and the pooled features."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
import transformers

from predictlab.catalog._features import length_sorted_batches, load_backbone, pool, tokenise
from predictlab.catalog._layers import layer_features
from predictlab.errors import ArgumentError, ModelError


@pytest.fixture
def copy(bert, tmp_path):
    return Path(shutil.copytree(bert, tmp_path / "copy"))


def test_an_encoder_comes_frozen_complete_and_in_float32(bert):
    backbone = load_backbone(bert)
    assert (backbone.n_layers, backbone.hidden_size, backbone.max_length) == (3, 16, 32)
    assert not backbone.encoder.training
    assert {p.dtype for p in backbone.encoder.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in backbone.encoder.parameters())


def test_pickled_weights_are_refused_with_the_way_out(copy):
    (copy / "model.safetensors").unlink()
    torch.save({}, copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pickled weights \(pytorch_model.bin\).*safetensors"):
        load_backbone(copy)


def test_a_folder_without_weights_is_refused(copy):
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds no weights"):
        load_backbone(copy)


def test_missing_weights_are_not_replaced_by_random_ones(copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    del weights["encoder.layer.1.attention.self.query.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"incomplete: 1 weights.*layer\.1\.attention\.self\.query\.weight"):
        load_backbone(copy)


def test_code_that_comes_with_a_model_is_never_run(copy):
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "of-my-own", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "evil.py").write_text(f"open({str(copy / 'ran')!r}, 'w')\nclass C: pass\nclass M: pass\n")
    with pytest.raises(ModelError, match="code of its own"):
        load_backbone(copy)
    assert not (copy / "ran").exists()


def test_damaged_weights_are_one_sentence(copy):
    (copy / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(ModelError, match="could not be loaded from its folder") as error:
        load_backbone(copy)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("Name or service not known\nand more lines"), "hub cannot be reached: check the name and the network"),
        (huggingface_hub.errors.OfflineModeIsEnabled("offline"), "hub cannot be reached"),
        (huggingface_hub.errors.HFValidationError("bad id"), "hub has no such model"),
    ],
)
def test_a_model_the_hub_does_not_give_is_one_sentence_at_once(monkeypatch, error, message):
    asked = []

    def answer(url, **kwargs):
        asked.append(url)
        raise error

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", answer)
    with pytest.raises(ModelError, match=message) as raised:
        load_backbone("somebody/unheard-of-by-predictlab")
    assert "\n" not in str(raised.value)
    assert len(asked) == 1
    assert "somebody/unheard-of-by-predictlab" in asked[0]


def test_without_the_hub_an_earlier_download_is_used(monkeypatch, bert):
    def no_network(*args, **kwargs):
        raise OSError("Name or service not known")

    load = transformers.AutoModel.from_pretrained
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", no_network)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repo, file: f"/cache/{file}")

    def from_cache(name, **kwargs):
        assert name == "somebody/downloaded-before"
        assert kwargs["local_files_only"] is True
        return load(bert, **kwargs)

    read = transformers.AutoConfig.from_pretrained
    names = {"somebody/downloaded-before": bert}
    monkeypatch.setattr(
        transformers.AutoConfig, "from_pretrained", lambda name, **kwargs: read(names.get(name, name), **kwargs)
    )
    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", from_cache)
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda name, **kwargs: tokenizer)
    assert load_backbone("somebody/downloaded-before").n_layers == 3


def test_loading_restores_the_log_level_and_the_progress_bars(bert):
    from transformers.utils import logging as hf

    before = hf.get_verbosity(), hf.is_progress_bar_enabled()
    load_backbone(bert)
    assert (hf.get_verbosity(), hf.is_progress_bar_enabled()) == before


@pytest.mark.parametrize("kind", ["bert", "gpt2", "mpnet"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_features_equal_one_text_at_a_time_without_padding(model_of, data, kind, pooling):
    backbone = load_backbone(model_of(kind))
    texts = data.eval["text"].tolist()
    features = layer_features(backbone, texts, 10, pooling, "last")["last"]
    assert features.dtype == np.float32
    assert features.shape == (40, 16)
    for text, vector in zip(texts, features, strict=True):
        ids = torch.tensor([tokenise(backbone, [text], 10)[0]])
        with torch.inference_mode():
            hidden = backbone.encoder(input_ids=ids).last_hidden_state[0]
        expected = hidden.mean(0) if pooling == "mean" else hidden[0]
        np.testing.assert_allclose(vector, expected.numpy(), atol=2e-5)


def test_features_are_those_of_the_model_by_its_name(task):
    texts = ["w1 w2 w3", "w4"]
    expected = layer_features(load_backbone(task.model), texts, 16)["mean"]
    np.testing.assert_array_equal(layer_features(task.model, texts, 16, cache=False)["mean"], expected)


def test_a_length_that_cannot_be(bert):
    with pytest.raises(ArgumentError, match=r"max_length=33: expected 1 to 32"):
        layer_features(bert, ["w1"], 33, cache=False)


def test_mean_pooling_ignores_padding_whatever_it_holds():
    hidden = torch.tensor([[[1.0], [3.0], [1e9]], [[2.0], [4.0], [6.0]]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    assert pool(hidden, mask, "mean").tolist() == [[2.0], [4.0]]
    assert pool(hidden, mask, "cls").tolist() == [[1.0], [2.0]]


def test_batches_are_sorted_cover_every_row_once_and_keep_the_limit():
    lengths = np.random.default_rng(0).integers(1, 60, size=101)
    batches = list(length_sorted_batches(lengths, tokens=200))
    assert sorted(np.concatenate(batches)) == list(range(101))
    assert all(len(b) * lengths[b].max() <= 200 for b in batches)
    assert all(lengths[a].min() >= lengths[b].max() for a, b in pairwise(batches))
    assert [b.tolist() for b in length_sorted_batches([500, 3], tokens=200)] == [[0], [1]]
