"""The corridor after the probes, in one call: curves, fits, optimal depths, regimes, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from predictlab.budget import OptimalDepth, fitted_from, optimal_depth
from predictlab.decay import DecayModel, DecayResults
from predictlab.errors import DataError
from predictlab.phase import PROBABILITY_COLUMNS, UNDETERMINED, classify
from predictlab.planning._sentences import sentence
from predictlab.risk import risk_curve

MIN_RUNS = 6  # with five degrees of freedom a variance is already known only within a factor of seven (95 %)


@dataclass(frozen=True)
class Analysis:
    """Fits of several tasks and what follows at one tolerance, budget and price.

    Attributes
    ----------
    fits : dict of str to DecayResults
    unfit : dict of str to str
        Tasks that no fit was made for, and why.
    optima : dict of str to OptimalDepth
    phase : pandas.DataFrame
        Of ``pl.classify``, with rows for tasks without a fit or whose law does not reach down to the budget
        (Undetermined, with the reason), and column ``todo``.
    tolerance, budget, exchange_rate : float
    """

    fits: dict[str, DecayResults]
    unfit: dict[str, str]
    optima: dict[str, OptimalDepth]
    phase: pd.DataFrame
    tolerance: float
    budget: float
    exchange_rate: float

    @property
    def placed(self) -> dict[str, DecayResults]:
        """The fits that have a place on the diagram: the budget is not before their first fitted depth."""
        return {name: fit for name, fit in self.fits.items() if fitted_from(fit) <= self.budget}

    def fit_table(self) -> pd.DataFrame:
        """One row a task: parameters with 95 % profile intervals, ``c*`` with its interval, fitted depths."""
        rows = []
        for name, fit in self.fits.items():
            ci, best = fit.conf_int(), self.optima[name]
            depth = fit.fitted.depth
            rows.append(
                {
                    "task": name,
                    "runs": fit.curve.n_runs,
                    "diverged": fit.curve.diverged,
                    "fitted_from": depth[0],
                    "fitted_to": depth[-1],
                    **{
                        key: value
                        for p in fit.params.index
                        for key, value in (
                            (p, fit.params[p]), (f"{p}_lower", ci.loc[p, "lower"]), (f"{p}_upper", ci.loc[p, "upper"]))
                    },
                    "identified": fit.identified,
                    "lack_of_fit_p": fit.burn_in.p_value,
                    "optimal_depth": best.depth,
                    "optimal_depth_lower": best.conf_int()[0],
                    "optimal_depth_upper": best.conf_int()[1],
                    "probability_pays": best.probability_pays,
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def missing_regimes(self) -> list[str]:
        """Regimes that no task was called to be in."""
        from predictlab.phase import REGIMES

        return [r for r in REGIMES if r not in set(self.phase["regime"])]


def analyse(
    runs: pd.DataFrame,
    tolerance: float,
    budget: float,
    exchange_rate: float,
    metric: str | None = None,
    confidence: float = 0.9,
    tasks: Iterable[str] | None = None,
    eval_rows: dict[str, int] | None = None,
) -> Analysis:
    """Fit every task of a tidy frame and classify it; tasks that cannot carry a fit are Undetermined, with the reason.

    Parameters
    ----------
    runs : pandas.DataFrame
        Tidy frame of measurements.
    tolerance, budget, exchange_rate : float
        ``tau`` (metric²), ``B`` (steps), ``gamma`` (metric² per step).
    metric : str, optional
        See ``pl.risk_curve``.
    confidence : float
        Of the regime calls.
    tasks : iterable of str, optional
        Which tasks, in which order; default all.
    eval_rows : dict of str to int, optional
        Evaluation rows of each task, for the sampling error shown beside the floor.
    """
    fits: dict[str, DecayResults] = {}
    unfit: dict[str, str] = {}
    names = list(tasks) if tasks is not None else [str(t) for t in pd.unique(runs["task"])]
    for name in names:
        try:
            curve = risk_curve(runs, task=name, metric=metric, eval_rows=(eval_rows or {}).get(name))
            if curve.n_runs is not None and curve.n_runs < MIN_RUNS:
                raise DataError(f"{curve.n_runs} complete runs; a fit needs at least {MIN_RUNS}. Probe more seeds.")
            fits[name] = DecayModel(curve).fit()
        except DataError as error:
            unfit[name] = str(error)
    optima = {name: optimal_depth(fit, exchange_rate=exchange_rate) for name, fit in fits.items()}
    # a budget that no task's law reaches is an error of the call; one that some do not is the answer for those
    beyond = {
        name: f"budget of {budget:g} steps: the law holds from {fitted_from(fit):g} steps on and says nothing before. "
        "Raise the budget or probe shallower depths."
        for name, fit in fits.items()
        if fitted_from(fit) > budget
    }
    placed = {name: fit for name, fit in fits.items() if name not in beyond} or fits
    if placed:
        phase = classify(placed, tolerance=tolerance, budget=budget, confidence=confidence)
        phase["todo"] = [
            sentence(fits[row["task"]], row, tolerance, budget, optima[row["task"]]) for _, row in phase.iterrows()
        ]
    else:
        phase = pd.DataFrame(columns=["task", "regime", "likely", *PROBABILITY_COLUMNS, "crossing_budget", "todo"])
    empty = [{"task": n, "regime": UNDETERMINED, "todo": why} for n, why in (beyond | unfit).items()]
    if empty:
        phase = pd.concat([phase, pd.DataFrame(empty)], ignore_index=True) if len(phase) else pd.DataFrame(empty)
    return Analysis(fits, unfit, optima, phase, tolerance, budget, exchange_rate)
