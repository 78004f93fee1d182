"""The decay law ``U(c) = L_int + K c^-alpha`` and its Gamma deviance, as pure functions of arrays.

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

import numpy as np
from scipy.special import expit

from predictlab.decay._law import Array

_EDGE = 7.0  # |logit| at which a share of .001 counts as none


def residuals(ratio: Array, df: Array) -> tuple[Array, Array, Array]:
    """Signed Gamma deviance residuals of ``U / mu``, first and second derivative in ``log mu``; arrays broadcast."""
    ratio = np.maximum(ratio, 1e-300)
    e = ratio - 1
    small = np.abs(e) < 1e-3
    # e - log(1 + e) loses its digits near 0, where its series does not
    near = np.where(small, e, 0.0)
    half = np.where(small, near * near * (0.5 - near * (1 / 3 - near * (0.25 - 0.2 * near))), e - np.log(ratio))
    r = np.copysign(np.sqrt(df * half), e)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(small, -np.sqrt(df / 2) * (1 + near / 3), -df * e / (2 * r))
        bend = np.where(small, np.sqrt(df / 2) / 3, (df * ratio / 2 - slope * slope) / r)
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
