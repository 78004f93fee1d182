"""Samples of lm-evaluation-harness: `samples_<task>_<time>.jsonl`, one line a row and filter, beside `results_*.json`.

Layout as written by releases 0.4 to 0.4.13: doc_id, doc_hash, prompt_hash, filter, metrics (the names), and a key for
each metric. The training seed and step stand in no file; they are read from folder names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from predictlab.errors import DataError, bad_argument
from predictlab.runs._evaluations import parts
from predictlab.runs._importers.logs import listed

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<stamp>\d{4}-\d{2}-\d{2}T[\d.:-]+)\.jsonl")


def sample_files(source: Path) -> list[Path]:
    """The samples of a file or a folder, at any depth of it; none where it is something else."""
    own = source.suffix == ".jsonl"  # by any name, if the user names it
    return parts.files_in(source, "samples_*.jsonl", lambda p: (own and p == source) or _NAME.fullmatch(p.name))


def read_samples(
    source: Path, files: Sequence[Path], task: str | None, metric: str | None, filter_name: str | None
) -> pd.DataFrame:
    """Outcomes of all files as one long table, a run for each folder (and time, where one folder has several)."""
    base = source if source.is_dir() else source.parent
    found = [(f, *_task_and_stamp(f)) for f in files]
    if task is not None:
        found = [one for one in found if one[1] == task]
        if not found:
            names = listed(sorted({_task_and_stamp(f)[0] for f in files}))
            raise bad_argument("task", task, f"a task of these samples: {names}")
    folders = pd.Series([(f.parent, t) for f, t, _ in found])
    again = folders.duplicated(keep=False)
    tables, said, places = [], [], []
    for (file, name, stamp), several in zip(found, again, strict=True):
        place = str(file.parent.relative_to(base))
        run = (place if place != "." else base.resolve().name) + (f" {stamp}" if several else "")
        outcomes, of_metric = _one_file(file, name, metric, filter_name)
        tables.append(outcomes)
        said.append((run, name, of_metric))
        places.append(place)
    # what is one for a whole file is taken by its number: a text a line costs more than reading the file
    of = np.repeat(np.arange(len(tables)), [len(one) for one in tables])
    table = pd.concat(tables, ignore_index=True)
    for column, values in zip(("run", "task", "metric"), zip(*said, strict=True), strict=True):
        table[column] = pd.Series(list(values)).take(of).array
    _one_prompt(table)
    for column, pattern in parts.NUMBERS.items():
        numbers = [pattern.findall(place) for place in places]
        if all(len(n) == 1 for n in numbers):
            table[column] = np.array([int(n[0]) for n in numbers])[of]
            parts.log.warning("%s: the %s of each run is read from its folder's name", source, column)
    return table


def _task_and_stamp(file: Path) -> tuple[str, str]:
    match = _NAME.fullmatch(file.name)
    return (match["task"], match["stamp"]) if match else (file.stem.removeprefix("samples_"), "")


def _one_file(file: Path, task: str, metric: str | None, filter_name: str | None) -> tuple[pd.DataFrame, str]:
    """Outcomes of one file, and their metric."""
    frame = _quickly(file)
    if frame is None or (metric is not None and metric not in frame):
        frame = _slowly(file, metric)
    hint = "Each row stands once for each filter; choose one."
    filter_name = parts.chosen("filter", filter_name, frame["filter"].unique().tolist(), file, hint)
    frame = frame[frame["filter"] == filter_name].reset_index(drop=True)
    held = metric in frame and frame[metric].iloc[0] is not None  # a key of the lines that is not in their list
    metric = parts.chosen("metric", metric, [str(metric)] if held else _names(frame["metrics"].iloc[0]), file)
    value = frame[metric]
    if value.dtype == object:
        value = pd.Series([parts.number(v, file, d, metric) for v, d in zip(value, frame["doc_id"], strict=True)])
    if failed := int(value.isna().sum()):
        raise DataError(f"{file}: {failed} rows failed, without a value of {metric}. Leave them out of all runs.")
    table = pd.DataFrame(
        {"doc": frame["doc_id"], "hash": frame["doc_hash"], "prompt": frame["prompt_hash"], "value": value}
    )
    if table["prompt"].notna().all():
        table["prompt"] = table["prompt"].astype(str)
    table = _once(table, file)
    table["row"] = table["doc"].astype(str)
    if table["hash"].notna().all():  # one content twice in a set is told apart by its order
        table["row"] = table["hash"].astype(str).str[:16]
        if not table["hash"].is_unique:
            turn = table.sort_values("doc").groupby("hash").cumcount().reindex(table.index)
            table.loc[turn > 0, "row"] += "#" + turn[turn > 0].astype(str)
    printed = file.parent / f"results_{_task_and_stamp(file)[1]}.json"
    if printed.is_file():
        key = f"{metric},{filter_name}"
        told = parts.load_json(printed).get("results", {}).get(task, {}).get(key)
        parts.as_printed(file, key, float(table["value"].mean()), told)
    return table[["row", "prompt", "value"]], metric


def _names(metrics: object) -> list[str]:
    """The names of a line's metrics; none where it has no list of them."""
    return [] if metrics is None or isinstance(metrics, str) else [str(m) for m in metrics]  # type: ignore[attr-defined]


