"""The reference trainer: one seed at a time, plain PyTorch. It defines what a run is; faster engines reproduce it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import torch

from predictlab.probing._engine.learner import Learner, finite
from predictlab.probing._engine.parameters import BETAS, EPSILON
from predictlab.probing._engine.randomness import DataOrder, Fork, stream_seed
from predictlab.probing._engine.state import RunState
from predictlab.probing._segments import Group, Measurement, Reached
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

    def train(
        self,
        group: Group,
        report: Callable[[Sequence[Reached]], None],
        tick: Callable[[int], object] = lambda steps: None,
    ) -> None:
        """Train the runs of a group to its depths, one after the other.

        Parameters
        ----------
        group : Group
        report : callable
            Gets what a run reached at a depth, with its state.
        tick : callable
            Called with the number of steps just made, and with 0 between batches of an evaluation.
        """
        for lane in group.lanes:
            state, measured = lane.start, list[Measurement]()
            for depth in lane.depths:  # from state to state: the same numbers as in one go, to the last bit
                state = self.run(
                    lane.seed, [depth], measured.append, lambda: tick(1), lambda: tick(0),
                    start=state, fork=lane.fork, keep=True,
                )  # fmt: skip
                assert state is not None
                report([Reached(lane, measured[-1], state)])

    def run(
        self,
        seed: int,
        depths: Sequence[int],
        report: Callable[[Measurement], None],
        tick: Callable[[], object] = lambda: None,
        look: Callable[[], object] = lambda: None,
        *,
        start: RunState | None = None,
        fork: Fork | None = None,
        keep: bool = False,
    ) -> RunState | None:
        """Train run `seed` up to the last of `depths`, and report the metrics at each of them.

        Parameters
        ----------
        seed : int
            Of the three random streams, unless the recipe pins them.
        depths : sequence of int
            Increasing; steps after which to measure.
        report : callable
            Gets each `Measurement` as soon as it is made.
        tick : callable
            Called after each step.
        look : callable
            Called between batches of an evaluation.
        start : RunState, optional
            Go on from here, which gives the same numbers as a run in one go; `depths` then are deeper.
        fork : Fork, optional
            Go on as this fork of the run: with fresh randomness, its seconds and operations counted from zero where
            ``start.step`` is ``fork.depth``.
        keep : bool
            Return the state at the last depth.

        Returns
        -------
        RunState or None

        Notes
        -----
        AdamW decays matrices and leaves vectors (biases, norms) alone, as is usual. Seconds count training only. A
        run whose loss or weights are not finite is diverged from there on: NaN at this and all later depths.
        """
        recipe, learner = self.recipe, self.learner
        # Dropout layers draw from torch's global generator: seeded here for each step, given back at the end.
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            optimiser = self._optimiser()
            if start is None:
                learner.draw(seed)
            else:
                self._restore(start, optimiser)
            order = DataOrder(recipe, seed, learner.n_rows, fork)
            wanted, last, alive = set(depths), max(depths), start is None or start.alive
            seconds, flops = (0.0, 0.0) if start is None else (start.seconds, start.flops)
            if start and fork and start.step == fork.depth:
                seconds, flops = 0.0, 0.0
            for step in range(start.step if start else 0, last + 1):
                if step in wanted:
                    values = learner.evaluate(look) if alive else dict.fromkeys(learner.metrics, math.nan)
                    alive = alive and finite(values)
                    if not alive:
                        values = dict.fromkeys(values, math.nan)
                    report(Measurement(step, values, seconds, flops, "ok" if alive else "diverged"))
                if step == last:
                    break
                if alive:
                    began = time.perf_counter()
                    if recipe.dropout:
                        torch.manual_seed(stream_seed(recipe, seed, "dropout", step, fork))
                    loss, done = self._step(step, order, optimiser)
                    flops += done
                    seconds += time.perf_counter() - began
                    alive = math.isfinite(loss)
                tick()
            return self._captured(optimiser, last, seconds, flops, alive) if keep else None

    def _optimiser(self) -> torch.optim.AdamW:
        parameters = list(self.learner.named.values())
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": self.recipe.weight_decay},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        fused = self.device.type in ("cpu", "cuda")  # one pass over the parameters
        return torch.optim.AdamW(groups, lr=self.recipe.learning_rate, betas=BETAS, eps=EPSILON, fused=fused)

    def _captured(self, optimiser: torch.optim.AdamW, step: int, seconds: float, flops: float, alive: bool) -> RunState:
        """Copies of what the model and its optimiser hold now; of a diverged run nothing is worth keeping."""
        named = self.learner.named if alive else {}
        parameters = {k: p.detach().clone() for k, p in named.items()}
        first, second = (
            {k: optimiser.state[p][part].clone() for k, p in named.items() if p in optimiser.state}
            for part in ("exp_avg", "exp_avg_sq")
        )
        return RunState(step, parameters, first, second, seconds, flops, alive)

    @torch.no_grad()
    def _restore(self, state: RunState, optimiser: torch.optim.AdamW) -> None:
        """Put copies of a state into the model and an optimiser that has made no step."""
        for name, parameter in self.learner.named.items():
            if name in state.parameters:
                parameter.copy_(state.parameters[name])
            if name in state.first_moment:
                moments = (state.first_moment[name], state.second_moment[name])
                first, second = (m.to(parameter.device, copy=True) for m in moments)
                done = torch.tensor(float(state.step), device=parameter.device)  # where the fused step wants it
                optimiser.state[parameter] = {"step": done, "exp_avg": first, "exp_avg_sq": second}

    def _step(self, step: int, order: DataOrder, optimiser: torch.optim.AdamW) -> tuple[float, float]:
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
