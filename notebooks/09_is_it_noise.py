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
# # 9 · Is this gain noise?
#
# **Aims.** After this lesson you can
# - say by how much two finished runs of one recipe differ anyhow, and how much of that is the evaluation set;
# - tell two questions apart: do *these two runs* differ, and is *one recipe* better than the other;
# - say how often the usual tests call a difference between two equal recipes, and why;
# - ask it of your own evaluation files, in one call;
# - say how many runs and rows a gain of one point takes.
#
# No training here: 100 published fine-tunes, and small worlds with a known truth, named as such. About a minute.

# %%
import json
import tempfile
import warnings
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
from scipy.stats import norm, ttest_ind

import predictlab as pl
from predictlab_widgets import NoiseExplorer

pl.charts.enable()
warnings.filterwarnings("ignore", "Precision loss")  # of t tests of two runs that are all but equal
runs = pd.read_csv("data/mnli_100_berts_runs.csv")  # 100 fine-tunes of BERT on MNLI that differ in the seed alone
by_right = pd.read_csv("data/mnli_100_berts_rows.csv")  # so many rows are answered by so many of the 100 runs
N = int(by_right["rows"].sum())

# %% [markdown]
# ## 1. Two runs
# Two of these fine-tunes. Is the recipe of the second better than that of the first? (It is the same one.)

# %%
two = runs.loc[[0, 3], "mnli_accuracy"]
a, b = ([float(v)] for v in two)
pl.compare(b, a, metric="accuracy", eval_rows=N)

# %% [markdown]
# One run each tells nothing of how runs differ, so the second answer rests on a prior, and says so. Five runs tell more:

# %%
five = pl.noise(runs["mnli_accuracy"].head(5), metric="accuracy", eval_rows=N)
five

# %% [markdown]
# ## 2. All hundred, runs and rows apart
# For right and wrong both margins of the table are enough: each run's share of right rows, and how many runs have each row
# right ([docs/theory.md](../docs/theory.md), section 8).

# %%
rows = pd.DataFrame({"row": range(N), "right": np.repeat(by_right["right"], by_right["rows"]).to_numpy()})
finals = runs[["seed", "mnli_accuracy"]].rename(columns={"mnli_accuracy": "accuracy"})
hundred = pl.noise(pl.read_outcomes(finals, value="accuracy", rows=rows))
hundred

# %%
hundred.plot()

# %% [markdown]
# More than half of the variance between these runs is the development set: another 9,815 rows would rank them otherwise.
#
# ## 3. What the usual tests say of equal recipes
# Groups of seeds of this one recipe against each other, again and again. Every call is a false alarm; a test at 5 % may make
# one in twenty. The row-paired test (McNemar, paired bootstrap) knows rows and nothing of runs.

# %%
rng = np.random.default_rng(0)
each = hundred.interaction()


def alarms(column, count, draws=300):
    """Share of pairs of groups of `count` seeds that each test tells apart at 5 %."""
    values, called = runs[column].to_numpy(), {"row-paired": 0.0, "t test": 0.0, "predictlab": 0.0}
    for _ in range(draws):
        x, y = np.split(rng.choice(values, 2 * count, replace=False), 2)
        if column == "mnli_accuracy":  # of HANS's rows no margins are published
            called["row-paired"] += abs(x.mean() - y.mean()) > norm.isf(0.025) * np.sqrt(2 * each / N / count)
        called["t test"] += count > 1 and ttest_ind(x, y).pvalue < 0.05
        called["predictlab"] += pl.compare(x, y, metric="accuracy", eval_rows=N).p_value["recipes"] < 0.05
    return {name: n / draws for name, n in called.items()}


table = pd.DataFrame(
    [{"set": column[:4], "seeds": k} | alarms(column, k) for column in runs.columns[1:] for k in (1, 2, 4, 8)]
)
table.loc[table["set"] == "hans", "row-paired"] = np.nan
table.loc[table["seeds"] == 1, "t test"] = np.nan
table.round(3)

