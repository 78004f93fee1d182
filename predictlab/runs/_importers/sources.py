"""From what the user points at to the runs behind it: which files, of which format, and what each run is called."""

from __future__ import annotations

import glob
import os
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

import pandas as pd

from predictlab.errors import DataError, PredictlabError, bad_argument
from predictlab.runs._importers.logs import left_open, listed
from predictlab.runs._importers.report import Findings

T = TypeVar("T")
Paths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

FORMATS = {
    "trainer_state": "trainer_state.json files",
    "tensorboard": "TensorBoard event files",
    "mlflow": "MLflow runs",
    "wandb": "W&B run files",
    "table": "tables (CSV, TSV, parquet, JSON lines)",
}
TEXTS = (".txt", ".log", ".dat", ".tab")
LINES = (".jsonl", ".ndjson", ".jsonl.gz")
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq", *LINES)
DATABASES = (".db", ".sqlite", ".sqlite3")
OTHERS = {  # what people keep runs in and is not read, and what to do
    **dict.fromkeys(
        (".xlsx", ".xls", ".ods"), "Save the sheet as CSV, or read it with pandas.read_excel and pass that."
    ),
    **dict.fromkeys((".txt", ".log", ".out"), "A table in a text file is read if you pass that file's own path."),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".7z"), "Unpack the archive first."),
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".bin"), "Pickles are not opened; write the log as CSV."),
    **dict.fromkeys((".feather", ".h5", ".hdf5"), "Read it with pandas and pass the DataFrame."),
}
CHECKPOINT = re.compile(r"checkpoint-\d+")


def paths_of(source: Paths) -> list[Path]:
    """Existing files and folders behind a path, a glob pattern, or a list of these."""
    if not isinstance(source, (str, os.PathLike)):
        if not isinstance(source, Iterable):
            raise bad_argument("source", source, "a path, a pattern, a list of these, or a DataFrame")
        return list(dict.fromkeys(path for one in source for path in paths_of(one)))
    try:
        path = Path(source).expanduser()
        if path.exists():
            return [path]
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise bad_argument("source", str(source), f"a path that can be opened ({error})") from None
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
    """Format of a file by its name; "summary" and "other" are none of FORMATS."""
    name = path.name.lower()
    if name == "trainer_state.json":
        return "trainer_state"
    if name == "wandb-summary.json":
        return "summary"
    if name.endswith(".wandb"):
        return "wandb"
    if "tfevents" in name and not name.endswith(".json"):
        return "tensorboard"
    return "table" if name.endswith(TABLES) else "other"


def files_of(path: Path, wanted: str | None, found: Findings) -> Iterator[tuple[str, Path]]:
    """Format and path of a file, or of all files below a folder; an MLflow run is its folder."""
    if not path.is_dir():
        kind = format_of(path)
        if path.suffix == ".json":  # a trainer state by any name, if the user names it
            kind = "table" if _is_records(path) else "trainer_state"
        if path.suffix.lower() in TEXTS:  # a table by any name, if the user names it
            kind = "table"
        if path.suffix in DATABASES and is_mlflow_database(path):
            kind = "mlflow"
        yield (kind if wanted in (None, "mlflow") else wanted), path
        return

    def unreadable(error: OSError) -> None:
        found.leave_out(f"{error.filename}: {error.strerror}")

    root = Path(os.path.realpath(path))
    seen = {root}
    for top, folders, files in os.walk(path, onerror=unreadable, followlinks=True):
        here = Path(top)
        folders[:] = [name for name in folders if _leads_on(here / name, root, seen)]
        files = [name for name in files if not _is_second_name(here / name, root, found)]
        if "meta.yaml" in files and "metrics" in folders:
            if _is_mlflow_run(here, found):
                yield "mlflow", here
            folders.clear()  # artifacts of a run may hold anything
            continue
        folders[:] = sorted((f for f in folders if not f.startswith(".")), key=natural)
        for name in sorted(files, key=natural):
            file = here / name
            database = name.endswith(DATABASES) and is_mlflow_database(file)
            yield ("mlflow" if database else format_of(file)), file


