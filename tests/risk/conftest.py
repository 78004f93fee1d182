"""Tidy frames of simulated runs: plain seeds, and parents with forks."""

import numpy as np
import pandas as pd
import pytest


def rows(task, run, parent, seed, depths, values, metric="accuracy", status="ok"):
    return pd.DataFrame(
        {
            "task": task, "run": run, "parent": parent, "seed": seed, "depth": depths, "metric": metric,
            "value": np.asarray(values, dtype=float), "seconds": np.nan, "flops": np.nan, "status": status,
        }
    )  # fmt: skip


def tidy_values(values, depths, task="a", metric="accuracy"):
    """Runs r0, r1, ... of one task; values (runs, depths)."""
    return pd.concat([rows(task, f"r{i}", None, i, depths, v, metric) for i, v in enumerate(np.asarray(values))])


def martingale_paths(rng, start, variances):
    """Partial sums from `start` (n,) with increments of the given variances (k,); shape (n, k)."""
    steps = rng.normal(size=(len(start), len(variances))) * np.sqrt(variances)
    return np.asarray(start)[:, None] + np.cumsum(steps, axis=1)


class ForkedMartingale:
    """``R = sum of increments``: the risk at depth c is the variance of the increments after c, exactly."""

    depths = (2, 4, 8, 16, 32)  # 32 is the full depth

    def __init__(self, rate=1.0):
        cumulative = 1 - np.array(self.depths, dtype=float) ** -rate  # variance settled at each depth
        self.variances = np.diff(np.append(0.0, cumulative))
        self.risk = {c: cumulative[-1] - cumulative[i] for i, c in enumerate(self.depths[:-1])}
        self.total = cumulative[-1]

    def seeds(self, rng, runs):
        return martingale_paths(rng, np.zeros(runs), self.variances)

    def frame(self, rng, sizes=(4, 4, 4, 4), shift=0.0, noise=1.0, extra_seeds=0):
        """Parents a:0, a:1, ... with sizes[p] forks at each depth; `shift` and `noise` make the forks unfaithful."""
        parents = self.seeds(rng, len(sizes) + extra_seeds)
        out = [rows("a", f"a:{p}", None, p, self.depths, v) for p, v in enumerate(parents)]
        for i, c in enumerate(self.depths[:-1]):
            for p, size in enumerate(sizes):
                tails = martingale_paths(rng, np.full(size, parents[p, i]), noise**2 * self.variances[i + 1 :]) + shift
                out += [
                    rows("a", f"a:{p}@{c}:{m}", f"a:{p}", m, self.depths[i:], [parents[p, i], *tail])
                    for m, tail in enumerate(tails)
                ]
        return pd.concat(out, ignore_index=True)


@pytest.fixture
def forked():
    return ForkedMartingale()


@pytest.fixture
def tidy():
    return tidy_values
