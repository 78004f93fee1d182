"""What the page of `RunsExplorer` is told of a source and of what follows from it, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from predictlab.decay import DecayResults
from predictlab.phase import PROBABILITY_COLUMNS
from predictlab.risk import RiskCurve
from predictlab.runs import ImportReport
from predictlab_widgets._base import to_jsonable
from predictlab_widgets._runs_script import ARGUMENTS, arguments_named, offer_of, text_of
from predictlab_widgets._runs_study import RunsStudy

COLUMNS_SHOWN = 200


def reading_of(
    made: RunsStudy, report: ImportReport | None, source: Any, arguments: Mapping[str, Any], dropped: bool,
    max_bytes: int,
) -> dict[str, Any]:  # fmt: skip
    """The source, its columns, what was said of them, and the report on reading."""
    rows = made.columns.head(COLUMNS_SHOWN)
    said = [{**row, "taken_for": made.taken_for.get(row["name"], "")} for row in rows.to_dict("records")]
    path = "" if source is None or hasattr(source, "columns") else text_of(source)  # as the field has it
    return to_jsonable({
        "source": path, "dropped": dropped, "max_bytes": max_bytes,
        "arguments": {name: text_of(arguments.get(name)) for name in ARGUMENTS},
        "columns": said, "more_columns": max(0, len(made.columns) - len(said)),
        "report": None if report is None else str(report).partition("\n")[0],
        "notes": [] if report is None else report.frame().to_numpy().tolist(),
    })  # fmt: skip


def study_of(
    made: RunsStudy, frame: pd.DataFrame | None, source: Any, error: str, table: pd.DataFrame, chosen: Mapping[str, Any]
) -> dict[str, Any]:
    """What was chosen, what there is to choose, what is asked or wrong, all tasks, and the code."""
    there = {} if frame is None else {name: list(map(str, pd.unique(frame[name]))) for name in ("task", "metric")}
    return to_jsonable({
        **chosen, "error": error, "named": arguments_named(error), "code": str(made.script),
        "offer": offer_of(error, source),
        "tasks": there.get("task", []), "metrics": there.get("metric", []),
        "table": table.to_dict("records"), "cautions": made.script.cautions,
    })  # fmt: skip


def table_of(
    curves: Mapping[str, RiskCurve], fits: Mapping[str, DecayResults], unfit: Mapping[str, str],
    phase: pd.DataFrame | None, advice: Mapping[str, str],
) -> pd.DataFrame:  # fmt: skip
    """One row a task: its runs and depths, its regime as far as there is one, and what to do or why there is no fit."""
    placed = {} if phase is None else {row["task"]: row for row in phase.to_dict("records")}
    rows = []
    for task in [*fits, *unfit]:
        curve, row = curves.get(task), placed.get(task, {})
        rows.append({
            "task": task, "runs": math.nan if curve is None or curve.n_runs is None else curve.n_runs,
            "depths": 0 if curve is None else len(curve.depth), "regime": str(row.get("regime", "")),
            **{name: row.get(name, math.nan) for name in PROBABILITY_COLUMNS},
            "advice": unfit.get(task) or advice.get(task) or str(row.get("reason") or ""),
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["task", "runs", "depths", "regime", *PROBABILITY_COLUMNS, "advice"])
