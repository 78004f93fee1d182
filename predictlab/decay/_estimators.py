"""The estimators of the decay law: Gamma likelihood, estimating equations (GEE), least squares in logarithms."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from predictlab._validation import generator, whole_number
from predictlab.decay import _bootstrap as bootstrap
from predictlab.decay import _standard_errors as standard_errors
from predictlab.decay._deviance import deviance
from predictlab.decay._draws import likelihood_draws
from predictlab.decay._law import PARAMETERS, Array, Estimate, law
from predictlab.decay._noise import Noise
from predictlab.decay._profile import Profiler
from predictlab.decay._results import DecayResults, Interval, Rng
from predictlab.decay._solver import Problem
from predictlab.decay._standard_errors import LogCovariance
from predictlab.errors import DataError, bad_argument
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

    @property
    def _as_gee(self) -> GEEResults:
        """The fit of the same depths by the estimating equations."""
        raise NotImplementedError

    @property
    def _fitting_noise(self) -> Noise:
        """The noise that the refits of a bootstrap take into account."""
        raise NotImplementedError

    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[Interval]:
        if method == "wald":
            return _from_logs(self.params, self.wald, confidence)
        if method == "gee":
            return _from_logs(self._as_gee.params, self._as_gee.gee, confidence)
        sample = self.bootstrap(draws, rng).to_numpy()
        rate, none = bootstrap.at_the_ends(sample[:, 2], self.fitted.depth)
        columns = [sample[:, 0], np.where(np.isinf(rate), np.inf, sample[:, 1]), rate]
        says_nothing = (np.zeros_like(none), none, none)
        left_out = [None] * 3 if self._left_out is None else self._left_out.T
        return [
            bootstrap.bca(column, estimate, pulls, confidence, unbounded)
            for column, estimate, pulls, unbounded in zip(columns, self.params, left_out, says_nothing, strict=True)
        ]

    @cached_property
    def _left_out(self) -> Array | None:
        errors = self.fitted.errors
        return None if errors is None else bootstrap.jackknife(self.fitted, errors, self._fitting_noise)

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

    def __init__(self, model: DecayModel, fitted: RiskCurve, estimate: Estimate, burn_in: BurnIn, noise: Noise) -> None:
        super().__init__(model, fitted, estimate, burn_in, noise)
        self._profiles: dict[tuple[str, float], Interval] = {}

    @property
    def bse(self) -> pd.Series:
        """Wald's standard errors of `params`; NaN at a boundary."""
        return _standard_errors(self.params, self.wald)

    @property
    def identified(self) -> bool:
        """Whether the depths separate the rate from the floor: the 95 % interval of alpha is bounded on both sides."""
        lower, upper = self._profile("decay_rate", 0.95)  # alone: those of the other two take longer
        return bool(lower > 0 and np.isfinite(upper))

    def draws(self, draws: int = 2000, rng: Rng = None) -> pd.DataFrame:
        """Draw the parameters from the likelihood under a vague reference (docs/decay.md).

        Parameters
        ----------
        draws : int
            Number of draws.
        rng : int, numpy.random.Generator or None
            None: a fresh generator of seed 0.

        Returns
        -------
        pandas.DataFrame
            One row a draw, columns as `params`: ``limit, scale, rate = fit.draws().to_numpy().T``.
        """
        count, f = whole_number("draws", draws, 1), self.fitted
        values = likelihood_draws(f.depth, f.risk, f.df, n=count, rng=generator(rng), noise=self.noise)
        return pd.DataFrame(dict(zip(PARAMETERS, values, strict=True)))

    @cached_property
    def glm(self) -> GLMResults:
        """The law at the fitted alpha as a statsmodels GLM (Gamma, identity link), depths taken as independent.

        Results for ``(L_int, K)`` at dispersion 1, `K` in units of ``c_n^alpha``. At a boundary the regressor whose
        coefficient is 0 is left out. The same numbers as the fit's where that has no correlation.
        """
        import statsmodels.api as sm

        depth, best = self.fitted.depth, self._estimate
        columns, start = {}, []
        if best.intrinsic_limit > 0:
            columns["intrinsic_limit"] = np.ones_like(depth)
            start.append(best.intrinsic_limit)
        if best.scale > 0:
            # relative to the last depth, since c^-alpha alone loses its digits at large alpha
            columns["scale"] = (depth / depth[-1]) ** -best.decay_rate
            start.append(best.scale * depth[-1] ** -best.decay_rate)
        with warnings.catch_warnings():
            # an identity link can leave the Gamma's domain; here both coefficients and regressors are >= 0
            warnings.simplefilter("ignore", sm.tools.sm_exceptions.DomainWarning)
            family = sm.families.Gamma(link=sm.families.links.Identity())
            risk = pd.Series(self.fitted.risk, name="risk")
            model = sm.GLM(risk, pd.DataFrame(columns), family=family, var_weights=self.fitted.df / 2)
        return model.fit(start_params=np.array(start), scale=1.0, tol=1e-12)

    @property
    def gee(self) -> LogCovariance:
        """Cluster-robust covariance of the logarithms of the parameters, of the fit of independent depths."""
        return self._as_gee.gee

    @cached_property
    def _as_gee(self) -> GEEResults:
        if self.fitted.errors is None:
            raise bad_argument(
                "method", "gee", "'profile', 'wald' or 'bootstrap' for a curve without its runs",
                "GEE reads the errors of each run: make the curve with pl.risk_curve(runs).",
            )  # fmt: skip
        return self.model.with_(burn_in=self.burn_in.first).fit("gee")

    @property
    def _fitting_noise(self) -> Noise:
        return self.noise

    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[Interval]:
        if method == "profile":
            return [self._profile(name, confidence) for name in PARAMETERS]
        return super()._intervals(method, confidence, draws, rng)

    @cached_property
    def _profiler(self) -> Profiler:
        f, best = self.fitted, self._estimate
        last = float(np.log(f.depth[-1]))
        with np.errstate(divide="ignore"):
            p, log_k, q = (float(np.log(v)) for v in (best.intrinsic_limit, best.scale, best.decay_rate))
        theta = np.array([p, log_k - np.exp(q) * last if best.scale > 0 else -np.inf, q])
        return Profiler(Problem.power(f.depth, f.risk, f.df, self.noise.weight), theta, best.deviance, last)

    def _profile(self, name: str, confidence: float) -> Interval:
        key = (name, confidence)
        if key not in self._profiles:
            cut = self.noise.cut(confidence)
            if name == "decay_rate":
                interval = self._profiler.rate(cut)
            elif name == "intrinsic_limit":
                interval = self._profiler.intrinsic_limit(cut)
            else:
                interval = self._profiler.scale(cut)
                # K multiplies c^-alpha: with no upper bound for alpha it has none either
                if np.isinf(self._profile("decay_rate", confidence)[1]):
                    interval = (interval[0], float("inf"))
            self._profiles[key] = interval
        return self._profiles[key]


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
        return standard_errors.gee(self.fitted, self._estimate)

    @property
    def bse(self) -> pd.Series:
        """Cluster-robust standard errors of `params`; NaN at a boundary."""
        return _standard_errors(self.params, self.gee)

    def draws(self, draws: int = 2000, rng: Rng = None) -> pd.DataFrame:
        """Draw the parameters from Student's t of their logarithms; a parameter at 0 stays there.

        Parameters
        ----------
        draws : int
            Number of draws.
        rng : int, numpy.random.Generator or None
            None: a fresh generator of seed 0.

        Returns
        -------
        pandas.DataFrame
            One row a draw, columns as `params`.
        """
        count, random, of = whole_number("draws", draws, 1), generator(rng), self.gee
        values, vectors = np.linalg.eigh(of.covariance)
        z = random.standard_normal((count, len(of.names))) * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
        z *= np.sqrt(of.df / random.chisquare(of.df, (count, 1)))
        out = pd.DataFrame({name: np.full(count, self.params[name]) for name in PARAMETERS})
        for i, name in enumerate(of.names):
            out[name] *= np.exp(np.clip(z[:, i], -300, 300))
        return out

    @property
    def _as_gee(self) -> GEEResults:
        return self

    @property
    def _fitting_noise(self) -> Noise:
        return self.noise.independent()


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
            limit = _given_floor(floor, float(np.min(risk)))
        if keep.sum() < 3:
            raise DataError(f"curve {fitted.task!r}: {keep.sum()} depths lie above the floor; a line needs 3.")
        x = pd.DataFrame({"log_scale": 1.0, "minus_decay_rate": np.log(fitted.depth[keep])})
        self.ols: RegressionResults = sm.OLS(np.log(risk[keep] - limit), x).fit()
        scale, rate = float(np.exp(self.ols.params["log_scale"])), -float(self.ols.params["minus_decay_rate"])
        value = float(deviance(risk, fitted.df, law(fitted.depth, limit, scale, rate)))
        super().__init__(model, fitted, Estimate(limit, scale, rate, value), burn_in, noise)

    @property
    def bse(self) -> pd.Series:
        """Standard errors of ordinary least squares; that of the floor is NaN, since it was not estimated."""
        intercept, slope = self.ols.bse
        return pd.Series([np.nan, self.params["scale"] * intercept, slope], index=list(PARAMETERS))

    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[Interval]:
        (log_lower, log_upper), (fall_lower, fall_upper) = np.asarray(self.ols.conf_int(1 - confidence))
        floor = float(self.params["intrinsic_limit"])
        return [(floor, floor), (float(np.exp(log_lower)), float(np.exp(log_upper))), (-fall_upper, -fall_lower)]

    def draws(self, draws: int = 2000, rng: Rng = None) -> pd.DataFrame:
        """Draw the parameters from Student's t of least squares; the floor stays where it was put.

        Parameters
        ----------
        draws : int
            Number of draws.
        rng : int, numpy.random.Generator or None
            None: a fresh generator of seed 0.

        Returns
        -------
        pandas.DataFrame
            One row a draw, columns as `params`.
        """
        count, random, df = whole_number("draws", draws, 1), generator(rng), self.ols.df_resid
        z = random.multivariate_normal(np.zeros(2), np.asarray(self.ols.cov_params()), count)
        log_scale, fall = (np.asarray(self.ols.params) + z * np.sqrt(df / random.chisquare(df, (count, 1)))).T
        values = [self.params["intrinsic_limit"], np.exp(np.clip(log_scale, -600, 600)), -fall]
        return pd.DataFrame(dict(zip(PARAMETERS, values, strict=True)))

    def cautions(self) -> list[str]:
        """List what a reader has to know before quoting the fit, and what least squares leaves out.

        Returns
        -------
        list of str
        """
        why = "The floor was not estimated, and the intervals take it as known and all depths as equally well measured."
        return [why, *super().cautions()]