def _leads_on(folder: Path, root: Path, seen: set[Path]) -> bool:
    """Whether a folder is entered: one that is a link only if it leads out of what is searched, and not in a circle."""
    if not folder.is_symlink():
        return True
    real = Path(os.path.realpath(folder))
    if real.is_relative_to(root) or root.is_relative_to(real) or any(real.is_relative_to(one) for one in seen):
        return False
    seen.add(real)
    return True


def _is_second_name(file: Path, root: Path, found: Findings) -> bool:
    """Whether a file is a link to another one that is found by itself, as ``latest`` often is."""
    if not file.is_symlink() or not Path(os.path.realpath(file)).is_relative_to(root):
        return False
    if format_of(file) in FORMATS:
        found.leave_out(f"{file}: a link to another file in the folder", loud=False)
    return True


def _is_mlflow_run(folder: Path, found: Findings) -> bool:
    """Logged models have the same layout but no run_id; runs in the bin stay there. Damaged ones are named."""
    try:
        meta = (folder / "meta.yaml").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        found.leave_out(f"MLflow run {folder}: its meta.yaml cannot be read ({error})")
        return False
    if any(line.startswith("model_id:") for line in meta):
        return False
    if "lifecycle_stage: deleted" in meta:
        found.leave_out(f"MLflow run {folder.name}: deleted", loud=False)
        return False
    if not any(line.startswith(("run_id:", "run_uuid:")) for line in meta):
        found.leave_out(f"MLflow run {folder}: its meta.yaml is damaged, it names no run_id")
        return False
    return True


def _is_records(path: Path) -> bool:
    """Whether a JSON file holds a list of records, or one a line, or an object of lists, and no other single object."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            start = file.read(4096)
    except (OSError, ValueError):
        return False
    first, _, second = start.lstrip().partition("\n")
    if re.match(r"\[\s*\{", start.lstrip()) or (first.rstrip().endswith("}") and second.lstrip().startswith("{")):
        return True
    return re.match(r'\{\s*"[^"]*"\s*:\s*\[\s*[-\d"nN]', start.lstrip()) is not None


def read_only(path: Path) -> sqlite3.Connection:
    """An SQLite database, opened so that nothing can be changed, whatever signs its name has."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def tables_of(path: Path) -> set[str]:
    """Names of the tables of an SQLite database; none where the file is no such."""
    try:
        with path.open("rb") as file:
            if file.read(16) != b"SQLite format 3\0":
                return set()
        with closing(read_only(path)) as connection:
            return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (OSError, ValueError, sqlite3.Error):
        return set()


def is_mlflow_database(path: Path) -> bool:
    """Whether a file is an SQLite database with MLflow's tables."""
    return {"runs", "metrics", "experiments"} <= tables_of(path)


def why_unreadable(path: Path) -> str | None:
    """Why a file cannot hold a log, where that is seen at its beginning; else None."""
    try:
        if path.is_dir():
            return None
        with path.open("rb") as file:
            start = file.read(40)
    except OSError as error:
        return f"{error.strerror}"
    if not start:
        return "it is empty"
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the file itself: run git lfs pull"
    return None


@contextmanager
def unreadable(what: str, kinds: tuple[type[Exception], ...], packages: Collection[str]) -> Iterator[None]:
    """Name what cannot be read, and why: errors of these kinds, or of what lies behind a reader, are the file's."""
    try:
        yield
    except PredictlabError:
        raise
    except Exception as error:
        if not isinstance(error, kinds) and type(error).__module__.partition(".")[0] not in packages:
            raise
        raise DataError(f"{what}: {error}") from error


