"""`contents`: what is in a source, for whom a reader asks about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from pandas.api.types import is_float_dtype

from predictlab._summary import Summarised, Summary
from predictlab.errors import PredictlabError
from predictlab.runs._importers.cells import looks_numeric
from predictlab.runs._importers.identify import Seed, Task
from predictlab.runs._importers.layouts import FILE
from predictlab.runs._importers.logs import Names, RunLogs
from predictlab.runs._importers.read import Source, read_source
from predictlab.runs._importers.report import Findings
from predictlab.runs._importers.roles import take

SHOWN, LONGEST = 3, 24  # values of a column that are shown, and letters of each


@dataclass(frozen=True, eq=False, repr=False)
class Contents(Summarised):
    """What a source has, before its runs are settled: what `contents` returns.

    Parameters
    ----------
    format : str
        Format that it is read as.
    files : tuple of str
        Files found; empty for a DataFrame.
    columns : pandas.DataFrame
        One row a column of a table, or a metric or param of another format: ``name``, ``kind`` ("column", "metric",
        "param"), ``values`` (the first different ones, as text), ``distinct`` (how many there are), ``numeric``, and
        ``taken_for``, empty where it has no part, or is asked about.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> log = pd.DataFrame({"seed": [0, 1], "step": [10, 10], "acc": [0.5, 0.6]})
    >>> print(pl.runs.contents(log))
    Read as table, 3 columns
    name   values  distinct taken_for
    seed     0, 1         2      seed
    step       10         1     depth
     acc 0.5, 0.6         2    metric
    """

    format: str
    files: tuple[str, ...]
    columns: pd.DataFrame

    def summary(self) -> Summary:
        """Show the columns.

        Returns
        -------
        Summary
        """
        count = f", {len(self.files)} file{'s' if len(self.files) != 1 else ''}" if self.files else ""
        kinds = "columns" if (self.columns["kind"] == "column").all() else "metrics and params"
        title = f"Read as {self.format}{count}, {len(self.columns)} {kinds}"
        return Summary(title, self.columns.drop(columns=["kind", "numeric"]))


def contents(
    source: Source,
    *,
    format: str | None = None,
    metric: Names = None,
    task: Task = None,
    seed: Seed = None,
    run: str | None = None,
    depth: str | None = None,
    columns: Mapping[str, str] | None = None,
    steps_per_epoch: float | None = None,
) -> Contents:
    """List what a source has, and what `pl.read_runs` takes each part of it for, as far as nothing is asked.

    Parameters
    ----------
    source, format, metric, task, seed, run, depth, columns, steps_per_epoch
        As for `pl.read_runs`.

    Returns
    -------
    Contents

    Raises
    ------
    ArgumentError, DataError
        Nothing is there, or nothing of it can be read. What `pl.read_runs` asks is no error here.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> log = pd.DataFrame({"seed": [0, 1], "step": [10, 10], "acc": [0.5, 0.6], "f1": [0.4, 0.3], "lr": 0.1})
    >>> found = pl.runs.contents(log).columns.set_index("name")["taken_for"]
    >>> found.to_dict()  # acc or f1? that is asked
    {'seed': 'seed', 'step': 'depth', 'acc': '', 'f1': '', 'lr': ''}
    >>> pl.runs.contents(log, metric="acc").columns.set_index("name")["taken_for"].to_dict()
    {'seed': 'seed', 'step': 'depth', 'acc': 'metric', 'f1': '', 'lr': 'recipe'}
    """
    found, every = Findings(), Findings()
    where = dict(columns or {}) | {name: c for name, c in (("run", run), ("depth", depth)) if c is not None}
    where |= {name: given for name, given in (("task", task), ("seed", seed)) if isinstance(given, str)}
    logs: RunLogs | None = None
    failed: PredictlabError | None = None
    try:
        logs = read_source(source, format, where, metric, steps_per_epoch is not None, found)[2]
        take(found, logs, seed, task)
    except PredictlabError as error:
        failed = error
    if found.table is None:  # all metrics, not only those that were asked for
        try:
            logs = read_source(source, format, {}, "*", False, every)[2]
        except PredictlabError as error:
            if logs is None:
                raise failed or error from None
    return Contents(found.format, tuple(map(str, found.files)), _listed(found, logs))


def _listed(found: Findings, logs: RunLogs | None) -> pd.DataFrame:
    """Columns of the table that was found, else metrics and params."""
    parts: list[tuple[str, str, pd.Series]] = []
    if found.table is not None:
        parts = [(name, "column", column) for name, column in found.table.items() if name != FILE]
        names = {name for name, _, _ in parts}  # the bounds beside a panel's columns say nothing of their own
        parts = [p for p in parts if not (p[0].endswith(("__MIN", "__MAX")) and p[0][:-5] in names)]
    elif logs is not None:
        parts = [(n, "metric", values) for n, values in logs.rows.groupby("metric", sort=False, observed=True)["value"]]
        parts += [(name, "param", column) for name, column in logs.about.items()]
    rows = [
        (str(name), kind, *_first(column), looks_numeric(column), found.taken_for.get(str(name), ""))
        for name, kind, column in parts
    ]
    return pd.DataFrame(rows, columns=["name", "kind", "values", "distinct", "numeric", "taken_for"])


def _first(column: pd.Series) -> tuple[str, int]:
    """The first different values as text, and how many different ones there are."""
    given = column.dropna()
    if is_float_dtype(given):
        given = given.map(lambda value: f"{value:.4g}")
    distinct = pd.unique(given.astype(str).str.strip())
    shown = ", ".join(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in distinct[:SHOWN])
    return shown + (", …" if len(distinct) > SHOWN else ""), len(distinct)
