"""Standard errors from statsmodels: Wald from the expected information, and cluster-robust by GEE."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from predictlab.decay._law import PARAMETERS, Array, Estimate, Interval, law
from predictlab.decay._noise import Noise
from predictlab.risk import RiskCurve


@dataclass(frozen=True)
class LogCovariance:
    """Covariance of the logarithms of the parameters that are not at a boundary.

    Attributes
    ----------
    params : pandas.Series
        All three parameters.
    names : tuple of str
        Those that are not at a boundary.
    covariance : ndarray, shape (p, p)
    df : float
        Degrees of freedom of Student's t for it; inf for the normal.
    results : object
        The statsmodels results it came from.
    """

    params: pd.Series
    names: tuple[str, ...]
    covariance: Array
    df: float
    results: object

    @property
    def standard_errors(self) -> pd.Series:
        """Of the parameters themselves; NaN at a boundary."""
        return self.params * self._deviations

    def intervals(self, confidence: float) -> list[Interval]:
        """By Student's t on the log scale; (0, inf) for a parameter at its boundary."""
        half = student.ppf((1 + confidence) / 2, self.df) * self._deviations
        with np.errstate(over="ignore"):
            lower, upper = self.params * np.exp(-half), self.params * np.exp(half)
        return list(zip(lower.fillna(0.0), upper.fillna(np.inf), strict=True))

    def draws(self, count: int, rng: np.random.Generator) -> Array:
        """Draws (count, 3) from Student's t of the logarithms; a parameter at a boundary stays there."""
        values, vectors = np.linalg.eigh(self.covariance)
        z = rng.standard_normal((count, len(self.names))) * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
        z *= np.sqrt(self.df / rng.chisquare(self.df, (count, 1)))
        factors = pd.DataFrame(1.0, index=range(count), columns=list(PARAMETERS))
        factors[list(self.names)] = np.exp(np.clip(z, -300, 300))
        return (factors * self.params).to_numpy()

    @property
    def _deviations(self) -> pd.Series:
        """Standard deviations of the logarithms; NaN at a boundary."""
        return pd.Series(np.sqrt(np.diag(self.covariance)), index=list(self.names)).reindex(PARAMETERS)


def _directions(depth: Array, best: Estimate) -> tuple[tuple[str, ...], Array, Array]:
    """Parameters inside the boundaries, derivatives (k, p) of ``log mu`` in their logarithms, and the law `mu` (k,)."""
    mu = law(depth, best.intrinsic_limit, best.scale, best.decay_rate)
    decaying = 1 - best.intrinsic_limit / mu
    columns = {}
    if best.intrinsic_limit > 0:
        columns["intrinsic_limit"] = best.intrinsic_limit / mu
    if best.scale > 0:
        columns["scale"] = decaying
        columns["decay_rate"] = -decaying * best.decay_rate * np.log(depth)
    return tuple(columns), np.stack(list(columns.values()), axis=1), mu


def wald(curve: RiskCurve, best: Estimate, noise: Noise) -> LogCovariance:
    """Inverse of the expected information at the fit, by statsmodels GLS.

    Linearised at the fit, ``log U`` is a linear model in the parameters with covariance
    ``phi 2 P_ij / sqrt(df_i df_j)``. With ``P = 1`` and ``phi = 1`` it is the information of the Gamma GLM whose
    regressors are ``[1, c^-alpha, -K c^-alpha log c]``.
    """
    import statsmodels.api as sm

    depth, risk, df = curve.depth, curve.risk, curve.df
    names, x, mu = _directions(depth, best)
    correlation = np.eye(len(df)) if noise.correlation is None else noise.correlation
    sigma = 2 * correlation / np.sqrt(np.outer(df, df))
    whole = mu + noise.rows
    model = sm.GLS(risk / whole - 1, x * (mu / whole)[:, None], sigma=sigma)
    fit = model.fit(cov_type="fixed scale", cov_kwds={"scale": noise.dispersion})
    return LogCovariance(best.params, names, np.asarray(fit.cov_params()), noise.dispersion_df, fit)


def gee(curve: RiskCurve, best: Estimate, offset: Array | float = 0.0) -> LogCovariance:
    """Sandwich covariance by statsmodels GEE: Gamma family, identity link, cluster = run (or group of runs).

    The response is each run's squared error, scaled so that its mean over runs is the risk. Regressors are those of the
    linearised law at the fit, which is where the equations are solved. For few clusters the covariance is corrected
    after Mancl and DeRouen (2001, Biometrics 57, 126-134); where depths differ in df, which that correction does not
    take, by the factor G / (G - p) for G clusters. `best` is the fit of independent depths; `offset` (k,) stands beside
    the law, and is taken as known.
    """
    import statsmodels.api as sm

    assert curve.errors is not None
    depth, df = curve.depth, curve.df
    runs, k = curve.errors.shape
    names, x, mu = _directions(depth, best)
    design = x * mu[:, None]  # of mu itself, in the logarithms of the parameters
    cluster = curve.units()
    there = np.isfinite(curve.errors)
    count = there.sum(axis=0)
    y = np.maximum(np.nan_to_num(curve.errors) ** 2 * (count / df), 1e-12 * mu)
    # mu is homogeneous in (L_int, K): with the rate's coefficient 0 those of the two logarithms are 1
    start = np.array([0.0 if name == "decay_rate" else 1.0 for name in names])
    order = np.argsort(np.repeat(cluster, k), kind="stable")
    order = order[there.ravel()[order]]
    equal = bool(np.all(df == df[0]))
    clusters = len(np.unique(cluster))
    with warnings.catch_warnings():
        # an identity link can leave the Gamma's domain; here the start is the solution
        for name in ("DomainWarning", "ConvergenceWarning", "IterationLimitWarning"):
            warnings.simplefilter("ignore", getattr(sm.tools.sm_exceptions, name))
        model = sm.GEE(
            y.ravel()[order],
            np.tile(design, (runs, 1))[order],
            groups=np.repeat(cluster, k)[order],
            family=sm.families.Gamma(link=sm.families.links.Identity()),
            weights=None if equal else np.tile(df / count, runs)[order],
            offset=None if np.ndim(offset) == 0 else np.tile(offset, runs)[order],
        )
        fit = model.fit(start_params=start, maxiter=2, cov_type="bias_reduced" if equal else "robust")
    covariance = np.asarray(fit.cov_params()) * (1.0 if equal else clusters / max(clusters - len(names), 1))
    return LogCovariance(best.params, names, covariance, float(clusters - 1), fit)
