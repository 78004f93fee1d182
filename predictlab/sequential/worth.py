"""What more seeds or a deeper depth are worth: expected gain of precision about what decides, per unit of cost."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictlab.decay import DecayResults
from predictlab.decay.likelihood import mean
from predictlab.probe import ProbePlan
from predictlab.risk.spread import log_covariance
from predictlab.sequential.sources import Source

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
    seeds, last = len(plan.seeds), plan.depths[-1]
    found = []
    more = min(max(4, math.ceil(GROWTH * seeds)), int(left / price / source.steps(1, last, 0) + 1e-9))
    if more >= max(2, seeds // 10):  # fewer would tell nothing new
        new = range(max(plan.seeds) + 1, max(plan.seeds) + 1 + more)
        cost = price * source.steps(more, last, 0)
        found.append(Step(ProbePlan(plan.depths, (*plan.seeds, *new)), cost, f"{more} more seeds"))
    deeper = min(2 * last, source.max_depth or sys.maxsize)
    cost = price * source.steps(seeds, deeper, last)
    if deeper >= 1.25 * last and cost <= left * (1 + 1e-9):
        found.append(Step(ProbePlan((*plan.depths, deeper), plan.seeds), cost, f"depth {deeper} for all seeds"))
    return found


def squared_correlation(fit: DecayResults) -> Array:
    """Squared correlation of the runs between the fitted depths, (k, k), drawn towards 0 by about its own error."""
    curve = fit.fitted
    df = np.asarray(curve.df)
    covariance = curve.log_covariance
    if covariance is None:
        covariance = np.diag(2 / df) if curve.errors is None else log_covariance(curve.errors, df)
    own = 1 / (df[-1] + 1)
    r2 = np.clip(covariance * np.sqrt(np.outer(df, df)) / 2, 0.0, 1.0)
    return np.asarray((1 - own) * r2 + own * np.eye(len(df)))


def variance_left(target: Array, seen: Array, noise: Array) -> float:
    """Share of the variance of `target` expected to be left once `seen` has been observed with `noise`.

    Bayes linear: ``1 - c' (S + N)^-1 c / Var(target)`` with ``S`` the covariance of `seen` over the draws and ``c``
    that with the target. It needs no point at which to linearise, so a rate that the depths do not identify, or a floor
    at its boundary, are ordinary cases.

    Parameters
    ----------
    target : ndarray, shape (n,)
        Over draws of the fit.
    seen : ndarray, shape (n, m)
        What would be measured without error.
    noise : ndarray, shape (m, m)
        Covariance of its error.

    Notes
    -----
    Source: Goldstein, Wooff (2007), Bayes Linear Statistics, ch. 3.
    """
    q, z = target - target.mean(), seen - seen.mean(axis=0)
    c = z.T @ q / len(q)
    variance = float(q @ q) / len(q)
    return max(1 - float(c @ np.linalg.solve(z.T @ z / len(q) + noise, c)) / variance, 1e-12)


def share_left(fit: DecayResults, draws: Array, target: Array, now: ProbePlan, step: Step) -> float:
    """Share of the target's variance expected to be left after `step`, from a fit of the runs of plan `now`."""
    depth, df, r2 = np.asarray(fit.fitted.depth), float(np.asarray(fit.fitted.df)[-1]), squared_correlation(fit)
    new = len(step.plan.seeds) - len(now.seeds)

    def log_risk(at: Array) -> Array:
        return np.log(mean(at, draws[:, :1], draws[:, 1:2], draws[:, 2:]))

    if new:
        return variance_left(target, log_risk(depth), 2 / new * r2)
    # the same runs, one depth deeper: what is new is what the depths before do not tell; along the chain of depths
    # it is taken to hang together with the last as that does with the one before
    row = r2[-1] * r2[-1, -2]
    given = np.linalg.solve(r2, row)
    fresh = log_risk(np.array([float(step.plan.depths[-1])])) - log_risk(depth) @ given[:, None]
    return variance_left(target, fresh, np.array([[2 / df * (1 - float(row @ given))]]))


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
