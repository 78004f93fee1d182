"""Features of each run at one depth, and how the run ended where that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab._validation import positive
from predictlab.errors import DataError, bad_argument
from predictlab.forecasting._own_curve import own_curve_forecasts
from predictlab.risk import _trajectories as trajectories
from predictlab.risk._curve import Array
from predictlab.risk._frames import is_fork, is_invalid, refuse_duplicates
from predictlab.risk._trajectories import Labels
from predictlab.task import is_share


@dataclass(frozen=True)
class ForecastInputs:
    """Runs at one depth.

    Attributes
    ----------
    runs : pandas.MultiIndex
        (task, run), in the order of the frame; forks are left out.
    features : ndarray, shape (n, p)
        What is known at the depth; a row of NaN where something is missing.
    final : ndarray, shape (n,)
        The metric at the end; NaN where it is not known.
    group : ndarray of int, shape (n,)
    notes : list of str
        What is missing of a run, or has become of it; mostly empty.
    depths : tuple of float
        Depths that the features were measured at.
    ends : dict of str to float
        Depth at which the runs of each task end, as far as one is known.
    static : int
        How many of the features were known beforehand: the last ones; 0 where all were.
    own : dict of str to ndarray, shape (n,)
        Forecasts from each run's own curve, where the path is that of the metric.
    looked_at : ndarray, shape (n, q)
        By which a run is told to be unlike others: features, and the last step of the path.
    """

    runs: pd.MultiIndex
    features: Array
    final: Array
    group: Labels
    notes: list[str]
    depths: tuple[float, ...]
    ends: dict[str, float]
    static: int
    own: dict[str, Array]
    looked_at: Array

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Runs of which all features are known, (n,)."""
        return np.asarray(~np.isnan(self.features).any(axis=1))

    @property
    def learnt(self) -> NDArray[np.bool_]:
        """Those of them whose end is known, which is what others are forecast from, (n,)."""
        return np.asarray(self.complete & np.isfinite(self.final))


def build_forecast_inputs(
    frame: pd.DataFrame,
    metric: str,
    depth: float,
    end: float | Mapping[str, float] | None,
    features: pd.DataFrame | None,
    groups: str | Mapping[str, object] | None,
) -> ForecastInputs:
    """Features of all runs at a depth, and their ends.

    Features are those of a `residual` curve: the last value at or before the depth of each metric, the value of the
    path one depth earlier, and the static ones. Only runs that ended have a say in what counts: a depth of the path if
    most of them were measured there, in every task, so that a run with odd depths does not take the others along;
    other metrics if all of those were that have the path.

    Parameters
    ----------
    frame : pandas.DataFrame
        Tidy rows of all metrics of one task, or of several.
    metric : str
        Whose end is wanted.
    depth : float
        Nothing that was measured deeper is used; 0: only `features` are.
    end, features, groups
        See `predictlab.forecasting.forecast`.
    """
    frame = frame[~is_fork(frame)].reset_index(drop=True)
    refuse_duplicates(frame)
    ends = _ends(frame, metric, depth, end, list(pd.unique(frame["task"])))
    lost = trajectories.lost_at(frame, metric, ends)
    runs, final = lost.index, trajectories.final_values(frame, metric, ends, lost)
    before = frame[~is_invalid(frame) & (frame["depth"] > 0) & (frame["depth"] <= depth)]
    _, path = trajectories.trajectory_metrics(before, metric, ends)
    wide = trajectories.wide_values(before, runs)
    wide = wide.loc[:, _usual_columns(wide, np.isfinite(final), path)]
    used = trajectories.trajectory(wide, path, depth)
    used[lost.to_numpy() <= depth] = np.nan
    if depth > 0 and not used.shape[1]:
        depths = sorted(pd.unique(frame.loc[frame["depth"] > 0, "depth"]))
        raise bad_argument(
            "at_depth", depth, "0, or a depth at or after one at which most runs of every task were measured",
            f"They were measured at {', '.join(f'{c:g}' for c in depths[:12])}.",
        )  # fmt: skip
    static = trajectories.static_columns(features, runs)
    known = np.column_stack([used, static])
    return ForecastInputs(
        runs,
        known,
        final,
        trajectories.groups_of(frame, groups, runs)[1],
        [_note(at, depth, bool(np.isnan(row).any())) for at, row in zip(lost, used, strict=True)],
        tuple(sorted({float(c) for _, c in wide.columns})),
        ends,
        static.shape[1] if used.shape[1] else 0,
        _own_curves(wide, metric, ends, final),
        np.column_stack([known, _last_step(wide, path)]),
    )


