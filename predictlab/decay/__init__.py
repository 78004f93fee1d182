"""Decay inference: ``U(c) = L_int + K c^-alpha`` with honest intervals (docs/theory.md, section 3)."""

from predictlab.decay._draws import Sample
from predictlab.decay._estimators import GammaResults, GEEResults, LogLogResults
from predictlab.decay._horizon_law import HorizonResults
from predictlab.decay._law import PARAMETERS, law
from predictlab.decay._model import METHODS, MIN_DEPTHS, BurnIn, DecayModel
from predictlab.decay._posterior_results import PosteriorResults
from predictlab.decay._results import INTERVALS, DecayResults
from predictlab.decay._shapes import ALTERNATIVES, PRIORS

__all__ = [
    "ALTERNATIVES", "INTERVALS", "METHODS", "MIN_DEPTHS", "PARAMETERS", "PRIORS", "BurnIn", "DecayModel",
    "DecayResults", "GEEResults", "GammaResults", "HorizonResults", "LogLogResults", "PosteriorResults", "Sample",
    "law",
]  # fmt: skip


def __dir__() -> list[str]:
    return list(__all__)
