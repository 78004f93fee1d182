# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7 · Reproducing the paper: what holds, and where
#
# **Aims.** After this lesson you can
# - name the claims of the paper, and say which are theorems, which are models of training, and which are recipes;
# - test each on worlds, where the truth is known, and on real fine-tunes, where it is not;
# - tell "refuted" from "not decided by these runs".
#
# The paper: Luo, Wang, Tang, *A Risk Decomposition Framework for Pre-Hoc Fine-Tuning Prediction* (ICML 2026). Its own runs are
# of large models; here are small ones, so what fails here may hold there, and the other way round. **Each verdict below is
# computed from the numbers beside it**, by a rule that stands in the cell before they are seen; the text does not know them.
# About two minutes.

# %%
import altair as alt
import numpy as np
import pandas as pd
from scipy.stats import binomtest
from scipy.stats import f as f_ratio

import predictlab as pl

pl.charts.enable()
pd.set_option("display.max_colwidth", None)

# %% [markdown]
# The words of a verdict: *held*, the whole interval is where the claim puts it; *consistent*, the claim names a number and the
# interval holds it; *did not hold*, the interval lies elsewhere; *not decided*, the runs cannot tell.

# %%
VERDICTS = []


def judge(claim, where, what, value, lower, upper, expected):
    """Keep a verdict: an interval against what the claim expects, a number or a range (low, high)."""
    low, high = expected if isinstance(expected, tuple) else (expected, expected)
    if upper < low or lower > high:
        verdict = "did not hold"
    elif low <= lower and upper <= high:
        verdict = "held"
    else:
        verdict = "consistent" if low == high else "not decided"
    wanted = f"{low:g}" if low == high else f"at most {high:g}" if low == 0 else f"{low:g} to {high:g}"
    wanted = f"at least {low:g}" if np.isinf(high) else wanted
    VERDICTS.append((claim, where, what, value, lower, upper, wanted, verdict))
    return verdict


def verdicts(claim):
    """What was judged of one claim."""
    columns = ["claim", "where", "what", "value", "lower", "upper", "expected", "verdict"]
    table = pd.DataFrame(VERDICTS, columns=columns).query("claim == @claim").drop(columns="claim")
    return table.set_index("where").map(lambda v: f"{v:.3g}" if isinstance(v, float) else v)


# %%
def ratio(a, b, df_a, df_b):
    """Ratio of two independent variances with its 95 % interval (F)."""
    return a / b, a / b / f_ratio.ppf(0.975, df_a, df_b), a / b / f_ratio.ppf(0.025, df_a, df_b)


def paired_ratio(values, others, seed=0):
    """Ratio of the variances of two measurements of the same runs, 95 % by bootstrap over runs."""
    pick = np.random.default_rng(seed).integers(len(values), size=(4000, len(values)))
    above, below = (x[pick].var(axis=1, ddof=1) for x in (values, others))
    drawn = above[below > 0] / below[below > 0]
    return values.var(ddof=1) / others.var(ddof=1), *np.quantile(drawn, [0.025, 0.975])


# %% [markdown]
# ## 1. The real runs
# Newsgroups by a new head on a frozen model, with learning rates that fall as `t^-rho`, as the theory has it, and each run
# forked at each depth; then three tasks of lesson 5, an easy one, a slow one, and one whose labels are coin flips; and LoRA
# adapters in the last layer.

# %%
news, groups, reviews = (
    pl.load_dataset(name, train_size=1000, eval_size=400, seed=0)
    for name in ("reuters_r8", "newsgroups20", "rotten_tomatoes")
)
head = pl.Recipe(method="head", max_length=24, learning_rate=2e-2, steps=128)
lora = pl.Recipe(layers="last:1", max_length=16, learning_rate=2e-3, steps=64)

DEPTHS = (2, 4, 8, 16, 32, 64, 128)
forked = pl.ProbePlan((*DEPTHS, 192), design="branch", parents=10, forks=3)
falling = {}
for rho in (0.6, 1.0):
    recipe = head.replace(learning_rate=0.05, schedule=f"poly:{rho}", steps=192)
    falling[rho] = pl.Task("minilm-l6", groups, recipe, name=f"newsgroups, rho {rho}")
