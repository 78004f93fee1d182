"""Which runs next: those after which a right choice is expected to be likelier by most, per cost.

Optimal computing budget allocation shares out equal samples; here runs may be begun, or carried on to a deeper rung,
and each tells about the end what the posterior says it does. What is maximised is the probability of a good selection
one run ahead, per cost: the knowledge gradient (Frazier, Powell, Dayanik 2008, SIAM Journal on Control and Optimization
47, 2410-2439; 2009, INFORMS Journal on Computing 21, 599-613, with beliefs that hang together) of that probability,
as Chen, He, Fu and Lee (2008, INFORMS Journal on Computing 20, 579-595) allocate by it. Rivals are taken as if each
were passed by itself: a product over them. Beliefs are taken as normal for this alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import norm, qmc

from predictlab.choosing._ladder import Posterior
from predictlab.risk._curve import Array

CHANCE = 0.1  # correlation of two candidates that some hundred states show where there is none
HALF = 16  # points, and as many mirrored ones, at which means may move
HOPELESS = 0.002  # probability of being good of candidates that get no more runs
SURE = 40.0  # standard deviations: what is no rival
NEGLIGIBLE = 1e-9  # of a gain, to go by where nothing tells any more


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
    margin : float
        By how much a good choice may be behind the best, metric.
    closed : float
        Variance of each end that no run tells of, metric².
    """

    posterior: Posterior
    sign: float
    reached: list[list[int]]
    prices: Array
    most: list[int | None]
    out: NDArray[np.bool_]
    margin: float
    closed: float = 0.0

    def __post_init__(self) -> None:
        n, k = self.prices.shape
        self.mean = np.where(self.out, -np.inf, self.sign * self.posterior.mean[:, -1])
        sd = np.sqrt(np.einsum("ikik->ik", self.posterior.covariance))
        size = np.maximum(sd[:, :, None, None] * sd, 1e-300)
        own = np.eye(n, dtype=bool)[:, None, :, None]
        shown = own | (np.abs(self.posterior.covariance) > CHANCE * size)
        kept = np.where(shown, self.posterior.covariance, 0.0).reshape(n * k, -1)
        values, vectors = np.linalg.eigh(kept)  # what is left need not be a covariance
        self.covariance = ((vectors * np.maximum(values, 0.0)) @ vectors.T).reshape(n, k, n, k)
        ends = np.where(self.out, -np.inf, self.sign * self.posterior.end)
        self.matter = ~self.out & (within(ends, self.margin) > HOPELESS)
        half = norm.ppf(qmc.Sobol(k, seed=0).random(HALF))
        self.points = np.concatenate([half, -half]).T  # (K, points), standard deviations
        one = np.eye(k)
        one[np.arange(1, k), np.arange(k - 1)] = -self.posterior.carry
        rung = np.arange(k)
        told = (rung >= rung[:, None, None]) & (rung <= rung[None, :, None])  # from, to, rung
        self.told, self.read = told, np.where(told[..., None], one, 0.0)

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
        ends = [run for run, _ in self._offered(i) if run.rung == k - 1]
        return min(ends, key=lambda run: run.cost, default=None)

    def _best(self, budget: float) -> tuple[Run, int] | None:
        """The run with the largest gain per cost, and the rung that it goes on from (0: it is new)."""
        offered = [
            found for i in np.flatnonzero(self.matter) for found in self._offered(int(i))
            if found[0].cost <= budget * (1 + 1e-9)
        ]  # fmt: skip
        if not offered:
            return None
        owner, rung, begun, cost = (np.array(c) for c in zip(
            *((run.candidate, run.rung, from_, run.cost) for run, from_ in offered), strict=True
        ))  # fmt: skip
        read = self.read[begun, rung]  # (offers, K, K): each rung less what the one before carries on; 0 where not read
        noise = np.where(self.told[begun, rung], self.posterior.noise[owner], 1.0)
        n, k = self.prices.shape
        own = self.covariance[np.arange(n), :, np.arange(n)][owner]
        seen = read @ own @ read.transpose(0, 2, 1) + noise[:, :, None] * np.eye(k)
        with_ends = self.covariance[:, -1][:, owner].transpose(1, 2, 0)  # (offers, K, N)
        moved = np.linalg.solve(np.linalg.cholesky(seen), read @ with_ends)
        gain = (self._good(moved) - self._good(np.zeros((1, k, n)))) / cost
        tie = np.sqrt(np.sum(moved[np.arange(len(owner)), :, owner] ** 2, axis=1)) / cost
        return offered[int(np.argmax(gain + NEGLIGIBLE * tie / (tie.max() or 1.0)))]

    def _good(self, moved: Array) -> Array:
        """Probability that what would be chosen is good, expected over what may be read.

        Parameters
        ----------
        moved : ndarray, shape (offers, K, N)
            How far the ends' means move a standard deviation of each of the K numbers read.

        Returns
        -------
        ndarray, shape (offers,)
        """
        ends = self.covariance[:, -1, :, -1] + self.closed * np.eye(len(self.mean))
        # differences from what would be chosen: their variance once it is read, less what the reading has told
        after = (moved.transpose(0, 2, 1) @ self.points).transpose(0, 2, 1) + self.mean  # (offers, points, N)
        chosen = after.argmax(axis=2)
        told = moved.transpose(0, 2, 1) @ moved
        left = ends - told  # (offers, N, N)
        own = np.einsum("onn->on", left)
        variance = np.maximum(own[:, :, None] + own[:, None] - 2 * left, 1e-300)
        apart = np.sqrt(variance)[np.arange(len(moved))[:, None], chosen]
        ahead = np.take_along_axis(after, chosen[:, :, None], axis=2) - after + self.margin
        ahead /= apart
        np.put_along_axis(ahead, chosen[:, :, None], SURE, axis=2)
        ahead[:, :, self.out] = SURE
        return np.asarray(ndtr(ahead).prod(axis=2).mean(axis=1))

    def _offered(self, i: int) -> list[tuple[Run, int]]:
        """Runs of a candidate to begin or carry on, with the rung they go on from."""
        k, reached = self.prices.shape[1], self.reached[i]
        price = self.prices[i]
        offered = []
        short = [(depth, seed) for seed, depth in enumerate(reached) if depth < k]
        if short:
            depth, seed = max(short)
            had = float(price[depth - 1]) if depth else 0.0
            offered += [(Run(i, seed, j, float(price[j]) - had), depth) for j in range(depth, k)]
        limit = self.most[i]
        if limit is None or len(reached) < limit:
            offered += [(Run(i, len(reached), j, float(price[j])), 0) for j in range(k)]
        return offered

    def _made(self, run: Run, begun: int) -> None:
        """Condition on a run, wherever it may have ended: the spread is then what it would be."""
        told = slice(begun, run.rung + 1)
        read, i = self.read[begun, run.rung][told], run.candidate
        seen = read @ self.covariance[i, :, i] @ read.T + np.diag(self.posterior.noise[i, told])
        flat = read @ self.covariance[i].reshape(read.shape[1], -1)  # (r, N K)
        self.covariance = self.covariance - (flat.T @ np.linalg.solve(seen, flat)).reshape(self.covariance.shape)
        reached = self.reached[i]
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
