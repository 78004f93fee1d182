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
# # 11 · Choosing
#
# **Aims.** After this lesson you can
# - decide of a run that has been probed whether to train it to its end, to stop it, or to look again, and say how often that
#   will be wrong;
# - turn a margin and the price of an hour into the units that predictlab reckons in;
# - share out runs among candidates by optimal computing budget allocation, and say what it takes for granted;
# - choose the best of several fine-tunes under one budget, with the probability that the choice is right;
# - read "cannot be told apart", and what it would take.
#
# Worlds with a known truth, named as such, and one real choice among learning rates. About a minute.

# %%
import numpy as np
import pandas as pd

import predictlab as pl
from predictlab_widgets import SelectionMonitor

pl.charts.enable()

# %% [markdown]
# ## 1. Go, stop, or look again
# Forty runs **of a simulated recipe**, of which each has been measured up to the end. We forecast each from step 16 as if it
# had not ended, and ask: it has to end at 0.8. Going on costs 48 more steps; a run may also be looked at again at step 32.

# %%
world = pl.worlds.MartingaleWorld(intrinsic_limit=1e-5, scale=0.01, decay_rate=1.0, mean=0.8)
runs = world.source(seed=3, max_depth=64)([4, 8, 16, 32, 64], range(40))
now, later = (pl.forecast(runs, at_depth=c) for c in (16, 32))
decisions = pl.decide(now, threshold=0.8, cost_full=48, cost_probe=1, later=later, better="higher")
decisions

# %% [markdown]
# Each line has the two errors: `p_waste`, trained to the end in vain, and `p_miss`, stopped though it would have ended well. A
# probe is the beginning of the run, so what it cost is lost only where the run is then stopped.

# %%
print(decisions.sentence("run-0003"))
decisions.errors()

# %% [markdown]
# What is a good run worth? `cost_miss=` says it. The dearer a miss, the fewer runs are stopped:

# %%
pd.DataFrame(
    {
        price: pl.decide(now, 0.8, 48, 1, later=later, cost_miss=price, better="higher")
        .frame()["decision"]
        .value_counts()
        for price in (12, 48, 200, 1000)
    }
).fillna(0).astype(int).rename_axis(columns="cost of a miss")

# %% [markdown]
# ## 2. Margins and money
# A tolerance is a variance, metric². From a margin, and from prices:

# %%
print(f"known to ±0.02 in 9 of 10 runs: tau = {pl.tolerance(margin=0.02, confidence=0.9):.3g}")
rate = pl.exchange_rate(worth_of_a_point=50, gpu_hour=2.0, seconds_per_step=0.5)
print(f"an hour costs 2, a step takes half a second, a point is worth 50: gamma = {rate:.3g} a step")

# %% [markdown]
# ## 3. Equal runs: optimal computing budget allocation
# Five candidates have had a few runs each. Lower is better, and 100 more runs can be paid. The textbook's answer: most to
# the best and to those close behind it, hardly any to those that are far behind.

# %%
means, variances, used = [1.2, 2.1, 3.4, 4.87, 6.05], [3.3, 2.0, 4.5, 5.3, 6.9], [12, 6, 5, 5, 4]
pd.DataFrame(
    {"mean": means, "variance": variances, "used": used}
    | {"add": pl.choosing.ocba(means, variances, used, 100, better="lower").round(2)}
)

# %% [markdown]
# It takes variances for known and runs for alike. Fine-tunes are not: a run can be stopped early, an early value says something
# of the end, and how much is not known beforehand.
#
# ## 4. The best of eight, under one budget
# Eight **simulated recipes** of 128 steps. One run of each to its end would cost 1,024 steps. We have 1,000, and want the best,
# or one that is behind it by at most a point.

# %%
rng = np.random.default_rng(2)
truth = pd.Series(0.8 + 0.03 * rng.standard_normal(8), index=[f"recipe {i}" for i in range(8)])
recipes = {
    name: pl.worlds.MartingaleWorld(1e-4, 0.01, 1.0, mean=m).source(seed=100 + i, max_depth=128)
    for i, (name, m) in enumerate(truth.items())
}
found = pl.select(recipes, total_budget=1000, margin=0.01, better="higher", progress=False)
found

# %% [markdown]
# How it came to that: go back through the looks with the slider, or with the arrow keys on it. A row of the table that is
# clicked stands out in both pictures.

# %%
SelectionMonitor(found)

# %% [markdown]
# Every recipe was begun, few were finished. How well each rung predicts the end was learnt on the way, from those that went
# there. The truth, which `select` has not seen:

# %%
truth.sort_values(ascending=False).round(3).to_frame("mean at the end").head(4)

# %%
found.looks

# %% [markdown]
# ## 5. When candidates cannot be told apart
# Two **simulated recipes that do not differ at all**, and no margin. There is no best one, and no budget finds it.

# %%
alike = {
    f"copy {i}": pl.worlds.MartingaleWorld(4e-4, 0.02, 1.0, mean=0.8).source(seed=i, max_depth=32) for i in range(2)
}
pl.select(alike, total_budget=200, better="higher", progress=False)

# %% [markdown]
# ## 6. A real choice: three learning rates
# Film reviews, a head on MiniLM-L6 with 16 steps of training. These are `pl.Task`s, and `select` trains what it wants to know.
# With `store=` the same call would go on where it was interrupted. `SelectionMonitor` takes what `pl.select` takes, and shows it
# as it unfolds; its button stops it after the present look, and what was measured is kept.

# %%
data = pl.load_dataset("rotten_tomatoes", eval_size=200, train_size=200, seed=0)
tasks = {
    f"rate {rate:g}": pl.Task(
        "minilm-l6", data,
        pl.Recipe(method="head", steps=16, batch_size=8, max_length=24, learning_rate=rate), name=f"rate {rate:g}",
    )
    for rate in (1e-4, 1e-2, 1.0)
}  # fmt: skip
monitor = SelectionMonitor(tasks, total_budget=160, margin=0.02, rungs=(0.25, 0.5, 1))
monitor

# %%
rates = monitor.wait()
rates

# %%
rates.plot(width=380)

# %% [markdown]
# Means here are on these 200 rows: rows are common to all candidates, so what makes them hard cancels in the comparison. What
# other rows would say is another question (lesson 9).
#
# ## Try
# 1. In section 1, what would a perfect probe at step 32 be worth, and one that shows nothing?
# 2. Play recorded runs back: which of the recipes of section 4 does `select` take from five runs each?
#
# Answers below; try first.

# %% [markdown]
# ## Answers
# **1.** `later=` also takes the risk by depth. One that shows all is made for every run that is not yet sure; one that shows
# nothing for none.

# %%
for name, left in (("all", 1e-12), ("nothing", 1.0)):
    table = pl.decide(now, 0.8, 48, 1, later={32: left}, better="higher").frame()
    print(name, table["decision"].value_counts().to_dict(), "expected loss of all:", round(table["loss"].sum(), 1))

# %% [markdown]
# **2.** A tidy frame of several tasks is a set of candidates: its runs are played back as if they were made when asked for.

# %%
recorded = pd.concat(
    [source([8, 16, 32, 64, 128], range(5)).assign(task=name) for name, source in recipes.items()], ignore_index=True
)
replayed = pl.select(recorded, total_budget=1000, margin=0.01, better="higher", progress=False)
print(replayed.sentence())
