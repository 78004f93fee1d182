"""What a reader hands on: the outcomes of one file, and how errors, metrics and contents are treated in all of them."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from predictlab.errors import DataError, bad_argument
from predictlab.runs._importers.logs import listed

log = logging.getLogger("predictlab")
ERRORS = ("zero", "missing")
# Training seed and step stand in no evaluation file: they are read from names.
NUMBERS = {"seed": re.compile(r"seed[-_=]?(\d+)"), "depth": re.compile(r"(?:step|checkpoint)[-_=]?(\d+)")}
_CONTENT = 1000  # characters of a text that tell rows apart; some tools keep no more of it


@dataclass(frozen=True, eq=False)
class Part:
    """Outcomes of one run on one task, as one file has them.

    Parameters
    ----------
    file, place : Path
        The file, and the folder that tells runs apart.
    task, metric, model : str
        As the file names them; `model` may be empty.
    table : pandas.DataFrame
        ``id``, ``content`` (a hash, or None), ``value`` (NaN: an error), perhaps ``prompt``, ``epoch`` and columns that
        may name clusters.
    """

    file: Path
    place: Path
    task: str
    metric: str
    model: str
    table: pd.DataFrame


def files_in(source: Path, pattern: str, fits: Callable[[Path], object]) -> list[Path]:
    """Files that fit: the source itself, or those of this pattern at any depth of it."""
    return sorted(p for p in ([source] if source.is_file() else source.rglob(pattern)) if p.is_file() and fits(p))


def json_lines(file: Path) -> Iterator[dict[str, Any]]:
    """Each line; a last one that was cut is left out, which is said."""
    text = file.read_text(encoding="utf-8").split("\n")
    last = max((i for i, line in enumerate(text) if line.strip()), default=-1)
    for i, line in enumerate(text):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                if i < last or last == 0:
                    raise DataError(f"{file}: line {i + 1} is no JSON ({error}).") from error
                log.warning("%s: the last line was cut and is left out", file)


def load_json(file: Path) -> Any:
    """The file's content; what was cut or is none is a DataError."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is no JSON ({error}); was its writing cut short?") from error


def content_of(*what: object) -> str:
    """A hash of what a row asks: texts by their beginning, since some tools keep no more."""
    text = "\0".join(_text(one)[:_CONTENT] for one in what)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _text(what: object) -> str:
    """Words of a string, or of the messages of a chat, whatever else stands in them."""
    if isinstance(what, str):
        return what
    if isinstance(what, Sequence):
        return "\1".join(_text(one) for one in what)
    if isinstance(what, dict):
        inner = what.get("content", what.get("text"))
        return _text(inner) if inner is not None else json.dumps(what, sort_keys=True, default=str)
    return str(what)


def chosen(name: str, given: str | None, there: Sequence[str], file: Path, hint: str = "") -> str:
    """The one that was named, or the only one."""
    if given is None and len(there) == 1:
        return there[0]
    if given is None or given not in there:
        raise bad_argument(name, given, f"one of {listed(there) or 'none that are there'} ({file.name})", hint)
    return given


def number(value: object, file: Path, row: object, metric: str) -> float:
    """A value as a float; NaN where there is none; what is no number is refused."""
    if value is None:
        return math.nan
    if isinstance(value, bool | int | float):
        return float(value)
    raise DataError(
        f"{file}: {metric} of row {row} is {str(value)[:40]!r}, no number: a metric that is no mean over rows. Choose "
        "another metric."
    )


def settle_errors(part: Part, errors: str | None) -> Part:
    """Rows without a value count as 0 or are left out, as was asked for."""
    failed = part.table["value"].isna()
    if not failed.any():
        return part
    count = int(failed.sum())
    if errors is None:
        raise bad_argument(
            "errors", None, "'zero' or 'missing'",
            f"{part.file.name}: {count} of {len(failed)} rows have no outcome (errors, empty or unscored). They count "
            "as wrong with 'zero'; with 'missing' they are left out, of all runs.",
        )  # fmt: skip
    said = "count as 0" if errors == "zero" else "are left out"
    log.warning("%s: %d of %d rows have no outcome and %s", part.file, count, len(failed), said)
    table = part.table.fillna({"value": 0.0}) if errors == "zero" else part.table[~failed]
    if table.empty:
        raise DataError(f"{part.file}: no row has an outcome.")
    return replace(part, table=table.reset_index(drop=True))


def as_printed(file: Path, what: str, mean: float, printed: object) -> None:
    """Refuse rows whose mean is not the number that the tool printed of them, where it did."""
    if isinstance(printed, int | float) and math.isfinite(printed) and abs(printed - mean) > 1e-6 * max(1, abs(mean)):
        raise DataError(
            f"{file}: the mean over rows is {mean:.6g}, the tool says {printed:.6g} for {what}. Rows are missing, or "
            "the metric is no mean over rows."
        )
