"""What every static score refuses, and what it accepts."""

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.static._spectrum import Spectrum

SCORES = [pl.static.logme, pl.static.hscore, pl.static.knn_accuracy, pl.static.linear_probe_accuracy]


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(size=(20, 3))


@pytest.fixture
def labels():
    return np.arange(20) % 2


@pytest.mark.parametrize("score", SCORES)
class TestRefused:
    def test_nan(self, score, features, labels):
        features[[4, 7], 1] = np.nan, np.inf
        with pytest.raises(DataError, match=r"2 of 20 rows hold NaN or inf, the first is row 4"):
            score(features, labels)

    def test_one_class(self, score, features):
        with pytest.raises(DataError, match="all 20 rows have the class 'spam'"):
            score(features, ["spam"] * 20)

    def test_lengths(self, score, features, labels):
        with pytest.raises(ArgumentError, match=r"19 labels.*expected 20"):
            score(features, labels[:-1])

    def test_shapes(self, score, features, labels):
        with pytest.raises(ArgumentError, match=r"features=.*shape \(20,\).*shape \(n, d\)"):
            score(features[:, 0], labels)
        with pytest.raises(ArgumentError, match=r"labels=.*shape \(20, 1\)"):
            score(features, labels[:, None])

    def test_no_rows(self, score):
        with pytest.raises(DataError, match="no rows"):
            score(np.empty((0, 3)), [])

    def test_not_numbers(self, score, labels):
        with pytest.raises(ArgumentError, match="real numbers"):
            score([["a", "b"]] * 20, labels)
        with pytest.raises(ArgumentError, match="real numbers"):
            score(np.ones((20, 2), dtype=complex), labels)

    def test_missing_labels(self, score, features, labels):
        with pytest.raises(DataError, match="1 of 20 are missing, the first in row 3"):
            score(features, pd.Series(labels.astype(float)).mask(np.arange(20) == 3))

    def test_fractions_as_labels(self, score, features):
        with pytest.raises(ArgumentError, match="classes"):
            score(features, np.linspace(0, 1, 20))


@pytest.mark.parametrize("score", SCORES)
def test_label_types_and_containers_agree(score, features, labels):
    value = score(features, labels)
    for same in (
        labels.astype(bool),
        labels.astype(float),
        list("ab" * 10),
        pd.Series(labels, index=range(5, 25)),
    ):
        assert score(features, same) == pytest.approx(value, rel=1e-12)
    assert score(pd.DataFrame(features), labels) == pytest.approx(value, rel=1e-12)
    assert score(features.tolist(), labels.tolist()) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_inputs_are_left_alone_and_the_answer_repeats(score, features, labels):
    before = features.copy(), labels.copy()
    assert score(features, labels) == score(features, labels)
    np.testing.assert_array_equal(features, before[0])
    np.testing.assert_array_equal(labels, before[1])


@pytest.mark.parametrize("score", SCORES)
def test_half_precision_and_single_precision_are_close(score, features, labels):
    coarse = features.astype(np.float16)
    assert score(coarse, labels) == pytest.approx(score(coarse.astype(np.float64), labels), abs=1e-12)
    single = features.astype(np.float32)
    assert score(single, labels) == pytest.approx(score(single.astype(np.float64), labels), abs=1e-4)


@pytest.mark.parametrize("score", [pl.static.logme, pl.static.hscore])
def test_features_that_say_nothing_at_all(score, labels):
    with pytest.raises(DataError, match="all zero"):
        score(np.zeros((20, 3)), labels)


@pytest.mark.parametrize(("n", "d"), [(50, 8), (8, 50), (20, 20)])
@pytest.mark.parametrize("condition", [10.0, 1e3, 1e6])
def test_spectrum_is_that_of_the_svd(n, d, condition):
    rng = np.random.default_rng(n)
    u, _, vt = np.linalg.svd(rng.normal(size=(n, d)), full_matrices=False)
    s = np.geomspace(1, 1 / condition, min(n, d))
    targets = rng.normal(size=(n, 3))
    found = Spectrum(u * s @ vt)
    sigma, projections = found.sigma, found.project(targets)
    order = np.argsort(-sigma)
    np.testing.assert_allclose(sigma[order], s**2, rtol=1e-6)
    np.testing.assert_allclose(projections[order] ** 2, (u.T @ targets) ** 2, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize(("n", "d"), [(60, 12), (12, 60)])
def test_spectrum_leaves_out_directions_that_are_not_there(n, d):
    # As the outputs of a layer norm: rank one less than the smaller side.
    rng = np.random.default_rng(n)
    rank = min(n, d) - 1
    x = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d))
    targets = rng.normal(size=(n, 2))
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    found = Spectrum(x)
    sigma, projections = found.sigma, found.project(targets)
    assert len(sigma) == rank
    order = np.argsort(-sigma)
    np.testing.assert_allclose(sigma[order], s[:rank] ** 2, rtol=1e-8)
    np.testing.assert_allclose(projections[order] ** 2, (u[:, :rank].T @ targets) ** 2, rtol=1e-6)
