"""`Selection`: which candidate was chosen, how surely, what it cost, and what would be needed to be surer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm

from predictlab._summary import Summary
from predictlab._validation import nonnegative, positive, whole_number
from predictlab.choosing._rows import MOST_SEEDS, design
from predictlab.risk._curve import Array

if TYPE_CHECKING:
    import altair as alt


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """What `select` found.

    Parameters
    ----------
    choice : str
        The candidate to take.
    decided : bool
        Whether its probability has reached the confidence.
    probability : float
        That it is behind the best by at most the margin.
    margin, confidence : float
    metric : str
    better : {"higher", "lower"}
    cost, total_budget : float
        Spent and allowed, in the unit of `cost_per_step`. Runs that were in the store are counted as if made now.
    table : pandas.DataFrame
        What `frame` returns.
    looks : pandas.DataFrame
        One row a look: ``look``, ``cost``, ``leader``, ``probability``, ``open`` (not set aside), ``action``.
    history : pandas.DataFrame
        The table of every look, with ``look`` and ``spent``.
    depths : dict of str to tuple of int
        Rungs of each candidate, steps.
    correlation : ndarray, shape (K,)
        Of candidates' means at each rung with those at the end, posterior median.
    needs : dict of str to float
        Empty where decided, else ``seeds``, ``difference``, ``run_variance`` and ``run_cost``: see `seeds_needed` and
        `design`.
    runs : pandas.DataFrame
        All measurements, tidy, with the `candidate` and the ``look`` at which each was first seen.
    stopped_because : str
        One sentence; empty while it goes on.
    eval_rows : int or None
        Rows that runs were evaluated on, where that is known.

    Examples
    --------
    >>> import predictlab as pl
    >>> worlds = {f"mean {m}": pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0, mean=m) for m in (0.7, 0.8)}
    >>> sources = {name: world.source(seed=i, max_depth=64) for i, (name, world) in enumerate(worlds.items())}
    >>> found = pl.select(sources, total_budget=2000, better="higher", progress=False)
    >>> found.choice, found.decided
    ('mean 0.8', True)
    """

    choice: str
    decided: bool
    probability: float
    margin: float
    confidence: float
    metric: str
    better: str
    cost: float
    total_budget: float
    table: pd.DataFrame = field(repr=False)
    looks: pd.DataFrame = field(repr=False)
    history: pd.DataFrame = field(repr=False)
    depths: dict[str, tuple[int, ...]] = field(repr=False)
    correlation: Array = field(repr=False)
    needs: dict[str, float]
    runs: pd.DataFrame = field(repr=False)
    stopped_because: str
    eval_rows: int | None = None

    @property
    def contenders(self) -> list[str]:
        """The chosen one and those that are not told from it."""
        return self.table.loc[self.table["state"] != "set aside", "candidate"].tolist()

    def frame(self) -> pd.DataFrame:
        """Return the candidates as a table, the most likely first.

        Returns
        -------
        pandas.DataFrame
            ``candidate``, ``state`` ("chosen", "open", "set aside"), ``mean`` at the end with ``lower`` and ``upper``,
            ``p_good`` (probability of being behind the best by at most the margin), ``p_best``, ``runs``, ``ended`` (of
            these, to the end), ``depth`` (deepest, steps), ``sd`` (over seeds at the end), ``cost`` and ``diverged``.
        """
        return self.table.copy()

    def seeds_needed(
        self, rows: float | None = None, interaction: float = 0.0, eval_rows: float | None = None
    ) -> float:
        """Count the runs, to their end, with which the chosen one and the runner-up would be told apart.

        Parameters
        ----------
        rows : float, optional
            Evaluation rows of another set, >= 1; None: this one.
        interaction : float
            ``sigma_int²`` of one row, metric² (``curve.components()`` or `pl.noise` know it), with `rows`.
        eval_rows : float, optional
            Rows of the present set, with `rows`.

        Returns
        -------
        float
            Of each of the two; NaN where the choice stands already, inf above 100,000.
        """
        if not self.needs:
            return float("nan")
        variance = self.needs["run_variance"]
        if rows is not None:
            per_row = positive("interaction", interaction, " (metric²)")
            variance += 2 * per_row * (1 / positive("rows", rows) - 1 / positive("eval_rows", eval_rows))
        return _seeds(max(variance, 0.0), self.needs["difference"] + self.margin, self.confidence)

    def design(
        self,
        rows: Sequence[int],
        *,
        interaction: float | tuple[float, float],
        eval_rows: int | None = None,
        row_cost: float = 0.0,
    ) -> pd.DataFrame:
        """Ask which number of evaluation rows and of seeds would tell the two likeliest apart most cheaply.

        Parameters
        ----------
        rows : sequence of int
            Numbers of rows to choose from, >= 1.
        interaction : float or (float, float)
            ``sigma_int²`` of runs and ``sigma_c²`` of candidates, of one row, metric²; one number: both.
        eval_rows : int, optional
            Rows of the present set; None: as `select` was told.
        row_cost : float
            Of one row in one evaluation, in the unit of `total_budget`.

        Returns
        -------
        pandas.DataFrame
            ``rows``, ``seeds`` of each to the end (inf where no number does), ``cost``, ``best`` (the cheapest). Empty
            where the choice stands.

        Notes
        -----
        On the population of rows, a difference of means of S runs on n rows has the variance
        ``2 (sigma_run² + sigma_int² / n) / S + 2 sigma_c² / n``; what makes rows easy or hard for all cancels.
        """
        of_run, between = interaction if isinstance(interaction, tuple) else (interaction, interaction)
        of_run = nonnegative("interaction", of_run, " (metric² a row)")
        present = whole_number("eval_rows", self.eval_rows if eval_rows is None else eval_rows, 1)
        if not self.needs:
            return pd.DataFrame(columns=["rows", "seeds", "cost", "best"])
        return design(
            [whole_number("rows", n, 1) for n in rows],
            difference=self.needs["difference"] + self.margin,
            run_variance=max(self.needs["run_variance"] - 2 * of_run / present, 0.0),
            run_interaction=2 * of_run,
            interaction=2 * nonnegative("interaction", between, " (metric² a row)"),
            confidence=self.confidence,
            run_cost=self.needs["run_cost"],
            row_cost=nonnegative("row_cost", row_cost, " (cost per row)"),
            looks=len(self.correlation),
        )

    def sentence(self) -> str:
        """Say what to take, and how surely.

        Returns
        -------
        str
        """
        apart = f" or behind the best by at most {self.margin:g}" if self.margin else ""
        said = f"{self.choice} is the best{apart} with probability {self.probability:.2f}"
        spent = f"{self.cost:.4g} of {self.total_budget:.4g} spent"
        if self.decided:
            return f"Take {self.choice}: it{said[len(self.choice) :]} ({spent})."
        others = [name for name in self.contenders if name != self.choice]
        shown = ", ".join(others[:4]) + (f" and {len(others) - 4} more" if len(others) > 4 else "")
        return f"Cannot be told apart: {self.choice} from {shown or 'the others'}. {said} ({spent}). {self._needed()}"

    def _needed(self) -> str:
        seeds, gap = self.needs["seeds"], self.needs["difference"]
        apart = f"the two likeliest lie {gap:.3g} apart"
        if not math.isfinite(seeds):
            return f"No number of seeds would do: {apart}; give a margin=."
        rows = ""
        if self.metric == "accuracy":
            rows = ", or more evaluation rows where it is they that differ (pl.noise says so)"
        return f"It would need about {seeds:,.0f} seeds of each to the end, if {apart} in truth{rows}."

    def summary(self) -> Summary:
        """Say what was chosen and show the candidates and the looks.

        Returns
        -------
        Summary
            Prints as text, and as tables in a notebook.
        """
        shown = ["candidate", "state", "mean", "lower", "upper", "p_good", "runs", "ended", "depth", "cost"]
        predicts = ", ".join(f"{r:.2f}" for r in self.correlation[:-1])
        lines: list[str | pd.DataFrame] = [f"{self.metric}, {self.better} is better. {self.stopped_because}".strip()]
        if predicts:
            lines.append(f"Correlation of candidates' means with those at the end, by rung: {predicts}.")
        return Summary(
            self.sentence(), *lines, self.table[shown], self.looks[["look", "cost", "leader", "probability", "open"]]
        )

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def plot(self, *, width: int = 480, height: int = 240) -> alt.VConcatChart:
        """Draw the selection as it unfolded.

        Parameters
        ----------
        width, height : int
            Pixels.

        Returns
        -------
        altair.VConcatChart
            See `predictlab.charts.selection_chart`.
        """
        from predictlab.charts import selection_chart

        return selection_chart(self, width=width, height=height)


def needs_of(
    end: Array, leader: int, margin: float, confidence: float, noise: Array, prices: Array
) -> dict[str, float]:
    """Seeds of the chosen one and the runner-up, each to the end, after which their difference would stand.

    If they differ in truth as they seem to: the difference of two means of S runs has the variance ``(v_1 + v_2) / S``.
    """
    mean = end.mean(axis=0)  # -inf of candidates that diverge
    chance = np.mean(end >= end.max(axis=1, keepdims=True) - margin, axis=0)
    rival = int(np.argmax(np.where(np.arange(len(mean)) == leader, -1.0, chance)))
    gap = abs(float(mean[leader] - mean[rival]))
    variance = float(noise[leader] + noise[rival])
    return {
        "seeds": _seeds(variance, gap + margin, confidence), "difference": gap, "run_variance": variance,
        "run_cost": float(prices[leader] + prices[rival]),
    }  # fmt: skip


def _seeds(variance: float, difference: float, confidence: float) -> float:
    if not 0 < difference < math.inf:
        return math.inf
    seeds = math.ceil(max(variance * (norm.ppf(confidence) / difference) ** 2, 2))
    return float(seeds) if seeds <= MOST_SEEDS else math.inf
