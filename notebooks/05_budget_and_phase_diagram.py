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
# # 5 · Budget and phase diagram: a case to decide
#
# **Aims.** After this lesson you can
# - put a price on depth, and say how deep to probe one task and whether it pays at all;
# - place tasks on the phase diagram, and say what a larger budget or another tolerance does to them;
# - share one budget among several tasks, and say what its next unit is worth;
# - decide, also where the runs cannot tell.
#
# **The case.** You keep four text classifiers. Your customers train each of them again, with seeds that you do not know, and
# you have to promise how accurate the result will be: *within two points*, in 95 of 100 trainings. Which promises can you
# make, which need longer training, and which should nobody make?
#
# The classifiers are small and real: a new head on a frozen model, 24 seeds each. About a minute.

# %%
import pandas as pd

import predictlab as pl
from predictlab_widgets import BudgetAllocator, DecayExplorer, PhaseDiagram, RiskDecomposition

pl.charts.enable()
pd.set_option("display.max_colwidth", None)

MARGIN = 0.02  # two points of accuracy
TOLERANCE = (MARGIN / 1.96) ** 2  # the same as a variance
BUDGET = 64  # steps that a customer trains today

# %% [markdown]
# ## 1. Four tasks and their decay
# News stories, newsgroups, film reviews, and film reviews of which half carry a wrong label (nobody told you).

# %%
news, groups, reviews = (
    pl.load_dataset(name, train_size=1000, eval_size=400, seed=0)
    for name in ("reuters_r8", "newsgroups20", "rotten_tomatoes")
)
head = pl.Recipe(method="head", max_length=24, learning_rate=2e-2, steps=128)
tasks = [
    pl.Task("minilm-l6", news, head, name="news"),
    pl.Task("minilm-l6", groups, head, name="newsgroups"),
    pl.Task("minilm-l6", reviews, head, name="reviews"),
    pl.Task("minilm-l6", reviews, head.replace(schedule="constant"), label_noise=0.5, name="old reviews"),
]
runs = pl.probe(tasks, pl.ProbePlan((4, 8, 16, 32, 64, 96, 128), seeds=24), progress=False)
fits = {task.name: pl.DecayModel(pl.risk_curve(runs, task.name, metric="accuracy")).fit() for task in tasks}
rows = {name: [*fit.conf_int().loc["decay_rate"], fit.identified] for name, fit in fits.items()}
pd.DataFrame(rows, index=["alpha, lower", "alpha, upper", "identified"]).T

# %% [markdown]
# Before a point on a diagram is believed, look at the fit behind it. Choose a task, another method, another burn-in; the
# table says what changed. (With the keyboard: Tab to a control, then the arrow keys.)

# %%
explorer = DecayExplorer(fits)
explorer

# %% [markdown]
# Every control is a trait that code can set. Do other intervals say something else about the newsgroups? (Lesson 4 says
# which to trust.)

# %%
explorer.task = "newsgroups"
seen = {}
for interval in ("posterior", "profile", "wald"):
    explorer.interval = interval
    seen[interval] = explorer.param_intervals["decay_rate"]
assert explorer.fit is fits["newsgroups"]
pd.DataFrame(seen, index=["lower", "upper"]).T.round(2)

# %% [markdown]
# ## 2. One task: what is depth worth?
# A step costs something, and a smaller risk is worth something. `gamma`, the exchange rate, is the risk that one step is
# worth to you. Move it, and watch the valley: its bottom is `c*`.

# %%
price = RiskDecomposition(fits["newsgroups"], tolerance=TOLERANCE)
price

# %%
rows = []
for gamma in (1e-7, 1e-6, 1e-5):
    price.exchange_rate = gamma
    best = pl.optimal_depth(fits["newsgroups"], exchange_rate=gamma)
    rows.append((gamma, price.optimal_depth, *best.conf_int().loc["depth"], best.probability_pays))
    assert not best.probing_pays or abs(best.depth / price.optimal_depth - 1) < 1e-9
