"""The shared engine: runs of a task trained in lockstep on one base model. It reproduces the reference trainer.

The same seeds give the same trajectories up to the order in which floating-point numbers are added. What is shared is
computed once: activations below the first trained layer (`SharedInputs`), base weights, evaluation batches.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from predictlab.catalog._backbone import TOKENS_PER_BATCH
from predictlab.probing._engine.inputs import SharedInputs
from predictlab.probing._engine.learner import Classifier, Learner, finite
from predictlab.probing._engine.parameters import StackedParameters
from predictlab.probing._engine.randomness import DataOrder, stream_seed
from predictlab.probing._engine.rows import Ragged, Vectors
from predictlab.probing._engine.stacked import StackedEncoder
from predictlab.probing._segments import Group, Measurement, Reached
from predictlab.task import Recipe, Task

log = logging.getLogger("predictlab")
CHECKPOINT_SECONDS = 60.0  # between states of runs that reach no depth meanwhile


class Passes(Protocol):
    """How gradients and metrics of several runs are computed."""

    at_once: int
    """Runs whose gradients are best asked for together."""

    def gradients(
        self, parameters: StackedParameters, runs: Sequence[int], rows: Sequence[torch.Tensor], seeds: Sequence[int]
    ) -> tuple[list[float], float]:
        """Fill ``parameters.grad`` of `runs` from a batch of `rows` each; their losses, and the operations of a run."""

    def evaluate(
        self, parameters: StackedParameters, runs: Sequence[int], look: Callable[[], object]
    ) -> list[dict[str, float]]:
        """Metrics of each run over all evaluation rows; `look` is called between batches."""


class Single:
    """One run after the other through the model's own code: right for every architecture and recipe.

    Parameters
    ----------
    learner : Learner
        Its parameters are made to read and write a run's row of numbers, which copies nothing.
    """

    at_once = 1

    def __init__(self, learner: Learner) -> None:
        self.learner = learner

    @contextmanager
    def _lent(self, parameters: StackedParameters, run: int) -> Iterator[None]:
        own = {name: parameter.data for name, parameter in self.learner.named.items()}
        values, grads = (parameters.views(of, run) for of in (parameters.values, parameters.grad))
        try:
            for name, parameter in self.learner.named.items():
                parameter.data, parameter.grad = values[name], grads[name]
            yield
        finally:
            for name, parameter in self.learner.named.items():
                parameter.data, parameter.grad = own[name], None

    def gradients(
        self, parameters: StackedParameters, runs: Sequence[int], rows: Sequence[torch.Tensor], seeds: Sequence[int]
    ) -> tuple[list[float], float]:
        """See `Passes.gradients`."""
        losses, flops = [], 0.0
        self.learner.train(True)
        for run, batch, seed in zip(runs, rows, seeds, strict=True):
            parameters.grad[run].zero_()
            torch.manual_seed(seed)
            with self._lent(parameters, run):
                loss, flops = self.learner.loss(batch)
                loss.backward()
            losses.append(loss.item())
        return losses, flops

    def evaluate(
        self, parameters: StackedParameters, runs: Sequence[int], look: Callable[[], object] = lambda: None
    ) -> list[dict[str, float]]:
        """See `Passes.evaluate`."""
        found = []
        for run in runs:
            with self._lent(parameters, run):
                found.append(self.learner.evaluate(look))
        return found


class Together:
    """Several runs of a classifier in one pass (see `StackedEncoder`).

    Parameters
    ----------
    learner : Classifier
    encoder : StackedEncoder
    shared : SharedInputs
        Where the base's projections of the first layer are kept, if there is room; None: nowhere.
    recipe : Recipe
    memory : int
        Bytes that the activations of a pass may take.
    """

    def __init__(
        self, learner: Classifier, encoder: StackedEncoder, shared: SharedInputs | None, recipe: Recipe, memory: int
    ) -> None:
        self.learner, self.encoder = learner, encoder
        self.train_rows, self.eval_rows = learner.train_rows, learner.eval_rows
        if shared and encoder.projects and isinstance(self.train_rows, Ragged) and isinstance(self.eval_rows, Ragged):
            both = shared.projected((self.train_rows, self.eval_rows), encoder.first_maps(), encoder.dtype)
            if both is not None:
                self.train_rows, self.eval_rows = both
                encoder.projected = True
        tokens = TOKENS_PER_BATCH if learner.device.type == "cpu" else 16 * TOKENS_PER_BATCH
        length = int(self.train_rows.lengths.max())
        of_run = encoder.activation_bytes(recipe.batch_size, length)
        self.at_once = max(1, min(tokens // (recipe.batch_size * length), memory // of_run))
        self._labels = learner.train_labels.to(learner.device)
        self._eval_labels = learner.eval_labels.to(learner.device)

    def gradients(
        self, parameters: StackedParameters, runs: Sequence[int], rows: Sequence[torch.Tensor], seeds: Sequence[int]
    ) -> tuple[list[float], float]:
        """See `Passes.gradients`; `seeds` are not used, since nothing is drawn here."""
        chosen = _as_slice(runs)
        leaves = {k: v[chosen].detach().requires_grad_() for k, v in parameters.views(parameters.values, _ALL).items()}
        every = torch.cat(list(rows))
        inputs, mask = self._batch(self.train_rows, every)
        shape = (len(runs), len(rows[0]))
        self.encoder.operations = 0.0
        logits = self.encoder.logits(leaves, inputs.unflatten(0, shape), mask.unflatten(0, shape))
        labels = self._labels[every.to(self._labels.device)]
        losses = cross_entropy(logits.flatten(0, 1), labels, reduction="none").view(shape).mean(1)
        grads = torch.autograd.grad(losses.sum(), list(leaves.values()))
        for view, grad in zip(parameters.views(parameters.grad, _ALL).values(), grads, strict=True):
            view[chosen] = grad
        return losses.tolist(), self.encoder.operations / len(runs)

    @torch.inference_mode()
    def evaluate(
        self, parameters: StackedParameters, runs: Sequence[int], look: Callable[[], object] = lambda: None
    ) -> list[dict[str, float]]:
        """See `Passes.evaluate`: every batch of rows is read once, for all runs."""
        values = [parameters.views(parameters.values, slice(run, run + 1)) for run in runs]
        correct, loss = np.zeros(len(runs), dtype=int), np.zeros(len(runs))
        for rows in self.learner.eval_batches:
            look()
            inputs, mask = (t.unsqueeze(0) for t in self._batch(self.eval_rows, rows))
            labels = self._eval_labels[rows.to(self._eval_labels.device)]
            for i, of_run in enumerate(values):
                logits = self.encoder.logits(of_run, inputs, mask)[0]
                loss[i] += float(cross_entropy(logits.double(), labels, reduction="sum"))
                correct[i] += int((logits.argmax(1) == labels).sum())
        n = len(self._eval_labels)
        return [{"accuracy": int(c) / n, "eval_loss": float(v) / n} for c, v in zip(correct, loss, strict=True)]

    def _batch(self, rows: Ragged | Vectors, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values, mask = rows.batch(chosen)
        device = self.learner.device
        return values.to(device, self.encoder.dtype), mask.to(device)


_ALL = slice(None)


def _as_slice(runs: Sequence[int]) -> slice | list[int]:
    """Neighbours as a slice, whose rows are views."""
    first, last = runs[0], runs[-1] + 1
    return slice(first, last) if last - first == len(runs) else list(runs)


class SharedTrainer:
    """Trains groups of runs of one task.

    Parameters
    ----------
    task : Task
    learner : Learner
    shared : SharedInputs
    memory_limit : int
        Bytes that the runs of a group may take beside the shared activations.

    Attributes
    ----------
    largest_group : int
        Runs whose parameters, gradients and moments fit in half of the limit; the other half is for the passes.
    """

    def __init__(self, task: Task, learner: Learner, shared: SharedInputs, memory_limit: int) -> None:
        self.task, self.learner = task, learner
        self.passes = passes_of(task, learner, shared, memory_limit // 2)
        run = StackedParameters.bytes_per_run(learner.named)
        self.largest_group = max(1, memory_limit // 2 // run)
        if run > memory_limit // 2:
            log.warning(
                "%s: one run takes %.2f GB for its parameters, gradients and moments, more than half of memory_limit "
                "(%.2f GB); its runs are trained one at a time.", task.name, run / 1e9, memory_limit / 1e9,
            )  # fmt: skip

    def train(
        self,
        group: Group,
        report: Callable[[Sequence[Reached]], None],
        tick: Callable[[int], object] = lambda steps: None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        """Train the runs of a group to its depths.

        Parameters
        ----------
        group : Group
        report : callable
            Gets what all runs reached at a depth, as soon as it is measured, with their states.
        tick : callable
            Called with the number of steps just made (one a run), and with 0 between batches of an evaluation.
        checkpoint_seconds : float
            States are reported without a measurement when this long nothing was reported.
        """
        recipe, lanes = self.task.recipe, group.lanes
        parameters = StackedParameters(self.learner.named, len(lanes))
        alive = [lane.start is None or lane.start.alive for lane in lanes]
        seconds, flops = np.zeros(len(lanes)), np.zeros(len(lanes))
        devices = [self.learner.device] if self.learner.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):  # dropout draws from torch's global generator
            for i, lane in enumerate(lanes):
                if lane.start is None:
                    self.learner.draw(lane.seed)
                    parameters.start(i, self.learner.named)
                    continue
                parameters.restore(i, lane.start)
                if not lane.fresh_fork:
                    seconds[i], flops[i] = lane.start.seconds, lane.start.flops
            orders = [DataOrder(recipe, lane.seed, self.learner.n_rows, lane.fork) for lane in lanes]
            saved = time.monotonic()
            for step in range(group.start, group.depths[-1] + 1):
                due = step in group.depths
                if due or time.monotonic() - saved > checkpoint_seconds:
                    values = self._measured(parameters, alive, lambda: tick(0)) if due else None
                    found = []
                    for i, lane in enumerate(lanes):
                        state = parameters.captured(i, step, float(seconds[i]), float(flops[i]), alive[i])
                        measured = None
                        if values is not None:
                            status = "ok" if alive[i] else "diverged"
                            measured = Measurement(step, values[i], float(seconds[i]), float(flops[i]), status)
                        found.append(Reached(lane, measured, state))
                    report(found)
                    saved = time.monotonic()
                if step < group.depths[-1]:
                    self._step(step, group, parameters, orders, alive, seconds, flops)
                    tick(len(lanes))

    def _measured(
        self, parameters: StackedParameters, alive: list[bool], look: Callable[[], object]
    ) -> list[dict[str, float]]:
        """Metrics of all runs; those that turn out to be lost are marked in `alive`."""
        runs = [i for i, lives in enumerate(alive) if lives]
        values = [dict.fromkeys(self.learner.metrics, math.nan) for _ in alive]
        for i, found in zip(runs, self.passes.evaluate(parameters, runs, look) if runs else [], strict=True):
            alive[i] = finite(found)
            if alive[i]:
                values[i] = found
        return values

    def _step(
        self, step: int, group: Group, parameters: StackedParameters, orders: Sequence[DataOrder], alive: list[bool],
        seconds: np.ndarray, flops: np.ndarray,
    ) -> None:  # fmt: skip
        recipe = self.task.recipe
        runs = [i for i, lives in enumerate(alive) if lives]
        began = time.perf_counter()
        for start in range(0, len(runs), self.passes.at_once):
            some = runs[start : start + self.passes.at_once]
            rows = [orders[i].batch(step) for i in some]
            seeds = [stream_seed(recipe, group.lanes[i].seed, "dropout", step, group.lanes[i].fork) for i in some]
            losses, done = self.passes.gradients(parameters, some, rows, seeds)
            flops[some] += done
            for i, loss in zip(some, losses, strict=True):
                alive[i] = math.isfinite(loss)
        if runs:
            parameters.step(runs, recipe, step)
            seconds[runs] += (time.perf_counter() - began) / len(runs)


def passes_of(task: Task, learner: Learner, shared: SharedInputs, memory: int) -> Passes:
    """The quickest passes that reproduce the learner's own."""
    if not isinstance(learner, Classifier) or not StackedEncoder.fits(learner, task.recipe):
        return Single(learner)
    half = task.recipe.precision == "bf16"
    exact = StackedEncoder(learner, task.recipe, torch.float32)
    found = Together(learner, exact, None if half else shared, task.recipe, memory)
    if not _agree(found, Single(learner), task):
        log.warning("%s: stacked passes do not reproduce this model; its runs are trained one by one.", task.name)
        return Single(learner)
    if half:
        _warn_if_slow(learner.device)
        found = Together(learner, StackedEncoder(learner, task.recipe, torch.bfloat16), shared, task.recipe, memory)
    return found


