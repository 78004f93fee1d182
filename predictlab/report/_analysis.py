"""The corridor after the probes, in one call: curves, fits, optimal depths, regimes, and what to do."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from predictlab._summary import Summarised, Summary
from predictlab._validation import nonnegative, option, tolerance_of
from predictlab.budget import FreshResults, OptimalDepth, ProbeChoice, fresh_run, optimal_depth
from predictlab.budget._drift import EARLIER_LEAST
from predictlab.decay import DecayModel, DecayResults
from predictlab.errors import DataError, UnusualInput, bad_argument
from predictlab.phase import (
    PROBABILITY_COLUMNS,
    REGIMES,
    UNDETERMINED,
    Decision,
    classify,
    static_risk_of,
    unusual,
)
from predictlab.planning import advise, half_width
from predictlab.report._tables import phase_table
from predictlab.risk import QUESTIONS, RiskCurve, over_horizons, risk_curve
from predictlab.risk._frames import Runs, as_runs_frame
from predictlab.risk._fresh import end_of
from predictlab.risk._horizon import by_length, lengths_of
from predictlab.runs import Imported, ImportReport, RunStore, read_runs
from predictlab.runs._importers.read import Source
from predictlab.runs._importers.sources import is_mlflow_database
from predictlab.task import is_share

if TYPE_CHECKING:
    import altair as alt

MIN_RUNS = 3  # with two degrees of freedom a variance is known within a factor of 150 (95 %): wide, and said
MIN_TASKS = 4  # of a population
EXCHANGE_RATE = 1e-7  # a thousand steps, of all seeds together, for the risk of one point of accuracy (0.01²)
CROSSING_COLUMNS = ("crossing_budget", "crossing_lower", "crossing_upper")
MARGIN = 0.025  # of a share of rows
NEW_TASK = "a new task"
SQLITE = b"SQLite format 3\x00"


@dataclass(frozen=True, eq=False, repr=False)
class Analysis(Summarised):
    """Fits of several tasks, and what follows at one tolerance, budget and price.

    Parameters
    ----------
    fits : dict of str to DecayResults
        The decay law of each task that carries one.
    unfit : dict of str to str
        Tasks that no fit was made for, and why.
    optima : dict of str to OptimalDepth or ProbeChoice
        Of each fit, at the price; of `fresh_run` steps and seeds together.
    phase : pandas.DataFrame
        What `pl.classify` returns, with rows for tasks without a fit or whose law does not reach down to the budget:
        they are Undetermined, and their numbers NaN.
    recommendations : dict of str to str
        What to do for each task, or why nothing can be said.
    tolerance, budget, exchange_rate, confidence : float
        As they were given to `pl.analyse`.
    cautions : tuple of str
        What of them lies far outside all that was measured, or was not given.
    question : str
        What was asked (docs/questions.md).
    imported : ImportReport, optional
        How the runs of another tool were read.
    curves : tuple of RiskCurve
        Of the first task, a question each, where its runs tell them: what `predictlab.charts.questions_chart` draws.

    Examples
    --------
    >>> import predictlab as pl
    >>> runs = pl.worlds.MartingaleWorld(0.0001, 0.01, 1.0).source(seed=0)([4, 8, 16, 32, 64], range(16))
    >>> analysis = pl.analyse(runs.assign(task="a"), tolerance=0.002, budget=32)
    >>> analysis.phase[["task", "regime"]].values.tolist()
    [['a', 'Static-Sufficient']]
    >>> analysis.missing_regimes
    ['Dynamic-Critical', 'Noise-Dominant']
    """

    fits: dict[str, DecayResults]
    unfit: dict[str, str]
    optima: dict[str, OptimalDepth | ProbeChoice]
    phase: pd.DataFrame
    recommendations: dict[str, str]
    tolerance: float
    budget: float
    exchange_rate: float
    confidence: float
    cautions: tuple[str, ...] = ()
    question: str = "agreement"
    imported: ImportReport | None = None
    curves: tuple[RiskCurve, ...] = ()

    @property
    def missing_regimes(self) -> list[str]:
        """Regimes that no task was called to be in."""
        return [regime for regime in REGIMES if regime not in set(self.phase["regime"])]

    def frame(self) -> pd.DataFrame:
        """Return the fits and the optimal depths as a table.

        Returns
        -------
        pandas.DataFrame
            One row a fit: ``task``, ``runs``, ``diverged``, the first and last fitted depth (steps), each parameter
            with its 95 % interval in ``_lower`` and ``_upper``, ``identified``, ``lack_of_fit_p``, and
            ``optimal_depth`` with its interval and ``probability_pays``; of `fresh_run` without an interval, and with
            ``optimal_seeds``.
        """
        rows = []
        for name, fit in self.fits.items():
            row: dict[str, object] = {"task": name, "runs": _runs_of(fit), "diverged": fit.curve.diverged}
            row |= {"fitted_from": fit.fitted.depth[0], "fitted_to": fit.fitted.depth[-1]}
            for parameter, limits in fit.conf_int().iterrows():
                row[f"{parameter}"] = fit.params[parameter]
                row |= {f"{parameter}_{side}": limits[side] for side in ("lower", "upper")}
            best = self.optima[name]
            row |= {"identified": fit.identified, "lack_of_fit_p": fit.burn_in.p_value, "optimal_depth": best.depth}
            if isinstance(best, ProbeChoice):
                rows.append(row | {"optimal_seeds": best.seeds, "probability_pays": best.probability})
                continue
            lower, upper = best.conf_int().loc["depth"]
            row |= {"optimal_depth_lower": lower, "optimal_depth_upper": upper}
            rows.append(row | {"probability_pays": best.probability_pays})
        return pd.DataFrame(rows)

    def summary(self) -> Summary:
        """Say what was asked, show the phase table, and say what to do for each task.

        Returns
        -------
        Summary
            Prints as text, and as a table in a notebook.
        """
        title = (
            f"Tolerance ±{half_width(self.tolerance):.3g} (tau = {self.tolerance:.3g}), budget {self.budget:g} steps, "
            f"regimes at {100 * self.confidence:g} %; asked: {QUESTIONS[self.question]}"
        )
        lines = [f"{task}: {text}" for task, text in self.recommendations.items()]
        read = () if self.imported is None else str(self.imported).splitlines()
        return Summary(title, *read, *(f"Caution: {text}" for text in self.cautions), phase_table(self), *lines)

    def plot(self) -> alt.HConcatChart:
        """Draw the phase diagram: each task that has a place on it, at this tolerance and budget.

        Returns
        -------
        altair.HConcatChart
            See `predictlab.charts.phase_planes`.
        """
        from predictlab.charts import phase_planes

        return phase_planes(self.phase.dropna(subset="x"), tolerance=self.tolerance, budget=self.budget)


def analyse(
    source: Runs | Source,
    *,
    tolerance: float | None = None,
    margin: float | None = None,
    budget: float | None = None,
    exchange_rate: float = EXCHANGE_RATE,
    gpu_hour: float | None = None,
    metric: str | None = None,
    question: str = "agreement",
    confidence: float = 0.95,
    tasks: Iterable[str] | None = None,
    eval_rows: Mapping[str, int] | None = None,
    rows: float | None = None,
    draws: int = 2000,
    rng: int | np.random.Generator | None = None,
) -> Analysis:
    """Fit every task and classify it; tasks that cannot carry a fit are Undetermined, with the reason.

    Parameters
    ----------
    source : DataFrame, RunStore or path
        A tidy frame, a run store or the path of one, or anything that `pl.read_runs` reads: files, folders and tables
        of other tools. What needs more words than `metric` to be read, read with `pl.read_runs` first, and pass what
        it returned, with its report or without.
    tolerance : float
        ``tau`` > 0, metric²: the risk that is small enough; or its margin.
    margin : float
        ``m`` > 0 in the metric, for the tolerance ``(m / 1.96)²``: each seed within ``m`` of their mean, 95 %. Of a
        share of rows (accuracy, exact match) the default is 0.025, or 2.5 if it is in percent, which `cautions` say;
        what matters in any other metric has to be told.
    budget : float
        ``B`` > 1, steps of one run. Default: the last depth that all tasks were measured at.
    exchange_rate : float
        ``gamma`` > 0, metric² per step: the risk that one step is worth. Default 1e-7: a thousand steps, of all seeds
        together, for the risk of one point of accuracy.
    gpu_hour : float, optional
        Of the machine, in money: what is advised then says what it costs, where runs told the seconds of a step.
    metric : str, optional
        See `pl.risk_curve`.
    question : {"agreement", "this_run", "fresh_run", "new_task"}
        What is asked (docs/questions.md). Of `new_task` there is one answer for all tasks together, which are taken as
        drawn from one population, four at least; it speaks of another task of their kind and of none of them.
    confidence : float
        Probability that the call of a regime needs.
    tasks : iterable of str, optional
        Which tasks, in which order; default all.
    eval_rows : mapping of str to int, optional
        Evaluation rows of each task, where the source does not know them.
    rows : float, optional
        Evaluation rows of the sets that are asked about, inf for the populations they come from (see `pl.DecayModel`);
        None: the sets themselves.
    draws : int
        Number of draws of each fit behind the optimal depths and the regimes.
    rng : int, numpy.random.Generator or None
        Where the draws come from; None: a fresh generator of seed 0.

    Returns
    -------
    Analysis
        With the phase table and what to do for each task as its last line in a cell.

    Raises
    ------
    ArgumentError
        A source that cannot be read, or a budget before the first fitted depth of every task.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> depths = [4, 8, 16, 32, 64, 128, 256]
    >>> worlds = {"settles": (0.0001, 0.01), "stays apart": (0.02, 0.001)}
    >>> runs = pd.concat([
    ...     pl.worlds.MartingaleWorld(floor, scale, 1.0).source(seed=0)(depths, range(32)).assign(task=name)
    ...     for name, (floor, scale) in worlds.items()
    ... ])
    >>> pl.analyse(runs, tolerance=0.002, budget=32).phase.set_index("task")["regime"].to_dict()
    {'settles': 'Static-Sufficient', 'stays apart': 'Noise-Dominant'}
    """
    option("question", question, QUESTIONS)
    if tolerance is not None or margin is not None:
        tolerance = tolerance_of(tolerance, margin)
    runs, imported = _runs(source, metric)
    held = source if isinstance(source, RunStore) or is_store(source) else runs  # a store may know the rows' outcomes
    fits: dict[str, DecayResults] = {}
    unfit: dict[str, str] = {}
    names, taken = _asked_of(runs, tasks, question)
    for name, source_of in names.items():
        try:
            rows_of = (eval_rows or {}).get(name)
            fits[name] = _fit(
                held if source_of is None else source_of, name, question, metric, rows_of, rows, draws, rng
            )
        except DataError as error:
            unfit[name] = str(error)
    if tolerance is None:
        margin, said = _usual_margin(fits, runs, metric)
        tolerance, taken = tolerance_of(None, margin), (*taken, said)
    if gpu_hour is not None and all(fit.curve.seconds_per_step is None for fit in fits.values()):
        taken += ("no run told the seconds of its steps, so what they cost in money is not known",)
    if budget is None:
        budget = min((fit.curve.depth[-1] for fit in fits.values()), default=float(runs["depth"].max()))
        taken += (f"no budget was given: {budget:g} steps are taken, the last depth that all tasks were measured at",)
    pooled = [name for name, fit in fits.items() if isinstance(fit, FreshResults) and fit.fresh.drift == "earlier"]
    if pooled:
        taken += (
            f"no run of {', '.join(pooled)} was measured at its end: how far its mean drifts is that of the others",
        )
    optima = {name: _optimum(fit, exchange_rate, draws, rng) for name, fit in fits.items()}
    # a budget that no task's law reaches is an error of the call; one that some do not is the answer for those
    too_early = {
        name: f"budget of {budget:g} steps: the law holds from {fit.known_from:g} steps on and says nothing before. "
        "Raise the budget or probe shallower depths."
        for name, fit in fits.items()
        if fit.known_from > nonnegative("budget", budget)
    }
    placed = {name: fit for name, fit in fits.items() if name not in too_early} or fits
    phase = pd.DataFrame(columns=["task", "regime", "likely", *PROBABILITY_COLUMNS, "reason", *CROSSING_COLUMNS])
    recommendations = {}
    cautions = taken
    if placed:
        cautions = (*taken, *unusual(placed, Decision(tolerance, budget)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnusualInput)  # said once, in the answer itself
            phase = classify(placed, tolerance=tolerance, budget=budget, confidence=confidence, draws=draws, rng=rng)
            advice = advise(
                placed, tolerance=tolerance, budget=budget, confidence=confidence, exchange_rate=exchange_rate, rng=rng,
                gpu_hour=gpu_hour, deeper=None if imported is None else False,
            )  # fmt: skip
        recommendations = advice.set_index("task")["advice"].to_dict()
    for name, reason in (too_early | unfit).items():
        phase.loc[len(phase), ["task", "regime"]] = [name, UNDETERMINED]
        recommendations[name] = reason
    return Analysis(
        fits,
        unfit,
        optima,
        phase,
        recommendations,
        tolerance,
        budget,
        exchange_rate,
        confidence,
        cautions,
        question,
        imported,
        _curves_of(next(iter(fits.values()), None), held, metric),
    )


def _asked_of(
    runs: pd.DataFrame, tasks: Iterable[str] | None, question: str
) -> tuple[dict[str, pd.DataFrame | None], tuple[str, ...]]:
    """Whom is asked about: names, each with the runs it has of its own, if any; and what has to be said of them."""
    names: dict[str, pd.DataFrame | None] = {
        str(name): None for name in (tasks if tasks is not None else pd.unique(runs["task"]))
    }
    if question == "new_task":
        kept = runs[runs["task"].astype(str).isin(names)]
        said = (
            f"{len(names)} tasks are taken as drawn from one population, and a regime is one of another task of their "
            "kind, at the depth of its own probe; of none of them"
        )
        return {NEW_TASK: kept}, (said,)
    if question != "agreement":
        return names, ()
    taken = []
    for base, single in lengths_of(runs, names).items():
        frame = over_horizons(runs[runs["task"].isin(single)], base)
        names = {name: own for name, own in names.items() if name not in single} | {by_length(base): frame}
        taken.append(
            f"{', '.join(map(repr, single))} are recipes of several lengths, each measured at its end, and taken "
            f"together as {by_length(base)!r}: its depth is the length of a recipe, not a point on one"
        )
    return names, tuple(taken)


def _fit(
    held: Runs, name: str, question: str, metric: str | None, eval_rows: int | None, rows: float | None, draws: int,
    rng: int | np.random.Generator | None,
) -> DecayResults:  # fmt: skip
    """The fit of a task, or of all together."""
    if question == "new_task":
        if (count := as_runs_frame(held)["task"].nunique()) < MIN_TASKS:
            raise DataError(f"{count} tasks; what a task drawn from their population does needs {MIN_TASKS} at least.")
        curve = risk_curve(held, question=question, metric=metric)
        return DecayModel(replace(curve, task=name), rows=rows).fit()
    asked = "agreement" if question == "fresh_run" else question
    curve = risk_curve(held, name, question=asked, metric=metric, eval_rows=eval_rows)
    if curve.n_runs is not None and curve.n_runs < MIN_RUNS:
        raise DataError(f"{curve.n_runs} runs; a fit needs at least {MIN_RUNS}. Probe more seeds.")
    if question == "fresh_run":
        drift = None if end_of(curve) <= curve.depth[-1] else _drift_of_others(held, name, curve)
        return fresh_run(curve, drift=drift, rows=rows, draws=draws, rng=rng).results()
    return DecayModel(curve, rows=rows).fit()


def _drift_of_others(held: Runs, name: str, curve: RiskCurve) -> list[RiskCurve] | None:
    """Curves of the other tasks whose runs ended, where they are enough to tell how far a mean drifts."""
    others = []
    for other in pd.unique(as_runs_frame(held)["task"]):
        try:
            found = risk_curve(held, str(other), metric=curve.metric)
        except DataError:
            continue
        if other != name and end_of(found) <= found.depth[-1]:
            others.append(found)
    return others if len(others) >= EARLIER_LEAST else None


def _runs_of(fit: DecayResults) -> int | None:
    return fit.fresh.curve.n_runs if isinstance(fit, FreshResults) else fit.curve.n_runs


def _optimum(
    fit: DecayResults, exchange_rate: float, draws: int, rng: int | np.random.Generator | None
) -> OptimalDepth | ProbeChoice:
    if isinstance(fit, FreshResults):
        return fit.fresh.optimal(exchange_rate=exchange_rate)
    return optimal_depth(fit, exchange_rate=exchange_rate, static_risk=static_risk_of(fit), draws=draws, rng=rng)


def _curves_of(fit: DecayResults | None, held: Runs, metric: str | None) -> tuple[RiskCurve, ...]:
    """Curves of one task's runs, a question each, where they tell it."""
    if fit is None or fit.question == "new_task" or fit.task.endswith(by_length("")):
        return () if fit is None else (fit.curve,)
    found = []
    for question in ("agreement", "this_run", "fresh_run"):
        try:
            found.append(risk_curve(held, fit.task, question=question, metric=metric or fit.curve.metric))
        except DataError:
            continue
    return tuple(found)


