"""Tables in which runs, or depths, stand side by side, as a long table; rows and columns made of runs left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._importers.cells import STATISTICS, looks_numeric
from predictlab.runs._importers.logs import Names, listed
from predictlab.runs._importers.report import Findings
from predictlab.runs._schema import COLUMNS

STEPS = frozenset({
    "depth", "step", "steps", "_step", "global_step", "train/global_step", "trainer/global_step", "iteration",
    "iterations", "iter", "train_step", "training_step", "current_steps", "num_steps", "optimizer_step",
})  # fmt: skip
INDICES = frozenset({
    "epoch", "epochs", "train/epoch", "timestamp", "wall_time", "time", "elapsed_time", "total_steps",
    "elapsed", "_runtime", "_timestamp", "samples", "samples_seen", "num_samples", "tokens", "num_tokens",
    "tokens_seen", "examples", "examples_seen", "datetime", "date", "eta", "percentage", "current_epoch", "progress",
})  # fmt: skip
SIDE = re.compile(
    r"(?P<before>.*?[-_ ./])??(?P<word>runs?|seeds?|trials?|rep|replicate|repeat|s|r)?[-_ =#]*(?P<number>\d+)"
    r"(?P<after>[-_ ./].*)?", re.IGNORECASE,
)  # fmt: skip
AT = re.compile(
    r"(?:.*[-_ ./@])?(?P<word>steps?|iter|iterations?|depth|checkpoint|ckpt|epoch)[-_ =#]*(?P<number>\d+)|(?P<bare>\d+)"
    r"(?:[-_ ]?steps?)?", re.IGNORECASE,
)  # fmt: skip
FILE = "\0file"  # name of the file a row came from; no user's column is called so


def normal(title: str) -> str:
    """A title in lower case, with underscores for blanks."""
    return title.strip().lower().replace(" ", "_")


def titled(table: pd.DataFrame) -> pd.DataFrame:
    """Titles as texts without the blanks around them; the second column called ``acc`` becomes ``acc.1``."""
    table = table.reset_index(drop=all(name is None for name in table.index.names))
    titles = ["_".join(str(p) for p in c if str(p)) if isinstance(c, tuple) else str(c).strip() for c in table.columns]
    if len(set(titles)) < len(titles):
        seen: dict[str, int] = {}
        told = []
        for title in titles:
            seen[title] = seen.get(title, -1) + 1
            told.append(f"{title}.{seen[title]}" if seen[title] else title)
        titles = told
    table = table.set_axis(titles, axis="columns")
    there = set(titles)
    for again in [t for t in titles if re.fullmatch(r".+\.\d+", t)]:
        title = again.rpartition(".")[0]
        if title not in there or not (normal(title) in STEPS or title.lower() in INDICES or title in COLUMNS):
            continue
        if not table[title].equals(table[again]):
            raise DataError(f"source: two columns are called {title!r}; rename one.")
        table = table.drop(columns=again)
    return table


def one_below_the_other(
    table: pd.DataFrame, columns: Mapping[str, str], metric: Names, found: Findings
) -> tuple[pd.DataFrame, Mapping[str, str]]:
    """A table with a column for each run, or for each depth, as a long one; any other table as it is.

    Parameters
    ----------
    table : pandas.DataFrame
    columns, metric
        As given by the user.
    found : Findings

    Returns
    -------
    table : pandas.DataFrame
    columns : mapping
        Those given, and where the new table has what.
    """
    for transform in (_runs_beside, _depths_beside):
        long = transform(table, columns, metric, found)
        if long is not None:
            return long
    return table, columns


def _content(table: pd.DataFrame, columns: Mapping[str, str]) -> list[str]:
    """Columns of numbers that count nothing and were given no role; those over runs are left out."""
    others = [c for c in table.columns if normal(c) not in STEPS and c.lower() not in INDICES and c != FILE]
    return [c for c in others if c not in columns.values() and looks_numeric(table[c])]


def _runs_beside(
    table: pd.DataFrame, columns: Mapping[str, str], metric: Names, found: Findings
) -> tuple[pd.DataFrame, Mapping[str, str]] | None:
    """Such a table has steps in a column, and all others are called after runs or seeds and numbered, or alike."""
    content = _content(table, columns)
    named = {metric} if isinstance(metric, str) else set(metric or ())
    if {"seed", "run", "value"} & set(columns) or {"run", "seed"} & set(table.columns):
        return None
    over_runs = [c for c in content if normal(c) in STATISTICS and c not in named]
    content = [c for c in content if c not in over_runs]
    sides = {c: side for c in content if (side := _side(c, table.columns)) is not None}
    if len(sides) < 2 or set(sides) != set(content) or named & set(sides):
        return None
    numbers = sorted({number for _, number, _ in sides.values()})
    plain = not any(word for word, _, _ in sides.values())
    # "recall_5" and "recall_10" are no runs 5 and 10
    if plain and any(what for _, _, what in sides.values()) and numbers[-1] - numbers[0] + 1 != len(numbers):
        return None
    if len(numbers) < 2:
        return None
    parts = []
    for name, (word, number, what) in sides.items():
        part = table.drop(columns=[*sides, *over_runs]).assign(run=f"{word or 'run'}-{number}", seed=number)
        new = what or (metric if isinstance(metric, str) else "value")
        parts.append(part.assign(metric=new, value=table[name].to_numpy()).dropna(subset=["value"]))
    found.assume(f"the columns {listed(sides)} are runs side by side, numbered by what is in their titles.")
    if over_runs:
        found.leave_out(f"the columns {listed(over_runs)}: they are over runs, and no run", loud=False)
    roles = {name: name for name in ("run", "seed", "metric", "value")}
    return pd.concat(parts, ignore_index=True), {**columns, **roles}


def _side(title: str, titles: pd.Index) -> tuple[str, int, str] | None:
    """Word, number and metric of a column that is one of several alike; None for any other."""
    if f"{title}.1" in titles:
        return "", 0, title
    again = re.fullmatch(r"(.+)\.(\d+)", title)
    if again is not None and again[1] in titles:
        return "", int(again[2]), again[1]
    hit = SIDE.fullmatch(title)
    if hit is None or len(hit["number"]) > 18:
        return None
    what = f"{hit['before'] or ''}{hit['after'] or ''}".strip("-_ ./=#")
    return (hit["word"] or "").lower(), int(hit["number"]), what


def _depths_beside(
    table: pd.DataFrame, columns: Mapping[str, str], metric: Names, found: Findings
) -> tuple[pd.DataFrame, Mapping[str, str]] | None:
    """Such a table has a row a run, no column of steps, and columns whose titles are steps."""
    if {"depth", "value"} & set(columns) or "value" in table.columns:
        return None
    if any(normal(c) in STEPS or c.lower() in INDICES for c in table.columns):
        return None
    hits = {c: hit for c in _content(table, columns) if (hit := AT.fullmatch(c))}
    words = {(hit["word"] or "step").lower().rstrip("s") for hit in hits.values()}
    at = [int(hit["number"] or hit["bare"]) for hit in hits.values() if len(hit["number"] or hit["bare"]) < 18]
    if len(hits) < 2 or len(words) > 1 or len(set(at)) < len(hits) or at != sorted(at):
        return None
    word = "epoch" if words == {"epoch"} else "step"
    more: dict[str, Any] = {} if "metric" in table.columns or "metric" in columns else {
        "metric": metric if isinstance(metric, str) else "value"}  # fmt: skip
    if not {"run", "seed"} & (set(table.columns) | set(columns)) and len(table) > 1:
        texts = [c for c in table.columns if c not in hits and c != FILE and table[c].is_unique]
        more["run"] = table[texts[0]].astype(str) if len(texts) == 1 else [f"row-{i + 1}" for i in range(len(table))]
    kept = table.drop(columns=list(hits)).assign(**more)
    parts = [kept.assign(**{word: depth, "value": table[name].to_numpy()}).assign(_row=np.arange(len(table)))
             for name, depth in zip(hits, at, strict=True)]  # fmt: skip
    long = pd.concat(parts, ignore_index=True).sort_values("_row", kind="stable").drop(columns="_row")
    found.assume(f"the columns {listed(hits)} are depths side by side: a row is a run, and the titles are its {word}s.")
    roles = {"depth": word, "value": "value"} | ({"metric": "metric"} if "metric" in long else {})
    roles |= {"run": "run"} if "run" in more else {}
    return long.dropna(subset=["value"]).reset_index(drop=True), {**columns, **roles}


def without_summaries(table: pd.DataFrame, roles: Mapping[str, str], found: Findings) -> pd.DataFrame:
    """The table without rows that are means and the like over its runs."""
    for name in ("run", "seed"):
        if name not in roles or (looks_numeric(table[roles[name]]) and name == "run"):
            continue
        cells = table[roles[name]].astype(str).str.strip().str.lower()
        made = cells.str.replace(" ", "_").isin(STATISTICS).to_numpy()
        if made.any() and not made.all():
            words = listed(table.loc[made, roles[name]].astype(str).unique())
            found.leave_out(f"{made.sum()} rows whose {roles[name]!r} is {words}: they are over runs, and no run")
            table = table[~made].reset_index(drop=True)
    return table
