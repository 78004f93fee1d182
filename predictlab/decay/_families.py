"""Families of falls that a risk may follow once its rise is over: a power law and its rivals (docs/theory.md, 9).

Each is a clock ``g(c)``, 0 at the last depth: what decays is ``exp(-rate g)`` of what it is there. The theory's own law
is the power law; an exponential is what noise that an optimiser forgets leaves, and under a schedule that sends the
learning rate to 0 a variance can follow the learning rate instead of the depth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from predictlab.decay._law import Array

Clock = Callable[[Array, float], Array]
POWER = "power"
_STEP = 1e-4  # of ln c, for a clock's derivative
_OCTAVE = float(np.log(2))


@dataclass(frozen=True)
class Family:
    """One family of falls.

    Parameters
    ----------
    name : str
    prior : float
        Its prior probability over that of the power law.
    clock : callable
        ``g`` at logarithms of depths, given that of the last one.
    step : float
        Of ``ln c``, over which its pace is taken: an octave where the clock has a kink at the horizon.
    least : float
        Least rate believed possible, where it is above that of the power law.
    """

    name: str
    prior: float
    clock: Clock
    step: float = _STEP
    least: float = 0.0

    def pace(self, log_depth: Array, log_last: float) -> Array:
        """Derivative of ``g`` in ``ln c``, from below."""
        before = self.clock(log_depth - self.step, log_last)
        return np.asarray((self.clock(log_depth, log_last) - before) / self.step)


def _ratio(log_depth: Array, log_last: float) -> Array:
    return np.asarray(np.expm1(np.minimum(log_depth - log_last, 600.0)))


def _rate(schedule: str, horizon: float, log_depth: Array) -> Array:
    """Learning rate of the step that ends at a depth, over its peak; that of the last step beyond the horizon."""
    done = np.clip((np.exp(log_depth) - 1) / horizon, 0.0, 1.0)
    rate = 1 - done if schedule == "linear" else (1 + np.cos(np.pi * done)) / 2
    return np.asarray(np.maximum(rate, 1 / horizon))


def _left(schedule: str, horizon: float, log_depth: Array, log_last: float) -> Array:
    rate, last = (_rate(schedule, horizon, np.asarray(c)) for c in (log_depth, log_last))
    return np.asarray(np.log(last) - np.log(rate))


POWER_LAW = Family(POWER, 1.0, np.subtract)
# an exponential whose time is longer than what was measured says nothing of it, and all of what comes after
EXPONENTIAL = Family("exponential", 0.4, _ratio, least=1.0)


def learning_rate(schedule: str | None, horizon: float | None) -> Family | None:
    """The fall with a recipe's learning rate, flat beyond its horizon; None where it does not end at 0.

    Under a constant rate nothing would fall, and with ``poly:rho`` it is a power law.
    """
    if horizon is None or schedule not in ("linear", "cosine"):
        return None
    return Family("schedule", 0.4, partial(_left, schedule, float(horizon)), step=_OCTAVE)


def families(schedule: str | None, horizon: float | None, rivals: bool) -> tuple[Family, ...]:
    """The power law, and its rivals where they are asked for."""
    asked = (EXPONENTIAL, learning_rate(schedule, horizon)) if rivals else ()
    return (POWER_LAW, *(family for family in asked if family is not None))
