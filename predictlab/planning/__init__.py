"""Sequential probing: seeds and depths are added where they are worth most, until the answer stands."""

from predictlab.planning._boundary import Boundary, obrien_fleming, pocock
from predictlab.planning._result import SequentialResult
from predictlab.planning._sequential import probe_until

__all__ = ["Boundary", "SequentialResult", "obrien_fleming", "pocock", "probe_until"]


def __dir__() -> list[str]:
    return list(__all__)
