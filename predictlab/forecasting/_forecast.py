"""`forecast`: where runs will end, with intervals, from what is known at a depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab._validation import generator
from predictlab.errors import DataError, bad_argument
from predictlab.forecasting._inputs import Known, known_at
from predictlab.forecasting._predictive import ALONE, Predictive, predictive
from predictlab.risk._curve import Array
from predictlab.risk._frames import (
    as_runs_frame,
    common_metric,
    default_metric,
    is_share,
    rounding_variance,
    select_single,
)
from predictlab.risk._residual import Predict, group_folds, parameters_of, predictor_of
from predictlab.risk._trajectories import MIN_GROUPS, MIN_RUNS, Labels
from predictlab.task import METRICS

METHODS = ("t", "jackknife+")


def forecast(
    runs: Any,
    at_depth: float,
    level: float = 0.95,
    *,
    task: str | None = None,
    metric: str | None = None,
    end: float | Mapping[str, float] | None = None,
    method: str = "t",
    threshold: float | None = None,
    better: str | None = None,
    features: pd.DataFrame | None = None,
    groups: str | Mapping[Any, Any] | None = None,
    regressor: Any = None,
    folds: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Forecast the final metric of runs from what is known of them at a depth.

    Every run of the frame gets a row: those that go on, and those whose end is known, which are forecast by runs of
    other groups alone, so that the column `final` beside the interval shows how good forecasts from this depth are.

    Parameters
    ----------
    runs : pandas.DataFrame, RunStore or path
        Tidy frame of measurements (DESIGN.md), or a store of them; runs that ended among them.
    at_depth : float
        Nothing that was measured deeper is used of the run that is forecast, steps. 0: its path is not used at all.
    level : float
        Of the intervals, in (0, 1).
    task : str, optional
        One task of several; its runs are then forecast from each other.
    metric : str, optional
        Default ``"accuracy"`` where it was measured, ``"eval_loss"`` of completions, else the only one there is.
    end : float or mapping of task to float, optional
        Depth at which runs end, steps. Default the greatest one of the metric, which has to be the same for all tasks
        that were measured deeper than `at_depth`.
    method : {"t", "jackknife+"}
        "t": Gaussian errors of one variance, estimated out of fold. "jackknife+": no shape is assumed. Where each
        group is left out by itself its interval holds with at least ``2 level - 1``, usually about `level`; in
        parts a little less is proven. It is unbounded below ``level / (1 - level)`` groups (19 at 95 %).
    threshold : float, optional
        Where a run has to end to be worth it; adds `p_above` and `decision`.
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
    seed : int
        Shuffles the folds.

    Returns
    -------
    pandas.DataFrame
        ``run``, ``prediction``, ``lower``, ``upper``, ``sd`` (root mean square error to expect), ``final`` (NaN where
        it is not known), ``note`` and ``task``. With a threshold also ``p_above``, the probability of ending there or
        above, and ``decision``: "go" or "no-go" where the whole interval lies on one side, else "undetermined".
        ``attrs`` hold metric, depth, level, method, question, ends and how many groups were learnt from. Runs that
        diverge are outside: the intervals are for runs that do not. Shares such as accuracies are cut to [0, 1].

    Raises
    ------
    ArgumentError, DataError
        Too few runs whose end is known, depths or ends that cannot be, an unknown method, or nothing to predict.

    Notes
    -----
    Features, predictor and degrees of freedom are those of ``pl.risk_curve(runs, estimator="residual")``, and so is
    `sd`², an upper bound of ``L(c)``, where the same runs are left out; with several tasks the question is `new_task`,
    with one `this_run` (THEORY.md 2, 7).
    """
    if not (_is_number(at_depth) and 0 <= at_depth < np.inf):
        raise bad_argument("at_depth", at_depth, "a number of steps >= 0")
    if not (_is_number(level) and 0 < level < 1):
        raise bad_argument("level", level, "a number between 0 and 1, such as 0.95")
    if method not in METHODS:
        raise bad_argument("method", method, " or ".join(map(repr, METHODS)))
    frame, metric = _rows(runs, task, metric)
    good_side = _good_side(metric, threshold, better)
    known = known_at(frame, metric, float(at_depth), end, features, groups)
    several = groups is not None or len(pd.unique(frame["task"])) > 1
    learnt = known.whole & np.isfinite(known.final)
    _check_enough(known, learnt, metric, folds)
    resolution = rounding_variance(known.final[learnt])
    table = pd.DataFrame(
        {
            "run": known.runs.get_level_values(1), "prediction": np.nan, "lower": np.nan, "upper": np.nan, "sd": np.nan,
            "final": known.final,
        }
    )  # fmt: skip
    if threshold is not None:
        table["p_above"] = np.nan
    notes = np.array(known.notes, dtype=object)
    share = is_share(metric) and known.final[learnt].max() <= 1  # not in percent
    predict, names = _bounded(regressor, *((0.0, 1.0) if share else (-np.inf, np.inf))), np.unique(known.group[learnt])
    held_out = [np.isin(known.group, held) for held in group_folds(known.group[learnt], folds, generator(seed), ALONE)]
    for held in (*held_out, ~np.isin(known.group, names)):
        asked, train = held & known.whole, learnt & ~held
        if not asked.any():
            continue
        if len(np.unique(known.group[train])) < MIN_GROUPS:
            notes[asked & (notes == "")] = "too few others whose end is known"
            continue
        x, y, group = known.features[train], known.final[train], known.group[train]
        found = predictive(
            x, y, group, known.features[asked], predict, parameters_of(regressor, x, y, group), folds, seed, method,
            resolution,
        )  # fmt: skip
        _fill(table, asked, found, level, threshold)
        notes[_outside(x, known.features) & asked & (notes == "")] = "unlike the runs learnt from"
    if share:
        table[["lower", "upper"]] = table[["lower", "upper"]].clip(0.0, 1.0)
    if threshold is not None:
        table["decision"] = _decisions(table, threshold, good_side)
    table["note"] = notes
    table["task"] = known.runs.get_level_values(0)
    table.attrs = {
        "metric": metric, "at_depth": float(at_depth), "level": level, "method": method, "learnt_from": len(names),
        "question": "new_task" if several else "this_run", "threshold": threshold, "ends": known.ends,
    }  # fmt: skip
    return table


