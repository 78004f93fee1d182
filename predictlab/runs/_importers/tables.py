"""CSV, TSV, parquet, JSON lines and DataFrames: one metric column or several, with usual or the user's own titles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import DataError, bad_argument
from predictlab.runs._importers.cells import MOST_COLUMNS, is_text, looks_numeric, numbers, read_table_file, steps
from predictlab.runs._importers.dvclive import joined
from predictlab.runs._importers.layouts import AT, FILE, STEPS, normal, one_below_the_other, titled, without_summaries
from predictlab.runs._importers.logs import Names, RunLogs, left_open, listed
from predictlab.runs._importers.recipes import SCHEDULE, is_label, with_recipes, with_schedules
from predictlab.runs._importers.report import Findings
from predictlab.runs._importers.sources import names_of, read_each
from predictlab.runs._importers.values import HYPERPARAMETER, long_values, varies, wide_values
from predictlab.runs._importers.wandb_panel import is_panel, read_panel
from predictlab.runs._schema import COLUMNS

SEEDS = frozenset({"random_seed", "rng_seed", "train_seed", "training_seed", "seed_everything", "seed_id", "rand_seed"})
# Of a run that is over: what came out, not how it was made
SUMMARY = re.compile(
    r"(^|[-_/. ])(best|final|total|max|min|mean|avg|last|elapsed|runtime|duration|minutes|seconds|hours)", re.IGNORECASE
)


def read_tables(
    files: Sequence[Path],
    base: Path | None,
    columns: Mapping[str, str],
    metric: Names,
    found: Findings,
    *,
    epochs: bool = False,
) -> RunLogs:
    """Runs of one or several files; W&B panel exports are recognised by their columns."""

    def read(file: Path) -> pd.DataFrame:
        table = read_table_file(file, found)
        if table.empty:
            raise DataError(f"{file} has no rows.")
        return table

    pairs = joined(read_each(files, read, found))
    files, tables = [file for file, _ in pairs], [table for _, table in pairs]
    panels = [is_panel(table) for table in tables]
    label = files[0].stem if len(files) == 1 else (base or files[0].absolute().parent).resolve().name
    if all(panels):
        return read_panel(tables, [str(f) for f in files], columns, metric, label, found)
    if any(panels):
        raise DataError(f"{listed(files)}: some are W&B panel exports, others are not; read them apart.")
    pairs = _with_steps(list(zip(files, tables, strict=True)), columns, found)
    files, tables = [file for file, _ in pairs], [table for _, table in pairs]
    if len(files) == 1:
        return read_table(tables[0], columns, metric, label, found, epochs=epochs)
    names = _names_of_files(files, base)
    absent = {name: set(map(str, table.columns)) for name, table in zip(names, tables, strict=True)}
    tables = [table.assign(**{FILE: name}) for table, name in zip(tables, names, strict=True)]
    table = pd.concat(tables, ignore_index=True)
    folders = {name: file if file.is_dir() else file.parent for name, file in zip(names, files, strict=True)}
    return read_table(table, columns, metric, label, found, epochs=epochs, there=absent, folders=folders)


def _with_steps(
    pairs: list[tuple[Path, pd.DataFrame]], columns: Mapping[str, str], found: Findings
) -> list[tuple[Path, pd.DataFrame]]:
    """Tables that count steps, if some do: predictions and the like lie beside logs."""
    wanted = columns.get("depth")

    def counts(table: pd.DataFrame) -> bool:
        titles = [str(c).strip() for c in table.columns]
        return wanted in titles if wanted is not None else any(
            normal(t) in STEPS or t.lower() == "epoch" or AT.fullmatch(t) for t in titles
        )  # fmt: skip

    kept = [pair for pair in pairs if counts(pair[1])]
    if not 0 < len(kept) < len(pairs):
        return pairs
    other = [file for file, table in pairs if not counts(table)]
    found.leave_out(f"{len(other)} tables without a column of steps: {listed(other)}")
    return kept


def _names_of_files(files: Sequence[Path], base: Path | None) -> list[str]:
    """What runs are called that are told apart by their files: those, or the folders if all files are called alike."""
    folders = [file.parent for file in files]
    if len({file.name for file in files}) == 1 and len(set(folders)) == len(files):
        return list(names_of(folders, base)[0])
    places = [file if file.is_dir() else file.with_suffix("") for file in files]
    if len(set(places)) < len(places):
        places = list(files)
    return list(names_of(places, base)[0])


def read_table(
    table: pd.DataFrame,
    columns: Mapping[str, str],
    metric: Names,
    label: str,
    found: Findings,
    *,
    epochs: bool = False,
    there: Mapping[str, set[str]] | None = None,
    folders: Mapping[str, Path] | None = None,
) -> RunLogs:
    """Runs of one table, long (a column with names of metrics) or wide (a column for each metric).

    Parameters
    ----------
    table : pandas.DataFrame
    columns, metric
        As given by the user.
    label : str
        Name of the source.
    found : Findings
    epochs : bool
        Whether depths may be epochs.
    there : mapping of file to its columns, optional
        What a file has no column of was not measured in it.
    folders : mapping of file to folder, optional
        Where recipes may lie.
    """
    if table.empty:
        raise DataError("source: the table has no rows.")
    if table.shape[1] > MOST_COLUMNS:
        raise DataError(f"source: {table.shape[1]:,} columns; is it a table of runs?")
    table = titled(table)
    for name in table.columns:  # cells of lists and the like are no names
        if table[name].dtype == object:
            table[name] = table[name].map(lambda c: str(c) if isinstance(c, (list, dict, set, np.ndarray)) else c)
    if is_panel(table):
        return read_panel([table], ["the table"], columns, metric, label, found)
    found.table, titles = table, list(table.columns)
    table, columns = one_below_the_other(table, columns, metric, found)
    found.taken_for |= {c: "values" for c in titles if c not in table.columns}
    roles, kept = _roles(table, columns, epochs, found)
    words = {"metric": "names of metrics"}
    found.taken_for |= {c: words.get(n, n) for n, c in (kept | roles).items() if c in titles and c != FILE}
    table = without_summaries(table, roles, found)
    free = [c for c in table.columns if c not in {*roles.values(), *kept.values(), FILE}]
    _refuse_unnamed(table, roles)
    run, about = _runs(table, roles, label)
    base = pd.DataFrame({"run": run, "depth": steps(table[roles["depth"]], roles["depth"], found)})
    for name, column in ({name: roles[name] for name in ("status", "parent") if name in roles} | kept).items():
        base[name] = table[column].to_numpy()
    for name in {"seconds", "flops"} & roles.keys():
        base[name] = numbers(table[roles[name]])
    if "metric" in roles or "value" in roles:
        rows, metrics = long_values(table, base, roles, free, metric, found)
    else:
        rows, metrics = wide_values(table, base, free, metric, found, there or {})
    found.taken_for |= {c: "metric" for c in metrics if c in titles and c not in found.taken_for}
    texts = [c for c in free if c not in metrics and not varies(table[c], run).any()]
    said = table[texts].groupby(run).nth(0).set_axis(about.index)
    if len(run) == len(about):  # of one row a run every column is constant: words and usual names are left
        texts = [c for c in texts if is_text(table[c]) or HYPERPARAMETER.search(c)]
    recipe = [c for c in texts if not is_label(c) and not SUMMARY.search(c)]
    found.taken_for |= dict.fromkeys(recipe, "recipe")
    about = pd.concat([about, said], axis="columns")
    if folders:
        first = table.groupby(run).nth(0)[FILE]
        about, more = with_recipes(about, [folders[str(name)] for name in first], found)
        recipe += more
    rates = [c for c in free if c not in metrics and SCHEDULE.search(c) and looks_numeric(table[c])]
    logged = [base[["run", "depth"]].assign(metric=c, value=numbers(table[c])) for c in rates]
    about, paced = with_schedules(about, pd.concat([rows[["run", "depth", "metric", "value"]], *logged]))
    hint = f"Columns without a role: {listed(free)}." if free else ""
    begins = float(np.nanmin(base["depth"])) if np.isfinite(base["depth"]).any() else None
    return RunLogs(
        rows,
        about,
        metrics,
        label,
        hint,
        (*recipe, *paced),
        tuple(kept),
        _twice(table, free, run, roles),
        begins=begins,
    )


def _twice(table: pd.DataFrame, free: list[str], run: NDArray[np.int64], roles: Mapping[str, str]) -> str:
    """What to do about two values at one depth."""
    counters = [c for c in free if c.lower() in ("epoch", "epochs", "round", "phase") and varies(table[c], run).any()]
    if counters:
        step, epoch = roles["depth"], counters[0]
        value = numbers(table[step])
        per = value[np.isfinite(value)].max() if np.isfinite(value).any() else 0
        return (
            f"{step!r} may begin anew with each {epoch!r}: make a column that counts on, such as "
            f"table[{epoch!r}] * {per:g} + table[{step!r}] with the steps of an epoch, and pass it as depth=."
        )
    return (
        "If something tells two runs apart here, pass run= that column (or seed=, task=); if it was measured twice, or "
        "begun again, pass keep='first' or keep='last'."
    )


def _refuse_unnamed(table: pd.DataFrame, roles: Mapping[str, str]) -> None:
    """A row that names no seed (or run, or task) where others do cannot be told to belong to any of them."""
    for name in ("seed", "run", "task"):
        missing = table[roles[name]].isna() if name in roles else pd.Series(dtype=bool)
        if missing.any() and not missing.all():
            rows = listed(np.flatnonzero(missing) + 1)
            raise DataError(
                f"{missing.sum()} of {len(table)} rows name no {name} (column {roles[name]!r}, rows {rows}). Fill it "
                "in, or leave them out."
            )


def _roles(
    table: pd.DataFrame, columns: Mapping[str, str], epochs: bool, found: Findings
) -> tuple[dict[str, str], dict[str, str]]:
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
    for name in ("task", "run", "seed", "metric", "value"):  # as people write titles
        other = [c for c in there if normal(c) == name or (name == "seed" and normal(c) in SEEDS)]
        if name not in roles and len(other) == 1 and other[0] not in columns.values():
            roles[name] = other[0]
    roles = {n: c for n, c in roles.items() if n not in ("task", "run", "seed") or table[c].notna().any()}
    if "_runtime" in there:  # W&B's clock, in seconds
        roles.setdefault("seconds", "_runtime")
    if "depth" not in roles:
        counts = [name for name in there if normal(name) in STEPS]
        if epochs and not counts:
            counts = [name for name in there if name.lower() == "epoch"]
        if len(counts) > 1:  # W&B's own counter of calls beside the steps that were logged
            counts = [name for name in counts if name != "_step"]
        if len(counts) != 1:
            which = f"of the columns {listed(counts)} each might" if counts else f"none of the columns {shown}"
            epoch = [name for name in there if name.lower() in ("epoch", "epochs")]
            likely = sorted(counts, key=lambda name: "global" not in name.lower())
            example = f"depth={likely[0] if counts else 'name of the column'!r}"
            if epoch and not counts:
                example = f"depth={epoch[0]!r}, steps_per_epoch= the optimiser steps of an epoch"
            if not counts and not epoch and any(table[c].is_unique and is_text(table[c]) for c in there):
                example += "; a table of one row a run has last values only, export the histories of the runs"
            raise left_open("depth", f"{which} say{'' if counts else 's'} how many optimiser steps a run had made.",
                            f"Pass {example}.")  # fmt: skip
        roles["depth"] = counts[0]
        if counts[0] == "_step":
            found.assume("'_step' counts calls of W&B's log, and is taken for optimiser steps.")
    if "epoch" in roles["depth"].lower() and not epochs:
        found.assume(f"{roles['depth']!r} counts epochs and is taken for optimiser steps; pass steps_per_epoch=.")
    return roles, kept


def _runs(table: pd.DataFrame, roles: Mapping[str, str], label: str) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Which run each row belongs to, and the task and seed that the table says of each run."""
    keys = [roles[name] for name in ("task", "run") if name in roles]
    if "run" not in roles:
        keys += [FILE] if FILE in table else []
        seed = roles.get("seed")
        if seed is not None and (FILE not in table or varies(table[seed], _groups(table, keys)).any()):
            keys.append(seed)
    run = _groups(table, keys)
    first = table.groupby(run).nth(0)
    about = pd.DataFrame(index=_names(first, roles, keys) if keys else [label])
    for name in ("task", "seed"):
        if name in roles:
            several = varies(table[roles[name]], run)
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


def _names(rows: pd.DataFrame, roles: Mapping[str, str], keys: list[str]) -> list[str]:
    """Names of runs: their own, or of file and seed, with the task before them where it takes that to be unique."""
    if "run" in roles and rows[roles["run"]].is_unique:
        return rows[roles["run"]].astype(str).to_list()
    parts = {key: rows[key].map(str) for key in keys}
    if (seed := roles.get("seed")) in parts:
        number = pd.to_numeric(rows[seed], errors="coerce")
        whole = (number % 1 == 0).all() and (number.abs() < 2**53).all()
        text = number.astype("int64").astype(str) if whole else parts[seed]
        parts[seed] = text if "task" in roles else "seed-" + text
    return [":".join(part) for part in zip(*parts.values(), strict=True)]
