"""Runs: measurements of fine-tunes, kept in one SQLite file and read as one tidy frame."""

from predictlab.runs._importers import Imported, ImportNotice, ImportReport, read_runs
from predictlab.runs._read_outcomes import Margins, read_outcomes
from predictlab.runs._schema import COLUMNS, STATUSES, Entry
from predictlab.runs._store import RunStore

__all__ = [
    "COLUMNS", "STATUSES", "Entry", "ImportNotice", "ImportReport", "Imported", "Margins", "RunStore", "read_outcomes",
    "read_runs",
]  # fmt: skip


def __dir__() -> list[str]:
    return list(__all__)
