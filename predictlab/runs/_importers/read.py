"""`read_runs`: runs that other tools recorded, as the tidy frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import pandas as pd

from predictlab.errors import DataError, bad_argument
from predictlab.runs._importers import event_files, mlflow_folder, tables, trainer_state
from predictlab.runs._importers.identify import Seed, Task, compiled, seeds_of, tasks_of
from predictlab.runs._importers.logs import Names, RunLogs
from predictlab.runs._importers.sources import FORMATS, Paths, locate
from predictlab.runs._importers.tidy import tidy

Source: TypeAlias = Paths | pd.DataFrame
READERS = {
    "trainer_state": trainer_state.read_trainer_states,
    "tensorboard": event_files.read_event_files,
    "mlflow": mlflow_folder.read_mlflow,
}


def read_runs(
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
) -> pd.DataFrame:
    r"""Runs recorded elsewhere, as the tidy frame that `pl.risk_curve` takes.

    What the source does not say is not guessed: the error lists what was found and names the argument to pass.

    Parameters
    ----------
    source : path, glob pattern, list of these, or DataFrame
        ``trainer_state.json`` (a file, a run's folder, whose last checkpoint counts, or a folder of them); TensorBoard
        event files or folders; an MLflow ``mlruns`` folder; CSV, TSV or parquet, W&B exports among them.
    format : {"trainer_state", "tensorboard", "mlflow", "table"}, optional
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
        Which value to keep where a run has several of one metric at one depth. Default: an error if they differ.

    Returns
    -------
    pandas.DataFrame
        Tidy frame (see `RunStore.frame`). A run's name is its folder's, relative to `source`. NaN and inf are
        ``"diverged"``; with a loss, everything measured at that depth is. Seconds: those of a table or of W&B's
        ``_runtime``; for event files and MLflow the time since the run's first record, pauses included; a trainer state
        has none. Operations: of a trainer state, where it has them.

    Raises
    ------
    ArgumentError
        The source, a column or a metric is not there; or metrics, seeds, tasks or depths are ambiguous.
    DataError
        A file cannot be read, a depth is no whole number, a W&B panel shows means over runs.
    DependencyError
        The extra ``tensorboard`` or ``parquet`` is not installed.

    Notes
    -----
    In a table with several metric columns an empty cell was not measured; it is a diverged measurement only if other
    runs of the task were measured there and this run never has a value again. A written ``NaN`` always is one.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> log = pd.DataFrame({"seed": [0, 0, 1, 1], "step": [10, 20, 10, 20], "accuracy": [0.5, 0.7, 0.6, 0.8]})
    >>> runs = pl.read_runs(log, task="mine")
    >>> runs[["run", "depth", "value"]].values.tolist()[0][1:]
    [10, 0.5]
    """
    where = dict(columns or {})
    for name, column in (("run", run), ("depth", depth)):
        if column is not None and where.setdefault(name, column) != column:
            raise bad_argument(name, column, f"the same column as columns={columns}")
    # A column that names task or seed is one way of saying task= and seed=.
    task, seed = where.get("task", task), where.get("seed", seed)
    where |= {name: given for name, given in (("task", task), ("seed", seed)) if isinstance(given, str)}
    logs = _read(source, format, where, metric)
    if logs.rows.empty:
        raise DataError("source: no measurement was found in it.")
    for name in {"task", "seed"} & set(columns or {}):
        if where[name] not in logs.about.columns:
            raise bad_argument("columns", {name: where[name]}, "something the source says of each run", logs.hint)
    logs = logs.select()
    seed = compiled(seed, logs.about.columns)
    seeds = seeds_of(logs, seed)
    return tidy(logs, tasks_of(logs, task, seeds, seed), seeds, keep)


def _read(source: Source, format: str | None, where: dict[str, str], metric: Names) -> RunLogs:
    if isinstance(source, pd.DataFrame):
        if format not in (None, "table"):
            raise bad_argument("format", format, "'table' or None with a DataFrame")
        return tables.read_table(source, where, metric, "task")
    kind, files, base = locate(source, format)
    if kind == "table":
        return tables.read_tables(files, base, where, metric)
    for name in where.keys() - {"task", "seed"}:
        raise bad_argument("columns", {name: where[name]}, f"a table, not {FORMATS[kind]}", "Leave it out.")
    return READERS[kind](files, base, metric)
