"""`RiskDecomposition`: the theory in the hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import traitlets
from numpy.typing import ArrayLike, NDArray

from predictlab.budget import best_depth, crossing_depth
from predictlab.decay import PARAMETERS, DecayResults, PosteriorResults, law
from predictlab.errors import bad_argument
from predictlab_widgets._arguments import Number, increasing_pair, paying_depth, round3
from predictlab_widgets._base import STATIC, Chart, Summary, Widget, to_bytes

_NUMBERS = (*PARAMETERS, "exchange_rate", "cost_per_step", "fixed_cost", "tolerance")
_SYMBOLS = ("L_int", "K", "α", "γ", "λ", "C_s", "τ")
_DEPTHS = (1.0, 1e5)


class RiskDecomposition(Widget):
    """Risk and total cost over depth, with a slider for each number of the law and of its price.

    Of a fit that knows what its evaluation rows add, the floor is split into the rows' part and that of the runs, and a
    line says what rows of unequal difficulty, which are in no spread, add to any one number against deployment.

    The risk ``L(c) = L_int + K c^-alpha`` is split into its floor and what probing can still resolve; with the price
    of probing on top, ``L(c) + gamma (C_s + lambda c)`` is a valley, and ``c*`` is at its bottom.

    Parameters
    ----------
    fit : DecayResults, optional
        Start from the law fitted to a task; while the law is the fit's, the page gives intervals of both depths.
    intrinsic_limit, scale : float, optional
        ``L_int`` >= 0 (metric²) and ``K`` >= 0 (metric²·steps^alpha).
    decay_rate : float, optional
        ``alpha`` > 0.
    exchange_rate : float, optional
        ``gamma`` > 0, metric² per unit of cost. Default for a fit: the one whose ``c*`` lies in the middle of the
        fitted depths (on a log scale); a place to start from, and no advice.
    cost_per_step, fixed_cost : float, optional
        ``lambda`` > 0, cost per step, and ``C_s`` >= 0, cost.
    tolerance : float, optional
        ``tau`` > 0, metric². Default for a fit: its risk at the last fitted depth.
    depths : pair of float, optional
        Ends of the depth axis, steps. The first is also where the law begins: the risk there stands for deciding
        without a probe, as in ``pl.optimal_depth``. Default: 1 to 100,000; for a fit, from its first fitted depth to
        32 times its last.
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
        The risk without a probe: ``L`` at the first depth.
    probing_pays : bool
        Whether the total at ``c*`` (at the first depth, when ``c*`` lies before it) is below `static_risk`.

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
    _title = traitlets.Unicode().tag(sync=True)
    _metric = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        fit: DecayResults | None = None,
        *,
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
        if fit is not None and not isinstance(fit, DecayResults):
            raise bad_argument("fit", fit, "the DecayResults of one task", "Pick one: RiskDecomposition(fits['name']).")
        values = (intrinsic_limit, scale, decay_rate, exchange_rate, cost_per_step, fixed_cost, tolerance)
        given = {name: value for name, value in zip(_NUMBERS, values, strict=True) if value is not None}
        ends = increasing_pair("depths", depths, "(first, last) with 0 < first < last (steps)")
        for name, value in given.items():
            setattr(self, name, value)  # a bad value is refused before anything is computed from it
        if fit is not None:
            ends = ends or (float(fit.fitted.depth[0]), 32 * float(fit.fitted.depth[-1]))
            for name, value in (_from_fit(fit, self.cost_per_step, given) | given).items():
                setattr(self, name, value)
            self._title, self._metric = fit.task, fit.curve.metric or ""
            if not set(PARAMETERS) & set(given):
                self._draws = to_bytes(fit.draws(draws, rng=rng))
                self._parts = _parts_of_rows(fit)
        ends = ends or _DEPTHS
        self._depths, self._first = list(ends), ends[0]
        self._start = {name: getattr(self, name) for name in _NUMBERS}
        self._ranges = {name: self._range(name) for name in _NUMBERS}
        self._refresh()
        self.observe(lambda change: self._refresh(), names=list(_NUMBERS))
        super().__init__(**options)

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
        depth = float(best_depth(self.scale, self.decay_rate, self.exchange_rate * self.cost_per_step))
        risk, cost = self.risk_at(depth), self.fixed_cost + self.cost_per_step * depth
        self._set_traits(
            optimal_depth=depth,
            reducible=risk - self.intrinsic_limit,
            risk=risk,
            cost=cost,
            total=risk + self.exchange_rate * cost,
            tolerance_depth=float(crossing_depth(*self._law(), self.tolerance)),
            static_risk=self.risk_at(self._first),
            probing_pays=bool(self._paying_depth(*self._law()) > 0),
        )

    def _law(self) -> tuple[float, float, float]:
        return self.intrinsic_limit, self.scale, self.decay_rate

    def _paying_depth(self, floor: ArrayLike, scale: ArrayLike, rate: ArrayLike) -> NDArray[np.float64]:
        price, fixed = self.exchange_rate * self.cost_per_step, self.exchange_rate * self.fixed_cost
        return paying_depth(floor, scale, rate, self._first, price, fixed)

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
        if not self._draws or any(getattr(self, name) != self._start[name] for name in PARAMETERS):
            return pd.DataFrame(columns=columns, dtype=float)
        floor, scale, rate = np.frombuffer(self._draws, dtype="<f8").reshape(-1, 3).T
        ends = [(1 - confidence) / 2, (1 + confidence) / 2]
        # whole draws of the second: between a depth and infinity nothing can be interpolated
        reach = np.quantile(crossing_depth(floor, scale, rate, self.tolerance), ends, method="nearest")
        table = {"optimal_depth": np.quantile(self._paying_depth(floor, scale, rate), ends), "tolerance_depth": reach}
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
        return charts.risk_decomposition_chart(self._law(), **numbers, depths=(first, last), metric=self._metric)

    # -- how it is shown -----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={getattr(self, name):.4g}" for name in _NUMBERS)
        return f"RiskDecomposition({self._title + ': ' if self._title else ''}{numbers})"

    def _summary(self) -> Summary:
        rows = []
        places = (
            ("without a probe", self._first, False),
            ("least total, c*", self.optimal_depth, True),
            ("tolerance met, c_τ", self.tolerance_depth, True),
        )
        for name, depth, paid in places:
            risk = self.risk_at(depth)
            cost = self.fixed_cost + self.cost_per_step * depth if paid else 0.0
            price = self.exchange_rate * cost
            numbers = (depth, self.intrinsic_limit, risk - self.intrinsic_limit, risk, cost, price, risk + price)
            shown = [f"{v:.4g}" for v in numbers] if np.isfinite(depth) else ["never", *["–"] * 6]
            rows.append([name, *shown])
        of = f"of {self._title} " if self._title else ""
        at = ", ".join(f"{symbol} = {getattr(self, name):.4g}" for symbol, name in zip(_SYMBOLS, _NUMBERS, strict=True))
        state = f"{of}at {at}: probing {'pays' if self.probing_pays else 'does not pay'}."
        if self._parts and all(getattr(self, name) == self._start[name] for name in PARAMETERS):
            state += f" {self._parts['words']}"
        columns = (
            "", "depth c (steps)", "floor L_int", "reducible V_opt", "risk L", "cost C", "price γC", "total L + γC",
        )  # fmt: skip
        return Summary("Risk decomposition", state, columns, rows)


