"""Jupyter widgets of predictlab, that need no network: each a small class, with its view in ``widgets/js``."""

from __future__ import annotations

from predictlab_widgets._budget_allocator import BudgetAllocator
from predictlab_widgets._decay_explorer import DecayExplorer
from predictlab_widgets._noise_explorer import NoiseExplorer
from predictlab_widgets._phase_diagram import PhaseDiagram
from predictlab_widgets._probe_monitor import ProbeMonitor
from predictlab_widgets._risk_decomposition import RiskDecomposition
from predictlab_widgets._runs_explorer import RunsExplorer
from predictlab_widgets._selection_monitor import SelectionMonitor
from predictlab_widgets._static_scores import StaticScores

__version__ = "0.1.0"
__all__ = [
    "BudgetAllocator", "DecayExplorer", "NoiseExplorer", "PhaseDiagram", "ProbeMonitor", "RiskDecomposition",
    "RunsExplorer", "SelectionMonitor", "StaticScores",
]  # fmt: skip


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
