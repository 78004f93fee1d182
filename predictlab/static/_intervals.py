"""Intervals of scores: what another draw of as many rows would have given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from predictlab._validation import Rng, generator, whole_number

GROUPS = 10


def t_ends(value: float, error: float, df: int, confidence: float) -> tuple[float, float]:
    """``value`` -/+ Student's t times its standard error."""
    half = float(stats.t.ppf(0.5 + confidence / 2, df) * error)
    return value - half, value + half


def share_ends(right: int, rows: int, confidence: float, method: str = "wilson") -> tuple[float, float]:
    """Interval of a share of rows, taken as independent: Wilson's, or ("beta") that of Clopper and Pearson."""
    lower, upper = proportion_confint(right, rows, alpha=1 - confidence, method=method)
    return float(lower), float(upper)


def jackknife(
    value: float,
    statistic: Callable[[np.ndarray], float],
    rows: int,
    groups: int = GROUPS,
    confidence: float = 0.95,
    rng: Rng = None,
) -> tuple[float, float]:
    """Delete-a-group jackknife interval of a score.

    A bootstrap would not do: a row drawn twice is easier to explain than two rows, so that LogME and the
    H-score of a resample come out too high.

    Parameters
    ----------
    value : float
        The score on all rows.
    statistic : callable
        ``statistic(kept) -> float``, the score on the row numbers `kept`.
    rows : int
        Rows in all.
    groups : int
        Random groups of rows that are left out in turn, 2 .. rows.
    confidence : float in (0, 1)
    rng : None, int or numpy.random.Generator
        Of the split into groups; None is seed 0.

    Returns
    -------
    lower, upper : float
        ``value`` -/+ Student's t (groups - 1) times the jackknife standard error; NaN where a score is not
        finite.

    References
    ----------
    Shao, Tu, "The Jackknife and Bootstrap", Springer 1995, ch. 2.
    """
    parts = without_groups(statistic, rows, groups, rng)
    if not np.isfinite([value, *parts]).all():
        return float("nan"), float("nan")
    return t_ends(value, jackknife_error(parts), groups - 1, confidence)


def without_groups(
    statistic: Callable[[np.ndarray], float], rows: int, groups: int = GROUPS, rng: Rng = None
) -> np.ndarray:
    """The score without each of the groups (groups,)."""
    whole_number("groups", groups, 2, most=rows)
    order = generator(rng).permutation(rows)
    return np.array([statistic(np.sort(np.setdiff1d(order, out))) for out in np.array_split(order, groups)])


def jackknife_error(parts: np.ndarray) -> float:
    """Standard error from the scores without each group."""
    return float(np.sqrt((len(parts) - 1) * np.var(parts)))


def halves(
    value: float,
    statistic: Callable[[np.ndarray], float],
    rows: int,
    draws: int,
    confidence: float = 0.95,
    rng: Rng = None,
) -> tuple[float, float]:
    """Bootstrap interval from random halves of the rows, drawn without replacement.

    About their own mean the scores of halves scatter as those of whole samples do (Shao, Wu 1989), and no row is there
    twice. Their standard deviation is taken; their mean is that of half as many rows, and is not.

    Parameters
    ----------
    value, statistic, rows, confidence, rng
        As of `jackknife`.
    draws : int
        Halves that are scored, >= 20.

    Returns
    -------
    lower, upper : float
        NaN where a score is not finite.
    """
    generate = generator(rng)
    parts = np.array([statistic(np.sort(generate.permutation(rows)[: (rows + 1) // 2])) for _ in range(draws)])
    if not np.isfinite([value, *parts]).all():
        return float("nan"), float("nan")
    return t_ends(value, parts.std(ddof=1), draws - 1, confidence)
