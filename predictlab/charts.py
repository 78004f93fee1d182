"""Altair charts of every result, and a renderer that needs no network.

The renderer gives ``application/vnd.vegalite.v5+json``, which JupyterLab draws by itself, beside ``image/png``, which
shows where no front end draws (GitHub, nbconvert). It is switched on when this module is first used, unless another
renderer was chosen before.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from predictlab.budget import checked_fits
from predictlab.decay.results import DecayResults
from predictlab.phase import (
    DYNAMIC_CRITICAL,
    NOISE_DOMINANT,
    STATIC_SUFFICIENT,
    UNDETERMINED,
    classify,
    theory_boundary,
)
from predictlab.risk import RiskCurve

# told apart by colour-blind readers, the widget's hues; shapes say the same a second time
COLOURS = {
    STATIC_SUFFICIENT: "#00795A",
    DYNAMIC_CRITICAL: "#C65300",
    NOISE_DOMINANT: "#0065A3",
    UNDETERMINED: "#777777",
}
SHAPES = {
    STATIC_SUFFICIENT: "circle",
    DYNAMIC_CRITICAL: "triangle-up",
    NOISE_DOMINANT: "square",
    UNDETERMINED: "diamond",
}
_PNG_SCALE = 1.5
_LINE, _MUTED, _RULE = "#0072B2", "#9a9a9a", "#444444"


def png(chart: Any, scale: float = _PNG_SCALE) -> bytes:
    """The chart as PNG, drawn without a browser or network."""
    import vl_convert

    return squeezed(vl_convert.vegalite_to_png(chart.to_dict() if hasattr(chart, "to_dict") else chart, scale=scale))


def squeezed(png: bytes) -> bytes:
    """The same picture in fewer bytes: its rows as they are, compressed harder."""
    start, chunks = 8, []
    while start < len(png):
        (size,) = struct.unpack(">I", png[start : start + 4])
        chunks.append((png[start + 4 : start + 8], png[start + 8 : start + 8 + size]))
        start += size + 12
    rows = zlib.compress(zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT")), 9)
    first = next(i for i, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    chunks = [chunk for chunk in chunks if chunk[0] != b"IDAT"]
    chunks.insert(first, (b"IDAT", rows))
    return png[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def svg(chart: Any) -> str:
    """The chart as SVG text, for pages that must be readable offline."""
    import vl_convert

    return vl_convert.vegalite_to_svg(chart.to_dict())


def _render(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    import base64

    return {
        "application/vnd.vegalite.v5+json": {**spec, "$schema": "https://vega.github.io/schema/vega-lite/v5.json"},
        "image/png": base64.b64encode(png(spec)).decode(),
        "text/plain": "<altair chart>",
    }


def enable() -> None:
    """Show charts with the offline renderer of this module."""
    alt.renderers.register("predictlab", _render)
    alt.renderers.enable("predictlab")


if alt.renderers.active == "default":
    enable()


def _log(values: Any, pad: float = 1.25) -> alt.Scale:
    v = np.asarray(values, dtype=float)
    v = v[np.isfinite(v) & (v > 0)]
    return alt.Scale(type="log", domain=[float(v.min() / pad), float(v.max() * pad)], nice=False)


def _depth_axis(depths: Any, pad: float = 1.15) -> alt.X:
    ticks = [int(c) if float(c).is_integer() else float(c) for c in np.asarray(depths)]
    axis = alt.Axis(values=ticks, format="~g", grid=False, labelOverlap=True)
    return alt.X("depth:Q", title="depth c (steps)", scale=_log(depths, pad), axis=axis)


def _risk_axis(values: Any, metric: str, field: str = "risk") -> alt.Y:
    axis = alt.Axis(format=".0e", tickCount=5, gridOpacity=0.4)
    return alt.Y(f"{field}:Q", title=f"risk ({metric or 'metric'}²)", scale=_log(values), axis=axis)


def _points(curve: RiskCurve, first: float) -> pd.DataFrame:
    table = curve.frame()
    table["part"] = np.where(table["depth"] < first, "burn-in, not fitted", "fitted")
    return table


def _measured(table: pd.DataFrame, y: alt.Y, x: alt.X) -> Any:
    colour = alt.Color(
        "part:N",
        scale=alt.Scale(domain=["fitted", "burn-in, not fitted"], range=[_RULE, _MUTED]),
        legend=alt.Legend(title=None, orient="top") if (table["part"] != "fitted").any() else None,
    )
    base = alt.Chart(table).encode(x=x, color=colour)
    return alt.layer(
        base.mark_rule(strokeWidth=1.5).encode(y=y, y2="upper:Q"),
        base.mark_point(filled=True, size=45, opacity=1).encode(
            y="risk:Q",
            shape=alt.Shape(
                "part:N",
                scale=alt.Scale(domain=["fitted", "burn-in, not fitted"], range=["circle", "triangle-down"]),
                legend=None,
            ),
            tooltip=["depth:Q", alt.Tooltip("risk:Q", format=".3g"), alt.Tooltip("sd:Q", format=".3g"), "df:Q"],
        ),
    )


def risk_curve_chart(curve: RiskCurve, width: int = 320, height: int = 220) -> Any:
    """Estimates with their 95 % chi² intervals, both axes logarithmic."""
    table = _points(curve, 0.0)
    y = _risk_axis([*table["lower"], *table["upper"]], curve.metric, "lower")
    title = alt.TitleParams(curve.task or "risk curve", subtitle=f"{curve.estimator}, {curve.question}", anchor="start")
    return _measured(table, y, _depth_axis(table["depth"])).properties(width=width, height=height, title=title)


def decay_chart(
    fit: DecayResults, tolerance: float | None = None, budget: float | None = None, width: int = 320, height: int = 220
) -> Any:
    """Measured risk with intervals, the fitted law with its 95 % band, and what was left out as burn-in."""
    first, last = (float(np.asarray(fit.fitted.depth)[i]) for i in (0, -1))
    table = _points(fit.curve, first)
    grid = np.geomspace(first, last, 60)
    band = fit.summary_frame(grid)
    extent = [*table["lower"], *table["upper"], *([tolerance] if tolerance else [])]
    x, y = _depth_axis(np.asarray(fit.curve.depth)), _risk_axis(extent, fit.curve.metric, "lower")
    band_low = alt.Y("mean_ci_lower:Q", scale=_log(extent))
    low = float(np.min(extent)) / 1.25
    band["mean_ci_lower"] = np.maximum(band["mean_ci_lower"], low)
    line = alt.Chart(band).encode(x=x)
    layers: list[Any] = [
        line.mark_area(opacity=0.22, color=_LINE, clip=True).encode(y=band_low, y2="mean_ci_upper:Q"),
        line.mark_line(color=_LINE, strokeWidth=2, clip=True).encode(y="mean:Q"),
        _measured(table, y, x),
    ]
    if tolerance:
        layers.append(
            alt.Chart(pd.DataFrame({"risk": [tolerance]})).mark_rule(strokeDash=[5, 4], color=_RULE).encode(y="risk:Q")
        )
    if budget:
        layers.append(
            alt.Chart(pd.DataFrame({"depth": [budget]})).mark_rule(strokeDash=[2, 3], color=_RULE).encode(x="depth:Q")
        )
    lower, upper = fit.conf_int().loc["decay_rate"]
    if fit.identified:
        rate = f"alpha {fit.params['decay_rate']:.2g} [{lower:.2g}, {upper:.2g}]"
    else:
        rate = f"alpha in [{lower:.2g}, {'unbounded' if np.isinf(upper) else format(upper, '.2g')}]: not identified"
    title = alt.TitleParams(fit.task or "decay fit", subtitle=rate, anchor="start")
    return alt.layer(*layers).properties(width=width, height=height, title=title)


def _encodings() -> dict[str, Any]:
    domain = list(COLOURS)
    legend = alt.Legend(title=None, orient="bottom", symbolSize=90)
    return {
        "color": alt.Color("regime:N", scale=alt.Scale(domain=domain, range=list(COLOURS.values())), legend=legend),
        "shape": alt.Shape("regime:N", scale=alt.Scale(domain=domain, range=list(SHAPES.values())), legend=legend),
    }


def phase_diagram(
    fits: Mapping[str, DecayResults],
    tolerance: float,
    budget: float,
    selected: str | None = None,
    confidence: float = 0.9,
    width: int = 330,
    height: int = 290,
    extrapolate: bool = False,
) -> Any:
    """Both planes of THEORY 5 side by side, points at the medians of the fits' draws with 95 % intervals.

    Parameters
    ----------
    fits : mapping of str to DecayResults
    tolerance : float
        ``tau``, metric².
    budget : float
        ``B``, steps.
    selected : str, optional
        Task whose `K` draws the boundary of the theory plane; default: the median `K` of all tasks.
    extrapolate : bool
        As for `pl.classify`.
    """
    fits = checked_fits(fits)
    table = classify(
        fits, tolerance=tolerance, budget=budget, confidence=confidence, extrapolate=extrapolate, advise=False
    )
    for name in ("x", "x_lower", "x_upper", "y", "y_lower", "y_upper"):
        table[name] = table[name].clip(lower=1e-3)  # what is a thousandth of the tolerance stands at the edge
    top_x, top_y = max(3.0, table["x_upper"].max() * 1.3), max(3.0, min(table["y_upper"].max() * 1.3, 1e4))
    return alt.hconcat(
        _budget_plane(table, top_x, top_y, budget).properties(width=width, height=height),
        _theory_plane(table, top_x, tolerance, budget, selected).properties(width=width, height=height),
    ).resolve_scale(color="shared", shape="shared")


def _tasks(table: pd.DataFrame, x: alt.X, y: alt.Y, span: tuple[str, str], labels: tuple[str, str]) -> list[Any]:
    encodings = _encodings()
    base = alt.Chart(table)
    rule = base.mark_rule(opacity=0.55, clip=True)
    tooltip = ["task:N", "regime:N", *(alt.Tooltip(f"p_{r}:Q", format=".2f") for r in
               ("static_sufficient", "dynamic_critical", "noise_dominant"))]  # fmt: skip
    return [
        rule.encode(x=x, y=alt.Y(f"{span[0]}:Q"), y2=f"{span[1]}:Q", color=encodings["color"]),
        rule.encode(x=alt.X("x_lower:Q"), x2="x_upper:Q", y=y, color=encodings["color"]),
        base.mark_point(filled=True, size=110, opacity=1, clip=True).encode(x=x, y=y, tooltip=tooltip, **encodings),
        base.mark_text(align="left", dx=8, dy=-8, fontSize=11).encode(x=x, y=y, text="task:N"),
        alt.Chart(pd.DataFrame({"text": [labels[0]]})).mark_text(align="left", color=_MUTED, fontSize=11).encode(
            x=alt.value(6), y=alt.value(12), text="text:N"),
        alt.Chart(pd.DataFrame({"text": [labels[1]]})).mark_text(align="left", color=_MUTED, fontSize=11).encode(
            x=alt.value(6), y=alt.value(278), text="text:N"),
    ]  # fmt: skip


def _budget_plane(table: pd.DataFrame, top_x: float, top_y: float, budget: float) -> Any:
    axis = alt.Axis(format="~g", tickCount=5, gridOpacity=0.3)
    x = alt.X("x:Q", title="floor L_int / tolerance", scale=alt.Scale(type="log", domain=[1e-3, top_x]), axis=axis)
    y = alt.Y(
        "y:Q",
        title=f"V_opt({budget:g} steps) / tolerance",
        scale=alt.Scale(type="log", domain=[1e-3, top_y]),
        axis=axis,
    )
    edge = np.append(np.geomspace(1e-3, 0.99, 60), 1 - np.geomspace(0.01, 1e-3, 20))
    border = (
        alt.Chart(pd.DataFrame({"x": edge, "y": 1 - edge})).mark_line(color=_RULE, clip=True).encode(x="x:Q", y="y:Q")
    )
    wall = alt.Chart(pd.DataFrame({"x": [1.0]})).mark_rule(color=_RULE).encode(x="x:Q")
    noise = alt.Chart(pd.DataFrame({"x": [1.0], "text": ["Noise-Dominant →"]})).mark_text(
        align="left", dy=-8, color=_MUTED, angle=90, fontSize=11
    ).encode(x="x:Q", y=alt.value(20), text="text:N")  # fmt: skip
    tasks = _tasks(table, x, y, ("y_lower", "y_upper"), ("Dynamic-Critical", "Static-Sufficient"))
    title = alt.TitleParams("Budget plane", subtitle="a larger budget moves tasks straight down", anchor="start")
    return alt.layer(*tasks, border, wall, noise, title=title)


def _theory_plane(table: pd.DataFrame, top_x: float, tolerance: float, budget: float, selected: str | None) -> Any:
    axis = alt.Axis(format="~g", tickCount=5, gridOpacity=0.3)
    top = float(np.clip(table["alpha_upper"].max() * 1.15, 1.0, 10.0))
    x = alt.X("x:Q", title="floor L_int / tolerance", scale=alt.Scale(type="log", domain=[1e-3, top_x]), axis=axis)
    y = alt.Y(
        "alpha:Q",
        title="decay rate alpha",
        scale=alt.Scale(domain=[0, top]),
        axis=alt.Axis(format=".1~f", gridOpacity=0.3),
    )
    scales = table.set_index("task")["scale"]
    scale = float(scales[selected]) if selected in scales.index else float(scales.median())
    whose = f"K of {selected}" if selected in scales.index else "median K"
    edge = np.append(np.geomspace(1e-3, 0.99, 80), 1 - np.geomspace(0.01, 1e-4, 20))
    boundary = theory_boundary(edge * tolerance, scale, tolerance, budget)
    border = (
        alt.Chart(pd.DataFrame({"x": edge, "alpha": boundary}))
        .mark_line(color=_RULE, clip=True)
        .encode(x="x:Q", y="alpha:Q")
    )
    wall = alt.Chart(pd.DataFrame({"x": [1.0]})).mark_rule(color=_RULE).encode(x="x:Q")
    tasks = _tasks(table, x, y, ("alpha_lower", "alpha_upper"), ("Static-Sufficient", "Dynamic-Critical"))
    title = alt.TitleParams("Theory plane", subtitle=f"boundary at {budget:g} steps for the {whose}", anchor="start")
    return alt.layer(*tasks, border, wall, title=title)
