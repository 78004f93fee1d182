"""From measured runs, wherever they are kept, to the rows of one task and one metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from predictlab.errors import DataError, bad_argument
from predictlab.risk._curve import Array
from predictlab.task import METRICS_OF


def frame_of(runs: Any, task: str | None) -> pd.DataFrame:
    """The tidy frame behind `runs`: itself, or what a store or the store at a path holds."""
    if isinstance(runs, pd.DataFrame):
        needed = ["task", "run", "depth", "metric", "value", "status"]
        missing = [c for c in needed if c not in runs.columns]
        if missing:
            raise DataError(f"runs: column {missing[0]!r} is missing; a tidy frame has {', '.join(needed)}.")
        return runs
    if hasattr(runs, "frame"):
        return runs.frame(task)
    from predictlab.runs import RunStore

    if not Path(runs).is_file():  # opening a store creates it, which a mistyped path must not
        raise DataError(f"runs: no run store at {runs}. Check the path, or probe first.")
    with RunStore(runs) as store:
        return store.frame(task)


SHARES = ("accuracy", "exact_match")  # metrics that are shares of rows


def default_metric(present: Iterable[str]) -> str | None:
    """The metric that is read where none is named: accuracy, and the evaluation loss of completions, if it is there."""
    names = set(present)
    if "accuracy" in names:
        return "accuracy"
    of_completions = "eval_loss" in names and names <= set(METRICS_OF["completions"])
    return "eval_loss" if of_completions else None


def one_of(frame: pd.DataFrame, column: str, wanted: str | None, default: str | None) -> tuple[str, pd.DataFrame]:
    """Rows with one value of `column`: the wanted one, the default if it is there, or the only one."""
    present: Sequence[str] = [str(v) for v in pd.unique(frame[column])]
    if not present:
        raise DataError(f"runs: no measurements{'' if wanted is None else f' of {column} {wanted!r}'}. Probe first.")
    if wanted is None:
        if default in present:
            wanted = default
        elif len(present) == 1:
            wanted = present[0]
        else:
            raise bad_argument(column, None, f"one of {', '.join(present)}", f"There are several; name the {column}.")
    if wanted not in present:
        raise bad_argument(column, wanted, f"one of {', '.join(present)}")
    assert wanted is not None
    return wanted, frame[frame[column] == wanted]


def is_fork(frame: pd.DataFrame) -> pd.Series:
    """True for rows of forks: runs that name a parent."""
    if "parent" not in frame.columns:
        return pd.Series(False, index=frame.index)
    return (frame["parent"].notna() & (frame["parent"] != "")).astype(bool)


def is_bad(frame: pd.DataFrame) -> pd.Series:
    """True for rows of a diverged or failed measurement."""
    return (frame["status"] != "ok") | ~np.isfinite(frame["value"].astype(float))


def refuse_duplicates(frame: pd.DataFrame, task: str) -> None:
    """A run has one value of a metric at a depth."""
    twice = frame.duplicated(["run", "depth", "metric"])
    if twice.any():
        row = frame[twice].iloc[0]
        at = f"run {row['run']!r} has two values of {row['metric']} at depth {row['depth']}"
        raise DataError(f"task {task!r}: {at}; keep one.")


def rounding_variance(values: Array) -> float:
    """Variance of rounding to the metric's step: a share of n rows moves in steps of 1/n (Sheppard)."""
    steps = np.diff(np.unique(np.round(values, 12)))
    return float(np.min(steps) ** 2 / 12) if len(steps) else 0.0


def is_share(metric: str) -> bool:
    """Whether a metric of this name is a share of rows."""
    return metric in SHARES or metric.endswith(tuple(f"_{name}" for name in SHARES))


def sampling_variance(metric: str, mean: float, eval_rows: float | None) -> float | None:
    """``p (1 - p) / n`` of a share of n evaluation rows (accuracy, exact match); None for others or an unknown n."""
    if eval_rows is None or not is_share(metric) or not 0 <= mean <= 1:
        return None
    return mean * (1 - mean) / eval_rows
