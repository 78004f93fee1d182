"""Mutated inputs of each reader: every one ends in runs or in an error of ours, and none hangs.

Run: python benchmarks/mutated_logs.py [--each 3000] [--first 0] [--seed 0] [--reader NAME]

A valid source of each kind is written once; then one of its files is cut, gets bytes flipped, swapped or put in, is
put in another encoding, has values of other types, is emptied, doubled, linked in a circle and so on, and is read.
Anything but a frame or a `PredictlabError` is a fault, as is what takes longer than 10 s.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import shutil
import signal
import sqlite3
import struct
import tempfile
import time
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import pandas as pd

import predictlab as pl
from predictlab.errors import PredictlabError

DEPTHS = (10, 20, 40, 80)
SEEDS = 3
LIMIT = 10.0  # seconds
TOKENS = (
    "NaN", "nan", "inf", "-inf", "null", "None", "", "-", "1e400", "-1", "0x10", "1,5", "1.5.2", "true", "[]", "{}",
    '"', "'", ",", ";", "\t", "\n", "\r", "|", "#", "=", ":", "step", "seed", "9" * 40, "１２", "é", "\ud800", "\0",
    "😀", "2024-01-01", "10%", "1_000", "../..", "*", "((", "\\", " " * 50, "a" * 5000, "[[[[[[" * 200, "{" * 2000,
)  # fmt: skip


class Hung(BaseException):
    """Reading took longer than is allowed; nothing may catch it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def path_of(seed: int) -> dict[int, float]:
    rng = np.random.default_rng(seed)
    return {c: float(0.8 + rng.normal(0, 0.02)) for c in DEPTHS}


def table(folder: Path) -> None:
    rows = [f"{s},{c},{v},{1 - v}" for s in range(SEEDS) for c, v in path_of(s).items()]
    (folder / "log.csv").write_text("\n".join(["seed,step,acc,loss", *rows]) + "\n")


def tables(folder: Path) -> None:
    for s in range(SEEDS):
        (folder / f"seed-{s}").mkdir()
        rows = [f"{c}\t{v}\t" for c, v in path_of(s).items()]
        (folder / f"seed-{s}" / "metrics.tsv").write_text("\n".join(["step\tacc\tnote", *rows]))
        (folder / f"seed-{s}" / "hparams.yaml").write_text(f"optim:\n  lr: 0.1\n  betas: [0.9, 0.99]\nseed: {s}\n")


def side_by_side(folder: Path) -> None:
    rows = [",".join(map(str, [c, *(path_of(s)[c] for s in range(SEEDS))])) for c in DEPTHS]
    (folder / "wide.csv").write_text("\n".join(["step," + ",".join(f"seed_{s}" for s in range(SEEDS)), *rows]))


def panel(folder: Path) -> None:
    titles = [f'"seed-{s} - eval/acc{end}"' for s in range(SEEDS) for end in ("", "__MIN", "__MAX")]
    rows = [",".join(map(str, [c, *(path_of(s)[c] for s in range(SEEDS) for _ in range(3))])) for c in DEPTHS]
    (folder / "panel.csv").write_text("\n".join([",".join(['"train/global_step"', *titles]), *rows]))


def lines(folder: Path) -> None:
    for s in range(SEEDS):
        rows = [json.dumps({"step": c, "acc": v, "nested": {"a": [1, 2]}}) for c, v in path_of(s).items()]
        (folder / f"seed-{s}.jsonl").write_text("\n".join(rows))


def records(folder: Path) -> None:
    for s in range(SEEDS):
        (folder / f"seed-{s}.json").write_text(json.dumps([{"step": c, "acc": v} for c, v in path_of(s).items()]))


def parquet(folder: Path) -> None:
    for s in range(SEEDS):
        pd.DataFrame({"step": DEPTHS, "acc": path_of(s).values()}).to_parquet(folder / f"seed-{s}.parquet")


def states(folder: Path) -> None:
    for s in range(SEEDS):
        history = [{"loss": 1.0, "learning_rate": 0.1, "step": 5}]
        history += [{"eval_acc": v, "eval_runtime": 1.0, "epoch": c / 80, "step": c} for c, v in path_of(s).items()]
        for last in (40, 80):
            known = [e for e in history if float(e["step"]) <= last]
            state = {"global_step": last, "log_history": known, "best_metric": 0.8, "max_steps": 80,
                     "best_model_checkpoint": "checkpoint-40", "trial_params": None}  # fmt: skip
            (folder / f"seed-{s}" / f"checkpoint-{last}").mkdir(parents=True)
            (folder / f"seed-{s}" / f"checkpoint-{last}" / "trainer_state.json").write_text(json.dumps(state, indent=2))
        (folder / f"seed-{s}" / "README.md").write_text(f"### Training hyperparameters\n- lr: 0.1\n- seed: {s}\n")


