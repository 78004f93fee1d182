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
# - record a Hugging Face Trainer while it trains, and stop it where more depth does not pay.
#
# So that there is something to bring, an ordinary Trainer trains a new head on a small pre-trained model, twelve times.
# About a minute. The reference is `docs/your_own_runs.md`.

# %%
import math
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
# ## 5. Record the next runs
# `ProbeRecorder` is a callback of the Trainer: each evaluation goes into a store as it is made, with the seconds that the steps
# took and, where the Trainer counts them, the operations. First, what depth is worth, from the twelve runs above, at a price of
# `gamma` a step.

# %%
GAMMA = 2e-6  # fifty steps are worth the risk of one point of accuracy (0.01²)
best = pl.optimal_depth(fit, exchange_rate=GAMMA, bounds=(8, 96))
best

# %% [markdown]
# The recorder takes it as it is. The run goes on to `c*`, is evaluated there, and stops. It stays the *beginning* of the full
# run: its learning rate falls as if it went on to step 96.

# %%
assert best.probing_pays
recorder = ProbeRecorder(home / "runs.db", "news", stop_at=best)
stopped = fine_tune(0, recorder, out="stopped")
print(f"c* = {best.depth:.1f}; stopped at step {recorder.stopped_at} of {stopped.args.max_steps}")
assert recorder.stopped_at == min(math.ceil(best.depth), 96)

# %%
with pl.RunStore(home / "runs.db") as store:
    recorded = store.frame("news")
columns = ["run", "depth", "metric", "value", "seconds"]
accuracy = recorded[recorded["metric"] == "eval_accuracy"]
accuracy[columns].round({"value": 3, "seconds": 2})

# %% [markdown]
# Seed 0 was trained to its end before. Is the stopped run its beginning?

# %%
full = runs[runs["seed"] == 0].set_index("depth")["value"]
both = pd.DataFrame({"full run": full, "stopped at c*": accuracy.set_index("depth")["value"]})
assert (both.dropna().diff(axis=1).iloc[:, 1].abs() < 0.02).all()
both.round(3)

# %% [markdown]
# Where no fit is at hand yet, give a function: it sees the frame of the task after each evaluation, and says how deep to go,
# or None. While there are too few runs for a fit, the run goes on. Nine runs of a new task, none of which is told when to
# stop:

# %%
def deep_enough(frame):
    """c* from the complete runs of the task, once there are six of them."""
    curve = pl.risk_curve(frame, metric="eval_accuracy")
    if curve.n_runs < 6:
        return None
    return pl.optimal_depth(pl.DecayModel(curve).fit(), exchange_rate=GAMMA, bounds=(8, 96))


stops = {}
for seed in range(9):
    watched = ProbeRecorder(home / "runs.db", "watched news", stop_at=deep_enough)
    trained = fine_tune(seed, watched, out="watched")
    stops[seed] = trained.state.global_step
assert all(stops[seed] == 96 for seed in range(6))  # too few to tell
assert all(stops[seed] <= 96 for seed in range(6, 9))
pd.Series(stops, name="steps taken").rename_axis("seed").to_frame().T

# %% [markdown]
# The first runs go to their end, for some have to: a curve is made of the runs that reached the last depth. The later ones
# stop where those say.

# %% [markdown]
# ## Try
# 1. Read the folder with `metric="eval_loss"`. Is alpha better known from the loss?
# 2. Rename the folder `seed-3` to `best`, and read the folder again. What is asked, and what are two good answers?
# 3. What does the recorder do when you pass the same seed with another learning rate?
# 4. A step costs ten times as much. Where does the next run stop?
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
# **4.** Earlier, or it is not worth starting: where no step is worth its price, `c*` is 0, and the recorder says so instead of
# training.

# %%
dear = pl.optimal_depth(fit, exchange_rate=10 * GAMMA, bounds=(8, 96))
print(dear.verdict())
assert dear.depth < best.depth
