"""Curves that rise before they fall: how often intervals hold and calls are right. Figures for docs/coverage.md.

    python benchmarks/shapes.py --runs 4 8 16 32 --draws 20 --jobs 2 --store shapes.jsonl --minutes 8

Nine depths, 4 to 1,024; eleven shapes, three rates, without a floor and with one of 40 % of the last risk, neighbouring
depths correlated at .9. Of every 95 % interval the share that holds the truth: alpha (`bounded`: the share of intervals
with two ends), floor, risk at the measured depths (`measured`: mean over them; `worst`: the depth where fewest hold),
at twice and four times the last one, and the cost-optimal depth. `called`: calls at 90 % at the last depth, four
tolerances; `wrong`: of those. `rising`: curves said to rise still. `width`, `alpha width`: of the interval at twice the
last depth, in logarithms, and of that of alpha, over those of an oracle that knows the rise and fits the law alone.

With a store it can be stopped and goes on where it was; after so many minutes it prints what there is.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _resume import Line, resumed
from numpy.typing import NDArray

import predictlab as pl
from predictlab.budget import best_depth
from predictlab.decay import law
from predictlab.phase import DYNAMIC_CRITICAL, NOISE_DOMINANT, STATIC_SUFFICIENT, UNDETERMINED

Array = NDArray[np.float64]
DEPTH: Array = np.exp2(np.arange(2.0, 11.0))
LAST = float(DEPTH[-1])
RATES, FLOORS = (0.4, 1.0, 2.5), (0.0, 0.4)
TOLERANCES = (0.25, 0.6, 1.6, 4.0)  # over the risk at the last depth
POWER_LAW_ALONE = "rivals=False"  # the posterior without an exponential fall or one with the learning rate
FAR: Array = np.array([2 * LAST, 4 * LAST])
FINE: Array = np.geomspace(LAST / 4, 16 * LAST, 3000)
SHAPES: dict[str, Callable[[Array], Array]] = {
    "no rise": np.ones_like,
    "saturating": lambda c: 1 / (1 + (16 / c) ** 1.5),
    "exponential": lambda c: 1 - np.exp(-c / 20),
    "slow": lambda c: 1 / (1 + (40 / c) ** 0.8),
    "S-curve": lambda c: 1 / (1 + (20 / c) ** 4),
    "bell": lambda c: np.exp(-(np.maximum(0, np.log(40 / c)) ** 2) / 2),
    "hump": lambda c: 1 + 2 * np.exp(-(np.log(c / 32) ** 2) / 0.5),
    "double hump": lambda c: 1 + np.exp(-(np.log(c / 16) ** 2) / 0.3) + np.exp(-(np.log(c / 128) ** 2) / 0.3),
    "plateau": lambda c: np.minimum(1.0, (c / 64) ** 0.4),
    "late peak": lambda c: 1 / (1 + (300 / c) ** 2.5),
    "still rising": lambda c: 1 / (1 + (5000 / c) ** 3),
}


def fall(kind: str, rate: float, depth: Array) -> Array:
    """What decays, 1 at the last depth: a power law, an exponential, or with a learning rate that ends at 0."""
    if kind == "power":
        return np.asarray((depth / LAST) ** -rate)
    if kind == "exponential":
        return np.asarray(np.exp(-2 * rate * (depth / LAST - 1)))
    left = np.maximum(1.05 - depth / LAST, 0.05)  # linear to zero, and what the last steps leave
    return np.asarray((left / 0.05) ** (rate / 2))


def truth(shape: str, rate: float, floor: float, depth: Array, kind: str = "power") -> Array:
    """Risk at these depths; 1 at the last measured one."""
    risk = (floor + (1 - floor) * fall(kind, rate, depth)) * SHAPES[shape](depth)
    return np.asarray(risk / SHAPES[shape](np.array([LAST])))


def errors(risk: Array, runs: int, rng: np.random.Generator, tails: bool, correlation: float) -> Array:
    """Deviations of runs (runs, k), neighbouring depths correlated; one scale a run where tails are heavy."""
    z = rng.standard_normal((runs, len(risk)))
    for i in range(1, len(risk)):
        z[:, i] = correlation * z[:, i - 1] + np.sqrt(1 - correlation**2) * z[:, i]
    if tails:
        z *= np.sqrt(3 / rng.chisquare(5, (runs, 1)))
    z *= np.sqrt(risk)
    return np.asarray(z - z.mean(axis=0))


def holds(sample: Array, value: Array | float) -> NDArray[np.bool_]:
    """Whether 95 % of the draws (n, ...) lie around the truth, with ends of the draws' own precision."""
    low, high = np.quantile(sample, [0.025, 0.975], axis=0)
    return (low <= np.asarray(value) * (1 + 1e-9)) & (np.asarray(value) * (1 - 1e-9) <= high)


