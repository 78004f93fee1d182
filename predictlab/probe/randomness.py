"""The three sources of randomness of a run, apart and addressable.

Each source has its own stream, derived from the run's seed (or from the recipe's pinned seed) and, where it moves
with training, from the epoch or the step. So the draw of step 100 does not depend on having drawn the 99 before:
a run can be resumed or forked anywhere, and pinning one source leaves the others as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

    from predictlab.task import Recipe

_STREAMS = {"init": 1, "order": 2, "dropout": 3}


def stream_seed(recipe: Recipe, seed: int, source: str, position: int = 0) -> int:
    """Seed of one source ("init", "order", "dropout") of run `seed` at a position (epoch or step); 63 bits."""
    pinned = getattr(recipe, f"{source}_seed")
    entropy = (seed if pinned is None else int(pinned), _STREAMS[source], position)
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)


def generator(recipe: Recipe, seed: int, source: str, position: int = 0) -> torch.Generator:
    """Torch generator (on the processor, so that draws do not depend on the device) of one source."""
    import torch

    return torch.Generator().manual_seed(stream_seed(recipe, seed, source, position))


class DataOrder:
    """Rows of each step: one fresh permutation per epoch, cut into batches of equal size.

    A batch may straddle two epochs, so that every step sees ``batch_size`` rows and no row is left out.
    """

    def __init__(self, recipe: Recipe, seed: int, n_rows: int) -> None:
        self.recipe, self.seed, self.n_rows = recipe, seed, n_rows
        self._epoch = -1
        self._permutation: torch.Tensor | None = None

    def _permuted(self, epoch: int) -> torch.Tensor:
        import torch

        if epoch != self._epoch or self._permutation is None:
            self._permutation = torch.randperm(self.n_rows, generator=generator(self.recipe, self.seed, "order", epoch))
            self._epoch = epoch
        return self._permutation

    def batch(self, step: int) -> torch.Tensor:
        """Row numbers of step `step` (0 is the first), int64 (batch_size,)."""
        import torch

        size = self.recipe.batch_size
        parts, position, wanted = [], step * size, size
        while wanted:
            epoch, offset = divmod(position, self.n_rows)
            part = self._permuted(epoch)[offset : offset + wanted]
            parts.append(part)
            position, wanted = position + len(part), wanted - len(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts)
