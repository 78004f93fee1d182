"""`spread`: the variance over seeds at each depth, the paper's proxy (docs/theory.md, section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from os import PathLike

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab._validation import floats
from predictlab.errors import DataError, bad_argument
from predictlab.risk._curve import Array, RiskCurve
from predictlab.risk._frames import Runs, is_fork, is_invalid, rounding_variance, sampling_variance
from predictlab.risk._outcomes import Outcomes, components_of
from predictlab.risk._text import listed
from predictlab.runs import Margins, RunStore
from predictlab.runs._store import opened


def spread(values: ArrayLike) -> Array:
    """Compute the sample variance over runs at each depth.

    Parameters
    ----------
    values : array_like, shape (runs, k)
        The metric of each run at each depth; finite.

    Returns
    -------
    ndarray, shape (k,)
        Metric², with ``runs - 1`` degrees of freedom.

    Raises
    ------
    ArgumentError
        Fewer than two runs, or values that are not finite.

    Examples
    --------
    >>> spread([[0.5, 0.7], [0.7, 0.8]]).round(3)
    array([0.02 , 0.005])
    """
    x = floats("values", values, "an array of numbers, shape (runs, depths)")
    if x.ndim != 2 or x.shape[0] < 2:
        raise bad_argument("values", f"array of shape {x.shape}", "shape (runs, depths) with at least two runs")
    if not np.all(np.isfinite(x)):
        raise bad_argument("values", "an array with NaN or inf", "finite numbers", "Leave diverged runs out first.")
    return np.asarray(x.var(axis=0, ddof=1))


def spread_curve(frame: pd.DataFrame, task: str, metric: str, eval_rows: float | None) -> RiskCurve:
    """Risk curve of the rows of one task and one metric, from the spread over its runs; forks are not seeds."""
    forks = frame.loc[is_fork(frame), "run"].nunique()
    frame = frame[~is_fork(frame) & (frame["depth"] > 0)]
    bad = frame.loc[is_invalid(frame), "run"].unique()
    table = frame[~frame["run"].isin(bad)].pivot_table(index="run", columns="depth", values="value", aggfunc="first")
    kept, odd = usual_depths(table)
    if len(table) < 2 or kept.shape[1] < 2:
        apart = f"; {forks} forks share their parents' prefix and are no seeds" if forks else ""
        shared = ""
        if len(table) >= 2 and table.shape[1] >= 2:
            shared = (
                f" The runs share hardly a depth: most were measured by few of them ({listed(odd)}). A sampled history "
                "(W&B's history()) does that; scan_history() has all rows."
            )
        raise DataError(
            f"task {task!r}: {len(table)} runs, {kept.shape[1]} depths > 0 that most of them were measured at, of "
            f"{table.shape[1]} ({len(bad)} diverged or failed{apart}); "
            f"a risk curve needs at least 2 runs at 2 depths. Probe more seeds, or all at the same depths.{shared}"
        )
    values = kept.to_numpy(dtype=float)
    resolution = rounding_variance(values)
    if resolution == 0.0:
        raise DataError(f"task {task!r}: every run has the same {metric} at every depth; there is nothing to fit.")
    means = np.nanmean(values, axis=0)
    return RiskCurve(
        depth=kept.columns.to_numpy(dtype=float),
        risk=np.maximum(np.nanvar(values, axis=0, ddof=1), resolution),
        df=np.sum(np.isfinite(values), axis=0) - 1.0,
        estimator="spread",
        question="agreement",
        task=task,
        metric=metric,
        errors=values - means,
        runs=tuple(map(str, kept.index)),
        mean=means,
        sampling_error=sampling_variance(metric, float(means[-1]), eval_rows),
        diverged=len(bad),
        incomplete=int(np.isnan(values).any(axis=1).sum()) + len(table) - len(kept),
        odd_depths=odd,
        resolution=resolution,
    )


def usual_depths(table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[float, ...]]:
    """Depths that at least half of the runs that had come so far were measured at, and those left out.

    A run that was stopped counts up to where it was. At least three runs are asked for (two of two or three), since a
    variance of two values in passing says next to nothing.

    Parameters
    ----------
    table : pandas.DataFrame
        A row a run, a column a depth in increasing order; NaN where a run was not measured.

    Returns
    -------
    kept : pandas.DataFrame
        Without the odd depths, and without runs that have no other.
    odd : tuple of float
    """
    there = table.notna().to_numpy()
    still_going = np.cumsum(there[:, ::-1], axis=1)[:, ::-1] > 0
    count = there.sum(axis=0)
    usual = (2 * count >= still_going.sum(axis=0)) & (count >= (3 if len(table) > 3 else 2))
    kept = table.loc[:, usual]
    return kept[kept.notna().any(axis=1)], tuple(float(c) for c in table.columns[~usual])


def outcomes_curve(outcomes: Outcomes) -> RiskCurve:
    """Risk curve of the means over rows, with what runs and rows add to it."""
    curve = spread_curve(outcomes.means(), outcomes.task, outcomes.metric, None)
    kept = outcomes.subset(curve.depth, curve.runs or ())
    return replace(curve, outcomes=kept, parts=kept.components())


def with_outcomes(curve: RiskCurve, runs: Runs) -> RiskCurve:
    """The curve with the outcomes of its runs, where these are in a store that holds them of all that were measured."""
    if not isinstance(runs, RunStore | str | PathLike):
        return curve
    number = {run: i for i, run in enumerate(curve.runs or ())}
    at = {int(c): i for i, c in enumerate(curve.depth)}
    measured = np.ones((len(at), len(number)), dtype=bool) if curve.errors is None else np.isfinite(curve.errors).T
    cells = [(i, s) for i, s in np.argwhere(measured).tolist()]
    seconds = float("nan"), float("nan")
    with opened(runs, read_only=True) as held:
        found = {(at[c], number[run]): y for c, run, y in held.iter_outcomes(curve.task, curve.metric)
                 if c in at and run in number}  # fmt: skip
        if not found or not found.keys() >= set(cells):
            return curve
        rows = tuple(held.row_names(curve.task))
        with suppress(DataError):  # where nobody measured them
            costs = held.costs(curve.task)
            seconds = costs.seconds_per_step, costs.seconds_per_row
    values = np.zeros((*measured.shape, len(rows)), dtype=found[cells[0]].dtype)
    for cell in cells:
        values[cell] = found[cell]
    names = curve.runs or ()
    outcomes = Outcomes(curve.task, curve.metric, curve.depth, names, rows, values, measured, seconds=seconds)
    return replace(curve, outcomes=outcomes, parts=outcomes.components())


def margins_curve(margins: Margins) -> RiskCurve:
    """Risk curve of the runs' margins, with what runs and rows add to it."""
    rows = margins.runs.assign(task=margins.task, metric=margins.metric, status="ok")
    if rows["depth"].isna().any():
        raise DataError(f"task {margins.task!r}: its depth is not known; pl.read_outcomes(..., depth=) names it.")
    curve = spread_curve(rows, margins.task, margins.metric, None)
    if curve.diverged or curve.incomplete or len(curve.depth) < rows["depth"].nunique():
        raise DataError(
            f"task {margins.task!r}: not every run stands at every depth, so the rows' margins are of other runs than "
            "the spread. Give the margins of the complete runs alone, or the outcomes themselves."
        )
    return replace(curve, parts=components_of(margins))


