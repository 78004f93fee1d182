"""How much probing is worth paying for: depths of one task, and one budget for many (docs/theory.md, section 4)."""

from predictlab.budget._allocation import AllocationProblem, Bounds, PerTask, allocate, frontier
from predictlab.budget._choice import ProbeChoice
from predictlab.budget._depth import (
    OptimalDepth,
    PricedDepth,
    best_depth,
    fitted_from,
    last_depth,
    optimal_depth,
    priced_depth,
    seeds_of,
)
from predictlab.budget._design_problem import DesignProblem
from predictlab.budget._designs import allocate_design, design_frontier
from predictlab.budget._fits import checked_fits
from predictlab.budget._fresh import FreshRun
from predictlab.budget._fresh_results import FreshResults
from predictlab.budget._fresh_run import fresh_run
from predictlab.budget._rows import OptimalDesign, ToleranceRows, optimal_design, rows_for_tolerance
from predictlab.budget._tolerance_depth import ToleranceDepth, depth_for_tolerance
from predictlab.budget._worth import exchange_rate, tolerance
from predictlab.decay._law import crossing_depth

__all__ = [
    "AllocationProblem", "Bounds", "DesignProblem", "FreshResults", "FreshRun", "OptimalDepth", "OptimalDesign",
    "PerTask", "PricedDepth",
    "ProbeChoice", "ToleranceDepth", "ToleranceRows", "allocate", "allocate_design", "best_depth", "checked_fits",
    "crossing_depth", "depth_for_tolerance", "design_frontier", "exchange_rate", "fitted_from", "fresh_run",
    "frontier", "last_depth", "optimal_depth", "optimal_design", "priced_depth", "rows_for_tolerance", "seeds_of",
    "tolerance",
]  # fmt: skip


def __dir__() -> list[str]:
    return list(__all__)
