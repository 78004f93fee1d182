"""What a decision and an hour are worth, turned into the units of budgets: a tolerance and an exchange rate."""

from __future__ import annotations

from scipy.stats import norm

from predictlab._validation import Z95, confidence_level, positive


def tolerance(*, margin: float, confidence: float = 0.95, between_two: bool = False) -> float:
    """Turn a margin of the metric into the risk that one can live with, ``tau = (m / z)²``.

    Parameters
    ----------
    margin : float
        ``m`` > 0 in the metric: how far a run may lie from what is said of it.
    confidence : float
        In (0, 1): the share of runs that may be expected within the margin.
    between_two : bool
        The margin is that between two runs of one recipe, whose difference has twice the variance of one.

    Returns
    -------
    float
        ``tau``, metric², for every ``tolerance=``.

    Raises
    ------
    ArgumentError
        A margin or a confidence that is out of its range.

    Notes
    -----
    Runs are taken as Gaussian. At 95 % ``z`` is 1.96, so that ``tolerance=pl.tolerance(margin=m)`` and ``margin=m``
    are the same (docs/theory.md, sections 1 and 7).

    Examples
    --------
    >>> import predictlab as pl
    >>> round(pl.tolerance(margin=0.0196), 8)
    0.0001
    >>> round(pl.tolerance(margin=0.0196, confidence=0.8) ** 0.5, 4)
    0.0153
    """
    level = confidence_level(confidence)
    z = Z95 if level == 0.95 else float(norm.ppf((1 + level) / 2))
    tau = (positive("margin", margin, " (in the metric)", "Such as 0.025 of an accuracy.") / z) ** 2
    return tau / 2 if between_two else tau


def exchange_rate(
    *,
    worth_of_a_point: float,
    gpu_hour: float | None = None,
    seconds_per_step: float | None = None,
    point: float = 0.01,
) -> float:
    """Turn money into the risk that one unit of cost is worth, ``gamma``.

    An error of one point costs `worth_of_a_point`, one of two points four times as much, and so on: the loss is the
    squared error's, which is what a risk is the mean of.

    Parameters
    ----------
    worth_of_a_point : float
        > 0, money: what one is ready to pay to be right by one point instead of wrong by it.
    gpu_hour : float, optional
        > 0, money an hour. With it the rate is that of a step, and steps are what is paid for.
    seconds_per_step : float, optional
        > 0, of one run; goes with `gpu_hour`. ``RunStore.costs(task).seconds_per_step`` has measured it.
    point : float
        What a point is, in the metric: 0.01 of an accuracy that is a share, 1 where it is in percent.

    Returns
    -------
    float
        ``gamma``: metric² per step with `gpu_hour`, for a ``cost_per_step=1``; without, metric² per unit of money, for
        a ``cost_per_step=`` in money.

    Raises
    ------
    ArgumentError
        A price that is not positive, or an hour's price without the seconds of a step, or the other way round.

    Examples
    --------
    An hour costs 2, a step takes half a second, and a point is worth 50:

    >>> import predictlab as pl
    >>> print(f"{pl.exchange_rate(worth_of_a_point=50, gpu_hour=2, seconds_per_step=0.5):.3g} metric² a step")
    5.56e-10 metric² a step
    >>> print(f"{pl.exchange_rate(worth_of_a_point=50):.3g} metric² per unit of money")
    2e-06 metric² per unit of money
    """
    unit = positive("point", point, " (in the metric)")
    gamma = unit**2 / positive("worth_of_a_point", worth_of_a_point, " (money)")
    if gpu_hour is None and seconds_per_step is None:
        return gamma
    hint = "RunStore.costs(task).seconds_per_step has measured it."
    hours = positive("seconds_per_step", seconds_per_step, " (seconds of one step), beside gpu_hour", hint) / 3600
    return gamma * positive("gpu_hour", gpu_hour, " (money an hour), beside seconds_per_step") * hours
