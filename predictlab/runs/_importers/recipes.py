"""Recipes: what each run was made with, wherever its writer keeps it, so that different ones are told apart."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from predictlab.runs._importers.logs import SEED, RunLogs, listed
from predictlab.runs._importers.report import Findings

# Files beside a run's log in which writers keep its recipe: Lightning, Hydra, W&B, PEFT, ultralytics, one's own scripts
FILES = (
    "hparams.yaml", "hparams.json", "config.yaml", "config.yml", "config.json", "config.toml", "args.yaml", "args.json",
    "params.yaml", "params.json", "training_args.json", "training_args.yaml", "train_config.json", "train_config.yaml",
    "hyperparameters.json", "hyperparams.json", "hyp.yaml", "opt.yaml", "cfg.yaml", "cfg.json", "flags.json",
    "adapter_config.json", ".hydra/config.yaml", "README.md",
)  # fmt: skip
# Entries that differ between runs of one recipe
LABELS = frozenset({
    "output_dir", "logging_dir", "log_dir", "logdir", "save_dir", "work_dir", "out_dir", "run_dir", "results_dir",
    "default_root_dir", "checkpoint_dir", "ckpt_dir", "tensorboard_dir", "save_path", "log_path", "checkpoint_path",
    "ckpt_path", "run", "run_name", "run_id", "runid", "run_uuid", "wandb_name", "wandb_id", "experiment_name",
    "exp_name", "hostname", "host", "user", "timestamp", "created_at", "start_time", "end_time", "project", "resume",
    "resume_from_checkpoint", "local_rank", "rank", "process_index", "device", "gpu", "gpu_id", "pid", "job_id",
    "slurm_job_id", "trial", "trial_id", "uuid", "hub_model_id", "notes", "comment", "git_commit", "commit",
    "transformers_version", "torch_version", "python_version",
})  # fmt: skip
# Names that are a label of the run at the top, or of one of these; "model.name" is none
GENERIC = frozenset({"dir", "path", "name", "id", "date", "time", "version", "index", "tag", "tags"})
OF_RUN = frozenset({"run", "experiment", "exp", "logger", "logging", "wandb", "hydra", "job", "trial"})
SCHEDULE = re.compile(r"(^|[-_/. ])(lr|learning_rate)($|[-/. ])", re.IGNORECASE)  # also "lr-AdamW", "train/lr"
LARGEST = 2_000_000  # bytes; what is larger is no recipe


def is_label(name: object) -> bool:
    """Whether an entry tells runs of one recipe apart: names, places, times, seeds.

    Parameters
    ----------
    name : object
        Name of a column, param or entry; those of nested ones joined by dots.
    """
    parent, _, own = str(name).strip().lower().replace(" ", "_").replace("/", ".").rpartition(".")
    if "seed" in re.split(r"[-_]", own) or own in ("random_state", "seeds") or own.startswith("unnamed:"):
        return True
    if own in GENERIC:
        return not parent or parent.rpartition(".")[2] in OF_RUN
    # the rank of LoRA is none of a process
    return own in LABELS and not (own == "rank" and parent)


def with_recipes(about: pd.DataFrame, folders: Sequence[Path], found: Findings) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """What files beside the logs say of each run, and which of these columns may tell recipes apart.

    Looked for in the folder of each run, and in those above it that hold no other run. A seed is taken from there if
    the names of the runs do not have one.

    Parameters
    ----------
    about : pandas.DataFrame
        A row a run.
    folders : sequence of Path
        Of each run.
    found : Findings
        Runs without a recipe where others have one are noticed, and files that cannot be read.
    """
    entries = [_entries_of(places, found) for places in _places(folders)]
    bare = [str(name) for name, said in zip(about.index, entries, strict=True) if not said]
    if 0 < len(bare) < len(entries):
        found.notice(f"no recipe lies beside the logs of {listed(bare)}, one does beside those of the other runs.")
    return with_entries(about, entries)


def with_entries(about: pd.DataFrame, entries: Sequence[Mapping[str, Any]]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Entries of each run as columns, but for labels; and the names of the new ones."""
    said = pd.DataFrame(
        [{name: canonical(value) for name, value in one.items()} for one in entries], index=about.index, dtype=object
    )
    known = [bool(one) for one in entries]
    new: dict[str, Any] = {}
    for name in said.columns:
        if not is_label(name) and name not in about.columns:
            # where there is no recipe at all nothing is known; where an entry is missing in one, that is a difference
            new[name] = [value if isinstance(value, str) else ("(none)" if there else None)
                         for value, there in zip(said[name], known, strict=True)]  # fmt: skip
    recipe = tuple(new)
    named = [len(SEED.findall(str(run))) == 1 for run in about.index]
    seeds = [c for c in said.columns if str(c).rpartition(".")[2].lower() in ("seed", "seed_everything", "random_seed")]
    whole = [c for c in seeds if all(re.fullmatch(r"-?\d+", str(value)) for value in said[c])]
    if not all(named) and "seed" not in about.columns and len(whole) == 1:
        new["seed"] = [int(value) for value in said[whole[0]]]
    return pd.concat([about, pd.DataFrame(new, index=about.index)], axis="columns"), recipe


