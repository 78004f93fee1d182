"""What budget, phase and planning ask of fits."""

from __future__ import annotations

from collections.abc import Mapping

from predictlab.decay import DecayResults
from predictlab.errors import bad_argument


def checked_fits(fits: Mapping[str, DecayResults]) -> dict[str, DecayResults]:
    """Check a mapping of fits.

    Parameters
    ----------
    fits : mapping of str to DecayResults
        One fit alone is taken under the name of its task.

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
    if isinstance(fits, DecayResults):
        return {fits.task or "task": fits}
    if not isinstance(fits, Mapping) or not fits:
        raise bad_argument("fits", fits, "a mapping {task name: DecayResults} with at least one task")
    for name, fit in fits.items():
        if not isinstance(fit, DecayResults):
            raise bad_argument(f"fits[{name!r}]", fit, "a DecayResults", "Fit it with pl.DecayModel(curve).fit().")
    return dict(fits)


def fitted_from(fit: DecayResults) -> float:
    """Find the first fitted depth; the law says nothing before it.

    Parameters
    ----------
    fit : DecayResults
        Decay law of a task.

    Returns
    -------
    float
        Steps.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> fitted_from(pl.DecayModel(curve).fit())
    4.0
    """
    return float(fit.fitted.depth[0])
