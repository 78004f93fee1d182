"""What frozen features allow to predict: by the nearest neighbours, and by a cross-validated linear classifier."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from predictlab._validation import Rng, library_seed, option, positive, whole_number
from predictlab.static._inputs import predictable

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FLOOR = 1e-6  # a probability below this counts as this: one row must not decide a mean of logarithms


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
    x, codes = predictable(features, labels, "knn_accuracy")
    option("distance", distance, ("cosine", "euclidean"))
    return float((votes(codes, neighbours(x, k, distance)) == codes).mean())


def neighbours(x: np.ndarray, k: int, distance: str) -> np.ndarray:
    """Numbers (n, k) of the nearest other rows, the nearest first."""
    whole_number("k", k, 1, most=len(x) - 1, hint="One less than the rows at most: a row is not its own neighbour.")
    from sklearn.neighbors import NearestNeighbors

    # Without a query every row is asked for its neighbours among the others.
    nearest = NearestNeighbors(n_neighbors=k, metric=distance, algorithm="brute").fit(x)
    return nearest.kneighbors(return_distance=False)


def votes(codes: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Class that most of the neighbours (n, k) have."""
    k = near.shape[1]
    # One vote each; the remainder, which adds up to less than a vote, breaks ties towards nearer neighbours.
    weight = 1.0 + np.arange(k, 0, -1) / (k * (k + 1.0))
    tally = np.zeros((len(near), codes.max() + 1))
    np.add.at(tally, (np.arange(len(near))[:, None], codes[near]), weight)
    return tally.argmax(axis=1)


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
    x, codes = predictable(features, labels, "linear_probe_accuracy")
    _check_folds(codes, folds, penalty)
    return float((out_of_fold(x, codes, folds, penalty, library_seed(rng)).argmax(axis=1) == codes).mean())


def _check_folds(codes: np.ndarray, folds: int, penalty: float) -> None:
    most = int(np.bincount(codes).max())
    whole_number("folds", folds, 2, most=most, hint=f"The largest class has {most} rows.")
    positive("penalty", penalty)


def out_of_fold(x: np.ndarray, codes: np.ndarray, folds: int = 5, penalty: float = 1.0, seed: int = 0) -> np.ndarray:
    """Probabilities (n, c) of a logistic regression fitted on the other folds."""
    from sklearn.linear_model import LogisticRegression

    model = scaled(LogisticRegression(C=1.0 / penalty, max_iter=200, tol=1e-3))
    found = np.zeros((len(x), int(codes.max()) + 1))
    with quietly():
        for fitted, held in fold_splits(codes, folds, seed):
            model.fit(x[fitted], codes[fitted])
            found[np.ix_(held, model.classes_)] = model.predict_proba(x[held])
    return found


def scaled(model: Any) -> Pipeline:
    """The model on features of mean 0 and variance 1."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), model)


def fold_splits(codes: np.ndarray, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Row numbers to fit and to hold out, of each stratified fold."""
    from sklearn.model_selection import StratifiedKFold

    with quietly():
        return list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(codes, codes))


@contextmanager
def quietly() -> Iterator[None]:
    """Classes smaller than the number of folds are spread thin, and a loose optimum predicts as well: no warnings."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@dataclass(frozen=True)
class VInformation:
    """What a linear probe knows about labels that it has not seen, in bits.

    Parameters
    ----------
    entropy : float
        Bits per row that the class shares of the other folds leave open.
    log_loss : float
        Bits per row that the probe leaves open.
    pointwise : ndarray (n,)
        Bits of each row: below 0 where the probe is further from the label than the class shares are. The lowest are
        the hardest rows, and the first to look at for wrong labels.

    Examples
    --------
    >>> import numpy as np
    >>> import predictlab as pl
    >>> float(pl.static.VInformation(1.0, 0.25, np.array([0.5, 1.0])))
    0.75
    """

    entropy: float
    log_loss: float
    pointwise: np.ndarray

    @property
    def value(self) -> float:
        """Bits per row: `entropy` less `log_loss`."""
        return self.entropy - self.log_loss

    def __float__(self) -> float:
        return self.value


def v_information(
    features: ArrayLike, labels: ArrayLike, *, folds: int = 5, penalty: float = 1.0, rng: Rng = None
) -> VInformation:
    """Usable information: entropy of the labels less the cross-validated log-loss of a linear probe.

    Parameters
    ----------
    features, labels, folds, penalty, rng
        As of `linear_probe_accuracy`.

    Returns
    -------
    VInformation
        ``value`` in bits per row, at most log2 of the classes; higher is better, and below 0 the probe is worse than
        the class shares. In expectation a lower bound of the mutual information of features and labels.

    Raises
    ------
    ArgumentError, DataError
        As `linear_probe_accuracy`.

    References
    ----------
    Xu, Zhao, Song, Stewart, Ermon, "A Theory of Usable Information under Computational Constraints", ICLR 2020;
    Ethayarajh, Choi, Swayamdipta, "Understanding Dataset Difficulty with V-Usable Information", ICML 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import predictlab as pl
    >>> features, labels = load_iris(return_X_y=True)
    >>> found = pl.static.v_information(features, labels)
    >>> 1.0 < found.value < found.entropy
    True
    """
    x, codes = predictable(features, labels, "v_information")
    _check_folds(codes, folds, penalty)
    seed = library_seed(rng)
    return v_information_of(out_of_fold(x, codes, folds, penalty, seed), codes, folds, seed)


def v_information_of(probabilities: np.ndarray, codes: np.ndarray, folds: int = 5, seed: int = 0) -> VInformation:
    """V-information from probabilities (n, c) out of the folds of `seed`."""
    rows, counts = np.arange(len(codes)), np.bincount(codes)
    prior = np.empty(len(codes))
    for fitted, held in fold_splits(codes, folds, seed):
        # One more row of each class: a class that is not among the fitted rows is not thought impossible.
        seen = np.bincount(codes[fitted], minlength=len(counts)) + 1.0
        prior[held] = (seen / seen.sum())[codes[held]]
    told = -np.log2(np.maximum(probabilities[rows, codes], FLOOR))
    blind = -np.log2(prior)
    return VInformation(float(blind.mean()), float(told.mean()), blind - told)
