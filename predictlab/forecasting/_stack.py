"""Members of a forecast: what a run's own curve says, what earlier runs teach, and their stack."""

from __future__ import annotations

from collections.abc import Sequence
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
STATIC, REGRESSION, CALIBRATED, STACK = "static", "regression", "calibrated", "stack"
PREDICTORS = (STACK, STATIC, REGRESSION, *OWN, CALIBRATED)
FOLDS = 5  # of a regressor of the user's own, when weights are learnt


@dataclass(frozen=True)
class Members:
    """Predictors of the end that can be used on the runs at hand.

    The table that they see has the features of the regression, what was known beforehand last, then a column for each
    forecast from a run's own curve.

    Parameters
    ----------
    own : tuple of str
        Forecasts from the run's own curve that there are, in the order of their columns.
    static : int
        Features that were known beforehand, beside others of the path; 0 where there are none of the one or the other.
    regressor : object
        Of the regressions: a scikit-learn regressor; None: the default ridge.
    low, high : float
        What the metric can be.
    """

    own: tuple[str, ...]
    static: int
    regressor: object
    low: float
    high: float

    @property
    def names(self) -> tuple[str, ...]:
        """The members: regressions of what was known beforehand, of all features, and of own curves beside them."""
        return (*((STATIC,) if self.static else ()), REGRESSION, *self.own, *((CALIBRATED,) if self.own else ()))

    def each(self, x: Array, y: Array, group: Labels, new: Array) -> Array:
        """Forecasts of the new runs by each member, (m, members)."""
        predict = predictor_of(self.regressor)
        learnt = [predict(of, y, group, at) for of, at in zip(self._seen(x), self._seen(new), strict=True)]
        return self._cut(self._beside(learnt, new), y)

    def weights(self, x: Array, y: Array, group: Labels) -> Array:
        """Weights of the stack, (members,): not negative, of sum 1, least squares on runs whose group was left out."""
        return self.stacked(x, y, group, x[:0])[1]

    def stacked(self, x: Array, y: Array, group: Labels, new: Array) -> tuple[Array, Array]:
        """Forecasts of the new runs by each member, (m, members), and the weights of the stack."""
        if len(self.names) == 1:
            return self.each(x, y, group, new), np.ones(1)
        if self.regressor is None:
            both = [ridge_and_left_out(of, y, group, at) for of, at in zip(self._seen(x), self._seen(new), strict=True)]
            learnt, without = zip(*both, strict=True)
            each = self._cut(self._beside(learnt, new), y)
        else:
            parts = group_folds(group, min(FOLDS, len(np.unique(group))), np.random.default_rng(0))
            predict = predictor_of(self.regressor)
            without = tuple(y - out_of_fold(of, y, group, predict, parts)[0] for of in self._seen(x))
            each = self.each(x, y, group, new) if len(new) else np.empty((0, len(self.names)))
        return each, convex_weights(self._cut(self._beside(without, x), y), y)

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
        learnt = dict.fromkeys(self.own, 0.0)
        for name, seen in zip((n for n in self.names if n not in self.own), self._seen(x), strict=True):
            if which in (name, STACK):
                learnt[name] = parameters_of(self.regressor, seen, y, group)
        if which != STACK:
            return learnt[which]
        weights = self.weights(x, y, group)
        return float(sum(w * learnt[name] for w, name in zip(weights, self.names, strict=True)) + sum(weights > 0) - 1)

    def _seen(self, x: Array) -> list[Array]:
        """What each regression sees of the table."""
        features = x[:, : x.shape[1] - len(self.own)]
        before = [features[:, features.shape[1] - self.static :]] if self.static else []
        return [*before, features, *([x] if self.own else [])]

    def _beside(self, learnt: Sequence[Array], x: Array) -> Array:
        """Forecasts of the regressions, and the columns of own curves between them, as in `names`."""
        first = 1 + (self.static > 0)
        return np.column_stack([*learnt[:first], x[:, x.shape[1] - len(self.own) :], *learnt[first:]])

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
