"""The estimators of the decay law: Gamma likelihood, estimating equations (GEE), least squares in logarithms."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from predictlab._validation import generator, number, whole_number
from predictlab.decay import _bootstrap as bootstrap
from predictlab.decay import _standard_errors as standard_errors
from predictlab.decay._draws import likelihood_draws
from predictlab.decay._law import PARAMETERS, Array, Estimate, Interval, deviance, law
from predictlab.decay._noise import Noise
from predictlab.decay._profile import Profiler
from predictlab.decay._results import DecayResults, Rng
from predictlab.decay._solver import Problem
from predictlab.decay._standard_errors import LogCovariance
from predictlab.errors import ArgumentError, DataError, bad_argument
from predictlab.risk import RiskCurve

if TYPE_CHECKING:
    from statsmodels.genmod.generalized_linear_model import GLMResults
    from statsmodels.regression.linear_model import RegressionResults

    from predictlab.decay._model import BurnIn, DecayModel


class _EquationResults(DecayResults):
    """What the Gamma likelihood and its estimating equations share: Wald's intervals, GEE's and the bootstrap."""

    @cached_property
    def wald(self) -> LogCovariance:
        """Covariance of the logarithms of the parameters from the expected information (statsmodels GLS)."""
        return standard_errors.wald(self.fitted, self._estimate, self.noise)

    @cached_property
    def gee(self) -> LogCovariance:
        """Cluster-robust covariance of the logarithms of the parameters of ``fit("gee")`` (cluster = run)."""
        if self.fitted.errors is None:
            raise needs_runs("'profile', 'wald' or 'bootstrap'")
        return self.model.replace(burn_in=self.burn_in.first).fit("gee").gee

    @property
    def _fitting_noise(self) -> Noise:
        """The noise that the refits of a bootstrap take into account."""
        return self.noise

    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[Interval]:
        if method != "bootstrap":
            return (self.wald if method == "wald" else self.gee).intervals(confidence)
        count = whole_number("draws", draws, 1)
        every = bootstrap.refits(self.fitted, count, generator(rng), self._fitting_noise, left_out=True)
        sample, left_out = every[:count], every[count:]
        rate, none = bootstrap.at_the_ends(sample[:, 2], self.fitted.depth)
        columns = [sample[:, 0], np.where(np.isinf(rate), np.inf, sample[:, 1]), rate]
        says_nothing = (np.zeros_like(none), none, none)
        return [
            bootstrap.bca(column, estimate, pulls, confidence, unbounded)
            for column, estimate, pulls, unbounded in zip(columns, self.params, left_out.T, says_nothing, strict=True)
        ]

    def bootstrap(self, draws: int = 1000, rng: Rng = None) -> pd.DataFrame:
        """Refit resamples of whole runs.

        A curve without its runs is resampled from its Gamma law (parametric).

        Parameters
        ----------
        draws : int
            Number of resamples.
        rng : int, numpy.random.Generator or None
            None: a fresh generator of seed 0.

        Returns
        -------
        pandas.DataFrame
            One row a resample, columns as `params`; ``decay_rate`` is NaN where nothing decays.
        """
        count = whole_number("draws", draws, 1)
        sample = bootstrap.refits(self.fitted, count, generator(rng), self._fitting_noise)
        return pd.DataFrame(sample, columns=list(PARAMETERS))


class GammaResults(_EquationResults):
    """A fit by the Gamma likelihood, with the correlation of the depths where it is known; intervals by profile.

    Parameters, attributes and methods are those of `DecayResults`, and these.

    Parameters
    ----------
    model : DecayModel
    fitted : RiskCurve
    estimate : Estimate
    burn_in : BurnIn
    noise : Noise

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[.31, .16, .085, .05, .032], df=31)
    >>> fit = pl.DecayModel(curve).fit("gamma")
    >>> bool(fit.glm.params["intrinsic_limit"].round(4) == fit.params["intrinsic_limit"].round(4))
    True
    """

    method = "gamma"
    description = "Gamma likelihood"
    interval_methods = ("profile", "wald", "bootstrap", "gee")

    @property
    def bse(self) -> pd.Series:
        """Wald's standard errors of `params`; NaN at a boundary."""
        return self.wald.standard_errors

    @property
    def identified(self) -> bool:
        """Whether the depths separate the rate from the floor: the 95 % interval of alpha is bounded on both sides."""
        # alone: the intervals of the other two take longer
        lower, upper = self._profiler.interval("decay_rate", self.noise.cut(0.95))
        return bool(lower > 0 and np.isfinite(upper))

    def _draw(self, count: int, rng: np.random.Generator) -> Array:
        f = self.fitted
        return np.column_stack(likelihood_draws(f.depth, f.risk, f.df, count, rng, self.noise))

    @cached_property
    def glm(self) -> GLMResults:
        """The law at the fitted alpha as a statsmodels GLM (Gamma, identity link), depths taken as independent.

        Results for ``(L_int, K)`` at dispersion 1, `K` in units of ``c_n^alpha``. At a boundary the regressor whose
        coefficient is 0 is left out. The same numbers as the fit's where that has no correlation.
        """
        import statsmodels.api as sm

        depth, best = self.fitted.depth, self._estimate
        # relative to the last depth, since c^-alpha alone loses its digits at large alpha
        x = pd.DataFrame({"intrinsic_limit": 1.0, "scale": (depth / depth[-1]) ** -best.decay_rate})
        start = pd.Series([best.intrinsic_limit, best.scale * depth[-1] ** -best.decay_rate], index=x.columns)
        inside = start.index[start > 0]
        with warnings.catch_warnings():
            # an identity link can leave the Gamma's domain; here both coefficients and regressors are >= 0
            warnings.simplefilter("ignore", sm.tools.sm_exceptions.DomainWarning)
            family = sm.families.Gamma(link=sm.families.links.Identity())
            risk, weights = pd.Series(self.fitted.risk, name="risk"), self.fitted.df / 2
            model = sm.GLM(risk, x[inside], family=family, var_weights=weights, offset=self.noise.offset)
        return model.fit(start_params=start[inside].to_numpy(), scale=1.0, tol=1e-12)

    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[Interval]:
        if method == "profile":
            return [self._profiler.interval(name, self.noise.cut(confidence)) for name in PARAMETERS]
        return super()._intervals(method, confidence, draws, rng)

    @cached_property
    def _profiler(self) -> Profiler:
        f = self.fitted
        problem = Problem.power(f.depth, f.risk, f.df, self.noise.weight, self.noise.rows)
        return Profiler(problem, float(np.log(f.depth[0])))


