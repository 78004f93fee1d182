"""Noise of a recipe, comparisons of two, and the power of a design."""

from __future__ import annotations

import math

import altair as alt
import numpy as np
import pandas as pd

from predictlab._validation import made_by
from predictlab.charts import _style as style
from predictlab.comparing import Comparison, Design, Noise

_SEEDS = (2, 3, 4, 5, 6, 8, 12, 16, 24, 32)


def noise_chart(noise: Noise, *, width: int = 300, height: int = 220) -> alt.HConcatChart | alt.LayerChart:
    """Show the runs, and the smallest difference of two such recipes that is seen.

    Parameters
    ----------
    noise : Noise
        With one run the left part alone; of a mean and its width the right one.
    width, height : int
        Of each part, pixels.

    Returns
    -------
    altair.HConcatChart or altair.LayerChart

    Examples
    --------
    >>> import predictlab as pl
    >>> chart = pl.charts.noise_chart(pl.noise([0.84, 0.85, 0.83, 0.85]))
    >>> chart.hconcat[0].title.text
    '4 runs'
    """
    made_by("noise", noise, Noise, "pl.noise returned")
    evidence = noise.evidence
    place = np.arange(1, len(evidence.finals) + 1)
    points = pd.DataFrame({"run": evidence.runs, "value": evidence.finals, "place": place})
    room = alt.Scale(domain=[0.5, noise.runs + 0.5], nice=False)
    x = alt.X("place:Q", title="run", axis=alt.Axis(labels=False, ticks=False, grid=False), scale=room)
    y = alt.Y("value:Q", title=evidence.metric, scale=alt.Scale(zero=False), axis=alt.Axis(gridOpacity=0.4))
    tip = ["run", *style.numbers("value")]
    dots = alt.Chart(points).mark_point(filled=True, size=55, color=style.LINE, opacity=1).encode(x=x, y=y, tooltip=tip)
    layers = [dots, *style.level(evidence.mean, f"mean {evidence.mean:.4g}", 3)]
    below = "" if noise.runs == 1 else f"two more differ by up to {noise.two_runs():.3g} ({100 * noise.confidence:g} %)"
    heading = style.title(f"{noise.runs} run{'s'[: noise.runs > 1]}", below)
    left = style.layered(layers, heading, width, height)
    if noise.runs < 2:
        return left
    sizes: dict[str, float | None] = {"these rows": None}
    if math.isfinite(noise.interaction()):
        sizes["all rows"] = math.inf
    lines = pd.DataFrame(
        [(s, noise.minimal_difference(s, n), name) for name, n in sizes.items() for s in _SEEDS],
        columns=["seeds", "difference", "rows"],
    )
    lines = lines[lines["difference"] > 0]
    ticks = alt.Axis(values=[2, 4, 8, 16, 32], labelExpr="datum.value", grid=False)
    base = alt.Chart(lines).encode(
        x=alt.X("seeds:Q", title="runs of each recipe", scale=alt.Scale(type="log", domain=[2, 32]), axis=ticks),
        y=alt.Y("difference:Q", title=f"difference ({evidence.metric})", axis=alt.Axis(format="~g", gridOpacity=0.4)),
        color=alt.Color(
            "rows:N", scale=alt.Scale(domain=["these rows", "all rows"], range=[style.LINE, style.ACCENT]),
            legend=alt.Legend(title="measured on", orient="top") if len(sizes) > 1 else None,
        ),
        tooltip=["rows", *style.numbers("seeds", "difference")],
    )  # fmt: skip
    said = "by a prior on rows" if noise.from_prior else ""
    right = style.layered(
        [base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=30, opacity=1)],
        style.title("Smallest difference that is seen in 8 of 10 cases", said), width, height,
    )  # fmt: skip
    if not len(evidence.finals):  # mean and spread are all that is known of the runs
        return right
    return alt.hconcat(left, right).resolve_scale(color="independent")  # the legend stands where it belongs


def comparison_chart(comparison: Comparison, *, width: int = 420, height: int = 110) -> alt.LayerChart:
    """Show the difference with its interval, for these runs and for the recipes.

    Parameters
    ----------
    comparison : Comparison
    width, height : int
        Of the plot, pixels.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> import predictlab as pl
    >>> found = pl.compare([0.71, 0.72, 0.73], [0.70, 0.72, 0.71], metric="accuracy")
    >>> pl.charts.comparison_chart(found).title.text
    'a less b: accuracy'
    """
    made_by("comparison", comparison, Comparison, "pl.compare returned for two recipes")
    table = comparison.conf_int().rename_axis("about").reset_index()
    table["difference"] = comparison.difference
    table["says"] = [comparison.verdict(q) for q in table["about"]]
    table["name"] = table["about"] + ": " + table["says"]
    told = table.dropna()
    untold = [f"{row['about']}: cannot be told" for _, row in table[table["lower"].isna()].iterrows()]
    y = alt.Y("name:N", title=None, sort=list(table["name"]), axis=alt.Axis(labelLimit=260))
    x = alt.X("lower:Q", title=f"difference ({comparison.a.metric})", axis=alt.Axis(format="~g", gridOpacity=0.4))
    base = alt.Chart(told).encode(y=y, tooltip=["about", "says", *style.numbers("difference", "lower", "upper")])
    zero = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=style.MUTED, strokeDash=[5, 4]).encode(x="x:Q")
    layers = [
        zero,
        base.mark_rule(color=style.LINE, strokeWidth=3).encode(x=x, x2="upper:Q"),
        base.mark_point(filled=True, color=style.INK, size=60, opacity=1).encode(x="difference:Q"),
    ]
    heading = style.title(f"{comparison.a.name} less {comparison.b.name}: {comparison.a.metric}", "; ".join(untold))
    return style.layered(layers, heading, width, height)


def power_chart(design: Design, *, width: int = 360, height: int = 220) -> alt.LayerChart:
    """Show the chance to see a difference.

    Parameters
    ----------
    design : Design
    width, height : int
        Of the plot, pixels.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.charts.power_chart(pl.compare_design(run_sd=0.002, seeds=5)).title.text
    '5 runs of each'
    """
    made_by("design", design, Design, "pl.compare_design returned")
    x = alt.X("difference:Q", title="true difference", axis=alt.Axis(format="~g", grid=False))
    y = alt.Y("power:Q", title="chance to see it", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(gridOpacity=0.4))
    base = alt.Chart(design.power_curve()).encode(x=x, tooltip=style.numbers("difference", "power"))
    layers = [base.mark_line(color=style.LINE, strokeWidth=2).encode(y=y)]
    says = "no difference of recipes can be seen"
    if math.isfinite(design.difference) and design.seeds > 1:
        mark = pd.DataFrame({"difference": [design.difference], "power": [design.power]})
        point = alt.Chart(mark).encode(x="difference:Q", y="power:Q")
        layers.append(point.mark_point(filled=True, color=style.ACCENT, size=70, opacity=1))
        says = f"{design.difference:.3g} is seen in {100 * design.power:.0f} of 100 cases"
    seeds = f"{design.seeds:g} run{'s'[: design.seeds != 1]} of each"
    return style.layered(layers, style.title(seeds, says), width, height)
