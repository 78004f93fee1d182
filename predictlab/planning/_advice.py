"""What to do next for each task: stop, go on to a depth, or the smallest step that is expected to settle its regime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.budget import OptimalDepth, checked_fits, optimal_depth
from predictlab.decay import DecayResults, law
from predictlab.decay._results import Rng
from predictlab.phase import (
    DYNAMIC_CRITICAL,
    NOISE_DOMINANT,
    PROBABILITY_COLUMNS,
    STATIC_SUFFICIENT,
    UNDETERMINED,
    Decision,
    Thresholds,
    checked_rule,
    classify,
)
from predictlab.planning._value import Measurement, chance_to_stand, further_depths, more_runs, runs_of, variance_left

Array = NDArray[np.float64]

CHANCE = 0.6  # that a call stands after the advised step
MOST_RUNS, MOST_FOLD = 1000, 20  # more runs than this, or times the present ones, are nobody's next step
DEEPER = (2, 4, 8)  # times the last depth
_AT_ITSELF = 0.1  # closer to the limit than this share of it, a quantity is "at" it
Z95 = 1.96


def advise(
    fits: Mapping[str, DecayResults],
    *,
    tolerance: float | None = None,
    budget: float | None = None,
    rule: str = "decision",
    confidence: float = 0.95,
    intrinsic_threshold: float | None = None,
    rate_threshold: float | None = None,
    exchange_rate: float | None = None,
    extrapolate: bool = False,
    draws: int = 10_000,
    rng: Rng = None,
) -> pd.DataFrame:
    """Plan the next experiment of each task.

    Parameters
    ----------
    fits, tolerance, budget, rule, confidence, intrinsic_threshold, rate_threshold, extrapolate
        As for `predictlab.classify`.
    exchange_rate : float, optional
        ``gamma`` > 0, metric² per step: adds what the price of probing says.
    draws : int
        Number of draws of each fit that a further measurement is weighed with. Few leave little to weigh: twenty times
        the present runs should still leave some.
    rng : int, numpy.random.Generator or None
        None: a fresh generator of seed 0 for each fit.

    Returns
    -------
    pandas.DataFrame
        One row a task:

        - ``task``, ``regime`` (as `predictlab.classify` calls it), ``advice`` (what to do next, in words);
        - ``runs``: more runs than there are now; ``depth``: steps to train to, beyond the last fitted depth the present
          runs as well. Both NaN where nothing within reach would settle the call, or nothing is to be measured;
        - ``chance``: that the call stands afterwards; ``variance_left``: share of the variance of what decides that
          is expected to be left. NaN where the call stands already;
        - ``cost``: steps of training, each run from its start.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> table = pl.advise({"reviews": pl.DecayModel(curve).fit()}, tolerance=1e-3, budget=64)
    >>> table["advice"][0].startswith("Stop probing at 17 steps")
    True
    """
    checked = checked_fits(fits)
    table = classify(
        checked, tolerance=tolerance, budget=budget, rule=rule, confidence=confidence, rng=rng, extrapolate=extrapolate,
        intrinsic_threshold=intrinsic_threshold, rate_threshold=rate_threshold,
    )  # fmt: skip
    chosen = checked_rule(checked, rule, tolerance, budget, intrinsic_threshold, rate_threshold, extrapolate)
    rows = []
    for row in table.to_dict("records"):
        fit = checked[row["task"]]
        sample = fit.draws(draws, rng=rng).to_numpy()
        step, text = None, f"The call stands: {row['regime']}."
        price = None if exchange_rate is None else optimal_depth(fit, exchange_rate=exchange_rate, rng=rng)
        if row["regime"] == UNDETERMINED:
            text, step = _settle(fit, row, chosen, confidence, sample, rng)
        elif isinstance(chosen, Decision):
            text = _standing_text(fit, row, chosen, price, confidence, sample)
            step = _next(fit, row, chosen)
        step = step or NextStep()
        rows.append({"task": row["task"], "regime": row["regime"], "advice": text, **vars(step)})
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class NextStep:
    """More runs to a depth, what they cost, and what they are expected to do; the columns of `advise`."""

    runs: float = np.nan
    depth: float = np.nan
    chance: float = np.nan
    variance_left: float = np.nan
    cost: float = np.nan


def _next(fit: DecayResults, row: Mapping[str, float], rule: Decision) -> NextStep | None:
    """What a call that stands asks for: nothing more, or the present runs up to the crossing depth."""
    if row["regime"] == STATIC_SUFFICIENT:
        return NextStep(0, max(row["crossing_budget"], float(fit.fitted.depth[0])), cost=0.0)
    if row["regime"] == DYNAMIC_CRITICAL:
        depth = max(row["crossing_budget"], rule.budget + 1)
        return NextStep(0, depth, cost=depth * runs_of(fit)[0])
    return None


def margin(risk: float) -> float:
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
    >>> round(margin(1e-4), 4)
    0.0196
    """
    return Z95 * float(np.sqrt(risk))