class GEEResults(_EquationResults):
    """A fit by the Gamma estimating equations of independent depths, robust to any dependence between depths.

    Parameters, attributes and methods are those of `DecayResults`, and these.

    Parameters
    ----------
    model : DecayModel
    fitted : RiskCurve
        With its `errors`.
    estimate : Estimate
    burn_in : BurnIn
    noise : Noise

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.worlds.MartingaleWorld(0.1, 2.0, 1.0).spread(24, [3, 7, 15, 31, 63], seed=0)
    >>> pl.DecayModel(curve).fit("gee").gee.df
    23.0
    """

    method = "gee"
    description = "Gamma estimating equations, cluster = run"
    interval_methods = ("gee", "wald", "bootstrap")
    _interval_hint = "GEE has no likelihood."

    @cached_property
    def gee(self) -> LogCovariance:
        """Cluster-robust covariance of the logarithms of the parameters (statsmodels GEE, cluster = run)."""
        return standard_errors.gee(self.fitted, self._estimate, self.noise.rows)

    @property
    def bse(self) -> pd.Series:
        """Cluster-robust standard errors of `params`; NaN at a boundary."""
        return self.gee.standard_errors

    def _draw(self, count: int, rng: np.random.Generator) -> Array:
        return self.gee.draws(count, rng)

    @property
    def _fitting_noise(self) -> Noise:
        return replace(self.noise, correlation=None)  # depths taken as independent


