"""The default fit: a posterior over curves that may rise before they fall (docs/theory.md, section 9)."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from predictlab._validation import confidence_level, generator, tails, whole_number
from predictlab.decay._curve_sample import FLAT, CurveSample, EndedSample
from predictlab.decay._draws import ALPHA_LOW
from predictlab.decay._families import POWER, families
from predictlab.decay._law import PARAMETERS, Array, Estimate, Interval, law
from predictlab.decay._noise import expected, of_curve
from predictlab.decay._posterior import Posterior
from predictlab.decay._results import DecayResults, Rng, checked_depths
from predictlab.decay._rival_laws import compare_laws
from predictlab.decay._rows import RowsPart
from predictlab.decay._shapes import PRIORS, rate_most
from predictlab.errors import bad_argument
from predictlab.risk import from_depth

if TYPE_CHECKING:
    from predictlab.decay._estimators import GammaResults
    from predictlab.decay._model import BurnIn, DecayModel

LATE = 5  # depths that a law which gives regimes has to fit
DOUBTED = 0.05  # p value of the power law's fit to them below which its rivals are asked too
DRAWS = 4000  # behind estimates and intervals
RISING = 0.5  # probability of a rise at the last depth above which nothing is said of what comes after
UNLIKELY = 0.05  # probability of the power law below which its rate is said to be none
_FALLS = {"power": "a power law", "exponential": "exponential", "schedule": "that of the learning rate"}
_FEW = 500  # draws of the power law, of which alpha's interval is made, at least
SLOWEST, FASTEST = 1.5, 0.75  # times the least and the largest rate of the prior: an end beyond is no end


class PosteriorResults(DecayResults):
    """A fit by a posterior: the rise before the decay, and the law's own error, are parts of the model.

    Parameters, attributes and methods are those of `DecayResults`, and these. Estimates are medians of draws, intervals
    their quantiles; ``scale`` is that of the law through the median at the last depth.

    Parameters
    ----------
    model : DecayModel
    rng : int, numpy.random.Generator or None
        Of the draws behind estimates and intervals.
    like : PosteriorResults, optional
        A fit of the same model but for `rows`, whose posterior is taken over; see `on_rows`.

    Attributes
    ----------
    families : pandas.Series
        Posterior probability of each family of falls, by name: ``power``, ``exponential``, and ``schedule`` where the
        curve's recipe is known to send its learning rate to 0. Draws are averaged over them; alpha is that of the power
        law alone.
    rising : float
        Probability that the risk still rises at the last depth.
    effective : float
        Number of independent draws that the posterior's weighted points are worth.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[.05, .16, .085, .05, .032], df=31)
    >>> fit = pl.DecayModel(curve).fit("posterior")
    >>> fit.burn_in.first, fit.rising < 0.05
    (8.0, True)
    """

    method = "posterior"
    by_draws = True
    description = "posterior with a rise before the law, and its own error, in it"
    interval_methods = ("posterior", "profile", "wald", "bootstrap", "gee")

    def __init__(self, model: DecayModel, rng: Rng = None, *, like: PosteriorResults | None = None) -> None:
        source, cut, self._asked = generator(rng), model.given_start(), model.curve
        curve, noise = from_depth(model.curve, model.curve.depth[cut]), model.noise.from_index(cut)
        k = len(curve.depth)
        if like is None:
            self._rows = RowsPart.of(curve, model.rows, source)
            errors = of_curve(curve, noise, model.correlated, model.dispersion is not None)
            self._posterior = Posterior(
                curve.depth, curve.risk, curve.df, errors=errors,
                offset=None if self._rows is None else self._rows.offset,
                families=families(curve.schedule, curve.horizon, model.rivals), rng=source,
            )  # fmt: skip
            self._before_drawing = source.bit_generator.state
        else:  # the posterior of the population is one and the same, whatever set is asked about
            assert like._rows is not None
            wanted = like._rows.measured if model.rows is None else float(model.rows)
            self._rows, self._posterior = replace(like._rows, wanted=wanted), like._posterior
            self._before_drawing = source.bit_generator.state = like._before_drawing
        self.effective, self.families = self._posterior.effective, pd.Series(self._posterior.families)
        self._seen: dict[tuple[int, object], CurveSample] = {}
        self._main = self._drawn(DRAWS, source)
        self._power = self._main.params[self._main.curves.shapes.family == 0]  # the power law is the first family
        if len(self._power) < _FEW:
            self._power = self._drawn(DRAWS, source, family=0).params
        peak = self._main.peak()
        self.rising = float(np.mean(peak == k))
        first = min(int(np.ceil(np.median(peak))), k - 2)
        burn_in, value = model.lack_of_fit(cut + first)
        limit, rate = float(np.median(self._main.params[:, 0])), float(np.median(self._power[:, 2]))
        last = float(curve.depth[-1])
        decaying = max(float(np.median(law(last, *self._main.params.T))) - limit, 0.0)
        with np.errstate(divide="ignore"):
            scale = float(np.exp(np.log(decaying) + rate * np.log(last)))
        fitted = from_depth(curve, burn_in.first)
        beside = model._beside.from_index(cut + first)
        super().__init__(model, fitted, Estimate(limit, scale, rate, value), burn_in, beside)

    def _drawn(self, count: int, rng: np.random.Generator, family: int | None = None) -> CurveSample:
        curves = self._posterior.draw(count, rng, family)
        asked = self._asked
        if asked.question == "fresh_run" and asked.seeds is not None:
            end = float(asked.depth[-1] if asked.horizon is None else asked.horizon)
            return EndedSample(curves.parameters(), curves, None, end, asked.seeds)
        if self._rows is None:
            return CurveSample(curves.parameters(), curves, None)
        rows = self._rows.draw(curves, rng)
        return CurveSample(rows.added(curves.parameters()), curves, rows)

    @property
    def measured_rows(self) -> float | None:
        """Rows of the evaluation set that was measured; None where what they add is not known."""
        return None if self._rows is None else self._rows.measured

    def on_rows(self, rows: float | None) -> PosteriorResults:
        """Ask the same fit of an evaluation set of another size, without fitting again.

        Parameters
        ----------
        rows : float or None
            As of `DecayModel`: a number of rows, inf for the population, None for the curve's own set.

        Returns
        -------
        PosteriorResults
            The same as of ``fit.model.replace(rows=rows).fit()``.

        Raises
        ------
        ArgumentError
            What the evaluation rows add is not known.

        Examples
        --------
        >>> import predictlab as pl
        >>> from predictlab.risk import variance_components
        >>> rng = np.random.default_rng(0)
        >>> parts = [variance_components(rng.random((8, 200)) < 0.9) for _ in range(4)]  # runs that do not differ
        >>> fit = pl.DecayModel(pl.RiskCurve([4, 8, 16, 32], [p.spread for p in parts], df=7, parts=parts)).fit()
        >>> bool(fit.on_rows(2000).predict([32])[0] < fit.predict([32])[0] / 2)
        True
        """
        if self._rows is None:
            hint = "Make the curve from outcomes of rows, or give rows= to pl.DecayModel."
            raise bad_argument("rows", rows, "None for a fit that does not know what its evaluation rows add", hint)
        return PosteriorResults(replace(self.model, rows=rows), like=self)

    def sample(self, draws: int = 2000, rng: Rng = None) -> CurveSample:
        """Draw the fit: parameters and risks that belong together.

        Parameters
        ----------
        draws : int
            Number of draws.
        rng : int, numpy.random.Generator or None
            None: a fresh generator of seed 0.

        Returns
        -------
        CurveSample
        """
        count = whole_number("draws", draws, 1)
        if isinstance(rng, np.random.Generator):
            return self._drawn(count, rng)
        if (count, rng) not in self._seen:  # the same seed draws the same
            self._seen[count, rng] = self._drawn(count, generator(rng))
        return self._seen[count, rng]

    def predict(self, depths: ArrayLike) -> Array:
        """Compute the risk: the median of the draws.

        Parameters
        ----------
        depths : array_like
            Depths > 0, steps.

        Returns
        -------
        ndarray
            Metric².
        """
        return np.asarray(np.median(self._main.risk(checked_depths(depths)), axis=0))

    def _predict_measured(self, depth: Array) -> Array:
        main = self._main
        if main.rows is None:
            return self.predict(depth)
        risk = main.population(depth) + main.interaction(depth) / main.rows.measured
        return np.asarray(np.median(risk, axis=0))

    def errors_of_runs(self) -> tuple[float, Array]:
        """Say how the logarithms of risks err, as `DecayResults.errors_of_runs`; on average where it is not known.

        Returns
        -------
        float
        ndarray, shape (k, k)
        """
        curve, given = self.fitted, self.model.dispersion is not None
        if given or curve.errors is not None or curve.log_covariance is not None:
            return super().errors_of_runs()
        return expected(of_curve(curve, self.noise, self.model.correlated, given), curve.df)

    def compare_laws(self) -> pd.DataFrame:
        """Fit rival laws to the fitted depths, as `DecayResults.compare_laws`, with the posterior of each.

        Returns
        -------
        pandas.DataFrame
            With a column ``probability``.
        """
        shapes = self._main.curves.shapes
        bare = float(np.mean((shapes.family == 0) & np.isneginf(shapes.logit)))
        found = {f"{name} + floor": p for name, p in self.families.items()} | {"power": bare}
        found["power + floor"] = max(found["power + floor"] - bare, 0.0)
        table = super().compare_laws()
        return table.assign(probability=[found.get(law, float("nan")) for law in table["law"]])

    @property
    def bse(self) -> pd.Series:
        """Half-widths of the central 68 % of the draws: their tails have no standard deviation."""
        low, high = self._quantiles([0.1587, 0.8413])
        return pd.Series((high - low) / 2, index=list(PARAMETERS))

    @cached_property
    def gamma(self) -> GammaResults:
        """The fit by Gamma likelihood from the model's own first depth on, with Wald, profile and bootstrap."""
        return self.model.fit("gamma")

    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[Interval]:
        if method != "posterior":
            return self.gamma._intervals(method, confidence, draws, rng)
        ends = self._quantiles(tails(confidence)).T
        if ends[2, 0] < SLOWEST * ALPHA_LOW:
            ends[2, 0] = 0.0
        if ends[2, 1] > FASTEST * rate_most(self._posterior.log_depth):
            ends[2, 1] = np.inf
        return [(float(low), float(high)) for low, high in ends]

    def _quantiles(self, shares: list[float]) -> Array:
        """Of floor and scale over all draws, of alpha over those of the power law, (q, 3)."""
        every = np.quantile(self._main.params[:, :2], shares, axis=0)
        return np.column_stack([every, np.quantile(self._power[:, 2], shares)])

    @cached_property
    def late_fit(self) -> BurnIn:
        """Test of the fall alone over the last depths, where the model leaves it least room: as `burn_in`.

        Where the power law is averaged with rivals, of the family that fits best.
        """
        first = max(len(self.curve.depth) - LATE, int(np.flatnonzero(self.curve.depth == self.burn_in.first)[0]))
        found = self.model.lack_of_fit(first)[0]
        if not found.p_value < DOUBTED or not self.model.rivals:
            return found
        noise = self.model._beside.from_index(first)
        laws = compare_laws(from_depth(self.curve, found.first), noise).set_index("law")["deviance"]
        least = laws[[law for law in laws.index if law.removesuffix(" + floor") in self.families]].min()
        return replace(found, p_value=max(found.p_value, noise.p_value(least, len(self.curve.depth) - first - 3)))

    @property
    def known_from(self) -> float:
        """First measured depth, steps: the rise is in the model too."""
        return float(self.model.curve.depth[self.model.given_start()])

    def falls_by(self, confidence: float = 0.95) -> float:
        """Find the depth by which the risk is past its peak.

        Parameters
        ----------
        confidence : float
            Share of the draws, in (0, 1).

        Returns
        -------
        float
            Steps: the last measured depth, or it times 2, 4, ... 64; inf where that is not enough.
        """
        level, log_last = confidence_level(confidence), self._posterior.log_depth[-1]
        for log_depth in log_last + np.log(2.0) * np.arange(7):
            if np.mean(self._main.curves.shapes.slope(log_depth[None], log_last) <= FLAT) >= level:
                return float(np.exp(log_depth))
        return float("inf")

    @cached_property
    def influence(self) -> pd.Series:
        """How much each depth says about alpha: how far ``ln alpha`` moves per standard error of ``ln U`` there."""
        depth = self.model.curve.depth[self.model.given_start() :]
        return pd.Series(self._posterior.influence(), index=pd.Index(depth, name="depth"), name="influence")

    @property
    def slope(self) -> tuple[float, float, float]:
        """Local slope of ``log L`` in ``log c`` at the last depth, with its 95 % interval."""
        middle, low, high = map(float, np.quantile(self._main.slope(), [0.5, 0.025, 0.975]))
        return middle, low, high

    def cautions(self) -> list[str]:
        """List what a reader has to know before quoting the fit.

        Returns
        -------
        list of str
            Empty when there is nothing.
        """
        out = super().cautions()
        if self.rising > 0.05:
            last = self.curve.depth[-1]
            out.insert(0, f"With probability {self.rising:.0%} the risk still rises at {last:g} steps: probe deeper.")
        if self.families[POWER] < UNLIKELY:
            other = self.families.idxmax()
            out.append(
                f"The fall is {_FALLS[other]} with probability {self.families[other]:.0%}, so alpha is the rate of a "
                "law that does not hold."
            )
        return out

    def _headline(self) -> str:
        if self.rising <= RISING:
            return super()._headline()
        last, deeper = self.curve.depth[-1], self.falls_by(0.9)
        by = f"Not even {64 * last:g} steps are surely deep enough to see it fall."
        if np.isfinite(deeper):
            by = f"Probe to {deeper:g} steps: by then it falls in 90 % of the draws."
        return (
            f"Still rising at {last:g} steps with probability {self.rising:.0%}: no rate and no floor are known, the "
            f"prior alone speaks of them. {by}"
        )

    def _notes(self) -> list[str]:
        middle, low, high = self.slope
        falls = ", ".join(f"{_FALLS[name]} {p:.0%}" for name, p in self.families.items())
        prior = ", ".join(f"{name} {p:.0%}" for name, p in self._posterior.prior.items())
        out = [
            f"falls: {falls}; all but alpha is averaged over them",
            f"priors: {PRIORS}; falls {prior}",
            f"slope of log L at {self.curve.depth[-1]:g} steps {middle:.2f} [{low:.2f}, {high:.2f}]; "
            f"{self.effective:.0f} effective draws",
        ]
        if self._rows is not None:
            rows = self._rows
            wanted = "the population" if np.isinf(rows.wanted) else f"{rows.wanted:,.0f} evaluation rows"
            known = "by the prior of the churn factor, for lack of outcomes" if rows.prior else "measured"
            out.append(f"of {wanted}; what the set of {rows.measured:,.0f} rows adds is {known}")
        return out
