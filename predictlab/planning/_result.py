"""`SequentialResult`: the answer, how it was reached, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from predictlab._summary import Summary
from predictlab.decay import DecayResults
from predictlab.probing import ProbePlan


@dataclass(frozen=True, eq=False, repr=False)
class SequentialResult:
    """What `probe_until` found.

    Parameters
    ----------
    question : {"regime", "decay_rate", "optimal_depth"}
        What was to be decided.
    decided : bool
        Whether the answer stands at the confidence asked for.
    answer : str or float
        Regime, ``"Undetermined"`` when it does not stand; for a number its estimate, decided or not.
    likely : str or float
        The most likely regime even when it does not stand; for a number the same as `answer`.
    probability : float
        Of `likely` at the last look; NaN for a number.
    interval : (float, float)
        Of the number at the last look's level, unbounded where that is 0; NaN for a regime.
    level : float
        Error allowed to the last look: its probability had to reach ``1 - level``, its interval is at that confidence.
    confidence : float
        Of the whole: the levels of all looks add up to at most ``1 - confidence``.
    boundary : str
        How the error was spent over the looks, with its source.
    looks : pandas.DataFrame
        One row a look: ``seeds``, ``depths``, ``last_depth``, ``cost``, ``time`` (share of `max_cost`; 1 at a look
        that is known to be the last), ``level``, ``answer``, ``probability``, ``lower``, ``upper``, ``half_width``,
        ``stands``, ``target`` (what decides), ``action`` and ``why``.
    cost, max_cost : float
        Spent and allowed, in the unit of `cost_per_step`. Runs that were in the store are counted as if made now.
    fit : DecayResults or None
        Of the last look; None where the runs give no fit.
    plan : ProbePlan
        Seeds and depths of all runs.
    runs : pandas.DataFrame
        Their measurements, tidy.
    stopped_because : str
        One sentence.

    Examples
    --------
    >>> import predictlab as pl
    >>> world = pl.worlds.MartingaleWorld(intrinsic_limit=0.001, scale=1.0, decay_rate=1.0)
    >>> found = pl.probe_until(world.source(seed=1), tolerance=0.1, budget=64, max_cost=20_000, progress=False)
    >>> found.decided
    True
    """

    question: str
    decided: bool
    answer: str | float
    likely: str | float
    probability: float
    interval: tuple[float, float]
    level: float
    confidence: float
    boundary: str
    looks: pd.DataFrame = field(repr=False)
    cost: float
    max_cost: float
    fit: DecayResults | None = field(repr=False)
    plan: ProbePlan
    runs: pd.DataFrame = field(repr=False)
    stopped_because: str

    def _headline(self) -> str:
        if self.question == "regime":
            return f"{self.answer} (probability of {self.likely}: {self.probability:.3f})"
        lower, upper = self.interval
        at = f"{1 - self.level:.1%} interval" if self.level > 0 else "no interval yet"
        return f"{self.question} = {self.answer:.4g}, {at} {lower:.4g} to {upper:.4g}"

    def summary(self) -> Summary:
        """Say the answer, why it stopped, and show one line a look.

        Returns
        -------
        Summary
            Prints as text, and as a table in a notebook.
        """
        shown = ["seeds", "last_depth", "cost", "level", "probability" if self.question == "regime" else "half_width"]
        return Summary(
            f"{'Decided' if self.decided else 'Not decided'}: {self._headline()}",
            self.stopped_because,
            f"cost {self.cost:g} of {self.max_cost:g}; {len(self.plan.run_seeds)} seeds, depths {self.plan.depths}",
            f"{self.confidence:.0%} confidence over all looks: {self.boundary}",
            self.looks[[*shown, "action"]],
        )

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()
