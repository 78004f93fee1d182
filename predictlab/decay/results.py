"""`DecayResults`: the fitted law with its intervals, in the manner of statsmodels' Results."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm

from predictlab.decay import likelihood
from predictlab.decay.draws import likelihood_draws
from predictlab.decay.likelihood import Array, GammaFit
from predictlab.errors import bad_argument
from predictlab.risk import RiskCurve

if TYPE_CHECKING:
    from predictlab.decay.model import BurnIn, DecayModel

PARAMETERS = ("intrinsic_limit", "scale", "decay_rate")


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
    deviance : float
        Gamma deviance at the maximum.
    inflation : float
        Factor >= 1 for correlated depths, by which likelihood ratios are divided.
    """

    def __init__(self, model: DecayModel, fitted: RiskCurve, best: GammaFit, burn_in: BurnIn, inflation: float) -> None:
        self.model = model
        self.curve = model.curve
        self.fitted = fitted
        self.burn_in = burn_in
        self.deviance = best.deviance
        self.inflation = inflation
        self._best = best
        self._intervals: dict[tuple[str, float], tuple[float, float]] = {}
        self.params = pd.Series([best.intrinsic_limit, best.scale, best.decay_rate], index=list(PARAMETERS))

    @property
    def _data(self) -> tuple[Array, Array, Array]:
        return np.asarray(self.fitted.depth), np.asarray(self.fitted.risk), np.asarray(self.fitted.df)

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
        """statsmodels GLM results (Gamma, identity link) of ``(L_int, K)`` at the fitted alpha, dispersion 1.

        At a boundary the regressor whose coefficient is 0 is left out.
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

    @property
    def identified(self) -> bool:
        """Whether the depths separate the rate from the floor: the 95 % profile interval of alpha is bounded."""
        lower, upper = self._profile("decay_rate", 0.95)
        return lower > 0 and np.isfinite(upper)

    def predict(self, depths: ArrayLike) -> Array:
        """Fitted risk ``L_int + K c^-alpha`` at `depths` > 0 (steps), metric²."""
        return likelihood.mean(_depths(depths), *self.params)

    def _profile(self, name: str, level: float) -> tuple[float, float]:
        key = (name, level)
        if key not in self._intervals:
            depth, risk, df = self._data
            drop = float(chi2.ppf(level, 1)) * self.inflation
            if name == "decay_rate":
                interval = likelihood.rate_interval(depth, risk, df, self._best, drop)
            else:
                interval = likelihood.parameter_interval(depth, risk, df, self._best, drop, name)
                # K multiplies c^-alpha: with no upper bound for alpha it has none either
                if name == "scale" and np.isinf(self._profile("decay_rate", level)[1]):
                    interval = (interval[0], float("inf"))
            self._intervals[key] = interval
        return self._intervals[key]

    def conf_int(self, alpha: float = 0.05, method: str = "profile") -> pd.DataFrame:
        """Confidence intervals of the parameters.

        Parameters
        ----------
        alpha : float
            One minus the confidence level.
        method : {"profile", "wald"}
            Profile likelihood (0 or inf where it is unbounded), or Wald on the log scale from the expected information.

        Returns
        -------
        pandas.DataFrame
            Columns ``lower``, ``upper``; index as `params`.
        """
        if not 0 < alpha < 1:
            raise bad_argument("alpha", alpha, "one minus the confidence level, in (0, 1)")
        if method == "profile":
            bounds = [self._profile(name, 1 - alpha) for name in PARAMETERS]
        elif method == "wald":
            bounds = self._wald(alpha)
        else:
            raise bad_argument("method", method, "'profile' or 'wald'")
        return pd.DataFrame(bounds, index=list(PARAMETERS), columns=["lower", "upper"])

    def _wald(self, alpha: float) -> list[tuple[float, float]]:
        best, (depth, _, df) = self._best, self._data
        mu = likelihood.mean(depth, best.intrinsic_limit, best.scale, best.decay_rate)
        free = [name for name in PARAMETERS if self.params[name] > 0]
        decaying = 1 - best.intrinsic_limit / mu
        columns = {
            "intrinsic_limit": best.intrinsic_limit / mu,
            "scale": decaying,
            "decay_rate": -decaying * np.nan_to_num(best.decay_rate) * np.log(depth),
        }
        x = np.stack([columns[name] for name in free], axis=1)
        covariance = np.linalg.pinv(x.T @ ((df / 2)[:, None] * x)) * self.inflation
        half = dict(zip(free, norm.ppf(1 - alpha / 2) * np.sqrt(np.diag(covariance)), strict=True))
        out = []
        for name in PARAMETERS:
            if name in half:
                value = float(self.params[name])
                with np.errstate(over="ignore"):
                    out.append((value * float(np.exp(-half[name])), value * float(np.exp(half[name]))))
            else:  # at the boundary the information says nothing
                out.append((0.0, float("inf")))
        return out

    def draws(self, n: int = 2000, seed: int = 0) -> pd.DataFrame:
        """Draws of the parameters from the likelihood; columns as `params`, `n` rows.

        See `predictlab.decay.draws.likelihood_draws` for the reference measure.
        """
        if n < 1:
            raise bad_argument("n", n, "a whole number >= 1")
        values = likelihood_draws(*self._data, n=n, rng=np.random.default_rng(seed), inflation=self.inflation)
        return pd.DataFrame(dict(zip(PARAMETERS, values, strict=True)))

    def summary_frame(self, depths: ArrayLike | None = None, level: float = 0.95) -> pd.DataFrame:
        """Fitted risk at `depths` with its interval.

        Returns
        -------
        pandas.DataFrame
            Columns ``depth``, ``mean``, ``mean_ci_lower``, ``mean_ci_upper`` (quantiles of `draws`), ``floor``.
        """
        c = np.asarray(self.fitted.depth) if depths is None else _depths(depths)
        if not 0 < level < 1:
            raise bad_argument("level", level, "a confidence level in (0, 1), such as 0.95")
        sample = self.draws().to_numpy()
        curves = likelihood.mean(c[:, None], sample[:, 0], sample[:, 1], sample[:, 2])
        tail = (1 - level) / 2
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
        """Text summary: parameters with profile intervals, fit criticism, and what the numbers speak to."""
        table = pd.DataFrame({"estimate": self.params}).join(self.conf_int())
        depth = np.asarray(self.fitted.depth)
        runs = "" if self.curve.n_runs is None else f", {self.curve.n_runs} runs"
        lines = [
            f"Decay law L(c) = L_int + K c^-alpha: {self.task or 'task'} ({self.curve.metric or 'metric'})",
            f"estimator {self.curve.estimator}{runs}; question {self.question}; "
            "Gamma likelihood, 95 % profile intervals",
            table.to_string(float_format=lambda v: f"{v:.4g}"),
            f"fitted depths {depth[0]:g} to {depth[-1]:g} ({len(depth)} of {len(np.asarray(self.curve.depth))}); "
            f"deviance {self.deviance:.2f}, lack of fit p = {self.burn_in.p_value:.3f}; "
            f"inflation for correlated depths {self.inflation:.2f}",
        ]
        lines += self.cautions()
        return "\n".join(lines)

    def cautions(self) -> list[str]:
        """What a reader has to know before quoting the fit; empty when there is nothing."""
        out = []
        if not self.identified:
            out.append("alpha is not identified: the depths do not separate the rate from the floor.")
        if self.burn_in.p_value < self.model.level:
            out.append(f"The law does not fit from any depth on (lack of fit p = {self.burn_in.p_value:.3f}).")
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
        head, question = self.summary().split("\n")[:2]
        table = pd.DataFrame({"estimate": self.params}).join(self.conf_int())
        html = f"<b>{head}</b><br>{question}{table.to_html(float_format=lambda v: f'{v:.4g}')}"
        return html + "<br>".join(self.cautions())


def _depths(depths: ArrayLike) -> Array:
    c = np.atleast_1d(np.asarray(depths, dtype=float))
    if c.ndim != 1 or not np.all(np.isfinite(c)) or np.any(c <= 0):
        raise bad_argument("depths", depths, "finite depths > 0 (steps)")
    return c
