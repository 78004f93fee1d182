"""RunState: all that a run needs to go on from a depth, apart from its seed."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from predictlab.probe.model import ProbeModel


@dataclass(frozen=True)
class RunState:
    """A run at one depth. Its schedule and its random streams are functions of the step, so they need no state.

    Parameters
    ----------
    step : int
        Optimiser steps done.
    parameters : dict of str to torch.Tensor
        Trained parameters (adapters or all weights, and the head) by name; copies.
    optimiser : dict
        The optimiser's ``state_dict``; a copy.
    seconds, flops : float
        Training cost so far.
    alive : bool
        False once the run has diverged.
    """

    step: int
    parameters: dict[str, torch.Tensor]
    optimiser: dict[str, Any]
    seconds: float
    flops: float
    alive: bool

    @classmethod
    def capture(
        cls, model: ProbeModel, optimiser: torch.optim.Optimizer, step: int, seconds: float, flops: float, alive: bool
    ) -> RunState:
        """Copy what the model and its optimiser hold now."""
        parameters = {name: p.detach().clone() for name, p in model.named.items()}
        return cls(step, parameters, copy.deepcopy(optimiser.state_dict()), seconds, flops, alive)

    @torch.no_grad()
    def restore(self, model: ProbeModel, optimiser: torch.optim.Optimizer) -> None:
        """Put the copies into a model and an optimiser of the same task; this state stays as it is."""
        for name, parameter in model.named.items():
            parameter.copy_(self.parameters[name])
        optimiser.load_state_dict(copy.deepcopy(self.optimiser))  # torch would keep, and change, these very tensors