def _warn_if_slow(device: torch.device) -> None:
    """Say so where bfloat16 buys nothing: many processors have no instructions for it."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, taken = torch.ones((512, 512), dtype=dtype, device=device), []
        for _ in range(5):
            began = time.perf_counter()
            float((a @ a)[0, 0])  # read, so that a GPU has finished
            taken.append(time.perf_counter() - began)
        seconds[dtype] = min(taken)
    if seconds[torch.bfloat16] > seconds[torch.float32]:
        times = seconds[torch.bfloat16] / seconds[torch.float32]
        log.warning("precision='bf16': products of matrices take %.1f times as long as in float32 here.", times)


def _agree(fast: Passes, plain: Passes, task: Task) -> bool:
    """Whether both give the same losses and gradients on two runs with adapters that differ from their start."""
    learner = plain.learner  # type: ignore[attr-defined]
    parameters = StackedParameters(learner.named, 2)
    random = torch.Generator().manual_seed(0)
    parameters.values.copy_(0.05 * torch.randn(parameters.values.shape, generator=random))
    rows = [torch.randint(learner.n_rows, (min(4, learner.n_rows),), generator=random) for _ in range(2)]
    autocast, learner.autocast = learner.autocast, False
    with torch.random.fork_rng(devices=[learner.device] if learner.device.type == "cuda" else []):
        expected, _ = plain.gradients(parameters, (0, 1), rows, (0, 0))
        wanted = parameters.grad.clone()
        found, _ = fast.gradients(parameters, (0, 1), rows, (0, 0))
    learner.autocast = autocast
    near = torch.allclose(parameters.grad, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
    return near and bool(np.allclose(expected, found, rtol=1e-4))
