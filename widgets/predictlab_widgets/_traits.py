"""Trait types that refuse bad values at once, with predictlab's own errors."""

from __future__ import annotations

import math
import numbers
from typing import Any

from traitlets import TraitType

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
    """

    def __init__(
        self, default: float, expected: str, low: float, high: float = math.inf, *, closed: bool = False
    ) -> None:
        super().__init__(default)
        self.expected, self.low, self.high, self.closed = expected, low, high, closed

    def validate(self, obj: Any, value: Any) -> float:
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            number = float(value)
            if self.low < number < self.high or (self.closed and number == self.low):
                return number
        raise bad_argument(self.name or "value", value, self.expected)


class OptionalNumber(Number):
    """A `Number`, or None where there is none."""

    allow_none = True

    def __init__(self, expected: str, low: float) -> None:
        super().__init__(None, expected, low)  # type: ignore[arg-type]

    def validate(self, obj: Any, value: Any) -> Any:
        return None if value is None else super().validate(obj, value)


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
