"""The paper's recipe: least squares of ``log U`` on ``log c``, by statsmodels OLS (Luo, Wang, Tang 2026, Alg. 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from predictlab._validation import generator, whole_number
from predictlab.decay._deviance import deviance
from predictlab.decay._law import PARAMETERS, GammaFit, law
from predictlab.decay._noise import Noise
from predictlab.decay._results import DecayResults, Rng
from predictlab.errors import DataError, bad_argument
from predictlab.risk import RiskCurve

if TYPE_CHECKING:
    from predictlab.decay._model import BurnIn, DecayModel


class LogLogResults(DecayResults):
    """A straight line in logarithms, with the floor subtracted beforehand or not.

    Its intervals are those of ordinary least squares: they take every depth as equally well known and independent, and
    the floor as known. docs/coverage.md shows how often they hold.

    Attributes
    ----------
    ols : statsmodels regression results
        ``log(U - floor)`` on ``log c``; coefficients ``log K`` and ``-alpha``.
    """

    default_interval = "wald"
    ols: Any

    @classmethod
    def of(
        cls, model: DecayModel, fitted: RiskCurve, burn_in: BurnIn, noise: Noise, floor: float | str | None
    ) -> LogLogResults:
        """Fit; see `DecayModel.fit`."""
        import statsmodels.api as sm

        depth, risk, df = fitted.depth, fitted.risk, fitted.df
        keep = np.ones(len(depth), dtype=bool)
        if floor == "last":
            keep[-1], level = False, float(risk[-1])
            keep &= risk > level
        elif floor is None:
            level = 0.0
        else:
            try:
                level = float(floor)
            except ValueError:
                level = float("nan")
            if not 0 <= level < float(np.min(risk)):
                raise bad_argument(
                    "floor", floor, f"'last', None, or a risk in [0, {np.min(risk):.4g}), below every risk fitted",
                    "What is subtracted has to leave something to take the logarithm of.",
                )  # fmt: skip
        if keep.sum() < 3:
            raise DataError(f"curve {fitted.task!r}: {keep.sum()} depths lie above the floor; a line needs 3.")
        x = pd.DataFrame({"log_scale": 1.0, "minus_decay_rate": np.log(depth[keep])})
        ols = sm.OLS(np.log(risk[keep] - level), x).fit()
        scale, rate = float(np.exp(ols.params["log_scale"])), -float(ols.params["minus_decay_rate"])
        value = float(deviance(risk, df, law(depth, level, scale, rate)))
        out = cls(model, fitted, GammaFit(level, scale, rate, value), burn_in, noise, "loglog")
        out.ols = ols
        return out

    @property
    def bse(self) -> pd.Series:
        """Standard errors of ordinary least squares; that of the floor is NaN, since it was not estimated."""
        intercept, slope = self.ols.bse
        return pd.Series([np.nan, self.params["scale"] * intercept, slope], index=list(PARAMETERS))

    def _intervals(self, method: str, confidence: float, draws: int, rng: Rng) -> list[tuple[float, float]]:
        if method != "wald":
            raise bad_argument(
                "method", method, "'wald', the intervals of least squares", "Fit 'gamma' for the others."
            )
        table = np.asarray(self.ols.conf_int(1 - confidence))
        floor = float(self.params["intrinsic_limit"])
        return [(floor, floor), (float(np.exp(table[0, 0])), float(np.exp(table[0, 1]))), (-table[1, 1], -table[1, 0])]

    def draws(self, draws: int = 2000, rng: Rng = None) -> pd.DataFrame:
        """Draws of the parameters from Student's t of least squares; the floor stays where it was put."""
        count, random = whole_number("draws", draws, 1), generator(rng)
        df = self.ols.df_resid
        z = random.multivariate_normal(np.zeros(2), np.asarray(self.ols.cov_params()), count)
        z = np.asarray(self.ols.params) + z * np.sqrt(df / random.chisquare(df, (count, 1)))
        return pd.DataFrame(
            {
                "intrinsic_limit": self.params["intrinsic_limit"],
                "scale": np.exp(np.clip(z[:, 0], -600, 600)),
                "decay_rate": -z[:, 1],
            }
        )

    def cautions(self) -> list[str]:
        """As of every fit, and what least squares leaves out."""
        why = "The floor was not estimated, and the intervals take it as known and all depths as equally well measured."
        return [why, *super().cautions()]