branched = pl.probe(falling.values(), forked, progress=False)

flips = head.replace(schedule="constant")
usual = [
    (pl.Task("minilm-l6", groups, head, name="newsgroups, head"), 24, (4, 8, 16, 32, 64, 96, 128)),
    (pl.Task("minilm-l6", groups, lora, name="newsgroups, LoRA"), 8, (4, 8, 16, 32, 48, 64)),
    (pl.Task("minilm-l6", news, head, name="news, head"), 24, (4, 8, 16, 32, 64, 96, 128)),
    (pl.Task("minilm-l6", reviews, flips, label_noise=0.5, name="coin flips"), 24, (4, 8, 16, 32, 64, 96, 128)),
]
runs = pd.concat([pl.probe(task, pl.ProbePlan(depths, seeds), progress=False) for task, seeds, depths in usual])
pd.concat([branched, runs]).groupby("task").agg(runs=("run", "nunique"), deepest=("depth", "max"))

# %%
branch = {
    rho: pl.risk_curve(branched, task.name, estimator="branch", metric="eval_loss") for rho, task in falling.items()
}
spread = {rho: pl.risk_curve(branched, task.name, metric="eval_loss") for rho, task in falling.items()}
fits = {task.name: pl.DecayModel(pl.risk_curve(runs, task.name, metric="accuracy")).fit() for task, *_ in usual}
tables = {"spread": spread[1.0].frame(), "branch": branch[1.0].frame()}
pd.DataFrame({name: table.set_index("depth")["sd"] for name, table in tables.items()}).round(4)

# %% [markdown]
# ## 2. Theorems about the risk (Section 4)
# *The law of total variance.* What is known after `c` steps and what is left are uncorrelated, so their variances add up. In a
# world: the slope of one on the other. On real runs: the forks' variance within and between, against that of independent
# runs, at all depths (the smallest of the p values, times their number).

# %%
TOTAL, FALLS, BOUND = "L(c) = L_int + V_opt(c)", "the risk falls with depth", "no predictor does better"
world = pl.worlds.MartingaleWorld(intrinsic_limit=0.1, scale=0.9, decay_rate=0.8)
seen = world.simulate(5000, (0, 7, 63), seed=1).pivot_table(index="run", columns=["metric", "depth"], values="value")
known, left = seen["prediction"][7], seen["performance"][7] - seen["prediction"][7]
slope = np.cov(known, left)[0, 1] / known.var()
error = 1.96 * np.sqrt(left.var() / known.var() / len(known))
judge(TOTAL, "world", "slope of what is left on what is known", slope, slope - error, slope + error, 0)
for rho, curve in branch.items():
    p = min(1.0, float(curve.anova["total_p_value"].min()) * len(curve.anova))
    judge(TOTAL, f"real, rho {rho}", "p value, all depths", p, p, p, (0.05, 1))
verdicts(TOTAL)

# %% [markdown]
# *Probing resolves something*: the risk of this very run at depth 64, as a share of that at depth 2. And *nobody gets below it*:
# the error of a predictor that sees the course of the run, over the risk.

# %%
for rho, curve in branch.items():
    at = {c: i for i, c in enumerate(DEPTHS)}
    risk, df = curve.risk, curve.df
    share = ratio(risk[at[64]], risk[at[2]], df[at[64]], df[at[2]])
    judge(FALLS, f"real, rho {rho}", "L(64) / L(2)", *share, (0, 1))
    guess = pl.risk_curve(branched, falling[rho].name, estimator="residual", metric="eval_loss")
    worse = ratio(guess.risk[at[64]], risk[at[64]], guess.df[at[64]], df[at[64]])
    judge(BOUND, f"real, rho {rho}", "error of ridge regression / L(64)", *worse, (1, np.inf))
