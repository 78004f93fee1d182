"""What a difference of two recipes is known to: normal laws, weighted by what runs say of their variance.

The variance over runs of a metric on n rows is ``sigma_run² + sigma_int² / n`` (docs/theory.md, section 8). The second
part has about (S - 1)(n - 1) degrees of freedom and is taken as known; the first has S - 1, and is averaged over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import chi2
from scipy.stats import norm as normal

from predictlab._validation import confidence_level, share

Array = NDArray[np.float64]

# Of a prior on the seeds' standard deviation of a share p, where no two runs tell it: log(sigma_run / sqrt(p (1 - p))).
# Published and measured ones: docs/comparing.md.
PRIOR_SCALE, PRIOR_SD = 0.0145, 1.15
RATIO_SCALE = 0.35  # of the log ratio of two recipes' standard deviations over seeds, Student's t with 3 df
# Where few runs tell it, on rows that are known: beyond this sigma_run / sqrt(p (1 - p)) falls off.
WIDE_SCALE, WIDE_SD = 0.1, 0.5
_BELOW = 0.1  # how far below the rows' part the flat prior of log sigma_run goes, in units of its standard deviation
_SIGMAS, _RATIOS, _STRETCHES = 160, 15, 6


@dataclass(frozen=True)
class Spread:
    """What runs of one recipe say of their spread.

    Parameters
    ----------
    runs : int
        Runs S.
    variance : float
        Sample variance of their means, metric²; NaN of one run.
    rows_part : float
        ``sigma_int² / n`` in it, metric²; 0 where it is not told apart.
    """

    runs: int
    variance: float
    rows_part: float = 0.0


@dataclass(frozen=True)
class Mixture:
    """Normal laws about 0 of ``estimate - truth``, with weights.

    Parameters
    ----------
    weights : ndarray, shape (k,)
        Sum 1.
    sd : ndarray, shape (k,)
        Standard deviations, metric, > 0.
    """

    weights: Array
    sd: Array

    def tail(self, x: float) -> float:
        """Probability of more than `x`."""
        return float(self.weights @ normal.sf(x / self.sd))

    def two_sided(self, x: float) -> float:
        """Probability of more than `x` in size."""
        return min(1.0, 2 * self.tail(abs(x)))

    def quantile(self, tail: float) -> float:
        """The x that is passed with probability `tail` < 1/2."""
        low, high = (float(normal.isf(tail) * s) for s in (self.sd.min(), self.sd.max()))
        if high - low <= 1e-12 * high:
            return high
        return float(brentq(lambda x: self.tail(x) - tail, low, high, xtol=1e-9 * high))


def stretched(df: float) -> tuple[Array, Array]:
    """Weights and factors of a variance that is known with `df` degrees of freedom; its mixture is about Student's."""
    if not np.isfinite(df) or df > 2000:
        return np.ones(1), np.ones(1)
    at, weight = np.polynomial.legendre.leggauss(_STRETCHES)
    return weight / 2, df / chi2.ppf((at + 1) / 2, df)


def known(variance: float, df: float = np.inf) -> Mixture:
    """The mixture of a variance that is known, or known with `df` degrees of freedom."""
    weights, factors = stretched(df)
    return Mixture(weights, np.sqrt(variance * factors))


