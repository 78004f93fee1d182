"""Altair charts of every result, and a renderer that needs no network.

Each takes results or the tables that the library gives, and returns an altair chart: ``.properties()``, ``.save()`` and
``|`` work on it. When the package is first used it switches on its renderer, unless another was chosen before.
"""

import altair as _alt

from predictlab.charts._allocation import allocation_chart, frontier_chart
from predictlab.charts._comparing import comparison_chart, noise_chart, power_chart
from predictlab.charts._decay import decay_chart, decay_diagnostics_chart, mean_curve_chart, risk_curve_chart
from predictlab.charts._decomposition import risk_decomposition_chart
from predictlab.charts._forecast import forecast_chart
from predictlab.charts._phase import phase_diagram, phase_planes
from predictlab.charts._probe import probe_chart, runs_chart
from predictlab.charts._questions import questions_chart
from predictlab.charts._render import enable, png, svg
from predictlab.charts._scores import rankings_chart, scores_chart
from predictlab.charts._selection import selection_chart

__all__ = [
    "allocation_chart", "comparison_chart", "decay_chart", "decay_diagnostics_chart", "enable", "forecast_chart",
    "frontier_chart", "mean_curve_chart", "noise_chart", "phase_diagram", "phase_planes", "png", "power_chart",
    "probe_chart", "questions_chart", "rankings_chart", "risk_curve_chart", "risk_decomposition_chart", "runs_chart",
    "scores_chart", "selection_chart", "svg",
]  # fmt: skip

if _alt.renderers.active == "default":
    enable()


def __dir__() -> list[str]:
    return list(__all__)
