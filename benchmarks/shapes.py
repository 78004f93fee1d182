"""Curves that rise before they fall: how often intervals hold and calls are right. Figures for docs/coverage.md.

    python benchmarks/shapes.py --runs 4 8 16 32 --draws 20 --jobs 2

Nine depths, 4 to 1,024; eleven shapes, three rates, without a floor and with one of 40 % of the last risk, neighbouring
depths correlated at .9. Of every 95 % interval the share that holds the truth: alpha (`bounded`: the share of intervals
with two ends), floor, risk at the measured depths (`measured`: mean over them; `worst`: the depth where fewest hold),
at twice and four times the last one, and the cost-optimal depth. `called`: calls at 90 % at the last depth, four
tolerances; `wrong`: of those. `rising`: curves said to rise still. `width`: of the interval at twice the last depth, in
logarithms, over that of an oracle that knows the rise and fits the law alone.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
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


def truth(shape: str, rate: float, floor: float, depth: Array) -> Array:
    """Risk at these depths; 1 at the last measured one."""
    risk = (floor + (1 - floor) * (depth / LAST) ** -rate) * SHAPES[shape](depth)
    return np.asarray(risk / SHAPES[shape](np.array([LAST])))


def errors(risk: Array, runs: int, rng: np.random.Generator, tails: bool) -> Array:
    """Deviations of runs (runs, k), neighbouring depths correlated at .9; one scale a run where tails are heavy."""
    z = rng.standard_normal((runs, len(risk)))
    for i in range(1, len(risk)):
        z[:, i] = 0.9 * z[:, i - 1] + np.sqrt(1 - 0.81) * z[:, i]
    if tails:
        z *= np.sqrt(3 / rng.chisquare(5, (runs, 1)))
    z *= np.sqrt(risk)
    return np.asarray(z - z.mean(axis=0))


def holds(sample: Array, value: Array | float) -> NDArray[np.bool_]:
    """Whether 95 % of the draws (n, ...) lie around the truth, with ends of the draws' own precision."""
    low, high = np.quantile(sample, [0.025, 0.975], axis=0)
    return (low <= np.asarray(value) * (1 + 1e-9)) & (np.asarray(value) * (1 - 1e-9) <= high)


def look(
    curve: pl.RiskCurve, method: str, seen: dict[str, float], risk: Array, beyond: Array, price: float
) -> dict[str, object]:
    """What one fit gets right."""
    start = time.process_time()
    fit = pl.DecayModel(curve).fit(method)
    low, high = fit.conf_int().loc["decay_rate"]
    spent = time.process_time() - start
    limit, scale, rate = fit.draws(2000).to_numpy().T
    ahead = fit.risk_draws(FAR, 2000)
    line: dict[str, object] = {
        "alpha": low <= seen["rate"] <= high,
        "bounded": low > 0 and np.isfinite(high),
        "floor": bool(holds(limit, seen["limit"])) if seen["limit"] else low == low,
        "ms": 1e3 * spent,
        "rising": getattr(fit, "rising", 0.0) > 0.1,
    }
    line |= dict(zip(("x 2", "x 4"), holds(ahead, beyond), strict=True))
    line |= {f"at {c:g}": v for c, v in zip(DEPTH, holds(fit.risk_draws(DEPTH, 2000), risk), strict=True)}
    if price > 0:
        line["c*"] = bool(holds(best_depth(scale, rate, price), seen["best"]))
    called = wrong = 0
    for factor in TOLERANCES:
        table = pl.classify({"task": fit}, tolerance=factor, budget=LAST, confidence=0.9, extrapolate=True)
        call = table["regime"][0]
        right = NOISE_DOMINANT if seen["left"] > factor else STATIC_SUFFICIENT if factor >= 1 else DYNAMIC_CRITICAL
        called += call != UNDETERMINED
        wrong += call not in (UNDETERMINED, right)
    spread = np.diff(np.quantile(np.log(ahead[:, 0]), [0.025, 0.975]))[0]
    return line | {"called": called, "wrong": wrong, "log width": spread}


