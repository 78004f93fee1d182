"""`ForecastResults`: forecasts of runs, and what they are forecasts of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from predictlab._summary import Summary

if TYPE_CHECKING:
    import altair as alt

SHOWN = 20  # rows of a summary


@dataclass(frozen=True, eq=False, repr=False)
class ForecastResults:
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
    method : {"t", "jackknife+"}
        Where the intervals come from.
    question : {"this_run", "new_task"}
        Whose end is forecast: see docs/theory.md, section 7.
    ends : dict of str to float
        Depth at which the runs of each task end, steps.
    n_groups : int
        How many groups of runs the forecasts were learnt from.
    threshold : float, optional
        Where a run has to end to be worth it.

    Examples
    --------
    >>> import predictlab as pl
    >>> source = pl.worlds.MartingaleWorld(0.0001, 0.01, 1.0, mean=0.8).source(seed=0)
    >>> forecasts = pl.forecast(source([4, 8, 16, 32], range(8)), at_depth=16, threshold=0.77, better="higher")
    >>> forecasts.question, forecasts.n_groups
    ('this_run', 8)
    >>> forecasts.frame()[["run", "prediction", "lower", "upper", "decision"]].round(2).head(2)
            run  prediction  lower  upper      decision
    0  run-0000        0.81   0.77   0.84            go
    1  run-0001        0.80   0.76   0.85  undetermined
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

    def frame(self) -> pd.DataFrame:
        """Return the forecasts as a table.

        Returns
        -------
        pandas.DataFrame
            ``run``, ``prediction``, ``lower``, ``upper``, ``sd`` (root mean square error to expect), ``final`` (NaN
            where it is not known), ``note`` (why there is no forecast, or what to mind) and ``task``. With a threshold
            also ``p_above``, the probability of ending there or above, and ``decision``: "go" or "no-go" where the
            whole interval lies on the good or the bad side, else "undetermined".
        """
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
        if self.threshold is not None:
            made = self.table["decision"].value_counts().reindex(["go", "no-go", "undetermined"], fill_value=0)
            calls = ", ".join(f"{count} {name}" for name, count in made.items())
            lines.append(f"At a threshold of {self.threshold:g}: {calls}.")
        table = self.table if len(pd.unique(self.table["task"])) > 1 else self.table.drop(columns="task")
        if len(table) > SHOWN:
            lines.append(f"The first {SHOWN} of {len(table)} runs; frame() has them all.")
        return Summary(title, *lines, table.head(SHOWN))

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

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
