"""What Ray adds to a group of runs: the same short groups trained in this process and by Ray workers, in turns.

    python benchmarks/ray_overhead.py

A group is one seed of a small random encoder, trained for a few steps, so that its own time is small. "alone": the
executors are handed the groups, and nobody keeps what they report: what Ray adds there is what its messages cost.
"probe": the same through `pl.probe` into a store on disk, where the driver writes while a Ray worker already trains the
next depth. The goal is that Ray adds less than 50 ms to a group at 1,000 groups.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

import predictlab as pl
from predictlab.probing import RayExecutor
from predictlab.probing._executors import Executor, LocalExecutor, TrainingOptions
from predictlab.probing._segments import Group, RunSegment, run_name

GOAL = 0.050


def small_model(folder: Path) -> str:
    """A random two-layer encoder with a word-level tokenizer."""
    words = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *(f"w{i}" for i in range(40))])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=40,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=32
    ).save_pretrained(folder)
    return str(folder)


def texts(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 40, (n, 10))
    return pd.DataFrame(
        {"text": [" ".join(f"w{i}" for i in row) for row in rows], "label": (rows < 20).mean(1).round().astype(int)}
    )


class OneByOne:
    """An executor whose groups are single seeds, so that both train the same groups."""

    def __init__(self, inner: Executor) -> None:
        self.check, self.run = inner.check, inner.run

    def group_size(self, task: pl.Task, check_cancelled: Callable[[], object] | None = None) -> int:
        return 1


def alone(task: pl.Task, plan: pl.ProbePlan, executor: Executor) -> float:
    """Seconds that the executor takes for the plan's groups."""
    groups = [Group(task, (RunSegment(run_name(task, seed), seed, plan.depths),)) for seed in plan.run_seeds]
    begin = time.perf_counter()
    finished = sum(update.finished for update in executor.run(groups))
    assert finished == len(groups)
    return time.perf_counter() - begin


def probed(task: pl.Task, plan: pl.ProbePlan, folder: Path, executor: Executor, name: str) -> float:
    begin = time.perf_counter()
    pl.probe(task, plan, folder / f"{name}.db", executor=executor, progress=False)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=4, help="parts the groups are trained in, by each in turn")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1, help="1: nothing is gained by training side by side")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in ("transformers", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        data = pl.Dataset("words", texts(100, 1), texts(100, 2), ("few", "many"))
        recipe = pl.Recipe(steps=asked.steps, batch_size=8, max_length=10, layers="last:1", rank=2)
        task = pl.Task(small_model(folder / "model"), data, recipe, name="short")
        here = OneByOne(LocalExecutor(TrainingOptions()))
        there = OneByOne(RayExecutor(workers=asked.workers))
        depths, size = (0, asked.steps), asked.groups // asked.turns
        both = (("here", here), ("ray", there))
        cold = {name: probed(task, pl.ProbePlan(depths, 1), folder, how, f"{name}-cold") for name, how in both}
        times: dict[tuple[str, str], list[float]] = {}
        for turn in range(asked.turns):
            plan = pl.ProbePlan(depths, tuple(range(turn * size, (turn + 1) * size)))
            for name, how in both:
                times.setdefault(("alone", name), []).append(alone(task, plan, how) / size)
            for name, how in both:
                times.setdefault(("probe", name), []).append(probed(task, plan, folder, how, f"{name}-{turn}") / size)
        a, b = pl.RunStore(folder / "here-0.db").frame(), pl.RunStore(folder / "ray-0.db").frame()
        assert np.allclose(a["value"], b["value"], atol=1e-5), "both must train the same runs"
    print(
        f"{size * asked.turns} groups of 1 run, {asked.steps} steps and 2 evaluations each, {asked.workers} worker(s)"
    )
    print(f"The first group: {cold['here']:.1f} s here, {cold['ray']:.1f} s with Ray (which is started for it)\n")
    print("| | this process, ms a group (each turn) | Ray | Ray adds |")
    print("| --- | --- | --- | --- |")
    worst = 0.0
    for what in ("alone", "probe"):
        local, ray = times[what, "here"], times[what, "ray"]
        added = statistics.fmean(ray) - statistics.fmean(local)
        worst = max(worst, added)
        shown = [f"{1e3 * statistics.fmean(t):.1f} ({', '.join(f'{1e3 * x:.1f}' for x in t)})" for t in (local, ray)]
        print(f"| {what} | {shown[0]} | {shown[1]} | **{1e3 * added:.1f}** |")
    print(f"\nThe goal of {1e3 * GOAL:.0f} ms is {'met' if worst < GOAL else 'missed'}.")


if __name__ == "__main__":
    main()
