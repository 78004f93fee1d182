"""Runs and rows on real fine-tunes: does a part of the rows say what the rest does? Called by rows.py.

Tasks: four data sets and more, head and LoRA, labels clean and flipped, one evaluated in another domain; 16 seeds and
2,400 evaluation rows each. A causal language model is not among them: exact matches of 2,000 rows at each depth of 16
seeds take days on a processor.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

import predictlab as pl
from predictlab.risk import variance_components
from predictlab.risk._spread import outcomes_curve

SEEDS, ROWS, FEW = 16, 2400, 4
PLAN = pl.ProbePlan((4, 8, 16, 32, 64, 128), seeds=SEEDS)
BUDGET, CONFIDENCE = 64.0, 0.9
KINDS = ((FEW, 0.25), (FEW, 1.0), (2 * FEW, 1.0))  # seeds, share of the rows
MARGINS = (0.005, 0.01, 0.02, 0.04)  # seeds within so much of their mean, accuracy
HEAD: dict[str, Any] = {"method": "head", "learning_rate": 1e-2, "max_length": 48}
LORA: dict[str, Any] = {"layers": "last:1", "learning_rate": 2e-3, "max_length": 24}


@dataclass(frozen=True)
class Case:
    """One task of the benchmark."""

    name: str
    data: str
    recipe: dict[str, Any] = field(default_factory=lambda: HEAD)
    noise: float = 0.0

    def task(self) -> pl.Task:
        """The task, its data loaded from the catalog."""
        data = other_domain() if self.data == "reviews to films" else whole(self.data)
        return pl.Task("minilm-l6", data, pl.Recipe(steps=128, **self.recipe), name=self.name, label_noise=self.noise)


CASES = (
    Case("films head", "rotten_tomatoes"),
    Case("newsgroups head", "newsgroups20"),
    Case("r8 head", "reuters_r8"),
    Case("films head, labels flipped", "rotten_tomatoes", noise=0.4),
    Case("reviews to films head", "reviews to films"),
    Case("tweets head", "election_tweets"),
    Case("tweets lora", "election_tweets", LORA),
    Case("films lora", "rotten_tomatoes", LORA),
    Case("newsgroups head, labels flipped", "newsgroups20", noise=0.4),
    Case("speaker head", "friends_speaker"),
    Case("films lora, labels flipped", "rotten_tomatoes", LORA, 0.4),
    Case("medical head", "medical_subject"),
    Case("newsgroups lora", "newsgroups20", LORA),
)


def whole(name: str) -> pl.Dataset:
    """A data set of the catalog with as many evaluation rows as asked, or as its official test rows allow."""
    size = min(ROWS, 2100) if name == "reuters_r8" else ROWS
    return pl.load_dataset(name, eval_size=size, train_size=2000, seed=0)


def other_domain() -> pl.Dataset:
    """Trained on sentences of reviews of goods and places, evaluated on critics' sentences about films."""
    trained = pl.load_dataset("review_sentences", eval_size=100, seed=0)
    films = pl.load_dataset("rotten_tomatoes", eval_size=ROWS, train_size=10, seed=0)
    to = [trained.classes.index({"fresh": "positive", "rotten": "negative"}[name]) for name in films.classes]
    rows = films.eval.assign(label=np.asarray(to)[films.eval["label"]])
    return pl.Dataset("reviews to films", train=trained.train, eval=rows, classes=trained.classes)


def record(store: Path) -> None:
    """Probe what the store lacks, task after task; may be killed at any moment."""
    for case in CASES:
        print(case.name, flush=True)
        pl.probe(case.task(), PLAN, store, progress=False)


def probed(stores: list[Path]) -> dict[str, pl.RiskCurve]:
    """Curves of the tasks of these stores whose runs are complete, with their outcomes."""
    found = {}
    for store in stores:
        with pl.RunStore(store, read_only=True) as opened:
            for name in opened.tasks()["task"]:
                depths = list(opened.measured_depths(name).values())
                if len(depths) >= SEEDS and len(set(depths)) == 1 < len(depths[0]) and opened.row_names(name):
                    found[f"{name} ({len(depths)})"] = pl.risk_curve(opened, name, metric="accuracy")
    return found


def cut(curve: pl.RiskCurve, rows: np.ndarray, runs: np.ndarray) -> pl.RiskCurve:
    """The curve of some rows and runs."""
    outcomes = curve.outcomes
    assert outcomes is not None
    some = outcomes.subset(outcomes.depth, [outcomes.runs[i] for i in runs])
    names = tuple(outcomes.rows[i] for i in rows)
    return outcomes_curve(replace(some, rows=names, values=some.values[:, :, rows]))


def shares(curves: dict[str, pl.RiskCurve]) -> pd.DataFrame:
    """What rows add at the first and the last depth, all seeds and rows."""
    table = []
    for name, curve in curves.items():
        assert curve.parts is not None
        first, last = curve.parts[0], curve.parts[-1]
        low, high = last.interval("run")
        table.append(
            {"task": name, "rows": last.rows, "accuracy": last.mean, "rows' share, first": first.rows_share,
             "last": last.rows_share, "sd last": last.spread**0.5, "sd of runs": max(last.run, 0) ** 0.5,
             "lower": low**0.5, "upper": high**0.5}
        )  # fmt: skip
    return pd.DataFrame(table)


