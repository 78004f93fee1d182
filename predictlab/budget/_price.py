"""What steps cost: in the unit of the caller, or in money where the seconds of a step were measured."""

from __future__ import annotations

import math

from predictlab._summary import time_in_words
from predictlab._validation import positive
from predictlab.errors import bad_argument
from predictlab.risk import RiskCurve


def cost_of_step(curve: RiskCurve, cost_per_step: object, gpu_hour: float | None) -> float:
    """Cost of a step of one run: as given, else 1; with a price of an hour, money by the seconds that were measured.

    Parameters
    ----------
    curve : RiskCurve
        Whose runs may have told what a step took.
    cost_per_step, gpu_hour : float, optional
        One of them.

    Returns
    -------
    float

    Examples
    --------
    >>> curve = RiskCurve(depth=[4, 8], risk=[2e-3, 1e-3], df=9, seconds_per_step=0.5)
    >>> cost_of_step(curve, None, None), cost_of_step(curve, None, 7.2)
    (1.0, 0.001)
    """
    if gpu_hour is None:
        return 1.0 if cost_per_step is None else positive("cost_per_step", cost_per_step, " (cost per step)")
    hourly = positive("gpu_hour", gpu_hour, " (money per hour)")
    if cost_per_step is not None:
        hint = "A price of an hour is one of steps already: leave one of them out."
        raise bad_argument("cost_per_step", cost_per_step, f"None beside gpu_hour={gpu_hour!r}", hint)
    if curve.seconds_per_step is None:
        raise bad_argument(
            "gpu_hour", gpu_hour, "None where no run told the seconds of its steps",
            "Runs of pl.probe tell them; else give cost_per_step=, in money.",
        )  # fmt: skip
    return hourly / 3600 * curve.seconds_per_step


def seconds_of(curve: RiskCurve, steps: float) -> float:
    """Seconds that so many steps take, one run after the other; NaN where it is not known, or nothing is enough."""
    return math.nan if curve.seconds_per_step is None or math.isinf(steps) else curve.seconds_per_step * steps


def price_in_words(seconds: float, price: float = math.nan) -> str:
    """What is known of seconds and money, behind a number of steps; empty where nothing is.

    Examples
    --------
    >>> price_in_words(90.0, 0.05), price_in_words(90.0), price_in_words(math.nan)
    (', 1.5 min, price 0.05', ', 1.5 min', '')
    """
    text = "" if math.isnan(seconds) else f", {time_in_words(seconds)}"
    return text if math.isnan(price) else f"{text}, price {price:.3g}"
