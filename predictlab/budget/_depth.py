"""Depth of one task at which risk plus cost is least.

Besides, what budget, phase and planning ask of fits. Formulas and sources: docs/theory.md, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab._validation import Rng, nonnegative, positive, share, tails, whole_number
from predictlab.budget._price import cost_of_step, price_in_words, seconds_of
from predictlab.decay import DecayResults, law
from predictlab.errors import bad_argument

Array = NDArray[np.float64]


def fitted_from(fit: DecayResults) -> float:
    """Find the first fitted depth; the law says nothing before it.

    Parameters
    ----------
    fit : DecayResults
        Decay law of a task.

    Returns
    -------
    float
        Steps.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> fitted_from(pl.DecayModel(curve).fit())
    4.0
    """
    return float(fit.fitted.depth[0])


def best_depth(
    scale: ArrayLike, decay_rate: ArrayLike, price: ArrayLike, bounds: tuple[ArrayLike, ArrayLike] = (0.0, np.inf)
) -> Array:
    """Depth at which the risk plus the price of the steps is least, ``c* = (alpha K / price)^(1/(alpha+1))``.

    Parameters
    ----------
    scale : array_like
        ``K`` >= 0, metric²·steps^alpha; broadcast against the others.
    decay_rate : array_like
        ``alpha`` > 0.
    price : array_like
        ``gamma lambda`` > 0, metric² per step: exchange rate times cost per step.
    bounds : (array_like, array_like)
        Lowest and highest depth that exist, steps; the result is clamped to them.

    Returns
    -------
    ndarray
        Steps; the lowest depth where nothing decays.

    Notes
    -----
    Source: Luo, Wang, Tang (2026), Thm. 6.1.

    Examples
    --------
    >>> round(float(best_depth(1.0, 1.0, 0.0001)), 6)
    100.0
    """
    k, a = np.asarray(scale, dtype=float), np.asarray(decay_rate, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        depth = np.exp((np.log(a) + np.log(k) - np.log(price)) / (a + 1))
    return np.clip(np.where(k > 0, depth, 0.0), *bounds)


class PricedDepth(NamedTuple):
    """What `priced_depth` finds; arrays of one shape.

    Parameters
    ----------
    depth : ndarray
        Best depth among those that exist, steps, whether it pays or not.
    risk : ndarray
        Risk there, metric².
    price : ndarray
        ``gamma (C_s + lambda c)`` of going there, metric².
    pays : ndarray of bool
        Whether risk plus price is below the risk without a probe.

    Examples
    --------
    >>> bool(priced_depth(0.0, 1.0, 1.0, 1.0, exchange_rate=1e-4).pays)
    True
    """

    depth: Array
    risk: Array
    price: Array
    pays: NDArray[np.bool_]


def priced_depth(
    intrinsic_limit: ArrayLike,
    scale: ArrayLike,
    decay_rate: ArrayLike,
    static_risk: ArrayLike,
    *,
    exchange_rate: float,
    cost_per_step: ArrayLike = 1.0,
    fixed_cost: float = 0.0,
    bounds: tuple[ArrayLike, ArrayLike] = (0.0, np.inf),
) -> PricedDepth:
    """Best depth of each set of parameters, what it costs, and whether probing pays there.

    Parameters
    ----------
    intrinsic_limit, scale, decay_rate : array_like
        ``L_int`` (metric²), ``K`` (metric²·steps^alpha) and ``alpha``, such as draws of a fit.
    static_risk : array_like
        The risk of deciding without a probe, metric².
    exchange_rate : float
        ``gamma`` > 0, metric² per unit of cost.
    cost_per_step : float
        ``lambda`` > 0, cost per step.
    fixed_cost : float
        ``C_s`` >= 0, cost.
    bounds : (array_like, array_like)
        Lowest and highest depth that exist, steps.

    Returns
    -------
    PricedDepth

    Examples
    --------
    >>> found = priced_depth([0.0, 0.0], [1.0, 1e-6], 1.0, [1.0, 1e-6], exchange_rate=1e-4, bounds=(1, 512))
    >>> found.depth.round(6).tolist(), found.pays.tolist()
    ([100.0, 1.0], [True, False])
    """
    floor, k, a = (np.asarray(v, dtype=float) for v in (intrinsic_limit, scale, decay_rate))
    step = np.asarray(cost_per_step, dtype=float)
    depth = best_depth(k, a, exchange_rate * step, bounds)
    risk = law(depth, floor, k, a)
    price = exchange_rate * (fixed_cost + step * depth)
    return PricedDepth(depth, risk, price, risk + price < np.asarray(static_risk, dtype=float))


def seeds_of(fit: DecayResults, seeds: int | None = None) -> int:
    """Count the runs that are trained and paid for together.

    Parameters
    ----------
    fit : DecayResults
    seeds : int, optional
        As given, >= 1.

    Returns
    -------
    int
        Where none is given: of an `agreement` that carries its runs, as many as those; else one, the run being probed.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> seeds_of(pl.DecayModel(curve).fit()), seeds_of(pl.DecayModel(curve).fit(), 8)
    (1, 8)
    """
    if seeds is not None:
        return whole_number("seeds", seeds, 1, "a number of runs >= 1")
    return int(fit.curve.n_runs or 1) if fit.curve.question == "agreement" else 1


def last_depth(fit: DecayResults) -> float:
    """Find the deepest depth that exists: the end of the recipe, inf where that is not known.

    Parameters
    ----------
    fit : DecayResults

    Returns
    -------
    float
        Steps.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> last_depth(pl.DecayModel(curve).fit())
    inf
    """
    return np.inf if fit.curve.horizon is None else float(fit.curve.horizon)


@dataclass(frozen=True, repr=False)
class OptimalDepth:
    """The probing depth at which risk plus priced cost is least.

    Parameters
    ----------
    depth : float
        ``c*``, steps, within `bounds`; 0 when probing does not pay.
    risk, cost, total : float
        ``L(c*)`` (metric²), ``C(c*)``, and ``L + gamma C``; where probing does not pay, those of not probing.
    probing_pays : bool
        Whether `total` is below `static_risk`; `verdict` says how sure that is.
    static_risk : float
        The risk that it was compared with: that without a probe, as given, or the fitted one at `static_depth`.
    elasticity : float
        Relative change of ``c*`` per relative change of ``gamma`` or ``lambda``: ``-1/(alpha+1)``; 0 where nothing
        decays.
    draws : ndarray, shape (n,)
        The depth if the truth were each draw of the fit; 0 where probing would not pay.
    risk_draws, total_draws : ndarray, shape (n,)
        Risk and total at the depth that was chosen, over the draws.
    seeds : int
        Runs that are paid for.
    static_depth : float
        The depth whose risk `static_risk` is, steps: the first fitted one, a short probe; 0 where it was given.
    seconds, price : float
        Of going there with all seeds, one after the other, and money; NaN where runs told no seconds, or no price of
        an hour was given.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> pl.optimal_depth(pl.DecayModel(curve).fit(), exchange_rate=1e-6).conf_int().columns.tolist()
    ['lower', 'upper']
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
    seeds: int = 1
    static_depth: float = 0.0
    seconds: float = float("nan")
    price: float = float("nan")

    @property
    def steps(self) -> float:
        """Steps of all seeds together."""
        return self.seeds * self.depth

    @property
    def probability_pays(self) -> float:
        """Share of the fit's draws in which probing pays, each to its own best depth."""
        return float(np.mean(self.draws > 0))

    def conf_int(self, confidence: float = 0.95) -> pd.DataFrame:
        """Compute intervals: quantiles over draws of the fit.

        Parameters
        ----------
        confidence : float
            Confidence level, in (0, 1).

        Returns
        -------
        pandas.DataFrame
            Columns ``lower``, ``upper``; rows ``depth`` (where ``c*`` may lie, steps; 0 for draws in which probing does
            not pay), ``risk`` and ``total`` (metric²; to be expected at the depth that was chosen).
        """
        values = {"depth": self.draws, "risk": self.risk_draws, "total": self.total_draws}
        ends = {name: np.quantile(sample, tails(confidence)) for name, sample in values.items()}
        return pd.DataFrame.from_dict(ends, orient="index", columns=["lower", "upper"])

    def verdict(self, confidence: float = 0.95) -> str:
        """Say whether probing pays, in a sentence.

        Parameters
        ----------
        confidence : float
            In (0.5, 1): "Cannot tell" where a smaller share of the draws agrees.

        Returns
        -------
        str
        """
        share("confidence", confidence, "a probability in (0.5, 1)", above=0.5)
        agree = self.probability_pays
        lower, upper = self.conf_int().loc["depth"]
        # what a depth is compared with is no probe only where its risk was given; else it is a short one, and named so
        other = f"at {self.static_depth:g} steps, the first depth" if self.static_depth > 0 else "without a probe"
        against = f"total {self.total:.3g} against {self.static_risk:.3g} {other}"
        if not self.probing_pays:
            against = f"the risk is {self.risk:.3g} {other}, and no depth is worth its cost"
        if self.elasticity == 0:
            against = "the risk does not decay, so more depth buys nothing"
        if self.probing_pays and agree >= confidence:
            return f"Probing pays, to {self.depth:.3g} steps (95 %: {lower:.3g} to {upper:.3g}): {against}."
        if not self.probing_pays and agree <= 1 - confidence:
            return f"Probing does not pay: {against}."
        guess = f"at the estimate it does, to {self.depth:.3g} steps" if self.probing_pays else "at the estimate not"
        return f"Cannot tell whether probing pays: it does in {agree:.0%} of the draws; {guess} ({against})."

    def _line(self) -> str:
        ends = self.conf_int()
        parts = (f"{n} {getattr(self, n):.3g} (95 %: {ends.lower[n]:.3g} to {ends.upper[n]:.3g})" for n in ends.index)
        told = price_in_words(self.seconds, self.price)
        together = f" ({self.seeds} seeds, {self.steps:,.0f} steps in all{told})" if self.seeds > 1 else ""
        if told and self.seeds == 1:
            together = f" ({self.steps:,.0f} steps{told})"
        return f"{'; '.join(parts)}; cost {self.cost:.3g}{together}"

    def __repr__(self) -> str:
        return f"{self.verdict()}\n{self._line()}"

    def _repr_html_(self) -> str:
        return f"<b>{self.verdict()}</b><br>{self._line()}"