def _standing_text(
    fit: DecayResults,
    row: Mapping[str, float],
    rule: Decision,
    best: OptimalDepth | None,
    confidence: float,
    sample: Array,
) -> str:
    """What to do where the call stands."""
    regime, tolerance, budget = row["regime"], rule.tolerance, rule.budget
    metric = fit.curve.metric or "metric"
    now, crossing = float(fit.predict(budget)[0]), row["crossing_budget"]
    asked = f"±{margin(tolerance):.3f}"
    if regime == STATIC_SUFFICIENT:
        needed = max(crossing, float(fit.fitted.depth[0]))
        text = (
            f"Stop probing at {needed:.0f} steps: by {budget:g} steps seeds agree within ±{margin(now):.3f} {metric}, "
            f"inside the {asked} asked for."
        )
    elif regime == DYNAMIC_CRITICAL:
        last = float(fit.fitted.depth[-1])
        upper = f"{row['crossing_upper']:.0f}" if np.isfinite(row["crossing_upper"]) else "unbounded"
        beyond = f", beyond the {last:g} steps measured" if crossing > last else ""
        text = (
            f"Probe {max(crossing - budget, 1):.0f} more steps, to about {crossing:.0f} "
            f"(95 %: {row['crossing_lower']:.0f} to {upper}{beyond}); expected gain: "
            f"seeds agree within {asked} {metric} instead of ±{margin(now):.3f} at {budget:g} steps."
        )
    else:
        floor = float(np.median(sample[:, 0]))
        return (
            f"Do not probe deeper: seeds will still differ by ±{margin(floor):.3f} {metric} however long they train, "
            f"more than the {asked} asked for; clean the labels, enlarge the evaluation set or average several seeds."
        )
    verdict = best.verdict(confidence) if best is not None else "Probing pays"
    if best is None or verdict.startswith("Probing pays"):
        return text
    if verdict.startswith("Probing does not"):
        return f"{text} At the stated price of a step, probing does not pay."
    return (
        f"{text} At the stated price of a step these runs cannot tell whether probing pays "
        f"(it does in {best.probability_pays:.0%} of the draws)."
    )


@dataclass(frozen=True)
class OpenCall:
    """What an undetermined call turns on, over the draws; what it is compared with; where it would be clear."""

    quantity: str
    values: Array
    limit_name: str
    limit: float
    others: str


def _open_call(rule: Decision | Thresholds, draws: Array, floor_is_open: bool, confidence: float) -> OpenCall:
    floor, _, rate = draws.T

    def quantile(values: Array, q: float) -> str:
        return f"{np.quantile(values, q):.3g}"

    if isinstance(rule, Decision):
        total = law(rule.budget, *draws.T)
        others = (
            f"from {quantile(total, confidence)} up it is {STATIC_SUFFICIENT}, "
            f"below {quantile(floor, 1 - confidence)} {NOISE_DOMINANT}"
        )
        if floor_is_open:
            return OpenCall("the floor", floor, "tolerance", rule.tolerance, others)
        return OpenCall(f"the risk at {rule.budget:g} steps", total, "tolerance", rule.tolerance, others)
    if floor_is_open:
        others = f"below {quantile(floor, 1 - confidence)} it is {NOISE_DOMINANT}"
        return OpenCall("the floor", floor, "intrinsic_threshold", rule.intrinsic_threshold, others)
    others = (
        f"up to {quantile(rate, 1 - confidence)} it is {STATIC_SUFFICIENT}, "
        f"above {quantile(rate, confidence)} {DYNAMIC_CRITICAL}, as long as the floor is low"
    )
    return OpenCall("the decay rate", rate, "rate_threshold", rule.rate_threshold, others)


def _unit(fit: DecayResults) -> str:
    return {"spread": "seeds", "branch": "parents"}.get(fit.curve.estimator, "runs")


def _in_words(fit: DecayResults, step: NextStep) -> str:
    last, unit = float(fit.fitted.depth[-1]), _unit(fit)
    if step.depth > last:
        present, _ = runs_of(fit)
        more = f"the same {present} {unit}" if not step.runs else f"the same {unit} and about {step.runs:g} more"
        return f"a deeper depth, {step.depth:g} steps with {more},"
    where = "at the same depths" if step.depth == last else f"at depth {step.depth:g}"
    return f"about {step.runs:g} more {unit} {where}"