def _parts_of_rows(fit: DecayResults) -> dict[str, float | str]:
    """Share of the floor that is the evaluation rows, and what is to be said of them; empty where it is not known."""
    sample = fit.sample(2000)
    parts = fit.curve.parts
    if not isinstance(fit, PosteriorResults) or fit.measured_rows is None or not hasattr(sample, "lasting_of_rows"):
        return {}
    of_rows, floor = sample.lasting_of_rows(), sample.lasting()
    share = float(np.median(of_rows / np.maximum(floor, 1e-300)))
    low, high = np.quantile(of_rows / np.maximum(floor, 1e-300), [0.025, 0.975])
    wanted = fit.measured_rows if fit.model.rows is None else float(fit.model.rows)
    on = "the population of rows" if np.isinf(wanted) else f"this set of {wanted:,.0f} rows"
    words = f"Of the floor {share:.0%} [{low:.0%}, {high:.0%}] is {on}: which run gets which row right."
    if parts is not None and np.isfinite(wanted):
        shared = max(parts[-1].row, 0.0) / wanted
        words += (
            f" Rows of unequal difficulty add {shared:.2g} metric² more between any number on them and deployment, the "
            "same for all seeds: it is in no spread."
        )
    return {"share": share, "words": words}


def _from_fit(fit: DecayResults, cost_per_step: float, given: dict[str, float]) -> dict[str, float]:
    """The law of a fit, and a price and a tolerance that put both depths among the fitted ones."""
    fitted_law = {name: float(fit.params[name]) for name in PARAMETERS}
    if not fitted_law["scale"] > 0:
        fitted_law["decay_rate"] = 1.0  # nothing decays: any rate says the same
    floor, k, a = (given.get(name, value) for name, value in fitted_law.items())
    fitted = fit.fitted.depth
    middle = np.sqrt(fitted[0] * fitted[-1])
    risk = float(law(middle, floor, k, a))
    slope = a * (risk - floor) / middle if risk > floor else risk / middle
    tolerance = float(law(fitted[-1], floor, k, a))
    return fitted_law | {"exchange_rate": round3(slope / cost_per_step), "tolerance": round3(tolerance)}
