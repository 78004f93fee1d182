"""`probe_until`: probe, look, and go on where it is worth most, until the answer stands or the money is spent."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from predictlab._summary import Summarised, Summary
from predictlab._validation import Rng, evaluation_rows, option, positive, share, tolerance_of
from predictlab.decay import DecayModel, DecayResults, Sample
from predictlab.errors import DataError, bad_argument
from predictlab.phase import UNDETERMINED
from predictlab.planning._boundary import LEAST_LEVEL, SPENDING, Boundary
from predictlab.planning._next_step import Step, most_informative
from predictlab.planning._questions import NO_ANSWER, Answer, Answering, answering
from predictlab.planning._sources import Measure, Source, curve_of, opened_source
from predictlab.probing import ProbePlan
from predictlab.probing._executors import Executor
from predictlab.runs import RunStore
from predictlab.task import Task

FIRST_SEEDS, FIRST_DEPTHS, FIRST_LAST, FIRST_SHARE = 8, 5, 64, 1 / 16
LEAST_LAST = 16
LEAST_DEPTHS = 4  # what a decay fit needs
GROWTH = 0.5  # of the number of seeds in one step
WEIGHED = 2000  # draws that the next step is weighed with


@dataclass(frozen=True, eq=False, repr=False)
class SequentialResult(Summarised):
    """What `probe_until` found.

    Parameters
    ----------
    question : {"regime", "decay_rate", "optimal_depth"}
        What was to be decided.
    decided : bool
        Whether the answer stands at the confidence asked for.
    answer : str or float
        Regime, ``"Undetermined"`` when it does not stand; for a number its estimate, decided or not.
    likely : str or float
        The most likely regime even when it does not stand; for a number the same as `answer`.
    probability : float
        Of `likely` at the last look; NaN for a number.
    interval : (float, float)
        Of the number at the last look's level, unbounded where that is 0; NaN for a regime.
    level : float
        Error allowed to the last look: its probability had to reach ``1 - level``, its interval is at that confidence.
    confidence : float
        Of the whole: the levels of all looks add up to at most ``1 - confidence``.
    boundary : str
        How the error was spent over the looks, with its source.
    looks : pandas.DataFrame
        One row a look: ``seeds``, ``depths``, ``last_depth``, ``cost``, ``time`` (share of `max_cost`; 1 at a look
        that is known to be the last), ``level``, ``answer``, ``probability``, ``lower``, ``upper``, ``half_width``,
        ``stands``, ``target`` (what decides), ``action`` and ``why``.
    cost, max_cost : float
        Spent and allowed, in the unit of `cost_per_step`. Runs that were in the store are counted as if made now.
    fit : DecayResults or None
        Of the last look; None where the runs give no fit.
    plan : ProbePlan
        Seeds and depths of all runs.
    runs : pandas.DataFrame
        Their measurements, tidy.
    stopped_because : str
        One sentence.
    rows : float, optional
        Evaluation rows of the set that was asked about, inf for the population; None: the measured one.

    Examples
    --------
    >>> import predictlab as pl
    >>> world = pl.worlds.MartingaleWorld(intrinsic_limit=0.001, scale=1.0, decay_rate=1.0)
    >>> found = pl.probe_until(world.source(seed=1), tolerance=0.1, budget=64, max_cost=20_000, progress=False)
    >>> found.decided
    True
    """

    question: str
    decided: bool
    answer: str | float
    likely: str | float
    probability: float
    interval: tuple[float, float]
    level: float
    confidence: float
    boundary: str
    looks: pd.DataFrame = field(repr=False)
    cost: float
    max_cost: float
    fit: DecayResults | None = field(repr=False)
    plan: ProbePlan
    runs: pd.DataFrame = field(repr=False)
    stopped_because: str
    rows: float | None = None

    def _headline(self) -> str:
        if self.question == "regime":
            return f"{self.answer} (probability of {self.likely}: {self.probability:.3f})"
        lower, upper = self.interval
        at = f"{1 - self.level:.1%} interval" if self.level > 0 else "no interval yet"
        return f"{self.question} = {self.answer:.4g}, {at} {lower:.4g} to {upper:.4g}"

    def summary(self) -> Summary:
        """Say the answer, why it stopped, and show one line a look.

        Returns
        -------
        Summary
            Prints as text, and as a table in a notebook.
        """
        shown = ["seeds", "last_depth", "cost", "level", "probability" if self.question == "regime" else "half_width"]
        return Summary(
            f"{'Decided' if self.decided else 'Not decided'}: {self._headline()}",
            self.stopped_because,
            *self._about_rows(),
            f"cost {self.cost:g} of {self.max_cost:g}; {len(self.plan.run_seeds)} seeds, depths {self.plan.depths}",
            f"{self.confidence:.0%} confidence over all looks: {self.boundary}",
            self.looks[[*shown, "action"]],
        )

    def _about_rows(self) -> list[str]:
        """On which rows the answer holds, and what the measured ones add (docs/theory.md, section 8)."""
        if self.rows is None:
            return []
        where = "on the population of rows" if math.isinf(self.rows) else f"on an evaluation set of {self.rows:g} rows"
        if self.fit is None or self.fit.curve.parts is None:
            return [f"Asked {where}."]
        last, depth = self.fit.curve.parts[-1], self.fit.curve.depth[-1]
        share = min(max(last.rows_share, 0.0), 1.0)
        return [
            f"Asked {where}; of the spread measured at {depth:g} steps {share:.0%} is the set of {last.rows} rows, "
            "which was taken apart."
        ]


def probe_until(
    source: Task | Measure,
    question: str = "regime",
    *,
    max_cost: float,
    tolerance: float | None = None,
    margin: float | None = None,
    budget: float | None = None,
    exchange_rate: float | None = None,
    within: float | None = None,
    relative: bool = False,
    confidence: float = 0.95,
    cost_per_step: float = 1.0,
    plan: ProbePlan | None = None,
    max_depth: int | None = None,
    boundary: str = "pocock",
    store: str | Path | RunStore | None = None,
    metric: str | None = None,
    rows: float | None = None,
    rng: Rng = None,
    progress: bool = True,
    executor: str | Executor | None = None,
    engine: str | None = None,
    device: str | None = None,
    cache_limit: int | None = None,
    memory_limit: int | None = None,
) -> SequentialResult:
    """Probe until a question is answered, with seeds and depths added where they are worth most.

    After each look the decay law is fitted to the spread of the runs so far. If the answer does not stand, the next
    step is either half as many seeds again (at least 4) at the present depths, or one depth more, twice the last, for
    all seeds: whichever is expected to gain most precision about what decides, per cost.

    Parameters
    ----------
    source : Task or callable
        A task, trained by `pl.probe`; or ``(depths, seeds) -> tidy frame`` with columns ``seed, depth, metric, value``
        (``status`` optional), one value of each metric for every seed at every depth: a world's `source`, a cluster.
    question : {"regime", "decay_rate", "optimal_depth"}
        ``regime``: which under ``decision(tolerance, budget)``; ``decay_rate``: alpha within +- `within`;
        ``optimal_depth``: ``c*`` at `exchange_rate` within +- `within` steps. All speak of `agreement`
        (docs/theory.md, section 7).
    max_cost : float
        Most that may be spent, in the unit of `cost_per_step`.
    tolerance, budget : float
        ``tau`` (metric²) and ``B`` (steps) of the regime.
    margin : float
        ``m`` > 0 in the metric, in the place of the tolerance ``(m / 1.96)²``.
    exchange_rate : float
        ``gamma`` > 0, metric² per unit of cost, of the optimal depth.
    within : float
        Largest half-width of the interval, for a rate or a depth.
    relative : bool
        `within` is a share of the optimal depth, not steps.
    confidence : float
        In (0.5, 1): of the answer, over all looks together.
    cost_per_step : float
        Price of one step of one run. A deeper depth costs the added steps: runs go on from where they stopped. Runs
        found in the store are charged as if made now.
    plan : ProbePlan, optional
        First look: at least 4 depths > 0 and 2 seeds. Default: 8 seeds at five depths, each twice the one before, up
        to a depth that costs at most a sixteenth of `max_cost`.
    max_depth : int, optional
        Deepest depth that may be asked for. Default: a task's steps; a callable's attribute ``max_depth``, else none.
    boundary : {"pocock", "obrien_fleming"}
        How the error is spent over the looks.
    store : str, Path or RunStore, optional
        Where measurements go; None keeps them in this process only. The same call with the same store goes on where
        it was interrupted: what the store holds is not made again.
    metric : str, optional
        As for `pl.risk_curve`.
    rows : float, optional
        Evaluation rows of the set that is asked about; inf: the population they come from. None: the measured set, as
        it is. What the measured rows add is then an offset of the fit, known from their outcomes, which a task keeps,
        and a callable gives by a column ``row``: a line an outcome.
    rng : int, numpy.random.Generator or None
        Of the draws of each fit; None: a fresh generator of seed 0 at each look.
    progress : bool
        Show progress over the cost, on standard error.
    executor, engine, device, cache_limit, memory_limit
        As for `pl.probe`; only with a task.

    Returns
    -------
    SequentialResult

    Raises
    ------
    ArgumentError
        Also when `max_cost` does not pay for the first look, and for `rows` without outcomes.
    KeyboardInterrupt
        On Ctrl-C; what was measured is in the store.

    Notes
    -----
    Repeated looks at growing data would make a 90 % answer wrong more often than in one case of ten. Look `k` may err
    with probability ``f(t_k) - f(t_(k-1))``, the increment of a spending function of Lan and DeMets (1983, Biometrika
    70, 659-663) with ``t`` the cost spent over `max_cost`; the increments are added up by the union bound, which holds
    whatever the looks have in common, and costs a little more data than their joint distribution would. A look known
    to be the last has ``t = 1``. That the steps are chosen from the data lies outside the theorem; docs/sequential.md
    shows the share of wrong answers by simulation.

    Examples
    --------
    >>> import predictlab as pl
    >>> world = pl.worlds.MartingaleWorld(intrinsic_limit=0.001, scale=1.0, decay_rate=1.0)
    >>> found = pl.probe_until(world.source(seed=1), tolerance=0.1, budget=64, max_cost=20_000, progress=False)
    >>> found.answer
    'Static-Sufficient'
    """
    options = {
        "executor": executor, "engine": engine, "device": device, "cache_limit": cache_limit,
        "memory_limit": memory_limit,
    }  # fmt: skip
    limit = positive("max_cost", max_cost, " (cost)")
    price = positive("cost_per_step", cost_per_step, " (cost per step)")
    share("confidence", confidence, "a probability in (0.5, 1)", above=0.5, hint="0.95 is the usual choice.")
    if margin is not None:
        tolerance = tolerance_of(tolerance, margin)
    given = {"tolerance": tolerance, "budget": budget, "exchange_rate": exchange_rate, "within": within}
    answer = answering(question, given, relative, price, confidence)
    asked_at = float(budget or 0) if question == "regime" else 0.0
    wanted = evaluation_rows(rows)
    spent = Boundary(SPENDING[option("boundary", boundary, SPENDING)][0], 1 - confidence)
    chosen = {name: value for name, value in options.items() if value is not None}
    with opened_source(source, store, max_depth, progress, chosen) as opened:
        first = _first_plan(opened, plan, limit, price, asked_at)
        if 0 < asked_at < first.depths[0]:
            raise bad_argument("budget", budget, f"at least {first.depths[0]} steps, the first depth of the plan")
        last = _look_until(opened, answer, first, limit, price, spent, metric, wanted, rng, progress)
    if last.answer.stands:
        because = f"The answer stands at look {len(last.looks)}, which may err with probability {last.level:.3f}."
    else:
        because = f"The {limit - last.cost:g} left of max_cost={limit:g} do not pay for a step that would help."
    undetermined = question == "regime" and not last.answer.stands
    return SequentialResult(
        question=question,
        decided=last.answer.stands,
        answer=UNDETERMINED if undetermined else last.answer.value,
        likely=last.answer.value,
        probability=last.answer.probability,
        interval=last.answer.interval,
        level=last.level,
        confidence=confidence,
        boundary=f"{SPENDING[boundary][1]} error spending (Lan and DeMets 1983), union bound over looks",
        looks=pd.DataFrame(last.looks),
        cost=last.cost,
        max_cost=limit,
        fit=last.fit,
        plan=last.plan,
        runs=last.runs,
        stopped_because=because,
        rows=wanted,
    )


def _first_plan(source: Source, plan: ProbePlan | None, limit: float, price: float, budget: float) -> ProbePlan:
    """The given plan, if it can be fitted and paid for, or the default one."""
    if plan is None:
        last = source.max_depth or FIRST_LAST
        while last >= 2 * LEAST_LAST and price * FIRST_SEEDS * last > limit * FIRST_SHARE:
            if last // 2 < budget and price * FIRST_SEEDS * last <= limit:
                break  # the risk at the budget is better measured than extrapolated to, early on
            last //= 2
        halves = [last // 2**i for i in range(last.bit_length())]
        depths = [d for i, d in enumerate(halves) if i < FIRST_DEPTHS or d >= min(4, budget or 4)]
        plan = ProbePlan(depths=tuple(sorted(depths)), seeds=FIRST_SEEDS)
    if not isinstance(plan, ProbePlan):
        raise bad_argument("plan", plan, "a pl.ProbePlan(depths=..., seeds=...)")
    if plan.horizons is not None:
        hint = "Compare lengths by pl.probe, or give the depths of one recipe."
        raise bad_argument("plan", plan.horizons, "a plan of depths, without horizons", hint)
    if plan.design != "spread":
        raise bad_argument("plan", plan.design, "a plan of design 'spread'", "Its runs are what more seeds add to.")
    if sum(d > 0 for d in plan.depths) < LEAST_DEPTHS or len(plan.run_seeds) < 2:
        raise bad_argument("plan", plan, f"at least {LEAST_DEPTHS} depths > 0 and 2 seeds", "The decay fit needs them.")
    if source.max_depth is not None and plan.depths[-1] > source.max_depth:
        raise bad_argument("plan", plan.depths, f"depths up to {source.max_depth}, the deepest that may be asked for")
    cost = price * len(plan.run_seeds) * plan.depths[-1]
    if cost > limit:
        raise bad_argument(
            "max_cost", limit, f"at least {cost:g}, the cost of {len(plan.run_seeds)} seeds to depth {plan.depths[-1]}",
            "Raise it, or start from a smaller plan=.",
        )  # fmt: skip
    return plan


@dataclass
class _Looks:
    """Where the looks have led: what was measured and spent, and what the last one says."""

    plan: ProbePlan
    cost: float
    runs: pd.DataFrame = field(default_factory=pd.DataFrame)
    fit: DecayResults | None = None
    level: float = 0.0
    answer: Answer = NO_ANSWER
    looks: list[dict[str, object]] = field(default_factory=list)


def _look_until(
    source: Source,
    answering: Answering,
    plan: ProbePlan,
    limit: float,
    price: float,
    boundary: Boundary,
    metric: str | None,
    rows: float | None,
    rng: Rng,
    progress: bool,
) -> _Looks:
    """Measure, look and go on, until the answer stands or no step can be paid."""
    at = _Looks(plan, price * len(plan.run_seeds) * plan.depths[-1])
    with tqdm(total=limit, unit="cost", desc=source.name, disable=not progress, dynamic_ncols=True) as bar:
        while True:
            at.runs = source.measure(at.plan)
            bar.update(at.cost - bar.n)
            steps = _affordable(at.plan, limit - at.cost, price, source.max_depth)
            time = at.cost / limit if steps else 1.0
            step, why = None, ""
            at.fit, at.level, at.answer = None, 0.0, NO_ANSWER
            try:
                at.fit = DecayModel(curve_of(source, at.runs, metric, rows), rows=rows).fit()
            except DataError as error:
                if not steps:
                    raise
                step, why = steps[0], f"the runs give no fit yet: {error}"
            else:
                at.level = boundary.level(time)
                # about 20 draws lie beyond the level
                count = max(4000, math.ceil(20 / max(at.level, LEAST_LEVEL)))
                sample = at.fit.sample(count, rng)
                at.answer = answering(at.fit, sample, at.level)
                if steps and not at.answer.stands:
                    step, why = _best(at.fit, sample, at.answer, steps)
            seeds, last = len(at.plan.run_seeds), at.plan.depths[-1]
            lower, upper = at.answer.interval
            at.looks.append(
                {
                    "look": len(at.looks) + 1, "seeds": seeds, "depths": len(at.plan.depths), "last_depth": last,
                    "cost": at.cost, "time": time, "level": at.level, "answer": at.answer.value,
                    "probability": at.answer.probability, "lower": lower, "upper": upper,
                    "half_width": (upper - lower) / 2, "stands": at.answer.stands, "target": at.answer.name,
                    "action": "stop" if step is None else _in_words(step), "why": why,
                }
            )  # fmt: skip
            if step is None:
                return at
            new = range(max(at.plan.run_seeds) + 1, max(at.plan.run_seeds) + 1 + int(step.runs))
            depths = sorted({*at.plan.depths, int(step.depth)})
            at.plan, at.cost = ProbePlan(depths, (*at.plan.run_seeds, *new)), at.cost + step.cost


def _affordable(plan: ProbePlan, left: float, price: float, max_depth: int | None) -> list[Step]:
    """Steps that `left` pays for at `price` a step of training: more seeds, or a deeper depth for all of them."""
    seeds, last = len(plan.run_seeds), plan.depths[-1]
    steps = []
    more = min(max(4, math.ceil(GROWTH * seeds)), int(left / price / last + 1e-9))
    if more >= max(2, seeds // 10):  # fewer would tell nothing new
        steps.append(Step(more, last, cost=price * more * last))
    deeper = min(2 * last, max_depth or sys.maxsize)
    cost = price * seeds * (deeper - last)
    if deeper >= 1.25 * last and cost <= left * (1 + 1e-9):
        steps.append(Step(0, deeper, cost=cost))
    return steps


def _best(fit: DecayResults, sample: Sample, answer: Answer, steps: list[Step]) -> tuple[Step, str]:
    """The step that tells most per cost about what decides, and why."""
    target = answer.target[:WEIGHED]
    if np.ptp(target) == 0:
        return min(steps, key=lambda step: step.cost), f"all draws agree on {answer.name}: the cheapest step"
    best, left = most_informative(fit, sample.first(WEIGHED), target, steps)
    told = (f"{_in_words(s)} (cost {s.cost:g}) to {share:.0%}" for s, share in zip(steps, left, strict=True))
    return best, f"variance of {answer.name} expected to fall with {', with '.join(told)}"


def _in_words(step: Step) -> str:
    return f"{step.runs} more seeds" if step.runs else f"depth {step.depth} for all seeds"
