"""The decay law ``U(c) = L_int + K c^-alpha`` itself, and the range of its rate (docs/theory.md, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

PARAMETERS = ("intrinsic_limit", "scale", "decay_rate")
ALPHA_MIN = 0.01  # 2^-0.01: flatter than any spread can tell from a constant


@dataclass(frozen=True)
class Estimate:
    """Fitted ``L_int`` (metric²), ``K`` (metric²·steps^alpha), ``alpha`` and the deviance there.

    ``alpha`` is NaN when ``K = 0``: no decay, so no rate.
    """

    intrinsic_limit: float
    scale: float
    decay_rate: float
    deviance: float


def alpha_max(depth: Array) -> float:
    """Largest decay rate worth looking at: there the decaying part is 1e-4 of itself one depth later.

    Less where `K` or ``(c_n / c_1)^alpha`` would leave the range of floats.
    """
    reach = max(np.log(depth[-1] / depth[0]), abs(np.log(depth[-1])))
    return float(min(50.0, np.log(1e4) / np.log(depth[1] / depth[0]), 600.0 / reach))


def law(depth: ArrayLike, intrinsic_limit: ArrayLike, scale: ArrayLike, decay_rate: ArrayLike) -> Array:
    """Risk of the decay law ``L_int + K c^-alpha``; all arguments broadcast against each other.

    Parameters
    ----------
    depth : array_like
        Depths c > 0, steps.
    intrinsic_limit : array_like
        ``L_int >= 0``, metric².
    scale : array_like
        ``K >= 0``, metric²·steps^alpha.
    decay_rate : array_like
        ``alpha``; may be NaN where ``K = 0``.

    Returns
    -------
    ndarray
        Risk, metric².

    Examples
    --------
    >>> law([1, 10, 100], intrinsic_limit=0.1, scale=1.0, decay_rate=1.0)
    array([1.1 , 0.2 , 0.11])
    """
    k = np.asarray(scale, dtype=float)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        # in logs, since K and c^-alpha overflow apart long before their product does
        decaying = np.exp(np.log(k) - np.asarray(decay_rate, dtype=float) * np.log(depth))
    return np.asarray(intrinsic_limit + np.where(k > 0, decaying, 0.0))
