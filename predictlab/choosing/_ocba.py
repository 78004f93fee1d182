"""Optimal computing budget allocation: so many runs for each candidate that the best is found most surely."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from predictlab._validation import option, positive
from predictlab.errors import bad_argument
from predictlab.risk._curve import Array


def ocba(
    means: ArrayLike,
    variances: ArrayLike,
    used: ArrayLike,
    add: float,
    *,
    better: str = "higher",
    costs: ArrayLike | None = None,
) -> Array:
    """Share a budget among candidates by the rule of optimal computing budget allocation.

    Parameters
    ----------
    means : array_like, shape (N,)
        Of the runs of each candidate so far, metric.
    variances : array_like, shape (N,)
        Of one run of each, > 0, metric².
    used : array_like, shape (N,)
        Runs that each has had, >= 0.
    add : float
        > 0: runs that may be added; with `costs` the cost of those.
    better : {"higher", "lower"}
        Which mean is the best.
    costs : array_like, shape (N,), optional
        Of one run of each, > 0; default 1.

    Returns
    -------
    ndarray, shape (N,)
        Runs to add to each, >= 0, not rounded; their cost adds up to `add`. Candidates that have had more than their
        share already get none, and the others share what is left by the same ratios.

    Raises
    ------
    ArgumentError
        Fewer than two candidates, lengths that differ, or numbers out of their range.

    Notes
    -----
    With ``d_i`` the difference to the best ``b``: ``N_i / N_j = (s_i / d_i)² / (s_j / d_j)²`` and
    ``N_b = s_b sqrt(sum N_i² / s_i²)``, with costs ``N_b = s_b sqrt(sum (c_i / c_b) N_i² / s_i²)``. Source: Chen, Lin,
    Yücesan, Chick (2000), Discrete Event Dynamic Systems 10, 251-270; Chen, Lee (2010), Stochastic Simulation
    Optimization. Candidates that tie with the best are taken as a ten-thousandth of the largest difference behind it.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.choosing.ocba([1.2, 2.1, 3.4], [3.3, 2.0, 4.5], [12, 6, 5], 20, better="lower").round(1).tolist()
    [9.1, 9.9, 1.0]
    """
    mean = np.asarray(means, dtype=float)
    if mean.ndim != 1 or len(mean) < 2 or not np.all(np.isfinite(mean)):
        raise bad_argument("means", means, "finite means of at least two candidates")
    variance, had = _like("variances", variances, mean, above=True), _like("used", used, mean, above=False)
    price = np.ones(len(mean)) if costs is None else _like("costs", costs, mean, above=True)
    budget = positive("add", add, " (runs, or their cost)")
    gain = mean if option("better", better, ("higher", "lower")) == "higher" else -mean
    best = int(np.argmax(gain))
    behind = gain[best] - gain
    behind = np.maximum(behind, 1e-4 * behind.max() if behind.max() > 0 else 1.0)
    ratio = variance / behind**2
    ratio[best] = 0.0
    ratio[best] = np.sqrt(variance[best] * np.sum(price / price[best] * ratio**2 / variance))
    open_ = np.ones(len(mean), dtype=bool)
    while True:
        left = budget + np.sum((price * had)[open_])
        whole = np.where(open_, left * ratio / np.sum((price * ratio)[open_]), had)
        over = open_ & (whole < had)
        if not over.any():
            return np.asarray(np.where(open_, whole - had, 0.0))
        open_ &= ~over


def _like(name: str, value: ArrayLike, means: Array, *, above: bool) -> Array:
    """Finite numbers, one a candidate, above 0 or at least 0."""
    found = np.asarray(value, dtype=float)
    low = np.all(found > 0) if above else np.all(found >= 0)
    if found.shape != means.shape or not (np.all(np.isfinite(found)) and low):
        raise bad_argument(name, value, f"{len(means)} finite numbers {'> 0' if above else '>= 0'}")
    return found
