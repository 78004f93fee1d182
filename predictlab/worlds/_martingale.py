"""The martingale world: the decay law holds in it exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab._validation import nonnegative, number, positive
from predictlab.errors import bad_argument
from predictlab.worlds._world import Array, Seed, World, checked_depths, runs_frame


@dataclass(frozen=True)
class MartingaleWorld(World):
    """``R = mean + e_int + sum_t xi_t`` with ``Var(xi_t) = K (t^-alpha - (t+1)^-alpha)``, ``Var(e_int) = L_int``.

    After the first `c` terms the risk is ``L_int + K (c+1)^-alpha`` exactly, and the best predictor of `R` is the
    partial sum, so the decay law holds in ``c + 1``. Heavy tails and collapsing runs leave every variance, and so
    the risk, as it is: only the shape of the errors changes.

    Parameters
    ----------
    intrinsic_limit, scale : float
        ``L_int >= 0`` and ``K > 0``, metric² and metric²·steps^alpha.
    decay_rate : float
        ``alpha > 0``.
    mean : float
        Expected performance.
    tail : float, optional
        Degrees of freedom ``nu > 4`` of Student's t for ``e_int`` and for the noise between two depths that are looked
        at, scaled to their variances. None: Gaussian.
    collapse : float
        Share ``p`` in [0, 1) of runs that collapse: they end `collapse_size` lower. No prefix tells which, so the
        jump is a part of ``e_int``; as a spread sees it, they have collapsed before the first depth.
    collapse_size : float, optional
        How much lower ``s > 0`` (metric). Its variance ``p (1 - p) s²`` is a part of `intrinsic_limit` and at most
        that. Default: half of `intrinsic_limit`.

    Raises
    ------
    ArgumentError
        A number that is out of its range.

    Notes
    -----
    Source: docs/theory.md, section 6; the mixture's variance is that of a shifted Bernoulli variable.

    Examples
    --------
    >>> import predictlab as pl
    >>> world = pl.worlds.MartingaleWorld(intrinsic_limit=0.01, scale=1.0, decay_rate=1.0)
    >>> world.risk([0, 9, 99]).round(3).tolist()
    [1.01, 0.11, 0.02]
    >>> world.simulate(runs=2, depths=[4, 8], seed=0)["metric"].unique().tolist()
    ['prediction', 'performance']
    """

    intrinsic_limit: float
    scale: float
    decay_rate: float
    mean: float = 0.0
    tail: float | None = None
    collapse: float = 0.0
    collapse_size: float | None = None

    law_offset = 1

    def __post_init__(self) -> None:
        nonnegative("intrinsic_limit", self.intrinsic_limit, " (metric²)")
        positive("scale", self.scale)
        positive("decay_rate", self.decay_rate)
        number("mean", self.mean)
        if self.tail is not None:
            hint = "With 4 or fewer a variance cannot be estimated at the usual rate."
            number("tail", self.tail, "more than 4 degrees of freedom, or None for Gaussian noise", hint, above=4)
        number("collapse", self.collapse, "a share of runs in [0, 1)", least=0, below=1)
        if self.collapse == 0:
            if self.collapse_size is not None:
                raise bad_argument("collapse_size", self.collapse_size, "None, since no run collapses", "Set collapse.")
            return
        if self.intrinsic_limit == 0:
            raise bad_argument("collapse", self.collapse, "0 where intrinsic_limit is 0", "Its variance is part of it.")
        most = float(np.sqrt(self.intrinsic_limit / self._bernoulli))
        if self.collapse_size is None:
            object.__setattr__(self, "collapse_size", most / 2**0.5)
        hint = "Its variance p (1 - p) s² is a part of intrinsic_limit: raise that for larger jumps."
        expected = f"a size in (0, {most:.4g}]"
        number("collapse_size", self.collapse_size, expected, hint, above=0, below=most * (1 + 1e-12))

    @property
    def name(self) -> str:
        """Name of the task in frames and curves."""
        return f"martingale(L_int={self.intrinsic_limit:g}, K={self.scale:g}, alpha={self.decay_rate:g})"

    def _decaying(self, c: Array) -> Array:
        return np.asarray(self.scale * (c + 1) ** -self.decay_rate)

    @property
    def _bernoulli(self) -> float:
        """Variance of whether a run collapses."""
        return self.collapse * (1 - self.collapse)

    @property
    def _smooth_floor(self) -> float:
        """Variance of ``e_int`` but for the jump."""
        return max(self.intrinsic_limit - self._bernoulli * (self.collapse_size or 0.0) ** 2, 0.0)

    def _floor(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        floor = np.sqrt(self._smooth_floor) * self._unit(rng, shape)
        if self.collapse_size:
            floor = floor - self.collapse_size * ((rng.random(shape) < self.collapse) - self.collapse)
        return np.asarray(floor)

    def _floor_fourth(self) -> float:
        jump = (self.collapse_size or 0.0) ** 4 * self._bernoulli * (1 - 6 * self._bernoulli)
        return self._excess * self._smooth_floor**2 + jump

    def simulate(self, runs: int, depths: ArrayLike, seed: Seed) -> pd.DataFrame:
        """Simulate runs as a tidy frame.

        Each run has, at every depth, ``prediction`` (the best predictor of its own `R`, the partial sum) and
        ``performance`` (its `R`, the same at all depths). For values whose spread falls as the law says, see `source`.

        Parameters
        ----------
        runs : int
            Number of runs.
        depths : array_like of int
            Strictly increasing depths >= 0.
        seed : int or numpy.random.Generator
            Where the draws come from.

        Returns
        -------
        pandas.DataFrame
            One row a run, depth and metric, in the columns of ``pl.RunStore.frame``.
        """
        c, rng = checked_depths(depths), np.random.default_rng(seed)
        errors = self.errors(runs, c, rng)
        before = np.sqrt(self.scale - self._decaying(c[:1])[0]) * self._unit(rng, (runs,))
        final = (self.mean + before + errors[:, 0])[:, None]
        parts = {"prediction": final - errors, "performance": np.broadcast_to(final, errors.shape)}
        frames = [runs_frame(self.name, range(runs), c, metric, values) for metric, values in parts.items()]
        return pd.concat(frames, ignore_index=True)
