"""The four questions side by side: what is known, who is predicted, and the risk against depth."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt
import numpy as np

from predictlab.charts import _style as style
from predictlab.errors import bad_argument
from predictlab.risk import ASKED, RiskCurve


def questions_chart(curves: Iterable[RiskCurve], *, width: int = 210, height: int = 190) -> alt.HConcatChart:
    """Draw the risk of each question on one scale, with the variance of the end beside it.

    Parameters
    ----------
    curves : iterable of RiskCurve
        Of one metric; usually of one set of runs, a question each.
    width, height : int
        Of each panel, pixels.

    Returns
    -------
    altair.HConcatChart
        A panel a curve: above it what is known and what is predicted; the line is ``Var(R)``, where it is known: of
        `this_run` the risk without a probe, of `fresh_run` the least that is left.

    Raises
    ------
    ArgumentError
        No curve, or curves of several metrics.

    Examples
    --------
    >>> import predictlab as pl
    >>> runs = pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0).source(seed=0)([4, 8, 16, 32], range(8))
    >>> curves = [pl.risk_curve(runs, question=question) for question in ("agreement", "fresh_run")]
    >>> len(pl.charts.questions_chart(curves).hconcat)
    2
    """
    given = list(curves)
    metrics = {curve.metric for curve in given}
    if len(metrics) != 1:
        raise bad_argument("curves", given, "risk curves of one metric", "Draw other metrics apart.")
    tables = [style.points_of(curve, 0.0, 0.95) for curve in given]
    ends = [np.nan if c.total_variance is None else float(c.total_variance) for c in given]
    seen = [v for table in tables for v in (*table["lower"], *table["upper"])] + [e for e in ends if e > 0]
    risks = style.scale_of(seen)
    panels = []
    for curve, table, end in zip(given, tables, ends, strict=True):
        known, predicted = ASKED[curve.question]
        y = style.risk_axis("lower", risks, curve.metric)
        layers = style.measured(table, style.depth_axis(table["depth"]), y)
        if end > 0:
            layers += style.level(end, "Var(R)", width + 4, colour=style.MUTED)  # outside: no point is there
        heading = style.title(curve.question, [f"known: {known}", f"predicted: {predicted}"])
        panels.append(style.layered(layers, heading, width, height))
    return alt.hconcat(*panels)
