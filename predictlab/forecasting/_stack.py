"""Members of a forecast: what a run's own curve says, what earlier runs teach, and their stack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from predictlab.risk._curve import Array
from predictlab.risk._residual import (
    Predict,
    group_folds,
    out_of_fold,
    parameters_of,
    predictor_of,
    ridge_and_left_out,
)
from predictlab.risk._trajectories import Labels

OWN = ("last_value", "power_law", "log_log")
REGRESSION, CALIBRATED, STACK = "regression", "calibrated", "stack"
PREDICTORS = (STACK, REGRESSION, *OWN, CALIBRATED)
FOLDS = 5  # of a regressor of the user's own, when weights are learnt


@dataclass(frozen=True)
class Members:
    """Predictors of the end that can be used on the runs at hand.

    The table that they see has the features of the regression, then a column for each forecast from a run's own curve.

    Parameters
    ----------
    own : tuple of str
        Forecasts from the run's own curve that there are, in the order of their columns.
    regressor : object
        Of the regression: a scikit-learn regressor; None: the default ridge.
    low, high : float
        What the metric can be.
    """

    own: tuple[str, ...]
    regressor: object
    low: float
    high: float

    @property
    def names(self) -> tuple[str, ...]:
        """The members: the regression of the features first, that with the own curve's forecasts among them last."""
        return (REGRESSION, *self.own, CALIBRATED) if self.own else (REGRESSION,)

    def each(self, x: Array, y: Array, group: Labels, new: Array) -> Array:
        """Forecasts of the new runs by each member, (m, members)."""
        predict = predictor_of(self.regressor)
        learnt = predict(self._features(x), y, group, self._features(new))
        if not self.own:
            return self._cut(learnt[:, None], y)
        return self._cut(np.column_stack([learnt, self._own(new), predict(x, y, group, new)]), y)

    def weights(self, x: Array, y: Array, group: Labels) -> Array:
        """Weights of the stack, (members,): not negative, of sum 1, least squares on runs whose group was left out."""
        return self.stacked(x, y, group, x[:0])[1]

    def stacked(self, x: Array, y: Array, group: Labels, new: Array) -> tuple[Array, Array]:
        """Forecasts of the new runs by each member, (m, members), and the weights of the stack."""
        if not self.own:
            return self.each(x, y, group, new), np.ones(1)
        if self.regressor is None:
            learnt, without = ridge_and_left_out(self._features(x), y, group, self._features(new))
            calibrated, left_out = ridge_and_left_out(x, y, group, new)
            each = self._cut(np.column_stack([learnt, self._own(new), calibrated]), y)
        else:
            parts = group_folds(group, min(FOLDS, len(np.unique(group))), np.random.default_rng(0))
            predict = predictor_of(self.regressor)
            without, left_out = (
                y - out_of_fold(columns, y, group, predict, parts)[0] for columns in (self._features(x), x)
            )
            each = self.each(x, y, group, new) if len(new) else np.empty((0, len(self.names)))
        return each, convex_weights(self._cut(np.column_stack([without, self._own(x), left_out]), y), y)

    def predictor(self, which: str) -> Predict:
        """The member, or the stack, as one predictor: weights are learnt of the runs that it is given."""

        def predict(x: Array, y: Array, group: Labels, new: Array) -> Array:
            if which == STACK:
                each, weights = self.stacked(x, y, group, new)
                return np.asarray(each @ weights)
            each = self.each(x, y, group, new)
            return np.asarray(each[:, self.names.index(which)])

        return predict

    def parameters(self, which: str, x: Array, y: Array, group: Labels) -> float:
        """Effective number of parameters: none of a run's own curve, one less than there are weights above 0."""
        if which in self.own:
            return 0.0
        if which == CALIBRATED:
            return parameters_of(self.regressor, x, y, group)
        learnt = parameters_of(self.regressor, self._features(x), y, group)
        if which == REGRESSION or not self.own:
            return learnt
        weights = self.weights(x, y, group)
        calibrated = parameters_of(self.regressor, x, y, group)
        return float(weights[0] * learnt + weights[-1] * calibrated + np.sum(weights > 0) - 1)

    def _features(self, x: Array) -> Array:
        return x[:, : x.shape[1] - len(self.own)]

    def _own(self, x: Array) -> Array:
        return x[:, x.shape[1] - len(self.own) :]

    def _cut(self, forecasts: Array, y: Array) -> Array:
        """Within what is possible, and at most half the range of the known ends beyond it, as the ridge is."""
        room = np.ptp(y) / 2
        return np.clip(forecasts, max(self.low, y.min() - room), min(self.high, y.max() + room))


def convex_weights(forecasts: Array, y: Array) -> Array:
    """Weights >= 0 of sum 1 with the least squared error.

    Parameters
    ----------
    forecasts : ndarray, shape (n, members)
    y : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (members,)

    Notes
    -----
    Stacking: Wolpert (1992), Neural Networks 5, 241-259; weights that are not negative: Breiman (1996), Machine
    Learning 24, 49-64. Of sum 1 they are an average: with few runs a free scale does harm.
    """
    errors = y[:, None] - forecasts
    scale = np.sqrt(np.mean(errors**2)) or 1.0
    # the sum is kept by a row that outweighs all others; (1 w) = 1 makes the error of the average that of the errors
    heavy = 1e4 * np.sqrt(len(y))
    weights, _ = nnls(
        np.vstack([errors / scale, np.full((1, errors.shape[1]), heavy)]), np.append(np.zeros(len(y)), heavy)
    )
    return np.asarray(weights / weights.sum())
