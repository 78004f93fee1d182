"""The risk curve of a task, the decay law fitted to it, and what that can be doubted by."""

from __future__ import annotations

from collections.abc import Callable

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.charts import _style as style
from predictlab.decay import DecayResults, PosteriorResults, law
from predictlab.errors import bad_argument
from predictlab.risk import RiskCurve

_SIDE = 250  # width of profile and residuals, px


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
    'given, agreement'
    """
    table = style.points_of(curve, 0.0, confidence)
    y = style.risk_axis("lower", style.scale_of([*table["lower"], *table["upper"]]), curve.metric)
    layers = style.measured(table, style.depth_axis(table["depth"]), y)
    heading = style.title(curve.task or "risk curve", f"{curve.estimator}, {curve.question}")
    return style.layered(layers, heading, width, height)


def mean_curve_chart(curve: RiskCurve, *, width: int = 320, height: int = 220) -> alt.LayerChart:
    """Mean of the metric over runs at each depth, with the band in which one seed in three is not.

    Parameters
    ----------
    curve : RiskCurve
        A spread that carries its mean.
    width, height : int
        Of the plot, pixels.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    ArgumentError
        A curve without a mean.

    Examples
    --------
    >>> import predictlab as pl
    >>> runs = pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0).source(seed=0)([4, 8, 16, 32], range(8))
    >>> pl.charts.mean_curve_chart(pl.risk_curve(runs)).title.subtitle
    'mean of 8 runs; band: their standard deviation'
    """
    if curve.mean is None or curve.estimator != "spread":
        raise bad_argument("curve", curve.estimator, "a spread that carries its mean", "pl.risk_curve(runs) makes one.")
    sd = np.sqrt(curve.risk)
    table = pd.DataFrame({"depth": curve.depth, "mean": curve.mean, "lower": curve.mean - sd, "upper": curve.mean + sd})
    scale = alt.Scale(zero=False, nice=True)
    y = {field: alt.Y(f"{field}:Q", title=curve.metric or "metric", scale=scale) for field in ("mean", "lower")}
    base = alt.Chart(table).encode(x=style.depth_axis(curve.depth))
    points = base.mark_point(filled=True, color=style.INK, size=45, opacity=1)
    told = style.numbers("depth", "mean", "lower", "upper")
    layers = [*style.banded(base, y["mean"], y["lower"], "upper"), points.encode(y=y["mean"], tooltip=told)]
    heading = style.title("Mean curve", f"mean of {curve.n_runs} runs; band: their standard deviation")
    return style.layered(layers, heading, width, height)


def decay_chart(
    fit: DecayResults,
    *,
    tolerance: float | None = None,
    budget: float | None = None,
    confidence: float = 0.95,
    scale: str = "log",
    width: int = 320,
    height: int = 220,
) -> alt.LayerChart:
    """Measured risk with intervals, the fit with its band, and what was left out as burn-in.

    Of a posterior the whole curve is drawn, its rise included, a dotted line where the rise is over, and the law alone,
    dashed, from there on; points are the larger the more they say about alpha (`PosteriorResults.influence`).

    Parameters
    ----------
    fit : DecayResults
    tolerance : float, optional
        Risk that can be lived with, metric²; a dashed line. Without it the fitted floor is drawn, if it is in sight.
    budget : float, optional
        Steps; a dotted line.
    confidence : float
        Confidence level of the intervals and of the band, in (0, 1).
    scale : {"log", "linear"}
        Of both axes.
    width, height : int
        Of the plot, pixels.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> chart = pl.charts.decay_chart(pl.DecayModel(curve).fit(), tolerance=5e-4, budget=32)
    >>> chart.title.text
    'decay fit'
    """
    first, last = fit.known_from, fit.fitted.depth[-1]
    peak = float(fit.fitted.depth[0])
    table, heading = style.points_of(fit.curve, first, confidence), [_rate(fit, confidence)]
    if isinstance(fit, PosteriorResults):
        table["influence"] = fit.influence.abs().reindex(table["depth"], fill_value=0.0).to_numpy()
        heading.append("larger points say more about alpha")
    band = fit.summary_frame(np.geomspace(first, last, 80), confidence)
    risks = style.scale_of([*table["lower"], *table["upper"], *([tolerance] if tolerance else [])], scale, 1.25)
    low, high = risks.domain
    ends = ["mean_ci_lower", "mean_ci_upper"]
    band[ends] = band[ends].clip(low / 2, 2 * high)
    x = style.depth_axis(fit.curve.depth, scale)

    def y(field: str) -> alt.Y:
        return style.risk_axis(field, risks, fit.curve.metric)

    layers = style.banded(alt.Chart(band).encode(x=x), y("mean"), y(ends[0]), ends[1])
    if peak > first:
        layers += _law_alone(fit, np.geomspace(peak, last, 60), x, y)
    layers += style.measured(table, x, y("lower"))
    floor = float(fit.params["intrinsic_limit"])
    if tolerance:
        layers += style.level(tolerance, "tolerance", 3)
    elif low < floor < high:
        layers += style.level(floor, "floor", 3, colour=style.MUTED)
    if budget:
        layers += style.upright(budget, "budget")
    return style.layered(layers, style.title(fit.task or "decay fit", heading), width, height)


def _law_alone(fit: DecayResults, depths: NDArray[np.float64], x: alt.X, y: Callable[[str], alt.Y]) -> list[alt.Chart]:
    """The law (median of the draws) where the rise is over, with the depth at which it is."""
    drawn = np.median(law(depths, *fit.draws().to_numpy().T[:, :, None]), axis=0)
    table = pd.DataFrame({"depth": depths, "law": drawn})
    line = alt.Chart(table).mark_line(color=style.INK, strokeDash=[6, 4], strokeWidth=1.2, clip=True)
    return [line.encode(x=x, y=y("law")), *style.upright(float(depths[0]), "rise over", style.MUTED)]


def _rate(fit: DecayResults, confidence: float) -> str:
    lower, upper = fit.conf_int(confidence).loc["decay_rate"]
    if fit.identified:
        return f"alpha {fit.params['decay_rate']:.2g} [{lower:.2g}, {upper:.2g}]"
    return f"alpha in [{lower:.2g}, {'unbounded' if np.isinf(upper) else f'{upper:.2g}'}]: not identified"


def decay_diagnostics_chart(
    fit: DecayResults,
    *,
    scale: str = "log",
    title: str = "",
    subtitle: str = "",
    width: int = 400,
    height: int = 290,
) -> alt.HConcatChart:
    """The fit, beside it the profile of the decay rate and the residuals.

    Parameters
    ----------
    fit : DecayResults
    scale : {"log", "linear"}
        Of the depths and of the risk.
    title, subtitle : str
        Default: the task, and the decay rate with its interval.
    width, height : int
        Of the picture of the fit, pixels; the other two stand beside it.

    Returns
    -------
    altair.HConcatChart

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> chart = pl.charts.decay_diagnostics_chart(pl.DecayModel(curve).fit())
    >>> len(chart.hconcat)
    2
    """
    half = (height - 85) // 2
    main = decay_chart(fit, scale=scale, width=width, height=height)
    main.title = style.title(title or main.title.text, subtitle or main.title.subtitle)
    side = alt.vconcat(_profile(fit, half), _residuals(fit, scale, half))
    return alt.hconcat(main, side)


def _profile(fit: DecayResults, height: int) -> alt.LayerChart:
    table, estimate = fit.profile(), float(fit.params["decay_rate"])
    cut = float(table["cut"].iloc[0])
    seen = [*table.loc[table["excess"] <= 3 * cut, "decay_rate"], *([estimate] if estimate > 0 else [])]
    x = style.x_axis("decay_rate", "decay rate alpha", style.scale_of(seen, pad=1.05))
    y = alt.Y("excess:Q", title="deviance", scale=alt.Scale(domain=[0, 3 * cut]), axis=alt.Axis(tickCount=4))
    layers = [
        alt.Chart(table).mark_line(color=style.LINE, clip=True).encode(x=x, y=y),
        alt.Chart(table.head(1)).mark_rule(strokeDash=[7, 4]).encode(y="cut:Q"),
    ]
    if estimate > 0:
        rule = alt.Chart(pd.DataFrame({"decay_rate": [estimate]})).mark_rule(strokeDash=[2, 3])
        layers.append(rule.encode(x="decay_rate:Q"))
    return style.layered(layers, style.title("Profile of alpha", "dashed: the ends of its interval"), _SIDE, height)


def _residuals(fit: DecayResults, scale: str, height: int) -> alt.LayerChart:
    table = fit.residuals.assign(zero=0.0)
    most = max(2.6, float(table["residual"].abs().max()) * 1.1)
    y = alt.Y("residual:Q", title="residual (sd)", scale=alt.Scale(domain=[-most, most]), axis=alt.Axis(tickCount=5))
    tooltip = style.numbers("depth", "residual")
    base = alt.Chart(table).encode(x=style.depth_axis(fit.curve.depth, scale), tooltip=tooltip)
    lines = alt.Chart(pd.DataFrame({"residual": [-2.0, 2.0]})).mark_rule(strokeDash=[7, 4], color=style.MUTED)
    layers = [
        lines.encode(y="residual:Q"),
        base.mark_rule().encode(y=y, y2="zero:Q"),
        base.mark_point(filled=True, color=style.INK, size=40, opacity=1).encode(y=y),
    ]
    return style.layered(layers, style.title("Residuals"), _SIDE, height)
