"""`read_outcomes`: what each run did on each evaluation row, or its margins, from tables and evaluation tools."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from predictlab._validation import whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.runs._evaluations import find_evaluations, read_evaluations
from predictlab.runs._importers.cells import read_table_file
from predictlab.runs._importers.logs import listed
from predictlab.runs._importers.report import Findings

Source: TypeAlias = "str | os.PathLike[str] | pd.DataFrame"
COLUMNS = ("task", "run", "seed", "depth", "metric", "row", "value")


@dataclass(frozen=True, eq=False)
class Margins:
    """Margins of tables of 0/1 outcomes: each run's share of right rows, each row's share of right runs.

    Enough for the variance components of runs and rows (docs/theory.md, section 8), not for clusters of rows.

    Parameters
    ----------
    task, metric : str
    runs : pandas.DataFrame
        ``run``, ``depth``, ``value``: the share of rows each run has right at each depth.
    rows : pandas.DataFrame
        ``row``, ``depth``, ``value``: the share of the runs that have each row right.

    Examples
    --------
    >>> runs = pd.DataFrame({"run": ["a", "b"], "accuracy": [0.5, 1.0]})
    >>> rows = pd.DataFrame({"row": [0, 1], "right": [2, 1]})
    >>> read_outcomes(runs, value="accuracy", rows=rows).rows["value"].tolist()
    [1.0, 0.5]
    """

    task: str
    metric: str
    runs: pd.DataFrame = field(repr=False)
    rows: pd.DataFrame = field(repr=False)


def read_outcomes(
    source: Source,
    *,
    task: str | None = None,
    metric: str | None = None,
    run: str | None = None,
    seed: str | Mapping[str, int] | None = None,
    depth: str | int | Mapping[str, int] | None = None,
    row: str | None = None,
    value: str | None = None,
    epoch: str | None = None,
    rows: Source | None = None,
    filter: str | None = None,
    errors: str | None = None,
) -> pd.DataFrame | Margins:
    """Read outcomes of evaluation rows from a table, or the margins of 0/1 outcomes from two.

    Parameters
    ----------
    source : path or DataFrame
        CSV, TSV or parquet. Long: one line an outcome, with a column that names the row. Wide: one line a run and
        depth, and one column for each row: every column that is not named here. With `rows`: one line a run and depth,
        and its share of right rows. Or evaluations of other tools, a file or a folder with files of one tool at any
        depth: samples of lm-evaluation-harness (``samples_*.jsonl``), logs of Inspect AI (``.eval``, ``.json``), HELM's
        ``per_instance_stats.json``, OLMES's ``*-predictions.jsonl``, details of lighteval (``details_*.parquet``),
        reports of SWE-bench. A run for each folder, or for each model or file where one folder has several. Rows are
        known by what they ask, or by their ids where a file does not say it.
    task, metric : str, optional
        A column, or the name of the only one; default a column of that name, else ``"task"`` and ``"accuracy"``.
    run : str, optional
        Column that tells runs apart; default ``run``. It or `seed` is enough.
    seed : str or mapping, optional
        Column of the training seed; default ``seed``. Or run -> seed. It stands in no evaluation file: default is what
        folder, model or file say, such as ``seed-3``.
    depth : str, int or mapping, optional
        A column of depths (steps), the one depth of all, or run -> depth; default a column ``depth``, or names such as
        ``step-500``, else unknown (NA).
    row : str, optional
        Column of a long table that names the row; default ``row``. Rows are known by it: give what does not change
        from run to run, such as an id.
    value : str, optional
        Column of a long table, or of the runs' margins, with the outcome; default ``value``.
    epoch : str, optional
        Column that tells repeats of the evaluation of one run on one row apart (epochs, trials); default ``epoch``.
        Repeats are no runs and no seeds: their mean is the outcome.
    rows : path or DataFrame, optional
        The other margin: one line a row (and depth), and in the only other column of numbers, or the one called
        ``right``, how many runs have it right.
    filter : str, optional
        Of samples of lm-evaluation-harness: which answer filter, such as ``strict-match``; of HELM the split. Asked
        where there are several.
    errors : {"zero", "missing"}, optional
        Rows that failed, were empty or not scored count as 0, or are left out; asked where there are some.

    Returns
    -------
    pandas.DataFrame or Margins
        ``task``, ``run``, ``seed``, ``depth``, ``metric``, ``row``, ``value``, one line an outcome, and further columns
        of a long table; with repeats also ``epochs``, how many, and ``sampling_variance``, the sample variance between
        them. With `rows`, `Margins`. ``pl.risk_curve`` takes either in the place of runs.

    Raises
    ------
    ArgumentError
        A column that is not there, or needed and not named.
    DataError
        A file that cannot be read, an empty table, outcomes that are no numbers; logs that are still being written,
        were invalidated or ended in an error; a row with two outcomes; other prompts or versions of a task.

    Examples
    --------
    >>> import predictlab as pl
    >>> wide = pd.DataFrame({"seed": [0, 1], "q1": [1, 1], "q2": [0, 1]})
    >>> pl.read_outcomes(wide, depth=64)[["run", "depth", "row", "value"]].values.tolist()[1]
    ['0', 64, 'q2', 0]
    """
    found = None if isinstance(source, pd.DataFrame) else find_evaluations(Path(source))
    if found is not None:
        table, task, metric = read_evaluations(found, task, metric, filter, errors), None, None
    elif filter is not None or errors is not None:
        name, what = ("filter", filter) if filter is not None else ("errors", errors)
        raise bad_argument(name, what, "None of tables", "It is of files of evaluation tools.")
    else:
        table = _table("source", source)
    table, of_seed = _mapped(table, run, "seed", seed)
    table, at = _mapped(table, run, "depth", depth)
    there = set(table.columns)
    given: dict[str, str | None] = {"run": run, "seed": of_seed, "row": row, "value": value, "epoch": epoch}
    for name, column in given.items():
        if column is not None and column not in there:
            raise bad_argument(name, column, f"a column of the table: {listed(table)}")
    where = {name: column or name for name, column in given.items() if column or name in there}
    constants: dict[str, str | int] = {}
    for name, wanted, usual in (("task", task, "task"), ("metric", metric, "accuracy")):
        if wanted in there or (wanted is None and name in there):
            where[name] = wanted or name
        else:
            constants[name] = wanted or usual
    if isinstance(at, str) and at not in there:
        raise bad_argument("depth", at, f"a column of the table, or a whole number of steps: {listed(table)}")
    if isinstance(at, str) or (at is None and "depth" in there):
        where["depth"] = at or "depth"
    elif at is not None:
        constants["depth"] = whole_number("depth", at, 1, "a number of steps")
    if "run" not in where and "seed" not in where:
        raise bad_argument("run", run, "the column that tells runs apart", f"The table has {listed(table)}.")
    if rows is not None:
        return _margins(table, where, constants, _table("rows", rows))
    if "row" not in where:
        table, where = _melted(table, where)
    elif "value" not in where:
        raise bad_argument("value", value, "the column of the outcomes", f"The table has {listed(table)}.")
    out = _named(table, where, constants)
    kept = {c: table[c] for c in table.columns if c not in where.values() and c not in out.columns}
    out = out.assign(**kept)
    return _over_epochs(out.assign(epoch=table[where["epoch"]])) if "epoch" in where else out


def _mapped(
    table: pd.DataFrame, run: str | None, name: str, given: str | int | Mapping[str, int] | None
) -> tuple[pd.DataFrame, Any]:
    """The table with a column for what a mapping says of each run, and the column's name; else what was given."""
    if not isinstance(given, Mapping):
        return table, given
    column = run or "run"
    if column not in table:
        raise bad_argument(name, given, "a mapping of runs that the table names", f"It has {listed(table)}.")
    runs = list(dict.fromkeys(table[column].astype(str)))
    missing = [one for one in runs if one not in given]
    if missing:
        raise bad_argument(name, dict(given), f"a {name} for each run", f"Missing: {listed(missing)}.")
    return table.assign(**{name: table[column].astype(str).map(dict(given))}), name


