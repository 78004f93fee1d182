"""From what people have in hand (finals, outcomes, margins, a store) to the evidence of one recipe."""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab._validation import floats, positive, whole_number
from predictlab.comparing._evidence import Array, Evidence, Sampling
from predictlab.comparing._exports import exported, is_optuna_database, read_optuna
from predictlab.comparing._finals import NAMED, Wanted, at_depth, finals_of, finals_of_table
from predictlab.comparing._summaries import is_summary
from predictlab.errors import ArgumentError, DataError, StoreError, bad_argument
from predictlab.risk import Outcomes, outcomes_of
from predictlab.risk._frames import default_metric, select_single
from predictlab.runs import Margins, RunStore, read_outcomes, read_runs
from predictlab.runs._evaluations import find_evaluations
from predictlab.runs._importers.cells import read_table_file
from predictlab.runs._importers.report import Findings
from predictlab.runs._importers.sources import is_mlflow_database
from predictlab.runs._importers.wandb_panel import is_panel

Source: TypeAlias = (
    "str | os.PathLike[str] | pd.DataFrame | Margins | Outcomes | RunStore | Sequence[float] | NDArray[np.generic]"
)
log = logging.getLogger("predictlab")
Opened: TypeAlias = "pd.DataFrame | Margins | Outcomes | RunStore | Array"
WIDE = 20  # columns of numbers without a name of ours: from here on they are rows
_DATABASES = (".db", ".sqlite", ".sqlite3")


def tasks_of(opened: Source) -> list[str]:
    """Names of the tasks (benchmarks) of a table; one that has no such column is one task."""
    if isinstance(opened, pd.DataFrame) and "task" in opened:
        return [str(t) for t in pd.unique(opened["task"])]
    return []


def read_evidence(
    name: str, opened: Opened, wanted: Wanted, cluster: str | Mapping[Hashable, Hashable] | None = None
) -> Evidence:
    """Read one recipe's runs.

    Parameters
    ----------
    name : str
        For messages.
    opened
        What `open_source` gave.
    wanted : Wanted
    cluster : str or mapping, optional
        Of outcomes: a column that names the cluster of each row, or row -> cluster.

    Returns
    -------
    Evidence
    """
    if wanted.eval_rows is not None:
        whole_number("eval_rows", wanted.eval_rows, 2, "a number of evaluation rows")
    if wanted.depth is not None:
        positive("depth", wanted.depth, " (steps)")
    if isinstance(opened, RunStore):
        return _of_store(name, opened, wanted)
    if isinstance(opened, pd.DataFrame):
        return _of_table(name, opened, wanted, cluster)
    for option, given in (("by", wanted.by), ("width", wanted.width if wanted.pooled else None)):
        if given is not None:
            raise bad_argument(option, given, f"None: {name} is no table of finals")
    if isinstance(opened, Margins):
        return _of_margins(name, opened, wanted, cluster)
    if isinstance(opened, Outcomes):
        return _of_outcomes(name, opened, wanted.depth)
    if wanted.depth is not None:
        raise bad_argument("depth", wanted.depth, f"None: {name} does not say at which depths runs were measured")
    return _of_numbers(name, opened, wanted.metric, wanted.eval_rows)


def open_source(
    source: Source, task: str | None = None, metric: str | None = None, filter: str | None = None,
    errors: str | None = None,
) -> Opened:  # fmt: skip
    """Read a file once; what is in memory stays as it is."""
    if isinstance(source, pd.DataFrame | Margins | Outcomes | RunStore):
        return source
    if not isinstance(source, str | os.PathLike):
        return floats("source", source, "a table, a path, margins, outcomes, a store, or an array of numbers")
    path = Path(source)
    if not path.exists():
        raise bad_argument("source", str(source), "a file or a folder that exists", "Check the path.")
    if find_evaluations(path) is not None:
        return read_outcomes(path, task=task, metric=metric, filter=filter, errors=errors)
    for option, given in (("filter", filter), ("errors", errors)):
        if given is not None:
            raise bad_argument(option, given, f"None: {path} is no file of an evaluation tool")
    if path.suffix in _DATABASES:
        if is_optuna_database(path):
            return read_optuna(path)
        return _runs(path, metric) if is_mlflow_database(path) else RunStore(path)
    if path.is_dir() or path.suffix == ".json":
        return _runs(path, metric)
    found = Findings()
    table = read_table_file(path, found)
    if is_panel(table):
        return _runs(path, metric)
    found.warn(stacklevel=4)
    if table.empty:
        raise DataError(f"{path}: the table has no lines.")
    return table.rename(columns=str)


def _runs(path: Path, metric: str | None) -> pd.DataFrame:
    """Curves as `read_runs` reads them; runs that name neither seed nor task are runs of one task, which is said."""
    told: dict[str, Any] = {}
    while True:
        try:
            table: pd.DataFrame = read_runs(path, metric=metric, report=False, **told)
        except ArgumentError as error:
            missing = str(error).partition("=")[0]
            if missing in told or missing not in ("seed", "task"):
                raise
            told[missing] = "enumerate" if missing == "seed" else "task"
        else:
            break
    if "task" in told:
        log.warning("%s: nothing says which task its runs are of; they are taken as runs of one", path)
    return table.drop(columns="seed") if "seed" in told else table


