"""What every reader returns: measurements as the source has them, and what the source says about each run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from predictlab.errors import ArgumentError, bad_argument
from predictlab.task import PREFIXES, better_side

if TYPE_CHECKING:
    from predictlab.runs._importers.report import Findings

Names = str | Sequence[str] | Mapping[str, str] | None
SEED = re.compile(r"seed[-_=:# ]{0,3}(\d+)", re.IGNORECASE)
SHOWN = 12  # names listed in an error
LONGEST = 200  # characters of one name


@dataclass
class RunLogs:
    """Runs of one source, before seeds and tasks are settled.

    Attributes
    ----------
    rows : pandas.DataFrame
        Columns ``run`` (position in `about`), ``depth``, ``metric`` (name in the source), ``value``; where known
        ``seconds``, ``flops``, ``status``, ``parent`` and columns to be kept. In the order in which they were written.
    about : pandas.DataFrame
        What the source says about each run (params, tags, a seed column); index: names of the runs, in their order.
    metrics : dict of str to str
        Metrics to read, by `chosen_metrics`: name in the source -> name in the result.
    label : str
        Name of the source, for a task that has no other.
    hint : str
        What else the user may want to know when seeds or tasks are left open.
    task_columns : tuple of str
        Columns of `about` that may name tasks: if they differ among runs, the user has to say.
    kept : tuple of str
        Columns of `rows` that the user wants beside the tidy ones.
    twice : str
        What to do where a run has two values of a metric at one depth, said in the error.
    ordered : bool
        Whether the source says in which order the rows were written.
    begins : float, optional
        Least depth in the source, also of what was not chosen; `select` sees to it where a reader does not.
    """

    rows: pd.DataFrame
    about: pd.DataFrame
    metrics: dict[str, str]
    label: str
    hint: str = ""
    task_columns: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    twice: str = "If it was measured twice, or begun again, pass keep='first' or keep='last'."
    ordered: bool = False
    begins: float | None = None

    def select(self) -> RunLogs:
        """The chosen metrics under their new names, and the runs that have one."""
        depths = pd.to_numeric(self.rows["depth"], errors="coerce")
        begins = float(depths.min()) if self.begins is None else self.begins
        rows = self.rows.assign(metric=self.rows["metric"].astype("category"))
        rows = rows[rows["metric"].isin(self.metrics)].reset_index(drop=True)
        used, rows["run"] = np.unique(rows["run"], return_inverse=True)
        new_names = list(dict.fromkeys(self.metrics.values()))
        rows["metric"] = pd.Categorical(rows["metric"].map(self.metrics), categories=new_names)
        return replace(self, rows=rows, about=self.about.iloc[used], begins=begins)


def listed(names: Iterable[object]) -> str:
    """Names for an error message, the first dozen of them."""
    every = [text if len(text := str(n)) <= LONGEST else f"{text[:LONGEST]}..." for n in names]
    more = f", ... ({len(every)} in all)" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more


def left_open(argument: str, question: str, remedy: str) -> ArgumentError:
    """The error for an argument that was left out where the source leaves it open: what is open, and what to pass."""
    return ArgumentError(f"{argument}=None: {question} {remedy}")


def repeated(rows: pd.DataFrame, found: Findings) -> pd.Series:
    """Names of metrics in `rows`, without those measured once a run where others were at several depths.

    A test at the end is no measurement of a depth; who wants it names it.
    """
    depths = rows.groupby(["metric", "run"], observed=True, sort=False)["depth"].nunique().groupby(level=0).max()
    once = depths.index[depths == 1]
    if not 0 < len(once) < len(depths):
        return rows["metric"]
    found.leave_out(f"{listed(sorted(once))}: measured once a run; pass metric= if it is wanted", loud=False)
    return rows.loc[~rows["metric"].isin(once), "metric"]


def likeliest(names: Sequence[str]) -> str:
    """The name that is most like a metric of an evaluation, for an example."""

    def rank(name: str) -> tuple[bool, bool, bool]:
        low = name.lower()
        parts = set(re.split(r"[^a-z0-9]+", low))
        quality = bool(parts & {"acc", "accuracy", "f1", "auc", "map", "em", "mcc", "bleu", "rouge", "score"})
        return (
            "train" in parts,
            better_side(name) is None and not quality,
            not (parts & {"eval", "val", "valid", "test"}),
        )

    return min(names, key=rank)


def chosen_metrics(present: Iterable[str], metric: Names, where: str, every: bool = False) -> dict[str, str]:
    """Which metrics to read, and the name of each in the result.

    Parameters
    ----------
    present : iterable of str
        All that were recorded.
    metric : str, list of str, mapping or None
        As given by the user: names or patterns such as ``"eval/*"``, or name there -> name in the result.
    where : str
        Words for the source, used in errors.
    every : bool
        Whether all are read when `metric` is None; else it has to be the only one.
    """
    names = sorted(set(present))
    if not names and metric is None:
        raise bad_argument("metric", None, f"at least one metric in {where}", "Nothing was recorded there.")
    if metric is None:
        if every or len(names) == 1:
            return {name: name for name in names}
        raise left_open(
            "metric", f"{len(names)} candidates in {where}: {listed(names)}.",
            f"Pass metric={likeliest(names)!r}, a list, a pattern such as metric='eval*', or a mapping to new names.",
        )  # fmt: skip
    chosen: dict[str, str] = {}
    for name in [metric] if isinstance(metric, str) else metric:
        hits = [name] if name in names else [n for n in names if fnmatchcase(n, str(name))]
        # of all parts of the data that it was measured on: train/loss, eval_loss
        before = rf"((.*/)?|(({'|'.join(PREFIXES)})[/_.-])*)"
        hits = hits or [n for n in names if re.fullmatch(before + re.escape(str(name)), n)]
        if not hits:
            raise bad_argument("metric", name, f"a metric of {where}", f"There are: {listed(names) or 'none'}.")
        chosen |= {hit: metric[name] if isinstance(metric, Mapping) else hit for hit in hits}
    if len(set(chosen.values())) < len(chosen):
        raise bad_argument("metric", metric, "a different new name for each metric")
    return chosen
