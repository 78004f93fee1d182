"""`Widget`: an AnyWidget with its files in ``static/``, that leaves a picture and a table where it cannot run."""

from __future__ import annotations

import base64
import inspect
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import anywidget
import traitlets
from IPython.display import display

from predictlab.errors import bad_argument
from predictlab_widgets import _fallback

if TYPE_CHECKING:
    import altair as alt

Chart: TypeAlias = "alt.LayerChart | alt.HConcatChart | alt.VConcatChart | alt.ConcatChart"
# Bundled from widgets/js (see its build.js); paths, so that ANYWIDGET_HMR=1 loads them again at every change.
STATIC = Path(__file__).parent / "static"


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

    def _summary(self) -> _fallback.Summary:
        """The state in words and a table."""
        raise NotImplementedError

    def _picture(self) -> bytes:
        """PNG of the current state."""
        from predictlab import charts

        return charts.png(self.chart())

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
        picture = base64.b64encode(self._picture()).decode()
        return data | {"text/html": _fallback.html(self), "image/png": picture}, metadata

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
        picture = base64.b64encode(self._picture()).decode()
        formats = {"image/png": picture, "text/html": _fallback.html(self, late=True)}
        for names in outputs:
            for (kind, content), name in zip(formats.items(), names, strict=True):
                display({kind: content, "text/plain": repr(self)}, raw=True, display_id=name, update=update)
