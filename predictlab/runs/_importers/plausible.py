"""Runs that are not what they seem: copies, one seed twice, equal values under two seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from predictlab.runs._importers.logs import listed
from predictlab.runs._importers.report import Findings
from predictlab.task import is_share


def units_of_shares(frame: pd.DataFrame, found: Findings) -> None:
    """Notice shares in percent, and runs of which some are in percent and others are not."""
    for metric, part in frame[frame["status"] == "ok"].groupby("metric", sort=False):
        highest = part.groupby(["task", "run"], sort=False)["value"].max()
        if not is_share(str(metric)) or not 1.5 < highest.max() <= 100:
            continue
        small = highest[highest <= 1]
        if len(small):
            found.notice(
                f"{metric} goes up to {highest.max():.4g} in some runs, and only to {small.max():.4g} in "
                f"{listed(run for _, run in small.index)}: percent in some, shares in others?"
            )
        else:
            found.notice(f"{metric} is in percent (up to {highest.max():.4g}): so are margins and thresholds then.")


def without_copies(frame: pd.DataFrame, found: Findings) -> pd.DataFrame:
    """The frame without runs that repeat another one of their task and seed; what else comes twice is noticed.

    A run that holds nothing but measurements that another of the same seed has too is a copy of it, or of its
    beginning.
    """
    own = frame[frame["parent"].isna()]
    columns = ["metric", "depth", "value"]
    marks = pd.util.hash_pandas_object(own[columns].astype({"metric": str}), index=False).to_numpy()
    by_run = {key: frozenset(marks[rows]) for key, rows in own.groupby(["task", "run"], sort=False).indices.items()}
    seed_of = own.groupby(["task", "run"], sort=False)["seed"].first()
    groups: dict[tuple[Any, Any], list[Any]] = {}
    for key, seed in seed_of.items():
        groups.setdefault((key[0], seed), []).append(key)
    copies: dict[Any, Any] = {}
    for (task, seed), keys in groups.items():
        kept: list[Any] = []
        for key in sorted(keys, key=lambda k: -len(by_run[k])):
            same = next((k for k in kept if by_run[key] <= by_run[k]), None)
            if same is None:
                kept.append(key)
            else:
                copies[key] = same
        if len(kept) > 1 and len(groups) > 1:
            found.notice(
                f"seed {seed} comes {len(kept)} times in task {task!r}, with different values: "
                f"{listed(run for _, run in kept)}. Are these runs of one recipe?"
            )
    for key, same in copies.items():
        found.leave_out(
            f"run {key[1]!r} of task {key[0]!r}: a copy of {same[1]!r}, with the same seed and equal values"
        )
    first: dict[Any, Any] = {}
    for key, mark in by_run.items():
        if key in copies or len(mark) < 3:
            continue
        same = first.setdefault((key[0], mark), key)
        if same != key:
            found.notice(
                f"runs {same[1]!r} and {key[1]!r} of task {key[0]!r} have equal values under different seeds: the seed "
                "had no effect, or one is a copy of the other."
            )
    if not copies:
        return frame
    gone = pd.MultiIndex.from_frame(frame[["task", "run"]].astype(str)).isin([(str(t), str(r)) for t, r in copies])
    return frame[~np.asarray(gone)].reset_index(drop=True)
