"""Predictive distributions of final metrics, from errors on runs that the predictor had not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

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

    def interval(self, confidence: float | Array) -> tuple[Array, Array]:
        """Lower and upper limits, (m,) each, at one confidence or one a run."""
        half = stats.t.ppf((1 + confidence) / 2, self.df) * self.sd
        return self.centre - half, self.centre + half

    def above(self, threshold: float) -> Array:
        """Probability that a run ends at the threshold or above, (m,)."""
        return np.asarray(stats.t.sf((threshold - self.centre) / np.sqrt(self.risk), self.df))

    def on_other_rows(self, added: float, least: float, df: float) -> Student:
        """The law with a variance added that has degrees of freedom of its own, and at least `least` in all."""
        risk = max(self.risk + added, least)
        return replace(self, risk=risk, df=max(1.0, risk**2 / (self.risk**2 / self.df + added**2 / df)))


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

    def interval(self, confidence: float | Array) -> tuple[Array, Array]:
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

    def on_other_rows(self, added: float, least: float, df: float) -> Jackknife:
        """The law with errors as much larger as the variance that is added to their mean square makes them."""
        risk = float(np.sum(self.weights * self.errors**2) / np.sum(self.weights))
        scale = np.sqrt(max(risk + added, least) / risk) if risk > 0 else 1.0
        return replace(self, errors=self.errors * scale)


Law: TypeAlias = Student | Jackknife


def guaranteed_level(method: str, confidence: float, groups: int, parts: int) -> float | None:
    """Least coverage that is proven for exchangeable groups, whatever their errors look like; None: no such proof.

    Notes
    -----
    Jackknife+: ``1 - 2a``. In K parts (CV+) of n groups: less by the smaller one of ``2 (1 - 1/K) / (n/K + 1)`` and
    ``(1 - K/n) / (K + 1)`` (Barber, Candès, Ramdas, Tibshirani, 2021, Theorems 1 and 4, for parts of one size; groups
    in the place of runs).
    """
    if method == "t":
        return None
    size = groups / parts
    short = 0.0 if parts >= groups else min(2 * (1 - 1 / parts) / (size + 1), (1 - 1 / size) / (parts + 1))
    return max(0.0, 2 * confidence - 1 - short)


def _quantile(values: Array, weights: Array, share: float | Array) -> Array:
    """Smallest value of each column that values up to it have weight `share`; inf where all have less."""
    order = np.argsort(values, axis=0)
    reached = np.cumsum(weights[order], axis=0) >= share - 1e-9
    first = np.argmax(reached, axis=0)
    columns = np.arange(values.shape[1])
    return np.where(reached.any(axis=0), values[order[first, columns], columns], np.inf)


def predictive(
    x: Array, y: Array, group: Labels, new: Array, predict: Predict, parameters: float, folds: int | None,
    rng: int | np.random.Generator | None, method: str, resolution: float = 0.0,
) -> Law:  # fmt: skip
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
    method : {"t", "jackknife+", "cv+"}
    resolution : float
        Variance of rounding, below which no risk is believed, metric².
    """
    parts = group_folds(group, folds, generator(rng), ALONE)
    errors, without = out_of_fold(x, y, group, predict, parts, new)
    centre = predict(x, y, group, new)
    _, number, sizes = np.unique(group, return_inverse=True, return_counts=True)
    if method != "t":
        return Jackknife(centre, without, errors, 1 / ((len(sizes) + 1) * sizes[number]), resolution)
    return Student(centre, max(float(np.mean(errors**2)), resolution), effective_df(errors, number, parameters))
