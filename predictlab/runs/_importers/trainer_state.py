"""Hugging Face ``trainer_state.json``: the log history that a Trainer (or TRL) saves with every checkpoint."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._importers.logs import Names, RunLogs, chosen_metrics, left_open, listed
from predictlab.runs._importers.sources import names_of, natural, run_folder

# Endings of the clock's and the counters' names
NO_METRIC = (
    "_runtime", "_samples_per_second", "_steps_per_second", "_tokens_per_second", "_model_preparation_time",
    "_num_tokens",
)  # fmt: skip
COUNTERS = frozenset({"step", "epoch", "total_flos", "num_input_tokens_seen", "num_tokens"})


def logged(entry: Mapping[str, Any]) -> dict[str, float]:
    """Every number of a log entry that was measured: neither the clock nor a counter."""
    return {
        name: float(value)
        for name, value in entry.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        if name not in COUNTERS and not name.endswith(NO_METRIC) and "_mem_" not in name
    }


def evaluation(entry: Mapping[str, Any]) -> dict[str, float]:
    """Metrics of a log entry that an evaluation wrote; empty for any other entry.

    The Trainer writes ``<prefix>_runtime`` with every evaluation, where the prefix is ``eval`` unless the user says
    otherwise or has several evaluation sets.
    """
    prefixes = {name.removesuffix("runtime") for name in entry if name.endswith("_runtime")} - {"train_"}
    return {name: value for name, value in logged(entry).items() if name.startswith((*prefixes, "eval_"))}


def read_trainer_states(files: Sequence[Path], base: Path | None, metric: Names) -> RunLogs:
    """Evaluations of every run; its training log (``loss``, ``grad_norm``) if `metric` names it."""
    run, folders = pd.factorize(pd.Series([run_folder(file) for file in files]))
    states = [_latest(list(group)) for _, group in pd.Series(files).groupby(run)]
    names, label = names_of(folders, base)
    read = evaluation if metric is None else logged
    rows = pd.DataFrame(
        [(number, *one) for number in range(len(names)) for one in _measurements(states[number], names[number], read)],
        columns=["run", "depth", "metric", "value", "flops", "ended"],
    )
    # After the end the Trainer may have loaded its best model: that is no measurement at this step.
    rows = rows[~(rows["ended"].astype(bool) & rows.duplicated(["run", "depth", "metric"]))]
    where = f"the log history of {names[0]}{', ...' if len(names) > 1 else ''}"
    if rows.empty:
        other = sorted({name for state in states for entry in state["log_history"] for name in logged(entry)})
        raise left_open("metric", f"{where} has no evaluation, only {listed(other) or 'nothing'}.",
                        "Pass metric= one of these, or train with an eval_strategy.")  # fmt: skip
    metrics = chosen_metrics(rows["metric"], metric, where, every=True)
    about = pd.DataFrame([dict(state.get("trial_params") or {}) for state in states], index=names)
    return RunLogs(rows, about, metrics, label, "A trainer_state.json does not say the seed.")


def _measurements(
    state: Mapping[str, Any], run: str, read: Callable[[Mapping[str, Any]], dict[str, float]]
) -> Iterator[tuple[int, str, float, float, bool]]:
    """Depth, metric, value and operations of all that `read` finds in a log history, and whether training had ended."""
    history = state["log_history"]
    end = {"step": state.get("global_step"), "total_flos": state.get("total_flos")}
    flops = {entry.get("step"): float(entry["total_flos"]) for entry in [*history, end] if entry.get("total_flos")}
    ended = False
    for entry in history:
        ended = ended or "train_runtime" in entry
        for name, value in read(entry).items():
            step = entry.get("step")
            if not isinstance(step, int):
                raise DataError(f"run {run!r}: an entry of its log_history has no step: {entry}")
            yield step, name, value, flops.get(step, math.nan), ended


def _latest(files: Sequence[Path]) -> dict[str, Any]:
    """The furthest state of one run: of its last checkpoint, or the one saved at its end."""
    checkpoints = sorted((f for f in files if f.parent.absolute() != run_folder(f)), key=natural)
    others = [f for f in files if f not in set(checkpoints)]
    states = [_read(f) for f in [*others, *checkpoints[-1:]]]
    return max(states, key=lambda s: (s.get("global_step") or 0, len(s["log_history"])))


def _read(path: Path) -> dict[str, Any]:
    """A trainer state with a log history, or an error that names the file."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a trainer state: {error}") from error
    if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
        raise DataError(f"{path} has no log_history: it is no trainer_state.json.")
    return state
