"""probe(): what a plan asks for and the store does not hold yet is trained, measured and written."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from tqdm.auto import tqdm

from predictlab.errors import DependencyError, bad_argument
from predictlab.probe.plan import ProbePlan
from predictlab.runs import RunStore
from predictlab.task import Task

if TYPE_CHECKING:
    from predictlab.backbone import Backbone
    from predictlab.probe.reference import Measurement

CACHE_LIMIT = 2_000_000_000


@dataclass(frozen=True)
class _Work:
    """Runs of one task that are not complete: seed -> depths still to be measured."""

    task: Task
    missing: dict[int, tuple[int, ...]]

    @property
    def steps(self) -> int:
        return sum(depths[-1] for depths in self.missing.values())


def run_name(task: Task, seed: int) -> str:
    """Name of the run of `seed` in stores."""
    return f"{task.name}:{seed}"


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
    """Train the seeds of each task and measure accuracy and evaluation loss at each depth of the plan.

    Every measurement is written as soon as it is made. A second call with the same store trains only what is
    missing: new seeds, and seeds that lack a deeper depth (those are trained again from their start, which gives
    the same numbers on the same machine).

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
        Tidy frame (see `RunStore.frame`) of these tasks at the plan's seeds and depths.

    Raises
    ------
    ArgumentError
        Two tasks of one name, a depth beyond a recipe's steps, an unknown executor or engine.
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
        work = [w for w in (_missing(task, plan, opened) for task in chosen) if w.missing]
        if work:
            opened.check_writable()
            _train(work, opened, progress, device, cache_limit)
        return _planned(chosen, plan, opened)
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


def _missing(task: Task, plan: ProbePlan, store: RunStore) -> _Work:
    name = str(task.name)
    store.add_task(name, task.fingerprint, describe(task))
    known = store.known(name)
    missing = {}
    for seed in plan.seeds:
        lacking = tuple(d for d in plan.depths if d not in known.get(run_name(task, seed), ()))
        if lacking:
            missing[seed] = lacking
    return _Work(task, missing)


def _train(work: Sequence[_Work], store: RunStore, progress: bool, device: str | None, cache_limit: int) -> None:
    from predictlab.backbone import let_threads_sleep, load_backbone

    let_threads_sleep()
    try:
        import torch

        from predictlab.probe.activations import SharedInputs
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
                trainer = ReferenceTrainer(w.task, backbone, shared)
                for seed, depths in w.missing.items():
                    bar.set_description(f"{w.task.name} seed {seed}")
                    trainer.run(seed, depths, _writer(store, w.task, seed), bar.update)
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


def _writer(store: RunStore, task: Task, seed: int) -> Any:
    def write(m: Measurement) -> None:
        store.record(
            str(task.name), run_name(task, seed), m.depth, m.values,
            seed=seed, seconds=m.seconds, flops=m.flops, status=m.status,
        )  # fmt: skip

    return write


def _interrupted(store: RunStore, tasks: Sequence[Task]) -> str:
    held = {str(task.name): store.known(str(task.name)) for task in tasks}
    count = sum(len(depths) for runs in held.values() for depths in runs.values())
    if store.path == ":memory:":
        return f"Interrupted after {count} measurements, kept in memory only: give store= a file to keep them."
    return f"Interrupted: {store.path} holds {count} measurements of these tasks; the same call goes on from there."


def _planned(tasks: Sequence[Task], plan: ProbePlan, store: RunStore) -> pd.DataFrame:
    frames = []
    for task in tasks:
        frame = store.frame(str(task.name))
        wanted = frame["run"].isin([run_name(task, seed) for seed in plan.seeds]) & frame["depth"].isin(plan.depths)
        frames.append(frame[wanted])
    return pd.concat(frames, ignore_index=True)
