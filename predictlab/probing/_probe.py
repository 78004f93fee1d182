"""probe(): what a plan asks for and the store does not hold yet is trained, measured and written."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from predictlab.errors import bad_argument
from predictlab.probing._driver import Driver
from predictlab.probing._executors import ENGINES, Executor, LocalExecutor, Settings
from predictlab.probing._limits import CACHE_LIMIT, MEMORY_LIMIT
from predictlab.probing._plan import ProbePlan
from predictlab.probing._progress import Progress
from predictlab.runs import RunStore
from predictlab.task import Task


def describe(task: Task) -> dict[str, Any]:
    """What a store says about a task, for people."""
    return {
        "model": str(task.model), "data": task.data.name, "source": task.data.source, "classes": len(task.data.classes),
        "train_rows": len(task.data.train), "eval_rows": len(task.data.eval), "metric": task.metric,
        "label_noise": task.label_noise, "recipe": asdict(task.recipe),
    }  # fmt: skip


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
) -> pd.DataFrame:
    """Train the runs of each task and measure its metrics at each depth of the plan.

    Every measurement is on disk when it is reported, with the state that training goes on from. A second call with the
    same store trains only what is missing: new seeds, new forks, deeper depths, and what an interruption left open.
    Several processes may probe into one store: they share the work.

    Parameters
    ----------
    tasks : Task or iterable of Task
    plan : ProbePlan
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

    Returns
    -------
    pandas.DataFrame
        Tidy frame (see `RunStore.frame`) of these tasks: the plan's runs in its order, each followed by its forks.
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
    """
    chosen = checked_tasks(tasks, plan)
    trained_by = executor_of(executor, engine, device, cache_limit, memory_limit)
    opened = store if isinstance(store, RunStore) else RunStore(store if store is not None else ":memory:")
    shown = Progress(progress)
    try:
        driver = Driver(chosen, plan, opened, trained_by, shown)
        add_tasks(opened, chosen)
        try:
            driver.run()
        except KeyboardInterrupt:
            shown.close()
            tqdm.write(_interrupted(opened, chosen), file=sys.stderr)
            raise
        return driver.frame()
    finally:
        shown.close()
        if opened is not store:
            opened.close()


def add_tasks(store: RunStore, tasks: Sequence[Task]) -> None:
    """Make tasks known to a store; one that holds another task of the same name is an error."""
    for task in tasks:
        store.add_task(str(task.name), task.fingerprint, describe(task))


def executor_of(
    executor: str | Executor, engine: str, device: str | None, cache_limit: int, memory_limit: int
) -> Executor:
    """The executor that the arguments of `probe` name."""
    if engine not in ENGINES:
        raise bad_argument("engine", engine, " or ".join(map(repr, ENGINES)))
    if cache_limit < 0:
        raise bad_argument("cache_limit", cache_limit, "a number of bytes >= 0")
    if memory_limit <= 0:
        raise bad_argument("memory_limit", memory_limit, "a number of bytes > 0")
    settings = Settings(engine, device, cache_limit, memory_limit)
    if not isinstance(executor, str):
        if not all(hasattr(executor, part) for part in ("run", "group_size", "check")):
            raise bad_argument("executor", executor, "'local', 'ray' or an executor")
        if settings != Settings():
            raise bad_argument(
                "executor", executor, "'local' or 'ray' beside engine=, device=, cache_limit= or memory_limit=",
                "An executor of your own has its settings: RayExecutor(Settings(engine=...)).",
            )  # fmt: skip
        return executor
    if executor == "local":
        return LocalExecutor(settings)
    if executor == "ray":
        from predictlab.probing._ray.executor import RayExecutor

        return RayExecutor(settings)
    raise bad_argument("executor", executor, "'local', 'ray' or an executor")


def checked_tasks(tasks: Task | Iterable[Task], plan: ProbePlan) -> list[Task]:
    """Tasks and a plan that fit each other, or an error that says why they do not."""
    chosen: list[Any] = [tasks] if isinstance(tasks, Task) else list(tasks)
    if not chosen or not all(isinstance(task, Task) for task in chosen):
        raise bad_argument("tasks", chosen, "a pl.Task or a list of them")
    if not isinstance(plan, ProbePlan):
        raise bad_argument("plan", plan, "a pl.ProbePlan(depths=..., seeds=...)")
    names = [str(task.name) for task in chosen]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise bad_argument("tasks", twice, "a different name for each task", "Give one of them another name=.")
    for task in chosen:
        if plan.depths[-1] > task.recipe.steps:
            raise bad_argument(
                "depths", plan.depths, f"at most {task.recipe.steps}, the steps of the recipe of {task.name}",
                "Raise the recipe's steps (its schedule ends there) or leave the deeper depths out.",
            )  # fmt: skip
        if plan.fork_depths and not _forks_differ(task):
            raise bad_argument(
                "order_seed", task.recipe.order_seed,
                f"None with design='branch', since {task.name} has no unpinned dropout: all forks would be equal",
                "Leave the data order or the dropout of the recipe free.",
            )  # fmt: skip
    return chosen


def _forks_differ(task: Task) -> bool:
    """Whether some randomness that acts after a fork is left free by the recipe."""
    recipe = task.recipe
    return recipe.order_seed is None or (recipe.dropout > 0 and recipe.dropout_seed is None)


def _interrupted(store: RunStore, tasks: Sequence[Task]) -> str:
    held = {str(task.name): store.known(str(task.name)) for task in tasks}
    count = sum(len(depths) for runs in held.values() for depths in runs.values())
    if store.path == ":memory:":
        return f"Interrupted after {count} measurements, kept in memory only: give store= a file to keep them."
    return f"Interrupted: {store.path} holds {count} measurements of these tasks; the same call goes on from there."
