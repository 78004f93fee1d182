"""RunState: all that a run needs to go on from a depth, apart from its seed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from predictlab.errors import DataError

Named = dict[str, torch.Tensor]
_PARTS = ("parameters", "first_moment", "second_moment")


@dataclass(frozen=True)
class RunState:
    """A run at one depth. Its schedule and its random streams are functions of the step, so they need no state.

    Parameters
    ----------
    step : int
        Optimiser steps done.
    parameters, first_moment, second_moment : dict of str to torch.Tensor
        Trained parameters (adapters or all weights, and the head) and AdamW's moments of each, by name; copies. Before
        the first step and once a run has diverged there are no moments.
    seconds, flops : float
        Training cost so far.
    alive : bool
        False once the run has diverged.
    """

    step: int
    parameters: Named
    first_moment: Named
    second_moment: Named
    seconds: float
    flops: float
    alive: bool

    def to_bytes(self) -> bytes:
        """The state as a safetensors file, which holds numbers only and runs no code when it is read."""
        tensors = {f"{part}/{k}": v.contiguous() for part in _PARTS for k, v in getattr(self, part).items()}
        about = {"step": self.step, "seconds": self.seconds, "flops": self.flops, "alive": self.alive}
        return save(tensors, {"predictlab": json.dumps(about)})

    @classmethod
    def from_bytes(cls, raw: bytes) -> RunState:
        """Inverse of `to_bytes`.

        Raises
        ------
        DataError
            `raw` is no state, or an incomplete one.
        """
        try:
            tensors = load(raw)
            length = int.from_bytes(raw[:8], "little")
            about = json.loads(json.loads(raw[8 : 8 + length])["__metadata__"]["predictlab"])
            fields: dict[str, Any] = {part: {} for part in _PARTS}
            for name, tensor in tensors.items():
                part, _, key = name.partition("/")
                fields[part][key] = tensor
            return cls(**fields, **about)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"This is not the state of a run ({error}): delete it, and the run is trained anew."
            ) from error
