"""The report of a tour: one HTML page with its charts inside, readable without a network."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from predictlab.decay._draws import CROSS_BEYOND
from predictlab.phase import UNDETERMINED
from predictlab.planning._sentences import margin
from predictlab.report._analysis import Analysis
from predictlab.risk import ESTIMATORS, QUESTIONS

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: 14px; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #8884; vertical-align: top; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
figure { margin: 1rem 0; background: #fff; color: #222; padding: .6rem; border-radius: 6px; overflow-x: auto; }
figcaption { font-size: 14px; max-width: 55rem; }
.scroll { overflow-x: auto; } .muted { opacity: .75; } .todo { margin: .4rem 0; }
"""


def number(value: float, digits: int = 3) -> str:
    """A number for people: `digits` significant digits, "–" for NaN, "unbounded" for inf."""
    if value is None or np.isnan(value):
        return "–"
    if np.isinf(value):
        return "unbounded"
    return f"{value:.{digits}g}"


def interval(row: Any, name: str, digits: int = 3) -> str:
    """``estimate [lower, upper]`` from the columns `name`, `name`_lower, `name`_upper of a row."""
    return (
        f"{number(row[name], digits)} [{number(row[name + '_lower'], digits)}, {number(row[name + '_upper'], digits)}]"
    )


def phase_view(analysis: Analysis) -> pd.DataFrame:
    """The phase table as it is printed: regime, its probabilities, and the depth at which the tolerance is met."""
    table = analysis.phase
    out = pd.DataFrame({"task": table["task"], "regime": table["regime"]})
    for column, name in (
        ("p_static_sufficient", "P(static)"), ("p_dynamic_critical", "P(dynamic)"), ("p_noise_dominant", "P(noise)")
    ):  # fmt: skip
        out[name] = [f"{v:.2f}" if pd.notna(v) else "–" for v in table.get(column, pd.Series(np.nan, table.index))]
    if "crossing_budget" in table:
        out["c_tau [95 %]"] = [_crossing(analysis, r) for _, r in table.iterrows()]
    return out


def _crossing(analysis: Analysis, row: Any) -> str:
    """``c_tau`` with its interval; far beyond what was measured the law says no more than that."""
    if pd.isna(row["crossing_budget"]):
        return "–"
    far = CROSS_BEYOND * float(np.asarray(analysis.fits[row["task"]].fitted.depth)[-1])
    ends = [
        f"> {far:g}" if v > far else number(v) for v in row[["crossing_budget", "crossing_lower", "crossing_upper"]]
    ]
    return ends[0] if ends[1] == ends[2] else f"{ends[0]} [{ends[1]}, {ends[2]}]"


def fit_view(analysis: Analysis) -> pd.DataFrame:
    """The fits as they are printed."""
    table = analysis.fit_table()
    if table.empty:
        return table
    return pd.DataFrame(
        {
            "task": table["task"],
            "runs": table["runs"],
            "depths": [f"{r.fitted_from:g}–{r.fitted_to:g}" for r in table.itertuples()],
            "sd of the floor": [
                interval({f"s{end}": np.sqrt(r[f"intrinsic_limit{end}"]) for end in ("", "_lower", "_upper")}, "s")
                for _, r in table.iterrows()
            ],
            "alpha": [
                interval(r, "decay_rate") + ("" if r["identified"] else " not identified")
                for _, r in table.iterrows()
            ],
            "lack of fit p": [f"{p:.2f}" for p in table["lack_of_fit_p"]],
            "c*": [interval(r, "optimal_depth") for _, r in table.iterrows()],
            "P(pays)": [f"{p:.2f}" for p in table["probability_pays"]],
        }
    )  # fmt: skip


def score_view(scores: pd.DataFrame) -> pd.DataFrame:
    """Static scores, one row a task: value and interval of each method."""
    cells = scores.assign(
        cell=[
            number(r["value"]) + (f" [{number(r['lower'])}, {number(r['upper'])}]" if pd.notna(r["lower"]) else "")
            for _, r in scores.iterrows()
        ]
    )  # fmt: skip
    out = cells.pivot_table(index="task", columns="method", values="cell", aggfunc="first")
    return out.loc[list(dict.fromkeys(scores["task"])), list(dict.fromkeys(scores["method"]))].reset_index()


