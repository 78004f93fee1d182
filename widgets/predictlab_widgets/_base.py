"""`Widget`: an AnyWidget with its files in ``static/``, that leaves a picture and a table where it cannot run.

That is on GitHub, with nbconvert, in a notebook reopened without its kernel. JupyterLab shows a reopened widget whose
model is gone as the bare words "model not found", whatever else the output holds. So picture and table are outputs of
their own, after the widget's (the live widget need not wait until they are drawn). The live widget hides them by a
style sheet that it adds to the page, and puts them back when it goes away. A browser reveals them only after two
seconds, so that they do not flash up while the widget loads.
"""

from __future__ import annotations

import base64
import html
import inspect
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import anywidget
import numpy as np
import pandas as pd
import traitlets
from IPython.display import display
from numpy.typing import ArrayLike

from predictlab.budget import FreshRun, checked_fits
from predictlab.decay import DecayResults
from predictlab.errors import bad_argument

if TYPE_CHECKING:
    import altair as alt

Chart: TypeAlias = "alt.LayerChart | alt.HConcatChart | alt.VConcatChart | alt.ConcatChart"
# Bundled from widgets/js (see its build.js); paths, so that ANYWIDGET_HMR=1 loads them again at every change.
STATIC = Path(__file__).parent / "static"
MAX_ROWS = 50  # of tasks, in a table for a page without scripts
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


class Widget(anywidget.AnyWidget):
    """Base of the widgets here; a subclass has a `chart`, and says in `_summary` what a page without scripts shows.

    A subclass calls ``__init__`` last, with the keywords that it has no parameter for: this opens the channel to the
    page, which then gets everything in one message, and nothing of a refused call.
    """

    _uid = traitlets.Unicode().tag(sync=True)  # by it the live view finds and hides its own fallback

    def __init__(self, **kwargs: object) -> None:
        unknown = kwargs.keys() - {"layout"}
        if unknown:
            own = inspect.signature(type(self)).parameters.values()
            known = [p.name for p in own if p.kind is p.KEYWORD_ONLY] + ["layout"]
            raise bad_argument(f"{type(self).__name__}()", min(unknown), f"one of the keywords {', '.join(known)}")
        self._uid = uuid.uuid4().hex[:12]
        self._displayed: list[tuple[str, str]] = []  # names of its outputs that can be put in place anew
        super().__init__(**{name: value for name, value in kwargs.items() if value is not None})

    def chart(self) -> Chart:
        """Static altair chart of the current state."""
        raise NotImplementedError

    def _summary(self) -> Summary:
        """The state in words and a table."""
        raise NotImplementedError

    def _own_request(self) -> str:
        """Name for a change made in Python, as the page names its requests: every answer says whose it is."""
        self._own_requests = getattr(self, "_own_requests", 0) + 1
        return f"kernel {self._own_requests}"

    def _set_traits(self, **values: Any) -> None:
        """Set traits, read-only ones too, and let observers hear of all of them together."""
        with self.hold_trait_notifications():
            for name, value in values.items():
                self.set_trait(name, value)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return data | self._fallback(), metadata

    def _ipython_display_(self, **kwargs: Any) -> None:
        """Publish the live view, then its picture and its table: three outputs of the running cell."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            data, metadata = bundle
            display(data | {"text/plain": repr(self)}, metadata=metadata, raw=True)
            names = (uuid.uuid4().hex, uuid.uuid4().hex)
            self._displayed.append(names)
            self._publish([names])

    def _update_fallback(self) -> None:
        """Put the present state in place of what is on the page for when this cannot run; safe from any thread."""
        if self._displayed:
            self._publish(self._displayed, update=True)

    def _publish(self, outputs: list[tuple[str, str]], update: bool = False) -> None:
        """Picture and table, as two outputs of these names."""
        formats = self._fallback(late=True).items()
        for names in outputs:
            for (kind, content), name in zip(formats, names, strict=True):
                display({kind: content, "text/plain": repr(self)}, raw=True, display_id=name, update=update)

    def _fallback(self, late: bool = False) -> dict[str, str]:
        """Picture and table of the current state, by their formats."""
        from predictlab import charts

        picture = base64.b64encode(charts.png(self.chart())).decode()
        return {"image/png": picture, "text/html": self._html(late)}

    def _html(self, late: bool = False) -> str:
        """Table of the state as HTML that needs no script.

        Parameters
        ----------
        late : bool
            Whether it stands below the picture, and a browser waits two seconds before it shows both.
        """
        summary = self._summary()

        def line(tag: str, cells: Sequence[str]) -> str:
            left = ' style="text-align:left"'
            inner = (f"<{tag}{left if i < summary.words else ''}>{html.escape(c)}</{tag}>" for i, c in enumerate(cells))
            return f"<tr>{''.join(inner)}</tr>"

        names = f"predictlab-fallback predictlab-fallback-{self._uid}"
        if late:
            names += " predictlab-late predictlab-pictured"
        body = "".join(line("td", row) for row in summary.rows)
        return (
            f'{_LATE if late else ""}<div class="{names}"><p><b>{html.escape(summary.title)}</b> '
            f"{html.escape(summary.state)} <i>Run the cell for the interactive form.</i></p>"
            f"<table><thead>{line('th', summary.columns)}</thead><tbody>{body}</tbody></table></div>"
        )


class FitsWidget(Widget):
    """Base of the widgets over many tasks: their fits, of one question and one metric, and how these are drawn from.

    Attributes
    ----------
    fits : dict of str to DecayResults
    task_names : list of str
    """

    _names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _fixed = traitlets.Dict().tag(sync=True)  # numbers that no control changes

    def _take(
        self, fits: Mapping[str, DecayResults | FreshRun], draws: int, rng: int | np.random.Generator | None, hint: str
    ) -> None:
        self.fits = {str(name): fit for name, fit in checked_fits(fits).items()}
        for what in ("question", "metric"):
            kinds = sorted({getattr(fit.curve, what) for fit in self.fits.values()})
            if len(kinds) > 1:
                raise bad_argument("fits", kinds, f"fits of one {what}", hint)
        self.task_names = self._names = list(self.fits)
        # The seed to draw with again and again: a generator gives one, once.
        seed = int(rng.integers(2**31)) if isinstance(rng, np.random.Generator) else rng
        self._drawn: dict[str, Any] = {"draws": draws, "rng": seed}

    def _first_of(self) -> str:
        """That not all tasks are in the table; empty where they are."""
        return f" The first {MAX_ROWS} of {len(self.fits)} tasks." if len(self.fits) > MAX_ROWS else ""


def to_jsonable(value: Any) -> Any:
    """The same in lists and dicts; numbers that JSON does not have as the words by which JavaScript reads them."""
    if isinstance(value, dict):
        return {str(k): to_jsonable(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | pd.Series):
        return to_jsonable(value.tolist())
    if isinstance(value, list | tuple):
        return [to_jsonable(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def to_bytes(values: ArrayLike) -> bytes:
    """Numbers as a ``Float64Array`` of the page reads them."""
    return np.ascontiguousarray(values, dtype="<f8").tobytes()


def rounded(value: float, digits: int = 4, *, infinite: str = "unbounded") -> str:
    """A number in words, to so many significant digits."""
    return infinite if math.isinf(value) else "–" if math.isnan(value) else f"{value:.{digits}g}"


def with_interval(value: float, ends: Iterable[float]) -> str:
    """An estimate with its interval, as in ``0.49 [0.31, unbounded]``."""
    return f"{rounded(value, 3)} [{', '.join(rounded(end, 3) for end in ends)}]"