def read_each(files: Sequence[Path], read: Callable[[Path], T], found: Findings) -> list[tuple[Path, T]]:
    """Each file with what `read` makes of it; damaged ones are named and left out, unless none is left."""
    out, errors = [], []
    for file in files:
        try:
            out.append((file, read(file)))
        except DataError as wrong:
            errors.append(wrong)
    if not out:
        raise errors[0]
    for error in errors:
        found.leave_out(str(error))
    return out


def locate(source: Paths, wanted: str | None, found: Findings) -> tuple[str, list[Path], Path | None]:
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
    for kind, file in dict.fromkeys(one for path in paths for one in files_of(path, wanted, found)):
        files[kind].append(file)
    if not any(kind in FORMATS or kind == "summary" for kind in files):  # records in JSON, where there is nothing else
        files["table"] = [file for file in files["other"] if file.suffix == ".json" and _is_records(file)]
        files = defaultdict(list, {kind: some for kind, some in files.items() if some})
    kind = _one_format(files, wanted, paths)
    for other, several in files.items():
        if other in FORMATS and other != kind:
            found.leave_out(f"{len(several)} {FORMATS[other]} beside the {FORMATS[kind]} that are read", loud=False)
    chosen = files[kind]
    if kind == "table" and any(path.is_dir() for path in paths):
        lines = [file for file in chosen if file.name.lower().endswith(LINES)]
        if 0 < len(lines) < len(chosen):
            found.leave_out(f"{len(lines)} files of JSON lines beside tables ({listed(lines)}): pass them by name")
            chosen = [file for file in chosen if file not in set(lines)]
    wrong = {file: why for file in chosen if (why := why_unreadable(file)) is not None}
    if len(wrong) == len(chosen):
        file, why = next(iter(wrong.items()))
        raise DataError(f"{file} cannot be read: {why}{f' (as all {len(wrong)} files)' if len(wrong) > 1 else ''}.")
    for file, why in wrong.items():
        found.leave_out(f"{file}: {why}")
    chosen = [file for file in chosen if file not in wrong]
    return kind, chosen, paths[0] if len(paths) == 1 and paths[0].is_dir() else None


def _one_format(files: Mapping[str, list[Path]], wanted: str | None, paths: Sequence[Path]) -> str:
    where = listed(paths)
    counts = {kind: f"{len(found)} {FORMATS[kind]}" for kind, found in files.items() if kind in FORMATS}
    if wanted is not None:
        if wanted not in counts:
            there = " and ".join(counts.values()) or "nothing that can be read"
            raise bad_argument("format", wanted, f"a format found in {where}", f"There: {there}.")
        return wanted
    # beside a run's own record a table holds something else: predictions, a config
    logs = {kind: count for kind, count in counts.items() if kind not in ("table", "wandb")}
    # what W&B kept of runs that have a record of their own is not asked about
    logs = logs or {kind: count for kind, count in counts.items() if kind == "wandb"} or counts
    if len(logs) > 1:
        there = " and ".join(logs.values())
        raise left_open("format", f"{where} has {there}.", f"Pass format={next(iter(logs))!r} or another of them.")
    if logs:
        return next(iter(logs))
    if "summary" in files:
        raise DataError(
            f"{where} is a local W&B folder without its .wandb file: the summary has last values only. "
            "Save each run's history whole: pd.DataFrame(wandb.Api().run(path).scan_history()).to_csv(...) "
            "(history() alone is a sample of 500 rows); or export the panel of a "
            "metric as CSV, and read that."
        )
    if any(path.suffix in DATABASES for path in paths):
        raise DataError(
            f"{where} is a database, but none of MLflow. A run store of predictlab is read with "
            "pl.RunStore(path).frame()."
        )
    seen = sorted({file.suffix.lower() for some in files.values() for file in some} & set(OTHERS))
    hint = f" {OTHERS[seen[0]]}" if seen else ""
    raise bad_argument("source", where, f"one of: {', '.join(FORMATS.values())}", f"None was found there.{hint}")


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
