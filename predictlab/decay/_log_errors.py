"""How logarithms of risks err: their bias, and their covariance over depths (docs/theory.md, section 9)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import polygamma, psi

from predictlab.decay._law import Array
from predictlab.decay._noise import Noise, chain
from predictlab.risk import RiskCurve

UNKNOWN_CORRELATION = (0.0, 0.5, 0.8)  # of neighbours, alike probable, where a curve has neither runs nor covariance
UNKNOWN_DISPERSION = {1.0: 0.65, 2.0: 0.25, 4.0: 0.1}  # and its prior probabilities, there
UNSEEN_TAILS = {1.0: 0.75, 2.0: 0.25}  # times the estimated dispersion: few runs seldom show a tail that is heavy


@dataclass(frozen=True)
class LogErrors:
    """One law of the errors of ``ln U``.

    Parameters
    ----------
    probability : float
    bias : ndarray, shape (k,)
        To be added to ``ln U``.
    covariance : ndarray, shape (k, k)
    """

    probability: float
    bias: Array
    covariance: Array


def log_errors(df: Array, correlations: list[Array], dispersions: dict[float, float]) -> list[LogErrors]:
    """Laws for each correlation (k, k), alike probable, and each dispersion with its probability.

    The tails of a run are its own at all depths. With a scale of its own to every run, ``phi - 1`` comes from scales
    that two depths share, and ``ln U`` has the correlation ``(r² + (phi - 1)(1 + 2 r²) / 3) / phi``.
    """
    bias, variance = np.log(df / 2) - psi(df / 2), polygamma(1, df / 2)
    out = []
    for correlation in correlations:
        for phi, probability in dispersions.items():
            shared = correlation + (phi - 1) * (1 + 2 * correlation) / 3  # phi on the diagonal
            covariance = np.sqrt(np.outer(variance, variance)) * shared
            out.append(LogErrors(probability / len(correlations), bias, covariance))
    return out


def of_curve(curve: RiskCurve, noise: Noise, correlated: bool, given: bool) -> list[LogErrors]:
    """What is known of the errors of a curve; whether its dispersion was given."""
    k, unknown = len(curve.depth), UNKNOWN_CORRELATION if correlated else (0.0,)
    correlations = [chain(np.full(k - 1, max(r2, 1e-9))) for r2 in unknown]
    if noise.correlation is not None:
        correlations = [noise.correlation]
    if given or curve.log_covariance is not None:  # which has the dispersion in it
        return log_errors(curve.df, correlations, {noise.dispersion: 1.0})
    if curve.errors is None:
        return log_errors(curve.df, correlations, UNKNOWN_DISPERSION)
    return log_errors(curve.df, correlations, {noise.dispersion * x: p for x, p in UNSEEN_TAILS.items()})


def expected(errors: list[LogErrors], df: Array) -> tuple[float, Array]:
    """Dispersion, and correlation (k, k), of the mean of these laws; `df` (k,) as they were made with."""
    variance = polygamma(1, df / 2)
    mean = sum(law.probability * law.covariance for law in errors) / np.sqrt(np.outer(variance, variance))
    phi = float(np.mean(np.diag(mean)))
    return phi, np.asarray(mean / phi)


def freedom(variance: float) -> float:
    """Degrees of freedom of a mean square whose logarithm has that variance: ``psi'(df / 2) = variance``."""
    half = 1 / variance + 0.5 if variance < 1 else variance**-0.5  # from both ends of the function, then Newton's steps
    for _ in range(6):
        half = half * float(np.exp(np.clip((polygamma(1, half) - variance) / (-half * polygamma(2, half)), -2, 2)))
    return 2 * half
