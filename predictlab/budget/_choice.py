"""What `FreshRun` advises: how many seeds to probe, how deep, and what that costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from predictlab.budget._price import price_in_words


@dataclass(frozen=True)
class ProbeChoice:
    """How many seeds to probe, and how deep.

    Parameters
    ----------
    depth : float
        Steps of one run; 0 where nothing is to be probed, inf where nothing suffices.
    seeds : int
        Runs; 0 and -1 likewise.
    steps : float
        Of all seeds together.
    cost : float
        In the unit of `cost_per_step`; money where a price of an hour was given.
    risk, lower, upper : float
        Of the end of another run then, and 95 % of the draws, metric².
    probability : float
        Share of the draws for which the choice does what was asked.
    reason : str
        In words.
    seconds : float
        Of all seeds, one after the other; NaN where runs told none.
    price : float
        Money; NaN without a price of an hour.

    Examples
    --------
    >>> print(ProbeChoice(8.0, 4, 32.0, 32.0, 1e-4, 5e-5, 2e-4, 0.97, "enough", seconds=90.0))
    4 seeds to 8 steps, 32 steps in all, 1.5 min: enough.
    """

    depth: float
    seeds: int
    steps: float
    cost: float
    risk: float
    lower: float
    upper: float
    probability: float
    reason: str
    seconds: float = math.nan
    price: float = math.nan

    def _repr_html_(self) -> str:
        return f"<b>{self}</b>"

    def __str__(self) -> str:
        if self.seeds > 0:
            told, seeds = price_in_words(self.seconds, self.price), "seed" if self.seeds == 1 else "seeds"
            head = f"{self.seeds} {seeds} to {self.depth:.3g} steps, {self.steps:,.0f} steps in all{told}"
        else:
            head = "No probe" if self.seeds == 0 else "No probe suffices"
        return f"{head}: {self.reason}."
