"""Keys and values of the tokens that stand before every row: computed once, read by all rows."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

CLOSE = 1e-4  # of hidden states: what rounding may differ by


class Beginning(DynamicCache):
    """Keys and values of one beginning, as if it stood before each row of a batch; rows leave nothing in it.

    Parameters
    ----------
    computed : DynamicCache
        Of the beginning alone.
    length : int
        Its tokens.
    """

    def __init__(self, computed: DynamicCache, length: int) -> None:
        super().__init__()
        self.layers, self.length = computed.layers, length

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Those of the beginning before those of each row."""
        layer: Any = self.layers[layer_idx]
        keys, values = (kept.expand(len(key_states), -1, -1, -1) for kept in (layer.keys, layer.values))
        return torch.cat([keys, key_states], dim=-2), torch.cat([values, value_states], dim=-2)


def beginning_of(encoder: torch.nn.Module, tokens: Sequence[int], device: Any) -> Beginning | None:
    """Keys and values of these tokens; None where a model remembers in another way."""
    ids = torch.tensor([list(tokens)], device=device)
    with torch.inference_mode():
        found: Any = getattr(encoder(input_ids=ids, use_cache=True), _argument(encoder), None)
    layers: list[Any] = found.layers if isinstance(found, DynamicCache) else []
    plain = all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) and layer.is_initialized for layer in layers)
    return Beginning(found, len(tokens)) if layers and plain else None


def hidden_states(
    encoder: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor, beginning: Beginning | None
) -> torch.Tensor:
    """Last hidden states of rows, padded on the right, behind the beginning if there is one."""
    if beginning is None:
        return torch.as_tensor(encoder(input_ids=ids, attention_mask=mask.long()).last_hidden_state)
    seen = torch.cat([mask.new_ones(len(mask), beginning.length), mask], dim=1).long()
    kept: Any = {_argument(encoder): beginning, "use_cache": True}
    return torch.as_tensor(encoder(input_ids=ids, attention_mask=seen, **kept).last_hidden_state)


def same_behind(
    encoder: torch.nn.Module, beginning: Beginning, tokens: Sequence[int], ids: torch.Tensor, mask: torch.Tensor
) -> bool:
    """Whether rows behind the kept beginning come out as with it read before each of them."""
    before = torch.tensor(list(tokens), device=ids.device).expand(len(ids), -1)
    with torch.inference_mode():
        every = torch.cat([torch.ones_like(before, dtype=torch.bool), mask], dim=1)
        whole = hidden_states(encoder, torch.cat([before, ids], dim=1), every, None)[:, before.shape[1] :][mask]
        behind = hidden_states(encoder, ids, mask, beginning)[mask]
    return bool(torch.allclose(whole, behind, rtol=CLOSE, atol=CLOSE * float(whole.abs().max())))


def _argument(encoder: torch.nn.Module) -> str:
    """How transformers calls keys and values here: it has been renaming them."""
    return "cache" if "cache" in inspect.signature(encoder.forward).parameters else "past_key_values"