class LogLogResults(DecayResults):
    """A straight line in logarithms, with the floor subtracted beforehand or not: the paper's Alg. 1.

    Its intervals are those of ordinary least squares: they take every depth as equally well known and independent, and
    the floor as known. docs/coverage.md shows how often they hold.

    Parameters
    ----------
    model : DecayModel
    fitted : RiskCurve
    burn_in : BurnIn
    noise : Noise
    floor : float, "last" or None
        See ``DecayModel.fit``.

    Attributes
    ----------
    ols : statsmodels regression results
        ``log(U - floor)`` on ``log c``; coefficients ``log K`` and ``-alpha``.

    Notes
    -----
    Source: Luo, Wang, Tang (2026), Alg. 1.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32], risk=[.32, .16, .08, .04], df=31)
    >>> float(pl.DecayModel(curve).fit("loglog").params["decay_rate"].round(3))
    1.0
    """

    method = "loglog"
    description = "least squares in logarithms (the paper's Alg. 1)"
    interval_methods: ClassVar[tuple[str, ...]] = ("wald",)
    _interval_hint = "The intervals of least squares; fit 'gamma' for the others."

    def __init__(
        self, model: DecayModel, fitted: RiskCurve, burn_in: BurnIn, noise: Noise, floor: float | str | None
    ) -> None:
        import statsmodels.api as sm

        risk = fitted.risk
        keep = np.ones(len(risk), dtype=bool)
        if floor == "last":
            keep[-1], limit = False, float(risk[-1])
            keep &= risk > limit
        else:
            least = float(np.min(risk))
            expected = f"'last', None, or a risk in [0, {least:.4g}), below every risk fitted"
            hint = "What is subtracted has to leave something to take the logarithm of."
            limit = 0.0 if floor is None else number("floor", floor, expected, hint, least=0, below=least)
        if keep.sum() < 3:
            raise DataError(f"curve {fitted.task!r}: {keep.sum()} depths lie above the floor; a line needs 3.")
        x = pd.DataFrame({"log_scale": 1.0, "minus_decay_rate": np.log(fitted.depth[keep])})
        self.ols: RegressionResults = sm.OLS(np.log(risk[keep] - limit), x).fit()
        scale, rate = float(np.exp(self.ols.params["log_scale"])), -float(self.ols.params["minus_decay_rate"])
        value = float(deviance(risk, fitted.df, law(fitted.depth, limit, scale, rate)))
        super().__init__(model, fitted, Estimate(limit, scale, rate, value), burn_in, noise)
        self.floor = floor

    @property
    def bse(self) -> pd.Series:
        """Standard errors of ordinary least squares; that of the floor is NaN, since it was not estimated."""
        intercept, slope = self.ols.bse
        return pd.Series([np.nan, self.params["scale"] * intercept, slope], index=list(PARAMETERS))

    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[Interval]:
        (log_lower, log_upper), (fall_lower, fall_upper) = np.asarray(self.ols.conf_int(1 - confidence))
        floor = float(self.params["intrinsic_limit"])
        return [(floor, floor), (float(np.exp(log_lower)), float(np.exp(log_upper))), (-fall_upper, -fall_lower)]

    def _draw(self, count: int, rng: np.random.Generator) -> Array:
        z = rng.multivariate_normal(np.zeros(2), np.asarray(self.ols.cov_params()), count)
        z *= np.sqrt(self.ols.df_resid / rng.chisquare(self.ols.df_resid, (count, 1)))
        log_scale, fall = (np.asarray(self.ols.params) + z).T
        floor = np.full(count, self.params["intrinsic_limit"])
        return np.column_stack([floor, np.exp(np.clip(log_scale, -600, 600)), -fall])

    def cautions(self) -> list[str]:
        """List what a reader has to know before quoting the fit, and what least squares leaves out.

        Returns
        -------
        list of str
        """
        why = "The floor was not estimated, and the intervals take it as known and all depths as equally well measured."
        return [why, *super().cautions()]


def needs_runs(methods: str) -> ArgumentError:
    """The error that says which `methods` there are for a curve without its runs."""
    return bad_argument(
        "method", "gee", f"{methods} for a curve without its runs",
        "GEE reads the errors of each run: make the curve with pl.risk_curve(runs).",
    )  # fmt: skip
