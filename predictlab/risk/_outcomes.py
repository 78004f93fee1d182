"""Outcomes of evaluation rows: what each run did on each row at each depth (docs/theory.md, section 8)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab.errors import DataError, bad_argument
from predictlab.risk._components import Array, VarianceComponents, components_of_margins, variance_components
from predictlab.runs import Margins
from predictlab.task import is_share

LEAST_COMMON = 0.5  # share of the rows that all runs must have in common


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Outcomes of every run on every row at every depth.

    Parameters
    ----------
    task, metric : str
        Labels; the metric is the mean over rows.
    depth : ndarray, shape (k,)
        Steps, increasing.
    runs : tuple of str
    rows : tuple
        Identities of the rows, in the order of the set.
    values : ndarray, shape (k, runs, rows)
        0/1, a loss, or any number.
    measured : ndarray of bool, shape (k, runs)
        Which runs were evaluated at which depth.
    cluster : ndarray, shape (rows,), optional
        Rows of one cluster are not independent.
    rows_left_out : int
        Rows that some run misses.
    seconds : tuple of float
        What a step of one run and a row of its evaluation took, where a probe measured it; else NaN.

    Examples
    --------
    >>> frame = pd.DataFrame({"task": "t", "run": list("aabb"), "depth": 4, "metric": "accuracy",
    ...                       "row": [0, 1, 0, 1], "value": [1, 0, 1, 1]})
    >>> outcomes_of(frame).values.shape
    (1, 2, 2)
    """

    task: str
    metric: str
    depth: Array
    runs: tuple[str, ...]
    rows: tuple[Hashable, ...] = field(repr=False)
    values: NDArray[np.generic] = field(repr=False)
    measured: NDArray[np.bool_] = field(repr=False)
    cluster: NDArray[np.generic] | None = field(default=None, repr=False)
    rows_left_out: int = 0
    seconds: tuple[float, float] = (float("nan"), float("nan"))

    def components(self) -> tuple[VarianceComponents, ...]:
        """Estimate the variance components at each depth, of the runs that were evaluated there.

        Returns
        -------
        tuple of VarianceComponents
            One a depth.
        """
        return tuple(
            variance_components(at[there], self.cluster) for at, there in zip(self.values, self.measured, strict=True)
        )

    def means(self) -> pd.DataFrame:
        """Average the rows: the metric of each run at each depth, as tidy rows.

        Returns
        -------
        pandas.DataFrame
            ``task``, ``run``, ``depth``, ``metric``, ``value``, ``status``.
        """
        value = self.values.mean(axis=2, dtype=float)
        return pd.DataFrame(
            {
                "task": self.task,
                "run": np.tile(self.runs, len(self.depth)),
                "depth": np.repeat(self.depth, len(self.runs)),
                "metric": self.metric,
                "value": value.ravel(),
                "status": np.where(np.isfinite(value.ravel()), "ok", "diverged"),
            }
        )[self.measured.ravel()]

    def subset(self, depth: ArrayLike, runs: Mapping[str, int] | list[str] | tuple[str, ...]) -> Outcomes:
        """Take some depths and runs.

        Parameters
        ----------
        depth : array_like
            Depths that are there.
        runs : sequence of str
            Runs that are there, in the order they are wanted.

        Returns
        -------
        Outcomes
        """
        depths = np.asarray(depth, dtype=float)
        at = [int(np.flatnonzero(self.depth == c)[0]) for c in depths]
        number = {name: i for i, name in enumerate(self.runs)}
        chosen = [number[name] for name in runs]
        cells = np.ix_(at, chosen)
        return replace(self, depth=depths, runs=tuple(runs), values=self.values[cells], measured=self.measured[cells])


