"""Altair charts of every result, and a renderer that needs no network.

The renderer gives ``application/vnd.vegalite.v5+json``, which JupyterLab draws by itself, beside ``image/png``, which
shows where no front end draws (GitHub, nbconvert). It is switched on when this module is first used, unless another
renderer was chosen before.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from predictlab.budget import checked_fits
from predictlab.charts._labels import leaders, place_labels, text_size
from predictlab.decay import DecayResults
from predictlab.errors import bad_argument
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
    first, last = (float(fit.fitted.depth[i]) for i in (0, -1))
    table = _points(fit.curve, first)
    grid = np.geomspace(first, last, 60)
    band = fit.summary_frame(grid)
    extent = [*table["lower"], *table["upper"], *([tolerance] if tolerance else [])]
    x, y = _depth_axis(fit.curve.depth), _risk_axis(extent, fit.curve.metric, "lower")
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


_ENDS = ("end inside its interval", "end outside")


def forecast_chart(forecasts: pd.DataFrame, width: int = 480, height: int = 240) -> Any:
    """Forecasts of runs with their intervals, sorted, and where the runs ended as far as that is known.

    Parameters
    ----------
    forecasts : pandas.DataFrame
        What `pl.forecast` returned; runs without a forecast are left out.
    width, height : int
        Pixels.
    """
    if "at_depth" not in forecasts.attrs:
        raise bad_argument(
            "forecasts", f"a table with columns {', '.join(map(str, forecasts.columns))}", "what pl.forecast returned",
            "Merging or concatenating loses its attrs: pass the table itself, or rows of it.",
        )  # fmt: skip
    table = forecasts[forecasts["prediction"].notna()].sort_values("prediction", kind="stable")
    bounded = np.isfinite(table["upper"] - table["lower"])
    table = table.replace([np.inf, -np.inf], np.nan).assign(place=np.arange(1, len(table) + 1))
    end = table["final"]
    missed = (end < table["lower"]) | (end > table["upper"])
    table["end"] = np.where(missed, _ENDS[1], _ENDS[0])
    metric, level = forecasts.attrs["metric"], forecasts.attrs["level"]
    room = alt.Scale(domain=[0.4, len(table) + 0.6], nice=False)
    x = alt.X("place:Q", title="run, by its forecast", scale=room, axis=alt.Axis(labels=False, ticks=False, grid=False))
    y = alt.Y("prediction:Q", title=metric, scale=alt.Scale(zero=False), axis=alt.Axis(gridOpacity=0.4))
    tip = ["task", "run", "prediction", "lower", "upper", "final", "note"]
    base = alt.Chart(table).encode(x=x, tooltip=[c for c in tip if c in table.columns])
    bars = base.mark_rule(color=_LINE, opacity=0.45, strokeWidth=3).encode(
        y=alt.Y("lower:Q", title=metric), y2="upper:Q"
    )
    marks = base.mark_tick(color=_RULE, thickness=2, width=9, orient="horizontal").encode(y=y)
    scale = alt.Scale(domain=list(_ENDS), range=["black", COLOURS[DYNAMIC_CRITICAL]])
    ends = base.transform_filter("isValid(datum.final)").mark_point(filled=True, size=26, opacity=1).encode(
        y="final:Q",
        color=alt.Color("end:N", scale=scale, legend=alt.Legend(title=None, orient="top")),
        shape=alt.Shape("end:N", scale=alt.Scale(domain=list(_ENDS), range=["circle", "diamond"])),
    )  # fmt: skip
    threshold = forecasts.attrs.get("threshold")
    line = [] if threshold is None else [
        alt.Chart(pd.DataFrame({"y": [threshold]})).mark_rule(color=_RULE, strokeDash=[4, 3]).encode(y="y:Q")
    ]  # fmt: skip
    known = int((end.notna() & bounded).sum())
    held = f"; {known - int(missed.sum())} of {known} known ends lie inside" if known else ""
    held += "" if bounded.all() else f"; {int((~bounded).sum())} unbounded, not drawn"
    head, line_below = f"Forecasts at {forecasts.attrs['at_depth']:g} steps", f"{100 * level:g} % intervals{held}"
    title = alt.TitleParams(head, subtitle=line_below, anchor="start")
    return alt.layer(*line, bars, marks, ends, title=title).properties(width=width, height=height)


def _encodings() -> dict[str, Any]:
    domain = list(COLOURS)
    legend = alt.Legend(title=None, orient="bottom", symbolSize=90, symbolOpacity=1)
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
        _budget_plane(table, top_x, top_y, budget, (width, height)),
        _theory_plane(table, top_x, tolerance, budget, selected, (width, height)),
    ).resolve_scale(color="shared", shape="shared")


@dataclass(frozen=True)
class _Frame:
    """A plane's axes: pixels from values and back, for what has to be placed in pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    size: tuple[int, int]
    log_y: bool

    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self._scaled(np.array([self.x, self.y])).T
        return low, high

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        """Rows x and y on the scales that are linear in pixels."""
        return np.stack([np.log(values[0]), np.log(values[1]) if self.log_y else values[1]])

    def pixels(self, x: Any, y: Any) -> np.ndarray:
        """Pixels (n, 2), y down; what lies beyond an end stands at it."""
        low, high = self._ends()
        values = np.stack([np.clip(x, *self.x), np.clip(y, *self.y)])
        share = (self._scaled(values).T - low) / (high - low)
        return np.column_stack([share[:, 0], 1 - share[:, 1]]) * np.array(self.size)

    def values(self, pixels: np.ndarray) -> np.ndarray:
        """Values (n, 2) at pixels (n, 2)."""
        low, high = self._ends()
        share = pixels / np.array(self.size)
        scaled = low + np.column_stack([share[:, 0], 1 - share[:, 1]]) * (high - low)
        return np.column_stack([np.exp(scaled[:, 0]), np.exp(scaled[:, 1]) if self.log_y else scaled[:, 1]])


