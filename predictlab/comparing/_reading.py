"""From what people have in hand (finals, outcomes, margins, a store) to the evidence of one recipe."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab._validation import whole_number
from predictlab.comparing._evidence import SHARES, Array, Evidence, Sampling
from predictlab.errors import DataError, StoreError, bad_argument
from predictlab.risk import Outcomes, is_fork, is_invalid, outcomes_of
from predictlab.risk._frames import default_metric, select_single
from predictlab.runs import Margins, RunStore, read_outcomes
from predictlab.runs._evaluations import find_evaluations
from predictlab.runs._importers.cells import read_table_file
from predictlab.runs._importers.report import Findings
from predictlab.task import is_share

Source: TypeAlias = (
    "str | os.PathLike[str] | pd.DataFrame | Margins | Outcomes | RunStore | Sequence[float] | NDArray[np.generic]"
)
VALUES = ("value", "score", "final", "accuracy", "metric_value")
COUNTS = ("n", "eval_rows", "n_rows", "rows")
_SEEDS, _RUNS = ("seed",), ("run", "run_id", "trial")
WIDE = 20  # columns of numbers without a name of ours: from here on they are rows


def tasks_of(opened: Source) -> list[str]:
    """Names of the tasks (benchmarks) of a table; one that has no such column is one task."""
    if isinstance(opened, pd.DataFrame) and "task" in opened:
        return [str(t) for t in pd.unique(opened["task"])]
    return []


def read_evidence(
    name: str,
    source: Source,
    *,
    metric: str | None = None,
    task: str | None = None,
    eval_rows: int | None = None,
    cluster: str | Mapping[Hashable, Hashable] | None = None,
    filter: str | None = None,
    errors: str | None = None,
) -> Evidence:
    """Read one recipe's runs.

    Parameters
    ----------
    name : str
        For messages.
    source
        As for `noise`.
    metric, task : str, optional
        Where there are several.
    eval_rows : int, optional
        Evaluation rows n behind finals.
    cluster : str or mapping, optional
        Of outcomes: a column that names the cluster of each row, or row -> cluster.
    filter, errors : str, optional
        As for `read_outcomes`.

    Returns
    -------
    Evidence
    """
    if eval_rows is not None:
        whole_number("eval_rows", eval_rows, 2, "a number of evaluation rows")
    opened = open_source(source, task, metric, filter, errors)
    if isinstance(opened, Margins):
        return _of_margins(name, opened, cluster)
    if isinstance(opened, RunStore):
        return _of_store(name, opened, metric, task, eval_rows)
    if isinstance(opened, Outcomes):
        return _of_outcomes(name, opened)
    if isinstance(opened, pd.DataFrame):
        return _of_table(name, opened, metric, task, eval_rows, cluster)
    return _of_numbers(name, opened, metric, eval_rows)


def open_source(
    source: Source, task: str | None = None, metric: str | None = None, filter: str | None = None,
    errors: str | None = None,
) -> pd.DataFrame | Margins | Outcomes | RunStore | Array:  # fmt: skip
    """Read a file once; what is in memory stays as it is."""
    if isinstance(source, pd.DataFrame | Margins | Outcomes | RunStore):
        return source
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.exists() and find_evaluations(path) is not None:
            return read_outcomes(path, task=task, metric=metric, filter=filter, errors=errors)
        for option, given in (("filter", filter), ("errors", errors)):
            if given is not None:
                raise bad_argument(option, given, f"None: {path} is no file of an evaluation tool")
        if not path.is_file():
            hint = "The folder has no evaluations that are read." if path.is_dir() else "Check the path."
            raise bad_argument("source", str(source), "a file that exists", hint)
        if path.suffix == ".db":
            return RunStore(path)
        found = Findings()
        table = read_table_file(path, found)
        found.warn(stacklevel=4)
        if table.empty:
            raise DataError(f"{path}: the table has no lines.")
        return table.rename(columns=str)
    try:
        return np.asarray(source, dtype=float)
    except (TypeError, ValueError):
        raise bad_argument(
            "source", type(source).__name__, "a table, a path, margins, outcomes, a store, or an array of numbers"
        ) from None


def _of_numbers(name: str, values: Array, metric: str | None, eval_rows: int | None) -> Evidence:
    if values.ndim == 2:
        runs, rows = values.shape
        if runs > rows:
            raise bad_argument(name, f"array of shape {values.shape}", "shape (runs, rows)", "Transpose it.")
        long = np.arange(rows)
        if not np.all(np.isfinite(values)):
            raise bad_argument(name, "an array with NaN or inf", "an outcome of every run on every row")
        return Evidence(
            name, "task", metric or "score", values.mean(axis=1), tuple(map(str, range(runs))),
            outcomes=values, row_means=values.mean(axis=0), row_names=tuple(long.tolist()), eval_rows=rows,
        )  # fmt: skip
    if values.ndim != 1 or not len(values):
        raise bad_argument(name, f"array of shape {values.shape}", "finals, shape (runs,), or outcomes, (runs, rows)")
    return _finals(name, "task", metric or "score", values, tuple(map(str, range(len(values)))), None, eval_rows)


def _of_table(
    name: str, table: pd.DataFrame, metric: str | None, task: str | None, eval_rows: int | None,
    cluster: str | Mapping[Hashable, Hashable] | None,
) -> Evidence:  # fmt: skip
    if table.empty:
        raise DataError(f"{name}: the table has no lines.")
    table = table.rename(columns=str).reset_index(drop=table.index.name is None)
    if "depth" in table and table["depth"].isna().all():  # as read_outcomes leaves what no one named
        table = table.drop(columns="depth")
    named = {*_SEEDS, *_RUNS, *COUNTS, "task", "metric", "depth", "parent", "status", "seconds", "flops"}
    free = [c for c in table if c not in named and pd.api.types.is_numeric_dtype(table[c])]
    if "row" in table or len(free) >= WIDE:
        long = read_outcomes(table)
        assert isinstance(long, pd.DataFrame)
        _, long = select_single(long, "task", task, None)
        _, long = select_single(long, "metric", metric, default_metric(long["metric"]))
        return _of_outcomes(name, outcomes_of(_ends(long), cluster), long)
    if cluster is not None:
        raise bad_argument("cluster", cluster, "None where the outcomes of rows are not given")
    if "task" in table:
        task, table = select_single(table.assign(task=table["task"].astype(str)), "task", task, None)
    if "metric" in table:
        metric, table = select_single(table, "metric", metric, default_metric(table["metric"]))
    values = [c for c in (metric, *VALUES) if c in table.columns] or free
    if len(values) != 1 and not (values and values[0] in (metric, *VALUES)):
        raise bad_argument(
            "metric", metric, f"the column with the score of each run: {', '.join(map(str, table.columns))}"
        )
    value = values[0]
    metric = metric or (value if value not in ("value", "score", "final") else "score")
    table = table.assign(value=pd.to_numeric(table[value], errors="coerce"))
    run = next((c for c in (*_RUNS, *_SEEDS) if c in table), None)
    notes: tuple[str, ...] = ()
    if "status" in table:
        table.loc[is_invalid(table), "value"] = np.nan
    if forks := int(is_fork(table).sum()):
        table, notes = table[~is_fork(table)], (f"{forks} lines of forks left out: forks are no runs of their own",)
    if run is not None and "depth" in table:
        table = _ends(table.assign(run=table[run].astype(str)))
    names = table[run].astype(str) if run else pd.Series([str(i) for i in range(len(table))])
    if run and names.duplicated().any():
        twice = names[names.duplicated()].iloc[0]
        raise DataError(
            f"{name}: run {twice!r} stands in two lines; keep one, or name runs apart in a column 'run' where one seed "
            "was trained twice."
        )
    seeds, repeats = None, None
    if "seed" in table and table["seed"].notna().all():
        if table["seed"].duplicated().any():
            groups = table.dropna(subset="value").groupby("seed")["value"]
            df = int((groups.size() - 1).sum())
            if df:
                repeats = (float(((groups.var(ddof=1).fillna(0)) * (groups.size() - 1)).sum() / df), df)
            first = ~table["seed"].duplicated()
            notes += (f"{int((~first).sum())} repeats of a seed are no further seeds: the first run of each counts",)
            table, names = table[first], names[first.to_numpy()]
        seeds = tuple(int(s) for s in table["seed"])
    count = next((c for c in COUNTS if c in table), None)
    if eval_rows is None and count is not None and table[count].notna().any():
        eval_rows = int(table[count].min())
        if table[count].max() > eval_rows:
            raise DataError(f"{name}: runs on {eval_rows} to {table[count].max():g} rows. Compare equal sets.")
    assert metric is not None
    found = _finals(name, task or "task", metric, table["value"].to_numpy(float), tuple(names), seeds, eval_rows)
    return replace(found, notes=notes + found.notes, repeats=repeats)


def _ends(table: pd.DataFrame) -> pd.DataFrame:
    """Lines of each run's greatest depth; all runs have to end at one."""
    if "depth" not in table or table["depth"].isna().all():
        return table
    last = table.groupby("run")["depth"].transform("max")
    ends = table[table["depth"] == last]
    if len(ends["depth"].unique()) > 1:
        shown = ", ".join(f"{int(d)}" for d in sorted(ends["depth"].unique())[:5])
        raise DataError(
            f"runs end at depths {shown}: another horizon is another recipe. Take the lines of one depth, or the runs "
            "that ended."
        )
    return ends


