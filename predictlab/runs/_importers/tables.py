"""CSV, TSV, parquet and DataFrames: one metric column or several, with the usual or the user's own column names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import DataError, bad_argument, needs_extra
from predictlab.runs._importers.found import Found, Names, ask, chosen_metrics, listed
from predictlab.runs._importers.sources import names_of
from predictlab.runs._importers.wandb_panel import is_panel, read_panel
from predictlab.runs._schema import COLUMNS

STEPS = ("depth", "step", "steps", "_step", "global_step", "train/global_step", "trainer/global_step", "iteration")
FILE = "\0file"  # name of the file a row came from; no user's column is called so


@dataclass
class Columns:
    """Where a table keeps what the tidy frame needs: tidy name -> column; and the columns to keep besides."""

    roles: dict[str, str]
    kept: dict[str, str]


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


def read_tables(files: Sequence[Path], base: Path | None, columns: Mapping[str, str], metric: Names) -> Found:
    """Runs of one or several files; W&B panel exports are recognised by their columns."""
    tables = [read_table_file(file) for file in files]
    panels = [is_panel(table) for table in tables]
    label = files[0].stem if len(files) == 1 else (base or files[0].absolute().parent).resolve().name
    if all(panels):
        return read_panel(tables, [str(f) for f in files], columns, metric, label)
    if any(panels):
        raise DataError(f"{listed(files)}: some are W&B panel exports, others are not; read them apart.")
    if len(files) > 1:
        names = [name.removesuffix("".join(Path(name).suffixes[-1:])) for name in names_of(files, base)]
        tables = [table.assign(**{FILE: name}) for table, name in zip(tables, names, strict=True)]
    return read_table(pd.concat(tables, ignore_index=True), columns, metric, label)


def read_table(table: pd.DataFrame, columns: Mapping[str, str], metric: Names, label: str) -> Found:
    """Runs of one table, long (a column with names of metrics) or wide (a column for each metric)."""
    if table.empty:
        raise DataError("source: the table has no rows.")
    table = table.reset_index() if any(name is not None for name in table.index.names) else table
    table = table.rename(columns=str)
    if is_panel(table):
        return read_panel([table], ["the table"], columns, metric, label)
    where = find_columns(table, columns)
    run, facts, apart = _runs(table, where, label)
    depth = numbers(table[where.roles["depth"]])[0]
    extra = {name: table[column].to_numpy() for name, column in where.kept.items()}
    for name in ("seconds", "flops"):
        if name in where.roles:
            extra[name] = numbers(table[where.roles[name]])[0]
    for name in ("status", "parent"):
        if name in where.roles:
            extra[name] = table[where.roles[name]].to_numpy()
    base = pd.DataFrame({"run": run, "depth": depth, **extra})
    read = _long if "metric" in where.roles or "value" in where.roles else _wide
    rows = read(table, base, where, metric)
    return Found(rows, facts, label, _hint(table, where), apart, tuple(where.kept))


def find_columns(table: pd.DataFrame, columns: Mapping[str, str]) -> Columns:
    """Columns the user named, then those of the tidy names themselves, then the only column that counts steps."""
    there = {str(c): c for c in table.columns}
    # task and seed may be given as a name or a pattern instead
    columns = {n: c for n, c in columns.items() if c in there or n not in ("task", "seed")}
    for name, column in columns.items():
        if column not in there:
            raise bad_argument("columns", {name: column}, "columns of the table", f"It has {_shown(table)}.")
    roles = {name: column for name, column in columns.items() if name in COLUMNS}
    kept = {name: column for name, column in columns.items() if name not in COLUMNS}
    roles |= {n: n for n in COLUMNS if n not in roles and n in there and n not in columns.values()}
    if "_runtime" in there:  # W&B's clock, in seconds
        roles.setdefault("seconds", "_runtime")
    if "depth" not in roles:
        steps = [name for name in there if name.lower() in STEPS]
        if len(steps) != 1:
            found = f"of the columns {listed(steps)} each might" if steps else f"none of the columns {_shown(table)}"
            example = steps[0] if steps else "name of the column"
            raise ask("depth", f"{found} say{'' if steps else 's'} how many optimiser steps a run had made.",
                      f"Pass depth={example!r}.")  # fmt: skip
        roles["depth"] = steps[0]
    return Columns(roles, kept)


def _shown(table: pd.DataFrame) -> str:
    return listed(c for c in table.columns if c != FILE)


def _free(table: pd.DataFrame, where: Columns) -> list[str]:
    """Columns without a role."""
    used = {*where.roles.values(), *where.kept.values(), FILE}
    return [c for c in table.columns if c not in used]


def _runs(table: pd.DataFrame, where: Columns, label: str) -> tuple[pd.Categorical, pd.DataFrame, tuple[str, ...]]:
    """Which run each row belongs to; what the table says of each run; its columns that may name tasks."""
    keys = [where.roles[name] for name in ("task", "run") if name in where.roles]
    if "run" not in where.roles:
        keys += [FILE] if FILE in table else []
        seed = where.roles.get("seed")
        if seed is not None and not (FILE in table and _constant(table[seed], _groups(table, keys))):
            keys.append(seed)
    code = _groups(table, keys)
    first = np.unique(code, return_index=True)[1]
    names = _names(table.iloc[first], where, keys) if keys else [label]
    facts = pd.DataFrame(index=pd.Index(names, dtype=object))
    for name in ("task", "seed"):
        if name in where.roles:
            column = table[where.roles[name]]
            if not _constant(column, code):
                run = names[int(code[_changes(column, code)])]
                raise DataError(f"run {run!r} has more than one {name}. Which column tells runs apart? Pass columns=.")
            facts[where.roles[name]] = column.to_numpy()[first]
    apart = []
    for column in _free(table, where):
        if _is_text(table[column]) and _constant(table[column], code):
            facts[column] = table[column].to_numpy()[first]
            apart.append(column)
    return pd.Categorical.from_codes(code, categories=names), facts, tuple(apart)


def _groups(table: pd.DataFrame, keys: list[str]) -> NDArray[np.int64]:
    """Number of the group of each row, in the order in which groups first come."""
    if not keys:
        return np.zeros(len(table), dtype=np.int64)
    return table.groupby(keys, sort=False, dropna=False, observed=True).ngroup().to_numpy(dtype=np.int64)


def _names(rows: pd.DataFrame, where: Columns, keys: list[str]) -> list[str]:
    """Names of runs: their own, or of file and seed, with the task before them where it takes that to be unique."""
    seed = where.roles.get("seed")
    if "run" in where.roles and rows[where.roles["run"]].is_unique:
        return [str(name) for name in rows[where.roles["run"]]]
    parts = []
    for key in keys:
        text = rows[key].astype(str)
        if key == seed:
            number = pd.to_numeric(rows[key], errors="coerce")
            text = number.astype("Int64").astype(str) if (number % 1 == 0).all() else text
            text = text if "task" in where.roles else "seed-" + text
        parts.append(text.to_list())
    return [":".join(part) for part in zip(*parts, strict=True)]


def _is_text(column: pd.Series) -> bool:
    typed = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column)
    return not typed and not looks_numeric(column)


def _changes(column: pd.Series, code: NDArray[np.int64]) -> int:
    """First row that differs from its run's first row; the number of rows if there is none."""
    values = pd.factorize(column, use_na_sentinel=False)[0]
    first = np.unique(code, return_index=True)[1]
    other = np.flatnonzero(values != values[first][code])
    return int(other[0]) if len(other) else len(code)


