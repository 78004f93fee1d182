"""The reference trainer: one seed at a time, plain PyTorch. It defines what a run is; faster engines reproduce it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from predictlab.backbone import Backbone, length_sorted_batches
from predictlab.errors import DataError
from predictlab.probe.activations import SharedInputs
from predictlab.probe.model import ProbeModel
from predictlab.probe.randomness import DataOrder, Fork, stream_seed
from predictlab.probe.state import RunState
from predictlab.task import Task

BETAS, EPSILON = (0.9, 0.999), 1e-8


@dataclass(frozen=True)
class Measurement:
    """One run at one depth: metrics, training seconds and operations so far, "ok" or "diverged"."""

    depth: int
    values: dict[str, float]
    seconds: float
    flops: float
    status: str


class ReferenceTrainer:
    """Trains the runs of one task.

    Parameters
    ----------
    task : Task
    backbone : Backbone
        The task's model.
    shared : SharedInputs
        Activations of the frozen layers, shared with other tasks on the same model and data.
    """

    def __init__(self, task: Task, backbone: Backbone, shared: SharedInputs) -> None:
        self.task = task
        self.device = next(backbone.encoder.parameters()).device
        first = shared.first_layer(task, backbone)
        self.train_rows = shared.rows(task, backbone, "train", first)
        self.eval_rows = shared.rows(task, backbone, "eval", first)
        self.train_labels = torch.tensor(task.labels("train"))
        self.eval_labels = torch.tensor(task.labels("eval"))
        classes = len(task.data.classes)
        for split, labels in (("train", self.train_labels), ("eval", self.eval_labels)):
            if not len(labels) or int(labels.min()) < 0 or int(labels.max()) >= classes:
                raise DataError(
                    f"The {split} rows of {task.data.name} must be at least one, with labels 0 to {classes - 1}; "
                    "load the data with pl.load_dataset, which checks it."
                )
        self.model = ProbeModel(backbone, task.recipe, classes, first)
        self._eval_batches = [torch.from_numpy(b.copy()) for b in length_sorted_batches(self.eval_rows.lengths)]

    def run(
        self,
        seed: int,
        depths: Sequence[int],
        report: Callable[[Measurement], None],
        tick: Callable[[], object] = lambda: None,
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
        start : RunState, optional
            Go on from here, which gives the same numbers as a run in one go; `depths` then are deeper.
        fork : Fork, optional
            Go on as this fork of the run (``fork.depth`` is ``start.step``): with fresh randomness, its seconds and
            operations counted from zero.
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
        recipe, model = self.task.recipe, self.model
        # Dropout layers draw from torch's global generator: seeded here for each step, given back at the end.
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            optimiser = self._optimiser()
            if start is None:
                model.draw(seed)
            else:
                start.restore(model, optimiser)
            order = DataOrder(recipe, seed, len(self.train_rows), fork)
            wanted, last, alive = set(depths), max(depths), start is None or start.alive
            seconds, flops = (0.0, 0.0) if start is None or fork else (start.seconds, start.flops)
            for step in range(start.step if start else 0, last + 1):
                if step in wanted:
                    values = self.evaluate() if alive else {"accuracy": math.nan, "eval_loss": math.nan}
                    alive = alive and math.isfinite(values["eval_loss"])
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
            return RunState.capture(model, optimiser, last, seconds, flops, alive) if keep else None

    def _optimiser(self) -> torch.optim.AdamW:
        matrices = [p for p in self.model.parameters if p.ndim >= 2]
        vectors = [p for p in self.model.parameters if p.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": self.task.recipe.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        fused = self.device.type in ("cpu", "cuda")  # one pass over the parameters
        return torch.optim.AdamW(groups, lr=self.task.recipe.learning_rate, betas=BETAS, eps=EPSILON, fused=fused)

    def _step(self, step: int, order: DataOrder, optimiser: torch.optim.AdamW) -> tuple[float, float]:
        recipe, model = self.task.recipe, self.model
        model.train(True)
        rows = order.batch(step)
        values, mask = self.train_rows.batch(rows)
        loss = cross_entropy(
            model.logits(values.to(self.device), mask.to(self.device)), self.train_labels[rows].to(self.device)
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if recipe.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters, recipe.max_grad_norm)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        optimiser.step()
        return loss.item(), model.step_flops(len(rows), mask.shape[1])

    @torch.inference_mode()
    def evaluate(self) -> dict[str, float]:
        """Accuracy and mean cross-entropy (nats) of the model as it stands, over all evaluation rows."""
        self.model.train(False)
        correct, loss = 0, 0.0
        for rows in self._eval_batches:
            values, mask = self.eval_rows.batch(rows)
            logits = self.model.logits(values.to(self.device), mask.to(self.device))
            labels = self.eval_labels[rows].to(self.device)
            loss += float(cross_entropy(logits.double(), labels, reduction="sum"))
            correct += int((logits.argmax(1) == labels).sum())
        return {"accuracy": correct / len(self.eval_labels), "eval_loss": loss / len(self.eval_labels)}
