"""Shapes of a risk curve: a rise, a fall that follows the law, a floor; and what is believed of them beforehand.

``ln mu(c) = s + ln[t + (1 - t) (c / c_k)^-alpha] - (b / h) ln(1 + (c_0 / c)^h)``, with c_k the last depth and `t` the
floor's share of the law there; or with a rival's fall in place of the power (see `predictlab.decay._families`).
Source: docs/theory.md, section 9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import t as student

from predictlab.decay._draws import ALPHA_LOW
from predictlab.decay._families import POWER_LAW, Family
from predictlab.decay._law import Array

ALPHA_MOST, FALL_MOST = 50.0, 1e4  # the rate is searched up to that, and no decay by more than this between depths
NO_FLOOR, UNSEEN_FLOOR = 0.2, 0.4  # prior probabilities of none, and of one no depth has shown; else met on the way
NO_RISE, STEEP_RISE = 0.6, 0.22  # of no rise, and of one that is steeper than the fall at first; else a mere bend
_UNSEEN = 4.0  # logit of the share from which down a floor counts as unseen
PRIORS = (
    f"log alpha Student t(3); floor none {NO_FLOOR:.0%}, not yet seen {UNSEEN_FLOOR:.0%}, else met on the way; "
    f"rise none {NO_RISE:.0%}, steep {STEEP_RISE:.0%}, else a bend"
)
ALTERNATIVES = ("alpha uniform", "floor uniform in its standard deviation", "floor uniform in its variance")


def rate_most(log_depth: Array) -> float:
    """Largest alpha believed possible at these depths (k,)."""
    return float(min(ALPHA_MOST, np.log(FALL_MOST) / (log_depth[1] - log_depth[0])))


@dataclass(frozen=True)
class Shapes:
    """Shapes of curves, one a point: arrays of shape (n,).

    Parameters
    ----------
    rate : ndarray
        alpha of a power law; its like of a rival: the slope at the last depth of an exponential, the power of the
        learning rate.
    logit : ndarray
        Of the floor's share `t`; minus infinity without a floor.
    rise, centre, sharpness : ndarray
        ``b``, ``ln c_0`` and ``h``.
    family : ndarray of int
        Which of `families` the fall is of.
    families : tuple of Family
    """

    rate: Array
    logit: Array
    rise: Array
    centre: Array
    sharpness: Array
    family: NDArray[np.intp] = field(default_factory=lambda: np.zeros(1, dtype=np.intp))
    families: tuple[Family, ...] = (POWER_LAW,)

    @classmethod
    def at(
        cls, u: Array, log_depth: Array, family: NDArray[np.intp] | None = None,
        families: tuple[Family, ...] = (POWER_LAW,),
    ) -> Shapes:  # fmt: skip
        """Shapes at points `u` (n, 6) of the unit cube, which is uniform under the prior, of a family each."""
        first, last = log_depth[0], log_depth[-1]
        of = np.zeros(len(u), dtype=np.intp) if family is None else family
        rate = np.empty(len(u))
        for i, one in enumerate(families):
            quantiles = _log_rate(max(one.least, ALPHA_LOW), rate_most(log_depth))
            rate[of == i] = np.exp(np.interp(u[of == i, 0], *quantiles))
        # floor and fall are equal from a quarter of the first depth on
        crossed = rate * (1 - u[:, 2]) * _reach(families, log_depth)[of]
        logit = np.where(u[:, 1] < NO_FLOOR + UNSEEN_FLOOR, _UNSEEN * (u[:, 2] - 1), crossed)
        logit[u[:, 1] < NO_FLOOR] = -np.inf
        steep = (u[:, 3] - NO_RISE) / STEEP_RISE
        bend = (steep - 1) * STEEP_RISE / (1 - NO_RISE - STEEP_RISE)
        early = rate * np.array([float(f.pace(log_depth[:1], last)[0]) for f in families])[of]
        rise = np.where(steep < 1, early + 0.1 * 40 ** np.clip(steep, 0, 1), early * bend)
        rise[steep < 0] = 0.0
        centre = first - np.log(4) + u[:, 4] * (last - first + np.log(64))
        return cls(rate, logit, rise, centre, 0.7 * (6 / 0.7) ** u[:, 5], of, families)

    def first(self, n: int) -> Shapes:
        """The first `n` of them."""
        return replace(
            self, rate=self.rate[:n], logit=self.logit[:n], rise=self.rise[:n], centre=self.centre[:n],
            sharpness=self.sharpness[:n], family=self.family[:n],
        )  # fmt: skip

    def _by_family(self, of: Callable[[Family], Array], like: Array) -> Array:
        """A function of depths like these, (m,) or (n, m), of each shape's own family."""
        if len(self.families) == 1:
            return of(self.families[0])
        every = np.stack([of(family) for family in self.families])
        if like.ndim == 1:
            return np.asarray(every[self.family])
        return np.asarray(np.take_along_axis(every, self.family[None, :, None], axis=0)[0])

    def clock(self, log_depth: Array, log_last: float) -> Array:
        """``g`` at depths (m,) or (n, m)."""
        return self._by_family(lambda family: family.clock(log_depth, log_last), log_depth)

    def octave(self, log_last: float) -> Array:
        """Rate of the power law that falls as much over the octave before the last depth, (n,)."""
        half = np.array([log_last - np.log(2)])
        return np.asarray(-self.rate * self.clock(half, log_last)[..., 0] / np.log(2))

    def log_law(self, log_depth: Array, log_last: float) -> Array:
        """The law alone, less the level, at depths (m,): (n, m)."""
        floor, rest = -np.logaddexp(0, -self.logit)[:, None], -np.logaddexp(0, self.logit)[:, None]
        left = rest - self.rate[:, None] * self.clock(log_depth, log_last)
        # np.logaddexp, in a third of its time
        near = np.abs(floor - left)
        np.log1p(np.exp(np.negative(near, out=near), out=near), out=near)
        near += np.maximum(floor, left, out=left)
        return near

    def log_risk(self, log_depth: Array, log_last: float) -> Array:
        """``ln mu - s`` at depths (m,): (n, m)."""
        log_risk = self.log_law(log_depth, log_last)
        rises = np.flatnonzero(self.rise)
        since = self.centre[rises, None] - (log_depth if log_depth.ndim == 1 else log_depth[rises])
        before = np.minimum(self.sharpness[rises, None] * since, 500.0)
        log_risk[rises] -= (self.rise / self.sharpness)[rises, None] * np.log1p(np.exp(before))
        return log_risk

    def slope(self, log_depth: Array, log_last: float) -> Array:
        """Slope of ``ln mu`` in ``ln c`` at depths (m,): (n, m)."""
        falling = expit(-self.logit[:, None] - self.rate[:, None] * self.clock(log_depth, log_last))
        rising = expit(self.sharpness[:, None] * (self.centre[:, None] - log_depth))
        pace = self._by_family(lambda family: family.pace(log_depth, log_last), log_depth)
        return np.asarray(self.rise[:, None] * rising - self.rate[:, None] * pace * falling)

    def log_ratio(self, alternative: str, log_depth: Array) -> Array:
        """Logarithm of the prior density of one of `ALTERNATIVES` over that of this module's prior, (n,)."""
        if alternative == ALTERNATIVES[0]:
            most = rate_most(log_depth)
            low = np.array([max(family.least, ALPHA_LOW) for family in self.families])
            mass = student.cdf(np.log(most), 3) - student.cdf(np.log(low), 3)
            uniform = np.log(self.rate) + np.log(mass / (most - low))[self.family]
            return np.asarray(uniform - student.logpdf(np.log(self.rate), 3))
        # the density of the logit, and that of a share (or of its root) uniform between e^-4 and 1; below it is none
        reach = self.rate * _reach(self.families, log_depth)[self.family]
        seen = (1 - NO_FLOOR - UNSEEN_FLOOR) / reach * (self.logit >= 0)
        ours = np.where(self.logit < 0, UNSEEN_FLOOR / _UNSEEN, seen)
        share = expit(self.logit)
        power = 0.5 if alternative == ALTERNATIVES[1] else 1.0
        none = float(expit(-_UNSEEN)) ** power
        with np.errstate(divide="ignore"):
            other = np.log(power) + power * np.log(share) + np.log1p(-share)
        return np.where(np.isneginf(self.logit), np.log(none / NO_FLOOR), other - np.log(np.maximum(ours, 1e-300)))


def _reach(families: tuple[Family, ...], log_depth: Array) -> Array:
    """What the clock of each family says of a quarter of the first depth, with the sign turned, (f,)."""
    quarter = log_depth[:1] - np.log(4)
    return np.array([max(-float(family.clock(quarter, log_depth[-1])[0]), 1e-9) for family in families])


@lru_cache(8)
def _log_rate(least: float, most: float) -> tuple[Array, Array]:
    """Quantiles of ``ln alpha``, Student's t with 3 degrees of freedom within the range."""
    share = np.linspace(0, 1, 2001)
    low, high = student.cdf(np.log([least, most]), 3)
    return share, student.ppf(low + share * (high - low), 3)