_WORDS = 11  # font size, px
_WALL = "Noise-Dominant →"


def phase_labels(table: pd.DataFrame, frame: _Frame, y: str, edge: pd.DataFrame, words: tuple[str, str]) -> Any:
    """Where the name of each task goes on a plane, px, (n, 4): off points, words, intervals and the border.

    Parameters
    ----------
    table : pandas.DataFrame
        ``task``, ``x``, the column named `y`, each with ``_lower`` and ``_upper``.
    frame : _Frame
    y : str
    edge : pandas.DataFrame
        The border, ``x`` and ``y``.
    words : (str, str)
        What stands in the upper and in the lower left corner.
    """
    width, height = frame.size
    points = frame.pixels(table["x"], table[y])
    ends = np.concatenate([frame.pixels(table[f"x_{end}"], table[f"{y}_{end}"]) for end in ("lower", "upper")], axis=1)
    flat = np.column_stack([ends[:, 0], points[:, 1] - 1, ends[:, 2], points[:, 1] + 1])
    upright = np.column_stack([points[:, 0] - 1, ends[:, 3], points[:, 0] + 1, ends[:, 1]])
    line = frame.pixels(edge["x"], edge["y"].fillna(frame.y[1]))
    border = np.concatenate([np.minimum(line[:-1], line[1:]) - 1, np.maximum(line[:-1], line[1:]) + 1], axis=1)
    wall = float(frame.pixels([1.0], [frame.y[0]])[0, 0])
    upper, lower = (text_size(word, _WORDS) for word in words)
    read = [
        (6.0, 12 - upper[1] / 2, 6 + upper[0], 12 + upper[1] / 2),
        (6.0, height - 12 - lower[1] / 2, 6 + lower[0], height - 12 + lower[1] / 2),
        (wall + 1, 20.0, wall + 15, 20 + text_size(_WALL, _WORDS)[0]),
    ]
    lines = np.concatenate([flat, upright, border])
    weights = np.repeat([0.05, 2.0], [len(lines), len(read)])  # a name on a line can be read, a name on words cannot
    sizes = [text_size(str(name), _WORDS) for name in table["task"]]
    return place_labels(points, sizes, (2, 2, width - 2, height - 2), np.concatenate([lines, read]), weights)


def _tasks(
    table: pd.DataFrame, frame: _Frame, axes: tuple[alt.X, alt.Y], y: str, edge: pd.DataFrame, words: tuple[str, str]
) -> list[Any]:
    encodings = _encodings()
    x_axis, y_axis = axes
    base = alt.Chart(table)
    rule = base.mark_rule(opacity=0.55, clip=True)
    tooltip = ["task:N", "regime:N", *(alt.Tooltip(f"p_{r}:Q", format=".2f") for r in
               ("static_sufficient", "dynamic_critical", "noise_dominant"))]  # fmt: skip
    rectangles = phase_labels(table, frame, y, edge, words)
    left = frame.values(np.column_stack([rectangles[:, 0], rectangles[:, [1, 3]].mean(axis=1)]))
    names = pd.DataFrame({"task": table["task"], "x": left[:, 0], y: left[:, 1]})
    lead = leaders(frame.pixels(table["x"], table[y]), rectangles)
    lead = lead[np.isfinite(lead).all(axis=1)]
    from_, to = frame.values(lead[:, :2]), frame.values(lead[:, 2:])
    lines = pd.DataFrame({"x": from_[:, 0], y: from_[:, 1], "to_x": to[:, 0], "to_y": to[:, 1]})
    corners = pd.DataFrame({"text": words, "at": [12, frame.size[1] - 12]})
    marks = [
        rule.encode(x=x_axis, y=alt.Y(f"{y}_lower:Q"), y2=f"{y}_upper:Q", color=encodings["color"]),
        rule.encode(x=alt.X("x_lower:Q"), x2="x_upper:Q", y=y_axis, color=encodings["color"]),
        base.mark_point(filled=True, size=110, opacity=1, clip=True).encode(
            x=x_axis, y=y_axis, tooltip=tooltip, **encodings),
        alt.Chart(lines).mark_rule(color=_RULE, strokeWidth=0.6).encode(x=x_axis, y=y_axis, x2="to_x:Q", y2="to_y:Q"),
        alt.Chart(names).mark_text(align="left", baseline="middle", fontSize=_WORDS).encode(
            x=x_axis, y=y_axis, text="task:N"),
    ]  # fmt: skip
    for i in corners.index:
        text = alt.Chart(corners.loc[[i]]).mark_text(align="left", color=_MUTED, fontSize=_WORDS)
        marks.append(text.encode(x=alt.value(6), y=alt.value(int(corners["at"][i])), text="text:N"))
    return marks


