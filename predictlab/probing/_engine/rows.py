"""Rows of a data set as the trainer reads them: ragged, padded to the longest row of each batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch


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
        where, mask = self.positions(rows)
        values = self.values.index_select(0, where.reshape(-1).to(self.values.device))
        return values.view(*where.shape, *self.values.shape[1:]), mask.to(self.values.device)


class Vectors:
    """Rows of one vector each (pooled features), in the interface of `Ragged`; the mask has one column."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values
        self.lengths = np.ones(len(values), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors, (b, d), and a mask of ones, bool (b, 1)."""
        values = self.values.index_select(0, rows.to(self.values.device))
        return values, torch.ones((len(rows), 1), dtype=torch.bool, device=values.device)
