"""A probe of real fine-tunes, killed with SIGKILL at random moments until it is done.

    python benchmarks/kills.py --kills 50

The same probe is first run undisturbed. After each kill the store has to be whole: every measurement complete, none
twice, the deepest state of each run readable. At the end its frame has to equal the undisturbed one to the last bit.
Any difference ends the benchmark with an error. One thread a process.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a forked process cannot use its parent's threads

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "probing"))

from killing import assert_whole, killed_until_done, probe_into, same_values

import predictlab as pl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--designs", nargs="+", choices=("spread", "branch"), default=["spread", "branch"])
    asked = parser.parse_args()
    data = pl.load_dataset("newsgroups20", train_size=200, eval_size=100)
    recipe = pl.Recipe(layers="last:1", max_length=24, steps=48, learning_rate=2e-3)
    task = pl.Task("minilm-l3", data, recipe, name="newsgroups")
    rng = np.random.default_rng(asked.seed)
    print("| design | runs | kills | seconds, undisturbed | seconds, killed | frame |")
    print("| --- | --- | --- | --- | --- | --- |")
    plans = {
        "spread": pl.ProbePlan((0, 4, 8, 16, 32, 48), 8),
        "branch": pl.ProbePlan((8, 24, 48), design="branch", parents=4, forks=3),
    }
    for name in asked.designs:
        plan = plans[name]
        with tempfile.TemporaryDirectory() as folder:
            calm, path = Path(folder) / "calm.db", Path(folder) / "killed.db"
            began = time.perf_counter()
            killed_until_done(functools.partial(probe_into, task, plan, calm, 0.02), [], lambda: None)
            undisturbed = time.perf_counter() - began
            wanted = asked.kills // len(asked.designs)
            began, kills = time.perf_counter(), 0
            while kills < wanted:
                # Late enough that some work gets done; whoever is done is started on an empty store again.
                moments = rng.uniform(0.3, 1.0, size=wanted - kills) * undisturbed
                kills += killed_until_done(
                    functools.partial(probe_into, task, plan, path, 0.02), moments.tolist(),
                    functools.partial(assert_whole, path, "newsgroups", 2),
                )  # fmt: skip
                if not same_values(
                    pl.probe(task, plan, path, progress=False), pl.probe(task, plan, calm, progress=False)
                ):
                    raise SystemExit(f"{name}: the frame differs from that of the undisturbed probe")
                if kills < wanted:
                    for file in [path, *Path(folder).glob("killed.db-*"), *Path(folder).glob("killed.db.states/*")]:
                        file.unlink(missing_ok=True)
            runs = pl.RunStore(calm).frame()["run"].nunique()
            print(
                f"| {name} | {runs} | {kills} | {undisturbed:.1f} | {time.perf_counter() - began:.1f} | equal |",
                flush=True,
            )


if __name__ == "__main__":
    main()
