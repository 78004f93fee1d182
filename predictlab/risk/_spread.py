"""`spread`: the variance over seeds at each depth, the paper's proxy (THEORY 2)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab.errors import DataError, bad_argument
from predictlab.risk._curve import Array, RiskCurve
from predictlab.risk._frames import is_bad, is_fork, rounding_variance, sampling_variance


def log_covariance(errors: Array, df: ArrayLike) -> Array:
    """Covariance across depths of the logarithm of mean squares of `errors`.

    Parameters
    ----------
    errors : ndarray, shape (runs, k)
        Deviations with mean 0.
    df : float or array_like, shape (k,)
        Degrees of freedom of the mean squares.

    Returns
    -------
    ndarray, shape (k, k)
        ``2 rho_ij² / sqrt(df_i df_j)``, the Gaussian value, with ``rho²`` estimated by the sample's ``r²`` less its
        bias to first order, ``(1 - r²)(1 - 2 r²) / df``.
    """
    df = np.broadcast_to(np.asarray(df, dtype=float), errors.shape[1:])
    both = np.sqrt(np.outer(df, df))
    norm = np.sqrt(np.sum(errors**2, axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = np.nan_to_num((errors.T @ errors / np.outer(norm, norm)) ** 2)
    r2 = np.clip(r2 - (1 - r2) * (1 - 2 * r2) / both, 0.0, 1.0)
    np.fill_diagonal(r2, 1.0)
    return np.asarray(2 * r2 / both)


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
    return x.var(axis=0, ddof=1), log_covariance(x - x.mean(axis=0), x.shape[0] - 1)


def spread_curve(frame: pd.DataFrame, task: str, metric: str, eval_rows: float | None) -> RiskCurve:
    """Risk curve of the rows of one task and one metric, from the spread over its runs; forks are not seeds."""
    forks = frame.loc[is_fork(frame), "run"].nunique()
    frame = frame[~is_fork(frame) & (frame["depth"] > 0)]
    bad = frame.loc[is_bad(frame), "run"].unique()
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
    risk, covariance = spread(values)
    resolution = rounding_variance(values)
    if resolution == 0.0:
        raise DataError(f"task {task!r}: every run has the same {metric} at every depth; there is nothing to fit.")
    means = values.mean(axis=0)
    return RiskCurve(
        depth=complete.columns.to_numpy(dtype=float),
        risk=np.maximum(risk, resolution),
        df=len(values) - 1.0,
        estimator="spread",
        question="fresh_run",
        task=task,
        metric=metric,
        log_covariance=covariance,
        values=values,
        errors=values - means,
        runs=tuple(str(run) for run in complete.index),
        mean=means,
        sampling_error=sampling_variance(metric, float(means[-1]), eval_rows),
        diverged=len(bad),
        incomplete=len(table) - len(complete),
        resolution=resolution,
    )
