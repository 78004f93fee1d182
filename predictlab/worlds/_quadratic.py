"""The quadratic SGD world: where the decay law comes from (docs/theory.md, section 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictlab._validation import nonnegative, positive, whole_number
from predictlab.worlds._world import Array, Seed, World


@dataclass(frozen=True)
class QuadraticSGDWorld(World):
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

    Raises
    ------
    ArgumentError
        A number that is out of its range.

    Examples
    --------
    >>> import predictlab as pl
    >>> world = pl.worlds.QuadraticSGDWorld(step_decay=0.75, horizon=1000)
    >>> world.risk([1000]).tolist()
    [0.0]
    >>> theta, performance = world.simulate(runs=3, seed=0)
    >>> theta.shape, performance.shape
    ((3, 1001), (3,))
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
            nonnegative(name, getattr(self, name))
        positive("noise", self.noise)
        positive("step_size", self.step_size)
        object.__setattr__(self, "horizon", whole_number("horizon", self.horizon, 1, hint="Steps of a whole run."))

    @property
    def name(self) -> str:
        """Name of the task in frames and curves."""
        return f"quadratic(h={self.curvature:g}, rho={self.step_decay:g}, T={self.horizon})"

    def _factors(self) -> tuple[Array, Array]:
        """Step sizes ``eta_1..eta_T`` and the product of ``1 - eta_u h`` over the steps u after each."""
        eta = self.step_size * np.arange(1, self.horizon + 1, dtype=float) ** -self.step_decay
        shrink = 1 - eta * self.curvature
        after = np.append(np.cumprod(shrink[::-1])[::-1][1:], 1.0)
        return eta, after

    def _decaying(self, c: Array) -> Array:
        eta, after = self._factors()
        left = np.append(np.cumsum(((eta * after) ** 2)[::-1])[::-1], 0.0)
        return np.asarray((self.slope * self.noise) ** 2 * left[c.astype(int)])

    def simulate(self, runs: int, seed: Seed) -> tuple[Array, Array]:
        """Simulate paths of the parameter, started at 0, and their performances.

        Parameters
        ----------
        runs : int
            Number of runs.
        seed : int or numpy.random.Generator
            Where the draws come from.

        Returns
        -------
        theta : ndarray, shape (runs, T + 1)
            The parameter after 0..T steps.
        performance : ndarray, shape (runs,)
            ``R``.
        """
        whole_number("runs", runs, 1)
        rng = np.random.default_rng(seed)
        eta, _ = self._factors()
        theta = np.zeros((runs, self.horizon + 1))
        for t in range(self.horizon):
            noise = self.noise * rng.standard_normal(runs)
            theta[:, t + 1] = theta[:, t] - eta[t] * (self.curvature * theta[:, t] + noise)
        return theta, self.slope * theta[:, -1] + np.sqrt(self.intrinsic_limit) * rng.standard_normal(runs)
