"""Rows of a data set as the engines read them: ragged, and of completions in their two parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from predictlab.catalog._completions import completion_tokens
from predictlab.catalog._features import Backbone
from predictlab.task import Task

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
    part = getattr(task.data, split)
    prompts, completions = part["prompt"].tolist(), part["completion"].tolist()
    limit = task.recipe.max_length
    rows = completion_tokens(backbone, prompts, completions, limit, task.data.name, split, str(task.name))
    return CompletionRows(
        Ragged.from_ids([prompt + completion[:-1] for prompt, completion in rows]),
        Ragged.from_ids([[IGNORED] * (len(prompt) - 1) + completion for prompt, completion in rows]),
        [prompt for prompt, _ in rows],
        [completion for _, completion in rows],
    )
