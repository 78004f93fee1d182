"""How much probing is worth paying for: optimal depth, depth for a tolerance, allocation, frontier (THEORY 4)."""

from predictlab.budget._allocation import allocate, frontier
from predictlab.budget._checks import checked_fits, fitted_from, positive
from predictlab.budget._depth import (
    OptimalDepth,
    ToleranceDepth,
    depth_for_tolerance,
    optimal_depth,
    optimal_depth_of,
    tolerance_depth_of,
)

__all__ = [
    "OptimalDepth", "ToleranceDepth", "allocate", "checked_fits", "depth_for_tolerance", "fitted_from", "frontier",
    "optimal_depth", "optimal_depth_of", "positive", "tolerance_depth_of",
]  # fmt: skip


def __dir__() -> list[str]:
    return list(__all__)
