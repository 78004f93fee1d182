"""The predictability phase diagram: regimes, rules, probabilities (THEORY 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from predictlab.budget import checked_fits, depth_for_tolerance, fitted_from, positive
from predictlab.decay import DecayResults, law
from predictlab.errors import bad_argument
from predictlab.risk import same_question

if TYPE_CHECKING:
    from predictlab.planning._value import Step

Array = NDArray[np.float64]

STATIC_SUFFICIENT = "Static-Sufficient"
DYNAMIC_CRITICAL = "Dynamic-Critical"
NOISE_DOMINANT = "Noise-Dominant"
UNDETERMINED = "Undetermined"
REGIMES = (STATIC_SUFFICIENT, DYNAMIC_CRITICAL, NOISE_DOMINANT)
PROBABILITY_COLUMNS = ("p_static_sufficient", "p_dynamic_critical", "p_noise_dominant")
_TAIL = 0.025
_AT_ITSELF = 0.1  # closer to the tolerance than this share of it, a quantity is "at" it


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
    static = ~noise & (law(np.asarray(float(budget)), floor, np.asarray(scale), np.asarray(decay_rate)) <= tolerance)
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


def theory_boundary(intrinsic_limit: ArrayLike, scale: ArrayLike, tolerance: float, budget: float) -> Array:
    """``alpha_B(L_int) = ln(K / (tau - L_int)) / ln B``, at least 0; NaN where ``L_int >= tau``.

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
    """
    if not budget > 1:
        raise bad_argument("budget", budget, "more than 1 step")
    gap = tolerance - np.asarray(intrinsic_limit, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap > 0, np.maximum(np.log(np.asarray(scale) / gap) / np.log(budget), 0.0), np.nan)


@dataclass(frozen=True)
class Decision:
    """The rule ``decision(tau, B)``: the floor against the tolerance, then the risk at the budget."""

    tolerance: float
    budget: float

    def member(self, draws: Array) -> Array:
        """Regime of each draw (n, 3) as 0 and 1, (n, 3) in the order of `REGIMES`."""
        floor, scale, rate = draws.T[:, :, None]
        return decision_probabilities(floor, scale, rate, self.tolerance, self.budget)

    def plane(self, draws: Array) -> tuple[Array, Array]:
        """Coordinates of each draw on the budget plane: ``L_int / tau`` and ``V_opt(B) / tau``."""
        decaying = law(np.asarray(self.budget), 0.0, draws[:, 1], draws[:, 2])
        return draws[:, 0] / self.tolerance, decaying / self.tolerance

    def undecided(self, draws: Array, p: Array, confidence: float) -> Undecided:
        """What an undetermined call turns on."""
        total = law(np.asarray(self.budget), *draws.T)
        others = (
            f"from {_quantile(total, confidence):.3g} up it is {STATIC_SUFFICIENT}, "
            f"below {_quantile(draws[:, 0], 1 - confidence):.3g} {NOISE_DOMINANT}"
        )
        if _floor_is_open(p):
            return Undecided("the floor", draws[:, 0], "tolerance", self.tolerance, others)
        return Undecided(f"the risk at {self.budget:g} steps", total, "tolerance", self.tolerance, others)


@dataclass(frozen=True)
class Thresholds:
    """The paper's rule ``thresholds(l*, alpha*)``: the floor against ``l*``, then the rate against ``alpha*``."""

    intrinsic_threshold: float
    rate_threshold: float

    def member(self, draws: Array) -> Array:
        """Regime of each draw (n, 3) as 0 and 1, (n, 3) in the order of `REGIMES`."""
        return threshold_probabilities(draws[:, :1], draws[:, 2:], self.intrinsic_threshold, self.rate_threshold)

    def plane(self, draws: Array) -> tuple[Array, Array]:
        """``L_int / l*``; there is no budget in this rule, so no second coordinate (NaN)."""
        return draws[:, 0] / self.intrinsic_threshold, np.full(len(draws), np.nan)

    def undecided(self, draws: Array, p: Array, confidence: float) -> Undecided:
        """What an undetermined call turns on."""
        if _floor_is_open(p):
            others = f"below {_quantile(draws[:, 0], 1 - confidence):.3g} it is {NOISE_DOMINANT}"
            return Undecided("the floor", draws[:, 0], "intrinsic_threshold", self.intrinsic_threshold, others)
        rate = draws[:, 2]
        others = (
            f"up to {_quantile(rate, 1 - confidence):.3g} it is {STATIC_SUFFICIENT}, "
            f"above {_quantile(rate, confidence):.3g} {DYNAMIC_CRITICAL}, as long as the floor is low"
        )
        return Undecided("the decay rate", rate, "rate_threshold", self.rate_threshold, others)


