"""What is specific to an architecture: where an encoder is cut, and which of its linear maps are adapted.

What lies below the first trained layer is the same for every seed, epoch and depth, so it is computed once. An
architecture that is not known here, or whose cut does not reproduce the whole model on a trial batch, is run whole:
slower, never wrong.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from predictlab.catalog._features import Backbone
from predictlab.catalog._targets import adapted_maps, layer_number, transposed
from predictlab.task import Recipe

# model_type of transformers -> where its layers are. Their layers take (hidden states, attention_mask=) and the last
# one's output is the model's last hidden state.
LAYERS = dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "electra"), "encoder.layer")
LAYERS["distilbert"] = "transformer.layer"

# Decoders whose layers are `layers` and whose own code may begin with activations instead of token ids.
_DECODERS = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3", "olmo2", "phi3"})


class Body:
    """From the rows' values to the encoder's last hidden states, (b, length, d).

    Parameters
    ----------
    encoder : transformers.PreTrainedModel
    first : int or None
        First layer that is computed, of an architecture for which `can_split` holds; the values are the activations
        that enter it. None: everything, from token ids on.
    """

    def __init__(self, encoder: Any, first: int | None = None) -> None:
        self.encoder, self.first = encoder, first
        self._decoder = encoder.config.model_type in _DECODERS
        if first is not None and self._decoder:
            # The model's own code makes the causal mask and the position embeddings, and finds fewer layers.
            self.encoder = copy.copy(encoder)  # shares every module but the list of layers
            self.encoder._modules = dict(encoder._modules)
            self.encoder.layers = nn.ModuleList(list(encoder.layers)[first:])
        elif first is not None:
            self._layers = list(_layers(encoder))[first:]

    def __call__(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Last hidden states of token ids (b, length) or activations (b, length, d); `mask` (b, length)."""
        if self.first is None or self._decoder:
            given = {"input_ids": values} if self.first is None else {"inputs_embeds": values, "use_cache": False}
            hidden: torch.Tensor = self.encoder(**given, attention_mask=mask.long()).last_hidden_state
            return hidden
        from transformers.masking_utils import create_bidirectional_mask

        attention = create_bidirectional_mask(config=self.encoder.config, inputs_embeds=values, attention_mask=mask)
        for layer in self._layers:
            output = layer(values, attention_mask=attention)
            values = output[0] if isinstance(output, tuple) else output
        return values


def _layers(encoder: Any) -> Any:
    return encoder.get_submodule(LAYERS.get(encoder.config.model_type, "layers"))


class _Captured(Exception):
    """Carries the activations out of the forward pass that need not go on."""


def lower_activations(encoder: Any, first: int, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Activations that enter layer `first`, (b, length, d): the model's own code runs up to there, and stops."""

    def stop(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        raise _Captured(args[0] if args else kwargs["hidden_states"])

    layer = _layers(encoder)[first]
    handle = layer.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        encoder(input_ids=ids, attention_mask=mask.long())
    except _Captured as captured:
        hidden: torch.Tensor = captured.args[0]
        return hidden
    finally:
        handle.remove()
    raise AssertionError("the encoder did not call its layer")


def can_split(encoder: Any, first: int, ids: torch.Tensor, mask: torch.Tensor) -> bool:
    """True if cutting before layer `first` reproduces the whole encoder's output on this trial batch."""
    kind, config = encoder.config.model_type, encoder.config
    if kind in _DECODERS:
        # Its code asks for the kind of a layer by its number, which changes when lower layers are left out.
        if len(set(getattr(config, "layer_types", None) or [None])) > 1:
            return False
    elif kind not in LAYERS or getattr(config, "is_decoder", False):
        return False
    with torch.inference_mode():
        whole = Body(encoder)(ids, mask)
        cut = Body(encoder, first)(lower_activations(encoder, first, ids, mask), mask)
    # Positions of padding may differ: the mask takes them out.
    return bool(torch.allclose(whole[mask], cut[mask], rtol=1e-4, atol=1e-4))


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

    chosen = adapted_maps(encoder, recipe, backbone.name, backbone.n_layers)
    config = LoraConfig(
        r=recipe.rank, lora_alpha=recipe.lora_alpha, lora_dropout=recipe.dropout, target_modules=chosen, bias="none",
        fan_in_fan_out=transposed(encoder),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):  # peft draws weights that `draw` replaces
        inject_adapter_in_model(config, encoder)


def computed_layers(encoder: Any, backbone: Backbone, first: int | None) -> tuple[int, int, int, int]:
    """Layers computed in a step, the weights of their linear maps, the width, and the trained ones among them."""
    if encoder is None:
        return 0, 0, backbone.hidden_size, 0
    start = first or 0
    weights = [
        p for name, p in encoder.named_parameters()
        if p.ndim == 2 and (number := layer_number(name)) is not None and number >= start
    ]  # fmt: skip
    trained = sum(p.numel() for p in weights if p.requires_grad)
    return backbone.n_layers - start, sum(p.numel() for p in weights), backbone.hidden_size, trained
