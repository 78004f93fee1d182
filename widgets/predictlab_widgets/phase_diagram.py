"""`PhaseDiagram`: tasks move across the phase diagram as the budget changes (THEORY 5)."""

from __future__ import annotations

import pathlib
import uuid
from collections.abc import Mapping
from typing import Any

import anywidget
import numpy as np
import pandas as pd
import traitlets
from numpy.typing import NDArray
from predictlab import phase
from predictlab.errors import DataError, bad_argument

from predictlab_widgets import fallback
from predictlab_widgets.regime_counts import by_tolerance, sufficient_by_budget
from predictlab_widgets.traits import Number, TaskName

_HERE = pathlib.Path(__file__).parent
_PARAMS = ["intrinsic_limit", "scale", "decay_rate"]
_STEPS = 161  # slider positions: 80 to a factor of 100 each way is finer than a pixel in most cells


class PhaseDiagram(anywidget.AnyWidget):
    """Both planes of the phase diagram, linked, with sliders for the budget and the tolerance.

    In the *budget plane* the boundaries stand still and the tasks sink as the budget grows; in the *theory plane* the
    tasks stand still and the boundary sinks. A table below says the regime of every task, its probabilities and the
    budget at which it becomes Static-Sufficient.

    Parameters
    ----------
    fits : mapping of str to DecayResults
        Task name to decay fit, as ``pl.classify`` takes it.
    budget : float, optional
        Steps, >= 1. Default: the median over tasks of the greatest depth that was measured.
    tolerance : float, optional
        Risk that can be lived with, metric², > 0. Default: the median over tasks of the risk half-way (on the log
        scale) between that budget and one step, so that some tasks are likely to move.
    confidence : float in (0.5, 1]
        Probability from which a regime is called; below it the task is Undetermined.
    selected : str, optional
        Task to select at first.
    budget_range, tolerance_range : pair of float, optional
        Ends of the sliders. A value set from Python beyond an end moves the end.

    Attributes
    ----------
    budget, tolerance, confidence, selected
        Traits that can be read, set and observed; the page follows, and the sliders set them.
    regimes : dict of str to str
        Trait, read-only: the regime of each task now, the same as ``pl.classify`` gives.

    Raises
    ------
    predictlab.errors.ArgumentError
        A bad value or an unknown keyword.
    """

    _esm = "\n".join((_HERE / name).read_text("utf-8") for name in ("phase_planes.js", "phase_diagram.js"))
    _css = _HERE / "phase_diagram.css"

    budget = Number(1.0, "a number of steps >= 1", low=1.0).tag(sync=True)
    tolerance = Number(1.0, "a number > 0 (metric²)", low=0.0, exclusive_low=True).tag(sync=True)
    confidence = Number(0.9, "a probability above 0.5, up to 1", low=0.5, high=1.0, exclusive_low=True).tag(sync=True)
    selected = TaskName().tag(sync=True)
    regimes = traitlets.Dict(read_only=True).tag(sync=True)

    _uid = traitlets.Unicode().tag(sync=True)
    _names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _fixed = traitlets.Dict().tag(sync=True)  # numbers that no slider changes
    _grids = traitlets.Dict().tag(sync=True)  # slider positions
    _counts = traitlets.Dict().tag(sync=True)  # draws per regime, along both sliders from where they stand

    def __init__(
        self,
        fits: Mapping[str, Any],
        *,
        budget: float | None = None,
        tolerance: float | None = None,
        confidence: float = 0.9,
        selected: str | None = None,
        budget_range: tuple[float, float] | None = None,
        tolerance_range: tuple[float, float] | None = None,
        **unknown: Any,
    ) -> None:
        layout = unknown.pop("layout", None)
        if unknown:
            known = "budget, tolerance, confidence, selected, budget_range, tolerance_range, layout"
            raise bad_argument("PhaseDiagram()", next(iter(unknown)), f"one of the keywords {known}")
        self._fits = _checked_fits(fits)
        self.task_names = list(self._fits)
        self._points = np.array([[float(fit.params[p]) for p in _PARAMS] for fit in self._fits.values()])
        self._draws = _stacked_draws(self._fits)
        super().__init__(**({} if layout is None else {"layout": layout}))

        depths = [np.asarray(fit.curve.depth, dtype=float) for fit in self._fits.values()]
        if budget is None:
            budget = max(1.0, _round3(float(np.median([d.max() for d in depths]))))
        self.budget = budget
        if tolerance is None:
            tolerance = _typical_risk(self._points, self.budget)
        self.tolerance, self.confidence = tolerance, confidence
        self._uid = uuid.uuid4().hex[:12]
        self._names = self.task_names
        self.selected = selected
        widest = (max(1.0, min(d.min() for d in depths)), 32 * max(d.max() for d in depths))
        self._ranges = {
            "budget": _checked_range("budget_range", budget_range, 1.0) or widest,
            "tolerance": _checked_range("tolerance_range", tolerance_range, 0.0)
            or (self.tolerance / 100, self.tolerance * 100),
        }
        low, high = np.nanquantile(self._draws, [0.05, 0.95], axis=2)
        self._fixed = {"points": _bytes(self._points), "low": _bytes(low), "high": _bytes(high)}
        self._refresh({"budget", "tolerance"})
        self.observe(lambda change: self._refresh({change["name"]}), names=["budget", "tolerance"])
        self.observe(lambda change: self._refresh(set()), names=["confidence"])

    # -- what is computed ----------------------------------------------------------------------------------------

    def _refresh(self, changed: set[str]) -> None:
        """Bring the regimes, and the counts that the browser needs, up to date after the traits in `changed` moved."""
        probabilities = self._probabilities()
        if changed:
            grids = self._fit_grids()
            counts = dict(self._counts)
            # Moving one slider changes only what the *other* one would find along its way.
            if "tolerance" in changed or grids["changed"]:
                counts["by_budget"] = sufficient_by_budget(self._draws, self.tolerance, grids["budget"]).tobytes()
            if "budget" in changed or grids["changed"]:
                sufficient, noise = by_tolerance(self._draws, self.budget, grids["tolerance"])
                counts["by_tolerance"], counts["noise_by_tolerance"] = sufficient.tobytes(), noise.tobytes()
            n = self._draws.shape[2]
            here = np.rint(np.column_stack(probabilities) * n).astype(np.uint16)
            counts |= {"here": here.tobytes(), "draws": n, "budget": self.budget, "tolerance": self.tolerance}
            self._counts = counts
        self.set_trait("regimes", dict(zip(self.task_names, self._called(probabilities), strict=True)))

    def _probabilities(self) -> tuple[NDArray[np.float64], ...]:
        limit, scale, rate = self._draws[:, 0], self._draws[:, 1], self._draws[:, 2]
        return phase.decision_probabilities(limit, scale, rate, self.tolerance, self.budget)

    def _called(self, probabilities: tuple[NDArray[np.float64], ...]) -> list[str]:
        table = np.column_stack(probabilities)
        likely = table.argmax(axis=1)
        sure = table[np.arange(len(table)), likely] >= self.confidence
        return [phase.REGIMES[i] if ok else "Undetermined" for i, ok in zip(likely, sure, strict=True)]

    def _fit_grids(self) -> dict[str, Any]:
        """Slider positions; remade only when a value from Python lies beyond an end."""
        changed = not self._grids
        for name in ("budget", "tolerance"):
            low, high = self._ranges[name]
            value = getattr(self, name)
            if not low <= value <= high:
                self._ranges[name] = (min(low, value), max(high, value))
                changed = True
        grids = {name: _grid(*self._ranges[name]) for name in ("budget", "tolerance")}
        if changed:
            self._grids = {name: _bytes(grid) for name, grid in grids.items()}
        return grids | {"changed": changed}

    def table(self) -> pd.DataFrame:
        """Regimes now, as ``pl.classify`` gives them at the widget's budget, tolerance and confidence."""
        return phase.classify(
            self._fits, tolerance=self.tolerance, budget=self.budget, confidence=self.confidence
        )

    def chart(self) -> Any:
        """Static altair chart of the current state."""
        from predictlab import charts

        return charts.phase_diagram(
            self._fits, tolerance=self.tolerance, budget=self.budget, selected=self.selected
        )

    # -- how it is shown -----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return (
            f"PhaseDiagram({len(self.task_names)} tasks, budget={self.budget:g}, tolerance={self.tolerance:g}, "
            f"confidence={self.confidence:g})"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return data | {"text/html": fallback.html(self)}, metadata

    def _ipython_display_(self, **kwargs: Any) -> None:
        fallback.display_with_fallback(self)


