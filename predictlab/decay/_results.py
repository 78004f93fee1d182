"""What every fit of the decay law has in common, in the manner of statsmodels' Results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab._summary import Summarised, Summary
from predictlab._validation import confidence_level, floats, generator, option, tails, whole_number
from predictlab.decay._draws import Sample
from predictlab.decay._law import ALPHA_MIN, PARAMETERS, Array, Estimate, Interval, alpha_max, law
from predictlab.decay._modes import Modes, find_modes
from predictlab.decay._profile import profile
from predictlab.decay._rival_laws import compare_laws
from predictlab.decay._solver import Problem
from predictlab.errors import bad_argument
from predictlab.risk import RiskCurve, without_runs

if TYPE_CHECKING:
    import altair as alt

    from predictlab.decay._model import BurnIn, DecayModel
    from predictlab.decay._noise import Noise

Rng: TypeAlias = int | np.random.Generator | None

INTERVALS = {
    "posterior": "quantiles of the posterior",
    "profile": "profile likelihood",
    "wald": "Wald",
    "bootstrap": "bootstrap over runs",
    "gee": "cluster-robust (GEE)",
}


class DecayResults(Summarised, ABC):
    """The fitted decay law of one task: what all estimators have in common.

    Made by ``DecayModel.fit``, as one of `PosteriorResults`, `GammaResults`, `GEEResults` and `LogLogResults`. An
    estimator is a subclass that gives draws, standard errors and one method for each of its kinds of intervals.

    Parameters
    ----------
    model : DecayModel
    fitted : RiskCurve
        The part of the model's curve that was fitted.
    estimate : Estimate
        The fitted law, and its deviance before division by the dispersion.
    burn_in : BurnIn
        First fitted depth, and the p value of the lack-of-fit test from there.
    noise : Noise
        Correlation of the fitted depths and dispersion over Gaussian runs, as far as the curve tells.

    Attributes
    ----------
    params : pandas.Series
        ``intrinsic_limit`` (metric²), ``scale`` (metric²·steps^alpha), ``decay_rate``. At the boundary ``K = 0`` there
        is no decay, and ``decay_rate`` is NaN.
    curve : RiskCurve
        The whole curve, burn-in included.
    task : str
        Name of the task.
    question : str
        Which risk it is: ``agreement``, ``this_run``, ``fresh_run`` or ``new_task``.
    interval_methods : tuple of str
        Methods of `conf_int`; the first is the estimator's own.
    deviance : float
        At the estimate, before division by the dispersion.
    floor : float, str or None
        What ``fit("loglog", floor=...)`` was told; None for the other estimators.
    by_draws : bool
        Whether estimates derived from the fit, such as ``c_tau`` and ``c*``, are medians of draws, as those of a
        posterior are; else they follow from `params`.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[.31, .16, .085, .05, .032], df=31)
    >>> fit = pl.DecayModel(curve).fit("gamma")
    >>> fit.params.round(2)
    intrinsic_limit    0.02
    scale              1.23
    decay_rate         1.03
    dtype: float64
    >>> fit.conf_int().round(2).loc["decay_rate"].tolist()
    [0.61, 1.95]
    """

    method: ClassVar[str]
    description: ClassVar[str]
    interval_methods: ClassVar[tuple[str, ...]]
    _interval_hint: ClassVar[str] = ""
    by_draws: ClassVar[bool] = False
    _sample_class: ClassVar[type[Sample]] = Sample
    floor: float | str | None = None

    def __init__(self, model: DecayModel, fitted: RiskCurve, estimate: Estimate, burn_in: BurnIn, noise: Noise) -> None:
        self.model = model
        self.curve = model.curve
        self.task, self.question = self.curve.task, self.curve.question
        self.fitted = fitted
        self.burn_in = burn_in
        self.noise = noise
        self.deviance = estimate.deviance
        self.params = estimate.params
        self._estimate = estimate

    @property
    @abstractmethod
    def bse(self) -> pd.Series:
        """Standard errors of `params`; NaN where there is none, as at a boundary."""

    def draws(self, draws: int = 2000, rng: Rng = None) -> pd.DataFrame:
        """Draw the parameters, for everything derived from them.

        ``fit("posterior")`` draws the law that a curve follows once its rise is over, ``fit("gamma")`` from the
        likelihood under a vague reference (docs/decay.md), ``fit("gee")`` from Student's t of the logarithms, where a
        parameter at 0 stays there, and ``fit("loglog")`` from Student's t of least squares, where the floor stays where
        it was put.

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
        return pd.DataFrame(self.sample(draws, rng).params, columns=list(PARAMETERS))

    def risk_draws(self, depths: ArrayLike, draws: int = 2000, rng: Rng = None) -> Array:
        """Draw the risk at depths.

        Parameters
        ----------
        depths : array_like, shape (m,)
            Depths > 0, steps.
        draws : int
            Number of draws; the same ones as those of `draws`.
        rng : int, numpy.random.Generator or None
            None: a fresh generator of seed 0.

        Returns
        -------
        ndarray, shape (draws, m)
            Metric².
        """
        return self.sample(draws, rng).risk(checked_depths(depths))

    def sample(self, draws: int = 2000, rng: Rng = None) -> Sample:
        """Draw the fit: parameters and risks that belong together.

        Parameters
        ----------
        draws : int
            Number of draws.
        rng : int, numpy.random.Generator or None
            None: a fresh generator of seed 0.

        Returns
        -------
        Sample
        """
        return self._sample_class(self._draw(whole_number("draws", draws, 1), generator(rng)))

    def _draw(self, count: int, rng: np.random.Generator) -> Array:
        """Draws of the parameters (count, 3)."""
        raise NotImplementedError

    def conf_int(
        self, confidence: float = 0.95, method: str | None = None, *, draws: int = 1000, rng: Rng = None
    ) -> pd.DataFrame:
        """Compute confidence intervals of the parameters.

        Parameters
        ----------
        confidence : float
            Confidence level, in (0, 1).
        method : {"posterior", "profile", "wald", "bootstrap", "gee"}, optional
            ``"posterior"`` (default of ``fit("posterior")``, which has the others from ``fit("gamma")``): quantiles of
            its draws; alpha from 0 or to inf where the prior alone ends it. ``"profile"`` (default of
            ``fit("gamma")``): profile likelihood, the cut from F(1, runs - 1) where the dispersion is estimated; 0 or
            inf where it is unbounded. ``"wald"``: on the log scale, from the expected information (statsmodels GLS).
            ``"bootstrap"``: whole runs are resampled and refitted, bias-corrected and accelerated. ``"gee"`` (default
            of ``fit("gee")``): statsmodels GEE, cluster = run, around the estimate of ``fit("gee")``. A parameter at
            its boundary has the interval (0, inf) under Wald and GEE: they say nothing there. ``fit("loglog")`` has
            those of least squares alone, as ``"wald"``.
        draws : int
            Number of bootstrap refits.
        rng : int, numpy.random.Generator or None
            Of the bootstrap; None: a fresh generator of seed 0.

        Returns
        -------
        pandas.DataFrame
            Columns ``lower``, ``upper``; index as `params`.

        Raises
        ------
        ArgumentError
            A method that this estimator does not have, or that needs the runs where the curve does not carry them.
        """
        confidence = confidence_level(confidence)
        chosen = option("method", method or self.interval_methods[0], self.interval_methods, self._interval_hint)
        ends = self._intervals(chosen, confidence, draws, rng)
        return pd.DataFrame(ends, index=list(PARAMETERS), columns=["lower", "upper"])

    @abstractmethod
    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[Interval]:
        """Interval of each parameter by one of `interval_methods`."""

    @property
    def known_from(self) -> float:
        """First depth that the fit speaks of, steps."""
        return float(self.fitted.depth[0])

    @property
    def identified(self) -> bool:
        """Whether the depths separate the rate from the floor: the 95 % interval of alpha is bounded on both sides."""
        lower, upper = self.conf_int().loc["decay_rate"]
        return bool(lower > 0 and np.isfinite(upper))

    def predict(self, depths: ArrayLike) -> Array:
        """Compute the fitted risk ``L_int + K c^-alpha``.

        Parameters
        ----------
        depths : array_like
            Depths > 0, steps.

        Returns
        -------
        ndarray
            Risk, metric².
        """
        return law(checked_depths(depths), *self.params)

    def errors_of_runs(self) -> tuple[float, Array]:
        """Say how the logarithms of risks err: what further runs are expected to do too.

        Returns
        -------
        float
            Dispersion: the variance of ``log U`` over that of Gaussian runs.
        ndarray, shape (k, k)
            Squared correlation of the runs over the fitted depths.
        """
        r2 = self.noise.correlation
        return self.noise.dispersion, np.eye(len(self.fitted.depth)) if r2 is None else r2

    def compare_laws(self) -> pd.DataFrame:
        """Fit rival laws to the fitted depths: power law with and without floor, exponential, constant.

        And one that follows the learning rate, where the curve's recipe is known to send it to 0.

        Returns
        -------
        pandas.DataFrame
            Best first: ``law``, ``formula``, ``parameters``, ``deviance``, ``aic`` (quasi-AIC: deviance over dispersion
            plus twice the number of parameters), ``delta`` (above the least), ``weight`` (Akaike weight, adds up to 1),
            ``estimate`` (the fitted parameters in words); of a posterior ``probability``, with the rise and the law's
            own error in it, NaN for the constant, which is no law of its own there.
        """
        return compare_laws(self.fitted, self.noise)

    def profile(self, confidence: float = 0.95, *, size: int = 120) -> pd.DataFrame:
        """Compute the profile of alpha under the Gamma likelihood, whatever the fit was made by.

        Parameters
        ----------
        confidence : float
            Of the interval that `cut` gives.
        size : int
            Number of rates.

        Returns
        -------
        pandas.DataFrame
            ``decay_rate``, log-spaced; ``excess``, the deviance above its least; ``cut``, the excess at the ends of
            the interval, the same in all rows.
        """
        depth, weight = self.fitted.depth, self.noise.weight
        problem = Problem.power(depth, self.fitted.risk, self.fitted.df, weight, self.noise.rows)
        rate = np.geomspace(max(ALPHA_MIN, 0.02), alpha_max(depth), size)
        excess = np.maximum(profile(problem, 2, np.log(rate))[1] - problem.solve()[1], 0.0)
        cut = self.noise.cut(confidence_level(confidence))
        return pd.DataFrame({"decay_rate": rate, "excess": excess, "cut": cut})

    def _predict_measured(self, depth: Array) -> Array:
        """The fitted risk on the set that was measured, at fitted depths."""
        return self.predict(depth) + self.noise.rows

    @cached_property
    def residuals(self) -> pd.DataFrame:
        """One row a fitted depth: ``depth``, ``risk``, ``fitted``, and ``residual`` in standard deviations of log U."""
        depth, risk = self.fitted.depth, self.fitted.risk
        fitted = self._predict_measured(depth)
        deviate = np.log(risk / fitted) / np.sqrt(2 / self.fitted.df * self.noise.dispersion)
        return pd.DataFrame({"depth": depth, "risk": risk, "fitted": fitted, "residual": deviate})

    @cached_property
    def modes(self) -> Modes | None:
        """Runs that end apart from all others, or None."""
        return find_modes(self.fitted)

    def without_modes(self) -> DecayResults:
        """Fit the runs that do not end apart.

        Returns
        -------
        DecayResults
            By the same estimator; the fit itself where no run ends apart.
        """
        if self.modes is None:
            return self
        rest = self.model.replace(curve=without_runs(self.curve, self.modes.index))
        return rest.fit(self.method, floor=self.floor)

    def summary_frame(
        self, depths: ArrayLike | None = None, confidence: float = 0.95, *, draws: int = 2000, rng: Rng = None
    ) -> pd.DataFrame:
        """Tabulate the fitted risk with its interval.

        Parameters
        ----------
        depths : array_like, optional
            Depths > 0, steps; default the fitted ones.
        confidence : float
            Of the interval, in (0, 1).
        draws : int
            Number of draws of the parameters whose quantiles the interval is made of.
        rng : int, numpy.random.Generator or None
            Of the draws; None: a fresh generator of seed 0.

        Returns
        -------
        pandas.DataFrame
            Columns ``depth``, ``mean``, ``mean_ci_lower``, ``mean_ci_upper``, ``floor``.
        """
        c = self.fitted.depth if depths is None else checked_depths(depths)
        lower, upper = np.quantile(self.risk_draws(c, draws, rng), tails(confidence), axis=0)
        table = pd.DataFrame({"depth": c, "mean": self.predict(c), "mean_ci_lower": lower, "mean_ci_upper": upper})
        # the constant of a law that runs out is below 0, and no floor
        return table.assign(floor=max(float(self.params["intrinsic_limit"]), 0.0))

    def summary(self) -> Summary:
        """Say what the fit says: a sentence, parameters with intervals, how well it fits, cautions.

        Returns
        -------
        Summary
        """
        depth, curve = self.fitted.depth, self.curve
        table = pd.DataFrame({"estimate": self.params, "std err": self.bse}).join(self.conf_int())
        runs = "" if curve.n_runs is None else f", {curve.n_runs} runs"
        neighbours = "depths taken as independent"
        if self.noise.correlation is not None:
            mean = float(np.mean(np.diag(self.noise.correlation, 1)))
            neighbours = f"correlation of neighbouring log risks {mean:.2f} on average"
        tested = f"deviance {self.deviance:.2f}, lack of fit p = {self.burn_in.p_value:.3f}"
        if np.isnan(self.deviance):
            tested = "too few depths to test the law"
        return Summary(
            f"Decay law L(c) = L_int + K c^-alpha: {self.task or 'task'} ({curve.metric or 'metric'})",
            self._headline(),
            table,
            *self.cautions(),
            f"estimator {curve.estimator}{runs}; question {self.question}; {self.description}, "
            f"95 % intervals: {INTERVALS[self.interval_methods[0]]}",
            f"fitted depths {depth[0]:g} to {depth[-1]:g} ({len(depth)} of {len(curve.depth)}); {tested}; "
            f"{neighbours}; dispersion {self.noise.dispersion:.2f} (1: Gaussian runs)",
            *self._notes(),
        )

    def _notes(self) -> list[str]:
        """What else an estimator has to say under its table."""
        return []

    def _headline(self) -> str:
        """The rate and the floor with their intervals, in one sentence."""
        floor = self._in_words("intrinsic_limit")
        if not self.params["scale"] > 0:
            return f"Nothing decays: the risk stays at {floor} (95 % interval)."
        rate = self._in_words("decay_rate")
        return f"The risk falls with alpha = {rate} towards a floor of {floor} (95 % intervals)."

    def _in_words(self, name: str) -> str:
        """A parameter with its 95 % interval."""
        lower, upper = self.conf_int().loc[name]
        return f"{self.params[name]:.3g} [{lower:.3g}, {'unbounded' if np.isinf(upper) else f'{upper:.3g}'}]"

    def cautions(self) -> list[str]:
        """List what a reader has to know before quoting the fit.

        Returns
        -------
        list of str
            Empty when there is nothing.
        """
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

    def plot(self) -> alt.LayerChart:
        """Draw the estimates with intervals, the fitted law with its band, and the burn-in apart.

        Returns
        -------
        altair.LayerChart
        """
        from predictlab.charts import decay_chart

        return decay_chart(self)

    def __repr__(self) -> str:
        fitted = ", ".join(f"{name}={value:.4g}" for name, value in self.params.items())
        return f"{type(self).__name__}({self.task!r}, {fitted}, identified={self.identified})"


def checked_depths(depths: ArrayLike) -> Array:
    c = np.atleast_1d(floats("depths", depths, "finite depths > 0 (steps)"))
    if c.ndim != 1 or not np.all(np.isfinite(c)) or np.any(c <= 0):
        raise bad_argument("depths", depths, "finite depths > 0 (steps)")
    return c
