"""The three sources of randomness of a run, apart and addressable.

Each source has its own stream, derived from the run's seed (or from the recipe's pinned seed) and, where it moves
with training, from the epoch or the step. So the draw of step 100 does not depend on having drawn the 99 before:
a run can be resumed or forked anywhere, and pinning one source leaves the others as they are.

A fork goes on from its parent's state with fresh draws of what acts in training (order, dropout), independent of the
parent's. It keeps what its prefix fixes: the rows already seen in the epoch of the fork are not seen again in it. So
forks and the parent's own continuation are draws from one law, ``R given prefix``, and the pooled variance within
parents estimates ``E[Var(R given prefix)]`` without bias. A pinned source is the same in forks too.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np
import torch

from predictlab.probing._segments import Fork
from predictlab.task import Recipe

_STREAMS = {"init": 1, "order": 2, "dropout": 3}


def stream_seed(recipe: Recipe, seed: int, source: str, position: int = 0, fork: Fork | None = None) -> int:
    """Seed of one source ("init", "order", "dropout") of run `seed` at a position (epoch or step); 63 bits.

    A fork has streams of its own, except for sources that the recipe pins.
    """
    pinned = getattr(recipe, f"{source}_seed")
    entropy = (seed if pinned is None else int(pinned), _STREAMS[source], position)
    key = fork if fork is not None and pinned is None else ()
    return int(np.random.SeedSequence(entropy, spawn_key=key).generate_state(1, np.uint64)[0] >> 1)


def generator(recipe: Recipe, seed: int, source: str, position: int = 0, fork: Fork | None = None) -> torch.Generator:
    """Torch generator (on the processor, so that draws do not depend on the device) of one source."""
    return torch.Generator().manual_seed(stream_seed(recipe, seed, source, position, fork))


def forked_rng(device: torch.device) -> AbstractContextManager[None]:
    """Torch's global generator, which dropout draws from, is afterwards as it was."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


class DataOrder:
    """Rows of each step: one fresh permutation per epoch, cut into batches of equal size.

    A batch may straddle two epochs, so that every step sees ``batch_size`` rows and no row is left out. A fork has
    its parent's rows before the fork, a fresh order of those still unseen in that epoch, and epochs of its own then.

    With ``sampling="replacement"`` each step draws its rows from all, and a fork draws its own from its depth on.
    """

    def __init__(self, recipe: Recipe, seed: int, n_rows: int, fork: Fork | None = None) -> None:
        self.recipe, self.seed, self.n_rows = recipe, seed, n_rows
        self.fork = fork if recipe.order_seed is None else None
        self._forked, self._seen = -1, n_rows  # epoch of the fork, and the rows already seen in it
        if self.fork is not None:
            self._forked, self._seen = divmod(self.fork.depth * recipe.batch_size, n_rows)
        self._epoch, self._permutation = -1, torch.empty(0)

    def _permuted(self, epoch: int) -> torch.Tensor:
        """All rows in the order of an epoch; the latest one is kept."""
        if epoch != self._epoch:
            rows = self._shuffled(self.n_rows, epoch, self.fork if epoch > self._forked else None)
            if epoch == self._forked:
                unseen = self._shuffled(self.n_rows - self._seen, epoch, self.fork)
                rows = torch.cat([rows[: self._seen], rows[self._seen :][unseen]])
            self._epoch, self._permutation = epoch, rows
        return self._permutation

    def _shuffled(self, n: int, epoch: int, fork: Fork | None) -> torch.Tensor:
        return torch.randperm(n, generator=generator(self.recipe, self.seed, "order", epoch, fork))

    def batch(self, step: int) -> torch.Tensor:
        """Row numbers of step `step` (0 is the first), int64 (batch_size,)."""
        size, start = self.recipe.batch_size, step * self.recipe.batch_size
        if self.recipe.sampling == "replacement":
            fork = self.fork if self.fork is not None and step >= self.fork.depth else None
            return torch.randint(self.n_rows, (size,), generator=generator(self.recipe, self.seed, "order", step, fork))
        epoch, offset = divmod(start, self.n_rows)
        rows = self._permuted(epoch)
        while len(rows) < offset + size:
            epoch += 1
            rows = torch.cat([rows, self._permuted(epoch)])
        return rows[offset : offset + size]
