"""`DecayResults`: the fitted law with its intervals, in the manner of statsmodels' Results."""

from __future__ import annotations

import html
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm
from scipy.stats import t as student

from predictlab._validation import confidence_level, generator, whole_number
from predictlab.decay import _bootstrap as bootstrap
from predictlab.decay import _standard_errors as robust
from predictlab.decay._draws import likelihood_draws
from predictlab.decay._law import PARAMETERS, Array, GammaFit, law
from predictlab.decay._modes import Modes, find_modes
from predictlab.decay._noise import Noise
from predictlab.decay._profile import Profiler
from predictlab.decay._rival_laws import compare_laws
from predictlab.decay._solver import Problem
from predictlab.decay._standard_errors import LogCovariance
from predictlab.errors import bad_argument
from predictlab.risk import RiskCurve, without_runs

if TYPE_CHECKING:
    from predictlab.decay._model import BurnIn, DecayModel

METHOD_WORDS = {
    "gamma": "Gamma likelihood",
    "gee": "Gamma estimating equations, cluster = run",
    "loglog": "least squares in logarithms (the paper's Alg. 1)",
}
INTERVAL_WORDS = {
    "profile": "profile likelihood",
    "wald": "Wald",
    "bootstrap": "bootstrap over runs",
    "gee": "cluster-robust (GEE)",
}


Rng = int | np.random.Generator | None


