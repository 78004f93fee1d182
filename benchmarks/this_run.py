"""Laws of `this_run`, the risk of a run's own end, on forks of real tasks whose learning rate ends at 0.

    python benchmarks/this_run.py --worlds 600         # intervals where the law is true
    python benchmarks/this_run.py --store forks.db     # real forks

16 parents of two head-only tasks, linear and cosine schedule over 128 steps, are forked three times at each of six
depths. The table compares, by quasi-AIC over the same depths: the power law without and with a floor, an exponential, a
fall with the learning rate (``L_int + A eta(c)^b``), a constant, and ``K (c^-alpha - T^-alpha)``, which runs out at the
end ``T`` (`fit("gamma", horizon_law=True)`). "risk left out": each law fitted without the last fork depth, and what it
says there over what was measured, with the 95 % interval of the measurement (chi²) in units of it.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy.stats import chi2

import predictlab as pl
from predictlab.risk import RiskCurve

RECIPE = pl.Recipe(method="head", learning_rate=2e-2, max_length=24, steps=128)
DATA = {"newsgroups20": "newsgroups", "rotten_tomatoes": "film reviews"}
SCHEDULES = ("linear", "cosine")
PLAN = pl.ProbePlan((8, 16, 32, 64, 96, 112, 128), design="branch", parents=16, forks=3)


def show(table: pd.DataFrame) -> None:
    """Print a table as Markdown."""
    for line in (table.columns, ["---"] * table.shape[1], *table.to_numpy()):
        print("| " + " | ".join(map(str, line)) + " |")
    print()


def without_last(curve: RiskCurve) -> RiskCurve:
    """The curve without its last depth."""
    return pl.RiskCurve(
        curve.depth[:-1], curve.risk[:-1], curve.df[:-1], question="this_run", horizon=curve.horizon,
        schedule=curve.schedule, task=curve.task, metric=curve.metric,
    )  # fmt: skip


def worlds(draws: int) -> None:
    """How often 95 % intervals hold on curves of the law itself: 5 depths of 32 degrees of freedom, to T = 128."""
    depth, end, between, df = np.array([8.0, 16.0, 32.0, 64.0, 96.0]), 128.0, np.array([48.0]), 32
    for rate in (0.5, 1.0, 2.0):
        rng, held = np.random.default_rng(99), np.zeros(3)
        for _ in range(draws):
            risk = (depth**-rate - end**-rate) * rng.chisquare(df, len(depth)) / df
            curve = RiskCurve(depth, risk, df, question="this_run", horizon=end, schedule="linear")
            fit = pl.DecayModel(curve).fit("gamma", horizon_law=True)
            ends = fit.conf_int()
            low, high = np.quantile(fit.risk_draws(between, 400, rng), [0.025, 0.975])
            inside = [low <= (between**-rate - end**-rate)[0] <= high]
            for name, true in (("decay_rate", rate), ("scale", 1.0)):
                inside.append(ends.loc[name, "lower"] <= true <= ends.loc[name, "upper"])
            held += inside
        shares = ", ".join(f"{what} {n / draws:.3f}" for what, n in zip(("risk", "alpha", "K"), held, strict=True))
        print(f"alpha {rate}: {draws} draws, intervals hold: {shares}")


def main() -> None:
    """Train what is missing and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="forks.db", help="kept, and taken up by the next call")
    parser.add_argument("--worlds", type=int, default=0, help="draws of each world; the real forks are left out")
    arguments = parser.parse_args()
    if arguments.worlds:
        worlds(arguments.worlds)
        return
    tasks = [
        pl.Task(
            "minilm-l3", pl.load_dataset(data, train_size=1500, eval_size=1000, seed=0),
            RECIPE.replace(schedule=schedule), name=f"{name}, {schedule}",
        )
        for schedule in SCHEDULES
        for data, name in DATA.items()
    ]  # fmt: skip
    with pl.RunStore(arguments.store) as store:
        pl.probe(tasks, PLAN, store)
        curves = [
            pl.risk_curve(store, str(task.name), question="this_run", metric=metric)
            for task in tasks
            for metric in ("accuracy", "eval_loss")
        ]
    told, laws = [], []
    for curve in curves:
        about = {"task": curve.task, "metric": curve.metric}
        share = curve.risk / (curve.total_variance or np.nan)
        told.append(about | {f"{c:g}": f"{s:.2f}" for c, s in zip(curve.depth, share, strict=True)})
        fit = pl.DecayModel(curve).fit("gamma", horizon_law=True)
        low, high = fit.conf_int().loc["decay_rate"]
        table = fit.compare_laws().set_index("law")
        cut = without_last(curve)
        runs_out = pl.DecayModel(cut, burn_in=float(cut.depth[0])).fit("gamma", horizon_law=True)
        plain = pl.DecayModel(cut, burn_in=float(cut.depth[0])).fit("gamma")
        last, df = curve.risk[-1], curve.df[-1]
        laws.append(
            about
            | {"alpha [95 %]": f"{fit.params['decay_rate']:.2f} [{low:.2g}, {high:.2g}]"}
            | {"lack of fit": f"{fit.burn_in.p_value:.3f}"}
            | {f"dAIC, {law}": f"{table.loc[law, 'delta']:.1f}" for law in sorted(table.index)}
            | {"left out: to T": f"{runs_out.predict(curve.depth[-1])[0] / last:.2f}"}
            | {"plain": f"{plain.predict(curve.depth[-1])[0] / last:.2f}"}
            | {"measured": f"[{df / chi2.ppf(0.975, df):.2f}, {df / chi2.ppf(0.025, df):.2f}]"}
        )
    print("Risk of a run's own end at each depth, as a share of the variance of the final metric\n")
    show(pd.DataFrame(told))
    show(pd.DataFrame(laws))


if __name__ == "__main__":
    main()
