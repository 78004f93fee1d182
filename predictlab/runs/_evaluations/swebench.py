"""Reports of SWE-bench: `<model>.<run id>.json`, which name the instances of each end.

`resolved_ids` are right, `unresolved_ids` wrong. `error_ids`, `empty_patch_ids`, `incomplete_ids` (never handed in) and
`infra_failure_ids` are rows too, without an outcome: whether they count as wrong is asked. Layout as of 5.0.2
(schema_version 2) and before, without infra failures.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._evaluations.parts import Part, files_in, load_json, log

TOOL = "SWE-bench"
_FAILED = ("error_ids", "empty_patch_ids", "incomplete_ids", "infra_failure_ids")


def files(source: Path) -> list[Path]:
    """The reports of a file or a folder, at any depth of it."""
    return files_in(source, "*.json", lambda p: p.suffix == ".json" and _is_report(p))


def _is_report(file: Path) -> bool:
    """By the counts that a report begins with."""
    with file.open("rb") as opened:
        start = opened.read(2048)
    return b'"resolved_instances"' in start and b'"submitted_instances"' in start


def read(file: Path, metric: str | None, filter_name: str | None, partial: bool) -> Part:
    """One report."""
    told = load_json(file)
    missing = [name for name in ("resolved_ids", "unresolved_ids") if name not in told]
    if missing:
        raise DataError(f"{file} does not name its instances ({', '.join(missing)}); newer ones do.")
    value = dict.fromkeys(map(str, told["unresolved_ids"]), 0.0) | dict.fromkeys(map(str, told["resolved_ids"]), 1.0)
    failed = {name: told.get(name) or [] for name in _FAILED}
    value |= {str(row): float("nan") for rows in failed.values() for row in rows}
    if any(failed.values()):
        log.warning("%s: %s", file, ", ".join(f"{len(rows)} {name}" for name, rows in failed.items() if rows))
    if not value:
        raise DataError(f"{file} names no instance.")
    table = pd.DataFrame({"id": list(value), "content": None, "value": list(value.values())})
    return Part(file, file.parent / file.stem, "swe-bench", "resolved", "", table)
