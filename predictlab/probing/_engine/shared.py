"""The shared engine: runs of a task trained in lockstep on one base model. It reproduces the reference trainer.

The same seeds give the same trajectories up to the order in which floating-point numbers are added. What is shared is
computed once: activations below the first trained layer (`SharedInputs`), base weights, evaluation batches.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from predictlab.catalog._features import TOKENS_PER_BATCH
from predictlab.probing._engine.inputs import SharedInputs
from predictlab.probing._engine.learner import Classifier, Learner, Measured, Outcomes, all_finite
from predictlab.probing._engine.parameters import StackedParameters
from predictlab.probing._engine.randomness import DataOrder, forked_rng, stream_seed
from predictlab.probing._engine.rows import Ragged
from predictlab.probing._engine.stacked import StackedEncoder
from predictlab.probing._segments import CancelCheck, CheckpointResult, Group, GroupUpdate, never_cancelled
from predictlab.task import Recipe, Task

log = logging.getLogger("predictlab")
CHECKPOINT_SECONDS = 60.0  # between states of runs that reach no depth meanwhile


class PerRunGradients:
    """Gradients and metrics of one run after the other through the model's own code: right for every recipe.

    Parameters
    ----------
    learner : Learner
        Its parameters are made to read and write a run's row of numbers, which copies nothing.

    Attributes
    ----------
    at_once : int
        Runs whose gradients are best asked for together.
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
        """Fill ``parameters.grad`` of `runs` from a batch of `rows` each; their losses, and the operations of a run.

        `seeds` are those of dropout.
        """
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

    def outcomes(
        self, parameters: StackedParameters, runs: Sequence[int], check_cancelled: CancelCheck = never_cancelled
    ) -> list[Outcomes]:
        """Outcomes of each run on all evaluation rows; `check_cancelled` is called between batches."""
        outcomes = []
        for run in runs:
            with self._lent(parameters, run):
                outcomes.append(self.learner.outcomes(check_cancelled))
        return outcomes


