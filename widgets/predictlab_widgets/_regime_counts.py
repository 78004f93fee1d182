"""How many parameter draws of each task meet a tolerance, along a whole slider at once.

The browser must show the same regime as ``pl.classify`` at every slider position, without asking the kernel in the
middle of a drag. Both are shares of the same draws, so the kernel counts the draws once per slider position and
sends whole numbers (two bytes each); the browser only looks them up. Nothing here approximates: each count is what
``predictlab.phase.decision_probabilities`` gives at that position.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from predictlab.decay import law

Floats = NDArray[np.float64]
Counts = NDArray[np.uint16]

_CHUNK = 500_000  # draws handled at a time: bounds the temporary arrays with thousands of tasks


def _chunks(draws: Floats) -> Iterator[slice]:
    step = max(1, _CHUNK // draws.shape[2])
    for start in range(0, draws.shape[0], step):
        yield slice(start, start + step)


def _reached(first: NDArray[np.intp], size: int) -> Counts:
    """Draws, of each row, whose `first` position (``size``: never) is at or before each of `size` positions."""
    rows = np.arange(first.shape[0])[:, None] * (size + 1)
    counts = np.bincount((rows + first).ravel(), minlength=first.shape[0] * (size + 1))
    return counts.reshape(first.shape[0], size + 1)[:, :size].cumsum(axis=1).astype(np.uint16)


def sufficient_by_budget(draws: Floats, tolerance: float, budgets: Floats) -> Counts:
    """Draws that are Static-Sufficient at each of `budgets`, the tolerance held.

    Parameters
    ----------
    draws : array, shape (tasks, 3, n)
        Intrinsic limit (metric²), scale (metric²·steps^alpha) and decay rate of each draw; scale and rate >= 0.
    tolerance : float
        metric².
    budgets : array, shape (m,)
        Increasing, in steps, each > 1.

    Returns
    -------
    array of uint16, shape (tasks, m)
    """
    size = len(budgets)
    out = np.empty((draws.shape[0], size), dtype=np.uint16)
    for part in _chunks(draws):
        block = draws[part]
        low = np.zeros((block.shape[0], block.shape[2]), dtype=np.intp)
        high = np.full_like(low, size)
        # Risk never rises with the budget: find the first sufficient position by bisection. Evaluating the very same
        # expression as the rule, rather than solving for the crossing, keeps the counts right to the last bit.
        while (low < high).any():
            middle = (low + high) // 2
            enough = law(budgets[np.minimum(middle, size - 1)], *block.swapaxes(0, 1)) <= tolerance
            open_ = low < high
            high = np.where(open_ & enough, middle, high)
            low = np.where(open_ & ~enough, middle + 1, low)
        out[part] = _reached(low, size)
    return out


def by_tolerance(draws: Floats, budget: float, tolerances: Floats) -> tuple[Counts, Counts]:
    """Draws that are Static-Sufficient, and that are Noise-Dominant, at each of `tolerances`, the budget held.

    Parameters
    ----------
    draws : array, shape (tasks, 3, n)
        As in `sufficient_by_budget`.
    budget : float
        Steps, > 1.
    tolerances : array, shape (m,)
        Increasing, metric².

    Returns
    -------
    sufficient, noise : arrays of uint16, shape (tasks, m)
    """
    size, n = len(tolerances), draws.shape[2]
    sufficient = np.empty((draws.shape[0], size), dtype=np.uint16)
    noise = np.empty_like(sufficient)
    for part in _chunks(draws):
        block = draws[part]
        sufficient[part] = _reached(np.searchsorted(tolerances, law(budget, *block.swapaxes(0, 1))), size)
        noise[part] = n - _reached(np.searchsorted(tolerances, block[:, 0]), size)
    return sufficient, noise
