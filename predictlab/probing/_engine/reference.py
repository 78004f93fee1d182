"""The reference trainer: one seed at a time, plain PyTorch. It defines what a run is; faster engines reproduce it."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator

import torch

from predictlab.probing._engine.learner import Learner, all_finite
from predictlab.probing._engine.parameters import BETAS, EPSILON, RunState
from predictlab.probing._engine.randomness import DataOrder, forked_rng, stream_seed
from predictlab.probing._segments import CancelCheck, CheckpointResult, Group, GroupUpdate, RunSegment, never_cancelled
from predictlab.task import Recipe


class ReferenceTrainer:
    """Trains the runs of one task.

    Parameters
    ----------
    recipe : Recipe
    learner : Learner
        What is trained and scored.
    """

    def __init__(self, recipe: Recipe, learner: Learner) -> None:
        self.recipe, self.learner = recipe, learner
        self.device = learner.device

    def train(self, group: Group, check_cancelled: CancelCheck = never_cancelled) -> Generator[GroupUpdate]:
        """Train the runs of a group to its depths, one after the other; see `SharedTrainer.train`."""
        for segment in group.segments:
            for result in self.run(segment, check_cancelled):
                yield GroupUpdate(group, results=(result,)) if result else GroupUpdate(group, steps=1)

    def run(
        self, segment: RunSegment, check_cancelled: CancelCheck = never_cancelled
    ) -> Iterator[CheckpointResult | None]:
        """Train one run up to the last of its depths.

        Parameters
        ----------
        segment : RunSegment
            With a state it goes on from there, which gives the same numbers as a run in one go. A fork goes on with
            fresh randomness, its seconds and operations counted from zero at the depth of the fork.
        check_cancelled : callable
            Called between batches of an evaluation; raises to end the training.

        Yields
        ------
        CheckpointResult or None
            What is measured at a depth, and None after each step.

        Notes
        -----
        The optimizer decays matrices and leaves vectors (biases, norms) alone, as is usual. Seconds count training
        only. A run whose loss or weights are not finite is diverged from there on: NaN at this and all later depths.
        """
        recipe, learner, start = self.recipe, self.learner, segment.state
        # Dropout layers draw from torch's global generator: seeded here for each step, given back at the end.
        with forked_rng(self.device):
            optimiser = self._optimiser()
            if start is None:
                learner.draw(segment.seed)
            else:
                self._restore(start, optimiser)
            order = DataOrder(recipe, segment.seed, learner.n_rows, segment.fork)
            alive = start is None or start.alive
            seconds, flops = segment.costs_before
            for step in range(segment.begin, segment.depths[-1] + 1):
                if step in segment.depths:
                    began = time.perf_counter()
                    values, kept = learner.measured(learner.outcomes(check_cancelled) if alive else None)
                    evaluation = time.perf_counter() - began if alive else math.nan
                    alive = all_finite(values)
                    state = self._captured(optimiser, step, seconds, flops, alive)
                    yield CheckpointResult(segment, state, values, kept, evaluation)
                if step == segment.depths[-1]:
                    return
                if alive:
                    began = time.perf_counter()
                    if recipe.dropout:
                        torch.manual_seed(stream_seed(recipe, segment.seed, "dropout", step, segment.fork))
                    loss, done = self._step(step, order, optimiser)
                    flops += done
                    seconds += time.perf_counter() - began
                    alive = math.isfinite(loss)
                yield None

    def _optimiser(self) -> torch.optim.Optimizer:
        parameters = list(self.learner.named.values())
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": self.recipe.weight_decay},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        fused = self.device.type in ("cpu", "cuda")  # one pass over the parameters
        if self.recipe.optimizer == "sgd":
            return torch.optim.SGD(groups, lr=self.recipe.learning_rate, fused=fused)
        return torch.optim.AdamW(groups, lr=self.recipe.learning_rate, betas=BETAS, eps=EPSILON, fused=fused)

    def _captured(
        self, optimiser: torch.optim.Optimizer, step: int, seconds: float, flops: float, alive: bool
    ) -> RunState:
        """Copies of what the model and its optimiser hold now; of a diverged run nothing is worth keeping."""
        named = self.learner.named if alive else {}
        parameters = {k: p.detach().clone() for k, p in named.items()}
        first, second = (
            {k: optimiser.state[p][part].clone() for k, p in named.items() if part in optimiser.state.get(p, {})}
            for part in ("exp_avg", "exp_avg_sq")
        )
        return RunState(step, parameters, first, second, seconds, flops, alive)

    @torch.no_grad()
    def _restore(self, state: RunState, optimiser: torch.optim.Optimizer) -> None:
        """Put copies of a state into the model and an optimiser that has made no step."""
        for name, parameter in self.learner.named.items():
            if name in state.parameters:
                parameter.copy_(state.parameters[name])
            if name in state.first_moment:
                moments = (state.first_moment[name], state.second_moment[name])
                first, second = (m.to(parameter.device, copy=True) for m in moments)
                done = torch.tensor(float(state.step), device=parameter.device)  # where the fused step wants it
                optimiser.state[parameter] = {"step": done, "exp_avg": first, "exp_avg_sq": second}

    def _step(self, step: int, order: DataOrder, optimiser: torch.optim.Optimizer) -> tuple[float, float]:
        recipe, learner = self.recipe, self.learner
        learner.train(True)
        loss, flops = learner.loss(order.batch(step))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if recipe.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(learner.named.values(), recipe.max_grad_norm)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        optimiser.step()
        return loss.item(), flops
