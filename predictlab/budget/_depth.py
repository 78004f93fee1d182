"""Depths of one task: the one that minimises risk plus cost, and the one that meets a tolerance (THEORY 4)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from predictlab.budget._checks import fitted_from, positive, tail
from predictlab.decay import PARAMETERS, DecayResults, law
from predictlab.errors import bad_argument

Array = NDArray[np.float64]


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
        ``L(c*)`` (metric²), ``C(c*)``, and ``L + gamma C``; where probing does not pay, those of not probing.
    probing_pays : bool
        Whether `total` is below the risk of deciding without a probe; `verdict` says how sure that is.
    static_risk : float
        The risk without a probe that it was compared with.
    elasticity : float
        Relative change of ``c*`` per relative change of ``gamma`` or ``lambda``: ``-1/(alpha+1)``; 0 where nothing
        decays.
    draws : ndarray, shape (n,)
        The depth if the truth were each draw of the fit; 0 where probing would not pay.
    risk_draws, total_draws : ndarray, shape (n,)
        Risk and total at the depth that was chosen, over the draws.
    """

    depth: float
    risk: float
    cost: float
    total: float
    probing_pays: bool
    static_risk: float
    elasticity: float
    draws: Array = field(repr=False)
    risk_draws: Array = field(repr=False)
    total_draws: Array = field(repr=False)

    @property
    def probability_pays(self) -> float:
        """Share of the fit's draws in which probing pays, each to its own best depth."""
        return float(np.mean(self.draws > 0))

    def conf_int(self, alpha: float = 0.05, what: str = "depth") -> tuple[float, float]:
        """Interval at level ``1 - alpha``: quantiles over draws of the fit.

        Parameters
        ----------
        alpha : float
        what : {"depth", "risk", "total"}
            ``depth``: where ``c*`` may lie, 0 for draws in which probing does not pay. ``risk`` and ``total``: what is
            to be expected at the depth that was chosen.
        """
        values = {"depth": self.draws, "risk": self.risk_draws, "total": self.total_draws}
        if what not in values:
            raise bad_argument("what", what, "'depth', 'risk' or 'total'")
        half = tail(alpha)
        lower, upper = np.quantile(values[what], [half, 1 - half])
        return float(lower), float(upper)

    def verdict(self, confidence: float = 0.9) -> str:
        """Whether probing pays, in a sentence; "Cannot tell" where fewer draws than `confidence` agree on it."""
        if not 0.5 < confidence < 1:
            raise bad_argument("confidence", confidence, "a probability in (0.5, 1)")
        share = self.probability_pays
        lower, upper = self.conf_int()
        against = f"total {self.total:.3g} against {self.static_risk:.3g} without a probe"
        if not self.probing_pays:
            against = f"deciding now has risk {self.risk:.3g}, and no depth is worth its cost"
        if self.elasticity == 0:
            against = "the risk does not decay, so more depth buys nothing"
        if self.probing_pays and share >= confidence:
            return f"Probing pays, to {self.depth:.3g} steps (95 %: {lower:.3g} to {upper:.3g}): {against}."
        if not self.probing_pays and share <= 1 - confidence:
            return f"Probing does not pay: {against}."
        guess = f"at the estimate it does, to {self.depth:.3g} steps" if self.probing_pays else "at the estimate not"
        return f"Cannot tell whether probing pays: it does in {share:.0%} of the draws; {guess} ({against})."

    def _repr_html_(self) -> str:
        parts = []
        for name in ("depth", "risk", "total"):
            lower, upper = self.conf_int(what=name)
            parts.append(f"{name} {getattr(self, name):.3g} (95 %: {lower:.3g} to {upper:.3g})")
        return f"<b>{self.verdict()}</b><br>{'; '.join(parts)}; cost {self.cost:.3g}"


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
    first = fitted_from(fit)
    low, high = bounds if bounds is not None else (first, np.inf)
    if not 0 < low <= high:
        raise bad_argument("bounds", bounds, "(lowest, highest) depth with 0 < lowest <= highest (steps)")
    given = None if static_risk is None else positive("static_risk", static_risk, " (metric²)")

    def best(floor: ArrayLike, k: ArrayLike, a: ArrayLike) -> tuple[Array, Array, Array]:
        """Best depth, risk there, and risk without a probe."""
        depth = np.clip(optimal_depth_of(k, a, gamma * step), low, high)
        args = (np.asarray(floor), np.asarray(k), np.asarray(a))
        static = law(np.asarray(first), *args) if given is None else np.full_like(depth, given)
        return depth, law(depth, *args), static

    def priced(depth: Array | float) -> Array:
        return np.asarray(gamma * (fixed_cost + step * np.asarray(depth)))

    l_int, k, a = (float(v) for v in fit.params)
    depth, risk, static = (float(v) for v in best(l_int, k, a))
    pays = risk + float(priced(depth)) < static
    if not pays:
        depth, risk = 0.0, static
    cost = fixed_cost + step * depth if pays else 0.0

    sample = fit.draws().to_numpy().T
    depths, risks, statics = best(*sample)
    draws = np.where(risks + priced(depths) < statics, depths, 0.0)
    here = law(np.asarray(depth), *sample) if pays else statics
    return OptimalDepth(
        depth=depth,
        risk=risk,
        cost=cost,
        total=risk + gamma * cost,
        probing_pays=pays,
        static_risk=static,
        elasticity=-1 / (a + 1) if k > 0 else 0.0,
        draws=draws,
        risk_draws=here,
        total_draws=here + gamma * cost,
    )


