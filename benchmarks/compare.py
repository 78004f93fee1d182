"""Is this gain noise? False alarms, coverage and power of `pl.compare` and `pl.noise`. Figures for docs/comparing.md.

Run: python benchmarks/compare.py --worlds [--per-cell 100]     crossed worlds of right and wrong answers
     python benchmarks/compare.py --mnli FOLDER                 groups of 100 fine-tunes of BERT on MNLI, and on HANS
     python benchmarks/compare.py --speed                       100,000 rows x 8 runs, read from a file and answered
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm, ttest_ind, ttest_rel

import predictlab as pl
from predictlab.comparing._mixture import Spread, mixture_of, wide_prior
from predictlab.comparing._results import RECIPES
from predictlab.risk import components_of_margins

RUNS = (1, 2, 4, 8, 16)
ROWS = (50, 500, 10_000)
DIFFICULTY = {"coins": (50, 50), "unequal": (2, 2), "90 % right": (5, 0.55)}
RUN_SD = (0.0, 0.05, 0.2)  # of a row's log odds, over runs
ORACLE_POWER = 0.8
_RUNS_AT = norm.ppf((np.arange(41) + 0.5) / 41)


def truth(rows: np.ndarray, sd: float, shift: float) -> tuple[float, float, float]:
    """Mean, ``sigma_run²`` and ``sigma_int²`` of a recipe, by quadrature."""
    p = expit(rows + shift + sd * _RUNS_AT[:, None])
    mean, run = float(p.mean()), float(p.mean(axis=1).var())
    return mean, run, mean * (1 - mean) - run - float(p.mean(axis=0).var())


def worlds(per_cell: int, seed: int, of_runs: Sequence[int], of_rows: Sequence[int]) -> pd.DataFrame:
    """False alarms, coverage and power of tests at 5 %, a line for each kind of world."""
    table: list[dict[str, object]] = []
    print("a line each: rows law,runs,rows,run sd,share,false,paired rows,t test,power,oracle,t power,covered")
    for (name, law), runs, count, sd in itertools.product(DIFFICULTY.items(), of_runs, of_rows, RUN_SD):
        rng = np.random.default_rng([seed, runs, count, int(100 * sd)])
        population = logit(np.clip(rng.beta(*law, 10_000), 1e-6, 1 - 1e-6))
        mean, run, each = truth(population, sd, 0.0)
        variance = 2 * (run + each / count) / runs
        # a shift of the log odds that moves the mean by what the oracle sees in 8 of 10 cases
        wanted = (norm.isf(0.025) + norm.isf(1 - ORACLE_POWER)) * np.sqrt(variance)
        lows, means = np.linspace(0, 6, 121), []
        for at in lows:
            means.append(expit(population[:2000] + at).mean() - expit(population[:2000]).mean())
        shift = float(np.interp(min(wanted, max(means)), means, lows))
        counts = dict.fromkeys(("false", "paired rows", "t test", "power", "oracle", "t power", "covered"), 0)
        others = truth(population, sd, shift)
        unlike = float(np.var(expit(population + shift) - expit(population)))
        worlds = per_cell if count < 10_000 else per_cell // 4
        for _ in range(worlds):
            for moved in (0.0, shift):
                rows = rng.choice(population, count)
                a, b = (
                    rng.random((runs, count)) < expit(rows + s + sd * rng.standard_normal((runs, 1)))
                    for s in (moved, 0.0)
                )
                difference = float(a.mean() - b.mean())
                compared = pl.compare(a, b)
                assert isinstance(compared, pl.Comparison)
                answer = compared.answers.get(RECIPES)
                seen = answer is not None and answer.p_value < 0.05
                t_seen = runs > 1 and bool(ttest_ind(a.mean(axis=1), b.mean(axis=1)).pvalue < 0.05)
                if moved == 0:
                    counts["false"] += seen
                    counts["t test"] += t_seen
                    d = a.mean(axis=0) - b.mean(axis=0)
                    counts["paired rows"] += bool(np.ptp(d) > 0 and ttest_rel(a.mean(0), b.mean(0)).pvalue < 0.05)
                else:
                    true = (run + others[1] + (each + others[2]) / count) / runs + unlike / count
                    counts["power"] += seen
                    counts["t power"] += t_seen
                    counts["oracle"] += abs(difference) > 1.96 * np.sqrt(true)
                    counts["covered"] += (
                        answer is None or answer.mixture.two_sided(difference - others[0] + mean) > 0.05
                    )
        line = {
            "rows law": name,
            "runs": runs,
            "rows": count,
            "run sd": sd,
            "share": each / count / (run + each / count),
        }
        table.append(line | {what: n / worlds for what, n in counts.items()})
        print(*(f"{v:.3f}" if isinstance(v, float) else v for v in table[-1].values()), sep=",", flush=True)
    return pd.DataFrame(table)


def mnli(folder: Path, pairs: int) -> None:
    """Groups of seeds of one recipe against each other; the sd of a few against that of all."""
    runs, rows = (pd.read_csv(folder / f"mnli_100_berts_{name}.csv") for name in ("runs", "rows"))
    whole = components_of_margins(runs["mnli_accuracy"], rows["runs_right"] / len(runs))
    rng, table = np.random.default_rng(0), []
    for column, count in (("mnli_accuracy", 9815), ("hans_accuracy", 30_000)):
        finals = runs[column].to_numpy()
        e = whole.rows_part if column == "mnli_accuracy" else 0.0
        for seeds in (1, 2, 4, 8):
            false = {"finals": 0, "rows known": 0, "row-paired": 0}
            for _ in range(pairs):
                a, b = np.split(rng.choice(finals, 2 * seeds, replace=False), 2)
                compared = pl.compare(a, b, metric="accuracy", eval_rows=count)
                assert isinstance(compared, pl.Comparison)
                false["finals"] += float(compared.p_value[RECIPES]) < 0.05
                difference = a.mean() - b.mean()
                if e and seeds > 1:
                    spreads = tuple(Spread(seeds, float(v.var(ddof=1)), e) for v in (a, b))
                    prior = wide_prior(float(np.mean([a.mean(), b.mean()])), 2 * (seeds - 1))
                    known = mixture_of(spreads, 2 * e / seeds, prior=prior)
                    false["rows known"] += known.two_sided(difference) < 0.05
                false["row-paired"] += bool(e) and abs(difference) > 1.96 * np.sqrt(2 * e / seeds)
            line = {"set": column, "seeds": seeds} | {what: n / pairs for what, n in false.items()}
            if not e:
                line["row-paired"] = np.nan  # there are no margins of HANS's rows
            if not e or seeds == 1:
                line["rows known"] = np.nan
            table.append(line)
    print(pd.DataFrame(table).round(3).to_string(index=False), "\n")
    table = []
    for column in ("mnli_accuracy", "hans_accuracy"):
        finals = runs[column].to_numpy()
        sd = finals.std(ddof=1)
        for seeds in (3, 5, 8):
            held = 0
            for _ in range(pairs):
                ends = pl.noise(rng.choice(finals, seeds, replace=False), metric="accuracy").conf_int().iloc[0]
                held += ends["lower"] <= sd <= ends["upper"]
            table.append({"set": column, "seeds": seeds, "covers": held / pairs})
    print(pd.DataFrame(table).round(3).to_string(index=False))


def timed(source: Path) -> tuple[float, float]:
    """Wall clock and processor seconds from files to the answer."""
    start, spent = time.perf_counter(), time.process_time()
    pl.noise(source).summary()
    return time.perf_counter() - start, time.process_time() - spent


def speed() -> None:
    """Seconds and memory of a long table of 800,000 outcomes, from a file to the answer."""
    rng = np.random.default_rng(0)
    y = rng.random((8, 100_000)) < expit(rng.normal(1.5, 1.5, 100_000))
    s, j = np.indices(y.shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outcomes.csv"
        long = pd.DataFrame({"seed": s.ravel(), "row": j.ravel(), "value": y.ravel().astype(int)})
        long.to_csv(path, index=False)
        took = timed(path)
        names = [hashlib.sha256(str(j).encode()).hexdigest() for j in range(y.shape[1])]
        for seed, values in enumerate(y):
            place = Path(folder) / "samples" / f"seed-{seed}"
            place.mkdir(parents=True)
            with (place / "samples_quiz_2026-11-27T00-00-00.000000.jsonl").open("w") as lines:
                for j, v in enumerate(values):
                    doc = f'"doc": {{"question": "question {j} of many, with some words to read"}}, "target": "A"'
                    lines.write(
                        f'{{"doc_id": {j}, {doc}, "filter": "none", "metrics": ["acc"], "doc_hash": "{names[j]}", '
                    )
                    lines.write(f'"prompt_hash": "{names[j]}", "acc": {float(v)}}}\n')
        samples = timed(Path(folder) / "samples")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print("noise of 100,000 rows x 8 runs, wall clock and processor seconds")
    for what, (wall, processor) in {"from a CSV": took, "from samples of lm-evaluation-harness": samples}.items():
        print(f"{what}: {wall:.1f}, {processor:.1f}")
    print(f"peak of the whole process, making the files included: {peak:.2f} GB")


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", action="store_true")
    parser.add_argument("--per-cell", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, nargs="+", default=RUNS)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--mnli", type=Path)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--speed", action="store_true")
    given = parser.parse_args()
    pd.set_option("display.width", 180, "display.max_rows", 1000)
    if given.worlds:
        table = worlds(given.per_cell, given.seed, given.runs, given.rows)
        what = ["false", "covered", "power", "oracle", "t test", "t power", "paired rows"]
        for by in ("runs", "rows", "run sd", "rows law", ["runs", "run sd"], ["runs", "rows"]):
            print(table.groupby(by, sort=False)[what].mean().round(3).to_string(), "\n")
        print("all:", table[what].mean().round(3).to_dict())
    if given.mnli is not None:
        mnli(given.mnli, given.pairs)
    if given.speed:
        speed()


if __name__ == "__main__":
    main()
