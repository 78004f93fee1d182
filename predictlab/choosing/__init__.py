"""Decisions: go, stop or probe on; and which of several fine-tunes is the best (docs/choosing.md)."""

from predictlab.choosing._candidates import Replay
from predictlab.choosing._decide import decide
from predictlab.choosing._decisions import Decisions
from predictlab.choosing._ocba import ocba
from predictlab.choosing._select import select
from predictlab.choosing._selection import Selection

__all__ = ["Decisions", "Replay", "Selection", "decide", "ocba", "select"]


def __dir__() -> list[str]:
    return list(__all__)
