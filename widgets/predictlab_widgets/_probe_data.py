"""What `ProbeMonitor` shows of a probe: its measurements as curves, the risk curve, the decay fit, or what lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from predictlab.decay import MIN_DEPTHS, DecayModel, DecayResults
from predictlab.errors import DataError
from predictlab.risk import RiskCurve, is_fork, is_invalid, risk_curve

MIN_SEEDS = 4  # fewer say too little about a variance to draw a law through it
_CURVE = 60


@dataclass(frozen=True, eq=False)
class Curves:
    """One metric of all runs of a task.

    Parameters
    ----------
    depths : ndarray of int, shape (k,)
        Depths that any run has reached, steps.
    names : list of str, length n
        Runs, each followed by its forks.
    seeds : list of int, length n
    forks : ndarray of bool, shape (n,)
    diverged : ndarray of bool, shape (n,)
    values : ndarray, shape (n, k)
        NaN where a run was not measured, or has diverged.
    """

    depths: Any
    names: list[str]
    seeds: list[int]
    forks: Any
    diverged: Any
    values: Any

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Curves:
        """From the rows of one task and one metric of a tidy frame."""
        bad = is_invalid(frame)
        runs = frame.assign(fork=is_fork(frame), bad=bad).groupby("run", sort=False)
        about = runs.agg(seed=("seed", "first"), fork=("fork", "first"), bad=("bad", "any"))
        good = frame.assign(value=frame["value"].where(~bad))
        table = good.pivot_table(index="run", columns="depth", values="value", aggfunc="first", dropna=False)
        table = table.reindex(about.index)
        return cls(
            table.columns.to_numpy(int), [str(run) for run in about.index], [int(s) for s in about["seed"]],
            about["fork"].to_numpy(bool), about["bad"].to_numpy(bool), table.to_numpy(float),
        )  # fmt: skip

    def table(self) -> pd.DataFrame:
        """One row a depth: how many seeds were measured there, their mean, standard deviation, least and greatest."""
        seeds = pd.DataFrame(self.values[~self.forks], columns=self.depths)
        found = {"depth": self.depths, "seeds": seeds.count(), "mean": seeds.mean(), "sd": seeds.std(ddof=1),
                 "least": seeds.min(), "greatest": seeds.max()}  # fmt: skip
        return pd.DataFrame(found).reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class Findings:
    """The risk curve and the decay fit of a task, each once there is enough for it; `waiting_for` is empty then."""

    curve: RiskCurve | None
    fit: DecayResults | None
    conf_int: pd.DataFrame | None
    waiting_for: str

    @classmethod
    def of(cls, frame: pd.DataFrame, task: str, metric: str, design: str) -> Findings:
        """From a tidy frame; `design` of the plan is the estimator that it was made for."""
        rows = frame[(frame["task"] == task) & (frame["metric"] == metric)]
        if rows.empty:
            return cls(None, None, None, "the first measurement")
        try:
            curve = risk_curve(rows, task, estimator=design, metric=metric)
        except DataError as error:
            return cls(None, None, None, _before_a_curve(rows, design) or str(error))
        lacks = _before_a_fit(curve)
        if lacks:
            return cls(curve, None, None, lacks)
        try:
            fit = DecayModel(curve).fit()
            return cls(curve, fit, fit.conf_int(), "")
        except DataError as error:
            return cls(curve, None, None, str(error))

    def drawing(self) -> dict[str, Any]:
        """What the page draws, as arrays."""
        if self.curve is None:
            return {}
        points = self.curve.frame()[["depth", "risk", "lower", "upper", "df"]].to_numpy(float).T
        drawn = {"points": points, "first": 0.0, "incomplete": self.curve.incomplete, "runs": self.curve.n_runs}
        if self.fit is None or self.conf_int is None:
            return drawn
        depth = self.fit.fitted.depth
        depths = np.geomspace(depth[0], depth[-1], _CURVE)
        band = self.fit.summary_frame(depths)
        return drawn | {
            "first": float(depth[0]), "depths": depths, "curve": band["mean"], "lower": band["mean_ci_lower"],
            "upper": band["mean_ci_upper"], "params": self.fit.params, "ends": self.conf_int.to_numpy(),
            "cautions": self.fit.cautions(),
        }  # fmt: skip


def _before_a_curve(rows: pd.DataFrame, design: str) -> str:
    """What a risk curve waits for; empty where it is something else that hinders it."""
    if design == "branch":
        return "" if is_fork(rows).any() else "forks that have reached the last depth"
    seeds = rows[~is_fork(rows) & ~is_invalid(rows) & (rows["depth"] > 0)]
    reached = seeds.groupby("run")["depth"].nunique()
    depths = seeds["depth"].nunique()
    complete = int((reached == depths).sum())
    if complete >= 2 and depths >= 2:
        return ""
    return f"2 seeds at 2 depths beyond 0 (so far {_count(complete, 'seed')} at all of {_count(depths, 'depth')})"


def _before_a_fit(curve: RiskCurve) -> str:
    depths = len(curve.depth)
    lacks = []
    if depths < MIN_DEPTHS:
        lacks.append(f"{MIN_DEPTHS} depths beyond 0 (so far {depths})")
    if curve.estimator == "spread" and curve.n_runs is not None and curve.n_runs < MIN_SEEDS:
        lacks.append(f"{MIN_SEEDS} seeds at all of them (so far {curve.n_runs})")
    return " and ".join(lacks)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
