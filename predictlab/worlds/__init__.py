"""Simulated worlds in which the risk at every depth is known exactly: for tests, studies and teaching.

See docs/theory.md, section 6.
"""

from predictlab.worlds._martingale import MartingaleWorld
from predictlab.worlds._quadratic import QuadraticSGDWorld
from predictlab.worlds._world import World

__all__ = ["MartingaleWorld", "QuadraticSGDWorld", "World"]


def __dir__() -> list[str]:
    return list(__all__)
