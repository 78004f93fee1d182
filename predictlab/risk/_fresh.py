"""`fresh_run`: how another run of the recipe will end, after some were read at a depth (docs/theory.md, section 7)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from predictlab._validation import whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.risk._curve import Array, RiskCurve


def end_of(curve: RiskCurve) -> float:
    """Find ``T``, at which the runs of a curve end: the horizon of their recipe, else the last measured depth."""
    return float(curve.depth[-1]) if curve.horizon is None else curve.horizon


def drift_variance(errors: Array) -> Array:
    """Estimate ``Var(R - m_c)`` from runs that were measured at each depth and at their end.

    Parameters
    ----------
    errors : ndarray, shape (runs, k)
        Values less their mean; the last column is ``R``.

    Returns
    -------
    ndarray, shape (k,)
        Metric²; 0 in the last column. The mean of ``runs`` such drifts has this over ``runs`` as its risk.

    Examples
    --------
    >>> drift_variance(np.array([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]])).tolist()
    [1.0, 0.0]
    """
    return np.asarray(np.sum((errors[:, -1:] - errors) ** 2, axis=0) / (len(errors) - 1))


def fresh_curve(curve: RiskCurve, seeds: int | None = None) -> RiskCurve:
    """Make the risk curve of the end of another run: ``Var(R) + spread(c) / S + D(c)``, ``D = Var(R - m_c) / S'``.

    Parameters
    ----------
    curve : RiskCurve
        A spread whose ``S'`` runs were measured at ``T``: they tell how far the mean drifts from each depth on.
    seeds : int, optional
        ``S`` >= 1, further runs that are read at the depth; None: as many as there are.

    Returns
    -------
    RiskCurve
        With Satterthwaite's degrees of freedom, and the covariance of the depths by the same Gaussian moments.

    Raises
    ------
    DataError
        No run was measured at ``T``: the drift is unknown.

    Notes
    -----
    Source: docs/theory.md, section 7. At ``T`` nothing drifts, and the risk is ``Var(R) (1 + 1/S)``.

    Examples
    --------
    >>> import predictlab as pl
    >>> spread = pl.worlds.MartingaleWorld(0.01, 1.0, 1.0).spread(8, [3, 7, 15], seed=0)
    >>> fresh = fresh_curve(spread, seeds=4)
    >>> bool(np.isclose(fresh.risk[-1], spread.risk[-1] * 1.25)), fresh.question
    (True, 'fresh_run')
    """
    if curve.estimator != "spread" or curve.errors is None:
        raise bad_argument("curve", curve.estimator, "a spread that carries its runs", "pl.risk_curve(runs) makes one.")
    if end_of(curve) > curve.depth[-1]:
        raise DataError(
            f"task {curve.task!r}: no run was measured at the end of its recipe, {end_of(curve):g} steps (the deepest "
            f"at {curve.depth[-1]:g}), so how far the mean still drifts is not known, and nothing is said about how "
            "another run ends. Train some runs to the end, or say where the drift comes from: "
            "pl.fresh_run(curve, drift='mean') or drift=runs of earlier tasks."
        )
    known, k = len(curve.errors), len(curve.depth)
    count = known if seeds is None else whole_number("seeds", seeds, 1)
    df = known - 1.0
    sigma = curve.errors.T @ curve.errors / df
    forms = np.zeros((k, k, k))
    for i in range(k):
        forms[i, i, i] += 1 / count
        forms[i, -1, -1] += 1.0
        if i < k - 1:
            forms[i, i, i] += 1 / known
            forms[i, -1, -1] += 1 / known
            forms[i, i, -1] = forms[i, -1, i] = -1 / known
    spread_over = forms @ sigma
    risk = np.trace(spread_over, axis1=1, axis2=2)
    covariance = 2 / df * np.einsum("iab,jba->ij", spread_over, spread_over) / np.outer(risk, risk)
    return replace(
        curve,
        risk=risk,
        df=2 / np.diag(covariance),
        question="fresh_run",
        log_covariance=covariance,
        errors=None,
        parts=None,
        outcomes=None,
        seeds=count,
        total_variance=float(sigma[-1, -1]),
    )
