"""Rival laws of the decay, compared by an information criterion (THEORY 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from predictlab.decay import _solver as solver
from predictlab.decay._deviance import level
from predictlab.decay._law import ALPHA_MIN, Array
from predictlab.decay._noise import Noise
from predictlab.risk import RiskCurve

LAWS = {
    "power + floor": "L_int + K c^-alpha",
    "power": "K c^-alpha",
    "exponential + floor": "L_int + A e^-(c / s)",
    "floor only": "L_int",
}


@dataclass(frozen=True)
class _Fitted:
    deviance: float
    parameters: int
    text: str


def compare_laws(curve: RiskCurve, noise: Noise) -> pd.DataFrame:
    """Fit every law of `LAWS` and compare them.

    Returns
    -------
    pandas.DataFrame
        Best first: ``law``, ``formula``, ``parameters``, ``deviance``, ``aic`` (quasi-AIC: deviance over dispersion
        plus twice the number of parameters), ``delta`` (above the least), ``weight`` (Akaike weight, adds up to 1),
        ``estimate`` (the fitted parameters in words).
    """
    depth, risk, df = curve.depth, curve.risk, curve.df
    u = np.log(depth / depth[-1])
    power = solver.Problem.power(depth, risk, df, noise.weight)
    # as a law of u = c / c_n - 1; the slowest rates are a straight line over the depths seen, the fastest are gone
    # within a tenth of the first gap
    linear = depth / depth[-1] - 1
    fast = min(np.log(1e4) / (linear[1] - linear[0]), 600.0)
    exponential = solver.Problem(linear, risk, df, noise.weight, (np.log(ALPHA_MIN), np.log(fast)))
    fits = {
        "power + floor": _both(power, float(np.log(depth[-1])), "alpha"),
        "power": _no_floor(power, float(np.log(depth[-1]))),
        "exponential + floor": _both(exponential, float(depth[-1]), "s"),
        "floor only": _flat(risk, df, u, noise.weight),
    }
    table = pd.DataFrame(
        [
            [law, LAWS[law], f.parameters, f.deviance, f.deviance / noise.dispersion + 2 * f.parameters, f.text]
            for law, f in fits.items()
        ],
        columns=["law", "formula", "parameters", "deviance", "aic", "estimate"],
    ).sort_values("aic", ignore_index=True, kind="stable")
    table.insert(5, "delta", table["aic"] - table["aic"].min())
    weight = np.exp(-table["delta"] / 2)
    table.insert(6, "weight", weight / weight.sum())
    return table


def _both(problem: solver.Problem, last: float, rate_name: str) -> _Fitted:
    theta, value = solver.solve(problem)
    floor = float(np.exp(theta[0]))
    if np.isneginf(theta[1]):
        return _Fitted(value, 3, f"floor {floor:.3g}, no decay")
    rate = float(np.exp(theta[2]))
    if rate_name == "alpha":
        text = f"floor {floor:.3g}, K {np.exp(theta[1] + rate * last):.3g}, alpha {rate:.3g}"
    else:
        text = f"floor {floor:.3g}, {np.exp(theta[1]):.3g} above it at the last depth, s {last / rate:.3g} steps"
    return _Fitted(value, 3, text)


def _no_floor(problem: solver.Problem, last: float) -> _Fitted:
    on = solver.plane(problem, np.exp(np.linspace(*problem.log_rates, 60)))
    best, value = solver.without_floor(problem, on)
    rate = float(np.exp(best[2]))
    return _Fitted(value, 2, f"K {np.exp(best[1] + rate * last):.3g}, alpha {rate:.3g}")


def _flat(risk: Array, df: Array, u: Array, weight: Array | None) -> _Fitted:
    value, log_s, _ = level(risk, df, np.ones((1, len(u))), weight)
    return _Fitted(float(value[0]), 1, f"floor {np.exp(log_s[0]):.3g}")
