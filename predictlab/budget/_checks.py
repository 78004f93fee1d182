"""What budget and phase ask of their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from predictlab.decay import DecayResults
from predictlab.errors import bad_argument


def positive(name: str, value: Any, unit: str = "") -> float:
    """`value` as a float, if it is a finite number > 0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise bad_argument(name, value, f"a finite number > 0{unit}")
    return number


def tail(alpha: float) -> float:
    """Half of `alpha`, if that is one minus a confidence level."""
    if not 0 < alpha < 1:
        raise bad_argument("alpha", alpha, "one minus the confidence level, in (0, 1)")
    return alpha / 2


def checked_fits(fits: Mapping[str, DecayResults]) -> dict[str, DecayResults]:
    """`fits` as a plain dict, or an error that says what was expected."""
    if isinstance(fits, DecayResults):
        return {fits.task or "task": fits}
    if not isinstance(fits, Mapping) or not fits:
        raise bad_argument("fits", fits, "a mapping {task name: DecayResults} with at least one task")
    for name, fit in fits.items():
        if not isinstance(fit, DecayResults):
            raise bad_argument(f"fits[{name!r}]", fit, "a DecayResults", "Fit it with pl.DecayModel(curve).fit().")
    return dict(fits)


def fitted_from(fit: DecayResults) -> float:
    """First fitted depth, steps; the law says nothing before it."""
    return float(fit.fitted.depth[0])
