"""Leave-one-out accuracy of the nearest neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from predictlab.errors import bad_argument
from predictlab.static._inputs import checked, require_two_rows

_BLOCK = 1024  # rows compared at a time: memory stays at _BLOCK x n


def knn_accuracy(features: Any, labels: Any, k: int = 5, metric: str = "cosine") -> float:
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
    """
    x, codes, classes = checked(features, labels)
    require_two_rows(codes, classes, "knn_accuracy")
    return float(_knn_correct(x, codes, k, metric).mean())


def _knn_correct(x: np.ndarray, codes: np.ndarray, k: int = 5, metric: str = "cosine") -> np.ndarray:
    """Whether each row is predicted rightly from the others, bool (n,)."""
    n = len(x)
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= n - 1:
        raise bad_argument("k", k, f"a whole number from 1 to {n - 1} (one less than the rows)")
    if metric == "cosine":
        norms = np.linalg.norm(x, axis=1, keepdims=True)
        x = x / np.where(norms > 0, norms, 1)
        offset = np.zeros(n, dtype=x.dtype)
    elif metric == "euclidean":
        x = x - x.mean(axis=0)  # the nearest row is the one with the greatest x'z - z'z/2
        offset = 0.5 * np.einsum("ij,ij->i", x, x)
    else:
        raise bad_argument("metric", metric, "'cosine' or 'euclidean'")
    # One vote each; the remainder, which adds up to less than a vote, breaks ties towards nearer neighbours.
    votes = 1.0 + np.arange(k, 0, -1) / (k * (k + 1.0))
    predicted = np.empty(n, dtype=np.int64)
    for start in range(0, n, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n))
        near = x[rows] @ x.T - offset
        near[np.arange(len(rows)), rows] = -np.inf
        top = np.argpartition(-near, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(near, top, axis=1), axis=1, kind="stable")
        neighbours = codes[np.take_along_axis(top, order, axis=1)]
        tally = np.zeros((len(rows), codes.max() + 1))
        for j in range(k):
            tally[np.arange(len(rows)), neighbours[:, j]] += votes[j]
        predicted[rows] = tally.argmax(axis=1)
    return predicted == codes
