"""Runs: measurements of fine-tunes, kept in one SQLite file and read as one tidy frame."""

from predictlab.runs._costs import RunCosts
from predictlab.runs._importers import Contents, Imported, ImportNotice, ImportReport, contents, read_runs
from predictlab.runs._read_outcomes import Margins, read_outcomes
from predictlab.runs._schema import COLUMNS, STATUSES, Entry
from predictlab.runs._store import RunStore

__all__ = [
    "COLUMNS", "STATUSES", "Contents", "Entry", "ImportNotice", "ImportReport", "Imported", "Margins", "RunCosts",
    "RunStore", "contents", "read_outcomes", "read_runs",
]  # fmt: skip


def __dir__() -> list[str]:
    return list(__all__)
