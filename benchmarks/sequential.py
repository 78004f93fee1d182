"""How often probe_until is wrong, how often it decides, and what that costs, on worlds with a known regime.

    python benchmarks/sequential.py --repeats 60

prints the tables of docs/sequential.md. One process, fixed seeds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

import predictlab as pl
from predictlab.planning import Boundary, SequentialResult
from predictlab.planning import _sequential as until
from predictlab.worlds import MartingaleWorld

TOLERANCE, MAX_COST, CONFIDENCE = 0.1, 24_576, 0.9

# name: world, budget, true regime at tolerance 0.1; "x 2" is the distance of what decides from the tolerance
WORLDS = {
    "risk at the budget / 8": (MartingaleWorld(0.005, 1.0, 1.0), 128, "Static-Sufficient"),
    "risk at the budget / 2": (MartingaleWorld(0.01, 2.56, 1.0), 64, "Static-Sufficient"),
    "risk at the budget / 1.25": (MartingaleWorld(0.01, 4.48, 1.0), 64, "Static-Sufficient"),
    "risk at the budget x 1.002": (MartingaleWorld(0.01, 5.7728, 1.0), 64, "Dynamic-Critical"),
    "risk at the budget x 1.25": (MartingaleWorld(0.01, 7.36, 1.0), 64, "Dynamic-Critical"),
    "risk at the budget x 2": (MartingaleWorld(0.01, 12.16, 1.0), 64, "Dynamic-Critical"),
    "floor x 1.002": (MartingaleWorld(0.1002, 32.0, 1.5), 64, "Noise-Dominant"),
    "floor x 1.25": (MartingaleWorld(0.125, 32.0, 1.5), 64, "Noise-Dominant"),
    "floor x 2": (MartingaleWorld(0.2, 32.0, 1.5), 64, "Noise-Dominant"),
    "floor x 8": (MartingaleWorld(0.8, 32.0, 1.5), 64, "Noise-Dominant"),
}


class SameLevel(Boundary):
    """The naive rule: the whole error at every look."""

    def level(self, time: float) -> float:
        return self.error


@contextmanager
def rule(name: str) -> Iterator[str]:
    """The boundary to ask for; the naive one takes the place of the class."""
    if name != "same level":
        yield name
        return
    with patch.object(until, "Boundary", SameLevel):
        yield "pocock"


@contextmanager
def policy(name: str) -> Iterator[None]:
    """Which steps are offered: both, or one kind while there is one."""
    if name == "both":
        yield
        return
    affordable = until._affordable

    def offered(*args: Any) -> Any:
        steps = affordable(*args)
        return [s for s in steps if (s.runs == 0) == (name == "depth first")] or steps

    with patch.object(until, "_affordable", offered):
        yield


def study(world: MartingaleWorld, boundary: str, repeats: int, **asked: object) -> list[SequentialResult]:
    with rule(boundary) as name:
        return [
            pl.probe_until(
                world.source(seed), max_cost=MAX_COST, confidence=CONFIDENCE, boundary=name, progress=False,
                **asked,  # type: ignore[arg-type]
            )
            for seed in range(repeats)
        ]  # fmt: skip


def line(name: str, what: str, results: list[SequentialResult], right: list[bool]) -> str:
    decided = np.array([r.decided for r in results])
    wrong = int(np.sum(decided & ~np.array(right)))
    cost = np.quantile([r.cost for r in results], [0.25, 0.5, 0.75])
    seeds, last = (
        np.median(v) for v in ([len(r.plan.run_seeds) for r in results], [r.plan.depths[-1] for r in results])
    )
    return (
        f"| {name} | {what} | {decided.mean():.0%} | {wrong} of {decided.sum()} | "
        f"{cost[1]:.0f} ({cost[0]:.0f} to {cost[2]:.0f}) | {seeds:.0f} | {last:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=60, help="simulated tasks in each row")
    repeats = parser.parse_args().repeats
    began = time.perf_counter()
    print("| what decides | rule | decided | wrong among calls | median cost (quartiles) | seeds | last depth |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    totals: dict[str, list[int]] = {}
    for boundary in ("pocock", "obrien_fleming", "same level"):
        for name, (world, budget, regime) in WORLDS.items():
            found = study(world, boundary, repeats, tolerance=TOLERANCE, budget=budget)
            right = [r.answer == regime for r in found]
            print(line(name, boundary, found, right), flush=True)
            total = totals.setdefault(boundary, [0, 0])
            total[0] += sum(r.decided and not ok for r, ok in zip(found, right, strict=True))
            total[1] += sum(r.decided for r in found)
    print()
    for boundary, (wrong, calls) in totals.items():
        print(f"{boundary}: {wrong} wrong of {calls} calls ({wrong / max(calls, 1):.1%})")
    print("\n| what decides | steps offered | decided | wrong among calls | median cost (quartiles) | seeds | last |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for offered in ("both", "seeds first", "depth first"):
        for name in ("risk at the budget / 2", "floor x 2"):
            world, budget, regime = WORLDS[name]
            with policy(offered):
                found = study(world, "pocock", repeats, tolerance=TOLERANCE, budget=budget)
            print(line(name, offered, found, [r.answer == regime for r in found]), flush=True)
    print("\n| question | within | decided | interval misses | median cost (quartiles) | seeds | last |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    world = MartingaleWorld(0.01, 1.0, 1.0)
    numbers = [
        ("decay_rate", {"within": 0.5}, 1.0),
        ("decay_rate", {"within": 0.3}, 1.0),
        ("optimal_depth", {"within": 0.5, "relative": True, "exchange_rate": 1e-3}, 1000**0.5),
        ("optimal_depth", {"within": 0.25, "relative": True, "exchange_rate": 1e-3}, 1000**0.5),
    ]
    for question, asked, truth in numbers:
        found = study(world, "pocock", repeats, question=question, **asked)
        right = [r.interval[0] <= truth <= r.interval[1] for r in found]
        print(line(question, str(asked["within"]), found, right), flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
