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
# # 3 · Running probes: four questions about the end, and who answers which
#
# **Aims.** After this lesson you can
# - plan and run probes of a real fine-tune, and go on where you stopped;
# - measure in three ways on the same runs: `spread`, `branch`, `residual`;
# - say which of four questions each answers (`agreement`, `this_run`, `fresh_run`, `new_task`), and why the spread rises first;
# - say how another run of the recipe will end, and what to probe for that.
#
# The fine-tune is small on purpose: a classification head on a frozen model. It has everything a large one has: random
# starts, random order of the rows, a learning rate that falls to zero. About a minute.

# %%
import tempfile
from pathlib import Path

import altair as alt
import pandas as pd

import predictlab as pl

pl.charts.enable()
folder = tempfile.TemporaryDirectory()  # for good: a file of your own
store = Path(folder.name) / "probes.db"

# %% [markdown]
# ## 1. A plan, and seeds
# Which of twenty newsgroups does a text come from? Sixteen seeds, each measured at seven depths. The performance we look
# at is the evaluation loss, for it moves in finer steps than accuracy.

# %%
data = pl.load_dataset("newsgroups20", train_size=800, eval_size=500, seed=0)
recipe = pl.Recipe(method="head", max_length=24, learning_rate=2e-2, steps=128)
task = pl.Task("minilm-l6", data, recipe, metric="eval_loss", name="newsgroups head")

DEPTHS = (2, 8, 16, 32, 64, 96, 128)
runs = pl.probe(task, pl.ProbePlan(DEPTHS, seeds=16), store=store, progress=False)
runs.head(4)

# %% [markdown]
# Every measurement went into the store as it was made. A larger plan trains only what is missing, so you can stop at any
# time and go on later. Here each of the sixteen runs is also **forked** at every depth: continued four times from the same
# weights, with the rest of the rows in a fresh order.

# %%
plan = pl.ProbePlan(DEPTHS, design="branch", parents=16, forks=4)
runs = pl.probe(task, plan, store=store, progress=False)
kinds = runs.groupby("run")["parent"].first().isna().map({True: "seed", False: "fork"})
kinds.value_counts().rename_axis("kind").to_frame("runs")

# %% [markdown]
# ## 2. Why the spread rises first
# The loss of each seed, less the mean of all seeds at that depth:

# %%
seeds = runs[runs["parent"].isna() & (runs["metric"] == "eval_loss")]
apart = seeds.assign(apart=seeds["value"] - seeds.groupby("depth")["value"].transform("mean"))
steps = alt.Axis(values=DEPTHS, grid=False)
x = alt.X("depth:Q", title="depth c (steps)", scale=alt.Scale(type="log", domain=[2, 128]), axis=steps)
alt.Chart(apart).mark_line(opacity=0.7).encode(
    x=x, y=alt.Y("apart:Q", title="loss less the mean of all seeds"), color=alt.Color("run:N", legend=None)
).properties(width=420, height=200)

# %% [markdown]
# At the start no seed has learned anything: all have nearly the same high loss. Then they learn, some sooner than others,
# and come apart. At last they arrive, and come together again. The spread measures **who is ahead at the moment**, and
# most of that is forgotten. How much of it lasts?

# %%
wide = seeds.pivot_table(index="run", columns="depth", values="value")
pd.DataFrame({"sd over seeds": wide.std(), "correlation with the end": wide.corrwith(wide[128])}).round(3)

# %% [markdown]
# With sixteen runs, correlations like the early ones can hardly be told from none. And whatever lead lasts is small: the
# spread at its peak is many times the spread of the ends. So the early spread cannot be the uncertainty about the end
# *of a given run*.
#
# ## 3. Three estimators on the same runs

# %%
curves = {
    name: pl.risk_curve(runs, task.name, estimator=name, metric="eval_loss")
    for name in ("spread", "branch", "residual")
}
table = pd.concat(curve.frame().assign(estimator=name) for name, curve in curves.items())
table.pivot_table(index="depth", columns="estimator", values="sd")[list(curves)].round(4)

# %%
colours = {"spread": "#C65300", "branch": "#0065A3", "residual": "#00795A"}
hue = alt.Color("estimator:N", title=None, scale=alt.Scale(domain=list(colours), range=list(colours.values())))
shape = alt.Shape("estimator:N", title=None, scale=alt.Scale(domain=list(colours)))
log = alt.Scale(type="log", nice=False, domain=[table["lower"].min(), table["upper"].max()])
y = alt.Y("lower:Q", title="risk (nats²)", scale=log, axis=alt.Axis(format=".0e", tickCount=5))
base = alt.Chart(table).encode(x=x, color=hue)
alt.layer(
    base.mark_rule().encode(y=y, y2="upper:Q"),
    base.mark_line().encode(y="risk:Q"),
    base.mark_point(filled=True, size=60, opacity=1).encode(y="risk:Q", shape=shape),
).properties(width=420, height=240)

