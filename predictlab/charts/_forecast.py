"""Forecasts of runs, and where the runs ended."""

from __future__ import annotations

import altair as alt
import numpy as np

from predictlab._validation import made_by
from predictlab.charts import _style as style
from predictlab.forecasting import ForecastResults

_INSIDE, _OUTSIDE = "end inside its interval", "end outside"


def forecast_chart(forecasts: ForecastResults, *, width: int = 480, height: int = 240) -> alt.LayerChart:
    """Show forecasts of runs with their intervals, sorted, and where the runs ended as far as that is known.

    Parameters
    ----------
    forecasts : ForecastResults
        Runs without a forecast are left out.
    width, height : int
        Of the plot, pixels.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> import predictlab as pl
    >>> source = pl.worlds.MartingaleWorld(0.0001, 0.01, 1.0, mean=0.8).source(seed=0)
    >>> pl.charts.forecast_chart(pl.forecast(source([4, 8, 16], range(8)), at_depth=8)).title.text
    'Forecasts at 8 steps'
    """
    made_by("forecasts", forecasts, ForecastResults, "pl.forecast returned")
    table = forecasts.frame().dropna(subset="prediction").sort_values("prediction", kind="stable")
    bounded = np.isfinite(table["upper"] - table["lower"])
    table = table.replace([np.inf, -np.inf], np.nan).assign(place=np.arange(1, len(table) + 1))
    missed = (table["final"] < table["lower"]) | (table["final"] > table["upper"])
    table["end"] = np.where(missed, _OUTSIDE, _INSIDE)
    room = alt.Scale(domain=[0.4, len(table) + 0.6], nice=False)
    x = alt.X("place:Q", title="run, by its forecast", scale=room, axis=alt.Axis(labels=False, ticks=False, grid=False))

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title=forecasts.metric, scale=alt.Scale(zero=False), axis=alt.Axis(gridOpacity=0.4))

    tip = [*(c for c in ("task", "run", "note") if c in table), *style.numbers("prediction", "lower", "upper", "final")]
    base = alt.Chart(table).encode(x=x, tooltip=tip)
    ends = base.transform_filter("isValid(datum.final)").mark_point(filled=True, size=26, opacity=1)
    looks = {_INSIDE: ("black", "circle"), _OUTSIDE: (style.ACCENT, "diamond")}
    colour, shape = style.kinds("end", looks, alt.Legend(title=None, orient="top"))
    layers = [
        base.mark_rule(color=style.LINE, opacity=0.45, strokeWidth=3).encode(y=y("lower"), y2="upper:Q"),
        base.mark_tick(color=style.INK, thickness=2, width=9, orient="horizontal").encode(y=y("prediction")),
        ends.encode(y=y("final"), color=colour, shape=shape),
    ]
    if forecasts.threshold is not None:
        layers += style.level(forecasts.threshold, "threshold", 3)
    inside, known = forecasts.coverage()
    subtitle = f"{100 * forecasts.confidence:g} % intervals"
    subtitle += f"; {inside} of {known} known ends lie inside" if known else ""
    subtitle += "" if bounded.all() else f"; {int((~bounded).sum())} unbounded, not drawn"
    heading = style.title(f"Forecasts at {forecasts.at_depth:g} steps", subtitle)
    return style.layered(layers, heading, width, height)
