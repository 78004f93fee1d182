"""Two modes: a few runs that end apart from all others, where a variance alone misleads (docs/theory.md, section 7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictlab.decay._law import Array
from predictlab.risk import RiskCurve

LEAST_RUNS = 6  # of fewer, one run apart from the rest is nothing unusual


@dataclass(frozen=True)
class Modes:
    """Runs that end apart.

    Attributes
    ----------
    runs : tuple of str
        The runs of the smaller group; their numbers (from 0) where the curve does not name them.
    index : tuple of int
        Their rows in the curve's `errors`.
    count, of : int
        Runs in the smaller group, and in all.
    lower : bool
        Whether the smaller group has the lower values.
    gap : float
        Distance of the groups over the standard deviation in the larger one.
    share_interval : (float, float)
        95 % interval of the share of such runs (Clopper-Pearson, by statsmodels).
    """

    runs: tuple[str, ...]
    index: tuple[int, ...]
    count: int
    of: int
    lower: bool
    gap: float
    share_interval: tuple[float, float]

    def sentence(self) -> str:
        """What was seen, in words."""
        few, many = self.share_interval
        names = ", ".join(self.runs[:4]) + (", …" if self.count > 4 else "")
        ends = "ends" if self.count == 1 else "end"
        return (
            f"Two modes: {self.count} of {self.of} runs {ends} {'below' if self.lower else 'above'} all others by "
            f"{self.gap:.1f} of their standard deviations ({names}); share of such runs {self.count / self.of:.0%} "
            f"(95 %: {few:.0%} to {many:.0%}). One variance misleads here: see without_modes()."
        )


def threshold(runs: int) -> float:
    """Gap that is taken for two modes: one that Gaussian samples of so many runs seldom show.

    At most about one sample in a hundred does: benchmarks/constants.py.
    """
    return max(4.0, 9.5 * (LEAST_RUNS / runs) ** 2)


def largest_gap(values: Array) -> tuple[float, int, bool]:
    """Largest gap that parts at most a third of the values (n,) from the others.

    Returns
    -------
    gap : float
        In standard deviations of the larger group.
    count : int
        Size of the smaller group.
    lower : bool
    """
    x = np.sort(values)
    best = (0.0, 0, True)
    for count in range(1, len(x) // 3 + 1):
        for lower, ordered in ((True, x), (False, -x[::-1])):
            deviation = np.std(ordered[count:], ddof=1)
            gap = ordered[count] - ordered[count - 1]
            if deviation > 0 and gap / deviation > best[0]:
                best = (float(gap / deviation), count, lower)
    return best


def find_modes(curve: RiskCurve) -> Modes | None:
    """Two modes among the ends of the runs of a spread, or None."""
    if curve.estimator != "spread" or curve.errors is None or len(curve.errors) < LEAST_RUNS:
        return None
    ended = np.flatnonzero(np.isfinite(curve.errors[:, -1]))
    if len(ended) < LEAST_RUNS:
        return None
    ends = curve.errors[ended, -1]
    gap, count, lower = largest_gap(ends)
    if gap <= threshold(len(ends)):
        return None
    from statsmodels.stats.proportion import proportion_confint

    order = np.argsort(ends, kind="stable")
    index = sorted(int(ended[i]) for i in (order[:count] if lower else order[len(ends) - count :]))
    names = tuple(str(i) if curve.runs is None else curve.runs[i] for i in index)
    few, many = proportion_confint(count, len(ends), alpha=0.05, method="beta")
    return Modes(names, tuple(index), count, len(ends), lower, gap, (float(few), float(many)))