def outcomes_of(frame: pd.DataFrame, cluster: str | Mapping[Hashable, Hashable] | None = None) -> Outcomes:
    """Arrange the outcomes of one task and one metric as an array.

    Parameters
    ----------
    frame : pandas.DataFrame
        Long: ``task``, ``run``, ``depth``, ``metric``, ``row``, ``value``, as `read_outcomes` gives.
    cluster : str or mapping, optional
        A column that names the cluster of each row, or row -> cluster.

    Returns
    -------
    Outcomes
        Of the rows that all runs have at all their depths; a run and depth without any row is missing (NaN).

    Raises
    ------
    DataError
        Two values of one run, depth and row; less than half of the rows in common; outcomes of an accuracy outside 0
        to 1.

    Examples
    --------
    >>> frame = pd.DataFrame({"task": "t", "run": list("aabb"), "depth": 4, "metric": "accuracy",
    ...                       "row": [0, 1, 0, 1], "value": [1, 0, 1, 1]})
    >>> outcomes_of(frame).means()["value"].tolist()
    [0.5, 1.0]
    """
    task, metric = (str(frame[name].iloc[0]) for name in ("task", "metric"))
    depth_code, depths = pd.factorize(frame["depth"].astype(float).to_numpy(), sort=True, use_na_sentinel=False)
    run_code, runs = pd.factorize(frame["run"])
    row_code, rows = pd.factorize(frame["row"])
    if (row_code < 0).any():
        raise DataError(f"task {task!r}: an outcome has no row. Name the row of each.")
    value = frame["value"].to_numpy(dtype=np.float64)
    shape = (len(depths), len(runs), len(rows))
    cell = (depth_code * shape[1] + run_code) * shape[2] + row_code
    there = np.zeros(int(np.prod(shape)), dtype=bool)
    there[cell] = True
    if np.count_nonzero(there) < len(cell):
        i = int(np.flatnonzero(pd.Series(cell).duplicated().to_numpy())[0])
        at, row = f"at depth {depths[depth_code[i]]:g}", rows[row_code[i]]
        at = f"run {runs[run_code[i]]!r} has two outcomes of row {row} {at}"
        raise DataError(f"task {task!r}: {at}; keep one.")
    if is_share(metric) and ((value < 0) | (value > 1)).any():
        wrong = value[(value < 0) | (value > 1)][0]
        raise DataError(f"task {task!r}: an outcome of {metric} is {wrong:g}; each row's is from 0 to 1.")
    full = np.full(len(there), np.nan)
    full[cell] = value
    full, there = full.reshape(shape), there.reshape(shape)
    measured = np.asarray(there.any(axis=2))
    common = (there | ~measured[:, :, None]).all(axis=(0, 1))
    if common.sum() < LEAST_COMMON * len(rows) or common.sum() < 2:
        raise DataError(
            f"task {task!r}: of {len(rows)} rows {int(common.sum())} were answered by all {len(runs)} runs at all "
            "their depths; at least half, and two, are needed. Was it one set, its rows named alike in all runs?"
        )
    kept = rows[common]
    return Outcomes(
        task, metric, np.asarray(depths, dtype=float), tuple(map(str, runs)), tuple(kept), full[:, :, common], measured,
        None if cluster is None else cluster_labels(frame, kept, cluster), int((~common).sum()),
    )  # fmt: skip


def cluster_labels(
    frame: pd.DataFrame, rows: Iterable[Hashable], cluster: str | Mapping[Hashable, Hashable]
) -> NDArray[np.generic]:
    """Cluster of each of `rows`, by a column of the outcomes or as a mapping says."""
    if isinstance(cluster, str):
        if cluster not in frame.columns:
            raise bad_argument("cluster", cluster, f"a column of the outcomes: {', '.join(map(str, frame.columns))}")
        labels = frame[["row", cluster]].drop_duplicates()
        if labels["row"].duplicated().any():
            row = labels.loc[labels["row"].duplicated(), "row"].iloc[0]
            raise DataError(f"row {row} is in two clusters of {cluster!r}.")
        cluster = dict(labels.itertuples(index=False, name=None))
    if missing := [row for row in rows if row not in cluster]:
        given = f"{len(missing)} rows without one, such as {missing[0]}"
        raise bad_argument("cluster", given, "a cluster for each row")
    return np.asarray([cluster[row] for row in rows])


def components_of(margins: Margins) -> tuple[VarianceComponents, ...]:
    """Estimate the variance components at each depth from margins.

    Parameters
    ----------
    margins : Margins
        As `read_outcomes` gives.

    Returns
    -------
    tuple of VarianceComponents
        One a depth.
    """
    runs = margins.runs.groupby("depth", sort=True, dropna=False)["value"]
    rows = margins.rows.groupby("depth", sort=True, dropna=False)["value"]
    return tuple(
        components_of_margins(of_runs.to_numpy(), of_rows.to_numpy())
        for (_, of_runs), (_, of_rows) in zip(runs, rows, strict=True)
    )
