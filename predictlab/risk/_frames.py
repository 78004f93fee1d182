"""From measured runs, wherever they are kept, to the rows of one task and one metric."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from predictlab.errors import DataError, bad_argument
from predictlab.risk._curve import Array
from predictlab.runs import RunStore
from predictlab.task import METRICS_OF, is_share

Runs: TypeAlias = pd.DataFrame | RunStore | str | PathLike[str]


def as_runs_frame(runs: Runs, task: str | None = None) -> pd.DataFrame:
    """Get the tidy frame behind `runs`: itself, or what a store or the store at a path holds.

    Parameters
    ----------
    runs : pandas.DataFrame, RunStore or path
    task : str, optional
        Of a store: this task alone.

    Returns
    -------
    pandas.DataFrame
        One row a measurement, with the columns ``task``, ``run``, ``depth``, ``metric``, ``value``, ``status``.

    Raises
    ------
    DataError
        A column is missing, or there is no store at the path.

    Examples
    --------
    >>> import predictlab as pl
    >>> len(as_runs_frame(pl.worlds.MartingaleWorld(0.1, 1.0, 1.0).simulate(2, [4, 8], seed=0)))
    8
    """
    if isinstance(runs, pd.DataFrame):
        needed = ["task", "run", "depth", "metric", "value", "status"]
        missing = [c for c in needed if c not in runs.columns]
        if missing:
            raise DataError(
                f"runs: column {missing[0]!r} is missing; a tidy frame has {', '.join(needed)}. A table of your own is "
                "made one by pl.read_runs(table)."
            )
        return runs
    if isinstance(runs, RunStore):
        return runs.frame(task)
    if isinstance(runs, tuple) and len(runs) == 2 and isinstance(runs[0], pd.DataFrame):  # with its import report
        return as_runs_frame(runs[0], task)
    if not isinstance(runs, (str, PathLike)):
        raise bad_argument("runs", runs, "a tidy frame (pl.read_runs makes one), a RunStore, or the path of one")
    if not Path(runs).is_file():  # opening a store creates it, which a mistyped path must not
        raise DataError(f"runs: no run store at {runs}. Check the path, or probe first.")
    with RunStore(runs) as store:
        return store.frame(task)


def default_metric(present: Iterable[str]) -> str | None:
    """The metric that is read where none is named: accuracy, and the evaluation loss of completions, if it is there."""
    names = set(present.unique() if isinstance(present, pd.Series) else present)
    if "accuracy" in names:
        return "accuracy"
    # as other writers call it, on the set that evaluations are made on
    prefixed = [n for n in names if re.fullmatch(r"(eval|val|valid|validation)[/_.-](epoch[/_.-])?acc(uracy)?", n)]
    if len(prefixed) == 1:
        return prefixed[0]
    of_completions = "eval_loss" in names and names <= set(METRICS_OF["completions"])
    return "eval_loss" if of_completions else None


def select_single(
    frame: pd.DataFrame, column: str, wanted: str | None, default: str | None
) -> tuple[str, pd.DataFrame]:
    """Rows with one value of `column`: the wanted one, the default if it is there, or the only one."""
    present = [str(v) for v in pd.unique(frame[column])]
    if not present:
        raise DataError(f"runs: no measurements{'' if wanted is None else f' of {column} {wanted!r}'}. Probe first.")
    if wanted is None and (default in present or len(present) == 1):
        wanted = default if default in present else present[0]
    if wanted is None or wanted not in present:
        hint = f"There are several; name the {column}." if wanted is None else ""
        raise bad_argument(column, wanted, f"one of {', '.join(present)}", hint)
    return wanted, frame[frame[column] == wanted]


def is_fork(frame: pd.DataFrame) -> pd.Series:
    """Tell which rows are of forks, runs that name a parent.

    Parameters
    ----------
    frame : pandas.DataFrame
        Tidy rows.

    Returns
    -------
    pandas.Series of bool
        Indexed as `frame`.

    Examples
    --------
    >>> is_fork(pd.DataFrame({"run": ["a", "b"], "parent": [None, "a"]})).tolist()
    [False, True]
    """
    if "parent" not in frame.columns:
        return pd.Series(False, index=frame.index)
    return (frame["parent"].notna() & (frame["parent"] != "")).astype(bool)


def is_invalid(frame: pd.DataFrame) -> pd.Series:
    """Tell which rows are of a diverged or failed measurement.

    Parameters
    ----------
    frame : pandas.DataFrame
        Tidy rows.

    Returns
    -------
    pandas.Series of bool
        Indexed as `frame`.

    Examples
    --------
    >>> is_invalid(pd.DataFrame({"value": [0.5, float("inf"), 0.5], "status": ["ok", "ok", "diverged"]})).tolist()
    [False, True, True]
    """
    return (frame["status"] != "ok") | ~np.isfinite(frame["value"].astype(float))


def refuse_duplicates(frame: pd.DataFrame) -> None:
    """A run has one value of a metric at a depth."""
    twice = frame.duplicated(["task", "run", "depth", "metric"])
    if twice.any():
        row = frame[twice].iloc[0]
        at = f"run {row['run']!r} has two values of {row['metric']} at depth {row['depth']}"
        raise DataError(f"task {row['task']!r}: {at}; keep one.")


def rounding_variance(values: Array) -> float:
    """Variance of rounding to the metric's step: a share of n rows moves in steps of 1/n (Sheppard)."""
    steps = np.diff(np.unique(np.round(values[np.isfinite(values)], 12)))
    return float(np.min(steps) ** 2 / 12) if len(steps) else 0.0


