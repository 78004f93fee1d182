"""Profile intervals and 1,000 bootstrap refits of one task, against a loop over scipy.optimize.curve_fit.

    python benchmarks/refits.py

Both refit the same 1,000 resamples of whole runs, in one process, in turns. The loop is what one would write without
predictlab: weighted least squares of ``L_int + K c^-alpha`` with bounds, started at the estimate.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy.optimize import curve_fit

import predictlab as pl
from predictlab.decay import _solver as solver
from predictlab.decay import law
from predictlab.decay._bootstrap import resampled_risk
from predictlab.decay._law import deviance


def loop(depth: np.ndarray, risk: np.ndarray, start: np.ndarray) -> np.ndarray:
    """One curve_fit a resample; the depth is scaled, without which it fails more often."""
    found = np.full((len(risk), 3), np.nan)
    c = depth / depth[0]
    begin = np.array([max(start[0], 1e-6 * risk.min()), start[1] * depth[0] ** -start[2], start[2]])
    for i, row in enumerate(risk):
        try:
            found[i], _ = curve_fit(
                lambda x, floor, k, a: floor + k * x**-a, c, row, p0=begin, sigma=row,
                bounds=([0, 0, 0.01], [np.inf, np.inf, 13.0]), maxfev=2000,
            )  # fmt: skip
        except RuntimeError:
            continue
    found[:, 1] *= depth[0] ** found[:, 2]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--refits", type=int, default=1000)
    parser.add_argument("--processor", action="store_true", help="processor time, for a machine that has other work")
    parser.add_argument("--explorer", action="store_true", help="what DecayExplorer takes for a new task as well")
    asked = parser.parse_args()
    clock = time.process_time if asked.processor else time.perf_counter
    warnings.simplefilter("ignore")
    world = pl.worlds.MartingaleWorld(0.02, 1.0, 1.0)
    depths = 2 ** np.arange(2, 10) - 1
    print("| task | curve_fit loop, s | refits, s | times faster | fit + profile intervals + refits, s |")
    print("| --- | --- | --- | --- | --- |")
    notes = []
    for name, runs, correlated in [("16 runs, same at every depth", 16, True), ("32 runs, same", 32, True),
                                   ("32 runs, depths as independent", 32, False)]:  # fmt: skip
        curve = world.spread(runs, depths, seed=1)
        slow, fast, whole = [], [], []
        for turn in range(asked.turns):
            begin = clock()
            fit = pl.DecayModel(curve, correlated=correlated).fit("gamma")
            lower, upper = fit.conf_int().loc["decay_rate"]
            middle = clock()
            sample = fit.bootstrap(asked.refits, rng=turn).to_numpy()
            end = clock()
            fast.append(end - middle)
            whole.append(end - begin)
            rng = np.random.default_rng(turn)
            depth, df = fit.fitted.depth, fit.fitted.df
            risk = resampled_risk(fit.fitted, asked.refits, rng, fit.noise)
            begin = clock()
            theirs = loop(depth, risk, fit.params.to_numpy())
            slow.append(clock() - begin)
        s, f, w = (float(np.median(v)) for v in (slow, fast, whole))
        print(f"| {name} | {s:.2f} | {f:.3f} | {s / f:.0f} | {w:.3f} |", flush=True)
        ok = np.isfinite(theirs[:, 0])
        least = solver.fit_many(depth, risk, df, fit.noise.weight)[3]
        values = deviance(risk[ok], df, law(depth, *theirs[ok].T[:, :, None]), fit.noise.weight)
        notes.append(
            f"{name}: curve_fit failed on {np.mean(~ok):.1%} of the resamples; median deviance {np.median(values):.2f} "
            f"(ours {np.median(least):.2f}), "
            f"ours is larger by more than 1e-6 on {np.mean(least[ok] > values + 1e-6):.1%}; "
            f"alpha {lower:.2f} to {upper:.2f} (profile), {np.nanmedian(sample[:, 2]):.2f} median of the refits"
        )
    print()
    print("\n".join(notes))
    if asked.explorer:
        explorer(world, depths, asked.turns, clock)


def explorer(world: pl.worlds.MartingaleWorld, depths: np.ndarray, turns: int, clock: Callable[[], float]) -> None:
    """What `DecayExplorer` waits for when it is set to a task that it has not seen, in the kernel."""
    from predictlab_widgets import DecayExplorer

    curves = {f"task {i}": world.spread(32, depths, seed=i) for i in range(turns + 1)}
    print("\n| DecayExplorer, a new task of 32 runs | fit and intervals, s | all that it shows, s |")
    print("| --- | --- | --- |")
    for interval in ("profile", "bootstrap"):
        widget = DecayExplorer(curves, interval=interval, task="task 0")
        told: list[float] = []
        taken = []
        widget.observe(lambda change, told=told: told.append(clock()), "_intervals")
        for i in range(turns):
            begin = clock()
            widget.task = f"task {i + 1}"
            taken.append((told[-1] - begin, clock() - begin))
        first, whole = np.median(taken, axis=0)
        print(f"| {interval} | {first:.3f} | {whole:.3f} |")


if __name__ == "__main__":
    main()