def mixture_of(
    spreads: tuple[Spread, ...],
    rows_variance: float,
    rows_df: float = np.inf,
    prior: Callable[[Array], Array] | None = None,
    earlier: Spread | None = None,
) -> Mixture:
    """Average over what the spreads of one or two recipes leave open.

    Parameters
    ----------
    spreads : tuple of Spread
        Of each recipe (or of the differences of pairs); their variances are taken as alike, up to a ratio with a prior
        that a few more runs overrule.
    rows_variance : float
        What rows add to the variance of the estimate, metric².
    rows_df : float
        Its degrees of freedom.
    prior : callable, optional
        Log density of ``log sigma_run``; default flat, which takes a recipe with two runs.
    earlier : Spread, optional
        Other runs, that tell of the spread alone.

    Returns
    -------
    Mixture
    """
    sigma = _sigmas((*spreads, *([earlier] if earlier else [])))
    log_weight = np.zeros(_SIGMAS) if prior is None else prior(np.log(sigma))
    if earlier is not None:
        log_weight = log_weight + _log_likelihood(earlier, sigma**2)
    if len(spreads) == 1:
        scales, log_ratio = np.zeros((1, 1)), np.zeros(1)
    else:
        ratio = np.linspace(-2.4, 2.4, _RATIOS)
        scales, log_ratio = np.stack([ratio / 2, -ratio / 2]), -2 * np.log1p((ratio / RATIO_SCALE) ** 2 / 3)
    log_weight = log_weight[:, None] + log_ratio
    variance = np.zeros_like(log_weight)
    for one, scale in zip(spreads, scales, strict=True):
        run = (sigma[:, None] * np.exp(scale)) ** 2
        if one.runs > 1:
            log_weight = log_weight + _log_likelihood(one, run)
        variance = variance + run / one.runs
    weight = np.exp(log_weight - log_weight.max())
    share, factor = stretched(rows_df)
    weights = (weight[:, :, None] * share).ravel()
    total = (variance[:, :, None] + rows_variance * factor).ravel()
    kept = weights > 1e-9 * weights.max()
    return Mixture(weights[kept] / weights[kept].sum(), np.sqrt(total[kept]))


def _log_likelihood(one: Spread, run: Array) -> Array:
    """Of a sample variance that is Gamma with S - 1 degrees of freedom."""
    half, mean = (one.runs - 1) / 2, run + one.rows_part
    return np.asarray(-half * np.log(mean) - half * one.variance / mean - gammaln(half))


def share_prior(mean: float) -> Callable[[Array], Array]:
    """The prior on ``log sigma_run`` of a share of mean p, where no runs tell it."""
    centre = np.log(PRIOR_SCALE * np.sqrt(max(mean * (1 - mean), 1e-4)))
    return lambda log_sigma: -0.5 * ((log_sigma - centre) / PRIOR_SD) ** 2


def wide_prior(mean: float, df: int, paired: bool = False) -> Callable[[Array], Array]:
    """The one beside runs that tell it: flat to about twice the spread of HANS's BERTs, then Student's t3 in the log.

    A spread of two runs leaves open that seeds differ by tens of points, which is what makes answers too careful. It
    counts in full there, and by 2 / df where more runs say what they say: where seeds do differ by so much, every bit
    of it is paid for in false alarms.
    """
    top = np.log(WIDE_SCALE * np.sqrt(max(mean * (1 - mean), 1e-4) * (2 if paired else 1)))
    weight = min(1.0, 2 / df)
    return lambda log_sigma: -2 * weight * np.log1p((np.maximum(log_sigma - top, 0) / WIDE_SD) ** 2 / 3)


def run_sd_prior(mean: float, confidence: float = 0.95) -> tuple[float, float, float]:
    """Say how far runs of a share differ before any two are seen.

    Parameters
    ----------
    mean : float
        The share p, in (0, 1).
    confidence : float
        Of the range, in (0, 1).

    Returns
    -------
    sd, lower, upper : float
        Median and range of the prior on the standard deviation over runs, on the population of rows.

    Notes
    -----
    ``log(sigma_run / sqrt(p (1 - p)))`` is normal about log .0145 with standard deviation 1.15: docs/comparing.md.

    Examples
    --------
    >>> [round(v, 4) for v in run_sd_prior(0.84)]
    [0.0053, 0.0006, 0.0506]
    """
    share("mean", mean)
    scale = PRIOR_SCALE * math.sqrt(mean * (1 - mean))
    reach = float(normal.isf((1 - confidence_level(confidence)) / 2)) * PRIOR_SD
    return scale, scale * math.exp(-reach), scale * math.exp(reach)


def _sigmas(spreads: tuple[Spread, ...]) -> Array:
    """Standard deviations over runs to average over, evenly in their logarithm."""
    told = [one for one in spreads if one.runs > 1]
    if not told:
        return np.geomspace(1e-6, 1.0, _SIGMAS)
    rows_part = max(one.rows_part for one in told)
    seen = max(max(one.variance for one in told), rows_part)
    least = min(min(one.variance for one in told), seen)
    low = _BELOW * np.sqrt(rows_part) if rows_part > 0 else 1e-2 * np.sqrt(max(least, 1e-6 * seen))
    freedom = sum(one.runs - 1 for one in told)
    return np.geomspace(low, np.sqrt(seen) * (300 if freedom < 3 else 30), _SIGMAS)
