"""Error spent over repeated looks: spending functions of Lan and DeMets, combined by the union bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

Spending = Callable[[float, float], float]
LEAST_LEVEL = 1e-3  # what 20,000 draws resolve with 20 of them beyond it


def pocock(time: float, error: float) -> float:
    """``error log(1 + (e - 1) t)``: spends early, so that clear cases end early.

    Parameters
    ----------
    time : float
        Share of the information, in [0, 1].
    error : float
        Total error, in (0, 1).

    Returns
    -------
    float
        Error spent by then.

    Notes
    -----
    Source: Lan, DeMets (1983), Discrete sequential boundaries for clinical trials, Biometrika 70, 659-663.

    Examples
    --------
    >>> round(pocock(0.5, 0.05), 4)
    0.031
    """
    return float(error * np.log1p((np.e - 1) * time))


def obrien_fleming(time: float, error: float) -> float:
    """``2 - 2 Phi(z_(error/2) / sqrt(t))``: keeps nearly all for the end.

    Parameters
    ----------
    time, error : float
        As for `pocock`, with its source.

    Returns
    -------
    float
        Error spent by then.

    Examples
    --------
    >>> round(obrien_fleming(0.5, 0.05), 4)
    0.0056
    """
    return float(2 * norm.sf(norm.isf(error / 2) / np.sqrt(time))) if time > 0 else 0.0


SPENDING: dict[str, tuple[Spending, str]] = {
    "pocock": (pocock, "Pocock-type"),
    "obrien_fleming": (obrien_fleming, "O'Brien-Fleming-type"),
}


@dataclass
class Boundary:
    """Levels of successive looks, which add up to at most `error` whatever the looks have in common.

    Parameters
    ----------
    spending : callable
        ``(time, error) -> error spent by then``, from 0 at time 0 to `error` at time 1.
    error : float
        Total error.

    Examples
    --------
    >>> boundary = Boundary(pocock, 0.05)
    >>> round(boundary.level(0.5) + boundary.level(1.0), 6)
    0.05
    """

    spending: Spending
    error: float
    spent: float = field(default=0.0, init=False)

    def level(self, time: float) -> float:
        """Spend what the next look may err with; what is too little to be resolved is kept.

        Parameters
        ----------
        time : float
            Share of the information at the look, in [0, 1].

        Returns
        -------
        float
        """
        level = self.spending(min(time, 1.0), self.error) - self.spent
        if level < LEAST_LEVEL:
            return 0.0
        self.spent += level
        return level
