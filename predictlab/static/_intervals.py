"""Intervals of static scores: what another draw of as many rows would have given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from predictlab._validation import Rng, confidence_level, generator, whole_number
from predictlab.errors import bad_argument


def wilson(correct: int, rows: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share.

    Parameters
    ----------
    correct, rows : int
        ``0 <= correct <= rows``, ``rows >= 1``.
    confidence : float in (0, 1)

    Returns
    -------
    lower, upper : float
        In [0, 1].

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    confidence_level(confidence)
    if not (rows >= 1 and 0 <= correct <= rows):
        raise bad_argument("correct", correct, f"a count from 0 to rows={rows}")
    lower, upper = proportion_confint(correct, rows, alpha=1 - confidence, method="wilson")
    return float(lower), float(upper)


def jackknife(
    value: float,
    statistic: Callable[[np.ndarray], float],
    rows: int,
    groups: int = 10,
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
    confidence_level(confidence)
    whole_number("groups", groups, 2, most=rows)
    order = generator(rng).permutation(rows)
    parts = [statistic(np.sort(np.setdiff1d(order, left_out))) for left_out in np.array_split(order, groups)]
    if not np.isfinite([value, *parts]).all():
        return float("nan"), float("nan")
    error = np.sqrt((groups - 1) * np.var(parts))
    half = float(stats.t.ppf(0.5 + confidence / 2, groups - 1) * error)
    return value - half, value + half
