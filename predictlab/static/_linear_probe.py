"""Cross-validated accuracy of a linear classifier on frozen features: the scores' absolute number."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike

from predictlab._validation import Rng, library_seed, positive, whole_number
from predictlab.static._inputs import checked, require_two_rows


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
    x, codes, classes = checked(features, labels)
    require_two_rows(codes, classes, "linear_probe_accuracy")
    return float(_linear_correct(x, codes, folds, penalty, rng).mean())


def _linear_correct(
    x: np.ndarray, codes: np.ndarray, folds: int = 5, penalty: float = 1.0, rng: Rng = None
) -> np.ndarray:
    """Whether each row is predicted rightly from the folds it is not in, bool (n,)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import StandardScaler

    most = int(np.bincount(codes).max())
    whole_number("folds", folds, 2, most=most, hint=f"The largest class has {most} rows.")
    positive("penalty", penalty)
    correct = np.empty(len(x), dtype=bool)
    with warnings.catch_warnings():
        # Classes smaller than the number of folds are spread thin, and a loose optimum predicts as well.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        for fit, held_out in StratifiedKFold(folds, shuffle=True, random_state=library_seed(rng)).split(x, codes):
            scaler = StandardScaler().fit(x[fit])
            model = LogisticRegression(C=1.0 / penalty, max_iter=200, tol=1e-3)
            model.fit(scaler.transform(x[fit]), codes[fit])
            correct[held_out] = model.predict(scaler.transform(x[held_out])) == codes[held_out]
    return correct
