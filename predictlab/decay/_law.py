"""The decay law ``U(c) = L_int + K c^-alpha`` itself, and the range of its rate (THEORY 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ALPHA_MIN = 0.01  # 2^-0.01: flatter than any spread can tell from a constant


@dataclass(frozen=True)
class GammaFit:
    """Maximum of the likelihood: ``L_int``, ``K`` (metric²·steps^alpha), ``alpha`` and the deviance there.

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


def mean(depth: Array, intrinsic_limit: Array | float, scale: Array | float, decay_rate: Array | float) -> Array:
    """``L_int + K c^-alpha``; parameters broadcast against `depth`. With ``K = 0`` alpha may be NaN."""
    k = np.asarray(scale, dtype=float)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        # in logs, since K and c^-alpha overflow apart long before their product does
        decaying = np.exp(np.log(k) - np.asarray(decay_rate, dtype=float) * np.log(depth))
    return np.asarray(intrinsic_limit + np.where(k > 0, decaying, 0.0))


def rate_grid(depth: Array, size: int = 60) -> Array:
    """Decay rates from `ALPHA_MIN` to `alpha_max`, log-spaced."""
    return np.geomspace(ALPHA_MIN, alpha_max(depth), size)
