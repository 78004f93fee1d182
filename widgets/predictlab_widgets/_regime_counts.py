"""How many draws of each task meet a tolerance, along a whole slider at once.

The browser must show the regimes of ``pl.classify`` at every slider position, without asking the kernel in the middle
of a drag. Both are shares of the same draws, so the kernel counts the draws once per slider position and sends whole
numbers (two bytes each); the browser only looks them up. Along the sliders the largest risk from a depth on is read
from a table over depths, log-linear between its nodes; where the sliders rest it is the fit's own (for the first
`EXACT` different fits: beyond, their curves would fill the memory).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from predictlab.budget import FreshResults, crossing_depth
from predictlab.decay import DecayResults, Sample

Floats = NDArray[np.float64]
Counts = NDArray[np.uint16]

EXACT = 64  # different fits whose curves are kept, some 2 MB each; a table is a sixth of that
FULL = 65_535  # a share of 1 in two bytes
_INSIDE, _STEP = 24, 0.24  # nodes over the measured depths; distance of nodes elsewhere, of ln c
_BEYOND = 2.0**20  # times the last depth: where the table ends, in wider steps beyond the slider
_FAR = 30


class Along(NamedTuple):
    """Draws along a slider, each of shape (m,), in whole numbers.

    Parameters
    ----------
    sufficient, noise : ndarray of uint16
        Draws that are Static-Sufficient, and that are Noise-Dominant.
    least : ndarray of uint16
        Least probability of the likeliest regime under the alternative priors, in 65,535ths, rounded down.
    """

    sufficient: Counts
    noise: Counts
    least: Counts


@dataclass(frozen=True, eq=False)
class Tabulated(Sample):
    """Draws of a fit with the largest risk from each depth on as a table.

    Parameters
    ----------
    params : ndarray, shape (n, 3)
        ``L_int``, ``K``, ``alpha``.
    log_nodes : ndarray, shape (m,)
        Logarithms of depths.
    log_envelope : ndarray of float32, shape (m, n)
        Logarithm of the largest risk from there on.
    left, left_by_rows : ndarray, shape (n,)
        Risk that no depth within reach removes, metric², and what the evaluation rows add to it.
    priors : ndarray of float32, shape (p, n)
        Weights of the draws under each prior that a call has to stand under.
    known_from : float
        First depth that the fit speaks of, steps.
    exact : Sample or None
        The draws themselves, where they are kept.
    estimate : tuple of float or None
        ``L_int``, ``K``, ``alpha`` of a fit whose crossing is that of its estimate; None of one that goes by its draws.
    ends : bool
        Whether nothing comes after the last node: then no law reaches beyond it.
    """

    log_nodes: Floats
    log_envelope: NDArray[np.float32]
    left: Floats
    left_by_rows: Floats
    priors: NDArray[np.float32]
    known_from: float
    exact: Sample | None
    estimate: tuple[float, float, float] | None
    ends: bool = False
    last: dict[bytes, Floats] = field(default_factory=dict, repr=False)  # answer to the last question, asked often

    def envelope(self, depth: Floats) -> Floats:
        """Largest risk at each of the depths (m,) and beyond, metric²: (n, m)."""
        key = depth.tobytes()
        if key not in self.last:
            self.last.clear()
            self.last[key] = self.read(depth) if self.exact is None else self.exact.envelope(depth)
        return self.last[key]

    def lasting(self) -> Floats:
        """Risk that no depth within reach removes, metric²: (n,)."""
        return self.left

    def read(self, depth: Floats) -> Floats:
        """The same from the table alone."""
        log_depth = np.log(depth)
        right = np.clip(np.searchsorted(self.log_nodes, log_depth), 1, len(self.log_nodes) - 1)
        low = self.log_nodes[right - 1]
        share = np.clip((log_depth - low) / (self.log_nodes[right] - low), 0.0, 1.0)[:, None]
        return np.asarray(np.exp(self.log_envelope[right - 1] * (1 - share) + self.log_envelope[right] * share)).T

    def log_crossing(self, tolerance: float) -> Floats:
        """Logarithm of the depth from which on the risk is within a tolerance, by the table: (n,)."""
        goal, m = np.float32(np.log(tolerance)), len(self.log_nodes)
        at = np.sum(self.log_envelope > goal, axis=0)
        inner = np.clip(at, 1, m - 1)
        each = np.arange(len(inner))
        high, low = self.log_envelope[inner - 1, each], self.log_envelope[inner, each]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.nan_to_num(np.clip((high - goal) / (high - low), 0.0, 1.0))
        found = self.log_nodes[inner - 1] * (1 - share) + self.log_nodes[inner] * share
        return np.where(at == 0, -np.inf, np.where(at == m, np.inf, found))

    def crossing(self, tolerance: float) -> Floats:
        """Depth from which on the risk is within a tolerance, steps: (n,); beyond the measured depths by the law."""
        inside, by_law = np.exp(self.log_crossing(tolerance)), super().crossing(tolerance)
        if self.ends:
            return np.maximum(inside, self.known_from)
        before = inside < self.known_from
        found = np.where(before, np.minimum(by_law, self.known_from), np.where(np.isinf(inside), by_law, inside))
        return np.where(self.params[:, 0] >= tolerance, np.inf, found)

    def weights(self) -> Floats:
        """Weights (p, n) under each prior; the fit's own first."""
        return self.priors.astype(float)

    def median_crossing(self, tolerance: float) -> float:
        """Depth as ``pl.depth_for_tolerance`` has it: of a posterior the median of the draws, else the estimate's."""
        if self.estimate is not None:
            return float(crossing_depth(*self.estimate, tolerance))
        found = (self if self.exact is None else self.exact).crossing(tolerance)
        return float(np.quantile(found, 0.5, method="nearest"))

    def median_crossings(self, tolerances: Floats) -> Floats:
        """The same at many tolerances, from the table: where the median of the largest risks meets them."""
        if self.estimate is not None:
            return np.asarray(crossing_depth(*self.estimate, tolerances))
        middle, goal = np.median(self.log_envelope, axis=1)[::-1], np.log(tolerances)
        found = np.exp(np.interp(goal, middle, self.log_nodes[::-1]))
        # outside the table, and before what was measured
        outside = np.flatnonzero((goal < middle[0]) | (found < self.known_from))
        found[outside] = [np.quantile(self.crossing(float(t)), 0.5, method="nearest") for t in tolerances[outside]]
        return np.asarray(found)

    def by_budget(self, tolerance: float, budgets: Floats) -> Along:
        """Count along budgets (m,), increasing, in steps, with the tolerance (metric²) held."""
        size = len(budgets)
        noise = self.left > tolerance
        first = np.where(noise, size, np.searchsorted(np.log(budgets), self.log_crossing(tolerance)))
        return self._along(first, np.where(noise, size, 0), size)

    def by_tolerance(self, budget: float, tolerances: Floats) -> Along:
        """Count along tolerances (m,), increasing, metric², with the budget (steps) held."""
        risk = np.maximum(self.envelope(np.array([budget]))[:, 0], self.left)
        return self._along(np.searchsorted(tolerances, risk), np.searchsorted(tolerances, self.left), len(tolerances))

    def _along(self, sufficient: NDArray[np.intp], start: NDArray[np.intp], size: int) -> Along:
        """Counts from positions (``size``: never) from which on each draw is sufficient, and is not noise any more."""
        n = len(sufficient)

        def counted(first: NDArray[np.intp], weight: Floats | None = None) -> Floats:
            return np.asarray(np.bincount(first, weight, size + 1)[:size].cumsum())

        static = counted(sufficient)
        noise = n - counted(start)
        counts = np.stack([static, n - static - noise, noise])
        least = np.ones(size)
        best = counts.argmax(axis=0)
        for weight in self.priors[1:]:
            inside, quiet = counted(sufficient, weight), counted(start, weight)
            shares = np.stack([inside, quiet - inside, 1 - quiet])
            least = np.minimum(least, np.take_along_axis(shares, best[None], axis=0)[0])
        low = np.floor(np.clip(least, 0, 1) * FULL + 1e-3)
        return Along(static.astype(np.uint16), noise.astype(np.uint16), low.astype(np.uint16))


