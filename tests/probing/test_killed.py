"""Killed at any moment, the next call resumes; two processes on one store share the work. More: benchmarks/kills.py."""

import functools
import multiprocessing

import numpy as np
import pytest
from killing import assert_whole, killed_until_done, probe_into, same_values

import predictlab as pl
from predictlab.probing import ProbePlan
from predictlab.probing._engine import trainers
from predictlab.probing._progress import Progress

PLANS = {
    "spread": ProbePlan((0, 2, 5, 9, 12), 3),
    "branch": ProbePlan((3, 6, 12), design="branch", parents=2, forks=2),
}


@pytest.mark.parametrize("changes", [{}, {"optimizer": "sgd", "learning_rate": 0.5, "sampling": "replacement"}])
@pytest.mark.parametrize("design", PLANS)
def test_killed_at_random_moments_and_the_frame_is_that_of_an_undisturbed_run(task, tmp_path, design, changes):
    task = task.replace(recipe=task.recipe.replace(**changes))
    plan, path = PLANS[design], tmp_path / "runs.db"
    whole = pl.probe(task, plan, tmp_path / "whole.db", progress=False)
    rng = np.random.default_rng(len(design))
    kills = killed_until_done(
        functools.partial(probe_into, task, plan, path, 0.03),
        rng.uniform(0.05, 0.6, size=6).tolist(),
        functools.partial(assert_whole, path, "toy", 2),
    )
    assert kills >= 2
    assert same_values(pl.probe(task, plan, path, progress=False), whole)
    assert kept_outcomes(path) == kept_outcomes(tmp_path / "whole.db")  # to the last bit


def kept_outcomes(path):
    with pl.RunStore(path) as store:
        return {
            (metric, depth, run): values.tobytes()
            for metric in ("accuracy", "eval_loss")
            for depth, run, values in store.iter_outcomes("toy", metric)
        }


def count_steps(task, plan, path, name, counts):
    step = Progress.step

    def counted(self, of, steps):
        with counts.get_lock():
            counts.value += steps
        step(self, of, steps)

    Progress.step = counted
    trainers.LARGEST_GROUP = 1
    frame = pl.probe(task, plan, path, progress=False)
    frame.to_pickle(path.with_name(f"{name}.pkl"))


def test_two_processes_on_one_store_share_the_work(task, tmp_path):
    import pandas as pd

    plan, path = ProbePlan((0, 6, 12), 6), tmp_path / "runs.db"
    context = multiprocessing.get_context("fork")
    steps = context.Value("i", 0)
    both = [context.Process(target=count_steps, args=(task, plan, path, name, steps)) for name in "ab"]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert steps.value == 6 * 12, "no step was made twice"
    frames = [pd.read_pickle(path.with_name(f"{name}.pkl")) for name in "ab"]
    pd.testing.assert_frame_equal(*frames)
    assert len(frames[0]) == 6 * 3 * 2
