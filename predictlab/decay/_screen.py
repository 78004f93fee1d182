"""Where the deviances of thousands of curves at the same depths have their valleys (docs/theory.md, section 3).

The cube root of a Gamma variable is nearly Gaussian (Wilson, Hilferty 1931, PNAS 17, 684-688), and the deviance
residual of ``U / mu`` is ``3 sqrt(df / 2) ((U / mu)^(1/3) - 1)`` to second order. In that form the best scale of a
shape and its deviance are ratios of sums over depths, so that every shape of a grid is seen for every curve by matrix
products.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictlab.decay._law import Array, logit_range, shape

Index = NDArray[np.intp]

_LOGITS = 40
_MARGIN = 10.0  # a valley is left out if its deviance is worse than the best by more than this
_LIFT = 0.5  # most that a parabola through three cells may add to the middle one
_BLOCK = 128  # curves at a time: what the caches hold


def valleys(
    u: Array, risk: Array, df: Array, weight: Array | None, rates: Array
) -> tuple[Index, Array, Array, Array, Index]:
    """Starts of searches, one for each valley of the profile along the rates.

    Parameters
    ----------
    u : ndarray, shape (k,)
        See `predictlab.decay._law`.
    risk, df : ndarray, shape (k, n)
    weight : ndarray, shape (k, k), or None
    rates : ndarray, shape (a,)

    Returns
    -------
    curve : ndarray of int, shape (m,)
        Which curve each start is of. The first n are the best without a floor, one a curve.
    log_level, logit, rate : ndarray, shape (m,)
        Logarithm of the risk at the last depth, logit of the floor's share there, and rate.
    followed : ndarray of int
        Which starts without a floor are the best of their valley.
    """
    k, n = risk.shape
    low, high = logit_range(u, rates)
    inner = low + np.linspace(0, 1, _LOGITS) * (high[:, None] - low)
    logits = np.concatenate([np.full((len(rates), 1), -np.inf), inner], axis=1)
    size = logits.shape
    root = shape(u, np.broadcast_to(rates[:, None], size), logits).reshape(-1, k) ** (-1 / 3)
    unit = np.exp(np.mean(np.log(risk), axis=0))
    c = np.sqrt(df)
    z = c * np.cbrt(risk / unit)
    # with x = z root the residuals at a scale of t^-3 are t x - c: best t = c' W x / x' W x
    if weight is None:
        pairs, wc = root * root, c
    else:
        i, j = np.triu_indices(k)
        pairs, wc = root[:, i] * root[:, j] * (np.where(i == j, 1.0, 2.0) * weight[i, j]), weight @ c
    # half the digits are enough to rank the cells of a grid, in half the time
    root32, pairs32 = root.astype(np.float32), pairs.astype(np.float32)
    row_of, everyone = np.arange(len(rates))[:, None], np.arange(n)
    column, edge = np.empty((len(rates), n), dtype=np.intp), np.empty(n, dtype=np.intp)
    profile, shift = np.empty((len(rates), n)), np.empty((len(rates), n))
    for begin in range(0, n, _BLOCK):
        block = slice(begin, begin + _BLOCK)
        some, pull = z[:, block], z[:, block] * wc[:, block]
        explained = root32 @ pull.astype(np.float32)
        np.maximum(explained, 0.0, out=explained)
        explained *= explained
        explained /= pairs32 @ (some * some if weight is None else some[i] * some[j]).astype(np.float32)
        explained *= 4.5
        explained = explained.reshape(*size, -1)
        at, here = explained.argmax(axis=1), everyone[: some.shape[1]]
        best = explained[row_of, at, here].astype(float)
        # a parabola through the neighbours: without it the profile along the rates is as rough as the grid
        middle = np.clip(at, 2, size[1] - 2)
        left, right = (explained[row_of, middle + d, here].astype(float) for d in (-1, 1))
        bend = np.minimum(left + right - 2 * best, -1e-300)
        off = np.where(at == middle, np.clip(0.5 * (left - right) / bend, -0.5, 0.5), 0.0)
        column[:, block], shift[:, block], edge[block] = at, off, explained[:, 0].argmax(axis=0)
        profile[:, block] = best + np.minimum(0.25 * (right - left) * off, _LIFT)
    outside = np.full((1, n), -np.inf)
    padded = np.concatenate([outside, profile, outside])
    peak = (profile >= padded[:-2]) & (profile >= padded[2:]) & (profile >= profile.max(axis=0) - _MARGIN)
    row, curve = np.nonzero(peak & (column > 0))
    row_edge, curve_edge = np.nonzero(peak & (column == 0) & (row_of != edge))
    floors = n + len(row_edge)  # starts with a floor come after those without
    followed = np.concatenate([np.flatnonzero((peak & (column == 0))[edge, everyone]), np.arange(n, floors)])
    row, curve = np.concatenate([edge, row_edge, row]), np.concatenate([everyone, curve_edge, curve])
    at = column[row, curve]
    at[:floors] = 0
    x = root[row * size[1] + at].T * z[:, curve]
    wx = x if weight is None else weight @ x
    t = np.sum(wx * c[:, curve], axis=0) / np.sum(wx * x, axis=0)
    logit = logits[row, at]
    logit[floors:] += shift[row, curve][floors:] * (inner[row, 1] - inner[row, 0])[floors:]
    return curve, np.log(unit[curve]) - 3 * np.log(np.maximum(t, 1e-30)), logit, rates[row], followed
