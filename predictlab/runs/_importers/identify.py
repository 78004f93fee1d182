"""Which seed and which task each run has: said by the source or by the user, else left open. Never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from predictlab.errors import ArgumentError, DataError, bad_argument
from predictlab.runs._importers.logs import SEED, RunLogs, left_open, listed
from predictlab.runs._importers.recipes import differing

BETWEEN = "-_/.:=, "

Task: TypeAlias = str | re.Pattern[str] | Mapping[str, str] | None
Seed: TypeAlias = int | str | re.Pattern[str] | Mapping[str, int] | None


def seeds_and_tasks(logs: RunLogs, seed: Seed, task: Task) -> tuple[pd.Series, pd.Series]:
    """Seed and task of each run; what is missing of both is asked in one error, with a call that answers it."""
    try:
        seeds = seeds_of(logs, seed)
    except ArgumentError as error:
        if seed is None and task is None and "task" not in logs.about.columns:
            try:
                tasks_of(logs, None, pd.Series(range(len(logs.about)), index=logs.about.index), re.compile(r"(?!)()"))
            except ArgumentError:
                raise ArgumentError(
                    f"{error} task= is open as well. If these are independent runs of one recipe on one task: "
                    "pl.read_runs(source, seed='enumerate', task='a name')."
                ) from None
        raise
    return seeds, tasks_of(logs, task, seeds, seed)


def seeds_of(logs: RunLogs, seed: Seed) -> pd.Series:
    """Seed of each run.

    Raises
    ------
    ArgumentError
        No seed for a run, or more than one candidate; the message lists what was found and what to pass.
    DataError
        A seed that is no whole number.
    """
    about, runs = logs.about, logs.about.index
    if isinstance(seed, str) and seed == "enumerate":
        return pd.Series(range(len(runs)), index=runs)
    if seed is None:
        said = "seed" in about.columns and about["seed"].notna().all()
        seed = "seed" if said else _seed_in_names(logs)
    values = _values("seed", seed, about)
    if values is None and isinstance(seed, str):
        raise bad_argument(
            "seed", seed, "something the source says of each run, a pattern with one group, or 'enumerate'",
            f"{logs.hint} Runs: {listed(runs)}.".strip(),
        )  # fmt: skip
    if values is None:
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            expected = "a whole number, a name, a pattern with one group, or a mapping run -> seed"
            raise bad_argument("seed", seed, expected)
        values = pd.Series(int(seed), index=runs)  # type: ignore[arg-type]
    numbers = [_whole(value) for value in values]
    if None in numbers:  # "seed 0", "seed 1", ...
        hits = [re.fullmatch(r"(?:seed|rng|s)?[-_ =#:]*(\d+)", str(value).strip(), re.IGNORECASE) for value in values]
        numbers = [int(hit[1]) for hit in hits if hit] if all(hits) else numbers
    for run, value, number in zip(runs, values, numbers, strict=True):
        if number is None:
            missing, text = sum(n is None for n in numbers), str(value)[:60]
            raise DataError(
                f"run {run!r}: its seed is {text!r}, which is no whole number ({missing} of {len(runs)} runs name no "
                "seed). Fill it in, leave those rows out, or pass seed=."
            )
        if not -(2**63) <= number < 2**63:
            raise DataError(
                f"run {run!r}: its seed {number} is too large to be kept (64 bits with sign). Pass seed='enumerate', "
                "or a mapping {run: seed} to smaller numbers."
            )
    return pd.Series(numbers, index=runs, dtype="int64")


def _whole(value: Any) -> int | None:
    """A whole number, exactly; None for what is none."""
    if isinstance(value, (bool, np.bool_)):
        return None
    if hasattr(value, "__index__"):
        return int(value)
    try:
        return int(str(value).strip())
    except ValueError:
        number = pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0]
    return int(number) if np.isfinite(number) and number % 1 == 0 else None


def _seed_in_names(logs: RunLogs) -> re.Pattern[str]:
    """The pattern that finds the one seed in each run's name, or the error that says why there is none."""
    runs = logs.about.index
    if "seed" in logs.about.columns:
        missing = runs[logs.about["seed"].isna().to_numpy()]
        if 0 < len(missing) < len(runs):
            raise DataError(
                f"{len(missing)} of {len(runs)} runs name no seed: {listed(missing)}. Fill it in, or pass seed=."
            )
    hits = {run: len(SEED.findall(str(run))) for run in runs}
    if set(hits.values()) == {1}:
        return SEED
    several = [run for run, number in hits.items() if number > 1]
    columns = [str(c) for c in logs.about.columns if "seed" in str(c).lower() and logs.about[c].notna().all()]
    if several:
        question = f"{several[0]!r} names more than one seed."
    elif columns:
        question = f"{listed(columns)} might be it."
    else:
        question = "nothing says the seeds of the runs."
    raise left_open(
        "seed", f"{question} {logs.hint} Runs: {listed(runs)}.".replace("  ", " "),
        r"Pass seed='a column or param', a pattern over the runs' names such as seed=r'seed[_-]?(\d+)', "
        "a mapping {run: seed}, one number for all, or seed='enumerate' to number the runs if each is independent.",
    )  # fmt: skip


