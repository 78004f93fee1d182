"""Whether the rows' floor forecast before any run held on recorded real tasks. Figures for docs/static.md.

Run: python benchmarks/rows_floor.py STORE [STORE ...]     stores of `python benchmarks/rows.py --real STORE`

Forecast: ``pl.static.bayes_error(features, labels).rows_floor(n)`` from the frozen model's features and the training
labels. Measured: what rows add to the variance of accuracy over runs at the last depth, ``sigma_int² / n``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from rows_real import CASES, probed

import predictlab as pl
from predictlab.static._limit import KAPPA


def compared(stores: list[Path], max_rows: int) -> pd.DataFrame:
    """A line a task: forecast with its interval, measured, and which part of the difference is the error's."""
    cases = {case.name: case for case in CASES}
    table = []
    for key, curve in probed(stores).items():
        name = key.rpartition(" (")[0]
        if name not in cases or curve.parts is None:
            continue
        task = cases[name].task()
        limit = pl.static.bayes_error(*pl.static.features_of(task, max_rows=max_rows))
        last = curve.parts[-1]
        estimate, lower, upper = limit.rows_floor(last.rows)
        measured, error = last.interaction / last.rows, 1 - last.mean
        table.append(
            {"task": name, "rows": last.rows, "limit": limit.estimate, "limit upper": limit.upper, "error": error,
             "forecast x 1e6": 1e6 * estimate, "lower": 1e6 * lower, "upper": 1e6 * upper, "measured": 1e6 * measured,
             "measured / forecast": measured / estimate if estimate > 0 else np.inf,
             "inside": lower <= measured <= upper, "error / limit": error / limit.estimate,
             "kappa": 2 * last.rows * measured / error, "rows' share": last.rows_share}
        )  # fmt: skip
        print(f"{name}: {measured / estimate:.2f}", flush=True)
    return pd.DataFrame(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stores", type=Path, nargs="+")
    parser.add_argument("--max-rows", type=int, default=2000, help="training rows that the forecast is made from")
    given = parser.parse_args()
    table = compared(given.stores, given.max_rows)
    pd.set_option("display.width", 220)
    print(table.round(3).to_string(index=False))
    ratio = table["measured / forecast"]
    print(
        f"{len(table)} tasks: {table['inside'].sum()} inside the 95 % interval; measured over forecast, median "
        f"{ratio.median():.2f}, {ratio.min():.2f} to {ratio.max():.2f}; within a factor of two: "
        f"{ratio.between(0.5, 2).sum()}; kappa, median {table['kappa'].median():.2f} (taken to be {KAPPA}), "
        f"{table['kappa'].min():.2f} to {table['kappa'].max():.2f}; error over limit, median "
        f"{table['error / limit'].median():.2f}"
    )


if __name__ == "__main__":
    main()
