"""Static altair picture of `BudgetAllocator`: the depths, and the efficiency frontier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pandas as pd

from predictlab import charts  # its offline renderer too

if TYPE_CHECKING:
    from predictlab_widgets.budget_allocator import BudgetAllocator

_LINE, _TANGENT = charts.COLOURS["Noise-Dominant"], charts.COLOURS["Dynamic-Critical"]
_INK = "#222222"
_SHOWN = 30  # bars; more would not be told apart


def allocation_chart(widget: BudgetAllocator, width: int = 330, height: int = 270) -> Any:
    """Both pictures of the widget's state, side by side.

    Parameters
    ----------
    widget : BudgetAllocator
    width, height : int
        Of each picture, pixels.
    """
    return alt.hconcat(_bars(widget, width, height), _frontier(widget, width, height))


def _bars(widget: BudgetAllocator, width: int, height: int) -> Any:
    table = widget.table().head(_SHOWN)
    table["start"] = widget._free.low[: len(table)].min() / 1.6
    table["state"] = np.where(
        table["locked"], "locked", np.where(table["note"].str.contains("beyond"), "extrapolated", "measured")
    )
    last = max(float(table["depth"].max()), float(table["depth_upper"].replace(np.inf, 0).max()))
    domain = [float(table["start"].iloc[0]), 1.15 * last]
    table["depth_upper"] = table["depth_upper"].clip(upper=domain[1])
    x = alt.X(
        "start:Q",
        title="depth c (steps)",
        scale=alt.Scale(type="log", domain=domain, nice=False),
        axis=alt.Axis(format="~g", tickCount=6),
    )
    y = alt.Y("task:N", title=None, sort=list(table["task"]))
    kinds = ["measured", "extrapolated", "locked"]
    colour = alt.Color(
        "state:N",
        scale=alt.Scale(domain=kinds, range=[_LINE, "#9ec9e2", "#8a8a8a"]),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    base = alt.Chart(table)
    words = base.transform_calculate(
        text="format(datum.depth, '.3~s') + (datum.state != 'measured' ? ', ' + datum.state : '')"
    )
    title = alt.TitleParams("Depths", subtitle=f"budget {widget.budget:.4g}, 95 % intervals", anchor="start", dy=-8)
    return alt.layer(
        base.mark_bar(height={"band": 0.7}).encode(x=x, x2="depth:Q", y=y, color=colour),
        base.mark_rule(color=_INK, strokeWidth=1.5, clip=True).encode(x="depth_lower:Q", x2="depth_upper:Q", y=y),
        words.mark_text(align="left", dx=4, dy=-7, fontSize=10).encode(x="depth:Q", y=y, text="text:N"),
    ).properties(width=width, height=height, title=title)


def _frontier(widget: BudgetAllocator, width: int, height: int) -> Any:
    curve = widget.frontier()
    here = widget.frontier([widget.budget])
    low = float(curve["risk"].min()) / 3
    for table in (curve, here):
        table["risk_lower"] = table["risk_lower"].clip(lower=low)
    ends = [min(curve["budget"].min(), widget.budget), max(curve["budget"].max(), widget.budget)]
    highest = float(np.max([curve["risk_upper"].max(), here["risk_upper"].max()]))
    x = alt.X(
        "budget:Q",
        title="budget B (cost)",
        scale=alt.Scale(type="log", domain=ends, nice=False),
        axis=alt.Axis(format="~s", tickCount=6, grid=False),
    )
    metric = next(iter(widget.fits.values())).curve.metric or "metric"
    scale = alt.Scale(type="log", domain=[float(curve["risk_lower"].min()), highest], nice=False)
    axis = alt.Axis(format=".1~e", tickCount=5, gridOpacity=0.4)

    def y(name: str) -> alt.Y:
        return alt.Y(f"{name}:Q", title=f"weighted risk ({metric}²)", scale=scale, axis=axis)

    budgets = widget.budget * np.geomspace(0.5, 2, 25)  # a straight line bends on log axes
    slope = pd.DataFrame({"budget": budgets, "risk": widget.risk - widget.multiplier * (budgets - widget.budget)})
    slope = slope[slope["risk"] > 0]
    base, point = alt.Chart(curve).encode(x=x), alt.Chart(here).encode(x="budget:Q")
    tangent = alt.Chart(slope).mark_line(color=_TANGENT, strokeDash=[7, 4], clip=True)
    title = alt.TitleParams(
        "Efficiency frontier",
        subtitle=f"risk {widget.risk:.3g}; the next unit saves {widget.multiplier:.3g}",
        anchor="start",
        dy=-8,
    )
    return alt.layer(
        base.mark_area(color=_LINE, opacity=0.22, clip=True).encode(y=y("risk_lower"), y2="risk_upper:Q"),
        base.mark_line(color=_LINE, strokeWidth=2.5, clip=True).encode(y=y("risk")),
        tangent.encode(x="budget:Q", y="risk:Q"),
        point.mark_rule(color=_INK, strokeWidth=2.5).encode(y="risk_lower:Q", y2="risk_upper:Q"),
        point.mark_point(filled=True, color=_INK, size=90, opacity=1).encode(y="risk:Q"),
    ).properties(width=width, height=height, title=title)