# %%
shown = table.melt(["set", "seeds"], var_name="test", value_name="false alarms").dropna()
bars = alt.Chart(shown).mark_bar().encode(
    x=alt.X("test:N", title=None), y=alt.Y("false alarms:Q", axis=alt.Axis(format="%")),
    color=alt.Color("test:N", legend=None),
)  # fmt: skip
line = alt.Chart(shown).mark_rule(strokeDash=[4, 3]).encode(y=alt.datum(0.05))
(bars + line).properties(width=90, height=130).facet(column="seeds:O", row="set:N")

# %% [markdown]
# Each share is known to about ±2.5 points (300 pairs). With one seed each the answer rests on the prior, and on MNLI it is
# very cautious: it calls nothing. [docs/comparing.md](../docs/comparing.md) has the same with more pairs.
#
# ## 4. Two samples files
# Put your own in the place of these: files of lm-evaluation-harness, Inspect AI, HELM, OLMES, lighteval or SWE-bench, or
# folders of them. Here **a simulated world** writes files in the harness's layout: recipe B is one point better than A.

# %%
folder, world = Path(tempfile.mkdtemp()), np.random.default_rng(1)
difficulty = world.normal(1.6, 1.6, 3000)


def write_samples(recipe, seed, shift):
    """One run of the simulated recipe, as --log_samples leaves it."""
    p = 1 / (1 + np.exp(-(difficulty + shift + 0.05 * world.standard_normal())))
    place = folder / recipe / f"seed-{seed}"
    place.mkdir(parents=True)
    lines = [
        {"doc_id": i, "doc_hash": f"{i:016x}", "filter": "none", "metrics": ["acc"], "acc": v}
        for i, v in enumerate((world.random(len(p)) < p).astype(float))
    ]  # fmt: skip
    text = "\n".join(json.dumps(line) for line in lines) + "\n"
    (place / "samples_quiz_2026-11-27T10-00-00.000000.jsonl").write_text(text)


for seed in range(4):
    write_samples("A", seed, 0.0)
    write_samples("B", seed, 0.09)
one = [next((folder / recipe / "seed-0").iterdir()) for recipe in "BA"]
pl.compare(*one)

# %% [markdown]
# One file each: these two runs, and under a prior the recipes. With four seeds each the prior is gone:

# %%
found = pl.compare(folder / "B", folder / "A")
found

# %%
pl.noise(folder / "A")

# %% [markdown]
# ## 5. What would it take?
# Drag runs and rows: how often which difference is observed if the recipes are alike, and if they differ; below, the smallest
# difference that is seen in 8 of 10 cases. Rows help down to the runs' own spread, and no further.

# %%
explorer = NoiseExplorer(found)
explorer

# %%
pl.compare_design(pl.noise(folder / "A"), difference=0.01, cost_per_run=100, cost_per_row=0.01)

# %% [markdown]
# ## 6. Questions that people ask
# Each is from a public thread (lm-evaluation-harness, Inspect, lighteval, PEFT, Optuna, W&B and others), each answered by one
# call. What is shown is the answer's first lines; the numbers come from the worlds above or are made up.

# %%
answers = {}


def ask(question, result, lines=3):
    """The first lines of an answer."""
    answers[question] = " | ".join(str(result).splitlines()[1 : lines + 1])


sample = str(one[0])
ask("I changed the evaluation's seed, and the number stays: is the model stable?", pl.noise(sample))
stderr = pd.DataFrame({"acc": ["0.7450 ± 0.0080"]})
ask("What is acc_stderr, and how many rows is it of?", pl.noise(stderr, width="rows"))
ask("100 questions, accuracy jumps from .28 to .37: is that possible?",
    pl.compare([0.37], [0.28], metric="accuracy", eval_rows=100), 4)  # fmt: skip
