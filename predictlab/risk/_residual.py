"""`residual`: out-of-fold error of a predictor of the final metric, for one task or a table of many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.errors import DataError, bad_argument
from predictlab.risk._curve import Array, RiskCurve
from predictlab.risk._frames import rounding_variance, sampling_variance
from predictlab.risk._trajectories import Labels, Table, build_table

Predict = Callable[[Array, Array, Labels, Array], Array]

LEAVE_ONE_OUT = 20  # up to so many groups each is left out by itself
FOLDS = 10  # beyond
PENALTIES = np.append(np.logspace(-3, 2.5, 12), np.inf)  # of the default ridge, per training run


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
    centre, scale, keep = _standard(x)
    if not keep.any():
        return np.full(len(new), y.mean())
    d, vt, target, best = _chosen(x, y, group)
    slope = vt.T @ (np.divide(best, d, out=np.zeros_like(d), where=d > 0) * target)
    room = np.ptp(y) / 2
    return np.clip(y.mean() + (new[:, keep] - centre[keep]) / scale[keep] @ slope, y.min() - room, y.max() + room)


def _standard(x: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Mean and standard deviation of the columns, and which of them vary."""
    centre, scale = x.mean(axis=0), x.std(axis=0)
    return centre, scale, scale > 1e-12 * np.maximum(1.0, np.abs(centre))


def _chosen(x: Array, y: Array, group: Labels) -> tuple[Array, Array, Array, Array]:
    """Singular values and right vectors of the standardised features, the rotated target, and the best shrinkage."""
    centre, scale, keep = _standard(x)
    u, d, vt = np.linalg.svd((x[:, keep] - centre[keep]) / scale[keep], full_matrices=False)
    target = u.T @ (y - y.mean())
    shrink = _shrinkage(d, len(y))
    return d, vt, target, shrink[int(np.argmin(_left_out(u, shrink, target, y, group)))]


def _shrinkage(d: Array, n: int) -> Array:
    """Factors ``d² / (d² + n penalty)``, one row for each penalty."""
    return np.asarray(d**2 / (d**2 + n * PENALTIES[:, None] + 1e-300))


def _left_out(u: Array, shrink: Array, target: Array, y: Array, group: Labels) -> Array:
    """Sum of squared errors of leaving out each group, for each row of `shrink`."""
    residual = y - y.mean() - (shrink * target) @ u.T
    _, number, sizes = np.unique(group, return_inverse=True, return_counts=True)
    if len(sizes) == len(y):
        return np.asarray(np.sum((residual / (1 - 1 / len(y) - shrink @ (u**2).T)) ** 2, axis=1))
    total, order = np.zeros(len(shrink)), np.argsort(number, kind="stable")
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes):  # all groups of one size at once
        members = order[starts[sizes == size][:, None] + np.arange(size)]
        hat = 1 / len(y) + (u[members] * shrink[:, None, None, :]) @ u[members].transpose(0, 2, 1)
        # with a tiny penalty a group can have leverage 1: least squares then gives a large, finite error
        solve = np.linalg.pinv(np.eye(size) - hat, rcond=size * np.finfo(float).eps, hermitian=True)
        total += np.sum((solve @ residual[:, members, None]) ** 2, axis=(1, 2, 3))
    return total


def effective_parameters(x: Array, y: Array, group: Labels) -> float:
    """Trace of the hat matrix of `ridge` on all runs, without its mean."""
    return float(np.sum(_chosen(x, y, group)[3])) if _standard(x)[2].any() else 0.0


def group_folds(group: Labels, folds: int | None, rng: np.random.Generator, alone: int = LEAVE_ONE_OUT) -> list[Labels]:
    """The groups, shuffled and cut into `folds` parts; None: each by itself up to `alone` groups, else 10 parts."""
    names = np.unique(group)
    parts = folds or (len(names) if len(names) <= alone else FOLDS)
    return list(np.array_split(rng.permutation(names), min(parts, len(names))))


def out_of_fold(x: Array, y: Array, group: Labels, predict: Predict, folds: list[Labels]) -> Array:
    """Errors of predictions of runs whose group the predictor has not seen.

    Parameters
    ----------
    x : ndarray, shape (n, p)
    y : ndarray, shape (n,)
    group : ndarray of int, shape (n,)
        Whole groups are kept apart.
    predict : callable
        ``predict(x_train, y_train, group_train, x_new)``.
    folds : list of ndarray of int
        Groups that are left out together, see `group_folds`.

    Returns
    -------
    ndarray, shape (n,)
        ``y`` less its prediction, metric.
    """
    errors = np.empty(len(y))
    for tested in folds:
        out = np.isin(group, tested)
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
    *,
    rng: np.random.Generator,
) -> RiskCurve:
    """Risk curve from out-of-fold errors; `frame` holds the rows of all metrics of one task, or of several.

    See ``predictlab.risk.risk_curve`` for the parameters.
    """
    predict = predictor_of(regressor)
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
    parts, raw, df = group_folds(table.group, folds, rng), [], []
    for x in table.features.values():
        errors = out_of_fold(x, y, table.group, predict, parts)
        if not np.all(np.isfinite(errors)):
            raise DataError(f"regressor {regressor!r} predicts NaN or inf. Scale its inputs, or choose another.")
        parameters = parameters_of(regressor, x, y, table.group)
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


def parameters_of(regressor: Any, x: Array, y: Array, group: Labels) -> float:
    """Effective parameters of a regressor: those of `ridge` for None, else one a feature."""
    return effective_parameters(x, y, group) if regressor is None else float(x.shape[1])


def predictor_of(regressor: Any) -> Predict:
    """The predictor that clones and fits a scikit-learn regressor; `ridge` for None."""
    if regressor is None:
        return ridge
    from sklearn.base import clone, is_regressor

    try:
        fits = is_regressor(regressor) and not isinstance(regressor, type)
    except (AttributeError, TypeError):
        fits = False
    if not fits:
        raise bad_argument("regressor", regressor, "a scikit-learn regressor, such as RidgeCV()", "None takes a ridge.")

    def predict(x: Array, y: Array, group: Labels, new: Array) -> Array:
        if not x.shape[1]:  # nothing is known but the others' ends
            return np.full(len(new), y.mean())
        return np.asarray(clone(regressor).fit(x, y).predict(new), dtype=float).reshape(len(new))

    return predict
