"""Runs and rows: do the intervals of the variance components hold? Figures for docs/rows.md.

Run: python benchmarks/rows.py --worlds [--worlds-per-cell 400]     crossed worlds of right and wrong answers
     python benchmarks/rows.py --published FOLDER                   100 fine-tunes of BERT on MNLI (margins)
     python benchmarks/rows.py --law [--worlds-per-cell 20]         the law of the population and of sets of two sizes
     python benchmarks/rows.py --real STORE [STORE ...]             13 real tasks, probed into the first store first
     python benchmarks/rows.py --storage                            what keeping outcomes costs a probe
     python benchmarks/rows.py --speed                              2,000 rows x 64 runs x 12 depths
"""

from __future__ import annotations

import argparse
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import rows_real
from scipy.special import expit, logit
from scipy.stats import norm

import predictlab as pl
from predictlab.risk import components_of_margins, outcomes_of, variance_components

RUNS = (3, 4, 8, 16, 32)
ROWS = (100, 1000, 10_000)
# Beta laws of how likely a row is got right: coin flips, unequal rows, easy sets with a few hard rows
DIFFICULTY = {
    "coins": (50, 50),
    "unequal": (2, 2),
    "two kinds": (0.5, 0.5),
    "90 % right": (5, 0.55),
    "97 % right": (9, 0.28),
}
# standard deviation over runs of a row's log odds; of accuracy it is at most a quarter of it
RUN_SD = (0.0, 0.05, 0.2)
CLUSTERS = (1, 5)


def truths(rows: np.ndarray, sd: float, shared: float) -> dict[str, float]:
    """Population variances of a world, by quadrature over runs and over a large sample of rows."""
    shift = sd * norm.ppf((np.arange(61) + 0.5) / 61)
    p = expit(rows + shift[:, None])
    run, row, mean = p.mean(axis=1).var(), p.mean(axis=0).var(), p.mean()
    return {"run": float(run), "row": float(row), "interaction": float(mean * (1 - mean) - run - row) * shared}


