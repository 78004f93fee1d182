"""MLflow's file store (``mlruns``): one folder a run, one file a metric, lines ``timestamp value step``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._importers.logs import Names, RunLogs, chosen_metrics, listed, repeated
from predictlab.runs._importers.recipes import is_label, with_schedules
from predictlab.runs._importers.report import Findings
from predictlab.runs._importers.sources import names_of

ABOUT = ("run_id", "run_name", "experiment")


def read_mlflow(runs: Sequence[Path], base: Path | None, metric: Names, found: Findings) -> RunLogs:
    """Metrics of the runs, and their params and tags. Seconds are those since the run's first measurement."""
    databases = [run for run in runs if not run.is_dir()]
    if databases:
        if len(databases) < len(runs) or len(databases) > 1:
            raise DataError(f"{listed(runs)}: read one MLflow database, or mlruns folders, at a time.")
        rows, about = read_database(databases[0])
    else:
        rows, about = _read_folders(runs, base, found)
    present = repeated(rows, found) if metric is None else rows["metric"]
    metrics = chosen_metrics(present.unique(), metric, "the MLflow runs")
    params = [c for c in about.columns if not c.startswith("tags.") and c not in ABOUT and not is_label(c)]
    about, rates = with_schedules(about, rows)
    rows = rows[rows["metric"].isin(metrics)].reset_index(drop=True)
    silent = about.index[~np.isin(np.arange(len(about)), rows["run"].unique())]
    if len(silent):
        found.leave_out(f"MLflow runs without a value of {listed(metrics)}: {listed(silent)}")
    _refuse_no_steps(rows, about.index)
    rows["seconds"] = (rows["time"] - rows.groupby("run")["time"].transform("min")) / 1000
    hint = f"MLflow has these params and tags: {', '.join(str(c)[:80] for c in about.columns[:40])}."
    return RunLogs(
        rows.sort_values(["run", "time"], kind="stable", ignore_index=True), about, metrics,
        str(about["experiment"].iloc[0]), hint, task_columns=("experiment", *params, *rates), ordered=True,
        twice="If the run was resumed, or measured twice, keep='last' takes what was logged later, keep='first' what "
        "came first.",
    )  # fmt: skip


def _read_folders(runs: Sequence[Path], base: Path | None, found: Findings) -> tuple[pd.DataFrame, pd.DataFrame]:
    parts = []
    for number, run in enumerate(runs):
        for name, file in _files(run / "metrics").items():
            try:
                part = _measurements(file)
            except DataError as error:
                found.leave_out(str(error))
                continue
            if part.empty:
                found.leave_out(f"{file}: it is empty")
            parts.append(part.assign(run=number, metric=name))
    empty = pd.DataFrame(columns=["time", "value", "depth", "run", "metric"])
    rows = pd.concat([p for p in parts if len(p)] or [empty], ignore_index=True)
    about = pd.DataFrame([_about(run) for run in runs])
    # Names as the user sees them in MLflow; the folders' where those are not unique.
    about.index = pd.Index(about["run_name"] if about["run_name"].is_unique else names_of(runs, base)[0], name=None)
    return rows, about


