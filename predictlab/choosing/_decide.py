"""`decide`: go, stop, or probe to a deeper depth first, whichever is expected to cost least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from predictlab._validation import nonnegative, number, option, positive
from predictlab.choosing._decisions import Decisions
from predictlab.errors import DataError, bad_argument
from predictlab.forecasting import ForecastResults
from predictlab.risk import RiskCurve
from predictlab.risk._curve import Array
from predictlab.task import better_side, is_share

Later = ForecastResults | Sequence[ForecastResults] | RiskCurve | Mapping[float, float]
Price = float | Mapping[float, float]
NODES = 400  # of what a probe may show
MOST_DF = 1e4
UNLIKE = "unlike"  # how `pl.forecast` begins the note of a run whose interval is too narrow
NUMBERS = ("p_good", "p_waste", "p_miss", "saving", "loss", "loss_go", "loss_stop", "loss_probe")


def decide(
    forecast: ForecastResults,
    threshold: float | None = None,
    cost_full: float = 1.0,
    cost_probe: Price | None = None,
    *,
    later: Later | None = None,
    cost_miss: float | None = None,
    better: str | None = None,
) -> Decisions:
    """Decide of each run whether to train it to the end, to stop it, or to look again at a deeper depth.

    Three things can be lost: the cost of a run that is trained to its end and ends on the bad side (`cost_full`), what
    a good run that was stopped would have been worth (`cost_miss`), and the cost of looking again at a run that is then
    stopped. The option with the least expected loss is taken.

    Parameters
    ----------
    forecast : ForecastResults
        What `pl.forecast` says at the present depth.
    threshold : float, optional
        Where a run has to end to be worth it; default that of the forecast.
    cost_full : float
        > 0, of training one run on from here to its end, in any unit: money, hours, steps.
    cost_probe : float or mapping of depth to cost, optional
        Price of one more step in the same unit, or the cost of going on to each depth. A probe is the beginning of the
        run: what it cost needs not be paid again when the run goes on.
    later : ForecastResults, sequence of them, RiskCurve or mapping of depth to risk, optional
        How much would be left open at deeper depths: forecasts from there of runs that ended, a curve of the question
        `this_run`, or the mean squared error by depth, metric². Without it there is nothing to probe for.
    cost_miss : float, optional
        >= 0, what stopping a good run loses; default `cost_full`, so that without a probe the likelier side decides.
    better : {"higher", "lower"}, optional
        Which side of the threshold is good; needed for metrics other than predictlab's own.

    Returns
    -------
    Decisions
        With the probability of each error, and the cost saved against training every run to its end.

    Raises
    ------
    ArgumentError, DataError
        No threshold, prices that are out of their range, or depths that are not deeper than that of the forecast.

    Notes
    -----
    The end is taken as Student's t about the prediction, with the forecast's own standard deviation and the degrees of
    freedom that its interval shows. What a probe will show is not known: the prediction moves by the variance that is
    then no longer open, ``sd² - sd_c²`` (law of total variance, docs/theory.md, section 1), and what is best after each
    such move is averaged. A run "unlike the runs learnt from" is never stopped or taken by its forecast, whose
    probabilities do not hold for it: it is probed, or left undetermined.

    Examples
    --------
    >>> import predictlab as pl
    >>> source = pl.worlds.MartingaleWorld(0.0001, 0.01, 1.0, mean=0.8).source(seed=0)
    >>> runs = source([4, 8, 16, 32, 64], range(12))
    >>> now, deeper = (pl.forecast(runs, at_depth=c) for c in (8, 32))
    >>> decisions = pl.decide(now, 0.8, 56, 0.25, later=deeper, better="higher")
    >>> sorted(set(decisions.frame()["decision"]))
    ['probe', 'stop']
    """
    if not isinstance(forecast, ForecastResults):
        raise bad_argument("forecast", forecast, "a ForecastResults", "Make it with pl.forecast(runs, at_depth=...).")
    theta, side = _asked(forecast, threshold, better)
    full = positive("cost_full", cost_full, " (cost)")
    miss = full if cost_miss is None else nonnegative("cost_miss", cost_miss, " (cost)")
    table = forecast.frame()
    depths, left = _later(forecast, later, table["run"])
    prices = _prices(cost_probe, depths, forecast.at_depth, full)
    sign = 1.0 if side == "higher" else -1.0
    records = []
    for row, (_, run) in enumerate(table.iterrows()):
        law = law_of(run, forecast.confidence)
        record = dict.fromkeys(NUMBERS, np.nan) | {"decision": "undetermined", "depth": np.nan}
        note = str(run["note"])
        unlike = UNLIKE in note
        if law is None:
            note = note or "its interval is unbounded"
        elif unlike:
            if len(depths):
                record |= {"decision": "probe", "depth": depths[0]}
        else:
            record |= best_of(law, sign * theta, sign, full, miss, depths, left[row], prices)
        known = np.isfinite(run["final"])
        good = bool(sign * (run["final"] - theta) >= 0)
        records.append({"note": note, "good": good if known else None} | record)
    found = pd.DataFrame(records).assign(**{c: table[c] for c in ("run", "task", "prediction", "sd", "final")})
    order = ["run", "prediction", "sd", "p_good", "decision", "depth", "p_waste", "p_miss", "saving", "loss"]
    order += ["loss_go", "loss_stop", "loss_probe", "final", "good", "note", "task"]
    return Decisions(found[order], forecast.metric, theta, side, forecast.at_depth, full, miss)


@dataclass(frozen=True)
class Law:
    """Where a run ends: ``centre + sd t(df)``."""

    centre: float
    sd: float
    df: float


def law_of(run: pd.Series, confidence: float) -> Law | None:
    """The law behind one row of a forecast; None where there is no forecast, or its interval is unbounded."""
    centre, sd = float(run["prediction"]), float(run["sd"])
    half = max(run["upper"] - centre, centre - run["lower"])  # of shares one side may be cut
    if not (np.isfinite(half) and np.isfinite(sd) and sd > 0):
        return None
    level = (1 + confidence) / 2
    ratio = half / sd
    if ratio <= stats.t.ppf(level, MOST_DF):
        return Law(centre, sd, MOST_DF)
    if ratio >= stats.t.ppf(level, 1.0):
        return Law(centre, sd, 1.0)
    return Law(centre, sd, float(brentq(lambda df: stats.t.ppf(level, df) - ratio, 1.0, MOST_DF)))


def best_of(
    law: Law, theta: float, sign: float, full: float, miss: float, depths: Array, left: Array, prices: Array
) -> dict[str, object]:
    """The option with the least expected loss, its errors and its cost; `theta` is turned so that up is good.

    Parameters
    ----------
    left : ndarray, shape (k,)
        Standard deviation that is left open at each depth, metric.
    prices : ndarray, shape (k,)
        Of going on to each depth.
    """
    centre = sign * law.centre
    good = float(stats.t.sf((theta - centre) / law.sd, law.df))
    options: list[dict[str, object]] = [
        {"decision": "go", "depth": np.nan, "p_waste": 1 - good, "p_miss": 0.0, "saving": 0.0},
        {"decision": "stop", "depth": np.nan, "p_waste": 0.0, "p_miss": good, "saving": full},
    ]
    losses = [(1 - good) * full, good * miss]
    moves = stats.t.ppf((np.arange(NODES) + 0.5) / NODES, law.df)
    for depth, sd, price in zip(depths, left, prices, strict=True):
        if not 0 < sd < law.sd:  # nothing to be learnt, or not known
            continue
        after = centre + np.sqrt(law.sd**2 - sd**2) * moves
        up = stats.t.sf((theta - after) / sd, law.df)
        goes = (1 - up) * full < price + up * miss
        losses.append(float(np.mean(np.where(goes, (1 - up) * full, price + up * miss))))
        options.append(
            {
                "decision": "probe", "depth": depth, "p_waste": float(np.mean(goes * (1 - up))),
                "p_miss": float(np.mean(~goes * up)), "saving": float(np.mean(~goes) * (full - price)),
            }
        )  # fmt: skip
    best = int(np.argmin(losses))
    probe = min(losses[2:], default=np.nan)
    named = {"p_good": good, "loss": losses[best], "loss_go": losses[0], "loss_stop": losses[1], "loss_probe": probe}
    return options[best] | named


def _asked(forecast: ForecastResults, threshold: float | None, better: str | None) -> tuple[float, str]:
    """The threshold, and which side of it is good."""
    metric = forecast.metric
    value = forecast.threshold if threshold is None else threshold
    theta = number("threshold", value, f"a value of {metric}", "Or give it to pl.forecast.")
    side = better_side(metric) if better is None else option("better", better, ("higher", "lower"))
    if side is None:
        raise bad_argument("better", None, f"'higher' or 'lower', since {metric} is no metric of predictlab's own")
    predicted = forecast.table["prediction"].to_numpy(dtype=float)
    if is_share(metric) and np.nanmax(predicted, initial=0.0) <= 1 < theta <= 100:
        raise bad_argument("threshold", theta, "a share of at most 1, as the runs have it", f"Such as {theta / 100:g}.")
    return theta, side


def _later(forecast: ForecastResults, later: Later | None, runs: pd.Series) -> tuple[Array, Array]:
    """Deeper depths (k,), and the standard deviation that each run's end has there, (runs, k)."""
    if later is None:
        return np.zeros(0), np.zeros((len(runs), 0))
    by_depth: dict[float, Array] = {}
    if isinstance(later, RiskCurve):
        if later.question != "this_run":
            hint = "pl.risk_curve(runs, question='this_run') makes one."
            raise bad_argument("later", later.question, "a curve of the question 'this_run'", hint)
        later = dict(zip(later.depth.tolist(), later.risk.tolist(), strict=True))
        later = {depth: risk for depth, risk in later.items() if depth > forecast.at_depth}
    if isinstance(later, Mapping):
        for depth, risk in later.items():
            sd = np.sqrt(nonnegative(f"later[{depth!r}]", risk, " (metric²)"))
            by_depth[positive("later", depth, " (steps)")] = np.full(len(runs), sd)
    else:
        for one in [later] if isinstance(later, ForecastResults) else later:
            if not isinstance(one, ForecastResults):
                raise bad_argument("later", one, "forecasts, a risk curve, or a mapping of depth to risk")
            if one.metric != forecast.metric:
                raise DataError(f"later: forecasts of {one.metric}, but the present one is of {forecast.metric}.")
            own = one.table.drop_duplicates("run").set_index("run")["sd"]
            by_depth[one.at_depth] = runs.map(own).fillna(own.median()).to_numpy(dtype=float)
    if shallow := [depth for depth in by_depth if depth <= forecast.at_depth]:
        raise bad_argument("later", shallow[0], f"depths beyond {forecast.at_depth:g} steps, that of the forecast")
    if not by_depth:
        raise bad_argument("later", later, f"at least one depth beyond {forecast.at_depth:g} steps")
    depths = np.array(sorted(by_depth))
    return depths, np.column_stack([by_depth[depth] for depth in depths])


def _prices(cost: Price | None, depths: Array, at: float, full: float) -> Array:
    """Cost of going on to each depth, (k,)."""
    if not len(depths):
        return np.zeros(0)
    if cost is None:
        raise bad_argument("cost_probe", None, "the price of a step, or a mapping of depth to cost, beside later=")
    if isinstance(cost, Mapping):
        if missing := [depth for depth in depths if depth not in cost]:
            raise bad_argument("cost_probe", dict(cost), f"a cost for each depth of later=, {missing[0]:g} too")
        prices = np.array([nonnegative(f"cost_probe[{d:g}]", cost[d], " (cost)") for d in depths])
    else:
        prices = nonnegative("cost_probe", cost, " (cost per step)") * (depths - at)
    if prices.max() > full * (1 + 1e-9):
        expected = f"costs of at most cost_full={full:g}, since a probe is the beginning of the run"
        raise bad_argument("cost_probe", float(prices.max()), expected, "A number is the price of one step.")
    return prices
