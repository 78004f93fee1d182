"""Every run forecast by runs of other groups: the loop behind `forecast`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.forecasting._inputs import ForecastInputs
from predictlab.forecasting._predictive import ALONE, Law, predictive
from predictlab.forecasting._rows import RowsOfForecast
from predictlab.forecasting._stack import STACK, Members
from predictlab.forecasting._unlike import Widened, unlikeness
from predictlab.risk._curve import Array
from predictlab.risk._frames import rounding_variance
from predictlab.risk._residual import FOLDS, effective_df, group_folds, ridge
from predictlab.risk._trajectories import MIN_GROUPS, Labels


@dataclass(frozen=True)
class Made:
    """Forecasts of all runs.

    Attributes
    ----------
    values : ndarray, shape (n, 5)
        Prediction, limits, root mean square error, probability of the threshold or above; NaN where there is none.
    each : pandas.DataFrame, shape (n, members)
        Forecasts of the members.
    members : pandas.DataFrame
        Their weights, and their errors on the runs whose end is known.
    unlike : ndarray, shape (n,)
        See `unlikeness`.
    too_few : ndarray of bool, shape (n,)
    risk, df : float
        Mean squared error on the runs whose end is known, and its degrees of freedom.
    """

    values: Array
    each: pd.DataFrame
    members: pd.DataFrame
    unlike: Array
    too_few: NDArray[np.bool_]
    risk: float
    df: float


@dataclass(frozen=True)
class Learning:
    """What is learnt from, and in which parts.

    Parameters
    ----------
    inputs : ForecastInputs
    members : Members
    which : str
        Member, or the stack, that forecasts.
    folds : int or None
        Parts that the others are cut into for an interval.
    parts : list of ndarray of int
        Groups of runs whose end is known that are forecast together, by the others.
    """

    inputs: ForecastInputs
    members: Members
    which: str
    folds: int | None
    parts: list[Labels]

    @property
    def count(self) -> int:
        """Groups among the runs whose end is known."""
        return sum(len(part) for part in self.parts)

    @property
    def inside(self) -> tuple[int, int]:
        """Groups behind the interval of a run whose end is known, and the parts that they are cut into."""
        others = self.count - max(len(part) for part in self.parts)
        return others, min(self.folds or (others if others <= ALONE else FOLDS), others)

    def _table(self, inputs: ForecastInputs) -> Array:
        return np.column_stack([inputs.features, *inputs.own.values()])

    def errors(self, inputs: ForecastInputs) -> tuple[Array, Array]:
        """Errors on the runs whose end is known, and their ends, of the same runs with other values."""
        table, learnt = self._table(inputs), inputs.learnt
        predict, out = self.members.predictor(self.which), np.full(len(table), np.nan)
        for part in self.parts:
            targets = np.isin(inputs.group, part) & learnt
            train = learnt & ~targets
            if len(np.unique(inputs.group[train])) >= MIN_GROUPS:
                out[targets] = inputs.final[targets] - predict(
                    table[train], inputs.final[train], inputs.group[train], table[targets]
                )
        known = np.isfinite(out)
        return out[known], inputs.final[known]

    def forecasts(
        self,
        method: str,
        confidence: float,
        threshold: float | None,
        rng: int | np.random.Generator | None,
        beside: RowsOfForecast | None,
    ) -> Made:
        """Forecast every run that all is known of, by runs of other groups."""
        inputs, members = self.inputs, self.members
        final, group, table, learnt = inputs.final, inputs.group, self._table(inputs), inputs.learnt
        values, each = np.full((len(final), 5), np.nan), np.full((len(final), len(members.names)), np.nan)
        unlike, too_few = np.zeros(len(final)), np.zeros(len(final), dtype=bool)
        resolution = rounding_variance(final[learnt])
        for left_out in (*(np.isin(group, part) for part in self.parts), ~np.isin(group, np.unique(group[learnt]))):
            targets, train = left_out & inputs.complete, learnt & ~left_out
            if not targets.any():
                continue
            if len(np.unique(group[train])) < MIN_GROUPS:
                too_few |= targets
                continue
            x, y, g, new = table[train], final[train], group[train], table[targets]
            each[targets] = members.each(x, y, g, new)
            unlike[targets] = unlikeness(inputs.looked_at[train], g, inputs.looked_at[targets])
            p = members.parameters(self.which, x, y, g)
            own: Law = predictive(x, y, g, new, members.predictor(self.which), p, self.folds, rng, method, resolution)
            blind: Law = own
            if np.any(unlike[targets] > 0):
                nothing = np.empty((len(y), 0)), np.empty((len(new), 0))
                blind = predictive(nothing[0], y, g, nothing[1], ridge, 0.0, self.folds, rng, method, resolution)
            if beside is not None:
                own, blind = (law.on_other_rows(beside.added, beside.least, beside.df) for law in (own, blind))
            path = np.column_stack([np.empty((len(new), 0)), *(end[targets] for end in inputs.own.values())])
            law = Widened(own, blind, unlike[targets], path)
            above = np.full(len(new), np.nan) if threshold is None else law.above(threshold)
            values[targets] = np.column_stack([law.centre, *law.interval(confidence), law.sd, above])
        known = learnt & np.isfinite(values[:, 0])
        x, y, g = table[known], final[known], np.unique(group[known], return_inverse=True)[1]
        errors = y - values[known, 0]
        df = effective_df(errors, g, members.parameters(self.which, x, y, g)) if known.any() else 1.0
        risk = max(float(np.mean(errors**2)), resolution) if known.any() else float("nan")
        shown = self._members_table(final - each.T, known, errors, x, y, g)
        return Made(values, pd.DataFrame(each, columns=list(members.names)), shown, unlike, too_few, risk, df)

    def _members_table(
        self, missed: Array, known: NDArray[np.bool_], errors: Array, x: Array, y: Array, group: Labels
    ) -> pd.DataFrame:
        """Weight of each member in all that was learnt, its root mean square error and its mean error."""
        names = self.members.names
        if self.which == STACK:
            weight = self.members.weights(x, y, group) if known.any() else np.full(len(names), np.nan)
        else:
            weight = np.array([float(name == self.which) for name in names])
        rows = {n: (w, e[known]) for n, w, e in zip(names, weight, missed, strict=True)}
        if self.which == STACK:
            rows[STACK] = (float("nan"), errors)
        return pd.DataFrame(
            {
                name: {
                    "weight": w,
                    "error": float(np.sqrt(np.mean(e**2))) if len(e) else np.nan,
                    "bias": float(np.mean(e)) if len(e) else np.nan,
                }
                for name, (w, e) in rows.items()
            }
        ).T.rename_axis("predictor")


def learning_of(
    inputs: ForecastInputs,
    members: Members,
    which: str,
    folds: int | None,
    inside: int | None,
    rng: np.random.Generator,
) -> Learning:
    """Cut the groups of the runs whose end is known into parts; `inside` is that of the others for an interval."""
    return Learning(inputs, members, which, inside, group_folds(inputs.group[inputs.learnt], folds, rng, ALONE))
