"""Where measurements come from: a task that is probed, or any function of depths and seeds. Both go into a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from predictlab.errors import DataError, bad_argument
from predictlab.probing import ProbePlan, probe
from predictlab.runs import RunStore
from predictlab.task import Task

Measure = Callable[[Sequence[int], Sequence[int]], pd.DataFrame]


class TaskSource:
    """Runs of a task, trained by `pl.probe`, which goes on from where a run was left: added steps are charged."""

    def __init__(self, task: Task, store: RunStore, progress: bool, options: dict[str, Any]) -> None:
        self.task, self.store, self.progress, self.options = task, store, progress, options
        self.name = str(task.name)
        self.max_depth: int | None = task.recipe.steps

    def steps(self, seeds: int, last: int, before: int) -> int:
        """Steps that `seeds` runs are trained when they are known up to depth `before` and wanted up to `last`."""
        return seeds * max(0, last - before)

    def measure(self, plan: ProbePlan) -> pd.DataFrame:
        """Tidy frame of the plan's seeds and depths; only what the store lacks is trained."""
        return probe(self.task, plan, self.store, progress=self.progress, **self.options)


class FunctionSource:
    """Runs that a function ``(depths, seeds) -> tidy frame`` makes; it is asked for what the store lacks, once.

    A deeper depth is charged with the added steps: the function is taken to go on from where a run stopped.
    """

    def __init__(self, function: Measure, store: RunStore, max_depth: int | None) -> None:
        self.function, self.store, self.max_depth = function, store, max_depth
        self.name = str(getattr(function, "__name__", type(function).__name__))
        store.add_task(self.name, f"function:{self.name}", {"source": self.name})

    def steps(self, seeds: int, last: int, before: int) -> int:
        """Steps added by `seeds` runs known up to depth `before` and wanted up to `last`."""
        return seeds * (last - before)

    def _run(self, seed: int) -> str:
        return f"{self.name}:{seed}"

    def measure(self, plan: ProbePlan) -> pd.DataFrame:
        """Tidy frame of the plan's seeds and depths; only what the store lacks is asked for."""
        known = self.store.measured_depths(self.name)
        lacking: dict[tuple[int, ...], list[int]] = {}  # seeds that lack the same depths are asked for together
        for seed in plan.run_seeds:
            depths = tuple(d for d in plan.depths if d not in known.get(self._run(seed), ()))
            if depths:
                lacking.setdefault(depths, []).append(seed)
        for asked, seeds in lacking.items():
            self._record(self.function(asked, seeds), asked, seeds)
        frame = self.store.frame(self.name)
        wanted = frame["run"].isin([self._run(s) for s in plan.run_seeds]) & frame["depth"].isin(plan.depths)
        return frame[wanted].reset_index(drop=True)

    def _record(self, frame: Any, depths: Sequence[int], seeds: Sequence[int]) -> None:
        if not isinstance(frame, pd.DataFrame):
            raise bad_argument("source", frame, "a function that returns a tidy frame of runs (DataFrame)")
        needed = ["seed", "depth", "metric", "value"]
        if missing := [c for c in needed if c not in frame.columns]:
            raise DataError(f"source: column {missing[0]!r} is missing from its frame; it needs {', '.join(needed)}.")
        status = frame["status"] if "status" in frame.columns else pd.Series("ok", index=frame.index)
        status = status.where(np.isfinite(frame["value"].astype(float)) | (status != "ok"), "diverged")
        cells = dict(list(frame.assign(status=status).groupby(["seed", "depth"])))
        for seed in seeds:
            for depth in depths:
                if (seed, depth) not in cells:
                    raise DataError(
                        f"source: no measurement of seed {seed} at depth {depth}, which was asked for; "
                        "return every seed at every depth, with status 'diverged' where there is no value."
                    )
                cell = cells[seed, depth]
                if cell["metric"].duplicated().any():
                    raise DataError(f"source: seed {seed} has two values of one metric at depth {depth}; keep one.")
                state = next((s for s in cell["status"] if s != "ok"), "ok")
                values = dict(zip(cell["metric"], cell["value"].astype(float), strict=True))
                self.store.record(self.name, self._run(seed), depth, values, seed=int(seed), status=state)


Source = TaskSource | FunctionSource
