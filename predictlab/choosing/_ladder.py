"""What is known of each candidate's end: a posterior over mean curves of exchangeable candidates and noisy runs.

Depths are rungs, shares of each candidate's own recipe. Candidate ``i`` has a mean over seeds ``m_ik`` at rung ``k``;
its runs are ``y_isk = m_ik + r_isk``. Two chains of regressions along the rungs say how they hang together:

- candidates: ``m_i1 ~ N(mu, tau)`` and ``m_i,k+1 ~ N(a_k + b_k m_ik + c (m_ik - m_i,k-1), w_k)``: how well a depth
  predicts the end, and whether what falls fast goes on to do so (``c``);
- runs: ``r_is1 ~ N(0, l_i v_1)`` and ``r_is,k+1 ~ N(p_k r_isk, l_i v_k+1)``, where ``l_i`` are the candidates' own
  factors of variance, inverse gamma with ``d0`` degrees of freedom (limma's pooling), ``d0`` is unknown too, and
  ``v_k`` lie about a power law of the depth, ``g`` from rung to rung.

Everything is unknown and drawn by Gibbs sampling, many chains at once; each conditional law is a textbook one, and the
means have a precision of five diagonals. Which runs went deeper depends on what was seen alone, and may be ignored
given it. Chains stand last in every array, so that each step of the algebra is one run through memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import gammaln

from predictlab.choosing._sums import Sums, units
from predictlab.risk._curve import Array

CHAINS, KEPT, APART = 64, 4, 2  # chains, states kept of each, sweeps between them
FIRST, LATER = 40, 6  # sweeps before the first look and between looks
PAIRS = 2  # draws of the means about each state's own mean, and as many mirrored ones
SHAPES = np.array([4.0, 8.0, 16.0, 64.0])  # what d0 may be
FALLS = np.array([0.25, 0.35, 0.5, 0.7, 1.0, 1.4])  # what g may be
SLOPE, SLOPE_SD, ALIKE = 0.9, 0.3, 0.15  # prior of the b's mean, in units of each rung's spread, and their sd about it
TREND_SD = 0.3  # prior of c, about 0
CARRY, CARRY_SD = 0.6, 0.4  # prior of p
SHARED = 0.5  # shape of the gamma prior of the scale that the variances of a chain have in common
RATES = {"t": 1.0, "w": 8.0, "v": 4.0}  # its rates, in units of the rungs: candidates, their innovations, runs
DF = {"t": 3.0, "w": 6.0, "v": 6.0}  # degrees of freedom of a variance about that scale
FLAT = 1e-2  # precision of levels
LEAST = 1e-9  # variance: where one rung says the next exactly, it would go to 0


@dataclass
class Rungs:
    """Runs by candidate and rung.

    Attributes
    ----------
    values : list of ndarray, (S_i, K) each
        NaN beyond the rung that a run has reached.
    """

    values: list[Array]


@dataclass
class Posterior:
    """What matters for the next run and for the choice; metric units.

    Attributes
    ----------
    end : ndarray, shape (draws, N)
        Draws of the mean over seeds of each candidate at the last rung.
    mean : ndarray, shape (N, K)
        Posterior means of the means over seeds.
    covariance : ndarray, shape (N, K, N, K)
        Posterior covariance of them, less the candidates' average at each rung.
    carry : ndarray, shape (K-1,)
        ``p_k``, posterior mean.
    noise : ndarray, shape (N, K)
        ``l_i v_k``, posterior median of variances of a run's innovations.
    end_noise : ndarray, shape (N,)
        Variance over seeds at the last rung, posterior median.
    correlation : ndarray, shape (K,)
        Of the means at each rung with those at the last, over candidates, posterior median.
    """

    end: Array
    mean: Array
    covariance: Array
    carry: Array
    noise: Array
    end_noise: Array
    correlation: Array


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
        seen = tuple(sum(bool(np.isfinite(v[:, j]).any()) for v in data.values) for j in range(self.rungs))
        seen = tuple(int(np.log2(count)) if count else -1 for count in seen)
        first = not self.state
        if seen != self.seen:  # levels and units are taken from the candidates that have come to a rung
            centre, scale = units(data.values, self.rungs)
            if first:
                self._begin()
            else:
                self._converted(centre, scale)
            self.centre, self.scale, self.seen = centre, scale, seen
        known = Sums(data.values, self.centre, self.scale)
        before = FIRST if first or longer else LATER
        kept, offs = [], []
        for sweep in range(before + APART * KEPT):
            middle, spread = self._means(known)
            if sweep >= before and (sweep - before) % APART == 0:  # the others of the state are those it was drawn from
                offs.append([spread(self.rng.standard_normal(middle.shape)) for _ in range(PAIRS)])
                kept.append({name: value.copy() for name, value in self.state.items()} | {"middle": middle})
            self.state["m"] = middle + spread(self.rng.standard_normal(middle.shape))
            self._runs(known)
            self._candidates(known)
        return self._posterior(kept, offs)

    def _begin(self) -> None:
        d, n, k = CHAINS, self.candidates, self.rungs
        rng = self.rng
        real = rng.uniform(0.02, 0.98, d)  # of what differs at the first rung, the candidates' part
        self.state = {
            "mu": np.zeros(d), "tau": real, "ts": real.copy(), "a": np.zeros((k - 1, d)),
            "b": SLOPE + 0.3 * rng.standard_normal((k - 1, d)), "bs": np.full(d, SLOPE),
            "c": 0.1 * rng.standard_normal(d), "g": np.ones(d), "w": np.full((k - 1, d), 0.1),
            "ws": np.full(d, 0.1), "p": CARRY + 0.2 * rng.standard_normal((k - 1, d)),
            "v": (1 - real) * np.ones((k, 1)), "vs": 1 - real, "l": np.ones((n, d)), "d0": np.full(d, 8.0),
            "m": np.zeros((k, n, d)),
        }  # fmt: skip

    def _converted(self, centre: Array, scale: Array) -> None:
        """Carry the chains over to other levels and units; a rung that nothing had come to begins afresh."""
        s, ratio = self.state, self.scale / scale
        shift = (self.centre - centre) / scale
        s["mu"] = s["mu"] * ratio[0] + shift[0]
        for name in ("tau", "ts", "vs"):
            s[name] = s[name] * ratio[0] ** 2
        s["v"][0] *= ratio[0] ** 2
        for j in range(self.rungs - 1):
            if self.seen[j + 1] >= 0:
                s["a"][j] = ratio[j + 1] * (s["a"][j] - s["b"][j] * shift[j] / ratio[j]) + shift[j + 1]
                s["b"][j] *= ratio[j + 1] / ratio[j]
                s["p"][j] *= ratio[j + 1] / ratio[j]
                s["w"][j] *= ratio[j + 1] ** 2
                s["v"][j + 1] *= ratio[j + 1] ** 2
            else:
                s["a"][j] = 0.0  # slopes and c stay as they are: their units hardly change

    def _means(self, known: Sums) -> tuple[Array, _Spread]:
        """Law of all means given the chains, a banded Gaussian: its mean, (K, N, d), and how to draw about it."""
        s, k = self.state, self.rungs
        precision = 1 / (s["l"] * s["v"][:, None])
        diagonal = known.count * precision
        linear = known.y * precision
        diagonal[0] += 1 / s["tau"]
        linear[0] += s["mu"] / s["tau"]
        a, w, c = s["a"], 1 / s["w"], s["c"]
        b, p = s["b"].copy(), s["p"][:, None]
        b[1:] += c
        stiff, carried = (b * w)[:, None], p * diagonal[1:]
        off, far = -stiff - carried, np.zeros((max(k - 2, 0), *s["l"].shape))
        cross = p * known.y0[1:] * precision[1:]
        linear[:-1] -= (b * w * a)[:, None] + p * (linear[1:] - cross)
        linear[1:] += (a * w)[:, None] - cross
        diagonal[:-1] += b[:, None] * stiff + p * carried
        diagonal[1:] += w[:, None]
        if k > 2:
            linear[:-2] += (c * a * w)[1:, None]
            diagonal[:-2] += (c**2 * w)[1:, None]
            off[:-1] -= c * stiff[1:]
            far += (c * w)[1:, None]
        for j in range(k - 1):  # eliminate
            one = off[j] / diagonal[j]
            diagonal[j + 1] -= one * off[j]
            linear[j + 1] -= one * linear[j]
            off[j] = one
            if j < k - 2:
                two = far[j] / diagonal[j]
                off[j + 1] -= one * far[j]
                diagonal[j + 2] -= two * far[j]
                linear[j + 2] -= two * linear[j]
                far[j] = two
        spread = _Spread(off, far, 1 / np.sqrt(diagonal))
        return spread.back(linear / diagonal), spread

    def _runs(self, known: Sums) -> None:
        """Draw the chain of runs, and the candidates' factors."""
        s, m = self.state, self.state["m"]
        squares = known.yy - 2 * m * known.y + known.count * m**2
        if self.rungs > 1:
            m0, m1, count = m[:-1], m[1:], known.count[1:]
            cross = known.y0y[1:] - m0 * known.y[1:] - m1 * known.y0[1:] + count * m0 * m1
            before = np.maximum(known.y0y0[1:] - 2 * m0 * known.y0[1:] + count * m0**2, 0.0)
            v = s["v"][1:]
            precision = (before / s["l"]).sum(axis=1) / v + 1 / CARRY_SD**2
            linear = (cross / s["l"]).sum(axis=1) / v + CARRY / CARRY_SD**2
            p = linear / precision + self.rng.standard_normal(v.shape) / np.sqrt(precision)
            s["p"] = p
            squares[1:] += p[:, None] * (p[:, None] * before - 2 * cross)
        squares = np.maximum(squares, 0)
        fall = s["g"] ** np.arange(self.rungs)[:, None]
        rate = (DF["v"] * s["vs"] * fall + (squares / s["l"]).sum(axis=1)) / 2
        s["v"] = np.maximum(rate / self.rng.standard_gamma((DF["v"] + known.runs) / 2, s["v"].shape), LEAST)
        s["g"] = self._fall(s["v"], s["vs"])
        s["vs"] = self._shared(s["v"] / s["g"] ** np.arange(self.rungs)[:, None], "v")
        own_shape = (s["d0"] + known.values) / 2
        s["l"] = (s["d0"] + (squares / s["v"][:, None]).sum(axis=0)) / 2 / self.rng.standard_gamma(own_shape)
        s["d0"] = self._freedom(s["l"])

    def _candidates(self, known: Sums) -> None:
        """Draw the chain of candidates, from those that have been measured at the deeper rung."""
        s = self.state
        first = s["m"][0]
        n, d = first.shape
        precision = n / s["tau"] + FLAT
        s["mu"] = first.sum(axis=0) / s["tau"] / precision + self.rng.standard_normal(d) / np.sqrt(precision)
        rest = np.sum((first - s["mu"]) ** 2, axis=0)
        s["tau"] = np.maximum((DF["t"] * s["ts"] + rest) / 2 / self.rng.standard_gamma((DF["t"] + n) / 2, d), LEAST)
        s["ts"] = self._shared(s["tau"][None], "t")
        if self.rungs == 1:
            return
        here = known.here[1:]
        x, y, w = s["m"][:-1] * here, s["m"][1:] * here, s["w"]
        fell = np.zeros_like(x)
        fell[1:] = (s["m"][1:-1] - s["m"][:-2]) * here[1:]
        count = known.reached[1:]
        left = y - s["c"] * fell
        # a and b together: precision matrix of two
        aa, ab = count / w + FLAT, x.sum(axis=1) / w
        bb = (x * x).sum(axis=1) / w + 1 / ALIKE**2
        la, lb = left.sum(axis=1) / w, (x * left).sum(axis=1) / w + s["bs"] / ALIKE**2
        determinant = aa * bb - ab**2
        z = self.rng.standard_normal((2, *w.shape))
        s["b"] = (aa * lb - ab * la) / determinant + z[0] * np.sqrt(aa / determinant)
        s["a"] = (la - ab * s["b"]) / aa + z[1] / np.sqrt(aa)
        precision = 1 / SLOPE_SD**2 + (self.rungs - 1) / ALIKE**2
        middle = (SLOPE / SLOPE_SD**2 + s["b"].sum(axis=0) / ALIKE**2) / precision
        s["bs"] = middle + self.rng.standard_normal(d) / np.sqrt(precision)
        left = y - s["a"][:, None] * here - s["b"][:, None] * x
        precision = 1 / TREND_SD**2 + np.sum((fell * fell).sum(axis=1) / w, axis=0)
        middle = np.sum((fell * left).sum(axis=1) / w, axis=0) / precision
        s["c"] = middle + self.rng.standard_normal(d) / np.sqrt(precision)
        rest = np.sum((left - s["c"] * fell) ** 2, axis=1)
        rate = (DF["w"] * s["ws"] + rest) / 2
        s["w"] = np.maximum(rate / self.rng.standard_gamma((DF["w"] + count) / 2, w.shape), LEAST)
        s["ws"] = self._shared(s["w"], "w")

    def _shared(self, variances: Array, which: str) -> Array:
        """The scale that variances, (k, d), have in common: gamma, given inverse gammas about it."""
        shape = SHARED + DF[which] * len(variances) / 2
        rate = RATES[which] + DF[which] * np.sum(1 / variances, axis=0) / 2
        return np.asarray(self.rng.standard_gamma(shape, variances.shape[1]) / rate)

    def _freedom(self, factors: Array) -> Array:
        """Degrees of freedom of the factors, (n, d), out of a few, a priori alike."""
        half = SHAPES[:, None] / 2
        each = len(factors) * (half * np.log(half) - gammaln(half))
        logs = each - (half + 1) * np.log(factors).sum(axis=0) - half * np.sum(1 / factors, axis=0)
        return self._picked(SHAPES, logs)

    def _fall(self, v: Array, shared: Array) -> Array:
        """How the variances of runs, (k, d), fall from rung to rung, out of a few, a priori alike."""
        rung = np.arange(len(v))
        power = FALLS[:, None] ** rung  # (falls, k)
        logs = DF["v"] / 2 * (rung.sum() * np.log(FALLS)[:, None] - shared * (power @ (1 / v)))
        return self._picked(FALLS, logs)

    def _picked(self, values: Array, logs: Array) -> Array:
        """One of the values for each chain, by logarithms of their chances, (values, d)."""
        edge = np.cumsum(np.exp(logs - logs.max(axis=0)), axis=0)
        pick = np.sum(edge < edge[-1] * self.rng.random(logs.shape[1]), axis=0)
        return np.asarray(values[np.minimum(pick, len(values) - 1)])

    def _posterior(self, kept: list[dict[str, Array]], offs: list[list[Array]]) -> Posterior:
        """Joined over states; `offs` are draws of the means about each state's ``middle``."""
        joined = {name: np.concatenate([state[name] for state in kept], axis=-1) for name in kept[0]}
        k, n, states = joined["middle"].shape
        middle = self.scale[:, None, None] * joined["middle"]
        off = self.scale[:, None, None] * np.concatenate([o for each in offs for o in each], axis=-1)
        pairs = zip(kept, offs, strict=True)
        sides = [state["middle"][-1] + side * o[-1] for state, each in pairs for o in each for side in (1, -1)]
        ends = self.scale[-1] * np.concatenate(sides, axis=-1)
        mean = middle.mean(axis=-1)
        between = middle - mean[..., None]
        between -= between.mean(axis=1, keepdims=True)  # the level of a rung, of all candidates alike, decides nothing
        between = between.transpose(1, 0, 2).reshape(n * k, states)
        covariance = (between @ between.T / states).reshape(n, k, n, k)
        within = np.einsum("jnd,knd->njk", off, off) / off.shape[-1]
        covariance[np.arange(n), :, np.arange(n), :] += within
        noise = joined["l"] * joined["v"][:, None]
        end = noise[0]
        for j in range(k - 1):
            end = joined["p"][j] ** 2 * end + noise[j + 1]
        return Posterior(
            end=self.centre[-1] + ends.T,
            mean=(self.centre[:, None] + mean).T,
            covariance=covariance,
            carry=joined["p"].mean(axis=-1) * self.scale[1:] / self.scale[:-1],
            noise=(self.scale[:, None] ** 2 * np.median(noise, axis=-1)).T,
            end_noise=self.scale[-1] ** 2 * np.median(end, axis=-1),
            correlation=np.median(_correlation(joined), axis=-1),
        )


