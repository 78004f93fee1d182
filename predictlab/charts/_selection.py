"""The choice among candidates as it unfolds: what was measured, what it says of the ends, what it has cost."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from predictlab._validation import made_by
from predictlab.charts import _style as style
from predictlab.choosing import Selection

_LOOKS = {"chosen": (style.LINE, "circle"), "open": (style.ACCENT, "triangle-up"), "set aside": ("#b5b5b5", "square")}


def selection_chart(selection: Selection, *, width: int = 480, height: int = 240) -> alt.VConcatChart:
    """Show the candidates' runs, what each look said of their ends, the last intervals, and the cost of each.

    Parameters
    ----------
    selection : Selection
    width, height : int
        Of each of the upper two plots, pixels.

    Returns
    -------
    altair.VConcatChart
        Above: runs by share of their recipe, and the estimated means at the end by cost spent. Below: those means with
        their intervals, and what each candidate has cost.

    Examples
    --------
    >>> import predictlab as pl
    >>> worlds = {f"mean {m}": pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0, mean=m) for m in (0.7, 0.8)}
    >>> sources = {name: world.source(seed=i, max_depth=64) for i, (name, world) in enumerate(worlds.items())}
    >>> found = pl.select(sources, total_budget=500, better="higher", progress=False)
    >>> len(pl.charts.selection_chart(found).vconcat)
    2
    """
    made_by("selection", selection, Selection, "pl.select returned")
    table = selection.frame()
    state = table.set_index("candidate")["state"]
    colour, shape = style.kinds("state", _LOOKS, alt.Legend(title=None, orient="top"))
    weight = alt.StrokeWidthValue(1.2, condition={"test": "datum.state == 'chosen'", "value": 2.6})
    shown = selection, state, colour, weight, width, height
    upper = _runs(*shown) | _looks(*shown)
    lower = _ends(selection, table, colour, shape, width) | _costs(table, colour, width)
    verdict = f"{selection.cost:.4g} of {selection.total_budget:.4g} spent; {len(selection.contenders)} not told apart"
    if selection.decided:
        verdict = f"the choice stands; {selection.cost:.4g} of {selection.total_budget:.4g} spent"
    heading = style.title(f"{selection.choice}, with probability {selection.probability:.2f}", verdict)
    return alt.vconcat(upper, lower).properties(title=heading)


def _runs(
    selection: Selection, state: pd.Series, colour: alt.Color, weight: alt.StrokeWidthValue, width: int, height: int
) -> alt.Chart:
    """Values of runs by share of the recipe."""
    runs = selection.runs
    runs = runs[(runs["metric"] == selection.metric) & (runs["status"] == "ok")]
    ends = pd.Series({name: depths[-1] for name, depths in selection.depths.items()})
    shown = runs[["candidate", "run", "depth", "value"]].assign(
        share=runs["depth"].astype(float) / runs["candidate"].map(ends).astype(float),
        state=runs["candidate"].map(state),
        line=runs["candidate"] + " " + runs["run"].astype(str),
    )
    ticks = sorted(shown["share"].unique())
    parts = "abs(1 / datum.value - round(1 / datum.value)) < 0.02"
    label = f"datum.value < 0.6 && {parts} ? '1/' + round(1 / datum.value) : format(datum.value, '.2~g')"
    axis = alt.Axis(values=ticks, labelExpr=label, grid=False, labelOverlap="greedy")
    scale = alt.Scale(type="log", domain=[min(ticks) / 1.1, 1.1], nice=False)
    base = alt.Chart(shown).encode(
        x=alt.X("share:Q", title="share of the recipe", scale=scale, axis=axis),
        y=alt.Y("value:Q", title=selection.metric, scale=alt.Scale(zero=False), axis=alt.Axis(gridOpacity=0.4)),
        color=colour,
        detail="line:N",
        tooltip=["candidate", "run", "depth", alt.Tooltip("value:Q", format=".4~g")],
    )
    drawn = base.mark_line(opacity=0.7).encode(strokeWidth=weight) + base.mark_point(filled=True, size=22, opacity=0.8)
    return drawn.properties(width=width, height=height, title=style.title("What was measured", "one line a run"))


def _looks(
    selection: Selection, state: pd.Series, colour: alt.Color, weight: alt.StrokeWidthValue, width: int, height: int
) -> alt.Chart:
    """Estimated means at the end by cost spent."""
    history = selection.history.assign(state=selection.history["candidate"].map(state))
    x = alt.X("spent:Q", title="cost spent", axis=alt.Axis(grid=False))
    y = alt.Y("mean:Q", title=f"{selection.metric} at the end", scale=alt.Scale(zero=False))
    base = alt.Chart(history).encode(
        x=x, tooltip=["candidate", "look", *style.numbers("mean", "lower", "upper", "p_good")]
    )
    ends = selection.table  # at first, while no level is known, intervals are many times as wide
    room = [min(ends["lower"].min(), history["mean"].min()), max(ends["upper"].max(), history["mean"].max())]
    y = y.scale(alt.Scale(domain=room, zero=False))
    band = base.transform_filter("datum.state == 'chosen'").mark_area(opacity=style.BAND, clip=True)
    lines = base.mark_line(opacity=0.85, clip=True).encode(y=y, color=colour, detail="candidate:N", strokeWidth=weight)
    drawn = band.encode(y=alt.Y("lower:Q", title=f"{selection.metric} at the end"), y2="upper:Q", color=colour) + lines
    caption = f"band: {100 * selection.confidence:g} % interval of the chosen one"
    return drawn.properties(width=width, height=height, title=style.title("What each look said of the ends", caption))


def _ends(selection: Selection, table: pd.DataFrame, colour: alt.Color, shape: alt.Shape, width: int) -> alt.Chart:
    """Means at the end with their intervals, the likeliest first."""
    order = table["candidate"].tolist()
    base = alt.Chart(table).encode(
        y=alt.Y("candidate:N", sort=order, title=None, axis=alt.Axis(labelLimit=140)),
        color=colour,
        tooltip=["candidate", "state", "runs", "ended", *style.numbers("mean", "lower", "upper", "p_good", "p_best")],
    )
    x = alt.X("mean:Q", title=f"{selection.metric} at the end", scale=alt.Scale(zero=False))
    rules = base.mark_rule(strokeWidth=2.5, opacity=0.6).encode(
        x=alt.X("lower:Q", title=f"{selection.metric} at the end"), x2="upper:Q"
    )
    drawn = rules + base.mark_point(filled=True, size=45, opacity=1).encode(x=x, shape=shape)
    caption = f"{100 * selection.confidence:g} % intervals"
    return drawn.properties(width=width, title=style.title("The ends, at the last look", caption))


def _costs(table: pd.DataFrame, colour: alt.Color, width: int) -> alt.Chart:
    """What each candidate has cost, with how many runs."""
    order = table["candidate"].tolist()
    words = np.where(table["ended"] > 0, table["ended"].astype(str) + " ended", "")
    shown = table.assign(
        words=[
            f"{n} run{'s' if n > 1 else ''}{', ' + w if w else ''}" for n, w in zip(table["runs"], words, strict=True)
        ]
    )
    base = alt.Chart(shown).encode(
        y=alt.Y("candidate:N", sort=order, title=None, axis=alt.Axis(labels=False, ticks=False)),
        x=alt.X("cost:Q", title="cost", scale=alt.Scale(domain=[0, 1.3 * float(table["cost"].max())], nice=False)),
    )
    bars = base.mark_bar(opacity=0.7).encode(color=colour, tooltip=["candidate", "runs", "ended", "depth", "cost"])
    said = base.mark_text(align="left", dx=4, fontSize=style.WORDS, color=style.INK).encode(text="words:N")
    return (bars + said).properties(
        width=width, title=style.title("What each has cost", "with its runs, and how many went to the end")
    )
