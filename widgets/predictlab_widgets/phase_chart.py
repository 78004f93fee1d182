"""Static picture of `PhaseDiagram` for more tasks than have room for names and intervals: points alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pandas as pd

from predictlab import charts, phase
from predictlab.decay import law

if TYPE_CHECKING:
    from predictlab_widgets.phase_diagram import PhaseDiagram

_LEAST = 1e-3  # of the tolerance; what is below stands at the edge
_RULE = "#444444"
_POINTS = 1000  # as many as are worth the seconds that drawing them takes


def crowd_chart(widget: PhaseDiagram, width: int = 330, height: int = 290) -> Any:
    """Both planes, each task a point at the median of its draws; of very many, 1,000 evenly chosen in their order.

    Parameters
    ----------
    widget : PhaseDiagram
    width, height : int
        Of each plane, pixels.
    """
    tolerance, budget = widget.tolerance, widget.budget
    left = law(np.asarray(budget), 0.0, widget._sample[:, 1], widget._sample[:, 2])
    middle = np.median(widget._sample, axis=2)[widget._which]
    rate_top = float(np.clip(np.quantile(middle[:, 2], 0.99) * 1.15, 1.0, 10.0))
    table = pd.DataFrame(
        {
            "regime": list(widget.regimes.values()),
            "x": np.clip(middle[:, 0] / tolerance, _LEAST, 1e3).round(5),
            "y": np.clip(np.median(left, axis=1)[widget._which] / tolerance, _LEAST, 1e3).round(5),
            "alpha": np.minimum(middle[:, 2], rate_top).round(4),
        }
    )
    whose = widget.selected or "the median K"
    scale = float(np.median(middle[:, 1]))
    if widget.selected:
        scale, whose = float(middle[widget.task_names.index(widget.selected), 1]), f"the K of {widget.selected}"
    total = len(table)
    if total > _POINTS:
        table = table.iloc[np.linspace(0, total - 1, _POINTS).round().astype(int)]
    count = f"{total} tasks" if total == len(table) else f"{len(table)} of {total} tasks"
    domain = list(charts.COLOURS)
    legend = alt.Legend(title=None, orient="bottom", symbolSize=90, symbolOpacity=1)
    colours, shapes = (list(kind.values()) for kind in (charts.COLOURS, charts.SHAPES))
    looks = {
        "color": alt.Color("regime:N", scale=alt.Scale(domain=domain, range=colours), legend=legend),
        "shape": alt.Shape("regime:N", scale=alt.Scale(domain=domain, range=shapes), legend=legend),
    }
    axis = alt.Axis(format="~g", tickCount=5, gridOpacity=0.3)
    top = [float(max(3.0, table[name].max() * 1.3)) for name in ("x", "y")]
    x = alt.X("x:Q", title="floor L_int / tolerance", scale=alt.Scale(type="log", domain=[_LEAST, top[0]]), axis=axis)
    edge = np.append(np.geomspace(_LEAST, 0.99, 80), 1 - np.geomspace(0.01, 1e-3, 20))
    wall = alt.Chart(pd.DataFrame({"x": [1.0]})).mark_rule(color=_RULE).encode(x="x:Q")

    def plane(y: alt.Y, border: Any, title: str, subtitle: str) -> Any:
        line = pd.DataFrame({"x": edge, "border": border})
        return alt.layer(
            alt.Chart(table).mark_point(filled=True, size=18, opacity=0.55, clip=True).encode(x=x, y=y, **looks),
            alt.Chart(line).mark_line(color=_RULE, clip=True).encode(x="x:Q", y="border:Q"),
            wall,
        ).properties(width=width, height=height, title=alt.TitleParams(title, subtitle=subtitle, anchor="start"))

    sinking = alt.Y(
        "y:Q",
        title=f"V_opt({budget:g} steps) / tolerance",
        scale=alt.Scale(type="log", domain=[_LEAST, top[1]]),
        axis=axis,
    )
    rate = alt.Y("alpha:Q", title="decay rate alpha", scale=alt.Scale(domain=[0, rate_top]))
    boundary = phase.theory_boundary(edge * tolerance, scale, tolerance, budget)
    return alt.hconcat(
        plane(sinking, 1 - edge, "Budget plane", f"{count}; a larger budget moves them straight down"),
        plane(rate, boundary, "Theory plane", f"boundary at {budget:g} steps for {whose}"),
    ).resolve_scale(color="shared", shape="shared")
