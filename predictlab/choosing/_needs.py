"""What a choice that does not stand needs: seeds and evaluation rows, as numbers and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from predictlab.choosing._candidates import Candidate
from predictlab.choosing._next_runs import Run
from predictlab.choosing._rows import MOST_SEEDS
from predictlab.risk._curve import Array

DOUBLINGS = 10  # of the present rows, where no numbers to choose from are given
FEW = 2.0  # times the seeds that would do with the most rows: no more rows are advised than for that


def needs_of(
    end: Array, leader: int, margin: float, confidence: float, noise: Array, prices: Array
) -> tuple[dict[str, float], int]:
    """Seeds of the chosen one and the runner-up, each to the end, after which their difference would stand.

    If they differ in truth as they seem to: the difference of two means of S runs has the variance ``(v_1 + v_2) / S``.
    The runner-up comes with it.
    """
    mean = end.mean(axis=0)  # -inf of candidates that diverge
    chance = np.mean(end >= end.max(axis=1, keepdims=True) - margin, axis=0)
    rival = int(np.argmax(np.where(np.arange(len(mean)) == leader, -1.0, chance)))
    gap = abs(float(mean[leader] - mean[rival]))
    variance = float(noise[leader] + noise[rival])
    return {
        "seeds": seeds_for(variance, gap + margin, confidence), "difference": gap, "run_variance": variance,
        "run_cost": float(prices[leader] + prices[rival]),
    }, rival  # fmt: skip


def seeds_for(variance: float, difference: float, confidence: float) -> float:
    """Seeds of each with which a difference stands whose variance is one by the number of seeds; inf where too many."""
    if not 0 < difference < math.inf:
        return math.inf
    seeds = math.ceil(max(variance * (norm.ppf(confidence) / difference) ** 2, 2))
    return float(seeds) if seeds <= MOST_SEEDS else math.inf


def doubled(present: int) -> list[int]:
    """Numbers of rows to choose from, where none are given."""
    return [present * 2**k for k in range(DOUBLINGS + 1)]


def advised(table: pd.DataFrame, priced: bool) -> pd.Series | None:
    """Which number of rows to take, of a design whose first line is the present one.

    The cheapest where rows have a price. Without one the most rows always are: then the fewest with which at most
    `FEW` times the seeds do that would do with the most.
    """
    finite = table[np.isfinite(table["seeds"])]
    if not len(finite):
        return None
    enough = finite["best"] if priced else finite["seeds"] <= FEW * finite["seeds"].min()
    return finite[enough].iloc[0]


def in_words(needs: Mapping[str, float], who: str, table: pd.DataFrame | None, priced: bool, hint: str = "") -> str:
    """Say what it would take to tell two candidates apart.

    Parameters
    ----------
    needs : mapping
        Of `needs_of`.
    who : str
        Both candidates.
    table : DataFrame or None
        Seeds for each number of rows, the present one first, where the answer is for other rows than these.
    priced : bool
        Whether rows have a price.
    hint : str
        Behind the seeds, where there is no table.
    """
    apart = f"{who} lie {needs['difference']:.3g} apart"
    if table is None:
        if not math.isfinite(needs["seeds"]):
            return f"No number of seeds would do: {apart}; give a margin=."
        return f"It would need about {needs['seeds']:,.0f} seeds of each to the end, if {apart} in truth{hint}."
    here, best = table.iloc[0], advised(table, priced)
    n = f"{here['rows']:,.0f}"
    if best is None:
        return f"No number of seeds would do, on up to {table['rows'].max():,.0f} rows: {apart}; give a margin=."
    there = f"with {best['rows']:,.0f} rows{_cost(best, priced)}"
    if not math.isfinite(here["seeds"]):
        return (
            f"No number of seeds would do on these {n} rows; about {best['seeds']:,.0f} seeds of each to the end would "
            f"{there}, if {apart} in truth."
        )
    told = f"It would need about {here['seeds']:,.0f} seeds of each to the end on these {n} rows{_cost(here, priced)}"
    if best["rows"] == here["rows"]:
        more = f"; more rows would {'cost more' if priced else 'save few of them'}" if len(table) > 1 else ""
        return f"{told}, if {apart} in truth{more}."
    return f"{told}, or {best['seeds']:,.0f} {there}, if {apart} in truth."


def _cost(line: pd.Series, priced: bool) -> str:
    return f" (cost {line['cost']:,.4g})" if priced else ""


def batch_in_words(batch: Sequence[Run], candidates: Sequence[Candidate]) -> str:
    """The runs that are made next, by candidate."""
    by: dict[str, list[str]] = {}
    for run in batch:
        one = candidates[run.candidate]
        by.setdefault(one.name, []).append(f"{run.seed} to {one.depths[run.rung]}")
    return "; ".join(f"{name}: run {', '.join(what)}" for name, what in by.items())
