"""CSV, TSV, parquet and DataFrames: one metric column or several, with the usual or the user's own column names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from predictlab.errors import DataError, bad_argument, needs_extra
from predictlab.runs._importers.logs import Names, RunLogs, chosen_metrics, left_open, listed
from predictlab.runs._importers.sources import names_of
from predictlab.runs._importers.wandb_panel import is_panel, read_panel
from predictlab.runs._schema import COLUMNS

STEPS = ("depth", "step", "steps", "_step", "global_step", "train/global_step", "trainer/global_step", "iteration")
FILE = "\0file"  # name of the file a row came from; no user's column is called so
WRITTEN_NAN = ("nan", "none", "null", "n/a", "na")


def read_table_file(path: Path) -> pd.DataFrame:
    """One table. Only empty cells count as missing, so that a written NaN can be told from nothing."""
    name = path.name.lower()
    try:
        if name.endswith((".parquet", ".pq")):
            with needs_extra("Reading parquet", "parquet"):
                import pyarrow  # noqa: F401
            return pd.read_parquet(path)
        separator = "\t" if ".tsv" in name else ","
        return pd.read_csv(path, sep=separator, keep_default_na=False, na_values=[""], low_memory=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from error


def read_tables(files: Sequence[Path], base: Path | None, columns: Mapping[str, str], metric: Names) -> RunLogs:
    """Runs of one or several files; W&B panel exports are recognised by their columns."""
    tables = [read_table_file(file) for file in files]
    panels = [is_panel(table) for table in tables]
    label = files[0].stem if len(files) == 1 else (base or files[0].absolute().parent).resolve().name
    if all(panels):
        return read_panel(tables, [str(f) for f in files], columns, metric, label)
    if any(panels):
        raise DataError(f"{listed(files)}: some are W&B panel exports, others are not; read them apart.")
    if len(files) > 1:
        names = [name.removesuffix(Path(name).suffix) for name in names_of(files, base)[0]]
        tables = [table.assign(**{FILE: name}) for table, name in zip(tables, names, strict=True)]
    return read_table(pd.concat(tables, ignore_index=True), columns, metric, label)


def read_table(table: pd.DataFrame, columns: Mapping[str, str], metric: Names, label: str) -> RunLogs:
    """Runs of one table, long (a column with names of metrics) or wide (a column for each metric)."""
    if table.empty:
        raise DataError("source: the table has no rows.")
    table = table.reset_index(drop=all(name is None for name in table.index.names)).rename(columns=str)
    if is_panel(table):
        return read_panel([table], ["the table"], columns, metric, label)
    roles, kept = _roles(table, columns)
    free = [c for c in table.columns if c not in {*roles.values(), *kept.values(), FILE}]
    run, about = _runs(table, roles, label)
    base = pd.DataFrame({"run": run, "depth": numbers(table[roles["depth"]])})
    for name, column in ({name: roles[name] for name in ("status", "parent") if name in roles} | kept).items():
        base[name] = table[column].to_numpy()
    for name in {"seconds", "flops"} & roles.keys():
        base[name] = numbers(table[roles[name]])
    if "metric" in roles or "value" in roles:
        rows, metrics = _long(table, base, roles, free, metric)
    else:
        task = table[roles["task"]] if "task" in roles else pd.Series(0, index=table.index)
        rows, metrics = _wide(table, base, task, free, metric)
    texts = table[[c for c in free if _is_text(table[c]) and not _varies(table[c], run).any()]]
    about = about.join(texts.groupby(run).nth(0).set_axis(about.index))
    hint = f"Columns without a role: {listed(free)}." if free else ""
    return RunLogs(rows, about, metrics, label, hint, tuple(texts.columns), tuple(kept))


def _roles(table: pd.DataFrame, columns: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Tidy name -> column, and new name -> column to be kept.

    Columns that the user named, then those of the tidy names themselves, then the only column that counts steps.
    """
    there = list(table.columns)
    shown = listed(c for c in there if c != FILE)
    # task and seed may be given as a name or a pattern instead
    columns = {n: c for n, c in columns.items() if c in there or n not in ("task", "seed")}
    for name, column in columns.items():
        if column not in there:
            raise bad_argument("columns", {name: column}, "columns of the table", f"It has {shown}.")
    roles = {name: column for name, column in columns.items() if name in COLUMNS}
    kept = {name: column for name, column in columns.items() if name not in COLUMNS}
    roles |= {n: n for n in COLUMNS if n not in roles and n in there and n not in columns.values()}
    if "_runtime" in there:  # W&B's clock, in seconds
        roles.setdefault("seconds", "_runtime")
    if "depth" not in roles:
        steps = [name for name in there if name.lower() in STEPS]
        if len(steps) != 1:
            which = f"of the columns {listed(steps)} each might" if steps else f"none of the columns {shown}"
            example = steps[0] if steps else "name of the column"
            raise left_open("depth", f"{which} say{'' if steps else 's'} how many optimiser steps a run had made.",
                            f"Pass depth={example!r}.")  # fmt: skip
        roles["depth"] = steps[0]
    return roles, kept


