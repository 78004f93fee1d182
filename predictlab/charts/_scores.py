"""Static scores: each with its interval, its null and its controls; and models against data sets as a map."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt
import numpy as np
import pandas as pd

from predictlab._validation import made_by
from predictlab.charts import _style as style
from predictlab.errors import bad_argument
from predictlab.static import Ranking, StaticScores

_SCORE, _NULL, _CONTROL = "score", "permuted labels reach", "control"
_LOOKS = {_SCORE: (style.LINE, "circle"), _CONTROL: (style.MUTED, "diamond")}
_BELOW = "random weights"  # whose name stands below its mark
_ACCURACIES = ("knn", "linear_probe")  # what controls that are an accuracy stand beside


def scores_chart(scores: StaticScores, *, width: int = 420, step: int = 26) -> alt.VConcatChart:
    """Draw static scores, a panel each, for their units differ.

    Parameters
    ----------
    scores : StaticScores
        Of `pl.score`.
    width : int
        Of each panel, pixels.
    step : int
        Height of a line, pixels.

    Returns
    -------
    altair.VConcatChart
        A panel a score, a line a layer: the score with its interval, what labels dealt at random reach (a score that is
        not above it says nothing), and the controls of the same unit.

    Raises
    ------
    ArgumentError
        Not what `pl.score` returns.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> row = {"method": "hscore", "layer": "mean", "value": 1.5, "lower": 1.2, "upper": 1.8, "null": 0.4, "says": ""}
    >>> scores = pl.static.StaticScores("a task", pd.DataFrame([row]), pd.DataFrame())
    >>> len(pl.charts.scores_chart(scores).vconcat)
    1
    """
    made_by("scores", scores, StaticScores, "pl.score(task) returns")
    table = scores.table
    panels = []
    for method in table["method"].unique():
        own = table[table["method"] == method]
        silent = "says" in own and bool((own["says"] == "nothing").all())
        heading = alt.TitleParams(
            f"{method}: says nothing" if silent else str(method), anchor="start", fontSize=style.WORDS + 1,
            color=style.MUTED if silent else style.INK,
        )  # fmt: skip
        panels.append(style.layered(_layers(_marks(own, scores.controls)), heading, width, max(len(own) * step, 40)))
    legend = "dots: scores with intervals; orange: what permuted labels reach; diamonds: controls"
    heading = style.title(f"Static scores of {scores.task}", legend)
    return alt.vconcat(*panels, spacing=8, title=heading).resolve_scale(color="shared", shape="shared")


def _marks(own: pd.DataFrame, controls: pd.DataFrame) -> pd.DataFrame:
    """All that one score's panel shows: ``layer, kind, value, lower, upper, what``."""
    columns = ["layer", "kind", "value", "lower", "upper", "what"]
    layers = own["layer"].astype(str)
    seen = own.assign(layer=layers, kind=_SCORE, what=own["method"])
    parts = [seen.reindex(columns=columns)]
    if "null" in own:
        parts.append(seen.assign(kind=_NULL, value=own["null"], lower=np.nan, upper=np.nan).reindex(columns=columns))
    if len(controls):
        method = own["method"].iloc[0]
        same = controls["method"] == method
        if method in _ACCURACIES:
            same |= controls["method"] == "accuracy"
        beside = controls[same].assign(layer=layers.iloc[-1], kind=_CONTROL, lower=np.nan, upper=np.nan)
        parts.append(beside.assign(what=beside["control"]).reindex(columns=columns))
    return pd.concat([part for part in parts if len(part)], ignore_index=True).dropna(subset=["value"])


