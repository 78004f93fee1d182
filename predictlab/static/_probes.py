"""Probes whose error can be reached, and supervised dimensions, all taken out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from predictlab.static._accuracies import quietly, scaled

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

PROBES = ("ridge", "logistic", "strong logistic", "neighbours")
Splits = Sequence[tuple[np.ndarray, np.ndarray]]


def predicted(
    name: str, x: np.ndarray, codes: np.ndarray, splits: Splits, share: float = 1.0, seed: int = 0
) -> np.ndarray:
    """Class (n,) that a probe fitted on `share` of the other folds names."""
    found = np.empty(len(codes), dtype=np.int64)
    rng = np.random.default_rng(seed)
    with quietly():
        for fitted, held in splits:
            rows = fitted if share == 1 else _some(fitted, codes, share, rng)
            found[held] = _model(name, len(rows)).fit(x[rows], codes[rows]).predict(x[held])
    return found


def coordinates(
    x: np.ndarray, codes: np.ndarray, splits: Splits, dimensions: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Nearest neighbour's error, and edges of the minimum spanning tree that join classes, per row.

    Rows are compared with rows of their own fold, in what a discriminant of the other folds says of them.

    Returns
    -------
    error, crossing : tuple of float
        Value and standard error.
    """
    from sklearn.neighbors import NearestNeighbors

    wrong, crossing = [], []
    for fitted, held in splits:
        z = _discriminant(x[fitted], codes[fitted], x[held], dimensions)
        near = NearestNeighbors(n_neighbors=1).fit(z).kneighbors(return_distance=False)[:, 0]
        wrong.append(codes[held] != codes[held][near])
        crossing.append(_tree_edges(z, codes[held]))
    every = np.concatenate(wrong)
    rows = np.array([len(held) for _, held in splits])
    share = float((np.array(crossing) * rows).sum() / rows.sum())
    # A row is the neighbour of about one other, which its own mistake then is too: twice a binomial's variance.
    return (
        (float(every.mean()), float(np.sqrt(2) * every.std() / np.sqrt(len(every)))),
        (share, float(np.sqrt(2 * share * max(1 - share, 0.0) / len(every)))),
    )


def _model(name: str, rows: int) -> Pipeline:
    from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
    from sklearn.neighbors import KNeighborsClassifier

    probe = {
        "ridge": lambda: RidgeClassifierCV(np.logspace(-1, 5, 13)),
        "logistic": lambda: LogisticRegression(C=1.0, max_iter=200, tol=1e-3),
        "strong logistic": lambda: LogisticRegression(C=0.003, max_iter=200, tol=1e-3),
        "neighbours": lambda: KNeighborsClassifier(max(1, round(np.sqrt(rows) / 2))),
    }[name]()
    return scaled(probe)


def _some(fitted: np.ndarray, codes: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A share of each class, at least one row of it."""
    kept = []
    for c in np.unique(codes[fitted]):
        rows = fitted[codes[fitted] == c]
        kept.append(rng.choice(rows, max(1, round(share * len(rows))), replace=False))
    return np.sort(np.concatenate(kept))


def _discriminant(x: np.ndarray, codes: np.ndarray, held: np.ndarray, dimensions: int) -> np.ndarray:
    """Held rows in the directions in which a ridge regression of one-hot classes varies most."""
    from sklearn.linear_model import RidgeCV

    model = scaled(RidgeCV(np.logspace(-1, 5, 13)))
    targets = np.eye(int(codes.max()) + 1)[codes]
    said = model.fit(x, targets).predict(x)
    centre = said.mean(axis=0)
    _, _, axes = np.linalg.svd(said - centre, full_matrices=False)
    axes = axes[: min(dimensions, targets.shape[1] - 1)]
    # Whitened within classes, so that a distance means the same along each
    z = (said - centre) @ axes.T
    means = np.array(
        [z[codes == c].mean(axis=0) if (codes == c).any() else np.zeros(len(axes)) for c in range(len(targets.T))]
    )
    within = (z - means[codes]).std(axis=0)
    return ((model.predict(held) - centre) @ axes.T) / np.maximum(within, 1e-12)


def _tree_edges(z: np.ndarray, codes: np.ndarray) -> float:
    """Edges of the minimum spanning tree that join two classes, over the rows."""
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import cdist

    distance = cdist(z, z)
    # A dense graph has no edge where a distance is 0, or below 1e-8: rows at one place shall have one as well.
    distance = distance / (distance.max() or 1.0) + 1e-6
    np.fill_diagonal(distance, 0.0)
    tree = minimum_spanning_tree(distance).tocoo()
    return float((codes[tree.row] != codes[tree.col]).sum() / len(z))
