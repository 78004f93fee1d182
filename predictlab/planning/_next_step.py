"""The next step: what further measurements are expected to tell, and which of them to make.

Draws of the fit stand for what is known. A further measurement is what it would show without error, over the draws,
and the covariance of its error; the logarithm of a variance over `n` runs has variance ``2 phi / n``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from predictlab._validation import Z95, Rng, generator, positive
from predictlab.budget import FreshResults
from predictlab.budget._price import price_in_words, seconds_of
from predictlab.decay import DecayResults, Sample
from predictlab.phase import under_other_priors

Array = NDArray[np.float64]

CHANCE = 0.6  # that a call stands after the advised step
MOST_RUNS, MOST_FOLD = 1000, 20  # more runs than this, or times the present ones, are nobody's next step
DEEPER = (2, 4, 8)  # times the last depth
_TRUTHS = 96


@dataclass(frozen=True)
class Step:
    """More runs to a depth, what they cost, and what they are expected to do; the columns of `advise`."""

    runs: float = np.nan
    depth: float = np.nan
    chance: float = np.nan
    variance_left: float = np.nan
    cost: float = np.nan


@dataclass(frozen=True)
class Measurement:
    """What more probing would show: log risks `seen` (n draws, m), and the covariance of their error `noise` (m, m)."""

    seen: Array
    noise: Array


def errors_of_runs(fit: DecayResults) -> tuple[float, Array]:
    """Dispersion, and squared correlation over the fitted depths (k, k), drawn towards 0 by about its own error."""
    own = 1 / (fit.fitted.df[-1] + 1)
    dispersion, r2 = fit.errors_of_runs()
    return dispersion, np.asarray((1 - own) * r2 + own * np.eye(len(r2)))


def measurement(
    fit: DecayResults, sample: Sample, gained: float = 0.0, further: Sequence[float] = (), up_to: float = math.inf
) -> Measurement:
    """What fresh runs, the same runs at further depths, or both would show.

    What is new in the same runs is what the depths before do not tell. Along the chain of depths a further one is taken
    to hang together with the last as that does with the one before, per ratio of depths.

    Parameters
    ----------
    fit : DecayResults
    sample : Sample
        Draws of the fit.
    gained : float
        Degrees of freedom that fresh runs add at every fitted depth <= `up_to`, and at the further ones.
    further : sequence of float
        Depths beyond the last, increasing, that the present runs are trained on to.
    up_to : float
        Depth at which fresh runs end, where there are no further ones.
    """
    depth, (dispersion, r2) = fit.fitted.depth, errors_of_runs(fit)
    two = 2 * dispersion
    now = np.log(sample.risk(depth))
    if not len(further):
        keep = depth <= up_to
        return Measurement(now[:, keep], two / gained * r2[np.ix_(keep, keep)])
    beyond = np.asarray(further, dtype=float)
    hops = np.log(beyond / depth[-1]) / math.log(depth[-1] / depth[-2])
    link = r2[-1, -2]
    cross = r2[-1][:, None] * link**hops
    among = link ** np.abs(hops[:, None] - hops)
    given = np.linalg.solve(r2, cross)
    then = np.log(sample.risk(beyond))
    fresh = then - now @ given
    noise = two / float(fit.fitted.df[-1]) * (among - cross.T @ given)
    if not gained:
        return Measurement(fresh, noise)
    m = len(beyond)
    whole = np.zeros((len(depth) + 2 * m, len(depth) + 2 * m))
    whole[:m, :m] = noise
    whole[m:, m:] = two / gained * np.block([[r2, cross], [cross.T, among]])
    return Measurement(np.hstack([fresh, now, then]), whole)


def variance_left(target: Array, measured: Measurement) -> float:
    """Share of the variance of `target` expected to be left once `measured` is known.

    Bayes linear: ``1 - c' (S + N)^-1 c / Var(target)`` with ``S`` the covariance of what is seen over the draws, ``N``
    that of its error and ``c`` that with the target. It needs no point at which to linearise, so a rate that the depths
    do not identify, or a floor at its boundary, are ordinary cases.

    Parameters
    ----------
    target : ndarray, shape (n,)
        Over draws of the fit.
    measured : Measurement

    Notes
    -----
    Source: Goldstein, Wooff (2007), Bayes Linear Statistics, ch. 3.
    """
    q, z = target - target.mean(), measured.seen - measured.seen.mean(axis=0)
    c = z.T @ q / len(q)
    variance = float(q @ q) / len(q)
    return max(1 - float(c @ np.linalg.solve(z.T @ z / len(q) + measured.noise, c)) / variance, 1e-12)


def chance_to_stand(
    member: Array, measured: Measurement, confidence: float, priors: Array | None = None, *,
    truths: int = _TRUTHS, rng: Rng = None,
) -> float:  # fmt: skip
    """Chance that one class reaches `confidence` once `measured` is known, if the draws are right.

    Each of some draws is taken as the truth in turn, what would be measured is simulated, and all other draws are
    weighted by its likelihood.

    Parameters
    ----------
    member : ndarray, shape (n, classes)
        1 where a draw lies in a class, else 0.
    measured : Measurement
    confidence : float
    priors : ndarray, shape (p, n), optional
        Weights of the draws under each prior that the class has to reach it under (`Sample.weights`); None: as they
        are.
    truths : int
        Number of draws taken as the truth; the first ones.
    rng : int, numpy.random.Generator or None
        Of the errors of what would be measured; None: a fresh generator of seed 0.
    """
    seen, noise = measured.seen, measured.noise
    m = seen.shape[1]
    # singular where depths tell the same thing: a ridge far below any error that is measured
    root = np.linalg.cholesky(noise + 1e-9 * np.trace(noise) / m * np.eye(m))
    white = np.linalg.solve(root, (seen - seen.mean(axis=0)).T).T.astype(np.float32)
    count = min(truths, len(seen))
    found = white[:count] + generator(rng).standard_normal((count, m), dtype=np.float32)
    # single precision: a weight is known to a hundredth, which is more than the number of truths can show
    weight = found @ white.T
    weight -= 0.5 * np.einsum("ij,ij->i", white, white)
    weight[np.arange(count), np.arange(count)] = -np.inf  # a truth must not vote for itself
    weight -= weight.max(axis=1, keepdims=True)
    np.exp(weight, out=weight)
    reached = np.ones((count, member.shape[1]), dtype=bool)
    for i, prior in enumerate(np.full((1, len(seen)), 1 / len(seen)) if priors is None else priors):
        weighted = weight * prior.astype(np.float32)
        total = weighted.sum(axis=1)
        # few effective draws cannot show a high probability: they count beside one draw of what is known now
        size = (total**2 / np.einsum("ij,ij->i", weighted, weighted))[:, None]
        p = (size * (weighted @ member.astype(np.float32)) / total[:, None] + prior @ member) / (size + 1)
        reached &= p >= (confidence if i == 0 else under_other_priors(confidence))
    return float(np.mean(reached.any(axis=1)))


def runs_of(fit: DecayResults) -> tuple[int, float]:
    """Number of independent runs behind a fit, and the degrees of freedom that each adds at a depth."""
    curve = fit.fitted
    df = float(curve.df[-1])
    if isinstance(fit, FreshResults):
        return int(fit.fresh.curve.n_runs or 1), 1.0
    if curve.anova is not None and len(curve.anova):
        parents = int(curve.anova["parents"].iloc[-1])
        return parents, df / parents
    if curve.groups is not None:
        return (units := len(np.unique(curve.groups))), df / units
    runs = curve.n_runs if curve.n_runs is not None else round(df) + 1
    return runs, df / runs if curve.estimator == "residual" else 1.0


def half_width(risk: float) -> float:
    """Half-width of the 95 % range of a Gaussian with variance `risk`.

    Parameters
    ----------
    risk : float
        Metric².

    Returns
    -------
    float
        In the metric.

    Examples
    --------
    >>> round(half_width(1e-4), 4)
    0.0196
    """
    return Z95 * float(np.sqrt(risk))


def in_all(fit: DecayResults, steps: float, gpu_hour: float | None) -> str:
    """What steps of all runs cost, in words: seconds where runs told them, money where an hour has a price."""
    seconds = seconds_of(fit.curve, steps)
    money = math.nan if gpu_hour is None else positive("gpu_hour", gpu_hour) / 3600 * seconds
    return f"{steps:,.0f} steps in all{price_in_words(seconds, money)}"


def can_go_deeper(fit: DecayResults) -> bool:
    """Whether runs of this recipe can be measured deeper than they were: not past its end."""
    if isinstance(fit, FreshResults):
        return not fit.fresh.ended
    if fit.curve.estimator == "residual":
        return False  # it is learnt from runs that ended
    horizon = fit.curve.horizon
    return horizon is None or fit.curve.depth[-1] < horizon


def _fewest(chance: Callable[[int], float], most: int) -> int | None:
    """About the smallest number up to `most` whose chance is `CHANCE`; None where there is none."""
    # so many runs weigh so few of the draws that a quarter of them can show a little more
    if max(chance(most), chance(most // 4)) < CHANCE:
        return None
    low, high = 0, min(2, most)
    while chance(high) < CHANCE and high < most:
        low, high = high, min(2 * high, most)
    while high - low > max(1, high // 6):  # it says "about"
        middle = (low + high) // 2
        if chance(middle) >= CHANCE:
            high = middle
        else:
            low = middle
    return high


def settling_steps(
    fit: DecayResults,
    sample: Sample,
    member: Array,
    target: Array,
    confidence: float,
    focus: float | None = None,
    deeper: bool = True,
    rng: Rng = None,
) -> list[Step]:
    """Steps after which one class is expected to reach `confidence`, cheapest first; empty where none is.

    More runs at the same depths; the same runs at 2, 4 or 8 times the last depth; where neither is enough, both. A run
    is measured at every depth on its way.

    Parameters
    ----------
    fit : DecayResults
    sample : Sample
        Draws of the fit.
    member : ndarray, shape (n, classes)
        1 where a draw lies in a class, else 0.
    target : ndarray, shape (n,)
        The quantity on which the call turns, over the draws; for `Step.variance_left`.
    confidence : float
    focus : float, optional
        A depth that the question is about. Where runs need not be complete (forks, curves given as numbers), runs up
        to the first fitted depth from there on are considered too.
    deeper : bool
        Whether runs can be measured deeper than they were.
    """
    depth = fit.fitted.depth
    last = float(depth[-1])
    present, gain = runs_of(fit)
    most = min(MOST_RUNS, MOST_FOLD * present)
    steps: list[Step] = []
    priors = sample.weights()

    def add(most: int, to: float, again: int = 0, further: Sequence[float] = (), up_to: float = math.inf) -> bool:
        """Add the step of the fewest fresh runs that are enough; `again` of the present ones are trained again."""

        def measured(runs: int) -> Measurement:
            return measurement(fit, sample, runs * gain, further, up_to)

        @cache
        def chance(runs: int) -> float:
            return chance_to_stand(member, measured(runs), confidence, priors, rng=rng)

        runs = _fewest(chance, most)
        if runs is not None:
            left = variance_left(target, measured(runs))
            steps.append(Step(runs, to, chance(runs), left, (runs + again) * to))
        return runs is not None

    add(most, last)
    if focus is not None and fit.curve.estimator in ("given", "branch") and depth[-2] >= focus:
        near = float(depth[depth >= focus][0])
        add(most, near, up_to=near)
    ways = [[last * f for f in DEEPER[: i + 1]] for i in range(len(DEEPER))] if deeper else []
    for further in ways:
        if add(0, further[-1], present, further):
            break
    for further in [] if steps else ways[::-1]:
        if not add(most, further[-1], present, further):
            break  # what the deepest does not settle, the others do not
    return sorted(steps, key=lambda step: step.cost)


def most_informative(
    fit: DecayResults, sample: Sample, target: Array, steps: Sequence[Step]
) -> tuple[Step, list[float]]:
    """The step that gains most precision about the target per cost, and the share of variance that each leaves.

    Parameters
    ----------
    fit : DecayResults
    sample : Sample
        Draws of the fit.
    target : ndarray, shape (n,)
        What decides, over the draws; not the same in all of them.
    steps : sequence of Step
        More runs at the present depths, or none and a deeper depth.
    """
    _, gain = runs_of(fit)
    left = [variance_left(target, measurement(fit, sample, s.runs * gain, () if s.runs else (s.depth,))) for s in steps]
    gains = [(1 / share - 1) / step.cost for share, step in zip(left, steps, strict=True)]
    return steps[int(np.argmax(gains))], left
