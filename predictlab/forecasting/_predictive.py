"""Predictive distributions of final metrics, from errors on runs that the predictor had not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from predictlab._validation import generator
from predictlab.risk._curve import Array
from predictlab.risk._residual import Predict, effective_df, group_folds, out_of_fold
from predictlab.risk._trajectories import Labels

ALONE = 40  # up to so many groups each is left out by itself


@dataclass(frozen=True)
class Student:
    """Errors taken for Gaussian of one variance, estimated with `df` degrees of freedom.

    Parameters
    ----------
    centre : ndarray, shape (m,)
        Point forecasts, metric.
    risk : float
        Mean square error to expect, metric².
    df : float
    """

    centre: Array
    risk: float
    df: float

    @property
    def sd(self) -> Array:
        """Root mean square error to expect, (m,), metric."""
        return np.full(len(self.centre), np.sqrt(self.risk))

    def interval(self, confidence: float) -> tuple[Array, Array]:
        """Lower and upper limits, (m,) each."""
        half = stats.t.ppf((1 + confidence) / 2, self.df) * self.sd
        return self.centre - half, self.centre + half

    def above(self, threshold: float) -> Array:
        """Probability that a run ends at the threshold or above, (m,)."""
        return np.asarray(stats.t.sf((threshold - self.centre) / np.sqrt(self.risk), self.df))


@dataclass(frozen=True)
class Jackknife:
    """Forecasts without each training run in turn, and its error then; groups weigh alike.

    Parameters
    ----------
    centre : ndarray, shape (m,)
    without : ndarray, shape (n, m)
        Forecasts of the m runs by predictors that have not seen the group of training run i.
    errors : ndarray, shape (n,)
        Error of that predictor on training run i.
    weights : ndarray, shape (n,)
        They add up to G/(G + 1) for G groups; the rest, 1/(G + 1), is what a group not seen may do.
    resolution : float
        Variance of rounding: no error is taken for smaller than half a step of the metric.
    """

    centre: Array
    without: Array
    errors: Array
    weights: Array
    resolution: float = 0.0

    @property
    def sd(self) -> Array:
        """Root mean square error to expect, (m,), metric."""
        risk = np.sum(self.weights * self.errors**2) / np.sum(self.weights)
        return np.full(len(self.centre), np.sqrt(max(risk, self.resolution)))

    def interval(self, confidence: float) -> tuple[Array, Array]:
        """Limits of the jackknife+ with groups kept whole, (m,) each; infinite where too few groups can tell.

        Source: Barber, Candès, Ramdas, Tibshirani (2021), Annals of Statistics 49, 486-507.
        """
        size = np.maximum(np.abs(self.errors), np.sqrt(3 * self.resolution))[:, None]
        low, high = size - self.without, self.without + size
        return -_quantile(low, self.weights, confidence), _quantile(high, self.weights, confidence)

    def above(self, threshold: float) -> Array:
        """Weight of forecast plus error at or above the threshold, and half of what is not known."""
        reach = self.without + self.errors[:, None] >= threshold
        return np.asarray(self.weights @ reach + (1 - self.weights.sum()) / 2)


def _quantile(values: Array, weights: Array, share: float) -> Array:
    """Smallest value of each column that values up to it have weight `share`; inf where all have less."""
    order = np.argsort(values, axis=0)
    reached = np.cumsum(weights[order], axis=0) >= share - 1e-9
    first = np.argmax(reached, axis=0)
    columns = np.arange(values.shape[1])
    return np.where(reached.any(axis=0), values[order[first, columns], columns], np.inf)


def predictive(
    x: Array, y: Array, group: Labels, new: Array, predict: Predict, parameters: float, folds: int | None,
    rng: int | np.random.Generator | None, method: str, resolution: float = 0.0,
) -> Student | Jackknife:  # fmt: skip
    """Predictive distributions of the runs `new`, (m, p), from runs whose end is known.

    Parameters
    ----------
    x : ndarray, shape (n, p)
    y : ndarray, shape (n,)
    group : ndarray of int, shape (n,)
        Errors are those on whole groups that the predictor has not seen.
    new : ndarray, shape (m, p)
    predict : callable
        ``predict(x_train, y_train, group_train, x_new)``.
    parameters : float
        Effective number of parameters of the predictor.
    folds : int or None
        See `group_folds`.
    rng : int, numpy.random.Generator or None
    method : {"t", "jackknife+"}
    resolution : float
        Variance of rounding, below which no risk is believed, metric².
    """
    parts = group_folds(group, folds, generator(rng), ALONE)
    errors, without = out_of_fold(x, y, group, predict, parts, new)
    centre = predict(x, y, group, new)
    _, number, sizes = np.unique(group, return_inverse=True, return_counts=True)
    if method == "jackknife+":
        return Jackknife(centre, without, errors, 1 / ((len(sizes) + 1) * sizes[number]), resolution)
    return Student(centre, max(float(np.mean(errors**2)), resolution), effective_df(errors, number, parameters))
