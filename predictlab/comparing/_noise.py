"""`noise`: by how much two runs of one recipe differ anyhow, and what of it is rows."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import chi2
from scipy.stats import t as student

from predictlab._summary import Summarised, Summary
from predictlab._validation import confidence_level, evaluation_rows, positive, share, whole_number
from predictlab.comparing._evidence import Evidence, churn_prior
from predictlab.comparing._finals import Wanted, columns_of
from predictlab.comparing._mixture import Spread
from predictlab.comparing._noise_text import lines_of_rows
from predictlab.comparing._power import rows_needed, seeds_needed, smallest_difference, variance_of_difference
from predictlab.comparing._reading import Source, open_source, read_evidence
from predictlab.errors import DataError, bad_argument
from predictlab.risk import VarianceComponents

if TYPE_CHECKING:
    import altair as alt

HERE, POPULATION = "on these rows", "on the population of rows"
_SHOWN = (2, 3, 5, 8, 16)  # runs of each recipe


@dataclass(frozen=True, eq=False, repr=False)
class Noise(Summarised):
    """By how much runs of one recipe differ, made by `noise`.

    Parameters
    ----------
    evidence : Evidence
        What was read.
    confidence : float
        Of intervals.

    Examples
    --------
    >>> import predictlab as pl
    >>> found = pl.noise([0.84, 0.85, 0.83, 0.85])
    >>> round(found.sd, 4), found.conf_int().round(4).loc["on these rows"].tolist()
    (0.0096, [0.0096, 0.0054, 0.0357])
    """

    evidence: Evidence = field(repr=False)
    confidence: float = 0.95

    @property
    def runs(self) -> int:
        """Runs S."""
        return self.evidence.count

    @property
    def rows(self) -> int | None:
        """Evaluation rows n, where they are known."""
        return self.evidence.eval_rows

    @property
    def sd(self) -> float:
        """Standard deviation over runs on these rows, metric; NaN of one run."""
        return math.sqrt(self.evidence.variance)

    @property
    def parts(self) -> VarianceComponents | None:
        """Variances of runs and rows, of outcomes or margins of two runs or more; otherwise None."""
        return self.evidence.parts

    @property
    def from_prior(self) -> bool:
        """Whether the rows' part is the prior of docs/theory.md, section 8, for want of outcomes."""
        return self.parts is None and self.evidence.is_share and self.rows is not None

    def interaction(self, quantile: float = 0.0) -> float:
        """Get ``sigma_int²``, what decides which run gets which row right.

        Parameters
        ----------
        quantile : float
            Of the prior, in its standard deviations, where there are no outcomes.

        Returns
        -------
        float
            Metric² a row; NaN where neither outcomes nor a prior tell it.
        """
        if self.parts is not None:
            return self.parts.interaction
        return churn_prior(self.evidence.mean, quantile) if self.from_prior else math.nan

    @property
    def run_variance(self) -> float:
        """``sigma_run²`` on the population, metric², not below 0; the spread itself where rows are not told apart."""
        if self.parts is not None:
            return max(self.parts.run, 0.0)
        if self.from_prior and self.rows:
            return max(self.evidence.variance - self.interaction() / self.rows, 0.0)
        return self.evidence.variance

    @property
    def rows_share(self) -> float:
        """Share of the variance over runs that is this evaluation set; NaN where unknown, and of one run."""
        if self.parts is not None:
            return self.parts.rows_share
        if not self.from_prior or not self.rows or not self.evidence.variance > 0:
            return math.nan
        return self.interaction() / self.rows / self.evidence.variance

    @property
    def churn(self) -> float:
        """Share D of the rows on which two runs disagree, ``2 (sigma_run² + sigma_int²)``; NaN of other metrics.

        Where rows were asked several times it is that of one answer of each.
        """
        if not self.evidence.is_share:
            return math.nan
        run = self.run_variance if self.runs > 1 else 0.0
        sampling = self.evidence.sampling
        again = 0.0 if sampling is None else sampling.variance * (1 - 1 / sampling.epochs)
        return 2 * (run + self.interaction() + again)

    def conf_int(self, confidence: float | None = None) -> pd.DataFrame:
        """Compute intervals of the standard deviation over runs.

        Parameters
        ----------
        confidence : float, optional
            In (0, 1); default that of `noise`.

        Returns
        -------
        pandas.DataFrame
            Index ``on these rows``, ``on the population of rows``; columns ``sd``, ``lower``, ``upper``, metric. The
            population's is NaN without outcomes or margins, all are NaN of one run.
        """
        level = self.confidence if confidence is None else confidence_level(confidence)
        out = pd.DataFrame(math.nan, index=[HERE, POPULATION], columns=["sd", "lower", "upper"])
        if self.runs < 2:
            return out
        df = self.evidence.df
        ends = self.evidence.variance * df / chi2.ppf([(1 + level) / 2, (1 - level) / 2], df)
        out.loc[HERE] = np.sqrt([self.evidence.variance, *ends])
        if self.parts is not None:
            variances = np.asarray(self.parts.spread_at(math.inf, level))
            told = variances > 1e-12 * self.evidence.variance  # what is left below is the rounding of sums
            out.loc[POPULATION] = np.sqrt(np.where(told, variances, 0.0))
        return out

    def two_runs(self, confidence: float | None = None) -> float:
        """Say by how much two further runs of this recipe differ at most, on these rows.

        Parameters
        ----------
        confidence : float, optional
            In (0, 1); default that of `noise`.

        Returns
        -------
        float
            Metric: two new runs differ by no more with this probability (a prediction: ``t(S - 1) sqrt(2) s``); NaN of
            one run.
        """
        level = self.confidence if confidence is None else confidence_level(confidence)
        if self.runs < 2:
            return math.nan
        return float(student.isf((1 - level) / 2, self.evidence.df) * math.sqrt(2) * self.sd)

    def minimal_difference(
        self, seeds: int, rows: float | None = None, *, power: float = 0.8, significance: float = 0.05
    ) -> float:
        """Find the smallest difference of two recipes as noisy as this one that is seen.

        Parameters
        ----------
        seeds : int
            Runs of each recipe; with one run each no difference can be seen, whatever it is: inf.
        rows : float, optional
            Evaluation rows; None this set, inf the population.
        power : float
            Chance to see it, in (0, 1).
        significance : float
            Of the two-sided test, in (0, 1).

        Returns
        -------
        float
            Metric; the estimated variances are taken as true.
        """
        seeds = whole_number("seeds", seeds, 1, "a number of runs")
        variance = variance_of_difference(self._variance(rows), 0.0, seeds, math.inf)
        return smallest_difference(variance, seeds, share("power", power), share("significance", significance))

    def seeds_for(self, difference: float, rows: float | None = None, *, power: float = 0.8) -> float:
        """Find the runs of each recipe that show a difference.

        Parameters
        ----------
        difference : float
            Metric, > 0.
        rows : float, optional
            As for `minimal_difference`.
        power : float
            Chance to see it, in (0, 1).

        Returns
        -------
        float
            Runs of each; inf above 4,096.
        """
        positive("difference", difference, " (metric)")
        return seeds_needed(difference, self._variance(rows), 0.0, math.inf, share("power", power))

    def rows_for(self, difference: float, seeds: int, *, power: float = 0.8) -> float:
        """Find the evaluation rows that show a difference with so many runs of each recipe.

        Parameters
        ----------
        difference : float
            Metric, > 0.
        seeds : int
            Runs of each.
        power : float
            Chance to see it, in (0, 1).

        Returns
        -------
        float
            Rows; inf where runs differ too much for any number of rows.
        """
        positive("difference", difference, " (metric)")
        self._variance(math.inf)
        seeds = whole_number("seeds", seeds, 1, "a number of runs")
        return rows_needed(difference, self.run_variance, self.interaction(), seeds, share("power", power))

    def _variance(self, rows: float | None) -> float:
        """Variance of one run's metric on so many rows."""
        if self.runs < 2:
            raise DataError(
                "one run: how far runs differ is unknown. Train a second, or give pl.compare_design run_sd=."
            )
        size = evaluation_rows(rows)
        if size is None:
            return self.evidence.variance
        if not math.isfinite(self.interaction()):
            raise bad_argument(
                "rows", rows, "None", "Finals do not tell runs from rows: give outcomes, or of a share eval_rows=."
            )
        return self.run_variance + self.interaction() / size

    def spread(self) -> Spread:
        """Hand on what these runs say of the spread.

        Returns
        -------
        Spread
        """
        return Spread(self.evidence.df + 1, self.evidence.variance, 0.0 if self.parts is None else self.parts.rows_part)

    def summary(self) -> Summary:
        """Put what is known on one screen.

        Returns
        -------
        Summary
        """
        e, level = self.evidence, 100 * self.confidence
        on = "" if self.rows is None else f" on {self.rows:,} rows"
        lines: list[str | pd.DataFrame] = []
        if self.runs > 1:
            ends = self.conf_int()
            at = ends.loc[HERE]
            lines.append(f"sd over runs {at['sd']:.3g} [{at['lower']:.3g}, {at['upper']:.3g}]")
            if self.parts is not None:
                at = ends.loc[POPULATION]
                lines.append(f"on the population of rows {at['sd']:.3g} [{at['lower']:.3g}, {at['upper']:.3g}]")
            lines.append(f"two more runs of this recipe differ by up to {self.two_runs():.3g} ({level:g} %)")
        else:
            lines.append("one run: rows only, runs unknown; a second run is what tells most")
        lines += lines_of_rows(self)
        if self.runs > 1:
            smallest = [self.minimal_difference(s) for s in _SHOWN]
            lines.append("smallest difference of two recipes that is seen in 8 of 10 cases, these rows:")
            lines.append(pd.DataFrame({"runs of each": _SHOWN, "difference": smallest}))
            wider, narrower = (
                math.sqrt(s / chi2.ppf((1 - self.confidence) / 2, s)) for s in (self.evidence.df, self.evidence.df + 1)
            )
            lines.append(f"one run more: the interval would end at {narrower:.3g} instead of {wider:.3g} times the sd")
        return Summary(
            f"{e.task}: {e.metric} {e.mean:.4g}, {self.runs} run{'s'[: self.runs > 1]}{on}", *lines, *e.notes
        )

    def to_dict(self) -> dict[str, object]:
        """Put what is known in plain types, for JSON; None where it is unknown.

        Returns
        -------
        dict
        """

        def plain(v: float) -> float | None:
            return float(v) if math.isfinite(v) else None

        ends = {i: {c: plain(v) for c, v in row.items()} for i, row in self.conf_int().iterrows()}
        return {
            "task": self.evidence.task, "metric": self.evidence.metric, "mean": self.evidence.mean, "runs": self.runs,
            "rows": self.rows, "sd": plain(self.sd), "intervals": ends, "two_runs": plain(self.two_runs()),
            "rows_share": plain(self.rows_share), "churn": plain(self.churn), "rows_are_a_prior": self.from_prior,
            "sampling_sd": None if self.evidence.sampling is None else math.sqrt(self.evidence.sampling.variance),
            "epochs": None if self.evidence.sampling is None else self.evidence.sampling.epochs,
            "repeat_sd": None if self.evidence.repeats is None else math.sqrt(self.evidence.repeats[0]),
            "minimal_difference": {s: plain(self.minimal_difference(s)) for s in _SHOWN} if self.runs > 1
            else {}, "confidence": self.confidence, "notes": list(self.evidence.notes),
        }  # fmt: skip

    def plot(self) -> alt.HConcatChart | alt.LayerChart:
        """Draw the runs, and the smallest difference that is seen against runs of each recipe.

        Returns
        -------
        altair.HConcatChart or altair.LayerChart
        """
        from predictlab.charts import noise_chart

        return noise_chart(self)


