"""LEEP and NCE, which need the classes of the model's own head, and NLEEP, which makes up for a missing one."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike

from predictlab._validation import Rng, library_seed, whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.static._inputs import checked
from predictlab.static._repeated import Repeated


def leep(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Log expected empirical prediction: how well a model's own classes predict the labels.

    Parameters
    ----------
    probabilities : array_like (n, z)
        What the head that comes with the model says of its own z classes, rows that sum to 1.
    labels : array_like (n,)
        Class of each row, at least two classes.

    Returns
    -------
    float
        In nats per row, at most 0; higher is better. ``-H(labels)`` where the model says the same of every row.

    Raises
    ------
    ArgumentError, DataError
        Inputs that no score can be computed from; the message says which and what to do.

    References
    ----------
    Nguyen, Hassner, Seeger, Archambeau, "LEEP: A New Measure to Evaluate Transferability", ICML 2020.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.static.leep([[1, 0], [1, 0], [0, 1]], ["a", "a", "b"])
    0.0
    """
    theta, codes, classes = checked(probabilities, labels)
    theta = theta.astype(np.float64)
    if (theta < 0).any() or not np.allclose(theta.sum(axis=1), 1.0, atol=1e-4):
        raise bad_argument(
            "probabilities", f"rows that sum to {theta.sum(axis=1).min():.3g} .. {theta.sum(axis=1).max():.3g}",
            "probabilities (n, z), at least 0, rows that sum to 1", "Take the softmax of logits.",
        )  # fmt: skip
    return leep_of(theta, codes, len(classes))


def leep_of(theta: np.ndarray, codes: np.ndarray, classes: int) -> float:
    """LEEP of probabilities (n, z) and class codes."""
    joint = np.eye(classes)[codes].T @ theta  # (c, z)
    used = joint.sum(axis=0) > 0
    given = joint[:, used] / joint[:, used].sum(axis=0)
    predicted = (theta[:, used] * given[codes]).sum(axis=1)
    return float(np.log(np.minimum(predicted, 1.0)).mean())


def nce(source_labels: ArrayLike, labels: ArrayLike) -> float:
    """Negative conditional entropy of the labels given the classes that a model's own head names.

    Parameters
    ----------
    source_labels : array_like (n,)
        Class that the head that comes with the model names for each row.
    labels : array_like (n,)
        Class of each row, at least two classes.

    Returns
    -------
    float
        In nats per row, from ``-H(labels)`` to 0; higher is better.

    Raises
    ------
    ArgumentError, DataError
        Inputs that no score can be computed from; the message says which and what to do.

    References
    ----------
    Tran, Nguyen, Hassner, "Transferability and Hardness of Supervised Classification Tasks", ICCV 2019.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.static.nce(["cat", "cat", "car"], [0, 0, 1])
    0.0
    """
    named = np.asarray(source_labels)
    if named.ndim != 1:
        raise bad_argument("source_labels", f"array of shape {named.shape}", "shape (n,), one class per row")
    known, source = np.unique(named, return_inverse=True)
    if len(named) != len(np.asarray(labels)):
        raise bad_argument("source_labels", f"{len(named)} classes", f"{len(np.asarray(labels))}, one for each label")
    theta, codes, classes = checked(np.eye(max(len(known), 1))[source], labels)
    joint = np.eye(len(classes))[codes].T @ theta
    given = joint / joint.sum(axis=0)
    return float((joint * np.log(np.where(joint > 0, given, 1.0))).sum() / len(codes))


def nleep(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    components: int = 5,
    dimensions: int = 64,
    seeds: int = 3,
    rng: Rng = None,
) -> Repeated:
    """LEEP, with the parts of a Gaussian mixture on the features in place of a source head.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example.
    labels : array_like (n,)
        Class of each row, at least two classes.
    components : int
        Parts of the mixture for each class, >= 1; at most n parts are made.
    dimensions : int
        Principal components that the mixture is fitted to, at most.
    seeds : int
        Mixtures that are fitted: which parts are found depends on where the search begins.
    rng : None, int or numpy.random.Generator
        Of the first seed, the others follow it; None is 0.

    Returns
    -------
    Repeated
        ``value`` in nats per row, at most 0; higher is better; its ``sd`` over the seeds. With few rows to a part it
        rises towards 0, whatever the labels are.

    Raises
    ------
    ArgumentError, DataError
        Inputs that no score can be computed from; the message says which and what to do.

    References
    ----------
    Li, Jia, Sang, Zhu, Green, Wang, Gong, "Ranking Neural Checkpoints", CVPR 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import predictlab as pl
    >>> features, labels = load_iris(return_X_y=True)
    >>> round(pl.static.nleep(features, labels, seeds=1, rng=123).value, 3)
    -0.073
    """
    x, codes, classes = checked(features, labels)
    whole_number("components", components, 1)
    whole_number("dimensions", dimensions, 1)
    whole_number("seeds", seeds, 1)
    found = mixtures(x, components * len(classes), dimensions, seeds, library_seed(rng))
    return Repeated(tuple(leep_of(theta, codes, len(classes)) for theta in found))


def mixtures(x: np.ndarray, parts: int, dimensions: int, seeds: int, first: int) -> list[np.ndarray]:
    """Posteriors (n, parts) of Gaussian mixtures on the first principal components, one for each seed."""
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    x = np.asarray(x, dtype=np.float64)
    if not np.ptp(x, axis=0).any():
        raise DataError("features are constant: they cannot tell classes apart.")
    kept = min(dimensions, *x.shape)
    if kept < x.shape[1]:
        x = PCA(kept, svd_solver="covariance_eigh" if len(x) >= x.shape[1] else "full").fit_transform(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a loose fit is a mixture as well
        return [
            GaussianMixture(min(parts, len(x)), random_state=seed).fit(x).predict_proba(x)
            for seed in range(first, first + seeds)
        ]
