"""Forecasts of where runs end, with intervals, from what is known at a depth (THEORY 7).

The package is itself callable: ``pl.forecast(runs, 64)`` and ``predictlab.forecast.forecast(runs, 64)`` are the same.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from predictlab.forecast.forecasting import METHODS, forecast

__all__ = ["METHODS", "forecast"]


class _CallableModule(types.ModuleType):
    """`predictlab.forecast` names a package and a call: importing the one must not hide the other."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return forecast(*args, **kwargs)


_CallableModule.__call__.__doc__ = forecast.__doc__
sys.modules[__name__].__class__ = _CallableModule
