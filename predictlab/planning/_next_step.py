"""What more seeds or a deeper depth are worth: expected gain of precision about what decides, per unit of cost."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictlab.decay import DecayResults
from predictlab.planning._sources import Source
from predictlab.planning._value import further_depths, more_runs, variance_left
from predictlab.probing import ProbePlan

Array = NDArray[np.float64]
GROWTH = 0.5  # of the number of seeds in one step


@dataclass(frozen=True)
class Step:
    """One way to go on: the plan it leads to, its cost, and in words what it adds."""

    plan: ProbePlan
    cost: float
    what: str


def ways_on(source: Source, plan: ProbePlan, left: float, price: float) -> list[Step]:
    """Ways to go on from `plan` that `left` pays for, at `price` a step."""
    seeds, last = len(plan.run_seeds), plan.depths[-1]
    found = []
    more = min(max(4, math.ceil(GROWTH * seeds)), int(left / price / source.steps(1, last, 0) + 1e-9))
    if more >= max(2, seeds // 10):  # fewer would tell nothing new
        new = range(max(plan.run_seeds) + 1, max(plan.run_seeds) + 1 + more)
        cost = price * source.steps(more, last, 0)
        found.append(Step(ProbePlan(plan.depths, (*plan.run_seeds, *new)), cost, f"{more} more seeds"))
    deeper = min(2 * last, source.max_depth or sys.maxsize)
    cost = price * source.steps(seeds, deeper, last)
    if deeper >= 1.25 * last and cost <= left * (1 + 1e-9):
        found.append(Step(ProbePlan((*plan.depths, deeper), plan.run_seeds), cost, f"depth {deeper} for all seeds"))
    return found


def share_left(fit: DecayResults, draws: Array, target: Array, now: ProbePlan, step: Step) -> float:
    """Share of the target's variance expected to be left after `step`, from a fit of the runs of plan `now`."""
    new = len(step.plan.run_seeds) - len(now.run_seeds)
    measured = more_runs(fit, draws, new) if new else further_depths(fit, draws, [float(step.plan.depths[-1])])
    return variance_left(target, measured.seen, measured.noise)


def best_step(
    fit: DecayResults, draws: Array, target: Array, name: str, now: ProbePlan, steps: list[Step]
) -> tuple[Step, str]:
    """The step that gains most precision about the target per cost, and why.

    Parameters
    ----------
    fit : DecayResults
        Of the runs of plan `now`.
    draws : ndarray, shape (n, 3)
        Of the fit: ``L_int``, ``K``, ``alpha``.
    target : ndarray, shape (n,)
        What decides, over the draws.
    name : str
        What it is called.
    now : ProbePlan
    steps : list of Step
        At least one.
    """
    if np.ptp(target) == 0:
        return min(steps, key=lambda step: step.cost), f"all draws agree on {name}: the cheapest step"
    left = [share_left(fit, draws, target, now, step) for step in steps]
    gains = [(1 / share - 1) / step.cost for share, step in zip(left, steps, strict=True)]
    told = (f"{s.what} (cost {s.cost:g}) to {share:.0%}" for s, share in zip(steps, left, strict=True))
    return steps[int(np.argmax(gains))], f"variance of {name} expected to fall with {', with '.join(told)}"
