"""Which linear maps of a model a recipe's adapters go to."""

from __future__ import annotations

import re
from typing import Any

from predictlab.errors import ModelError, bad_argument
from predictlab.task import Recipe

# Query and value projections of architectures that peft has no default for.
_QUERY_VALUE = {
    "distilbert": ("q_lin", "v_lin"), "mpnet": ("attn.q", "attn.v"), "phi3": ("qkv_proj",),
    **dict.fromkeys(("smollm3", "olmo2", "granite"), ("q_proj", "v_proj")),
}  # fmt: skip


def layer_number(name: str) -> int | None:
    """Layer that a module lies in: the first number of its dotted name, as in ``encoder.layer.5.output``."""
    return next((int(part) for part in name.split(".") if part.isdigit()), None)


def is_linear(module: Any) -> bool:
    """Whether a module is a linear map, adapted or not."""
    import torch

    weight = getattr(module, "weight", None)  # not only nn.Linear: GPT-2 has its own class
    return isinstance(weight, torch.Tensor) and weight.ndim == 2 and not isinstance(module, torch.nn.Embedding)


def adapted_maps(encoder: Any, recipe: Recipe, model: str, n_layers: int) -> list[str]:
    """Full names of the linear maps that a recipe adapts, in the layers that it trains; at least one."""
    trained = recipe.trained_layers(n_layers)
    chosen = [name for name in _targets(encoder, recipe, model) if layer_number(name) in trained]
    if not chosen:
        raise bad_argument("layers", recipe.layers, f"layers of {model} that hold the target modules")
    return chosen


def transposed(encoder: Any) -> bool:
    """Whether the linear maps of an architecture keep their weights (in, out)."""
    return bool(encoder.config.model_type == "gpt2")


def _targets(encoder: Any, recipe: Recipe, model: str) -> list[str]:
    """Full names of the linear maps that a recipe adapts, in all layers."""
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as PEFT_DEFAULTS

    linear = [name for name, module in encoder.named_modules() if is_linear(module) and layer_number(name) is not None]
    kind = encoder.config.model_type
    wanted = recipe.target_modules or _QUERY_VALUE.get(kind) or PEFT_DEFAULTS.get(kind)
    endings = ", ".join(sorted({name.rsplit(".", 1)[-1] for name in linear}))
    if wanted is None:
        raise ModelError(
            f"There are no default LoRA targets for {kind}: give the recipe target_modules among {endings}."
        )
    if isinstance(wanted, str):  # some of peft's defaults are patterns
        return [name for name in linear if re.fullmatch(wanted, name)]
    unknown = [w for w in wanted if not any(f".{name}".endswith(f".{w}") for name in linear)]
    if unknown:
        raise bad_argument("target_modules", tuple(wanted), f"names among {endings} for {model}")
    return [name for name in linear if any(f".{name}".endswith(f".{w}") for w in wanted)]
