"""TransRate, PARC, LEEP, NCE, NLEEP, V-information and the scores of numbers: against other computations of them."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import predictlab as pl
from predictlab.errors import ArgumentError, DataError

SCORES = [pl.static.transrate, pl.static.parc, pl.static.nleep, pl.static.v_information]


def problem(seed=0, n=90, d=6, classes=3, shift=1.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    return rng.normal(size=(n, d)) + shift * rng.normal(size=(classes, d))[labels], labels


@pytest.mark.parametrize(("n", "d"), [(60, 5), (20, 70)])
def test_transrate_from_singular_values(n, d):
    x, y = problem(n=n, d=d)
    y[:4] = 0  # unequal classes
    z = x - x.mean(axis=0)

    def rate(part):
        s = np.linalg.svd(part, compute_uv=False)
        return 0.5 * np.log1p(s**2 / (len(part) * 1e-4)).sum()

    expected = rate(z) - sum((y == c).mean() * rate(z[y == c]) for c in range(3))
    assert pl.static.transrate(x, y) == pytest.approx(expected, rel=1e-9)
    assert pl.static.transrate(x, y, weights="equal") != pytest.approx(expected, rel=1e-3)


def test_parc_is_spearmans():
    x, y = problem()
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    pairs = np.tril_indices(len(x), -1)
    # Rounded: corrcoef leaves 2e-16 between rows of some classes, which ranks would take for a difference
    distances = 1 - np.corrcoef(z)[pairs], (1 - np.corrcoef(np.eye(3)[y])[pairs]).round(9)
    assert pl.static.parc(x, y).value == pytest.approx(100 * spearmanr(*distances)[0], abs=1e-8)
    assert pl.static.parc(np.column_stack([x, np.ones(90)]), y).value == pytest.approx(pl.static.parc(x, y).value)


def test_parc_of_subsamples_scatters_about_that_of_all():
    x, y = problem(n=600)
    part = pl.static.parc(x, y, subsample=200, repeats=20)
    assert len(part.values) == 20
    assert part.sd > 0
    assert abs(part.value - pl.static.parc(x, y, subsample=600).value) < 4 * part.sd / np.sqrt(20)
    assert len(pl.static.parc(x, y, subsample=600).values) == 1
    with pytest.raises(DataError, match="two features that vary"):
        pl.static.parc(x[:, :1], y)


def test_leep_in_words_of_its_paper():
    rng = np.random.default_rng(1)
    theta, y = rng.dirichlet(np.ones(4), 50), np.arange(50) % 3
    total = 0.0
    for i in range(50):
        p = 0.0
        for z in range(4):
            p += theta[y == y[i], z].sum() / theta[:, z].sum() * theta[i, z]
        total += np.log(p)
    assert pl.static.leep(theta, y) == pytest.approx(total / 50, rel=1e-12)


def test_leep_of_the_truth_and_of_nothing():
    # google-research, stable_transfer: one-hot 0; a source that says nothing ln(1/C)
    y = np.arange(30) % 3
    assert pl.static.leep(np.eye(3)[y], y) == 0.0
    assert pl.static.leep(np.full((30, 5), 0.2), y) == pytest.approx(-np.log(3))
    assert pl.static.nce(y, y) == 0.0
    assert pl.static.nce(np.zeros(30), y) == pytest.approx(-np.log(3))
    with pytest.raises(ArgumentError, match="softmax"):
        pl.static.leep(np.ones((30, 2)), y)
    with pytest.raises(ArgumentError, match="one for each label"):
        pl.static.nce(y[:9], y)


def test_nce_is_the_conditional_entropy():
    z, y = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    # of three, one is odd: H(1/3); the other two sources name one class each
    expected = 0.5 * (np.log(1 / 3) / 3 + 2 * np.log(2 / 3) / 3)
    assert pl.static.nce(z, y) == pytest.approx(expected)
    assert pl.static.nce(z, y) <= pl.static.leep(np.eye(3)[z], y) + 1e-12


def test_nleep_is_leep_of_the_mixture():
    x, y = problem(2)
    theta = GaussianMixture(15, random_state=4).fit(x).predict_proba(x)
    found = pl.static.nleep(x, y, seeds=2, rng=4)
    assert found.values[0] == pytest.approx(pl.static.leep(theta, y), abs=1e-9)
    assert found.values[1] != found.values[0]
    assert found.sd == pytest.approx(abs(found.values[0] - found.values[1]) / np.sqrt(2))
    wide = pl.static.nleep(*problem(2, n=40, d=60), components=2, dimensions=5, seeds=1)
    assert wide.value <= 0


def test_v_information_is_the_gain_over_class_shares():
    x, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200, tol=1e-3))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    p, q = (cross_val_predict(m, x, y, cv=folds, method="predict_proba") for m in (model, DummyClassifier()))
    found = pl.static.v_information(x, y)
    assert found.log_loss == pytest.approx(log_loss(y, p) / np.log(2), rel=1e-9)
    assert found.entropy == pytest.approx(log_loss(y, q) / np.log(2), rel=1e-6)
    assert found.pointwise.mean() == pytest.approx(found.value)
    assert found.value < np.log2(3)


def test_v_information_is_below_what_there_is():
    # Labels that a feature tells with a known error: their information is 1 - H(e), and a probe comes near it.
    rng = np.random.default_rng(0)
    bit, flip = rng.integers(0, 2, 4000), rng.random(4000) < 0.1
    x = np.column_stack([bit, rng.normal(size=4000)])
    information = 1 + 0.1 * np.log2(0.1) + 0.9 * np.log2(0.9)
    found = pl.static.v_information(x, bit ^ flip)
    assert information - 0.05 < found.value < information + 0.05
    assert pl.static.v_information(x[:, 1:], bit).value == pytest.approx(0, abs=0.01)


def test_knn_r2_is_that_of_a_left_out_row():
    x, y = load_diabetes(return_X_y=True)
    x, y = x[:80], y[:80]
    left = np.arange(80)
    predicted = [KNeighborsRegressor(5).fit(x[left != i], y[left != i]).predict(x[[i]])[0] for i in left]
    blind = np.array([y[left != i].mean() for i in left])
    expected = 1 - ((y - predicted) ** 2).sum() / ((y - blind) ** 2).sum()
    assert pl.static.knn_r2(x, y, distance="euclidean") == pytest.approx(expected)


def test_linear_probe_r2_of_a_known_signal():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(3000, 10))
    y = x @ np.full(10, np.sqrt(0.6 / 10)) + np.sqrt(0.4) * rng.normal(size=3000)
    assert pl.static.linear_probe_r2(x, y) == pytest.approx(0.6, abs=0.04)
    assert pl.static.linear_probe_r2(x, 1e6 + 1e-3 * y) == pytest.approx(pl.static.linear_probe_r2(x, y), abs=1e-6)
    assert -0.05 < pl.static.linear_probe_r2(x, rng.normal(size=3000)) < 0.02
    # by hand on one split: ridge of the penalty chosen there is no better than least squares here
    rows = np.arange(3000) < 2400
    by_hand = Ridge(1e-6).fit(x[rows], y[rows]).score(x[~rows], y[~rows])
    assert pl.static.linear_probe_r2(x, y) == pytest.approx(by_hand, abs=0.04)


@pytest.mark.parametrize("score", [pl.static.logme_regression, pl.static.knn_r2, pl.static.linear_probe_r2])
class TestNumbersRefused:
    def test_classes(self, score):
        with pytest.raises(ArgumentError, match="scores of classes"):
            score(np.ones((4, 2)), list("abab"))

    def test_other_lengths(self, score):
        with pytest.raises(ArgumentError, match="3 values"):
            score(np.ones((4, 2)), [1.0, 2.0, 3.0])

    def test_missing_and_constant(self, score):
        x = np.arange(8.0).reshape(4, 2)
        with pytest.raises(DataError, match="1 of 4 are NaN"):
            score(x, [1.0, 2.0, np.nan, 3.0])
        with pytest.raises(DataError, match="all 4 are 2"):
            score(x, [2.0] * 4)
        with pytest.raises(DataError, match="rows hold NaN"):
            score(np.where(x == 3, np.inf, x), [1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("score", SCORES)
class TestClasses:
    def test_refused(self, score):
        x, y = problem(n=12)
        with pytest.raises(DataError, match="all 12 rows"):
            score(x, np.zeros(12))
        with pytest.raises(ArgumentError, match="11 labels"):
            score(x, y[:11])
        with pytest.raises(DataError, match="NaN"):
            score(np.where(x == x[2, 2], np.nan, x), y)
        with pytest.raises(ArgumentError, match="fractions"):
            score(x, y + 0.5)

    def test_names_of_classes_do_not_matter(self, score):
        x, y = problem(n=60)
        value = float(score(x, y))
        assert float(score(x, np.array(["a", "b", "c"])[y])) == pytest.approx(value, abs=1e-9)
        assert float(score(x, y.astype(float))) == pytest.approx(value, abs=1e-9)

    def test_more_features_than_rows(self, score):
        assert np.isfinite(float(score(*problem(n=30, d=50))))

    def test_telling_features_score_above_noise(self, score):
        x, y = problem(5, n=200, shift=2.0)
        assert float(score(x, y)) > float(score(np.random.default_rng(0).normal(size=x.shape), y))


def test_a_class_of_one_row():
    x, y = problem(n=31)
    y[0] = 7
    assert np.isfinite(pl.static.transrate(x, y))
    assert np.isfinite(pl.static.parc(x, y).value)
    assert np.isfinite(pl.static.nleep(x, y).value)
    with pytest.raises(DataError, match="one row only"):
        pl.static.v_information(x, y)
