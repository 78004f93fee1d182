"""One budget over many tasks: the depths it buys, and what more of it would buy."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from predictlab.charts import _style as style

_STATES = {"measured": style.LINE, "extrapolated": "#9ec9e2", "locked": style.MUTED}
_SHOWN = 30  # bars; more could not be told apart


def allocation_chart(plan: pd.DataFrame, *, subtitle: str = "", width: int = 330, height: int = 270) -> alt.LayerChart:
    """The depth of each task as a bar, with its interval.

    Parameters
    ----------
    plan : pandas.DataFrame
        From `predictlab.allocate`; a column ``locked`` marks tasks whose depth was given. The first 30 rows are shown.
    subtitle : str
        Line below the title; default the total cost.
    width, height : int
        Of the plot, pixels.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> plan = pl.allocate({"reviews": pl.DecayModel(curve).fit()}, 50)
    >>> pl.charts.allocation_chart(plan).title.subtitle
    'cost 50, with intervals'
    """
    beyond = np.where(plan["note"].str.contains("extrapolated"), "extrapolated", "measured")
    locked = plan["locked"] if "locked" in plan else np.zeros(len(plan), dtype=bool)
    table = plan.assign(state=np.where(locked, "locked", beyond)).head(_SHOWN)
    depths = style.scale_of([*table["depth_lower"], *table["depth"], *table["depth_upper"]], pad=1.4)
    table = table.assign(start=depths.domain[0], depth_upper=table["depth_upper"].clip(upper=depths.domain[1]))
    x = style.x_axis("start", "depth c (steps)", depths)
    y = alt.Y("task:N", title=None, sort=list(table["task"]), axis=alt.Axis(labelLimit=140))
    legend = alt.Legend(title=None, orient="bottom", values=sorted(set(table["state"]), key=list(_STATES).index))
    colour = alt.Color("state:N", scale=alt.Scale(domain=list(_STATES), range=list(_STATES.values())), legend=legend)
    base = alt.Chart(table).encode(y=y, tooltip=["task", *style.numbers("depth", "depth_lower", "depth_upper", "cost")])
    texts = base.mark_text(align="left", baseline="middle", dx=4, fontSize=10)
    layers = [
        base.mark_bar(height={"band": 0.7}).encode(x=x, x2="depth:Q", color=colour),
        base.mark_rule(color=style.INK, strokeWidth=1.5, clip=True).encode(x="depth_lower:Q", x2="depth_upper:Q"),
        texts.encode(x="depth_upper:Q", text=alt.Text("depth:Q", format=".3~s")),
    ]
    heading = style.title("Depths", subtitle or f"cost {plan['cost'].sum():.4g}, with intervals")
    return style.layered(layers, heading, width, height)


def frontier_chart(
    frontier: pd.DataFrame, *, at: pd.DataFrame | None = None, metric: str = "metric", width: int = 330,
    height: int = 270,
) -> alt.LayerChart:  # fmt: skip
    """The least total risk that each budget buys, with its band, and what the next unit is worth at one of them.

    Parameters
    ----------
    frontier : pandas.DataFrame
        From `predictlab.frontier`.
    at : pandas.DataFrame, optional
        One row of the same, the budget to mark; the line through it falls by its multiplier.
    metric : str
        For the axis.
    width, height : int
        Of the plot, pixels.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> frontier = pl.frontier({"reviews": pl.DecayModel(curve).fit()}, [8, 16, 32, 64])
    >>> pl.charts.frontier_chart(frontier, at=frontier.iloc[[2]]).title.text
    'Efficiency frontier'
    """
    shown = frontier if at is None else pd.concat([frontier, at])
    low = float(frontier["risk"].min()) / 3
    lower = shown["risk_lower"].clip(lower=low)
    risks = style.scale_of([*lower, *shown["risk_upper"]], pad=1.0)
    x = style.x_axis("budget", "budget B (cost)", style.scale_of(shown["budget"], pad=1.0), "~s")

    def y(field: str) -> alt.Y:
        return style.risk_axis(field, risks, metric, "weighted risk")

    base = alt.Chart(frontier.assign(risk_lower=lower[: len(frontier)])).encode(x=x)
    base = base.encode(tooltip=style.numbers("budget", "risk", "risk_lower", "risk_upper"))
    layers = style.banded(base, y("risk"), y("risk_lower"), "risk_upper", 2.5)
    subtitle = "the least risk for each budget"
    if at is not None:
        budget, risk, worth = (float(at[name].iloc[0]) for name in ("budget", "risk", "multiplier"))
        subtitle = f"risk {risk:.3g}; the next unit saves {worth:.3g}"
        budgets = budget * np.geomspace(0.5, 2, 25)  # a straight line bends on logarithmic axes
        slope = pd.DataFrame({"budget": budgets, "risk": risk - worth * (budgets - budget)})
        tangent = alt.Chart(slope[slope["risk"] > 0]).mark_line(color=style.ACCENT, strokeDash=[7, 4], clip=True)
        point = alt.Chart(at).encode(x="budget:Q")
        layers += [
            tangent.encode(x="budget:Q", y="risk:Q"),
            point.mark_rule(color=style.INK, strokeWidth=2.5, clip=True).encode(y="risk_lower:Q", y2="risk_upper:Q"),
            point.mark_point(filled=True, color=style.INK, size=90, opacity=1).encode(y="risk:Q"),
        ]
    return style.layered(layers, style.title("Efficiency frontier", subtitle), width, height)
