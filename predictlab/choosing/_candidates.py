"""Candidates: tasks, functions of depths and seeds, or recorded runs that are played back; their rungs and prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from predictlab._validation import number, positive
from predictlab.errors import DataError, bad_argument
from predictlab.planning._sources import Measure, opened_source
from predictlab.probing import ProbePlan
from predictlab.risk import is_fork, is_invalid
from predictlab.risk._curve import Array
from predictlab.risk._frames import Runs, as_runs_frame, default_metric, refuse_duplicates, select_single
from predictlab.runs import RunStore
from predictlab.task import Task

Candidates: TypeAlias = "Mapping[str, Task | Measure] | Sequence[Task | Measure] | Runs"
RUNGS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)


class Replay:
    """Recorded runs of one candidate, played back as if they were made when they are asked for.

    Parameters
    ----------
    name : str
    values : pandas.DataFrame
        A row a run, a column a depth; NaN where a run has no value.
    metric : str

    Attributes
    ----------
    max_depth : int
        Last recorded depth, steps.
    max_seeds : int
        Number of recorded runs.

    Examples
    --------
    >>> Replay("a", pd.DataFrame([[0.5, 0.8], [0.4, 0.7]], columns=[4, 8]), "accuracy")([8], [1])["value"].tolist()
    [0.7]
    """

    def __init__(self, name: str, values: pd.DataFrame, metric: str) -> None:
        self.__name__ = name
        self.values, self.metric = values, metric
        self.depths = tuple(int(c) for c in values.columns)
        self.max_depth, self.max_seeds = self.depths[-1], len(values)

    def __call__(self, depths: Sequence[int], seeds: Sequence[int]) -> pd.DataFrame:
        """Values of the runs of these numbers, as `pl.probe_until` takes them."""
        return self.tidy(depths, seeds)[["seed", "depth", "metric", "value", "status"]]

    def tidy(self, depths: Sequence[int], seeds: Sequence[int]) -> pd.DataFrame:
        """Give the same with the other columns of a tidy frame.

        Parameters
        ----------
        depths, seeds : sequence of int
            Recorded depths, steps, and numbers of runs from 0.

        Returns
        -------
        pandas.DataFrame
            One row a run and depth.
        """
        columns = [self.depths.index(c) for c in depths]
        found = self.values.to_numpy(dtype=float)[np.ix_(list(seeds), columns)].ravel()
        return pd.DataFrame(
            {
                "task": self.__name__, "run": np.repeat(self.values.index[list(seeds)].astype(str), len(columns)),
                "seed": np.repeat(list(seeds), len(columns)), "depth": np.tile(list(depths), len(seeds)),
                "metric": self.metric, "value": found, "status": np.where(np.isfinite(found), "ok", "diverged"),
            }
        )  # fmt: skip


class Named:
    """A function under the name of its candidate."""

    def __init__(self, name: str, function: Measure) -> None:
        self.__name__, self.function = name, function
        self.max_depth: int | None = getattr(function, "max_depth", None)

    def __call__(self, depths: Sequence[int], seeds: Sequence[int]) -> pd.DataFrame:
        return self.function(depths, seeds)

    def on_rows(self, rows: int) -> Named:
        """The same, evaluated on so many rows; the store keeps it apart."""
        found = Named(f"{self.__name__}, {rows} rows", partial(self.function, rows=rows))  # type: ignore[call-arg]
        found.max_depth = self.max_depth
        return found


@dataclass(frozen=True)
class Candidate:
    """One fine-tune of several.

    Attributes
    ----------
    name : str
    source : Task or callable
    depths : tuple of int
        Rungs, steps; the last is the end of its recipe.
    price : float
        Of one step.
    most : int or None
        Runs that it can have.
    """

    name: str
    source: Task | Measure
    depths: tuple[int, ...]
    price: float
    most: int | None

    def on_rows(self, rows: int) -> Candidate:
        """The same, evaluated on so many rows."""
        if not isinstance(self.source, Named):
            kind = "a task" if isinstance(self.source, Task) else "recorded runs"
            raise bad_argument(
                "eval_rows", rows, "one number of rows", f"{self.name!r} is {kind}, whose rows are given; to choose "
                "them, give functions (depths, seeds, rows) -> tidy frame.",
            )  # fmt: skip
        return replace(self, source=self.source.on_rows(rows))

    def measure(self, seeds: Sequence[int], rungs: int, store: RunStore, options: Mapping[str, Any]) -> pd.DataFrame:
        """Tidy frame of these runs up to a rung; what the store has is not made again."""
        if isinstance(self.source, Replay):
            return self.source.tidy(self.depths[:rungs], seeds)
        plan = ProbePlan(self.depths[:rungs], tuple(seeds))
        chosen = {name: value for name, value in options.items() if name != "progress"}
        with opened_source(self.source, store, self.depths[-1], bool(options.get("progress", False)), chosen) as opened:
            return opened.measure(plan)


def replays(runs: Runs, metric: str | None) -> dict[str, Replay]:
    """The recorded runs of each task, without forks, of one metric; from where a run diverged on it has no value."""
    frame = as_runs_frame(runs)
    frame = frame[~is_fork(frame)]
    metric, frame = select_single(frame, "metric", metric, default_metric(frame["metric"]))
    refuse_duplicates(frame)
    found = {}
    for task, part in frame.groupby("task", sort=False):
        part = part.assign(value=part["value"].astype(float).where(~is_invalid(part)))
        part = part[part["depth"] > 0]
        wide = part.pivot_table(index="run", columns="depth", values="value", sort=False, dropna=False)
        wide = wide[sorted(wide.columns)]
        if not len(wide.columns):
            raise DataError(f"candidates: {task!r} has no measurement of {metric} after depth 0.")
        found[str(task)] = Replay(str(task), wide, metric)
    return found


def opened_candidates(
    candidates: Candidates,
    metric: str | None,
    max_depth: int | Mapping[str, int] | None,
    cost_per_step: float | Mapping[str, float],
    rungs: Sequence[float],
) -> list[Candidate]:
    """Names, sources, rungs and prices; errors name the candidate."""
    shares = _shares(rungs)
    if isinstance(candidates, pd.DataFrame | RunStore | str | PathLike):
        sources: dict[str, Task | Measure] = dict(replays(candidates, metric))
    elif isinstance(candidates, Mapping):
        sources = {str(name): source for name, source in candidates.items()}
    else:
        given = list(candidates) if isinstance(candidates, Sequence) else [candidates]
        sources = {}
        for number_, source in enumerate(given):
            name = str(source.name if isinstance(source, Task) else getattr(source, "__name__", f"candidate {number_}"))
            if name in sources:
                raise bad_argument("candidates", name, "a name for each", "Give a mapping {name: source}.")
            sources[name] = source
    if len(sources) < 2:
        raise bad_argument("candidates", list(sources), "at least two", "Of one there is nothing to choose.")
    found = []
    for name, source in sources.items():
        if not isinstance(source, Task) and not callable(source):
            expected = "a pl.Task, or a function (depths, seeds) -> tidy frame"
            raise bad_argument(f"candidates[{name!r}]", source, expected)
        price = cost_per_step[name] if isinstance(cost_per_step, Mapping) and name in cost_per_step else cost_per_step
        if isinstance(price, Mapping):
            raise bad_argument("cost_per_step", dict(price), f"a price for each candidate, {name!r} too")
        if not isinstance(source, Task | Replay):
            source = Named(name, source)
        last = _last(name, source, max_depth)
        depths = tuple(sorted({max(1, round(share * last)) for share in shares}))
        if isinstance(source, Replay):
            recorded = [c for c in source.depths if c <= last]
            depths = tuple(sorted({max((r for r in recorded if r <= c), default=recorded[0]) for c in depths}))
        most = source.max_seeds if isinstance(source, Replay) else None
        found.append(Candidate(name, source, depths, positive("cost_per_step", price, " (cost per step)"), most))
    if len({len(one.depths) for one in found}) > 1:
        few = min(found, key=lambda one: len(one.depths))
        raise DataError(
            f"candidates: {few.name!r} has {len(few.depths)} depths to look at ({', '.join(map(str, few.depths))}), "
            "others have more; give fewer rungs=, or depths recorded at the same shares of each recipe."
        )
    return found


def _shares(rungs: Sequence[float]) -> list[float]:
    shares = [number("rungs", share, "shares of a recipe in (0, 1]", above=0) for share in rungs]
    if not shares or shares != sorted(set(shares)) or shares[-1] != 1:
        raise bad_argument("rungs", rungs, "rising shares of a recipe that end with 1", "Such as (0.25, 0.5, 1).")
    return shares


def _last(name: str, source: Task | Measure, given: int | Mapping[str, int] | None) -> int:
    """The end of a candidate's recipe, steps."""
    own = source.recipe.steps if isinstance(source, Task) else getattr(source, "max_depth", None)
    asked = given.get(name) if isinstance(given, Mapping) else given
    last = asked if asked is not None else own
    if last is None:
        hint = "Or give the function an attribute max_depth."
        raise bad_argument("max_depth", None, f"the last depth of {name!r}, steps", hint)
    if own is not None and last > own:
        raise bad_argument("max_depth", last, f"at most {own}, the last depth of {name!r}")
    return int(positive("max_depth", last, " (steps)"))


def prices_of(candidates: Sequence[Candidate], evaluation: float = 0.0) -> Array:
    """Cost of a run from its start to each rung, (N, K), each of them evaluated at a price."""
    return np.array([[one.price * c + evaluation * (j + 1) for j, c in enumerate(one.depths)] for one in candidates])
