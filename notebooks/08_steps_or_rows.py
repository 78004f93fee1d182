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
# # 8 · Steps or rows: what the evaluation set adds
#
# **Aims.** After this lesson you can
# - say how much of a spread over seeds is the training, and how much the few hundred rows it was measured on;
# - check that claim on two halves of the rows;
# - know the rows' part from four seeds, and say what four seeds do not know;
# - ask a fit about another evaluation set, or about the population of rows;
# - say how many rows a tolerance takes, and share a budget between steps and rows.
#
# One real probe: film reviews with half of all labels flipped, where there is nothing to learn. About a minute.

# %%
import altair as alt
import numpy as np
import pandas as pd

import predictlab as pl

pl.charts.enable()
DEPTHS, LAST = (4, 8, 16, 32, 64, 128, 256), 256
TOLERANCE = (0.025 / 1.96) ** 2  # seeds within ±2.5 points of accuracy, 95 %

# %% [markdown]
# ## 1. One probe, two evaluation sets
# A probe keeps what every run did with every row. So one probe on 4,000 rows can be looked at as if only 200 of them had
# been there.

# %%
data = pl.load_dataset("rotten_tomatoes", train_size=1500, eval_size=4000, seed=0)
recipe = pl.Recipe(method="head", max_length=24, learning_rate=5e-3, schedule="constant", steps=LAST)
task = pl.Task("minilm-l6", data, recipe, label_noise=0.5, name="flips")
store = pl.RunStore("steps_or_rows.db")
runs = pl.probe(task, pl.ProbePlan(DEPTHS, seeds=16), store=store, progress=False)


def outcomes_on(rows, seeds=16):
    """Outcomes of the first `seeds` runs on the first `rows` rows, a line each."""
    parts = []
    for depth in DEPTHS:
        wide = store.outcomes("flips", "accuracy", depth).iloc[:seeds, :rows]
        parts.append(wide.astype(float).melt(ignore_index=False, var_name="row").reset_index().assign(depth=depth))
    return pd.concat(parts).rename(columns={"index": "run"}).assign(task="flips", metric="accuracy")


few, many = (pl.risk_curve(pl.read_outcomes(outcomes_on(rows))) for rows in (200, 4000))
spreads = pd.concat([c.frame()[["depth", "sd"]].assign(rows=n) for c, n in ((few, "200 rows"), (many, "4,000 rows"))])
alt.Chart(spreads).mark_line(point=True).encode(
    x=alt.X("depth:Q", scale=alt.Scale(type="log"), title="steps"),
    y=alt.Y("sd:Q", title="standard deviation over seeds", scale=alt.Scale(domain=[0, spreads["sd"].max()])),
    color=alt.Color("rows:N", title=None),
).properties(width=420, height=200)

# %% [markdown]
# The same runs, and one picture says that seeds differ by far more than the other. Neither is wrong: the question is what a
# spread on 200 rows is *of*.
#
# ## 2. Runs and rows apart
# Run `s` gets row `j` right with its own luck: `sigma_int²` is which run gets which row right, and every run's mean carries
# `sigma_int² / n` of it. `run` is what is left: how far runs differ on the population of rows.

# %%
shown = ["depth", "run", "run_lower", "run_upper", "rows_share"]
parts = pd.concat({"200 rows": few.components()[shown], "4,000 rows": many.components()[shown]}, names=["set", None])
parts.droplevel(1).round(6)

# %% [markdown]
# `rows_share` is the part of the spread that the set makes. The estimates of `run` are signed: below 0 where runs differ less
# than the rows alone would make them, which by chance happens in half of all samples of runs that do not differ.
#
# **A check that needs no formula.** Halve the rows: what runs have in common on both halves is `run`, and luck is not.

# %%
many.components()[["depth", "run", "half_split"]].round(6)

# %% [markdown]
# ## 3. Four seeds are enough for the rows' part
# How far *runs* differ has as many degrees of freedom as there are runs, less one. How far *rows* make them differ has nearly
# as many as there are rows:

# %%
four = pl.risk_curve(pl.read_outcomes(outcomes_on(200, seeds=4)))
last = {"4 seeds": four.parts[-1], "16 seeds": few.parts[-1]}
known = {}
for name, p in last.items():
    low, high = p.interval("interaction")
    known[name] = np.sqrt([p.rows_part, low / p.rows, high / p.rows, *p.interval("run")])
pd.DataFrame(known, index=["rows' part (sd)", "from", "to", "runs' part from", "to "]).T.round(4)

# %% [markdown]
# ## 4. A fit of another set
# The fit takes the rows' part as an offset that is known, and answers for the set itself, for another size, or for the
# population:

# %%
answers = {}
for name, rows in {"this set of 200": None, "4,000 such rows": 4000, "the population": np.inf}.items():
    fit = pl.DecayModel(few, rows=rows).fit()
    low, middle, high = np.sqrt(np.quantile(fit.risk_draws([LAST])[:, 0], [0.025, 0.5, 0.975]))
    call = pl.classify({"flips": fit}, tolerance=TOLERANCE, budget=64, confidence=0.9).iloc[0]
    answers[name] = [low, middle, high, call["p_noise_dominant"], call["p_noise_by_runs"], call["regime"]]
columns = ["sd at 256 steps, lower", "median", "upper", "P(noise)", "of it by runs", "regime"]
pd.DataFrame.from_dict(answers, orient="index", columns=columns).round(4)

# %% [markdown]
# What was measured on all 4,000 rows, for comparison:

# %%
print(f"{np.sqrt(many.risk[-1]):.4f} on 4,000 rows, {np.sqrt(few.risk[-1]):.4f} on 200")

# %% [markdown]
# ## 5. What would more rows buy?

# %%
fit = pl.DecayModel(few).fit()
print(pl.rows_for_tolerance(fit, TOLERANCE, depth=LAST))
print(pl.optimal_design(fit, exchange_rate=1e-7, cost_per_step=1.0, cost_per_row=0.02))

# %% [markdown]
# And the three questions that one number of one run leaves open (standard deviations, in accuracy):

# %%
few.reliability().round(4)

# %% [markdown]
# ## 6. Your own outcomes
# Any table with a line an outcome will do: which run, which depth, which row, right or wrong (or a loss). Put your own file
# in the place of this one.

# %%
outcomes_on(200, seeds=6).rename(columns={"depth": "step", "value": "right", "row": "question"}).to_csv(
    "outcomes.csv", index=False
)
own = pl.risk_curve(pl.read_outcomes("outcomes.csv", depth="step", row="question", value="right"))
own.components()[["depth", "run", "run_lower", "run_upper", "rows", "rows_share"]].round(6)

# %% [markdown]
# ## Try
# 1. Take the first 1,000 rows. Where does the spread lie, and where does `run`?
# 2. A colleague has three seeds and 500 rows and says that seeds differ by ±2 points. What do you ask for?
#
# Answers below; try first.

# %% [markdown]
# ## Answers
# **1.** The spread lies between the two curves above; `run` where it was, with an interval between theirs.

# %%
thousand = pl.risk_curve(pl.read_outcomes(outcomes_on(1000)))
thousand.components()[shown].round(6).tail(3)

# %% [markdown]
# **2.** The outcomes of the rows: three seeds and 500 rows know the rows' part to a few per cent, and it may be all of the
# ±2 points. Without the outcomes, the number of rows and the accuracy: a prior of the churn then says about how much it is.

# %%
store.close()
