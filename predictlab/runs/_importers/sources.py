"""From what the user points at to the runs behind it: which files, of which format, and what each run is called."""

from __future__ import annotations

import glob
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from predictlab.errors import DataError, bad_argument
from predictlab.runs._importers.logs import left_open, listed

Paths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

FORMATS = {
    "trainer_state": "trainer_state.json files",
    "tensorboard": "TensorBoard event files",
    "mlflow": "MLflow runs",
    "table": "tables (CSV, TSV, parquet)",
}
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq")
CHECKPOINT = re.compile(r"checkpoint-\d+")


def paths_of(source: Paths) -> list[Path]:
    """Existing files and folders behind a path, a glob pattern, or a list of these."""
    if not isinstance(source, (str, os.PathLike)):
        return list(dict.fromkeys(path for one in source for path in paths_of(one)))
    path = Path(source).expanduser()
    if path.exists():
        return [path]
    if not glob.has_magic(str(path)):
        raise bad_argument("source", str(source), "an existing file or folder, or a pattern such as 'runs/seed-*'")
    hits = sorted(glob.glob(str(path), recursive=True), key=natural)
    if not hits:
        raise bad_argument("source", str(source), "a pattern that matches a file or a folder", "Nothing matches it.")
    return [Path(hit) for hit in hits]


def natural(name: object) -> list[tuple[int, int, str]]:
    """Sort key that puts seed-10 after seed-9."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", str(name))]


def format_of(path: Path) -> str:
    """Format of a file by its name; "wandb" and "other" are none of FORMATS."""
    name = path.name.lower()
    if name == "trainer_state.json":
        return "trainer_state"
    if name == "wandb-summary.json" or name.endswith(".wandb"):
        return "wandb"
    if "tfevents" in name and not name.endswith(".json"):
        return "tensorboard"
    return "table" if name.endswith(TABLES) else "other"


def files_of(path: Path, wanted: str | None) -> Iterator[tuple[str, Path]]:
    """Format and path of a file, or of all files below a folder; an MLflow run is its folder."""
    if not path.is_dir():
        kind = "trainer_state" if path.suffix == ".json" else format_of(path)  # one by any name, if the user names it
        yield (kind if wanted in (None, "mlflow") else wanted), path
    for top, folders, files in os.walk(path):
        here = Path(top)
        if "meta.yaml" in files and "metrics" in folders:
            if _is_mlflow_run(here):
                yield "mlflow", here
            folders.clear()  # artifacts of a run may hold anything
            continue
        folders[:] = sorted((f for f in folders if not f.startswith(".")), key=natural)
        for name in sorted(files, key=natural):
            yield format_of(here / name), here / name


def _is_mlflow_run(folder: Path) -> bool:
    """Logged models have the same layout but no run_id; runs in the bin stay there."""
    meta = (folder / "meta.yaml").read_text(encoding="utf-8", errors="replace").splitlines()
    named = any(line.startswith(("run_id:", "run_uuid:")) for line in meta)
    return named and "lifecycle_stage: deleted" not in meta


def locate(source: Paths, wanted: str | None) -> tuple[str, list[Path], Path | None]:
    """Format, files (folders for MLflow), and the folder that run names are relative to.

    Raises
    ------
    ArgumentError
        Nothing there, or files of several formats: the user has to say which.
    """
    if wanted is not None and wanted not in FORMATS:
        raise bad_argument("format", wanted, f"one of {', '.join(FORMATS)}")
    paths = paths_of(source)
    files: dict[str, list[Path]] = defaultdict(list)
    for kind, file in dict.fromkeys(one for path in paths for one in files_of(path, wanted)):
        files[kind].append(file)
    kind = _one_format(files, wanted, paths)
    return kind, files[kind], paths[0] if len(paths) == 1 and paths[0].is_dir() else None


def _one_format(files: Mapping[str, list[Path]], wanted: str | None, paths: Sequence[Path]) -> str:
    where = listed(paths)
    counts = {kind: f"{len(found)} {FORMATS[kind]}" for kind, found in files.items() if kind in FORMATS}
    if wanted is not None:
        if wanted not in counts:
            there = " and ".join(counts.values()) or "nothing that can be read"
            raise bad_argument("format", wanted, f"a format found in {where}", f"There: {there}.")
        return wanted
    # beside a run's own record a table holds something else: predictions, a config
    logs = {kind: count for kind, count in counts.items() if kind != "table"} or counts
    if len(logs) > 1:
        there = " and ".join(logs.values())
        raise left_open("format", f"{where} has {there}.", f"Pass format={next(iter(logs))!r} or another of them.")
    if logs:
        return next(iter(logs))
    if "wandb" in files:
        raise DataError(
            f"{where} is a local W&B folder: its history is in a binary .wandb file, and its summary has last values "
            "only. Save each run's history with wandb.Api().run(...).history().to_csv(...), or export the panel of a "
            "metric as CSV, and read that."
        )
    if any(path.suffix in (".db", ".sqlite", ".sqlite3") for path in paths):
        raise DataError(f"{where} is a database: a run store is read with pl.RunStore(path).frame().")
    raise bad_argument("source", where, f"one of: {', '.join(FORMATS.values())}", "None was found there.")


def run_folder(file: Path) -> Path:
    """Folder of the run that a file belongs to: checkpoints belong to the run above them."""
    folder = file.parent.absolute()
    return folder.parent if CHECKPOINT.fullmatch(folder.name) else folder


def names_of(places: Iterable[Path], base: Path | None) -> tuple[pd.Index, str]:
    """Names of runs from where they lie, relative to `base` or what all share; name of what is above them."""
    absolute = [Path(os.path.abspath(place)) for place in places]
    label = base.resolve().name if base is not None else absolute[0].resolve().parent.name
    top = Path(os.path.abspath(base or os.path.commonpath(absolute)))
    return pd.Index([place.name if place == top else place.relative_to(top).as_posix() for place in absolute]), label
