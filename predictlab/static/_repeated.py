"""A score that depends on a draw, such as a seed or a choice of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Repeated:
    """A score over several draws.

    Parameters
    ----------
    values : tuple of float
        The score of each draw.

    Examples
    --------
    >>> import predictlab as pl
    >>> found = pl.static.Repeated((1.0, 3.0))
    >>> float(found), round(found.sd, 3)
    (2.0, 1.414)
    """

    values: tuple[float, ...]

    @property
    def value(self) -> float:
        """Mean over the draws."""
        return float(np.mean(self.values))

    @property
    def sd(self) -> float:
        """Standard deviation over the draws; NaN for one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else float("nan")

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.value:.4g} (sd {self.sd:.2g} over {len(self.values)} draws)"
