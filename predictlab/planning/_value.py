"""What more probing is expected to tell: how much of a variance it leaves, and how often a call would then stand.

Draws of the fit stand for what is known. A further measurement is what it would show without error, over the draws,
and the covariance of its error; the logarithm of a variance over `n` runs has variance ``2 phi / n``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictlab.decay import DecayResults, law

Array = NDArray[np.float64]

CHANCE = 0.6  # that a call stands after the advised step
MOST_RUNS, MOST_FOLD = 1000, 20  # more runs than this, or times the present ones, are nobody's next step
DEEPER = (2, 4, 8)  # times the last depth
DRAWS = 10_000  # of which some are left when twenty times the present runs have weighted them
_TRUTHS = 96


@dataclass(frozen=True)
class Measurement:
    """What more probing would show: log risks `seen` (n draws, m), and the covariance of their error `noise` (m, m)."""

    seen: Array
    noise: Array


def squared_correlation(fit: DecayResults) -> Array:
    """Squared correlation of the runs between the fitted depths, (k, k), drawn towards 0 by about its own error."""
    df = fit.fitted.df
    own = 1 / (df[-1] + 1)
    r2 = np.eye(len(df)) if fit.noise.correlation is None else fit.noise.correlation
    return np.asarray((1 - own) * r2 + own * np.eye(len(df)))


def log_risk(draws: Array, depth: Array) -> Array:
    """``log L(depth)`` over draws (n, 3): (n, m)."""
    return np.log(law(depth, draws[:, :1], draws[:, 1:2], draws[:, 2:]))


def more_runs(fit: DecayResults, draws: Array, gained: float, up_to: float = math.inf) -> Measurement:
    """Fresh runs that add `gained` degrees of freedom at every fitted depth <= `up_to`."""
    depth = fit.fitted.depth
    keep = depth <= up_to
    noise = 2 * fit.noise.dispersion / gained * squared_correlation(fit)[np.ix_(keep, keep)]
    return Measurement(log_risk(draws, depth[keep]), noise)


def further_depths(fit: DecayResults, draws: Array, further: Sequence[float], gained: float = 0.0) -> Measurement:
    """The same runs at `further` depths beyond the last; with fresh ones that add `gained` df at all depths, if any.

    What is new in the same runs is what the depths before do not tell. Along the chain of depths a further one is taken
    to hang together with the last as that does with the one before, per ratio of depths.
    """
    depth, df, r2 = fit.fitted.depth, float(fit.fitted.df[-1]), squared_correlation(fit)
    hops = np.log(np.asarray(further, dtype=float) / depth[-1]) / math.log(depth[-1] / depth[-2])
    link = r2[-1, -2]
    cross = r2[-1][:, None] * link**hops
    among = link ** np.abs(hops[:, None] - hops)
    given = np.linalg.solve(r2, cross)
    then, now = log_risk(draws, np.asarray(further, dtype=float)), log_risk(draws, depth)
    fresh = then - now @ given
    two = 2 * fit.noise.dispersion
    noise = two / df * (among - cross.T @ given)
    if not gained:
        return Measurement(fresh, noise)
    k, m = len(depth), len(hops)
    whole = np.zeros((k + 2 * m, k + 2 * m))
    whole[:m, :m] = noise
    whole[m:, m:] = two / gained * np.block([[r2, cross], [cross.T, among]])
    return Measurement(np.hstack([fresh, now, then]), whole)


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


def chance_to_stand(member: Array, measured: Measurement, confidence: float, truths: int = _TRUTHS) -> float:
    """Chance that one class reaches `confidence` once `measured` is known, if the draws are right.

    Each of some draws is taken as the truth in turn, what would be measured is simulated, and all other draws are
    weighted by its likelihood.

    Parameters
    ----------
    member : ndarray, shape (n, classes)
        1 where a draw lies in a class, else 0.
    measured : Measurement
    confidence : float
    truths : int
        Number of draws taken as the truth; the first ones.
    """
    seen, noise = measured.seen, measured.noise
    m = seen.shape[1]
    # singular where depths tell the same thing: a ridge far below any error that is measured
    root = np.linalg.cholesky(noise + 1e-9 * np.trace(noise) / m * np.eye(m))
    white = np.linalg.solve(root, (seen - seen.mean(axis=0)).T).T.astype(np.float32)
    count = min(truths, len(seen))
    found = white[:count] + np.random.default_rng(0).standard_normal((count, m), dtype=np.float32)
    # single precision: a weight is known to a hundredth, which is more than the number of truths can show
    weight = found @ white.T
    weight -= 0.5 * np.einsum("ij,ij->i", white, white)
    weight[np.arange(count), np.arange(count)] = -np.inf  # a truth must not vote for itself
    weight -= weight.max(axis=1, keepdims=True)
    np.exp(weight, out=weight)
    total = weight.sum(axis=1)
    # few effective draws cannot show a high probability: they count beside one draw of what is known now
    size = (total**2 / np.einsum("ij,ij->i", weight, weight))[:, None]
    p = (size * (weight @ member.astype(np.float32)) / total[:, None] + member.mean(axis=0)) / (size + 1)
    return float(np.mean(p.max(axis=1) >= confidence))


@dataclass(frozen=True)
class Step:
    """A step after which a call is expected to stand.

    Attributes
    ----------
    runs : int
        More runs than there are (seeds, parents of forks); 0 for none.
    depth : float
        Depth to which runs are trained; beyond the last fitted one, all runs are, else the new ones.
    chance : float
        That the call stands afterwards.
    left : float
        Share of the variance of the quantity that decides expected to be left, Bayes linear.
    cost : float
        Steps of training, each run from its start.
    """

    runs: int
    depth: float
    chance: float
    left: float
    cost: float


def runs_of(fit: DecayResults) -> tuple[int, float]:
    """Number of independent runs behind a fit, and the degrees of freedom that each adds at a depth."""
    curve = fit.fitted
    df = float(curve.df[-1])
    if curve.anova is not None and len(curve.anova):
        parents = int(curve.anova["parents"].iloc[-1])
        return parents, df / parents
    runs = curve.n_runs if curve.n_runs is not None else round(df) + 1
    return runs, df / runs if curve.estimator == "residual" else 1.0


def _fewest(chance: Callable[[int], float], most: int, wanted: float) -> tuple[int, float] | None:
    """About the smallest number up to `most` whose chance is `wanted`, and that chance; None where there is none."""
    # so many runs weigh so few of the draws that a quarter of them can show a little more
    if chance(most) < wanted and chance(most // 4) < wanted:
        return None
    low, high = 0, 2
    best = chance(high)
    while best < wanted and high < most:
        low, high = high, min(2 * high, most)
        best = chance(high)
    while high - low > max(1, high // 6):  # it says "about"
        middle = (low + high) // 2
        found = chance(middle)
        if found >= wanted:
            high, best = middle, found
        else:
            low = middle
    return high, best


def settling_steps(
    fit: DecayResults,
    draws: Array,
    member: Array,
    target: Array,
    confidence: float,
    focus: float | None = None,
    wanted: float = CHANCE,
) -> list[Step]:
    """Steps after which one class is expected to reach `confidence`, cheapest first; empty where none is.

    More runs at the same depths; the same runs at 2, 4 or 8 times the last depth; where neither is enough, both. A run
    is measured at every depth on its way.

    Parameters
    ----------
    fit : DecayResults
    draws : ndarray, shape (n, 3)
        Of the fit: ``L_int``, ``K``, ``alpha``.
    member : ndarray, shape (n, classes)
        1 where a draw lies in a class, else 0.
    target : ndarray, shape (n,)
        The quantity on which the call turns, over the draws; for `Step.left`.
    confidence : float
    focus : float, optional
        A depth that the question is about. Where runs need not be complete (forks, curves given as numbers), runs up
        to the first fitted depth from there on are looked at too.
    wanted : float
        Chance that the call stands afterwards.
    """
    depth = fit.fitted.depth
    last = float(depth[-1])
    runs, gain = runs_of(fit)
    most = min(MOST_RUNS, MOST_FOLD * runs)
    found: list[Step] = []

    def look(measure: Callable[[int], Measurement], to: float, present: int) -> bool:
        """Add the smallest step of one kind that is enough; `present` of the runs are trained again."""
        enough = _fewest(lambda n: chance_to_stand(member, measure(n), confidence), most, wanted)
        if enough is not None:
            n, chance = enough
            made = measure(n)
            left = variance_left(target, made.seen, made.noise)
            found.append(Step(n, to, chance, left, (n + present) * to))
        return enough is not None

    look(lambda n: more_runs(fit, draws, n * gain), last, 0)
    if focus is not None and fit.curve.estimator in ("given", "branch") and depth[-2] >= focus:
        near = float(depth[depth >= focus][0])
        look(lambda n: more_runs(fit, draws, n * gain, near), near, 0)
    ways = [[last * f for f in DEEPER[: i + 1]] for i in range(len(DEEPER))]
    for further in ways:
        measured = further_depths(fit, draws, further)
        chance = chance_to_stand(member, measured, confidence)
        if chance >= wanted:
            left = variance_left(target, measured.seen, measured.noise)
            found.append(Step(0, further[-1], chance, left, runs * further[-1]))
            break
    for further in [] if found else ways[::-1]:
        if not look(lambda n, c=further: further_depths(fit, draws, c, n * gain), further[-1], runs):  # type: ignore[misc]
            break  # what the deepest does not settle, the others do not
    return sorted(found, key=lambda step: step.cost)
