"""Rows of a data set as the engines read them: ragged, and of completions in their two parts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from predictlab.catalog._features import Backbone, quiet_transformers
from predictlab.errors import DataError, ModelError, bad_argument
from predictlab.task import Task

log = logging.getLogger("predictlab")
IGNORED = -100  # target of a position that asks for no completion token


class Ragged:
    """Rows of different lengths in one tensor, without padding.

    Parameters
    ----------
    values : torch.Tensor (sum of lengths, ...)
        Token ids (int64) or activations (float32, last axis the width), row after row.
    lengths : sequence of int (n,)
    """

    def __init__(self, values: torch.Tensor, lengths: Sequence[int] | np.ndarray) -> None:
        self.values = values
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self._length = torch.from_numpy(self.lengths)
        self._start = torch.cumsum(self._length, 0) - self._length
        self._longest = int(self.lengths.max(initial=0))

    @classmethod
    def from_ids(cls, rows: Sequence[Sequence[int]]) -> Ragged:
        """Token ids of each row."""
        flat = np.fromiter((i for row in rows for i in row), dtype=np.int64)
        return cls(torch.from_numpy(flat), [len(row) for row in rows])

    def __len__(self) -> int:
        return len(self.lengths)

    def positions(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Where `rows` lie in `values`, int64 (b, longest), and which of it is real, bool (b, longest)."""
        lengths = self._length[rows]
        column = torch.arange(int(lengths.max()))
        mask = column < lengths[:, None]
        # Padding repeats the row's own last token: finite numbers that the mask takes out again.
        return self._start[rows][:, None] + torch.minimum(column, lengths[:, None] - 1), mask

    def batch(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Values, (b, longest, ...), and mask, bool (b, longest), of these rows."""
        if self._longest == 1:  # one vector each, such as pooled features: nothing to be padded
            where, mask = rows[:, None], torch.ones((len(rows), 1), dtype=torch.bool)
        else:
            where, mask = self.positions(rows)
        values = self.values.index_select(0, where.reshape(-1).to(self.values.device))
        return values.view(*where.shape, *self.values.shape[1:]), mask.to(self.values.device)


@dataclass(frozen=True)
class CompletionRows:
    """Rows of one split.

    Parameters
    ----------
    inputs : Ragged of int64
        Tokens of prompt and completion; the end token is asked for, but not read.
    targets : Ragged of int64
        The token that follows each of them where it is one of the completion or its end, else `IGNORED`.
    prompts, completions : list of list of int
        The same rows in their two parts; completions with the end token.
    """

    inputs: Ragged
    targets: Ragged
    prompts: list[list[int]]
    completions: list[list[int]]


def completion_rows(task: Task, backbone: Backbone, split: str) -> CompletionRows:
    """Token ids of ``"train"`` or ``"eval"`` rows.

    Prompt and completion are tokenised apart, so that no token spans both, with the tokenizer's begin token (where it
    sets one) before and its end token behind. Prompts that do not fit into ``recipe.max_length`` lose their beginning;
    the log counts them.

    Raises
    ------
    DataError
        A completion does not fit into ``recipe.max_length`` with one token of its prompt.
    ModelError
        The tokenizer has no end token.
    """
    limit, tokenizer = task.recipe.max_length, backbone.tokenizer
    if not 1 <= limit <= backbone.max_length:
        raise bad_argument("max_length", limit, f"1 to {backbone.max_length} tokens for {backbone.name}")
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"The tokenizer of {backbone.name} has no end-of-sequence token (eos_token), which says where a completion "
            "ends. Set one and save the tokenizer again."
        )
    part = getattr(task.data, split)
    begin = _begin(tokenizer)
    prompts = _tokens(tokenizer, part["prompt"].tolist())
    completions = _tokens(tokenizer, part["completion"].tolist())
    needed = [len(begin) + 1 + len(completion) for completion in completions]
    if too_long := [i for i, n in enumerate(needed) if n > limit]:
        raise DataError(
            f"{task.data.name}: {len(too_long)} of {len(part)} completions ({split}, the first in row {too_long[0]}) "
            f"do not fit into max_length={limit} tokens with a token of their prompt, and are not cut. Raise the "
            f"recipe's max_length to at least {max(needed)}, or leave these rows out."
        )
    rows, cut = [], 0
    for prompt, completion in zip(prompts, completions, strict=True):
        if begin and prompt[: len(begin)] == begin:
            prompt = prompt[len(begin) :]  # written out by the user
        # A tokenizer may make nothing of a prompt; the first token still needs one before it.
        prompt = prompt or ([] if begin else [tokenizer.eos_token_id])
        room = limit - len(begin) - len(completion)
        cut += len(prompt) > room
        rows.append(([*begin, *prompt[max(0, len(prompt) - room) :]], [*completion, tokenizer.eos_token_id]))
    if cut:
        log.warning(
            "%s: %d of %d prompts (%s) are cut from the left to max_length=%d.", task.name, cut, len(rows), split, limit
        )
    return CompletionRows(
        Ragged.from_ids([prompt + completion[:-1] for prompt, completion in rows]),
        Ragged.from_ids([[IGNORED] * (len(prompt) - 1) + completion for prompt, completion in rows]),
        [prompt for prompt, _ in rows],
        [completion for _, completion in rows],
    )


def _tokens(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    if not texts:
        return []
    with quiet_transformers():
        ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return ids


def _begin(tokenizer: Any) -> list[int]:
    """The begin token, in a list, if the tokenizer sets it before a text."""
    with quiet_transformers():
        special = tokenizer("")["input_ids"]
    return special[:1] if tokenizer.bos_token_id is not None and special[:1] == [tokenizer.bos_token_id] else []
