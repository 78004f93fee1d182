"""Runs of other tools' evaluations as one long table: who is which run, which row is which, and what was said of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from predictlab._validation import option
from predictlab.errors import DataError, bad_argument
from predictlab.runs._evaluations import helm, inspect_ai, lighteval, olmes, swebench
from predictlab.runs._evaluations.harness import read_samples, sample_files
from predictlab.runs._evaluations.parts import ERRORS, NUMBERS, Part, log, settle_errors
from predictlab.runs._importers.logs import listed

HARNESS = "lm-evaluation-harness"


_READERS = {reader.TOOL: reader for reader in (inspect_ai, helm, olmes, lighteval, swebench)}


@dataclass(frozen=True)
class EvaluationFiles:
    """Files of one tool in a source."""

    source: Path
    tool: str
    files: tuple[Path, ...]


def find_evaluations(source: Path) -> EvaluationFiles | None:
    """The evaluations in a file or a folder; None where it is something else; of several tools is an error."""
    found = {tool: reader.files(source) for tool, reader in _READERS.items()}
    if not (source.is_file() and any(found.values())):
        found[HARNESS] = sample_files(source)
    found = {tool: files for tool, files in found.items() if files}
    if len(found) > 1:
        shown = ", ".join(f"{tool} ({len(files)})" for tool, files in found.items())
        raise bad_argument("source", str(source), "evaluations of one tool", f"It has files of {shown}.")
    return next((EvaluationFiles(source, tool, tuple(files)) for tool, files in found.items()), None)


def read_evaluations(
    found: EvaluationFiles, task: str | None, metric: str | None, filter_name: str | None, errors: str | None
) -> pd.DataFrame:
    """Outcomes of all files: task, run, metric, row, value; seed, depth and epoch where they are known."""
    if errors is not None:
        option("errors", errors, ERRORS)
    source = found.source
    if found.tool == HARNESS:
        return read_samples(source, found.files, task, metric, filter_name)
    reader = _READERS[found.tool]
    parts: list[Part] = [reader.read(file, metric, filter_name, errors == "missing") for file in found.files]
    if task is not None:
        names = sorted({part.task for part in parts})
        parts = [part for part in parts if part.task == task]
        if not parts:
            raise bad_argument("task", task, f"a task of these files: {listed(names)}")
    parts = [settle_errors(_once(part), errors) for part in parts]
    base = source if source.is_dir() else source.parent
    runs = _run_names(parts, base)
    rows = _rows(parts)
    tables = [
        part.table.drop(columns=["id", "content"]).assign(row=row, run=run, task=part.task, metric=part.metric)
        for part, run, row in zip(parts, runs, rows, strict=True)
    ]
    table = pd.concat(tables, ignore_index=True)
    if "epoch" in table and table["epoch"].max() == 1:
        table = table.drop(columns="epoch")
    _one_prompt(table)
    _several_models(parts)
    return _numbered(table, parts, runs, base, source)


def _once(part: Part) -> Part:
    """Lines that say the same twice count once; a row with two outcomes is refused."""
    key = ["id", "epoch"] if "epoch" in part.table else ["id"]
    once = part.table.drop_duplicates([*key, "value"])
    if once.duplicated(key).any():
        twice = once.loc[once.duplicated(key), "id"].iloc[0]
        raise DataError(f"{part.file}: row {twice} has two outcomes. Were two evaluations put into one file?")
    if len(once) < len(part.table):
        log.warning("%s: %d lines stand twice; each counts once", part.file, len(part.table) - len(once))
    return replace(part, table=once.reset_index(drop=True))


def _run_names(parts: Sequence[Part], base: Path) -> list[str]:
    """The folder of each run, with model and file's name as far as it takes to tell runs of a task apart."""
    places = [_relative(part.place, base) for part in parts]
    models = [f"{place} {part.model}".strip() for place, part in zip(places, parts, strict=True)]
    stems = [f"{place} {part.file.stem}".strip() for place, part in zip(places, parts, strict=True)]
    for names in (places, models, stems):
        keys = [(name, part.task) for name, part in zip(names, parts, strict=True)]
        if len(set(keys)) == len(keys) and all(names):
            return names
    return [str(part.file) for part in parts]


def _relative(place: Path, base: Path) -> str:
    if place == base or not place.is_relative_to(base):
        return base.resolve().name
    return str(place.relative_to(base))


def _rows(parts: Sequence[Part]) -> list[pd.Series]:
    """Names of rows: by content where all files of a task tell it, else by id, which is said."""
    by_content = dict.fromkeys((part.task for part in parts), True)
    for part in parts:
        by_content[part.task] &= bool(part.table["content"].notna().all())
    for task, known in by_content.items():
        if not known:
            log.warning("task %s: rows are joined by their ids, since not every file says what they ask", task)
    return [_by_content(part.table) if by_content[part.task] else part.table["id"] for part in parts]


def _by_content(table: pd.DataFrame) -> pd.Series:
    """Hashes, with a number behind where two rows of a set ask the same."""
    ids = table[["id", "content"]].drop_duplicates()
    turn = ids.sort_values("id").groupby("content").cumcount().reindex(ids.index)
    name = ids["content"] + turn.map(lambda k: f"#{k}" if k else "")
    return table["id"].map(dict(zip(ids["id"], name, strict=True)))


def _one_prompt(table: pd.DataFrame) -> None:
    """Runs of one task were asked in one way."""
    if "prompt" in table and table["prompt"].notna().any():
        several = table.dropna(subset="prompt").groupby("task")["prompt"].nunique()
        if (several > 1).any():
            raise DataError(
                f"task {several.idxmax()}: runs were evaluated by other versions of the task, arguments or prompts. "
                "Read runs of one."
            )


def _several_models(parts: Sequence[Part]) -> None:
    """Runs of several models are not runs of one recipe, unless the models are its seeds and steps: said."""
    models = {part.model for part in parts}
    recipes = {re.sub("|".join(p.pattern for p in NUMBERS.values()), "", model) for model in models}
    if len(recipes) > 1:
        shown = ", ".join(sorted(models)[:5])
        log.warning("runs are of %d models (%s): are they runs of one recipe?", len(models), shown)


def _numbered(
    table: pd.DataFrame, parts: Sequence[Part], runs: Sequence[str], base: Path, source: Path
) -> pd.DataFrame:
    """Training seed and step stand in no evaluation file: taken from names, and said."""
    places = {
        "folder's name": [_relative(part.place, base) for part in parts],
        "model's name": [part.model for part in parts],
        "file's name": [part.file.stem for part in parts],
    }
    for column, pattern in NUMBERS.items():
        for what, names in places.items():
            numbers = [pattern.findall(name) for name in names]
            if all(len(n) == 1 for n in numbers):
                of_run = {run: int(n[0]) for run, n in zip(runs, numbers, strict=True)}
                table[column] = table["run"].map(of_run)
                log.warning("%s: the %s of each run is read from its %s", source, column, what)
                break
    return table