pd.DataFrame(rows, columns=["gamma", "c*", "c*, lower", "c*, upper", "P(pays)"]).map("{:.3g}".format)

# %% [markdown]
# Ten times the price does not divide the depth by ten, but by ten to the power `1/(alpha + 1)`. And look at the intervals
# before you call a depth optimal.
#
# The slope at the bottom is the whole theorem: one step more saves just what it costs.

# %%
price.exchange_rate = 1e-6
c = price.optimal_depth
saved = price.risk_at(c) - price.risk_at(c + 1)
print(f"at c* = {c:.0f}: one step more saves {saved:.3g} and costs {price.exchange_rate * price.cost_per_step:.3g}")

# %% [markdown]
# ## 3. All tasks on the phase diagram
# Two views of one classification. On the left the boundaries stand still, and tasks sink as the budget grows. On the right
# the tasks stand still, and the boundary sinks. Rings are probabilities; a hollow diamond is *Undetermined*.

# %%
diagram = PhaseDiagram(fits, budget=BUDGET, tolerance=TOLERANCE, confidence=0.9, selected="newsgroups")
diagram

# %% [markdown]
# What does `newsgroups` need? `crossing_budget` is the budget at which its point meets the border, with an interval:

# %%
SHOWN = ["task", "regime", "p_static_sufficient", "p_dynamic_critical", "p_noise_dominant"]
CROSSING = ["crossing_budget", "crossing_lower", "crossing_upper"]
table = pl.classify(fits, tolerance=TOLERANCE, budget=BUDGET, confidence=0.9)
table[SHOWN + CROSSING].round(2)

# %% [markdown]
# Now move the budget, by hand above or by code here. The regimes of the widget are those of the library:

# %%
moved = {}
for budget in (8, 16, 32, 64, 128, 256, 512):
    diagram.budget = budget
    moved[budget] = diagram.regimes
    called = pl.classify(fits, tolerance=TOLERANCE, budget=budget, confidence=0.9, extrapolate=True)
    assert diagram.regimes == dict(zip(called["task"], called["regime"], strict=True))
pd.DataFrame(moved).rename_axis("task").rename_axis("budget", axis=1)

# %%
diagram.chart()  # the static picture of where the widget stands now

# %% [markdown]
# Two things to see. A budget moves tasks **down** only: nobody crosses the wall on the right by training longer, for the
# floor does not depend on the budget. And calls far beyond the deepest depth that was measured (here 128 steps) rest on
# the law alone.
#
# ## 4. How much hangs on the tolerance?
# You chose two points. A regime that holds at one and at four points is safe; one that flips in between is a statement about
# your tolerance as much as about the task.

# %%
diagram.budget = BUDGET
by_margin = {}
for margin in (0.01, 0.015, 0.02, 0.03, 0.04):
    diagram.tolerance = (margin / 1.96) ** 2
    by_margin[f"±{margin:.1%}"] = diagram.regimes
pd.DataFrame(by_margin).rename_axis("task").rename_axis("margin", axis=1)

# %% [markdown]
# ## 5. One budget for all
# Suppose that *you* pay: 400 steps in all, for four tasks. Where do they save most risk? Drag the budget; the slope of the
# frontier is what its next unit is worth. Lock a task at its depth, or give one that matters more a larger weight.

# %%
plan = BudgetAllocator(fits, total_budget=400)
plan

# %%
even = pd.Series({name: 400 / len(fits) for name in fits})
even_risk = {name: float(pl.decay.law(even[name], *fit.params)) for name, fit in fits.items()}
shared = plan.table().set_index("task")
compared = pd.DataFrame({"even": even, "shared": shared["depth"]})
compared["risk, even"], compared["risk, shared"] = pd.Series(even_risk), shared["risk"]
compared.loc["sum"] = compared.sum()
assert compared.loc["sum", "risk, shared"] <= compared.loc["sum", "risk, even"]
compared.map("{:.3g}".format)

# %% [markdown]
# Not where the risk is largest does a step save most, but where it *falls* fastest: by the median of what is believed of each
# law. Of the old reviews hardly anything is known of how they fall, as the intervals of their depth say. What is the next step
# worth, and until where does it go on paying?