best = np.mean((seen["performance"][63] - seen["prediction"][63]) ** 2) / world.risk([63])[0]
luck = 1.96 * np.sqrt(2 / len(seen))
judge(BOUND, "world", "error of the best predictor / L(63)", best, best - luck, best + luck, 1)
pd.concat([verdicts(FALLS), verdicts(BOUND)])

# %% [markdown]
# ## 3. The proxy (Algorithm 1)
# The paper measures the risk by the variance over seeds. If that were the risk of the run being probed, it could not be larger
# than the variance of the ends, and it would be what the forks show.

# %%
PROXY, DECAYS = "the spread is the risk of the run", "the spread decays from the start"
for rho in falling:
    s, b, i = spread[rho], branch[rho], DEPTHS.index(32)
    judge(PROXY, f"real, rho {rho}", "spread(32) / branch(32)", *ratio(s.risk[i], b.risk[i], s.df[i], b.df[i]), 1)
for name, fit in fits.items():
    first, early, end = (fit.curve.mean + fit.curve.errors)[:, [0, 2, -1]].T
    judge(PROXY, f"real, {name}", "spread, first / last depth", *paired_ratio(first, end), (0, 1))
    judge(DECAYS, f"real, {name}", "spread, third / first depth", *paired_ratio(early, first), (0, 1))
assert verdicts(PROXY).loc["real, rho 1.0", "verdict"] == "did not hold"
pd.concat([verdicts(PROXY), verdicts(DECAYS)])

# %% [markdown]
# So the spread is *not* the risk of the run in front of you. It answers another question, how another run of the task will end
# (lesson 3), and is used here for that. Where a task learns slowly it may still rise when you begin to measure.
#
# ## 4. The law of the decay (Proposition 5.1)
# Two claims in one: the shape is a power law, and its exponent is `2 rho - 1` when step sizes fall as `t^-rho`. Shape first. For
# the forks a lack-of-fit test over all depths; for all curves the best rival without a power in it, by AIC (a difference of
# less than 2 is no contest). The spreads are taken from their highest depth on; their own
# lack-of-fit test would prove little.

# %%
SHAPE, RATE = "V_opt(c) falls as a power", "alpha = 2 rho - 1"
laws = {f"real, rho {rho}": pl.DecayModel(curve, burn_in=2.0).fit("gamma") for rho, curve in branch.items()}
for name, fit in laws.items():
    p = fit.burn_in.p_value
    judge(SHAPE, name, "lack of fit, p", p, p, p, (0.05, 1))
for name, fit in (laws | {f"real, {name}": fit for name, fit in fits.items()}).items():
    aic = fit.compare_laws().set_index("law")["delta"]
    gain = aic["exponential + floor"] - min(aic["power"], aic["power + floor"])
    judge(SHAPE, name, "AIC of an exponential, less that of a power", gain, gain - 2, gain + 2, (0, np.inf))
verdicts(SHAPE)

# %%
alt.hconcat(*[pl.charts.decay_chart(fit, width=260).properties(title=name) for name, fit in laws.items()])

# %% [markdown]
# Then the exponent. In the SGD world it is exact where runs go on and on; a world that stops where the real runs stop shows what
# the end of a schedule does to it.

# %%
for rho, task in falling.items():
    long = pl.worlds.QuadraticSGDWorld(step_decay=rho, horizon=2_000_000)
    short = pl.worlds.QuadraticSGDWorld(step_decay=rho, horizon=task.recipe.steps)
    fall = np.log(np.divide(*long.risk([2, 128]))) / np.log(64)
    stops = np.log(np.divide(*short.risk([2, 128]))) / np.log(64)
    near = (2 * rho - 1.1, 2 * rho - 0.9)
    judge(RATE, f"world, rho {rho}", "slope, steps 2 to 128", fall, fall, fall, near)
    judge(RATE, f"world, rho {rho}, stops", "slope, steps 2 to 128", stops, stops, stops, near)
    fit = laws[f"real, rho {rho}"]
    judge(RATE, f"real, rho {rho}", "alpha", fit.params["decay_rate"], *fit.conf_int().loc["decay_rate"], 2 * rho - 1)
