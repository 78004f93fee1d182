"""Probes of many seeds against a loop over Hugging Face's Trainer and peft, with identical hyper-parameters.

    python benchmarks/probes.py                          # the five recipes, a few minutes each
    python benchmarks/probes.py --only two-cls --loop 2  # one of them, two runs of the loop

Both train MiniLM-L6 with batches of 16 texts of 64 tokens and measure 500 evaluation rows at each of six depths up to
256 steps. predictlab trains 16 seeds in one process; the loop is what one writes without it: for each seed a fresh
model with peft's adapters and the same head, a Trainer with dynamic padding, evaluation at the same steps. Its cost is
the same for every seed, so a few of them are enough to know its pace. Both run in this process, in turns, on the same
threads; loading the texts is not timed, all else is (predictlab's pass through the frozen layers included).

"operations" are those that predictlab counts as executed in training, per second of training, and as a share of what
this machine reaches in one large product of matrices of the same type in the same run.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # read when torch is imported: threads that wait do not spin

import numpy as np
import pandas as pd
import torch
import transformers
from peft import LoraConfig, get_peft_model
from torch import nn

import predictlab as pl
from predictlab.catalog._features import load_backbone, pool, tokenise

DEPTHS = (8, 16, 32, 64, 128, 256)
MODEL = "minilm-l6"


@dataclass(frozen=True)
class Case:
    """A recipe and how it differs from the first."""

    what: str
    recipe: dict[str, Any] = field(default_factory=dict)


CASES = {
    "two-cls": Case("LoRA in the last 2 layers, head on the first token", {"layers": "last:2", "pooling": "cls"}),
    "two-cls-bf16": Case("the same, bf16", {"layers": "last:2", "pooling": "cls", "precision": "bf16"}),
    "two-mean": Case("LoRA in the last 2 layers, head on the mean", {"layers": "last:2", "pooling": "mean"}),
    "all-cls": Case("LoRA in all layers, head on the first token", {"layers": "all", "pooling": "cls"}),
    "head": Case("head only", {"method": "head", "pooling": "cls", "learning_rate": 2e-2}),
}


class TextClassifier(nn.Module):
    """An encoder and a linear head on its first token or its mean."""

    def __init__(self, encoder: Any, classes: int, pooling: str) -> None:
        super().__init__()
        self.encoder, self.pooling = encoder, pooling
        self.head = nn.Linear(encoder.config.hidden_size, classes)
        nn.init.normal_(self.head.weight, std=encoder.config.initializer_range)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: Any, attention_mask: Any, labels: Any) -> dict[str, Any]:
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        logits = self.head(pool(hidden, attention_mask.bool(), self.pooling))
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class AtDepths(transformers.TrainerCallback):
    """Evaluates at the plan's depths."""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        control.should_evaluate = state.global_step in DEPTHS
        return control


def accuracy(found: Any) -> dict[str, float]:
    """What a Trainer measures."""
    return {"accuracy": float((found.predictions.argmax(1) == found.label_ids).mean())}


def loop(task: pl.Task, seeds: range, backbone: Any) -> list[float]:
    """Final accuracies of a Trainer + peft run a seed."""
    recipe = task.recipe

    def rows(split: str) -> list[dict[str, Any]]:
        ids = tokenise(backbone, getattr(task.data, split)["text"].tolist(), recipe.max_length)
        return [{"input_ids": i, "labels": int(y)} for i, y in zip(ids, task.labels(split), strict=True)]

    train, test = rows("train"), rows("eval")
    collate = transformers.DataCollatorWithPadding(backbone.tokenizer)
    finals = []
    for seed in seeds:
        transformers.set_seed(seed)
        encoder: Any = load_backbone(task.model).encoder
        if recipe.method == "lora":
            layers = list(recipe.trained_layers(backbone.n_layers))
            encoder = get_peft_model(
                encoder,
                LoraConfig(
                    r=recipe.rank, lora_alpha=recipe.lora_alpha, target_modules=["query", "value"], lora_dropout=0.0,
                    layers_to_transform=layers,
                ),
            )  # fmt: skip
        model = TextClassifier(encoder, len(task.data.classes), recipe.pooling)
        with tempfile.TemporaryDirectory() as folder:
            trainer = transformers.Trainer(
                model,
                transformers.TrainingArguments(
                    folder, max_steps=recipe.steps, per_device_train_batch_size=recipe.batch_size,
                    per_device_eval_batch_size=32, learning_rate=recipe.learning_rate,
                    weight_decay=recipe.weight_decay, max_grad_norm=recipe.max_grad_norm, lr_scheduler_type="linear",
                    seed=seed, save_strategy="no", report_to=[], disable_tqdm=True, logging_strategy="no",
                    use_cpu=True, dataloader_pin_memory=False,
                ),
                train_dataset=train, eval_dataset=test, data_collator=collate, callbacks=[AtDepths()],
                compute_metrics=accuracy,
            )  # fmt: skip
            trainer.remove_callback(transformers.PrinterCallback)
            trainer.train()
            finals.append([line["eval_accuracy"] for line in trainer.state.log_history if "eval_accuracy" in line][-1])
    return finals


def peak(dtype: torch.dtype) -> float:
    """GFLOP/s of one large product."""
    a, b = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
    times = []
    for _ in range(12):
        began = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - began)
    return float(2 * 2048**3 / np.min(times) / 1e9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--loop", type=int, default=1, help="runs of the Trainer loop")
    parser.add_argument("--threads", type=int, default=0, help="torch's threads; 0: as many as it takes by itself")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    whole = pl.load_dataset("newsgroups20", train_size=6000, eval_size=2000)
    backbone = load_backbone(MODEL)
    long = [
        part[[len(i) == 64 for i in tokenise(backbone, part["text"].tolist(), 64)]].reset_index(drop=True)
        for part in (whole.train, whole.eval)
    ]
    data = pl.Dataset("newsgroups, 64 tokens", long[0][:1500], long[1][:500], whole.classes)
    print(f"{torch.get_num_threads()} threads, {len(data.train)} training and {len(data.eval)} evaluation rows, "
          f"{asked.seeds} seeds, depths {DEPTHS}\n")  # fmt: skip
    print("| recipe | Trainer + peft, s a run | predictlab, s a run | runs per hour | times | GFLOP/s | of peak | "
          "final accuracy: loop / ours (sd) |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in asked.only:
        case = CASES[name]
        recipe = pl.Recipe(**{"steps": 256, "max_length": 64, "learning_rate": 1e-3, **case.recipe})
        task = pl.Task(MODEL, data, recipe, name=name)
        plain = pl.Task(MODEL, data, recipe.replace(precision="fp32"), name=name)
        began = time.perf_counter()
        theirs = loop(plain, range(asked.loop), backbone)
        slow = (time.perf_counter() - began) / asked.loop
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            frame = pl.probe(task, pl.ProbePlan(DEPTHS, asked.seeds), f"{folder}/runs.db", progress=False)
        fast = (time.perf_counter() - began) / asked.seeds
        final = frame[(frame["depth"] == DEPTHS[-1]) & (frame["metric"] == "accuracy")]
        pace = float((final["flops"] / final["seconds"]).median() / 1e9)
        best = peak(torch.bfloat16 if recipe.precision == "bf16" else torch.float32)
        print(
            f"| {case.what} | {slow:.1f} | {fast:.2f} | {3600 / slow:.0f} / {3600 / fast:.0f} | {slow / fast:.1f} | "
            f"{pace:.0f} | {pace / best:.0%} | {np.mean(theirs):.3f} / {final['value'].mean():.3f} "
            f"({pd.Series(final['value']).std():.3f}) |", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
