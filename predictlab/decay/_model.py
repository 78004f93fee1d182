"""`DecayModel`: what is fitted, from which depth on, by which method (docs/theory.md, section 3)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal, overload

import numpy as np
from scipy.stats import norm

from predictlab._validation import evaluation_rows, number, option, replaced, share
from predictlab.decay._estimators import GammaResults, GEEResults, LogLogResults, needs_runs
from predictlab.decay._horizon_law import HorizonResults
from predictlab.decay._law import Array, Estimate
from predictlab.decay._noise import Noise
from predictlab.decay._posterior_results import PosteriorResults
from predictlab.decay._results import DecayResults, Rng
from predictlab.decay._solver import fit
from predictlab.errors import DataError, bad_argument
from predictlab.risk import RiskCurve, from_depth

MIN_DEPTHS = 3
TESTED_DEPTHS = 4  # three parameters, and one depth left to contradict them
RISE_SIGNIFICANCE = 0.3  # lenient: a start too early bends the law, one too late only costs precision
METHODS: dict[str, type[DecayResults]] = {
    r.method: r for r in (PosteriorResults, GammaResults, GEEResults, LogLogResults)
}


@dataclass(frozen=True)
class BurnIn:
    """Where a fit begins.

    Parameters
    ----------
    first : float
        First fitted depth, steps.
    p_value : float
        Of the lack-of-fit test of the law alone from there on; NaN where fewer than four depths are left to test it.
    chosen : {"auto", "given"}
        By whom.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[.1, .16, .085, .05, .032], df=31)
    >>> pl.DecayModel(curve).fit().burn_in.first
    8.0
    """

    first: float
    p_value: float
    chosen: str


@dataclass(eq=False, repr=False)
class DecayModel:
    """The decay law ``U(c) = L_int + K c^-alpha`` for one risk curve.

    Parameters
    ----------
    curve : RiskCurve
        Estimates at three depths or more, at four for methods other than the posterior.
    burn_in : "auto" or float
        First depth of the fit; a depth given is where it begins. ``"auto"``: the posterior takes all depths, since it
        has the rise before the law in it. The other methods begin at the first depth from which the curve does not rise
        significantly to its peak (one-sided, significance 0.3), and from there on the first from which the lack-of-fit
        test passes, as long as at least four depths are left; the last of them when it passes nowhere: a spread rises
        while a model learns, and the law speaks of what comes after (docs/theory.md, sections 3 and 7).
    significance : float
        Level of the lack-of-fit test, in (0, 1).
    correlated : bool
        Take the correlation of the depths into account, where the curve carries its runs or a covariance. False fits
        as if every depth had been measured on runs of its own, which is a statsmodels Gamma GLM.
    rows : float, optional
        Evaluation rows of the set that is asked about, inf for the population they come from. None: the curve's own
        set. Where the curve carries outcomes of rows, their part is measured; else, for a share of a known number of
        rows, the posterior has the prior of the churn factor (docs/theory.md, section 8). The other methods need the
        outcomes, and as many rows as were measured or more: the law is then that of the larger set, and what the
        measured one adds stands beside it in the likelihood. Least squares in logarithms has no room for it.
    dispersion : float, optional
        ``phi`` >= 1, the variance of ``log U`` over its value for Gaussian runs. None: estimated where the curve
        carries its runs. A curve of numbers says nothing of it: the posterior then averages over 1, 2 and 4, and the
        other methods take 1.
    rivals : bool
        Of the posterior alone: whether rivals of the power law are fitted beside it and the draws averaged over them:
        an exponential, and a fall with the learning rate where the curve's recipe is known to send it to 0.

    Raises
    ------
    DataError
        Fewer than three depths.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[.31, .16, .085, .05, .032], df=31)
    >>> fit = pl.DecayModel(curve).fit()
    >>> print(f"{fit.params['decay_rate']:.1f}")
    0.9
    """

    curve: RiskCurve
    _: KW_ONLY
    burn_in: str | float = "auto"
    significance: float = 0.05
    correlated: bool = True
    rows: float | None = None
    dispersion: float | None = None
    rivals: bool = True

    def __post_init__(self) -> None:
        curve = self.curve
        if not isinstance(curve, RiskCurve):
            raise bad_argument("curve", curve, "a RiskCurve", "Make one with pl.risk_curve(runs) or pl.RiskCurve(...).")
        if len(curve.depth) < MIN_DEPTHS:
            raise _too_few(curve, MIN_DEPTHS)
        known = curve.depth[: len(curve.depth) - MIN_DEPTHS + 1].tolist()
        if self.burn_in not in ("auto", *known):
            raise bad_argument("burn_in", self.burn_in, f"'auto' or a depth that leaves {MIN_DEPTHS}: one of {known}")
        self.significance = share("significance", self.significance, "a level of a test in (0, 1), such as 0.05")
        evaluation_rows(self.rows)
        if self.dispersion is not None:
            number("dispersion", self.dispersion, "a finite number >= 1 (1: Gaussian runs), or None", least=1)
        self.noise = Noise.of(curve, self.correlated, self.dispersion)
        self._beside = self._noise_of_the_law()
        self._estimates: dict[int, Estimate] = {}

    def replace(self, **changes: object) -> DecayModel:
        """Make a model that differs from this one in what is given.

        Parameters
        ----------
        **changes : object
            Parameters of the class by name.

        Returns
        -------
        DecayModel
        """
        return replaced(self, changes)

    def given_start(self) -> int:
        """Find the index of the first depth that was given.

        Returns
        -------
        int
            0 for ``burn_in="auto"``.
        """
        return 0 if self.burn_in == "auto" else int(np.flatnonzero(self.curve.depth == float(self.burn_in))[0])

    def lack_of_fit(self, first: int) -> tuple[BurnIn, float]:
        """Test the law alone, without a rise, from one depth on.

        Parameters
        ----------
        first : int
            Index of the depth.

        Returns
        -------
        BurnIn, float
            What was found, and the deviance; NaN where fewer than four depths are left.
        """
        left = len(self.curve.depth) - first
        if left < TESTED_DEPTHS:
            return self._begun(first), float("nan")
        deviance = self._estimate_from(first).deviance
        return self._begun(first, self._beside.from_index(first).p_value(deviance, left - 3)), deviance

    def _begun(self, first: int, p_value: float = float("nan")) -> BurnIn:
        return BurnIn(float(self.curve.depth[first]), p_value, "auto" if self.burn_in == "auto" else "given")

    def find_burn_in(self) -> BurnIn:
        """Find the first depth of a fit by a method other than the posterior; see `burn_in` of the class.

        Returns
        -------
        BurnIn
        """
        starts = len(self.curve.depth) - TESTED_DEPTHS + 1
        if starts - self.given_start() < 1:
            raise _too_few(self.curve, TESTED_DEPTHS)
        if self.burn_in != "auto":
            return self.lack_of_fit(self.given_start())[0]
        for i in range(_after_rise(self.curve.risk, self.curve.df, self.noise, starts), starts):
            found = self.lack_of_fit(i)[0]
            if found.p_value >= self.significance:
                break
        return found

    def _noise_of_the_law(self) -> Noise:
        """The noise of a law of the set that is asked for: what the measured one adds to it stands beside the law."""
        parts, risk = self.curve.parts, self.curve.risk
        if self.rows is None or parts is None or self.rows < parts[-1].rows:
            return self.noise
        beside = np.array([max(p.interaction, p.largest) for p in parts]) * (1 / parts[-1].rows - 1 / self.rows)
        known = np.maximum([p.interaction_df for p in parts], 1.0)  # where runs never disagree only a bound is known
        return self.noise.beside(beside, self.curve.df / known * np.minimum(beside / risk, 1.0) ** 2)

    def _check_rows(self, method: str) -> None:
        """Whether a method other than the posterior has an answer for the set that is asked for."""
        if self.rows is None:
            return
        expected = f"None for method={method!r}"
        if method == "loglog":
            hint = "Least squares in logarithms has no room for what rows add: take 'posterior', 'gamma' or 'gee'."
        elif self.curve.parts is None:
            expected += " where outcomes of rows are not known"
            hint = "method='posterior' has a prior for them; or make the curve from outcomes (pl.read_outcomes)."
        elif self.rows < self.curve.parts[-1].rows:
            expected = f"at least the {self.curve.parts[-1].rows} rows that were measured"
            hint = "method='posterior' speaks of smaller sets too."
        else:
            return
        raise bad_argument("rows", self.rows, expected, hint)

    def _estimate_from(self, first: int) -> Estimate:
        """Fit by the Gamma likelihood of the depths from index `first` on, made once."""
        if first not in self._estimates:
            depth, risk, df = (a[first:] for a in (self.curve.depth, self.curve.risk, self.curve.df))
            noise = self._beside.from_index(first)
            self._estimates[first] = fit(depth, risk, df, noise.weight, noise.rows)
        return self._estimates[first]

    def _fit_to_the_horizon(self, method: str) -> HorizonResults:
        """The law that runs out at the end of the recipe."""
        if method != "gamma":
            raise bad_argument("horizon_law", True, f"False for method={method!r}", "method='gamma' takes it.")
        if self.rows is not None:
            hint = "At the end a run's own rows are known; those of another set are not in this law."
            raise bad_argument("rows", self.rows, "None with horizon_law=True", hint)
        start = self.given_start()
        fitted, noise = from_depth(self.curve, float(self.curve.depth[start])), self.noise.from_index(start)
        found = HorizonResults(self, fitted, self._begun(start), noise)
        found.burn_in = self._begun(start, noise.p_value(found.deviance, len(fitted.depth) - 2))
        return found

    @overload
    def fit(
        self, method: Literal["posterior"] = "posterior", *, floor: None = None, rng: Rng = None
    ) -> PosteriorResults: ...
    @overload
    def fit(
        self, method: Literal["gamma"], *, floor: None = None, horizon_law: Literal[True], rng: Rng = None
    ) -> HorizonResults: ...
    @overload
    def fit(
        self, method: Literal["gamma"], *, floor: None = None, horizon_law: Literal[False] = False, rng: Rng = None
    ) -> GammaResults: ...
    @overload
    def fit(self, method: Literal["gee"], *, floor: None = None, rng: Rng = None) -> GEEResults: ...
    @overload
    def fit(self, method: Literal["loglog"], *, floor: float | str | None = None, rng: Rng = None) -> LogLogResults: ...
    @overload
    def fit(
        self, method: str, *, floor: float | str | None = None, horizon_law: bool = False, rng: Rng = None
    ) -> DecayResults: ...
    def fit(
        self,
        method: str = "posterior",
        *,
        floor: float | str | None = None,
        horizon_law: bool = False,
        rng: Rng = None,
    ) -> DecayResults:
        """Fit the law.

        Parameters
        ----------
        method : {"posterior", "gamma", "gee", "loglog"}
            ``"posterior"``: all depths, with a rise before the law and the law's own error in the model; intervals are
            quantiles of its draws (docs/theory.md, section 9). ``"gamma"``: Gamma likelihood, with the correlation of
            the depths where it is known; intervals by profile. ``"gee"``: the Gamma estimating equations of independent
            depths, intervals robust to any dependence between depths and any tails: statsmodels GEE with the run as
            cluster. Needs a curve that carries its runs. ``"loglog"``: least squares of ``log U`` on ``log c``
            (statsmodels OLS), the paper's Alg. 1.
        floor : float, "last" or None
            Of ``"loglog"`` alone: what is subtracted from the risk before its logarithm is taken, metric². ``"last"``:
            the risk at the last depth, which is then left out.
        horizon_law : bool
            Of ``"gamma"`` alone, for a curve of `this_run` whose recipe sends its learning rate to 0: the law is
            ``K (c^-alpha - T^-alpha)``, which runs out at the recipe's end ``T`` and has no floor (docs/theory.md,
            section 7). All depths from `burn_in` on are fitted, three at least.
        rng : int, numpy.random.Generator or None
            Of ``"posterior"`` alone: what its estimates and intervals are drawn with; None: a fresh generator of seed
            0.

        Returns
        -------
        DecayResults
            `PosteriorResults`, `GammaResults`, `GEEResults`, `LogLogResults` or `HorizonResults`.

        Raises
        ------
        ArgumentError
            Another method, a floor where none is asked for or that is not below every risk, a law to the horizon for a
            curve that it is not for, or ``"gee"`` for a curve without its runs; `rows` of the model for ``"loglog"``
            and for a law to the horizon, without outcomes of rows for ``"gamma"`` and ``"gee"``, or fewer than were
            measured.
        DataError
            Fewer than three depths above the floor, or four from the first on.
        """
        option("method", method, METHODS)
        if floor is not None and method != "loglog":
            raise bad_argument("floor", floor, "None", f"method={method!r} estimates it; only 'loglog' has to be told.")
        if horizon_law:
            return self._fit_to_the_horizon(method)
        if method == "posterior":
            return PosteriorResults(self, rng)
        self._check_rows(method)
        burn_in = self.find_burn_in()
        first = int(np.flatnonzero(self.curve.depth == burn_in.first)[0])
        fitted, noise = from_depth(self.curve, burn_in.first), self._beside.from_index(first)
        if method == "loglog":
            return LogLogResults(self, fitted, burn_in, noise, floor)
        if method == "gamma":
            return GammaResults(self, fitted, self._estimate_from(first), burn_in, noise)
        if fitted.errors is None:
            raise needs_runs("'gamma' or 'loglog'")
        return GEEResults(self, fitted, fit(fitted.depth, fitted.risk, fitted.df, offset=noise.rows), burn_in, noise)


def _too_few(curve: RiskCurve, needed: int) -> DataError:
    return DataError(
        f"curve {curve.task!r}: {len(curve.depth)} depths; the law has three parameters and needs {needed} from its "
        "first depth on. Probe more depths, or evaluate more checkpoints of the runs there are."
    )


def _after_rise(risk: Array, df: Array, noise: Noise, starts: int) -> int:
    """Index of the first depth from which the rise to the peak of the first `starts` depths is not significant."""
    peak = int(np.argmax(risk[:starts]))
    if peak == 0:
        return 0
    before = np.arange(peak)
    correlation = np.zeros(peak) if noise.correlation is None else noise.correlation[before, peak]
    variance = 2 / df[before] + 2 / df[peak] - 4 * correlation / np.sqrt(df[before] * df[peak])
    rises = np.log(risk[peak] / risk[before]) > norm.isf(RISE_SIGNIFICANCE) * np.sqrt(noise.dispersion * variance)
    return int(np.flatnonzero(rises)[-1]) + 1 if rises.any() else 0
