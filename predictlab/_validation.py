"""The one place that checks arguments: each check returns the value it can use, or raises what to do instead.

Every error names the argument, the value, what was expected and, where it helps, the remedy.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from predictlab.errors import bad_argument

DEFAULT_SEED = 0  # of every `rng=None`: results are the same from call to call unless the caller asks otherwise
Option = TypeVar("Option")
Rng = int | np.random.Generator | None
if TYPE_CHECKING:
    import pandas as pd
    from _typeshed import DataclassInstance

    Instance = TypeVar("Instance", bound=DataclassInstance)


def number(
    name: str,
    value: object,
    expected: str = "a finite number",
    hint: str = "",
    *,
    least: float = -np.inf,
    above: float = -np.inf,
    below: float = np.inf,
) -> float:
    """`value` as a finite float, at least `least` and strictly between `above` and `below`.

    `expected` says in the error what was wanted.
    """
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = np.nan
    within = np.isfinite(found) and least <= found and above < found < below
    if not within or isinstance(value, bool | np.bool_ | str):
        raise bad_argument(name, value, expected, hint)
    return found


def positive(name: str, value: object, unit: str = "", hint: str = "") -> float:
    """`value` as a finite float > 0; `unit` such as ``" (metric²)"`` is shown in the error."""
    return number(name, value, f"a finite number > 0{unit}", hint, above=0)


def nonnegative(name: str, value: object, unit: str = "") -> float:
    """`value` as a finite float >= 0."""
    return number(name, value, f"a finite number >= 0{unit}", least=0)


def floats(name: str, value: object, expected: str, hint: str = "") -> NDArray[np.float64]:
    """`value` as an array of floats, of any shape."""
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise bad_argument(name, value, expected, hint) from None


Z95 = 1.96  # half-width of the central 95 % of a Gaussian, in standard deviations


def evaluation_rows(value: object) -> float | None:
    """A number of evaluation rows > 0, inf for the population they come from, None for the set at hand."""
    if value is None:
        return None
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool) and value > 0:
        return float(value)
    raise bad_argument("rows", value, "a number of evaluation rows > 0, inf for the population, or None for this set")


def tolerance_of(tolerance: object, margin: object) -> float:
    """The tolerance, metric², from itself or from its margin ``m``, in the metric: ``(m / 1.96)²``; one of them."""
    if margin is not None:
        if tolerance is not None:
            raise bad_argument(
                "margin", margin, f"None beside tolerance={tolerance!r}", "One is the square of the other."
            )
        return (positive("margin", margin, " (in the metric)") / Z95) ** 2
    hint = "Or give margin=, in the metric: its half-width at 95 %." if tolerance is None else ""
    return positive("tolerance", tolerance, " (metric²)", hint)


def whole_number(
    name: str, value: object, least: int = 0, what: str = "a whole number", hint: str = "", most: int | None = None
) -> int:
    """`value` as an int from `least` to `most`; numpy's integers are taken, floats and booleans are not."""
    expected = f"{what} >= {least}" if most is None else f"{what} from {least} to {most}"
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        found = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise bad_argument(name, value, expected, hint) from None
    if found < least or (most is not None and found > most):
        raise bad_argument(name, value, expected, hint)
    return found


def share(name: str, value: object, what: str = "a number in (0, 1)", above: float = 0.0, hint: str = "") -> float:
    """`value` as a float strictly between `above` and 1."""
    return number(name, value, what, hint, above=above, below=1)


def confidence_level(value: object) -> float:
    """A confidence level in (0, 1), such as 0.95."""
    hint = ""
    if isinstance(value, int | float) and 1 < value < 100:
        hint = f"As a share: {value / 100:g}."
    return share("confidence", value, "a confidence level in (0, 1), such as 0.95", hint=hint)


def tails(confidence: object) -> list[float]:
    """The two shares between which the central interval of a confidence level lies."""
    below = (1 - confidence_level(confidence)) / 2
    return [below, 1 - below]


def option(name: str, value: object, options: Iterable[Option], hint: str = "") -> Option:
    """`value` if it is one of `options`."""
    known = list(options)
    for one in known:
        if isinstance(value, str) == isinstance(one, str) and value == one:
            return one
    expected = ", ".join(map(repr, known))
    raise bad_argument(name, value, f"one of {expected}" if len(known) > 1 else expected, hint)


def made_by(name: str, value: object, kind: type, maker: str) -> None:
    """Raise where a result is not of its class; `maker` says who returns one."""
    if not isinstance(value, kind):
        raise bad_argument(name, type(value).__name__, f"what {maker}")


def needed_columns(name: str, table: pd.DataFrame, needed: Iterable[str]) -> None:
    """Raise if a table lacks one of the columns `needed`."""
    needed = list(needed)
    if missing := [column for column in needed if column not in table.columns]:
        expected = f"the columns {', '.join(needed)}"
        raise bad_argument(name, list(table.columns), expected, f"{missing[0]!r} is not.")


def replaced(instance: Instance, changes: Mapping[str, object]) -> Instance:
    """Copy of a dataclass with other fields; an unknown name raises with the list of known ones."""
    known = [field.name for field in dataclasses.fields(instance)]
    for name in changes:
        option("replace()", name, known)
    return dataclasses.replace(instance, **changes)


def generator(rng: Rng = None) -> np.random.Generator:
    """The generator that draws are taken from.

    Parameters
    ----------
    rng : None, int or numpy.random.Generator
        None: a fresh generator of seed 0, so that a result does not change from call to call. An int: a fresh one of
        that seed. A generator: itself, which moves on with every draw.
    """
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(library_seed(rng))


def library_seed(rng: Rng = None) -> int:
    """A seed for libraries that take no Generator: that of `rng`, or one drawn from it."""
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**31))
    return DEFAULT_SEED if rng is None else whole_number("rng", rng, 0, "None, a numpy.random.Generator, or a seed")
