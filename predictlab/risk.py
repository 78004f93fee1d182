"""Risk curves: estimates ``U(c_i)`` of ``L(c_i)`` with their degrees of freedom (THEORY 2 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab.errors import DataError, bad_argument

Array = NDArray[np.float64]

QUESTIONS = {
    "this_run": "how the run being probed will end",
    "fresh_run": "how another run of the same task, with a new seed, will end",
    "new_task": "how a run of a task drawn from a population will end",
}
ESTIMATORS = {
    "spread": "variance over seeds of the metric at each depth; a proxy: it does not condition on the prefix",
    "branch": "pooled variance of the final metric within forks of one parent",
    "residual": "out-of-fold mean squared error of a predictor of the final metric",
    "given": "numbers given by the user",
}


@dataclass(frozen=True, eq=False)
class RiskCurve:
    """Estimates of the risk at increasing depths.

    Parameters
    ----------
    depth : array_like, shape (k,)
        Depths, optimiser steps, strictly increasing, > 0.
    risk : array_like, shape (k,)
        Estimates ``U(c_i)``, metric², > 0.
    df : float or array_like, shape (k,)
        Degrees of freedom of each estimate, >= 1.
    estimator : {"given", "spread", "branch", "residual"}
        What `risk` is.
    question : {"fresh_run", "this_run", "new_task"}
        Which risk it speaks to (THEORY 7).
    task, metric : str
        Labels.
    log_covariance : ndarray, shape (k, k), optional
        Covariance of ``log U`` across depths. None: independent and Gaussian, ``diag(2 / df)``.
    values : ndarray, shape (runs, k), optional
        The runs behind a `spread`, complete cases only.
    mean : ndarray, shape (k,), optional
        Mean of the metric at each depth.
    sampling_error : float, optional
        Variance of the metric due to the finite evaluation set, metric². Beside the risk, not part of it.
    diverged, incomplete : int
        Runs left out because they diverged, or because they miss a depth.
    resolution : float
        Smallest variance the metric can show (its rounding step²/12); smaller estimates are raised to it.

    Notes
    -----
    Source: THEORY.md 2; Luo, Wang, Tang (2026), Sec. 4 for `spread`.
    """

    depth: ArrayLike
    risk: ArrayLike
    df: ArrayLike
    estimator: str = "given"
    question: str = "fresh_run"
    task: str = ""
    metric: str = ""
    log_covariance: Array | None = None
    values: Array | None = field(default=None, repr=False)
    mean: Array | None = None
    sampling_error: float | None = None
    diverged: int = 0
    incomplete: int = 0
    resolution: float = 0.0

    def __post_init__(self) -> None:
        if self.estimator not in ESTIMATORS:
            raise bad_argument("estimator", self.estimator, f"one of {', '.join(ESTIMATORS)}")
        if self.question not in QUESTIONS:
            raise bad_argument("question", self.question, f"one of {', '.join(QUESTIONS)}")
        depth = _vector("depth", self.depth)
        risk = _vector("risk", self.risk)
        if len(depth) < 2:
            raise bad_argument("depth", self.depth, "at least two depths", "Probe more depths.")
        if len(risk) != len(depth):
            raise bad_argument("risk", self.risk, f"one value for each of the {len(depth)} depths")
        if depth[0] <= 0 or np.any(np.diff(depth) <= 0):
            raise bad_argument(
                "depth", depth.tolist(), "depths > 0 in strictly increasing order (steps)", "Sort them, each once."
            )
        if np.any(risk <= 0):
            at = depth[int(np.argmax(risk <= 0))]
            raise bad_argument(
                "risk", risk.tolist(), "variances > 0 (metric²)", f"The one at depth {at:g} is not; leave it out."
            )
        df = np.asarray(self.df, dtype=float)
        if df.ndim > 1 or (df.ndim == 1 and len(df) != len(depth)):
            raise bad_argument("df", self.df, f"one number, or one for each of the {len(depth)} depths")
        df = np.broadcast_to(df, depth.shape).copy()
        if not np.all(np.isfinite(df)) or np.any(df < 1):
            raise bad_argument("df", self.df, "degrees of freedom >= 1", "A spread of S runs has S - 1: use 2 or more.")
        if self.log_covariance is not None and np.shape(self.log_covariance) != (len(depth), len(depth)):
            shape = np.shape(self.log_covariance)
            raise bad_argument("log_covariance", f"array of shape {shape}", f"shape ({len(depth)}, {len(depth)})")
        object.__setattr__(self, "depth", depth)
        object.__setattr__(self, "risk", np.maximum(risk, self.resolution))
        object.__setattr__(self, "df", df)

    @property
    def n_runs(self) -> int | None:
        """Runs behind a spread; None for curves given as numbers."""
        return None if self.values is None else len(self.values)

    def from_depth(self, first: float) -> RiskCurve:
        """The part of the curve at depths >= `first`."""
        keep = np.asarray(self.depth) >= first
        if keep.sum() < 2:
            raise bad_argument("first", first, f"a depth that leaves at least two of {list(np.asarray(self.depth))}")
        return replace(
            self,
            depth=np.asarray(self.depth)[keep],
            risk=np.asarray(self.risk)[keep],
            df=np.asarray(self.df)[keep],
            log_covariance=None if self.log_covariance is None else self.log_covariance[np.ix_(keep, keep)],
            values=None if self.values is None else self.values[:, keep],
            mean=None if self.mean is None else self.mean[keep],
        )

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """Depth, risk, chi² interval of each estimate, its standard deviation scale and degrees of freedom.

        The interval takes the runs as Gaussian and treats each depth by itself.
        """
        from scipy.stats import chi2

        if not 0 < level < 1:
            raise bad_argument("level", level, "a confidence level in (0, 1), such as 0.95")
        risk, df = np.asarray(self.risk), np.asarray(self.df)
        tail = (1 - level) / 2
        out = pd.DataFrame({"depth": self.depth, "risk": risk})
        out["lower"] = df * risk / chi2.ppf(1 - tail, df)
        out["upper"] = df * risk / chi2.ppf(tail, df)
        out["sd"] = np.sqrt(risk)
        out["df"] = df
        if self.mean is not None:
            out["mean"] = self.mean
        return out

    def plot(self) -> Any:
        """Altair chart of the curve with its intervals."""
        from predictlab.charts import risk_curve_chart

        return risk_curve_chart(self)

    def _repr_html_(self) -> str:
        notes = [f"{self.estimator}: {ESTIMATORS[self.estimator]}", f"question: {QUESTIONS[self.question]}"]
        if self.diverged or self.incomplete:
            notes.append(f"left out: {self.diverged} diverged, {self.incomplete} incomplete runs")
        if self.sampling_error is not None:
            sd = np.sqrt(self.sampling_error)
            notes.append(f"sampling error of the evaluation set (not in the risk): sd {sd:.4g}")
        return (
            f"<b>Risk curve of {self.task or 'a task'}, {self.metric or 'metric'}²</b><br>"
            + "<br>".join(notes)
            + self.frame().to_html(index=False, float_format=lambda v: f"{v:.4g}")
        )


def _vector(name: str, value: ArrayLike) -> Array:
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise bad_argument(name, value, "a list of numbers") from None
    if array.ndim != 1 or not np.all(np.isfinite(array)):
        raise bad_argument(name, value, "a one-dimensional list of finite numbers", "Leave out the depths without one.")
    return array


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


def _resolution(values: Array) -> float:
    """Variance of rounding to the metric's step: a share of n rows moves in steps of 1/n (Sheppard)."""
    steps = np.diff(np.unique(np.round(values, 12)))
    return float(np.min(steps) ** 2 / 12) if len(steps) else 0.0


