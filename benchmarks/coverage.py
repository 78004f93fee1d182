"""How often the intervals hold, how wide they are, how often a regime is called wrongly, and what c* costs.

    python benchmarks/coverage.py --repeats 200 --refitted 40 --jobs 2 [--store coverage.jsonl --minutes 8]
    python benchmarks/coverage.py --margins --repeats 60 --jobs 2
    python benchmarks/coverage.py --shapes ...

print the tables of docs/coverage.md: martingale worlds with a known law, one data set after another, fixed seeds, by
the likelihood, ``fit("gamma")``, and the methods beside it. With a store it can be stopped and goes on where it was;
after so many minutes it prints what there is. ``--shapes`` is benchmarks/shapes.py, the posterior's study, with that
script's arguments.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapes
from _resume import Line, resumed

import predictlab as pl
from predictlab.budget import best_depth
from predictlab.phase import REGIMES, decision_probabilities
from predictlab.risk import RiskCurve

DEPTHS = 2 ** np.arange(2, 10)  # 4 to 512, as the law counts; a martingale world is one step behind
PARAMETERS = ("intrinsic_limit", "scale", "decay_rate")
CONFIDENCE = 0.9
CHEAP = ("profile", "wald", "gee", "log-log", "log-log, last subtracted")
MARGIN_RUNS = (8, 16, 24, 32, 48, 64, 96)


@dataclass(frozen=True)
class Setting:
    """A world and what is seen of it; `floor` is the share of ``L_int`` in the risk at the first depth."""

    alpha: float
    floor: float
    runs: int
    correlated: bool = True
    tail: float | None = None

    @property
    def world(self) -> pl.worlds.MartingaleWorld:
        decaying = float(DEPTHS[0]) ** -self.alpha
        return pl.worlds.MartingaleWorld(decaying * self.floor / (1 - self.floor), 1.0, self.alpha, tail=self.tail)

    @property
    def truth(self) -> dict[str, float]:
        return {"intrinsic_limit": self.world.intrinsic_limit, "scale": 1.0, "decay_rate": self.alpha}

    def curve(self, seed: int) -> RiskCurve:
        return self.world.spread(self.runs, DEPTHS - 1, seed, independent=not self.correlated)

    def row(self) -> dict[str, object]:
        return {
            "alpha": self.alpha, "floor": f"{self.floor:.0%}", "runs": self.runs,
            "depths": "same runs" if self.correlated else "apart", "noise": "t5" if self.tail else "Gauss",
        }  # fmt: skip


SETTINGS = [
    *(Setting(a, f, 32) for a in (0.25, 0.5, 1.0, 2.0, 3.0) for f in (0.0, 0.1, 0.5)),
    *(Setting(a, 0.0, n) for a in (0.5, 1.0) for n in (8, 16, 128)),
    *(Setting(1.0, 0.1, n) for n in (8, 16, 128)),
    *(Setting(a, f, 32, correlated=False) for a, f in ((0.5, 0.0), (1.0, 0.1), (2.0, 0.1))),
    *(Setting(a, f, n, tail=5.0) for a, f, n in ((0.5, 0.0, 32), (1.0, 0.1, 32), (1.0, 0.0, 8), (1.0, 0.0, 128))),
    *(Setting(a, f, 32, correlated=False, tail=5.0) for a, f in ((0.5, 0.0), (1.0, 0.1))),
]


def intervals(model: pl.DecayModel, fit: pl.DecayResults, method: str) -> pd.DataFrame:
    """95 % intervals of one method; the paper's recipe is fitted on the same depths."""
    if method == "log-log":
        return model.fit("loglog").conf_int()
    if method == "log-log, last subtracted":
        try:
            return model.fit("loglog", floor="last").conf_int()
        except pl.errors.DataError:  # too few depths lie above the last: no line, and no interval that could hold
            return pd.DataFrame(np.nan, index=list(PARAMETERS), columns=["lower", "upper"])
    return fit.conf_int(method=method)


def questions(setting: Setting) -> list[tuple[float, float, int]]:
    """Tolerances, budgets and the true regime: from half to twice the risk at the budget, and the floor."""
    world, budget = setting.world, 64.0
    floor, risk = world.intrinsic_limit, float(world.risk([int(budget) - 1])[0])
    taus = {risk * f for f in (0.5, 0.8, 1.25, 2.0)}
    if floor:
        taus |= {floor * f for f in (0.5, 0.8, 1.25, 2.0)}
    return [(tau, budget, 2 if floor > tau else 0 if risk <= tau else 1) for tau in sorted(taus)]


