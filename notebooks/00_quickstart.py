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
# # Quickstart: how far will seeds differ, and how long should I probe?
#
# You will fine-tune a small pre-trained model on three tasks with many seeds, watch how the spread between seeds decays
# with training, fit the decay law with its intervals, and sort the tasks on the predictability phase diagram.
#
# It takes about two minutes on two cores. The model and the texts come from pip packages, once; after that it needs no
# network.

# %%
import altair as alt

import predictlab as pl

MODEL = "minilm-l6"
BUDGET = 64  # steps of probing that we are willing to pay for
TOLERANCE = (0.03 / 1.96) ** 2  # seeds should agree within ±3 points of accuracy (95 %); a variance

# %% [markdown]
# ## 1. Tasks
# A task is a model, data, and a recipe with its randomness. The third one has half of its labels flipped at random: there
# is nothing to learn, and we know it.

# %%
news = pl.load_dataset("reuters_r8", eval_size=400, train_size=1500, seed=0)
groups = pl.load_dataset("newsgroups20", eval_size=400, train_size=1500, seed=0)
reviews = pl.load_dataset("rotten_tomatoes", eval_size=200, train_size=1500, seed=0)

lora = pl.Recipe(layers="last:1", max_length=24, learning_rate=2e-3, steps=96)
head = pl.Recipe(method="head", max_length=24, learning_rate=2e-2, steps=96)

tasks = [
    pl.Task(MODEL, news, head, name="news, head only"),
    pl.Task(MODEL, groups, lora, name="newsgroups, LoRA"),
    pl.Task(MODEL, reviews, head.replace(schedule="constant"), label_noise=0.5, name="reviews, flipped"),
]
news

# %% [markdown]
# ## 2. Static scores
# What the frozen model's features say before any training.

# %%
pl.score(tasks[0], max_rows=500)

# %% [markdown]
# ## 3. Probes
# Twelve seeds of each task, measured on the way. Everything goes into a store: run this cell again and it
# returns at once.

# %%
depths = (4, 8, 16, 32, 64, 96)
runs = pl.probe(tasks, pl.ProbePlan(depths, seeds=12), store="quickstart.db")
runs[(runs["metric"] == "accuracy") & (runs["depth"] == 96)].groupby("task")["value"].describe().round(3)

# %% [markdown]
# ## 4. Risk curves and decay fits
# The variance over seeds at each depth is the paper's proxy of the risk. The law $L_{int} + K c^{-\alpha}$ is fitted with
# the rise that may come before it as part of the model, a posterior with 95 % intervals (lesson 4).

# %%
fits = {task.name: pl.DecayModel(pl.risk_curve(runs, task=task.name)).fit() for task in tasks}
print(fits["newsgroups, LoRA"].summary())
alt.vconcat(
    *[pl.charts.decay_chart(fit, tolerance=TOLERANCE, budget=BUDGET, width=420, height=150) for fit in fits.values()]
)

# %% [markdown]
# ## 5. Regimes
# Each call has a probability; below 90 % it is Undetermined, and `pl.advise` says what would settle it.

# %%
phase = pl.classify(fits, tolerance=TOLERANCE, budget=BUDGET, confidence=0.9)
advice = pl.advise(fits, tolerance=TOLERANCE, budget=BUDGET, confidence=0.9).set_index("task")["advice"]
print(*(f"{task}: {text}" for task, text in advice.items()), sep="\n")
phase[["task", "regime", "p_static_sufficient", "p_dynamic_critical", "p_noise_dominant", "crossing_budget"]]

# %% [markdown]
# Twelve seeds are few: an answer is given where they suffice, and where they do not it is said what would. Move the budget:
# tasks sink in the budget plane, the boundary sinks in the theory plane. Try to find the budget at which the news cross into
# Static-Sufficient, and compare it with `crossing_budget` above.

# %%
from predictlab_widgets import PhaseDiagram

PhaseDiagram(fits, budget=BUDGET, tolerance=TOLERANCE, confidence=0.9)
