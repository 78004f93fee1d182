"""`residual`: out-of-fold error of a predictor of the final metric, for one task or a table of many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from predictlab.errors import DataError, bad_argument
from predictlab.risk._curve import Array, RiskCurve
from predictlab.risk._frames import rounding_variance, sampling_variance
from predictlab.risk._trajectories import Labels, build_table

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
    centre, slope, _ = fit_ridge(x, y, group)
    room = np.ptp(y) / 2
    return np.clip(y.mean() + (new - centre) @ slope, y.min() - room, y.max() + room)


def fit_ridge(x: Array, y: Array, group: Labels) -> tuple[Array, Array, float]:
    """Means and slopes of the columns, and the trace of the hat matrix without its mean: the effective parameters."""
    centre, slope, shrink, _ = _fitted(x, y, group)
    return centre, slope, float(shrink.sum())


def ridge_and_left_out(x: Array, y: Array, group: Labels, new: Array) -> tuple[Array, Array]:
    """`ridge` at `new`, (m,), and at each run without its group, (n,): the penalty is that of all, nothing refitted."""
    centre, slope, shrink, u = _fitted(x, y, group)
    room = np.ptp(y) / 2
    at_new = np.clip(y.mean() + (new - centre) @ slope, y.min() - room, y.max() + room)
    residual = y - y.mean() - u @ (shrink * (u.T @ (y - y.mean())))
    errors = np.empty(len(y))
    for members, hat in _hat_blocks(u, shrink[None], group):
        errors[members] = _without(hat[0], residual[members])
    return at_new, y - errors


def _fitted(x: Array, y: Array, group: Labels) -> tuple[Array, Array, Array, Array]:
    """Means and slopes of the columns, how much of each direction is kept, and the directions, (n, k)."""
    centre, scale = x.mean(axis=0), x.std(axis=0)
    keep = scale > 1e-12 * np.maximum(1.0, np.abs(centre))
    slope = np.zeros(x.shape[1])
    if not keep.any():
        return centre, slope, np.zeros(0), np.empty((len(y), 0))
    u, d, vt = np.linalg.svd((x[:, keep] - centre[keep]) / scale[keep], full_matrices=False)
    target = u.T @ (y - y.mean())
    shrink = d**2 / (d**2 + len(y) * PENALTIES[:, None] + 1e-300)  # one row for each penalty
    best = shrink[int(np.argmin(_left_out(u, shrink, target, y, group)))]
    slope[keep] = vt.T @ (np.divide(best, d, out=np.zeros_like(d), where=d > 0) * target) / scale[keep]
    return centre, slope, best, u


def _left_out(u: Array, shrink: Array, target: Array, y: Array, group: Labels) -> Array:
    """Sum of squared errors of leaving out each group, for each row of `shrink`."""
    residual = y - y.mean() - (shrink * target) @ u.T
    if len(np.unique(group)) == len(y):
        return np.asarray(np.sum((residual / (1 - 1 / len(y) - shrink @ (u**2).T)) ** 2, axis=1))
    total = np.zeros(len(shrink))
    for members, hat in _hat_blocks(u, shrink, group):
        total += np.sum(_without(hat, residual[:, members]) ** 2, axis=(1, 2))
    return total


def _hat_blocks(u: Array, shrink: Array, group: Labels) -> Iterator[tuple[Labels, Array]]:
    """Runs of the groups of one size, (groups, size), and their blocks of the hat matrix for each row of `shrink`."""
    _, number, sizes = np.unique(group, return_inverse=True, return_counts=True)
    order = np.argsort(number, kind="stable")
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes):
        members = order[starts[sizes == size][:, None] + np.arange(size)]
        yield members, 1 / len(number) + (u[members] * shrink[:, None, None, :]) @ u[members].transpose(0, 2, 1)


def _without(hat: Array, residual: Array) -> Array:
    """Errors of each group when it is left out, ``(I - H_gg)^-1 r_g``."""
    size = hat.shape[-1]
    # with a tiny penalty a group can have leverage 1: least squares then gives a large, finite error
    solve = np.linalg.pinv(np.eye(size) - hat, rcond=size * np.finfo(float).eps, hermitian=True)
    return np.asarray((solve @ residual[..., None])[..., 0])


def group_folds(group: Labels, folds: int | None, rng: np.random.Generator, alone: int = LEAVE_ONE_OUT) -> list[Labels]:
    """The groups, shuffled and cut into `folds` parts; None: each by itself up to `alone` groups, else 10 parts."""
    names = np.unique(group)
    parts = folds or (len(names) if len(names) <= alone else FOLDS)
    return list(np.array_split(rng.permutation(names), min(parts, len(names))))


def out_of_fold(
    x: Array, y: Array, group: Labels, predict: Predict, folds: list[Labels], new: Array | None = None
) -> tuple[Array, Array]:
    """Errors of predictions of runs whose group the predictor has not seen, and what it predicts for new runs.

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
    new : ndarray, shape (m, p), optional
        Default none.

    Returns
    -------
    errors : ndarray, shape (n,)
        ``y`` less its prediction, metric.
    without : ndarray, shape (n, m)
        Predictions of the new runs by the predictors that have not seen the group of each run.
    """
    new = x[:0] if new is None else new
    errors, without = np.empty(len(y)), np.empty((len(y), len(new)))
    for tested in folds:
        out = np.isin(group, tested)
        both = predict(x[~out], y[~out], group[~out], np.concatenate([x[out], new]))
        errors[out], without[out] = y[out] - both[: out.sum()], both[out.sum() :]
    return errors, without


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
    regressor: Any,
    features: pd.DataFrame | None,
    groups: str | Mapping[Any, Any] | None,
    folds: int | None,
    rng: np.random.Generator,
) -> RiskCurve:
    """Risk curve from out-of-fold errors; `frame` holds the rows of all metrics of one task, or of several.

    See ``predictlab.risk.risk_curve`` for the parameters.
    """
    predict = predictor_of(regressor)
    table = build_table(frame, metric, features, groups)
    y, group = table.final, table.group
    count = len(np.unique(group))
    many = count < len(y) or groups is not None or task is None
    if folds is not None and not (isinstance(folds, int | np.integer) and 2 <= folds <= count):
        what = "groups" if many else "runs"
        raise bad_argument("folds", folds, f"a whole number from 2 to {count}, the number of {what}, or None")
    task = task or f"{len(np.unique(table.task))} tasks"
    resolution = rounding_variance(y)
    if resolution == 0.0:
        raise DataError(f"{task}: every run ends at the same {metric}; there is nothing to predict.")
    parts = group_folds(group, folds, rng)
    errors = np.column_stack([out_of_fold(x, y, group, predict, parts)[0] for x in table.features.values()])
    parameters = [parameters_of(regressor, x, y, group) for x in table.features.values()]
    df = np.array([effective_df(e, group, p) for e, p in zip(errors.T, parameters, strict=True)])
    # scaled so that sum(errors²) / df is the mean of the squared errors
    scaled = errors * np.sqrt(df / len(y))
    means = pd.Series(y).groupby(table.task).transform("mean")
    sampling = pd.Series([sampling_variance(metric, mean, eval_rows) for mean in means])
    return RiskCurve(
        depth=np.array(list(table.features)),
        risk=np.maximum(np.sum(scaled**2, axis=0) / df, resolution),
        df=df,
        estimator="residual",
        question="new_task" if many else "this_run",
        task=task,
        metric=metric,
        errors=scaled,
        groups=table.label if many else None,
        sampling_error=None if sampling.hasnans else float(sampling.mean()),
        diverged=table.diverged,
        incomplete=table.incomplete,
        resolution=resolution,
        total_variance=float(y.var(ddof=1)),
    )


def parameters_of(regressor: Any, x: Array, y: Array, group: Labels) -> float:
    """Effective parameters of a regressor: those of `ridge` for None, else one a feature."""
    return fit_ridge(x, y, group)[2] if regressor is None else float(x.shape[1])


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
        predicted = np.asarray(clone(regressor).fit(x, y).predict(new), dtype=float).reshape(len(new))
        if not np.all(np.isfinite(predicted)):
            raise DataError(f"regressor {regressor!r} predicts NaN or inf. Scale its inputs, or choose another.")
        return predicted

    return predict
