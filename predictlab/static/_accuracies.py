"""Accuracies that frozen features allow: of the nearest neighbours, and of a cross-validated linear classifier."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike

from predictlab._validation import Rng, library_seed, option, positive, whole_number
from predictlab.errors import DataError
from predictlab.static._inputs import checked


def knn_accuracy(features: ArrayLike, labels: ArrayLike, *, k: int = 5, distance: str = "cosine") -> float:
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
    distance : {"cosine", "euclidean"}
        What "near" means. A row of zeros is at right angles to every other row under ``"cosine"``.

    Returns
    -------
    float
        Accuracy in [0, 1]. Higher is better. A copy of a row elsewhere in the data is a neighbour like any
        other: remove duplicates first.

    Raises
    ------
    ArgumentError
        A `k` or `distance` that cannot be used, or arrays of the wrong shape.
    DataError
        Missing features, a single class, or classes with a single row.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.static.knn_accuracy([[0.0], [0.1], [5.0], [5.1]], [0, 0, 1, 1], k=1, distance="euclidean")
    1.0
    """
    x, codes = _predictable(features, labels, "knn_accuracy")
    whole_number("k", k, 1, most=len(x) - 1, hint="One less than the rows at most: a row is not its own neighbour.")
    option("distance", distance, ("cosine", "euclidean"))
    from sklearn.neighbors import NearestNeighbors

    # Without a query every row is asked for its neighbours among the others, the nearest first.
    nearest = NearestNeighbors(n_neighbors=k, metric=distance, algorithm="brute").fit(x)
    neighbours = codes[nearest.kneighbors(return_distance=False)]
    # One vote each; the remainder, which adds up to less than a vote, breaks ties towards nearer neighbours.
    votes = 1.0 + np.arange(k, 0, -1) / (k * (k + 1.0))
    tally = np.zeros((len(x), codes.max() + 1))
    np.add.at(tally, (np.arange(len(x))[:, None], neighbours), votes)
    return float((tally.argmax(axis=1) == codes).mean())


def linear_probe_accuracy(
    features: ArrayLike, labels: ArrayLike, *, folds: int = 5, penalty: float = 1.0, rng: Rng = None
) -> float:
    """Share of rows that a logistic regression fitted on the other folds predicts rightly.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example; each is standardised on the fitting folds.
    labels : array_like (n,)
        Class of each row; at least two classes of at least two rows.
    folds : int
        Stratified folds, 2 .. rows of the largest class.
    penalty : float
        Weight of the squared-norm penalty, > 0 (``1 / C`` of scikit-learn's LogisticRegression).
    rng : None, int or numpy.random.Generator
        Of the shuffle into folds; None is seed 0.

    Returns
    -------
    float
        Accuracy in [0, 1]. Higher is better. It is what training the head alone would about reach with
        ``(folds - 1) / folds`` of these rows; a fine-tune that adapts the model usually ends above it.

    Raises
    ------
    ArgumentError
        A setting that cannot be used, or arrays of the wrong shape.
    DataError
        Missing features, a single class, or classes with a single row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import predictlab as pl
    >>> features, labels = load_iris(return_X_y=True)
    >>> pl.static.linear_probe_accuracy(features, labels) > 0.9
    True
    """
    x, codes = _predictable(features, labels, "linear_probe_accuracy")
    most = int(np.bincount(codes).max())
    whole_number("folds", folds, 2, most=most, hint=f"The largest class has {most} rows.")
    positive("penalty", penalty)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0 / penalty, max_iter=200, tol=1e-3))
    splits = StratifiedKFold(folds, shuffle=True, random_state=library_seed(rng))
    with warnings.catch_warnings():
        # Classes smaller than the number of folds are spread thin, and a loose optimum predicts as well.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float((cross_val_predict(model, x, codes, cv=splits) == codes).mean())


def _predictable(features: ArrayLike, labels: ArrayLike, score: str) -> tuple[np.ndarray, np.ndarray]:
    """Checked features and codes of classes that all have two rows: a row is predicted from the others of its class."""
    x, codes, classes = checked(features, labels)
    alone = [label for label, count in zip(classes, np.bincount(codes), strict=True) if count < 2]
    if alone:
        shown = ", ".join(map(repr, alone[:5])) + (", ..." if len(alone) > 5 else "")
        raise DataError(
            f"{score}: {len(alone)} class(es) have one row only ({shown}), which cannot be predicted from "
            "the other rows. Leave them out, or give more rows."
        )
    return x, codes
