"""DVCLive: one TSV a metric in ``plots/metrics`` of a run's folder, joined to the one log that they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

PLOTS = ("plots", "metrics")


def home(file: Path) -> tuple[Path, str] | None:
    """Folder of the run that a metric's file belongs to, and the metric's name; None for any other file."""
    parts = file.parts
    for i in range(len(parts) - 3, -1, -1):
        if parts[i + 1 : i + 3] == PLOTS and file.suffix == ".tsv":
            return Path(*parts[: i + 1]), Path(*parts[i + 3 :]).with_suffix("").as_posix()
    return None


def joined(pairs: Sequence[tuple[Path, pd.DataFrame]]) -> list[tuple[Path, pd.DataFrame]]:
    """Tables of files, those of one DVCLive run as one: a column a metric, under the folder's name.

    Parameters
    ----------
    pairs : sequence of (Path, DataFrame)
        In a metric's file: ``step``, the value under the last part of the metric's name, at times ``timestamp``.
    """
    out: dict[Path, list[pd.DataFrame]] = {}
    for file, table in pairs:
        of = home(file)
        if of is None or "step" not in table.columns:
            out.setdefault(file, []).append(table)
            continue
        folder, name = of
        value = name.rpartition("/")[2]
        if value not in table.columns:
            value = table.columns[-1]
        out.setdefault(folder, []).append(table[["step", value]].rename(columns={value: name}))
    return [(place, pd.concat(tables, ignore_index=True)) for place, tables in out.items()]
