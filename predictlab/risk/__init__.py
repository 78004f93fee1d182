"""Risk curves: estimates ``U(c_i)`` of ``L(c_i)`` with their degrees of freedom (docs/theory.md, sections 2 and 7).

`spread` answers how another run of the task will end, `branch` and `residual` of one task how this very run will end,
`residual` of a table how a run of a new task will end. They are different risks and are not mixed.
"""

from predictlab.risk._branch import Anova, anova
from predictlab.risk._components import VarianceComponents, components_of_margins, reliability, variance_components
from predictlab.risk._curve import RiskCurve, from_depth, same_question
from predictlab.risk._estimate import risk_curve
from predictlab.risk._frames import as_runs_frame, is_fork, is_invalid
from predictlab.risk._horizon import over_horizons
from predictlab.risk._outcomes import Outcomes, outcomes_of
from predictlab.risk._resampled import group_outcomes, resampled_outcomes
from predictlab.risk._spread import spread, without_runs
from predictlab.risk._text import ASKED, ESTIMATOR_CAVEATS, ESTIMATORS, FLOORS, QUESTIONS

__all__ = [
    "ASKED", "ESTIMATORS", "ESTIMATOR_CAVEATS", "FLOORS", "QUESTIONS", "Anova", "Outcomes", "RiskCurve",
    "VarianceComponents", "anova", "as_runs_frame", "components_of_margins", "from_depth", "group_outcomes",
    "is_fork", "is_invalid", "outcomes_of", "over_horizons", "reliability", "resampled_outcomes", "risk_curve",
    "same_question", "spread", "variance_components", "without_runs",
]  # fmt: skip


def __dir__() -> list[str]:
    return list(__all__)
