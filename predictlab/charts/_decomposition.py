"""Risk and price over depth: where probing stops paying."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt
import numpy as np
import pandas as pd

from predictlab.budget import best_depth, crossing_depth
from predictlab.charts import _style as style
from predictlab.decay import law

_COLOURS = {"floor": style.MUTED, "reducible": style.LINE, "price": style.ACCENT}


def risk_decomposition_chart(
    params: Iterable[float],
    *,
    exchange_rate: float,
    tolerance: float,
    cost_per_step: float = 1.0,
    fixed_cost: float = 0.0,
    depths: tuple[float, float] = (1.0, 1e5),
    metric: str = "metric",
    tolerance_depth: float | None = None,
    static_risk: float | None = None,
    static_name: str = "",
    recipe_end: float | None = None,
    width: int = 330,
    height: int = 240,
) -> alt.HConcatChart:
    """The risk split into its floor and what probing can resolve; beside it the same with the price of probing on top.

    Parameters
    ----------
    params : iterable of float
        ``L_int`` (metric²), ``K`` (metric²·steps^alpha) and ``alpha`` of the decay law, such as ``fit.params``.
    exchange_rate : float
        ``gamma`` > 0, metric² per unit of cost.
    tolerance : float
        ``tau`` > 0, metric².
    cost_per_step, fixed_cost : float
        ``lambda`` > 0, cost per step, and ``C_s`` >= 0, cost.
    depths : pair of float
        Ends of the axis, steps. The first is where the law begins: the risk there is compared with, where none without
        a probe is given.
    metric : str
        For the axis.
    tolerance_depth : float, optional
        ``c_tau``, steps, as ``pl.depth_for_tolerance`` gives it; default that of the law.
    static_risk : float, optional
        Risk without a probe, metric².
    static_name : str
        What that is called; default where it comes from.
    recipe_end : float, optional
        The deepest depth that exists, steps.
    width, height : int
        Of each of the two plots, pixels.

    Returns
    -------
    altair.HConcatChart

    Examples
    --------
    >>> import predictlab as pl
    >>> chart = pl.charts.risk_decomposition_chart([1e-4, 0.01, 1.0], exchange_rate=1e-6, tolerance=3e-4)
    >>> chart.hconcat[1].title.subtitle
    'with the price γ C(c); probing pays'
    """
    limit, scale, rate = (float(value) for value in params)
    first, last = depths
    end = np.inf if recipe_end is None else recipe_end
    best = min(float(best_depth(scale, rate, exchange_rate * cost_per_step)), end)
    enough = float(crossing_depth(limit, scale, rate, tolerance)) if tolerance_depth is None else tolerance_depth
    # along the axis; then without a probe, at c*, and at the place of c* on the axis
    depth = np.array([*np.geomspace(first, last, 160), first, max(best, first), np.clip(best, first, last)])
    risk = np.asarray(law(depth, limit, scale, rate))
    price = exchange_rate * (fixed_cost + cost_per_step * depth)
    static, (at_best, bottom) = float(risk[-3]), (risk + price)[-2:].tolist()
    name = static_name or ("without a probe" if static_risk is not None else f"at {first:g} steps, the first depth")
    static = static if static_risk is None else static_risk
    top = 2.6 * bottom
    table = pd.DataFrame({"depth": depth, "floor": limit, "reducible": risk - limit, "price": price}).iloc[:-3]
    x = style.x_axis("depth", "depth c (steps)", alt.Scale(type="log", domain=[first, last], nice=False))
    legend = alt.Legend(title=None, orient="bottom", symbolType="square")
    colours = alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
    colour = alt.Color("part:N", scale=colours, legend=legend)

    def picture(
        parts: list[str], axis: str, line: tuple[float, str], mark: tuple[float, float, str], title: alt.TitleParams
    ) -> alt.LayerChart:
        def y(field: str) -> alt.Y:
            return style.risk_axis(field, alt.Scale(domain=[0, top]), metric, axis)

        stack = table.assign(sum=table[parts].sum(axis=1)).melt(["depth", "sum"], parts, var_name="part")
        stack["place"] = stack["part"].map(parts.index)
        base = alt.Chart(stack).encode(x=x, tooltip=["part", *style.numbers("depth", "value", "sum")])
        height_of_line, name = line
        beyond = height_of_line > top
        text = f"{name} {height_of_line:.3g}{' ↑' if beyond else ''}"
        layers = [
            base.mark_area(opacity=0.35, clip=True).encode(y=y("value"), color=colour, order="place:Q"),
            base.mark_line(color=style.INK, strokeWidth=2, clip=True).encode(y=y("sum")),
            *style.level(0.92 * top if beyond else height_of_line, text, width - 3, "right", opacity=float(not beyond)),
        ]
        at, risk_there, name = mark
        if first <= at <= last:
            place = pd.DataFrame({"depth": [at], "y": [risk_there], "text": [f"{name} = {at:.3g}"]})
            point = alt.Chart(place).encode(x="depth:Q")
            layers += [
                point.mark_rule(color=style.INK, strokeWidth=1, strokeDash=[2, 2]),
                point.mark_point(filled=True, color=style.INK, size=70, opacity=1, clip=True).encode(y="y:Q"),
                point.mark_text(dy=-6, fontSize=12, fontWeight="bold").encode(y=alt.value(0), text="text:N"),
            ]
        return style.layered(layers, title, width, height)

    pays = "pays" if at_best < static else "does not pay"
    split, valley = ["floor", "reducible"], ["floor", "reducible", "price"]
    return alt.hconcat(
        picture(split, "risk", (tolerance, "tolerance"), (enough, tolerance, "c_τ"),
                style.title("Risk", "floor L_int and reducible K c^-α")),
        picture(valley, "risk and price", (static, name), (best, bottom, "c*"),
                style.title("Total cost", f"with the price γ C(c); probing {pays}")),
    )  # fmt: skip
