"""Which cells of a table are measurements: values below one another, or a column for each metric."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import bad_argument
from predictlab.runs._importers.cells import bad_cells, empty, looks_numeric, numbers
from predictlab.runs._importers.layouts import FILE, INDICES, STEPS, normal
from predictlab.runs._importers.logs import Names, chosen_metrics, left_open, listed
from predictlab.runs._importers.recipes import SCHEDULE, is_label
from predictlab.runs._importers.report import Findings

HYPERPARAMETER = re.compile(
    r"(^|[-_/. ])(lr|learning_rate|batch_size|bs|weight_decay|wd|dropout|warmup\w*|momentum|hidden\w*|width|layers"
    r"|n_layers|num_layers|rank|lora_r|alpha|optimizer|temperature|train_size|n_train|fraction|beta\d?)$",
    re.IGNORECASE,
)


def varies(column: pd.Series, run: NDArray[np.int64]) -> pd.Series:
    """Whether a run has several values in a column; index: the runs."""
    value = pd.Series(pd.factorize(column, use_na_sentinel=False)[0])
    return (value != value.groupby(run).transform("first")).groupby(run).any()


def long_values(
    table: pd.DataFrame,
    base: pd.DataFrame,
    roles: Mapping[str, str],
    free: list[str],
    metric: Names,
    found: Findings,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Measurements of a table with a column of values, and the metrics read."""
    if "value" not in roles:
        candidates = listed(c for c in free if looks_numeric(table[c])) or "the columns"
        question = f"which of {candidates} has the values of {roles['metric']!r}?"
        raise left_open("columns", question, "Pass columns={'value': ...}.")
    value = table[roles["value"]]
    if not looks_numeric(value):
        raise bad_argument("columns", {"value": roles["value"]}, "a column of numbers")
    if "metric" in roles:
        names = table[roles["metric"]].astype(str)
        metrics = chosen_metrics(names.unique(), metric, "the table", every=True)
    else:
        names = metric if isinstance(metric, str) else roles["value"]
        metrics = {names: names}
    rows = base.assign(metric=names, value=numbers(value))
    measured = _good_cells(value, roles["value"], found)
    nothing = empty(value) & ~_said_lost(rows)
    if nothing.any():
        by = [rows["run"], rows["metric"]]
        last = rows["depth"].where(np.isfinite(rows["value"])).groupby(by, observed=True).transform("max")
        # a table that was melted has a row for what was not measured as well
        inside = pd.Series(nothing & (rows["depth"] < last)).groupby(rows["metric"], observed=True).transform("any")
        measured &= ~(nothing & inside.to_numpy())
        _say_diverged(int((nothing & measured).sum()), roles["value"], found)
    return rows[measured].reset_index(drop=True), metrics


def _said_lost(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows of which the table itself says that they failed."""
    if "status" not in rows:
        return np.zeros(len(rows), dtype=bool)
    return rows["status"].isin(["diverged", "failed"]).to_numpy()


def _say_diverged(count: int, title: str, found: Findings) -> None:
    if count:
        found.noticed.append(
            f"{count} empty cells of {title!r} behind the last value of their runs are taken as diverged, since their "
            "rows were written for it."
        )


def _good_cells(column: pd.Series, title: str, found: Findings) -> NDArray[np.bool_]:
    """Cells that are no text; the others are named."""
    bad = bad_cells(column)
    if bad.any():
        first = int(np.argmax(bad))
        found.leave_out(
            f"{bad.sum()} cells of {title!r} that are no numbers, such as {str(column.iloc[first])[:40]!r} in row "
            f"{first + 1}"
        )
    return ~bad


def wide_values(
    table: pd.DataFrame,
    base: pd.DataFrame,
    free: list[str],
    metric: Names,
    found: Findings,
    there: Mapping[str, set[str]],
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Measurements of a table with a column for each metric, and the metrics read."""
    numeric = [c for c in free if looks_numeric(table[c])]
    present = [c for c in numeric if not c.startswith(("_", "Unnamed: ")) and normal(c) not in STEPS]
    content = [c for c in present if c.lower() not in INDICES]
    asked = [metric] if isinstance(metric, str) else list(metric or ())
    run = base["run"].to_numpy()
    settings = {
        c for c in present
        if SCHEDULE.search(c) or is_label(c) or (HYPERPARAMETER.search(c) and not varies(table[c], run).any())
    }  # fmt: skip
    if set(present) - settings - INDICES:
        present = [c for c in present if c not in settings or c in asked]
    if metric is None:
        counts = {c: pd.Series(~empty(table[c])).groupby(run).sum().max() for c in present}
        once = [c for c in present if counts[c] == 1 and max(counts.values()) > 1]
        if once:
            found.leave_out(f"{listed(once)}: measured once a run; pass metric= if it is wanted", loud=False)
        present = [c for c in present if c not in once]
    metrics = chosen_metrics([c for c in present if c.lower() not in INDICES or c in asked], metric, "the table")
    filled = np.column_stack([~empty(table[c]) for c in content]) if content else np.zeros((len(table), 0), dtype=bool)
    parts = []
    for name in metrics:
        rows = base.assign(metric=name, value=numbers(table[name]))
        blank = pd.Series(_blank(rows, table[name], name, found) & ~_said_lost(rows), index=rows.index)
        others = {c: filled[:, i] for i, c in enumerate(content) if c != name}
        known = _good_cells(table[name], name, found)
        if there:
            known &= table[FILE].map(lambda file, name=name: name in there[file]).to_numpy(dtype=bool)
        measured = _measured(rows, blank, others)
        _say_diverged(int((measured & known & blank).sum()), name, found)
        parts.append(rows[known & measured])
    return pd.concat(parts, ignore_index=True), metrics


def _blank(rows: pd.DataFrame, column: pd.Series, title: str, found: Findings) -> NDArray[np.bool_]:
    """Cells that hold nothing; a written NaN is nothing to a writer who puts it where values follow."""
    nothing = empty(column)
    written = ~nothing & np.isnan(rows["value"].to_numpy()) & ~bad_cells(column)
    if written.any():
        last = rows["depth"].where(np.isfinite(rows["value"])).groupby(rows["run"]).transform("max")
        before = written & (rows["depth"] < last).to_numpy()
        if before.any():
            found.notice(
                f"{before.sum()} times {title!r} is a written NaN where values of its run follow: this writer's NaN is "
                "taken as not measured, as an empty cell is."
            )
            return nothing | written
    return nothing


def _measured(rows: pd.DataFrame, blank: pd.Series, others: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Rows at which a metric was measured, where each row may have been written for another metric.

    An empty cell is a diverged measurement only behind the last value of its run, in a row that was written for this
    metric: it holds nothing else, or something that up to then was never written without this metric.
    """
    finite, run = np.isfinite(rows["value"]), rows["run"]
    last = rows["depth"].where(finite).groupby(run).transform("max").fillna(-np.inf)
    behind = blank & (rows["depth"] > last)
    if not behind.any():
        return ~blank.to_numpy()
    before = ~(rows["depth"] > last)
    nothing = pd.Series(True, index=rows.index)
    along = pd.Series(False, index=rows.index)
    for filled in others.values():
        nothing &= ~filled
        with_it = pd.Series(filled & before & ~blank).groupby(run).transform("any")
        without = pd.Series(filled & before & blank).groupby(run).transform("any")
        along |= filled & with_it & ~without
    return (~blank | (behind & (nothing | along))).to_numpy()
