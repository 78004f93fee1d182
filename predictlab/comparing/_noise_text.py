"""Sentences of `Noise.summary`: the evaluation set, the churn, repeats of a seed and of the evaluation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from predictlab.comparing._evidence import by_cluster

if TYPE_CHECKING:
    from predictlab.comparing._noise import Noise

_Z80 = 1.2815515655446004  # of an 80 % range


def lines_of_rows(noise: Noise) -> list[str]:
    """What is said of rows, churn and repeats."""
    e, lines = noise.evidence, []
    if e.repeats is not None:
        variance, df = e.repeats
        lines.append(f"runs of one and the same seed: sd {math.sqrt(variance):.3g} ({df} degrees of freedom)")
    if noise.parts is not None:
        low, high = (v / noise.parts.rows for v in noise.parts.interval("interaction", noise.confidence))
        lines.append(
            f"rows: {100 * noise.rows_share:.0f} % of the variance over runs is this evaluation set "
            f"(sd {math.sqrt(max(noise.parts.rows_part, 0)):.3g} [{math.sqrt(low):.3g}, {math.sqrt(high):.3g}])"
        )
    elif noise.from_prior and noise.rows:
        low, mid, high = (math.sqrt(noise.interaction(q * _Z80) / noise.rows) for q in (-1, 0, 1))
        why = "no outcomes were given" if e.row_means is None else "one run does not show it"
        lines.append(
            f"rows, by a prior ({why}; h = .45, 80 % of tasks .24 to .85): sd {mid:.2g} [{low:.2g}, {high:.2g}, 80 %]"
        )
        if noise.runs > 1 and not noise.evidence.variance > 2 * high**2:
            lines.append("with that, runs and rows cannot be told apart; outcomes of each row would")
    if math.isfinite(noise.churn):
        lines.append(f"two runs disagree on {100 * noise.churn:.1f} % of the rows" + " (prior)" * noise.from_prior)
    lines += _of_epochs(noise)
    if noise.rows is not None:
        single = math.sqrt(e.mean * (1 - e.mean) / noise.rows) if e.is_share else math.nan
        if e.row_means is not None and noise.runs == 1:
            single = _error_of_one(noise)
        if math.isfinite(single):
            lines.append(f"one run's number on these rows is within {1.96 * single:.2g} of its own on all rows (95 %)")
        if e.is_share:
            lines.append(f"one row more or less right moves a run by {1 / noise.rows:.2g}")
    return lines


def _of_epochs(noise: Noise) -> list[str]:
    """What repeats of the evaluation say, and whether more of them pay."""
    e, sampling = noise.evidence, noise.evidence.sampling
    if sampling is None or e.outcomes is None:
        return []
    low, high = (max(0.0, sampling.variance + k * 1.96 * sampling.error) for k in (-1, 1))
    of_rows = float(np.asarray(e.outcomes, dtype=float).var(axis=1, ddof=1).mean())
    left, size = sampling.variance / sampling.epochs, e.outcomes.shape[1]
    now, least = (math.sqrt(max(v, 0.0) / size) for v in (of_rows, of_rows - left))
    again = "otherwise" + f" on {200 * sampling.variance:.1f} % of the rows" * sampling.right_or_wrong
    return [
        f"the same run, asked again, answers {again}: sd {math.sqrt(sampling.variance):.3g} an answer "
        f"[{math.sqrt(low):.3g}, {math.sqrt(high):.3g}]; that is sampling, and says nothing of seeds",
        f"{sampling.epochs:.3g} epochs: the error of one run's number over rows is {now:.2g}, and not below "
        f"{least:.2g} with more epochs{'' if now > 1.1 * least else ': they no longer pay'}",
    ]


def _error_of_one(noise: Noise) -> float:
    """Standard error over rows (or clusters) of one run's mean."""
    e = noise.evidence
    assert e.row_means is not None
    d = by_cluster(e.row_means - e.mean, e.cluster)
    return float(math.sqrt(np.sum(d**2) * len(d) / (len(d) - 1)) / len(e.row_means))