# %% [markdown]
# | estimator | what it measures | question it answers |
# |---|---|---|
# | `spread` | how far seeds are from their mean at depth `c` | `agreement`: how far apart are seeds *after `c` steps*? |
# | `branch` | how far continuations of one run end apart | `this_run`: where will *the run being probed* end? |
# | `residual` | how far off a predictor is that sees this run up to `c` | `this_run`, from above |
#
# `spread` is the proxy of the paper and costs least. At the last depth, where the recipe ends, it is the variance of the
# end itself, `Var(R)`. Before, it says nothing about an end: it can be far above `Var(R)`, and what it has above is
# forgotten again. `branch` is the risk of the run in front of you, and is never much above `Var(R)`. It hardly falls at
# first, and faster towards the end, where the recipe stops and the learning rate goes to zero (lesson 1, section 3).
# `residual` lies above `branch`: what is settled in the weights cannot all be read off the loss, and the predictor has to
# be learnt from a few runs.
#
# The library refuses to mix the questions:

# %%
try:
    pl.risk.same_question(curves)
except pl.errors.ArgumentError as error:
    print(error)

# %% [markdown]
# ## 4. Another run of the recipe: `fresh_run`
# You have read `S` seeds at depth `c`, and somebody trains the recipe once more, with a new seed. Where will *that* run end?
# Three things are open: its own luck, `Var(R)`, which no probe of other runs removes; how well `S` seeds tell the mean at `c`;
# and the **drift**, how far the mean itself still moves between depth `c` and the end `T`:
#
# $$L(c, S) = \mathrm{Var}(R) + \mathrm{spread}(c)/S + D(c).$$
#
# `D(c)`, the risk of the drift, is 0 at `T`. Before, something has to tell it: here our sixteen runs, which went to the end.
# For four new seeds, in units of `Var(R)`. Before you run it: which of the three is largest, early and late?

# %%
fresh = pl.fresh_run(store, task.name, metric="eval_loss")
parts = fresh.frame(seeds=4).set_index("depth")
(parts[["end", "probes", "drift", "risk", "lower", "upper"]] / fresh.end_variance).round(2)

# %% [markdown]
# At `T` the risk is `Var(R) (1 + 1/4)`. It is far below `spread(c)` where seeds are far apart, because a mean of four seeds is
# better known than one seed, and it never falls below `Var(R)`, which is measured: the variance of the sixteen ends. (The parts
# add up to `risk`. The spread before `T` is the fit's, so one that stands out is drawn in.)
#
# But who has sixteen finished runs hardly needs to probe: the next one ends about where those did, and the plan says so. The
# question is worth asking where runs were read *early* only. Then the sixteen runs know nothing of their drift:

# %%
early = seeds[seeds["depth"] <= 32]
try:
    pl.fresh_run(early, horizon=128, schedule="linear")
except pl.errors.DataError as error:
    print(error)
print(fresh.plan(margin=3 * fresh.end_variance**0.5))

# %% [markdown]
# `drift="mean"` carries the mean curve on to the end by a law of its own (a power law in the sum of the learning rates), with
# its own error. The forecast of a new run from the first quarter, and where the sixteen really ended (a wide interval: the first
# quarter of a learning curve says little about its end):

# %%
quarter = pl.fresh_run(early, horizon=128, schedule="linear", drift="mean")
said, ends = quarter.predict(), wide[128]
print(f"said after 32 steps: {said['prediction']:.3f} [{said['lower']:.3f}, {said['upper']:.3f}]")
inside = ends.between(said["lower"], said["upper"]).sum()
print(f"the sixteen ended at {ends.min():.3f} to {ends.max():.3f}: {inside} of them inside")
for margin in (0.02, 0.05, 0.1, 0.2):
    print(f"to know the end within ±{margin:g} nats: {quarter.plan(margin=margin)}")

# %% [markdown]
# The plan is the fewest steps, over all seeds together, after which the end of another run is known within the margin with a
# probability of 90 %. Its risk and its price belong together: `spread(c)` of sixteen seeds was paid for sixteen times.
#
# ## 5. Law of total variance, on real runs
# Forks let you check the identity of lesson 1: variance *within* the forks of a run (still open at `c`) and *between* runs
# (settled at `c`) add up to the variance of the end, here the unit. `total_p_value` tests that against the independent
# seeds.

# %%
anova = curves["branch"].anova
parts = anova[["depth", "within", "between", "total", "total_p_value"]].set_index("depth")
parts[["within", "between", "total"]] /= curves["spread"].risk[-1]  # in units of the variance of the end over seeds
parts.round(2)

# %% [markdown]
# The totals are not exactly one: sixteen runs tell a variance only roughly. `total_p_value` asks whether a difference is more than
# that; where it is not small the runs are *consistent* with the identity, which is all they can be. What matters is the share
# that is settled:

