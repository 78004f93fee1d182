"""What a reader did: read, left out, assumed. Collected while reading, handed over as an `ImportReport`."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from predictlab._summary import Summarised, Summary
from predictlab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ImportNotice(UserWarning):
    """Something that `read_runs` assumed or left out, and that changes what the runs say."""


@dataclass(frozen=True, repr=False)
class ImportReport(Summarised):
    """What `read_runs` did with a source.

    Parameters
    ----------
    format : str
        Format that the source was read as.
    files : tuple of str
        Files read (run folders for MLflow's file store); empty for a DataFrame.
    runs, rows : int
        Runs, and measurements (rows of the frame).
    metrics : tuple of str
        Names in the frame.
    left_out : tuple of str
        What is in the source but not in the frame, each with its reason.
    assumed : tuple of str
        What the source does not say and was taken to be so; ``strict=True`` makes each of these an error.
    noticed : tuple of str
        What was read as it stands, but looks odd.
    taken_for : mapping of str to str
        What each column (of a table), metric or param (of other formats) was taken for, where it has a part in the
        answer: ``"depth"``, ``"seed"``, ``"metric"``, ``"recipe"`` and so on; see `predictlab.runs.contents`.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> log = pd.DataFrame({"seed": [0, 0, 1, 1], "step": [10, 20, 10, 20], "accuracy": [0.5, 0.7, 0.6, 0.8]})
    >>> _, report = pl.read_runs(log, report=True)
    >>> report.runs, report.rows, report.assumed
    (2, 4, ())
    """

    format: str
    files: tuple[str, ...]
    runs: int
    rows: int
    metrics: tuple[str, ...]
    left_out: tuple[str, ...]
    assumed: tuple[str, ...]
    noticed: tuple[str, ...]
    taken_for: Mapping[str, str] = field(default_factory=dict)

    def frame(self) -> pd.DataFrame:
        """Tabulate what was left out, assumed and noticed.

        Returns
        -------
        pandas.DataFrame
            ``kind`` (left out, assumed, noticed) and ``what``.
        """
        kinds = {"left out": self.left_out, "assumed": self.assumed, "noticed": self.noticed}
        return pd.DataFrame([(k, w) for k, every in kinds.items() for w in every], columns=["kind", "what"])

    def summary(self) -> Summary:
        """Say what was done, in lines.

        Returns
        -------
        Summary
        """
        count = f", {len(self.files)} file{'s' if len(self.files) != 1 else ''}" if self.files else ""
        lines = [f"{row.kind}: {row.what}" for row in self.frame().itertuples()]
        metrics = ", ".join(self.metrics)
        title = f"Read as {self.format}{count}: {self.runs} runs, {self.rows} measurements of {metrics}"
        return Summary(title, *(lines or ["Nothing was left out, nothing assumed."]))


class Imported(NamedTuple):
    """Runs and the report on how they were read: what ``read_runs(source, report=True)`` returns.

    Parameters
    ----------
    runs : pandas.DataFrame
        Tidy frame.
    report : ImportReport

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> log = pd.DataFrame({"seed": [0, 0, 1, 1], "step": [10, 20, 10, 20], "accuracy": [0.5, 0.7, 0.6, 0.8]})
    >>> print(pl.read_runs(log, report=True).report)
    Read as table: 2 runs, 4 measurements of accuracy
    Nothing was left out, nothing assumed.
    """

    runs: pd.DataFrame
    report: ImportReport


@dataclass
class Findings:
    """Collects while a source is read.

    Attributes
    ----------
    strict : bool
        Raise instead of assuming.
    taken_for : dict of str to str
        Of each column, metric or param that has a part: which.
    table : pandas.DataFrame or None
        Of tables: as it was found, with the titles that the user knows.
    format, files
        What the source is read as, and from which files.
    """

    strict: bool = False
    left_out: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    noticed: list[str] = field(default_factory=list)
    taken_for: dict[str, str] = field(default_factory=dict)
    table: pd.DataFrame | None = None
    format: str = "table"
    files: list[Path] = field(default_factory=list)
    _loud: list[str] = field(default_factory=list)

    def assume(self, what: str) -> None:
        """Something was taken to be so: a warning, or an error if that is forbidden."""
        if self.strict:
            raise DataError(f"strict=True forbids to assume this: {what}")
        self.assumed.append(what)
        self._loud.append(what)

    def leave_out(self, what: str, loud: bool = True) -> None:
        """Something is not in the frame; silent where that is what anyone would want."""
        self.left_out.append(what)
        if loud:
            self._loud.append(f"left out: {what}")

    def notice(self, what: str) -> None:
        """Something is odd."""
        self.noticed.append(what)
        self._loud.append(what)

    def warn(self, stacklevel: int) -> None:
        """Warn of all that may change what the runs say."""
        for what in dict.fromkeys(self._loud):
            warnings.warn(what, ImportNotice, stacklevel=stacklevel)

    def report(self, format: str, files: Iterable[Path], frame: pd.DataFrame) -> ImportReport:
        """The report on all of it."""
        names = tuple(map(str, files))
        metrics = tuple(map(str, pd.unique(frame["metric"])))
        runs = int(frame["run"].nunique())
        left, assumed, noticed = (tuple(dict.fromkeys(which)) for which in (self.left_out, self.assumed, self.noticed))
        return ImportReport(format, names, runs, len(frame), metrics, left, assumed, noticed, dict(self.taken_for))
