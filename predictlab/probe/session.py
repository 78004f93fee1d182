"""probe(): what a plan asks for and the store does not hold yet is trained, measured and written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from tqdm.auto import tqdm

from predictlab.errors import DependencyError, bad_argument
from predictlab.probe.plan import ProbePlan
from predictlab.probe.work import fork_name, missing, planned, run_name
RunWork = TaskWork = object
from predictlab.runs import RunStore
from predictlab.task import Task

if TYPE_CHECKING:
    from predictlab.backbone import Backbone
    from predictlab.probe.reference import Measurement, ReferenceTrainer

CACHE_LIMIT = 2_000_000_000


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
    executor: str = "local",
    engine: str = "reference",
    progress: bool = True,
    device: str | None = None,
    cache_limit: int = CACHE_LIMIT,
) -> pd.DataFrame:
    """Train the runs of each task and measure accuracy and evaluation loss at each depth of the plan.

    Every measurement is written as soon as it is made. A second call with the same store trains only what is
    missing: new seeds, new forks, and runs that lack a deeper depth. A run that lacks one, or whose fork is missing,
    is trained again from its start as far as needed, which gives the same numbers on the same machine.

    Parameters
    ----------
    tasks : Task or iterable of Task
    plan : ProbePlan
    store : str, pathlib.Path, RunStore or None
        Where measurements go; None keeps them in this process only.
    executor : {"local"}
        This process.
    engine : {"reference"}
        One seed at a time.
    progress : bool
        Show one progress bar over all steps, on standard error.
    device : str, optional
        A torch device; None takes a GPU where there is one.
    cache_limit : int
        Bytes of activations of frozen layers held in memory; beyond it they are computed in every step.

    Returns
    -------
    pandas.DataFrame
        Tidy frame (see `RunStore.frame`) of these tasks: the plan's runs in its order, each followed by its forks.
        A fork has its parent's name in `parent` and its parent's seed. It is measured twice: its first depth is the
        one it was forked at, with the parent's values there, its last is the full depth. Its seconds and operations
        are its own, counted from the fork: sums over runs are what was spent (but for runs trained again).

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
    """
    chosen = [tasks] if isinstance(tasks, Task) else list(tasks)
    _check(chosen, plan, executor, engine, cache_limit)
    opened = store if isinstance(store, RunStore) else RunStore(store if store is not None else ":memory:")
    try:
        for task in chosen:
            opened.add_task(str(task.name), task.fingerprint, describe(task))
        work = [w for w in (missing(task, plan, opened) for task in chosen) if w.runs]
        if work:
            opened.check_writable()
            _train(work, opened, progress, device, cache_limit)
        frames = [planned(task, plan, opened.frame(str(task.name))) for task in chosen]
        return pd.concat(frames, ignore_index=True)
    finally:
        if opened is not store:
            opened.close()


def _check(tasks: Sequence[Any], plan: Any, executor: str, engine: str, cache_limit: int) -> None:
    if not tasks or not all(isinstance(task, Task) for task in tasks):
        raise bad_argument("tasks", tasks, "a pl.Task or a list of them")
    if not isinstance(plan, ProbePlan):
        raise bad_argument("plan", plan, "a pl.ProbePlan(depths=..., seeds=...)")
    if executor != "local":
        raise bad_argument("executor", executor, "'local'")
    if engine != "reference":
        raise bad_argument("engine", engine, "'reference'")
    if cache_limit < 0:
        raise bad_argument("cache_limit", cache_limit, "a number of bytes >= 0")
    names = [str(task.name) for task in tasks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise bad_argument("tasks", twice, "a different name for each task", "Give one of them another name=.")
    for task in tasks:
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


def _forks_differ(task: Task) -> bool:
    """Whether some randomness that acts after a fork is left free by the recipe."""
    recipe = task.recipe
    return recipe.order_seed is None or (recipe.dropout > 0 and recipe.dropout_seed is None)


def _train(work: Sequence[TaskWork], store: RunStore, progress: bool, device: str | None, cache_limit: int) -> None:
    from predictlab.backbone import let_threads_sleep, load_backbone

    let_threads_sleep()
    try:
        import torch

        from predictlab.probe.activations import SharedInputs
        from predictlab.probe.learner import learner_of
        from predictlab.probe.reference import ReferenceTrainer
    except ImportError as error:
        raise DependencyError(
            f"Training probes needs {error.name}: install it with `pip install 'predictlab[probe]'`."
        ) from error
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    bar = tqdm(total=sum(w.steps for w in work), unit="step", disable=not progress, dynamic_ncols=True, smoothing=0.1)
    try:
        bar.set_description("loading")
        models = {str(w.task.model): w.task.model for w in work}
        backbones = {name: load_backbone(model, device) for name, model in models.items()}
        for w in work:
            _check_fit(w.task, backbones[str(w.task.model)])
        for name, backbone in backbones.items():
            shared = SharedInputs(cache_limit)
            for w in work:
                if str(w.task.model) != name:
                    continue
                bar.set_description(f"{w.task.name}: frozen layers")
                trainer = ReferenceTrainer(w.task.recipe, learner_of(w.task, backbone, shared))
                for run in w.runs:
                    bar.set_description(f"{w.task.name} seed {run.seed}")
                    _train_run(trainer, run, w, store, bar.update)
    except KeyboardInterrupt:
        bar.close()
        print(_interrupted(store, [w.task for w in work]), file=sys.stderr)
        raise
    finally:
        bar.close()


def _check_fit(task: Task, backbone: Backbone) -> None:
    """Find out that a recipe does not fit its model before the first task is trained, not hours later."""
    task.recipe.trained_layers(backbone.n_layers)
    if task.recipe.max_length > backbone.max_length:
        raise bad_argument(
            "max_length", task.recipe.max_length, f"at most {backbone.max_length} tokens, what {task.model} can take"
        )


def _train_run(
    trainer: ReferenceTrainer, run: RunWork, work: TaskWork, store: RunStore, tick: Callable[[], object]
) -> None:
    """Train what is missing of one run, from fork depth to fork depth: one state is held at a time."""
    from predictlab.probe.randomness import Fork

    task, seed, rest = work.task, run.seed, run.depths
    name = run_name(task, seed)
    measured: list[Measurement] = []

    def write(m: Measurement) -> None:
        measured.append(m)
        _record(store, task, name, seed, m)

    state = None
    for depth, numbers in run.forks.items():
        upto = [*(d for d in rest if d < depth), depth]
        rest = tuple(d for d in rest if d > depth)
        state = trainer.run(seed, upto, write, tick, start=state, keep=True)
        for number in numbers:
            write_fork = partial(_record, store, task, fork_name(task, seed, depth, number), seed, parent=name)
            write_fork(replace(measured[-1], seconds=0.0, flops=0.0))
            trainer.run(seed, [work.full], write_fork, tick, start=state, fork=Fork(depth, number))
    if rest:
        trainer.run(seed, rest, write, tick, start=state)


def _record(store: RunStore, task: Task, run: str, seed: int, m: Measurement, parent: str | None = None) -> None:
    store.record(
        str(task.name), run, m.depth, m.values,
        seed=seed, parent=parent, seconds=m.seconds, flops=m.flops, status=m.status,
    )  # fmt: skip


def _interrupted(store: RunStore, tasks: Sequence[Task]) -> str:
    held = {str(task.name): store.known(str(task.name)) for task in tasks}
    count = sum(len(depths) for runs in held.values() for depths in runs.values())
    if store.path == ":memory:":
        return f"Interrupted after {count} measurements, kept in memory only: give store= a file to keep them."
    return f"Interrupted: {store.path} holds {count} measurements of these tasks; the same call goes on from there."
