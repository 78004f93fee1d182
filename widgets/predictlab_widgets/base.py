"""`Widget`: an AnyWidget made of small files, that leaves a picture and a table where it cannot run."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from predictlab.errors import bad_argument
from predictlab_widgets import fallback

_HERE = Path(__file__).parent


def module(*names: str) -> str:
    """One JavaScript module for the page from the files `names` beside this one, in order."""
    return "\n".join((_HERE / f"{name}.js").read_text("utf-8") for name in ("page", *names))


def stylesheet(*names: str) -> str:
    """One style sheet from the files `names` beside this one, in order."""
    return "\n".join((_HERE / f"{name}.css").read_text("utf-8") for name in ("page", *names))


class Widget(anywidget.AnyWidget):
    """Base of the widgets here; a subclass has a `chart`, and says in `_summary` what a page without scripts shows."""

    _uid = traitlets.Unicode().tag(sync=True)  # by it the live view finds and hides its own fallback

    def __init__(self, **kwargs: Any) -> None:
        self._uid = uuid.uuid4().hex[:12]
        self._displayed: list[tuple[str, str]] = []  # names of its outputs that can be put in place anew
        super().__init__(**kwargs)

    def chart(self) -> Any:
        """Static altair chart of the current state."""
        raise NotImplementedError

    def _summary(self) -> fallback.Summary:
        """The state in words and a table."""
        raise NotImplementedError

    def _picture(self) -> bytes:
        """PNG of the current state."""
        from predictlab import charts

        return charts.png(self.chart())

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return data | fallback.bundle(self), metadata

    def _ipython_display_(self, **kwargs: Any) -> None:
        fallback.display_with_fallback(self, super()._repr_mimebundle_(**kwargs))


def refuse_unknown(call: str, unknown: dict[str, Any], known: str) -> None:
    """The error for a misspelt keyword, with the known ones."""
    if unknown:
        raise bad_argument(call, next(iter(unknown)), f"one of the keywords {known}")
