"""The intrinsic limit before training: what error is the best that any classifier could reach on such rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from predictlab._summary import Summarised, Summary
from predictlab._validation import Rng, confidence_level, library_seed, positive
from predictlab.errors import bad_argument
from predictlab.static._accuracies import fold_splits
from predictlab.static._inputs import predictable
from predictlab.static._intervals import share_ends, t_ends
from predictlab.static._probes import PROBES, coordinates, predicted

FOLDS = 5
DIMENSIONS = 8
SLOWEST = 0.5  # excess error of a probe falls with its rows at least as fast as rows^-SLOWEST, once it learns
KAPPA, KAPPA_SD = 0.45, 0.5  # of e = kappa error / (2 rows): median and sd of the logarithm over 116 task-models
LEAST_ROWS = 5  # of a class


@dataclass(frozen=True, repr=False)
class IntrinsicLimit(Summarised):
    """An error that cannot be got below, with its interval.

    Parameters
    ----------
    estimate : float
        The error, a share of rows in [0, 1].
    lower, upper : float
        Interval at `confidence`.
    confidence : float
    parts : DataFrame
        What it was made of: columns ``part, estimate, lower, upper, used, note``.
    what : str
        What is estimated, in words.
    rows : int
        Rows that it was estimated from.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> limit = pl.static.IntrinsicLimit(0.1, 0.06, 0.14, 0.95, pd.DataFrame(), "best reachable error", 500)
    >>> limit.accuracy
    (0.9, 0.86, 0.94)
    """

    estimate: float
    lower: float
    upper: float
    confidence: float
    parts: pd.DataFrame
    what: str = "best reachable error"
    rows: int = 0

    @property
    def width(self) -> float:
        """Of the interval."""
        return self.upper - self.lower

    @property
    def accuracy(self) -> tuple[float, float, float]:
        """Best reachable accuracy: estimate, lower, upper."""
        return 1 - self.estimate, 1 - self.upper, 1 - self.lower

    def rows_floor(self, eval_rows: int) -> tuple[float, float, float]:
        """What the rows of an evaluation set alone are expected to add to the variance of accuracy over runs.

        ``kappa error / (2 rows)``, with ``log kappa ~ N(log .45, .5²)`` from 116 recorded task-models. A forecast from
        elsewhere, and of a run that reaches this limit; outcomes of rows measure it (docs/rows.md). On eight recorded
        tasks it held in seven, and with eight classes or more was two to four times too high (docs/static.md).

        Parameters
        ----------
        eval_rows : int
            Rows of the evaluation set.

        Returns
        -------
        estimate, lower, upper : float
            In metric²; the ends take this interval and kappa's at the same confidence.

        Raises
        ------
        ArgumentError
            No rows.
        """
        rows = positive("eval_rows", eval_rows)
        z = stats.norm.ppf(0.5 + self.confidence / 2)
        low, high = KAPPA * np.exp(-z * KAPPA_SD), KAPPA * np.exp(z * KAPPA_SD)
        ends = KAPPA * self.estimate, low * self.lower, high * self.upper
        return tuple(float(e / (2 * rows)) for e in ends)  # type: ignore[return-value]

    def summary(self) -> Summary:
        """The interval, and what it was made of.

        Returns
        -------
        Summary
        """
        line = f"{self.estimate:.3f}, {self.confidence:.0%} interval {self.lower:.3f} to {self.upper:.3f}"
        parts: list[str | pd.DataFrame] = [f"{line} (width {self.width:.3f}), from {self.rows} rows"]
        return Summary(f"Intrinsic limit: {self.what}", *parts, self.parts.reset_index(drop=True))


def bayes_error(features: ArrayLike, labels: ArrayLike, *, confidence: float = 0.95, rng: Rng = None) -> IntrinsicLimit:
    """Interval for the least error that any classifier of these features could reach on such labels.

    Wrong labels count: where a fifth of them are flipped, no classifier agrees with more than four fifths.

    Parameters
    ----------
    features : array_like (n, d)
        Features of the frozen model, one row per example.
    labels : array_like (n,)
        Class of each row; at least two classes of five rows each.
    confidence : float in (0, 1)
        Of the interval.
    rng : None, int or numpy.random.Generator
        Of folds and subsamples; None is seed 0.

    Returns
    -------
    IntrinsicLimit
        ``upper``: the cross-validated error of the best of four probes, where each row's fold is kept from the choice
        among them too, with its sampling error: what a probe reaches can be reached. ``lower``: an estimate and no
        bound, for no lower bound holds whatever the features are like. It is the least of what that probe would reach
        with rows without end (its error on half of the rows against all of them, its excess error taken to fall no
        slower than with the square root of the rows) and of Cover and Hart's and Henze and Penrose's forms on at most
        eight supervised dimensions taken out of fold, where they are below the upper end.
        ``estimate``: as the first, with an excess error that falls with the rows.

    Raises
    ------
    ArgumentError, DataError
        Inputs that it cannot be computed from; the message says which and what to do.

    References
    ----------
    Cover, Hart, "Nearest neighbor pattern classification", 1967; Henze, Penrose, "On the multivariate runs test",
    1999; Sekeh, Oselio, Hero, "Learning to Bound the Multi-class Bayes Error", 2020. That no rate holds for all laws:
    Antos, Devroye, Györfi, "Lower bounds for Bayes error estimation", 1999.

    Examples
    --------
    >>> import numpy as np
    >>> import predictlab as pl
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(600) % 2
    >>> features = rng.normal(size=(600, 4)) + 3 * labels[:, None] * [1, 0, 0, 0]
    >>> limit = pl.static.bayes_error(features, labels)  # the truth is .067
    >>> bool(limit.lower < 0.067 < limit.upper)
    True
    """
    x, codes = predictable(features, labels, "bayes_error", LEAST_ROWS)
    x = x.astype(np.float64)
    confidence_level(confidence)
    seed, z = library_seed(rng), float(stats.norm.ppf(0.5 + confidence / 2))
    splits = fold_splits(codes, FOLDS, seed)
    n, classes = len(codes), int(codes.max()) + 1
    wrong = {name: predicted(name, x, codes, splits) != codes for name in PROBES}
    chosen = np.zeros(n, dtype=bool)
    for _, held in splits:
        others = np.setdiff1d(np.arange(n), held)
        best = min(PROBES, key=lambda name: wrong[name][others].mean())
        chosen[held] = wrong[best][held]
    name = min(PROBES, key=lambda probe: wrong[probe].mean())
    reached = float(chosen.mean())
    ends = share_ends(int(chosen.sum()), n, confidence, "beta")
    chance = 1 - np.bincount(codes).max() / n
    upper = min(ends[1], share_ends(round(chance * n), n, confidence, "beta")[1])
    records: list[tuple[object, ...]] = [
        ("best probe", reached, *ends, "upper end" if upper == ends[1] else "",
         f"{name} of {', '.join(PROBES)}, chosen without the row's fold"),
        ("largest class", chance, np.nan, np.nan, "" if upper == ends[1] else "upper end", "always naming it"),
    ]  # fmt: skip

    halves = np.mean([predicted(name, x, codes, splits, 0.5, seed + i) != codes for i in range(3)], axis=0)
    gain = 1 / (2**SLOWEST - 1)
    limit = (1 + gain) * wrong[name] - gain * halves
    half = z * float(limit.std(ddof=1) / np.sqrt(n))
    slow = float(limit.mean()), max(float(limit.mean()) - half, 0.0), float(limit.mean()) + half
    excess = max(float(halves.mean() - wrong[name].mean()), 0.0)
    fast = reached - excess
    note = f"from {halves.mean():.3f} on half of the rows to rows without end"
    candidates = [("learning curve", min(slow[0], reached), slow[1], slow[2], note)]
    near, crossing = coordinates(x, codes, splits, DIMENSIONS)
    dims = min(classes - 1, DIMENSIONS, x.shape[1])
    for part, (value, spread) in (("Cover-Hart", near), ("Henze-Penrose", crossing)):
        low, mid, high = (_cover_hart(value + sign * z * spread, classes) for sign in (-1, 0, 1))
        candidates.append((part, mid, low, high, f"on {dims} supervised dimension(s), out of fold; an estimate"))
    lower = min(upper, slow[1], reached)
    for part, mid, low, high, text in candidates:
        refused = part != "learning curve" and mid > upper
        if not refused:
            lower = min(lower, low)
        records.append((part, mid, low, high, "", text + ("; refused: above the upper end" if refused else "")))
    parts = pd.DataFrame(records, columns=["part", "estimate", "lower", "upper", "used", "note"])
    parts.loc[(parts["lower"] == lower) & (parts["used"] == ""), "used"] = "lower end"
    return IntrinsicLimit(float(np.clip(fast, lower, upper)), lower, upper, confidence, parts, rows=n)


def bayes_error_of_votes(votes: ArrayLike, *, confidence: float = 0.95) -> IntrinsicLimit:
    """Interval for the least error against a further annotator, from the votes of several.

    Parameters
    ----------
    votes : array_like (n, c)
        How many annotators gave each row each class; at least two annotators a row.
    confidence : float in (0, 1)
        Of the interval.

    Returns
    -------
    IntrinsicLimit
        Two annotators disagree on a row in ``m / (m - 1) (1 - sum p²)`` of the cases, which is unbiased; the mean of
        ``1 - max p`` is biased low. That disagreement Q bounds the Bayes error, of which it is the nearest
        neighbour's: ``(c-1)/c (1 - sqrt(1 - c/(c-1) Q))`` to Q. The estimate is ``1 - max p``, kept within.

    Raises
    ------
    ArgumentError
        Votes that are no counts, or rows with fewer than two.

    References
    ----------
    Cover, Hart, "Nearest neighbor pattern classification", 1967; Ishida et al., "Is the Performance of My Deep
    Network Too Good to Be True?", ICLR 2023.

    Examples
    --------
    >>> import predictlab as pl
    >>> limit = pl.static.bayes_error_of_votes([[10, 0], [9, 1], [5, 5], [0, 10]] * 50)
    >>> bool(limit.lower <= limit.estimate <= limit.upper)
    True
    """
    confidence_level(confidence)
    counts = np.asarray(votes, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[1] < 2 or len(counts) < 2:
        raise bad_argument("votes", f"array of shape {counts.shape}", "counts (n, c), n >= 2 rows, c >= 2 classes")
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != counts.round()).any():
        raise bad_argument("votes", "an array", "counts of annotators, whole numbers >= 0")
    m = counts.sum(axis=1)
    if (m < 2).any():
        raise bad_argument("votes", f"{int((m < 2).sum())} rows with fewer than two annotators", "two or more a row")
    p, classes = counts / m[:, None], counts.shape[1]
    each = m / (m - 1) * (1 - (p**2).sum(axis=1))
    q = float(each.mean())
    low, high = np.clip(t_ends(q, stats.sem(each), len(m) - 1, confidence), 0.0, 1.0).tolist()
    lower, upper = _cover_hart(low, classes), min(high, 1 - 1 / classes)
    naive = float((1 - p.max(axis=1)).mean())
    parts = pd.DataFrame(
        [("disagreement of two annotators", q, low, high, "both ends", "unbiased"),
         ("1 - share of the largest vote", naive, np.nan, np.nan, "estimate", "biased low")],
        columns=["part", "estimate", "lower", "upper", "used", "note"],
    )  # fmt: skip
    what = "least error against a further annotator"
    return IntrinsicLimit(float(np.clip(naive, lower, upper)), lower, upper, confidence, parts, what, len(counts))


def _cover_hart(error: float, classes: int) -> float:
    """Least Bayes error that goes with an asymptotic error of the nearest neighbour, or a share of edges a row."""
    c = (classes - 1) / classes
    return float(c * (1 - np.sqrt(max(0.0, 1 - min(max(error, 0.0) / c, 1.0)))))
