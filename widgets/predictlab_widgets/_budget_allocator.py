"""`BudgetAllocator`: one budget over many tasks, what its next unit is worth, and the plan to probe by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import traitlets
from numpy.typing import ArrayLike

import predictlab as pl
from predictlab.budget import AllocationProblem, Bounds, DesignProblem, PerTask
from predictlab.decay import DecayResults, law
from predictlab.errors import PredictlabError, bad_argument
from predictlab.probing import DEFAULT_SEEDS, ProbePlan
from predictlab_widgets._arguments import Setting, increasing_pair, round3
from predictlab_widgets._background import LatestJobRunner
from predictlab_widgets._base import MAX_ROWS, STATIC, Chart, FitsWidget, Summary, to_bytes
from predictlab_widgets._budget_designs import arranged, design_frontier, design_table, measured_rows

_BANDED = 50  # tasks up to which the band of the whole frontier is drawn: it takes joint draws at each of its points
_BAND_POINTS = 24
_DEPTHS, _FEW_DEPTHS = 160, 64  # that are tried where rows are paid for, of up to `_BANDED` tasks and of more
_DESIGN_DRAWS, _CELLS = 500, 4e5


class BudgetAllocator(FitsWidget):
    """One total budget shared among tasks: minimise ``sum w_t K_t c_t^-alpha_t`` with ``sum lambda_t c_t <= B``.

    With a price of evaluation rows it is shared among steps and rows, as ``pl.allocate_design`` does; that takes fits
    which know what their rows add. Depths are then those of a grid.

    A bar of depth for each task, the efficiency frontier with the point where the budget stands, and what the next unit
    of budget is worth. A task can be weighted, or locked at its depth while the budget moves the others.

    Parameters
    ----------
    fits : mapping of str to DecayResults
        As for ``pl.allocate``.
    total_budget : float, optional
        ``B`` > 0, cost. Default: what the middle of its fitted depths (on a log scale) costs, summed over the tasks: a
        place to start from, and no advice.
    weights : float, mapping or sequence of float, optional
        ``w_t`` > 0; default 1. A mapping may leave tasks out.
    cost_per_step : float, mapping or sequence of float
        ``lambda_t`` > 0, of a step of one run; all its seeds are paid for.
    cost_per_row : float, mapping or sequence of float, optional
        ``kappa_t`` > 0, of evaluating one run on one row. None: rows stay as they are.
    bounds : as for ``pl.allocate``, optional
        Lowest and highest depths, steps.
    locked : mapping of str to float, optional
        Depths that stay, steps, within the bounds.
    seeds : int, optional
        Of the plans; default as many runs as each fit was made of, or 16.
    budget_range : pair of float, optional
        Ends of the slider. Default: from the cost of the lowest depths to 32 times that of the last fitted ones.
    draws : int
        Number of joint draws of the fits, for the intervals; where rows are paid for, at most 500, and fewer of many
        tasks.
    rng : int, numpy.random.Generator or None
        Where the draws come from; None: a fresh generator of seed 0.
    **options
        ``layout``, as every ipywidget takes it; any other is refused, with the known ones.

    Attributes
    ----------
    total_budget, weights, locked
        Traits that can be read, set and observed; `weights` holds every task, `locked` those that are.
    depths : dict of str to float
        Trait, read-only: depth of each task, steps, the same as ``pl.allocate`` gives.
    rows : dict of str to float
        Trait, read-only: evaluation rows of each task; empty where they are not paid for.
    multiplier : float
        Trait, read-only: weighted risk that the next unit of budget saves, metric²/cost; 0 where it buys nothing.
    risk, cost : float
        Traits, read-only: weighted risk summed over tasks, floors included (metric²), and what the depths cost.
    plans : dict of str to ProbePlan
        The plan of each task; `plan` has that of one.

    Raises
    ------
    predictlab.errors.ArgumentError
        A bad value, a budget that does not pay for the lowest and the locked depths, or an unknown keyword.

    Examples
    --------
    >>> import predictlab as pl
    >>> depths = (8, 16, 32, 64, 128)
    >>> def fit(limit, scale, rate):
    ...     risk = [limit + scale * c**-rate for c in depths]
    ...     return pl.DecayModel(pl.RiskCurve(depth=depths, risk=risk, df=31)).fit("gamma")
    >>> fits = {"news": fit(1e-5, 0.5, 2.0), "verbs": fit(1e-5, 0.02, 0.8)}
    >>> from predictlab_widgets import BudgetAllocator
    >>> allocator = BudgetAllocator(fits, total_budget=100)
    >>> {task: round(depth) for task, depth in allocator.depths.items()}
    {'news': 44, 'verbs': 56}
    >>> allocator.lock("news", 30)
    >>> round(allocator.depths["verbs"])
    70
    """

    _esm = STATIC / "budget_allocator.js"
    _css = STATIC / "budget_allocator.css"

    total_budget = Setting().tag(sync=True)
    weights = Setting().tag(sync=True)
    locked = Setting().tag(sync=True)
    depths = traitlets.Dict(read_only=True)
    rows = traitlets.Dict(read_only=True)
    multiplier = traitlets.Float(read_only=True)
    risk = traitlets.Float(read_only=True)
    cost = traitlets.Float(read_only=True)

    _state = traitlets.Dict().tag(sync=True)  # where the controls stand, and whose request it was
    _details = traitlets.Dict().tag(sync=True)  # what takes longer: intervals, notes, the plan
    _refused = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        fits: Mapping[str, DecayResults],
        *,
        total_budget: float | None = None,
        weights: PerTask | None = None,
        cost_per_step: PerTask = 1.0,
        cost_per_row: PerTask | None = None,
        bounds: Bounds | None = None,
        locked: Mapping[str, float] | None = None,
        seeds: int | None = None,
        budget_range: tuple[float, float] | None = None,
        draws: int = 1000,
        rng: int | np.random.Generator | None = None,
        **options: object,
    ) -> None:
        self._take(fits, draws, rng, "Their risks cannot be added up: share a budget among each kind by itself.")
        self.seeds = seeds
        free = self._free = AllocationProblem.of(
            self.fits, _filled(weights, self.task_names), cost_per_step, bounds, seeds
        )
        self._designs = None
        if cost_per_row is not None:
            many = len(self.fits) > _BANDED
            grid = _FEW_DEPTHS if many else _DEPTHS
            keep = int(np.clip(_CELLS / (grid * len(self.fits)), 24, _DESIGN_DRAWS))
            self._designs = DesignProblem.of(
                self.fits, None, cost_per_step, cost_per_row, bounds, seeds, grid=grid, keep=keep,
                draws=min(draws, _DESIGN_DRAWS), rng=self._drawn["rng"],
            )  # fmt: skip
        first, last = (np.array([float(fit.fitted.depth[i]) for fit in self.fits.values()]) for i in (0, -1))
        least = float(free.step @ free.low) if self._designs is None else self._designs.least()
        measured = 0.0 if self._designs is None else float(self._designs.row @ measured_rows(self.fits))
        if total_budget is None:
            total_budget = max(round3(float(free.step @ np.sqrt(first * last)) + measured), least)
        self._arrangement: dict[str, Any] = {"total_budget": None, "weights": None, "locked": None}
        start = self._arranged(
            total_budget=total_budget, weights=dict(zip(self.task_names, free.weight, strict=True)), locked=locked
        )
        widest = least, max(32 * (float(free.step @ last) + measured), 2 * least)
        self._range = increasing_pair("budget_range", budget_range, "two increasing numbers > 0 (cost)") or widest
        self.plan(self.task_names[0])  # seeds that no plan takes are refused now
        self._jobs = LatestJobRunner()
        self._band: tuple[Any, dict[str, Any]] | None = None
        floor, scale, rate = free.params.T
        arrays = {
            "floor": floor, "scale": scale, "rate": rate, "step": free.step, "low": free.low, "high": free.high,
            "last": last,
        }  # fmt: skip
        if self._designs is not None:
            arrays |= {
                "row": self._designs.row, "grid": self._designs.depth, "population": self._designs.medians[0],
                "interaction": self._designs.medians[1],
            }  # fmt: skip
        metric = next(iter(self.fits.values())).curve.metric or ""
        self._fixed = {n: to_bytes(a) for n, a in arrays.items()} | {"range": list(self._range), "metric": metric}
        request = self._own_request()
        self._commit(start, request)
        self._send_details(request)
        self.observe(self._moved, names=["total_budget", "weights", "locked"])
        super().__init__(**options)
        self.on_msg(self._on_request)

    # -- what is arranged ----------------------------------------------------------------------------------------

    def _checked(self, name: str, value: Any) -> Any:
        """The value of a trait as it is kept, checked together with the other two."""
        return self._arranged(**{name: value})[name]

    def _arranged(self, **changes: Any) -> dict[str, Any]:
        """The arrangement with `changes`, complete and checked; nothing has changed yet."""
        wanted = self._arrangement | changes
        if wanted == self._arrangement:
            return wanted
        weights = _mapping("weights", wanted["weights"], self.task_names, "numbers > 0")
        weights = {name: weights.get(name, 1.0) for name in self.task_names}
        locked = _mapping("locked", wanted["locked"], self.task_names, "depths (steps)")
        for i, name in enumerate(self.task_names):
            if name in locked and not self._free.low[i] <= locked[name] <= self._free.high[i]:
                raise bad_argument(
                    f"locked[{name!r}]", locked[name],
                    f"a depth within its bounds, {self._free.low[i]:g} to {self._free.high[i]:g} steps",
                )  # fmt: skip
        problem_of = self._problem_of if self._designs is None else self._designed
        problem_of(weights, locked).checked_budget(wanted["total_budget"])
        return {"total_budget": float(wanted["total_budget"]), "weights": weights, "locked": locked}

    def _problem_of(self, weights: dict[str, float], locked: dict[str, float]) -> AllocationProblem:
        """The problem with these weights of all tasks; a locked one has its depth as lowest and as highest."""
        depth = np.array([locked.get(name, np.nan) for name in self.task_names])
        low, high = (np.where(np.isnan(depth), ends, depth) for ends in (self._free.low, self._free.high))
        return replace(self._free, weight=np.array(list(weights.values())), low=low, high=high)

    def _designed(self, weights: dict[str, float], locked: dict[str, float], *, draws: bool = False) -> DesignProblem:
        """Steps and rows with these weights and locks: of the medians alone, or of the draws too."""
        assert self._designs is not None
        return arranged(self._designs if draws else self._designs.middle(), weights, locked)

    def _moved(self, change: Any) -> None:
        """A trait was set in Python: the depths follow at once."""
        wanted = {name: getattr(self, name) for name in self._arrangement}
        if wanted == self._arrangement:
            return
        request = self._own_request()
        self._commit(self._arranged(**wanted), request)
        self._jobs.start(self._answer(request))

    def _on_request(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        """The page has moved."""
        request = str(content["request"])
        try:
            arrangement = self._arranged(**{name: content[name] for name in self._arrangement})
        except PredictlabError as error:
            self._state = {"request": self._own_request(), **self._arrangement}
            self._refused = {"request": request, "text": str(error)}
            self._jobs.start(self._answer(self._state["request"]))
            return
        self._jobs.start(self._answer(request, arrangement))

    def _answer(self, request: str, arrangement: dict[str, Any] | None = None) -> Iterator[None]:
        if arrangement is not None:
            self._commit(arrangement, request)
            yield
        self._send_details(request)
        yield

    def _commit(self, arrangement: dict[str, Any], request: str) -> None:
        """Make `arrangement` the state, with its depths."""
        self._arrangement = arrangement
        self._problem = problem = self._problem_of(arrangement["weights"], arrangement["locked"])
        if self._designs is not None:
            designed = self._designed(arrangement["weights"], arrangement["locked"])
            depths, rows, price = (v[0] for v in designed.share(arrangement["total_budget"]))
            found = {
                "depths": dict(zip(self.task_names, depths.tolist(), strict=True)),
                "rows": dict(zip(self.task_names, rows.tolist(), strict=True)),
                "multiplier": float(price), "risk": float(designed.risk(depths, rows)[0] @ designed.weight),
                "cost": float(designed.step @ depths + designed.row @ rows),
            }  # fmt: skip
        else:
            depth, multiplier = problem.share(problem.params[None], problem.checked_budget(arrangement["total_budget"]))
            found = {
                "depths": dict(zip(self.task_names, depth[0].tolist(), strict=True)),
                "multiplier": float(multiplier[0]),
                "risk": float(law(depth[0], *problem.params.T) @ problem.weight),
                "cost": float(problem.step @ depth[0]),
            }
        self._set_traits(**arrangement, **found)
        self._state = {"request": request, **arrangement}

    def lock(self, task: str, depth: float | None = None) -> None:
        """Keep a task at a depth; default where it is now.

        Parameters
        ----------
        task : str
        depth : float, optional
            Steps, within the task's bounds.
        """
        self.locked = self.locked | {task: self.depths.get(task) if depth is None else depth}

    def unlock(self, task: str) -> None:
        """Let the budget move a locked task again.

        Parameters
        ----------
        task : str
        """
        if task not in self.locked:
            raise bad_argument("task", task, f"a locked task: {', '.join(self.locked) or 'there is none'}")
        self.locked = {name: depth for name, depth in self.locked.items() if name != task}

    # -- what follows --------------------------------------------------------------------------------------------

    def _arguments(self) -> dict[str, Any]:
        bounds = np.column_stack([self._problem.low, self._problem.high]).tolist()
        return {
            "weights": self.weights,
            "cost_per_step": (self._free.step / self._free.seeds).tolist(),
            "seeds": self._free.seeds.tolist(),
            "bounds": bounds,
            **self._drawn,
        }

    def table(self) -> pd.DataFrame:
        """The plan as ``pl.allocate`` gives it, with its intervals, and a column ``locked``.

        Where rows are paid for, as ``pl.allocate_design`` gives it.

        Returns
        -------
        DataFrame
        """
        if self._designs is not None:
            last = [float(fit.fitted.depth[-1]) for fit in self.fits.values()]
            depth, rows = (np.array(list(values.values())) for values in (self.depths, self.rows))
            drawn = self._designed(self.weights, self.locked, draws=True)
            return design_table(drawn, depth, rows, self.total_budget, self.multiplier, set(self.locked), last)
        table = pl.allocate(self.fits, self.total_budget, **self._arguments())
        table["locked"] = table["task"].isin(list(self.locked))
        at_an_end = table["note"].str.replace(r"^at its (lowest|highest) depth[^;]*", "locked", regex=True)
        table["note"] = at_an_end.where(table["locked"], table["note"])
        return table

    def frontier(self, budgets: ArrayLike | None = None) -> pd.DataFrame:
        """``pl.frontier`` with the weights and locks as they are; default at budgets along the slider.

        Parameters
        ----------
        budgets : array_like, optional
            Total budgets, cost.

        Returns
        -------
        DataFrame
        """
        if budgets is None:
            lowest = float(self._problem.step @ self._problem.low)
            if self._designs is not None:
                lowest = self._designed(self.weights, self.locked).least()
            least = max(lowest, self._range[0])
            beyond = max(self._range[1], self.total_budget, 1.1 * least) - least
            # closer where it is steep: right above the least budget
            budgets = np.append(least, least + np.geomspace(min(0.02 * least, 0.1 * beyond), beyond, _BAND_POINTS - 1))
        if self._designs is not None:
            drawn = self._designed(self.weights, self.locked, draws=True)
            return design_frontier(drawn, np.asarray(budgets, dtype=float))
        return pl.frontier(self.fits, budgets, **self._arguments())

    def plan(self, task: str) -> ProbePlan:
        """Plan that probes `task` to its depth, rounded down to whole steps.

        Measured at the depths that its fit has, doubled beyond the last, and at the end.

        Parameters
        ----------
        task : str

        Returns
        -------
        ProbePlan
        """
        if task not in self.fits:
            raise bad_argument("task", task, f"one of {', '.join(self.task_names[:10])}")
        curve = self.fits[task].curve
        if not self.depths:
            return ProbePlan((1,), self._seeds(task))
        end = max(1, int(self.depths[task] * (1 + 1e-12)))
        measured = [int(c) for c in curve.depth if c >= 1]
        while measured and measured[-1] < end:
            measured.append(2 * measured[-1])
        return ProbePlan(tuple(sorted({c for c in measured if c < end} | {end})), self._seeds(task))

    def _seeds(self, task: str) -> int:
        return (self.fits[task].curve.n_runs or DEFAULT_SEEDS) if self.seeds is None else self.seeds

    @property
    def plans(self) -> dict[str, ProbePlan]:
        """Plan of every task."""
        return {name: self.plan(name) for name in self.task_names}

    @property
    def plan_text(self) -> str:
        """`plans` as Python source, which the page copies."""
        plans = self.plans.items()
        lines = (f"    {name!r}: pl.ProbePlan(depths={p.depths!r}, seeds={len(p.run_seeds)})," for name, p in plans)
        rows = [f"rows = {{{', '.join(f'{name!r}: {n:.0f}' for name, n in self.rows.items())}}}"] if self.rows else []
        return "\n".join(["import predictlab as pl", "", "plans = {", *lines, "}", *rows])

    def _send_details(self, request: str) -> None:
        """Tell the page what is known once the controls are at rest."""
        columns = ["depth_lower", "depth_upper", "risk_lower", "risk_upper", "note"]
        shown = self.table()[columns + (["rows_lower", "rows_upper"] if self.rows else [])]
        names = {"depth_lower": "lower", "depth_upper": "upper", "note": "notes"}
        total = self.frontier([self.total_budget])[["risk_lower", "risk_upper"]].iloc[0].tolist()
        about = {"request": request, "total": total, "band": self._frontier_band(), "plan": self.plan_text}
        self._details = shown.rename(columns=names).to_dict("list") | about

    def _frontier_band(self) -> dict[str, Any]:
        """Interval of the frontier along the slider; only weights and locks change it."""
        if len(self.fits) > _BANDED:
            return {}
        key = (self.weights, self.locked)
        if self._band is None or self._band[0] != key:
            self._band = key, self.frontier()[["budget", "risk_lower", "risk_upper"]].to_dict("list")
        return self._band[1]

    # -- how it is shown -----------------------------------------------------------------------------------------

    def chart(self) -> Chart:
        """Static altair chart of the current state: depths, and the frontier.

        Returns
        -------
        altair chart
        """
        from predictlab import charts

        metric = next(iter(self.fits.values())).curve.metric
        bars = charts.allocation_chart(self.table(), subtitle=f"budget {self.total_budget:.4g}, 95 % intervals")
        return bars | charts.frontier_chart(self.frontier(), at=self.frontier([self.total_budget]), metric=metric)

    def __repr__(self) -> str:
        locked = f", locked={', '.join(self.locked)}" if self.locked else ""
        return (
            f"BudgetAllocator({len(self.fits)} tasks, total_budget={self.total_budget:g}, risk={self.risk:.4g}, "
            f"multiplier={self.multiplier:.4g}{locked})"
        )

    def _summary(self) -> Summary:
        rows = [
            [row.task, row.note or "–", f"{self.weights[row.task]:.4g}", f"{row.depth:.4g}",
             f"{row.depth_lower:.4g} to {row.depth_upper:.4g}",
             *([f"{row.rows:.4g}", f"{row.rows_lower:.4g} to {row.rows_upper:.4g}"] if self.rows else []),
             f"{row.risk:.4g}",
             f"{row.risk_lower:.4g} to {row.risk_upper:.4g}", f"{row.cost:.4g}", f"{row.marginal:.4g}"]
            for row in self.table().head(MAX_ROWS).itertuples()
        ]  # fmt: skip
        state = (
            f"B = {self.total_budget:.4g} over {len(self.fits)} tasks: weighted risk {self.risk:.4g} metric²; the next "
            f"unit saves {self.multiplier:.4g} metric² (the multiplier).{self._first_of()}"
        )
        columns = (
            "task", "note", "weight", "depth (steps)", "depth, 95 %", *(("rows", "rows, 95 %") if self.rows else ()),
            "risk L", "risk, 95 %", "cost",
            "worth of one more unit",
        )  # fmt: skip
        return Summary("Budget", state, columns, rows, words=2)


def _filled(weights: Any, names: list[str]) -> Any:
    """Weights of all tasks, where a mapping names only some."""
    if not isinstance(weights, Mapping):
        return weights
    known = _mapping("weights", weights, names, "numbers > 0")
    return {name: known.get(name, 1.0) for name in names}


def _mapping(name: str, value: Any, tasks: list[str], what: str) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise bad_argument(name, value, f"a mapping of task names to {what}")
    unknown = [task for task in value if task not in tasks]
    if unknown:
        raise bad_argument(name, value, f"names of tasks; {unknown[0]!r} is none of {', '.join(tasks[:10])}")
    out = {}
    for task, number in value.items():
        try:
            out[task] = float(number)
        except (TypeError, ValueError):
            out[task] = float("nan")
        if isinstance(number, bool) or not (np.isfinite(out[task]) and out[task] > 0):
            raise bad_argument(f"{name}[{task!r}]", number, "a finite number > 0")
    return out
