"""Curves that rise before they fall: how often intervals hold, of the default fit and of benchmarks/posterior.py.

Run: python benchmarks/shapes.py --runs 8 16 --draws 20

The posterior is a candidate for the default (docs/theory.md, section 9), not part of the package: nine depths, ten
shapes, three rates, without a floor and with one of 40 % of the last risk, neighbours correlated at .9. Of every 95 %
interval the share that holds the truth: alpha, floor, risk at the last, the middle and the second depth, at twice and
four times the last depth, and the cost-optimal depth. Last column: the share of curves that are called still rising.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from posterior import Posterior, chain_correlation

import predictlab as pl

Array = NDArray[np.float64]
DEPTH = 2.0 ** np.arange(2, 11)
LAST = float(DEPTH[-1])
RATES, FLOORS = (0.4, 1.0, 2.5), (0.0, 0.4)
STILL_RISING = 0.1
Look = tuple[Callable[[float], bool], Array, tuple[Array, Array, Array], Array, Array, float]
SHAPES: dict[str, Callable[[Array], Array]] = {
    "no rise": np.ones_like,
    "saturating": lambda c: 1 / (1 + (16 / c) ** 1.5),
    "exponential": lambda c: 1 - np.exp(-c / 20),
    "slow": lambda c: 1 / (1 + (40 / c) ** 0.8),
    "sharp": lambda c: 1 / (1 + (20 / c) ** 4),
    "bell": lambda c: np.exp(-(np.maximum(0, np.log(40 / c)) ** 2) / 2),
    "hump": lambda c: 1 + 2 * np.exp(-(np.log(c / 32) ** 2) / 0.5),
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


def best_depth(limit: Array, scale: Array, rate: Array, price: float) -> Array:
    """Depth at which ``risk + price * depth`` of the law alone is least."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(np.exp((np.log(rate) + np.log(scale) - np.log(price)) / (1 + rate)))


def holds(sample: Array, value: float, confidence: float = 0.95) -> bool:
    """Whether the interval of the draws holds the truth."""
    low, high = np.quantile(sample, [(1 - confidence) / 2, (1 + confidence) / 2])
    return bool(low <= value * (1 + 1e-9) and value * (1 - 1e-9) <= high)


def study(runs: int, draws: int, tails: bool) -> pd.DataFrame:
    """A line for each shape and method."""
    table = []
    far: Array = np.array([2 * LAST, 4 * LAST])
    fine: Array = np.geomspace(LAST / 4, 16 * LAST, 3000)
    for shape in SHAPES:
        seen: dict[str, list[dict[str, float]]] = {"posterior": [], "package": []}
        for rate in RATES:
            for floor in FLOORS:
                rng = np.random.default_rng([runs, int(10 * rate), int(10 * floor)])
                risk, beyond, along = (truth(shape, rate, floor, np.asarray(c)) for c in (DEPTH, far, fine))
                limit = floor / float(SHAPES[shape](np.array([LAST]))[0])
                at = int(np.searchsorted(fine, 1.5 * LAST))
                price = -float((along[at + 1] - along[at - 1]) / (fine[at + 1] - fine[at - 1]))
                best = float(fine[np.argmin(along + price * fine)]) if price > 0 else np.nan
                for _ in range(draws):
                    of = errors(risk, runs, rng, tails)
                    df = np.full(len(DEPTH), runs - 1.0)
                    curve = pl.RiskCurve(DEPTH, np.sum(of**2, axis=0) / df, df, errors=of, estimator="spread")
                    for method, look in (("posterior", by_posterior), ("package", by_package)):
                        start = time.process_time()
                        alpha, found, law, measured, ahead, rising = look(curve, far, rng)
                        line = {"alpha": alpha(rate), "floor": holds(found, limit) if limit else 1.0}
                        line |= {
                            n: holds(measured[:, i], risk[i]) for n, i in (("last", -1), ("middle", 4), ("second", 1))
                        }
                        line |= {n: holds(ahead[:, i], beyond[i]) for i, n in enumerate(("x 2", "x 4"))}
                        if price > 0:
                            line["c*"] = holds(best_depth(*law, price), best)
                        seen[method].append(line | {"rising": rising, "ms": 1e3 * (time.process_time() - start)})
        for method, lines in seen.items():
            table.append({"shape": shape, "runs": runs, "fit": method} | pd.DataFrame(lines).mean().to_dict())
    return pd.DataFrame(table)


def by_posterior(curve: pl.RiskCurve, far: Array, rng: np.random.Generator) -> Look:
    """What the posterior says of a curve."""
    assert curve.errors is not None
    correlation = chain_correlation(curve.errors, curve.df)
    sample = Posterior(curve.depth, curve.risk, curve.df, correlation, rng=rng).draw(2000, rng)
    of = sample.shapes
    low, high = np.quantile(of.rate, [0.025, 0.975])
    most = np.log(1e4) / np.log(2)
    low, high = 0.0 if low < 0.075 else low, np.inf if high > 0.75 * most else high
    limit = np.exp(sample.level - np.logaddexp(0, -of.logit))
    scale = np.exp(sample.level - np.logaddexp(0, of.logit) + of.rate * sample.log_last)
    rising = float(np.mean(sample.slope() > 0) > STILL_RISING)
    law = limit, scale, of.rate
    return (lambda rate: low <= rate <= high), limit, law, sample.measured, sample.risk(far), rising


def by_package(curve: pl.RiskCurve, far: Array, rng: np.random.Generator) -> Look:
    """What the package's default fit says of it."""
    fit = pl.DecayModel(curve).fit()
    low, high = fit.conf_int().loc["decay_rate"]
    limit, scale, rate = fit.draws(2000, rng).to_numpy().T
    measured, ahead = (limit[:, None] + scale[:, None] * c ** -rate[:, None] for c in (curve.depth, far))
    return (lambda value: low <= value <= high), limit, (limit, scale, rate), measured, ahead, np.nan


def main() -> None:
    """Print the table and its means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--tails", action="store_true", help="Student's t with 5 degrees of freedom, one scale a run")
    given = parser.parse_args()
    pd.set_option("display.width", 200)
    for runs in given.runs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = study(runs, given.draws, given.tails)
        print(table.round(3).to_string(index=False))
        falling = table[table["shape"] != "still rising"]
        print(falling.groupby("fit").mean(numeric_only=True).round(3).to_string(), "\n", flush=True)


if __name__ == "__main__":
    main()
