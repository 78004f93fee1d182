"""From what the user points at to the runs behind it: which files, of which format, and what each run is called."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from predictlab.errors import DataError, bad_argument
from predictlab.runs._importers.found import ask, listed

FORMATS = {
    "trainer_state": "trainer_state.json files",
    "tensorboard": "TensorBoard event files",
    "mlflow": "MLflow runs",
    "table": "tables (CSV, TSV, parquet)",
}
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq")
CHECKPOINT = re.compile(r"checkpoint-\d+")


def paths_of(source: Any) -> list[Path]:
    """Existing files and folders behind a path, a glob pattern, or a list of these."""
    if not isinstance(source, (str, os.PathLike)):
        return list(dict.fromkeys(path for one in source for path in paths_of(one)))
    path = Path(source).expanduser()
    if path.exists():
        return [path]
    if glob.has_magic(str(path)):
        hits = sorted(glob.glob(str(path), recursive=True), key=natural)
        if hits:
            return [Path(hit) for hit in hits]
        raise bad_argument("source", str(source), "a pattern that matches a file or a folder", "Nothing matches it.")
    raise bad_argument("source", str(source), "an existing file or folder, or a pattern such as 'runs/seed-*'")


def natural(name: object) -> list[Any]:
    """Sort key that puts seed-10 after seed-9."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", str(name))]


def format_of(path: Path) -> str | None:
    """Format of a file by its name; None where it is none of ours."""
    name = path.name.lower()
    if name.endswith(".json"):
        return "trainer_state" if name == "trainer_state.json" else None
    if "tfevents" in name:
        return "tensorboard"
    return "table" if name.endswith(TABLES) else None


def files_below(folder: Path) -> dict[str, list[Path]]:
    """Run files below a folder by format; an MLflow run is its folder."""
    found: dict[str, list[Path]] = {}
    for top, folders, files in os.walk(folder):
        here = Path(top)
        if "meta.yaml" in files and "metrics" in folders:
            if _is_mlflow_run(here):
                found.setdefault("mlflow", []).append(here)
            folders.clear()  # artifacts of a run may hold anything
            continue
        folders[:] = sorted((f for f in folders if not f.startswith(".")), key=natural)
        for name in sorted(files, key=natural):
            if kind := format_of(here / name):
                found.setdefault(kind, []).append(here / name)
            elif name == "wandb-summary.json" or name.endswith(".wandb"):
                found.setdefault("wandb", []).append(here / name)
    return found


def _is_mlflow_run(folder: Path) -> bool:
    """Logged models have the same layout but no run_id; runs in the bin stay there."""
    meta = (folder / "meta.yaml").read_text(encoding="utf-8", errors="replace").splitlines()
    named = any(line.startswith(("run_id:", "run_uuid:")) for line in meta)
    return named and "lifecycle_stage: deleted" not in meta


def locate(source: Any, wanted: str | None) -> tuple[str, list[Path], Path | None]:
    """Format, files (folders for MLflow), and the folder that run names are relative to.

    Raises
    ------
    ArgumentError
        Nothing there, or files of several formats: which one is meant is asked.
    """
    if wanted is not None and wanted not in FORMATS:
        raise bad_argument("format", wanted, f"one of {', '.join(FORMATS)}")
    paths = paths_of(source)
    found: dict[str, list[Path]] = {}
    for path in paths:
        if path.is_dir():
            below = files_below(path)
        else:
            kind = wanted if wanted in ("table", "tensorboard", "trainer_state") else format_of(path)
            below = {kind or ("trainer_state" if path.suffix == ".json" else "other"): [path]}
        for kind, files in below.items():
            found.setdefault(kind, []).extend(files)
    found = {kind: list(dict.fromkeys(files)) for kind, files in found.items()}
    folder = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
    return *_one_format(found, wanted, paths), folder


def _one_format(found: dict[str, list[Path]], wanted: str | None, paths: Sequence[Path]) -> tuple[str, list[Path]]:
    where = listed(paths)
    ours = {kind: files for kind, files in found.items() if kind in FORMATS}
    if wanted is not None:
        if wanted not in ours:
            raise bad_argument("format", wanted, f"a format found in {where}", f"There: {_counts(ours)}.")
        return wanted, ours[wanted]
    # beside a run's own record a table holds something else: predictions, a config
    logs = {kind: files for kind, files in ours.items() if kind != "table"} or ours
    if len(logs) > 1:
        raise ask("format", f"{where} has {_counts(logs)}.", f"Pass format={next(iter(logs))!r} or another of them.")
    if logs:
        return next(iter(logs.items()))
    if "wandb" in found:
        raise DataError(
            f"{where} is a local W&B folder: its history is in a binary .wandb file, and its summary has last values "
            "only. Save each run's history with wandb.Api().run(...).history().to_csv(...), or export the panel of a "
            "metric as CSV, and read that."
        )
    if any(path.suffix in (".db", ".sqlite", ".sqlite3") for path in paths):
        raise DataError(f"{where} is a database: a run store is read with pl.RunStore(path).frame().")
    raise bad_argument("source", where, f"one of: {', '.join(FORMATS.values())}", "None was found there.")


def _counts(found: dict[str, list[Path]]) -> str:
    return " and ".join(f"{len(files)} {FORMATS[kind]}" for kind, files in found.items()) or "nothing that can be read"


def run_folder(file: Path) -> Path:
    """Folder of the run that a file belongs to: checkpoints belong to the run above them."""
    folder = file.parent.absolute()
    return folder.parent if CHECKPOINT.fullmatch(folder.name) else folder


def names_of(places: Sequence[Path], base: Path | None) -> list[str]:
    """Names of runs from where they lie: relative to `base`, or to what all of them share."""
    absolute = [Path(os.path.abspath(place)) for place in places]
    if base is None and len(absolute) > 1:
        base = Path(os.path.commonpath(absolute))
    names = []
    for place in absolute:
        inner = place.relative_to(os.path.abspath(base)).as_posix() if base is not None else "."
        names.append(place.name if inner == "." else inner)
    return names
