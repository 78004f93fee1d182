"""H-score: the share of the features' variance that lies between classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from predictlab._validation import option
from predictlab.errors import DataError
from predictlab.static._inputs import checked
from predictlab.static._spectrum import Decomposition


def hscore(features: ArrayLike, labels: ArrayLike, *, shrinkage: str | None = "ledoit-wolf") -> float:
    """H-score, ``trace(cov(F)^-1 cov(E[F given class]))``.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example; n > d and d > n are both fine.
    labels : array_like (n,)
        Class of each row, at least two classes.
    shrinkage : {"ledoit-wolf", None}
        ``"ledoit-wolf"``: the covariance of the features is shrunk towards a multiple of the identity by the
        Ledoit-Wolf share, and the score is multiplied by what is left of it (Ibrahim et al. 2022).
        None: the plain definition with a pseudo-inverse, which tends to its maximum as d nears n, whatever
        the labels are.

    Returns
    -------
    float
        From 0 (class means coincide) to classes - 1. Higher is better. Unit-free: rotating or rescaling the
        features leaves it unchanged; without shrinkage every invertible linear map does.

    Raises
    ------
    ArgumentError, DataError
        Inputs that no score can be computed from; the message says which and what to do.

    References
    ----------
    Bao et al., "An Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP 2019;
    Ibrahim, Ponomareva, Mazumder, "Newer is not always better", ECML PKDD 2022;
    Ledoit, Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", JMVA 2004.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import predictlab as pl
    >>> features, labels = load_iris(return_X_y=True)
    >>> round(pl.static.hscore(features, labels), 3)
    1.178
    """
    x, codes, _ = checked(features, labels)
    option("shrinkage", shrinkage, ("ledoit-wolf", None))
    return hscore_of(Decomposition(x), codes, shrinkage)


def hscore_of(shared: Decomposition, codes: np.ndarray, shrinkage: str | None = "ledoit-wolf") -> float:
    """H-score of class codes 0 .. c-1, each of which occurs."""
    counts = np.bincount(codes)
    n, d = shared.n, shared.d
    if shrinkage is None or n < d:
        spectrum = shared.centred_spectrum
        # Share of each direction that class means hold.
        between = (spectrum.project(np.eye(len(counts))[codes]) ** 2 / counts).sum(axis=1)
        if shrinkage is None:
            return float(between.sum())
        variances = spectrum.sigma / n
        share = shared.shrinkage
        shrunk = (1 - share) * variances + share * variances.sum() / d
        # The class means' covariance is unbiased (n - 1), the Ledoit-Wolf one is not (n): as published.
        return float((1 - share) * (between * spectrum.sigma / shrunk).sum() / (n - 1))
    trace = float(np.trace(shared.covariance))
    if not trace > 0:
        raise DataError("features are all zero (or constant, once centred): they cannot tell classes apart.")
    share = shared.shrinkage
    means = shared.class_sums(codes) / np.sqrt(counts)[:, None]
    shrunk = (1 - share) * shared.covariance + share * trace / d * np.eye(d)
    if share == 0 and np.linalg.matrix_rank(shrunk, hermitian=True) < d:
        return hscore_of(shared, codes, None)  # nothing was added that would make it invertible
    return float((1 - share) * (means * np.linalg.solve(shrunk, means.T).T).sum() / (n - 1))
