"""How often the intervals of `pl.forecast` hold, and how wide they are.

    python benchmarks/forecasts.py --repeats 200                # worlds with a known truth
    python benchmarks/forecasts.py --store forecasts.db         # real fine-tunes of 32 tasks, each from the others

Worlds: runs of a martingale world (`L_int` .0001, `K` .02, `alpha` 1) are forecast from the first 16 steps of their
best predictor, by so many runs of the same task that ended, or by four runs of each of so many tasks whose means differ
(sd .1). In each repetition one more run, or task, is forecast. "width" is that of the interval over that of the best
predictor there is, which knows the world. Real tasks: the head of two small encoders is trained on 16 data sets, and
each data set is forecast from the other 15 alone.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Protocol

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

import predictlab as pl

DEPTHS, AT, END = (4, 8, 16), 16, 32
METHODS = ("t", "jackknife+")
DATA = (
    "rotten_tomatoes", "plot_or_review", "newsgroups20", "reuters_r8", "reuters_r52", "election_tweets",
    "friends_speaker", "health_tweets", "boolq", "privacy_qa", "medical_subject", "piqa", "commonsense_qa", "mmlu",
    "review_sentences", "spam_assassin",
)  # fmt: skip
MODELS = ("minilm-l3", "minilm-l6")
PLAN = pl.ProbePlan((4, 8, 16, 32, 64, 128), 4)
RECIPE = pl.Recipe(method="head", learning_rate=1e-2, max_length=48, steps=128, schedule="linear")


def simulated(tail: float | None, mean: float, runs: int, seed: int) -> pd.DataFrame:
    """Runs whose path is the best predictor of their end."""
    world = pl.worlds.MartingaleWorld(0.0001, 0.02, 1.0, mean=mean, tail=tail)
    made = world.simulate(runs, DEPTHS, seed)
    ends = made[(made["metric"] == "performance") & (made["depth"] == AT)].assign(depth=END)
    return pd.concat([made[made["metric"] == "prediction"], ends]).assign(metric="R")


def runs_of(tail: float | None, size: int, seed: int) -> tuple[pd.DataFrame, str]:
    """Runs of one task, and which one is to be forecast."""
    return simulated(tail, 0.7, size + 1, seed), f"run-{size:04d}"


def tasks_of(tail: float | None, size: int, seed: int) -> tuple[pd.DataFrame, str]:
    """Four runs of each task, and which task is to be forecast."""
    rng, parts = np.random.default_rng(seed), []
    for i in range(size + 1):
        mean = 0.7 + 0.1 * rng.standard_normal()
        parts.append(simulated(tail, mean, 4, int(rng.integers(1 << 30))).assign(task=f"task {i}"))
    return pd.concat(parts, ignore_index=True), f"task {size}"


class Make(Protocol):
    """Runs, and which of them is to be forecast."""

    def __call__(self, tail: float | None, size: int, seed: int) -> tuple[pd.DataFrame, str]: ...


def counted(make: Make, tail: float | None, size: int, repeats: int, method: str) -> str:
    """One row: how many of the ends that were hidden lie in their 95 % intervals, and how wide these are."""
    held: list[bool] = []
    width: list[float] = []
    for seed in range(repeats):
        whole, new = make(tail, size, seed)
        hidden = (whole["run"] == new) | (whole["task"] == new)
        table = pl.forecast(whole[~hidden | (whole["depth"] <= AT)], AT, method=method).frame()
        ends = whole.loc[hidden & (whole["depth"] == END), "value"].to_numpy()
        asked = table[table["final"].isna()]
        held += ((asked["lower"] <= ends) & (ends <= asked["upper"])).tolist()
        width += (asked["upper"] - asked["lower"]).tolist()
    best = 2 * 1.96 * float(np.sqrt(pl.worlds.MartingaleWorld(0.0001, 0.02, 1.0).risk([AT])[0]))
    wide = float(np.median(width)) / best
    shown = f"{wide:.2f}" if np.isfinite(wide) else "unbounded"
    return f"{np.mean(held):.1%} of {len(held)} | {shown}"


def on_worlds(repeats: int) -> None:
    print("| forecast | from | noise | method | in the 95 % interval | width |")
    print("| --- | --- | --- | --- | --- | --- |")
    for make, what, unit, sizes in (
        (runs_of, "another run of the task", "runs", (8, 16, 32)),
        (tasks_of, "a run of a new task", "tasks of 4 runs", (8, 20)),
    ):
        for size in sizes:
            for tail in (None, 5.0):
                for method in METHODS:
                    noise = "Gaussian" if tail is None else "t5"
                    row = counted(make, tail, size, repeats if make is runs_of else repeats // 2, method)
                    print(f"| {what} | {size} {unit} | {noise} | {method} | {row} |", flush=True)


def real_runs(store: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs of all tasks, and what is known of each beforehand."""
    tasks, known = [], {}
    for name in DATA:
        data = pl.load_dataset(name, eval_size=400, train_size=800, seed=0)
        for model in MODELS:
            task = pl.Task(model, data, RECIPE, name=f"{name}/{model}")
            score = pl.score(task, "linear_probe", max_rows=800).value("linear_probe")
            known[task.name] = {"linear probe": score, "chance": 1 / len(data.classes)}
            tasks.append(task)
    return pl.probe(tasks, PLAN, store), pd.DataFrame(known).T


def on_real_runs(store: Path) -> None:
    runs, static = real_runs(store)
    groups = {run: str(run).partition("/")[0] for run in runs["run"].unique()}
    ends = runs[(runs["depth"] == PLAN.depths[-1]) & (runs["metric"] == "accuracy")]["value"]
    print(f"\n{len(DATA)} data sets, {len(MODELS)} models, {len(PLAN.run_seeds)} seeds each; ", end="")
    print(f"ends: mean {ends.mean():.3f}, sd {ends.std():.3f}\n")
    print("| known | method | root mean square error | in the interval | median width | unlike the others |")
    print("| --- | --- | --- | --- | --- | --- |")
    for depth, features, known in (
        (0, None, "nothing"),
        (0, static, "static scores"),
        *((c, static, f"static scores, {c} steps") for c in PLAN.depths[1:-1]),
        (64, None, "64 steps, no static scores"),
    ):
        for method, confidence in (("t", 0.95), ("jackknife+", 0.9)):  # 15 data sets: too few for the latter at 95 %
            forecasts = pl.forecast(
                runs, depth, confidence=confidence, metric="accuracy", features=features, groups=groups, method=method
            )
            table = forecasts.frame()
            error = table["final"] - table["prediction"]
            held = table["final"].between(table["lower"], table["upper"])
            width = (table["upper"] - table["lower"]).median()
            odd = int((table["note"] != "").sum())
            print(
                f"| {known} | {method}, {100 * confidence:g} % | {np.sqrt(np.mean(error**2)):.3f} | "
                f"{held.mean():.1%} of {len(held)} | {width:.3f} | {odd} |", flush=True,
            )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200, help="of each setting; half as many for tasks")
    parser.add_argument(
        "--store", type=Path, help="run store of the real tasks; made or taken up, instead of the worlds"
    )
    asked = parser.parse_args()
    began = time.perf_counter()
    if asked.store:
        on_real_runs(asked.store)
    else:
        on_worlds(asked.repeats)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