def _checked_fits(fits: Any) -> dict[str, Any]:
    expected = "a mapping of task name to decay fit, with at least one task"
    if not isinstance(fits, Mapping) or not fits:
        raise bad_argument("fits", fits, expected, "Build it as {name: pl.DecayModel(curve).fit()}.")
    for name, fit in fits.items():
        if not isinstance(name, str) or not all(hasattr(fit, a) for a in ("params", "draws", "curve")):
            raise bad_argument(f"fits[{name!r}]", fit, "the result of pl.DecayModel(curve).fit()")
    return dict(fits)


def _stacked_draws(fits: Mapping[str, Any]) -> NDArray[np.float64]:
    """Draws of every task, shape (tasks, 3, n): the same ones that ``pl.classify`` takes."""
    blocks = [fit.draws(n=phase.N_DRAWS, seed=phase.DRAW_SEED)[_PARAMS].to_numpy(float).T for fit in fits.values()]
    sizes = {block.shape for block in blocks}
    if len(sizes) > 1:
        raise DataError(f"The fits give different numbers of draws ({sizes}); refit them all with one version.")
    return np.ascontiguousarray(np.stack(blocks))


def _checked_range(name: str, value: Any, low: float) -> tuple[float, float] | None:
    if value is None:
        return None
    try:
        first, last = (float(v) for v in value)
    except (TypeError, ValueError):
        first, last = np.nan, np.nan
    if not (np.isfinite(last) and max(first, low) < last and first >= low and first > 0):
        raise bad_argument(name, value, f"two increasing numbers from {low:g} on, such as (4, 4096)")
    return first, last


def _typical_risk(points: NDArray[np.float64], budget: float) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        risks = points[:, 0] + points[:, 1] * np.sqrt(budget) ** -points[:, 2]
    risks = risks[np.isfinite(risks) & (risks > 0)]
    return _round3(float(np.median(risks))) if len(risks) else 1.0


def _round3(value: float) -> float:
    """Three significant digits, so that a position reads the same in the page and in Python."""
    return float(f"{value:.3g}")


def _grid(low: float, high: float) -> NDArray[np.float64]:
    inner = np.array([_round3(v) for v in np.geomspace(low, high, _STEPS)[1:-1]])
    return np.unique(np.concatenate([[low], inner[(inner > low) & (inner < high)], [high]]))


def _bytes(values: NDArray[np.float64]) -> bytes:
    return np.ascontiguousarray(values, dtype="<f8").tobytes()
