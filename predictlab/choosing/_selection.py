"""`Selection`: which candidate was chosen, how surely, what it cost, and what would be needed to be surer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from predictlab._summary import Summary
from predictlab._validation import nonnegative, positive, whole_number
from predictlab.choosing._needs import doubled, in_words, seeds_for
from predictlab.choosing._rows import design
from predictlab.errors import bad_argument
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
        One row a look: ``look``, ``cost``, ``leader``, ``probability``, ``open`` (not set aside), ``rows`` (evaluated;
        NaN where that is not known), ``action``, of it ``begun`` (new runs) and ``carried`` (runs carried on), ``why``.
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
    rival : str
        Whom the chosen one would have to be told from; empty where decided.
    rows : float or None
        Rows that the answer is for; None: those that were evaluated, ``inf``: the population.
    interaction : (float, float) or None
        ``sigma_int²`` (NaN where one run of each is known alone) and ``sigma_c²`` of a row, metric²: as `select` was
        told, or from outcomes by row.
    row_cost : float
        Of one row in one evaluation.
    row_choices : tuple of int
        Numbers of rows that `select` could choose from.

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
    rival: str = ""
    rows: float | None = None
    interaction: tuple[float, float] | None = None
    row_cost: float = 0.0
    row_choices: tuple[int, ...] = ()

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
        return seeds_for(max(variance, 0.0), self.needs["difference"] + self.margin, self.confidence)

    def design(
        self,
        rows: Sequence[int] | None = None,
        *,
        interaction: float | tuple[float, float] | None = None,
        eval_rows: int | None = None,
        row_cost: float | None = None,
    ) -> pd.DataFrame:
        """Ask which number of evaluation rows and of seeds would tell the two likeliest apart most cheaply.

        Parameters
        ----------
        rows : sequence of int, optional
            Numbers of rows to choose from, >= 1. None: those of `select` from the present one on, or its doubles.
        interaction : float or (float, float), optional
            ``sigma_int²`` of runs and ``sigma_c²`` of candidates, of one row, metric²; one number: both. None: as
            `select` was told, or found in outcomes by row.
        eval_rows : int, optional
            Rows of the present set; None: as `select` was told, or found.
        row_cost : float, optional
            Of one row in one evaluation, in the unit of `total_budget`; None: as `select` was told.

        Returns
        -------
        pandas.DataFrame
            ``rows``, ``seeds`` of each to the end (inf where no number does), ``cost``, ``best`` (the cheapest). Empty
            where the choice stands.

        Raises
        ------
        ArgumentError
            What is known neither here nor from `select`.

        Notes
        -----
        On the population of rows, a difference of means of S runs on n rows has the variance
        ``2 (sigma_run² + sigma_int² / n) / S + 2 sigma_c² / n``; what makes rows easy or hard for all cancels. On
        another set of m rows, asked for by ``pl.select(rows=m)``, ``2 sigma_c² / m`` comes to it.
        """
        given = self.interaction if interaction is None else interaction
        if given is None:
            raise bad_argument(
                "interaction", None, "sigma_int² of a row, or (sigma_int², sigma_c²)",
                "pl.select(rows=inf) finds them in outcomes by row; curve.components() or pl.noise know the first.",
            )  # fmt: skip
        of_run, between = given if isinstance(given, tuple) else (given, given)
        of_run = 0.0 if math.isnan(of_run) else nonnegative("interaction", of_run, " (metric² a row)")
        present = whole_number("eval_rows", self.eval_rows if eval_rows is None else eval_rows, 1)
        offered = [n for n in self.row_choices if n >= present] if len(self.row_choices) > 1 else doubled(present)
        looks = len(self.correlation)
        if not self.needs:
            return pd.DataFrame(columns=["rows", "seeds", "cost", "best"])
        return design(
            [whole_number("rows", n, 1) for n in (offered if rows is None else rows)],
            difference=self.needs["difference"] + self.margin,
            run_variance=max(self.needs["run_variance"] - 2 * of_run / present, 0.0),
            run_interaction=2 * of_run,
            interaction=2 * nonnegative("interaction", between, " (metric² a row)"),
            asked=math.inf if self.rows is None else self.rows,
            confidence=self.confidence,
            run_cost=self.needs["run_cost"] - 2 * self.row_cost * (self.eval_rows or 0) * looks,
            row_cost=self.row_cost if row_cost is None else nonnegative("row_cost", row_cost, " (cost per row)"),
            looks=looks,
        )

    def sentence(self) -> str:
        """Say what to take, and how surely.

        Returns
        -------
        str
        """
        apart = f" or behind the best by at most {self.margin:g}" if self.margin else ""
        if self.rows is not None:
            apart += f" on {'the population of' if math.isinf(self.rows) else f'{self.rows:,.0f} other'} rows"
        said = f"{self.choice} is the best{apart} with probability {self.probability:.2f}"
        spent = f"{self.cost:.4g} of {self.total_budget:.4g} spent"
        if self.decided:
            return f"Take {self.choice}: it{said[len(self.choice) :]} ({spent})."
        others = [name for name in self.contenders if name != self.choice]
        shown = ", ".join(others[:4]) + (f" and {len(others) - 4} more" if len(others) > 4 else "")
        return f"Cannot be told apart: {self.choice} from {shown or 'the others'}. {said} ({spent}). {self._needed()}"

    def _needed(self) -> str:
        """What it would take, in seeds and, where the answer is for other rows, in rows."""
        who = f"{self.choice} and {self.rival}" if self.rival else "the two likeliest"
        known = self.rows is not None and self.interaction is not None and bool(self.eval_rows)
        hint = ", or more evaluation rows where it is they that differ (pl.noise says so)"
        hint = hint if self.metric == "accuracy" else ""
        return in_words(self.needs, who, self.design() if known else None, self.row_cost > 0, hint)

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
        told = self.looks[["look", "cost", "leader", "probability", "open"]]
        if len(self.row_choices) > 1:
            told = told.assign(rows=self.looks["rows"].astype(int))
        return Summary(self.sentence(), *lines, self.table[shown], told)

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
