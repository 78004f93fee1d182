"""Whether each question's stated risk is the squared error that was made, and whether intervals of an end hold.

    python benchmarks/questions.py --worlds --draws 40          # worlds with a horizon and a mean curve
    python benchmarks/questions.py --store questions.db         # 7 real tasks of 64 or 32 seeds, recorded first
    python benchmarks/questions.py --published runs.csv         # curves of other people's runs, a tidy table

`fresh_run`: S runs are read up to a quarter, a half or all of the recipe; the end of the other runs of the same task
is predicted, before T by the law of the mean curve (``drift="mean"``), at T by the mean of the ends. "stated" is the
mean of the stated risks over the mean of the squared errors that were made (1: true; above 1: careful), "covers" the
share of the ends in the 95 % interval, "width" that interval over the one of somebody who knows the task's mean and
variance. `agreement`: the fitted spread over the squared distance of the other runs from their mean at that depth.
`this_run`: the residual's risk over the squared errors that a predictor learnt from the same S runs makes on the
others.

Plans: the cheapest probe for a tolerance of 2.1, 3 or 5 times Var(R), made from a pilot of 6 runs that ended, replayed
with 20 draws of the seeds it has not seen. "kept": the squared error of such probes, in the mean, was within the
tolerance, which the plan promises with 90 %; "kept by one probe": that of a single probe was. Prices of full runs, and
of runs to T/2, for the same promise are over the plan's.

Published: each run's training loss up to a quarter or a half of its steps is carried to its end by the law of the mean
curve, the noise of one run from the second differences of its tail: whether the law's priors are as wide as other
people's curves ask for.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

import predictlab as pl
from predictlab.decay._mean_curve import learning_time, mean_at_end

SEEDS, SHARES = (3, 6, 12), (0.25, 0.5, 1.0)
HEAD = {"method": "head", "learning_rate": 2e-2, "max_length": 32}
LORA = {"layers": "last:1", "max_length": 24, "learning_rate": 2e-3}
DEEP, SHORT = (4, 8, 16, 32, 64, 96, 128), (4, 8, 16, 32, 48, 64)
TASKS: dict[str, tuple[str, int, tuple[int, ...], dict[str, object]]] = {
    "r8 head": ("reuters_r8", 64, DEEP, HEAD),
    "newsgroups head": ("newsgroups20", 64, DEEP, HEAD),
    "film reviews head": ("rotten_tomatoes", 64, DEEP, HEAD),
    "health tweets head": ("health_tweets", 64, DEEP, HEAD),
    "friends head": ("friends_speaker", 64, DEEP, HEAD),
    "medical head, constant rate": ("medical_subject", 64, DEEP, HEAD | {"schedule": "constant"}),
    "reviews lora": ("review_sentences", 32, SHORT, LORA),
}
TOLERANCES, PROBES = (2.1, 3.0, 5.0), 20  # of Var(R); probes that each plan is replayed with
Asked = dict[str, Any]
Values = tuple[str, np.ndarray, np.ndarray, str | None]  # name, depths, values (runs, depths), schedule


def worlds(draws: int) -> Iterator[Values]:
    """Tasks of 64 runs: a spread that follows the law, about a mean curve of one of four kinds."""
    depths = np.array(DEEP, dtype=float)
    kinds = {
        "power": lambda c: -((1 + c / 12) ** -0.8),
        "exponential": lambda c: -np.exp(-c / 30),
        "S-curve": lambda c: 1 / (1 + (25 / c) ** 2.5),
        "flat": lambda c: 0 * c,
    }
    for draw in range(draws):
        for kind, curve in kinds.items():
            rng = np.random.default_rng([draw, len(kind)])
            world = pl.worlds.MartingaleWorld(
                10 ** rng.uniform(-5, -4), 10 ** rng.uniform(-3, -2), rng.uniform(0.5, 1.8)
            )
            runs = world.source(seed=draw)(DEEP, range(64))
            values = runs.pivot_table(index="run", columns="depth", values="value").to_numpy()
            yield f"world, {kind}", depths, 0.6 + 0.3 * curve(depths) + values, "constant"


def real(store: str, tasks: list[str]) -> Iterator[Values]:
    """The recorded tasks; what is not recorded yet is trained."""
    for name in tasks:
        data, seeds, depths, recipe = TASKS[name]
        loaded = pl.load_dataset(data, eval_size=1000, train_size=1500, seed=0)
        task = pl.Task("minilm-l6", loaded, pl.Recipe(steps=depths[-1], **recipe), name=name)  # type: ignore[arg-type]
        runs = pl.probe(task, pl.ProbePlan(depths, seeds), store=store, progress=True)
        wide = runs[(runs["metric"] == "accuracy") & (runs["status"] == "ok")].pivot_table(
            index="run", columns="depth", values="value"
        )
        yield name, wide.columns.to_numpy(dtype=float), wide.to_numpy(), task.recipe.schedule


def tidy(depths: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """Runs as a tidy frame."""
    runs, k = values.shape
    return pd.DataFrame({
        "task": "a", "run": np.repeat([f"r{i:03d}" for i in range(runs)], k), "seed": np.repeat(np.arange(runs), k),
        "depth": np.tile(depths.astype(int), runs), "metric": "accuracy", "value": values.ravel(), "status": "ok",
    })  # fmt: skip


def examine(
    name: str, depths: np.ndarray, values: np.ndarray, schedule: str | None, repeats: int,
    out: list[Asked], ends_alone: bool,
) -> None:  # fmt: skip
    """Draw S of the runs again and again, state, and compare with what the others did."""
    rng, horizon = np.random.default_rng(0), depths[-1]
    for s in SEEDS:
        for _ in range(repeats):
            order = rng.permutation(len(values))
            seen, others = values[order[:s]], values[order[s:]]
            ends = others[:, -1]
            whole = pl.risk_curve(tidy(depths, seen), schedule=schedule)
            fit = pl.DecayModel(whole).fit()
            for share in SHARES[-1:] if ends_alone else SHARES:
                k = int(np.sum(depths <= share * horizon * (1 + 1e-9)))
                curve = whole if share == 1 else pl.risk_curve(tidy(depths[:k], seen[:, :k]), schedule=schedule)
                fresh = pl.fresh_run(curve, horizon=horizon, drift="runs" if share == 1 else "mean")
                found = fresh.predict()
                inside = (found["lower"] <= ends) & (ends <= found["upper"])
                out.append({
                    "task": name, "question": "fresh_run", "S": s, "share": share, "stated": found["risk"],
                    "made": np.mean((ends - found["prediction"]) ** 2), "covers": inside.mean(),
                    "width": (found["upper"] - found["lower"]) / (2 * 1.96 * values[:, -1].std(ddof=1)),
                })  # fmt: skip
                out.append({
                    "task": name, "question": "agreement", "S": s, "share": share,
                    "stated": fit.predict(depths[k - 1])[0], "made": others[:, k - 1].var(ddof=1),
                })  # fmt: skip
            if s >= 12 and not ends_alone:
                out.extend(this_run(name, depths, seen, others))


def this_run(name: str, depths: np.ndarray, seen: np.ndarray, others: np.ndarray) -> Iterator[Asked]:
    """The residual's stated risk, and the errors of its predictor on runs it has not seen."""
    curve = pl.risk_curve(tidy(depths, seen), question="this_run", estimator="residual")
    for share in SHARES[:2]:
        k = int(np.sum(depths <= share * depths[-1] * (1 + 1e-9)))
        made = []
        for run in others[:8]:
            both = np.vstack([seen, run])
            hidden = tidy(depths, both)
            hidden = hidden[~((hidden["run"] == f"r{len(seen):03d}") & (hidden["depth"] > depths[k - 1]))]
            table = pl.forecast(hidden, depths[k - 1], end=depths[-1]).frame()
            made.append((table.loc[table["final"].isna(), "prediction"].iloc[0] - run[-1]) ** 2)
        yield {
            "task": name, "question": "this_run", "S": len(seen), "share": share,
            "stated": curve.risk[k - 1], "made": np.mean(made),
        }  # fmt: skip