def tasks_of(logs: RunLogs, task: Task, seeds: pd.Series, seed: Seed) -> pd.Series:
    """Task of each run.

    Without `task`, runs are of one task only if their names say no more than the seed, and nothing else that the source
    says might name tasks; else it is left open.
    """
    about, runs = logs.about, logs.about.index
    if task is None and "task" not in about.columns:
        return pd.Series(_only_task(logs, seeds, seed), index=runs)
    values = _values("task", "task" if task is None else task, about)
    if values is None:
        if not isinstance(task, str) or not task:
            raise bad_argument("task", task, "a name, a compiled pattern with one group, or a mapping run -> task")
        return pd.Series(task, index=runs)
    if values.isna().any():
        raise DataError(f"run {runs[values.isna()][0]!r} names no task; fill the column, or pass task=.")
    return values.astype(str)


def _only_task(logs: RunLogs, seeds: pd.Series, seed: Seed) -> str:
    """Name of the one task that all runs are of, or the error that says what leaves it open."""
    pattern = seed if isinstance(seed, re.Pattern) else SEED
    # a seed that was given as a number, or numbered by us, is not looked for in the names
    told = isinstance(seed, (int, np.integer, Mapping)) or seed == "enumerate"
    rest = {_without(str(run), None if told else number, pattern) for run, number in seeds.items()}
    differ = differing(logs.about, [c for c in logs.task_columns if c != seed])
    if len(rest) == 1 and not differ:
        return rest.pop() or logs.label
    said = [c for c in logs.about.columns if not str(c).startswith("tags.")]
    more = f" They differ in {listed(differ)}." if differ else f" Said of each: {listed(said)}." if said else ""
    raise left_open(
        "task", f"the {len(seeds)} runs may be of one task or of several: {listed(logs.about.index)}.{more}",
        "Pass task='a name' if all are of one task, a column or param that names it, re.compile(...) with one group "
        "over the runs' names, or a mapping {run: task}.",
    )  # fmt: skip


def _without(name: str, seed: int | None, pattern: re.Pattern[str]) -> str:
    """What a run's name says beside its seed."""
    found = pattern.search(name)
    if found is None and seed is not None:
        found = re.search(rf"(?<![\d.])0*{seed}$", name)
    if found is None:
        return name
    left, right = name[: found.start()], name[found.end() :]
    between = next((c for c in (left[-1:], right[:1]) if c and c in BETWEEN), "")
    left, right = left.rstrip(BETWEEN), right.lstrip(BETWEEN)
    return f"{left}{between}{right}" if left and right else left or right


def compiled(seed: Seed, columns: pd.Index) -> Seed:
    """A text with a group that is no column's name is a pattern."""
    if not (isinstance(seed, str) and seed not in columns and "(" in seed):
        return seed
    try:
        return re.compile(seed)
    except re.error as error:
        raise bad_argument("seed", seed, f"a regular expression ({error})") from None


def _values(argument: str, given: object, about: pd.DataFrame) -> pd.Series | None:
    """What a mapping, a pattern over the names or a column says of each run; None where `given` is none of these."""
    runs = about.index
    if isinstance(given, Mapping):
        if missing := [run for run in runs if run not in given]:
            expected = f"a value for each of the {len(runs)} runs"
            raise bad_argument(argument, dict(given), expected, f"Missing: {listed(missing)}.")
        return pd.Series([given[run] for run in runs], index=runs)
    if isinstance(given, re.Pattern):
        if given.groups != 1:
            expected = "a regular expression with one group, such as r'seed[_-]?(\\d+)'"
            raise bad_argument(argument, given.pattern, expected)
        values = pd.Series(runs, index=runs).astype(str).map(lambda name: (given.search(name) or [None, None])[1])
        if values.isna().any():
            run = str(runs[values.isna()][0])
            raise bad_argument(argument, given.pattern, f"a pattern found in every run's name; {run!r} has none")
        return values
    return about[given] if isinstance(given, str) and given in about.columns else None