def optimal_depth(
    fit: DecayResults,
    *,
    exchange_rate: float,
    cost_per_step: float | None = None,
    gpu_hour: float | None = None,
    fixed_cost: float = 0.0,
    bounds: tuple[float, float] | None = None,
    static_risk: float | None = None,
    seeds: int | None = None,
    draws: int = 2000,
    rng: Rng = None,
) -> OptimalDepth:
    """Depth that minimises ``L(c) + gamma (C_s + S lambda c)``.

    Parameters
    ----------
    fit : DecayResults
        Decay law of the task.
    exchange_rate : float
        ``gamma`` > 0, metric² per unit of cost.
    cost_per_step : float, optional
        ``lambda`` > 0, cost per step of one run; default 1.
    gpu_hour : float, optional
        Of the machine, in money, in its place, where the runs told what a step takes (those of `pl.probe` do): the
        exchange rate is then metric² per unit of money, and `fixed_cost` money.
    fixed_cost : float
        ``C_s`` >= 0, paid once for probing at all.
    bounds : (float, float), optional
        Depths that exist; the result is clamped to them. Default: from the first fitted depth, since the law says
        nothing before it, to the end of the recipe where that is known.
    static_risk : float, optional
        ``L(0)``, the risk of deciding without a probe. Default: the fitted risk at the first fitted depth, a lower
        bound of it, so that probing is never recommended on an extrapolation towards depth 0.
    seeds : int, optional
        ``S``, runs that are trained and paid for. Default: of an `agreement` those that the curve is made of, else one.
    draws : int
        Number of draws of the fit, for the intervals and the verdict.
    rng : int, numpy.random.Generator or None
        None: a fresh generator of seed 0.

    Returns
    -------
    OptimalDepth

    Raises
    ------
    ArgumentError
        A price that is not positive, or bounds that leave no depth.

    Notes
    -----
    Source: Luo, Wang, Tang (2026), Thm. 6.1.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> best = pl.optimal_depth(pl.DecayModel(curve).fit(), exchange_rate=1e-6)
    >>> 120 < best.depth < 140, best.probing_pays
    (True, True)
    """
    if fit.method == "fresh_run":
        hint = "Its own optimal() chooses depth and seeds together."
        raise bad_argument("fit", f"a FreshRun of {fit.task!r}", "a fit of a decay law", hint)
    first = fitted_from(fit)
    low, high = bounds if bounds is not None else (first, max(last_depth(fit), first))
    if not 0 < low <= high:
        raise bad_argument("bounds", bounds, "(lowest, highest) depth with 0 < lowest <= highest (steps)")
    gamma = positive("exchange_rate", exchange_rate, " (metric² per unit of cost)")
    count = seeds_of(fit, seeds)
    step = count * cost_of_step(fit.curve, cost_per_step, gpu_hour)
    fixed = nonnegative("fixed_cost", fixed_cost, " (cost)")
    given = None if static_risk is None else positive("static_risk", static_risk, " (metric²)")

    floor, k, a = np.vstack([fit.params, fit.draws(draws, rng=rng)]).T  # as estimated, and behind it as drawn
    static = law(first, floor, k, a) if given is None else np.full(len(k), given)
    found = priced_depth(
        floor, k, a, static, exchange_rate=gamma, cost_per_step=step, fixed_cost=fixed, bounds=(low, high)
    )
    chosen = np.where(found.pays, found.depth, 0.0)
    pays, depth = bool(found.pays[0]), float(chosen[0])
    risk = law(depth, floor, k, a) if pays else static
    cost = fixed + step * depth if pays else 0.0
    total = risk + gamma * cost
    return OptimalDepth(
        depth=depth,
        risk=float(risk[0]),
        cost=cost,
        total=float(total[0]),
        probing_pays=pays,
        static_risk=float(static[0]),
        elasticity=-1 / (float(a[0]) + 1) if k[0] > 0 else 0.0,
        draws=chosen[1:],
        risk_draws=risk[1:],
        total_draws=total[1:],
        seeds=count,
        static_depth=first if given is None else 0.0,
        seconds=seconds_of(fit.curve, count * depth),
        price=float("nan") if gpu_hour is None else cost,
    )
