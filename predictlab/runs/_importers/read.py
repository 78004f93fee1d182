"""`read_runs`: runs that other tools recorded, as the tidy frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, overload

import pandas as pd

from predictlab._validation import positive
from predictlab.errors import DataError, bad_argument
from predictlab.runs._importers import event_files, mlflow_folder, tables, trainer_state, wandb_files
from predictlab.runs._importers.identify import Seed, Task, compiled, seeds_and_tasks
from predictlab.runs._importers.logs import Names, RunLogs
from predictlab.runs._importers.plausible import units_of_shares, without_copies
from predictlab.runs._importers.recipes import recipes
from predictlab.runs._importers.report import Findings, Imported
from predictlab.runs._importers.roles import take
from predictlab.runs._importers.sources import FORMATS, Paths, locate
from predictlab.runs._importers.tidy import tidy

Source: TypeAlias = Paths | pd.DataFrame
READERS = {
    "trainer_state": trainer_state.read_trainer_states,
    "tensorboard": event_files.read_event_files,
    "mlflow": mlflow_folder.read_mlflow,
}


@overload
def read_runs(source: Source, *, report: Literal[True], **arguments: Any) -> Imported: ...
@overload
def read_runs(source: Source, *, report: Literal[False] = False, **arguments: Any) -> pd.DataFrame: ...
def read_runs(  # type: ignore[misc]
    source: Source,
    *,
    format: str | None = None,
    metric: Names = None,
    task: Task = None,
    seed: Seed = None,
    run: str | None = None,
    depth: str | None = None,
    columns: Mapping[str, str] | None = None,
    keep: str | None = None,
    steps_per_epoch: float | None = None,
    strict: bool = False,
    report: bool = False,
) -> pd.DataFrame | Imported:
    r"""Runs recorded elsewhere, as the tidy frame that `pl.risk_curve` takes.

    What the source does not say is not guessed: the error lists what was found and names the argument to pass.

    Parameters
    ----------
    source : path, glob pattern, list of these, or DataFrame
        ``trainer_state.json`` (a file, a run's folder, whose last checkpoint counts, or a folder of them); TensorBoard
        event files or folders; an MLflow ``mlruns`` folder or SQLite store; W&B's run files (``.wandb``); CSV, TSV,
        parquet or JSON, W&B exports among them.
    format : {"trainer_state", "tensorboard", "mlflow", "wandb", "table"}, optional
        Needed only where a folder has files of several formats.
    metric : str, list of str or mapping, optional
        Names or patterns (``"eval/*"``), or name there -> name in the result. Default: what evaluations of a Trainer
        wrote, all metrics of a long table, else the only one there is.
    task : str, compiled pattern or mapping, optional
        A column or param that names the task, else the name of the one task; a pattern with one group, searched in the
        runs' names; or run -> task. Default: a column ``task``; else all runs are of one task if their names differ in
        nothing but the seed.
    seed : int, str, pattern or mapping, optional
        A column or param; a pattern with one group such as ``r"seed[_-]?(\d+)"``, searched in the runs' names;
        run -> seed; one number for all; or ``"enumerate"``, which numbers the runs. Default: a column or param
        ``seed``, else the number behind the one "seed" in each run's name.
    run, depth : str, optional
        Columns of a table: what tells runs apart (default ``run``, else file and seed), and optimiser steps done
        (default ``depth``, else the only one with a usual name such as ``step``).
    columns : mapping, optional
        Tidy name -> column of a table, e.g. ``{"value": "score", "metric": "name"}``; other keys are kept as columns
        of the result, e.g. ``{"method": "method"}``.
    keep : {"first", "last"}, optional
        Which value to keep where a run has several of one metric at one depth. Default: an error if they differ. Where
        a training was begun again, only one of the two is kept from there on.
    steps_per_epoch : float, optional
        Optimiser steps of one epoch, where the source counts epochs: depths are multiplied by it. Whole epochs that
        begin at 0 are taken as measured at the end of each, as writers that number epochs do.
    strict : bool
        Make each assumption an error.
    report : bool
        Return the frame with its `ImportReport`, as ``runs, report = pl.read_runs(..., report=True)``.

    Returns
    -------
    pandas.DataFrame, or Imported
        Tidy frame (see `RunStore.frame`). A run's name is its folder's, relative to `source`. NaN and inf are
        ``"diverged"``; with a loss, everything measured at that depth is. Seconds: those of a table or of W&B's
        ``_runtime``; for event files and MLflow the time since the run's first record, pauses included; a trainer state
        has none. Operations: of a trainer state, where it has them.

    Raises
    ------
    ArgumentError
        The source, a column or a metric is not there; or metrics, seeds, tasks or depths are ambiguous.
    DataError
        Nothing can be read, a depth is no whole number, a W&B panel shows means over runs, or `strict` forbids to
        assume something.
    DependencyError
        The extra ``tensorboard`` or ``parquet`` is not installed.

    Notes
    -----
    What was assumed, left out or looks odd is in the report, and where it may change the answer also a warning
    (`predictlab.runs.ImportNotice`). An empty cell was not measured; it is a diverged measurement only behind the last
    value of its run, in a row that was written for this metric. A written ``NaN`` always is one.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> log = pd.DataFrame({"seed": [0, 0, 1, 1], "step": [10, 20, 10, 20], "accuracy": [0.5, 0.7, 0.6, 0.8]})
    >>> runs = pl.read_runs(log, task="mine")
    >>> runs[["run", "depth", "value"]].values.tolist()[0][1:]
    [10, 0.5]
    """
    found = Findings(strict)
    where = dict(columns or {})
    for name, column in (("run", run), ("depth", depth)):
        if column is not None and where.setdefault(name, column) != column:
            raise bad_argument(name, column, f"the same column as columns={columns}")
    if keep not in (None, "first", "last"):
        raise bad_argument("keep", keep, "'first', 'last' or None")
    if steps_per_epoch is not None:
        positive("steps_per_epoch", steps_per_epoch, "optimiser steps of one epoch, > 0")
    # A column that names task or seed is one way of saying task= and seed=.
    task, seed = where.get("task", task), where.get("seed", seed)
    where |= {name: given for name, given in (("task", task), ("seed", seed)) if isinstance(given, str)}
    kind, files, logs = read_source(source, format, where, metric, steps_per_epoch is not None, found)
    if logs.rows.empty:
        raise DataError("source: no measurement was found in it.")
    for name in {"task", "seed"} & set(columns or {}):
        if where[name] not in logs.about.columns:
            raise bad_argument("columns", {name: where[name]}, "something the source says of each run", logs.hint)
    logs = logs.select()
    seed = compiled(seed, logs.about.columns)
    seeds, tasks = seeds_and_tasks(logs, seed, task)
    frame = tidy(logs, tasks, seeds, keep, steps_per_epoch, found)
    frame = without_copies(frame, found)
    units_of_shares(frame, found)
    told = {given for given in (seed, task) if isinstance(given, str)}
    take(found, logs, seed, task)
    recipes(logs, tasks, told, found)
    found.warn(stacklevel=3)
    return Imported(frame, found.report(kind, files, frame)) if report else frame


def read_source(
    source: Source, format: str | None, where: dict[str, str], metric: Names, epochs: bool, found: Findings
) -> tuple[str, list[Path], RunLogs]:
    """What a source holds, before seeds and tasks are settled: its format, its files, and their logs.

    Parameters
    ----------
    source, format, metric
        As for `read_runs`.
    where : dict
        Columns that were named, by their roles.
    epochs : bool
        Whether depths may be epochs.
    found : Findings
    """
    if isinstance(source, pd.DataFrame):
        if format not in (None, "table"):
            raise bad_argument("format", format, "'table' or None with a DataFrame")
        return "table", [], tables.read_table(source, where, metric, "task", found, epochs=epochs)
    kind, files, base = locate(source, format, found)
    found.format, found.files = kind, files
    if kind == "table":
        return kind, files, tables.read_tables(files, base, where, metric, found, epochs=epochs)
    if kind == "wandb":
        return kind, files, wandb_files.read_wandb(files, base, where, metric, found, epochs=epochs)
    for name in where.keys() - {"task", "seed"}:
        own = name in ("run", "depth")  # arguments of their own
        told = where[name] if own else {name: where[name]}
        raise bad_argument(name if own else "columns", told, f"a table, not {FORMATS[kind]}", "Leave it out.")
    return kind, files, READERS[kind](files, base, metric, found)
