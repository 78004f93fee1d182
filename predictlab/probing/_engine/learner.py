"""What is trained and how it is scored: one model for all runs of a task, with the task's rows."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from predictlab.catalog._features import Backbone, length_sorted_batches, pool
from predictlab.errors import DataError
from predictlab.probing._engine.architectures import Body, adapt, computed_layers, draw_adapters
from predictlab.probing._engine.inputs import SharedInputs
from predictlab.probing._engine.randomness import generator
from predictlab.probing._engine.rows import Ragged
from predictlab.probing._segments import CancelCheck, never_cancelled
from predictlab.task import METRICS_OF, SHARES, Task

Outcomes = dict[str, torch.Tensor]
Kept = dict[str, NDArray[Any]]
"""Of each metric, a number for each evaluation row, float64 (n,)."""
Measured = tuple[dict[str, float], Kept | None]
"""Metrics of a run at a depth, and the outcomes of its rows; NaN and None of a run that is lost."""


class Learner(ABC):
    """One model for all runs of a task, with the task's rows; the engines know no more of a task than this.

    Parameters
    ----------
    task : Task
    backbone : Backbone
        The task's model.
    shared : SharedInputs
        Activations of the frozen layers, shared with other tasks on the same model and data.
    first : int or None
        Layer that the inputs enter, as `SharedInputs.first_layer` gives it.
    module : torch.nn.Module
        All that is trained or has dropout.
    encoder : transformers.PreTrainedModel or None
        The part of it below the head, with what the recipe trains; None: only the head is trained.
    head : torch.nn.Module
        The linear map behind it.

    Attributes
    ----------
    metrics : tuple of str
        What is measured; all of them being finite says that a run is alive.
    head_std : float or None
        Standard deviation of a new head's weights at the start of a run; None: the head is the model's own.
    n_rows : int
        Training rows.
    named : dict of str to torch.nn.Parameter
        Trained parameters by name, in a fixed order.
    device : torch.device
    autocast : bool
        Whether the passes are in bfloat16.
    """

    metrics: tuple[str, ...]
    head_std: float | None = None

    def __init__(
        self, task: Task, backbone: Backbone, shared: SharedInputs, first: int | None, module: nn.Module, encoder: Any,
        head: Any,
    ) -> None:  # fmt: skip
        self.recipe, self.device = task.recipe, backbone.device
        self.autocast = task.recipe.precision == "bf16"
        self.train_rows: Ragged = shared.rows(task, backbone, "train", first)
        self.eval_rows: Ragged = shared.rows(task, backbone, "eval", first)
        self.n_rows = len(self.train_rows)
        self.module, self.encoder, self.head = module, encoder, head
        self.body = None if encoder is None else Body(encoder, first)
        self.named = {name: p for name, p in module.named_parameters() if p.requires_grad}
        # With all weights trained, every run starts from a copy of the model as it came.
        kept = (*module.named_parameters(), *module.named_buffers()) if task.recipe.method == "full" else ()
        self._original = [(tensor, tensor.detach().clone()) for _, tensor in kept]
        self._computed = computed_layers(encoder, backbone, first)

    @torch.no_grad()
    def draw(self, seed: int) -> None:
        """Start run `seed`: fresh adapters from the init stream, or (``method="full"``) the weights as they were."""
        for tensor, value in self._original:
            tensor.copy_(value)
        random = generator(self.recipe, seed, "init")
        if self.head_std is not None:
            self.head.weight.copy_(torch.empty(self.head.weight.shape).normal_(0.0, self.head_std, generator=random))
            self.head.bias.zero_()
        draw_adapters(self.named, random)

    def train(self, mode: bool) -> None:
        """Switch dropout on or off."""
        self.module.train(mode)

    def precision(self) -> torch.autocast:
        """The context in which passes are made."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast)

    def batch(self, of: Ragged, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs of these rows and their mask, on the model's device."""
        values, mask = of.batch(rows)
        return values.to(self.device), mask.to(self.device)

    @abstractmethod
    def loss(self, rows: torch.Tensor) -> tuple[torch.Tensor, float]:
        """Mean loss of these training rows with its graph, and the operations of a training step on them."""

    @abstractmethod
    def outcomes(self, check_cancelled: CancelCheck = never_cancelled) -> Outcomes:
        """What the model as it stands makes of each evaluation row.

        `check_cancelled` is called between batches; what it raises ends the evaluation.
        """

    def metrics_of(self, outcomes: Outcomes) -> dict[str, float]:
        """The metrics of a run: every evaluation, of every engine, becomes one here."""
        return {name: float(of_rows.mean()) for name, of_rows in outcomes.items()}

    def kept_outcomes(self, outcomes: Outcomes) -> Kept:
        """The outcomes as they are kept: bool for right or wrong, else 32-bit floats; each metric is their mean."""
        return {
            name: (of_rows.numpy() > 0 if name in SHARES else of_rows.numpy().astype(np.float32))
            for name, of_rows in outcomes.items()
        }

    def measured(self, outcomes: Outcomes | None) -> Measured:
        """What is said of a run with these outcomes; None: one that was lost before. It may turn out to be lost now."""
        metrics = {} if outcomes is None else self.metrics_of(outcomes)
        if outcomes is None or not all_finite(metrics):
            return dict.fromkeys(self.metrics, math.nan), None
        return metrics, self.kept_outcomes(outcomes)

    def new_outcomes(self) -> Outcomes:
        """Outcomes to be written."""
        return {name: torch.zeros(len(self.eval_rows), dtype=torch.float64) for name in self.metrics}

    def step_flops(self, rows: int, length: int, head_positions: int) -> float:
        """Floating-point operations of one training step on `rows` x `length` tokens, as it is executed here.

        Each layer that is computed costs ``2 P + 4 L d`` a token forward (P: weights of its linear maps, adapters
        included; L: padded length; d: width; the second term is attention) and as much again for the gradients of
        its activations; each trained weight costs 2 more a token. The head costs the same at each position at which it
        is computed. Cached layers cost nothing; softmax, norms and the optimiser are left out.
        """
        layers, weights, width, trained = self._computed
        head = head_positions * int(self.head.weight.numel())
        forward = rows * length * (2 * weights + 4 * layers * length * width) + 2 * head
        return 2 * forward + 2 * rows * length * trained + 2 * head * bool(self.head.weight.requires_grad)


class Classifier(Learner):
    """Learner of texts with labels: adapters, or all weights, and a new head that is drawn for every run.

    Raises
    ------
    DataError
        There are no rows, or labels outside the classes.
    """

    metrics = METRICS_OF["labels"]

    def __init__(self, task: Task, backbone: Backbone, shared: SharedInputs) -> None:
        recipe, classes = task.recipe, len(task.data.classes)
        self.train_labels, self.eval_labels = (torch.tensor(task.labels(split)) for split in ("train", "eval"))
        for split, labels in (("train", self.train_labels), ("eval", self.eval_labels)):
            if not len(labels) or int(labels.min()) < 0 or int(labels.max()) >= classes:
                raise DataError(
                    f"The {split} rows of {task.data.name} must be at least one, with labels 0 to {classes - 1}; "
                    "load the data with pl.load_dataset, which checks it."
                )
        first = shared.first_layer(task, backbone)
        # Without a start of its own, which would draw from torch's global generator.
        head = nn.Linear(backbone.hidden_size, classes, device="meta").to_empty(device=backbone.device)
        self.dropout = nn.Dropout(recipe.dropout)
        encoder = None
        if recipe.method != "head":
            encoder = copy.deepcopy(backbone.encoder)  # adapters never touch the caller's
            adapt(encoder, recipe, backbone)
        module = nn.ModuleList(m for m in (encoder, head, self.dropout) if m is not None)
        super().__init__(task, backbone, shared, first, module, encoder, head)
        self.eval_batches = [torch.from_numpy(b.copy()) for b in length_sorted_batches(self.eval_rows.lengths)]
        self.head_std = float(getattr(backbone.encoder.config, "initializer_range", 0.02))

    def logits(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Class scores, (b, classes), of a batch of inputs and its mask."""
        features = values[:, 0] if self.body is None else pool(self.body(values, mask), mask, self.recipe.pooling)
        scores: torch.Tensor = self.head(self.dropout(features))
        return scores

    def loss(self, rows: torch.Tensor) -> tuple[torch.Tensor, float]:
        """Mean cross-entropy (nats) of these training rows, and the operations of a training step on them."""
        values, mask = self.batch(self.train_rows, rows)
        with self.precision():
            logits = self.logits(values, mask)
        loss = cross_entropy(logits.float(), self.train_labels[rows].to(self.device))
        return loss, self.step_flops(len(rows), mask.shape[1], len(rows))

    @torch.inference_mode()
    def outcomes(self, check_cancelled: CancelCheck = never_cancelled) -> Outcomes:
        """Whether each evaluation row's class is found, and its cross-entropy (nats)."""
        self.train(False)
        found = self.new_outcomes()
        for rows in self.eval_batches:
            check_cancelled()
            values, mask = self.batch(self.eval_rows, rows)
            with self.precision():
                logits = self.logits(values, mask)
            self.score(logits, rows, found)
        return found

    def score(self, logits: torch.Tensor, rows: torch.Tensor, into: Outcomes) -> None:
        """Write the outcomes of these evaluation rows, from their class scores (b, classes)."""
        labels = self.eval_labels[rows].to(self.device)
        into["accuracy"][rows] = (logits.argmax(1) == labels).double().cpu()
        into["eval_loss"][rows] = cross_entropy(logits.double(), labels, reduction="none").cpu()


def all_finite(values: dict[str, float]) -> bool:
    """Whether a run with these metrics is alive."""
    return all(math.isfinite(value) for value in values.values())
