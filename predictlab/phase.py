"""The predictability phase diagram: regimes, rules, probabilities (docs/theory.md, section 5)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab._validation import Rng, number, option, positive, share, tolerance_of
from predictlab.budget import FreshResults, FreshRun, checked_fits, depth_for_tolerance
from predictlab.decay import ALTERNATIVES, DecayResults, PosteriorResults, Sample, law
from predictlab.decay._curve_sample import CurveSample
from predictlab.errors import UnusualInput, bad_argument
from predictlab.risk import same_question

__all__ = [
    "DYNAMIC_CRITICAL", "NOISE_DOMINANT", "PROBABILITY_COLUMNS", "REGIMES", "STATIC_SUFFICIENT", "UNDETERMINED",
    "Decision", "Thresholds", "classify", "decision_probabilities", "regime_or_undetermined", "static_risk_of",
    "theory_boundary",
    "threshold_probabilities",
]  # fmt: skip


def __dir__() -> list[str]:
    return list(__all__)


Array = NDArray[np.float64]

STATIC_SUFFICIENT = "Static-Sufficient"
DYNAMIC_CRITICAL = "Dynamic-Critical"
NOISE_DOMINANT = "Noise-Dominant"
UNDETERMINED = "Undetermined"
REGIMES = (STATIC_SUFFICIENT, DYNAMIC_CRITICAL, NOISE_DOMINANT)
PROBABILITY_COLUMNS = ("p_static_sufficient", "p_dynamic_critical", "p_noise_dominant")
REJECTED = 0.01  # significance at which a law that does not fit gives no regime
_TAIL = 0.025
_FAR = 30.0  # times all that was measured: noticed, and said


def _shares(noise: NDArray[np.bool_], static: NDArray[np.bool_]) -> Array:
    """Share of draws (..., n) in each regime, (..., 3), where `static` is asked of those that are not `noise`."""
    static = ~noise & static
    return np.stack([static.mean(-1), (~noise & ~static).mean(-1), noise.mean(-1)], axis=-1)


def decision_probabilities(
    intrinsic_limit: ArrayLike, scale: ArrayLike, decay_rate: ArrayLike, tolerance: float, budget: float
) -> Array:
    """Count the draws in each regime under the rule ``decision(tau, B)``.

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
        Shares, in the order of `REGIMES`.

    Examples
    --------
    >>> decision_probabilities([0.0, 0.0, 0.5, 2.0], 1.0, 1.0, tolerance=1.0, budget=2.0).tolist()
    [0.75, 0.0, 0.25]
    """
    floor, scale, rate = (np.asarray(v, dtype=float) for v in (intrinsic_limit, scale, decay_rate))
    return _shares(floor > tolerance, law(float(budget), floor, scale, rate) <= tolerance)


def threshold_probabilities(
    intrinsic_limit: ArrayLike, decay_rate: ArrayLike, intrinsic_threshold: float, rate_threshold: float
) -> Array:
    """Count the draws in each regime under the paper's rule ``thresholds(l*, alpha*)``.

    Parameters
    ----------
    intrinsic_limit, decay_rate : array_like, shape (..., n)
        Draws of the parameters.
    intrinsic_threshold : float
        ``l*``, metric².
    rate_threshold : float
        ``alpha*``.

    Returns
    -------
    ndarray, shape (..., 3)
        Shares, in the order of `REGIMES`.

    Examples
    --------
    >>> threshold_probabilities([0.0, 0.0, 2.0, 2.0], [2.0, 0.5, 1.0, 1.0], 1.0, 1.0).tolist()
    [0.25, 0.25, 0.5]
    """
    floor, rate = np.asarray(intrinsic_limit, dtype=float), np.asarray(decay_rate, dtype=float)
    return _shares(floor > intrinsic_threshold, rate >= rate_threshold)


def regime_or_undetermined(probabilities: ArrayLike, confidence: float) -> str:
    """Name the regime whose probability reaches a confidence.

    Parameters
    ----------
    probabilities : array_like, shape (3,)
        In the order of `REGIMES`.
    confidence : float
        In (0.5, 1).

    Returns
    -------
    str
        ``"Undetermined"`` where none does.

    Examples
    --------
    >>> regime_or_undetermined([0.02, 0.97, 0.01], 0.95), regime_or_undetermined([0.5, 0.4, 0.1], 0.95)
    ('Dynamic-Critical', 'Undetermined')
    """
    p = np.asarray(probabilities)
    best = int(np.argmax(p))
    return REGIMES[best] if p[best] >= confidence else UNDETERMINED


def theory_boundary(intrinsic_limit: ArrayLike, scale: ArrayLike, tolerance: float, budget: float) -> Array:
    """Find the rate from which on a task is Static-Sufficient, ``alpha_B(L_int) = ln(K / (tau - L_int)) / ln B``.

    Above it a task of scale `K` is Static-Sufficient at the budget. It depends on `K`: draw it for one task, or at the
    median of ``classify(...)["scale"]``, and say which.

    Parameters
    ----------
    intrinsic_limit : array_like
        Floors, metric².
    scale : array_like
        `K`, metric²·steps^alpha; broadcast against the floors.
    tolerance : float
        ``tau``, metric².
    budget : float
        ``B`` > 1, steps.

    Returns
    -------
    ndarray
        At least 0; NaN where ``L_int >= tau``.

    Examples
    --------
    >>> theory_boundary([0.0, 2.0], 10.0, 1.0, 10.0).tolist()
    [1.0, nan]
    """
    number("budget", budget, "more than 1 step", above=1)
    gap = tolerance - np.asarray(intrinsic_limit, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap > 0, np.maximum(np.log(np.asarray(scale) / gap) / np.log(budget), 0.0), np.nan)


@dataclass(frozen=True)
class Decision:
    """The rule ``decision(tau, B)``: the floor against the tolerance, then the risk at the budget.

    Parameters
    ----------
    tolerance : float
        ``tau``, metric².
    budget : float
        ``B``, steps.

    Examples
    --------
    >>> draws = Sample(np.array([[0.0, 1.0, 1.0], [2.0, 1.0, 1.0]]))
    >>> Decision(tolerance=1.0, budget=2.0).member(draws).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    tolerance: float
    budget: float

    @property
    def limit(self) -> float:
        """What the floor is compared with, metric²."""
        return self.tolerance

    def member(self, sample: Sample) -> Array:
        """Find the regime of each draw.

        Parameters
        ----------
        sample : Sample
            Draws of a fit.

        Returns
        -------
        ndarray, shape (n, 3)
            0 and 1, in the order of `REGIMES`. Noise-Dominant: what no depth within reach removes is above the
            tolerance; Static-Sufficient: the risk is within it from the budget on.
        """
        noise, within = sample.lasting()[:, None] > self.tolerance, self.risk(sample)[:, None] <= self.tolerance
        return _shares(noise, within)

    def risk(self, sample: Sample) -> Array:
        """Compute the largest risk from the budget on.

        Parameters
        ----------
        sample : Sample
            Draws of a fit.

        Returns
        -------
        ndarray, shape (n,)
            Metric².
        """
        return sample.envelope(np.array([float(self.budget)]))[:, 0]

    def plane(self, sample: Sample) -> tuple[Array, Array]:
        """Place each draw on the budget plane.

        Parameters
        ----------
        sample : Sample
            Draws of a fit.

        Returns
        -------
        x, y : ndarray, shape (n,)
            ``L_int / tau`` and ``V_opt(B) / tau``.
        """
        limit = sample.lasting()
        return limit / self.tolerance, np.maximum(self.risk(sample) - limit, 0.0) / self.tolerance


