"""The law of `this_run` on a schedule that ends at 0: ``K (c^-alpha - T^-alpha)``, 0 at the end of the recipe.

At ``T`` the run has ended and nothing of its own end is left to be predicted, so that the risk has no floor but runs
out (docs/theory.md, section 7). It is the power law with ``L_int = -K T^-alpha``: two parameters, not three. With alpha
to 0 it goes over to ``ln(T / c)``.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from predictlab._validation import confidence_level
from predictlab.decay._draws import ALPHA_LOW, Sample, chi_squares, jittered
from predictlab.decay._law import ALPHA_MIN, PARAMETERS, Array, Estimate, Interval, alpha_max, deviance, profile_scale
from predictlab.decay._noise import Noise
from predictlab.decay._results import DecayResults, Rng, checked_depths
from predictlab.decay._rival_laws import weighed
from predictlab.errors import bad_argument
from predictlab.risk import RiskCurve

if TYPE_CHECKING:
    from predictlab.decay._model import BurnIn, DecayModel

FALLING = ("linear", "cosine")  # schedules that end at a learning rate of 0
_RATES = 400
_INSIDE, _LEVELS = 120, 121  # of the region that an interval is the shadow of
_STEP = 1e-3  # of the logarithms, for the curvature at the estimate
_LAW = "K (c^-alpha - T^-alpha)"


def checked_horizon(curve: RiskCurve) -> float:
    """``T`` of a curve that the law is for, or an error that says why it is not."""
    if curve.question != "this_run":
        why = f"for a curve of {curve.question!r}"
        hint = "It is the law of question='this_run'; a spread has a floor of its own: leave it out."
    elif curve.horizon is None or curve.schedule is None:
        why = "where the recipe's length and schedule are not known"
        hint = "Take the curve from a store, or say pl.risk_curve(..., horizon=256, schedule='linear')."
    elif curve.schedule not in FALLING:
        why = f"for the schedule {curve.schedule!r}"
        hint = f"The law is for a learning rate that ends at 0 ({', '.join(FALLING)})."
    elif not curve.depth[-1] < curve.horizon:
        why = f"for a curve with a risk at its end, {curve.horizon:g} steps"
        hint = "The risk there is 0 by the law: leave that depth out."
    else:
        return float(curve.horizon)
    raise bad_argument("horizon_law", True, f"False {why}", hint)


def _log_expm1(x: Array) -> Array:
    """``ln(e^x - 1)`` for x > 0, without overflow."""
    return np.asarray(x + np.log(-np.expm1(-x)))


class _Shapes:
    """The law's shapes at some depths, 1 at the first of them, and their best scales."""

    def __init__(self, curve: RiskCurve, horizon: float, noise: Noise) -> None:
        self.risk, self.df, self.weight, self.horizon = curve.risk, curve.df, noise.weight, horizon
        self.left = np.log(horizon / curve.depth)  # ln(T / c), decreasing
        most = min(alpha_max(curve.depth), 600.0 / self.left[0])
        self.log_rates = np.linspace(np.log(ALPHA_MIN), np.log(most), _RATES)

    def of(self, rate: ArrayLike) -> Array:
        """Shapes (..., k) of rates (...)."""
        x = np.asarray(rate, dtype=float)[..., None] * self.left
        log = _log_expm1(x)
        return np.asarray(np.exp(log - log[..., :1]))

    def best(self, rate: ArrayLike) -> tuple[Array, Array, Array]:
        """Deviance at the best scale of each rate, the logarithm of that scale, and half its curvature."""
        return profile_scale(self.risk, self.df, self.of(rate), self.weight)

    def deviance(self, log_scale: ArrayLike, rate: ArrayLike) -> Array:
        """Deviance of scales at the first depth and rates, broadcast against each other."""
        log_scale = np.asarray(log_scale, dtype=float)
        return deviance(self.risk, self.df, np.exp(log_scale)[..., None] * self.of(rate), self.weight)

    def params(self, log_scale: ArrayLike, rate: ArrayLike) -> Array:
        """``-K T^-alpha``, ``K`` and ``alpha`` (..., 3) from the logarithm of the risk at the first depth."""
        rate = np.asarray(rate, dtype=float)
        log_k = log_scale + rate * np.log(self.horizon) - _log_expm1(rate * self.left[0])
        constant = -np.exp(log_k - rate * np.log(self.horizon))
        return np.stack(np.broadcast_arrays(constant, np.exp(log_k), rate), axis=-1)

    def estimate(self) -> tuple[float, float, float]:
        """Rate, logarithm of the risk at the first depth, and deviance of the best fit."""
        value = self.best(np.exp(self.log_rates))[0]
        at = int(np.argmin(value))
        around = self.log_rates[max(at - 1, 0)], self.log_rates[min(at + 1, _RATES - 1)]
        found = minimize_scalar(lambda q: float(self.best(np.exp(q))[0]), bounds=around, method="bounded")
        q = float(found.x) if found.fun < value[at] else float(self.log_rates[at])
        least, log_scale, _ = self.best(np.exp(q))
        return float(np.exp(q)), float(log_scale), float(least)


