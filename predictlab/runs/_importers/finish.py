"""From what an importer found to the tidy frame: whole depths, statuses, one value a measurement, types, order."""

from __future__ import annotations

import numpy as np
import pandas as pd

from predictlab.errors import ArgumentError, DataError, bad_argument
from predictlab.runs._importers.found import Found, ask, listed
from predictlab.runs._schema import COLUMNS, STATUSES


def tidy(found: Found, tasks: pd.Series, seeds: pd.Series, keep: str | None) -> pd.DataFrame:
    """The tidy frame of `found`, sorted by task and run in the order of the source, then depth, then metric.

    Parameters
    ----------
    found : Found
    tasks, seeds : pandas.Series
        Of each run.
    keep : {"first", "last"} or None
        Which of several values of one run, depth and metric to keep; None raises if they differ.
    """
    rows = found.rows.reset_index(drop=True)
    run = rows["run"].cat.codes.to_numpy()
    rows["depth"] = _depths(rows, run)
    rows["status"] = _statuses(rows, run)
    rows = _once(rows, keep)
    run = rows["run"].cat.codes.to_numpy()
    names = list(rows["run"].cat.categories)
    task, task_names = pd.factorize(tasks.reindex(names))
    order = np.lexsort((rows["metric"].cat.codes, rows["depth"], run, task[run]))
    rows, run = rows.iloc[order], run[order]
    columns = {
        "task": _texts(task_names, task[run]),
        "run": _texts(names, run),
        "parent": _parents(rows),
        "seed": seeds.reindex(names).to_numpy(dtype=np.int64)[run],
        "depth": rows["depth"].to_numpy(),
        "metric": _texts(rows["metric"].cat.categories, rows["metric"].cat.codes.to_numpy()),
        "value": rows["value"].to_numpy(dtype=float),
        "status": _texts(STATUSES, rows["status"].to_numpy()),
    }
    for name in ("seconds", "flops"):
        columns[name] = rows[name].to_numpy(dtype=float) if name in rows else np.full(len(rows), np.nan)
    columns |= {name: rows[name].to_numpy() for name in found.kept}
    return pd.DataFrame(columns, columns=[*COLUMNS, *found.kept])


def _texts(values: object, positions: np.ndarray) -> object:
    """Strings at many places of which few are distinct: each is built once."""
    return pd.Series(list(values), dtype="str").array.take(positions)  # type: ignore[call-overload]


def _parents(rows: pd.DataFrame) -> object:
    if "parent" not in rows:
        return pd.array([None] * len(rows), dtype="str")
    code, names = pd.factorize(rows["parent"].where(rows["parent"] != ""))
    return pd.Series([*map(str, names), None], dtype="str").array.take(code)


def _depths(rows: pd.DataFrame, run: np.ndarray) -> np.ndarray:
    depth = rows["depth"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero(~(np.isfinite(depth) & (depth >= 0) & (depth % 1 == 0)))
    if len(wrong):
        name = rows["run"].cat.categories[run[wrong[0]]]
        raise DataError(
            f"run {name!r} has a measurement at depth {depth[wrong[0]]:g}: depths are optimiser steps, whole numbers "
            ">= 0. Pass depth= the column that counts them, or convert epochs to steps first."
        )
    return depth.astype(np.int64)


def _statuses(rows: pd.DataFrame, run: np.ndarray) -> np.ndarray:
    """Numbers in STATUSES. A value that is not finite has diverged, and with a loss all that was measured there."""
    bad = ~np.isfinite(rows["value"].to_numpy(dtype=float))
    loss = rows["metric"].cat.categories.str.lower().str.endswith("loss")[rows["metric"].cat.codes]
    depth = rows["depth"].to_numpy()
    place = run.astype(np.int64) * (depth.max(initial=0) + 1) + depth
    bad |= np.isin(place, np.unique(place[bad & np.asarray(loss)]))
    given = np.zeros(len(rows), dtype=np.int64)
    if "status" in rows:
        text = rows["status"].fillna("ok").astype(str)
        given = text.map({name: i for i, name in enumerate(STATUSES)}).to_numpy(dtype=float)
        if np.isnan(given).any():
            wrong = text[np.isnan(given)].unique()
            raise ArgumentError(f"column status has {listed(wrong)}: expected {', '.join(STATUSES)}. Map or drop it.")
        given = given.astype(np.int64)
    return np.where(bad & (given == 0), STATUSES.index("diverged"), given)


def _once(rows: pd.DataFrame, keep: str | None) -> pd.DataFrame:
    """One value of each run, depth and metric; equal ones are one, different ones are asked about."""
    if keep not in (None, "first", "last"):
        raise bad_argument("keep", keep, "'first', 'last' or None")
    key = ["run", "depth", "metric"]
    twice = rows.duplicated(key, keep=False)
    if not twice.any():
        return rows
    if keep is None:
        some = rows[twice]
        differ = some[some.drop_duplicates([*key, "value"]).duplicated(key).reindex(some.index, fill_value=False)]
        if len(differ):
            row = differ.iloc[0]
            raise ask(
                "keep", f"run {row['run']!r} has two values of {row['metric']} at depth {row['depth']}.",
                "If something tells two runs apart here, pass run= that column (or seed=, task=); if it was measured "
                "twice, pass keep='first' or keep='last'.",
            )  # fmt: skip
    return rows[~rows.duplicated(key, keep="last" if keep == "last" else "first")]
