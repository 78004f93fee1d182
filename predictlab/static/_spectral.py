"""LogME and H-score: what the spectrum of a feature matrix says about its labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from predictlab._validation import option
from predictlab.errors import DataError
from predictlab.static._inputs import checked

# A residual share below this is rounding: the labels are then an exact linear function of the features.
EXACT_FIT = 1e-12
# Below this ratio of eigenvalues the Gram matrix has lost too many digits of the small ones to rounding.
GRAM_CONDITION = 1e-8


def logme(features: ArrayLike, labels: ArrayLike) -> float:
    """Log maximum evidence per row, averaged over one-against-the-rest targets.

    For each class the 0/1 indicator `y` of its rows is modelled as ``y = F w + noise`` with
    ``w ~ N(0, 1/alpha)`` and ``noise ~ N(0, 1/beta)``, without intercept; the score is
    ``max over alpha, beta of log p(y given F) / n``. It ranks models on the same rows, and is not an
    accuracy. Rotating the features or multiplying them by a number leaves it unchanged.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example; n > d and d > n are both fine.
    labels : array_like (n,)
        Class of each row, at least two classes.

    Returns
    -------
    float
        In nats per row; higher is better. ``inf`` when some class is an exact linear function of features
        whose rank is less than n: the evidence then has no maximum.

    Raises
    ------
    ArgumentError, DataError
        Inputs that no score can be computed from; the message says which and what to do.

    Notes
    -----
    Given ``t = alpha/beta`` and the singular values of F, the best beta has a closed form, which leaves a
    function of t alone. It can have more than one peak, so it is searched over the whole line of log t; the
    usual fixed-point iteration from t = 1 stops at one of them.

    References
    ----------
    You, Liu, Wang, Long, "LogME: Practical Assessment of Pre-trained Models for Transfer Learning", ICML
    2021; You, Liu, Zhang, Wang, Jordan, Long, "Ranking and Tuning Pre-trained Models", JMLR 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import predictlab as pl
    >>> features, labels = load_iris(return_X_y=True)
    >>> round(pl.static.logme(features, labels), 4)
    -0.1601
    """
    x, codes, classes = checked(features, labels)
    sigma, projections = spectrum(_rescaled(x), np.eye(len(classes))[codes])
    total = np.bincount(codes)  # y'y of a 0/1 indicator
    explained = projections**2
    residual = total - explained.sum(axis=0)
    residual[residual < EXACT_FIT * total] = 0.0
    n = len(x)
    if len(sigma) < n and (residual == 0).any():
        return float("inf")
    return float(np.mean([_max_evidence(sigma, explained[:, j], residual[j], n) for j in range(len(total))]) / n)


def _max_evidence(sigma: np.ndarray, explained: np.ndarray, residual: float, n: int) -> float:
    """Greatest log evidence of one target over alpha and beta.

    Parameters
    ----------
    sigma : ndarray (k,)
        Squared singular values of the features.
    explained : ndarray (k,)
        Squared projections of the target on the left singular vectors.
    residual : float
        What no feature explains of ``y'y``.
    n : int
        Rows.
    """

    def evidence(log_t: np.ndarray) -> np.ndarray:
        shrink = 1.0 / (1.0 + sigma / np.exp(log_t)[:, None])  # t / (t + sigma), (m, k)
        misfit = residual + shrink @ explained  # at beta = n / misfit
        return 0.5 * np.log(shrink).sum(axis=1) - 0.5 * n * np.log(misfit)

    # Outside this range every direction is either free or switched off, and the evidence is flat or falling.
    grid = np.linspace(np.log(sigma[sigma > 0].min()) - 12.0, np.log(sigma.max() * n) + 12.0, 160)
    values = evidence(grid)
    for _ in range(6):  # each round narrows the bracket of the peak 16-fold
        peak = int(values.argmax())
        grid = np.linspace(grid[max(peak - 1, 0)], grid[min(peak + 1, len(grid) - 1)], 33)
        values = evidence(grid)
    return float(values.max() + 0.5 * n * (np.log(n) - 1.0 - np.log(2 * np.pi)))


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
    x, codes, classes = checked(features, labels)
    option("shrinkage", shrinkage, ("ledoit-wolf", None))
    from sklearn.covariance import ledoit_wolf_shrinkage

    n, d = x.shape
    x = x.astype(np.float64)
    x = _rescaled(x - x.mean(axis=0))
    sigma, projections = spectrum(x, np.eye(len(classes))[codes])
    between = (projections**2 / np.bincount(codes)).sum(axis=1)  # share of each direction that class means hold
    if shrinkage is None:
        return float(between.sum())
    variances = sigma / n
    share = float(ledoit_wolf_shrinkage(x, assume_centered=True))
    shrunk = (1 - share) * variances + share * variances.sum() / d
    # The class means' covariance is unbiased (n - 1), the Ledoit-Wolf one is not (n): as published.
    return float((1 - share) * (between * sigma / shrunk).sum() / (n - 1))


def _rescaled(x: np.ndarray) -> np.ndarray:
    """`x` in float64 over its largest magnitude, so that no square overflows or vanishes."""
    x = np.asarray(x, dtype=np.float64)
    return x / (np.abs(x).max() or 1.0)


def spectrum(x: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared singular values of `x`, and the targets seen along its left singular vectors.

    With ``x = U diag(s) V'`` this is all that the scores need, and the eigenvectors of the smaller of the two
    Gram matrices give it several times faster than the SVD of `x`.

    Parameters
    ----------
    x : ndarray (n, d)
        float64.
    targets : ndarray (n, c)

    Returns
    -------
    sigma : ndarray (k,)
        ``s²`` > 0, k the numerical rank.
    projections : ndarray (k, c)
        ``U' targets``.
    """
    n, d = x.shape
    tall = n >= d
    sigma, vectors = np.linalg.eigh(x.T @ x if tall else x @ x.T)
    if not sigma[-1] > 0:
        raise DataError("features are all zero (or constant, once centred): they cannot tell classes apart.")
    weak = sigma <= GRAM_CONDITION * sigma[-1]
    strong, directions = sigma[~weak], vectors[:, ~weak]
    seen = x.T @ targets / np.sqrt(sigma[-1]) if tall else targets
    projections = directions.T @ seen
    if tall:
        projections *= np.sqrt(sigma[-1] / strong)[:, None]
    if not weak.any():
        return strong, projections
    # Pooled outputs of a layer norm always have a weak direction or two, so this must stay cheap: only the
    # features along the weak directions are decomposed again, without squaring them.
    if tall:
        u, s, _ = np.linalg.svd(x @ vectors[:, weak], full_matrices=False)
        again = u.T @ targets
    else:
        _, s, right = np.linalg.svd(x.T @ vectors[:, weak], full_matrices=False)
        again = right @ (vectors[:, weak].T @ targets)
    real = s > np.sqrt(sigma[-1]) * max(n, d) * np.finfo(np.float64).eps
    return np.concatenate([strong, s[real] ** 2]), np.vstack([projections, again[real]])
