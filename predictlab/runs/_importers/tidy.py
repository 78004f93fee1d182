"""From what a reader returned to the tidy frame: whole depths, statuses, one value a measurement, types, order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import ArgumentError, DataError
from predictlab.runs._importers.logs import RunLogs, left_open, listed
from predictlab.runs._importers.report import Findings
from predictlab.runs._measurements import texts_at
from predictlab.runs._schema import COLUMNS, STATUSES

MEASUREMENT = ["run", "depth", "metric"]  # what has one value


def tidy(
    logs: RunLogs,
    tasks: pd.Series,
    seeds: pd.Series,
    keep: str | None,
    steps_per_epoch: float | None,
    found: Findings,
) -> pd.DataFrame:
    """The tidy frame of `logs`, sorted by task and run in the order of the source, then depth, then metric.

    Parameters
    ----------
    logs : RunLogs
        Of the chosen metrics alone.
    tasks, seeds : pandas.Series
        Of each run.
    keep : {"first", "last"} or None
        Which of several values of one run, depth and metric to keep; None raises if they differ.
    steps_per_epoch : float or None
        Where depths are epochs.
    found : Findings
    """
    rows = _at_depths(logs, steps_per_epoch, found)
    rows["status"] = _statuses(rows)
    rows = _once(rows, logs, keep, found)
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


def _at_depths(logs: RunLogs, steps_per_epoch: float | None, found: Findings) -> pd.DataFrame:
    """Rows that are measurements of a depth, with depths in optimiser steps."""
    depth = logs.rows["depth"].to_numpy(dtype=float)
    names = logs.about.index[logs.rows["run"].to_numpy()]
    for wrong, what in ((np.isnan(depth), "without a step"), (depth < 0, "at a step below 0, such as -1")):
        if wrong.all():
            raise DataError(f"all {len(depth)} measurements are {what}: depths are optimiser steps.")
        if wrong.any():
            text = f"{wrong.sum()} of {len(depth)} measurements {what} are of no depth and are left out"
            found.assume(f"{text} (runs {listed(names[wrong].unique())}).")
    good = ~(np.isnan(depth) | (depth < 0))
    rows, depth, names = logs.rows[good], depth[good], names[good]
    if steps_per_epoch is not None:
        whole = bool(np.all(depth % 1 == 0))
        if whole and min(depth.min(), np.inf if logs.begins is None else logs.begins) == 0:
            found.noticed.append("epochs begin at 0: each is taken as measured at its end, epoch 0 after one epoch.")
            depth = depth + 1
        depth = np.rint(depth * steps_per_epoch)
    wrong = np.flatnonzero(~(np.isfinite(depth) & (depth % 1 == 0) & (depth < 2**63)))
    if len(wrong):
        raise DataError(
            f"run {names[wrong[0]]!r} has a measurement at depth {depth[wrong[0]]:g}: depths are optimiser steps, "
            "whole numbers >= 0. Pass depth= the column that counts them, or, if it counts epochs, steps_per_epoch=."
        )
    if steps_per_epoch is None:
        _look_at_units(rows, depth, found)
    return rows.assign(depth=depth.astype(np.int64)).reset_index(drop=True)


def _look_at_units(rows: pd.DataFrame, depth: NDArray[np.float64], found: Findings) -> None:
    """Depths 0, 1, 2, ... of evaluations are hardly optimiser steps."""
    seen = np.unique(depth)
    if not 3 <= len(seen) <= 200 or seen[0] > 1 or seen[-1] - seen[0] != len(seen) - 1:
        return
    used = [str(name) for name in rows["metric"].cat.categories if (rows["metric"] == name).any()]
    remedy = "If so, pass steps_per_epoch= (optimiser steps of an epoch)."
    if epochs := [name for name in used if "epoch" in name.lower()]:
        found.assume(
            f"depths {seen[0]:g} to {seen[-1]:g} of {listed(epochs)} are taken as optimiser steps, yet look like "
            f"numbers of epochs. {remedy}"
        )
    elif evaluations := [n for n in used if any(part in n.lower() for part in ("val", "eval", "test", "acc"))]:
        found.notice(
            f"{listed(evaluations)} at depths {seen[0]:g}, {seen[1]:g}, ... {seen[-1]:g}: are these epochs, or calls "
            f"of a logger, rather than optimiser steps? {remedy}"
        )


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


def _once(rows: pd.DataFrame, logs: RunLogs, keep: str | None, found: Findings) -> pd.DataFrame:
    """One value of each run, depth and metric; of equal ones the first, of different ones what `keep` says.

    A training that was begun again is not continued by the other one: from where the later one begins only one counts.
    """
    names = logs.about.index
    again = _begun_again(rows, logs.ordered)
    if not rows.duplicated(MEASUREMENT).any() and not again.any():
        return rows
    distinct = rows.drop_duplicates([*MEASUREMENT, "value"])
    differ = distinct[distinct.duplicated(MEASUREMENT)]
    if keep is None:
        if len(differ):
            first = differ.iloc[0]
            question = f"run {names[first['run']]!r} has two values of {first['metric']} at depth {first['depth']}."
            raise left_open("keep", question, logs.twice)
        if logs.ordered and again.any():
            name = names[rows.loc[again, "run"].iloc[0]]
            raise left_open("keep", f"the log of run {name!r} goes back to an earlier depth.", logs.twice)
    elif again.any():
        sign = -1 if keep == "last" else 1  # the last from its end: what is deeper than all behind it stays
        of = rows[rows["run"].isin(rows.loc[again, "run"].unique())][::sign]
        by, depth = [of["run"], of["metric"]], sign * of["depth"]
        reached = depth.groupby(by, observed=True).cummax().groupby(by, observed=True).shift()
        gone = of.index[(depth <= reached).to_numpy()]
        if len(gone):
            which = listed(names[np.unique(rows.loc[gone, "run"])])
            found.leave_out(
                f"{len(gone)} measurements of trainings that were begun again (runs {which}): keep={keep!r} takes one "
                "training from where two overlap, and never the end of another"
            )
        rows = rows.drop(index=gone)
    return rows.drop_duplicates(MEASUREMENT, keep="last" if keep == "last" else "first")


def _begun_again(rows: pd.DataFrame, ordered: bool) -> NDArray[np.bool_]:
    """Rows at which the depth of a run falls back; none of runs whose rows are in no order at all."""
    by = [rows["run"], rows["metric"]]
    back = rows["depth"].groupby(by, observed=True).diff() < 0
    if not ordered:
        often = back.groupby(rows["run"]).transform("sum") > 0.2 * rows.groupby("run")["run"].transform("size")
        back &= ~often
    return back.to_numpy()