@dataclass(frozen=True)
class ToleranceDepth:
    """Depth at which the risk meets a tolerance; inf when the floor is above it.

    Attributes
    ----------
    depth : float
        ``c_tau``, steps; inf where no depth meets it, 0 where nothing decays and the risk is below it anyway.
    tolerance : float
        ``tau``, metric².
    draws : ndarray, shape (n,)
        The depth if the truth were each draw of the fit.
    fitted : (float, float)
        First and last fitted depth, between which the law was seen to hold.
    """

    depth: float
    tolerance: float
    draws: Array = field(repr=False)
    fitted: tuple[float, float]

    @property
    def reachable(self) -> float:
        """Share of the fit's draws in which the tolerance is met at some depth."""
        return float(np.mean(np.isfinite(self.draws)))

    def conf_int(self, alpha: float = 0.05) -> tuple[float, float]:
        """Interval of the depth at level ``1 - alpha``; its end is inf where the draws' is."""
        half = tail(alpha)
        ordered = np.sort(self.draws)
        last = len(ordered) - 1
        return float(ordered[round(last * half)]), float(ordered[round(last * (1 - half))])

    @property
    def note(self) -> str:
        """What the number alone does not say; empty when there is nothing."""
        first, last = self.fitted
        if np.isinf(self.depth):
            return f"no depth meets it: the floor is above the tolerance ({self.reachable:.0%} of the draws reach it)"
        if self.depth < first:
            return f"met before the first fitted depth, {first:g}; where exactly, the law does not say"
        if self.depth > last:
            return f"beyond the last fitted depth, {last:g}: extrapolated"
        return ""

    def __float__(self) -> float:
        return self.depth

    def _repr_html_(self) -> str:
        lower, upper = self.conf_int()
        note = f"; {self.note}" if self.note else ""
        return (
            f"<b>c_tau = {self.depth:.3g} steps</b> (95 %: {lower:.3g} to {upper:.3g}) for a risk of "
            f"{self.tolerance:.3g}; reached in {self.reachable:.0%} of the draws{note}"
        )


def depth_for_tolerance(fit: DecayResults, tolerance: float) -> ToleranceDepth:
    """``c_tau``, the depth at which the fitted risk falls to `tolerance` (metric²).

    Parameters
    ----------
    fit : DecayResults
    tolerance : float
        ``tau`` > 0, metric²; for a decision margin `m` at 95 % it is ``(m / 1.96)²``.
    """
    tau = positive("tolerance", tolerance, " (metric²)")
    floor, k, a = fit.draws().to_numpy().T
    estimate = [float(fit.params[name]) for name in PARAMETERS]
    depth = fit.fitted.depth
    return ToleranceDepth(
        depth=float(tolerance_depth_of(estimate[0], estimate[1], estimate[2], tau)),
        tolerance=tau,
        draws=tolerance_depth_of(floor, k, a, tau),
        fitted=(float(depth[0]), float(depth[-1])),
    )
