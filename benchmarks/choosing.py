"""The best of 16 fine-tunes: `pl.select` beside Optuna's pruners and equal shares, on the same replayed curves.

    python benchmarks/choosing.py --data FOLDER --first 1000 --replays 60 --store replays.jsonl

Candidates are 16 of the 30 published models of `finetune_loss_by_examples.csv` (FOLDER), whose one curve is taken as
the mean and to which a noise of seeds with a known law is added, and worlds whose candidates differ in their means and
in how their curves cross. Every method sees the same runs. `select` gets the budget that Optuna's successive halving
has spent on that very replay, and three times as much. A choice is right where its true mean is within the margin of
the best. Replays of numbers below 1000 (worlds, models drawn and noise) are for development; what is reported is
counted on others.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from _resume import Line, resumed
from numpy.typing import NDArray

import predictlab as pl

Array = NDArray[np.float64]
RESOURCE = np.array([1, 2, 4, 8, 16])  # of 16: the rungs
SEEDS, N = 24, 16
CASES = {  # mean curves: how far apart ends are (sd), how well early means predict them; noise sd at the end, and early
    "world, clear": {"spread": 0.03, "early": 0.9, "noise": 0.01, "first": 0.02},
    "world, noisy": {"spread": 0.03, "early": 0.9, "noise": 0.02, "first": 0.06},
    "world, crossing": {"spread": 0.03, "early": 0.5, "noise": 0.01, "first": 0.02},
    "world, close": {"spread": 0.01, "early": 0.8, "noise": 0.01, "first": 0.03},
    "world, seeds unlike": {"spread": 0.03, "early": 0.8, "noise": 0.015, "first": 0.04, "freedom": 3},
    "flan": {"noise": 0.5}, "wmt19": {"noise": 0.5}, "gigaword": {"noise": 0.5},
}  # fmt: skip
MARGIN = 0.25  # of the standard deviation of candidates' ends, half of them


@dataclass
class Replayed:
    """One set of candidates: true means (N, K), and values of its seeds (N, SEEDS, K); lower is better."""

    means: Array
    values: Array
    margin: float

    def right(self, choice: int) -> bool:
        return bool(self.means[choice, -1] <= self.means[:, -1].min() + self.margin)


def seed_noise(rng: np.random.Generator, first: float, last: float, shape: tuple[int, int], freedom: float) -> Array:
    """Noise of runs: a seed's is carried on by 0.6 from rung to rung, and its sd goes from first to last."""
    sd = np.geomspace(first, last, len(RESOURCE))
    z = np.empty((*shape, len(RESOURCE)))
    z[..., 0] = rng.standard_normal(shape)
    for j in range(1, len(RESOURCE)):
        z[..., j] = 0.6 * z[..., j - 1] + 0.8 * rng.standard_normal(shape)
    own = 1.0 if np.isinf(freedom) else np.sqrt(freedom / rng.chisquare(freedom, (shape[0], 1, 1)))
    return np.asarray(z * sd * own)


