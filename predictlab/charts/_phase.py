"""Both planes of the phase diagram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab.budget import checked_fits
from predictlab.charts import _style as style
from predictlab.charts._labels import Array, leaders, place_labels, text_size
from predictlab.decay import DecayResults
from predictlab.phase import DYNAMIC_CRITICAL, NOISE_DOMINANT, STATIC_SUFFICIENT, classify, theory_boundary

_LEAST, _MOST = 1e-3, 1e4  # of the tolerance: what lies beyond stands at the edge
_LABELLED = 50  # tasks up to which there is room for names and intervals
_POINTS = 1000  # as many as are worth the seconds that drawing them takes
_WALL = f"{NOISE_DOMINANT} →"


def phase_diagram(
    fits: Mapping[str, DecayResults],
    *,
    tolerance: float,
    budget: float,
    selected: str | None = None,
    confidence: float = 0.95,
    width: int = 330,
    height: int = 290,
) -> alt.HConcatChart:
    """Both planes side by side, a point for each task at the median of its fit's draws, with 95 % intervals.

    Parameters
    ----------
    fits : mapping of str to DecayResults
        Decay fit of each task.
    tolerance : float
        ``tau`` > 0, metric².
    budget : float
        ``B`` > 1, steps.
    selected : str, optional
        Task whose `K` draws the boundary of the theory plane; default: the median `K` of all tasks.
    confidence : float
        Probability from which a regime is called, in (0.5, 1).
    width, height : int
        Of each plane, pixels.

    Returns
    -------
    altair.HConcatChart

    See Also
    --------
    phase_planes : The same from the table of `predictlab.classify`.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> fits = {"reviews": pl.DecayModel(curve).fit()}
    >>> chart = pl.charts.phase_diagram(fits, tolerance=1e-3, budget=64, selected="reviews")
    >>> chart.hconcat[1].title.subtitle
    'boundary at 64 steps for the K of reviews'
    """
    table = classify(checked_fits(fits), tolerance=tolerance, budget=budget, confidence=confidence)
    return phase_planes(table, tolerance=tolerance, budget=budget, selected=selected, width=width, height=height)


def phase_planes(
    table: pd.DataFrame,
    *,
    tolerance: float,
    budget: float,
    selected: str | None = None,
    width: int = 330,
    height: int = 290,
) -> alt.HConcatChart:
    """Both planes from a table of tasks: names and intervals up to 50 tasks, points alone beyond.

    Of more than 1,000 tasks, 1,000 are shown, evenly chosen in their order.

    Parameters
    ----------
    table : pandas.DataFrame
        From `predictlab.classify`: ``task``, ``regime``, ``scale``, and ``x``, ``y``, ``alpha``, each with ``_lower``
        and ``_upper``.
    tolerance : float
        ``tau`` > 0 that the table was made for, metric².
    budget : float
        ``B`` > 1 that it was made for, steps.
    selected : str, optional
        Task whose `K` draws the boundary of the theory plane; default: the median `K` of all tasks.
    width, height : int
        Of each plane, pixels.

    Returns
    -------
    altair.HConcatChart

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> table = pl.classify({"reviews": pl.DecayModel(curve).fit()}, tolerance=1e-3, budget=64)
    >>> len(pl.charts.phase_planes(table, tolerance=1e-3, budget=64).hconcat)
    2
    """
    scales = table.set_index("task")["scale"]
    whose = "median K" if selected is None else f"K of {selected}"
    scale = float(scales.median() if selected is None else scales[selected])
    count, labelled = len(table), len(table) <= _LABELLED
    rate_top = min(1.15 * table["alpha_upper"].max(), 1.6 * np.quantile(table["alpha"], 0.99))
    rate_top = float(np.clip(rate_top, 1.0, 10.0))
    ends = ("", "_lower", "_upper") if labelled else ("",)
    of_tolerance = [axis + end for axis in ("x", "y") for end in ends]
    chances = [name for name in table.columns if name.startswith("p_")]
    shown = table.iloc[np.linspace(0, count - 1, count if labelled else min(count, _POINTS)).round().astype(int)]
    table = shown[["task", "regime", *(chances if labelled else []), *of_tolerance, *(f"alpha{end}" for end in ends)]]
    table = table.assign(alpha=table["alpha"].clip(upper=rate_top))
    table[of_tolerance] = table[of_tolerance].clip(_LEAST, _MOST)
    right, top = (float(np.clip(1.3 * table[name + ends[-1]].max(), 3.0, _MOST)) for name in ("x", "y"))
    floor = np.append(np.geomspace(_LEAST, 0.99, 80), 1 - np.geomspace(0.01, 1e-4, 20))
    counted = "" if labelled else f"{len(table)} of {count} tasks; " if len(table) < count else f"{count} tasks; "
    budget_plane = _Plane(table, "y", ((_LEAST, right), (_LEAST, top)), (width, height), log=True).chart(
        f"V_opt({budget:g} steps) / tolerance",
        pd.DataFrame({"x": floor, "edge": 1 - floor}),
        (DYNAMIC_CRITICAL, STATIC_SUFFICIENT),
        style.title("Budget plane", f"{counted}a larger budget moves tasks straight down"),
    )
    theory_plane = _Plane(table, "alpha", ((_LEAST, right), (0.0, rate_top)), (width, height), log=False).chart(
        "decay rate alpha",
        pd.DataFrame({"x": floor, "edge": theory_boundary(floor * tolerance, scale, tolerance, budget)}),
        (STATIC_SUFFICIENT, DYNAMIC_CRITICAL),
        style.title("Theory plane", f"boundary at {budget:g} steps for the {whose}"),
    )
    return alt.hconcat(budget_plane, theory_plane).resolve_scale(color="shared", shape="shared")


@dataclass(frozen=True)
class _Plane:
    """One plane: `table` over the floor and the column `field`, on axes from and to `domains`, in pixels `size`."""

    table: pd.DataFrame
    field: str
    domains: tuple[tuple[float, float], tuple[float, float]]
    size: tuple[int, int]
    log: bool

    def chart(
        self, y_title: str, edge: pd.DataFrame, words: tuple[str, str], heading: alt.TitleParams
    ) -> alt.LayerChart:
        """The plane with the border `edge` (``x``, ``edge``) and `words` in its upper and its lower left corner."""
        axis = alt.Axis(format="~g", tickCount=5, gridOpacity=0.3)
        x_domain, y_domain = (list(domain) for domain in self.domains)
        x_scale = alt.Scale(type="log", domain=x_domain, nice=False)
        y_scale = alt.Scale(type="log" if self.log else "linear", domain=y_domain, nice=False)
        x = alt.X("x:Q", title="floor L_int / tolerance", scale=x_scale, axis=axis)
        y = alt.Y(f"{self.field}:Q", title=y_title, scale=y_scale, axis=axis)
        legend = alt.Legend(title=None, orient="bottom", symbolSize=90, symbolOpacity=1)
        colour, shape = style.kinds("regime", style.REGIMES, legend)
        labelled = f"{self.field}_upper" in self.table
        chances = [name for name in self.table.columns if name.startswith("p_")]
        base = alt.Chart(self.table).encode(x=x, y=y, color=colour)
        rules = base.mark_rule(opacity=0.55, clip=True)
        at_wall = alt.Chart(pd.DataFrame({"x": [1.0], "text": [_WALL]})).encode(x="x:Q")
        wall = at_wall.mark_text(align="left", dy=-8, color=style.MUTED, angle=90, fontSize=style.WORDS)
        corners = alt.Chart(pd.DataFrame({"x_px": 6, "y_px": [12, self.size[1] - 12], "text": words}))
        words_at = corners.mark_text(align="left", color=style.MUTED, fontSize=style.WORDS)
        size, opacity = (110, 1.0) if labelled else (18, 0.55)
        points = base.mark_point(filled=True, size=size, opacity=opacity, clip=True)
        layers = [
            alt.Chart(edge).mark_line(color=style.INK, clip=True).encode(x="x:Q", y="edge:Q"),
            at_wall.mark_rule(color=style.INK),
            wall.encode(y=alt.value(20), text="text:N"),
            words_at.encode(**_at_pixels(), text="text:N"),
        ]
        if labelled:
            up = rules.encode(y=f"{self.field}_lower:Q", y2=f"{self.field}_upper:Q")
            layers += [rules.encode(x="x_lower:Q", x2="x_upper:Q"), up]
        tooltip = ["task", "regime", *style.numbers("x", self.field, *chances)]
        layers.append(points.encode(shape=shape, tooltip=tooltip))
        if labelled:
            layers += self._names(edge, words)
        return style.layered(layers, heading, *self.size)

    def _pixels(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Pixels (n, 2), y down; what lies beyond an end stands at it."""
        shares = []
        for values, domain, log in zip((x, y), self.domains, (True, self.log), strict=True):
            inside = np.clip(np.asarray(values, dtype=float), *domain)
            scaled, (low, high) = (np.log(inside), np.log(domain)) if log else (inside, domain)
            shares.append((scaled - low) / (high - low))
        return np.column_stack([shares[0], 1 - shares[1]]) * self.size

    def _names(self, edge: pd.DataFrame, words: tuple[str, str]) -> list[alt.Chart]:
        """The name of each task: off points, words and the border, joined to its point where it is far."""
        width, height = self.size
        points = self._pixels(self.table["x"], self.table[self.field])
        line = self._pixels(edge["x"], edge["edge"].fillna(self.domains[1][1]))
        border = np.column_stack([np.minimum(line[:-1], line[1:]) - 1, np.maximum(line[:-1], line[1:]) + 1])
        wall = line[-1, 0]
        upper, lower, along = (text_size(word, style.WORDS)[0] for word in (*words, _WALL))
        read = [(6, 5, 6 + upper, 19), (6, height - 19, 6 + lower, height - 5), (wall + 1, 20, wall + 15, 20 + along)]
        sizes = [text_size(str(name), style.WORDS) for name in self.table["task"]]
        boxes = place_labels(points, sizes, (2, 2, width - 2, height - 2), [*read, *border])
        names = pd.DataFrame({"task": self.table["task"], "x_px": boxes[:, 0], "y_px": boxes[:, [1, 3]].mean(axis=1)})
        joins = pd.DataFrame(leaders(points, boxes), columns=["x_px", "y_px", "x2", "y2"]).dropna()
        join = alt.Chart(joins).mark_rule(color=style.INK, strokeWidth=0.6)
        name = alt.Chart(names).mark_text(align="left", baseline="middle", fontSize=style.WORDS)
        return [join.encode(**_at_pixels(), x2="x2:Q", y2="y2:Q"), name.encode(**_at_pixels(), text="task:N")]


def _at_pixels() -> dict[str, alt.X | alt.Y]:
    """Places in pixels of the plot, not in values of its axes."""
    return {"x": alt.X("x_px:Q", scale=None, axis=None), "y": alt.Y("y_px:Q", scale=None, axis=None)}
