"""H-score: reference value, the definitions and scikit-learn's Ledoit-Wolf, invariances."""

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.datasets import load_iris

import predictlab as pl
from predictlab.errors import ArgumentError


def problem(rng, n, d, classes, scale=1.0):
    labels = np.arange(n) % classes
    spread = np.exp(rng.normal(size=d))
    return (rng.normal(size=(n, d)) + scale * rng.normal(size=(classes, d))[labels]) * spread + 7.0, labels


def class_means(features, labels):
    return np.array([features[labels == c].mean(axis=0) for c in labels])


def test_iris():
    # transformer-ranker's test suite
    features, labels = load_iris(return_X_y=True)
    assert pl.static.hscore(features.astype(np.float32), labels) == pytest.approx(1.17784248, abs=1e-7)


@pytest.mark.parametrize(("n", "d", "classes"), [(120, 10, 4), (60, 55, 3)])
def test_plain_score_is_its_definition(n, d, classes):
    features, labels = problem(np.random.default_rng(n), n, d, classes)
    covariance = np.cov(features, rowvar=False)
    between = np.cov(class_means(features, labels), rowvar=False)
    expected = np.trace(np.linalg.pinv(covariance) @ between)
    assert pl.static.hscore(features, labels, shrinkage=None) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("n", "d", "classes"), [(120, 10, 4), (60, 55, 3), (40, 150, 3)])
def test_shrunk_score_is_its_definition(n, d, classes):
    features, labels = problem(np.random.default_rng(n + 1), n, d, classes)
    estimate = LedoitWolf().fit(features)
    assert 0 < estimate.shrinkage_ < 1
    between = np.cov(class_means(features, labels), rowvar=False)
    expected = (1 - estimate.shrinkage_) * np.trace(np.linalg.inv(estimate.covariance_) @ between)
    assert pl.static.hscore(features, labels) == pytest.approx(expected, rel=1e-8)


def test_shrinkage_keeps_noise_from_scoring_the_maximum():
    # As many free directions as rows explain any labels exactly: the plain score is then c - 1 on pure noise.
    noise = np.random.default_rng(8).normal(size=(60, 59))
    labels = np.arange(60) % 3
    assert pl.static.hscore(noise, labels, shrinkage=None) == pytest.approx(2.0)
    assert pl.static.hscore(noise, labels) < 0.5


@pytest.mark.parametrize("shrinkage", ["ledoit-wolf", None])
@pytest.mark.parametrize(("n", "d"), [(80, 12), (30, 70)])
def test_rotation_scale_shift_and_order_do_not_matter(n, d, shrinkage):
    rng = np.random.default_rng(2)
    features, labels = problem(rng, n, d, 3)
    value = pl.static.hscore(features, labels, shrinkage=shrinkage)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    order = rng.permutation(n)
    for changed, names in (
        (features @ rotation, labels),
        (features * 1e-9, labels),
        (features + 100.0, labels),
        (features[order], labels[order]),
        (features, labels * 10 - 3),
    ):
        assert pl.static.hscore(changed, names, shrinkage=shrinkage) == pytest.approx(value, rel=1e-6)


def test_plain_score_ignores_every_invertible_map():
    rng = np.random.default_rng(3)
    features, labels = problem(rng, 90, 6, 3)
    mixed = features @ rng.normal(size=(6, 6))
    assert pl.static.hscore(mixed, labels, shrinkage=None) == pytest.approx(
        pl.static.hscore(features, labels, shrinkage=None), rel=1e-9
    )


def test_ends_of_the_range():
    labels = np.arange(60) % 3
    assert pl.static.hscore(np.eye(3)[labels], labels, shrinkage=None) == pytest.approx(2.0)
    symmetric = np.repeat(np.random.default_rng(0).normal(size=(20, 4)), 3, axis=0)  # each row once in each class
    assert pl.static.hscore(symmetric, labels) == pytest.approx(0.0, abs=1e-12)


def test_unknown_shrinkage():
    with pytest.raises(ArgumentError, match=r"shrinkage='oas'.*'ledoit-wolf', None"):
        pl.static.hscore(np.eye(4), [0, 1, 0, 1], shrinkage="oas")
