"""`spread`: the variance over seeds at each depth, the paper's proxy (THEORY 2)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab.errors import DataError, bad_argument
from predictlab.risk.curve import Array, RiskCurve


def spread(values: ArrayLike) -> tuple[Array, Array]:
    """Sample variance over runs at each depth, and the covariance of its logarithm across depths.

    Parameters
    ----------
    values : array_like, shape (runs, k)
        The metric of each run at each depth; finite.

    Returns
    -------
    risk : ndarray, shape (k,)
    log_covariance : ndarray, shape (k, k)
        ``2 rho_ij² / (S - 1)``, the Gaussian value, with ``rho²`` estimated by the sample's ``r²`` less its bias
        to first order, ``(1 - r²)(1 - 2 r²) / (S - 1)``.
    """
    x = np.asarray(values, dtype=float)
    if x.ndim != 2 or x.shape[0] < 2:
        raise bad_argument("values", f"array of shape {x.shape}", "shape (runs, depths) with at least two runs")
    if not np.all(np.isfinite(x)):
        raise bad_argument("values", "an array with NaN or inf", "finite numbers", "Leave diverged runs out first.")
    df = x.shape[0] - 1
    risk = x.var(axis=0, ddof=1)
    centred = x - x.mean(axis=0)
    norm = np.sqrt(np.sum(centred**2, axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = np.nan_to_num((centred.T @ centred / np.outer(norm, norm)) ** 2)
    r2 = np.clip(r2 - (1 - r2) * (1 - 2 * r2) / df, 0.0, 1.0)
    np.fill_diagonal(r2, 1.0)
    return risk, 2 * r2 / df


def rounding_variance(values: Array) -> float:
    """Variance of rounding to the metric's step: a share of n rows moves in steps of 1/n (Sheppard)."""
    steps = np.diff(np.unique(np.round(values, 12)))
    return float(np.min(steps) ** 2 / 12) if len(steps) else 0.0


def spread_curve(frame: pd.DataFrame, task: str, metric: str, eval_rows: int | None) -> RiskCurve:
    """Risk curve of the rows of one task and one metric, from the spread over their runs."""
    frame = frame[frame["depth"] > 0]
    bad = frame.loc[(frame["status"] != "ok") | ~np.isfinite(frame["value"].astype(float)), "run"].unique()
    table = frame[~frame["run"].isin(bad)].pivot_table(index="run", columns="depth", values="value", aggfunc="first")
    complete = table.dropna()
    if len(complete) < 2 or complete.shape[1] < 2:
        raise DataError(
            f"task {task!r}: {len(complete)} complete runs at {table.shape[1]} depths > 0 "
            f"({len(bad)} diverged or failed, {len(table) - len(complete)} miss a depth); "
            "a risk curve needs at least 2 runs at 2 depths. Probe more seeds or fewer depths."
        )
    values = complete.to_numpy(dtype=float)
    risk, log_covariance = spread(values)
    resolution = rounding_variance(values)
    if resolution == 0.0:
        raise DataError(f"task {task!r}: every run has the same {metric} at every depth; there is nothing to fit.")
    means = values.mean(axis=0)
    sampling = None
    if eval_rows is not None and metric == "accuracy":
        sampling = float(means[-1] * (1 - means[-1]) / eval_rows)
    return RiskCurve(
        depth=complete.columns.to_numpy(dtype=float),
        risk=np.maximum(risk, resolution),
        df=len(values) - 1.0,
        estimator="spread",
        question="fresh_run",
        task=task,
        metric=metric,
        log_covariance=log_covariance,
        values=values,
        errors=values - means,
        mean=means,
        sampling_error=sampling,
        diverged=len(bad),
        incomplete=len(table) - len(complete),
        resolution=resolution,
    )
