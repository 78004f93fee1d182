"""Runs and rows: what training runs and the evaluation set each add to a spread (docs/theory.md, section 8).

A metric that is a mean over evaluation rows has the outcomes ``y[s, j] = mu + a_s + b_j + e_sj`` of run s on row j,
crossed random effects. All estimates here are of the analysis of variance: unbiased, without normality. Source: Searle,
Casella, McCulloch (1992), *Variance Components*, ch. 4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, kurtosis, norm
from scipy.stats import f as f_law
from scipy.stats import t as student

from predictlab._validation import confidence_level, evaluation_rows, floats, tails
from predictlab.errors import bad_argument

Array = NDArray[np.float64]
# Median of the churn factor h in sigma_int² = h (1 - p) / 2, and the sd of its logarithm, over 116 published
# task-models: where no outcomes tell it (docs/theory.md, section 8)
CHURN, CHURN_LOG_SD = 0.45, 0.5


@dataclass(frozen=True)
class VarianceComponents:
    """Variances of runs, of rows, and of their interaction, at one depth.

    Parameters
    ----------
    runs, rows, clusters : int
        Runs S, evaluation rows n, and independent groups of rows; n where each row is its own.
    mean : float
        Of all outcomes, metric.
    spread : float
        Sample variance over runs of the mean over the rows, metric²: ``run + interaction / rows`` in expectation.
    run : float
        Estimate of ``sigma_run²``, metric²: how far runs differ on the population the rows come from. Signed: negative
        where runs differ less than rows alone would make them.
    interaction : float
        Estimate of ``sigma_int²``, metric² a row: which run gets which row right. With clusters, n times the variance
        that they add to a run's mean.
    row : float
        Estimate of ``sigma_row²``, metric² a row: how far rows are of unequal difficulty; all runs share it. Signed;
        with clusters, n times what they add to the variance of the mean.
    spread_df : float
        Degrees of freedom of `spread`: S - 1, fewer where the few rows that a run can still lose make its mean skew.
    interaction_df, row_df : float
        Degrees of freedom of ``interaction`` and of ``row + interaction / S``, from how unequal rows (or clusters) and
        runs are.
    largest : float
        What one row (or cluster) can add to `interaction`, metric²; bounds it where runs never disagree.
    largest_row : float
        The same of `row`: one row that is harder than all that were seen.
    half_split : float
        Covariance over runs of their means over the first and the second half of the rows (of the clusters), metric².
        It estimates ``sigma_run²`` too, and differs from `run` by more than chance where rows that stand together are
        not independent. NaN of margins.

    Examples
    --------
    >>> outcomes = np.array([[1, 1, 0, 1, 0, 1], [1, 0, 0, 1, 0, 1], [1, 1, 1, 1, 0, 1]])
    >>> parts = variance_components(outcomes)
    >>> round(parts.run + parts.interaction / parts.rows, 4) == round(parts.spread, 4)
    True
    """

    runs: int
    rows: int
    clusters: int
    mean: float
    spread: float
    run: float
    interaction: float
    row: float
    spread_df: float
    interaction_df: float
    row_df: float
    largest: float
    largest_row: float
    half_split: float = float("nan")

    @property
    def rows_part(self) -> float:
        """``interaction / rows``, what this evaluation set adds to the spread, metric²."""
        return self.interaction / self.rows

    @property
    def rows_share(self) -> float:
        """`rows_part` over `spread`: above 1 where runs differ less than the rows alone would make them; NaN of 0."""
        return self.rows_part / self.spread if self.spread > 0 else float("nan")

    def spread_at(self, rows: float | None = None, confidence: float = 0.95) -> tuple[float, float, float]:
        """Estimate the spread over runs on an evaluation set of another size.

        Parameters
        ----------
        rows : float, optional
            Rows of the set; ``inf`` is the population, None this set.
        confidence : float
            Of the interval, in (0, 1).

        Returns
        -------
        estimate, lower, upper : float
            Metric²; the estimate is signed, the ends are not below 0.

        Notes
        -----
        ``spread - interaction (1 / n - 1 / rows)`` is a combination of two independent mean squares; its interval is
        that of Graybill and Wang (JASA 75, 1980, 869-873) for sums and of Ting and others (Journal of Statistical
        Computation and Simulation 35, 1990, 135-143) for differences: exact where the rows' part is known.
        """
        level = confidence_level(confidence)
        weight = 1 / self.rows - 1 / (evaluation_rows(rows) or self.rows)
        return _combined(
            self.spread, self.spread_df, self.interaction, self.interaction_df, weight, level, self.largest
        )

    def interval(self, which: str, confidence: float = 0.95) -> tuple[float, float]:
        """Compute a confidence interval of one component.

        Parameters
        ----------
        which : {"run", "interaction", "row"}
        confidence : float
            In (0, 1).

        Returns
        -------
        lower, upper : float
            Metric², not below 0.
        """
        level = confidence_level(confidence)
        if which == "run":
            return self.spread_at(np.inf, level)[1:]
        if which == "interaction":
            return _gamma_interval(self.interaction, self.interaction_df, level, self.largest)
        if which == "row":
            noise = self.interaction / self.runs
            low, high = _gamma_interval(self.row + noise, self.row_df, level, self.largest_row, unseen=True)
            return max(0.0, low - noise), max(0.0, high - noise)
        raise bad_argument("which", which, "'run', 'interaction' or 'row'")


def reliability(parts: VarianceComponents, confidence: float = 0.95) -> pd.DataFrame:
    """Answer the three questions that one number of one run leaves open.

    Parameters
    ----------
    parts : VarianceComponents
    confidence : float
        Of the intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        ``sd`` with ``lower`` and ``upper`` (metric), of: *another seed on this set* (runs and their interaction with
        these rows), *another seed, in deployment* (runs on the population of rows), *this number against deployment*
        (these rows against all others, for the runs at hand).

    Notes
    -----
    Source: docs/theory.md, section 8.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> parts = variance_components(rng.random((8, 500)) < 0.9)  # runs that do not differ
    >>> reliability(parts)["sd"].round(3).tolist()[2]
    0.013
    """
    level = confidence_level(confidence)
    low, high = parts.spread * parts.spread_df / chi2.ppf(tails(level)[::-1], parts.spread_df)
    seen = parts.row + parts.interaction / parts.runs  # a mean square of its own, whose error is known
    fresh = -(1 - 1 / parts.runs)
    rows = _combined(seen, parts.row_df, parts.interaction, parts.interaction_df, fresh, level, parts.largest)
    table = {
        "another seed on this set": (parts.spread, low, high),
        "another seed, in deployment": parts.spread_at(np.inf, level),
        "this number against deployment": tuple(v / parts.rows for v in rows),
    }
    frame = pd.DataFrame.from_dict(table, orient="index", columns=["sd", "lower", "upper"])
    return np.sqrt(frame.clip(lower=0.0))


def variance_components(outcomes: ArrayLike, cluster: ArrayLike | None = None) -> VarianceComponents:
    """Estimate the variances of runs, rows and their interaction from the outcomes of every run on every row.

    Parameters
    ----------
    outcomes : array_like, shape (runs, rows)
        0/1, a loss, or any number of which the metric is the mean; at least two runs and two rows.
    cluster : array_like, shape (rows,), optional
        Rows of one cluster (a document, paraphrases of one question) are not independent: they count together.

    Returns
    -------
    VarianceComponents

    Raises
    ------
    ArgumentError
        Fewer than two runs, rows or clusters, or outcomes that are missing or infinite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> outcomes = rng.random((8, 500)) < 0.9  # runs that do not differ
    >>> parts = variance_components(outcomes)
    >>> round(parts.interaction, 2), parts.interval("run")[0]
    (0.09, 0.0)
    """
    y = floats("outcomes", outcomes, "an array of numbers, shape (runs, rows)")
    if y.ndim != 2 or min(y.shape) < 2:
        hint = "One run says nothing about how runs differ, one row nothing about how rows do."
        raise bad_argument("outcomes", f"array of shape {y.shape}", "shape (runs, rows), at least two of each", hint)
    if not np.all(np.isfinite(y)):
        raise bad_argument("outcomes", "an array with NaN or inf", "finite numbers", "Leave those rows or runs out.")
    runs, rows = y.shape
    by_run, mean = y.mean(axis=1), float(y.mean())
    rest, sizes, unit, difficulty = _residual_sums(y, cluster)
    squares = unit * len(sizes) * np.sum(rest**2, axis=0) / (runs - 1)
    raw_row = unit * len(sizes) * difficulty**2
    interaction_error, row_error = _errors_over_runs(rest, difficulty, unit)
    few = float(np.sum(rest**4)) / runs / rows**4
    size, reach = float(sizes.max()), float(np.ptp(y) or 1.0)
    most = unit * (size * reach) ** 2 / 4 * runs / (runs - 1)
    most_row = unit * (size * max(float(np.abs(y - mean).max()), reach / 2)) ** 2
    parts = _from_squares(by_run, rows, mean, squares, raw_row, few, interaction_error, row_error, most, most_row)
    # the residuals of the clusters, with each run's own deviation put back
    sums, half = rest + (by_run - mean)[:, None] * sizes, len(sizes) // 2
    first, second = sums[:, :half].sum(axis=1) / sizes[:half].sum(), sums[:, half:].sum(axis=1) / sizes[half:].sum()
    return replace(parts, half_split=float(np.cov(first, second)[0, 1]))


def resampled_interaction(
    outcomes: ArrayLike, n: int, rng: np.random.Generator, cluster: ArrayLike | None = None
) -> Array:
    """Estimate ``sigma_int²`` from `n` resamples of the rows (of the clusters).

    Runs stay: taken twice, they would agree with themselves.

    Parameters
    ----------
    outcomes : array_like, shape (runs, rows)
    n : int
    rng : numpy.random.Generator
    cluster : array_like, shape (rows,), optional

    Returns
    -------
    ndarray, shape (n,)
        Metric² a row.
    """
    rest, _, unit, _ = _residual_sums(np.asarray(outcomes, dtype=float), cluster)
    runs, groups = rest.shape
    squares = np.sum(rest**2, axis=0)
    rows = rng.multinomial(groups, np.full(groups, 1 / groups), size=n)
    return np.asarray(unit * (rows @ squares) / (runs - 1))


def _residual_sums(y: Array, cluster: ArrayLike | None) -> tuple[Array, Array, float, Array]:
    """Outcomes (runs, rows) less run, row and total, and rows less the total: summed by cluster; its sizes; a unit."""
    by_run, by_row, mean = y.mean(axis=1), y.mean(axis=0), float(y.mean())
    rest = y - by_run[:, None] - by_row + mean
    difficulty, sizes = by_row - mean, np.ones(y.shape[1])
    if cluster is not None:
        given = np.asarray(cluster)
        if given.shape != sizes.shape or pd.isna(given).any():
            expected = f"a label without gaps for each of the {len(sizes)} rows"
            raise bad_argument("cluster", f"array of shape {given.shape}", expected)
        label = np.unique(given, return_inverse=True)[1]
        if label.max() < 1:
            raise bad_argument("cluster", cluster, "at least two clusters of rows")
        order = np.argsort(label, kind="stable")
        starts = np.flatnonzero(np.diff(label[order], prepend=-1))
        rest = np.add.reduceat(rest[:, order], starts, axis=1)
        difficulty = np.add.reduceat(difficulty[order], starts)
        sizes = np.bincount(label).astype(float)
    # a share sum(sizes²) / n² of the variance is lost to the mean that was taken out
    unit = 1 / (1 - float(np.sum(sizes**2)) / y.shape[1] ** 2) / y.shape[1]
    return rest, sizes, unit, difficulty


def _errors_over_runs(rest: Array, difficulty: Array, unit: float) -> tuple[float, float]:
    """Variance of the estimates of interaction and row over draws of runs, beyond what the rows' own variance says.

    Jackknife over runs, in closed form; the part of single cells, which the variance over rows holds already, is taken
    out (two-way clusters: Cameron, Gelbach, Miller, JBES 29, 2011, 238-249). Of two runs it cannot be told: 0.
    """
    runs = len(rest)
    if runs < 3:
        return 0.0, 0.0
    square = rest**2
    without = -runs / ((runs - 1) * (runs - 2)) * square  # of the interaction, if a run is left out
    row = -2 / (runs - 1) * difficulty * rest + square / (runs - 1) ** 2 - without / (runs - 1)
    return tuple(  # type: ignore[return-value]
        (runs - 1) / runs * unit**2
        * max(0.0, float(np.sum((w.sum(axis=1) - w.sum() / runs) ** 2) - np.sum((w - w.mean()) ** 2)))
        for w in (without, row)
    )  # fmt: skip


def _excess_kurtosis(values: Array) -> float:
    """Unbiased for Gaussian values, and not below 0: light tails are not relied on."""
    return max(0.0, float(kurtosis(values, bias=False))) if len(values) > 3 and np.ptp(values) > 0 else 0.0


def components_of_margins(run_means: ArrayLike, row_means: ArrayLike) -> VarianceComponents:
    """Estimate the components of 0/1 outcomes from their margins alone.

    Parameters
    ----------
    run_means : array_like, shape (runs,)
        Share of rows that each run has right.
    row_means : array_like, shape (rows,)
        Share of the runs that have each row right.

    Returns
    -------
    VarianceComponents

    Raises
    ------
    ArgumentError
        Shares outside [0, 1], fewer than two runs or rows, or margins of different tables: their means differ.

    Notes
    -----
    ``y² = y`` for 0/1, so the sum of squares of the table follows from its mean (docs/theory.md, section 8).

    Examples
    --------
    >>> outcomes = np.array([[1, 1, 0, 1, 0, 1], [1, 0, 0, 1, 0, 1], [1, 1, 1, 1, 0, 1]])
    >>> margins = components_of_margins(outcomes.mean(axis=1), outcomes.mean(axis=0))
    >>> round(margins.interaction - variance_components(outcomes).interaction, 12)
    0.0
    """
    expected = "at least two shares from 0 to 1"
    by_run, by_row = floats("run_means", run_means, expected), floats("row_means", row_means, expected)
    for name, v in (("run_means", by_run), ("row_means", by_row)):
        if v.ndim != 1 or len(v) < 2 or not np.all((v >= 0) & (v <= 1)):
            raise bad_argument(name, v, expected)
    runs, rows = len(by_run), len(by_row)
    p = float(by_row.mean())
    # means printed to six digits agree to their rounding
    if abs(by_run.mean() - p) > max(1e-6, 0.5 / rows / runs):
        hint = "Both are margins of one table of outcomes."
        raise bad_argument("row_means", p, f"the mean of run_means, {by_run.mean():.6g}", hint)
    offset = by_run - by_run.mean()
    # of row j: sum over runs of (y - run mean - row mean + mean)², up to a covariance that adds up to the runs' own sum
    own = runs * by_row * (1 - by_row)
    total = float(own.sum()) - rows * float(offset @ offset)
    squares = own * (total / own.sum() if own.sum() > 0 else 0.0) / (runs - 1) * rows / (rows - 1)
    raw_row = (by_row - p) ** 2 * rows / (rows - 1)
    most = 0.25 * runs / (runs - 1) / rows
    few = total / runs / rows**4
    most_row = max(p, 1 - p) ** 2 / rows
    return _from_squares(by_run, rows, p, squares, raw_row, few, 0.0, 0.0, most, most_row)


def _from_squares(
    by_run: Array, rows: int, mean: float, squares: Array, raw_row: Array,
    few: float, interaction_error: float, row_error: float, most: float, most_row: float,
) -> VarianceComponents:  # fmt: skip
    """Components from what each row (or cluster) adds to the interaction and to ``row + interaction / S``."""
    runs, spread = len(by_run), float(by_run.var(ddof=1))
    interaction, both = float(squares.mean()), float(raw_row.mean())
    variance = max(spread, interaction / rows)
    # few rows that can go either way make a run's mean skew, whatever runs are like
    tails = max(_excess_kurtosis(by_run), few / variance**2) if variance > 0 else 0.0
    return VarianceComponents(
        runs=runs, rows=rows, clusters=len(squares), mean=mean, spread=spread,
        run=spread - interaction / rows, interaction=interaction, row=both - interaction / runs,
        spread_df=2 / (2 / (runs - 1) + tails / runs),
        interaction_df=_freedom(interaction, squares, interaction_error, runs),
        row_df=_freedom(both, raw_row - squares / runs, row_error, runs), largest=most, largest_row=most_row,
    )  # fmt: skip


def _freedom(value: float, parts: Array, over_runs: float, runs: int) -> float:
    """Degrees of freedom ``2 value² / variance`` of a mean of independent `parts`, variance over runs included; 0 of 0.

    The variance over runs is known with S - 1 degrees of freedom: Student's t widens it (Satterthwaite).
    """
    if value <= 0:
        return 0.0
    over_rows = float(parts.var(ddof=1)) / len(parts)
    variance = over_rows + over_runs
    if over_runs > 0:
        nu = variance**2 / (over_rows**2 / (len(parts) - 1) + over_runs**2 / (runs - 1))
        variance *= (student.ppf(0.975, nu) / norm.ppf(0.975)) ** 2
    return 2 * value**2 / max(float(variance), 1e-12 * value**2)


def _gamma_interval(
    value: float, df: float, confidence: float, most: float, unseen: bool = False
) -> tuple[float, float]:
    """Interval of a mean of contributions that are never negative (Fay and Feuer, Statistics in Medicine 16, 1997).

    It is the exact one of a Poisson count where each contribution is 0 or the same. Above, one contribution more is
    reckoned with: an average one, or, where the rare and large ones may be `unseen`, the largest there can be.
    """
    tail = (1 - confidence) / 2
    if value <= 0 or df <= 0:
        return 0.0, float(most * chi2.ppf(1 - tail, 2) / 2)
    lower = value * chi2.ppf(tail, df) / df
    variance = 2 * value**2 / df
    more = most if unseen else variance / value
    mean, variance = value + more, variance + more**2
    df = 2 * mean**2 / variance
    return float(lower), float(mean * chi2.ppf(1 - tail, df) / df)


def _combined(
    first: float, first_df: float, second: float, second_df: float, weight: float, confidence: float, most: float
) -> tuple[float, float, float]:
    """``first - weight * second`` with the interval of a combination of two independent mean squares."""
    estimate = first - weight * second
    tail = (1 - confidence) / 2
    low_1, high_1 = chi2.ppf([1 - tail, tail], first_df) / first_df
    g1, h1 = 1 - 1 / low_1, 1 / high_1 - 1
    low_2, high_2 = _gamma_interval(second, second_df, confidence, most)
    down, up = (second - low_2) * abs(weight), (high_2 - second) * abs(weight)
    if weight <= 0 or second <= 0 or second_df <= 0:
        if weight > 0:
            down, up = up, down
        lower = estimate - np.hypot(g1 * first, down)
        upper = estimate + np.hypot(h1 * first, up)
    else:
        g12, h12 = (_cross(tail, first_df, second_df, end) for end in ("lower", "upper"))
        product = first * weight * second
        lower = estimate - np.sqrt(max((g1 * first) ** 2 + up**2 + g12 * product, 0.0))
        upper = estimate + np.sqrt(max((h1 * first) ** 2 + down**2 + h12 * product, 0.0))
    return float(estimate), float(max(lower, 0.0)), float(max(upper, 0.0))


def _cross(tail: float, df_1: float, df_2: float, end: str) -> float:
    """The product's coefficient in the interval of Ting and others: exact where one of the two variances is 0."""
    q = 1 - tail if end == "lower" else tail
    f = f_law.ppf(q, df_1, df_2)
    one, two = 1 - df_1 / chi2.ppf(q, df_1), df_2 / chi2.ppf(1 - q, df_2) - 1
    return float(((f - 1) ** 2 - (one * f) ** 2 - two**2) / f)