def with_schedules(about: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Logged learning rates, at the first depth that all runs have one: schedules do not depend on the seed.

    Parameters
    ----------
    about : pandas.DataFrame
        A row a run.
    rows : pandas.DataFrame
        ``run`` (position in `about`), ``depth``, ``metric``, ``value``: everything that was logged.
    """
    names = [name for name in pd.unique(rows["metric"]) if SCHEDULE.search(str(name)) and name not in about.columns]
    new: dict[str, Any] = {}
    for name in names:
        own = rows[(rows["metric"] == name) & np.isfinite(rows["value"].astype(float))]
        table = own.drop_duplicates(["run", "depth"]).pivot_table(index="depth", columns="run", values="value")
        table = table[(table.fillna(0) != 0).any(axis=1)].dropna()  # a warm-up begins at 0 in all
        if table.shape[1] == len(about) > 1 and len(table):
            new[str(name)] = [canonical(float(value)) for value in table.iloc[0].sort_index()]
    return pd.concat([about, pd.DataFrame(new, index=about.index)], axis="columns"), tuple(new)


def differing(about: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    """Columns in which recipes of runs differ, but for those that say no more than a run's name or seed.

    Parameters
    ----------
    about : pandas.DataFrame
        What is said of each run; index: their names.
    columns : iterable of str
        Those of `about` that may tell recipes apart. What is missing in some is no difference.
    """
    out = []
    for name in columns:
        texts = {str(run): canonical(value) for run, value in zip(about.index, about[name], strict=True)}
        if len({_bare(text, run) for run, text in texts.items() if text is not None}) > 1:
            out.append(str(name))
    return out


def recipes(logs: RunLogs, tasks: pd.Series, told: set[str], found: Findings) -> None:
    """Notice runs of one task that differ in something else than the seed.

    Parameters
    ----------
    logs : RunLogs
    tasks : pandas.Series
        Of each run.
    told : set of str
        Columns that the user named as seed or task.
    found : Findings
    """
    columns = [name for name in logs.task_columns if name not in told]
    for task in pd.unique(tasks):
        about = logs.about[(tasks == task).to_numpy()]
        if differ := differing(about, columns):
            found.notice(
                f"the {len(about)} runs of task {task!r} differ in {listed(differ)}. If these are other recipes, pass "
                f"task={differ[0]!r}, or what tells them apart: seeds of one recipe differ in nothing else."
            )


def canonical(value: object) -> str | None:
    """A value as a text that is the same for 1, 1.0 and "1"; None for what is missing."""
    if isinstance(value, Mapping):
        return json.dumps({str(k): canonical(v) for k, v in value.items()}, sort_keys=True)
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        parts = [str(canonical(one)) for one in value]
        texts = all(isinstance(one, str) for one in value)  # sets of names are written in any order
        return ", ".join(sorted(parts) if texts else parts)
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    text = str(value).strip()
    if _is_number(text) and len(text) < 16:
        return f"{float(text):.7g}"
    return text.lower() if text.lower() in ("true", "false") else text


def _is_number(text: str | None) -> bool:
    try:
        return math.isfinite(float(text or ""))
    except ValueError:
        return False


def _bare(text: str, run: str) -> str:
    """A text without the run's name and seed; numbers as they are."""
    if _is_number(text):
        return text
    for part in (run, run.rpartition("/")[2]):
        if len(part) > 1 and not part.isdigit():
            text = text.replace(part, "")
    return SEED.sub("", text)


def _places(folders: Sequence[Path]) -> Iterator[list[Path]]:
    """Each folder, its last checkpoint, and the folders above it that hold no other of them."""
    absolute = [folder.absolute() for folder in folders]
    held: dict[Path, set[Path]] = {}
    for folder in absolute:
        for above in (folder, *folder.parents):
            held.setdefault(above, set()).add(folder)
    several = len(set(absolute)) > 1
    for folder in absolute:
        last = sorted(folder.glob("checkpoint-*"), key=lambda path: (len(path.name), path.name))[-1:]
        yield [folder, *last, *(above for above in folder.parents if several and len(held[above]) == 1)]


def _entries_of(places: Sequence[Path], found: Findings) -> dict[str, Any]:
    """All that the recipes in some folders say; where two contradict each other both stay."""
    entries: dict[str, Any] = {}
    for folder in places:
        for name in FILES:
            file = folder / name
            try:
                if not file.is_file() or file.stat().st_size > LARGEST:
                    continue
                said = _read(file)
            except (OSError, ValueError, RecursionError) as error:
                found.leave_out(f"{file}: the recipe in it cannot be read ({error})")
                continue
            for key, value in said.items():
                if key in entries and canonical(entries[key]) != canonical(value):
                    entries[f"{name}:{key}"] = value
                else:
                    entries[key] = value
    return entries


def _read(file: Path) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix == ".md":
        return card_entries(text)
    if file.suffix == ".json":
        said = json.loads(text)
    elif file.suffix == ".toml":
        said = tomllib.loads(text)
    else:
        said = yaml_entries(text)
    said = flat(said) if isinstance(said, Mapping) else {}
    if any(key.startswith("_wandb") for key in said):  # W&B keeps each entry as a pair of value and description
        said = {key.removesuffix(".value"): value for key, value in said.items()
                if not key.startswith(("_wandb", "wandb_version")) and not key.endswith(".desc")}  # fmt: skip
    return said


def card_entries(text: str) -> dict[str, str]:
    """Hyperparameters on the model card that a Trainer writes; nothing of any other page."""
    _, there, rest = text.partition("### Training hyperparameters")
    part = re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0] if there else ""
    return dict(re.findall(r"^- ([\w. ]+): (.+)$", part, flags=re.MULTILINE))


