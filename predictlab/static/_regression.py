"""Predicting numbers from frozen features: a cross-validated linear probe, and the nearest neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from predictlab._validation import Rng, library_seed, option, whole_number
from predictlab.static._accuracies import neighbours, scaled
from predictlab.static._inputs import checked_values

PENALTIES = np.logspace(-2, 5, 15)


def linear_probe_r2(features: ArrayLike, values: ArrayLike, *, folds: int = 5, rng: Rng = None) -> float:
    """Share of the values' variance that a ridge regression on the other folds predicts.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example; each is standardised on the fitting folds.
    values : array_like (n,)
        What is predicted, real numbers that are not all equal.
    folds : int
        2 .. n. The penalty is chosen inside the fitting folds, by their own leave-one-out error.
    rng : None, int or numpy.random.Generator
        Of the shuffle into folds; None is seed 0.

    Returns
    -------
    float
        At most 1; higher is better. Below 0 the mean of the other folds predicts better.

    Raises
    ------
    ArgumentError, DataError
        Inputs that no score can be computed from; the message says which and what to do.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> import predictlab as pl
    >>> features, values = load_diabetes(return_X_y=True)
    >>> 0.45 < pl.static.linear_probe_r2(features, values) < 0.52
    True
    """
    x, y = checked_values(features, values)
    whole_number("folds", folds, 2, most=len(x))
    return r2(y, *out_of_fold_values(x, y, folds, library_seed(rng)))


def knn_r2(features: ArrayLike, values: ArrayLike, *, k: int = 5, distance: str = "cosine") -> float:
    """Share of the values' variance that the mean of the `k` nearest other rows predicts.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example.
    values : array_like (n,)
        What is predicted, real numbers that are not all equal.
    k : int
        Neighbours that are averaged, 1 .. n-1. A row is never its own neighbour.
    distance : {"cosine", "euclidean"}
        What "near" means.

    Returns
    -------
    float
        At most 1; higher is better. Below 0 the mean of all other rows predicts better.

    Raises
    ------
    ArgumentError, DataError
        Inputs that no score can be computed from; the message says which and what to do.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.static.knn_r2([[0.0], [0.1], [5.0], [5.1]], [1.0, 1.0, 3.0, 3.0], k=1, distance="euclidean")
    1.0
    """
    x, y = checked_values(features, values)
    option("distance", distance, ("cosine", "euclidean"))
    return r2_of_neighbours(y, neighbours(x, k, distance))


def out_of_fold_values(x: np.ndarray, y: np.ndarray, folds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What a ridge regression on the other folds predicts, and what their mean does."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold

    found, blind = np.empty(len(y)), np.empty(len(y))
    centre, scale = y.mean(), y.std()
    target = (y - centre) / scale
    for fitted, held in KFold(folds, shuffle=True, random_state=seed).split(x):
        model = scaled(RidgeCV(PENALTIES)).fit(x[fitted], target[fitted])
        found[held], blind[held] = model.predict(x[held]), target[fitted].mean()
    return centre + scale * found, centre + scale * blind


def r2_of_neighbours(y: np.ndarray, near: np.ndarray) -> float:
    """Share of variance that the mean of the neighbours (n, k) predicts, about the mean of all other rows."""
    return r2(y, y[near].mean(axis=1), (y.sum() - y) / (len(y) - 1))


def r2(y: np.ndarray, predicted: np.ndarray, blind: np.ndarray) -> float:
    """Share of the variance about a blind prediction."""
    return float(1.0 - ((y - predicted) ** 2).sum() / ((y - blind) ** 2).sum())
