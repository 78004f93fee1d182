"""kNN and linear-probe accuracy against scikit-learn, and cases with known answers."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneOut, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import predictlab as pl
from predictlab.errors import ArgumentError, DataError


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 5, 31])
def test_knn_is_leave_one_out(k, distance):
    # Two classes and odd k: no tied votes, on which scikit-learn decides differently.
    rng = np.random.default_rng(k)
    labels = rng.integers(0, 2, 150)
    features = rng.normal(size=(150, 6)) + 0.5 * (2 * labels[:, None] - 1)
    model = KNeighborsClassifier(k, metric=distance, algorithm="brute")
    expected = cross_val_score(model, features, labels, cv=LeaveOneOut()).mean()
    assert 0.55 < expected < 1
    assert pl.static.knn_accuracy(features, labels, k=k, distance=distance) == pytest.approx(expected, abs=1e-12)


def test_knn_never_counts_the_row_itself():
    # Two pairs far apart: the one neighbour is the other row of the pair. Seeing itself, k=1 is always right.
    features = np.array([[0.0], [1.0], [10.0], [11.0]])
    assert pl.static.knn_accuracy(features, [0, 0, 1, 1], k=1, distance="euclidean") == 1.0
    assert pl.static.knn_accuracy(features, [0, 1, 1, 0], k=1, distance="euclidean") == 0.0


def test_knn_tied_votes_go_to_the_nearer_neighbours():
    # With k=2 rows 0 and 1 each see one row of each class, and the nearer one is of their own.
    features = np.array([[0.0], [1.0], [-1.5], [-1.6]])
    for labels in ([0, 0, 1, 1], [1, 1, 0, 0]):
        assert pl.static.knn_accuracy(features, labels, k=2, distance="euclidean") == 1.0


def test_knn_settings():
    features, labels = load_iris(return_X_y=True)
    for k in (0, 150, 2.5, True):
        with pytest.raises(ArgumentError, match=r"k=.*from 1 to 149"):
            pl.static.knn_accuracy(features, labels, k=k)
    with pytest.raises(ArgumentError, match="distance='manhattan'"):
        pl.static.knn_accuracy(features, labels, distance="manhattan")


def test_linear_probe_is_cross_validation():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 240)
    features = (rng.normal(size=(240, 8)) + 0.8 * np.eye(8)[labels]) * np.exp(rng.normal(size=8))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=2000))
    folds = StratifiedKFold(4, shuffle=True, random_state=11)
    expected = cross_val_score(model, features, labels, cv=folds).mean()
    value = pl.static.linear_probe_accuracy(features, labels, folds=4, penalty=2.0, rng=11)
    assert value == pytest.approx(expected, abs=0.01)
    assert 0.5 < value < 0.9


def test_linear_probe_sees_no_signal_where_there_is_none():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 1000)
    value = pl.static.linear_probe_accuracy(rng.normal(size=(1000, 200)), labels)
    assert abs(value - 0.5) < 4 * np.sqrt(0.25 / 1000)


def test_linear_probe_with_a_class_smaller_than_the_folds(recwarn):
    rng = np.random.default_rng(2)
    labels = np.r_[np.zeros(40, int), np.ones(40, int), [2, 2]]
    value = pl.static.linear_probe_accuracy(rng.normal(size=(82, 3)) + 5 * np.eye(3)[labels], labels)
    assert value > 0.9
    assert not recwarn.list


def test_linear_probe_settings():
    features, labels = load_iris(return_X_y=True)
    with pytest.raises(ArgumentError, match="folds=1: expected a whole number from 2 to 50"):
        pl.static.linear_probe_accuracy(features, labels, folds=1)
    with pytest.raises(ArgumentError, match="penalty=0"):
        pl.static.linear_probe_accuracy(features, labels, penalty=0)


@pytest.mark.parametrize("accuracy", [pl.static.knn_accuracy, pl.static.linear_probe_accuracy])
def test_class_with_one_row(accuracy):
    with pytest.raises(DataError, match=r"1 class\(es\) have one row only \('c'\)"):
        accuracy(np.arange(14.0).reshape(7, 2), list("aaabbbc"))
