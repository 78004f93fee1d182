"""`PhaseDiagram`: tasks move across the phase diagram as the budget changes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import traitlets
from numpy.typing import NDArray

from predictlab import phase
from predictlab.budget import FreshResults, FreshRun, last_depth, seeds_of
from predictlab.decay import PARAMETERS, DecayResults, PosteriorResults
from predictlab.errors import bad_argument
from predictlab.risk import FLOORS, QUESTIONS
from predictlab_widgets._arguments import Number, TaskName, increasing_pair, paying_depth, round3
from predictlab_widgets._base import MAX_ROWS, STATIC, Chart, FitsWidget, Summary, rounded, to_bytes
from predictlab_widgets._regime_counts import EXACT, Tabulated, tabulate

_QUANTILES = (0.025, 0.5, 0.975)
_MOST_DRAWS = 65_535  # counts of draws take two bytes
_STEPS = 161  # slider positions
_KNOTS = 25
_MANY = 1000  # tasks from which on the points are drawn through fewer knots
_FEW_KNOTS = 9
_ALL = 1e9  # times the rows: the population
_ROWS = np.array([0.25, 0.5, 0.7, 1, 1.4, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, _ALL])  # slider positions
_NOTHING = 1e-300  # a variance too small to be drawn


class PhaseDiagram(FitsWidget):
    """Both planes of the phase diagram, linked, with sliders for the budget, the tolerance and the price.

    In the *budget plane* the boundaries stand still and the tasks sink as the budget grows; in the *theory plane* the
    tasks stand still and the boundary sinks. A table below says the regime of every task, its probabilities and the
    budget at which it becomes Static-Sufficient, and, when a price is given, the depth that is worth paying for.
    Probabilities of the regimes are rings around the points (paleness, where there are very many); after each move a
    trail shows where a task came from, and a line says which ones crossed. A call stands as in ``pl.classify``: also
    under the alternative priors, and not while the risk still rises or the law is rejected; why not is said beside it.

    Parameters
    ----------
    fits : mapping of str to DecayResults or FreshRun
        Task name to decay fit, as ``pl.classify`` takes it; all of one question, which is said above the diagram.
    budget : float, optional
        Steps, > 1. Default: the median over tasks of the greatest depth that was measured.
    tolerance : float, optional
        Risk that can be lived with, metric², > 0. Default: the median over tasks of the risk at the budget: a
        place to start from, with tasks on either side, and no advice.
    rows : float
        Evaluation rows of each task, > 0, as a multiple of those that were measured; from 1e9 on the population they
        come from. Tasks whose rows' part is known move, in both directions: more rows make seeds agree. There is a
        slider where any is.
    confidence : float in (0.5, 1)
        Probability from which a regime is called; below it the task is Undetermined.
    selected : str, optional
        Task to select at first.
    exchange_rate : float, optional
        ``gamma`` > 0, metric² per unit of cost. When given, there is a slider for it and ``c*`` of each task.
    cost_per_step : float
        ``lambda`` > 0, cost per step.
    budget_range, tolerance_range : pair of float, optional
        Ends of the sliders. A value set from Python beyond an end moves the end. Default for the budget: from the
        first depth that the fits of all tasks speak of to 32 times the greatest depth.
    draws : int
        Number of draws of each fit, at most 65,535.
    rng : int, numpy.random.Generator or None
        Where the draws come from; None: a fresh generator of seed 0 for each fit.
    **options
        ``layout``, as every ipywidget takes it; any other is refused, with the known ones.

    Attributes
    ----------
    budget, tolerance, confidence, selected, exchange_rate, cost_per_step
        Traits that can be read, set and observed; the page follows, and the sliders set them.
    regimes : dict of str to str
        Trait, read-only: the regime of each task now, the same as ``pl.classify`` gives. (Of more than 64 different
        fits those behind are counted from tables of their curves: a probability may differ by a few draws.)
    reasons : dict of str to str
        Trait, read-only: of the tasks without a call, or whose call does not stand, why: `reason` of ``pl.classify``.
    optimal_depths : dict of str to float
        Trait, read-only: ``c*`` of each task, steps, the same as ``pl.optimal_depth`` gives: 0 where probing does not
        pay. Empty without an exchange rate.

    Raises
    ------
    predictlab.errors.ArgumentError
        A bad value or an unknown keyword.

    Examples
    --------
    >>> import predictlab as pl
    >>> depths = (8, 16, 32, 64, 128)
    >>> def fit(limit, scale, rate):
    ...     risk = [limit + scale * c**-rate for c in depths]
    ...     return pl.DecayModel(pl.RiskCurve(depth=depths, risk=risk, df=31)).fit()
    >>> fits = {"news": fit(1e-5, 0.5, 2.0), "verbs": fit(1e-5, 0.02, 0.8)}
    >>> from predictlab_widgets import PhaseDiagram
    >>> diagram = PhaseDiagram(fits, budget=100, tolerance=2e-4)
    >>> diagram.regimes
    {'news': 'Static-Sufficient', 'verbs': 'Undetermined'}
    >>> diagram.budget = 20  # the sliders of the page set the same trait
    >>> diagram.regimes["news"]
    'Dynamic-Critical'
    """

    _esm = STATIC / "phase_diagram.js"
    _css = STATIC / "phase_diagram.css"

    budget = Number(2.0, "a finite number of steps > 1", low=1).tag(sync=True)
    tolerance = Number(1.0, "a finite number > 0 (metric²)", low=0).tag(sync=True)
    confidence = Number(0.95, "a probability in (0.5, 1)", low=0.5, high=1).tag(sync=True)
    rows = Number(1.0, "a number > 0, times the evaluation rows that were measured", low=0).tag(sync=True)
    selected = TaskName().tag(sync=True)
    exchange_rate = Number(None, "None or a finite number > 0 (metric² per unit of cost)", low=0, allow_none=True).tag(
        sync=True
    )
    cost_per_step = Number(1.0, "a finite number > 0 (cost per step)", low=0).tag(sync=True)
    optimal_depths = traitlets.Dict(read_only=True)
    regimes = traitlets.Dict(read_only=True).tag(sync=True)
    reasons = traitlets.Dict(read_only=True).tag(sync=True)

    _grids = traitlets.Dict().tag(sync=True)  # slider positions
    _counts = traitlets.Dict().tag(sync=True)  # draws per regime, along both sliders from where they stand

    def __init__(
        self,
        fits: Mapping[str, DecayResults | FreshRun],
        *,
        budget: float | None = None,
        tolerance: float | None = None,
        rows: float = 1.0,
        confidence: float = 0.95,
        selected: str | None = None,
        exchange_rate: float | None = None,
        cost_per_step: float = 1.0,
        budget_range: tuple[float, float] | None = None,
        tolerance_range: tuple[float, float] | None = None,
        draws: int = 2000,
        rng: int | np.random.Generator | None = None,
        **options: object,
    ) -> None:
        if draws > _MOST_DRAWS:
            raise bad_argument("draws", draws, f"at most {_MOST_DRAWS} draws of each fit")
        self._take(fits, draws, rng, "Show each kind in a diagram of its own.")
        # One and the same fit under several names is drawn from once.
        different = {id(fit): fit for fit in self.fits.values()}
        self._measured = list(different.values())  # as given
        self.rows = rows
        self._different = [_on(fit, self.rows) for fit in self._measured]
        self._which = pd.Index(different).get_indexer([id(fit) for fit in self.fits.values()])

        depths = [fit.curve.depth for fit in self.fits.values()]
        if budget is None:
            budget = max(2.0, round3(float(np.median([d.max() for d in depths]))))
        self.budget = budget
        first = np.array([fit.known_from for fit in self.fits.values()])
        self._another = any(isinstance(fit, FreshResults) for fit in self.fits.values())
        if self._another and exchange_rate is not None:
            hint = "FreshRun.optimal chooses steps and seeds together."
            raise bad_argument("exchange_rate", exchange_rate, "None where the end of another run is asked for", hint)
        beyond = 1 if self._another else 32  # at its end a recipe is over
        widest = (max(2.0, float(first.max())), max(beyond * max(d.max() for d in depths), 2 * max(2.0, first.max())))
        reach = increasing_pair("budget_range", budget_range, "two increasing numbers > 1", 1) or widest
        self._tabulate((min(reach[0], self.budget), max(reach[1], self.budget)))
        if tolerance is None:
            at = np.array([self.budget])
            risks = np.array([np.median(sample.envelope(at)) for sample in self._samples])
            tolerance = round3(float(np.median(risks[self._which])))
        self.tolerance, self.confidence = tolerance, confidence
        self.exchange_rate, self.cost_per_step = exchange_rate, cost_per_step
        self.selected = selected
        around = (self.tolerance / 100, self.tolerance * 100)
        self._ranges: dict[str, tuple[float, float]] = {
            "budget": reach,
            "tolerance": increasing_pair("tolerance_range", tolerance_range, "two increasing numbers > 0") or around,
        }
        self._seeds = np.array([float(seeds_of(fit)) for fit in self.fits.values()])
        self._end = np.array([last_depth(fit) for fit in self.fits.values()])
        self._settle()
        self._refresh({"budget", "tolerance"})
        self.observe(lambda change: self._refresh({change["name"]}), names=["budget", "tolerance"])
        self.observe(lambda change: self._ask_of_rows(), names=["rows"])
        self.observe(lambda change: self._refresh(set()), names=["confidence"])
        self.observe(lambda change: self._price(), names=["exchange_rate", "cost_per_step"])
        super().__init__(**options)

    # -- what is computed ----------------------------------------------------------------------------------------

    def _tabulate(self, ends: tuple[float, float]) -> None:
        """Draw all fits, each with a table of its largest risk from each depth on."""
        self._tabulated = ends
        self._samples = [
            tabulate(fit, self._drawn["draws"], self._drawn["rng"], ends, keep=i < EXACT)
            for i, fit in enumerate(self._different)
        ]

    def _settle(self) -> None:
        """Numbers of the fits that neither budget nor tolerance changes."""
        placed = (np.column_stack([sample.lasting(), sample.params[:, 1:]]) for sample in self._samples)
        drawn = np.stack([np.quantile(values, _QUANTILES, axis=0) for values in placed], axis=1)
        low, middle, high = drawn[:, self._which]
        params = np.array([[fit.params[p] for p in PARAMETERS] for fit in self._different], dtype=float)
        self._estimates = params[self._which]
        first = np.array([float(fit.fitted.depth[0]) for fit in self._different])
        self._first = first[self._which]  # of the law
        rising, rejected = (np.array(v)[self._which] for v in zip(*map(_doubts, self._different), strict=True))
        fixed = {
            "estimates": self._estimates, "low": low, "middle": middle, "high": high, "first": self._first,
            "rising": rising, "rejected": rejected, "seeds": self._seeds, "end": self._end,
            "rows": _ROWS if any(_rows_of(fit) for fit in self._measured) else np.empty(0),
        }  # fmt: skip
        self._fixed = {name: to_bytes(values) for name, values in fixed.items()} | {"asked": self._words()}
        self._price()

    def _words(self) -> str:
        """What is asked, and what the axis of floors shows."""
        question = next(iter(self.fits.values())).question
        seeds = sorted({fit.seeds for fit in self.fits.values() if isinstance(fit, FreshResults)})
        read = f", after {' or '.join(map(str, seeds))} seeds were read at the budget" if seeds else ""
        return f"Asked: {QUESTIONS[question]}{read}. The floor: {FLOORS[question]}."

    def _ask_of_rows(self) -> None:
        """The same fits on evaluation sets of another size."""
        self._different = [_on(fit, self.rows) for fit in self._measured]
        self._tabulate(self._tabulated)
        with self.hold_sync():
            self._settle()
            self._grids = {}  # where the points stand is another
            self._refresh({"budget", "tolerance"})

    def _refresh(self, changed: set[str]) -> None:
        """Bring the regimes, and the counts that the browser needs, up to date after the traits in `changed` moved."""
        fitted = self._fit_sliders() if changed else False
        rule = phase.Decision(self.tolerance, self.budget)
        members = [rule.member(sample) for sample in self._samples]
        shares = np.array([member.mean(axis=0) for member in members])
        best = shares.argmax(axis=1)
        least = np.ones(len(shares))  # probability of the likeliest regime under the priors that are hardest on it
        said = []
        for i, (fit, sample, member) in enumerate(zip(self._different, self._samples, members, strict=True)):
            votes = member[:, best[i]]
            least[i] = min((1.0, *(sample.weights()[1:] @ votes)))
            regime = phase.regime_or_undetermined(shares[i], self.confidence)
            reason = ""
            if regime != phase.UNDETERMINED or phase.still_rising(fit, self.confidence):
                kept = sample.exact or fit.sample(**self._drawn)
                reason = phase.why_not(fit, kept, rule, votes, self.confidence)
            said.append((phase.UNDETERMINED if reason else regime, reason))
        self._probabilities = shares[self._which]
        if changed:
            # Moving one slider changes only what the *other* one would find along its way.
            moved = {"budget", "tolerance"} if fitted else changed
            counts = dict(self._counts)
            if "tolerance" in moved:
                along = [sample.by_budget(self.tolerance, self._positions["budget"]) for sample in self._samples]
                counts["by_budget"] = self._packed([a.sufficient for a in along])
                counts["least_by_budget"] = self._packed([a.least for a in along])
                crossing = [sample.median_crossing(self.tolerance) for sample in self._samples]
                self._crossing = np.array(crossing)[self._which]
                counts["crossing"] = to_bytes(self._crossing)
            if "budget" in moved:
                along = [sample.by_tolerance(self.budget, self._positions["tolerance"]) for sample in self._samples]
                counts["by_tolerance"] = self._packed([a.sufficient for a in along])
                counts["noise_by_tolerance"] = self._packed([a.noise for a in along])
                counts["least_by_tolerance"] = self._packed([a.least for a in along])
            n = len(self._samples[0].params)
            here = np.rint(self._probabilities * n).astype(np.uint16)
            counts |= {"here": here.tobytes(), "least": to_bytes(least[self._which]), "draws": n}
            # above the tolerance the rows alone make the noise, whatever the runs do
            alone = np.array([np.quantile(sample.left_by_rows, 1 - self.confidence) for sample in self._samples])
            counts["rows"] = to_bytes(alone[self._which])
            self._counts = counts | {"budget": self.budget, "tolerance": self.tolerance, "of_rows": self.rows}
        found = [said[i] for i in self._which]
        named = list(zip(self.task_names, found, strict=True))
        self._set_traits(
            regimes={name: regime for name, (regime, _) in named},
            reasons={name: reason for name, (_, reason) in named if reason},
        )

    def _packed(self, rows: list[NDArray[np.uint16]]) -> bytes:
        """Rows of the different fits as rows of the tasks."""
        return np.stack(rows)[self._which].tobytes()

    def _price(self) -> None:
        """Bring `optimal_depths` up to date."""
        if self.exchange_rate is None:
            self.set_trait("optimal_depths", {})
            return
        floor, scale, rate = self._estimates.T
        depths = paying_depth(
            floor, scale, rate, self._first, self.exchange_rate * self.cost_per_step * self._seeds, last=self._end
        )
        self.set_trait("optimal_depths", dict(zip(self.task_names, depths.tolist(), strict=True)))

    def _decay(self, budgets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Quantiles over draws of ``ln V_opt(B)``, shape (tasks, quantiles, len(budgets)): where the points stand."""

        def quantiles(sample: Tabulated) -> NDArray[np.float64]:
            left = sample.read(budgets) - sample.lasting()[:, None]
            return np.log(np.maximum(np.quantile(left, _QUANTILES, axis=0), _NOTHING))

        return np.stack([quantiles(sample) for sample in self._samples])[self._which]

    def _fit_sliders(self) -> bool:
        """Positions of the sliders, made anew where a value from Python lies beyond an end; whether they changed."""
        ranges = {}
        for name, (low, high) in self._ranges.items():
            value = getattr(self, name)
            ranges[name] = min(low, value), max(high, value)
        if self._grids and ranges == self._ranges:
            return False
        self._ranges = ranges
        (low, high), (drawn_low, drawn_high) = ranges["budget"], self._tabulated
        if low < drawn_low or high > drawn_high:
            self._tabulate(ranges["budget"])
        self._positions = {name: _grid(*ends) for name, ends in ranges.items()}
        # ln V_opt bends so gently in ln B that the browser can draw it through a few knots
        knots = np.geomspace(*ranges["budget"], _KNOTS if len(self._samples) <= _MANY else _FEW_KNOTS)
        grids = {name: to_bytes(places) for name, places in (self._positions | {"knots": knots}).items()}
        tolerances = self._positions["tolerance"]
        reach = np.stack([sample.median_crossings(tolerances) for sample in self._samples])[self._which]
        self._grids = grids | {
            "decay": self._decay(knots).astype("<f4").tobytes(), "crossing": reach.astype("<f4").tobytes()
        }  # fmt: skip
        return True

    def table(self) -> pd.DataFrame:
        """Tabulate the regimes now, as ``pl.classify`` gives them at the widget's budget, tolerance and confidence.

        Also at a budget before a task's first fitted depth, where nothing was seen to follow the law. With an exchange
        rate there is a column ``optimal_depth`` too.

        Returns
        -------
        DataFrame
        """
        now = (self._different[i] for i in self._which)
        table = phase.classify(
            dict(zip(self.task_names, now, strict=True)),
            tolerance=self.tolerance,
            budget=self.budget,
            confidence=self.confidence,
            extrapolate=True,
            **self._drawn,
        )
        return table.assign(optimal_depth=list(self.optimal_depths.values())) if self.optimal_depths else table

    def chart(self) -> Chart:
        """Static altair chart of the current state; names and intervals up to 50 tasks, points alone beyond.

        Returns
        -------
        altair chart
        """
        from predictlab import charts

        rule = phase.Decision(self.tolerance, self.budget)
        table = pd.DataFrame({"task": self.task_names, "regime": list(self.regimes.values())})
        table["scale"] = np.array([np.median(sample.params[:, 1]) for sample in self._samples])[self._which]
        places = [[*rule.plane(sample), sample.params[:, 2]] for sample in self._samples]
        ends = np.quantile(np.array(places), _QUANTILES, axis=2)[:, self._which]
        for i, name in enumerate(("x", "y", "alpha")):
            table[[f"{name}_lower", name, f"{name}_upper"]] = ends[:, :, i].T
        return charts.phase_planes(table, tolerance=self.tolerance, budget=self.budget, selected=self.selected)

    # -- how it is shown -----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return (
            f"PhaseDiagram({len(self.task_names)} tasks, budget={self.budget:g}, tolerance={self.tolerance:g}, "
            f"confidence={self.confidence:g}{'' if self.rows == 1 else f', rows={self.rows:g}'})"
        )

    def _summary(self) -> Summary:
        rows = []
        for i, p in enumerate(self._probabilities[:MAX_ROWS]):
            name = self.task_names[i]
            regime, reason = self.regimes[name], self.reasons.get(name, "")
            if regime == phase.UNDETERMINED:
                regime += f" (leans {phase.REGIMES[int(np.argmax(p))]}{'; ' + reason if reason else ''})"
            rows.append([name, regime, *(f"{v:.3f}" for v in p), rounded(self._crossing[i], infinite="never")])
            if self.optimal_depths:
                rows[-1].append(rounded(self.optimal_depths[name] or np.inf, infinite="does not pay"))
        state = (
            f"at budget B = {self.budget:g} steps, tolerance τ = {self.tolerance:.4g} metric², "
            f"confidence {self.confidence:g}. {self._words()}{self._first_of()}"
        )
        if self.rows != 1:
            times = "the population of rows" if self.rows >= _ALL else f"{self.rows:g} times the evaluation rows"
            state += f" On {times}."
        columns = ["task", "regime", "p static", "p dynamic", "p noise", "crossing budget (steps)"]
        if self.exchange_rate is not None:
            state += f" Exchange rate γ = {self.exchange_rate:.4g} metric² per unit of cost."
            columns.append("c* (steps)")
        return Summary("Phase diagram", state, columns, rows, words=2)


