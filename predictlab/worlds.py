"""Worlds whose risk is known exactly, for tests and teaching (THEORY 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab.errors import bad_argument
from predictlab.risk import RiskCurve

Array = NDArray[np.float64]


def _depths(depths: ArrayLike, horizon: float = np.inf) -> Array:
    c = np.asarray(depths, dtype=float)
    if c.ndim != 1 or len(c) == 0 or np.any(c < 0) or np.any(c != np.round(c)) or np.any(np.diff(c) <= 0):
        raise bad_argument("depths", depths, "whole numbers >= 0 in strictly increasing order (steps)")
    if c[-1] > horizon:
        raise bad_argument("depths", depths, f"depths up to the world's horizon of {horizon:g} steps")
    return c


@dataclass(frozen=True)
class MartingaleWorld:
    """``R = mean + e_int + sum_t xi_t`` with ``Var(xi_t) = K (t^-alpha - (t+1)^-alpha)``, ``Var(e_int) = L_int``.

    After the first `c` terms the risk is ``L_int + K (c+1)^-alpha`` exactly, and the best predictor of `R` is the
    partial sum, so the law of THEORY 3 holds in ``c + 1``.

    Parameters
    ----------
    intrinsic_limit, scale : float
        ``L_int >= 0`` and ``K > 0``, metric² and metric²·steps^alpha.
    decay_rate : float
        ``alpha > 0``.
    mean : float
        Expected performance.
    """

    intrinsic_limit: float
    scale: float
    decay_rate: float
    mean: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.intrinsic_limit) and self.intrinsic_limit >= 0):
            raise bad_argument("intrinsic_limit", self.intrinsic_limit, "a finite number >= 0 (metric²)")
        for name in ("scale", "decay_rate"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise bad_argument(name, getattr(self, name), "a finite number > 0")

    def risk(self, depths: ArrayLike) -> Array:
        """Bayes risk ``L(c)`` at each depth, metric²."""
        return np.asarray(self.intrinsic_limit + self.scale * (_depths(depths) + 1) ** -self.decay_rate)

    def _errors(self, runs: int, depths: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """What each depth leaves unpredicted, (runs, k), and what came before the first depth, (runs,).

        The noise between two depths is one Gaussian of the summed variance, which is exact and needs no horizon.
        """
        tail = self.scale * (depths + 1) ** -self.decay_rate
        pieces = np.sqrt(np.append(-np.diff(tail), tail[-1])) * rng.standard_normal((runs, len(depths)))
        floor = np.sqrt(self.intrinsic_limit) * rng.standard_normal((runs, 1))
        before = np.sqrt(self.scale - tail[0]) * rng.standard_normal(runs)
        return floor + np.cumsum(pieces[:, ::-1], axis=1)[:, ::-1], before

    def simulate(self, runs: int, depths: ArrayLike, seed: int) -> pd.DataFrame:
        """Simulated runs as a tidy frame.

        Each run has, at every depth, ``prediction`` (the best predictor of its own `R`, the partial sum) and
        ``performance`` (its `R`, the same at all depths).

        Parameters
        ----------
        runs : int
            Number of runs.
        depths : array_like of int
            Strictly increasing depths >= 0.
        seed : int
            Of the generator; the global state is not touched.
        """
        if runs < 1:
            raise bad_argument("runs", runs, "a whole number >= 1")
        c = _depths(depths)
        errors, before = self._errors(runs, c, np.random.default_rng(seed))
        final = self.mean + before + errors[:, 0]
        predictions = final[:, None] - errors
        rows = pd.DataFrame(
            {
                "task": f"martingale(L_int={self.intrinsic_limit:g}, K={self.scale:g}, alpha={self.decay_rate:g})",
                "run": np.repeat([f"run-{i:04d}" for i in range(runs)], len(c)),
                "parent": None,
                "seed": np.repeat(np.arange(runs), len(c)),
                "depth": np.tile(c.astype(int), runs),
            }
        )
        shared = {"seconds": np.nan, "flops": np.nan, "status": "ok"}
        return pd.concat(
            [
                rows.assign(metric="prediction", value=predictions.ravel(), **shared),
                rows.assign(metric="performance", value=np.repeat(final, len(c)), **shared),
            ],
            ignore_index=True,
        )

    def curve(self, runs: int, depths: ArrayLike, seed: int, independent: bool = False) -> RiskCurve:
        """Risk curve that `runs` runs would give: mean squared error of the best predictor, ``df = runs``.

        Parameters
        ----------
        independent : bool
            False: the same runs are seen at every depth, so estimates are correlated, with a known covariance.
            True: fresh runs at each depth.
        """
        if runs < 1:
            raise bad_argument("runs", runs, "a whole number >= 1")
        c = _depths(depths)
        rng = np.random.default_rng(seed)
        truth = self.risk(c)
        covariance = None
        if independent:
            risk = truth * rng.chisquare(runs, len(c)) / runs
        else:
            errors, _ = self._errors(runs, c, rng)
            risk = np.mean(errors**2, axis=0)
            # Cov(error at c, error at c') = L(max(c, c')), so corr² = L(max) / L(min)
            covariance = 2 / runs * np.minimum.outer(truth, truth) / np.maximum.outer(truth, truth)
        # the law is a power of c + 1 here
        return RiskCurve(
            depth=c + 1, risk=risk, df=runs, estimator="residual", question="this_run", task="martingale world",
            metric="performance", log_covariance=covariance,
        )  # fmt: skip


@dataclass(frozen=True)
class QuadraticSGDWorld:
    """SGD on a quadratic: ``theta_{t+1} = theta_t - eta_t (h theta_t + s xi_t)``, ``eta_t = eta_0 t^-rho``, t = 1..T.

    Performance is ``R = b theta_{T+1} + e``, ``Var(e) = L_int``. The risk after `c` steps is computed, not simulated;
    in a flat direction (``h = 0``, `T` large) it decays as ``c^-(2 rho - 1)`` (Luo, Wang, Tang 2026, Prop. 5.1).

    Parameters
    ----------
    curvature : float
        ``h >= 0``.
    noise : float
        ``s > 0``, standard deviation of the gradient noise.
    step_size : float
        ``eta_0 > 0``.
    step_decay : float
        ``rho >= 0``.
    horizon : int
        ``T``, steps of a whole run.
    slope : float
        ``b``.
    intrinsic_limit : float
        ``Var(e) >= 0``.
    """

    curvature: float = 0.0
    noise: float = 1.0
    step_size: float = 0.1
    step_decay: float = 0.75
    horizon: int = 10_000
    slope: float = 1.0
    intrinsic_limit: float = 0.0

    def __post_init__(self) -> None:
        for name in ("curvature", "step_decay", "intrinsic_limit"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise bad_argument(name, getattr(self, name), "a finite number >= 0")
        for name in ("noise", "step_size"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise bad_argument(name, getattr(self, name), "a finite number > 0")
        if self.horizon < 1:
            raise bad_argument("horizon", self.horizon, "a whole number >= 1 (steps)")

    def _factors(self) -> tuple[Array, Array]:
        """Step sizes ``eta_1..eta_T`` and the product of ``1 - eta_u h`` over the steps u after each."""
        eta = self.step_size * np.arange(1, self.horizon + 1, dtype=float) ** -self.step_decay
        shrink = 1 - eta * self.curvature
        after = np.append(np.cumprod(shrink[::-1])[::-1][1:], 1.0)
        return eta, after

    def risk(self, depths: ArrayLike) -> Array:
        """``Var(R given theta after c steps)``, metric², for depths up to the horizon."""
        c = _depths(depths, self.horizon).astype(int)
        eta, after = self._factors()
        tail = np.append(np.cumsum(((eta * after) ** 2)[::-1])[::-1], 0.0)
        return (self.slope * self.noise) ** 2 * tail[c] + self.intrinsic_limit

    def simulate(self, runs: int, seed: int) -> tuple[Array, Array]:
        """Parameters ``theta`` after 0..T steps, (runs, T + 1), started at 0, and performances ``R``, (runs,)."""
        rng = np.random.default_rng(seed)
        eta, _ = self._factors()
        theta = np.zeros((runs, self.horizon + 1))
        for t in range(self.horizon):
            noise = self.noise * rng.standard_normal(runs)
            theta[:, t + 1] = theta[:, t] - eta[t] * (self.curvature * theta[:, t] + noise)
        return theta, self.slope * theta[:, -1] + np.sqrt(self.intrinsic_limit) * rng.standard_normal(runs)
