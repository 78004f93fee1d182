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
# # 6 · Your own runs: bring what you have, record what comes
#
# **Aims.** After this lesson you can
# - read runs that were made elsewhere: a folder of Trainer runs, a CSV, a DataFrame;
# - come from a file of logs to an answer in a widget, and take the code with you;
# - answer when the importer asks, and say why it does not guess;
# - record a Hugging Face Trainer while it trains, say where a run that you stop would have ended, and stop it when that is known.
#
# So that there is something to bring, an ordinary Trainer trains a new head on a small pre-trained model, twelve times.
# About a minute. The reference is `docs/your_own_runs.md`.

# %%
import tempfile
from pathlib import Path

import pandas as pd
import torch
import transformers

import predictlab as pl
from predictlab.probing import ProbeRecorder
from predictlab_widgets import RunsExplorer

pl.charts.enable()
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
pd.set_option("display.max_colwidth", None)

folder = tempfile.TemporaryDirectory()  # for good: a folder of your own
home = Path(folder.name)

# %% [markdown]
# ## 1. A Trainer as you know it
# News stories, eight topics. Only the head is trained, so what the frozen encoder makes of each text is computed once: that is
# what makes it quick. A real fine-tune of yours differs in the model, not in what follows.

# %%
data = pl.load_dataset("reuters_r8", train_size=800, eval_size=400, seed=0)
source = pl.catalog.model_path("minilm-l3")
tokenizer = transformers.AutoTokenizer.from_pretrained(source)
encoder = transformers.AutoModel.from_pretrained(source).eval()