def length(sample: Array) -> float:
    """Width of the central 95 % of draws."""
    return float(np.diff(np.quantile(sample, [0.025, 0.975]))[0])


def fitted(curve: pl.RiskCurve, method: str) -> pl.DecayResults:
    """A fit by a method of `DecayModel.fit`, or by `POWER_LAW_ALONE`."""
    if method == POWER_LAW_ALONE:
        return pl.DecayModel(curve, rivals=False).fit()
    return pl.DecayModel(curve).fit(method)


def look(curve: pl.RiskCurve, method: str, seen: dict[str, float], risk: Array, beyond: Array, price: float) -> Line:
    """What one fit gets right."""
    start = time.process_time()
    fit = fitted(curve, method)
    low, high = fit.conf_int().loc["decay_rate"]
    spent = time.process_time() - start
    limit, scale, rate = fit.draws(2000).to_numpy().T
    ahead = fit.risk_draws(FAR, 2000)
    line: Line = {"ms": 1e3 * spent, "rising": getattr(fit, "rising", 0.0) > 0.1}
    if seen["rate"]:
        line |= {"alpha": low <= seen["rate"] <= high, "bounded": low > 0 and np.isfinite(high)}
    line["floor"] = bool(holds(limit, seen["limit"])) if seen["limit"] else True
    line |= dict(zip(("x 2", "x 4"), holds(ahead, beyond), strict=True))
    line |= {f"at {c:g}": v for c, v in zip(DEPTH, holds(fit.risk_draws(DEPTH, 2000), risk), strict=True)}
    if price * LAST > 1e-9:
        line["c*"] = holds(best_depth(scale, rate, price), seen["best"])
    called = wrong = 0
    for factor in TOLERANCES:
        table = pl.classify({"task": fit}, tolerance=factor, budget=LAST, confidence=0.9, extrapolate=True)
        call = table["regime"][0]
        right = NOISE_DOMINANT if seen["left"] > factor else STATIC_SUFFICIENT if factor >= 1 else DYNAMIC_CRITICAL
        called += call != UNDETERMINED
        wrong += call not in (UNDETERMINED, right)
    line |= {"called": called, "wrong": wrong, "width": length(np.log(ahead[:, 0])), "alpha width": high - low}
    return {name: float(value) for name, value in line.items()}


