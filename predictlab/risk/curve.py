"""The risk curve: estimates of the risk at increasing depths, and all that belongs to them (THEORY 2 and 7)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab.errors import bad_argument

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
    errors : ndarray, shape (runs, k), optional
        Deviations behind the risk, one row a run: ``risk[i] = sum(errors[:, i]²) / df[i]``, before `resolution`
        is applied. For `spread`, values less their mean; for `residual`, out-of-fold errors.
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
    errors: Array | None = field(default=None, repr=False)
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
        depth = vector("depth", self.depth)
        risk = vector("risk", self.risk)
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
        if self.errors is not None and (np.ndim(self.errors) != 2 or np.shape(self.errors)[1] != len(depth)):
            raise bad_argument("errors", f"array of shape {np.shape(self.errors)}", f"shape (runs, {len(depth)})")
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
            errors=None if self.errors is None else self.errors[:, keep],
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


def vector(name: str, value: ArrayLike) -> Array:
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise bad_argument(name, value, "a list of numbers") from None
    if array.ndim != 1 or not np.all(np.isfinite(array)):
        raise bad_argument(name, value, "a one-dimensional list of finite numbers", "Leave out the depths without one.")
    return array
