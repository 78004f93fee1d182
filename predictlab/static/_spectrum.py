"""What the scores share of a feature matrix: one Gram matrix, one set of eigenvectors, one Ledoit-Wolf share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from predictlab.errors import DataError

# Below this ratio of eigenvalues the Gram matrix has lost too many digits of the small ones to rounding.
GRAM_CONDITION = 1e-8


class Decomposition:
    """A feature matrix with what scores need of it, each computed once, when it is first asked for.

    Parameters
    ----------
    features : ndarray (n, d)
        Finite real numbers. They are read over their largest magnitude, so that no square overflows or vanishes, and
        in float64, a block of rows at a time: many rows are not copied.
    """

    def __init__(self, features: np.ndarray) -> None:
        self.features = features
        self.n, self.d = features.shape
        self.largest = magnitude(features)
        self.mean = np.zeros(self.d)
        for _, block in row_blocks(features, self.largest):
            self.mean += block.sum(axis=0) / self.n

    @property
    def x(self) -> np.ndarray:
        """The features over their largest magnitude: a copy in float64."""
        return self.features.astype(np.float64) / self.largest

    @cached_property
    def scale(self) -> float:
        """Largest magnitude of the centred features."""
        return max(float(np.abs(block).max()) for _, block in self.blocks()) or 1.0

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """The centred features in blocks of rows."""
        for part, block in row_blocks(self.features, self.largest):
            yield part, block - self.mean

    @cached_property
    def covariance(self) -> np.ndarray:
        """Covariance (d, d) of the rows, over n."""
        total = np.zeros((self.d, self.d))
        for _, block in self.blocks():
            total += block.T @ block
        return total / self.n

    @cached_property
    def spectrum(self) -> Spectrum:
        """Of the features as they are, about zero."""
        if self.n >= self.d:
            # Adding the mean to the centred Gram matrix cancels no digits; taking it away would.
            gram = self.n * (self.covariance + np.outer(self.mean, self.mean))
            return Spectrum(self.features, gram, self.largest)
        return Spectrum(self.x)

    @cached_property
    def centred_spectrum(self) -> Spectrum:
        """Of the features about their mean, over their largest magnitude then."""
        return Spectrum((self.x - self.mean) / self.scale)

    @cached_property
    def shrinkage(self) -> float:
        """Ledoit and Wolf's share of the identity in the covariance, from 0 to 1."""
        if self.n >= self.d:
            squares = float((self.covariance**2).sum())
            trace = float(np.trace(self.covariance))
        else:
            centred = self.x - self.mean
            squares = float(((centred @ centred.T / self.n) ** 2).sum())
            trace = float((centred**2).sum() / self.n)
        fourth = sum(float(((block**2).sum(axis=1) ** 2).sum()) for _, block in self.blocks())
        distance = squares - trace**2 / self.d
        error = (fourth / self.n - squares) / self.n
        return 1.0 if distance <= 0 else max(min(error, distance), 0.0) / distance

    def class_sums(self, codes: np.ndarray) -> np.ndarray:
        """Sums (c, d) of the centred features of each class."""
        sums = np.zeros((int(codes.max()) + 1, self.d))
        for part, block in self.blocks():
            sums += np.eye(len(sums))[codes[part]].T @ block
        return sums


class Spectrum:
    """Singular values of a matrix and its left singular vectors, without the SVD of the whole.

    With ``x = U diag(s) V'`` the squared values ``sigma`` and ``U' targets`` are all that the scores need, and the
    eigenvectors of the smaller of the two Gram matrices give them several times faster.

    Parameters
    ----------
    x : ndarray (n, d)
        Real numbers.
    gram : ndarray (d, d), optional
        ``x.T @ x`` of ``x / scale`` where n >= d, if it is known.
    scale : float
        `x` is read over this, in float64.

    Raises
    ------
    DataError
        `x` is all zero.
    """

    def __init__(self, x: np.ndarray, gram: np.ndarray | None = None, scale: float = 1.0) -> None:
        n, d = x.shape
        self.x, self.scale, self.tall = x, scale, n >= d
        if gram is None:
            self.x, self.scale = x.astype(np.float64, copy=False) / scale, 1.0
            x = self.x
            gram = x.T @ x if self.tall else x @ x.T
        sigma, vectors = np.linalg.eigh(gram)
        if not sigma[-1] > 0:
            raise DataError("features are all zero (or constant, once centred): they cannot tell classes apart.")
        weak = sigma <= GRAM_CONDITION * sigma[-1]
        self._largest, self._strong, self._directions = sigma[-1], sigma[~weak], vectors[:, ~weak]
        self._again: np.ndarray | None = None
        self.sigma = self._strong
        if not weak.any():
            return
        # Pooled outputs of a layer norm always have a weak direction or two, so this must stay cheap: only the
        # features along the weak directions are decomposed again, without squaring them.
        if self.tall:
            seen = np.concatenate([block @ vectors[:, weak] for _, block in row_blocks(self.x, self.scale)])
            left, s, _ = np.linalg.svd(seen, full_matrices=False)
        else:
            _, s, right = np.linalg.svd(x.T @ vectors[:, weak], full_matrices=False)
            left = vectors[:, weak] @ right.T
        real = s > np.sqrt(self._largest) * max(n, d) * np.finfo(np.float64).eps
        self._again = left[:, real]
        self.sigma = np.concatenate([self._strong, s[real] ** 2])

    def project(self, targets: np.ndarray) -> np.ndarray:
        """``U' targets``, (k, c) for k singular values."""
        seen = targets
        if self.tall:
            parts = row_blocks(self.x, self.scale)
            seen = np.sum([block.T @ targets[part] for part, block in parts], axis=0) / np.sqrt(self._largest)
        projections = self._directions.T @ seen
        if self.tall:
            projections *= np.sqrt(self._largest / self._strong)[:, None]
        return projections if self._again is None else np.vstack([projections, self._again.T @ targets])


def row_blocks(x: np.ndarray, scale: float = 1.0, rows: int = 8192) -> Iterator[tuple[slice, np.ndarray]]:
    """`x` over `scale`, in float64, in blocks of rows."""
    for start in range(0, len(x), rows):
        part = slice(start, start + rows)
        yield part, x[part].astype(np.float64) / scale


def magnitude(x: np.ndarray) -> float:
    """Largest magnitude in `x`; 1 where all are 0."""
    return max(float(x.max()), -float(x.min())) or 1.0
