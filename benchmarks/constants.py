"""The tuning constants of the decay package that stand on simulations: what they are fitted to, and what they cost.

    python benchmarks/constants.py

Prints four tables: the jackknife's loss on Gaussian runs, the tail factor on Student's t, false alarms of two modes,
and what each constant of the bulk search does to time and to minima missed when it is halved or doubled.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from predictlab.decay import _noise, _solver
from predictlab.decay._modes import largest_gap, threshold

Array = NDArray[np.float64]
DEPTHS = 5
BULK = ("_RATES", "_LOGITS", "_BANDS", "_MARGIN", "_SLOW_FALL", "_MAX_STEP")


def jackknife(values: Array, centred: bool) -> tuple[Array, Array]:
    """Jackknife variance of the log mean square of each sample, and that logarithm; values (samples, n)."""
    n = values.shape[1]
    squares = (values - values.mean(axis=1, keepdims=True)) ** 2 if centred else values**2
    total = squares.sum(axis=1, keepdims=True)
    left = np.log(total - squares * (n / (n - 1) if centred else 1.0))
    return (n - 1) / n * np.sum((left - left.mean(axis=1, keepdims=True)) ** 2, axis=1), np.log(total[:, 0])


def losses(rng: np.random.Generator, samples: int) -> None:
    """``n / (n - loss)`` is the jackknife variance over ``2 / df`` of Gaussian runs: solve for the loss."""
    print("| runs | loss, mean estimated | loss, mean known |")
    print("| --- | --- | --- |")
    sizes = (6, 8, 12, 24, 48)
    for n in sizes:
        row = []
        for centred in (True, False):
            variance, _ = jackknife(rng.standard_normal((samples, n)), centred)
            ratio = float(variance.mean()) * (n - centred) / 2
            row.append(n - n / ratio)
        print(f"| {n} | {row[0]:.2f} | {row[1]:.2f} |")
    print(f"used: {_noise.JACKKNIFE_LOSS[True]} and {_noise.JACKKNIFE_LOSS[False]}\n")


def tails(rng: np.random.Generator, samples: int) -> None:
    """The excess that runs with Student's t show, and the one they have: the factor between the medians."""
    print("| runs | true variance of log U over Gaussian | median estimate, factor 1 | factor that makes it true |")
    print("| --- | --- | --- | --- |")
    for n in (8, 16, 32, 64):
        scale = np.sqrt(5 / rng.chisquare(5, (samples, n, 1)))  # one scale a run, over all its depths
        values = rng.standard_normal((samples, n, DEPTHS)) * scale
        pairs = [jackknife(values[:, :, i], True) for i in range(DEPTHS)]
        true = float(np.mean([np.var(log) for _, log in pairs])) * (n - 1) / 2
        seen = np.mean([variance for variance, _ in pairs], axis=0) * (n - 1) / 2 * (n - 2.9) / n - 1
        excess = float(np.median(np.maximum(seen, 0.0)))
        print(f"| {n} | {true:.2f} | {1 + excess:.2f} | {(true - 1) / excess:.2f} |")
    print(f"used: {_noise.TAIL_FACTOR}\n")


def modes(rng: np.random.Generator, samples: int) -> None:
    """False alarms of two modes among Gaussian runs."""
    print("| runs | threshold, sd | false alarms |")
    print("| --- | --- | --- |")
    for n in (6, 8, 12, 24, 48):
        alarms = np.mean([largest_gap(x)[0] > threshold(n) for x in rng.standard_normal((samples, n))])
        print(f"| {n} | {threshold(n):.1f} | {alarms:.2%} |")
    print()


def problems(rng: np.random.Generator, curves: int) -> list[_solver.Problem]:
    """Curves of many laws, with depths independent and correlated, for the search."""
    out = []
    for ladder in (np.exp2(np.arange(2.0, 10)), np.exp2(np.arange(2.0, 6))):
        gap = np.abs(np.subtract.outer(np.arange(len(ladder)), np.arange(len(ladder))))
        for correlation, df in ((0.0, 7.0), (0.9, 15.0)):
            root = np.linalg.cholesky(max(correlation, 1e-12) ** gap)
            rate, floor = rng.choice([0.1, 0.5, 1.0, 4.0], curves), rng.choice([0.0, 0.05, 0.5], curves)
            truth = floor + (1 - floor) * (ladder[:, None] / ladder[0]) ** -rate
            z = root @ rng.standard_normal((len(ladder), curves))
            chain = correlation**gap + 1e-3 * np.eye(len(ladder))
            weight = np.asarray(np.linalg.inv(chain), dtype=float) if correlation else None
            risk = (truth * chi2.ppf(norm.cdf(z), df) / df).T
            out.append(_solver.Problem.power(ladder, risk, np.full(len(ladder), df), weight))
    return out


def bulk(rng: np.random.Generator, curves: int) -> None:
    """Time, and the share of curves whose deviance is above the best that any setting found."""
    given = problems(rng, curves)

    def run() -> tuple[float, Array]:
        begin = time.process_time()
        least = np.concatenate([problem.solve()[1] for problem in given])
        return time.process_time() - begin, least

    runs = {"as it is": run()}
    for name in BULK:
        value = getattr(_solver, name)
        for times in (0.5, 2.0):
            changed = type(value)(value * times)
            setattr(_solver, name, changed)
            runs[f"{name} = {changed:g}"] = run()
            setattr(_solver, name, value)
    best = np.min([least for _, least in runs.values()], axis=0)
    print("| setting | processor time, s | minima missed by more than 1e-6 |")
    print("| --- | --- | --- |")
    for name, (seconds, least) in runs.items():
        print(f"| {name} | {seconds:.2f} | {np.mean(least > best + 1e-6):.3%} |")


if __name__ == "__main__":
    random = np.random.default_rng(0)
    losses(random, 20_000)
    tails(random, 8_000)
    modes(random, 3_000)
    bulk(random, 2_000)
