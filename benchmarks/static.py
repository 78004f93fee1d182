"""Static scores: time, memory, and whether the interval of the intrinsic limit holds. Figures for docs/static.md.

Run: python benchmarks/static.py --speed [--peer FOLDER]     5,000 x 768, 20 classes; FOLDER: transformer-ranker 0.2.0
     python benchmarks/static.py --memory                    100,000 x 1,024
     python benchmarks/static.py --referee FOLDER            confident learning beside cleanlab 2.9 in FOLDER
     python benchmarks/static.py --limit [--worlds 20] [--part sets|gaussians|wide]   coverage of the intervals
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import types
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from statsmodels.stats.proportion import proportion_confint
from threadpoolctl import threadpool_limits

import predictlab as pl

SETS = {"iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer, "digits": load_digits}
FLIPS = (0.0, 0.1, 0.2, 0.4)
Made = tuple[np.ndarray, np.ndarray, float]


def suite(n: int, d: int, classes: int, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Features whose classes overlap, with a spectrum that falls as an encoder's does."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, n)
    scales = (1 + np.arange(d, dtype=np.float32)) ** -0.5
    means = (0.6 * scales * rng.standard_normal((classes, d))).astype(np.float32)
    features = rng.standard_normal((n, d), dtype=np.float32)
    for start in range(0, n, 10_000):
        features[start : start + 10_000] *= scales
        features[start : start + 10_000] += means[labels[start : start + 10_000]]
    return features.astype(dtype, copy=False), labels


def best(work: Callable[[], object], repeats: int = 3) -> float:
    """Least processor time: one thread works, and others may use the machine as well."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def speed(peer: str | None) -> None:
    features, labels = suite(5000, 768, 20)
    names = pl.static.methods().query("of == 'classes'")["method"].tolist()
    with threadpool_limits(1):
        lines = {name: best(partial(one, name, features, labels)) for name in ("hscore", "logme")}
        lines["hscore and logme"] = best(partial(one, ["hscore", "logme"], features, labels))
        for name in names[2:]:
            lines[name] = best(partial(one, name, features, labels), 1)
        lines["all but nleep"] = best(partial(one, [n for n in names if n != "nleep"], features, labels), 1)
        lines["all eight"] = best(partial(one, names, features, labels), 1)
        if peer:
            lines |= theirs(peer, features, labels)
    print("| 5,000 x 768, 20 classes, one thread | processor seconds |\n|---|---|")
    for name, seconds in lines.items():
        print(f"| {name} | {seconds:.2f} |")


def one(names: str | list[str], features: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Values alone: no interval of groups is scored anew where a score has no rows to leave out."""
    from predictlab.static._evaluate import STATISTICS, Rows

    rows = Rows(features, labels)
    return pd.DataFrame([(n, STATISTICS[n](rows)) for n in ([names] if isinstance(names, str) else names)])


def theirs(folder: str, features: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """transformer-ranker's LogME and H-score on the same arrays, and how far the values are apart."""
    sys.path.append(folder)
    if "torchmetrics" not in sys.modules:  # read by its kNN alone, which is not called
        functional = types.ModuleType("torchmetrics.functional")
        functional.f1_score = None  # type: ignore[attr-defined]
        sys.modules |= {"torchmetrics": types.ModuleType("torchmetrics"), "torchmetrics.functional": functional}
    import torch
    from transformer_ranker.estimators import HScore, LogME

    torch.set_num_threads(1)
    x, y = torch.tensor(features), torch.tensor(labels)
    values = {"LogME": LogME(regression=False).fit(x, y), "H-score": HScore().fit(x, y)}
    ours = {"LogME": pl.static.logme(features, labels), "H-score": pl.static.hscore(features, labels)}
    for name, value in values.items():
        print(f"{name}: transformer-ranker {float(value):.6f}, here {ours[name]:.6f}")
    return {
        "transformer-ranker LogME": best(lambda: LogME(regression=False).fit(x, y)),
        "transformer-ranker H-score": best(lambda: HScore().fit(x, y)),
    }


def memory() -> None:
    """Peak of the process over that with the features alone; scores that are one value of all rows."""
    features, labels = suite(100_000, 1024, 20)
    size = features.nbytes / 1e9
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"features {size:.2f} GB (float32), peak before {before:.2f} GB")
    for name in ("hscore", "logme"):
        start = time.perf_counter()
        value = one(name, features, labels)[1][0]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{name} {value:.4f}: {time.perf_counter() - start:.1f} s, peak {peak:.2f} GB, {peak / size:.2f} x features"
        )


