"""How much probing is worth paying for: optimal depth, depth for a tolerance, allocation, frontier (THEORY 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from predictlab.decay.likelihood import mean
from predictlab.decay.results import DecayResults
from predictlab.errors import bad_argument

Array = NDArray[np.float64]


def positive(name: str, value: float, unit: str = "") -> float:
    """`value` as a float, if it is a finite number > 0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise bad_argument(name, value, f"a finite number > 0{unit}")
    return number


def optimal_depth_of(scale: ArrayLike, decay_rate: ArrayLike, price: float) -> Array:
    """``c* = (alpha K / price)^(1/(alpha+1))`` for a price ``gamma lambda`` of a step; 0 where nothing decays."""
    k, a = np.asarray(scale, dtype=float), np.asarray(decay_rate, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.exp((np.log(a) + np.log(k) - np.log(price)) / (a + 1))
    return np.where(k > 0, depth, 0.0)


def tolerance_depth_of(intrinsic_limit: ArrayLike, scale: ArrayLike, decay_rate: ArrayLike, tolerance: float) -> Array:
    """``c_tau = (K / (tau - L_int))^(1/alpha)``; inf where ``L_int >= tau``, 0 where nothing decays below it."""
    floor = np.asarray(intrinsic_limit, dtype=float)
    k, a = np.asarray(scale, dtype=float), np.asarray(decay_rate, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        depth = np.exp((np.log(k) - np.log(tolerance - floor)) / a)
    return np.where(floor >= tolerance, np.inf, np.where(k > 0, depth, 0.0))


@dataclass(frozen=True)
class OptimalDepth:
    """The probing depth at which risk plus priced cost is least.

    Attributes
    ----------
    depth : float
        ``c*``, steps, within `bounds`; 0 when probing does not pay.
    risk, cost, total : float
        ``L(c*)`` (metric²), ``C(c*)``, and ``L + gamma C``.
    probing_pays : bool
        Whether `total` is below the risk of deciding without a probe.
    static_risk : float
        The risk without a probe that it was compared with.
    elasticity : float
        Relative change of ``c*`` per relative change of ``gamma`` or ``lambda``: ``-1/(alpha+1)``.
    """

    depth: float
    risk: float
    cost: float
    total: float
    probing_pays: bool
    static_risk: float
    elasticity: float
    draws: Array

    def conf_int(self, alpha: float = 0.05) -> tuple[float, float]:
        """Interval of the depth at level ``1 - alpha``: quantiles over draws of the fit."""
        if not 0 < alpha < 1:
            raise bad_argument("alpha", alpha, "one minus the confidence level, in (0, 1)")
        lower, upper = np.quantile(self.draws, [alpha / 2, 1 - alpha / 2])
        return float(lower), float(upper)

    def _repr_html_(self) -> str:
        lower, upper = self.conf_int()
        verdict = "probing pays" if self.probing_pays else "probing does not pay"
        return (
            f"<b>c* = {self.depth:.3g} steps</b> (95 %: {lower:.3g} to {upper:.3g}); {verdict}: "
            f"total {self.total:.3g} against {self.static_risk:.3g} without a probe"
        )


def optimal_depth(
    fit: DecayResults,
    exchange_rate: float,
    cost_per_step: float = 1.0,
    fixed_cost: float = 0.0,
    bounds: tuple[float, float] | None = None,
    static_risk: float | None = None,
) -> OptimalDepth:
    """Depth that minimises ``L(c) + gamma (C_s + lambda c)``.

    Parameters
    ----------
    fit : DecayResults
    exchange_rate : float
        ``gamma`` > 0, metric² per unit of cost.
    cost_per_step : float
        ``lambda`` > 0, cost per step.
    fixed_cost : float
        ``C_s`` >= 0, paid once for probing at all.
    bounds : (float, float), optional
        Depths that exist; the result is clamped to them. Default: from the first fitted depth up, since the law says
        nothing before it.
    static_risk : float, optional
        ``L(0)``, the risk of deciding without a probe. Default: the fitted risk at the first fitted depth, a lower
        bound of it, so that probing is never recommended on an extrapolation towards depth 0.

    Returns
    -------
    OptimalDepth

    Notes
    -----
    Source: Luo, Wang, Tang (2026), Thm. 6.1.
    """
    gamma = positive("exchange_rate", exchange_rate, " (metric² per unit of cost)")
    step = positive("cost_per_step", cost_per_step, " (cost per step)")
    if not (np.isfinite(fixed_cost) and fixed_cost >= 0):
        raise bad_argument("fixed_cost", fixed_cost, "a finite cost >= 0")
    first = float(np.asarray(fit.fitted.depth)[0])
    low, high = bounds if bounds is not None else (first, np.inf)
    if not 0 < low <= high:
        raise bad_argument("bounds", bounds, "(lowest, highest) depth with 0 < lowest <= highest (steps)")
    l_int, k, a = (float(v) for v in fit.params)
    static = float(fit.predict(first)[0]) if static_risk is None else positive("static_risk", static_risk, " (metric²)")
    depth = float(np.clip(optimal_depth_of(k, a, gamma * step), low, high))
    risk = float(mean(np.asarray(depth), l_int, k, a))
    cost = fixed_cost + step * depth
    pays = risk + gamma * cost < static
    sample = fit.draws()
    draws = np.clip(optimal_depth_of(sample["scale"], sample["decay_rate"], gamma * step), low, high)
    at = mean(draws, sample["intrinsic_limit"], sample["scale"], sample["decay_rate"])
    base = mean(np.asarray(first), sample["intrinsic_limit"], sample["scale"], sample["decay_rate"])
    draws = np.where(at + gamma * (fixed_cost + step * draws) < (base if static_risk is None else static), draws, 0.0)
    if not pays:
        depth, risk, cost = 0.0, static, 0.0
    elasticity = -1 / (a + 1) if k > 0 else 0.0
    return OptimalDepth(depth, risk, cost, risk + gamma * cost, bool(pays), static, elasticity, draws)


@dataclass(frozen=True)
class ToleranceDepth:
    """Depth at which the risk meets a tolerance; inf when the floor is above it."""

    depth: float
    tolerance: float
    draws: Array

    @property
    def reachable(self) -> float:
        """Share of the fit's draws in which the tolerance is met at some depth."""
        return float(np.mean(np.isfinite(self.draws)))

    def conf_int(self, alpha: float = 0.05) -> tuple[float, float]:
        """Interval of the depth at level ``1 - alpha``; its end is inf where the draws' is."""
        if not 0 < alpha < 1:
            raise bad_argument("alpha", alpha, "one minus the confidence level, in (0, 1)")
        ordered = np.sort(self.draws)
        last = len(ordered) - 1
        return float(ordered[round(last * alpha / 2)]), float(ordered[round(last * (1 - alpha / 2))])

    def __float__(self) -> float:
        return self.depth


def depth_for_tolerance(fit: DecayResults, tolerance: float) -> ToleranceDepth:
    """``c_tau``, the depth at which the fitted risk falls to `tolerance` (metric²).

    Parameters
    ----------
    fit : DecayResults
    tolerance : float
        ``tau`` > 0, metric²; for a decision margin `m` at 95 % it is ``(m / 1.96)²``.
    """
    tau = positive("tolerance", tolerance, " (metric²)")
    sample = fit.draws()
    draws = tolerance_depth_of(sample["intrinsic_limit"], sample["scale"], sample["decay_rate"], tau)
    l_int, k, a = (float(v) for v in fit.params)
    return ToleranceDepth(float(tolerance_depth_of(l_int, k, a, tau)), tau, draws)


def checked_fits(fits: Mapping[str, DecayResults]) -> dict[str, DecayResults]:
    """`fits` as a plain dict, or an error that says what was expected."""
    if isinstance(fits, DecayResults):
        return {fits.task or "task": fits}
    if not isinstance(fits, Mapping) or not fits:
        raise bad_argument("fits", fits, "a mapping {task name: DecayResults} with at least one task")
    for name, fit in fits.items():
        if not isinstance(fit, DecayResults):
            raise bad_argument(f"fits[{name!r}]", fit, "a DecayResults", "Fit it with pl.DecayModel(curve).fit().")
    return dict(fits)


def _per_task(name: str, value: Mapping[str, float] | Sequence[float] | float | None, tasks: list[str]) -> Array:
    if value is None:
        return np.ones(len(tasks))
    if isinstance(value, Mapping):
        missing = [t for t in tasks if t not in value]
        if missing:
            raise bad_argument(name, value, f"a value for every task; {missing[0]!r} is missing")
        value = [value[t] for t in tasks]
    array = np.asarray(value, dtype=float)
    if array.ndim > 1 or array.size not in (1, len(tasks)):
        raise bad_argument(name, value, f"one number, or one for each of the {len(tasks)} tasks")
    array = np.broadcast_to(array, (len(tasks),))
    if not np.all(np.isfinite(array)) or np.any(array <= 0):
        raise bad_argument(name, value, "numbers > 0")
    return array


def _allocation(
    k: Array, a: Array, weight: Array, step: Array, low: Array, high: Array, budget: float
) -> tuple[Array, float]:
    """Depths (t,) that minimise ``sum w K c^-alpha`` within the budget, and the multiplier; closed form at each mu."""

    # what does not decay is worth no more than its lowest depth, however large the budget
    high = np.where(k > 0, high, low)
    with np.errstate(divide="ignore"):
        log_value = np.log(weight * a) + np.log(k) - np.log(step)

    def depths(log_mu: float) -> Array:
        with np.errstate(over="ignore"):
            return np.clip(np.exp((log_value - log_mu) / (a + 1)), low, high)

    if np.sum(step * high) <= budget:
        return high, 0.0
    # below the lowest marginal value nothing is affordable to add, above the highest nothing is bought
    live = k > 0
    top = np.max(log_value[live] - (a[live] + 1) * np.log(low[live])) + 1e-9
    bottom = np.min(log_value[live] - (a[live] + 1) * np.log(np.minimum(high[live], budget / step[live]))) - 1.0
    log_mu = brentq(lambda z: float(np.sum(step * depths(z)) - budget), bottom, top, xtol=1e-12)
    return depths(log_mu), float(np.exp(log_mu))


def _problem(
    fits: Mapping[str, DecayResults],
    weights: Mapping[str, float] | Sequence[float] | None,
    cost_per_step: Mapping[str, float] | Sequence[float] | float,
    bounds: tuple[float, float] | None,
) -> tuple[list[str], Array, tuple[Array, Array, Array, Array, Array, Array]]:
    checked = checked_fits(fits)
    tasks = list(checked)
    params = np.array([fit.params.to_numpy() for fit in checked.values()], dtype=float)
    first = np.array([np.asarray(fit.fitted.depth)[0] for fit in checked.values()])
    low, high = (first, np.full(len(tasks), np.inf)) if bounds is None else (
        np.full(len(tasks), float(bounds[0])), np.full(len(tasks), float(bounds[1])))  # fmt: skip
    if not np.all((low > 0) & (low <= high)):
        raise bad_argument("bounds", bounds, "(lowest, highest) depth with 0 < lowest <= highest (steps)")
    # without a decay there is no rate; any finite one gives c* = 0, which is clamped to the lowest depth
    rate = np.where(params[:, 1] > 0, np.nan_to_num(params[:, 2], nan=1.0), 1.0)
    step = _per_task("cost_per_step", cost_per_step, tasks)
    return tasks, params, (params[:, 1], rate, _per_task("weights", weights, tasks), step, low, high)


def _checked_budget(budget: float, step: Array, low: Array) -> float:
    least = float(np.sum(step * low))
    value = positive("budget", budget, " (cost)")
    if value < least * (1 - 1e-12):
        raise bad_argument(
            "budget", budget, f"at least {least:g}, the cost of the lowest depths of all tasks",
            "Leave tasks out, lower the bounds, or raise the budget.",
        )  # fmt: skip
    return max(value, least)


def allocate(
    fits: Mapping[str, DecayResults],
    budget: float,
    weights: Mapping[str, float] | Sequence[float] | None = None,
    cost_per_step: Mapping[str, float] | Sequence[float] | float = 1.0,
    bounds: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Share one budget among tasks: minimise ``sum w_t K_t c_t^-alpha_t`` with ``sum lambda_t c_t <= B``.

    Parameters
    ----------
    fits : mapping of str to DecayResults
    budget : float
        ``B``, in the unit of `cost_per_step`.
    weights : mapping or sequence of float, optional
        ``w_t`` > 0; default 1.
    cost_per_step : float, mapping or sequence
        ``lambda_t`` > 0.
    bounds : (float, float), optional
        Lowest and highest depth of every task; default: from its first fitted depth up.

    Returns
    -------
    pandas.DataFrame
        ``task, depth, risk, cost, marginal`` — the last is the weighted risk saved by one more unit of cost.
    """
    tasks, params, problem = _problem(fits, weights, cost_per_step, bounds)
    k, a, weight, step, low, _ = problem
    depth, _ = _allocation(*problem, _checked_budget(budget, step, low))
    with np.errstate(divide="ignore", invalid="ignore"):
        marginal = np.where(k > 0, weight * a * np.exp(np.log(k) - (a + 1) * np.log(depth)) / step, 0.0)
    return pd.DataFrame(
        {
            "task": tasks,
            "depth": depth,
            "risk": mean(depth, params[:, 0], params[:, 1], params[:, 2]),
            "cost": step * depth,
            "marginal": marginal,
        }
    )


def frontier(
    fits: Mapping[str, DecayResults],
    budgets: ArrayLike,
    weights: Mapping[str, float] | Sequence[float] | None = None,
    cost_per_step: Mapping[str, float] | Sequence[float] | float = 1.0,
    bounds: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Least total risk for each budget; the slope of the curve is minus the multiplier (``gamma``).

    Returns
    -------
    pandas.DataFrame
        ``budget, risk, multiplier``; `risk` is the weighted sum over tasks, floors included.
    """
    _, params, problem = _problem(fits, weights, cost_per_step, bounds)
    weight, step, low = problem[2], problem[3], problem[4]
    rows = []
    for budget in np.atleast_1d(np.asarray(budgets, dtype=float)):
        depth, multiplier = _allocation(*problem, _checked_budget(float(budget), step, low))
        risk = float(np.sum(weight * mean(depth, params[:, 0], params[:, 1], params[:, 2])))
        rows.append((float(budget), risk, multiplier))
    return pd.DataFrame(rows, columns=["budget", "risk", "multiplier"])
