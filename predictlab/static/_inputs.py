"""Checks that every static score makes of its features and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab._validation import generator, whole_number
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
    x = _matrix(features)
    y = np.asarray(labels)
    if y.ndim != 1:
        raise bad_argument("labels", f"array of shape {y.shape}", "shape (n,), one class per row of features")
    if len(y) != len(x):
        raise bad_argument("labels", f"{len(y)} labels", f"{len(x)}, one for each row of features")
    if not len(x):
        raise DataError("features has no rows: a static score needs at least two rows of two classes.")
    _finite(x)
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


def predictable(features: ArrayLike, labels: ArrayLike, who: str, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Checked features, and codes of classes that all have `least` rows: some are predicted from the others."""
    x, codes, classes = checked(features, labels)
    few = [label for label, count in zip(classes, np.bincount(codes), strict=True) if count < least]
    if few:
        shown = ", ".join(map(repr, few[:5])) + (", ..." if len(few) > 5 else "")
        held = "one row only" if least == 2 else f"fewer than {least} rows"
        raise DataError(
            f"{who}: {len(few)} class(es) have {held} ({shown}), too few to predict some of them from the others. "
            "Leave them out, or give more rows."
        )
    return x, codes


def checked_values(features: ArrayLike, values: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Features as of `checked`, and the numbers (n,) that they are to predict, in float64.

    Raises
    ------
    ArgumentError
        Wrong shape, or what are not real numbers.
    DataError
        Missing or infinite features or values, fewer than three rows, or values that are all equal.
    """
    x = _matrix(features)
    y = np.asarray(values)
    if y.ndim != 1:
        raise bad_argument("values", f"array of shape {y.shape}", "shape (n,), one number per row of features")
    if len(y) != len(x):
        raise bad_argument("values", f"{len(y)} values", f"{len(x)}, one for each row of features")
    try:
        if np.iscomplexobj(y) or y.dtype.kind in "USb":
            raise TypeError
        y = y.astype(np.float64)
    except (TypeError, ValueError):
        raise bad_argument(
            "values", _brief(values), "real numbers", "Classes go to the scores of classes, such as pl.static.hscore."
        ) from None
    if len(x) < 3:
        raise DataError(f"features has {len(x)} rows: a static score of numbers needs at least three.")
    _finite(x)
    if not np.isfinite(y).all():
        raise DataError(f"values: {(~np.isfinite(y)).sum()} of {len(y)} are NaN or inf. Leave those rows out.")
    if (y == y[0]).all():
        raise DataError(f"values: all {len(y)} are {y[0]:g}; there is nothing to predict.")
    return x, y


def check_layers(layers: str | int, words: tuple[str, ...]) -> None:
    """Refuse what names no layer."""
    if layers not in words:
        whole_number("layers", layers, 1, f"{', '.join(map(repr, words))}, or the number of a layer")


def rows_used(rows: int, most: int, seed: int) -> np.ndarray:
    """Numbers of the rows that are used, at most so many, increasing."""
    every = np.arange(rows)
    return every if rows <= most else np.sort(generator(seed).choice(rows, size=most, replace=False))


def _matrix(features: ArrayLike) -> np.ndarray:
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
    return x


def _finite(x: np.ndarray) -> None:
    finite = np.isfinite(x).all(axis=1)
    if not finite.all():
        rows = np.flatnonzero(~finite)
        raise DataError(
            f"features: {len(rows)} of {len(x)} rows hold NaN or inf, the first is row {rows[0]}. "
            "Leave those rows out, or look for empty texts."
        )


def _brief(value: Any) -> str:
    return f"{type(value).__name__} of {np.asarray(value).dtype}"
