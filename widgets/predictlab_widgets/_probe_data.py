"""What `ProbeMonitor` shows of a probe: its measurements as curves, the risk curve, the decay fit, or what lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from predictlab.decay import MIN_DEPTHS, DecayModel, DecayResults
from predictlab.errors import DataError, PredictlabError
from predictlab.risk import RiskCurve, is_fork, is_invalid, risk_curve
from predictlab.runs import RunStore
from predictlab_widgets._base import to_jsonable

MIN_SEEDS = 4  # fewer say too little about a variance to draw a law through it
_CURVE = 60


@dataclass(frozen=True, eq=False)
class Curves:
    """One metric of all runs of a task.

    Parameters
    ----------
    runs : pandas.DataFrame
        One row a run, each followed by its forks: ``seed``, ``fork``, ``diverged``.
    values : pandas.DataFrame
        A row for each of `runs`, a column for each depth that any run has reached (steps); NaN where a run was not
        measured, or has diverged.
    """

    runs: pd.DataFrame
    values: pd.DataFrame

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Curves:
        """From the rows of one task and one metric of a tidy frame."""
        rows = frame.assign(fork=is_fork(frame), diverged=is_invalid(frame))
        rows["value"] = rows["value"].where(~rows["diverged"])
        runs = rows.groupby("run", sort=False).agg({"seed": "first", "fork": "first", "diverged": "any"})
        values = rows.pivot_table(index="run", columns="depth", values="value", aggfunc="first", dropna=False)
        return cls(runs, values.reindex(runs.index))

    def table(self) -> pd.DataFrame:
        """One row a depth: how many seeds were measured there, their mean, standard deviation, least and greatest."""
        seeds = self.values[~self.runs["fork"]]
        found = {"seeds": seeds.count(), "mean": seeds.mean(), "sd": seeds.std(ddof=1),
                 "least": seeds.min(), "greatest": seeds.max()}  # fmt: skip
        return pd.DataFrame(found).rename_axis("depth").reset_index()

    def drawing(self) -> dict[str, Any]:
        """What the page draws, as JSON has it, and the values as bytes."""
        arrays = {
            "depths": self.values.columns.to_numpy(int), "seeds": self.runs["seed"], "forks": self.runs["fork"],
            "diverged": self.runs["diverged"], "table": self.table().to_numpy(float),
        }  # fmt: skip
        return to_jsonable(arrays) | {"values": self.values.to_numpy("<f4").tobytes()}


@dataclass(frozen=True, eq=False)
class Findings:
    """The risk curve and the decay fit of a task, each once there is enough for it; `waiting_for` is empty then.

    `rows` says how much of the spread is the evaluation rows, where their outcomes are kept.
    """

    curve: RiskCurve | None
    fit: DecayResults | None
    waiting_for: str
    rows: str = ""

    @classmethod
    def of(cls, frame: pd.DataFrame, task: str, metric: str, design: str) -> Findings:
        """From a tidy frame; `design` of the plan is the estimator that it was made for."""
        rows = frame[(frame["task"] == task) & (frame["metric"] == metric)]
        if rows.empty:
            return cls(None, None, "the first measurement")
        try:
            curve = risk_curve(rows, task, estimator=design, metric=metric)
        except DataError as error:
            return cls(None, None, _before_a_curve(rows, design) or str(error))
        lacks = _before_a_fit(curve)
        if lacks:
            return cls(curve, None, lacks)
        try:
            return cls(curve, DecayModel(curve).fit(), "")
        except DataError as error:
            return cls(curve, None, str(error))

    def drawing(self) -> dict[str, Any]:
        """What the page draws, as JSON has it."""
        if self.curve is None:
            return {"waiting_for": self.waiting_for, "rows": ""}
        points = self.curve.frame()[["depth", "risk", "lower", "upper", "df"]].to_numpy(float).T
        drawn = {
            "waiting_for": self.waiting_for, "points": points, "first": 0.0, "incomplete": self.curve.incomplete,
            "runs": self.curve.n_runs, "rows": self.rows,
        }  # fmt: skip
        if self.fit is None:
            return to_jsonable(drawn)
        depth = self.fit.fitted.depth
        depths = np.geomspace(depth[0], depth[-1], _CURVE)
        band = self.fit.summary_frame(depths)
        fitted = {
            "first": float(depth[0]), "depths": depths, "curve": band["mean"], "lower": band["mean_ci_lower"],
            "upper": band["mean_ci_upper"], "params": self.fit.params, "ends": self.fit.conf_int().to_numpy(),
            "cautions": self.fit.cautions(),
        }  # fmt: skip
        return to_jsonable(drawn | fitted)


def rows_words(store: RunStore, task: str, metric: str) -> str:
    """How much of the spread over seeds is the evaluation rows; empty where their outcomes are not known.

    Parameters
    ----------
    store : RunStore
    task, metric : str

    Returns
    -------
    str
        A sentence, of the last depth that a curve has.
    """
    try:
        curve = risk_curve(store, task, metric=metric)
    except PredictlabError:
        return ""
    if curve.parts is None or not curve.parts[-1].spread > 0:
        return ""
    last = curve.parts[-1]
    here, run = last.spread**0.5, max(last.run, 0.0) ** 0.5
    low, high = (v**0.5 for v in last.interval("run"))
    at = f"At {curve.depth[-1]:g} steps {last.rows_share:.0%} of the spread is this set of {last.rows:,} rows"
    population = f"of {run:.2g} [{low:.2g}, {high:.2g}] on the population of rows"
    return f"{at}: seeds differ by a standard deviation of {here:.2g} on it, {population}."


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
