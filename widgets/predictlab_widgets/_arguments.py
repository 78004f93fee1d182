"""Checks of arguments, and starting values, that several widgets share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from predictlab.budget import priced_depth
from predictlab.decay import DecayResults, law
from predictlab.errors import bad_argument


def round3(value: float) -> float:
    """Three significant digits, as the sliders round."""
    return float(f"{value:.3g}")


def increasing_pair(
    name: str, value: Iterable[float] | None, expected: str, low: float = 0
) -> tuple[float, float] | None:
    """``(first, last)`` with ``low < first < last``, or None where nothing is given."""
    if value is None:
        return None
    try:
        first, last = (float(v) for v in value)
    except (TypeError, ValueError):
        first = last = low
    if not low < first < last < float("inf"):
        raise bad_argument(name, value, expected)
    return first, last


def check_comparable(fits: Mapping[str, DecayResults], hint: str) -> None:
    """Refuse fits whose risks are of different questions, or of different metrics."""
    for what in ("question", "metric"):
        kinds = sorted({getattr(fit.curve, what) for fit in fits.values()})
        if len(kinds) > 1:
            raise bad_argument("fits", kinds, f"fits of one {what}", hint)


def fixed_seed(rng: int | np.random.Generator | None) -> int | None:
    """The seed to draw with again and again: a generator gives one, once."""
    return int(rng.integers(2**31)) if isinstance(rng, np.random.Generator) else rng


def paying_depth(
    intrinsic_limit: ArrayLike,
    scale: ArrayLike,
    decay_rate: ArrayLike,
    first: ArrayLike,
    price: float,
    fixed: float = 0.0,
) -> NDArray[np.float64]:
    """``c*`` of one law or many, not before the `first` depth; 0 where probing does not pay.

    Parameters
    ----------
    intrinsic_limit, scale, decay_rate : array_like
        Of the law, as ``predictlab.decay.law`` takes them.
    first : array_like
        Depth at which the law begins, steps: the risk there stands for deciding without a probe.
    price, fixed : float
        Of a step, and of probing at all: the exchange rate times their costs, metric².
    """
    static = law(np.asarray(first, dtype=float), intrinsic_limit, scale, decay_rate)
    found = priced_depth(
        intrinsic_limit, scale, decay_rate, static, exchange_rate=1.0, cost_per_step=price, fixed_cost=fixed,
        bounds=(first, np.inf),
    )  # fmt: skip
    return np.where(found.pays, found.depth, 0.0)
