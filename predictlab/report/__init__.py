"""The whole way in one call: `analyse`, its report, and the tour."""

from predictlab.report._analysis import Analysis, analyse
from predictlab.report._page import write_report

__all__ = ["Analysis", "analyse", "write_report"]


def __dir__() -> list[str]:
    return list(__all__)
