"""Forecasts from a run's own curve alone: its last value, and two laws drawn on to the end."""

from __future__ import annotations

import numpy as np

from predictlab.risk._curve import Array

RATES = np.geomspace(0.1, 4.0, 25)  # of the power law
LEAST_LEFT = 1e-3  # of a share: what is left to a perfect one is not taken for less, for its logarithm is wanted


def own_curve_forecasts(values: Array, depths: Array, end: Array, best: float | None) -> dict[str, Array]:
    """Forecasts of the end of each run from its values so far.

    Parameters
    ----------
    values : ndarray, shape (n, k)
        The metric of each run at each depth; NaN where it was not measured.
    depths : ndarray, shape (k,)
        Steps, increasing, > 0.
    end : ndarray, shape (n,)
        Depth at which each run ends, steps.
    best : float or None
        What a perfect run would have: 1 for a share, 100 for percent; None: a metric without such a value.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        ``last_value``; from two depths ``log_log``, a line through the logarithms of depth and of what is left to
        `best` (of the metric itself where there is none, and only if it is positive); from three ``power_law``,
        ``a + b c^-r`` by least squares, r in [0.1, 4]. A run with fewer depths than that keeps its last value.
    """
    if not len(depths):
        return {}
    out = {"last_value": values[:, -1].copy()}
    if len(depths) >= 3:
        out["power_law"] = np.where(_count(values) >= 3, _power_law(values, depths, end), values[:, -1])
    left = values if best is None else np.maximum(best - values, LEAST_LEFT * best)
    if len(depths) >= 2 and not np.any(left <= 0):
        drawn = np.exp(_line(np.log(left), np.log(depths), np.log(end))[0])
        drawn = drawn if best is None else best - drawn
        out["log_log"] = np.where(_count(values) >= 2, drawn, values[:, -1])
    return out


def _count(values: Array) -> Array:
    return np.asarray(np.sum(np.isfinite(values), axis=1))


def _line(y: Array, x: Array, new: Array) -> tuple[Array, Array]:
    """Least squares of each row of `y` on `x`, NaN left out: value at `new` and sum of squared errors, (n,)."""
    known = np.isfinite(y)
    y, count = np.where(known, y, 0.0), np.maximum(known.sum(axis=1), 1)
    centre, mean = known @ x / count, y.sum(axis=1) / count
    around = known * (x - centre[:, None])
    slope = np.sum(around * y, axis=1) / np.maximum(np.sum(around**2, axis=1), 1e-300)
    missed = known * (y - mean[:, None]) - slope[:, None] * around
    return mean + slope * (new - centre), np.sum(missed**2, axis=1)


def _power_law(values: Array, depths: Array, end: Array) -> Array:
    """``a + b c^-r`` of least squares for each row, the rate from a grid, at its end."""
    with np.errstate(over="ignore"):
        tried = [_line(values, (depths / depths[-1]) ** -r, (end / depths[-1]) ** -r) for r in RATES]
    drawn, missed = (np.array(part) for part in zip(*tried, strict=True))
    return np.asarray(drawn[np.argmin(missed, axis=0), np.arange(len(values))])
