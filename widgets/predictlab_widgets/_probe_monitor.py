"""`ProbeMonitor`: a probe as it trains, with what can be said from it so far, and the levers to stop or extend it."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace
from typing import Any

import pandas as pd
import traitlets

from predictlab.decay import DecayResults
from predictlab.errors import bad_argument
from predictlab.probing import ProbeRun
from predictlab.risk import RiskCurve
from predictlab_widgets._arguments import Scale, Setting
from predictlab_widgets._background import PollingThread
from predictlab_widgets._base import STATIC, Chart, Summary, Widget, rounded, to_jsonable, with_interval
from predictlab_widgets._probe_data import Curves, Findings, rows_words

_ALWAYS = "eval_loss"  # is measured of every kind of task
PICTURE_EVERY = 20.0  # seconds between two pictures for a page without scripts, while it trains


class ProbeMonitor(Widget):
    """A probe as it trains: the curves of all seeds, throughput, time left, the risk curve and the decay fit so far.

    Buttons cancel the probe and extend it by seeds or depths. A thread of its own looks once a second while the probe
    runs. It is as good for a probe that has ended, or whose store held everything: extended, that starts again.

    Parameters
    ----------
    run : ProbeRun
        From ``pl.start_probe``.
    task : str, optional
        Task shown first; default the first.
    metric : str, optional
        Metric shown first; default the task's own.
    scale : {"log", "linear"}
        Axis of the depths, and of the risk.
    **options
        ``layout``, as every ipywidget takes it; any other is refused, with the known ones.

    Attributes
    ----------
    task, metric, scale
        Traits that can be read, set and observed.
    status : str
        Trait, read-only: ``"running"``, ``"done"``, ``"cancelled"`` or ``"failed"``.
    steps_done, steps_total : int
        Traits, read-only: optimiser steps of all tasks.
    rate : float or None
        Trait, read-only: steps per second of the task being trained; None while it is not known.
    seconds_left : float or None
        Trait, read-only: for all tasks; None while the throughput of one of them is not known, 0 at the end.
    params : dict of str to float
        Trait, read-only: ``intrinsic_limit``, ``scale``, ``decay_rate`` of the fit; empty while there is none.
    param_intervals : dict of str to (float, float)
        Trait, read-only: their 95 % intervals.
    waiting_for : str
        Trait, read-only: what the risk curve or the fit waits for; empty when both are there.
    run : ProbeRun
    curve : RiskCurve or None
        The risk curve shown: the spread over seeds, or of a plan with forks the variance within them.
    fit : DecayResults or None

    Notes
    -----
    Functions that observe its traits are called from that thread, unless it was Python that set a trait.

    Raises
    ------
    predictlab.errors.ArgumentError
        Not a ProbeRun, a value that is not offered, an unknown keyword.

    Examples
    --------
    >>> import predictlab as pl
    >>> from predictlab_widgets import ProbeMonitor
    >>> data = pl.load_dataset("rotten_tomatoes", eval_size=20, train_size=40, seed=0)
    >>> recipe = pl.Recipe(method="head", steps=4, batch_size=8, max_length=16)
    >>> run = pl.start_probe(pl.Task("minilm-l6", data, recipe, name="head"), pl.ProbePlan((0, 2), seeds=2))
    >>> monitor = ProbeMonitor(run)
    >>> runs = run.wait()
    >>> monitor.refresh()
    >>> monitor.status, monitor.table()["depth"].tolist()
    ('done', [0, 2])
    >>> monitor.close()
    """

    _esm = STATIC / "probe_monitor.js"
    _css = STATIC / "probe_monitor.css"

    task = Setting().tag(sync=True)
    metric = Setting().tag(sync=True)
    scale = Scale().tag(sync=True)
    status = traitlets.Unicode("running", read_only=True)
    steps_done = traitlets.Int(0, read_only=True)
    steps_total = traitlets.Int(0, read_only=True)
    rate = traitlets.Float(None, allow_none=True, read_only=True)
    seconds_left = traitlets.Float(None, allow_none=True, read_only=True)
    params = traitlets.Dict(read_only=True)
    param_intervals = traitlets.Dict(read_only=True)
    waiting_for = traitlets.Unicode("", read_only=True)

    _polling: PollingThread | None = None

    # What the page shows, sent when it has changed; "request" of the last one names what it answers.
    _progress = traitlets.Dict().tag(sync=True)
    _curves = traitlets.Dict().tag(sync=True)
    _risk = traitlets.Dict().tag(sync=True)
    _answer = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        run: ProbeRun,
        *,
        task: str | None = None,
        metric: str | None = None,
        scale: str = "log",
        **options: object,
    ) -> None:
        if not isinstance(run, ProbeRun):
            raise bad_argument("run", run, "a ProbeRun", "Start one with pl.start_probe(tasks, plan, store).")
        self.run = run
        self._turn = threading.RLock()  # one thread at a time: pages, cells and the look at the probe
        self._requests: list[dict[str, Any]] = []
        self._seen, self._frame, self._pictured = run.revision, run.frame(), time.monotonic()
        self._shown: tuple[object, ...] = ()
        self.task = self.task_names[0] if task is None else task
        self.metric = self._own_metric() if metric is None else metric
        self.scale = scale
        self._update()
        self.observe(self._moved, names=["task", "metric"])
        super().__init__(**options)
        self.on_msg(self._on_request)
        self._polling = PollingThread(self._poll)
        run.on_restart(self._polling.wake)
        if self.status == "running":
            self._polling.wake()

    @property
    def task_names(self) -> list[str]:
        """Names of the tasks."""
        return [str(task.name) for task in self.run.tasks]

    @property
    def curve(self) -> RiskCurve | None:
        """The risk curve shown."""
        return self._findings.curve

    @property
    def fit(self) -> DecayResults | None:
        """The fit shown."""
        return self._findings.fit

    def options(self) -> dict[str, list[str]]:
        """List the values that `task` and `metric` can take now.

        Returns
        -------
        dict of str to list of str
        """
        measured = [str(m) for m in self._frame.loc[self._frame["task"] == self.task, "metric"].unique()]
        return {"task": self.task_names, "metric": measured or list(dict.fromkeys((self._own_metric(), _ALWAYS)))}

    def table(self) -> pd.DataFrame:
        """One row a depth: seeds measured there, their mean, standard deviation, least and greatest value.

        Returns
        -------
        DataFrame
        """
        return self._data.table()

    def refresh(self) -> None:
        """Look at the probe now; it does so by itself once a second."""
        with self._turn:
            self._update()

    def close(self) -> None:
        """Take the widget off the page; the probe goes on."""
        if self._polling is not None:
            self._polling.stop()
        super().close()

    def _own_metric(self) -> str:
        return next(str(task.metric) for task in self.run.tasks if str(task.name) == self.task)

    def _checked(self, name: str, value: Any) -> str:
        """The value of a setting, one of those that are offered for it now."""
        offered = self.task_names if name == "task" else self.options()["metric"]
        if value not in offered:
            raise bad_argument(name, value, f"one of {', '.join(map(repr, offered))}")
        return str(value)

    def _rows(self) -> pd.DataFrame:
        """What is measured of the task and the metric."""
        return self._frame[(self._frame["task"] == self.task) & (self._frame["metric"] == self.metric)]

    # -- looking at the probe ------------------------------------------------------------------------------------

    def _poll(self) -> bool:
        """One look from the thread; whether there will be more to see."""
        with self._turn:
            more = False
            try:
                while self._requests:
                    self._carry_out(self._requests.pop(0))
                more = self.run.status == "running"  # asked before the look, so that the end is not missed
                self._update()
                self._picture_for_later(more)
            except Exception as error:  # there is no cell that could fail: it is said on the page
                self._answer = {"request": "kernel", "text": str(error) or type(error).__name__}
            return more

    def _update(self) -> None:
        """Take up what has changed, and tell the page only that."""
        now = self._read_progress()
        revision = self.run.revision
        if revision != self._seen:
            self._frame, self._seen = self.run.frame(), revision
        shown = (revision, self.task, self.metric)
        if shown != self._shown:
            self._shown = shown
            self._study()
        self._progress = now | {"metrics": self.options()["metric"]}

    def _study(self) -> None:
        """Curves, risk curve and fit of what is shown."""
        self._data = Curves.of(self._rows())
        found = Findings.of(self._frame, self.task, self.metric, self.run.plan.design)
        if found.curve is not None and self.run.plan.design == "spread":
            found = replace(found, rows=rows_words(self.run.store, self.task, self.metric))
        self._findings = found
        self._new_picture = True
        about = {"task": self.task, "metric": self.metric}
        self._curves = about | self._data.drawing()
        self._risk = about | found.drawing()
        params, ends = {}, {}
        if found.fit is not None:
            params = found.fit.params.to_dict()
            ends = {str(name): (low, high) for name, low, high in found.fit.conf_int().itertuples()}
        self._set_traits(params=params, param_intervals=ends, waiting_for=found.waiting_for)

    def _read_progress(self) -> dict[str, Any]:
        run = self.run
        status, tasks = run.status, run.progress
        done, total = (sum(getattr(p, name) for p in tasks.values()) for name in ("done", "total"))
        left = sum(p.seconds_left for p in tasks.values() if p.done < p.total or math.isnan(p.seconds_left))
        busy = [p.rate for p in tasks.values() if 0 < p.done < p.total and not math.isnan(p.rate)]
        rates = busy or [p.rate for p in tasks.values() if not math.isnan(p.rate)]
        rate = rates[-1] if rates else None
        left = left if status == "running" else 0.0
        seconds_left = None if math.isnan(left) else left
        self._set_traits(status=status, steps_done=done, steps_total=total, rate=rate, seconds_left=seconds_left)
        plan = run.plan
        return to_jsonable({
            "status": status, "doing": run.doing, "done": done, "total": total,
            "error": "" if run.error is None else f"{type(run.error).__name__}: {run.error}",
            "rate": math.nan if rate is None else rate, "left": left,
            "tasks": [[name, p.done, p.total, p.rate, p.seconds_left] for name, p in tasks.items()],
            "runs": len(plan.run_seeds), "word": "parent" if plan.design == "branch" else "seed",
            "deepest": plan.depths[-1],
            "limit": plan.depths[-1] if plan.horizons else min(task.recipe.steps for task in run.tasks),
        })  # fmt: skip

    def _picture_for_later(self, more: bool) -> None:
        """Keep up to date what is on the page for when this cannot run; a picture takes a while, so seldom."""
        if self._new_picture and (not more or time.monotonic() - self._pictured > PICTURE_EVERY):
            self._new_picture = False
            self._update_fallback()
            self._pictured = time.monotonic()

    # -- being asked ---------------------------------------------------------------------------------------------

    def _moved(self, change: Any) -> None:
        """Python has set the task or the metric."""
        with self._turn:
            if change["name"] == "task" and self.metric not in self.options()["metric"]:
                self.metric = self._own_metric()
            self._update()

    def _on_request(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        """The page asks for something: the thread does it, so that the kernel is free; to cancel takes no time."""
        if content["do"] == "cancel":
            self.run.cancel()
        self._requests.append(content)
        if self._polling is not None:
            self._polling.wake()

    def _carry_out(self, request: dict[str, Any]) -> None:
        text = ""
        try:
            if request["do"] == "extend":
                self.run.extend(seeds=request.get("seeds"), depths=request.get("depths"))
            elif request["do"] == "choose":
                setattr(self, request["name"], request["value"])
        except Exception as error:  # nothing else would tell the reader
            text = str(error) or type(error).__name__
        self._answer = {"request": str(request["request"]), "text": text}

    # -- how it is shown -----------------------------------------------------------------------------------------

    def chart(self) -> Chart:
        """Static altair chart of the current state: the curves, and the risk with its fit as far as there is one.

        Returns
        -------
        altair chart
        """
        from predictlab import charts

        with self._turn:
            return charts.probe_chart(
                self._rows(),
                self.curve,
                self.fit,
                title=f"{self.task}: {self.metric}",
                subtitle=f"{self.status}, {self.steps_done} of {self.steps_total} steps",
                waiting_for=self.waiting_for,
                scale=self.scale,
            )

    def __repr__(self) -> str:
        return f"ProbeMonitor({self.task}, {self.metric}: {self.status}, {self.steps_done} of {self.steps_total} steps)"

    def _summary(self) -> Summary:
        with self._turn:
            table, found = self.table(), self._findings
            rows = [
                [f"{depth:.0f}", f"{seeds:.0f}", *map(rounded, numbers)]
                for depth, seeds, *numbers in table.itertuples(index=False)
            ]
            state = f"{self.task}, {self.metric}: {self.status}, {self.steps_done} of {self.steps_total} steps. "
            if found.fit is not None:
                estimates = map(with_interval, self.params.values(), self.param_intervals.values())
                shown = zip(("floor L_int", "K", "α"), estimates, strict=True)
                state += f"Decay fit so far (95 % intervals): {', '.join(f'{name} {text}' for name, text in shown)}."
            elif found.waiting_for:
                state += f"The {'fit' if found.curve is not None else 'risk curve'} waits for {found.waiting_for}."
            state += f" {found.rows}" * bool(found.rows)
        columns = ("depth (steps)", "seeds", "mean", "sd over seeds", "least", "greatest")
        return Summary("Probe", state, columns, rows)
