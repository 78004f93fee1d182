"""From what a reader returned to the tidy frame: whole depths, statuses, one value a measurement, types, order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import ArgumentError, DataError, bad_argument
from predictlab.runs._importers.logs import RunLogs, left_open, listed
from predictlab.runs._measurements import texts_at
from predictlab.runs._schema import COLUMNS, STATUSES

MEASUREMENT = ["run", "depth", "metric"]  # what has one value


def tidy(logs: RunLogs, tasks: pd.Series, seeds: pd.Series, keep: str | None) -> pd.DataFrame:
    """The tidy frame of `logs`, sorted by task and run in the order of the source, then depth, then metric.

    Parameters
    ----------
    logs : RunLogs
        Of the chosen metrics alone.
    tasks, seeds : pandas.Series
        Of each run.
    keep : {"first", "last"} or None
        Which of several values of one run, depth and metric to keep; None raises if they differ.
    """
    rows = logs.rows.assign(depth=_depths(logs))
    rows["status"] = _statuses(rows)
    rows = _once(rows, logs.about.index, keep)
    task, task_names = pd.factorize(tasks)
    rows["task"] = task[rows["run"]]
    rows = rows.sort_values(["task", *MEASUREMENT], kind="stable", ignore_index=True)
    run = rows["run"].to_numpy()
    frame = rows.reindex(columns=[*COLUMNS, *logs.kept]).astype(dict.fromkeys(("value", "seconds", "flops"), float))
    parent, parents = pd.factorize(frame["parent"].where(frame["parent"] != ""))
    return frame.assign(
        task=texts_at(task_names, rows["task"].to_numpy()),
        run=texts_at(logs.about.index, run),
        parent=texts_at([*map(str, parents), None], parent),
        seed=seeds.to_numpy()[run],
        metric=texts_at(rows["metric"].cat.categories, rows["metric"].cat.codes.to_numpy()),
        status=texts_at(STATUSES, rows["status"].to_numpy()),
    )


def _depths(logs: RunLogs) -> NDArray[np.int64]:
    depth = logs.rows["depth"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero(~(np.isfinite(depth) & (depth >= 0) & (depth % 1 == 0)))
    if len(wrong):
        name = logs.about.index[logs.rows["run"].iloc[wrong[0]]]
        raise DataError(
            f"run {name!r} has a measurement at depth {depth[wrong[0]]:g}: depths are optimiser steps, whole numbers "
            ">= 0. Pass depth= the column that counts them, or convert epochs to steps first."
        )
    return depth.astype(np.int64)


def _statuses(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Positions in STATUSES. A value that is not finite has diverged, and with a loss all that was measured there."""
    broken = ~np.isfinite(rows["value"].astype(float))
    losses = [name for name in rows["metric"].cat.categories if name.lower().endswith("loss")]
    lost = broken & rows["metric"].isin(losses)
    broken |= lost.groupby([rows["run"], rows["depth"]]).transform("any")
    if "status" not in rows:
        return np.where(broken, STATUSES.index("diverged"), STATUSES.index("ok"))
    text = rows["status"].fillna("ok").astype(str)
    given = pd.Index(STATUSES).get_indexer(pd.Index(text))
    if (given < 0).any():
        wrong = listed(text[given < 0].unique())
        raise ArgumentError(f"column status has {wrong}: expected {', '.join(STATUSES)}. Map or drop it.")
    return np.where(broken & (given == 0), STATUSES.index("diverged"), given)


def _once(rows: pd.DataFrame, names: pd.Index, keep: str | None) -> pd.DataFrame:
    """One value of each run, depth and metric; of equal ones the first, of different ones what `keep` says."""
    if keep not in (None, "first", "last"):
        raise bad_argument("keep", keep, "'first', 'last' or None")
    if not rows.duplicated(MEASUREMENT).any():
        return rows
    if keep is None:
        distinct = rows.drop_duplicates([*MEASUREMENT, "value"])
        differ = distinct[distinct.duplicated(MEASUREMENT)]
        if len(differ):
            first = differ.iloc[0]
            raise left_open(
                "keep", f"run {names[first['run']]!r} has two values of {first['metric']} at depth {first['depth']}.",
                "If something tells two runs apart here, pass run= that column (or seed=, task=); if it was measured "
                "twice, pass keep='first' or keep='last'.",
            )  # fmt: skip
    return rows.drop_duplicates(MEASUREMENT, keep="last" if keep == "last" else "first")