def _runs(table: pd.DataFrame, roles: Mapping[str, str], label: str) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Which run each row belongs to, and the task and seed that the table says of each run."""
    keys = [roles[name] for name in ("task", "run") if name in roles]
    if "run" not in roles:
        keys += [FILE] if FILE in table else []
        seed = roles.get("seed")
        if seed is not None and (FILE not in table or _varies(table[seed], _groups(table, keys)).any()):
            keys.append(seed)
    run = _groups(table, keys)
    first = table.groupby(run).nth(0)
    about = pd.DataFrame(index=_names(first, roles, keys) if keys else [label])
    for name in ("task", "seed"):
        if name in roles:
            several = _varies(table[roles[name]], run)
            if several.any():
                which = about.index[several.to_numpy()][0]
                raise DataError(
                    f"run {which!r} has more than one {name}. Which column tells runs apart? Pass columns=."
                )
            about[roles[name]] = first[roles[name]].to_numpy()
    return run, about


def _groups(table: pd.DataFrame, keys: list[str]) -> NDArray[np.int64]:
    """Number of the group of each row, in the order in which groups first come."""
    if not keys:
        return np.zeros(len(table), dtype=np.int64)
    return table.groupby(keys, sort=False, dropna=False, observed=True).ngroup().to_numpy(dtype=np.int64)


def _varies(column: pd.Series, run: NDArray[np.int64]) -> pd.Series:
    """Whether a run has several values in a column; index: the runs."""
    value = pd.Series(pd.factorize(column, use_na_sentinel=False)[0])
    return (value != value.groupby(run).transform("first")).groupby(run).any()


def _names(rows: pd.DataFrame, roles: Mapping[str, str], keys: list[str]) -> list[str]:
    """Names of runs: their own, or of file and seed, with the task before them where it takes that to be unique."""
    if "run" in roles and rows[roles["run"]].is_unique:
        return rows[roles["run"]].astype(str).to_list()
    parts = {key: rows[key].astype(str) for key in keys}
    if (seed := roles.get("seed")) in parts:
        number = pd.to_numeric(rows[seed], errors="coerce")
        text = number.astype("Int64").astype(str) if (number % 1 == 0).all() else parts[seed]
        parts[seed] = text if "task" in roles else "seed-" + text
    return [":".join(part) for part in zip(*parts.values(), strict=True)]


def _is_text(column: pd.Series) -> bool:
    return not (looks_numeric(column) or is_bool_dtype(column) or is_datetime64_any_dtype(column))


def looks_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers, written NaN and inf included."""
    if is_bool_dtype(column) or is_datetime64_any_dtype(column):
        return False
    if is_numeric_dtype(column):
        return True
    given = pd.Series(column.dropna().unique(), dtype=object)
    written = given[~given.astype(str).str.strip().str.lower().isin(WRITTEN_NAN)]
    return len(given) > 0 and not pd.to_numeric(written, errors="coerce").isna().any()


def numbers(column: pd.Series) -> NDArray[np.float64]:
    """Values of a column; empty cells and text that is no number become NaN."""
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _long(
    table: pd.DataFrame, base: pd.DataFrame, roles: Mapping[str, str], free: list[str], metric: Names
) -> tuple[pd.DataFrame, dict[str, str]]:
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
    return base.assign(metric=names, value=numbers(value)), metrics


def _wide(
    table: pd.DataFrame, base: pd.DataFrame, task: pd.Series, free: list[str], metric: Names
) -> tuple[pd.DataFrame, dict[str, str]]:
    numeric = [c for c in free if looks_numeric(table[c])]
    present = [c for c in numeric if not c.startswith(("_", "Unnamed: ")) and c.lower() not in STEPS]
    metrics = chosen_metrics(present, metric, "the table")
    nothing = table[present].isna().all(axis="columns")
    parts = []
    for name in metrics:
        rows = base.assign(metric=name, value=numbers(table[name]))
        parts.append(rows[_measured(rows, task, table[name].isna(), nothing)])
    return pd.concat(parts, ignore_index=True), metrics


def _measured(rows: pd.DataFrame, task: pd.Series, blank: pd.Series, nothing: pd.Series) -> pd.Series:
    """Rows at which a metric was measured, where each row may have been written for another metric.

    An empty cell is a diverged measurement only if other runs of the task were measured at this depth (or the row holds
    nothing else that could have been its reason), and this run never has a value again. Else it was not measured.
    """
    finite = np.isfinite(rows["value"])
    last = rows["depth"].where(finite).groupby(rows["run"]).transform("max").fillna(-np.inf)
    usual = finite.groupby([task, rows["depth"]], dropna=False, observed=True).transform("any")
    return ~blank | ((rows["depth"] > last) & (usual | nothing))