class HorizonSample(Sample):
    """Draws of the law: the power law with ``L_int = -K T^-alpha``, 0 from the end of the recipe on.

    Parameters
    ----------
    params : ndarray, shape (n, 3)

    Examples
    --------
    >>> draws = HorizonSample(np.array([[-0.5, 32.0, 1.0]]))
    >>> draws.risk(np.array([16.0, 64.0, 128.0])).round(9).tolist(), draws.crossing(0.5).round(9), draws.lasting()
    ([[1.5, 0.0, 0.0]], array([32.]), array([0.]))
    """

    def risk(self, depth: Array) -> Array:
        """See `Sample.risk`."""
        return np.maximum(super().risk(depth), 0.0)

    def lasting(self) -> Array:
        """See `Sample.lasting`: none."""
        return np.zeros(len(self.params))


class HorizonResults(DecayResults):
    """A fit of ``K (c^-alpha - T^-alpha)`` by the Gamma likelihood; intervals by profile.

    Parameters, attributes and methods are those of `DecayResults`, and these. ``params["intrinsic_limit"]`` is the
    constant ``-K T^-alpha`` that makes the risk 0 at ``T``: a part of the law, not a floor that was estimated.

    Parameters
    ----------
    model : DecayModel
    fitted : RiskCurve
    burn_in : BurnIn
    noise : Noise

    Attributes
    ----------
    horizon : float
        ``T``, steps.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(
    ...     [8, 16, 32, 64, 96], [0.27, 0.118, 0.048, 0.0151, 0.0056], df=60, question="this_run", horizon=128,
    ...     schedule="linear",
    ... )
    >>> fit = pl.DecayModel(curve).fit("gamma", horizon_law=True)
    >>> print(f"alpha {fit.params['decay_rate']:.2f}; risk at the end {fit.predict(128)[0]:g}")
    alpha 1.06; risk at the end 0
    """

    method = "gamma"
    description = f"Gamma likelihood of {_LAW}"
    interval_methods = ("profile",)
    _sample_class = HorizonSample

    def __init__(self, model: DecayModel, fitted: RiskCurve, burn_in: BurnIn, noise: Noise) -> None:
        self.horizon = checked_horizon(fitted)
        self._shapes = _Shapes(fitted, self.horizon, noise)
        rate, self._log_scale, least = self._shapes.estimate()
        constant, k, _ = map(float, self._shapes.params(self._log_scale, rate))
        super().__init__(model, fitted, Estimate(constant, k, rate, least), burn_in, noise)

    def predict(self, depths: ArrayLike) -> Array:
        """Compute the fitted risk, 0 from the end of the recipe on.

        Parameters
        ----------
        depths : array_like
            Depths > 0, steps.

        Returns
        -------
        ndarray
            Risk, metric².
        """
        c = checked_depths(depths)
        return np.where(c < self.horizon, np.maximum(super().predict(c), 0.0), 0.0)

    @cached_property
    def bse(self) -> pd.Series:
        """Standard errors of `params` from the curvature at the estimate; NaN where alpha is at an end of its range."""
        q, s = np.log(self.params["decay_rate"]), self._log_scale
        none = pd.Series(np.nan, index=list(PARAMETERS))
        if not self._shapes.log_rates[0] + 2 * _STEP < q < self._shapes.log_rates[-1] - 2 * _STEP:
            return none
        away = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)]) * _STEP
        d = self._shapes.deviance(s + away[:, 0], np.exp(q + away[:, 1]))
        cross = (d[5] + d[6] - d[1] - d[2] - d[3] - d[4] + 2 * d[0]) / 2
        hessian = np.array([[d[1] + d[2] - 2 * d[0], cross], [cross, d[3] + d[4] - 2 * d[0]]]) / _STEP**2
        if np.linalg.eigvalsh(hessian)[0] <= 0:
            return none
        covariance = np.linalg.inv(hessian / 2) * self.noise.dispersion
        moved = self._shapes.params(s + np.array([_STEP, 0.0]), np.exp(q + np.array([0.0, _STEP])))
        slope = (moved - self.params.to_numpy()).T / _STEP  # of the parameters, in (s, q)
        return pd.Series(np.sqrt(np.diag(slope @ covariance @ slope.T)), index=list(PARAMETERS))

    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[Interval]:
        """Where the deviance is above its least by at most the cut: ends of each parameter over that region."""
        shapes, cut = self._shapes, self.noise.cut(confidence)
        logs = np.union1d(shapes.log_rates, np.log(self.params["decay_rate"]))
        value, _, _ = shapes.best(np.exp(logs))
        excess = np.maximum(value - self.deviance, 0.0)
        inside = np.flatnonzero(excess <= cut)
        first, last = inside[0], inside[-1]

        def end(a: int, b: int) -> float:
            """Crossing between a rate inside and one outside, in roots, since those of a parabola are straight."""
            x, y = logs[[a, b]], np.sqrt(excess[[a, b]])
            return float(np.exp(x[0] + (np.sqrt(cut) - y[0]) / (y[1] - y[0]) * (x[1] - x[0])))

        low = 0.0 if first == 0 else end(first, first - 1)
        high = np.inf if last == len(logs) - 1 else end(last, last + 1)
        within = np.log([low or np.exp(logs[0]), min(high, np.exp(logs[-1]))])
        rates = np.exp(np.linspace(within[0], within[1], _INSIDE))[:, None]
        _, log_scale, information = shapes.best(rates[:, 0])
        reach = 2 * np.sqrt(cut / information)
        levels = log_scale[:, None] + reach[:, None] * np.linspace(-1, 1, _LEVELS)
        close = shapes.deviance(levels, rates) - self.deviance <= cut
        constant, k, _ = shapes.params(levels, rates)[close].T
        ends_k = float(k.min()), float(k.max())
        if low == 0 or np.isinf(high):  # with alpha to 0, K alpha stays; with alpha to inf, K c_1^-alpha
            ends_k = ends_k[0], np.inf
        lowest = -np.inf if low == 0 else float(constant.min())
        return [(lowest, 0.0 if np.isinf(high) else float(constant.max())), ends_k, (low, high)]

    def _draw(self, count: int, rng: np.random.Generator) -> Array:
        """Draws under the reference of `likelihood_draws`: uniform in the logarithms of alpha and of the scale."""
        shapes = self._shapes
        logs = np.linspace(np.log(ALPHA_LOW), max(shapes.log_rates[-1], np.log(2 * ALPHA_LOW)), 4 * _RATES)
        excess = shapes.best(np.exp(logs))[0]
        excess = (excess - excess.min()) / self.noise.dispersion
        weight = self.noise.likelihood(excess, 1)
        at = rng.choice(len(logs), size=count, p=weight / weight.sum())
        rate = np.exp(jittered(logs, at, rng))
        _, log_scale, information = shapes.best(rate)
        freedom, drawn = chi_squares(information, excess[at], self.noise, 1, rng)
        return shapes.params(log_scale + np.log(freedom / drawn), rate)

    def profile(self, confidence: float = 0.95, *, size: int = 120) -> pd.DataFrame:
        """Compute the profile of alpha under this law.

        Parameters
        ----------
        confidence : float
            Of the interval that `cut` gives.
        size : int
            Number of rates.

        Returns
        -------
        pandas.DataFrame
            As of `DecayResults.profile`.
        """
        logs = self._shapes.log_rates
        rate = np.exp(np.linspace(max(logs[0], np.log(0.02)), logs[-1], size))
        excess = np.maximum(self._shapes.best(rate)[0] - self.deviance, 0.0)
        return pd.DataFrame({"decay_rate": rate, "excess": excess, "cut": self.noise.cut(confidence_level(confidence))})

    def compare_laws(self) -> pd.DataFrame:
        """Compare this law with those that do not know of the end of the recipe.

        Returns
        -------
        pandas.DataFrame
            As of `DecayResults.compare_laws`, with a row for this law.
        """
        mine = {
            "law": "power to T", "formula": _LAW, "parameters": 2, "deviance": self.deviance,
            "estimate": f"K {self.params['scale']:.3g}, alpha {self.params['decay_rate']:.3g}, T {self.horizon:g}",
        }  # fmt: skip
        table = pd.concat([super().compare_laws(), pd.DataFrame([mine])], ignore_index=True)
        return weighed(table, self.noise.dispersion)

    def _headline(self) -> str:
        return (
            f"The risk runs out at the end of the recipe, {self.horizon:g} steps: {_LAW}, "
            f"alpha = {self._in_words('decay_rate')} (95 % interval)."
        )

    def _notes(self) -> list[str]:
        return ["intrinsic_limit is the constant -K T^-alpha of the law, no floor that was estimated"]
