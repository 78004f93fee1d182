"""Importers: runs that other tools recorded, as the tidy frame. One small file for each format."""

from predictlab.runs._importers.contents import Contents, contents
from predictlab.runs._importers.read import read_runs
from predictlab.runs._importers.report import Imported, ImportNotice, ImportReport

__all__ = ["Contents", "ImportNotice", "ImportReport", "Imported", "contents", "read_runs"]