def _layers(marks: pd.DataFrame) -> list[alt.Chart]:
    """One score's panel."""
    colour, shape = style.kinds("kind", _LOOKS, None)
    x = alt.X("value:Q", title=None, scale=alt.Scale(zero=False, padding=12), axis=alt.Axis(format=".4~g", tickCount=6))
    y = alt.Y("layer:N", title=None, sort=None)
    base = alt.Chart(marks).encode(y=y)
    rules = base.transform_filter("isValid(datum.lower)").mark_rule(strokeWidth=2, color=style.LINE)
    rules = rules.encode(x=alt.X("lower:Q", title=None), x2="upper:Q")
    told = ["what:N", "kind:N", *style.numbers("value", "lower", "upper")]
    reached = base.transform_filter(f"datum.kind === '{_NULL}'").mark_tick(color=style.ACCENT, thickness=3, size=20)
    points = base.transform_filter(f"datum.kind !== '{_NULL}'").mark_point(filled=True, size=70, opacity=1)
    layers = [rules, reached.encode(x=x, tooltip=told), points.encode(x=x, color=colour, shape=shape, tooltip=told)]
    for below, sign in ((True, "==="), (False, "!==")):  # the two that may lie close, on different sides
        some = base.transform_filter(f"datum.kind === '{_CONTROL}' && datum.what {sign} '{_BELOW}'")
        words = some.mark_text(dy=13 if below else -10, fontSize=style.WORDS - 2, color=style.MUTED)
        layers.append(words.encode(x=x, text="what:N"))
    return layers


def rankings_chart(rankings: Iterable[Ranking], *, step: int = 78) -> alt.LayerChart:
    """Draw models against data sets, the rank by colour.

    Parameters
    ----------
    rankings : iterable of Ranking
        Of `pl.rank`, one a data set, by one score.
    step : int
        Width of a cell, pixels.

    Returns
    -------
    altair.LayerChart
        The number is the score; a cell is the darker the better the model is placed on that data set. A ring marks
        models that the rows do not tell from the best.

    Raises
    ------
    ArgumentError
        No ranking, or rankings by several scores: their numbers are not of one kind.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> table = pd.DataFrame({"model": ["a", "b"], "value": [0.3, 0.2], "says": ["", ""], "apart": [False, True]})
    >>> chart = pl.charts.rankings_chart([pl.static.Ranking("data", "hscore", table, 0.95)])
    >>> len(chart.layer)
    3
    """
    given = list(rankings)
    methods = {one.method for one in given}
    if len(methods) != 1:
        raise bad_argument("rankings", given, "rankings of pl.rank by one score", "Draw other scores apart.")
    parts = []
    for one in given:
        place = one.table["value"].rank(ascending=False, method="min")
        of_best = 1 - (place - 1) / max(len(place) - 1, 1)
        told = one.table["apart"].astype(bool)
        parts.append(one.table.assign(data=one.data, place=place, of_best=of_best, open=~told))
    cells = pd.concat(parts, ignore_index=True)
    base = alt.Chart(cells).encode(
        x=alt.X("data:N", title=None, sort=None, axis=alt.Axis(labelAngle=-20)),
        y=alt.Y("model:N", title=None, sort=None),
    )
    shade = alt.Color("of_best:Q", scale=alt.Scale(domain=[0, 1], range=["#f2f2f2", style.LINE]), legend=None)
    boxes = base.mark_rect().encode(color=shade, tooltip=["model:N", "data:N", *style.numbers("value", "place")])
    ink = alt.condition("datum.of_best > 0.6", alt.value("white"), alt.value(style.INK))
    words = base.mark_text(fontSize=style.WORDS + 1).encode(text=alt.Text("value:Q", format=".3~g"), color=ink)
    rings = base.transform_filter("datum.open").mark_rect(
        fill=None, stroke=style.ACCENT, strokeWidth=2, cornerRadius=6, width=step - 10, height=26
    )
    heading = style.title(
        f"Models by {next(iter(methods))}", "darker: placed higher on that data set; ringed: not told from the best"
    )
    return alt.LayerChart(layer=[boxes, words, rings], title=heading, width=alt.Step(step), height=alt.Step(36))