def replay(case: str, number: int, folder: Path | None) -> Replayed:
    settings: dict[str, float] = dict(CASES[case])
    rng = np.random.default_rng([sorted(CASES).index(case), number])
    if case.startswith("world"):
        early, k = settings["early"], len(RESOURCE)
        step = early ** (1 / (k - 1))  # correlation of neighbouring rungs
        z = np.empty((N, k))
        z[:, 0] = rng.standard_normal(N)
        for j in range(1, k):
            z[:, j] = step * z[:, j - 1] + np.sqrt(1 - step**2) * rng.standard_normal(N)
        means = 0.3 + 0.2 * RESOURCE**-0.5 + settings["spread"] * z
        first, last = settings["first"], settings["noise"]
    else:
        assert folder is not None
        table = pd.read_csv(folder / "finetune_loss_by_examples.csv")
        wide = table[(table["data_set"] == case) & (table["examples"] > 0)].pivot_table(
            index="model", columns="examples", values="test_loss"
        )
        wide = wide.dropna(axis=1)
        last_ = wide.columns[-1]
        columns = [wide.columns[np.argmin(np.abs(wide.columns - last_ * r / 16))] for r in RESOURCE]
        means = wide[columns].to_numpy(dtype=float)[rng.permutation(len(wide))[:N]]
        ends = np.sort(means[:, -1])
        last = settings["noise"] * (ends[3] - ends[0])  # the best four are about two sd apart
        first = 2 * last
    values = means[:, None, :] + seed_noise(rng, first, last, (N, SEEDS), settings.get("freedom", np.inf))
    ends = np.sort(means[:, -1])
    return Replayed(means, values, MARGIN * float(np.std(ends[: N // 2])))


def pruned(one: Replayed, pruner: optuna.pruners.BasePruner) -> tuple[int, float]:
    """Choice and cost of a study whose trials are the candidates, one seed each, all in step.

    Each is compared with those that have reported before it; one after the other would give the same.
    """
    study = optuna.create_study(direction="minimize", pruner=pruner, study_name="select")
    trials = [study.ask() for _ in range(N)]
    cost, done = 0.0, np.zeros(N, dtype=bool)
    for j, i in [(j, i) for j in range(5) for i in range(N)]:
        if done[i]:
            continue
        cost += float(RESOURCE[j] - (RESOURCE[j - 1] if j else 0))
        value = float(one.values[i, 0, j])
        trials[i].report(value, step=int(RESOURCE[j]))
        if j == 4:
            study.tell(trials[i], value)
            done[i] = True
        elif trials[i].should_prune():
            study.tell(trials[i], state=optuna.trial.TrialState.PRUNED)
            done[i] = True
    return study.best_trial.number, cost


def wilcoxon(one: Replayed, seeds: int = 8) -> tuple[int, float]:
    """Choice and cost where whole runs of several seeds are the instances of Optuna's Wilcoxon pruner."""
    study = optuna.create_study(direction="minimize", pruner=optuna.pruners.WilcoxonPruner(n_startup_steps=2))
    cost = 0.0
    for i in range(N):
        trial = study.ask()
        for s in range(seeds):
            cost += float(RESOURCE[-1])
            trial.report(float(one.values[i, s, -1]), step=s)
            if trial.should_prune():
                break
        study.tell(trial, float(one.values[i, : s + 1, -1].mean()))
    return study.best_trial.number, cost


def equal(one: Replayed, budget: float) -> int:
    """Equal shares: as many whole runs of each as can be paid, or one of each to the deepest rung that can."""
    seeds = int(budget // (N * RESOURCE[-1]))
    if seeds >= 1:
        return int(np.argmin(one.values[:, : min(seeds, SEEDS), -1].mean(axis=1)))
    rung = int(np.searchsorted(N * RESOURCE, budget, side="right")) - 1
    return int(np.argmin(one.values[:, 0, max(rung, 0)]))


def ours(one: Replayed, budget: float, seed: int) -> pl.Selection:
    sources = {}
    for i in range(N):
        frame = pd.DataFrame(one.values[i], columns=RESOURCE.tolist())
        sources[f"{i}"] = pl.choosing.Replay(f"{i}", frame, "loss")
    return pl.select(sources, budget, margin=one.margin, better="lower", progress=False, rng=seed)


def work(unit: Line) -> list[Line]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # the Wilcoxon pruner is one
    folder = None if unit["data"] is None else Path(unit["data"])
    one = replay(unit["case"], unit["number"], folder)
    lines: list[Line] = []

    def line(method: str, choice: int, cost: float, **more: Any) -> None:
        lines.append({"method": method, "right": one.right(choice), "cost": cost, **more})

    halving = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    hyperband = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=16, reduction_factor=2)
    choice, budget = pruned(one, halving)
    line("Optuna successive halving", choice, budget)
    line("Optuna Hyperband", *pruned(one, hyperband))
    line("Optuna Wilcoxon, up to 8 seeds", *wilcoxon(one))
    for times in (1, 3):
        line(f"equal shares, {times} x", equal(one, times * budget), times * budget)
        began = time.process_time()
        found = ours(one, times * budget, unit["number"])
        line(
            f"select, {times} x", int(found.choice), found.cost, stated=found.probability, decided=found.decided,
            seconds=time.process_time() - began,
        )  # fmt: skip
    return lines


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's, 95 %."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(right, count, method="wilson")
    return float(low), float(high)


def told(lines: pd.DataFrame) -> None:
    methods = list(dict.fromkeys(lines["method"]))
    for title, keep in (
        ("all", slice(None)),
        *((case, lines["case"] == case) for case in dict.fromkeys(lines["case"])),
    ):
        some = lines.loc[keep]
        print(f"\n**{title}**, {int((some['method'] == methods[0]).sum())} replays\n")
        print("| method | right [95 %] | cost, of one whole run (median) | stated | decided: right of |")
        print("| --- | --- | --- | --- | --- |")
        for method in methods:
            part = some[some["method"] == method]
            low, high = interval(int(part["right"].sum()), len(part))
            stated = f"{part['stated'].mean():.3f}" if part["stated"].notna().any() else ""
            sure = part[part["decided"].fillna(False).astype(bool)]
            decided = f"{int(sure['right'].sum())} of {len(sure)}" if stated else ""
            cost = part["cost"].median() / RESOURCE[-1]
            print(
                f"| {method} | {part['right'].mean():.3f} [{low:.2f}, {high:.2f}] | {cost:.2f} | {stated} | {decided} |"
            )
    own = lines[lines["stated"].notna()]
    print("\n| stated probability | replays | mean stated | right |\n| --- | --- | --- | --- |")
    for low, high in ((0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        part = own[(own["stated"] >= low) & (own["stated"] < high)]
        if len(part):
            mean, right = part["stated"].mean(), part["right"].mean()
            below, above = interval(int(part["right"].sum()), len(part))
            print(
                f"| {low:g} to {min(high, 1):g} | {len(part)} | {mean:.3f} | {right:.3f} [{below:.2f}, {above:.2f}] |"
            )
    for method, part in own.groupby("method", sort=False):
        paired = lines[lines["method"] == "Optuna successive halving"].merge(part, on=["case", "number"])
        better = paired["right_y"].astype(float) - paired["right_x"].astype(float)
        off = part["stated"] - part["right"].astype(float)
        print(f"\n{method}: right {better.mean():+.3f} ± {1.96 * better.sem():.3f} beside successive halving on the "
              f"same replays; stated less right {off.mean():+.3f} ± {1.96 * off.sem():.3f}; "
              f"{part['seconds'].median():.2f} s of processor time a selection")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=None, help="folder of finetune_loss_by_examples.csv")
    parser.add_argument("--replays", type=int, default=40)
    parser.add_argument(
        "--first", type=int, default=1000, help="number of the first replay; below 1000 they are tuned on"
    )
    parser.add_argument("--cases", default=None, help="some of them, with semicolons between")
    parser.add_argument("--store", type=Path, default=None, help="where finished replays are kept")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    asked = parser.parse_args()
    cases = asked.cases.split(";") if asked.cases else [c for c in CASES if asked.data or c.startswith("world")]
    folder = None if asked.data is None else str(asked.data)
    units = [
        {"case": case, "number": i, "data": folder}
        for i in range(asked.first, asked.first + asked.replays)
        for case in cases
    ]
    began = time.perf_counter()
    lines = pd.DataFrame(resumed(units, work, asked.store, jobs=asked.jobs, minutes=asked.minutes))
    told(lines)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
