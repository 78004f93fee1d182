"""How well, and how fast, the points of a posterior are found: other numbers of parts of the proposals.

    python benchmarks/proposals.py [--parts 1 2 3 4 6 8] [--runs 4 16 48]

One curve of each shape of `benchmarks/shapes.py`, two rates, with a floor and without. "least": the smallest effective
number of draws that the weighted points are worth (aim 500, after at most six rounds); "below": curves that missed it;
"rounds": mean; processor milliseconds of the search alone, median and largest.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from shapes import DEPTH, FLOORS, RATES, SHAPES, errors, truth

import predictlab as pl
from predictlab.decay import _cloud, _posterior, _proposal


def curves(of_runs: list[int]) -> list[pl.RiskCurve]:
    """Draw them."""
    found = []
    for runs in of_runs:
        for number, shape in enumerate(SHAPES):
            for rate in (RATES[0], RATES[-1]):
                for floor in FLOORS:
                    rng = np.random.default_rng([runs, int(10 * rate), int(10 * floor), number, 99])
                    of = errors(truth(shape, rate, floor, DEPTH), runs, rng, False, 0.9)
                    df = np.full(len(DEPTH), runs - 1.0)
                    found.append(pl.RiskCurve(DEPTH, np.sum(of**2, axis=0) / df, df, errors=of))
    return found


def main() -> None:
    """Print a line for each number of parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, nargs="+", default=[1, 2, 3, 4, 6, 8])
    parser.add_argument("--runs", type=int, nargs="+", default=[4, 16, 48])
    given = parser.parse_args()
    posteriors: list[tuple[Callable[[np.ndarray], np.ndarray], int]] = []

    def look(
        log_likelihood: Callable[[np.ndarray], np.ndarray], dimensions: int, rng: np.random.Generator
    ) -> _cloud.Cloud:
        posteriors.append((log_likelihood, dimensions))
        return _cloud.explore(log_likelihood, dimensions, rng)

    with mock.patch.object(_posterior, "explore", look):
        for curve in curves(given.runs):
            pl.DecayModel(curve).fit()
    lines = []
    for parts in given.parts:
        effective, spent, rounds = [], [], 0
        for log_likelihood, dimensions in posteriors:
            around = mock.patch.object(_proposal.Proposal, "around", wraps=_proposal.Proposal.around)
            with mock.patch.object(_proposal, "PARTS", parts), around as fitted:
                start = time.process_time()
                cloud = _cloud.explore(log_likelihood, dimensions, np.random.default_rng(0))
                spent.append(1e3 * (time.process_time() - start))
            rounds += fitted.call_count
            effective.append(cloud.effective)
        lines.append({
            "parts": parts, "least": min(effective), "below": int(np.sum(np.array(effective) < _cloud.ENOUGH)),
            "of": len(effective), "rounds": rounds / len(effective), "ms": np.median(spent), "most": max(spent),
        })  # fmt: skip
    print(pd.DataFrame(lines).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
