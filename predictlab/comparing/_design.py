"""`compare_design`: runs and rows for a difference, or the difference for runs and rows, with costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from predictlab._summary import Summarised, Summary
from predictlab._validation import evaluation_rows, nonnegative, positive, share, whole_number
from predictlab.comparing._noise import Noise, noise
from predictlab.comparing._power import power_of, seeds_needed, smallest_difference, variance_of_difference
from predictlab.comparing._reading import Source
from predictlab.errors import bad_argument

if TYPE_CHECKING:
    import altair as alt

_SIZES = 40  # of evaluation sets that are tried


@dataclass(frozen=True, eq=False, repr=False)
class Design(Summarised):
    """Runs and rows of a comparison of two recipes, made by `compare_design`.

    Parameters
    ----------
    run_sd : float
        ``sigma_run``, metric.
    interaction : float
        ``sigma_int²``, metric² a row.
    seeds : float
        Runs of each recipe; inf where no number is enough.
    rows : float
        Evaluation rows; inf: the population.
    difference : float
        That is seen with the chance `power`, metric; inf with one run each.
    power, significance : float
    cost : float
        Of both recipes' runs and their evaluation.

    Examples
    --------
    >>> import predictlab as pl
    >>> design = pl.compare_design(run_sd=0.002, interaction=0.03, seeds=5, rows=2000)
    >>> round(design.difference, 4)
    0.0088
    """

    run_sd: float
    interaction: float
    seeds: float
    rows: float
    difference: float
    power: float
    significance: float
    cost: float

    def power_curve(self, differences: int = 41) -> pd.DataFrame:
        """Compute the chance to see a difference.

        Parameters
        ----------
        differences : int
            How many, from 0 to twice the smallest that is seen.

        Returns
        -------
        pandas.DataFrame
            ``difference``, metric, and ``power``; 0 throughout with one run each.
        """
        most = 2 * self.difference if math.isfinite(self.difference) else 10 * max(self.run_sd, 1e-6)
        at = np.linspace(0, most, whole_number("differences", differences, 2))
        if not math.isfinite(self.seeds):
            return pd.DataFrame({"difference": at, "power": 0.0})
        variance = variance_of_difference(self.run_sd**2, self.interaction, self.seeds, self.rows)
        seeds = int(self.seeds)
        return pd.DataFrame({"difference": at, "power": [power_of(d, variance, seeds, self.significance) for d in at]})

    def frame(self) -> pd.DataFrame:
        """Tabulate the smallest difference that is seen by runs and rows.

        Returns
        -------
        pandas.DataFrame
            Index ``seeds``, a column a number of rows; metric.
        """
        sizes = [100, 300, 1000, 3000, 10_000, math.inf] if self.interaction > 0 else [math.inf]
        seeds = pd.Index([2, 3, 5, 8, 16, 32], name="seeds")

        def smallest(s: int, n: float) -> float:
            variance = variance_of_difference(self.run_sd**2, self.interaction, s, n)
            return smallest_difference(variance, s, self.power, self.significance)

        return pd.DataFrame({n: [smallest(s, n) for s in seeds] for n in sizes}, index=seeds)

    def summary(self) -> Summary:
        """Put the design on one screen.

        Returns
        -------
        Summary
        """
        rows = "the population of rows" if self.rows == math.inf else f"{self.rows:,.0f} rows"
        if self.seeds == 1:
            says = "one run of each: no difference of recipes can be shown, whatever the rows: runs are told by runs"
        elif not math.isfinite(self.seeds):
            says = f"no number of runs up to 4,096 shows {self.difference:.3g} on {rows}"
        else:
            says = f"{self.seeds:g} runs of each on {rows} show a difference of {self.difference:.3g} in "
            says += f"{100 * self.power:.0f} of 100 cases"
        cost = f"cost {self.cost:,.4g}" if self.cost > 0 else "no costs were given"
        known = f"taken as known: sd over runs {self.run_sd:.3g}, sigma_int² {self.interaction:.3g} a row"
        table = self.frame().rename(columns=lambda n: "all rows" if n == math.inf else f"{n:g} rows").reset_index()
        return Summary("Design of a comparison", says, cost, known, "smallest difference that is seen:", table)

    def to_dict(self) -> dict[str, object]:
        """Put the design in plain types, for JSON; None for what is infinite.

        Returns
        -------
        dict
        """
        return {n: (v if math.isfinite(v) else None) for n, v in vars(self).items()}

    def plot(self) -> alt.LayerChart:
        """Draw the power curve.

        Returns
        -------
        altair.LayerChart
        """
        from predictlab.charts import power_chart

        return power_chart(self)


def compare_design(
    source: Source | Noise | None = None,
    *,
    difference: float | None = None,
    seeds: int | None = None,
    rows: float | None = None,
    run_sd: float | None = None,
    interaction: float | None = None,
    power: float = 0.8,
    significance: float = 0.05,
    cost_per_run: float = 0.0,
    cost_per_row: float = 0.0,
) -> Design:
    """Plan a comparison of two recipes: runs and rows for a difference, or the smallest difference for both.

    Parameters
    ----------
    source : optional
        Runs of one recipe, as for `noise`, or what it returned: how noisy recipes of this kind are.
    difference : float, optional
        To be seen, metric. Without it: the smallest that `seeds` runs of each see.
    seeds : int, optional
        Runs of each recipe. Without it: as many as `difference` needs.
    rows : float, optional
        Evaluation rows; inf: the population. Default: those of `source`; with costs and a difference, the number of
        rows that makes it cheapest.
    run_sd : float, optional
        ``sigma_run`` on the population, metric, instead of `source`.
    interaction : float, optional
        ``sigma_int²``, metric² a row, with `run_sd`: for 0/1 about half of the share of
        rows on which two runs disagree.
    power, significance : float
        Chance to see it, and of a false alarm, in (0, 1).
    cost_per_run, cost_per_row : float
        Of training one run, and of evaluating one run on one row.

    Returns
    -------
    Design

    Raises
    ------
    ArgumentError
        Neither `source` nor `run_sd`, or neither `difference` nor `seeds`.

    Notes
    -----
    ``Var(d) = 2 (sigma_run² + sigma_int² / n) / S``, a t test on 2 (S - 1) degrees of freedom; that rows may be of
    other difficulty to one recipe than to the other comes on top (docs/theory.md, section 8). The variances are taken
    as known: look at what their intervals leave (`noise`).

    Examples
    --------
    >>> compare_design(run_sd=0.002, interaction=0.03, difference=0.005, rows=10_000).seeds
    6
    """
    share("power", power)
    share("significance", significance)
    nonnegative("cost_per_run", cost_per_run)
    nonnegative("cost_per_row", cost_per_row)
    run, each, usual = _variances(source, run_sd, interaction)
    chosen = evaluation_rows(rows) or usual
    if difference is None and seeds is None:
        raise bad_argument("difference", None, "a difference to be seen, or seeds= for the smallest one that is")
    if seeds is not None:
        seeds = whole_number("seeds", seeds, 1, "a number of runs")
    if difference is not None:
        positive("difference", difference, " (metric)")
    found: float = math.inf if seeds is None else seeds
    if difference is not None and seeds is None:
        found = seeds_needed(difference, run, each, chosen, power, significance)
        if rows is None and each > 0 and cost_per_row > 0:
            tried = np.unique(np.geomspace(50, 200_000, _SIZES).astype(int))
            needed = [seeds_needed(difference, run, each, float(n), power, significance) for n in tried]
            prices = [2 * s * (cost_per_run + cost_per_row * n) for s, n in zip(needed, tried, strict=True)]
            best = int(np.argmin(prices))
            if math.isfinite(prices[best]):
                chosen, found = float(tried[best]), needed[best]
    if math.isfinite(found):
        variance = variance_of_difference(run, each, found, chosen)
        if difference is not None and seeds is not None:
            power = power_of(difference, variance, seeds, significance)
        else:
            difference = smallest_difference(variance, int(found), power, significance)
    of_one = cost_per_run + (cost_per_row * chosen if cost_per_row > 0 else 0.0)
    cost = 2 * found * of_one if found < math.inf else math.inf
    return Design(math.sqrt(run), each, found, chosen, float(difference or 0.0), power, significance, cost)


def _variances(
    source: Source | Noise | None, run_sd: float | None, interaction: float | None
) -> tuple[float, float, float]:
    """``sigma_run²``, ``sigma_int²`` and the rows of the set (inf where they are not told apart)."""
    if source is None:
        if run_sd is None:
            raise bad_argument("run_sd", None, "a standard deviation over runs, or runs of one recipe as the source")
        each = nonnegative("interaction", 0.0 if interaction is None else interaction, " (metric² a row)")
        return positive("run_sd", run_sd, " (metric)") ** 2, each, math.inf
    if run_sd is not None or interaction is not None:
        raise bad_argument("run_sd", run_sd, "None with a source", "Its runs say both.")
    found = source if isinstance(source, Noise) else noise(source)
    if found.runs < 2:
        raise bad_argument("source", "one run", "two runs or more, or run_sd=", "One run does not say how runs differ.")
    each = found.interaction()
    if found.rows is None or not math.isfinite(each):
        return found.evidence.variance, 0.0, math.inf
    return found.run_variance, max(each, 0.0), float(found.rows)
