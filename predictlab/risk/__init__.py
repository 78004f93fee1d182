"""Risk curves: estimates ``U(c_i)`` of ``L(c_i)`` with their degrees of freedom (THEORY 2 and 7).

`spread` answers how another run of the task will end, `branch` and `residual` of one task how this very run will end,
`residual` of a table how a run of a new task will end. They are different risks and are not mixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from predictlab._validation import generator
from predictlab.errors import DataError, bad_argument
from predictlab.risk._branch import Anova, anova, branch_curve
from predictlab.risk._curve import ESTIMATORS, QUESTIONS, SAYS, RiskCurve, same_question
from predictlab.risk._frames import default_metric, frame_of, one_of, refuse_duplicates
from predictlab.risk._residual import residual_curve
from predictlab.risk._spread import spread, spread_curve

__all__ = [
    "ESTIMATORS", "QUESTIONS", "SAYS", "Anova", "RiskCurve", "anova", "common_metric", "risk_curve",
    "same_question", "spread",
]  # fmt: skip


def risk_curve(
    runs: Any,
    task: str | None = None,
    *,
    estimator: str = "spread",
    metric: str | None = None,
    eval_rows: int | None = None,
    regressor: Any = None,
    features: pd.DataFrame | None = None,
    groups: str | Mapping[Any, Any] | None = None,
    folds: int | None = None,
    rng: int | np.random.Generator | None = None,
) -> RiskCurve:
    """Risk curve from measured runs.

    Parameters
    ----------
    runs : pandas.DataFrame, RunStore or path
        Tidy frame of measurements (DESIGN.md), or a store of them.
    task : str, optional
        Which task; may be left out when there is only one, and for a `residual` over a table of tasks.
    estimator : {"spread", "branch", "residual"}
        ``spread``: sample variance over seeds at each depth, ``df = S - 1``; forks are left out. Answers `fresh_run`.

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
        reported beside the risk.
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

    Returns
    -------
    RiskCurve

    Raises
    ------
    ArgumentError, DataError
        No such task or metric, too few complete runs, forks, groups or depths, or no variation at all.

    Notes
    -----
    Source: THEORY.md 2 and 7; Luo, Wang, Tang (2026), Sec. 4 for `spread`.
    """
    if estimator not in ("spread", "branch", "residual"):
        raise bad_argument("estimator", estimator, "'spread', 'branch' or 'residual'")
    if eval_rows is not None and not eval_rows >= 1:
        raise bad_argument("eval_rows", eval_rows, "a number of rows >= 1")
    if estimator != "residual":
        extra = {"regressor": regressor, "features": features, "groups": groups, "folds": folds}
        for name, value in extra.items():
            if value is not None:
                raise bad_argument(name, value, f"None with estimator {estimator!r}", "It belongs to 'residual'.")
    frame = frame_of(runs, task)
    if estimator == "residual" and task is None and len(pd.unique(frame["task"])) > 1:
        metric = common_metric(frame, metric)
        return residual_curve(frame, None, metric, eval_rows, regressor, features, groups, folds, rng=generator(rng))
    task, frame = one_of(frame, "task", task, None)
    metric, rows = one_of(frame, "metric", metric, default_metric(frame["metric"]))
    refuse_duplicates(rows, task)
    if estimator == "spread":
        return spread_curve(rows, task, metric, eval_rows)
    if estimator == "branch":
        return branch_curve(frame, task, metric, eval_rows)
    return residual_curve(frame, task, metric, eval_rows, regressor, features, groups, folds, rng=generator(rng))


def common_metric(frame: pd.DataFrame, metric: str | None) -> str:
    """The metric of a table of tasks: the wanted one, else the usual one if all have it, else the only common one."""
    if metric is not None:
        return one_of(frame, "metric", metric, None)[0]
    have = {str(t): set(part["metric"]) for t, part in frame.groupby("task", sort=False)}
    shared = sorted(set.intersection(*have.values()))
    usual = default_metric(shared)
    if usual is not None or len(shared) == 1:
        return usual or shared[0]
    if shared:
        raise bad_argument("metric", None, f"one of {', '.join(shared)}", "There are several; name the metric.")
    shown = "; ".join(f"{t}: {', '.join(sorted(names))}" for t, names in have.items())
    raise DataError(f"the tasks have no metric in common ({shown[:400]}). Take tasks measured by one metric.")


def __dir__() -> list[str]:
    return list(__all__)