@dataclass(frozen=True)
class Thresholds:
    """The paper's rule ``thresholds(l*, alpha*)``: the floor against ``l*``, then the rate against ``alpha*``.

    Parameters
    ----------
    intrinsic_threshold : float
        ``l*``, metric².
    rate_threshold : float
        ``alpha*``.

    Examples
    --------
    >>> Thresholds(1.0, 1.0).member(Sample(np.array([[0.0, 1.0, 0.5], [2.0, 1.0, 1.0]]))).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    intrinsic_threshold: float
    rate_threshold: float

    @property
    def limit(self) -> float:
        """What the floor is compared with, metric²."""
        return self.intrinsic_threshold

    def member(self, sample: Sample) -> Array:
        """Find the regime of each draw.

        Parameters
        ----------
        sample : Sample
            Draws of a fit.

        Returns
        -------
        ndarray, shape (n, 3)
            0 and 1, in the order of `REGIMES`.
        """
        floor, rate = sample.lasting()[:, None], sample.params[:, 2:]
        return threshold_probabilities(floor, rate, self.intrinsic_threshold, self.rate_threshold)

    def plane(self, sample: Sample) -> tuple[Array, Array]:
        """Place each draw; there is no budget in this rule, so no second coordinate.

        Parameters
        ----------
        sample : Sample
            Draws of a fit.

        Returns
        -------
        x, y : ndarray, shape (n,)
            ``L_int / l*``, and NaN.
        """
        return sample.lasting() / self.intrinsic_threshold, np.full(len(sample.params), np.nan)


def checked_rule(
    fits: Mapping[str, DecayResults],
    rule: str,
    tolerance: float | None,
    margin: float | None,
    budget: float | None,
    intrinsic_threshold: float | None,
    rate_threshold: float | None,
    extrapolate: bool,
) -> Decision | Thresholds:
    """The rule with its numbers, if all fits can be classified by it together."""
    same_question(fits)
    metrics = sorted({str(fit.curve.metric) for fit in fits.values()})
    if len(metrics) > 1:
        raise bad_argument(
            "fits", metrics, "fits of one metric", "One metric says nothing about another; classify them apart."
        )
    if option("rule", rule, ("decision", "thresholds")) == "thresholds":
        return Thresholds(
            positive("intrinsic_threshold", intrinsic_threshold, " (metric²)"),
            positive("rate_threshold", rate_threshold),
        )
    chosen = Decision(tolerance_of(tolerance, margin), number("budget", budget, "more than 1 step", above=1))
    for name, fit in fits.items() if not extrapolate else ():
        if chosen.budget < fit.known_from:
            raise bad_argument(
                "budget", budget, f"at least {fit.known_from:g} steps, the first fitted depth of task {name!r}",
                "The law says nothing before it: raise the budget, leave the task out, or probe shallower depths.",
            )  # fmt: skip
    return chosen


def classify(
    fits: Mapping[str, DecayResults | FreshRun],
    *,
    tolerance: float | None = None,
    margin: float | None = None,
    budget: float | None = None,
    rule: str = "decision",
    confidence: float = 0.95,
    intrinsic_threshold: float | None = None,
    rate_threshold: float | None = None,
    extrapolate: bool = False,
    static_risk: float | Mapping[str, float] | None = None,
    draws: int = 2000,
    rng: Rng = None,
) -> pd.DataFrame:
    """Sort tasks on the phase diagram, each call with its probabilities.

    Parameters
    ----------
    fits : mapping of str to DecayResults or FreshRun
        All must answer the same question (docs/theory.md, section 7) in the same metric. A `FreshRun` is taken at as
        many seeds as there are (``fresh.results(seeds=4)``: at another number): its floor is ``Var(R)``, the risk at
        the budget that of the end of another run, and the alternative no probe at all.
    tolerance : float
        ``tau`` > 0, metric²; the decision rule needs it, or the margin.
    margin : float
        ``m`` > 0 in the metric, for the tolerance ``(m / 1.96)²``: each seed within ``m`` of their mean, 95 %.
    budget : float
        ``B`` > 1, steps of probing, from the first fitted depth of every task up; needed by the decision rule.
    rule : {"decision", "thresholds"}
        ``decision(tau, B)``, or the paper's ``thresholds(l*, alpha*)``.
    confidence : float
        In (0.5, 1): probability below which a call is Undetermined.
    intrinsic_threshold, rate_threshold : float
        ``l*`` (metric²) and ``alpha*`` of the thresholds rule.
    extrapolate : bool
        True: read the law also at a budget before the first fitted depth, where nothing was seen to follow it.
    static_risk : float or mapping of str to float, optional
        Risk of a forecast without a probe, metric², of all tasks or of each: which tasks are Static-Sufficient at once.
        Default ``Var(R)`` where the question is about an end (``curve.total_variance``); no meaning for `agreement`.
    draws : int
        Number of draws of each fit.
    rng : int, numpy.random.Generator or None
        None: a fresh generator of seed 0 for each fit.

    Returns
    -------
    pandas.DataFrame
        One row a task:

        - ``task``, ``regime``, ``likely`` (the most probable regime), ``p_static_sufficient``, ``p_dynamic_critical``,
          ``p_noise_dominant``;
        - ``level``: of a Static-Sufficient task ``"at once"``, where what is known without a probe meets the tolerance
          (the paper's sense), else ``"by c_tau"``, where so many steps do; empty for the others;
        - ``reason``: why there is no call: the risk still rises at the last depth; or why one that has its probability
          does not stand: the law is rejected, or a named alternative prior would not make it; empty otherwise;
        - ``p_noise_by_runs``: the part of ``p_noise_dominant`` that no evaluation rows would cure, since runs differ on
          the population of rows; the rest is noise by rows. NaN where what the rows add is not known;
        - ``crossing_budget`` (``c_tau``, at which a Dynamic-Critical task becomes Static-Sufficient; inf where the
          floor is above the tolerance), ``crossing_lower``, ``crossing_upper`` (95 %); NaN under thresholds;
        - ``question``;
        - the planes (medians of the fit's draws, 95 % in ``_lower``, ``_upper``): ``x`` = ``L_int / tau``, ``y`` =
          ``V_opt(B) / tau``, ``alpha``, and ``scale``, the median of `K`. Under thresholds ``x`` is relative to ``l*``
          and ``y`` is NaN.

    Raises
    ------
    ArgumentError
        Also when fits of different questions or metrics are mixed, or the budget is below a task's first fitted depth.

    Warns
    -----
    predictlab.errors.UnusualInput
        A tolerance far above all that was measured, or a budget far beyond the last depth.

    See Also
    --------
    predictlab.advise : What to do next for each task.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32, 64], risk=[4.1e-3, 2e-3, 1.1e-3, 5e-4, 2.6e-4], df=31)
    >>> table = pl.classify({"reviews": pl.DecayModel(curve).fit()}, tolerance=1e-3, budget=64)
    >>> table["regime"].tolist()
    ['Static-Sufficient']
    """
    checked = checked_fits(fits)
    share("confidence", confidence, "a probability in (0.5, 1)", above=0.5)
    chosen = checked_rule(checked, rule, tolerance, margin, budget, intrinsic_threshold, rate_threshold, extrapolate)
    if isinstance(chosen, Decision):
        for oddity in unusual(checked, chosen):
            warnings.warn(oddity, UnusualInput, stacklevel=2)
    static = _static_risks(checked, static_risk)
    return pd.DataFrame(
        [_row(name, fit, chosen, confidence, draws, rng, static[name]) for name, fit in checked.items()]
    )


def static_risk_of(fit: DecayResults) -> float | None:
    """Tell the risk without a probe, as far as the runs of a fit say it.

    Parameters
    ----------
    fit : DecayResults

    Returns
    -------
    float or None
        Metric²: of `fresh_run` that of the mean of the runs that ended, of the other ends the variance of those that
        did; None for `agreement`, where nothing without a probe has a meaning, and where it is not known.

    Notes
    -----
    Source: docs/theory.md, section 7.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32], risk=[4e-3, 2e-3, 1e-3, 5e-4], df=31, question="this_run",
    ...                      total_variance=5e-3)
    >>> static_risk_of(pl.DecayModel(curve).fit())
    0.005
    """
    if isinstance(fit, FreshResults):
        return fit.static_risk
    if fit.question == "agreement" or fit.curve.total_variance is None:
        return None
    runs = len(fit.curve.runs or ()) if fit.question == "fresh_run" else 0
    return fit.curve.total_variance * (1 + 1 / runs if runs else 1.0)


def _static_risks(
    fits: Mapping[str, DecayResults], given: float | Mapping[str, float] | None
) -> dict[str, float | None]:
    """Risk without a probe of each task, metric²; None where it is not known or has no meaning."""
    if given is None:
        return {name: static_risk_of(fit) for name, fit in fits.items()}
    if any(fit.question == "agreement" for fit in fits.values()):
        hint = "How far seeds are apart after so many steps is not known without them; ask about an end."
        raise bad_argument("static_risk", given, "None for question='agreement'", hint)
    values = given if isinstance(given, Mapping) else dict.fromkeys(fits, given)
    if unknown := [name for name in values if name not in fits]:
        raise bad_argument("static_risk", given, f"names of tasks; {unknown[0]!r} is none of them")
    return {name: positive("static_risk", values[name], " (metric²)") if name in values else None for name in fits}


def unusual(fits: Mapping[str, DecayResults], rule: Decision) -> list[str]:
    """Say what of a tolerance and a budget lies far outside all that was measured, or looks like another unit.

    Parameters
    ----------
    fits : mapping of str to DecayResults
    rule : Decision

    Returns
    -------
    list of str
        Empty where nothing does.
    """
    out = []
    largest = max(float(fit.curve.risk.max()) for fit in fits.values())
    if rule.tolerance > _FAR * largest:
        out.append(
            f"tolerance={rule.tolerance:g} is {rule.tolerance / largest:,.0f} times the largest variance that was "
            f"measured, {largest:.3g}, so that everything is within it. A tolerance is in metric²: for seeds within ±m "
            "of their mean pass margin=m, in the unit of the metric (a share is not a percentage)."
        )
    deepest = max(float(fit.curve.depth[-1]) for fit in fits.values())
    if rule.budget > _FAR * deepest:
        out.append(
            f"budget={rule.budget:g} steps is {rule.budget / deepest:,.0f} times the deepest measured depth, "
            f"{deepest:g}: what is said there is the law's alone, of recipes that much longer. A budget is steps of "
            "one run."
        )
    return out


def under_other_priors(confidence: float) -> float:
    """Probability that a call has to have under the alternative priors: with at most twice the error."""
    return 2 * confidence - 1


def still_rising(fit: DecayResults, confidence: float) -> bool:
    """Whether the risk may still rise at the last depth, so that nothing is known of its law."""
    return isinstance(fit, PosteriorResults) and fit.rising > 1 - confidence


def why_not(fit: DecayResults, sample: Sample, rule: Decision | Thresholds, votes: Array, confidence: float) -> str:
    """Say why a call that has its probability does not stand; empty where it does.

    Parameters
    ----------
    fit : DecayResults
    sample : Sample
        Draws of it.
    rule : Decision or Thresholds
    votes : ndarray, shape (n,)
        1 for each draw that is in the regime.
    confidence : float
        That the call has; under the alternative priors with at most twice the error.

    Returns
    -------
    str

    Notes
    -----
    Source: docs/theory.md, section 9. Where what the evaluation rows add is above the limit by itself, neither a rise
    nor a rejected law of the runs makes a difference.
    """
    if isinstance(fit, FreshResults):
        if not fit.fresh.ended and still_rising(fit.fresh.fit, confidence):
            return f"seeds still drift apart at {fit.fresh.curve.depth[-1]:g} steps, and none was seen at the end"
        return _under_other_priors(sample, votes, confidence)
    if not isinstance(fit, PosteriorResults) or not isinstance(sample, CurveSample):
        return ""
    if sample.rows is not None and np.mean(sample.lasting_of_rows() > rule.limit) >= confidence:
        return ""
    if still_rising(fit, confidence):
        return f"still rising at {fit.curve.depth[-1]:g} steps with probability {fit.rising:.0%}"
    late = fit.late_fit
    if late.p_value < REJECTED:
        return f"the law does not fit even from {late.first:g} steps on (p = {late.p_value:.1g})"
    return _under_other_priors(sample, votes, confidence)


def _under_other_priors(sample: Sample, votes: Array, confidence: float) -> str:
    under = sample.weights()[1:] @ votes
    worst = int(np.argmin(under))
    if under[worst] < under_other_priors(confidence):
        return f"its probability is {under[worst]:.2f} if the prior has {ALTERNATIVES[worst]}"
    return ""


def _row(
    name: str,
    fit: DecayResults,
    rule: Decision | Thresholds,
    confidence: float,
    draws: int,
    rng: Rng,
    static_risk: float | None,
) -> dict[str, object]:
    sample = fit.sample(draws, rng)
    member = rule.member(sample)
    p = member.mean(axis=0)
    best = int(np.argmax(p))
    regime, reason = regime_or_undetermined(p, confidence), why_not(fit, sample, rule, member[:, best], confidence)
    if regime == UNDETERMINED and not still_rising(fit, confidence):
        reason = ""
    by_runs = float("nan")
    if isinstance(sample, CurveSample) and sample.rows is not None:
        by_runs = float(np.mean(sample.lasting_of_runs() > rule.limit))
    row: dict[str, object] = {
        "task": name,
        "regime": UNDETERMINED if reason else regime,
        "likely": REGIMES[best],
        **dict(zip(PROBABILITY_COLUMNS, p, strict=True)),
        "level": "",
        "reason": reason,
        "p_noise_by_runs": by_runs,
    }
    if row["regime"] == STATIC_SUFFICIENT:
        row["level"] = "at once" if static_risk is not None and static_risk <= rule.limit else "by c_tau"
    depth = lower = upper = float("nan")
    if isinstance(rule, Decision):
        crossing = depth_for_tolerance(fit, rule.tolerance, draws=draws, rng=rng)
        depth, (lower, upper) = crossing.depth, crossing.conf_int(1 - 2 * _TAIL).loc["depth"]
    row |= {"crossing_budget": depth, "crossing_lower": lower, "crossing_upper": upper, "question": fit.question}
    x, y = rule.plane(sample)
    for axis, values in (("x", x), ("y", y), ("alpha", sample.params[:, 2])):
        # medians of the draws: at a boundary the estimate itself is 0 or has no rate
        row[axis], row[f"{axis}_lower"], row[f"{axis}_upper"] = np.quantile(values, [0.5, _TAIL, 1 - _TAIL])
    return row | {"scale": float(np.median(sample.params[:, 1]))}