def readable(source: Runs | Source, metric: str | None = None) -> Runs:
    """What `pl.risk_curve` takes, of whatever holds runs: a store stays one, since it knows recipes and outcomes.

    Parameters
    ----------
    source : DataFrame, RunStore or path
        As for `pl.analyse`.
    metric : str, optional

    Returns
    -------
    DataFrame, RunStore or path
    """
    return source if isinstance(source, RunStore) or is_store(source) else _runs(source, metric)[0]


def _usual_margin(fits: Mapping[str, DecayResults], runs: pd.DataFrame, metric: str | None) -> tuple[float, str]:
    """The margin of a metric that is a share of rows, and what to say of it; any other has to be told."""
    name = next((fit.curve.metric for fit in fits.values()), metric or str(runs["metric"].iloc[0]))
    if is_share(name):
        margin = MARGIN if runs.loc[runs["metric"] == name, "value"].max() <= 1 else 100 * MARGIN
        return margin, f"no margin was given: seeds should agree within ±{margin:g} {name}"
    apart = max((half_width(float(fit.curve.risk[-1])) for fit in fits.values()), default=np.nan)
    hint = "" if np.isnan(apart) else f"At the last depth seeds differ by ±{apart:.2g}; such as margin={apart / 2:.1g}."
    raise bad_argument("margin", None, f"the difference in {name} that matters to you", hint)


def _runs(source: Runs | Source, metric: str | None) -> tuple[pd.DataFrame, ImportReport | None]:
    """The tidy frame of whatever holds the runs, and the report on how it was read where it is none of ours."""
    tidy = isinstance(source, pd.DataFrame) and {"task", "run", "depth", "metric", "value"} <= set(source)
    if isinstance(source, Imported):
        return source.runs, source.report
    if tidy or isinstance(source, RunStore) or is_store(source):
        return as_runs_frame(source), None
    imported = read_runs(source, metric=metric, report=True)
    return imported.runs, imported.report


def is_store(source: object) -> bool:
    """Whether a source is the path of a run store, and no other database."""
    if not isinstance(source, str | PathLike) or not Path(source).is_file() or is_mlflow_database(Path(source)):
        return False
    with Path(source).open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE
