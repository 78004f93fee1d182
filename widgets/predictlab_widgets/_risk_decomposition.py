"""`RiskDecomposition`: the theory in the hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import traitlets
from numpy.typing import ArrayLike, NDArray

import predictlab as pl
from predictlab.budget import FreshRun, best_depth, crossing_depth, last_depth
from predictlab.decay import PARAMETERS, DecayResults, law
from predictlab.errors import bad_argument
from predictlab_widgets._arguments import Number, Setting, increasing_pair, paying_depth
from predictlab_widgets._base import STATIC, Chart, Summary, Widget, to_bytes
from predictlab_widgets._risk_fits import by_question, numbers_of, parts_of_rows, reach_of, words_of

_NUMBERS = (*PARAMETERS, "exchange_rate", "cost_per_step", "fixed_cost", "tolerance")
_SYMBOLS = ("L_int", "K", "α", "γ", "λ", "C_s", "τ")
_DEPTHS = (1.0, 1e5)
_TOLERANCES = 61  # at which the page knows c_tau of the fit; between them it is read in logarithms


class RiskDecomposition(Widget):
    """Risk and total cost over depth, with a slider for each number of the law and of its price.

    What is asked comes first: what is known, what is predicted, and what the risk is without a probe. Of `agreement`
    that has no meaning, and the first depth stands in its place, a short probe; of `this_run` it is ``Var(R)``, of
    `fresh_run` that of the mean of the runs that ended, or of the forecast that was given (docs/questions.md). With the
    fits of several questions about one task there is a choice between them.

    Of a fit that knows what its evaluation rows add, the floor is split into the rows' part and that of the runs, and a
    line says what rows of unequal difficulty, which are in no spread, add to any one number against deployment.

    The risk ``L(c) = L_int + K c^-alpha`` is split into its floor and what probing can still resolve; with the price
    of probing on top, ``L(c) + gamma (C_s + lambda c)`` is a valley, and ``c*`` is at its bottom.

    Parameters
    ----------
    fit : DecayResults or FreshRun, or an iterable or mapping of them, optional
        Start from the law fitted to a task; while the law is the fit's, the page gives intervals of both depths, and
        ``c_tau`` is that of ``pl.depth_for_tolerance``. Several: of one task and metric, each of another question.
    question : str, optional
        Of several, the one that is shown at first; default the first.
    intrinsic_limit, scale : float, optional
        ``L_int`` >= 0 (metric²) and ``K`` >= 0 (metric²·steps^alpha).
    decay_rate : float, optional
        ``alpha`` > 0.
    exchange_rate : float, optional
        ``gamma`` > 0, metric² per unit of cost. Default for a fit: the one whose ``c*`` lies in the middle of the
        fitted depths (on a log scale); a place to start from, and no advice.
    cost_per_step, fixed_cost : float, optional
        ``lambda`` > 0, cost per step of all seeds that take it, and ``C_s`` >= 0, cost. Default for a fit: as many as
        ``pl.optimal_depth`` pays for, of an `agreement` the runs of its curve; else 1.
    tolerance : float, optional
        ``tau`` > 0, metric². Default for a fit: its risk at the last fitted depth.
    depths : pair of float, optional
        Ends of the depth axis, steps. The first is also where the law begins: where nothing is known of a risk without
        a probe, the one there is compared with, as in ``pl.optimal_depth``. Default: 1 to 100,000; for a fit, from its
        first fitted depth to 32 times its last.
    draws : int
        Number of draws of the fit.
    rng : int, numpy.random.Generator or None
        Where the draws come from; None: a fresh generator of seed 0.
    **options
        ``layout``, as every ipywidget takes it; any other is refused, with the known ones.

    Attributes
    ----------
    intrinsic_limit, scale, decay_rate, exchange_rate, cost_per_step, fixed_cost, tolerance
        Traits that can be read, set and observed; the page follows, and the sliders set them.
    optimal_depth : float
        ``c*``, steps; 0 when nothing decays. Read-only, like all that follow.
    reducible, risk, cost, total : float
        ``V_opt``, ``L``, ``C`` and ``L + gamma C`` at ``c*``.
    tolerance_depth : float
        ``c_tau``, steps; inf when the floor is at or above the tolerance.
    static_risk : float
        What `total` is compared with: the risk without a probe, where the question has one, else ``L`` at the first
        depth.
    probing_pays : bool
        Whether the total at ``c*`` (at the first depth, when ``c*`` lies before it) is below `static_risk`.
    question : str
        What is asked, of a fit; can be set to another of those that were given.

    Raises
    ------
    predictlab.errors.ArgumentError
        A bad value or an unknown keyword.

    Examples
    --------
    >>> from predictlab_widgets import RiskDecomposition
    >>> theory = RiskDecomposition(intrinsic_limit=1e-4, scale=0.02, decay_rate=1, exchange_rate=2e-6)
    >>> round(theory.optimal_depth), theory.probing_pays
    (100, True)
    >>> theory.exchange_rate = 8e-6
    >>> round(theory.optimal_depth)
    50
    """

    _esm = STATIC / "risk_decomposition.js"
    _css = STATIC / "risk_decomposition.css"

    intrinsic_limit = Number(1e-4, "a finite number >= 0 (metric²)", low=0, closed=True).tag(sync=True)
    scale = Number(0.01, "a finite number >= 0 (metric²·steps^alpha)", low=0, closed=True).tag(sync=True)
    decay_rate = Number(1.0, "a finite number > 0", low=0).tag(sync=True)
    exchange_rate = Number(1e-6, "a finite number > 0 (metric² per unit of cost)", low=0).tag(sync=True)
    cost_per_step = Number(1.0, "a finite number > 0 (cost per step)", low=0).tag(sync=True)
    fixed_cost = Number(0.0, "a finite number >= 0 (cost)", low=0, closed=True).tag(sync=True)
    tolerance = Number(3e-4, "a finite number > 0 (metric²)", low=0).tag(sync=True)
    question = Setting().tag(sync=True)

    optimal_depth = traitlets.Float(read_only=True)
    reducible = traitlets.Float(read_only=True)
    risk = traitlets.Float(read_only=True)
    cost = traitlets.Float(read_only=True)
    total = traitlets.Float(read_only=True)
    tolerance_depth = traitlets.Float(read_only=True)
    static_risk = traitlets.Float(read_only=True)
    probing_pays = traitlets.Bool(read_only=True)

    _first = traitlets.Float().tag(sync=True)
    _depths = traitlets.List(traitlets.Float()).tag(sync=True)
    _start = traitlets.Dict().tag(sync=True)  # where the sliders stood at first
    _ranges = traitlets.Dict().tag(sync=True)
    _parts = traitlets.Dict().tag(sync=True)  # of the fit: what its evaluation rows are of the floor, and beside it
    _draws = traitlets.Bytes().tag(sync=True)  # of the fit: rows of intrinsic limit, scale, decay rate
    _asked = traitlets.Dict().tag(sync=True)  # words of the question, the risk without a probe, the recipe's end
    _questions = traitlets.List(traitlets.Unicode()).tag(sync=True)  # those there are fits of
    _reach = traitlets.Dict().tag(sync=True)  # of the fit: c_tau with its interval, at tolerances along the slider
    _now = traitlets.Dict().tag(sync=True)  # the same at the tolerance of the moment
    _title = traitlets.Unicode().tag(sync=True)
    _metric = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        fit: DecayResults
        | FreshRun
        | Iterable[DecayResults | FreshRun]
        | Mapping[str, DecayResults | FreshRun]
        | None = None,
        *,
        question: str | None = None,
        intrinsic_limit: float | None = None,
        scale: float | None = None,
        decay_rate: float | None = None,
        exchange_rate: float | None = None,
        cost_per_step: float | None = None,
        fixed_cost: float | None = None,
        tolerance: float | None = None,
        depths: tuple[float, float] | None = None,
        draws: int = 2000,
        rng: int | np.random.Generator | None = None,
        **options: object,
    ) -> None:
        self._fits = by_question(fit)
        values = (intrinsic_limit, scale, decay_rate, exchange_rate, cost_per_step, fixed_cost, tolerance)
        self._given = {name: value for name, value in zip(_NUMBERS, values, strict=True) if value is not None}
        self._ends = increasing_pair("depths", depths, "(first, last) with 0 < first < last (steps)")
        seed = int(rng.integers(2**31)) if isinstance(rng, np.random.Generator) else rng
        self._drawing: dict[str, Any] = {"draws": draws, "rng": seed}
        for name, value in self._given.items():
            setattr(self, name, value)  # a bad value is refused before anything is computed from it
        self._questions = list(self._fits)
        self.question = self._load(next(iter(self._fits), "") if question is None else question)
        self._refresh()
        self.observe(lambda change: self._refresh(), names=list(_NUMBERS))
        self.observe(lambda change: self._ask(), names=["question"])
        super().__init__(**options)

    def _checked(self, name: str, value: Any) -> str:
        """The trait `question`: one that there is a fit of; "" where there is none."""
        if value not in (self._fits or ("",)):
            expected = f"one of those that were given: {', '.join(map(repr, self._fits)) or 'none'}"
            raise bad_argument(name, value, expected)
        return str(value)

    def _ask(self) -> None:
        """Another question: its fit's numbers, and all that belongs to them."""
        with self.hold_sync(), self.hold_trait_notifications():
            self._load(self.question)
        self._refresh()

    def _load(self, question: str) -> str:
        """Put the numbers of the fit of a question in place, or those of no fit."""
        self._checked("question", question)
        fit, given, ends = self._fits.get(question), self._given, self._ends or _DEPTHS
        self._fit, self._draws, self._parts, self._title, self._metric = None, b"", {}, "", ""
        if fit is not None:
            ends = self._ends or (float(fit.fitted.depth[0]), 32 * float(fit.fitted.depth[-1]))
            if fit.question != "agreement" and np.isfinite(last_depth(fit)):  # at its end a recipe is over
                ends = self._ends or (ends[0], max(last_depth(fit), 2 * ends[0]))
            for name, value in (numbers_of(fit, given) | given).items():
                setattr(self, name, value)
            self._title, self._metric = fit.task, fit.curve.metric or ""
            if not set(PARAMETERS) & set(given):
                self._fit = fit
                self._draws = to_bytes(fit.sample(**self._drawing).params)
                self._parts = parts_of_rows(fit)
        self._depths, self._first = list(ends), ends[0]
        self._asked = words_of(fit, ends[0])
        self._start = {name: getattr(self, name) for name in _NUMBERS}
        self._ranges = {name: self._range(name) for name in _NUMBERS}
        self._reach = {}
        if self._fit is not None:
            ends = self._ranges["tolerance"]
            grid = np.geomspace(ends["low"], ends["high"], _TOLERANCES)
            reach = np.array([reach_of(self._fit, float(tau), self._drawing) for tau in grid])
            self._reach = {"tolerance": to_bytes(grid), "depths": to_bytes(reach)}
        return question

    # -- what is computed ----------------------------------------------------------------------------------------

    def risk_at(self, depth: float) -> float:
        """``L(c)``, metric².

        Parameters
        ----------
        depth : float
            Steps.

        Returns
        -------
        float
        """
        return float(law(depth, *self._law()))

    def total_at(self, depth: float) -> float:
        """``L(c) + gamma C(c)``, metric².

        Parameters
        ----------
        depth : float
            Steps.

        Returns
        -------
        float
        """
        return self.risk_at(depth) + self.exchange_rate * (self.fixed_cost + self.cost_per_step * depth)

    def _refresh(self) -> None:
        price = self.exchange_rate * self.cost_per_step
        depth = min(float(best_depth(self.scale, self.decay_rate, price)), self._last)
        risk, cost = self.risk_at(depth), self.fixed_cost + self.cost_per_step * depth
        # c_tau of the fit with its interval around, while the law is the fit's
        fit = self._fit if self._as_fitted else None
        reach = None if fit is None else reach_of(fit, self.tolerance, self._drawing)
        self._set_traits(
            optimal_depth=depth,
            reducible=risk - self.intrinsic_limit,
            risk=risk,
            cost=cost,
            total=risk + self.exchange_rate * cost,
            tolerance_depth=float(crossing_depth(*self._law(), self.tolerance)) if reach is None else reach[1],
            static_risk=self._without(),
            probing_pays=bool(self._paying_depth(*self._law()) > 0),
        )
        self._now = {} if reach is None else {"tolerance": self.tolerance, "depths": to_bytes(np.array(reach))}

    @property
    def _as_fitted(self) -> bool:
        return all(getattr(self, name) == self._start[name] for name in PARAMETERS)

    def _without(self) -> float:
        known = self._asked["static_risk"]
        return self.risk_at(self._first) if known is None else float(known)

    @property
    def _last(self) -> float:
        """The end of the recipe, steps; inf where there is none."""
        last = self._asked["last"]
        return np.inf if last is None else float(last)

    def _law(self) -> tuple[float, float, float]:
        return self.intrinsic_limit, self.scale, self.decay_rate

    def _paying_depth(self, floor: ArrayLike, scale: ArrayLike, rate: ArrayLike) -> NDArray[np.float64]:
        price, fixed = self.exchange_rate * self.cost_per_step, self.exchange_rate * self.fixed_cost
        known = self._asked["static_risk"]
        return paying_depth(floor, scale, rate, self._first, price, fixed, last=self._last, static=known)

    def conf_int(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """Compute intervals of both depths, as ``pl.optimal_depth`` and ``pl.depth_for_tolerance`` do from draws.

        Parameters
        ----------
        confidence : float
            Level in (0, 1).

        Returns
        -------
        DataFrame
            ``lower`` and ``upper`` (steps) of ``optimal_depth`` (0 where probing does not pay) and
            ``tolerance_depth``. No rows when there is no fit, or the law is not the fit's any more.
        """
        if not 0 < confidence < 1:
            raise bad_argument("confidence", confidence, "a confidence level in (0, 1), such as 0.95")
        columns = ["lower", "upper"]
        if self._fit is None or not self._as_fitted:
            return pd.DataFrame(columns=columns, dtype=float)
        floor, scale, rate = np.frombuffer(self._draws, dtype="<f8").reshape(-1, 3).T
        tail = (1 - confidence) / 2
        best = np.quantile(self._paying_depth(floor, scale, rate), [tail, 1 - tail])
        reach = pl.depth_for_tolerance(self._fit, self.tolerance, **self._drawing).conf_int(confidence)
        table = {"optimal_depth": best, "tolerance_depth": reach.loc["depth"].tolist()}
        return pd.DataFrame.from_dict(table, orient="index", columns=columns)

    def _range(self, name: str) -> dict[str, float | bool]:
        """Slider of a number: two factors of ten to either side of where it starts; the page widens it if need be."""
        value = self._start[name]
        if name == "decay_rate":
            return {"low": 0.05, "high": max(4.0, np.ceil(1.5 * value)), "zero": False, "step": 0.05}
        if value == 0:
            middle = float(np.sqrt(self._depths[0] * self._depths[1]))
            value = {
                "intrinsic_limit": self.tolerance,
                "scale": self.tolerance * self._first**self.decay_rate,
                "fixed_cost": self.cost_per_step * middle,
            }[name]
        return {
            "low": value / 100, "high": value * 100,
            "zero": name in ("intrinsic_limit", "scale", "fixed_cost"), "step": 0,
        }  # fmt: skip

    def chart(self) -> Chart:
        """Static altair chart of the current state.

        Returns
        -------
        altair chart
        """
        from predictlab import charts

        numbers = {name: getattr(self, name) for name in _NUMBERS[3:]}
        first, last = self._depths
        return charts.risk_decomposition_chart(
            self._law(), **numbers, depths=(first, last), metric=self._metric, tolerance_depth=self.tolerance_depth,
            static_risk=self._asked["static_risk"], static_name=self._asked["without"], recipe_end=self._asked["last"],
        )  # fmt: skip

    # -- how it is shown -----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={getattr(self, name):.4g}" for name in _NUMBERS)
        return f"RiskDecomposition({self._title + ': ' if self._title else ''}{numbers})"

    def _summary(self) -> Summary:
        rows = []
        places = (
            (self._asked["without"], self._first, False),
            ("least total, c*" if self.probing_pays else "best depth, c*", self.optimal_depth, True),
            ("tolerance met, c_τ", self.tolerance_depth, True),
        )
        for name, depth, paid in places:
            risk = self.risk_at(depth) if paid else self.static_risk
            cost = self.fixed_cost + self.cost_per_step * depth if paid else 0.0
            price = self.exchange_rate * cost
            shown_depth = 0.0 if not paid and self._asked["static_risk"] is not None else depth
            numbers = (shown_depth, self.intrinsic_limit, risk - self.intrinsic_limit, risk, cost, price, risk + price)
            shown = [f"{v:.4g}" for v in numbers] if np.isfinite(depth) else ["never", *["–"] * 6]
            rows.append([name, *shown])
        of = f"of {self._title} " if self._title else ""
        at = ", ".join(f"{symbol} = {getattr(self, name):.4g}" for symbol, name in zip(_SYMBOLS, _NUMBERS, strict=True))
        asked = f"asked: {self._asked['question']}; " if self.question else ""
        state = f"{of}{asked}at {at}: probing {'pays' if self.probing_pays else 'does not pay'}."
        if self._parts and self._as_fitted:
            state += f" {self._parts['words']}"
        columns = (
            "", "depth c (steps)", "floor L_int", "reducible V_opt", "risk L", "cost C", "price γC", "total L + γC",
        )  # fmt: skip
        return Summary("Risk decomposition", state, columns, rows)
