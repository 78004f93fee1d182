"""Runs written by the tools themselves, read back: are the values those that the tool logged, is the report complete?

Run: python benchmarks/round_trips.py [--writer NAME]
Wants, for all of them: pip install trl lightning mlflow wandb keras dvclive ultralytics.
A writer that is not installed is said and passed over.
Each writes four runs of one recipe, in a process of its own; what was logged is collected apart from what is read.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import predictlab as pl

Truth = dict[int, dict[int, float]]
SEEDS, DEPTHS = (0, 1, 2, 3), (4, 8, 12, 16)


def values(seed: int) -> dict[int, float]:
    """What is logged of a seed at each depth."""
    rng = np.random.default_rng(seed)
    return {c: float(rng.uniform(0.5, 0.9)) for c in DEPTHS}


def logged() -> Truth:
    return {seed: values(seed) for seed in SEEDS}


def trainer(folder: Path) -> tuple[Truth, Path, dict[str, Any]]:
    """Hugging Face's Trainer; its evaluations as a callback sees them."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    told: Truth = {}

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 2)

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            out = self.layer(x)
            return {"loss": torch.nn.functional.cross_entropy(out, labels), "logits": out}

    class Collect(TrainerCallback):
        def __init__(self, seed: int) -> None:
            self.seed = seed

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **more: Any) -> None:
            told.setdefault(self.seed, {})[state.global_step] = metrics["eval_accuracy"]

    for seed in SEEDS:
        torch.manual_seed(seed)
        rows = [{"x": torch.randn(2), "labels": torch.tensor(i % 2)} for i in range(32)]
        args = TrainingArguments(
            str(folder / f"seed-{seed}"), max_steps=16, eval_strategy="steps", eval_steps=4, save_steps=8,
            logging_steps=2, seed=seed, report_to=[], use_cpu=True, disable_tqdm=True, learning_rate=0.1,
        )  # fmt: skip
        run = Trainer(
            Net(), args, train_dataset=rows, eval_dataset=rows, callbacks=[Collect(seed)],
            compute_metrics=lambda p: {"accuracy": float(np.mean(np.argmax(p.predictions, -1) == p.label_ids))},
        )  # fmt: skip
        run.train()
        run.save_state()
    return told, folder, {"metric": "eval_accuracy"}


