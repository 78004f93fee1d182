"""Power of a comparison of two recipes: S runs of each, n rows, one t test on 2 (S - 1) degrees of freedom."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct
from scipy.stats import t as student

MOST_SEEDS = 4096


def variance_of_difference(run: float, interaction: float, seeds: float, rows: float) -> float:
    """``2 (sigma_run² + sigma_int² / n) / S``, metric² (docs/theory.md, section 8)."""
    return 2 * (run + (interaction / rows if rows < math.inf else 0.0)) / seeds


def power_of(difference: float, variance: float, seeds: int, significance: float = 0.05) -> float:
    """Chance that a true difference is seen; 0 with one run each, whose spread is not known."""
    if seeds < 2:
        return 0.0
    if variance <= 0:
        return 1.0
    df = 2 * (seeds - 1)
    crit, shift = student.isf(significance / 2, df), abs(difference) / math.sqrt(variance)
    if shift > 35:  # where the noncentral law is out of reach, power is 1
        return 1.0
    other = float(nct.cdf(-crit, df, shift))  # NaN where it is too small to be told from 0
    return float(nct.sf(crit, df, shift)) + (other if math.isfinite(other) else 0.0)


def smallest_difference(variance: float, seeds: int, power: float = 0.8, significance: float = 0.05) -> float:
    """The difference that is seen with this power, metric; inf with one run each."""
    if seeds < 2:
        return math.inf
    df = 2 * (seeds - 1)
    guess = float(student.isf(significance / 2, df) + student.isf(1 - power, df))
    shift = brentq(lambda x: power_of(x, 1.0, seeds, significance) - power, 0.0, 2 * guess + 1, xtol=1e-6)
    return float(shift) * math.sqrt(variance)


def seeds_needed(
    difference: float, run: float, interaction: float, rows: float, power: float = 0.8, significance: float = 0.05
) -> float:
    """Fewest runs of each recipe; inf above 4,096."""

    def enough(seeds: int) -> bool:
        return power_of(difference, variance_of_difference(run, interaction, seeds, rows), seeds, significance) >= power

    high = 2
    while not enough(high):
        high *= 2
        if high > MOST_SEEDS:
            return math.inf
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def rows_needed(
    difference: float, run: float, interaction: float, seeds: int, power: float = 0.8, significance: float = 0.05
) -> float:
    """Fewest rows, with S runs of each; inf where the runs' own spread is too wide already."""
    if seeds < 2:
        return math.inf
    unit = smallest_difference(1.0, seeds, power, significance)
    room = (difference / unit) ** 2 * seeds / 2 - run
    return float(np.ceil(interaction / room)) if room > 0 else math.inf