def replay(name: str, depths: np.ndarray, values: np.ndarray, schedule: str | None, repeats: int) -> list[Asked]:
    """Plans from a pilot, and whether what they promise held with seeds that the pilot has not seen."""
    rng, end = np.random.default_rng(1), values[:, -1].var(ddof=1)
    found: list[Asked] = []
    for _ in range(repeats):
        order = rng.permutation(len(values))
        known, fresh_seeds = order[:6], order[6:]
        fresh = pl.fresh_run(pl.risk_curve(tidy(depths, values[known]), schedule=schedule), static_risk=1e3)
        for factor in TOLERANCES:
            tolerance = factor * end
            row: Asked = {"task": name, "tolerance": factor, "plan": 0.0}
            found.append(row)
            plan = fresh.plan(tolerance, max_seeds=24)
            if plan.seeds <= 0:
                continue
            at = int(np.argmin(np.abs(depths - plan.depth)))
            drift = values[known, -1].mean() - values[known, at].mean()
            made = []
            for _ in range(PROBES):
                chosen = rng.permutation(fresh_seeds)
                predicted = values[chosen[: plan.seeds], at].mean() + drift
                made.append(np.mean((values[chosen[plan.seeds :], -1] - predicted) ** 2))
            row |= {
                "plan": 1.0, "kept": float(np.mean(made) <= tolerance), "kept by one probe": np.mean(made <= tolerance),
                "steps": plan.steps,
            }  # fmt: skip
            for share, what in ((1.0, "full runs"), (0.5, "to T/2")):
                counts = np.arange(1, 25)
                within = np.mean(fresh.risk_draws(share * depths[-1], counts)[:, 0] <= tolerance, axis=0) >= 0.9
                row[what] = counts[np.argmax(within)] * share * depths[-1] / plan.steps if within.any() else np.inf
    return found


