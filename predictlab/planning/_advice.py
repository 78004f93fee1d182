"""What to do next for each task: stop, go on to a depth, or the smallest step that is expected to settle its regime."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from predictlab._validation import Rng, positive
from predictlab.budget import FreshResults, FreshRun, checked_fits, optimal_depth
from predictlab.decay import DecayResults, PosteriorResults, Sample
from predictlab.decay._draws import CROSS_BEYOND
from predictlab.errors import UnusualInput
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
    still_rising,
)
from predictlab.planning._fresh_advice import of_fresh, train_to_the_end
from predictlab.planning._next_step import (
    DEEPER,
    MOST_FOLD,
    MOST_RUNS,
    Step,
    can_go_deeper,
    half_width,
    in_all,
    runs_of,
    settling_steps,
)

_AT_ITSELF = 0.1  # closer to the limit than this share of it, a quantity is "at" it


def advise(
    fits: Mapping[str, DecayResults | FreshRun],
    *,
    tolerance: float | None = None,
    margin: float | None = None,
    budget: float | None = None,
    rule: str = "decision",
    confidence: float = 0.95,
    intrinsic_threshold: float | None = None,
    rate_threshold: float | None = None,
    exchange_rate: float | None = None,
    extrapolate: bool = False,
    deeper: bool | None = None,
    gpu_hour: float | None = None,
    draws: int = 10_000,
    rng: Rng = None,
) -> pd.DataFrame:
    """Plan the next experiment of each task.

    Parameters
    ----------
    fits, tolerance, margin, budget, rule, confidence, intrinsic_threshold, rate_threshold, extrapolate
        As for `predictlab.classify`.
    exchange_rate : float, optional
        ``gamma`` > 0, metric² per step: adds what the price of probing says.
    deeper : bool, optional
        Whether runs can be measured deeper than they were; False for runs that are over, such as logs. Default: unless
        they are known to have come to the end of their recipe.
    gpu_hour : float, optional
        Of the machine, in money: what steps cost is said, where runs told the seconds of one; seconds are said anyway.
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
    >>> table["advice"][0].startswith("From 17 steps on each seed is within ±0.062")
    True
    """
    checked = checked_fits(fits)
    if exchange_rate is not None:
        positive("exchange_rate", exchange_rate, " (metric² per unit of cost)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusualInput)  # pl.classify says it
        table = classify(
            checked, tolerance=tolerance, margin=margin, budget=budget, rule=rule, confidence=confidence, rng=rng,
            extrapolate=extrapolate, intrinsic_threshold=intrinsic_threshold, rate_threshold=rate_threshold,
        )  # fmt: skip
    chosen = checked_rule(checked, rule, tolerance, margin, budget, intrinsic_threshold, rate_threshold, extrapolate)
    rows = []
    for row in table.to_dict("records"):
        fit, regime = checked[row["task"]], row["regime"]
        sample = fit.sample(draws, rng)
        text, step = f"The call stands: {regime}.", Step()
        further = can_go_deeper(fit) if deeper is None else deeper
        if regime == UNDETERMINED:
            text, step = _settle(fit, row, chosen, confidence, sample, further, gpu_hour, rng)
        elif isinstance(chosen, Decision) and isinstance(fit, FreshResults):
            text, step = of_fresh(fit, row, chosen, exchange_rate, gpu_hour)
        elif isinstance(chosen, Decision):
            text, step = _standing(fit, row, chosen, sample, further, gpu_hour)
            if exchange_rate is not None and regime != NOISE_DOMINANT:
                best = optimal_depth(fit, exchange_rate=exchange_rate, rng=rng)
                text += _price_says(best.verdict(confidence), best.probability_pays)
        rows.append({"task": row["task"], "regime": regime, "advice": text, **asdict(step)})
    return pd.DataFrame(rows)


def _by_what(row: Mapping[str, float]) -> str:
    """Whether runs or rows are the noise, with probabilities; nothing where it is not known."""
    runs, noise = row["p_noise_by_runs"], row["p_noise_dominant"]
    return "" if np.isnan(runs) else f" (by runs with probability {runs:.2f}, by rows with {noise - runs:.2f})"


def _cure(fit: DecayResults, tolerance: float, wanted: str) -> str:
    """What makes seeds agree where depth does not: more rows where the rows are known to be the cause."""
    if fit.curve.parts is None:
        return "enlarge the evaluation set, steady the recipe or average several seeds"
    last = fit.curve.parts[-1]
    run, lower, upper = last.spread_at(np.inf)
    population = (
        f"on the population of rows they differ by ±{half_width(max(run, 0.0)):.3f} "
        f"[{half_width(lower):.3f}, {half_width(upper):.3f}]"
    )
    share = f"{last.rows_share:.0%} of their variance"
    seen = f"at {fit.curve.depth[-1]:g} steps {share} is this set of {last.rows} rows"
    if run < tolerance:
        needed = float(f"{last.interaction / (tolerance - max(run, 0.0)):.2g}")  # no more digits than are known
        return f"{seen}, and by the estimate about {needed:,.0f} rows would bring them within {wanted} ({population})"
    if lower < tolerance:
        return f"more seeds, to say whether more rows would bring them within {wanted} ({seen}; {population})"
    steadier = "a decaying rate, larger batches, cleaner labels"
    return f"{seen}; {population}, so steady the recipe ({steadier}) or average several seeds"


_KNOWN = {  # what is within a margin, by question; the paper's proxy speaks of seeds and their mean, not of a forecast
    "agreement": "each seed is within {margin} {metric} of their mean",
    "this_run": "the end of the run is known within {margin} {metric}",
    "fresh_run": "the end of another run is known within {margin} {metric}",
    "new_task": "the end of a run of a new task is known within {margin} {metric}",
}


def _standing(
    fit: DecayResults, row: Mapping[str, float], rule: Decision, sample: Sample, deeper: bool,
    gpu_hour: float | None,
) -> tuple[str, Step]:  # fmt: skip
    """What to do where the call stands: nothing more, or the present runs up to the crossing depth."""
    budget, crossing, agreement = rule.budget, row["crossing_budget"], fit.question == "agreement"
    metric = fit.curve.metric or "metric"
    now, wanted = f"±{half_width(float(fit.predict(budget)[0])):.3f}", f"±{half_width(rule.tolerance):.3f}"
    known = _KNOWN[fit.question].format(margin=wanted, metric=metric)
    if row["regime"] == STATIC_SUFFICIENT:
        needed = max(crossing, float(fit.fitted.depth[0]))
        head = f"From {needed:.0f} steps on {known}" if agreement else f"Stop at {needed:.0f} steps: {known}"
        return f"{head} (at {budget:g} steps {now}).", Step(0, needed, cost=0.0)
    if row["regime"] == NOISE_DOMINANT:
        floor = f"±{half_width(float(np.median(sample.lasting()))):.3f} {metric}"
        left = f"seeds stay {floor} from their mean however long they train" if agreement else f"{floor} stays open"
        return (
            f"More steps do not help: on these evaluation rows {left}, more than {wanted}{_by_what(row)}. "
            f"Instead: {_cure(fit, rule.tolerance, wanted)}."
        ), Step()
    last = float(fit.curve.depth[-1])
    if not deeper and crossing > last:
        return _at_the_end(fit, rule), Step()
    far = CROSS_BEYOND * float(fit.fitted.depth[-1])  # beyond it nothing is said: "> far", as in the tables
    upper = f"{row['crossing_upper']:.0f}" if row["crossing_upper"] <= far else "unbounded"
    depth, runs = max(crossing, budget + 1), runs_of(fit)[0]
    act = "Train longer" if agreement else "Probe deeper"
    return (
        f"{act}, to about {crossing:.0f} steps (95 %: {row['crossing_lower']:.0f} to {upper}){_longer(fit, crossing)}: "
        f"{known} from there on, and {now} at {budget:g} steps."
        + (f" For {runs} seeds that is {in_all(fit, depth * runs, gpu_hour)}." if runs > 1 else "")
    ), Step(0, depth, cost=depth * runs)


def _at_the_end(fit: DecayResults, rule: Decision) -> str:
    """What is left where runs have come to their end and the tolerance is not met: none can be measured deeper."""
    last, metric = float(fit.curve.depth[-1]), fit.curve.metric or "metric"
    risk = float(fit.predict(last)[0])
    digits = next(
        n for n in (3, 4, 5, 6) if n == 6 or f"{half_width(risk):.{n}f}" != f"{half_width(rule.tolerance):.{n}f}"
    )
    then, wanted = f"±{half_width(risk):.{digits}f} {metric}", f"±{half_width(rule.tolerance):.{digits}f}"
    if fit.question != "agreement":
        return f"These runs end at {last:g} steps, where {then} is still open: only the end itself is surer than that."
    seeds = max(2, int(np.ceil(risk / rule.tolerance)))
    return (
        f"These runs end at {last:g} steps, where seeds are {then} from their mean, more than {wanted}: no depth of "
        f"theirs is enough. Average {seeds} seeds: their mean is within it. A longer recipe is another one, and would "
        "have to be probed itself."
    )


def _longer(fit: DecayResults, depth: float) -> str:
    """Says of a depth that nobody measured, or that the recipe does not have, what it is."""
    last, horizon = float(fit.fitted.depth[-1]), fit.curve.horizon
    if horizon is not None and depth > horizon:
        return f", a longer recipe than this one of {horizon:g} steps"
    return f", beyond the {last:g} steps measured" if depth > last else ""


def _price_says(verdict: str, probability_pays: float) -> str:
    """What the price of a step adds to advice that more probing would follow; nothing where probing pays."""
    if verdict.startswith("Probing pays"):
        return ""
    if verdict.startswith("Probing does not"):
        return " At the stated price of a step going deeper does not pay."
    return (
        " At the stated price of a step these runs cannot tell whether going deeper pays "
        f"(it does in {probability_pays:.0%} of the draws)."
    )


def _settle(
    fit: DecayResults,
    row: Mapping[str, object],
    rule: Decision | Thresholds,
    confidence: float,
    sample: Sample,
    deeper: bool,
    gpu_hour: float | None,
    rng: Rng,
) -> tuple[str, Step]:
    """What would settle an Undetermined call, in words and in numbers."""
    if isinstance(fit, PosteriorResults) and still_rising(fit, confidence):
        return _past_the_peak(fit, confidence, deeper)
    if isinstance(fit, FreshResults) and not fit.fresh.ended:
        return train_to_the_end(fit, row, gpu_hour)
    p_static, p_dynamic, p_noise = (float(str(row[column])) for column in PROBABILITY_COLUMNS)
    floor_is_open = p_noise > min(p_static, p_dynamic)
    floor, rate = sample.lasting(), sample.params[:, 2]
    name, values, focus = "the floor", floor, None
    if isinstance(rule, Decision):
        limit_name, limit = "tolerance", rule.tolerance
        total = rule.risk(sample)
        others = f"from {np.quantile(total, confidence):.3g} up it is {STATIC_SUFFICIENT}"
        if (lowest := np.quantile(floor, 1 - confidence)) > 1e-3 * limit:
            others += f", below {lowest:.3g} {NOISE_DOMINANT}"
        if not floor_is_open:
            name, values, focus = f"the risk at {rule.budget:g} steps", total, rule.budget
    elif floor_is_open:
        limit_name, limit = "intrinsic_threshold", rule.intrinsic_threshold
        others = f"below {np.quantile(floor, 1 - confidence):.3g} it is {NOISE_DOMINANT}"
    else:
        name, values = "the decay rate", rate
        limit_name, limit = "rate_threshold", rule.rate_threshold
        others = (
            f"up to {np.quantile(rate, 1 - confidence):.3g} it is {STATIC_SUFFICIENT}, "
            f"above {np.quantile(rate, confidence):.3g} {DYNAMIC_CRITICAL}, as long as the floor is low"
        )
    # logarithmic above the limit; below it, small and smaller are the same
    target = np.log1p(values / limit)
    steps = settling_steps(fit, sample, rule.member(sample), target, confidence, focus, deeper, rng)

    unit = {"spread": "seeds", "branch": "parents"}.get(fit.curve.estimator, "runs")
    unit = "tasks" if fit.question == "new_task" else unit
    side = f"on which side of the {limit_name} {name} lies"
    blurred = floor_is_open and not fit.identified
    why = ": the depths do not separate a floor from slow decay" if blurred else ""
    if row["reason"]:
        why = f": {row['reason']}"
    if steps:
        best, *second = steps[:2]
        text = (
            f"{_in_words(fit, best, unit)}, {in_all(fit, best.cost, gpu_hour)}: in about "
            f"{10 * best.chance:.0f} of 10 cases that settles {side}"
        )
        for other in second:
            text += f". Or {_in_words(fit, other, unit, 'train')}, for {other.cost / best.cost:.1f} times the steps"
    else:
        best = Step()
        if abs(float(np.median(values)) - limit) <= _AT_ITSELF * limit:
            why = f": {name} is at the {limit_name} itself"
        most = min(MOST_RUNS, MOST_FOLD * runs_of(fit)[0])
        depths = f"depths up to {DEEPER[-1] * float(fit.fitted.depth[-1]):g} steps"
        none = (
            f"neither {most} of them nor {depths}" if deeper else f"not even {most} of them, and these runs have ended"
        )
        text = f"More {unit} will not settle {side}, {none}. Another {limit_name} would: {others}"
    return f"Most likely {row['likely']}, not surely{why}. {text}.", best


def _past_the_peak(fit: PosteriorResults, confidence: float, deeper: bool) -> tuple[str, Step]:
    """What to do where the risk still rises: no regime can be told before its peak."""
    last, runs = float(fit.curve.depth[-1]), runs_of(fit)[0]
    text = f"Still rising at {last:g} steps (probability {fit.rising:.0%}), so there is no regime yet"
    if not deeper:
        return f"{text}, and these runs have ended: only runs of a longer recipe would show where it falls.", Step()
    depth = fit.falls_by(confidence)
    when, then = f"By {depth:g} steps it falls, in {confidence:.0%} of the draws", "there"
    if not np.isfinite(depth):
        depth = 2 * last
        when, then = "Nothing says where it will fall", f"{depth:g} steps and look again"
    text += f". {when}: train the same {runs} runs to {then}{_longer(fit, depth)}."
    return text, Step(0, depth, cost=depth * runs)


def _in_words(fit: DecayResults, step: Step, unit: str, act: str = "Train") -> str:
    last = float(fit.fitted.depth[-1])
    if step.depth > last:
        more = f"the same {runs_of(fit)[0]} {unit}" + (f" and about {step.runs:g} more" if step.runs else "")
        horizon = fit.curve.horizon
        if horizon is not None and step.depth > horizon:
            return f"{act} {more} by a recipe of {step.depth:g} steps (this one ends at {horizon:g})"
        return f"{act} {more} to {step.depth:g} steps"
    where = "to the same depths" if step.depth == last else f"to depth {step.depth:g}"
    return f"{act} about {step.runs:g} more {unit} {where}"
