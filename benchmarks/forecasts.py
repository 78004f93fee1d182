"""How often the intervals of `pl.forecast` hold, how wide they are, and how far its predictors are from the limit.

    python benchmarks/forecasts.py --repeats 20                 # worlds with a known truth
    python benchmarks/forecasts.py --published FILE             # published fine-tunes of 90 tasks
    python benchmarks/forecasts.py --store forecasts.db         # real fine-tunes of 32 tasks, each from the others

Worlds: every run of a world is forecast by the others, at a fifth of its steps (24 of 120). In martingale worlds
(`L_int` .0001, `K` .02, `alpha` 1) what is read of a run is the best predictor of its end, with or without an error of
reading; tasks differ in their means (sd .1), four runs each. In worlds of rising curves each task follows a power law
of its own. "width" is that of the interval over that of the best predictor there is, which knows the world; "over L(c)"
is a mean squared error over the least possible. Late learners: of 20 runs one rises after the depth of the forecast.
Rows: runs on 100 evaluation rows, against what they are worth on all rows.
Published: FILE is finetune_loss_by_examples.csv of Lin and others (2024), test loss of 30 language models on three data
sets by number of examples; the end is 1,638,400, and each model is forecast from the other 29. Real tasks: the head of
two small encoders is trained on 16 data sets, and each data set is forecast from the other 15 alone.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy.stats import norm

import predictlab as pl

DEPTHS, AT, END = (4, 8, 16, 24), 24, 120
METHODS = ("t", "jackknife+", "cv+")
CONFIDENCE = 0.9
PREDICTORS = ("stack", "static", "regression", "last_value", "power_law", "log_log", "calibrated")
OF_WORLDS = tuple(name for name in PREDICTORS if name != "static")  # nothing is known of a world beforehand
Make = Callable[[float | None, int, int], pd.DataFrame]  # of the tail, how many, and a seed
DATA = (
    "rotten_tomatoes", "plot_or_review", "newsgroups20", "reuters_r8", "reuters_r52", "election_tweets",
    "friends_speaker", "health_tweets", "boolq", "privacy_qa", "medical_subject", "piqa", "commonsense_qa", "mmlu",
    "review_sentences", "spam_assassin",
)  # fmt: skip
MODELS = ("minilm-l3", "minilm-l6")
PLAN = pl.ProbePlan((4, 8, 12, 16, 20, 26, 32, 64, 128), 4)
RECIPE = pl.Recipe(method="head", learning_rate=1e-2, max_length=48, steps=128, schedule="linear")


def simulated(tail: float | None, mean: float, runs: int, seed: int, reading: float = 0.0) -> pd.DataFrame:
    """Runs whose path is the best predictor of their end, read with an error."""
    world = pl.worlds.MartingaleWorld(0.0001, 0.02, 1.0, mean=mean, tail=tail)
    made = world.simulate(runs, DEPTHS, seed)
    ends = made[(made["metric"] == "performance") & (made["depth"] == AT)].assign(depth=END)
    path = made[made["metric"] == "prediction"].copy()
    path["value"] += reading * np.random.default_rng([seed, 1]).standard_normal(len(path))
    return pd.concat([path, ends], ignore_index=True).assign(metric="R")


def tasks_of(tail: float | None, tasks: int, seed: int) -> pd.DataFrame:
    """Four runs of each task."""
    rng, parts = np.random.default_rng(seed), []
    for i in range(tasks):
        mean = 0.7 + 0.1 * rng.standard_normal()
        parts.append(simulated(tail, mean, 4, int(rng.integers(1 << 30))).assign(task=f"task {i}"))
    return pd.concat(parts, ignore_index=True)


def runs_of(tail: float | None, runs: int, seed: int) -> pd.DataFrame:
    """Runs of one task."""
    return simulated(tail, 0.7, runs, seed)


def tidy(task: str, run: str, depths: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """One run."""
    known = {"task": task, "run": run, "parent": None, "depth": depths, "metric": "accuracy", "value": values}
    return pd.DataFrame(known | {"status": "ok"})


def rising(tasks: int, seed: int) -> pd.DataFrame:
    """Three runs of each task, whose accuracy rises by a power law."""
    rng, parts = np.random.default_rng(seed), []
    depths = np.array([*DEPTHS, END], dtype=float)
    for t in range(tasks):
        end, below, rate = rng.uniform(0.5, 0.95), rng.uniform(0.2, 0.45), rng.uniform(0.3, 1.2)
        for s in range(3):
            later = np.cumsum((0.01 * rng.standard_normal(len(depths)) * depths**-0.3)[::-1])[::-1]
            value = end - below * (depths / 4) ** -rate + later + 0.02 * rng.standard_normal()
            parts.append(tidy(f"t{t}", f"t{t}:{s}", depths, np.clip(value, 0, 1)))
    return pd.concat(parts, ignore_index=True)


def held(table: pd.DataFrame, truth: pd.Series | None = None) -> np.ndarray:
    """Whether each known end lies in its interval."""
    known = table.dropna(subset=["prediction", "final"])
    ends = known["final"] if truth is None else truth[known.index]
    return np.asarray((known["lower"] <= ends) & (ends <= known["upper"]))


def counted(make: Make, tail: float | None, size: int, repeats: int, method: str) -> str:
    """One row: how many of the ends lie in their intervals, and how wide these are."""
    inside: list[bool] = []
    width: list[float] = []
    for seed in range(repeats):
        table = pl.forecast(make(tail, size + 1, seed), AT, method=method, confidence=CONFIDENCE).frame()
        inside += held(table).tolist()
        width += (table["upper"] - table["lower"]).tolist()
    best = 2 * 1.645 * float(np.sqrt(pl.worlds.MartingaleWorld(0.0001, 0.02, 1.0).risk([AT])[0]))
    wide = float(np.median(width)) / best
    shown = f"{wide:.2f}" if np.isfinite(wide) else "unbounded"
    return f"{np.mean(inside):.1%} of {len(inside)} | {shown}"


def on_worlds(repeats: int) -> None:
    print(f"| forecast | from | noise | method | in the {CONFIDENCE:.0%} interval | width |")
    print("| --- | --- | --- | --- | --- | --- |")
    cases: tuple[tuple[Make, str, str, tuple[int, ...]], ...] = (
        (runs_of, "another run of the task", "runs", (8, 16, 32)),
        (tasks_of, "a run of a new task", "tasks of 4 runs", (8, 20)),
    )
    for make, what, unit, sizes in cases:
        for size in sizes:
            for tail in (None, 5.0):
                for method in METHODS:
                    noise = "Gaussian" if tail is None else "t5"
                    row = counted(make, tail, size, max(4, repeats * 8 // size), method)
                    print(f"| {what} | {size} {unit} | {noise} | {method} | {row} |", flush=True)


def squared_errors(frames: Sequence[pd.DataFrame], at: float = AT, **options: Any) -> dict[str, float]:
    """Mean squared error of the stack and of each member, on runs of groups that they had not seen."""
    found = [pl.forecast(frame, at, **options).members for frame in frames]
    return {name: float(np.mean([m["error"][name] ** 2 for m in found if m is not None])) for name in OF_WORLDS}


def against_members(repeats: int) -> None:
    limit = float(pl.worlds.MartingaleWorld(0.0001, 0.02, 1.0).risk([AT])[0])
    print(f"\n| squared error at a fifth of the run, over L(c) | {' | '.join(OF_WORLDS)} |")
    print("| --- |" + " --- |" * len(OF_WORLDS))
    for what, size, reading in (("8 runs", 8, 0.0), ("16 runs", 16, 0.0), ("32 runs", 32, 0.0),
                                ("16 runs, read with an error of .02", 16, 0.02)):  # fmt: skip
        count = max(4, repeats * 16 // size)
        errors = squared_errors([simulated(None, 0.7, size, seed, reading) for seed in range(count)])
        print(f"| martingale, {what}, {count} worlds | {' | '.join(f'{e / limit:.2f}' for e in errors.values())} |")
    print(f"\n| root mean square error at a fifth of the run | {' | '.join(OF_WORLDS)} |")
    print("| --- |" + " --- |" * len(OF_WORLDS))
    for tasks in (8, 16):
        errors = squared_errors([rising(tasks, seed) for seed in range(repeats)])
        shown = " | ".join(f"{np.sqrt(e):.4f}" for e in errors.values())
        print(f"| rising curves, {tasks} tasks of 3 runs, {repeats} worlds | {shown} |", flush=True)


def late_learners(repeats: int) -> None:
    """Of 20 runs one learns late; what is said of it, where .8 has to be reached (it ends at about .84)."""
    depths, calls, inside = np.array([4, 8, 16, 32, 64, 128.0]), [], []
    for seed in range(repeats):
        rng, parts = np.random.default_rng(seed), []
        for i in range(20):
            middle, end = (48.0 if i == 7 else rng.uniform(3, 6)), 0.85 + 0.02 * rng.standard_normal()
            value = 0.2 + (end - 0.2) / (1 + (middle / depths) ** 3) + 0.005 * rng.standard_normal(len(depths))
            parts.append(tidy("a", f"r{i}", depths, value))
        table = pl.forecast(pd.concat(parts), 26, threshold=0.8, confidence=CONFIDENCE).frame()
        calls.append(table["decision"][7])
        inside.append(held(table.iloc[[7]])[0])
    counts = pd.Series(calls).value_counts().to_dict()
    print(f"\nlate learners, {repeats} worlds: {counts}; ends inside {np.mean(inside):.0%}", flush=True)


def on_other_rows(repeats: int) -> None:
    """Runs on 100 rows; what they are worth on all rows, in the interval of rows=inf and in that of the set."""
    inside: dict[float | None, list[bool]] = {None: [], np.inf: []}
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        ability = np.array([0.5, 0.9, 1.1])[:, None] + 0.03 * rng.standard_normal(12)
        difficulty, noise, parts = rng.standard_normal(100), rng.standard_normal((12, 100)), []
        for depth, level in zip((4, 8, 16), ability, strict=True):
            right = difficulty + level[:, None] + noise > 0
            noise = 0.8 * noise + 0.6 * rng.standard_normal(noise.shape)
            run, row = (v.ravel() for v in np.meshgrid(range(12), range(100), indexing="ij"))
            known = {"task": "a", "run": run.astype(str), "depth": depth, "metric": "accuracy", "row": row}
            parts.append(pd.DataFrame(known | {"value": right.ravel().astype(float)}))
        frame, truth = pd.concat(parts), pd.Series(norm.cdf(ability[-1] / np.sqrt(2)))
        for rows, seen in inside.items():
            seen += held(pl.forecast(frame, 8, rows=rows, confidence=CONFIDENCE).frame(), truth).tolist()
    shares = ", ".join(f"rows={rows}: {np.mean(seen):.1%} of {len(seen)}" for rows, seen in inside.items())
    print(f"\nvalues in deployment in the {CONFIDENCE:.0%} interval, {repeats} sets of 12 runs: {shares}", flush=True)


def on_published(path: Path) -> None:
    """Test loss of 30 models on three data sets, by number of examples; each model from the others."""
    table = pd.read_csv(path)
    table = table[table["examples"] > 0]
    name = table["data_set"] + "/" + table["model"]
    runs = pd.DataFrame(
        {
            "task": name, "run": name, "parent": None, "depth": table["examples"], "metric": "test_loss",
            "value": table["test_loss"], "status": "ok",
        }
    )  # fmt: skip
    groups = dict(zip(name, table["model"], strict=True))
    data = pd.get_dummies(table.set_index(name)["data_set"].groupby(level=0).first()).astype(float)
    ends = runs[runs["depth"] == runs["depth"].max()]["value"]
    print(
        f"\n{len(ends)} tasks, {table['model'].nunique()} models; ends: mean {ends.mean():.3f}, sd {ends.std():.3f}\n"
    )
    header(PREDICTORS)
    for depth in (51_200, 204_800, 409_600):
        row(f"{depth:,} examples, {depth / 1_638_400:.2g} of the run", runs, depth, "test_loss", data, groups)


def header(predictors: Sequence[str]) -> None:
    shown = " | ".join((*(f"in the {CONFIDENCE:.0%} interval, {m}" for m in METHODS), "median width, t", *predictors))
    print(f"| known | unlike | {shown} |\n| --- | --- |" + " --- |" * (len(METHODS) + 1 + len(predictors)))


def row(
    known: str, runs: pd.DataFrame, depth: float, metric: str, features: pd.DataFrame | None, groups: dict[str, str]
) -> None:
    """How often intervals of each method hold, and the root mean square errors of the stack and its members."""
    shares, width, odd = [], 0.0, 0
    errors: dict[str, float] = {}
    for method in METHODS:
        found = pl.forecast(
            runs, depth, confidence=CONFIDENCE, metric=metric, features=features, groups=groups, method=method
        )
        table = found.frame()
        inside = held(table)
        shares.append(f"{np.mean(inside):.1%} of {len(inside)}")
        if method == "t":
            width, odd = float((table["upper"] - table["lower"]).median()), int((table["note"] != "").sum())
            errors = {} if found.members is None else found.members["error"].to_dict()
    shown = [f"{errors[name]:.4f}" if name in errors else "" for name in PREDICTORS]
    print(f"| {known} | {odd} | {' | '.join([*shares, f'{width:.3f}', *shown])} |", flush=True)


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
    header(PREDICTORS)
    for depth, features, known in (
        (0, None, "nothing"),
        (0, static, "static scores"),
        *((c, static, f"static scores, {c} steps") for c in (8, 16, 26, 64)),
        (26, None, "26 steps, no static scores"),
    ):
        row(known, runs, depth, "accuracy", features, groups)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20, help="worlds of each kind; fewer of those with many runs")
    parser.add_argument("--only", help="one part of the worlds: intervals, members, late or rows")
    parser.add_argument("--published", type=Path, help="finetune_loss_by_examples.csv, instead of the worlds")
    parser.add_argument(
        "--store", type=Path, help="run store of the real tasks; made or taken up, instead of the worlds"
    )
    asked = parser.parse_args()
    began = time.perf_counter()
    if asked.store:
        on_real_runs(asked.store)
    elif asked.published:
        on_published(asked.published)
    else:
        parts = {"intervals": on_worlds, "members": against_members, "late": late_learners, "rows": on_other_rows}
        for name, part in parts.items():
            if asked.only in (None, name):
                part(asked.repeats)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