def worlds(per_cell: int, run_sd: Sequence[float]) -> pd.DataFrame:
    """Coverage of 95 % intervals, a line for each kind of world."""
    table = []
    for (name, law), runs, count, sd, size in itertools.product(DIFFICULTY.items(), RUNS, ROWS, run_sd, CLUSTERS):
        rng = np.random.default_rng([runs, count, int(100 * sd), size])
        population = logit(np.clip(rng.beta(*law, 20_000), 1e-6, 1 - 1e-6))
        truth = truths(population, sd, float(size))  # copies of a row in a cluster: one answer, counted `size` times
        truth["row"] *= size
        answers = {**truth, "x4": truth["run"] + truth["interaction"] / (4 * count)}
        held, errors = dict.fromkeys(answers, 0), []
        worlds = per_cell if count < 10_000 else per_cell // 4
        for _ in range(worlds):
            rows = rng.choice(population, count // size)
            y = rng.random((runs, len(rows))) < expit(rows + sd * rng.standard_normal((runs, 1)))
            cluster = None if size == 1 else np.repeat(np.arange(len(rows)), size)
            parts = variance_components(np.repeat(y, size, axis=1), cluster)
            ends = {n: parts.interval(n) for n in truth} | {"x4": parts.spread_at(4 * count)[1:]}
            for what, (lower, upper) in ends.items():
                held[what] += lower <= answers[what] * (1 + 1e-9) and answers[what] * (1 - 1e-9) <= upper
            errors.append(parts.run - truth["run"])
        bias = np.mean(errors) / (np.std(errors) / np.sqrt(worlds) + 1e-30)
        share = truth["interaction"] / count / (truth["run"] + truth["interaction"] / count)
        table.append(
            {
                "rows law": name,
                "runs": runs,
                "rows": count,
                "run sd": sd,
                "cluster": size,
                "share": share,
                "bias z": bias,
            }
            | {what: n / worlds for what, n in held.items()}
        )
    return pd.DataFrame(table)


def published(folder: Path) -> pd.DataFrame:
    """How often intervals of sigma_run from a few of 100 published seeds cover that of all."""
    runs, rows = (pd.read_csv(folder / f"mnli_100_berts_{name}.csv") for name in ("runs", "rows"))
    accuracy = runs["mnli_accuracy"].to_numpy()
    whole = components_of_margins(accuracy, rows["runs_right"] / len(runs))
    rng, table = np.random.default_rng(0), []
    for seeds in (4, 8, 16):
        with_rows = without = 0
        for _ in range(2000):
            few = rng.choice(accuracy, seeds, replace=False)
            spread = few.var(ddof=1)
            parts = type(whole)(**{**vars(whole), "runs": seeds, "spread": spread, "spread_df": seeds - 1.0})
            _, lower, upper = parts.spread_at(np.inf)
            with_rows += lower <= whole.run <= upper
            curve = pl.RiskCurve(depth=[1, 2], risk=[spread, spread], df=seeds - 1)
            ends = curve.frame().iloc[0]
            without += ends["lower"] <= whole.run <= ends["upper"]
        table.append({"seeds": seeds, "with rows": with_rows / 2000, "without": without / 2000})
    print(f"all 100: sigma_run {np.sqrt(whole.run):.5f}, share of rows {whole.rows_part / whole.spread:.2f}")
    return pd.DataFrame(table)


def speed() -> None:
    """Seconds of CPU for the components of a whole curve, from an array and from a long table."""
    y = np.random.default_rng(0).random((12, 64, 2000)) < 0.9
    k, s, j = np.indices(y.shape)
    frame = pd.DataFrame(
        {"task": "t", "run": s.ravel().astype(str), "depth": 2 ** k.ravel(), "metric": "accuracy", "row": j.ravel(),
         "value": y.ravel().astype(float)}
    )  # fmt: skip
    for what, call in (
        ("components of an array", lambda: [variance_components(v) for v in y]),
        ("their intervals", lambda: [variance_components(y[0]).interval(n) for n in ("run", "interaction", "row")]),
        ("a long table of 1.5 million outcomes as an array", lambda: outcomes_of(frame)),
    ):
        best = min(_seconds(call) for _ in range(5))
        print(f"{what}: {best:.3f} s")


def storage(turns: int = 5) -> None:
    """Processor time of a probe with outcomes and without, in turns, and the bits that an outcome takes on disk."""
    data = pl.load_dataset("rotten_tomatoes", train_size=1000, eval_size=2000, seed=0)
    head = pl.Recipe(method="head", steps=64, batch_size=16, max_length=48)
    for recipe in (head, head.replace(method="lora", layers="last:1")):
        task = pl.Task("minilm-l6", data, recipe, name=recipe.method)
        seconds: dict[bool, list[float]] = {True: [], False: []}
        with tempfile.TemporaryDirectory() as folder:
            for turn in range(turns + 1):
                for kept in (True, False):
                    seconds[kept].append(_seconds(partial(_probe, task, Path(folder) / f"{kept}-{turn}.db", kept)))
            with sqlite3.connect(Path(folder) / "True-0.db") as db:
                sizes = db.execute(
                    "SELECT n.name, avg(length(o.data)) FROM outcomes o JOIN metrics n ON n.id = o.metric_id GROUP BY 1"
                ).fetchall()
            db.close()
        with_rows, without = (float(np.median(seconds[kept][1:])) for kept in (True, False))  # the first turn loads
        bits = ", ".join(f"{name} {8 * size / 2000:.2f} bits a row" for name, size in sizes)
        print(f"{recipe.method}: {with_rows:.2f} s with outcomes, {with_rows / without:.3f} of it without; {bits}")


def _probe(task: pl.Task, path: Path, outcomes: bool) -> None:
    plan = pl.ProbePlan((0, 4, 8, 16, 32, 64), seeds=16)
    pl.probe(task, plan, path, progress=False, outcomes=outcomes)


def _seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


LAW_DEPTHS: np.ndarray = np.exp2(np.arange(2.0, 9.0))
FAR = np.array([512.0, 1024.0])


def law_worlds(per_cell: int) -> pd.DataFrame:
    """Crossed Gaussian worlds whose runs follow a law and whose interaction falls: coverage of the fit at three sizes.

    Runs differ by 1 or 2 points at the last depth, neighbouring depths are correlated at .9, rows at .8.
    """
    table = []
    for runs, rows, sd, floor in itertools.product((3, 4, 8, 16), (200, 1000), (0.01, 0.02), (0.0, 0.4)):
        depth = np.concatenate([LAW_DEPTHS, FAR])
        run = sd**2 * (floor + (1 - floor) * 256 / depth)
        interaction = 0.06 + 0.08 * np.sqrt(4 / depth)
        for seed in range(per_cell):
            rng = np.random.default_rng([runs, rows, int(1e3 * sd), int(10 * floor), seed])
            a, b, e = rng.standard_normal(runs), rng.standard_normal(rows), rng.standard_normal((runs, rows))
            parts, means = [], []
            for i in range(len(LAW_DEPTHS)):
                a = 0.9 * a + np.sqrt(0.19) * rng.standard_normal(runs)
                e = 0.8 * e + 0.6 * rng.standard_normal((runs, rows))
                y = 0.7 + np.sqrt(run[i]) * a[:, None] + 0.3 * b + np.sqrt(interaction[i]) * e
                parts.append(variance_components(y))
                means.append(y.mean(axis=1))
            errors = np.stack(means, axis=1) - np.mean(means, axis=1)
            spread = [p.spread for p in parts]
            curve = pl.RiskCurve(LAW_DEPTHS, spread, runs - 1.0, errors=errors, estimator="spread", parts=parts)
            for name, size in (("set", None), ("x4", 4.0 * rows), ("inf", np.inf)):
                fit = pl.DecayModel(curve, rows=size).fit()
                truth = run + interaction / {"set": rows, "x4": 4 * rows, "inf": np.inf}[name]
                low, high = np.quantile(fit.risk_draws(depth), [0.025, 0.975], axis=0)
                held = (low <= truth) & (truth <= high)
                rate = fit.conf_int().loc["decay_rate"]
                line = {"runs": runs, "rows": rows, "sd": sd, "floor": floor, "of": name, "measured": held[:-2].mean()}
                line |= {"last": held[-3], "x 2": held[-2], "x 4": held[-1], "log width": np.log(high / low)[-3]}
                table.append(line | ({"alpha": rate.lower <= 1 <= rate.upper} if name == "inf" else {}))
    return pd.DataFrame(table)


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", action="store_true")
    parser.add_argument("--worlds-per-cell", type=int, default=400)
    parser.add_argument("--run-sd", type=float, nargs="+", default=RUN_SD, help="of a row's log odds, over runs")
    parser.add_argument("--published", type=Path)
    parser.add_argument("--real", type=Path, nargs="+", help="run stores; what the first lacks is probed (resumable)")
    parser.add_argument("--report-only", action="store_true", help="with --real: nothing is probed")
    parser.add_argument("--repeats", type=int, default=20, help="with --real: samples of rows and seeds a task")
    parser.add_argument("--law", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--storage", action="store_true")
    given = parser.parse_args()
    pd.set_option("display.width", 160, "display.max_rows", 1000)
    if given.worlds:
        table = worlds(given.worlds_per_cell, given.run_sd)
        what = ["run", "interaction", "row", "x4"]
        print(table.round(3).to_string(index=False))
        for by in ("rows law", "runs", "rows", "run sd", "cluster"):
            print(table.groupby(by, sort=False)[what].mean().round(3).to_string(), "\n")
        inside = ((table[what] >= 0.93) & (table[what] <= 0.97)).mean()
        print(
            "all:", table[what].mean().round(3).to_dict(), "share of cells from .93 to .97:", inside.round(2).to_dict()
        )
    if given.published is not None:
        print(published(given.published).to_string(index=False))
    if given.real:
        if not given.report_only:
            rows_real.record(given.real[0])
        rows_real.report(given.real, given.repeats)
    if given.law:
        table = law_worlds(given.worlds_per_cell)
        what = ["alpha", "measured", "last", "x 2", "x 4", "log width"]
        for kind in ("runs", "rows", "sd", "floor"):
            print(table.groupby(["of", kind], sort=False)[what].mean().round(3).to_string(), "\n")
    if given.speed:
        speed()
    if given.storage:
        storage()


if __name__ == "__main__":
    main()
