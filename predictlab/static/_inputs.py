"""What every static score shares: checked inputs, and the spectrum of a feature matrix against its labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab.errors import DataError, bad_argument

# Below this ratio of eigenvalues the Gram matrix has lost too many digits of the small ones to rounding.
GRAM_CONDITION = 1e-8


def checked(features: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features and labels as arrays that a score can be computed from.

    Parameters
    ----------
    features : array_like (n, d)
        Real numbers, one row per example. float32 stays float32, everything else becomes float64.
    labels : array_like (n,)
        Class of each row: integers, booleans or strings.

    Returns
    -------
    features : ndarray (n, d)
    codes : ndarray of int64 (n,)
        Labels as 0 .. c-1.
    classes : ndarray (c,)
        The label behind each code.

    Raises
    ------
    ArgumentError
        Wrong shape, or features that are not real numbers.
    DataError
        Missing or infinite features, missing labels, no rows, or a single class.
    """
    x = np.asarray(features)
    if x.dtype != np.float32:
        try:
            if np.iscomplexobj(x):
                raise TypeError
            x = x.astype(np.float64)
        except (TypeError, ValueError):
            raise bad_argument("features", _brief(features), "an array (n, d) of real numbers") from None
    if x.ndim != 2 or x.shape[1] == 0:
        raise bad_argument("features", f"array of shape {x.shape}", "shape (n, d), one row per example, d >= 1")
    y = np.asarray(labels)
    if y.ndim != 1:
        raise bad_argument("labels", f"array of shape {y.shape}", "shape (n,), one class per row of features")
    if len(y) != len(x):
        raise bad_argument("labels", f"{len(y)} labels", f"{len(x)}, one for each row of features")
    if not len(x):
        raise DataError("features has no rows: a static score needs at least two rows of two classes.")
    finite = np.isfinite(x).all(axis=1)
    if not finite.all():
        rows = np.flatnonzero(~finite)
        raise DataError(
            f"features: {len(rows)} of {len(x)} rows hold NaN or inf, the first is row {rows[0]}. "
            "Leave those rows out, or look for empty texts."
        )
    missing = pd.isna(y)
    if missing.any():
        raise DataError(f"labels: {missing.sum()} of {len(y)} are missing, the first in row {missing.argmax()}.")
    if np.issubdtype(y.dtype, np.floating) and (y != np.round(y)).any():
        raise bad_argument("labels", _brief(labels), "classes (integers or strings); these are fractions")
    try:
        classes, codes = np.unique(y, return_inverse=True)
    except TypeError:
        raise bad_argument("labels", _brief(labels), "labels of one kind, not a mixture of types") from None
    if len(classes) < 2:
        raise DataError(
            f"labels: all {len(y)} rows have the class {_plain(classes[0])!r}. "
            "A static score compares at least two classes."
        )
    return x, codes.astype(np.int64), classes


def _brief(value: Any) -> str:
    return f"{type(value).__name__} of {np.asarray(value).dtype}"


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def require_two_rows(codes: np.ndarray, classes: np.ndarray, method: str) -> None:
    """Refuse classes with one row, for methods that predict a row from the others of its class."""
    counts = np.bincount(codes)
    if counts.min() < 2:
        alone = classes[counts < 2]
        shown = ", ".join(repr(_plain(c)) for c in alone[:5]) + (", ..." if len(alone) > 5 else "")
        raise DataError(
            f"{method}: {len(alone)} class(es) have one row only ({shown}), which cannot be predicted from "
            "the other rows. Leave them out, or give more rows."
        )


def one_hot(codes: np.ndarray) -> np.ndarray:
    """Indicator matrix (n, c), float64."""
    return np.eye(codes.max() + 1)[codes]


def spectrum(x: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared singular values of `x`, and the targets seen along its left singular vectors.

    With ``x = U diag(s) V'`` this is all that the scores need, and the eigenvectors of the smaller of the two
    Gram matrices give it several times faster than the SVD of `x`.

    Parameters
    ----------
    x : ndarray (n, d)
        float64.
    targets : ndarray (n, c)

    Returns
    -------
    sigma : ndarray (k,)
        ``s²`` > 0, k the numerical rank.
    projections : ndarray (k, c)
        ``U' targets``.
    """
    n, d = x.shape
    tall = n >= d
    sigma, vectors = np.linalg.eigh(x.T @ x if tall else x @ x.T)
    if not sigma[-1] > 0:
        raise DataError("features are all zero (or constant, once centred): they cannot tell classes apart.")
    weak = sigma <= GRAM_CONDITION * sigma[-1]
    strong, directions = sigma[~weak], vectors[:, ~weak]
    seen = x.T @ targets / np.sqrt(sigma[-1]) if tall else targets
    projections = directions.T @ seen
    if tall:
        projections *= np.sqrt(sigma[-1] / strong)[:, None]
    if not weak.any():
        return strong, projections
    # Pooled outputs of a layer norm always have a weak direction or two, so this must stay cheap: only the
    # features along the weak directions are decomposed again, without squaring them.
    if tall:
        u, s, _ = np.linalg.svd(x @ vectors[:, weak], full_matrices=False)
        again = u.T @ targets
    else:
        _, s, right = np.linalg.svd(x.T @ vectors[:, weak], full_matrices=False)
        again = right @ (vectors[:, weak].T @ targets)
    real = s > np.sqrt(sigma[-1]) * max(n, d) * np.finfo(np.float64).eps
    return np.concatenate([strong, s[real] ** 2]), np.vstack([projections, again[real]])