# %%
worth = {}
for budget in (100, 200, 400, 800, 1600):
    plan.total_budget = budget
    worth[budget] = (plan.risk, plan.multiplier)
    assert abs(pl.frontier(fits, [budget])["multiplier"].iloc[0] / plan.multiplier - 1) < 1e-6
worth = pd.DataFrame(worth, index=["risk, all tasks", "worth of the next step"]).T.rename_axis("budget")
worth.map("{:.2e}".format)

# %% [markdown]
# The multiplier is the exchange rate at which each task by itself would choose these same depths: the budget and the price
# are two ways to say one thing. The plan can be copied from the widget; as an object it goes straight into `pl.probe`:

# %%
plan.total_budget = 400
plan.plans["newsgroups"]

# %% [markdown]
# ## Decide
# Write down, before you go on, one line for each classifier:
# (a) promise ±2 points at 64 steps; (b) train longer, to how many steps; (c) do not promise, and what instead; (d) measure
# more first, and what.
#
# ## Try
# 1. `reviews`: the customers would accept ±3 points. Does your line change?
# 2. A colleague wants to spend four times the budget on `old reviews`. What do you answer, from the budget plane alone?
# 3. `news` is used by ten times as many people. Give it a weight of 10 in the allocator. Who pays?
# 4. Lock `newsgroups` at half of its share. What is the next unit of budget worth now, and why?
#
# Answers below; try first.

# %% [markdown]
# ## Answers
# **The case.** In one call, as the tour and the report do it, with what to do for each task:

# %%
decided = pl.analyse(runs, tolerance=TOLERANCE, budget=BUDGET, exchange_rate=1e-6, metric="accuracy", confidence=0.9)
decided

# %% [markdown]
# An open call is an answer too: it says (d), and what would settle it. On 400 evaluation rows a good part of what the old
# reviews differ by is rows and not runs: where half of the labels are wrong a run is right on each row by the flip of a coin, and
# flips on so few rows differ, however they are trained. With `store=` the outcomes of the rows are kept, and the advice says how
# much of it is rows (lesson 8).
#
# **1.** A margin of three points is a variance more than twice as large. Read off whether that is enough:

# %%
three = {"±2": TOLERANCE, "±3": (0.03 / 1.96) ** 2}
both = {
    k: pl.classify(fits, tolerance=tau, budget=BUDGET, confidence=0.9).set_index("task") for k, tau in three.items()
}
pd.concat({k: t.loc[["reviews"], SHOWN[1:]] for k, t in both.items()}).round(3)

# %% [markdown]
# **2.** A larger budget moves a point straight down, never to the left. Whatever share of the probability lies beyond the wall
# stays there:

# %%
walls = {}
for budget in (BUDGET, 4 * BUDGET):
    moved_to = pl.classify(fits, tolerance=TOLERANCE, budget=budget, confidence=0.9).set_index("task")
    walls[budget] = moved_to["p_noise_dominant"]
assert (walls[BUDGET] == walls[4 * BUDGET]).all()
pd.DataFrame(walls).rename_axis("budget", axis=1).round(3)

# %% [markdown]
# **3.** and **4.** The other tasks pay, each with some of its steps. With the newsgroups locked below their share, the others
# get what they leave over, and find less to save with it: the next unit is worth less, though the newsgroups, which may not
# have it, would save more.

# %%
rows = {"as it was": (plan.multiplier, *plan.depths.values())}
plan.weights = {"news": 10}
rows["news ten times"] = (plan.multiplier, *plan.depths.values())
plan.weights = {}
plan.lock("newsgroups", plan.depths["newsgroups"] / 2)
rows["newsgroups locked"] = (plan.multiplier, *plan.depths.values())
assert rows["news ten times"][1] > rows["as it was"][1]
assert rows["newsgroups locked"][0] < rows["as it was"][0]
pd.DataFrame(rows, index=["worth of the next step", *plan.depths]).T.map("{:.3g}".format)
