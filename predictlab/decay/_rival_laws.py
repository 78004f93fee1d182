"""Rival laws of the decay, compared by an information criterion (docs/theory.md, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from predictlab.decay._deviance import profile_scale
from predictlab.decay._law import ALPHA_MIN, Array
from predictlab.decay._noise import Noise
from predictlab.decay._profile import without_floor
from predictlab.decay._solver import Problem
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
    power = Problem.power(depth, risk, df, noise.weight)
    # as a law of u = c / c_n - 1; the slowest rates are a straight line over the depths seen, the fastest are gone
    # within a tenth of the first gap
    linear = depth / depth[-1] - 1
    fast = min(np.log(1e4) / (linear[1] - linear[0]), 600.0)
    exponential = Problem(linear, risk, df, noise.weight, (np.log(ALPHA_MIN), np.log(fast)))
    fits = {
        "power + floor": _both(power, float(np.log(depth[-1])), "alpha"),
        "power": _no_floor(power, float(np.log(depth[-1]))),
        "exponential + floor": _both(exponential, float(depth[-1]), "s"),
        "floor only": _flat(risk, df, noise.weight),
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


def _both(problem: Problem, last: float, rate_name: str) -> _Fitted:
    (p, a, q), value = problem.solve()
    floor, rate = float(np.exp(p)), float(np.exp(q))
    if np.isneginf(a):
        return _Fitted(value, 3, f"floor {floor:.3g}, no decay")
    if rate_name == "alpha":
        text = f"floor {floor:.3g}, K {np.exp(a + rate * last):.3g}, alpha {rate:.3g}"
    else:
        text = f"floor {floor:.3g}, {np.exp(a):.3g} above it at the last depth, s {last / rate:.3g} steps"
    return _Fitted(value, 3, text)


def _no_floor(problem: Problem, last: float) -> _Fitted:
    value, log_last_risk, rate = without_floor(problem)
    return _Fitted(value, 2, f"K {np.exp(log_last_risk + rate * last):.3g}, alpha {rate:.3g}")


def _flat(risk: Array, df: Array, weight: Array | None) -> _Fitted:
    value, log_scale, _ = profile_scale(risk, df, np.ones_like(risk), weight)
    return _Fitted(float(value), 1, f"floor {np.exp(log_scale):.3g}")
