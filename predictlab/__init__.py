"""predictlab: how well will a fine-tune go, how sure can we be, and how much probing is worth paying for?

Names are resolved on first use (PEP 562), so that ``import predictlab`` stays fast and needs neither torch,
altair nor statsmodels until a function that uses them is called.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from predictlab import budget, catalog, charts, decay, errors, phase, risk, runs, static, task, worlds
    from predictlab.budget import allocate, depth_for_tolerance, frontier, optimal_depth
    from predictlab.catalog import load_dataset
    from predictlab.decay import DecayModel, DecayResults
    from predictlab.forecast import forecast
    from predictlab.phase import classify
    from predictlab.probe import ProbePlan, probe, start_probe
    from predictlab.risk import RiskCurve, risk_curve
    from predictlab.runs import RunStore, read_runs
    from predictlab.sequential import probe_until
    from predictlab.static import score
    from predictlab.task import Dataset, Recipe, Task

_MODULES = frozenset(
    ("budget", "catalog", "charts", "decay", "errors", "forecast", "phase", "probe", "risk", "runs", "static", "task",
     "worlds")
)  # fmt: skip
_NAMES = {
    "Dataset": "task",
    "Recipe": "task",
    "Task": "task",
    "load_dataset": "catalog",
    "score": "static",
    "ProbePlan": "probe",
    "start_probe": "probe",
    "RunStore": "runs",
    "read_runs": "runs",
    "RiskCurve": "risk",
    "risk_curve": "risk",
    "DecayModel": "decay",
    "DecayResults": "decay",
    "optimal_depth": "budget",
    "depth_for_tolerance": "budget",
    "allocate": "budget",
    "frontier": "budget",
    "classify": "phase",
    "probe_until": "sequential",
}

__all__ = [
    "DecayModel", "DecayResults", "Dataset", "ProbePlan", "Recipe", "RiskCurve", "RunStore", "Task", "__version__",
    "allocate", "budget", "catalog", "charts", "classify", "decay", "depth_for_tolerance", "errors", "forecast",
    "frontier", "load_dataset", "optimal_depth", "phase", "probe", "probe_until", "read_runs", "risk", "risk_curve",
    "runs", "score", "start_probe", "static", "task", "worlds",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
