"""The decay law ``U(c) = L_int + K c^-alpha`` and its Gamma deviance (docs/theory.md, section 3).

Inside, the curve is ``mu_i = e^p + e^(a - e^q u_i)``: `p` is the logarithm of the floor, `a` that of the decaying part
at the last depth, `q` that of the rate, and ``u_i = log(c_i / c_n) <= 0``. The boundaries ``L_int = 0`` and ``K = 0``
are ``p`` and ``a`` of minus infinity. The same form with ``u_i = c_i / c_n - 1`` is an exponential decay.

The deviance is ``D = r' W r`` of the signed Gamma deviance residuals
``r_i = +-sqrt(df_i (U_i/mu_i - 1 - log U_i/mu_i))``, with ``W`` the inverse of their correlation across depths.
Without correlation it is the Gamma deviance
``2 (loglik_saturated - loglik)`` of ``df_i U_i / mu_i ~ chi2(df_i)``, at dispersion 1; with it, it is minus twice the
log-likelihood of a Gaussian copula with Gamma margins, since deviance residuals of a Gamma are Gaussian to second
order (Pierce, Schafer 1986).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

Array = NDArray[np.float64]
Interval: TypeAlias = tuple[float, float]

PARAMETERS = ("intrinsic_limit", "scale", "decay_rate")
ALPHA_MIN = 0.01  # 2^-0.01: flatter than any spread can tell from a constant
_EDGE = 7.0  # |logit| at which a share of .001 counts as none


@dataclass(frozen=True)
class Estimate:
    """Fitted ``L_int`` (metric²), ``K`` (metric²·steps^alpha), ``alpha`` and the deviance there.

    ``alpha`` is NaN when ``K = 0``: no decay, so no rate.
    """

    intrinsic_limit: float
    scale: float
    decay_rate: float
    deviance: float

    @property
    def params(self) -> pd.Series:
        """The three parameters by their names."""
        return pd.Series([self.intrinsic_limit, self.scale, self.decay_rate], index=list(PARAMETERS))


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


def crossing_depth(intrinsic_limit: ArrayLike, scale: ArrayLike, decay_rate: ArrayLike, tolerance: ArrayLike) -> Array:
    """Depth at which the risk falls to a tolerance, ``c_tau = (K / (tau - L_int))^(1/alpha)``.

    Parameters
    ----------
    intrinsic_limit : array_like
        ``L_int`` >= 0, metric²; broadcast against the others.
    scale : array_like
        ``K`` >= 0, metric²·steps^alpha.
    decay_rate : array_like
        ``alpha`` > 0.
    tolerance : array_like
        ``tau`` > 0, metric².

    Returns
    -------
    ndarray
        Steps; inf where ``L_int >= tau``, 0 where nothing decays and the risk is below the tolerance anyway.

    Examples
    --------
    >>> crossing_depth([0.0, 0.2], 1.0, 1.0, 0.1).round(6).tolist()
    [10.0, inf]
    """
    floor, k, a = (np.asarray(v, dtype=float) for v in (intrinsic_limit, scale, decay_rate))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        depth = np.exp((np.log(k) - np.log(tolerance - floor)) / a)
    return np.where(floor >= tolerance, np.inf, np.where(k > 0, depth, 0.0))


def residuals(ratio: Array, df: Array) -> tuple[Array, Array, Array]:
    """Signed Gamma deviance residuals of ``U / mu``, first and second derivative in ``log mu``; `df` broadcasts."""
    ratio = np.maximum(ratio, 1e-300)
    e = ratio - 1
    half = e - np.log(ratio)
    # e - log(1 + e) loses its digits near 0, where its series does not
    near = np.nonzero(np.abs(e) < 1e-3)
    x = e[near]
    half[near] = x * x * (0.5 - x * (1 / 3 - x * (0.25 - 0.2 * x)))
    r = np.copysign(np.sqrt(df * half), e)
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0 is put right below
        slope = -0.5 * df * e / r
        bend = (0.5 * df * ratio - slope * slope) / r
    scale = np.sqrt(0.5 * np.broadcast_to(df, e.shape)[near])
    slope[near], bend[near] = -scale * (1 + x / 3), scale / 3
    return r, slope, bend


def deviance(risk: Array, df: Array, mu: Array, weight: Array | None = None) -> Array:
    """Deviance ``r' W r`` over the last axis."""
    r, _, _ = residuals(risk / mu, df)
    return np.sum((r if weight is None else r @ weight) * r, axis=-1)


def shape(u: Array, rate: Array, logit: Array) -> Array:
    """``g_i = t + (1 - t) e^(-rate u_i)``, 1 at the last depth, for broadcast `rate` and `logit` of the share `t`."""
    x = np.exp(-np.asarray(rate)[..., None] * u)
    share = np.asarray(logit)[..., None]
    return expit(share) + expit(-share) * x


def logit_range(u: Array, rate: Array | float) -> tuple[float, Array]:
    """Logits of `t` from "no floor at the last depth" to "nothing but floor at the first"."""
    return -_EDGE, _EDGE - np.asarray(rate) * u[0]


def profile_scale(risk: Array, df: Array, g: Array, weight: Array | None) -> tuple[Array, Array, Array]:
    """Best scale of each shape.

    Parameters
    ----------
    risk, df : ndarray, shape (k,)
    g : ndarray, shape (..., k)
        Shapes, see `shape`.
    weight : ndarray, shape (k, k), or None

    Returns
    -------
    deviance, log_scale, information : ndarray, shape (...)
        Deviance at the best scale, the logarithm of that scale, and half the curvature of the deviance in it.
    """
    total = np.sum(df)
    log_s = np.log((risk * df / total) @ (1 / np.moveaxis(g, -1, 0).reshape(len(risk), -1))).reshape(g.shape[:-1])
    if weight is None:
        value = total * log_s + np.log(g) @ df - np.sum(df * np.log(risk))
        return value, log_s, np.full(log_s.shape, total / 2)
    base = risk / g
    for _ in range(3):
        r, j, _ = residuals(base * np.exp(-log_s)[..., None], df)
        wj = j @ weight
        information = np.sum(wj * j, axis=-1)
        log_s = log_s - np.clip(np.sum(wj * r, axis=-1) / information, -1.0, 1.0)
    r, _, _ = residuals(base * np.exp(-log_s)[..., None], df)
    return np.sum((r @ weight) * r, axis=-1), log_s, information
