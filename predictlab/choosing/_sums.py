"""Sums over the runs of each candidate, by rung, and the level and unit of each rung."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from predictlab.risk import is_invalid
from predictlab.risk._curve import Array

ENOUGH = 4  # candidates at two rungs, for how their units differ


class Sums:
    """Counts, values and products with the rung before, in units of the rungs; (K, N, 1) each.

    Parameters
    ----------
    values : sequence of ndarray, (S_i, K) each
        NaN beyond the rung that a run has reached.
    centre, scale : ndarray, shape (K,)

    Attributes
    ----------
    count, y, y0, yy, y0y, y0y0 : ndarray, shape (K, N, 1)
        Of the runs that have come to the rung; y0 is a rung before it, and 0 at the first.
    here : ndarray, shape (K, N, 1)
        1 where a candidate has come to the rung, else 0.
    reached, runs : ndarray, shape (K, 1)
        Candidates and runs that have come to each rung.
    values : ndarray, shape (N, 1)
        Values that were read of each candidate.
    """

    def __init__(self, values: Sequence[Array], centre: Array, scale: Array) -> None:
        owner = np.repeat(np.arange(len(values)), [len(v) for v in values])
        mine = (owner == np.arange(len(values))[:, None]).astype(float)  # (N, runs)
        y = (np.concatenate(values) - centre) / scale
        here = np.isfinite(y)
        y = np.where(here, y, 0.0)
        y0 = np.where(here, np.column_stack([np.zeros(len(y)), y[:, :-1]]), 0.0)
        self.count, self.y, self.y0, self.yy, self.y0y, self.y0y0 = (
            (mine @ what).T[:, :, None] for what in (here.astype(float), y, y0, y * y, y0 * y, y0 * y0)
        )
        self.here = (self.count > 0).astype(float)
        self.reached, self.runs, self.values = self.here.sum(axis=1), self.count.sum(axis=1), self.count.sum(axis=0)


def units(values: Sequence[Array], rungs: int) -> tuple[Array, Array]:
    """Level and unit of each rung, (K,) each; in these units slopes along the rungs are about 1.

    Only the best go deep, so that their spread there is not that of all: it is corrected for the restriction of range
    (Pearson; Lawley 1943), and drawn towards the rung before where few have come.
    """
    means = np.full((len(values), rungs), np.nan)
    for i, v in enumerate(values):
        count = np.isfinite(v).sum(axis=0)
        means[i, count > 0] = np.nansum(v, axis=0)[count > 0] / count[count > 0]
    centre, scale = np.zeros(rungs), np.ones(rungs)
    for j in range(rungs):
        here = means[np.isfinite(means[:, j])]
        if j == 0:
            scale[0] = float(np.std(here[:, 0])) or 1.0
            centre[0] = here[:, 0].mean()
            continue
        scale[j], centre[j] = scale[j - 1], here[:, j].mean() if len(here) else centre[j - 1]
        if len(here) < ENOUGH or not np.std(here[:, j - 1]) > 0:
            continue
        x, y = here[:, j - 1] - here[:, j - 1].mean(), here[:, j] - here[:, j].mean()
        slope = float(x @ y / (x @ x))
        rest = float(np.mean((y - slope * x) ** 2))
        ratio = np.sqrt(rest + slope**2 * scale[j - 1] ** 2) / scale[j - 1]
        scale[j] *= float(np.clip(ratio, 0.05, 20.0) ** (len(here) / (len(here) + ENOUGH))) if ratio > 0 else 1.0
    return centre, scale


def wide(rows: pd.DataFrame, seeds: Sequence[int], depths: Sequence[int]) -> Array:
    """Values of runs at depths, (S, K); NaN where one was not measured, or diverged."""
    values = rows["value"].to_numpy(dtype=float).copy()
    values[is_invalid(rows).to_numpy()] = np.nan
    seed, depth = rows["seed"].to_numpy(), rows["depth"].to_numpy()
    found = np.full((len(seeds), len(depths)), np.nan)
    for line, column in np.ndindex(found.shape):
        here = values[(seed == seeds[line]) & (depth == depths[column])]
        found[line, column] = here.mean() if len(here) else np.nan
    return found
