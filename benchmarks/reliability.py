"""Are probabilities of regimes what they say, where truths come from another prior? A figure of docs/coverage.md.

    python benchmarks/reliability.py --draws 400 --store reliability.jsonl --minutes 8 --png docs/reliability.png

Truths: alpha uniform from .2 to 3; no floor in a third, else its standard deviation uniform from 0 to that of the last
risk; no rise in a quarter, else one of the rises of benchmarks/shapes.py; a power law in half, else an exponential; 4
to 32 runs, neighbouring depths correlated at .5 to .95; tails of Student's t in a third. Of each curve the
probabilities of the three regimes at a tolerance that is log-uniform from a quarter of the last risk to four times it,
budget the last depth. Then: of the times a regime had a probability of about p, in how many it was true.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
from _resume import Line, resumed
from shapes import DEPTH, FAR, LAST, SHAPES, errors, fall

import predictlab as pl
from predictlab.charts._render import png
from predictlab.phase import (
    DYNAMIC_CRITICAL,
    NOISE_DOMINANT,
    PROBABILITY_COLUMNS,
    REGIMES,
    STATIC_SUFFICIENT,
    UNDETERMINED,
)

EDGES = (0.0, 0.02, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.98, 1.0)


def one(unit: Line) -> list[Line]:
    """Probabilities of the three regimes of one curve, and which is true."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng([7, unit["draw"]])
    rate = rng.uniform(0.2, 3.0)
    kind = "power" if rng.random() < 0.5 else "exponential"
    floor = 0.0 if rng.random() < 1 / 3 else rng.uniform() ** 2
    falling = [name for name in SHAPES if name not in ("no rise", "still rising")]
    shape = "no rise" if rng.random() < 0.25 else str(rng.choice(falling))

    def truth(depth: np.ndarray) -> np.ndarray:
        risk = (floor + (1 - floor) * fall(kind, rate, depth)) * SHAPES[shape](depth)
        return np.asarray(risk / SHAPES[shape](np.array([LAST])))

    runs = int(np.exp(rng.uniform(np.log(4), np.log(33))))
    of = errors(truth(DEPTH), runs, rng, bool(rng.random() < 1 / 3), rng.uniform(0.5, 0.95))
    df = np.full(len(DEPTH), runs - 1.0)
    curve = pl.RiskCurve(DEPTH, np.sum(of**2, axis=0) / df, df, errors=of, estimator="spread")
    tolerance = 4.0 ** rng.uniform(-1, 1)
    fit = pl.DecayModel(curve).fit()
    row = pl.classify({"t": fit}, tolerance=tolerance, budget=LAST, confidence=0.9, extrapolate=True).iloc[0]
    far = float(truth(np.array([1000 * LAST]))[0])
    within = float(truth(np.concatenate([DEPTH[-1:], FAR])).max()) <= tolerance
    right = NOISE_DOMINANT if far > tolerance else STATIC_SUFFICIENT if within else DYNAMIC_CRITICAL
    probabilities = {name: float(row[column]) for name, column in zip(REGIMES, PROBABILITY_COLUMNS, strict=True)}
    called = row["regime"] != UNDETERMINED
    return [{"p": p, "true": name == right, "regime": name, "called": called and name == row["regime"]}
            for name, p in probabilities.items()]  # fmt: skip


def table_of(lines: pd.DataFrame) -> pd.DataFrame:
    """Mean probability and frequency in bins, with 95 % Wilson intervals."""
    lines = lines.assign(bin=pd.cut(lines["p"], EDGES, include_lowest=True))
    table = lines.groupby("bin", observed=True).agg(p=("p", "mean"), true=("true", "mean"), n=("true", "size"))
    z = 1.96
    centre = (table["true"] + z**2 / (2 * table["n"])) / (1 + z**2 / table["n"])
    half = z * np.sqrt(table["true"] * (1 - table["true"]) / table["n"] + z**2 / (4 * table["n"] ** 2))
    half /= 1 + z**2 / table["n"]
    return table.assign(lower=centre - half, upper=centre + half).reset_index(drop=True)


def chart_of(table: pd.DataFrame) -> alt.LayerChart:
    """Frequency against probability; the diagonal is what was promised."""
    x = alt.X("p:Q", title="probability of a regime", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    y = alt.Y("lower:Q", title="how often it was true", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    ideal = alt.Chart(pd.DataFrame({"p": [0, 1], "true": [0, 1]})).mark_line(strokeDash=[5, 4], color="#767676")
    points = alt.Chart(table).encode(x=x)
    bars = points.mark_rule(strokeWidth=1.5).encode(y=y, y2="upper:Q")
    dots = points.mark_point(filled=True, size=55, opacity=1, color="#0065A3").encode(y="true:Q")
    return (ideal.encode(x=x, y="true:Q") + bars + dots).properties(width=300, height=300)


def main() -> None:
    """Count, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--store", type=Path, help="file that keeps what is done, curve by curve")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no curve is begun")
    parser.add_argument("--png", type=Path, help="file of the picture")
    given = parser.parse_args()
    units: list[Line] = [{"draw": i} for i in range(given.draws)]
    lines = pd.DataFrame(resumed(units, one, given.store, jobs=given.jobs, minutes=given.minutes))
    table = table_of(lines)
    print(f"{len(lines) // 3} curves")
    print(table.round(3).to_string(index=False))
    called = lines[lines["called"]]
    print(f"calls at 90 %: {len(called)}, of them wrong: {1 - called['true'].mean():.3f}")
    if given.png:
        given.png.write_bytes(png(chart_of(table)))


if __name__ == "__main__":
    main()
