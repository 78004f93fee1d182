"""Predictions as OLMES writes them: `task-000-<task>-predictions.jsonl`, beside `-metrics.json` and `-requests.jsonl`.

Read of a line: `doc_id`, `native_id` (either may be missing; native ids repeat across tasks), `metrics`, a number or
bool under each name. Rows are known by the `doc` of the requests, where they are there. Not run with the tool here: the
layout is that of published files (docs/comparing.md).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._evaluations import parts

TOOL = "OLMES"
_NAME = re.compile(r"(?:task-\d+-)?(?P<task>.+)-predictions\.jsonl")


def files(source: Path) -> list[Path]:
    """The predictions of a file or a folder, at any depth of it."""
    return parts.files_in(source, "*-predictions.jsonl", lambda p: _NAME.fullmatch(p.name))


def read(file: Path, metric: str | None, filter_name: str | None, partial: bool) -> parts.Part:
    """One file of predictions."""
    match = _NAME.fullmatch(file.name)
    assert match is not None
    lines = list(parts.json_lines(file))
    if not lines or "metrics" not in lines[0]:
        raise DataError(f"{file} has no predictions with metrics.")
    printed = _beside(file, "-metrics.json")
    told = parts.load_json(printed) if printed.is_file() else {}
    names = list(dict.fromkeys(name for line in lines for name in line["metrics"]))
    usual = (told.get("task_config") or {}).get("primary_metric")
    if metric is None and usual in names:
        metric = str(usual)
        parts.log.warning("%s: the metric is the task's primary one, %s", file, metric)
    metric = parts.chosen("metric", metric, names, file)
    contents = _contents(_beside(file, "-requests.jsonl"))
    table = pd.DataFrame(
        {
            "id": [_id(line) for line in lines],
            "content": [contents.get(_id(line)) for line in lines],
            "value": [parts.number(line["metrics"].get(metric), file, _id(line), metric) for line in lines],
        }
    )
    if table["value"].notna().all() and not table["id"].duplicated().any():
        parts.as_printed(file, metric, float(table["value"].mean()), (told.get("metrics") or {}).get(metric))
    return parts.Part(file, file.parent, match["task"], metric, str(told.get("model_name") or ""), table)


def _id(line: dict[str, Any]) -> str:
    return f"{line.get('native_id')}:{line.get('doc_id')}"


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name.removesuffix("-predictions.jsonl") + ending)


def _contents(file: Path) -> dict[str, str]:
    """Hash of the document of each request; several requests of one document, one for each choice, have the same."""
    if not file.is_file():
        return {}
    asked = (line for line in parts.json_lines(file) if "doc" in line)
    return {_id(line): parts.content_of(json.dumps(line["doc"], sort_keys=True)) for line in asked}