def split_recipes(source: Source, *, by: str | Sequence[str] | None = None) -> dict[str, pd.DataFrame]:
    """Take a table of several recipes' runs apart, for `compare`.

    Parameters
    ----------
    source : path or DataFrame
        Finals: a table with a line a run, or a line a recipe with mean and width; trials of Optuna (a frame, CSV or
        SQLite file), runs exported from W&B or MLflow.
    by : str or sequence of str, optional
        Columns that tell recipes apart. Default of Optuna and ``mlflow.search_runs()``: the parameters, but the seed;
        of W&B's table: ``Group``.

    Returns
    -------
    dict
        Recipe -> its lines; the name is the values of the columns.

    Raises
    ------
    ArgumentError
        Columns that are not there, or none where none are known.

    Examples
    --------
    >>> import predictlab as pl
    >>> runs = pd.DataFrame({"method": list("aabb"), "seed": [0, 1, 0, 1], "score": [0.71, 0.72, 0.75, 0.76]})
    >>> both = split_recipes(runs, by="method")
    >>> list(both), round(pl.compare(both["b"], both["a"]).difference, 3)
    (['a', 'b'], 0.04)
    """
    opened = open_source(source)
    if not isinstance(opened, pd.DataFrame):
        raise bad_argument("source", type(opened).__name__, "a table of finals")
    table = opened.rename(columns=str)
    export = exported(table)
    columns = [by] if isinstance(by, str) else list(by or (export.recipe if export is not None else ()))
    if not columns or not set(columns) <= set(table.columns):
        shown = ", ".join(map(str, table.columns[:WIDE]))
        raise bad_argument("by", by, f"columns that tell recipes apart: {shown}")
    parts = {}
    for values, lines in table.groupby(columns, dropna=False, sort=False):
        told = [str(v) for v in (values if isinstance(values, tuple) else (values,))]
        named = [f"{c.removeprefix('params_').removeprefix('params.')}={v}" for c, v in zip(columns, told, strict=True)]
        parts[told[0] if len(columns) == 1 else ", ".join(named)] = lines.drop(columns=columns).reset_index(drop=True)
    return parts


def depths_of(opened: Opened, wanted: Wanted) -> list[float]:
    """Depths at which a source has runs; empty where it does not say."""
    if isinstance(opened, Outcomes):
        return [float(d) for d in opened.depth if np.isfinite(d)]
    frame = opened.frame() if isinstance(opened, RunStore) else opened
    if not isinstance(frame, pd.DataFrame) or "depth" not in frame:
        return []
    for column, value in (("metric", wanted.metric), ("task", wanted.task)):
        if column in frame and value is not None:
            frame = frame[frame[column].astype(str) == value]
    return sorted(float(d) for d in frame["depth"].dropna().unique())


def _of_numbers(name: str, values: Array, metric: str | None, eval_rows: int | None) -> Evidence:
    if values.ndim == 2:
        runs, rows = values.shape
        if runs > rows:
            raise bad_argument(name, f"array of shape {values.shape}", "shape (runs, rows)", "Transpose it.")
        if not np.all(np.isfinite(values)):
            raise bad_argument(name, "an array with NaN or inf", "an outcome of every run on every row")
        return Evidence(
            name, "task", metric or "score", values.mean(axis=1), tuple(map(str, range(runs))),
            outcomes=values, row_means=values.mean(axis=0), row_names=tuple(range(rows)), eval_rows=rows,
        )  # fmt: skip
    if values.ndim != 1 or not len(values):
        raise bad_argument(name, f"array of shape {values.shape}", "finals, shape (runs,), or outcomes, (runs, rows)")
    return finals_of(name, "task", metric or "score", values, tuple(map(str, range(len(values)))), None, eval_rows)


def _of_table(
    name: str, table: pd.DataFrame, wanted: Wanted, cluster: str | Mapping[Hashable, Hashable] | None
) -> Evidence:
    """Outcomes of rows where there are some, else finals."""
    if table.empty:
        raise DataError(f"{name}: the table has no lines.")
    table = table.rename(columns=str).reset_index(drop=table.index.name is None)
    if "depth" in table and table["depth"].isna().all():  # as read_outcomes leaves what no one named
        table = table.drop(columns="depth")
    free = [c for c in table if c not in NAMED and pd.api.types.is_numeric_dtype(table[c])]
    finals = exported(table) is not None or is_summary(table) or wanted.by is not None
    if "row" in table or (len(free) >= WIDE and not finals):
        if wanted.by is not None:
            raise bad_argument("by", wanted.by, f"None: {name} has outcomes of rows; read recipes apart")
        long = read_outcomes(table)
        assert isinstance(long, pd.DataFrame)
        _, long = select_single(long, "task", wanted.task, None)
        _, long = select_single(long, "metric", wanted.metric, default_metric(long["metric"]))
        long, depth = at_depth(long, wanted.depth)
        return replace(_of_outcomes(name, outcomes_of(long, cluster), None, long), depth=depth)
    if cluster is not None:
        raise bad_argument("cluster", cluster, "None where the outcomes of rows are not given")
    return finals_of_table(name, table, wanted)


