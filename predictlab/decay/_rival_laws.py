"""Rival laws of the decay, compared by an information criterion (docs/theory.md, section 3)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from predictlab.decay._families import learning_rate
from predictlab.decay._law import ALPHA_MIN, Array
from predictlab.decay._noise import Noise
from predictlab.decay._profile import profile
from predictlab.decay._shapes import ALPHA_MOST
from predictlab.decay._solver import Problem
from predictlab.risk import RiskCurve

_TICK = 1e-9  # steps between depths at which the learning rate is the same
LAWS = {
    "power + floor": "L_int + K c^-alpha",
    "power": "K c^-alpha",
    "exponential + floor": "L_int + A e^-(c / s)",
    "schedule + floor": "L_int + A eta(c)^b",
    "floor only": "L_int",
}


def compare_laws(curve: RiskCurve, noise: Noise) -> pd.DataFrame:
    """Fit every law of `LAWS` and compare them; that of a schedule where it is known to end at 0.

    Returns
    -------
    pandas.DataFrame
        Best first: ``law``, ``formula``, ``parameters``, ``deviance``, ``aic`` (quasi-AIC: deviance over dispersion
        plus twice the number of parameters), ``delta`` (above the least), ``weight`` (Akaike weight, adds up to 1),
        ``estimate`` (the fitted parameters in words).
    """
    depth, risk, df, weight = curve.depth, curve.risk, curve.df, noise.weight
    power = Problem.power(depth, risk, df, weight, noise.rows)
    # as a law of u = c / c_n; the slowest rates are a straight line over the depths seen, the fastest are gone within a
    # tenth of the first gap
    linear = depth / depth[-1]
    fast = min(np.log(1e4) / (linear[1] - linear[0]), 600.0)
    exponential = Problem.of(linear, risk, df, weight, (np.log(ALPHA_MIN), np.log(fast)), noise.rows)

    def falls(theta: Array) -> str:
        if theta[1] <= 0:  # beside what the rows add, there may be nothing
            return "no decay"
        rate = np.exp(theta[2])
        return f"K {np.exp(np.log(theta[1]) + rate * np.log(depth[0])):.3g}, alpha {rate:.3g}"

    def at_last(theta: Array, clock: Array) -> str:
        return f"{theta[1] * np.exp(-np.exp(theta[2]) * (clock[-1] - clock[0])):.3g} above it at the last depth"

    def fades(theta: Array) -> str:
        return f"{at_last(theta, linear)}, s {depth[-1] / np.exp(theta[2]):.3g} steps"

    def follows(theta: Array) -> str:
        return f"{at_last(theta, ticks)}, b {np.exp(theta[2]):.3g}"

    def with_floor(problem: Problem, words: Callable[[Array], str]) -> tuple[int, float, str]:
        (theta,), (value,) = problem.solve()
        return 3, value, f"floor {theta[0]:.3g}, {words(theta) if theta[1] > 0 else 'no decay'}"

    (no_floor,), (no_floor_value,) = profile(power, 0, np.zeros(1))
    (flat, *_), (flat_value,) = profile(power, 1, np.zeros(1))
    fits = {
        "power + floor": with_floor(power, falls),
        "power": (2, no_floor_value, falls(no_floor)),
        "exponential + floor": with_floor(exponential, fades),
        "floor only": (1, float(flat_value), f"floor {flat[0]:.3g}"),
    }
    family = learning_rate(curve.schedule, curve.horizon)
    if family is not None:
        clock = family.clock(np.log(depth), float(np.log(depth[-1])))
        ticks = clock - clock[0] + _TICK * np.arange(len(depth))
        most = min(ALPHA_MOST, 600 / ticks[-1])
        followed = Problem.of(ticks, risk, df, weight, (np.log(ALPHA_MIN), np.log(most)), noise.rows)
        fits["schedule + floor"] = with_floor(followed, follows)
    columns = ["law", "formula", "parameters", "deviance", "estimate"]
    table = pd.DataFrame([(law, LAWS[law], *fit) for law, fit in fits.items()], columns=columns)
    return weighed(table, noise.dispersion)


def weighed(table: pd.DataFrame, dispersion: float) -> pd.DataFrame:
    """Laws with their ``aic``, that less the least, and Akaike's weights; the best first."""
    aic = table["deviance"] / dispersion + 2 * table["parameters"]
    delta = aic - aic.min()
    likelihood = np.exp(-delta / 2)
    table = table.assign(aic=aic, delta=delta, weight=likelihood / likelihood.sum())
    order = ["law", "formula", "parameters", "deviance", "aic", "delta", "weight", "estimate"]
    return table.sort_values("aic", ignore_index=True, kind="stable")[order]
