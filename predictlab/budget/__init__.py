"""How much probing is worth paying for: optimal depth, depth for a tolerance, allocation, frontier (THEORY 4)."""

from predictlab.budget.allocation import allocate, frontier
from predictlab.budget.checks import checked_fits, fitted_from, positive
from predictlab.budget.depth import (
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