def _given_floor(floor: float | str | None, least: float) -> float:
    try:
        limit = 0.0 if floor is None else float(floor)
    except ValueError:
        limit = float("nan")
    if not 0 <= limit < least:
        raise bad_argument(
            "floor", floor, f"'last', None, or a risk in [0, {least:.4g}), below every risk fitted",
            "What is subtracted has to leave something to take the logarithm of.",
        )  # fmt: skip
    return limit


def _standard_errors(params: pd.Series, of: LogCovariance) -> pd.Series:
    logs = dict(zip(of.names, np.sqrt(np.diag(of.covariance)), strict=True))
    return pd.Series({name: params[name] * logs.get(name, np.nan) for name in PARAMETERS})


def _from_logs(params: pd.Series, of: LogCovariance, confidence: float) -> list[Interval]:
    """Intervals of Student's t on the log scale; (0, inf) for a parameter at its boundary."""
    quantile = (norm if np.isinf(of.df) else student(of.df)).ppf((1 + confidence) / 2)
    half = dict(zip(of.names, quantile * np.sqrt(np.diag(of.covariance)), strict=True))
    with np.errstate(over="ignore"):
        return [
            (float(params[n] * np.exp(-half[n])), float(params[n] * np.exp(half[n]))) if n in half else (0.0, np.inf)
            for n in PARAMETERS
        ]
