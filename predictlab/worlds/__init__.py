"""Worlds whose risk is known exactly, for tests, studies and teaching (THEORY 6)."""

from predictlab.worlds.base import World
from predictlab.worlds.martingale import MartingaleWorld
from predictlab.worlds.quadratic import QuadraticSGDWorld

__all__ = ["MartingaleWorld", "QuadraticSGDWorld", "World"]
