"""Logs of Inspect AI: `.eval`, a zip whose members may be compressed by zstd, or one `.json`.

Read: `status`, `invalidated`, `eval` (task, model, task_version, task_args, config.epochs), `results.scores`; of each
sample id, epoch, input, target, scores, metadata, error; of a zip from `summaries.json`. Layout as of 0.3.285.
"""

from __future__ import annotations

import json
import math
import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from predictlab.errors import DataError, needs_extra
from predictlab.runs._evaluations.parts import Part, as_printed, chosen, content_of, files_in, load_json, log, number

TOOL = "Inspect AI"
_ZSTD = 93  # PKWARE's number, which zipfile of Python 3.11 to 3.13 does not know
_GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_RESERVED = {"id", "content", "value", "prompt", "epoch", "task", "run", "seed", "depth", "metric", "row", "place"}


def files(source: Path) -> list[Path]:
    """The logs of a file or a folder, at any depth of it."""
    return files_in(source, "*", lambda p: p.suffix == ".eval" or (p.suffix == ".json" and _is_log(p)))


def _is_log(file: Path) -> bool:
    """Whether a JSON file begins as a log does."""
    with file.open("rb") as opened:
        start = opened.read(4096)
    return b'"version"' in start[:200] and b'"status"' in start[:200] and b'"eval"' in start


def read(file: Path, metric: str | None, filter_name: str | None, partial: bool) -> Part:
    """One log; one that did not end well is read where `partial` says that what is missing may be."""
    header, samples = _zipped(file) if file.suffix == ".eval" else _plain(file)
    about = header["eval"]
    _usable(file, header, partial)
    if not samples:
        raise DataError(f"{file}: the log has no samples; was it written with log_samples=False?")
    names = _metrics(samples)
    scorer = chosen("metric", metric, names, file, "A metric is the name of a scorer, or scorer.key of its values.")
    config = about.get("config") or {}
    prompt = content_of(str(about.get("task_version")), json.dumps(about.get("task_args") or {}, sort_keys=True))
    table = pd.DataFrame(
        {
            "id": [str(s["id"]) for s in samples],
            "content": [content_of(s.get("input", ""), s.get("target", "")) for s in samples],
            "epoch": [int(s.get("epoch", 1)) for s in samples],
            "value": [_value(s, scorer, file) for s in samples],
            "prompt": prompt,
        }
    )
    for key in _scalar_keys(samples):
        table[key] = [(s.get("metadata") or {}).get(key) for s in samples]
    _check(file, header, scorer, table, config)
    return Part(file, file.parent, str(about["task"]), scorer, str(about.get("model") or ""), table)


def _plain(file: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    whole = load_json(file)
    if not isinstance(whole, dict) or "eval" not in whole:
        raise DataError(f"{file} is no log of Inspect AI: it has no 'eval'.")
    return whole, whole.get("samples") or []


def _zipped(file: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            if "header.json" not in names:
                raise DataError(f"{file}: the log has no header: it is still being written, or the run was killed.")
            header = json.loads(_member(archive, "header.json"))
            if "summaries.json" in names:
                return header, json.loads(_member(archive, "summaries.json"))
            whole = sorted(name for name in names if name.startswith("samples/") and name.endswith(".json"))
            return header, [json.loads(_member(archive, name)) for name in whole]
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, EOFError) as error:
        raise DataError(f"{file} is a damaged log ({error}).") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """One member, also where it is compressed by zstd."""
    info = archive.getinfo(name)
    if info.compress_type != _ZSTD:
        return archive.read(name)
    with needs_extra("Reading zstd", "parquet"):
        import pyarrow as pa
    raw = archive.fp
    assert raw is not None
    raw.seek(info.header_offset)
    local = raw.read(30)
    if local[:4] != b"PK\3\4":
        raise zipfile.BadZipFile(f"no header of member {name}")
    name_length, extra_length = struct.unpack("<HH", local[26:30])
    raw.seek(name_length + extra_length, 1)
    packed = raw.read(info.compress_size)
    with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
        plain: bytes = stream.read()
    if len(plain) != info.file_size:
        raise zipfile.BadZipFile(f"member {name} was cut")
    return plain


def _usable(file: Path, header: dict[str, Any], partial: bool) -> None:
    status = header.get("status")
    if header.get("invalidated"):
        raise DataError(f"{file}: the log was invalidated. Leave it out, or score its samples again.")
    if status == "started":
        raise DataError(f"{file}: the evaluation is still running, or was killed.")
    if status != "success":
        if not partial:
            raise DataError(
                f"{file}: the evaluation ended with status {status!r}. Run it again, or take the samples that it has "
                "with errors='missing'."
            )
        log.warning("%s: status %s; the samples that it has are taken", file, status)


def _metrics(samples: Iterable[dict[str, Any]]) -> list[str]:
    """Names of scorers, those with several values as scorer.key."""
    found: dict[str, None] = {}
    for sample in samples:
        for name, score in (sample.get("scores") or {}).items():
            value = score.get("value")
            found |= dict.fromkeys([f"{name}.{key}" for key in value] if isinstance(value, dict) else [name])
    return list(found)


def _value(sample: dict[str, Any], metric: str, file: Path) -> float:
    """A score as a number; NaN of a sample that failed or was not scored."""
    scores = sample.get("scores") or {}
    score = scores.get(metric)
    if score is None:
        scorer, _, key = metric.rpartition(".")
        held = (scores.get(scorer) or {}).get("value")
        value = held.get(key) if isinstance(held, dict) else None
    else:
        value = score.get("value")
    if sample.get("error") is not None or value is None:
        return math.nan
    if isinstance(value, str):
        told = _GRADES.get(value, _WORDS.get(value.lower()))
        if told is not None:
            return told
        try:
            return float(value)
        except ValueError:
            pass
    return number(value, file, sample["id"], metric)


def _scalar_keys(samples: list[dict[str, Any]]) -> list[str]:
    """Metadata that every sample has as a word or a number: it may name clusters."""
    first = samples[0].get("metadata") or {}
    keys = [k for k, v in first.items() if isinstance(v, str | int | float | bool) and k not in _RESERVED]
    return [k for k in keys if all(k in (s.get("metadata") or {}) for s in samples)]


def _check(file: Path, header: dict[str, Any], scorer: str, table: pd.DataFrame, config: dict[str, Any]) -> None:
    """The mean over rows is the accuracy or mean that the log says, where epochs are reduced by their mean."""
    reducer = config.get("epochs_reducer") or ["mean"]
    if int(config.get("epochs") or 1) > 1 and reducer != ["mean"]:
        log.warning("%s: the log reduces epochs by %s, here their mean is taken", file, ", ".join(map(str, reducer)))
        return
    for score in (header.get("results") or {}).get("scores") or []:
        if score.get("name") == scorer and not score.get("unscored_samples") and table["value"].notna().all():
            for name in ("accuracy", "mean"):
                printed = (score.get("metrics") or {}).get(name, {}).get("value")
                as_printed(file, f"{scorer}/{name}", float(table.groupby("id")["value"].mean().mean()), printed)
