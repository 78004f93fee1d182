"""What each column, metric or param of a source was taken for."""

from __future__ import annotations

from predictlab.runs._importers.identify import Seed, Task
from predictlab.runs._importers.logs import RunLogs
from predictlab.runs._importers.report import Findings


def take(found: Findings, logs: RunLogs, seed: Seed = None, task: Task = None) -> None:
    """Note what metrics and params are taken for; readers of tables have noted their columns by themselves.

    Parameters
    ----------
    found : Findings
        Changed.
    logs : RunLogs
    seed, task
        As given by the user.
    """
    said = list(logs.about.columns)
    if found.table is None:
        found.taken_for |= dict.fromkeys(logs.metrics, "metric")
    else:  # what was made of its columns or found beside it has no column
        said = [c for c in said if c in found.table]
    found.taken_for |= {c: "recipe" for c in logs.task_columns if c in said and c not in found.taken_for}
    for name, given in (("seed", seed), ("task", task)):
        column = given if isinstance(given, str) else name if given is None else None
        if column is not None and column in said:
            found.taken_for[column] = name
