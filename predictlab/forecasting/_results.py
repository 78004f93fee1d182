"""`ForecastResults`: forecasts of runs, and what they are forecasts of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from predictlab._summary import Summarised, Summary
from predictlab._validation import Rng
from predictlab.decay import DecayResults
from predictlab.forecasting._against import AgainstLimit, KnownRisk, against_limit
from predictlab.risk import RiskCurve

if TYPE_CHECKING:
    import altair as alt

SHOWN = 20  # rows of a summary


@dataclass(frozen=True, eq=False, repr=False)
class ForecastResults(Summarised):
    """Forecasts of how runs end, as `pl.forecast` makes them.

    Parameters
    ----------
    table : pandas.DataFrame
        What `frame` returns.
    metric : str
        Whose final value is forecast.
    at_depth : float
        Nothing that was measured deeper was used of the run that is forecast, steps.
    confidence : float
        Of the intervals.
    method : {"t", "jackknife+", "cv+"}
        Where the intervals come from.
    question : {"this_run", "new_task"}
        Whose end is forecast: see docs/theory.md, section 7.
    ends : dict of str to float
        Depth at which the runs of each task end, steps.
    n_groups : int
        How many groups of runs the forecasts were learnt from.
    threshold : float, optional
        Where a run has to end to be worth it.
    predictor : str
        What forecasts; see `predictlab.forecast`.
    members : pandas.DataFrame, optional
        A line a member of the stack: ``weight`` (of what all runs teach; each forecast has its own), ``error`` (root
        mean square) and ``bias`` (mean) on runs of groups that it had not seen, metric; and the errors of the stack.
    each : pandas.DataFrame, optional
        Forecasts of the members, a line a run.
    risk, df : float
        Mean squared error on runs whose end is known, of groups that the predictor had not seen, metric², on the
        measured set; and its degrees of freedom.
    guaranteed : float, optional
        Share of ends inside that is proven for exchangeable groups (runs, where each is its own), whatever the errors
        look like. None: "t" assumes their shape; and on other rows nothing of the kind is proven.
    rows : float, optional
        Evaluation rows that the end is asked on; None: those that were measured.
    rows_added : float
        What asking about other rows adds to `risk`, metric².
    rows_held : tuple of str
        Metrics among the features without outcomes of rows, whose part is not in it.

    Examples
    --------
    >>> import predictlab as pl
    >>> source = pl.worlds.MartingaleWorld(0.0001, 0.01, 1.0, mean=0.8).source(seed=0)
    >>> forecasts = pl.forecast(source([4, 8, 16, 32], range(8)), at_depth=16, threshold=0.77, better="higher")
    >>> forecasts.question, forecasts.n_groups
    ('this_run', 8)
    >>> forecasts.frame()[["run", "prediction", "lower", "upper", "decision"]].round(2).head(2)
            run  prediction  lower  upper decision
    0  run-0000        0.81   0.78   0.85       go
    1  run-0001        0.81   0.77   0.85       go
    """

    table: pd.DataFrame = field(repr=False)
    metric: str
    at_depth: float
    confidence: float
    method: str
    question: str
    ends: dict[str, float]
    n_groups: int
    threshold: float | None = None
    predictor: str = "regression"
    members: pd.DataFrame | None = field(default=None, repr=False)
    each: pd.DataFrame | None = field(default=None, repr=False)
    risk: float = float("nan")
    df: float = float("nan")
    guaranteed: float | None = None
    rows: float | None = None
    rows_added: float = 0.0
    rows_held: tuple[str, ...] = ()

    def frame(self, *, members: bool = False) -> pd.DataFrame:
        """Return the forecasts as a table.

        Parameters
        ----------
        members : bool
            Add what each member of the stack forecasts, a column each.

        Returns
        -------
        pandas.DataFrame
            ``run``, ``prediction``, ``lower``, ``upper``, ``sd`` (root mean square error to expect), ``final`` (NaN
            where it is not known), ``note`` (why there is no forecast, or what to mind) and ``task``. With a threshold
            also ``p_above``, the probability of ending there or above, and ``decision``: "go" or "no-go" where the
            whole interval lies on the good or the bad side, else "undetermined".
        """
        if members and self.each is not None:
            return pd.concat([self.table, self.each], axis=1)
        return self.table.copy()

    def coverage(self) -> tuple[int, int]:
        """Count the known ends that lie in their intervals.

        Returns
        -------
        inside, known : int
            Runs whose end lies in its interval, of those whose end is known and whose interval has two finite limits.
        """
        bounded = np.isfinite(self.table["final"] + self.table["upper"] - self.table["lower"])
        known = self.table[bounded]
        return int(known["final"].between(known["lower"], known["upper"]).sum()), len(known)

    def summary(self) -> Summary:
        """Say what was forecast and from what, and show the first runs.

        Returns
        -------
        Summary
            Prints as text, and as tables in a notebook.
        """
        title = f"{self.metric} at the end, forecast at {self.at_depth:g} steps, {100 * self.confidence:g} % intervals"
        inside, known = self.coverage()
        lines = [f"Learnt from {self.n_groups} groups; {inside} of {known} known ends lie in their intervals."]
        lines += [line for line in (self._rows_in_words(), self._guarantee_in_words()) if line]
        if self.threshold is not None:
            made = self.table["decision"].value_counts().reindex(["go", "no-go", "undetermined"], fill_value=0)
            calls = ", ".join(f"{count} {name}" for name, count in made.items())
            lines.append(f"At a threshold of {self.threshold:g}: {calls}.")
        table = self.table if len(pd.unique(self.table["task"])) > 1 else self.table.drop(columns="task")
        if len(table) > SHOWN:
            lines.append(f"The first {SHOWN} of {len(table)} runs; frame() has them all.")
        members = [] if self.members is None or len(self.members) < 2 else [self._members_in_words(), self.members]
        return Summary(title, *lines, table.head(SHOWN), *members)

    def _rows_in_words(self) -> str:
        """Which of the three questions about rows it is (docs/theory.md, section 8)."""
        if self.rows is None:
            return ""
        where = "in deployment, on the population of rows" if np.isinf(self.rows) else f"on {self.rows:g} other rows"
        told = f"Asked: where will the run end {where}? The ends shown are of the measured set. "
        told += f"Squared error {self.risk:.3g} on that set, {self.rows_added:+.3g} for the other rows."
        held = f" What rows make of {', '.join(self.rows_held)} is not in it: no outcomes." if self.rows_held else ""
        return told + held

    def _guarantee_in_words(self) -> str:
        if self.guaranteed is None:
            return ""
        return f"Proven for exchangeable groups, whatever their errors look like: {100 * self.guaranteed:.3g} % inside."

    def _members_in_words(self) -> str:
        return f"Forecast by {self.predictor}. What it was made of, by errors on runs of groups that were not seen:"

    def against(
        self, limit: RiskCurve | DecayResults | KnownRisk, *, confidence: float = 0.95, rng: Rng = None
    ) -> AgainstLimit:
        """Compare the forecasts with the least squared error that any predictor could have at this depth.

        Parameters
        ----------
        limit : RiskCurve, DecayResults or world
            ``L(c)``: a `branch` curve of the same recipe (question `this_run`, with this depth measured), a fit of one,
            or a world, whose ``risk([c])`` is exact. A curve of one of several tasks is compared with the forecasts of
            that task.
        confidence : float
            Of the interval of the ratio, in (0, 1).
        rng : int, numpy.random.Generator or None
            Of a fit's draws; None: a fresh generator of seed 0.

        Returns
        -------
        AgainstLimit
            The ratio of both with its interval, and which helps: a better predictor, or more probing.

        Raises
        ------
        ArgumentError
            A curve of another question, or one that was not measured at this depth.
        DataError
            No run whose end is known.

        Examples
        --------
        >>> import predictlab as pl
        >>> world = pl.worlds.MartingaleWorld(0.0001, 0.01, 1.0, mean=0.8)
        >>> runs = world.simulate(40, [4, 8, 16], seed=3)  # the best prediction at each depth, and the end
        >>> ended = runs["depth"] == 16
        >>> runs = runs[(runs["metric"] == "prediction") != ended].assign(metric="R")
        >>> round(pl.forecast(runs, at_depth=8).against(world).ratio, 1)
        1.0
        """
        return against_limit(self, limit, confidence, rng)

    def plot(self, *, width: int = 480, height: int = 240) -> alt.LayerChart:
        """Draw the forecasts with their intervals, and where the runs ended as far as that is known.

        Parameters
        ----------
        width, height : int
            Pixels.

        Returns
        -------
        altair.LayerChart
            See `predictlab.charts.forecast_chart`.
        """
        from predictlab.charts import forecast_chart

        return forecast_chart(self, width=width, height=height)
