"""`risk_curve`: from measured runs to a risk curve, by the estimator that is asked for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from predictlab._validation import generator, option, whole_number
from predictlab.errors import bad_argument
from predictlab.risk._branch import branch_curve
from predictlab.risk._curve import RiskCurve
from predictlab.risk._frames import (
    Runs,
    as_runs_frame,
    default_metric,
    is_fork,
    refuse_duplicates,
    select_rows,
    select_single,
)
from predictlab.risk._fresh import fresh_curve
from predictlab.risk._horizon import recipe_of
from predictlab.risk._outcomes import outcomes_of
from predictlab.risk._residual import residual_curve
from predictlab.risk._spread import margins_curve, outcomes_curve, spread_curve, with_outcomes
from predictlab.risk._text import QUESTIONS
from predictlab.runs import Margins
from predictlab.runs._costs import seconds_per_step

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


def risk_curve(
    runs: Runs | Margins,
    task: str | None = None,
    *,
    question: str | None = None,
    estimator: str | None = None,
    metric: str | None = None,
    eval_rows: int | None = None,
    cluster: str | Mapping[Hashable, Hashable] | None = None,
    regressor: BaseEstimator | None = None,
    features: pd.DataFrame | None = None,
    groups: str | Mapping[str, Hashable] | None = None,
    folds: int | None = None,
    rng: int | np.random.Generator | None = None,
    horizon: float | None = None,
    schedule: str | None = None,
    seeds: int | None = None,
) -> RiskCurve:
    """Estimate a risk curve from measured runs.

    Parameters
    ----------
    runs : pandas.DataFrame, RunStore, path or Margins
        Tidy frame of measurements (docs/store.md), or a store of them; or outcomes of evaluation rows, or their
        margins, as ``pl.read_outcomes`` gives: the curve then tells runs and rows apart (``curve.components()``).
    task : str, optional
        Which task; may be left out when there is only one, and for a `residual` over a table of tasks.
    question : {"agreement", "this_run", "fresh_run", "new_task"}, optional
        What is asked; default that of the estimator, and ``"agreement"`` where none is named.

        ``agreement``: how far from their mean are seeds after so many steps? The paper's proxy; by `spread`.

        ``this_run``: where will the run that is being probed end? By `branch` where there are forks, else by
        `residual`, which lies above it.

        ``fresh_run``: where will another run of the recipe end, after `seeds` of them were read at a depth?
        ``Var(R) + spread(c) / S + D(c)``, from runs that were measured at their end; see `pl.fresh_run` for other
        sources of the drift ``D``, and for plans.

        ``new_task``: where will a run of a task end that was drawn from a population of tasks? By `residual`.
    estimator : {"spread", "branch", "residual"}, optional
        Default the one of the question.

        ``spread``: sample variance over seeds at each depth, ``df = S - 1``; forks are left out. Answers `agreement`,
        and with the end of the same runs `fresh_run`.

        ``branch``: variance of the final metric within forks of one parent, pooled over parents,
        ``df = sum (M_p - 1)``; unbiased for ``L(c)``, with its analysis of variance in ``curve.anova``. A fork is a run
        with a `parent`, first measured at its fork depth. Answers `this_run`.

        ``residual``: mean squared error, out of fold, of a predictor of the final metric from the trajectory up to
        each depth; an upper bound of ``L(c)`` in expectation, and not corrected downwards: even a predictor of the mean
        alone pays ``1 + 1/(S - 1)`` of the variance. One task answers `this_run`, several tasks, or `groups`,
        `new_task`. The last depth, where the final metric itself is read, is left out.
    metric : str, optional
        Which metric; default ``"accuracy"`` where it was measured, ``"eval_loss"`` of completions, else the only
        one there is.
    eval_rows : int, optional
        Size of the evaluation set; gives the sampling error ``p (1 - p) / n`` of an accuracy or of exact matches,
        reported beside the risk. Outcomes say it themselves.
    cluster : str or mapping, optional
        Of outcomes: a column that names the cluster of each row, or row -> cluster. Rows of one cluster (a document,
        paraphrases of a question) are not independent.
    regressor : scikit-learn regressor, optional
        Of a `residual`; cloned and fitted in each fold. Default a ridge on standardised features whose penalty is
        chosen inside the training part, up to the mean alone.
    features : pandas.DataFrame, optional
        Of a `residual`: what is known beforehand (static scores, sizes), numbers, indexed by run or by task.
    groups : str or mapping, optional
        Of a `residual`: what is kept whole in cross-validation, a column of the runs or run -> group. Default the task
        where there are several, else each run by itself.
    folds : int, optional
        Of a `residual`: parts of the cross-validation; default leave-one-out up to 20 runs (or groups), else 10.
    rng : int, numpy.random.Generator or None
        Of a `residual`: shuffles the folds; None: a fresh generator of seed 0.
    horizon : float, optional
        ``T``, steps of the whole recipe, of which depths are points. Default what a store knows of the task; of a frame
        it is not known, and where an end is asked for the runs are taken to have ended at their last depth.
    schedule : str, optional
        Of the learning rate, as in `pl.Recipe`; default what the store knows.
    seeds : int, optional
        ``S``, of `fresh_run`: runs that are read at the depth. Default as many as there are.

    Returns
    -------
    RiskCurve

    Raises
    ------
    ArgumentError, DataError
        No such task or metric, too few complete runs, forks, groups or depths, or no variation at all.

    Notes
    -----
    Source: docs/theory.md, sections 2 and 7; Luo, Wang, Tang (2026), Sec. 4 for `spread`.

    Examples
    --------
    >>> import predictlab as pl
    >>> runs = pl.worlds.MartingaleWorld(0.01, 1.0, 1.0).simulate(16, [4, 8, 16], seed=0)
    >>> pl.risk_curve(runs, metric="prediction").frame()[["depth", "df"]]
       depth    df
    0    4.0  15.0
    1    8.0  15.0
    2   16.0  15.0
    """
    question, estimator = _asked(question, estimator, runs, task)
    if seeds is not None and question != "fresh_run":
        raise bad_argument("seeds", seeds, f"None for question={question!r}", "question='fresh_run' takes it.")
    if eval_rows is not None:
        whole_number("eval_rows", eval_rows, 1, "a number of rows")
    if estimator != "residual":
        for name, value in {"regressor": regressor, "features": features, "groups": groups, "folds": folds}.items():
            if value is not None:
                raise bad_argument(name, value, f"None with estimator {estimator!r}", "It belongs to 'residual'.")
    known: float | None = None
    falls: str | None = None
    if isinstance(runs, Margins) or (isinstance(runs, pd.DataFrame) and "row" in runs.columns):
        option("estimator", estimator, ("spread",), "Of outcomes of rows; give the runs for others.")
        curve = _curve_of_rows(runs, task, metric, cluster)
    else:
        if cluster is not None:
            hint = "See pl.read_outcomes."
            raise bad_argument("cluster", cluster, "None where the outcomes of rows are not given", hint)
        frame, task, metric = select_rows(runs, task, metric, several=estimator == "residual")
        rows = frame[frame["metric"] == metric]
        refuse_duplicates(rows)
        if task is None or estimator == "residual":
            curve = residual_curve(frame, task, metric, eval_rows, regressor, features, groups, folds, generator(rng))
            if question not in (None, curve.question):
                expected = f"{curve.question!r}, {QUESTIONS[curve.question]}, for these runs"
                hint = "It is decided by the runs: several tasks, or groups=, ask about new ones."
                raise bad_argument("question", question, expected, hint)
            if task is None:
                return curve
        elif estimator == "branch":
            curve = branch_curve(frame, task, metric, eval_rows)
        else:
            curve = with_outcomes(spread_curve(rows, task, metric, eval_rows), runs)
        curve = replace(curve, seconds_per_step=seconds_per_step(frame))
        known, falls = recipe_of(runs, task)
        if known is None and estimator != "spread":  # to the end that was predicted
            known = float(rows["depth"].max())
    curve = replace(
        curve, horizon=known if horizon is None else horizon, schedule=falls if schedule is None else schedule
    )
    return fresh_curve(curve, seeds) if question == "fresh_run" else curve


QUESTIONS_OF = {"spread": ("agreement", "fresh_run"), "branch": ("this_run",), "residual": ("this_run", "new_task")}


def _asked(
    question: str | None, estimator: str | None, runs: Runs | Margins, task: str | None
) -> tuple[str | None, str]:
    """The question and the estimator that are meant; None for a residual, whose runs tell which question it answers."""
    if question is not None:
        option("question", question, QUESTIONS)
    if estimator is not None:
        option("estimator", estimator, QUESTIONS_OF)
    if question is None:
        usual = {"spread": "agreement", "branch": "this_run", "residual": None}
        return usual[estimator or "spread"], estimator or "spread"
    if estimator is None:
        estimator = "residual" if question in ("new_task", "this_run") else "spread"
        if question == "this_run" and not isinstance(runs, Margins) and is_fork(as_runs_frame(runs, task)).any():
            estimator = "branch"
    if question not in QUESTIONS_OF[estimator]:
        fitting = ", ".join(name for name, asked in QUESTIONS_OF.items() if question in asked)
        expected = f"None, or one that answers question={question!r}, {QUESTIONS[question]}: {fitting}"
        hint = f"{estimator!r} answers {' or '.join(map(repr, QUESTIONS_OF[estimator]))}."
        raise bad_argument("estimator", estimator, expected, hint)
    return question, estimator


def _curve_of_rows(
    outcomes: pd.DataFrame | Margins,
    task: str | None,
    metric: str | None,
    cluster: str | Mapping[Hashable, Hashable] | None,
) -> RiskCurve:
    if isinstance(outcomes, Margins):
        if cluster is not None:
            raise bad_argument("cluster", cluster, "None of margins", "Clusters need the outcomes themselves.")
        return margins_curve(outcomes)
    _, rows = select_single(outcomes, "task", task, None)
    _, rows = select_single(rows, "metric", metric, default_metric(rows["metric"]))
    return outcomes_curve(outcomes_of(rows, cluster))
