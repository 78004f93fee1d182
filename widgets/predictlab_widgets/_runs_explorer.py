"""`RunsExplorer`: from a file of logs to risk curve, fit, regime and advice, with the code that does the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from typing import Any, TypeAlias

import pandas as pd
import traitlets

from predictlab.decay import DecayResults
from predictlab.errors import bad_argument
from predictlab.risk import RiskCurve
from predictlab.runs import ImportReport
from predictlab_widgets._arguments import Number, Scale, Setting
from predictlab_widgets._background import LatestJobRunner
from predictlab_widgets._base import STATIC, Chart, Summary, Widget
from predictlab_widgets._probe_data import Curves, Findings
from predictlab_widgets._runs_page import reading_of, study_of, table_of
from predictlab_widgets._runs_script import ARGUMENTS, argument_of, arguments_named, offer_of, with_role
from predictlab_widgets._runs_study import RunsStudy, in_words
from predictlab_widgets._uploads import Uploads

Source: TypeAlias = "str | PathLike[str] | list[str | PathLike[str]] | pd.DataFrame"
READ, FIT, CLASSIFY, DRAW = range(4)  # stages, each of which needs those before it
STAGE_OF = {"source": READ, "arguments": READ, "metric": FIT, "margin": CLASSIFY, "budget": CLASSIFY, "task": DRAW}
NOTHING = {"depths": [], "seeds": [], "forks": [], "diverged": [], "table": [], "values": b""}  # to draw


class RunsExplorer(Widget):
    """Runs of other tools: choose a file or drop one, see what was made of it, and what follows from it.

    Shows what each column was taken for, which can be changed; what was read, left out and assumed; the risk curve
    and the fit of each task; and, once a margin is given, regimes and advice. Errors are shown with the arguments that
    they speak of. The code shown is what ran.

    Parameters
    ----------
    source : path, list of paths or DataFrame, optional
        As for `pl.read_runs`; it can be chosen or dropped later.
    arguments : mapping, optional
        Of `pl.read_runs`: ``metric``, ``task``, ``seed``, ``run``, ``depth``, ``steps_per_epoch``, ``keep``,
        ``format``, ``columns``, ``strict``.
    metric : str, optional
        Metric of the runs that is shown and fitted; default the first that was read and is none of the training.
    task : str, optional
        Task that is shown; default the first.
    margin : float, optional
        Of the metric, > 0: how near to their mean the seeds have to come, as for `pl.classify`.
    budget : float, optional
        Steps > 0; default the last depth of any fit.
    scale : {"log", "linear"}
        Axis of the depths, and of the risk.
    max_bytes : int
        Size of what may be dropped.
    **options
        ``layout``, as every ipywidget takes it; any other is refused, with the known ones.

    Attributes
    ----------
    source, arguments, metric, task, margin, budget, scale
        Traits that can be read, set and observed; what follows from them is there when the call returns.
    frame : pandas.DataFrame or None
        Trait, read-only: the tidy frame; None while something is asked.
    report : ImportReport or None
        Trait, read-only.
    fits : dict of str to DecayResults
        Trait, read-only: of each task that carries one.
    unfit : dict of str to str
        Trait, read-only: why the others carry none.
    phase : pandas.DataFrame or None
        Trait, read-only: what `pl.classify` says.
    advice : dict of str to str
        Trait, read-only: what `pl.advise` says of each task.
    error : str
        Trait, read-only: what cannot be done, or is asked; empty when all is well.
    code : str
        Trait, read-only: the Python that ran.

    Raises
    ------
    predictlab.errors.ArgumentError
        A value that cannot be one of its argument. What is wrong with a source is no exception; it is in `error`.

    Examples
    --------
    >>> import predictlab as pl
    >>> from predictlab_widgets import RunsExplorer
    >>> runs = pl.worlds.MartingaleWorld(1e-4, 0.02, 1.0).source(seed=1)((4, 8, 16, 32, 64), range(12))
    >>> log = runs.rename(columns={"value": "accuracy"})[["seed", "depth", "accuracy"]].assign(f1=0.5)
    >>> explorer = RunsExplorer(log)
    >>> explorer.error.partition(" Pass")[0]
    'metric=None: 2 candidates in the table: accuracy, f1.'
    >>> explorer.arguments = {"metric": "accuracy", "task": "mine"}
    >>> explorer.error, list(explorer.fits)
    ('', ['mine'])
    >>> print(explorer.code)
    import predictlab as pl
    <BLANKLINE>
    # table: the DataFrame that the widget was given
    runs, report = pl.read_runs(table, metric='accuracy', task='mine', report=True)
    <BLANKLINE>
    curves, fits = {}, {}
    curves['mine'] = pl.risk_curve(runs, 'mine', metric='accuracy')
    fits['mine'] = pl.DecayModel(curves['mine']).fit()
    """

    _esm = STATIC / "runs_explorer.js"
    _css = STATIC / "runs_explorer.css"

    source = Setting()
    arguments = Setting()
    metric = traitlets.Unicode(None, allow_none=True)
    task = traitlets.Unicode(None, allow_none=True)
    margin = Number(None, "a number > 0, in the metric", 0, allow_none=True)
    budget = Number(None, "a number of steps > 0", 0, allow_none=True)
    scale = Scale().tag(sync=True)
    frame = traitlets.Any(None, read_only=True)
    report = traitlets.Instance(ImportReport, allow_none=True, read_only=True)
    fits = traitlets.Dict(read_only=True)
    unfit = traitlets.Dict(read_only=True)
    phase = traitlets.Any(None, read_only=True)
    advice = traitlets.Dict(read_only=True)
    error = traitlets.Unicode("", read_only=True)
    code = traitlets.Unicode("", read_only=True)

    # What the page shows, sent when it is known.
    _doing = traitlets.Unicode("").tag(sync=True)
    _reading = traitlets.Dict().tag(sync=True)
    _study = traitlets.Dict().tag(sync=True)
    _runs = traitlets.Dict().tag(sync=True)
    _risk = traitlets.Dict().tag(sync=True)
    _answer = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        source: Source | None = None,
        *,
        arguments: Mapping[str, object] | None = None,
        metric: str | None = None,
        task: str | None = None,
        margin: float | None = None,
        budget: float | None = None,
        scale: str = "log",
        max_bytes: int = 50_000_000,
        **options: object,
    ) -> None:
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
            raise bad_argument("max_bytes", max_bytes, "a whole number >= 1")
        self._uploads, self._jobs, self._made = Uploads(max_bytes), LatestJobRunner(), RunsStudy()
        self._pending, self._quiet, self._dropped, self._made_once = READ, True, False, False
        self.source, self.arguments, self.scale = source, arguments or {}, scale
        self.metric, self.task, self.margin, self.budget = metric, task, margin, budget
        self._do(READ)
        self._quiet, self._made_once = False, True
        self.observe(self._moved, names=list(STAGE_OF))
        super().__init__(**options)
        self.on_msg(self._on_request)

    def _checked(self, name: str, value: Any) -> Any:
        """A source as it is, and arguments of `pl.read_runs` by their names."""
        if name == "source":
            several = isinstance(value, list | tuple)
            return [_text_of_path(one) for one in value] if several else _text_of_path(value)
        if not isinstance(value, Mapping):
            raise bad_argument("arguments", value, "a mapping of arguments of pl.read_runs to their values")
        if unknown := [key for key in value if key not in ARGUMENTS]:
            raise bad_argument("arguments", unknown[0], f"one of {', '.join(ARGUMENTS)}")
        return {key: given for key, given in value.items() if given is not None and given is not False}

    def upload(self, files: Iterable[Mapping[str, object]]) -> None:
        """Take files in as `source`, up to `max_bytes`.

        Parameters
        ----------
        files : iterable of mapping
            Each with ``name`` and ``content`` (bytes), as ``ipywidgets.FileUpload.value`` has them.

        Raises
        ------
        predictlab.errors.ArgumentError
            Too large, or two of one name.
        """
        self._take_up(self._uploads.keep(files))
        self._do(READ)

    def close(self) -> None:
        """Take the widget off the page, and what was dropped off the disk."""
        super().close()
        if "_uploads" in vars(self):  # not in one whose call was refused
            self._uploads.close()

    # -- settings ------------------------------------------------------------------------------------------------

    def _moved(self, change: Any) -> None:
        """A trait was set in Python: what follows from it is there when the statement ends."""
        if not self._quiet:
            if change["name"] == "source":
                self._dropped = False
            self._do(STAGE_OF[change["name"]])

    def _do(self, stage: int) -> None:
        """All from a stage on, now; what the page had asked for and is half done is part of it."""
        self._jobs.drop()
        for _ in self._steps(stage):
            pass

    def _set(self, **values: Any) -> None:
        """Set traits without setting off what follows."""
        quiet, self._quiet = self._quiet, True
        try:
            self._set_traits(**values)
        finally:
            self._quiet = quiet

    def _take_up(self, paths: list[Any]) -> None:
        names = [str(path) for path in paths]
        self._set(source=names[0] if len(names) == 1 else names, arguments={}, metric=None, task=None)
        self._dropped = True

    # -- the work, in steps that the kernel's messages come between --------------------------------------------------

    def _steps(self, stage: int) -> Iterator[None]:
        """What is to be done from `stage` on, and of stages before it that were left half done."""
        self._pending = min(stage, self._pending)
        for this, work in ((READ, self._read), (FIT, self._fit), (CLASSIFY, self._classify)):
            if self._pending <= this:
                yield from work()
                self._pending = this + 1
        self._draw()
        self._doing = ""
        if self._made_once:  # else there is nothing on a page yet
            yield
            self._update_fallback()

    def _read(self) -> Iterator[None]:
        nothing = {"frame": None, "report": None, "error": ""}
        if self.source is None or (isinstance(self.source, str) and not self.source.strip()):
            self._made = RunsStudy()
            self._set(**nothing)
            self._send_reading()
            return
        self._doing = "reading"
        yield
        frame, report, text = self._made.read(self.source, self.arguments, self._dropped)
        # the code goes with the frame: a cell may run between two steps
        self._set(**nothing | {"frame": frame, "report": report, "error": text, "code": str(self._made.script)})
        self._send_reading()

    def _fit(self) -> Iterator[None]:
        fits, unfit = dict[str, DecayResults](), dict[str, str]()
        self._made.begin_fits(self.frame is not None)
        if self.frame is None:
            self._set(fits={}, unfit={})
            return
        metrics = list(map(str, pd.unique(self.frame["metric"])))
        of_evaluations = [name for name in metrics if "train" not in name.lower()] or metrics
        metric = self.metric if self.metric in metrics else of_evaluations[0]
        rows = self.frame[self.frame["metric"] == metric]
        tasks = list(map(str, pd.unique(rows["task"])))
        self._set(metric=metric, task=self.task if self.task in tasks else tasks[0])
        for number, task in enumerate(tasks):
            self._doing = f"fitting {task}" + (f" ({number + 1} of {len(tasks)})" if len(tasks) > 1 else "")
            yield
            fit, why = self._made.fit(task, metric)
            if fit is None:
                unfit[task] = why
            else:
                fits[task] = fit
        self._set(fits=fits, unfit=unfit)

    def _classify(self) -> Iterator[None]:
        phase, advice, text = None, {}, ""
        self._made.script.begin("phase")
        if self.fits and self.margin is not None:
            words = {"margin": self.margin, "budget": self._budget()}
            try:
                self._doing = "placing the tasks"
                yield
                phase = self._made.place(words)
                self._doing = "weighing what to do"
                yield
                advice = self._made.advise(words)
            except Exception as error:
                text = in_words(error)
        if self.frame is not None:
            self._set(error=text)
        self._set(phase=phase, advice=advice)

    def _budget(self) -> float | None:
        """Steps that the regimes are asked for: as given, else the last depth of any fit."""
        deepest = max((float(fit.fitted.depth[-1]) for fit in self.fits.values()), default=None)
        return deepest if self.budget is None else self.budget

    # -- what the page is told -------------------------------------------------------------------------------------

    def _send_reading(self) -> None:
        self._reading = reading_of(
            self._made, self.report, self.source, self.arguments, self._dropped, self._uploads.max_bytes
        )

    def _draw(self) -> None:
        """Everything about the task that is shown, and the table of all tasks."""
        self._set(code=str(self._made.script))
        rows = self._rows()
        about = {"task": self.task or "", "metric": self.metric or ""}
        self._runs = about | Curves.of(rows).drawing() if len(rows) else about | NOTHING
        curve, fit = self.curve, self.fit
        self._risk = about | Findings(curve, fit, self.unfit.get(self.task or "", "")).drawing()
        self._study = study_of(
            self._made, self.frame, self.source, self.error, self.table(),
            {**about, "margin": self.margin, "budget": self.budget, "last": self._budget()},
        )  # fmt: skip

    def _rows(self) -> pd.DataFrame:
        """What is shown of the frame."""
        if self.frame is None:
            return pd.DataFrame(columns=["task", "run", "parent", "seed", "depth", "metric", "value", "status"])
        return self.frame[(self.frame["task"] == self.task) & (self.frame["metric"] == self.metric)]

    @property
    def curve(self) -> RiskCurve | None:
        """The risk curve shown."""
        return self._made.curves.get(self.task or "")

    @property
    def fit(self) -> DecayResults | None:
        """The fit shown."""
        return self.fits.get(self.task or "")

    def table(self) -> pd.DataFrame:
        """One row a task: ``task``, ``runs``, ``depths``, ``regime``, its probabilities, and ``advice`` or the reason.

        Returns
        -------
        pandas.DataFrame
        """
        return table_of(self._made.curves, self.fits, self.unfit, self.phase, self.advice)

    # -- being asked -----------------------------------------------------------------------------------------------

    def _on_request(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        """The page asks for something; what it does wrong is answered, and changes nothing."""
        text, stage = "", None
        try:
            stage = self._changed(content, buffers)
        except Exception as error:  # nothing else would tell the reader
            text = in_words(error)
            self._send_reading()
        self._answer = {"request": str(content["request"]), "text": text, "named": arguments_named(text)}
        if stage is not None:
            self._jobs.start(self._steps(stage))

    def _changed(self, content: dict[str, Any], buffers: Any) -> int | None:
        """Carry out a request; the stage from which on all is to be done again, None for none."""
        do = content["do"]
        if do == "part":
            self._uploads.take_part(str(content["upload"]), str(content["name"]), bytes(buffers[0]))
            return None
        if do == "upload":
            self._take_up(self._uploads.finish(str(content["upload"]), content["sizes"]))
        elif do == "source":
            self._set(source=argument_of("source", content["value"]), arguments={}, metric=None, task=None)
            self._dropped = False
        elif do == "argument":
            value = argument_of(content["name"], content["value"])
            self._set(arguments={**self.arguments, content["name"]: value})
        elif do == "offer":
            self._set(arguments={**self.arguments, **offer_of(self.error, self.source).get("arguments", {})})
        elif do == "role":
            self._set(arguments=self._with_role(str(content["name"]), str(content["value"])))
        elif do == "set":
            self._set(**{content["name"]: content["value"]})
        else:
            return None
        return STAGE_OF.get(content.get("name", ""), READ) if do == "set" else READ

    def _with_role(self, column: str, role: str) -> dict[str, Any]:
        new = with_role(self.arguments, column, role, self._made.taken_for)
        if not role and new == self.arguments:
            taken = self._made.taken_for.get(column, "")
            raise bad_argument(
                "columns", column, f"a column that was named to be the {taken or 'one'}",
                f"It is taken for the {taken} by what it is called: name another column, or rename it in the source.",
            )  # fmt: skip
        return new

    # -- how it is shown -------------------------------------------------------------------------------------------

    def chart(self) -> Chart:
        """Static altair chart of the current state: the runs of the task shown, and its risk as far as there is one.

        Returns
        -------
        altair chart
        """
        from predictlab import charts

        rows = self._rows()
        waits = self.unfit.get(self.task or "", "") or self.error
        return charts.probe_chart(
            rows, self.curve, self.fit, title=f"{self.task or 'No runs'}: {self.metric or 'nothing is read'}",
            subtitle=f"{rows['run'].nunique()} runs", waiting_for=waits[:60] or "runs", scale=self.scale,
        )  # fmt: skip

    def __repr__(self) -> str:
        if self.report is None:
            return f"RunsExplorer({'no source' if self.source is None else self.error[:80]})"
        return f"RunsExplorer({self.report.runs} runs, {self.report.rows} measurements, {len(self.fits)} fits)"

    def _summary(self) -> Summary:
        asked = "" if self.margin is None else f" Margin ±{self.margin:g}, budget {self._budget() or math.nan:g} steps."
        state = "Nothing is read." if self.report is None else str(self.report).replace("\n", " ")
        rows = [
            [row.task, f"{row.runs:.0f}", str(row.depths), row.regime or "–", row.advice]
            for row in self.table().itertuples()
        ]
        state += asked + (f" {self.error}" if self.error else "")
        return Summary("Runs explorer", state, ("task", "runs", "depths", "regime", "what to do"), rows)


def _text_of_path(value: Any) -> Any:
    """A path as the text that stands in a call; anything else as it is."""
    return str(value) if isinstance(value, PathLike) else value
