"""What is to be decided, what it needs to be told, and when an answer stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictlab._validation import number, option, positive
from predictlab.budget import best_depth
from predictlab.decay import DecayResults, Sample
from predictlab.phase import REGIMES, Decision, why_not

Array = NDArray[np.float64]

QUESTIONS = {  # each with the arguments that it needs, and their units
    "regime": {"tolerance": " (metric²)", "budget": " (steps)"},
    "decay_rate": {"within": ", the half-width of the rate's interval"},
    "optimal_depth": {
        "exchange_rate": " (metric² per unit of cost)",
        "within": ", the half-width of the depth's interval",
    },
}


@dataclass(frozen=True)
class Answer:
    """What one look says.

    Attributes
    ----------
    stands : bool
        Whether it is good enough at the look's level; nothing is at level 0.
    value : str, float or None
        Regime (the most likely one), or estimate.
    target : ndarray, shape (n,)
        What decides, over the draws: next steps are chosen by what they are expected to tell about it.
    name : str
        What that is called.
    probability : float
        Of the regime; NaN for numbers.
    interval : (float, float)
        Of the number, at the look's level, unbounded at level 0; NaN for a regime.
    """

    stands: bool
    value: Any
    target: Array
    name: str
    probability: float = np.nan
    interval: tuple[float, float] = (np.nan, np.nan)


NO_ANSWER = Answer(False, None, np.zeros(1), "")


Answering = Callable[[DecayResults, Sample, float], Answer]  # of a fit, draws of it and the look's level


def answering(
    question: str, given: Mapping[str, float | None], relative: bool, price: float, confidence: float
) -> Answering:
    """The function that answers a question, its arguments checked; `price` is that of a step.

    `confidence` is what a regime has to reach under the alternative priors too, at any look.
    """
    values = {}
    for name, unit in QUESTIONS[option("question", question, QUESTIONS)].items():
        hint = f"question={question!r} needs it." if given[name] is None else ""
        values[name] = positive(name, given[name], unit, hint)
    if question == "regime":
        number("budget", given["budget"], "more than 1 step", above=1)
        return partial(_regime, Decision(**values), confidence)
    if question == "decay_rate":
        return partial(_rate, values["within"])
    return partial(_optimal_depth, values["exchange_rate"] * price, values["within"], relative)


def _regime(rule: Decision, confidence: float, fit: DecayResults, sample: Sample, level: float) -> Answer:
    """The most likely regime: stands when it has probability ``1 - level``."""
    member = rule.member(sample)
    p = member.mean(axis=0)
    first, second = np.argsort(p)[::-1][:2]
    stands = level > 0 and float(p[first]) >= 1 - level and not why_not(fit, sample, rule, member[:, first], confidence)
    return Answer(
        stands=stands,
        value=REGIMES[first],
        target=member[:, first],
        name=f"{REGIMES[first]} against {REGIMES[second]}",
        probability=float(p[first]),
    )


def _rate(within: float, fit: DecayResults, sample: Sample, level: float) -> Answer:
    """The decay rate: stands when the half-width of its interval at the look's level is `within`."""
    lower, upper = fit.conf_int(1 - level).loc["decay_rate"] if level > 0 else (0.0, np.inf)
    # an interval from 0 is one in which the depths do not rule out that there is no decay at all
    stands = bool(lower > 0 and (upper - lower) / 2 <= within)
    estimate, target = float(fit.params["decay_rate"]), np.log(sample.params[:, 2])
    return Answer(stands, estimate, target, "the log of the decay rate", interval=(float(lower), float(upper)))


def _optimal_depth(
    price: float, within: float, relative: bool, fit: DecayResults, sample: Sample, level: float
) -> Answer:
    """``c*``: stands when the half-width of its interval, quantiles over the draws, is `within`, steps or a share."""
    estimate = float(best_depth(fit.params["scale"], fit.params["decay_rate"], price))
    depths = best_depth(sample.params[:, 1], sample.params[:, 2], price)
    lower, upper = np.quantile(depths, [level / 2, 1 - level / 2]) if level > 0 else (0.0, np.inf)
    stands = bool((upper - lower) / 2 <= (within * estimate if relative else within))
    target = np.log(np.maximum(depths, 1e-3))
    return Answer(stands, estimate, target, "the log of the optimal depth", interval=(float(lower), float(upper)))
