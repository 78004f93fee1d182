"""Runs of HELM: `runs/<suite>/<run spec>/per_instance_stats.json`, beside `run_spec.json` and `instances.json`.

Of each instance: `instance_id`, `perturbation`, `train_trial_index`, `stats[]` with name.name, name.split, sum and
count (its variance is a population's, and is not used). Layout as of 0.5.16. Perturbed instances are other rows and are
left out; trials of the shots are repeats of an evaluation, as epochs are. Instance ids are given by order: rows are
known by what `instances.json` says of them, where it is there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from predictlab.errors import DataError
from predictlab.runs._evaluations.parts import Part, chosen, content_of, files_in, load_json, log

TOOL = "HELM"
_FILE = "per_instance_stats.json"


def files(source: Path) -> list[Path]:
    """The statistics of a file or a folder, at any depth of it."""
    return files_in(source, _FILE, lambda p: p.name == _FILE)


def read(file: Path, metric: str | None, filter_name: str | None, partial: bool) -> Part:
    """One run; `filter_name` is the split, where there are several."""
    lines = load_json(file)
    if not isinstance(lines, list) or not lines or "stats" not in lines[0]:
        raise DataError(f"{file} has no statistics of instances.")
    plain = [line for line in lines if not line.get("perturbation")]
    if len(plain) < len(lines):
        log.warning("%s: %d lines of perturbed instances left out", file, len(lines) - len(plain))
    stats = [(line, stat) for line in plain for stat in line["stats"] if not stat["name"].get("perturbation")]
    splits = list(dict.fromkeys(str(stat["name"].get("split")) for _, stat in stats))
    split = chosen("filter", filter_name, splits, file, "HELM's splits are not mixed; name one.")
    stats = [(line, stat) for line, stat in stats if str(stat["name"].get("split")) == split]
    metric = chosen("metric", metric, list(dict.fromkeys(str(stat["name"]["name"]) for _, stat in stats)), file)
    contents = _contents(file.parent / "instances.json")
    table = pd.DataFrame(
        [
            {
                "id": line["instance_id"],
                "content": contents.get(line["instance_id"]),
                "epoch": int(line.get("train_trial_index", 0)) + 1,
                "value": stat["sum"] / stat["count"] if stat.get("count") else float("nan"),
            }
            for line, stat in stats
            if stat["name"]["name"] == metric
        ]
    )
    spec = _spec(file)
    adapter = spec.get("adapter_spec") or {}
    shots = ("method", "instructions", "max_train_instances", "input_prefix", "output_prefix")
    table["prompt"] = content_of(*(str(adapter.get(key)) for key in shots))
    name = str(spec.get("name") or file.parent.name)
    model = str(adapter.get("model") or "")
    task = re.sub(r"[,:]model=[^,]*", "", name).rstrip(":,")
    return Part(file, file.parent.parent if model else file.parent, task, metric, model, table)


def _spec(file: Path) -> dict[str, Any]:
    beside = file.parent / "run_spec.json"
    return load_json(beside) if beside.is_file() else {}


def _contents(file: Path) -> dict[str, str]:
    """Hash of what each unperturbed instance asks."""
    if not file.is_file():
        return {}
    out = {}
    for one in load_json(file):
        if not one.get("perturbation"):
            references = [str((r.get("output") or {}).get("text")) for r in one.get("references") or []]
            out[one["id"]] = content_of((one.get("input") or {}).get("text") or "", references)
    return out