@torch.inference_mode()
def rows(part):
    """Mean-pooled features and label of each text, as a Trainer takes them."""
    tokens = tokenizer(part["text"].tolist(), truncation=True, max_length=24, padding=True, return_tensors="pt")
    mask = tokens["attention_mask"].unsqueeze(-1)
    pooled = (encoder(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1)
    return [{"features": f, "labels": int(y)} for f, y in zip(pooled.clone(), part["label"], strict=True)]


class Head(torch.nn.Module):
    """A linear classifier; its weights are drawn anew for each seed."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(encoder.config.hidden_size, len(data.classes))

    def forward(self, features, labels):
        logits = self.linear(features)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


train_rows, eval_rows = rows(data.train), rows(data.eval)


# %%
def fine_tune(seed, *callbacks, out="news", learning_rate=2e-2):
    """One run of 96 steps, evaluated at every eighth; the Trainer's state is saved as usual."""
    arguments = transformers.TrainingArguments(
        output_dir=str(home / out / f"seed-{seed}"), seed=seed, max_steps=96, per_device_train_batch_size=16,
        learning_rate=learning_rate, eval_strategy="steps", eval_steps=8, per_device_eval_batch_size=400,
        save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=True, logging_strategy="no",
    )  # fmt: skip
    trainer = transformers.Trainer(
        model_init=Head, args=arguments, train_dataset=train_rows, eval_dataset=eval_rows, callbacks=[*callbacks],
        compute_metrics=lambda p: {"accuracy": float((p.predictions.argmax(1) == p.label_ids).mean())},
    )  # fmt: skip
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    trainer.save_state()
    return trainer


for seed in range(12):
    fine_tune(seed)
sorted(path.relative_to(home).as_posix() for path in home.rglob("trainer_state.json"))[:3]

# %% [markdown]
# ## 2. Read the folder
# One call takes a file, a folder, a glob, or a list of these. Metrics keep the names that the Trainer gave them; the seed is
# the number behind `seed` in the folder's name.

# %%
runs = pl.read_runs(home / "news", metric="eval_accuracy", task="news")
assert sorted(runs["seed"].unique()) == list(range(12))
runs.head(3)

# %%
curve = pl.risk_curve(runs, metric="eval_accuracy", eval_rows=len(data.eval))
fit = pl.DecayModel(curve).fit()
fit.plot()

# %%
lower, upper = fit.conf_int().loc["decay_rate"]
print(f"alpha: {lower:.2g} to {upper:.2g}; identified: {fit.identified}")
print(*fit.cautions(), sep="\n")

# %% [markdown]
# Twelve seeds are few, and the interval says so. It is what a handful of old runs can give; the frame goes into everything
# that the other lessons did with probes.
#
# ## 3. A file, and an answer
# You keep results in a table. This one comes from a world with known truth, 24 runs; when you have gone through it once, put
# the path of a table or a log **of yours** in its place, or drop the file on the widget.

# %%
world = pl.worlds.MartingaleWorld(0.0001, 0.02, 1.0, mean=0.8)
kept = world.source(seed=1)((4, 8, 16, 32, 64, 128), range(24))
sheet = kept.rename(columns={"value": "acc", "depth": "step"})[["seed", "step", "acc"]].round(4)
sheet = sheet.assign(f1=(0.9 * sheet["acc"]).round(4), lr=3e-4)
path = home / "sheet.csv"  # a path of yours goes here
sheet.to_csv(path, index=False)

explorer = RunsExplorer(path)
explorer

# %% [markdown]
# It shows each column and what it was taken for: `seed` and `step` by what they are called. Two columns could be the metric, and
# that is asked. A guess would be right most of the time, and nobody would see it when it is not. Choose "a metric" beside `acc`,
# or press the button `metric` and type it; what you do there, a line of Python does too:

# %%
print(explorer.error)
explorer.arguments = {"metric": "acc"}
explorer.report

# %% [markdown]
# Read, and fitted. What is near enough is yours to say: a margin around the mean of the seeds, and a budget of steps.

# %%
explorer.margin, explorer.budget = 0.03, 64
explorer.table()[["task", "runs", "depths", "regime", "advice"]]

# %% [markdown]
# The widget keeps the lines that ran. Copy them into a cell of yours, and go on from there:

# %%
print(explorer.code.replace(str(home), "…"))

# %% [markdown]
# What of the truth does the fit know?

# %%
table_fit = explorer.fits["sheet"]
known = table_fit.conf_int()
known.insert(0, "truth", [world.intrinsic_limit, world.scale, world.decay_rate])
known.insert(1, "estimate", table_fit.params)
assert ((known["lower"] <= known["truth"]) & (known["truth"] <= known["upper"])).all()
known.round(5)

# %% [markdown]
# ## 4. A DataFrame, and two more questions
# Without a widget the question is an error that names the argument to pass. Names of runs that say nothing about seeds, as
# experiment trackers give them:


# %%
def ask(source, **arguments):
    """What `pl.read_runs` makes of a source, or what it asks."""
    try:
        return pl.read_runs(source, **arguments)
    except pl.errors.ArgumentError as question:
        print(question)


names, accuracies = ["brisk-pond-1", "calm-owl-7"], [0.5, 0.6, 0.7, 0.8]
tracked = pd.DataFrame({"run": names * 2, "step": [10, 10, 20, 20], "acc": accuracies})
assert ask(tracked) is None

# %% [markdown]
# If they *are* independent runs of one recipe, any labels do: `seed="enumerate"`. And if two tasks are in one table? All runs
# of a task count as seeds of each other, so what belongs together is asked, too:

# %%
names, accuracies = ["sst2", "sst2", "mnli", "mnli"], [0.9, 0.8, 0.7, 0.6]
mixed = pd.DataFrame({"seed": range(4), "data": names, "step": 9, "acc": accuracies})
assert ask(mixed) is None
told = ask(mixed, task="data")
assert set(told["task"]) == {"sst2", "mnli"}
told[["task", "run", "seed", "depth", "value"]]

# %% [markdown]
# What would have come of a guess? The spread of all four as "seeds" of one task, against what each task shows:

# %%
wrong, right = told["value"].std(), told.groupby("task")["value"].std()
assert wrong > right.max()
print(f"taken for one task: sd {wrong:.3f}; each by itself: {right.round(3).to_dict()}")

# %% [markdown]
# ## 5. Record the next runs, and know where they would have ended
# A run is training now, and you may stop it. That is about *this run* (`this_run`, lesson 3): where will it end, and how well is
# that known from its course so far? The spread of section 2 does not say it: it says how far seeds are from their mean after so
# many steps, and no `c*` of a spread is a reason to stop a run. The twelve finished runs do say it, each forecast by the other
# eleven:

# %%
this_run = pl.risk_curve(runs, metric="eval_accuracy", question="this_run")
this_run.frame()[["depth", "sd", "unresolved"]].iloc[::2].round(4)

# %% [markdown]
# `unresolved` is the share of the variance of the ends that the course up to a depth leaves open. Where it is about one or above,
# watching a run tells nothing of its own luck, and the mean of the others is as good a forecast; that one needs no step at all.
# Is any depth worth its steps, at a price of `gamma` a step of this one run?

# %%
GAMMA = 2e-7  # five hundred steps are worth the risk of one point of accuracy (0.01²)
ends = runs.loc[runs["depth"] == 96, "value"]
unseen = ends.var() * (1 + 1 / len(ends))  # the risk of naming the mean of the others
best = pl.optimal_depth(pl.DecayModel(this_run).fit(), exchange_rate=GAMMA, static_risk=unseen)
print(f"without watching: sd {unseen**0.5:.4f}")
best

# %% [markdown]
# So far the runs that are there. `ProbeRecorder` is a callback of the Trainer: each evaluation of a run goes into a store as it is
# made, with the seconds that the steps took and, where the Trainer counts them, the operations. With `stop_at` it stops the run
# there; the run stays the *beginning* of the full one: its learning rate falls as if it went on to step 96.

# %%
recorder = ProbeRecorder(home / "runs.db", "news", stop_at=48)
stopped = fine_tune(0, recorder, out="stopped")
assert recorder.stopped_at == 48
with pl.RunStore(home / "runs.db") as store:
    recorded = store.frame("news")
accuracy = recorded[recorded["metric"] == "eval_accuracy"]
accuracy[["run", "depth", "metric", "value", "seconds"]].round({"value": 3, "seconds": 2})

# %% [markdown]
# Seed 0 was trained to its end before. Is the stopped run its beginning? And **where would it have ended?** The value at the last
# step is no answer: the run was going on to learn. The forecast is, from its course and the ends of the eleven *others*. The default
# is a stack of predictors (`docs/forecasts.md`); of so few runs its weights are little known, and the regression alone is asked:

# %%
full = runs[runs["seed"] == 0].set_index("depth")["value"]
both = pd.DataFrame({"full run": full, "stopped": accuracy.set_index("depth")["value"]})
assert (both.dropna().diff(axis=1).iloc[:, 1].abs() < 0.02).all()
known = pd.concat([runs[runs["seed"] != 0], accuracy.assign(task="news")])
few = {"predictor": "regression", "end": 96}
forecast = pl.forecast(known, at_depth=48, metric="eval_accuracy", **few).frame().set_index("run")
said = forecast.loc[accuracy["run"].iloc[0]]
print(f"at step 48: {full[48]:.4f}; the full run ended at {full[96]:.4f}")
print(f"forecast of its end: {said['prediction']:.4f} [{said['lower']:.4f}, {said['upper']:.4f}]")
both.round(3)

# %% [markdown]
# Then the recorder can decide by itself. Give `stop_at` a function: after each evaluation it sees the frame of the task, and says
# how deep to go, or None. While it raises a DataError (too few runs that ended) the run goes on. Here a run is stopped as soon as
# its end is known within `MARGIN`, 95 %, from its own course and from those that ended before it:

# %%
MARGIN = 0.015


def known_enough(seed):
    """A rule for the run of this seed: its present depth, once its end is forecast within the margin."""

    def depth(frame):
        course = frame[frame["metric"] == "eval_accuracy"]
        now = float(course.loc[course["seed"] == seed, "depth"].max())
        if now >= 96:
            return None  # the end itself
        said = pl.forecast(course, at_depth=now, **few).frame().set_index("run").loc[f"watched news:{seed}"]
        return now if said["upper"] - said["lower"] <= 2 * MARGIN else None

    return depth


stops = {}
for seed in range(9):
    watched = ProbeRecorder(home / "runs.db", "watched news", stop_at=known_enough(seed))
    stops[seed] = fine_tune(seed, watched, out="watched").state.global_step
pd.Series(stops, name="steps taken").rename_axis("seed").to_frame().T

# %% [markdown]
# The first runs go to their end, for some have to: a forecast is made from runs that ended. The next ones stop at their first
# evaluation already: runs of this recipe end so much alike that the others tell the end within the margin, and the course adds
# nothing yet (`unresolved`, above). Who stops runs *because* they do badly
# learns from the others only; here each was stopped because its end was known, whatever it was.

# %% [markdown]
# ## Try
# 1. Read the folder with `metric="eval_loss"`. Is alpha better known from the loss?
# 2. Rename the folder `seed-3` to `best`, and read the folder again. What is asked, and what are two good answers?
# 3. What does the recorder do when you pass the same seed with another learning rate?
# 4. How well is the end of one of the twelve runs known at steps 8, 48 and 88? Where would it be stopped for a margin of one point?
#
# Answers below; try first.

# %% [markdown]
# ## Answers
# **1.** The loss moves in finer steps than accuracy, but it may still fall where accuracy has settled. See:

# %%
loss = pl.DecayModel(pl.risk_curve(pl.read_runs(home / "news", metric="eval_loss", task="news"))).fit()
rates = {"accuracy": fit, "loss": loss}
known = {name: [*f.conf_int().loc["decay_rate"], f.identified, f.burn_in.first] for name, f in rates.items()}
pd.DataFrame(known, index=["alpha, lower", "alpha, upper", "identified", "fitted from"]).T

# %% [markdown]
# **2.** A run without a seed. Answer with a mapping of runs to seeds, or give the folder its name back; `"enumerate"` would do
# as well here, for all are independent.

# %%
(home / "news" / "seed-3").rename(home / "news" / "best")
assert ask(home / "news", metric="eval_accuracy", task="news") is None
again = ask(home / "news", metric="eval_accuracy", task="news", seed="enumerate")
assert again["run"].nunique() == 12

# %% [markdown]
# **3.** The store refuses it: a task is one model, data and recipe, and its runs differ in nothing but their seeds.

# %%
try:
    fine_tune(1, ProbeRecorder(home / "runs.db", "news"), out="other", learning_rate=1e-2)
except pl.errors.StoreError as refusal:
    print(str(refusal).replace(str(home), "…"))
else:
    raise AssertionError("another recipe was taken for the same task")

# %% [markdown]
# **4.** Half of the width of the forecasts, and whether the ends lie in them. A margin below all of them stops no run: it goes to its
# end, where nothing is left to forecast; one point is reached somewhere between steps 48 and 88.

# %%
widths = {}
for depth in (8, 48, 88):
    forecasts = pl.forecast(runs, at_depth=depth, metric="eval_accuracy", **few)
    table, (inside, of) = forecasts.frame(), forecasts.coverage()
    widths[depth] = [f"±{(table['upper'] - table['lower']).mean() / 2:.4f}", f"{inside} of {of}"]
pd.DataFrame(widths, index=["half of the width", "ends inside"]).T.rename_axis("depth")
