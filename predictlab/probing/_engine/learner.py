"""What is trained and how it is scored, for each kind of task; the engines know no more of a task than this."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch.nn.functional import cross_entropy

from predictlab.catalog._backbone import Backbone, length_sorted_batches
from predictlab.errors import DataError
from predictlab.probing._engine.causal import CausalLearner
from predictlab.probing._engine.classifier import ProbeModel
from predictlab.probing._engine.inputs import SharedInputs
from predictlab.task import Task


class Learner(Protocol):
    """One model for all runs of a task, with the task's rows."""

    metrics: tuple[str, ...]
    """What `evaluate` measures; all of them being finite says that a run is alive."""
    n_rows: int
    """Training rows."""
    named: dict[str, torch.nn.Parameter]
    """Trained parameters by name, in a fixed order."""
    device: torch.device

    def draw(self, seed: int) -> None:
        """Make the parameters those that run `seed` starts with."""

    def train(self, mode: bool) -> None:
        """Switch dropout on or off."""

    def loss(self, rows: torch.Tensor) -> tuple[torch.Tensor, float]:
        """Mean loss of these training rows with its graph, and the operations of a training step on them."""

    def evaluate(self, look: Callable[[], object] = ...) -> dict[str, float]:
        """The metrics of the model as it stands, over all evaluation rows; `look` is called between batches."""


class Classifier:
    """Learner of texts with labels: adapters, or all weights, and a new head (see `ProbeModel`).

    Parameters
    ----------
    task : Task
    backbone : Backbone
        The task's model.
    shared : SharedInputs
        Activations of the frozen layers, shared with other tasks on the same model and data.
    """

    metrics: tuple[str, ...] = ("accuracy", "eval_loss")

    def __init__(self, task: Task, backbone: Backbone, shared: SharedInputs) -> None:
        self.device = next(backbone.encoder.parameters()).device
        self.autocast = task.recipe.precision == "bf16"
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
        self.n_rows = len(self.train_rows)
        self.model = ProbeModel(backbone, task.recipe, classes, first)
        self.named = self.model.named
        self.eval_batches = [torch.from_numpy(b.copy()) for b in length_sorted_batches(self.eval_rows.lengths)]

    def draw(self, seed: int) -> None:
        """See `ProbeModel.draw`."""
        self.model.draw(seed)

    def train(self, mode: bool) -> None:
        """Switch dropout on or off."""
        self.model.train(mode)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast)

    def loss(self, rows: torch.Tensor) -> tuple[torch.Tensor, float]:
        """Mean cross-entropy (nats) of these training rows, and the operations of a training step on them."""
        values, mask = self.train_rows.batch(rows)
        with self._precision():
            logits = self.model.logits(values.to(self.device), mask.to(self.device))
        loss = cross_entropy(logits.float(), self.train_labels[rows].to(self.device))
        return loss, self.model.step_flops(len(rows), mask.shape[1])

    @torch.inference_mode()
    def evaluate(self, look: Callable[[], object] = lambda: None) -> dict[str, float]:
        """Accuracy and mean cross-entropy (nats) of the model as it stands, over all evaluation rows."""
        self.model.train(False)
        correct, loss = 0, 0.0
        for rows in self.eval_batches:
            look()
            values, mask = self.eval_rows.batch(rows)
            with self._precision():
                logits = self.model.logits(values.to(self.device), mask.to(self.device))
            labels = self.eval_labels[rows].to(self.device)
            loss += float(cross_entropy(logits.double(), labels, reduction="sum"))
            correct += int((logits.argmax(1) == labels).sum())
        return {"accuracy": correct / len(self.eval_labels), "eval_loss": loss / len(self.eval_labels)}


def learner_of(task: Task, backbone: Backbone, shared: SharedInputs) -> Learner:
    """The learner of a task."""
    if task.data.kind == "completions":
        return CausalLearner(task, backbone, shared)
    return Classifier(task, backbone, shared)


def finite(values: dict[str, float]) -> bool:
    """Whether a run with these metrics is alive."""
    return all(math.isfinite(value) for value in values.values())
