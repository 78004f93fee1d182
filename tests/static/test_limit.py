"""The interval of the best reachable error and of wrong labels: on laws and sets of which the truth is known."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.static._accuracies import fold_splits, out_of_fold
from predictlab.static._label_noise import confident_learning
from predictlab.static._limit import _cover_hart
from predictlab.static._probes import _tree_edges, predicted

SETS = {"iris": load_iris, "wine": load_wine, "breast": load_breast_cancer, "digits": load_digits}


def gaussians(seed, n, d, bayes, flip):
    """Two Gaussians of known Bayes error in a random direction, a share of labels flipped; and the least error."""
    rng = np.random.default_rng([seed, d, int(100 * flip)])
    labels = np.arange(n) % 2
    direction = rng.normal(size=d)
    direction *= -2 * norm.ppf(bayes) / np.linalg.norm(direction)
    features = rng.normal(size=(n, d)) + (labels[:, None] - 0.5) * direction
    return features, labels ^ (rng.random(n) < flip), flip + (1 - 2 * flip) * bayes


def flipped(name, flip, seed=0):
    x, y = SETS[name](return_X_y=True)
    rng = np.random.default_rng([seed, int(100 * flip)])
    rows = rng.permutation(len(y))[: round(flip * len(y))]
    y = y.copy()
    y[rows] = (y[rows] + rng.integers(1, y.max() + 1, len(rows))) % (y.max() + 1)
    return x, y


@pytest.mark.parametrize("flip", [0.0, 0.1, 0.2, 0.4])
@pytest.mark.parametrize(("n", "d"), [(600, 2), (600, 16), (600, 64), (600, 128)])
def test_covers_gaussians(n, d, flip):
    held = 0
    for seed in range(3):
        x, y, truth = gaussians(seed, n, d, 0.067, flip)
        limit = pl.static.bayes_error(x, y)
        held += limit.lower <= truth <= limit.upper
        assert limit.lower <= limit.estimate <= limit.upper
        assert limit.width < 0.3  # it says something
    assert held >= 2  # at 95 %, two misses of three are one case in 140


@pytest.mark.parametrize("flip", [0.0, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("name", SETS)
def test_covers_known_flips(name, flip):
    x, y = flipped(name, flip)
    limit = pl.static.bayes_error(x, y)
    assert limit.lower <= flip <= limit.upper  # these sets are all but separable
    noise = pl.static.label_noise(x, y)
    assert noise.lower <= flip <= noise.upper


def test_a_nonlinear_law_is_reached_by_neighbours():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(1500, 2))
    y = ((x[:, 0] > 0) ^ (x[:, 1] > 0)) ^ (rng.random(1500) < 0.1)
    limit = pl.static.bayes_error(x, y)
    assert limit.lower <= 0.1 <= limit.upper < 0.2
    assert "neighbours" in limit.parts["note"][0]


def test_labels_that_say_nothing():
    rng = np.random.default_rng(1)
    limit = pl.static.bayes_error(rng.normal(size=(400, 5)), np.arange(400) % 2)
    assert limit.lower <= 0.5 <= limit.upper < 0.56
    wide = pl.static.bayes_error(rng.normal(size=(400, 5)), np.arange(400) % 2, confidence=0.99)
    assert wide.width > limit.width


def test_an_estimate_above_the_upper_end_is_refused():
    # In encoder width the dimensions are noisy: what is above what a probe reaches is no lower bound.
    refused = 0
    for seed in range(4):
        x, y, _ = gaussians(seed, 300, 200, 0.03, 0.0)
        parts = pl.static.bayes_error(x, y).parts.set_index("part")
        for part in ("Cover-Hart", "Henze-Penrose"):
            above = parts.loc[part, "estimate"] > parts.loc["best probe", "upper"]
            assert above == ("refused" in parts.loc[part, "note"])
            assert not (above and parts.loc[part, "used"])
            refused += above
    parts = pl.static.bayes_error(*xor()).parts.set_index("part")
    refused += "refused" in parts.loc["Cover-Hart", "note"]
    assert refused > 0


def xor():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(800, 2))
    return x, (x[:, 0] > 0) ^ (x[:, 1] > 0)


def test_cover_hart_is_where_the_law_of_cover_and_hart_holds_with_equality():
    # Equality: with probability b - the same for all rows and spread over the other classes - the label is another.
    for classes in (2, 3, 10):
        for bayes in (0.0, 0.1, 0.4):
            p = np.r_[1 - bayes, np.full(classes - 1, bayes / (classes - 1))]
            assert _cover_hart(1 - (p**2).sum(), classes) == pytest.approx(bayes, abs=1e-12)


def test_tree_edges_of_a_line():
    z = np.array([[0.0], [1.0], [1.2], [3.0], [7.0], [7.5]])
    assert _tree_edges(z, np.array([0, 0, 1, 1, 0, 1])) == 3 / 6  # 1-1.2, 3-7, 7-7.5
    assert _tree_edges(z, np.zeros(6, int)) == 0
    assert _tree_edges(np.zeros((2, 3)), np.array([0, 1])) == 1 / 2  # rows at one place are joined as well


def test_no_row_is_predicted_by_itself():
    # Labels of noise: a probe that had seen the row would name it.
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(200, 150)), rng.integers(0, 2, 200)
    for name in ("ridge", "logistic", "neighbours"):
        assert 0.35 < (predicted(name, x, y, fold_splits(y, 5, 0)) != y).mean() < 0.65


def test_votes():
    # p of each row is known: the least error is the mean of min(p, 1-p)
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(20):
        p = rng.beta(0.5, 0.5, 400)
        yes = rng.binomial(5, p)
        limit = pl.static.bayes_error_of_votes(np.column_stack([yes, 5 - yes]))
        held += limit.lower <= np.minimum(p, 1 - p).mean() <= limit.upper
        # unbiased: 2p(1-p) on average, which the plug-in is a fifth below
        assert limit.parts["estimate"][0] == pytest.approx((2 * p * (1 - p)).mean(), abs=0.05)
    assert held == 20
    with pytest.raises(ArgumentError, match="two or more a row"):
        pl.static.bayes_error_of_votes([[1, 0], [3, 2]])
    with pytest.raises(ArgumentError, match="whole numbers"):
        pl.static.bayes_error_of_votes([[1.5, 1.5], [3, 2]])


def test_confident_learning_by_its_definition():
    x, y = flipped("digits", 0.2)
    p = out_of_fold(x, y)
    joint = np.zeros((10, 10))
    for row, label in zip(p, y, strict=True):
        able = [c for c in range(10) if row[c] >= p[y == c, c].mean()]
        if able:
            joint[label, max(able, key=lambda c: row[c])] += 1
    joint = joint / joint.sum(axis=1, keepdims=True) * np.bincount(y)[:, None]
    assert confident_learning(p, y) == pytest.approx(1 - np.trace(joint) / len(y))
    assert 0.17 < confident_learning(p, y) < 0.27


@pytest.mark.parametrize("d", [2, 64])
@pytest.mark.parametrize("flip", [0.0, 0.2])
def test_overlap_is_not_taken_for_wrong_labels(d, flip):
    held = 0
    for seed in range(4):
        x, y, _ = gaussians(seed, 1000, d, 0.067, flip)
        noise = pl.static.label_noise(x, y)
        held += noise.lower <= flip <= noise.upper
    assert held >= 3


def test_rows_floor():
    limit = pl.static.bayes_error(*flipped("digits", 0.1))
    estimate, lower, upper = limit.rows_floor(500)
    assert estimate == pytest.approx(0.45 * limit.estimate / 1000)
    assert lower < estimate < upper
    assert limit.rows_floor(1000)[0] == pytest.approx(estimate / 2)
    with pytest.raises(ArgumentError, match="eval_rows=0"):
        limit.rows_floor(0)


@pytest.mark.parametrize("what", [pl.static.bayes_error, pl.static.label_noise])
class TestRefused:
    def test_classes_of_few_rows(self, what):
        with pytest.raises(DataError, match=r"1 class\(es\) have fewer than 5 rows \(2\)"):
            what(np.random.default_rng(0).normal(size=(43, 3)), [0, 1] * 20 + [2] * 3)

    def test_one_class_and_nan(self, what):
        with pytest.raises(DataError, match="compares at least two classes"):
            what(np.ones((50, 2)), [0] * 50)
        with pytest.raises(DataError, match="NaN"):
            what(np.full((50, 2), np.nan), [0, 1] * 25)
        with pytest.raises(ArgumentError, match="confidence=95"):
            what(np.random.default_rng(0).normal(size=(50, 2)), [0, 1] * 25, confidence=95)

    def test_features_that_say_nothing(self, what):
        found = what(np.ones((50, 2)), [0, 1] * 25)
        assert found.lower <= 0.5 <= found.upper
        assert "interval" in found._repr_html_()

    def test_repeats(self, what):
        x, y, _ = gaussians(0, 200, 5, 0.1, 0.1)
        one, two = what(x, y, rng=3), what(x.astype(np.float32).astype(float), y.astype(str), rng=3)
        assert (one.lower, one.upper) == pytest.approx((two.lower, two.upper), abs=1e-6)
