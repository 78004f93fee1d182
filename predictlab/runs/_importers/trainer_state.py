"""Hugging Face ``trainer_state.json``: the log history that a Trainer (or TRL) saves with every checkpoint."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._importers.found import Found, Names, ask, chosen_metrics, listed
from predictlab.runs._importers.sources import names_of, natural, run_folder

# Endings of the clock's and the counters' names
NO_METRIC = (
    "_runtime", "_samples_per_second", "_steps_per_second", "_tokens_per_second", "_model_preparation_time",
    "_num_tokens",
)  # fmt: skip
COUNTERS = frozenset({"step", "epoch", "total_flos", "num_input_tokens_seen", "num_tokens"})


@lru_cache(maxsize=1000)
def _metric_names(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(k for k in keys if k not in COUNTERS and not k.endswith(NO_METRIC) and "_mem_" not in k)


@lru_cache(maxsize=1000)
def _evaluation_names(keys: tuple[str, ...]) -> tuple[str, ...]:
    prefixes = {k.removesuffix("runtime") for k in keys if k.endswith("_runtime") and k != "train_runtime"}
    return tuple(k for k in _metric_names(keys) if k.startswith((*prefixes, "eval_")))


def _numbers(entry: Mapping[str, Any], names: Iterable[str]) -> dict[str, float]:
    return {k: float(v) for k in names if isinstance(v := entry[k], (int, float)) and not isinstance(v, bool)}


def logged(entry: Mapping[str, Any]) -> dict[str, float]:
    """Every number of a log entry that was measured: neither the clock nor a counter."""
    return _numbers(entry, _metric_names(tuple(entry)))


def evaluation(entry: Mapping[str, Any]) -> dict[str, float]:
    """Metrics of a log entry that an evaluation wrote; empty for any other entry.

    The Trainer writes ``<prefix>_runtime`` with every evaluation, where the prefix is ``eval`` unless the user says
    otherwise or has several evaluation sets.
    """
    return _numbers(entry, _evaluation_names(tuple(entry)))


def read_state(path: Path) -> dict[str, Any]:
    """A trainer state with a log history, or an error that names the file."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a trainer state: {error}") from error
    if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
        raise DataError(f"{path} has no log_history: it is no trainer_state.json.")
    return state


def latest(files: Sequence[Path]) -> dict[str, Any]:
    """The furthest state of one run: of its last checkpoint, or the one saved at its end."""
    checkpoints = sorted((f for f in files if f.parent.absolute() != run_folder(f)), key=natural)
    others = [f for f in files if f not in set(checkpoints)]
    states = [read_state(f) for f in [*others, *checkpoints[-1:]]]
    return max(states, key=lambda s: (s.get("global_step") or 0, len(s["log_history"])))


def read_trainer_states(files: Sequence[Path], base: Path | None, metric: Names) -> Found:
    """Evaluations of every run; its training log (``loss``, ``grad_norm``) if `metric` names it."""
    runs: dict[Path, list[Path]] = {}
    for file in files:
        runs.setdefault(run_folder(file), []).append(file)
    names = names_of(list(runs), base)
    states = [latest(group) for group in runs.values()]
    read = evaluation if metric is None else logged
    parts = [_measurements(state, name, read) for state, name in zip(states, names, strict=True)]
    where = f"the log history of {listed(names[:1])}{', ...' if names[1:] else ''}"
    present = {name for part in parts for name in part["metric"]}
    if not present:
        other = sorted({name for state in states for entry in state["log_history"] for name in logged(entry)})
        raise ask("metric", f"{where} has no evaluation, only {listed(other) or 'nothing'}.",
                  "Pass metric= one of these, or train with an eval_strategy.")  # fmt: skip
    keep = chosen_metrics(present, metric, present, where)
    rows = pd.concat([pd.DataFrame(part).assign(run=i) for i, part in enumerate(parts)], ignore_index=True)
    rows = rows[rows["metric"].isin(keep)]
    rows["metric"] = pd.Categorical(rows["metric"].map(keep), categories=list(dict.fromkeys(keep.values())))
    rows["run"] = pd.Categorical.from_codes(rows["run"].to_numpy(), categories=names)
    label = base.resolve().name if base is not None else run_folder(files[0]).parent.name
    hint = "A trainer_state.json does not say the seed."
    facts = pd.DataFrame([dict(state.get("trial_params") or {}) for state in states], index=pd.Index(names))
    return Found(rows, facts, label, hint)


def _measurements(
    state: Mapping[str, Any], run: str, read: Callable[[Mapping[str, Any]], dict[str, float]]
) -> dict[str, list[Any]]:
    """Depth, metric, value and operations of all that `read` finds in a log history."""
    flops = _flops(state)
    depths, metrics, values, operations = [], [], [], []
    held: set[tuple[int, str]] = set()
    ended = False
    for entry in state["log_history"]:
        ended = ended or "train_runtime" in entry
        measured = read(entry)
        if not measured:
            continue
        step = entry.get("step")
        if not isinstance(step, int):
            raise DataError(f"run {run!r}: an entry of its log_history has no step: {entry}")
        for name, value in measured.items():
            # After the end the Trainer may have loaded its best model: that is no measurement at this step.
            if ended and (step, name) in held:
                continue
            held.add((step, name))
            depths.append(step)
            metrics.append(name)
            values.append(value)
            operations.append(flops.get(step, math.nan))
    return {"depth": depths, "metric": metrics, "value": values, "flops": operations}


def _flops(state: Mapping[str, Any]) -> dict[int, float]:
    """Operations up to a step, at the steps at which the state knows them."""
    known = {e["step"]: float(e["total_flos"]) for e in state["log_history"] if "total_flos" in e and "step" in e}
    if state.get("total_flos") and isinstance(state.get("global_step"), int):
        known[state["global_step"]] = float(state["total_flos"])
    return {step: value for step, value in known.items() if value > 0}
