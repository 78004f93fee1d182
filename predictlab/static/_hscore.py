"""H-score: between-class variance of the features against their total variance (Bao et al. 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from predictlab._validation import option
from predictlab.static._inputs import checked, one_hot, spectrum


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
    return _hscore(x, codes, shrinkage)


def _hscore(x: np.ndarray, codes: np.ndarray, shrinkage: str | None = "ledoit-wolf") -> float:
    x = x.astype(np.float64)
    from sklearn.covariance import ledoit_wolf_shrinkage

    n, d = x.shape
    x = x - x.mean(axis=0)
    scale = np.abs(x).max()
    x = x / scale if scale else x
    targets = one_hot(codes)
    targets = targets[:, targets.any(axis=0)]
    sigma, projections = spectrum(x, targets)
    between = (projections**2 / targets.sum(axis=0)).sum(axis=1)  # share of each direction that class means hold
    if shrinkage is None:
        return float(between.sum())
    variances = sigma / n
    mean_variance = variances.sum() / d
    share = float(ledoit_wolf_shrinkage(x, assume_centered=True))
    shrunk = (1 - share) * variances + share * mean_variance
    # The class means' covariance is unbiased (n - 1), the Ledoit-Wolf one is not (n): as published.
    return float((1 - share) * (between * sigma / shrunk).sum() / (n - 1))
