"""Lengths of recipes: what is known of the one that runs follow, and the ends of recipes of several lengths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from os import PathLike

import pandas as pd

from predictlab.errors import DataError
from predictlab.risk._frames import Runs, as_runs_frame, is_fork, select_single
from predictlab.runs import RunStore
from predictlab.runs._store import opened

_LENGTH = re.compile(r"(?P<name>.+), (?P<steps>\d+) steps")  # names of tasks that a plan over horizons trains


def recipe_of(runs: Runs, task: str | None) -> tuple[float | None, str | None]:
    """Find the steps and the schedule of a task's recipe, where a store knows them.

    Parameters
    ----------
    runs : pandas.DataFrame, RunStore or path
    task : str or None

    Returns
    -------
    horizon : float or None
        Steps; None of a frame, and of imported runs.
    schedule : str or None

    Examples
    --------
    >>> recipe_of(pd.DataFrame(), "a")
    (None, None)
    """
    if task is None or not isinstance(runs, RunStore | str | PathLike):
        return None, None
    with opened(runs, read_only=True) as store:
        described = store.tasks().set_index("task")["description"].to_dict().get(task) or {}
    recipe = described.get("recipe") if isinstance(described, Mapping) else None
    if not isinstance(recipe, Mapping) or "steps" not in recipe:
        return None, None
    return float(recipe["steps"]), str(recipe.get("schedule"))


def by_length(name: str) -> str:
    """Name of the task that recipes of several lengths make together."""
    return f"{name}, by length"


def lengths_of(runs: pd.DataFrame, names: Iterable[str]) -> dict[str, list[str]]:
    """Find tasks that are recipes of several lengths, each measured at its end alone.

    Parameters
    ----------
    runs : pandas.DataFrame
    names : iterable of str
        Tasks that are looked at.

    Returns
    -------
    dict of str to list of str
        Base name to tasks, by their lengths.

    Examples
    --------
    >>> ends = pd.DataFrame({"task": ["a, 4 steps", "a, 8 steps", "b"], "depth": [4, 8, 4]})
    >>> lengths_of(ends, ["a, 4 steps", "a, 8 steps", "b"])
    {'a': ['a, 4 steps', 'a, 8 steps']}
    """
    depths = runs[runs["depth"] > 0].groupby("task")["depth"].agg(["nunique", "max"])
    found: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        of = _LENGTH.fullmatch(name)
        if of and name in depths.index and tuple(depths.loc[name]) == (1, int(of["steps"])):
            found.setdefault(of["name"], []).append((int(of["steps"]), name))
    return {base: [name for _, name in sorted(each)] for base, each in found.items() if len(each) > 1}


def over_horizons(runs: Runs, task: str | None = None) -> pd.DataFrame:
    """Make one task of the ends of recipes of several lengths: its depth is the length of a recipe.

    Parameters
    ----------
    runs : pandas.DataFrame, RunStore or path
        With tasks named ``"name, 64 steps"``, as ``ProbePlan(horizons=...)`` trains them.
    task : str, optional
        ``"name"``; may be left out where there is only one.

    Returns
    -------
    pandas.DataFrame
        Tidy frame for `risk_curve`: the task ``"name, by length"``, a run a seed, the value of each length at its end.
        Its curve answers `agreement` after so many steps of a recipe that ends there, where the curve of one recipe's
        depths says it of a schedule that goes on. A seed starts alike and sees its rows in one order at all lengths:
        its values are not independent, as those of a run at several depths are not.

    Raises
    ------
    DataError
        There are no such tasks.
    ArgumentError
        There are several, and none is named; or another one is.

    Examples
    --------
    >>> import predictlab as pl
    >>> world = pl.worlds.MartingaleWorld(0.1, 2.0, 1.0)
    >>> ends = [world.simulate(8, [c], seed=c).assign(task=f"demo, {c} steps") for c in (4, 8, 16)]
    >>> by_length = over_horizons(pd.concat(ends))
    >>> by_length.groupby("depth")["run"].nunique().to_dict(), by_length["task"].iloc[0]
    ({4: 8, 8: 8, 16: 8}, 'demo, by length')
    """
    frame = as_runs_frame(runs)
    lengths = {str(of): found for of in frame["task"].unique() if (found := _LENGTH.fullmatch(str(of)))}
    found = frame[frame["task"].isin(lengths)]
    found = found.assign(
        base=[lengths[of]["name"] for of in found["task"]], length=[int(lengths[of]["steps"]) for of in found["task"]]
    )
    if found.empty:
        raise DataError(
            "runs: no tasks named 'name, 64 steps'. pl.probe(task, pl.ProbePlan(horizons=(64, 128), seeds=16)) makes "
            "them."
        )
    name, found = select_single(found.rename(columns={"task": "of", "base": "task"}), "task", task, None)
    ends = found[(found["depth"] == found["length"]) & ~is_fork(found)]
    if "seed" not in ends.columns:
        raise DataError("runs: without a column seed runs of several lengths cannot be told to belong together.")
    named = ends.assign(task=by_length(name), run=[f"{name}:{seed}" for seed in ends["seed"]])
    return named.drop(columns=["of", "length"])[list(frame.columns)].reset_index(drop=True)
