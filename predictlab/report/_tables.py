"""The tables of an analysis as people read them: an estimate and its interval in one cell, three digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from predictlab.budget import FreshResults, OptimalDepth, ProbeChoice
from predictlab.decay._draws import CROSS_BEYOND
from predictlab.phase import PROBABILITY_COLUMNS

if TYPE_CHECKING:
    from predictlab.report._analysis import Analysis


def number(value: float, digits: int = 3) -> str:
    """A number for people: `digits` significant digits, "–" for NaN, "unbounded" for inf."""
    if np.isnan(value):
        return "–"
    return "unbounded" if np.isinf(value) else f"{value:.{digits}g}"


def interval(estimate: float, lower: float, upper: float) -> str:
    """``estimate [lower, upper]``."""
    return f"{number(estimate)} [{number(lower)}, {number(upper)}]"


def phase_table(analysis: Analysis) -> pd.DataFrame:
    """Regime of each task, its probabilities, and the depth at which the tolerance is met."""
    table = analysis.phase
    out = table[["task", "regime"]].copy()
    for column, name in zip(PROBABILITY_COLUMNS, ("P(static)", "P(dynamic)", "P(noise)"), strict=True):
        out[name] = ["–" if pd.isna(p) else f"{p:.2f}" for p in table[column]]
    out["c_tau [95 %]"] = [
        _crossing(analysis, *row)
        for row in table[["task", "crossing_budget", "crossing_lower", "crossing_upper"]].itertuples(index=False)
    ]
    return out


def _crossing(analysis: Analysis, task: str, *depths: float) -> str:
    """``c_tau`` with its interval; far beyond what was measured the law says no more than that."""
    if np.isnan(depths[0]):
        return "–"
    if isinstance(analysis.fits[task], FreshResults):
        estimate, lower, upper = ("never" if np.isinf(depth) else number(depth) for depth in depths)
        return estimate if lower == upper else f"{estimate} [{lower}, {upper}]"
    far = CROSS_BEYOND * analysis.fits[task].fitted.depth[-1]
    estimate, lower, upper = (f"> {far:g}" if depth > far else number(depth) for depth in depths)
    return estimate if lower == upper else f"{estimate} [{lower}, {upper}]"


def fit_table(analysis: Analysis) -> pd.DataFrame:
    """The fits: depths they hold on, floor as a standard deviation, decay rate, optimal depth."""
    rows = []
    for task, fit in analysis.fits.items():
        best, limits = analysis.optima[task], fit.conf_int()
        floor, rate = (
            (fit.params[name], *limits.loc[name, ["lower", "upper"]]) for name in ("intrinsic_limit", "decay_rate")
        )
        parts = fit.curve.parts
        of_rows = "–" if parts is None else f"{parts[-1].rows_share:.0%} ({parts[-1].rows})"
        rows.append(
            {
                "task": task,
                "runs": fit.fresh.curve.n_runs if isinstance(fit, FreshResults) else fit.curve.n_runs,
                "depths": f"{fit.fitted.depth[0]:g}–{fit.fitted.depth[-1]:g}",
                "sd of the floor": interval(*np.sqrt(floor)),
                "alpha": interval(*rate) + ("" if fit.identified else " not identified"),
                "lack of fit p": "–" if np.isnan(fit.burn_in.p_value) else f"{fit.burn_in.p_value:.2f}",
                **_optimum(best),
                "rows' share": of_rows,
            }
        )
    table = pd.DataFrame(rows)
    return table if any(fit.curve.parts for fit in analysis.fits.values()) else table.iloc[:, :-1]


def _optimum(best: OptimalDepth | ProbeChoice) -> dict[str, str]:
    """The best depth, with its interval; of `fresh_run` the best pair of seeds and steps."""
    if isinstance(best, ProbeChoice):
        pays = "–" if np.isnan(best.probability) else f"{best.probability:.2f}"
        pair = f"{best.seeds} x {number(best.depth)}" if best.seeds > 0 else "no probe"
        return {"seeds x steps": pair, "P(so)": pays}
    return {
        "c*": interval(best.depth, *best.conf_int().loc["depth"]), "P(deeper pays)": f"{best.probability_pays:.2f}",
    }  # fmt: skip


def score_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Static scores, one row a task: value and interval of each method."""
    cells = [
        number(value) if np.isnan(lower) else interval(value, lower, upper)
        for value, lower, upper in scores[["value", "lower", "upper"]].itertuples(index=False)
    ]
    out = scores.assign(cell=cells).pivot_table(index="task", columns="method", values="cell", aggfunc="first")
    return out.loc[pd.unique(scores["task"]), pd.unique(scores["method"])].reset_index().rename_axis(columns=None)
