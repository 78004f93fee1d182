"""Inputs of the trained part, computed once and shared by all seeds, epochs, depths and tasks of a probe."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch

from predictlab.backbone import Backbone, length_sorted_batches, pool, tokenise
from predictlab.probe import prefix
from predictlab.probe.completions import CompletionRows, completion_rows
from predictlab.probe.rows import Ragged, Vectors

if TYPE_CHECKING:
    from predictlab.task import Task

log = logging.getLogger("predictlab")
CACHE_LIMIT = 2_000_000_000  # bytes of shared activations held in memory


class SharedInputs:
    """What the trained part of tasks reads, kept while there is room.

    Parameters
    ----------
    limit : int
        Bytes of activations held at most. Data whose activations would not fit is run through the whole model in
        every step instead, and the log says so.
    """

    def __init__(self, limit: int = CACHE_LIMIT) -> None:
        self.limit = limit
        self.used = 0
        self._held: dict[tuple[Any, ...], Any] = {}

    def rows(self, task: Task, backbone: Backbone, split: str, first: int | None) -> Ragged | Vectors:
        """Inputs of one split of a task.

        Parameters
        ----------
        task : Task
        backbone : Backbone
            Pristine: without adapters.
        split : {"train", "eval"}
        first : int or None
            Layer that reads them: token ids for None, pooled features for the number of layers.
        """
        recipe = task.recipe
        head_only = first == backbone.n_layers
        pooling = recipe.pooling if head_only else ""
        key = (backbone.name, task.data.fingerprint, split, recipe.max_length, first, pooling)
        if key not in self._held:
            ids = self._ids(task, backbone, split)
            if first is None:
                return ids
            made = _pooled(backbone, ids, recipe.pooling) if head_only else _activations(backbone, ids, first)
            self.used += made.values.nbytes
            self._held[key] = made
        return self._held[key]

    def first_layer(self, task: Task, backbone: Backbone) -> int | None:
        """Layer from which `task` has to be computed in every step; None: the whole model, from token ids.

        The number of layers stands for "none": only the head is trained, on pooled features.
        """
        recipe = task.recipe
        trained = recipe.trained_layers(backbone.n_layers)
        if recipe.method == "full":
            return None
        if not trained:
            return backbone.n_layers
        ids = {split: self._ids(task, backbone, split) for split in ("train", "eval")}
        lengths = ids["train"].lengths
        trial = ids["train"].batch(torch.tensor([int(lengths.argmin()), int(lengths.argmax())]))
        device = next(backbone.encoder.parameters()).device
        if not prefix.can_split(backbone.encoder, trained[0], trial[0].to(device), trial[1].to(device)):
            log.info("%s: %s is run whole in every step", task.name, backbone.encoder.config.model_type)
            return None
        tokens = sum(int(part.lengths.sum()) for part in ids.values())
        needed = tokens * backbone.hidden_size * 4
        held = (backbone.name, task.data.fingerprint, "train", recipe.max_length, trained[0], "") in self._held
        if not held and self.used + needed > self.limit:
            log.warning(
                "%s: the activations of its frozen layers need %.1f GB, more than the %.1f GB left of cache_limit; "
                "they are computed again in every step, which is slower and gives the same numbers.",
                task.name, needed / 1e9, max(0, self.limit - self.used) / 1e9,
            )  # fmt: skip
            return None
        return trained[0]

    def completions(self, task: Task, backbone: Backbone, split: str) -> CompletionRows:
        """Token ids of prompts and completions of one split."""
        key = (backbone.name, task.data.fingerprint, split, task.recipe.max_length, "completions")
        if key not in self._held:
            self._held[key] = completion_rows(task, backbone, split)
        return self._held[key]

    def _ids(self, task: Task, backbone: Backbone, split: str) -> Ragged:
        if task.data.kind == "completions":
            return self.completions(task, backbone, split).inputs
        key = (backbone.name, task.data.fingerprint, split, task.recipe.max_length, "ids")
        if key not in self._held:
            texts = getattr(task.data, split)["text"].tolist()
            self._held[key] = Ragged.from_ids(tokenise(backbone, texts, task.recipe.max_length))
        return self._held[key]


@torch.inference_mode()
def _activations(backbone: Backbone, ids: Ragged, first: int) -> Ragged:
    device = next(backbone.encoder.parameters()).device
    values = torch.empty((int(ids.lengths.sum()), backbone.hidden_size), dtype=torch.float32, device=device)
    for batch in length_sorted_batches(ids.lengths):
        rows = torch.from_numpy(batch.copy())
        tokens, mask = ids.batch(rows)
        hidden = prefix.lower_activations(backbone.encoder, first, tokens.to(device), mask.to(device))
        where, mask = ids.positions(rows)
        values[where[mask].to(device)] = hidden[mask.to(device)]
    return Ragged(values, ids.lengths)


@torch.inference_mode()
def _pooled(backbone: Backbone, ids: Ragged, pooling: str) -> Vectors:
    device = next(backbone.encoder.parameters()).device
    values = torch.empty((len(ids), backbone.hidden_size), dtype=torch.float32, device=device)
    for batch in length_sorted_batches(ids.lengths):
        rows = torch.from_numpy(batch.copy())
        tokens, mask = ids.batch(rows)
        hidden = prefix.WholeModel(backbone.encoder)(tokens.to(device), mask.to(device))
        values[rows.to(device)] = pool(hidden, mask.to(device), pooling)
    return Vectors(values)
