"""What more probing is expected to tell, against closed forms of Gaussians."""

import numpy as np
import pytest
from scipy.stats import norm

import predictlab as pl
from predictlab.decay import Sample
from predictlab.planning._next_step import (
    Measurement,
    chance_to_stand,
    measurement,
    runs_of,
    settling_steps,
    variance_left,
)

DEPTHS = np.array([4.0, 8, 16, 32, 64])


def fitted(r2=None, df=20.0):
    """A fit of an exact curve whose neighbouring depths have squared correlation `r2`."""
    hop = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    covariance = None if r2 is None else 2 / df * r2**hop
    curve = pl.RiskCurve(depth=DEPTHS, risk=0.1 + 4 / DEPTHS, df=df, log_covariance=covariance)
    return pl.DecayModel(curve).fit("gamma")


@pytest.fixture(scope="module")
def draws():
    rng = np.random.default_rng(0)
    return np.exp(rng.normal(0, [0.5, 0.3, 0.2], (500, 3)))


def risk(draws, depth):
    return draws[:, :1] + draws[:, 1:2] * np.asarray(depth) ** -draws[:, 2:]


def test_runs_are_seen_at_every_depth_on_their_way(draws):
    every = measurement(fitted(), Sample(draws), 10.0)
    np.testing.assert_allclose(every.seen, np.log(risk(draws, DEPTHS)))
    np.testing.assert_allclose(every.noise, np.diag(np.full(5, 2 / 10)))
    half = measurement(fitted(), Sample(draws), 10.0, up_to=20.0)
    np.testing.assert_allclose(half.seen, every.seen[:, :3])
    assert half.noise.shape == (3, 3)


@pytest.mark.parametrize("r2", [None, 0.5, 0.9])
def test_a_further_depth_tells_what_the_conditional_gaussian_does(draws, r2):
    """Against the conditional distribution from the whole covariance of old and further depths."""
    fit = fitted(r2)
    own = 1 / 21
    link = 0.0 if r2 is None else (1 - own) * r2
    old = measurement(fit, Sample(draws), 20.0).noise
    cross = 2 / 20 * np.array([[(1 - own) * r2 ** (4 - i) if r2 and i < 4 else float(i == 4) for i in range(5)]]).T
    cross = cross @ np.array([[link, link**2]])
    new = 2 / 20 * np.array([[1, link], [link, 1]])
    given = np.linalg.solve(old, cross)
    found = measurement(fit, Sample(draws), further=[128, 256])
    np.testing.assert_allclose(found.noise, new - cross.T @ given, atol=1e-12)
    logs = np.log(risk(draws, DEPTHS))
    np.testing.assert_allclose(found.seen, np.log(risk(draws, [128, 256])) - logs @ given)
    both = measurement(fit, Sample(draws), 40.0, [128, 256])
    assert both.seen.shape[1] == 2 + 5 + 2
    np.testing.assert_allclose(both.noise[2:7, 2:7], old / 2, atol=1e-12)
    np.testing.assert_allclose(both.noise[:2, 2:], 0)


@pytest.mark.parametrize(("limit", "noise"), [(0.0, 0.1), (0.5, 0.3), (-1.0, 1.0)])
def test_chance_against_its_closed_form(limit, noise):
    """A Gaussian q of which q + error is seen: posterior variance rho, posterior mean of variance 1 - rho."""
    q = np.random.default_rng(1).standard_normal(6000)
    member = np.stack([q <= limit, q > limit], axis=1).astype(float)
    rho, z = noise / (1 + noise), norm.ppf(0.9)
    expected = norm.cdf((limit - z * np.sqrt(rho)) / np.sqrt(1 - rho)) + norm.sf(
        (limit + z * np.sqrt(rho)) / np.sqrt(1 - rho)
    )
    found = chance_to_stand(member, Measurement(q[:, None], np.array([[noise]])), 0.9, truths=3000)
    assert found == pytest.approx(expected, abs=0.035)
    assert variance_left(q, Measurement(q[:, None], np.array([[noise]]))) == pytest.approx(rho, abs=0.02)


def test_what_tells_nothing_settles_nothing():
    rng = np.random.default_rng(2)
    member = np.eye(2)[(rng.random(4000) < 0.3).astype(int)]
    measured = Measurement(rng.standard_normal((4000, 2)), 0.01 * np.eye(2))
    assert chance_to_stand(member, measured, 0.9) < 0.15


def test_steps_are_cheapest_first_and_dearer_for_more_confidence():
    fit = fitted(df=15)
    draws = fit.draws(10_000)[["intrinsic_limit", "scale", "decay_rate"]].to_numpy()
    member = np.stack([risk(draws, 40.0)[:, 0] <= 0.17, risk(draws, 40.0)[:, 0] > 0.17], axis=1).astype(float)
    assert member.mean(axis=0).max() < 0.9
    steps = settling_steps(fit, Sample(draws), member, np.log(risk(draws, 40.0)[:, 0]), 0.9, focus=40.0)
    assert steps
    assert [s.cost for s in steps] == sorted(s.cost for s in steps)
    for step in steps:
        assert step.chance >= 0.6
        assert 0 < step.variance_left < 1
        assert step.cost == (step.runs if step.depth <= 64 else step.runs + 16) * step.depth
    sure = settling_steps(fit, Sample(draws), member, np.log(risk(draws, 40.0)[:, 0]), 0.97, focus=40.0)
    assert not sure or sure[0].cost > steps[0].cost


def test_runs_and_what_each_adds():
    assert runs_of(fitted(df=15)) == (16, 1.0)
    world = pl.worlds.MartingaleWorld(0.01, 1.0, 1.0)
    assert runs_of(pl.DecayModel(world.spread(12, DEPTHS.astype(int), seed=1)).fit()) == (12, 1.0)
    assert runs_of(pl.DecayModel(world.curve(12, DEPTHS.astype(int), seed=1)).fit()) == (12, 1.0)


def test_curves_of_numbers_expect_errors_as_wide_as_their_prior():
    depth, df = [4.0, 8, 16, 32, 64], 15
    risk = [0.1 / c for c in depth]
    unknown, known = (pl.DecayModel(pl.RiskCurve(depth, risk, df), dispersion=d).fit() for d in (None, 1.0))
    phi, r2 = unknown.errors_of_runs()
    # dispersions 1, 2, 4 with .65, .25, .1; correlations 0, .5, .8 alike probable, and the tails' own beside them
    assert phi == pytest.approx(1.55)
    r = np.array([0.0, 0.5, 0.8])
    shared = sum(p * (r + (d - 1) * (1 + 2 * r) / 3) for d, p in {1: 0.65, 2: 0.25, 4: 0.1}.items())
    assert r2[0, 1] == pytest.approx(shared.mean() / 1.55)
    assert known.errors_of_runs()[0] == 1.0
