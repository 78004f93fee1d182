"""What all worlds share: noise that is revealed step by step, and a floor that never is.

After `c` steps the best predictor of `R` is wrong by ``e_c = e_int + (noise of the steps after c)``, independent parts.
So ``Cov(e_c, e_c') = L(max(c, c'))``, and ``corr² = L(max) / L(min)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab._validation import whole_number
from predictlab.errors import bad_argument
from predictlab.risk import RiskCurve

Array = NDArray[np.float64]
Seed = int | np.random.Generator


def checked_depths(depths: ArrayLike, horizon: float = np.inf) -> Array:
    """Depths as floats, if they are whole, >= 0, strictly increasing and within the horizon."""
    c = np.asarray(depths, dtype=float)
    if c.ndim != 1 or len(c) == 0 or np.any(c < 0) or np.any(c != np.round(c)) or np.any(np.diff(c) <= 0):
        raise bad_argument("depths", depths, "whole numbers >= 0 in strictly increasing order (steps)")
    if c[-1] > horizon:
        raise bad_argument("depths", depths, f"depths up to the world's horizon of {horizon:g} steps")
    return c


def runs_frame(task: str, seeds: Sequence[int], depths: Array, metric: str, values: Array) -> pd.DataFrame:
    """Tidy frame of `values`, (runs, k): one run a seed, one column a depth."""
    return pd.DataFrame(
        {
            "task": task,
            "run": np.repeat([f"run-{s:04d}" for s in seeds], len(depths)),
            "parent": None,
            "seed": np.repeat(np.asarray(seeds), len(depths)),
            "depth": np.tile(depths.astype(int), len(seeds)),
            "metric": metric,
            "value": values.ravel(),
            "seconds": np.nan,
            "flops": np.nan,
            "status": "ok",
        }
    )


class World:
    """A world with a known risk; a subclass says how the noise of its steps adds up.

    All draws come from the `seed` of a call, a whole number or a generator of NumPy; the global state is not touched.

    Attributes
    ----------
    intrinsic_limit : float
        ``L_int``, the variance that no depth reveals, metric².
    mean : float
        Expected performance.
    tail : float or None
        Degrees of freedom of Student's t for the noise; None: Gaussian.
    law_offset : int
        What is added to a number of steps to make the risk a power law of it.
    horizon : float
        Steps of a whole run; inf without an end.

    Examples
    --------
    >>> import predictlab as pl
    >>> world = pl.worlds.MartingaleWorld(intrinsic_limit=0.01, scale=1.0, decay_rate=1.0)
    >>> isinstance(world, pl.worlds.World)
    True
    >>> world.spread(16, [3, 7, 15], seed=0).n_runs
    16
    """

    intrinsic_limit: float
    mean: float = 0.0
    tail: float | None = None
    law_offset: int = 0
    horizon: float = np.inf

    @property
    def name(self) -> str:
        """Name of the task in frames and curves."""
        raise NotImplementedError

    def _decaying(self, c: Array) -> Array:
        """Variance of the noise of the steps after `c`, (k,)."""
        raise NotImplementedError

    def risk(self, depths: ArrayLike) -> Array:
        """Exact Bayes risk ``L(c)``: the variance that is still open after so many steps.

        Parameters
        ----------
        depths : array_like of int, shape (k,)
            Strictly increasing numbers of steps >= 0.

        Returns
        -------
        ndarray, shape (k,)
            Metric².

        Raises
        ------
        ArgumentError
            Depths that are not whole, not increasing, or beyond the world's horizon.
        """
        return self.intrinsic_limit + self._decaying(checked_depths(depths, self.horizon))

    def _unit(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Independent innovations of mean 0 and variance 1: Gaussian, or Student's t of `tail` degrees of freedom."""
        if self.tail is None:
            return rng.standard_normal(shape)
        return np.asarray(rng.standard_t(self.tail, shape) * np.sqrt((self.tail - 2) / self.tail))

    def _floor(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Draws of ``e_int``."""
        return np.asarray(np.sqrt(self.intrinsic_limit) * self._unit(rng, shape))

    @property
    def _excess(self) -> float:
        """Excess kurtosis of an innovation: ``6 / (nu - 4)`` of Student's t."""
        return 0.0 if self.tail is None else 6 / (self.tail - 4)

    def _floor_fourth(self) -> float:
        """Fourth cumulant of ``e_int``, metric⁴."""
        return self._excess * self.intrinsic_limit**2

    def _steps(self, c: Array) -> Array:
        """Standard deviations of the noise between each depth and the next, the last one's to the end, (k,)."""
        left = self._decaying(c)
        return np.asarray(np.sqrt(np.maximum(np.append(-np.diff(left), left[-1]), 0.0)))

    def errors(
        self, runs: int, depths: ArrayLike, seed: Seed, *, independent: bool = False, repeats: int | None = None
    ) -> Array:
        """Simulated errors of the best predictor.

        Parameters
        ----------
        runs : int
            Number of runs.
        depths : array_like of int, shape (k,)
            Strictly increasing numbers of steps >= 0.
        seed : int or numpy.random.Generator
            Where the draws come from.
        independent : bool
            False: the same runs are measured at every depth. True: fresh runs at each depth, so columns are
            independent.
        repeats : int, optional
            Number of data sets to draw at once.

        Returns
        -------
        ndarray, shape (runs, k), or (repeats, runs, k)
            Mean 0, variance ``risk(depths)``. The noise between two depths is one innovation of the summed variance.

        Raises
        ------
        ArgumentError
            Counts below 1, or depths that `risk` refuses.
        """
        shape: tuple[int, ...] = (whole_number("runs", runs, 1),)
        if repeats is not None:
            shape = (whole_number("repeats", repeats, 1), *shape)
        c, rng = checked_depths(depths, self.horizon), np.random.default_rng(seed)
        step, k = self._steps(c), len(c)
        if not independent:
            errors = np.cumsum((step * self._unit(rng, (*shape, k)))[..., ::-1], axis=-1)[..., ::-1]
            return np.asarray(errors + self._floor(rng, (*shape, 1)))
        if self.tail is None:  # a sum of Gaussians is one
            errors = np.sqrt(self._decaying(c)) * rng.standard_normal((*shape, k))
        else:
            columns = [np.sum(step[i:] * self._unit(rng, (*shape, k - i)), axis=-1) for i in range(k)]
            errors = np.stack(columns, axis=-1)
        return np.asarray(errors + self._floor(rng, (*shape, k)))

    def log_covariance(self, runs: int, depths: ArrayLike, *, df: float | None = None) -> Array:
        """Covariance, to first order, of the logarithms of mean squared errors of the same runs across depths.

        Parameters
        ----------
        runs : int
            Number of runs behind each mean square.
        depths : array_like of int, shape (k,)
            Strictly increasing numbers of steps >= 0.
        df : float, optional
            Degrees of freedom: `runs` (default) for errors about a known mean, ``runs - 1`` about the sample's.

        Returns
        -------
        ndarray, shape (k, k)
            ``(kappa_4(e_m) / runs + 2 L(m)² / df) / (L(c) L(c'))`` with ``m = max(c, c')``, exact for the mean
            squares themselves; the fourth cumulant ``kappa_4`` is 0 for Gaussian noise.
        """
        c = checked_depths(depths, self.horizon)
        risk = self.risk(c)
        fourth = self._floor_fourth() + self._excess * np.cumsum(self._steps(c)[::-1] ** 4)[::-1]
        later = np.maximum.outer(np.arange(len(c)), np.arange(len(c)))
        shared = fourth / runs + 2 * risk**2 / (runs if df is None else df)
        return np.asarray(shared[later] / np.outer(risk, risk))

    def curve(
        self, runs: int, depths: ArrayLike, seed: Seed, *, independent: bool = False, known_covariance: bool = False
    ) -> RiskCurve:
        """Risk curve of simulated runs: mean squared error of the best predictor; answers `this_run`.

        Parameters
        ----------
        runs : int
            Number of runs, and the degrees of freedom at each depth.
        depths : array_like of int, shape (k,)
            Strictly increasing numbers of steps >= 0.
        seed : int or numpy.random.Generator
            Where the draws come from.
        independent : bool
            False: the same runs are measured at every depth, so estimates are correlated. True: fresh runs at each.
        known_covariance : bool
            False: the curve carries its `errors`, from which a fit has to learn the correlation and the tails, as with
            real runs. True: it carries the exact `log_covariance` instead.

        Returns
        -------
        RiskCurve
            In a martingale world its `depth` is one more than the number of steps: the law is a power of that.
        """
        errors = self.errors(runs, depths, seed, independent=independent)
        fields = {"estimator": "residual", "question": "this_run", "metric": "performance"}
        return self._curve(depths, errors, runs, independent, known_covariance, fields)

    def spread(
        self, runs: int, depths: ArrayLike, seed: Seed, *, independent: bool = False, known_covariance: bool = False
    ) -> RiskCurve:
        """Risk curve of the spread of simulated values over runs; answers `agreement`.

        The values are ``mean + e_c``: their variance over seeds falls as ``L(c)``, as the law says of a spread.

        Parameters
        ----------
        runs : int
            Number of runs >= 2; one more than the degrees of freedom at each depth.
        depths : array_like of int, shape (k,)
            Strictly increasing numbers of steps >= 0.
        seed : int or numpy.random.Generator
            Where the draws come from.
        independent, known_covariance : bool
            As in `curve`.

        Returns
        -------
        RiskCurve
            With the simulated `errors` and `mean`; `depth` as in `curve`.
        """
        whole_number("runs", runs, 2)
        values = self.mean + self.errors(runs, depths, seed, independent=independent)
        means = values.mean(axis=0)
        fields = {"estimator": "spread", "question": "agreement", "metric": "value", "mean": means}
        return self._curve(depths, values - means, runs - 1, independent, known_covariance, fields)

    def _curve(
        self, depths: ArrayLike, errors: Array, df: int, independent: bool, known: bool, fields: dict[str, Any]
    ) -> RiskCurve:
        c = checked_depths(depths, self.horizon)
        covariance = self.log_covariance(len(errors), c, df=df) if known else None
        if covariance is not None and independent:
            covariance = np.diag(np.diag(covariance))
        return RiskCurve(
            depth=c + self.law_offset,
            risk=np.sum(errors**2, axis=0) / df,
            df=np.full(len(c), float(df)),
            task=self.name,
            log_covariance=covariance,
            errors=None if known else errors,
            **fields,
        )

    def source(self, seed: int, *, max_depth: int = 1024) -> Callable[[Sequence[int], Sequence[int]], pd.DataFrame]:
        """Make a function of depths and seeds that gives a tidy frame, as `pl.probe_until` takes it.

        Parameters
        ----------
        seed : int
            Of the world's runs; two sources of one seed are the same.
        max_depth : int
            Depth at which the noise that is still to come is taken as one innovation; no deeper depth can be asked.

        Returns
        -------
        callable
            ``(depths, seeds) -> DataFrame`` with one metric, ``"value"``: ``mean + e_c``, whose spread is ``L(c)``. A
            seed's value at a depth is the same whatever else is asked. Depths are those of `curve`. Its attributes
            ``__name__`` and ``max_depth`` are what `pl.probe_until` reads.
        """
        offset = self.law_offset
        last = whole_number("max_depth", max_depth, 1 + offset)
        step = self._steps(checked_depths(np.arange(last - offset + 1), self.horizon))

        def trajectory(run: int) -> Array:
            rng = np.random.default_rng([seed, run])
            floor = self._floor(rng, (1,))
            return floor + np.cumsum((step * self._unit(rng, (len(step),)))[::-1])[::-1]

        def runs(depths: Sequence[int], seeds: Sequence[int]) -> pd.DataFrame:
            wanted = checked_depths(depths, last)
            if wanted[0] < offset:
                raise bad_argument("depths", depths, f"depths >= {offset} in this world")
            at = (wanted - offset).astype(int)
            values = self.mean + np.array([trajectory(int(s))[at] for s in seeds])
            return runs_frame(self.name, [int(s) for s in seeds], wanted, "value", values)

        runs.__name__ = f"{self.name}, seed {seed}"
        runs.max_depth = last  # type: ignore[attr-defined]
        return runs