def tabulate(fit: DecayResults, draws: int, rng: Any, ends: tuple[float, float], keep: bool) -> Tabulated:
    """Draw a fit and tabulate it.

    Parameters
    ----------
    fit : DecayResults
    draws, rng
        As for `DecayResults.sample`.
    ends : pair of float
        Depths that the table covers closely, steps.
    keep : bool
        Whether the draws themselves are kept.

    Returns
    -------
    Tabulated
    """
    # from a generator, of the seed that None stands for too: the fit then keeps no draws of its own
    sample = fit.sample(draws, np.random.default_rng(0 if rng is None else rng))
    nodes = _nodes(np.log(fit.curve.depth), *np.log(ends))
    with np.errstate(divide="ignore"):
        envelope = np.log(np.maximum(sample.envelope(np.exp(nodes)), np.finfo(np.float32).tiny))
    left = sample.lasting()
    by_rows = sample.lasting_of_rows() if hasattr(sample, "lasting_of_rows") else np.zeros_like(left)
    estimate = None
    if not fit.by_draws:
        limit, scale, rate = map(float, fit.params)
        estimate = (limit, scale, rate)
    return Tabulated(
        sample.params, nodes, np.ascontiguousarray(envelope.T, dtype=np.float32), left, by_rows,
        sample.weights().astype(np.float32), fit.known_from, sample if keep else None,
        estimate, isinstance(fit, FreshResults),
    )  # fmt: skip


def _nodes(measured: Floats, low: float, high: float) -> Floats:
    """Logarithms of depths: close over the measured ones and to both ends, wider beyond."""
    steps = max(1, _INSIDE // (len(measured) - 1))
    parts = [np.linspace(a, b, steps, endpoint=False) for a, b in itertools.pairwise(measured)]
    if low < measured[0]:
        parts.insert(0, np.linspace(low, measured[0], int((measured[0] - low) / _STEP) + 1, endpoint=False))
    last, end = measured[-1], max(high, measured[-1] + _STEP)
    parts.append(np.linspace(last, end, int((end - last) / _STEP) + 2))
    most = max(last + np.log(_BEYOND), end + _STEP)
    return np.concatenate([*parts, np.linspace(end, most, _FAR)[1:]])
