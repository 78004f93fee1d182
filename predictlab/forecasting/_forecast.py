"""`forecast`: where runs will end, with intervals, from what is known at a depth."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab._validation import (
    confidence_level,
    evaluation_rows,
    generator,
    nonnegative,
    number,
    option,
    whole_number,
)
from predictlab.errors import DataError, bad_argument
from predictlab.forecasting._inputs import ForecastInputs, build_forecast_inputs
from predictlab.forecasting._learning import learning_of
from predictlab.forecasting._predictive import guaranteed_level
from predictlab.forecasting._results import ForecastResults
from predictlab.forecasting._rows import Key, means_of_outcomes, outcomes_behind, rows_of_forecast
from predictlab.forecasting._stack import PREDICTORS, REGRESSION, STACK, Members
from predictlab.risk._curve import Array
from predictlab.risk._frames import Runs, rounding_variance, select_rows
from predictlab.risk._trajectories import MIN_GROUPS, MIN_RUNS
from predictlab.task import better_side, is_share

METHODS = ("t", "jackknife+", "cv+")
CV_FOLDS = 10  # of "cv+", where none are given
UNLIKE = "unlike the runs learnt from"


def forecast(
    runs: Runs,
    at_depth: float,
    *,
    confidence: float = 0.95,
    task: str | None = None,
    metric: str | None = None,
    end: float | Mapping[str, float] | None = None,
    method: str = "t",
    predictor: str | None = None,
    rows: float | None = None,
    threshold: float | None = None,
    better: str | None = None,
    features: pd.DataFrame | None = None,
    groups: str | Mapping[str, object] | None = None,
    regressor: object = None,
    folds: int | None = None,
    rng: int | np.random.Generator | None = None,
) -> ForecastResults:
    """Forecast the final metric of runs from what is known of them at a depth.

    Every run of the frame gets a row: those that go on, and those whose end is known, which are forecast by runs of
    other groups alone, so that `final` beside the interval shows how good forecasts from this depth are.

    Parameters
    ----------
    runs : pandas.DataFrame, RunStore or path
        Tidy frame of measurements, or a store of them; runs that ended among them. Or a long table of outcomes of rows,
        as ``pl.read_outcomes`` gives.
    at_depth : float
        Nothing that was measured deeper is used of the run that is forecast, steps. 0: its path is not used at all.
    confidence : float
        Of the intervals, in (0, 1).
    task : str, optional
        One task of several; its runs are then forecast from each other.
    metric : str, optional
        Default ``"accuracy"`` where it was measured, ``"eval_loss"`` of completions, else the only one there is.
    end : float or mapping of task to float, optional
        Depth at which runs end, steps. Default the greatest one of the metric that at least 4 runs came to (or as many
        as came to any), which has to be the same for all tasks that were measured deeper than `at_depth`.
    method : {"t", "jackknife+", "cv+"}
        "t": Gaussian errors of one variance, estimated out of fold. "jackknife+": no shape is assumed. Where each
        group is left out by itself its interval holds with at least ``2 confidence - 1``, usually about `confidence`;
        in parts a little less is proven. "cv+": the same in 10 parts, or `folds`. Both are unbounded below
        ``confidence / (1 - confidence)`` groups (19 at 95 %). `guaranteed` of the results is the proven level, for
        groups that are exchangeable.
    predictor : {"stack", "static", "regression", "last_value", "power_law", "log_log", "calibrated"}, optional
        "last_value", "power_law" and "log_log" know the run's own curve alone, which they draw on to its end;
        "regression" learns from runs that ended, "static" does so from `features` alone, and "calibrated" with what
        the own curve says among its features. "stack" is the average of all of them with weights >= 0 that make it
        best on groups left out; without the group that is forecast all of it is learnt again. Default the stack, or
        the regression where a `regressor` is given.
    rows : float, optional
        Evaluation rows of the set that the end is asked on. None: this set, as it was measured. A number: as many
        *other* rows from where these come from; inf: all of them, as in deployment. Needs the outcomes of rows: a store
        that keeps them, or a long table of them.
    threshold : float, optional
        Where a run has to end to be worth it; adds `p_above` and `decision`. A run unlike those learnt from is
        "undetermined".
    better : {"higher", "lower"}, optional
        Which side of the threshold is good; needed for metrics other than predictlab's own.
    features : pandas.DataFrame, optional
        What is known beforehand (static scores, sizes), numbers, indexed by run or by task.
    groups : str or mapping, optional
        What the predictor must not have seen of a run that it forecasts: a column of the runs, or run -> group.
        Default the task where there are several, else the run itself.
    regressor : scikit-learn regressor, optional
        Of the regression. Default a ridge whose penalty is chosen inside the training part, up to the mean alone.
    folds : int, optional
        Parts of the cross-validation; default each group by itself up to 40, else 10.
    rng : int, numpy.random.Generator or None
        Shuffles the folds; None: a fresh generator of seed 0.

    Returns
    -------
    ForecastResults
        Runs that diverge are outside: the intervals are for runs that do not. Shares such as accuracies are cut to
        [0, 1]. A run whose features, or whose last step, are beyond those of the runs learnt from has an interval that
        reaches towards how those ended and where its own curve goes, the whole way where its note says "unlike".

    Raises
    ------
    ArgumentError, DataError
        Too few runs whose end is known, depths or ends that cannot be, an unknown method, a predictor that needs more
        depths, rows without outcomes, or nothing to predict.

    Notes
    -----
    Features and regression are those of ``pl.risk_curve(runs, estimator="residual")``, and so are the degrees of
    freedom: of ``predictor="regression"`` `sd`² is its risk, where the same runs are left out. Of any predictor it is
    an upper bound of ``L(c)``. With several tasks the question is `new_task`, with one `this_run` (docs/theory.md,
    sections 2 and 7; `rows`: section 8). "jackknife+" and "cv+": Barber, Candès, Ramdas, Tibshirani (2021), Annals of
    Statistics 49, 486-507. "stack": Wolpert (1992), Neural Networks 5, 241-259; Breiman (1996), Machine Learning 24,
    49-64.

    Examples
    --------
    >>> import predictlab as pl
    >>> source = pl.worlds.MartingaleWorld(0.0001, 0.01, 1.0, mean=0.8).source(seed=0)
    >>> runs = source([4, 8, 16, 32], range(8))
    >>> forecasts = pl.forecast(runs, at_depth=16)
    >>> forecasts.coverage()
    (8, 8)
    >>> going_on = pl.forecast(runs[(runs["run"] != "run-0007") | (runs["depth"] <= 16)], at_depth=16)
    >>> going_on.frame().loc[7, ["prediction", "lower", "upper"]].astype(float).round(2).to_dict()
    {'prediction': 0.81, 'lower': 0.79, 'upper': 0.83}
    """
    at_depth = nonnegative("at_depth", at_depth)
    confidence, method = confidence_level(confidence), option("method", method, METHODS)
    rows = evaluation_rows(rows)
    outcomes: dict[Key, NDArray[np.generic]] = {}
    if isinstance(runs, pd.DataFrame) and "row" in runs.columns:
        runs, outcomes = means_of_outcomes(runs)
    frame, task, metric = select_rows(runs, task, metric, several=True)
    good_side = _good_side(metric, threshold, better)
    inputs = build_forecast_inputs(frame, metric, at_depth, end, features, groups)
    final, learnt = inputs.final, inputs.learnt
    _check_enough(inputs, learnt, metric, folds)
    share = is_share(metric) and final[learnt].max() <= 1  # not in percent
    _check_threshold(metric, threshold, final[learnt])
    members = Members(tuple(inputs.own), inputs.static, regressor, *((0.0, 1.0) if share else (-np.inf, np.inf)))
    which = _checked_predictor(predictor, members, regressor, at_depth)
    inside = CV_FOLDS if method == "cv+" and folds is None else folds
    learning = learning_of(inputs, members, which, folds, inside, generator(rng))
    beside = None
    if rows is not None:

        def errors(changed: pd.DataFrame) -> tuple[Array, Array]:
            again = build_forecast_inputs(changed, metric, at_depth, end, features, groups)
            return learning.errors(again)

        outcomes = outcomes or outcomes_behind(runs, frame)
        beside = rows_of_forecast(errors, frame, metric, outcomes, at_depth, inputs.ends, rows)
    made = learning.forecasts(method, confidence, threshold, rng, beside)

    notes, unlike = np.array(inputs.notes, dtype=object), made.unlike >= 1
    notes[made.too_few & (notes == "")] = "too few others whose end is known"
    notes[unlike & (notes == "")] = UNLIKE
    table = pd.DataFrame(made.values, columns=["prediction", "lower", "upper", "sd", "p_above"])
    if share:
        table[["lower", "upper"]] = table[["lower", "upper"]].clip(0.0, 1.0)
    task_of, run = (inputs.runs.get_level_values(level) for level in ("task", "run"))
    table = table.assign(run=run, task=task_of, final=final, note=notes)
    shown = ["run", "prediction", "lower", "upper", "sd", "final", "note", "task"]
    if threshold is not None:
        decision = _decisions(table["lower"], table["upper"], threshold, good_side)
        # nobody has seen a run like it: that the others' ends and its own path agree decides nothing
        table["decision"] = np.where(unlike, "undetermined", decision)
        _say_undecided(run[unlike & (decision != "undetermined")])
        shown[6:6] = ["p_above", "decision"]
    return ForecastResults(
        table[shown],
        metric,
        at_depth,
        confidence,
        method,
        "this_run" if groups is None and task is not None else "new_task",
        inputs.ends,
        learning.count,
        threshold,
        predictor=which,
        members=made.members,
        each=made.each,
        risk=made.risk,
        df=made.df,
        guaranteed=None if rows is not None else guaranteed_level(method, confidence, *learning.inside),
        rows=rows,
        rows_added=0.0 if beside is None else beside.added,
        rows_held=() if beside is None else beside.held,
    )


def _checked_predictor(predictor: str | None, members: Members, regressor: object, at_depth: float) -> str:
    """The predictor that is meant: the stack, or the regressor where one is given."""
    if predictor is None:
        return STACK if regressor is None else REGRESSION
    which = option("predictor", predictor, PREDICTORS)
    if which not in (STACK, *members.names):
        raise bad_argument(
            "predictor", predictor, f"one of {', '.join(map(repr, (STACK, *members.names)))} at depth {at_depth:g}",
            "'log_log' takes two depths of the metric's own curve and values > 0, 'power_law' three depths, 'static' "
            "features= and a depth above 0.",
        )  # fmt: skip
    return which


def _check_threshold(metric: str, threshold: float | None, final: Array) -> None:
    """Percent where shares were measured, or the other way round, would decide every run, and wrongly."""
    if threshold is None or not is_share(metric) or not 0 < threshold <= 100:
        return
    highest = float(np.max(final))
    if highest <= 1 < threshold:
        unit, example = "a share of at most 1, as the runs have it", threshold / 100
    elif highest > 1.5 and np.min(final) > 1 >= threshold:
        unit, example = "percent, as the runs have it", threshold * 100
    else:
        return
    raise bad_argument("threshold", threshold, unit, f"Such as {example:g}.")


def _say_undecided(runs: pd.Index) -> None:
    if len(runs):
        names = ", ".join(map(str, runs[:5])) + (", ..." if len(runs) > 5 else "")
        warnings.warn(
            f"{UNLIKE}, and therefore left undetermined: {names}. "
            "Their intervals reach to where the others ended and where their own curve goes.",
            stacklevel=3,
        )


def _good_side(metric: str, threshold: float | None, better: str | None) -> str:
    if better is not None:
        option("better", better, ("higher", "lower"))
    if threshold is None:
        return ""
    number("threshold", threshold, f"a value of {metric}")
    side = better or better_side(metric)
    if side is None:
        raise bad_argument("better", None, f"'higher' or 'lower', since {metric} is no metric of predictlab's own")
    return side


def _check_enough(inputs: ForecastInputs, learnt: NDArray[np.bool_], metric: str, folds: int | None) -> None:
    count = len(np.unique(inputs.group[learnt]))
    if learnt.sum() < MIN_RUNS or count < MIN_GROUPS:
        ended = int(np.isfinite(inputs.final).sum())
        ends = ", ".join(sorted({f"{c:g}" for c in inputs.ends.values()}))
        raise DataError(
            f"{ended} runs have their {metric} at the end, depth {ends}, and {int(learnt.sum())} of them, in {count} "
            f"groups, what is known at depths {', '.join(f'{c:g}' for c in inputs.depths) or 0}; a forecast needs "
            f"{MIN_RUNS} runs in {MIN_GROUPS} groups. If runs end elsewhere, pass end=; else train more of them to "
            "their end, or forecast from a depth at which they were measured."
        )
    if folds is not None:
        whole_number("folds", folds, 2, most=count, hint=f"There are {count} groups; None decides by their number.")
    if rounding_variance(inputs.final[learnt]) == 0.0:
        raise DataError(f"Every run ends at the same {metric}; there is nothing to predict.")


def _decisions(lower: pd.Series, upper: pd.Series, threshold: float, better: str) -> NDArray[np.str_]:
    if better == "higher":
        good, bad = lower >= threshold, upper < threshold
    else:
        good, bad = upper <= threshold, lower > threshold
    return np.select([good, bad], ["go", "no-go"], "undetermined")
