"""The rectified law: what it says of curves that follow it, of those that do not, and of too little."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.static import _rectified

SIZES = 200 * 2 ** np.arange(6.0)


def law(sizes, b=230.0, d_l=70.0, beta=0.6, e=1.0):
    return b / (d_l + np.asarray(sizes, float) ** beta) + e


def brute(sizes, losses, at, draws=400_000, seed=3):
    """Mean log loss at `at` by importance sampling of every unknown from its prior; nothing is integrated by hand."""
    rng = np.random.default_rng(seed)
    x, y = np.log(sizes), np.log(losses)
    doubling = np.log(2)
    transition = rng.uniform(x[0] - _rectified.BELOW * doubling, x[-1] + _rectified.ABOVE * doubling, draws)
    plain = rng.random(draws) < _rectified.PLAIN
    beta, stays = rng.random((2, draws))
    sigma = _rectified.NOISE * np.sqrt(_rectified.NOISE_DF / rng.chisquare(_rectified.NOISE_DF, draws))
    drift = rng.choice(_rectified.DRIFTS, draws)
    level = rng.uniform(y[0] - 1, y[0] + 1, draws)  # flat

    def mean(at):
        bent = (1 + np.exp(beta * (x[0] - transition))) / (1 + np.exp(beta * (at - transition)))
        return level + np.log((1 - stays) * np.where(plain, np.exp(-beta * (at - x[0])), bent) + stays)

    every = np.r_[x, np.log(at)]
    since = every - x[0]
    low, high = np.minimum.outer(since, since), np.maximum.outer(since, since)
    unit = low**2 * (3 * high - low) / 6
    root = np.linalg.cholesky(unit[1:, 1:])  # at the first size there is no drift
    own = np.zeros((draws, len(every)))
    own[:, 1:] = (sigma * np.sqrt(drift))[:, None] * (rng.standard_normal((draws, len(every) - 1)) @ root.T)
    weight = np.zeros(draws)
    for i in range(len(x)):
        weight += stats.norm.logpdf(y[i], mean(x[i]) + own[:, i], sigma)
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    value = mean(np.log(at)) + own[:, -1]
    centre = float(weight @ value)
    return centre, float(np.sqrt(weight @ (value - centre) ** 2)), float(1 / (weight**2).sum())


def test_posterior_is_that_of_its_model(monkeypatch):
    """Noise of several hundredths, so that draws from the prior hit the losses often enough to be counted."""
    monkeypatch.setattr(_rectified, "NOISE", 0.1)
    monkeypatch.setattr(_rectified, "DRIFTS", (0.1, 1.0))
    sizes, losses = np.array([100.0, 300.0, 1000.0]), np.array([3.0, 2.6, 2.0])
    centre, sd, size = brute(sizes, losses, 4000.0)
    assert size > 2000
    found = pl.static.rectified_law(sizes, losses)
    location, scale = found._at(np.log(4000.0))
    weight = found.members["weight"].to_numpy()
    ours = float(weight @ location)
    noise = np.sqrt(weight @ (found.members["spread"] / 6)) * np.sqrt(6 / 4)  # of a run, which ours has on top
    spread = np.sqrt(weight @ (scale**2 * 6 / 4 + location**2) - ours**2)
    assert ours == pytest.approx(centre, abs=4 * sd / np.sqrt(size) + 0.01)
    assert np.sqrt(spread**2 - noise**2) == pytest.approx(sd, rel=0.1)


def test_intervals_hold_where_the_law_does():
    rng = np.random.default_rng(0)
    held, n = 0, 40
    for _ in range(n):
        truth = {"d_l": rng.uniform(5, 300), "beta": rng.uniform(0.3, 0.9), "e": rng.uniform(0.2, 1.5)}
        truth["b"] = rng.uniform(1, 4) * truth["d_l"]
        losses = law(SIZES[:4], **truth) * np.exp(0.01 * rng.standard_normal(4))
        ends = pl.static.rectified_law(SIZES[:4], losses, confidence=0.8).predict(SIZES[3] * 8)
        held += bool(
            ends["lower"] <= law(SIZES[3] * 8, **truth) * np.exp(0.01 * rng.standard_normal()) <= ends["upper"]
        )
    assert held >= stats.binom.ppf(0.001, n, 0.8)


def test_more_sizes_and_less_far_tell_more():
    near = pl.static.rectified_law(SIZES, law(SIZES))
    few = pl.static.rectified_law(SIZES[-3:], law(SIZES[-3:]))

    def width(found, at):
        ends = found.predict(at)
        return ends["upper"] - ends["lower"]

    assert width(near, 12800) < width(near, 102400) < width(near, 1e6)
    assert width(near, 102400) < width(few, 102400)
    assert near.predict(12800)["estimate"] == pytest.approx(law(12800), rel=0.02)
    assert near.predict(800)["estimate"] == pytest.approx(law(800), rel=0.01)
    ends = near.conf_int()
    for name, value in {"beta": 0.6, "E": 1.0, "D_l": 70, "B": 230}.items():
        assert ends.loc[name, "lower"] < value < ends.loc[name, "upper"]


def test_units_do_not_matter():
    first = pl.static.rectified_law(SIZES, law(SIZES))
    tokens = pl.static.rectified_law(50 * SIZES, law(SIZES))  # sizes in another unit
    bits = pl.static.rectified_law(SIZES, law(SIZES) / np.log(2))
    for level in (0.5, 0.95):
        expected = first.predict(12800, confidence=level)
        pd.testing.assert_series_equal(tokens.predict(640_000, confidence=level), expected, rtol=1e-4)
        pd.testing.assert_series_equal(bits.predict(12800, confidence=level) * np.log(2), expected, rtol=1e-4)


def test_quantiles_are_those_of_the_mixture():
    found = pl.static.rectified_law(SIZES[:4], law(SIZES[:4]))
    location, scale = found._at(np.log(10_000))
    rng = np.random.default_rng(0)
    member = rng.choice(len(location), 200_000, p=found.members["weight"])
    drawn = np.exp(location[member] + scale[member] * rng.standard_t(7, 200_000))
    ends = found.predict(10_000, confidence=0.8)
    assert ends["lower"] == pytest.approx(np.quantile(drawn, 0.1), rel=0.01)
    assert ends["upper"] == pytest.approx(np.quantile(drawn, 0.9), rel=0.01)
    assert ends["estimate"] == pytest.approx(np.median(drawn), rel=0.01)


def test_draws_lie_on_the_losses():
    found = pl.static.rectified_law(SIZES, law(SIZES))
    drawn = found.draws(500, rng=1)
    at = drawn["B"].to_numpy()[:, None] / (
        drawn["D_l"].to_numpy()[:, None] + SIZES ** drawn["beta"].to_numpy()[:, None]
    )
    assert np.allclose(np.median(at + drawn["E"].to_numpy()[:, None], 0), law(SIZES), rtol=0.03)
    assert found.draws(3, rng=1).equals(found.draws(3, rng=1))
    assert np.allclose(drawn["D_l"], drawn["transition"] ** drawn["beta"])
    assert (drawn["transition"] == 0).any()  # power laws


def test_a_power_law_is_one_of_its_laws():
    straight = 8 * SIZES**-0.2
    ends = pl.static.rectified_law(SIZES, straight).predict(64 * SIZES[-1])
    assert ends["lower"] < 8 * (64 * SIZES[-1]) ** -0.2 < ends["upper"]
    assert ends["estimate"] == pytest.approx(8 * (64 * SIZES[-1]) ** -0.2, rel=0.2)


def test_repeated_sizes_and_order():
    sizes, losses = np.r_[SIZES, SIZES], np.r_[law(SIZES) * 1.01, law(SIZES) / 1.01]
    both = pl.static.rectified_law(sizes, losses)
    again = pl.static.rectified_law(sizes[::-1], losses[::-1])
    assert both.predict(20_000)["estimate"] == pytest.approx(again.predict(20_000)["estimate"], rel=1e-9)
    assert "Rectified law" in repr(both)
    assert "beta" in both._repr_html_()
    assert both.curve([1000, 2000])["size"].tolist() == [1000, 2000]


def test_refused():
    with pytest.raises(DataError, match="at least 3"):
        pl.static.rectified_law([100, 200, 200], [3, 2, 2])
    with pytest.raises(ArgumentError, match="Leave the loss before training out"):
        pl.static.rectified_law([0, 200, 400], [3, 2, 2])
    with pytest.raises(ArgumentError, match="losses="):
        pl.static.rectified_law([100, 200, 400], [3, 2, np.nan])
    with pytest.raises(ArgumentError, match="3, one for each size"):
        pl.static.rectified_law([100, 200, 400], [3, 2])
    with pytest.raises(ArgumentError, match="confidence"):
        pl.static.rectified_law([100, 200, 400], [3, 2, 1], confidence=95)
    with pytest.raises(ArgumentError, match="size="):
        pl.static.rectified_law([100, 200, 400], [3, 2, 1]).predict(-5)