@dataclass(frozen=True)
class Undecided:
    """What an undetermined call turns on, over the draws; what it is compared with; where it would be clear."""

    what: str
    values: Array
    name: str
    limit: float
    others: str

    @property
    def target(self) -> Array:
        """The values on a scale that is logarithmic above the limit and does not tell small from smaller below."""
        return np.log1p(self.values / self.limit)


def _quantile(values: Array, q: float) -> float:
    return float(np.quantile(values, q))


def _floor_is_open(p: Array) -> bool:
    return bool(p[2] > min(p[0], p[1]))


def classify(
    fits: Mapping[str, DecayResults],
    tolerance: float | None = None,
    budget: float | None = None,
    rule: str = "decision",
    confidence: float = 0.9,
    intrinsic_threshold: float | None = None,
    rate_threshold: float | None = None,
    extrapolate: bool = False,
    advise: bool = True,
) -> pd.DataFrame:
    """Sort tasks on the phase diagram, each call with its probabilities, each open one with what would settle it.

    Parameters
    ----------
    fits : mapping of str to DecayResults
        All must answer the same question (THEORY 7) in the same metric.
    tolerance : float
        ``tau`` > 0, metric²; needed by the decision rule.
    budget : float
        ``B`` > 1, steps of probing, from the first fitted depth of every task up; needed by the decision rule.
    rule : {"decision", "thresholds"}
        ``decision(tau, B)``, or the paper's ``thresholds(l*, alpha*)``.
    confidence : float
        Probability below which a call is Undetermined.
    intrinsic_threshold, rate_threshold : float
        ``l*`` (metric²) and ``alpha*`` of the thresholds rule.
    extrapolate : bool
        True: read the law also at a budget before the first fitted depth, where nothing was seen to follow it.
    advise : bool
        False: leave out what would settle an open call, which is most of the work.

    Returns
    -------
    pandas.DataFrame
        One row a task:

        - ``task``, ``regime``, ``likely`` (the most probable regime), ``p_static_sufficient``, ``p_dynamic_critical``,
          ``p_noise_dominant``;
        - ``crossing_budget`` (``c_tau``, at which a Dynamic-Critical task becomes Static-Sufficient; inf where the
          floor is above the tolerance), ``crossing_lower``, ``crossing_upper`` (95 %); NaN under thresholds;
        - ``question``;
        - ``advice``: what would settle an Undetermined call; empty for one that stands. In numbers: ``settle_runs``
          more runs (0: none), trained to ``settle_depth`` (beyond the last fitted depth: the present runs as well),
          after which the call is expected to stand with probability ``settle_chance``; NaN where nothing within reach
          would, or nothing is open. See `predictlab.planning._value.settling_steps`;
        - the planes (medians of the fit's draws, 95 % in ``_lower``, ``_upper``): ``x`` = ``L_int / tau``, ``y`` =
          ``V_opt(B) / tau``, ``alpha``, and ``scale``, the median of `K`. Under thresholds ``x`` is relative to ``l*``
          and ``y`` is NaN.

    Raises
    ------
    ArgumentError
        Also when fits of different questions or metrics are mixed, or the budget is below a task's first fitted depth.
    """
    checked = checked_fits(fits)
    if not 0.5 < confidence < 1:
        raise bad_argument("confidence", confidence, "a probability in (0.5, 1)")
    same_question(checked)
    metrics = sorted({fit.curve.metric for fit in checked.values()})
    if len(metrics) > 1:
        raise bad_argument(
            "fits", metrics, "fits of one metric", "One metric says nothing about another; classify them apart."
        )
    chosen: Decision | Thresholds
    if rule == "decision":
        chosen = Decision(positive("tolerance", tolerance, " (metric²)"), positive("budget", budget, " (steps)"))
        if chosen.budget <= 1:
            raise bad_argument("budget", budget, "more than 1 step")
        if not extrapolate:
            _check_reach(checked, chosen.budget, budget)
    elif rule == "thresholds":
        l_star = positive("intrinsic_threshold", intrinsic_threshold, " (metric²)")
        chosen = Thresholds(l_star, positive("rate_threshold", rate_threshold))
    else:
        raise bad_argument("rule", rule, "'decision' or 'thresholds'")
    return pd.DataFrame([_row(name, fit, chosen, confidence, advise) for name, fit in checked.items()])


