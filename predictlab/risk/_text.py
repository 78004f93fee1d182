"""What a risk curve says, in words: the questions, the estimators, and the summary of one curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from predictlab.risk._curve import RiskCurve

QUESTIONS = {
    "agreement": "how far seeds of the task are from their mean after so many steps",
    "this_run": "how the run being probed will end",
    "fresh_run": "how another run of the same recipe, with a new seed, will end",
    "new_task": "how a run of a task drawn from a population will end",
}
ASKED = {  # what is known, and what is predicted
    "agreement": ("seeds at a depth", "their mean there"),
    "this_run": ("one run up to a depth", "its own end"),
    "fresh_run": ("seeds at a depth", "the end of another run"),
    "new_task": ("other tasks, and the first steps of one", "where a run of it ends"),
}
FLOORS = {  # the least that is left
    "agreement": "what no training of this schedule removes",
    "this_run": "nothing: at its end the run is known",
    "fresh_run": "the variance of runs at their end, Var(R)",
    "new_task": "what nothing early explains",
}
ESTIMATORS = {
    "spread": "variance over seeds of the metric at each depth; a proxy: it does not condition on the prefix",
    "branch": "pooled variance of the final metric within forks of one parent",
    "residual": "out-of-fold mean squared error of a predictor of the final metric; an upper bound of the risk",
    "given": "numbers given by the user",
}
ESTIMATOR_CAVEATS = {
    "spread": (
        "It says how far seeds are apart at a depth, and at the last depth how far they end apart; "
        "it does not say how well the end of a run is known from its prefix."
    ),
    "branch": (
        "It is unbiased for the risk of this very run, L(c), averaged over its parents; "
        "it does not say how to predict the end, nor anything about another task."
    ),
    "residual": (
        "It says what this predictor achieves on runs it has not seen, so the risk is no larger on average; "
        "it does not say how much a better predictor would achieve."
    ),
    "given": "It says what its maker measured; predictlab has not seen the runs.",
}
_UNCERTAIN = {
    "agreement": "seeds differ from their mean by",
    "this_run": "the end of the run being probed is uncertain by",
    "fresh_run": "the end of another run is uncertain by",
    "new_task": "the end of a run of a new task is uncertain by",
}
ANOVA_SHOWN = [
    "depth", "parents", "forks", "diverged", "incomplete", "within", "between", "total",
    "share_resolved", "share_lower", "share_upper", "total_p_value", "own_end_p_value",
]  # fmt: skip


def listed(depths: Sequence[float] | pd.Series) -> str:
    """The first depths of a list, in words."""
    return ", ".join(f"{c:g}" for c in depths[:8]) + (", ..." if len(depths) > 8 else "")


def headline(curve: RiskCurve) -> str:
    """The risk at the last depth as a standard deviation with its interval, in one sentence."""
    last = curve.frame().iloc[-1]
    low, high = np.sqrt(last[["lower", "upper"]].to_numpy(dtype=float))
    runs = "" if curve.n_runs is None else f"{curve.n_runs} runs, "
    return (
        f"After {last['depth']:g} steps {_UNCERTAIN[curve.question]} a standard deviation of {last['sd']:.3g} "
        f"[{low:.3g}, {high:.3g}] in {curve.metric or 'the metric'} ({runs}95 % interval)."
    )


def notes(curve: RiskCurve) -> list[str]:
    """What the curve is, what it says and does not say, what was left out: one sentence each."""
    out = [f"{curve.estimator}: {ESTIMATORS[curve.estimator]}", f"question: {QUESTIONS[curve.question]}"]
    out.append(ESTIMATOR_CAVEATS[curve.estimator])
    if curve.estimator == "spread":
        if curve.diverged:
            out.append(f"left out: {curve.diverged} diverged runs")
        if curve.incomplete:
            out.append(
                f"{curve.incomplete} runs miss a depth and count where they were measured: degrees of freedom are "
                f"{curve.df.min():g} to {curve.df.max():g}. If runs were stopped for how they did, those that went on "
                "are alike, and the deeper risks are too small"
            )
    elif curve.diverged or curve.incomplete:
        kind = "forks" if curve.estimator == "branch" else "runs"
        out.append(f"left out: {curve.diverged} diverged, {curve.incomplete} incomplete {kind}")
    if curve.odd_depths:
        out.append(f"left out: depths that few of the runs were measured at ({listed(curve.odd_depths)})")
    if curve.sampling_error is not None:
        out.append(f"sampling error of the evaluation set (not in the risk): sd {np.sqrt(curve.sampling_error):.4g}")
    if curve.parts is not None:
        last = curve.parts[-1]
        _, lower, upper = last.spread_at(np.inf)
        share = f"{last.rows_share:.0%}" if last.spread > 0 else "all"
        out.append(
            f"rows: at the last depth {share} of the variance is this set of {last.rows:,} rows; on the population "
            f"they come from runs differ by a standard deviation of {np.sqrt(max(last.run, 0)):.3g} "
            f"[{np.sqrt(lower):.3g}, {np.sqrt(upper):.3g}]"
        )
    if curve.anova is not None:
        zero = curve.anova.loc[curve.anova["between"] == 0, "depth"]
        if len(zero):
            out.append(f"at depth {listed(zero)} forks of one parent differ as much as any: between is reported as 0")
        for column, meaning in (
            ("total_p_value", "within + between is not the variance over independent runs"),
            ("own_end_p_value", "parents do not end as their forks do"),
        ):
            # one in a hundred over all depths: depths are tests of one and the same thing
            odd = curve.anova.loc[curve.anova[column] < 0.01 / len(curve.anova), "depth"]
            if len(odd):
                out.append(f"caution: {meaning} at depth {listed(odd)}")
    return out
