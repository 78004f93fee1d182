"""ProbeRun: a probe that trains in the background, to be looked at, cancelled and extended meanwhile."""

from __future__ import annotations

import atexit
import html
import math
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence

import pandas as pd
from tqdm import tqdm

from predictlab.probing._driver import Cancelled, Driver
from predictlab.probing._executors import Executor
from predictlab.probing._plan import ProbePlan, check_fit
from predictlab.probing._progress import Progress, TaskProgress
from predictlab.runs import RunStore
from predictlab.task import Task

_AT_EXIT = 30.0  # seconds in which a step and its writing should have ended


class ProbeRun:
    """A probe in the background; made, and by that started, by `start_probe`.

    Parameters
    ----------
    tasks : sequence of Task
        What is trained.
    plan : ProbePlan
        What is asked for now; see `extend`.
    store : RunStore
        Where measurements go.
    executor : callable
        Makes the executor, anew whenever the probe is started.
    show : bool
        Show a progress bar too.
    outcomes : bool
        Keep the outcome of each evaluation row.

    Attributes
    ----------
    status : str
        ``"running"``, ``"done"``, ``"cancelled"`` or ``"failed"``.
    error : BaseException or None
        What made it fail; None unless `status` is ``"failed"``.

    Examples
    --------
    >>> import predictlab as pl
    >>> data = pl.load_dataset("rotten_tomatoes", eval_size=20, train_size=40, seed=0)
    >>> recipe = pl.Recipe(method="head", steps=4, batch_size=8, max_length=16)
    >>> run = pl.start_probe(pl.Task("minilm-l6", data, recipe, name="head"), pl.ProbePlan((0, 2), seeds=2))
    >>> runs = run.wait()
    >>> run.extend(depths=4)
    >>> sorted(run.wait()["depth"].unique().tolist())
    [0, 2, 4]
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        plan: ProbePlan,
        store: RunStore,
        executor: Callable[[], Executor],
        show: bool,
        outcomes: bool = True,
    ) -> None:
        self.tasks, self.plan, self.store = tuple(tasks), plan, store
        self._executor, self._show, self._outcomes = executor, show, outcomes
        self._progress = Progress(False)
        self._starts = 0
        self._owns_store = False
        self._changing = threading.RLock()
        self._listeners: list[weakref.WeakMethod[Callable[[], None]]] = []
        self._start()

    # -- what it is doing ----------------------------------------------------------------------------------------

    @property
    def progress(self) -> dict[str, TaskProgress]:
        """Steps done and to be made, throughput and time left of each task, by its name."""
        known = self._progress.snapshot()
        none = TaskProgress(0, 0, math.nan, math.nan if self.status == "running" else 0.0)
        return {str(task.name): known.get(str(task.name), none) for task in self.tasks}

    @property
    def doing(self) -> str:
        """What it is doing now, in a few words."""
        if self.status != "running":
            return self.status
        return "stopping" if self._driver.cancelled.is_set() else self._progress.doing

    @property
    def revision(self) -> tuple[int, int]:
        """Changes whenever `frame` may have changed by this probe's own work."""
        return self._starts, self._driver.revision

    def frame(self) -> pd.DataFrame:
        """Tidy frame of what is measured so far.

        Returns
        -------
        pandas.DataFrame
            As `probe` gives it at the end.
        """
        return self._driver.frame()

    # -- what can be done with it --------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> pd.DataFrame:
        """Wait until it has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits as long as it takes.

        Returns
        -------
        pandas.DataFrame
            As `probe` gives it; of a probe that was cancelled, what was measured.

        Raises
        ------
        TimeoutError
            It has not ended within `timeout`; it goes on.
        Exception
            Whatever made it fail.
        KeyboardInterrupt
            On Ctrl-C, which ends the waiting only: the probe goes on until it is done or `cancel` is called.
        """
        thread = None
        while thread is not self._thread:  # it may be started again meanwhile
            thread = self._thread
            thread.join(timeout)
            if thread.is_alive():
                raise TimeoutError(f"The probe has not ended within {timeout:g} s; it goes on. {self._so_far()}")
        if self.error is not None:
            raise self.error
        return self.frame()

    def cancel(self) -> None:
        """Stop after the present optimiser step; returns at once.

        What was measured stays, in the store if there is one: the same call goes on from there, and so does `extend`.
        `wait` waits until it has stopped.
        """
        self._driver.cancelled.set()

    def extend(self, seeds: int | Iterable[int] | None = None, depths: int | Iterable[int] | None = None) -> None:
        """Ask for more: more seeds, more depths, or, without arguments, for what was cancelled or failed.

        A probe that runs takes it up when it is done with the groups it has begun; one that has ended starts again.
        Only what is new is trained.

        Parameters
        ----------
        seeds : int or iterable of int, optional
            How many seeds more (of a plan with forks: parents), numbered on from the greatest; or their numbers.
        depths : int or iterable of int, optional
            A depth, or depths, to be measured as well, in steps, usually deeper than the last one.

        Raises
        ------
        ArgumentError
            Seeds or depths that a plan cannot have, depths for one over horizons, or a depth beyond a recipe's steps.
            Nothing changes then.
        """
        with self._changing:
            plan = self.plan._extended(seeds, depths)
            check_fit(self.tasks, plan)
            self.plan = plan
            if self._driver.replan(plan) and not self._driver.cancelled.is_set():
                return
            self._thread.join()
            self._start()
        for listener in list(self._listeners):
            if (call := listener()) is not None:
                call()

    def on_restart(self, method: Callable[[], None]) -> None:
        """Call a method whenever `extend` has started this again.

        Parameters
        ----------
        method : callable
            A bound method without arguments; it is held weakly.
        """
        self._listeners.append(weakref.WeakMethod(method))

    # -- the thread ----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        executor = self._executor()
        self._progress = Progress(self._show, self._progress)
        self._driver = Driver(self.tasks, self.plan, self.store, executor, self._progress, outcomes=self._outcomes)
        self.status = "running"
        self.error: BaseException | None = None
        self._starts += 1
        # A daemon, so that a process that ends need not wait; `_end_all` stops it in time.
        self._thread = threading.Thread(target=self._train, args=(self._driver,), name="predictlab-probe", daemon=True)
        _HANDLES.add(self)
        self._thread.start()

    def _train(self, driver: Driver) -> None:
        status = "done"
        try:
            driver.run()
        except Cancelled:
            status = "cancelled"
        except BaseException as error:  # whatever it is, `wait` raises it
            status, self.error = "failed", error
        finally:
            driver.progress.close()
            del driver.executor  # models and activations take memory; `extend` loads them again if need be
            self.status = status

    # -- for people ----------------------------------------------------------------------------------------------

    def _so_far(self) -> str:
        steps = self.progress.values()
        return f"{sum(p.done for p in steps)} of {sum(p.total for p in steps)} steps are made."

    def __repr__(self) -> str:
        names = ", ".join(str(task.name) for task in self.tasks)
        return f"<ProbeRun of {names}: {self.status}. {self._so_far()}>"

    def _repr_html_(self) -> str:
        rows = [(name, p.done, p.total, p.rate, p.seconds_left) for name, p in self.progress.items()]
        table = pd.DataFrame(rows, columns=["task", "steps done", "of", "steps per second", "time left"])
        shown = {"steps per second": "{:.1f}".format, "time left": tqdm.format_interval}
        said = f"{type(self.error).__name__}: {self.error}" if self.error is not None else self.doing
        body = table.to_html(index=False, border=0, na_rep="–", formatters=shown)
        return f"<b>ProbeRun, {self.status}</b> ({html.escape(said)}){body}"


_HANDLES: weakref.WeakSet[ProbeRun] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Stop what still trains before the interpreter goes away under it."""
    runs = list(_HANDLES)
    for run in runs:
        run.cancel()
    for run in runs:
        run._thread.join(_AT_EXIT)
        if run._owns_store:
            run.store.close()
