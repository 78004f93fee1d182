"""Tables that hold a mean and a width in place of runs: "84.3 ± 0.2", or a column beside the mean."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
from scipy.stats import t as student

from predictlab._validation import option
from predictlab.comparing._evidence import SHARES, Evidence, Moments
from predictlab.errors import DataError, bad_argument
from predictlab.task import is_share

WIDTHS = ("sd", "se", "t95", "normal95", "rows")
_SAYS = (
    "'sd' (standard deviation over runs), 'se' (standard error over runs), 't95' (half of a 95 % interval by Student's "
    "t), 'normal95' (1.96 standard errors), or 'rows' (standard error over evaluation rows of one run, as "
    "lm-evaluation-harness's acc_stderr)"
)
_CELL = re.compile(r"\s*([-+.\deE]+)\s*(%?)\s*(?:±|\+/-|\+-|\\pm)\s*([-+.\deE]+)\s*(%?)\s*")
_COLUMNS = ("half_width", "width", "±", "error", "ci", "ci95", "se", "stderr", "sem", "sd", "std")
_RUNS = ("runs", "seeds", "n_runs", "n_seeds")


def is_summary(table: pd.DataFrame) -> bool:
    """Whether lines are recipes with a mean and a width, not runs."""
    if _cells(table) is not None:
        return True
    return "mean" in table and any(c in table for c in _COLUMNS) and not {"run", "seed"} & set(table.columns)


def read_summary(name: str, table: pd.DataFrame, metric: str | None, width: str | None, rows: int | None) -> Evidence:
    """One recipe from its line: mean and width, whose kind has to be known, and how many runs it is of."""
    if len(table) > 1:
        raise bad_argument(
            name, f"{len(table)} lines of means and widths", "the line of one recipe",
            "pl.split_recipes(table, by=...) gives each of them.",
        )  # fmt: skip
    if width is None:
        raise bad_argument("width", None, _SAYS, "What a width stands for is not guessed.")
    option("width", width, WIDTHS)
    mean, half, column = _numbers(name, table)
    given = next((c for c in _RUNS if c in table), None)
    runs = 1 if width == "rows" else int(table[given].iloc[0]) if given else 0
    if width != "rows" and runs < 2:
        raise bad_argument(
            name, f"columns {', '.join(map(str, table.columns))}", "a column 'runs': how many, 2 or more"
        )
    count = table["n"].iloc[0] if "n" in table else rows
    metric = metric or (column if column != "mean" else "score")
    share = is_share(metric) or metric in SHARES
    if share and 1 < mean <= 100:
        raise DataError(f"{name}: a mean {metric} of {mean:g}, is it in percent? Divide mean and width by 100.")
    if width == "rows":
        if not share or not 0 < mean < 1 or not half > 0:
            raise bad_argument(
                "width", width, "a kind over runs", "Standard errors over rows are read of shares alone."
            )
        count = round(mean * (1 - mean) / half**2) + 1
        notes = f"{name}: one run; its standard error over rows means about {count:,} rows"
        return Evidence(name, "task", metric, np.array([mean]), ("0",), eval_rows=count, notes=(notes,))
    factor = {"sd": 1.0, "se": math.sqrt(runs), "normal95": math.sqrt(runs) / 1.959964,
              "t95": math.sqrt(runs) / float(student.isf(0.025, runs - 1))}[width]  # fmt: skip
    note = f"{name}: {mean:g} ± {half:g} of {runs} runs, taken as {width}: sd over runs {half * factor:.3g}"
    moments = Moments(mean, (half * factor) ** 2, runs)
    count = None if count is None else int(count)
    return Evidence(name, "task", metric, np.empty(0), (), eval_rows=count, moments=moments, notes=(note,))


def _is_cell(value: object) -> bool:
    return isinstance(value, str) and _CELL.fullmatch(value) is not None


def _cells(table: pd.DataFrame) -> str | None:
    """The column whose cells hold mean and width."""
    for column in table.columns:
        if pd.api.types.is_numeric_dtype(table[column]):
            continue
        cells = table[column].dropna()
        # the first one rules out nearly all columns
        if len(cells) and _is_cell(cells.iloc[0]) and cells.map(_is_cell).all():
            return str(column)
    return None


def _numbers(name: str, table: pd.DataFrame) -> tuple[float, float, str]:
    """Mean, width and the column they stand in."""
    column = _cells(table)
    if column is not None:
        match = _CELL.fullmatch(str(table[column].iloc[0]))
        assert match is not None
        mean, half = float(match[1]), float(match[3])
        if match[2] or match[4]:  # written in percent
            mean, half = mean / 100, half / 100
        return mean, half, column
    beside = [c for c in _COLUMNS if c in table]
    if len(beside) > 1:
        raise bad_argument(name, f"columns {', '.join(beside)}", "one column with the width")
    mean, half = float(table["mean"].iloc[0]), float(table[beside[0]].iloc[0])
    if not (math.isfinite(mean) and math.isfinite(half) and half >= 0):
        raise DataError(f"{name}: a mean of {mean:g} and a width of {half:g}.")
    return mean, half, "mean"
