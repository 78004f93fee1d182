"""Errors of predictlab: each subclasses the built-in exception that fits, and says what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = [
    "ArgumentError", "CatalogError", "DamagedState", "DataError", "DependencyError", "ModelError", "PredictlabError",
    "StoreError", "UnusualInput", "WorkerError", "bad_argument",
]  # fmt: skip


def __dir__() -> list[str]:
    return list(__all__)


LONGEST = 4000  # characters of a message: a name out of a damaged file may have no end


class PredictlabError(Exception):
    """Base of every error that predictlab raises on purpose; the command line prints these in one line."""

    def __str__(self) -> str:
        message = super().__str__()
        half = LONGEST // 2
        return message if len(message) <= LONGEST else f"{message[:half]} [...] {message[-half:]}"


class ArgumentError(PredictlabError, ValueError):
    """An argument has a value that cannot be used."""


class DataError(PredictlabError, ValueError):
    """Rows, labels or runs that the requested step cannot be computed from."""


class CatalogError(PredictlabError, OSError):
    """A catalog file could not be fetched, verified or written."""


class ModelError(PredictlabError, ValueError):
    """A model could not be loaded, or is refused."""


class StoreError(PredictlabError, RuntimeError):
    """A run store cannot be opened, read or written."""


class DamagedState(StoreError):
    """The state of a run is missing, cut or altered: it will not come back by being read again."""


class DependencyError(PredictlabError, ImportError):
    """An optional dependency that this step needs is not installed."""


class WorkerError(PredictlabError, RuntimeError):
    """Workers of a cluster could not be started, or kept being lost."""


class UnusualInput(UserWarning):
    """An argument is taken as given, but looks like another unit or lies far outside all that was measured."""


def bad_argument(name: str, value: object, expected: str, hint: str = "") -> ArgumentError:
    """Build the error for one unusable argument.

    Parameters
    ----------
    name : str
        Argument as the caller wrote it.
    value : object
        What was given; long values are shortened in the middle.
    expected : str
        What would have been accepted, e.g. ``"a number > 0 (metric²)"``.
    hint : str, optional
        What to do next.

    Returns
    -------
    ArgumentError
        To be raised by the caller.

    Examples
    --------
    >>> print(bad_argument("tolerance", -1, "a number > 0 (metric²)"))
    tolerance=-1: expected a number > 0 (metric²).
    """
    shown = repr(value)
    if len(shown) > 80:
        shown = f"{shown[:38]}...{shown[-39:]}"  # the end of a path says which file it is
    message = f"{name}={shown}: expected {expected}."
    return ArgumentError(f"{message} {hint}" if hint else message)


@contextmanager
def needs_extra(what: str, extra: str, hint: str = "") -> Iterator[None]:
    """Turn a failed import in a ``with`` block into an error that says what needs the package, and how to install it.

    Parameters
    ----------
    what : str
        What cannot be done without it, to begin the sentence with.
    extra : str
        Of predictlab, such as ``"probe"``, that installs it.
    hint : str, optional
        Put behind the command.

    Yields
    ------
    None

    Raises
    ------
    DependencyError
        If an import in the block fails.

    Examples
    --------
    >>> with needs_extra("Reading parquet", "parquet"):
    ...     import no_such_package
    Traceback (most recent call last):
    predictlab.errors.DependencyError: Reading parquet needs no_such_package: pip install 'predictlab[parquet]'.
    """
    try:
        yield
    except ImportError as error:
        raise DependencyError(f"{what} needs {error.name}: pip install 'predictlab[{extra}]'{hint}.") from error