def _table(frame: pd.DataFrame) -> str:
    body = frame.rename_axis(columns=None).to_html(index=False, border=0, escape=True)
    return f'<div class="scroll">{body}</div>'


def _figure(chart: Any, caption: str) -> str:
    from predictlab.charts import svg

    return f"<figure>{svg(chart)}<figcaption>{html.escape(caption)}</figcaption></figure>"


def write_report(
    path: str | Path,
    analysis: Analysis,
    scores: pd.DataFrame,
    tasks: pd.DataFrame,
    title: str,
    facts: list[str],
) -> Path:
    """Write the page.

    Parameters
    ----------
    path : path
    analysis : Analysis
    scores : pandas.DataFrame
        Columns ``task, method, value, lower, upper``.
    tasks : pandas.DataFrame
        What each task is; shown as it is.
    title : str
    facts : list of str
        How it was measured; one sentence each.
    """
    import altair as alt

    from predictlab.charts import decay_chart, phase_diagram

    a = analysis
    parts = [f"<h1>{html.escape(title)}</h1>"]
    parts.append(
        f"<p>Tolerance: seeds should agree within <b>±{margin(a.tolerance):.3f}</b> (95 %; tau = {a.tolerance:.3g}). "
        f"Budget: <b>{a.budget:g} steps</b> a task. Price: {a.exchange_rate:.2g} metric² a step.</p>"
    )
    parts.append("<h2>What to do</h2>")
    parts += [
        f'<p class="todo"><b>{html.escape(str(r["task"]))}</b> — {html.escape(str(r["regime"]))}. '
        f"{html.escape(str(r['todo']))}</p>"
        for _, r in a.phase.iterrows()
    ]
    if a.missing_regimes:
        parts.append(f"<p>No task was found to be {' or '.join(a.missing_regimes)} at this tolerance and budget.</p>")
    if UNDETERMINED in set(a.phase["regime"]):
        parts.append('<p class="muted">Undetermined: no regime reaches the asked probability with these runs.</p>')
    parts += ["<h2>Phase table</h2>", _table(phase_view(a))]
    if a.fits:
        first = next(iter(a.fits.values()))
        parts.append(
            _figure(
                phase_diagram(a.placed, tolerance=a.tolerance, budget=a.budget),
                "Each task at the median of its fit's draws, with 95 % intervals; what lies below a thousandth of the "
                "tolerance stands at the edge.",
            )
        )
        charts = [
            decay_chart(f, tolerance=a.tolerance, budget=a.budget, width=330, height=210) for f in a.fits.values()
        ]
        rows = [alt.hconcat(*charts[i : i + 2]) for i in range(0, len(charts), 2)]
        parts += [
            "<h2>Risk curves</h2>",
            f"<p>{html.escape(first.curve.estimator)}: {html.escape(ESTIMATORS[first.curve.estimator])}. "
            f"It answers: {html.escape(QUESTIONS[first.question])}.</p>",
            _figure(
                alt.vconcat(*rows),
                "Points: variance over seeds with its 95 % chi² interval. Line and band: the fitted law and its 95 % "
                "interval, from the burn-in on. Dashed: the tolerance. Dotted: the budget.",
            ),
            "<h2>Fits</h2>",
            _table(fit_view(a)),
            '<p class="muted">Standard deviation of the floor and decay rate with 95 % profile intervals; c* with the '
            "95 % interval of the fit's draws, 0 where probing does not pay; P(pays): share of the draws in which it "
            "does.</p>",
        ]
        sampling = {n: f.curve.sampling_error for n, f in a.fits.items() if f.curve.sampling_error}
        if sampling:
            listed = ", ".join(f"{html.escape(n)} {np.sqrt(v):.3f}" for n, v in sampling.items())
            parts.append(
                f"<p>Sampling error of the evaluation sets (sd; not in the floor: seeds share a set): {listed}.</p>"
            )
    parts += ["<h2>Static scores, before any training</h2>", _table(score_view(scores))]
    parts += ["<h2>Tasks</h2>", _table(tasks), "<h2>How it was measured</h2>"]
    parts.append("<ul>" + "".join(f"<li>{html.escape(f)}</li>" for f in facts) + "</ul>")
    page = (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path