def _check_reach(fits: Mapping[str, DecayResults], budget: float, given: Any) -> None:
    for name, fit in fits.items():
        if budget < fitted_from(fit):
            raise bad_argument(
                "budget", given, f"at least {fitted_from(fit):g} steps, the first fitted depth of task {name!r}",
                "The law says nothing before it: raise the budget, leave the task out, or probe shallower depths.",
            )  # fmt: skip


def _row(name: str, fit: DecayResults, rule: Decision | Thresholds, confidence: float, advise: bool) -> dict[str, Any]:
    from predictlab.planning._value import DRAWS, settling_steps

    draws = fit.draws().to_numpy()
    member = rule.member(draws)
    p = member.mean(axis=0)
    regime = called(p, confidence)
    row: dict[str, Any] = {"task": name, "regime": regime, "likely": REGIMES[int(np.argmax(p))]}
    row |= dict(zip(PROBABILITY_COLUMNS, p, strict=True))
    cross, ends = float("nan"), [float("nan")] * 2
    if isinstance(rule, Decision):
        crossing = depth_for_tolerance(fit, rule.tolerance)
        cross, ends = crossing.depth, list(crossing.conf_int(2 * _TAIL))
    row |= {"crossing_budget": cross, "crossing_lower": ends[0], "crossing_upper": ends[1], "question": fit.question}
    advice, step = "", None
    if regime == UNDETERMINED and advise:
        focus = rule.budget if isinstance(rule, Decision) and not _floor_is_open(p) else None
        finer = fit.draws(DRAWS).to_numpy()
        open_ = rule.undecided(finer, p, confidence)
        steps = settling_steps(fit, finer, rule.member(finer), open_.target, confidence, focus)
        step = steps[0] if steps else None
        advice = _advice(fit, open_, steps)
    row |= {"advice": advice} | {
        f"settle_{what}": float(getattr(step, what)) if step else float("nan") for what in ("runs", "depth", "chance")
    }
    x, y = rule.plane(draws)
    for axis, values in (("x", x), ("y", y), ("alpha", draws[:, 2])):
        # medians of the draws: at a boundary the estimate itself is 0 or has no rate
        row[axis], row[f"{axis}_lower"], row[f"{axis}_upper"] = np.quantile(values, [0.5, _TAIL, 1 - _TAIL])
    return row | {"scale": float(np.median(draws[:, 1]))}


def _unit(fit: DecayResults) -> str:
    return {"spread": "seeds", "branch": "parents"}.get(fit.curve.estimator, "runs")


def _told(fit: DecayResults, step: Step) -> str:
    """A step in words."""
    from predictlab.planning._value import runs_of

    last, unit = float(fit.fitted.depth[-1]), _unit(fit)
    if step.depth > last:
        present, _ = runs_of(fit)
        more = f"the same {present} {unit}" if not step.runs else f"the same {unit} and about {step.runs} more"
        return f"a deeper depth, {step.depth:g} steps with {more},"
    where = "at the same depths" if step.depth == last else f"at depth {step.depth:g}"
    return f"about {step.runs} more {unit} {where}"


def _advice(fit: DecayResults, open_: Undecided, steps: list[Step]) -> str:
    """What would settle an Undetermined call."""
    from predictlab.planning._value import DEEPER, MOST_FOLD, MOST_RUNS, runs_of

    blurred = open_.what == "the floor" and not fit.identified
    why = "the depths do not separate a floor from slow decay: " if blurred else ""
    side = f"on which side of the {open_.name} {open_.what} lies"
    if steps:
        best = steps[0]
        text = (
            f"{why}{_told(fit, best)} would settle {side} in about {10 * best.chance:.0f} of 10 cases "
            f"(and leave {best.left:.0%} of its variance)"
        )
        if len(steps) > 1:
            text += f"; or {_told(fit, steps[1]).rstrip(',')}, for {steps[1].cost / best.cost:.1f} times the steps"
        return text
    unit, (present, _) = _unit(fit), runs_of(fit)
    middle = float(np.median(open_.values))
    if abs(middle - open_.limit) <= _AT_ITSELF * open_.limit:
        why = f"{open_.what} is at the {open_.name} itself: "
    most = min(MOST_RUNS, MOST_FOLD * present)
    deepest = DEEPER[-1] * float(fit.fitted.depth[-1])
    return (
        f"{why}more {unit} will not settle {side}, neither {most} of them nor depths up to {deepest:g} steps; "
        f"another {open_.name} would: {open_.others}"
    )
