"""What a depth of one recipe says of a recipe of that length: mean and spread over seeds, with standard errors.

    python benchmarks/horizons.py --store horizons.db

Recipes of 32, 64, 128 and 256 steps (head only, linear schedule to zero, 24 seeds) are trained on three data sets, and
the longest is measured at those depths too. A seed starts alike and sees its rows in one order in all of them, so runs
are compared by seed: "difference" is the mean of depth c of the longest recipe less the mean at the end of the recipe
of length c, with the standard error of paired seeds; "sd ratio" is the standard deviation over seeds at depth c over
the one at that end, with a jackknife standard error of its logarithm turned into a factor's 95 % interval.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy.stats import t

import predictlab as pl
from predictlab.probing._executors import LocalExecutor, TrainingOptions

LENGTHS, SEEDS = (32, 64, 128, 256), 24
DATA = {"reuters_r8": "r8", "newsgroups20": "newsgroups", "rotten_tomatoes": "film reviews"}
PLANS = (pl.ProbePlan(horizons=LENGTHS, seeds=SEEDS), pl.ProbePlan(LENGTHS, SEEDS))
RECIPE = pl.Recipe(method="head", learning_rate=2e-2, max_length=24, steps=LENGTHS[-1])


def show(table: pd.DataFrame) -> None:
    """Print a table as Markdown."""
    for line in (table.columns, ["---"] * table.shape[1], *table.to_numpy()):
        print("| " + " | ".join(map(str, line)) + " |")
    print()


def compared(depth: np.ndarray, end: np.ndarray) -> dict[str, object]:
    """The table's columns for values of the same seeds at a depth, and at the end of the recipe of that length."""
    n, apart = len(depth), depth - end
    log_ratio = np.log(depth.std(ddof=1) / end.std(ddof=1))
    left = [np.log(np.delete(depth, i).std(ddof=1) / np.delete(end, i).std(ddof=1)) for i in range(n)]
    error = np.sqrt((n - 1) * np.var(left))
    reach = np.exp(t.ppf(0.975, n - 1) * error)
    ratio = np.exp(log_ratio)
    return {
        "mean at the depth": f"{depth.mean():.4f}",
        "mean at the end": f"{end.mean():.4f}",
        "difference": f"{apart.mean():+.4f} ± {apart.std(ddof=1) / np.sqrt(n):.4f}",
        "sd at the depth": f"{depth.std(ddof=1):.4f}",
        "sd at the end": f"{end.std(ddof=1):.4f}",
        "sd ratio [95 %]": f"{ratio:.2f} [{ratio / reach:.2f}, {ratio * reach:.2f}]",
    }


def main() -> None:
    """Train what is missing and print a table a metric."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="horizons.db", help="kept, and taken up by the next call")
    parser.add_argument("--schedule", default="linear", help="of all recipes; constant: no difference but rounding")
    arguments = parser.parse_args()
    tasks = []
    for data, name in DATA.items():
        rows = pl.load_dataset(data, train_size=1500, eval_size=1000, seed=0)
        recipe = RECIPE.replace(schedule=arguments.schedule)
        tasks.append(pl.Task("minilm-l3", rows, recipe, name=f"{name}, {arguments.schedule}"))
    executor = LocalExecutor(
        TrainingOptions()
    )  # one for all: activations of frozen layers are computed once a data set
    with pl.RunStore(arguments.store) as store:
        for task in tasks:
            for plan in PLANS:
                pl.probe(task, plan, store, executor=executor)
        ends, depths = (pl.probe(tasks, plan, store) for plan in PLANS)
    for metric in ("accuracy", "eval_loss"):
        lines = []
        for task in tasks:
            name = str(task.name)
            by_length = pl.risk.over_horizons(ends, name)
            tables = [
                frame[(frame["task"] == of) & (frame["metric"] == metric)].pivot_table(
                    index="seed", columns="depth", values="value"
                )
                for frame, of in ((depths, name), (by_length, f"{name}, by length"))
            ]
            for steps in LENGTHS[:-1]:
                at, end = (table[steps].to_numpy() for table in tables)
                lines.append({"task": name, "steps": steps} | compared(at, end))
            same = np.abs(tables[0][LENGTHS[-1]] - tables[1][LENGTHS[-1]]).max()
            print(f"{name}: the longest recipe's ends differ by at most {same:.1g} in {metric}: it is the same recipe.")
        print(f"\n{metric}, {SEEDS} seeds, depths of {LENGTHS[-1]} steps against recipes of each length\n")
        show(pd.DataFrame(lines))
    for task in tasks:
        curve = pl.risk_curve(pl.risk.over_horizons(ends, str(task.name)), metric="accuracy")
        fit = pl.DecayModel(curve).fit()
        ci = fit.conf_int().loc["decay_rate"]
        one = pl.DecayModel(pl.risk_curve(depths, str(task.name), metric="accuracy")).fit()
        of_one = one.conf_int().loc["decay_rate"]
        print(
            f"{task.name}: alpha over lengths {fit.params['decay_rate']:.2f} [{ci['lower']:.2g}, {ci['upper']:.2g}], "
            f"over depths of one recipe {one.params['decay_rate']:.2f} [{of_one['lower']:.2g}, {of_one['upper']:.2g}]"
        )


if __name__ == "__main__":
    main()
