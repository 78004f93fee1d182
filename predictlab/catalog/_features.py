"""Pre-trained models and the features they give: the only module that loads a model with transformers."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from predictlab.errors import ModelError, bad_argument, needs_extra

if TYPE_CHECKING:
    import torch

TOKENS_PER_BATCH = 2048  # of an inference batch: the activations of one layer stay in the processor's cache


def let_threads_sleep() -> None:
    """Let torch's threads sleep soon when they wait for each other, instead of spinning; call before torch is imported.

    On a machine that has other work to do, two spinning threads take turns with the very thread they wait for:
    measured on 2 busy cores, a training step took 450 to 570 ms, and 44 to 71 ms with this. A value that the user
    has set stays, and OpenMP runtimes other than GNU's ignore it.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Switch off transformers' progress bars and load reports, and restore what the caller had."""
    from transformers.utils import logging as hf

    verbosity, bars = hf.get_verbosity(), hf.is_progress_bar_enabled()
    hub = logging.getLogger("huggingface_hub")
    hub_level = hub.level
    hf.set_verbosity_error()
    hf.disable_progress_bar()
    hub.setLevel(logging.ERROR)
    try:
        yield
    finally:
        hf.set_verbosity(verbosity)
        hub.setLevel(hub_level)
        if bars:
            hf.enable_progress_bar()


@dataclass(frozen=True)
class Backbone:
    """A pre-trained encoder, or causal language model, with its tokenizer.

    Parameters
    ----------
    name : str
        Model as the user named it.
    encoder : torch.nn.Module
        ``transformers.AutoModel`` in float32, in evaluation mode, without the pooler (which the heads do not read).
        Of a causal language model: what lies below its head.
    tokenizer : transformers.PreTrainedTokenizerBase
    n_layers, hidden_size, max_length : int
        Transformer layers; width; most tokens of a text that the model can take.
    causal : torch.nn.Module or None
        ``transformers.AutoModelForCausalLM`` around `encoder`, with its head, where the checkpoint has one.
    """

    name: str
    encoder: Any
    tokenizer: Any
    n_layers: int
    hidden_size: int
    max_length: int
    causal: Any = None

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.encoder.parameters()).device


def load_backbone(model: str | Path, device: str | None = None) -> Backbone:
    """Load an encoder or a causal language model from the catalog, a local folder or the model hub.

    Code that comes with a model is never run, and pickled weights are refused: only safetensors are read.

    Parameters
    ----------
    model : str or pathlib.Path
        Catalog name, folder that transformers can load, or hub id.
    device : str, optional
        A torch device; None leaves the model on the processor.

    Raises
    ------
    ModelError
        The model is unknown, incomplete, pickled, needs code of its own, or is not an encoder of one text.
    DependencyError
        torch or transformers are not installed.
    """
    let_threads_sleep()
    with needs_extra("Loading a model", "probe"):
        import torch
        from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer
    from predictlab.catalog import model_path

    folder = model_path(model)
    _refuse_pickles(folder, str(model))
    safe: Any = {"trust_remote_code": False, "local_files_only": Path(folder).is_dir() or _only_in_cache(folder)}
    # Loading may initialise weights that a checkpoint lacks: the caller's random numbers must not move by that.
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        try:
            names = AutoConfig.from_pretrained(folder, **safe).architectures or []
            is_causal = any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names)
            kind: Any = AutoModelForCausalLM if is_causal else AutoModel
            loaded, info = kind.from_pretrained(
                folder, **safe, use_safetensors=True, dtype=torch.float32, output_loading_info=True
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
        except Exception as error:  # transformers raises many kinds; each means "this model cannot be used"
            raise ModelError(_why_not(str(model), folder, error)) from error
    missing = sorted(key for key in info["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise ModelError(
            f"Model {str(model)!r} is incomplete: {len(missing)} weights are not in its files (first: {missing[0]}). "
            "Use a complete checkpoint of a base encoder, or of a causal language model."
        )
    causal = loaded if is_causal else None
    encoder = loaded.base_model if is_causal else loaded
    config = encoder.config
    if getattr(config, "is_encoder_decoder", False) or not hasattr(config, "num_hidden_layers"):
        raise ModelError(
            f"Model {str(model)!r} ({config.model_type}) is not a single stack of text layers; "
            "use an encoder such as BERT."
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if hasattr(encoder, "pooler"):
        encoder.pooler = None
    if is_causal:
        config.use_cache = False  # keys and values are kept in generation alone, which asks for it
    loaded.eval().requires_grad_(False)
    if device is not None:
        loaded.to(device)
    limit = min(int(tokenizer.model_max_length), int(getattr(config, "max_position_embeddings", None) or 10**6))
    return Backbone(
        name=str(model), encoder=encoder, tokenizer=tokenizer, n_layers=int(config.num_hidden_layers),
        hidden_size=int(config.hidden_size), max_length=limit, causal=causal,
    )  # fmt: skip


def tokenise(backbone: Backbone, texts: Sequence[str], max_length: int) -> list[list[int]]:
    """Token ids of each text with the model's special tokens, cut at `max_length` tokens."""
    if not 1 <= max_length <= backbone.max_length:
        raise bad_argument("max_length", max_length, f"1 to {backbone.max_length} tokens for {backbone.name}")
    if not len(texts):
        return []
    with quiet_transformers():
        ids = backbone.tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    # A tokenizer without special tokens makes nothing of an empty text; the encoder needs one token.
    return [row or [backbone.tokenizer.pad_token_id or 0] for row in ids]


