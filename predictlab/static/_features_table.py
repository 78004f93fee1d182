"""Scores of a feature matrix: value, interval, and what the same features would score with labels that say nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from threadpoolctl import threadpool_limits

from predictlab._validation import Rng, confidence_level, generator, library_seed, option, whole_number
from predictlab.errors import DataError
from predictlab.static._evaluate import STATISTICS, Numbers, Rows, draws_of
from predictlab.static._inputs import checked, checked_values
from predictlab.static._intervals import GROUPS, halves, jackknife, share_ends, t_ends
from predictlab.static._methods import METHODS, chosen

COLUMNS = [
    "method", "value", "lower", "upper", "interval", "null", "says", "better", "rows", "seconds", "note",
]  # fmt: skip
PERMUTATIONS = 19  # that a value is above all of them has a chance of one in twenty
LEAST = {"hscore": 0.0}  # at the end of its range a score is not smooth, and its jackknife error means nothing
Interval = tuple[float, float, str]


def score_features(
    features: ArrayLike,
    labels: ArrayLike,
    methods: str | Sequence[str] | None = None,
    *,
    of: str = "classes",
    confidence: float = 0.95,
    draws: int = 0,
    permutations: int = PERMUTATIONS,
    rng: Rng = None,
) -> pd.DataFrame:
    """Static scores of a feature matrix, each with an interval and beside what labels without a meaning score.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example.
    labels : array_like (n,)
        Class of each row, or a number with ``of="values"``.
    methods : str, sequence of str, or None
        Names from ``pl.static.methods()``, ``"all"``, or None for the usual ones.
    of : {"classes", "values"}
        What `labels` are. Scores of the other kind are refused.
    confidence : float in (0, 1)
        Of the intervals.
    draws : int
        0: the interval that ``methods()`` names. At least 20: a bootstrap over that many random halves of the rows,
        which scores each anew.
    permutations : int
        Times that labels are dealt anew for `null`; 0 for none.
    rng : None, int or numpy.random.Generator
        Of groups, folds, halves, permutations; None is seed 0.

    Returns
    -------
    DataFrame
        A row per method: ``method``; ``value``; ``lower``, ``upper`` at `confidence` (NaN where there is no interval)
        and ``interval``, how they were found; ``null``, the highest score of permuted labels (for ``linear_probe`` and
        ``v_information``, which would be fitted anew each time, the upper end of what always naming the largest class
        may get, and 0); ``says``, "something" where the value is above the null and "nothing" where it is not;
        ``better``; ``rows`` used; ``seconds`` without null and interval; ``note``. The interval is for another draw
        of as many rows from the same source, not for the outcome of a fine-tune.

    Raises
    ------
    ArgumentError
        An unknown method, one for other data, or a setting out of range.
    DataError
        Features or labels that no score can be computed from.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import predictlab as pl
    >>> features, labels = load_iris(return_X_y=True)
    >>> pl.static.score_features(features, labels, "logme")[["method", "value", "says"]].round(3)
      method  value       says
    0  logme  -0.16  something
    """
    option("of", of, ("classes", "values"))
    names = chosen(methods, of)
    check_settings(confidence, draws, permutations)
    seed = library_seed(rng)
    rows: Rows | Numbers
    if of == "classes":
        x, codes, _ = checked(features, labels)
        rows = Rows(x, codes, seed)
    else:
        rows = Numbers(*checked_values(features, labels), seed)
    # Matrices this small gain little from a second BLAS thread, and lose tenfold when the cores are busy.
    with threadpool_limits(1, user_api="blas"):
        records = [_record(name, rows, confidence, draws, permutations) for name in names]
    return pd.DataFrame(records, columns=COLUMNS)


def check_settings(confidence: float, draws: int, permutations: int) -> None:
    """Refuse settings that no table can be made with."""
    confidence_level(confidence)
    whole_number("permutations", permutations)
    if whole_number("draws", draws) and draws < 20:
        whole_number("draws", draws, 20, hint="Or 0 for the interval that pl.static.methods() names.")


def statistic_of(name: str, rows: Rows | Numbers, kept: np.ndarray) -> float:
    """The score of some of the rows; NaN where it has no meaning or is at the end of its range."""
    part = rows.part(kept)
    try:
        value = STATISTICS[name](part) if part.usable() else np.nan
    except DataError:
        return float("nan")
    return value if value > LEAST.get(name, -np.inf) else float("nan")


def _record(name: str, rows: Rows | Numbers, confidence: float, draws: int, permutations: int) -> tuple[object, ...]:
    start = time.perf_counter()
    try:
        value = STATISTICS[name](rows)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    seconds = time.perf_counter() - start
    used = rows.predictable if isinstance(rows, Rows) and name in ("knn", "linear_probe", "v_information") else rows
    lower, upper, interval = _interval(name, value, used, confidence, draws)
    null = null_of(name, used, permutations)
    says = "" if np.isnan(null) else "something" if value > null else "nothing"
    better = METHODS.set_index("method")["better"][name]
    note = _note(name, value, rows, used)
    return name, value, lower, upper, interval, null, says, better, len(used), seconds, note


def _interval(name: str, value: float, rows: Rows | Numbers, confidence: float, draws: int) -> Interval:
    level = f"{confidence:.0%}"
    statistic = partial(statistic_of, name, rows)
    found: Interval
    if draws:
        found = *halves(value, statistic, len(rows), draws, confidence, rows.seed), f"{level} bootstrap, {draws} halves"
    elif name in ("knn", "linear_probe"):
        ends = share_ends(round(value * len(rows)), len(rows), confidence)
        found = *ends, f"{level} Wilson, rows taken as independent"
    elif isinstance(rows, Rows) and name == "v_information":
        each = rows.v_information().pointwise
        ends = t_ends(value, stats.sem(each), len(each) - 1, confidence)
        found = *ends, f"{level} t, rows taken as independent"
    elif isinstance(rows, Rows) and name in ("nleep", "parc"):
        repeated = draws_of(name, rows)
        n, what = len(repeated.values), "seeds" if name == "nleep" else "subsamples"
        # of one draw there is no sd, and none is found
        found = *t_ends(value, repeated.sd / np.sqrt(n), n - 1, confidence), f"{level} t over {n} {what}, not over rows"
    elif name == "transrate" or len(rows) < 2 * GROUPS or not LEAST.get(name, -np.inf) < value < np.inf:
        return float("nan"), float("nan"), "none"
    else:
        ends = jackknife(value, statistic, len(rows), confidence=confidence, rng=rows.seed)
        found = *ends, f"{level} jackknife, {GROUPS} groups of rows"
    if not np.isfinite(found[0]):
        return float("nan"), float("nan"), "none"
    return max(found[0], LEAST.get(name, -np.inf)), found[1], found[2]


def null_of(name: str, rows: Rows | Numbers, permutations: int) -> float:
    """What labels that say nothing would score at most."""
    if not permutations:
        return float("nan")
    if isinstance(rows, Rows) and name == "linear_probe":
        n, share = len(rows), rows.counts.max() / len(rows)
        return float(stats.binom.ppf(permutations / (permutations + 1), n, share) / n)
    if name == "v_information":
        return 0.0
    generate = generator(rows.seed)
    found = []
    for _ in range(permutations):
        found.append(STATISTICS[name](rows.permuted(generate.permutation(len(rows)))))
    return float(max(found))


def _note(name: str, value: float, rows: Rows | Numbers, used: Rows | Numbers) -> str:
    if isinstance(used, Rows) and name in ("knn", "linear_probe"):
        note = f"{used.counts.max() / len(used):.3f} for always naming the largest class"
        alone = len(np.unique(rows.codes)) - len(used.counts) if isinstance(rows, Rows) else 0
        return note + (f"; {alone} class(es) of a single row left out" if alone else "")
    if name == "transrate":
        return "do not choose by it: rank correlation -.25 over 8 GLUE tasks"
    return "" if np.isfinite(value) else "the labels are an exact linear function of the features"
