"""`forecast`: where runs will end, with intervals, from what is known at a depth."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab._validation import confidence_level, generator, nonnegative, number, option, whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.forecasting._inputs import ForecastInputs, build_forecast_inputs
from predictlab.forecasting._predictive import ALONE, predictive
from predictlab.forecasting._results import ForecastResults
from predictlab.risk._curve import Array
from predictlab.risk._frames import Runs, rounding_variance, select_rows
from predictlab.risk._residual import Predict, group_folds, parameters_of, predictor_of
from predictlab.risk._trajectories import MIN_GROUPS, MIN_RUNS, Labels
from predictlab.task import better_side, is_share

METHODS = ("t", "jackknife+")
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
        Tidy frame of measurements, or a store of them; runs that ended among them.
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
    method : {"t", "jackknife+"}
        "t": Gaussian errors of one variance, estimated out of fold. "jackknife+": no shape is assumed. Where each
        group is left out by itself its interval holds with at least ``2 confidence - 1``, usually about `confidence`;
        in parts a little less is proven. It is unbounded below ``confidence / (1 - confidence)`` groups (19 at 95 %).
    threshold : float, optional
        Where a run has to end to be worth it; adds `p_above` and `decision`. A run unlike those learnt from is
        "undetermined", without `p_above`.
    better : {"higher", "lower"}, optional
        Which side of the threshold is good; needed for metrics other than predictlab's own.
    features : pandas.DataFrame, optional
        What is known beforehand (static scores, sizes), numbers, indexed by run or by task.
    groups : str or mapping, optional
        What the predictor must not have seen of a run that it forecasts: a column of the runs, or run -> group.
        Default the task where there are several, else the run itself.
    regressor : scikit-learn regressor, optional
        Default a ridge whose penalty is chosen inside the training part, up to the mean alone.
    folds : int, optional
        Parts of the cross-validation; default each group by itself up to 40, else 10.
    rng : int, numpy.random.Generator or None
        Shuffles the folds; None: a fresh generator of seed 0.

    Returns
    -------
    ForecastResults
        Runs that diverge are outside: the intervals are for runs that do not. Shares such as accuracies are cut to
        [0, 1].

    Raises
    ------
    ArgumentError, DataError
        Too few runs whose end is known, depths or ends that cannot be, an unknown method, or nothing to predict.

    Notes
    -----
    Features, predictor and degrees of freedom are those of ``pl.risk_curve(runs, estimator="residual")``, and so is
    `sd`², an upper bound of ``L(c)``, where the same runs are left out; with several tasks the question is `new_task`,
    with one `this_run` (docs/theory.md, sections 2 and 7). "jackknife+": Barber, Candès, Ramdas, Tibshirani (2021),
    Annals of Statistics 49, 486-507.

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
    {'prediction': 0.8, 'lower': 0.77, 'upper': 0.83}
    """
    at_depth = nonnegative("at_depth", at_depth)
    confidence, method = confidence_level(confidence), option("method", method, METHODS)
    frame, task, metric = select_rows(runs, task, metric, several=True)
    good_side = _good_side(metric, threshold, better)
    inputs = build_forecast_inputs(frame, metric, at_depth, end, features, groups)
    final, group = inputs.final, inputs.group
    learnt = inputs.complete & np.isfinite(final)
    _check_enough(inputs, learnt, metric, folds)
    resolution = rounding_variance(final[learnt])
    share = is_share(metric) and final[learnt].max() <= 1  # not in percent
    _check_threshold(metric, threshold, final[learnt])
    predict = _bounded(regressor, *((0.0, 1.0) if share else (-np.inf, np.inf)))

    values = np.full((len(final), 5), np.nan)
    notes, unlike = np.array(inputs.notes, dtype=object), np.zeros(len(final), dtype=bool)
    names = np.unique(group[learnt])
    parts = [np.isin(group, part) for part in group_folds(group[learnt], folds, generator(rng), ALONE)]
    for left_out in (*parts, ~np.isin(group, names)):
        targets, train = left_out & inputs.complete, learnt & ~left_out
        if not targets.any():
            continue
        if len(np.unique(group[train])) < MIN_GROUPS:
            notes[targets & (notes == "")] = "too few others whose end is known"
            continue
        x, y = inputs.features[train], final[train]
        p = parameters_of(regressor, x, y, group[train])
        new = inputs.features[targets]
        law = predictive(x, y, group[train], new, predict, p, folds, rng, method, resolution)
        above = np.full(len(new), np.nan) if threshold is None else law.above(threshold)
        unlike[targets] = _outside(x, new)
        above = np.where(unlike[targets], np.nan, above)
        values[targets] = np.column_stack([law.centre, *law.interval(confidence), law.sd, above])
    notes[unlike & (notes == "")] = UNLIKE
    table = pd.DataFrame(values, columns=["prediction", "lower", "upper", "sd", "p_above"])
    if share:
        table[["lower", "upper"]] = table[["lower", "upper"]].clip(0.0, 1.0)
    task_of, run = (inputs.runs.get_level_values(level) for level in ("task", "run"))
    table = table.assign(run=run, task=task_of, final=final, note=notes)
    shown = ["run", "prediction", "lower", "upper", "sd", "final", "note", "task"]
    if threshold is not None:
        decision = _decisions(table["lower"], table["upper"], threshold, good_side)
        # the interval of a run unlike all others is too narrow to decide anything
        table["decision"] = np.where(unlike, "undetermined", decision)
        _say_undecided(run[unlike & (decision != "undetermined")])
        shown[6:6] = ["p_above", "decision"]
    question = "this_run" if groups is None and task is not None else "new_task"
    ends, count = inputs.ends, len(names)
    return ForecastResults(table[shown], metric, at_depth, confidence, method, question, ends, count, threshold)


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
            f"{UNLIKE}, and therefore left undetermined: {names}. The intervals of such runs are too narrow.",
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


def _bounded(regressor: object, low: float, high: float) -> Predict:
    """The predictor cut to what is possible, which is never further from the end."""
    predict = predictor_of(regressor)

    def cut(x: Array, y: Array, group: Labels, new: Array) -> Array:
        return np.clip(predict(x, y, group, new), low, high)

    return cut


def _outside(x: Array, features: Array) -> NDArray[np.bool_]:
    """Runs with a feature more than half the range of the runs learnt from beyond it; constant ones are not used."""
    low, high = x.min(axis=0), x.max(axis=0)
    room = np.where(high > low, (high - low) / 2, np.inf)
    with np.errstate(invalid="ignore"):
        return np.asarray(((features < low - room) | (features > high + room)).any(axis=1))


def _decisions(lower: pd.Series, upper: pd.Series, threshold: float, better: str) -> NDArray[np.str_]:
    if better == "higher":
        good, bad = lower >= threshold, upper < threshold
    else:
        good, bad = upper <= threshold, lower > threshold
    return np.select([good, bad], ["go", "no-go"], "undetermined")
