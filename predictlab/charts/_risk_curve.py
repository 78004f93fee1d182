"""The estimates of a risk curve."""

from __future__ import annotations

import altair as alt

from predictlab.charts import _style as style
from predictlab.risk import RiskCurve


def risk_curve_chart(
    curve: RiskCurve, *, confidence: float = 0.95, width: int = 320, height: int = 220
) -> alt.LayerChart:
    """Risk at each depth with its chi² interval, both axes logarithmic.

    Parameters
    ----------
    curve : RiskCurve
    confidence : float
        Confidence level of the intervals, in (0, 1).
    width, height : int
        Of the plot, pixels.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32], risk=[4e-3, 2e-3, 1e-3, 5e-4], df=31)
    >>> chart = pl.charts.risk_curve_chart(curve)
    >>> chart.title.subtitle
    'given, fresh_run'
    """
    table = style.points_of(curve, 0.0, confidence)
    y = style.risk_axis("lower", style.scale_of([*table["lower"], *table["upper"]]), curve.metric)
    subtitle = f"{curve.estimator}, {curve.question}"
    return style.layered(
        style.measured(table, style.depth_axis(table["depth"]), y),
        style.title(curve.task or "risk curve", subtitle),
        width,
        height,
    )
