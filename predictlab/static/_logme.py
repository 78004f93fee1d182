"""LogME: the evidence of a Bayesian linear model on the features."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from predictlab.static._inputs import checked, checked_values
from predictlab.static._spectrum import Decomposition

# A residual share below this is rounding: the labels are then an exact linear function of the features.
EXACT_FIT = 1e-12


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
    return logme_of(Decomposition(x), np.eye(len(classes))[codes])


def logme_regression(features: ArrayLike, values: ArrayLike) -> float:
    """Log maximum evidence per row of a Bayesian linear model of a number.

    As `logme`, with one target: the values about their mean over their standard deviation, so that another unit or
    origin of the values changes nothing.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example.
    values : array_like (n,)
        What is predicted, real numbers that are not all equal.

    Returns
    -------
    float
        In nats per row; higher is better. ``inf`` when the values are an exact linear function of the features.

    Raises
    ------
    ArgumentError, DataError
        Inputs that no score can be computed from; the message says which and what to do.

    References
    ----------
    You, Liu, Wang, Long, "LogME", ICML 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> import predictlab as pl
    >>> features, values = load_diabetes(return_X_y=True)
    >>> round(pl.static.logme_regression(features, values), 4)
    -1.099
    """
    x, y = checked_values(features, values)
    return logme_of(Decomposition(x), standardised(y)[:, None])


def standardised(values: np.ndarray) -> np.ndarray:
    """`values` about their mean over their standard deviation."""
    centred = (values - values.mean()) / (np.abs(values).max() or 1.0)
    return centred / centred.std()


def logme_of(shared: Decomposition, targets: np.ndarray) -> float:
    """LogME of targets (n, c), averaged over their columns."""
    spectrum, n = shared.spectrum, shared.n
    total = (targets**2).sum(axis=0)
    explained = spectrum.project(targets) ** 2
    residual = total - explained.sum(axis=0)
    residual[residual < EXACT_FIT * total] = 0.0
    if len(spectrum.sigma) < n and (residual == 0).any():
        return float("inf")
    each = [_max_evidence(spectrum.sigma, explained[:, j], residual[j], n) for j in range(targets.shape[1])]
    return float(np.mean(each) / n)


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
