"""What `RunsExplorer` makes of a source: runs, curves, fits, regimes, each by lines of Python that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from predictlab.decay import DecayResults
from predictlab.errors import PredictlabError
from predictlab.risk import RiskCurve
from predictlab.runs import ImportReport, contents
from predictlab_widgets._runs_script import Script, python_of, reading

MIN_RUNS = 3  # as pl.analyse has it: with one degree of freedom a variance is hardly known at all
Found = tuple[RiskCurve | None, DecayResults | None, str]


def in_words(error: Exception) -> str:
    """An error as a text; of one that is none of ours, its kind too."""
    text = str(error) or type(error).__name__
    return text if isinstance(error, PredictlabError) else f"{type(error).__name__}: {text}"


class RunsStudy:
    """One source, and what was made of it.

    Attributes
    ----------
    script : Script
        The lines that ran.
    columns : pandas.DataFrame
        What the source has, as `predictlab.runs.contents` says.
    taken_for : dict of str to str
        What each column was taken for.
    curves : dict of str to RiskCurve
        Of the tasks, for the metric that was fitted last.
    """

    def __init__(self) -> None:
        self.script = Script()
        self.columns = pd.DataFrame()
        self.taken_for: dict[str, str] = {}
        self.curves: dict[str, RiskCurve] = {}
        self._found: dict[tuple[str, str], Found] = {}
        self._place: tuple[Any, ...] = ()

    def read(
        self, source: Any, arguments: Mapping[str, Any], dropped: bool
    ) -> tuple[pd.DataFrame | None, ImportReport | None, str]:
        """Frame and report of a source, or what is wrong or asked."""
        self.script.begin("read")
        self._found = {}
        self.script.names["table"] = source
        frame, report, text = None, None, ""
        try:
            *notes, call = reading(source, arguments, dropped)
            for note in notes:
                self.script.keep("read", note)
            self.script.run("read", call)
            frame, report = (self.script.names[name] for name in ("runs", "report"))
        except Exception as error:  # there is no cell that could fail
            text = in_words(error)
        self._look(source, arguments, report)
        return frame, report, text

    def _look(self, source: Any, arguments: Mapping[str, Any], report: ImportReport | None) -> None:
        """What the source has; what of it has a part is the report's to say, where there is one."""
        place = (id(source) if hasattr(source, "columns") else str(source), arguments.get("format"))
        if report is None or place != self._place:  # else what is there is known, and the report has the rest
            words = {name: value for name, value in arguments.items() if name not in ("keep", "strict")}
            try:
                self.columns = contents(source, **words).columns
            except Exception:  # said by `read`
                self.columns = pd.DataFrame()
            self._place = place
        taken = {} if self.columns.empty else dict(zip(self.columns["name"], self.columns["taken_for"], strict=True))
        self.taken_for = taken if report is None else dict.fromkeys(taken, "") | dict(report.taken_for)

    def begin_fits(self, any_runs: bool) -> None:
        """Forget the curves and fits of before."""
        self.curves = {}
        self.script.begin("fit")
        if any_runs:
            self.script.run("fit", "curves, fits = {}, {}")

    def fit(self, task: str, metric: str) -> tuple[DecayResults | None, str]:
        """Fit of a task, or why there is none; what was made of these runs before is taken as it is."""
        names, key = self.script.names, (task, metric)
        make_curve = f"curves[{task!r}] = pl.risk_curve(runs, {task!r}, metric={metric!r})"
        make_fit = f"fits[{task!r}] = pl.DecayModel(curves[{task!r}]).fit()"
        known = self._found.get(key)
        curve = fit = None
        why = ""
        if known is not None and known[1] is not None:
            curve, fit, why = known
            names["curves"][task], names["fits"][task] = curve, fit
            self.script.keep("fit", make_curve)
            self.script.keep("fit", make_fit)
        else:
            try:
                self.script.run("fit", make_curve)
                curve = names["curves"][task]
                if curve.n_runs is not None and curve.n_runs < MIN_RUNS:
                    why = f"{curve.n_runs} runs; a fit needs at least {MIN_RUNS}. Add runs with other seeds."
                    self.script.keep("fit", f"# no fit of {task!r}: {why}")
                else:
                    self.script.run("fit", make_fit)
                    fit = names["fits"][task]
            except Exception as error:
                why = in_words(error)
            self._found[key] = curve, fit, why
        if curve is not None:
            self.curves[task] = curve
        return fit, why

    def place(self, words: Mapping[str, Any]) -> pd.DataFrame:
        """Regimes of the fits, at a margin and a budget."""
        self.script.run("phase", f"phase = pl.classify(fits, {_call(words)})")
        return self.script.names["phase"]

    def advise(self, words: Mapping[str, Any]) -> dict[str, str]:
        """What to do for each of them."""
        self.script.run("phase", f"advice = pl.advise(fits, {_call(words)})")
        table = self.script.names["advice"]
        return dict(zip(table["task"], table["advice"], strict=True))


def _call(words: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={python_of(value)}" for name, value in words.items())
