"""Where an encoder is cut: what lies below the first trained layer is the same for every seed, epoch and depth.

All that is specific to an architecture is in this module. An architecture it does not know, or one whose cut does
not reproduce the whole model on a trial batch, is run whole: slower, never wrong.
"""

from __future__ import annotations

import copy
from typing import Any, Protocol

import torch
from torch import nn

# model_type of transformers -> where its layers are. Their layers take (hidden states, attention_mask=) and the last
# one's output is the model's last hidden state.
LAYERS = {
    "bert": "encoder.layer",
    "roberta": "encoder.layer",
    "xlm-roberta": "encoder.layer",
    "camembert": "encoder.layer",
    "electra": "encoder.layer",
    "distilbert": "transformer.layer",
}

# Decoders whose layers are `layers` and whose own code may begin with activations instead of token ids.
_DECODERS = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3", "olmo2", "phi3"})


class Body(Protocol):
    """From the rows' values to the encoder's last hidden states, (b, length, d)."""

    first: int | None  # first layer computed; None: everything, from token ids on

    def __call__(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor: ...


class WholeModel:
    """The complete encoder, from token ids."""

    first: int | None = None

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder

    def __call__(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.encoder(input_ids=values, attention_mask=mask.long()).last_hidden_state


class UpperLayers:
    """Layers `first` and above of an encoder, from the activations that enter layer `first`."""

    def __init__(self, encoder: Any, first: int) -> None:
        self.first: int | None = first
        self.config = encoder.config
        self.layers = list(encoder.get_submodule(LAYERS[encoder.config.model_type]))[first:]

    def __call__(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        from transformers.masking_utils import create_bidirectional_mask

        attention = create_bidirectional_mask(config=self.config, inputs_embeds=values, attention_mask=mask)
        for layer in self.layers:
            output = layer(values, attention_mask=attention)
            values = output[0] if isinstance(output, tuple) else output
        return values


class UpperDecoder:
    """Layers `first` and above of a decoder, and its final norm, from the activations that enter layer `first`.

    The model's own code makes the causal mask and the position embeddings, and finds fewer layers.
    """

    def __init__(self, encoder: Any, first: int) -> None:
        self.first: int | None = first
        self.upper = copy.copy(encoder)  # shares every module but the list of layers
        self.upper._modules = dict(encoder._modules)
        self.upper.layers = nn.ModuleList(list(encoder.layers)[first:])

    def __call__(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.upper(inputs_embeds=values, attention_mask=mask.long(), use_cache=False).last_hidden_state


def upper_layers(encoder: Any, first: int) -> Body:
    """Layers `first` and above, of an architecture that `can_split` has found to be known here."""
    kind = UpperDecoder if encoder.config.model_type in _DECODERS else UpperLayers
    return kind(encoder, first)


def _layers(encoder: Any) -> Any:
    return encoder.get_submodule(LAYERS.get(encoder.config.model_type, "layers"))


class _Captured(Exception):
    """Carries the activations out of the forward pass that need not go on."""

    def __init__(self, hidden: torch.Tensor) -> None:
        super().__init__()
        self.hidden = hidden


def lower_activations(encoder: Any, first: int, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Activations that enter layer `first`, (b, length, d): the model's own code runs up to there, and stops."""

    def stop(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        raise _Captured(args[0] if args else kwargs["hidden_states"])

    layer = _layers(encoder)[first]
    handle = layer.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        encoder(input_ids=ids, attention_mask=mask.long())
    except _Captured as captured:
        return captured.hidden
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
        whole = WholeModel(encoder)(ids, mask)
        cut = upper_layers(encoder, first)(lower_activations(encoder, first, ids, mask), mask)
    # Padding positions are nobody's business: the mask takes them out.
    return bool(torch.allclose(whole[mask], cut[mask], rtol=1e-4, atol=1e-4))
