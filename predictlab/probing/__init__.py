"""Probes: train the seeds of tasks and measure them at the depths of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from predictlab.probing._background import ProbeRun
from predictlab.probing._plan import DEFAULT_SEEDS, PlanCost, ProbePlan
from predictlab.probing._probe import probe, start_probe
from predictlab.probing._ray.executor import RayExecutor

if TYPE_CHECKING:
    from predictlab.probing._recorder import ProbeRecorder

__all__ = ["DEFAULT_SEEDS", "PlanCost", "ProbePlan", "ProbeRecorder", "ProbeRun", "RayExecutor", "probe", "start_probe"]


def __getattr__(name: str) -> object:
    if name == "ProbeRecorder":  # needs transformers, which plans and stores do not
        from predictlab.probing._recorder import ProbeRecorder

        return ProbeRecorder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