def _finals(
    name: str, task: str, metric: str, values: Array, runs: tuple[str, ...], seeds: tuple[int, ...] | None,
    eval_rows: int | None,
) -> Evidence:  # fmt: skip
    ended = np.isfinite(values)
    if not ended.any():
        raise DataError(f"{name}: no run has a finite {metric}.")
    notes: tuple[str, ...] = ()
    if not ended.all():
        notes = (
            f"{name}: {int((~ended).sum())} of {len(values)} runs diverged or have no score; all that follows is of "
            "runs that ended",
        )
    share = is_share(metric) or metric in SHARES
    top = float(values[ended].max())
    if (share or eval_rows is not None) and 1 < top <= 100 and float(values[ended].min()) >= 0 and share:
        raise DataError(f"{name}: {metric} goes up to {top:g}, is it in percent? Divide by 100: shares are 0 to 1.")
    if share and (top > 1 or float(values[ended].min()) < 0):
        raise DataError(f"{name}: {metric} of {values[ended].min():g} to {top:g}; shares are 0 to 1.")
    kept = np.flatnonzero(ended)
    return Evidence(
        name, task, metric, values[ended], tuple(runs[i] for i in kept),
        None if seeds is None else tuple(seeds[i] for i in kept), eval_rows=eval_rows, notes=notes,
    )  # fmt: skip