def event_files(folder: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    for s in range(SEEDS):
        (folder / f"seed-{s}").mkdir()
        with (folder / f"seed-{s}" / "events.out.tfevents.1.host").open("wb") as file:
            out = RecordWriter(file)
            out.write(Event(wall_time=1e9, file_version="brain.Event:2").SerializeToString())
            for c, v in path_of(s).items():
                summary = Summary(value=[Summary.Value(tag="acc", simple_value=v)])
                out.write(Event(wall_time=1e9 + c, step=c, summary=summary).SerializeToString())


def mlruns(folder: Path) -> None:
    (folder / "mlruns" / "1").mkdir(parents=True)
    (folder / "mlruns" / "1" / "meta.yaml").write_text("experiment_id: '1'\nname: sst2\n")
    for s in range(SEEDS):
        run = folder / "mlruns" / "1" / f"{s:032x}"
        for part in ("metrics", "params", "tags"):
            (run / part).mkdir(parents=True)
        (run / "meta.yaml").write_text(f"run_id: {s:032x}\nrun_name: seed-{s}\nlifecycle_stage: active\nstatus: 3\n")
        rows = "".join(f"{1000 + c} {v} {c}\n" for c, v in path_of(s).items())
        (run / "metrics" / "acc").write_text(rows)
        (run / "params" / "seed").write_text(str(s))
        (run / "tags" / "mlflow.runName").write_text(f"seed-{s}")


def mlflow_database(folder: Path) -> None:
    db = sqlite3.connect(folder / "mlflow.db")
    db.execute("create table experiments(experiment_id int, name text)")
    db.execute("create table runs(run_uuid text, name text, experiment_id int, lifecycle_stage text)")
    db.execute("create table metrics(key text, value real, timestamp int, run_uuid text, step int, is_nan int)")
    db.execute("create table params(key text, value text, run_uuid text)")
    db.execute("insert into experiments values (1, 'sst2')")
    for s in range(SEEDS):
        db.execute("insert into runs values (?, ?, 1, 'active')", (f"id{s}", f"seed-{s}"))
        db.execute("insert into params values ('seed', ?, ?)", (str(s), f"id{s}"))
        rows = [("acc", v, 1000 + c, f"id{s}", c, 0) for c, v in path_of(s).items()]
        db.executemany("insert into metrics values (?, ?, ?, ?, ?, ?)", rows)
    db.commit()
    db.close()


def dvclive(folder: Path) -> None:
    for s in range(SEEDS):
        for name in ("train/loss", "eval/acc"):
            file = folder / f"seed-{s}" / "dvclive" / "plots" / "metrics" / f"{name}.tsv"
            file.parent.mkdir(parents=True)
            rows = [f"{c}\t{v}" for c, v in path_of(s).items()]
            file.write_text("\n".join([f"step\t{file.stem}", *rows]))
        (folder / f"seed-{s}" / "dvclive" / "params.yaml").write_text(f"lr: 0.1\nseed: {s}\n")


def wandb_record(number: int, **items: object) -> bytes:
    """A record of W&B's run files with the items of a history (2) or config (5), by the numbers of their fields."""

    def part(field: int, content: bytes) -> bytes:
        size, out = len(content), b""
        while size > 127:
            out, size = out + bytes([size & 127 | 128]), size >> 7
        return bytes([field << 3 | 2]) + out + bytes([size]) + content

    def item(key: str, value: object) -> bytes:
        name = b"".join(part(2, k.encode()) for k in key.split(".")) if "." in key else part(1, key.encode())
        return part(1, name + b"\x82\x01" + part(2, json.dumps(value).encode())[1:])

    return part(number, b"".join(item(key, value) for key, value in items.items()))


def wandb_file(path: Path, records: list[bytes]) -> None:
    """Records in blocks, as LevelDB's log has them, behind W&B's header."""
    out = bytearray(b":W&B" + struct.pack("<HB", 0xBEE1, 0))
    for record in records:
        first = True
        while True:
            left = 32768 - len(out) % 32768
            if left < 7:
                out += bytes(left)
                continue
            piece, record = record[: left - 7], record[left - 7 :]
            kind = (1 if first else 4) if not record else (2 if first else 3)
            out += struct.pack("<IHB", zlib.crc32(piece, zlib.crc32(bytes([kind]))), len(piece), kind) + piece
            first = False
            if not record:
                break
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(out))


