"""`probe_until`: probe, look, and go on where it is worth most, until the answer stands or the money is spent."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from predictlab._validation import positive
from predictlab.decay import DecayModel
from predictlab.decay._results import Rng
from predictlab.errors import DataError, bad_argument
from predictlab.phase import UNDETERMINED
from predictlab.planning._boundary import LEAST_LEVEL, NAMES, Boundary, spending_function
from predictlab.planning._next_step import best_step, ways_on
from predictlab.planning._questions import Answer, Depth, Question, Rate, Regime
from predictlab.planning._result import SequentialResult
from predictlab.planning._sources import FunctionSource, Measure, Source, TaskSource
from predictlab.probing import ProbePlan
from predictlab.probing._executors import Executor
from predictlab.risk import risk_curve
from predictlab.runs import RunStore
from predictlab.task import Task

QUESTIONS = ("regime", "decay_rate", "optimal_depth")
FIRST_SEEDS, FIRST_DEPTHS, FIRST_LAST, FIRST_SHARE = 8, 5, 64, 1 / 16
LEAST_LAST = 16
LEAST_DEPTHS = 4  # what a decay fit needs


def probe_until(
    source: Task | Measure,
    question: str = "regime",
    *,
    max_cost: float,
    tolerance: float | None = None,
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
        ``optimal_depth``: ``c*`` at `exchange_rate` within +- `within` steps. All answer `fresh_run`
        (docs/theory.md, section 7).
    max_cost : float
        Most that may be spent, in the unit of `cost_per_step`.
    tolerance, budget : float
        ``tau`` (metric²) and ``B`` (steps) of the regime.
    exchange_rate : float
        ``gamma`` > 0, metric² per unit of cost, of the optimal depth.
    within : float
        Largest half-width of the interval, for a rate or a depth.
    relative : bool
        `within` is a share of the optimal depth, not steps.
    confidence : float
        In (0.5, 1): of the answer, over all looks together.
    cost_per_step : float
        Price of one step of one run. A task's deeper depth costs all steps from the start, which the engine trains
        again; a callable's costs the added steps. Runs found in the store are charged as if made now.
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
        Also when `max_cost` does not pay for the first look.
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
    given = {
        "executor": executor, "engine": engine, "device": device, "cache_limit": cache_limit,
        "memory_limit": memory_limit,
    }  # fmt: skip
    probe_options = {name: value for name, value in given.items() if value is not None}
    limit = positive("max_cost", max_cost, " (cost)")
    price = positive("cost_per_step", cost_per_step, " (cost per step)")
    if isinstance(confidence, bool) or not 0.5 < confidence < 1:
        raise bad_argument("confidence", confidence, "a probability in (0.5, 1)", "0.95 is the usual choice.")
    asked = _question(question, tolerance, budget, exchange_rate, within, relative, price)
    spending = spending_function(boundary)
    with _opened(source, store, max_depth, progress, probe_options) as runs_of:
        first = _first_plan(runs_of, plan, limit, price, budget if isinstance(asked, Regime) and budget else 0.0)
        if isinstance(asked, Regime) and asked.budget < first.depths[0]:
            raise bad_argument("budget", budget, f"at least {first.depths[0]} steps, the first depth of the plan")
        spent = Boundary(spending, 1 - confidence)
        return _look_until(runs_of, asked, question, first, limit, price, spent, boundary, metric, rng, progress)


def _question(
    question: str,
    tolerance: float | None,
    budget: float | None,
    exchange_rate: float | None,
    within: float | None,
    relative: bool,
    price: float,
) -> Question:
    if question not in QUESTIONS:
        raise bad_argument("question", question, f"one of {', '.join(QUESTIONS)}")
    needs: dict[str, dict[str, tuple[float | None, str]]] = {
        "regime": {"tolerance": (tolerance, " (metric²)"), "budget": (budget, " (steps)")},
        "decay_rate": {"within": (within, ", the half-width of the rate's interval")},
        "optimal_depth": {
            "exchange_rate": (exchange_rate, " (metric² per unit of cost)"),
            "within": (within, ", the half-width of the depth's interval"),
        },
    }
    values = {}
    for name, (value, unit) in needs[question].items():
        if value is None:
            raise bad_argument(name, None, f"a finite number > 0{unit}", f"question={question!r} needs it.")
        values[name] = positive(name, value, unit)
    if question == "regime":
        if values["budget"] <= 1:
            raise bad_argument("budget", budget, "more than 1 step")
        return Regime(**values)
    if question == "decay_rate":
        return Rate(**values)
    return Depth(values["exchange_rate"] * price, values["within"], relative)


@contextmanager
def _opened(
    source: Any, store: Any, max_depth: int | None, progress: bool, options: dict[str, Any]
) -> Iterator[Source]:
    """The source with its store, closed afterwards if it was opened here."""
    if not isinstance(source, Task) and not callable(source):
        raise bad_argument("source", source, "a pl.Task, or a function (depths, seeds) -> tidy frame")
    if options and not isinstance(source, Task):
        raise bad_argument(next(iter(options)), next(iter(options.values())), "a pl.Task as source to go with it")
    if max_depth is not None and not (max_depth >= 1 and max_depth == int(max_depth)):
        raise bad_argument("max_depth", max_depth, "a whole number of steps >= 1")
    opened = store if isinstance(store, RunStore) else RunStore(store if store is not None else ":memory:")
    try:
        if isinstance(source, Task):
            task = TaskSource(source, opened, progress, options)
            task.max_depth = min(task.max_depth or sys.maxsize, max_depth or sys.maxsize)
            yield task
        else:
            deepest = min(getattr(source, "max_depth", None) or sys.maxsize, max_depth or sys.maxsize)
            yield FunctionSource(source, opened, deepest if deepest < sys.maxsize else None)
    except KeyboardInterrupt:
        if isinstance(source, Task):
            pass  # pl.probe has said so
        elif opened.path == ":memory:":
            tqdm.write("Interrupted: give store= a file to go on from there next time.", file=sys.stderr)
        else:
            tqdm.write(f"Interrupted: {opened.path} keeps what was measured; the same call goes on.", file=sys.stderr)
        raise
    finally:
        if opened is not store:
            opened.close()


def _first_plan(source: Source, plan: ProbePlan | None, limit: float, price: float, budget: float) -> ProbePlan:
    """The given plan, if it can be fitted and paid for, or the default one."""
    if plan is None:
        last = source.max_depth or FIRST_LAST
        while last >= 2 * LEAST_LAST and price * source.steps(FIRST_SEEDS, last, 0) > limit * FIRST_SHARE:
            if last // 2 < budget and price * source.steps(FIRST_SEEDS, last, 0) <= limit:
                break  # the risk at the budget is better measured than extrapolated to, early on
            last //= 2
        halves = [last // 2**i for i in range(last.bit_length())]
        depths = [d for i, d in enumerate(halves) if i < FIRST_DEPTHS or d >= min(4, budget or 4)]
        plan = ProbePlan(depths=tuple(sorted(depths)), seeds=FIRST_SEEDS)
    if not isinstance(plan, ProbePlan):
        raise bad_argument("plan", plan, "a pl.ProbePlan(depths=..., seeds=...)")
    if plan.design != "spread":
        raise bad_argument("plan", plan.design, "a plan of design 'spread'", "Its runs are what more seeds add to.")
    if sum(d > 0 for d in plan.depths) < LEAST_DEPTHS or len(plan.run_seeds) < 2:
        raise bad_argument("plan", plan, f"at least {LEAST_DEPTHS} depths > 0 and 2 seeds", "The decay fit needs them.")
    if source.max_depth is not None and plan.depths[-1] > source.max_depth:
        raise bad_argument("plan", plan.depths, f"depths up to {source.max_depth}, the deepest that may be asked for")
    cost = price * source.steps(len(plan.run_seeds), plan.depths[-1], 0)
    if cost > limit:
        raise bad_argument(
            "max_cost", limit, f"at least {cost:g}, the cost of {len(plan.run_seeds)} seeds to depth {plan.depths[-1]}",
            "Raise it, or start from a smaller plan=.",
        )  # fmt: skip
    return plan


def _draws_for(level: float) -> int:
    """Number of draws of which about 20 lie beyond `level`."""
    return max(4000, math.ceil(20 / max(level, LEAST_LEVEL)))


NO_ANSWER = Answer(False, None, float("nan"), (float("nan"), float("nan")), np.zeros(1), "")


def _look_until(
    source: Source,
    asked: Question,
    question: str,
    plan: ProbePlan,
    limit: float,
    price: float,
    boundary: Boundary,
    boundary_name: str,
    metric: str | None,
    rng: Rng,
    progress: bool,
) -> SequentialResult:
    cost = price * source.steps(len(plan.run_seeds), plan.depths[-1], 0)
    rows: list[dict[str, Any]] = []
    with tqdm(total=limit, unit="cost", desc=source.name, disable=not progress, dynamic_ncols=True) as bar:
        while True:
            runs = source.measure(plan)
            bar.update(cost - bar.n)
            steps = ways_on(source, plan, limit - cost, price)
            time = cost / limit if steps else 1.0
            fit, answer, level, draws, no_fit = None, NO_ANSWER, 0.0, np.zeros((0, 3)), ""
            try:
                fit = DecayModel(risk_curve(runs, source.name, metric=metric)).fit()
            except DataError as error:
                if not steps:
                    raise
                no_fit = f"the runs give no fit yet: {error}"
            if fit is not None:
                level = boundary.level(time)
                draws = fit.draws(_draws_for(level), rng=rng).to_numpy()
                answer = asked.answer(fit, draws, level)
            step, why = None, ""
            if not answer.stands and steps:
                if fit is None:
                    step, why = steps[0], no_fit
                else:
                    step, why = best_step(fit, draws[:2000], answer.target[:2000], answer.name, plan, steps)
            rows.append(
                {
                    "look": len(rows) + 1, "seeds": len(plan.run_seeds), "depths": len(plan.depths),
                    "last_depth": plan.depths[-1], "cost": cost, "time": time, "level": level, "answer": answer.value,
                    "probability": answer.probability, "lower": answer.interval[0], "upper": answer.interval[1],
                    "half_width": answer.half_width, "stands": answer.stands, "target": answer.name,
                    "action": "stop" if step is None else step.what, "why": why,
                }
            )  # fmt: skip
            if step is None:
                break
            plan, cost = step.plan, cost + step.cost
    if answer.stands:
        because = f"The answer stands at look {len(rows)}, which may err with probability {level:.3f}."
    else:
        because = f"The {limit - cost:g} left of max_cost={limit:g} do not pay for a step that would help."
    decided = answer.stands
    return SequentialResult(
        question=question,
        decided=decided,
        answer=answer.value if decided or question != "regime" else UNDETERMINED,
        likely=answer.value,
        probability=answer.probability,
        interval=answer.interval,
        level=level,
        confidence=1 - boundary.error,
        boundary=NAMES[boundary_name],
        looks=pd.DataFrame(rows),
        cost=cost,
        max_cost=limit,
        fit=fit,
        plan=plan,
        runs=runs,
        stopped_because=because,
    )
