"""What a predictor of the final metric sees: final values, features at each depth, groups that stay together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import DataError, bad_argument
from predictlab.risk._curve import Array
from predictlab.risk._frames import is_fork, is_invalid, refuse_duplicates

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
    features: pd.DataFrame | None = None,
    groups: str | Mapping[Any, Any] | None = None,
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
    frame = frame[~is_fork(frame)]
    tasks = [str(t) for t in pd.unique(frame["task"])]
    if len(tasks) > 1:  # a run's name need not be unique over tasks
        same_metric(frame, metric, tasks)
    for name in tasks:
        refuse_duplicates(frame[(frame["task"] == name) & (frame["metric"] == metric)], name)
    parts = [_complete(frame[frame["task"] == name], metric, name) for name in tasks]
    common = sorted(set.intersection(*(set(p.depths) for p in parts)))
    if len(common) < 2:
        seen = "; ".join(f"{name}: {p.depths}" for name, p in zip(tasks, parts, strict=True))
        raise DataError(
            f"{len(common)} depths > 0 before the end are common to all; a residual curve needs 2 ({seen[:300]}). "
            "Probe the tasks at the same depths, and to a greater one."
        )
    wide = pd.concat([p.wide for p in parts])
    wide = wide.loc[:, wide.notna().all()]  # one table has one set of columns
    final = pd.concat([p.final for p in parts])
    index = pd.MultiIndex.from_arrays([np.repeat(tasks, [len(p.final) for p in parts]), final.index])
    if len(index) < MIN_RUNS:
        raise DataError(f"{len(index)} complete runs; a residual curve needs at least {MIN_RUNS}. Probe more seeds.")
    static = static_columns(features, index)
    label, group = groups_of(frame, groups, index, len(tasks) > 1)
    if len(np.unique(group)) < MIN_GROUPS:
        raise DataError(
            f"groups: {len(np.unique(group))} of them among {len(index)} complete runs; a predictor for a new group "
            f"needs at least {MIN_GROUPS}. Add tasks, or name the groups otherwise."
        )
    path = parts[0].path if len({p.path for p in parts}) == 1 else metric
    return Table(
        final=final.to_numpy(dtype=float),
        features={float(c): np.column_stack([trajectory(wide, path, c), static]) for c in common},
        group=group,
        label=label,
        task=np.asarray(index.get_level_values(0)),
        diverged=sum(p.diverged for p in parts),
        incomplete=sum(p.incomplete for p in parts),
    )


@dataclass(frozen=True)
class _Part:
    """Complete runs of one task."""

    final: pd.Series
    wide: pd.DataFrame  # columns (metric, depth)
    path: str
    depths: list[Any]
    diverged: int
    incomplete: int


def _complete(frame: pd.DataFrame, metric: str, task: str) -> _Part:
    own = frame[(frame["metric"] == metric) & (frame["depth"] > 0)]
    bad = frame.loc[(frame["status"] != "ok") | ((frame["metric"] == metric) & is_invalid(frame)), "run"].unique()
    every, good = frame["run"].nunique(), frame[~frame["run"].isin(bad) & (frame["depth"] > 0) & ~is_invalid(frame)]
    full = own["depth"].max()
    path = trajectory_metric(frame, metric, full)
    wide = good[good["depth"] <= full].pivot_table(
        index="run", columns=["metric", "depth"], values="value", aggfunc="first", sort=False
    )
    # A run that was stopped early misses the end; where it was measured alone says nothing about the others.
    ended = wide.index[wide[(metric, full)].notna()] if (metric, full) in wide.columns else wide.index[:0]
    on_path = frame[(frame["metric"] == path) & (frame["depth"] > 0) & (frame["depth"] < full)]
    depths = sorted(pd.unique(on_path.loc[on_path["run"].isin(ended), "depth"])) or sorted(pd.unique(on_path["depth"]))
    needed = [(metric, full), *((path, c) for c in depths)]
    have = wide.reindex(columns=pd.MultiIndex.from_tuples(needed)).notna().all(axis=1)
    wide = wide.loc[have[have].index]
    if wide.empty:
        raise DataError(
            f"task {task!r}: no complete run: none has {metric} at depth {full} and {path} at every depth before it "
            f"({len(bad)} of {every} diverged or failed)."
        )
    final = wide[(metric, full)].astype(float)
    before = [column for column in wide.columns if column[1] < full]
    return _Part(final, wide[before], path, depths, len(bad), every - len(bad) - len(wide))


def trajectory_metric(frame: pd.DataFrame, metric: str, full: float) -> str:
    """The metric itself where it was measured before the depth `full`; else the one measured there most often."""
    before = frame[frame["depth"].between(0, full, "neither")]
    if (before["metric"] == metric).any() or before.empty:
        return metric
    return str(before["metric"].value_counts().sort_index().idxmax())


def trajectory(wide: pd.DataFrame, path: str, depth: Any) -> Array:
    """Trajectory features of all runs at `depth`."""
    out = []
    for metric in dict.fromkeys(wide.columns.get_level_values(0)):
        seen = sorted(c for m, c in wide.columns if m == metric and c <= depth)
        out += [wide[(metric, c)].to_numpy(dtype=float) for c in (seen[-2:] if metric == path else seen[-1:])]
    return np.column_stack(out) if out else np.empty((len(wide), 0))


def same_metric(frame: pd.DataFrame, metric: str, tasks: list[str]) -> None:
    have = {t: sorted(pd.unique(frame.loc[frame["task"] == t, "metric"])) for t in tasks}
    if any(metric not in names for names in have.values()):
        shown = "; ".join(f"{t}: {', '.join(names)}" for t, names in have.items())
        shared = sorted(set.intersection(*(set(names) for names in have.values())))
        hint = f"Name one that all have: {', '.join(shared)}." if shared else "Take tasks with one metric in common."
        raise DataError(f"metric {metric!r}: not every task was measured by it ({shown[:400]}). {hint}")


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
    frame: pd.DataFrame, groups: str | Mapping[Any, Any] | None, index: pd.MultiIndex, many: bool
) -> tuple[NDArray[Any], Labels]:
    """Name and number of the group of each run."""
    runs = index.get_level_values(1)
    if groups is None:
        groups = "task" if many else "run"
    if isinstance(groups, str):
        if groups not in frame.columns:
            raise bad_argument("groups", groups, f"a column of the runs: {', '.join(map(str, frame.columns))}")
        of = frame.groupby(["task", "run"], sort=False)[groups]
        mixed = of.nunique(dropna=False) > 1  # noqa: PD101
        if mixed.any():
            raise bad_argument("groups", groups, f"one value for each run; {mixed.idxmax()[1]!r} has several")
        found = of.first().reindex(index)
        names = np.array([str(v) for v in found], dtype=object)
        lost = found.isna().to_numpy()
        if groups == "run" and many:
            names = np.array([f"{t}/{r}" for t, r in index], dtype=object)
    elif isinstance(groups, Mapping):
        lost = np.array([r not in groups for r in runs])
        names = np.array([str(groups.get(r)) for r in runs], dtype=object)
    else:
        raise bad_argument("groups", groups, "the name of a column, or a mapping run -> group")
    if lost.any():
        raise bad_argument("groups", f"no group for run {runs[int(np.argmax(lost))]}", "a group for each run")
    return names, np.asarray(np.unique(names, return_inverse=True)[1], dtype=np.int64)
