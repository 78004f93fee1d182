"""How long a million measurements of one task take to read, to judge and to write, against what one would use instead.

    python benchmarks/store.py

prints the tables at the end of docs/store.md. One process, fixed seeds, everything in turns; writes to a temporary
folder.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import predictlab as pl
from predictlab.runs import Entry

DEPTHS = 40


def measurements(count: int, metrics: tuple[str, ...]) -> pd.DataFrame:
    """A tidy frame of `count` rows: runs of 40 depths, whose spread decays."""
    rng = np.random.default_rng(0)
    runs = count // (DEPTHS * len(metrics))
    each = DEPTHS * len(metrics)
    depth = np.tile(np.repeat(4 * np.arange(1, DEPTHS + 1), len(metrics)), runs)
    return pd.DataFrame(
        {
            "task": "task",
            "run": np.repeat([f"task:{seed}" for seed in range(runs)], each),
            "seed": np.repeat(np.arange(runs), each),
            "depth": depth,
            "metric": np.tile(metrics, runs * DEPTHS),
            "value": 0.9 + rng.standard_normal(len(depth)) / np.sqrt(depth),
            "seconds": depth / 7,
            "flops": depth * 1e9 / 3,
        }
    )


def in_turns(calls: Mapping[str, Callable[[], Any]], turns: int) -> dict[str, np.ndarray]:
    """Seconds of each call, elapsed and of the processor, shape (turns, 2); a first turn does not count."""
    seconds = {name: np.zeros((turns + 1, 2)) for name in calls}
    for turn in range(turns + 1):
        for name, call in calls.items():
            began = np.array([time.perf_counter(), time.process_time()])
            call()
            seconds[name][turn] = np.array([time.perf_counter(), time.process_time()]) - began
    return {name: measured[1:] for name, measured in seconds.items()}


def variances(frame: pd.DataFrame) -> pd.Series:
    """What one writes without predictlab."""
    return frame[frame["metric"] == "accuracy"].groupby("depth")["value"].var()


def reading(folder: Path, count: int, turns: int) -> None:
    """The table of reading."""
    sql = "SELECT * FROM tidy WHERE task = 'task'"
    print(f"| {count:,} measurements of one task | seconds (processor) | instead | seconds (processor) | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for metrics in (("accuracy", "eval_loss"), ("accuracy",)):
        path = folder / f"{len(metrics)}.db"
        frame = measurements(count, metrics)
        with pl.RunStore(path) as store:
            store.add_frame(frame)
        store, other = pl.RunStore(path, read_only=True), sqlite3.connect(path)
        read = store.frame("task")
        if len(read) != len(frame) or len(pd.read_sql(sql, other)) != len(frame):
            raise RuntimeError("the store gave another number of rows than it was given")
        names = ("`RunStore.frame`", "`pandas.read_sql` on `tidy`", "`pl.risk_curve`", "`groupby`, `var`")
        seconds = in_turns(
            {
                names[0]: partial(store.frame, "task"),
                names[1]: partial(pd.read_sql, sql, other),
                names[2]: partial(pl.risk_curve, read, "task", metric="accuracy"),
                names[3]: partial(variances, read),
            },
            turns,
        )
        text = {name: "{:.2f} ({:.2f})".format(*np.median(measured, axis=0)) for name, measured in seconds.items()}
        for ours, instead in (names[:2], names[2:]):
            ratio = np.median(seconds[instead][:, 0] / seconds[ours][:, 0])
            shape = "one metric" if len(metrics) == 1 else "two metrics at a depth"
            print(f"| {ours}, {shape} | {text[ours]} | {instead} | {text[instead]} | {ratio:.2f} |", flush=True)
        store.close()
        other.close()


def writing(folder: Path, turns: int) -> None:
    """The table of writing: one transaction for a group of runs, with their states on disk."""
    print("\n| 32 runs at one depth in one transaction | milliseconds, median (least) |")
    print("| --- | --- |")
    values = {"accuracy": 0.9, "eval_loss": 0.3}
    for size in (0, 100_000, 1_000_000):
        state = np.random.default_rng(0).bytes(size) if size else None
        with pl.RunStore(folder / f"states {size}.db") as store:
            store.add_task("task", "fingerprint", {})
            seconds = []
            for depth in range(1, turns + 2):
                group = [Entry(f"task:{seed}", seed, depth, values, state=state) for seed in range(32)]
                began = time.perf_counter()
                store.record_all("task", group)
                seconds.append(1000 * (time.perf_counter() - began))
        name = f"each with a state of {size:,} bytes" if size else "without states"
        print(f"| {name} | {np.median(seconds[1:]):.1f} ({min(seconds[1:]):.1f}) |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measurements", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        reading(Path(name), options.measurements, options.turns)
        writing(Path(name), 3 * options.turns)


if __name__ == "__main__":
    main()
