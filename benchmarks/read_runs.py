"""How long `pl.read_runs` takes for 1,000 runs of 1,000 depths in each format.

    python benchmarks/read_runs.py

prints the table at the end of docs/your_own_runs.md. One process, fixed seeds; writes to a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import predictlab as pl


def table(runs: int, depths: int) -> pd.DataFrame:
    """One row for each run and depth, two metrics."""
    rng = np.random.default_rng(0)
    n = runs * depths
    return pd.DataFrame(
        {
            "seed": np.repeat(np.arange(runs), depths),
            "step": np.tile(np.arange(depths), runs),
            "acc": rng.random(n),
            "loss": rng.random(n),
        }
    )


def trainer_states(folder: Path, wide: pd.DataFrame) -> Path:
    """A folder of runs as the Hugging Face Trainer saves them."""
    for seed, run in wide.groupby("seed"):
        history = [
            {"epoch": 0.1, "eval_loss": loss, "eval_accuracy": acc, "eval_runtime": 1.0, "step": step}
            for step, acc, loss in zip(run["step"].tolist(), run["acc"], run["loss"], strict=True)
        ]
        (folder / f"seed-{seed}").mkdir(parents=True)
        state = {"global_step": len(run), "log_history": history}
        (folder / f"seed-{seed}" / "trainer_state.json").write_text(json.dumps(state))
    return folder


def mlruns(folder: Path, wide: pd.DataFrame) -> Path:
    """A folder of runs as MLflow's file store lays them out."""
    for seed, run in wide.groupby("seed"):
        here = folder / "1" / f"{seed:032x}"
        (here / "metrics").mkdir(parents=True)
        (here / "meta.yaml").write_text(f"run_id: {here.name}\nrun_name: seed-{seed}\n")
        lines = zip(run["step"], run["loss"], strict=True)
        (here / "metrics" / "loss").write_text("".join(f"{step} {loss} {step}\n" for step, loss in lines))
    return folder


def event_files(folder: Path, wide: pd.DataFrame) -> Path:
    """A folder of runs as TensorBoard's writer makes them."""
    from torch.utils.tensorboard import SummaryWriter

    for seed, run in wide.groupby("seed"):
        with SummaryWriter(folder / f"seed-{seed}") as writer:
            for step, loss in zip(run["step"].tolist(), run["loss"].tolist(), strict=True):
                writer.add_scalar("loss", loss, step)
    return folder


def timed(name: str, call: Callable[[], Any], rows: int) -> Any:
    """Print one line of the table."""
    began = time.perf_counter()
    found = call()
    seconds = time.perf_counter() - began
    count = found if isinstance(found, int) else len(found)
    if count != rows:
        raise RuntimeError(f"{name}: {count} measurements instead of {rows}")
    print(f"| {name}, {rows:,} measurements | {seconds:.1f} |", flush=True)
    return found


def main() -> None:
    """Write, read and time each format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--depths", type=int, default=1000)
    options = parser.parse_args()
    wide = table(options.runs, options.depths)
    n = len(wide)
    both = ["acc", "loss"]
    pl.read_runs(wide.head(2), metric=both)  # imports
    frame = timed("DataFrame, two metric columns", lambda: pl.read_runs(wide, metric=both), 2 * n)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wide.to_csv(folder / "runs.csv", index=False)
        timed("CSV, two metric columns", lambda: pl.read_runs(folder / "runs.csv", metric=both), 2 * n)
        for text, make, rows in (
            ("`trainer_state.json`", trainer_states, 2 * n),
            ("MLflow", mlruns, n),
            ("TensorBoard", event_files, n),
        ):
            made = make(folder / make.__name__, wide)
            timed(text, partial(pl.read_runs, made), rows)
    with pl.RunStore(":memory:") as store:
        timed("`RunStore.add_frame`", lambda: store.add_frame(frame), 2 * n)


if __name__ == "__main__":
    main()
