"""`SelectionMonitor`: the best of several fine-tunes as it is being found, and every look at them so far."""

from __future__ import annotations

import inspect
import threading
import time
from typing import Any

import numpy as np
import pandas as pd
import traitlets

import predictlab as pl
from predictlab.choosing import Selection
from predictlab.errors import bad_argument
from predictlab_widgets._arguments import Setting, first_ten
from predictlab_widgets._background import PollingThread
from predictlab_widgets._base import STATIC, Chart, Summary, Widget, rounded, with_interval
from predictlab_widgets._selection_data import code_of, drawing, in_short, looked, names_of

PATIENCE = 2.0  # seconds: so long a call waits for what is wrong with its arguments, or for the first look
PICTURE_EVERY = 20.0  # seconds between two pictures for a page without scripts, while it runs
_OWN = ("candidates", "total_budget", "progress")  # of pl.select, and no keyword of the widget


class SelectionMonitor(Widget):
    """A ``pl.select`` as it unfolds: the runs, where each candidate will end, who leads and how surely, what is spent.

    The selection runs in a thread of its own, and the page follows look by look; earlier looks can be gone back to. A
    button stops it after the present look, which keeps all that was measured, and another goes on.

    Parameters
    ----------
    candidates : Selection, or candidates as of ``pl.select``
        What ``pl.select`` returned is shown as it is; candidates are selected from.
    total_budget : float, optional
        As of ``pl.select``; needed with candidates.
    **options
        The other keywords of ``pl.select`` but ``progress``, and ``layout``. Without ``store=`` measurements are kept
        for as long as the widget is there.

    Attributes
    ----------
    look : int
        Trait that can be set: the look that is shown, from 1; 0 shows the last one, and follows.
    selected : str or None
        Trait that can be set: the candidate that stands out.
    status : str
        Trait, read-only: ``"running"``, ``"done"``, ``"stopped"`` or ``"failed"``.
    looks : int
        Trait, read-only: how many there have been.
    spent : float
        Trait, read-only: cost of all runs so far.
    leader : str
        Trait, read-only: the candidate that leads, empty before the first look.
    probability : float
        Trait, read-only: that it is behind the best by at most the margin; NaN before the first look.
    selection : Selection or None
        Of the last look.
    error : Exception or None
        What made it fail.

    Notes
    -----
    Functions that observe its traits are called from that thread, unless it was Python that set a trait; so is
    ``on_look=``, which may end the selection as in ``pl.select``.

    Raises
    ------
    predictlab.errors.ArgumentError, predictlab.errors.DataError
        What ``pl.select`` refuses, and an unknown keyword.

    Examples
    --------
    >>> import predictlab as pl
    >>> from predictlab_widgets import SelectionMonitor
    >>> worlds = {f"mean {m}": pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0, mean=m) for m in (0.7, 0.8)}
    >>> sources = {name: world.source(seed=i, max_depth=64) for i, (name, world) in enumerate(worlds.items())}
    >>> monitor = SelectionMonitor(sources, 2000, better="higher", margin=0.01)
    >>> found = monitor.wait()
    >>> monitor.status, monitor.leader
    ('done', 'mean 0.8')
    >>> monitor.close()
    """

    _esm = STATIC / "selection_monitor.js"
    _css = STATIC / "selection_monitor.css"

    look = Setting().tag(sync=True)
    selected = Setting(None, allow_none=True).tag(sync=True)
    status = traitlets.Unicode("running", read_only=True)
    looks = traitlets.Int(0, read_only=True)
    spent = traitlets.Float(0.0, read_only=True)
    leader = traitlets.Unicode("", read_only=True)
    probability = traitlets.Float(np.nan, read_only=True)

    # What the page shows; "request" of the last one names what it answers.
    _progress = traitlets.Dict().tag(sync=True)
    _seen = traitlets.Dict().tag(sync=True)
    _answer = traitlets.Dict().tag(sync=True)

    def __init__(self, candidates: object, total_budget: float | None = None, **options: object) -> None:
        self.selection: Selection | None = None
        self.error: Exception | None = None
        self._turn = threading.RLock()  # one thread at a time: pages, cells and the selection
        self._wanted, self._told = threading.Event(), threading.Event()  # to stop; of a first look or an error
        self._thread: threading.Thread | None = None
        self._store: pl.RunStore | None = None
        self._live = False
        self._pictured = self._since = time.monotonic()
        self._pulse = PollingThread(self._beat)
        layout = {"layout": options.pop("layout")} if "layout" in options else {}
        asked: dict[str, Any] = dict(options)  # pl.select checks them
        if isinstance(candidates, Selection):
            self._show(candidates, total_budget, asked)
        else:
            self._begin(candidates, total_budget, asked)
        with self._turn:
            self.look = 0
            self._update()
            super().__init__(**layout)
            self._live = True
        self.on_msg(self._on_request)

    def _show(self, found: Selection, total_budget: float | None, options: dict[str, Any]) -> None:
        given = dict(options) if total_budget is None else {"total_budget": total_budget} | options
        if given:
            name, value = next(iter(given.items()))
            raise bad_argument(name, value, "nothing beside a Selection", "Only candidates are still selected from.")
        self._candidates, self._total, self._options = None, found.total_budget, {
            name: getattr(found, name) for name in ("margin", "confidence", "metric", "better")
        }  # fmt: skip
        self.selection = found
        self.set_trait("status", "stopped" if found.stopped_because.startswith("Stopped") else "done")

    def _begin(self, candidates: Any, total_budget: float | None, options: dict[str, Any]) -> None:
        known = [name for name in inspect.signature(pl.select).parameters if name not in _OWN]
        if unknown := options.keys() - set(known):
            said = f"one of the keywords {', '.join([*known, 'layout'])}"
            raise bad_argument("SelectionMonitor()", min(unknown), said)
        if total_budget is None:
            raise bad_argument("total_budget", None, "what may be spent on all candidates together")
        if isinstance(options.get("rng"), np.random.Generator):  # which gives one seed, for going on too
            options["rng"] = int(options["rng"].integers(2**31))
        self._on_look = options.pop("on_look", None)
        self._candidates, self._total, self._options = candidates, total_budget, options
        if options.get("store") is None:
            options.pop("store", None)
            self._store = pl.RunStore(":memory:")
        self._start()
        self._told.wait(PATIENCE)
        if self.error is not None and self.selection is None:
            raise self.error

    # -- the selection -------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._wanted.clear()
        self.error, self._since = None, time.monotonic()
        self._set_traits(status="running")
        self._thread = threading.Thread(target=self._work, name="predictlab-select", daemon=True)
        self._thread.start()
        self._pulse.wake()

    def _beat(self) -> bool:
        """Tell the page that the selection is alive, once a second; whether it still is."""
        with self._turn:
            if self.status == "running":
                self._tell()
            return self.status == "running"

    def _work(self) -> None:
        kept: dict[str, Any] = {} if self._store is None else {"store": self._store}
        found, error = None, None
        try:
            found = pl.select(
                self._candidates, self._total, on_look=self._heard, progress=False, **self._options, **kept
            )
        except Exception as wrong:  # there is no cell that could fail: it is said on the page
            error = wrong
        with self._turn:
            self.error = error
            if found is not None and (self.selection is None or len(found.looks) >= len(self.selection.looks)):
                self.selection = found
            stopped = found is not None and found.stopped_because.startswith("Stopped")
            self._set_traits(status="failed" if error is not None else "stopped" if stopped else "done")
            if self._live or self.selection is not None:  # a refused call has nothing to show
                self._update(last=True)
        self._told.set()

    def _heard(self, so_far: Selection) -> bool:
        """Take up a look; whether to go on."""
        with self._turn:
            new = self.selection is None or len(so_far.looks) > len(self.selection.looks)
            if new:  # what was seen before a stop is seen again on the way to where it goes on
                self.selection, self._since = so_far, time.monotonic()
                self._update()
        self._told.set()
        asked = self._on_look(so_far) if new and self._on_look is not None else None
        return asked is not False and not self._wanted.is_set()

    def stop(self) -> None:
        """End the selection after the present look; all that was measured is kept."""
        self._wanted.set()
        with self._turn:
            self._tell()

    def go_on(self) -> None:
        """Go on with a selection that was stopped, or has failed: the same call, with what has been measured.

        Raises
        ------
        predictlab.errors.ArgumentError
            Of a finished `Selection`, whose candidates are not known here.
        """
        if self._candidates is None:
            raise bad_argument("candidates", "a Selection", "candidates to go on with", "Call pl.select with store=.")
        with self._turn:
            if self.status in ("stopped", "failed"):
                self._start()
                self._tell()

    def wait(self, timeout: float | None = None) -> Selection | None:
        """Wait for the end of the selection.

        While a cell waits, the kernel hears no button of the page; interrupting the kernel ends the wait alone.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None: for as long as it takes.

        Returns
        -------
        Selection or None
            Of the last look so far.

        Raises
        ------
        Exception
            What made the selection fail.
        """
        if self._thread is not None:
            self._thread.join(timeout)
        if self.error is not None:
            raise self.error
        return self.selection

    def close(self) -> None:
        """Take the widget off the page; a selection that runs ends after the present look."""
        self._wanted.set()
        self._pulse.stop()
        super().close()

    # -- what is shown -------------------------------------------------------------------------------------------

    @property
    def code(self) -> str:
        """The same in Python."""
        return code_of(self._candidates, self._total, self._options)

    def table(self) -> pd.DataFrame:
        """Candidates as the look that is shown has them, the likeliest first; see ``Selection.frame``.

        Returns
        -------
        DataFrame
            Empty before the first look.
        """
        if self.selection is None:
            return pd.DataFrame()
        return looked(self.selection, self.look or len(self.selection.looks))

    def _checked(self, name: str, value: Any) -> Any:
        """The look or the candidate, one of those there are."""
        if name == "look":
            most = 0 if self.selection is None else len(self.selection.looks)
            if isinstance(value, int | np.integer) and not isinstance(value, bool) and 0 <= value <= most:
                return int(value)
            raise bad_argument(
                "look", value, f"a look from 1 to {most}, or 0 for the last" if most else "0 before a look"
            )
        names = [] if self.selection is None else names_of(self.selection)
        if value not in names:
            raise bad_argument(name, value, f"None or one of the candidates: {first_ten(names)}")
        return str(value)

    def _update(self, last: bool = False) -> None:
        """Take up the present look, and tell the page."""
        found = self.selection
        if found is not None:
            at = {"leader": found.choice, "probability": found.probability, "spent": float(found.cost)}
            self._set_traits(looks=len(found.looks), **at)
            self._seen = drawing(found)
        self._tell()
        if self._live and (last or time.monotonic() - self._pictured > PICTURE_EVERY):
            self._update_fallback()
            self._pictured = time.monotonic()

    def _tell(self) -> None:
        found = self.selection
        doing = (
            "one run of each candidate to its first depth"
            if found is None
            else in_short(found.looks["action"].iloc[-1])
        )
        self._progress = {
            "status": self.status, "doing": doing, "stopping": self._wanted.is_set(), "total": float(self._total),
            "spent": 0.0 if found is None else float(found.cost), "code": self.code,
            "can_go_on": self._candidates is not None, "seconds": int(time.monotonic() - self._since),
            "error": "" if self.error is None else f"{type(self.error).__name__}: {self.error}",
        }  # fmt: skip

    def _on_request(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        text = ""
        try:
            if content["do"] == "stop":
                self.stop()
            elif content["do"] == "go on":
                self.go_on()
        except Exception as error:  # nothing else would tell the reader
            text = str(error) or type(error).__name__
        self._answer = {"request": str(content["request"]), "text": text}

    def chart(self) -> Chart:
        """Static altair chart of the selection at its last look.

        Returns
        -------
        altair chart
        """
        if self.selection is not None:
            return self.selection.plot(width=380)
        import altair as alt

        words = alt.Chart(pd.DataFrame({"text": ["No look yet"]})).mark_text(fontSize=14).encode(text="text:N")
        return alt.LayerChart(layer=[words], width=380, height=120)

    def __repr__(self) -> str:
        said = f"{self.leader} leads with probability {self.probability:.2f}" if self.leader else "no look yet"
        return f"SelectionMonitor({self.status}, {self.spent:.4g} of {self._total:.4g} spent: {said})"

    def _summary(self) -> Summary:
        with self._turn:
            found, table = self.selection, self.table()
            if found is None:
                return Summary("Selection", f"{self.status}: no look yet.", ["candidate"], [])
            at = self.look or len(found.looks)
            state = f"{self.status}, look {at} of {len(found.looks)}: {found.sentence()}"
            rows = [
                [str(row.candidate), str(row.state), with_interval(row.mean, (row.lower, row.upper)),
                 f"{row.p_good:.2f}", str(row.runs), str(row.ended), str(row.depth), rounded(row.cost)]
                for row in table.itertuples()
            ]  # fmt: skip
            columns = (
                "candidate", "state", f"{found.metric} at the end", "P(good enough)", "runs", "to the end",
                "deepest (steps)", "cost",
            )  # fmt: skip
            return Summary("Selection", state, columns, rows, words=2)
