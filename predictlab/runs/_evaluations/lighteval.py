"""Details of lighteval: `details/<model>/<time>/details_<task>_<time>.parquet`, written with --save-details.

A line a row, in the order of the set: `doc` (query, choices, id) and `metric`, a number under each name; older releases
call them `__doc__` and `__metric__`. Rows are known by query and choices. Layout as of 0.13.0.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from predictlab.errors import DataError, needs_extra
from predictlab.runs._evaluations.parts import Part, chosen, content_of, files_in, number

TOOL = "lighteval"
_STAMP = r"\d{4}-\d{2}-\d{2}T[\d.:-]+"
_NAME = re.compile(rf"details_(?P<task>.+)_(?P<stamp>{_STAMP})\.parquet")


def files(source: Path) -> list[Path]:
    """The details of a file or a folder, at any depth of it."""
    return files_in(source, "details_*.parquet", lambda p: _NAME.fullmatch(p.name))


def read(file: Path, metric: str | None, filter_name: str | None, partial: bool) -> Part:
    """One file of details."""
    match = _NAME.fullmatch(file.name)
    assert match is not None
    with needs_extra("Reading parquet", "parquet"):
        import pyarrow  # noqa: F401
    try:
        frame = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read as parquet: {error}") from error
    doc, scores = (next((c for c in (name, f"__{name}__") if c in frame), None) for name in ("doc", "metric"))
    if doc is None or scores is None or frame.empty:
        raise DataError(f"{file} has no columns doc and metric; are these details of lighteval?")
    names = list(dict.fromkeys(name for held in frame[scores] for name in held))
    metric = chosen("metric", metric, names, file)
    rows = list(frame[doc])
    table = pd.DataFrame(
        {
            "id": [str(row.get("id") or i) for i, row in enumerate(rows)],
            "content": [content_of(str(row["query"]), [str(c) for c in _list(row.get("choices"))]) for row in rows],
            "value": [number(_plain(held.get(metric)), file, i, metric) for i, held in enumerate(frame[scores])],
        }
    )
    folder = file.parent
    place = folder.parent if re.fullmatch(_STAMP, folder.name) else folder
    return Part(file, place, match["task"], metric, "", table)


def _list(values: object) -> list[object]:
    return [] if values is None else list(values)  # type: ignore[call-overload]


def _plain(value: object) -> object:
    """Numbers of numpy as Python's."""
    return value.item() if hasattr(value, "item") else value
