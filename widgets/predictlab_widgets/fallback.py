"""What is on the page where no widget can run: GitHub, nbconvert, a notebook reopened without its kernel.

JupyterLab shows a reopened widget whose model is gone as the bare words "model not found", whatever else the output
holds. So the table is an output of its own, before the widget's. The live widget hides it (by a style sheet that it
adds to the page), and puts it back when it goes away. A browser reveals it only after two seconds, so that it does
not flash up while the widget loads.
"""

from __future__ import annotations

import html as _html
from typing import TYPE_CHECKING

from IPython.display import display

from predictlab import phase

if TYPE_CHECKING:
    from predictlab_widgets.phase_diagram import PhaseDiagram

_MAX_ROWS = 50
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def html(widget: PhaseDiagram, late: bool = False) -> str:
    """Table of the widget's state as HTML that needs no script.

    Parameters
    ----------
    widget : PhaseDiagram
    late : bool
        Whether a browser waits two seconds before it shows the table.
    """
    shown = dict(list(widget.fits.items())[:_MAX_ROWS])
    table = phase.classify(shown, tolerance=widget.tolerance, budget=widget.budget, confidence=widget.confidence)
    left = ' style="text-align:left"'
    columns = ("task", "regime", "p static", "p dynamic", "p noise", "crossing budget (steps)")
    head = "".join(f"<th{left if i < 2 else ''}>{name}</th>" for i, name in enumerate(columns))
    rows = []
    for row in table.itertuples():
        regime = row.regime if row.regime != "Undetermined" else f"Undetermined (leans {row.likely})"
        cells = [
            _html.escape(str(row.task)),
            _html.escape(regime),
            *(f"{p:.3f}" for p in (row.p_static_sufficient, row.p_dynamic_critical, row.p_noise_dominant)),
            f"{row.crossing_budget:.4g}" if row.crossing_budget < float("inf") else "never",
        ]
        rows.append("<tr>" + "".join(f"<td{left if i < 2 else ''}>{c}</td>" for i, c in enumerate(cells)) + "</tr>")
    total = len(widget.fits)
    note = f" The first {_MAX_ROWS} of {total} tasks." if total > _MAX_ROWS else ""
    names, style = f"predictlab-fallback predictlab-fallback-{widget._uid}", ""
    if late:
        names += " predictlab-late"
        style = (
            "<style>@keyframes predictlab-late{from,to{max-height:0;overflow:hidden}}"
            ".predictlab-late{animation:predictlab-late 2s}</style>"
        )
    return (
        f'{style}<div class="{names}">'
        f"<p><b>Phase diagram</b> at budget B = {widget.budget:g} steps, tolerance τ = {widget.tolerance:.4g} metric², "
        f"confidence {widget.confidence:g}.{note} <i>Run the cell for the interactive diagram.</i></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def display_with_fallback(widget: PhaseDiagram) -> None:
    """Publish the table, then the widget, as two outputs of the running cell."""
    bundle = widget._repr_mimebundle_()
    if bundle is None:
        return
    data, metadata = bundle
    display({"text/html": html(widget, late=True), "text/plain": repr(widget)}, raw=True)
    view = {"text/plain": repr(widget), _WIDGET_VIEW: data[_WIDGET_VIEW]}
    display(view, metadata=metadata, raw=True)
