"""Which runs next: those that are expected to better the choice most, per cost.

Optimal computing budget allocation shares out equal samples; here runs may be begun, or carried on to a deeper rung,
and each tells about the end what the posterior says it does. What is maximised is the knowledge gradient (Frazier,
Powell, Dayanik 2008, SIAM Journal on Control and Optimization 47, 2410-2439; 2009, INFORMS Journal on Computing 21,
599-613, with beliefs that hang together): the bound on the error that the allocation comes from, a sum over rivals,
gave nearly all runs to the leader while little was known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

from predictlab.choosing._ladder import Posterior
from predictlab.risk._curve import Array

CHANCE = 0.25  # correlation that some hundred draws show of what has none
_HALF = norm.ppf(qmc.Sobol(8, seed=0).random(64))
NORMAL = np.concatenate([_HALF, -_HALF])  # where what is read may move the means, in standard deviations


@dataclass(frozen=True)
class Run:
    """One run to begin, or to carry on.

    Attributes
    ----------
    candidate : int
    seed : int
        Number of the run among those of the candidate; the next one begins a new run.
    rung : int
        To be reached, from 0.
    cost : float
    """

    candidate: int
    seed: int
    rung: int
    cost: float


@dataclass
class Chooser:
    """The state that a batch of runs is chosen from; it moves on as if each run that was chosen had been made.

    Parameters
    ----------
    posterior : Posterior
    sign : float
        1 where higher is better, else -1.
    reached : list of list of int
        Rungs that each run of each candidate has (0: none).
    prices : ndarray, shape (N, K)
        Of a run from its start to each rung.
    most : list of int or None
        Runs that each candidate can have.
    out : ndarray of bool, shape (N,)
        Candidates that are not chosen, and have no more runs.
    """

    posterior: Posterior
    sign: float
    reached: list[list[int]]
    prices: Array
    most: list[int | None]
    out: NDArray[np.bool_]

    def __post_init__(self) -> None:
        draws = self.sign * self.posterior.mean
        self.mean = np.where(self.out, -np.inf, draws[:, :, -1].mean(axis=0))
        self.draws = draws - draws.mean(axis=0)
        self.rng = np.random.default_rng(0)

    def choose(self, budget: float, left: float) -> list[Run]:
        """The best run that `left` pays for, and more as long as all together cost at most `budget`."""
        chosen: list[Run] = []
        while True:
            found = self._best(budget - sum(run.cost for run in chosen) if chosen else left)
            if found is None:
                return chosen
            self._made(*found)
            chosen.append(found[0])

    def finishing(self, i: int) -> Run | None:
        """The run that would bring a candidate to its end for least; None where one has come there, or none can."""
        k = self.prices.shape[1]
        if self.reached[i] and max(self.reached[i]) == k:
            return None
        ends = [run for run, _, _ in self._offered(i, self.reached[i]) if run.rung == k - 1]
        return min(ends, key=lambda run: run.cost, default=None)

    def _best(self, budget: float) -> tuple[Run, Array, Array] | None:
        """The run with the largest gain per cost, what is read of it, and with which noise."""
        best, rate = None, -np.inf
        for i, reached in enumerate(self.reached):
            offered = [o for o in self._offered(i, reached) if o[0].cost <= budget * (1 + 1e-9)]
            if not offered or self.out[i]:
                continue
            own = self.draws[:, i]
            covariance = own.T @ own / len(own)
            with_ends = self._with_ends(own)
            for run, read, noise in offered:
                seen = read @ covariance @ read.T + np.diag(noise)
                values, vectors = np.linalg.eigh(seen)
                moved = with_ends @ read.T @ vectors / np.sqrt(np.maximum(values, 1e-300))
                after = self.mean + NORMAL[:, : len(noise)] @ moved.T
                gain = (float(np.mean(after.max(axis=1))) - float(self.mean.max())) / run.cost
                tie = 1e-9 * float(np.sqrt(np.sum(moved[i] ** 2))) / run.cost  # where nothing tells any more
                if gain + tie > rate:
                    best, rate = (run, read, noise), gain + tie
        return best

    def _with_ends(self, own: Array) -> Array:
        """Covariance of all ends with the means of one candidate, (N, K); what the draws show by chance is left out."""
        ends = self.draws[:, :, -1]
        covariance = ends.T @ own / len(own)
        size = np.sqrt(np.outer((ends**2).mean(axis=0), (own**2).mean(axis=0)))
        return np.asarray(np.where(np.abs(covariance) > CHANCE * size, covariance, 0.0))

    def _offered(self, i: int, reached: list[int]) -> list[tuple[Run, Array, Array]]:
        """Runs of a candidate to begin or carry on; what they read of its means, (r, K), and noise, (r,)."""
        k = self.prices.shape[1]
        pieces = np.eye(k)
        pieces[np.arange(1, k), np.arange(k - 1)] = -self.posterior.carry
        offered = []
        short = [(depth, seed) for seed, depth in enumerate(reached) if depth < k]
        if short:
            depth, seed = max(short)
            for j in range(depth, k):
                cost = float(self.prices[i, j] - (self.prices[i, depth - 1] if depth else 0.0))
                told = slice(depth, j + 1)
                offered.append((Run(i, seed, j, cost), pieces[told], self.posterior.noise[i, told]))
        limit = self.most[i]
        if limit is None or len(reached) < limit:
            for j in range(k):
                run = Run(i, len(reached), j, float(self.prices[i, j]))
                offered.append((run, pieces[: j + 1], self.posterior.noise[i, : j + 1]))
        return offered

    def _made(self, run: Run, read: Array, noise: Array) -> None:
        """Condition the draws on a run, wherever it may have ended: their spread is then what it would be."""
        own = self.draws[:, run.candidate]
        values = own @ read.T + np.sqrt(noise) * self.rng.standard_normal((len(own), len(noise)))
        seen = read @ (own.T @ own / len(own)) @ read.T + np.diag(noise)
        flat = self.draws.reshape(len(own), -1)
        gain = np.linalg.solve(seen, read @ (own.T @ flat / len(own)))
        self.draws = (flat - values @ gain).reshape(self.draws.shape)
        reached = self.reached[run.candidate]
        if run.seed == len(reached):
            reached.append(run.rung + 1)
        else:
            reached[run.seed] = run.rung + 1


def within(end: Array, margin: float) -> Array:
    """Probability that each candidate is behind the best by at most the margin; of `end`, (draws, N), up is good."""
    return np.asarray(np.mean(end >= end.max(axis=1, keepdims=True) - margin, axis=0))


def leader_of(end: Array, margin: float) -> int:
    """The candidate that is most surely within the margin of the best; among equals that with the best mean."""
    chance = within(end, margin)
    mean = end.mean(axis=0)
    return int(max(range(len(mean)), key=lambda i: (round(float(chance[i]), 3), mean[i])))