def read_database(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measurements and what is said of each run, from MLflow's SQLite store."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            there = {row[1] for row in connection.execute("PRAGMA table_info(runs)")}
            alive = " WHERE lifecycle_stage = 'active'" if "lifecycle_stage" in there else ""
            runs = pd.read_sql_query(f"SELECT * FROM runs{alive}", connection)
            # named, so that a schema that is damaged or another one is the database's error
            metrics = pd.read_sql_query("SELECT run_uuid, key, value, timestamp, step, is_nan FROM metrics", connection)
            experiments = pd.read_sql_query("SELECT experiment_id, name FROM experiments", connection)
            tables = {n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            told = {t: pd.read_sql_query(f"SELECT key, value, run_uuid FROM {t}", connection)
                    for t in ("params", "tags") if t in tables}  # fmt: skip
    except (sqlite3.Error, pd.errors.DatabaseError, UnicodeError) as error:
        raise DataError(f"{path} cannot be read as an MLflow database: {error}") from error
    if "run_uuid" not in runs:
        raise DataError(f"{path} cannot be read as an MLflow database: its runs have no run_uuid.")
    if runs.empty:
        raise DataError(f"{path} is an MLflow database without runs.")
    number = {run: i for i, run in enumerate(runs["run_uuid"])}
    rows = metrics[metrics["run_uuid"].isin(number)]
    value = pd.to_numeric(rows["value"], errors="coerce").where(pd.to_numeric(rows["is_nan"], errors="coerce") != 1)
    rows = pd.DataFrame({"time": pd.to_numeric(rows["timestamp"], errors="coerce"), "value": value,
                         "depth": pd.to_numeric(rows["step"], errors="coerce"), "run": rows["run_uuid"].map(number),
                         "metric": rows["key"].astype(str)})  # fmt: skip
    said: list[dict[str, str]] = [{} for _ in number]
    for table, pairs in told.items():
        for key, text, run in pairs.itertuples(index=False):
            if run in number:
                said[number[run]][f"tags.{key}" if table == "tags" else str(key)] = str(text)
    names = dict(zip(experiments["experiment_id"].astype(str), experiments["name"].astype(str), strict=True))
    own = runs["name"].astype(str) if "name" in runs else pd.Series("", index=runs.index)
    own = own.where(~own.isin(["", "None", "nan"]), runs["run_uuid"].astype(str))
    experiment = runs["experiment_id"].astype(str) if "experiment_id" in runs else pd.Series("", index=runs.index)
    about = pd.DataFrame(said)
    about["run_id"], about["run_name"] = runs["run_uuid"].astype(str), own
    about["experiment"] = [names.get(e, path.stem) for e in experiment]
    about.index = pd.Index(own if own.is_unique else runs["run_uuid"].astype(str), name=None)
    return rows.reset_index(drop=True), about


def _refuse_no_steps(rows: pd.DataFrame, names: pd.Index) -> None:
    """Values that were logged without a step are all at step 0."""
    of = rows.groupby(["run", "metric"])["depth"].agg(["size", "max", "min"])
    lost = of[(of["size"] > 1) & (of["max"] == 0) & (of["min"] == 0)]
    if len(lost):
        run, metric = lost.index[0]
        raise DataError(
            f"run {names[run]!r}: every value of {metric} is at step 0: it was logged without step=. Log it with "
            "mlflow.log_metric(name, value, step=...), or make a table with the steps yourself (the values are in the "
            "order of their times) and read that."
        )


def _files(folder: Path) -> dict[str, Path]:
    """Files below a folder by name: a metric called ``eval/loss`` lies in the folder ``eval``."""
    return {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}


def _measurements(file: Path) -> pd.DataFrame:
    """Timestamp (ms), value and step of each line; later versions add fields behind these."""
    fields = [line.split() for line in _text(file).splitlines() if line.strip()]
    if any(len(line) < 3 for line in fields):
        raise DataError(f"{file}: a line has no step; log metrics with mlflow.log_metric(name, value, step=...).")
    try:
        table = np.array([line[:3] for line in fields], dtype=float).reshape(-1, 3)
    except ValueError as error:
        raise DataError(f"{file}: expected lines of timestamp, value, step: {error}") from error
    return pd.DataFrame(table, columns=["time", "value", "depth"])


def _about(run: Path) -> dict[str, str]:
    """Params by their names, tags as ``tags.<name>``, the names of run and experiment."""
    tags = {f"tags.{name}": _text(file) for name, file in _files(run / "tags").items()}
    params = {name: _text(file) for name, file in _files(run / "params").items()}
    name = tags.get("tags.mlflow.runName") or _yaml(run).get("run_name") or run.name
    experiment = _yaml(run.parent).get("name", run.parent.name)
    return {**tags, **params, "run_id": run.name, "run_name": name, "experiment": experiment}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from error


def _yaml(folder: Path) -> dict[str, str]:
    """Top-level ``key: text`` lines of a folder's ``meta.yaml``, which is all that MLflow writes here."""
    file = folder / "meta.yaml"
    lines = _text(file).splitlines() if file.is_file() else []
    pairs = (line.partition(":") for line in lines if not line[:1].isspace())
    return {key.strip(): value.strip().strip("'\"") for key, colon, value in pairs if colon}
