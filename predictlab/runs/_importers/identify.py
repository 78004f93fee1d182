"""Which seed and which task each run has: said by the source, by the user, or asked about. Never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from predictlab.errors import ArgumentError, DataError, bad_argument
from predictlab.runs._importers.found import Found, ask, listed

SEED = re.compile(r"seed[-_=: ]?(\d+)", re.IGNORECASE)
BETWEEN = "-_/.:=, "

Given = int | str | re.Pattern[str] | Mapping[str, Any] | None


def seeds_of(found: Found, seed: Given) -> tuple[pd.Series, re.Pattern[str] | None]:
    """Seed of each run, and the pattern by which it was found in the runs' names.

    Raises
    ------
    ArgumentError
        No seed for a run, or more than one candidate; the message lists what was found and what to pass.
    """
    runs = found.facts.index
    if seed is None:
        if "seed" in found.facts.columns and found.facts["seed"].notna().all():
            return _whole(found.facts["seed"], "seed"), None
        hits = [SEED.findall(str(run)) for run in runs]
        if all(len(hit) == 1 for hit in hits):
            return pd.Series([int(hit[0]) for hit in hits], index=runs), SEED
        raise _ask_seed(found, hits)
    if isinstance(seed, Mapping):
        return _whole(_mapped("seed", seed, runs), "seed"), None
    if isinstance(seed, re.Pattern) or (isinstance(seed, str) and seed not in found.facts.columns and "(" in seed):
        pattern = _pattern("seed", seed)
        return _whole(pd.Series(_searched("seed", pattern, runs), index=runs), "seed"), pattern
    if isinstance(seed, str):
        if seed == "enumerate":
            return pd.Series(range(len(runs)), index=runs), None
        if seed in found.facts.columns:
            return _whole(found.facts[seed], "seed"), None
        raise bad_argument(
            "seed", seed, "something the source says of each run, a pattern with one group, or 'enumerate'",
            f"{found.hint} Runs: {listed(runs)}.".strip(),
        )  # fmt: skip
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise bad_argument("seed", seed, "a whole number, a name, a pattern with one group, or a mapping run -> seed")
    return pd.Series(int(seed), index=runs), None


def _ask_seed(found: Found, hits: list[list[str]]) -> ArgumentError:
    several = [run for run, hit in zip(found.facts.index, hits, strict=True) if len(hit) > 1]
    columns = [c for c in map(str, found.facts.columns) if "seed" in c.lower()]
    if several:
        question = f"{several[0]!r} names more than one seed."
    elif columns:
        question = f"{listed(columns)} might be it."
    else:
        question = "nothing says the seeds of the runs."
    return ask(
        "seed", f"{question} {found.hint} Runs: {listed(found.facts.index)}.".replace("  ", " "),
        r"Pass seed='a column or param', a pattern over the runs' names such as seed=r'seed[_-]?(\d+)', "
        "a mapping {run: seed}, one number for all, or seed='enumerate' to number the runs if each is independent.",
    )  # fmt: skip


def tasks_of(found: Found, task: Any, seeds: pd.Series, pattern: re.Pattern[str] | None) -> pd.Series:
    """Task of each run.

    Without `task`, runs are of one task only if their names say no more than the seed, and nothing else that the source
    says might name tasks; else it is asked.
    """
    runs = found.facts.index
    if isinstance(task, Mapping):
        return _mapped("task", task, runs).astype(str)
    if isinstance(task, re.Pattern):
        return pd.Series(_searched("task", _pattern("task", task), runs), index=runs)
    if isinstance(task, str) and task in found.facts.columns:
        return _named(found.facts[task])
    if task is not None:
        if not isinstance(task, str) or not task:
            raise bad_argument("task", task, "a name, a compiled pattern with one group, or a mapping run -> task")
        return pd.Series(task, index=runs)
    if "task" in found.facts.columns:
        return _named(found.facts["task"])
    rest = {_without(str(run), seed, pattern) for run, seed in seeds.items()}
    apart = [c for c in found.apart if len(found.facts[c].unique()) > 1]
    if len(rest) == 1 and not apart:
        return pd.Series(rest.pop() or found.label, index=runs)
    said = [c for c in found.facts.columns if not str(c).startswith("tags.")]
    differ = f" They differ in {listed(apart)}." if apart else f" Said of each: {listed(said)}." if said else ""
    raise ask(
        "task", f"the {len(runs)} runs may be of one task or of several: {listed(runs)}.{differ}",
        "Pass task='a name' if all are of one task, a column or param that names it, re.compile(...) with one group "
        "over the runs' names, or a mapping {run: task}.",
    )  # fmt: skip


def _named(values: pd.Series) -> pd.Series:
    if values.isna().any():
        raise DataError(f"run {values.index[values.isna()][0]!r} names no task; fill the column, or pass task=.")
    return values.astype(str)


def _without(name: str, seed: int, pattern: re.Pattern[str] | None) -> str:
    """What a run's name says beside its seed."""
    found = (pattern or SEED).search(name) or re.search(rf"(?<!\d)0*{seed}$", name)
    if found is None:
        return name
    left, right = name[: found.start()], name[found.end() :]
    between = next((c for c in (left[-1:], right[:1]) if c and c in BETWEEN), "")
    left, right = left.rstrip(BETWEEN), right.lstrip(BETWEEN)
    return f"{left}{between}{right}" if left and right else left or right


def _pattern(argument: str, given: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        pattern = re.compile(given)
    except re.error as error:
        raise bad_argument(argument, given, f"a regular expression ({error})") from None
    if pattern.groups != 1:
        raise bad_argument(argument, given, "a regular expression with one group, such as r'seed[_-]?(\\d+)'")
    return pattern


def _searched(argument: str, pattern: re.Pattern[str], runs: pd.Index) -> list[str]:
    found = []
    for run in map(str, runs):
        match = pattern.search(run)
        if match is None or match[1] is None:
            raise bad_argument(argument, pattern.pattern, f"a pattern found in every run's name; {run!r} has none")
        found.append(match[1])
    return found


def _mapped(argument: str, given: Mapping[str, Any], runs: pd.Index) -> pd.Series:
    missing = [run for run in runs if run not in given]
    if missing:
        raise bad_argument(
            argument, dict(given), f"a value for each of the {len(runs)} runs", f"Missing: {listed(missing)}."
        )
    return pd.Series([given[run] for run in runs], index=runs)


def _whole(values: pd.Series, argument: str) -> pd.Series:
    number = pd.to_numeric(values, errors="coerce")
    wrong = number.isna() | (number % 1 != 0)
    if wrong.any():
        run = values.index[wrong.to_numpy()][0]
        raise DataError(f"run {run!r}: its {argument} is {values[run]!r}, which is no whole number.")
    return number.astype("int64")
