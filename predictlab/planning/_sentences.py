"""From a fit and its regime to one plain sentence: what to do next for this task."""

from __future__ import annotations

from typing import Any

import numpy as np

from predictlab.budget import OptimalDepth
from predictlab.decay import DecayResults
from predictlab.phase import DYNAMIC_CRITICAL, NOISE_DOMINANT, STATIC_SUFFICIENT

Z95 = 1.96


def margin(risk: float) -> float:
    """Half-width of the 95 % range of a Gaussian with variance `risk`."""
    return Z95 * float(np.sqrt(risk))


def sentence(fit: DecayResults, row: Any, tolerance: float, budget: float, best: OptimalDepth) -> str:
    """What to do for one task.

    Parameters
    ----------
    fit : DecayResults
    row : mapping
        The task's row of ``pl.classify`` at this tolerance and budget.
    tolerance, budget : float
        ``tau`` (metric²) and ``B`` (steps).
    best : OptimalDepth
        Of ``pl.optimal_depth``; adds what the price of probing says.
    """
    metric = fit.curve.metric or "metric"
    now, crossing = float(fit.predict(budget)[0]), float(row["crossing_budget"])
    asked = f"±{margin(tolerance):.3f}"
    regime = row["regime"]
    if regime == STATIC_SUFFICIENT:
        first = float(fit.fitted.depth[0])
        needed = max(crossing, first)
        text = (
            f"Stop probing at {needed:.0f} steps: by {budget:g} steps seeds agree within ±{margin(now):.3f} {metric}, "
            f"inside the {asked} asked for."
        )
    elif regime == DYNAMIC_CRITICAL:
        last = float(fit.fitted.depth[-1])
        beyond = f", beyond the {last:g} steps measured" if crossing > last else ""
        text = (
            f"Probe {max(crossing - budget, 1):.0f} more steps, to about {crossing:.0f} "
            f"(95 %: {row['crossing_lower']:.0f} to {_bound(row['crossing_upper'])}{beyond}); expected gain: "
            f"seeds agree within {asked} {metric} instead of ±{margin(now):.3f} at {budget:g} steps."
        )
    elif regime == NOISE_DOMINANT:
        floor = float(np.median(fit.draws()["intrinsic_limit"]))
        text = (
            f"Do not probe deeper: seeds will still differ by ±{margin(floor):.3f} {metric} however long they train, "
            f"more than the {asked} asked for; clean the labels, enlarge the evaluation set or average several seeds."
        )
    else:
        return f"Most likely {row['likely']}, not surely: {row['advice']}."
    return text if regime == NOISE_DOMINANT else text + _price(best)


def _price(best: OptimalDepth) -> str:
    """What the price of a step adds: nothing where probing surely pays."""
    verdict = best.verdict()
    if verdict.startswith("Probing pays"):
        return ""
    if verdict.startswith("Probing does not"):
        return " At the stated price of a step, probing does not pay."
    return (
        f" At the stated price of a step these runs cannot tell whether probing pays "
        f"(it does in {best.probability_pays:.0%} of the draws)."
    )


def _bound(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "unbounded"