def gaussians(n: int, d: int, flip: float, seed: int, bayes: float = 0.067) -> Made:
    rng = np.random.default_rng([seed, n, d, int(100 * flip)])
    labels = np.arange(n) % 2
    direction = rng.standard_normal(d)
    direction *= -2 * norm.ppf(bayes) / np.linalg.norm(direction)
    features = rng.standard_normal((n, d)) + (labels[:, None] - 0.5) * direction
    return features, labels ^ (rng.random(n) < flip), flip + (1 - 2 * flip) * bayes


def flipped(name: str, flip: float, seed: int) -> Made:
    x, y = SETS[name](return_X_y=True)
    rng = np.random.default_rng([seed, int(100 * flip)])
    rows = rng.permutation(len(y))[: round(flip * len(y))]
    y[rows] = (y[rows] + rng.integers(1, y.max() + 1, len(rows))) % (y.max() + 1)
    return x, y, flip


def kinds(part: str) -> Iterator[tuple[str, float, Callable[[int], Made]]]:
    sizes = ((1500, 384), (1500, 768)) if part == "wide" else ((600, 2), (600, 16), (600, 64), (1500, 2), (1500, 64))
    for flip in FLIPS:
        if part == "sets":
            for name in SETS:
                yield name, flip, partial(flipped, name, flip)
        else:
            for n, d in sizes:
                yield f"Gaussians, n {n}, d {d}", flip, partial(gaussians, n, d, flip)


def limit(worlds: int, part: str) -> None:
    print(
        "| data | flipped | truth | holds | lower | estimate | upper | width | noise holds | lower, estimate, upper |"
    )
    print(f"|{'---|' * 10}")
    total, both = 0, [0, 0]
    with threadpool_limits(1):
        for name, flip, make in kinds(part):
            found, noise, held, noise_held = [], [], 0, 0
            seeds = 1 if part == "sets" and not flip else worlds  # without flips there is one set
            for seed in range(seeds):
                x, y, truth = make(seed)
                interval, wrong = pl.static.bayes_error(x, y), pl.static.label_noise(x, y)
                held += interval.lower <= truth <= interval.upper
                noise_held += wrong.lower <= flip <= wrong.upper
                found.append((interval.lower, interval.estimate, interval.upper))
                noise.append((wrong.lower, wrong.estimate, wrong.upper))
            low, mid, high = np.mean(found, axis=0)
            said = ", ".join(f"{v:.3f}" for v in np.mean(noise, axis=0))
            print(
                f"| {name} | {flip:.0%} | {truth:.3f} | {held}/{seeds} | {low:.3f} | {mid:.3f} | {high:.3f} | "
                f"{high - low:.3f} | {noise_held}/{seeds} | {said} |", flush=True,
            )  # fmt: skip
            total, both = total + seeds, [both[0] + held, both[1] + noise_held]
    for what, count in zip(("best reachable error", "wrong labels"), both, strict=True):
        low, high = proportion_confint(count, total, method="beta")
        print(f"{what}: {count} of {total} hold, {count / total:.3f} ({low:.3f} to {high:.3f})")


def referee(folder: str) -> None:
    """Share of wrong labels by confident learning, here and by cleanlab, from the same probabilities."""
    sys.path.append(folder)
    from cleanlab.count import compute_confident_joint

    from predictlab.static._accuracies import out_of_fold
    from predictlab.static._label_noise import confident_learning

    print("| data | flipped | here | cleanlab |\n|---|---|---|---|")
    for name in SETS:
        for flip in FLIPS:
            x, y, _ = flipped(name, flip, 0)
            p = out_of_fold(x, y)
            joint = compute_confident_joint(y, p)
            print(f"| {name} | {flip:.0%} | {confident_learning(p, y):.4f} | {1 - np.trace(joint) / joint.sum():.4f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--peer")
    parser.add_argument("--referee")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--limit", action="store_true")
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--part", choices=("sets", "gaussians", "wide"), default="sets")
    given = parser.parse_args()
    if given.speed:
        speed(given.peer)
    if given.referee:
        referee(given.referee)
    if given.memory:
        memory()
    if given.limit:
        limit(given.worlds, given.part)


if __name__ == "__main__":
    main()