def one(unit: Line, quick: bool) -> list[Line]:
    """Intervals, calls and regret on one data set."""
    warnings.simplefilter("ignore")
    setting = SETTINGS[unit["setting"]]
    model = pl.DecayModel(setting.curve(unit["seed"]))
    fit = model.fit("gamma")
    methods = (*(CHEAP[:1] if quick else CHEAP), *(["bootstrap"] if unit["bootstrap"] else []))
    ends, ms = {}, {}
    for method in methods:
        begin = time.process_time()
        ends[method] = intervals(model, fit, method).to_numpy(dtype=float).tolist()
        ms[method] = 1e3 * (time.process_time() - begin)
    sample = fit.draws().to_numpy().T
    calls = []
    for tau, budget, true in questions(setting):
        p = decision_probabilities(sample[0], sample[1], sample[2], tau, budget)
        margin = max(setting.world.intrinsic_limit / tau, tau / max(setting.world.intrinsic_limit, 1e-300))
        calls.append([int(np.argmax(p)), int(p.max() >= CONFIDENCE), true, int(abs(margin - 2) < 1e-9)])
    regrets = []
    for aim in (16.0, 64.0, 256.0):
        price = setting.alpha * aim ** -(setting.alpha + 1)

        def total(c: float, price: float = price) -> float:
            return setting.world.intrinsic_limit + c**-setting.alpha + price * c

        found = float(best_depth(fit.params["scale"], np.nan_to_num(fit.params["decay_rate"]), price))
        depth = float(np.clip(found, DEPTHS[0], 4 * DEPTHS[-1]))
        regrets.append(total(depth) / total(aim) - 1)
    return [{"ends": ends, "ms": ms, "calls": calls, "regret": regrets}]


def study(setting: Setting, results: list[Line]) -> dict[str, Any]:
    """All data sets of one setting."""
    truth = np.array([setting.truth[name] for name in PARAMETERS])
    methods = {}
    for method in (*CHEAP, "bootstrap"):
        tables = np.array([r["ends"][method] for r in results if method in r["ends"]])
        if len(tables) == 0:
            continue
        lower, upper = tables[..., 0], tables[..., 1]
        methods[method] = {
            "covers": ((lower <= truth) & (truth <= upper)).mean(axis=0),
            "width": np.nanmedian(upper - lower, axis=0),
            "unbounded": ((lower[:, 2] <= 0) | np.isinf(upper[:, 2])).mean(),
            "repeats": len(tables),
            "ms": float(np.median([r["ms"][method] for r in results if method in r["ms"]])),
        }
    calls = np.array([c for r in results for c in r["calls"]])
    regret = np.median([r["regret"] for r in results], axis=0)
    return {"setting": setting, "methods": methods, "calls": calls, "regret": regret}


