"""How estimates of one risk curve err: together across depths, and more than Gaussian runs would.

Source: docs/theory.md, sections 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma, psi
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from predictlab.decay._law import Array
from predictlab.risk import RiskCurve

LEAST_R2, MOST_R2 = 1e-3, 0.95
SHRINK = 10.0  # degrees of freedom at which a correlation of neighbours counts as much as the mean of all
_RIDGE = 1e-3
# Both fitted to simulations by benchmarks/constants.py.
TAIL_FACTOR = 1.5  # most samples of a heavy tail show less of it than there is; by Student's t with 5 df
JACKKNIFE_LOSS = {True: 2.9, False: 1.8}  # n / (n - loss) is the jackknife variance of Gaussian runs; mean estimated
UNKNOWN_CORRELATION = (0.0, 0.5, 0.8)  # of neighbours, alike probable, where a curve has neither runs nor covariance
UNKNOWN_DISPERSION = {1.0: 0.65, 2.0: 0.25, 4.0: 0.1}  # and its prior probabilities, there
UNSEEN_TAILS = {1.0: 0.75, 2.0: 0.25}  # times the estimated dispersion: few runs seldom show a tail that is heavy


@dataclass(frozen=True, eq=False)
class Noise:
    """Error model of a curve: deviances are ``r' W r / phi``.

    Attributes
    ----------
    correlation : ndarray, shape (k, k), or None
        Of ``log U`` across depths; None: independent.
    dispersion : float
        ``phi >= 1``, the variance of ``log U`` over its value for Gaussian runs.
    dispersion_df : float
        Degrees of freedom that the dispersion is known with; inf where it is taken as known.
    offset : ndarray, shape (k,), or None
        What stands beside the law in each risk, metric²: the evaluation rows' part (docs/theory.md, section 8).
    """

    correlation: Array | None
    dispersion: float
    dispersion_df: float
    offset: Array | None = None

    @classmethod
    def of(cls, curve: RiskCurve, correlated: bool = True, dispersion: float | None = None) -> Noise:
        """Estimate the noise of a curve from what it carries: its runs, else a covariance, else its df alone.

        Parameters
        ----------
        curve : RiskCurve
        correlated : bool
            False: take the depths as independent whatever the runs say.
        dispersion : float, optional
            In place of the estimate.

        Notes
        -----
        The correlation is that of a chain of depths: ``r²`` of the errors at neighbours, less its bias to first order,
        and products of it in between. Of a few runs the whole matrix cannot be had: its errors would be taken for
        structure. For the same reason each ``r²`` is shrunk to the mean of all. The dispersion compares the jackknife
        variance of ``log U`` (leaving out one run, or one group), mean over depths, with what it is for Gaussian runs.
        Below 1 it is left at 1: light tails are not relied on.
        """
        df = curve.df
        phi, phi_df, correlation = 1.0, float("inf"), None
        if curve.errors is not None:
            unit = curve.units()
            rows = np.zeros((int(unit.max()) + 1, len(df)))
            np.add.at(rows, unit, np.nan_to_num(curve.errors) ** 2)
            there = np.zeros(rows.shape, dtype=bool)
            np.logical_or.at(there, unit, np.isfinite(curve.errors))
            phi, phi_df = _dispersion(rows, df, there), float(len(rows) - 1)
            neighbours, freedom = np.diag(squared_correlation(curve.errors, df), 1), np.sqrt(df[1:] * df[:-1])
            neighbours = neighbours.mean() + (neighbours - neighbours.mean()) * freedom / (freedom + SHRINK)
            correlation = chain(np.clip(neighbours, LEAST_R2, MOST_R2))
        elif curve.log_covariance is not None:
            variance = np.diag(curve.log_covariance)
            phi = max(1.0, float(np.mean(variance * df / 2)))
            correlation = curve.log_covariance / np.sqrt(np.outer(variance, variance))
        if not correlated:
            correlation = None
        if dispersion is not None:
            phi, phi_df = float(dispersion), float("inf")
        return cls(correlation, phi, phi_df)

    @cached_property
    def weight(self) -> Array | None:
        """``W`` (k, k), the inverse of the correlation; None: independent."""
        if self.correlation is None:
            return None
        return np.asarray(np.linalg.inv(self.correlation + _RIDGE * np.eye(len(self.correlation))), dtype=float)

    @property
    def rows(self) -> Array | float:
        """The offset, or 0."""
        return 0.0 if self.offset is None else self.offset

    def cut(self, confidence: float) -> float:
        """Deviance above the least at which one parameter is outside its interval of that confidence."""
        if np.isinf(self.dispersion_df):
            return self.dispersion * float(chi2.ppf(confidence, 1))
        return self.dispersion * float(f_distribution.ppf(confidence, 1, self.dispersion_df))

    def p_value(self, deviance: float, df: int) -> float:
        """Probability of a deviance at least as large, with `df` degrees of freedom, if the law holds."""
        ratio = deviance / self.dispersion
        if np.isinf(self.dispersion_df):
            return float(chi2.sf(ratio, df))
        return float(f_distribution.sf(ratio / df, df, self.dispersion_df))

    def likelihood(self, excess: Array, parameters: int) -> Array:
        """Likelihood over its greatest, at deviances that are `excess` dispersions above the least.

        What is known of the dispersion is averaged over, as what is left beside so many parameters.
        """
        nu = self.dispersion_df
        if np.isinf(nu):
            return np.asarray(np.exp(-excess / 2))
        return np.asarray(np.exp(-(nu + parameters) / 2 * np.log1p(excess / nu)))

    def beside(self, offset: Array, error: Array) -> Noise:
        """The same noise of a law that stands beside `offset` (k,).

        `error` (k,) is what not knowing the offset adds to the variance of ``log U``, over that of Gaussian runs.
        """
        correlation = np.eye(len(offset)) if self.correlation is None else self.correlation
        return replace(self, correlation=correlation + np.diag(error), offset=offset)

    def from_index(self, first: int) -> Noise:
        """The same noise without the depths before `first`."""
        if first == 0 or (self.correlation is None and self.offset is None):
            return self
        correlation = None if self.correlation is None else self.correlation[first:, first:]
        return replace(self, correlation=correlation, offset=None if self.offset is None else self.offset[first:])


def chain(r2: Array) -> Array:
    """Correlation (k, k) of a chain whose neighbours have correlation `r2` (k - 1,): products in between."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(r2))])
    return np.asarray(np.exp(-np.abs(logs[:, None] - logs)))


