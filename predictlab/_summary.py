"""The text of a result: read as text when it is printed, as tables where a notebook shows the last line of a cell."""

from __future__ import annotations

import html

import pandas as pd


class Summary:
    """Lines and tables, shown one under the other.

    Parameters
    ----------
    title : str
        First line, in bold in a notebook.
    *parts : str or pandas.DataFrame
        Lines, and tables that are shown with four digits; the index of a table only where it has names.

    Examples
    --------
    >>> print(Summary("A title", "a line", pd.DataFrame({"depth": [4.0, 8.0], "risk": [0.5, 0.123456]})))
    A title
    a line
     depth   risk
         4    0.5
         8 0.1235
    """

    def __init__(self, title: str, *parts: str | pd.DataFrame) -> None:
        self.title = title
        self.parts = parts

    def __str__(self) -> str:
        return "\n".join([self.title, *(p if isinstance(p, str) else p.to_string(**_style(p)) for p in self.parts)])

    __repr__ = __str__

    def __contains__(self, text: str) -> bool:
        return text in str(self)

    def _repr_html_(self) -> str:
        lines = [f"<b>{html.escape(self.title)}</b>"]
        for part in self.parts:
            lines.append(html.escape(part) + "<br>" if isinstance(part, str) else part.to_html(**_style(part)))
        return lines[0] + "<br>" + "".join(lines[1:])


class Summarised:
    """A result that is shown by its summary."""

    def summary(self) -> Summary:
        """What the result says."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def _style(table: pd.DataFrame) -> dict[str, object]:
    named = not isinstance(table.index, pd.RangeIndex)
    return {"index": named, "float_format": lambda v: f"{v:.4g}"}


def time_in_words(seconds: float) -> str:
    """A time as people say it.

    Examples
    --------
    >>> [time_in_words(s) for s in (0.25, 42, 90, 7200)]
    ['0.25 s', '42 s', '1.5 min', '2 h']
    """
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