def _rows_of(fit: DecayResults) -> float | None:
    """Evaluation rows that were measured, of a fit that knows what they add."""
    return fit.measured_rows if isinstance(fit, PosteriorResults) else None


def _on(fit: DecayResults, times: float) -> DecayResults:
    """The fit on so many times its evaluation rows; itself where what they add is not known."""
    measured = _rows_of(fit)
    if measured is None or times == 1:
        return fit
    assert isinstance(fit, PosteriorResults)
    return fit.on_rows(np.inf if times >= _ALL else times * measured)


def _doubts(fit: DecayResults) -> tuple[float, float]:
    """Probability that the risk still rises at the last depth; 1 where the law is rejected."""
    if isinstance(fit, FreshResults):  # where runs ended, what comes after is not asked
        return 0.0 if fit.fresh.ended else fit.fresh.fit.rising, 0.0
    if not isinstance(fit, PosteriorResults):
        return 0.0, 0.0
    return fit.rising, float(fit.late_fit.p_value < phase.REJECTED)


def _grid(low: float, high: float) -> NDArray[np.float64]:
    inner = np.array([round3(v) for v in np.geomspace(low, high, _STEPS)[1:-1]])
    return np.unique(np.concatenate([[low], inner[(inner > low) & (inner < high)], [high]]))
