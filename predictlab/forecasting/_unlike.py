"""Runs unlike those learnt from: how far they are, and how much wider that makes their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictlab.forecasting._predictive import Law
from predictlab.risk._curve import Array
from predictlab.risk._trajectories import Labels

# Beyond the runs learnt from, in units of their range (of their largest distance): where widening begins, and is full,
# for many groups. Of few the range itself is little known: both are 1 + FEW / groups times as far then.
BEGINS, FULL, FEW = 0.25, 0.5, 8.0
SMALLEST = 0.01  # variance of a direction that no run differs in, of standardised features


def unlikeness(x: Array, group: Labels, new: Array) -> Array:
    """How far new runs are from those learnt from, (m,): 0 for one like them, 1 for one that nothing is known of.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Features of the runs learnt from; constant ones say nothing.
    group : ndarray of int, shape (n,)
    new : ndarray, shape (m, p)

    Returns
    -------
    ndarray, shape (m,)
        The greater one of two: by how much a single feature is out of the range of the others, and by how much the
        Mahalanobis distance exceeds the largest one among them, each measured from the groups other than its own (so
        that few runs and many features call nobody unlike).
    """
    if not x.shape[1] or not len(new):
        return np.zeros(len(new))
    low, high = x.min(axis=0), x.max(axis=0)
    room = np.where(high > low, high - low, np.inf)
    beyond = np.max(np.maximum(low - new, new - high) / room, axis=1)
    groups = np.unique(group)
    if len(groups) > x.shape[1] + 2:  # with fewer, any run is far from the rest in some direction
        usual = max(float(_distances(x[group != g], x[group == g]).max()) for g in groups)
        beyond = np.maximum(beyond, _distances(x, new) / usual - 1 if usual > 0 else 0.0)
    return np.asarray(np.clip((beyond / (1 + FEW / len(groups)) - BEGINS) / (FULL - BEGINS), 0.0, 1.0))


def _distances(x: Array, new: Array) -> Array:
    """Mahalanobis distance of `new` from `x`, constant features left out."""
    centre, scale = x.mean(axis=0), x.std(axis=0)
    keep = scale > 1e-12 * np.maximum(1.0, np.abs(centre))
    z, far = ((v[:, keep] - centre[keep]) / scale[keep] for v in (x, new))
    covariance = z.T @ z / len(z) + SMALLEST * np.eye(keep.sum())
    return np.sqrt(np.sum(far * np.linalg.solve(covariance, far.T).T, axis=1))


@dataclass(frozen=True)
class Widened:
    """A law whose interval reaches, run by run, towards that of a run of which nothing is known.

    Parameters
    ----------
    own : Student or Jackknife
        From all that is known.
    blind : Student or Jackknife
        From the ends of the other runs alone.
    share : ndarray, shape (m,)
        0: the own interval. 1: the smallest interval that holds both, and the own curve.
    path : ndarray, shape (m, c)
        Ends by the run's own curve alone, metric; NaN where unknown.
    """

    own: Law
    blind: Law
    share: Array
    path: Array

    @property
    def _ends(self) -> tuple[Array, Array]:
        """Lowest and highest end by the own curve, (m,); the centre where there is none."""
        ends = np.column_stack([self.own.centre, self.path])
        return np.nanmin(ends, axis=1), np.nanmax(ends, axis=1)

    @property
    def centre(self) -> Array:
        """Point forecasts, (m,), metric: those of the own law."""
        return self.own.centre

    @property
    def sd(self) -> Array:
        """Root mean square error to expect, (m,), metric: where nothing is known, that of an end like any other."""
        own, centre = self.own.sd**2, self.own.centre
        away = np.max([np.abs(end - centre) for end in (self.blind.centre, *self._ends)], axis=0)
        blind = self.blind.sd**2 + away**2
        return np.asarray(np.sqrt(own + self.share * np.maximum(blind - own, 0.0)))

    def interval(self, confidence: float | Array) -> tuple[Array, Array]:
        """Lower and upper limits, (m,) each."""
        (low, high), (least, most) = self.own.interval(confidence), self.blind.interval(confidence)
        lowest, highest = self._ends
        least, most = np.fmin(least, lowest), np.fmax(most, highest)
        wide, share = self.share > 0, np.where(self.share > 0, self.share, 1.0)
        with np.errstate(invalid="ignore"):
            lower = np.where(wide & (least < low), low + share * (least - low), low)
            upper = np.where(wide & (most > high), high + share * (most - high), high)
        return np.where(np.isnan(lower), low, lower), np.where(np.isnan(upper), high, upper)

    def above(self, threshold: float) -> Array:
        """Probability of ending at the threshold or above, (m,): the level at which the interval reaches it."""
        own = self.own.above(threshold)
        if not np.any(self.share > 0):
            return own
        lower, upper = self.interval(np.zeros(len(own)))
        side = np.where(lower >= threshold, 1.0, np.where(upper < threshold, -1.0, 0.0))
        reached, beyond = np.zeros(len(own)), np.ones(len(own))
        for _ in range(50):
            middle = (reached + beyond) / 2
            lower, upper = self.interval(middle)
            holds = np.where(side > 0, lower >= threshold, upper < threshold)
            reached, beyond = np.where(holds, middle, reached), np.where(holds, beyond, middle)
        return np.where(self.share > 0, (1 + side * reached) / 2, own)
