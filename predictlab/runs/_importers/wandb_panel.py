"""W&B panel exports: an x axis, then ``<run> - <metric>`` with its ``__MIN`` and ``__MAX`` for every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from predictlab.errors import DataError, bad_argument
from predictlab.runs._importers.found import Found, Names, ask, chosen_metrics

AXES = ("step", "train/global_step", "trainer/global_step", "global_step")
DASH = " - "


def is_panel(table: pd.DataFrame) -> bool:
    """Whether the columns are those of a panel export: two or three ``run - metric`` columns with their bounds."""
    names = [str(c) for c in table.columns]
    return any(DASH in name and f"{name}__MIN" in names for name in names)


def read_panel(
    tables: Sequence[pd.DataFrame], names: Sequence[str], columns: Mapping[str, str], metric: Names, label: str
) -> Found:
    """Runs of one or several panels. An empty cell is a step at which that run logged nothing."""
    panels = [_cells(table) for table in tables]
    keep = chosen_metrics({m for cells in panels for _, m in cells.values()}, metric, (), "the panel export")
    parts = []
    for table, name, cells in zip(tables, names, panels, strict=True):
        depth = pd.to_numeric(table[_axis(table, name, columns)], errors="coerce").to_numpy(dtype=float)
        for column, (run, measured) in cells.items():
            if measured not in keep:
                continue
            _refuse_means(table, column, run, name)
            text = table[column]
            written = text.notna().to_numpy()
            value = pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)[written]
            parts.append(pd.DataFrame({"run": run, "depth": depth[written], "metric": keep[measured], "value": value}))
    rows = pd.concat(parts, ignore_index=True)
    for column in ("run", "metric"):
        rows[column] = pd.Categorical(rows[column], categories=list(dict.fromkeys(rows[column])))
    facts = pd.DataFrame(index=pd.Index(rows["run"].cat.categories))
    return Found(rows, facts, label, "A panel export does not say the seed: only the names of runs can.")


def _cells(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Column -> (run, metric); a run's name may itself have dashes, so the last one counts."""
    found = {}
    for column in map(str, table.columns):
        run, dash, metric = column.rpartition(DASH)
        if dash and not column.endswith(("__MIN", "__MAX")) and not metric.startswith("_"):
            found[column] = (run, metric)
    return found


def _axis(table: pd.DataFrame, name: str, columns: Mapping[str, str]) -> str:
    """The column of steps; an axis of epochs or hours is asked about, not read as steps."""
    axes = [str(c) for c in table.columns if DASH not in str(c)]
    if "depth" in columns:
        if columns["depth"] not in axes:
            raise bad_argument("depth", columns["depth"], f"a column of {name}", f"Its x axis is {', '.join(axes)}.")
        return columns["depth"]
    steps = [axis for axis in axes if axis.lower() in AXES]
    if len(steps) != 1:
        shown = ", ".join(axes) or "missing"
        raise ask("depth", f"the x axis of {name} is {shown}, which need not be optimiser steps.",
                  "Export the panel over steps, or pass depth= the name of the column.")  # fmt: skip
    return steps[0]


def _refuse_means(table: pd.DataFrame, column: str, run: str, name: str) -> None:
    """A mean over runs or over neighbouring steps has less variance than the runs: nothing can be learned from it."""
    low, high = (table.get(f"{column}__{end}") for end in ("MIN", "MAX"))
    if low is None or high is None:
        return
    differ = (pd.to_numeric(high, errors="coerce") - pd.to_numeric(low, errors="coerce")).to_numpy(dtype=float)
    if np.any(differ > 0):
        raise DataError(
            f"{name}: {run!r} is a mean over several runs or steps (its __MIN and __MAX differ). "
            "Export the panel ungrouped, or each run's history, so that the spread over runs is in the data."
        )