def squared_correlation(errors: Array, df: Array) -> Array:
    """``r²`` of the errors (runs, k) between depths, less its bias to first order, ``(1 - r²)(1 - 2 r²) / df``.

    Cut off at 0 and 1; for Gaussian runs ``2 r² / df`` is the covariance of the logarithms of two mean squares.

    Parameters
    ----------
    errors : ndarray, shape (runs, k)
        Deviations with mean 0; NaN where a run misses a depth. Depths share only the runs that both have.
    df : ndarray, shape (k,)
        Degrees of freedom of the mean squares.

    Returns
    -------
    ndarray, shape (k, k)
    """
    there, errors = np.isfinite(errors).astype(float), np.nan_to_num(errors)
    norm = (errors**2).T @ there  # of the runs that both depths have
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = np.nan_to_num((errors.T @ errors) ** 2 / (norm * norm.T))
        both, count = there.T @ there, there.sum(axis=0)
        overlap = both / np.sqrt(np.outer(count, count))
        bias = (1 - r2) * (1 - 2 * r2) / (np.sqrt(np.outer(df, df)) * overlap)
    r2 = np.where(both > 1, np.clip(r2 - bias, 0.0, 1.0) * overlap, 0.0)
    np.fill_diagonal(r2, 1.0)
    return np.asarray(r2)


def _dispersion(squares: Array, df: Array, there: NDArray[np.bool_]) -> float:
    """Jackknife variance of ``log U`` over that of Gaussian runs, mean over depths, at least 1.

    `there` says which units were measured at which depths. Of fewer than four nothing is seen.
    """
    count = there.sum(axis=0)
    varies = (squares.sum(axis=0) > 0) & (count >= 4)  # where all runs agree there are no tails to be seen
    if not varies.any():
        return 1.0
    centred = bool(np.all(df < count - 0.5))
    squares, df, there, count = squares[:, varies], df[varies], there[:, varies], count[varies]
    total = squares.sum(axis=0)
    # with a run its pull on the mean goes as well
    left = np.log(np.maximum(total - squares * (count / (count - 1) if centred else 1.0), 1e-12 * total))
    away = np.where(there, left - np.sum(left, axis=0, where=there) / count, 0.0)
    jackknife = (count - 1) / count * np.sum(away**2, axis=0)
    # its mean over Gaussian runs, in units of 2 / df, from 6 runs on
    gaussian = count / (count - JACKKNIFE_LOSS[centred])
    excess = float(np.mean(jackknife * df / 2 / gaussian)) - 1
    return 1.0 + TAIL_FACTOR * max(0.0, excess)


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