def _constant(column: pd.Series, code: NDArray[np.int64]) -> bool:
    return _changes(column, code) == len(code)


def looks_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers, written NaN and inf included."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return False
    if pd.api.types.is_numeric_dtype(column):
        return True
    given = column.dropna().unique()
    return len(given) > 0 and not pd.isna(pd.to_numeric(pd.Series(given[~_written_nan(given)]), errors="coerce")).any()


def _written_nan(values: NDArray[np.object_]) -> NDArray[np.bool_]:
    return np.isin([str(v).strip().lower() for v in values], ["nan", "none", "null", "n/a", "na"])


def numbers(column: pd.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values, and where the cell is empty; text that is no number becomes NaN but is not empty."""
    blank = column.isna().to_numpy()
    if not pd.api.types.is_numeric_dtype(column):
        column = pd.to_numeric(column, errors="coerce")
    return column.to_numpy(dtype=float, na_value=np.nan), blank


def _long(table: pd.DataFrame, base: pd.DataFrame, where: Columns, metric: Names) -> pd.DataFrame:
    if "value" not in where.roles:
        free = [c for c in _free(table, where) if looks_numeric(table[c])]
        raise ask("columns", f"which of {listed(free) or 'the columns'} has the values of "
                  f"{where.roles['metric']!r}?", "Pass columns={'value': ...}.")  # fmt: skip
    value = table[where.roles["value"]]
    if not looks_numeric(value) and len(value):
        raise bad_argument("columns", {"value": where.roles["value"]}, "a column of numbers")
    if "metric" in where.roles:
        names = table[where.roles["metric"]].astype(str)
    else:
        only = metric if isinstance(metric, str) else where.roles["value"]
        names, metric = pd.Series(only, index=table.index), None
    keep = chosen_metrics(names.unique(), metric, names.unique(), "the table")
    rows = base.assign(metric=pd.Categorical(names.map(keep)), value=numbers(value)[0])
    return rows[names.isin(keep).to_numpy()]


def _wide(table: pd.DataFrame, base: pd.DataFrame, where: Columns, metric: Names) -> pd.DataFrame:
    free = [c for c in _free(table, where) if looks_numeric(table[c])]
    present = [str(c) for c in free if not str(c).startswith(("_", "Unnamed: ")) and str(c).lower() not in STEPS]
    keep = chosen_metrics(present, metric, (), "the table")
    values = {name: numbers(table[name]) for name in present}
    nothing = np.logical_and.reduce([blank for _, blank in values.values()])
    run = base["run"].cat.codes.to_numpy().astype(np.int64)
    task = pd.factorize(table[where.roles["task"]])[0] if "task" in where.roles else run * 0
    parts = []
    for name, new in keep.items():
        value, blank = values[name]
        rows = measured(run, task, base["depth"].to_numpy(), value, blank, nothing)
        parts.append(base[rows].assign(metric=new, value=value[rows]))
    out = pd.concat(parts, ignore_index=True)
    out["metric"] = pd.Categorical(out["metric"], categories=list(dict.fromkeys(keep.values())))
    return out


def measured(
    run: NDArray[np.int64],
    task: NDArray[np.int64],
    depth: NDArray[np.float64],
    value: NDArray[np.float64],
    blank: NDArray[np.bool_],
    nothing: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Rows at which a metric was measured, where each row may have been written for another metric.

    An empty cell is a diverged measurement only if other runs of the task were measured at this depth (or the row holds
    nothing else that could have been its reason), and this run never has a value again. Else it was not measured.
    """
    finite = np.isfinite(value)
    last = np.full(run.max(initial=-1) + 1, -np.inf)
    np.maximum.at(last, run[finite], depth[finite])
    steps = np.unique(depth[np.isfinite(depth)], return_inverse=True)
    step = np.full(len(depth), -1)
    step[np.isfinite(depth)] = steps[1]
    place = task * (len(steps[0]) + 1) + step
    usual = np.isin(place, np.unique(place[finite]))
    return ~blank | ((depth > last[run]) & (usual | nothing))


def _hint(table: pd.DataFrame, where: Columns) -> str:
    free = _free(table, where)
    return f"Columns without a role: {listed(free)}." if free else ""
