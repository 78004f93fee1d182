"""TensorBoard event files: every scalar of every run folder, read with TensorBoard's own reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from predictlab.errors import DataError, needs_extra
from predictlab.runs._importers.logs import Names, RunLogs, chosen_metrics
from predictlab.runs._importers.sources import names_of


def read_event_files(files: Sequence[Path], base: Path | None, metric: Names) -> RunLogs:
    """Scalars of the runs; a run is a folder, as TensorBoard has it. Seconds are those since its first event."""
    run, folders = pd.factorize(pd.Series([file.parent for file in files]))
    events = [(number, *event) for number, file in zip(run, files, strict=True) for event in scalars(file)]
    rows = pd.DataFrame(events, columns=["run", "depth", "metric", "value", "seconds"])
    if rows.empty:
        raise DataError(f"{files[0]}{', ...' if files[1:] else ''}: no scalar in the event files.")
    rows["seconds"] -= rows.groupby("run")["seconds"].transform("min")
    metrics = chosen_metrics(rows["metric"], metric, "the event files")
    names, label = names_of(folders, base)
    return RunLogs(rows, pd.DataFrame(index=names), metrics, label, "Event files do not say the seed.")


def scalars(file: Path) -> Iterator[tuple[int, str, float, float]]:
    """Step, tag, value and wall time of each scalar; both ways in which writers put one down."""
    with needs_extra("Reading TensorBoard event files", "tensorboard"):
        from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
        from tensorboard.util.tensor_util import make_ndarray
    plugins: dict[str, str] = {}  # a tag's plugin is named with its first value only
    for event in LegacyEventFileLoader(str(file)).Load():
        for value in event.summary.value:
            if value.HasField("simple_value"):
                yield event.step, value.tag, value.simple_value, event.wall_time
            elif value.HasField("tensor"):
                plugin = plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
                if plugin == "scalars":
                    yield event.step, value.tag, float(make_ndarray(value.tensor).item()), event.wall_time
