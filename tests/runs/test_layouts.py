"""Layouts that writers leave on disk, as their releases write them, read back: values equal, report complete."""

import csv
import importlib.util
import json
import struct
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError
from predictlab.runs import ImportNotice

DEPTHS = [10, 20, 40, 80]
SEEDS = (3, 5, 8)


@pytest.fixture(scope="module")
def tool():
    path = Path(__file__).parents[2] / "benchmarks" / "mutated_logs.py"
    spec = importlib.util.spec_from_file_location("logs_to_mutate", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def truth():
    rng = np.random.default_rng(4)
    return {seed: dict(zip(DEPTHS, rng.uniform(0.5, 0.9, 4).tolist(), strict=True)) for seed in SEEDS}


def assert_read(source, truth, files, **arguments):
    """Read without a word, all of it, and nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runs, report = pl.read_runs(source, report=True, **arguments)
    back = {seed: dict(zip(part["depth"], part["value"], strict=True)) for seed, part in runs.groupby("seed")}
    assert back == truth
    assert set(runs["status"]) == {"ok"}
    assert runs["task"].nunique() == 1
    assert (report.runs, report.rows, len(report.files)) == (len(truth), 4 * len(truth), files)
    assert report.assumed == ()
    return runs, report


def test_dvclive(tmp_path, truth):
    """DVCLive 3: a TSV a metric below plots/metrics, last values in metrics.json, params.yaml."""
    for seed, path in truth.items():
        folder = tmp_path / f"exp-{'abcdefghi'[seed]}" / "dvclive"
        for name, values in {"train/loss": {c: 1 - v for c, v in path.items()}, "eval/acc": path}.items():
            file = folder / "plots" / "metrics" / f"{name}.tsv"
            file.parent.mkdir(parents=True)
            with file.open("w", newline="") as out:
                rows = csv.writer(out, delimiter="\t")
                rows.writerow(["step", name.rpartition("/")[2]])
                rows.writerows(values.items())
        (folder / "metrics.json").write_text(json.dumps({"step": 80, "eval": {"acc": path[80]}}))
        (folder / "params.yaml").write_text(f"lr: 0.1\nseed: {seed}\n")
    assert_read(tmp_path, truth, 6, metric="eval/acc", task="t")
    with pytest.raises(ArgumentError, match=r"2 candidates.*Pass metric='eval/acc'"):
        pl.read_runs(tmp_path)


def test_ultralytics(tmp_path, truth):
    """Ultralytics 8: results.csv with an epoch a row and titles padded with blanks, args.yaml with the seed."""
    for seed, path in truth.items():
        folder = tmp_path / "detect" / f"train{seed}"
        folder.mkdir(parents=True)
        titles = ["epoch", "time", "train/box_loss", "metrics/mAP50(B)", "lr/pg0"]
        lines = [",".join(f"{t:>23}" for t in titles)]
        for i, v in enumerate(path.values(), 1):
            lines.append(",".join(f"{x!r:>23}" for x in (i, 2.5 * i, 1 / i, v, 0.01 / i)))
        (folder / "results.csv").write_text("\n".join(lines) + "\n")
        args = f"model: yolo11n.pt\ndata: coco8.yaml\nseed: {seed}\nname: train{seed}\nlr0: 0.01\n"
        (folder / "args.yaml").write_text(args)
    in_epochs = {seed: dict(zip([25, 50, 75, 100], path.values(), strict=True)) for seed, path in truth.items()}
    asked = {"metric": "metrics/mAP50(B)", "steps_per_epoch": 25, "task": "coco8"}
    assert_read(tmp_path, in_epochs, 3, **asked)
    with pytest.raises(ArgumentError, match=r"depth='epoch', steps_per_epoch="):
        pl.read_runs(tmp_path, metric="metrics/mAP50(B)")


def test_keras_csv_logger(tmp_path, truth):
    """Keras 3: CSVLogger writes epochs from 0, and NA where an epoch had no validation."""
    for seed, path in truth.items():
        with (tmp_path / f"seed{seed}.csv").open("w", newline="") as out:
            rows = csv.DictWriter(out, ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"])
            rows.writeheader()
            for epoch in range(8):
                has = epoch % 2 == 1
                value = list(path.values())[epoch // 2]
                rows.writerow({"epoch": epoch, "accuracy": 0.5, "loss": 1.0, "val_accuracy": value if has else "NA",
                               "val_loss": 1 - value if has else "NA"})  # fmt: skip
    steps = {seed: dict(zip([20, 40, 60, 80], path.values(), strict=True)) for seed, path in truth.items()}
    _, report = assert_read(tmp_path, steps, 3, metric="val_accuracy", steps_per_epoch=10)
    assert any("epochs begin at 0" in what for what in report.noticed)


def test_lightning_csv_logger(tmp_path, truth):
    """Lightning 2: CSVLogger has rows for training and for validation, a version a run, hparams.yaml."""
    for i, (seed, path) in enumerate(truth.items()):
        folder = tmp_path / "lightning_logs" / f"version_{i}"
        folder.mkdir(parents=True)
        lines = ["epoch,step,train_loss,val_acc"]
        for j, (c, v) in enumerate(path.items()):
            lines += [f"{j},{c - 1},{1 / c!r},", f"{j},{c},,{v!r}"]
        (folder / "metrics.csv").write_text("\n".join([*lines, ""]))
        (folder / "hparams.yaml").write_text(f"lr: 0.001\nseed: {seed}\nmodel:\n  width: 16\n")
    assert_read(tmp_path, truth, 3, metric="val_acc", task="t")


def test_wandb_run_files(tmp_path, truth, tool):
    for i, (seed, path) in enumerate(truth.items()):
        rows = [tool.wandb_record(5, lr=0.1, seed=seed, **{"model.width": 16, "_wandb.x": i})]
        for step, (c, v) in enumerate(path.items()):
            noise = {f"system.{j}": "x" * 900 for j in range(40)}  # over the bounds of blocks
            rows.append(tool.wandb_record(2, _step=2 * step, **{"train/global_step": c, "train/loss": 1 / c}, **noise))
            rows.append(tool.wandb_record(2, _step=2 * step + 1, **{"train/global_step": c, "eval/acc": v}))
        tool.wandb_file(tmp_path / "wandb" / f"offline-run-{i}" / f"run-{i}ab.wandb", rows)
    assert_read(tmp_path, truth, 3, metric="eval/acc", task="t")
    with pytest.raises(ArgumentError, match="Pass metric='eval/acc'"):
        pl.read_runs(tmp_path, task="t")


def test_a_wandb_file_that_was_cut_damaged_or_is_none(tmp_path, tool, truth):
    rows = [tool.wandb_record(2, _step=c, acc=v) for c, v in truth[3].items()]
    file = tmp_path / "run-a.wandb"
    tool.wandb_file(file, rows)
    whole = file.read_bytes()
    ask = {"seed": 0, "task": "t", "depth": "_step"}
    assert len(pl.read_runs(file, **ask)) == 4
    file.write_bytes(whole[:-3])
    with pytest.warns(ImportNotice, match="cut off after 3 records"):
        assert len(pl.read_runs(file, **ask)) == 3
    data = bytearray(whole)
    data[-3] ^= 1
    file.write_bytes(bytes(data))
    with pytest.warns(ImportNotice, match="damaged after 3 records"):
        assert len(pl.read_runs(file, **ask)) == 3
    file.write_bytes(b":W&B" + struct.pack("<HB", 0xBEE1, 0))
    with pytest.raises(DataError, match="nothing was logged"):
        pl.read_runs(file, **ask)
    file.write_bytes(b"something else")
    with pytest.raises(DataError, match="no run file"):
        pl.read_runs(file, **ask)


def test_two_runs_of_one_display_name_and_a_nan_that_was_logged(tmp_path, tool):
    for key in "ab":
        rows = [tool.wandb_record(2, _step=1, loss=0.5), tool.wandb_record(2, _step=2, loss=float("nan"))]
        tool.wandb_file(tmp_path / f"run-{key}.wandb", rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportNotice)
        runs = pl.read_runs(tmp_path, seed="enumerate", task="t")
    assert runs["status"].tolist() == ["ok", "diverged"] * 2
