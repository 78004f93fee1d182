"""TransRate: coding rate of all features less that of each class. Taught as a warning."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from predictlab._validation import option, positive
from predictlab.static._inputs import checked


def transrate(features: ArrayLike, labels: ArrayLike, *, epsilon: float = 1e-4, weights: str = "rows") -> float:
    """Coding rate of the features less that of the classes, ``R(F) - sum_c w_c R(F_c)``.

    ``R(A) = log det(I + A'A / (m epsilon)) / 2`` for a matrix of m rows about the mean of all. Do not choose models
    by it: over the 48 fine-tunes of Ba1Jun's stored table (8 GLUE tasks, 6 encoders) its mean rank correlation with
    their outcome is -.25.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example. Their scale matters.
    labels : array_like (n,)
        Class of each row, at least two classes.
    epsilon : float
        Distortion that is allowed, > 0, in squared units of the features.
    weights : {"rows", "equal"}
        Of the classes: their share of the rows, or ``1 / classes``, as the authors' code has it, which is something
        else where classes are of unequal size.

    Returns
    -------
    float
        In nats; at least 0 with ``"rows"``. Said to be better when higher.

    Raises
    ------
    ArgumentError, DataError
        Inputs that no score can be computed from; the message says which and what to do.

    References
    ----------
    Huang, Huang, Rong, Yang, Wei, "Frustratingly Easy Transferability Estimation", ICML 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import predictlab as pl
    >>> features, labels = load_iris(return_X_y=True)
    >>> round(pl.static.transrate(features, labels), 4)
    0.5894
    """
    x, codes, _ = checked(features, labels)
    positive("epsilon", epsilon)
    option("weights", weights, ("rows", "equal"))
    return transrate_of(x, codes, epsilon, weights)


def transrate_of(x: np.ndarray, codes: np.ndarray, epsilon: float = 1e-4, weights: str = "rows") -> float:
    """TransRate of class codes."""
    mean = x.mean(axis=0, dtype=np.float64)
    counts = np.bincount(codes)
    share = counts / len(x) if weights == "rows" else np.full(len(counts), 1 / len(counts))
    within = sum(w * _rate(x[codes == c] - mean, epsilon) for c, w in enumerate(share))
    return float(_rate(x - mean, epsilon) - within)


def _rate(part: np.ndarray, epsilon: float) -> float:
    m, d = part.shape
    gram = part.T @ part if d <= m else part @ part.T  # of equal determinant with the identity added
    return float(0.5 * np.linalg.slogdet(np.eye(len(gram)) + gram / (m * epsilon))[1])
