"""`fresh_run`: from runs of a recipe to what is known of the end of another one (docs/theory.md, 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab._validation import Rng, generator, positive, whole_number
from predictlab.budget._drift import from_earlier, from_mean, from_runs
from predictlab.budget._fresh import SOURCES, FreshRun
from predictlab.decay import DecayModel, PosteriorResults
from predictlab.decay._curve_sample import CurveSample
from predictlab.errors import DataError, bad_argument
from predictlab.risk import RiskCurve, risk_curve
from predictlab.risk._frames import Runs
from predictlab.risk._fresh import end_of

Array = NDArray[np.float64]


def fresh_run(
    source: RiskCurve | Runs,
    task: str | None = None,
    *,
    metric: str | None = None,
    drift: str | pd.DataFrame | Iterable[RiskCurve] | None = None,
    horizon: float | None = None,
    schedule: str | None = None,
    rows: float | None = None,
    static_risk: float | None = None,
    draws: int = 2000,
    rng: Rng = None,
) -> FreshRun:
    """Say how another run of a recipe will end, by steps and seeds of what is probed before.

    Parameters
    ----------
    source : RiskCurve, DataFrame, RunStore or path
        Runs of the recipe, at three depths or more; or their spread, as ``pl.risk_curve(runs)`` gives it.
    task, metric : str, optional
        As in `pl.risk_curve`.
    drift : {"runs", "mean"}, DataFrame or risk curves, optional
        How far the mean still moves between a depth and the end: ``"runs"``, from the runs themselves, where they were
        measured there (the default then); ``"mean"``, from the law of their mean curve, which has its own error; or
        from earlier tasks, as runs of three or more of them or as their risk curves. Without runs at the end it has to
        be named: nothing is said about an end that nothing points to.
    horizon : float, optional
        ``T``; default that of the curve.
    schedule : str, optional
        Of the learning rate, for the law of the mean: it is one in the sum of learning rates. Default that of the
        curve; not known: as if it were constant.
    rows : float, optional
        As in `pl.DecayModel`.
    static_risk : float, optional
        Risk of a forecast without a probe, metric². Default, where runs were measured at the end: that of their mean,
        ``Var(R) (1 + 1/S')``.
    draws : int
    rng : int, numpy.random.Generator or None
        None: a fresh generator of seed 0.

    Returns
    -------
    FreshRun

    Raises
    ------
    DataError
        No run at the end and no drift named; too few depths or tasks for it.
    ArgumentError
        A curve of another question.

    Notes
    -----
    Source: docs/theory.md, section 7.

    Examples
    --------
    >>> import predictlab as pl
    >>> runs = pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0).source(seed=0)([4, 8, 16, 32, 64], range(12))
    >>> print(pl.fresh_run(runs).plan(tolerance=1e-3))
    No probe: without one the risk is 0.000204 already, within 0.001.
    """
    curve = _agreement(source, task, metric, horizon, schedule)
    count, random = whole_number("draws", draws, 1), generator(rng)
    fit = DecayModel(curve, rows=rows).fit("posterior")
    sample = fit.sample(count, random)
    end = end_of(curve)
    ended = end <= curve.depth[-1]
    end_draws = sample.risk(np.array([end]))[:, 0]
    end_variance, known = float(np.median(end_draws)), 0
    if ended:  # measured there
        end_variance, end_draws, known = _measured_end(curve, fit, sample, random)
    if drift is None:
        if not ended:
            raise DataError(
                f"task {curve.task!r}: no run was measured at the end of its recipe, {end:g} steps (the deepest at "
                f"{curve.depth[-1]:g}), so how far the mean drifts until then is not known. Name where it comes from: "
                "drift='mean' (the law of the mean curve), or drift=runs of earlier tasks; or train some to the end."
            )
        drift = "runs"
    assert curve.errors is not None
    assert curve.mean is not None
    mean = float(curve.mean[-1])
    name = drift if isinstance(drift, str) else "earlier"
    if name not in SOURCES or (isinstance(drift, str) and drift == "earlier"):
        raise bad_argument("drift", drift, "'runs', 'mean', runs of earlier tasks or their risk curves")
    moved = np.zeros(count)
    if name == "runs":
        if not ended:
            raise bad_argument("drift", drift, f"'mean' or earlier tasks: no run was measured at {end:g} steps")
        of_drift = from_runs(curve, count, random)
    elif name == "mean":
        of_drift, moved = from_mean(curve, end, count, random)
    else:
        of_drift, moved = from_earlier(drift, curve, end, count, random)
    given = None if static_risk is None else np.full(count, positive("static_risk", static_risk, " (metric²)"))
    if given is None and ended:
        given = end_draws * (1 + 1 / known)
    centre = mean + (np.zeros(count) if ended else moved)
    if ended:  # what is not known of the mean is their spread over their number
        centre += np.sqrt(end_draws / known) * random.standard_normal(count)
    elif name == "earlier":
        there = int(np.isfinite(curve.errors[:, -1]).sum())
        centre += np.sqrt(sample.risk(curve.depth[-1:])[:, 0] / there) * random.standard_normal(count)
    ends = centre + np.sqrt(end_draws) * random.standard_normal(count)
    return FreshRun(curve, fit, name, known, end_variance, end_draws, given, sample, of_drift, centre, ends)


def _agreement(
    source: RiskCurve | Runs, task: str | None, metric: str | None, horizon: float | None, schedule: str | None
) -> RiskCurve:
    if not isinstance(source, RiskCurve):
        return risk_curve(source, task, metric=metric, horizon=horizon, schedule=schedule)
    if source.estimator != "spread" or source.question != "agreement" or source.errors is None:
        raise bad_argument(
            "source", f"a curve by {source.estimator!r} of {source.question!r}", "a spread that carries its runs",
            "pl.risk_curve(runs) makes one.",
        )  # fmt: skip
    return replace(
        source,
        horizon=source.horizon if horizon is None else horizon,
        schedule=source.schedule if schedule is None else schedule,
    )


def _measured_end(
    curve: RiskCurve, fit: PosteriorResults, sample: CurveSample, rng: np.random.Generator
) -> tuple[float, Array, int]:
    """``Var(R)`` as it was measured at the end, its draws, and the number of runs that ended.

    The draws are scaled inverse chi², with the runs' tails in their degrees of freedom, in the order of the fit's own
    there, so that those of shallower depths go along. Of another evaluation set than the measured one the fit says by
    how much it differs.
    """
    assert curve.errors is not None
    measured, df = float(curve.risk[-1]), float(curve.df[-1])
    of_fit = sample.risk(curve.depth[-1:])[:, 0]
    worth = max(df / fit.noise.dispersion, 1.0)
    drawn = np.empty_like(of_fit)
    drawn[np.argsort(of_fit)] = np.sort(measured * worth / rng.chisquare(worth, len(of_fit)))
    if sample.rows is not None and fit.model.rows is not None:
        population = sample.population(curve.depth[-1:])[:, 0]
        times = of_fit / (population + sample.interaction(curve.depth[-1:])[:, 0] / sample.rows.measured)
        measured, drawn = measured * float(np.median(times)), drawn * times
    return measured, drawn, int(np.isfinite(curve.errors[:, -1]).sum())
