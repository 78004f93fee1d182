"""Depth of one task from which on its risk is within a tolerance (docs/theory.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from predictlab._validation import Rng, tails, tolerance_of
from predictlab.budget._depth import Array
from predictlab.decay import DecayResults
from predictlab.decay._law import crossing_depth


@dataclass(frozen=True, repr=False)
class ToleranceDepth:
    """Depth at which the risk meets a tolerance; inf when the floor is above it.

    Parameters
    ----------
    depth : float
        ``c_tau``, steps; inf where no depth meets it, 0 where nothing decays and the risk is below it anyway.
    tolerance : float
        ``tau``, metric².
    draws : ndarray, shape (n,)
        The depth if the truth were each draw of the fit.
    fitted : (float, float)
        First and last fitted depth, between which the law was seen to hold.
    horizon : float or None
        End of the recipe, steps; None: not known.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> pl.depth_for_tolerance(pl.DecayModel(curve).fit(), 1e-3).reachable > 0.95
    True
    """

    depth: float
    tolerance: float
    draws: Array = field(repr=False)
    fitted: tuple[float, float]
    horizon: float | None = None

    @property
    def reachable(self) -> float:
        """Share of the fit's draws in which the tolerance is met at some depth."""
        return float(np.mean(np.isfinite(self.draws)))

    def conf_int(self, confidence: float = 0.95) -> pd.DataFrame:
        """Compute the interval of the depth from the draws of the fit.

        Parameters
        ----------
        confidence : float
            Confidence level, in (0, 1).

        Returns
        -------
        pandas.DataFrame
            One row, ``depth``; columns ``lower``, ``upper``, steps; inf where the draws are.
        """
        # whole draws: between a depth and infinity nothing can be interpolated
        ends = np.quantile(self.draws, tails(confidence), method="nearest")
        return pd.DataFrame([ends], index=["depth"], columns=["lower", "upper"])

    @property
    def note(self) -> str:
        """What the number alone does not say; empty when there is nothing."""
        first, last = self.fitted
        if np.isinf(self.depth):
            return f"no depth meets it: the floor is above the tolerance ({self.reachable:.0%} of the draws reach it)"
        if self.depth < first:
            return f"met before the first fitted depth, {first:g}; where exactly, the law does not say"
        if self.horizon is not None and self.depth > self.horizon:
            return f"beyond the recipe's {self.horizon:g} steps: a longer recipe, whose curve is another"
        if self.depth > last:
            return f"beyond the last fitted depth, {last:g}: extrapolated"
        return ""

    def __float__(self) -> float:
        return self.depth

    def __repr__(self) -> str:
        lower, upper = self.conf_int().loc["depth"]
        note = f"; {self.note}" if self.note else ""
        return (
            f"c_tau = {self.depth:.3g} steps (95 %: {lower:.3g} to {upper:.3g}) for a risk of {self.tolerance:.3g}; "
            f"reached in {self.reachable:.0%} of the draws{note}"
        )

    def _repr_html_(self) -> str:
        head, _, rest = repr(self).partition(" (95 %")
        return f"<b>{head}</b> (95 %{rest}"


def depth_for_tolerance(
    fit: DecayResults,
    tolerance: float | None = None,
    *,
    margin: float | None = None,
    draws: int = 2000,
    rng: Rng = None,
) -> ToleranceDepth:
    """Depth ``c_tau`` at which the fitted risk falls to a tolerance.

    Parameters
    ----------
    fit : DecayResults
        Decay law of the task.
    tolerance : float
        ``tau`` > 0, metric².
    margin : float
        ``m`` > 0 in the metric, for the tolerance ``(m / 1.96)²``: each seed within ``m`` of their mean, 95 %.
    draws : int
        Number of draws of the fit, for the interval.
    rng : int, numpy.random.Generator or None
        None: a fresh generator of seed 0.

    Returns
    -------
    ToleranceDepth

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> round(pl.depth_for_tolerance(pl.DecayModel(curve).fit(), 1e-3).depth)
    17
    """
    tau = tolerance_of(tolerance, margin)
    drawn = fit.sample(draws, rng).crossing(tau)
    # the median, as the other estimates by draws; "nearest", since between a depth and inf there is nothing
    depth = float(np.quantile(drawn, 0.5, method="nearest"))
    if not fit.by_draws:
        limit, scale, rate = fit.params.to_numpy(dtype=float)
        depth = float(crossing_depth(limit, scale, rate, tau))
    fitted = float(fit.fitted.depth[0]), float(fit.fitted.depth[-1])
    return ToleranceDepth(depth=depth, tolerance=tau, draws=drawn, fitted=fitted, horizon=fit.curve.horizon)
