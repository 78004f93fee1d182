"""Values of scikit-learn's bundled sets, as an earlier, separate program found them in float64.

LogME and the H-score of iris are also those of transformer-ranker's test suite.
"""

import numpy as np
import pytest
from scipy.stats import mode, spearmanr
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.neighbors import NearestNeighbors

import predictlab as pl

SETS = {"iris": load_iris, "wine": load_wine, "digits": load_digits, "breast": load_breast_cancer}
VALUES = {  # logme, hscore plain and regularised, transrate equal and weighted, parc, knn3, knn1, nleep
    "iris": (-0.1600602437, 1.191899, 1.1778424993, 0.589405, 0.589405, 61.2170, 0.96, 0.96, -0.0732),
    "wine": (-0.0044610181, 1.705821, 0.7660975647, 2.655669, 2.449542, 64.8653, 0.724719, 0.769663, -0.5044),
    "digits": (0.2702774555, 5.917909, 5.8514329980, 50.279312, 50.286431, 39.4530, 0.988870, 0.988314, -0.1401),
    "breast": (-0.1850243569, 0.774325, 0.5770575602, 2.686977, 4.102157, 24.5114, 0.926186, 0.915641, -0.2326),
}


def fixed_point(x, y):
    """LogME as published, alpha and beta by turns from 1, but run to its end: the reference values stopped early."""
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    n, d = x.shape
    found = []
    for c in np.unique(y):
        target = (y == c).astype(float)
        z2 = (u.T @ target) ** 2
        outside = target @ target - z2.sum()
        alpha = beta = ratio = 1.0
        for _ in range(5000):
            gamma = (s**2 / (s**2 + ratio)).sum()
            m2 = (s**2 * z2 / (s**2 + ratio) ** 2).sum()
            misfit = (z2 * ratio**2 / (s**2 + ratio) ** 2).sum() + outside
            alpha, beta = gamma / m2, (n - gamma) / misfit
            ratio = alpha / beta
        m2 = (s**2 * z2 / (s**2 + ratio) ** 2).sum()
        misfit = (z2 * ratio**2 / (s**2 + ratio) ** 2).sum() + outside
        value = d / 2 * np.log(alpha) + n / 2 * np.log(beta) - 0.5 * np.log(alpha + beta * s**2).sum()
        value -= beta / 2 * misfit + alpha / 2 * m2 + n / 2 * np.log(2 * np.pi)
        found.append(value / n)
    return np.mean(found)


def parc_untied(x, y, digits):
    """PARC by way of corrcoef and spearmanr.

    Between rows of one class corrcoef's distance is 0 for some classes and 2e-16 for others, and Spearman's ranks take
    that for a difference: the reference value of iris is 61.217, with the ties that labels have it is 58.680.
    """
    z = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-8)
    pairs = np.tril_indices(len(x), -1)
    unlike = (1 - np.corrcoef(np.eye(y.max() + 1)[y]))[pairs]
    return 100 * spearmanr((1 - np.corrcoef(z))[pairs], unlike if digits is None else unlike.round(digits))[0]


@pytest.mark.parametrize("name", SETS)
def test_bundled_sets(name):
    x, y = SETS[name](return_X_y=True)
    logme, plain, regularised, equal, weighted, parc, three, one, nleep = VALUES[name]
    assert pl.static.logme(x, y) == pytest.approx(fixed_point(x, y), abs=1e-9)
    assert logme - 1e-9 < pl.static.logme(x, y) < logme + 3e-5  # iris is told to 1e-9; the others had stopped early
    assert pl.static.hscore(x, y, shrinkage=None) == pytest.approx(plain, abs=1e-6)
    assert pl.static.hscore(x, y) == pytest.approx(regularised, abs=1e-9)
    assert pl.static.transrate(x, y, weights="equal") == pytest.approx(equal, abs=1e-6)
    assert pl.static.transrate(x, y) == pytest.approx(weighted, abs=1e-6)
    # The published one keeps pixels that never vary, as a column of zeros; ours leaves them out: .003 for the digits
    assert parc_untied(x, y, digits=None) == pytest.approx(parc, abs=1e-3)  # the published computation
    assert pl.static.parc(x, y, subsample=len(x)).value == pytest.approx(parc_untied(x, y, digits=6), abs=5e-3)
    near = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(x).kneighbors(return_distance=False)
    assert (mode(y[near], axis=1).mode == y).mean() == pytest.approx(three, abs=1e-6)  # three classes: the first named
    nearest = np.where(np.diff(np.sort(y[near], axis=1), axis=1).all(axis=1), y[near[:, 0]], mode(y[near], axis=1).mode)
    assert pl.static.knn_accuracy(x, y, k=3, distance="euclidean") == (nearest == y).mean()  # ours: the nearest
    assert pl.static.knn_accuracy(x, y, k=1, distance="euclidean") == pytest.approx(one, abs=1e-6)
    assert pl.static.nleep(x, y, seeds=1, rng=123).value == pytest.approx(nleep, abs=1e-4)


def test_regression_of_a_bundled_set():
    # Its maximum over the two variances by another route: the Gaussian density itself
    from scipy.optimize import minimize
    from scipy.stats import multivariate_normal

    x, y = (part[:100] for part in load_diabetes(return_X_y=True))
    target = (y - y.mean()) / y.std()

    def loss(logs):
        alpha, beta = np.exp(logs)
        return -multivariate_normal.logpdf(target, cov=np.eye(len(y)) / beta + x @ x.T / alpha)

    best = minimize(loss, (-4.0, 0.5), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).fun
    assert pl.static.logme_regression(x, y) == pytest.approx(-best / len(y), abs=1e-7)
    assert pl.static.logme_regression(x, 3 - 1e-9 * y) == pytest.approx(-best / len(y), abs=1e-7)
