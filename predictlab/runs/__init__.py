"""Runs: measurements of fine-tunes, kept in one SQLite file and read as one tidy frame."""

from predictlab.runs.entry import Entry
from predictlab.runs.importers import read_runs
from predictlab.runs.schema import COLUMNS, STATUSES
from predictlab.runs.store import RunStore

__all__ = ["COLUMNS", "STATUSES", "Entry", "RunStore", "read_runs"]
