"""How the cost of a probe grows with seeds and depth, and what memory one more seed takes.

    python benchmarks/probe_scaling.py

Each row is a process of its own (MiniLM-L6, LoRA in the last two layers, head on the first token, batches of 16 texts
of at most 64 tokens). Seconds are those of training alone. Memory is the process's peak, which differs by some MB from
process to process: so it is measured with adapters of rank 64, and "a seed" is what 30 more of them added. Beside it
stand what a seed holds while it trains (parameters, gradients, moments: 16 bytes a trained number) and the most that is
reckoned with, while its state is written; one pass has activations of one seed at this size, so they do not grow.
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
from predictlab.probing._engine.parameters import StackedParameters

RECIPE: dict[str, Any] = {"layers": "last:2", "pooling": "cls", "max_length": 64}


def one(seeds: int, depth: int, rank: int) -> None:
    data = pl.load_dataset("newsgroups20", train_size=400, eval_size=100)
    task = pl.Task("minilm-l6", data, pl.Recipe(steps=128, rank=rank, **RECIPE), name="scaling")
    with tempfile.TemporaryDirectory() as folder:
        frame = pl.probe(task, pl.ProbePlan((1, depth), seeds), f"{folder}/runs.db", progress=False)
    ends = frame[(frame["metric"] == "accuracy") & (frame["depth"] == depth)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": float(ends["seconds"].sum()), "peak": 1024 * peak}))


def row(seeds: int, depth: int, rank: int = 8) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--one", str(seeds), str(depth), str(rank)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", type=int, nargs=3, metavar=("SEEDS", "DEPTH", "RANK"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(*asked.one)
        return
    print("| seeds | depth | seconds a seed and step |")
    print("| --- | --- | --- |")
    for seeds, depth in [(2, 16), (8, 16), (32, 16), (8, 32), (8, 64)]:
        print(f"| {seeds} | {depth} | {row(seeds, depth)['seconds'] / seeds / depth:.4f} |", flush=True)
    few, many, rank = 2, 32, 64
    grown = [row(seeds, 2, rank)["peak"] for seeds in (few, many)]
    trained = 2 * 2 * 2 * rank * 384 + 20 * 384 + 20  # A and B on query and value of two layers, and the head
    most = StackedParameters.bytes_per_run({"all": torch.empty(trained, device="meta")})
    print("\n| peak with 2 seeds, MB | with 32 | a seed | it holds | at most |")
    print("| --- | --- | --- | --- | --- |")
    print(
        f"| {grown[0] / 1e6:.0f} | {grown[1] / 1e6:.0f} | {(grown[1] - grown[0]) / (many - few) / 1e6:.2f} | "
        f"{16 * trained / 1e6:.2f} | {most / 1e6:.2f} |"
    )


if __name__ == "__main__":
    main()
