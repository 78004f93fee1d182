"""`residual`: out-of-fold error of a predictor of the final metric, for one task or a table of many (THEORY 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import DataError, bad_argument
from predictlab.risk.curve import Array, RiskCurve
from predictlab.risk.rows import is_bad, is_fork, refuse_duplicates, rounding_variance, sampling_variance
from predictlab.risk.spread import log_covariance

Labels = NDArray[np.int64]
Predict = Callable[[Array, Array, Labels, Array], Array]

LEAVE_ONE_OUT = 20  # up to so many groups each is left out by itself
FOLDS = 10  # beyond
PENALTIES = np.append(np.logspace(-3, 2.5, 12), np.inf)  # of the default ridge, per training run
MIN_RUNS, MIN_GROUPS = 4, 3


@dataclass(frozen=True)
class Table:
    """What the predictors see: final values, features at each depth, and which runs must stay together."""

    final: Array  # (n,)
    features: dict[float, Array]  # depth -> (n, columns)
    group: Labels  # (n,)
    label: NDArray[Any]  # (n,) names of the groups
    task: NDArray[Any]  # (n,)
    diverged: int
    incomplete: int


def ridge(x: Array, y: Array, group: Labels, new: Array) -> Array:
    """Ridge regression on standardised features, the penalty by leaving out whole groups; prediction at `new`.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Training features; constant columns are ignored.
    y : ndarray, shape (n,)
        Final values, metric.
    group : ndarray of int, shape (n,)
        Runs that are left out together when the penalty is chosen.
    new : ndarray, shape (m, p)

    Returns
    -------
    ndarray, shape (m,)
        Predictions, metric. An infinite penalty, the training mean, is among those tried: without signal the
        predictor shrinks to the mean. At most half the range of `y` beyond it, so that one run or group with an
        extreme feature does not carry the whole risk.

    Notes
    -----
    The errors of leaving out a group are exact, ``(I - H_gg)^-1 r_g`` with H the hat matrix (the block form of Allen's
    PRESS, Technometrics 16, 1974, 125-127), so that nothing is refitted.
    """
    centre, scale = x.mean(axis=0), x.std(axis=0)
    keep = scale > 1e-12 * np.maximum(1.0, np.abs(centre))
    if not keep.any():
        return np.full(len(new), y.mean())
    u, d, vt = np.linalg.svd((x[:, keep] - centre[keep]) / scale[keep], full_matrices=False)
    target = u.T @ (y - y.mean())
    shrink = _shrinkage(d, len(y))
    best = shrink[int(np.argmin([_left_out(u, f, target, y, group) for f in shrink]))]
    slope = vt.T @ (np.divide(best, d, out=np.zeros_like(d), where=d > 0) * target)
    room = np.ptp(y) / 2
    return np.clip(y.mean() + (new[:, keep] - centre[keep]) / scale[keep] @ slope, y.min() - room, y.max() + room)


def _shrinkage(d: Array, n: int) -> Array:
    """Factors ``d² / (d² + n penalty)``, one row for each penalty."""
    return np.asarray(d**2 / (d**2 + n * PENALTIES[:, None] + 1e-300))


def _left_out(u: Array, f: Array, target: Array, y: Array, group: Labels) -> float:
    residual = y - y.mean() - u @ (f * target)
    total = 0.0
    if len(np.unique(group)) == len(group):
        return float(np.sum((residual / (1 - 1 / len(y) - (u**2) @ f)) ** 2))
    for g in np.unique(group):
        i = group == g
        hat = 1 / len(y) + (u[i] * f) @ u[i].T
        # with a tiny penalty a group can have leverage 1: least squares then gives a large, finite error
        total += float(np.sum(np.linalg.lstsq(np.eye(i.sum()) - hat, residual[i], rcond=None)[0] ** 2))
    return total


def effective_parameters(x: Array, y: Array, group: Labels) -> float:
    """Trace of the hat matrix of `ridge` on all runs, without its mean."""
    scale = x.std(axis=0)
    keep = scale > 1e-12 * np.maximum(1.0, np.abs(x.mean(axis=0)))
    if not keep.any():
        return 0.0
    u, d, _ = np.linalg.svd((x[:, keep] - x[:, keep].mean(axis=0)) / scale[keep], full_matrices=False)
    target = u.T @ (y - y.mean())
    shrink = _shrinkage(d, len(y))
    return float(np.sum(shrink[int(np.argmin([_left_out(u, f, target, y, group) for f in shrink]))]))


def out_of_fold(x: Array, y: Array, group: Labels, predict: Predict, folds: int | None, seed: int) -> Array:
    """Errors of predictions of runs whose group the predictor has not seen.

    Parameters
    ----------
    x : ndarray, shape (n, p)
    y : ndarray, shape (n,)
    group : ndarray of int, shape (n,)
        Whole groups are kept apart.
    predict : callable
        ``predict(x_train, y_train, group_train, x_new)``.
    folds : int, optional
        Parts into which the groups are cut; default each by itself up to 20 groups, else 10.
    seed : int
        Shuffles the groups.

    Returns
    -------
    ndarray, shape (n,)
        ``y`` less its prediction, metric.
    """
    names = np.unique(group)
    parts = folds or (len(names) if len(names) <= LEAVE_ONE_OUT else FOLDS)
    order = np.random.default_rng(seed).permutation(names)
    errors = np.empty(len(y))
    for held in np.array_split(order, parts):
        out = np.isin(group, held)
        errors[out] = y[out] - predict(x[~out], y[~out], group[~out], x[out])
    return errors


def effective_df(errors: Array, group: Labels, parameters: float) -> float:
    """Degrees of freedom of the mean square of out-of-fold errors.

    Parameters
    ----------
    errors : ndarray, shape (n,)
    group : ndarray of int, shape (n,)
        Errors of one group share what the predictor does not know of it.
    parameters : float
        Effective number of parameters of the predictor.

    Returns
    -------
    float
        ``1 / (sum_g l_g² G / (G - 1 - parameters) / n² + (n - G)(1 - r)² / n²)``, at least 1, with G groups,
        ``l_g = 1 + (m_g - 1) r`` and r the correlation of errors inside a group, estimated from their products; at most
        half of G - 1 parameters count. For single runs it is ``n - 1 - parameters``.

    Notes
    -----
    2 / df is the relative variance of a mean square of Gaussian errors with that correlation, whose group means have
    lost the parameters (Satterthwaite, Biometrics Bulletin 2, 1946, 110-114). A working value: out-of-fold errors also
    depend on each other through the training runs they share.
    """
    sizes = np.bincount(group)
    pairs, n, count = float(np.sum(sizes * (sizes - 1))), len(errors), len(sizes)
    square = float(np.sum(errors**2))
    r = 0.0
    if pairs and square > 0:
        sums = np.bincount(group, weights=errors)
        r = float(np.clip((np.sum(sums**2) - square) / pairs / (square / n), 0.0, 1.0))
    left = count - 1 - min(parameters, (count - 1) / 2)
    between = float(np.sum((1 + (sizes - 1) * r) ** 2)) * count / left
    return max(1.0, n**2 / (between + (n - count) * (1 - r) ** 2))


def residual_curve(
    frame: pd.DataFrame,
    task: str | None,
    metric: str,
    eval_rows: float | None,
    regressor: Any = None,
    features: pd.DataFrame | None = None,
    groups: str | Mapping[Any, Any] | None = None,
    folds: int | None = None,
    seed: int = 0,
) -> RiskCurve:
    """Risk curve from out-of-fold errors; `frame` holds the rows of all metrics of one task, or of several.

    See ``predictlab.risk.risk_curve`` for the parameters.
    """
    predict = ridge if regressor is None else _predictor(regressor)
    table = build_table(frame, metric, features, groups)
    many = len(np.unique(table.group)) < len(table.final) or groups is not None or task is None
    what = "groups" if many else "runs"
    count = len(np.unique(table.group))
    if folds is not None and not (isinstance(folds, int | np.integer) and 2 <= folds <= count):
        raise bad_argument("folds", folds, f"a whole number from 2 to {count}, the number of {what}, or None")
    y = table.final
    resolution = rounding_variance(y)
    if resolution == 0.0:
        raise DataError(f"{_name(table)}: every run ends at the same {metric}; there is nothing to predict.")
    raw, df = [], []
    for x in table.features.values():
        errors = out_of_fold(x, y, table.group, predict, None if folds is None else int(folds), seed)
        if not np.all(np.isfinite(errors)):
            raise DataError(f"regressor {regressor!r} predicts NaN or inf. Scale its inputs, or choose another.")
        parameters = effective_parameters(x, y, table.group) if regressor is None else float(x.shape[1])
        raw.append(errors)
        df.append(effective_df(errors, table.group, parameters))
    free = np.array(df)
    # scaled so that sum(errors²) / df is the mean of the squared errors
    scaled = np.column_stack(raw) * np.sqrt(free / len(y))
    return RiskCurve(
        depth=list(table.features),
        risk=np.maximum(np.sum(scaled**2, axis=0) / free, resolution),
        df=free,
        estimator="residual",
        question="new_task" if many else "this_run",
        task=_name(table),
        metric=metric,
        log_covariance=log_covariance(scaled, free),
        errors=scaled,
        groups=table.label if many else None,
        sampling_error=_sampling(table, metric, eval_rows),
        diverged=table.diverged,
        incomplete=table.incomplete,
        resolution=resolution,
        total_variance=float(y.var(ddof=1)),
    )


def _name(table: Table) -> str:
    names = pd.unique(table.task)
    return str(names[0]) if len(names) == 1 else f"{len(names)} tasks"


def _sampling(table: Table, metric: str, eval_rows: float | None) -> float | None:
    parts = [sampling_variance(metric, float(table.final[table.task == t].mean()), eval_rows) for t in table.task]
    known = [v for v in parts if v is not None]
    return float(np.mean(known)) if len(known) == len(parts) else None


def _predictor(regressor: Any) -> Predict:
    from sklearn.base import clone, is_regressor

    try:
        fits = is_regressor(regressor) and not isinstance(regressor, type)
    except (AttributeError, TypeError):
        fits = False
    if not fits:
        raise bad_argument("regressor", regressor, "a scikit-learn regressor, such as RidgeCV()", "None takes a ridge.")

    def predict(x: Array, y: Array, group: Labels, new: Array) -> Array:
        return np.asarray(clone(regressor).fit(x, y).predict(new), dtype=float).reshape(len(new))

    return predict


def build_table(
    frame: pd.DataFrame,
    metric: str,
    features: pd.DataFrame | None = None,
    groups: str | Mapping[Any, Any] | None = None,
) -> Table:
    """Final values, features and groups of the complete runs; forks are left out, for they share a prefix.

    The path is the metric's own, or, where that was measured at the end only, that of the metric measured most often.
    A run is complete when it has its final value and the path at every depth of its task. Features at depth c are the
    last value at or before c of each metric that every complete run has there, the value of the path one depth
    earlier, and the static `features`: few columns, for there are few runs.

    Parameters
    ----------
    frame : pandas.DataFrame
        Tidy rows of all metrics.
    metric : str
        The metric to predict.
    features : pandas.DataFrame, optional
        Numbers known beforehand, indexed by run or by task.
    groups : str or mapping, optional
        Column of `frame`, or run -> group; default the task where there are several, else each run by itself.

    Returns
    -------
    Table
        With its runs in the order in which `frame` names them.

    Raises
    ------
    DataError
        Too few complete runs, groups or common depths.
    """
    frame = frame[~is_fork(frame)]
    tasks = [str(t) for t in pd.unique(frame["task"])]
    if len(tasks) > 1:  # a run's name need not be unique over tasks
        _same_metric(frame, metric, tasks)
    for name in tasks:
        refuse_duplicates(frame[(frame["task"] == name) & (frame["metric"] == metric)], name)
    parts = [_complete(frame[frame["task"] == name], metric, name) for name in tasks]
    common = sorted(set.intersection(*(set(p.depths) for p in parts)))
    if len(common) < 2:
        seen = "; ".join(f"{name}: {p.depths}" for name, p in zip(tasks, parts, strict=True))
        raise DataError(
            f"{len(common)} depths > 0 before the end are common to all; a residual curve needs 2 ({seen[:300]}). "
            "Probe the tasks at the same depths, and to a greater one."
        )
    wide = pd.concat([p.wide for p in parts])
    wide = wide.loc[:, wide.notna().all()]  # one table has one set of columns
    final = pd.concat([p.final for p in parts])
    index = pd.MultiIndex.from_arrays([np.repeat(tasks, [len(p.final) for p in parts]), final.index])
    if len(index) < MIN_RUNS:
        raise DataError(f"{len(index)} complete runs; a residual curve needs at least {MIN_RUNS}. Probe more seeds.")
    static = _static(features, index)
    label, group = _groups(frame, groups, index, len(tasks) > 1)
    if len(np.unique(group)) < MIN_GROUPS:
        raise DataError(
            f"groups: {len(np.unique(group))} of them among {len(index)} complete runs; a predictor for a new group "
            f"needs at least {MIN_GROUPS}. Add tasks, or name the groups otherwise."
        )
    path = parts[0].path if len({p.path for p in parts}) == 1 else metric
    return Table(
        final=final.to_numpy(dtype=float),
        features={float(c): np.column_stack([_columns(wide, path, c), static]) for c in common},
        group=group,
        label=label,
        task=np.asarray(index.get_level_values(0)),
        diverged=sum(p.diverged for p in parts),
        incomplete=sum(p.incomplete for p in parts),
    )


@dataclass(frozen=True)
class _Part:
    """Complete runs of one task."""

    final: pd.Series
    wide: pd.DataFrame  # columns (metric, depth)
    path: str
    depths: list[Any]
    diverged: int
    incomplete: int


def _complete(frame: pd.DataFrame, metric: str, task: str) -> _Part:
    own = frame[(frame["metric"] == metric) & (frame["depth"] > 0)]
    bad = frame.loc[(frame["status"] != "ok") | ((frame["metric"] == metric) & is_bad(frame)), "run"].unique()
    every, good = frame["run"].nunique(), frame[~frame["run"].isin(bad) & (frame["depth"] > 0) & ~is_bad(frame)]
    full = own["depth"].max()
    path = metric
    if not (own["depth"] < full).any():
        others = frame.loc[(frame["metric"] != metric) & frame["depth"].between(0, full, "neither"), "metric"]
        path = str(others.value_counts().sort_index().idxmax()) if len(others) else metric
    wide = good[good["depth"] <= full].pivot_table(
        index="run", columns=["metric", "depth"], values="value", aggfunc="first", sort=False
    )
    depths = sorted(c for c in pd.unique(frame.loc[frame["metric"] == path, "depth"]) if 0 < c < full)
    needed = [(metric, full), *((path, c) for c in depths)]
    have = wide.reindex(columns=pd.MultiIndex.from_tuples(needed)).notna().all(axis=1)
    wide = wide.loc[have[have].index]
    if wide.empty:
        raise DataError(
            f"task {task!r}: no complete run: none has {metric} at depth {full} and {path} at every depth before it "
            f"({len(bad)} of {every} diverged or failed)."
        )
    final = wide[(metric, full)].astype(float)
    before = [column for column in wide.columns if column[1] < full]
    return _Part(final, wide[before], path, depths, len(bad), every - len(bad) - len(wide))


def _columns(wide: pd.DataFrame, path: str, depth: Any) -> Array:
    """Trajectory features of all runs at `depth`."""
    out = []
    for metric in dict.fromkeys(wide.columns.get_level_values(0)):
        seen = sorted(c for m, c in wide.columns if m == metric and c <= depth)
        out += [wide[(metric, c)].to_numpy(dtype=float) for c in (seen[-2:] if metric == path else seen[-1:])]
    return np.column_stack(out) if out else np.empty((len(wide), 0))


def _same_metric(frame: pd.DataFrame, metric: str, tasks: list[str]) -> None:
    have = {t: sorted(pd.unique(frame.loc[frame["task"] == t, "metric"])) for t in tasks}
    if any(metric not in names for names in have.values()):
        shown = "; ".join(f"{t}: {', '.join(names)}" for t, names in have.items())
        shared = sorted(set.intersection(*(set(names) for names in have.values())))
        hint = f"Name one that all have: {', '.join(shared)}." if shared else "Take tasks with one metric in common."
        raise DataError(f"metric {metric!r}: not every task was measured by it ({shown[:400]}). {hint}")


def _static(features: pd.DataFrame | None, index: pd.MultiIndex) -> Array:
    if features is None:
        return np.empty((len(index), 0))
    if not isinstance(features, pd.DataFrame):
        raise bad_argument("features", type(features).__name__, "a DataFrame of numbers indexed by run or by task")
    if not features.index.is_unique:
        twice = features.index[features.index.duplicated()][0]
        raise bad_argument("features", twice, "one row for each run or task", "This one has two.")
    for column in features:
        numeric = pd.api.types.is_numeric_dtype(features[column])
        if not numeric or not np.all(np.isfinite(features[column].to_numpy(dtype=float))):
            raise bad_argument("features", column, "columns of finite numbers", "Encode, fill or drop this column.")
    by_run, by_task = index.get_level_values(1), index.get_level_values(0)
    keys = by_run if by_run.isin(features.index).all() else by_task
    missing = keys[~keys.isin(features.index)]
    if len(missing):
        raise bad_argument("features", f"no row for {missing[0]}", "a row for each run, or for each task")
    return features.loc[keys].to_numpy(dtype=float)


def _groups(
    frame: pd.DataFrame, groups: str | Mapping[Any, Any] | None, index: pd.MultiIndex, many: bool
) -> tuple[NDArray[Any], Labels]:
    """Name and number of the group of each run."""
    runs = index.get_level_values(1)
    if groups is None:
        groups = "task" if many else "run"
    if isinstance(groups, str):
        if groups not in frame.columns:
            raise bad_argument("groups", groups, f"a column of the runs: {', '.join(map(str, frame.columns))}")
        of = frame.groupby(["task", "run"], sort=False)[groups]
        mixed = of.nunique(dropna=False) > 1  # noqa: PD101
        if mixed.any():
            raise bad_argument("groups", groups, f"one value for each run; {mixed.idxmax()[1]!r} has several")
        found = of.first().reindex(index)
        names = np.array([str(v) for v in found], dtype=object)
        lost = found.isna().to_numpy()
        if groups == "run" and many:
            names = np.array([f"{t}/{r}" for t, r in index], dtype=object)
    elif isinstance(groups, Mapping):
        lost = np.array([r not in groups for r in runs])
        names = np.array([str(groups.get(r)) for r in runs], dtype=object)
    else:
        raise bad_argument("groups", groups, "the name of a column, or a mapping run -> group")
    if lost.any():
        raise bad_argument("groups", f"no group for run {runs[int(np.argmax(lost))]}", "a group for each run")
    return names, np.asarray(np.unique(names, return_inverse=True)[1], dtype=np.int64)
