"""`spread`: the variance over seeds at each depth, the paper's proxy (docs/theory.md, section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab.errors import DataError, bad_argument
from predictlab.risk._curve import Array, RiskCurve
from predictlab.risk._frames import is_fork, is_invalid, rounding_variance, sampling_variance
from predictlab.risk._outcomes import Outcomes, components_of
from predictlab.runs import Margins, RunStore


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
    x = np.asarray(values, dtype=float)
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
    # A run that was stopped early misses the last depth; where it was measured alone says nothing about the others.
    whole = table[table.iloc[:, -1].notna()] if table.shape[1] else table
    complete = whole.loc[:, whole.notna().any()].dropna()
    if len(complete) < 2 or complete.shape[1] < 2:
        apart = f"; {forks} forks share their parents' prefix and are no seeds" if forks else ""
        raise DataError(
            f"task {task!r}: {len(complete)} complete runs at {table.shape[1]} depths > 0 "
            f"({len(bad)} diverged or failed, {len(table) - len(complete)} miss a depth{apart}); "
            "a risk curve needs at least 2 runs at 2 depths. Probe more seeds or fewer depths."
        )
    values = complete.to_numpy(dtype=float)
    resolution = rounding_variance(values)
    if resolution == 0.0:
        raise DataError(f"task {task!r}: every run has the same {metric} at every depth; there is nothing to fit.")
    means = values.mean(axis=0)
    return RiskCurve(
        depth=complete.columns.to_numpy(dtype=float),
        risk=np.maximum(spread(values), resolution),
        df=np.full(len(means), len(values) - 1.0),
        estimator="spread",
        question="fresh_run",
        task=task,
        metric=metric,
        errors=values - means,
        runs=tuple(map(str, complete.index)),
        mean=means,
        sampling_error=sampling_variance(metric, float(means[-1]), eval_rows),
        diverged=len(bad),
        incomplete=len(table) - len(complete),
        resolution=resolution,
    )


def outcomes_curve(outcomes: Outcomes) -> RiskCurve:
    """Risk curve of the means over rows, with what runs and rows add to it."""
    curve = spread_curve(outcomes.means(), outcomes.task, outcomes.metric, None)
    kept = outcomes.subset(curve.depth, curve.runs or ())
    return replace(curve, outcomes=kept, parts=kept.components())


def with_outcomes(curve: RiskCurve, store: RunStore | str | PathLike[str]) -> RiskCurve:
    """The curve with the outcomes that a store holds of its runs, where it holds them of all at every depth."""
    if not isinstance(store, RunStore):
        with RunStore(Path(store), read_only=True) as opened:
            return with_outcomes(curve, opened)
    number = {run: i for i, run in enumerate(curve.runs or ())}
    at = {int(c): i for i, c in enumerate(curve.depth)}
    found = {(at[c], number[run]): y for c, run, y in store.iter_outcomes(curve.task, curve.metric)
             if c in at and run in number}  # fmt: skip
    if len(found) < len(number) * len(at) or not found:
        return curve
    values = np.stack([np.stack([found[i, s] for s in range(len(number))]) for i in range(len(at))])
    outcomes = Outcomes(
        curve.task, curve.metric, curve.depth, curve.runs or (), tuple(store.row_names(curve.task)), values,
        np.ones(values.shape[:2], dtype=bool),
    )  # fmt: skip
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
    risk, means = spread(values), values.mean(axis=0)
    return replace(
        curve,
        risk=np.maximum(risk, curve.resolution),
        df=np.full(len(risk), len(values) - 1.0),
        errors=values - means,
        mean=means,
        runs=runs,
        outcomes=outcomes,
        parts=None if outcomes is None else outcomes.components(),
    )