def markdown(rows: list[dict[str, object]]) -> str:
    """A table as documents show it."""
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([str(row[name]) for name in head] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tables(studies: list[dict[str, Any]], quick: bool) -> None:
    """Print everything."""
    rows = []
    for s in studies:
        row = dict(s["setting"].row())
        profile = s["methods"]["profile"]
        row["identified"] = f"{1 - profile['unbounded']:.0%}"
        for method, m in s["methods"].items():
            row[method] = f"{100 * m['covers'][2]:.1f}"
        rows.append(row)
    print("\nCoverage of the 95 % intervals of alpha, %\n")
    print(markdown(rows))
    rows = []
    for s in studies:
        row = dict(s["setting"].row())
        for method, m in s["methods"].items():
            row[method] = "unbounded" if np.isinf(m["width"][2]) else f"{m['width'][2]:.2f}"
        rows.append(row)
    print("\nMedian width of the intervals of alpha\n")
    print(markdown(rows))
    rows = []
    for s in studies:
        row = dict(s["setting"].row())
        for method, m in s["methods"].items():
            if not method.startswith("log-log"):
                row[f"L_int {method}"] = f"{100 * m['covers'][0]:.1f}"
                row[f"K {method}"] = f"{100 * m['covers'][1]:.1f}"
        rows.append(row)
    print("\nCoverage of the 95 % intervals of L_int and K, %\n")
    print(markdown(rows))
    rows = []
    for s in studies:
        calls = s["calls"]
        made = calls[calls[:, 1] == 1]
        wrong = made[:, 0] != made[:, 2]
        margin = calls[calls[:, 3] == 1]
        regret = s["regret"]
        rows.append(
            s["setting"].row()
            | {
                "identified": f"{1 - s['methods']['profile']['unbounded']:.0%}",
                "calls made": f"{len(made) / len(calls):.0%}",
                "wrong, of those made": f"{wrong.mean():.1%}" if len(made) else "-",
                "two-fold floor decided": f"{margin[:, 1].mean():.0%}" if len(margin) else "-",
                "regret of c* = 16, 64, 256": ", ".join(f"{r:.1%}" for r in regret),
            }
        )
    print(f"\nRegimes at {CONFIDENCE:.0%} confidence, and the median regret of c*\n")
    print(markdown(rows))
    calls = np.concatenate([s["calls"] for s in studies])
    made = calls[calls[:, 1] == 1]
    print(
        f"\nAll settings: {len(made)} calls of {len(calls)} made, "
        f"{np.mean(made[:, 0] != made[:, 2]):.2%} of them wrong."
    )
    for true, name in enumerate(REGIMES):
        of = made[made[:, 2] == true]
        if len(of):
            print(f"  {name}: {len(of)} calls made where it is true, {np.mean(of[:, 0] != true):.2%} wrong")
    if not quick:
        ms = {
            m: np.median([s["methods"][m]["ms"] for s in studies if m in s["methods"]]) for m in studies[0]["methods"]
        }
        print("Median time of a fit with its intervals, ms: " + ", ".join(f"{m} {t:.0f}" for m, t in ms.items()))


def margin(unit: Line) -> list[Line]:
    """Whether a floor is decided at `factor` times the tolerance, and whether wrongly."""
    warnings.simplefilter("ignore")
    tolerance, budget, factor = 0.1, float(DEPTHS[-1]), unit["factor"]
    # what still decays at the last depth is a twentieth of the tolerance
    world = pl.worlds.MartingaleWorld(factor * tolerance, tolerance / 20 * budget ** unit["alpha"], unit["alpha"])
    sample = pl.DecayModel(world.spread(unit["runs"], DEPTHS - 1, unit["seed"])).fit("gamma").draws().to_numpy().T
    p = decision_probabilities(sample[0], sample[1], sample[2], tolerance, budget)
    decided = bool(p.max() >= CONFIDENCE)
    return [{"decided": decided, "wrong": decided and int(np.argmax(p)) != (2 if factor > 1 else 0)}]


def margins(lines: pd.DataFrame) -> list[dict[str, object]]:
    """Shares decided by number of runs, a line for each world."""
    rows = []
    for (factor, alpha), of in lines.groupby(["factor", "alpha"], sort=False):
        shares = of.groupby("runs")["decided"].mean()
        row: dict[str, object] = {"alpha": alpha, "floor / tolerance": factor}
        rows.append(row | {f"{n} runs": f"{p:.0%}" for n, p in shares.items()} | {"wrong calls": of["wrong"].sum()})
    return rows


def main() -> None:
    """Count, and print."""
    if "--shapes" in sys.argv:
        sys.argv.remove("--shapes")
        shapes.main()
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1000, help="data sets a setting")
    parser.add_argument("--refitted", type=int, default=200, help="data sets a setting that are bootstrapped as well")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--quick", action="store_true", help="the profile alone")
    parser.add_argument("--store", type=Path, help="file that keeps what is done, data set by data set")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no data set is begun")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of settings, from 0")
    parser.add_argument("--margins", action="store_true", help="only: how many runs decide a two-fold margin")
    asked = parser.parse_args()
    how = {"jobs": asked.jobs, "minutes": asked.minutes}
    if asked.margins:
        units = [
            {"factor": f, "alpha": a, "runs": n, "seed": seed}
            for seed in range(asked.repeats) for f in (2.0, 0.5) for a in (0.5, 1.0, 1.5, 2.0) for n in MARGIN_RUNS
        ]  # fmt: skip
        lines = pd.DataFrame(resumed(units, margin, asked.store, **how))
        print(f"Calls at {CONFIDENCE:.0%} confidence, of {len(lines) // (8 * len(MARGIN_RUNS))} data sets\n")
        print(markdown(margins(lines)))
        return
    refitted = 0 if asked.quick else asked.refitted
    chosen = asked.only or range(len(SETTINGS))
    units = [
        {"setting": i, "seed": seed, "bootstrap": seed < refitted} for seed in range(asked.repeats) for i in chosen
    ]  # fmt: skip
    found = resumed(units, partial(one, quick=asked.quick), asked.store, **how)
    of = {i: [line for line in found if line["setting"] == i] for i in chosen}
    done = min(len(lines) for lines in of.values())
    print(f"{len(of)} settings, {done} data sets each")
    tables([study(SETTINGS[i], lines) for i, lines in of.items() if lines], asked.quick)


if __name__ == "__main__":
    main()
