"""Traits that refuse bad values at once with predictlab's own errors, and what several widgets check and start from."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from traitlets import TraitType

from predictlab.budget import priced_depth
from predictlab.decay import law
from predictlab.errors import bad_argument


class Number(TraitType[float, Any]):
    """A finite float between two ends; the error says what was expected.

    Parameters
    ----------
    default : float
    expected : str
        For the error, e.g. ``"a number > 0 (metric²)"``.
    low, high : float
        The ends, themselves refused.
    closed : bool
        Whether `low` itself is allowed.
    **options
        Of every trait, such as ``allow_none``.
    """

    def __init__(
        self, default: Any, expected: str, low: float, high: float = math.inf, *, closed: bool = False, **options: Any
    ) -> None:
        super().__init__(default, **options)
        self.expected, self.low, self.high, self.closed = expected, low, high, closed

    def validate(self, obj: Any, value: Any) -> float:
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            number = float(value)
            if self.low < number < self.high or (self.closed and number == self.low):
                return number
        raise bad_argument(self.name or "value", value, self.expected)


class TaskName(TraitType[str | None, Any]):
    """None, or the name of one of the owner's ``task_names``; an empty string counts as None."""

    default_value = None
    allow_none = True

    def validate(self, obj: Any, value: Any) -> str | None:
        if value is None or value == "":
            return None
        if value not in obj.task_names:
            raise bad_argument(self.name or "selected", value, f"None or one of the tasks: {first_ten(obj.task_names)}")
        return str(value)


class Setting(TraitType[Any, Any]):
    """A value that its owner checks: ``_checked(name, value)`` returns what is kept, or refuses it."""

    default_value = None  # until the owner has its first; None itself is refused

    def validate(self, obj: Any, value: Any) -> Any:
        return obj._checked(self.name, value)


class Scale(TraitType[str, Any]):
    """Of axes: ``"log"`` or ``"linear"``."""

    default_value = "log"

    def validate(self, obj: Any, value: Any) -> str:
        if value not in ("log", "linear"):
            raise bad_argument(self.name or "scale", value, "'log' or 'linear'")
        return str(value)


def first_ten(names: Sequence[object]) -> str:
    """Names for an error, the first ten of them."""
    return ", ".join(map(str, names[:10])) + (", ..." if len(names) > 10 else "")


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


def paying_depth(
    intrinsic_limit: ArrayLike,
    scale: ArrayLike,
    decay_rate: ArrayLike,
    first: ArrayLike,
    price: ArrayLike,
    fixed: float = 0.0,
    last: ArrayLike = np.inf,
    static: float | None = None,
) -> NDArray[np.float64]:
    """``c*`` of one law or many, between the `first` and the `last` depth; 0 where probing does not pay.

    Parameters
    ----------
    intrinsic_limit, scale, decay_rate : array_like
        Of the law, as ``predictlab.decay.law`` takes them.
    first : array_like
        Depth at which the law begins, steps: the risk there stands for deciding without a probe.
    price : array_like
        Of a step of all seeds: the exchange rate times its cost, metric².
    fixed : float
        Of probing at all.
    last : array_like
        Deepest depth that exists, steps.
    static : float, optional
        Risk without a probe, metric², in the place of that at the first depth.
    """
    now = law(np.asarray(first, dtype=float), intrinsic_limit, scale, decay_rate) if static is None else static
    found = priced_depth(
        intrinsic_limit, scale, decay_rate, now, exchange_rate=1.0, cost_per_step=price, fixed_cost=fixed,
        bounds=(first, last),
    )  # fmt: skip
    return np.where(found.pays, found.depth, 0.0)
