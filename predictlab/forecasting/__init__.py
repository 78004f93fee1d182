"""Forecasts: where runs end, with intervals, from runs that ended (docs/theory.md, section 7)."""

from predictlab.forecasting._forecast import METHODS, forecast
from predictlab.forecasting._results import ForecastResults

__all__ = ["METHODS", "ForecastResults", "forecast"]


def __dir__() -> list[str]:
    return list(__all__)
