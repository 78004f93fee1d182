"""Does the advice of an Undetermined call settle it? Worlds with a known regime, advice followed to the letter.

    python benchmarks/advice.py --repeats 15

prints the tables of docs/budget_and_phase.md. One process, fixed seeds. Each repeat probes 16 seeds, classifies at 90 %
confidence, does what the advice says where the call is open (more seeds of the same world, or the same seeds at further
depths, or both), and classifies again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import predictlab as pl
from predictlab.decay import Sample
from predictlab.phase import REGIMES, UNDETERMINED, Decision, Thresholds
from predictlab.worlds import MartingaleWorld

SEEDS, DEPTHS = 16, (4, 8, 16, 32, 64, 128, 256)
DEEPEST = 8 * DEPTHS[-1]
DECISION = {"tolerance": 0.1, "budget": 64.0}
THRESHOLDS = {"rule": "thresholds", "intrinsic_threshold": 0.1, "rate_threshold": 1.0}
FACTORS = (0.5, 0.75, 0.9, 1.1, 1.33, 2.0)
WIDEST = 4.0  # of the drawn factors
WORLDS: dict[str, tuple[Callable[[float], MartingaleWorld], dict[str, Any]]] = {
    "risk at the budget": (lambda f: MartingaleWorld(0.01, 64 * (0.1 * f - 0.01), 1.0), DECISION),
    "floor": (lambda f: MartingaleWorld(0.1 * f, 16.0, 1.5), DECISION),
    "floor, slow decay": (lambda f: MartingaleWorld(0.1 * f, 2.0, 0.7), DECISION),
    "rate (thresholds)": (lambda f: MartingaleWorld(0.01, 4.0, f), THRESHOLDS),
}


def truth(world: MartingaleWorld, rule: dict[str, Any]) -> str:
    """Regime of the world."""
    draws = Sample(np.array([[world.intrinsic_limit, world.scale, world.decay_rate]]))
    chosen = (
        Thresholds(rule["intrinsic_threshold"], rule["rate_threshold"])
        if "rule" in rule
        else Decision(rule["tolerance"], rule["budget"])
    )
    return REGIMES[int(np.argmax(chosen.member(draws)))]


def look(source: Any, seeds: int, depths: tuple[int, ...], rule: dict[str, Any], numbers: bool = False) -> pd.Series:
    """The advice for these runs, or for the numbers of their curve alone."""
    curve = pl.risk_curve(source(depths, range(seeds)))
    fit = pl.DecayModel(pl.RiskCurve(curve.depth, curve.risk, curve.df) if numbers else curve).fit()
    return pl.advise({"world": fit}, **rule, confidence=0.9, extrapolate=True).iloc[0]


def follow(world: MartingaleWorld, rule: dict[str, Any], seed: int, numbers: bool = False) -> dict[str, Any]:
    """One repeat: the first call, what was advised, and the call afterwards."""
    source = world.source(seed, max_depth=DEEPEST)
    row = look(source, SEEDS, DEPTHS, rule, numbers)
    out = {"first": row["regime"], "advice": row["advice"], "kind": "", "chance": np.nan, "runs": np.nan, "then": ""}
    if row["regime"] != UNDETERMINED:
        return out
    if np.isnan(row["chance"]):
        return out | {"kind": "none within reach"}
    more, to = int(row["runs"]), int(row["depth"])
    depths: tuple[int, ...] = DEPTHS
    last = DEPTHS[-1]
    while last < to:
        last *= 2
        depths = (*depths, last)
    kind = "more seeds" if to == DEPTHS[-1] else "deeper and more seeds" if more else "deeper"
    then = look(source, SEEDS + more, depths, rule, numbers)["regime"]
    return out | {"kind": kind, "chance": row["chance"], "runs": more, "then": then}


def table(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Shares of open calls and of those that the advice settled."""
    rows = []
    for key, part in frame.groupby(by, sort=False):
        is_open = part[part["first"] == UNDETERMINED]
        advised = is_open[is_open["then"] != ""]
        stands = advised[advised["then"] != UNDETERMINED]
        rows.append(
            {
                **dict(zip(by, key, strict=True)),
                "tasks": len(part),
                "open at first": len(is_open),
                "advised": len(advised),
                "median more seeds": advised["runs"].median(),
                "chance said": advised["chance"].mean(),
                "then stands": len(stands) / len(advised) if len(advised) else np.nan,
                "wrong among those": f"{(stands['then'] != stands['truth']).sum()} of {len(stands)}",
            }
        )
    return pd.DataFrame(rows)


def show(frame: pd.DataFrame) -> None:
    def cell(value: Any) -> str:
        if isinstance(value, float):
            return "–" if np.isnan(value) else f"{value:.2f}".rstrip("0").rstrip(".")
        return str(value)

    print("| " + " | ".join(frame.columns) + " |")
    print("|" + " --- |" * len(frame.columns))
    for row in frame.itertuples(index=False):
        print("| " + " | ".join(cell(v) for v in row) + " |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15, help="repeats of each setting")
    parser.add_argument("--numbers", action="store_true", help="curves given as numbers, without their runs")
    asked = parser.parse_args()
    repeats = asked.repeats
    began, rows = time.perf_counter(), []
    rng = np.random.default_rng(0)
    for name, (make, rule) in WORLDS.items():
        drawn = np.exp(np.log(WIDEST) * rng.uniform(-1, 1, 3 * repeats))
        cases = [(str(f), f, seed) for f in FACTORS for seed in range(repeats)]
        cases += [("drawn", float(f), 1000 + i) for i, f in enumerate(drawn)]
        for label, factor, seed in cases:
            world = make(factor)
            about = {"what decides": name, "times its limit": label, "factor": factor, "truth": truth(world, rule)}
            rows.append(about | follow(world, rule, seed, asked.numbers))
    frame = pd.DataFrame(rows)
    show(table(frame, ["what decides", "times its limit"]))
    drawn_only = frame[frame["times its limit"] == "drawn"]
    show(table(drawn_only[drawn_only["kind"] != ""], ["kind"]))
    show(table(drawn_only.assign(worlds="all drawn"), ["worlds"]))
    show(table(frame.assign(worlds="all"), ["worlds"]))
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