def print_plans(table: pd.DataFrame) -> None:
    """Print by task, and by tolerance, how many plans there were, kept their promise, and what else would have cost."""
    for by in ("task", "tolerance", None):
        lines = []
        for name, of in table.groupby(by, sort=False) if by else [("all", table)]:
            made = of[of["plan"] == 1]
            kept = int(made["kept"].sum())
            low, high = proportion_confint(kept, max(len(made), 1), method="wilson")
            line = {by or "": name, "asked": len(of), "plans": len(made), "kept": kept, "lower": low, "upper": high}
            line |= {"kept by one probe": made["kept by one probe"].mean(), "steps": made["steps"].median()}
            for what in ("full runs", "to T/2"):
                # medians and quartiles of the price over the plan's; inf: not to be had so
                quartiles = made[what].quantile([0.25, 0.5, 0.75], interpolation="lower")
                line[f"{what}, price"] = "{:.2f} [{:.2f}, {:.2f}]".format(*quartiles.iloc[[1, 0, 2]])
            lines.append(line)
        print(pd.DataFrame(lines).round(3).to_string(index=False), flush=True)


def published(path: str, metric: str = "train_loss") -> pd.DataFrame:
    """Stated variance and squared errors of the law of the mean curve over single published runs."""
    table = pd.read_csv(path)
    wide = table[table["metric"] == metric].pivot_table(index="run", columns="depth", values="value").dropna()
    depth = wide.columns.to_numpy(dtype=float)
    passed = learning_time(depth, depth[-1], "cosine")
    found = []
    for values in wide.to_numpy():
        noise = float(np.mean(np.diff(values[4:], 2) ** 2)) / 6
        for share in SHARES[:2]:
            k = int(np.sum(depth <= share * depth[-1]))
            end = mean_at_end(passed[:k], values[:k], np.eye(k) * noise, passed[-1])
            stated, made = end.variance + noise, float(values[-1] - end.centre) ** 2
            found.append({"share": share, "stated": stated, "made": made, "covers": made < 1.96**2 * stated})
    cells = pd.DataFrame(found).groupby("share")
    return cells.agg(
        runs=("stated", "size"), stated=("stated", "median"), made=("made", "median"), covers=("covers", "mean")
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", action="store_true")
    parser.add_argument("--store")
    parser.add_argument("--draws", type=int, default=40, help="worlds of each kind")
    parser.add_argument("--repeats", type=int, default=20, help="subsets of the runs of each real task")
    parser.add_argument("--ends", action="store_true", help="runs that were read to their end alone, and no plans")
    parser.add_argument("--plans", action="store_true", help="plans alone")
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), help="of the real ones")
    parser.add_argument("--published", help="tidy table of single runs, such as published ones")
    given = parser.parse_args()
    if given.published:
        print(published(given.published).to_string())
        return
    cells: list[Asked] = []
    plans: list[Asked] = []
    for kind in ("worlds", "real") if given.worlds and given.store else ("worlds",) if given.worlds else ("real",):
        tasks = worlds(given.draws) if kind == "worlds" else real(given.store or "questions.db", given.tasks)
        for name, depths, values, schedule in tasks:
            repeats = 1 if kind == "worlds" else given.repeats
            if not given.plans:
                examine(name, depths, values, schedule, repeats, cells, given.ends)
            if not given.ends:
                plans.extend(replay(name, depths, values, schedule, repeats))
    if cells:
        print_questions(pd.DataFrame(cells))
    if plans:
        print_plans(pd.DataFrame(plans))


def print_questions(table: pd.DataFrame) -> None:
    """Print what was stated over what was made, by task and over all."""
    grouped = table.groupby(["task", "question", "S", "share"], sort=False)
    shown = grouped[["stated", "made"]].mean()
    shown = shown.assign(stated=shown["stated"] / shown["made"]).drop(columns="made")
    shown = shown.join(grouped[["covers", "width"]].mean())
    print(shown.round(3).to_string(), flush=True)
    over = table.assign(ratio=table["stated"] / table["made"]).groupby(["question", "S", "share"], sort=False)
    print(over.agg(covers=("covers", "mean"), width=("width", "median")).round(3).to_string())


if __name__ == "__main__":
    main()