def _last_step(wide: pd.DataFrame, path: str) -> Array:
    """How far the path went from the last depth but one to the last, (n, 1); (n, 0) of one depth."""
    depths = sorted(c for m, c in wide.columns if m == path)[-2:]
    return (
        (wide[(path, depths[1])] - wide[(path, depths[0])]).to_numpy()[:, None]
        if len(depths) == 2
        else np.empty((len(wide), 0))
    )


def _own_curves(wide: pd.DataFrame, metric: str, ends: Mapping[str, float], final: Array) -> dict[str, Array]:
    """Forecasts from the curve of the metric itself; none where another one was measured on the way."""
    depths = np.array(sorted(c for m, c in wide.columns if m == metric), dtype=float)
    if not len(depths):
        return {}
    # where nobody says when a task ends, its runs keep the value they have
    unknown = next(iter(ends.values())) if len(set(ends.values())) == 1 else depths[-1]
    end = np.array([ends.get(task, unknown) for task in wide.index.get_level_values(0)])
    best = (1.0 if np.nanmax(final) <= 1 else 100.0) if is_share(metric) and np.isfinite(final).any() else None
    return own_curve_forecasts(np.column_stack([wide[(metric, c)] for c in depths]), depths, end, best)


def _usual_columns(wide: pd.DataFrame, ended: NDArray[np.bool_], path: str) -> NDArray[np.bool_]:
    """Columns to use: of the path those that most runs that ended have, in every task; of other metrics, see above."""
    measured, of_path = wide.notna().to_numpy(), wide.columns.get_level_values(0) == path
    usual = np.ones(wide.shape[1], dtype=bool)
    task = wide.index.get_level_values(0)
    for name in task[ended].unique():
        usual &= measured[ended & (task == name)].mean(axis=0) > 0.5
    complete = ended & measured[:, usual & of_path].all(axis=1)
    return np.asarray(usual & (of_path | measured[complete].all(axis=0)))


def _note(lost: float, depth: float, missing: bool) -> str:
    """What is missing of a run, or has become of it."""
    if lost <= depth:
        return f"diverged or failed at {lost:g}"
    if missing:
        return "not measured at all depths that the others were"
    return f"diverged or failed later, at {lost:g}" if np.isfinite(lost) else ""


def _common_end(measured: pd.DataFrame) -> float:
    """Greatest depth that enough runs of a task came to: one that went on alone does not move the end of the others."""
    runs = measured.groupby("depth")["run"].nunique()
    return float(runs.index[runs >= min(trajectories.MIN_RUNS, int(runs.max()))].max())


def _ends(
    frame: pd.DataFrame, metric: str, depth: float, end: float | Mapping[str, float] | None, tasks: list[str]
) -> dict[str, float]:
    """Depth at which the runs of each task end; tasks that were not measured deeper than `depth` may have none."""
    own = frame[(frame["metric"] == metric) & (frame["depth"] > depth) & ~is_invalid(frame)]
    deepest = {str(task): _common_end(part) for task, part in own.groupby("task", sort=False)}
    if isinstance(end, Mapping):
        if unknown := sorted(set(map(str, end)) - set(tasks)):
            raise bad_argument("end", unknown, f"tasks of the runs: {', '.join(tasks)}")
        ends = {str(task): positive("end", c, " (steps)") for task, c in end.items()}
        if missing := sorted(set(deepest) - set(ends)):
            raise bad_argument("end", sorted(ends), f"an end for {', '.join(missing)} as well")
    elif end is not None:
        ends = dict.fromkeys(tasks, positive("end", end, " (steps)"))
    else:
        if len(set(deepest.values())) > 1:
            shown = ", ".join(f"{task}: {c:g}" for task, c in deepest.items())
            raise bad_argument(
                "end", None, f"where the runs of each task end, since their greatest depths differ ({shown[:300]})",
                "Pass end={task: depth}, or one number where runs that have not come so far are not complete.",
            )  # fmt: skip
        ends = deepest
    if not ends:
        raise DataError(
            f"No run was measured by {metric} deeper than {depth:g}, so nothing is known about how runs end. "
            "Add runs that were trained to their end, or forecast from a smaller depth."
        )
    for task, c in ends.items():
        if not c > depth:
            raise bad_argument("at_depth", depth, f"a depth before the end of {task}, {c:g}")
    return ends