def pool(hidden: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """One vector per text.

    Parameters
    ----------
    hidden : torch.Tensor (n, length, d)
        Last hidden states.
    mask : torch.Tensor (n, length)
        True at real tokens.
    pooling : {"mean", "cls"}
        Mean over the real tokens, or the first token.

    Returns
    -------
    torch.Tensor (n, d)
    """
    if pooling == "cls":
        return hidden[:, 0]
    weights = mask.to(hidden.dtype)
    weights = weights / weights.sum(1, keepdim=True)
    return (weights.unsqueeze(1) @ hidden).squeeze(1)


def length_sorted_batches(lengths: Sequence[int] | np.ndarray, tokens: int = TOKENS_PER_BATCH) -> Iterator[np.ndarray]:
    """Row numbers in batches of similar length, of at most `tokens` tokens with padding (but at least one row)."""
    order = np.argsort(np.asarray(lengths), kind="stable")[::-1]  # longest first: memory peaks at the start
    start = 0
    while start < len(order):
        size = max(1, tokens // int(lengths[order[start]]))
        yield order[start : start + size]
        start += size


def _refuse_pickles(folder: str, name: str) -> None:
    path = Path(folder)
    if not path.is_dir():
        return
    if not (path / "config.json").is_file():
        raise ModelError(f"The folder {name} has no config.json: it is not a model that transformers saved.")
    if any(path.glob("*.safetensors")):
        return
    pickles = sorted(p.name for p in path.iterdir() if p.suffix in (".bin", ".pt", ".pth", ".ckpt"))
    if pickles:
        raise ModelError(
            f"Model {name!r} has only pickled weights ({pickles[0]}), which can run code when they are loaded. "
            "Save it again with model.save_pretrained(folder), which writes safetensors, where you trust it."
        )
    raise ModelError(f"The folder {name} holds no weights: no *.safetensors file in it.")


def _only_in_cache(model: str) -> bool:
    """True if the hub does not answer but an earlier download of `model` is here; one try, not a minute of retries."""
    import huggingface_hub as hub

    try:
        hub.get_hf_file_metadata(hub.hf_hub_url(model, "config.json"), token=hub.get_token(), timeout=10)
        return False
    except Exception as error:
        if isinstance(error, hub.errors.HfHubHTTPError | ValueError):
            answer = "has no such model that you may read: check the name"
        # No network, a proxy in between, offline mode: all mean that the hub is out of reach.
        elif isinstance(hub.try_to_load_from_cache(model, "config.json"), str):
            return True
        else:
            answer = "cannot be reached: check the name and the network"
        raise ModelError(
            f"Model {model!r} is not in the catalog (pl.catalog.models()) nor a folder here, and the model hub "
            f"{answer}, or give a local folder."
        ) from error


def _why_not(name: str, folder: str, error: Exception) -> str:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    if "trust_remote_code" in str(error) or "custom code" in str(error):
        return f"Model {name!r} needs code of its own, which is never run here. Use a model built into transformers."
    if Path(folder).is_dir():
        return f"Model {name!r} could not be loaded from its folder: {first}"
    if "safetensors" in str(error):
        return f"Model {name!r} has no safetensors weights on the hub; pickled weights can run code and are refused."
    return f"Model {name!r} could not be loaded from the model hub: {first}"