again = pd.DataFrame({"run": "a", "row": np.repeat(range(200), 4), "epoch": np.tile(range(4), 200)})
again["value"] = (world.random(800) < np.repeat(world.beta(2, 1, 200), 4)).astype(int)
ask("Do more epochs shrink the error?", pl.noise(pl.read_outcomes(again)), 6)
passage = {f"{i:016x}": i // 5 for i in range(3000)}
ask("Five questions a passage: are the intervals too narrow?", pl.compare(*one, cluster=passage), 4)
ask("How many runs and rows for one point?", pl.compare_design(pl.noise(folder / "A"), difference=0.01), 2)
pd.Series(answers).rename("answer").to_frame().style.set_properties(**{"text-align": "left"})

# %%
answers.clear()
base = runs["mnli_accuracy"].iloc[:5].tolist()
methods = {
    "DoRA": runs["mnli_accuracy"].iloc[5:10].tolist(),
    "rsLoRA": (runs["mnli_accuracy"].iloc[10:15] + 0.01).tolist(),
}
ask("Are differences of methods above seeds?", pl.compare(methods, base, metric="accuracy", adjust="dunnett"), 5)
repeats = pd.DataFrame({"run": range(4), "seed": [0, 0, 1, 1], "accuracy": [0.812, 0.815, 0.821, 0.819]})
ask("One seed, trained twice, gives two results", pl.noise(repeats), 4)
trials = pd.DataFrame({"number": range(6), "state": "COMPLETE", "params_lr": [1e-4] * 3 + [1e-3] * 3,
                       "value": [0.81, 0.82, 0.815, 0.83, 0.826, 0.831]})  # fmt: skip
ask("Optuna: the same parameters, another value", pl.noise(trials), 3)
grouped = pd.DataFrame({"Name": [f"r{i}" for i in range(8)], "State": "finished", "Group": list("aaaabbbb"),
                        "acc": [0.80, 0.82, 0.81, 0.80, 0.84, 0.83, 0.85, 0.83]})  # fmt: skip
ask("W&B: spread and count over grouped seeds", pl.noise(grouped, metric="acc"), 2)
losses = [2.31, 2.29, 2.33, 2.30, float("nan"), 2.28, 2.32]
ask("How large is the noise floor of this loss (one run diverged)?", pl.noise(losses, metric="eval_loss"), 2)
ask("84.3 ± 0.2 against 83.9 ± 0.3 in a paper, five runs each",
    pl.compare(*(pd.DataFrame({"acc": [cell], "runs": [5]}) for cell in ("84.3% ± 0.2%", "83.9% ± 0.3%")), width="sd"),
    4)  # fmt: skip
pd.Series(answers).rename("answer").to_frame().style.set_properties(**{"text-align": "left"})

# %% [markdown]
# Questions of that list that other lessons answer: when to stop by a validation loss, and what a run will end at (lesson 3).
#
# ## Try
# 1. The first two runs of section 1 differ by how much, in rows? How many rows would make a row-paired test call it?
# 2. Take 3 of the 100 runs and give the interval of their spread. How often does it hold that of all 100?
# 3. Four seeds each, one point: does `pl.compare(..., paired_seeds=True)` help in the world of section 4?
#
# Answers below; try first.

# %% [markdown]
# ## Answers
# **1.** A row-paired test calls from 1.96 times its standard error; more rows would make it call any two runs, since any two
# runs differ. It never says that recipes do.

# %%
difference = float(two.iloc[1] - two.iloc[0])
{"rows": round(difference * N), "called from, rows": round(1.96 * np.sqrt(2 * each * N))}

# %% [markdown]
# **2.** About 95 times of 100; for the variance of Gaussian finals the interval is exact.

# %%
values, spread, held = runs["mnli_accuracy"].to_numpy(), runs["mnli_accuracy"].std(), 0
for _ in range(1000):
    ends = pl.noise(rng.choice(values, 3, replace=False), metric="accuracy").conf_int().iloc[0]
    held += ends["lower"] <= spread <= ends["upper"]
held / 1000

# %% [markdown]
# **3.** No: in that world seeds of the two recipes share nothing, and pairing costs half of the degrees of freedom.

# %%
pl.compare(folder / "B", folder / "A", paired_seeds=True).conf_int().assign(paired=True)
