"""The three risk estimators side by side on real fine-tunes: parents, each forked at several depths.

    python benchmarks/estimators.py --store estimators.db --png docs/estimators.png

prints the tables of docs/risk_curves.md and draws its chart. One process, one thread, fixed seeds. Measurements go into
the store as they are made: the same command goes on after an interruption, and with a full store only prints.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported, and sums depend on it

import numpy as np
import pandas as pd

import predictlab as pl
from predictlab.risk._residual import group_folds, out_of_fold, ridge

MODEL = "minilm-l6"
DEPTHS = (8, 32, 64, 96, 112, 128)
FULL = DEPTHS[-1]
LORA = {"layers": "last:1", "max_length": 24, "learning_rate": 2e-3}
HEAD = {"method": "head", "max_length": 24, "learning_rate": 2e-2}
ESTIMATORS = {  # in the colours of the charts, told apart by shape too
    "spread (fresh_run)": ("#C65300", "triangle-up"),
    "branch (this_run)": ("#0065A3", "circle"),
    "residual (this_run)": ("#00795A", "square"),
}


@dataclass(frozen=True)
class Case:
    """One task and its design: parents, and forks of each at every depth but the last."""

    name: str
    data: str
    train_rows: int
    eval_rows: int
    parents: int
    forks: int
    recipe: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case("r8 head", "reuters_r8", 2000, 2000, 48, 8, HEAD),
    Case("review sentences", "review_sentences", 1400, 1500, 16, 4, LORA),
    Case("newsgroups", "newsgroups20", 2000, 1500, 16, 4, LORA),
)


def probed(case: Case, store: Path) -> pd.DataFrame:
    data = pl.load_dataset(case.data, train_size=case.train_rows, eval_size=case.eval_rows)
    task = pl.Task(MODEL, data, pl.Recipe(steps=FULL, **case.recipe), name=case.name)
    plan = pl.ProbePlan(DEPTHS, design="branch", parents=case.parents, forks=case.forks)
    return pl.probe(task, plan, store=store)


def side_by_side(case: Case, runs: pd.DataFrame, metric: str) -> tuple[pd.DataFrame, dict[str, pl.RiskCurve]]:
    """One row a depth, standard deviations in hundredths of the metric; and the curves."""
    curves = {
        name: pl.risk_curve(runs, case.name, estimator=name, metric=metric, eval_rows=case.eval_rows)
        for name in ("spread", "branch", "residual")
    }
    table = curves["spread"].frame()[["depth", "mean"]]
    for name, curve in curves.items():
        part = curve.frame().set_index("depth").reindex(table["depth"])
        for column in ("risk", "lower", "upper"):
            table[f"{name}_{column}"] = 100 * np.sqrt(part[column].to_numpy())
        table[f"{name}_df"] = part["df"].to_numpy()
    anova = curves["branch"].anova
    assert anova is not None
    shown = ["share_resolved", "share_lower", "share_upper", "total_p_value", "own_end_p_value"]
    table = table.merge(anova[["depth", *shown]], on="depth", how="left")
    residual = curves["residual"].frame().set_index("depth")["unresolved"].reindex(table["depth"])
    table["read_off"] = 1 - residual.to_numpy()
    return table.assign(task=case.name), curves


def cell(row: pd.Series, name: str) -> str:
    if np.isnan(row[f"{name}_risk"]):
        return "–"
    return f"{row[f'{name}_risk']:.2f} [{row[f'{name}_lower']:.2f}, {row[f'{name}_upper']:.2f}]"


def line(row: pd.Series) -> str:
    settled = f"{row['share_resolved']:.0%} [{row['share_lower']:.0%}, {row['share_upper']:.0%}]"
    end = np.isnan(row["share_resolved"])
    cells = [
        row["task"], f"{row['depth']:.0f}", f"{row['mean']:.3f}",
        cell(row, "spread"), cell(row, "branch"), cell(row, "residual"),
        "–" if end else settled, "–" if end else f"{row['read_off']:.0%}",
        "–" if end else f"{row['total_p_value']:.2f}", "–" if end else f"{row['own_end_p_value']:.2f}",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def header(names: str) -> None:
    print(f"| {names} |")
    print("|" + " --- |" * (names.count("|") + 1))


def rates(table: pd.DataFrame) -> str:
    """Local decay rates of the variances: a power law has one, a floor makes it fall."""
    parts = []
    for name in ("spread", "branch"):
        known = table.dropna(subset=[f"{name}_risk"])
        rate = -2 * np.diff(np.log(known[f"{name}_risk"])) / np.diff(np.log(known["depth"]))
        spans = [f"{a:.0f}-{b:.0f}: {r:.1f}" for a, b, r in zip(known["depth"], known["depth"][1:], rate, strict=False)]
        parts.append(f"{name} {', '.join(spans)}")
    return "; ".join(parts)


def nothing_to_learn(runs: int, repeats: int = 400) -> str:
    """Share that the default residual reads off three features that have nothing to do with the end."""
    rng, group = np.random.default_rng(0), np.arange(runs)
    shares = []
    for _ in range(repeats):
        x, y = rng.standard_normal((runs, 3)), rng.standard_normal(runs)
        shares.append(
            1
            - np.mean(out_of_fold(x, y, group, ridge, group_folds(group, None, np.random.default_rng(0)))[0] ** 2)
            / y.var(ddof=1)
        )
    low, middle, high = np.quantile(shares, [0.025, 0.5, 0.975])
    return f"- nothing to learn, {runs} runs: read off {middle:.0%}, 95 % of the time {low:.0%} to {high:.0%}"


def cost(case: Case, runs: pd.DataFrame, curves: dict[str, pl.RiskCurve]) -> str:
    """What was measured, at what price. Seconds are those of optimiser steps; evaluation comes on top."""
    own = runs.drop_duplicates(["run", "depth"]).groupby("run")
    table = pd.DataFrame({"parent": own["parent"].first(), "first": own["depth"].min(), "last": own["depth"].max()})
    table["seconds"] = own["seconds"].max()
    forked = table["parent"].notna()
    table["steps"] = table["last"] - np.where(forked, table["first"], 0)
    total, by_forks = table.groupby(forked)[["steps", "seconds"]].sum(), curves["branch"]
    df = curves["residual"].df
    spread_df, branch_df = (float(curves[n].df[0]) for n in ("spread", "branch"))
    counts = forked.value_counts()
    sampling = curves["spread"].sampling_error
    cells = [
        case.name, f"{case.train_rows} / {case.eval_rows}",
        "–" if sampling is None else f"{100 * np.sqrt(sampling):.2f}",
        f"{spread_df:.0f} / {branch_df:.0f} / {df.min():.0f} to {df.max():.0f}",
        f"{curves['spread'].diverged} / {by_forks.diverged}",
        *(f"{counts[f]} runs, {total.loc[f, 'steps']} steps, {total.loc[f, 'seconds']:.0f} s" for f in (False, True)),
        f"{total['steps'].sum() / total.loc[False, 'steps']:.0f}",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def chart(tables: list[pd.DataFrame]) -> Any:
    """Two rows a task: standard deviations, and the share of the variance of the end that is settled or read off."""
    import altair as alt

    colour = alt.Scale(domain=list(ESTIMATORS), range=[c for c, _ in ESTIMATORS.values()])
    shape = alt.Scale(domain=list(ESTIMATORS), range=[s for _, s in ESTIMATORS.values()])
    marks: dict[str, Any] = {
        "color": alt.Color(
            "estimator:N", scale=colour, legend=alt.Legend(title=None, orient="bottom", symbolOpacity=1)
        ),
        "shape": alt.Shape("estimator:N", scale=shape),
    }
    columns = []
    for table in tables:
        long = pd.concat(
            table[["depth"]].assign(
                estimator=name, **{c: table[f"{name.split()[0]}_{c}"] for c in ("risk", "lower", "upper")}
            )
            for name in ESTIMATORS
        ).dropna()
        x = alt.X("depth:Q", title="depth c (steps)", axis=alt.Axis(values=list(DEPTHS), grid=False, labelOverlap=True))
        log = alt.Scale(type="log", nice=False, domain=[long["lower"].min() / 1.15, long["upper"].max() * 1.15])
        y = alt.Y("risk:Q", title="sd × 100", scale=log, axis=alt.Axis(tickCount=4, format="~g", grid=False))
        base = alt.Chart(long).encode(x=x, color=marks["color"])
        above = alt.layer(
            base.mark_rule(opacity=0.5).encode(y=alt.Y("lower:Q", title="sd × 100"), y2="upper:Q"),
            base.mark_line().encode(y=y),
            base.mark_point(filled=True, size=50, opacity=1).encode(y=y, shape=marks["shape"]),
        ).properties(width=200, height=140, title=str(table["task"].iloc[0]))
        branch, residual = (
            table.assign(share=table[c], estimator=n)
            for c, n in (("share_resolved", "branch (this_run)"), ("read_off", "residual (this_run)"))
        )
        shares = pd.concat([branch, residual.assign(share_lower=np.nan, share_upper=np.nan)]).dropna(subset=["share"])
        share = alt.Y(
            "share:Q", title="share of the end's variance", axis=alt.Axis(format="%", tickCount=4),
            scale=alt.Scale(domain=[min(-0.6, float(shares["share"].min()) - 0.05), 1.05], nice=False),
        )  # fmt: skip
        base = alt.Chart(shares).encode(x=x, color=marks["color"])
        below = alt.layer(
            base.mark_rule(opacity=0.5).encode(y=alt.Y("share_lower:Q"), y2="share_upper:Q"),
            base.mark_line().encode(y=share),
            base.mark_point(filled=True, size=50, opacity=1).encode(y=share, shape=marks["shape"]),
        ).properties(width=200, height=110)
        columns.append(alt.vconcat(above, below).resolve_scale(x="shared"))
    return alt.hconcat(*columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--store", type=Path, required=True, help="run store; made or taken up")
    parser.add_argument("--metric", default="accuracy", help="accuracy or eval_loss")
    parser.add_argument("--png", type=Path, help="draw the chart into this file")
    given = parser.parse_args()
    began = time.perf_counter()
    tables, costs = [], []
    header(
        "task | depth | mean | spread: sd [95 %] | branch: sd [95 %] | residual: sd [95 %] | settled (branch) [95 %] "
        "| read off (residual) | p: sum | p: own end"
    )
    for case in CASES:
        runs = probed(case, given.store)
        table, curves = side_by_side(case, runs, given.metric)
        print("\n".join(line(row) for _, row in table.iterrows()), flush=True)
        tables.append(table)
        costs.append(cost(case, runs, curves))
    print()
    header(
        "task | train / eval rows | sampling error of the rows: sd | df: spread / branch / residual "
        "| diverged: parents / forks | parents: spread and residual | forks: branch, on top | steps, times"
    )
    print("\n".join(costs) + "\n")
    for table in tables:
        print(f"- {table['task'].iloc[0]}: {rates(table)}")
    for count in sorted({case.parents for case in CASES}):
        print(nothing_to_learn(count))
    if given.png:
        from predictlab.charts import png

        given.png.write_bytes(png(chart(tables)))
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
