"""Real probes: do intervals from 6 seeds cover what 48 say, and which fall fits? Figures for docs/coverage.md.

    python benchmarks/real_check.py --store real.db --minutes 8 [--schedules linear constant poly:0.7]

Heads of eight tasks of the catalog, 48 seeds each, 4 to 256 steps, under each schedule of the learning rate; what is
measured is kept, so it can be stopped and goes on where it was. Of 8 disjoint groups of 6 seeds: the share of 95 %
intervals that hold the spread of all 48 at a measured depth (`measured`), at the last one (`last`), at 256 steps from
depths up to 128 where the schedule does not depend on the horizon (`x 2`), and the median of alpha of the fit to all 48
(`alpha`). `at chance`: the share that would hold it if they were intervals of a 6-seed variance by chi² alone. Then
the probability of each family of falls in the fit to all 48.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import chi2

import predictlab as pl

TASKS = {
    "r8": "reuters_r8", "r52": "reuters_r52", "newsgroups": "newsgroups20", "reviews": "rotten_tomatoes",
    "plots": "plot_or_review", "tweets": "election_tweets", "health": "health_tweets", "friends": "friends_speaker",
}  # fmt: skip
SEEDS, GROUP = 48, 6
DEPTHS = (4, 8, 16, 32, 64, 128, 256)
METRICS = ("accuracy", "eval_loss")


def recipe(schedule: str) -> pl.Recipe:
    """Only the head is trained."""
    return pl.Recipe(
        method="head", steps=DEPTHS[-1], max_length=24, learning_rate=2e-2, batch_size=16, schedule=schedule
    )


def measure(name: str, schedule: str, store: Path) -> None:
    """Probe one task under one schedule; a store that has it costs nothing."""
    data = pl.load_dataset(TASKS[name], eval_size=1000, train_size=2000, seed=0)
    task = pl.Task("minilm-l6", data, recipe(schedule), name=f"{name} {schedule}")
    pl.probe(task, pl.ProbePlan(DEPTHS, seeds=SEEDS), store, progress=False, outcomes=False)


def look(runs: pl.RunStore, name: str, schedule: str, metric: str) -> tuple[dict[str, object], dict[str, object]]:
    """What 6 seeds say of 48, and the families of the fit to all."""
    whole = pl.risk_curve(runs, f"{name} {schedule}", metric=metric)
    assert whole.errors is not None
    fit = pl.DecayModel(whole).fit()
    line: dict[str, object] = {"task": name, "schedule": schedule, "metric": metric}
    values = whole.errors  # deviations from the mean of all
    held: dict[str, list[float]] = {"measured": [], "last": [], "x 2": [], "alpha": [], "at chance": []}
    for group in np.arange(len(values)).reshape(-1, GROUP):
        few = values[group] - values[group].mean(axis=0)
        risk, df = np.sum(few**2, axis=0) / (GROUP - 1), GROUP - 1.0
        if np.any(risk <= 0):
            continue
        curve = pl.RiskCurve(whole.depth, risk, df, errors=few, horizon=whole.horizon, schedule=whole.schedule)
        one = pl.DecayModel(curve).fit()
        low, high = np.quantile(one.risk_draws(whole.depth), [0.025, 0.975], axis=0)
        inside = (low <= whole.risk) & (whole.risk <= high)
        held["measured"].append(float(inside.mean()))
        held["last"].append(float(inside[-1]))
        ends = df * risk / chi2.ppf([[0.975], [0.025]], df)
        held["at chance"].append(float(np.mean((ends[0] <= whole.risk) & (whole.risk <= ends[1]))))
        lower, upper = one.conf_int().loc["decay_rate"]
        held["alpha"].append(float(lower <= fit.params["decay_rate"] <= upper))
        if schedule not in ("linear", "cosine"):
            short = pl.RiskCurve(whole.depth[:-1], risk[:-1], df, errors=few[:, :-1], estimator="spread")
            ahead = pl.DecayModel(short).fit().risk_draws(whole.depth[-1:])[:, 0]
            low, high = np.quantile(ahead, [0.025, 0.975])
            held["x 2"].append(float(low <= whole.risk[-1] <= high))
    line |= {what: float(np.mean(each)) if each else float("nan") for what, each in held.items()}
    lower, upper = fit.conf_int().loc["decay_rate"]
    laws = {"task": name, "schedule": schedule, "metric": metric, "alpha": fit.params["decay_rate"]}
    laws |= {"from": lower, "to": upper, "slope": fit.slope[0], "rising": fit.rising}
    laws |= {"law fits late, p": fit.late_fit.p_value, "groups": len(held["measured"])}
    return line, laws | fit.families.add_prefix("p ").to_dict()


def main() -> None:
    """Measure what is left, then print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--schedules", nargs="+", default=["linear", "constant", "poly:0.7"])
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no probe is begun")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    end = time.monotonic() + 60 * given.minutes
    held, laws = [], []
    for schedule, name in itertools.product(given.schedules, given.tasks):
        if time.monotonic() < end:
            measure(name, schedule, given.store)
    with pl.RunStore(given.store) as store:
        seen = store.frame().groupby("task")["run"].nunique()
        for schedule, name in itertools.product(given.schedules, given.tasks):
            if seen.get(f"{name} {schedule}", 0) < SEEDS:
                continue
            for metric in METRICS:
                line, law = look(store, name, schedule, metric)
                held.append(line)
                laws.append(law)
    pd.set_option("display.width", 200, "display.max_columns", 30, "display.max_rows", 200)
    table, families = pd.DataFrame(held), pd.DataFrame(laws)
    print(table.round(3).to_string(index=False))
    print(table.groupby(["metric", "schedule"], sort=False).mean(numeric_only=True).round(3).to_string())
    print("all:", table.mean(numeric_only=True).round(3).to_dict(), "\n")
    print(families.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
