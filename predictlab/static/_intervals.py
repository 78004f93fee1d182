"""Intervals of static scores: what another draw of as many rows would have given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from predictlab.errors import bad_argument


def wilson(correct: int, rows: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share.

    Parameters
    ----------
    correct, rows : int
        ``0 <= correct <= rows``, ``rows >= 1``.
    level : float in (0, 1)

    Returns
    -------
    lower, upper : float
        In [0, 1].

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    check_level(level)
    if not (rows >= 1 and 0 <= correct <= rows):
        raise bad_argument("correct", correct, f"a count from 0 to rows={rows}")
    z2 = stats.norm.ppf(0.5 + level / 2) ** 2
    share = correct / rows
    centre = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = np.sqrt(z2 * (share * (1 - share) / rows + z2 / (4 * rows**2))) / (1 + z2 / rows)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def jackknife(
    value: float,
    statistic: Callable[[np.ndarray], float],
    rows: int,
    groups: int = 10,
    level: float = 0.95,
    seed: int = 0,
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
    level : float in (0, 1)
    seed : int
        Of the split into groups.

    Returns
    -------
    lower, upper : float
        ``value`` -/+ Student's t (groups - 1) times the jackknife standard error; NaN where a score is not
        finite.

    References
    ----------
    Shao, Tu, "The Jackknife and Bootstrap", Springer 1995, ch. 2.
    """
    check_level(level)
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or not 2 <= groups <= rows:
        raise bad_argument("groups", groups, f"a whole number from 2 to rows={rows}")
    order = np.random.default_rng(seed).permutation(rows)
    parts = [statistic(np.sort(np.setdiff1d(order, left_out))) for left_out in np.array_split(order, groups)]
    if not np.isfinite([value, *parts]).all():
        return float("nan"), float("nan")
    error = np.sqrt((groups - 1) * np.var(parts))
    half = float(stats.t.ppf(0.5 + level / 2, groups - 1) * error)
    return value - half, value + half


def check_level(level: float) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if not 0 < level < 1:
        raise bad_argument("level", level, "a number between 0 and 1, such as 0.95")
