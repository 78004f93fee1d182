"""Work that is killed at random moments until it is done; used by the tests and by benchmarks/kills.py."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

import predictlab as pl
from predictlab.probing._engine.parameters import RunState


def probe_into(task: pl.Task, plan: pl.ProbePlan, path: Path, pause: float) -> None:
    """A probe whose steps take at least `pause` seconds, so that a kill falls anywhere in it."""
    import torch

    from predictlab.probing._engine.shared import SharedTrainer

    torch.set_num_threads(1)
    step = SharedTrainer._step

    def slow(self: SharedTrainer, *arguments: object) -> None:
        time.sleep(pause)
        step(self, *arguments)  # type: ignore[arg-type]

    SharedTrainer._step = slow  # type: ignore[method-assign]
    pl.probe(task, plan, path, progress=False)


def killed_until_done(work: Callable[[], None], moments: Sequence[float], check: Callable[[], None]) -> int:
    """Start `work` in a forked process again and again and kill it, until it ends by itself; how often it was killed.

    Parameters
    ----------
    work : callable
    moments : sequence of float
        Seconds after which each process is killed with SIGKILL; the one after the last is left to end.
    check : callable
        Called after each kill, and at the end.
    """
    context = multiprocessing.get_context("fork")
    kills = 0
    for moment in moments:
        process = context.Process(target=work)
        process.start()
        process.join(moment)
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGKILL)
            kills += 1
        process.join()
        check()
        if process.exitcode == 0:
            return kills
        if process.exitcode != -signal.SIGKILL:
            raise AssertionError(f"the work failed by itself, with exit code {process.exitcode}")
    process = context.Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 0, "the work could not be taken up again"
    check()
    return kills


def assert_whole(path: Path, task: str, metrics: int) -> None:
    """Every measurement is complete, none is there twice, and the deepest state of every run is readable."""
    if not path.exists():
        return
    with pl.RunStore(path, read_only=True) as store:
        if task not in set(store.tasks()["task"]):
            return
        frame = store.frame(task)
        assert not frame.duplicated(["run", "depth", "metric"]).any()
        counts = frame.groupby(["run", "depth"])["metric"].count()
        assert counts.eq(metrics).all()
        deepest = frame.groupby("run")["depth"].max()
        for run, depths in store.states(task).items():
            found = store.state(task, run)
            assert found is not None
            depth, raw = found
            assert depth == depths[-1] >= deepest.get(run, 0)
            assert RunState.from_bytes(raw).step == depth


def same_values(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Whether two frames hold the same measurements, values to the last bit."""
    columns = ["task", "run", "parent", "seed", "depth", "metric", "value", "status"]
    return a[columns].equals(b[columns])