def without_runs(curve: RiskCurve, rows: Iterable[int]) -> RiskCurve:
    """Estimate the spread again without some of its runs.

    Parameters
    ----------
    curve : RiskCurve
        Made by ``pl.risk_curve(runs)``, estimator ``"spread"``.
    rows : iterable of int
        Rows of ``curve.errors``, from 0, that are left out; at least three must be left.

    Returns
    -------
    RiskCurve

    Raises
    ------
    ArgumentError
        Another estimator, rows that are not there, or too few left.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.worlds.MartingaleWorld(0.1, 1.0, 1.0).spread(8, [3, 7, 15], seed=0)
    >>> without_runs(curve, [0, 5]).n_runs
    6
    """
    if curve.estimator != "spread" or curve.errors is None or curve.mean is None:
        raise bad_argument("curve", curve, "a curve that was made by pl.risk_curve(runs), estimator 'spread'")
    out, count = set(rows), len(curve.errors)
    if wrong := sorted(out - set(range(count))):
        raise bad_argument("rows", wrong, f"whole numbers from 0 to {count - 1}, rows of the curve")
    keep = [i for i in range(count) if i not in out]
    if len(keep) < 3:
        raise bad_argument("rows", sorted(out), "rows that leave at least 3 runs")
    values = curve.mean + curve.errors[keep]
    runs = None if curve.runs is None else tuple(curve.runs[i] for i in keep)
    outcomes = None if curve.outcomes is None or runs is None else curve.outcomes.subset(curve.depth, runs)
    there = np.sum(np.isfinite(values), axis=0)
    if there.min() < 2:
        raise bad_argument("rows", sorted(out), "rows that leave at least 2 runs at each depth")
    risk, means = np.nanvar(values, axis=0, ddof=1), np.nanmean(values, axis=0)
    return replace(
        curve,
        risk=np.maximum(risk, curve.resolution),
        df=there - 1.0,
        errors=values - means,
        mean=means,
        runs=runs,
        outcomes=outcomes,
        parts=None if outcomes is None else outcomes.components(),
    )
