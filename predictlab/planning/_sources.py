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
from tqdm.auto import tqdm

from predictlab._validation import whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.probing import ProbePlan, probe
from predictlab.runs import RunStore
from predictlab.task import Task

Measure = Callable[[Sequence[int], Sequence[int]], pd.DataFrame]
NEEDED = ("seed", "depth", "metric", "value")


class Source(NamedTuple):
    """What `probe_until` measures: a plan gives a tidy frame, and only what the store lacks is made."""

    name: str
    max_depth: int | None
    measure: Callable[[ProbePlan], pd.DataFrame]


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
            yield Source(str(source.name), min(source.recipe.steps, *limits, sys.maxsize), measure)
        else:
            name = str(getattr(source, "__name__", type(source).__name__))
            opened.add_task(name, f"function:{name}", {"source": name})
            if own := getattr(source, "max_depth", None):
                limits.append(own)
            yield Source(name, min(limits, default=None), partial(_measured, source, name, opened))
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
        cells = _cells(function(depths, seeds))
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
                store.record(name, runs[seed], depth, values, seed=int(seed), status=status)
    frame = store.frame(name)
    wanted = frame["run"].isin(runs.values()) & frame["depth"].isin(plan.depths)
    return frame[wanted].reset_index(drop=True)


def _cells(frame: object) -> dict[object, pd.DataFrame]:
    """What a function returned, by seed and depth."""
    if not isinstance(frame, pd.DataFrame):
        raise bad_argument("source", frame, "a function that returns a tidy frame of runs (DataFrame)")
    if missing := [c for c in NEEDED if c not in frame.columns]:
        raise DataError(f"source: column {missing[0]!r} is missing from its frame; it needs {', '.join(NEEDED)}.")
    status = frame["status"] if "status" in frame.columns else pd.Series("ok", index=frame.index)
    status = status.where(np.isfinite(frame["value"].astype(float)) | (status != "ok"), "diverged")
    return dict(list(frame.assign(status=status).groupby(["seed", "depth"])))
