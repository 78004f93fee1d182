"""What every importer hands on: rows as the source has them, and what the source says about each run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from predictlab.errors import ArgumentError, bad_argument

Names = str | Sequence[str] | Mapping[str, str] | None
SHOWN = 12  # names listed in an error


@dataclass
class Found:
    """Measurements read from one source, before seeds and tasks are settled.

    Attributes
    ----------
    rows : pandas.DataFrame
        Columns ``run`` (categorical), ``depth``, ``metric`` (categorical), ``value``; where known ``seconds``,
        ``flops``, ``status``, ``parent`` and columns to be kept. In the order in which they were written.
    facts : pandas.DataFrame
        What the source says about each run (params, tags, a seed column); index: names of the runs, in their order.
    label : str
        Name of the source, for a task that has no other.
    hint : str
        What else the user may want to know when seeds or tasks are asked about.
    apart : tuple of str
        Columns of `facts` that may name tasks: if they differ among runs, the user is asked.
    kept : tuple of str
        Columns of `rows` that the user wants beside the tidy ones.
    """

    rows: pd.DataFrame
    facts: pd.DataFrame
    label: str
    hint: str = ""
    apart: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def listed(names: Iterable[Any]) -> str:
    """Names for an error message, the first dozen of them."""
    every = [str(n) for n in names]
    more = f", ... ({len(every)} in all)" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more


def ask(argument: str, question: str, how: str) -> ArgumentError:
    """The error that asks for an argument which was left out: what is open, and what to pass."""
    return ArgumentError(f"{argument}=None: {question} {how}")


def chosen_metrics(present: Iterable[str], metric: Names, default: Iterable[str], where: str) -> dict[str, str]:
    """Which metrics to read, and the name of each in the result.

    Parameters
    ----------
    present : iterable of str
        All that were recorded.
    metric : str, list of str, mapping or None
        As given by the user: names or patterns such as ``"eval/*"``, or name there -> name in the result.
    default : iterable of str
        What to take when `metric` is None; if empty, a metric has to be the only one, or is asked for.
    where : str
        Words for the source, used in errors.
    """
    names = sorted(set(present))
    if metric is None:
        default = [name for name in names if name in set(default)]
        if default or len(names) == 1:
            return {name: name for name in default or names}
        if not names:
            raise bad_argument("metric", None, f"at least one metric in {where}", "Nothing was recorded there.")
        raise ask(
            "metric", f"{len(names)} candidates in {where}: {listed(names)}.",
            f"Pass metric={names[0]!r}, a list, a pattern such as metric='eval*', or a mapping to new names.",
        )  # fmt: skip
    wanted = metric if isinstance(metric, Mapping) else [metric] if isinstance(metric, str) else list(metric)
    found: dict[str, str] = {}
    for name in wanted:
        hits = [name] if name in names else [n for n in names if fnmatchcase(n, str(name))]
        if not hits:
            raise bad_argument("metric", name, f"a metric of {where}", f"There are: {listed(names) or 'none'}.")
        for hit in hits:
            found[hit] = metric[name] if isinstance(metric, Mapping) else hit
    if len(set(found.values())) < len(found):
        raise bad_argument("metric", metric, "a different new name for each metric")
    return found
