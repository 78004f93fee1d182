"""What is in hand of one recipe: the finals of its runs, and what is known of the evaluation rows behind them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from predictlab.errors import DataError
from predictlab.risk import VarianceComponents, components_of_margins, variance_components
from predictlab.risk._components import CHURN, CHURN_LOG_SD
from predictlab.task import is_share

Array = NDArray[np.float64]
SHARES = ("acc", "acc_norm", "em", "pass@1", "resolved", "right", "correct")


@dataclass(frozen=True)
class Sampling:
    """What asking one run again changes: repeats of the evaluation (epochs, trials), a level below runs and rows.

    Parameters
    ----------
    epochs : float
        Repeats K behind each outcome (harmonic mean).
    variance : float
        Of one answer about the mean of its run and row, metric² (mean over rows).
    error : float
        Standard error of `variance`.
    right_or_wrong : bool
        Whether each answer is 0 or 1.
    """

    epochs: float
    variance: float
    error: float
    right_or_wrong: bool


@dataclass(frozen=True)
class Moments:
    """Mean and sample variance of runs that are not given one by one."""

    mean: float
    variance: float
    runs: int


@dataclass(frozen=True, eq=False)
class Evidence:
    """Runs of one recipe on one evaluation set.

    Parameters
    ----------
    name, task, metric : str
    finals : ndarray, shape (S,)
        The metric of each run, at its end; empty where only their `moments` are known.
    runs : tuple of str
        Their names.
    seeds : tuple, optional
        Of the runs, where each has one.
    outcomes : ndarray, shape (S, n), optional
        Of each run on each row.
    row_means : ndarray, shape (n,), optional
        Over the runs: the margin of 0/1 outcomes, or of `outcomes`.
    row_names : tuple, optional
    cluster : ndarray, shape (n,), optional
    eval_rows : int, optional
        Rows n of the set.
    repeats : tuple of float and int, optional
        Variance between runs of one and the same seed, metric², and its degrees of freedom.
    sampling : Sampling, optional
        Where outcomes are means over repeats of the evaluation.
    prompts : tuple, optional
        How each row was asked, where that is known.
    groups : ndarray of int, shape (S,), optional
        Where runs are of several recipes: which one each is of. Their spread is that within recipes.
    moments : Moments, optional
        In the place of finals.
    depth : float, optional
        At which runs were measured, where that is known.
    notes : tuple of str
        What was left out or taken for granted in reading.
    """

    name: str
    task: str
    metric: str
    finals: Array
    runs: tuple[str, ...]
    seeds: tuple[int, ...] | None = None
    outcomes: NDArray[np.generic] | None = None
    row_means: Array | None = None
    row_names: tuple[Hashable, ...] | None = None
    cluster: NDArray[np.generic] | None = None
    eval_rows: int | None = None
    repeats: tuple[float, int] | None = None
    sampling: Sampling | None = None
    prompts: tuple[Hashable, ...] | None = None
    groups: NDArray[np.int64] | None = None
    moments: Moments | None = None
    depth: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Runs S."""
        return len(self.finals) if self.moments is None else self.moments.runs

    @property
    def df(self) -> int:
        """Degrees of freedom of the variance over runs: runs less recipes."""
        return self.count - (1 if self.groups is None else len(np.unique(self.groups)))

    @property
    def mean(self) -> float:
        """Over runs, metric."""
        return float(self.finals.mean()) if self.moments is None else self.moments.mean

    @property
    def variance(self) -> float:
        """Sample variance over runs, metric², within recipes where there are several; NaN of one run."""
        if self.moments is not None:
            return self.moments.variance
        if self.df < 1:
            return float("nan")
        if self.groups is None:
            return float(self.finals.var(ddof=1))
        code = np.unique(self.groups, return_inverse=True)[1]
        means = np.bincount(code, self.finals) / np.bincount(code)
        return float(np.sum((self.finals - means[code]) ** 2) / self.df)

    @property
    def is_share(self) -> bool:
        """Whether the metric is a share of rows that are right or wrong."""
        if self.sampling is not None:
            return self.sampling.right_or_wrong
        if self.outcomes is not None:
            return bool(np.isin(self.outcomes, (0, 1)).all())
        return self.row_means is not None or is_share(self.metric) or self.metric in SHARES

    @cached_property
    def parts(self) -> VarianceComponents | None:
        """Variances of runs and rows; None where no rows are known, or one run is all there is."""
        if len(self.finals) < 2 or self.row_means is None or len(self.row_means) < 2:
            return None
        if self.outcomes is None:
            return components_of_margins(self.finals, self.row_means)
        return variance_components(self.outcomes, self.cluster)

    def on_rows(self, kept: Array) -> Evidence:
        """The same runs on some of the rows, in the order of the indices `kept`."""
        assert self.row_means is not None
        if self.outcomes is None:
            if len(kept) < len(self.row_means) or self.row_names is None:
                raise DataError(
                    f"{self.name}: margins cannot be cut to the rows that both have. Give the outcomes of each run, or "
                    "margins of one set."
                )
            return replace(self, row_means=self.row_means[kept], row_names=tuple(self.row_names[i] for i in kept))
        outcomes = self.outcomes[:, kept]
        return replace(
            self,
            finals=outcomes.mean(axis=1, dtype=float),
            outcomes=outcomes,
            row_means=outcomes.mean(axis=0, dtype=float),
            row_names=None if self.row_names is None else tuple(self.row_names[i] for i in kept),
            cluster=None if self.cluster is None else self.cluster[kept],
            prompts=None if self.prompts is None else tuple(self.prompts[i] for i in kept),
            eval_rows=len(kept),
        )


def by_cluster(of_rows: Array, cluster: NDArray[np.generic] | None) -> Array:
    """Sums over the clusters of rows; what each row has where there are none."""
    if cluster is None:
        return of_rows
    return np.bincount(np.unique(cluster, return_inverse=True)[1], weights=of_rows).astype(np.float64)


def churn_prior(mean: float, quantile: float = 0.0) -> float:
    """``sigma_int²`` a row, metric², at `quantile` standard deviations of the prior; at most ``p (1 - p)``."""
    return float(min(CHURN * np.exp(CHURN_LOG_SD * quantile) * (1 - mean) / 2, mean * (1 - mean)))