def _of_outcomes(name: str, outcomes: Outcomes, long: pd.DataFrame | None = None) -> Evidence:
    at = outcomes.values[-1]
    here = outcomes.measured[-1] & np.isfinite(at).all(axis=1)
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
        notes=tuple(notes),
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


def _of_margins(name: str, margins: Margins, cluster: object) -> Evidence:
    if cluster is not None:
        raise bad_argument("cluster", cluster, "None of margins", "Clusters need the outcomes themselves.")
    runs, rows = margins.runs, margins.rows
    if runs["depth"].notna().any():
        last = runs["depth"].max()
        runs, rows = runs[runs["depth"] == last], rows[rows["depth"] == last]
    means = rows["value"].to_numpy(float)
    return Evidence(
        name, margins.task, margins.metric, runs["value"].to_numpy(float), tuple(runs["run"].astype(str)),
        row_means=means, row_names=tuple(rows["row"]), eval_rows=len(means),
    )  # fmt: skip


def _of_store(name: str, store: RunStore, metric: str | None, task: str | None, eval_rows: int | None) -> Evidence:
    frame = store.frame()
    task, frame = select_single(frame, "task", task, None)
    metric, frame = select_single(frame, "metric", metric, default_metric(frame["metric"]))
    finals = _of_table(name, frame, metric, task, eval_rows, None)
    try:
        table = store.outcomes(task, metric, int(frame["depth"].max()))
    except StoreError:  # none were kept
        return finals
    table = table[table.index.isin(finals.runs)]
    if len(table) != len(finals.runs):
        return finals
    y = table.to_numpy()
    seeds = None if finals.seeds is None else tuple(finals.seeds[finals.runs.index(r)] for r in table.index)
    return Evidence(
        name, task, metric, y.mean(axis=1, dtype=float), tuple(table.index), seeds, y, y.mean(axis=0, dtype=float),
        tuple(table.columns), eval_rows=y.shape[1], notes=finals.notes,
    )  # fmt: skip
