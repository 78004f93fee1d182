"""One value of one score on rows that share what was computed for the others: decomposition, neighbours, folds."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Self

import numpy as np

from predictlab.errors import DataError
from predictlab.static._accuracies import VInformation, neighbours, out_of_fold, v_information_of, votes
from predictlab.static._hscore import hscore_of
from predictlab.static._logme import logme_of, standardised
from predictlab.static._parc import parc_of
from predictlab.static._regression import out_of_fold_values, r2, r2_of_neighbours
from predictlab.static._repeated import Repeated
from predictlab.static._source_head import leep_of, mixtures
from predictlab.static._spectrum import Decomposition
from predictlab.static._transrate import transrate_of

NEIGHBOURS, FOLDS, MIXTURES = 5, 5, 3


class Shared:
    """Features and what they are to tell, with what scores share, each computed when it is first asked for.

    Parameters
    ----------
    x : ndarray (n, d)
        Checked features.
    targets : ndarray (n,)
        Class codes, or numbers.
    seed : int
        Of folds, mixtures and subsamples.
    """

    def __init__(self, x: np.ndarray, targets: np.ndarray, seed: int = 0) -> None:
        self.x, self.targets, self.seed = x, targets, seed

    def __len__(self) -> int:
        return len(self.x)

    def part(self, kept: np.ndarray) -> Self:
        """Some of the rows."""
        return type(self)(self.x[kept], self.targets[kept], self.seed)

    def permuted(self, order: np.ndarray) -> Self:
        """The same features with other targets; what does not depend on those is not computed again."""
        other = type(self)(self.x, self.targets[order], self.seed)
        for name in ("decomposition", "near", "theta"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    @cached_property
    def decomposition(self) -> Decomposition:
        """Gram matrix, eigenvectors, Ledoit-Wolf share."""
        return Decomposition(self.x)

    @cached_property
    def near(self) -> np.ndarray:
        """The nearest other rows by cosine."""
        return neighbours(self.x, min(NEIGHBOURS, len(self) - 1), "cosine")


class Rows(Shared):
    """Features and class codes 0 .. c-1; classes without a row are left out."""

    def __init__(self, x: np.ndarray, codes: np.ndarray, seed: int = 0) -> None:
        self.codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
        self.counts = np.bincount(self.codes)
        super().__init__(x, self.codes, seed)

    def usable(self) -> bool:
        """Whether there are two classes."""
        return len(self.counts) > 1

    @cached_property
    def theta(self) -> list[np.ndarray]:
        """Posteriors of Gaussian mixtures, one a seed."""
        return mixtures(self.x, 5 * len(self.counts), 64, MIXTURES, self.seed)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Of a logistic regression on the other folds."""
        return out_of_fold(self.x, self.codes, min(FOLDS, int(self.counts.max())), 1.0, self.seed)

    @cached_property
    def predictable(self) -> Rows:
        """The rows whose class has another one: the others cannot be predicted."""
        kept = self.counts[self.codes] > 1
        if kept.all():
            return self
        if (self.counts > 1).sum() < 2:
            alone = int((self.counts == 1).sum())
            raise DataError(
                f"{alone} of {len(self.counts)} classes have one row only, and fewer than two "
                "classes are left without them. Give more rows."
            )
        return self.part(kept)

    def right(self, name: str) -> np.ndarray:
        """Which of the predictable rows are predicted rightly, by ``"knn"`` or ``"linear_probe"``."""
        rows = self.predictable
        named = votes(rows.codes, rows.near) if name == "knn" else rows.probabilities.argmax(axis=1)
        return named == rows.codes

    def v_information(self) -> VInformation:
        """Of the predictable rows."""
        rows = self.predictable
        return v_information_of(rows.probabilities, rows.codes, min(FOLDS, int(rows.counts.max())), rows.seed)


class Numbers(Shared):
    """Features and the numbers that they are to predict."""

    def usable(self) -> bool:
        """Whether the values differ."""
        return bool(np.ptp(self.targets) > 0)

    def r2(self, name: str) -> float:
        """Share of the variance about the mean of the other rows that is predicted."""
        y = self.targets
        if name == "knn_r2":
            return r2_of_neighbours(y, self.near)
        return r2(y, *out_of_fold_values(self.x, y, min(FOLDS, len(y)), self.seed))


STATISTICS: dict[str, Callable[..., float]] = {
    "hscore": lambda rows: hscore_of(rows.decomposition, rows.codes),
    "logme": lambda rows: logme_of(rows.decomposition, np.eye(len(rows.counts))[rows.codes]),
    "knn": lambda rows: float(rows.right("knn").mean()),
    "linear_probe": lambda rows: float(rows.right("linear_probe").mean()),
    "v_information": lambda rows: rows.v_information().value,
    "nleep": lambda rows: draws_of("nleep", rows).value,
    "parc": lambda rows: draws_of("parc", rows).value,
    "transrate": lambda rows: transrate_of(rows.x, rows.codes),
    "logme_regression": lambda rows: logme_of(rows.decomposition, standardised(rows.targets)[:, None]),
    "knn_r2": lambda rows: rows.r2("knn_r2"),
    "linear_probe_r2": lambda rows: rows.r2("linear_probe_r2"),
}


def draws_of(name: str, rows: Rows) -> Repeated:
    """NLEEP of each mixture, or PARC of each subsample."""
    if name == "parc":
        return parc_of(rows.x, rows.codes, rng=rows.seed)
    return Repeated(tuple(leep_of(theta, rows.codes, len(rows.counts)) for theta in rows.theta))
