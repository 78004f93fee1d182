"""LogME: reference values, the definition of the evidence, invariances."""

import numpy as np
import pytest
from scipy import optimize, stats
from sklearn.datasets import load_iris

import predictlab as pl
from predictlab.static._logme import _max_evidence


def brute_force(features, labels):
    """Evidence maximised with a general optimiser over the n x n Gaussian of its definition."""
    n = len(features)
    total = 0.0
    for name in np.unique(labels):
        target = (labels == name).astype(float)

        def loss(log_alpha_beta, target=target):
            alpha, beta = np.exp(log_alpha_beta)
            covariance = np.eye(n) / beta + features @ features.T / alpha
            return -stats.multivariate_normal.logpdf(target, cov=covariance)

        found = [
            optimize.minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10}).fun
            for start in ((0.0, 0.0), (3.0, 3.0), (-3.0, 2.0))
        ]
        total -= min(found) / n
    return total / len(np.unique(labels))


def problem(rng, n, d, classes):
    labels = np.arange(n) % classes
    return rng.normal(size=(n, d)) + rng.normal(size=(classes, d))[labels], labels


def test_iris_float32():
    # transformer-ranker's test suite: -0.16006022; thuml/LogME: -0.16006026
    features, labels = load_iris(return_X_y=True)
    assert pl.static.logme(features.astype(np.float32), labels) == pytest.approx(-0.16006022, abs=1e-7)


@pytest.mark.parametrize(("n", "d", "classes"), [(40, 4, 2), (36, 12, 3), (30, 30, 2), (25, 60, 3)])
def test_is_the_maximum_of_the_gaussian_evidence(n, d, classes):
    features, labels = problem(np.random.default_rng(n + d), n, d, classes)
    assert pl.static.logme(features, labels) == pytest.approx(brute_force(features, labels), abs=1e-6)


def test_evidence_with_two_peaks_takes_the_higher_one():
    # One strong direction that says little, many weak ones that say much: both switching points are peaks.
    rng = np.random.default_rng(3)
    for _ in range(200):
        k, n = 12, 40
        sigma, explained = np.exp(rng.normal(0, 5, k)), np.exp(rng.normal(0, 3, k))
        residual = np.exp(rng.normal(0, 3))
        log_t = np.linspace(np.log(sigma.min()) - 12, np.log(sigma.max()) + 15, 200_000)[:, None]
        shrink = 1 / (1 + sigma * np.exp(-log_t))
        dense = 0.5 * np.log(shrink).sum(axis=1) - n / 2 * np.log(residual + shrink @ explained)
        inner = (dense[1:-1] > dense[:-2]) & (dense[1:-1] > dense[2:])
        if inner.sum() > 1:
            break
    else:
        pytest.fail("no problem with two peaks among 200")
    constant = n / 2 * (np.log(n) - 1 - np.log(2 * np.pi))
    assert _max_evidence(sigma, explained, residual, n) == pytest.approx(dense.max() + constant, abs=1e-6)


@pytest.mark.parametrize(("n", "d"), [(60, 10), (40, 90)])
def test_rotation_scale_row_order_and_label_names_do_not_matter(n, d):
    rng = np.random.default_rng(1)
    features, labels = problem(rng, n, d, 3)
    value = pl.static.logme(features, labels)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    order = rng.permutation(n)
    assert pl.static.logme(features @ rotation, labels) == pytest.approx(value, abs=1e-9)
    assert pl.static.logme(features * 1e6, labels) == pytest.approx(value, abs=1e-9)
    assert pl.static.logme(features * 1e-200, labels) == pytest.approx(value, abs=1e-9)
    assert pl.static.logme(features[order], labels[order]) == pytest.approx(value, abs=1e-9)
    assert pl.static.logme(features, np.array(["b", "c", "a"])[labels]) == pytest.approx(value, abs=1e-9)


def test_constant_and_repeated_features_are_ordinary():
    rng = np.random.default_rng(2)
    features, labels = problem(rng, 50, 6, 2)
    with_zeros = np.column_stack([features, np.zeros((50, 3))])
    assert pl.static.logme(with_zeros, labels) == pytest.approx(pl.static.logme(features, labels), abs=1e-9)
    twice = np.column_stack([features, features])
    assert pl.static.logme(twice, labels) == pytest.approx(brute_force(twice, labels), abs=1e-6)


def test_a_tiny_but_telling_feature_is_not_lost_to_rounding():
    # Its squared singular value is 1e-15 of the largest: below what the Gram matrix can hold.
    rng = np.random.default_rng(5)
    labels = np.arange(200) % 2
    telling = labels + 0.05 * rng.normal(size=200)
    small = np.column_stack([rng.normal(size=200) * 1e6, telling * 0.1])
    alone = telling[:, None]
    shuffled = np.column_stack([small[:, 0], rng.permutation(small[:, 1])])
    assert pl.static.logme(small, labels) > pl.static.logme(shuffled, labels) + 0.3
    assert pl.static.logme(small, labels) == pytest.approx(pl.static.logme(alone, labels), abs=0.1)


def test_telling_features_score_above_noise_and_flips_lower_it():
    rng = np.random.default_rng(4)
    features, labels = problem(rng, 300, 20, 3)
    flipped = np.where(rng.random(300) < 0.4, (labels + 1) % 3, labels)
    noise = rng.normal(size=features.shape)
    scores = [pl.static.logme(f, y) for f, y in ((features, labels), (features, flipped), (noise, labels))]
    assert scores[0] > scores[1] > scores[2]


def test_unbounded_evidence_is_infinite():
    labels = np.arange(30) % 3
    assert pl.static.logme(np.eye(3)[labels], labels) == np.inf
    assert np.isfinite(pl.static.logme(np.random.default_rng(0).normal(size=(30, 40)), labels))