def one(unit: Line, methods: tuple[str, ...]) -> list[Line]:
    """Lines of one curve: each method's."""
    shape, kind, runs, rate, floor = (unit[name] for name in ("shape", "fall", "runs", "rate", "floor"))
    rng = np.random.default_rng([runs, int(10 * rate), int(10 * floor), unit["draw"], list(SHAPES).index(shape)])
    risk, beyond, along = (truth(shape, rate, floor, c, kind) for c in (DEPTH, FAR, FINE))
    at = int(np.searchsorted(FINE, 1.5 * LAST))
    price = -float((along[at + 1] - along[at - 1]) / (FINE[at + 1] - FINE[at - 1]))
    seen = {
        "rate": rate if kind == "power" else 0.0,
        "limit": floor / float(SHAPES[shape](np.array([LAST]))[0]),
        "left": float(truth(shape, rate, floor, np.array([1000 * LAST]), kind)[0]),
        "best": float(FINE[np.argmin(along + price * FINE)]),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        of = errors(risk, runs, rng, unit["tails"], unit["correlation"])
        df = np.full(len(DEPTH), runs - 1.0)
        measured = np.sum(of**2, axis=0) / df
        curve = pl.RiskCurve(DEPTH, measured, df, errors=None if unit["numbers"] else of)
        rise = SHAPES[shape](DEPTH)
        known = pl.RiskCurve(DEPTH, measured / rise, df, errors=of / np.sqrt(rise), estimator="spread")
        oracle = pl.DecayModel(known, burn_in=4.0).fit("gamma")
        width = length(np.log(law(float(FAR[0]), *oracle.draws(2000).to_numpy().T)))
        low, high = oracle.conf_int().loc["decay_rate"]
        lines = []
        for method in methods:
            line = look(curve, method, seen, risk, beyond, price)
            line["width"] /= width
            # an interval without an end is as wide as can be; of two of them neither is the wider
            both = np.isinf(line["alpha width"]) and np.isinf(high - low)
            line["alpha width"] = 1.0 if both else line["alpha width"] / (high - low)
            lines.append({"fit": method} | line)
    return lines


def summary(table: pd.DataFrame) -> dict[str, float]:
    """Means of the lines of one shape and method."""
    at = table[[f"at {c:g}" for c in DEPTH]].mean()
    names = ["alpha", "bounded", "floor", "x 2", "x 4", "c*", "rising", "ms"]
    out = {name: float(table[name].mean()) for name in names if name in table}
    calls = float(table["called"].sum())
    out |= {"measured": float(at.mean()), "worst": float(at.min()), "last": float(at.iloc[-1])}
    out |= {"called": calls / (len(TOLERANCES) * len(table)), "wrong": float(table["wrong"].sum()) / max(calls, 1.0)}
    return out | {name: float(table[name].median()) for name in ("width", "alpha width")} | {"curves": len(table)}


def study(given: argparse.Namespace) -> pd.DataFrame:
    """Lines of all curves, draw by draw, so that what is done so far is balanced."""
    units = [
        {"fall": given.fall, "tails": given.tails, "correlation": given.correlation, "numbers": given.numbers,
         "runs": runs, "shape": shape, "rate": rate, "floor": floor, "draw": draw}
        for draw in range(given.draws) for runs in given.runs for shape in given.shapes for rate in RATES
        for floor in FLOORS
    ]  # fmt: skip
    work = partial(one, methods=tuple(given.methods))
    return pd.DataFrame(resumed(units, work, given.store, jobs=given.jobs, minutes=given.minutes))


def arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the study."""
    parser.add_argument("--runs", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--draws", type=int, default=20, help="for each shape, rate and floor")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--tails", action="store_true", help="Student's t with 5 degrees of freedom, one scale a run")
    parser.add_argument("--correlation", type=float, default=0.9, help="of a run at neighbouring depths")
    parser.add_argument("--numbers", action="store_true", help="curves without their runs")
    parser.add_argument("--fall", default="power", choices=["power", "exponential", "schedule"])
    parser.add_argument("--methods", nargs="+", default=["posterior"], help=f"of DecayModel.fit, or {POWER_LAW_ALONE}")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--store", type=Path, help="file that keeps what is done, curve by curve")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no curve is begun")


def report(lines: pd.DataFrame) -> None:
    """Print a table for each number of runs, and its means over the shapes that fall."""
    pd.set_option("display.width", 250)
    pd.set_option("display.max_columns", 30)
    for runs, part in lines.groupby("runs"):
        kept = [
            {"shape": shape, "runs": runs, "fit": method} | summary(of)
            for (shape, method), of in part.groupby(["shape", "fit"], sort=False)
        ]
        table = pd.DataFrame(kept)
        print(table.round(3).to_string(index=False))
        falling = table[table["shape"] != "still rising"].drop(columns=["shape", "runs"])
        pooled = falling.groupby("fit", sort=False)
        means = pooled.mean()
        calls = falling.assign(calls=falling["called"] * falling["curves"])
        calls["missed"] = calls["wrong"] * calls["calls"]
        of = calls.groupby("fit", sort=False)[["missed", "calls"]].sum()
        means["wrong"], means["curves"] = of["missed"] / of["calls"].clip(lower=1e-9), pooled["curves"].sum()
        print(means.round(3).to_string(), "\n", flush=True)


def main() -> None:
    """Count, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments(parser)
    report(study(parser.parse_args()))


if __name__ == "__main__":
    main()
