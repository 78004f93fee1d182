"""Hugging Face ``trainer_state.json``: the log history that a Trainer (or TRL) saves with every checkpoint."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._importers.logs import Names, RunLogs, chosen_metrics, left_open, listed
from predictlab.runs._importers.recipes import is_label, with_recipes, with_schedules
from predictlab.runs._importers.report import Findings
from predictlab.runs._importers.sources import CHECKPOINT, names_of, read_each, run_folder

# Endings of the clock's and the counters' names
NO_METRIC = (
    "_runtime", "_samples_per_second", "_steps_per_second", "_tokens_per_second", "_model_preparation_time",
    "_num_tokens",
)  # fmt: skip
SETTINGS = ("max_steps", "num_train_epochs", "train_batch_size")
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


def read_trainer_states(files: Sequence[Path], base: Path | None, metric: Names, found: Findings) -> RunLogs:
    """Evaluations of every run; its training log (``loss``, ``grad_norm``) if `metric` names it."""
    by_folder: dict[Path, list[tuple[Path, dict[str, Any]]]] = {}
    for file, state in read_each(files, _read, found):
        by_folder.setdefault(run_folder(file), []).append((file, state))
    folders = list(by_folder)
    names, label = names_of(folders, base)
    states = [_latest(group, name, found) for group, name in zip(by_folder.values(), names, strict=True)]
    read = evaluation if metric is None else logged
    entries = [list(_entries(state, name, found)) for state, name in zip(states, names, strict=True)]
    rows = pd.DataFrame(
        [
            (number, step, name, value, flops)
            for number, of_run in enumerate(entries)
            for step, entry, flops in of_run
            for name, value in read(entry).items()
        ],
        columns=["run", "depth", "metric", "value", "flops"],
    )
    where = f"the log history of {names[0]}{', ...' if len(names) > 1 else ''}"
    if rows.empty and (lost := [e for state in states for e in state["log_history"] if not _is_step(e.get("step"))]):
        raise DataError(f"{where}: an entry has no step: {str(lost[0])[:80]}")
    if rows.empty:
        every = (entry for state in states for entry in state["log_history"])
        other = sorted({name for entry in every for name in logged(entry)})
        raise left_open("metric", f"{where} has no evaluation, only {listed(other) or 'nothing'}.",
                        "Pass metric= one of these, or train with an eval_strategy.")  # fmt: skip
    tests = _tests(states) if metric is None else set()
    if tests & set(rows["metric"]):
        found.leave_out(f"{listed(sorted(tests))}: measured after the end alone; pass metric= if wanted", loud=False)
    metrics = chosen_metrics(set(rows["metric"]) - tests, metric, where, every=True)
    about = pd.DataFrame([_settings(state) for state in states], index=names)
    settings = tuple(c for c in about.columns if not is_label(c))
    about, said = with_recipes(about, folders, found)
    about, rates = with_schedules(about, _rates(entries))
    hint = "A trainer_state.json does not say the seed."
    return RunLogs(rows, about, metrics, label, hint, task_columns=(*settings, *said, *rates))


def _tests(states: Sequence[Mapping[str, Any]]) -> set[str]:
    """Metrics that were measured only after trainings had ended, where others were before: tests, predictions."""
    during: set[str] = set()
    after: set[str] = set()
    for state in states:
        ended = False
        for entry in state["log_history"]:
            ended = ended or "train_runtime" in entry
            (after if ended else during).update(evaluation(entry))
    return after - during if during else set()


def _settings(state: Mapping[str, Any]) -> dict[str, Any]:
    """What a state says of its recipe: length and batch, and what a search set."""
    trial = state.get("trial_params")
    own = {name: state[name] for name in SETTINGS if isinstance(state.get(name), (int, float))}
    return own | (dict(trial) if isinstance(trial, Mapping) else {})


def _rates(entries: Sequence[Sequence[tuple[int, Mapping[str, Any], float]]]) -> pd.DataFrame:
    rates = [
        (number, step, "learning_rate", entry["learning_rate"])
        for number, of_run in enumerate(entries)
        for step, entry, _ in of_run
        if isinstance(entry.get("learning_rate"), (int, float))
    ]
    return pd.DataFrame(rates, columns=["run", "depth", "metric", "value"])


def _entries(state: Mapping[str, Any], run: str, found: Findings) -> Iterator[tuple[int, Mapping[str, Any], float]]:
    """Step, entry and operations of the log entries that are measurements of a depth.

    After its end the Trainer may have loaded its best model: what is evaluated then is no measurement at this step if
    the step was measured before, or if the values are those of the best checkpoint.
    """
    history = state["log_history"]
    end = {"step": state.get("global_step"), "total_flos": state.get("total_flos")}
    flops = {
        entry.get("step"): float(entry["total_flos"])
        for entry in [*history, end]
        if isinstance(entry.get("total_flos"), (int, float)) and entry["total_flos"] and _is_step(entry.get("step"))
    }
    best, best_value = _best_step(state), state.get("best_metric")
    seen: dict[int, dict[str, float]] = {}
    ended, no_step, of_best, unsure = False, 0, 0, set()
    for entry in history:
        ended = ended or "train_runtime" in entry
        step, values = entry.get("step"), evaluation(entry) or logged(entry)
        if not _is_step(step):
            no_step += bool(logged(entry))
            continue
        if ended and values:
            if step in seen and values.keys() <= seen[step].keys():
                of_best += seen[step] != values
                continue
            if best is not None and best != step and evaluation(entry):
                before = seen.get(best, {})
                shared = values.keys() & before.keys()
                same = bool(shared) and all(values[name] == before[name] for name in shared)
                if same or best_value in values.values():
                    of_best += 1
                    continue
                unsure |= set(values)
        seen.setdefault(step, {}).update(values)
        yield step, entry, flops.get(step, math.nan)
    if no_step:
        found.leave_out(f"run {run!r}: {no_step} entries without a step, such as predictions", loud=False)
    if of_best:
        found.leave_out(f"run {run!r}: {of_best} evaluations after the end, of the best model", loud=False)
    if unsure:
        found.assume(
            f"run {run!r}: {listed(sorted(unsure))} evaluated after the end is taken as of the last step, though "
            f"the best model, of step {best}, may have been loaded."
        )


def _is_step(step: object) -> TypeGuard[int]:
    return isinstance(step, int) and not isinstance(step, bool)


def _best_step(state: Mapping[str, Any]) -> int | None:
    """Step of the best checkpoint, which its folder's name says."""
    found = re.search(r"checkpoint-(\d+)/?$", str(state.get("best_model_checkpoint") or ""))
    return int(found[1]) if found else None


