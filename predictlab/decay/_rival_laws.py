"""Rival laws of the decay, compared by an information criterion (docs/theory.md, section 3)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from predictlab.decay._law import ALPHA_MIN, profile_scale
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


def compare_laws(curve: RiskCurve, noise: Noise) -> pd.DataFrame:
    """Fit every law of `LAWS` and compare them.

    Returns
    -------
    pandas.DataFrame
        Best first: ``law``, ``formula``, ``parameters``, ``deviance``, ``aic`` (quasi-AIC: deviance over dispersion
        plus twice the number of parameters), ``delta`` (above the least), ``weight`` (Akaike weight, adds up to 1),
        ``estimate`` (the fitted parameters in words).
    """
    depth, risk, df, weight = curve.depth, curve.risk, curve.df, noise.weight
    log_last = np.log(depth[-1])
    power = Problem.power(depth, risk, df, weight)
    (log_floor, log_decaying, log_rate), power_value = power.solve()
    rate = np.exp(log_rate)
    falls = f"K {np.exp(log_decaying + rate * log_last):.3g}, alpha {rate:.3g}"
    no_floor_value, log_risk, no_floor_rate = without_floor(power)
    # as a law of u = c / c_n - 1; the slowest rates are a straight line over the depths seen, the fastest are gone
    # within a tenth of the first gap
    linear = depth / depth[-1] - 1
    fast = min(np.log(1e4) / (linear[1] - linear[0]), 600.0)
    exponential = Problem(linear, risk, df, weight, (np.log(ALPHA_MIN), np.log(fast)))
    (log_end, log_above, log_fall), exponential_value = exponential.solve()
    fades = f"{np.exp(log_above):.3g} above it at the last depth, s {depth[-1] / np.exp(log_fall):.3g} steps"
    flat_value, log_level, _ = profile_scale(risk, df, np.ones_like(risk), weight)
    fits = {
        "power + floor": (3, power_value, _with_floor(log_floor, log_decaying, falls)),
        "power": (2, no_floor_value, f"K {np.exp(log_risk + no_floor_rate * log_last):.3g}, alpha {no_floor_rate:.3g}"),
        "exponential + floor": (3, exponential_value, _with_floor(log_end, log_above, fades)),
        "floor only": (1, float(flat_value), f"floor {np.exp(log_level):.3g}"),
    }
    columns = ["law", "formula", "parameters", "deviance", "estimate"]
    table = pd.DataFrame([(law, LAWS[law], *fit) for law, fit in fits.items()], columns=columns)
    table["aic"] = table["deviance"] / noise.dispersion + 2 * table["parameters"]
    table["delta"] = table["aic"] - table["aic"].min()
    likelihood = np.exp(-table["delta"] / 2)
    table["weight"] = likelihood / likelihood.sum()
    order = [*columns[:4], "aic", "delta", "weight", "estimate"]
    return table.sort_values("aic", ignore_index=True, kind="stable")[order]


def _with_floor(log_floor: float, log_decaying: float, words: str) -> str:
    return f"floor {np.exp(log_floor):.3g}, {'no decay' if np.isneginf(log_decaying) else words}"
