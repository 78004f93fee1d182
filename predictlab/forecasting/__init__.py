"""Forecasts: where runs end, with intervals, from runs that ended (THEORY 7)."""

from predictlab.forecasting._forecast import METHODS, forecast

__all__ = ["METHODS", "forecast"]


def __dir__() -> list[str]:
    return list(__all__)
