"""What is on the page where no widget can run: GitHub, nbconvert, a notebook reopened without its kernel.

JupyterLab shows a reopened widget whose model is gone as the bare words "model not found", whatever else the output
holds. So picture and table are outputs of their own, after the widget's (the live widget need not wait until they are
drawn). The live widget hides them by a style sheet that it adds to the page, and puts them back when it goes away. A
browser reveals them only after two seconds, so that they do not flash up while the widget loads.
"""

from __future__ import annotations

import base64
import html as _html
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.display import display

if TYPE_CHECKING:
    from predictlab_widgets._base import Widget

MAX_ROWS = 50
_LATE = (
    "<style>@keyframes predictlab-late{from,to{max-height:0;overflow:hidden;opacity:0}}"
    ".jp-OutputArea-child:has(+ .jp-OutputArea-child .predictlab-late.predictlab-pictured),"
    ".predictlab-late{animation:predictlab-late 2s}</style>"
)


@dataclass(frozen=True)
class Summary:
    """State of a widget for a page without scripts.

    Attributes
    ----------
    title : str
        What it is.
    state : str
        Where the controls stand, in plain text.
    columns : sequence of str
    rows : iterable of sequence of str
        Plain text; escaped when it is written.
    words : int
        How many columns, from the left, hold words rather than numbers.
    """

    title: str
    state: str
    columns: Sequence[str]
    rows: Iterable[Sequence[str]]
    words: int = 1


def html(widget: Widget, late: bool = False) -> str:
    """Table of the widget's state as HTML that needs no script.

    Parameters
    ----------
    widget : Widget
    late : bool
        Whether it stands below the picture, and a browser waits two seconds before it shows both.
    """
    summary = widget._summary()

    def line(tag: str, cells: Sequence[str]) -> str:
        left = ' style="text-align:left"'
        inner = (
            f"<{tag}{left if i < summary.words else ''}>{_html.escape(str(c))}</{tag}>" for i, c in enumerate(cells)
        )
        return f"<tr>{''.join(inner)}</tr>"

    names = f"predictlab-fallback predictlab-fallback-{widget._uid}"
    if late:
        names += " predictlab-late predictlab-pictured"
    body = "".join(line("td", row) for row in summary.rows)
    return (
        f'{_LATE if late else ""}<div class="{names}"><p><b>{_html.escape(summary.title)}</b> '
        f"{_html.escape(summary.state)} <i>Run the cell for the interactive form.</i></p>"
        f"<table><thead>{line('th', summary.columns)}</thead><tbody>{body}</tbody></table></div>"
    )


def bundle(widget: Widget) -> dict[str, str]:
    """Picture and table, for an output that holds them beside the widget."""
    return {"text/html": html(widget), "image/png": base64.b64encode(widget._picture()).decode()}


def display_with_fallback(widget: Widget, view: tuple[dict[str, Any], dict[str, Any]] | None) -> None:
    """Publish `view`, the widget's own bundle, then its picture and its table: three outputs of the running cell."""
    if view is None:
        return
    data, metadata = view
    display(data | {"text/plain": repr(widget)}, metadata=metadata, raw=True)
    names = (uuid.uuid4().hex, uuid.uuid4().hex)
    widget._displayed.append(names)
    _publish(widget, [names])


def refresh(widget: Widget) -> None:
    """Put the present state in place of what is on the page for when the widget cannot run; safe from any thread."""
    if widget._displayed:
        _publish(widget, widget._displayed, update=True)


def _publish(widget: Widget, outputs: Iterable[tuple[str, str]], update: bool = False) -> None:
    """Picture and table, as two outputs of these names."""
    formats = {"image/png": base64.b64encode(widget._picture()).decode(), "text/html": html(widget, late=True)}
    for names in outputs:
        for (kind, content), name in zip(formats.items(), names, strict=True):
            display({kind: content, "text/plain": repr(widget)}, raw=True, display_id=name, update=update)
