"""Inputs of the trained part, computed once and shared by all seeds, epochs, depths and tasks of a probe."""

from __future__ import annotations

import logging
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn.functional import linear

from predictlab.catalog._features import Backbone, length_sorted_batches, pool, tokenise
from predictlab.errors import DataError
from predictlab.probing._engine import architectures
from predictlab.probing._engine.rows import CompletionRows, Ragged, completion_rows
from predictlab.probing._segments import CancelCheck, never_cancelled
from predictlab.task import Task

log = logging.getLogger("predictlab")


class SharedInputs:
    """What the trained part of tasks reads: computed once, never twice.

    Parameters
    ----------
    limit : float
        Bytes of activations held in memory; what does not fit is mapped from a temporary file, and the log says so.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.limit = limit
        self.used = 0  # bytes of them
        self._check_cancelled: CancelCheck = never_cancelled
        self._held: dict[tuple[Any, ...], Ragged] = {}
        self._projected: dict[tuple[Any, ...], tuple[Ragged, ...]] = {}
        self._completions: dict[tuple[Any, ...], CompletionRows] = {}

    def rows(self, task: Task, backbone: Backbone, split: str, first: int | None) -> Ragged:
        """Inputs of one split of a task.

        Parameters
        ----------
        task : Task
        backbone : Backbone
            Pristine: without adapters.
        split : {"train", "eval"}
        first : int or None
            Layer that reads them: token ids for None, pooled features (a vector a row) for the number of layers.
        """
        recipe = task.recipe
        head_only = first == backbone.n_layers
        pooling = recipe.pooling if head_only else ""
        key = (backbone.name, task.data.fingerprint, split, recipe.max_length, first, pooling)
        if key not in self._held:
            ids = self._ids(task, backbone, split)
            if first is None:
                return ids
            lengths = np.ones(len(ids), dtype=np.int64) if head_only else ids.lengths
            shape = (int(lengths.sum()), backbone.hidden_size)
            left, needed = self.limit - self.used, 4 * shape[0] * shape[1]
            if needed <= left:
                values = torch.empty(shape, device=backbone.device)
            else:
                values = _mapped(shape, needed, left, f"{task.name} ({split})")
            self._fill(values, backbone, ids, first, pooling)
            self.used += needed if needed <= left else 0
            self._held[key] = Ragged(values, lengths)
        return self._held[key]

    def projected(self, splits: Sequence[Ragged], maps: Sequence[Any], dtype: torch.dtype) -> tuple[Ragged, ...] | None:
        """Rows of activations with what frozen maps make of them behind: (tokens, width) to (tokens, 4 width).

        Parameters
        ----------
        splits : sequence of Ragged
        maps : sequence of (weight, bias, …)
            Query, key and value map of the layer that reads them.
        dtype : torch.dtype

        Returns
        -------
        tuple of Ragged or None
            None: there is no room in memory; the maps are then computed in every step, which is cheaper than
            reading them from a file.
        """
        width = splits[0].values.shape[-1]
        key = (*map(id, splits), dtype)
        if key in self._projected:
            return self._projected[key]
        needed = sum(len(rows.values) for rows in splits) * 4 * width * dtype.itemsize
        if self.used + needed > self.limit:
            log.info("Projections of the first layer need %.1f GB: they are computed in every step.", needed / 1e9)
            return None
        made = []
        for rows in splits:
            values = torch.empty((len(rows.values), 4 * width), dtype=dtype, device=rows.values.device)
            for start in range(0, len(values), 4096):
                self._check_cancelled()
                part = rows.values[start : start + 4096].to(maps[0][0].dtype)
                every = [part, *(linear(part, weight, bias) for weight, bias, *_ in maps)]
                values[start : start + 4096] = torch.cat(every, -1).to(dtype)
            made.append(Ragged(values, rows.lengths))
        self.used += needed
        self._projected[key] = tuple(made)
        return self._projected[key]

    @contextmanager
    def cancellable(self, check_cancelled: CancelCheck) -> Iterator[None]:
        """Call `check_cancelled` between batches of what is computed; what it raises ends that, with nothing kept."""
        self._check_cancelled = check_cancelled
        try:
            yield
        finally:
            self._check_cancelled = never_cancelled

    @torch.inference_mode()
    def _fill(self, values: torch.Tensor, backbone: Backbone, ids: Ragged, first: int, pooling: str) -> None:
        """Compute what enters layer `first`, or (with `pooling`) the features of each text."""
        encoder, device = backbone.encoder, backbone.device
        whole = architectures.Body(encoder)
        for batch in length_sorted_batches(ids.lengths):
            self._check_cancelled()
            rows = torch.from_numpy(batch.copy())
            where, mask = ids.positions(rows)
            tokens, on_device = ids.values[where].to(device), mask.to(device)
            if pooling:
                values[rows.to(values.device)] = pool(whole(tokens, on_device), on_device, pooling).to(values.device)
            else:
                hidden = architectures.lower_activations(encoder, first, tokens, on_device)
                values[where[mask].to(values.device)] = hidden[on_device].to(values.device)

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
        ids = self._ids(task, backbone, "train")
        trial = ids.batch(torch.tensor([int(ids.lengths.argmin()), int(ids.lengths.argmax())]))
        if not architectures.can_split(backbone.encoder, trained[0], *(part.to(backbone.device) for part in trial)):
            log.info("%s: %s is run whole in every step", task.name, backbone.encoder.config.model_type)
            return None
        return trained[0]

    def completions(self, task: Task, backbone: Backbone, split: str) -> CompletionRows:
        """Token ids of prompts and completions of one split."""
        key = (backbone.name, task.data.fingerprint, split, task.recipe.max_length)
        if key not in self._completions:
            self._completions[key] = completion_rows(task, backbone, split)
        return self._completions[key]

    def _ids(self, task: Task, backbone: Backbone, split: str) -> Ragged:
        if task.data.kind == "completions":
            return self.completions(task, backbone, split).inputs
        key = (backbone.name, task.data.fingerprint, split, task.recipe.max_length, "ids")
        if key not in self._held:
            texts = getattr(task.data, split)["text"].tolist()
            self._held[key] = Ragged.from_ids(tokenise(backbone, texts, task.recipe.max_length))
        return self._held[key]


def _mapped(shape: tuple[int, int], needed: int, left: float, what: str) -> torch.Tensor:
    """Uninitialised float32 numbers in a temporary file, since there are not `needed` bytes `left` for them."""
    log.warning(
        "%s: the activations of its frozen layers need %.2f GB, more than the %.2f GB left of cache_limit; they "
        "are kept in a temporary file in %s, which is slower to read and gives the same numbers.",
        what, needed / 1e9, max(0, left) / 1e9, tempfile.gettempdir(),
    )  # fmt: skip
    file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the mapping
    try:
        if hasattr(os, "posix_fallocate"):  # a full disk is found out here, not by a fault when it is written
            os.posix_fallocate(file.fileno(), 0, needed)
        return torch.from_numpy(np.memmap(file, dtype=np.float32, mode="r+", shape=shape))
    except OSError as error:
        file.close()
        raise DataError(
            f"{what}: the activations of its frozen layers need {needed / 1e9:.2f} GB in {tempfile.gettempdir()}, "
            f"which cannot be had ({error.strerror or error}). Raise cache_limit if there is memory, point the "
            "environment variable TMPDIR to a larger disk, or lower the recipe's max_length."
        ) from error