def wandb_runs(folder: Path) -> None:
    for s in range(SEEDS):
        rows = [wandb_record(5, lr=0.1, seed=s)]
        rows += [wandb_record(2, _step=i, **{"train/global_step": c, "eval/acc": v, "a.b": i})
                 for i, (c, v) in enumerate(path_of(s).items())]  # fmt: skip
        wandb_file(folder / "wandb" / f"offline-run-{s}" / f"run-seed-{s}.wandb", rows)


WRITERS: dict[str, tuple[Callable[[Path], None], dict[str, object]]] = {
    "table": (table, {"metric": "acc"}),
    "tables with recipes": (tables, {"metric": "acc"}),
    "side by side": (side_by_side, {}),
    "W&B panel": (panel, {}),
    "JSON lines": (lines, {"metric": "acc"}),
    "JSON records": (records, {}),
    "parquet": (parquet, {}),
    "trainer_state": (states, {}),
    "TensorBoard": (event_files, {}),
    "MLflow folder": (mlruns, {}),
    "MLflow database": (mlflow_database, {}),
    "DVCLive": (dvclive, {"metric": "eval/acc"}),
    "W&B run files": (wandb_runs, {"metric": "eval/acc"}),
}


def mutate(folder: Path, rng: random.Random) -> str:
    """Change the files of a source somehow, and say how."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    file = rng.choice(files)
    data = file.read_bytes()
    how = rng.choice([
        "cut", "cut", "flip", "flip", "flip", "insert", "delete", "token", "token", "token", "token", "encode",
        "empty", "double", "swap lines", "drop lines", "other type", "binary", "folder", "circle", "link", "unreadable",
        "rename", "huge line", "pointer", "lines of another", "nothing", "remove",
    ])  # fmt: skip
    at = rng.randrange(len(data) + 1)
    text = data.decode("utf-8", "replace")
    rows = text.split("\n")
    match how:
        case "cut":
            data = data[:at]
        case "flip":
            new = bytearray(data)
            for _ in range(rng.choice([1, 1, 3, 20])):
                if new:
                    new[rng.randrange(len(new))] ^= 1 << rng.randrange(8)
            data = bytes(new)
        case "insert":
            data = data[:at] + rng.randbytes(rng.choice([1, 4, 64])) + data[at:]
        case "delete":
            data = data[:at] + data[at + rng.choice([1, 3, 30]) :]
        case "token":
            token = rng.choice(TOKENS).encode("utf-8", "surrogatepass")
            cells = [i for i, byte in enumerate(data) if chr(byte) in ", \t:\n"]
            at = rng.choice(cells) + 1 if cells else at
            end = next((i for i in cells if i >= at), len(data)) if rng.random() < 0.7 else at
            data = data[:at] + token + data[end:]
        case "encode":
            data = text.encode(rng.choice(["utf-16", "utf-32", "utf-16-be", "latin-1", "cp037", "utf-7"]), "replace")
        case "empty":
            data = rng.choice([b"", b"\n", b"\xef\xbb\xbf", b"{}", b"[]", b"null", b"0", b" "])
        case "double":
            data = data + data
        case "swap lines":
            rng.shuffle(rows)
            data = "\n".join(rows).encode("utf-8", "surrogatepass")
        case "drop lines":
            data = "\n".join(r for r in rows if rng.random() < 0.6).encode("utf-8", "surrogatepass")
        case "other type":
            number = rng.choice(['"x"', "null", "[1]", "{}", "1e999", "true", "-0", "12345678901234567890123"])
            data = text.replace(rng.choice(["10", "20", "0.8", "0.7", "acc", "step", "seed"]), number).encode()
        case "binary":
            data = rng.randbytes(rng.choice([1, 16, 300]))
        case "huge line":
            data = data + b"\n" + b"9," * 20000
        case "pointer":
            data = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
        case "lines of another":
            data = data + b"\n" + rng.choice(files).read_bytes()
    file.unlink()
    match how:
        case "folder":
            file.mkdir()
        case "circle":
            file.symlink_to(file.name if rng.random() < 0.5 else folder, target_is_directory=True)
        case "link":
            file.symlink_to(folder / "gone")
        case "rename":
            name = rng.choice(
                ["x.csv", "x.json", "events.out.tfevents.9", "x.parquet", "x.csv.gz", "x.db", "meta.yaml", "x.jsonl"]
            )
            (file.parent / name).write_bytes(data)
        case "remove":
            pass
        case _:
            file.write_bytes(data)
            if how == "unreadable":
                file.chmod(0)
    return f"{how} of {file.relative_to(folder)}"


def try_one(name: str, number: int, seed: int, master: Path, scratch: Path) -> tuple[str, str, float]:
    """Outcome of reading one mutated source: frame, error, FAULT or HUNG; what was done; seconds."""
    rng = random.Random(f"{seed}/{name}/{number}")
    here = scratch / "source"
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(master, here, symlinks=True)
    done = " and ".join(
        mutate(here, rng) for _ in range(rng.choice([1, 1, 1, 2])) if any(p.is_file() for p in here.rglob("*"))
    )
    arguments = dict(WRITERS[name][1])
    if rng.random() < 0.3:
        arguments |= rng.choice([
            {"seed": "enumerate", "task": "t"}, {"keep": "last"}, {"keep": "first"}, {"steps_per_epoch": 3.5},
            {"strict": True}, {"seed": 0}, {"task": "t"},
        ])  # fmt: skip
    target = here
    alone = [p for p in here.rglob("*") if p.is_file()]
    if len(alone) == 1 and rng.random() < 0.5:
        target = alone[0]
    begun = time.monotonic()
    try:
        with at_most(LIMIT), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runs = pl.read_runs(target, **arguments)  # type: ignore[call-overload]
            assert set(runs["status"]) <= {"ok", "diverged", "failed"}
            outcome = "frame"
    except PredictlabError as error:
        outcome = "error" if len(str(error)) < 20_000 else "FAULT: a message of 20,000 characters"
    except Hung:
        outcome = "HUNG"
    except Exception:
        last = traceback.format_exc(limit=-4)
        outcome = f"FAULT: {last}"
    return outcome, f"{done} with {arguments}", time.monotonic() - begun


def warm(name: str) -> None:
    """Read a source as it was written: what is imported for that takes none of the first mutation's time."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        WRITERS[name][0](Path(folder))
        pl.read_runs(Path(folder), **WRITERS[name][1])  # type: ignore[call-overload]


