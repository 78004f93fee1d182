"""Fits as an argument: a mapping of them, one alone, or what `fresh_run` says."""

from __future__ import annotations

from collections.abc import Mapping

from predictlab.budget._fresh import FreshRun
from predictlab.budget._fresh_results import FreshResults
from predictlab.decay import DecayResults
from predictlab.errors import bad_argument


def checked_fits(fits: Mapping[str, DecayResults | FreshRun] | DecayResults | FreshRun) -> dict[str, DecayResults]:
    """Check a mapping of fits.

    Parameters
    ----------
    fits : mapping of str to DecayResults or FreshRun
        One alone is taken under the name of its task; a `FreshRun` is taken at as many seeds as there are.

    Returns
    -------
    dict of str to DecayResults

    Raises
    ------
    ArgumentError
        Which entry is not a fit, and how to make one.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> list(checked_fits({"reviews": pl.DecayModel(curve).fit()}))
    ['reviews']
    """
    if isinstance(fits, DecayResults | FreshRun):
        fits = {fits.curve.task or "task": fits}
    if not isinstance(fits, Mapping) or not fits:
        raise bad_argument("fits", fits, "a mapping {task name: DecayResults} with at least one task")
    found = {name: fit.results() if isinstance(fit, FreshRun) else fit for name, fit in fits.items()}
    for name, fit in found.items():
        if not isinstance(fit, DecayResults):
            raise bad_argument(f"fits[{name!r}]", fit, "a DecayResults", "Fit it with pl.DecayModel(curve).fit().")
    return found


def laws_alone(fits: Mapping[str, DecayResults], what: str) -> dict[str, DecayResults]:
    """Refuse what is no fitted law: steps and seeds of another run's end are chosen together, a task by itself."""
    for name, fit in fits.items():
        if isinstance(fit, FreshResults):
            raise bad_argument(
                f"fits[{name!r}]", "a FreshRun", f"a fit of a decay law for {what}",
                "Its own plan() and optimal() choose steps and seeds together.",
            )  # fmt: skip
    return dict(fits)