faster = laws["real, rho 1.0"].draws()["decay_rate"] - laws["real, rho 0.6"].draws(rng=1)["decay_rate"]
judge(RATE, "real", "alpha, rho 1.0 less 0.6", faster.median(), *faster.quantile([0.025, 0.975]), (0, np.inf))
assert (verdicts(RATE).loc[["real, rho 0.6", "real, rho 1.0"], "verdict"] == "did not hold").all()
assert verdicts(RATE).loc["real", "verdict"] == "held"
verdicts(RATE)

# %% [markdown]
# On real runs the exponent is not `2 rho - 1`. The direction is right: step sizes that fall faster settle the run faster. The
# end of the schedule explains a part of the distance, as the world that stops shows. The proposition takes gradient noise of
# constant size; here it gets smaller as the loss falls, which would be another part. (That is a guess, and is not tested here.)
# For forecasting it means: **fit** `alpha`, do not derive it from the schedule.
#
# ## 5. The recipe for the fit (Algorithm 1)
# Least squares in logarithms, against the Gamma likelihood and the default fit of this library: how often does the 95 % interval
# hold the truth, in a world with a low floor?

# %%
RECIPE, REPEATS = "95 % intervals hold the truth", 40
world = pl.worlds.MartingaleWorld(intrinsic_limit=0.01, scale=2.0, decay_rate=1.0)
holds = {"loglog": 0, "gamma": 0, "posterior": 0}
for seed in range(REPEATS):
    model = pl.DecayModel(world.spread(24, (3, 7, 15, 31, 63, 127, 255, 511), seed=seed), burn_in=4.0)
    for method in holds:
        lower, upper = model.fit(method).conf_int().loc["decay_rate"]
        holds[method] += bool(lower <= world.decay_rate <= upper)
for method, hits in holds.items():
    interval = binomtest(hits, REPEATS).proportion_ci(method="wilson")
    judge(RECIPE, "world", method, hits / REPEATS, *interval, 0.95)
assert VERDICTS[-3][-1] == "did not hold"
verdicts(RECIPE)

# %% [markdown]
# ## 6. The optimal depth (Theorem 6.1, Appendix D)
# The formula minimises the law, so on the law it is right. Does it choose well on *real* runs that it has not seen? Half of the
# seeds choose the depth, the other half say what it cost: total at the chosen depth over the least total, in 40 splits. Within a
# quarter of the best is called good. And the slope of the frontier of all tasks is minus the price of its next unit.

# %%
CHOICE, SLOPE, GAMMA = "c* is the best depth", "the frontier falls with slope -gamma", 2e-6
grid, law = np.geomspace(1, 1e4, 20_001), fits["news, head"]
least = grid[np.argmin(pl.decay.law(grid, *law.params) + GAMMA * grid)]
exact = pl.optimal_depth(law, exchange_rate=GAMMA).depth / least
judge(CHOICE, "the fitted law", "c* / the depth of the least total", exact, exact, exact, (0.999, 1.001))
curve, rng, regret = law.curve, np.random.default_rng(0), []
for _ in range(40):
    order = rng.permutation(curve.n_runs)
    half = len(order) // 2
    best = pl.optimal_depth(pl.DecayModel(pl.risk.without_runs(curve, order[:half])).fit(), exchange_rate=GAMMA).depth
    other = pl.risk.without_runs(curve, order[half:]).risk
    total = other + GAMMA * curve.depth
    there = np.exp(np.interp(np.log(max(best, curve.depth[0])), np.log(curve.depth), np.log(other)))
    regret.append((there + GAMMA * max(best, curve.depth[0])) / total.min())
middle, ends = np.median(regret), np.quantile(regret, [0.025, 0.975])
judge(CHOICE, "real, news, head", "total at c* / least measured", middle, *ends, (0, 1.25))
line = pl.frontier(fits, [300, 300.5])
steep = -line["risk"].diff().iloc[1] / 0.5 / line["multiplier"].iloc[0]
judge(SLOPE, "real, all tasks", "slope / multiplier", steep, steep, steep, (0.99, 1.01))
pd.concat([verdicts(CHOICE), verdicts(SLOPE)])