def quarters(curves: dict[str, pl.RiskCurve], repeats: int) -> pd.DataFrame:
    """From a quarter of the rows: is the spread on the disjoint rest inside the interval?

    ``same``: the spread of the same runs on the rest (the runs' part is then shared, so more than 95 % is due).
    ``others``: of 8 random runs on a quarter, the spread of all other runs on the rest: its own error is put into the
    interval.
    """
    table = []
    for name, curve in curves.items():
        assert curve.outcomes is not None
        values = curve.outcomes.values
        rng = np.random.default_rng(1)
        for _ in range(repeats):
            rows, runs = rng.permutation(values.shape[2]), rng.permutation(values.shape[1])
            quarter, rest = rows[: len(rows) // 4], rows[len(rows) // 4 :]
            for at, y in zip(curve.depth, values, strict=True):
                parts = variance_components(y[:, quarter])
                seen = float(y[:, rest].mean(axis=1).var(ddof=1))
                _, low, high = parts.spread_at(len(rest))
                df = values.shape[1] - 1
                q = chi2.ppf([0.025, 0.975], df) / df
                line = {"task": name, "depth": at, "same": low <= seen <= high}
                line["same, as it is"] = parts.spread / q[1] <= seen <= parts.spread / q[0]
                line["predicted"], line["taken over"], line["seen"] = parts.spread_at(len(rest))[0], parts.spread, seen
                half = variance_components(y[np.ix_(runs[:8], quarter)])
                other = float(y[np.ix_(runs[8:], rest)].mean(axis=1).var(ddof=1))
                for label, args in (("others", (len(rest),)), ("others, as it is", ())):
                    line[label] = inside_with_error(half, args, other, len(runs) - 9)
                table.append(line)
    return pd.DataFrame(table)


def inside_with_error(parts: Any, size: tuple[int, ...], other: float, df: int) -> bool:
    """Whether another sample variance of the same law is inside a 95 % interval that has its error too.

    The logarithms' errors add up: half-widths of the interval of the law and of the new sample, in squares, each side.
    """
    estimate, low, high = parts.spread_at(*size)
    q = np.log(chi2.ppf([0.025, 0.975], df) / df)
    middle = np.log(max(estimate, 1e-12))
    below, above = middle - np.log(max(low, 1e-12)), np.log(max(high, 1e-12)) - middle
    x = np.log(max(other, 1e-12)) - middle
    return bool(-np.hypot(below, q[0]) <= x <= np.hypot(above, q[1]))


def calls(curves: dict[str, pl.RiskCurve], repeats: int) -> pd.DataFrame:
    """Regimes called at 90 % from few seeds, against all seeds and rows on the population."""
    table = []
    for name, curve in curves.items():
        assert curve.outcomes is not None
        reference = pl.DecayModel(curve, rows=np.inf).fit()
        rng = np.random.default_rng(2)
        count, seeds = len(curve.outcomes.rows), len(curve.outcomes.runs)
        fits = {}
        for i, (few, share) in itertools.product(range(repeats), KINDS):
            some = cut(curve, rng.permutation(count)[: int(share * count)], rng.permutation(seeds)[:few])
            kind = f"{few} seeds, {share:.0%} of the rows"
            fits["with", kind, i] = pl.DecayModel(some, rows=np.inf).fit()
            fits["without", kind, i] = pl.DecayModel(replace(some, parts=None, outcomes=None)).fit()
        for margin in MARGINS:
            tau = (margin / 1.96) ** 2
            asked: dict[str, Any] = {"tolerance": tau, "budget": BUDGET, "confidence": CONFIDENCE}
            truth = pl.classify({name: reference}, **asked).iloc[0]
            for (how, kind, _), fit in fits.items():
                row = pl.classify({name: fit}, **asked).iloc[0]
                made = row["regime"] != "Undetermined"
                table.append(
                    {"task": name, "margin": margin, "how": how, "kind": kind, "called": made,
                     "likely right": row["likely"] == truth["likely"],
                     "wrong": made and row["regime"] != truth["likely"],
                     "wrong, truth called": made and truth["regime"] not in ("Undetermined", row["regime"]),
                     "truth": truth["likely"], "truth called": truth["regime"] != "Undetermined",
                     "reason": row["reason"].split(" at ")[0]}
                )  # fmt: skip
    return pd.DataFrame(table)


def report(stores: list[Path], repeats: int) -> None:
    """Print what docs/rows.md says of the tasks that are complete."""
    curves = probed(stores)
    print(f"{len(curves)} tasks are complete (in brackets: seeds)\n")
    print(shares(curves).round(4).to_string(index=False), "\n")
    table = quarters(curves, repeats)
    what = ["same", "same, as it is", "others", "others, as it is"]
    print(table.groupby("task", sort=False)[what].mean().round(3).to_string())
    sums = table[["predicted", "taken over", "seen"]].sum()
    print("all:", table[what].mean().round(3).to_dict())
    print("sum over the rest, of that seen:", (sums / sums["seen"]).round(3).to_dict(), "\n")
    called = calls(curves, repeats)
    for by in (["how", "kind"], ["how", "kind", "margin"], ["how", "truth"], ["how", "reason"]):
        group = called.groupby(by, sort=False)
        counts = group[["called", "likely right", "wrong", "wrong, truth called"]].sum()
        counts["of"] = group.size()
        counts["calls"] = counts["called"] / counts["of"]
        counts["wrong share"] = counts["wrong"] / counts["called"]
        counts["wrong share, truth called"] = counts["wrong, truth called"] / counts["called"]
        print(counts.round(3).to_string(), "\n")


if __name__ == "__main__":
    record(Path(sys.argv[1]))
