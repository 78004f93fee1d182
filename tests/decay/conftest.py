"""An independent search for the least deviance, by scipy from many starts."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from predictlab.decay._law import ALPHA_MIN, alpha_max, deviance, residuals


@pytest.fixture(scope="session")
def thorough():
    """Least deviance by ``scipy.optimize.least_squares``, from five rates and two shares of the floor."""

    def search(depth, risk, df, weight=None):
        later, factor = np.log(depth / depth[0]), None if weight is None else np.linalg.cholesky(weight).T
        level = np.log(risk)
        low = [level.min() - 30, level.min() - 30, np.log(ALPHA_MIN)]
        high = [level.max() + 5, level.max() + 5, np.log(alpha_max(depth))]

        def evaluate(x):
            floor, decaying = np.exp(x[0]), np.exp(x[1] - np.exp(x[2]) * later)
            mu = floor + decaying
            r, slope, _ = residuals(risk / mu, df)
            by = np.stack([np.full_like(mu, floor), decaying, -decaying * np.exp(x[2]) * later], axis=1)
            jacobian = (slope / mu)[:, None] * by
            return (r, jacobian) if factor is None else (factor @ r, factor @ jacobian)

        best = np.inf
        for rate in np.geomspace(0.1, 0.5 * alpha_max(depth), 5):
            for floor in (level.min() - 8, level.min()):
                start = np.clip([floor, level[0], np.log(rate)], low, high)
                found = least_squares(lambda x: evaluate(x)[0], start, lambda x: evaluate(x)[1], (low, high))
                best = min(best, 2 * found.cost)
        constant = np.exp(np.linspace(level.min(), level.max(), 4000))[:, None] * np.ones_like(risk)
        return min(best, deviance(risk, df, constant, weight).min())

    return search
