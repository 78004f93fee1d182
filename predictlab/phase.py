"""The predictability phase diagram: regimes, rules, probabilities (THEORY 5)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from predictlab.budget import checked_fits, positive, tolerance_depth_of
from predictlab.decay.likelihood import mean
from predictlab.decay.results import DecayResults
from predictlab.errors import bad_argument

Array = NDArray[np.float64]

STATIC_SUFFICIENT = "Static-Sufficient"
DYNAMIC_CRITICAL = "Dynamic-Critical"
NOISE_DOMINANT = "Noise-Dominant"
UNDETERMINED = "Undetermined"
REGIMES = (STATIC_SUFFICIENT, DYNAMIC_CRITICAL, NOISE_DOMINANT)
PROBABILITY_COLUMNS = ("p_static_sufficient", "p_dynamic_critical", "p_noise_dominant")


def decision_probabilities(
    intrinsic_limit: ArrayLike, scale: ArrayLike, decay_rate: ArrayLike, tolerance: float, budget: float
) -> Array:
    """Share of draws in each regime under the rule ``decision(tau, B)``.

    Parameters
    ----------
    intrinsic_limit, scale, decay_rate : array_like, shape (..., n)
        Draws of the parameters.
    tolerance : float
        ``tau``, metric².
    budget : float
        ``B``, steps.

    Returns
    -------
    ndarray, shape (..., 3)
        In the order of `REGIMES`.
    """
    floor = np.asarray(intrinsic_limit, dtype=float)
    noise = floor > tolerance
    static = ~noise & (mean(np.asarray(float(budget)), floor, np.asarray(scale), np.asarray(decay_rate)) <= tolerance)
    return np.stack([static.mean(-1), (~noise & ~static).mean(-1), noise.mean(-1)], axis=-1)


def threshold_probabilities(
    intrinsic_limit: ArrayLike, decay_rate: ArrayLike, intrinsic_threshold: float, rate_threshold: float
) -> Array:
    """Share of draws in each regime under the paper's rule ``thresholds(l*, alpha*)``; shapes as above."""
    noise = np.asarray(intrinsic_limit, dtype=float) > intrinsic_threshold
    static = ~noise & (np.asarray(decay_rate, dtype=float) >= rate_threshold)
    return np.stack([static.mean(-1), (~noise & ~static).mean(-1), noise.mean(-1)], axis=-1)


def called(probabilities: ArrayLike, confidence: float) -> str:
    """The regime whose probability reaches `confidence`, else ``"Undetermined"``."""
    p = np.asarray(probabilities)
    best = int(np.argmax(p))
    return REGIMES[best] if p[best] >= confidence else UNDETERMINED


def theory_boundary(intrinsic_limit: ArrayLike, scale: float, tolerance: float, budget: float) -> Array:
    """``alpha_B(L_int) = ln(K / (tau - L_int)) / ln B``, at least 0; NaN where ``L_int >= tau``.

    Above it a task of scale `K` is Static-Sufficient at the budget.
    """
    if not budget > 1:
        raise bad_argument("budget", budget, "more than 1 step")
    gap = tolerance - np.asarray(intrinsic_limit, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap > 0, np.maximum(np.log(scale / gap) / np.log(budget), 0.0), np.nan)


