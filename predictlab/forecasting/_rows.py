"""What the evaluation rows do to a forecast, when the end on other rows is asked (docs/theory.md, section 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import DataError
from predictlab.risk._curve import Array
from predictlab.risk._frames import Runs, is_invalid
from predictlab.risk._outcomes import outcomes_of
from predictlab.runs import RunStore

GROUPS = 25  # of rows that are left out together
Key = tuple[str, str, float, str]  # task, run, depth, metric


@dataclass(frozen=True)
class RowsOfForecast:
    """Variances that come from the rows of the evaluation set, means over the runs whose end is known.

    Parameters
    ----------
    added : float
        What is added to the mean squared error on this set when the end on the other rows is asked, metric². Can be
        negative: what is chance of this set in a run's end need not be forecast.
    least : float
        What the rows alone make of the error on the others, metric²: of the forecast, and of the other rows.
    df : float
        Degrees of freedom of both.
    held : tuple of str
        Metrics among the features whose outcomes are not kept: their rows' part is not counted.
    """

    added: float
    least: float
    df: float
    held: tuple[str, ...]


def means_of_outcomes(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[Key, NDArray[np.generic]]]:
    """Tidy rows of runs from a long table of outcomes, and the outcomes themselves."""
    frames, outcomes = [], {}
    for _, part in table.groupby(["task", "metric"], sort=False):
        found = outcomes_of(part)
        frames.append(found.means())
        for i, depth in enumerate(found.depth):
            for run, values in zip(found.runs, found.values[i], strict=True):
                outcomes[str(found.task), run, float(depth), found.metric] = values
    return pd.concat(frames, ignore_index=True), outcomes


def outcomes_behind(runs: Runs, frame: pd.DataFrame) -> dict[Key, NDArray[np.generic]]:
    """Outcomes that a store, or the store at a path, holds of the rows of a frame."""
    if isinstance(runs, pd.DataFrame):
        return {}
    if not isinstance(runs, RunStore):
        with RunStore(runs, read_only=True) as store:
            return outcomes_behind(store, frame)
    wanted = {(str(t), str(r), float(c), str(m)) for t, r, c, m in frame[["task", "run", "depth", "metric"]].to_numpy()}
    found: dict[Key, NDArray[np.generic]] = {}
    for task, metric in frame[["task", "metric"]].drop_duplicates().itertuples(index=False):
        for depth, run, values in runs.iter_outcomes(task, metric):
            key = (str(task), str(run), float(depth), str(metric))
            if key in wanted:
                found[key] = values
    return found


def without_rows(
    frame: pd.DataFrame,
    metric: str,
    outcomes: Mapping[Key, NDArray[np.generic]],
    at_depth: float,
    end: Mapping[str, float],
) -> tuple[list[Array], float, tuple[str, ...]]:
    """Values of the frame without each of some groups of rows, the mean number of rows of a task, metrics without any.

    Raises
    ------
    DataError
        Values of the metric at the end, or before the depth, of which there are no outcomes, or fewer than two rows.
    """
    task, depth = frame["task"].astype(str), frame["depth"].astype(float)
    used = ~is_invalid(frame) & ((depth <= at_depth) & (depth > 0) | (depth == task.map(dict(end))))
    keys = list(zip(task, frame["run"].astype(str), depth, frame["metric"].astype(str), strict=True))
    lacking = [key for key, of in zip(keys, used, strict=True) if of and key[3] == metric and key not in outcomes]
    if lacking:
        raise DataError(
            f"rows: no outcomes of {metric} are known of run {lacking[0][1]!r} at depth {lacking[0][2]:g} (task "
            f"{lacking[0][0]!r}; {len(lacking)} values in all), so what other rows would do to it is not known. "
            "pl.probe keeps outcomes in its store unless outcomes=False, and pl.read_outcomes reads them; or pass "
            "rows=None, which asks about the set that was measured."
        )
    held = tuple(
        sorted({k[3] for k, of in zip(keys, used, strict=True) if of and k[3] != metric and k not in outcomes})
    )
    values = np.tile(frame["value"].to_numpy(dtype=float), (GROUPS, 1))
    sizes: dict[str, int] = {}
    for i, (key, of) in enumerate(zip(keys, used, strict=True)):
        if not of or key not in outcomes:
            continue
        rows = np.asarray(outcomes[key], dtype=float)
        sizes[key[0]] = len(rows)
        if len(rows) < GROUPS:
            raise DataError(f"rows: task {key[0]!r} has {len(rows)} evaluation rows; {GROUPS} are needed to tell.")
        member = np.arange(len(rows)) % GROUPS
        total, count = np.bincount(member, rows, GROUPS), np.bincount(member, minlength=GROUPS)
        # a metric that is not quite the mean (rounded, or a loss by tokens) is moved as much as the mean is
        values[:, i] += (rows.sum() - total) / (len(rows) - count) - rows.mean()
    return list(values), float(np.mean(list(sizes.values()))), held


def rows_of_forecast(
    errors: Callable[[pd.DataFrame], tuple[Array, Array]],
    frame: pd.DataFrame,
    metric: str,
    outcomes: Mapping[Key, NDArray[np.generic]],
    at_depth: float,
    end: Mapping[str, float],
    rows: float,
) -> RowsOfForecast:
    """What asking about `rows` other rows adds to the mean squared error of forecasts.

    Parameters
    ----------
    errors : callable
        Of a frame of runs: out-of-fold errors of the runs whose end is known, and their ends, (n,) each.
    frame, metric, outcomes, at_depth, end
        As for `without_rows`.
    rows : float
        Of the other set; inf: all.

    Notes
    -----
    On this set a run ends at ``R + D``, with D what its rows make of it; the error is ``e = R + D - f``, and on m other
    rows ``e - D + D'``. Over draws of the rows ``Var(e - D) = Var(f)``, so that the mean of ``e²`` changes by
    ``Var(f) - Var(e) + Var(D) n/m``, each of which is a delete-group jackknife over rows: nothing has to be known of
    the predictor. A forecast of the mean of S other runs, say, has the ``Var(f)`` that all runs share and its own,
    ``(sigma_row² + sigma_int²/S)/n``.
    """
    made, size, held = without_rows(frame, metric, outcomes, at_depth, end)
    replicates = [errors(frame.assign(value=values)) for values in made]
    missed, ends = (np.array(part) for part in zip(*replicates, strict=True))
    return RowsOfForecast(*jackknifed(missed, ends, size / rows), GROUPS - 1.0, held)


def jackknifed(missed: Array, ends: Array, ratio: float) -> tuple[float, float]:
    """`added` and `least` from errors and ends without each group of rows, (groups, n); `ratio` of rows to others."""

    def variance(values: Array) -> float:
        around = values - values.mean(axis=0)
        return float((len(values) - 1) / len(values) * np.mean(np.sum(around**2, axis=0)))

    of_forecast, of_rows = variance(ends - missed), variance(ends) * ratio
    return of_forecast - variance(missed) + of_rows, of_forecast + of_rows
