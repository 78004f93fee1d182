"""Finals from tables: which column is what, which runs count, and what stands in the place of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.comparing._evidence import SHARES, Array, Evidence
from predictlab.comparing._exports import exported
from predictlab.comparing._summaries import is_summary, read_summary
from predictlab.errors import DataError, bad_argument
from predictlab.risk import is_fork, is_invalid
from predictlab.risk._frames import default_metric, select_single
from predictlab.task import is_share

VALUES = ("value", "score", "final", "accuracy", "metric_value")
COUNTS = ("n", "eval_rows", "n_rows", "rows")
SEEDS, RUNS = ("seed",), ("run", "run_id", "trial")
NAMED = frozenset({*SEEDS, *RUNS, *COUNTS, "task", "metric", "depth", "parent", "status", "seconds", "flops"})


@dataclass(frozen=True)
class Wanted:
    """What was asked for of a source.

    Parameters
    ----------
    metric, task : str, optional
    depth : float, optional
        Runs as they were there, not at their end.
    eval_rows : int, optional
    by : tuple of str, optional
        Columns that tell recipes apart.
    width : str, optional
        Of a summary: what its widths are.
    pooled : bool
        Whether one source is read, for its spread: several recipes at once then, and no option that it has no use for.
    """

    metric: str | None = None
    task: str | None = None
    depth: float | None = None
    eval_rows: int | None = None
    by: tuple[str, ...] | None = None
    width: str | None = None
    pooled: bool = False


def columns_of(by: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """One column or several, as a tuple."""
    return None if by is None else (by,) if isinstance(by, str) else tuple(by)


def finals_of_table(name: str, table: pd.DataFrame, wanted: Wanted) -> Evidence:
    """One line a run (and depth), or a summary of runs."""
    export = exported(table)
    notes = () if export is None else export.notes
    recipe = wanted.by
    if export is not None:
        table, recipe = export.table, wanted.by or export.recipe
    if is_summary(table):
        return read_summary(name, table, wanted.metric, wanted.width, wanted.eval_rows)
    if wanted.width is not None and wanted.pooled:
        raise bad_argument("width", wanted.width, "None of a table of runs", "It is of tables of means and widths.")
    for column in recipe or ():
        if column not in table:
            raise bad_argument("by", column, f"a column of the table: {', '.join(map(str, table.columns))}")
    metric, task = wanted.metric, wanted.task
    free = [c for c in table if c not in {*NAMED, *(recipe or ())} and pd.api.types.is_numeric_dtype(table[c])]
    if "task" in table:
        task, table = select_single(table.assign(task=table["task"].astype(str)), "task", task, None)
    if "metric" in table:
        metric, table = select_single(table, "metric", metric, default_metric(table["metric"]))
    named = [c for c in (metric, *VALUES) if c in table.columns]
    if not named and len(free) != 1:
        raise bad_argument(
            "metric", metric, f"the column with the score of each run: {', '.join(map(str, table.columns))}"
        )
    value = (named or free)[0]
    metric = metric or (value if value not in ("value", "score", "final") else "score")
    table = table.assign(value=pd.to_numeric(table[value], errors="coerce"))
    run = next((c for c in (*RUNS, *SEEDS) if c in table), None)
    if "status" in table:
        table.loc[is_invalid(table), "value"] = np.nan
    if forks := int(is_fork(table).sum()):
        table = table[~is_fork(table)]
        notes = (*notes, f"{forks} lines of forks left out: they are no runs of their own")
    at = None
    if run is not None and "depth" in table:
        table, at = at_depth(table.assign(run=table[run].astype(str)), wanted.depth)
    elif wanted.depth is not None:
        raise bad_argument("depth", wanted.depth, f"None: {name} does not say at which depths runs were measured")
    table = table.reset_index(drop=True)
    group = _groups(name, table, recipe, wanted.pooled)
    names = table[run].astype(str) if run else pd.Series([str(i) for i in range(len(table))])
    if run and (again := pd.DataFrame({"run": names, "group": group}).duplicated()).any():
        twice = names[again].iloc[0]
        raise DataError(
            f"{name}: run {twice!r} stands in two lines; keep one, or name runs apart in a column 'run' where one seed "
            "was trained twice."
        )
    seeds, repeats = None, None
    if "seed" in table and table["seed"].notna().all():
        key = pd.DataFrame({"group": group, "seed": table["seed"]})
        if key.duplicated().any():
            repeats, said, first = _repeats(table, key)
            table, names, group, notes = table[first], names[first], group[first], (*notes, said)
        seeds = tuple(int(v) for v in table["seed"])
    eval_rows, count = wanted.eval_rows, next((c for c in COUNTS if c in table), None)
    if eval_rows is None and count is not None and table[count].notna().any():
        eval_rows = int(table[count].min())
        if table[count].max() > eval_rows:
            raise DataError(f"{name}: runs on {eval_rows} to {table[count].max():g} rows. Compare equal sets.")
    values_at = table["value"].to_numpy(float)
    found = finals_of(name, task or "task", str(metric), values_at, tuple(names), seeds, eval_rows)
    ended = np.isfinite(values_at)
    groups = np.asarray(group)[ended]
    if len(np.unique(groups)) > 1:
        several = pd.Series(groups).value_counts()
        if several.max() < 2:
            raise DataError(
                f"{name}: {len(several)} recipes ({', '.join(recipe or ())}), none of which was run twice: nothing "
                "says how runs differ. Name what tells recipes apart: by=."
            )
        note = f"{len(several)} recipes by {', '.join(recipe or ())}: the spread is that within them, pooled"
        alike = _unlike(found.finals, groups)
        found = replace(found, groups=groups, notes=(*found.notes, note, *alike))
    return replace(found, notes=(*notes, *found.notes), repeats=repeats, depth=at)


def _groups(name: str, table: pd.DataFrame, recipe: Sequence[str] | None, pooled: bool) -> pd.Series:
    """Which recipe each line is of."""
    if not recipe:
        return pd.Series(0, index=table.index)
    group = table.groupby(list(recipe), dropna=False).ngroup()
    if group.max() > 0 and not pooled:
        raise DataError(
            f"{name} holds runs of {group.max() + 1} recipes ({', '.join(recipe)}). Take them apart with "
            "pl.split_recipes(table, by=...) and compare two, or all with a base."
        )
    return group


def _repeats(table: pd.DataFrame, key: pd.DataFrame) -> tuple[tuple[float, int] | None, str, pd.Series]:
    """Runs of one seed: their own variance and its degrees of freedom, what to say, and the first of each."""
    of_seed = table["value"].groupby([key["group"], key["seed"]])
    df = int((of_seed.count() - 1).clip(lower=0).sum())
    squares = float((of_seed.var(ddof=1).fillna(0) * (of_seed.count() - 1).clip(lower=0)).sum())
    first = ~key.duplicated()
    said = f"{int((~first).sum())} repeats of a seed are no further seeds: the first run of each counts"
    return (squares / df, df) if df else None, said, first


def _unlike(finals: Array, groups: NDArray[np.int64]) -> tuple[str, ...]:
    """Said where spreads within recipes are not alike (Levene's test about medians, Brown and Forsythe 1974)."""
    from scipy.stats import levene

    parts = [finals[groups == g] for g in np.unique(groups)]
    parts = [part for part in parts if len(part) > 2 and np.ptp(part) > 0]
    if len(parts) < 2:
        return ()
    p = float(levene(*parts, center="median").pvalue)
    return (f"recipes are not equally noisy (Levene's test, p = {p:.2g}): read them apart",) if p < 0.01 else ()


def at_depth(table: pd.DataFrame, depth: float | None) -> tuple[pd.DataFrame, float | None]:
    """Lines at a depth, or at each run's greatest, which has to be one for all runs."""
    if "depth" not in table or table["depth"].isna().all():
        if depth is not None:
            raise bad_argument("depth", depth, "None: the source does not say at which depths runs were measured")
        return table, None
    if depth is not None:
        there = table[table["depth"] == depth]
        if there.empty:
            shown = ", ".join(f"{d:g}" for d in sorted(table["depth"].dropna().unique())[:20])
            raise bad_argument("depth", depth, f"a depth that was measured: {shown}")
        return there, float(depth)
    last = table.groupby("run")["depth"].transform("max")
    ends = table[table["depth"] == last]
    if len(ends["depth"].unique()) > 1:
        shown = ", ".join(f"{int(d)}" for d in sorted(ends["depth"].unique())[:5])
        raise DataError(
            f"runs end at depths {shown}: another horizon is another recipe. Take runs that ended, or compare at a "
            "depth that all have: depth=."
        )
    return ends, float(ends["depth"].iloc[0])


def finals_of(
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
    least, top = float(values[ended].min()), float(values[ended].max())
    if share and 1 < top <= 100 and least >= 0:
        raise DataError(f"{name}: {metric} goes up to {top:g}, is it in percent? Divide by 100: shares are 0 to 1.")
    if share and (top > 1 or least < 0):
        raise DataError(f"{name}: {metric} of {least:g} to {top:g}; shares are 0 to 1.")
    kept = np.flatnonzero(ended)
    return Evidence(
        name, task, metric, values[ended], tuple(runs[i] for i in kept),
        None if seeds is None else tuple(seeds[i] for i in kept), eval_rows=eval_rows, notes=notes,
    )  # fmt: skip
