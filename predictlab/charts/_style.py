"""What the charts share: colours, axes, and the layers that several of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab._validation import option
from predictlab.phase import DYNAMIC_CRITICAL, NOISE_DOMINANT, STATIC_SUFFICIENT, UNDETERMINED
from predictlab.risk import RiskCurve

LINE, ACCENT, INK, MUTED = "#0065A3", "#C65300", "#222222", "#8a8a8a"
REGIMES = {  # colour-blind readers tell the colours apart, and the shapes say the same a second time
    STATIC_SUFFICIENT: ("#00795A", "circle"),
    DYNAMIC_CRITICAL: (ACCENT, "triangle-up"),
    NOISE_DOMINANT: (LINE, "square"),
    UNDETERMINED: ("#777777", "diamond"),
}
WORDS = 11  # font size, px
BAND = 0.22  # opacity
_FITTED, _BURN_IN = "fitted", "burn-in, not fitted"


def title(text: str, subtitle: str | list[str] = "") -> alt.TitleParams:
    """Title at the left; `subtitle` is the line below, or the lines."""
    return alt.TitleParams(text, subtitle=subtitle, anchor="start")


def scale_of(values: ArrayLike, name: str = "log", pad: float = 1.15) -> alt.Scale:
    """Scale that holds all finite values, those > 0 where it is logarithmic."""
    v = np.asarray(values, dtype=float)
    v = v[np.isfinite(v) & (v > 0)]
    if option("scale", name, ("log", "linear")) == "log":
        return alt.Scale(type="log", domain=[float(v.min() / pad), float(v.max() * pad)], nice=False)
    return alt.Scale(domain=[0, float(v.max() * 1.05)], nice=False)


def x_axis(field: str, title: str, scale: alt.Scale, label: str = "~g") -> alt.X:
    """Horizontal axis without lines across the picture."""
    return alt.X(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(format=label, tickCount=6, grid=False))


def depth_axis(depths: ArrayLike, scale: str | alt.Scale = "log") -> alt.X:
    """Axis of depths, steps, with a tick at each of `depths`."""
    ticks = [int(c) if float(c).is_integer() else float(c) for c in np.asarray(depths, dtype=float)]
    axis = alt.Axis(values=ticks, labelExpr="datum.value", grid=False, labelOverlap="greedy")
    chosen = scale_of(depths, scale) if isinstance(scale, str) else scale
    return alt.X("depth:Q", title="depth c (steps)", scale=chosen, axis=axis)


def risk_axis(field: str, scale: alt.Scale, metric: str, what: str = "risk") -> alt.Y:
    """Axis of risks, metric²."""
    label = "~g" if scale.domain[1] >= 1e-2 else ".1~e"
    axis = alt.Axis(format=label, labelExpr="datum.value ? datum.label : 0", tickCount=5, gridOpacity=0.4)
    return alt.Y(f"{field}:Q", title=f"{what} ({metric or 'metric'}²)", scale=scale, axis=axis)


def numbers(*fields: str) -> list[alt.Tooltip]:
    """Tooltips of numbers, rounded."""
    return [alt.Tooltip(f"{field}:Q", format=".3~g") for field in fields]


def kinds(field: str, looks: Mapping[str, tuple[str, str]], legend: alt.Legend | None) -> tuple[alt.Color, alt.Shape]:
    """Colours and shapes for the names in the column `field`."""
    colours, shapes = (alt.Scale(domain=list(looks), range=list(r)) for r in zip(*looks.values(), strict=True))
    name = f"{field}:N"
    return alt.Color(name, scale=colours, legend=legend), alt.Shape(name, scale=shapes, legend=legend)


def level(
    y: float, text: str, x: int, align: Literal["left", "right"] = "left", colour: str = INK, opacity: float = 1.0
) -> list[alt.Chart]:
    """Line across the picture at the height `y`, with its name beside `x` px."""
    base = alt.Chart(pd.DataFrame({"y": [y], "text": [text]})).encode(y="y:Q")
    words = base.mark_text(align=align, dy=-6, fontSize=WORDS, color=INK).encode(x=alt.value(x), text="text:N")
    return [base.mark_rule(color=colour, strokeDash=[7, 4], opacity=opacity), words]


def upright(x: float, text: str, colour: str = INK) -> list[alt.Chart]:
    """Line from top to bottom at the depth `x`, with its name at the top."""
    at = alt.Chart(pd.DataFrame({"depth": [x], "text": [text]})).encode(x="depth:Q")
    words = at.mark_text(align="left", dx=3, fontSize=WORDS, color=colour).encode(y=alt.value(8), text="text:N")
    return [at.mark_rule(strokeDash=[2, 3], color=colour), words]


def banded(base: alt.Chart, line: alt.Y, lower: alt.Y, upper: str, thickness: float = 2) -> list[alt.Chart]:
    """A line, and the band from `lower` to the column `upper` around it."""
    band = base.mark_area(color=LINE, opacity=BAND, clip=True).encode(y=lower, y2=f"{upper}:Q")
    return [band, base.mark_line(color=LINE, strokeWidth=thickness, clip=True).encode(y=line)]


def points_of(curve: RiskCurve, first: float, confidence: float) -> pd.DataFrame:
    """The curve's table, with the column ``part``: what lies before the depth `first` is burn-in."""
    table = curve.frame(confidence)
    return table.assign(part=np.where(table["depth"] < first, _BURN_IN, _FITTED))


_SIZES = [15, 130]  # px², of points that say nothing and most


def measured(table: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Estimates with their intervals; the burn-in in grey, with a legend if there is any.

    Where the table has a column ``influence`` points are the larger the more they say.
    """
    legend = alt.Legend(title=None, orient="top") if (table["part"] == _BURN_IN).any() else None
    colour, shape = kinds("part", {_FITTED: (INK, "circle"), _BURN_IN: (MUTED, "triangle-down")}, legend)
    base = alt.Chart(table).encode(x=x, color=colour)
    points = base.mark_point(filled=True, size=45, opacity=1).encode(y="risk:Q", shape=shape)
    rules = base.mark_rule(strokeWidth=1.5).encode(y=y, y2="upper:Q")
    told = ["depth", "risk", "lower", "upper", "sd", "df"]
    if "influence" in table:
        size = alt.Scale(domain=[0, max(float(table["influence"].max()), 1e-9)], range=_SIZES)
        points, told = points.encode(size=alt.Size("influence:Q", scale=size, legend=None)), [*told, "influence"]
    return [rules, points.encode(tooltip=numbers(*told))]


def layered(layers: Sequence[alt.Chart], heading: alt.TitleParams, width: int, height: int) -> alt.LayerChart:
    """The layers as one chart, pixels."""
    return alt.LayerChart(layer=list(layers), width=width, height=height, title=heading)