# %% [markdown]
# ## 7. Three regimes
# Is there a real task in each, at a tolerance of two points and 64 steps? The probability of the regime, and the three calls
# that it allows: at least 0.9, at most 0.1, or open. The third one is so on *these evaluation rows*: coin flips differ on a few
# hundred rows, whatever the runs are like, so it is a real case of the regime by rows, and none by runs (docs/rows.md).

# %%
REGIMES = "there are three regimes"
TOLERANCE = (0.02 / 1.96) ** 2
table = pl.classify({k: fits[k] for k in fits}, tolerance=TOLERANCE, budget=64, confidence=0.9).set_index("task")
expected = {"news, head": "static_sufficient", "newsgroups, head": "dynamic_critical", "coin flips": "noise_dominant"}
for name, regime in expected.items():
    p = float(table.loc[name, f"p_{regime}"])
    lower, upper = (1.0, 1.0) if p >= 0.9 else (0.0, 0.0) if p <= 0.1 else (0.0, 1.0)
    judge(REGIMES, f"real, {name}", f"P({regime.replace('_', '-')}) = {p:.2f}", p, lower, upper, (0.9, 1))
verdicts(REGIMES).drop(columns=["value", "lower", "upper"])

# %%
pl.charts.phase_diagram(fits, tolerance=TOLERANCE, budget=64, confidence=0.9)

# %% [markdown]
# ## 8. All verdicts

# %%
columns = ["claim", "where", "what", "value", "lower", "upper", "expected", "verdict"]
everything = pd.DataFrame(VERDICTS, columns=columns)
everything["on"] = everything["where"].str.startswith("real").map({True: "real runs", False: "worlds"})
words = pd.CategoricalDtype(["held", "consistent", "did not hold", "not decided"])
everything["verdict"] = everything["verdict"].astype(words)
counted = pd.crosstab(everything["claim"], [everything["on"], everything["verdict"]])
counted.loc[everything["claim"].unique()]

# %%
failed = everything[(everything["verdict"] == "did not hold") & (everything["on"] == "real runs")]
for claim, rows in failed.groupby("claim", sort=False):
    print(f"{claim}: did not hold on {', '.join(rows['where'].str.removeprefix('real, '))}")
open_ = everything[everything["verdict"] == "not decided"]
print(f"not decided by these runs: {len(open_)} of {len(everything)} ({', '.join(open_['where'].unique())})")

# %% [markdown]
# Read it as a map of what to rely on. What is a theorem about conditional variances stands, and must. What is a *model of
# training* (the exponent, the decay from the start) is to be measured for each task. What is a *recipe* (spread as the risk of
# the run, least squares in logarithms) has better ones beside it.
#
# ## Try
# 1. Which rows would you call an artefact of small runs? Change one number in section 1 to find out.
# 2. A rule that looks at forty intervals will be wrong somewhere. How many rows would be expected to read "did not hold" if all
#    claims were true?
# 3. `constant` learning rate, `rho = 0`: what does the proposition say of it, and what do you expect the forks to show?
#
# Answers below; try first.

# %% [markdown]
# ## Answers
# **1.** The spread of the LoRA runs, for one: give `lora` 192 steps and sixteen seeds, and it decays too (the tour does so). More
# seeds shrink the intervals of all rows; no number of seeds makes the spread the risk of a run.
#
# **2.** Of the rows that judge an interval of 95 %:

# %%
judged = everything[everything["lower"] < everything["upper"]]
wrong = (judged["verdict"] == "did not hold").sum()
print(f"{len(judged)} rows have an interval; one in twenty of them by chance: {len(judged) / 20:.1f}; found: {wrong}")

# %% [markdown]
# **3.** Nothing: the proposition needs step sizes that fall, with `rho` above one half. With a constant rate the noise of each
# step counts alike, so the risk falls only because fewer steps are left. Try it with `schedule="constant"` in section 1.
