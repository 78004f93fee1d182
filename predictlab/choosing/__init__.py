"""Decisions: go, stop or probe on; and which of several fine-tunes is the best (docs/choosing.md)."""

from predictlab.choosing._decide import decide
from predictlab.choosing._decisions import Decisions

__all__ = ["Decisions", "decide"]


def __dir__() -> list[str]:
    return list(__all__)