def classify(
    fits: Mapping[str, DecayResults],
    tolerance: float | None = None,
    budget: float | None = None,
    rule: str = "decision",
    confidence: float = 0.9,
    intrinsic_threshold: float | None = None,
    rate_threshold: float | None = None,
) -> pd.DataFrame:
    """Sort tasks on the phase diagram, each call with its probabilities.

    Parameters
    ----------
    fits : mapping of str to DecayResults
        All must answer the same question (THEORY 7) in the same metric.
    tolerance : float
        ``tau`` > 0, metric²; needed by the decision rule.
    budget : float
        ``B`` > 1, steps of probing; needed by the decision rule.
    rule : {"decision", "thresholds"}
        ``decision(tau, B)``, or the paper's ``thresholds(l*, alpha*)``.
    confidence : float
        Probability below which a call is Undetermined.
    intrinsic_threshold, rate_threshold : float
        ``l*`` (metric²) and ``alpha*`` of the thresholds rule.

    Returns
    -------
    pandas.DataFrame
        ``task``, ``regime``, ``likely`` (the most probable regime), the three probabilities, ``crossing_budget``
        (``c_tau``; NaN under thresholds), ``crossing_lower``, ``crossing_upper`` (95 %), ``question``, ``advice``.

    Raises
    ------
    ArgumentError
        Also when fits of different questions or metrics are mixed.
    """
    checked = checked_fits(fits)
    if not 0.5 < confidence < 1:
        raise bad_argument("confidence", confidence, "a probability in (0.5, 1)")
    for what in ("question", "metric"):
        kinds = sorted({getattr(fit.curve, what) for fit in checked.values()})
        if len(kinds) > 1:
            raise bad_argument(
                "fits", kinds, f"fits of one {what}", f"One {what} says nothing about another; classify them apart."
            )
    if rule == "decision":
        tau, b = positive("tolerance", tolerance, " (metric²)"), positive("budget", budget, " (steps)")  # type: ignore[arg-type]
        if b <= 1:
            raise bad_argument("budget", budget, "more than 1 step")
    elif rule == "thresholds":
        l_star = positive("intrinsic_threshold", intrinsic_threshold, " (metric²)")  # type: ignore[arg-type]
        a_star = positive("rate_threshold", rate_threshold)  # type: ignore[arg-type]
    else:
        raise bad_argument("rule", rule, "'decision' or 'thresholds'")
    rows = []
    for name, fit in checked.items():
        sample = fit.draws()
        floor, k, a = (sample[c].to_numpy() for c in sample)
        if rule == "decision":
            p = decision_probabilities(floor, k, a, tau, b)
            crossing = np.sort(tolerance_depth_of(floor, k, a, tau))
            last = len(crossing) - 1
            ends = [float(crossing[round(last * q)]) for q in (0.025, 0.975)]
            best_floor, best_k, best_a = (float(v) for v in fit.params)
            cross = float(tolerance_depth_of(best_floor, best_k, best_a, tau))
            advice = _advice(fit, sample, p, confidence, tau, b)
        else:
            p = threshold_probabilities(floor, a, l_star, a_star)
            cross, ends, advice = float("nan"), [float("nan")] * 2, ""
        regime = called(p, confidence)
        rows.append([name, regime, REGIMES[int(np.argmax(p))], *p, cross, *ends, fit.question, advice])
    columns = ["task", "regime", "likely", *PROBABILITY_COLUMNS, "crossing_budget", "crossing_lower", "crossing_upper"]
    return pd.DataFrame(rows, columns=[*columns, "question", "advice"])


def _advice(
    fit: DecayResults, sample: pd.DataFrame, p: Array, confidence: float, tolerance: float, budget: float
) -> str:
    """What would settle an Undetermined call; empty for one that stands."""
    if p.max() >= confidence:
        return ""
    if p[2] > min(p[0], p[1]):  # the floor is among what is open
        what, values = "the floor", sample["intrinsic_limit"].to_numpy()
        if not fit.identified:
            last = float(np.asarray(fit.fitted.depth)[-1])
            return (
                f"the depths do not separate a floor from slow decay: probe deeper, to about {4 * last:g} steps, "
                "or state a tolerance further from the risk seen"
            )
    else:
        what = f"the risk at {budget:g} steps"
        values = mean(np.asarray(float(budget)), *(sample[c].to_numpy() for c in sample))
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(values, 1e-300) / tolerance)
    middle = float(np.median(logs))
    half = float(np.quantile(logs, 0.84) - np.quantile(logs, 0.16)) / 2
    df = float(np.asarray(fit.fitted.df)[-1])
    # the standard error of a log variance falls as 1/sqrt(df)
    needed = df * (norm.ppf(confidence) * half / max(abs(middle), 1e-12)) ** 2
    more = int(np.ceil(needed - df))
    if more > 1000:
        return f"{what} is at the tolerance itself; more seeds will not settle it, another tolerance would"
    return f"about {max(more, 1)} more seeds at the same depths would settle on which side of the tolerance {what} lies"