def _rows(runs: Any, task: str | None, metric: str | None) -> tuple[pd.DataFrame, str]:
    frame = as_runs_frame(runs, task)
    if not pd.api.types.is_numeric_dtype(frame["depth"]):
        raise DataError("runs: depths must be numbers of steps; make the column depth numeric.")
    frame = frame.assign(task=frame["task"].astype(str))
    if task is not None or len(pd.unique(frame["task"])) == 1:
        _, frame = select_single(frame, "task", task, None)
        return frame, select_single(frame, "metric", metric, default_metric(frame["metric"]))[0]
    if frame.empty:
        raise DataError("runs: no measurements. Probe first.")
    return frame, common_metric(frame, metric)


def _good_side(metric: str, threshold: float | None, better: str | None) -> str:
    if better not in (None, "higher", "lower"):
        raise bad_argument("better", better, "'higher' or 'lower'")
    if threshold is None:
        return ""
    if not (_is_number(threshold) and np.isfinite(threshold)):
        raise bad_argument("threshold", threshold, f"a value of {metric}")
    known = better or METRICS.get(metric)
    if known is None:
        raise bad_argument("better", None, f"'higher' or 'lower', since {metric} is no metric of predictlab's own")
    return known


def _check_enough(known: Known, learnt: NDArray[np.bool_], metric: str, folds: int | None) -> None:
    count = len(np.unique(known.group[learnt]))
    if learnt.sum() < MIN_RUNS or count < MIN_GROUPS:
        ended = int(np.isfinite(known.final).sum())
        ends = ", ".join(sorted({f"{c:g}" for c in known.ends.values()}))
        raise DataError(
            f"{ended} runs have their {metric} at the end, depth {ends}, and {int(learnt.sum())} of them, in {count} "
            f"groups, what is known at depths {', '.join(f'{c:g}' for c in known.depths) or 0}; a forecast needs "
            f"{MIN_RUNS} runs in {MIN_GROUPS} groups. If runs end elsewhere, pass end=; else train more of them to "
            "their end, or forecast from a depth at which they were measured."
        )
    if folds is not None and not (isinstance(folds, int | np.integer) and 2 <= folds <= count):
        raise bad_argument("folds", folds, f"a whole number from 2 to {count}, the number of groups, or None")
    if rounding_variance(known.final[learnt]) == 0.0:
        raise DataError(f"Every run ends at the same {metric}; there is nothing to predict.")


def _bounded(regressor: Any, low: float, high: float) -> Predict:
    """The predictor cut to what is possible, which is never further from the end."""
    predict = predictor_of(regressor)

    def cut(x: Array, y: Array, group: Labels, new: Array) -> Array:
        found = predict(x, y, group, new)
        if not np.all(np.isfinite(found)):
            raise DataError(f"regressor {regressor!r} predicts NaN or inf. Scale its inputs, or choose another.")
        return np.clip(found, low, high)

    return cut


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _fill(
    table: pd.DataFrame, rows: NDArray[np.bool_], found: Predictive, level: float, threshold: float | None
) -> None:
    lower, upper = found.interval(level)
    table.loc[rows, ["prediction", "lower", "upper", "sd"]] = np.column_stack([found.centre, lower, upper, found.sd])
    if threshold is not None:
        table.loc[rows, "p_above"] = found.above(threshold)


def _outside(x: Array, features: Array) -> NDArray[np.bool_]:
    """Runs with a feature more than half the range of the runs learnt from beyond it; constant ones are not used."""
    low, high = x.min(axis=0), x.max(axis=0)
    room = np.where(high > low, (high - low) / 2, np.inf)
    with np.errstate(invalid="ignore"):
        return np.asarray(((features < low - room) | (features > high + room)).any(axis=1))


def _decisions(table: pd.DataFrame, threshold: float, better: str) -> NDArray[Any]:
    if better == "higher":
        good, bad = table["lower"] >= threshold, table["upper"] < threshold
    else:
        good, bad = table["upper"] <= threshold, table["lower"] > threshold
    return np.select([good, bad], ["go", "no-go"], "undetermined")
