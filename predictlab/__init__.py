"""How well a fine-tune will go, how sure we can be, and how much probing is worth paying for.

Names are resolved on first use (PEP 562), so that ``import predictlab`` stays fast and needs neither torch,
altair nor statsmodels until a function that uses them is called.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from predictlab._logging import set_verbosity

__version__ = "0.1.0"

if TYPE_CHECKING:
    from predictlab import (
        budget,
        catalog,
        charts,
        decay,
        errors,
        forecasting,
        phase,
        planning,
        probing,
        report,
        risk,
        runs,
        static,
        task,
        worlds,
    )
    from predictlab._versions import show_versions
    from predictlab.budget import allocate, depth_for_tolerance, frontier, optimal_depth
    from predictlab.catalog import load_dataset
    from predictlab.decay import DecayModel, DecayResults
    from predictlab.forecasting import ForecastResults, forecast
    from predictlab.phase import classify
    from predictlab.planning import SequentialResult, advise, probe_until
    from predictlab.probing import ProbePlan, ProbeRecorder, probe, start_probe
    from predictlab.report import analyse
    from predictlab.risk import RiskCurve, risk_curve
    from predictlab.runs import RunStore, read_runs
    from predictlab.static import score
    from predictlab.task import Dataset, Recipe, Task

_MODULES = (
    "budget", "catalog", "charts", "decay", "errors", "forecasting", "phase", "planning", "probing", "report", "risk",
    "runs", "static", "task", "worlds",
)  # fmt: skip
_NAMES = {
    "DecayModel": "decay",
    "DecayResults": "decay",
    "Dataset": "task",
    "ForecastResults": "forecasting",
    "ProbePlan": "probing",
    "ProbeRecorder": "probing",
    "Recipe": "task",
    "RiskCurve": "risk",
    "RunStore": "runs",
    "SequentialResult": "planning",
    "Task": "task",
    "advise": "planning",
    "allocate": "budget",
    "analyse": "report",
    "classify": "phase",
    "depth_for_tolerance": "budget",
    "forecast": "forecasting",
    "frontier": "budget",
    "load_dataset": "catalog",
    "optimal_depth": "budget",
    "probe": "probing",
    "probe_until": "planning",
    "read_runs": "runs",
    "risk_curve": "risk",
    "score": "static",
    "show_versions": "_versions",
    "start_probe": "probing",
}

__all__ = [
    "DecayModel", "DecayResults", "Dataset", "ForecastResults", "ProbePlan", "ProbeRecorder", "Recipe", "RiskCurve",
    "RunStore", "SequentialResult", "Task", "__version__", "advise", "allocate", "analyse", "budget", "catalog",
    "charts", "classify", "decay", "depth_for_tolerance", "errors", "forecast", "forecasting", "frontier",
    "load_dataset", "optimal_depth", "phase", "planning", "probe", "probe_until", "probing", "read_runs", "report",
    "risk", "risk_curve", "runs", "score", "set_verbosity", "show_versions", "start_probe", "static", "task", "worlds",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
