"""Models, shared activations and trainers of tasks, loaded when they are first needed."""

from __future__ import annotations

import torch

from predictlab.catalog._completions import no_head
from predictlab.catalog._features import Backbone, load_backbone
from predictlab.errors import bad_argument
from predictlab.probing._engine.causal import CausalLearner
from predictlab.probing._engine.inputs import SharedInputs
from predictlab.probing._engine.learner import Classifier
from predictlab.probing._engine.reference import ReferenceTrainer
from predictlab.probing._engine.shared import SharedTrainer
from predictlab.probing._executors import TrainingOptions
from predictlab.probing._segments import CancelCheck, never_cancelled
from predictlab.task import Task

LARGEST_GROUP = 32
TRAINERS = 2  # held at a time
Trainer = ReferenceTrainer | SharedTrainer


class TrainerCache:
    """Models, shared activations and trainers of tasks, loaded when they are first needed.

    Parameters
    ----------
    options : TrainingOptions
    """

    def __init__(self, options: TrainingOptions) -> None:
        self.options = options
        self.device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.inputs = SharedInputs(options.cache_limit)
        self._backbones: dict[str, Backbone] = {}
        self._trainers: dict[int, tuple[Task, Trainer, int]] = {}  # by identity; the task is held as long

    def backbone(self, task: Task) -> Backbone:
        """The task's model, loaded once; it is checked that the recipe fits it."""
        name = str(task.model)
        if name not in self._backbones:
            self._backbones[name] = load_backbone(task.model, self.device)
        backbone = self._backbones[name]
        if task.data.kind == "completions" and backbone.causal is None:
            raise no_head(name)
        task.recipe.trained_layers(backbone.n_layers)
        if task.recipe.max_length > backbone.max_length:
            expected = f"at most {backbone.max_length} tokens, what {name} can take"
            raise bad_argument("max_length", task.recipe.max_length, expected)
        return backbone

    def trainer(self, task: Task, check_cancelled: CancelCheck = never_cancelled) -> tuple[Trainer, int]:
        """The task's trainer, and the most runs it trains together.

        `check_cancelled` is called now and then while frozen layers are computed; it raises to end that.
        """
        if id(task) not in self._trainers:
            if len(self._trainers) >= TRAINERS:  # each holds a copy of its model; what is costly to make is in `inputs`
                del self._trainers[next(iter(self._trainers))]
            with self.inputs.cancellable(check_cancelled):
                self._trainers[id(task)] = (task, *self._made(task))
        return self._trainers[id(task)][1:]

    def _made(self, task: Task) -> tuple[Trainer, int]:
        kind = CausalLearner if task.data.kind == "completions" else Classifier
        learner = kind(task, self.backbone(task), self.inputs)
        if self.options.engine == "reference":
            return ReferenceTrainer(task.recipe, learner), 1
        trainer = SharedTrainer(task, learner, self.inputs, self.options.memory_limit)
        return trainer, min(LARGEST_GROUP, trainer.largest_group)
