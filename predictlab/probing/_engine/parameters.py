"""What a run consists of: its state at a depth, and the parameters of many runs side by side while they train."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from predictlab.errors import DataError
from predictlab.task import Recipe

BETAS, EPSILON = (0.9, 0.999), 1e-8
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
        the first step, once a run has diverged and of plain SGD there are no moments.
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

    def __reduce__(self) -> tuple[Callable[[bytes], RunState], tuple[bytes]]:
        return RunState.from_bytes, (self.to_bytes(),)  # many small tensors travel slowly

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


class StackedParameters:
    """Parameters of `runs` runs of one task.

    Parameters
    ----------
    named : mapping of str to torch.Tensor
        The parameters of one run by name; they give names, shapes and the device.
    runs : int
    optimizer : {"adamw", "sgd"}
        Plain SGD keeps no moments: `first` and `second` have no columns then.

    Notes
    -----
    A run is one row: its matrices, which the optimizer decays, and behind them its vectors, which it does not.
    Everything is float32 whatever the precision of the model's passes.
    """

    def __init__(self, named: Mapping[str, torch.Tensor], runs: int, optimizer: str = "adamw") -> None:
        order = sorted(named, key=lambda name: named[name].ndim < 2)  # stable: matrices first
        self.shapes = {name: named[name].shape for name in order}
        self.places: dict[str, slice] = {}
        start = 0
        for name, shape in self.shapes.items():
            self.places[name] = slice(start, start + shape.numel())
            start += shape.numel()
        self.decayed = sum(shape.numel() for shape in self.shapes.values() if len(shape) >= 2)
        device = next(iter(named.values())).device
        self.optimizer = optimizer
        moments = start if optimizer == "adamw" else 0
        self.values, self.grad, self.first, self.second = (
            torch.zeros((runs, numbers), dtype=torch.float32, device=device)
            for numbers in (start, start, moments, moments)
        )
        # One count of steps for each tensor that AdamW is given: it counts them up itself.
        self._steps = [[torch.zeros((), device=device) for _ in range(2)] for _ in range(runs)]

    @staticmethod
    def bytes_per_run(named: Mapping[str, torch.Tensor], optimizer: str = "adamw") -> int:
        """Memory that one more run takes at most.

        Four numbers of 4 bytes for each parameter, three more of the state that it started from, and six while its
        state is copied and made a file. Plain SGD has no moments: two, one, and two.
        """
        bytes_a_number = 16 + 12 + 24 if optimizer == "adamw" else 8 + 4 + 8
        return bytes_a_number * sum(p.numel() for p in named.values())

    def views(self, of: torch.Tensor, runs: slice | int) -> Named:
        """Parameters by name, (runs, *shape) or of one run (*shape), as views into `of` (`values`, `grad`, …)."""
        rows = of[runs]
        return {name: rows[..., place].unflatten(-1, self.shapes[name]) for name, place in self.places.items()}

    @torch.no_grad()
    def start(self, run: int, named: Mapping[str, torch.Tensor]) -> None:
        """Begin a run with copies of these parameters."""
        for name, view in self.views(self.values, run).items():
            view.copy_(named[name])

    @torch.no_grad()
    def restore(self, run: int, state: RunState) -> None:
        """Put copies of a state into a run."""
        for part, of in zip(_PARTS, (self.values, self.first, self.second), strict=True):
            tensors = getattr(state, part)
            views = self.views(of, run) if tensors else {}
            for name, tensor in tensors.items():
                views[name].copy_(tensor)
        for count in self._steps[run]:
            count.fill_(state.step)

    def captured(self, run: int, step: int, seconds: float, flops: float, alive: bool) -> RunState:
        """Copies of what a run holds; of a diverged one nothing is worth keeping, before the first step no moments."""
        moments = alive and step and self.optimizer == "adamw"

        def copied(of: torch.Tensor) -> Named:
            return {k: v.to("cpu", copy=True).contiguous() for k, v in self.views(of, run).items()}

        first, second = (copied(of) if moments else {} for of in (self.first, self.second))
        return RunState(step, copied(self.values) if alive else {}, first, second, seconds, flops, alive)

    @torch.no_grad()
    def step(self, runs: Sequence[int], recipe: Recipe, step: int) -> None:
        """Clip the gradient of each of these runs by its own norm, and make optimiser step `step`."""
        if recipe.max_grad_norm:
            norm = torch.linalg.vector_norm(self.grad, dim=1, keepdim=True)
            self.grad.mul_((recipe.max_grad_norm / (norm + 1e-6)).clamp(max=1.0))  # torch's clip_grad_norm_
        parts = (slice(0, self.decayed), slice(self.decayed, None))
        rate, fused = recipe.learning_rate_at(step), self.values.device.type in ("cpu", "cuda")
        for number, (part, decay) in enumerate(zip(parts, (recipe.weight_decay, 0.0), strict=True)):
            values, grads = ([of[run, part] for run in runs] for of in (self.values, self.grad))
            if self.optimizer == "sgd":
                sgd(
                    values, grads, [None] * len(values), fused=fused, weight_decay=decay, momentum=0.0, lr=rate,
                    dampening=0.0, nesterov=False, maximize=False,
                )  # fmt: skip
                continue
            first, second = ([of[run, part] for run in runs] for of in (self.first, self.second))
            adamw(
                values, grads, first, second, [], [self._steps[run][number] for run in runs],
                fused=fused, amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=rate, weight_decay=decay, eps=EPSILON,
                maximize=False,
            )  # fmt: skip
