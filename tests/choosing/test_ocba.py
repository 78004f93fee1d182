"""Optimal computing budget allocation: the textbook's example, its conditions, and bad input."""

import numpy as np
import pytest

from predictlab.choosing import ocba
from predictlab.errors import ArgumentError

# Chen, Lee (2010); the example of R's package SPOT, which rounds the shares to 48 38 11 2 1
TEXTBOOK = {
    "means": [1.2, 2.1, 3.4, 4.87, 6.05], "variances": [3.3, 2.0, 4.5, 5.3, 6.9], "used": [12, 6, 5, 5, 4], "add": 100,
}  # fmt: skip


def test_the_textbook_example():
    added = ocba(**TEXTBOOK, better="lower")
    np.testing.assert_allclose(added, [46.89, 38.18, 11.64, 2.04, 1.25], atol=0.005)
    assert added.sum() == pytest.approx(100)


def test_higher_is_the_same_turned_round():
    turned = TEXTBOOK | {"means": [-m for m in TEXTBOOK["means"]]}
    np.testing.assert_allclose(ocba(**turned), ocba(**TEXTBOOK, better="lower"))


def test_with_costs_the_conditions_of_the_optimum_hold():
    """The rates at which each rival is confused with the best are alike, and so is what the last unit of cost buys."""
    means, variances = np.array([0.0, 0.3, 0.4, 0.9]), np.array([1.0, 0.5, 2.0, 1.0])
    costs = np.array([5.0, 1.0, 2.0, 0.5])
    runs = ocba(means, variances, np.zeros(4), 1e4, better="lower", costs=costs)
    assert (runs * costs).sum() == pytest.approx(1e4)
    signal = means[1:] ** 2 * runs[1:] / variances[1:]
    np.testing.assert_allclose(signal, signal[0])
    best = np.sqrt(variances[0] * np.sum(costs[1:] / costs[0] * runs[1:] ** 2 / variances[1:]))
    assert runs[0] == pytest.approx(best)


def test_who_has_had_more_than_the_share_gets_none():
    added = ocba([1, 2, 3], [1, 1, 1], [5, 5, 500], 20, better="lower")
    assert added[2] == 0
    assert added.sum() == pytest.approx(20)


def test_ties_are_shared():
    added = ocba([1, 1, 1], [1, 1, 1], [2, 2, 2], 30)
    assert np.all(np.isfinite(added))
    assert added.sum() == pytest.approx(30)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"means": [1.0]}, "at least two candidates"),
        ({"means": [1.0, np.nan, 2, 3, 4]}, "finite means"),
        ({"variances": [1.0, 2.0]}, "variances=.*5 finite numbers > 0"),
        ({"variances": [1, 1, 1, 1, 0]}, "variances="),
        ({"used": [-1, 1, 1, 1, 1]}, "used="),
        ({"costs": [0, 1, 1, 1, 1]}, "costs="),
        ({"add": 0}, "add=0"),
        ({"better": "best"}, "better='best'"),
    ],
)
def test_bad_input(changed, says):
    with pytest.raises(ArgumentError, match=says):
        ocba(**(TEXTBOOK | changed))
