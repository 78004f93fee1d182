"""What is to be decided, when an answer stands, and on which combination of the parameters it turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from predictlab.budget import best_depth
from predictlab.decay import DecayResults
from predictlab.phase import REGIMES, decision_probabilities

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """What one look says.

    Attributes
    ----------
    stands : bool
        Whether it is good enough at the look's level.
    value : str or float
        Regime (the most likely one), or estimate.
    probability : float
        Of the regime; NaN for numbers.
    interval : (float, float)
        Of the number, at the look's level; NaN for a regime.
    target : ndarray, shape (n,)
        What decides, over the draws: next steps are chosen by what they are expected to tell about it.
    name : str
        What that is called.
    """

    stands: bool
    value: Any
    probability: float
    interval: tuple[float, float]
    target: Array
    name: str

    @property
    def half_width(self) -> float:
        """Half the width of the interval; inf where it is unbounded, NaN for a regime."""
        return (self.interval[1] - self.interval[0]) / 2


class Question(Protocol):
    """A question, answered at each look."""

    def answer(self, fit: DecayResults, draws: Array, level: float) -> Answer:
        """What the fit and its draws, (n, 3), say at this level; nothing stands at level 0."""
        ...


@dataclass(frozen=True)
class Regime:
    """Which regime under ``decision(tau, B)``: stands when the most likely one has probability ``1 - level``."""

    tolerance: float
    budget: float

    def answer(self, fit: DecayResults, draws: Array, level: float) -> Answer:
        """See `Question`."""
        floor, scale, rate = draws.T[:, :, None]
        member = decision_probabilities(floor, scale, rate, self.tolerance, self.budget)  # one draw at a time: 0 or 1
        p = member.mean(axis=0)
        first, second = np.argsort(p)[::-1][:2]
        return Answer(
            stands=level > 0 and float(p[first]) >= 1 - level,
            value=REGIMES[first],
            probability=float(p[first]),
            interval=(np.nan, np.nan),
            target=member[:, first],
            name=f"{REGIMES[first]} against {REGIMES[second]}",
        )


@dataclass(frozen=True)
class Rate:
    """The decay rate: stands when the half-width of its profile interval at the look's level is `within`."""

    within: float

    def answer(self, fit: DecayResults, draws: Array, level: float) -> Answer:
        """See `Question`."""
        estimate = float(fit.params["decay_rate"])
        interval = (0.0, float("inf"))
        if level > 0:
            row = fit.conf_int(1 - level).loc["decay_rate"]
            interval = (float(row["lower"]), float(row["upper"]))
        # an interval from 0 is one in which the depths do not rule out that there is no decay at all
        stands = interval[0] > 0 and (interval[1] - interval[0]) / 2 <= self.within
        return Answer(stands, estimate, float("nan"), interval, np.log(draws[:, 2]), "the log of the decay rate")


@dataclass(frozen=True)
class Depth:
    """The optimal depth ``c*`` for a price of a step: stands when the half-width of its interval is `within`.

    The interval holds the quantiles of ``c*`` over draws of the fit; `relative`: `within` is a share of the estimate.
    """

    price: float
    within: float
    relative: bool

    def answer(self, fit: DecayResults, draws: Array, level: float) -> Answer:
        """See `Question`."""
        _, scale, rate = (float(v) for v in fit.params)
        estimate = float(best_depth(scale, rate, self.price))
        depths = best_depth(draws[:, 1], draws[:, 2], self.price)
        interval = (0.0, float("inf"))
        if level > 0:
            lower, upper = np.quantile(depths, [level / 2, 1 - level / 2])
            interval = (float(lower), float(upper))
        wanted = self.within * estimate if self.relative else self.within
        stands = level > 0 and (interval[1] - interval[0]) / 2 <= wanted
        target = np.log(np.maximum(depths, 1e-3))
        return Answer(stands, estimate, float("nan"), interval, target, "the log of the optimal depth")
