"""How the cost of a probe grows with seeds and depth, and what memory one more seed takes.

    python benchmarks/probe_scaling.py

Each row is a process of its own (MiniLM-L6, LoRA in the last two layers, head on the first token, batches of 16 texts
of at most 64 tokens). Seconds are those of training alone. Memory is the process's peak; "a seed" is what it grew by
since the row with fewest seeds. Beside it stand what a seed holds while it trains (parameters, gradients, moments: 16
bytes a trained number) and the most that is reckoned with, while its state is written; one pass has activations of one
seed at this size, so they do not grow.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import predictlab as pl
from predictlab.probe.parameters import StackedParameters

RECIPE: dict[str, Any] = {"layers": "last:2", "pooling": "cls", "max_length": 64}


def one(seeds: int, depth: int) -> None:
    data = pl.load_dataset("newsgroups20", train_size=400, eval_size=100)
    task = pl.Task("minilm-l6", data, pl.Recipe(steps=128, **RECIPE), name="scaling")
    with tempfile.TemporaryDirectory() as folder:
        frame = pl.probe(task, pl.ProbePlan((1, depth), seeds), f"{folder}/runs.db", progress=False)
    ends = frame[(frame["metric"] == "accuracy") & (frame["depth"] == depth)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": float(ends["seconds"].sum()), "peak": 1024 * peak}))


def row(seeds: int, depth: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--one", str(seeds), str(depth)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", type=int, nargs=2, metavar=("SEEDS", "DEPTH"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(*asked.one)
        return
    trained = 2 * 2 * 2 * 8 * 384 + 20 * 384 + 20  # A and B on query and value of two layers, and the head
    most = StackedParameters.bytes_per_run({"all": torch.empty(trained, device="meta")})
    print("| seeds | depth | seconds a seed and step | peak, MB | a seed, MB | it holds, MB | at most, MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    least = None
    for seeds, depth in [(2, 16), (8, 16), (32, 16), (8, 32), (8, 64)]:
        found = row(seeds, depth)
        least = least or (seeds, found["peak"])
        grown = (
            "" if seeds == least[0] or depth > 16 else f"{(found['peak'] - least[1]) / (seeds - least[0]) / 1e6:.2f}"
        )
        print(
            f"| {seeds} | {depth} | {found['seconds'] / seeds / depth:.4f} | {found['peak'] / 1e6:.0f} | {grown} | "
            f"{16 * trained / 1e6:.2f} | {most / 1e6:.2f} |", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
