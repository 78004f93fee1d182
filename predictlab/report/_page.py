"""The report: one HTML page with its charts inside, readable without a network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from predictlab.phase import UNDETERMINED
from predictlab.planning import half_width
from predictlab.report._analysis import Analysis
from predictlab.report._tables import fit_table, phase_table, score_table
from predictlab.risk import ESTIMATORS, QUESTIONS


def write_report(
    path: str | PathLike[str],
    analysis: Analysis,
    *,
    scores: pd.DataFrame | None = None,
    tasks: pd.DataFrame | None = None,
    title: str = "predictlab report",
    facts: Sequence[str] = (),
) -> Path:
    """Write an analysis as one HTML page that needs no network.

    Parameters
    ----------
    path : path
        File to write; its folder is made.
    analysis : Analysis
        What `pl.analyse` returned.
    scores : pandas.DataFrame, optional
        Static scores: columns ``task, method, value, lower, upper``.
    tasks : pandas.DataFrame, optional
        What each task is; shown as it is.
    title : str
        Heading of the page.
    facts : sequence of str
        How it was measured; one sentence each.

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> import predictlab as pl
    >>> runs = pl.worlds.MartingaleWorld(0.0001, 0.01, 1.0).source(seed=0)([4, 8, 16, 32, 64], range(16))
    >>> analysis = pl.analyse(runs, tolerance=0.001, budget=32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = pl.report.write_report(f"{folder}/report.html", analysis).read_text()
    >>> "<svg" in page, "<script" in page
    (True, False)
    """
    import altair as alt
    from jinja2 import Environment, FileSystemLoader

    from predictlab.charts import decay_chart, mean_curve_chart, questions_chart, svg

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    fits = analysis.fits.values()
    tolerance, budget = analysis.tolerance, analysis.budget
    curves = []
    for fit in fits:  # the risk, and beside it what the metric does meanwhile
        curves.append(decay_chart(fit, tolerance=tolerance, budget=budget, width=330, height=210))
        if fit.question == "agreement" and fit.curve.mean is not None:
            curves.append(mean_curve_chart(fit.curve, width=330, height=210))
    pairs = [alt.hconcat(*curves[i : i + 2]) for i in range(0, len(curves), 2)]
    page = templates.get_template("report.html.j2").render(
        title=title,
        analysis=analysis,
        margin=half_width(tolerance),
        undetermined=UNDETERMINED in set(analysis.phase["regime"]),
        phase=phase_table(analysis),
        diagram=svg(analysis.plot()) if fits else None,
        curves=svg(alt.vconcat(*pairs)) if fits else None,
        asked=svg(questions_chart(analysis.curves)) if analysis.curves else None,
        wanted="seeds should agree within" if analysis.question == "agreement" else "the end should be known within",
        first=next(iter(fits), None),
        fits=fit_table(analysis),
        estimators=ESTIMATORS,
        questions=QUESTIONS,
        sampling={name: np.sqrt(fit.curve.sampling_error or 0.0) for name, fit in analysis.fits.items()},
        scores=None if scores is None else score_table(scores),
        tasks=tasks,
        facts=facts,
        made=f"{date.today():%Y-%m-%d}, predictlab {version('predictlab')}",
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path
