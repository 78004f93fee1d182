"""What a predictor of the final metric sees: final values, features at each depth, groups that stay together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import DataError, bad_argument
from predictlab.risk._curve import Array
from predictlab.risk._frames import is_fork, is_invalid

Labels = NDArray[np.int64]

MIN_RUNS, MIN_GROUPS = 4, 3


@dataclass(frozen=True)
class Table:
    """What the predictors see: final values, features at each depth, and which runs must stay together."""

    final: Array  # (n,)
    features: dict[float, Array]  # depth -> (n, columns)
    group: Labels  # (n,)
    label: NDArray[Any]  # (n,) names of the groups
    task: NDArray[Any]  # (n,)
    diverged: int
    incomplete: int


def build_table(
    frame: pd.DataFrame,
    metric: str,
    features: pd.DataFrame | None,
    groups: str | Mapping[Any, Any] | None,
) -> Table:
    """Final values, features and groups of the complete runs; forks are left out, for they share a prefix.

    The path is the metric's own, or, where that was measured at the end only, that of the metric measured most often.
    A run is complete when it has its final value and the path at every depth of its task. Features at depth c are the
    last value at or before c of each metric that every complete run has there, the value of the path one depth
    earlier, and the static `features`: few columns, for there are few runs.

    Parameters
    ----------
    frame : pandas.DataFrame
        Tidy rows of all metrics.
    metric : str
        The metric to predict.
    features : pandas.DataFrame, optional
        Numbers known beforehand, indexed by run or by task.
    groups : str or mapping, optional
        Column of `frame`, or run -> group; default the task where there are several, else each run by itself.

    Returns
    -------
    Table
        With its runs in the order in which `frame` names them.

    Raises
    ------
    DataError
        Too few complete runs, groups or common depths.
    """
    frame = frame[~is_fork(frame)].reset_index(drop=True)
    if frame.empty:
        raise DataError("runs: all are forks, which share a prefix; a residual curve needs other runs. Add seeds.")
    full = frame[(frame["metric"] == metric) & (frame["depth"] > 0)].groupby("task")["depth"].max()
    lost = lost_at(frame, metric)
    runs, final = lost.index, final_values(frame, metric, full, lost)
    before = frame[(frame["depth"] > 0) & (frame["depth"] < frame["task"].map(full))]
    paths, path = trajectory_metrics(before, metric, runs.unique(0))
    complete, depths = np.isfinite(final), {}
    for task in paths:
        rows, own = before[before["task"] == task], runs.get_level_values(0) == task
        rows = rows[rows["metric"] == paths[task]]
        # A run that was stopped early misses the end; where it was measured alone says nothing about the others.
        ended = rows["run"].isin(runs[own & complete].get_level_values(1))
        depths[task] = sorted(set(rows.loc[ended, "depth"]) or set(rows["depth"]))
        on_path = rows[~is_invalid(rows) & rows["depth"].isin(depths[task])].groupby("run")["depth"].nunique()
        names = runs[own].get_level_values(1)
        complete[own] &= on_path.reindex(names, fill_value=0).to_numpy() == len(depths[task])
        if not complete[own].any():
            raise DataError(
                f"task {task!r}: no complete run: none has {metric} at depth {full.get(task)} and {paths[task]} at "
                f"every depth before it ({lost[own].notna().sum()} of {len(names)} diverged or failed)."
            )
    common = sorted(set.intersection(*map(set, depths.values())))
    if len(common) < 2:
        seen = "; ".join(f"{task}: {measured}" for task, measured in depths.items())
        raise DataError(
            f"{len(common)} depths > 0 before the end are common to all; a residual curve needs 2 ({seen[:300]}). "
            "Probe the tasks at the same depths, and to a greater one."
        )
    wide = wide_values(before, runs)[complete]
    wide = wide.loc[:, wide.notna().all()]  # one table has one set of columns
    index = runs[complete]
    if len(index) < MIN_RUNS:
        raise DataError(f"{len(index)} complete runs; a residual curve needs at least {MIN_RUNS}. Probe more seeds.")
    static = static_columns(features, index)
    label, group = groups_of(frame, groups, index)
    if len(np.unique(group)) < MIN_GROUPS:
        raise DataError(
            f"groups: {len(np.unique(group))} of them among {len(index)} complete runs; a predictor for a new group "
            f"needs at least {MIN_GROUPS}. Add tasks, or name the groups otherwise."
        )
    diverged = int(lost.notna().sum())
    return Table(
        final=final[complete],
        features={float(c): np.column_stack([trajectory(wide, path, c), static]) for c in common},
        group=group,
        label=label,
        task=np.asarray(index.get_level_values(0)),
        diverged=diverged,
        incomplete=len(runs) - diverged - len(index),
    )


def lost_at(frame: pd.DataFrame, metric: str, ends: Mapping[str, float] | None = None) -> pd.Series:
    """Depth at which a run diverged or failed, up to the end of its task where `ends` names one; else NaN.

    Indexed by (task, run), in the order of the frame.
    """
    lost = (frame["status"] != "ok") | (is_invalid(frame) & (frame["metric"] == metric))
    lost &= frame["depth"] <= frame["task"].map(dict(ends or {})).fillna(np.inf)
    return frame["depth"].where(lost).groupby([frame["task"], frame["run"]], sort=False).min()


def final_values(frame: pd.DataFrame, metric: str, ends: pd.Series | Mapping[str, float], lost: pd.Series) -> Array:
    """The metric at the end of each run; NaN where it is not known, or the run came back from inf."""
    at_end = (frame["metric"] == metric) & (frame["depth"] == frame["task"].map(ends)) & ~is_invalid(frame)
    final = frame[at_end].set_index(["task", "run"])["value"].astype(float).reindex(lost.index)
    return final.where(lost.isna()).to_numpy()


def wide_values(frame: pd.DataFrame, runs: pd.MultiIndex) -> pd.DataFrame:
    """Valid values, a row for each of `runs`, columns (metric, depth)."""
    good = frame[~is_invalid(frame)]
    return good.pivot_table(
        index=["task", "run"], columns=["metric", "depth"], values="value", aggfunc="first"
    ).reindex(runs)


def trajectory_metrics(frame: pd.DataFrame, metric: str, tasks: Iterable[str]) -> tuple[dict[str, str], str]:
    """The path of each task and the one of all, from rows before the end.

    It is the metric where that was measured, else the one measured most often; of all, the metric where they differ.
    """
    paths = {}
    for task in tasks:
        measured = frame.loc[frame["task"] == task, "metric"].value_counts().sort_index()
        paths[task] = metric if metric in measured or measured.empty else str(measured.idxmax())
    return paths, metric if len(set(paths.values())) > 1 else next(iter(paths.values()))


def trajectory(wide: pd.DataFrame, path: str, depth: Any) -> Array:
    """Trajectory features of all runs at `depth`."""
    out = []
    for metric in dict.fromkeys(wide.columns.get_level_values(0)):
        seen = sorted(c for m, c in wide.columns if m == metric and c <= depth)
        out += [wide[(metric, c)].to_numpy(dtype=float) for c in (seen[-2:] if metric == path else seen[-1:])]
    return np.column_stack(out) if out else np.empty((len(wide), 0))


def static_columns(features: pd.DataFrame | None, index: pd.MultiIndex) -> Array:
    if features is None:
        return np.empty((len(index), 0))
    if not isinstance(features, pd.DataFrame):
        raise bad_argument("features", type(features).__name__, "a DataFrame of numbers indexed by run or by task")
    if not features.index.is_unique:
        twice = features.index[features.index.duplicated()][0]
        raise bad_argument("features", twice, "one row for each run or task", "This one has two.")
    for column in features:
        numeric = pd.api.types.is_numeric_dtype(features[column])
        if not numeric or not np.all(np.isfinite(features[column].to_numpy(dtype=float))):
            raise bad_argument("features", column, "columns of finite numbers", "Encode, fill or drop this column.")
    by_run, by_task = index.get_level_values(1), index.get_level_values(0)
    keys = by_run if by_run.isin(features.index).all() else by_task
    missing = keys[~keys.isin(features.index)]
    if len(missing):
        raise bad_argument("features", f"no row for {missing[0]}", "a row for each run, or for each task")
    return features.loc[keys].to_numpy(dtype=float)


def groups_of(
    frame: pd.DataFrame, groups: str | Mapping[Any, Any] | None, runs: pd.MultiIndex
) -> tuple[NDArray[Any], Labels]:
    """Name and number of the group of each run."""
    many = len(runs.unique(0)) > 1
    if groups is None:
        groups = "task" if many else "run"
    if isinstance(groups, Mapping):
        found = pd.Series([groups.get(run) for _, run in runs], dtype=object)
    elif not isinstance(groups, str):
        raise bad_argument("groups", groups, "the name of a column, or a mapping run -> group")
    elif groups not in frame.columns:
        raise bad_argument("groups", groups, f"a column of the runs: {', '.join(map(str, frame.columns))}")
    else:
        of = frame.groupby(["task", "run"], sort=False)[groups]
        mixed = of.nunique(dropna=False) > 1  # noqa: PD101
        if mixed.any():
            raise bad_argument("groups", groups, f"one value for each run; {mixed.idxmax()[1]!r} has several")
        found = of.first().reindex(runs)
    lost = found.isna().to_numpy()
    if lost.any():
        raise bad_argument("groups", f"no group for run {runs[lost][0][1]}", "a group for each run")
    if groups == "run" and many:
        found = pd.Series([f"{task}/{run}" for task, run in runs])
    names = np.array([str(v) for v in found], dtype=object)
    return names, np.asarray(np.unique(names, return_inverse=True)[1], dtype=np.int64)
