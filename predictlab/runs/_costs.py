"""What runs of a task cost, as a store has seen it: seconds of a step, and of an evaluation row."""

from __future__ import annotations

import html
import sqlite3
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import DataError

Range = tuple[float, float]


@dataclass(frozen=True, repr=False)
class RunCosts:
    """Measured costs of the runs of one task.

    Parameters
    ----------
    task : str
    seconds_per_step : float
        Of one run: training alone, all seconds over all steps. Runs that were trained together share the time.
    seconds_per_row : float
        Of evaluating one run on one row; NaN where no evaluation was timed.
    rows : int
        Of the evaluation set; 0 where no evaluation was timed.
    steps, evaluations : int
        How many it was measured on.
    step_range, row_range : (float, float)
        Least and greatest over the stretches between two measurements of a run, and over evaluations: machines are
        busy at times. The mean is within.

    Notes
    -----
    Activations of frozen layers, which are computed once for all runs, are in neither.

    Examples
    --------
    >>> import predictlab as pl
    >>> data = pl.load_dataset("rotten_tomatoes", eval_size=20, train_size=40, seed=0)
    >>> recipe = pl.Recipe(method="head", steps=4, batch_size=8, max_length=16)
    >>> with pl.RunStore(":memory:") as store:
    ...     _ = pl.probe(pl.Task("minilm-l6", data, recipe, name="a"), pl.ProbePlan((0, 4), 2), store, progress=False)
    ...     costs = store.costs("a")
    >>> costs.rows, costs.steps, costs.evaluations, costs.seconds_per_step > 0
    (20, 8, 4, True)
    """

    task: str
    seconds_per_step: float
    seconds_per_row: float
    rows: int
    steps: int
    evaluations: int
    step_range: Range
    row_range: Range

    @property
    def seconds_per_evaluation(self) -> float:
        """Of one run on the whole set; NaN where no evaluation was timed."""
        return self.seconds_per_row * self.rows

    def __repr__(self) -> str:
        low, high = self.step_range
        step = f"{self.seconds_per_step:.3g} s a step of one run ({low:.3g} to {high:.3g}; {self.steps:,} steps)"
        if not self.evaluations:
            return f"{self.task}: {step}; no evaluation was timed"
        return f"{self.task}: {step}; {self.seconds_per_row:.3g} s a row, {self.seconds_per_evaluation:.3g} s for all"

    def _repr_html_(self) -> str:
        name, _, rest = repr(self).partition(": ")
        return f"<b>Costs of {html.escape(name)}</b>: {rest}"


def stretches(frame: pd.DataFrame) -> pd.DataFrame:
    """Steps (``depth``) and seconds between measurements of a run, of a task's tidy frame; empty where none tell."""
    if "seconds" not in frame.columns:
        return pd.DataFrame({"depth": [], "seconds": []})
    good = frame[(frame["status"] == "ok") & frame["seconds"].notna()]
    at = good.drop_duplicates(["run", "depth"]).sort_values(["run", "depth"], kind="stable")
    since = at.groupby("run", sort=False)[["depth", "seconds"]].diff()
    # the first seconds of a run are those since its start; a fork starts with its parent's measurement, at 0 seconds
    alone = at["parent"].isna() if "parent" in at.columns else pd.Series(True, index=at.index)
    first = since["depth"].isna() & alone
    stretch = since.where(~first, at[["depth", "seconds"]])
    return stretch[(stretch["depth"] > 0) & (stretch["seconds"] > 0)]


def seconds_per_step(frame: pd.DataFrame) -> float | None:
    """Seconds of a step of one run, of a task's tidy frame; None where it tells none.

    Examples
    --------
    >>> runs = pd.DataFrame({"run": ["a", "a"], "depth": [4, 8], "seconds": [2.0, 4.0], "status": "ok"})
    >>> seconds_per_step(runs)
    0.5
    """
    found = stretches(frame)
    return float(found["seconds"].sum() / found["depth"].sum()) if len(found) else None


def costs_of(task: str, frame: pd.DataFrame, evaluations: NDArray[np.float64]) -> RunCosts:
    """Costs from a task's tidy frame, and from seconds and rows of its evaluations (n, 2).

    Raises
    ------
    DataError
        The frame knows no seconds of training.
    """
    stretch = stretches(frame)
    if stretch.empty:
        raise DataError(
            f"task {task!r}: its runs tell no seconds of training. pl.probe records them; of imported runs give the "
            "costs yourself."
        )
    seconds, steps = stretch["seconds"].to_numpy(dtype=float), stretch["depth"].to_numpy(dtype=float)
    took, rows = evaluations.T
    each = took / rows
    return RunCosts(
        task=task,
        seconds_per_step=float(seconds.sum() / steps.sum()),
        seconds_per_row=float(took.sum() / rows.sum()) if len(rows) else float("nan"),
        rows=int(rows[-1]) if len(rows) else 0,
        steps=int(steps.sum()),
        evaluations=len(rows),
        step_range=(float((seconds / steps).min()), float((seconds / steps).max())),
        row_range=(float(each.min()), float(each.max())) if len(rows) else (float("nan"), float("nan")),
    )


def read_evaluations(db: sqlite3.Connection, task_id: int) -> NDArray[np.float64]:
    """Seconds and rows of the evaluations of a task, (n, 2); none of a store from before they were timed."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'evaluations'").fetchone():
        return np.empty((0, 2))
    find = "SELECT e.seconds, e.rows FROM evaluations e JOIN runs r ON r.id = e.run_id WHERE r.task_id = ?"
    return np.array(db.execute(find, (task_id,)).fetchall(), dtype=float).reshape(-1, 2)