def sampling_variance(metric: str, mean: float, eval_rows: float | None) -> float | None:
    """``p (1 - p) / n`` of a share of n evaluation rows (accuracy, exact match); None for others or an unknown n."""
    if eval_rows is None or not is_share(metric) or not 0 <= mean <= 1:
        return None
    return mean * (1 - mean) / eval_rows


def common_metric(frame: pd.DataFrame, metric: str | None) -> str:
    """The metric of a table of tasks: the wanted one, else the usual one if all have it, else the only common one."""
    have = {task: set(part["metric"]) for task, part in frame.groupby("task", sort=False)}
    shared = sorted(set.intersection(*have.values()))
    shown = "; ".join(f"{task}: {', '.join(sorted(names))}" for task, names in have.items())[:400]
    if metric is not None:
        select_single(frame, "metric", metric, None)
        if metric not in shared:
            hint = f"Name one that all have: {', '.join(shared)}" if shared else "Take tasks with one metric in common"
            raise DataError(f"metric {metric!r}: not every task was measured by it ({shown}). {hint}.")
        return metric
    if not shared:
        raise DataError(f"the tasks have no metric in common ({shown}). Take tasks measured by one metric.")
    return select_single(frame[frame["metric"].isin(shared)], "metric", None, default_metric(shared))[0]


def select_rows(
    runs: Runs, task: str | None, metric: str | None, *, several: bool
) -> tuple[pd.DataFrame, str | None, str]:
    """Rows of all metrics of the task that is meant, its name, and the metric that is meant.

    With `several` and no task named, the rows of all tasks, and None for the name where there are more than one.
    """
    frame = as_runs_frame(runs, task)
    if len(frame) and not pd.api.types.is_numeric_dtype(frame["depth"]):
        raise DataError("runs: depths must be numbers of steps; make the column depth numeric.")
    frame = frame.assign(task=frame["task"].astype(str))
    if several and task is None and len(pd.unique(frame["task"])) > 1:
        return frame, None, common_metric(frame, metric)
    task, frame = select_single(frame, "task", task, None)
    return frame, task, select_single(frame, "metric", metric, default_metric(frame["metric"]))[0]
