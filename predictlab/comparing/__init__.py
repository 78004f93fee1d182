"""Is this gain noise? Runs of one recipe, and of two, with runs and rows apart (docs/theory.md, section 8)."""

from predictlab.comparing._compare import compare
from predictlab.comparing._design import Design, compare_design
from predictlab.comparing._mixture import run_sd_prior
from predictlab.comparing._noise import Noise, noise
from predictlab.comparing._reading import split_recipes
from predictlab.comparing._results import Comparison, Comparisons

__all__ = [
    "Comparison",
    "Comparisons",
    "Design",
    "Noise",
    "compare",
    "compare_design",
    "noise",
    "run_sd_prior",
    "split_recipes",
]


def __dir__() -> list[str]:
    return list(__all__)
