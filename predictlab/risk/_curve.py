"""The risk curve: estimates of the risk at increasing depths, and all that belongs to them (THEORY 2 and 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab._summary import Summary
from predictlab._validation import confidence_level
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
    "residual": "out-of-fold mean squared error of a predictor of the final metric; an upper bound of the risk",
    "given": "numbers given by the user",
}
SAYS = {
    "spread": (
        "It says how far seeds are apart at a depth, and at the last depth how far they end apart; "
        "it does not say how well the end of a run is known from its prefix."
    ),
    "branch": (
        "It is unbiased for the risk of this very run, L(c), averaged over its parents; "
        "it does not say how to predict the end, nor anything about another task."
    ),
    "residual": (
        "It says what this predictor achieves on runs it has not seen, so the risk is no larger on average; "
        "it does not say how much a better predictor would achieve."
    ),
    "given": "It says what its maker measured; predictlab has not seen the runs.",
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
        is applied. For `spread`, values less their mean; for `residual`, out-of-fold errors times ``sqrt(df / runs)``.
    runs : tuple of str, optional
        Names of the rows of `values`.
    groups : ndarray, shape (runs,), optional
        Group of each row of `errors`, where rows of one group are not independent; None: they are.
    mean : ndarray, shape (k,), optional
        Mean of the metric at each depth.
    sampling_error : float, optional
        Variance of the metric due to the finite evaluation set, metric². Beside the risk, not part of it.
    diverged, incomplete : int
        Runs left out because they diverged, or because they miss a depth.
    resolution : float
        Smallest variance the metric can show (its rounding step²/12); smaller estimates are raised to it.
    total_variance : float, optional
        Variance of the final metric over the runs that are no forks, metric²: what is to be explained.
    anova : pandas.DataFrame, optional
        Analysis of variance of a `branch`, one row a fork depth: ``parents``, ``forks``, ``diverged``, ``incomplete``,
        ``within`` (before `resolution`), ``between`` (0 where the estimate is negative), ``total`` (their sum),
        ``share_resolved`` with its 95 % interval ``share_lower``, ``share_upper``; ``total_p_value`` tests total
        against the variance over independent runs, ``own_end_p_value`` each parent's own end against its forks (small:
        the forks are not faithful continuations); sums of squares and degrees of freedom. See `predictlab.risk.Anova`.

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
    runs: tuple[str, ...] | None = field(default=None, repr=False)
    groups: NDArray[Any] | None = field(default=None, repr=False)
    mean: Array | None = None
    sampling_error: float | None = None
    diverged: int = 0
    incomplete: int = 0
    resolution: float = 0.0
    total_variance: float | None = None
    anova: pd.DataFrame | None = field(default=None, repr=False)

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
        """Runs behind a spread or a residual; None for forks and for curves given as numbers."""
        for rows in (self.values, self.errors):
            if rows is not None:
                return len(rows)
        return None

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
            anova=None if self.anova is None else self.anova[self.anova["depth"] >= first].reset_index(drop=True),
        )

    def without(self, rows: Iterable[int]) -> RiskCurve:
        """The curve of a spread without some of its runs.

        Parameters
        ----------
        rows : iterable of int
            Rows of `values`, from 0.
        """
        if self.estimator != "spread" or self.values is None:
            raise bad_argument("rows", rows, "rows of a curve that was made by pl.risk_curve(runs), estimator 'spread'")
        out = set(rows)
        if wrong := sorted(out - set(range(len(self.values)))):
            raise bad_argument("rows", wrong, f"whole numbers from 0 to {len(self.values) - 1}, rows of the curve")
        keep = np.array([i not in out for i in range(len(self.values))])
        if keep.sum() < 3:
            raise bad_argument("rows", sorted(out), "rows that leave at least 3 runs")
        from predictlab.risk._spread import spread

        values = self.values[keep]
        risk, covariance = spread(values)
        means = values.mean(axis=0)
        return replace(
            self,
            risk=np.maximum(risk, self.resolution) if self.resolution else risk,
            df=len(values) - 1.0,
            log_covariance=covariance,
            values=values,
            errors=values - means,
            mean=means,
            runs=None if self.runs is None else tuple(np.asarray(self.runs)[keep].tolist()),
        )

    def frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Depth, risk, chi² interval of each estimate, its standard deviation scale and degrees of freedom.

        The interval takes the runs as Gaussian and treats each depth by itself. ``unresolved``, where the question is
        not `fresh_run` and `total_variance` is known: the risk as a share of the variance of the final metric.
        """
        from scipy.stats import chi2

        risk, df = np.asarray(self.risk), np.asarray(self.df)
        tail = (1 - confidence_level(confidence)) / 2
        out = pd.DataFrame({"depth": self.depth, "risk": risk})
        out["lower"] = df * risk / chi2.ppf(1 - tail, df)
        out["upper"] = df * risk / chi2.ppf(tail, df)
        out["sd"] = np.sqrt(risk)
        out["df"] = df
        if self.mean is not None:
            out["mean"] = self.mean
        if self.total_variance and self.question != "fresh_run":
            out["unresolved"] = risk / self.total_variance
        return out

    def plot(self) -> Any:
        """Altair chart of the curve with its intervals."""
        from predictlab.charts import risk_curve_chart

        return risk_curve_chart(self)

    def notes(self) -> list[str]:
        """What the curve is, what it says and does not say, what was left out: one sentence each."""
        notes = [f"{self.estimator}: {ESTIMATORS[self.estimator]}", f"question: {QUESTIONS[self.question]}"]
        notes.append(SAYS[self.estimator])
        if self.diverged or self.incomplete:
            kind = "forks" if self.estimator == "branch" else "runs"
            notes.append(f"left out: {self.diverged} diverged, {self.incomplete} incomplete {kind}")
        if self.sampling_error is not None:
            sd = np.sqrt(self.sampling_error)
            notes.append(f"sampling error of the evaluation set (not in the risk): sd {sd:.4g}")
        if self.anova is not None:
            zero = self.anova.loc[self.anova["between"] == 0, "depth"]
            if len(zero):
                at = ", ".join(f"{c:g}" for c in zero)
                notes.append(f"at depth {at} forks of one parent differ as much as any: between is reported as 0")
            for column, means in (
                ("total_p_value", "within + between is not the variance over independent runs"),
                ("own_end_p_value", "parents do not end as their forks do"),
            ):
                # one in a hundred over all depths: depths are tests of one and the same thing
                odd = self.anova.loc[self.anova[column] < 0.01 / len(self.anova), "depth"]
                if len(odd):
                    notes.append(f"caution: {means} at depth {', '.join(f'{c:g}' for c in odd)}")
        return notes

    def summary(self) -> Summary:
        """The curve as text: title, notes, one line a depth, and the analysis of variance of forks."""
        title = f"Risk curve of {self.task or 'a task'}, {self.metric or 'metric'}²"
        tables = [self.frame()] if self.anova is None else [self.frame(), self.anova[_ANOVA_SHOWN]]
        return Summary(title, *self.notes(), *tables)

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