def trl(folder: Path) -> tuple[Truth, Path, dict[str, Any]]:
    """TRL's SFTTrainer on a tiny language model; its evaluations as a callback sees them."""
    from datasets import Dataset
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, TrainerCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    told: Truth = {}

    class Collect(TrainerCallback):
        def __init__(self, seed: int) -> None:
            self.seed = seed

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **more: Any) -> None:
            told.setdefault(self.seed, {})[state.global_step] = metrics["eval_loss"]

    words = {w: i for i, w in enumerate(["<pad>", "<eos>", "<unk>", "a", "b", "c", "d"])}
    base = Tokenizer(WordLevel(words, unk_token="<unk>"))
    base.pre_tokenizer = Whitespace()
    tokens = PreTrainedTokenizerFast(tokenizer_object=base, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")
    rows = Dataset.from_list([{"text": "a b c d a b"}, {"text": "d c b a"}] * 8)
    for seed in SEEDS:
        set_seed(seed)
        model = GPT2LMHeadModel(GPT2Config(vocab_size=7, n_positions=16, n_embd=8, n_layer=1, n_head=1))
        args = SFTConfig(
            str(folder / f"seed-{seed}"), max_steps=16, eval_strategy="steps", eval_steps=4, save_steps=8, seed=seed,
            report_to=[], use_cpu=True, disable_tqdm=True, max_length=8, bf16=False,
        )  # fmt: skip
        SFTTrainer(
            model, args=args, train_dataset=rows, eval_dataset=rows, processing_class=tokens, callbacks=[Collect(seed)]
        ).train()
    return told, folder, {"metric": "eval_loss"}


def lightning_csv(folder: Path) -> tuple[Truth, Path, dict[str, Any]]:
    """Lightning with its CSVLogger; steps as Lightning counts them, from 0."""
    return _lightning(folder, "csv")


def lightning_tensorboard(folder: Path) -> tuple[Truth, Path, dict[str, Any]]:
    """Lightning with its TensorBoardLogger; values are of single precision there."""
    return _lightning(folder, "tensorboard")


def _lightning(folder: Path, kind: str) -> tuple[Truth, Path, dict[str, Any]]:
    import lightning
    import torch
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

    class Module(lightning.LightningModule):
        def __init__(self, lr: float, seed: int) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(2, 1)
            self.path = list(values(seed).values())

        def training_step(self, batch: Any, index: int) -> Any:
            loss = self.layer(batch[0]).pow(2).mean()
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val_acc", torch.tensor(self.path[self.current_epoch], dtype=torch.float64))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(8, 2)), batch_size=2)
    for seed in SEEDS:
        logger = (CSVLogger if kind == "csv" else TensorBoardLogger)(str(folder))
        fit = lightning.Trainer(
            max_epochs=4, logger=logger, enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=1,
            num_sanity_val_steps=0, accelerator="cpu", enable_checkpointing=False,
        )  # fmt: skip
        fit.fit(Module(0.1, seed), data, data)
    truth = {seed: {c - 1: v for c, v in values(seed).items()} for seed in SEEDS}
    return truth, folder, {"metric": "val_acc", "task": "t"}


def tensorboard(folder: Path) -> tuple[Truth, Path, dict[str, Any]]:
    """torch's SummaryWriter."""
    from torch.utils.tensorboard import SummaryWriter

    for seed in SEEDS:
        with SummaryWriter(str(folder / f"seed-{seed}")) as writer:
            for c, v in values(seed).items():
                writer.add_scalar("eval/accuracy", v, c)
                writer.add_scalar("train/loss", 1 - v, c)
    return logged(), folder, {"metric": "eval/accuracy"}


def mlflow_folder(folder: Path) -> tuple[Truth, Path, dict[str, Any]]:
    """MLflow's file store."""
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    return _mlflow(folder, (folder / "mlruns").as_uri(), folder / "mlruns")


def mlflow_database(folder: Path) -> tuple[Truth, Path, dict[str, Any]]:
    """MLflow's SQLite store."""
    return _mlflow(folder, f"sqlite:///{folder / 'mlflow.db'}", folder / "mlflow.db")


def _mlflow(folder: Path, uri: str, source: Path) -> tuple[Truth, Path, dict[str, Any]]:
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.create_experiment("sst2", artifact_location=(folder / "artifacts").as_uri())
    mlflow.set_experiment("sst2")
    for seed in SEEDS:
        with mlflow.start_run(run_name=f"seed-{seed}"):
            mlflow.log_params({"seed": seed, "lr": 0.1})
            for c, v in values(seed).items():
                mlflow.log_metrics({"eval_accuracy": v, "train_loss": 1 - v}, step=c)
    return logged(), source, {"metric": "eval_accuracy"}


def wandb_offline(folder: Path) -> tuple[Truth, Path, dict[str, Any]]:
    """W&B in offline mode."""
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    import wandb

    for seed in SEEDS:
        run = wandb.init(project="p", dir=str(folder), name=f"seed-{seed}", config={"lr": 0.1, "seed": seed})
        for c, v in values(seed).items():
            run.log({"train/global_step": c, "train/loss": 1 - v})
            run.log({"train/global_step": c, "eval/accuracy": v})
        run.finish()
    return logged(), folder, {"metric": "eval/accuracy"}


def keras_csv(folder: Path) -> tuple[Truth, Path, dict[str, Any]]:
    """Keras' CSVLogger, on torch; its evaluations as a callback sees them, which counts epochs from 0."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    told: Truth = {}
    x = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        (folder / f"seed-{seed}").mkdir()
        net = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
        net.compile(optimizer="sgd", loss="binary_crossentropy", metrics=["accuracy"])
        told[seed] = {}
        collect = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, of=told[seed]: of.update({4 * (epoch + 1): float(logs["val_loss"])})
        )
        log = keras.callbacks.CSVLogger(str(folder / f"seed-{seed}" / "training.log.csv"))
        y = (x[:, 0] > 0).astype("float32")
        net.fit(x, y, batch_size=4, epochs=4, validation_data=(x, y), callbacks=[log, collect], verbose=0)
    return told, folder, {"metric": "val_loss", "steps_per_epoch": 4}


def dvclive(folder: Path) -> tuple[Truth, Path, dict[str, Any]]:
    """DVCLive, without a repository."""
    os.environ |= {"DVC_NO_ANALYTICS": "1", "DVCLIVE_LOG_LEVEL": "ERROR"}
    from dvclive import Live

    os.chdir(folder)  # where it makes a repository, if there is none
    for seed in SEEDS:
        with Live(str(folder / f"exp-{seed}" / "dvclive"), save_dvc_exp=False, dvcyaml=None) as live:
            live.log_params({"lr": 0.1, "seed": seed})
            for c, v in values(seed).items():
                live.step = c
                live.log_metric("eval/accuracy", v)
                live.log_metric("train/loss", 1 - v)
    return logged(), folder, {"metric": "eval/accuracy"}


def ultralytics(folder: Path) -> tuple[Truth, Path, dict[str, Any]]:
    """Ultralytics, a detector on eight grey pictures; its results.csv has six digits."""
    os.environ |= {"YOLO_OFFLINE": "true", "YOLO_CONFIG_DIR": str(folder / "config"), "YOLO_VERBOSE": "false"}
    (folder / "config").mkdir()
    os.chdir(folder)  # where its callbacks leave things
    import cv2
    from ultralytics import YOLO

    told: Truth = {}
    rng = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (folder / "data" / kind).mkdir(parents=True)
    for i in range(8):
        cv2.imwrite(str(folder / "data" / "images" / f"{i}.png"), rng.integers(0, 255, (32, 32, 3), dtype=np.uint8))
        (folder / "data" / "labels" / f"{i}.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    where = folder / "data" / "data.yaml"
    where.write_text(f"path: {folder / 'data'}\ntrain: images\nval: images\nnames: {{0: square}}\n")
    for seed in SEEDS:
        net, told[seed] = YOLO("yolo11n.yaml"), {}

        def collect(trainer: Any, of: dict[int, float] = told[seed]) -> None:
            if "val/cls_loss" in trainer.metrics:  # not after the last epoch, when the best one is tested
                of[4 * (trainer.epoch + 1)] = float(f"{trainer.metrics['val/cls_loss']:.6g}")

        net.add_callback("on_fit_epoch_end", collect)
        net.train(
            data=str(where), epochs=4, batch=2, imgsz=32, device="cpu", workers=0, seed=seed, plots=False, amp=False,
            project=str(folder / "runs"), name=f"train{seed}", verbose=False,
        )  # fmt: skip
    return told, folder / "runs", {"metric": "val/cls_loss", "steps_per_epoch": 4}


WRITERS: dict[str, tuple[str, Callable[[Path], tuple[Truth, Path, dict[str, Any]]]]] = {
    "Trainer": ("transformers", trainer),
    "TRL": ("trl", trl),
    "Lightning, CSV": ("lightning", lightning_csv),
    "Lightning, TensorBoard": ("lightning", lightning_tensorboard),
    "SummaryWriter": ("tensorboard", tensorboard),
    "MLflow, folder": ("mlflow", mlflow_folder),
    "MLflow, SQLite": ("mlflow", mlflow_database),
    "W&B, offline": ("wandb", wandb_offline),
    "Keras, CSVLogger": ("keras", keras_csv),
    "DVCLive": ("dvclive", dvclive),
    "ultralytics": ("ultralytics", ultralytics),
}


def check(name: str) -> str:
    """A line of the table for one writer; an error where what is read is not what was logged."""
    package, write = WRITERS[name]
    if importlib.util.find_spec(package) is None:
        return f"| {name} | not installed | | | | |"
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        version = importlib.metadata.version(f"{package}-skinny")
    with tempfile.TemporaryDirectory() as folder:
        truth, source, asked = write(Path(folder))
        if "task" not in asked:
            asked["task"] = "t"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runs, report = pl.read_runs(source, report=True, **asked)
        worst = 0.0
        read = {seed: dict(zip(part["depth"], part["value"], strict=True)) for seed, part in runs.groupby("seed")}
        assert {s: set(p) for s, p in read.items()} == {s: set(p) for s, p in truth.items()}, (read, truth)
        for seed, path in truth.items():
            worst = max([worst, *(abs(read[seed][c] - v) for c, v in path.items())])
        assert worst <= (6e-8 if report.format == "tensorboard" else 0), worst
        assert (report.runs, report.rows) == (len(SEEDS), len(SEEDS) * 4)
        assert set(runs["status"]) == {"ok"}
        said = "; ".join([*report.assumed, *report.noticed, *report.left_out]).replace(str(folder), "") or "nothing"
    return f"| {name} | {version} | {report.runs} | {report.rows} | {worst:.0e} | {said[:100]} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--writer", choices=sorted(WRITERS))
    asked = parser.parse_args()
    if asked.writer:
        print(check(asked.writer))
        return
    print("| writer | version | runs | measurements | largest difference | said beside |\n|---|---|---|---|---|---|")
    failed = 0
    for name in WRITERS:  # tools that patch each other are kept apart
        done = subprocess.run(
            [sys.executable, __file__, "--writer", name], capture_output=True, text=True, check=False, timeout=300
        )
        failed += done.returncode != 0
        lines = [line for line in done.stdout.splitlines() if line.startswith(f"| {name} |")]
        print(
            lines[-1] if lines else f"| {name} | FAILED | | | | {done.stderr.strip().splitlines()[-1][:150]} |",
            flush=True,
        )
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
