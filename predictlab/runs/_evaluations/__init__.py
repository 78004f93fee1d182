"""Outcomes of evaluation rows as other tools write them, one small file a tool; `read.py` puts runs together."""

from predictlab.runs._evaluations.read import EvaluationFiles, find_evaluations, read_evaluations

__all__ = ["EvaluationFiles", "find_evaluations", "read_evaluations"]
