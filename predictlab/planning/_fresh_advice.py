"""What to do where the end of another run is asked for: probe so many seeds so deep, or nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from predictlab.budget import FreshResults
from predictlab.phase import NOISE_DOMINANT, Decision
from predictlab.planning._next_step import Step, half_width, in_all


def of_fresh(
    fit: FreshResults,
    row: Mapping[str, object],
    rule: Decision,
    exchange_rate: float | None,
    gpu_hour: float | None,
) -> tuple[str, Step]:
    """What to do where the call stands: nothing, the cheapest probe that suffices, or what is left if none does."""
    fresh, metric = fit.fresh, fit.curve.metric or "metric"
    wanted = f"±{half_width(rule.tolerance):.3f}"
    known = f"the end of another run is known within {wanted} {metric}"
    if row["regime"] == NOISE_DOMINANT:
        several = max(2, int(np.ceil(fresh.end_variance / rule.tolerance)))
        return (
            f"No probe of other runs helps: runs of this recipe end ±{half_width(fresh.end_variance):.3f} {metric} "
            f"about their mean, more than {wanted}. Instead: steady the recipe, or train {several} and take their mean."
        ), Step()
    if row["level"] == "at once":
        by = f"from the {fresh.ended} runs that ended" if fresh.ended else "from what was given"
        return f"Nothing to probe: {by} {known} (±{half_width(fresh.static_estimate):.3f}).", Step(0, 0.0, cost=0.0)
    plan = fresh.plan(rule.tolerance)
    if plan.seeds <= 0:
        at_end = half_width(float(fit.predict(fresh.horizon)[0]))
        return f"With {fit.seeds} seeds read to the end ±{at_end:.3f} {metric} stays open. {plan}", Step()
    head = (
        f"At {rule.budget:g} steps of {fit.seeds} seeds ±{half_width(float(fit.predict(rule.budget)[0])):.3f} is open"
    )
    seeds = "1 seed" if plan.seeds == 1 else f"{plan.seeds} seeds"
    text = f"{head}. Probe {seeds} to {plan.depth:.3g} steps, {in_all(fit, plan.steps, gpu_hour)}: then {known}."
    if exchange_rate is not None:
        text += f" At the stated price of a step the best is: {fresh.optimal(exchange_rate=exchange_rate)}"
    return text, Step(plan.seeds, plan.depth, cost=plan.steps)


def train_to_the_end(fit: FreshResults, row: Mapping[str, object], gpu_hour: float | None) -> tuple[str, Step]:
    """What to do where a call is open and no run was measured at the end: that is what nothing is known of."""
    runs, end = int(fit.fresh.curve.n_runs or 1), fit.fresh.horizon
    return (
        f"Most likely {row['likely']}, not surely: how runs differ at {end:g} steps was not measured. Train the same "
        f"{runs} runs to there, {in_all(fit, runs * end, gpu_hour)}."
    ), Step(0, end, cost=runs * end)
