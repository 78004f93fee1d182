"""TensorBoard event files: every scalar of every run folder, read with TensorBoard's own reader."""

from __future__ import annotations

import json
import math
import mmap
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from predictlab.errors import DataError, needs_extra
from predictlab.runs._importers.logs import Names, RunLogs, chosen_metrics, repeated
from predictlab.runs._importers.recipes import flat, with_entries, with_recipes, with_schedules
from predictlab.runs._importers.report import Findings
from predictlab.runs._importers.sources import names_of, natural, read_each, unreadable

PARTS = ("train", "training", "validation", "val", "valid", "eval", "evaluation", "test")
RESTART = "\0restart"  # no writer's tag is called so
SESSION_START = 1  # of TensorBoard's SessionLog
SESSION = re.compile(r"\d{9,}\.\d+")


def read_event_files(files: Sequence[Path], base: Path | None, metric: Names, found: Findings) -> RunLogs:
    """Scalars of the runs; a run is a folder, as TensorBoard has it. Seconds are those since its first event.

    Folders of one run that are called after parts of the data (``train``, ``validation``) are parts of that run's
    metrics, as Keras writes them.
    """
    read = read_each(files, lambda file: _events(file, found), found)
    entries = {file: said for file, (_, said) in read}
    logs = {file.parent for file, (events, _) in read if events}
    # hyperparameters have a session folder of their own below the run's, with nothing or a summary in it
    of_session = {file for file in entries if SESSION.fullmatch(file.parent.name) and file.parent.parent in logs}
    pairs = [(file, events) for file, (events, _) in read if events and file not in of_session]
    if not pairs:
        raise DataError(f"{files[0]}{', ...' if files[1:] else ''}: no scalar in the event files.")
    first = {file: min(event[3] for event in events) for file, events in pairs}
    pairs.sort(key=lambda pair: first[pair[0]])  # the order in which they were written
    pairs = _without_superseded(pairs, found)
    folders = [file.parent for file, _ in pairs]
    parted = _parted(folders)
    homes = [folder.parent if folder in parted else folder for folder in folders]
    by_name = sorted(range(len(pairs)), key=lambda i: natural(pairs[i][0]))
    _, places = pd.factorize(pd.Series([homes[i] for i in by_name]))
    number = {place: i for i, place in enumerate(places)}
    rows = pd.DataFrame(
        [
            (number[home], step, f"{folder.name}/{tag}" if folder in parted else tag, value, time)
            for (_, events), folder, home in zip(pairs, folders, homes, strict=True)
            for step, tag, value, time in events
        ],
        columns=["run", "depth", "metric", "value", "seconds"],
    )
    rows["seconds"] -= rows.groupby("run")["seconds"].transform("min")
    present = repeated(rows, found) if metric is None else rows["metric"]
    metrics = chosen_metrics(present, metric, "the event files")
    names, label = names_of(places, base)
    told: list[dict[str, Any]] = [{} for _ in places]
    home_of = dict(zip(folders, homes, strict=True))
    for file, said_there in entries.items():
        home = home_of.get(file.parent, home_of.get(file.parent.parent))
        if home is not None:
            told[number[home]] |= said_there
    about, own = with_entries(pd.DataFrame(index=names), told)
    about, said = with_recipes(about, list(places), found)
    about, rates = with_schedules(about, rows)
    hint = "Event files do not say the seed."
    return RunLogs(rows, about, metrics, label, hint, (*own, *said, *rates), twice=_twice(pairs), ordered=True)


def _without_superseded(
    pairs: Sequence[tuple[Path, list[tuple[int, str, float, float]]]], found: Findings
) -> list[tuple[Path, list[tuple[int, str, float, float]]]]:
    """Scalars without those that a restart made void: a resumed writer marks the step from which on it writes anew.

    As TensorBoard does, within each folder, in the order in which the files were begun.
    """
    kept: dict[Path, list[tuple[int, tuple[int, str, float, float]]]] = {}
    for number, (file, events) in enumerate(pairs):
        of_folder = kept.setdefault(file.parent, [])
        for event in events:
            if event[1] == RESTART:
                left = [one for one in of_folder if one[1][0] < event[0]]
                if len(left) < len(of_folder):
                    what = (
                        f"{len(of_folder) - len(left)} values from step {event[0]} on, written before a restart there"
                    )
                    found.leave_out(f"{file.parent}: {what}", loud=False)
                of_folder[:] = left
            else:
                of_folder.append((number, event))
    out: list[list[tuple[int, str, float, float]]] = [[] for _ in pairs]
    for of_folder in kept.values():
        for number, event in of_folder:
            out[number].append(event)
    return [(file, events) for (file, _), events in zip(pairs, out, strict=True) if events]


