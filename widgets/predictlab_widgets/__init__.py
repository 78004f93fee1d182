"""Jupyter widgets of predictlab: small classes, each with a real ``.js`` file beside it, that need no network."""

from __future__ import annotations

from predictlab_widgets.budget_allocator import BudgetAllocator
from predictlab_widgets.decay_explorer import DecayExplorer
from predictlab_widgets.phase_diagram import PhaseDiagram
from predictlab_widgets.probe_monitor import ProbeMonitor
from predictlab_widgets.risk_decomposition import RiskDecomposition

__version__ = "0.1.0"
__all__ = ["BudgetAllocator", "DecayExplorer", "PhaseDiagram", "ProbeMonitor", "RiskDecomposition", "__version__"]
