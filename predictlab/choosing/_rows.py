"""Evaluation rows in a choice: what candidates add on rows that are common to all, and how many rows to take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from predictlab._validation import nonnegative, positive, whole_number
from predictlab.choosing._candidates import Candidate
from predictlab.errors import DataError, StoreError, bad_argument
from predictlab.risk import variance_components
from predictlab.runs import RunStore
from predictlab.task import Task

MOST_SEEDS = 100_000


def paired_interaction(outcomes: Mapping[str, pd.DataFrame]) -> tuple[float, int, float]:
    """What candidates add to each other's differences on rows that are common to all.

    Candidate `i`, run `s`, row `j`: ``y = m_i + a_is + b_j + c_ij + e_isj``. What makes a row easy or hard for all,
    ``b_j``, cancels; ``sigma_c²`` of ``c_ij`` does not, and no number of seeds averages it away.

    Parameters
    ----------
    outcomes : mapping of str to DataFrame
        A row a run, a column an evaluation row; at least two candidates with rows in common.

    Returns
    -------
    float
        ``sigma_c²``, metric² a row, at least 0.
    int
        Rows in common.
    float
        ``sigma_int²`` of ``e_isj``, metric² a row; NaN where no candidate has two runs.

    Raises
    ------
    DataError
        Fewer than two candidates, or fewer than two rows in common.
    """
    tables = list(outcomes.values())
    rows = list(tables[0].columns) if tables else []
    for table in tables[1:]:
        kept = set(table.columns)
        rows = [row for row in rows if row in kept]
    if len(tables) < 2 or len(rows) < 2:
        raise DataError(
            f"rows: outcomes of {len(tables)} candidates with {len(rows)} rows in common; at least two of each are "
            "needed. Evaluate all candidates on the same rows, or give interaction= and eval_rows=."
        )
    each = [table[rows].to_numpy(dtype=float) for table in tables]
    means = np.array([y.mean(axis=0) for y in each])
    within = [(variance_components(y).interaction, len(y)) for y in each if len(y) > 1]
    of_run = float(np.mean([v for v, _ in within])) if within else 0.0
    runs = float(np.mean([of_run / len(y) for y in each]))  # what is left of e_isj in a candidate's mean
    return max(variance_components(means).interaction - runs, 0.0), len(rows), of_run if within else math.nan


def recorded(candidates: Sequence[Candidate], store: RunStore, metric: str) -> dict[str, pd.DataFrame]:
    """Outcomes by row of the candidates that the store has some of, each at its last such depth."""
    found = {}
    for one in candidates:
        task = str(one.source.name) if isinstance(one.source, Task) else one.name
        try:
            found[one.name] = store.outcomes(task, metric)
        except StoreError:
            continue
    return found


@dataclass(frozen=True)
class RowPlan:
    """What is known of evaluation rows.

    Attributes
    ----------
    asked : float or None
        Rows the answer is for; None: those that are evaluated, ``inf``: the population they come from.
    choices : tuple of int
        Numbers of rows that may be evaluated, rising; empty where that is not known.
    price : float
        Of one row in one evaluation.
    run, between : float or None
        ``sigma_int²`` and ``sigma_c²`` of a row, metric²; None: from recorded outcomes.
    """

    asked: float | None
    choices: tuple[int, ...]
    price: float
    run: float | None
    between: float | None

    @staticmethod
    def of(
        rows: float | None, eval_rows: int | Sequence[int] | None, row_cost: float,
        interaction: float | tuple[float, float] | None,
    ) -> RowPlan:  # fmt: skip
        """Checked, from the arguments of `select`."""
        given = [] if eval_rows is None else list(eval_rows) if isinstance(eval_rows, Sequence) else [eval_rows]
        choices = tuple(whole_number("eval_rows", n, 1) for n in given)
        if list(choices) != sorted(set(choices)):
            raise bad_argument("eval_rows", eval_rows, "a number of rows, or rising numbers to choose from")
        asked = rows if rows is None or rows == math.inf else positive("rows", rows, " (evaluation rows)")
        asked = math.inf if asked is None and len(choices) > 1 else asked
        pair = (
            (interaction, interaction) if interaction is None or isinstance(interaction, int | float) else interaction
        )
        run, between = (None if v is None else nonnegative("interaction", v, " (metric² a row)") for v in pair)
        price = nonnegative("row_cost", row_cost, " (cost per row)")
        if (price or (asked is not None and between is not None)) and not choices:
            raise bad_argument("eval_rows", eval_rows, "how many rows are evaluated", "row_cost= and rows= need it.")
        if len(choices) > 1 and interaction is None:
            raise bad_argument(
                "interaction", interaction, "sigma_int² of a row, or (sigma_int², sigma_c²), to choose rows by",
                "curve.components() or pl.noise know it from outcomes of an earlier task.",
            )  # fmt: skip
        return RowPlan(asked, choices, price, run, between)

    def more(
        self, evaluated: int, needs: Mapping[str, float], margin: float, confidence: float, looks: int, had: int,
        left: float,
    ) -> tuple[int, float] | None:  # fmt: skip
        """More rows that tell the two likeliest apart more cheaply than seeds do, and what evaluating again costs.

        `had` evaluations are made again, for at most `left`. None: the present rows do.
        """
        choices = [n for n in self.choices if n >= evaluated]
        if len(choices) < 2 or self.run is None or self.between is None:
            return None
        told = design(
            choices, difference=needs["difference"] + margin, confidence=confidence, run_interaction=2 * self.run,
            run_variance=max(needs["run_variance"] - 2 * self.run / evaluated, 0.0), interaction=2 * self.between,
            run_cost=needs["run_cost"] - 2 * self.price * evaluated * looks, row_cost=self.price, looks=looks,
            asked=math.inf if self.asked is None else self.asked,
        )  # fmt: skip
        extra = (told["rows"] - evaluated) * self.price * had
        total = (told["cost"] + extra).where(extra <= left, math.inf)
        best = int(np.argmin(total))
        return (choices[best], float(extra[best])) if best and np.isfinite(total[best]) else None

    def open_variance(self, between: float, evaluated: int) -> float:
        """What no run on the evaluated rows tells of a candidate on the rows that are asked for, metric²."""
        return 0.0 if self.asked is None else between * (1 / evaluated + 1 / self.asked)


def design(
    rows: Sequence[int], *, difference: float, run_variance: float, run_interaction: float, interaction: float,
    confidence: float, run_cost: float, row_cost: float, looks: int, asked: float = math.inf,
) -> pd.DataFrame:  # fmt: skip
    """Seeds and cost with which two candidates are told apart, for each number of evaluation rows.

    Parameters
    ----------
    rows : sequence of int
        Numbers to choose from.
    difference : float
        Between them, margin included, metric.
    run_variance, run_interaction, interaction : float
        Summed over both: ``sigma_run²`` of a run on the population of rows, ``sigma_int²`` and ``sigma_c²`` of a row.
    confidence : float
    run_cost : float
        Of one run of both, to their ends.
    row_cost : float
        Of one row in one evaluation.
    looks : int
        Evaluations of a run.
    asked : float
        Rows that the answer is for; ``inf``: the population.

    Returns
    -------
    pandas.DataFrame
        ``rows``, ``seeds`` (of each; inf where none would do), ``cost``, ``best`` (the cheapest).
    """
    apart = (difference / norm.ppf(confidence)) ** 2 if 0 < difference < math.inf else 0.0
    lines = []
    for n in rows:
        left = apart - interaction * (1 / n + 1 / asked)
        seeds = math.ceil(max((run_variance + run_interaction / n) / left, 2)) if left > 0 else math.inf
        seeds = seeds if seeds <= MOST_SEEDS else math.inf
        lines.append({"rows": n, "seeds": float(seeds), "cost": seeds * (run_cost + 2 * row_cost * n * looks)})
    table = pd.DataFrame(lines)
    cheapest = table["cost"].min()
    return table.assign(best=(table["cost"] == cheapest) & np.isfinite(table["cost"]))