def run(name: str, each: int, seed: int, first: int = 0) -> tuple[collections.Counter[str], list[str], float]:
    """Counts of outcomes of one reader, its faults, and the longest time."""
    counts: collections.Counter[str] = collections.Counter()
    faults, longest = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        master, scratch = Path(folder) / "master", Path(folder) / "scratch"
        master.mkdir()
        scratch.mkdir()
        WRITERS[name][0](master)
        for number in range(first, first + each):
            outcome, done, seconds = try_one(name, number, seed, master, scratch)
            counts[outcome.partition(":")[0]] += 1
            longest = max(longest, seconds)
            if outcome.startswith(("FAULT", "HUNG")):
                faults.append(f"{name} {number}: {done}\n{outcome}")
        for path in scratch.rglob("*"):  # so that the folder can be removed
            if not path.is_symlink() and not os.access(path, os.R_OK):
                path.chmod(0o600)
    return counts, faults, longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0, help="Number of the first mutation, to go on from there.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=sorted(WRITERS))
    asked = parser.parse_args()
    print(
        "| reader | mutations | read | error of ours | other error | hung | longest, s |\n|---|---|---|---|---|---|---|"
    )
    bad = 0
    for name in [asked.reader] if asked.reader else WRITERS:
        warm(name)
        counts, faults, longest = run(name, asked.each, asked.seed, asked.first)
        numbers = [counts["frame"], counts["error"], counts["FAULT"], counts["HUNG"]]
        print(f"| {name} | {asked.each} | {' | '.join(map(str, numbers))} | {longest:.1f} |", flush=True)
        seen: set[str] = set()
        for fault in faults:
            kind = "\n".join(fault.strip().splitlines()[-1:])[:80]
            if kind not in seen:
                seen.add(kind)
                print(fault[:3000], "\n")
        bad += len(faults)
    raise SystemExit(bad > 0)


if __name__ == "__main__":
    main()
