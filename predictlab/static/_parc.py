"""PARC: whether rows of like features have like labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from predictlab._validation import Rng, generator, whole_number
from predictlab.errors import DataError
from predictlab.static._inputs import checked
from predictlab.static._repeated import Repeated


def parc(
    features: ArrayLike, labels: ArrayLike, *, subsample: int = 500, repeats: int = 5, rng: Rng = None
) -> Repeated:
    """Rank correlation of pairwise distances between features with those between labels, times 100.

    Distances are one less Pearson's correlation, of standardised features and of one-hot labels; the correlation of
    the two lists of pairs is Spearman's.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example; d >= 2, for a row is correlated with another.
    labels : array_like (n,)
        Class of each row, at least two classes.
    subsample : int
        Rows that are compared with each other, >= 3: memory grows with its square.
    repeats : int
        Draws of that many rows; one where all rows are taken.
    rng : None, int or numpy.random.Generator
        Of the rows; None is seed 0.

    Returns
    -------
    Repeated
        ``value`` from -100 to 100, higher is better; its ``sd`` over the draws.

    Raises
    ------
    ArgumentError, DataError
        Inputs that no score can be computed from; the message says which and what to do.

    Notes
    -----
    Pairs of one class are tied, and so are pairs of unlike classes. Computed by ``numpy.corrcoef`` the distance within
    a class is 0 for some classes and 2e-16 for others, which ranks take for a difference: iris then has 61.217.

    References
    ----------
    Bolya, Mittapalli, Hoffman, "Scalable Diverse Model Selection for Accessible Transfer Learning", NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import predictlab as pl
    >>> features, labels = load_iris(return_X_y=True)
    >>> round(pl.static.parc(features, labels).value, 3)
    58.68
    """
    x, codes, _ = checked(features, labels)
    whole_number("subsample", subsample, 3)
    whole_number("repeats", repeats, 1)
    return parc_of(x, codes, subsample, repeats, rng)


def parc_of(x: np.ndarray, codes: np.ndarray, subsample: int = 500, repeats: int = 5, rng: Rng = None) -> Repeated:
    """PARC of class codes."""
    if len(x) <= subsample:
        return Repeated((_parc(x, codes),))
    draws = generator(rng)
    chosen = [np.sort(draws.choice(len(x), subsample, replace=False)) for _ in range(repeats)]
    return Repeated(tuple(_parc(x[rows], codes[rows]) for rows in chosen))


def _parc(x: np.ndarray, codes: np.ndarray) -> float:
    if (codes == codes[0]).all():
        raise DataError("parc: a subsample holds one class only. Take a larger subsample.")
    x = np.asarray(x, dtype=np.float64)
    centred = x - x.mean(axis=0)
    spread = centred.std(axis=0)
    varying = spread > 1e-12 * np.abs(x).max(axis=0)
    z = centred[:, varying] / spread[varying]
    if z.shape[1] < 2:
        raise DataError("parc: it correlates rows over features, and needs at least two features that vary.")
    z -= z.mean(axis=1, keepdims=True)
    length = np.sqrt((z**2).sum(axis=1, keepdims=True))
    z = np.divide(z, length, out=np.zeros_like(z), where=length > 0)  # a row without a shape is unlike all others
    pairs = np.tril_indices(len(z), -1)
    distance = 1.0 - (z @ z.T)[pairs]
    unlike = codes[pairs[0]] != codes[pairs[1]]  # one-hot labels have one distance between unlike classes
    ranks = rankdata(distance)
    return float(100 * np.corrcoef(ranks, unlike)[0, 1])