def _wall() -> list[Any]:
    at = pd.DataFrame({"x": [1.0], "text": [_WALL]})
    words = alt.Chart(at).mark_text(align="left", dy=-8, color=_MUTED, angle=90, fontSize=_WORDS)
    return [
        alt.Chart(at).mark_rule(color=_RULE).encode(x="x:Q"),
        words.encode(x="x:Q", y=alt.value(20), text="text:N"),
    ]


_GRID = alt.Axis(format="~g", tickCount=5, gridOpacity=0.3)


def _floor_axis(top: float) -> alt.X:
    scale = alt.Scale(type="log", domain=[1e-3, top], nice=False)
    return alt.X("x:Q", title="floor L_int / tolerance", scale=scale, axis=_GRID)


def _border(edge: pd.DataFrame, y: str) -> Any:
    line = edge.rename(columns={"y": y})
    return alt.Chart(line).mark_line(color=_RULE, clip=True).encode(x="x:Q", y=f"{y}:Q")


def _budget_plane(table: pd.DataFrame, top_x: float, top_y: float, budget: float, size: tuple[int, int]) -> Any:
    y = alt.Y(
        "y:Q",
        title=f"V_opt({budget:g} steps) / tolerance",
        scale=alt.Scale(type="log", domain=[1e-3, top_y], nice=False),
        axis=_GRID,
    )
    floor = np.append(np.geomspace(1e-3, 0.99, 60), 1 - np.geomspace(0.01, 1e-3, 20))
    edge = pd.DataFrame({"x": floor, "y": 1 - floor})
    frame = _Frame((1e-3, top_x), (1e-3, top_y), size, log_y=True)
    tasks = _tasks(table, frame, (_floor_axis(top_x), y), "y", edge, (DYNAMIC_CRITICAL, STATIC_SUFFICIENT))
    title = alt.TitleParams("Budget plane", subtitle="a larger budget moves tasks straight down", anchor="start")
    return alt.layer(_border(edge, "y"), *_wall(), *tasks, title=title).properties(width=size[0], height=size[1])


def _theory_plane(
    table: pd.DataFrame, top_x: float, tolerance: float, budget: float, selected: str | None, size: tuple[int, int]
) -> Any:
    top = float(np.clip(table["alpha_upper"].max() * 1.15, 1.0, 10.0))
    y = alt.Y(
        "alpha:Q",
        title="decay rate alpha",
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(format=".1~f", gridOpacity=0.3),
    )
    scales = table.set_index("task")["scale"]
    scale = float(scales[selected]) if selected in scales.index else float(scales.median())
    whose = f"K of {selected}" if selected in scales.index else "median K"
    floor = np.append(np.geomspace(1e-3, 0.99, 80), 1 - np.geomspace(0.01, 1e-4, 20))
    edge = pd.DataFrame({"x": floor, "y": theory_boundary(floor * tolerance, scale, tolerance, budget)})
    frame = _Frame((1e-3, top_x), (0.0, top), size, log_y=False)
    tasks = _tasks(table, frame, (_floor_axis(top_x), y), "alpha", edge, (STATIC_SUFFICIENT, DYNAMIC_CRITICAL))
    title = alt.TitleParams("Theory plane", subtitle=f"boundary at {budget:g} steps for the {whose}", anchor="start")
    return alt.layer(_border(edge, "alpha"), *_wall(), *tasks, title=title).properties(width=size[0], height=size[1])


__all__ = ["decay_chart", "enable", "forecast_chart", "phase_diagram", "png", "risk_curve_chart", "svg"]


def __dir__() -> list[str]:
    return list(__all__)
