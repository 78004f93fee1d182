"""One budget in steps and evaluation rows, as `BudgetAllocator` shows it: with weights, locks and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.budget import DesignProblem
from predictlab.decay import DecayResults

Array = NDArray[np.float64]


def arranged(designs: DesignProblem, weights: Mapping[str, float], locked: Mapping[str, float]) -> DesignProblem:
    """The problem with these weights of all tasks, and the locked ones at the depth of the grid that is nearest."""
    at = {
        i: int(np.argmin(np.abs(np.log(designs.depth[i] / locked[name]))))
        for i, name in enumerate(designs.tasks)
        if name in locked
    }
    return designs.arranged(np.array(list(weights.values())), at)


def design_table(
    drawn: DesignProblem, depth: Array, rows: Array, total_budget: float, multiplier: float, locked: set[str],
    last: Sequence[float],
) -> pd.DataFrame:  # fmt: skip
    """Steps and rows of a plan, with what they would be if the truth were each joint draw; measured to `last`."""
    each_depth, each_rows, _ = drawn.share(total_budget)
    table: dict[str, Any] = {"task": drawn.tasks}
    for name, value, over in (
        ("depth", depth, each_depth), ("rows", rows, each_rows),
        ("risk", drawn.middle().risk(depth, rows)[0], drawn.risk(depth, rows)),
    ):  # fmt: skip
        lower, upper = np.quantile(over, [0.025, 0.975], axis=0)
        table |= {name: value, f"{name}_lower": np.minimum(lower, value), f"{name}_upper": np.maximum(upper, value)}
    cost = drawn.step * depth + drawn.row * rows
    held = [name in locked for name in drawn.tasks]
    notes = [
        "; ".join(text for text, so in (("locked", lock), ("beyond the measured depths: extrapolated", far)) if so)
        for lock, far in zip(held, depth > np.array(last) * (1 + 1e-9), strict=True)
    ]
    return pd.DataFrame(table).assign(
        cost=cost, rows_share=drawn.row * rows / cost, marginal=multiplier, note=notes, locked=held
    )


def design_frontier(drawn: DesignProblem, budgets: Array) -> pd.DataFrame:
    """What each budget buys in steps and rows."""
    middle, lines = drawn.middle(), []
    for budget in budgets:
        depth, rows, price = (v[0] for v in middle.share(middle.checked_budget(float(budget))))
        risk = float(middle.risk(depth, rows)[0] @ middle.weight)
        lower, upper = np.quantile(drawn.risk(depth, rows) @ drawn.weight, [0.025, 0.975])
        lines.append(
            {"budget": float(budget), "risk": risk, "multiplier": float(price), "risk_lower": min(lower, risk),
             "risk_upper": max(upper, risk), "rows_share": float(middle.row @ rows) / float(budget)}
        )  # fmt: skip
    return pd.DataFrame(lines)


def measured_rows(fits: Mapping[str, DecayResults]) -> Array:
    """Evaluation rows of each task, as they were measured."""
    return np.array([getattr(fit, "measured_rows", None) or 0.0 for fit in fits.values()])
