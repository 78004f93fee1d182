"""Static altair picture of `RiskDecomposition`: the split of the risk, and the valley of the total cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pandas as pd

from predictlab import charts  # its offline renderer too
from predictlab.decay import law

if TYPE_CHECKING:
    from predictlab_widgets.risk_decomposition import RiskDecomposition

_FLOOR, _REDUCIBLE, _PRICE = "#8a8a8a", charts.COLOURS["Noise-Dominant"], charts.COLOURS["Dynamic-Critical"]
_INK = "#222222"
_LEVELS = {"tolerance": [7, 4], "without a probe": [2, 3]}


def decomposition_chart(widget: RiskDecomposition, width: int = 330, height: int = 240) -> Any:
    """Both pictures of the widget's state, side by side.

    Parameters
    ----------
    widget : RiskDecomposition
    width, height : int
        Of each picture, pixels.
    """
    first, last = widget._depths
    depth = np.geomspace(first, last, 160)
    risk = law(depth, widget.intrinsic_limit, widget.scale, widget.decay_rate)
    total = risk + widget.exchange_rate * (widget.fixed_cost + widget.cost_per_step * depth)
    bottom = widget.total_at(float(np.clip(widget.optimal_depth, first, last)))
    top = 2.6 * bottom
    floor = np.full_like(depth, widget.intrinsic_limit)
    table = pd.DataFrame({"depth": depth, "zero": 0.0, "floor": floor, "risk": risk, "total": total})
    x = alt.X(
        "depth:Q",
        title="depth c (steps)",
        scale=alt.Scale(type="log", domain=[first, last], nice=False),
        axis=alt.Axis(format="~g", tickCount=6, grid=False),
    )
    metric = widget._metric or "metric"

    def edge(name: str, title: str) -> alt.Y:
        axis = alt.Axis(format="~g" if top >= 1e-2 else ".1~e", tickCount=5, gridOpacity=0.4)
        return alt.Y(f"{name}:Q", title=f"{title} ({metric}²)", scale=alt.Scale(domain=[0, top]), axis=axis)

    def area(low: str, high: str, colour: str, title: str) -> Any:
        base = alt.Chart(table).mark_area(color=colour, opacity=0.35, clip=True, line={"color": colour})
        return base.encode(x=x, y=edge(high, title), y2=alt.Y2(f"{low}:Q"))

    def line(name: str, title: str) -> Any:
        return alt.Chart(table).mark_line(color=_INK, strokeWidth=2, clip=True).encode(x=x, y=edge(name, title))

    def level(value: float, name: str) -> list[Any]:
        data = pd.DataFrame({"y": [min(value, top)], "text": [f"{name} {value:.3g}{' ↑' if value > top else ''}"]})
        base = alt.Chart(data).encode(y="y:Q")
        rule = base.mark_rule(strokeDash=_LEVELS[name], color=_INK, opacity=0.0 if value > top else 1.0)
        words = base.mark_text(align="right", dy=12 if value > top else -7, fontSize=11)
        return [rule, words.encode(x=alt.value(width - 3), text="text:N")]

    def name_of(low: Any, high: Any, place: float, text: str) -> list[Any]:
        """Word in an area, where there is height for it."""
        i = int(place * (len(depth) - 1))
        ends = float(np.minimum(low, top)[i]), float(np.minimum(high, top)[i])
        if ends[1] - ends[0] < 0.08 * top:
            return []
        data = pd.DataFrame({"depth": [depth[i]], "y": [sum(ends) / 2], "text": [text]})
        return [alt.Chart(data).mark_text(fontSize=11).encode(x="depth:Q", y="y:Q", text="text:N")]

    def at(c: float, height_there: float, name: str) -> list[Any]:
        if not first <= c <= last:
            return []
        data = pd.DataFrame({"depth": [c], "y": [height_there], "text": [f"{name} = {c:.3g}"]})
        base = alt.Chart(data).encode(x="depth:Q")
        return [
            base.mark_rule(color=_INK, strokeWidth=1, strokeDash=[2, 2]),
            base.mark_point(filled=True, color=_INK, size=70, opacity=1, clip=True).encode(y="y:Q"),
            base.mark_text(dy=-6, fontSize=12, fontWeight="bold").encode(y=alt.value(0), text="text:N"),
        ]

    split = alt.layer(
        area("zero", "floor", _FLOOR, "risk"),
        area("floor", "risk", _REDUCIBLE, "risk"),
        line("risk", "risk"),
        *level(widget.tolerance, "tolerance"),
        *name_of(0 * floor, floor, 0.85, "floor"),
        *name_of(floor, risk, 0.1, "reducible"),
        *at(widget.tolerance_depth, widget.tolerance, "c_τ"),
    ).properties(
        width=width,
        height=height,
        title=alt.TitleParams("Risk", subtitle="floor L_int and reducible K c^-α", anchor="start", dy=-8),
    )
    verdict = "probing pays" if widget.probing_pays else "probing does not pay"
    valley = alt.layer(
        area("zero", "floor", _FLOOR, "risk and price"),
        area("floor", "risk", _REDUCIBLE, "risk and price"),
        area("risk", "total", _PRICE, "risk and price"),
        line("total", "risk and price"),
        *level(widget.static_risk, "without a probe"),
        *name_of(0 * floor, floor, 0.85, "floor"),
        *name_of(floor, risk, 0.1, "reducible"),
        *name_of(risk, total, 0.85, "price"),
        *at(widget.optimal_depth, bottom, "c*"),
    ).properties(
        width=width,
        height=height,
        title=alt.TitleParams("Total cost", subtitle=f"with the price γ C(c); {verdict}", anchor="start", dy=-8),
    )
    return alt.hconcat(split, valley)
