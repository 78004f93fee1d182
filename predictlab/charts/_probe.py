"""Runs as they were measured, and a probe that is still training."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from predictlab._validation import option
from predictlab.charts import _style as style
from predictlab.charts._decay import decay_chart, risk_curve_chart
from predictlab.decay import DecayResults
from predictlab.risk import RiskCurve, is_fork, is_invalid


def runs_chart(
    runs: pd.DataFrame,
    *,
    scale: str = "log",
    width: int = 380,
    height: int = 260,
) -> alt.LayerChart:
    """The metric of every run over depth, and its mean over the runs that are no forks.

    Parameters
    ----------
    runs : pandas.DataFrame
        Tidy frame, its rows of one task and one metric. Forks are dashed; measurements of diverged runs are left out.
    scale : {"log", "linear"}
        Of the depths; "log" starts at 0 too.
    width, height : int
        Of the plot, pixels.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> columns = ["task", "run", "depth", "metric", "value", "status"]
    >>> rows = [("a", f"a-{i}", c, "accuracy", 0.8 + 0.01 * i / c, "ok") for i in range(6) for c in (4, 8, 16)]
    >>> runs = pd.DataFrame(rows, columns=columns)
    >>> pl.charts.runs_chart(runs).title.subtitle
    '6 runs'
    """
    good = runs[~is_invalid(runs)]
    table = good[["run", "depth", "value"]].assign(kind=np.where(is_fork(good), "fork", "seed"))
    mean = table[table["kind"] == "seed"].groupby("depth", as_index=False)["value"].mean()
    depths = np.unique(table["depth"])
    metric, count = str(runs["metric"].iloc[0]), runs["run"].nunique()
    around_0 = option("scale", scale, ("log", "linear")) == "log"
    x = style.depth_axis(depths, alt.Scale(type="symlog" if around_0 else "linear", constant=1, nice=False))
    y = alt.Y("value:Q", title=metric, scale=alt.Scale(zero=False), axis=alt.Axis(gridOpacity=0.4))
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=["seed", "fork"], range=[[1, 0], [3, 3]]), legend=None)
    base = alt.Chart(table).encode(x=x, y=y, tooltip=["run", *style.numbers("depth", "value")])
    opacity = max(0.25, min(0.9, 6 / count))
    layers = [
        base.mark_line(color=style.LINE, opacity=opacity, strokeWidth=1.3).encode(detail="run:N", strokeDash=dash),
        base.mark_point(color=style.LINE, filled=True, size=12, opacity=opacity),
        alt.Chart(mean).mark_line(color=style.INK, strokeWidth=2.5).encode(x=x, y=y),
    ]
    return style.layered(layers, style.title(f"{runs['task'].iloc[0]}: {metric}", f"{count} runs"), width, height)


def probe_chart(
    runs: pd.DataFrame,
    curve: RiskCurve | None = None,
    fit: DecayResults | None = None,
    *,
    title: str = "",
    subtitle: str = "",
    waiting_for: str = "",
    scale: str = "log",
    width: int = 380,
    height: int = 260,
) -> alt.HConcatChart:
    """The runs of a probe so far; beside them the risk with its fit, as far as there is one.

    Parameters
    ----------
    runs : pandas.DataFrame
        As for `runs_chart`; may be empty.
    curve : RiskCurve, optional
    fit : DecayResults, optional
        Shown instead of `curve`.
    title, subtitle : str
        Of the runs.
    waiting_for : str
        What the curve or the fit waits for.
    scale : {"log", "linear"}
        Of the depths of the runs.
    width, height : int
        Of each of the two plots, pixels.

    Returns
    -------
    altair.HConcatChart

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> columns = ["task", "run", "depth", "metric", "value", "status"]
    >>> rows = [("a", f"a-{i}", c, "accuracy", 0.8 + 0.01 * i / c, "ok") for i in range(6) for c in (4, 8)]
    >>> runs = pd.DataFrame(rows, columns=columns)
    >>> chart = pl.charts.probe_chart(runs, pl.risk_curve(runs), waiting_for="4 depths")
    >>> chart.hconcat[1].title.subtitle
    'waits for 4 depths'
    """
    left = _empty("nothing is measured yet") if runs.empty else runs_chart(runs, scale=scale)
    heading = style.title("Risk so far", f"waits for {waiting_for}")
    right = _empty("no risk curve yet") if curve is None else risk_curve_chart(curve)
    if fit is not None:
        right = decay_chart(fit)
        heading = style.title("Risk and the fit so far", right.title.subtitle)
    return alt.hconcat(
        left.properties(title=style.title(title, subtitle), width=width, height=height),
        right.properties(title=heading, width=width, height=height),
    ).resolve_scale(color="independent")


def _empty(text: str) -> alt.LayerChart:
    """A picture that says why it is empty."""
    words = alt.Chart(pd.DataFrame({"text": [text]})).mark_text(fontSize=14, color=style.MUTED)
    return alt.LayerChart(layer=[words.encode(text="text")])
