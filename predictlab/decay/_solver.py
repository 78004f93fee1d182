"""Least deviance of one curve, or of thousands at the same depths at once (docs/theory.md, section 3).

Newton's method from each valley that `predictlab.decay._screen` sees. Arrays are (k, n), depths first, so that every
operation runs along the curves. Boundaries are searched on their own: a search that heads for one ends early, and one
that has ended on a boundary goes on if the deviance falls inwards from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from predictlab.decay._law import ALPHA_MIN, Array, Estimate, alpha_max, residuals
from predictlab.decay._screen import Index, valleys

Mask = NDArray[np.bool_]

# Checked by benchmarks/constants.py: what each costs in time and in minima missed when it is half or double.
_RATES = 40
_GAIN = 1e-9  # gain of the deviance that a further step promises, at which a search ends
_STEPS = 80
_MAX_STEP = 2.0  # longest step of a parameter
_LOG_RATIO = 3.0  # logarithm of a ratio at which a part of the risk counts as hardly any
_FAST_FALL = 6.0  # logarithm of the fall by the second depth from which on the fastest rate is tried
_SLOW_FALL = 1.5  # the same from which on slower rates than the fastest are tried
_LOG_FASTER = 0.7  # logarithm: how much faster than without a floor a rate may be with one
_SADDLE_REACH = 0.2  # reach from which down Gauss and Newton's way is taken to go to and fro
_DAMPING = 1e-6  # of the diagonal: what keeps a matrix without an inverse from a step without an end
_COMPACT_SHARE = 0.85  # share of searches that go on, at which the others are put away


@dataclass(frozen=True)
class Problem:
    """One curve: positions `u`, `risk` and `df` (k,), `weight` (k, k) or None, and the range of ``log rate``."""

    u: Array
    risk: Array
    df: Array
    weight: Array | None
    log_rates: tuple[float, float]

    @classmethod
    def power(cls, depth: Array, risk: Array, df: Array, weight: Array | None = None) -> Problem:
        """The power law at `depth` (k,), increasing, > 0."""
        return cls(np.log(depth / depth[-1]), risk, df, weight, log_rates(depth))

    def solve(self) -> tuple[Array, float]:
        """``(p, a, q)`` of the smallest deviance, and that; p or a are minus infinity on a boundary."""
        theta, value = search(self.u, self.risk[:, None], self.df[:, None], self.weight, self.log_rates)
        return theta[:, 0], float(value[0])


def log_rates(depth: Array) -> tuple[float, float]:
    """Range of ``log alpha`` that is searched."""
    return float(np.log(ALPHA_MIN)), float(np.log(alpha_max(depth)))


def fit(depth: Array, risk: Array, df: Array, weight: Array | None = None) -> Estimate:
    """Maximum-likelihood fit with ``L_int >= 0``, ``K >= 0`` and alpha in ``[ALPHA_MIN, alpha_max]``.

    Parameters
    ----------
    depth, risk, df : ndarray, shape (k,)
        Increasing depths > 0 (steps), risks > 0 (metric²), degrees of freedom > 0.
    weight : ndarray, shape (k, k), optional
        Inverse correlation of the deviance residuals across depths.
    """
    return Estimate(*(float(values[0]) for values in fit_many(depth, risk[None], df, weight)))


def fit_many(depth: Array, risk: Array, df: Array, weight: Array | None = None) -> tuple[Array, Array, Array, Array]:
    """Fit many curves at the same depths at once.

    Parameters
    ----------
    depth : ndarray, shape (k,)
    risk : ndarray, shape (B, k)
    df : ndarray, shape (k,) or (B, k)
    weight : ndarray, shape (k, k), optional

    Returns
    -------
    intrinsic_limit, scale, decay_rate, deviance : ndarray, shape (B,)
        As in `fit`.
    """
    by_depth = np.ascontiguousarray(risk.T), np.ascontiguousarray(np.broadcast_to(df, risk.shape).T)
    (p, a, q), value = search(np.log(depth / depth[-1]), *by_depth, weight, log_rates(depth))
    decays = ~np.isneginf(a)
    rate = np.where(decays, np.exp(q), np.nan)
    with np.errstate(over="ignore"):
        scale = np.where(decays, np.exp(a + np.exp(q) * np.log(depth[-1])), 0.0)
    return np.exp(p), scale, rate, value


def search(
    u: Array, risk: Array, df: Array, weight: Array | None, log_rates: tuple[float, float]
) -> tuple[Array, Array]:
    """Least deviance of each curve; see `predictlab.decay._law`.

    Parameters
    ----------
    u : ndarray, shape (k,)
    risk, df : ndarray, shape (k, n)
    weight : ndarray, shape (k, k), or None
    log_rates : (float, float)
        Range of q.

    Returns
    -------
    parameters : ndarray, shape (3, n)
        Rows p, a, q; p or a are minus infinity on a boundary.
    deviance : ndarray, shape (n,)
    """
    rates = np.exp(np.linspace(*log_rates, _RATES))
    with np.errstate(all="ignore"):  # infinite parameters are the boundaries, and a step too far is not taken
        curve, log_level, logit, rate, followed = valleys(u, risk, df, weight, rates)
        floor, decaying = log_level - np.logaddexp(0, -logit), log_level - np.logaddexp(0, logit) - rate * u[0]
        everyone = Search((u - u[0])[:, None], risk, df, weight, log_rates)
        start = np.stack([np.logaddexp(floor, decaying), decaying - floor, np.log(rate)])
        theta, value, early = everyone.rows(curve).descend(start)
        ends, least, left_early = theta[:, followed], value[followed], early[followed]
        everyone.rows(curve[followed]).escape_boundary(ends, least, left_early, rates, beyond=False)
        theta[:, followed], value[followed], early[followed] = ends, least, left_early
        order = np.lexsort((value, curve))
        best = order[np.unique(curve[order], return_index=True)[1]]
        theta, value, early = theta[:, best], value[best], early[best]
        everyone.try_constant(theta, value, early)
        everyone.escape_boundary(theta, value, early, rates, beyond=True)
        everyone.refine(theta, value, early)
        s, logit, q = theta
        return np.stack([s - np.logaddexp(0, logit), s - np.logaddexp(0, -logit) + np.exp(q) * u[0], q]), value


@dataclass(frozen=True)
class Search:
    """Newton's method for many curves.

    ``log mu_i = s + log(1 - t + t e^(-e^q (u_i - u_1)))``, `t` the share of the decaying part at the first depth and
    `l` its logit: the level is linear. Infinite `l` are the boundaries.

    Parameters
    ----------
    later : ndarray, shape (k, 1)
        ``u - u[0]``.
    risk, df : ndarray, shape (k, n)
    weight : ndarray, shape (k, k), or None
    log_rates : (float, float)
        Range of q.
    """

    later: Array
    risk: Array
    df: Array
    weight: Array | None
    log_rates: tuple[float, float]

    def rows(self, of: Index) -> Search:
        """The same for the curves `of` (m,)."""
        return Search(self.later, self.risk[:, of], self.df[:, of], self.weight, self.log_rates)

    def residuals(self, theta: Array) -> tuple[Array, Array, Array, Array, Array, Array]:
        """Residuals with two derivatives in ``log mu``; share of the decaying part, rest, and its exponent."""
        s, logit, q = theta
        v = self.later * -np.exp(q)
        decaying = np.exp(v)
        decaying *= expit(logit)
        rest = expit(-logit)
        m = decaying + rest
        ratio = self.risk * np.exp(-s)
        ratio /= m
        return *residuals(ratio, self.df), decaying / m, rest / m, v

    def model(self, theta: Array) -> Array:
        """Deviance, half its gradient, half its Hessian, and Gauss and Newton's part of that; (16, n)."""
        r, slope, bend, share, rest, v = self.residuals(theta)
        k, n = r.shape
        wr = r if self.weight is None else self.weight @ r
        parts = np.empty((16, k, n))
        t = expit(theta[1])
        # derivatives of log mu: 1 in s, and these in l and q
        by = np.empty((2, k, n))
        np.multiply(rest, t * np.expm1(v), out=by[0])
        np.multiply(share, v, out=by[1])
        jacobian = np.empty((3, k, n))
        jacobian[0] = slope
        np.multiply(by, slope, out=jacobian[1:])
        wj = jacobian if self.weight is None else np.matmul(self.weight, jacobian)
        np.multiply(wr, r, out=parts[0])
        np.multiply(jacobian, wr, out=parts[1:4])
        np.multiply(wj[0], jacobian, out=parts[10:13])
        np.multiply(wj[1], jacobian[1:], out=parts[13:15])
        np.multiply(wj[2], jacobian[2], out=parts[15])
        # what Gauss and Newton leave out: the bend of the residuals, and second derivatives of log mu
        bent = wr * bend
        c = wr * slope
        both = c * share
        both *= rest
        along = both * v
        parts[4] = bent
        np.multiply(bent, by, out=parts[5:7])
        np.multiply(parts[5], by, out=parts[7:9])
        np.multiply(parts[6], by[1], out=parts[9])
        parts[7] += both
        parts[7] -= c * (t * (1 - t))
        parts[8] += along
        along *= v
        parts[9] += along
        parts[9] += parts[3]
        parts[4:10] += parts[10:]
        return parts.sum(axis=1)

    def step(self, theta: Array, model: Array, reach: Array) -> tuple[Array, Array, Array]:
        """Next point (3, n), the largest part of the step, at most `reach`, and half the slope along it; (n,).

        The step is straight in ``log(t e^q)``, the slope of ``log mu`` at the first depth, in place of q: of a slow
        decay that is all that is well known, and along the valley in `l` it hardly changes.
        """
        low, high = self.log_rates
        logit, q = theta[1:]
        fixed = np.isneginf(logit) | (q <= low) & (model[3] > 0) | (q >= high) & (model[3] < 0)
        turn = np.where(fixed, 0.0, -expit(-logit))
        gradient, full, gauss = model[1:4].copy(), model[4:10].copy(), model[10:16].copy()
        gradient[1] += turn * gradient[2]
        for h in (full, gauss):
            h[3] += turn * (2 * h[4] + turn * h[5])
            h[4] += turn * h[5]
            h[1] += turn * h[2]
        full[3] -= turn * (1 + turn) * gradient[2]
        own = gauss[[0, 3, 5]]
        own += 1e-14 * (1 + own.max(axis=0))
        stays = np.zeros(theta.shape, dtype=bool)
        stays[1] = np.isinf(logit)
        stays[2] = fixed
        right = np.where(stays, 0.0, -gradient)
        step, pivot = _solve(full, right, own, stays)
        indefinite = ~(pivot > 1e-3)
        # Gauss and Newton's way up to a valley is the faster one, but it goes to and fro where it leads along a saddle
        far = np.flatnonzero(indefinite & (reach > _SADDLE_REACH))
        near = np.flatnonzero(indefinite & (reach <= _SADDLE_REACH))
        if len(far):
            step[:, far], _ = _solve(gauss[:, far], right[:, far], own[:, far], stays[:, far])
        if len(near):
            step[:, near] = _solve_turned(full[:, near], right[:, near], own[:, near], stays[:, near])
        step = np.nan_to_num(step)
        length = np.maximum(np.abs(step).max(axis=0), 1e-300)
        cut = np.minimum(1.0, reach / length)
        step *= cut
        to = theta + step
        to[2] += np.where(stays[1] | fixed, 0.0, np.logaddexp(0, -to[1]) - np.logaddexp(0, -logit))
        np.clip(to[2], low, high, out=to[2])
        return to, cut * length, np.sum(step * right, axis=0)

    def descend(self, theta: Array, leave: bool = True) -> tuple[Array, Array, Mask]:
        """Go down from `theta` (3, n).

        Parameters
        ----------
        theta : ndarray, shape (3, n)
        leave : bool
            End a search where it heads for a boundary and is nearly there.

        Returns
        -------
        theta : ndarray, shape (3, n)
        deviance : ndarray, shape (n,)
        early : ndarray of bool, shape (n,)
            Which searches ended since they were nearly at a boundary.
        """
        n = theta.shape[1]
        found, least, early = theta.copy(), np.empty(n), np.zeros(n, dtype=bool)
        here, rows, model = self, np.arange(n), self.model(theta)
        reach, done, may_jump = np.full(n, _MAX_STEP), np.zeros(n, dtype=bool), np.ones(n, dtype=bool)
        for _ in range(_STEPS):
            trial, length, promise = here.step(theta, model, reach)
            done |= (promise <= _GAIN) & (length < reach) | (reach < 1e-9)
            if leave:
                left_early = here.heads_to_boundary(theta, trial) & ~done
                early[rows[left_early]] = True
                done |= left_early
            if np.count_nonzero(done) >= (1 - _COMPACT_SHARE) * len(done):
                found[:, rows], least[rows] = theta, model[0]
                keep = np.flatnonzero(~done)
                if len(keep) == 0:
                    return found, least, early
                here, rows = here.rows(keep), rows[keep]
                theta, model, trial = theta[:, keep], model[:, keep], trial[:, keep]
                reach, length, promise = reach[keep], length[keep], promise[keep]
                may_jump, done = may_jump[keep], np.zeros(len(keep), dtype=bool)
            # where the fastest rate is the best one the way there is nearly flat
            jump = may_jump & (trial[2] > theta[2]) & (np.exp(trial[2]) * here.later[1] > _FAST_FALL)
            trial[2, jump] = here.log_rates[1]
            may_jump &= ~jump
            new = here.model(trial)
            rise = new[0] - model[0]
            better = rise <= 0
            theta = np.where(better & ~done, trial, theta)
            model = np.where(better & ~done, new, model)
            # after a failure as far as the parabola through what was seen has its least
            back = np.clip(np.nan_to_num(promise / (rise + 2 * promise)), 0.1, 0.5)
            reach = np.where(better, np.clip(2 * length, reach, _MAX_STEP), np.where(jump, reach, back * length))
        found[:, rows], least[rows] = theta, model[0]
        return found, least, early

    def heads_to_boundary(self, theta: Array, trial: Array) -> Mask:
        """Which steps from `theta` to `trial` head for no floor or no decay where there is hardly any."""
        floor, decaying = (theta[0] - np.logaddexp(0, sign * theta[1]) for sign in (1, -1))
        floor_next, decaying_next = (trial[0] - np.logaddexp(0, sign * trial[1]) for sign in (1, -1))
        last = decaying - np.exp(theta[2]) * self.later[-1]
        # Newton's step of half of the logarithm of a part is one to below nothing of the part itself
        no_floor = (floor_next - floor < -0.5) & (floor < last - _LOG_RATIO)
        return no_floor | (decaying_next - decaying < -0.5) & (decaying < floor - _LOG_RATIO)

    def escape_boundary(self, theta: Array, value: Array, early: Mask, rates: Array, beyond: bool) -> None:
        """Go on from boundaries from which the deviance falls inwards, in place.

        From no floor a floor is the way, from a constant a decay at the best one of `rates`. With `farther` valleys
        beyond are tried as well: from the fastest rate, around which the deviance is flat, one that the second depth
        still sees, and where no floor is best nearby, one at the level of the last depths.
        """
        none, flat = np.flatnonzero(np.isposinf(theta[1])), np.flatnonzero(np.isneginf(theta[1]))
        r, slope, _, _, _, v = self.rows(none).residuals(theta[:, none])
        gain, size = self._inwards(slope * np.exp(-v), r)
        out = gain > _GAIN
        rows, start = none[out], theta[:, none[out]]
        start[1] = -np.log(size[out])
        if len(flat):
            r, slope = self.rows(flat).residuals(theta[:, flat])[:2]
            decays = np.exp(-rates[:, None] * self.later[:, 0])
            gains, sizes = np.stack([self._inwards(slope * x[:, None], r) for x in decays], axis=1)
            best = gains.argmax(axis=0)
            gain, size = gains[best, np.arange(len(flat))], sizes[best, np.arange(len(flat))]
            out = gain > _GAIN
            level = theta[0, flat[out]]
            rows = np.concatenate([rows, flat[out]])
            start = np.concatenate([start, [level, np.log(size[out]), np.log(rates[best[out]])]], axis=1)
        if beyond:
            fast = np.flatnonzero((theta[2] >= self.log_rates[1]) & np.isfinite(theta[1]))
            slower = theta[:, fast]
            slower[2] = np.log(_SLOW_FALL / self.later[1])
            none = np.setdiff1d(none, rows)  # without those that go on already
            floored = theta[:, none]
            floor = np.mean(np.log(self.risk[-(len(self.risk) // 2) :, none]), axis=0)
            floored[1] = np.log(np.maximum(np.expm1(floored[0] - floor), 1.0))
            floored[2] = np.clip(floored[2] + _LOG_FASTER, *self.log_rates)
            rows = np.concatenate([rows, fast, none])
            start = np.concatenate([start, slower, floored], axis=1)
        self.improve(rows, start, theta, value, early)

    def improve(
        self, rows: Index, start: Array, theta: Array, value: Array, early: Mask, slack: float = 0.0, leave: bool = True
    ) -> None:
        """Go down from `start` (3, m) with the curves `rows` (m,), and put what is better in place.

        Worse by less than `slack` counts as better.
        """
        found, least, left_early = self.rows(rows).descend(start, leave)
        better = least < value[rows] + slack
        rows = rows[better]
        theta[:, rows], value[rows], early[rows] = found[:, better], least[better], left_early[better]

    def refine(self, theta: Array, value: Array, early: Mask) -> None:
        """Go to the end of those best searches that left early, in place: they were on the way to nothing better."""
        rows = np.flatnonzero(early & (theta[1] > 0) & np.isfinite(theta[1]))
        start = theta[:, rows]
        start[1] = np.inf
        self.improve(rows, start, theta, value, early, slack=1e-12)
        rows = np.flatnonzero(early & np.isfinite(theta[1]))
        theta[:, rows], value[rows], _ = self.rows(rows).descend(theta[:, rows], leave=False)

    def _inwards(self, by: Array, r: Array) -> tuple[Array, Array]:
        """Gain of the deviance by something new with derivatives `by` (k, n), and how much of that; (n,)."""
        wr, wby = (r, by) if self.weight is None else (self.weight @ r, self.weight @ by)
        fall, curvature = -np.sum(wr * by, axis=0), np.sum(wby * by, axis=0)
        size = np.maximum(fall, 1e-300) / curvature
        return np.where(fall > 0, fall * size, 0.0), size

    def try_constant(self, theta: Array, value: Array, early: Mask) -> None:
        """Take the constant where it is as good, in place."""
        level = np.log(np.sum(self.df * self.risk, axis=0) / np.sum(self.df, axis=0))
        flat = np.stack([level, np.full_like(level, -np.inf), np.full_like(level, self.log_rates[0])])
        # with correlated depths the mean is not quite the best constant: a gain of slope² / curvature is left
        model = self.model(flat)
        near = np.flatnonzero(model[0] - 3 * model[1] ** 2 / model[10] <= value + 1e-8)
        self.improve(near, flat[:, near], theta, value, early, slack=1e-8, leave=False)


def _solve(matrix: Array, right: Array, own: Array, stays: Mask) -> tuple[Array, Array]:
    """Solutions (3, n) of systems whose upper triangles are `matrix` (6, n), and the least pivot in units of `own`.

    ``L D L'`` written out, so that all systems are worked on at once.
    """
    moves = ~stays
    a, d, f = (np.where(stays[i], own[i], matrix[m] + _DAMPING * own[i]) for i, m in enumerate((0, 3, 5)))
    b, c, e = (matrix[m] * (moves[i] & moves[j]) for (i, j), m in zip(((0, 1), (0, 2), (1, 2)), (1, 2, 4), strict=True))
    l1, l2 = b / a, c / a
    d2 = d - l1 * b
    l3 = (e - l2 * b) / d2
    d3 = f - l2 * c - l3 * l3 * d2
    y1 = right[1] - l1 * right[0]
    y2 = right[2] - l2 * right[0] - l3 * y1
    x2 = y2 / d3
    x1 = y1 / d2 - l3 * x2
    x0 = right[0] / a - l1 * x1 - l2 * x2
    pivot = np.minimum(np.minimum(a / own[0], d2 / own[1]), d3 / own[2])
    return np.stack([x0, x1, x2]), pivot


def _solve_turned(matrix: Array, right: Array, own: Array, stays: Mask) -> Array:
    """Solutions (3, n) with the eigenvalues of `matrix` (6, n) turned positive: steps down from a saddle."""
    whole = np.where(stays | stays[:, None], 0.0, matrix[[[0, 1, 2], [1, 3, 4], [2, 4, 5]]])
    unit = np.sqrt(np.abs(matrix[[0, 3, 5]]) + own)
    values, vectors = np.linalg.eigh(np.moveaxis(np.nan_to_num(whole / (unit * unit[:, None])), -1, 0))
    along = np.einsum("nij,in->nj", vectors, right / unit) / np.maximum(np.abs(values), 1e-3)
    return np.einsum("nij,nj->in", vectors, along) / unit
