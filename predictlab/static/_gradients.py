"""How noisy the first gradients of a fine-tune are: what of its first step every seed shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from predictlab._summary import Summarised, Summary
from predictlab._validation import confidence_level, positive, whole_number
from predictlab.errors import DataError, bad_argument
from predictlab.static._intervals import jackknife_error, t_ends

LEAST_BATCHES = 4


@dataclass(frozen=True, repr=False)
class GradientNoise(Summarised):
    """Noise of gradients, from those of several batches; made by `gradient_noise`.

    Parameters
    ----------
    consistency : float
        Expected cosine of the gradients of two batches, ``|G|² / E|g|²``; at most 1. What of the squared length of a
        first step all seeds share.
    consistency_interval : tuple of float
        Its ends at `confidence`.
    noise_scale : float
        ``tr(Sigma) / |G|²``, in rows: at a batch of so many, noise and signal are equal. Infinite where no common
        direction is seen.
    noise_scale_interval : tuple of float
        Its ends.
    squared_norm, trace : float
        Unbiased estimates of ``|G|²`` and of ``tr(Sigma)``, the summed variance of a row's gradient.
    batches, batch_size : int
        How many there were, of how many rows.
    confidence : float

    Examples
    --------
    >>> import numpy as np
    >>> import predictlab as pl
    >>> found = pl.static.gradient_noise(np.eye(8) + 1, batch_size=16)
    >>> found.consistency, found.noise_scale
    (0.5, 16.0)
    """

    consistency: float
    consistency_interval: tuple[float, float]
    noise_scale: float
    noise_scale_interval: tuple[float, float]
    squared_norm: float
    trace: float
    batches: int
    batch_size: int
    confidence: float

    def summary(self) -> Summary:
        """The two numbers and what they mean.

        Returns
        -------
        Summary
        """
        (low, high), (less, more) = self.noise_scale_interval, self.consistency_interval
        level = f"{self.confidence:.0%}"
        return Summary(
            f"Gradient noise, {self.batches} batches of {self.batch_size} rows",
            f"noise scale {self.noise_scale:.4g} rows, {level} interval {low:.4g} to {high:.4g}",
            f"consistency {self.consistency:.3f}, {level} interval {less:.3f} to {more:.3f}: of the squared length of "
            "a first step, what all seeds share",
        )


def gradient_noise(products: ArrayLike, batch_size: int, *, confidence: float = 0.95) -> GradientNoise:
    """Noise scale and consistency of gradients, from the inner products of those of several batches.

    Parameters
    ----------
    products : array_like (m, m)
        Inner products of the gradients of m >= 4 batches that share no row: ``g @ g.T`` with ``g`` (m, parameters).
    batch_size : int
        Rows of each batch.
    confidence : float in (0, 1)
        Of the intervals.

    Returns
    -------
    GradientNoise
        The mean product of two batches is an unbiased ``|G|²``, the mean squared norm one of ``|G|² + tr(Sigma)/b``.
        With one batch against all m this is `noise_scale`, to the last digit. Intervals: jackknife over batches of the
        consistency, and what it means for the noise scale.

    Raises
    ------
    ArgumentError
        What are no inner products.
    DataError
        Fewer than four batches, or gradients that are all 0.

    References
    ----------
    McCandlish et al., "An Empirical Model of Large-Batch Training", 2018, appendix A.

    Examples
    --------
    >>> import numpy as np
    >>> import predictlab as pl
    >>> rng = np.random.default_rng(0)
    >>> rows = 1 + 3 * rng.normal(size=(256, 400))  # |G|² is 400, tr(Sigma) 3600: a noise scale of 9 rows
    >>> gradients = rows.reshape(32, 8, 400).mean(axis=1)
    >>> found = pl.static.gradient_noise(gradients @ gradients.T, batch_size=8)
    >>> low, high = found.noise_scale_interval
    >>> low < 9 < high
    True
    """
    b = whole_number("batch_size", batch_size, 1)
    confidence_level(confidence)
    k = np.asarray(products, dtype=np.float64)
    if k.ndim != 2 or k.shape[0] != k.shape[1] or not np.isfinite(k).all() or not np.allclose(k, k.T, rtol=1e-4):
        raise bad_argument("products", f"array of shape {k.shape}", "finite inner products (m, m), symmetric")
    m = len(k)
    if m < LEAST_BATCHES:
        raise DataError(f"gradient_noise: {m} batches, and at least {LEAST_BATCHES} are needed. Take smaller ones.")
    if np.trace(k) <= 0:
        raise DataError("gradient_noise: all gradients are 0. Nothing is trained, or no token is asked for.")

    def shared(rows: np.ndarray) -> tuple[float, float]:
        """Mean product of two batches, and mean squared norm."""
        part = k[np.ix_(rows, rows)]
        n = len(rows)
        return float((part.sum() - np.trace(part)) / (n * (n - 1))), float(np.trace(part) / n)

    between, own = shared(np.arange(m))
    consistency = between / own
    without = [shared(np.delete(np.arange(m), i)) for i in range(m)]
    low, high = t_ends(consistency, jackknife_error(np.array([p / q for p, q in without])), m - 1, confidence)
    ends = max(low, -1.0), min(high, 1.0)
    scales = [b * (1 - c) / c if c > 0 else float("inf") for c in (ends[1], consistency, ends[0])]
    return GradientNoise(
        consistency, ends, scales[1], (scales[0], scales[2]), between, b * (own - between), m, b, float(confidence)
    )


def noise_scale(small: float, large: float, small_batch: int, large_batch: int) -> float:
    """Gradient noise scale ``tr(Sigma) / |G|²`` from squared gradient norms at two batch sizes.

    Parameters
    ----------
    small, large : float
        Mean squared norm of the gradient of batches of `small_batch` and of `large_batch` rows, > 0.
    small_batch, large_batch : int
        Rows, ``1 <= small_batch < large_batch``.

    Returns
    -------
    float
        In rows; a batch of so many has as much noise as signal, and larger ones help little. Infinite where the norm
        falls as fast as noise alone would, and below 0 where it does not fall: too few gradients were averaged. For an
        interval see `gradient_noise`, which asks for the batches.

    Raises
    ------
    ArgumentError
        Norms that are not positive, or batches in another order.

    References
    ----------
    McCandlish et al., "An Empirical Model of Large-Batch Training", 2018, appendix A.

    Examples
    --------
    >>> import predictlab as pl
    >>> round(pl.static.noise_scale(small=1 + 50 / 10, large=1 + 50 / 100, small_batch=10, large_batch=100), 6)
    50.0
    """
    p, q = positive("small", small), positive("large", large)
    b = whole_number("small_batch", small_batch, 1)
    more = whole_number("large_batch", large_batch, b + 1, hint="It must be larger than small_batch.")
    signal = (more * q - b * p) / (more - b)
    trace = (p - q) / (1 / b - 1 / more)
    return trace / signal if signal > 0 else float("inf")
