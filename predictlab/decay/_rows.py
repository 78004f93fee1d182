"""What the evaluation rows add to a risk curve, and to its law (docs/theory.md, section 8).

The spread over runs on a set of `rows` rows is ``mu(c) + sigma_int²(c) / rows``: the law ``mu`` of the population of
rows, and how runs interact with rows. The second part is measured where outcomes of rows are known; else all that is
known is a prior of the churn factor ``h``: ``sigma_int² = h (1 - p) / 2``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from predictlab.decay._law import Array, law
from predictlab.decay._noise import chain, log_errors
from predictlab.decay._posterior import Curves, Offset, Posterior, between
from predictlab.errors import bad_argument
from predictlab.risk import RiskCurve
from predictlab.risk._components import CHURN, CHURN_LOG_SD

LAW_DF = 40.0  # at which the interaction's own law is fitted: what it is not known by is its form, not its error
NEIGHBOURS = 0.8  # squared correlation of the interactions at neighbouring depths: the same rows and runs


@dataclass(frozen=True)
class RowsPart:
    """The rows' part of one curve.

    Parameters
    ----------
    measured : float
        Rows of the evaluation set.
    wanted : float
        Rows of the set that answers are asked for; inf is the population.
    offset : Offset
        What the measured set adds to each risk.
    prior : bool
        Whether it is the churn factor's prior, for lack of outcomes.
    law : Posterior or None
        Of ``sigma_int² / measured`` as a curve of its own; None: as at the last depth from there on.
    """

    measured: float
    wanted: float
    offset: Offset
    prior: bool
    law: Posterior | None

    @classmethod
    def of(cls, curve: RiskCurve, wanted: float | None, rng: np.random.Generator) -> RowsPart | None:
        """What is known of it; None where nothing is and nothing is asked."""
        if curve.parts is not None:
            rows = float(curve.parts[-1].rows)
            share = np.array([max(p.interaction, p.largest) / p.rows for p in curve.parts])
            # where runs never disagree only a bound is known, and that barely
            df = np.maximum([p.interaction_df for p in curve.parts], 1.0)
            df_of_law, neighbours = np.minimum(df, LAW_DF), [chain(np.full(len(share) - 1, NEIGHBOURS))]
            errors = log_errors(df_of_law, neighbours, {1.0: 1.0})
            own = Posterior(curve.depth, share, df_of_law, errors=errors, rng=rng)
            return cls(rows, rows if wanted is None else wanted, Offset(share, df), False, own)
        if wanted is None:
            return None
        if curve.estimator != "spread" or not curve.sampling_error or curve.mean is None:
            hint = (
                "Make the curve from outcomes of rows (pl.probe(..., outcomes=True), pl.read_outcomes), or of a share "
                "of rows with pl.risk_curve(runs, eval_rows=n)."
            )
            raise bad_argument("rows", wanted, "None for a curve whose evaluation rows are not known", hint)
        p = np.clip(curve.mean, 0.0, 1.0)
        rows = float(p[-1] * (1 - p[-1]) / curve.sampling_error)
        share = np.maximum(CHURN * (1 - p) / (2 * rows), 1e-3 * curve.risk)
        return cls(rows, wanted, Offset(share, np.full(len(p), np.inf), CHURN_LOG_SD), True, None)

    def draw(self, curves: Curves, rng: np.random.Generator) -> RowsDraws:
        """Draw it beside curves of the population."""
        n, rows = len(curves.level), (self.measured, self.wanted)
        if self.law is None:
            e = curves.factor[:, None] * self.offset.risk
            flat = np.column_stack([e[:, -1], np.zeros(n), np.ones(n)])
            return RowsDraws(*rows, curves.log_depth, np.log(e), flat)
        drawn = self.law.draw(n, rng)
        e = self.offset.risk * rng.chisquare(self.offset.df, (n, len(self.offset.df))) / self.offset.df
        return RowsDraws(*rows, curves.log_depth, np.log(e), drawn.parameters())


@dataclass(frozen=True)
class RowsDraws:
    """Draws of the rows' part.

    Parameters
    ----------
    measured, wanted : float
        Rows of the set that was measured, and of the one that is asked about.
    log_depth : ndarray, shape (k,)
    log_measured : ndarray, shape (n, k)
        At the measured depths, of the measured set.
    law : ndarray, shape (n, 3)
        Floor, scale and rate of its law, of the measured set.
    """

    measured: float
    wanted: float
    log_depth: Array
    log_measured: Array
    law: Array

    def first(self, n: int) -> RowsDraws:
        """The first `n` of them."""
        return replace(self, log_measured=self.log_measured[:n], law=self.law[:n])

    def risk(self, depth: Array) -> Array:
        """On the set that is asked about, at depths (m,) or (n, m), metric²: (n, m)."""
        return self.interaction(depth) / self.wanted

    def interaction(self, depth: Array) -> Array:
        """``sigma_int²`` at depths (m,) or (n, m), metric² a row; beyond the measured ones by its law."""
        last = np.exp(self.log_depth[-1])
        inside = np.exp(between(self.log_depth, self.log_measured, np.log(depth)))
        further = law(np.maximum(depth, last), *self.law.T[:, :, None]) / law(last, *self.law.T)[:, None]
        return np.asarray(self.measured * inside * further)

    def added(self, params: Array) -> Array:
        """The law (n, 3) of the sum: floors add up; value and slope of what decays are right at the last depth."""
        last = np.exp(self.log_depth[-1])
        at_last = np.exp(self.log_measured[:, -1]) / law(last, *self.law.T) * self.measured / self.wanted
        floor, scale, rate = self.law.T
        own, theirs = (law(last, 0.0, k, a) for k, a in ((params[:, 1], params[:, 2]), (scale * at_last, rate)))
        both = own + theirs
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(both > 0, (params[:, 2] * own + rate * theirs) / both, params[:, 2])
        return np.column_stack([params[:, 0] + floor * at_last, np.exp(np.log(both) + slope * np.log(last)), slope])
