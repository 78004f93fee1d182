"""Conversion of models that packages ship in other forms into folders that transformers loads.

A BERT encoder comes as ONNX, a causal language model as GGUF, which transformers reads itself. An export to
ONNX keeps biases, embeddings and layer norms under their names, but folds the transpose of each linear weight
into an anonymous constant. The name is recovered from the matrix product that reads the constant.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from predictlab.catalog._quiet import quiet_transformers
from predictlab.errors import CatalogError, DependencyError

TOKENIZER_FILES = ("special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")


_NEEDS = {
    "bert_from_onnx": ("ONNX", ("onnx", "safetensors"), "or use the model 'minilm-l6'"),
    "llama_from_gguf": ("GGUF", ("gguf", "torch", "transformers", "safetensors"), "or give a folder or a hub id"),
}


def require(conversion: str) -> None:
    """Raise before anything is downloaded if a package that a conversion needs is missing.

    Parameters
    ----------
    conversion : str
        A function of this module.

    Raises
    ------
    DependencyError
        Naming the package and how to install it.
    """
    form, packages, otherwise = _NEEDS[conversion]
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise DependencyError(
                f"This model is converted once from {form}, which needs the package {package}: run 'python -m "
                f"pip install {package}', {otherwise}."
            )


def bert_from_onnx(source: Path, folder: Path, tokenizer: Path | None) -> None:
    """Write `folder` (config.json, model.safetensors, tokenizer files) from the ONNX file `source`.

    Parameters
    ----------
    source : pathlib.Path
        ONNX export of a ``BertModel``, float32.
    folder : pathlib.Path
        Made here.
    tokenizer : pathlib.Path
        Folder of a model with the same vocabulary; its ``config.json`` gives what weights cannot tell.

    Raises
    ------
    CatalogError
        If a weight of the architecture is missing, or has another shape.
    """
    if tokenizer is None:
        raise CatalogError(f"{source.name}: a conversion needs the folder of the model whose tokenizer it shares.")
    from safetensors.numpy import save_file

    weights = read_weights(source)
    layers = [int(found[1]) for name in weights if (found := _LAYER.match(name))]
    config = json.loads((tokenizer / "config.json").read_text())
    config["num_hidden_layers"] = max(layers, default=-1) + 1
    config.pop("_name_or_path", None)
    expected = bert_shapes(config)
    if expected != {name: w.shape for name, w in weights.items()}:
        wrong = sorted(
            n for n in expected.keys() | weights.keys() if n not in weights or expected.get(n) != weights[n].shape
        )
        raise CatalogError(f"{source.name}: does not hold the expected BERT encoder; first difference at {wrong[0]}.")
    # The export has no pooler, which mean and CLS pooling do not use. Zeros keep a loader from drawing one.
    width = config["hidden_size"]
    weights["pooler.dense.weight"] = np.zeros((width, width), dtype=np.float32)
    weights["pooler.dense.bias"] = np.zeros(width, dtype=np.float32)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, folder / name)


def read_weights(source: Path) -> dict[str, np.ndarray]:
    """Weights of the encoder in `source`, float32, named and shaped as in ``BertModel``."""
    import onnx
    from onnx import numpy_helper

    graph: Any = onnx.load(str(source)).graph
    # "/model/model.0/auto_model/encoder/layer.0/output/dense/MatMul" reads the weight of
    # encoder.layer.0.output.dense
    readers = {i: n.name.rpartition("/")[0] for n in graph.node if n.op_type == "MatMul" for i in n.input}
    weights = {}
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        if tensor.name.startswith("onnx::MatMul"):
            name, array = readers[tensor.name].strip("/").replace("/", ".") + ".weight", array.T
        else:
            name = tensor.name
        weights[name.rpartition("auto_model.")[2]] = np.ascontiguousarray(array, dtype=np.float32)
    return weights


def bert_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of every weight of a ``BertModel`` without pooler that `config` describes."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    rows = {
        "word": config["vocab_size"],
        "position": config["max_position_embeddings"],
        "token_type": config["type_vocab_size"],
    }
    shapes: dict[str, tuple[int, ...]] = {f"embeddings.{k}_embeddings.weight": (n, width) for k, n in rows.items()}
    norms, linear = ["embeddings.LayerNorm"], {}
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            linear[f"{at}.attention.{part}"] = (width, width)
        linear[f"{at}.intermediate.dense"] = (inner, width)
        linear[f"{at}.output.dense"] = (width, inner)
    for name in norms:
        shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    for name, shape in linear.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def llama_from_gguf(source: Path, folder: Path, tokenizer: Path | None) -> None:
    """Write `folder` (config.json, model.safetensors in float32, tokenizer files) from the GGUF file `source`.

    Parameters
    ----------
    source : pathlib.Path
        GGUF file of a Llama model with a byte-level BPE tokenizer.
    folder : pathlib.Path
        Made here.
    tokenizer : None
        The file has its own.

    Raises
    ------
    CatalogError
        If weights of the architecture are missing.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype=torch.float32, output_loading_info=True
        )
        model, info = loaded
        words = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        if missing := sorted(info["missing_keys"]):
            raise CatalogError(f"{source.name}: {len(missing)} weights are not in it; the first is {missing[0]}.")
        _split_digits(source, words)
        words.model_max_length = model.config.max_position_embeddings
        words.save_pretrained(folder)  # makes the folder
    # Not model.save_pretrained, which refuses weights that were quantised, although they no longer are.
    config = model.config.to_dict()
    for name in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        config.pop(name, None)
    config["architectures"] = [type(model).__name__]
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    weights = {name: p.detach().contiguous() for name, p in model.named_parameters()}  # tied weights once
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _split_digits(source: Path, tokenizer: Any) -> None:
    """What transformers leaves out of a GGUF file's tokenizer: one of the kind ``smollm`` splits digits first."""
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    kind = GGUFReader(str(source)).fields.get("tokenizer.ggml.pre")
    if kind is not None and kind.contents() == "smollm":
        own = tokenizer.backend_tokenizer
        digits = pre_tokenizers.Digits(individual_digits=True)
        own.pre_tokenizer = pre_tokenizers.Sequence([digits, own.pre_tokenizer])
