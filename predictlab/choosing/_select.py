"""`select`: the best of several fine-tunes under one budget, with the probability that the choice is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm.auto import tqdm

from predictlab._validation import Rng, generator, nonnegative, option, positive, share
from predictlab.choosing._candidates import RUNGS, Candidate, Candidates, opened_candidates, prices_of
from predictlab.choosing._ladder import Ladder, Posterior, Rungs
from predictlab.choosing._needs import batch_in_words, needs_of
from predictlab.choosing._next_runs import Chooser, Run, leader_of, within
from predictlab.choosing._rows import RowPlan, paired_interaction, recorded
from predictlab.choosing._selection import Selection
from predictlab.choosing._sums import wide
from predictlab.errors import DataError, bad_argument
from predictlab.probing._executors import Executor
from predictlab.risk._curve import Array
from predictlab.risk._frames import default_metric
from predictlab.runs import RunStore
from predictlab.task import better_side

LOOKS = 10  # about so many, each with as large a share of the budget
OUT = 0.1  # of the error allowed: a candidate less likely than that to be good enough is shown as set aside


def select(
    candidates: Candidates,
    total_budget: float,
    *,
    margin: float = 0.0,
    confidence: float = 0.95,
    metric: str | None = None,
    better: str | None = None,
    cost_per_step: float | Mapping[str, float] = 1.0,
    max_depth: int | Mapping[str, int] | None = None,
    rungs: Sequence[float] = RUNGS,
    rows: float | None = None,
    eval_rows: int | Sequence[int] | None = None,
    row_cost: float = 0.0,
    interaction: float | tuple[float, float] | None = None,
    store: str | Path | RunStore | None = None,
    on_look: Callable[[Selection], object] | None = None,
    rng: Rng = None,
    progress: bool = True,
    executor: str | Executor | None = None,
    engine: str | None = None,
    device: str | None = None,
    cache_limit: int | None = None,
    memory_limit: int | None = None,
) -> Selection:
    """Choose the best of several fine-tunes: the one with the best mean over seeds at the end of its recipe.

    Every candidate is first trained by one seed to the first rung. After each look the next runs are those that are
    expected to better the choice most per cost: new seeds, or runs carried on to a deeper rung, of the candidates that
    matter. It stops when the choice stands, or when the budget is spent; money is kept for bringing one run of the
    chosen one to its end.

    Parameters
    ----------
    candidates : mapping, sequence, DataFrame, RunStore or path
        Tasks, which `pl.probe` trains, or functions ``(depths, seeds) -> tidy frame`` as `pl.probe_until` takes them,
        by name. A tidy frame or a store of runs: its tasks are the candidates, and their recorded runs are played back.
    total_budget : float
        Most that may be spent on all together, in the unit of `cost_per_step`.
    margin : float
        >= 0, metric: candidates that differ by no more are as good as each other.
    confidence : float
        In (0.5, 1): the probability, that the chosen one is behind the best by at most the margin, at which it stops.
    metric : str, optional
        Default ``"accuracy"`` where it was measured, ``"eval_loss"`` of completions, else the only one there is.
    better : {"higher", "lower"}, optional
        Needed for metrics other than predictlab's own.
    cost_per_step : float or mapping
        Price of one step of one run; by candidate where they differ.
    max_depth : int or mapping, optional
        End of each recipe, steps, where a function has no attribute of that name.
    rungs : sequence of float
        Shares of a recipe at which runs may be looked at; rising, the last is 1.
    rows : float, optional
        Evaluation rows that the answer is for: ``inf``, the population they come from, or another set of so many. None:
        those that are evaluated, or ``inf`` where `eval_rows` are several.
    eval_rows : int or sequence of int, optional
        How many rows are evaluated; rising numbers to choose from, with functions ``(depths, seeds, rows)``: it begins
        with the fewest, and all runs are evaluated again on more where that reaches the confidence more cheaply than
        seeds do. A function gives what the same run does on the first so many rows of one order, the same for all.
    row_cost : float
        Of one row in one evaluation, in the unit of `cost_per_step`; each rung of a run is one.
    interaction : float or (float, float), optional
        ``sigma_int²``, how runs of a candidate, and ``sigma_c²``, how candidates differ on a row, metric²; one number:
        both. None, with `rows`: ``sigma_c²`` from outcomes by row that the store has of at least two candidates.
    store : str, Path or RunStore, optional
        Where measurements go; None keeps them in this process only. The same call with the same store goes on where it
        was interrupted: what the store holds is not made again.
    on_look : callable, optional
        Called with the `Selection` so far after each look. Where it returns False the selection ends with that look;
        the same call with the same store goes on.
    rng : int, numpy.random.Generator or None
        None: a fresh generator of seed 0.
    progress : bool
        Show progress over the cost, on standard error.
    executor, engine, device, cache_limit, memory_limit
        As for `pl.probe`; only with tasks.

    Returns
    -------
    Selection

    Raises
    ------
    ArgumentError, DataError
        Fewer than two candidates, a budget that does not pay for the first rung of each, other metrics, no last depth.
    KeyboardInterrupt
        On Ctrl-C; what was measured is in the store.

    Notes
    -----
    Runs that diverge are counted; a candidate of whose runs most do is not chosen. Means of candidates hang
    together along the rungs by one regression a rung, and so do runs of one candidate, with variances of their own
    that are drawn towards each other; all of it is unknown, and the probability is that of a posterior over all of
    it. How well an early rung predicts the end is thus learnt from the candidates that went there. Evaluation rows
    are common to all: what makes rows easy or hard cancels, and a run's variance is ``sigma_run² + sigma_int² / n``
    (docs/theory.md, section 8). docs/choosing.md shows how often the probability holds.

    Examples
    --------
    >>> import predictlab as pl
    >>> worlds = {f"mean {m}": pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0, mean=m) for m in (0.6, 0.7, 0.8, 0.85)}
    >>> sources = {name: world.source(seed=i, max_depth=64) for i, (name, world) in enumerate(worlds.items())}
    >>> found = pl.select(sources, total_budget=1000, better="higher", margin=0.01, progress=False)
    >>> found.choice, found.decided
    ('mean 0.85', True)
    """
    limit = positive("total_budget", total_budget, " (cost)")
    slack = nonnegative("margin", margin, " (in the metric)")
    share("confidence", confidence, "a probability in (0.5, 1)", above=0.5, hint="0.95 is the usual choice.")
    chosen = opened_candidates(candidates, metric, max_depth, cost_per_step, rungs)
    plan = RowPlan.of(rows, eval_rows, row_cost, interaction)
    options = {
        "executor": executor, "engine": engine, "device": device, "cache_limit": cache_limit,
        "memory_limit": memory_limit,
    }  # fmt: skip
    options = {name: value for name, value in options.items() if value is not None}
    prices = prices_of(chosen, plan.price * plan.choices[0] if plan.choices else 0.0)
    least = float(prices[:, 0].sum())
    if least > limit:
        depths = ", ".join(sorted({f"{one.depths[0]:g}" for one in chosen}))
        raise bad_argument(
            "total_budget", limit, f"at least {least:g}, one run of each candidate to its first depth ({depths} steps)",
            "Raise it, leave candidates out, or start earlier with rungs=.",
        )  # fmt: skip
    if store is None and plan.asked is not None and isinstance(candidates, RunStore | str | Path):
        store = candidates  # has outcomes by row
    opened = store if isinstance(store, RunStore) else RunStore(store if store is not None else ":memory:")
    try:
        with tqdm(total=limit, unit="cost", desc="select", disable=not progress, dynamic_ncols=True) as bar:
            at = _Selecting(chosen, prices, limit, slack, confidence, metric, better, opened, options, generator(rng))
            at.take_rows(plan)
            return at.run(on_look, bar)
    finally:
        if opened is not store:
            opened.close()


class _Selecting:
    """One selection on its way."""

    def __init__(
        self, candidates: list[Candidate], prices: Array, limit: float, margin: float, confidence: float,
        metric: str | None, better: str | None, store: RunStore, options: Mapping[str, Any], rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.candidates, self.prices, self.limit, self.margin = candidates, prices, limit, margin
        self.confidence, self.metric, self.better = confidence, metric, better
        self.store, self.options = store, options
        self.reached: list[list[int]] = [[] for _ in candidates]
        self.values = [np.empty((0, prices.shape[1])) for _ in candidates]
        self.ladder = Ladder(len(candidates), prices.shape[1], rng)
        self.cost, self.paired = 0.0, (-1.0, 0.0, 0, 0.0)
        self.looks: list[dict[str, object]] = []
        self.history: list[pd.DataFrame] = []
        self.frames: dict[str, list[pd.DataFrame]] = {}

    def take_rows(self, plan: RowPlan) -> None:
        """Evaluate on the fewest rows of the plan."""
        self.plan, self.evaluated = plan, plan.choices[0] if plan.choices else None
        self.on_these = list(self.candidates)
        if len(plan.choices) > 1:
            self.candidates = [one.on_rows(plan.choices[0]) for one in self.on_these]

    def _terms(self) -> tuple[float, float, int]:
        """``sigma_int²`` and ``sigma_c²`` of a row, as told or from recorded outcomes, and the rows evaluated."""
        run, between, rows = self.plan.run, self.plan.between, self.evaluated
        if between is None or rows is None:
            if self.paired[0] != self.cost:  # read again after each batch alone
                self.paired = (self.cost, *paired_interaction(recorded(self.candidates, self.store, str(self.metric))))
            run, between = (self.paired[3], self.paired[1]) if between is None else (run, between)
            rows = rows or self.paired[2]
        return np.nan if run is None else run, between, rows

    def _closed(self) -> float:
        """Variance of each end that no run on the evaluated rows tells of, metric²."""
        return 0.0 if self.plan.asked is None else self.plan.open_variance(*self._terms()[1:])

    def _needs(self, posterior: Posterior, end: Array, leader: int) -> tuple[dict[str, float], int]:
        return needs_of(end, leader, self.margin, self.confidence, posterior.end_noise, self.prices[:, -1])

    def _on_rows(self, rows: int, cost: float) -> None:
        """Evaluate all runs again, on more rows."""
        self.evaluated, self.cost = rows, self.cost + cost
        self.candidates = [one.on_rows(rows) for one in self.on_these]
        self.prices = prices_of(self.candidates, self.plan.price * rows)
        self.frames = {}
        for i, one in enumerate(self.candidates):
            for seed, reached in enumerate(list(self.reached[i])):
                if reached:
                    self._take(i, one.measure([seed], reached, self.store, self.options), [seed], reached - 1)

    def run(self, on_look: Callable[[Selection], object] | None, bar: tqdm) -> Selection:
        batch = [Run(i, 0, 0, float(price)) for i, price in enumerate(self.prices[:, 0])]
        while True:
            self._measure(batch)
            bar.update(self.cost - bar.n)
            self._out()
            sign, left = 1.0 if self.better == "higher" else -1.0, self.limit - self.cost
            for longer in (False, True):
                posterior = self.ladder.look(Rungs(self.values), longer=longer)
                end = self._ends(posterior, sign)
                leader = leader_of(end, self.margin)
                chance = float(within(end, self.margin)[leader])
                stands = chance >= self.confidence and bool(np.isfinite(self.values[leader][:, -1]).any())
                if not stands and left >= self.prices[:, 0].min():
                    break
            if not stands and len(self.plan.choices) > 1:
                (needs, _), had = self._needs(posterior, end, leader), sum(sum(reached) for reached in self.reached)
                more = self.plan.more(
                    self.evaluated or 1, needs, self.margin, self.confidence, self.prices.shape[1], had, left
                )
                if more is not None:
                    self._on_rows(*more)
                    batch = []
                    continue
            reached = [list(r) for r in self.reached]
            most = [one.most for one in self.candidates]
            chooser = Chooser(posterior, sign, reached, self.prices, most, self._out(), self.margin, self._closed())
            last = chooser.finishing(leader)  # what is chosen is to be seen at its end, and kept money for
            if last is not None and (chance >= self.confidence or last.cost <= left < last.cost + self.limit / LOOKS):
                batch = [last] if last.cost <= left else []
            else:
                kept = 0.0 if last is None or last.cost > left else last.cost
                free = left - kept
                batch = [] if stands else chooser.choose(min(free, self.limit / LOOKS), free)
                batch = batch or ([last] if last is not None and last.cost <= left and not stands else [])
            because = (
                f"The choice stands at look {len(self.looks) + 1}." if stands
                else f"The {left:.4g} left of total_budget={self.limit:g} pay for no further run." if not batch else ""
            )  # fmt: skip
            why = "" if batch != [last] else f"{self.candidates[leader].name} has not been seen at its end yet."
            found = self._selection(posterior, leader, chance, stands, batch, because, why)
            asked = on_look(found) if on_look is not None else None
            if not batch:
                return found
            if asked is False:
                return replace(found, stopped_because=f"Stopped at look {len(self.looks)}, as it was told to.")

    def _diverged(self) -> Array:
        """Runs of each candidate that diverged before the rung that was asked for, (N,)."""
        pairs = zip(self.values, self.reached, strict=True)
        return np.array([int(np.sum(np.isfinite(v).sum(axis=1) < np.array(r))) for v, r in pairs])

    def _out(self) -> NDArray[np.bool_]:
        """Candidates of whose runs most diverge; they are not chosen, and no more is spent on them, (N,)."""
        runs = np.array([len(reached) for reached in self.reached])
        out = 2 * self._diverged() > runs
        if out.all():
            raise DataError("candidates: runs of every one of them diverge; there is nothing to choose from.")
        return np.asarray(out)

    def _ends(self, posterior: Posterior, sign: float) -> Array:
        """Means at the end, (draws, N), turned so that up is good."""
        end = sign * posterior.end
        if closed := self._closed():  # the same draws at each look
            end = end + np.sqrt(closed) * np.random.default_rng(0).standard_normal(end.shape)
        return np.asarray(np.where(self._out(), -np.inf, end))

    def _measure(self, batch: list[Run]) -> None:
        """Make the runs of a batch, those of one candidate that go to one rung together."""
        groups: dict[tuple[int, int], set[int]] = {}
        for run in batch:
            groups.setdefault((run.candidate, run.rung), set()).add(run.seed)
            self.cost += run.cost
        deepest = {(i, seed): rung for (i, rung), seeds in sorted(groups.items()) for seed in seeds}
        wanted: dict[tuple[int, int], list[int]] = {}
        for (i, seed), rung in deepest.items():
            wanted.setdefault((i, rung), []).append(seed)
        for (i, rung), seeds in wanted.items():
            one = self.candidates[i]
            frame = one.measure(sorted(seeds), rung + 1, self.store, self.options)
            self._take(i, frame, sorted(seeds), rung)

    def _take(self, i: int, frame: pd.DataFrame, seeds: list[int], rung: int) -> None:
        one = self.candidates[i]
        metric = self.metric or default_metric(frame["metric"])
        present = sorted(frame["metric"].unique())
        if metric is None and len(present) == 1:
            metric = present[0]
        if metric is None or metric not in present:
            what = f"candidates: {one.name!r} was measured by {', '.join(present)}"
            if metric is None:
                raise bad_argument("metric", None, f"one of {', '.join(present)}", "There are several.")
            raise DataError(f"{what}, and others by {metric}; candidates need one metric in common.")
        if self.metric is None:
            self.metric = metric
        if self.better is None:
            self.better = better_side(metric)
        hint = "" if self.better else f"{metric} is no metric of predictlab's own."
        option("better", self.better, ("higher", "lower"), hint)
        rows = frame[frame["metric"] == metric]
        self.frames.setdefault(one.name, []).append(frame.assign(candidate=one.name, look=len(self.looks) + 1))
        lines = wide(rows, seeds, one.depths)
        for line, seed in zip(lines, seeds, strict=True):
            line[rung + 1 :] = np.nan
            if not np.isfinite(line[: rung + 1]).all():  # it diverged: nothing of it counts from there on
                line[int(np.argmin(np.isfinite(line))) :] = np.nan
            while len(self.values[i]) <= seed:
                self.values[i] = np.vstack([self.values[i], np.full(line.shape, np.nan)])
                self.reached[i].append(0)
            self.values[i][seed] = line
            self.reached[i][seed] = rung + 1

    def _runs(self) -> pd.DataFrame:
        """All measurements; those of runs that were carried on come again with them."""
        joined = pd.concat([frame for frames in self.frames.values() for frame in frames], ignore_index=True)
        return joined.drop_duplicates(["candidate", "run", "depth", "metric"], ignore_index=True)

    def _selection(
        self, posterior: Posterior, leader: int, chance: float, stands: bool, batch: list[Run], because: str, why: str
    ) -> Selection:  # fmt: skip
        sign = 1.0 if self.better == "higher" else -1.0
        end = self._ends(posterior, sign)
        diverged = self._diverged()
        good, best = within(end, self.margin), within(end, 0.0)
        lower, middle, upper = np.quantile(
            posterior.end, [(1 - self.confidence) / 2, 0.5, (1 + self.confidence) / 2], axis=0
        )
        k = self.prices.shape[1]
        rows = []
        for i, one in enumerate(self.candidates):
            reached = self.reached[i]
            spent = sum(self.prices[i, r - 1] for r in reached if r)
            aside = good[i] < OUT * (1 - self.confidence)
            state = "chosen" if i == leader else "set aside" if aside else "open"
            rows.append(
                {
                    "candidate": one.name, "state": state, "mean": middle[i], "lower": lower[i], "upper": upper[i],
                    "p_good": good[i], "p_best": best[i], "runs": len(reached), "ended": sum(r == k for r in reached),
                    "depth": one.depths[max(reached) - 1], "sd": float(np.sqrt(posterior.end_noise[i])), "cost": spent,
                    "diverged": diverged[i],
                }
            )  # fmt: skip
        table = pd.DataFrame(rows)
        (needs, rival), terms = self._needs(posterior, end, leader), self._terms() if self.plan.asked else None
        runs = {(run.candidate, run.seed) for run in batch}
        begun = sum(seed >= len(self.reached[i]) for i, seed in runs)
        self.looks.append(
            {
                "look": len(self.looks) + 1, "cost": self.cost, "leader": self.candidates[leader].name,
                "probability": chance, "open": int((table["state"] != "set aside").sum()),
                "rows": float((terms[2] if terms else self.evaluated) or np.nan),
                "action": batch_in_words(batch, self.candidates) or "stop", "begun": begun,
                "carried": len(runs) - begun, "why": why,
            }
        )  # fmt: skip
        self.history.append(table.assign(look=len(self.looks), spent=self.cost))
        table = table.assign(order=-sign * table["mean"]).sort_values(
            ["p_good", "order"], ascending=[False, True], ignore_index=True
        )
        found = Selection(
            choice=self.candidates[leader].name, decided=stands, probability=chance, margin=self.margin,
            confidence=self.confidence, metric=str(self.metric), better=str(self.better), cost=self.cost,
            total_budget=self.limit, table=table.drop(columns="order"), looks=pd.DataFrame(self.looks),
            history=pd.concat(self.history, ignore_index=True), depths={c.name: c.depths for c in self.candidates},
            correlation=posterior.correlation, needs={} if stands else needs, runs=self._runs(), rows=self.plan.asked,
            stopped_because=because, rival="" if stands else self.candidates[rival].name,
            eval_rows=terms[2] if terms else self.evaluated,
            interaction=terms[:2] if terms else None, row_cost=self.plan.price, row_choices=self.plan.choices,
        )  # fmt: skip
        if batch and not why:
            self.looks[-1]["why"] = found._needed()
            found = replace(found, looks=pd.DataFrame(self.looks))
        return found
