"""Where fine-tunes of language models end, from a part of the data. Figures for docs/static.md.

Run: python benchmarks/rectified.py TABLE               correlation with the loss on all data; coverage of intervals
     python benchmarks/rectified.py TABLE --constants   what noise and the law's own error are taken to be

TABLE: csv with data_set, model, examples, test_loss; 30 models on three data sets, 0 to 1,638,400 examples, published
with Lin et al., "Selecting Large Language Model to Fine-tune via Rectified Scaling Law", ICML 2024.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import least_squares

import predictlab as pl
from predictlab.static import _rectified

PARTS = (8, 16, 32, 64, 128, 256, 512)
# Pearson x 100 of predicted and final loss as published (AtS: a line through the last probes in logarithms).
PUBLISHED = {
    "flan": {"AtS": (90.9, 73.1, 65.5, 61.1, 52.2, 50.5, 45.6), "zero-shot loss": (-10.7,) * 7,
             "last probe": (60.9, 46.5, 36.4, 29.0, 24.6, 20.9, 16.4)},
    "wmt19": {"AtS": (98.9, 97.0, 97.7, 86.0, 78.0, 73.4, 61.5), "zero-shot loss": (7.1,) * 7,
              "last probe": (93.5, 87.1, 77.7, 64.5, 51.7, 41.6, 34.5)},
    "gigaword": {"AtS": (98.9, 97.6, 96.9, 92.0, 91.1, 89.1, 91.0), "zero-shot loss": (-49.2,) * 7,
                 "last probe": (93.2, 89.3, 85.4, 80.9, 76.2, 69.9, 64.8)},
}  # fmt: skip
Predict = Callable[[np.ndarray, np.ndarray, float], float]


def ours(sizes: np.ndarray, losses: np.ndarray, end: float) -> float:
    """Median of our posterior; the loss before training is left out."""
    return float(pl.static.rectified_law(sizes[1:], losses[1:]).predict(end)["estimate"])


def least_squares_law(sizes: np.ndarray, losses: np.ndarray, end: float) -> float:
    """The published law by least squares in logarithms, the loss before training included, best of several starts."""
    x, y = np.log(np.maximum(sizes, 1e-10)), np.log(losses)

    def law(at: np.ndarray, p: np.ndarray) -> np.ndarray:
        start, stays, shift, beta = np.exp(p[0]), np.exp(p[1]), p[2], np.exp(p[3])
        return np.log(start / (1 + np.exp(np.minimum(beta * at + shift, 500))) + stays)

    found = []
    for beta in (0.1, 0.3, 1.0):
        for where in (x[1], x[-1]):
            first = np.array([np.log(losses.max() / 2), np.log(losses.min() / 2), -beta * where, np.log(beta)])
            found.append(least_squares(lambda p: law(x, p) - y, first, max_nfev=2000))
    best = min(found, key=lambda fit: fit.cost)
    return float(np.exp(law(np.array([np.log(end)]), best.x)[0]))


def line(sizes: np.ndarray, losses: np.ndarray, end: float) -> float:
    """Accept then stop: a line through the last probes in logarithms, begun where one lies five deviations off it."""
    x, y = np.log(sizes[1:]), np.log(losses[1:])
    kept = min(3, len(x))
    while kept < len(x):
        slope, level = np.polyfit(x[-kept:], y[-kept:], 1)
        deviation = float(np.std(y[-kept:] - slope * x[-kept:] - level))
        if abs(y[-kept - 1] - slope * x[-kept - 1] - level) > 5 * deviation:
            break
        kept += 1
    slope, level = np.polyfit(x[-kept:], y[-kept:], 1)
    return float(np.exp(slope * np.log(end) + level))


PREDICTORS: dict[str, Predict] = {
    "ours": ours,
    "law by least squares": least_squares_law,
    "line (AtS)": line,
    "last probe": lambda sizes, losses, end: float(losses[-1]),
    "zero-shot loss": lambda sizes, losses, end: float(losses[0]),
}


def curves_of(part: pd.DataFrame) -> pd.DataFrame:
    """Losses of one data set, a row a model, a column a size."""
    return part.pivot_table(index="model", columns="examples", values="test_loss")


def correlations(predicted: np.ndarray, truth: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Pearson x 100 of each resample of models (the first is all of them)."""
    return np.array([100 * np.corrcoef(predicted[rows], truth[rows])[0, 1] for rows in draws])


