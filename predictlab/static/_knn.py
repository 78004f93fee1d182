"""Leave-one-out accuracy of the nearest neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from predictlab._validation import option, whole_number
from predictlab.static._inputs import checked, require_two_rows


def knn_accuracy(features: ArrayLike, labels: ArrayLike, *, k: int = 5, metric: str = "cosine") -> float:
    """Share of rows whose class is the most frequent one among their `k` nearest other rows.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example.
    labels : array_like (n,)
        Class of each row; at least two classes of at least two rows.
    k : int
        Neighbours that vote, 1 .. n-1. A row is never its own neighbour. Among classes with equally many
        votes the one whose neighbours rank nearer wins.
    metric : {"cosine", "euclidean"}
        What "near" means. A row of zeros is at right angles to every other row under ``"cosine"``.

    Returns
    -------
    float
        Accuracy in [0, 1]. Higher is better. A copy of a row elsewhere in the data is a neighbour like any
        other: remove duplicates first.

    Raises
    ------
    ArgumentError
        A `k` or `metric` that cannot be used, or arrays of the wrong shape.
    DataError
        Missing features, a single class, or classes with a single row.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.static.knn_accuracy([[0.0, 0.1], [0.0, 0.2], [5.0, 5.1], [5.0, 5.2]], [0, 0, 1, 1], k=1, metric="euclidean")
    1.0
    """
    x, codes, classes = checked(features, labels)
    require_two_rows(codes, classes, "knn_accuracy")
    return float(_knn_correct(x, codes, k, metric).mean())


def _knn_correct(x: np.ndarray, codes: np.ndarray, k: int = 5, metric: str = "cosine") -> np.ndarray:
    """Whether each row is predicted rightly from the others, bool (n,)."""
    from sklearn.neighbors import NearestNeighbors

    whole_number("k", k, 1, most=len(x) - 1, hint="One less than the rows at most: a row is not its own neighbour.")
    option("metric", metric, ("cosine", "euclidean"))
    # Without a query every row is asked for its neighbours among the others, the nearest first.
    nearest = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(x)
    neighbours = codes[nearest.kneighbors(return_distance=False)]
    # One vote each; the remainder, which adds up to less than a vote, breaks ties towards nearer neighbours.
    votes = 1.0 + np.arange(k, 0, -1) / (k * (k + 1.0))
    tally = np.zeros((len(x), codes.max() + 1))
    np.add.at(tally, (np.arange(len(x))[:, None], neighbours), votes)
    return np.asarray(tally.argmax(axis=1) == codes)