def risk_curve(
    runs: Any,
    task: str | None = None,
    estimator: str = "spread",
    metric: str | None = None,
    eval_rows: int | None = None,
) -> RiskCurve:
    """Risk curve of one task from measured runs.

    Parameters
    ----------
    runs : pandas.DataFrame, RunStore or path
        Tidy frame of measurements (DESIGN.md), or a store of them.
    task : str, optional
        Which task; may be left out when there is only one.
    estimator : {"spread"}
        Sample variance over seeds at each depth, ``df = S - 1``. It answers ``fresh_run``.
    metric : str, optional
        Which metric; default ``"accuracy"`` where it was measured, else the only one there is.
    eval_rows : int, optional
        Size of the evaluation set; gives the sampling error ``p (1 - p) / n`` of an accuracy, reported beside the risk.

    Returns
    -------
    RiskCurve

    Raises
    ------
    DataError
        No such task or metric, fewer than two complete runs, or no variation at all.
    """
    if estimator != "spread":
        raise bad_argument("estimator", estimator, "'spread'", "It is the estimator that a plan of seeds can feed.")
    if eval_rows is not None and not eval_rows >= 1:
        raise bad_argument("eval_rows", eval_rows, "a number of rows >= 1")
    frame = _frame_of(runs, task)
    task, frame = _one(frame, "task", task, None)
    metric, frame = _one(frame, "metric", metric, "accuracy")
    if frame.duplicated(["run", "depth"]).any():
        row = frame[frame.duplicated(["run", "depth"])].iloc[0]
        at = f"run {row['run']!r} has two values of {metric} at depth {row['depth']}"
        raise DataError(f"task {task!r}: {at}; keep one.")
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
    resolution = _resolution(values)
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
        mean=means,
        sampling_error=sampling,
        diverged=len(bad),
        incomplete=len(table) - len(complete),
        resolution=resolution,
    )


def _frame_of(runs: Any, task: str | None) -> pd.DataFrame:
    if isinstance(runs, pd.DataFrame):
        needed = ["task", "run", "depth", "metric", "value", "status"]
        missing = [c for c in needed if c not in runs.columns]
        if missing:
            raise DataError(f"runs: column {missing[0]!r} is missing; a tidy frame has {', '.join(needed)}.")
        return runs
    if hasattr(runs, "frame"):
        return runs.frame(task)
    from predictlab.runs import RunStore

    if not Path(runs).is_file():  # opening a store creates it, which a mistyped path must not
        raise DataError(f"runs: no run store at {runs}. Check the path, or probe first.")
    with RunStore(runs) as store:
        return store.frame(task)


def _one(frame: pd.DataFrame, column: str, wanted: str | None, default: str | None) -> tuple[str, pd.DataFrame]:
    """Rows with one value of `column`: the wanted one, the default if it is there, or the only one."""
    present: Sequence[str] = [str(v) for v in pd.unique(frame[column])]
    if not present:
        raise DataError(f"runs: no measurements{'' if wanted is None else f' of {column} {wanted!r}'}. Probe first.")
    if wanted is None:
        if default in present:
            wanted = default
        elif len(present) == 1:
            wanted = present[0]
        else:
            raise bad_argument(column, None, f"one of {', '.join(present)}", f"There are several; name the {column}.")
    if wanted not in present:
        raise bad_argument(column, wanted, f"one of {', '.join(present)}")
    assert wanted is not None
    return wanted, frame[frame[column] == wanted]