class StackedGradients:
    """The same for several runs of a classifier in one pass (see `StackedEncoder`).

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
        if shared and (maps := encoder.first_maps()):
            projected = shared.projected((self.train_rows, self.eval_rows), maps, encoder.dtype)
            if projected is not None:
                self.train_rows, self.eval_rows = projected
                encoder.projected = True
        tokens = TOKENS_PER_BATCH if learner.device.type == "cpu" else 16 * TOKENS_PER_BATCH
        length = int(self.train_rows.lengths.max())
        of_run = encoder.activation_bytes(recipe.batch_size, length)
        self.at_once = max(1, min(tokens // (recipe.batch_size * length), memory // of_run))

    def gradients(
        self, parameters: StackedParameters, runs: Sequence[int], rows: Sequence[torch.Tensor], seeds: Sequence[int]
    ) -> tuple[list[float], float]:
        """See `PerRunGradients.gradients`; `seeds` are not used, since nothing is drawn here."""
        chosen = list(runs)
        leaves = {k: v[chosen].detach().requires_grad_() for k, v in parameters.views(parameters.values, _ALL).items()}
        every = torch.cat(list(rows))
        inputs, mask = self._batch(self.train_rows, every)
        shape = (len(runs), len(rows[0]))
        self.encoder.operations = 0.0
        logits = self.encoder.logits(leaves, inputs.unflatten(0, shape), mask.unflatten(0, shape))
        labels = self.learner.train_labels[every].to(self.learner.device)
        losses = cross_entropy(logits.flatten(0, 1), labels, reduction="none").view(shape).mean(1)
        grads = torch.autograd.grad(losses.sum(), list(leaves.values()))
        for view, grad in zip(parameters.views(parameters.grad, _ALL).values(), grads, strict=True):
            view[chosen] = grad
        return losses.tolist(), self.encoder.operations / len(runs)

    @torch.inference_mode()
    def outcomes(
        self, parameters: StackedParameters, runs: Sequence[int], check_cancelled: CancelCheck = never_cancelled
    ) -> list[Outcomes]:
        """See `PerRunGradients.outcomes`: every batch of rows is read once, for all runs."""
        values = [parameters.views(parameters.values, slice(run, run + 1)) for run in runs]
        outcomes = [self.learner.new_outcomes() for _ in runs]
        for rows in self.learner.eval_batches:
            check_cancelled()
            inputs, mask = (t.unsqueeze(0) for t in self._batch(self.eval_rows, rows))
            for of_run, into in zip(values, outcomes, strict=True):
                self.learner.score(self.encoder.logits(of_run, inputs, mask)[0], rows, into)
        return outcomes

    def _batch(self, rows: Ragged, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values, mask = rows.batch(chosen)
        device = self.learner.device
        return values.to(device, self.encoder.dtype), mask.to(device)


_ALL = slice(None)


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
        self.backend = gradient_backend(task, learner, shared, memory_limit // 2)
        run = StackedParameters.bytes_per_run(learner.named, task.recipe.optimizer)
        self.largest_group = max(1, memory_limit // 2 // run)
        if run > memory_limit // 2:
            log.warning(
                "%s: one run takes %.2f GB for its parameters, gradients and moments, more than half of memory_limit "
                "(%.2f GB); its runs are trained one at a time.", task.name, run / 1e9, memory_limit / 1e9,
            )  # fmt: skip

    def train(
        self,
        group: Group,
        check_cancelled: CancelCheck = never_cancelled,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> Generator[GroupUpdate]:
        """Train the runs of a group to its depths.

        Parameters
        ----------
        group : Group
        check_cancelled : callable
            Called between batches of an evaluation; raises to end the training.
        checkpoint_seconds : float
            States come without a measurement when this long nothing was measured.

        Yields
        ------
        GroupUpdate
            After each step, and what all runs reached at a depth as soon as it is measured.
        """
        runs = _GroupRuns(self.task.recipe, self.learner, group)
        with forked_rng(self.learner.device):  # dropout draws from torch's global generator
            saved = time.monotonic()
            for step in range(group.begin, group.depths[-1] + 1):
                due = step in group.depths
                if due or time.monotonic() - saved > checkpoint_seconds:
                    measured = self._measured(runs, check_cancelled) if due else None
                    yield GroupUpdate(group, results=runs.results(step, measured))
                    saved = time.monotonic()
                if step < group.depths[-1]:
                    self._step(step, runs)
                    yield GroupUpdate(group, steps=len(group.segments))

    def _measured(self, runs: _GroupRuns, check_cancelled: CancelCheck) -> list[Measured]:
        """Metrics and outcomes of all runs; those that turn out to be lost are marked in `alive`."""
        living = runs.living()
        began = time.perf_counter()
        found = self.backend.outcomes(runs.parameters, living, check_cancelled) if living else []
        runs.evaluation_seconds[:] = np.nan
        runs.evaluation_seconds[living] = (time.perf_counter() - began) / max(1, len(living))
        of_run = dict(zip(living, found, strict=True))
        measured = [self.learner.measured(of_run.get(i)) for i in range(len(runs.alive))]
        runs.alive = [all_finite(values) for values, _ in measured]
        return measured

    def _step(self, step: int, runs: _GroupRuns) -> None:
        recipe, living = self.task.recipe, runs.living()
        began = time.perf_counter()
        for start in range(0, len(living), self.backend.at_once):
            some = living[start : start + self.backend.at_once]
            rows = [runs.orders[i].batch(step) for i in some]
            seeds = [stream_seed(recipe, runs.segments[i].seed, "dropout", step, runs.segments[i].fork) for i in some]
            losses, flops = self.backend.gradients(runs.parameters, some, rows, seeds)
            runs.flops[some] += flops
            for i, loss in zip(some, losses, strict=True):
                runs.alive[i] = math.isfinite(loss)
        if living:
            runs.parameters.step(living, recipe, step)
            runs.seconds[living] += (time.perf_counter() - began) / len(living)


class _GroupRuns:
    """The runs of a group while they train: parameters, orders of rows, costs, and which are alive."""

    def __init__(self, recipe: Recipe, learner: Learner, group: Group) -> None:
        self.segments = group.segments
        self.parameters = StackedParameters(learner.named, len(self.segments), recipe.optimizer)
        self.alive = [segment.state is None or segment.state.alive for segment in self.segments]
        self.seconds, self.flops = np.zeros(len(self.segments)), np.zeros(len(self.segments))
        self.evaluation_seconds = np.full(len(self.segments), np.nan)  # of the last evaluation
        self.orders = [DataOrder(recipe, one.seed, learner.n_rows, one.fork) for one in self.segments]
        for i, segment in enumerate(self.segments):
            if segment.state is None:
                learner.draw(segment.seed)
                self.parameters.start(i, learner.named)
            else:
                self.parameters.restore(i, segment.state)
            self.seconds[i], self.flops[i] = segment.costs_before

    def living(self) -> list[int]:
        """Numbers of the runs that have not diverged."""
        return [i for i, alive in enumerate(self.alive) if alive]

    def results(self, step: int, measured: Sequence[Measured] | None) -> tuple[CheckpointResult, ...]:
        """Where all runs are after `step` steps; `measured` is None at a checkpoint between depths."""
        results = []
        for i, (segment, alive) in enumerate(zip(self.segments, self.alive, strict=True)):
            state = self.parameters.captured(i, step, float(self.seconds[i]), float(self.flops[i]), alive)
            if measured is None:
                results.append(CheckpointResult(segment, state, None))
            else:
                results.append(CheckpointResult(segment, state, *measured[i], float(self.evaluation_seconds[i])))
        return tuple(results)


def gradient_backend(
    task: Task, learner: Learner, shared: SharedInputs, memory: int
) -> PerRunGradients | StackedGradients:
    """The quickest backend that reproduces the learner's own passes."""
    alone = PerRunGradients(learner)
    if not isinstance(learner, Classifier) or not StackedEncoder.fits(learner, task.recipe):
        return alone
    half = task.recipe.precision == "bf16"
    exact = StackedEncoder(learner, task.recipe, torch.float32)
    stacked = StackedGradients(learner, exact, None if half else shared, task.recipe, memory)
    if not _agree(stacked, alone):
        log.warning("%s: stacked passes do not reproduce this model; its runs are trained one by one.", task.name)
        return alone
    if half:
        if learner.device.type == "cpu" and not _has_bf16_instructions():
            log.warning("precision='bf16': this processor has no instructions for it; float32 is quicker here.")
        half_encoder = StackedEncoder(learner, task.recipe, torch.bfloat16)
        stacked = StackedGradients(learner, half_encoder, shared, task.recipe, memory)
    return stacked


def _has_bf16_instructions() -> bool:
    """Whether the processor multiplies in bfloat16 by itself; True where torch cannot tell."""
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    known = [there for name, there in capabilities.items() if "bf16" in name]
    return any(known) or not known


def _agree(fast: StackedGradients, plain: PerRunGradients) -> bool:
    """Whether both give the same losses and gradients on two runs with adapters that differ from their start."""
    learner = plain.learner
    parameters = StackedParameters(learner.named, 2)
    random = torch.Generator().manual_seed(0)
    parameters.values.copy_(0.05 * torch.randn(parameters.values.shape, generator=random))
    rows = [torch.randint(learner.n_rows, (min(4, learner.n_rows),), generator=random) for _ in range(2)]
    autocast, learner.autocast = learner.autocast, False
    with forked_rng(learner.device):
        expected, _ = plain.gradients(parameters, (0, 1), rows, (0, 0))
        wanted = parameters.grad.clone()
        found, _ = fast.gradients(parameters, (0, 1), rows, (0, 0))
    learner.autocast = autocast
    near = torch.allclose(parameters.grad, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
    return near and bool(np.allclose(expected, found, rtol=1e-4))
