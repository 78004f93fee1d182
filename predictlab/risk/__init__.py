"""Risk curves: estimates ``U(c_i)`` of ``L(c_i)`` with their degrees of freedom (THEORY 2 and 7)."""

from __future__ import annotations

from typing import Any

from predictlab.errors import DataError, bad_argument
from predictlab.risk.curve import ESTIMATORS, QUESTIONS, RiskCurve
from predictlab.risk.rows import frame_of, one_of
from predictlab.risk.spread import spread, spread_curve

__all__ = ["ESTIMATORS", "QUESTIONS", "RiskCurve", "risk_curve", "spread"]


def risk_curve(
    runs: Any,
    task: str | None = None,
    estimator: str = "spread",
    metric: str | None = None,
    eval_rows: int | None = None,
) -> RiskCurve:
    """Risk curve of one task from measured runs.

    Parameters
    ----------
    runs : pandas.DataFrame, RunStore or path
        Tidy frame of measurements (DESIGN.md), or a store of them.
    task : str, optional
        Which task; may be left out when there is only one.
    estimator : {"spread"}
        Sample variance over seeds at each depth, ``df = S - 1``. It answers ``fresh_run``.
    metric : str, optional
        Which metric; default ``"accuracy"`` where it was measured, else the only one there is.
    eval_rows : int, optional
        Size of the evaluation set; gives the sampling error ``p (1 - p) / n`` of an accuracy, reported beside the risk.

    Returns
    -------
    RiskCurve

    Raises
    ------
    DataError
        No such task or metric, fewer than two complete runs, or no variation at all.
    """
    if estimator != "spread":
        raise bad_argument("estimator", estimator, "'spread'", "It is the estimator that a plan of seeds can feed.")
    if eval_rows is not None and not eval_rows >= 1:
        raise bad_argument("eval_rows", eval_rows, "a number of rows >= 1")
    frame = frame_of(runs, task)
    task, frame = one_of(frame, "task", task, None)
    metric, frame = one_of(frame, "metric", metric, "accuracy")
    if frame.duplicated(["run", "depth"]).any():
        row = frame[frame.duplicated(["run", "depth"])].iloc[0]
        at = f"run {row['run']!r} has two values of {metric} at depth {row['depth']}"
        raise DataError(f"task {task!r}: {at}; keep one.")
    return spread_curve(frame, task, metric, eval_rows)