def noise(
    source: Source,
    *,
    metric: str | None = None,
    task: str | None = None,
    eval_rows: int | None = None,
    cluster: str | Mapping[Hashable, Hashable] | None = None,
    filter: str | None = None,
    errors: str | None = None,
    by: str | Sequence[str] | None = None,
    width: str | None = None,
    depth: float | None = None,
    confidence: float = 0.95,
) -> Noise:
    """Say by how much two runs of one recipe differ anyhow, and how much of that is the evaluation set.

    Parameters
    ----------
    source
        Finals: a list of scores, or a table (also CSV, TSV, parquet) with ``seed`` or ``run``, a score, and perhaps
        ``n``, the evaluation rows. Outcomes of rows: an array (runs, rows), or what `read_outcomes` takes or gives,
        margins too, and files of evaluation tools, a file or a folder of them. Or runs: a run store, and what
        `read_runs` reads. Or finals from trackers: trials of Optuna, exports of W&B and MLflow.
    metric, task : str, optional
        Where there are several.
    eval_rows : int, optional
        Evaluation rows behind finals.
    cluster : str or mapping, optional
        Of outcomes: a column that names the cluster of each row, or row -> cluster.
    filter, errors : str, optional
        Of evaluation tools' files, as for `read_outcomes`: which answer filter or split, and what failed rows count as.
    by : str or sequence of str, optional
        Columns of a table of finals that tell recipes apart: the spread is that within them, pooled. Default of
        Optuna's trials and ``mlflow.search_runs()``: the parameters, but the seed (repeated ones are replicates); of
        W&B's: Group.
    width : {"sd", "se", "t95", "normal95", "rows"}, optional
        Of a table that has a mean and a width in place of runs ("84.3 ± 0.2"): what the width is, over runs or, as
        ``rows``, the standard error over evaluation rows of one run.
    depth : float, optional
        Of runs that were measured at several depths (steps): there, not at their end.
    confidence : float
        Of intervals, in (0, 1).

    Returns
    -------
    Noise

    Raises
    ------
    ArgumentError
        A column, task or metric that is not there, or several of which none is named.
    DataError
        Runs twice, runs of several depths, shares in percent, no run that ended.

    Notes
    -----
    Without outcomes the rows' part of a share is a prior, and named so: ``sigma_int² = h (1 - p) / 2`` with
    ``log h ~ N(log .45, .5²)`` (docs/theory.md, section 8). Intervals of the sd are those of Gaussian finals.

    Examples
    --------
    >>> found = noise([0.843, 0.846, 0.841, 0.845], metric="accuracy", eval_rows=9815)
    >>> round(found.minimal_difference(seeds=5), 4), found.from_prior
    (0.0045, True)
    """
    level = confidence_level(confidence)
    wanted = Wanted(metric, task, depth, eval_rows, columns_of(by), width, pooled=True)
    found = read_evidence("source", open_source(source, task, metric, filter, errors), wanted, cluster)
    if found.count == 1 and found.eval_rows is None and found.row_means is None:
        raise DataError("one run and no rows: nothing says how noisy it is. Give eval_rows=, outcomes, or more runs.")
    return Noise(found, level)
