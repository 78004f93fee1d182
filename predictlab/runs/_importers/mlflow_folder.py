"""MLflow's file store (``mlruns``): one folder a run, one file a metric, lines ``timestamp value step``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._importers.logs import Names, RunLogs, chosen_metrics
from predictlab.runs._importers.sources import names_of


def read_mlflow(runs: Sequence[Path], base: Path | None, metric: Names) -> RunLogs:
    """Metrics of the runs, and their params and tags. Seconds are those since the run's first measurement."""
    files = [_files(run / "metrics") for run in runs]
    metrics = chosen_metrics((name for metrics in files for name in metrics), metric, "the MLflow runs")
    parts = [
        _measurements(metrics_of_run[name]).assign(run=number, metric=name)
        for number, metrics_of_run in enumerate(files)
        for name in metrics.keys() & metrics_of_run.keys()
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows["seconds"] = (rows["time"] - rows.groupby("run")["time"].transform("min")) / 1000
    about = pd.DataFrame([_about(run) for run in runs])
    # Names as the user sees them in MLflow; the folders' where those are not unique.
    about.index = pd.Index(about["run_name"] if about["run_name"].is_unique else names_of(runs, base)[0], name=None)
    hint = f"MLflow has these params and tags: {', '.join(map(str, about.columns))}."
    return RunLogs(rows, about, metrics, str(about["experiment"].iloc[0]), hint, task_columns=("experiment",))


def _files(folder: Path) -> dict[str, Path]:
    """Files below a folder by name: a metric called ``eval/loss`` lies in the folder ``eval``."""
    return {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}


def _measurements(file: Path) -> pd.DataFrame:
    """Timestamp (ms), value and step of each line; later versions add fields behind these."""
    fields = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(len(line) < 3 for line in fields):
        raise DataError(f"{file}: a line has no step; log metrics with mlflow.log_metric(name, value, step=...).")
    try:
        table = np.array([line[:3] for line in fields], dtype=float).reshape(-1, 3)
    except ValueError as error:
        raise DataError(f"{file}: expected lines of timestamp, value, step: {error}") from error
    return pd.DataFrame(table, columns=["time", "value", "depth"])


def _about(run: Path) -> dict[str, str]:
    """Params by their names, tags as ``tags.<name>``, the names of run and experiment."""
    tags = {f"tags.{name}": file.read_text(encoding="utf-8") for name, file in _files(run / "tags").items()}
    params = {name: file.read_text(encoding="utf-8") for name, file in _files(run / "params").items()}
    name = tags.get("tags.mlflow.runName") or _yaml(run).get("run_name") or run.name
    experiment = _yaml(run.parent).get("name", run.parent.name)
    return {**tags, **params, "run_id": run.name, "run_name": name, "experiment": experiment}


def _yaml(folder: Path) -> dict[str, str]:
    """Top-level ``key: text`` lines of a folder's ``meta.yaml``, which is all that MLflow writes here."""
    file = folder / "meta.yaml"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = (line.partition(":") for line in lines if not line[:1].isspace())
    return {key.strip(): value.strip().strip("'\"") for key, colon, value in pairs if colon}
