"""All static scores of a task, or of a feature matrix, as one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from predictlab._validation import Rng, confidence_level, generator, whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.static._hscore import _hscore
from predictlab.static._inputs import checked
from predictlab.static._intervals import jackknife, wilson
from predictlab.static._knn import _knn_correct
from predictlab.static._linear_probe import _linear_correct
from predictlab.static._logme import _logme
from predictlab.task import Task

GROUPS = 10
COLUMNS = ["method", "value", "better", "seconds", "lower", "upper", "interval", "rows", "note"]


@dataclass(frozen=True)
class Method:
    """One static score: exactly one of `whole` (a number) and `by_row` (right or wrong, by row) is set."""

    name: str
    measures: str
    unit: str
    range: str
    source: str
    whole: Callable[[np.ndarray, np.ndarray], float] | None = None
    by_row: Callable[[np.ndarray, np.ndarray, Rng], np.ndarray] | None = None
    at_least: float = float("-inf")

    @property
    def interval(self) -> str:
        return "jackknife" if self.whole else "Wilson"


_METHODS = {
    m.name: m
    for m in (
        Method(
            "logme",
            "evidence of a Bayesian linear model on the features",
            "nats per row",
            "unbounded",
            "You et al. 2021",
            whole=_logme,
        ),
        Method(
            "hscore",
            "between-class share of the features' variance, Ledoit-Wolf",
            "none",
            "0 to classes - 1",
            "Bao et al. 2019; Ibrahim et al. 2022",
            whole=_hscore,
            at_least=0.0,
        ),
        Method(
            "knn",
            "leave-one-out accuracy of the 5 nearest rows by cosine",
            "share of rows",
            "0 to 1",
            "Cover, Hart 1967",
            by_row=lambda x, codes, rng: _knn_correct(x, codes),
        ),
        Method(
            "linear_probe",
            "5-fold cross-validated accuracy of a logistic regression",
            "share of rows",
            "0 to 1",
            "Alain, Bengio 2017",
            by_row=lambda x, codes, rng: _linear_correct(x, codes, rng=rng),
        ),
    )
}


def methods() -> pd.DataFrame:
    """The static scores there are.

    Returns
    -------
    DataFrame
        Columns ``method, measures, unit, range, better, interval, source``.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.static.methods()["method"].tolist()
    ['logme', 'hscore', 'knn', 'linear_probe']
    """
    rows = [(m.name, m.measures, m.unit, m.range, "higher", m.interval, m.source) for m in _METHODS.values()]
    return pd.DataFrame(rows, columns=["method", "measures", "unit", "range", "better", "interval", "source"])


def score(
    task: Task,
    methods: str | Sequence[str] | None = None,
    *,
    max_rows: int = 2000,
    confidence: float = 0.95,
    rng: Rng = None,
) -> pd.DataFrame:
    """Static scores of a task: what its frozen model's features say about its training labels.

    Parameters
    ----------
    task : Task
        The model's pooled features of the training texts are computed once and shared by the methods. Labels
        are those that training would see, ``task.labels("train")``, so `label_noise` is in them.
    methods : str, sequence of str, or None
        Names from ``pl.static.methods()``; None takes all.
    max_rows : int
        Training rows used, >= 2; a random choice of them (by `rng`, in their order) where there are more.
    confidence : float in (0, 1)
        Of the intervals.
    rng : None, int or numpy.random.Generator
        Of the choice of rows, the jackknife's groups and the linear probe's folds; None is seed 0.

    Returns
    -------
    DataFrame
        One row per method: ``method``; ``value``; ``better`` ("higher"); ``seconds`` of the scoring (those of
        the features, which the methods share, are in ``.attrs["feature_seconds"]``); ``lower``, ``upper`` at
        `confidence` (NaN where there is no interval) and ``interval``, how they were found; ``rows`` used;
        ``note``. The interval is for another draw of as many training rows from the same source, not for the
        outcome of the fine-tune.

    Raises
    ------
    ArgumentError
        An unknown method, or a setting out of range.
    DataError
        Features or labels that no score can be computed from; data with completions, which have no labels.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> rows = [(f"a {word} film, number {i}", word == "fine") for i in range(20) for word in ("fine", "dull")]
    >>> data = pl.load_dataset(pd.DataFrame(rows, columns=["text", "label"]), eval_size=10)
    >>> table = pl.score(pl.Task("minilm-l6", data), "knn")
    >>> bool(table["value"][0] > 0.9)
    True
    """
    if not isinstance(task, Task):
        raise bad_argument("task", task, "a pl.Task", "For arrays use pl.static.score_features(features, labels).")
    if task.data.kind == "completions":
        raise DataError(
            f"task {task.name!r}: static scores rate features against labels, and {task.data.name} has completions. "
            "Probe it instead: its measurements at depth 0 say what the model does before any training."
        )
    names = _chosen(methods)
    confidence_level(confidence)
    whole_number("max_rows", max_rows, 2)
    labels = task.labels("train")
    rows = np.arange(len(labels))
    if len(rows) > max_rows:
        rows = np.sort(generator(rng).choice(len(rows), size=max_rows, replace=False))

    from predictlab.catalog._backbone import pooled_features

    start = time.perf_counter()
    texts = task.data.train["text"].iloc[rows].tolist()
    features = pooled_features(task, texts, task.recipe.max_length, task.recipe.pooling)
    seconds = time.perf_counter() - start
    table = score_features(features, labels[rows], names, confidence=confidence, rng=rng)
    table.attrs.update(task=task.name, feature_seconds=seconds, train_rows=len(labels))
    return table


def score_features(
    features: ArrayLike,
    labels: ArrayLike,
    methods: str | Sequence[str] | None = None,
    *,
    confidence: float = 0.95,
    rng: Rng = None,
) -> pd.DataFrame:
    """Static scores of a feature matrix.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example.
    labels : array_like (n,)
        Class of each row.
    methods : str, sequence of str, or None
        As in `score`.
    confidence : float in (0, 1)
        Of the intervals.
    rng : None, int or numpy.random.Generator
        As in `score`.

    Returns
    -------
    DataFrame
        As of `score`.

    Raises
    ------
    ArgumentError, DataError
        As in `score`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import predictlab as pl
    >>> features, labels = load_iris(return_X_y=True)
    >>> pl.static.score_features(features, labels, "logme")[["method", "value"]].round(3)
      method  value
    0  logme  -0.16
    """
    names = _chosen(methods)
    confidence_level(confidence)
    x, codes, _ = checked(features, labels)
    records = []
    for name in names:
        start = time.perf_counter()
        # Matrices this small gain little from a second BLAS thread, and lose tenfold when the cores are busy.
        with threadpool_limits(1, user_api="blas"):
            found = _scored(_METHODS[name], x, codes, confidence, rng)
        records.append({"method": name, "better": "higher", **found, "seconds": time.perf_counter() - start})
    return pd.DataFrame(records, columns=COLUMNS)


def _scored(method: Method, x: np.ndarray, codes: np.ndarray, confidence: float, rng: Rng) -> dict[str, Any]:
    """Value, interval, rows and note of one method."""
    if method.whole is not None:
        value = method.whole(x, codes)
        lower, upper = _jackknifed(method.whole, value, x, codes, confidence, rng, method.at_least)
        bounded = np.isfinite(lower)
        return {
            "value": value,
            "lower": max(lower, method.at_least) if bounded else lower,
            "upper": upper,
            "interval": f"{confidence:.0%} jackknife, {GROUPS} groups of rows" if bounded else "none",
            "rows": len(x),
            "note": "" if np.isfinite(value) else "a class is an exact linear function of the features",
        }
    assert method.by_row is not None
    counts = np.bincount(codes)
    alone = int((counts == 1).sum())
    kept = counts[codes] > 1
    if len(counts) - alone < 2:
        raise DataError(
            f"{method.name}: {alone} of {len(counts)} classes have one row only, and fewer than two "
            "classes are left without them. Give more rows."
        )
    correct = method.by_row(x[kept], np.unique(codes[kept], return_inverse=True)[1], rng)
    lower, upper = wilson(int(correct.sum()), len(correct), confidence)
    note = f"{counts.max() / len(correct):.3f} for always naming the largest class"
    if alone:
        note += f"; {alone} class(es) of a single row left out"
    return {
        "value": float(correct.mean()),
        "lower": lower,
        "upper": upper,
        "interval": f"{confidence:.0%} Wilson, rows taken as independent",
        "rows": len(correct),
        "note": note,
    }


def _chosen(methods: str | Sequence[str] | None) -> list[str]:
    names = list(_METHODS) if methods is None else [methods] if isinstance(methods, str) else list(methods)
    for name in names:
        if name not in _METHODS:
            raise bad_argument("methods", name, f"names among {', '.join(_METHODS)}")
    if not names:
        raise bad_argument("methods", methods, f"at least one of {', '.join(_METHODS)}, or None for all")
    return list(dict.fromkeys(names))


def _jackknifed(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    value: float,
    x: np.ndarray,
    codes: np.ndarray,
    confidence: float,
    rng: Rng,
    at_least: float,
) -> tuple[float, float]:
    def without_a_group(kept: np.ndarray) -> float:
        one_class_left = (codes[kept] == codes[kept[0]]).all()
        part = float("nan") if one_class_left else statistic(x[kept], codes[kept])
        # At the end of its range a score is not smooth, and its jackknife error means nothing.
        return part if part > at_least else float("nan")

    if len(x) < 2 * GROUPS or not at_least < value < np.inf:
        return float("nan"), float("nan")
    return jackknife(value, without_a_group, len(x), GROUPS, confidence, rng)
