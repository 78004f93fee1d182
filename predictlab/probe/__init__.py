"""Probes: train the seeds of tasks and measure them at the depths of a plan.

The package is itself callable: ``pl.probe(tasks, plan)`` and ``predictlab.probe.probe(tasks, plan)`` are the same.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

from predictlab.probe.handle import ProbeRun, start_probe
from predictlab.probe.plan import ProbePlan
from predictlab.probe.session import probe

if TYPE_CHECKING:
    from predictlab.probe.on_ray import RayExecutor
    from predictlab.probe.recorder import ProbeRecorder

__all__ = ["ProbePlan", "ProbeRecorder", "ProbeRun", "RayExecutor", "probe", "start_probe"]


def __getattr__(name: str) -> Any:
    if name == "ProbeRecorder":  # needs transformers, which plans and stores do not
        from predictlab.probe.recorder import ProbeRecorder

        return ProbeRecorder
    if name == "RayExecutor":
        from predictlab.probe.on_ray import RayExecutor

        return RayExecutor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _CallableModule(types.ModuleType):
    """`predictlab.probe` names a package and a call: importing the one must not hide the other."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return probe(*args, **kwargs)


_CallableModule.__call__.__doc__ = probe.__doc__
sys.modules[__name__].__class__ = _CallableModule