class DecayResults:
    """The fitted decay law of one task.

    Attributes
    ----------
    params : pandas.Series
        ``intrinsic_limit`` (metric²), ``scale`` (metric²·steps^alpha), ``decay_rate``. At the boundary ``K = 0`` there
        is no decay, and ``decay_rate`` is NaN.
    curve : RiskCurve
        The whole curve, burn-in included.
    fitted : RiskCurve
        The part that was fitted.
    burn_in : BurnIn
        First fitted depth, and the p value of the lack-of-fit test from there.
    noise : Noise
        Correlation of the fitted depths and dispersion over Gaussian runs, as far as the curve tells.
    deviance : float
        Deviance at the maximum, before division by the dispersion.
    method : {"gamma", "gee", "loglog"}
        How it was fitted.
    """

    default_interval = "profile"

    def __init__(
        self, model: DecayModel, fitted: RiskCurve, best: GammaFit, burn_in: BurnIn, noise: Noise, method: str = "gamma"
    ) -> None:
        self.model = model
        self.curve = model.curve
        self.fitted = fitted
        self.burn_in = burn_in
        self.noise = noise
        self.deviance = best.deviance
        self.method = method
        if method == "gee":
            self.default_interval = "gee"
        self._best = best
        self._profiles: dict[tuple[str, float], tuple[float, float]] = {}
        self.params = pd.Series([best.intrinsic_limit, best.scale, best.decay_rate], index=list(PARAMETERS))

    @property
    def _data(self) -> tuple[Array, Array, Array]:
        return self.fitted.depth, self.fitted.risk, self.fitted.df

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.curve.task

    @property
    def question(self) -> str:
        """Which risk it speaks to: ``this_run``, ``fresh_run`` or ``new_task`` (THEORY 7)."""
        return self.curve.question

    @cached_property
    def glm(self) -> Any:
        """The law at the fitted alpha as a statsmodels GLM (Gamma, identity link), depths taken as independent.

        Results for ``(L_int, K)`` at dispersion 1, `K` in units of ``c_n^alpha``. At a boundary the regressor whose
        coefficient is 0 is left out. The same numbers as the fit's where that has no correlation.
        """
        import statsmodels.api as sm

        depth, risk, df = self._data
        best = self._best
        columns = {}
        if best.intrinsic_limit > 0:
            columns["intrinsic_limit"] = np.ones_like(depth)
        if best.scale > 0:
            # relative to the last depth, since c^-alpha alone loses its digits at large alpha
            columns["scale"] = (depth / depth[-1]) ** -best.decay_rate
        design = pd.DataFrame(columns)
        start = [best.intrinsic_limit] if best.intrinsic_limit > 0 else []
        if best.scale > 0:
            start.append(best.scale * depth[-1] ** -best.decay_rate)
        with warnings.catch_warnings():
            # an identity link can leave the Gamma's domain; here both coefficients and regressors are >= 0
            warnings.simplefilter("ignore", sm.tools.sm_exceptions.DomainWarning)
            family = sm.families.Gamma(link=sm.families.links.Identity())
            model = sm.GLM(pd.Series(risk, name="risk"), design, family=family, var_weights=df / 2)
        return model.fit(start_params=np.array(start), scale=1.0, tol=1e-12)

    @cached_property
    def wald(self) -> LogCovariance:
        """Covariance of the logarithms of the parameters from the expected information (statsmodels GLS)."""
        return robust.wald(self.fitted, self._best, self.noise)

    @cached_property
    def gee(self) -> LogCovariance:
        """Cluster-robust covariance of the logarithms of the parameters (statsmodels GEE, cluster = run).

        Of the fit of independent depths, which is what GEE solves: `self` for ``method="gee"``.
        """
        if self.fitted.errors is None:
            raise bad_argument(
                "method", "gee", "'profile', 'wald' or 'bootstrap' for a curve without its runs",
                "GEE reads the errors of each run: make the curve with pl.risk_curve(runs).",
            )  # fmt: skip
        return robust.gee(self.fitted, self._best) if self.method == "gee" else self._as_gee.gee

    @cached_property
    def _as_gee(self) -> DecayResults:
        """The fit of the same depths by the estimating equations."""
        from predictlab.decay._model import DecayModel

        return DecayModel(self.curve, burn_in=self.burn_in.first, significance=self.model.significance).fit("gee")

    @property
    def bse(self) -> pd.Series:
        """Standard errors of `params`: Wald's, or GEE's for ``method="gee"``; NaN at a boundary."""
        of = self.gee if self.method == "gee" else self.wald
        logs = dict(zip(of.names, np.sqrt(np.diag(of.covariance)), strict=True))
        return pd.Series({name: self.params[name] * logs.get(name, np.nan) for name in PARAMETERS})

    @property
    def identified(self) -> bool:
        """Whether the depths separate the rate from the floor: the 95 % interval of alpha is bounded on both sides."""
        if self.default_interval == "profile":  # alone: those of the other two take longer
            lower, upper = self._profile("decay_rate", 0.95)
        else:
            lower, upper = self.conf_int().loc["decay_rate"]
        return bool(lower > 0 and np.isfinite(upper))

    def predict(self, depths: ArrayLike) -> Array:
        """Fitted risk ``L_int + K c^-alpha`` at `depths` > 0 (steps), metric²."""
        return law(_depths(depths), *self.params)

    @cached_property
    def _profiler(self) -> Profiler:
        depth, risk, df = self._data
        best = self._best
        last = float(np.log(depth[-1]))
        with np.errstate(divide="ignore"):
            p, log_k, q = (float(np.log(v)) for v in (best.intrinsic_limit, best.scale, best.decay_rate))
        theta = np.array([p, log_k - np.exp(q) * last if best.scale > 0 else -np.inf, q])
        weight = self.noise.weight if self.method == "gamma" else None
        return Profiler(Problem.power(depth, risk, df, weight), theta, best.deviance, last)

    def _profile(self, name: str, level: float) -> tuple[float, float]:
        key = (name, level)
        if key not in self._profiles:
            cut = self.noise.cut(level)
            if name == "decay_rate":
                interval = self._profiler.rate(cut)
            elif name == "intrinsic_limit":
                interval = self._profiler.intrinsic_limit(cut)
            else:
                interval = self._profiler.scale(cut)
                # K multiplies c^-alpha: with no upper bound for alpha it has none either
                if np.isinf(self._profile("decay_rate", level)[1]):
                    interval = (interval[0], float("inf"))
            self._profiles[key] = interval
        return self._profiles[key]

    def conf_int(
        self,
        confidence: float = 0.95,
        method: str | None = None,
        *,
        draws: int = 1000,
        rng: int | np.random.Generator | None = None,
    ) -> pd.DataFrame:
        """Confidence intervals of the parameters.

        Parameters
        ----------
        confidence : float
            Confidence level, in (0, 1).
        method : {"profile", "wald", "bootstrap", "gee"}, optional
            ``"profile"`` (default of ``fit("gamma")``): profile likelihood, the cut from F(1, runs - 1) where the
            dispersion is estimated; 0 or inf where it is unbounded. ``"wald"``: on the log scale, from the expected
            information (statsmodels GLS). ``"bootstrap"``: whole runs are resampled and refitted, bias-corrected and
            accelerated. ``"gee"`` (default of ``fit("gee")``): statsmodels GEE, cluster = run, around the estimate of
            ``fit("gee")``. A parameter at its boundary has the interval (0, inf) under Wald and GEE: they say nothing
            there.
        draws : int
            Number of bootstrap refits.
        rng : int, numpy.random.Generator or None
            Of the bootstrap; None: a fresh generator of seed 0.

        Returns
        -------
        pandas.DataFrame
            Columns ``lower``, ``upper``; index as `params`.
        """
        confidence = confidence_level(confidence)
        chosen = self.default_interval if method is None else method
        ends = self._intervals(chosen, confidence, draws, rng)
        return pd.DataFrame(ends, index=list(PARAMETERS), columns=["lower", "upper"])

    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[tuple[float, float]]:
        if method == "profile":
            if self.method == "gee":
                raise bad_argument("method", method, "'gee', 'wald' or 'bootstrap'", "GEE has no likelihood.")
            return [self._profile(name, confidence) for name in PARAMETERS]
        if method == "wald":
            return _from_logs(self.params, self.wald, confidence)
        if method == "gee":
            return _from_logs((self if self.method == "gee" else self._as_gee).params, self.gee, confidence)
        if method == "bootstrap":
            return self._bootstrap(confidence, draws, rng)
        raise bad_argument("method", method, f"one of {', '.join(map(repr, INTERVAL_WORDS))}")

    def _bootstrap(self, confidence: float, draws: int, rng: Rng) -> list[tuple[float, float]]:
        sample = self.bootstrap(draws, rng).to_numpy()
        depth = self.fitted.depth
        left_out = None if self.fitted.errors is None else self._left_out
        rate, none = bootstrap.at_the_ends(sample[:, 2], depth)
        columns = [sample[:, 0], np.where(np.isinf(rate), np.inf, sample[:, 1]), rate]
        nowhere = np.zeros(len(sample), dtype=bool)
        out = []
        for i, (column, open_ended) in enumerate(zip(columns, (nowhere, none, none), strict=True)):
            pulls = None if left_out is None else left_out[:, i]
            out.append(bootstrap.bca(column, float(self.params.iloc[i]), pulls, confidence, open_ended))
        return out

    @cached_property
    def _left_out(self) -> Array:
        assert self.fitted.errors is not None
        return bootstrap.jackknife(self.fitted, self.fitted.errors, self._fitting_noise)

    @property
    def _fitting_noise(self) -> Noise:
        return self.noise if self.method == "gamma" else self.noise.independent()

    def bootstrap(self, draws: int = 1000, rng: Rng = None) -> pd.DataFrame:
        """Refits of resamples of whole runs.

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

    def draws(self, draws: int = 2000, rng: Rng = None) -> pd.DataFrame:
        """Draws of the parameters, for everything derived from them.

        From the likelihood under a vague reference (docs/decay.md); for ``method="gee"`` from Student's t of the
        logarithms with GEE's covariance (a parameter at 0 stays there).

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
        count, generator_ = whole_number("draws", draws, 1), generator(rng)
        if self.method == "gee":
            return _draws_of_logs(self.params, self.gee, count, generator_)
        values = likelihood_draws(*self._data, n=count, rng=generator_, noise=self.noise)
        return pd.DataFrame(dict(zip(PARAMETERS, values, strict=True)))

    def compare_laws(self) -> pd.DataFrame:
        """Rival laws on the fitted depths, best first; see `predictlab.decay._rival_laws.compare_laws`."""
        return compare_laws(self.fitted, self.noise)

    @cached_property
    def residuals(self) -> pd.DataFrame:
        """One row a fitted depth: ``depth``, ``risk``, ``fitted``, and ``residual`` in standard deviations of log U."""
        depth, risk, df = self._data
        fitted = self.predict(depth)
        deviate = np.log(risk / fitted) / np.sqrt(2 / df * self.noise.dispersion)
        return pd.DataFrame({"depth": depth, "risk": risk, "fitted": fitted, "residual": deviate})

    @cached_property
    def modes(self) -> Modes | None:
        """Runs that end apart from all others, or None; see `predictlab.decay._modes`."""
        return find_modes(self.fitted)

    def without_modes(self) -> DecayResults:
        """The fit of the runs that do not end apart; `self` where none do."""
        if self.modes is None:
            return self
        from predictlab.decay._model import DecayModel

        rest = without_runs(self.curve, self.modes.index)
        return DecayModel(rest, burn_in=self.model.burn_in, significance=self.model.significance).fit(self.method)

    def summary_frame(
        self, depths: ArrayLike | None = None, confidence: float = 0.95, *, draws: int = 2000, rng: Rng = None
    ) -> pd.DataFrame:
        """Fitted risk with its interval.

        Parameters
        ----------
        depths : array_like, optional
            Depths > 0, steps; default the fitted ones.
        confidence : float
            Of the interval.
        draws, rng
            As for `draws`, whose quantiles the interval is made of.

        Returns
        -------
        pandas.DataFrame
            Columns ``depth``, ``mean``, ``mean_ci_lower``, ``mean_ci_upper`` (quantiles of `draws`), ``floor``.
        """
        c = self.fitted.depth if depths is None else _depths(depths)
        tail = (1 - confidence_level(confidence)) / 2
        curves = law(c[:, None], *self.draws(draws, rng).to_numpy().T)
        return pd.DataFrame(
            {
                "depth": c,
                "mean": self.predict(c),
                "mean_ci_lower": np.quantile(curves, tail, axis=1),
                "mean_ci_upper": np.quantile(curves, 1 - tail, axis=1),
                "floor": self.params["intrinsic_limit"],
            }
        )

    def summary(self) -> str:
        """Text summary: parameters with intervals, fit criticism, and what the numbers speak to."""
        table = pd.DataFrame({"estimate": self.params, "std err": self.bse}).join(self.conf_int())
        depth = self.fitted.depth
        lines = [
            *self._head(),
            table.to_string(float_format=lambda v: f"{v:.4g}"),
            f"fitted depths {depth[0]:g} to {depth[-1]:g} ({len(depth)} of {len(self.curve.depth)}); "
            f"deviance {self.deviance:.2f}, lack of fit p = {self.burn_in.p_value:.3f}; {self._noise_words()}",
        ]
        lines += self.cautions()
        return "\n".join(lines)

    def _head(self) -> tuple[str, str]:
        runs = "" if self.curve.n_runs is None else f", {self.curve.n_runs} runs"
        return (
            f"Decay law L(c) = L_int + K c^-alpha: {self.task or 'task'} ({self.curve.metric or 'metric'})",
            f"estimator {self.curve.estimator}{runs}; question {self.question}; {METHOD_WORDS[self.method]}, "
            f"95 % intervals: {INTERVAL_WORDS[self.default_interval]}",
        )

    def _noise_words(self) -> str:
        correlation = self.noise.correlation
        neighbours = "depths taken as independent"
        if correlation is not None:
            mean = float(np.mean(np.diag(correlation, 1)))
            neighbours = f"correlation of neighbouring log risks {mean:.2f} on average"
        return f"{neighbours}; dispersion {self.noise.dispersion:.2f} (1: Gaussian runs)"

    def cautions(self) -> list[str]:
        """What a reader has to know before quoting the fit; empty when there is nothing."""
        out = []
        if not self.identified:
            out.append("alpha is not identified: the depths do not separate the rate from the floor.")
        if self.burn_in.p_value < self.model.significance:
            out.append(f"The law does not fit from any depth on (lack of fit p = {self.burn_in.p_value:.3f}).")
        if self.modes is not None:
            out.append(self.modes.sentence())
        if self.curve.diverged:
            out.append(f"{self.curve.diverged} diverged runs are not in the curve.")
        return out

    def plot(self) -> Any:
        """Altair chart: estimates with intervals, fitted law with its band, the burn-in apart."""
        from predictlab.charts import decay_chart

        return decay_chart(self)

    def __repr__(self) -> str:
        p = self.params
        return (
            f"DecayResults({self.task!r}, intrinsic_limit={p['intrinsic_limit']:.4g}, scale={p['scale']:.4g}, "
            f"decay_rate={p['decay_rate']:.4g}, identified={self.identified})"
        )

    def _repr_html_(self) -> str:
        head, question = (html.escape(line) for line in self._head())
        table = pd.DataFrame({"estimate": self.params}).join(self.conf_int())
        text = f"<b>{head}</b><br>{question}{table.to_html(float_format=lambda v: f'{v:.4g}')}"
        return text + "<br>".join(html.escape(caution) for caution in self.cautions())