def cell(shape: str, runs: int, draws: int, tails: bool, methods: tuple[str, ...]) -> list[dict[str, object]]:
    """Lines of one shape: each draw by each method."""
    out = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for rate in RATES:
            for floor in FLOORS:
                rng = np.random.default_rng([runs, int(10 * rate), int(10 * floor)])
                risk, beyond, along = (truth(shape, rate, floor, c) for c in (DEPTH, FAR, FINE))
                at = int(np.searchsorted(FINE, 1.5 * LAST))
                price = -float((along[at + 1] - along[at - 1]) / (FINE[at + 1] - FINE[at - 1]))
                seen = {
                    "rate": rate,
                    "limit": floor / float(SHAPES[shape](np.array([LAST]))[0]),
                    "left": float(truth(shape, rate, floor, np.array([1000 * LAST]))[0]),
                    "best": float(FINE[np.argmin(along + price * FINE)]),
                }
                for _ in range(draws):
                    of = errors(risk, runs, rng, tails)
                    df = np.full(len(DEPTH), runs - 1.0)
                    measured = np.sum(of**2, axis=0) / df
                    curve = pl.RiskCurve(DEPTH, measured, df, errors=of, estimator="spread")
                    rise = SHAPES[shape](DEPTH)
                    known = pl.RiskCurve(DEPTH, measured / rise, df, errors=of / np.sqrt(rise), estimator="spread")
                    draws_of_known = pl.DecayModel(known, burn_in=4.0).fit("gamma").draws(2000).to_numpy()
                    oracle = law(float(FAR[0]), *draws_of_known.T)
                    width = np.diff(np.quantile(np.log(oracle), [0.025, 0.975]))[0]
                    for method in methods:
                        line = look(curve, method, seen, risk, beyond, price)
                        line["width"] = line.pop("log width") / width
                        out.append({"shape": shape, "runs": runs, "fit": method} | line)
    return out


def summary(lines: list[dict[str, object]]) -> dict[str, float]:
    """Means of the lines of one shape and method."""
    table = pd.DataFrame(lines)
    at = table[[f"at {c:g}" for c in DEPTH]].astype(float).mean()
    names = ["alpha", "bounded", "floor", "x 2", "x 4", *(["c*"] if "c*" in table else []), "rising", "ms"]
    out = {name: float(table[name].astype(float).mean()) for name in names}
    calls = float(table["called"].sum())
    out |= {"measured": float(at.mean()), "worst": float(at.min()), "last": float(at.iloc[-1])}
    out |= {"called": calls / (len(TOLERANCES) * len(table)), "wrong": float(table["wrong"].sum()) / max(calls, 1.0)}
    return out | {"width": float(table["width"].median())}


def main() -> None:
    """Print a table for each number of runs, and its means over the shapes that fall."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--draws", type=int, default=20, help="for each shape, rate and floor")
    parser.add_argument("--tails", action="store_true", help="Student's t with 5 degrees of freedom, one scale a run")
    parser.add_argument("--methods", nargs="+", default=["posterior", "gamma"])
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    pd.set_option("display.width", 250)
    pd.set_option("display.max_columns", 30)
    for runs in given.runs:
        one = partial(cell, runs=runs, draws=given.draws, tails=given.tails, methods=tuple(given.methods))
        with ProcessPoolExecutor(given.jobs) as pool:
            lines = [line for part in pool.map(one, SHAPES) for line in part]
        kept = [
            {"shape": shape, "runs": runs, "fit": method}
            | summary([line for line in lines if line["shape"] == shape and line["fit"] == method])
            for shape in SHAPES
            for method in given.methods
        ]
        table = pd.DataFrame(kept)
        print(table.round(3).to_string(index=False))
        falling = table[table["shape"] != "still rising"]
        means = falling.drop(columns=["shape", "runs"]).groupby("fit", sort=False).mean()
        print(means.round(3).to_string(), "\n", flush=True)


if __name__ == "__main__":
    main()
