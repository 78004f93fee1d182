"""Static altair picture of `DecayExplorer`: the fit, the profile of alpha, the residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pandas as pd

from predictlab import charts  # its offline renderer too

if TYPE_CHECKING:
    from predictlab_widgets.decay_explorer import DecayExplorer

_LINE = charts.COLOURS["Noise-Dominant"]
_INK, _MUTED = "#222222", "#8a8a8a"
_SIDE = 250


def explorer_chart(widget: DecayExplorer, width: int = 400, height: int = 290) -> Any:
    """Three pictures of the widget's state.

    Parameters
    ----------
    widget : DecayExplorer
    width, height : int
        Of the picture of the fit, pixels; the other two stand beside it.
    """
    half = (height - 70) // 2
    return alt.hconcat(_fit(widget, width, height), alt.vconcat(_profile(widget, half), _residuals(widget, half)))


def _scale(widget: DecayExplorer, values: Any) -> alt.Scale:
    v = np.asarray(values, dtype=float)
    if widget.scale == "log":
        v = v[v > 0]
        return alt.Scale(type="log", domain=[float(v.min() / 1.15), float(v.max() * 1.15)], nice=False)
    return alt.Scale(domain=[0, float(v.max() * 1.05)], nice=False)


def _depth(widget: DecayExplorer) -> alt.X:
    scale = _scale(widget, widget.curve.depth)
    return alt.X("depth:Q", title="depth c (steps)", scale=scale, axis=alt.Axis(format="~g", grid=False, tickCount=6))


def _fit(widget: DecayExplorer, width: int, height: int) -> Any:
    fit = widget.fit
    depth = fit.fitted.depth
    points = fit.curve.frame()
    points["part"] = np.where(points["depth"] < depth[0], "burn-in, not fitted", "fitted")
    band = fit.summary_frame(np.geomspace(depth[0], depth[-1], 80))
    scale = _scale(widget, [*points["lower"], *points["upper"]])
    low, high = scale.domain
    for name in ("mean_ci_lower", "mean_ci_upper"):
        band[name] = band[name].clip(low / 2, high * 2)
    x = _depth(widget)
    axis = alt.Axis(format=".1~e" if high < 1e-2 else "~g", tickCount=5, gridOpacity=0.4)
    title = f"risk ({fit.curve.metric or 'metric'}²)"

    def y(name: str) -> alt.Y:
        return alt.Y(f"{name}:Q", title=title, scale=scale, axis=axis)

    law = alt.Chart(band).encode(x=x)
    parts = ["fitted", "burn-in, not fitted"]
    legend = alt.Legend(title=None, orient="top") if len(depth) < len(points) else None
    colour = alt.Color("part:N", scale=alt.Scale(domain=parts, range=[_INK, _MUTED]), legend=legend)
    shape = alt.Shape("part:N", scale=alt.Scale(domain=parts, range=["circle", "triangle-down"]), legend=legend)
    measured = alt.Chart(points).encode(x=x, color=colour)
    layers = [
        law.mark_area(color=_LINE, opacity=0.22, clip=True).encode(y=y("mean_ci_lower"), y2="mean_ci_upper:Q"),
        law.mark_line(color=_LINE, strokeWidth=2.5, clip=True).encode(y=y("mean")),
        measured.mark_rule(strokeWidth=1.5).encode(y=y("lower"), y2="upper:Q"),
        measured.mark_point(filled=True, size=45, opacity=1).encode(y=y("risk"), shape=shape),
    ]
    floor = float(fit.params["intrinsic_limit"])
    if low < floor < high:
        rule = alt.Chart(pd.DataFrame({"floor": [floor]})).mark_rule(strokeDash=[7, 4], color=_MUTED)
        layers.append(rule.encode(y="floor:Q"))
    lower, upper = widget.conf_int["decay_rate"]
    top = "unbounded" if np.isinf(upper) else f"{upper:.3g}"
    rate = f"α = {widget.params['decay_rate']:.3g} [{lower:.3g}, {top}], {widget.method}, {widget.interval}"
    heading = alt.TitleParams(f"{widget.task}: {widget.estimator}", subtitle=rate, anchor="start", dy=-6)
    return alt.layer(*layers).properties(width=width, height=height, title=heading)


def _profile(widget: DecayExplorer, height: int) -> Any:
    from predictlab_widgets.decay_explorer import profile_of

    found = profile_of(widget.fit)
    cut, estimate = found.pop("cut"), widget.params["decay_rate"]
    table = pd.DataFrame(found)
    near = table.loc[table["excess"] <= 3 * cut, "rate"]
    ends = [near.min(), near.max(), *([estimate] if estimate > 0 else [])]
    x = alt.X(
        "rate:Q",
        title="decay rate α",
        scale=alt.Scale(type="log", domain=[min(ends) / 1.05, max(ends) * 1.05], nice=False),
        axis=alt.Axis(format="~g", grid=False, tickCount=5),
    )
    y = alt.Y("excess:Q", title="deviance", scale=alt.Scale(domain=[0, 3 * cut]), axis=alt.Axis(tickCount=4))
    layers = [
        alt.Chart(table).mark_line(color=_LINE, strokeWidth=2, clip=True).encode(x=x, y=y),
        alt.Chart(pd.DataFrame({"excess": [cut]})).mark_rule(strokeDash=[7, 4]).encode(y="excess:Q"),
    ]
    if estimate > 0:
        rule = alt.Chart(pd.DataFrame({"rate": [estimate]})).mark_rule(strokeDash=[2, 3])
        layers.append(rule.encode(x="rate:Q"))
    heading = alt.TitleParams("Profile of α, 95 % cut", anchor="start", fontSize=12)
    return alt.layer(*layers).properties(width=_SIDE, height=height, title=heading)


def _residuals(widget: DecayExplorer, height: int) -> Any:
    table = widget.fit.residuals.assign(zero=0.0)
    most = max(2.6, float(table["residual"].abs().max()) * 1.1)
    y = alt.Y("residual:Q", title="residual (sd)", scale=alt.Scale(domain=[-most, most]), axis=alt.Axis(tickCount=5))
    base = alt.Chart(table).encode(x=_depth(widget))
    lines = alt.Chart(pd.DataFrame({"residual": [-2.0, 2.0]})).mark_rule(strokeDash=[7, 4], color=_MUTED)
    heading = alt.TitleParams("Residuals", anchor="start", fontSize=12)
    return alt.layer(
        lines.encode(y="residual:Q"),
        base.mark_rule().encode(y=y, y2="zero:Q"),
        base.mark_point(filled=True, color=_INK, size=40, opacity=1).encode(y=y),
    ).properties(width=_SIDE, height=height, title=heading)
