"""Static altair picture of `ProbeMonitor`: the curves of all seeds, and the risk with its fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pandas as pd

from predictlab import charts  # its offline renderer too

if TYPE_CHECKING:
    from predictlab_widgets.probe_monitor import ProbeMonitor

_LINE = charts.COLOURS["Noise-Dominant"]


def monitor_chart(widget: ProbeMonitor, width: int = 380, height: int = 260) -> Any:
    """Two pictures of the widget's state.

    Parameters
    ----------
    widget : ProbeMonitor
    width, height : int
        Of each picture, pixels.
    """
    return alt.hconcat(_curves(widget, width, height), _risk(widget, width, height)).resolve_scale(color="independent")


def _curves(widget: ProbeMonitor, width: int, height: int) -> Any:
    data = widget._data
    steps = f"{widget.status}, {widget.steps_done} of {widget.steps_total} steps"
    title = alt.TitleParams(f"{widget.task}: {widget.metric}", subtitle=steps, anchor="start")
    if data is None:
        return _words("nothing is measured yet", width, height, title)
    lines = pd.DataFrame(data.values, columns=[float(d) for d in data.depths]).assign(
        run=data.names, kind=np.where(data.forks, "fork", "seed")
    )
    table = lines.melt(["run", "kind"], var_name="depth", value_name="value").dropna()
    table["depth"] = table["depth"].astype(float)
    mean = data.table()[["depth", "mean"]].rename(columns={"mean": "value"})
    scale = alt.Scale(type="symlog" if widget.scale == "log" else "linear", constant=1, nice=False)
    axis = alt.Axis(values=[int(d) for d in data.depths], grid=False, labelOverlap=True, format="d")
    x = alt.X("depth:Q", title="depth c (steps)", scale=scale, axis=axis)
    y = alt.Y("value:Q", title=widget.metric, scale=alt.Scale(zero=False), axis=alt.Axis(gridOpacity=0.4))
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=["seed", "fork"], range=[[1, 0], [3, 3]]), legend=None)
    seeds = alt.Chart(table).encode(x=x, y=y)
    few = max(0.25, min(0.9, 6 / max(1, len(data.names))))
    return alt.layer(
        seeds.mark_line(color=_LINE, opacity=few, strokeWidth=1.3).encode(detail="run:N", strokeDash=dash),
        seeds.mark_point(color=_LINE, filled=True, size=12, opacity=few),
        alt.Chart(mean).mark_line(color="#222222", strokeWidth=2.5).encode(x=x, y=y),
    ).properties(width=width, height=height, title=title)


def _risk(widget: ProbeMonitor, width: int, height: int) -> Any:
    if widget.fit is not None:
        chart = charts.decay_chart(widget.fit, width=width, height=height)
        chart.title.text = "Risk and the fit so far"
        return chart
    waits = alt.TitleParams("Risk so far", subtitle=f"waits for {widget.waiting_for}", anchor="start")
    if widget.curve is None:
        return _words("no risk curve yet", width, height, waits)
    return charts.risk_curve_chart(widget.curve, width=width, height=height).properties(title=waits)


def _words(text: str, width: int, height: int, title: alt.TitleParams) -> Any:
    chart = alt.Chart(pd.DataFrame({"text": [text]})).mark_text(fontSize=14, color="#616161")
    return chart.encode(text="text:N").properties(width=width, height=height, title=title)