def _quickly(file: Path) -> pd.DataFrame | None:
    """The fields that count, by pyarrow: ten times as fast; None where a line is not as the first one says, or cut."""
    try:
        import pyarrow as pa
        from pyarrow import json as arrow
    except ImportError:
        return None
    with file.open(encoding="utf-8") as lines:
        first = lines.readline()
    try:
        names = _names(json.loads(first).get("metrics"))
        words = [(name, pa.string()) for name in ("doc_hash", "prompt_hash", "filter")]
        values = [(name, pa.float64()) for name in names]
        schema = pa.schema([("doc_id", pa.int64()), *words, ("metrics", pa.list_(pa.string())), *values])
        options = arrow.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
        table = arrow.read_json(file, parse_options=options)
    except (ValueError, AttributeError, pa.ArrowException):
        return None  # the slow way says what is wrong, and where
    if not names or any(table[name].null_count for name in ("doc_id", "metrics", *names)):
        return None
    frame = table.to_pandas()
    return frame.assign(filter=frame["filter"].fillna("none").astype(str))


def _slowly(file: Path, metric: str | None) -> pd.DataFrame:
    """The same, line by line."""
    lines = list(parts.json_lines(file))
    if not lines:
        raise DataError(f"{file}: no samples.")
    if "doc_id" not in lines[0]:
        raise DataError(f"{file}: a line without doc_id; are these samples of lm-evaluation-harness (--log_samples)?")
    names = dict.fromkeys(name for line in lines for name in _names(line.get("metrics")))
    if metric is not None and any(metric in line for line in lines):
        names[metric] = None
    kept = ("doc_id", "doc_hash", "prompt_hash", "metrics", *names)
    frame = pd.DataFrame({key: pd.Series([line.get(key) for line in lines], dtype=object) for key in kept})
    return frame.assign(filter=[str(line.get("filter", "none")) for line in lines])


def _once(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    """A resumed evaluation appends: lines that say the same twice count once."""
    if table["doc"].is_unique:
        return table
    once = table.drop_duplicates()
    if once["doc"].duplicated().any():
        doc = once.loc[once["doc"].duplicated(), "doc"].iloc[0]
        raise DataError(f"{file}: doc_id {doc} has two outcomes. Were two evaluations appended to one file? Keep one.")
    if len(once) < len(table):
        twice = len(table) - len(once)
        parts.log.warning("%s: %d lines stand twice, as resumed writing leaves them; each counts once", file, twice)
    return once.reset_index(drop=True)


def _one_prompt(table: pd.DataFrame) -> None:
    """Rows of one content that were asked in another way are other rows."""
    asked = table.dropna(subset="prompt")
    rows, prompts = (pd.factorize(asked[column])[0] for column in ("row", "prompt"))
    rows = rows * len(table) + pd.factorize(asked["task"])[0]
    twice = pd.DataFrame({"row": rows, "prompt": prompts}).drop_duplicates().duplicated("row")
    if twice.any():
        raise DataError(
            f"{int(twice.sum())} rows were asked with other prompts in some runs (prompt_hash: another template, "
            "shots or seed of the shots). Read runs of one prompt."
        )
