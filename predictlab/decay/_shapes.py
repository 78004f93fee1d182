"""Shapes of a risk curve: a rise, a fall that follows the law, a floor; and what is believed of them beforehand.

``ln mu(c) = s + ln[t + (1 - t) (c / c_k)^-alpha] - (b / h) ln(1 + (c_0 / c)^h)``, with c_k the last depth and `t` the
floor's share of the law there. Source: docs/theory.md, section 9.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from scipy.special import expit
from scipy.stats import t as student

from predictlab.decay._law import Array

ALPHA_LOW = 0.05  # slower than this, a thousandfold depth does not even halve the risk
ALPHA_MOST, FALL_MOST = 50.0, 1e4  # the rate is searched up to that, and no decay by more than this between depths
NO_FLOOR, UNSEEN_FLOOR = (
    0.2,
    0.4,
)  # prior probabilities of no floor, and of one no depth has shown; else seen on the way
NO_RISE, STEEP_RISE = 0.6, 0.28  # of no rise, and of one that is steeper than the fall at first; else a mere bend
_UNSEEN = 4.0  # logit of the share from which down a floor counts as unseen
PRIORS = (
    f"log alpha Student t(3); floor none {NO_FLOOR:.0%}, not yet seen {UNSEEN_FLOOR:.0%}, else met on the way; "
    f"rise none {NO_RISE:.0%}, steep {STEEP_RISE:.0%}, else a bend"
)
ALTERNATIVES = (
    "alpha uniform", "floor uniform in its standard deviation", "floor uniform in its variance"
)  # fmt: skip


def rate_most(log_depth: Array) -> float:
    """Largest alpha believed possible at these depths (k,)."""
    return float(min(ALPHA_MOST, np.log(FALL_MOST) / (log_depth[1] - log_depth[0])))


@dataclass(frozen=True)
class Shapes:
    """Shapes of curves, one a point: arrays of shape (n,).

    Parameters
    ----------
    rate : ndarray
        alpha.
    logit : ndarray
        Of the floor's share `t`; minus infinity without a floor.
    rise, centre, sharpness : ndarray
        ``b``, ``ln c_0`` and ``h``.
    """

    rate: Array
    logit: Array
    rise: Array
    centre: Array
    sharpness: Array

    @classmethod
    def at(cls, u: Array, log_depth: Array) -> Shapes:
        """Shapes at points `u` (n, 6) of the unit cube, which is uniform under the prior."""
        first, last = log_depth[0], log_depth[-1]
        rate = np.exp(np.interp(u[:, 0], *_log_rate(rate_most(log_depth))))
        crossed = rate * (1 - u[:, 2]) * (last - first + np.log(4))  # floor and fall equal from a quarter of the first
        logit = np.where(u[:, 1] < NO_FLOOR + UNSEEN_FLOOR, _UNSEEN * (u[:, 2] - 1), crossed)
        logit[u[:, 1] < NO_FLOOR] = -np.inf
        steep = (u[:, 3] - NO_RISE) / STEEP_RISE
        bend = (steep - 1) * STEEP_RISE / (1 - NO_RISE - STEEP_RISE)
        rise = np.where(steep < 1, rate + 0.1 * 40 ** np.clip(steep, 0, 1), rate * bend)
        rise[steep < 0] = 0.0
        centre = first - np.log(4) + u[:, 4] * (last - first + np.log(64))
        return cls(rate, logit, rise, centre, 0.7 * (6 / 0.7) ** u[:, 5])

    def first(self, n: int) -> Shapes:
        """The first `n` of them."""
        return Shapes(*(getattr(self, field.name)[:n] for field in fields(self)))

    def log_law(self, log_depth: Array, log_last: float) -> Array:
        """The law alone, less the level, at depths (m,): (n, m)."""
        floor, rest = -np.logaddexp(0, -self.logit), -np.logaddexp(0, self.logit)
        return np.asarray(np.logaddexp(floor[:, None], rest[:, None] - self.rate[:, None] * (log_depth - log_last)))

    def log_risk(self, log_depth: Array, log_last: float) -> Array:
        """``ln mu - s`` at depths (m,): (n, m)."""
        before = np.minimum(self.sharpness[:, None] * (self.centre[:, None] - log_depth), 500.0)
        return self.log_law(log_depth, log_last) - (self.rise / self.sharpness)[:, None] * np.logaddexp(0, before)

    def slope(self, log_depth: Array, log_last: float) -> Array:
        """Slope of ``ln mu`` in ``ln c`` at depths (m,): (n, m)."""
        falling = expit(-self.logit[:, None] - self.rate[:, None] * (log_depth - log_last))
        rising = expit(self.sharpness[:, None] * (self.centre[:, None] - log_depth))
        return np.asarray(self.rise[:, None] * rising - self.rate[:, None] * falling)

    def log_ratio(self, alternative: str, log_depth: Array) -> Array:
        """Logarithm of the prior density of one of `ALTERNATIVES` over that of this module's prior, (n,)."""
        if alternative == ALTERNATIVES[0]:
            return np.asarray(np.log(self.rate) - student.logpdf(np.log(self.rate), 3))
        # the density of the logit, and that of a share (or of its root) uniform between e^-4 and 1; below it is none
        reach = self.rate * (log_depth[-1] - log_depth[0] + np.log(4))
        seen = (1 - NO_FLOOR - UNSEEN_FLOOR) / reach * (self.logit >= 0)
        ours = np.where(self.logit < 0, UNSEEN_FLOOR / _UNSEEN, seen)
        share = expit(self.logit)
        power = 0.5 if alternative == ALTERNATIVES[1] else 1.0
        none = float(expit(-_UNSEEN)) ** power
        with np.errstate(divide="ignore"):
            other = np.log(power) + power * np.log(share) + np.log1p(-share)
        return np.where(np.isneginf(self.logit), np.log(none / NO_FLOOR), other - np.log(np.maximum(ours, 1e-300)))


@lru_cache(8)
def _log_rate(most: float) -> tuple[Array, Array]:
    """Quantiles of ``ln alpha``, Student's t with 3 degrees of freedom within the range."""
    share = np.linspace(0, 1, 2001)
    low, high = student.cdf(np.log([ALPHA_LOW, most]), 3)
    return share, student.ppf(low + share * (high - low), 3)
