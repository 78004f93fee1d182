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
# # Quickstart: how far apart are seeds, and after how many steps do they agree?
#
# You will fine-tune a small pre-trained model on three tasks with many seeds, watch how the spread between seeds decays
# with training, fit the decay law with its intervals, and sort the tasks on the predictability phase diagram.
#
# It takes about two minutes on two cores. The model and the texts come from pip packages, once; after that it needs no
# network. Words that are new (depth, risk, tolerance, metric², floor, posterior) stand in the [glossary](README.md#words).

# %%
import altair as alt

import predictlab as pl

MODEL = "minilm-l6"
BUDGET, END = 64, 96  # steps after which seeds should agree, and those of the whole recipe
TOLERANCE = (0.03 / 1.96) ** 2  # agree: each seed within ±3 points of accuracy of their mean (95 %); a variance

# %% [markdown]
# ## 1. Tasks
# A task is a model, data, and a recipe with its randomness. The third one has half of its labels flipped at random, and only 200
# evaluation rows: there is nothing to learn, and we know it.

# %%
news = pl.load_dataset("reuters_r8", eval_size=400, train_size=1500, seed=0)
groups = pl.load_dataset("newsgroups20", eval_size=400, train_size=1500, seed=0)
reviews = pl.load_dataset("rotten_tomatoes", eval_size=200, train_size=1500, seed=0)

head = pl.Recipe(method="head", max_length=24, learning_rate=2e-2, steps=END)

tasks = [
    pl.Task(MODEL, news, head, name="news"),
    pl.Task(MODEL, groups, head, name="newsgroups"),
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
# Twenty seeds of each task, measured on the way; only a new head is trained, which is quick. Everything goes into a store: run this cell again and it
# returns at once.

# %%
depths = (4, 8, 16, 32, 64, END)
runs = pl.probe(tasks, pl.ProbePlan(depths, seeds=20), store="quickstart.db")
runs[(runs["metric"] == "accuracy") & (runs["depth"] == END)].groupby("task")["value"].describe().round(3)

# %% [markdown]
# ## 4. Risk curves and decay fits
# The variance over seeds at each depth is the paper's proxy of the risk. It answers one question, `agreement`: how far from their
# mean are seeds after so many steps? (Where a run will *end* is asked in lesson 3.) The law $L_{int} + K c^{-\alpha}$ is fitted with
# the rise that may come before it as part of the model, a posterior with 95 % intervals (lesson 4).

# %%
fits = {task.name: pl.DecayModel(pl.risk_curve("quickstart.db", task.name)).fit() for task in tasks}
print(fits["newsgroups"].summary())
alt.vconcat(
    *[pl.charts.decay_chart(fit, tolerance=TOLERANCE, budget=BUDGET, width=420, height=150) for fit in fits.values()]
)

# %% [markdown]
# ## 5. Regimes
# Each call has a probability, that of a posterior whose priors stand in the summary above; below 90 %, or where another prior would
# not make the call, it is Undetermined, and `pl.advise` says what would settle it.

# %%
phase = pl.classify(fits, tolerance=TOLERANCE, budget=BUDGET, confidence=0.9)
advice = pl.advise(fits, tolerance=TOLERANCE, budget=BUDGET, confidence=0.9).set_index("task")["advice"]
print(*(f"{task}: {text}" for task, text in advice.items()), sep="\n")
phase["agree from step"] = phase["crossing_budget"].map(lambda c: f"{c:.0f}" if c <= END else f"not within {END}")
shown = ["task", "regime", "p_static_sufficient", "p_dynamic_critical", "p_noise_dominant", "agree from step"]
phase[shown].round(2)

# %% [markdown]
# Twenty seeds are not many: an answer is given where they suffice, and where they do not it is said what would. What the flipped
# reviews differ by may be nothing but their 200 rows (the advice says how much of it is): lesson 8.
#
# Move the budget: tasks sink in the budget plane, the boundary sinks in the theory plane. Before you do: at which budget will the
# point of the news cross into Static-Sufficient? (`agree from step`, above, is where.) And which task will never cross?

# %%
from predictlab_widgets import PhaseDiagram

PhaseDiagram(fits, budget=BUDGET, tolerance=TOLERANCE, confidence=0.9)
