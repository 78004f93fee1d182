"""Sequential probing: seeds and depths are added where they are worth most, until the answer stands."""

from predictlab.sequential.boundary import Boundary, obrien_fleming, pocock
from predictlab.sequential.result import SequentialResult
from predictlab.sequential.until import probe_until

__all__ = ["Boundary", "SequentialResult", "obrien_fleming", "pocock", "probe_until"]