def _from_logs(params: pd.Series, of: LogCovariance, confidence: float) -> list[tuple[float, float]]:
    """Intervals of Student's t on the log scale; (0, inf) for a parameter at its boundary."""
    width = (norm if np.isinf(of.df) else student(of.df)).ppf((1 + confidence) / 2) * np.sqrt(np.diag(of.covariance))
    half = dict(zip(of.names, width, strict=True))
    with np.errstate(over="ignore"):
        return [
            (float(params[n] * np.exp(-half[n])), float(params[n] * np.exp(half[n]))) if n in half else (0.0, np.inf)
            for n in PARAMETERS
        ]


def _draws_of_logs(params: pd.Series, of: LogCovariance, n: int, rng: np.random.Generator) -> pd.DataFrame:
    values, vectors = np.linalg.eigh(of.covariance)
    z = rng.standard_normal((n, len(of.names))) * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    if np.isfinite(of.df):
        z *= np.sqrt(of.df / rng.chisquare(of.df, (n, 1)))
    out = pd.DataFrame({name: np.full(n, params[name]) for name in PARAMETERS})
    for i, name in enumerate(of.names):
        out[name] = params[name] * np.exp(np.clip(z[:, i], -300, 300))
    return out


def _depths(depths: ArrayLike) -> Array:
    c = np.atleast_1d(np.asarray(depths, dtype=float))
    if c.ndim != 1 or not np.all(np.isfinite(c)) or np.any(c <= 0):
        raise bad_argument("depths", depths, "finite depths > 0 (steps)")
    return c
