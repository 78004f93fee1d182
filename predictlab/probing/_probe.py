"""probe() and start_probe(): what a plan asks for and the store does not hold yet is trained, measured and written."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from predictlab.errors import bad_argument
from predictlab.probing._background import ProbeRun
from predictlab.probing._driver import Driver
from predictlab.probing._executors import CACHE_LIMIT, MEMORY_LIMIT, Executor, LocalExecutor, TrainingOptions
from predictlab.probing._plan import ProbePlan, checked_tasks
from predictlab.probing._progress import Progress
from predictlab.probing._ray.executor import RayExecutor
from predictlab.runs import RunStore
from predictlab.runs._store import opened
from predictlab.task import Task


def probe(
    tasks: Task | Iterable[Task],
    plan: ProbePlan,
    store: str | Path | RunStore | None = None,
    *,
    executor: str | Executor = "local",
    engine: str = "shared",
    progress: bool = True,
    device: str | None = None,
    cache_limit: int = CACHE_LIMIT,
    memory_limit: int = MEMORY_LIMIT,
    outcomes: bool = True,
) -> pd.DataFrame:
    """Train the runs of each task and measure its metrics at each depth of the plan.

    Every measurement is on disk when it is reported, with the state that training goes on from. A second call with the
    same store trains only what is missing: new seeds, new forks, deeper depths, and what an interruption left open.
    Several processes may probe into one store: they share the work.

    Parameters
    ----------
    tasks : Task or iterable of Task
        What is trained; each has a name of its own.
    plan : ProbePlan
        The runs of every task and the depths at which they are measured.
    store : str, pathlib.Path, RunStore or None
        Where measurements and states go; None keeps them in this process only.
    executor : {"local", "ray"} or Executor
        This process; a Ray cluster (the one Ray is connected to, else a local one is started); or an executor that
        was made with options of its own, such as ``RayExecutor(cpus=2)``.
    engine : {"shared", "reference"}
        "shared" trains seeds in lockstep on one base model and computes what they share once. "reference" is the plain
        definition of a run, one seed at a time. Both give the same numbers up to floating-point reordering.
    progress : bool
        Show one progress bar over all steps, on standard error.
    device : str, optional
        A torch device; None takes a GPU where there is one.
    cache_limit : int
        Bytes of activations of frozen layers held in memory; beyond it they are read from a temporary file.
    memory_limit : int
        Bytes that the runs trained at the same time may take beside that: fewer are trained together if need be.
    outcomes : bool
        Keep, beside each metric that is a mean over rows, what the run made of each evaluation row
        (`RunStore.outcomes`), so that runs and rows can be told apart.

    Returns
    -------
    pandas.DataFrame
        Tidy frame (see `RunStore.frame`) of these tasks (over horizons: of each task at each of its lengths, named
        ``"name, 64 steps"``): the plan's runs in its order, each followed by its forks.
        A fork has its parent's name in `parent` and its parent's seed. It is measured twice: its first depth is the
        one it was forked at, with the parent's values there, its last is the full depth. Its seconds and operations
        are its own, counted from the fork: sums over runs are what was spent.

    Raises
    ------
    ArgumentError
        Two tasks of one name, a depth beyond a recipe's steps, a recipe that leaves forks nothing to draw afresh,
        an unknown executor or engine.
    StoreError
        The store cannot be used, or holds another task of the same name.
    ModelError
        A model cannot be loaded.
    KeyboardInterrupt
        On Ctrl-C, after what was measured has been written; the same call goes on from there.

    See Also
    --------
    start_probe : The same without waiting for it.

    Examples
    --------
    >>> import predictlab as pl
    >>> data = pl.load_dataset("rotten_tomatoes", eval_size=20, train_size=40, seed=0)
    >>> recipe = pl.Recipe(method="head", steps=2, batch_size=8, max_length=16)
    >>> task = pl.Task("minilm-l6", data, recipe, name="head")
    >>> runs = pl.probe(task, pl.ProbePlan((0, 2), seeds=2), progress=False)
    >>> runs[["run", "depth", "metric"]].head(3)
          run  depth     metric
    0  head:0      0   accuracy
    1  head:0      0  eval_loss
    2  head:0      2   accuracy
    """
    chosen = checked_tasks(tasks, plan)
    trained_by = make_executor(executor, TrainingOptions(engine, device, cache_limit, memory_limit))
    with opened(store) as held, closing(Progress(progress)) as shown:
        driver = Driver(chosen, plan, held, trained_by, shown, outcomes=outcomes)
        add_tasks(held, chosen, outcomes)
        try:
            driver.run()
        except KeyboardInterrupt:
            shown.close()
            tqdm.write(_interrupted(held, chosen), file=sys.stderr)
            raise
        return driver.frame()


def start_probe(
    tasks: Task | Iterable[Task],
    plan: ProbePlan,
    store: str | Path | RunStore | None = None,
    *,
    executor: str | Executor = "local",
    engine: str = "shared",
    progress: bool = False,
    device: str | None = None,
    cache_limit: int = CACHE_LIMIT,
    memory_limit: int = MEMORY_LIMIT,
    outcomes: bool = True,
) -> ProbeRun:
    """Start a probe in the background, and return a handle at once.

    Parameters
    ----------
    tasks, plan, store, executor, engine, device, cache_limit, memory_limit, outcomes
        As for `probe`. With ``store=None`` the measurements live as long as the handle.
    progress : bool
        Show a progress bar on standard error too; the handle knows the same.

    Returns
    -------
    ProbeRun
        Tells how far it is and what is measured; can be waited for, cancelled and extended.

    Raises
    ------
    ArgumentError, StoreError
        As for `probe`, at once: what is wrong with the arguments or the store. Errors of the training itself come out
        of `ProbeRun.wait`.

    See Also
    --------
    probe : The same, waited for.

    Notes
    -----
    Training is done by a thread of this process, and probes that run at the same time take turns. It uses torch's
    global random generator, and leaves it as it found it: do not count on ``torch.manual_seed`` in other cells
    meanwhile. A process that ends does not wait for its probes: they are cancelled, and nothing measured is lost.

    Examples
    --------
    >>> import predictlab as pl
    >>> data = pl.load_dataset("rotten_tomatoes", eval_size=20, train_size=40, seed=0)
    >>> recipe = pl.Recipe(method="head", steps=2, batch_size=8, max_length=16)
    >>> run = pl.start_probe(pl.Task("minilm-l6", data, recipe, name="head"), pl.ProbePlan((0, 2), seeds=2))
    >>> len(run.wait())  # two runs, two depths, two metrics
    8
    >>> run.status
    'done'
    """
    chosen = checked_tasks(tasks, plan)
    options = TrainingOptions(engine, device, cache_limit, memory_limit)
    make_executor(executor, options)  # what is wrong with it is said before a store is made
    with ExitStack() as on_error:
        held = on_error.enter_context(opened(store))
        add_tasks(held, chosen, outcomes)
        on_error.pop_all()
    run = ProbeRun(chosen, plan, held, lambda: make_executor(executor, options), progress, outcomes)
    if held is not store:
        run._owns_store = True
        weakref.finalize(run, held.close).atexit = False  # `_end_all` does it once nothing trains any more
    return run


def add_tasks(store: RunStore, tasks: Sequence[Task], outcomes: bool = True) -> None:
    """Make tasks, and their evaluation rows, known to a store; one that holds others of the same name is an error."""
    for task in tasks:
        description: dict[str, Any] = {
            "model": str(task.model), "data": task.data.name, "source": task.data.source,
            "classes": len(task.data.classes), "train_rows": len(task.data.train), "eval_rows": len(task.data.eval),
            "metric": task.metric, "label_noise": task.label_noise, "recipe": asdict(task.recipe),
        }  # fmt: skip
        store.add_task(str(task.name), task.fingerprint, description)
        if outcomes and not store.read_only:
            rows = ("\x1f".join(map(str, row)) for row in task.data.eval.itertuples(index=False))
            store.add_rows(str(task.name), rows)


def make_executor(executor: str | Executor, options: TrainingOptions) -> Executor:
    """The executor that the arguments of `probe` name."""
    if executor == "local":
        return LocalExecutor(options)
    if executor == "ray":
        return RayExecutor(**asdict(options))
    if isinstance(executor, str) or not all(hasattr(executor, part) for part in ("run", "group_size", "check")):
        raise bad_argument("executor", executor, "'local', 'ray' or an executor")
    if options != TrainingOptions():
        expected = "'local' or 'ray' beside engine=, device=, cache_limit= or memory_limit="
        hint = "An executor of your own has these options itself: RayExecutor(engine=...)."
        raise bad_argument("executor", executor, expected, hint)
    return executor


def _interrupted(store: RunStore, tasks: Sequence[Task]) -> str:
    held = {str(task.name): store.measured_depths(str(task.name)) for task in tasks}
    count = sum(len(depths) for runs in held.values() for depths in runs.values())
    if store.path == ":memory:":
        return f"Interrupted after {count} measurements, kept in memory only: give store= a file to keep them."
    return f"Interrupted: {store.path} holds {count} measurements of these tasks; the same call goes on from there."
