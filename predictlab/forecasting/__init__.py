"""Forecasts: where runs end, with intervals, from runs that ended (docs/theory.md, section 7)."""

from predictlab.forecasting._against import AgainstLimit
from predictlab.forecasting._forecast import METHODS, forecast
from predictlab.forecasting._results import ForecastResults
from predictlab.forecasting._stack import PREDICTORS

__all__ = ["METHODS", "PREDICTORS", "AgainstLimit", "ForecastResults", "forecast"]


def __dir__() -> list[str]:
    return list(__all__)
