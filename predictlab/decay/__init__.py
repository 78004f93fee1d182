"""Decay inference: ``U(c) = L_int + K c^-alpha`` with honest intervals (THEORY 3)."""

from predictlab.decay.model import BurnIn, DecayModel
from predictlab.decay.results import DecayResults

__all__ = ["BurnIn", "DecayModel", "DecayResults"]
