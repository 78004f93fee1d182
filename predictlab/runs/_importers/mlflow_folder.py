"""MLflow's file store (``mlruns``): one folder a run, one file a metric, lines ``timestamp value step``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._importers.found import Found, Names, chosen_metrics
from predictlab.runs._importers.sources import names_of


def read_mlflow(runs: Sequence[Path], base: Path | None, metric: Names) -> Found:
    """Metrics of the runs, with params and tags as facts. Seconds are those since the run's first measurement."""
    files = {run: {_name(f, run / "metrics"): f for f in _files(run / "metrics")} for run in runs}
    present = {name for metrics in files.values() for name in metrics}
    keep = chosen_metrics(present, metric, (), "the MLflow runs")
    about = [_facts(run) for run in runs]
    names = _names([fact["run_name"] for fact in about], runs, base)
    parts = []
    for number, run in enumerate(runs):
        for name in keep.keys() & files[run].keys():
            time, value, step = _lines(files[run][name])
            parts.append(pd.DataFrame({"run": number, "depth": step, "metric": keep[name], "value": value, "t": time}))
    rows = pd.concat(parts, ignore_index=True)
    rows["seconds"] = (rows["t"] - rows.groupby("run")["t"].transform("min")) / 1000
    rows["metric"] = pd.Categorical(rows["metric"], categories=list(dict.fromkeys(keep.values())))
    rows["run"] = pd.Categorical.from_codes(rows["run"].to_numpy(), categories=names)
    facts = pd.DataFrame(about, index=pd.Index(names))
    label = str(facts["experiment"].iloc[0])
    hint = "MLflow has these params and tags: " + ", ".join(map(str, facts.columns)) + "."
    return Found(rows.drop(columns="t"), facts, label, hint, apart=("experiment",))


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.is_file())


def _name(file: Path, folder: Path) -> str:
    """A metric called ``eval/loss`` lies in the folder ``eval``."""
    return file.relative_to(folder).as_posix()


def _lines(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Timestamp (ms), value and step of each line; later versions add fields behind these."""
    fields = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(len(line) < 3 for line in fields):
        raise DataError(f"{file}: a line has no step; log metrics with mlflow.log_metric(name, value, step=...).")
    try:
        table = np.array([line[:3] for line in fields], dtype=float).reshape(-1, 3)
    except ValueError as error:
        raise DataError(f"{file}: expected lines of timestamp, value, step: {error}") from error
    return table[:, 0], table[:, 1], table[:, 2]


def _facts(run: Path) -> dict[str, Any]:
    """Params by their names, tags as ``tags.<name>``, the names of run and experiment."""
    meta = _yaml(run / "meta.yaml")
    tags = {f"tags.{_name(f, run / 'tags')}": f.read_text(encoding="utf-8") for f in _files(run / "tags")}
    params = {_name(f, run / "params"): f.read_text(encoding="utf-8") for f in _files(run / "params")}
    above = run.parent / "meta.yaml"
    experiment = _yaml(above).get("name", run.parent.name) if above.is_file() else run.parent.name
    name = tags.get("tags.mlflow.runName") or meta.get("run_name") or run.name
    return {**tags, **params, "run_id": run.name, "run_name": name, "experiment": experiment}


def _names(given: Sequence[str], runs: Sequence[Path], base: Path | None) -> list[str]:
    """Names as the user sees them in MLflow; the folders' where those are not unique."""
    return list(given) if len(set(given)) == len(given) else names_of(runs, base)


def _yaml(file: Path) -> dict[str, str]:
    """Top-level ``key: text`` lines, which is all that MLflow writes here."""
    pairs = (line.partition(":") for line in file.read_text(encoding="utf-8").splitlines() if not line[:1].isspace())
    return {key.strip(): value.strip().strip("'\"") for key, colon, value in pairs if colon}
