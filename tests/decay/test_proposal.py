"""Proposals of the posterior's search: their density is that of their draws, and they find narrow and split laws."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from predictlab.decay._cloud import ENOUGH, explore
from predictlab.decay._proposal import PARTS, Proposal, resampled


def points(n=4000, seed=0):
    """Points of two parts that lie across each other, alike in weight."""
    rng = np.random.default_rng(seed)
    turned = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 0.3]])
    one = rng.multivariate_normal([1.0, 0.0, 0.5], 0.05 * turned, n // 2)
    other = rng.multivariate_normal([-1.0, 0.5, 0.0], 0.05 * np.diag([1.0, 0.1, 2.0]), n - n // 2)
    return np.vstack([one, other])


def test_the_density_is_that_of_the_draws():
    proposal = Proposal.around(points(), np.full(4000, 1 / 4000), np.random.default_rng(1))
    z = proposal.draw(200_000, np.random.default_rng(2))
    over = proposal.over_normal(z)
    # under the proposal the mean of p / q is the mass of p, and that of p x / q its mean
    inside = np.all(np.abs(z) < 2, axis=1)
    mass = (1 - 2 * 0.0227501) ** 3
    wide = Proposal(np.zeros((1, 3)), np.eye(3)[None], np.ones(1))
    draws = wide.draw(200_000, np.random.default_rng(3))
    assert np.mean(1 / wide.over_normal(draws)) == pytest.approx(1, abs=0.01)
    assert np.mean(np.all(np.abs(draws) < 2, axis=1) / wide.over_normal(draws)) == pytest.approx(mass, abs=0.01)
    # and of two proposals the ratio of densities has mean 1 under the one below
    ratio = wide.over_normal(z) / over
    assert np.mean(ratio * inside) == pytest.approx(np.mean(np.all(np.abs(draws) < 2, axis=1)), abs=0.1)


def test_far_out_no_density_overflows():
    proposal = Proposal.around(points(), np.full(4000, 1 / 4000), np.random.default_rng(1))
    far = proposal.over_normal(np.array([[60.0, -60.0, 60.0]]))
    assert np.isfinite(4096 * far * PARTS).all()


def test_two_parts_are_found_apart():
    weight = np.concatenate([np.full(2000, 0.75), np.full(2000, 0.25)]) / 2000
    proposal = Proposal.around(points(), weight, np.random.default_rng(1))
    of_one = proposal.centre[:, 0] > 0
    assert proposal.share[of_one].sum() == pytest.approx(0.75, abs=0.05)
    assert proposal.share.sum() == pytest.approx(1)


def test_points_are_drawn_by_weight():
    drawn = resampled(np.array([0.5, 0.0, 0.25, 0.25]), 400, np.random.default_rng(0))
    assert np.bincount(drawn, minlength=4).tolist() == [200, 0, 100, 100]


@pytest.mark.parametrize("seed", range(5))
def test_a_narrow_law_in_seven_dimensions_is_found(seed):
    """Two narrow ridges, in three of seven coordinates: mean, share and mass are those of the closed form."""
    root = np.array([[1.0, 0.95, 0.0], [0.95, 1.0, 0.0], [0.0, 0.0, 1.0]]) * 0.15**2
    ridges = [multivariate_normal([0.9, 0.5, -0.6], root), multivariate_normal([-0.4, 0.8, 0.3], root * 2)]

    def log_likelihood(z):
        law = 0.3 * ridges[0].pdf(z[:, :3]) + 0.7 * ridges[1].pdf(z[:, :3])
        return np.log(law + 1e-300) + np.sum(z[:, :3] ** 2, axis=1) / 2  # over the prior's normal law

    cloud = explore(log_likelihood, 7, np.random.default_rng(seed))
    assert cloud.effective > ENOUGH / 2
    assert cloud.weight[cloud.points[:, 0] > 0.5].sum() == pytest.approx(0.3, abs=0.08)
    assert cloud.weight @ cloud.points[:, 0] == pytest.approx(0.3 * 0.9 - 0.7 * 0.4, abs=0.1)
    assert cloud.weight @ cloud.points[:, 5] == pytest.approx(0, abs=0.2)