def _settle(
    fit: DecayResults,
    row: Mapping[str, object],
    rule: Decision | Thresholds,
    confidence: float,
    sample: Array,
    rng: Rng,
) -> tuple[str, NextStep | None]:
    """What would settle an Undetermined call, in words and in numbers."""
    p_static, p_dynamic, p_noise = (float(str(row[column])) for column in PROBABILITY_COLUMNS)
    floor_is_open = p_noise > min(p_static, p_dynamic)
    open_ = _open_call(rule, sample, floor_is_open, confidence)
    # logarithmic above the limit; below it, small and smaller are the same
    target = np.log1p(open_.values / open_.limit)
    focus = rule.budget if isinstance(rule, Decision) and not floor_is_open else None
    steps = settling_steps(fit, sample, rule.member(sample), target, confidence, focus, rng)
    return _settling_text(fit, open_, steps, str(row["likely"])), steps[0] if steps else None


def _settling_text(fit: DecayResults, open_: OpenCall, steps: list[NextStep], likely: str) -> str:
    blurred = open_.quantity == "the floor" and not fit.identified
    why = "the depths do not separate a floor from slow decay: " if blurred else ""
    side = f"on which side of the {open_.limit_name} {open_.quantity} lies"
    if steps:
        best = steps[0]
        text = (
            f"{why}{_in_words(fit, best)} would settle {side} in about {10 * best.chance:.0f} of 10 cases "
            f"(and leave {best.variance_left:.0%} of its variance)"
        )
        if len(steps) > 1:
            text += f"; or {_in_words(fit, steps[1]).rstrip(',')}, for {steps[1].cost / best.cost:.1f} times the steps"
        return f"Most likely {likely}, not surely: {text}."
    unit, (present, _) = _unit(fit), runs_of(fit)
    middle = float(np.median(open_.values))
    if abs(middle - open_.limit) <= _AT_ITSELF * open_.limit:
        why = f"{open_.quantity} is at the {open_.limit_name} itself: "
    most = min(MOST_RUNS, MOST_FOLD * present)
    deepest = DEEPER[-1] * float(fit.fitted.depth[-1])
    return (
        f"Most likely {likely}, not surely: {why}more {unit} will not settle {side}, neither {most} of them nor "
        f"depths up to {deepest:g} steps; another {open_.limit_name} would: {open_.others}."
    )


def _fewest(chance: Callable[[int], float], most: int) -> tuple[int, float] | None:
    """About the smallest number up to `most` whose chance is `CHANCE`, and that chance; None where there is none."""
    # so many runs weigh so few of the draws that a quarter of them can show a little more
    if max(chance(most), chance(most // 4)) < CHANCE:
        return None
    low, high = 0, 2
    best = chance(high)
    while best < CHANCE and high < most:
        low, high = high, min(2 * high, most)
        best = chance(high)
    while high - low > max(1, high // 6):  # it says "about"
        middle = (low + high) // 2
        found = chance(middle)
        if found >= CHANCE:
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
    rng: Rng = None,
) -> list[NextStep]:
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
        The quantity on which the call turns, over the draws; for `NextStep.variance_left`.
    confidence : float
    focus : float, optional
        A depth that the question is about. Where runs need not be complete (forks, curves given as numbers), runs up
        to the first fitted depth from there on are looked at too.
    """
    depth = fit.fitted.depth
    last = float(depth[-1])
    runs, gain = runs_of(fit)
    most = min(MOST_RUNS, MOST_FOLD * runs)
    found: list[NextStep] = []

    def look(measure: Callable[[int], Measurement], to: float, present: int) -> bool:
        """Add the smallest step of one kind that is enough; `present` of the runs are trained again."""
        enough = _fewest(lambda n: chance_to_stand(member, measure(n), confidence, rng=rng), most)
        if enough is not None:
            n, chance = enough
            made = measure(n)
            left = variance_left(target, made.seen, made.noise)
            found.append(NextStep(n, to, chance, left, (n + present) * to))
        return enough is not None

    look(lambda n: more_runs(fit, draws, n * gain), last, 0)
    if focus is not None and fit.curve.estimator in ("given", "branch") and depth[-2] >= focus:
        near = float(depth[depth >= focus][0])
        look(lambda n: more_runs(fit, draws, n * gain, near), near, 0)
    ways = [[last * f for f in DEEPER[: i + 1]] for i in range(len(DEEPER))]
    for further in ways:
        measured = further_depths(fit, draws, further)
        chance = chance_to_stand(member, measured, confidence, rng=rng)
        if chance >= CHANCE:
            left = variance_left(target, measured.seen, measured.noise)
            found.append(NextStep(0, further[-1], chance, left, runs * further[-1]))
            break
    for further in [] if found else ways[::-1]:
        if not look(lambda n, c=further: further_depths(fit, draws, c, n * gain), further[-1], runs):  # type: ignore[misc]
            break  # what the deepest does not settle, the others do not
    return sorted(found, key=lambda step: step.cost)