def report(table: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    held, widths = [], []
    for name, part in table.groupby("data_set", sort=False):
        curves = curves_of(part)
        end, truth = float(curves.columns.max()), curves.to_numpy()[:, -1]
        draws = np.vstack([np.arange(len(curves)), rng.integers(0, len(curves), (2000, len(curves)))])
        print(f"\n{name}: Pearson x 100 [95 % over models] (Spearman x 100)")
        print(
            "| part of the data | " + " | ".join(PREDICTORS) + " | published AtS, last probe, zero-shot | ours - line |"
        )
        print("|" + "---|" * (len(PREDICTORS) + 3))
        for i, ratio in enumerate(PARTS):
            columns = curves.columns[curves.columns <= end / ratio]
            sizes = columns.to_numpy(float)
            made = {
                which: np.array([f(sizes, row, end) for row in curves[columns].to_numpy()])
                for which, f in PREDICTORS.items()
            }
            cells, found = [], {}
            for which, values in made.items():
                found[which] = correlations(values, truth, draws)
                low, high = np.quantile(found[which][1:], [0.025, 0.975])
                rank = 100 * stats.spearmanr(values, truth).statistic
                cells.append(f"{found[which][0]:.1f} [{low:.0f}, {high:.0f}] ({rank:.0f})")
            gain = found["ours"] - found["line (AtS)"]
            low, high = np.quantile(gain[1:], [0.025, 0.975])
            paper = ", ".join(f"{PUBLISHED[name][k][i]}" for k in ("AtS", "last probe", "zero-shot loss"))
            print(f"| 1/{ratio} | " + " | ".join(cells) + f" | {paper} | {gain[0]:+.1f} [{low:+.0f}, {high:+.0f}] |")
            for row, last in zip(curves[columns].to_numpy(), truth, strict=True):
                law = pl.static.rectified_law(sizes[1:], row[1:])
                for level in (0.8, 0.95):
                    ends = law.predict(end, confidence=level)
                    inside = ends["lower"] <= last <= ends["upper"]
                    held.append((name, ratio, level, bool(inside)))
                    if level == 0.95:
                        widths.append((name, ratio, np.log(ends["upper"] / ends["lower"])))
    counts = pd.DataFrame(held, columns=["data", "part", "level", "holds"])
    print("\nHow often intervals of the final loss hold")
    print(counts.pivot_table("holds", ["level", "data"], "part", aggfunc="sum").to_string())
    print(counts.groupby("level")["holds"].agg(["sum", "count", "mean"]).round(3).to_string())
    wide = pd.DataFrame(widths, columns=["data", "part", "width"])
    print("\nMedian width of 95 %, upper over lower")
    print(np.exp(wide.pivot_table("width", "data", "part", aggfunc="median")).round(2).to_string())


def density(sizes: np.ndarray, losses: np.ndarray, end: float, last: float) -> float:
    """Logarithm of the predictive density of the final log loss."""
    law = pl.static.rectified_law(sizes, losses)
    location, scale = law._at(np.log(end))
    df = _rectified.NOISE_DF + len(sizes) - 1
    weight = law.members["weight"].to_numpy()
    return float(np.log(weight @ (stats.t.pdf((np.log(last) - location) / scale, df) / scale)))


def constants(table: pd.DataFrame) -> None:
    print("Mean log density of the final log loss, 1/8, 1/32, 1/128, 1/512 of the data")
    kept = _rectified.NOISE, _rectified.DRIFTS
    rows = []
    for noise in (0.005, 0.01, 0.02):
        for drifts in ((0.0,), (0.01, 0.1, 1.0, 10.0), (0.01, 0.1, 1.0, 10.0, 100.0), (1.0, 10.0, 100.0)):
            _rectified.NOISE, _rectified.DRIFTS = noise, drifts
            found = {}
            for name, part in table.groupby("data_set", sort=False):
                curves = curves_of(part)
                end = float(curves.columns.max())
                scores = []
                for ratio in PARTS[::2]:
                    columns = curves.columns[(curves.columns > 0) & (curves.columns <= end / ratio)]
                    for row, last in zip(curves[columns].to_numpy(), curves.to_numpy()[:, -1], strict=True):
                        scores.append(density(columns.to_numpy(float), row, end, last))
                found[name] = np.mean(scores)
            rows.append({"noise": noise, "drifts": " ".join(f"{d:g}" for d in drifts), **found})
    _rectified.NOISE, _rectified.DRIFTS = kept
    print(pd.DataFrame(rows).round(2).to_string(index=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help="csv with data_set, model, examples, test_loss")
    parser.add_argument("--constants", action="store_true")
    given = parser.parse_args()
    table = pd.read_csv(given.table)
    (constants if given.constants else report)(table)


if __name__ == "__main__":
    main()
