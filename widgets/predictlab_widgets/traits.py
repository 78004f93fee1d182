"""Trait types that refuse bad values at once, with predictlab's own errors."""

from __future__ import annotations

import math
import numbers
from typing import Any

from predictlab.errors import bad_argument
from traitlets import TraitType


class Number(TraitType[float, Any]):
    """A finite float in a range; the error names the range.

    Parameters
    ----------
    low, high : float
        Smallest value accepted; upper end, accepted only with `closed`.
    expected : str
        What the error says was expected.
    exclusive_low : bool
        Whether `low` itself is refused.
    """

    def __init__(
        self, default: float, expected: str, low: float = -math.inf, high: float = math.inf, exclusive_low: bool = False
    ) -> None:
        super().__init__(default)
        self.expected, self.low, self.high, self.exclusive_low = expected, low, high, exclusive_low

    def validate(self, obj: Any, value: Any) -> float:
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            number = float(value)
            above = number > self.low if self.exclusive_low else number >= self.low
            if math.isfinite(number) and above and number <= self.high:
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
            shown = ", ".join(obj.task_names[:10]) + (", ..." if len(obj.task_names) > 10 else "")
            raise bad_argument(self.name or "selected", value, f"None or one of the tasks: {shown}")
        return str(value)
