"""Metrics that are no means over rows (F1, MCC, corpus BLEU): outcomes of groups of rows by the jackknife.

Source: docs/theory.md, section 8; Busing, Meijer, van der Leeden (1999, Statistics and Computing 9, 3-8) for groups of
unequal size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab._validation import generator, needed_columns, whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.risk._outcomes import cluster_labels

#: Of references and predictions, in that order, as those of scikit-learn.
CorpusMetric: TypeAlias = "Callable[[NDArray[Any], NDArray[Any]], float]"
Array = NDArray[np.float64]
NEEDED = ("run", "depth", "row", "prediction", "reference")


def group_outcomes(metric: CorpusMetric, references: ArrayLike, predictions: ArrayLike, group: ArrayLike) -> Array:
    """Outcomes of rows whose mean is a metric that is no mean: the jackknife's pseudo-values of groups of rows.

    Parameters
    ----------
    metric : callable
        ``metric(references, predictions)``, a number.
    references, predictions : array_like, shape (rows,)
    group : array_like, shape (rows,)
        Label of each row's group; a group is left out at a time.

    Returns
    -------
    ndarray, shape (rows,)
        The same for all rows of a group. To first order they add to the metric what the group's rows do; their mean is
        the metric itself.

    Raises
    ------
    DataError
        The metric is not finite, of all rows or without a group.

    Notes
    -----
    Of a metric that is a mean, they are the groups' own means.

    Examples
    --------
    >>> group_outcomes(lambda y, x: float(np.mean(x == y)), [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]).tolist()
    [0.5, 0.5, 1.0, 1.0]
    """
    y, x = np.asarray(references), np.asarray(predictions)
    label = np.unique(np.asarray(group), return_inverse=True)[1]
    whole = float(metric(y, x))
    times = len(y) / np.bincount(label)
    without = np.array([float(metric(y[label != g], x[label != g])) for g in range(len(times))])
    if not math.isfinite(whole) or not np.isfinite(without).all():
        raise DataError(
            "the metric is not a finite number of all rows, or without one of the groups: take fewer groups, or one "
            "that has a value where a class does not occur."
        )
    value = (times * whole - (times - 1) * without)[label]
    return np.asarray(value - value.mean() + whole)


def resampled_outcomes(
    predictions: pd.DataFrame,
    metric: CorpusMetric,
    *,
    name: str,
    groups: int = 50,
    cluster: str | Mapping[Hashable, Hashable] | None = None,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Outcomes of a metric that is no mean over rows, from predictions: runs and rows can then be told apart.

    Rows are put into groups; the metric is computed again without each of them (delete-group jackknife), for each run
    and depth. ``pl.risk_curve(outcomes, cluster="group")`` takes the result like outcomes of any other metric: the
    spread is that of the metric itself, what rows add to it is that of its linear part.

    Parameters
    ----------
    predictions : pandas.DataFrame
        A line a run, depth and row: ``run``, ``depth``, ``row``, ``prediction``, ``reference``; ``task`` and ``seed``
        may be there.
    metric : callable
        ``metric(references, predictions)`` of arrays (rows,), such as ``sklearn.metrics.f1_score``; a number.
    name : str
        Of the metric.
    groups : int
        Groups of rows, at least 10. The rows' part is known with ``(runs - 1)(groups - 1)`` degrees of freedom, and
        costs ``groups + 1`` computations of the metric a run and depth.
    cluster : str or mapping, optional
        A column that names the cluster of each row, or row -> cluster: rows of one cluster stay together.
    rng : int, numpy.random.Generator or None
        Puts rows into groups; None: a fresh generator of seed 0.

    Returns
    -------
    pandas.DataFrame
        ``task``, ``run``, ``depth``, ``metric``, ``row``, ``value``, ``group``.

    Raises
    ------
    ArgumentError, DataError
        A column is missing, a run misses rows at a depth, a row has two references, or the metric is not finite.

    Notes
    -----
    The jackknife is right where the metric is a smooth function of means over rows (F1, MCC, BLEU, correlations), and
    wrong for medians and maxima. Source: docs/theory.md, section 8.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> from sklearn.metrics import f1_score
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.random(200) < 0.3
    >>> guesses = [pd.DataFrame({"run": str(s), "depth": c, "row": range(200), "reference": truth,
    ...                          "prediction": truth ^ (rng.random(200) < 0.2)}) for s in range(4) for c in (8, 16)]
    >>> outcomes = pl.resampled_outcomes(pd.concat(guesses), f1_score, name="f1", groups=20)
    >>> curve = pl.risk_curve(outcomes, cluster="group")
    >>> bool(abs(curve.mean[0] - outcomes[outcomes["depth"] == 8]["value"].mean()) < 1e-12)
    True
    """
    needed_columns("predictions", predictions, NEEDED)
    if not callable(metric):
        raise bad_argument("metric", metric, "a function of references and predictions")
    count = whole_number("groups", groups, 10)
    frame = predictions if "task" in predictions.columns else predictions.assign(task="task")
    keep = ["task", "run", *(["seed"] if "seed" in frame.columns else []), "depth"]
    tables = []
    for _, of_task in frame.groupby("task", sort=False):
        group = _groups_of(of_task, count, cluster, generator(rng))
        for _, at in of_task.groupby(["run", "depth"], sort=False):
            if len(at) != len(group) or at["row"].duplicated().any():
                raise DataError(
                    f"run {at['run'].iloc[0]!r} at depth {at['depth'].iloc[0]} has {len(at)} predictions of "
                    f"{at['row'].nunique()} rows, others of {len(group)}: a metric of all rows needs them all, once."
                )
            label = at["row"].map(group).to_numpy()
            value = group_outcomes(metric, at["reference"].to_numpy(), at["prediction"].to_numpy(), label)
            tables.append(at[keep].assign(metric=name, row=at["row"], value=value, group=label))
    return pd.concat(tables, ignore_index=True)


def _groups_of(
    frame: pd.DataFrame, groups: int, cluster: str | Mapping[Hashable, Hashable] | None, rng: np.random.Generator
) -> dict[Hashable, int]:
    """Group of each row: clusters dealt out at random, alike many to each."""
    pairs = frame[["row", "reference"]].drop_duplicates()
    if pairs["row"].duplicated().any():
        raise DataError(f"row {pairs.loc[pairs['row'].duplicated(), 'row'].iloc[0]} has two references.")
    rows = pairs["row"]
    code, names = pd.factorize(rows if cluster is None else cluster_labels(frame, rows, cluster))
    if len(names) < 2 * groups:
        expected = f"at most half of the {len(names)} rows or clusters"
        raise bad_argument("groups", groups, expected, "Evaluate on more rows.")
    return dict(zip(rows, (rng.permutation(len(names)) % groups)[code].tolist(), strict=True))
