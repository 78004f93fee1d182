"""The risk curve: estimates of the risk at increasing depths, and all that belongs to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab._summary import Summarised, Summary
from predictlab._validation import confidence_level, floats, option, tails
from predictlab.errors import DataError, bad_argument
from predictlab.risk._components import VarianceComponents, reliability
from predictlab.risk._text import ANOVA_SHOWN, ESTIMATORS, QUESTIONS, headline, notes

if TYPE_CHECKING:
    import altair as alt

    from predictlab.risk._outcomes import Outcomes

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, init=False)
class RiskCurve(Summarised):
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
    question : {"agreement", "this_run", "fresh_run", "new_task"}
        Which risk it is; see `predictlab.risk.QUESTIONS`.
    task, metric : str
        Labels.
    log_covariance : ndarray, shape (k, k), optional
        Covariance of ``log U`` across depths, of a curve without `errors` alone. None: independent and Gaussian,
        ``diag(2 / df)``.
    errors : ndarray, shape (runs, k), optional
        Deviations behind the risk, one row a run: ``risk[i] = sum(errors[:, i]²) / df[i]``, before `resolution`
        is applied. For `spread`, the values of the runs less `mean`, NaN where a run was not measured;
        for `residual`, out-of-fold errors times ``sqrt(df / runs)``.
    runs : tuple of str, optional
        Names of the rows of `errors`.
    groups : ndarray, shape (runs,), optional
        Group of each row of `errors`, where rows of one group are not independent; None: they are.
    mean : ndarray, shape (k,), optional
        Mean of the metric at each depth.
    sampling_error : float, optional
        Variance of the metric due to the finite evaluation set, metric². Beside the risk, not part of it.
    diverged, incomplete : int
        Runs left out because they diverged; and those that miss a depth, which for a `spread` count at their others.
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
    parts : tuple of VarianceComponents, length k, optional
        Of a spread whose outcomes of evaluation rows are known: what runs and rows add to it at each depth.
    odd_depths : tuple of float
        Depths left out because few of the runs that had come so far were measured there.
    outcomes : Outcomes, optional
        The outcomes themselves, of the runs in `runs`.
    horizon : float, optional
        ``T``, steps of the whole recipe; depths are points on its schedule. None: not known.
    schedule : str, optional
        Of the recipe's learning rate; None: not known.
    seeds : int, optional
        Of `fresh_run`: runs that are probed before the end of another one is predicted.
    seconds_per_step : float, optional
        What a step of one run took, where the runs tell; None: not known.

    Raises
    ------
    ArgumentError
        Depths that do not increase, risks that are no variances, degrees of freedom below 1, shapes that differ.

    Notes
    -----
    Source: docs/theory.md, section 2; Luo, Wang, Tang (2026), Sec. 4 for `spread`.

    Examples
    --------
    >>> curve = RiskCurve(depth=[4, 8, 16], risk=[0.04, 0.02, 0.01], df=15)
    >>> curve.frame()[["depth", "risk", "sd"]].round(3)
       depth  risk     sd
    0    4.0  0.04  0.200
    1    8.0  0.02  0.141
    2   16.0  0.01  0.100
    """

    depth: Array
    risk: Array
    df: Array
    estimator: str
    question: str
    task: str
    metric: str
    log_covariance: Array | None = field(repr=False)
    errors: Array | None = field(repr=False)
    runs: tuple[str, ...] | None = field(repr=False)
    groups: NDArray[Any] | None = field(repr=False)
    mean: Array | None
    sampling_error: float | None
    diverged: int
    incomplete: int
    resolution: float
    total_variance: float | None
    anova: pd.DataFrame | None = field(repr=False)
    odd_depths: tuple[float, ...] = field(repr=False)
    parts: tuple[VarianceComponents, ...] | None = field(repr=False)
    outcomes: Outcomes | None = field(repr=False)
    horizon: float | None
    schedule: str | None
    seeds: int | None
    seconds_per_step: float | None

    def __init__(
        self,
        depth: ArrayLike,
        risk: ArrayLike,
        df: ArrayLike,
        *,
        estimator: str = "given",
        question: str = "agreement",
        task: str = "",
        metric: str = "",
        log_covariance: ArrayLike | None = None,
        errors: ArrayLike | None = None,
        runs: Iterable[str] | None = None,
        groups: ArrayLike | None = None,
        mean: ArrayLike | None = None,
        sampling_error: float | None = None,
        diverged: int = 0,
        incomplete: int = 0,
        resolution: float = 0.0,
        total_variance: float | None = None,
        anova: pd.DataFrame | None = None,
        odd_depths: Iterable[float] = (),
        parts: Iterable[VarianceComponents] | None = None,
        outcomes: Outcomes | None = None,
        horizon: float | None = None,
        schedule: str | None = None,
        seeds: int | None = None,
        seconds_per_step: float | None = None,
    ) -> None:
        option("estimator", estimator, ESTIMATORS)
        option("question", question, QUESTIONS)
        depths, risks = _vector("depth", depth), _vector("risk", risk)
        if len(depths) < 2:
            raise bad_argument("depth", depth, "at least two depths", "Probe more depths.")
        k = len(depths)
        if len(risks) != k:
            raise bad_argument("risk", risk, f"one value for each of the {k} depths")
        if depths[0] <= 0 or np.any(np.diff(depths) <= 0):
            expected = "depths > 0 in strictly increasing order (steps)"
            raise bad_argument("depth", depths.tolist(), expected, "Sort them, each once.")
        if np.any(risks <= 0):
            at = depths[int(np.argmax(risks <= 0))]
            hint = f"The one at depth {at:g} is not; leave it out."
            raise bad_argument("risk", risks.tolist(), "variances > 0 (metric²)", hint)
        expected = f"one number, or one for each of the {k} depths"
        freedom = floats("df", df, expected)
        if freedom.ndim > 1 or (freedom.ndim == 1 and len(freedom) != k):
            raise bad_argument("df", df, expected)
        if not np.all(np.isfinite(freedom)) or np.any(freedom < 1):
            raise bad_argument("df", df, "degrees of freedom >= 1", "A spread of S runs has S - 1: use 2 or more.")
        if horizon is not None and not depths[-1] <= horizon < np.inf:
            hint = "A depth is a point on the schedule of a recipe of that many steps; leave out what lies beyond it."
            raise bad_argument("horizon", horizon, f"steps of the whole recipe, at least {depths[-1]:g}", hint)
        vars(self).update(  # frozen from here on
            depth=depths,
            risk=np.maximum(risks, resolution),
            df=np.broadcast_to(freedom, depths.shape).copy(),
            estimator=estimator,
            question=question,
            task=task,
            metric=metric,
            log_covariance=_array("log_covariance", log_covariance, k, k),
            errors=_array("errors", errors, "runs", k),
            runs=None if runs is None else tuple(runs),
            groups=None if groups is None else np.asarray(groups),
            mean=_array("mean", mean, k),
            sampling_error=sampling_error,
            diverged=diverged,
            incomplete=incomplete,
            resolution=resolution,
            total_variance=total_variance,
            anova=anova,
            odd_depths=tuple(odd_depths),
            parts=None if parts is None else tuple(parts),
            outcomes=outcomes,
            horizon=None if horizon is None else float(horizon),
            schedule=schedule,
            seeds=seeds,
            seconds_per_step=seconds_per_step,
        )

    @property
    def n_runs(self) -> int | None:
        """Runs behind a spread or a residual; None for forks and for curves given as numbers."""
        return None if self.errors is None else len(self.errors)

    def units(self) -> NDArray[np.intp]:
        """Number the independent units, runs or groups of runs, that the rows of `errors` belong to.

        Returns
        -------
        ndarray of int, shape (runs,)
            From 0; without `groups` each row is a unit of its own.
        """
        if self.groups is None:
            return np.arange(self.n_runs or 0)
        return np.unique(self.groups, return_inverse=True)[1]

    def frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Tabulate the estimates with their chi² intervals.

        The interval takes the runs as Gaussian and treats each depth by itself.

        Parameters
        ----------
        confidence : float
            Of the intervals, in (0, 1).

        Returns
        -------
        pandas.DataFrame
            ``depth`` (steps), ``risk`` with ``lower`` and ``upper`` (metric²), ``sd`` (metric), ``df``; ``mean`` of the
            metric where it is known; ``unresolved``, where `total_variance` is known and the question is about
            an end that is watched: the risk as a share of the variance of the final metric.
        """
        from scipy.stats import chi2

        lower, upper = (self.df * self.risk / chi2.ppf(q, self.df) for q in reversed(tails(confidence)))
        out = pd.DataFrame({"depth": self.depth, "risk": self.risk, "lower": lower, "upper": upper})
        out = out.assign(sd=np.sqrt(self.risk), df=self.df)
        if self.mean is not None:
            out["mean"] = self.mean
        if self.total_variance and self.question != "fresh_run":
            out["unresolved"] = self.risk / self.total_variance
        return out

    def components(self, confidence: float = 0.95) -> pd.DataFrame:
        """Tabulate what training runs and evaluation rows add to the spread.

        Parameters
        ----------
        confidence : float
            Of the intervals, in (0, 1).

        Returns
        -------
        pandas.DataFrame
            ``depth`` (steps); ``run``, ``interaction`` and ``row``, estimates of ``sigma_run²`` (metric²) and of
            ``sigma_int²`` and ``sigma_row²`` (metric² a row), signed, each with ``_lower`` and ``_upper``; ``rows``,
            the size of the evaluation set; ``rows_share``, the part of the spread that is ``interaction / rows``; and
            ``half_split``, a check: the covariance of two halves of the rows estimates ``sigma_run²`` too.

        Raises
        ------
        DataError
            A curve without outcomes of rows.

        Notes
        -----
        Source: docs/theory.md, section 8.
        """
        level = confidence_level(confidence)
        table = []
        for depth, parts in zip(self.depth, self._known_parts, strict=True):
            line: dict[str, float] = {"depth": depth}
            for name in ("run", "interaction", "row"):
                ends = parts.interval(name, level)
                line |= {name: getattr(parts, name), f"{name}_lower": ends[0], f"{name}_upper": ends[1]}
            table.append(line | {"rows": parts.rows, "rows_share": parts.rows_share, "half_split": parts.half_split})
        return pd.DataFrame(table)

    def reliability(self, depth: float | None = None, confidence: float = 0.95) -> pd.DataFrame:
        """Answer what one run's number leaves open: another seed, another set, deployment.

        Parameters
        ----------
        depth : float, optional
            A measured depth, steps; None: the last.
        confidence : float
            Of the intervals, in (0, 1).

        Returns
        -------
        pandas.DataFrame
            ``sd``, ``lower``, ``upper`` (metric), a row a question (docs/theory.md, section 8).

        Raises
        ------
        DataError
            A curve without outcomes of rows.
        ArgumentError
            A depth that was not measured.
        """
        known = self._known_parts
        at = self.depth[-1] if depth is None else float(depth)
        if at not in self.depth:
            raise bad_argument("depth", depth, f"one of the measured depths {self.depth.tolist()}")
        return reliability(known[int(np.flatnonzero(self.depth == at)[0])], confidence)

    @property
    def _known_parts(self) -> tuple[VarianceComponents, ...]:
        if self.parts is None:
            raise DataError(
                "the curve has no outcomes of evaluation rows, so runs and rows cannot be told apart. Make it with "
                "pl.risk_curve(pl.read_outcomes(...)); a metric that is no mean over rows takes pl.resampled_outcomes."
            )
        return self.parts

    def summary(self) -> Summary:
        """Say what the curve is, in words and tables.

        Returns
        -------
        Summary
            A sentence, one line a depth, what the curve says and does not say, and the analysis of variance of forks.
        """
        title = f"Risk curve of {self.task or 'a task'}, {self.metric or 'metric'}²"
        anova = [] if self.anova is None else [self.anova[ANOVA_SHOWN]]
        return Summary(title, headline(self), self.frame(), *notes(self), *anova)

    def plot(self) -> alt.LayerChart:
        """Draw the curve with its intervals.

        Returns
        -------
        altair.LayerChart
        """
        from predictlab.charts import risk_curve_chart

        return risk_curve_chart(self)


def from_depth(curve: RiskCurve, first: float) -> RiskCurve:
    """Take the part of a curve at depths >= `first`.

    Parameters
    ----------
    curve : RiskCurve
    first : float
        Steps; at least two depths must be left.

    Returns
    -------
    RiskCurve

    Examples
    --------
    >>> from_depth(RiskCurve(depth=[4, 8, 16], risk=[0.04, 0.02, 0.01], df=15), 8).depth
    array([ 8., 16.])
    """
    keep = curve.depth >= first
    if keep.sum() < 2:
        raise bad_argument("first", first, f"a depth that leaves at least two of {curve.depth.tolist()}")
    return replace(
        curve,
        depth=curve.depth[keep],
        risk=curve.risk[keep],
        df=curve.df[keep],
        log_covariance=None if curve.log_covariance is None else curve.log_covariance[np.ix_(keep, keep)],
        errors=None if curve.errors is None else curve.errors[:, keep],
        mean=None if curve.mean is None else curve.mean[keep],
        anova=None if curve.anova is None else curve.anova[curve.anova["depth"] >= first].reset_index(drop=True),
        parts=None if curve.parts is None else tuple(p for p, k in zip(curve.parts, keep, strict=True) if k),
        outcomes=None if curve.outcomes is None else curve.outcomes.subset(curve.depth[keep], curve.outcomes.runs),
    )


class HasCurve(Protocol):
    """Whatever was made from a risk curve, such as a fit."""

    @property
    def curve(self) -> RiskCurve:
        """The risk curve."""
        ...


def same_question(curves: Mapping[str, RiskCurve | HasCurve] | Iterable[RiskCurve | HasCurve]) -> str:
    """Tell which question all curves answer; mixing questions is an error that explains them.

    Parameters
    ----------
    curves : mapping or iterable
        Risk curves, or objects with a ``curve`` such as fits; keys of a mapping are used as names.

    Returns
    -------
    str
        ``"agreement"``, ``"this_run"``, ``"fresh_run"`` or ``"new_task"``.

    Raises
    ------
    ArgumentError
        None given, or more than one question among them (docs/theory.md, section 7).

    Examples
    --------
    >>> same_question([RiskCurve(depth=[4, 8], risk=[0.04, 0.02], df=15)])
    'agreement'
    """
    given = curves if isinstance(curves, Mapping) else {f"number {i}": c for i, c in enumerate(curves, 1)}
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


def _vector(name: str, value: ArrayLike) -> Array:
    array = floats(name, value, "a list of numbers")
    if array.ndim != 1 or not np.all(np.isfinite(array)):
        raise bad_argument(name, value, "a one-dimensional list of finite numbers", "Leave out the depths without one.")
    return array


def _array(name: str, value: ArrayLike | None, *shape: int | str) -> Array | None:
    """`value` as floats of that shape; the number of "runs" is free."""
    if value is None:
        return None
    array = floats(name, value, "an array of numbers")
    if array.ndim != len(shape) or any(n not in (m, "runs") for n, m in zip(shape, array.shape, strict=True)):
        raise bad_argument(name, f"array of shape {array.shape}", f"shape ({', '.join(map(str, shape))})")
    return array
