"""What to measure next: advice for each task, and probing that goes on until an answer stands."""

from predictlab.planning._advice import advise
from predictlab.planning._boundary import Boundary, obrien_fleming, pocock
from predictlab.planning._next_step import half_width
from predictlab.planning._sequential import SequentialResult, probe_until

__all__ = ["Boundary", "SequentialResult", "advise", "half_width", "obrien_fleming", "pocock", "probe_until"]


def __dir__() -> list[str]:
    return list(__all__)
