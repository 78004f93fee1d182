"""What `RunsExplorer` does, as Python that is run and shown; the arguments of `pl.read_runs` as texts of a page."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import predictlab as pl
from predictlab.errors import UnusualInput, bad_argument

ARGUMENTS = ("metric", "task", "seed", "run", "depth", "steps_per_epoch", "keep", "format", "columns", "strict")
NUMBERS = ("steps_per_epoch",)
WIDE = 100  # characters of a line of code that a page shows
_LITERAL = re.compile(r"""^\s*([\[{(]|r?["'])""")
_PATTERN = re.compile(r"^\s*re\.compile\((.*)\)\s*$", re.DOTALL)
_NAMED = re.compile(rf"\b({'|'.join([*ARGUMENTS, 'margin', 'budget'])})=")
_FOR_COLUMNS = {"names of metrics": "metric", "value": "value", "seconds": "seconds", "flops": "flops"}
_BY_NAME = ("depth", "run", "seed", "task")


# -- arguments and texts ----------------------------------------------------------------------------------------------


def argument_of(name: str, text: str) -> Any:
    """The value that a text in a field stands for: a plain word, a number where one is meant, or Python as in a call.

    Parameters
    ----------
    name : str
        One of `ARGUMENTS`.
    text : str
        Empty for an argument that is left out.

    Returns
    -------
    object
        None where it is left out.
    """
    text = text.strip()
    if not text:
        return None
    expected = "a word, or Python such as 'a name', ['a', 'b'], {'a': 'b'} or re.compile('...')"
    if found := _PATTERN.match(text):
        pattern = _literal(name, found[1], expected)
        try:
            return re.compile(pattern)
        except (re.error, TypeError) as error:
            raise bad_argument(name, text, f"a regular expression ({error})") from None
    if _LITERAL.match(text):
        return _literal(name, text, expected)
    if name == "strict":
        return text == "True"
    if name == "seed" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if name in NUMBERS:
        try:
            return float(text)
        except ValueError:
            raise bad_argument(name, text, "a number") from None
    return text


def _literal(name: str, text: str, expected: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise bad_argument(name, text, expected) from None


def text_of(value: Any) -> str:
    """The text that `argument_of` reads as `value`."""
    if value is None:
        return ""
    if isinstance(value, str) and not _LITERAL.match(value) and not _PATTERN.match(value) and value.strip() == value:
        return value
    return python_of(value)


def python_of(value: Any) -> str:
    """A value as it stands in a call."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.0f}"
    if isinstance(value, re.Pattern):
        return f"re.compile({value.pattern!r})"
    return repr(value)


def call_of(function: str, arguments: list[str]) -> str:
    """A call as one would write it: where it is long an argument a line, so that none is out of sight."""
    line = f"{function}({', '.join(arguments)})"
    return line if len(line) <= WIDE else f"{function}(\n" + "".join(f"    {one},\n" for one in arguments) + ")"


def arguments_named(text: str) -> list[str]:
    """Arguments that an error speaks of, in the order in which it does."""
    return list(dict.fromkeys(_NAMED.findall(text)))


def offer_of(error: str, source: Any) -> dict[str, Any]:
    """Arguments that answer a question in one go, for who can say so; empty where the question is no such one.

    Parameters
    ----------
    error : str
        Of `pl.read_runs`.
    source : object
        Whose name the task gets.

    Returns
    -------
    dict
        ``says`` (what is claimed by it) and ``arguments``.
    """
    first = source[0] if isinstance(source, list) and source else source
    name = PurePath(first).stem if isinstance(first, str) else ""
    arguments: dict[str, Any] = {"task": re.sub(r"\W+$", "", name.split("*")[0]) or "mine"}
    if error.startswith("seed=None") and "seed='enumerate'" in error:
        arguments = {"seed": "enumerate"} | (arguments if "task= is open" in error else {})
        says = "They are independent runs of one recipe"
    elif error.startswith("task=None") and "They differ in" not in error:
        says = "They are all of one task"
    elif error.startswith("metric=None") and (meant := re.search(r"Pass metric='([^']+)'", error)):
        arguments, says = {"metric": meant[1]}, "This one is meant"
    else:
        return {}
    return {"says": says, "arguments": arguments, "text": ", ".join(f"{k}={v!r}" for k, v in arguments.items())}


def with_role(arguments: Mapping[str, Any], column: str, role: str, taken_for: Mapping[str, str]) -> dict[str, Any]:
    """Arguments with which a column is taken for something else.

    Parameters
    ----------
    arguments : mapping
        Those of now.
    column : str
    role : str
        As in ``Contents.columns``; empty for none.
    taken_for : mapping
        What each column is taken for now.

    Returns
    -------
    dict
    """
    new = {name: value for name, value in arguments.items() if not (name in _BY_NAME and value == column)}
    columns = {key: c for key, c in (new.pop("columns", None) or {}).items() if c != column}
    metrics = new.get("metric")
    if role == "metric" or taken_for.get(column) == "metric":
        now = [c for c, taken in taken_for.items() if taken == "metric"] or _names(metrics)
        chosen = [c for c in now if c != column] + ([column] if role == "metric" else [])
        renamed = metrics if isinstance(metrics, Mapping) else {}
        new.pop("metric", None)
        if chosen:
            one = chosen[0] if len(chosen) == 1 else chosen
            new["metric"] = {c: renamed.get(c, c) for c in chosen} if renamed else one
    if role in _BY_NAME:
        new[role] = column
    elif role in _FOR_COLUMNS:
        columns[_FOR_COLUMNS[role]] = column
    return new | ({"columns": columns} if columns else {})


def _names(metric: Any) -> list[str]:
    return [metric] if isinstance(metric, str) else list(metric or ())


# -- the script -------------------------------------------------------------------------------------------------------


class Script:
    """Lines of Python that are run one by one in names of their own, and kept as they ran.

    Attributes
    ----------
    names : dict
        What the lines have assigned.
    cautions : list of str
        Warnings of arguments that look unlike what was measured, from the last stage.
    """

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"pl": pl, "re": re}
        self.cautions: list[str] = []
        self._lines: dict[str, list[str]] = {"read": [], "fit": [], "phase": []}  # in the order of the work

    def begin(self, stage: str) -> None:
        """Forget the lines of a stage."""
        self._lines[stage], self.cautions = [], []

    def run(self, stage: str, line: str) -> None:
        """Run a line and keep it; one that fails is kept with what went wrong.

        Parameters
        ----------
        stage : str
        line : str
        """
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                exec(compile(line, "<RunsExplorer>", "exec"), self.names)
        except Exception as error:
            text = f"{type(error).__name__}: {error}".replace("\n", " ")
            kept = [line] if stage == "read" else [f"# {part}" for part in line.split("\n")]
            self._lines[stage] += [*kept, *(f"# {part}" for part in textwrap.wrap(text, 96))]
            raise
        said = [str(w.message) for w in caught if issubclass(w.category, UnusualInput)]
        self.cautions = list(dict.fromkeys([*self.cautions, *said]))
        self._lines[stage].append(line)

    def keep(self, stage: str, line: str) -> None:
        """Keep a line that needs no running: a comment, or what was run before with the same result."""
        self._lines[stage].append(line)

    def __str__(self) -> str:
        parts = ["\n".join(lines) for lines in self._lines.values() if lines]
        head = ["import predictlab as pl"]
        if any("re.compile(" in part for part in parts):
            head.insert(0, "import re\n")
        return "\n\n".join(["\n".join(head), *parts]) if parts else ""


def reading(source: Any, arguments: Mapping[str, Any], dropped: bool) -> Iterator[str]:
    """Lines that read a source: a comment on what it is, where that is needed, and the call."""
    shown = "table" if hasattr(source, "columns") else python_of(source)
    if shown == "table":
        yield "# table: the DataFrame that the widget was given"
    if dropped:
        yield "# a copy of what was dropped, for as long as the kernel runs; your own path goes here"
    said = [f"{name}={python_of(arguments[name])}" for name in ARGUMENTS if name in arguments]
    yield call_of("runs, report = pl.read_runs", [shown, *said, "report=True"])
