"""Importers: runs that other tools recorded, as the tidy frame. One small file for each format."""

from predictlab.runs._importers.read import read_runs

__all__ = ["read_runs"]
