"""What is on the page where no widget can run: GitHub, nbconvert, a notebook reopened without its kernel.

JupyterLab shows a reopened widget whose model is gone as the bare words "model not found", whatever else the output
holds. So picture and table are outputs of their own, after the widget's (the live widget need not wait until they are
drawn). The live widget hides them by a style sheet that it adds to the page, and puts them back when it goes away. A
browser reveals them only after two seconds, so that they do not flash up while the widget loads.
"""

from __future__ import annotations

import html as _html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