def flat(nested: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Entries of nested mappings under their names joined by dots."""
    out: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            out |= flat(value, f"{before}{key}.")
        else:
            out[f"{before}{key}"] = value
    return out


def yaml_entries(text: str) -> dict[str, str]:
    """Entries of YAML's block mappings, those of nested ones joined by dots; all else stays text.

    Recipes are compared, not used, so no more is needed; and what writers put there, such as tags of Python objects, is
    nothing to be built.
    """
    out: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    last = ""
    for line in text.splitlines():
        content = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        if not content.strip() or content.startswith(("---", "...", "%")):
            continue
        indent = len(content) - len(content.lstrip())
        entry = re.fullmatch(r"\s*(\"[^\"]*\"|'[^']*'|[^\s:\-#][^:]*?)\s*:(?:\s+(.*))?", content)
        if entry is None:
            if last:
                out[last] = f"{out.get(last, '')} {content.strip()}".strip()
            continue
        while above and above[-1][0] >= indent:
            above.pop()
        last = ".".join([*(name for _, name in above), entry[1].strip("\"'")])
        above.append((indent, entry[1].strip("\"'")))
        value = (entry[2] or "").strip()
        if value and not value.startswith(("!!python/object", "&")):
            out[last] = value.strip("\"'")
    return out
