"""Probes of SmolLM2-135M on word problems, and what its exact savings are worth, on one thread.

    python benchmarks/causal.py
    python benchmarks/causal.py --shots 4

LoRA in the last 4 of 30 layers; the risk curve and the fit are printed as they come out. Then, in turns and in one
process: a training step and an evaluation from the cached activations against the whole model, and exact match as it
is decided here against generating every row. With `--shots` nothing is trained: 16 rows are scored behind so many
demonstrations, whose keys and values are kept, and that read with every row.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

import predictlab as pl
from predictlab.catalog._completions import Completer
from predictlab.catalog._features import load_backbone
from predictlab.probing._engine import architectures
from predictlab.probing._engine.causal import CausalLearner
from predictlab.probing._engine.inputs import SharedInputs


def seconds(work: object, *arguments: object) -> float:
    """Time that one call takes."""
    begin = time.perf_counter()
    work(*arguments)  # type: ignore[operator]
    return time.perf_counter() - begin


def step(learner: CausalLearner) -> None:
    """Loss and gradients of one batch."""
    learner.train(True)
    loss, _ = learner.loss(torch.arange(8))
    loss.backward()


@torch.inference_mode()
def generate_all(learner: CausalLearner) -> int:
    """Exact matches when every row is generated from its prompt."""
    learner.train(False)
    return len(learner.match.matched(learner.module, {row: [] for row in range(len(learner.eval_rows))}))


def generate_all_to_the_end(learner: CausalLearner) -> None:
    """The same by transformers alone: no row stops before its end token."""
    whole = learner.match._verdict
    learner.match._verdict = lambda row, tokens: tokens  # type: ignore[method-assign]
    generate_all(learner)
    learner.match._verdict = whole  # type: ignore[method-assign]


def shots(task: pl.Task, count: int, turns: int) -> None:
    """Processor time of scoring behind demonstrations, and whether the nats are the same."""
    rows, backbone = task.data.train.iloc[: 16 + count], load_backbone(task.model)
    pairs = list(zip(rows["prompt"][:count], rows["completion"][:count], strict=True))
    texts = rows["prompt"][count:].tolist(), rows["completion"][count:].tolist()
    found: dict[str, list[float]] = {}
    nats = {}
    for _ in range(turns):
        for name in ("no demonstrations", "kept once", "read with every row"):
            own = Completer(backbone, *texts, task.recipe.max_length, "rows", "train", "")
            own._shares = name == "kept once"
            begin = time.process_time()
            nats[name] = own.nats(demonstrations=pairs if name != "no demonstrations" else ())
            found.setdefault(name, []).append(time.process_time() - begin)
    for name, times in found.items():
        print(f"{name}: {statistics.median(times):.1f} s")
    worst = abs(nats["kept once"] / nats["read with every row"] - 1).max()
    print(f"largest difference of a row's nats: a share of {worst:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--store", default=None)
    parser.add_argument("--shots", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data = pl.load_dataset("asdiv", eval_size=100, train_size=512)
    recipe = pl.Recipe(layers="last:4", learning_rate=1e-3, batch_size=8, steps=64, max_length=64)
    task = pl.Task("smollm2-135m", data, recipe, name="asdiv")
    if asked.shots:
        shots(task, asked.shots, asked.turns)
        return
    begin = time.perf_counter()
    runs = pl.probe(task, pl.ProbePlan(depths=(0, 4, 8, 16, 32, 64), seeds=asked.seeds), store=asked.store)
    spent = time.perf_counter() - begin
    table = runs.groupby(["metric", "depth"])["value"].agg(["mean", "std"]).unstack("metric")
    print(table.swaplevel(axis=1).sort_index(axis=1).to_string(float_format="%.4f"))
    training = runs.groupby("run")["seconds"].max().sum()
    print(f"\n{asked.seeds} seeds: {spent:.0f} s, of which {training:.0f} s in training steps\n")
    learned = runs[runs["depth"] > 0]
    for metric in ("eval_loss", "exact_match"):
        try:
            curve = pl.risk_curve(learned, metric=metric, eval_rows=len(data.eval))
            print(curve.summary(), "\n")
            print(pl.DecayModel(curve).fit().summary(), "\n")
        except pl.errors.PredictlabError as error:
            print(f"{metric}: {error}\n")

    backbone = load_backbone(task.model)
    begin = time.perf_counter()
    cached = CausalLearner(task, backbone, SharedInputs())
    print(f"frozen layers of 612 rows, once: {time.perf_counter() - begin:.1f} s")
    split, architectures.can_split = architectures.can_split, lambda *arguments: False
    whole = CausalLearner(task, backbone, SharedInputs())
    architectures.can_split = split
    for each in (cached, whole):
        each.draw(0)
    rows: dict[str, list[float]] = {}
    for _ in range(asked.turns):
        for name, learner in (("cached", cached), ("whole model", whole)):
            rows.setdefault(f"training step, {name}", []).append(seconds(step, learner))
            rows.setdefault(f"evaluation with exact match, {name}", []).append(seconds(learner.outcomes))
        rows.setdefault("generating every row until it is decided", []).append(seconds(generate_all, cached))
        rows.setdefault("generating every row to its end", []).append(seconds(generate_all_to_the_end, cached))
    print(f"\n| 100 evaluation rows, 8 training rows | s (median of {asked.turns}) |\n| --- | --- |")
    for name, times in rows.items():
        print(f"| {name} | {statistics.median(times):.2f} |")


if __name__ == "__main__":
    main()