def _over_epochs(table: pd.DataFrame) -> pd.DataFrame:
    """Repeats of one run on one row as their mean, their number and their variance."""
    key = [name for name in COLUMNS if name != "value"]
    code = table.groupby(key, dropna=False, sort=False).ngroup()
    twice = pd.DataFrame({"code": code, "epoch": table["epoch"]}).duplicated()
    if twice.any():
        at = table[twice.to_numpy()].iloc[0]
        raise DataError(f"run {at['run']!r} has two outcomes of row {at['row']} in epoch {at['epoch']}; keep one.")
    of_row = table["value"].groupby(code, sort=False)
    out = table[~code.duplicated()].drop(columns="epoch").reset_index(drop=True)
    told = {"value": of_row.mean(), "epochs": of_row.size(), "sampling_variance": of_row.var(ddof=1)}
    return out.assign(**{name: column.to_numpy() for name, column in told.items()})


def _table(name: str, source: Source) -> pd.DataFrame:
    found = Findings()
    table = source if isinstance(source, pd.DataFrame) else read_table_file(Path(source), found)
    found.warn(stacklevel=4)
    if table.empty:
        raise DataError(f"{name}: the table has no lines.")
    return table.rename(columns=str).reset_index(drop=True)


def _melted(table: pd.DataFrame, where: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """A wide table as a long one: each column without a name of ours is a row."""
    fixed = {name: column for name, column in where.items() if name != "value"}
    rows = [c for c in table.columns if c not in fixed.values()]
    if len(rows) < 2:
        expected = "the column that names the evaluation row, or a column for each row"
        raise bad_argument("row", None, expected, f"The table has {listed(table)}.")
    if words := [c for c in rows if not pd.api.types.is_numeric_dtype(table[c])]:
        expected = "a column of numbers for each evaluation row"
        hint = "Leave it out, or name what it is: run=, seed=, task=, metric=, depth=, row=."
        raise bad_argument("source", f"column {words[0]!r} of words", expected, hint)
    # line by line, so that the rows of a run stay together and in order
    long = pd.DataFrame({name: np.repeat(table[column].to_numpy(), len(rows)) for name, column in fixed.items()})
    long["row"] = np.tile(rows, len(table))
    long["value"] = table[rows].to_numpy().ravel()
    long = long.dropna(subset="value", ignore_index=True)
    return long, {name: name for name in long.columns}


def _named(table: pd.DataFrame, where: Mapping[str, str], constants: Mapping[str, str | int]) -> pd.DataFrame:
    """The table under our names, in our order and types."""
    value = pd.to_numeric(table[where["value"]], errors="coerce")
    none = table[where["value"]][value.isna()].dropna()
    bad = none[none.astype(str).str.lower() != "nan"]
    if len(bad):
        raise DataError(f"column {where['value']!r}: {bad.iloc[0]!r} is no outcome, a number is.")
    out = pd.DataFrame(index=table.index)
    for name in ("task", "metric"):
        out[name] = table[where[name]].astype(str) if name in where else str(constants[name])
    out["run"] = table[where.get("run", where.get("seed", ""))].astype(str)
    out["seed"] = pd.array(table[where["seed"]] if "seed" in where else [pd.NA] * len(out), dtype="Int64")
    depth = _steps(table[where["depth"]]) if "depth" in where else [constants.get("depth", pd.NA)] * len(out)
    out["depth"] = pd.array(depth, dtype="Int64")
    if "row" in where:
        out["row"] = table[where["row"]]
    out["value"] = value
    return out[[name for name in COLUMNS if name in out]]


def _steps(column: pd.Series) -> pd.Series:
    depth = pd.to_numeric(column, errors="coerce")
    bad = depth.isna() | (depth % 1 != 0) | (depth < 0)
    if bad.any():
        raise DataError(f"column {column.name!r}: {column[bad].iloc[0]} is no depth, a whole number of steps is.")
    return depth


def _margins(
    table: pd.DataFrame, where: Mapping[str, str], constants: Mapping[str, str | int], rows: pd.DataFrame
) -> Margins:
    if "value" not in where:
        raise bad_argument("value", None, "the column of each run's share of right rows", f"It has {listed(table)}.")
    of_runs = _named(table, where, constants)
    for name in ("task", "metric"):
        several = list(of_runs[name].unique())
        if len(several) > 1:
            raise bad_argument(name, several[:8], f"margins of one {name}", "Read them apart.")
    column = where.get("depth", "depth")
    numbers = [c for c in rows.columns if c not in ("row", column) and pd.api.types.is_numeric_dtype(rows[c])]
    chosen = "right" if "right" in numbers else numbers[0] if len(numbers) == 1 else None
    if chosen is None:
        expected = "one column of numbers, or one called 'right': how many runs have each row"
        raise bad_argument("rows", f"columns {listed(rows)}", expected)
    known = of_runs["depth"].unique()
    depth = _steps(rows[column]) if column in rows else [known[0] if len(known) == 1 else pd.NA] * len(rows)
    at = pd.array(depth, dtype="Int64")
    of_rows = pd.DataFrame({"row": rows.get("row", rows.index), "depth": at, "value": rows[chosen]})
    count = of_runs.groupby("depth", dropna=False)["run"].nunique()
    if set(count.index.map(str)) != set(of_rows["depth"].map(str)):
        raise bad_argument("rows", "other depths than the runs'", "both margins of the same depths")
    right = of_rows["value"] / of_rows["depth"].map(count).fillna(len(of_runs)).to_numpy(dtype=float)
    for name, share in (("value", of_runs["value"]), ("rows", right)):
        if ((share < 0) | (share > 1)).any():
            wrong = share[(share < 0) | (share > 1)].iloc[0]
            raise bad_argument(name, float(wrong), "shares from 0 to 1: margins are of 0/1 outcomes")
    task, metric = str(of_runs["task"].iloc[0]), str(of_runs["metric"].iloc[0])
    return Margins(task, metric, of_runs[["run", "depth", "value"]], of_rows.assign(value=right))