def _whole(file: Path, read: int) -> str | None:
    """What is wrong with a file of which `read` events were read, by the lengths that its records say; None if nothing.

    TensorBoard's reader stops at the first damaged record without a word.
    """
    size, at, count = file.stat().st_size, 0, 0
    if not size:
        return None
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while at + 16 <= size and (length := struct.unpack_from("<Q", data, at)[0]) <= size - at - 16:
            at += length + 16
            count += 1
    if at < size and read >= count:
        return f"it is cut off after {read} records (still written, or a run that was killed?)"
    return f"it is damaged after {read} of at least {count} records" if read < count else None


def _events(file: Path, found: Findings) -> tuple[list[tuple[int, str, float, float]], dict[str, Any]]:
    """Scalars and hyperparameters of one file; an error that names it where there is no scalar or it is damaged."""
    events: list[tuple[int, str, float, float]] = []
    entries: dict[str, Any] = {}
    records, wrong = [0], (OSError, ValueError, TypeError, struct.error)
    with unreadable(f"{file} cannot be read as an event file", wrong, ("tensorboard", "google", "tensorflow")):
        events.extend(scalars(file, entries, records))
        if damage := _whole(file, records[0]):
            found.notice(f"{file}: {damage}; what came before is read.")
    if not any(event[1] != RESTART for event in events) and not entries:
        raise DataError(f"{file}: no scalar in the event file.")
    return events, entries


def _parted(folders: Sequence[Path]) -> set[Path]:
    """Folders named after parts of the data, where a run has more than one of them, or also writes beside them."""
    beside: dict[tuple[Path, str], set[Path]] = {}
    own = set(folders)
    for folder in folders:
        words = re.split(r"[-_]", folder.name.lower())
        parts = [word for word in words if word in PARTS]
        if len(parts) == 1:  # "loss_train" and "loss_val", as add_scalars writes them, are alike but for the part
            rest = "_".join(word for word in words if word not in PARTS)
            beside.setdefault((folder.parent, rest), set()).add(folder)
    return {
        folder for (above, rest), parts in beside.items() if len(parts) > 1 or (above in own and not rest)
        for folder in parts
    }  # fmt: skip


def _twice(pairs: Sequence[tuple[Path, list[tuple[int, str, float, float]]]]) -> str:
    """What to do about two values at one step: which files of one folder overlap."""
    of: dict[Path, list[tuple[Path, int]]] = {}
    for file, events in pairs:
        of.setdefault(file.parent, []).append((file, min(event[0] for event in events)))
    several = next((group for group in of.values() if len(group) > 1), None)
    if several is None:
        return (
            "Its event file has two trainings: keep='last' takes the later one from where it begins, keep='first' "
            "the first."
        )
    begins = ", ".join(f"{file.name} at step {step}" for file, step in several[:4])
    return (
        f"{len(several)} event files lie in the folder of the run and begin at: {begins}. Two trainings, or one "
        "that was resumed: keep='last' takes the later file from where it begins, keep='first' what came first; "
        "for both as "
        "runs, move each file to a folder of its own."
    )


def scalars(file: Path, entries: dict[str, Any], records: list[int]) -> Iterator[tuple[int, str, float, float]]:
    """Step, tag, value and wall time of each scalar; both ways in which writers put one down. Restarts are tagged so.

    Hyperparameters come into `entries`: those of TensorBoard's own plugin, and the arguments that a Trainer writes as
    a text.
    """
    with needs_extra("Reading TensorBoard event files", "tensorboard"):
        from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
        from tensorboard.util.tensor_util import make_ndarray
    plugins: dict[str, str] = {}  # a tag's plugin is named with its first value only
    for event in LegacyEventFileLoader(str(file)).Load():
        records[0] += 1
        if event.HasField("session_log") and event.session_log.status == SESSION_START and event.step > 0:
            yield event.step, RESTART, math.nan, event.wall_time
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "hparams":
                entries |= _hparams(value.metadata.plugin_data.content)
            if value.HasField("simple_value"):
                yield event.step, value.tag, value.simple_value, event.wall_time
            elif value.HasField("tensor"):
                plugin = plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
                if value.tag.startswith("args/") and plugin == "text":
                    entries |= _arguments(make_ndarray(value.tensor).ravel())
                if plugin == "scalars":
                    yield event.step, value.tag, float(make_ndarray(value.tensor).item()), event.wall_time


def _hparams(content: bytes) -> dict[str, Any]:
    """Hyperparameters of a session, as TensorBoard's plugin for them keeps them."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    start = HParamsPluginData.FromString(content).session_start_info
    return {name: getattr(value, value.WhichOneof("kind") or "string_value") for name, value in start.hparams.items()}


def _arguments(texts: Iterable[Any]) -> dict[str, Any]:
    """Arguments that a Trainer wrote as JSON; nothing of any other text."""
    said: dict[str, Any] = {}
    for text in texts:
        try:
            one = json.loads(text)
        except (ValueError, TypeError):
            continue
        said |= flat(one) if isinstance(one, dict) else {}
    return said