def _latest(states: Sequence[tuple[Path, dict[str, Any]]], run: str, found: Findings) -> dict[str, Any]:
    """The furthest state of one run's last training.

    The state saved at its end says which training is meant; checkpoints whose history contradicts it are left over
    from another one. Where only checkpoints are there and contradict each other, nobody can say.
    """
    of = {id(state): file for file, state in states}
    ends = [state for file, state in states if not CHECKPOINT.fullmatch(file.parent.name)]
    points = [state for file, state in states if CHECKPOINT.fullmatch(file.parent.name)]
    furthest = max(ends or points, key=_progress)
    other = [state for state in points if _contradict(state, furthest)]
    if other:
        names = listed(of[id(state)].parent.name for state in sorted(other, key=_progress))
        if not ends:
            raise DataError(
                f"run {run!r}: its checkpoints are of different trainings: {names} contradict "
                f"{of[id(furthest)].parent.name}. Move those that are left over, or read one trainer_state.json."
            )
        found.assume(
            f"run {run!r}: {names} contradict the state saved at the end, and are taken as left over from another "
            "training."
        )
    return max((state for state in [*ends, *points] if not any(state is o for o in other)), key=_progress)


def _progress(state: Mapping[str, Any]) -> tuple[int, int]:
    step = state.get("global_step")
    return (step if _is_step(step) else 0), len(state["log_history"])


def _contradict(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two states have different values of one thing at one step before the end of the training."""
    first, second = _values(one), _values(other)
    return any(
        second[key] != value and not (math.isnan(value) and math.isnan(second[key]))
        for key, value in first.items()
        if key in second
    )


def _values(state: Mapping[str, Any]) -> dict[tuple[int, str], float]:
    values: dict[tuple[int, str], float] = {}
    for entry in state["log_history"]:
        if "train_runtime" in entry:
            break
        if _is_step(entry.get("step")):
            values |= {(entry["step"], name): value for name, value in logged(entry).items()}
    return values


def _read(path: Path) -> dict[str, Any]:
    """A trainer state with a log history, or an error that names the file."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as a trainer state: {error}") from error
    if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
        raise DataError(f"{path} has no log_history: it is no trainer_state.json.")
    state["log_history"] = [entry for entry in state["log_history"] if isinstance(entry, dict)]
    for entry in state["log_history"]:
        if isinstance(entry.get("step"), (str, float)):  # rewritten by other programs
            text = str(entry["step"]).strip().removesuffix(".0")
            entry["step"] = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    return state