_ANOVA_SHOWN = [
    "depth", "parents", "forks", "diverged", "incomplete", "within", "between", "total",
    "share_resolved", "share_lower", "share_upper", "total_p_value", "own_end_p_value",
]  # fmt: skip


def same_question(curves: Mapping[str, Any] | Iterable[Any]) -> str:
    """The question that all curves answer; mixing questions is an error that explains them.

    Parameters
    ----------
    curves : mapping or iterable
        Risk curves, or objects with a ``curve`` such as fits; keys of a mapping are used as names.

    Returns
    -------
    str
        ``"this_run"``, ``"fresh_run"`` or ``"new_task"``.

    Raises
    ------
    ArgumentError
        None given, or more than one question among them (THEORY 7).
    """
    given = dict(curves) if isinstance(curves, Mapping) else {f"number {i + 1}": c for i, c in enumerate(curves)}
    asked: dict[str, list[str]] = {}
    for name, item in given.items():
        curve = item if isinstance(item, RiskCurve) else getattr(item, "curve", None)
        if not isinstance(curve, RiskCurve):
            raise bad_argument("curves", item, "risk curves, or fits of them")
        asked.setdefault(curve.question, []).append(str(name))
    if not asked:
        raise bad_argument("curves", curves, "at least one risk curve")
    if len(asked) > 1:
        words = "; ".join(
            f"{question!r}, {QUESTIONS[question]} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
            for question, names in asked.items()
        )
        raise bad_argument(
            "question", list(asked), "curves of one question", f"They differ in whose end is predicted: {words}. "
            "The risk of one says nothing about the risk of another; compare them apart.",
        )  # fmt: skip
    return next(iter(asked))


def vector(name: str, value: ArrayLike) -> Array:
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise bad_argument(name, value, "a list of numbers") from None
    if array.ndim != 1 or not np.all(np.isfinite(array)):
        raise bad_argument(name, value, "a one-dimensional list of finite numbers", "Leave out the depths without one.")
    return array
