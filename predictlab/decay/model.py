"""`DecayModel`: what is fitted, from which depth on, by which method (THEORY 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from predictlab.decay import solver
from predictlab.decay.draws import dispersion
from predictlab.decay.results import DecayResults
from predictlab.errors import DataError, bad_argument
from predictlab.risk import RiskCurve

MIN_DEPTHS = 4  # three parameters, and one depth left to contradict them


@dataclass(frozen=True)
class BurnIn:
    """First depth of the fit, and the p value of the lack-of-fit test from there on."""

    first: float
    p_value: float
    chosen: str


class DecayModel:
    """The decay law ``U(c) = L_int + K c^-alpha`` for one risk curve.

    Parameters
    ----------
    curve : RiskCurve
        Estimates at four depths or more.
    burn_in : "auto" or float
        First depth of the fit. ``"auto"``: of the depths from the peak of the curve on that leave at least four, the
        first from which the lack-of-fit test passes; the last of them when it passes nowhere (THEORY 3 and 7: a spread
        rises while a model learns, and the law speaks of what comes after).
    level : float
        Level of the lack-of-fit test.

    Raises
    ------
    DataError
        Fewer than four depths.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[.31, .16, .085, .05, .032], df=31)
    >>> fit = pl.DecayModel(curve).fit()
    >>> print(f"{fit.params['decay_rate']:.1f}")
    1.0
    """

    def __init__(self, curve: RiskCurve, burn_in: str | float = "auto", level: float = 0.05) -> None:
        if not isinstance(curve, RiskCurve):
            raise bad_argument("curve", curve, "a RiskCurve", "Make one with pl.risk_curve(runs) or pl.RiskCurve(...).")
        depth = np.asarray(curve.depth)
        if len(depth) < MIN_DEPTHS:
            raise DataError(
                f"curve {curve.task!r}: {len(depth)} depths; the law has three parameters and needs {MIN_DEPTHS}. "
                "Probe more depths."
            )
        if not 0 < level < 1:
            raise bad_argument("level", level, "a level in (0, 1), such as 0.05")
        if burn_in != "auto":
            known = [float(c) for c in depth[: len(depth) - MIN_DEPTHS + 1]]
            if isinstance(burn_in, str) or float(burn_in) not in known:
                raise bad_argument("burn_in", burn_in, f"'auto' or a depth that leaves {MIN_DEPTHS}: one of {known}")
        self.curve = curve
        self.burn_in = burn_in
        self.level = level

    def find_burn_in(self) -> BurnIn:
        """First depth of the fit; see the class."""
        depth, risk, df = (np.asarray(a) for a in (self.curve.depth, self.curve.risk, self.curve.df))
        starts = len(depth) - MIN_DEPTHS + 1
        firsts = range(int(np.argmax(risk[:starts])), starts)
        if self.burn_in != "auto":
            firsts = range(int(np.flatnonzero(depth == float(self.burn_in))[0]), len(depth) - MIN_DEPTHS + 1)
        p_value, i = 0.0, 0
        for i in firsts:
            best = solver.fit(depth[i:], risk[i:], df[i:])
            p_value = float(chi2.sf(best.deviance, len(depth) - i - 3))
            if p_value >= self.level or self.burn_in != "auto":
                break
        return BurnIn(float(depth[i]), p_value, "given" if self.burn_in != "auto" else "auto")

    def fit(self, method: str = "gamma") -> DecayResults:
        """Fit the law.

        Parameters
        ----------
        method : {"gamma"}
            Gamma likelihood; alpha by profile, ``(L_int, K)`` as a statsmodels Gamma GLM with identity link at that
            alpha.

        Returns
        -------
        DecayResults
        """
        if method != "gamma":
            raise bad_argument("method", method, "'gamma'")
        burn_in = self.find_burn_in()
        fitted = self.curve.from_depth(burn_in.first)
        depth, risk, df = (np.asarray(a) for a in (fitted.depth, fitted.risk, fitted.df))
        best = solver.fit(depth, risk, df)
        inflation = dispersion(depth, df, best, fitted.log_covariance)
        return DecayResults(self, fitted, best, burn_in, inflation)
