"""Where measurements come from: a task that is probed, or any function of depths and seeds. Both go into a store."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm.auto import tqdm

from predictlab._validation import whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.probing import ProbePlan, probe
from predictlab.risk import RiskCurve, risk_curve
from predictlab.risk._spread import with_outcomes
from predictlab.runs import Entry, RunStore
from predictlab.task import Task

Measure = Callable[[Sequence[int], Sequence[int]], pd.DataFrame]
NEEDED = ("seed", "depth", "metric", "value")


class Source(NamedTuple):
    """What `probe_until` measures: a plan gives a tidy frame, and only what the store lacks is made."""

    name: str
    max_depth: int | None
    measure: Callable[[ProbePlan], pd.DataFrame]
    store: RunStore


@contextmanager
def opened_source(
    source: Task | Measure,
    store: str | Path | RunStore | None,
    max_depth: int | None,
    progress: bool,
    options: Mapping[str, object],
) -> Iterator[Source]:
    """The source with its store, closed afterwards if it was opened here; `options` go to `probe`."""
    if not isinstance(source, Task) and not callable(source):
        raise bad_argument("source", source, "a pl.Task, or a function (depths, seeds) -> tidy frame")
    if options and not isinstance(source, Task):
        raise bad_argument(*next(iter(options.items())), "a pl.Task as source to go with it")
    limits = [] if max_depth is None else [whole_number("max_depth", max_depth, 1, "a whole number of steps")]
    opened = store if isinstance(store, RunStore) else RunStore(store if store is not None else ":memory:")
    try:
        if isinstance(source, Task):
            measure = partial(probe, source, store=opened, progress=progress, **options)  # type: ignore[arg-type]
            yield Source(str(source.name), min(source.recipe.steps, *limits, sys.maxsize), measure, opened)
        else:
            name = str(getattr(source, "__name__", type(source).__name__))
            opened.add_task(name, f"function:{name}", {"source": name})
            if own := getattr(source, "max_depth", None):
                limits.append(own)
            yield Source(name, min(limits, default=None), partial(_measured, source, name, opened), opened)
    except KeyboardInterrupt:
        if not isinstance(source, Task):  # pl.probe has said so
            goes_on = f"{opened.path} keeps what was measured; the same call goes on."
            if opened.path == ":memory:":
                goes_on = "give store= a file to go on from there next time."
            tqdm.write(f"Interrupted: {goes_on}", file=sys.stderr)
        raise
    finally:
        if opened is not store:
            opened.close()


def curve_of(source: Source, runs: pd.DataFrame, metric: str | None, rows: float | None) -> RiskCurve:
    """Risk curve of the runs; with what their rows add, where another set is asked about."""
    curve = risk_curve(runs, source.name, metric=metric)
    if rows is None:
        return curve
    curve = with_outcomes(curve, source.store)
    if curve.parts is None:
        raise bad_argument(
            "rows", rows, f"None for {curve.metric} of {source.name!r}, whose outcomes of rows are not kept",
            "A task keeps them of metrics that are means over rows, in a new store too; a callable gives a line an "
            "outcome, with a column row.",
        )  # fmt: skip
    return curve


def _measured(function: Measure, name: str, store: RunStore, plan: ProbePlan) -> pd.DataFrame:
    """Tidy frame of the plan's seeds and depths; the function is asked for what the store lacks, once."""
    runs = {seed: f"{name}:{seed}" for seed in plan.run_seeds}
    known = store.measured_depths(name)
    lacking: dict[tuple[int, ...], list[int]] = {}  # seeds that lack the same depths are asked for together
    for seed, run in runs.items():
        depths = tuple(d for d in plan.depths if d not in known.get(run, ()))
        if depths:
            lacking.setdefault(depths, []).append(seed)
    for depths, seeds in lacking.items():
        made = _checked(function(depths, seeds))
        outcomes: dict[tuple[int, int, str], NDArray[np.generic]] = {}
        if "row" in made.columns:
            made, outcomes = _of_rows(made, name, store)
        cells = _cells(made)
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
                status = next((s for s in cell["status"] if s != "ok"), "ok")
                values = dict(zip(cell["metric"], cell["value"].astype(float), strict=True))
                rows = {m: y for m in values if (y := outcomes.get((seed, depth, m))) is not None}
                entry = Entry(runs[seed], int(seed), int(depth), values, status=status, outcomes=rows or None)
                store.record_all(name, [entry])
    frame = store.frame(name)
    wanted = frame["run"].isin(runs.values()) & frame["depth"].isin(plan.depths)
    return frame[wanted].reset_index(drop=True)


def _of_rows(
    frame: pd.DataFrame, name: str, store: RunStore
) -> tuple[pd.DataFrame, dict[tuple[int, int, str], NDArray[np.generic]]]:
    """Means over rows, and the outcomes themselves by seed, depth and metric; the rows are made known to the store."""
    if frame.duplicated(["seed", "depth", "metric", "row"]).any():
        raise DataError("source: a row has two outcomes of one metric, of one seed at one depth; keep one.")
    wide = frame.pivot_table(index=["seed", "depth", "metric"], columns="row", values="value")
    if wide.isna().to_numpy().any():
        raise DataError("source: outcomes of some rows are missing; every seed has one of each row at every depth.")
    store.add_rows(name, [str(row) for row in wide.columns])
    values = wide.to_numpy(dtype=float)
    kept: NDArray[np.generic] = values == 1 if np.isin(values, (0, 1)).all() else values.astype(np.float32)
    keys = [(int(s), int(c), str(m)) for s, c, m in wide.index]
    means = wide.index.to_frame(index=False).assign(value=kept.mean(axis=1, dtype=float))
    return means, dict(zip(keys, kept, strict=True))


def _checked(frame: object) -> pd.DataFrame:
    """What a function returned, if it is a tidy frame."""
    if not isinstance(frame, pd.DataFrame):
        raise bad_argument("source", frame, "a function that returns a tidy frame of runs (DataFrame)")
    if missing := [c for c in NEEDED if c not in frame.columns]:
        raise DataError(f"source: column {missing[0]!r} is missing from its frame; it needs {', '.join(NEEDED)}.")
    return frame


def _cells(frame: pd.DataFrame) -> dict[object, pd.DataFrame]:
    """Its lines by seed and depth."""
    status = frame["status"] if "status" in frame.columns else pd.Series("ok", index=frame.index)
    status = status.where(np.isfinite(frame["value"].astype(float)) | (status != "ok"), "diverged")
    return dict(list(frame.assign(status=status).groupby(["seed", "depth"])))
