"""Decay inference: ``U(c) = L_int + K c^-alpha`` with honest intervals (THEORY 3)."""

from predictlab.decay._law import PARAMETERS, law
from predictlab.decay._model import BurnIn, DecayModel
from predictlab.decay._results import DecayResults

__all__ = ["PARAMETERS", "BurnIn", "DecayModel", "DecayResults", "law"]


def __dir__() -> list[str]:
    return list(__all__)
