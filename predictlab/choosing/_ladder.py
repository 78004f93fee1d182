"""What is known of each candidate's end: a posterior over mean curves of exchangeable candidates and noisy runs.

Depths are rungs, shares of each candidate's own recipe. Candidate ``i`` has a mean over seeds ``m_ik`` at rung ``k``;
its runs are ``y_isk = m_ik + r_isk``. Two chains of regressions along the rungs say how they hang together:

- candidates: ``m_i1 ~ N(mu, tau²)`` and ``m_i,k+1 ~ N(a_k + b_k m_ik, w_k²)``: how well a depth predicts the end;
- runs: ``r_is1 ~ N(0, l_i v_1)`` and ``r_is,k+1 ~ N(p_k r_isk, l_i v_k+1)``, where ``l_i`` are the candidates' own
  factors of variance, inverse gamma with ``d0`` degrees of freedom (limma's pooling), and ``d0`` is unknown too.

Everything is unknown and drawn by Gibbs sampling, many chains at once; each conditional law is a textbook one, and the
means have a tridiagonal precision. Which runs went deeper depends on what was seen alone, and may be ignored given it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from predictlab.risk._curve import Array

CHAINS, KEPT, FIRST, LATER = 200, 4, 60, 8  # chains, states kept of each, sweeps before the first and between looks
SHAPES = np.array([2.0, 4.0, 8.0, 16.0, 64.0])  # what d0 may be
SLOPE, SLOPE_SD = 0.8, 0.5  # prior of b, in units of each rung's spread
CARRY, CARRY_SD = 0.6, 0.4  # prior of p
SHARED = (0.5, 4.0)  # gamma prior (shape, rate) of the scale that the variances of a chain have in common
DF = 3.0  # of a variance about that scale
FLAT = 1e-2  # precision of levels
ENOUGH = 4  # candidates at a rung, for its unit


@dataclass
class Rungs:
    """Runs by candidate and rung.

    Attributes
    ----------
    values : list of ndarray, (S_i, K) each
        NaN beyond the rung that a run has reached.
    """

    values: list[Array]

    @property
    def reached(self) -> list[Array]:
        """Number of rungs that each run has, (S_i,) each."""
        return [np.isfinite(v).sum(axis=1) for v in self.values]


@dataclass
class Posterior:
    """Draws of what matters for the next run and for the choice; metric units.

    Attributes
    ----------
    mean : ndarray, shape (draws, N, K)
        Mean over seeds of each candidate at each rung.
    carry : ndarray, shape (K-1,)
        ``p_k``, posterior mean.
    noise : ndarray, shape (N, K)
        ``l_i v_k``, posterior mean of variances of a run's innovations.
    end_noise : ndarray, shape (N,)
        Variance over seeds at the last rung, posterior median.
    correlation : ndarray, shape (K,)
        Of the means at each rung with those at the last, over candidates, posterior median.
    """

    mean: Array
    carry: Array
    noise: Array
    end_noise: Array
    correlation: Array

    @property
    def end(self) -> Array:
        """Mean at the end, (draws, N)."""
        return self.mean[:, :, -1]


@dataclass
class Ladder:
    """The sampler, which goes on from look to look.

    Parameters
    ----------
    candidates, rungs : int
    rng : numpy.random.Generator
    """

    candidates: int
    rungs: int
    rng: np.random.Generator
    state: dict[str, Array] = field(default_factory=dict)
    seen: tuple[int, ...] = ()
    centre: Array = field(default_factory=lambda: np.zeros(0))
    scale: Array = field(default_factory=lambda: np.ones(0))

    def look(self, data: Rungs, *, longer: bool = False) -> Posterior:
        """Posterior given all that has been measured; `longer` takes its time, where something hangs on it."""
        seen = tuple(min(int(sum(np.isfinite(v[:, j]).any() for v in data.values)), ENOUGH) for j in range(self.rungs))
        first = not self.state
        if seen != self.seen:  # levels and units are taken from the candidates that have come to a rung
            centre, scale = self._units(data)
            if first:
                self._begin()
            else:
                self._converted(centre, scale)
            self.centre, self.scale, self.seen = centre, scale, seen
        known = _Sums(data, self.centre, self.scale, self.rungs)
        kept = []
        before = FIRST if first or longer else LATER
        for sweep in range(before + 3 * KEPT):
            self._sweep(known)
            if sweep >= before and sweep % 3 == 0:
                kept.append({name: value.copy() for name, value in self.state.items()})
        return self._posterior(kept)

    def _units(self, data: Rungs) -> tuple[Array, Array]:
        """Level and unit of each rung, (K,) each; in these units slopes along the rungs are about 1."""
        means = np.full((self.candidates, self.rungs), np.nan)
        for i, values in enumerate(data.values):
            for j in range(self.rungs):
                if (here := values[np.isfinite(values[:, j]), j]).size:
                    means[i, j] = here.mean()
        centre, scale = np.zeros(self.rungs), np.ones(self.rungs)
        for j in range(self.rungs):
            here = means[np.isfinite(means[:, j])]
            scale[j] = scale[j - 1] if j else float(np.std(here[:, 0])) or 1.0
            if j and len(here) >= ENOUGH and np.std(here[:, j - 1]) > 0:
                scale[j] *= float(np.clip(np.std(here[:, j]) / np.std(here[:, j - 1]), 0.1, 30.0))
            centre[j] = here[:, j].mean() if len(here) else centre[j - 1]
        return centre, scale

    def _begin(self) -> None:
        d, n, k = CHAINS, self.candidates, self.rungs
        rng = self.rng
        self.state = {
            "m": np.zeros((d, n, k)), "mu": np.zeros(d), "tau": np.ones(d), "a": np.zeros((d, k - 1)),
            "b": SLOPE + 0.3 * rng.standard_normal((d, k - 1)), "w": np.full((d, k - 1), 0.1),
            "ws": np.full(d, 0.1), "p": CARRY + 0.2 * rng.standard_normal((d, k - 1)),
            "v": 0.1 * np.exp(rng.standard_normal((d, 1))) * np.ones((d, k)), "vs": np.full(d, 0.1),
            "l": np.ones((d, n)), "d0": np.full(d, 8.0),
        }  # fmt: skip

    def _converted(self, centre: Array, scale: Array) -> None:
        """Carry the chains over to other levels and units; a rung that nothing had come to begins afresh."""
        s, ratio = self.state, self.scale / scale
        shift = (self.centre - centre) / scale
        s["m"] = s["m"] * ratio + shift
        for j in range(self.rungs - 1):
            b = s["b"][:, j]
            if self.seen[j + 1]:
                s["a"][:, j] = ratio[j + 1] * (s["a"][:, j] - b * shift[j] / ratio[j]) + shift[j + 1]
                s["b"][:, j] = b * ratio[j + 1] / ratio[j]
                s["p"][:, j] *= ratio[j + 1] / ratio[j]
                s["w"][:, j] *= ratio[j + 1] ** 2
                s["v"][:, j + 1] *= ratio[j + 1] ** 2
            else:
                s["a"][:, j] = 0.0
                s["m"][:, :, j + 1] = b[:, None] * s["m"][:, :, j]

    def _sweep(self, known: _Sums) -> None:
        self.state["m"] = self._means(known)
        self._runs(known)
        self._candidates(known)

    def _means(self, known: _Sums) -> Array:
        """Draw all means given the chains: forward elimination and backward sampling of a tridiagonal Gaussian."""
        s, k = self.state, self.rungs
        d, n = s["l"].shape
        diagonal, off, linear = np.zeros((d, n, k)), np.zeros((d, n, max(k - 1, 1))), np.zeros((d, n, k))
        diagonal[:, :, 0] += (1 / s["tau"])[:, None]
        linear[:, :, 0] += (s["mu"] / s["tau"])[:, None]
        for j in range(k - 1):
            a, b, w = (s[name][:, j, None] for name in ("a", "b", "w"))
            diagonal[:, :, j + 1] += 1 / w
            diagonal[:, :, j] += b**2 / w
            off[:, :, j] -= b / w
            linear[:, :, j + 1] += a / w
            linear[:, :, j] -= a * b / w
        for j in range(k):
            precision = 1 / (s["l"] * s["v"][:, j, None])
            count, y, y0, _, _, _ = known.at(j)
            if j == 0:
                diagonal[:, :, 0] += count * precision
                linear[:, :, 0] += y * precision
                continue
            p = s["p"][:, j - 1, None]
            rest = y - p * y0
            diagonal[:, :, j] += count * precision
            diagonal[:, :, j - 1] += p**2 * count * precision
            off[:, :, j - 1] -= p * count * precision
            linear[:, :, j] += rest * precision
            linear[:, :, j - 1] -= p * rest * precision
        z = self.rng.standard_normal((d, n, k))
        m = np.empty((d, n, k))
        for j in range(1, k):  # eliminate
            factor = off[:, :, j - 1] / diagonal[:, :, j - 1]
            diagonal[:, :, j] -= factor * off[:, :, j - 1]
            linear[:, :, j] -= factor * linear[:, :, j - 1]
        m[:, :, -1] = linear[:, :, -1] / diagonal[:, :, -1] + z[:, :, -1] / np.sqrt(diagonal[:, :, -1])
        for j in range(k - 2, -1, -1):
            mean = (linear[:, :, j] - off[:, :, j] * m[:, :, j + 1]) / diagonal[:, :, j]
            m[:, :, j] = mean + z[:, :, j] / np.sqrt(diagonal[:, :, j])
        return m

    def _runs(self, known: _Sums) -> None:
        """Draw the chain of runs, and the candidates' factors."""
        s, k = self.state, self.rungs
        d, n = s["l"].shape
        squares, counts = np.zeros((d, n, k)), np.zeros((n, k))
        for j in range(k):
            count, y, y0, yy, y0y, y0y0 = known.at(j)
            counts[:, j] = count
            m1 = s["m"][:, :, j]
            own = yy - 2 * m1 * y + count * m1**2
            if j == 0:
                squares[:, :, 0] = own
                continue
            m0 = s["m"][:, :, j - 1]
            cross = y0y - m0 * y - m1 * y0 + count * m0 * m1
            before = np.maximum(y0y0 - 2 * m0 * y0 + count * m0**2, 0.0)
            weight = 1 / s["l"]
            precision = (before * weight).sum(axis=1) / s["v"][:, j] + 1 / CARRY_SD**2
            linear = (cross * weight).sum(axis=1) / s["v"][:, j] + CARRY / CARRY_SD**2
            p = linear / precision + self.rng.standard_normal(d) / np.sqrt(precision)
            s["p"][:, j - 1] = p
            squares[:, :, j] = own - 2 * p[:, None] * cross + p[:, None] ** 2 * before
        squares = np.maximum(squares, 0)
        total = (squares / s["l"][:, :, None]).sum(axis=1)
        shape = (DF + counts.sum(axis=0)) / 2
        s["v"] = (DF * s["vs"][:, None] + total) / 2 / self.rng.standard_gamma(np.broadcast_to(shape, (d, k)))
        s["vs"] = self._shared(s["v"])
        own_shape = (s["d0"][:, None] + counts.sum(axis=1)) / 2
        rate = (s["d0"][:, None] + (squares / s["v"][:, None, :]).sum(axis=2)) / 2
        s["l"] = rate / self.rng.standard_gamma(own_shape)
        s["d0"] = self._freedom(s["l"])

    def _candidates(self, known: _Sums) -> None:
        """Draw the chain of candidates, from those that have been measured at the deeper rung."""
        s, d = self.state, len(self.state["mu"])
        first = s["m"][:, :, 0]
        n = first.shape[1]
        precision = n / s["tau"] + FLAT
        s["mu"] = first.sum(axis=1) / s["tau"] / precision + self.rng.standard_normal(d) / np.sqrt(precision)
        rest = np.sum((first - s["mu"][:, None]) ** 2, axis=1)
        s["tau"] = (DF * 1.0 + rest) / 2 / self.rng.standard_gamma((DF + n) / 2, d)
        for j in range(self.rungs - 1):
            here = known.at(j + 1)[0] > 0
            x, y = s["m"][:, here, j], s["m"][:, here, j + 1]
            w, count = s["w"][:, j], int(here.sum())
            # a and b together: precision matrix of two
            aa = count / w + FLAT
            ab = x.sum(axis=1) / w
            bb = (x**2).sum(axis=1) / w + 1 / SLOPE_SD**2
            la, lb = y.sum(axis=1) / w, (x * y).sum(axis=1) / w + SLOPE / SLOPE_SD**2
            determinant = aa * bb - ab**2
            z = self.rng.standard_normal((2, d))
            b = (aa * lb - ab * la) / determinant + z[0] * np.sqrt(aa / determinant)
            a = (la - ab * b) / aa + z[1] / np.sqrt(aa)
            s["a"][:, j], s["b"][:, j] = a, b
            rest = np.sum((y - a[:, None] - b[:, None] * x) ** 2, axis=1)
            s["w"][:, j] = (DF * s["ws"] + rest) / 2 / self.rng.standard_gamma((DF + count) / 2, d)
        if self.rungs > 1:
            s["ws"] = self._shared(s["w"])

    def _shared(self, variances: Array) -> Array:
        """The scale that variances, (d, k), have in common: gamma, given inverse gammas about it."""
        shape = SHARED[0] + DF * variances.shape[1] / 2
        rate = SHARED[1] + DF * np.sum(1 / variances, axis=1) / 2
        return np.asarray(self.rng.standard_gamma(shape, len(variances)) / rate)

    def _freedom(self, factors: Array) -> Array:
        """Degrees of freedom of the factors, (d, n), out of a few, a priori alike."""
        from scipy.special import gammaln

        n = factors.shape[1]
        half = SHAPES / 2
        each = n * (half * np.log(half) - gammaln(half))
        logs = np.log(factors).sum(axis=1)[:, None] * -(half + 1) - half * np.sum(1 / factors, axis=1)[:, None] + each
        chance = np.exp(logs - logs.max(axis=1, keepdims=True))
        edge = np.cumsum(chance / chance.sum(axis=1, keepdims=True), axis=1)
        pick = np.sum(edge < self.rng.random((len(factors), 1)), axis=1)
        return SHAPES[np.minimum(pick, len(SHAPES) - 1)]

    def _posterior(self, kept: list[dict[str, Array]]) -> Posterior:
        joined = {name: np.concatenate([state[name] for state in kept]) for name in kept[0]}
        noise = joined["l"][:, :, None] * joined["v"][:, None, :]
        end = noise[:, :, 0].copy()
        spread = joined["tau"].copy()
        steps = []
        for j in range(self.rungs - 1):
            end = joined["p"][:, j, None] ** 2 * end + noise[:, :, j + 1]
            steps.append((joined["b"][:, j], joined["w"][:, j]))
        correlation = np.ones((len(spread), self.rungs))
        variances = [spread]
        for b, w in steps:
            variances.append(b**2 * variances[-1] + w)
        for j in range(self.rungs):
            slope = np.prod([b for b, _ in steps[j:]], axis=0) if j < len(steps) else 1.0
            correlation[:, j] = slope * np.sqrt(variances[j] / variances[-1])
        return Posterior(
            mean=self.centre + self.scale * joined["m"],
            carry=joined["p"].mean(axis=0) * self.scale[1:] / self.scale[:-1],
            noise=self.scale**2 * np.median(noise, axis=0),
            end_noise=self.scale[-1] ** 2 * np.median(end, axis=0),
            correlation=np.median(correlation, axis=0),
        )


class _Sums:
    """Sums over runs of each candidate, by rung: counts, values and products with the rung before."""

    def __init__(self, data: Rungs, centre: Array, scale: Array, rungs: int) -> None:
        self._at = []
        scaled = [(v - centre) / scale for v in data.values]
        for j in range(rungs):
            columns = []
            for v in scaled:
                here = v[np.isfinite(v[:, j])]
                y = here[:, j]
                y0 = here[:, j - 1] if j else np.zeros(len(y))
                columns.append((len(y), y.sum(), y0.sum(), (y * y).sum(), (y0 * y).sum(), (y0 * y0).sum()))
            self._at.append(tuple(np.array(c, dtype=float) for c in zip(*columns, strict=True)))

    def at(self, j: int) -> tuple[Array, Array, Array, Array, Array, Array]:
        """Count, y, y0, y², y0 y and y0², (N,) each, of the runs that have reached the rung; y0 is one rung before."""
        found: tuple[Array, Array, Array, Array, Array, Array] = self._at[j]  # type: ignore[assignment]
        return found
