"""The trained part of a task: adapters (or all weights) and a new head, re-drawn in place for every seed."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from predictlab.catalog._backbone import Backbone, pool
from predictlab.errors import ModelError, bad_argument
from predictlab.probing._engine import architectures as prefix
from predictlab.probing._engine.randomness import generator
from predictlab.task import Recipe

# Query and value projections of architectures that peft has no default for.
_QUERY_VALUE = {
    "distilbert": ("q_lin", "v_lin"), "mpnet": ("attn.q", "attn.v"), "phi3": ("qkv_proj",),
    **dict.fromkeys(("smollm3", "olmo2", "granite"), ("q_proj", "v_proj")),
}  # fmt: skip


class ProbeModel:
    """One model for all seeds of a task; `draw` makes it the fresh model of a seed.

    Parameters
    ----------
    backbone : Backbone
        Copied: adapters never touch the caller's.
    recipe : Recipe
    n_classes : int
    first : int or None
        Layer that the inputs enter, as `SharedInputs.first_layer` gives it.
    """

    def __init__(self, backbone: Backbone, recipe: Recipe, n_classes: int, first: int | None) -> None:
        self.recipe = recipe
        device = next(backbone.encoder.parameters()).device
        self.head = nn.Linear(backbone.hidden_size, n_classes, device="meta").to_empty(device=device)  # see `draw`
        self.dropout = nn.Dropout(recipe.dropout)
        self.encoder: Any = None
        self.body: prefix.Body | None = None
        self._original: dict[str, torch.Tensor] = {}
        if recipe.method != "head":
            self.encoder = copy.deepcopy(backbone.encoder)
            adapt(self.encoder, recipe, backbone)
            if recipe.method == "full":
                self._original = {k: v.clone() for k, v in self.encoder.state_dict().items()}
            self.body = body_of(self.encoder, first)
        self._modules = nn.ModuleList(m for m in (self.encoder, self.head, self.dropout) if m is not None)
        self.named = {name: p for name, p in self._modules.named_parameters() if p.requires_grad}
        self._computed = computed_layers(self.encoder, backbone, first)
        self._init_std = float(getattr(backbone.encoder.config, "initializer_range", 0.02))

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Trained parameters, in a fixed order."""
        return list(self.named.values())

    @torch.no_grad()
    def draw(self, seed: int) -> None:
        """Start run `seed`: fresh head and adapters from the init stream (B = 0, so the encoder starts unchanged)."""
        random = generator(self.recipe, seed, "init")
        for name, value in self._original.items():
            self.encoder.state_dict()[name].copy_(value)
        self.head.weight.copy_(torch.empty(self.head.weight.shape).normal_(0.0, self._init_std, generator=random))
        self.head.bias.zero_()
        draw_adapters(self.named, random)

    def train(self, mode: bool) -> None:
        """Switch dropout on or off."""
        self._modules.train(mode)

    def logits(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Class scores, (b, classes), of a batch of inputs and its mask."""
        if self.body is not None:
            values = pool(self.body(values, mask), mask, self.recipe.pooling)
        return self.head(self.dropout(values))

    def step_flops(self, rows: int, length: int) -> float:
        """Floating-point operations of one training step on `rows` x `length` tokens, as it is executed here.

        Each layer that is computed costs ``2 P + 4 L d`` a token forward (P: weights of its linear maps, adapters
        included; L: padded length; d: width; the second term is attention) and as much again for the gradients of
        its activations; each trained weight costs 2 more a token (the head: a row). Cached layers cost nothing;
        softmax, norms and the optimiser are left out.
        """
        layers, weights, width, trained = self._computed
        head = self.head.weight.numel()
        forward = rows * length * (2 * weights + 4 * layers * length * width) + 2 * rows * head
        return 2 * forward + 2 * rows * length * trained + 2 * rows * head


def body_of(encoder: Any, first: int | None) -> prefix.Body:
    """The part of an encoder that is computed in every step, from layer `first` or (None) from token ids."""
    return prefix.WholeModel(encoder) if first is None else prefix.upper_layers(encoder, first)


def adapt(encoder: Any, recipe: Recipe, backbone: Backbone) -> None:
    """Give an encoder, a copy of the backbone's, the recipe's dropout and what it trains: adapters or all weights."""
    _set_dropout(encoder, recipe, backbone.n_layers)
    if recipe.method == "lora":
        _add_adapters(encoder, recipe, backbone)
    else:
        encoder.requires_grad_(True)


@torch.no_grad()
def draw_adapters(named: Mapping[str, torch.Tensor], random: torch.Generator) -> None:
    """Fresh adapters, in the order of `named`: A at random, B zero, so that the model starts unchanged."""
    for name, parameter in named.items():
        if "lora_A" in name:
            bound = 1 / math.sqrt(parameter.shape[1])  # peft's start: Kaiming-uniform with a = sqrt(5)
            parameter.copy_(torch.empty(parameter.shape).uniform_(-bound, bound, generator=random))
        elif "lora_B" in name:
            parameter.zero_()


def layer_number(name: str) -> int | None:
    """Layer that a module lies in: the first number of its dotted name, as in ``encoder.layer.5.output``."""
    return next((int(part) for part in name.split(".") if part.isdigit()), None)


def _set_dropout(encoder: Any, recipe: Recipe, n_layers: int) -> None:
    """The recipe's dropout in trained layers, none elsewhere."""
    trained = recipe.trained_layers(n_layers)
    for name, module in encoder.named_modules():
        p = recipe.dropout if recipe.method == "full" or layer_number(name) in trained else 0.0
        if isinstance(module, nn.Dropout):
            module.p = p
        for attribute in ("attention_dropout", "dropout"):  # architectures that keep the number instead of a module
            if isinstance(getattr(module, attribute, None), float):
                setattr(module, attribute, p)


def _add_adapters(encoder: Any, recipe: Recipe, backbone: Backbone) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    trained = recipe.trained_layers(backbone.n_layers)
    chosen = [name for name in _targets(encoder, recipe, backbone.name) if layer_number(name) in trained]
    if not chosen:
        raise bad_argument("layers", recipe.layers, f"layers of {backbone.name} that hold the target modules")
    config = LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, lora_dropout=recipe.dropout, target_modules=chosen, bias="none",
        fan_in_fan_out=encoder.config.model_type == "gpt2",  # its linear maps store their weights transposed
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):  # peft draws weights that `draw` replaces
        inject_adapter_in_model(config, encoder)


def _targets(encoder: Any, recipe: Recipe, model: str) -> list[str]:
    """Full names of the linear maps that a recipe adapts, in all layers."""
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as PEFT_DEFAULTS

    linear = [name for name, module in encoder.named_modules() if _is_linear(module) and layer_number(name) is not None]
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


def _is_linear(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)  # not only nn.Linear: GPT-2 has its own class
    return isinstance(weight, torch.Tensor) and weight.ndim == 2 and not isinstance(module, nn.Embedding)


def computed_layers(encoder: Any, backbone: Backbone, first: int | None) -> tuple[int, int, int, int]:
    """Layers computed in a step, the weights of their linear maps, the width, and the trained ones among them."""
    if encoder is None:
        return 0, 0, backbone.hidden_size, 0
    start = first or 0
    weights = []
    for name, parameter in encoder.named_parameters():
        number = layer_number(name)
        if parameter.ndim == 2 and number is not None and number >= start:
            weights.append(parameter)
    return (
        backbone.n_layers - start,
        sum(w.numel() for w in weights),
        backbone.hidden_size,
        sum(w.numel() for w in weights if w.requires_grad),
    )
