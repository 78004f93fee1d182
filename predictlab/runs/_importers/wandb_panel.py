"""W&B panel exports: an x axis, then ``<run> - <metric>`` with its ``__MIN`` and ``__MAX`` for every run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from predictlab.errors import DataError, bad_argument
from predictlab.runs._importers.cells import bad_cells, numbers, steps
from predictlab.runs._importers.logs import SEED, Names, RunLogs, chosen_metrics, left_open, listed
from predictlab.runs._importers.report import Findings

AXES = ("train/global_step", "trainer/global_step", "global_step")
DASH = " - "


def is_panel(table: pd.DataFrame) -> bool:
    """Whether the columns are those of a panel export: two or three ``run - metric`` columns with their bounds."""
    names = [str(c) for c in table.columns]
    if any(DASH in name and f"{name}__MIN" in names for name in names):
        return True
    # its bounds dropped: one axis, all others "run - metric"
    return len(names) > 2 and sum(DASH in name for name in names) == len(names) - 1


def read_panel(
    tables: Sequence[pd.DataFrame],
    names: Sequence[str],
    columns: Mapping[str, str],
    metric: Names,
    label: str,
    found: Findings,
) -> RunLogs:
    """Runs of one or several panels. An empty cell is a step at which that run logged nothing."""
    tables = [_display_names(table, file, found) for table, file in zip(tables, names, strict=True)]
    found.table = pd.concat(tables)
    panels = [_measured_columns(table) for table in tables]
    for table, file, measured in zip(tables, names, panels, strict=True):
        bare = [column for column in measured if f"{column}__MIN" not in table.columns]
        if bare:
            found.assume(
                f"{file}: {len(bare)} columns 'run - metric' have no __MIN and __MAX, and are taken for single runs: "
                "means over runs could not be told from them."
            )
    present = (name for measured in panels for _, name in measured.values())
    metrics = chosen_metrics(present, metric, "the panel export")
    parts = []
    for table, file, measured in zip(tables, names, panels, strict=True):
        axis = _axis(table, file, columns)
        depth = pd.Series(steps(table[axis], axis, found))
        found.taken_for |= {axis: "depth"} | {c: "values" for c, (_, n) in measured.items() if n in metrics}
        for column, (run, name) in measured.items():
            if name in metrics:
                _refuse_means(table, column, run, file)
                part = pd.DataFrame({"name": run, "depth": depth, "metric": name, "value": numbers(table[column])})
                bad = bad_cells(table[column])
                if bad.any():
                    found.leave_out(f"{file}: {bad.sum()} cells of {column!r} that are no numbers")
                parts.append(part[table[column].notna().to_numpy() & ~bad])
    rows = pd.concat(parts, ignore_index=True)
    rows["run"], runs = pd.factorize(rows["name"])
    hint = "A panel export does not say the seed: only the names of runs can."
    return RunLogs(rows, pd.DataFrame(index=runs), metrics, label, hint)


def _display_names(table: pd.DataFrame, file: str, found: Findings) -> pd.DataFrame:
    """The second run of one display name, whose columns pandas calls ``run - metric.1``, as ``run (2) - metric``."""
    titles = [str(c) for c in table.columns]
    new, twice = [], set()
    for title in titles:
        again = re.fullmatch(r"(.+)\.(\d+)", title)
        run, dash, metric = title.rpartition(DASH)
        if dash and again is not None and again[1] in titles:
            twice.add(run)
            title = f"{run} ({int(again[2]) + 1}){DASH}{metric.rpartition('.')[0]}"
        new.append(title)
    if twice:
        found.notice(
            f"{file}: several runs are displayed as {listed(sorted(twice))}; they are told apart by their order alone, "
            "as 'name (2)'."
        )
    return table.set_axis(new, axis="columns")


def _measured_columns(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Column -> (run, metric); a run's name may itself have dashes, so the last one counts."""
    parts = {column: column.rpartition(DASH) for column in map(str, table.columns)}
    return {
        column: (run, metric)
        for column, (run, dash, metric) in parts.items()
        if dash and not column.endswith(("__MIN", "__MAX")) and not metric.startswith("_")
    }


def _axis(table: pd.DataFrame, file: str, columns: Mapping[str, str]) -> str:
    """The column of steps; an axis of epochs or hours is not read as steps unless the user says so."""
    axes = [str(c) for c in table.columns if DASH not in str(c)]
    if "depth" in columns:
        if columns["depth"] not in axes:
            raise bad_argument("depth", columns["depth"], f"a column of {file}", f"Its x axis is {', '.join(axes)}.")
        return columns["depth"]
    steps = [axis for axis in axes if axis.lower() in AXES]
    if len(steps) != 1:
        shown = ", ".join(axes) or "missing"
        axis = axes[0] if axes else "name of the column"
        raise left_open(
            "depth", f"the x axis of {file} is {shown}, which need not be optimiser steps"
            + (" (W&B's Step counts calls of log)." if axis.lower() in ("step", "_step") else "."),
            f"Export the panel over train/global_step, or pass depth={axis!r} if it counts them, with steps_per_epoch= "
            f"if it counts epochs.{_also_open(table, axis)}",
        )  # fmt: skip
    return steps[0]


def _also_open(table: pd.DataFrame, axis: str) -> str:
    """What the names of runs leave open too, so that it is asked once."""
    runs = {run for run, _ in _measured_columns(table).values()}
    if all(len(SEED.findall(run)) == 1 for run in runs):
        return ""
    return (
        f" The runs' names say no seeds either ({listed(sorted(runs))}): if these are independent runs of one recipe "
        f"on one task, pl.read_runs(source, depth={axis!r}, seed='enumerate', task='a name')."
    )


def _refuse_means(table: pd.DataFrame, column: str, run: str, file: str) -> None:
    """A mean over runs or over neighbouring steps has less variance than the runs: nothing can be learned from it."""
    bounds = table.reindex(columns=[f"{column}__MIN", f"{column}__MAX"]).apply(pd.to_numeric, errors="coerce")
    if (bounds.diff(axis="columns").iloc[:, 1] > 0).any():
        raise DataError(
            f"{file}: {run!r} is a mean over several runs or steps (its __MIN and __MAX differ). "
            "Export the panel ungrouped, or each run's history, so that the spread over runs is in the data."
        )