def _of_outcomes(
    name: str, outcomes: Outcomes, depth: float | None = None, long: pd.DataFrame | None = None
) -> Evidence:
    k = -1
    if depth is not None:
        if depth not in outcomes.depth:
            raise bad_argument(
                "depth", depth, f"a depth that was measured: {', '.join(f'{d:g}' for d in outcomes.depth)}"
            )
        k = int(np.flatnonzero(outcomes.depth == depth)[0])
    at = outcomes.values[k]
    here = outcomes.measured[k] & np.isfinite(at).all(axis=1)
    if not here.any():
        raise DataError(f"{name}: no run has finite outcomes at its last depth.")
    notes = [f"{outcomes.rows_left_out} rows left out that some run misses"] if outcomes.rows_left_out else []
    if not here.all():
        notes.append(f"{name}: {int((~here).sum())} of {len(here)} runs diverged or did not get to the last depth")
    y = at[here]
    runs = tuple(run for run, kept in zip(outcomes.runs, here, strict=True) if kept)
    seeds = None
    if long is not None and long["seed"].notna().all():
        of = long.drop_duplicates("run").set_index("run")["seed"]
        seeds = tuple(int(of[run]) for run in runs)
    return Evidence(
        name, outcomes.task, outcomes.metric, y.mean(axis=1, dtype=float), runs, seeds, y, y.mean(axis=0, dtype=float),
        outcomes.rows, outcomes.cluster, y.shape[1], sampling=_sampling(long), prompts=_prompts(long, outcomes.rows),
        depth=float(outcomes.depth[k]) if np.isfinite(outcomes.depth[k]) else None, notes=tuple(notes),
    )  # fmt: skip


def _sampling(long: pd.DataFrame | None) -> Sampling | None:
    """What repeats of the evaluation say, where `read_outcomes` found some."""
    if long is None or "sampling_variance" not in long or not long["sampling_variance"].notna().any():
        return None
    told = long.dropna(subset="sampling_variance")
    within = told.groupby("row", sort=False)["sampling_variance"].mean().to_numpy(float)
    error = float(within.std(ddof=1) / np.sqrt(len(within))) if len(within) > 1 else float("nan")
    epochs, total = told["epochs"].to_numpy(float), (told["value"] * told["epochs"]).to_numpy(float)
    whole = bool(np.allclose(total, np.round(total)) and told["value"].between(0, 1).all())
    return Sampling(round(float(1 / np.mean(1 / epochs)), 9), float(within.mean()), error, whole)


def _prompts(long: pd.DataFrame | None, rows: tuple[Hashable, ...]) -> tuple[Hashable, ...] | None:
    """How each row was asked."""
    if long is None or "prompt" not in long or long["prompt"].isna().any():
        return None
    of = long.drop_duplicates("row").set_index("row")["prompt"]
    return tuple(of.reindex(list(rows)))


def _of_margins(name: str, margins: Margins, wanted: Wanted, cluster: object) -> Evidence:
    if cluster is not None:
        raise bad_argument("cluster", cluster, "None of margins", "Clusters need the outcomes themselves.")
    runs, rows = margins.runs, margins.rows
    if runs["depth"].notna().any():
        last = runs["depth"].max() if wanted.depth is None else wanted.depth
        if last not in set(runs["depth"]):
            raise bad_argument("depth", last, "a depth of the margins")
        runs, rows = runs[runs["depth"] == last], rows[rows["depth"] == last]
    means = rows["value"].to_numpy(float)
    return Evidence(
        name, margins.task, margins.metric, runs["value"].to_numpy(float), tuple(runs["run"].astype(str)),
        row_means=means, row_names=tuple(rows["row"]), eval_rows=len(means),
    )  # fmt: skip


def _of_store(name: str, store: RunStore, wanted: Wanted) -> Evidence:
    frame = store.frame()
    task, frame = select_single(frame, "task", wanted.task, None)
    metric, frame = select_single(frame, "metric", wanted.metric, default_metric(frame["metric"]))
    finals = finals_of_table(name, frame, replace(wanted, task=task, metric=metric))
    depth = int(frame["depth"].max() if finals.depth is None else finals.depth)
    try:
        table = store.outcomes(task, metric, depth)
    except StoreError:  # none were kept
        return finals
    table = table[table.index.isin(finals.runs)]
    if len(table) != len(finals.runs):
        return finals
    y = table.to_numpy()
    seeds = None if finals.seeds is None else tuple(finals.seeds[finals.runs.index(r)] for r in table.index)
    return Evidence(
        name, task, metric, y.mean(axis=1, dtype=float), tuple(table.index), seeds, y, y.mean(axis=0, dtype=float),
        tuple(table.columns), eval_rows=y.shape[1], depth=finals.depth, notes=finals.notes,
    )  # fmt: skip
