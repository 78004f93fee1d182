"""Checks that every static score makes of its features and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab.errors import DataError, bad_argument


def checked(features: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray, list[object]]:
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
    classes : list
        The c labels behind the codes.

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
        found, codes = np.unique(y, return_inverse=True)
    except TypeError:
        raise bad_argument("labels", _brief(labels), "labels of one kind, not a mixture of types") from None
    classes = found.tolist()
    if len(classes) < 2:
        raise DataError(
            f"labels: all {len(y)} rows have the class {classes[0]!r}. A static score compares at least two classes."
        )
    return x, codes.astype(np.int64), classes


def _brief(value: Any) -> str:
    return f"{type(value).__name__} of {np.asarray(value).dtype}"
