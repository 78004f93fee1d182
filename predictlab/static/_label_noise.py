"""Wrong labels: how many there are at least and at most, by confident learning and by the rows a probe is surest of."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from predictlab._validation import Rng, confidence_level, library_seed
from predictlab.errors import DataError
from predictlab.static._accuracies import FLOOR, out_of_fold
from predictlab.static._inputs import predictable
from predictlab.static._intervals import share_ends
from predictlab.static._limit import FOLDS, LEAST_ROWS, IntrinsicLimit

PENALTIES = (1.0, 300.0)
SUREST = 0.1  # of the rows
LEAST = 40


def label_noise(features: ArrayLike, labels: ArrayLike, *, confidence: float = 0.95, rng: Rng = None) -> IntrinsicLimit:
    """Share of the labels that are wrong: confident learning's number, within an interval that noise alone leaves.

    Labels that are wrong and classes that overlap look alike, and features alone do not tell them apart. What tells is
    a place where the classes do not overlap: there all disagreement is noise.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example; n >= 40.
    labels : array_like (n,)
        Class of each row; at least two classes of five rows each.
    confidence : float in (0, 1)
        Of the interval.
    rng : None, int or numpy.random.Generator
        Of the folds; None is seed 0.

    Returns
    -------
    IntrinsicLimit
        For labels that are wrong anywhere as often as elsewhere: ``upper``, the upper end of the disagreement on the
        tenth of the rows that an out-of-fold probe is surest of; ``lower``, that of its lower end, less what the
        second tenth disagrees more, for then the first is still on a slope and not on a floor of noise. ``estimate``:
        confident learning, kept within. It counts overlap as noise where classes overlap.

    Raises
    ------
    ArgumentError, DataError
        Inputs that it cannot be computed from; the message says which and what to do.

    References
    ----------
    Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> import predictlab as pl
    >>> features, labels = load_digits(return_X_y=True)
    >>> found = pl.static.label_noise(features, labels)
    >>> bool(found.lower == 0.0 and found.upper < 0.05)
    True
    """
    x, codes = predictable(features, labels, "label_noise", LEAST_ROWS)
    confidence_level(confidence)
    if len(codes) < LEAST:
        raise DataError(f"label_noise: {len(codes)} rows; a tenth of them says nothing. Give at least {LEAST}.")
    seed = library_seed(rng)
    x = x.astype(np.float64)
    x = x[:, np.ptp(x, axis=0) > 0] if np.ptp(x, axis=0).any() else x
    every = [out_of_fold(x, codes, min(FOLDS, int(np.bincount(codes).max())), penalty, seed) for penalty in PENALTIES]
    rows = np.arange(len(codes))
    p = min(every, key=lambda q: -np.log(np.maximum(q[rows, codes], FLOOR)).mean())
    learnt = confident_learning(p, codes)

    wrong = p.argmax(axis=1) != codes
    top = np.sort(p, axis=1)
    order = np.argsort(-(np.log(np.maximum(top[:, -1], 1e-12)) - np.log(np.maximum(top[:, -2], 1e-12))), kind="stable")
    count = max(round(SUREST * len(codes)), 20)
    first, second = wrong[order[:count]], wrong[order[count : 2 * count]]
    r1, r2 = float(first.mean()), float(second.mean())
    ends = share_ends(int(first.sum()), count, confidence, "beta")
    z = stats.norm.ppf(0.5 + confidence / 2)
    slope = max(r2 - r1, 0.0)
    error = float(np.sqrt((4 * r1 * (1 - r1) + r2 * (1 - r2)) / count))
    lower = float(np.clip(min(r1 - slope - z * error, ends[0]), 0.0, 1.0))
    upper = ends[1]
    parts = pd.DataFrame(
        [
            ("confident learning", learnt, np.nan, np.nan, "estimate", "takes overlap of classes for noise"),
            ("surest tenth", r1, *ends, "upper end", f"disagreement of the {count} rows a probe is surest of"),
            ("second tenth", r2, *share_ends(int(second.sum()), len(second), confidence, "beta"), "lower end",
             "more than the first: classes still overlap there"),
        ],
        columns=["part", "estimate", "lower", "upper", "used", "note"],
    )  # fmt: skip
    what = "wrong labels, wrong anywhere as often as elsewhere"
    return IntrinsicLimit(float(np.clip(learnt, lower, upper)), lower, upper, confidence, parts, what, len(codes))


def confident_learning(probabilities: np.ndarray, codes: np.ndarray) -> float:
    """Share of wrong labels from out-of-fold probabilities (n, c): one less the trace of the confident joint.

    A row counts for the class of its greatest probability among those that are at least the mean of their own class;
    rows of the joint are then scaled to the counts of the labels.
    """
    classes = probabilities.shape[1]
    own = np.array([probabilities[codes == c, c].mean() for c in range(classes)])
    above = probabilities >= own - 1e-12
    sure = above.any(axis=1)
    named = np.where(above, probabilities, -1.0).argmax(axis=1)
    joint = np.zeros((classes, classes))
    np.add.at(joint, (codes[sure], named[sure]), 1.0)
    counts = np.bincount(codes, minlength=classes)
    empty = joint.sum(axis=1) == 0
    joint[empty, empty] = 1.0
    scaled = joint / joint.sum(axis=1, keepdims=True) * counts[:, None]
    return float(1 - np.trace(scaled) / scaled.sum())
