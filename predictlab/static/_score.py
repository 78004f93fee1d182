"""All static scores of a task, or of a feature matrix, as one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from threadpoolctl import threadpool_limits

from predictlab._validation import Rng, confidence_level, generator, whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.static._accuracies import knn_accuracy, linear_probe_accuracy
from predictlab.static._inputs import checked
from predictlab.static._spectral import hscore, logme
from predictlab.task import Task

GROUPS = 10
COLUMNS = ["method", "value", "better", "seconds", "lower", "upper", "interval", "rows", "note"]
Scored = tuple[float, float, float, str, int, str]  # value, lower, upper, interval, rows, note
_METHODS = pd.DataFrame(
    {
        "method": ["logme", "hscore", "knn", "linear_probe"],
        "measures": [
            "evidence of a Bayesian linear model on the features",
            "between-class share of the features' variance, Ledoit-Wolf",
            "leave-one-out accuracy of the 5 nearest rows by cosine",
            "5-fold cross-validated accuracy of a logistic regression",
        ],
        "unit": ["nats per row", "none", "share of rows", "share of rows"],
        "range": ["unbounded", "0 to classes - 1", "0 to 1", "0 to 1"],
        "better": "higher",
        "interval": ["jackknife", "jackknife", "Wilson", "Wilson"],
        "source": ["You et al. 2021", "Bao et al. 2019; Ibrahim et al. 2022", "Cover, Hart 1967", "Alain, Bengio 2017"],
    }
)


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
    return _METHODS.copy()


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
        One row per method: ``task``, its name; ``method``; ``value``; ``better`` ("higher"); ``seconds`` of the
        scoring; ``lower``, ``upper`` at `confidence` (NaN where there is no interval) and ``interval``, how they
        were found; ``rows`` used; ``note``; and, the same for all methods, ``train_rows`` that the task has and
        ``feature_seconds`` of computing the features. The interval is for another draw of as many training rows
        from the same source, not for the outcome of the fine-tune.

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

    from predictlab.catalog._features import pooled_features

    start = time.perf_counter()
    texts = task.data.train["text"].iloc[rows].tolist()
    features = pooled_features(task.model, texts, task.recipe.max_length, task.recipe.pooling)
    seconds = time.perf_counter() - start
    table = score_features(features, labels[rows], names, confidence=confidence, rng=rng)
    table.insert(0, "task", task.name)
    return table.assign(train_rows=len(labels), feature_seconds=seconds)


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
        As of `score`, without the columns that a task gives.

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
        scored = _with_jackknife if name in ("logme", "hscore") else _with_wilson
        start = time.perf_counter()
        # Matrices this small gain little from a second BLAS thread, and lose tenfold when the cores are busy.
        with threadpool_limits(1, user_api="blas"):
            value, lower, upper, interval, rows, note = scored(name, x, codes, confidence, rng)
        seconds = time.perf_counter() - start
        records.append((name, value, "higher", seconds, lower, upper, interval, rows, note))
    return pd.DataFrame(records, columns=COLUMNS)


def _chosen(methods: str | Sequence[str] | None) -> list[str]:
    known = _METHODS["method"].tolist()
    names = known if methods is None else [methods] if isinstance(methods, str) else list(methods)
    for name in names:
        if name not in known:
            raise bad_argument("methods", name, f"names among {', '.join(known)}")
    if not names:
        raise bad_argument("methods", methods, f"at least one of {', '.join(known)}, or None for all")
    return list(dict.fromkeys(names))


def _with_jackknife(name: str, x: np.ndarray, codes: np.ndarray, confidence: float, rng: Rng) -> Scored:
    """LogME or H-score of all rows, and the interval that leaving out groups of rows gives."""
    statistic, least = {"logme": (logme, -np.inf), "hscore": (hscore, 0.0)}[name]

    def without_a_group(kept: np.ndarray) -> float:
        one_class_left = (codes[kept] == codes[kept[0]]).all()
        part = np.nan if one_class_left else statistic(x[kept], codes[kept])
        # At the end of its range a score is not smooth, and its jackknife error means nothing.
        return part if part > least else np.nan

    value, lower, upper = statistic(x, codes), np.nan, np.nan
    if len(x) >= 2 * GROUPS and least < value < np.inf:
        lower, upper = jackknife(value, without_a_group, len(x), confidence=confidence, rng=rng)
    note = "" if np.isfinite(value) else "a class is an exact linear function of the features"
    if not np.isfinite(lower):
        return value, lower, upper, "none", len(x), note
    return value, max(lower, least), upper, f"{confidence:.0%} jackknife, {GROUPS} groups of rows", len(x), note


def _with_wilson(name: str, x: np.ndarray, codes: np.ndarray, confidence: float, rng: Rng) -> Scored:
    """Accuracy on the rows whose class has another one, with Wilson's interval of a share."""
    counts = np.bincount(codes)
    alone = int((counts == 1).sum())
    if len(counts) - alone < 2:
        raise DataError(
            f"{name}: {alone} of {len(counts)} classes have one row only, and fewer than two "
            "classes are left without them. Give more rows."
        )
    kept = counts[codes] > 1
    x, codes = x[kept], codes[kept]
    value = knn_accuracy(x, codes) if name == "knn" else linear_probe_accuracy(x, codes, rng=rng)
    lower, upper = proportion_confint(round(value * len(x)), len(x), alpha=1 - confidence, method="wilson")
    note = f"{counts.max() / len(x):.3f} for always naming the largest class"
    if alone:
        note += f"; {alone} class(es) of a single row left out"
    return value, lower, upper, f"{confidence:.0%} Wilson, rows taken as independent", len(x), note


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
    whole_number("groups", groups, 2, most=rows)
    order = generator(rng).permutation(rows)
    parts = [statistic(np.sort(np.setdiff1d(order, left_out))) for left_out in np.array_split(order, groups)]
    if not np.isfinite([value, *parts]).all():
        return float("nan"), float("nan")
    error = np.sqrt((groups - 1) * np.var(parts))
    half = float(stats.t.ppf(0.5 + confidence / 2, groups - 1) * error)
    return value - half, value + half
