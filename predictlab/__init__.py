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
        choosing,
        comparing,
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
    from predictlab.budget import (
        allocate,
        allocate_design,
        depth_for_tolerance,
        exchange_rate,
        fresh_run,
        frontier,
        optimal_depth,
        optimal_design,
        rows_for_tolerance,
        tolerance,
    )
    from predictlab.catalog import load_dataset
    from predictlab.choosing import Decisions, Selection, decide, select
    from predictlab.comparing import (
        Comparison,
        Comparisons,
        Design,
        Noise,
        compare,
        compare_design,
        noise,
        split_recipes,
    )
    from predictlab.decay import DecayModel, DecayResults
    from predictlab.forecasting import ForecastResults, forecast
    from predictlab.phase import classify
    from predictlab.planning import SequentialResult, advise, probe_until
    from predictlab.probing import ProbePlan, ProbeRecorder, probe, start_probe
    from predictlab.report import analyse
    from predictlab.risk import RiskCurve, resampled_outcomes, risk_curve
    from predictlab.runs import RunStore, read_outcomes, read_runs
    from predictlab.static import describe, rank, score
    from predictlab.task import Dataset, Recipe, Task

_EXPORTS = {  # module -> what of it is public here, beside the module itself
    "_versions": ["show_versions"],
    "budget": [
        "allocate",
        "allocate_design",
        "depth_for_tolerance",
        "exchange_rate",
        "fresh_run",
        "frontier",
        "optimal_depth",
        "optimal_design",
        "rows_for_tolerance",
        "tolerance",
    ],
    "catalog": ["load_dataset"],
    "choosing": ["Decisions", "Selection", "decide", "select"],
    "comparing": [
        "Comparison",
        "Comparisons",
        "Design",
        "Noise",
        "compare",
        "compare_design",
        "noise",
        "split_recipes",
    ],
    "decay": ["DecayModel", "DecayResults"],
    "forecasting": ["ForecastResults", "forecast"],
    "phase": ["classify"],
    "planning": ["SequentialResult", "advise", "probe_until"],
    "probing": ["ProbePlan", "ProbeRecorder", "probe", "start_probe"],
    "report": ["analyse"],
    "risk": ["RiskCurve", "resampled_outcomes", "risk_curve"],
    "runs": ["RunStore", "read_outcomes", "read_runs"],
    "static": ["describe", "rank", "score"],
    "task": ["Dataset", "Recipe", "Task"],
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [
    "Comparison", "Comparisons", "Dataset", "DecayModel", "DecayResults", "Decisions", "Design", "ForecastResults",
    "Noise", "ProbePlan", "ProbeRecorder", "Recipe", "RiskCurve", "RunStore", "Selection", "SequentialResult", "Task",
    "__version__", "advise", "allocate", "allocate_design", "analyse", "budget", "catalog", "charts", "choosing",
    "classify", "compare", "compare_design", "comparing", "decay", "decide", "depth_for_tolerance", "describe",
    "errors", "exchange_rate", "forecast", "forecasting", "fresh_run", "frontier", "load_dataset", "noise",
    "optimal_depth", "optimal_design", "phase", "planning", "probe", "probe_until", "probing", "rank",
    "read_outcomes", "read_runs", "report", "resampled_outcomes", "risk", "risk_curve", "rows_for_tolerance", "runs",
    "score", "select", "set_verbosity", "show_versions", "split_recipes", "start_probe", "static", "task",
    "tolerance", "worlds",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULE_OF.get(name, name)}")
    value = getattr(module, name) if name in _MODULE_OF else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