# %%
share = alt.Chart(anova).encode(x=x)
read_off = alt.Chart(curves["residual"].frame().assign(read_off=lambda t: 1 - t["unresolved"]))
y = alt.Y("share_lower:Q", title="share of the end's variance", axis=alt.Axis(format="%"))
alt.layer(
    share.mark_area(opacity=0.25, color=colours["branch"]).encode(y=y, y2="share_upper:Q"),
    share.mark_line(color=colours["branch"], point=True).encode(y="share_resolved:Q"),
    read_off.mark_line(color=colours["residual"], point=True, strokeDash=[4, 3]).encode(x=x, y="read_off:Q"),
).properties(width=420, height=200, title="Settled (line, 95 % band) and read off by the predictor (dashed)")

# %% [markdown]
# The gap between the two has two parts, and these runs do not tell them apart: what a better predictor could still gain, and what
# it costs to learn any predictor from sixteen runs. A negative share is a predictor that does worse than always naming the mean;
# with few runs that happens by chance.
#
# ## 6. The fourth question: a new task
# `agreement`, `this_run` and `fresh_run` stay inside one task. How would a run of a task end that you have *not* trained yet? For that,
# a predictor has to learn from other tasks. Here are eight small ones, two data sets with four rates of flipped labels, two
# seeds each; each task in turn is left out.

# %%
small = [pl.load_dataset(name, train_size=200, eval_size=200, seed=0) for name in ("reuters_r8", "rotten_tomatoes")]
many = [
    pl.Task("minilm-l6", source, recipe, label_noise=noise, name=f"{source.name}, {noise:.0%} flipped")
    for source in small
    for noise in (0.0, 0.15, 0.3, 0.45)
]
population = pl.probe(many, pl.ProbePlan(DEPTHS, seeds=2), store=store, progress=False)
new_task = pl.risk_curve(population, estimator="residual", metric="accuracy")
new_task.frame()[["depth", "sd", "unresolved"]].round(3)

# %% [markdown]
# `unresolved` is the part of the variance *between the ends of all these runs* that the first steps leave open. Most of
# that variance is between tasks, and an early look tells tasks apart: compare it with what an early look tells about the
# luck of one run, above. So "early measurements predict the outcome" can be true of tasks and false of runs.
#
# In numbers: each run is forecast at step 8 by the runs of the seven *other* tasks, with a 95 % interval, and without
# its own end, which stands beside it. Suppose a run is worth finishing if it ends at .6 or above.

# %%
forecasts = pl.forecast(population, at_depth=8, metric="accuracy", threshold=0.6)
print(forecasts.frame().groupby("decision")["final"].describe()[["count", "min", "max"]].round(3))
forecasts.plot(width=420, height=200)

# %% [markdown]
# A call is made where the whole interval lies on one side of the threshold: compare the ends of those that were called with
# .6. The undetermined ones need more steps, or more tasks to learn from. How often such intervals hold is counted in
# `docs/forecasts.md`.
#
# ## Try
# 1. Repeat section 3 for accuracy. Does the spread rise first? What limits how small it can get?
# 2. Which question do you ask, and of which estimator, to decide (a) whether to stop the run that is training now, (b) how many
#    seeds a paper should report, (c) which data set to collect next, (d) what to promise somebody who trains this recipe again?
# 3. What did the forks cost, compared with the seeds?
#
# Answers below; try first.

# %% [markdown]
# ## Answers
# **1.** Here too it rises at first, if less plainly. Accuracy counts rows: it moves in steps of one row, and seeds that differ
# by less look the same.

# %%
in_accuracy = pl.risk_curve(runs, task.name, metric="accuracy", eval_rows=len(data.eval))
print(f"one row: {1 / len(data.eval):.4f}; sampling error of the rows: {in_accuracy.sampling_error**0.5:.4f}")
in_accuracy.frame()[["depth", "mean", "sd"]].round(4)

# %% [markdown]
# How far these rows are from others, because some are harder for every run, is shared by all seeds and in no column here; it
# is larger than what seeds differ by at the end. Which run gets which row right by chance is in every `sd`, and falls with the
# number of rows: a probe into a store keeps the outcomes of the rows, and `curve.components()` tells the two apart
# (docs/rows.md).
#
# **2.** (a) `this_run`, by `branch`, or by `residual` where forks are too dear: it is this run that you decide about. (b)
# `agreement` at the end of the recipe, by `spread`: how far runs end apart. (c) `new_task`, by `residual` over tasks: the data
# set is a new task. (d) `fresh_run`: `Var(R)`, and what is not known of the mean at the end.
#
# **3.** In optimiser steps:

# %%
per_run = runs.groupby("run").agg(parent=("parent", "first"), first=("depth", "min"), last=("depth", "max"))
fork = per_run["parent"].notna()
taken = per_run["last"] - per_run["first"].where(fork, 0)
cost = taken.groupby(kinds).sum()
print(f"seeds {cost['seed']} steps, forks {cost['fork']} steps: {cost['fork'] / cost['seed']:.1f} times as many on top")