@dataclass
class _Spread:
    """How means are drawn about their mean: a back substitution, with two rungs beyond each."""

    off: Array
    far: Array
    sd: Array

    def __call__(self, z: Array) -> Array:
        return self.back(z * self.sd)

    def back(self, m: Array) -> Array:
        for j in range(len(m) - 2, -1, -1):
            m[j] -= self.off[j] * m[j + 1]
            if j < len(m) - 2:
                m[j] -= self.far[j] * m[j + 2]
        return m


def _correlation(state: dict[str, Array]) -> Array:
    """Of candidates' means at each rung with those at the last, in the population of candidates, (K, d)."""
    b, c, w = state["b"], state["c"], state["w"]
    k, d = len(b) + 1, len(c)
    covariance = np.zeros((k, k, d))
    covariance[0, 0] = state["tau"]
    for j in range(k - 1):
        ahead = (b[j] + c * (j > 0)) * covariance[j, : j + 1] - (c * covariance[j - 1, : j + 1] if j else 0.0)
        covariance[j + 1, : j + 1] = covariance[: j + 1, j + 1] = ahead
        covariance[j + 1, j + 1] = (b[j] + c * (j > 0)) * ahead[j] - (c * ahead[j - 1] if j else 0.0) + w[j]
    variance = np.einsum("kkd->kd", covariance)
    return np.asarray(covariance[:, -1] / np.sqrt(variance * variance[-1]))
